"""Factors of matrices: Cholesky, LU, QR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, pair
from nabla.ops.linalg.checks import matrices, square
from nabla.ops.linalg.solving import solve_triangular, solved, system
from nabla.ops.linalg.spectra import completed
from nabla.ops.sorting import argsort
from nabla.primitives import linalg as p, rectangular
from nabla.primitives.base import constant, zeros
from nabla.primitives.formulas import equal
from nabla.primitives.indexing import along_axis
from nabla.primitives.joining import concat, cut, fitted
from nabla.primitives.shape import broadcast, cast, conjugate, reshape, swap_last
from nabla.primitives.structure import outputs

if TYPE_CHECKING:
    from nabla.tensor import Tensor


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
    a = square("cholesky", as_node(a))
    if upper:
        return swap_last(p.cholesky(swap_last(a)))
    return p.cholesky(a)


class QRResult(NamedTuple):
    """What `qr` returns: x is Q @ R."""

    Q: Any
    R: Any


@op
def qr(x: ArrayLike, /, *, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and an upper triangle R with x = Q @ R.

    For x of shape (..., m, n) and k = min(m, n): "reduced" gives Q (..., m, k) and R (..., k, n); "complete" (..., m, m)
    and (..., m, n), where the further columns of Q are arbitrary; "r" gives R alone. Differentiating needs the first k
    columns of x to be independent, and raises LinAlgError where one is a combination of those before it.

    >>> q, r = nb.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> (q @ r).round(9).tolist()
    [[3.0, 1.0], [4.0, 2.0]]
    """
    node = matrices("qr", as_node(x))
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr: mode is 'reduced', 'complete' or 'r'; got {mode!r}")
    m, n = node.shape[-2:]
    rows, columns = node.ndim - 2, node.ndim - 1
    if m >= n:
        q, r = outputs(rectangular.qr(node))
    else:
        q, r = outputs(rectangular.qr(cut(node, columns, 0, m)))
        r = concat(r, p.product(p.adjoint(q), cut(node, columns, m, n)), axis=columns)
    if mode == "r":
        return r
    if mode == "complete" and m > n:
        q = completed(q)
        r = concat(r, zeros((*r.shape[:-2], m - n, n), r.dtype), axis=rows)
    return QRResult(q, r)


@op
def lu(a: ArrayLike, /, permute_l: bool = False, *, p_indices: bool = False) -> Any:
    """A permutation p, a lower triangle l with ones on its diagonal and an upper triangle u: a = p @ l @ u.

    For a of shape (..., m, n) and k = min(m, n), l is (..., m, k) and u (..., k, n). permute_l: returns p @ l and u.
    p_indices: p is the order of the rows, with a = l[p] @ u. The factors have a derivative where the first k columns are
    independent; where they are not, asking for it raises LinAlgError.

    >>> p, l, u = nb.linalg.lu([[1.0, 2.0], [2.0, 2.0]])
    >>> l.tolist(), u.tolist()
    ([[1.0, 0.0], [0.5, 1.0]], [[2.0, 2.0], [0.0, 1.0]])
    """
    x = matrices("lu", as_node(a))
    m = x.shape[-2]
    packed, pivots = p.factors(x)
    order, l, u = _parts(x, packed, pivots)
    inverse_order: Node = argsort(order)  # type: ignore[assignment]
    if p_indices and not permute_l:
        return inverse_order, l, u
    if permute_l:
        return _rows(l, inverse_order), u
    places = constant(np.arange(m))
    matrix = equal(reshape(inverse_order, shape=(*order.shape, 1)), places)
    return cast(matrix, dtypes.to_real(x.dtype)), l, u


def _parts(x: Node, packed: Node, pivots: Node) -> tuple[Node, Node, Node]:
    """The order of the rows, and both factors of the matrix with its rows in that order."""
    order = rectangular.row_order(pivots, rows=x.shape[-2])
    l, u = outputs(rectangular.lu_parts(_rows(x, order), packed))
    return order, l, u


def _rows(x: Node, places: Node) -> Node:
    """The rows of each matrix in another order."""
    return along_axis(x, broadcast(reshape(places, shape=(*places.shape, 1)), shape=x.shape), x.ndim - 2, True) if x.size else x


@op
def lu_factor(a: ArrayLike, /) -> Any:
    """The factors of `lu` in one matrix, and the row that each row was exchanged with, in turn: what `lu_solve` takes.

    The matrix has u on its diagonal and above, and below it l without its diagonal of ones; the rows are int32. To solve and
    differentiate once, `solve` is faster.

    >>> packed, pivots = nb.linalg.lu_factor([[1.0, 2.0], [2.0, 2.0]])
    >>> packed.tolist(), pivots.tolist()
    ([[2.0, 2.0], [0.5, 1.0]], [1, 1])
    """
    x = matrices("lu_factor", as_node(a))
    m, n = x.shape[-2:]
    packed, pivots = p.factors(x)
    _, l, u = _parts(x, packed, pivots)
    ones = constant(np.eye(m, min(m, n), dtype=x.dtype))
    return fitted(l - ones, x.ndim - 1, n) + fitted(u, x.ndim - 2, m), pivots


