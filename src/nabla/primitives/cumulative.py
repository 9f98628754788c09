"""Cumulative sums, products and extrema along one axis, and the linear recurrence that differentiates the products.

Parameters: axis, non-negative; reverse (of sums and products), whether to start at the end. Notation: out the result,
dx a tangent, g the cotangent.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import constant, same, scalar, zeros
from nabla.primitives.formulas import isnan, logical_and, logical_not, not_equal, select
from nabla.primitives.indexing import along_axis
from nabla.primitives.joining import concat, cut
from nabla.primitives.kinds import General, Linear
from nabla.primitives.shape import batch_axes, broadcast


def moved_on(x: Node, axis: int, reverse: bool, first: float) -> Node:
    """`x` moved by one along `axis`: its last element in the direction of running is left out, `first` comes in."""
    n = x.shape[axis]
    if n == 0:
        return x
    edge = broadcast(scalar(first, x.dtype), shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    if n == 1:
        return edge
    return concat(cut(x, axis, 1, n), edge, axis=axis) if reverse else concat(edge, cut(x, axis, 0, n - 1), axis=axis)


# cumsum


def _cumsum_transpose(g: Node, x: Node, axis: int, reverse: bool) -> Node:
    return cumsum(g, axis=axis, reverse=not reverse)


cumsum = Linear("cumsum", same, _cumsum_transpose, batch=batch_axes)


# recurrence: t[i] = a[i] t[i-1] + b[i], where t is 0 before the start, so that a at the start does not matter.
#
# It is linear in b. Moving a and b by da and db moves t by dt with dt[i] = a[i] dt[i-1] + (da[i] t[i-1] + db[i]), a
# recurrence again. Its transpose runs the other way: the cotangent of b is s[i] = g[i] + a[i+1] s[i+1], that of a is
# s[i] t[i-1].


def _recurrence_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (a, _), (da, db) = node.inputs, tangents
    axis, reverse = node.params["axis"], node.params["reverse"]
    drive = db
    if da is not None:
        drive = da * moved_on(node, axis, reverse, 0.0)
        if db is not None:
            drive = drive + db
    assert drive is not None
    return recurrence(a, drive, axis=axis, reverse=reverse)


def _recurrence_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    a, axis, reverse = node.inputs[0], node.params["axis"], node.params["reverse"]
    s = recurrence(moved_on(a, axis, not reverse, 0.0), g, axis=axis, reverse=not reverse)
    return s * moved_on(node, axis, reverse, 0.0) if wants[0] else None, s if wants[1] else None


recurrence = General("recurrence", same, jvp=_recurrence_jvp, vjp=_recurrence_vjp, batch=batch_axes)


# cumprod: out[i] = x[i] out[i-1], so dout[i] = x[i] dout[i-1] + dx[i] out[i-1]. No division: right at zeros, to every
# order.


def _cumprod_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (x,), (dx,) = node.inputs, tangents
    axis, reverse = node.params["axis"], node.params["reverse"]
    assert dx is not None
    return recurrence(x, dx * moved_on(node, axis, reverse, 1.0), axis=axis, reverse=reverse)


def _cumprod_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    x, axis, reverse = node.inputs[0], node.params["axis"], node.params["reverse"]
    s = recurrence(moved_on(x, axis, not reverse, 0.0), g, axis=axis, reverse=not reverse)
    return (s * moved_on(node, axis, reverse, 1.0),)


cumprod = General("cumprod", same, jvp=_cumprod_jvp, vjp=_cumprod_vjp, batch=batch_axes)


def products_before(x: Node, axis: int, reverse: bool) -> Node:
    """For each element the product of those before it (behind it, if reverse) along `axis`; of none it is 1."""
    return cumprod(moved_on(x, axis, reverse, 1.0), axis=axis, reverse=reverse)


# cummax, cummin: the first of equals counts, as it stands there when the others come


def _extremum_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (x,), (dx,), axis = node.inputs, tangents, node.params["axis"]
    assert dx is not None
    n = x.shape[axis]
    if n < 2:
        return dx
    before, after = cut(node, axis, 0, n - 1), cut(node, axis, 1, n)
    # A new record is another value, or the first NaN: two NaNs are not equal, but the second is no record.
    record = logical_and(not_equal(before, after), logical_not(isnan(before)))
    numbers = constant(np.arange(1, n).reshape(-1, *(1,) * (x.ndim - axis - 1)))
    since = select(record, numbers, zeros((), dtypes.int64))
    first = zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]), dtypes.int64)
    return along_axis(dx, cummax(concat(first, since, axis=axis), axis=axis), axis)


cummax = General("cummax", same, jvp=_extremum_jvp, batch=batch_axes, masks=True)
cummin = General("cummin", same, jvp=_extremum_jvp, batch=batch_axes, masks=True)
