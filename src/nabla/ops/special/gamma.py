"""Special functions: gamma and beta, and what is made of them. Names and argument orders are SciPy's.

They take real numbers (gamma, rgamma and loggamma also complex ones); integers and booleans become floats.
Derivatives of every order exist in every argument; at the poles 0, -1, -2, ... of gamma they are NaN or infinite.
"""

from __future__ import annotations

from math import log, pi, sqrt as root
from typing import TYPE_CHECKING

from nabla.errors import ArgumentError, DTypeError
from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, as_node, binary, inexact, op, pair, real_floats, unary
from nabla.primitives import formulas as f, special as s
from nabla.primitives.holomorphic import either, of

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@unary(either(s.gamma))
def gamma(x: ArrayLike, /) -> Tensor:
    """The gamma function, (x - 1)! for whole numbers. At its poles 0, -1, -2, ... the derivative is NaN or infinite.

    >>> float(nb.special.gamma(5.0))
    24.0
    """


@op
def rgamma(x: ArrayLike, /) -> Tensor:
    """1 / gamma(x), which has no poles: it is 0 at 0, -1, -2, ... with right derivatives of every order there.

    >>> float(nb.special.rgamma(0.0)), float(nb.grad(nb.special.rgamma)(0.0))
    (0.0, 1.0)
    """
    node = inexact(as_node(x))
    return of(node, "rgamma") if node.dtype.kind == "c" else s.rgamma(node, n=0)


@unary(s.gammasgn)
def gammasgn(x: ArrayLike, /) -> Tensor:
    """The sign of gamma(x). Its derivative is 0.

    >>> nb.special.gammasgn([-0.5, 1.0]).tolist()
    [-1.0, 1.0]
    """


@op
def loggamma(x: ArrayLike, /) -> Tensor:
    """The logarithm of gamma(x), and NaN for negative real x, where it is complex.

    Of complex numbers it is the branch that is continuous but for a cut along the negative real axis. `gammaln` is the logarithm
    of the absolute value, for negative x, too.

    >>> float(nb.special.loggamma(2.0))
    0.0
    """
    x = inexact(as_node(x))
    if x.dtype.kind == "c":
        return of(x, "loggamma")
    return f.gammaln(f.select(f.less(x, f.zero_of(x)), f.like(x, float("nan")), x))


