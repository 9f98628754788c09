"""XLA kernels: elementwise primitives.

What XLA computes to a few units in the last place is taken as it is; the rest, found by comparing with NumPy, is written out here
(transcendental.py), and so is what NumPy does at zeros, infinities, NaNs and at the ends of the integers. Float16 is computed in
float32, as NumPy does it. Numbers below the smallest normal one count as zero: XLA runs the processor so.
"""

from __future__ import annotations

from math import factorial
from typing import Any, Callable

import numpy as np

from nabla.engines.xla import transcendental as t
from nabla.engines.xla.kernel import Kernel, broadcast_to, constant, filled, in_single, lax, number, once, together, where
from nabla.primitives import elementwise as e, formulas as f
from nabla.primitives.base import Primitive


def _named(name: str) -> Kernel:
    """A function of jax.lax of one argument."""
    return in_single(lambda x: getattr(lax, name)(x))


def _plain(name: str) -> Kernel:
    """A function of jax.lax of two arrays, which takes a number beside an array as it is."""

    def kernel(x: Any, y: Any) -> Any:
        if x.shape != y.shape and x.shape and y.shape:
            x, y = together(x, y)
        return getattr(lax, name)(x, y)

    return kernel


def _either(name: str, of_booleans: str) -> Kernel:
    """A function of jax.lax, and the one that stands for it between booleans."""
    of_numbers, of_truth = _plain(name), _plain(of_booleans)
    return lambda x, y: (of_truth if x.dtype.kind == "b" else of_numbers)(x, y)


def _binary(function: Callable[..., Any]) -> Kernel:
    """A function of two arrays of one shape, made to broadcast."""
    return lambda x, y: function(*together(x, y))


# Arithmetic


_multiply = _plain("mul")


def _safe_multiply(x: Any, y: Any) -> Any:
    zero = number(0, x)
    for a, b in ((x, y), (y, x)):
        known = constant(b)
        if known is not None and known.all():
            out = _multiply(a, b)
            return where(lax.eq(broadcast_to(a, out.shape), zero), 0, out)
    return _safe_product(x, y)


@once
def _safe_product(x: Any, y: Any) -> Any:
    x, y = together(x, y)
    zero = number(0, x)
    return where(lax.bitwise_or(lax.eq(x, zero), lax.eq(y, zero)), 0, lax.mul(x, y))


def _divisor(y: Any) -> Any:
    """An integer divisor with ones for its zeros. NumPy's quotients and remainders by zero are zero."""
    return where(y == 0, 1, y)


def _fmod(x: Any, y: Any) -> Any:
    return lax.rem(x, y) if x.dtype.kind == "f" else where(y == 0, 0, lax.rem(x, _divisor(y)))


def _turned(rest: Any, y: Any) -> Any:
    """Whether a remainder of the sign of x has to get the sign of y."""
    return (rest != 0) & ((rest < 0) != (y < 0))


