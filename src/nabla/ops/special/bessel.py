"""Bessel, Hankel, spherical Bessel and Airy functions. Names and argument orders are SciPy's.

The order is real, the argument real or complex (of the spherical functions real); integers and booleans become floats. All can be
differentiated in the argument to any order. Derivatives in the order are given to the second where the order is a float; an order
that is an integer, or a tensor of integers, has none. The first one keeps 11 digits or more, measured by the function itself where
that is larger. Near x = 0 they are limits. Where SciPy itself has NaN (J and Y at infinity) they are NaN. Of the scaled functions
of complex numbers derivatives lose as many digits as abs(z) has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from nabla.errors import DTypeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, complex_floats, inexact, op, pair
from nabla.primitives import bessel as p
from nabla.primitives.formulas import abs_, greater, like, select, sqrt, zero_of
from nabla.primitives.shape import cast, imag, real

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _real_pair(name: str, v: ArrayLike, x: ArrayLike) -> tuple[Node, Node]:
    a, b = pair(v, x)
    for node in (a, b):
        if node.dtype.kind not in "biuf":
            raise DTypeError(f"{name} takes real numbers; got {node.dtype}")
    return a, b


def of_order(name: str, v: ArrayLike, x: ArrayLike) -> Node:
    """The function of a real order and of a real or complex argument."""
    if as_node(x).dtype.kind == "c":
        return _of_complex(name, v, x)
    a, b = _real_pair(name, v, x)
    return p.bessel(a, b, kind=name, n=0, k=0)


def _of_complex(name: str, v: ArrayLike, z: ArrayLike) -> Node:
    order, point = pair(v, z)
    if as_node(v).dtype.kind == "c":
        raise DTypeError(f"{name}: the order v is real; got {order.dtype}")
    point = complex_floats(point)
    scaled = name.endswith("e")
    return p.complex_bessel(order, point, SCALES[name](point) if scaled else like(point, 0.0), kind=name.removesuffix("e"), n=0)


SCALES: dict[str, Callable[[Node], Node]] = {  # what the scaled functions are divided by the exponential of
    "jve": lambda z: cast(abs_(imag(z)), z.dtype),
    "yve": lambda z: cast(abs_(imag(z)), z.dtype),
    "ive": lambda z: cast(abs_(real(z)), z.dtype),
    "kve": lambda z: -z,
    "hankel1e": lambda z: 1j * z,
    "hankel2e": lambda z: -1j * z,
}


def _whole(name: str, n: ArrayLike, x: ArrayLike, otherwise: str) -> tuple[Node, Node]:
    """An order that is a whole number, and the argument."""
    order = as_node(n)
    if order.dtype.kind not in "iu":
        raise DTypeError(f"{name}: the order n is an integer or a tensor of integers; got {order.dtype}{otherwise}")
    argument = inexact(_real_pair(name, x, 0.0)[0])
    return cast(order, argument.dtype), argument


def _fixed(name: str, kind: str, order: int, x: ArrayLike) -> Tensor:
    node = _real_pair(name, x, order)[0]
    return p.bessel(like(inexact(node), order), node, kind=kind, n=0, k=0)


@op
def jv(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Bessel function of the first kind of real order, J_v(x). NaN for negative x where v is not a whole number.

    >>> nb.allclose(nb.special.jv(0.5, np.pi), 0.0, atol=1e-12)
    True
    """
    return of_order("jv", v, x)


jn = jv


