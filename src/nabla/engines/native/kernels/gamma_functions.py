"""The polygamma functions, their rise from one argument to another, and the beta function: as the NumPy engine has them.

engines/numpy/polygamma.py says why each formula is taken where it is. Here all are computed, and one is chosen.
"""

from __future__ import annotations

from math import factorial, log, pi

import numpy as np

from nabla.engines.native.kernels.special_functions import of_scipy
from nabla.engines.native.loops import DOUBLE
from nabla.engines.native.lowering.reals import Real, of, test, where
from nabla.engines.native.lowering.values import Unsupported
from nabla.engines.numpy.polygamma import HIGHEST, cotangent, steps_of, tail_of
from nabla.engines.numpy.special import BERNOULLI


def polygamma(x: Real, n: int) -> Real:
    return _polygamma(n, x.to(DOUBLE)).to(x.dtype)


def _polygamma(n: int, wide: Real) -> Real:
    if n == 0:
        return of_scipy("psi", wide)
    if n > HIGHEST:
        raise Unsupported("polygamma functions of high order")
    left = wide <= 0.0
    found = _polygamma_right(n, where(left, 1.0 - wide, wide))
    turn = where(left, wide - of("rint", wide), 0.25)
    cot, mirrored = _cot(turn), wide.like(0.0)
    for coefficient in reversed(cotangent(n)):
        mirrored = mirrored * cot + float(coefficient)
    found = where(left, (-1.0) ** n * found - pi ** (n + 1) * mirrored, found)
    return where(left & turn.equals(0.0), (-1.0) ** (n + 1) * np.inf, found)


def _polygamma_right(n: int, x: Real) -> Real:
    """For x > 0, lifted by the recurrence to where the asymptotic series holds."""
    low = x < float(steps_of(n))
    start = where(low, x, 1.0)
    total = x.like(0.0)
    for k in range(steps_of(n) - 1, -1, -1):
        total = total + whole_power(1.0 / (start + float(k)), n + 1)
    total = where(low, float(factorial(n)) * total, 0.0)
    z = 1.0 / where(low, x + float(steps_of(n)), x)
    square = z * z
    series = x.like(0.0)
    for k in range(len(BERNOULLI), 0, -1):
        series = (series + BERNOULLI[k - 1] * factorial(n + 2 * k - 1) / factorial(2 * k)) * square
    tail = (series + factorial(n) / 2 * z + float(factorial(n - 1))) * whole_power(z, n)
    return (-1.0) ** (n + 1) * (tail + total)


