"""Pooling: the largest, or the mean, of each window. Both are made of strided reads, one for each element of a window."""

from __future__ import annotations

from itertools import product
from math import inf, prod
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, inexact, op, want_real
from nabla.ops.nn.spatial import Padding, borders, one_for_each, spatial_axes
from nabla.primitives.base import constant, scalar
from nabla.primitives.convolution import places
from nabla.primitives.indexing import index, index_set
from nabla.primitives.joining import pad_zeros, side_by_side
from nabla.primitives.reductions import reduce_max
from nabla.primitives.shape import broadcast

if TYPE_CHECKING:
    from nabla.tensor import Tensor

Numbers = tuple[int, ...]


def _arguments(name: str, x: Node, window: Any, stride: Any, padding: Any) -> tuple[Numbers, Numbers, Padding, Numbers]:
    """Window, strides and borders along each spatial axis, and the number of places."""
    ndim = spatial_axes(name, window, x.ndim)
    lengths = x.shape[x.ndim - ndim :]
    windows = one_for_each(name, "window", window, ndim, 1)
    strides = windows if stride is None else one_for_each(name, "stride", stride, ndim, 1)
    around = borders(name, padding, lengths, windows, strides, (1,) * ndim)
    for (low, high), k in zip(around, windows):
        if max(low, high) >= k:
            raise ShapeError(f"{name}: padding {padding} reaches as far as the window {windows}: some window would see nothing")
    size = tuple([places(n, k, s, low, high, 1, 1) for n, k, s, (low, high) in zip(lengths, windows, strides, around)])
    if min(size) < 1:
        raise ShapeError(f"{name}: the window {windows} is larger than the spatial axes {lengths} with their borders {around}")
    return windows, strides, around, size


def _read(x: Node, axis: int, start: int, stride: int, count: int) -> Node:
    """Every stride-th element along an axis."""
    spec = [(0, n, 1) for n in x.shape]
    spec[axis] = (start, count, stride)
    return index(x, spec=tuple(spec))


@op
def max_pool(x: ArrayLike, /, window: int | Sequence[int], *, stride: Any = None, padding: Any = 0) -> Tensor:
    """The largest element of each window that goes along the spatial axes, which are the last ones.

    window: its lengths, one for each spatial axis; one number stands for all axes of x behind the first two. stride: from
    window to window; without it, the windows lie side by side. padding: a border that is never the largest; as in `conv`, but
    shorter than the window. The result has the shape (..., *places); what is left over at the end is in no window.

    Elements that tie share the derivative equally. NaN if one is in the window. Raises ShapeError where no window fits,
    DTypeError for complex numbers.

    >>> nb.nn.max_pool([[[1.0, 5.0, 2.0, 3.0]]], 2).tolist()
    [[[5.0, 3.0]]]
    """
    x = as_node(x)
    want_real("max_pool", x)
    windows, strides, around, size = _arguments("max_pool", x, window, stride, padding)
    first = x.ndim - len(size)
    if any(low or high for low, high in around):
        x = _walled(x, around)
    leading = [(0, n, 1) for n in x.shape[:first]]
    ranges = [[(i, n, s) for i in range(k)] for k, s, n in zip(windows, strides, size)]
    seen = [index(x, spec=(*leading, *chosen)) for chosen in product(*ranges)]
    return reduce_max(side_by_side(seen, 0), axes=(0,))


def _walled(x: Node, around: Padding) -> Node:
    """x with the least number of its dtype around it."""
    kind = x.dtype.kind
    least = -inf if kind == "f" else False if kind == "b" else int(np.iinfo(x.dtype).min)
    low = [0] * (x.ndim - len(around)) + [a for a, _ in around]
    high = [0] * (x.ndim - len(around)) + [b for _, b in around]
    shape = tuple([a + n + b for a, n, b in zip(low, x.shape, high)])
    wall = broadcast(scalar(least, x.dtype), shape=shape)
    return index_set(wall, x, spec=tuple([(a, n, 1) for a, n in zip(low, x.shape)]))


@op
def avg_pool(
    x: ArrayLike, /, window: int | Sequence[int], *, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
) -> Tensor:
    """The mean of each window that goes along the spatial axes, which are the last ones.

    window, stride, padding: as of `max_pool`; the border is of zeros. count_include_pad: whether these count as elements; if
    not, the mean is that of the elements of x alone. Integers become floats of the default dtype. Raises ShapeError where no
    window fits.

    >>> nb.nn.avg_pool([[[1.0, 5.0, 2.0, 4.0]]], 2).tolist()
    [[[3.0, 3.0]]]
    """
    x = inexact(as_node(x))
    windows, strides, around, size = _arguments("avg_pool", x, window, stride, padding)
    first = x.ndim - len(size)
    lengths = x.shape[first:]
    if any(low or high for low, high in around):
        nothing = [0] * first
        x = pad_zeros(x, [*nothing, *[low for low, _ in around]], [*nothing, *[high for _, high in around]])
    for axis, (k, s, n) in enumerate(zip(windows, strides, size), first):  # a window's sum is one sum after the other
        total = _read(x, axis, 0, s, n)
        for i in range(1, k):
            total = total + _read(x, axis, i, s, n)
        x = total
    if count_include_pad:
        return x * (1.0 / prod(windows))
    count = np.ones(())
    for length, k, s, (low, _), n in zip(lengths, windows, strides, around, size):
        start = np.arange(n) * s - low
        inside = np.minimum(start + k, length) - np.maximum(start, 0)
        count = np.multiply.outer(count, inside)
    return x * constant((1.0 / count).astype(x.dtype))
