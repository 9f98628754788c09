"""Borders around a tensor: `pad`, in NumPy's modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

import numpy as np

from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.graph.node import Node, is_scalar
from nabla.ops import reductions
from nabla.ops.axes import one_axis
from nabla.ops.creation import linspace
from nabla.ops.elementwise import round
from nabla.ops.joining import gathered
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.sorting import median
from nabla.primitives.base import Shape, scalar
from nabla.primitives.indexing import index
from nabla.primitives.joining import concat as joined, cut, pad_zeros
from nabla.primitives.shape import broadcast, cast, flip

if TYPE_CHECKING:
    from nabla.tensor import Tensor

STATISTICS: Mapping[str, Callable[..., Any]] = {
    "maximum": reductions.max,
    "minimum": reductions.min,
    "mean": reductions.mean,
    "median": median,
}
TAKING = ("edge", "reflect", "symmetric", "wrap")
MODES = ("constant", "empty", *TAKING, "linear_ramp", *STATISTICS)


@op
def pad(
    x: ArrayLike,
    pad_width: Any,
    /,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
    reflect_type: str = "even",
) -> Tensor:
    """`x` with a border along every axis.

    Args:
        pad_width: a number for all sides, a pair (before, behind) for all axes, such a pair for each axis, or a dict from
            axes to numbers or pairs.
        mode: "constant" fills in `constant_values`; "edge" repeats the last element; "reflect" and "symmetric" go back
            from it, without and with repeating it; "wrap" goes on from the other end; "linear_ramp" goes in equal steps
            to `end_values`; "maximum", "minimum", "mean" and "median" fill in that of the elements along the axis;
            "empty" leaves open what is in the border.
        constant_values, end_values: given in the first three ways; tensors are differentiated.
        stat_length: of how many elements next to the border, given in the first three ways; None: of all.
        reflect_type: "odd" turns the reflection upside down at the edge, so that a slope goes on.

    Raises ShapeError for widths that do not fit, ArgumentError for another mode or an option of another mode.

    >>> nb.pad([1.0, 2.0], 1).tolist(), nb.pad([1.0, 2.0, 3.0], (0, 2), mode="reflect").tolist()
    ([0.0, 1.0, 2.0, 0.0], [1.0, 2.0, 3.0, 2.0, 1.0])
    >>> nb.pad([1.0, 2.0, 6.0], {0: (1, 2)}, mode="mean").tolist()
    [3.0, 1.0, 2.0, 6.0, 3.0, 3.0]
    """
    node = as_node(x)
    widths = _widths(pad_width, node.ndim)
    if mode not in MODES:
        raise ArgumentError(f"pad: mode is one of {', '.join(map(repr, MODES))}; got {mode!r}")
    _want_options_of(mode, constant_values, end_values, stat_length, reflect_type)
    if mode in ("constant", "empty"):
        if is_scalar(constant_values) and not constant_values:
            if all(width == (0, 0) for width in widths):
                return node
            return pad_zeros(node, [low for low, _ in widths], [high for _, high in widths])
        return _bordered(node, widths, _border_values("constant_values", constant_values, node))
    ends = _border_values("end_values", end_values, node)
    lengths = _pairs("stat_length", max(node.shape, default=0) if stat_length is None else stat_length, node.ndim)
    for axis, (low, high) in enumerate(widths):
        n = node.shape[axis]
        if not (low or high):
            continue
        if not n:
            raise ShapeError(f"pad: axis {axis} of shape {node.shape} is empty, so mode={mode!r} has nothing to take")
        if mode == "linear_ramp":
            node = _ramped(node, axis, low, high, ends[axis])
        elif mode in STATISTICS:
            node = _with_statistics(node, axis, low, high, mode, lengths[axis])
        elif reflect_type == "odd" and (n > 1 or mode == "symmetric"):
            node = _turned(node, axis, low, high, repeat=mode == "symmetric")
        else:
            node = gathered(node, np.pad(np.arange(n), (low, high), mode=mode), axis)  # type: ignore[call-overload]
    return node


def _want_options_of(mode: str, constant_values: Any, end_values: Any, stat_length: Any, reflect_type: str) -> None:
    given = {
        "constant_values": (not (is_scalar(constant_values) and constant_values == 0), ("constant",)),
        "end_values": (not (is_scalar(end_values) and end_values == 0), ("linear_ramp",)),
        "stat_length": (stat_length is not None, tuple(STATISTICS)),
        "reflect_type": (reflect_type != "even", ("reflect", "symmetric")),
    }
    for option, (is_given, modes) in given.items():
        if is_given and mode not in modes:
            raise ArgumentError(f"pad: {option} belongs to mode {' or '.join(map(repr, modes))}; got mode={mode!r}")
    if reflect_type not in ("even", "odd"):
        raise ArgumentError(f'pad: reflect_type is "even" or "odd"; got {reflect_type!r}')


def _with_statistics(x: Node, axis: int, low: int, high: int, mode: str, lengths: tuple[int, int]) -> Node:
    """With a statistic of the elements at each end, rounded for integers, in the border there."""
    n = x.shape[axis]
    parts = [x]
    for width, length, first in zip((low, high), lengths, (True, False)):
        if not length and mode in ("maximum", "minimum"):
            raise ArgumentError(f"pad: of stat_length 0 elements there is no {mode}")
        length = min(length, n)
        value = STATISTICS[mode](cut(x, axis, 0, length) if first else cut(x, axis, n - length, n), axis=axis, keepdims=True)
        if x.dtype.kind in "iu":
            value = round(value)
        border = broadcast(cast(value, x.dtype), shape=_with_length(x.shape, axis, width))
        parts = [border, *parts] if first else [*parts, border]
    return joined(*parts, axis=axis)


def _ramped(x: Node, axis: int, low: int, high: int, ends: tuple[Node, Node]) -> Node:
    """With equal steps from the elements at both ends to the values `ends`."""
    n = x.shape[axis]
    ramps = []
    for width, end, place in zip((low, high), ends, (0, n - 1)):
        edge = index(x, spec=tuple([place if i == axis else (0, m, 1) for i, m in enumerate(x.shape)]))
        ramps.append(linspace(end, edge, width, endpoint=False, dtype=x.dtype, axis=axis))
    return joined(ramps[0], x, flip(ramps[1], axes=(axis,)), axis=axis)


def _turned(x: Node, axis: int, low: int, high: int, repeat: bool) -> Node:
    """Reflected at the points that the ends are: 2 * end - x; as often as the border asks for.

    As NumPy does it: each turn is a reflection of all that is there, cut to whole periods of the first."""
    period = x.shape[axis] if repeat else x.shape[axis] - 1
    skipped = 0 if repeat else 1
    while low or high:
        n = x.shape[axis]
        whole = (n - skipped) // period * period
        before, behind = min(whole, low), min(whole, high)
        left = flip(cut(x, axis, skipped, skipped + before), axes=(axis,))
        right = flip(cut(x, axis, n - skipped - behind, n - skipped), axes=(axis,))
        first, last = cut(x, axis, 0, 1), cut(x, axis, n - 1, n)
        x = joined(cast(first * 2 - left, x.dtype), x, cast(last * 2 - right, x.dtype), axis=axis)
        low, high = low - before, high - behind
    return x


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """For each axis the widths before and behind it."""
    if isinstance(pad_width, Mapping):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            widths[one_axis("pad", axis, ndim)] = _pairs("pad_width", width, 1)[0]
        return widths
    return _pairs("pad_width", pad_width, ndim)


def _pairs(name: str, given: Any, ndim: int) -> list[tuple[int, int]]:
    """Integers for both ends of each axis."""
    table = np.asarray(given)
    if table.dtype.kind not in "iu" and table.size:
        raise ArgumentTypeError(f"pad: {name} is made of integers; got {given!r}")
    if table.size and table.min() < 0:
        raise ShapeError(f"pad: {name} is not negative; got {given!r}. Slices cut borders off")
    try:
        return [(int(low), int(high)) for low, high in np.broadcast_to(table, (ndim, 2))]
    except ValueError:
        raise ShapeError(f"pad: for {ndim} axes, {name} is a number, a pair, or {ndim} pairs; got {given!r}") from None


def _border_values(name: str, values: Any, x: Node) -> list[tuple[Node, Node]]:
    """For each axis the values before and behind it."""
    if is_scalar(values):
        value = scalar(values, x.dtype)
        return [(value, value)] * x.ndim
    node = as_node(values, x.dtype)
    try:
        np.broadcast_shapes(node.shape, (x.ndim, 2))
        fits = node.ndim <= 2
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"pad: for {x.ndim} axes, {name} is a number, a pair, or {x.ndim} pairs; got an array of shape {node.shape}"
        )
    table = broadcast(node, shape=(x.ndim, 2)) if node.shape != (x.ndim, 2) else node
    return [(index(table, spec=(axis, 0)), index(table, spec=(axis, 1))) for axis in range(x.ndim)]


def _bordered(x: Node, widths: Sequence[tuple[int, int]], values: Sequence[tuple[Node, Node]]) -> Node:
    for axis, ((low, high), (before, behind)) in enumerate(zip(widths, values)):
        parts = [x]
        if low:
            parts.insert(0, broadcast(before, shape=_with_length(x.shape, axis, low)))
        if high:
            parts.append(broadcast(behind, shape=_with_length(x.shape, axis, high)))
        if len(parts) > 1:
            x = joined(*parts, axis=axis)
    return x


def _with_length(shape: Shape, axis: int, n: int) -> Shape:
    return (*shape[:axis], n, *shape[axis + 1 :])
