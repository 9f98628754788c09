"""Reductions by segment: what stands in rows that have the same number is summed, multiplied, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.keys import checked, value_for_shape
from nabla.ops.lift import ArrayLike, as_node, op, want_real
from nabla.primitives.base import constant, ones, scalar, zeros
from nabla.primitives.cumulative import recurrence
from nabla.primitives.elementwise import add
from nabla.primitives.formulas import equal, greater, isnan, less, maximum, select, sub
from nabla.primitives.indexing import along_axis, index, index_add
from nabla.primitives.joining import concat, cut
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import broadcast, cast, reshape
from nabla.primitives.sorting import argsort

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def scatter_sum(data: Node, ids: Node, count: int) -> Node:
    """Rows of `data`, shape (n, ...), added up by their number in `ids`, shape (n,), into (count, ...)."""
    spec = (None, *[(0, n, 1) for n in data.shape[1:]])
    return index_add(zeros((count, *data.shape[1:]), data.dtype), data, ids, spec=spec, unique=False)


def _segments(name: str, data: ArrayLike, segment_ids: ArrayLike, num_segments: Any) -> tuple[Node, Node, int]:
    x, ids = as_node(data), as_node(segment_ids)
    if ids.dtype.kind not in "iu":
        raise DTypeError(f"{name}: the segment ids are integers; got {ids.dtype}")
    if ids.ndim != 1 or x.ndim < 1 or x.shape[0] != ids.shape[0]:
        raise ShapeError(f"{name}: there is one id for each row of data; got data of shape {x.shape} and ids of shape {ids.shape}")
    ids = cast(ids, dtypes.int64)
    if num_segments is None:
        value = value_for_shape(name, "segment_ids", ids, "Pass num_segments=.")
        count = int(value.max()) + 1 if value.size else 0
    else:
        count = integer(name, "num_segments", num_segments, 0)
    return x, checked(ids, 0, count), count


def _numbers(ids: Node, count: int) -> Node:
    """The ids with those that count from the end put right."""
    return select(less(ids, scalar(0, dtypes.int64)), add(ids, scalar(count, dtypes.int64)), ids)


def _sizes(ids: Node, count: int) -> Node:
    return scatter_sum(ones(ids.shape, dtypes.int64), ids, count)


def _column(x: Node, like: Node) -> Node:
    """A vector with an entry for each row of `like`."""
    return reshape(x, shape=(*x.shape, *(1,) * (like.ndim - 1)))


@op
def segment_sum(data: ArrayLike, segment_ids: ArrayLike, /, num_segments: int | None = None) -> Tensor:
    """The sums of the rows of `data` that have the same number in `segment_ids`, of shape (num_segments, *data.shape[1:]).

    data has the shape (n, ...), segment_ids (n,), in any order; a segment without rows sums to 0. Without num_segments it is
    the largest id plus one, which must be known then. Raises BoundsError for an id out of bounds, ShapeError where shapes do
    not fit, TracedValueError where num_segments is needed.

    >>> nb.segment_sum([1.0, 2.0, 3.0], [1, 0, 1]).tolist()
    [2.0, 4.0]
    """
    x, ids, count = _segments("segment_sum", data, segment_ids, num_segments)
    if x.dtype.kind == "b":
        x = cast(x, dtypes.int64)
    return scatter_sum(x, ids, count)


@op
def segment_mean(data: ArrayLike, segment_ids: ArrayLike, /, num_segments: int | None = None) -> Tensor:
    """The means of the rows of `data` that have the same number in `segment_ids`; NaN for a segment without rows.

    Shapes and errors as for `segment_sum`. Integers become floats of the default dtype.

    >>> nb.segment_mean([1.0, 2.0, 3.0], [1, 0, 1]).tolist()
    [2.0, 2.0]
    """
    x, ids, count = _segments("segment_mean", data, segment_ids, num_segments)
    x = cast(x, dtypes.to_inexact(x.dtype))
    sizes = cast(_sizes(ids, count), dtypes.to_real(x.dtype))
    return scatter_sum(x, ids, count) / _column(sizes, x)


@op
def segment_prod(data: ArrayLike, segment_ids: ArrayLike, /, num_segments: int | None = None) -> Tensor:
    """The products of the rows of `data` that have the same number in `segment_ids`; 1 for a segment without rows.

    Shapes and errors as for `segment_sum`. Its derivatives are right where factors are zero.

    >>> nb.segment_prod([5.0, 2.0, 3.0], [1, 0, 1]).tolist()
    [2.0, 15.0]
    """
    x, ids, count = _segments("segment_prod", data, segment_ids, num_segments)
    if x.dtype.kind == "b":
        x = cast(x, dtypes.int64)
    one = broadcast(scalar(1, x.dtype), shape=(count, *x.shape[1:]))
    if not x.size or not count:
        return one
    ids = _numbers(ids, count)
    order = argsort(ids, axis=0, descending=False)
    ordered, row = index(ids, order, spec=(None,), unique=True), _rows(x, order)
    # Products that start again where a segment does: t[i] = a[i] t[i-1] + b[i] with a = 0 there
    same = equal(cut(ordered, 0, 1, x.shape[0]), cut(ordered, 0, 0, x.shape[0] - 1))
    inside = _column(concat(zeros((1,), dtypes.bool_), same, axis=0), x)
    zero = zeros((), x.dtype)
    running = recurrence(select(inside, row, zero), select(inside, zero, row), axis=0, reverse=False)
    ends, filled = _ends(ordered, count, True)
    return select(_column(filled, x), _rows(running, ends), one)


def _rows(x: Node, positions: Node) -> Node:
    return index(x, positions, spec=(None, *[(0, n, 1) for n in x.shape[1:]]), unique=False)


def _ends(ordered: Node, count: int, last: bool) -> tuple[Node, Node]:
    """Where each segment ends (or starts) among sorted ids, and whether it has rows; where not, some row is named."""
    numbers = constant(np.arange(count))
    start, stop = (searchsorted(ordered, numbers, right=right) for right in (False, True))
    found = sub(stop, scalar(1, dtypes.int64)) if last else start
    top = scalar(max(ordered.shape[0] - 1, 0), dtypes.int64)
    clipped = maximum(select(greater(found, top), top, found), scalar(0, dtypes.int64))
    return clipped, greater(stop, start)


@op
def segment_max(data: ArrayLike, segment_ids: ArrayLike, /, num_segments: int | None = None) -> Tensor:
    """The largest of the rows of `data` that have the same number in `segment_ids`, element by element; NaN where one is.

    A segment without rows has the least value of the dtype, -inf for floats. Of equals, the first has the derivative. Shapes
    and errors as for `segment_sum`; DTypeError for complex numbers.

    >>> nb.segment_max([1.0, 2.0, 3.0], [1, 0, 1]).tolist()
    [2.0, 3.0]
    """
    return _extremum("segment_max", data, segment_ids, num_segments, True)


@op
def segment_min(data: ArrayLike, segment_ids: ArrayLike, /, num_segments: int | None = None) -> Tensor:
    """The least of the rows of `data` that have the same number in `segment_ids`, element by element; NaN where one is.

    A segment without rows has the largest value of the dtype, inf for floats. Of equals, the first has the derivative. Shapes
    and errors as for `segment_sum`; DTypeError for complex numbers.

    >>> nb.segment_min([1.0, 2.0, 3.0], [1, 0, 1]).tolist()
    [2.0, 1.0]
    """
    return _extremum("segment_min", data, segment_ids, num_segments, False)


def _extremum(name: str, data: ArrayLike, segment_ids: ArrayLike, num_segments: Any, largest: bool) -> Node:
    """The first of each segment in the order by value and then, which keeps that order, by segment."""
    x, ids, count = _segments(name, data, segment_ids, num_segments)
    want_real(name, x)
    nothing = broadcast(scalar(_beyond(x.dtype, largest), x.dtype), shape=(count, *x.shape[1:]))
    if not x.size or not count:
        return nothing
    ids = _numbers(ids, count)
    everywhere = broadcast(_column(ids, x), shape=x.shape)
    by_value = argsort(x, axis=0, descending=largest)
    by_segment = argsort(along_axis(everywhere, by_value, 0, unique=True), axis=0, descending=False)
    order = along_axis(by_value, by_segment, 0, unique=True)
    starts, filled = _ends(index(ids, argsort(ids, axis=0, descending=False), spec=(None,), unique=True), count, False)
    found = along_axis(x, _rows(order, starts), 0)
    if x.dtype.kind == "f" and not largest:  # NaN sorts behind the least
        some = greater(scatter_sum(cast(isnan(x), dtypes.int64), ids, count), scalar(0, dtypes.int64))
        found = select(some, scalar(float("nan"), x.dtype), found)
    return select(_column(filled, x), found, nothing)


def _beyond(dtype: np.dtype, largest: bool) -> Any:
    if dtype.kind == "f":
        return -np.inf if largest else np.inf
    if dtype.kind == "b":
        return not largest
    return int(np.iinfo(dtype).min if largest else np.iinfo(dtype).max)
