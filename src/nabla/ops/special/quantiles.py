"""Special functions: inverses of distribution functions, in the variable or in a parameter. Names and argument orders are SciPy's.

They take real numbers only, and differentiate as the functions that they invert: an inverse in the variable to any order in its
probability and to second order in the parameters; one in a parameter to second order. Counts (k, and n of the binomials) are
rounded down, and their derivative is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, op, reals
from nabla.primitives import formulas as f, incomplete as q, special as s

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def chdtri(v: ArrayLike, p: ArrayLike, /) -> Tensor:
    """The x for which chdtrc(v, x) = p: the upper quantile of the chi-squared distribution.

    >>> nb.allclose(nb.special.chdtri(2.0, np.exp(-1.0)), 2.0)
    True
    """
    v, p = reals("chdtri", v, p)
    return 2.0 * q.gammainccinv(0.5 * v, p)


@op
def chdtriv(p: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The v for which chdtr(v, x) = p.

    >>> nb.allclose(nb.special.chdtriv(1 - np.exp(-1.0), 2.0), 2.0)
    True
    """
    p, x = reals("chdtriv", p, x)
    return 2.0 * q.gamma_shape(p, 0.5 * x)


@op
def gdtria(p: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The rate a for which gdtr(a, b, x) = p.

    >>> nb.allclose(nb.special.gdtria(1 - np.exp(-1.0), 1.0, 0.5), 2.0)
    True
    """
    p, b, x = reals("gdtria", p, b, x)
    return q.gammaincinv(b, p) / x


@op
def gdtrib(a: ArrayLike, p: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The shape b for which gdtr(a, b, x) = p.

    >>> nb.allclose(nb.special.gdtrib(2.0, 1 - np.exp(-1.0), 0.5), 1.0)
    True
    """
    a, p, x = reals("gdtrib", a, p, x)
    return q.gamma_shape(p, a * x)


@op
def gdtrix(a: ArrayLike, b: ArrayLike, p: ArrayLike, /) -> Tensor:
    """The x for which gdtr(a, b, x) = p: the quantile of the gamma distribution.

    >>> nb.allclose(nb.special.gdtrix(2.0, 1.0, 1 - np.exp(-1.0)), 0.5)
    True
    """
    a, b, p = reals("gdtrix", a, b, p)
    return q.gammaincinv(b, p) / a


@op
def pdtri(k: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The mean m for which pdtr(k, m) = y.

    >>> nb.allclose(nb.special.pdtri(0.0, np.exp(-1.0)), 1.0)
    True
    """
    k, y = reals("pdtri", k, y)
    return q.gammainccinv(f.floor(k) + 1.0, y)


@op
def bdtri(k: ArrayLike, n: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The probability p for which bdtr(k, n, p) = y.

    >>> nb.allclose(nb.special.bdtri(1.0, 2.0, 0.75), 0.5)
    True
    """
    k, n, y = reals("bdtri", k, n, y)
    return q.betainccinv(f.floor(k) + 1.0, f.floor(n) - f.floor(k), y)


@op
def nbdtri(k: ArrayLike, n: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The probability p for which nbdtr(k, n, p) = y.

    >>> nb.allclose(nb.special.nbdtri(1.0, 2.0, 0.5), 0.5)
    True
    """
    k, n, y = reals("nbdtri", k, n, y)
    return q.betaincinv(f.floor(n), f.floor(k) + 1.0, y)


@op
def btdtria(p: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The a for which betainc(a, b, x) = p.

    >>> nb.allclose(nb.special.btdtria(0.25, 1.0, 0.5), 2.0)
    True
    """
    p, b, x = reals("btdtria", p, b, x)
    return q.btdtria(p, b, x)


@op
def btdtrib(a: ArrayLike, p: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The b for which betainc(a, b, x) = p.

    >>> nb.allclose(nb.special.btdtrib(1.0, 0.75, 0.5), 2.0)
    True
    """
    a, p, x = reals("btdtrib", a, p, x)
    return q.btdtrib(a, p, x)


@op
def fdtri(dfn: ArrayLike, dfd: ArrayLike, p: ArrayLike, /) -> Tensor:
    """The x for which fdtr(dfn, dfd, x) = p: the quantile of the F distribution.

    >>> nb.allclose(nb.special.fdtri(2.0, 2.0, 0.5), 1.0)
    True
    """
    m, n, p = reals("fdtri", dfn, dfd, p)
    share, rest = q.betaincinv(0.5 * m, 0.5 * n, p), q.betainccinv(0.5 * n, 0.5 * m, p)  # both keep their digits near 0
    return n / m * (share / rest)


@op
def stdtrit(df: ArrayLike, p: ArrayLike, /) -> Tensor:
    """The t for which stdtr(df, t) = p: the quantile of Student's distribution.

    >>> nb.allclose(nb.special.stdtrit(1.0, 0.75), 1.0)
    True
    """
    df, p = reals("stdtrit", df, p)
    return q.stdtrit(df, p)


@op
def stdtridf(p: ArrayLike, t: ArrayLike, /) -> Tensor:
    """The df for which stdtr(df, t) = p.

    >>> nb.allclose(nb.special.stdtridf(0.75, 1.0), 1.0)
    True
    """
    p, t = reals("stdtridf", p, t)
    return q.stdtridf(p, t)


@op
def ndtri_exp(y: ArrayLike, /) -> Tensor:
    """ndtri(exp(y)), for probabilities whose logarithm y is known: the inverse of log_ndtr.

    >>> nb.allclose(nb.special.ndtri_exp(nb.special.log_ndtr(-50.0)), -50.0)
    True
    """
    (y,) = reals("ndtri_exp", y)
    return s.ndtri_exp(y)


@op
def nrdtrimn(p: ArrayLike, std: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The mean of the normal distribution of deviation std for which the probability of numbers below x is p.

    >>> float(nb.special.nrdtrimn(0.5, 2.0, 3.0))
    3.0
    """
    p, std, x = reals("nrdtrimn", p, std, x)
    return x - std * s.ndtri(_of_positive(p, std))


@op
def nrdtrisd(mn: ArrayLike, p: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The deviation of the normal distribution of mean mn for which the probability of numbers below x is p.

    >>> nb.allclose(nb.special.nrdtrisd(0.0, nb.special.ndtr(0.5), 1.0), 2.0)
    True
    """
    mn, p, x = reals("nrdtrisd", mn, p, x)
    return (x - mn) / s.ndtri(p)


def _of_positive(p: Node, scale: Node) -> Node:
    """p, and NaN where the scale is not positive."""
    return f.select(f.less_equal(scale, f.zero_of(scale)), f.like(p, float("nan")), p)


@op
def kolmogi(p: ArrayLike, /) -> Tensor:
    """The x for which kolmogorov(x) = p.

    >>> nb.allclose(nb.special.kolmogorov(nb.special.kolmogi(0.3)), 0.3)
    True
    """
    (p,) = reals("kolmogi", p)
    return s.kolmogi(p)
