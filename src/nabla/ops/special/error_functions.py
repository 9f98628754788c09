"""Special functions: the relatives of the error function and of the normal distribution. Names are SciPy's.

They take real numbers (erfcx, erfi, dawsn, wofz and ndtr also complex ones); integers and booleans become floats.
Derivatives of every order exist in every argument.
"""

from __future__ import annotations

from math import pi, sqrt as root
from typing import TYPE_CHECKING

from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, binary, complex_floats, inexact, op, reals, unary
from nabla.primitives import formulas as f, special as s
from nabla.primitives.holomorphic import either, of
from nabla.primitives.shape import real

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def erfcx(x: ArrayLike, /) -> Tensor:
    """exp(x**2) erfc(x), which decreases as 1/x where erfc underflows. Its derivatives keep their digits there.

    >>> float(nb.special.erfcx(0.0))
    1.0
    """
    node = inexact(as_node(x))
    return of(1j * node, "wofz") if node.dtype.kind == "c" else s.erfcx(node, n=0)


@unary(either(s.erfi))
def erfi(x: ArrayLike, /) -> Tensor:
    """The imaginary error function -i erf(i x), 2/sqrt(pi) times the integral of exp(t**2) from 0 to x.

    >>> float(nb.special.erfi(0.0))
    0.0
    """


@unary(s.erfinv)
def erfinv(x: ArrayLike, /) -> Tensor:
    """The inverse of erf, from (-1, 1); its derivative is infinite at both ends.

    >>> float(nb.special.erfinv(0.0))
    0.0
    """


@unary(s.erfcinv)
def erfcinv(x: ArrayLike, /) -> Tensor:
    """The inverse of erfc, from (0, 2); its derivative is -inf at both ends.

    >>> float(nb.special.erfcinv(2.0))
    -inf
    """


@op
def dawsn(x: ArrayLike, /) -> Tensor:
    """Dawson's integral: exp(-x**2) times the integral of exp(t**2) from 0 to x.

    >>> float(nb.special.dawsn(0.0))
    0.0
    """
    node = inexact(as_node(x))
    return of(node, "dawsn") if node.dtype.kind == "c" else s.dawsn(node, n=0)


@op
def wofz(z: ArrayLike, /) -> Tensor:
    """Faddeeva's function exp(-z**2) erfc(-i z), a complex number.

    >>> nb.allclose(nb.special.wofz(1j), nb.special.erfcx(1.0))
    True
    """
    return of(complex_floats(z), "wofz")


@op
def voigt_profile(x: ArrayLike, sigma: ArrayLike, gamma: ArrayLike, /) -> Tensor:
    """The density of the sum of a normal number of standard deviation sigma and a Cauchy number of half width gamma.

    For sigma = 0 it is Cauchy's density, for gamma = 0 the normal one.

    >>> nb.allclose(nb.special.voigt_profile(0.0, 1.0, 0.0), 1 / np.sqrt(2 * np.pi))
    True
    """
    place, width, half = reals("voigt_profile", x, sigma, gamma)
    narrow = f.equal(width, f.zero_of(width))
    scale = 1.0 / (root(2.0) * f.select(narrow, f.like(width, 1.0), width))
    mixed = real(of(place * scale + 1j * (half * scale), "wofz")) * scale * (1.0 / root(pi))
    return f.select(narrow, half / (pi * (f.square(place) + f.square(half))), mixed)


def _ndtr(x: Node) -> Node:
    return 0.5 * of(x * -root(0.5), "erfc") if x.dtype.kind == "c" else s.ndtr(x)


@unary(_ndtr)
def ndtr(x: ArrayLike, /) -> Tensor:
    """The probability that a standard normal number is below x.

    >>> float(nb.special.ndtr(0.0))
    0.5
    """


@unary(s.log_ndtr)
def log_ndtr(x: ArrayLike, /) -> Tensor:
    """The logarithm of ndtr(x), right in both tails, and so are its derivatives.

    >>> nb.allclose(nb.special.log_ndtr(-40.0), -804.6084420137538)
    True
    """


@unary(s.ndtri)
def ndtri(x: ArrayLike, /) -> Tensor:
    """The inverse of ndtr, from (0, 1); its derivative is infinite at both ends.

    >>> float(nb.special.ndtri(0.5))
    0.0
    """


@binary(s.owens_t)
def owens_t(h: ArrayLike, a: ArrayLike, /) -> Tensor:
    """Owen's T: the probability of X > h and 0 < Y < a X for independent standard normal X and Y.

    >>> nb.allclose(nb.special.owens_t(0.0, 1.0), 1 / 8)
    True
    """


@unary(s.kolmogorov)
def kolmogorov(x: ArrayLike, /) -> Tensor:
    """The probability that Kolmogorov's statistic exceeds x: twice the alternating sum of exp(-2 k**2 x**2), 1 for x <= 0.

    >>> nb.allclose(nb.special.kolmogorov(1.0), 0.26999967)
    True
    """
