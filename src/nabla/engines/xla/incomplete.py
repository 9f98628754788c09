"""XLA kernels: the incomplete gamma function and its derivatives in the parameter, in float64. The beta function:
incomplete_beta.py.

The derivatives are computed as the NumPy engine computes them (engines/numpy/incomplete.py, which explains it), and so are
the functions themselves: by a power series near 0, elsewhere by Gauss's rule on the side where the tail is small. Both tails
come from one computation, so that none that is small is one less a number close to one.
"""

from __future__ import annotations

from math import factorial, pi, sqrt
from typing import Any

from nabla.engines.numpy.incomplete import DEPTH, TERMS
from nabla.engines.numpy.special import BERNOULLI
from nabla.engines.xla import transcendental as t
from nabla.engines.xla.double import in_double, integrated, log1pmx, repeated
from nabla.engines.xla.gamma import digamma, gamma, polygamma, rgamma
from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.primitives import incomplete as i
from nabla.primitives.base import Primitive

# ---- elementary functions that lose digits when written plainly -----------------------------------------------


def expm1mx(x: Any) -> Any:
    """exp(x) - 1 - x, near 0 by its series."""
    near = jnp.abs(x) < 0.7
    little = jnp.where(near, x, 0.0)
    series = t.polynomial([1.0 / factorial(k) for k in range(2, 19)], little)
    return jnp.where(near, little * little * series, jnp.expm1(x) - x)


def log_less_line(ratio: Any, gap: Any) -> Any:
    """log(ratio) - gap, for gap = ratio - 1."""
    return jnp.where(gap > -0.5, log1pmx(jnp.maximum(gap, -0.5)), jnp.log(ratio) - gap)


def _power_of(x: Any, a: Any) -> Any:
    """The exponent of x**a, which is 0 for a = 0."""
    return jnp.where(a == 0, 0.0, a * jnp.log(x))


def stirling(a: Any) -> Any:
    """gamma(a + 1) / (sqrt(2 pi) (a/e)**a): for large a sqrt(a) and a series, DLMF 5.11.1."""
    far = a >= 10.0
    wide, close = jnp.where(far, a, 10.0), jnp.where(far, 1.0, a)
    series = t.polynomial([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156], 1.0 / (wide * wide))
    direct = gamma(close + 1.0) * jnp.exp(close - _power_of(close, close)) / sqrt(2.0 * pi)
    return jnp.where(far, jnp.sqrt(wide) * jnp.exp(series / wide), direct)


def _log_less_digamma(a: Any) -> Any:
    """log(a) - digamma(a), for large a without cancellation: DLMF 5.11.2."""
    far = a >= 10.0
    wide, close = jnp.where(far, a, 10.0), jnp.where(far, 1.0, a)
    w = 1.0 / (wide * wide)
    series = t.polynomial([b / (2 * k) for k, b in enumerate(BERNOULLI[:TERMS], 1)], w) * w
    return jnp.where(far, series + 0.5 / wide, jnp.log(close) - digamma(close))


# ---- gamma ----------------------------------------------------------------------------------------------------


def _gamma_power(a: Any, x: Any) -> Any:
    """x**a exp(-x) / gamma(a + 1)."""
    far = a >= 10.0
    wide, close = jnp.where(far, a, 10.0), jnp.where(far, 1.0, a)
    large = jnp.exp(wide * log_less_line(x / wide, (x - wide) / wide)) / (sqrt(2.0 * pi) * stirling(wide))
    half = jnp.exp(-0.5 * x)
    return jnp.where(far, large, half * lax.pow(x, close) * half * rgamma(close + 1.0))


def _gamma_sums(a: Any, x: Any) -> list[Any]:
    """The sum of (-x)**n a / (n! (a + n)) over n > 0, and its first and second derivative in a."""

    def term(n: Any, state: Any) -> Any:
        power, s, s_a, s_aa = state
        power = power * -x / n
        e = 1.0 / (a + n)
        return power, s + power * a * e, s_a + power * n * e * e, s_aa - power * 2.0 * n * e * e * e

    zero = jnp.zeros_like(x)
    return list(repeated(1, 19, term, (jnp.ones_like(x), zero, zero, zero))[1:])


def _gamma_series(a: Any, x: Any, order: int) -> Any:
    """For x < 1: P(a, x) = x**a / gamma(a + 1) * sum of (-x)**n a / (n! (a + n)), DLMF 8.7.1."""
    s, s_a, s_aa = _gamma_sums(a, x)
    factor = _gamma_power(a, x) * jnp.exp(x)
    slope = jnp.log(x) - digamma(a + 1.0)
    if order == 1:
        return factor * (slope * (1.0 + s) + s_a)
    return factor * ((slope * slope - polygamma(a + 1.0, 1)) * (1.0 + s) + 2.0 * slope * s_a + s_aa)


