"""Calculus on samples: integrals by the trapezoidal rule, slopes, interpolation between points, phases made continuous."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import one_axis, ordered_axes
from nabla.ops.cumulative import cumsum, diff
from nabla.ops.lift import ArrayLike, as_node, inexact, op, pair, want_real
from nabla.ops.searching import searchsorted
from nabla.primitives import formulas as f, sorting as s
from nabla.primitives.base import scalar
from nabla.primitives.indexing import index
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import cast, reduce_sum, reshape
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def trapezoid(y: ArrayLike, /, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Tensor:
    """The integral of y along `axis` by the trapezoidal rule; differentiable in y, x and dx.

    x: where the samples were taken, along one axis or in the shape of y; else they are `dx` apart. Raises AxisError for an axis
    that y has not.

    >>> nb.trapezoid([1.0, 2.0, 3.0], dx=2.0).item()
    8.0
    """
    node = as_node(y)
    axis = one_axis("trapezoid", axis, node.ndim)
    n = node.shape[axis]
    if x is None:
        width = pair(node, dx)[1]
    else:
        at = as_node(x)
        if at.ndim == 1:
            width = as_node(diff(at))
            width = reshape(width, shape=tuple([width.shape[0] if i == axis else 1 for i in range(node.ndim)]))
        else:
            width = as_node(diff(at, axis=axis))
    lower, upper = cut(node, axis, 0, max(n - 1, 0)), cut(node, axis, min(1, n), n)
    return reduce_sum(inexact(width * (upper + lower)) / 2.0, axes=(axis,))


# gradient: slopes by second-order differences


@op
def gradient(y: ArrayLike, /, *varargs: ArrayLike, axis: Any = None, edge_order: int = 1) -> Any:
    """The slope of y along `axis` (None: each axis in turn, then a tuple), by differences accurate to second order inside.

    varargs: the distance of the samples, one number for all axes, or for each axis a number or the places of its samples.
    edge_order: the order of accuracy at the two ends, 1 or 2. Differentiable in y and in the distances. Raises ShapeError where
    an axis has fewer than edge_order + 1 samples, ArgumentError for another edge_order.

    >>> nb.gradient([1.0, 2.0, 4.0, 7.0]).tolist()
    [1.0, 1.5, 2.5, 3.0]
    """
    node = as_node(y)
    axes = tuple(range(node.ndim)) if axis is None else ordered_axes("gradient", axis, node.ndim)
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order is 1 or 2; got {edge_order!r}")
    spacings = _spacings(node, axes, varargs)
    if node.dtype.kind in "biu":
        node = cast(node, dtypes.default_dtype())
    out = []
    for i, h in zip(axes, spacings):
        if node.shape[i] < edge_order + 1:
            raise ShapeError(
                f"gradient: axis {i} of shape {node.shape} has {node.shape[i]} samples; "
                f"edge_order={edge_order} needs {edge_order + 1}"
            )
        out.append(_slopes(node, i, h, edge_order))
    return out[0] if len(axes) == 1 else tuple(out)


def _spacings(x: Node, axes: tuple[int, ...], given: tuple[Any, ...]) -> list[Node]:
    """For each axis the distance of its samples: a number, or one for each gap."""
    if not given:
        return [scalar(1.0, dtypes.default_dtype())] * len(axes)
    nodes = [as_node(h) for h in given]
    if len(nodes) == 1 and not nodes[0].ndim:
        return nodes * len(axes)
    if len(nodes) != len(axes):
        raise ArgumentTypeError(f"gradient: one distance, or one for each of the {len(axes)} axes; got {len(nodes)}")
    found = []
    for h, axis in zip(nodes, axes):
        if h.ndim > 1:
            raise ShapeError(f"gradient: the places of samples have one axis; got shape {h.shape}")
        if h.ndim == 1:
            if h.shape[0] != x.shape[axis]:
                raise ShapeError(f"gradient: axis {axis} has {x.shape[axis]} samples, but {h.shape[0]} places are given")
            h = as_node(diff(inexact(h)))
            h = reshape(h, shape=tuple([h.shape[0] if i == axis else 1 for i in range(x.ndim)]))
        found.append(h)
    return found


def _slopes(y: Node, axis: int, h: Node, edge_order: int) -> Node:
    n = y.shape[axis]
    h = cast(h, dtypes.promote(y.dtype, inexact(h).dtype) if h.ndim or h.dtype.kind == "c" else y.dtype)
    even = not h.ndim

    def at(i: int) -> Node:
        return cut(y, axis, i % n, i % n + 1)

    def gap(i: int) -> Node:
        return h if even else cut(h, axis, i % (n - 1), i % (n - 1) + 1)

    parts = []
    if edge_order == 1:
        first, last = (at(1) - at(0)) / gap(0), (at(-1) - at(-2)) / gap(-1)
    else:
        first, last = _parabola(at(0), at(1), at(2), gap(0), gap(1)), -_parabola(at(-1), at(-2), at(-3), gap(-1), gap(-2))
    parts.append(first)
    if n > 2:
        below, middle, above = cut(y, axis, 0, n - 2), cut(y, axis, 1, n - 1), cut(y, axis, 2, n)
        if even:
            parts.append((above - below) / (h * 2.0))
        else:
            # The slope of the parabola through three neighbours, as a mean of the slopes of its two chords: it keeps more digits
            # than the sum of the three values with their coefficients.
            before, behind = cut(h, axis, 0, n - 2), cut(h, axis, 1, n - 1)
            parts.append((before * ((above - middle) / behind) + behind * ((middle - below) / before)) / (before + behind))
    parts.append(last)
    return cast(concat(*parts, axis=axis), y.dtype)


def _parabola(a: Node, b: Node, c: Node, h: Node, k: Node) -> Node:
    """The slope at the first of three points, h and then k apart, of the parabola through them."""
    near, far = (b - a) / h, (c - b) / k
    return near - (far - near) * h / (h + k)


@op
def ediff1d(x: ArrayLike, /, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Tensor:
    """Differences of neighbours in the flattened tensor, with `to_begin` put before and `to_end` behind them.

    Raises ArgumentTypeError where these do not fit the dtype of x.

    >>> nb.ediff1d([1.0, 4.0, 9.0], to_begin=0.0).tolist()
    [0.0, 3.0, 5.0]
    """
    node = as_node(x)
    parts: list[Node] = [as_node(diff(reshape(node, shape=(node.size,))))]
    for first, edge in ((True, to_begin), (False, to_end)):
        if edge is None:
            continue
        beside = pair(node, edge)[1]
        if not np.can_cast(beside.dtype, node.dtype, "same_kind"):
            raise ArgumentTypeError(f"ediff1d: what stands beside differences of {node.dtype} must fit them; got {beside.dtype}")
        beside = reshape(cast(beside, node.dtype), shape=(beside.size,))
        parts.insert(0, beside) if first else parts.append(beside)
    return concat(*parts, axis=0) if len(parts) > 1 else parts[0]


# interp


@op
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    /,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: float | None = None,
) -> Tensor:
    """The values at x of the broken line through the points (xp, fp), xp increasing.

    left, right: the value before the first point and behind the last (their own values unless given). period: of the x coordinate;
    then xp need not be sorted, and left and right do not count. Differentiable in x, xp, fp, left and right; at a point itself, the
    derivative by x is the slope behind it (behind the last one, 0). Raises ShapeError unless xp and fp are vectors of one length.

    >>> nb.interp(2.5, [1.0, 2.0, 3.0], [3.0, 2.0, 0.0]).item()
    1.0
    >>> nb.grad(lambda x: nb.interp(x, [1.0, 2.0, 3.0], [3.0, 2.0, 0.0]))(2.5)
    tensor(-2.)
    """
    at, knots, values = inexact(as_node(x)), inexact(as_node(xp)), inexact(as_node(fp))
    want_real("interp", at)
    want_real("interp", knots)
    if knots.ndim != 1 or values.shape != knots.shape:
        raise ShapeError(f"interp: xp and fp are vectors of one length; got shapes {knots.shape} and {values.shape}")
    if not knots.shape[0]:
        raise ShapeError("interp: there must be a point at least to go through; xp is empty")
    real = dtypes.promote(dtypes.promote(at.dtype, knots.dtype), dtypes.default_dtype())
    at, knots = cast(at, real), cast(knots, real)
    values = cast(values, dtypes.promote(values.dtype, real))
    if period is not None:
        if period == 0:
            raise ArgumentError("interp: period is not 0")
        at, knots, values = _unrolled(at, knots, values, abs(period))
        left = right = None
    out = _on_the_line(at, knots, values)
    n = knots.shape[0]
    first, last = cut(knots, 0, 0, 1), cut(knots, 0, n - 1, n)
    before = cut(values, 0, 0, 1) if left is None else pair(values, left)[1]
    behind = cut(values, 0, n - 1, n) if right is None else pair(values, right)[1]
    flat = reshape(at, shape=(at.size,))
    out = f.select(f.less(flat, first), cast(before, out.dtype), out)
    out = f.select(f.greater(flat, last), cast(behind, out.dtype), out)
    return reshape(out, shape=at.shape)


def _unrolled(at: Node, knots: Node, values: Node, period: float) -> tuple[Node, Node, Node]:
    """x in one period, and the points in it sorted, with the last of them also before the first and the first behind the last."""
    span = scalar(period, at.dtype)
    at, knots = f.remainder(at, span), f.remainder(knots, span)
    order = s.argsort(knots, axis=0, descending=False)
    n = knots.shape[0]
    knots, values = (index(v, order, spec=(None,), unique=True) for v in (knots, values))
    knots = concat(cut(knots, 0, n - 1, n) - span, knots, cut(knots, 0, 0, 1) + span, axis=0)
    values = concat(cut(values, 0, n - 1, n), values, cut(values, 0, 0, 1), axis=0)
    return at, knots, values


def _on_the_line(at: Node, knots: Node, values: Node) -> Node:
    """The flattened result; beyond the ends it is what the nearest piece gives, or stays finite at least."""
    n = knots.shape[0]
    flat = reshape(at, shape=(at.size,))
    place: Any = searchsorted(detach(knots), detach(flat), side="right")
    if n == 1:
        return index(values, place * 0, spec=(None,), unique=False)
    place = f.maximum(f.minimum(place - 1, scalar(n - 2, dtypes.int64)), scalar(0, dtypes.int64))
    ends = [index(v, i, spec=(None,), unique=False) for v in (knots, values) for i in (place, place + 1)]
    x0, x1, y0, y1 = ends
    # Beyond the ends, where another value is taken, the piece is asked about a point inside it: nothing overflows there.
    inside = f.select(f.less(flat, cut(knots, 0, 0, 1)), x0, f.select(f.greater(flat, cut(knots, 0, n - 1, n)), x1, flat))
    slope = (y1 - y0) / cast(x1 - x0, values.dtype)
    out = slope * cast(inside - x0, values.dtype) + y0
    # Beside infinite values, those that are exact.
    known = f.logical_or(f.equal(inside, x0), f.equal(y0, y1))
    out = f.select(f.logical_and(f.isnan(out), known), y0, out)
    return f.select(f.equal(inside, x1), y1, out)


@op
def unwrap(p: ArrayLike, /, discont: float | None = None, axis: int = -1, *, period: float = 2.0 * pi) -> Tensor:
    """p along `axis` with multiples of `period` added, so that neighbours differ by at most half of it.

    discont: jumps that are not larger than that stay (half the period, unless given). The derivative is that of p. Raises AxisError
    for an axis that p has not.

    >>> nb.unwrap([0, 3, 2, 1], period=4).tolist()
    [0, -1, -2, -3]
    """
    node = as_node(p)
    want_real("unwrap", node)
    axis = one_axis("unwrap", axis, node.ndim)
    whole = node.dtype.kind in "iu" and isinstance(period, int)
    if not whole:
        node = inexact(node)
    n = node.shape[axis]
    if n < 2:
        return f.select(scalar(True, dtypes.bool_), node, node)
    fixed = detach(node) if node.dtype.kind == "f" else node
    jump = cut(fixed, axis, 1, n) - cut(fixed, axis, 0, n - 1)
    half: Any = divmod(period, 2)[0] if whole else period / 2
    at_edge = period % 2 == 0 if whole else True
    span = scalar(period, node.dtype)
    short = f.remainder(jump + half, span) - half
    if at_edge:
        turned = f.logical_and(f.equal(short, f.like(short, -half)), f.greater(jump, f.zero_of(jump)))
        short = f.select(turned, f.like(short, half), short)
    least = scalar(half if discont is None else discont, dtypes.default_dtype())
    stays = f.less(f.abs_(jump), cast(least, inexact(jump).dtype))
    added: Any = f.select(stays, f.zero_of(short), short - jump)
    rest = cut(node, axis, 1, n) + cumsum(added, axis, node.dtype)
    return concat(cut(node, axis, 0, 1), rest, axis=axis)
