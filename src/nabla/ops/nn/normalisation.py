"""Normalisations: numbers shifted and scaled to mean 0 and variance 1, over some axes or others."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis, several_axes
from nabla.ops.lift import ArrayLike, as_node, inexact, op, pair
from nabla.ops.reductions import Axis, mean as mean_over, var as var_over
from nabla.primitives.formulas import abs_, sqrt, square
from nabla.primitives.shape import reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _scaled(x: Node, weight: Any, bias: Any) -> Node:
    """x * weight + bias, of those that are given."""
    if weight is not None:
        x, w = pair(x, weight)
        x = x * w
    if bias is not None:
        x, b = pair(x, bias)
        x = x + b
    return x


def _normal(x: Node, axes: tuple[int, ...], eps: float) -> Node:
    centre: Any = mean_over(x, axis=axes, keepdims=True)
    spread: Any = var_over(x, axis=axes, keepdims=True)
    return (x - centre) / sqrt(spread + eps)


@op
def layer_norm(
    x: ArrayLike, /, weight: ArrayLike | None = None, bias: ArrayLike | None = None, *, axis: Axis = -1, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias, with mean and variance over `axis`, an axis or several.

    weight and bias broadcast against x. Source: Ba, Kiros and Hinton, "Layer normalization" (2016). Raises AxisError for an axis
    that x has not.

    >>> nb.nn.layer_norm([1.0, 3.0], eps=0.0).tolist()
    [-1.0, 1.0]
    """
    node = inexact(as_node(x))
    return _scaled(_normal(node, several_axes("layer_norm", axis, node.ndim), eps), weight, bias)


@op
def rms_norm(x: ArrayLike, /, weight: ArrayLike | None = None, *, axis: Axis = -1, eps: float = 1e-6) -> Tensor:
    """x / sqrt(mean of abs(x)**2 + eps) * weight, with the mean over `axis`, an axis or several.

    weight broadcasts against x. Source: Zhang and Sennrich, "Root mean square layer normalization" (2019). Raises AxisError for
    an axis that x has not.

    >>> nb.nn.rms_norm([3.0, -3.0], eps=0.0).tolist()
    [1.0, -1.0]
    """
    node = inexact(as_node(x))
    size: Any = mean_over(square(abs_(node)), axis=several_axes("rms_norm", axis, node.ndim), keepdims=True)
    return _scaled(node / sqrt(size + eps), weight, None)


def _along(name: str, what: str, value: Any, channels: int, axis: int, ndim: int) -> Node | None:
    """A vector with a number for each channel, as it broadcasts against x."""
    if value is None:
        return None
    node = as_node(value)
    if node.shape != (channels,):
        raise ShapeError(f"{name}: {what} has a number for each of the {channels} channels; got shape {node.shape}")
    return reshape(node, shape=(channels, *(1,) * (ndim - axis - 1)))


@op
def batch_norm(
    x: ArrayLike,
    /,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    mean: ArrayLike | None = None,
    var: ArrayLike | None = None,
    axis: int = 1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, with mean and variance over all axes but `axis`, that of the channels.

    mean, var: numbers to take instead of those of x, such as averages kept from training. All four are vectors with a number for
    each channel. Source: Ioffe and Szegedy, "Batch normalization" (2015). Raises ShapeError where one is not.

    >>> nb.nn.batch_norm([[1.0, 5.0], [3.0, 9.0]], eps=0.0).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    node = inexact(as_node(x))
    at = one_axis("batch_norm", axis, node.ndim)
    channels, others = node.shape[at], tuple([i for i in range(node.ndim) if i != at])
    scale, shift, centre, spread = (
        _along("batch_norm", what, value, channels, at, node.ndim)
        for what, value in (("weight", weight), ("bias", bias), ("mean", mean), ("var", var))
    )
    found_centre: Any = mean_over(node, axis=others, keepdims=True) if centre is None else centre
    found_spread: Any = var_over(node, axis=others, keepdims=True) if spread is None else spread
    return _scaled((node - found_centre) / sqrt(found_spread + eps), scale, shift)


@op
def group_norm(
    x: ArrayLike, groups: int, /, weight: ArrayLike | None = None, bias: ArrayLike | None = None, *, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias, with mean and variance over groups of channels and their places.

    x: (batch, channels, *spatial). weight and bias have a number for each channel. With as many groups as channels it is known as
    instance normalisation. Source: Wu and He, "Group normalization" (2018). Raises ShapeError where shapes do not fit.

    >>> nb.nn.group_norm([[1.0, 3.0, 5.0, 9.0]], 2, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    node = inexact(as_node(x))
    if node.ndim < 2:
        raise ShapeError(f"group_norm: x has the shape (batch, channels, *spatial); got {node.shape}")
    count = integer("group_norm", "groups", groups, 1)
    batch, channels = node.shape[:2]
    if channels % count:
        raise ShapeError(f"group_norm: {channels} channels do not make {count} groups of one size")
    rows = reshape(node, shape=(batch, count, channels // count * prod(node.shape[2:])))
    scale, shift = (
        _along("group_norm", what, value, channels, 1, node.ndim) for what, value in (("weight", weight), ("bias", bias))
    )
    return _scaled(reshape(_normal(rows, (2,), eps), shape=node.shape), scale, shift)
