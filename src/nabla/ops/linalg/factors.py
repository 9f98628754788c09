"""Factors of matrices: Cholesky, LU, QR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.checks import square
from nabla.primitives import linalg as p
from nabla.primitives.shape import swap_last

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
