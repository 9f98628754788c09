"""nb.nn: what networks are made of: convolutions, pooling, resampling, and the activations, which are the top-level functions.

Channels come before the spatial axes: x has the shape (..., channels, *spatial).
"""

from nabla.ops.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from nabla.ops.nn.convolution import conv, conv_transpose
from nabla.ops.nn.encoding import one_hot
from nabla.ops.nn.pooling import avg_pool, max_pool
from nabla.ops.nn.resampling import resize

__all__ = [
    "avg_pool",
    "conv",
    "conv_transpose",
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "max_pool",
    "one_hot",
    "relu",
    "resize",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]
