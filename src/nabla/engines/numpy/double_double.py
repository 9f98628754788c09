"""Numbers of twice the digits, for series whose terms cancel: sums of two float64 (Dekker, Numer. Math. 18, 1971)."""

from __future__ import annotations

from typing import Any

import numpy as np


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def _halves(a: Any) -> tuple[Any, Any]:
    c = 134217729.0 * a
    high = c - (c - a)
    return high, a - high


def _two_product(a: Any, b: Any) -> tuple[Any, Any]:
    p = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


class Double:
    """An array of such numbers; the other operand may be an array or a number."""

    __array_ufunc__ = None
    __slots__ = ("high", "low")

    def __init__(self, high: Any, low: Any = 0.0) -> None:
        s = high + low
        self.high = s
        self.low = low - (s - high)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.high)

    def __add__(self, other: Any) -> Double:
        y = of(other)
        s, e = _two_sum(self.high, y.high)
        return Double(s, e + (self.low + y.low))

    __radd__ = __add__

    def __neg__(self) -> Double:
        return Double(-self.high, -self.low)

    def __sub__(self, other: Any) -> Double:
        return self + -of(other)

    def __mul__(self, other: Any) -> Double:
        y = of(other)
        p, e = _two_product(self.high, y.high)
        return Double(p, e + (self.high * y.low + self.low * y.high))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Double:
        y = of(other)
        q = self.high / y.high
        rest = self - y * q
        return Double(q, rest.high / y.high)


def of(x: Any) -> Double:
    return x if isinstance(x, Double) else Double(np.asarray(x, np.float64), 0.0)