@op
def yv(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Bessel function of the second kind of real order, Y_v(x). NaN for negative x, -inf at 0.

    >>> nb.allclose(nb.special.yv(0.5, np.pi / 2), 0.0, atol=1e-12)
    True
    """
    return of_order("yv", v, x)


@op
def yn(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """yv of an order that is a whole number: an integer, or a tensor of integers.

    >>> nb.allclose(nb.special.yn(2, 1.0), nb.special.yv(2.0, 1.0))
    True
    """
    a, b = _whole("yn", n, x, "; yv takes any real order")
    return p.bessel(a, b, kind="yv", n=0, k=0)


@op
def iv(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind of real order, I_v(x).

    >>> float(nb.special.iv(0, 0.0))
    1.0
    """
    return of_order("iv", v, x)


@op
def kv(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the second kind of real order, K_v(x). NaN for negative x, inf at 0.

    >>> nb.allclose(nb.special.kv(0.5, 1.0), np.sqrt(np.pi / 2) / np.e)
    True
    """
    return of_order("kv", v, x)


@op
def kn(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """kv of an order that is a whole number: an integer, or a tensor of integers.

    >>> nb.allclose(nb.special.kn(2, 1.0), nb.special.kv(2.0, 1.0))
    True
    """
    a, b = _whole("kn", n, x, "; kv takes any real order")
    return p.bessel(a, b, kind="kv", n=0, k=0)


@op
def ive(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """iv(v, x) exp(-abs(x)), which does not overflow.

    >>> nb.allclose(nb.special.ive(0.5, 1e4), 1 / np.sqrt(2e4 * np.pi))
    True
    """
    return of_order("ive", v, x)


@op
def kve(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """kv(v, x) exp(x), which does not underflow.

    >>> nb.allclose(nb.special.kve(0.5, 1e4), np.sqrt(np.pi / 2e4))
    True
    """
    return of_order("kve", v, x)


@op
def jve(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """jv(v, z) exp(-abs(imag(z))), which does not overflow; of real numbers it is jv.

    >>> nb.allclose(nb.special.jve(0.5, 2.0), nb.special.jv(0.5, 2.0))
    True
    """
    return of_order("jve" if as_node(z).dtype.kind == "c" else "jv", v, z)


@op
def yve(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """yv(v, z) exp(-abs(imag(z))), which does not overflow; of real numbers it is yv.

    >>> nb.allclose(nb.special.yve(0.5, 2.0), nb.special.yv(0.5, 2.0))
    True
    """
    return of_order("yve" if as_node(z).dtype.kind == "c" else "yv", v, z)


# Orders 0 and 1


@op
def j0(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the first kind of order 0.

    >>> float(nb.special.j0(0.0))
    1.0
    """
    return _fixed("j0", "jv", 0, x)


@op
def j1(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the first kind of order 1.

    >>> float(nb.grad(nb.special.j1)(0.0))
    0.5
    """
    return _fixed("j1", "jv", 1, x)


@op
def y0(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the second kind of order 0: -inf at 0, NaN for negative x.

    >>> float(nb.special.y0(0.0))
    -inf
    """
    return _fixed("y0", "yv", 0, x)


@op
def y1(x: ArrayLike, /) -> Tensor:
    """The Bessel function of the second kind of order 1: -inf at 0, NaN for negative x.

    >>> float(nb.special.y1(0.0))
    -inf
    """
    return _fixed("y1", "yv", 1, x)


@op
def i0(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order 0.

    >>> float(nb.special.i0(0.0))
    1.0
    """
    return _fixed("i0", "iv", 0, x)


@op
def i1(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the first kind of order 1.

    >>> float(nb.grad(nb.special.i1)(0.0))
    0.5
    """
    return _fixed("i1", "iv", 1, x)


@op
def k0(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the second kind of order 0: inf at 0, NaN for negative x.

    >>> float(nb.special.k0(0.0))
    inf
    """
    return _fixed("k0", "kv", 0, x)


@op
def k1(x: ArrayLike, /) -> Tensor:
    """The modified Bessel function of the second kind of order 1: inf at 0, NaN for negative x.

    >>> float(nb.special.k1(0.0))
    inf
    """
    return _fixed("k1", "kv", 1, x)


@op
def i0e(x: ArrayLike, /) -> Tensor:
    """i0(x) exp(-abs(x)), which does not overflow.

    >>> float(nb.special.i0e(0.0))
    1.0
    """
    return _fixed("i0e", "ive", 0, x)


@op
def i1e(x: ArrayLike, /) -> Tensor:
    """i1(x) exp(-abs(x)), which does not overflow.

    >>> float(nb.special.i1e(0.0))
    0.0
    """
    return _fixed("i1e", "ive", 1, x)


@op
def k0e(x: ArrayLike, /) -> Tensor:
    """k0(x) exp(x), which does not underflow.

    >>> float(nb.special.k0e(0.0))
    inf
    """
    return _fixed("k0e", "kve", 0, x)


@op
def k1e(x: ArrayLike, /) -> Tensor:
    """k1(x) exp(x), which does not underflow.

    >>> float(nb.special.k1e(0.0))
    inf
    """
    return _fixed("k1e", "kve", 1, x)


# Hankel functions. Of real numbers, too, they are complex.


@op
def hankel1(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """J_v(z) + i Y_v(z), a complex number.

    >>> nb.allclose(nb.special.hankel1(0.5, np.pi / 2), 0.6366197723675814)
    True
    """
    return _of_complex("hankel1", v, z)


@op
def hankel2(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """J_v(z) - i Y_v(z), a complex number.

    >>> nb.allclose(nb.special.hankel2(0.5, np.pi / 2), 0.6366197723675814)
    True
    """
    return _of_complex("hankel2", v, z)


@op
def hankel1e(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """hankel1(v, z) exp(-i z), which neither oscillates nor overflows.

    >>> nb.allclose(nb.special.hankel1e(0.5, 2.0), -1j / np.sqrt(np.pi))
    True
    """
    return _of_complex("hankel1e", v, z)


@op
def hankel2e(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """hankel2(v, z) exp(i z), which neither oscillates nor overflows.

    >>> nb.allclose(nb.special.hankel2e(0.5, 2.0), 1j / np.sqrt(np.pi))
    True
    """
    return _of_complex("hankel2e", v, z)


# Spherical Bessel functions


def _spherical(name: str, n: ArrayLike, x: ArrayLike, derivative: bool) -> Tensor:
    a, b = _whole(name, n, x, "")
    out = p.spherical(a, b, kind=name)
    return p.spherical_by_argument(out, a, b, kind=name) if derivative else out


@op
def spherical_jn(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Tensor:
    """The spherical Bessel function of the first kind, sqrt(pi / (2 x)) J_(n+1/2)(x).

    n is an integer from 0 on, or a tensor of such; where `derivative` is true, this is the derivative by z.

    >>> float(nb.special.spherical_jn(0, 0.0))
    1.0
    """
    return _spherical("spherical_jn", n, z, derivative)


@op
def spherical_yn(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Tensor:
    """The spherical Bessel function of the second kind, sqrt(pi / (2 x)) Y_(n+1/2)(x).

    n is an integer from 0 on, or a tensor of such; where `derivative` is true, this is the derivative by z.

    >>> nb.allclose(nb.special.spherical_yn(0, np.pi), 1 / np.pi)
    True
    """
    return _spherical("spherical_yn", n, z, derivative)


@op
def spherical_in(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Tensor:
    """The modified spherical Bessel function of the first kind, sqrt(pi / (2 x)) I_(n+1/2)(x).

    n is an integer from 0 on, or a tensor of such; where `derivative` is true, this is the derivative by z.

    >>> float(nb.special.spherical_in(0, 0.0))
    1.0
    """
    return _spherical("spherical_in", n, z, derivative)


@op
def spherical_kn(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Tensor:
    """The modified spherical Bessel function of the second kind, sqrt(pi / (2 x)) K_(n+1/2)(x).

    n is an integer from 0 on, or a tensor of such; where `derivative` is true, this is the derivative by z.

    >>> nb.allclose(nb.special.spherical_kn(0, 1.0), np.pi / 2 / np.e)
    True
    """
    return _spherical("spherical_kn", n, z, derivative)


# Airy functions


@op
def airy(x: ArrayLike, /) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The Airy functions and their derivatives: (Ai, Ai', Bi, Bi') at a real or complex x.

    >>> ai, aip, bi, bip = nb.special.airy(1.0)
    >>> nb.allclose(ai * bip - aip * bi, 1 / np.pi)
    True
    """
    node = inexact(as_node(x))
    ai, aip, bi, bip = (p.airy(node, kind=kind) for kind in ("ai", "aip", "bi", "bip"))
    return ai, aip, bi, bip


@op
def airye(z: ArrayLike, /) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The scaled Airy functions: Ai and Ai' times exp(w), Bi and Bi' times exp(-abs(real(w))), where w = 2/3 z sqrt(z).

    The first two are NaN for negative real z. Derivatives lose digits where z is large, as many as abs(w) has.

    >>> ai, aip, bi, bip = nb.special.airye(1e4)
    >>> nb.allclose(ai * bip - aip * bi, 1 / np.pi)
    True
    """
    node = inexact(as_node(z))
    falling = node * sqrt(node) * (-2.0 / 3.0)
    if node.dtype.kind == "c":
        rising = cast(abs_(real(falling)), node.dtype)
    else:
        positive = select(greater(node, zero_of(node)), node, zero_of(node))
        rising = positive * sqrt(select(greater(node, zero_of(node)), node, like(node, 1.0))) * (2.0 / 3.0)
    scales = {"ai": falling, "aip": falling, "bi": rising, "bip": rising}
    ai, aip, bi, bip = (p.scaled_airy(node, s, kind=kind) for kind, s in scales.items())
    return ai, aip, bi, bip