def _remainder(x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        rest = lax.rem(x, y)
        return where(_turned(rest, y), rest + y, where(rest == 0, t.copysign(filled(0, rest), y), rest))
    rest = lax.rem(x, _divisor(y))
    return where(y == 0, 0, where(_turned(rest, y), rest + y, rest))


def _floor_divide(x: Any, y: Any) -> Any:
    if x.dtype.kind != "f":
        divisor = _divisor(y)
        quotient = lax.div(x, divisor)
        return where(y == 0, 0, where(_turned(lax.rem(x, divisor), y), quotient - number(1, x), quotient))
    # The quotient of x less the remainder is a whole number up to rounding. At infinities and zeros it is the plain quotient.
    plain, rest = lax.div(x, y), lax.rem(x, y)
    whole = lax.div(x - rest, y)
    whole = where(_turned(rest, y), whole - 1, whole)
    down = lax.floor(whole)
    down = where(whole - down > 0.5, down + 1, down)
    down = where(whole == 0, t.copysign(filled(0, x), plain), down)
    return where(t.isinf(x) | t.isinf(y) | (y == 0), plain, down)


def _abs(x: Any) -> Any:
    if x.dtype.kind in "bu":
        return x
    return t.modulus(x) if t.is_complex(x) else lax.abs(x)


def _sign(x: Any) -> Any:
    if x.dtype.kind == "c":
        return t.sign_complex(x)
    return lax.sign(x) if x.dtype.kind != "f" else where(x == 0, 0, lax.sign(x))  # not -0


def _power_by(x: Any, exponent: float) -> Any:
    if exponent == int(exponent) and abs(exponent) <= (100 if t.is_complex(x) else 4):
        return lax.integer_pow(x, int(exponent))
    return t.power_complex(x, filled(exponent, x)) if t.is_complex(x) else lax.pow(x, number(exponent, x))


def _power(x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        return lax.pow(x, y)
    return t.power_complex(x, y) if t.is_complex(x) else _power_of_integers(x, y)


def _power_of_integers(x: Any, y: Any) -> Any:
    """By squaring, modulo the range of the dtype. To a negative power, where NumPy raises, the reciprocal cut to an integer."""

    def step(_: Any, state: Any) -> Any:
        base, left, out = state
        return base * base, lax.shift_right_logical(left, number(1, left)), where(left % 2 == 1, out * base, out)

    bits = x.dtype.itemsize * 8
    state = (x, y if y.dtype.kind == "u" else lax.max(y, number(0, y)), filled(1, x))
    out = lax.fori_loop(0, bits, step, state)[2]
    if y.dtype.kind == "u":
        return out
    inverse = where(x == 1, 1, where(x == -1, where(y % 2 == 0, 1, filled(-1, x)), filled(0, x)))
    return where(y < 0, inverse, out)


def _select(condition: Any, x: Any, y: Any) -> Any:
    condition, x, y = together(_truth(condition), x, y)
    return lax.select(condition, x, y)


# Exponentials and logarithms


def _rightmost(x: Any) -> Any:
    """Whether x is right of zero, and whichever of x and -x is left of it."""
    right = (lax.real(x) if t.is_complex(x) else x) > 0
    return right, where(right, -x, x)


def _logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)), of complex x by exp(-|x|), which cannot overflow."""
    if not t.is_complex(x):
        return lax.logistic(x)
    right, left = _rightmost(x)
    decay = t.exp(left)
    return where(right, 1, decay) / (1 + decay)


def _logit(x: Any) -> Any:
    close = (x >= 0.3) & (x <= 0.65)
    s = where(close, 2 * (x - 0.5), 0)  # exact near 1/2
    return where(close, t.log1p(s) - t.log1p(-s), lax.log(x / (1 - x)))


def _logaddexp(x: Any, y: Any) -> Any:
    gap = where(lax.eq(x, y), 0, lax.abs(lax.sub(x, y)))  # infinities, too
    return lax.add(lax.max(x, y), lax.log1p(lax.exp(lax.neg(gap))))


def _sech2(x: Any) -> Any:
    """4 d / (1 + d)**2 with d = exp(-2|x|)"""
    left = _rightmost(x)[1] if t.is_complex(x) else lax.neg(lax.abs(x))
    decay = t.exp(lax.add(left, left))
    below = lax.add(decay, number(1, x))
    return lax.div(lax.mul(decay, number(4, x)), lax.mul(below, below))


def _sinc(x: Any, n: int) -> Any:
    """The n-th derivative s of sin(x)/x. From x s(n) + n s(n-1) = sin(x + n pi/2), upwards where |x| > n, else by its series."""
    wide = lax.convert_element_type(x, np.complex128 if t.is_complex(x) else np.float64)
    near = lax.abs(wide) < n + 1
    far = where(near, 1.0 + n, wide)
    sine, cosine = t.sin(far), t.cos(far)
    turns = (sine, cosine, -sine, -cosine)
    up = sine / far
    for k in range(1, n + 1):
        up = (turns[k % 4] - k * up) / far
    little = where(near, wide, 0)
    squared = little * little
    series = filled(0, wide)
    first = n + n % 2
    for m in range(first + 2 * (n + 12), first - 1, -2):
        series = series * squared + (-1) ** (m // 2) / (m + 1) / factorial(m - n)
    if first > n:
        series = where(little == 0, 0, series * little)  # not -0
    return lax.convert_element_type(where(near, series, up), x.dtype)


# Rounding, comparison, logic, bits


def _rounded(name: str) -> Kernel:
    return lambda x: getattr(lax, name)(x) if x.dtype.kind == "f" else x


def _trunc(x: Any) -> Any:
    return where(x < 0, lax.ceil(x), lax.floor(x)) if x.dtype.kind == "f" else x


def _rint(x: Any) -> Any:
    if t.is_complex(x):
        return lax.complex(_rint(lax.real(x)), _rint(lax.imag(x)))
    return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)


def _truth(x: Any) -> Any:
    return x if x.dtype.kind == "b" else lax.ne(x, number(0, x))


def _logical(name: str) -> Kernel:
    plain = _plain(name)
    return lambda x, y: plain(_truth(x), _truth(y))


def _by_parts(of_real: Kernel, of_integers: bool, join: str) -> Kernel:
    """A test of floats; of a complex number, of either part (or of both); of an integer the answer is known."""

    def kernel(x: Any) -> Any:
        if t.is_complex(x):
            return getattr(lax, join)(of_real(lax.real(x)), of_real(lax.imag(x)))
        return of_real(x) if x.dtype.kind == "f" else lax.full(x.shape, of_integers, np.bool_)

    return kernel


def _gcd(x: Any, y: Any) -> Any:
    """Euclid's algorithm."""

    def step(state: Any) -> Any:
        a, b = state
        return where(b == 0, a, b), where(b == 0, 0, lax.rem(a, _divisor(b)))

    return _abs(lax.while_loop(lambda state: (state[1] != 0).any(), step, (_abs(x), _abs(y)))[0])


