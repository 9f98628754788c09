"""Complex numbers as pairs of real ones: what each operation is in terms of its parts.

Division, whole powers and signs are NumPy's formulas. Functions that are hard to get right everywhere are those of the C library,
which NumPy calls, too: at zeros, infinities and NaN they give what annex G of the C standard says.
"""

from __future__ import annotations

from math import factorial, log
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from nabla.engines.native.loops import DOUBLE
from nabla.engines.native.lowering.reals import Real, of, test, where
from nabla.engines.native.lowering.values import Number, Pair

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer


class Complex:
    """A complex number of a program that is being written."""

    __slots__ = ("imag", "real")

    def __init__(self, real: Real, imag: Real) -> None:
        self.real = real
        self.imag = imag

    @property
    def number(self) -> Pair:
        return Pair(self.real.operand, self.imag.operand)

    @property
    def parts(self) -> tuple[Real, ...]:
        return (self.real, self.imag)

    def like(self, value: Any) -> Complex:
        """A constant of this dtype, a real number as a complex one, or what is a complex number already."""
        return value if isinstance(value, Complex) else Complex(self.real.like(value.real), self.real.like(value.imag))

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.real + other.real, self.imag + other.imag)

    def __sub__(self, other: Complex) -> Complex:
        return Complex(self.real - other.real, self.imag - other.imag)

    def __neg__(self) -> Complex:
        return Complex(-self.real, -self.imag)

    def __mul__(self, other: Complex) -> Complex:
        real = self.real * other.real - self.imag * other.imag
        return Complex(real, self.real * other.imag + self.imag * other.real)

    def __abs__(self) -> Real:
        return of("hypot", self.real, self.imag)

    def conjugate(self) -> Complex:
        return Complex(self.real, -self.imag)

    def times(self, factor: Any) -> Complex:
        """By a real number."""
        return Complex(self.real * factor, self.imag * factor)

    def over(self, divisor: Any) -> Complex:
        """By a real number."""
        return Complex(self.real / divisor, self.imag / divisor)

    def to(self, dtype: np.dtype) -> Complex:
        """In parts of that dtype."""
        return Complex(self.real.to(dtype), self.imag.to(dtype))

    def __truediv__(self, other: Complex) -> Complex:
        """By the larger part of the divisor (R. L. Smith, Algorithm 116, Communications of the ACM 5, 1962)."""
        a, b, c, d = self.real, self.imag, other.real, other.imag
        by_real = abs(c) >= abs(d)
        large, small = where(by_real, c, d), where(by_real, d, c)
        ratio = small / large
        scale = 1.0 / (large + small * ratio)
        first, second = where(by_real, a, b), where(by_real, b, a)
        real = (first + second * ratio) * scale
        imag = (where(by_real, b, b * ratio) - where(by_real, a * ratio, a)) * scale
        none = c.equals(0.0) & d.equals(0.0)
        return chosen(none, Complex(a / abs(c), b / abs(c)), Complex(real, imag))

    @property
    def is_zero(self) -> Real:
        return self.real.equals(0.0) & self.imag.equals(0.0)


def wrapped(w: Writer, x: Number) -> Any:
    """A number as it stands in formulas: Real or Complex."""
    return Complex(Real(w, x.real), Real(w, x.imag)) if type(x) is Pair else Real(w, x)


def chosen(condition: Real, x: Any, y: Any) -> Any:
    """x where the condition holds, else y, both real or both complex."""
    if isinstance(x, Real):
        return where(condition, x, y)
    return Complex(where(condition, x.real, y.real), where(condition, x.imag, y.imag))


def _of_c(name: str) -> Callable[..., Complex]:
    """A function of the C library, in double precision."""

    def row(*xs: Complex) -> Complex:
        w, dtype = xs[0].real.w, xs[0].real.dtype
        parts = [part.to(DOUBLE).operand for x in xs for part in (x.real, x.imag)]
        found = [Real(w, w.op("of_complex", DOUBLE, *parts, symbol=name, part=part)).to(dtype) for part in (0, 1)]
        return Complex(*found)

    return row


_log, _pow = _of_c("clog"), _of_c("cpow")


# Powers


def _square(x: Complex) -> Complex:
    return Complex(x.real * x.real - x.imag * x.imag, x.real * x.imag + x.imag * x.real)


def _reciprocal(x: Complex) -> Complex:
    by_real = abs(x.imag) <= abs(x.real)
    large, small = where(by_real, x.real, x.imag), where(by_real, x.imag, x.real)
    ratio = small / large
    below = large + small * ratio
    up, down = 1.0 / below, ratio / below
    return Complex(where(by_real, up, down), -where(by_real, down, up))


