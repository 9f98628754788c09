"""XLA kernels: special functions. All is computed in float64, and the result is rounded to the dtype of the inputs.

jax's own are used where they are right to a few units in the last place.
"""

from __future__ import annotations

from math import factorial, pi, sqrt
from typing import Any

import numpy as np

from nabla.engines.numpy.special import BERNOULLI
from nabla.engines.xla import transcendental as t
from nabla.engines.xla.double import exp_square, in_double, integrated, inverse_power, repeated
from nabla.engines.xla.kernel import Kernel, jnp, jsp, lax
from nabla.primitives import special as s
from nabla.primitives.base import Primitive

# Error functions


def _erfcx(x: Any, n: int) -> Any:
    """As the NumPy engine's for n > 0. For n = 0 from x = 2.5 on by the continued fraction DLMF 7.9.1."""
    start = 2.5 if n == 0 else 2.0
    far = x >= start
    right = jnp.where(far, jnp.minimum(x, 1e200), start)
    depth = n + 120

    def fraction(k: Any, state: Any) -> Any:
        ratio, product = state
        ratio = 2.0 * k / (2.0 * right + ratio)
        return ratio, jnp.where(k <= n, product * -ratio, product)

    ratio, product = repeated(depth, 1, fraction, (jnp.full_like(right, sqrt(2.0 * depth)), jnp.ones_like(right)))
    value = 2.0 / sqrt(pi) / (2.0 * right + ratio)
    near = jnp.where(far, 0.0, x)
    before = exp_square(near) * lax.erfc(near)
    if n == 0:
        return jnp.where(far, jnp.where(x > 1e200, 1 / (sqrt(pi) * x), value), before)
    up = 2.0 * near * before - 2.0 / sqrt(pi)
    for k in range(1, n):
        before, up = up, 2.0 * near * up + 2.0 * k * before
    return jnp.where(far, value * product, up)


def _dawson(x: Any) -> Any:
    """By the trapezoidal rule: G. B. Rybicki, "Dawson's integral and the sampling theorem" (1989), its terms of n and -n in one."""
    size = jnp.minimum(jnp.abs(x), 8.0)
    h = 0.24

    def term(k: Any, total: Any) -> Any:
        n = 2.0 * k + 1.0
        away = size - n * h
        return total - jnp.expm1(-4.0 * h * n * size) * jnp.exp(-away * away) / n

    found = repeated(30, 0, term, jnp.zeros_like(x)) / sqrt(pi)
    return t.copysign(jnp.where(size < 1e-9, size, found), x)


def _dawsn(x: Any, n: int) -> Any:
    """As the NumPy engine's: by f(n+1) = -2 x f(n) - 2 n f(n-1), upwards; from |x| = 7 on by the series of DLMF 7.12.3."""
    far = jnp.abs(x) >= 7.0
    near = jnp.where(far, 0.0, x)
    before, up = jnp.zeros_like(x), _dawson(near)
    for k in range(n):
        before, up = up, (1.0 if k == 0 else 0.0) - 2.0 * near * up - 2.0 * k * before
    right = jnp.where(far, x, 7.0)

    def series(k: Any, state: Any) -> Any:
        total, term = state
        # from k to k + 1: (2k+1)/2 of the double factorial, and (2k+3)_n / (2k+1)_n of the derivative
        return total + term, term * (0.5 * (2 * k + n + 1) * (2 * k + n + 2) / (2 * k + 2)) / (right * right)

    total, _ = repeated(0, 29, series, (jnp.zeros_like(x), 0.5 * (-1.0) ** n * factorial(n) * inverse_power(right, n + 1)))
    return jnp.where(far, total, up)


def _erfinv(x: Any) -> Any:
    """Far from 0 from what is missing to 1, elsewhere corrected by a step of Newton's."""
    size = jnp.abs(x)
    far = size > 0.5
    tail = -sqrt(0.5) * jsp.ndtri(jnp.where(far, 0.5 * (1.0 - size), 0.25))
    near = lax.erf_inv(jnp.where(far, 0.0, x))
    return jnp.where(far, t.copysign(tail, x), near)


def _upper(x: Any) -> Any:
    """The upper tail of the standard normal distribution, for x >= 0."""
    return 0.5 * exp_square(x, -0.5) * _erfcx(sqrt(0.5) * x, 0)


def _log_ndtr(x: Any) -> Any:
    left = jnp.clip(x, -1e150, -1.0)
    below = jnp.log(0.5 * _erfcx(-sqrt(0.5) * left, 0)) - 0.5 * left * left
    above = t.log1p(-0.5 * lax.erfc(sqrt(0.5) * jnp.maximum(x, -1.0)))
    return jnp.where(x < -1, jnp.where(x == -jnp.inf, -jnp.inf, below), above)


