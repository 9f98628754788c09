"""The table of elementwise primitives: a name and its partial derivatives, one per argument.

Each form is chosen to keep digits: tanh has the derivative sech(x)**2, not 1 - tanh(x)**2, which is exactly 0 from x = 20 on.
Ties and kinks: abs at 0 has derivative 0; maximum, minimum of equals share it in halves; sign, floor, round are constant.
"""

from __future__ import annotations

from math import log, pi, sqrt as _sqrt
from typing import AbstractSet, Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node, make
from nabla.graph.tokens import Token
from nabla.primitives.base import Primitive, Shape, broadcast_shapes, scalar, zeros
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
from nabla.primitives.kinds import General
from nabla.primitives.shape import cast, conj, expand_batched, imag, real, sum_to

# fmt: off
# Arithmetic
sub       = Binary("subtract", ONE, MINUS_ONE, kinds="iufc")
div       = Binary("divide", lambda out, x, y: 1.0 / y, lambda out, x, y: -out / y)
remainder = Binary("remainder", ONE, lambda out, x, y: -floor(x / y), kinds="iuf")
fmod      = Binary("fmod", ONE, lambda out, x, y: -trunc(x / y), kinds="iuf")
floor_div = Binary("floor_divide", ZERO, ZERO, kinds="iuf")
square    = Unary("square", lambda out, x: 2.0 * x, kinds="iufc")
sqrt      = Unary("sqrt", lambda out, x: 0.5 / out)
cbrt      = Unary("cbrt", lambda out, x: 1.0 / (3.0 * square(out)), kinds="f")
reciprocal = Unary("reciprocal", lambda out, x: -square(out))

# Exponentials and logarithms
exp       = Unary("exp", lambda out, x: out)
exp2      = Unary("exp2", lambda out, x: out * log(2.0))
expm1     = Unary("expm1", lambda out, x: exp(x))
log_      = Unary("log", lambda out, x: 1.0 / x)
log2      = Unary("log2", lambda out, x: (1.0 / log(2.0)) / x)
log10     = Unary("log10", lambda out, x: (1.0 / log(10.0)) / x)
log1p     = Unary("log1p", lambda out, x: 1.0 / (1.0 + x))
logistic  = Unary("sigmoid", lambda out, x: out * logistic(-x))
logaddexp = Binary("logaddexp", lambda out, x, y: logistic(x - y), lambda out, x, y: logistic(y - x), kinds="f")

# Circular functions
sin       = Unary("sin", lambda out, x: cos(x))
cos       = Unary("cos", lambda out, x: -sin(x))
tan       = Unary("tan", lambda out, x: 1.0 / square(cos(x)))
arcsin    = Unary("arcsin", lambda out, x: 1.0 / sqrt((1.0 - x) * (1.0 + x)))
arccos    = Unary("arccos", lambda out, x: -1.0 / sqrt((1.0 - x) * (1.0 + x)))
arctan    = Unary("arctan", lambda out, x: 1.0 / (1.0 + square(x)))
arctan2   = Binary("arctan2", lambda out, x, y: y / (square(x) + square(y)),
                   lambda out, x, y: -x / (square(x) + square(y)), kinds="f")

# Hyperbolic functions
sinh      = Unary("sinh", lambda out, x: cosh(x))
cosh      = Unary("cosh", lambda out, x: sinh(x))
tanh      = Unary("tanh", lambda out, x: sech2(x))
sech2     = Unary("sech2", lambda out, x: -2.0 * (out * tanh(x)))
arcsinh   = Unary("arcsinh", lambda out, x: 1.0 / sqrt(1.0 + square(x)))
arccosh   = Unary("arccosh", lambda out, x: 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)))
arctanh   = Unary("arctanh", lambda out, x: 1.0 / ((1.0 - x) * (1.0 + x)))

# Error function and the logarithm of gamma with its derivatives
erf       = Unary("erf", lambda out, x: (2.0 / _sqrt(pi)) * exp(-square(x)), kinds="f")
erfc      = Unary("erfc", lambda out, x: (-2.0 / _sqrt(pi)) * exp(-square(x)), kinds="f")
gammaln   = Unary("gammaln", lambda out, x: polygamma(x, n=0), kinds="f")
polygamma = Elementwise("polygamma", lambda out, x, n: polygamma(x, n=n + 1), kinds="f")

# Piecewise constant
floor     = Unary("floor", ZERO, kinds="iuf")
ceil      = Unary("ceil", ZERO, kinds="iuf")
trunc     = Unary("trunc", ZERO, kinds="iuf")
rint      = Unary("rint", ZERO, kinds="iufc")

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
shift_left    = Binary("bitwise_left_shift", ZERO, ZERO, kinds="iu")
shift_right   = Binary("bitwise_right_shift", ZERO, ZERO, kinds="iu")
nextafter     = Binary("nextafter", ONE, ZERO, kinds="f")
# fmt: on


# select: x where the condition holds, else y


