"""Hyperbolic functions and their inverses, of expm1 and log1p: those of the vector library take two to four times as long.

tanh and sech2, which is its derivative, are of the same exponential, so that where both are wanted the second costs little.
"""

from __future__ import annotations

from math import log

import numpy as np

from nabla.engines.native.llvm.conversions import choose
from nabla.engines.native.llvm.exponentials import expm1
from nabla.engines.native.llvm.text import Code


def _share(code: Code, dtype: np.dtype, x: str) -> tuple[str, str, str]:
    """expm1(2 |x|), q = 2 / (2 + that), and whether x is so large that it is expm1(|x|) and q = 2 exp(-|x|) instead."""
    kind = code.kind(dtype)
    double = dtype.itemsize == 8
    size = code.intrinsic("fabs", dtype, x)
    far = code.op(f"fcmp ogt {kind} {size}, {code.number(20.0 if double else 10.0, dtype)}")
    end = code.number(400.0 if double else 60.0, dtype)  # sech2 is zero from there on
    near_end = choose(code, code.op(f"fcmp olt {kind} {size}, {end}"), dtype, size, end)
    grown = expm1(code, dtype, choose(code, far, dtype, near_end, code.op(f"fadd {kind} {size}, {size}")))
    two = code.number(2, dtype)
    below = code.op(f"fadd {kind} {grown}, {choose(code, far, dtype, code.number(1, dtype), two)}")
    return grown, code.op(f"fdiv {kind} {two}, {below}"), far


def tanh(code: Code, dtype: np.dtype, x: str) -> str:
    kind = code.kind(dtype)
    grown, q, far = _share(code, dtype, x)
    found = code.op(f"fmul {kind} {code.op(f'fmul {kind} {grown}, {code.number(0.5, dtype)}')}, {q}")
    return code.intrinsic("copysign", dtype, choose(code, far, dtype, code.number(1, dtype), found), x)


def sech2(code: Code, dtype: np.dtype, x: str) -> str:
    """(1 - tanh(|x|)) (1 + tanh(|x|)), the first of which is q."""
    kind = code.kind(dtype)
    _, q, far = _share(code, dtype, x)
    other = choose(code, far, dtype, q, code.op(f"fsub {kind} {code.number(2, dtype)}, {q}"))
    return code.op(f"fmul {kind} {q}, {other}")


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