def _gamma_tail(a: Any, x: Any, order: int) -> tuple[Any, Any]:
    """For x >= 1 whether it is P that is taken, else Q; and its derivative; of order 0: itself."""
    left = x < a
    if order:
        large = jnp.maximum(a, 1.0)
        near = jnp.log1p((x - a) / large) + _log_less_digamma(jnp.maximum(a, 10.0)) - 1.0 / large
        slope = jnp.where(a >= 10.0, near, jnp.log(x) - digamma(a + 1.0))  # log(x) - digamma(a + 1)
        left = a * slope + 1.0 < 0.0
    side = jnp.where(left, -1.0, 1.0)
    # The fall of the integrand at distance s is tilt s + x (exp(side s) - 1 - side s), a convex function.
    tilt = jnp.abs(a - x) * jnp.sign((x - a) * side)
    reach = jnp.where(left, (DEPTH + x) / jnp.maximum(a, 1.0), jnp.inf)
    short = left & (x < 3.0 * DEPTH)
    reach = jnp.minimum(reach, jnp.where(short, jnp.inf, (jnp.sqrt(3.0 * DEPTH * x) + 1.2) / x))

    def newton(_: Any, reach: Any) -> Any:
        fall = tilt * reach + x * expm1mx(side * reach)
        return reach - (fall - DEPTH) / (tilt + x * side * jnp.expm1(side * reach))

    reach = repeated(1, 6, newton, reach)
    trigamma = polygamma(a + 1.0, 1) if order == 2 else None

    def integrand(u: Any) -> Any:
        s = reach * u
        density = jnp.exp(-(tilt * s + x * expm1mx(side * s)))
        if order == 0:
            return density * a
        y = slope + side * s
        return density * (a * y + 1.0 if order == 1 else a * (y * y - trigamma) + 2.0 * y)

    return left, _gamma_power(a, x) * reach * integrated(integrand, x)


def _gamma_tails(a: Any, x: Any) -> tuple[Any, Any]:
    """P and Q, for 0 <= a < inf and 0 < x < inf."""
    near = x < 1.0
    little, large = jnp.where(near, x, 0.5), jnp.where(near, 1.0, x)
    s = _gamma_sums(a, little)[0]
    p_near = _gamma_power(a, little) * jnp.exp(little) * (1.0 + s)
    # For little a it is Q that is small: one less x**a / gamma(a + 1) by expm1
    few = jnp.where(a < 0.5, a, 0.5)
    exponent = few * jnp.log(little) - (t.near_two(few) - t.log1p(few))
    q_near = jnp.where(a < 0.5, -jnp.expm1(exponent) - jnp.exp(exponent) * s, 1.0 - p_near)
    left, tail = _gamma_tail(a, large, 0)
    p = jnp.where(near, p_near, jnp.where(left, tail, 1.0 - tail))
    return p, jnp.where(near, q_near, jnp.where(left, 1.0 - tail, tail))


def _gammainc(a: Any, x: Any, order: int = 0, upper: bool = False) -> Any:
    a, x = jnp.broadcast_arrays(a, x)
    inside = (a >= 0.0) & (a < jnp.inf) & (x > 0.0) & (x < jnp.inf)
    a_in, x_in = jnp.where(inside, a, 1.0), jnp.where(inside, x, 1.0)
    unknown = ~((a >= 0.0) & (x >= 0.0)) | (a == 0.0) & (x == 0.0) | (a == jnp.inf) & (x == jnp.inf)
    if order == 0:
        found = _gamma_tails(a_in, x_in)[upper]
        outside = jnp.where((x == jnp.inf) | (a == 0.0), 1.0 - upper, 0.0 + upper)
    else:
        near = x_in < 1.0
        left, tail = _gamma_tail(a_in, jnp.where(near, 1.0, x_in), order)
        found = jnp.where(near, _gamma_series(a_in, jnp.where(near, x_in, 0.5), order), jnp.where(left, tail, -tail))
        outside = 0.0
    return jnp.where(unknown, jnp.nan, jnp.where(inside, found, outside))


def _gamma_density(a: Any, x: Any) -> Any:
    """x**(a-1) exp(-x) / gamma(a)."""
    a, x = jnp.broadcast_arrays(a, x)
    at_zero = jnp.where(a > 1.0, 0.0, jnp.where(a == 1.0, 1.0, jnp.where(a > 0, jnp.inf, jnp.nan)))
    inside = (x > 0.0) & (x < jnp.inf)
    y = jnp.where(inside, x, 1.0)
    found = jnp.where(x == 0.0, at_zero, jnp.where(x == jnp.inf, 0.0, _gamma_power(a, y) * (a / y)))
    return jnp.where((a >= 0.0) & (x >= 0.0), found, jnp.nan)


KERNELS: dict[Primitive, Kernel] = {
    i.gammainc: in_double(_gammainc),
    i.gammaincc: in_double(lambda a, x: _gammainc(a, x, upper=True)),
    i.gamma_density: in_double(_gamma_density),
}
