"""Moving and casting: every element of the result is an element of an input, so each primitive here is linear.

Parameters are static and clean: axes non-negative, shapes complete. Notation: g is the cotangent of the result.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import ALL_ONE, Shape, ones, same
from nabla.primitives.kinds import Linear


def expand_batched(x: Node, mapped: bool, ndim: int) -> Node:
    """Give a mapped `x` (batch axis first) axes of size 1 behind the batch axis, so that its lanes have `ndim` axes."""
    missing = ndim - (x.ndim - 1) if mapped else 0
    if missing <= 0:
        return x
    return reshape(x, shape=(x.shape[0], *(1,) * missing, *x.shape[1:]))


def spread(x: Node, mapped: bool, size: int) -> Node:
    """`x` with a batch axis: itself if mapped, else repeated without a copy."""
    return x if mapped else broadcast(x, shape=(size, *x.shape))


def batch_leading(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """Batching rule of what does the same for all that leading axes count, such as stacks of matrices: the batch is one more."""
    return node.prim(*[spread(x, there, size) for x, there in zip(inputs, mapped)], **node.params), True


def batch_axes(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """Batching rule of what goes along the axes that the parameter `axis` or `axes` names: they move up by one."""
    params = dict(node.params)
    if "axis" in params:
        params["axis"] += 1
    else:
        params["axes"] = tuple([axis + 1 for axis in params["axes"]])
    return node.prim(*[spread(x, there, size) for x, there in zip(inputs, mapped)], **params), True


class _Reshaping(Linear):
    """Nothing but another shape or dtype: the identity where both are those of the input."""

    __slots__ = ()

    def same_as(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        (x,) = inputs
        return x if x.shape == node.shape and x.dtype is node.dtype else None


# convert: change of dtype


def _convert_shape(x: Node, dtype: np.dtype) -> tuple[Shape, np.dtype]:
    return x.shape, dtype


def _convert_transpose(g: Node, x: Node, dtype: np.dtype) -> Node:
    if g.dtype.kind == "c" and x.dtype.kind != "c":
        g = real(g)
    return cast(g, x.dtype)


convert = _Reshaping("convert", _convert_shape, _convert_transpose, batch=batch_leading)


def cast(x: Node, dtype: np.dtype) -> Node:
    """`x` in `dtype`, itself if it is already."""
    return x if x.dtype is dtype else convert(x, dtype=dtype)


# real, imag, conj: linear over the real numbers; the pairing is Re(g * z)


def _real_shape(x: Node) -> tuple[Shape, np.dtype]:
    return x.shape, dtypes.to_real(x.dtype)


def _imag_transpose(g: Node, x: Node) -> Node:
    return cast(g, x.dtype) * (-1j)


real = Linear("real", _real_shape, lambda g, x: cast(g, x.dtype), batch=batch_leading)
imag = Linear("imag", _real_shape, _imag_transpose, batch=batch_leading)
conj = Linear("conj", same, lambda g, x: conj(g), batch=batch_leading)


def conjugate(x: Node) -> Node:
    """The conjugate, which of real numbers is no node of its own."""
    return conj(x) if x.dtype.kind == "c" else x


# reshape


def _reshape_shape(x: Node, shape: Shape) -> tuple[Shape, np.dtype]:
    return shape, x.dtype


def _reshape_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return reshape(inputs[0], shape=(size, *node.params["shape"])), True


reshape = _Reshaping("reshape", _reshape_shape, lambda g, x, shape: reshape(g, shape=x.shape), batch=_reshape_batch)


# broadcast: to a larger shape, axes aligned at the right


def _broadcast_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    shape = node.params["shape"]
    return broadcast(expand_batched(inputs[0], True, len(shape)), shape=(size, *shape)), True


broadcast = _Reshaping("broadcast", _reshape_shape, lambda g, x, shape: sum_to(g, x.shape), batch=_broadcast_batch)


# sum over axes


def reduced_shape(x: Node, axes: tuple[int, ...]) -> tuple[Shape, np.dtype]:
    """Shape and dtype rule of a reduction."""
    shape = x.shape
    if len(axes) == len(shape):
        return (), x.dtype
    return tuple([n for axis, n in enumerate(shape) if axis not in axes]), x.dtype


def restore_axes(x: Node, shape: Shape, axes: tuple[int, ...]) -> Node:
    """Put axes of size 1 back where a reduction of something of `shape` removed them."""
    shape = tuple([1 if axis in axes else n for axis, n in enumerate(shape)])
    return ones(shape, x.dtype) if x.params is ALL_ONE else reshape(x, shape=shape)


def _sum_transpose(g: Node, x: Node, axes: tuple[int, ...]) -> Node:
    if g.params is ALL_ONE:
        return ones(x.shape, g.dtype)
    if g.shape:
        g = restore_axes(g, x.shape, axes)
    return broadcast(g, shape=x.shape)


BIG = 8 << 20


def shrinks(node: Node) -> bool:
    """Whether the node makes little out of much: it then runs at once and lets its input go."""
    x = node.inputs[0]
    size = x.dtype.itemsize
    for n in x.shape:
        size *= n
    return size >= BIG and size >= 8 * node.size * node.dtype.itemsize


reduce_sum = Linear("sum", reduced_shape, _sum_transpose, batch=batch_axes, eager=shrinks)


def sum_to(x: Node, shape: Shape) -> Node:
    """Sum `x` over the axes along which `shape` was broadcast to x.shape: the transpose of broadcasting."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < extra or (shape[i - extra] == 1 and x.shape[i] != 1))
    out = reduce_sum(x, axes=axes)
    return out if out.shape == shape else reshape(out, shape=shape)


# transpose: permute the axes


def _transpose_shape(x: Node, perm: tuple[int, ...]) -> tuple[Shape, np.dtype]:
    return tuple([x.shape[axis] for axis in perm]), x.dtype


def _transpose_transpose(g: Node, x: Node, perm: tuple[int, ...]) -> Node:
    inverse = [0] * len(perm)
    for i, axis in enumerate(perm):
        inverse[axis] = i
    return transpose(g, perm=tuple(inverse))


def _transpose_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return transpose(inputs[0], perm=(0, *[axis + 1 for axis in node.params["perm"]])), True


transpose = Linear("transpose", _transpose_shape, _transpose_transpose, batch=_transpose_batch)


def swap_last(x: Node) -> Node:
    """The matrix transpose over the last two axes."""
    n = x.ndim
    return transpose(x, perm=(*range(n - 2), n - 1, n - 2))


def move_axis(x: Node, source: int, target: int) -> Node:
    """Axis `source` moved to `target`, both non-negative."""
    if source == target:
        return x
    perm = [axis for axis in range(x.ndim) if axis != source]
    perm.insert(target, source)
    return transpose(x, perm=tuple(perm))


# flip


flip = Linear("flip", same, lambda g, x, axes: flip(g, axes=axes), batch=batch_axes)
