"""Hyperbolic functions and their inverses, of exponentials and log1p: those of the vector library take two to four times as long.

tanh and sech2, which is its derivative, are of the same exponential, so that where both are wanted the second costs little.
"""

from __future__ import annotations

from math import log

import numpy as np

from nabla.engines.native.llvm.conversions import choose
from nabla.engines.native.llvm.exponentials import decayed
from nabla.engines.native.llvm.text import Code


def tanh(code: Code, dtype: np.dtype, x: str) -> str:
    return code.own("tanh", _tanh, dtype, x)


def sech2(code: Code, dtype: np.dtype, x: str) -> str:
    return code.own("sech2", _sech2, dtype, x)


def _tanh(code: Code, dtype: np.dtype, x: str) -> str:
    """-m / (2 + m), where m = expm1(-2 |x|), with the sign of x."""
    less, _ = decayed(code, dtype, _beyond(code, dtype, x))
    return code.intrinsic("copysign", dtype, code.op(f"fmul {code.kind(dtype)} {less}, {_share(code, dtype, less)}"), x)


def _sech2(code: Code, dtype: np.dtype, x: str) -> str:
    """q (2 - q), where q = 2 (1 + m) / (2 + m) is how much |tanh(x)| is below 1."""
    kind, two = code.kind(dtype), code.number(2, dtype)
    less, decay = decayed(code, dtype, _beyond(code, dtype, x))
    q = code.op(f"fmul {kind} {code.op(f'fmul {kind} {decay}, {two}')}, {_share(code, dtype, less)}")
    return code.op(f"fmul {kind} {q}, {code.op(f'fsub {kind} {two}, {q}')}")


def _beyond(code: Code, dtype: np.dtype, x: str) -> str:
    """-2 |x|."""
    size = code.intrinsic("fabs", dtype, x)
    return code.op(f"fmul {code.kind(dtype)} {size}, {code.number(-2, dtype)}")


def _share(code: Code, dtype: np.dtype, less: str) -> str:
    kind = code.kind(dtype)
    return code.op(f"fdiv {kind} {code.number(1, dtype)}, {code.op(f'fadd {kind} {less}, {code.number(2, dtype)}')}")


def _grown_log(code: Code, dtype: np.dtype, x: str, rest: str) -> str:
    """log(1 + x + rest), which is log(2 x) where x is large."""
    kind = code.kind(dtype)
    large = code.op(f"fcmp ogt {kind} {x}, {code.number(2.0**60 if dtype.itemsize == 8 else 2.0**30, dtype)}")
    inside = choose(code, large, dtype, x, code.op(f"fadd {kind} {x}, {rest}"))
    twice = choose(code, large, dtype, code.number(log(2.0), dtype), code.number(0, dtype))
    return code.op(f"fadd {kind} {code.function('log1p', dtype, inside)}, {twice}")


def arcsinh(code: Code, dtype: np.dtype, x: str) -> str:
    """log(|x| + sqrt(1 + x**2)), with the sign of x."""
    kind, one = code.kind(dtype), code.number(1, dtype)
    size = code.intrinsic("fabs", dtype, x)
    square = code.op(f"fmul {kind} {x}, {x}")
    root = code.intrinsic("sqrt", dtype, code.op(f"fadd {kind} {square}, {one}"))
    rest = code.op(f"fdiv {kind} {square}, {code.op(f'fadd {kind} {root}, {one}')}")
    return code.intrinsic("copysign", dtype, _grown_log(code, dtype, size, rest), x)


def arccosh(code: Code, dtype: np.dtype, x: str) -> str:
    """log(x + sqrt(x**2 - 1)), by how much x is above 1."""
    kind, one = code.kind(dtype), code.number(1, dtype)
    above = code.op(f"fsub {kind} {x}, {one}")
    product = code.op(f"fmul {kind} {above}, {code.op(f'fadd {kind} {x}, {one}')}")
    found = _grown_log(code, dtype, above, code.intrinsic("sqrt", dtype, product))
    return choose(code, code.op(f"fcmp olt {kind} {x}, {one}"), dtype, code.number(np.nan, dtype), found)


def arctanh(code: Code, dtype: np.dtype, x: str) -> str:
    """log((1 + |x|) / (1 - |x|)) / 2, with the sign of x."""
    kind = code.kind(dtype)
    size = code.intrinsic("fabs", dtype, x)
    twice = code.op(f"fadd {kind} {size}, {size}")
    ratio = code.op(f"fdiv {kind} {twice}, {code.op(f'fsub {kind} {code.number(1, dtype)}, {size}')}")
    half = code.op(f"fmul {kind} {code.function('log1p', dtype, ratio)}, {code.number(0.5, dtype)}")
    return code.intrinsic("copysign", dtype, half, x)
