"""NumPy kernels: elementwise primitives."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import elementwise as e
from nabla.primitives import formulas as f
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")


def _safe_multiply(x: Any, y: Any) -> Any:
    out = np.multiply(x, y)
    flat = out.ravel()
    if not np.isfinite(flat.dot(flat)):  # the cheap test for a NaN anywhere; an infinity or an overflow only costs time
        return np.where(np.equal(x, 0) | np.equal(y, 0), out.dtype.type(0), out)
    return out


def _sech2(x: Any) -> Any:
    c = np.cosh(x)
    return 1.0 / (c * c)


def _polygamma(x: Any, n: int) -> Any:
    return special.digamma(x) if n == 0 else special.polygamma(n, x).astype(x.dtype)


def _sigmoid(x: Any) -> Any:
    return special.expit(x) if x.dtype.kind == "f" else 1.0 / (1.0 + np.exp(-x))


KERNELS: dict[Primitive, Kernel] = {
    # arithmetic
    e.neg: np.negative,
    e.add: np.add,
    f.sub: np.subtract,
    e.mul: np.multiply,
    e.safe_mul: _safe_multiply,
    f.div: np.divide,
    f.remainder: np.remainder,
    f.fmod: np.fmod,
    f.floor_div: np.floor_divide,
    f.square: np.square,
    f.sqrt: np.sqrt,
    f.cbrt: np.cbrt,
    f.reciprocal: np.reciprocal,
    f.power: np.power,
    f.maximum: np.maximum,
    f.minimum: np.minimum,
    f.abs_: np.abs,
    f.sign: np.sign,
    f.hypot: np.hypot,
    f.select: np.where,
    # exponentials and logarithms
    f.exp: np.exp,
    f.exp2: np.exp2,
    f.expm1: np.expm1,
    f.log_: np.log,
    f.log2: np.log2,
    f.log10: np.log10,
    f.log1p: np.log1p,
    f.logistic: _sigmoid,
    f.logaddexp: np.logaddexp,
    # circular and hyperbolic functions
    f.sin: np.sin,
    f.cos: np.cos,
    f.tan: np.tan,
    f.arcsin: np.arcsin,
    f.arccos: np.arccos,
    f.arctan: np.arctan,
    f.arctan2: np.arctan2,
    f.sinh: np.sinh,
    f.cosh: np.cosh,
    f.tanh: np.tanh,
    f.sech2: _sech2,
    f.arcsinh: np.arcsinh,
    f.arccosh: np.arccosh,
    f.arctanh: np.arctanh,
    # special functions
    f.erf: lambda x: special.erf(x),
    f.erfc: lambda x: special.erfc(x),
    f.gammaln: lambda x: special.gammaln(x),
    f.polygamma: _polygamma,
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
    f.shift_left: np.left_shift,
    f.shift_right: np.right_shift,
    f.nextafter: np.nextafter,
}
