"""NumPy kernels: Hurwitz's and Riemann's zeta functions and their derivatives in the exponent.

Both are the first terms of their sums and the rest by Euler and Maclaurin's formula (DLMF 25.2.9, 25.11.5), differentiated term by
term. Riemann's has derivatives of every order: they are computed as truncated Taylor series, lists of coefficients of 1, d, d**2,
... in a step d of the exponent. Left of its critical strip it is mirrored (DLMF 25.4.1).
"""

from __future__ import annotations

from math import factorial, log, pi
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.special import BERNOULLI, gamma_derivatives
from nabla.primitives import special as p
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

TERMS = 8
"""That are summed of Riemann's function: few, since those of exponents near 0 cancel with the rest."""

Series = list[Any]


def _product(a: Series, b: Series) -> Series:
    return [sum(a[j] * b[k - j] for j in range(k + 1)) for k in range(len(a))]


def _exponential(rate: float, n: int) -> Series:
    """exp(rate d)."""
    return [rate**k / factorial(k) for k in range(n + 1)]


def _riemann_right(x: Any, n: int) -> Series:
    """For x > -1/2."""
    total: Series = [np.full_like(x, float(k == 0)) for k in range(n + 1)]
    for m in range(2, TERMS):
        term, logarithm = m**-x, -log(m)
        total = [t + term * (logarithm**k / factorial(k)) for k, t in enumerate(total)]
    rising: Series = [x, *[np.full_like(x, float(k == 1)) for k in range(1, n + 1)]]  # x (x+1) ... (x+2j-2)
    gap = x - 1.0
    tail: Series = [TERMS * (-1.0) ** k / gap ** (k + 1) for k in range(n + 1)]
    tail[0] = tail[0] + 0.5
    for j, bernoulli in enumerate(BERNOULLI, 1):
        scale = bernoulli / factorial(2 * j) * float(TERMS) ** (1 - 2 * j)
        tail = [t + scale * r for t, r in zip(tail, rising)]
        for step in (x + (2 * j - 1), x + 2 * j):
            rising = [r * step + (rising[k - 1] if k else 0.0) for k, r in enumerate(rising)]
    power, far = TERMS**-x, _exponential(-log(TERMS), n)
    return [t + power * r for t, r in zip(total, _product(tail, far))]


def _riemann_left(x: Any, n: int) -> Series:
    """2 (2 pi)**(x-1) sin(pi x / 2) gamma(1 - x) zeta(1 - x), for x < -1/2."""
    mirrored = [(-1) ** k * c for k, c in enumerate(_riemann_right(1.0 - x, n))]
    gammas = [(-1) ** k * c / factorial(k) for k, c in enumerate(gamma_derivatives(n, 1.0 - x))]
    quarter = 0.5 * pi * (x % 4.0)
    turns = (np.sin(quarter), np.cos(quarter), -np.sin(quarter), -np.cos(quarter))
    turns = (np.where(x % 2.0 == 0.0, 0.0, turns[0]), turns[1], np.where(x % 2.0 == 0.0, 0.0, turns[2]), turns[3])
    sines = [turns[k % 4] * (0.5 * pi) ** k / factorial(k) for k in range(n + 1)]
    found = _product(_product(mirrored, gammas), _product(sines, _exponential(log(2.0 * pi), n)))
    small = x > -160.0  # beyond it the gamma function overflows
    size = np.where(
        small,
        (2.0 * pi) ** (np.where(small, x, 0.0) - 1.0) * special.gamma(np.where(small, 1.0 - x, 1.0)),
        np.exp(special.gammaln(1.0 - x) + (x - 1.0) * log(2.0 * pi)),
    )
    return [2.0 * size * c for c in found]


def _riemann(x: Any, n: int) -> Any:
    wide = np.asarray(x, np.float64)
    if n == 0:
        return special.zeta(x).astype(x.dtype, copy=False)
    left = wide < -0.5
    found = _riemann_right(np.where(left, 2.0, wide), n)[n]
    found = np.where(wide == np.inf, 0.0, found)
    if np.any(left):
        found = np.where(left, _riemann_left(np.where(left, wide, -1.0), n)[n], found)
    return (factorial(n) * found).astype(x.dtype)


def _zeta(x: Any, q: Any, order: int) -> Any:
    """The sum of (-log(q + m))**order (q + m)**-x over m >= 0: 20 terms, and the rest by Euler and Maclaurin's formula.

    DLMF 25.11.5, differentiated in x term by term: z0, z1, z2 are a term and its derivatives.
    """
    if order == 0:
        return special.zeta(x, q).astype(x.dtype, copy=False)
    s, start = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(q, np.float64))
    total = np.zeros_like(s)
    for m in range(20):
        total = total + (-np.log(start + m)) ** order * (start + m) ** -s
    end = start + 20.0
    log_end, gap = np.log(end), s - 1.0
    if order == 1:
        tail = -(log_end + 1.0 / gap) / gap
    else:
        tail = (log_end * (log_end + 2.0 / gap) + 2.0 / (gap * gap)) / gap
    tail = tail * end + 0.5 * (-log_end) ** order
    rising, slope, curve = s, np.ones_like(s), np.zeros_like(s)  # s (s+1) ... (s+2j-2) and its derivatives
    for j, bernoulli in enumerate(BERNOULLI, 1):
        z = slope - log_end * rising if order == 1 else curve - 2.0 * log_end * slope + log_end * log_end * rising
        tail = tail + bernoulli / factorial(2 * j) * z * end ** (1.0 - 2.0 * j)
        for step in (s + (2 * j - 1), s + 2 * j):
            rising, slope, curve = rising * step, slope * step + rising, curve * step + 2.0 * slope
    found = total + tail * end**-s
    return np.where((s > 1.0) & (start > 0.0), found, np.nan).astype(x.dtype)


KERNELS: dict[Primitive, Kernel] = {p.zeta: _zeta, p.riemann_zeta: _riemann}
