"""Norms of vectors and matrices, and what is told by singular values: condition, rank."""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING, Any

from nabla import dtypes
from nabla.errors import ArgumentError, LinAlgError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import ordered_axes
from nabla.ops.lift import ArrayLike, as_node, inexact, op
from nabla.ops.linalg.checks import floating, matrices, relative_tolerance, square as square_matrices
from nabla.ops.reductions import max as maximum_over, min as minimum_over
from nabla.primitives.base import scalar, zeros
from nabla.primitives.formulas import abs_, equal, greater, not_equal, power, raised, select, sqrt, square
from nabla.primitives.joining import pick
from nabla.primitives.linalg import inverse
from nabla.primitives.reductions import reduce_any, reduce_max
from nabla.primitives.shape import cast, imag, real, reduce_sum, reshape, restore_axes, transpose
from nabla.primitives.spectra import eigvalsh, svdvals

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def norm(x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors or matrices: of all elements, along one axis, or over two axes.

    Without `ord`, the square root of the sum of squares. Along one axis (or of a vector), ord is 1, 2, inf, -inf, 0
    (how many are not zero) or any other number p, for the root of sum(abs(x)**p). Over two axes (or of a matrix),
    "fro", 1 and -1 (sums of columns), inf and -inf (sums of rows), 2, -2 and "nuc" (the largest and the smallest
    singular value, and their sum). The derivative at zero is zero, and of the root of sum(abs(x)**p) that by an element which
    is zero. Raises ArgumentError for an ord that does not fit.

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
            return _vector_norm(x, axes, 2, keepdims)
    else:
        axes = ordered_axes("norm", axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, axes, 2 if ord is None else ord, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, axes, ord, keepdims)
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
    return _vector_norm(x, axes, ord, keepdims)


def _vector_norm(x: Node, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Node:
    if isinstance(ord, (str, bool)) or not isinstance(ord, (int, float)) or isnan(ord):
        raise ArgumentError(f"norm: of a vector, ord is a number, such as 2, 1 or inf; got {ord!r}")
    if ord == inf:
        return maximum_over(abs_(x), axis=axes, keepdims=keepdims)
    if ord == -inf:
        return minimum_over(abs_(x), axis=axes, keepdims=keepdims)
    if ord > 0 and ord % 2 == 0:
        squares = square(real(x)) + square(imag(x)) if x.dtype.kind == "c" else square(x)
        terms = raised(squares, ord // 2)  # no absolute value: it is smooth at zero
    elif ord == 0:
        terms = cast(not_equal(x, zeros((), x.dtype)), dtypes.to_real(x.dtype))
    else:
        terms = abs_(x) if ord == 1 else _raised(abs_(x), ord)
    total = reduce_sum(terms, axes=axes)
    if ord not in (0, 1):
        total = _root(total, ord)
    return restore_axes(total, x.shape, axes) if keepdims else total


def _raised(x: Node, ord: float) -> Node:
    """x ** ord, and where x is zero that value with all derivatives zero: most are infinite there, or no numbers."""
    at_zero = equal(x, zeros((), x.dtype))
    safe = select(at_zero, scalar(1, x.dtype), x)
    return select(at_zero, scalar(0.0 if ord > 0 else inf, x.dtype), power(safe, scalar(ord, x.dtype)))


def _root(x: Node, ord: float) -> Node:
    """x ** (1 / ord), and zero with all derivatives where x is zero."""
    zero = zeros((), x.dtype)
    at_zero = equal(x, zero)
    safe = select(at_zero, scalar(1, x.dtype), x)
    return select(at_zero, zero, sqrt(safe) if ord == 2 else power(safe, scalar(1.0 / ord, x.dtype)))


def _matrix_norm(x: Node, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Node:
    if ord is None or ord == "fro":
        return _vector_norm(x, axes, 2, keepdims)
    if ord not in (1, -1, 2, -2, inf, -inf, "nuc") or isinstance(ord, bool):
        raise ArgumentError(f"norm: of a matrix, ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf; got {ord!r}")
    kept = tuple([n for axis, n in enumerate(x.shape) if axis not in axes])
    if ord in (1, 2, inf) and not all(x.shape[axis] for axis in axes):
        out = zeros(kept, dtypes.to_real(x.dtype))  # the largest of no sums, as NumPy has it
    elif ord in (2, -2, "nuc"):
        others = [axis for axis in range(x.ndim) if axis not in axes]
        out = _of_singular_values(svdvals(floating("norm", transpose(x, perm=(*others, *axes)))), ord)
    else:
        summed, compared = axes if abs(ord) == 1 else axes[::-1]
        sums = restore_axes(reduce_sum(abs_(x), axes=(summed,)), x.shape, (summed,))
        extremum = maximum_over if ord > 0 else minimum_over
        out = reshape(extremum(sums, axis=(compared,), keepdims=True), shape=kept)  # type: ignore[arg-type]
    return restore_axes(out, x.shape, axes) if keepdims else out


def _of_singular_values(s: Node, ord: Any) -> Node:
    last = s.ndim - 1
    if ord == "nuc":
        return reduce_sum(s, axes=(last,))
    out: Node = (maximum_over if ord == 2 else minimum_over)(s, axis=(last,))  # type: ignore[assignment]
    return out


@op
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of each matrix: of the last two axes.

    ord: "fro" (the root of the sum of squares), "nuc" (the sum of the singular values), 2 and -2 (the largest and the
    smallest), 1 and -1 (the largest and smallest sum of a column), inf and -inf (of a row). Where several singular
    values are the largest they share the derivative.

    >>> nb.linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]], ord="nuc").item()
    7.0
    """
    node = inexact(as_node(x))
    if node.ndim < 2:
        raise ShapeError(f"matrix_norm: expected matrices, of shape (..., m, n); got shape {node.shape}")
    return _matrix_norm(node, (node.ndim - 2, node.ndim - 1), ord, keepdims)


@op
def cond(x: ArrayLike, /, p: Any = None) -> Tensor:
    """The condition number of matrices: the largest singular value over the smallest; of a singular matrix infinity.

    p: None or 2 for that, -2 for its inverse, or an order of `norm`, for the norm of x times that of its inverse.
    Raises LinAlgError for an empty matrix.

    >>> nb.linalg.cond([[1.0, 0.0], [0.0, 4.0]]).item()
    4.0
    """
    node = matrices("cond", as_node(x))
    if not node.shape[-2] * node.shape[-1]:
        raise LinAlgError(f"cond: an empty matrix has no condition number; got shape {node.shape}")
    last = node.ndim - 1
    if p in (None, 2, -2):
        s = svdvals(node)
        k = s.shape[-1]
        most, least = pick(s, last - 1, 0), pick(s, last - 1, k - 1)
        return most / least if p != -2 else least / most
    node = square_matrices("cond", node)
    axes = (last - 1, last)
    return _matrix_norm(node, axes, p, False) * _matrix_norm(inverse(node, "cond"), axes, p, False)


@op
def matrix_rank(x: ArrayLike, /, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tensor:
    """How many singular values of each matrix are larger than `tol`, or than `rtol` times the largest.

    Without either, rtol is the rounding of the dtype times the longer side. hermitian: look at eigenvalues, which is
    faster. An integer, so it has no derivative.

    >>> nb.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).item()
    1
    """
    node = floating("matrix_rank", as_node(x))
    if tol is not None and rtol is not None:
        raise ArgumentError("matrix_rank: give tol (absolute) or rtol (relative), not both")
    if node.ndim < 2:
        return cast(reduce_any(not_equal(node, zeros((), node.dtype)), axes=tuple(range(node.ndim))), dtypes.int64)
    s = abs_(eigvalsh(node)) if hermitian else svdvals(node)
    last = s.ndim - 1
    if not s.shape[last]:
        return zeros(s.shape[:-1], dtypes.int64)
    if tol is None:
        relative = relative_tolerance(rtol, node)
        limit = reduce_max(s, axes=(last,)) * relative
    else:
        limit = cast(as_node(tol), s.dtype)
    limit = reshape(limit, shape=(*limit.shape, 1))
    return reduce_sum(cast(greater(s, limit), dtypes.int64), axes=(last,))
