"""Factors of matrices: Cholesky, LU, QR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nabla.errors import ArgumentError
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.checks import matrices, square
from nabla.ops.linalg.spectra import completed
from nabla.primitives import linalg as p, rectangular
from nabla.primitives.base import zeros
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import swap_last
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
