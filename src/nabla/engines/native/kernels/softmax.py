"""softmax, its logarithm, and the logarithm of a sum of exponentials: a line at a time, from its maximum.

The formulas, and what holds of infinities, are those of the kernels of the NumPy engine.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from nabla.engines.native.loops import BOOL, Num
from nabla.engines.native.lowering.lines import Lines, Sink, at_hand, computed_in, narrowed, widened
from nabla.engines.native.lowering.values import Indices, Number, Unsupported, Value, constant, shape_of
from nabla.graph.node import Node
from nabla.primitives import softmax as s
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

FEW = 4
"""Numbers of a tensor that is kept in registers: the exponentials of more are computed several at once."""


class _Row:
    """What the three have in common."""

    def __init__(self, g: Graphs, node: Node, x: Value) -> None:
        shape = shape_of(x)
        if node.dtype.kind != "f":
            raise Unsupported(f"{node.prim.name} of {node.dtype}")
        self.w: Writer = g.w
        self.dtype = computed_in(node.dtype)
        self.known = prod(shape) <= FEW
        self.source = self.w.picked(x) if self.known else at_hand(self.w, self.w.lazy(x))
        self.lines = Lines(self.w, shape, node.params["axes"], self.known)
        self.out = Sink(self.w, node.shape, node.dtype, self.known, self.w.targets.get(node))

    def x(self, index: Indices) -> Number:
        return widened(self.w, self.w.at(self.source, index))

    def maximum(self, line: Indices) -> Number:
        return self.lines.brought(line, "maximum", [self.dtype], lambda index: [self.x(index)])[0]

    def below(self, index: Indices, most: Number) -> Number:
        """x less the maximum; zero where both are the same infinity."""
        w, x = self.w, self.x(index)
        return w.op("where", self.dtype, w.op("equal", BOOL, x, most), Num(0.0, self.dtype), w.op("subtract", self.dtype, x, most))

    def exp(self, x: Number) -> Number:
        return self.w.op("exp", self.dtype, x)

    def put(self, index: Indices, value: Number) -> None:
        self.out.put(index, narrowed(self.w, value, self.out.dtype))


def _softmax(row: _Row, line: Indices) -> None:
    w, dtype = row.w, row.dtype
    most = row.maximum(line)
    kept = not row.known and row.out.dtype == dtype  # the exponentials, where the results will be

    def part(index: Indices) -> Number:
        return row.exp(row.below(index, most))

    def term(index: Indices) -> list[Number]:
        found = part(index)
        if kept:
            row.put(index, found)
        return [found]

    (total,) = row.lines.brought(line, "add", [dtype], term)
    read = row.out.get if kept else part
    row.lines.each(line, lambda index: row.put(index, w.op("divide", dtype, read(index), total)))


def _log_softmax(row: _Row, line: Indices) -> None:
    w, dtype = row.w, row.dtype
    most = row.maximum(line)
    (total,) = row.lines.brought(line, "add", [dtype], lambda index: [row.exp(row.below(index, most))])
    log = w.op("log", dtype, total)
    row.lines.each(line, lambda index: row.put(index, w.op("subtract", dtype, row.below(index, most), log)))


def _logsumexp(row: _Row, line: Indices) -> None:
    """Where one element rules, the sum of the others keeps its digits beside its 1."""
    w, dtype = row.w, row.dtype
    zero = Num(0.0, dtype)
    most = row.maximum(line)

    def terms(index: Indices) -> list[Number]:
        below = row.below(index, most)
        part = row.exp(below)
        return [part, w.op("where", dtype, w.op("equal", BOOL, below, zero), zero, part)]

    total, others = row.lines.brought(line, "add", [dtype, dtype], terms)
    ruled = w.op("less", BOOL, total, Num(1.5, dtype))
    log = w.op("where", dtype, ruled, w.op("log1p", dtype, others), w.op("log", dtype, total))
    row.put(line, w.op("add", dtype, most, log))


def _of(write: Callable[[_Row, Indices], None]) -> Any:
    def found(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        row = _Row(g, node, given[0])
        if prod(shape_of(given[0])):
            row.lines.all(lambda line: write(row, line))
        elif node.size:  # the logarithm of no exponentials
            row.lines.all(lambda line: row.out.put(line, constant(-np.inf, node.dtype)))
        return row.out.value()

    return found


ROWS: dict[Primitive, Any] = {s.softmax: _of(_softmax), s.log_softmax: _of(_log_softmax), s.logsumexp: _of(_logsumexp)}
