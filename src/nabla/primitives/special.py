"""Elementwise primitives of special functions: a name and its partial derivatives, one per argument.

A primitive that is named as a ufunc of scipy.special is computed by it: engines/numpy/special.py lists them. Static
parameters (a whole-number order) come before the inputs, as in SciPy: expn(n, x) is the primitive `expn` with n=2.

The functions that rules are made of most often (exp, erf, gammaln, polygamma) stand in formulas.py; those whose
derivatives in a parameter are functions of their own, in incomplete.py.

Notation: x, y inputs, out result; n, order static parameters.
"""

from __future__ import annotations

from math import pi, sqrt as root

from nabla.errors import NotDifferentiableError, user_line
from nabla.graph.node import Node
from nabla.primitives.elementwise import ZERO, Binary, Elementwise, Unary
from nabla.primitives.formulas import (
    Family,
    equal,
    erf,
    exp,
    floor,
    greater,
    less,
    less_equal,
    like,
    log_,
    logical_and,
    polygamma,
    select,
    square,
    zero_of,
)


def beyond(name: str, argument: str, known: int) -> NotDifferentiableError:
    """The error of a partial derivative of higher order than is known: raise it inside the partial."""
    order = {0: "has no derivative", 1: "has its first derivative only", 2: "has its first and second derivative only"}[known]
    return NotDifferentiableError(
        f"{name} {order} in its argument {argument}; one more was asked for (at {user_line()}). "
        f"Write nb.detach({argument}) if the derivative should not flow through it."
    )


def gauss(x: Node) -> Node:
    """The density of the standard normal distribution."""
    return exp(-0.5 * square(x)) * (1.0 / root(2.0 * pi))


def _mills(out: Node, x: Node) -> Node:
    """gauss(x) / ndtr(x): left of 0 by erfcx, since both underflow there."""
    zero = zero_of(x)
    right = greater(x, zero)
    left_part = root(2.0 / pi) / erfcx(select(right, zero, x) * -root(0.5), n=0)
    return select(right, gauss(x) / ndtr(x), left_part)


# fmt: off
# Gamma
gamma    = Unary("gamma", lambda out, x: out * polygamma(x, n=0), kinds="f")
rgamma   = Family("rgamma", lambda out, x, n: rgamma(x, n=n + 1), kinds="f")  # the n-th derivative of 1/gamma, entire
gammasgn = Unary("gammasgn", ZERO, kinds="f")
polygamma_rise = Elementwise("polygamma_rise", lambda out, x, y, n: polygamma_rise(x, y, n=n + 1),
                  lambda out, x, y, n: polygamma(x + y, n=n + 1), kinds="f")  # polygamma(n, x + y) - polygamma(n, x)
poch     = Binary("poch", lambda out, x, m: _poch_by_first(out, x, m),
                  lambda out, x, m: out * polygamma(x + m, n=0), kinds="f")
binom    = Binary("binom", lambda out, x, k: out * polygamma_rise(x - k + 1.0, k, n=0),
                  lambda out, x, k: out * polygamma_rise(k + 1.0, x - 2.0 * k, n=0), kinds="f")
beta     = Binary("beta", lambda out, x, y: -out * polygamma_rise(x, y, n=0),
                  lambda out, x, y: -out * polygamma_rise(y, x, n=0), kinds="f")
betaln   = Binary("betaln", lambda out, x, y: -polygamma_rise(x, y, n=0),
                  lambda out, x, y: -polygamma_rise(y, x, n=0), kinds="f")

# Error functions. erfcx and dawsn are their n-th derivatives, which their recurrences lose from 2 x out - 2/sqrt(pi) on
erfcx    = Family("erfcx", lambda out, x, n: erfcx(x, n=n + 1), kinds="f")
dawsn    = Family("dawsn", lambda out, x, n: dawsn(x, n=n + 1), kinds="f")
erfi     = Unary("erfi", lambda out, x: exp(square(x)) * (2.0 / root(pi)), kinds="f")
erfinv   = Unary("erfinv", lambda out, x: exp(square(out)) * (root(pi) / 2.0), kinds="f")
erfcinv  = Unary("erfcinv", lambda out, x: exp(square(out)) * (-root(pi) / 2.0), kinds="f")
ndtr     = Unary("ndtr", lambda out, x: gauss(x), kinds="f")
ndtri    = Unary("ndtri", lambda out, x: exp(0.5 * square(out)) * root(2.0 * pi), kinds="f")
log_ndtr = Unary("log_ndtr", _mills, kinds="f")
ndtri_exp = Unary("ndtri_exp", lambda out, x: 1.0 / _mills(x, out), kinds="f")
owens_t  = Binary("owens_t", lambda out, x, y: -0.5 * gauss(x) * erf(x * y * root(0.5)),
                  lambda out, x, y: exp(-0.5 * square(x) * (1.0 + square(y))) / (2.0 * pi * (1.0 + square(y))), kinds="f")