@op
def lu_solve(lu_and_piv: Any, b: ArrayLike, /, trans: Any = 0) -> Tensor:
    """The x of a @ x = b from `lu_factor(a)`, of square matrices; leading axes broadcast.

    trans: 0 or "N" for a itself, 1 or "T" for its transpose, 2 or "C" for the conjugate of that. b as in `solve`. Raises
    LinAlgError where a is singular.

    >>> nb.linalg.lu_solve(nb.linalg.lu_factor([[0.0, 2.0], [4.0, 0.0]]), [2.0, 4.0]).tolist()
    [1.0, 1.0]
    """
    factors, exchanges = lu_and_piv
    packed, right = system("lu_solve", factors, b)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ArgumentError(f"lu_solve: trans is 0, 1, 2, 'N', 'T' or 'C'; got {trans!r}")
    n = packed.shape[-1]
    pivots = as_node(exchanges)
    if pivots.shape != packed.shape[:-1]:
        raise ShapeError(
            f"lu_solve: of factors of shape {packed.shape} the pivots have shape {packed.shape[:-1]}; got {pivots.shape}"
        )
    order = rectangular.row_order(cast(pivots, dtypes.int32), rows=n)

    inverse_order: Node = argsort(order)  # type: ignore[assignment]
    straight = trans in (0, "N")
    if trans in (2, "C"):
        packed = conjugate(packed)

    def solution(matrix: Node, columns: Node) -> Node:
        """From a[order] = l u: u x = l^-1 b[order], and for the transpose x[order] = l^-T u^-T b."""
        if straight:
            columns = _rows(columns, broadcast_to(order, matrix.shape[:-1]))
        for lower in (straight, not straight):
            columns = p.triangular_solve(matrix, columns, lower=lower, transposed=not straight, unit=lower)
        return columns if straight else _rows(columns, broadcast_to(inverse_order, matrix.shape[:-1]))

    return solved("lu_solve", solution, packed, right)


@op
def cho_factor(a: ArrayLike, /, lower: bool = False) -> Any:
    """The pair of the Cholesky factor of a and `lower`, that `cho_solve` takes. The other triangle of the factor is zero.

    Reads the upper triangle of a (with `lower`, the lower one) and raises LinAlgError as `cholesky` does.

    >>> c, lower = nb.linalg.cho_factor([[4.0, 2.0], [2.0, 5.0]])
    >>> c.tolist(), lower
    ([[2.0, 1.0], [0.0, 2.0]], False)
    """
    return cholesky(a, upper=not lower), bool(lower)


@op
def cho_solve(factor: Any, b: ArrayLike, /, *, lower: bool = True) -> Tensor:
    """The x of a @ x = b from a Cholesky factor of a.

    factor is what `cho_factor` returns, a pair of the factor and whether it is lower triangular; or it is the factor alone,
    `cholesky(a)`, or with lower=False `cholesky(a, upper=True)`. b is one vector of shape (n,) only if it has exactly one
    axis, else columns (..., n, k).

    >>> nb.linalg.cho_solve(nb.linalg.cholesky([[4.0, 0.0], [0.0, 1.0]]), [4.0, 1.0]).tolist()
    [1.0, 1.0]
    """
    if isinstance(factor, tuple) and len(factor) == 2 and isinstance(factor[1], (bool, np.bool_)):
        factor, lower = factor[0], bool(factor[1])
    first, second = (0, 2) if lower else (2, 0)
    half = solve_triangular(factor, b, first, lower)
    return solve_triangular(factor, half, second, lower)


@op
def householder_product(v: ArrayLike, tau: ArrayLike, /) -> Tensor:
    """The first n columns of the product of the reflections 1 - tau_i v_i v_i^H, in their order: Q, from what LAPACK's geqrf gives.

    v: (..., m, n) with n <= m, the vectors in columns; of the i-th, what stands above place i counts as 0, and that place as 1.
    tau: (..., k) with k <= n. Raises ShapeError for others.

    The product is written as 1 - V T V^H with a triangular T (R. Schreiber and C. Van Loan, SIAM Journal on Scientific and
    Statistical Computing 10 (1989) 53).

    >>> nb.linalg.householder_product([[1.0], [1.0]], [1.0]).tolist()
    [[0.0], [-1.0]]
    """
    x, t = pair(v, tau)
    x, t = matrices("householder_product", x), inexact(t)
    *stack, m, n = x.shape
    k = t.shape[-1] if t.ndim else -1
    if not 0 <= k <= n <= m or t.shape[:-1] != tuple(stack):
        raise ShapeError(
            f"householder_product: expected v of shape (..., m, n) with m >= n and tau of shape (..., k) with n >= k; "
            f"got {x.shape} and {t.shape}"
        )
    mask = constant(np.tril(np.ones((m, k), x.dtype), -1), x.dtype)
    top = constant(np.eye(m, k, dtype=x.dtype), x.dtype)
    vectors = cut(x, x.ndim - 1, 0, k) * mask + top
    flat = p.adjoint(vectors)
    scale = reshape(t, shape=(*t.shape, 1))
    inner = solve_triangular(scale * p.product(flat, vectors), scale * cut(flat, x.ndim - 1, 0, n), unit_diagonal=True)
    return constant(np.eye(m, n, dtype=x.dtype), x.dtype) - p.product(vectors, as_node(inner))