def whole_power(z: Real, n: int) -> Real:
    if n == 1:
        return z
    half = whole_power(z, n // 2)
    return half * half * z if n % 2 else half * half


def _cot(turn: Real) -> Real:
    """cot(pi turn) for turns of at most 1/2."""
    size = abs(turn)
    far = of("copysign", of("tan", pi * (0.5 - size)), turn)
    return where(size < 0.25, 1.0 / of("tan", pi * turn), far)


# The rise: a difference of reciprocals times a divided difference


def polygamma_rise(a: Real, b: Real, n: int) -> Real:
    """polygamma(n, a + b) - polygamma(n, a)."""
    start, step = a.to(DOUBLE), b.to(DOUBLE)
    if n > HIGHEST:
        raise Unsupported("polygamma functions of high order")
    end = start + step
    finite = test("isfinite", step)
    right = (start > 0.0) & (end > 0.0) & finite
    left = (start < 0.0) & (end < 0.0) & finite & test("isfinite", start)
    found = _polygamma(n, end) - _polygamma(n, start)
    mirrored = _mirrored_difference(n, where(left, start, -0.25), where(left, step, 0.0))
    found = where(left, mirrored, found)
    return where(right, _difference(n, where(right, start, 1.0), where(right, step, 0.0)), found).to(a.dtype)


def _difference(n: int, x: Real, step: Real) -> Real:
    low = of("minimum", x, x + step) < float(steps_of(n))
    start, up = where(low, x, 1.0), where(low, step, 0.0)
    total = x.like(0.0)
    for k in range(steps_of(n) - 1, -1, -1):
        u, v = 1.0 / (start + up + float(k)), 1.0 / (start + float(k))
        term = (up * u) * v
        if n:
            larger = of("maximum", u, v)
            ratio, sums = of("minimum", u, v) / larger, x.like(1.0)  # of u**j v**(n-j) for j = 0 to n
            for _ in range(n):
                sums = sums * ratio + 1.0
            term = term * (sums * whole_power(larger, n))
        total = total + term
    total = where(low, float(factorial(n)) * total, 0.0)
    far = where(low, x + float(steps_of(n)), x)
    v, u = 1.0 / far, 1.0 / (far + step)
    value, slope = x.like(0.0), x.like(0.0)
    for coefficient in reversed(tail_of(n)):
        slope = slope * u + value
        value = value * v + coefficient
    found = (step * u) * v * slope + total
    if n == 0:
        found = found + of("log1p", step / far)
    return (-1.0) ** n * found


def _mirrored_difference(n: int, a: Real, b: Real) -> Real:
    """DLMF 5.15.6, where cot(x + y) - cot(x) = -sin(y) / (sin(x) sin(x + y))."""
    turn, turn_step = a - of("rint", a), b - of("rint", b)
    further = of("rint", turn + turn_step)
    turn_end = turn + turn_step - further
    cot, cot_end = _cot(turn), _cot(turn_end)
    value, slope = a.like(0.0), a.like(0.0)
    for coefficient in reversed(cotangent(n)):
        slope = slope * cot_end + value
        value = value * cot + float(coefficient)
    sign = where(further.equals(0.0), a.like(-1.0), 1.0)
    sines = of("sin", pi * turn) * of("sin", pi * turn_end)
    step = sign * of("sin", pi * turn_step) / sines
    return (-1.0) ** n * _difference(n, 1.0 - a, -b) - pi ** (n + 1) * slope * step


# The beta function


def betaln(a: Real, b: Real) -> Real:
    """SciPy's, but where the larger one is at least 10."""
    x, y = a.to(DOUBLE), b.to(DOUBLE)
    larger = of("maximum", x, y)
    usable = (larger >= 10.0) & (of("minimum", x, y) > 0.0) & test("isfinite", larger)
    return where(usable, _betaln(usable, x, y), of_scipy("betaln", x, y)).to(a.dtype)


def beta(a: Real, b: Real) -> Real:
    """SciPy's, but where a + b > 171. Of infinity it is 0, and unknown of two of them."""
    x, y = a.to(DOUBLE), b.to(DOUBLE)
    large = (x > 0.0) & (y > 0.0) & (x + y > 171.0)
    usable = large & test("isfinite", x) & test("isfinite", y)
    found = where(usable, of("exp", _betaln(usable, x, y)), of_scipy("beta", x, y))
    end = where(x.equals(y), x.like(np.nan), 0.0)
    return where(large & ~usable, end, found).to(a.dtype)


def _betaln(usable: Real, a: Real, b: Real) -> Real:
    """The logarithm by Stirling's formula for the larger one, or for all three gamma functions, where these numbers are usable."""
    large, small = where(usable, of("maximum", a, b), 10.0), where(usable, of("minimum", a, b), 1.0)
    both = small >= 10.0
    second = where(both, small, 10.0)
    rest = _less_stirling(large) + _less_stirling(second) - _less_stirling(large + second)
    ratio = of("log1p", second / large)
    shared = 0.5 * (log(2 * pi) - of("log", second) + ratio)
    whole = shared - large * ratio - second * of("log1p", large / second) + rest
    first = where(both, 1.0, small)
    return where(both, whole, of_scipy("gammaln", first) - _log_rise(large, first))


def binom(n: Real, k: Real) -> Real:
    """SciPy's, but for large n by the beta function where neither k nor n - k is a small whole number."""
    x, y = n.to(DOUBLE), k.to(DOUBLE)
    rest = x - y
    whole = (y.equals(of("rint", y)) & (y < 20.0)) | (rest.equals(of("rint", rest)) & (rest < 20.0))
    usable = (x > 169.0) & (rest > -1.0) & (y > -1.0) & ~whole & test("isfinite", x)
    top, second, third = where(usable, x, 1.0), where(usable, y, 1.0), where(usable, rest, 0.0)
    found = of("exp", -betaln(third + 1.0, second + 1.0)) / (top + 1.0)
    return where(usable, found, of_scipy("binom", x, y)).to(n.dtype)


def poch(x: Real, m: Real) -> Real:
    """SciPy's, but by Stirling's formula where the step is no whole number."""
    a, b = x.to(DOUBLE), m.to(DOUBLE)
    end = a + b
    usable = (a >= 10.0) & (end >= 10.0) & b.differs(of("rint", b)) & test("isfinite", end)
    found = of("exp", _log_rise(where(usable, a, 10.0), where(usable, b, 1.0)))
    return where(usable, found, of_scipy("poch", a, b)).to(x.dtype)


def _less_stirling(x: Real) -> Real:
    """gammaln(x) less its leading terms (DLMF 5.11.1), for x >= 10."""
    z = 1.0 / x
    series, square = x.like(0.0), z * z
    for k in range(8, 0, -1):
        series = series * square + BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return series * z


def _log_rise(a: Real, b: Real) -> Real:
    """gammaln(a + b) - gammaln(a), for a >= 10 and a + b >= 10."""
    ratio, end = b / a, a + b
    stirling = _less_stirling(end) - _less_stirling(a)
    return a * _log1pmx(ratio) - 0.5 * of("log1p", ratio) + b * of("log", end) + stirling


def _log1pmx(x: Real) -> Real:
    """log(1 + x) - x. Near 0 by log(1 + x) = 2 artanh(r), r = x / (2 + x)."""
    near = abs(x) < 0.5
    little = where(near, x, 0.0)
    r = little / (2.0 + little)
    q = r * r
    series = x.like(0.0)
    for k in range(33, 1, -2):
        series = series * q + 1.0 / k
    return where(near, 2.0 * r * q * series - 2.0 * q / (1.0 - r), of("log1p", x) - x)


# The density of the gamma distribution, as engines/numpy/incomplete.py has it

STIRLING = (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
"""The series of gammaln in 1/x**2 (DLMF 5.11.1), the highest power first."""


def gamma_density(a: Real, x: Real) -> Real:
    """x**(a-1) exp(-x) / gamma(a)."""
    shape, point = a.to(DOUBLE), x.to(DOUBLE)
    none = point.equals(0.0)
    found = _gamma_power(shape, point) * (shape / where(none, 1.0, point))
    at_zero = where(shape > 1.0, 0.0, where(shape.equals(1.0), 1.0, where(shape > 0.0, shape.like(np.inf), np.nan)))
    found = where(point.equals(np.inf), 0.0, where(none, at_zero, found))
    return where((shape >= 0.0) & (point >= 0.0), found, np.nan).to(a.dtype)


def _gamma_power(a: Real, x: Real) -> Real:
    """x**a exp(-x) / gamma(a + 1), for large a by Stirling's formula."""
    far = a >= 10.0
    large, close = where(far, a, 10.0), where(far, 1.0, a)
    series = a.like(0.0)
    for term in STIRLING:
        series = series / (large * large) + term
    stirling = (2.0 * pi) ** 0.5 * of("sqrt", large) * of("exp", series / large)
    gap = (x - large) / large
    line = where(gap > -0.5, _log1pmx(of("maximum", gap, -0.5)), of("log", x / large) - gap)
    plain = of("exp", of_scipy("xlogy", close, x) - x) * of_scipy("rgamma", close + 1.0)
    return where(far, of("exp", large * line) / stirling, plain)
