"""Sets of values and places in sorted tensors."""

import numpy as np
from rows.row import distinct, exactly

from operators.operator import Operator

VALUES = "its shape depends on values"
PLACES = "positions"
ROW = exactly([-1.0, 0.0, 0.5, 2.0])
AMONG = exactly([[0.5, 9.0], [-1.0, 0.0]])

OPERATORS = [
    Operator("searchsorted", [ROW, AMONG], {"side": "right"}, constant=PLACES),
    Operator("isin", [AMONG, ROW], constant="true or false"),
    Operator("unique_values", [distinct(3, 2)], unmapped=VALUES, value=np.unique),
    Operator("unique_counts", [distinct(5)], unmapped=VALUES),
    Operator("unique_inverse", [distinct(5)], unmapped=VALUES),
    Operator("unique_all", [distinct(5)], unmapped=VALUES),
]
