"""Recipes of recipes: what moves numbers, what computes one from others, and what brings many together."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.loops import ZERO, Form, Num, plus, times
from nabla.engines.native.lowering.lines import Lines, Sink
from nabla.engines.native.lowering.values import Array, Indices, Lazy, Merged, Number, Pair, Value, aligned, part_of_complex

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer


def elementwise(w: Writer, shape: tuple[int, ...], dtype: np.dtype, row: Any, inputs: Sequence[Lazy], cost: int) -> Lazy:
    """row(*numbers) at each place; the inputs are broadcast."""

    def at(index: Indices) -> Number:
        return row(*[w.at(x, aligned(index, x.shape)) for x in inputs])

    reads = frozenset().union(*[x.reads for x in inputs])
    depth = 1 + max([x.depth for x in inputs], default=0)
    return Lazy(shape, dtype, at, cost + sum(x.cost for x in inputs), depth, reads)


def convert(w: Writer, x: Lazy, new: np.dtype) -> Lazy:
    """Of complex numbers others take the real part, truth values whether one part is not zero."""
    parts = part_of_complex(new)
    if x.dtype == new:
        return x

    def to(part: Any) -> Any:
        return part if part.dtype == parts else w.op("convert", parts, part)

    def row(number: Number) -> Number:
        if type(number) is not Pair:
            return Pair(to(number), Num(0.0, parts)) if new.kind == "c" else to(number)
        if new.kind == "c":
            return Pair(to(number.real), to(number.imag))
        return w.op("logical_or", new, to(number.real), to(number.imag)) if new.kind == "b" else to(number.real)

    return elementwise(w, x.shape, new, row, [x], 1)


def moved(w: Writer, x: Lazy, shape: tuple[int, ...], back: Callable[[Indices], Indices]) -> Lazy:
    """x seen at other indices: `back` takes those of the result to those of x."""
    return Lazy(shape, x.dtype, lambda index: w.at(x, back(index)), x.cost, x.depth + 1, x.reads)


def broadcast(w: Writer, x: Lazy, shape: tuple[int, ...]) -> Lazy:
    return moved(w, x, shape, lambda index: aligned(index, x.shape))


def transpose(w: Writer, x: Lazy, perm: Sequence[int]) -> Lazy:
    places = [perm.index(axis) for axis in range(len(perm))]
    return moved(w, x, tuple(x.shape[axis] for axis in perm), lambda index: tuple([index[i] for i in places]))


def merged(x: Lazy, shape: tuple[int, ...]) -> Merged | None:
    """x reshaped, where axes are only put together."""
    found = _groups(shape, x.shape)
    if found is None or sum(len(finer) for _, finer in found) < len(x.shape):
        return None
    groups = dict(found)
    return Merged(x, tuple([tuple(groups.get(axis, ())) for axis in range(len(shape))]))


def flip(w: Writer, x: Lazy, axes: Sequence[int]) -> Lazy:
    def back(index: Indices) -> Indices:
        return tuple([times(i, -1, x.shape[axis] - 1) if axis in axes else i for axis, i in enumerate(index)])

    return moved(w, x, x.shape, back)


def reshape(w: Writer, x: Lazy, shape: tuple[int, ...]) -> Lazy | None:
    """Where axes are only put together, or come and go with length one; None where one is taken apart."""
    groups = _groups(x.shape, shape)
    if groups is None:
        return None

    def back(index: Indices) -> Indices:
        result = [ZERO] * len(x.shape)
        for axis, finer in groups:
            parts, stride = [], 1
            for place in reversed(finer):
                parts.append(times(index[place], stride))
                stride *= shape[place]
            result[axis] = plus(*parts) if parts else ZERO
        return tuple(result)

    return moved(w, x, shape, back)


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[int, list[int]]] | None:
    """For each axis of `old` that is not of length one, the axes of `new` that it is taken apart into."""
    rest = [place for place, n in enumerate(new) if n != 1]
    groups = []
    for axis, n in enumerate(old):
        if n == 1:
            continue
        finer, size = [], 1
        while size < n and rest:
            finer.append(rest.pop(0))
            size *= new[finer[-1]]
        if size != n:
            return None
        groups.append((axis, finer))
    return None if rest else groups


def known_reshape(w: Writer, x: Lazy, shape: tuple[int, ...]) -> Lazy:
    """Of a small tensor, whose indices are all known."""

    def back(index: Indices) -> Indices:
        flat = int(np.ravel_multi_index([i.const for i in index], shape)) if shape else 0
        return tuple([Form(int(i)) for i in np.unravel_index(flat, x.shape)]) if x.shape else ()

    return moved(w, x, shape, back)


def reduced(
    w: Writer, x: Lazy, axes: Sequence[int], dtype: np.dtype, by: str, out: Array | None = None, known: bool = False
) -> Value:
    """The numbers of x along `axes`, brought together: in memory, or in registers where one number is left. known: a small tensor,
    whose numbers are gone through one by one."""
    lines = Lines(w, x.shape, axes, known)
    sink = Sink(w, lines.rest, dtype, known or prod(lines.rest) == 1, out)
    lines.all(lambda line: sink.put(line, lines.brought(line, by, [dtype], lambda index: [w.at(x, index)])[0]))
    return sink.value()


def from_there(axis: int, start: int) -> Callable[[Indices], Indices]:
    """From indices of a part that begins at `start` of an axis to those of the whole."""
    return lambda index: (*index[:axis], times(index[axis], 1, start), *index[axis + 1 :])
