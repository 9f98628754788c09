"""Quantiles and percentiles, weighted ones too, and those of what is left when NaNs are taken away.

A quantile is read off the sorted elements: one of them, or a mix of two neighbours. Its derivative goes to those elements, and by q
it is the slope between them; none goes to a NaN that was left out. The rules by which the place is found, and their names, are
those of Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996), as NumPy has them.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.graph.node import Node, in_memory, is_scalar, runtime
from nabla.ops.axes import ordered_axes, several_axes
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, want_real
from nabla.primitives import cumulative as c, formulas as f, sorting as s
from nabla.primitives.base import scalar
from nabla.primitives.indexing import along_axis, index
from nabla.primitives.joining import cut, pick
from nabla.primitives.shape import broadcast, cast, convert, reduce_sum, reshape, restore_axes, transpose

if TYPE_CHECKING:
    from nabla.tensor import Tensor

NAN = float("nan")


# Where the quantile stands among n sorted elements, counted from 0; a whole number where one element is meant


def _between(alpha: float, beta: float) -> Callable[[Any, Node], Node]:
    return lambda n, q: q * n + (q * (1.0 - alpha - beta) + alpha) - 1.0


def _last(n: Any, q: Node) -> Node:
    return q * (n - 1)


def _next_unless_whole(place: Node, stay: Node) -> Node:
    below = f.floor(place)
    return f.select(stay, below, below + 1.0)


def _is_whole(place: Node) -> Node:
    return f.equal(place, f.floor(place))


def _inverted_cdf(n: Any, q: Node) -> Node:
    place = q * n - 1.0
    return _next_unless_whole(place, _is_whole(place))


def _closest_observation(n: Any, q: Node) -> Node:
    place = q * n - 1.5
    odd = f.equal(f.remainder(f.floor(place), f.like(place, 2)), f.like(place, 1))
    return _next_unless_whole(place, f.logical_and(_is_whole(place), odd))


DISCRETE: dict[str, Callable[[Any, Node], Node]] = {
    "inverted_cdf": _inverted_cdf,
    "closest_observation": _closest_observation,
    "lower": lambda n, q: f.floor(_last(n, q)),
    "higher": lambda n, q: f.ceil(_last(n, q)),
    "nearest": lambda n, q: f.rint(_last(n, q)),
}
CONTINUOUS: dict[str, Callable[[Any, Node], Node]] = {
    "linear": _last,
    "interpolated_inverted_cdf": _between(0.0, 1.0),
    "hazen": _between(0.5, 0.5),
    "weibull": _between(0.0, 0.0),
    "median_unbiased": _between(1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": _between(3.0 / 8.0, 3.0 / 8.0),
    "averaged_inverted_cdf": lambda n, q: q * n - 1.0,
    "midpoint": lambda n, q: (f.floor(_last(n, q)) + f.ceil(_last(n, q))) * 0.5,
}


def _share(method: str, place: Node, below: Node) -> Node:
    """How much of the upper neighbour there is in the quantile."""
    part = place - below
    whole = f.equal(part, f.zero_of(part))
    if method == "averaged_inverted_cdf":
        return f.select(whole, f.like(part, 0.5), f.like(part, 1))
    if method == "midpoint":
        return f.select(whole, f.zero_of(part), f.like(part, 0.5))
    return part


# What the functions share


def _arranged(name: str, x: Node, axis: Any) -> tuple[Node, tuple[int, ...]]:
    """x with all that is reduced in one axis, the first; and which axes these were."""
    axes = several_axes(name, axis, x.ndim)
    kept = tuple([i for i in range(x.ndim) if i not in axes])
    left = tuple([x.shape[i] for i in kept])
    perm = axes + kept
    moved = x if perm == tuple(range(x.ndim)) else transpose(x, perm=perm)
    return reshape(moved, shape=(prod([x.shape[i] for i in axes]), *left)), axes


def _levels(name: str, q: ArrayLike) -> Node:
    node = as_node(q)
    want_real(name, node)
    if node.ndim > 2:
        raise ShapeError(f"{name}: q is a number or has one axis or two; got shape {node.shape}")
    return cast(node, dtypes.int64) if node.dtype.kind == "b" else node


def _want_levels(name: str, q: Node, top: int) -> None:
    if q.tokens.placeholder or not q.size:
        return
    runtime.realize((q,))
    if not (in_memory(q) >= 0).all() or not (in_memory(q) <= top).all():
        raise ArgumentError(f"{name}: q lies from 0 to {top}; got {in_memory(q).tolist()}")


def _quantiles(
    name: str, x: ArrayLike, q: ArrayLike, top: int, axis: Any, method: str, keepdims: bool, weights: ArrayLike | None, skip: bool
) -> Node:
    node = as_node(x)
    want_real(name, node)
    if method not in DISCRETE and method not in CONTINUOUS:
        raise ArgumentError(f"{name}: method is one of {', '.join([*CONTINUOUS, *DISCRETE])}; got {method!r}")
    levels = _levels(name, q)
    _want_levels(name, levels, top)
    weak = is_scalar(q)
    if top != 1:
        levels = cast(levels, node.dtype) if weak and node.dtype.kind == "f" else inexact(levels)
        levels = levels / float(top)
    rows, axes = _arranged(name, node, axis)
    left, asked = rows.shape[1:], levels.shape
    levels = reshape(levels, shape=(levels.size, *(1,) * len(left)))
    if weights is not None:
        if method != "inverted_cdf":
            raise ArgumentError(f"{name}: weights are known to the method 'inverted_cdf' only; got method={method!r}")
        out = _weighted(name, rows, levels, _weight_rows(name, weights, node, axis, axes), skip)
    elif not rows.shape[0]:
        out = broadcast(scalar(NAN, dtypes.to_inexact(node.dtype)), shape=(levels.shape[0], *left))
    else:
        out = _of_equals(rows, levels, method, weak, skip)
    out = reshape(out, shape=(*asked, *left))
    if keepdims:
        out = reshape(out, shape=(*asked, *[1 if i in axes else n for i, n in enumerate(node.shape)]))
    return out


def _of_equals(rows: Node, q: Node, method: str, weak: bool, skip: bool) -> Node:
    """The quantiles of the columns, all elements counting the same; q has shape (levels, 1, ...)."""
    dtype = rows.dtype
    n: Any = rows.shape[0]
    ordered = s.sort(rows, axis=0, descending=False)
    exact = q.dtype.kind in "iu" and method == "linear"
    q = inexact(q)
    if skip and dtype.kind == "f":
        count = cast(reduce_sum(cast(f.logical_not(f.isnan(rows)), dtypes.int64), axes=(0,)), q.dtype)
        n = reshape(count, shape=(1, *count.shape))
    if method in DISCRETE or exact:
        place = DISCRETE.get(method, _last)(n, q)
        return _marked(_element(ordered, place, n), ordered, n, skip)
    place = CONTINUOUS[method](n, q)
    below = f.floor(place)
    share = _share(method, place, below)
    low, high = _element(ordered, below, n), _element(ordered, below + 1.0, n)
    wanted = dtypes.to_inexact(dtype) if weak else dtypes.to_inexact(dtypes.promote(dtype, q.dtype))
    return _marked(_mixed(cast(low, wanted), cast(high, wanted), cast(share, wanted)), ordered, n, skip)


def _element(ordered: Node, place: Node, n: Any) -> Node:
    """The elements of the columns at `place`, or the nearest that is there."""
    top: Any = n - 1
    zero = scalar(0, dtypes.int64)
    last = cast(top, dtypes.int64) if type(top) is Node else scalar(top, dtypes.int64)
    at = f.maximum(f.minimum(cast(place, dtypes.int64), last), zero)
    left = ordered.shape[1:]
    if at.shape[1:] == (1,) * len(left) and at.size == at.shape[0]:
        spec = (None, *[(0, length, 1) for length in left])
        return index(ordered, reshape(at, shape=(at.shape[0],)), spec=spec, unique=False)
    return along_axis(ordered, broadcast_to(at, (at.shape[0], *left)), 0)


def _mixed(low: Node, high: Node, share: Node) -> Node:
    """From `low` to `high`, exact at both ends, and never beyond them; beside an infinity, too."""
    step = high - low
    out = f.select(f.less(share, f.like(share, 0.5)), low + step * share, high - step * (1.0 - share))
    still = f.logical_or(f.equal(share, f.zero_of(share)), f.equal(low, high))
    out = f.select(f.logical_and(f.isinf(high), still), broadcast_to(low, out.shape), out)
    there = f.logical_and(f.isinf(low), f.equal(share, f.like(share, 1)))
    return f.select(there, broadcast_to(high, out.shape), out)


def _marked(out: Node, ordered: Node, n: Any, skip: bool) -> Node:
    """NaN where there is one among the elements; with `skip`, where there is nothing else."""
    if ordered.dtype.kind != "f":
        return out
    if skip:
        return f.select(f.equal(n, f.zero_of(n)), scalar(NAN, out.dtype), out)
    largest = cut(ordered, 0, ordered.shape[0] - 1, ordered.shape[0])
    return f.select(f.isnan(largest), cast(largest, out.dtype), out)


# Weights


def _weight_rows(name: str, weights: ArrayLike, x: Node, axis: Any, axes: tuple[int, ...]) -> Node:
    """The weights in the arrangement of the rows."""
    w = as_node(weights)
    want_real(name, w)
    if w.shape != x.shape:
        if axis is None:
            raise ArgumentTypeError(f"{name}: weights of shape {w.shape} for x of shape {x.shape} need an axis to belong to")
        given = ordered_axes(name, axis, x.ndim)
        if w.shape != tuple([x.shape[i] for i in given]):
            raise ShapeError(
                f"{name}: weights have the shape of x, {x.shape}, or that of x along axis, "
                f"{tuple([x.shape[i] for i in given])}; got {w.shape}"
            )
        w = transpose(w, perm=tuple(sorted(range(w.ndim), key=given.__getitem__))) if w.ndim > 1 else w
        w = broadcast(reshape(w, shape=tuple([n if i in axes else 1 for i, n in enumerate(x.shape)])), shape=x.shape)
    if not w.tokens.placeholder and w.size:
        runtime.realize((w,))
        if (in_memory(w) < 0).any():
            raise ArgumentError(f"{name}: weights are not negative; the least one is {in_memory(w).min()}")
    return _arranged(name, w, axis)[0]


def _weighted(name: str, rows: Node, q: Node, weights: Node, skip: bool) -> Node:
    """The first element at which the sum of the weights, in ascending order of the elements, reaches q of the total."""
    q = inexact(q)
    if not rows.shape[0]:
        return broadcast(scalar(NAN, dtypes.to_inexact(rows.dtype)), shape=(q.shape[0], *rows.shape[1:]))
    weights = convert(weights, dtype=dtypes.float64)
    n: Any = rows.shape[0]
    if skip and rows.dtype.kind == "f":
        missing = f.isnan(rows)
        weights = f.select(missing, scalar(0, weights.dtype), weights)
        count = reduce_sum(cast(f.logical_not(missing), dtypes.int64), axes=(0,))
        n = reshape(count, shape=(1, *count.shape))
    order = s.argsort(rows, axis=0, descending=False)
    ordered = along_axis(rows, order, 0, unique=True)
    sums = c.cumsum(along_axis(weights, order, 0, unique=True), axis=0, reverse=False)
    total = pick(sums, 0, rows.shape[0] - 1)
    if not total.tokens.placeholder and not skip:
        runtime.realize((total,))
        if not ((in_memory(total) > 0) & (in_memory(total) < float("inf"))).all():
            raise ArgumentError(f"{name}: the weights that belong together must have a finite sum that is not 0")
    part = cast(sums / total, q.dtype)
    part = f.select(f.equal(part, f.zero_of(part)), f.like(part, -1), part)  # an element of weight 0 is not the first one
    reached = f.less(reshape(part, shape=(1, *part.shape)), reshape(q, shape=(q.shape[0], 1, *q.shape[1:])))
    place = reduce_sum(cast(reached, dtypes.int64), axes=(1,))
    return _marked(_element(ordered, place, n), ordered, n, skip)


# What is public


@op
def quantile(
    x: ArrayLike,
    q: ArrayLike,
    /,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: ArrayLike | None = None,
) -> Tensor:
    """The q-quantiles of x over `axis` (None: all axes), 0 <= q <= 1: the number below which there is a share q of the elements.

    The axes of q come first in the result. method: "linear" (the default), "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased", "lower",
    "higher", "midpoint" or "nearest". weights: how much each element counts, for "inverted_cdf"; in the shape of x, or of x along
    `axis`. NaN where there is one among the elements, and of nothing. Differentiable in x, and in q where the method goes between
    elements. Raises ArgumentError for a q beyond its range or a method that is none, AxisError for an axis that x has not.

    >>> nb.quantile([1.0, 2.0, 4.0], 0.25).item()
    1.5
    >>> nb.grad(lambda x: nb.quantile(x, 0.25))(np.array([4.0, 1.0, 2.0]))
    array([0. , 0.5, 0.5])
    """
    return _quantiles("quantile", x, q, 1, axis, method, keepdims, weights, False)


@op
def percentile(
    x: ArrayLike,
    q: ArrayLike,
    /,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: ArrayLike | None = None,
) -> Tensor:
    """`quantile` with q in percent: 0 <= q <= 100.

    >>> nb.percentile([1.0, 2.0, 4.0], [0, 50, 100]).tolist()
    [1.0, 2.0, 4.0]
    """
    return _quantiles("percentile", x, q, 100, axis, method, keepdims, weights, False)


@op
def nanquantile(
    x: ArrayLike,
    q: ArrayLike,
    /,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: ArrayLike | None = None,
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN where there are none. The derivative by a NaN is 0.

    >>> nb.nanquantile([1.0, float("nan"), 2.0, 4.0], 0.5).item()
    2.0
    """
    return _quantiles("nanquantile", x, q, 1, axis, method, keepdims, weights, True)


