"""Factors of matrices: Cholesky, LU, QR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.checks import matrices, square
from nabla.ops.linalg.solving import solve_triangular
from nabla.ops.linalg.spectra import completed
from nabla.ops.sorting import argsort
from nabla.primitives import linalg as p, rectangular
from nabla.primitives.base import constant, zeros
from nabla.primitives.formulas import equal
from nabla.primitives.indexing import along_axis
from nabla.primitives.joining import concat, cut, fitted
from nabla.primitives.shape import broadcast, cast, reshape, swap_last
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
        return swap_last(p.cholesky(swap_last(a)))  # type: ignore[return-value]
    return p.cholesky(a)  # type: ignore[return-value]


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
    p_indices: p is the order of the rows, with a = l[p] @ u. Differentiating needs the first k columns to be
    independent, and so do values where m > n; else LinAlgError is raised.

    >>> p, l, u = nb.linalg.lu([[1.0, 2.0], [2.0, 2.0]])
    >>> l.tolist(), u.tolist()
    ([[1.0, 0.0], [0.5, 1.0]], [[2.0, 2.0], [0.0, 1.0]])
    """
    x = matrices("lu", as_node(a))
    m, n = x.shape[-2:]
    rows, columns = x.ndim - 2, x.ndim - 1
    packed, pivots = outputs(p.lu(fitted(x, columns, m)))
    order = rectangular.row_order(pivots)
    k = min(m, n)
    sorted_rows = along_axis(x, broadcast(reshape(order, shape=(*order.shape, 1)), shape=x.shape), rows) if x.size else x
    square_part = cut(cut(sorted_rows, rows, 0, k), columns, 0, k)
    l, u = outputs(rectangular.lu_parts(square_part, cut(cut(packed, rows, 0, k), columns, 0, k)))
    if m > n:
        rest = swap_last(cut(sorted_rows, rows, k, m))
        below = p.triangular_solve(u, rest, lower=False, transposed=True, unit=False)
        l = concat(l, swap_last(below), axis=rows)
    elif n > m:
        rest = cut(sorted_rows, columns, k, n)
        u = concat(u, p.triangular_solve(l, rest, lower=True, transposed=False, unit=True), axis=columns)
    inverse_order: Node = argsort(order)  # type: ignore[assignment]
    if p_indices and not permute_l:
        return inverse_order, l, u
    if permute_l:
        back = broadcast(reshape(inverse_order, shape=(*order.shape, 1)), shape=l.shape)
        return (along_axis(l, back, rows) if l.size else l), u
    places = constant(np.arange(m))
    matrix = equal(reshape(inverse_order, shape=(*order.shape, 1)), places)
    return cast(matrix, dtypes.to_real(x.dtype)), l, u


@op
def cho_solve(factor: ArrayLike, b: ArrayLike, /, *, lower: bool = True) -> Tensor:
    """The x of a @ x = b from the Cholesky factor of a: `cholesky(a)`, or with lower=False `cholesky(a, upper=True)`.

    b is one vector of shape (n,) only if it has exactly one axis, else columns (..., n, k).

    >>> nb.linalg.cho_solve(nb.linalg.cholesky([[4.0, 0.0], [0.0, 1.0]]), [4.0, 1.0]).tolist()
    [1.0, 1.0]
    """
    first, second = (0, 2) if lower else (2, 0)
    half = solve_triangular(factor, b, first, lower)
    return solve_triangular(factor, half, second, lower)
