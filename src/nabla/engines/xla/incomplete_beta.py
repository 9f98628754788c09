"""XLA kernels: the incomplete beta function. The method is that of incomplete.py, and of the NumPy engine
(engines/numpy/incomplete_beta.py), which computes the derivatives in the parameters: XLA would compile these for many seconds.

Points right of 1/2 are mirrored: I(a, b, x) = 1 - I(b, a, 1 - x). Notation: y = 1 - x, and u = log(t / (1 - t)) is
what is integrated over.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from nabla.engines.numpy.incomplete import DEPTH
from nabla.engines.xla import host, transcendental as t
from nabla.engines.xla.double import in_double, integrated, log1pmx, repeated
from nabla.engines.xla.gamma import digamma
from nabla.engines.xla.incomplete import expm1mx, log_less_line, stirling
from nabla.engines.xla.kernel import Kernel, jnp
from nabla.primitives import incomplete as i
from nabla.primitives.base import Primitive


def _power(a: Any, b: Any, x: Any, y: Any) -> Any:
    """x**a y**b / (a beta(a, b)): Stirling's formula three times, with what it leaves out."""
    total = a + b
    gap = b * x - a * y
    few = jnp.maximum(a, 1e-290)
    exponent = few * log_less_line(total * x / few, gap / few) + b * log_less_line(total * y / b, -gap / b)
    return jnp.exp(exponent) * stirling(total) / (stirling(a) * stirling(b)) * (b / total) / sqrt(2.0 * pi)


def _sum(a: Any, b: Any, x: Any) -> Any:
    """For b x < 1 or b < 1 the sum of (1-b)_n x**n a / (n! (a+n)) over n > 0, DLMF 8.17.7."""

    def term(n: Any, state: Any) -> Any:
        total, c = state
        c = c * ((n - b) / n * x)
        return total + c * (a / (a + n)), c

    return repeated(1, 63, term, (jnp.zeros_like(x), jnp.ones_like(x)))[0]


def _rest_of_series(a: Any, b: Any, x: Any, total: Any) -> Any:
    """1 - I for a < 1/2, where I may be so close to 1 that it is lost in it: the logarithm of x**a / (a beta(a, b)), of
    the size of a, is a times the mean over a of its derivative."""
    mean = integrated(lambda u: digamma(1.0 + b + a * u) - digamma(1.0 + a * u), x, points=10)
    exponent = a * (jnp.log(x) + mean) - t.log1p(a / b)
    return -jnp.expm1(exponent) - jnp.exp(exponent) * total


def _tail(a: Any, b: Any, x: Any, power: Any) -> tuple[Any, Any]:
    """Whether x is left of the mean, and that tail: I there, elsewhere 1 - I."""
    y = 1.0 - x
    total = a + b
    tilt = a * y - b * x
    left = tilt > 0.0
    side = jnp.where(left, -1.0, 1.0)
    # At distance s from x in u the integrand has fallen by tilt s + total (bend), a convex function.
    tilt = jnp.abs(tilt)

    def fall(s: Any) -> Any:
        grown = x * jnp.expm1(side * s)
        near = s < 0.7  # both forms are log(1 + grown) - x side s
        bend = jnp.where(near, log1pmx(jnp.where(near, grown, 0.0)) + x * expm1mx(side * s), t.log1p(grown) - x * side * s)
        return tilt * s + total * bend

    reach = jnp.where(left, (DEPTH - total * t.log1p(-x)) / jnp.maximum(a, 0.1), (DEPTH - total * jnp.log(x)) / b)
    gaussian = jnp.sqrt(6.0 * DEPTH / (total * x * y))
    reach = jnp.minimum(reach, jnp.where(gaussian <= 1.0, gaussian, jnp.inf))

    def newton(_: Any, reach: Any) -> Any:
        grown = x * jnp.exp(side * reach)
        return reach - (fall(reach) - DEPTH) / (side * (total * grown / (y + grown) - a))

    reach = repeated(1, 8, newton, reach)
    return left, a * power * reach * integrated(lambda u: jnp.exp(-fall(reach * u)), x)


def _lower_half(a: Any, b: Any, x: Any) -> tuple[Any, Any]:
    """I and 1 - I for x <= 1/2."""
    near = (b * x <= 1.0) | (b <= 1.0)
    power = _power(a, b, x, 1.0 - x)
    b_near = jnp.where(near, b, 1.0)
    total = _sum(a, b_near, x)
    p = power * jnp.exp(-b_near * t.log1p(-x)) * (1.0 + total)
    q = jnp.where(a < 0.5, _rest_of_series(jnp.minimum(a, 0.5), b_near, x, total), 1.0 - p)
    left, tail = _tail(jnp.where(near, 1.0, a), jnp.where(near, 2.0, b), jnp.where(near, 0.5, x), power)
    found_p, found_q = jnp.where(left, tail, 1.0 - tail), jnp.where(left, 1.0 - tail, tail)
    return jnp.where(near, p, found_p), jnp.where(near, q, found_q)


def _of_both_sides(a: Any, b: Any, x: Any, upper: bool = False) -> Any:
    a, b, x = jnp.broadcast_arrays(a, b, x)
    proper = (a >= 0.0) & (b >= 0.0) & (x >= 0.0) & (x <= 1.0) & (a + b > 0.0) & ~((a == jnp.inf) & (b == jnp.inf))
    inside = (a > 0.0) & (b > 0.0) & (a + b < jnp.inf) & (x > 0.0) & (x < 1.0)
    turned = x > 0.5
    first, second = [jnp.where(inside, z, 1.0) for z in (jnp.where(turned, b, a), jnp.where(turned, a, b))]
    p, q = _lower_half(first, second, jnp.where(inside, jnp.where(turned, 1.0 - x, x), 0.5))
    found = jnp.where(turned, p, q) if upper else jnp.where(turned, q, p)
    # At an end, or with a parameter at an end, all lies on one side of x.
    below = jnp.where(x == 0.0, 0.0, jnp.where(x == 1.0, 1.0, jnp.where((a == 0.0) | (b == jnp.inf), 1.0, 0.0)))
    return jnp.where(proper, jnp.where(inside, found, 1.0 - below if upper else below), jnp.nan)


def _betainc(a: Any, b: Any, x: Any, order_a: int, order_b: int) -> Any:
    if order_a + order_b == 0:
        return in_double(_of_both_sides)(a, b, x)
    shape = np.broadcast_shapes(a.shape, b.shape, x.shape)
    return host.call(i.betainc, shape, np.dtype(x.dtype), a, b, x, order_a=order_a, order_b=order_b)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """x**(a-1) (1-x)**(b-1) / beta(a, b)."""
    inside = (x > 0.0) & (x < 1.0)
    z = jnp.where(inside, x, 0.5)
    found = _power(a, b, z, 1.0 - z) * (a / (z * (1.0 - z)))
    own, other = jnp.where(x == 0.0, a, b), jnp.where(x == 0.0, b, a)
    at_end = jnp.where(own > 1.0, 0.0, jnp.where(own == 1.0, other, jnp.inf))
    found = jnp.where(inside, found, jnp.where((x == 0.0) | (x == 1.0), at_end, jnp.nan))
    return jnp.where((a >= 0.0) & (b >= 0.0), found, jnp.nan)


KERNELS: dict[Primitive, Kernel] = {
    i.betainc: _betainc,
    i.betaincc: in_double(lambda a, b, x: _of_both_sides(a, b, x, upper=True)),
    i.beta_density: in_double(_beta_density),
}
