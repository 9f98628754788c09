"""The incomplete gamma and beta functions, with their derivatives in the parameters to second order.

gammainc(a, x, order=i) is the i-th derivative of P(a, x) in a; betainc(a, b, x, order_a=i, order_b=j) likewise. In x the
derivative is the density, an elementary function of everything, whose own derivatives are products: so that every
order in x, and with it every mixed one that has no more than two in the parameters, is there.
"""

from __future__ import annotations

from typing import Any

from nabla.graph.node import Node
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.formulas import log1p, log_, polygamma, square
from nabla.primitives.special import beyond

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
    return log_(x) - polygamma(a, n=0) + polygamma(a + b, n=0)


def _score_b(a: Node, b: Node, x: Node) -> Node:
    return log1p(-x) - polygamma(b, n=0) + polygamma(a + b, n=0)


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
        return density * (square(_score_a(a, b, x)) - polygamma(a, n=1) + polygamma(a + b, n=1))
    if order_b == 2:
        return density * (square(_score_b(a, b, x)) - polygamma(b, n=1) + polygamma(a + b, n=1))
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
