"""Casting and moving: every element of the result is an element of an input."""

import numpy as np

from nabla import dtypes
from nabla.primitives.shape import transpose
from rows.row import Row, integers, normal

F64, C128 = ("float64",), ("complex128",)

REALS_ARE_THEMSELVES = "a real number is its real part and its conjugate; the functions do not come here with one"

ROWS = [
    Row("convert", [normal(2, 3)], {"dtype": dtypes.float64}, dtypes=("float32",), rtol32=1e-7, value=np.float64),
    Row("convert", [normal(2, 3)], {"dtype": dtypes.complex128}, dtypes=F64, value=np.complex128),
    Row("convert", [normal(3)], {"dtype": dtypes.complex128}, dtypes=C128, value=np.complex128),
    Row("convert", [normal()], {"dtype": dtypes.int64}, dtypes=F64, value=np.int64, constant="of integer dtype"),
    Row("convert", [integers(0, 5, 3)], {"dtype": dtypes.float64}, dtypes=F64, value=np.float64),
    Row("real", [normal(2, 3)], value=np.real, complex_only=REALS_ARE_THEMSELVES),
    Row("imag", [normal(2, 3)], value=np.imag, complex_only=REALS_ARE_THEMSELVES),
    Row("conj", [normal(2, 3)], value=np.conj, complex_only=REALS_ARE_THEMSELVES),
    Row("reshape", [normal(2, 3)], {"shape": (3, 2)}, value=lambda x: x.reshape(3, 2)),
    Row("reshape", [normal(2, 3)], {"shape": (1, 6, 1)}, value=lambda x: x.reshape(1, 6, 1)),
    Row("reshape", [normal()], {"shape": (1,)}, value=lambda x: x.reshape(1)),
    Row("reshape", [normal(1)], {"shape": ()}, value=lambda x: x.reshape(())),
    Row("reshape", [normal(2, 0)], {"shape": (0, 3)}, value=lambda x: x.reshape(0, 3)),
    Row(
        "reshape",
        [normal(2, 3)],
        build=lambda p, x: p(transpose(x, perm=(1, 0)), shape=(6,)),
        value=lambda x: x.T.ravel(),
        label="of a transpose",
    ),
    Row("broadcast", [normal(3)], {"shape": (2, 3)}, value=lambda x: np.broadcast_to(x, (2, 3))),
    Row("broadcast", [normal(2, 1)], {"shape": (3, 2, 4)}, value=lambda x: np.broadcast_to(x, (3, 2, 4))),
    Row("broadcast", [normal()], {"shape": (2, 2)}, value=lambda x: np.broadcast_to(x, (2, 2))),
    Row("broadcast", [normal(1, 2)], {"shape": (0, 2)}, value=lambda x: np.broadcast_to(x, (0, 2))),
    Row("transpose", [normal(2, 3)], {"perm": (1, 0)}, value=np.transpose),
    Row("transpose", [normal(2, 3, 4)], {"perm": (1, 2, 0)}, value=lambda x: x.transpose(1, 2, 0)),
    Row("transpose", [normal()], {"perm": ()}, value=np.transpose),
    Row("flip", [normal(2, 3)], {"axes": (0, 1)}, value=np.flip),
    Row("flip", [normal(2, 3)], {"axes": (1,)}, value=np.fliplr),
    Row("flip", [normal(0, 3)], {"axes": (0,)}, value=np.flipud),
    Row("concat", [normal(2), normal(3)], {"axis": 0}, value=lambda x, y: np.concatenate([x, y])),
    Row("concat", [normal(2, 2)], {"axis": 1}, value=lambda x: x),
    Row(
        "concat",
        [normal(2, 1), normal(2, 0), normal(2, 3)],
        {"axis": 1},
        value=lambda x, y, z: np.concatenate([x, y, z], 1),
    ),
]
