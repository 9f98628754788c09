"""Elementwise primitives on numbers in registers: what each is in LLVM's instructions.

A row is a function of the code being written, the dtype of the inputs, and their names; it gives the name of the result. Edge cases
(zeros, infinities, NaN, the ends of the integers) are NumPy's.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from nabla.engines.native.text import Code, literal, type_of
from nabla.primitives import elementwise as e, formulas as f
from nabla.primitives.base import Primitive

Row = Callable[..., str]


def _floating(instruction: str, of_integers: str | None = None) -> Row:
    def row(code: Code, dtype: np.dtype, *xs: str) -> str:
        name = instruction if dtype.kind == "f" else of_integers
        if dtype.kind == "b":
            name = {"add": "or", "mul": "and"}.get(str(name), name)
        return code.op(f"{name} {type_of(dtype)} {', '.join(xs)}")

    return row


def _intrinsic(name: str) -> Row:
    return lambda code, dtype, *xs: code.call(f"llvm.{name}.{_suffix(dtype)}", type_of(dtype), *xs)


def _suffix(dtype: np.dtype) -> str:
    return "f64" if dtype.itemsize == 8 else "f32"


def _libm(name: str) -> Row:
    """A function of the C library; single precision has its own."""
    return lambda code, dtype, *xs: code.call(name if dtype.itemsize == 8 else name + "f", type_of(dtype), *xs)


def _compare(of_floats: str, of_signed: str, of_unsigned: str | None = None) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        if dtype.kind == "f":
            return code.op(f"fcmp {of_floats} {type_of(dtype)} {x}, {y}")
        name = of_signed if dtype.kind == "i" or of_unsigned is None else of_unsigned
        return code.op(f"icmp {name} {type_of(dtype)} {x}, {y}")

    return row


def _choose(code: Code, condition: str, dtype: np.dtype, x: str, y: str) -> str:
    kind = type_of(dtype)
    return code.op(f"select i1 {condition}, {kind} {x}, {kind} {y}")


def _zero(dtype: np.dtype) -> str:
    return literal(0, dtype)


def _neg(code: Code, dtype: np.dtype, x: str) -> str:
    kind = type_of(dtype)
    return code.op(f"fneg {kind} {x}") if dtype.kind == "f" else code.op(f"sub {kind} 0, {x}")


def _safe_mul(code: Code, dtype: np.dtype, x: str, y: str) -> str:
    kind, zero = type_of(dtype), _zero(dtype)
    either = code.op(f"or i1 {code.op(f'fcmp oeq {kind} {x}, {zero}')}, {code.op(f'fcmp oeq {kind} {y}, {zero}')}")
    return _choose(code, either, dtype, zero, code.op(f"fmul {kind} {x}, {y}"))


def _square(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"{'fmul' if dtype.kind == 'f' else 'mul'} {type_of(dtype)} {x}, {x}")


def _reciprocal(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"fdiv {type_of(dtype)} {literal(1, dtype)}, {x}")


def _power_by(code: Code, dtype: np.dtype, x: str, exponent: float) -> str:
    kind = type_of(dtype)
    if exponent == 3.0:
        return code.op(f"fmul {kind} {code.op(f'fmul {kind} {x}, {x}')}, {x}")
    return _libm("pow")(code, dtype, x, literal(exponent, dtype))


def _extremum(larger: str, signed: str, unsigned: str) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        kind = type_of(dtype)
        if dtype.kind == "f":  # a NaN of either wins
            first = code.op(f"fcmp {larger} {kind} {x}, {y}")
            nan = code.op(f"fcmp uno {kind} {x}, {x}")
            return _choose(code, code.op(f"or i1 {first}, {nan}"), dtype, x, y)
        name = signed if dtype.kind == "i" else unsigned
        return _choose(code, code.op(f"icmp {name} {kind} {x}, {y}"), dtype, x, y)

    return row


def _abs(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind == "f":
        return _intrinsic("fabs")(code, dtype, x)
    if dtype.kind in "ub":
        return x
    kind = type_of(dtype)
    return _choose(code, code.op(f"icmp slt {kind} {x}, 0"), dtype, code.op(f"sub {kind} 0, {x}"), x)


def _sign(code: Code, dtype: np.dtype, x: str) -> str:
    kind, zero, one = type_of(dtype), _zero(dtype), literal(1, dtype)
    if dtype.kind == "f":
        above, below = code.op(f"fcmp ogt {kind} {x}, {zero}"), code.op(f"fcmp olt {kind} {x}, {zero}")
        nan = code.op(f"fcmp uno {kind} {x}, {x}")
        rest = _choose(code, nan, dtype, x, zero)
        return _choose(code, above, dtype, one, _choose(code, below, dtype, literal(-1, dtype), rest))
    above = code.op(f"icmp {'ugt' if dtype.kind == 'u' else 'sgt'} {kind} {x}, 0")
    below = "false" if dtype.kind == "u" else code.op(f"icmp slt {kind} {x}, 0")
    return _choose(code, above, dtype, "1", _choose(code, below, dtype, "-1", "0"))


def _logistic(code: Code, dtype: np.dtype, x: str) -> str:
    kind, one = type_of(dtype), literal(1, dtype)
    right = code.op(f"fcmp ogt {kind} {x}, {_zero(dtype)}")
    decay = _libm("exp")(code, dtype, code.op(f"fneg {kind} {_abs(code, dtype, x)}"))
    return code.op(f"fdiv {kind} {_choose(code, right, dtype, one, decay)}, {code.op(f'fadd {kind} {one}, {decay}')}")


def _sech2(code: Code, dtype: np.dtype, x: str) -> str:
    kind, one = type_of(dtype), literal(1, dtype)
    twice = code.op(f"fmul {kind} {_abs(code, dtype, x)}, {literal(-2, dtype)}")
    decay = _libm("exp")(code, dtype, twice)
    below = code.op(f"fadd {kind} {one}, {decay}")
    squared = code.op(f"fmul {kind} {below}, {below}")
    return code.op(f"fdiv {kind} {code.op(f'fmul {kind} {literal(4, dtype)}, {decay}')}, {squared}")


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
    kind = type_of(dtype)
    none = code.op(f"icmp eq {kind} {y}, 0")
    if dtype.kind == "u":
        divisor = code.op(f"select i1 {none}, {kind} 1, {kind} {y}")
        quotient, rest = code.op(f"udiv {kind} {x}, {divisor}"), code.op(f"urem {kind} {x}, {divisor}")
    else:
        minus = code.op(f"icmp eq {kind} {y}, -1")  # the smallest number has no opposite: what would trap is computed apart
        divisor = code.op(f"select i1 {code.op(f'or i1 {none}, {minus}')}, {kind} 1, {kind} {y}")
        quotient, rest = code.op(f"sdiv {kind} {x}, {divisor}"), code.op(f"srem {kind} {x}, {divisor}")
        turned = code.op(f"icmp slt {kind} {code.op(f'xor {kind} {rest}, {divisor}')}, 0")
        turned = code.op(f"and i1 {turned}, {code.op(f'icmp ne {kind} {rest}, 0')}")
        quotient = code.op(f"sub {kind} {quotient}, {code.op(f'zext i1 {turned} to {kind}') if kind != 'i1' else turned}")
        rest = code.op(f"add {kind} {rest}, {code.op(f'select i1 {turned}, {kind} {divisor}, {kind} 0')}")
        quotient = code.op(f"select i1 {minus}, {kind} {code.op(f'sub {kind} 0, {x}')}, {kind} {quotient}")
        rest = code.op(f"select i1 {minus}, {kind} 0, {kind} {rest}")
    return (
        code.op(f"select i1 {none}, {kind} 0, {kind} {quotient}"),
        code.op(f"select i1 {none}, {kind} 0, {kind} {rest}"),
    )


def _isnan(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"fcmp uno {type_of(dtype)} {x}, {x}") if dtype.kind == "f" else "false"


def _isinf(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind != "f":
        return "false"
    return code.op(f"fcmp oeq {type_of(dtype)} {_abs(code, dtype, x)}, {literal(np.inf, dtype)}")


def _isfinite(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind != "f":
        return "true"
    return code.op(f"fcmp olt {type_of(dtype)} {_abs(code, dtype, x)}, {literal(np.inf, dtype)}")


def _rounded(name: str) -> Row:
    return lambda code, dtype, x: _intrinsic(name)(code, dtype, x) if dtype.kind == "f" else x


def _truth(code: Code, dtype: np.dtype, x: str) -> str:
    if dtype.kind == "b":
        return x
    if dtype.kind == "f":
        return code.op(f"fcmp une {type_of(dtype)} {x}, {_zero(dtype)}")
    return code.op(f"icmp ne {type_of(dtype)} {x}, 0")


def _logical(instruction: str) -> Row:
    def row(code: Code, dtype: np.dtype, x: str, y: str) -> str:
        return code.op(f"{instruction} i1 {_truth(code, dtype, x)}, {_truth(code, dtype, y)}")

    return row


def _not(code: Code, dtype: np.dtype, x: str) -> str:
    return code.op(f"xor i1 {_truth(code, dtype, x)}, true")


class Unsupported(Exception):
    """What this engine has no code for yet."""


def select(code: Code, condition: str, of: np.dtype, dtype: np.dtype, x: str, y: str) -> str:
    """x where the condition, of the dtype `of`, holds, else y."""
    return _choose(code, _truth(code, of, condition), dtype, x, y)


def convert(code: Code, x: str, old: np.dtype, new: np.dtype) -> str:
    """The same number in another dtype."""
    a, b = type_of(old), type_of(new)
    if old.kind == new.kind and a == b:
        return x
    if new.kind == "b":
        return _truth(code, old, x)
    if old.kind == "b":
        return code.op(f"uitofp i1 {x} to {b}") if new.kind == "f" else code.op(f"zext i1 {x} to {b}")
    if old.kind == "f":
        if new.kind == "f":
            return code.op(f"{'fptrunc' if new.itemsize < old.itemsize else 'fpext'} {a} {x} to {b}")
        raise Unsupported("floats to integers, which NumPy leaves to the processor where they do not fit")
    if new.kind == "f":
        return code.op(f"{'uitofp' if old.kind == 'u' else 'sitofp'} {a} {x} to {b}")
    if new.itemsize == old.itemsize:
        return x
    if new.itemsize < old.itemsize:
        return code.op(f"trunc {a} {x} to {b}")
    return code.op(f"{'zext' if old.kind == 'u' else 'sext'} {a} {x} to {b}")


ROWS: dict[Primitive, Row] = {
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
    f.bit_and: _floating("", "and"), f.bit_or: _floating("", "or"), f.bit_xor: _floating("", "xor"),
}  # fmt: skip
