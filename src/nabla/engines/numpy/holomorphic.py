"""NumPy kernels: special functions of complex numbers, by SciPy, and their derivatives where these are no formula."""

from __future__ import annotations

from math import comb, factorial, pi, sqrt
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.polygamma import cotangent
from nabla.engines.numpy.special import BERNOULLI, rule
from nabla.primitives import holomorphic as p
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

# Gamma


def _polygamma(z: Any, n: int) -> Any:
    """As of real numbers: lifted by the recurrence, by the asymptotic series (DLMF 5.15.8), left of 1/2 mirrored (DLMF 5.15.6)."""
    if n == 0:
        return special.digamma(z)
    left = z.real < 0.5
    start = np.where(left, 1.0 - z, z)
    total = np.zeros_like(z)
    steps = 15 + n
    for k in range(steps - 1, -1, -1):
        total = total + (start + k) ** -(n + 1.0)
    w = 1.0 / (start + steps)
    series = np.zeros_like(z)
    for k in range(len(BERNOULLI), 0, -1):
        series = (series + BERNOULLI[k - 1] * factorial(n + 2 * k - 1) / factorial(2 * k)) * (w * w)
    tail = (series + factorial(n) / 2 * w + factorial(n - 1)) * w**n
    found = (-1.0) ** (n + 1) * (tail + factorial(n) * total)
    if not np.any(left):
        return found
    return np.where(left, (-1) ** n * found - pi ** (n + 1) * _cotangent_slope(n, np.where(left, z, 0.25)), found)


def _cotangent_slope(n: int, z: Any) -> Any:
    """The n-th derivative of cot at pi z; far from the real axis, where it is nearly constant, from its series of exponentials."""
    turn = z - np.rint(z.real)
    side = np.where(turn.imag < 0.0, -1.0, 1.0)
    high = np.abs(turn.imag) > 0.3
    near = np.where(high, 0.25, turn)
    cot = np.cos(pi * near) / np.sin(pi * near)
    found = np.zeros_like(z)
    for coefficient in reversed(cotangent(n)):
        found = found * cot + coefficient
    rate = 2j * side
    q = np.exp(pi * rate * np.where(high, turn, 1j * side))  # cot = -i (1 + 2 (q + q**2 + ...)) above the axis, where abs(q) < 0.16
    series = np.zeros_like(z)
    for k in range(40 + n, 0, -1):
        series = (series + float(k) ** n) * q
    return np.where(high, -1j * side * 2.0 * rate**n * series, found)


def _gamma_factors(n: int, z: Any, sign: int) -> list[Any]:
    """The factors by which gamma(z) (sign 1) or its reciprocal (sign -1) is multiplied to give its derivatives 0 to n."""
    slopes = [sign * _polygamma(z, k) for k in range(n)]
    found = [np.ones_like(z)]
    for m in range(1, n + 1):
        found.append(sum(comb(m - 1, k) * found[m - 1 - k] * slopes[k] for k in range(m)))
    return found


def _rgamma(z: Any, n: int) -> Any:
    """Near the poles of gamma, where the factors are infinite, by 1/gamma(z) = gamma(1-z) sin(pi z) / pi."""
    if n == 0:
        return special.rgamma(z)
    close = (z.real < 0.5) & (np.abs(z.imag) < 1.0)
    away = np.where(close, 1.0, z)
    found = special.rgamma(away) * _gamma_factors(n, away, -1)[n]
    left = np.where(close, z, 0.0)
    turn = pi * (left.real % 2.0 + 1j * left.imag)
    sines = (np.sin(turn), np.cos(turn), -np.sin(turn), -np.cos(turn))
    gammas = _gamma_factors(n, 1.0 - left, 1)
    total = sum(comb(n, k) * (-1) ** k * gammas[k] * pi ** (n - k - 1) * sines[(n - k) % 4] for k in range(n + 1))
    return np.where(close, special.gamma(1.0 - left) * total, found)


# Faddeeva's function. FAR: where its asymptotic series, and that of Dawson's, hold to all digits. HIGH: the imaginary part from
# which the continued fraction does.

FAR = 6.5
HIGH = 2.0


