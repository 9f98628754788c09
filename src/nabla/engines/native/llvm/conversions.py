"""A number in another dtype, in LLVM's instructions, with NumPy's results on x86-64 on every processor.

A float that does not fit an integer becomes what cvttpd2dq and cvttsd2si leave: the smallest integer of 32 or 64 bits, of which
narrower integers are the lowest bits. Processors without numbers of half precision have them converted by their bits.
"""

from __future__ import annotations

import numpy as np

from nabla.engines.native.llvm.text import Code
from nabla.engines.native.loops import DOUBLE, HALF, INDEX, SINGLE

SHORT, INT = np.dtype(np.uint16), np.dtype(np.int32)


def truth(code: Code, dtype: np.dtype, x: str) -> str:
    """Whether a number is not zero."""
    if dtype.kind == "b":
        return x
    if dtype.kind == "f":
        return code.op(f"fcmp une {code.kind(dtype)} {x}, {code.number(0, dtype)}")
    return code.op(f"icmp ne {code.kind(dtype)} {x}, {code.number(0, dtype)}")


def choose(code: Code, condition: str, dtype: np.dtype, x: str, y: str) -> str:
    kind = code.kind(dtype)
    return code.op(f"select {code.truth} {condition}, {kind} {x}, {kind} {y}")


def convert(code: Code, x: str, old: np.dtype, new: np.dtype) -> str:
    """The same number in another dtype."""
    a, b = code.kind(old), code.kind(new)
    if old == new:
        return x
    if HALF in (old, new) and new.kind != "b":
        return _of_half(code, x, new) if old == HALF else _to_half(code, x, old)
    if new.kind == "b":
        return truth(code, SINGLE, widened(code, x)) if old == HALF else truth(code, old, x)
    if old.kind == "b":
        return code.op(f"{'uitofp' if new.kind == 'f' else 'zext'} {a} {x} to {b}")
    if a == b:
        return x
    if old.kind == "f":
        if new.kind == "f":
            return code.op(f"{'fptrunc' if new.itemsize < old.itemsize else 'fpext'} {a} {x} to {b}")
        return _to_integer(code, x, old, new)
    if new.kind == "f":
        return code.op(f"{'uitofp' if old.kind == 'u' else 'sitofp'} {a} {x} to {b}")
    if new.itemsize < old.itemsize:
        return code.op(f"trunc {a} {x} to {b}")
    return code.op(f"{'zext' if old.kind == 'u' else 'sext'} {a} {x} to {b}")


def _to_integer(code: Code, x: str, old: np.dtype, new: np.dtype) -> str:
    signed = INDEX if new.itemsize == 8 else INT
    if new.kind == "i" or new.itemsize < 4:
        whole = _truncated(code, x, old, signed)
        return whole if signed.itemsize == new.itemsize else convert(code, whole, signed, new)
    # Large ones less the half of all, which is put back as the highest bit.
    kind, bits = code.kind(old), 8 * new.itemsize
    half = code.number(2.0 ** (bits - 1), old)
    large = code.op(f"fcmp oge {kind} {x}, {half}")
    rest = _truncated(code, choose(code, large, old, code.op(f"fsub {kind} {x}, {half}"), x), old, signed)
    turned = code.op(f"xor {code.kind(signed)} {rest}, {code.number(-(2 ** (bits - 1)), signed)}")
    return choose(code, large, signed, turned, rest)


def _truncated(code: Code, x: str, old: np.dtype, new: np.dtype) -> str:
    """As a signed integer of 32 or 64 bits, the smallest one where it does not fit."""
    kind, bits = code.kind(old), 8 * new.itemsize
    exact = old == DOUBLE and new == INT  # the number below the smallest integer is there
    low = code.number(-(2.0 ** (bits - 1)) - exact, old)
    above = code.op(f"fcmp {'ogt' if exact else 'oge'} {kind} {x}, {low}")
    fits = code.op(f"and {code.truth} {above}, {code.op(f'fcmp olt {kind} {x}, {code.number(2.0 ** (bits - 1), old)}')}")
    inside = choose(code, fits, old, x, code.number(0, old))
    whole = code.op(f"fptosi {kind} {inside} to {code.kind(new)}")
    return choose(code, fits, new, whole, code.number(-(2 ** (bits - 1)), new))


# Half precision


def _of_half(code: Code, x: str, new: np.dtype) -> str:
    return convert(code, widened(code, x), SINGLE, new)


def _to_half(code: Code, x: str, old: np.dtype) -> str:
    if old == DOUBLE:
        return narrowed(code, _odd(code, x))
    return narrowed(code, convert(code, x, old, SINGLE))


