"""Continuous distributions, elementwise. Draws are differentiated in their parameters, as the value of fixed random bits.

The parameters broadcast to `shape`; without a shape, they give it. Without a dtype it is that of the parameters, or the default
one. What is no parameter of a distribution (a negative scale) gives NaN or what the formula gives.
"""

from __future__ import annotations

from math import pi, sqrt as root
from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.graph.tokens import EMPTY
from nabla.ops.lift import ArrayLike, DTypeLike, op
from nabla.ops.random.keys import as_key, parameters, reshaped, several, words
from nabla.ops.random.uniform import open_unit, standard_gumbel, tail_unit, unit
from nabla.primitives import random as r
from nabla.primitives.base import Shape
from nabla.primitives.formulas import (
    cos,
    erfc,
    exp,
    log_,
    logistic as sigmoid,
    logit,
    maximum,
    minimum,
    select,
    sin,
    sqrt,
    square,
    tan,
)
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import cast
from nabla.primitives.special import ndtri
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def work_in(dtype: np.dtype) -> np.dtype:
    """Where a draw is computed: float16 has too few digits for it."""
    return dtypes.float32 if dtype is dtypes.float16 else dtypes.strong(dtype)


def standard_normal(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    """By Box and Muller, two from two: radius and angle. The radius has more bits than the dtype, for the tails."""
    work = work_in(dtype)
    size = 1
    for n in shape:
        size *= n
    pairs = (size + 1) // 2
    one, two = several(key, 2)
    radius = sqrt(-2.0 * log_(tail_unit(one, (pairs,), work)))
    angle = (2 * pi) * unit(two, (pairs,), work)
    both = concat(radius * cos(angle), radius * sin(angle), axis=0)
    found = both if 2 * pairs == size else cut(both, 0, 0, size)
    return cast(reshaped(found, shape), dtype)


def standard_exponential(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    return cast(-log_(tail_unit(key, shape, work_in(dtype))), dtype)


def _located(name: str, key: ArrayLike, shape: Any, dtype: DTypeLike, loc: ArrayLike, scale: ArrayLike, standard: Any) -> Node:
    shape, (at, size) = parameters(name, shape, dtype, loc, scale)
    return at + size * standard(as_key(name, key), shape, at.dtype)


@op
def normal(
    key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0
) -> Tensor:
    """Normal numbers of mean `loc` and standard deviation `scale`, by Box and Muller's method.

    Of a complex dtype, real and imaginary part are independent and have one half of the variance each; loc and scale are real.

    >>> nb.random.normal(nb.random.key(0), (2, 3)).shape
    (2, 3)
    >>> nb.grad(lambda s: nb.random.normal(nb.random.key(0), scale=s) / s)(2.0).item()
    0.0
    """
    kind = None if dtype is None else dtypes.canonical(dtype)
    if kind is None or kind.kind != "c":
        return _located("normal", key, shape, dtype, loc, scale, standard_normal)
    shape, (at, size) = parameters("normal", shape, dtypes.to_real(kind), loc, scale)
    return at + size * complex_normal(as_key("normal", key), shape, kind)


def complex_normal(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    """Of variance 1 in all."""
    re, im = [cast(standard_normal(k, shape, dtypes.to_real(dtype)), dtype) for k in several(key, 2)]
    return root(0.5) * (re + 1j * im)


@op
def lognormal(
    key: ArrayLike, /, sigma: ArrayLike = 1.0, shape: Any = None, dtype: DTypeLike = None, *, mean: ArrayLike = 0.0
) -> Tensor:
    """The exponential of normal numbers of mean `mean` and standard deviation `sigma`.

    >>> nb.random.lognormal(nb.random.key(0), 0.5, (2,)).shape
    (2,)
    """
    return exp(_located("lognormal", key, shape, dtype, mean, sigma, standard_normal))


@op
def exponential(key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, scale: ArrayLike = 1.0) -> Tensor:
    """Exponentially distributed numbers of mean `scale`.

    >>> nb.random.exponential(nb.random.key(0), (2,)).shape
    (2,)
    """
    shape, (size,) = parameters("exponential", shape, dtype, scale)
    return size * standard_exponential(as_key("exponential", key), shape, size.dtype)


def _standard_laplace(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    u = open_unit(key, shape, work_in(dtype))
    return cast(select(u < 0.5, log_(2.0 * u), -log_(2.0 - 2.0 * u)), dtype)


@op
def laplace(
    key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0
) -> Tensor:
    """Numbers with the density exp(-abs(x - loc) / scale) / (2 scale).

    >>> nb.random.laplace(nb.random.key(0), (2,)).shape
    (2,)
    """
    return _located("laplace", key, shape, dtype, loc, scale, _standard_laplace)


def _standard_logistic(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    return cast(logit(open_unit(key, shape, work_in(dtype))), dtype)


@op
def logistic(
    key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0
) -> Tensor:
    """Numbers with the distribution function sigmoid((x - loc) / scale).

    >>> nb.random.logistic(nb.random.key(0), (2,)).shape
    (2,)
    """
    return _located("logistic", key, shape, dtype, loc, scale, _standard_logistic)


@op
def gumbel(
    key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0
) -> Tensor:
    """Numbers with the distribution function exp(-exp(-(x - loc) / scale)): those of the largest of many.

    >>> nb.random.gumbel(nb.random.key(0), (2,)).shape
    (2,)
    """
    return _located("gumbel", key, shape, dtype, loc, scale, standard_gumbel)


def _standard_cauchy(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    return cast(tan(pi * (open_unit(key, shape, work_in(dtype)) - 0.5)), dtype)


@op
def cauchy(
    key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0
) -> Tensor:
    """Numbers with the density of `loc` plus `scale` times a quotient of two normal numbers: they have no mean.

    >>> nb.random.cauchy(nb.random.key(0), (2,)).shape
    (2,)
    """
    return _located("cauchy", key, shape, dtype, loc, scale, _standard_cauchy)


@op
def pareto(key: ArrayLike, b: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Numbers from 1 on that exceed x with probability x**-b.

    >>> nb.random.pareto(nb.random.key(0), 3.0, (2,)).shape
    (2,)
    """
    shape, (b,) = parameters("pareto", shape, dtype, b)
    return exp(standard_exponential(as_key("pareto", key), shape, b.dtype) / b)


@op
def weibull(
    key: ArrayLike, concentration: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, scale: ArrayLike = 1.0
) -> Tensor:
    """Numbers that exceed x with probability exp(-(x / scale)**concentration).

    >>> nb.random.weibull(nb.random.key(0), 2.0, (2,)).shape
    (2,)
    """
    shape, (k, size) = parameters("weibull", shape, dtype, concentration, scale)
    drawn = standard_exponential(as_key("weibull", key), shape, k.dtype)
    return size * exp(log_(drawn) / k)


@op
def rayleigh(key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, scale: ArrayLike = 1.0) -> Tensor:
    """The lengths of vectors of two normal numbers of standard deviation `scale`.

    >>> nb.random.rayleigh(nb.random.key(0), (2,)).shape
    (2,)
    """
    shape, (size,) = parameters("rayleigh", shape, dtype, scale)
    return size * sqrt(2.0 * standard_exponential(as_key("rayleigh", key), shape, size.dtype))


def _normal_cdf(x: Node) -> Node:
    return 0.5 * erfc(-x / root(2))


@op
def truncated_normal(
    key: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    /,
    shape: Any = None,
    dtype: DTypeLike = None,
    *,
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> Tensor:
    """Normal numbers between `lower` and `upper`, which are counted in units of `scale` from `loc`.

    By the inverse of the distribution function, on the side of the smaller tail: for bounds to about 37. It is differentiated in
    the bounds, too.

    >>> x = nb.random.truncated_normal(nb.random.key(0), 2.0, 3.0, (5,))
    >>> bool(((x >= 2.0) & (x <= 3.0)).all())
    True
    """
    shape, (low, high, at, size) = parameters("truncated_normal", shape, dtype, lower, upper, loc, scale)
    a, b = cast(low, dtypes.float64), cast(high, dtypes.float64)
    above = a + b > 0.0
    a, b = select(above, -b, a), select(above, -a, b)
    start, stop = _normal_cdf(a), _normal_cdf(b)
    z = ndtri(start + (stop - start) * open_unit(as_key("truncated_normal", key), shape, dtypes.float64))
    z = cast(select(above, -z, z), low.dtype)
    return at + size * minimum(maximum(z, low), high)


# Gamma and what is made of it. All is computed from logarithms in float64, which small shapes need, and rounded at the end.


def log_gamma_draw(key: Node, shape: Shape, a: Node) -> Node:
    """Logarithms in float64 of gamma variates of shape parameter `a`, differentiable in it (primitives/random.py)."""
    return r.loggamma(words(key, shape), cast(a, dtypes.float64))


@op
def gamma(key: ArrayLike, a: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, scale: ArrayLike = 1.0) -> Tensor:
    """Gamma-distributed numbers: with a density proportional to x**(a - 1) exp(-x / scale).

    The draw is by rejection (Marsaglia and Tsang, 2000). Its derivative in `a` is taken along the quantile (Figurnov et al.,
    2018): of any order, and without bias. 0 where a is 0, NaN where it is negative.

    >>> nb.random.gamma(nb.random.key(0), 2.5, (2,)).shape
    (2,)
    """
    shape, (a, size) = parameters("gamma", shape, dtype, a, scale)
    drawn = cast(exp(log_gamma_draw(as_key("gamma", key), shape, a)), a.dtype)
    return size * drawn


@op
def loggamma(key: ArrayLike, a: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Logarithms of gamma-distributed numbers, also of those that are too small for a float, as they are for small `a`.

    >>> bool(nb.random.loggamma(nb.random.key(0), 1e-3) < 0)
    True
    """
    shape, (a,) = parameters("loggamma", shape, dtype, a)
    return cast(log_gamma_draw(as_key("loggamma", key), shape, a), a.dtype)


@op
def beta(key: ArrayLike, a: ArrayLike, b: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Beta-distributed numbers: with a density proportional to x**(a - 1) (1 - x)**(b - 1).

    They are x / (x + y) of two gamma variates, through which they are differentiated in a and b.

    >>> nb.random.beta(nb.random.key(0), 2.0, 3.0, (2,)).shape
    (2,)
    """
    shape, (a, b) = parameters("beta", shape, dtype, a, b)
    one, two = several(as_key("beta", key), 2)
    return cast(sigmoid(log_gamma_draw(one, shape, a) - log_gamma_draw(two, shape, b)), a.dtype)


@op
def chisquare(key: ArrayLike, df: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Sums of the squares of `df` normal numbers; df need not be whole. Differentiated in it as `gamma` is.

    >>> nb.random.chisquare(nb.random.key(0), 3.0, (2,)).shape
    (2,)
    """
    shape, (df,) = parameters("chisquare", shape, dtype, df)
    return cast(2.0 * exp(log_gamma_draw(as_key("chisquare", key), shape, 0.5 * df)), df.dtype)


def _log_mean_square(key: Node, shape: Shape, df: Node) -> Node:
    """The logarithm of the mean of the squares of `df` normal numbers."""
    half = 0.5 * cast(df, dtypes.float64)
    return log_gamma_draw(key, shape, half) - log_(half)


@op
def t(
    key: ArrayLike,
    df: ArrayLike,
    /,
    shape: Any = None,
    dtype: DTypeLike = None,
    *,
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> Tensor:
    """Student's t of `df` degrees of freedom, times `scale`, plus `loc`. Differentiated in df as `gamma` is.

    >>> nb.random.t(nb.random.key(0), 4.0, (2,)).shape
    (2,)
    """
    shape, (df, at, size) = parameters("t", shape, dtype, df, loc, scale)
    one, two = several(as_key("t", key), 2)
    drawn = standard_normal(one, shape, dtypes.float64) * exp(-0.5 * _log_mean_square(two, shape, df))
    return at + size * cast(drawn, df.dtype)


@op
def f(key: ArrayLike, dfnum: ArrayLike, dfden: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Quotients of two means of squares, of `dfnum` and of `dfden` normal numbers. Differentiated in both as `gamma` is.

    >>> nb.random.f(nb.random.key(0), 3.0, 5.0, (2,)).shape
    (2,)
    """
    shape, (m, n) = parameters("f", shape, dtype, dfnum, dfden)
    one, two = several(as_key("f", key), 2)
    return cast(exp(_log_mean_square(one, shape, m) - _log_mean_square(two, shape, n)), m.dtype)


@op
def wald(key: ArrayLike, mean: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, *, scale: ArrayLike = 1.0) -> Tensor:
    """Inverse Gaussian numbers: the times at which a Brownian motion with drift first reaches a level; `scale` is lambda.

    Drawn after Michael, Schucany and Haas, "Generating random variates using transformations with multiple roots", 1976.
    Differentiated in both parameters along the quantile, to any order.

    >>> nb.random.wald(nb.random.key(0), 2.0, (2,)).shape
    (2,)
    """
    shape, (m, size) = parameters("wald", shape, dtype, mean, scale)
    live = [cast(x, dtypes.float64) for x in (m, size)]
    still = [detach(x) for x in live]
    one, two = several(as_key("wald", key), 2)
    w = 0.5 * still[0] / still[1] * square(standard_normal(one, shape, dtypes.float64))
    small = still[0] / (1.0 + w + sqrt(w * (w + 2.0)))
    chosen = unit(two, shape, dtypes.float64) * (still[0] + small) < still[0]
    z = select(chosen, small, square(still[0]) / small)
    if any(x.tokens is not EMPTY for x in live):
        z = r.wald_path(z, *live)  # the choice between two values depends on the parameters, and has no derivative
    return cast(z, m.dtype)