def _power_by(x: Complex, exponent: float) -> Complex:
    if exponent == 3.0:
        return x * x * x
    if exponent == 4.0:
        return _square(_square(x))
    corner = x.like(0.0 if exponent > 0 else complex(np.nan, np.nan))
    if exponent == int(exponent) and abs(exponent) < 100:
        found = _whole_power(x, abs(int(exponent)))
        return chosen(x.is_zero, corner, found if exponent > 0 else x.like(1.0) / found)
    return chosen(x.is_zero, corner, _pow(x, x.like(exponent)))


def _whole_power(x: Complex, n: int) -> Complex:
    found = x.like(1.0)
    while True:
        if n & 1:
            found = found * x
        n >>= 1
        if not n:
            return found
        x = x * x


def _power(x: Complex, y: Complex) -> Complex:
    """Of whole numbers below 100 by products."""
    size = abs(y.real)
    rest = where(size < 100.0, size, 0.0)
    whole = y.imag.equals(0.0) & (size < 100.0) & of("floor", rest).equals(rest)
    found, power = x.like(1.0), x
    for _ in range(7):
        half = of("floor", rest * 0.5)
        found = chosen((half * 2.0).differs(rest), found * power, found)
        rest, power = half, power * power
    found = chosen(y.real < 0.0, x.like(1.0) / found, found)
    for n, few in ((1.0, x), (2.0, x * x), (3.0, x * (x * x))):
        found = chosen(y.real.equals(n), few, found)
    found = chosen(whole, found, _pow(x, y))
    nowhere = chosen(y.real > 0.0, x.like(0.0), x.like(complex(np.nan, np.nan)))
    return chosen(y.is_zero, x.like(1.0), chosen(x.is_zero, nowhere, found))


# Exponentials and logarithms


def _exp(x: Complex) -> Complex:
    """In two factors where the exponential of the real part may be too large. A zero imaginary part stays what it is."""
    a, b = x.real, x.imag
    large = a > (700.0 if a.dtype.itemsize == 8 else 80.0)
    root = of("exp", where(large, a * 0.5, a))
    rest = where(large, root, 1.0)
    finite = test("isfinite", b)
    real, imag = root * of("cos", b) * rest, root * of("sin", b) * rest
    never, end = a.equals(-np.inf), a.equals(np.inf)
    real = where(finite, real, where(never, 0.0, where(end, np.inf, real)))
    imag = where(finite, imag, where(never, of("copysign", a.like(0.0), b), imag))
    flat = b.equals(0.0)
    return Complex(where(flat, root * rest, real), where(flat, b, imag))


def _expm1(x: Complex) -> Complex:
    """With 1 - cos(b) = 2 sin(b/2)**2; for infinite and NaN real parts exp less 1."""
    a, b = x.real, x.imag
    half = of("sin", b * 0.5)
    real = of("expm1", a) * of("cos", b) - 2.0 * half * half
    imag = of("exp", a) * of("sin", b)
    plain = _exp(x)
    finite = test("isfinite", a)
    return Complex(where(finite, real, plain.real - 1.0) + 0.0, where(finite, imag, plain.imag))


def _log1p(x: Complex) -> Complex:
    """log|1 + x| by log1p(|x|**2 + 2 re x) / 2 where x is small."""
    a, b = x.real.to(DOUBLE), x.imag.to(DOUBLE)
    w, dtype = a.w, x.real.dtype
    size = of("hypot", a, b)
    parts = [Real(w, w.op("of_scipy", DOUBLE, a.operand, b.operand, function="log1p", part=part)).to(dtype) for part in (0, 1)]
    far = Complex(of("log", of("hypot", a + 1.0, b)).to(dtype), of("arctan2", b, a + 1.0).to(dtype))
    return chosen(size < 1.0, Complex(*parts), far)


def _sigmoid(x: Complex) -> Complex:
    right = x.real > 0.0
    decay = _exp(chosen(right, -x, x))
    one = x.like(1.0)
    return chosen(right, one, decay) / (one + decay)


def _sech2(x: Complex) -> Complex:
    decay = _exp(chosen(x.real > 0.0, -x, x))
    secant = decay.times(2.0) / (x.like(1.0) + decay * decay)
    return secant * secant


def _tanh(x: Complex) -> Complex:
    found = _of_c("ctanh")(x)
    infinite = test("isinf", x.real)
    return Complex(found.real, where(infinite, of("copysign", x.real.like(0.0), x.imag), found.imag))


