"""Special functions: distribution functions that are an incomplete gamma or beta function. Names and argument orders are SciPy's.

They take real numbers only, and differentiate as the functions that they are made of: to any order in the variable, to
second order in the parameters. Counts (k) are rounded down, and their derivative is 0. Inverses are in quantiles.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, op, reals
from nabla.primitives import formulas as f, incomplete as q

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _lower_to_nan(x: Node) -> Node:
    """x, and NaN where it is negative."""
    return f.select(f.less(x, f.zero_of(x)), f.like(x, float("nan")), x)


def _freedom(n: Node) -> Node:
    """Degrees of freedom, and NaN where they are not positive."""
    return f.select(f.less_equal(n, f.zero_of(n)), f.like(n, float("nan")), n)


@op
def chdtr(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The probability that a chi-squared number with v degrees of freedom is below x.

    >>> nb.allclose(nb.special.chdtr(2.0, 2.0), 1 - np.exp(-1.0))
    True
    """
    v, x = reals("chdtr", v, x)
    return q.gammainc(0.5 * v, 0.5 * x, order=0)


@op
def chdtrc(v: ArrayLike, x: ArrayLike, /) -> Tensor:
    """1 - chdtr(v, x), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.chdtrc(2.0, 2.0), np.exp(-1.0))
    True
    """
    v, x = reals("chdtrc", v, x)
    return q.gammaincc(0.5 * v, 0.5 * x)


@op
def gdtr(a: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The probability that a gamma number of rate a and shape b is below x.

    >>> nb.allclose(nb.special.gdtr(2.0, 1.0, 0.5), 1 - np.exp(-1.0))
    True
    """
    a, b, x = reals("gdtr", a, b, x)
    return q.gammainc(b, a * _lower_to_nan(x), order=0)


@op
def gdtrc(a: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """1 - gdtr(a, b, x), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.gdtrc(2.0, 1.0, 0.5), np.exp(-1.0))
    True
    """
    a, b, x = reals("gdtrc", a, b, x)
    return q.gammaincc(b, a * _lower_to_nan(x))


@op
def pdtr(k: ArrayLike, m: ArrayLike, /) -> Tensor:
    """The probability that a Poisson number of mean m is at most k.

    >>> nb.allclose(nb.special.pdtr(0.0, 1.0), np.exp(-1.0))
    True
    """
    k, m = reals("pdtr", k, m)
    return q.gammaincc(_lower_to_nan(f.floor(k)) + 1.0, m)


@op
def pdtrc(k: ArrayLike, m: ArrayLike, /) -> Tensor:
    """1 - pdtr(k, m), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.pdtrc(0.0, 1.0), 1 - np.exp(-1.0))
    True
    """
    k, m = reals("pdtrc", k, m)
    return q.gammainc(_lower_to_nan(f.floor(k)) + 1.0, m, order=0)


@op
def fdtr(dfn: ArrayLike, dfd: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The probability that an F number with dfn and dfd degrees of freedom is below x.

    >>> nb.allclose(nb.special.fdtr(2.0, 2.0, 1.0), 0.5)
    True
    """
    m, n, x = reals("fdtr", dfn, dfd, x)
    m, n, x = _freedom(m), _freedom(n), _lower_to_nan(x)
    part = m * x
    return q.betainc(0.5 * m, 0.5 * n, part / (n + part), order_a=0, order_b=0)


@op
def fdtrc(dfn: ArrayLike, dfd: ArrayLike, x: ArrayLike, /) -> Tensor:
    """1 - fdtr(dfn, dfd, x), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.fdtrc(2.0, 2.0, 1.0), 0.5)
    True
    """
    m, n, x = reals("fdtrc", dfn, dfd, x)
    m, n, x = _freedom(m), _freedom(n), _lower_to_nan(x)
    return q.betainc(0.5 * n, 0.5 * m, n / (n + m * x), order_a=0, order_b=0)


def _count(k: Node) -> Node:
    """k rounded down, and NaN where it is negative."""
    return _lower_to_nan(f.floor(k))


@op
def bdtr(k: ArrayLike, n: ArrayLike, p: ArrayLike, /) -> Tensor:
    """The probability of at most k successes in n trials, each of probability p. n, too, is rounded down.

    >>> nb.allclose(nb.special.bdtr(1.0, 2.0, 0.5), 0.75)
    True
    """
    k, n, p = reals("bdtr", k, n, p)
    k, n = _count(k), f.floor(n)
    all_of_them = f.equal(k, n)
    rest = f.select(all_of_them, f.like(n, 1.0), n - k)
    return f.select(all_of_them, f.like(n, 1.0), q.betaincc(k + 1.0, rest, p))


@op
def bdtrc(k: ArrayLike, n: ArrayLike, p: ArrayLike, /) -> Tensor:
    """1 - bdtr(k, n, p), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.bdtrc(1.0, 2.0, 0.5), 0.25)
    True
    """
    k, n, p = reals("bdtrc", k, n, p)
    k, n = _count(k), f.floor(n)
    all_of_them = f.equal(k, n)
    rest = f.select(all_of_them, f.like(n, 1.0), n - k)
    return f.select(all_of_them, f.zero_of(n), q.betainc(k + 1.0, rest, p, order_a=0, order_b=0))


@op
def nbdtr(k: ArrayLike, n: ArrayLike, p: ArrayLike, /) -> Tensor:
    """The probability of at most k failures before the n-th success, of trials of probability p. n, too, is rounded down.

    >>> nb.allclose(nb.special.nbdtr(1.0, 2.0, 0.5), 0.5)
    True
    """
    k, n, p = reals("nbdtr", k, n, p)
    return q.betainc(f.floor(n), _count(k) + 1.0, p, order_a=0, order_b=0)


@op
def nbdtrc(k: ArrayLike, n: ArrayLike, p: ArrayLike, /) -> Tensor:
    """1 - nbdtr(k, n, p), which keeps its digits where it is small.

    >>> nb.allclose(nb.special.nbdtrc(1.0, 2.0, 0.5), 0.5)
    True
    """
    k, n, p = reals("nbdtrc", k, n, p)
    return q.betaincc(f.floor(n), _count(k) + 1.0, p)


@op
def stdtr(df: ArrayLike, t: ArrayLike, /) -> Tensor:
    """The probability that a number of Student's distribution with df degrees of freedom is below t.

    >>> nb.allclose(nb.special.stdtr(1.0, 1.0), 0.75)
    True
    """
    df, t = reals("stdtr", df, t)
    return q.stdtr(df, t, order=0)
