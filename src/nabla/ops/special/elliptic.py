"""Elliptic integrals, and the integrals of sin(x)/x, cos(x)/x, sin(x**2), cos(x**2). Names and argument orders are SciPy's.

The parameter is m = k**2. All can be differentiated in all their arguments to any order.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from nabla.ops.lift import ArrayLike, op, reals
from nabla.primitives import hypergeometric as h
from nabla.primitives.formulas import cos, equal, less, like, logical_and, not_equal, select, sin, sqrt, square, zero_of

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def ellipk(m: ArrayLike, /) -> Tensor:
    """The complete elliptic integral of the first kind K(m): inf at m = 1, NaN beyond.

    >>> nb.allclose(nb.special.ellipk(0.0), np.pi / 2)
    True
    """
    (x,) = reals("ellipk", m)
    return 0.5 * h.carlson(zero_of(x), 1.0 - x, like(x, 1.0), powers=(1, 1, 1))


@op
def ellipkm1(p: ArrayLike, /) -> Tensor:
    """ellipk(1 - p), which keeps its digits for small p.

    >>> nb.allclose(nb.special.ellipkm1(1e-100), 116.5155490)
    True
    """
    (x,) = reals("ellipkm1", p)
    return 0.5 * h.carlson(zero_of(x), x, like(x, 1.0), powers=(1, 1, 1))


@op
def ellipe(m: ArrayLike, /) -> Tensor:
    """The complete elliptic integral of the second kind E(m): NaN beyond m = 1.

    >>> float(nb.special.ellipe(1.0))
    1.0
    """
    return h.ellipe(*reals("ellipe", m))


@op
def ellipkinc(phi: ArrayLike, m: ArrayLike, /) -> Tensor:
    """The incomplete elliptic integral of the first kind F(phi, m).

    >>> nb.allclose(nb.special.ellipkinc(0.3, 0.0), 0.3)
    True
    """
    return h.ellipkinc(*reals("ellipkinc", phi, m))


@op
def ellipeinc(phi: ArrayLike, m: ArrayLike, /) -> Tensor:
    """The incomplete elliptic integral of the second kind E(phi, m).

    >>> nb.allclose(nb.special.ellipeinc(0.3, 0.0), 0.3)
    True
    """
    return h.ellipeinc(*reals("ellipeinc", phi, m))


@op
def elliprf(x: ArrayLike, y: ArrayLike, z: ArrayLike, /) -> Tensor:
    """Carlson's integral R_F: half that of 1 / sqrt((t + x) (t + y) (t + z)) for t from 0 to infinity.

    >>> nb.allclose(nb.special.elliprf(0.0, 1.0, 1.0), np.pi / 2)
    True
    """
    return 0.5 * h.carlson(*reals("elliprf", x, y, z), powers=(1, 1, 1))


@op
def elliprd(x: ArrayLike, y: ArrayLike, z: ArrayLike, /) -> Tensor:
    """Carlson's integral R_D, in which the power of (t + z) is 3/2 and the factor 3/2.

    >>> nb.allclose(nb.special.elliprd(1.0, 1.0, 1.0), 1.0)
    True
    """
    return 1.5 * h.carlson(*reals("elliprd", x, y, z), powers=(1, 1, 3))


@op
def elliprg(x: ArrayLike, y: ArrayLike, z: ArrayLike, /) -> Tensor:
    """Carlson's integral R_G, the mean of sqrt(x u**2 + y v**2 + z w**2) over the unit sphere.

    >>> nb.allclose(nb.special.elliprg(4.0, 4.0, 4.0), 2.0)
    True
    """
    return h.elliprg(*reals("elliprg", x, y, z))


@op
def elliprj(x: ArrayLike, y: ArrayLike, z: ArrayLike, p: ArrayLike, /) -> Tensor:
    """Carlson's integral R_J: R_F with a factor 3 / (t + p). For p < 0 the value is Cauchy's, and derivatives are NaN.

    >>> nb.allclose(nb.special.elliprj(1.0, 1.0, 1.0, 1.0), 1.0)
    True
    """
    return 1.5 * h.carlson_j(*reals("elliprj", x, y, z, p), powers=(1, 1, 1, 2))


@op
def elliprc(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Carlson's degenerate integral R_C(x, y) = R_F(x, y, y). For y < 0 it is Cauchy's value, by DLMF 19.20.6.

    >>> nb.allclose(nb.special.elliprc(0.0, 1.0), np.pi / 2)
    True
    """
    a, b = reals("elliprc", x, y)
    below = less(b, zero_of(b))
    # sqrt(x / (x - y)) R_C(x - y, -y)
    first, second = select(below, a - b, a), select(below, -b, b)
    found = 0.5 * h.carlson(first, second, second, powers=(1, 1, 1))
    return found * select(below, sqrt(select(below, a, like(a, 1.0)) / first), like(a, 1.0))


