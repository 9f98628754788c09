"""Transcendental functions for XLA kernels, where XLA's own are not right to a few units in the last place or at the edges.

XLA on a CPU loses up to 700 units in exp2, 500 in sinh and cosh, 130 in log1p, and all digits of the logarithm of gamma near its
zeros 1 and 2; its functions of complex numbers inherit that. Arguments are arrays of one shape and of a dtype of 32 bits or more.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import log as log_of, pi
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.xla.kernel import filled, lax, number, where

special = lazy.optional("scipy.special")


def is_complex(x: Any) -> bool:
    return x.dtype.kind == "c"


# Signs and kinds of real numbers


def isnan(x: Any) -> Any:
    return lax.ne(x, x)


def isinf(x: Any) -> Any:
    return lax.eq(lax.abs(x), number(np.inf, x))


def signbit(x: Any) -> Any:
    bits = lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")
    return lax.lt(bits, number(0, bits))


def copysign(x: Any, y: Any) -> Any:
    size = lax.abs(x)
    return where(signbit(y), lax.neg(size), size)


def hypot(x: Any, y: Any) -> Any:
    """Without overflow; infinite where one is, even if the other is NaN."""
    x, y = lax.abs(x), lax.abs(y)
    large, small = lax.max(x, y), lax.min(x, y)
    ratio = small / where(large == 0, 1, large)
    return where((x == np.inf) | (y == np.inf), np.inf, large * lax.sqrt(1 + ratio * ratio))


def modulus(z: Any) -> Any:
    """Infinite where a part is, even if the other is NaN."""
    return where(isinf(lax.real(z)) | isinf(lax.imag(z)), np.inf, lax.abs(z))


def sign_complex(z: Any) -> Any:
    """z / |z|, of parts scaled for |z| to be an ordinary number; of an infinite part its sign, of two NaN."""
    x, y = lax.real(z), lax.imag(z)
    large = lax.max(lax.abs(x), lax.abs(y))
    scale = where(large == 0, 1, large)
    a, b = x / scale, y / scale
    length = where(large == 0, 1, lax.sqrt(a * a + b * b))
    endless = isinf(x) | isinf(y)
    both = isinf(x) & isinf(y)

    def part(p: Any, scaled: Any) -> Any:
        alone = where(isinf(p), copysign(filled(1, p), p), 0)
        return where(both, np.nan, where(endless, alone, scaled / length))

    return lax.complex(part(x, a), part(y, b))


# Exponentials


def exp(x: Any) -> Any:
    return _turned(lax.real(x), lax.imag(x)) if is_complex(x) else lax.exp(x)


def _turned(a: Any, b: Any) -> Any:
    """exp(a + bj) as in C: an imaginary part 0 stays 0, and of an infinite a the real part is exp(a) even where b is no angle."""
    size = lax.exp(a)
    no_angle = isinf(a) & ~lax.is_finite(b)
    cosine = where(no_angle, 1, lax.cos(b))
    sine = where(no_angle & (a < 0), 0, lax.sin(b))
    return lax.complex(size * cosine, where(b == 0, b, size * sine))


def exp2(x: Any) -> Any:
    """2**k exp(r log(2)) with k whole and |r| <= 1/2."""
    if is_complex(x):
        return _turned(lax.real(x) * log_of(2.0), lax.imag(x) * log_of(2.0))
    mantissa, bias, word = _layout(x)
    k = lax.clamp(number(-2.0 * bias, x), lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN), number(2.0 * bias, x))
    r = where(isinf(x), 0, x - k)
    half = lax.floor(k * 0.5)
    out = lax.exp(r * log_of(2.0))
    for part in (half, k - half):  # 2**k itself may be out of range where the result is not
        bits = lax.convert_element_type(part, word) + bias
        out = out * lax.bitcast_convert_type(bits << mantissa, x.dtype)
    return where(isnan(x), x, out)


def _layout(x: Any) -> tuple[int, int, str]:
    """Bits of the fraction, bias of the exponent, integers of the same size."""
    return (52, 1023, "int64") if x.dtype.itemsize == 8 else (23, 127, "int32")


def expm1(x: Any) -> Any:
    """Of complex numbers as the NumPy engine has it: 0 for -0, and of an infinite or NaN real part as exp, less 1."""
    if not is_complex(x):
        return lax.expm1(x)
    a, b = lax.real(x), lax.imag(x)
    sine = lax.sin(b * 0.5)
    real = lax.expm1(a) * lax.cos(b) - 2 * sine * sine
    found = lax.complex(real + 0.0, where(b == 0, b, lax.exp(a) * lax.sin(b)))
    return where(lax.is_finite(a), found, exp(x) - 1)


# Hyperbolic functions; circular ones of complex numbers


def sinh(x: Any) -> Any:
    if is_complex(x):
        a, b = lax.real(x), lax.imag(x)
        return lax.complex(sinh(a) * lax.cos(b), where(b == 0, b, cosh(a) * lax.sin(b)))
    size = lax.abs(x)
    t = lax.expm1(lax.min(size, number(30, x)))
    root = lax.exp(size * 0.5)
    return copysign(where(size < 30, 0.5 * (t + t / (t + 1)), 0.5 * root * root), x)


def cosh(x: Any) -> Any:
    if is_complex(x):
        a, b = lax.real(x), lax.imag(x)
        return lax.complex(cosh(a) * lax.cos(b), where((a == 0) | (b == 0), a * b, sinh(a) * lax.sin(b)))
    size = lax.abs(x)
    t = lax.exp(lax.min(size, number(30, x)))
    root = lax.exp(size * 0.5)
    return where(size < 30, 0.5 * (t + 1 / t), 0.5 * root * root)


def sin(x: Any) -> Any:
    if not is_complex(x):
        return lax.sin(x)
    a, b = lax.real(x), lax.imag(x)
    return lax.complex(where(a == 0, a, lax.sin(a) * cosh(b)), lax.cos(a) * sinh(b))


def cos(x: Any) -> Any:
    if not is_complex(x):
        return lax.cos(x)
    a, b = lax.real(x), lax.imag(x)
    return lax.complex(lax.cos(a) * cosh(b), where((a == 0) | (b == 0), -(a * b), -(lax.sin(a) * sinh(b))))


def tanh(x: Any) -> Any:
    """At an infinite real part the imaginary part is a zero of the sign of b."""
    if not is_complex(x):
        return lax.tanh(x)
    a, b = lax.real(x), lax.imag(x)
    limit = lax.complex(copysign(filled(1, a), a), copysign(filled(0, b), b))
    return where(isinf(a), limit, lax.tanh(where(isinf(a), filled(0, x), x)))


# Roots and inverse functions: on a branch cut the sign of a zero says on which side of it a complex number lies


def _with_signs(z: Any, real: Any, imag: Any) -> Any:
    """z, its parts with the signs of `real` and `imag`, where given."""
    x, y = lax.real(z), lax.imag(z)
    return lax.complex(x if real is None else copysign(x, real), y if imag is None else copysign(y, imag))


def sqrt(z: Any) -> Any:
    return _with_signs(lax.sqrt(z), None, lax.imag(z)) if is_complex(z) else lax.sqrt(z)


def arcsin(z: Any) -> Any:
    return _with_signs(lax.asin(z), lax.real(z), lax.imag(z)) if is_complex(z) else lax.asin(z)


def arccos(z: Any) -> Any:
    return _with_signs(lax.acos(z), None, -lax.imag(z)) if is_complex(z) else lax.acos(z)


def arcsinh(z: Any) -> Any:
    return _with_signs(lax.asinh(z), lax.real(z), lax.imag(z)) if is_complex(z) else lax.asinh(z)


def arccosh(z: Any) -> Any:
    return _with_signs(lax.acosh(z), None, lax.imag(z)) if is_complex(z) else lax.acosh(z)


def arctan(z: Any) -> Any:
    return _nan_of(z, lax.atan(z)) if is_complex(z) else lax.atan(z)


def arctanh(z: Any) -> Any:
    if is_complex(z):
        return _nan_of(z, lax.atanh(z))
    size = lax.abs(z)
    return copysign(0.5 * log1p(2 * size / (1 - size)), z)


def _nan_of(z: Any, found: Any) -> Any:
    """NaN where a part of z is: XLA gives an ordinary number there."""
    return where(isnan(lax.real(z)) | isnan(lax.imag(z)), complex(np.nan, np.nan), found)


# Logarithms


def log(x: Any) -> Any:
    """Of complex numbers near the unit circle by log1p of |z|**2 - 1, which loses no digits."""
    if not is_complex(x):
        return lax.log(x)
    a, b = lax.real(x), lax.imag(x)
    size = hypot(a, b)
    near = (size > 0.5) & (size < 3)
    large, small = lax.max(lax.abs(a), lax.abs(b)), lax.min(lax.abs(a), lax.abs(b))
    squared = where(near, (large - 1) * (large + 1) + small * small, 0)
    return lax.complex(where(near, 0.5 * log1p(squared), lax.log(size)), lax.atan2(b, a))


def log1p(x: Any) -> Any:
    """XLA's own loses digits from -0.42 to -0.29, where 1 + x has all that the result needs."""
    if is_complex(x):
        a, b = lax.real(x), lax.imag(x)
        near = hypot(a, b) < 0.5
        return lax.complex(where(near, 0.5 * log1p(where(near, a * (2 + a) + b * b, 0)), lax.real(log(x + 1))), lax.atan2(b, 1 + a))
    return where(x < -0.25, lax.log(1 + x), lax.log1p(x))


