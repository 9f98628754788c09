"""NumPy kernels: the incomplete gamma function and its derivatives in the parameter. The beta function: incomplete_beta.py.

The derivative of P(a, x) in a is the integral from 0 to x of the density's derivative in a: the density times a weight that
is a polynomial in log(t). Over all t it is zero, so the integral from x upwards, negated, is the same number; taken on the
side of the mean where x lies, it has nothing to cancel. In u = log(t) (of the beta function: log(t/(1-t))) the
logarithm of the integrand is concave, so that it is cut where it has fallen by exp(-45) and integrated by
Gauss's rule. Where the mass lies far from x in u, a power series is differentiated term by term.

All is computed in float64. With a = 0 the limits from above are taken.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.special import BERNOULLI, in_blocks, of_scipy, rule
from nabla.primitives import incomplete as i
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

DEPTH = 45.0
"""The integrand is cut where it has fallen by exp(-45), a ten-thousandth of what float64 resolves."""
TERMS = 7
"""Bernoulli numbers in the series for digamma."""


# ---- elementary functions that lose digits when written plainly -----------------------------------------------


def log1pmx(x: Any) -> Any:
    """log(1 + x) - x. Near 0 by log(1 + x) = 2 artanh(r), r = x / (2 + x)."""
    near = np.abs(x) < 0.5
    r = np.where(near, x / (2.0 + np.where(near, x, 0.0)), 0.0)
    q = r * r
    series = np.zeros_like(q)
    for k in range(33, 1, -2):
        series = series * q + 1.0 / k
    return np.where(near, 2.0 * r * q * series - 2.0 * q / (1.0 - r), np.log1p(x) - x)


def expm1mx(x: Any) -> Any:
    """exp(x) - 1 - x, near 0 by its series."""
    near = np.abs(x) < 0.7
    little = np.where(near, x, 0.0)
    series = np.zeros_like(little)
    for k in range(18, 1, -1):
        series = series * little + 1.0 / factorial(k)
    return np.where(near, little * little * series, np.expm1(x) - x)


def log_less_line(ratio: Any, gap: Any) -> Any:
    """log(ratio) - gap, for gap = ratio - 1."""
    return np.where(gap > -0.5, log1pmx(np.maximum(gap, -0.5)), np.log(ratio) - gap)


def stirling(a: Any) -> Any:
    """gamma(a + 1) / (sqrt(2 pi) (a/e)**a): for large a sqrt(a) and a series, DLMF 5.11.1."""
    far = a >= 10.0
    wide = np.where(far, a, 10.0)
    series = np.zeros_like(wide)
    for term in (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12):
        series = series / (wide * wide) + term
    close = np.where(far, 1.0, a)
    direct = special.gamma(close + 1.0) * np.exp(close - special.xlogy(close, close)) / np.sqrt(2.0 * np.pi)
    return np.where(far, np.sqrt(wide) * np.exp(series / wide), direct)


def log_less_digamma(a: Any) -> Any:
    """log(a) - digamma(a), for large a without cancellation: DLMF 5.11.2."""
    far = a >= 10.0
    wide = np.where(far, a, 10.0)
    series = np.zeros_like(wide)
    for k in range(TERMS, 0, -1):
        series = (series + BERNOULLI[k - 1] / (2 * k)) / (wide * wide)
    close = np.where(far, 1.0, a)
    return np.where(far, series + 0.5 / wide, np.log(close) - special.digamma(close))


# ---- incomplete gamma -----------------------------------------------------------------------------------------


def gamma_power(a: Any, x: Any) -> Any:
    """x**a exp(-x) / gamma(a + 1)."""
    far = a >= 10.0
    wide, close = np.where(far, a, 10.0), np.where(far, 1.0, a)
    large = np.exp(wide * log_less_line(x / wide, (x - wide) / wide)) / (np.sqrt(2.0 * np.pi) * stirling(wide))
    return np.where(far, large, np.exp(special.xlogy(close, x) - x) * special.rgamma(close + 1.0))


def _gamma_weight(a: Any, y: Any, trigamma: Any, order: int) -> Any:
    """The density's derivative in a over x**a exp(-x) / gamma(a + 1); y = log(t) - digamma(a + 1), trigamma of a + 1.

    With digamma(a) = digamma(a + 1) - 1/a, in a form that holds at a = 0, too.
    """
    return a * y + 1.0 if order == 1 else a * (y * y - trigamma) + 2.0 * y


def _gamma_series(a: Any, x: Any, order: int) -> Any:
    """For x < 1: P(a, x) = x**a / gamma(a + 1) * sum of (-x)**n a / (n! (a + n)), DLMF 8.7.1."""
    sums = [np.ones_like(x), np.zeros_like(x), np.zeros_like(x)]
    term = np.ones_like(x)
    for n in range(1, 20):
        term = term * -x / n
        sums[0] = sums[0] + term * a / (a + n)
        sums[1] = sums[1] + term * n / (a + n) ** 2
        sums[2] = sums[2] - term * 2.0 * n / (a + n) ** 3
    slope = np.log(x) - special.digamma(a + 1.0)
    factor = gamma_power(a, x) * np.exp(x)
    if order == 1:
        return factor * (slope * sums[0] + sums[1])
    return factor * ((slope * slope - special.polygamma(1, a + 1.0)) * sums[0] + 2.0 * slope * sums[1] + sums[2])


def _gamma_integral(a: Any, x: Any, order: int) -> Any:
    """For x >= 1: from 0 to x where x < exp(digamma(a)), else from x on."""
    slope = np.where(a >= 10.0, np.log1p((x - a) / np.maximum(a, 1.0)) + log_less_digamma(np.maximum(a, 10.0)), 0.0)
    slope = np.where(a >= 10.0, slope - 1.0 / np.maximum(a, 1.0), np.log(x) - special.digamma(a + 1.0))  # log(x) - digamma(a + 1)
    left = a * slope + 1.0 < 0.0
    side = np.where(left, -1.0, 1.0)
    # The fall of the integrand at distance s is tilt s + x (exp(side s) - 1 - side s), a convex function.
    tilt = np.abs(a - x) * np.sign((x - a) * side)
    reach = np.where(left, (DEPTH + x) / np.maximum(a, 1.0), np.inf)
    reach = np.minimum(reach, np.where(left & (x < 3.0 * DEPTH), np.inf, (np.sqrt(3.0 * DEPTH * x) + 1.2) / x))
    for _ in range(6):
        fall = tilt * reach + x * expm1mx(side * reach)
        reach = reach - (fall - DEPTH) / (tilt + x * side * np.expm1(side * reach))
    nodes, weights = rule()
    s = reach[:, None] * nodes
    column = lambda z: z[:, None]
    fall = column(tilt) * s + column(x) * expm1mx(column(side) * s)
    y = column(slope) + column(side) * s
    values = np.exp(-fall) * _gamma_weight(column(a), y, column(special.polygamma(1, a + 1.0)), order)
    return -side * gamma_power(a, x) * reach * (values @ weights)


def _gammainc_derivative(a: Any, x: Any, order: int) -> Any:
    """The derivative of P(a, x) in a, of order 1 or 2."""
    a, x, shape, dtype = flat(a, x)
    found = np.full(a.shape, np.nan)
    found[(a >= 0.0) & ((x == np.inf) | (x == 0.0)) | (a == np.inf) & (x >= 0.0)] = 0.0
    found[(a == np.inf) & (x == np.inf) | (a == 0.0) & (x == 0.0)] = np.nan
    inside = (a >= 0.0) & (a < np.inf) & (x > 0.0) & (x < np.inf)
    for method, where in ((_gamma_series, inside & (x < 1.0)), (_gamma_integral, inside & (x >= 1.0))):
        if where.any():
            found[where] = in_blocks(lambda a, x, method=method: method(a, x, order), a[where], x[where])
    return found.reshape(shape).astype(dtype)


def flat(*inputs: Any) -> tuple[Any, ...]:
    """Inputs broadcast, flat and in float64; then their shape and dtype."""
    arrays = np.broadcast_arrays(*inputs)
    return (*[np.array(x, np.float64).ravel() for x in arrays], arrays[0].shape, inputs[0].dtype)


def _gammainc(a: Any, x: Any, order: int) -> Any:
    return of_scipy("gammainc")(a, x) if order == 0 else _gammainc_derivative(a, x, order)


def _gamma_density(a: Any, x: Any) -> Any:
    """x**(a-1) exp(-x) / gamma(a)."""
    a, x, shape, dtype = flat(a, x)
    at_zero = np.where(a > 1.0, 0.0, np.where(a == 1.0, 1.0, np.where(a > 0, np.inf, np.nan)))
    found = np.where(x == 0.0, at_zero, gamma_power(a, x) * (a / np.where(x == 0.0, 1.0, x)))
    found = np.where(x == np.inf, 0.0, found)
    return np.where((a >= 0.0) & (x >= 0.0), found, np.nan).reshape(shape).astype(dtype)


OF_SCIPY = [i.gammaincc, i.gammaincinv, i.gammainccinv, i.betaincc, i.betaincinv, i.betainccinv]

KERNELS: dict[Primitive, Kernel] = {
    i.gammainc: _gammainc,
    **{prim: of_scipy(prim.name) for prim in OF_SCIPY},
    i.gamma_density: _gamma_density,
}
