"""What an XLA kernel is, and what kernels share: jax, imported when first used, and NumPy's broadcasting.

A kernel is a function of the inputs of a node and its parameters, as one of the NumPy engine is. It is called while jax traces, so
that its arguments have a shape and a dtype and no values; a constant may come as an ndarray. It is written in terms of jax.lax,
whose functions want equal dtypes and equal shapes, and gives the shape and dtype that the node announces. Where the node has
several outputs, it gives a tuple.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla import lazy

Kernel = Callable[..., Any]

jax = lazy.optional("jax", "xla")
jnp = lazy.optional("jax.numpy", "xla")
lax = lazy.optional("jax.lax", "xla")


def together(*xs: Any) -> tuple[list[Any], tuple[int, ...]]:
    """Arrays broadcast to their common shape, and that shape."""
    shape = np.broadcast_shapes(*[x.shape for x in xs])
    return [broadcast_to(x, shape) for x in xs], shape


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` broadcast as NumPy does it: axes aligned at the right."""
    if x.shape == shape:
        return x
    return lax.broadcast_in_dim(x, shape, tuple(range(len(shape) - x.ndim, len(shape))))
