"""Rows of the Bessel and Airy functions."""

from math import inf

import numpy as np
from scipy import special

from rows.row import Edge, Row, between, exactly, integers, nonzero

KINDS = ["jv", "yv", "iv", "kv", "ive", "kve"]
AIRY = ["ai", "aip", "bi", "bip"]


def bessel(kind, n=0, k=0):
    return {"kind": kind, "n": n, "k": k}


ROWS = [
    *[Row("bessel", [between(0.3, 2.7, 2, 3), between(0.5, 6.0, 3)], bessel(kind), value=getattr(special, kind)) for kind in KINDS],
    *[Row("bessel", [between(0.3, 2.7, 3), between(0.5, 6.0, 3)], bessel(kind, 2), wrt=(1,), label="in x") for kind in KINDS],
    *[Row("bessel", [between(0.3, 2.7, 3), between(45.0, 60.0, 3)], bessel(kind, 0, 1), label="far out") for kind in KINDS[4:]],
    Row(
        "bessel",
        [exactly([-2.0, 0.0, 3.0]), exactly([-1.3, 2.0, 0.4])],
        bessel("jv"),
        wrt=(1,),
        label="of whole order",
        value=special.jv,
        edges=[
            Edge([0.0, 0.0], [None, 0], [None, -0.5]),
            Edge([1.0, 0.0], [None, 0.5], [None, 0]),
            Edge([2.0, 0.0], [0, 0]),
            Edge([1.5, 0.0], [0, 0]),
            Edge([0.0, 0.0], [-inf, None]),
            Edge([0.5, 0.0], [None, inf], masked=[None, 0]),
        ],
    ),
    Row(
        "bessel",
        [exactly([-2.0, 0.0, 3.0]), exactly([1.3, 2.0, 0.4])],
        bessel("yv"),
        wrt=(1,),
        label="of whole order",
        value=special.yv,
        edges=[
            Edge([0.0, 0.0], [None, inf], [None, -inf], masked=[None, 0]),
            Edge([1.0, 0.0], [None, inf], [None, -inf]),
            Edge([0.5, 0.0], [-inf, None]),
        ],
    ),
    Row(
        "bessel",
        [exactly([0.5, 0.0, 3.0]), exactly([1.3, 2.0, 0.4])],
        bessel("kv"),
        label="at edges",
        value=special.kv,
        edges=[
            Edge([0.0, 0.0], [None, -inf], [None, inf], masked=[None, 0]),
            Edge([0.0, 0.0], [0, None]),
            Edge([1.0, 0.0], [inf, None]),
            Edge([1.0, inf], [0, 0]),
        ],
    ),
    Row(
        "bessel",
        [exactly([0.5, 0.0, 3.0]), exactly([1.3, 2.0, 0.4])],
        bessel("kve"),
        label="at edges",
        value=special.kve,
        edges=[Edge([0.0, 0.0], [None, -inf], [None, inf]), Edge([0.0, 1e200], [None, 0])],
    ),
    *[
        Row("spherical_bessel", [integers(0, 4, 3), between(0.5, 6.0, 2, 3)], {"kind": f"spherical_{kind}"}, label="f")
        for kind in ("jn", "yn", "in", "kn")
    ],
    *[
        Row(
            "spherical_bessel",
            [exactly([0, 1, 3]), exactly([0.7, 2.0, 3.1])],
            {"kind": kind},
            value=lambda n, x, kind=kind: getattr(special, kind)(n, np.float64(x)),  # as of integers and float32
            edges=edges,
        )
        for kind, edges in {
            "spherical_jn": [Edge([0, 0.0], [None, 0], [None, -1 / 3]), Edge([1, 0.0], [None, 1 / 3], [None, 0])],
            "spherical_yn": [Edge([0, 0.0], [None, inf], [None, -inf]), Edge([2, 0.0], [None, inf], [None, -inf])],
            "spherical_in": [Edge([0, 0.0], [None, 0], [None, 1 / 3]), Edge([1, 0.0], [None, 1 / 3], [None, 0])],
            "spherical_kn": [Edge([0, 0.0], [None, -inf], [None, inf]), Edge([2, 0.0], [None, -inf], [None, inf])],
        }.items()
    ],
    *[
        Row(
            "complex_bessel",
            [between(0.3, 2.7, 2, 3), nonzero(3), between(-0.3, 0.3, 3)],
            {"kind": kind, "n": 0},
            value=lambda v, z, s, kind=kind: getattr(special, kind)(v.real, z) * np.exp(-s),
            wrt=(1, 2),
        )
        for kind in ("jv", "yv", "iv", "kv", "hankel1", "hankel2")
    ],
    Row("complex_bessel", [between(0.3, 2.7, 2, 3), nonzero(3), between(-0.3, 0.3, 3)], {"kind": "jv", "n": 1}, wrt=(1, 2)),
    *[
        Row("struve", [between(0.3, 2.7, 2, 3), between(0.5, 6.0, 3)], {"kind": kind, "n": 0}, value=getattr(special, kind))
        for kind in ("struve", "modstruve")
    ],
    Row("struve", [between(0.3, 2.7, 2, 3), between(0.5, 6.0, 3)], {"kind": "struve", "n": 2}, wrt=(1,)),
    *[
        Row(
            "scaled_airy",
            [between(0.5, 3.0, 2, 3), between(-0.3, 0.3, 3)],
            {"kind": kind},
            value=lambda z, s, i=i: special.airy(z)[i] * np.exp(-s),
        )
        for i, kind in enumerate(AIRY)
    ],
    *[
        Row("airy", [between(-5.0, 3.0, 2, 3)], {"kind": kind}, value=lambda x, i=i: special.airy(x)[i])
        for i, kind in enumerate(AIRY)
    ],
]
