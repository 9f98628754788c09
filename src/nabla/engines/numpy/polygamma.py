"""NumPy kernels: the polygamma functions, their rise from one argument to another, and quotients of gamma functions.

For x > 0 the recurrence lifts small arguments (DLMF 5.15.5) to where the asymptotic series holds (DLMF 5.11.2, 5.15.8, 5.15.9),
all terms of which count in one direction; left of 0 they are mirrored (DLMF 5.15.6). A difference of two values, which would
cancel where they are close, is the difference of the arguments' reciprocals times a divided difference of the same sums.
"""

from __future__ import annotations

from functools import lru_cache
from math import factorial, log, pi
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.incomplete import log1pmx
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.special import BERNOULLI, in_blocks
from nabla.primitives import formulas as f, special as s
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

HIGHEST = 20
"""The highest derivative of digamma that is computed here; beyond it by SciPy's zeta function."""
CACHED = 8192
"""Elements that are computed at a time: what is in between stays in the cache, which makes it three times faster."""


@lru_cache(maxsize=HIGHEST + 1)
def tail_of(n: int) -> tuple[float, ...]:
    """The asymptotic series of (-1)**(n+1) polygamma(n, x): coefficients of the powers of 1/x from 0 on, but for log(x)."""
    found = [0.0] * (n + 2 * len(BERNOULLI) + 1)
    if n:
        found[n] = float(factorial(n - 1))
    found[n + 1] = factorial(n) / 2
    for k, bernoulli in enumerate(BERNOULLI, 1):
        found[n + 2 * k] = bernoulli * factorial(n + 2 * k - 1) / factorial(2 * k)
    return tuple(found)


@lru_cache(maxsize=HIGHEST + 1)
def cotangent(n: int) -> tuple[int, ...]:
    """The n-th derivative of cot(z) as a polynomial in cot(z), whose coefficients are of one sign."""
    found = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(found)][1:]
        found = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope])]
    return tuple(found)


def steps_of(n: int) -> int:
    """How far arguments are lifted."""
    return 12 + n


def _right(n: int, x: Any) -> Any:
    """polygamma(n, x) for n > 0 and x > 0."""
    low = x < steps_of(n)
    lifted = np.where(low, x + steps_of(n), x)
    total: Any = 0.0
    if np.any(low):
        start = np.where(low, x, 1.0)
        for k in range(steps_of(n) - 1, -1, -1):
            total = total + _power(1.0 / (start + k), n + 1)
        total = np.where(low, factorial(n) * total, 0.0)
    z = 1.0 / lifted
    square = z * z
    series = np.zeros_like(z)
    for k in range(len(BERNOULLI), 0, -1):
        series = (series + tail_of(n)[n + 2 * k]) * square
    tail = (series + factorial(n) / 2 * z + factorial(n - 1)) * _power(z, n)
    return (-1.0) ** (n + 1) * (tail + total)