def sinc(x: Any, n: int) -> Any:
    """The n-th derivative s of sin(x)/x of a real or complex number in double precision. From x s(n) + n s(n-1) = sin(x + n pi/2),
    upwards where |x| > n, else by the series: the sum over even m of (-1)**(m/2) x**m / (m+1)!, differentiated term by term."""
    is_real = isinstance(x, Real)
    sin, cos = (lambda z: of("sin", z), lambda z: of("cos", z)) if is_real else (_of_c("csin"), _of_c("ccos"))
    near = abs(x) < n + 1.0
    far = chosen(near, x.like(1.0 + n), x)
    turns = (sin(far), cos(far), -sin(far), -cos(far))
    up = turns[0] / far
    for k in range(1, n + 1):
        up = (turns[k % 4] - up.times(float(k))) / far
    little = chosen(near, x, x.like(0.0))
    square = little * little
    first = n + n % 2
    series = x.like(0.0)
    for m in range(first + 2 * (n + 12), first - 1, -2):
        series = series * square + x.like((-1) ** (m // 2) / ((m + 1) * factorial(m - n)))
    return chosen(near, series * little + x.like(0.0) if n % 2 else series, up)


# Parts


def sign(x: Complex) -> Complex:
    size = abs(x)
    at_infinity = Complex(
        where(test("isinf", x.real), of("copysign", x.real.like(1.0), x.real), 0.0),
        where(test("isinf", x.imag), of("copysign", x.real.like(1.0), x.imag), 0.0),
    )
    unknown = test("isnan", size) | (test("isinf", x.real) & test("isinf", x.imag))
    found = chosen(size.equals(np.inf), at_infinity, Complex(x.real / size, x.imag / size))
    found = chosen(size.equals(0.0), x.like(0.0), found)
    return chosen(unknown, x.like(complex(np.nan, np.nan)), found)


def _safe_multiply(x: Complex, y: Complex) -> Complex:
    return chosen(x.is_zero | y.is_zero, x.like(0.0), x * y)


def _rint(x: Complex) -> Complex:
    return Complex(of("rint", x.real), of("rint", x.imag))


def _either(name: str) -> Callable[[Complex], Real]:
    return lambda x: test(name, x.real) | test(name, x.imag)


_ROWS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "negative": lambda x: -x,
    "multiply": lambda x, y: x * y,
    "safe_multiply": _safe_multiply,
    "divide": lambda x, y: x / y,
    "square": _square,
    "reciprocal": _reciprocal,
    "sqrt": _of_c("csqrt"),
    "power_by": _power_by,
    "power": _power,
    "abs": abs,
    "sign": sign,
    "rint": _rint,
    "where": chosen,
    # exponentials and logarithms
    "exp": _exp,
    "exp2": lambda x: _exp(x.times(log(2.0))),
    "expm1": _expm1,
    "log": _log,
    "log2": lambda x: _log(x).times(1.0 / log(2.0)),
    "log10": lambda x: _log(x).times(1.0 / log(10.0)),
    "log1p": _log1p,
    "sigmoid": _sigmoid,
    # circular and hyperbolic functions
    "sin": _of_c("csin"),
    "cos": _of_c("ccos"),
    "tan": _of_c("ctan"),
    "arcsin": _of_c("casin"),
    "arccos": _of_c("cacos"),
    "arctan": _of_c("catan"),
    "sinh": _of_c("csinh"),
    "cosh": _of_c("ccosh"),
    "tanh": _tanh,
    "sech2": _sech2,
    "sinc": lambda x, n: sinc(x.to(DOUBLE), n).to(x.real.dtype),
    "arcsinh": _of_c("casinh"),
    "arccosh": _of_c("cacosh"),
    "arctanh": _of_c("catanh"),
    # comparison and logic
    "equal": lambda x, y: x.real.equals(y.real) & x.imag.equals(y.imag),
    "not_equal": lambda x, y: x.real.differs(y.real) | x.imag.differs(y.imag),
    "isfinite": lambda x: test("isfinite", x.real) & test("isfinite", x.imag),
    "isinf": _either("isinf"),
    "isnan": _either("isnan"),
    "logical_not": lambda x: x.is_zero,
    "logical_and": lambda x, y: ~x.is_zero & ~y.is_zero,
    "logical_or": lambda x, y: ~x.is_zero | ~y.is_zero,
    "logical_xor": lambda x, y: x.is_zero.differs(y.is_zero),
}


def _row(formula: Callable[..., Any]) -> Callable[..., Number]:
    def row(w: Writer, *xs: Number, **params: Any) -> Number:
        return formula(*[wrapped(w, x) for x in xs], **params).number

    return row


COMPLEX: dict[str, Callable[..., Number]] = {name: _row(formula) for name, formula in _ROWS.items()}
