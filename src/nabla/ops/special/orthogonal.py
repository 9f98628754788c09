"""Values of the classical polynomials. Names and argument orders are SciPy's.

The degree n is a whole number, or a tensor of integers, and has no derivative. In x they can be differentiated to any order, in
the parameters alpha and beta to the second in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import DTypeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, op, reals
from nabla.primitives import hypergeometric as p
from nabla.primitives.shape import cast

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _degree(name: str, n: ArrayLike, *inputs: ArrayLike) -> list[Node]:
    """The degree, which has to be a whole number, and the other arguments."""
    nodes = reals(name, *inputs)
    if isinstance(n, float) and n.is_integer():
        n = int(n)
    degree = as_node(n)
    if degree.dtype.kind not in "iu":
        given = n if isinstance(n, float) else degree.dtype
        raise DTypeError(f"{name}: the degree n is a whole number or a tensor of integers; got {given}")
    return [cast(degree, nodes[0].dtype), *nodes]


def _classical(kind: str, n: ArrayLike, x: ArrayLike) -> Tensor:
    return p.classical(*_degree("eval_" + kind, n, x), kind=kind)  # type: ignore[return-value]


@op
def eval_legendre(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Legendre polynomial P_n(x).

    >>> nb.allclose(nb.special.eval_legendre(2, 0.5), -0.125)
    True
    """
    return _classical("legendre", n, x)


@op
def eval_chebyt(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial of the first kind T_n(x).

    >>> nb.allclose(nb.special.eval_chebyt(2, 0.5), -0.5)
    True
    """
    return _classical("chebyt", n, x)


@op
def eval_chebyu(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial of the second kind U_n(x).

    >>> nb.allclose(nb.special.eval_chebyu(2, 0.5), 0.0)
    True
    """
    return _classical("chebyu", n, x)


@op
def eval_hermite(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The physicists' Hermite polynomial H_n(x).

    >>> nb.allclose(nb.special.eval_hermite(2, 1.0), 2.0)
    True
    """
    return _classical("hermite", n, x)


@op
def eval_hermitenorm(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The probabilists' Hermite polynomial He_n(x).

    >>> nb.allclose(nb.special.eval_hermitenorm(2, 1.0), 0.0)
    True
    """
    return _classical("hermitenorm", n, x)


@op
def eval_laguerre(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Laguerre polynomial L_n(x).

    >>> nb.allclose(nb.special.eval_laguerre(2, 1.0), -0.5)
    True
    """
    return _classical("laguerre", n, x)


@op
def eval_gegenbauer(n: ArrayLike, alpha: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Gegenbauer polynomial C_n^(alpha)(x).

    >>> nb.allclose(nb.special.eval_gegenbauer(2, 0.5, 0.5), -0.125)
    True
    """
    return p.gegenbauer(*_degree("eval_gegenbauer", n, alpha, x), orders=(0,))  # type: ignore[return-value]


@op
def eval_genlaguerre(n: ArrayLike, alpha: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The generalised Laguerre polynomial L_n^(alpha)(x).

    >>> nb.allclose(nb.special.eval_genlaguerre(1, 2.0, 0.5), 2.5)
    True
    """
    return p.genlaguerre(*_degree("eval_genlaguerre", n, alpha, x), orders=(0,))  # type: ignore[return-value]


@op
def eval_jacobi(n: ArrayLike, alpha: ArrayLike, beta: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Jacobi polynomial P_n^(alpha, beta)(x).

    >>> nb.allclose(nb.special.eval_jacobi(2, 0.0, 0.0, 0.5), -0.125)
    True
    """
    return p.jacobi(*_degree("eval_jacobi", n, alpha, beta, x), orders=(0, 0))  # type: ignore[return-value]
