"""nb.linalg: solving, factoring and measuring matrices. A stack of matrices has the shape (..., n, n).

A matrix that has no solution or no factor raises LinAlgError at the call, which names it; inside `vmap` it does so when
the mapped values are known, and then says which lane it is. Integers become floats of the default dtype.

The products of matrices that are found here too stand in ops/contraction.py.
"""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops import diagonals
from nabla.ops.axes import integer, ordered_axes
from nabla.ops.contraction import (
    conjugate,
    cross,
    matmul,
    matrix_product,
    multi_dot,
    outer,
    promoted,
    tensordot,
    vecdot,
)
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, broadcast_to, inexact, op, pair
from nabla.ops.reductions import max as maximum_over, min as minimum_over
from nabla.ops.shape import matrix_transpose
from nabla.primitives import linalg as p
from nabla.primitives.base import broadcast_shapes, scalar, zeros
from nabla.primitives.formulas import abs_, equal, not_equal, power, select, sqrt, square
from nabla.primitives.shape import cast, imag, real, reduce_sum, reshape, restore_axes, swap_last, transpose
from nabla.primitives.structure import outputs

if TYPE_CHECKING:
    from nabla.tensor import Tensor

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "inv",
    "matmul",
    "matrix_power",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "slogdet",
    "solve",
    "solve_triangular",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


# What the functions share


def _square(name: str, x: Node) -> Node:
    """Square matrices in a dtype that LAPACK knows."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: expected square matrices, of shape (..., n, n); got shape {x.shape}")
    if x.dtype is dtypes.float16:
        raise DTypeError(f"{name}: float16 is too coarse for this; write x.astype('float32') first")
    return inexact(x)


# Solving


@op
def solve(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The x of a @ x = b, for a square a; the leading axes of a and b broadcast.

    b is one vector of shape (n,) only if it has exactly one axis, else it holds the columns to solve for, of shape
    (..., n, k). Raises LinAlgError, which names the matrix, where a is singular, and ShapeError where the sizes differ.

    >>> nb.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0]).tolist()
    [0.5, 0.25]
    """

    def solution(a: Node, b: Node) -> Node:
        return p.lu_solve(a, p.lu(a), b, transposed=False, what="solve")

    return _solved("solve", solution, *_system("solve", a, b))  # type: ignore[return-value]


