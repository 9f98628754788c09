"""Losses: how far predictions are from what they should be. `reduction` says what is made of the numbers of all elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import one_axis
from nabla.ops.indexing import take_along_axis
from nabla.ops.lift import ArrayLike, as_node, inexact, op, pair, real_floats
from nabla.ops.reductions import mean
from nabla.primitives.base import Shape
from nabla.primitives.elementwise import mul
from nabla.primitives.formulas import abs_, less_equal, like, select, softplus, square
from nabla.primitives.shape import reduce_sum, reshape, restore_axes
from nabla.primitives.softmax import log_softmax

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _reduced(name: str, losses: Node, reduction: str) -> Node:
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return reduce_sum(losses, axes=tuple(range(losses.ndim)))
    if reduction != "none":
        raise ArgumentError(f'{name}: reduction is "mean", "sum" or "none"; got {reduction!r}')
    return losses


def _difference(name: str, x: ArrayLike, y: ArrayLike) -> Node:
    a, b = pair(x, y)
    if a.shape != b.shape:
        raise ShapeError(f"{name}: predictions and targets have one shape; got {a.shape} and {b.shape}")
    return inexact(a) - inexact(b)


@op
def cross_entropy(
    logits: ArrayLike, labels: ArrayLike, /, *, axis: int = -1, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """-log(softmax(logits)) of the right class, which `labels` tells: by its number, or by a probability for each class.

    The classes go along `axis` of logits. labels are integers of the shape of logits without that axis, or floats of its whole
    shape. label_smoothing: so much of the probability is spread evenly over all classes first. reduction: "mean", "sum" or "none".
    Raises ShapeError where shapes do not fit, BoundsError for a class that there is not, ArgumentError for another reduction.

    >>> nb.nn.cross_entropy([[0.0, 0.0], [1000.0, 0.0]], [0, 1], reduction="none").round(4).tolist()
    [0.6931, 1000.0]
    """
    x, y = real_floats("cross_entropy", logits), as_node(labels)
    at = one_axis("cross_entropy", axis, x.ndim)
    logs = log_softmax(x, axes=(at,))
    if y.dtype.kind in "iu":
        _fits(y.shape, (*x.shape[:at], *x.shape[at + 1 :]), x.shape, "without the axis of classes")
        found: Node = take_along_axis(logs, restore_axes(y, x.shape, (at,)), axis=at)  # type: ignore[assignment]
        losses = -reshape(found, shape=y.shape)
    else:
        _fits(y.shape, x.shape, x.shape, "as they are probabilities")
        losses = -reduce_sum(mul(y, logs), axes=(at,))
    if label_smoothing:
        losses = (1.0 - label_smoothing) * losses - label_smoothing * mean(logs, axis=at)
    return _reduced("cross_entropy", losses, reduction)


def _fits(found: Shape, wanted: Shape, logits: Shape, why: str) -> None:
    if found != wanted:
        raise ShapeError(f"cross_entropy: labels have the shape {wanted} of logits of shape {logits}, {why}; got {found}")


@op
def binary_cross_entropy_with_logits(logits: ArrayLike, labels: ArrayLike, /, *, reduction: str = "mean") -> Tensor:
    """-labels * log(p) - (1 - labels) * log(1 - p) for p = sigmoid(logits), without overflow.

    labels, from 0 to 1, have the shape of logits. reduction: "mean", "sum" or "none". Raises ShapeError where shapes differ,
    ArgumentError for another reduction.

    >>> nb.nn.binary_cross_entropy_with_logits([1000.0, -1000.0], [1, 0]).item()
    0.0
    """
    x, y = real_floats("binary_cross_entropy_with_logits", logits), as_node(labels)
    if x.shape != y.shape:
        raise ShapeError(f"binary_cross_entropy_with_logits: labels have the shape of logits, {x.shape}; got {y.shape}")
    return _reduced("binary_cross_entropy_with_logits", softplus(x) - mul(x, y), reduction)


@op
def mse_loss(x: ArrayLike, target: ArrayLike, /, *, reduction: str = "mean") -> Tensor:
    """abs(x - target)**2, of shapes that are equal. reduction: "mean", "sum" or "none".

    Raises ShapeError where shapes differ, ArgumentError for another reduction.

    >>> nb.nn.mse_loss([1.0, 3.0], [0.0, 0.0]).item()
    5.0
    """
    difference = _difference("mse_loss", x, target)
    return _reduced("mse_loss", square(abs_(difference) if difference.dtype.kind == "c" else difference), reduction)


@op
def huber_loss(x: ArrayLike, target: ArrayLike, /, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """r**2 / 2 for r = abs(x - target) up to `delta`, and delta * (r - delta / 2), which goes on straight, from there on.

    reduction: "mean", "sum" or "none". Raises ShapeError where shapes differ, ArgumentError for another reduction.

    >>> nb.nn.huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none").tolist()
    [0.125, 2.5]
    """
    difference = _difference("huber_loss", x, target)
    r = abs_(difference)
    near = square(abs_(difference) if difference.dtype.kind == "c" else difference)
    return _reduced("huber_loss", select(less_equal(r, like(r, delta)), 0.5 * near, delta * (r - 0.5 * delta)), reduction)
