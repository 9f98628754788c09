"""nb.random: random numbers by explicit keys. The same key gives the same draw, under every transform and on every machine.

    key = nb.random.key(0)
    for_weights, for_noise = nb.random.split(key)
    weights = nb.random.normal(for_weights, (3, 4))

A key is used once; `split` and `fold_in` make new ones of it. Bits, integers and uniform numbers are exact and so the same
everywhere; what is computed from them agrees within rounding. Under `vmap` a mapped key gives in each lane what it gives by
itself, and a key that is not mapped gives the same draw in every lane: map over `split(key, n)` for different ones.
"""

from nabla.ops.random.continuous import (
    beta,
    cauchy,
    chisquare,
    exponential,
    f,
    gamma,
    gumbel,
    laplace,
    loggamma,
    logistic,
    lognormal,
    normal,
    pareto,
    rayleigh,
    t,
    truncated_normal,
    wald,
    weibull,
)
from nabla.ops.random.counts import binomial, geometric, multinomial, poisson
from nabla.ops.random.keys import bits, fold_in, key, split
from nabla.ops.random.uniform import bernoulli, categorical, choice, permutation, rademacher, randint, uniform
from nabla.ops.random.vectors import ball, dirichlet, multivariate_normal, orthogonal, sphere

__all__ = [
    "ball",
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "f",
    "fold_in",
    "gamma",
    "geometric",
    "gumbel",
    "key",
    "laplace",
    "loggamma",
    "logistic",
    "lognormal",
    "multinomial",
    "multivariate_normal",
    "normal",
    "orthogonal",
    "pareto",
    "permutation",
    "poisson",
    "rademacher",
    "randint",
    "rayleigh",
    "sphere",
    "split",
    "t",
    "truncated_normal",
    "uniform",
    "wald",
    "weibull",
]