def _owens_t(h: Any, a: Any) -> Any:
    """The integral of exp(-h**2 (1 + t**2) / 2) / (2 pi (1 + t**2)) from 0 to a, where |a| <= 1; else that of h a and 1 / a:

    T(h, a) = (Q(h) + Q(h a)) / 2 - Q(h) Q(h a) - T(h a, 1 / a), with Q the upper tail of the normal distribution.
    """
    h, a = jnp.broadcast_arrays(h, a)
    size, slope = [jnp.minimum(jnp.abs(x), 1e70) for x in (h, a)]
    steep = slope > 1
    y = jnp.where(steep, size * slope, size)
    end = jnp.where(steep, 1 / jnp.maximum(slope, 1.0), slope)
    reach = jnp.minimum(end, sqrt(90.0) / jnp.maximum(y, 1e-3))
    half = 0.5 * y * y

    def integrand(u: Any) -> Any:
        square = (u * reach) ** 2
        return jnp.exp(-half * square) / (1 + square)

    area = exp_square(y, -0.5) * reach * integrated(integrand, half) / (2 * pi)
    q, far_q = _upper(size), _upper(y)
    found = jnp.where(steep, 0.5 * (q + far_q) - q * far_q - area, area)
    return jnp.where(jnp.isnan(h) | jnp.isnan(a), jnp.nan, t.copysign(found, a))


# Integrals of exponentials and logarithms


def _fraction(n: int, x: Any) -> Any:
    """exp(x) E_n(x) for x >= 1 by the even part of the continued fraction DLMF 6.9.1, or DLMF 8.19.17."""

    def body(k: Any, tail: Any) -> Any:
        return k * (n - 1 + k) / (x + n + 2 * k - tail)

    return 1 / (x + n - repeated(100, 1, body, jnp.zeros_like(x)))


def _exp1(x: Any) -> Any:
    near = x < 1.0
    little = jnp.where(near, x, 0.5)

    def body(k: Any, state: Any) -> Any:
        total, power = state
        power = power * (-little / k)
        return total - power / k, power

    series, _ = repeated(1, 20, body, (jnp.zeros_like(x), jnp.ones_like(x)))
    far = jnp.where(near, 1.0, x)
    found = jnp.where(near, series - np.euler_gamma - jnp.log(little), jnp.exp(-far) * _fraction(1, far))
    return jnp.where(x == jnp.inf, 0.0, found)


ROOT, AT_ROOT = 0.3725074107813666, -5.119698936555685e-17
"""Where expi is as good as zero, and what it is there."""


def _expi(x: Any) -> Any:
    """By the series DLMF 6.6.2 up to 40, beyond by the asymptotic one, DLMF 6.12.2; about its zero by an integral from there."""
    away = x - ROOT
    crossing = jnp.abs(away) < 0.2
    step = jnp.where(crossing, away, 0.0)
    through = step * integrated(lambda u: jnp.exp(ROOT + step * u) / (ROOT + step * u), x) + AT_ROOT
    near = jnp.clip(x, 0.0, 40.0)
    near = jnp.where(near > 0, near, 1.0)

    def series(k: Any, state: Any) -> Any:
        total, power = state
        power = power * (near / k)
        return total + power / k, power

    total, _ = repeated(1, 150, series, (jnp.zeros_like(x), jnp.ones_like(x)))
    far = jnp.maximum(x, 40.0)

    def asymptotic(k: Any, total: Any) -> Any:
        return 1 + total * (k / far)

    beyond = jnp.exp(far) / far * repeated(38, 1, asymptotic, jnp.ones_like(x))
    right = jnp.where(x < 40.0, total + np.euler_gamma + jnp.log(near), jnp.where(x == jnp.inf, jnp.inf, beyond))
    right = jnp.where(crossing, through, right)
    return jnp.where(x > 0, right, jnp.where(x == 0, -jnp.inf, -_exp1(-x)))


def _expn(x: Any, n: int) -> Any:
    """Upwards from E_1 for x < 1, where that loses little; a high one by its fraction for every x."""
    if n == 0:
        return jnp.where(x < 0, jnp.nan, jnp.exp(-x) / jnp.abs(x))
    if n == 1:
        return jnp.where(x == 0, jnp.inf, _exp1(x))
    near = jnp.where(x < 1.0, x, 1.0)
    away = jnp.where(near > 0, near, 1.0)
    decay = jnp.exp(-near)
    first = jnp.where(near > 0, near * _exp1(away), 0.0)  # x E_1, which is 0 at 0
    up = decay - first
    up = repeated(2, n - 1, lambda k, e: (decay - near * e) / k, up) if n > 2 else up
    far = jnp.where(x < 1.0, 1.0, x)
    found = jnp.where(x < 1.0, up, jnp.where(x == jnp.inf, 0.0, jnp.exp(-far) * _fraction(n, far)))
    return jnp.where(x < 0, jnp.nan, found)


def _exprel(x: Any, n: int) -> Any:
    """The integral of t**n exp(x t) from 0 to 1; far out by x f(n) = exp(x) - n f(n-1)."""
    if n == 0:
        away = jnp.where(x == 0, 1.0, x)
        return jnp.where(x == 0, 1.0, jnp.where(x == jnp.inf, jnp.inf, jnp.expm1(away) / away))
    far = jnp.abs(x) > 60.0 + n
    close = jnp.where(far, 0.0, x)
    found = integrated(lambda u: lax.integer_pow(u, n) * jnp.exp(close * u), x)
    out = jnp.where(far, x, 100.0)
    up = jnp.expm1(out) / out
    for k in range(1, n + 1):
        up = jnp.where(out == -jnp.inf, 0.0, jnp.exp(out) / out - k * (up / out))
    return jnp.where(far, jnp.where(x == jnp.inf, jnp.inf, up), found)