class _Select(Elementwise):
    """The condition passes no derivative; each branch gets the cotangent where it was taken and zero elsewhere."""

    __slots__ = ()

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        condition, x, y = inputs
        if x.dtype is not y.dtype:
            (x, y), _ = self.together((x, y))
        shape = condition.shape
        if shape != x.shape or shape != y.shape:
            shape = broadcast_shapes("where", (shape, x.shape, y.shape))
        return make(self, (condition, x, y), params, shape, x.dtype)

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        condition, _, _ = node.inputs
        _, dx, dy = tangents
        if dx is None and dy is None:
            return None
        zero = zeros((), node.dtype)
        out = select(condition, zero if dx is None else dx, zero if dy is None else dy)
        return out if out.shape == node.shape else sum_or_fill(out, node.shape)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        condition, x, y = node.inputs
        zero = zeros((), g.dtype)
        gx = gy = None
        if not wanted.isdisjoint(x.tokens.members):
            gx = sum_to(select(condition, g, zero), x.shape)
        if not wanted.isdisjoint(y.tokens.members):
            gy = sum_to(select(condition, zero, g), y.shape)
        return None, gx, gy


def sum_or_fill(x: Node, shape: Shape) -> Node:
    """Broadcast to `shape` what lost axes because only one branch had a tangent."""
    return x + zeros(shape, x.dtype)


select = _Select("where", ZERO, ONE, ONE, kinds="biufc", masks=True)


# pow: x**y; the partial by y is taken as 0 where x is 0, its limit for y > 0


def _pow_dx(out: Node, x: Node, y: Node) -> Node:
    return select(equal(y, _like(y, 0)), _like(x, 0), y * power(x, y - 1.0))


def _pow_dy(out: Node, x: Node, y: Node) -> Node:
    zero = equal(x, _like(x, 0))
    return select(zero, select(equal(y, _like(y, 0)), log_(x), _like(x, 0)), out * log_(select(zero, _like(x, 1), x)))


def _like(x: Node, value: float) -> Node:
    return scalar(value, x.dtype)


power = Binary("power", _pow_dx, _pow_dy, kinds="iufc")


# maximum, minimum: equals share the cotangent in halves


def _share(x: Node, y: Node, g: Node, wins: Primitive) -> Node:
    """g where x wins over y, half of it where they are equal, zero elsewhere."""
    zero = zeros((), g.dtype)
    return select(wins(x, y), g, select(equal(x, y), g * 0.5, zero))


class _Extremum(Binary):
    """The larger (smaller) one has derivative 1, equals have a half each, in every mode."""

    __slots__ = ("wins",)

    def __init__(self, name: str, wins: Primitive) -> None:
        super().__init__(name, ZERO, ZERO, kinds="biuf", masks=True)
        self.wins = wins

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        x, y = node.inputs
        total: Node | None = None
        for a, b, da in ((x, y, tangents[0]), (y, x, tangents[1])):
            if da is not None:
                term = _share(a, b, da, self.wins)
                total = term if total is None else total + term
        return total

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        x, y = node.inputs
        return [
            None if wanted.isdisjoint(a.tokens.members) else sum_to(_share(a, b, g, self.wins), a.shape)
            for a, b in ((x, y), (y, x))
        ]


maximum = _Extremum("maximum", greater)
minimum = _Extremum("minimum", less)


# abs and sign: of complex numbers they are only real-linear. With u = z/|z|, d|z| = Re(conj(u) dz); both are 0 at 0.


def _abs_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (z,), (dz,) = node.inputs, tangents
    assert dz is not None
    return real(conj(sign(z)) * dz) if z.dtype.kind == "c" else sign(z) * dz


def _abs_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    (z,) = node.inputs
    return (cast(g, z.dtype) * conj(sign(z)) if z.dtype.kind == "c" else g * sign(z),)


def _abs_shape(z: Node) -> tuple[Shape, np.dtype]:
    return z.shape, dtypes.to_real(z.dtype)


def _sign_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    """d(z/|z|) = i u Im(conj(u) dz) / |z|: only the turning part of dz moves the sign. Real: constant."""
    (z,), (dz,) = node.inputs, tangents
    if z.dtype.kind != "c":
        return None
    assert dz is not None
    at_zero = equal(z, _like(z, 0))
    modulus = abs_(select(at_zero, _like(z, 1), z))
    return (node * 1j) * cast(imag(conj(node) * dz) / modulus, z.dtype)


def _same_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return node.prim(*inputs), True


def _same(z: Node) -> tuple[Shape, np.dtype]:
    return z.shape, z.dtype


abs_ = General("abs", _abs_shape, jvp=_abs_jvp, vjp=_abs_vjp, batch=_same_batch)
sign = General("sign", _same, jvp=_sign_jvp, batch=_same_batch)


# hypot: |(x, y)|, with derivative 0 at the origin


def _over(out: Node, x: Node) -> Node:
    return x / select(equal(out, _like(out, 0)), _like(out, 1), out)


hypot = Binary("hypot", lambda out, x, y: _over(out, x), lambda out, x, y: _over(out, y), kinds="f")
