"""Elementwise primitives on numbers in registers: what each is in LLVM's instructions.

A row is a function of the code being written, the dtype of the inputs, and their names; it gives the name of the result. Edge cases
(zeros, infinities, NaN, the ends of the integers) are NumPy's.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from nabla.engines.native.llvm.conversions import choose, convert, truth, widened
from nabla.engines.native.llvm.divisions import floor_div, fmod, gcd, remainder
from nabla.engines.native.llvm.exponentials import decayed, exp, expm1
from nabla.engines.native.llvm.hyperbolic import arccosh, arcsinh, arctanh, sech2, tanh
from nabla.engines.native.llvm.powers import power, power_by
from nabla.engines.native.llvm.text import Code, type_of
from nabla.engines.native.loops import BOOL, HALF, INDEX, SINGLE
from nabla.engines.native.runtime.routines import special_function
from nabla.primitives import elementwise as e, formulas as f
from nabla.primitives.base import Primitive

Row = Callable[..., str]


def _floating(instruction: str, of_integers: str | None = None) -> Row:
    def row(code: Code, dtype: np.dtype, *xs: str) -> str:
        name = instruction if dtype.kind == "f" else of_integers
        if dtype.kind == "b":
            name = {"add": "or", "mul": "and"}.get(str(name), name)
        return code.op(f"{name} {code.kind(dtype)} {', '.join(xs)}")

    return row


def _intrinsic(name: str) -> Row:
    return lambda code, dtype, *xs: code.intrinsic(name, dtype, *xs)


def _libm(name: str) -> Row:
    """A function of the C library; single precision has its own."""
    return lambda code, dtype, *xs: code.function(name, dtype, *xs)


def _compare(of_floats: str, of_signed: str, of_unsigned: str | None = None) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        if dtype.kind == "f":
            return code.op(f"fcmp {of_floats} {code.kind(dtype)} {x}, {y}")
        name = of_signed if dtype.kind == "i" or of_unsigned is None else of_unsigned
        return code.op(f"icmp {name} {code.kind(dtype)} {x}, {y}")

    return row


def _zero(code: Code, dtype: np.dtype) -> str:
    return code.number(0, dtype)


def _neg(code: Code, dtype: np.dtype, x: str) -> str:
    kind = code.kind(dtype)
    return code.op(f"fneg {kind} {x}") if dtype.kind == "f" else code.op(f"sub {kind} {_zero(code, dtype)}, {x}")


def _safe_mul(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    kind, zero = code.kind(dtype), _zero(code, dtype)
    either = code.op(f"or {code.truth} {code.op(f'fcmp oeq {kind} {x}, {zero}')}, {code.op(f'fcmp oeq {kind} {y}, {zero}')}")
    return choose(code, either, dtype, zero, code.op(f"fmul {kind} {x}, {y}"))


def _square(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"{'fmul' if dtype.kind == 'f' else 'mul'} {code.kind(dtype)} {x}, {x}")


def _reciprocal(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"fdiv {code.kind(dtype)} {code.number(1, dtype)}, {x}")


def _extremum(larger: str, signed: str, unsigned: str) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        kind = code.kind(dtype)
        if dtype.kind == "f":  # a NaN of either wins
            first = code.op(f"fcmp {larger} {kind} {x}, {y}")
            nan = code.op(f"fcmp uno {kind} {x}, {x}")
            return choose(code, code.op(f"or {code.truth} {first}, {nan}"), dtype, x, y)
        name = signed if dtype.kind == "i" else unsigned
        return choose(code, code.op(f"icmp {name} {kind} {x}, {y}"), dtype, x, y)

    return row


def _abs(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind == "f":
        return _intrinsic("fabs")(code, dtype, x)
    if dtype.kind in "ub":
        return x
    kind, zero = code.kind(dtype), _zero(code, dtype)
    return choose(code, code.op(f"icmp slt {kind} {x}, {zero}"), dtype, code.op(f"sub {kind} {zero}, {x}"), x)


def _sign(code: Code, dtype: np.dtype, x: str) -> str:
    kind, zero = code.kind(dtype), _zero(code, dtype)
    one, minus_one = code.number(1, dtype), code.number(-1, dtype) if dtype.kind != "u" else zero
    if dtype.kind == "f":
        above, below = code.op(f"fcmp ogt {kind} {x}, {zero}"), code.op(f"fcmp olt {kind} {x}, {zero}")
        rest = choose(code, code.op(f"fcmp uno {kind} {x}, {x}"), dtype, x, zero)
    elif dtype.kind == "u":
        return choose(code, code.op(f"icmp ne {kind} {x}, {zero}"), dtype, one, zero)
    else:
        above, below = code.op(f"icmp sgt {kind} {x}, {zero}"), code.op(f"icmp slt {kind} {x}, {zero}")
        rest = zero
    return choose(code, above, dtype, one, choose(code, below, dtype, minus_one, rest))


def _logistic(code: Code, dtype: np.dtype, x: str) -> str:
    """1 / (1 + d) or d / (1 + d), where d = exp(-|x|)."""

    def write(code: Code, dtype: np.dtype, x: str) -> str:
        kind, one = code.kind(dtype), code.number(1, dtype)
        right = code.op(f"fcmp ogt {kind} {x}, {_zero(code, dtype)}")
        _, decay = decayed(code, dtype, code.op(f"fneg {kind} {_abs(code, dtype, x)}"))
        return code.op(f"fdiv {kind} {choose(code, right, dtype, one, decay)}, {code.op(f'fadd {kind} {one}, {decay}')}")

    return code.own("logistic", write, dtype, x)


def _isnan(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"fcmp uno {code.kind(dtype)} {x}, {x}") if dtype.kind == "f" else code.number(False, BOOL)


def _isinf(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind != "f":
        return code.number(False, BOOL)
    return code.op(f"fcmp oeq {code.kind(dtype)} {_abs(code, dtype, x)}, {code.number(np.inf, dtype)}")


def _isfinite(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind != "f":
        return code.number(True, BOOL)
    return code.op(f"fcmp olt {code.kind(dtype)} {_abs(code, dtype, x)}, {code.number(np.inf, dtype)}")


def _rounded(name: str) -> Row:
    return lambda code, dtype, x: _intrinsic(name)(code, dtype, x) if dtype.kind == "f" else x


def _logical(instruction: str) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        return code.op(f"{instruction} {code.truth} {truth(code, dtype, x)}, {truth(code, dtype, y)}")

    return row


def _not(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"xor {code.truth} {truth(code, dtype, x)}, {code.number(True, BOOL)}")


def _invert(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"xor {code.kind(dtype)} {x}, {code.number(True if dtype.kind == 'b' else -1, dtype)}")


def _shift(left: bool) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        """By less than nothing, or more bits than there are, all of them go."""
        kind, bits = code.kind(dtype), 8 * dtype.itemsize
        some = code.op(f"icmp ult {kind} {y}, {code.number(bits, dtype)}")
        name = "shl" if left else "lshr" if dtype.kind == "u" else "ashr"
        shifted = code.op(f"{name} {kind} {x}, {choose(code, some, dtype, y, _zero(code, dtype))}")
        none = code.op(f"ashr {kind} {x}, {code.number(bits - 1, dtype)}") if name == "ashr" else _zero(code, dtype)
        return choose(code, some, dtype, shifted, none)

    return row


def _rotate(code: Code, dtype: np.dtype, x: str, by: int) -> str:
    kind, bits = code.kind(dtype), 8 * dtype.itemsize
    up = code.op(f"shl {kind} {x}, {code.number(by, dtype)}")
    return code.op(f"or {kind} {up}, {code.op(f'lshr {kind} {x}, {code.number(bits - by, dtype)}')}")


def select(code: Code, condition: str, of: np.dtype, dtype: np.dtype, x: str, y: str) -> str:
    """x where the condition, of the dtype `of`, holds, else y."""
    return choose(code, truth(code, of, condition), dtype, x, y)


# Bits


def _bits(dtype: np.dtype) -> np.dtype:
    """The integers of the same size."""
    return np.dtype(f"i{dtype.itemsize}")


def _signbit(code: Code, dtype: np.dtype, x: str) -> str:
    own = _bits(dtype)
    return code.op(
        f"icmp slt {code.kind(own)} {code.op(f'bitcast {code.kind(dtype)} {x} to {code.kind(own)}')}, {code.number(0, own)}"
    )


def _nextafter(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    """One step of the bits, which are in the order of the numbers; from zero to the smallest number of the sign of y."""
    own, wide = _bits(dtype), SINGLE if dtype == HALF else dtype
    kind, whole, compared = code.kind(dtype), code.kind(own), code.kind(wide)
    a, b = (widened(code, v) if dtype == HALF else v for v in (x, y))
    bits = code.op(f"bitcast {kind} {x} to {whole}")
    zero = code.number(0, wide)
    away = code.op(
        f"icmp eq {code.truth} {code.op(f'fcmp olt {compared} {a}, {b}')}, {code.op(f'fcmp ogt {compared} {a}, {zero}')}"
    )
    moved = code.op(f"add {whole} {bits}, {choose(code, away, own, code.number(1, own), code.number(-1, own))}")
    least = code.op(
        f"and {whole} {code.op(f'bitcast {kind} {y} to {whole}')}, {code.number(-(2 ** (8 * dtype.itemsize - 1)), own)}"
    )
    least = code.op(f"or {whole} {least}, {code.number(1, own)}")
    found = choose(code, code.op(f"fcmp oeq {compared} {a}, {zero}"), own, least, moved)
    found = code.op(f"bitcast {whole} {found} to {kind}")
    equal = code.op(f"fcmp oeq {compared} {a}, {b}")
    found = choose(code, equal, dtype, x if dtype == HALF else y, found)  # NumPy's own for halves, and C's
    found = choose(code, code.op(f"fcmp uno {compared} {b}, {b}"), dtype, y, found)
    return choose(code, code.op(f"fcmp uno {compared} {a}, {a}"), dtype, x, found)


def _order(code: Code, dtype: np.dtype, x: str) -> str:
    """The bits as an integer in the order of the numbers: both zeros are the same, NaN is above all."""
    own = _bits(dtype)
    kind, whole, bits = code.kind(dtype), code.kind(own), 8 * dtype.itemsize
    plain = code.op(f"bitcast {kind} {code.op(f'fadd {kind} {x}, {_zero(code, dtype)}')} to {whole}")
    size = code.op(f"and {whole} {plain}, {code.number(2 ** (bits - 1) - 1, own)}")
    below = code.op(f"icmp slt {whole} {plain}, {code.number(0, own)}")
    found = choose(code, below, own, code.op(f"sub {whole} {code.number(0, own)}, {size}"), plain)
    return choose(code, code.op(f"fcmp uno {kind} {x}, {x}"), own, code.number(2 ** (bits - 1) - 2, own), found)


def _from_end(code: Code, dtype: np.dtype, i: str, n: str) -> str:
    """An index of an axis of length n, counted from the end where it is negative."""
    kind = code.kind(dtype)
    return choose(code, code.op(f"icmp slt {kind} {i}, {_zero(code, dtype)}"), dtype, code.op(f"add {kind} {i}, {n}"), i)


def _is_below(code: Code, dtype: np.dtype, i: str, n: str) -> str:
    """Whether an integer is from zero to below n: as an unsigned number, what is below zero is large."""
    return code.op(f"icmp ult {code.kind(dtype)} {i}, {n}")


# Functions from outside


def _of_complex(code: Code, dtype: np.dtype, *parts: str, symbol: str, part: int) -> str:
    """A part of a function of the C library."""
    return code.part(symbol, part, *parts)


def _of_scipy(code: Code, dtype: np.dtype, *xs: str, function: str, part: int | None = None) -> str:
    """A special function, or a part of one of complex numbers."""
    count = len(xs) if part is None else len(xs) // 2
    symbol = str(special_function(function, count, of_complex=part is not None))
    return code.outside(symbol, dtype, *xs, skip=True) if part is None else code.part(symbol, part, *xs, skip=True)


def _one_of_scipy(code: Code, dtype: np.dtype, *xs: str, function: str, outs: int, which: int) -> str:
    """One of the numbers that a special function gives."""
    symbol = str(special_function(function, len(xs), outs=outs))
    kind = type_of(dtype)
    code.declared[symbol] = f"declare void @{symbol}({', '.join([kind] * len(xs) + ['ptr'] * outs)}) nounwind"
    places = [f"  %p{i} = getelementptr {kind}, ptr %room, i64 {i}\n" for i in range(outs)]
    given = [f"{kind} {name}" for name in ("%x", "%y")[: len(xs)]] + [f"ptr %p{i}" for i in range(outs)]
    body = f"begin:\n  %room = alloca [{outs} x {kind}]\n{''.join(places)}  call void @{symbol}({', '.join(given)})\n"
    body += f"  %found = load {kind}, ptr %p{which}\n  ret {kind} %found\n"
    return code.helper(f"{symbol}_{which}", dtype, body, *xs)


def _of_degree(code: Code, dtype: np.dtype, n: str, *xs: str, function: str) -> str:
    """A special function of an integer and of numbers."""
    symbol = str(special_function(function, 1 + len(xs), degree=True))
    kind = type_of(dtype)

    def call(n: str, *xs: str) -> str:
        code.declared[symbol] = f"declare {kind} @{symbol}(i64, {', '.join([kind] * len(xs))}, i32) #0"
        return code.op(
            f"call {kind} @{symbol}(i64 {convert(code, n, dtype, INDEX)}, {', '.join([f'{kind} {x}' for x in xs])}, i32 0)"
        )

    return code.lane_by_lane(call, dtype, (n, *xs))


_ROWS: dict[Primitive, Row] = {
    # arithmetic
    e.neg: _neg, e.add: _floating("fadd", "add"), f.sub: _floating("fsub", "sub"), e.mul: _floating("fmul", "mul"),
    e.safe_mul: _safe_mul, f.div: _floating("fdiv"), f.floor_div: floor_div, f.remainder: remainder,
    f.fmod: fmod, f.gcd: gcd, f.power: power, f.nextafter: _nextafter,
    f.square: _square, f.sqrt: _intrinsic("sqrt"), f.cbrt: _libm("cbrt"), f.reciprocal: _reciprocal,
    f.copysign: _intrinsic("copysign"), f.power_by: power_by, f.maximum: _extremum("ogt", "sgt", "ugt"),
    f.minimum: _extremum("olt", "slt", "ult"), f.abs_: _abs, f.sign: _sign, f.hypot: _libm("hypot"),
    # exponentials and logarithms
    f.exp: exp, f.exp2: _libm("exp2"), f.expm1: expm1, f.log_: _libm("log"), f.log2: _libm("log2"),
    f.log10: _libm("log10"), f.log1p: _libm("log1p"), f.logistic: _logistic,
    # circular and hyperbolic functions
    f.sin: _libm("sin"), f.cos: _libm("cos"), f.tan: _libm("tan"), f.arcsin: _libm("asin"), f.arccos: _libm("acos"),
    f.arctan: _libm("atan"), f.arctan2: _libm("atan2"), f.sinh: _libm("sinh"), f.cosh: _libm("cosh"), f.tanh: tanh,
    f.sech2: sech2, f.arcsinh: arcsinh, f.arccosh: arccosh, f.arctanh: arctanh,
    # special functions
    f.erf: _libm("erf"), f.erfc: _libm("erfc"),
    # piecewise constant
    f.floor: _rounded("floor"), f.ceil: _rounded("ceil"), f.trunc: _rounded("trunc"), f.rint: _rounded("rint"),
    # comparison and logic
    f.equal: _compare("oeq", "eq"), f.not_equal: _compare("une", "ne"), f.less: _compare("olt", "slt", "ult"),
    f.less_equal: _compare("ole", "sle", "ule"), f.greater: _compare("ogt", "sgt", "ugt"),
    f.greater_equal: _compare("oge", "sge", "uge"), f.isfinite: _isfinite, f.isinf: _isinf, f.isnan: _isnan, f.signbit: _signbit,
    f.logical_not: _not, f.logical_and: _logical("and"), f.logical_or: _logical("or"), f.logical_xor: _logical("xor"),
    f.bit_not: _invert, f.shift_left: _shift(True), f.shift_right: _shift(False),
    f.bit_and: _floating("", "and"), f.bit_or: _floating("", "or"), f.bit_xor: _floating("", "xor"),
}  # fmt: skip

OPERATIONS: dict[str, Row] = {
    **{prim.name: row for prim, row in _ROWS.items()},
    "rotate_left": _rotate,
    "order": _order,
    "from_end": _from_end,
    "is_below": _is_below,
    "of_complex": _of_complex,
    "of_scipy": _of_scipy,
    "one_of_scipy": _one_of_scipy,
    "of_degree": _of_degree,
}
"""By name. Besides primitives: to rotate the bits of a word, by which random bits are made; what numbers are sorted by; what
brings an index into bounds; functions from outside."""
OF_LIBRARY = frozenset([
    prim.name for prim in (
        f.power, f.cbrt, f.hypot, f.exp, f.exp2, f.expm1, f.log_, f.log2, f.log10, f.log1p, f.logistic, f.sin, f.cos, f.tan,
        f.arcsin, f.arccos, f.arctan, f.arctan2, f.sinh, f.cosh, f.tanh, f.sech2, f.arcsinh, f.arccosh, f.arctanh, f.erf, f.erfc,
    )
])  # fmt: skip
"""What calls functions of the C library, which serve several numbers in the time of one."""
TRUTHS = frozenset([
    "is_below",
    *[prim.name for prim in (
        f.equal, f.not_equal, f.less, f.less_equal, f.greater, f.greater_equal, f.isfinite, f.isinf, f.isnan, f.signbit,
        f.logical_not, f.logical_and, f.logical_or, f.logical_xor,
    )],
])  # fmt: skip
"""What gives truth values."""
SHARED = frozenset([
    "convert", "from_end",
    *[prim.name for prim in (
        e.neg, e.safe_mul, f.abs_, f.maximum, f.minimum, f.sign, f.sqrt, f.copysign, f.select, f.logistic, f.tanh, f.sech2,
    )],
])  # fmt: skip
"""What is a shared function where it takes vectors, as LLVM without passes is slow to choose instructions for it."""
OF_HALVES = frozenset(["nextafter"])
"""What is done on numbers of half precision themselves. All else is computed in single precision and rounded."""
