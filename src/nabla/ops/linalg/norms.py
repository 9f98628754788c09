"""Norms of vectors and matrices, and what is told by singular values: condition, rank."""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING, Any

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.graph.node import Node
from nabla.ops.axes import ordered_axes
from nabla.ops.lift import ArrayLike, as_node, inexact, op
from nabla.ops.reductions import max as maximum_over, min as minimum_over
from nabla.primitives.base import scalar, zeros
from nabla.primitives.formulas import abs_, equal, not_equal, power, select, sqrt, square
from nabla.primitives.shape import cast, imag, real, reduce_sum, reshape, restore_axes

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def norm(x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors or matrices: of all elements, along one axis, or over two axes.

    Without `ord`, the square root of the sum of squares. Along one axis (or of a vector), ord is 1, 2, inf, -inf, 0
    (how many are not zero) or any other number p, for the root of sum(abs(x)**p). Over two axes (or of a matrix),
    "fro", 1 and -1 (sums of columns), inf and -inf (sums of rows). The derivative at zero is zero. Raises
    ArgumentError for an ord that does not fit.

    >>> nb.linalg.norm([3.0, 4.0]).item()
    5.0
    >>> nb.linalg.norm([[1.0, -2.0], [3.0, 4.0]], ord=1).item()
    6.0
    """
    x = inexact(as_node(x))
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is not None and x.ndim not in (1, 2):
            raise ArgumentError(f"norm: ord={ord!r} is for vectors and matrices; x has shape {x.shape}, so give an axis")
        if ord is None:
            return _vector_norm(x, axes, 2, keepdims)  # type: ignore[return-value]
    else:
        axes = ordered_axes("norm", axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, axes, 2 if ord is None else ord, keepdims)  # type: ignore[return-value]
    if len(axes) == 2:
        return _matrix_norm(x, axes, ord, keepdims)  # type: ignore[return-value]
    raise ArgumentError(f"norm: axis names one axis or two; got {axis!r}. For more use vector_norm")


@op
def vector_norm(x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """The norm of the elements along `axis`: an axis, several, or all of them (None), which are then one vector.

    ord is as in `norm`: 2, 1, inf, -inf, 0 or any other number. The derivative at zero is zero.

    >>> nb.linalg.vector_norm([[3.0, 4.0], [6.0, 8.0]], axis=1).tolist()
    [5.0, 10.0]
    """
    x = inexact(as_node(x))
    axes = tuple(range(x.ndim)) if axis is None else ordered_axes("vector_norm", axis, x.ndim)
    return _vector_norm(x, axes, ord, keepdims)  # type: ignore[return-value]


def _vector_norm(x: Node, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Node:
    if isinstance(ord, (str, bool)) or not isinstance(ord, (int, float)) or isnan(ord):
        raise ArgumentError(f"norm: of a vector, ord is a number, such as 2, 1 or inf; got {ord!r}")
    if ord == inf:
        return maximum_over(abs_(x), axis=axes, keepdims=keepdims)  # type: ignore[return-value]
    if ord == -inf:
        return minimum_over(abs_(x), axis=axes, keepdims=keepdims)  # type: ignore[return-value]
    if ord == 2:
        terms = square(real(x)) + square(imag(x)) if x.dtype.kind == "c" else square(x)
    elif ord == 0:
        terms = cast(not_equal(x, zeros((), x.dtype)), dtypes.to_real(x.dtype))
    else:
        terms = abs_(x) if ord == 1 else power(abs_(x), scalar(ord, dtypes.to_real(x.dtype)))
    total = reduce_sum(terms, axes=axes)
    if ord not in (0, 1):
        total = _root(total, ord)
    return restore_axes(total, x.shape, axes) if keepdims else total


def _root(x: Node, ord: float) -> Node:
    """x ** (1 / ord), and zero with all derivatives where x is zero."""
    zero = zeros((), x.dtype)
    at_zero = equal(x, zero)
    safe = select(at_zero, scalar(1, x.dtype), x)
    return select(at_zero, zero, sqrt(safe) if ord == 2 else power(safe, scalar(1.0 / ord, x.dtype)))


def _matrix_norm(x: Node, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Node:
    if ord is None or ord == "fro":
        return _vector_norm(x, axes, 2, keepdims)
    if ord not in (1, -1, inf, -inf) or isinstance(ord, bool):
        needs = " (2, -2 and 'nuc' need singular values)" if ord in (2, -2, "nuc") else ""
        raise ArgumentError(f"norm: of a matrix, ord is 'fro', 1, -1, inf or -inf{needs}; got {ord!r}")
    summed, compared = axes if abs(ord) == 1 else axes[::-1]
    sums = restore_axes(reduce_sum(abs_(x), axes=(summed,)), x.shape, (summed,))
    extremum = maximum_over if ord > 0 else minimum_over
    out: Node = extremum(sums, axis=(compared,), keepdims=True)  # type: ignore[assignment]
    kept = [n for axis, n in enumerate(out.shape) if axis not in axes]
    return out if keepdims else reshape(out, shape=tuple(kept))