@op
def agm(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The arithmetic-geometric mean. NaN where the signs differ. Derivatives overflow where a square of the larger argument would.

    >>> nb.allclose(nb.special.agm(2.0, 2.0), 2.0)
    True
    """
    x, y = reals("agm", a, b)
    opposite = less(x, zero_of(x)), less(y, zero_of(y))
    differ = logical_and(not_equal(*opposite), not_equal(x * y, zero_of(x)))
    none = equal(x, zero_of(x))
    ratio = y / select(none, like(x, 1.0), x)
    complement = 4.0 * (ratio / (1.0 + ratio)) / (1.0 + ratio)  # of the parameter of K, which is taken of no square: DLMF 19.8.5
    whole = h.carlson(zero_of(x), complement, like(x, 1.0), powers=(1, 1, 1))
    mean = select(none, zero_of(x), x) * (1.0 + ratio) * (0.5 * pi) / whole
    return select(differ, like(x, float("nan")), mean)


@op
def ellipj(u: ArrayLike, m: ArrayLike, /) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Jacobi's elliptic functions (sn, cn, dn, ph) of u for 0 <= m <= 1; NaN for other m. ph is the amplitude: sn = sin(ph).

    >>> sn, cn, dn, ph = nb.special.ellipj(0.3, 0.0)
    >>> nb.allclose(sn, np.sin(0.3)), nb.allclose(dn, 1.0)
    (True, True)
    """
    u, m = reals("ellipj", u, m)
    ph = h.amplitude(u, m)
    sn, cn = sin(ph), cos(ph)
    dn = sqrt(square(cn) + (1.0 - m) * square(sn))
    return sn, cn, dn, ph


@op
def shichi(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The integral of sinh(t)/t from 0 to x, and Euler's constant + log(x) + that of (cosh(t) - 1)/t: (Shi, Chi).

    >>> float(nb.grad(lambda x: nb.special.shichi(x)[0])(0.0))
    1.0
    """
    (node,) = reals("shichi", x)
    return h.circular_integral(node, kind="shi"), h.circular_integral(node, kind="chi")


@op
def sici(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The integral of sin(t)/t from 0 to x, and Euler's constant + log(x) + that of (cos(t) - 1)/t: (Si, Ci).

    >>> float(nb.grad(lambda x: nb.special.sici(x)[0])(0.0))
    1.0
    """
    (node,) = reals("sici", x)
    return h.circular_integral(node, kind="si"), h.circular_integral(node, kind="ci")


@op
def fresnel(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The integrals of sin(pi t**2 / 2) and cos(pi t**2 / 2) from 0 to x: (S, C).

    >>> float(nb.grad(lambda x: nb.special.fresnel(x)[1])(0.0))
    1.0
    """
    (node,) = reals("fresnel", x)
    return h.circular_integral(node, kind="fresnel_s"), h.circular_integral(node, kind="fresnel_c")
