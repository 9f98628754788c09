"""Powers, in LLVM's instructions: small ones by products, which take a fifth of the time that the general function takes."""

from __future__ import annotations

import numpy as np

from nabla.engines.native.llvm.conversions import choose
from nabla.engines.native.llvm.text import Code, type_of

_POWER = """begin:
  br label %turn
turn:
  %p = phi {kind} [ %x, %begin ], [ %square, %turn ]
  %n = phi {kind} [ %y, %begin ], [ %half, %turn ]
  %r = phi {kind} [ 1, %begin ], [ %found, %turn ]
  %odd = trunc {kind} %n to i1
  %more = mul {kind} %r, %p
  %found = select i1 %odd, {kind} %more, {kind} %r
  %square = mul {kind} %p, %p
  %half = lshr {kind} %n, 1
  %go = icmp ne {kind} %half, 0
  br i1 %go, label %turn, label %end
end:
  ret {kind} %found
"""
LEAST, MOST = -3.5, 7.0
"""Between these exponents products are within 4 units in the last place of the power."""


def power(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """Of integers by squares; an exponent that is negative is taken for a large one."""
    if dtype.kind == "f":
        return code.function("pow", dtype, x, y)
    return code.helper(f"power_{dtype.name}", dtype, _POWER.format(kind=type_of(dtype)), x, y)


def power_by(code: Code, dtype: np.dtype, x: str, exponent: float) -> str:
    """To a power that is known."""
    if not LEAST <= exponent <= MOST or 2.0 * exponent != int(2.0 * exponent) or exponent == 0.0:
        return code.function("pow", dtype, x, code.number(exponent, dtype))
    if exponent != int(exponent):
        return _half_power(code, dtype, x, exponent)
    return _product(code, dtype, x if exponent > 0 else _reciprocal(code, dtype, x), int(abs(exponent)))


def _half_power(code: Code, dtype: np.dtype, x: str, exponent: float) -> str:
    """By the square root. The power of a zero does not have its sign, and that of -inf is that of inf."""
    kind, zero = code.kind(dtype), code.number(0, dtype)
    base = code.op(f"fadd {kind} {x}, {zero}")
    if exponent == -0.5:  # of which the reciprocal of the base may be too large
        found = _reciprocal(code, dtype, code.intrinsic("sqrt", dtype, base))
    else:
        base = base if exponent > 0 else _reciprocal(code, dtype, base)
        found = code.intrinsic("sqrt", dtype, base)
        if exponent != 0.5:
            found = code.op(f"fmul {kind} {_product(code, dtype, base, int(abs(exponent)))}, {found}")
    least = code.op(f"fcmp oeq {kind} {x}, {code.number(-np.inf, dtype)}")
    return choose(code, least, dtype, code.number(np.inf, dtype) if exponent > 0 else zero, found)


def _reciprocal(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"fdiv {code.kind(dtype)} {code.number(1, dtype)}, {x}")


def _product(code: Code, dtype: np.dtype, x: str, n: int) -> str:
    if n == 1:
        return x
    kind, half = code.kind(dtype), _product(code, dtype, x, n // 2)
    square = code.op(f"fmul {kind} {half}, {half}")
    return code.op(f"fmul {kind} {square}, {x}") if n % 2 else square
