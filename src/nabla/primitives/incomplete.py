"""The incomplete gamma and beta functions, with their derivatives in the parameters to second order.

gammainc(a, x, order=i) is the i-th derivative of P(a, x) in a; betainc(a, b, x, order_a=i, order_b=j) likewise. In x the
derivative is the density, an elementary function of everything, whose own derivatives are products: so that every
order in x, and with it every mixed one that has no more than two in the parameters, is there.
"""

from __future__ import annotations

from typing import Any

from nabla.graph.node import Node
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.formulas import exp, like, log1p, log_, polygamma, square
from nabla.primitives.special import betaln, beyond, polygamma_rise

# ---- gamma ----------------------------------------------------------------------------------------------------


def _score(a: Node, x: Node) -> Node:
    """The derivative of the logarithm of the gamma density in a."""
    return log_(x) - polygamma(a, n=0)


gamma_density = Elementwise(
    "gamma_density",
    lambda out, a, x: out * _score(a, x),
    lambda out, a, x: out * ((a - 1.0 - x) / x),
    kinds="f",
)


def _gammainc_da(out: Node, a: Node, x: Node, order: int) -> Node:
    if order == 2:
        raise beyond("gammainc", "a", 2)
    return gammainc(a, x, order=order + 1)


def _gammainc_dx(out: Node, a: Node, x: Node, order: int) -> Node:
    density = gamma_density(a, x)
    if order == 0:
        return density
    score = _score(a, x)
    return density * score if order == 1 else density * (square(score) - polygamma(a, n=1))


gammainc = Elementwise("gammainc", _gammainc_da, _gammainc_dx, kinds="f")
gammaincc = Elementwise(
    "gammaincc",
    lambda out, a, x: -gammainc(a, x, order=1),
    lambda out, a, x: -gamma_density(a, x),
    kinds="f",
)

# ---- beta -----------------------------------------------------------------------------------------------------


def _score_a(a: Node, b: Node, x: Node) -> Node:
    """The derivative of the logarithm of the beta density in a."""
    return log_(x) + polygamma_rise(a, b, n=0)


def _score_b(a: Node, b: Node, x: Node) -> Node:
    return log1p(-x) + polygamma_rise(b, a, n=0)


beta_density = Elementwise(
    "beta_density",
    lambda out, a, b, x: out * _score_a(a, b, x),
    lambda out, a, b, x: out * _score_b(a, b, x),
    lambda out, a, b, x: out * ((a - 1.0) / x - (b - 1.0) / (1.0 - x)),
    kinds="f",
)


def _betainc_da(out: Node, a: Node, b: Node, x: Node, order_a: int, order_b: int) -> Node:
    if order_a + order_b == 2:
        raise beyond("betainc", "a", 2)
    return betainc(a, b, x, order_a=order_a + 1, order_b=order_b)


def _betainc_db(out: Node, a: Node, b: Node, x: Node, order_a: int, order_b: int) -> Node:
    if order_a + order_b == 2:
        raise beyond("betainc", "b", 2)
    return betainc(a, b, x, order_a=order_a, order_b=order_b + 1)


def _betainc_dx(out: Node, a: Node, b: Node, x: Node, order_a: int, order_b: int) -> Node:
    density = beta_density(a, b, x)
    if order_a == 1:
        factor = _score_a(a, b, x)
        return density * (factor * _score_b(a, b, x) + polygamma(a + b, n=1)) if order_b else density * factor
    if order_a == 2:
        return density * (square(_score_a(a, b, x)) + polygamma_rise(a, b, n=1))
    if order_b == 2:
        return density * (square(_score_b(a, b, x)) + polygamma_rise(b, a, n=1))
    return density * _score_b(a, b, x) if order_b else density


betainc = Elementwise("betainc", _betainc_da, _betainc_db, _betainc_dx, kinds="f")
betaincc = Elementwise(
    "betaincc",
    lambda out, a, b, x: -betainc(a, b, x, order_a=1, order_b=0),
    lambda out, a, b, x: -betainc(a, b, x, order_a=0, order_b=1),
    lambda out, a, b, x: -beta_density(a, b, x),
    kinds="f",
)


# ---- inverses: where P(a, x) = p, dx = (dp - P_a da) / P_x ----------------------------------------------------


