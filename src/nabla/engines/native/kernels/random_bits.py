"""Random bits: Threefry-2x32 with 20 rounds, number by number (primitives/random.py says what it is)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla.engines.native.loops import Num, Operand
from nabla.engines.native.lowering.values import Indices, Lazy, Number, Value, offset_of
from nabla.engines.numpy.random import PARITY, ROTATIONS
from nabla.graph.node import Node
from nabla.primitives import random as r
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

WHOLE, WORD = np.dtype(np.uint64), np.dtype(np.uint32)
BITS = Num(32, WHOLE)
"""Of half a word."""
COST = 60
"""The operations of one scrambling."""


def _halves(w: Writer, x: Operand) -> tuple[Operand, Operand]:
    upper = w.op("bitwise_right_shift", WHOLE, x, BITS)
    return w.op("convert", WORD, upper), w.op("convert", WORD, x)


def scrambled(w: Writer, key: Operand, count: Operand) -> Operand:
    def word(name: str, a: Operand, b: Operand) -> Operand:
        return w.op(name, WORD, a, b)

    k0, k1 = _halves(w, key)
    x0, x1 = _halves(w, count)
    parity = word("bitwise_xor", word("bitwise_xor", k0, k1), Num(int(PARITY), WORD))
    schedule = (k0, k1, parity)
    x0, x1 = word("add", x0, k0), word("add", x1, k1)
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x0 = word("add", x0, x1)
            x1 = word("bitwise_xor", w.op("rotate_left", WORD, x1, by=rotation), x0)
        x0 = word("add", x0, schedule[(group + 1) % 3])
        x1 = word("add", word("add", x1, schedule[(group + 2) % 3]), Num(group + 1, WORD))
    upper = w.op("bitwise_left_shift", WHOLE, w.op("convert", WHOLE, x0), BITS)
    return w.op("bitwise_or", WHOLE, upper, w.op("convert", WHOLE, x1))


def _threefry(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w, shape = g.w, node.params["shape"]
    key, first = [w.lazy(w.small(x)) if not x.shape else w.lazy(x) for x in given]
    stack = len(key.shape)

    def at(index: Indices) -> Number:
        own = index[:stack]
        place = w.index(offset_of(shape, index[stack:]))
        count = w.op("add", WHOLE, w.at(first, own), w.op("convert", WHOLE, place))
        return scrambled(w, w.at(key, own), count)

    cost = COST + key.cost + first.cost
    found = Lazy(node.shape, node.dtype, at, cost, 1 + max(key.depth, first.depth), key.reads | first.reads)
    return w.written_out(found) if node.size <= 2 else found


ROWS: dict[Primitive, Any] = {r.threefry: _threefry}
