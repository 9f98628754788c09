"""The table of elementwise primitives: a name and its partial derivatives, one per argument.

Each form is chosen to keep digits: tanh has the derivative sech(x)**2, not 1 - tanh(x)**2, which is exactly 0 from
x = 20 on. What does not fit on a line stands below the table it belongs to. Ties and kinks follow docs/kinks.md.

Notation: x, y inputs, out result, dx tangent, g cotangent, z a complex input.
"""

from __future__ import annotations

from math import log, pi, sqrt as root
from typing import AbstractSet, Any, Callable, Sequence

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.graph.node import NO_PARAMS, Node, make
from nabla.graph.tokens import EMPTY, Token, union
from nabla.primitives.base import broadcast_shapes, scalar, zeros
from nabla.primitives.elementwise import (
    MINUS_ONE,
    ONE,
    ZERO,
    Binary,
    Elementwise,
    Unary,
    add,
    as_bool,
    mul,
    neg,
    safe_mul,
)
from nabla.primitives.shape import broadcast, cast, conj, imag, real, sum_to


class Family(Unary):
    """Functions of one input, told apart by a static parameter."""

    __slots__ = ()

    def __call__(self, x: Node, **params: Any) -> Node:  # type: ignore[override]
        dtype = self.accept(x.dtype)
        return make(self, (cast(x, dtype),), params, x.shape, dtype)


