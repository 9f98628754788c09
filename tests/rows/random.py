"""Rows of random bits and draws. What is compared with differences is how a gamma variate moves with its shape parameter."""

import numpy as np

from rows.row import Input, Row, between, positive


def keys(*shape):
    return Input(lambda rng, shape, dtype: rng.integers(0, 2**64, shape, np.uint64), shape)


WHOLE = "counts"

ROWS = [
    Row("threefry", [keys(), keys()], {"shape": (5,)}, constant="random bits"),
    Row("threefry", [keys(3), keys(3)], {"shape": (2, 2)}, constant="random bits"),
    Row("threefry", [keys(0), keys(0)], {"shape": (2,)}, constant="random bits"),
    Row("threefry", [keys(200), keys(200)], {"shape": ()}, constant="random bits"),
    Row("threefry", [keys(2), keys(2)], {"shape": (0,)}, constant="random bits"),
    Row("threefry", [keys(2), keys(2)], {"shape": (3000,)}, constant="random bits"),
    Row("random_loggamma", [keys(2, 3), positive(3)], wrt=()),  # by a along the quantile, which differences of draws do not see
    Row("random_wald", [positive(2, 3), positive(3), positive(3)], wrt=(), value=lambda z, m, s: z),  # likewise
    Row("random_poisson", [keys(2, 3), between(0.5, 20.0, 3)], constant=WHOLE),
    Row("random_binomial", [keys(2, 3), between(5.0, 50.0, 2, 1), between(0.1, 0.9, 3)], constant=WHOLE),
    Row("loggamma_slope", [positive(2, 3), between(-1.0, 1.0, 3)], {"n": 1}),
    Row("loggamma_slope", [between(0.2, 0.4, 3), between(-4.0, -1.0, 3)], {"n": 1}, label="near 0"),
    Row("loggamma_slope", [between(20.0, 40.0, 3), between(3.0, 4.0, 2, 3)], {"n": 2}),
]
