"""conv: in loops where it is small, else as products of matrices.

What all windows see is copied, a block at a time, into a matrix that is multiplied by the weights. Where there are more places
than taps (a layer of a network) its rows are channels and taps, and a block has some of the places. Where there are few places and
a large window (the derivative of a layer by its weights) its rows are places, and a block has some of the channels, whose products
are added up.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Sequence

from nabla.engines.native.kernels.blocks import Matrix, in_blocks, multiply
from nabla.engines.native.loops import ZERO, Form, Num, plus, times
from nabla.engines.native.lowering import recipes
from nabla.engines.native.lowering.lines import computed_in, narrowed, widened
from nabla.engines.native.lowering.values import Array, Indices, Lazy, Number, Value, constant, offset_of
from nabla.graph.node import Node
from nabla.primitives.convolution import extent

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

WORTH = 20_000
"""Multiplications for one row from which on a product of matrices costs less than loops."""
FEW = 4
"""Columns of the result below which the copy of the windows costs more than the product gains."""
BLOCK = 1 << 17
"""Elements of a block of windows: they stay in the cache."""


class _Windows:
    """What the windows of one conv see."""

    def __init__(self, w: Writer, node: Node, x: Value, weights: Value) -> None:
        params = node.params
        self.w = w
        self.strides: Sequence[int] = params["strides"]
        self.spread: Sequence[int] = params["w_dilation"]
        self.weights = w.memory(weights)
        self.groups, self.rows, self.columns, *size = node.shape
        self.size = tuple(size)
        _, _, self.channels, *taps = self.weights.shape
        self.taps = tuple(taps)
        self.source, self.low = self._bordered(w.memory(x), params["padding"], params["x_dilation"])

    def _bordered(self, x: Array, padding: Sequence[tuple[int, int]], dilation: Sequence[int]) -> tuple[Array, Sequence[int]]:
        """x dilated and with zeros around it, and where it is to be cut."""
        if max(dilation, default=1) == 1 and all(low <= 0 and high <= 0 for low, high in padding):
            return x, [-low for low, _ in padding]
        w, inner = self.w, x.shape[3:]
        whole = [low + extent(n, d) + high for n, d, (low, high) in zip(inner, dilation, padding)]
        room = w.room((*x.shape[:3], *whole), x.dtype)
        zero, line = constant(0, x.dtype), room._replace(shape=(prod(room.shape),))
        w.nest(line.shape, lambda index: w.store(line, index, zero))
        starts, firsts, counts = [], [], []
        for n, d, (low, _), length in zip(inner, dilation, padding, whole):
            first = max(0, -(low // d))  # the first element with low + d i >= 0
            starts.append(low + d * first)
            firsts.append(first)
            counts.append(max(0, min(n, (length - 1 - low) // d + 1) - first))

        def move(index: Indices) -> None:
            places = zip(index[3:], dilation, starts, firsts)
            into, of = zip(*[(times(i, d, start), times(i, 1, first)) for i, d, start, first in places]) if inner else ((), ())
            w.store(room, (*index[:3], *into), w.load(x, (*index[:3], *of)))

        w.nest((*x.shape[:3], *counts), move)
        return room, [0] * len(inner)

    def place(self, place: Sequence[Form], tap: Sequence[Form]) -> Indices:
        """Where a window at a place has a tap."""
        parts = zip(place, tap, self.strides, self.spread, self.low)
        return tuple([plus(times(p, stride), times(k, spread, low)) for p, k, stride, spread, low in parts])

    def seen(self, line: Indices, channel: Form, place: Sequence[Form], tap: Sequence[Form]) -> Number:
        return self.w.load(self.source, (*line, channel, *self.place(place, tap)))


def conv(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w, dtype = g.w, node.dtype
    if not node.size:
        return w.result(node)
    windows = _Windows(w, node, *given)
    count = prod(node.shape[2:]) * windows.channels * prod(windows.taps)
    if dtype.kind == "f" and dtype.itemsize >= 4 and count >= WORTH and windows.columns >= FEW:
        return _by_products(w, node, windows)
    return _by_loops(w, node, windows)


def _by_loops(w: Writer, node: Node, windows: _Windows) -> Value:
    part = computed_in(node.dtype)
    outer, ndim = len(node.shape), len(windows.size)
    shape = (*node.shape, windows.channels, *windows.taps)
    dtype = part if node.dtype.kind == "f" else node.dtype

    def at(index: Indices) -> Number:
        group, row, column, *place = index[:outer]
        channel, *tap = index[outer:]
        x = widened(w, windows.seen((group, row), channel, place, tap))
        y = widened(w, w.load(windows.weights, (group, column, channel, *tap)))
        return w.number("multiply", part, x, y)

    reads = frozenset([windows.source.buffer, windows.weights.buffer])
    terms = Lazy(shape, dtype, at, 1, 1, reads)
    summed = tuple(range(outer, outer + 1 + ndim))
    if dtype == node.dtype:
        return recipes.reduced(w, terms, summed, dtype, "add", w.targets.get(node))
    wide = w.lazy(recipes.reduced(w, terms, summed, dtype, "add"))
    return recipes.elementwise(w, node.shape, node.dtype, lambda x: narrowed(w, x, node.dtype), [wide], 1)


def _by_products(w: Writer, node: Node, windows: _Windows) -> Value:
    out = w.result(node)
    write = _by_places if prod(windows.size) >= prod(windows.taps) else _by_rows
    w.nest((windows.groups, windows.rows), lambda line: write(w, windows, line, out))
    return out


def _rows(x: Array, index: Sequence[Form], length: int) -> Matrix:
    """Rows of that length, from an index on."""
    return Matrix(x.buffer, plus(x.at, offset_of(x.shape, index)), length, 1, length)


def _by_places(w: Writer, windows: _Windows, line: Indices, out: Array) -> None:
    group = line[0]
    width, all_places = windows.channels * prod(windows.taps), prod(windows.size)
    first, *others = windows.size or (1,)
    columns = windows.columns
    weights = _rows(windows.weights, (group, *[ZERO] * (len(windows.weights.shape) - 1)), width)
    whole = _rows(out, (*line, *[ZERO] * (len(out.shape) - 2)), all_places)
    behind = prod(others)

    def block(start: Form, length: int) -> None:
        size = (length, *others) if windows.size else ()
        matrix = w.room((windows.channels, *windows.taps, *size), out.dtype)
        ndim = len(windows.taps)

        def fill(index: Indices) -> None:
            tap, place = index[1 : 1 + ndim], list(index[1 + ndim :])
            if place:
                place[0] = plus(place[0], start)
            w.store(matrix, index, windows.seen(line, index[0], place, tap))

        w.nest(matrix.shape, fill)
        places = length * behind
        into = whole._replace(at=plus(whole.at, times(start, behind)))
        multiply(w, (columns, places, width), weights, Matrix(matrix.buffer, ZERO, 1, places, 1), into)

    in_blocks(w, first, -(-first // max(1, BLOCK // (width * behind))), block)


def _by_rows(w: Writer, windows: _Windows, line: Indices, out: Array) -> None:
    group = line[0]
    of_window, places = prod(windows.taps), prod(windows.size)
    width, ndim = windows.channels * of_window, len(windows.size)
    columns = windows.columns
    into = _rows(out, (*line, *[ZERO] * (len(out.shape) - 2)), places)
    size = max(1, min(windows.channels, BLOCK // (places * of_window)))
    if size < windows.channels:
        zero = Num(0.0, out.dtype)
        rest = out.shape[2:]
        w.nest(rest, lambda index: w.store(out, (*line, *index), zero))

    def block(start: Form, length: int) -> None:
        matrix = w.room((*windows.size, length, *windows.taps), out.dtype)

        def fill(index: Indices) -> None:
            channel = plus(index[ndim], start)
            w.store(matrix, index, windows.seen(line, channel, index[:ndim], index[ndim + 1 :]))

        w.nest(matrix.shape, fill)
        own = length * of_window
        weights = _rows(windows.weights, (group, ZERO, start, *[ZERO] * ndim), width)
        of = _rows(matrix, [ZERO] * len(matrix.shape), own)
        multiply(w, (columns, places, own), weights, of, into, adds=size < windows.channels)

    count = windows.channels
    w.loop(count // size, lambda i: block(times(i, size), size), free=False)  # each adds to what the last one left
    if count % size:
        block(Form(count - count % size), count % size)
