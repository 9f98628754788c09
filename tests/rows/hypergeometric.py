"""Rows of hypergeometric functions, classical polynomials, elliptic integrals, Lambert's W."""

from math import inf, pi

import numpy as np
from scipy import special

from rows.row import Edge, Row, between, exactly, integers

ZERO_ONE_TWO = [between(0.6, 1.4, 2, 3), between(1.6, 2.4, 3)]
NEAR, FAR = between(-0.4, 0.4, 2, 3), between(-3.0, -1.5, 2, 3)
DEGREES = integers(2, 7, 3)
INSIDE = between(-0.9, 0.9, 2, 3)
ORDERS_1, ORDERS_2, ORDERS_3 = {"orders": (0,)}, {"orders": (0, 0)}, {"orders": (0, 0, 0)}


def wide(f):
    """A polynomial of SciPy: degrees beside float32 make float64."""
    return lambda n, *inputs: f(n, *map(np.float64, inputs))


def carlson(x, y, z):
    return 2.0 * special.elliprf(x, y, z)


HYPERGEOMETRIC = [
    Row("hyp0f1", [between(0.6, 2.4, 3), between(-3.0, 3.0, 2, 3)], ORDERS_1, value=special.hyp0f1),
    Row("hyp0f1", [between(0.6, 2.4, 3), between(10.0, 20.0, 2, 3)], {"orders": (2,)}, wrt=(1,), label="far out"),
    Row("hyp1f1", [*ZERO_ONE_TWO, between(-2.0, 2.0, 2, 3)], ORDERS_2, value=special.hyp1f1),
    Row("hyp1f1", [*ZERO_ONE_TWO, between(-9.0, -5.0, 2, 3)], {"orders": (1, 1)}, wrt=(2,), label="far out"),
    Row(
        "hyp1f1",
        [exactly([0.0, -2.0]), exactly([1.5, 2.5]), exactly([0.3, 2.0])],
        ORDERS_2,
        label="polynomials",
        edges=[Edge([0.5, 2.0, 0.0], [0, 0, 0.25]), Edge([0.0, 1.0, 0.0], [0, 0, 0])],
    ),
    Row("hyp2f1", [*ZERO_ONE_TWO, between(1.2, 1.9, 3), NEAR], ORDERS_3, value=special.hyp2f1),
    Row("hyp2f1", [*ZERO_ONE_TWO, between(1.2, 1.9, 3), FAR], ORDERS_3, label="far out", value=special.hyp2f1),
    Row("hyp2f1", [*ZERO_ONE_TWO, between(1.2, 1.9, 3), FAR], {"orders": (1, 0, 1)}, wrt=(3,), label="far out"),
    Row("hyperu", [*ZERO_ONE_TWO, between(0.5, 3.0, 2, 3)], ORDERS_2),  # its values: test_hypergeometric.py
    Row("hyperu", [*ZERO_ONE_TWO, between(0.5, 3.0, 2, 3)], {"orders": (1, 1)}, wrt=(2,)),
    Row("hyperu", [exactly([-2.0, -0.6]), exactly([1.5, 2.5]), exactly([0.3, 2.0])], ORDERS_2, label="of negative parameters"),
]

POLYNOMIALS = [
    *[
        Row("classical_polynomial", [DEGREES, INSIDE], {"kind": kind}, value=wide(getattr(special, f"eval_{kind}")), edges=edges)
        for kind, edges in {
            "legendre": [Edge([3, 1.0], [None, 6], [None, 15]), Edge([0, 1.0], [None, 0])],
            "chebyt": [Edge([3, 1.0], [None, 9], [None, 24])],
            "chebyu": [Edge([3, 1.0], [None, 20], [None, 48])],
            "hermite": [Edge([3, 0.0], [None, -12], [None, 0])],
            "hermitenorm": [Edge([3, 0.0], [None, -3], [None, 0])],
            "laguerre": [Edge([2, 0.0], [None, -2], [None, 1])],
        }.items()
    ],
    Row("eval_gegenbauer", [DEGREES, between(0.6, 1.4, 3), INSIDE], ORDERS_1, value=wide(special.eval_gegenbauer)),
    Row("eval_genlaguerre", [DEGREES, between(0.6, 1.4, 3), INSIDE], ORDERS_1, value=wide(special.eval_genlaguerre)),
    Row(
        "eval_jacobi",
        [DEGREES, between(0.6, 1.4, 3), between(-0.4, 0.4, 3), INSIDE],
        ORDERS_2,
        value=wide(special.eval_jacobi),
        edges=[Edge([3, 0.0, 0.0, 1.0], [None, None, None, 6], [None, None, None, 15])],
    ),
]

