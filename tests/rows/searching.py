"""Positions in sorted rows."""

import numpy as np

from rows.row import Row, exactly

ROW = exactly([-1.0, 0.0, 0.0, 2.0, 3.0])
ROWS2 = exactly([[-1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])

ROWS = [
    Row("searchsorted", [ROW, exactly([0.0, 9.0, -3.0])], {"right": False}, value=np.searchsorted, constant="positions"),
    Row(
        "searchsorted",
        [ROW, exactly([[0.0, 2.5], [3.0, -1.0]])],
        {"right": True},
        value=lambda rows, v: np.searchsorted(rows, v, "right"),
        constant="positions",
    ),
    Row(
        "searchsorted",
        [ROWS2, exactly([[0.0, 9.0], [1.0, -1.0]])],
        {"right": False},
        value=lambda rows, v: np.stack([np.searchsorted(*each) for each in zip(rows, v)]),
        constant="positions",
        label="several rows",
    ),
    Row("searchsorted", [ROW, exactly(np.zeros((0, 2)))], {"right": False}, value=np.searchsorted, constant="positions"),
    Row("searchsorted", [exactly(np.arange(300.0)), ROW], {"right": False}, value=np.searchsorted, constant="positions"),
]