def _bell(z: Any, n: int) -> Any:
    """The n-th derivative of exp(-z**2)."""
    before, now = np.zeros_like(z), np.exp(-z * z)
    for k in range(n):
        before, now = now, -2.0 * z * now - 2.0 * k * before
    return now


def _upwards(z: Any, n: int, first: Any, constant: complex) -> Any:
    """The n-th derivative of a function with f' = constant - 2 z f, by f(k+1) = -2 z f(k) - 2 k f(k-1)."""
    before, now = first, constant - 2.0 * z * first
    for k in range(1, n):
        before, now = now, -2.0 * z * now - 2.0 * k * before
    return now


def _upper_wofz(z: Any, n: int) -> Any:
    """For im(z) >= 0, n > 0."""
    far = np.abs(z) >= FAR
    high = (z.imag >= HIGH) & ~far
    right = np.where(far, z, FAR)
    total, term = np.zeros_like(z), (-1.0) ** n * factorial(n) * 1j / sqrt(pi) / right ** (n + 1)
    for k in range(36):  # DLMF 7.12.1, differentiated term by term
        total = total + term
        term = term * (0.5 * (2 * k + n + 1) * (2 * k + n + 2) / (2 * k + 2)) / (right * right)
    middle = np.where(high, z, 1j * HIGH)
    ratio, product = np.full_like(z, 1j * sqrt(2.0 * (n + 120))), special.wofz(middle)
    for k in range(n + 120, 0, -1):  # of the derivatives k and k - 1
        ratio = -2.0 * k / (2.0 * middle + ratio)
        if k <= n:
            product = product * ratio
    low = np.where(far | high, 0.0, z)
    return np.where(far, total, np.where(high, product, _upwards(low, n, special.wofz(low), 2j / sqrt(pi))))


def _wofz(z: Any, n: int) -> Any:
    """Below the real axis by w(z) = 2 exp(-z**2) - w(-z)."""
    if n == 0:
        return special.wofz(z)
    below = z.imag < 0.0
    found = (-1.0) ** (n * below) * _upper_wofz(np.where(below, -z, z), n)
    if not np.any(below):
        return found
    return np.where(below, 2.0 * _bell(np.where(below, z, 0.0), n) - found, found)


def _dawsn(z: Any, n: int) -> Any:
    """Away from the real axis from Faddeeva's function: it is i sqrt(pi)/2 (exp(-z**2) - w(z))."""
    if n == 0:
        return special.dawsn(z)
    below = z.imag < 0.0
    upper = np.where(below, -z, z)
    close = (np.abs(upper) < FAR) & (upper.imag < HIGH)
    near, away = np.where(close, upper, 0.0), np.where(close, 1j * HIGH, upper)
    found = 0.5j * sqrt(pi) * (_bell(away, n) - _upper_wofz(away, n))
    found = np.where(close, _upwards(near, n, special.dawsn(near), 1.0), found)
    return np.where(below, (-1.0) ** (n + 1) * found, found)


def _logrel(z: Any, n: int) -> Any:
    """As of real numbers: the integral of (-t)**n n! / (1 + z t)**(n+1) from 0 to 1, beyond it by a recurrence."""
    near = (np.abs(z) < 2.0 + n) & (z.real > -0.6)
    nodes, weights = rule()
    close = np.where(near, z, 0.0)
    found = np.zeros_like(z)
    for node, weight in zip(nodes, weights):
        found = found + weight * factorial(n) * (-node) ** n / (1.0 + node * close) ** (n + 1)
    out = np.where(near, 1.0, z)
    up = np.log(1.0 + out) / out
    for k in range(1, n + 1):
        up = ((-1.0) ** (k - 1) * factorial(k - 1) / (1.0 + out) ** k - k * up) / out
    return np.where(near, found, up)


OWN = {"polygamma": _polygamma, "rgamma": _rgamma, "wofz": _wofz, "dawsn": _dawsn, "logrel": _logrel}


def _holomorphic(z: Any, kind: str, n: int) -> Any:
    wide = np.asarray(z, np.complex128)
    return np.asarray(OWN[kind](wide, n) if kind in OWN else getattr(special, kind)(wide)).astype(z.dtype, copy=False)


KERNELS: dict[Primitive, Kernel] = {p.holomorphic: _holomorphic}
