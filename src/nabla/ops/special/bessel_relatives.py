"""Derivatives of Bessel functions as functions of their own, Kelvin and Struve functions. Names are SciPy's.

What is made of Bessel functions differentiates as they do: in the argument to any order, in a real order to the second.
"""

from __future__ import annotations

from cmath import exp
from math import comb, inf, pi
from typing import TYPE_CHECKING, Callable

from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, as_node, complex_floats, op, real_floats, reals
from nabla.ops.special import bessel as b
from nabla.primitives import bessel as p, formulas as f
from nabla.primitives.base import scalar
from nabla.primitives.shape import imag, real

if TYPE_CHECKING:
    from nabla.tensor import Tensor

# Derivatives: DLMF 10.6.7, 10.29.5


def _derivative(name: str, f: Callable[..., Tensor], v: ArrayLike, z: ArrayLike, n: int, each: int, all_: int = 1) -> Tensor:
    n = integer(name, "n", n, 0)
    order, point = as_node(v), as_node(z)
    total = f(order - n, point)
    for k in range(1, n + 1):
        total = total + each**k * comb(n, k) * f(order + (2 * k - n), point)
    return all_**n * 0.5**n * total


@op
def jvp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Tensor:
    """The n-th derivative of jv by its argument.

    >>> nb.allclose(nb.special.jvp(0, 1.0), -nb.special.j1(1.0))
    True
    """
    return _derivative("jvp", b.jv, v, z, n, -1)


@op
def yvp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Tensor:
    """The n-th derivative of yv by its argument.

    >>> nb.allclose(nb.special.yvp(0, 1.0), -nb.special.y1(1.0))
    True
    """
    return _derivative("yvp", b.yv, v, z, n, -1)


@op
def ivp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Tensor:
    """The n-th derivative of iv by its argument.

    >>> nb.allclose(nb.special.ivp(0, 1.0), nb.special.i1(1.0))
    True
    """
    return _derivative("ivp", b.iv, v, z, n, 1)


@op
def kvp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Tensor:
    """The n-th derivative of kv by its argument.

    >>> nb.allclose(nb.special.kvp(0, 1.0), -nb.special.k1(1.0))
    True
    """
    return _derivative("kvp", b.kv, v, z, n, 1, -1)


@op
def h1vp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Tensor:
    """The n-th derivative of hankel1 by its argument.

    >>> nb.allclose(nb.special.h1vp(0, 1.0), -nb.special.hankel1(1, 1.0))
    True
    """
    return _derivative("h1vp", b.hankel1, v, z, n, -1)


@op
def h2vp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Tensor:
    """The n-th derivative of hankel2 by its argument.

    >>> nb.allclose(nb.special.h2vp(0, 1.0), -nb.special.hankel2(1, 1.0))
    True
    """
    return _derivative("h2vp", b.hankel2, v, z, n, -1)


# Kelvin functions: I_0 and K_0 at x exp(i pi / 4) (DLMF 10.61.1, 10.61.2)

TURN = exp(0.25j * pi)


def _kelvin(name: str, x: ArrayLike, kind: str, derivative: bool) -> Node:
    """ber + i bei, or ker + i kei, or their derivatives. Those of the second kind are NaN for negative x."""
    point = real_floats(name, x)
    if kind == "kv":
        point = f.select(f.less(point, f.zero_of(point)), f.like(point, float("nan")), point)
    z = TURN * complex_floats(point)
    order, none = f.like(z, float(derivative)), f.like(z, 0.0)
    out = p.complex_bessel(order, z, none, kind=kind, n=0)
    out = (TURN if kind == "iv" else -TURN) * out if derivative else out
    if kind == "iv":
        return out
    limit = complex(-inf, 0.0) if derivative else complex(inf, -0.25 * pi)
    return f.select(f.equal(point, f.zero_of(point)), scalar(limit, out.dtype), out)


@op
def ber(x: ArrayLike, /) -> Tensor:
    """The Kelvin function ber, the real part of J_0(x exp(3 pi i / 4)).

    >>> float(nb.special.ber(0.0))
    1.0
    """
    return real(_kelvin("ber", x, "iv", False))


@op
def bei(x: ArrayLike, /) -> Tensor:
    """The Kelvin function bei, the imaginary part of J_0(x exp(3 pi i / 4)).

    >>> float(nb.special.bei(0.0))
    0.0
    """
    return imag(_kelvin("bei", x, "iv", False))


@op
def ker(x: ArrayLike, /) -> Tensor:
    """The Kelvin function ker, the real part of K_0(x exp(i pi / 4)); inf at 0, NaN for negative x.

    >>> nb.allclose(nb.special.ker(1.0), 0.28670620872886)
    True
    """
    return real(_kelvin("ker", x, "kv", False))


@op
def kei(x: ArrayLike, /) -> Tensor:
    """The Kelvin function kei, the imaginary part of K_0(x exp(i pi / 4)); -pi/4 at 0, NaN for negative x.

    >>> nb.allclose(nb.special.kei(0.0), -np.pi / 4)
    True
    """
    return imag(_kelvin("kei", x, "kv", False))


@op
def berp(x: ArrayLike, /) -> Tensor:
    """The derivative of ber.

    >>> float(nb.special.berp(0.0))
    0.0
    """
    return real(_kelvin("berp", x, "iv", True))


@op
def beip(x: ArrayLike, /) -> Tensor:
    """The derivative of bei.

    >>> float(nb.special.beip(0.0))
    0.0
    """
    return imag(_kelvin("beip", x, "iv", True))


@op
def kerp(x: ArrayLike, /) -> Tensor:
    """The derivative of ker: -inf at 0, NaN for negative x.

    >>> float(nb.special.kerp(0.0))
    -inf
    """
    return real(_kelvin("kerp", x, "kv", True))


@op
def keip(x: ArrayLike, /) -> Tensor:
    """The derivative of kei: 0 at 0, NaN for negative x.

    >>> float(nb.special.keip(0.0))
    0.0
    """
    return imag(_kelvin("keip", x, "kv", True))


@op
def kelvin(x: ArrayLike, /) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The Kelvin functions as complex numbers: ber + i bei, ker + i kei, and the derivatives of both.

    >>> Be, Ke, Bep, Kep = nb.special.kelvin(1.0)
    >>> nb.allclose(Be, nb.special.ber(1.0) + 1j * nb.special.bei(1.0))
    True
    """
    first, second, first_slope, second_slope = (_kelvin("kelvin", x, kind, d) for d in (False, True) for kind in ("iv", "kv"))
    return first, second, first_slope, second_slope


# Struve functions


@op
def struve(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """Struve's function H_v(x) of a real order.

    >>> nb.allclose(nb.special.struve(0.5, np.pi), 2 * np.sqrt(2) / np.pi)
    True
    """
    return p.struve(*reals("struve", v, x), kind="struve", n=0)


@op
def modstruve(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The modified Struve function L_v(x) of a real order.

    >>> nb.allclose(nb.special.modstruve(-0.5, 1.0), np.sqrt(2 / np.pi) * np.sinh(1.0))
    True
    """
    return p.struve(*reals("modstruve", v, x), kind="modstruve", n=0)
