"""nb.nn. The values of convolutions are checked here with loops, one window after the other."""

import itertools

import numpy as np
import scipy.ndimage
import scipy.special
from rows.row import between, distinct, integers, normal, positive

import nabla as nb
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


def normal_over(axes):
    return lambda x, *scale: (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + x.real.dtype.type(1e-5))


def layers(x, weight, bias):
    return normal_over(-1)(x) * weight + bias


def grouped(x, weight):
    rows = normal_over(-1)(x.reshape(len(x), 2, -1))
    return rows.reshape(x.shape) * weight[:, None]


def attended(q, k, v):
    weights = scipy.special.softmax(q @ k.swapaxes(-1, -2) / q.dtype.type(np.sqrt(q.shape[-1])), -1)
    return weights @ v


def surprise(x, y):
    return -np.take_along_axis(scipy.special.log_softmax(x, -1), y[:, None], -1).mean()


REAL = "defined for real numbers"
PLACES = between(0.1, 2.9, 2, 5)  # kept off whole numbers by the draw

OPERATORS = [
    Operator("nn.layer_norm", [normal(2, 5), normal(5), normal(5)], value=layers),
    Operator(
        "nn.rms_norm",
        [normal(2, 5)],
        value=lambda x: x / np.sqrt((np.abs(x) ** 2).mean(-1, keepdims=True) + x.real.dtype.type(1e-6)),
    ),
    Operator("nn.batch_norm", [normal(4, 3)], value=normal_over(0)),
    Operator("nn.batch_norm", [normal(4, 3, 2), normal(3), positive(3)], call=lambda f, x, m, v: f(x, mean=m, var=v), value=None),
    Operator("nn.group_norm", [normal(2, 4, 3), normal(4)], call=lambda f, x, w: f(x, 2, w), value=grouped),
    Operator("nn.scaled_dot_product_attention", [normal(2, 3, 4), normal(5, 4), normal(2, 5, 2)], value=attended, real_only=REAL),
    Operator("nn.cross_entropy", [normal(4, 3), integers(0, 3, 4)], value=surprise, real_only=REAL),
    Operator(
        "nn.binary_cross_entropy_with_logits",
        [normal(4), between(0.1, 0.9, 4)],
        value=lambda x, y: np.mean(np.logaddexp(x, x.dtype.type(0)) - x * y),
        real_only=REAL,
    ),
    Operator("nn.mse_loss", [normal(4), normal(4)], value=lambda x, y: np.mean(np.abs(x - y) ** 2)),
    Operator(
        "nn.huber_loss",
        [between(0.1, 0.8, 4), between(-0.1, 0.1, 4)],
        value=lambda x, y: np.mean(0.5 * np.abs(x - y) ** 2),
    ),
    Operator("nn.embedding", [integers(0, 3, 2, 2), normal(3, 2)], value=lambda i, table: table[i]),
    Operator("nn.dropout", [normal(3, 4)], call=lambda f, x: f(nb.random.key(0), x, 0.4), value=None),
    Operator(
        "nn.map_coordinates",
        [normal(4, 4), PLACES],
        call=lambda f, x, c: f(x, c, 1),
        value=lambda x, c: scipy.ndimage.map_coordinates(x, c, order=1),
        real_only="coordinates are real",
    ),
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
