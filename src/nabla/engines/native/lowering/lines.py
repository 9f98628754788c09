"""Going along some axes of tensors, line by line: in loops, or, for a few numbers, each by itself."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.loops import HALF, SINGLE, STARTS, Form, plus
from nabla.engines.native.lowering.values import (
    CHEAP,
    Array,
    Indices,
    Lazy,
    Number,
    Small,
    Value,
    constant,
    part_of_complex,
    places,
)

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer


def computed_in(dtype: np.dtype) -> np.dtype:
    """Half precision is computed in single."""
    return SINGLE if dtype == HALF else part_of_complex(dtype)


def widened(w: Writer, x: Number) -> Number:
    return w.op("convert", SINGLE, x) if getattr(x, "dtype", None) == HALF else x


def narrowed(w: Writer, x: Number, dtype: np.dtype) -> Number:
    return w.op("convert", HALF, x) if dtype == HALF else x


def at_hand(w: Writer, x: Lazy) -> Lazy:
    """x, computed before if it is costly: each of its numbers is wanted several times."""
    return w.of_array(w.memory(x)) if x.cost > CHEAP else x


class Sink:
    """Where the numbers of a result go: to memory, or, where all places are known, to registers."""

    def __init__(self, w: Writer, shape: tuple[int, ...], dtype: np.dtype, known: bool, room: Array | None = None) -> None:
        self.w = w
        self.dtype = dtype
        self.names = np.empty(shape, object) if known else None
        self.room = None if known else w.room(shape, dtype) if room is None else room

    def put(self, index: Indices, value: Number) -> None:
        if self.names is not None:
            self.names[tuple([i.const for i in index])] = value
        else:
            assert self.room is not None
            self.w.store(self.room, index, value)

    def get(self, index: Indices) -> Number:
        if self.names is not None:
            return self.names[tuple([i.const for i in index])]
        assert self.room is not None
        return self.w.load(self.room, index)

    def value(self) -> Value:
        return Small(self.names, self.dtype) if self.names is not None else self.room


class Lines:
    """The places of a shape along `axes`, for each index of the other axes. known: they are gone through one by one."""

    def __init__(self, w: Writer, shape: tuple[int, ...], axes: Sequence[int], known: bool) -> None:
        self.w = w
        self.axes = axes
        self.kept = [axis for axis in range(len(shape)) if axis not in axes]
        self.rest = tuple([shape[axis] for axis in self.kept])
        self.lengths = tuple([shape[axis] for axis in axes])
        self.known = known

    def all(self, body: Callable[[Indices], None]) -> None:
        """`body` for each line."""
        if self.known:
            for index in places(self.rest):
                body(index)
        else:
            self.w.nest(self.rest, body)

    def whole(self, line: Indices, along: Indices) -> Indices:
        """The index of a place of a line."""
        found: list[Any] = [None] * (len(self.kept) + len(self.axes))
        for axis, i in [*zip(self.kept, line), *zip(self.axes, along)]:
            found[axis] = i
        return tuple(found)

    def each(self, line: Indices, body: Callable[[Indices], None]) -> None:
        if self.known:
            for along in places(self.lengths):
                body(self.whole(line, along))
        else:
            self.w.nest(self.lengths, lambda along: body(self.whole(line, along)))

    def brought(
        self, line: Indices, by: str, dtypes: Sequence[np.dtype], terms: Callable[[Indices], Sequence[Number]]
    ) -> list[Number]:
        """Numbers of each place of a line, brought together by an operation."""
        w = self.w
        starts = [constant(STARTS[by](dtype), dtype) for dtype in dtypes]
        is_apart = by == "add" or all(dtype.kind != "c" for dtype in dtypes)  # else it mixes the parts of complex numbers
        count: int = prod(self.lengths)
        if self.known and count:
            columns = zip(*[terms(self.whole(line, along)) for along in places(self.lengths)])
            return [w.total(xs, dtype, by) for xs, dtype in zip(columns, dtypes)]

        def turn(along: Indices, so_far: Sequence[Number]) -> Sequence[Number]:
            if len(along) == len(self.lengths):
                new = terms(self.whole(line, along))
                return [w.number(by, dtype, a, b) for a, b, dtype in zip(so_far, new, dtypes)]
            length = self.lengths[len(along)]
            return w.loop(length, lambda i, *inner: turn((*along, i), inner), so_far, by if is_apart else None, free=is_apart)

        return list(turn((), starts))


def along(
    w: Writer, count: int, first: Callable[[Form], Sequence[Number]], turn: Callable[..., Sequence[Number]], known: bool
) -> None:
    """first(0), then turn(i, *what the last turn left) for i from 1 on, one after the other."""
    if not count:
        return
    state = first(Form(0))
    if known:
        for i in range(1, count):
            state = turn(Form(i), *state)
    else:
        w.loop(count - 1, lambda i, *inner: turn(plus(i, Form(1)), *inner), state, free=False)