def _scaled(x: Any) -> tuple[Any, Any]:
    """x = m 2**e with m from sqrt(1/2) to sqrt(2), for positive x."""
    mantissa, bias, word = _layout(x)
    bits = lax.bitcast_convert_type(x, word)
    e = (bits >> mantissa) - bias
    m = lax.bitcast_convert_type(bits - (e << mantissa), x.dtype)
    above = m > 2**0.5
    return where(above, 0.5 * m, m), lax.convert_element_type(where(above, e + 1, e), x.dtype)


def _to_base(x: Any, high: float, low: float, factor: float) -> Any:
    """log(x) to another base, exact at powers of 2. There log(2) is `high` + `low`, and `factor` the logarithm of e."""
    ordinary = (x > 0) & (x < np.inf)
    m, e = _scaled(where(ordinary, x, 1))
    return where(ordinary, e * high + (e * low + lax.log(m) * factor), lax.log(x))


def log2(x: Any) -> Any:
    return _scaled_log(x, 1 / log_of(2.0)) if is_complex(x) else _to_base(x, 1.0, 0.0, 1 / log_of(2.0))


def _scaled_log(z: Any, factor: float) -> Any:
    logarithm = log(z)
    return lax.complex(lax.real(logarithm) * factor, lax.imag(logarithm) * factor)


