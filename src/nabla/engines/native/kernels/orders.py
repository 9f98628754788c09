"""Where elements belong: the places of extrema, and of values in sorted rows.

NaN counts as the largest, equal to itself; the first of equals comes first.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.loops import BOOL, INDEX, STARTS, Form, Num, Operand, form, plus, times
from nabla.engines.native.lowering.lines import Lines, Sink, at_hand
from nabla.engines.native.lowering.values import Indices, Lazy, Number, Unsupported, Value, constant, shape_of
from nabla.graph.node import Node
from nabla.primitives import reductions as r, searching
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer


EXTREMA = (r.argmax, r.argmin)
"""What looks for the place of an extremum."""
MANY = 16
"""Lines from which on several are gone through at once, element by element, where it costs much to compute an element."""
BLOCKS = range(256, 2**16)
"""Lengths of a line of which only the block with the extremum is searched for its place: longer ones are shared by threads."""


def _real(node: Node, dtype: np.dtype) -> None:
    if dtype.kind == "c":
        raise Unsupported(f"{node.prim.name} of complex numbers")


def _extreme(by: str) -> Any:
    """The first place where the extremum stands, or the first NaN."""

    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        w, axis, shape = g.w, node.params["axis"], shape_of(given[0])
        _real(node, given[0].dtype)
        if not prod(shape):
            raise Unsupported("an extremum of nothing")
        known = g.is_tiny(node, given)
        x = w.picked(given[0]) if known else w.lazy(given[0])
        in_blocks = not known and shape[axis] in BLOCKS
        one_by_one = not known and node.inputs[0] in g.compared
        if not known and not in_blocks and not one_by_one:
            x = at_hand(w, x)
        lines = Lines(w, shape, (axis,), known)
        out = Sink(w, node.shape, node.dtype, known or not node.shape, w.targets.get(node))

        def line(index: Indices) -> None:
            if one_by_one or in_blocks:
                write = _one_by_one if one_by_one else _by_blocks
                out.put(index, write(w, by, x.dtype, shape[axis], lambda i: w.at(x, lines.whole(index, (i,)))))
                return
            (most,) = lines.brought(index, by, [x.dtype], lambda at: [w.at(x, at)])

            def place(at: Indices) -> list[Number]:
                return [w.op("where", INDEX, _is(w, w.at(x, at), most), w.index(at[axis]), Num(shape[axis], INDEX))]

            out.put(index, lines.brought(index, "minimum", [INDEX], place)[0])

        lines.all(line)
        return out.value()

    return row


def _is(w: Writer, x: Operand, most: Operand) -> Operand:
    """Whether x is the extremum, or NaN."""
    there = w.op("equal", BOOL, x, most)
    return w.op("logical_or", BOOL, there, w.op("isnan", BOOL, x)) if x.dtype.kind == "f" else there


def _is_better(w: Writer, by: str, x: Operand, most: Operand) -> Operand:
    """Whether x, which comes later, takes the place of the extremum so far."""
    worse = w.op("greater_equal" if by == "minimum" else "less_equal", BOOL, x, most)
    better = w.op("logical_not", BOOL, worse)
    if x.dtype.kind != "f":
        return better
    return w.op("logical_and", BOOL, better, w.op("logical_not", BOOL, w.op("isnan", BOOL, most)))


def _one_by_one(w: Writer, by: str, dtype: np.dtype, count: int, at: Callable[[Form], Operand]) -> Operand:
    """The first place of the extremum of so many numbers, each of which is computed once."""

    def turn(i: Form, most: Operand, first: Operand) -> list[Operand]:
        x = at(i)
        better = _is_better(w, by, x, most)
        return [w.op("where", dtype, better, x, most), w.op("where", INDEX, better, w.index(i), first)]

    _, first = w.loop(count, turn, [constant(STARTS[by](dtype), dtype), Num(0, INDEX)], free=False)
    return first


def _by_blocks(w: Writer, by: str, dtype: np.dtype, count: int, at: Callable[[Form], Operand]) -> Operand:
    """The first place of the extremum of so many numbers: in the first block that has it."""
    size = 1 << (16 * count).bit_length() // 2  # near four times the root
    least = constant(STARTS[by](dtype), dtype)

    def block(start: Form, most: Operand, first: Operand) -> list[Operand]:
        (found,) = w.loop(size, lambda i, so_far: [w.op(by, dtype, so_far, at(plus(start, i)))], [least], by)
        better = _is_better(w, by, found, most)
        return [w.op("where", dtype, better, found, most), w.op("where", INDEX, better, w.index(start), first)]

    state: Sequence[Operand] = [least, Num(0, INDEX)]
    state = w.loop(count // size, lambda b, *before: block(times(b, size), *before), state, free=False)
    if count % size:
        state = block(Form(count - size), *state)  # some are seen twice, and are no better the second time
    most, first = state
    start = form(first)

    def place(i: Form, so_far: Operand) -> list[Operand]:
        here = plus(start, i)
        return [w.op("minimum", INDEX, so_far, w.op("where", INDEX, _is(w, at(here), most), w.index(here), Num(count, INDEX)))]

    (found,) = w.loop(size, place, [constant(STARTS["minimum"](INDEX), INDEX)], "minimum")
    return found


def _less(w: Writer, x: Operand, y: Operand) -> Operand:
    found = w.op("less", BOOL, x, y)
    if x.dtype.kind != "f":
        return found
    only = w.op("logical_and", BOOL, w.op("isnan", BOOL, y), w.op("logical_not", BOOL, w.op("isnan", BOOL, x)))
    return w.op("logical_or", BOOL, found, only)


def _searchsorted(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """By halves, each as long for all values."""
    w, right = g.w, node.params["right"]
    _real(node, given[0].dtype)
    shape = shape_of(given[0])
    *stack, count = shape
    rows, v = at_hand(w, w.lazy(w.memory(given[0]))), w.lazy(given[1])

    def at(index: Indices) -> Number:
        value = w.at(v, index)
        row = index[: len(stack)]

        def before(place: Form) -> Operand:
            element = w.at(rows, (*row, place))
            return w.op("logical_not", BOOL, _less(w, value, element)) if right else _less(w, element, value)

        base: Operand = Num(0, INDEX)
        length = count
        while length:
            half = (length + 1) // 2
            further = w.op("add", INDEX, base, Num(half, INDEX))
            base = w.op("where", INDEX, before(plus(form(base), Form(half - 1))), further, base)
            length -= half
        return base

    cost = v.cost + 8 * count.bit_length() if count else 0
    return Lazy(node.shape, node.dtype, at, cost, v.depth + 1, v.reads | rows.reads)


ROWS: dict[Primitive, Any] = {
    r.argmax: _extreme("maximum"),
    r.argmin: _extreme("minimum"),
    searching.searchsorted: _searchsorted,
}
