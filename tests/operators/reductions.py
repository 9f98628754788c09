"""Reductions, running sums, sorting and searching."""

import numpy as np
from rows.row import distinct, nonzero, normal

from operators.operator import Operator

ORDER = "complex numbers have no order"
POSITIONS = "positions"
MATRIX = normal(3, 4)


def both(name, x=MATRIX, **more):
    """Over one axis and over all."""
    return [Operator(name, [x], {"axis": 1}, **more), Operator(name, [x], **more)]


OPERATORS = [
    *both("sum"),
    *both("mean"),
    *both("prod", nonzero(2, 3)),
    *both("var"),
    *both("std"),
    *both("max", distinct(3, 4), real_only=ORDER),
    *both("amax", distinct(3, 4), real_only=ORDER),
    *both("min", distinct(3, 4), real_only=ORDER),
    *both("amin", distinct(3, 4), real_only=ORDER),
    *both("ptp", distinct(3, 4), real_only=ORDER),
    *both("median", distinct(3, 4), real_only=ORDER),
    *both("all", constant="true or false"),
    *both("any", constant="true or false"),
    *both("argmax", distinct(3, 4), constant=POSITIONS, real_only=ORDER),
    *both("argmin", distinct(3, 4), constant=POSITIONS, real_only=ORDER),
    *both("count_nonzero", constant="a count"),
    *both("cumsum"),
    *both("cumprod", nonzero(2, 3)),
    Operator("cumulative_sum", [MATRIX], {"axis": 1, "include_initial": True}),
    Operator("cumulative_prod", [nonzero(2, 3)], {"axis": 1, "include_initial": True}),
    Operator("cummax", [distinct(3, 4)], {"axis": 1}, real_only=ORDER, value=lambda x, axis=1: np.maximum.accumulate(x, axis)),
    Operator("cummin", [distinct(3, 4)], {"axis": 1}, real_only=ORDER, value=lambda x, axis=1: np.minimum.accumulate(x, axis)),
    Operator("diff", [MATRIX], {"n": 2}),
    *[Operator("sort", [distinct(3, 4)], {"axis": axis}) for axis in (0, 1)],
    Operator("argsort", [distinct(3, 4)], constant=POSITIONS),
    *[
        Operator(name, [nonzero(2, 3)], {"size": 6}, constant=POSITIONS, value=getattr(np, name))
        for name in ("nonzero", "argwhere", "flatnonzero")
    ],
]