@op
def nanpercentile(
    x: ArrayLike,
    q: ArrayLike,
    /,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: ArrayLike | None = None,
) -> Tensor:
    """`nanquantile` with q in percent: 0 <= q <= 100.

    >>> nb.nanpercentile([1.0, float("nan"), 2.0, 4.0], 50).item()
    2.0
    """
    return _quantiles("nanpercentile", x, q, 100, axis, method, keepdims, weights, True)


@op
def nanmedian(x: ArrayLike, /, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """The middle of the sorted elements over `axis` (None: all axes) that are not NaN; NaN where there are none.

    Of an even number it is the mean of the two middle ones. The derivative by a NaN is 0. Raises AxisError for an axis that x has
    not, DTypeError for complex numbers.

    >>> nb.nanmedian([7.0, float("nan"), 1.0, 3.0]).item()
    3.0
    """
    node = inexact(as_node(x))
    want_real("nanmedian", node)
    rows, axes = _arranged("nanmedian", node, axis)
    if not rows.shape[0]:
        out = broadcast(scalar(NAN, node.dtype), shape=rows.shape[1:])
        return restore_axes(out, node.shape, axes) if keepdims else out
    count = reduce_sum(cast(f.logical_not(f.isnan(rows)), dtypes.int64), axes=(0,))
    n = reshape(count, shape=(1, *count.shape))
    two = scalar(2, dtypes.int64)
    below, above = f.floor_div(n - 1, two), f.floor_div(n, two)
    ordered = s.sort(rows, axis=0, descending=False)
    low, high = _element(ordered, below, n), _element(ordered, above, n)
    middle = f.select(f.equal(below, above), low, cast((low + high) * 0.5, low.dtype))
    out = pick(_marked(middle, ordered, n, True), 0, 0)
    return restore_axes(out, node.shape, axes) if keepdims else out
