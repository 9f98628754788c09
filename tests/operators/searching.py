"""Sets of values and places in sorted tensors."""

import numpy as np
from rows.row import distinct, exactly

from operators.operator import Operator

PLACES = "positions"
ROW = exactly([-1.0, 0.0, 0.5, 2.0])
AMONG = exactly([[0.5, 9.0], [-1.0, 0.0]])

OPERATORS = [
    Operator("searchsorted", [ROW, AMONG], {"side": "right"}, constant=PLACES),
    Operator("isin", [AMONG, ROW], constant="true or false"),
    Operator("unique_values", [distinct(3, 2)], {"size": 6}, value=np.unique),
    *[
        Operator(name, [distinct(5)], {"size": 5}, value=getattr(np, name))
        for name in ("unique", "unique_counts", "unique_inverse", "unique_all")
    ],
]
