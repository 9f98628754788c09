"""Arguments that go along the spatial axes, a number for all of them or one for each: checked here, once, for nb.nn."""

from __future__ import annotations

from typing import Any, Sequence

from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.ops.axes import integer
from nabla.primitives.convolution import extent

Padding = tuple[tuple[int, int], ...]


def one_for_each(name: str, argument: str, given: Any, ndim: int, least: int) -> tuple[int, ...]:
    """A number for each spatial axis, none below `least`."""
    items = list(given) if isinstance(given, (tuple, list)) else [given] * ndim
    if len(items) != ndim:
        raise ShapeError(f"{name}: {argument} is a number, or one for each of the {ndim} spatial axes; got {given!r}")
    return tuple([integer(name, argument, item, least) for item in items])


def borders(
    name: str, padding: Any, lengths: Sequence[int], taps: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Padding:
    """For each spatial axis how much is put before and behind it."""
    ndim = len(lengths)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * ndim
        if padding == "same":
            return tuple([_same(n, extent(k, d), s) for n, k, s, d in zip(lengths, taps, strides, dilation)])
        raise ArgumentError(f'{name}: padding is "same", "valid", a number, or numbers; got {padding!r}')
    if isinstance(padding, (tuple, list)) and any(isinstance(item, (tuple, list)) for item in padding):
        if len(padding) != ndim or not all(isinstance(item, (tuple, list)) and len(item) == 2 for item in padding):
            raise ShapeError(f"{name}: padding has a pair for each of the {ndim} spatial axes; got {padding!r}")
        low_high = [[integer(name, "padding", item, 0) for item in pair] for pair in padding]
        return tuple([(low, high) for low, high in low_high])
    return tuple([(p, p) for p in one_for_each(name, "padding", padding, ndim, 0)])


def _same(n: int, window: int, stride: int) -> tuple[int, int]:
    """So that there are ceil(n / stride) windows; an odd element goes behind."""
    total = max((-(-n // stride) - 1) * stride + window - n, 0)
    return total // 2, total - total // 2


def spatial_axes(name: str, given: Any, ndim: int) -> int:
    """The number of spatial axes: as many as numbers are given; of one number, all but those of batch and channels."""
    if isinstance(given, (tuple, list)):
        if not 0 < len(given) <= ndim:
            raise ShapeError(f"{name}: {len(given)} lengths are given for the last axes of a tensor with {ndim} dimensions")
        return len(given)
    if ndim < 3:
        raise ShapeError(
            f"{name}: one number stands for all axes behind those of batch and channels, and the tensor has {ndim} dimensions; "
            "give one number for each spatial axis"
        )
    if isinstance(given, str):
        raise ArgumentTypeError(f"{name}: lengths are integers; got {given!r}")
    return ndim - 2
