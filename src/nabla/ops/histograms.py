"""Counting by value: bins, histograms in one and more dimensions. Counts are constant, but weights are differentiated."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError, ShapeError
from nabla.graph.node import Node, in_memory, is_scalar, runtime
from nabla.ops.axes import integer
from nabla.ops.keys import value_for_shape
from nabla.ops.lift import ArrayLike, as_node, op, want_real
from nabla.ops.segments import scatter_sum
from nabla.primitives.base import constant, ones, scalar, zeros
from nabla.primitives.elementwise import add, mul
from nabla.primitives.formulas import equal, greater_equal, less_equal, logical_and, select, sub
from nabla.primitives.joining import concat, cut, pick
from nabla.primitives.reductions import reduce_max, reduce_min
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import broadcast, cast, flip, reduce_sum, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _int(value: int) -> Node:
    return scalar(value, dtypes.int64)


def _known(x: Node) -> Any:
    """The value, or None under a placeholder."""
    if x.tokens.placeholder:
        return None
    if x.value is None:
        runtime.realize((x,))
    return in_memory(x)


@op
def bincount(x: ArrayLike, /, weights: ArrayLike | None = None, minlength: int = 0, *, length: int | None = None) -> Tensor:
    """How often each of the integers 0, 1, ... is in x; with `weights`, the sums of their weights, in which it is linear.

    x has one axis and no negative numbers. The result has one element more than the largest of x says, or `minlength`; with
    `length` it has that many, whatever is in x, and larger numbers are not counted: so it goes under vmap and jit. Counts
    are int64, sums float64 or complex128. Raises ArgumentError for negative numbers, ShapeError where shapes do not fit.

    >>> nb.bincount([0, 1, 1, 3]).tolist()
    [1, 2, 0, 1]
    """
    node = as_node(x)
    if node.dtype.kind not in "biu" and node.size:
        raise DTypeError(f"bincount: integers are counted; got {node.dtype}")
    if node.ndim != 1:
        raise ShapeError(f"bincount: x has one axis; got shape {node.shape}")
    numbers = cast(node, dtypes.int64)
    least = integer("bincount", "minlength", minlength, 0)
    known = value_for_shape("bincount", "x", numbers, "Pass length=.") if length is None else _known(numbers)
    if known is not None and known.size and known.min() < 0:
        raise ArgumentError(f"bincount: x has no negative numbers; got {int(known.min())}")
    if length is None:
        count = max(least, int(known.max()) + 1 if known.size else 0)
    else:
        count = integer("bincount", "length", length, 0)
    if weights is None:
        each = ones(node.shape, dtypes.int64)
    else:
        each = as_node(weights)
        if each.shape != node.shape:
            raise ShapeError(f"bincount: x and weights have one shape; got {node.shape} and {each.shape}")
        each = cast(each, dtypes.complex128 if each.dtype.kind == "c" else dtypes.float64)
    inside = logical_and(greater_equal(numbers, _int(0)), less_equal(numbers, _int(count - 1)))
    return _collected(each, select(inside, numbers, _int(count)), count)


def _collected(each: Node, positions: Node, count: int) -> Node:
    """Sums by position; what is at `count` is left out."""
    return cut(scatter_sum(each, positions, count + 1), 0, 0, count)


@op
def digitize(x: ArrayLike, bins: ArrayLike, /, right: bool = False) -> Tensor:
    """For each element of x the number of the bin it is in: i where bins[i-1] <= x < bins[i], or with `right` where
    bins[i-1] < x <= bins[i].

    bins has one axis and ascends or descends (then the comparisons are turned round); under vmap and jit it must ascend. Below
    them it is 0, above them len(bins). Raises ArgumentError for bins that do neither, DTypeError for complex numbers.

    >>> nb.digitize([0.2, 6.4, 3.0], [0.0, 1.0, 2.5, 4.0, 10.0]).tolist()
    [1, 4, 3]
    """
    node, edges = as_node(x), as_node(bins)
    want_real("digitize", node)
    want_real("digitize", edges)
    if edges.ndim != 1:
        raise ShapeError(f"digitize: bins has one axis; got shape {edges.shape}")
    dtype = dtypes.promote(node.dtype, edges.dtype)
    node, edges = cast(node, dtype), cast(edges, dtype)
    known = _known(edges)
    if known is None or (known[1:] >= known[:-1]).all():
        return searchsorted(edges, node, right=not right)
    if not (known[1:] <= known[:-1]).all():
        raise ArgumentError("digitize: bins ascends or descends; these do neither")
    found = searchsorted(flip(edges, axes=(0,)), node, right=not right)
    return sub(_int(edges.shape[0]), found)


# Histograms


def _edges(name: str, x: Node, bins: Any, limits: Any) -> Node:
    """The edges of the bins of one coordinate."""
    if isinstance(bins, str):
        values = value_for_shape(name, "x", x, "Give the number of bins, or their edges.")
        return constant(np.histogram_bin_edges(values, bins, limits))
    if not is_scalar(bins) and not isinstance(bins, np.integer):
        edges = as_node(bins)
        if edges.ndim == 1:
            want_real(name, edges)
            known = _known(edges)
            if known is not None and (known[1:] < known[:-1]).any():
                raise ArgumentError(f"{name}: the edges of the bins ascend; these do not")
            return edges
        if edges.ndim:
            raise ShapeError(f"{name}: bins is a number, or edges on one axis; got shape {edges.shape}")
        bins = value_for_shape(name, "bins", edges, "Give a number.").item()
    count = integer(name, "bins", bins)
    if count < 1:
        raise ArgumentError(f"{name}: there is at least one bin; got {count}")
    dtype = dtypes.strong(x.dtype) if x.dtype.kind == "f" else dtypes.float64
    work = dtype if limits is None else dtypes.float64  # as NumPy, which rounds the edges at the end
    low, high = _limits(name, x, limits, work)
    step = (high - low) / float(count)
    inner = add(mul(constant(np.arange(count).astype(work)), step), low)
    return cast(concat(inner, reshape(high, shape=(1,)), axis=0), dtype)


def _limits(name: str, x: Node, limits: Any, dtype: np.dtype) -> tuple[Node, Node]:
    if limits is not None:
        low, high = (cast(as_node(end), dtype) for end in limits)
        ends = _known(low), _known(high)
        if None not in ends and not (-inf < ends[0] <= ends[1] < inf):
            raise ArgumentError(f"{name}: range is two finite numbers, the larger one last; got {limits}")
    elif not x.size:
        low, high = scalar(0.0, dtype), scalar(1.0, dtype)
    else:
        axes = tuple(range(x.ndim))
        low, high = cast(reduce_min(x, axes=axes), dtype), cast(reduce_max(x, axes=axes), dtype)
        ends = _known(low), _known(high)
        if None not in ends and not np.isfinite(ends).all():
            raise ArgumentError(f"{name}: the values go from {ends[0]} to {ends[1]}; give a finite range=")
    narrow = equal(low, high)
    return select(narrow, low - 0.5, low), select(narrow, high + 0.5, high)


def _bin_of(x: Node, edges: Node) -> tuple[Node, Node]:
    """The number of the bin of each element of a flat x, and whether it is in any; the last bin has both its edges."""
    dtype = dtypes.promote(x.dtype, edges.dtype)
    x, edges = cast(x, dtype), cast(edges, dtype)
    n = edges.shape[0]
    last = pick(edges, 0, n - 1)
    inside = logical_and(greater_equal(x, pick(edges, 0, 0)), less_equal(x, last))
    found = sub(searchsorted(edges, x, right=True), _int(1))
    return select(equal(x, last), _int(n - 2), found), inside


def _flat(x: Node) -> Node:
    return x if x.ndim == 1 else reshape(x, shape=(x.size,))


def _counted(name: str, columns: Sequence[Node], all_edges: Sequence[Node], weights: Any) -> Node:
    count = columns[0].shape[0]
    if weights is None:
        each = ones((count,), dtypes.int64)
    else:
        each = as_node(weights)
        if each.size != count:
            raise ShapeError(f"{name}: there is one weight for each of the {count} values; got shape {each.shape}")
        each = _flat(cast(each, dtypes.int64) if each.dtype.kind == "b" else each)
    shape = tuple([edges.shape[0] - 1 for edges in all_edges])
    position, inside = zeros((), dtypes.int64), broadcast(scalar(True, dtypes.bool_), shape=(count,))
    total = 1
    for column, edges, n in zip(columns, all_edges, shape):
        if n < 1:
            raise ShapeError(f"{name}: bins have at least two edges; got {n + 1}")
        found, within = _bin_of(column, edges)
        position, inside = add(mul(position, _int(n)), found), logical_and(inside, within)
        total *= n
    return reshape(_collected(each, select(inside, position, _int(total)), total), shape=shape)


def _dense(counts: Node, all_edges: Sequence[Node]) -> Node:
    """Counts divided by their sum and by the volume of their bins."""
    dtype = dtypes.promote(dtypes.to_inexact(counts.dtype), dtypes.float64)
    out = cast(counts, dtype)
    out = out / reduce_sum(out, axes=tuple(range(out.ndim)))
    for axis, edges in enumerate(all_edges):
        n = edges.shape[0]
        widths = cast(sub(cut(edges, 0, 1, n), cut(edges, 0, 0, n - 1)), dtypes.float64)
        out = out / reshape(widths, shape=(n - 1, *(1,) * (out.ndim - axis - 1)))
    return out


def _numbers(name: str, x: ArrayLike) -> Node:
    """What is counted: flat, real, and booleans as bytes."""
    node = as_node(x)
    want_real(name, node)
    return _flat(cast(node, dtypes.uint8) if node.dtype.kind == "b" else node)


@op
def histogram_bin_edges(x: ArrayLike, /, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None) -> Tensor:
    """The edges of the bins that `histogram` counts in; weights do not change them.

    Raises ArgumentError for edges that do not ascend and for an x that is not finite where no range is given.

    >>> nb.histogram_bin_edges([1.0, 2.0, 3.0], bins=2).tolist()
    [1.0, 2.0, 3.0]
    """
    return _edges("histogram_bin_edges", _numbers("histogram_bin_edges", x), bins, range)


@op
def histogram(
    x: ArrayLike,
    /,
    bins: Any = 10,
    range: Any = None,
    density: bool = False,
    weights: ArrayLike | None = None,
) -> tuple[Tensor, Tensor]:
    """How many elements of x are in each bin, and the edges of the bins.

    bins: their number, their edges, ascending, or the name of a rule of NumPy's. range: from where to where, if bins is a number;
    else from the least to the largest of x. A bin has its left edge, the last one both. weights are summed in place of counting,
    and are differentiated; density divides by sum and width. Raises ArgumentError for edges that do not ascend and for an x
    that is not finite where no range is given, DTypeError for complex numbers.

    >>> counts, edges = nb.histogram([1.0, 2.0, 1.0], bins=[0, 1, 2, 3])
    >>> counts.tolist(), edges.tolist()
    ([0, 2, 1], [0, 1, 2, 3])
    """
    node = _numbers("histogram", x)
    edges = _edges("histogram", node, bins, range)
    counts = _counted("histogram", [node], [edges], weights)
    return (_dense(counts, [edges]) if density else counts), edges


@op
def histogramdd(
    sample: ArrayLike,
    /,
    bins: Any = 10,
    range: Any = None,
    density: bool = False,
    weights: ArrayLike | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """How many points are in each box, and the edges of the bins along each axis.

    sample: of shape (points, axes), or a sequence with the coordinates along each axis. bins, range: as for `histogram`, for
    all axes or in a sequence for each. Without weights the counts are floats, as NumPy's. Errors as for `histogram`.

    >>> counts, edges = nb.histogramdd([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]], bins=2)
    >>> counts.tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    if isinstance(sample, (tuple, list)) and not (sample and isinstance(sample[0], (tuple, list))):
        columns = [_flat(as_node(x)) for x in sample]
    else:
        points = as_node(sample)
        if points.ndim == 1:
            points = reshape(points, shape=(points.size, 1))
        if points.ndim != 2:
            raise ShapeError(f"histogramdd: sample has shape (points, axes); got {points.shape}")
        columns = [pick(points, 1, i) for i in np.arange(points.shape[1]).tolist()]
    return _boxes("histogramdd", columns, bins, range, density, weights)


