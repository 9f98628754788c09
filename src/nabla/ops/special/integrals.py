"""Special functions: integrals of exponentials and logarithms. Names and argument orders are SciPy's.

They take real numbers (exp1, expi and spence also complex ones); integers and booleans become floats.
Derivatives of every order exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, op, real_floats, unary
from nabla.primitives import special as s
from nabla.primitives.holomorphic import either

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@unary(either(s.exp1))
def exp1(x: ArrayLike, /) -> Tensor:
    """The integral of exp(-t) / t from x to infinity. At 0 it is inf and its derivative -inf; NaN for negative real x.
    Of complex numbers it is the principal branch, cut along the negative real axis.

    >>> nb.allclose(nb.special.exp1(1.0), 0.21938393439552029)
    True
    """


@unary(either(s.expi))
def expi(x: ArrayLike, /) -> Tensor:
    """The principal value of the integral of exp(t) / t from -infinity to x; -inf at 0.

    >>> nb.allclose(nb.special.expi(1.0), 1.8951178163559368)
    True
    """


@op
def expn(n: int, x: ArrayLike, /) -> Tensor:
    """The integral of exp(-x t) / t**n from t = 1 to infinity, for a whole number n from 0 on and x >= 0.

    >>> float(nb.special.expn(2, 0.0))
    1.0
    """
    return s.expn(real_floats("expn", x), n=integer("expn", "n", n, 0))


@op
def exprel(x: ArrayLike, /) -> Tensor:
    """(exp(x) - 1) / x, and 1 at 0, with right derivatives of every order there, too.

    >>> float(nb.grad(nb.special.exprel)(0.0))
    0.5
    """
    return s.exprel(real_floats("exprel", x), n=0)


@unary(either(s.spence))
def spence(x: ArrayLike, /) -> Tensor:
    """The dilogarithm of 1 - x: the integral of log(t) / (1 - t) from 1 to x. NaN for negative real x.
    Of complex numbers it is the principal branch, cut along the negative real axis.

    >>> float(nb.grad(nb.special.spence)(1.0))
    -1.0
    """
