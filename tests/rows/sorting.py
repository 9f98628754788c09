"""Sorting and the sorting permutation; where elements are equal, the first of them takes the first place."""

import numpy as np

from rows.row import Edge, Row, distinct, exactly

UP = {"axis": 0, "descending": False}
DOWN = {"axis": 0, "descending": True}

ROWS = [
    Row("sort", [distinct(5)], UP, value=np.sort, edges=[Edge([[2.0, 1.0, 2.0]], [[1.0, 1.0, 1.0]], second=[[0.0] * 3])]),
    Row("sort", [distinct(5)], DOWN, value=lambda x: np.sort(x)[::-1]),
    Row("sort", [distinct(3, 4)], {"axis": 1, "descending": False}, value=lambda x: np.sort(x, 1)),
    Row("sort", [distinct(3, 4)], DOWN, value=lambda x: np.sort(x, 0)[::-1]),
    Row("sort", [distinct(0)], UP, value=lambda x: x),
    Row("argsort", [distinct(5)], UP, value=np.argsort, constant="positions"),
    Row(
        "argsort",
        [distinct(3, 4)],
        {"axis": 1, "descending": True},
        value=lambda x: np.argsort(-x, 1),
        constant="positions",
    ),
    Row(
        "argsort",
        [exactly([2.0, 1.0, 2.0, 1.0])],
        UP,
        value=lambda x: np.array([1, 3, 0, 2]),
        constant="positions",
        label="ties",
    ),
    Row(
        "argsort",
        [exactly([2.0, 1.0, 2.0, 1.0])],
        DOWN,
        value=lambda x: np.array([0, 2, 1, 3]),
        constant="positions",
        label="ties",
    ),
]