def _boxes(name: str, columns: list[Node], bins: Any, limits: Any, density: bool, weights: Any) -> tuple[Node, list[Node]]:
    for column in columns:
        want_real(name, column)
        if column.shape != columns[0].shape:
            raise ShapeError(f"{name}: all axes have as many coordinates; got {columns[0].shape} and {column.shape}")
    each = list(bins) if isinstance(bins, (tuple, list)) else [bins] * len(columns)
    if len(each) != len(columns):
        raise ArgumentError(f"{name}: bins is for each of the {len(columns)} axes; got {len(each)} entries")
    ends = [None] * len(columns) if limits is None else list(limits)
    if len(ends) != len(columns):
        raise ArgumentError(f"{name}: range is for each of the {len(columns)} axes; got {len(ends)} entries")
    edges = [_edges(name, x, b, end) for x, b, end in zip(columns, each, ends)]
    counts = _counted(name, columns, edges, weights)
    counts = cast(counts, dtypes.promote(counts.dtype, dtypes.float64))
    return (_dense(counts, edges) if density else counts), edges


@op
def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    /,
    bins: Any = 10,
    range: Any = None,
    density: bool = False,
    weights: ArrayLike | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """How many of the points (x, y) are in each rectangle, and the edges of the bins along x and along y.

    bins: a number, the edges for both axes, or a pair of these. The rest as for `histogramdd`.

    >>> counts, _, _ = nb.histogram2d([0.0, 1.0, 1.0], [0.0, 1.0, 0.0], bins=2)
    >>> counts.tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    columns = [as_node(x), as_node(y)]
    for column in columns:
        if column.ndim != 1:
            raise ShapeError(f"histogram2d: x and y have one axis; got shape {column.shape}")
    if not is_scalar(bins) and not (isinstance(bins, (tuple, list)) and len(bins) == 2):
        bins = [bins, bins]
    counts, edges = _boxes("histogram2d", columns, bins, range, density, weights)
    return counts, edges[0], edges[1]
