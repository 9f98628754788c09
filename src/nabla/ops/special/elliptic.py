"""Elliptic integrals, and the integrals of sin(x)/x, cos(x)/x, sin(x**2), cos(x**2). Names and argument orders are SciPy's.

The parameter is m = k**2. All can be differentiated in all their arguments to any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.lift import ArrayLike, op, reals
from nabla.primitives import hypergeometric as h
from nabla.primitives.formulas import like, zero_of

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def ellipk(m: ArrayLike, /) -> Tensor:
    """The complete elliptic integral of the first kind K(m): inf at m = 1, NaN beyond.

    >>> nb.allclose(nb.special.ellipk(0.0), np.pi / 2)
    True
    """
    (x,) = reals("ellipk", m)
    return 0.5 * h.carlson(zero_of(x), 1.0 - x, like(x, 1.0), powers=(1, 1, 1))  # type: ignore[return-value]


@op
def ellipkm1(p: ArrayLike, /) -> Tensor:
    """ellipk(1 - p), which keeps its digits for small p.

    >>> nb.allclose(nb.special.ellipkm1(1e-100), 116.5155490)
    True
    """
    (x,) = reals("ellipkm1", p)
    return 0.5 * h.carlson(zero_of(x), x, like(x, 1.0), powers=(1, 1, 1))  # type: ignore[return-value]


@op
def ellipe(m: ArrayLike, /) -> Tensor:
    """The complete elliptic integral of the second kind E(m): NaN beyond m = 1.

    >>> float(nb.special.ellipe(1.0))
    1.0
    """
    return h.ellipe(*reals("ellipe", m))  # type: ignore[return-value]


@op
def ellipkinc(phi: ArrayLike, m: ArrayLike, /) -> Tensor:
    """The incomplete elliptic integral of the first kind F(phi, m).

    >>> nb.allclose(nb.special.ellipkinc(0.3, 0.0), 0.3)
    True
    """
    return h.ellipkinc(*reals("ellipkinc", phi, m))  # type: ignore[return-value]


@op
def ellipeinc(phi: ArrayLike, m: ArrayLike, /) -> Tensor:
    """The incomplete elliptic integral of the second kind E(phi, m).

    >>> nb.allclose(nb.special.ellipeinc(0.3, 0.0), 0.3)
    True
    """
    return h.ellipeinc(*reals("ellipeinc", phi, m))  # type: ignore[return-value]


@op
def elliprf(x: ArrayLike, y: ArrayLike, z: ArrayLike, /) -> Tensor:
    """Carlson's integral R_F: half that of 1 / sqrt((t + x) (t + y) (t + z)) for t from 0 to infinity.

    >>> nb.allclose(nb.special.elliprf(0.0, 1.0, 1.0), np.pi / 2)
    True
    """
    return 0.5 * h.carlson(*reals("elliprf", x, y, z), powers=(1, 1, 1))  # type: ignore[return-value]


@op
def elliprd(x: ArrayLike, y: ArrayLike, z: ArrayLike, /) -> Tensor:
    """Carlson's integral R_D, in which the power of (t + z) is 3/2 and the factor 3/2.

    >>> nb.allclose(nb.special.elliprd(1.0, 1.0, 1.0), 1.0)
    True
    """
    return 1.5 * h.carlson(*reals("elliprd", x, y, z), powers=(1, 1, 3))  # type: ignore[return-value]


@op
def sici(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The integral of sin(t)/t from 0 to x, and Euler's constant + log(x) + that of (cos(t) - 1)/t: (Si, Ci).

    >>> float(nb.grad(lambda x: nb.special.sici(x)[0])(0.0))
    1.0
    """
    (node,) = reals("sici", x)
    return h.circular_integral(node, kind="si"), h.circular_integral(node, kind="ci")  # type: ignore[return-value]


@op
def fresnel(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The integrals of sin(pi t**2 / 2) and cos(pi t**2 / 2) from 0 to x: (S, C).

    >>> float(nb.grad(lambda x: nb.special.fresnel(x)[1])(0.0))
    1.0
    """
    (node,) = reals("fresnel", x)
    return h.circular_integral(node, kind="fresnel_s"), h.circular_integral(node, kind="fresnel_c")  # type: ignore[return-value]
