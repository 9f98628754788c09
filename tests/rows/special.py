"""Rows of the primitives of special functions."""

from math import inf, log, nan, pi, sqrt

import numpy as np
from scipy import special

from rows.row import Edge, Row, between, exactly, nonzero, normal, positive

UNIT = between(0.2, 0.8, 2, 3)
EULER = 0.5772156649015329

GAMMA = [
    Row(
        "gamma",
        [positive(2, 3)],
        value=special.gamma,
        edges=[Edge([0.0], [-inf], masked=[0]), Edge([-2.0], [nan], masked=[0])],
    ),
    Row("gamma", [exactly([-0.4, -1.7, -2.2])], label="of negative numbers", value=special.gamma),
    Row(
        "rgamma",
        [positive(2, 3)],
        {"n": 0},
        value=special.rgamma,
        edges=[Edge([0.0], [1], [2 * EULER]), Edge([-2.0], [2]), Edge([-1.0], [-1], [2 * (1 - EULER)])],
    ),
    Row("rgamma", [normal(2, 3)], {"n": 2}),
    Row("gammasgn", [nonzero(2, 3)], value=special.gammasgn, constant="piecewise constant"),
    Row(
        "polygamma_rise",
        [positive(2, 3), positive(3)],
        {"n": 0},
        value=lambda x, y: special.digamma(x + y) - special.digamma(x),
        edges=[Edge([1.0, 0.0], [0, pi**2 / 6])],
    ),
    Row("polygamma_rise", [exactly([-0.4, -1.7, 0.3]), exactly([0.1, 0.3, 20.0])], {"n": 1}, label="of negative numbers"),
    Row("poch", [positive(2, 3), positive(3)], value=special.poch),
    Row("binom", [between(3.2, 4.8, 2, 3), positive(3)], value=special.binom),
    Row("beta", [positive(2, 3), positive(3)], value=special.beta),
    Row("betaln", [positive(2, 3), positive(3)], value=special.betaln),
    Row("zeta", [between(1.5, 3.0, 2, 3), positive(3)], {"order": 0}, value=special.zeta),
    Row("zeta", [between(1.5, 3.0, 2, 3), positive(3)], {"order": 1}, wrt=(1,)),
    Row("riemann_zeta", [between(-2.0, 0.8, 2, 3)], {"n": 0}, value=special.zeta, edges=[Edge([0.0], [-log(2 * pi) / 2])]),
    Row("riemann_zeta", [between(-5.0, -1.0, 2, 3)], {"n": 1}),
    Row("zetac", [between(1.5, 5.0, 2, 3)], value=special.zetac),
]

ERRORS = [
    Row("erfcx", [normal(2, 3)], {"n": 0}, value=special.erfcx, edges=[Edge([0.0], [-2 / sqrt(pi)], [2])]),
    Row("erfcx", [between(1.5, 30.0, 2, 3)], {"n": 1}),
    Row("dawsn", [normal(2, 3)], {"n": 0}, value=special.dawsn, edges=[Edge([0.0], [1], [0])]),
    Row("dawsn", [between(5.0, 9.0, 2, 3)], {"n": 1}),
    Row("erfi", [normal(2, 3)], value=special.erfi),
    Row("erfinv", [between(-0.8, 0.8, 2, 3)], value=special.erfinv, edges=[Edge([1.0], [inf], masked=[0])]),
    Row("erfcinv", [between(0.3, 1.7, 2, 3)], value=special.erfcinv, edges=[Edge([0.0], [-inf], masked=[0])]),
    Row("ndtr", [normal(2, 3)], value=special.ndtr),
    Row("ndtri", [UNIT], value=special.ndtri, edges=[Edge([0.0], [inf], masked=[0])]),
    Row("log_ndtr", [normal(2, 3)], value=special.log_ndtr, edges=[Edge([50.0], [0], [0])]),
    Row("ndtri_exp", [between(-3.0, -0.2, 2, 3)], value=special.ndtri_exp),
    Row("kolmogorov", [between(0.3, 2.0, 2, 3)], value=special.kolmogorov, edges=[Edge([0.0], [0], [0]), Edge([-1.0], [0])]),
    Row("kolmogi", [UNIT], value=special.kolmogi),
    Row("owens_t", [normal(2, 3), normal(3)], value=special.owens_t),
]

