"""Averages, quantiles, covariances, what passes over NaN; samples of functions; polynomials; sets."""

import numpy as np
from rows.row import REAL, between, distinct, exactly, nonzero, normal, positive

import nabla as nb
from operators.operator import Operator

ORDER = "complex numbers have no order"
POSITIONS = "positions"
MATRIX = normal(3, 4)
APART = distinct(3, 4)
KNOTS = exactly([0.0, 1.0, 2.5, 4.0])


def with_a_nan(f, x, *more, **params):
    """Of x with one element that is no number. Written with `where`, so that the others keep their derivatives."""
    here = np.zeros((3, 4), bool)
    here[1, 2] = True
    if isinstance(x, np.ndarray):
        return f(np.where(here, x.dtype.type(np.nan), x), *more, **params)
    return f(nb.where(here, np.asarray(np.nan, x.dtype), x), *more, **params)


def over_nan(name, x=MATRIX, **more):
    return [Operator(name, [x], {"axis": 1}, call=with_a_nan, **more), Operator(name, [x], call=with_a_nan, **more)]


OPERATORS = [
    Operator("average", [MATRIX, positive(4)], call=lambda f, x, w: f(x, axis=1, weights=w)),
    Operator("cov", [MATRIX]),
    Operator("corrcoef", [normal(2, 4)]),
    Operator("quantile", [APART], call=lambda f, x: f(x, 0.3), real_only=ORDER),
    Operator("percentile", [APART], call=lambda f, x: f(x, 30.0, axis=1), real_only=ORDER),
    Operator("nanquantile", [APART], call=lambda f, x: with_a_nan(f, x, 0.3, axis=1), real_only=ORDER),
    Operator("nanpercentile", [APART], call=lambda f, x: with_a_nan(f, x, 30.0), real_only=ORDER),
    *over_nan("nansum"), *over_nan("nanmean"), *over_nan("nanprod", nonzero(3, 4)), *over_nan("nanvar"), *over_nan("nanstd"),
    *over_nan("nancumsum"), *over_nan("nancumprod", nonzero(3, 4)),
    *over_nan("nanmax", APART, real_only=ORDER), *over_nan("nanmin", APART, real_only=ORDER),
    *over_nan("nanmedian", APART, real_only=ORDER),
    *over_nan("nanargmax", APART, real_only=ORDER, constant=POSITIONS),
    *over_nan("nanargmin", APART, real_only=ORDER, constant=POSITIONS),
    # samples of functions
    Operator("interp", [between(1.1, 2.4, 3), KNOTS, normal(4)], real_only="a curve over real numbers"),
    Operator("trapezoid", [MATRIX]),
    Operator("trapezoid", [MATRIX, KNOTS]),
    Operator("gradient", [normal(5)]),
    Operator("ediff1d", [normal(5)]),
    Operator("unwrap", [normal(5)], real_only="angles"),
    # polynomials
    Operator("poly", [normal(3)], dtypes=REAL),
    Operator("polyadd", [normal(3), normal(2)]),
    Operator("polysub", [normal(3), normal(2)]),
    Operator("polymul", [normal(3), normal(2)]),
    Operator("polydiv", [normal(4), nonzero(2)], dtypes=("float64", "complex128")),
    Operator("polyder", [normal(4)]),
    Operator("polyint", [normal(4)]),
    Operator("polyval", [normal(3), normal(4)]),
    Operator("vander", [normal(3)]),
]  # fmt: skip