def widened(code: Code, x: str) -> str:
    """From half to single precision."""
    half, single, short, integer = (code.kind(dtype) for dtype in (HALF, SINGLE, SHORT, INT))
    if code.halves:
        return code.op(f"fpext {half} {x} to {single}")
    bits = code.op(f"zext {short} {code.op(f'bitcast {half} {x} to {short}')} to {integer}")
    sign = code.op(f"shl {integer} {code.op(f'and {integer} {bits}, {code.number(0x8000, INT)}')}, {code.number(16, INT)}")
    size = code.op(f"shl {integer} {code.op(f'and {integer} {bits}, {code.number(0x7FFF, INT)}')}, {code.number(13, INT)}")
    scaled = code.op(f"fmul {single} {code.op(f'bitcast {integer} {size} to {single}')}, {code.number(2.0**112, SINGLE)}")
    scaled = code.op(f"bitcast {single} {scaled} to {integer}")
    special = code.op(f"icmp uge {integer} {size}, {code.number(0x7C00 << 13, INT)}")  # infinities and NaN
    whole = choose(code, special, INT, code.op(f"or {integer} {size}, {code.number(0x7F800000, INT)}"), scaled)
    return code.op(f"bitcast {integer} {code.op(f'or {integer} {whole}, {sign}')} to {single}")


def narrowed(code: Code, x: str) -> str:
    """From single to half precision, rounded to the nearest, of two to the even one."""
    half, single, short, integer = (code.kind(dtype) for dtype in (HALF, SINGLE, SHORT, INT))
    if code.halves:
        return code.op(f"fptrunc {single} {x} to {half}")
    op, number = code.op, lambda value: code.number(value, INT)
    bits = op(f"bitcast {single} {x} to {integer}")
    sign = op(f"and {integer} {op(f'lshr {integer} {bits}, {number(16)}')}, {number(0x8000)}")
    size = op(f"and {integer} {bits}, {number(0x7FFFFFFF)}")
    # A normal number: 112 less in the exponent, and half of what is cut off added.
    odd = op(f"and {integer} {op(f'lshr {integer} {size}, {number(13)}')}, {number(1)}")
    shifted = op(f"add {integer} {op(f'add {integer} {size}, {odd}')}, {number(0xFFF - (112 << 23))}")
    normal = op(f"lshr {integer} {shifted}, {number(13)}")
    # A subnormal one: the last digit of 1/2 is that of these.
    raised = op(f"fadd {single} {op(f'bitcast {integer} {size} to {single}')}, {code.number(0.5, SINGLE)}")
    small = op(f"sub {integer} {op(f'bitcast {single} {raised} to {integer}')}, {number(0x3F000000)}")
    found = choose(code, op(f"icmp ult {integer} {size}, {number(0x38800000)}"), INT, small, normal)
    found = choose(code, op(f"icmp uge {integer} {size}, {number(0x47800000)}"), INT, number(0x7C00), found)
    payload = op(f"lshr {integer} {size}, {number(13)}")
    payload = op(f"or {integer} {op(f'and {integer} {payload}, {number(0x3FF)}')}, {number(0x7E00)}")
    found = choose(code, op(f"icmp ugt {integer} {size}, {number(0x7F800000)}"), INT, payload, found)
    found = op(f"trunc {integer} {op(f'or {integer} {found}, {sign}')} to {short}")
    return op(f"bitcast {short} {found} to {half}")


def _odd(code: Code, x: str) -> str:
    """From double to single precision, rounded to the odd neighbour, so that to round again is to round once."""
    double, single, integer = (code.kind(dtype) for dtype in (DOUBLE, SINGLE, INT))
    op, zero, one = code.op, code.number(0, INT), code.number(1, INT)
    near = op(f"fptrunc {double} {x} to {single}")
    back = op(f"fpext {single} {near} to {double}")
    bits = op(f"bitcast {single} {near} to {integer}")
    even = op(f"icmp eq {integer} {op(f'and {integer} {bits}, {one}')}, {zero}")
    turned = op(f"and {code.truth} {even}, {op(f'fcmp one {double} {back}, {x}')}")
    below = op(f"fcmp olt {double} {code.intrinsic('fabs', DOUBLE, back)}, {code.intrinsic('fabs', DOUBLE, x)}")
    step = choose(code, below, INT, one, code.number(-1, INT))
    moved = op(f"add {integer} {bits}, {choose(code, turned, INT, step, zero)}")
    return op(f"bitcast {integer} {moved} to {single}")