INTEGRALS = [
    Row("exp1", [positive(2, 3)], value=special.exp1, edges=[Edge([0.0], [-inf], masked=[0])]),
    Row("expi", [nonzero(2, 3)], value=special.expi, edges=[Edge([0.0], [inf], masked=[0])]),
    Row("expn", [positive(2, 3)], {"n": 3}, value=lambda x: special.expn(3, x).astype(x.dtype)),
    Row("expn", [positive(2, 3)], {"n": 0}, value=lambda x: np.exp(-x) / x),
    Row("exprel", [normal(2, 3)], {"n": 0}, value=special.exprel, edges=[Edge([0.0], [1 / 2], [1 / 3])]),
    Row("exprel", [between(-90.0, 5.0, 4)], {"n": 2}),
    Row("logrel", [between(-0.5, 4.0, 2, 3)], {"n": 0}, value=lambda x: np.log1p(x) / x, edges=[Edge([0.0], [-1 / 2], [2 / 3])]),
    Row("logrel", [between(-0.5, 5.0, 4)], {"n": 2}),
    Row(
        "spence",
        [positive(2, 3)],
        value=special.spence,
        edges=[Edge([1.0], [-1], [1 / 2]), Edge([0.0], [-inf], masked=[0])],
    ),
]

INCOMPLETE = [
    Row("gammainc", [positive(2, 3), positive(3)], {"order": 0}, value=special.gammainc),
    Row("gammainc", [positive(2, 3), between(0.3, 3.0, 3)], {"order": 1}, wrt=(1,)),
    Row("gammainc", [positive(2, 3), between(0.3, 3.0, 3)], {"order": 2}, wrt=(1,)),
    Row("gammaincc", [positive(2, 3), positive(3)], value=special.gammaincc),
    Row("gamma_density", [positive(2, 3), positive(3)], value=lambda a, x: x ** (a - 1) * np.exp(-x) / special.gamma(a)),
    Row("gammaincinv", [positive(2, 3), between(0.2, 0.8, 3)], value=special.gammaincinv),
    Row("gammainccinv", [positive(2, 3), between(0.2, 0.8, 3)], value=special.gammainccinv),
    Row("betainc", [positive(2, 3), positive(3), between(0.2, 0.8, 3)], {"order_a": 0, "order_b": 0}, value=special.betainc),
    *[
        Row("betainc", [positive(2, 3), positive(3), between(0.2, 0.8, 3)], {"order_a": i, "order_b": j}, wrt=(2,))
        for i, j in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    ],
    Row("betaincc", [positive(2, 3), positive(3), between(0.2, 0.8, 3)], value=special.betaincc),
    Row(
        "beta_density",
        [positive(2, 3), positive(3), between(0.2, 0.8, 3)],
        value=lambda a, b, x: x ** (a - 1) * (1 - x) ** (b - 1) / special.beta(a, b),
    ),
    Row("gamma_shape", [between(0.2, 0.8, 2, 3), positive(3)], value=lambda p, x: special.gdtrib(1.0, p, x).astype(x.dtype)),
    Row("btdtria", [between(0.2, 0.8, 3), positive(2, 3), between(0.2, 0.8, 3)], value=special.btdtria),
    Row("btdtrib", [positive(2, 3), between(0.2, 0.8, 3), between(0.2, 0.8, 3)], value=special.btdtrib),
    Row(
        "stdtr",
        [positive(2, 3), normal(3)],
        {"order": 0},
        value=special.stdtr,
        edges=[Edge([1.0, 0.0], [0, 1 / pi], [(2 * np.log(2) - 1) / (2 * pi), (2 * np.log(2) - 1) / (2 * pi)])],
    ),
    Row("stdtr", [positive(2, 3), normal(3)], {"order": 1}, wrt=(1,)),
    Row("stdtr", [positive(2, 3), normal(3)], {"order": 2}, wrt=(1,)),
    Row("stdtrit", [positive(2, 3), between(0.2, 0.8, 3)], value=special.stdtrit),
    Row("stdtridf", [between(0.6, 0.7, 2, 3), between(0.6, 0.8, 3)], value=special.stdtridf),
    Row("betaincinv", [positive(2, 3), positive(3), between(0.2, 0.8, 3)], value=special.betaincinv),
    Row("betainccinv", [positive(2, 3), positive(3), between(0.2, 0.8, 3)], value=special.betainccinv),
]

HOLOMORPHIC = [
    Row("holomorphic", [nonzero(2, 3)], {"kind": kind, "n": n}, value=getattr(special, kind) if n == 0 else None)
    for kind, n in [
        *[(kind, 0) for kind in ("gamma", "rgamma", "loggamma", "erf", "erfc", "erfi", "wofz", "dawsn", "exp1", "expi", "spence")],
        ("rgamma", 1),
        ("wofz", 1),
        ("dawsn", 2),
    ]
]
HOLOMORPHIC += [
    Row("holomorphic", [nonzero(2, 3)], {"kind": "polygamma", "n": 0}, value=special.digamma),
    Row("holomorphic", [nonzero(2, 3)], {"kind": "polygamma", "n": 1}),
    Row("holomorphic", [positive(2, 3)], {"kind": "logrel", "n": 0}, value=lambda z: np.log(1 + z) / z),
    Row("holomorphic", [positive(2, 3)], {"kind": "logrel", "n": 2}),
]

ROWS = [*GAMMA, *ERRORS, *INTEGRALS, *INCOMPLETE, *HOLOMORPHIC]
