"""Reductions over axes: product, extrema and their positions, and the logical ones. The sum stands in shape.py.

`axes` is a tuple of non-negative axes, all of which vanish from the shape. Notation: out the result, g its cotangent.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape, zeros
from nabla.primitives.cumulative import products_before
from nabla.primitives.elementwise import mul
from nabla.primitives.formulas import equal, isnan, logical_or, select
from nabla.primitives.kinds import General
from nabla.primitives.shape import (
    batch_axes,
    cast,
    reduce_sum,
    reduced_shape,
    reshape,
    restore_axes,
    shrinks,
    transpose,
)


def spread_back(x: Node, like: Node, axes: tuple[int, ...]) -> Node:
    """A result of reducing `like` over `axes`, in a shape that broadcasts against `like`."""
    return restore_axes(x, like.shape, axes) if x.shape else x


# prod: the derivative by one factor is the product of all others


def others(x: Node, axes: tuple[int, ...]) -> Node:
    """For each element of `x` the product over `axes` of all elements but itself.

    It is the product of those before it and of those after it, without a division: right where factors are zero, to
    every order, and where the whole product overflows but this one does not.
    """
    if len(axes) == 1:
        return mul(products_before(x, axes[0], False), products_before(x, axes[0], True))
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    perm = kept + axes
    last = len(kept)
    moved = transpose(x, perm=perm)
    flat = reshape(moved, shape=(*moved.shape[:last], _size(x.shape, axes)))
    result = reshape(others(flat, (last,)), shape=moved.shape)
    inverse = sorted(range(x.ndim), key=perm.__getitem__)
    return transpose(result, perm=tuple(inverse))


def _size(shape: Shape, axes: tuple[int, ...]) -> int:
    size = 1
    for axis in axes:
        size *= shape[axis]
    return size


def _prod_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (x,), (dx,), axes = node.inputs, tangents, node.params["axes"]
    assert dx is not None
    return reduce_sum(dx * others(x, axes), axes=axes) if axes else dx


def _prod_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    (x,), axes = node.inputs, node.params["axes"]
    return (spread_back(g, x, axes) * others(x, axes) if axes else g,)


reduce_prod = General("prod", reduced_shape, jvp=_prod_jvp, vjp=_prod_vjp, batch=batch_axes, eager=shrinks)


# max and min: the extremal elements share the derivative equally; where NaN is the result, the NaNs are extremal


def _winners(node: Node) -> tuple[Node, Node]:
    """Which elements of the input are extremal, and how many they are for each element of the result."""
    (x,), axes = node.inputs, node.params["axes"]
    wins = logical_or(equal(x, spread_back(node, x, axes)), isnan(x))
    return wins, reduce_sum(cast(wins, node.dtype), axes=axes)


def _extremum_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (dx,) = tangents
    assert dx is not None
    wins, count = _winners(node)
    return reduce_sum(select(wins, dx, zeros((), dx.dtype)), axes=node.params["axes"]) / count


def _extremum_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    (x,), axes = node.inputs, node.params["axes"]
    wins, count = _winners(node)
    return (select(wins, spread_back(g / count, x, axes), zeros((), g.dtype)),)


def _extremum(name: str) -> General:
    return General(name, reduced_shape, jvp=_extremum_jvp, vjp=_extremum_vjp, batch=batch_axes, masks=True, eager=shrinks)


reduce_max = _extremum("max")
reduce_min = _extremum("min")


# What has no derivative: positions and truth


def _position_shape(x: Node, axis: int) -> tuple[Shape, np.dtype]:
    return (*x.shape[:axis], *x.shape[axis + 1 :]), dtypes.int64


def _truth_shape(x: Node, axes: tuple[int, ...]) -> tuple[Shape, np.dtype]:
    return reduced_shape(x, axes)[0], dtypes.bool_


argmax = Constant("argmax", _position_shape, batch=batch_axes, eager=shrinks)
"""The position of the first largest element along an axis, of the first NaN where there is one."""
argmin = Constant("argmin", _position_shape, batch=batch_axes, eager=shrinks)
reduce_any = Constant("any", _truth_shape, batch=batch_axes, eager=shrinks)
reduce_all = Constant("all", _truth_shape, batch=batch_axes, eager=shrinks)
