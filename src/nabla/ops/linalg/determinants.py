"""Determinants and their logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.checks import square
from nabla.primitives import linalg as p
from nabla.primitives.structure import outputs

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def det(a: ArrayLike, /) -> Tensor:
    """The determinant of each square matrix; that of a 0 by 0 matrix is 1.

    Its derivatives of every order are right for singular matrices too. Raises ShapeError for matrices that are not square.

    >>> nb.linalg.det([[1.0, 2.0], [3.0, 5.0]]).round(9).item()
    -1.0
    >>> nb.grad(nb.linalg.det)(nb.ones((2, 2))).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return p.det(square("det", as_node(a)))


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
    a = square("slogdet", as_node(a))
    return SlogdetResult(*outputs(p.slogdet(a, *p.factors(a))))
