"""Where values belong in a sorted tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.indexing import take
from nabla.ops.lift import ArrayLike, as_node, op, pair
from nabla.primitives import searching as s
from nabla.primitives.shape import cast

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def searchsorted(x1: ArrayLike, x2: ArrayLike, /, side: str = "left", sorter: ArrayLike | None = None) -> Tensor:
    """For each element of x2, its place in the ascending 1-d tensor x1: how many elements of x1 stand before it.

    Of dtype int64 and the shape of x2. side: "left" is the place before equal elements, "right" the one behind them. sorter: the
    positions that sort x1, as `argsort` gives them, if it is not in order. NaN counts as the largest. Raises ShapeError for an
    x1 of more than one axis.

    >>> nb.searchsorted([1.0, 2.0, 3.0], [0.0, 2.0, 9.0]).tolist()
    [0, 1, 3]
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side is 'left' or 'right'; got {side!r}")
    row, v = together(x1, x2)
    if row.ndim != 1:
        raise ShapeError(f"searchsorted: x1 has one axis; got shape {row.shape}")
    if sorter is not None:
        order = as_node(sorter)
        if order.dtype.kind not in "iu":
            raise DTypeError(f"searchsorted: sorter holds positions, which are integers; got {dtypes.strong(order.dtype)}")
        if order.shape != row.shape:
            raise ShapeError(f"searchsorted: sorter has the shape {row.shape} of x1; got {order.shape}")
        row = as_node(take(row, order))
    return s.searchsorted(row, v, right=side == "right")


def together(x: ArrayLike, y: ArrayLike) -> tuple[Node, Node]:
    """Two arguments that are compared, in their common dtype; an integer that the dtype beside it cannot hold widens it."""
    try:
        a, b = pair(x, y)
    except OverflowError:
        a, b = as_node(x), as_node(y)
    dtype = dtypes.promote(a.dtype, b.dtype)
    return cast(a, dtype), cast(b, dtype)
