"""Arguments that name axes and shapes: checked here, once, for all functions."""

from __future__ import annotations

from operator import index
from typing import Any

from nabla.errors import ArgumentTypeError, AxisError, ShapeError

ALL_AXES = [tuple(range(ndim)) for ndim in range(8)]


def one_axis(name: str, axis: Any, ndim: int) -> int:
    """One axis as a non-negative int; `name` is the function, for messages."""
    if type(axis) is int and 0 <= axis < ndim:
        return axis
    try:
        found = index(axis)
    except TypeError:
        raise ArgumentTypeError(f"{name}: an axis is an integer; got {axis!r}") from None
    if -ndim <= found < ndim:
        return found % ndim
    if ndim == 0:
        raise AxisError(f"{name}: axis {found} given, but a 0-dimensional tensor has no axes; reshape it to (1,) first")
    raise AxisError(
        f"{name}: axis {found} is out of range: the tensor has {ndim} dimension{'s' * (ndim > 1)}, "
        f"so axes go from {-ndim} to {ndim - 1}"
    )


def several_axes(name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """An axis, several, or all of them (None) as a sorted tuple."""
    if axis is None:
        return ALL_AXES[ndim] if ndim < 8 else tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        return tuple(sorted(ordered_axes(name, axis, ndim)))
    return (one_axis(name, axis, ndim),)


def ordered_axes(name: str, axes: Any, ndim: int) -> tuple[int, ...]:
    """An axis or several, in the order given; none twice."""
    if not isinstance(axes, (tuple, list)):
        return (one_axis(name, axes, ndim),)
    found = tuple([one_axis(name, axis, ndim) for axis in axes])
    if len(set(found)) < len(found):
        raise AxisError(f"{name}: an axis is named twice in {tuple(axes)}")
    return found


def integer(name: str, argument: str, value: Any, least: int | None = None) -> int:
    """An integer argument, not less than `least`."""
    try:
        found = index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name}: {argument} is an integer; got {value!r}") from None
    if least is not None and found < least:
        raise ShapeError(f"{name}: {argument} is at least {least}; got {found}")
    return found


def as_shape(name: str, shape: Any) -> tuple[int, ...]:
    """A shape, or the length of a vector, as a tuple of non-negative ints."""
    if not isinstance(shape, (tuple, list)):
        shape = (shape,)
    return tuple([integer(name, "a length in a shape", n, 0) for n in shape])
