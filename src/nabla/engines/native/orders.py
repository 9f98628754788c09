"""Where elements belong: the places of extrema, and of values in sorted rows.

NaN counts as the largest, equal to itself; the first of equals comes first.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from nabla.engines.native.lines import Lines, Sink, at_hand
from nabla.engines.native.loops import BOOL, INDEX, Form, Num, Operand, form, plus
from nabla.engines.native.values import Indices, Lazy, Number, Unsupported, Value, shape_of
from nabla.graph.node import Node
from nabla.primitives import reductions as r, searching
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.graphs import Graphs
    from nabla.engines.native.writer import Writer


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
        x = w.picked(given[0]) if known else at_hand(w, w.lazy(given[0]))
        lines = Lines(w, shape, (axis,), known)
        out = Sink(w, node.shape, node.dtype, known or not node.shape, w.targets.get(node))

        def line(index: Indices) -> None:
            (most,) = lines.brought(index, by, [x.dtype], lambda at: [w.at(x, at)])

            def place(at: Indices) -> list[Number]:
                number = w.at(x, at)
                there = w.op("equal", BOOL, number, most)
                if x.dtype.kind == "f":
                    there = w.op("logical_or", BOOL, there, w.op("isnan", BOOL, number))
                return [w.op("where", INDEX, there, w.index(at[axis]), Num(shape[axis], INDEX))]

            out.put(index, lines.brought(index, "minimum", [INDEX], place)[0])

        lines.all(line)
        return out.value()

    return row


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
            start = Form(base.value) if isinstance(base, Num) else form(base)
            further = w.op("add", INDEX, base, Num(half, INDEX))
            base = w.op("where", INDEX, before(plus(start, Form(half - 1))), further, base)
            length -= half
        return base

    cost = v.cost + 8 * count.bit_length() if count else 0
    return Lazy(node.shape, node.dtype, at, cost, v.depth + 1, v.reads | rows.reads)


ROWS: dict[Primitive, Any] = {
    r.argmax: _extreme("maximum"),
    r.argmin: _extreme("minimum"),
    searching.searchsorted: _searchsorted,
}