ELLIPTIC = [
    Row("carlson", [between(0.5, 2.0, 2, 3)] * 3, {"powers": (1, 1, 1)}, value=carlson),
    Row("carlson", [between(0.5, 2.0, 2, 3)] * 3, {"powers": (3, 1, 5)}),
    Row(
        "carlson", [exactly([0.0, 0.0]), exactly([0.3, 2.0]), exactly([1.0, 1.0])], {"powers": (1, 1, 1)}, wrt=(1, 2), value=carlson
    ),
    Row("carlson_j", [between(0.5, 2.0, 2, 3)] * 4, {"powers": (1, 1, 1, 2)}, value=lambda *xs: special.elliprj(*xs) / 1.5),
    Row("elliprg", [between(0.5, 2.0, 2, 3)] * 3, value=special.elliprg, edges=[Edge([0.0, 1.0, 1.0], [pi / 8, None, None])]),
    Row(
        "amplitude",
        [between(-4.0, 4.0, 2, 3), between(0.2, 0.8, 3)],
        value=lambda u, m: special.ellipj(u, m)[3],
        edges=[Edge([0.0, 0.5], [1, 0], [0, 0])],
    ),
    Row(
        "ellipe",
        [between(-2.0, 0.9, 2, 3)],
        value=special.ellipe,
        edges=[Edge([0.0], [-pi / 8], [-3 * pi / 64]), Edge([1.0], [-inf])],
    ),
    Row(
        "ellipkinc",
        [between(-4.0, 4.0, 2, 3), between(-2.0, 0.8, 3)],
        value=special.ellipkinc,
        edges=[Edge([0.0, 0.5], [1, 0], [0, 0]), Edge([0.3, 1.0], [1 / np.cos(0.3), None])],
    ),
    Row(
        "ellipeinc",
        [between(-4.0, 4.0, 2, 3), between(-2.0, 0.8, 3)],
        value=special.ellipeinc,
        edges=[Edge([0.0, 0.5], [1, 0], [0, 0]), Edge([0.3, 1.0], [np.cos(0.3), None])],
    ),
]

ROWS = [
    *HYPERGEOMETRIC,
    *POLYNOMIALS,
    *ELLIPTIC,
    *[
        Row(
            "lambertw",
            [between(0.5, 3.0, 2, 3)],
            {"k": k},
            complex_only="it is complex for most numbers",
            value=lambda z, k=k: special.lambertw(z, k),
            edges=[Edge([0j], [1], [-2], dtype="complex128")] if k == 0 else (),
        )
        for k in (-1, 0, 2)
    ],
    *[
        Row(
            "circular_integral",
            [between(0.3, 3.0, 2, 3)],
            {"kind": kind},
            value=lambda x, f=f, i=i: f(x)[i],
            edges=[Edge([0.0], first, second)],
        )
        for kind, f, i, first, second in (
            ("si", special.sici, 0, [1], [0]),
            ("ci", special.sici, 1, [inf], None),
            ("shi", special.shichi, 0, [1], [0]),
            ("chi", special.shichi, 1, [inf], None),
            ("fresnel_s", special.fresnel, 0, [0], [0]),
            ("fresnel_c", special.fresnel, 1, [1], [0]),
        )
    ],
]
