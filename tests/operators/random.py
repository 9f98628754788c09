"""nb.random: draws that move with their parameters as differences say, the key fixed. The others are in test_random.py."""

import numpy as np
from rows.row import between, nonzero, normal, positive, positive_definite
from scipy import special

import nabla as nb
from operators.operator import Operator

R = nb.random
KEY = R.key(7)
DOUBLE = ("float64",)
"""Another dtype draws other numbers."""

SHAPE = (2, 3)
PLACE, SIZE = normal(2, 3), positive(3)


def draw(name, inputs, call, value):
    return Operator(f"random.{name}", inputs, call=lambda f, *xs: call(f, KEY, *xs), value=value, dtypes=DOUBLE)


def standard(name, *parameters):
    """The draws of the standard distribution, which have no parameter that is differentiated."""
    return np.asarray(getattr(R, name)(KEY, *parameters, SHAPE))


def moved_and_scaled(name):
    return draw(name, [PLACE, SIZE], lambda f, k, x, s: f(k, loc=x, scale=s), lambda x, s: x + s * standard(name))


def scaled(name):
    return draw(name, [positive(2, 3)], lambda f, k, s: f(k, scale=s), lambda s: s * standard(name))


def between_limits(low, high, x, s):
    """The standard normal quantile of where the same random number lies between the two limits."""
    part = (special.ndtr(standard("truncated_normal", -1.0, 1.0)) - special.ndtr(-1.0)) / (special.ndtr(1.0) - special.ndtr(-1.0))
    start, stop = special.ndtr(low), special.ndtr(high)
    return x + s * special.ndtri(start + (stop - start) * part)


def correlated(mean, cov):
    return mean + np.linalg.cholesky(cov) @ np.asarray(R.multivariate_normal(KEY, np.zeros(3), np.eye(3)))


OPERATORS = [
    *[moved_and_scaled(name) for name in ("normal", "cauchy", "gumbel", "laplace", "logistic")],
    *[scaled(name) for name in ("exponential", "rayleigh")],
    draw(
        "uniform", [PLACE, positive(3)], lambda f, k, a, b: f(k, None, None, a, b), lambda a, b: a + (b - a) * standard("uniform")
    ),
    draw(
        "lognormal",
        [SIZE, PLACE],
        lambda f, k, s, m: f(k, s, mean=m),
        lambda s, m: np.exp(m + s * np.log(standard("lognormal", 1.0))),
    ),
    draw("pareto", [positive(2, 3)], lambda f, k, b: f(k, b), lambda b: standard("pareto", 1.0) ** (1 / b)),
    draw(
        "weibull",
        [positive(2, 3), SIZE],
        lambda f, k, c, s: f(k, c, scale=s),
        lambda c, s: s * standard("weibull", 1.0) ** (1 / c),
    ),
    draw(
        "truncated_normal",
        [between(-2.5, -1.6, 2, 3), between(0.5, 1.5, 3), PLACE, SIZE],
        lambda f, k, a, b, x, s: f(k, a, b, loc=x, scale=s),
        between_limits,
    ),
    draw("multivariate_normal", [normal(3), positive_definite(3, 3)], lambda f, k, m, c: f(k, m, c), correlated),
    draw("permutation", [nonzero(4, 2)], lambda f, k, x: f(k, x), lambda x: x[np.asarray(R.permutation(KEY, 4))]),
    draw("choice", [nonzero(4, 2)], lambda f, k, x: f(k, x, (3,)), lambda x: x[np.asarray(R.choice(KEY, 4, (3,)))]),
]
