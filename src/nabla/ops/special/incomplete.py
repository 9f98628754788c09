"""Special functions: the incomplete gamma and beta functions and their inverses. Names and argument orders are SciPy's.

They take real numbers only; integers and booleans become floats of the default dtype. Derivatives in the last argument
are of every order; in the parameters, together, there are those of first and second order, and asking for one more
raises NotDifferentiableError. Where x is at an end of the domain, derivatives are the limits from inside or NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.lift import ArrayLike, op, reals
from nabla.primitives import incomplete as p

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def gammainc(a: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The regularised lower incomplete gamma function P(a, x), for a and x from 0 on.

    >>> nb.allclose(nb.special.gammainc(1.0, 1.0), 1 - np.exp(-1.0))
    True
    """
    return p.gammainc(*reals("gammainc", a, x), order=0)


@op
def gammaincc(a: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The regularised upper incomplete gamma function 1 - P(a, x), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.gammaincc(1.0, 700.0), np.exp(-700.0))
    True
    """
    return p.gammaincc(*reals("gammaincc", a, x))


@op
def gammaincinv(a: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The x for which gammainc(a, x) = y.

    >>> nb.allclose(nb.special.gammaincinv(1.0, 0.5), np.log(2.0))
    True
    """
    return p.gammaincinv(*reals("gammaincinv", a, y))


@op
def gammainccinv(a: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The x for which gammaincc(a, x) = y.

    >>> nb.allclose(nb.special.gammainccinv(1.0, 0.5), np.log(2.0))
    True
    """
    return p.gammainccinv(*reals("gammainccinv", a, y))


@op
def betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The regularised incomplete beta function, for a and b from 0 on and x from 0 to 1.

    >>> nb.allclose(nb.special.betainc(1.0, 2.0, 0.5), 0.75)
    True
    """
    return p.betainc(*reals("betainc", a, b, x), order_a=0, order_b=0)


@op
def betaincc(a: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """1 - betainc(a, b, x), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.betaincc(1.0, 2.0, 0.5), 0.25)
    True
    """
    return p.betaincc(*reals("betaincc", a, b, x))


@op
def betaincinv(a: ArrayLike, b: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The x for which betainc(a, b, x) = y.

    >>> nb.allclose(nb.special.betaincinv(1.0, 2.0, 0.75), 0.5)
    True
    """
    return p.betaincinv(*reals("betaincinv", a, b, y))


@op
def betainccinv(a: ArrayLike, b: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The x for which betaincc(a, b, x) = y.

    >>> nb.allclose(nb.special.betainccinv(1.0, 2.0, 0.25), 0.5)
    True
    """
    return p.betainccinv(*reals("betainccinv", a, b, y))
