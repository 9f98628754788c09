"""nb.nn: convolution, pooling, resampling. Their values are checked here with loops, one window after the other."""

import itertools

import numpy as np
from rows.row import distinct, integers, normal

from operators.operator import Operator

ORDER = "complex numbers have no order"


def convolved(x, w):
    """The sum over each window of a batch of images."""
    height, width = x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    out = np.zeros((len(x), len(w), height, width), x.dtype)
    for i, j in itertools.product(range(height), range(width)):
        part = x[:, :, i : i + w.shape[2], j : j + w.shape[3]]
        out[:, :, i, j] = np.einsum("ncij,ocij->no", part, w)
    return out


def spread_out(x, w):
    """The transpose: each element of x writes its multiple of w."""
    out = np.zeros((len(x), w.shape[1], x.shape[2] + w.shape[2] - 1, x.shape[3] + w.shape[3] - 1), x.dtype)
    for i, j in itertools.product(range(x.shape[2]), range(x.shape[3])):
        out[:, :, i : i + w.shape[2], j : j + w.shape[3]] += np.einsum("nc,coij->noij", x[:, :, i, j], w)
    return out


def windows(x):
    return x.reshape(*x.shape[:-1], x.shape[-1] // 2, 2)


OPERATORS = [
    Operator("nn.conv", [normal(2, 2, 4, 5), normal(3, 2, 2, 3)], value=convolved),
    Operator("nn.conv", [normal(1, 2, 7), normal(2, 1, 2)], {"stride": 2, "dilation": 2, "groups": 2}, value=None),
    Operator("nn.conv_transpose", [normal(1, 2, 3, 2), normal(2, 2, 2, 3)], value=spread_out),
    Operator("nn.avg_pool", [normal(2, 1, 6)], call=lambda f, x: f(x, 2), value=lambda x: windows(x).mean(-1)),
    Operator("nn.max_pool", [distinct(2, 1, 6)], call=lambda f, x: f(x, 2), value=lambda x: windows(x).max(-1), real_only=ORDER),
    Operator("nn.resize", [normal(1, 2, 4)], call=lambda f, x: f(x, (7,)), value=None),
    Operator(
        "nn.one_hot",
        [integers(0, 4, 3)],
        call=lambda f, x: f(x, 4),
        value=lambda x: np.eye(4)[x],
        dtypes=("int64",),
        constant="positions",
    ),
]
