"""Quotients and remainders of integers and floats, and greatest common divisors, in LLVM's instructions."""

from __future__ import annotations

import numpy as np

from nabla.engines.native.llvm.conversions import choose
from nabla.engines.native.llvm.text import Code, type_of

# Integers


def _divided(code: Code, dtype: np.dtype, x: str, y: str, down: bool) -> tuple[str, str]:
    """Quotient and remainder, rounded down or to zero; by zero they are zero, and so nothing traps."""
    kind, zero, one = code.kind(dtype), code.number(0, dtype), code.number(1, dtype)
    none = code.op(f"icmp eq {kind} {y}, {zero}")
    if dtype.kind == "u":
        divisor = choose(code, none, dtype, one, y)
        quotient, rest = code.op(f"udiv {kind} {x}, {divisor}"), code.op(f"urem {kind} {x}, {divisor}")
    else:
        # The smallest number has no opposite: a division by -1, which would trap there, is a subtraction.
        minus = code.op(f"icmp eq {kind} {y}, {code.number(-1, dtype)}")
        divisor = choose(code, code.op(f"or {code.truth} {none}, {minus}"), dtype, one, y)
        quotient, rest = code.op(f"sdiv {kind} {x}, {divisor}"), code.op(f"srem {kind} {x}, {divisor}")
        if down:
            apart = code.op(f"icmp slt {kind} {code.op(f'xor {kind} {rest}, {divisor}')}, {zero}")
            turned = code.op(f"and {code.truth} {apart}, {code.op(f'icmp ne {kind} {rest}, {zero}')}")
            quotient = code.op(f"sub {kind} {quotient}, {choose(code, turned, dtype, one, zero)}")
            rest = code.op(f"add {kind} {rest}, {choose(code, turned, dtype, divisor, zero)}")
        quotient = choose(code, minus, dtype, code.op(f"sub {kind} {zero}, {x}"), quotient)
        rest = choose(code, minus, dtype, zero, rest)
    return choose(code, none, dtype, zero, quotient), choose(code, none, dtype, zero, rest)


_GCD = """begin:
{positive}  br label %test
test:
  %p = phi {kind} [ %a, %begin ], [ %q, %turn ]
  %q = phi {kind} [ %b, %begin ], [ %r, %turn ]
  %done = icmp eq {kind} %q, 0
  br i1 %done, label %end, label %turn
turn:
  %r = urem {kind} %p, %q
  br label %test
end:
  ret {kind} %p
"""


def gcd(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """Euclid's algorithm."""
    kind = type_of(dtype)
    positive = ""
    for name, given in (("a", "x"), ("b", "y")):
        least = f"call {kind} @llvm.abs.{kind}({kind} %{given}, i1 false)" if dtype.kind == "i" else f"add {kind} %{given}, 0"
        positive += f"  %{name} = {least}\n"
    if dtype.kind == "i":
        code.declared[f"llvm.abs.{kind}"] = f"declare {kind} @llvm.abs.{kind}({kind}, i1)"
    return code.helper(f"gcd_{dtype.name}", dtype, _GCD.format(kind=kind, positive=positive), x, y)


# Floats: what is left of the exact quotient is exact


def _rest_of_floats(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """What is left of x, with its sign: x - n y, where the whole quotient n, one too large at most, is exact; it is so below 2**52.
    One rounding makes that exact, too. Where a quotient is larger, or a number infinite, by the C library."""
    kind, zero = code.kind(dtype), code.number(0, dtype)
    size, other = code.intrinsic("fabs", dtype, x), code.intrinsic("fabs", dtype, y)
    whole = code.intrinsic("trunc", dtype, code.op(f"fdiv {kind} {size}, {other}"))
    limit = code.number(2.0**52 if dtype.itemsize == 8 else 2.0**22, dtype)
    small = code.op(f"fcmp olt {kind} {whole}, {limit}")
    small = code.op(f"and {code.truth} {small}, {code.op(f'fcmp olt {kind} {other}, {code.number(np.inf, dtype)}')}")
    fast, slow, joined = (code.label(hint) for hint in ("fast", "slow", "joined"))
    code.branch(code.all(small), fast, slow)
    code.start(fast)
    rest = code.intrinsic("fma", dtype, code.op(f"fneg {kind} {whole}"), other, size)
    below = code.op(f"fcmp olt {kind} {rest}, {zero}")
    rest = code.op(f"fadd {kind} {rest}, {choose(code, below, dtype, other, zero)}")
    rest = code.intrinsic("copysign", dtype, rest, x)
    code.jump(joined)
    code.start(slow)
    careful = code.function("fmod", dtype, x, y)
    end = code.block
    code.jump(joined)
    code.start(joined)
    return code.op(f"phi {kind} [ {rest}, %{fast} ], [ {careful}, %{end} ]")


def _rest(code: Code, dtype: np.dtype, x: str, y: str) -> tuple[str, str, str]:
    """What fmod leaves; whether that is not zero and has not the sign of y; whether it is not zero."""
    kind, zero = code.kind(dtype), code.number(0, dtype)
    rest = _rest_of_floats(code, dtype, x, y)
    some = code.op(f"fcmp une {kind} {rest}, {zero}")
    signs = code.op(f"xor {code.truth} {code.op(f'fcmp olt {kind} {y}, {zero}')}, {code.op(f'fcmp olt {kind} {rest}, {zero}')}")
    return rest, code.op(f"and {code.truth} {some}, {signs}"), some


def floor_div(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """At infinities and by zero the quotient itself, as the array API standard has it; else rounded down, zeros with its sign."""
    if dtype.kind != "f":
        return _divided(code, dtype, x, y, True)[0]
    kind, zero = code.kind(dtype), code.number(0, dtype)
    quotient = code.op(f"fdiv {kind} {x}, {y}")
    rest, turned, _ = _rest(code, dtype, x, y)
    whole = code.op(f"fdiv {kind} {code.op(f'fsub {kind} {x}, {rest}')}, {y}")
    whole = code.op(f"fsub {kind} {whole}, {choose(code, turned, dtype, code.number(1, dtype), zero)}")
    down = code.intrinsic("floor", dtype, whole)
    short = code.op(f"fcmp ogt {kind} {code.op(f'fsub {kind} {whole}, {down}')}, {code.number(0.5, dtype)}")
    down = code.op(f"fadd {kind} {down}, {choose(code, short, dtype, code.number(1, dtype), zero)}")
    none = code.op(f"fcmp oeq {kind} {whole}, {zero}")
    found = choose(code, none, dtype, code.intrinsic("copysign", dtype, zero, quotient), down)
    for v in (x, y):
        infinite = code.op(f"fcmp oeq {kind} {code.intrinsic('fabs', dtype, v)}, {code.number(np.inf, dtype)}")
        found = choose(code, infinite, dtype, quotient, found)
    return choose(code, code.op(f"fcmp oeq {kind} {y}, {zero}"), dtype, quotient, found)


def remainder(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """With the sign of y."""
    if dtype.kind != "f":
        return _divided(code, dtype, x, y, True)[1]
    rest, turned, some = _rest(code, dtype, x, y)
    found = choose(code, turned, dtype, code.op(f"fadd {code.kind(dtype)} {rest}, {y}"), rest)
    return choose(code, some, dtype, found, code.intrinsic("copysign", dtype, code.number(0, dtype), y))


def fmod(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """With the sign of x."""
    if dtype.kind == "f":
        return _rest_of_floats(code, dtype, x, y)
    return _divided(code, dtype, x, y, False)[1]
