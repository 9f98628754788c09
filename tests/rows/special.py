"""Rows of the primitives of special functions."""

from math import pi, sqrt

from scipy import special

from rows.row import Edge, Row, exactly, normal, positive

ROWS = [
    Row("gamma", [positive(2, 3)], value=special.gamma),
    Row("gamma", [exactly([-0.4, -1.7, -2.2])], label="of negative numbers", value=special.gamma),
    Row(
        "rgamma",
        [positive(2, 3)],
        {"n": 0},
        value=special.rgamma,
        edges=[Edge([0.0], [1], [2 * 0.5772156649015329]), Edge([-2.0], [2])],
    ),
    Row("rgamma", [normal(2, 3)], {"n": 2}),
    Row("erfcx", [normal(2, 3)], value=special.erfcx, edges=[Edge([0.0], [-2 / sqrt(pi)], [2])]),
]