def _gammainv(name: str, sign: float) -> Elementwise:
    def da(out: Node, a: Node, p: Node) -> Node:
        return -gammainc(a, out, order=1) / gamma_density(a, out)

    def dp(out: Node, a: Node, p: Node) -> Node:
        return sign / gamma_density(a, out)

    return Elementwise(name, da, dp, kinds="f")


def _betainv(name: str, sign: float) -> Elementwise:
    def partial(**orders: Any) -> Any:
        return lambda out, a, b, p: -betainc(a, b, out, **orders) / beta_density(a, b, out)

    def dp(out: Node, a: Node, b: Node, p: Node) -> Node:
        return sign / beta_density(a, b, out)

    return Elementwise(name, partial(order_a=1, order_b=0), partial(order_a=0, order_b=1), dp, kinds="f")


gammaincinv = _gammainv("gammaincinv", 1.0)
gammainccinv = _gammainv("gammainccinv", -1.0)
betaincinv = _betainv("betaincinv", 1.0)
betainccinv = _betainv("betainccinv", -1.0)

# ---- inverses in a parameter: where P(a, x) = p, da = (dp - P_x dx) / P_a ------------------------------------


def _gamma_shape_dx(out: Node, p: Node, x: Node) -> Node:
    return -gamma_density(out, x) / gammainc(out, x, order=1)


gamma_shape = Elementwise("gamma_shape", lambda out, p, x: 1.0 / gammainc(out, x, order=1), _gamma_shape_dx, kinds="f")


def _beta_slope(a: Node, b: Node, x: Node, in_a: bool) -> Node:
    return betainc(a, b, x, order_a=int(in_a), order_b=int(not in_a))


btdtria = Elementwise(
    "btdtria",
    lambda out, p, b, x: 1.0 / _beta_slope(out, b, x, True),
    lambda out, p, b, x: -_beta_slope(out, b, x, False) / _beta_slope(out, b, x, True),
    lambda out, p, b, x: -beta_density(out, b, x) / _beta_slope(out, b, x, True),
    kinds="f",
)
btdtrib = Elementwise(
    "btdtrib",
    lambda out, a, p, x: -_beta_slope(a, out, x, True) / _beta_slope(a, out, x, False),
    lambda out, a, p, x: 1.0 / _beta_slope(a, out, x, False),
    lambda out, a, p, x: -beta_density(a, out, x) / _beta_slope(a, out, x, False),
    kinds="f",
)

# ---- Student's distribution: as an incomplete beta function it would be inf * 0 at t = 0 -----------------------


def _student_density(v: Node, t: Node) -> Node:
    return exp(-betaln(0.5 * v, like(v, 0.5)) - 0.5 * (log_(v) + (v + 1.0) * log1p(square(t) / v)))


def _student_score(v: Node, t: Node) -> Node:
    """The derivative of the logarithm of the density in the degrees of freedom."""
    part = square(t) / v
    rest = part / (1.0 + part) * (1.0 + 1.0 / v) - log1p(part)
    return 0.5 * (polygamma_rise(0.5 * v, like(v, 0.5), n=0) - 1.0 / v + rest)


def _student_curve(v: Node, t: Node) -> Node:
    """The derivative of the score."""
    part = square(t) / v
    share = part / (1.0 + part)
    rest = square(share) / v - (share + share / (1.0 + part) - 1.0) / square(v)
    return 0.5 * (0.5 * polygamma_rise(0.5 * v, like(v, 0.5), n=1) + rest)


def _stdtr_dv(out: Node, v: Node, t: Node, order: int) -> Node:
    if order == 2:
        raise beyond("stdtr", "df", 2)
    return stdtr(v, t, order=order + 1)


def _stdtr_dt(out: Node, v: Node, t: Node, order: int) -> Node:
    density = _student_density(v, t)
    if order == 0:
        return density
    score = _student_score(v, t)
    return density * (score if order == 1 else square(score) + _student_curve(v, t))


stdtr = Elementwise("stdtr", _stdtr_dv, _stdtr_dt, kinds="f")
stdtrit = Elementwise(
    "stdtrit",
    lambda out, v, p: -stdtr(v, out, order=1) / _student_density(v, out),
    lambda out, v, p: 1.0 / _student_density(v, out),
    kinds="f",
)
stdtridf = Elementwise(
    "stdtridf",
    lambda out, p, t: 1.0 / stdtr(out, t, order=1),
    lambda out, p, t: -_student_density(out, t) / stdtr(out, t, order=1),
    kinds="f",
)
