"""Kernels that follow the array API standard at infinities and zeros, where NumPy's ufuncs do not."""

from __future__ import annotations

from typing import Any

import numpy as np


def floor_divide(x: Any, y: Any) -> Any:
    """At infinities it is the quotient itself: inf // 2 is inf, 1 // -inf is -0, where NumPy has NaN and -1."""
    out = np.floor_divide(x, y)
    if out.dtype.kind == "f":
        infinite = np.isinf(x) | np.isinf(y)
        if infinite.any():
            return np.where(infinite, np.true_divide(x, y), out)
    return out


def expm1(x: Any) -> Any:
    """Complex numbers of infinite or NaN real part have the values that C's annex G gives exp, less 1; 0 for -0, as exp has 1."""
    out = np.expm1(x)
    if out.dtype.kind == "c":
        out = np.asarray(out)
        out.real += 0.0  # -0 becomes 0
        outside = ~np.isfinite(x.real)
        if outside.any():
            return np.where(outside, np.exp(x) - x.dtype.type(1), out)
    return out


def tanh(x: Any) -> Any:
    """At an infinite real part b of a + bj only says the sign of the zero; C has that of sin(2 b)."""
    out = np.tanh(x)
    if out.dtype.kind == "c":
        infinite = np.isinf(x.real)
        if infinite.any():
            out = np.asarray(out)
            np.copyto(out.imag, np.copysign(out.real.dtype.type(0), x.imag), where=infinite)
    return out
