"""Short formulas that keep digits which the obvious ones lose: angles in degrees, powers less 1, periodic sinc. Names are SciPy's.

They take real numbers only; integers and booleans become floats. Derivatives are of every order.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from nabla.errors import ArgumentError
from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, op, real_floats, reals
from nabla.primitives import formulas as f

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def exp10(x: ArrayLike, /) -> Tensor:
    """10 to the power of x.

    >>> float(nb.special.exp10(2.0))
    100.0
    """
    x = real_floats("exp10", x)
    return f.power(f.like(x, 10.0), x)


@op
def cosm1(x: ArrayLike, /) -> Tensor:
    """cos(x) - 1, which keeps its digits near 0.

    >>> nb.allclose(nb.special.cosm1(1e-9), -5e-19, atol=0)
    True
    """
    x = real_floats("cosm1", x)
    return -2.0 * f.square(f.sin(0.5 * x))


@op
def powm1(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x**y - 1, which keeps its digits where x**y is near 1.

    >>> nb.allclose(nb.special.powm1(2.0, 1e-20), np.log(2.0) * 1e-20, atol=0)
    True
    """
    x, y = reals("powm1", x, y)
    positive = f.greater(x, f.zero_of(x))
    exponent = y * f.log_(f.select(positive, x, f.like(x, 1.0)))
    small = f.logical_and(positive, f.less(f.abs_(exponent), f.like(x, 0.5)))
    far = f.power(f.select(small, f.like(x, 1.0), x), y) - 1.0
    return f.select(small, f.expm1(f.select(small, exponent, f.zero_of(x))), far)


# Angles in degrees: less whole right angles, so that their multiples have exact values


def _right_angles(x: Node) -> tuple[Node, Node]:
    """How many right angles are in x degrees, modulo 4, and the rest in radians."""
    turns = f.rint(x / 90.0)
    return f.remainder(turns, f.like(x, 4.0)), (x - 90.0 * turns) * (pi / 180.0)


def _sine(turns: Node, rest: Node) -> Node:
    sine, cosine = f.sin(rest), f.cos(rest)
    size = f.select(_odd(turns), cosine, sine)
    return f.select(f.less(turns, f.like(turns, 2.0)), size, 0.0 - size)


def _cosine(turns: Node, rest: Node) -> Node:
    return _sine(f.remainder(turns + 1.0, f.like(turns, 4.0)), rest)


@op
def sindg(x: ArrayLike, /) -> Tensor:
    """The sine of an angle in degrees, exact at multiples of 90.

    >>> float(nb.special.sindg(180.0))
    0.0
    """
    return _sine(*_right_angles(real_floats("sindg", x)))


@op
def cosdg(x: ArrayLike, /) -> Tensor:
    """The cosine of an angle in degrees, exact at multiples of 90.

    >>> float(nb.special.cosdg(90.0))
    0.0
    """
    return _cosine(*_right_angles(real_floats("cosdg", x)))


@op
def tandg(x: ArrayLike, /) -> Tensor:
    """The tangent of an angle in degrees, 0 and inf at multiples of 90.

    >>> float(nb.special.tandg(180.0)), float(nb.special.tandg(90.0))
    (0.0, inf)
    """
    turns, rest = _right_angles(real_floats("tandg", x))
    odd, tangent = _odd(turns), f.tan(rest)
    pole = f.equal(tangent, f.zero_of(tangent))
    return f.select(odd, f.select(pole, f.like(rest, float("inf")), -1.0 / tangent), tangent)


@op
def cotdg(x: ArrayLike, /) -> Tensor:
    """The cotangent of an angle in degrees, 0 and inf at multiples of 90.

    >>> float(nb.special.cotdg(90.0)), float(nb.special.cotdg(180.0))
    (0.0, inf)
    """
    turns, rest = _right_angles(real_floats("cotdg", x))
    odd, tangent = _odd(turns), f.tan(rest)
    pole = f.equal(tangent, f.zero_of(tangent))
    return f.select(odd, 0.0 - tangent, f.select(pole, f.like(rest, float("inf")), 1.0 / tangent))


def _odd(turns: Node) -> Node:
    return f.equal(f.remainder(turns, f.like(turns, 2.0)), f.like(turns, 1.0))


@op
def radian(d: ArrayLike, m: ArrayLike, s: ArrayLike, /) -> Tensor:
    """An angle of d degrees, m minutes and s seconds in radians.

    >>> nb.allclose(nb.special.radian(179.0, 59.0, 60.0), np.pi)
    True
    """
    d, m, s = reals("radian", d, m, s)
    return (d + (m + s / 60.0) / 60.0) * (pi / 180.0)


@op
def diric(x: ArrayLike, n: int) -> Tensor:
    """Dirichlet's kernel, the periodic sinc: sin(n x / 2) / (n sin(x / 2)) for a positive whole number n.

    At multiples of 2 pi it is 1 or -1, with right derivatives of every order.

    >>> float(nb.special.diric(0.0, 3)), nb.allclose(nb.special.diric(np.pi, 3), -1 / 3)
    (1.0, True)
    """
    x = real_floats("diric", x)
    n = integer("diric", "n", n)
    if n < 1:
        raise ArgumentError(f"diric: n is a positive whole number; got {n}")
    turns = f.rint(x / (2.0 * pi))
    half = 0.5 * (x - 2.0 * pi * turns)
    ratio = f.sinc(n * half, n=0) / f.sinc(half, n=0)
    flips = f.equal(f.remainder(turns * float((n - 1) % 2), f.like(x, 2.0)), f.like(x, 1.0))
    return f.select(flips, -ratio, ratio)
