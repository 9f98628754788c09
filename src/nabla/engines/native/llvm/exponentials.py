"""exp and expm1 in LLVM's instructions, for processors that multiply and add at once; others have the functions of the C library.

LLVM puts them into a loop as they are, which takes two thirds of the time of calls of the vector library. x = n log(2) + r, where
n log(2) is taken off in two parts (Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6); and
expm1(r) = r + r**2 q(r), where q is the polynomial of least relative error for |r| <= log(2) / 2, by Remez's algorithm: 2**-54 in
double precision, 2**-28 in single precision.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nabla.engines.native.llvm.conversions import INT, choose
from nabla.engines.native.llvm.text import Code
from nabla.engines.native.loops import INDEX


class _Format(NamedTuple):
    """What exponentials are in a precision. usual: up to this size of x, 2**n and exp(x) are normal numbers; lowest, highest: where
    exp is zero or infinite already; shift: added to a number it leaves the nearest integer in the lowest bits."""

    bits: np.dtype
    usual: float
    lowest: float
    highest: float
    digits: int
    bias: int
    log_high: float
    log_low: float
    terms: tuple[float, ...]

    @property
    def shift(self) -> float:
        return 1.5 * 2.0**self.digits


_DOUBLE = _Format(
    INDEX, 708.0, -746.0, 710.0, 52, 1023, 0.6931471805599453, 2.3190468138462996e-17,
    (
        0.5000000000000006, 0.16666666666666588, 0.04166666666657676, 0.00833333333338955, 0.0013888888931564945,
        0.0001984126971900803, 2.480150527370772e-05, 2.7557407542030617e-06, 2.762603792246478e-07, 2.5053775085863387e-08,
    ),
)  # fmt: skip
_SINGLE = _Format(
    INT, 87.0, -104.0, 89.0, 23, 127, 0.6931471824645996, -1.9046542121259336e-09,
    (0.5, 0.1666666567325592, 0.041666362434625626, 0.008333389647305012, 0.0013940627686679363, 0.00019845878705382347),
)  # fmt: skip
_LOG2_E = 1.4426950408889634


def exp(code: Code, dtype: np.dtype, x: str) -> str:
    return code.own("exp", _exp, dtype, x) if code.fuses else code.function("exp", dtype, x)


def expm1(code: Code, dtype: np.dtype, x: str) -> str:
    return code.own("expm1", _expm1, dtype, x) if code.fuses else code.function("expm1", dtype, x)


def _exp(code: Code, dtype: np.dtype, x: str) -> str:
    """By 2**n, or, where it may be too small or too large for a number, with more care, which changes no other."""
    kind, own = code.kind(dtype), _format(dtype)
    usual, rare, done = code.label("usual"), code.label("rare"), code.label("done")
    inside = code.op(f"fcmp olt {kind} {code.intrinsic('fabs', dtype, x)}, {code.number(own.usual, dtype)}")
    code.branch(code.all(inside), usual, rare)
    code.start(usual)
    shifted, _, grown = _reduced(code, dtype, x, own.bias)
    power = _power(code, dtype, code.op(f"bitcast {kind} {shifted} to {code.kind(own.bits)}"))
    found = code.intrinsic("fma", dtype, grown, power, power)
    code.jump(done)
    code.start(rare)
    other = code.own("exp.rare", _rare, dtype, x, rare=True)
    code.jump(done)
    code.start(done)
    return code.op(f"phi {kind} [ {found}, %{usual} ], [ {other}, %{rare} ]")


def _rare(code: Code, dtype: np.dtype, x: str) -> str:
    """By two powers of two; the product with the second one is rounded, if any."""
    kind, own = code.kind(dtype), _format(dtype)
    x = _at_most(code, dtype, _at_least(code, dtype, x, own.lowest), own.highest)
    shifted, _, grown = _reduced(code, dtype, x, 2 * own.bias)
    first, second = _powers(code, dtype, shifted)
    found = code.op(f"fadd {kind} {grown}, {code.number(1, dtype)}")
    return code.op(f"fmul {kind} {code.op(f'fmul {kind} {found}, {first}')}, {second}")


def decayed(code: Code, dtype: np.dtype, x: str) -> tuple[str, str]:
    """expm1(x) and exp(x) of what is not above zero: what the two have in common is computed once."""
    if not code.fuses:
        return code.function("expm1", dtype, x), code.function("exp", dtype, x)
    kind = code.kind(dtype)
    shifted, _, grown = _reduced(code, dtype, _at_least(code, dtype, x, _format(dtype).lowest), 2 * _format(dtype).bias)
    first, second = _powers(code, dtype, shifted)
    power = code.op(f"fmul {kind} {first}, {second}")
    below = code.op(f"fadd {kind} {power}, {code.number(-1, dtype)}")
    return code.intrinsic("fma", dtype, power, grown, below), code.intrinsic("fma", dtype, power, grown, power)


def _expm1(code: Code, dtype: np.dtype, x: str) -> str:
    """2**n expm1(r) + (2**n - 1), by half of that power, as the whole may be too large."""
    kind, own, half = code.kind(dtype), _format(dtype), code.number(0.5, dtype)
    near = _at_most(code, dtype, _at_least(code, dtype, x, -40.0), own.highest)
    shifted, n, grown = _reduced(code, dtype, near, own.bias - 1)
    power = _power(code, dtype, code.op(f"bitcast {kind} {shifted} to {code.kind(own.bits)}"))
    found = code.intrinsic("fma", dtype, power, grown, code.op(f"fsub {kind} {power}, {half}"))
    found = code.op(f"fadd {kind} {found}, {found}")
    small = code.op(f"fcmp oeq {kind} {n}, {code.number(0, dtype)}")  # perhaps so small that half of it is rounded
    return code.intrinsic("copysign", dtype, choose(code, small, dtype, grown, found), x)


def _format(dtype: np.dtype) -> _Format:
    return _DOUBLE if dtype.itemsize == 8 else _SINGLE


def _reduced(code: Code, dtype: np.dtype, x: str, bias: int) -> tuple[str, str, str]:
    """A number whose lowest bits are n + bias; n; expm1(r)."""
    kind, own = code.kind(dtype), _format(dtype)
    shift = code.number(own.shift + bias, dtype)

    def fma(x: str, y: str, z: str) -> str:
        return code.intrinsic("fma", dtype, x, y, z)

    shifted = fma(x, code.number(_LOG2_E, dtype), shift)
    n = code.op(f"fsub {kind} {shifted}, {shift}")
    r = fma(n, code.number(-own.log_low, dtype), fma(n, code.number(-own.log_high, dtype), x))
    square = code.op(f"fmul {kind} {r}, {r}")
    # Even and odd powers by themselves, so that neither waits for the other.
    even, odd = (_polynomial(code, dtype, own.terms[start::2], square) for start in (0, 1))
    return shifted, n, fma(square, fma(odd, r, even), r)


def _polynomial(code: Code, dtype: np.dtype, terms: tuple[float, ...], x: str) -> str:
    found = code.number(terms[-1], dtype)
    for term in terms[-2::-1]:
        found = code.intrinsic("fma", dtype, found, x, code.number(term, dtype))
    return found


def _power(code: Code, dtype: np.dtype, exponent: str) -> str:
    """2**n, of bits the lowest of which are n and the bias."""
    own = _format(dtype)
    whole = code.kind(own.bits)
    shifted = code.op(f"shl {whole} {exponent}, {code.number(own.digits, own.bits)}")
    return code.op(f"bitcast {whole} {shifted} to {code.kind(dtype)}")


def _powers(code: Code, dtype: np.dtype, shifted: str) -> tuple[str, str]:
    """2**n as a product, as there may be no number that is so small or so large; the lowest bits are n + 2 bias."""
    own = _format(dtype)
    whole = code.kind(own.bits)
    both = code.op(f"bitcast {code.kind(dtype)} {shifted} to {whole}")
    first = code.op(f"lshr {whole} {both}, {code.number(1, own.bits)}")
    return _power(code, dtype, first), _power(code, dtype, code.op(f"sub {whole} {both}, {first}"))


def _at_least(code: Code, dtype: np.dtype, x: str, least: float) -> str:
    """NaN stays."""
    end = code.number(least, dtype)
    return choose(code, code.op(f"fcmp ogt {code.kind(dtype)} {end}, {x}"), dtype, end, x)


def _at_most(code: Code, dtype: np.dtype, x: str, most: float) -> str:
    end = code.number(most, dtype)
    return choose(code, code.op(f"fcmp olt {code.kind(dtype)} {end}, {x}"), dtype, end, x)