def _shifted(x: Any, count: Any) -> Any:
    """Whether nothing is left in its place: a count that is negative, or not less than the number of bits."""
    return (count < 0) | (count >= 8 * x.dtype.itemsize)


def _shift_left(x: Any, count: Any) -> Any:
    out = _shifted(x, count)
    return where(out, 0, lax.shift_left(x, where(out, 0, count)))


def _shift_right(x: Any, count: Any) -> Any:
    out = _shifted(x, count)
    count = where(out, 0, count)
    if x.dtype.kind == "u":
        return where(out, 0, lax.shift_right_logical(x, count))
    return where(out, where(x < 0, filled(-1, x), 0), lax.shift_right_arithmetic(x, count))


KERNELS: dict[Primitive, Kernel] = {
    # arithmetic
    e.neg: lambda x: lax.neg(x),
    e.add: _either("add", "bitwise_or"),
    f.sub: _plain("sub"),
    e.mul: _either("mul", "bitwise_and"),
    e.safe_mul: _safe_multiply,
    f.div: _plain("div"),
    f.remainder: once(_binary(in_single(_remainder))),
    f.fmod: _binary(in_single(_fmod)),
    f.floor_div: once(_binary(in_single(_floor_divide))),
    f.square: lambda x: lax.mul(x, x),
    f.sqrt: in_single(t.sqrt),
    f.cbrt: _named("cbrt"),
    f.reciprocal: lambda x: lax.div(number(1, x), x),
    f.copysign: once(_binary(t.copysign)),
    f.power: _binary(in_single(_power)),
    f.power_by: in_single(_power_by),
    f.maximum: _either("max", "bitwise_or"),
    f.minimum: _either("min", "bitwise_and"),
    f.abs_: _abs,
    f.sign: _sign,
    f.hypot: once(_binary(in_single(t.hypot))),
    f.select: _select,
    # exponentials and logarithms
    f.exp: in_single(t.exp),
    f.exp2: once(in_single(t.exp2)),
    f.expm1: in_single(t.expm1),
    f.log_: in_single(t.log),
    f.log2: once(in_single(t.log2)),
    f.log10: once(in_single(t.log10)),
    f.log1p: once(in_single(t.log1p)),
    f.logistic: in_single(_logistic),
    f.logit: once(in_single(_logit)),
    f.softplus: once(in_single(lambda x: _logaddexp(x, filled(0, x)))),
    f.logaddexp: once(_binary(in_single(_logaddexp))),
    # circular and hyperbolic functions
    f.sin: in_single(t.sin),
    f.cos: in_single(t.cos),
    f.tan: _named("tan"),
    f.arcsin: in_single(t.arcsin),
    f.arccos: in_single(t.arccos),
    f.arctan: in_single(t.arctan),
    f.arctan2: in_single(_plain("atan2")),
    f.sinc: once(_sinc),
    f.sinh: once(in_single(t.sinh)),
    f.cosh: once(in_single(t.cosh)),
    f.tanh: in_single(t.tanh),
    f.sech2: once(in_single(_sech2)),
    f.arcsinh: in_single(t.arcsinh),
    f.arccosh: in_single(t.arccosh),
    f.arctanh: once(in_single(t.arctanh)),
    # special functions
    f.erf: _named("erf"),
    f.erfc: _named("erfc"),
    f.gammaln: once(in_single(t.gammaln)),
    # piecewise constant
    f.floor: _rounded("floor"),
    f.ceil: _rounded("ceil"),
    f.trunc: _trunc,
    f.rint: _rint,
    # comparison and logic
    f.equal: _plain("eq"),
    f.not_equal: _plain("ne"),
    f.less: _plain("lt"),
    f.less_equal: _plain("le"),
    f.greater: _plain("gt"),
    f.greater_equal: _plain("ge"),
    f.isfinite: _by_parts(lambda x: lax.is_finite(x), True, "bitwise_and"),
    f.isinf: _by_parts(t.isinf, False, "bitwise_or"),
    f.isnan: _by_parts(t.isnan, False, "bitwise_or"),
    f.signbit: t.signbit,
    f.logical_not: lambda x: lax.bitwise_not(_truth(x)),
    f.logical_and: _logical("bitwise_and"),
    f.logical_or: _logical("bitwise_or"),
    f.logical_xor: _logical("bitwise_xor"),
    f.bit_not: lambda x: lax.bitwise_not(x),
    f.bit_and: _plain("bitwise_and"),
    f.bit_or: _plain("bitwise_or"),
    f.bit_xor: _plain("bitwise_xor"),
    f.gcd: _binary(_gcd),
    f.shift_left: _binary(_shift_left),
    f.shift_right: _binary(_shift_right),
    f.nextafter: _plain("nextafter"),
}
