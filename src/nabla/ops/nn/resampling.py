"""Images and other signals at other lengths: each axis for itself, each new element a weighted sum of its neighbours.

Cubic: R. Keys, "Cubic convolution interpolation for digital image processing" (1981), equation (15) with a = -3/4, as is usual
for images; Keys' own a = -1/2 reproduces parabolas, but is softer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Sequence

import numpy as np

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, inexact, op
from nabla.ops.nn.spatial import one_for_each, spatial_axes
from nabla.primitives.base import constant
from nabla.primitives.indexing import index
from nabla.primitives.shape import move_axis

if TYPE_CHECKING:
    from nabla.tensor import Tensor

METHODS = ("nearest", "linear", "cubic")


def _sources(n: int, m: int, align_corners: bool) -> np.ndarray:
    """Where the m new elements lie among the n old ones, which are at 0, 1, ..., n - 1."""
    if align_corners:
        return np.linspace(0.0, n - 1.0, m) if m > 1 else np.zeros(m)
    return ((2 * np.arange(m) + 1) * n - m) / max(2 * m, 1)  # (i + 1/2) n / m - 1/2, rounded once


def _cubic(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    """The weight of a neighbour at this distance."""
    d = np.abs(distance)
    near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    far = ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    return np.where(d <= 1.0, near, np.where(d < 2.0, far, 0.0))


@lru_cache(maxsize=256)
def _neighbours(n: int, m: int, method: str, align_corners: bool) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Positions of neighbours, and their weights, for each new element; a neighbour beyond an end is the one at the end."""
    if method == "nearest":
        return [((2 * np.arange(m) + 1) * n // max(2 * m, 1), None)]  # whole numbers: no rounding moves a tie
    source = _sources(n, m, align_corners)
    if method == "linear":
        source = np.clip(source, 0.0, n - 1.0)
    below = np.floor(source).astype(np.int64)
    found: list[tuple[np.ndarray, np.ndarray | None]] = []
    for step in (0, 1) if method == "linear" else (-1, 0, 1, 2):
        distance = source - (below + step)
        weight = 1.0 - np.abs(distance) if method == "linear" else _cubic(distance)
        found.append((np.clip(below + step, 0, n - 1), weight))
    return found


def _along(x: Node, axis: int, m: int, method: str, align_corners: bool) -> Node:
    rows = move_axis(x, axis, 0)
    n = rows.shape[0]
    spec = (None, *[(0, length, 1) for length in rows.shape[1:]])
    total: Node | None = None
    for positions, weight in _neighbours(n, m, method, align_corners):
        term = index(rows, constant(positions), spec=spec, unique=method == "nearest" and m <= n)
        if weight is not None:
            term = term * constant(weight.reshape(-1, *(1,) * (rows.ndim - 1)).astype(x.dtype))
        total = term if total is None else total + term
    assert total is not None
    return move_axis(total, 0, axis)


@op
def resize(x: ArrayLike, /, shape: int | Sequence[int], method: str = "linear", *, align_corners: bool = False) -> Tensor:
    """x with other lengths of its spatial axes, which are the last ones, by interpolation.

    shape: the new lengths, one for each spatial axis; one number stands for all axes of x behind the first two. method:
    "nearest", "linear" or "cubic" (with overshoots); along several axes, one after the other.

    Elements are taken as cells of which the value is at the middle: the cells of both shapes fill the same interval. With
    align_corners=True they are points, and the first and the last ones coincide. Beyond an end, the value at the end goes on.
    Nothing is smoothed first: to shrink an image much, take `avg_pool` before. Integers become floats, but stay with "nearest".
    Raises ShapeError for an axis without elements, ArgumentError for another method.

    >>> nb.nn.resize([[[0.0, 4.0]]], 4).tolist()
    [[[0.0, 1.0, 3.0, 4.0]]]
    >>> nb.nn.resize([[[0.0, 4.0]]], 5, align_corners=True).tolist()
    [[[0.0, 1.0, 2.0, 3.0, 4.0]]]
    """
    x = as_node(x)
    if method not in METHODS:
        raise ArgumentError(f'resize: method is "nearest", "linear" or "cubic"; got {method!r}')
    if method == "nearest":
        if align_corners:
            raise ArgumentError('resize: align_corners has a meaning for "linear" and "cubic" only')
    else:
        x = inexact(x)
    ndim = spatial_axes("resize", shape, x.ndim)
    lengths = one_for_each("resize", "shape", shape, ndim, 0)
    for axis, m in enumerate(lengths, x.ndim - ndim):
        n = x.shape[axis]
        if n == 0 and m:
            raise ShapeError(f"resize: axis {axis} of x has no elements to interpolate; x has shape {x.shape}")
        if m != n:
            x = _along(x, axis, m, method, align_corners)
    return x
