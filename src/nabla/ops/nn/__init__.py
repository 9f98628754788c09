"""nb.nn: what networks are made of: convolutions, pooling, resampling, normalisations, attention, losses, and the
activations, which are the top-level functions.

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
from nabla.ops.nn.attention import scaled_dot_product_attention
from nabla.ops.nn.convolution import conv, conv_transpose
from nabla.ops.nn.coordinates import map_coordinates
from nabla.ops.nn.dropping import dropout
from nabla.ops.nn.encoding import embedding, one_hot
from nabla.ops.nn.losses import binary_cross_entropy_with_logits, cross_entropy, huber_loss, mse_loss
from nabla.ops.nn.normalisation import batch_norm, group_norm, layer_norm, rms_norm
from nabla.ops.nn.pooling import avg_pool, max_pool
from nabla.ops.nn.resampling import resize

__all__ = [
    "avg_pool",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv",
    "conv_transpose",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "huber_loss",
    "layer_norm",
    "leaky_relu",
    "log_softmax",
    "map_coordinates",
    "max_pool",
    "mse_loss",
    "one_hot",
    "relu",
    "resize",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]
