"""NumPy kernels: elementwise primitives."""

from __future__ import annotations

import operator
from math import factorial
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy import infinities
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.select import select
from nabla.primitives import elementwise as e, formulas as f
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")


def holds_nan(x: Any) -> bool:
    """Whether any element is NaN."""
    if not x.shape:
        return x != x
    if x.size > 10_000:  # BLAS would start threads for a dot
        return np.isnan(x).any()
    flat = x.ravel("K")
    total = flat.dot(flat)  # NaN only where an element is, or where infinities of complex numbers cancel
    return total != total


def _safe_multiply(x: Any, y: Any) -> Any:
    """x * y, and zero where either is zero. Only 0 * inf and 0 * nan need care, and both give a NaN."""
    out = np.multiply(x, y)
    if holds_nan(out):
        return np.where(np.equal(x, 0) | np.equal(y, 0), out.dtype.type(0), out)
    return out


def _power_by(x: Any, exponent: float) -> Any:
    if exponent == 3.0:  # far cheaper than pow, and within two roundings
        return x * x * x
    if exponent == 4.0:
        x = x * x
        return x * x
    return np.power(x, x.dtype.type(exponent))


def _sech2(x: Any) -> Any:
    if x.dtype.kind == "c":
        t = np.exp(np.where(x.real > 0, -x, x))  # even in x; cosh itself overflows to a NaN
        c = 2.0 * t / (1.0 + t * t)
    elif x.size > 256 and x.dtype.kind == "f" and x.dtype.itemsize >= 4:  # exp is vectorised where cosh is not
        t = np.abs(x)
        t *= -2
        np.exp(t, out=t)
        d = t + 1
        d *= d
        t *= 4
        t /= d
        return t
    else:
        c = np.reciprocal(np.cosh(x))
    return c * c


def _sigmoid(x: Any) -> Any:
    if x.dtype.kind == "f":
        return special.expit(x).astype(x.dtype, copy=False)
    t = np.exp(np.where(x.real > 0, -x, x))
    return np.where(x.real > 0, 1.0, t) / (1.0 + t)


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, x.dtype.type(0))


def _log1p(x: Any) -> Any:
    """NumPy's, which loses the real part of small complex numbers: of these SciPy's."""
    if x.dtype.kind == "f":
        return np.log1p(x)
    return np.where(np.abs(x) < 1.0, special.log1p(x), np.log1p(x)).astype(x.dtype, copy=False)


def _sinc(x: Any, n: int) -> Any:
    """The n-th derivative s of sin(x)/x. From x s(n) + n s(n-1) = sin(x + n pi/2), upwards where |x| > n, else by
    its series.

    sin(x)/x = sum over even m of (-1)**(m/2) x**m / (m+1)!, differentiated term by term.
    """
    wide = np.asarray(x, np.complex128 if x.dtype.kind == "c" else np.float64)
    near = np.abs(wide) < n + 1
    far = np.where(near, 1.0 + n, wide)
    turns = (np.sin(far), np.cos(far), -np.sin(far), -np.cos(far))
    up = turns[0] / far
    for k in range(1, n + 1):
        up = (turns[k % 4] - k * up) / far
    series = np.zeros_like(wide)
    little = np.where(near, wide, 0.0)
    first = n + n % 2
    for m in range(first + 2 * (n + 12), first - 1, -2):
        series = series + (-1) ** (m // 2) / ((m + 1) * factorial(m - n)) * little ** (m - n)
    return np.where(near, series, up).astype(x.dtype)


def _scipy(name: str) -> Kernel:
    """A function of SciPy, which computes float16 in float32."""
    return lambda x: getattr(special, name)(x).astype(x.dtype, copy=False)


def _erfc(x: Any) -> Any:
    """SciPy's subtracts from 1 left of 1, and right of it takes the exponential of the rounded square. Here it is
    erfcx(x) exp(-x**2), where the square is in two parts."""
    out = _scipy("erfc")(x)
    far = (x > 0.7) & (x < 30.0)
    if x.dtype != np.float64 or not np.any(far):
        return out
    right = np.where(far, x, 1.0)
    upper = right.astype(np.float32).astype(np.float64)  # whose square is exact
    product = special.erfcx(right) * np.exp(-upper * upper)
    return np.where(far, product + product * np.expm1((upper - right) * (upper + right)), out)


# Python's operators do on arrays what the ufuncs do, and are ten times faster on NumPy scalars.

KERNELS: dict[Primitive, Kernel] = {
    # arithmetic
    e.neg: operator.neg,
    e.add: operator.add,
    f.sub: operator.sub,
    e.mul: operator.mul,
    e.safe_mul: _safe_multiply,
    f.div: operator.truediv,
    f.remainder: np.remainder,
    f.fmod: np.fmod,
    f.floor_div: infinities.floor_divide,
    f.square: np.square,
    f.sqrt: np.sqrt,
    f.cbrt: np.cbrt,
    f.reciprocal: np.reciprocal,
    f.copysign: np.copysign,
    f.power: np.power,
    f.power_by: _power_by,
    f.maximum: np.maximum,
    f.minimum: np.minimum,
    f.abs_: np.abs,
    f.sign: np.sign,
    f.hypot: np.hypot,
    f.select: select,
    # exponentials and logarithms
    f.exp: np.exp,
    f.exp2: np.exp2,
    f.expm1: infinities.expm1,
    f.log_: np.log,
    f.log2: np.log2,
    f.log10: np.log10,
    f.log1p: _log1p,
    f.logistic: _sigmoid,
    f.logit: _scipy("logit"),
    f.softplus: _softplus,
    f.logaddexp: np.logaddexp,
    # circular and hyperbolic functions
    f.sin: np.sin,
    f.cos: np.cos,
    f.tan: np.tan,
    f.arcsin: np.arcsin,
    f.arccos: np.arccos,
    f.arctan: np.arctan,
    f.arctan2: np.arctan2,
    f.sinc: _sinc,
    f.sinh: np.sinh,
    f.cosh: np.cosh,
    f.tanh: infinities.tanh,
    f.sech2: _sech2,
    f.arcsinh: np.arcsinh,
    f.arccosh: np.arccosh,
    f.arctanh: np.arctanh,
    # special functions
    f.erf: _scipy("erf"),
    f.erfc: _erfc,
    f.gammaln: _scipy("gammaln"),
    # piecewise constant
    f.floor: np.floor,
    f.ceil: np.ceil,
    f.trunc: np.trunc,
    f.rint: np.rint,
    # comparison and logic
    f.equal: np.equal,
    f.not_equal: np.not_equal,
    f.less: np.less,
    f.less_equal: np.less_equal,
    f.greater: np.greater,
    f.greater_equal: np.greater_equal,
    f.isfinite: np.isfinite,
    f.isinf: np.isinf,
    f.isnan: np.isnan,
    f.signbit: np.signbit,
    f.logical_not: np.logical_not,
    f.logical_and: np.logical_and,
    f.logical_or: np.logical_or,
    f.logical_xor: np.logical_xor,
    f.bit_not: np.invert,
    f.bit_and: np.bitwise_and,
    f.bit_or: np.bitwise_or,
    f.bit_xor: np.bitwise_xor,
    f.gcd: np.gcd,
    f.shift_left: np.left_shift,
    f.shift_right: np.right_shift,
    f.nextafter: np.nextafter,
}
