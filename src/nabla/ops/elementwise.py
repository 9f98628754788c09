"""Arithmetic, powers, exponentials, logarithms, circular and hyperbolic functions, rounding, parts of complex numbers.

One value from one value of each argument; shapes broadcast and dtypes promote as in NumPy, and a Python number
takes the dtype of the array beside it. Names are those of the Array API standard; NumPy's own, where they differ,
stand as aliases at the end. Functions that give a float take integers and booleans too, in the default dtype.
Several names shadow builtins here.

What the derivative is at ties and kinks stands in docs/kinks.md.
"""

from __future__ import annotations

from math import log as _log, pi
from typing import TYPE_CHECKING, Any

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError
from nabla.graph.node import Node, in_memory, is_scalar, runtime
from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, as_node, binary, inexact, op, pair, together, unary, want_real
from nabla.ops.sharing import shares
from nabla.primitives import elementwise as e, formulas as f
from nabla.primitives.base import zeros
from nabla.primitives.shape import cast, conj as _conj, convert, imag as _imag, real as _real

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def fresh(x: Node) -> Node:
    """The same values as a node of its own."""
    return convert(x, dtype=x.dtype)


# Arithmetic


@binary(e.add)
def add(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The sum x + y; of booleans, whether any is True.

    >>> nb.add([1.0, 2.0], 10).tolist()
    [11.0, 12.0]
    """


@binary(f.sub)
def subtract(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The difference x - y. Raises DTypeError for two booleans: use logical_xor.

    >>> nb.subtract([1.0, 2.0], 1).tolist()
    [0.0, 1.0]
    """


@binary(e.mul)
def multiply(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The product x y; of booleans, whether both are True.

    >>> nb.multiply([1.0, 2.0], [[3.0], [4.0]]).tolist()
    [[3.0, 6.0], [4.0, 8.0]]
    """


@binary(f.div)
def divide(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The quotient x / y, floating also for integers.

    >>> nb.divide([1, 2], 4).tolist()
    [0.25, 0.5]
    """


@binary(f.floor_div)
def floor_divide(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The largest integer not above x / y. It is piecewise constant: its derivative is 0.

    With an infinity it is the quotient, as the array API standard has it: inf // 2 is inf, and 1 // -inf is -0.

    >>> nb.floor_divide([7, -7], 2).tolist()
    [3, -4]
    """


@binary(f.remainder)
def remainder(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """What is left of x after floor division by y: it has the sign of y.

    >>> nb.remainder([7, -7], 3).tolist()
    [1, 2]
    """


@binary(f.fmod)
def fmod(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """What is left of x after division by y rounded towards zero: it has the sign of x.

    >>> nb.fmod([7, -7], 3).tolist()
    [1, -1]
    """


@op
def divmod(x: ArrayLike, y: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The pair floor_divide(x, y), remainder(x, y).

    >>> quotient, rest = nb.divmod(7, 3)
    >>> int(quotient), int(rest)
    (2, 1)
    """
    a, b = pair(x, y)
    return f.floor_div(a, b), f.remainder(a, b)


@unary(e.neg)
def negative(x: ArrayLike, /) -> Tensor:
    """-x. Raises DTypeError for booleans: use logical_not.

    >>> nb.negative([1.0, -2.0]).tolist()
    [-1.0, 2.0]
    """


@op
def positive(x: ArrayLike, /) -> Tensor:
    """+x, the same numbers. Raises DTypeError for booleans.

    >>> nb.positive([1.0, -2.0]).tolist()
    [1.0, -2.0]
    """
    x = as_node(x)
    if x.dtype.kind == "b":
        raise DTypeError("positive does not take bool (it takes integers, real floats, complex numbers)")
    return fresh(x)


@unary(f.reciprocal)
def reciprocal(x: ArrayLike, /) -> Tensor:
    """1 / x, floating also for integers.

    >>> nb.reciprocal([2.0, 4.0]).tolist()
    [0.5, 0.25]
    """


@unary(f.abs_)
def abs(x: ArrayLike, /) -> Tensor:
    """The absolute value, real also for complex numbers. Its derivative at 0 is 0.

    >>> nb.abs([-1.5, 3 + 4j]).tolist()
    [1.5, 5.0]
    """


@op
def fabs(x: ArrayLike, /) -> Tensor:
    """The absolute value as a float. Raises DTypeError for complex numbers: use abs.

    >>> nb.fabs([-1, 2]).tolist()
    [1.0, 2.0]
    """
    x = as_node(x)
    want_real("fabs", x)
    return f.abs_(inexact(x))


@unary(f.sign)
def sign(x: ArrayLike, /) -> Tensor:
    """-1, 0 or 1 as x is negative, zero or positive; of complex numbers z / abs(z), and 0 at 0.

    >>> nb.sign([-2.5, 0.0, 3.0]).tolist()
    [-1.0, 0.0, 1.0]
    """


@binary(f.copysign)
def copysign(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The size of x with the sign of y (that of a zero or a NaN counts too). Its derivative where x is 0 is 0.

    >>> nb.copysign([1.0, -2.0], -0.0).tolist()
    [-1.0, -2.0]
    """


@binary(f.nextafter)
def nextafter(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The number next to x in the direction of y. Its derivative by x is 1.

    >>> bool(nb.nextafter(1.0, 2.0) > 1.0)
    True
    """


@binary(f.maximum)
def maximum(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The larger of x and y, NaN if one is. Equals share the derivative in halves. Raises DTypeError for complex
    numbers.

    >>> nb.maximum([1.0, 5.0], 3).tolist()
    [3.0, 5.0]
    """


@binary(f.minimum)
def minimum(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The smaller of x and y, NaN if one is. Equals share the derivative in halves. Raises DTypeError for complex
    numbers.

    >>> nb.minimum([1.0, 5.0], 3).tolist()
    [1.0, 3.0]
    """


def _passing_nan_over(prim: e.Binary, x: Node, y: Node) -> Node:
    out = prim(x, y)
    if out.dtype.kind != "f":
        return out
    return f.select(f.isnan(x), y, f.select(f.isnan(y), x, out))


@op
def fmax(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The larger of x and y, the other one where one is NaN. Equals share the derivative in halves.

    >>> nb.fmax([1.0, float("nan")], 3).tolist()
    [3.0, 3.0]
    """
    return _passing_nan_over(f.maximum, *pair(x, y))


@op
def fmin(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The smaller of x and y, the other one where one is NaN. Equals share the derivative in halves.

    >>> nb.fmin([1.0, float("nan")], 3).tolist()
    [1.0, 3.0]
    """
    return _passing_nan_over(f.minimum, *pair(x, y))


@op
def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """x held between `min` and `max`, either of which may be None; `max` counts where the two cross.

    The derivative by x is 1 between the bounds and at them, 0 beyond; that by a bound is 1 where x is beyond it.
    NaN stays NaN. Raises DTypeError for complex numbers.

    >>> nb.clip([-2.0, 0.5, 7.0], 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    bounds = [bound for bound in (min, max) if bound is not None]
    if not bounds:
        return fresh(as_node(x))
    out, *nodes = together([x, *bounds])
    if min is not None:
        low = nodes.pop(0)
        out = f.select(f.less(out, low), low, out)
    if max is not None:
        high = nodes.pop()
        out = f.select(f.greater(out, high), high, out)
    return out


# Powers and roots


def pow(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x to the power y. NumPy's rules: 0**0 is 1, and a negative float has no power that is not whole (NaN).

    With a Python number as exponent the derivative is one of x alone, in closed form: x**2, x**3, x**0.5 are cheap
    and right at 0. With a tensor as exponent, the derivative by the exponent is taken as 0 where x is 0 and y is
    not negative. Raises ArgumentError for integers with a negative integer exponent; under vmap, where its value is
    not known, that error comes when the power is computed.

    >>> nb.pow([1.0, 2.0, 3.0], 2).tolist()
    [1.0, 4.0, 9.0]
    """
    kind = type(y)
    if kind is int or kind is float:
        node = x._node if type(x) is runtime.handle else as_node(x)
        out: Any = f.raised(node, y)
        if out is node:
            out = fresh(out)
    else:
        out = _power(*pair(x, y))
    return out if type(x) is Node or kind is Node else runtime.handle(out)


def _power(x: Node, y: Node) -> Node:
    if x.dtype.kind in "biu" and y.dtype.kind == "i" and not y.tokens.placeholder:
        runtime.realize((y,))
        if (in_memory(y) < 0).any():
            raise ArgumentError(
                f"pow: integers to negative integer powers are not allowed, got a base of {x.dtype} and an exponent "
                f"that is {in_memory(y).min()} somewhere. Make the base floating."
            )
    return f.power(x, y)


@op
def float_power(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x to the power y in at least float64 (complex128), integers too.

    >>> nb.float_power([1, 2], -1).tolist()
    [1.0, 0.5]
    """
    a, b = pair(x, y)
    dtype = dtypes.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else dtypes.float64
    return pow(cast(a, dtype), y if is_scalar(y) else cast(b, dtype))


@unary(f.square)
def square(x: ArrayLike, /) -> Tensor:
    """x times x.

    >>> nb.square([1.0, -2.0]).tolist()
    [1.0, 4.0]
    """


@unary(f.sqrt)
def sqrt(x: ArrayLike, /) -> Tensor:
    """The square root; NaN for negative real numbers. Its derivative at 0 is infinite.

    >>> nb.sqrt([4.0, 9.0]).tolist()
    [2.0, 3.0]
    """


@unary(f.cbrt)
def cbrt(x: ArrayLike, /) -> Tensor:
    """The cube root of real numbers, also of negative ones. Its derivative at 0 is infinite.

    >>> nb.allclose(nb.cbrt([8.0, -27.0]), [2.0, -3.0])
    True
    """


@binary(f.hypot)
def hypot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """sqrt(x**2 + y**2) without overflow, for real numbers. Its derivative at the origin is 0.

    >>> float(nb.hypot(3.0, 4.0))
    5.0
    """


# Exponentials and logarithms


@unary(f.exp)
def exp(x: ArrayLike, /) -> Tensor:
    """e to the power x.

    >>> float(nb.exp(0.0))
    1.0
    """


@unary(f.exp2)
def exp2(x: ArrayLike, /) -> Tensor:
    """2 to the power x.

    >>> nb.exp2([0.0, 3.0]).tolist()
    [1.0, 8.0]
    """


@unary(f.expm1)
def expm1(x: ArrayLike, /) -> Tensor:
    """exp(x) - 1, which keeps its digits near 0.

    >>> float(nb.expm1(1e-20))
    1e-20
    """


@unary(f.log_)
def log(x: ArrayLike, /) -> Tensor:
    """The natural logarithm; NaN for negative real numbers.

    >>> float(nb.log(1.0))
    0.0
    """


@unary(f.log2)
def log2(x: ArrayLike, /) -> Tensor:
    """The logarithm to base 2.

    >>> float(nb.log2(8.0))
    3.0
    """


@unary(f.log10)
def log10(x: ArrayLike, /) -> Tensor:
    """The logarithm to base 10.

    >>> float(nb.log10(1000.0))
    3.0
    """


@unary(f.log1p)
def log1p(x: ArrayLike, /) -> Tensor:
    """log(1 + x), which keeps its digits near 0.

    >>> float(nb.log1p(1e-20))
    1e-20
    """


@binary(f.logaddexp)
def logaddexp(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """log(exp(x) + exp(y)) without overflow, for real numbers. Equal infinities share the derivative in halves.

    >>> float(nb.logaddexp(1000.0, -1000.0))
    1000.0
    """


@op
def logaddexp2(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """log2(2**x + 2**y) without overflow, for real numbers.

    >>> nb.allclose(nb.logaddexp2(5.0, 5.0), 6.0)
    True
    """
    a, b = pair(x, y)
    return f.logaddexp(a * _log(2.0), b * _log(2.0)) / _log(2.0)


# Circular functions


@unary(f.sin)
def sin(x: ArrayLike, /) -> Tensor:
    """The sine of x in radians.

    >>> float(nb.sin(0.0))
    0.0
    """


@unary(f.cos)
def cos(x: ArrayLike, /) -> Tensor:
    """The cosine of x in radians.

    >>> float(nb.cos(0.0))
    1.0
    """


@unary(f.tan)
def tan(x: ArrayLike, /) -> Tensor:
    """The tangent of x in radians.

    >>> float(nb.tan(0.0))
    0.0
    """


@unary(f.arcsin)
def asin(x: ArrayLike, /) -> Tensor:
    """The angle from -pi/2 to pi/2 whose sine is x; NaN for real numbers beyond 1 and -1, where its derivative is
    infinite.

    >>> float(nb.asin(0.0))
    0.0
    """


@unary(f.arccos)
def acos(x: ArrayLike, /) -> Tensor:
    """The angle from 0 to pi whose cosine is x; NaN for real numbers beyond 1 and -1, where its derivative is infinite.

    >>> float(nb.acos(1.0))
    0.0
    """


@unary(f.arctan)
def atan(x: ArrayLike, /) -> Tensor:
    """The angle from -pi/2 to pi/2 whose tangent is x.

    >>> float(nb.atan(0.0))
    0.0
    """


@binary(f.arctan2)
def atan2(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The angle from -pi to pi of the point (y, x): note the order. Its derivative at the origin is taken as 0.

    >>> float(nb.atan2(0.0, 1.0))
    0.0
    """


@op
def sinc(x: ArrayLike, /) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0, with right derivatives of every order there too.

    >>> nb.sinc([0.0, 0.5]).tolist()
    [1.0, 0.6366197723675814]
    """
    return f.sinc(as_node(x) * pi, n=0)


@op
def deg2rad(x: ArrayLike, /) -> Tensor:
    """Degrees as radians.

    >>> float(nb.deg2rad(180.0)) == np.pi
    True
    """
    x = as_node(x)
    want_real("deg2rad", x)
    return x * (pi / 180.0)


@op
def rad2deg(x: ArrayLike, /) -> Tensor:
    """Radians as degrees.

    >>> float(nb.rad2deg(np.pi))
    180.0
    """
    x = as_node(x)
    want_real("rad2deg", x)
    return x * (180.0 / pi)


# Hyperbolic functions


@unary(f.sinh)
def sinh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic sine.

    >>> float(nb.sinh(0.0))
    0.0
    """


@unary(f.cosh)
def cosh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic cosine.

    >>> float(nb.cosh(0.0))
    1.0
    """


@unary(f.tanh)
def tanh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic tangent. Its derivative keeps its digits far out, where tanh(x) itself is 1.

    >>> float(nb.tanh(0.0))
    0.0
    """


@unary(f.arcsinh)
def asinh(x: ArrayLike, /) -> Tensor:
    """The number whose hyperbolic sine is x.

    >>> float(nb.asinh(0.0))
    0.0
    """


@unary(f.arccosh)
def acosh(x: ArrayLike, /) -> Tensor:
    """The number from 0 on whose hyperbolic cosine is x; NaN for real numbers below 1.

    >>> float(nb.acosh(1.0))
    0.0
    """


@unary(f.arctanh)
def atanh(x: ArrayLike, /) -> Tensor:
    """The number whose hyperbolic tangent is x; NaN for real numbers beyond 1 and -1.

    >>> float(nb.atanh(0.0))
    0.0
    """


# Rounding: piecewise constant, with derivative 0


@unary(f.floor)
def floor(x: ArrayLike, /) -> Tensor:
    """The largest integer not above x, in the dtype of x.

    >>> nb.floor([1.7, -1.7]).tolist()
    [1.0, -2.0]
    """


@unary(f.ceil)
def ceil(x: ArrayLike, /) -> Tensor:
    """The smallest integer not below x, in the dtype of x.

    >>> nb.ceil([1.2, -1.2]).tolist()
    [2.0, -1.0]
    """


@unary(f.trunc)
def trunc(x: ArrayLike, /) -> Tensor:
    """x without its fraction, in the dtype of x.

    >>> nb.trunc([1.7, -1.7]).tolist()
    [1.0, -1.0]
    """


@unary(f.rint)
def rint(x: ArrayLike, /) -> Tensor:
    """The nearest integer as a float, halves to the even one.

    >>> nb.rint([0.5, 1.5, 1.7]).tolist()
    [0.0, 2.0, 2.0]
    """


@op
def round(x: ArrayLike, /, decimals: int = 0) -> Tensor:
    """x to the given number of decimals (negative: tens, hundreds, ...), halves to the even neighbour. Its
    derivative is 0.

    >>> nb.round([1.234, 2.5], 1).tolist()
    [1.2, 2.5]
    """
    x = as_node(x)
    decimals = integer("round", "decimals", decimals)
    if x.dtype.kind in "iu" and decimals >= 0:
        return fresh(x)
    if decimals == 0:
        return f.rint(x)
    if decimals > 0:
        return f.rint(x * 10.0**decimals) / 10.0**decimals
    out = f.rint(x / 10.0**-decimals) * 10.0**-decimals
    return cast(out, x.dtype) if x.dtype.kind in "iu" else out


# Parts of complex numbers. The gradient of a real function of z = x + iy is df/dx - i df/dy.


@shares
def real(x: ArrayLike, /) -> Tensor:
    """The real part.

    >>> nb.real([1 + 2j, 3]).tolist()
    [1.0, 3.0]
    """
    x = as_node(x)
    return _real(x) if x.dtype.kind == "c" else fresh(x)


@shares
def imag(x: ArrayLike, /) -> Tensor:
    """The imaginary part; zeros for real numbers.

    >>> nb.imag([1 + 2j, 3]).tolist()
    [2.0, 0.0]
    """
    x = as_node(x)
    return _imag(x) if x.dtype.kind == "c" else zeros(x.shape, x.dtype)


@op
def conj(x: ArrayLike, /) -> Tensor:
    """The complex conjugate; real numbers as they are.

    >>> nb.conj([1 + 2j]).tolist()
    [(1-2j)]
    """
    x = as_node(x)
    if x.dtype.kind == "c":
        return _conj(x)
    return cast(x, dtypes.int8) if x.dtype.kind == "b" else fresh(x)


@op
def angle(x: ArrayLike, /, deg: bool = False) -> Tensor:
    """The angle of a complex number from -pi to pi, in degrees if `deg`. Its derivative at 0 is taken as 0.

    >>> float(nb.angle(1j, deg=True))
    90.0
    """
    x = inexact(as_node(x))
    parts = (_imag(x), _real(x)) if x.dtype.kind == "c" else (zeros((), x.dtype), x)
    out = f.arctan2(*parts)
    return out * (180.0 / pi) if deg else out


# NumPy's names

absolute = abs
around = round
true_divide = divide
mod = remainder
power = pow
conjugate = conj
arcsin = asin
arccos = acos
arctan = atan
arctan2 = atan2
arcsinh = asinh
arccosh = acosh
arctanh = atanh
radians = deg2rad
degrees = rad2deg