@op
def multigammaln(a: ArrayLike, d: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `d`, for a > (d - 1) / 2; NaN is returned below.

    It is d (d-1)/4 log(pi) + the sum of gammaln(a - j/2) for j = 0 to d - 1.

    >>> nb.allclose(nb.special.multigammaln(2.0, 1), 0.0)
    True
    """
    a = real_floats("multigammaln", a)
    d = integer("multigammaln", "d", d)
    if d < 1:
        raise ArgumentError(f"multigammaln: the dimension d is a positive integer; got {d}")
    total = f.gammaln(f.select(f.less_equal(a, f.like(a, 0.5 * (d - 1))), f.like(a, float("nan")), a))
    for j in range(1, d):
        total = total + f.gammaln(a - 0.5 * j)
    return total + d * (d - 1) * 0.25 * log(pi)


@binary(s.poch)
def poch(z: ArrayLike, m: ArrayLike, /) -> Tensor:
    """Pochhammer's symbol gamma(z + m) / gamma(z), the rising factorial z (z+1) ... (z+m-1).

    >>> float(nb.special.poch(3.0, 2.0))
    12.0
    """


@op
def factorial(n: ArrayLike, /) -> Tensor:
    """n!, that is gamma(n + 1), and 0 for negative n, as SciPy's with exact=False. Fractions are taken, too.

    >>> nb.special.factorial([0, 3, 5]).tolist()
    [1.0, 6.0, 120.0]
    """
    n = real_floats("factorial", n)
    negative = f.less(n, f.zero_of(n))
    return f.select(negative, f.zero_of(n), s.gamma(f.select(negative, f.zero_of(n), n) + 1.0))


@binary(s.binom)
def binom(n: ArrayLike, k: ArrayLike, /) -> Tensor:
    """The binomial coefficient gamma(n + 1) / (gamma(k + 1) gamma(n - k + 1)), for fractions, too.

    >>> float(nb.special.binom(5.0, 2.0))
    10.0
    """


@op
def comb(N: ArrayLike, k: ArrayLike, /) -> Tensor:
    """The number of ways to choose k of N things: binom(N, k), and 0 where k > N, N < 0 or k < 0.

    >>> nb.special.comb(4, [1, 2, 5]).tolist()
    [4.0, 6.0, 0.0]
    """
    n, j = (real_floats("comb", z) for z in pair(N, k))
    zero = f.zero_of(n)
    none = f.logical_or(f.greater(j, n), f.logical_or(f.less(n, zero), f.less(j, zero)))
    return f.select(none, zero, s.binom(f.select(none, f.like(n, 1), n), f.select(none, f.like(n, 1), j)))


@binary(s.beta)
def beta(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The beta function gamma(a) gamma(b) / gamma(a + b).

    >>> float(nb.special.beta(1.0, 2.0))
    0.5
    """


@binary(s.betaln)
def betaln(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The logarithm of the absolute value of the beta function.

    >>> float(nb.special.betaln(1.0, 1.0))
    0.0
    """


@op
def perm(N: ArrayLike, k: ArrayLike, /) -> Tensor:
    """The number of ways to choose k of N things in order: poch(N - k + 1, k), and 0 where k > N, N < 0 or k < 0.

    >>> nb.special.perm(4, [1, 2, 5]).tolist()
    [4.0, 12.0, 0.0]
    """
    n, j = (real_floats("perm", z) for z in pair(N, k))
    zero = f.zero_of(n)
    none = f.logical_or(f.greater(j, n), f.logical_or(f.less(n, zero), f.less(j, zero)))
    n, j = f.select(none, f.like(n, 1), n), f.select(none, f.like(n, 1), j)
    return f.select(none, zero, s.poch(n - j + 1.0, j))


@op
def factorial2(n: ArrayLike, /) -> Tensor:
    """The double factorial n (n-2) (n-4) ... of an integer or a tensor of integers as a float: 0 for negative n, 1 for 0.

    >>> nb.special.factorial2([0, 5, 6]).tolist()
    [1.0, 15.0, 48.0]
    """
    count = as_node(n)
    if count.dtype.kind not in "iu":
        raise DTypeError(f"factorial2: n is an integer or a tensor of integers; got {count.dtype}")
    x = inexact(count)
    inside = f.select(f.less(x, f.zero_of(x)), f.zero_of(x), x)
    odd = f.equal(f.remainder(x, f.like(x, 2.0)), f.like(x, 1.0))
    near = f.floor(0.5 * inside + 0.5)  # of odd n the product is (2 m)! / (2**m m!) with 2 m = n + 1
    even_one = f.exp2(0.5 * inside) * s.gamma(0.5 * inside + 1.0)
    odd_one = f.exp2(near) * s.gamma(near + 0.5) * (1.0 / root(pi))
    found = f.rint(f.select(odd, odd_one, even_one))
    return f.select(f.less(x, f.zero_of(x)), f.zero_of(x), found)


@op
def zeta(x: ArrayLike, q: ArrayLike | None = None, /) -> Tensor:
    """Riemann's zeta function of every real x, inf at 1; with q Hurwitz's, the sum of (q + m)**-x over m = 0, 1, ..., for x > 1.

    Riemann's has derivatives of every order. Hurwitz's has those in q, and in x the first and the second, with q positive. For
    q <= 0 and for x <= 1 its value is SciPy's, of two arguments, and the derivatives in x are NaN.

    >>> nb.allclose(nb.special.zeta(2.0), np.pi**2 / 6)
    True
    """
    if q is None:
        return s.riemann_zeta(real_floats("zeta", x), n=0)
    a, b = (real_floats("zeta", z) for z in pair(x, q))
    return s.zeta(a, b, order=0)


@unary(s.zetac)
def zetac(x: ArrayLike, /) -> Tensor:
    """Riemann's zeta function less 1, which keeps its digits for large x.

    >>> nb.allclose(nb.special.zetac(60.0), 2.0**-60, rtol=1e-9)
    True
    """
