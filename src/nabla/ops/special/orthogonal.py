"""Values of the classical polynomials, and spherical harmonics. Names and argument orders are SciPy's.

The degree n is a whole number, or a tensor of integers, and has no derivative. In x they can be differentiated to any order, in
the parameters alpha and beta to the second in all.
"""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING

from nabla.errors import DTypeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, op, reals
from nabla.primitives import formulas as f, hypergeometric as p
from nabla.primitives.shape import cast
from nabla.primitives.special import binom

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _degree(name: str, n: ArrayLike, *inputs: ArrayLike) -> list[Node]:
    """The degree, which has to be a whole number, and the other arguments."""
    nodes = reals(name, *inputs)
    if isinstance(n, float) and n.is_integer():
        n = int(n)
    degree = as_node(n)
    if degree.dtype.kind not in "iu":
        given = n if isinstance(n, float) else degree.dtype
        raise DTypeError(f"{name}: the degree n is a whole number or a tensor of integers; got {given}")
    return [cast(degree, nodes[0].dtype), *nodes]


def _classical(kind: str, n: ArrayLike, x: ArrayLike) -> Tensor:
    return p.classical(*_degree("eval_" + kind, n, x), kind=kind)


@op
def eval_legendre(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Legendre polynomial P_n(x).

    >>> nb.allclose(nb.special.eval_legendre(2, 0.5), -0.125)
    True
    """
    return _classical("legendre", n, x)


@op
def eval_chebyt(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial of the first kind T_n(x).

    >>> nb.allclose(nb.special.eval_chebyt(2, 0.5), -0.5)
    True
    """
    return _classical("chebyt", n, x)


@op
def eval_chebyu(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial of the second kind U_n(x).

    >>> nb.allclose(nb.special.eval_chebyu(2, 0.5), 0.0)
    True
    """
    return _classical("chebyu", n, x)


@op
def eval_hermite(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The physicists' Hermite polynomial H_n(x).

    >>> nb.allclose(nb.special.eval_hermite(2, 1.0), 2.0)
    True
    """
    return _classical("hermite", n, x)


@op
def eval_hermitenorm(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The probabilists' Hermite polynomial He_n(x).

    >>> nb.allclose(nb.special.eval_hermitenorm(2, 1.0), 0.0)
    True
    """
    return _classical("hermitenorm", n, x)


@op
def eval_laguerre(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Laguerre polynomial L_n(x).

    >>> nb.allclose(nb.special.eval_laguerre(2, 1.0), -0.5)
    True
    """
    return _classical("laguerre", n, x)


@op
def eval_gegenbauer(n: ArrayLike, alpha: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Gegenbauer polynomial C_n^(alpha)(x).

    >>> nb.allclose(nb.special.eval_gegenbauer(2, 0.5, 0.5), -0.125)
    True
    """
    return p.gegenbauer(*_degree("eval_gegenbauer", n, alpha, x), orders=(0,))


@op
def eval_genlaguerre(n: ArrayLike, alpha: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The generalised Laguerre polynomial L_n^(alpha)(x).

    >>> nb.allclose(nb.special.eval_genlaguerre(1, 2.0, 0.5), 2.5)
    True
    """
    return p.genlaguerre(*_degree("eval_genlaguerre", n, alpha, x), orders=(0,))


@op
def eval_jacobi(n: ArrayLike, alpha: ArrayLike, beta: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Jacobi polynomial P_n^(alpha, beta)(x).

    >>> nb.allclose(nb.special.eval_jacobi(2, 0.0, 0.0, 0.5), -0.125)
    True
    """
    return p.jacobi(*_degree("eval_jacobi", n, alpha, beta, x), orders=(0, 0))


# The same in other units


@op
def eval_chebyc(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial C_n(x) = 2 T_n(x/2), of the first kind on [-2, 2].

    >>> nb.allclose(nb.special.eval_chebyc(2, 1.0), -1.0)
    True
    """
    degree, x = _degree("eval_chebyc", n, x)
    return 2.0 * p.classical(degree, 0.5 * x, kind="chebyt")


@op
def eval_chebys(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial S_n(x) = U_n(x/2), of the second kind on [-2, 2].

    >>> nb.allclose(nb.special.eval_chebys(2, 1.0), 0.0)
    True
    """
    degree, x = _degree("eval_chebys", n, x)
    return p.classical(degree, 0.5 * x, kind="chebyu")


@op
def eval_sh_legendre(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Legendre polynomial on [0, 1], P_n(2x - 1).

    >>> nb.allclose(nb.special.eval_sh_legendre(2, 0.75), -0.125)
    True
    """
    degree, x = _degree("eval_sh_legendre", n, x)
    return p.classical(degree, 2.0 * x - 1.0, kind="legendre")


@op
def eval_sh_chebyt(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial of the first kind on [0, 1], T_n(2x - 1).

    >>> nb.allclose(nb.special.eval_sh_chebyt(2, 0.75), -0.5)
    True
    """
    degree, x = _degree("eval_sh_chebyt", n, x)
    return p.classical(degree, 2.0 * x - 1.0, kind="chebyt")


@op
def eval_sh_chebyu(n: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial of the second kind on [0, 1], U_n(2x - 1).

    >>> nb.allclose(nb.special.eval_sh_chebyu(2, 0.75), 0.0)
    True
    """
    degree, x = _degree("eval_sh_chebyu", n, x)
    return p.classical(degree, 2.0 * x - 1.0, kind="chebyu")


@op
def eval_sh_jacobi(n: ArrayLike, p_: ArrayLike, q: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The Jacobi polynomial on [0, 1] with leading coefficient 1: eval_jacobi(n, p - q, q - 1, 2x - 1) / binom(2n + p - 1, n).

    >>> nb.allclose(nb.special.eval_sh_jacobi(1, 1.0, 1.0, 0.5), 0.0)
    True
    """
    degree, a, b, x = _degree("eval_sh_jacobi", n, p_, q, x)
    found = p.jacobi(degree, a - b, b - 1.0, 2.0 * x - 1.0, orders=(0, 0))
    return found / binom(2.0 * degree + a - 1.0, degree)


# Spherical harmonics


def _associated(degree: Node, m: Node, x: Node, sine: Node) -> Node:
    """P_n^m(x) / (2m - 1)!! for m >= 0, without Condon and Shortley's phase: sine**m times a polynomial (DLMF 14.7.19)."""
    inside = f.greater_equal(degree, m)
    rest = f.select(inside, degree - m, f.zero_of(m))
    part = f.power(sine, m) * p.gegenbauer(rest, m + 0.5, x, orders=(0,))
    return f.select(inside, part, f.zero_of(part))


@op
def lpmv(m: ArrayLike, v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The associated Legendre function P_v^m(x) of whole degree v >= 0 and order m, with Condon and Shortley's phase.

    m and v are integers or tensors of integers; it is 0 where m > v, and NaN where -m > v or abs(x) > 1.

    >>> nb.allclose(nb.special.lpmv(1, 2, 0.5), -1.5 * np.sqrt(0.75))
    True
    """
    degree, x = _degree("lpmv", v, x)
    order = _degree("lpmv", m, x)[0]
    size = f.abs_(order)
    inside = f.logical_and(f.greater_equal(degree, size), f.less_equal(f.abs_(x), f.like(x, 1.0)))
    double = f.exp(f.gammaln(2.0 * size + 1.0) - f.gammaln(size + 1.0) - size * log(2.0))
    odd = f.equal(f.remainder(size, f.like(size, 2.0)), f.like(size, 1.0))
    top = f.select(f.greater_equal(degree, size), degree, size)
    ratio = f.exp(f.gammaln(top - size + 1.0) - f.gammaln(top + size + 1.0))  # DLMF 14.9.3
    scale = f.select(f.less(order, f.zero_of(order)), ratio, f.select(odd, f.like(x, -1.0), f.like(x, 1.0)))
    place = f.select(inside, x, f.zero_of(x))
    rest = f.select(f.greater_equal(degree, size), degree - size, f.zero_of(size))
    sines = f.power((1.0 - place) * (1.0 + place), 0.5 * size)
    out = scale * double * sines * p.gegenbauer(rest, size + 0.5, place, orders=(0,))
    zero = f.logical_and(f.greater(order, degree), f.less_equal(f.abs_(x), f.like(x, 1.0)))
    outside = f.select(zero, f.zero_of(out), f.like(out, float("nan")))
    return f.select(inside, out, outside)


@op
def sph_harm_y(n: ArrayLike, m: ArrayLike, theta: ArrayLike, phi: ArrayLike) -> Tensor:
    """The spherical harmonic of degree n >= 0 and order m at the polar angle theta and the azimuth phi, a complex number.

    n and m are integers or tensors of integers. It is normalised, with Condon and Shortley's phase, and 0 where abs(m) > n.
    Derivatives in both angles are of every order, at the poles, too.

    >>> nb.allclose(nb.special.sph_harm_y(1, 0, 0.0, 0.0), np.sqrt(3 / (4 * np.pi)))
    True
    """
    degree, angle, turn = _degree("sph_harm_y", n, theta, phi)
    order = _degree("sph_harm_y", m, theta, phi)[0]
    size = f.abs_(order)
    inside = f.greater_equal(degree, size)
    top = f.select(inside, degree, size)
    # (2m - 1)!! = gamma(2m + 1) / (2**m gamma(m + 1))
    factorials = f.gammaln(top - size + 1.0) - f.gammaln(top + size + 1.0)
    double = f.gammaln(2.0 * size + 1.0) - f.gammaln(size + 1.0) - size * log(2.0)
    scale = f.sqrt((2.0 * top + 1.0) / (4.0 * pi)) * f.exp(0.5 * factorials + double)
    odd = f.logical_and(f.greater(order, f.zero_of(order)), f.equal(f.remainder(size, f.like(size, 2.0)), f.like(size, 1.0)))
    value = f.select(odd, -scale, scale) * _associated(degree, size, f.cos(angle), f.sin(angle))
    return value * f.cos(order * turn) + 1j * (value * f.sin(order * turn))