LOG10_2 = Fraction("0.30102999566398119521373889472449302676818988146211")


def log10(x: Any) -> Any:
    if is_complex(x):
        return _scaled_log(x, 1 / log_of(10.0))
    bits = 40 if x.dtype.itemsize == 8 else 14  # so many that the product with an exponent is exact
    high = Fraction(round(LOG10_2 * 2**bits), 2**bits)
    return _to_base(x, float(high), float(LOG10_2 - high), 1 / log_of(10.0))


# Powers of complex numbers


def power_complex(x: Any, y: Any) -> Any:
    """exp(y log(x)), for whole y below 128 by squaring. 0**0 is 1, 0 to a y of positive real part 0, and to others NaN."""
    empty = x == 0
    base = where(empty, 1, x)
    n = lax.real(y)
    whole = (lax.imag(y) == 0) & (lax.abs(n) < 128) & (lax.round(n) == n)
    left = lax.convert_element_type(where(whole, lax.abs(n), 0), np.int32)
    squared, product = base, filled(1, x)
    for k in range(7):
        product = where((left >> k) % 2 == 1, product * squared, product)
        squared = squared * squared
    found = where(whole, where(n < 0, 1 / product, product), exp(y * log(base)))
    found = where(empty, where(lax.real(y) > 0, filled(0, x), complex(np.nan, np.nan)), found)
    return where(y == 0, 1, found)


# The logarithm of gamma, in double precision for single, too.


@lru_cache(maxsize=1)
def _zetas() -> list[float]:
    """(-1)**k (zeta(k) - 1) / k for k = 2, 3, ... 30."""
    k = np.arange(2, 31)
    return ((-1.0) ** k * special.zetac(k) / k).tolist()


def polynomial(coefficients: list[float], x: Any) -> Any:
    """Their sum with the powers of x, lowest first."""
    total = filled(0, x)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _in_double(function: Any, x: Any) -> Any:
    return lax.convert_element_type(function(lax.convert_element_type(x, np.float64)), x.dtype)


def gammaln(x: Any) -> Any:
    return _in_double(_gammaln, x)


def near_two(z: Any) -> Any:
    """log(gamma(2 + z)) = (1 - gamma) z + sum over k > 1 of (-1)**k (zeta(k) - 1) z**k / k, for |z| <= 1/2: DLMF 5.7.3."""
    return (polynomial(_zetas(), z) * z + (1 - np.euler_gamma)) * z


def _gammaln(x: Any) -> Any:
    """Of positive x by the series at 2, which is exact to the last digits at the zeros 1 and 2, and by Stirling's from 10 on; of
    negative x by reflection (DLMF 5.11.1, 5.5.3)."""
    size = lax.abs(x)
    steps = lax.round(lax.min(size, number(10, x))) - 2  # from 2 + z to x
    z = lax.min(size, number(10, x)) - 2 - steps
    factors = filled(1, x)
    for k in range(1, 9):
        factors = where(steps >= k, factors * (1 + k + z), factors)
    low = where(steps == -1, log1p(z), where(steps == -2, log1p(z) + lax.log(size), 0))
    far = lax.max(size, number(10, x))
    w = 1 / (far * far)
    rest = polynomial([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156], w) / far
    stirling = where(far == np.inf, np.inf, (far - 0.5) * lax.log(far) - far + HALF_LOG_2_PI + rest)
    right = where(size < 10, near_two(z) + lax.log(factors) - low, stirling)
    left = lax.log(pi / lax.abs(size * _sin_pi(size))) - right
    return where(x < 0, where(x == -np.inf, -np.inf, where(x == lax.floor(x), np.inf, left)), right)


HALF_LOG_2_PI = 0.5 * log_of(2 * pi)


def _sin_pi(x: Any) -> Any:
    """sin(pi x), up to the sign: of the distance to the next whole number."""
    return lax.sin(pi * (x - lax.round(x)))