class _Divide(Binary):
    """x / y. Both modes divide by y itself: one operation less than by the partials, and 1/y cannot overflow."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        dx, dy = tangents
        if dy is not None:
            turned = mul(node, dy)
            dx = neg(turned) if dx is None else sub(dx, turned)
        assert dx is not None
        total = div(dx, node.inputs[1])
        return total if total.shape == node.shape else broadcast(total, shape=node.shape)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        if masked:
            return super().pull(node, g, masked, wanted)
        x, y = node.inputs
        gx = div(g, y)
        gy = None if wanted.isdisjoint(y.tokens.members) else sum_to(neg(mul(gx, node)), y.shape)
        return None if wanted.isdisjoint(x.tokens.members) else sum_to(gx, x.shape), gy


# fmt: off
# Arithmetic. "?" among the kinds: booleans are computed as int8.
sub        = Binary("subtract", ONE, MINUS_ONE, kinds="iufc")
div        = _Divide("divide", lambda out, x, y: 1.0 / y, lambda out, x, y: -out / y)
remainder  = Binary("remainder", ONE, lambda out, x, y: -floor_div(x, y), kinds="?iuf")
fmod       = Binary("fmod", ONE, lambda out, x, y: -rint((x - out) / y), kinds="?iuf")
floor_div  = Binary("floor_divide", ZERO, ZERO, kinds="?iuf")
square     = Unary("square", lambda out, x: 2.0 * x, kinds="?iufc")
sqrt       = Unary("sqrt", lambda out, x: 0.5 / out)
cbrt       = Unary("cbrt", lambda out, x: 1.0 / (3.0 * square(out)), kinds="f")
reciprocal = Unary("reciprocal", lambda out, x: -square(out))
copysign   = Binary("copysign", lambda out, x, y: sign(out) * sign(x), ZERO, kinds="f")

# Exponentials and logarithms
exp        = Unary("exp", lambda out, x: out)
exp2       = Unary("exp2", lambda out, x: out * log(2.0))
expm1      = Unary("expm1", lambda out, x: exp(x))
log_       = Unary("log", lambda out, x: 1.0 / x)
log2       = Unary("log2", lambda out, x: (1.0 / log(2.0)) / x)
log10      = Unary("log10", lambda out, x: (1.0 / log(10.0)) / x)
log1p      = Unary("log1p", lambda out, x: 1.0 / (1.0 + x))
logistic   = Unary("sigmoid", lambda out, x: out * logistic(-x))
logit      = Unary("logit", lambda out, x: 1.0 / (x * (1.0 - x)), kinds="f")
softplus   = Unary("softplus", lambda out, x: logistic(x), kinds="f")
logaddexp  = Binary("logaddexp", lambda out, x, y: logistic(_gap(x, y)),
                    lambda out, x, y: logistic(_gap(y, x)), kinds="f")

# Circular functions
sin        = Unary("sin", lambda out, x: cos(x))
cos        = Unary("cos", lambda out, x: -sin(x))
tan        = Unary("tan", lambda out, x: 1.0 / square(cos(x)))
arcsin     = Unary("arcsin", lambda out, x: 1.0 / sqrt((1.0 - x) * (1.0 + x)))
arccos     = Unary("arccos", lambda out, x: -1.0 / sqrt((1.0 - x) * (1.0 + x)))
arctan     = Unary("arctan", lambda out, x: 1.0 / (1.0 + square(x)))
arctan2    = Binary("arctan2", lambda out, x, y: _turn(y, x, y), lambda out, x, y: -_turn(x, x, y), kinds="f")
sinc       = Family("sinc", lambda out, x, n: sinc(x, n=n + 1))  # the n-th derivative of sin(x) / x

# Hyperbolic functions
sinh       = Unary("sinh", lambda out, x: cosh(x))
cosh       = Unary("cosh", lambda out, x: sinh(x))
tanh       = Unary("tanh", lambda out, x: sech2(x))
sech2      = Unary("sech2", lambda out, x: -2.0 * (out * tanh(x)))
arcsinh    = Unary("arcsinh", lambda out, x: 1.0 / _one_and(x))
arccosh    = Unary("arccosh", lambda out, x: 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)))
arctanh    = Unary("arctanh", lambda out, x: 1.0 / ((1.0 - x) * (1.0 + x)))

# Error function; the logarithm of gamma, and with n = 0, 1, ... its derivatives
erf        = Unary("erf", lambda out, x: (2.0 / root(pi)) * exp(-square(x)), kinds="f")
erfc       = Unary("erfc", lambda out, x: (-2.0 / root(pi)) * exp(-square(x)), kinds="f")
gammaln    = Unary("gammaln", lambda out, x: polygamma(x, n=0), kinds="f")
polygamma  = Family("polygamma", lambda out, x, n: polygamma(x, n=n + 1), kinds="f")

# Piecewise constant
floor      = Unary("floor", ZERO, kinds="biuf")
ceil       = Unary("ceil", ZERO, kinds="biuf")
trunc      = Unary("trunc", ZERO, kinds="biuf")
rint       = Unary("rint", ZERO)

# Comparison and logic
equal         = Binary("equal", ZERO, ZERO, kinds="biufc", result=as_bool)
not_equal     = Binary("not_equal", ZERO, ZERO, kinds="biufc", result=as_bool)
less          = Binary("less", ZERO, ZERO, kinds="biuf", result=as_bool)
less_equal    = Binary("less_equal", ZERO, ZERO, kinds="biuf", result=as_bool)
greater       = Binary("greater", ZERO, ZERO, kinds="biuf", result=as_bool)
greater_equal = Binary("greater_equal", ZERO, ZERO, kinds="biuf", result=as_bool)
isfinite      = Unary("isfinite", ZERO, kinds="biufc", result=as_bool)
isinf         = Unary("isinf", ZERO, kinds="biufc", result=as_bool)
isnan         = Unary("isnan", ZERO, kinds="biufc", result=as_bool)
signbit       = Unary("signbit", ZERO, kinds="f", result=as_bool)
logical_not   = Unary("logical_not", ZERO, kinds="biufc", result=as_bool)
logical_and   = Binary("logical_and", ZERO, ZERO, kinds="biufc", result=as_bool)
logical_or    = Binary("logical_or", ZERO, ZERO, kinds="biufc", result=as_bool)
logical_xor   = Binary("logical_xor", ZERO, ZERO, kinds="biufc", result=as_bool)
bit_not       = Unary("bitwise_invert", ZERO, kinds="biu")
bit_and       = Binary("bitwise_and", ZERO, ZERO, kinds="biu")
bit_or        = Binary("bitwise_or", ZERO, ZERO, kinds="biu")
bit_xor       = Binary("bitwise_xor", ZERO, ZERO, kinds="biu")
gcd           = Binary("gcd", ZERO, ZERO, kinds="?iu")
shift_left    = Binary("bitwise_left_shift", ZERO, ZERO, kinds="?iu")
shift_right   = Binary("bitwise_right_shift", ZERO, ZERO, kinds="?iu")
nextafter     = Binary("nextafter", ONE, ZERO, kinds="f")
# fmt: on


def like(x: Node, value: float) -> Node:
    """A number in the dtype of `x`."""
    return scalar(value, x.dtype)


def zero_of(x: Node) -> Node:
    """0 in the dtype of `x`."""
    return zeros((), x.dtype)


def _gap(x: Node, y: Node) -> Node:
    """x - y, and 0 for equal infinities, which share the derivative in halves."""
    same_infinity = logical_and(isinf(x), equal(x, y))
    return select(same_infinity, zero_of(x), x - y)


def _turn(z: Node, x: Node, y: Node) -> Node:
    """z / (x**2 + y**2) without overflow, and 0 at the origin, where the angle has no derivative."""
    r = hypot(x, y)
    return select(equal(r, zero_of(r)), zero_of(r), z / r / r)


def _one_and(x: Node) -> Node:
    """sqrt(1 + x**2), for real numbers without overflow."""
    return sqrt(1.0 + square(x)) if x.dtype.kind == "c" else hypot(like(x, 1), x)


# select: x where the condition holds, else y


class _Select(Elementwise):
    """The condition passes no derivative; each branch gets the cotangent where it was taken and zero elsewhere."""

    __slots__ = ()

    def __call__(self, condition: Node, x: Node, y: Node) -> Node:  # type: ignore[override]
        if x.dtype is not y.dtype:
            (x, y), _ = self.together((x, y))
        shape = condition.shape
        if shape != x.shape or shape != y.shape:
            shapes = {shape, x.shape, y.shape} - {()}
            shape = shapes.pop() if len(shapes) == 1 else broadcast_shapes("where", (shape, x.shape, y.shape))
        tokens = union(condition.tokens, union(x.tokens, y.tokens))
        if tokens is not EMPTY:
            tokens = tokens.inside()
        depth = max(condition.depth, x.depth, y.depth) + 1
        return Node(self, (condition, x, y), NO_PARAMS, shape, x.dtype, tokens, depth)

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        _, dx, dy = tangents
        if dx is None and dy is None:
            return None
        zero = zero_of(node)
        out = select(node.inputs[0], zero if dx is None else dx, zero if dy is None else dy)
        # The branch that is constant may be the one with all the axes.
        return out if out.shape == node.shape else broadcast(out, shape=node.shape)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        condition, x, y = node.inputs
        zero = zero_of(g)
        gx = gy = None
        if not wanted.isdisjoint(x.tokens.members):
            gx = sum_to(select(condition, g, zero), x.shape)
        if not wanted.isdisjoint(y.tokens.members):
            gy = sum_to(select(condition, zero, g), y.shape)
        return None, gx, gy


select = _Select("where", ZERO, ONE, ONE, kinds="biufc", masks=True)


# pow. With an exponent that is a Python number nothing is computed for its sake, and each derivative is a power again.


def raised(x: Node, exponent: int | float) -> Node:
    """x to a fixed real power."""
    if x.dtype.kind in "biu":
        dtype = dtypes.with_scalar(x.dtype, exponent)
        x = cast(x, dtype)
        if dtype.kind in "iu" and exponent < 0:
            raise ArgumentError(
                f"pow: integers to negative integer powers are not allowed, got the exponent {exponent} for a base "
                f"of {dtype}. Write {float(exponent)} or make the base floating."
            )
        if dtype.kind in "iu" and exponent not in (1, 2):
            return power(x, scalar(exponent, dtype))
    if exponent == 2:
        return square(x)
    if exponent == 1:
        return x
    if exponent == 0.5:
        return sqrt(x)
    if exponent == -1:
        return reciprocal(x)
    if exponent == 0:
        return broadcast(like(x, 1), shape=x.shape)
    return power_by(x, exponent=float(exponent))


power_by = Family("power_by", lambda out, x, exponent: exponent * raised(x, exponent - 1.0))


def _power_dx(out: Node, x: Node, y: Node) -> Node:
    """y x**(y-1), and 0 for 0**0."""
    corner = logical_and(equal(x, zero_of(x)), equal(y, zero_of(y)))
    return select(corner, zero_of(x), y * power(x, y - 1.0))


def _power_dy(out: Node, x: Node, y: Node) -> Node:
    """x**y log(x), and 0 for x = 0 where y is not negative: its limit from y > 0."""
    limit = equal(x, zero_of(x))
    if y.dtype.kind != "c":
        limit = logical_and(limit, greater_equal(y, zero_of(y)))
    return select(limit, zero_of(x), out * log_(x))


power = Binary("power", _power_dx, _power_dy, kinds="?iufc")


# maximum, minimum: equals share the derivative in halves


class _Extremum(Binary):
    """The larger (smaller) one has derivative 1, equals have a half each, in every mode."""

    __slots__ = ("wins",)

    def __init__(self, name: str, wins: Callable[[Node, Node], Node]) -> None:
        super().__init__(name, ZERO, ZERO, kinds="biuf", masks=True)
        self.wins = wins

    def share(self, x: Node, y: Node, g: Node) -> Node:
        """g where x wins over y, half of it where they are equal, zero elsewhere."""
        return select(self.wins(x, y), g, self.half(x, y, g))

    def half(self, x: Node, y: Node, g: Node) -> Node:
        return select(equal(x, y), 0.5 * g, zero_of(g))

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        x, y = node.inputs
        dx, dy = tangents
        if dx is None:
            return None if dy is None else self.share(y, x, dy)
        total = self.share(x, y, dx)
        return total if dy is None else add(total, self.share(y, x, dy))

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        x, y = node.inputs
        half = self.half(x, y, g)
        return [
            None if wanted.isdisjoint(a.tokens.members) else sum_to(select(self.wins(a, b), g, half), a.shape)
            for a, b in ((x, y), (y, x))
        ]


maximum = _Extremum("maximum", greater)
minimum = _Extremum("minimum", less)


# abs and sign. Of complex numbers they are only real-linear: with u = z/|z|,
#     d|z| = Re(conj(u) dz),    du = i u Im(conj(u) dz) / |z|    (only the turning part of dz moves the sign).
# Their transposes under the pairing Re(g dz) follow. All is 0 at 0.


def _product(masked: bool) -> Callable[[Node, Node], Node]:
    return safe_mul if masked else mul


class _Abs(Unary):
    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        (z,), (dz,) = node.inputs, tangents
        if z.dtype.kind != "c" or dz is None:
            return super().push(node, tangents)
        return real(conj(sign(z)) * dz)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        (z,) = node.inputs
        if z.dtype.kind != "c":
            return super().pull(node, g, masked, wanted)
        return (_product(masked)(cast(g, z.dtype), conj(sign(z))),)


class _Sign(Unary):
    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        (z,), (dz,) = node.inputs, tangents
        if z.dtype.kind != "c" or dz is None:
            return None
        return (node * 1j) * cast(imag(conj(node) * dz) / _modulus(z), z.dtype)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        (z,) = node.inputs
        if z.dtype.kind != "c":
            return (None,)
        product = _product(masked)
        turn = product(imag(product(g, node)), 1.0 / _modulus(z))
        return (product(cast(turn, z.dtype), conj(node) * 1j),)


def _modulus(z: Node) -> Node:
    """|z|, and 1 at 0, where everything divided by it is 0."""
    return abs_(select(equal(z, zero_of(z)), like(z, 1), z))


abs_ = _Abs("abs", lambda out, x: sign(x), kinds="biufc", result=dtypes.to_real)
sign = _Sign("sign", ZERO, kinds="iufc")


# hypot: |(x, y)|, with derivative 0 at the origin


def _part(out: Node, x: Node) -> Node:
    return select(equal(out, zero_of(out)), zero_of(out), x / out)


hypot = Binary("hypot", lambda out, x, y: _part(out, x), lambda out, x, y: _part(out, y), kinds="f")