def _power(z: Any, n: int) -> Any:
    """z**n by products, which are many times faster than powers."""
    if n == 1:
        return z
    half = _power(z, n // 2)
    return half * half * z if n % 2 else half * half


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma in float64."""
    x = np.asarray(x, np.float64)
    if n == 0:
        return special.digamma(x)
    if n > HIGHEST:
        return special.polygamma(n, x)
    return in_blocks(lambda x: _everywhere(n, x), x.ravel(), block=CACHED).reshape(x.shape)


def _everywhere(n: int, x: Any) -> Any:
    left = x <= 0.0
    if not np.any(left):
        return _right(n, x)
    found = _right(n, np.where(left, 1.0 - x, x))
    turn = np.where(left, x - np.rint(x), 0.25)
    cot = _cot(turn)
    mirrored: Any = 0.0
    for coefficient in reversed(cotangent(n)):
        mirrored = mirrored * cot + coefficient
    found = np.where(left, (-1) ** n * found - pi ** (n + 1) * mirrored, found)
    return np.where(left & (turn == 0.0), (-1) ** (n + 1) * np.inf, found)


def _cot(turn: Any) -> Any:
    """cot(pi turn) for turns of at most 1/2."""
    return np.where(np.abs(turn) < 0.25, 1.0 / np.tan(pi * turn), np.copysign(np.tan(pi * (0.5 - np.abs(turn))), turn))


def _polygamma(x: Any, n: int) -> Any:
    if n == 0:
        return special.digamma(x).astype(x.dtype, copy=False)
    return polygamma(n, x).astype(x.dtype, copy=False)


def rise(n: int, a: Any, b: Any) -> Any:
    """polygamma(n, a + b) - polygamma(n, a) in float64. From one side of 0 to the other by the plain difference."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return in_blocks(lambda a, b: _difference(n, a, b), a.ravel(), b.ravel(), block=CACHED).reshape(a.shape)


def _difference(n: int, a: Any, b: Any) -> Any:
    end = a + b
    usable = (a > 0.0) & (end > 0.0) & np.isfinite(b) & (n <= HIGHEST)
    x, step = np.where(usable, a, 1.0), np.where(usable, b, 0.0)
    low = np.minimum(x, x + step) < steps_of(n)
    total: Any = 0.0
    if np.any(low):
        start, up = np.where(low, x, 1.0), np.where(low, step, 0.0)
        for k in range(steps_of(n) - 1, -1, -1):
            u, v = 1.0 / (start + up + k), 1.0 / (start + k)
            sums: Any = 1.0  # of u**j v**(n-j) for j = 0 to n
            if n:
                ratio = np.minimum(u, v) / np.maximum(u, v)
                for _ in range(n):
                    sums = sums * ratio + 1.0
                sums = sums * _power(np.maximum(u, v), n)
            total = total + (up * u) * v * sums
        total = np.where(low, factorial(n) * total, 0.0)
    far = np.where(low, x + steps_of(n), x)
    v, u = 1.0 / far, 1.0 / (far + step)
    value, slope = np.zeros_like(v), np.zeros_like(v)
    for coefficient in reversed(tail_of(n)):
        slope = slope * u + value
        value = value * v + coefficient
    found = (step * u) * v * slope + total
    if n == 0:
        found = found + np.log1p(step / far)
    found = (-1.0) ** n * found
    if np.all(usable):
        return found
    left = (a < 0.0) & (end < 0.0) & np.isfinite(a) & np.isfinite(b) & (n <= HIGHEST)
    if np.any(left):
        x, step = np.where(left, a, -0.25), np.where(left, b, 0.0)
        found = np.where(left, _mirrored_difference(n, x, step), found)
    return np.where(usable | left, found, polygamma(n, end) - polygamma(n, a))


def _mirrored_difference(n: int, a: Any, b: Any) -> Any:
    """DLMF 5.15.6, where cot(x + y) - cot(x) = -sin(y) / (sin(x) sin(x + y))."""
    turn, turn_step = a - np.rint(a), b - np.rint(b)
    further = np.rint(turn + turn_step)
    turn_end = turn + turn_step - further
    cot, cot_end = _cot(turn), _cot(turn_end)
    value: Any = 0.0
    slope: Any = 0.0
    for coefficient in reversed(cotangent(n)):
        slope = slope * cot_end + value
        value = value * cot + coefficient
    sign = np.where(further == 0.0, -1.0, 1.0)  # the three sines are of turns less whole ones
    step = sign * np.sin(pi * turn_step) / (np.sin(pi * turn) * np.sin(pi * turn_end))
    return (-1) ** n * _difference(n, 1.0 - a, -b) - pi ** (n + 1) * slope * step


def _rise(a: Any, b: Any, n: int) -> Any:
    return np.asarray(rise(n, a, b)).astype(a.dtype, copy=False)


# ---- quotients of gamma functions ------------------------------------------------------------------------------------------------


def _less_stirling(x: Any) -> Any:
    """gammaln(x) less its leading terms (DLMF 5.11.1), for x >= 10."""
    z = 1.0 / x
    series = np.zeros_like(z)
    for k in range(8, 0, -1):
        series = series * (z * z) + BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return series * z


def _log_rise(a: Any, b: Any) -> Any:
    """gammaln(a + b) - gammaln(a), for a >= 10 and a + b >= 10."""
    ratio = b / a
    return a * log1pmx(ratio) - 0.5 * np.log1p(ratio) + b * np.log(a + b) + _less_stirling(a + b) - _less_stirling(a)


def betaln(a: Any, b: Any) -> Any:
    """SciPy's where both are small or one is not positive; else by Stirling's formula for the larger or for all three."""
    large, small = np.broadcast_arrays(np.maximum(a, b).astype(np.float64), np.minimum(a, b).astype(np.float64))
    found = special.betaln(a, b).astype(np.float64, copy=False)
    usable = (large >= 10.0) & (small > 0.0) & np.isfinite(large)
    if np.any(usable):
        large, small = np.where(usable, large, 10.0), np.where(usable, small, 1.0)
        both = small >= 10.0
        second = np.where(both, small, 10.0)
        rest = _less_stirling(large) + _less_stirling(second) - _less_stirling(large + second)
        ratio = np.log1p(second / large)
        whole = 0.5 * (log(2 * pi) - np.log(second) + ratio) - large * ratio - second * np.log1p(large / second) + rest
        first = np.where(both, 1.0, small)
        found = np.where(usable, np.where(both, whole, special.gammaln(first) - _log_rise(large, first)), found)
    return found.astype(a.dtype, copy=False)


def _poch(x: Any, m: Any) -> Any:
    """SciPy's, by products where m is a whole number and for small x; else by Stirling's formula."""
    found = special.poch(x, m).astype(np.float64, copy=False)
    a, b = np.asarray(x, np.float64), np.asarray(m, np.float64)
    usable = (a >= 10.0) & (a + b >= 10.0) & (b != np.rint(b)) & np.isfinite(a + b)
    if np.any(usable):
        found = np.where(usable, np.exp(_log_rise(np.where(usable, a, 10.0), np.where(usable, b, 1.0))), found)
    return found.astype(x.dtype, copy=False)


def _beta(a: Any, b: Any) -> Any:
    """SciPy's, which takes a difference of logarithms of gamma where a + b > 171: there by that of beta."""
    found = special.beta(a, b).astype(np.float64, copy=False)
    usable = (a > 0.0) & (b > 0.0) & (a + b > 171.0)
    if np.any(usable):
        x, y = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
        found = np.where(usable, np.exp(betaln(x, y)), found)
    return found.astype(a.dtype, copy=False)


def _binom(n: Any, k: Any) -> Any:
    """SciPy's, by products where k or n - k is a small whole number; for large n by the beta function."""
    found = special.binom(n, k).astype(np.float64, copy=False)
    x, y = np.broadcast_arrays(np.asarray(n, np.float64), np.asarray(k, np.float64))
    rest = x - y
    whole = ((y == np.rint(y)) & (y < 20.0)) | ((rest == np.rint(rest)) & (rest < 20.0))
    usable = (x > 169.0) & (rest > -1.0) & (y > -1.0) & ~whole & np.isfinite(x)
    if np.any(usable):
        x, y, rest = np.where(usable, x, 1.0), np.where(usable, y, 1.0), np.where(usable, rest, 0.0)
        found = np.where(usable, np.exp(-betaln(rest + 1.0, y + 1.0)) / (x + 1.0), found)
    return found.astype(n.dtype, copy=False)


KERNELS: dict[Primitive, Kernel] = {
    f.polygamma: _polygamma,
    s.polygamma_rise: _rise,
    s.betaln: betaln,
    s.beta: _beta,
    s.binom: _binom,
    s.poch: _poch,
}
