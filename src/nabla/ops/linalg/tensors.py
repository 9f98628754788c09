"""Equations whose matrix is a tensor of more axes, taken apart into rows and columns."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from nabla.errors import ArgumentError, ShapeError
from nabla.ops.axes import integer, ordered_axes
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.solving import inv, solve
from nabla.primitives.shape import reshape, transpose

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def tensorsolve(a: ArrayLike, b: ArrayLike, /, axes: Any = None) -> Tensor:
    """The x with tensordot(a, x, x.ndim) = b: a has the axes of b and then those of x, as many elements in both.

    axes: those of a that are moved to its end first. Raises ShapeError where the sizes do not fit.

    >>> nb.linalg.tensorsolve(2.0 * nb.eye(4).reshape((4, 2, 2)), nb.ones(4)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    x, y = as_node(a), as_node(b)
    if axes is not None:
        moved = ordered_axes("tensorsolve", axes, x.ndim)
        x = transpose(x, perm=(*[axis for axis in range(x.ndim) if axis not in moved], *moved))
    shape = x.shape[y.ndim :]
    n = prod(shape)
    if y.size != n or x.size != n * n:
        raise ShapeError(
            f"tensorsolve: a of shape {x.shape} has {n} columns; expected as many rows, and as b has elements ({y.size})"
        )
    found: Any = solve(reshape(x, shape=(n, n)), reshape(y, shape=(n,)))
    return reshape(found, shape=shape)


@op
def tensorinv(a: ArrayLike, /, ind: int = 2) -> Tensor:
    """The inverse of a as a map from its last axes to its first `ind`: the result has the last axes first.

    Raises ShapeError where the first and the last axes do not have as many elements.

    >>> nb.linalg.tensorinv(2.0 * nb.eye(4).reshape((4, 2, 2)), ind=1).shape
    (2, 2, 4)
    """
    x = as_node(a)
    ind = integer("tensorinv", "ind", ind)
    if ind <= 0:
        raise ArgumentError(f"tensorinv: ind, the number of first axes, is positive; got {ind}")
    first, last = x.shape[:ind], x.shape[ind:]
    n = prod(first)
    if prod(last) != n:
        raise ShapeError(
            f"tensorinv: the first {ind} axes have {n} elements and the others {prod(last)} (shape {x.shape}); expected as many"
        )
    found: Any = inv(reshape(x, shape=(n, n)))
    return reshape(found, shape=(*last, *first))