def _logrel(x: Any, n: int) -> Any:
    """Near 0 the integral of (-t)**n n! / (1 + x t)**(n+1); elsewhere by x f(n) + n f(n-1) = the derivative of log(1 + x)."""
    if n == 0:
        away = jnp.where(x == 0.0, 1.0, x)
        return jnp.where(x == 0.0, 1.0, jnp.where(x == jnp.inf, 0.0, t.log1p(away) / away))
    near = (x > -0.6) & (x < 2.0 + n)
    close = jnp.where(near, x, 0.0)
    found = (-1) ** n * factorial(n) * integrated(lambda u: lax.integer_pow(u, n) * inverse_power(1.0 + close * u, n + 1), x)
    out = jnp.where(near, 1.0, x)
    up = jnp.where(out == jnp.inf, 0.0, t.log1p(out) / out)
    for k in range(1, n + 1):
        up = ((-1.0) ** (k - 1) * factorial(k - 1) * inverse_power(1.0 + out, k) - k * up) / out
    return jnp.where(near, found, up)


def _zeta(x: Any, q: Any, order: int) -> Any:
    """As the NumPy engine's: 20 terms, and the rest by Euler and Maclaurin's formula. Left of 0, where it is of SciPy, terms up to
    there first."""
    s, start = jnp.broadcast_arrays(x, q)
    before = jnp.zeros_like(s)
    if order == 0:
        on_left = (start < 0) & (start > -1e6) & (s == jnp.floor(s)) & (start != jnp.floor(start))

        def add(state: Any) -> Any:
            total, at = state
            left = on_left & (at < 0)
            return jnp.where(left, total + lax.pow(at, -s), total), jnp.where(left, at + 1, at)

        before, start = lax.while_loop(lambda state: (on_left & (state[1] < 0)).any(), add, (before, start))

    def term(m: Any, total: Any) -> Any:
        return total + (-jnp.log(start + m)) ** order * lax.pow(start + m, -s)

    total = repeated(19, 0, term, jnp.zeros_like(s))
    end, s_end = jnp.clip(start, 0.0, 1e300) + 20.0, jnp.minimum(s, 2000.0)
    log_end, gap = jnp.log(end), s_end - 1.0
    tail: Any = 1.0 / gap
    if order == 1:
        tail = -(log_end + 1.0 / gap) / gap
    elif order == 2:
        tail = (log_end * (log_end + 2.0 / gap) + 2.0 / (gap * gap)) / gap
    tail = tail + 0.5 * (-log_end) ** order / end
    rising, slope, curve = s_end, jnp.ones_like(s), jnp.zeros_like(s)  # s (s+1) ... (s+2j-2) and its derivatives
    for j, bernoulli in enumerate(BERNOULLI, 1):
        z = (rising, slope - log_end * rising, curve - 2.0 * log_end * slope + log_end * log_end * rising)[order]
        tail = tail + bernoulli / factorial(2 * j) * z * inverse_power(end, 2 * j)
        for step in (s_end + (2 * j - 1), s_end + 2 * j):
            rising, slope, curve = rising * step, slope * step + rising, curve * step + 2.0 * slope
    found = before + (total + tail * lax.pow(end, 1.0 - s_end))
    found = jnp.where((s > 1.0) & (start > 0.0), found, jnp.nan)
    if order:
        return found
    pole = (s == 1.0) | (s > 1.0) & (q <= 0.0) & (q == jnp.floor(q))
    return jnp.where(pole, jnp.inf, jnp.where((s > 1.0) & (start == jnp.inf), 0.0, found))


KERNELS: dict[Primitive, Kernel] = {
    s.erfcx: in_double(_erfcx),
    s.dawsn: in_double(_dawsn),
    s.erfi: in_double(lambda x: 2.0 / sqrt(pi) * exp_square(x) * _dawsn(jnp.clip(x, -40.0, 40.0), 0)),
    s.erfinv: in_double(_erfinv),
    s.erfcinv: in_double(lambda x: -sqrt(0.5) * jsp.ndtri(0.5 * x)),
    s.ndtr: in_double(lambda x: jsp.ndtr(x)),
    s.ndtri: in_double(lambda x: jsp.ndtri(x)),
    s.log_ndtr: in_double(_log_ndtr),
    s.owens_t: in_double(_owens_t),
    s.exp1: in_double(_exp1),
    s.expi: in_double(_expi),
    s.expn: in_double(_expn),
    s.exprel: in_double(_exprel),
    s.logrel: in_double(_logrel),
    s.spence: in_double(lambda x: jsp.spence(x)),
    s.zeta: in_double(_zeta),
}
