"""How the logarithm of a gamma number moves with the shape, and the derivatives of that, as engines/numpy/random.py has them.

That file says what is integrated, and where the power series is taken. Here both are computed, and one is chosen.
"""

from __future__ import annotations

from math import comb, log

from nabla.engines.native.kernels.gamma_functions import polygamma
from nabla.engines.native.kernels.special_derivatives import weighted_sum
from nabla.engines.native.loops import DOUBLE
from nabla.engines.native.lowering.reals import Real, of, where
from nabla.engines.native.lowering.values import Unsupported
from nabla.engines.numpy.polygamma import HIGHEST
from nabla.engines.numpy.random import FAR, NODES, WEIGHTS


def loggamma_slope(a: Real, y: Real, n: int) -> Real:
    if n > HIGHEST:
        raise Unsupported("derivatives of high order")
    shape, number = a.to(DOUBLE), y.to(DOUBLE)
    near = number < log(0.5)
    return where(near, _near_zero(shape, where(near, number, -1.0), n), _by_integral(shape, where(near, 0.0, number), n))


def _bell(first: Real, rest: list[Real], n: int) -> list[Real]:
    """The complete Bell polynomials 0 ... n of `first` and n - 1 further arguments."""
    arguments = [first, *rest]
    found = [first.like(1.0)]
    for m in range(n):
        terms = [float(comb(m, i)) * found[m - i] * arguments[i] for i in range(m + 1)]
        found.append(sum(terms[1:], terms[0]))
    return found


def _near_zero(a: Real, y: Real, n: int) -> Real:
    z, after = of("exp", y), a + 1.0
    bells = _bell(y - polygamma(after, 0), [-polygamma(after, k) for k in range(1, n)], n)
    sums = [a.like(0.0) for _ in range(n + 1)]
    term = a.like(1.0)
    for k in range(1, 22):
        term = term * (-z / float(k))
        part = -float(k) * term / (a + float(k))
        for j in range(n + 1):
            sums[j] = sums[j] + part
            part = part * (-float(j + 1) / (a + float(k)))
    sums[0] = sums[0] + of("exp", -z)
    terms = [float(comb(n, j)) * bells[n - j] * sums[j] for j in range(n + 1)]
    return -of("exp", z) / a * sum(terms[1:], terms[0])


def _expm1_less(s: Real) -> Real:
    """exp(s) - 1 - s"""
    near = abs(s) < 0.7
    t = where(near, s, 0.0)
    series = s.like(1.0)
    for k in range(17, 2, -1):
        series = 1.0 + t / float(k) * series
    return where(near, 0.5 * t * t * series, of("expm1", s) - s)


def _log_less_digamma(a: Real) -> Real:
    """log(a) - digamma(a), which is 1/(2a) and a series for large a (DLMF 5.11.2)"""
    large = a > 20.0
    b, c = where(large, a, 30.0), where(large, 1.0, a)
    w = 1.0 / (b * b)
    series = 0.5 / b + w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760))))))
    return where(large, series, of("log", c) - polygamma(c, 0))


def _by_integral(a: Real, y: Real, n: int) -> Real:
    z = of("exp", y)
    away = (z - a) / a
    direct = of("log1p", of("maximum", away, -0.5)) + _log_less_digamma(a)
    score = where(abs(away) < 0.5, direct, y - polygamma(a, 0))
    up = score > 0.0
    side = where(up, a.like(1.0), -1.0)
    drop = (z - a) * side
    s = where(up, (-drop + of("sqrt", drop * drop + 2.0 * FAR * z)) / z, (FAR + z) / a)
    close = 1.5 * (-drop + of("sqrt", drop * drop + 4 / 3 * FAR * z)) / z
    s = where(~up & (close < 1.0), of("minimum", s, close), s)
    for _ in range(6):
        h = drop * s + z * _expm1_less(side * s)
        slope = drop + z * side * of("expm1", side * s)
        s = s - where(h > FAR, (h - FAR) / slope, 0.0)
    half = 0.5 * s
    rest = [-polygamma(a, k) for k in range(1, n)]

    def integrand(node: Real) -> Real:
        t = half * (1.0 + node)
        turned = side * t
        h = drop * t + z * _expm1_less(turned)
        return of("exp", -h) * _bell(score + turned, rest, n)[n]

    return side * half * weighted_sum(a.w, NODES, WEIGHTS, integrand)
