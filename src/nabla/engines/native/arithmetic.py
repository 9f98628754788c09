"""Elementwise primitives on numbers in registers: what each is in LLVM's instructions.

A row is a function of the code being written, the dtype of the inputs, and their names; it gives the name of the result. Edge cases
(zeros, infinities, NaN, the ends of the integers) are NumPy's.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from nabla.engines.native.text import Code
from nabla.engines.native.values import Unsupported
from nabla.primitives import elementwise as e, formulas as f
from nabla.primitives.base import Primitive

Row = Callable[..., str]
BOOL = np.dtype(np.bool_)


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


def _choose(code: Code, condition: str, dtype: np.dtype, x: str, y: str) -> str:
    kind = code.kind(dtype)
    return code.op(f"select {code.truth} {condition}, {kind} {x}, {kind} {y}")


def _zero(code: Code, dtype: np.dtype) -> str:
    return code.number(0, dtype)


def _neg(code: Code, dtype: np.dtype, x: str) -> str:
    kind = code.kind(dtype)
    return code.op(f"fneg {kind} {x}") if dtype.kind == "f" else code.op(f"sub {kind} {_zero(code, dtype)}, {x}")


def _safe_mul(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    kind, zero = code.kind(dtype), _zero(code, dtype)
    either = code.op(f"or {code.truth} {code.op(f'fcmp oeq {kind} {x}, {zero}')}, {code.op(f'fcmp oeq {kind} {y}, {zero}')}")
    return _choose(code, either, dtype, zero, code.op(f"fmul {kind} {x}, {y}"))


def _square(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"{'fmul' if dtype.kind == 'f' else 'mul'} {code.kind(dtype)} {x}, {x}")


def _reciprocal(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"fdiv {code.kind(dtype)} {code.number(1, dtype)}, {x}")


def _power_by(code: Code, dtype: np.dtype, x: str, exponent: float) -> str:
    kind = code.kind(dtype)
    if exponent == 3.0:
        return code.op(f"fmul {kind} {code.op(f'fmul {kind} {x}, {x}')}, {x}")
    return _libm("pow")(code, dtype, x, code.number(exponent, dtype))


def _extremum(larger: str, signed: str, unsigned: str) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        kind = code.kind(dtype)
        if dtype.kind == "f":  # a NaN of either wins
            first = code.op(f"fcmp {larger} {kind} {x}, {y}")
            nan = code.op(f"fcmp uno {kind} {x}, {x}")
            return _choose(code, code.op(f"or {code.truth} {first}, {nan}"), dtype, x, y)
        name = signed if dtype.kind == "i" else unsigned
        return _choose(code, code.op(f"icmp {name} {kind} {x}, {y}"), dtype, x, y)

    return row


def _abs(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind == "f":
        return _intrinsic("fabs")(code, dtype, x)
    if dtype.kind in "ub":
        return x
    kind, zero = code.kind(dtype), _zero(code, dtype)
    return _choose(code, code.op(f"icmp slt {kind} {x}, {zero}"), dtype, code.op(f"sub {kind} {zero}, {x}"), x)


def _sign(code: Code, dtype: np.dtype, x: str) -> str:
    kind, zero = code.kind(dtype), _zero(code, dtype)
    one, minus_one = code.number(1, dtype), code.number(-1, dtype) if dtype.kind != "u" else zero
    if dtype.kind == "f":
        above, below = code.op(f"fcmp ogt {kind} {x}, {zero}"), code.op(f"fcmp olt {kind} {x}, {zero}")
        rest = _choose(code, code.op(f"fcmp uno {kind} {x}, {x}"), dtype, x, zero)
    elif dtype.kind == "u":
        return _choose(code, code.op(f"icmp ne {kind} {x}, {zero}"), dtype, one, zero)
    else:
        above, below = code.op(f"icmp sgt {kind} {x}, {zero}"), code.op(f"icmp slt {kind} {x}, {zero}")
        rest = zero
    return _choose(code, above, dtype, one, _choose(code, below, dtype, minus_one, rest))


def _logistic(code: Code, dtype: np.dtype, x: str) -> str:
    kind, one = code.kind(dtype), code.number(1, dtype)
    right = code.op(f"fcmp ogt {kind} {x}, {_zero(code, dtype)}")
    decay = _libm("exp")(code, dtype, code.op(f"fneg {kind} {_abs(code, dtype, x)}"))
    return code.op(f"fdiv {kind} {_choose(code, right, dtype, one, decay)}, {code.op(f'fadd {kind} {one}, {decay}')}")


def _sech2(code: Code, dtype: np.dtype, x: str) -> str:
    kind, one = code.kind(dtype), code.number(1, dtype)
    twice = code.op(f"fmul {kind} {_abs(code, dtype, x)}, {code.number(-2, dtype)}")
    decay = _libm("exp")(code, dtype, twice)
    below = code.op(f"fadd {kind} {one}, {decay}")
    squared = code.op(f"fmul {kind} {below}, {below}")
    return code.op(f"fdiv {kind} {code.op(f'fmul {kind} {code.number(4, dtype)}, {decay}')}, {squared}")


def _floor_div(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    if dtype.kind == "f":
        raise Unsupported("floor_divide of floats")
    return _divided(code, dtype, x, y)[0]


def _remainder(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    if dtype.kind == "f":
        raise Unsupported("remainder of floats")
    return _divided(code, dtype, x, y)[1]


def _divided(code: Code, dtype: np.dtype, x: str, y: str) -> tuple[str, str]:
    """Quotient and remainder, rounded down; by zero they are zero, and so nothing traps."""
    kind, zero, one = code.kind(dtype), code.number(0, dtype), code.number(1, dtype)
    none = code.op(f"icmp eq {kind} {y}, {zero}")
    if dtype.kind == "u":
        divisor = _choose(code, none, dtype, one, y)
        quotient, rest = code.op(f"udiv {kind} {x}, {divisor}"), code.op(f"urem {kind} {x}, {divisor}")
    else:
        # The smallest number has no opposite: a division by -1, which would trap there, is a subtraction.
        minus = code.op(f"icmp eq {kind} {y}, {code.number(-1, dtype)}")
        divisor = _choose(code, code.op(f"or {code.truth} {none}, {minus}"), dtype, one, y)
        quotient, rest = code.op(f"sdiv {kind} {x}, {divisor}"), code.op(f"srem {kind} {x}, {divisor}")
        apart = code.op(f"icmp slt {kind} {code.op(f'xor {kind} {rest}, {divisor}')}, {zero}")
        turned = code.op(f"and {code.truth} {apart}, {code.op(f'icmp ne {kind} {rest}, {zero}')}")
        quotient = code.op(f"sub {kind} {quotient}, {_choose(code, turned, dtype, one, zero)}")
        rest = code.op(f"add {kind} {rest}, {_choose(code, turned, dtype, divisor, zero)}")
        quotient = _choose(code, minus, dtype, code.op(f"sub {kind} {zero}, {x}"), quotient)
        rest = _choose(code, minus, dtype, zero, rest)
    return _choose(code, none, dtype, zero, quotient), _choose(code, none, dtype, zero, rest)


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


def _truth(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind == "b":
        return x
    if dtype.kind == "f":
        return code.op(f"fcmp une {code.kind(dtype)} {x}, {_zero(code, dtype)}")
    return code.op(f"icmp ne {code.kind(dtype)} {x}, {_zero(code, dtype)}")


def _logical(instruction: str) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        return code.op(f"{instruction} {code.truth} {_truth(code, dtype, x)}, {_truth(code, dtype, y)}")

    return row


def _not(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"xor {code.truth} {_truth(code, dtype, x)}, {code.number(True, BOOL)}")


def _invert(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"xor {code.kind(dtype)} {x}, {code.number(True if dtype.kind == 'b' else -1, dtype)}")


def _shift(left: bool) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        """By less than nothing, or more bits than there are, all of them go."""
        kind, bits = code.kind(dtype), 8 * dtype.itemsize
        some = code.op(f"icmp ult {kind} {y}, {code.number(bits, dtype)}")
        name = "shl" if left else "lshr" if dtype.kind == "u" else "ashr"
        shifted = code.op(f"{name} {kind} {x}, {_choose(code, some, dtype, y, _zero(code, dtype))}")
        none = code.op(f"ashr {kind} {x}, {code.number(bits - 1, dtype)}") if name == "ashr" else _zero(code, dtype)
        return _choose(code, some, dtype, shifted, none)

    return row


def _rotate(code: Code, dtype: np.dtype, x: str, by: int) -> str:
    kind, bits = code.kind(dtype), 8 * dtype.itemsize
    up = code.op(f"shl {kind} {x}, {code.number(by, dtype)}")
    return code.op(f"or {kind} {up}, {code.op(f'lshr {kind} {x}, {code.number(bits - by, dtype)}')}")


def select(code: Code, condition: str, of: np.dtype, dtype: np.dtype, x: str, y: str) -> str:
    """x where the condition, of the dtype `of`, holds, else y."""
    return _choose(code, _truth(code, of, condition), dtype, x, y)


def convert(code: Code, x: str, old: np.dtype, new: np.dtype) -> str:
    """The same number in another dtype."""
    a, b = code.kind(old), code.kind(new)
    if new.kind == "b":
        return _truth(code, old, x)
    if old.kind == "b":
        return code.op(f"{'uitofp' if new.kind == 'f' else 'zext'} {a} {x} to {b}")
    if a == b:
        return x
    if old.kind == "f":
        if new.kind == "f":
            return code.op(f"{'fptrunc' if new.itemsize < old.itemsize else 'fpext'} {a} {x} to {b}")
        raise Unsupported("floats to integers, which NumPy leaves to the processor where they do not fit")
    if new.kind == "f":
        return code.op(f"{'uitofp' if old.kind == 'u' else 'sitofp'} {a} {x} to {b}")
    if new.itemsize < old.itemsize:
        return code.op(f"trunc {a} {x} to {b}")
    return code.op(f"{'zext' if old.kind == 'u' else 'sext'} {a} {x} to {b}")


_ROWS: dict[Primitive, Row] = {
    # arithmetic
    e.neg: _neg, e.add: _floating("fadd", "add"), f.sub: _floating("fsub", "sub"), e.mul: _floating("fmul", "mul"),
    e.safe_mul: _safe_mul, f.div: _floating("fdiv"), f.floor_div: _floor_div, f.remainder: _remainder,
    f.square: _square, f.sqrt: _intrinsic("sqrt"), f.cbrt: _libm("cbrt"), f.reciprocal: _reciprocal,
    f.copysign: _intrinsic("copysign"), f.power_by: _power_by, f.maximum: _extremum("ogt", "sgt", "ugt"),
    f.minimum: _extremum("olt", "slt", "ult"), f.abs_: _abs, f.sign: _sign, f.hypot: _libm("hypot"),
    # exponentials and logarithms
    f.exp: _libm("exp"), f.exp2: _libm("exp2"), f.expm1: _libm("expm1"), f.log_: _libm("log"), f.log2: _libm("log2"),
    f.log10: _libm("log10"), f.log1p: _libm("log1p"), f.logistic: _logistic,
    # circular and hyperbolic functions
    f.sin: _libm("sin"), f.cos: _libm("cos"), f.tan: _libm("tan"), f.arcsin: _libm("asin"), f.arccos: _libm("acos"),
    f.arctan: _libm("atan"), f.arctan2: _libm("atan2"), f.sinh: _libm("sinh"), f.cosh: _libm("cosh"), f.tanh: _libm("tanh"),
    f.sech2: _sech2, f.arcsinh: _libm("asinh"), f.arccosh: _libm("acosh"), f.arctanh: _libm("atanh"),
    # special functions
    f.erf: _libm("erf"), f.erfc: _libm("erfc"),
    # piecewise constant
    f.floor: _rounded("floor"), f.ceil: _rounded("ceil"), f.trunc: _rounded("trunc"), f.rint: _rounded("rint"),
    # comparison and logic
    f.equal: _compare("oeq", "eq"), f.not_equal: _compare("une", "ne"), f.less: _compare("olt", "slt", "ult"),
    f.less_equal: _compare("ole", "sle", "ule"), f.greater: _compare("ogt", "sgt", "ugt"),
    f.greater_equal: _compare("oge", "sge", "uge"), f.isfinite: _isfinite, f.isinf: _isinf, f.isnan: _isnan,
    f.logical_not: _not, f.logical_and: _logical("and"), f.logical_or: _logical("or"), f.logical_xor: _logical("xor"),
    f.bit_not: _invert, f.shift_left: _shift(True), f.shift_right: _shift(False),
    f.bit_and: _floating("", "and"), f.bit_or: _floating("", "or"), f.bit_xor: _floating("", "xor"),
}  # fmt: skip

OPERATIONS: dict[str, Row] = {**{prim.name: row for prim, row in _ROWS.items()}, "rotate_left": _rotate}
"""By name. To rotate the bits of a word is no primitive, but what random bits are made by."""
