"""Formulas in the language of loops, written with Python's operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla.engines.native.loops import BOOL, Form, Num, Operand

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer


class Real:
    """A real number, or a truth value, of a program that is being written."""

    __slots__ = ("operand", "w")

    def __init__(self, w: Writer, operand: Operand) -> None:
        self.w = w
        self.operand = operand

    @property
    def dtype(self) -> np.dtype:
        return self.operand.dtype

    # As complex numbers have them

    @property
    def number(self) -> Operand:
        return self.operand

    @property
    def parts(self) -> tuple[Real, ...]:
        return (self,)

    @property
    def real(self) -> Real:
        return self

    @property
    def imag(self) -> Real:
        return self.like(0.0)

    @property
    def is_zero(self) -> Real:
        return self.equals(0.0)

    def conjugate(self) -> Real:
        return self

    def times(self, factor: Any) -> Real:
        return self * factor

    def over(self, divisor: Any) -> Real:
        return self / divisor

    def like(self, value: Any) -> Real:
        """A constant in the dtype of this, or what is a number here already."""
        return value if isinstance(value, Real) else Real(self.w, Num(value, self.dtype))

    def to(self, dtype: np.dtype) -> Real:
        return self if dtype == self.dtype else Real(self.w, self.w.op("convert", dtype, self.operand))

    def _op(self, name: str, *others: Any, dtype: np.dtype | None = None) -> Real:
        own, w = self.operand, self.w
        args = [x.operand if isinstance(x, Real) else Num(x, own.dtype) for x in others]
        return Real(w, w.op(name, dtype or own.dtype, own, *args))

    def __add__(self, other: Any) -> Real:
        return self._op("add", other)

    def __sub__(self, other: Any) -> Real:
        return self._op("subtract", other)

    def __mul__(self, other: Any) -> Real:
        return self._op("multiply", other)

    def __truediv__(self, other: Any) -> Real:
        return self._op("divide", other)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> Real:
        return self.like(other) - self

    def __rtruediv__(self, other: Any) -> Real:
        return self.like(other) / self

    def __neg__(self) -> Real:
        return self._op("negative")

    def __abs__(self) -> Real:
        return self._op("abs")

    def __lt__(self, other: Any) -> Real:
        return self._op("less", other, dtype=BOOL)

    def __le__(self, other: Any) -> Real:
        return self._op("less_equal", other, dtype=BOOL)

    def __gt__(self, other: Any) -> Real:
        return self._op("greater", other, dtype=BOOL)

    def __ge__(self, other: Any) -> Real:
        return self._op("greater_equal", other, dtype=BOOL)

    def equals(self, other: Any) -> Real:
        return self._op("equal", other, dtype=BOOL)

    def differs(self, other: Any) -> Real:
        return self._op("not_equal", other, dtype=BOOL)

    def __and__(self, other: Real) -> Real:
        return self._op("logical_and", other)

    def __or__(self, other: Real) -> Real:
        return self._op("logical_or", other)

    def __invert__(self) -> Real:
        return self._op("logical_not", dtype=BOOL)


def integer(w: Writer, at: Form) -> Real:
    """A form as a number."""
    return Real(w, w.index(at))


def where(condition: Real, x: Any, y: Any) -> Real:
    """x where the condition holds, else y; one of them may be a constant."""
    one = x if isinstance(x, Real) else y
    x, y = one.like(x), one.like(y)
    return Real(one.w, one.w.op("where", x.dtype, condition.operand, x.operand, y.operand))


def of(name: str, x: Real, *others: Any) -> Real:
    """An elementwise primitive of one dtype."""
    return x._op(name, *others)


def test(name: str, x: Real) -> Real:
    """A primitive that says yes or no."""
    return x._op(name, dtype=BOOL)