# Integrals of exponentials and logarithms
exp1     = Unary("exp1", lambda out, x: -exp(-x) / x, kinds="f")
expi     = Unary("expi", lambda out, x: exp(x) / x, kinds="f")
expn     = Family("expn", lambda out, x, n: -expn(x, n=n - 1) if n else -out * (1.0 + 1.0 / x), kinds="f")
exprel   = Family("exprel", lambda out, x, n: exprel(x, n=n + 1), kinds="f")  # the n-th derivative of (exp(x) - 1) / x
logrel   = Family("logrel", lambda out, x, n: logrel(x, n=n + 1), kinds="f")  # the n-th derivative of log(1 + x) / x
spence   = Unary("spence", lambda out, x: _spence_slope(x), kinds="f")
# fmt: on


def _spence_slope(x: Node) -> Node:
    """log(x) / (1 - x): as it stands near 0, where x - 1 would lose digits; near 1 without the 0/0."""
    low = less(x, like(x, 0.5))
    return select(low, log_(x) / (1.0 - x), -logrel(select(low, like(x, 1.0), x) - 1.0, n=0))


def _pole(x: Node) -> Node:
    """Whether x is one of 0, -1, -2, ..."""
    return logical_and(less_equal(x, zero_of(x)), equal(x, floor(x)))


def _poch_by_first(out: Node, x: Node, m: Node) -> Node:
    """At the poles of gamma(x) by 1/gamma, which is smooth; where gamma(x + m) has one, too, by both functions mirrored."""
    first, both = _pole(x), logical_and(_pole(x), _pole(x + m))
    one = like(x, 1.0)
    plain = out * polygamma_rise(select(first, one, x), m, n=0)
    mirrored = out * polygamma_rise(1.0 - select(both, x, one), select(both, -m, one), n=0)
    last = select(both, one, x + m)
    smooth = gamma(last) * (rgamma(x, n=1) + rgamma(x, n=0) * polygamma(last, n=0))  # the last term is 0, its derivatives are not
    return select(both, mirrored, select(first, smooth, plain))


# Kolmogorov's distribution: DLMF 20.7.32 between the two series


def _kolmogorov_density(x: Node) -> Node:
    """8 x times the alternating sum of k**2 exp(-2 k**2 x**2); for x < 1 by the other series of the theta function."""
    small = less(x, like(x, 1.0))
    far = select(small, like(x, 1.0), x)
    total: Node | float = 0.0
    for k in range(4, 0, -1):
        total = total + (-1.0) ** (k - 1) * k * k * exp(-2.0 * k * k * square(far))
    vanishing = less(x, like(x, 0.04))  # it is below 1e-300 there
    near = select(small, select(vanishing, like(x, 0.04), x), like(x, 1.0))
    other: Node | float = 0.0
    for k in (5, 3, 1):
        rate = k * k * pi * pi / 8.0
        other = other + (2.0 * rate / square(near) - 1.0) * exp(-rate / square(near))
    other = select(vanishing, zero_of(x), root(2.0 * pi) * other / square(near))
    return select(small, other, 8.0 * far * total)


kolmogorov = Unary("kolmogorov", lambda out, x: -_kolmogorov_density(x), kinds="f")
kolmogi = Unary("kolmogi", lambda out, p: -1.0 / _kolmogorov_density(out), kinds="f")


# zeta: order counts the derivatives in the first argument


def _zeta_dx(out: Node, x: Node, q: Node, order: int) -> Node:
    if order == 2:
        raise beyond("zeta", "x", 2)
    return zeta(x, q, order=order + 1)


def _zeta_dq(out: Node, x: Node, q: Node, order: int) -> Node:
    """-x zeta(x + 1, q), differentiated in x by the product rule."""
    slope = -x * zeta(x + 1.0, q, order=order)
    return slope - order * zeta(x + 1.0, q, order=order - 1) if order else slope


zeta = Elementwise("zeta", _zeta_dx, _zeta_dq, kinds="f")

# Riemann's, on the whole real line
riemann_zeta = Family("riemann_zeta", lambda out, x, n: riemann_zeta(x, n=n + 1), kinds="f")  # the n-th derivative
zetac = Unary("zetac", lambda out, x: riemann_zeta(x, n=1), kinds="f")