@op
def solve_triangular(a: ArrayLike, b: ArrayLike, /, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Tensor:
    """The x of t @ x = b, where t is the upper (with `lower`, the lower) triangle of a; leading axes broadcast.

    trans: 0 or "N" for t itself, 1 or "T" for its transpose, 2 or "C" for the conjugate of that. With unit_diagonal the
    diagonal of a is taken as ones. The other triangle of a is not read, and gets a derivative of zero. b as in `solve`.
    Raises LinAlgError, which names the matrix, where there is a zero on the diagonal.

    >>> nb.linalg.solve_triangular([[2.0, 2.0], [7.0, 4.0]], [4.0, 4.0]).tolist()
    [1.0, 1.0]
    """
    a, b = _system("solve_triangular", a, b)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ArgumentError(f"solve_triangular: trans is 0, 1, 2, 'N', 'T' or 'C'; got {trans!r}")
    if trans in (2, "C"):
        a = conjugate(a)
    transposed = trans not in (0, "N")

    def solution(a: Node, b: Node) -> Node:
        return p.triangular_solve(a, b, lower=bool(lower), transposed=transposed, unit=bool(unit_diagonal))

    return _solved("solve_triangular", solution, a, b)  # type: ignore[return-value]


def _system(name: str, a: ArrayLike, b: ArrayLike) -> tuple[Node, Node]:
    """Both sides, checked, in one floating dtype."""
    x, y = promoted(*pair(a, b))
    x, y = _square(name, x), inexact(y)
    n = x.shape[-1]
    if not y.shape:
        raise ShapeError(f"{name}: b is one number; expected a vector of shape ({n},) or columns, (..., {n}, k)")
    rows = y.shape[max(y.ndim - 2, 0)]
    if rows != n:
        hint = " A stack of vectors needs an axis of length 1 behind: b[..., None]." if y.shape[-1] == n else ""
        raise ShapeError(f"{name}: a has {n} rows, but b has {rows} (a.shape={x.shape}, b.shape={y.shape}).{hint}")
    return x, y


def _solved(name: str, solution: Callable[[Node, Node], Node], a: Node, b: Node) -> Node:
    """The solution, the leading axes of a and b brought together; one matrix for many b is factored once."""
    if b.ndim == 1:
        columns = _solved(name, solution, a, reshape(b, shape=(*b.shape, 1)))
        return reshape(columns, shape=columns.shape[:-1])
    stack = a.shape[:-2]
    if stack == b.shape[:-2]:
        return solution(a, b)
    if not stack:
        last = b.ndim - 1
        columns = transpose(b, perm=(last - 1, *range(last - 1), last))
        merged = reshape(columns, shape=(columns.shape[0], columns.size // max(columns.shape[0], 1)))
        found = reshape(solution(a, merged), shape=columns.shape)
        return transpose(found, perm=(*range(1, last), 0, last))
    stack = broadcast_shapes(f"{name}, leading axes", (stack, b.shape[:-2]))
    return solution(broadcast_to(a, (*stack, *a.shape[-2:])), broadcast_to(b, (*stack, *b.shape[-2:])))


@op
def inv(a: ArrayLike, /) -> Tensor:
    """The inverse of each square matrix. To solve a system, `solve` is faster and more accurate.

    Raises LinAlgError, which names the matrix, where one is singular.

    >>> nb.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return p.inverse(_square("inv", as_node(a)), "inv")  # type: ignore[return-value]


@op
def cholesky(a: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """The lower triangular l with positive diagonal and a = l @ l^H, for Hermitian positive definite matrices.

    With `upper`, the upper triangular u with a = u^H @ u. Only the lower triangle of a is read (with `upper`, the upper
    one), and the derivative is that of this function: the gradient g has zeros in the other triangle, and each element
    below the diagonal stands for its mirror image too. The gradient among symmetric matrices is (g + g.mT) / 2. Raises
    LinAlgError, which names the matrix, where one is not positive definite.

    >>> nb.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    a = _square("cholesky", as_node(a))
    if upper:
        return swap_last(p.cholesky(swap_last(a)))  # type: ignore[return-value]
    return p.cholesky(a)  # type: ignore[return-value]


# Determinants


@op
def det(a: ArrayLike, /) -> Tensor:
    """The determinant of each square matrix; that of a 0 by 0 matrix is 1.

    Its first and second derivatives are right for singular matrices too. Raises ShapeError for matrices that are not
    square.

    >>> nb.linalg.det([[1.0, 2.0], [3.0, 5.0]]).round(9).item()
    -1.0
    >>> nb.grad(nb.linalg.det)(nb.ones((2, 2))).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return p.det(_square("det", as_node(a)))  # type: ignore[return-value]


class SlogdetResult(NamedTuple):
    """What `slogdet` returns: det(a) is sign * exp(logabsdet)."""

    sign: Any
    logabsdet: Any


@op
def slogdet(a: ArrayLike, /) -> SlogdetResult:
    """The sign (of complex matrices: the phase) of the determinant, and the logarithm of its absolute value.

    A singular matrix has (0, -inf), and no derivative: asking for one raises LinAlgError. Raises ShapeError for
    matrices that are not square.

    >>> sign, logabsdet = nb.linalg.slogdet([[1e-200, 0.0], [0.0, -1e-200]])
    >>> sign.item(), round(logabsdet.item(), 6)
    (-1.0, -921.034037)
    """
    a = _square("slogdet", as_node(a))
    return SlogdetResult(*outputs(p.slogdet(a, p.lu(a))))


# Norms


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


# Diagonals and powers


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Tensor:
    """The diagonal of each matrix, or the one `offset` above it (negative: below). Raises ShapeError for a vector.

    >>> nb.linalg.diagonal([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [[1.0, 4.0]]
    """
    return diagonals.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike = None) -> Tensor:
    """The sum of the diagonal of each matrix, or of the one `offset` above it; integers are summed in 64 bits.

    >>> nb.linalg.trace([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [5.0]
    """
    return diagonals.trace(x, offset, -2, -1, dtype)


@op
def matrix_power(x: ArrayLike, n: int, /) -> Tensor:
    """The product of n factors x, for square matrices; a negative n multiplies inverses, 0 gives the unit matrix.

    Integers stay integers unless n is negative. Raises LinAlgError where n is negative and a matrix is singular.

    >>> nb.linalg.matrix_power([[1, 1], [0, 1]], 5).tolist()
    [[1, 5], [0, 1]]
    """
    x = as_node(x)
    n = integer("matrix_power", "n", n)
    if n < 0:
        return _power(p.inverse(_square("matrix_power", x), "matrix_power"), -n)  # type: ignore[return-value]
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices, of shape (..., n, n); got shape {x.shape}")
    return _power(x, n) if n else p.identity(x)  # type: ignore[return-value]


def _power(x: Node, n: int) -> Node:
    """x multiplied n > 0 times, by squaring."""
    out: Node | None = None
    while True:
        if n % 2:
            out = x if out is None else matrix_product(out, x)
        n //= 2
        if not n:
            assert out is not None
            return out
        x = matrix_product(x, x)
