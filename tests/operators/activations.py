"""Activations and softmax."""

import numpy as np
from rows.row import between, nonzero, normal
from scipy import special

from operators.operator import Operator

REAL = "defined for real numbers"
X = nonzero(2, 3)


def scaled(x, scale, alpha):
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(x)).astype(x.dtype)


REFERENCES = {
    "elu": lambda x: scaled(x, 1.0, 1.0),
    "gelu": lambda x: x * special.ndtr(x),
    "leaky_relu": lambda x: np.where(x > 0, x, (0.01 * x).astype(x.dtype)),
    "relu": lambda x: np.maximum(x, 0),
    "selu": lambda x: scaled(x, 1.0507009873554805, 1.6732632423543772),
    "silu": lambda x: x * special.expit(x),
    "softplus": lambda x: np.logaddexp(x, np.zeros_like(x)),
    "log_expit": special.log_expit,
}

OPERATORS = [
    *[Operator(name, [X], value=value, real_only=REAL) for name, value in REFERENCES.items()],
    Operator("sigmoid", [normal(2, 3)], value=lambda x: 1 / (1 + np.exp(-x))),
    Operator("logit", [between(0.2, 0.8, 2, 3)], dtypes=("float32", "float64")),
    Operator("logit", [between(0.2, 0.8, 2, 3)], value=lambda x: np.log(x / (1 - x)), dtypes=("complex128",)),
    Operator("softmax", [normal(2, 3)], {"axis": 1}, real_only=REAL),
    Operator("log_softmax", [normal(2, 3)], {"axis": 1}, real_only=REAL),
    Operator("logsumexp", [normal(2, 3)], {"axis": 1}),
    Operator("logsumexp", [normal(2, 3)], {"axis": 1, "return_sign": True}),
]
