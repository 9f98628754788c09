"""Functions that move elements: shapes, parts, joining, diagonals."""

import numpy as np
from rows.row import integers, normal

from operators.operator import Operator

MATRIX = normal(2, 3)

OPERATORS = [
    Operator("astype", [MATRIX], call=lambda f, x: f(x, np.complex128), value=lambda x: x.astype(np.complex128)),
    Operator("atleast_1d", [normal()]),
    Operator("atleast_2d", [normal(3)]),
    Operator("atleast_3d", [MATRIX]),
    Operator("broadcast_arrays", [MATRIX, normal(3)]),
    Operator("broadcast_to", [normal(3)], call=lambda f, x: f(x, (2, 3))),
    Operator("copy", [MATRIX]),
    Operator("checkpoint_name", [MATRIX], call=lambda f, x: f(x, "x"), value=lambda x: x),
    Operator("detach", [MATRIX], value=lambda x: x, constant="it cuts the derivative"),
    Operator("stop_gradient", [MATRIX], value=lambda x: x, constant="it cuts the derivative"),
    Operator("expand_dims", [MATRIX], {"axis": 1}),
    Operator("flip", [MATRIX], {"axis": 1}),
    Operator("fliplr", [MATRIX]),
    Operator("flipud", [MATRIX]),
    Operator("matrix_transpose", [normal(2, 3, 4)]),
    Operator("moveaxis", [normal(2, 3, 4)], call=lambda f, x: f(x, 0, -1)),
    Operator("permute_dims", [normal(2, 3, 4)], call=lambda f, x: f(x, (2, 0, 1))),
    Operator("ravel", [MATRIX]),
    Operator("reshape", [MATRIX], call=lambda f, x: f(x, (3, 2))),
    Operator("roll", [MATRIX], call=lambda f, x: f(x, 2, axis=1)),
    Operator("rot90", [MATRIX]),
    Operator("squeeze", [normal(2, 1, 3)], {"axis": 1}),
    Operator("swapaxes", [normal(2, 3, 4)], call=lambda f, x: f(x, 0, 2)),
    Operator("transpose", [normal(2, 3, 4)]),
    Operator("meshgrid", [normal(2), normal(3)]),
    # joining and splitting
    Operator("concat", [MATRIX, normal(1, 3)], call=lambda f, *xs: f(xs)),
    Operator("concatenate", [MATRIX, normal(2, 1)], {"axis": 1}, call=lambda f, *xs, axis: f(xs, axis=axis)),
    Operator("stack", [MATRIX, MATRIX], call=lambda f, *xs: f(xs, axis=1)),
    Operator("hstack", [MATRIX, normal(2, 1)], call=lambda f, *xs: f(xs)),
    Operator("vstack", [MATRIX, normal(3)], call=lambda f, *xs: f(xs)),
    Operator("dstack", [MATRIX, MATRIX], call=lambda f, *xs: f(xs)),
    Operator("column_stack", [normal(2), MATRIX], call=lambda f, *xs: f(xs)),
    Operator("split", [normal(4, 3)], call=lambda f, x: f(x, 2)),
    Operator("array_split", [normal(5)], call=lambda f, x: f(x, 3)),
    Operator("hsplit", [normal(2, 4)], call=lambda f, x: f(x, [1])),
    Operator("vsplit", [normal(4, 2)], call=lambda f, x: f(x, 2)),
    Operator("unstack", [MATRIX], {"axis": 1}),
    Operator("repeat", [MATRIX], call=lambda f, x: f(x, 2, axis=1)),
    Operator("tile", [MATRIX], call=lambda f, x: f(x, (2, 1))),
    Operator("pad", [MATRIX], call=lambda f, x: f(x, ((1, 0), (0, 2)))),
    # diagonals
    Operator("diag", [normal(3)]),
    Operator("diag", [normal(3, 3)]),
    Operator("diagonal", [normal(3, 4)]),
    Operator("trace", [normal(3, 4)]),
    Operator("tril", [normal(3, 4)]),
    Operator("triu", [normal(3, 4)]),
    # parts
    Operator("take", [MATRIX, integers(0, 3, 4)], {"axis": 1}),
    Operator("take_along_axis", [MATRIX, integers(0, 3, 2, 2)], {"axis": 1}),
    Operator("compress", [normal(2, 3)], call=lambda f, x: f(np.array([True, False, True]), x, axis=1)),
    Operator("extract", [normal(2, 3)], call=lambda f, x: f(np.array([[True, False, True]] * 2), x)),
    Operator("full_like", [MATRIX, normal()]),
    Operator("zeros_like", [MATRIX], constant="it reads no value"),
    Operator("ones_like", [MATRIX], constant="it reads no value"),
    Operator("empty_like", [MATRIX], value=np.zeros_like, constant="it reads no value"),
    Operator("full", [normal()], call=lambda f, x: f((2, 3), x)),
    Operator("linspace", [normal(), normal()], call=lambda f, x, y: f(x, y, 5), dtypes=("float64", "complex128")),
    Operator("linspace", [normal(), normal()], call=lambda f, x, y: f(x, y, 5, dtype=x.dtype), dtypes=("float32",)),
    Operator("array", [MATRIX]),
    Operator("asarray", [MATRIX]),
]
