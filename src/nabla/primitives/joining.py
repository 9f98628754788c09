"""Putting arrays together, and what is made of it: pieces along an axis, zeros around an array.

Parameters are static and clean. Notation: g is the cotangent of the result.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla.graph.node import Node
from nabla.primitives.base import Shape, zeros
from nabla.primitives.indexing import assemble, index, index_set
from nabla.primitives.kinds import Linear
from nabla.primitives.shape import batch_axes


def cut(x: Node, axis: int, start: int, stop: int) -> Node:
    """x[..., start:stop, ...] along one axis, 0 <= start <= stop <= its length."""
    spec = [(0, n, 1) for n in x.shape]
    spec[axis] = (start, stop - start, 1)
    return index(x, spec=tuple(spec))


def pick(x: Node, axis: int, i: int) -> Node:
    """x[..., i, ...] along one axis, which goes; i non-negative."""
    spec: list[object] = [(0, n, 1) for n in x.shape]
    spec[axis] = i
    return index(x, spec=tuple(spec))


def side_by_side(nodes: Sequence[Node], axis: int) -> Node:
    """Nodes of one shape along a new axis."""
    shape = nodes[0].shape
    ranges = [(0, n, 1) for n in shape]
    specs = tuple([(*ranges[:axis], i, *ranges[axis:]) for i in range(len(nodes))])
    return assemble(*nodes, shape=(*shape[:axis], len(nodes), *shape[axis:]), specs=specs, disjoint=True)


def pad_zeros(x: Node, low: Sequence[int], high: Sequence[int]) -> Node:
    """Zeros before and behind `x` along every axis."""
    shape = tuple([a + n + b for n, a, b in zip(x.shape, low, high)])
    return index_set(zeros(shape, x.dtype), x, spec=tuple([(a, n, 1) for n, a in zip(x.shape, low)]))


def fitted(x: Node, axis: int, n: int) -> Node:
    """`x` with the length `n` along an axis: cut, or with zeros at its end."""
    length = x.shape[axis]
    if length >= n:
        return x if length == n else cut(x, axis, 0, n)
    nothing = [0] * x.ndim
    return pad_zeros(x, nothing, [*nothing[:axis], n - length, *nothing[axis + 1 :]])


# concat: the inputs one after the other along an axis


def _concat_shape(*inputs: Node, axis: int) -> tuple[Shape, np.dtype]:
    shape = inputs[0].shape
    total = sum([x.shape[axis] for x in inputs])
    return (*shape[:axis], total, *shape[axis + 1 :]), inputs[0].dtype


def _concat_transpose(g: Node, *inputs: Node, axis: int, position: int = 0) -> Node:
    start = sum([x.shape[axis] for x in inputs[:position]])
    return cut(g, axis, start, start + inputs[position].shape[axis])


concat = Linear("concat", _concat_shape, _concat_transpose, batch=batch_axes)
