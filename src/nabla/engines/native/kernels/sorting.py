"""Sorting: elements of short rows are compared each with each; longer rows are runs that are sorted so, and then merged two by two.

What is compared are keys: integers in the order of the elements. NaN is the largest, equal to itself; equals keep their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from nabla.engines.native.loops import BOOL, INDEX, Form, Num, Operand, Reg, form, plus, times
from nabla.engines.native.lowering import recipes
from nabla.engines.native.lowering.lines import Lines, at_hand
from nabla.engines.native.lowering.values import Array, Indices, Lazy, Number, Unsupported, Value
from nabla.graph.node import Node
from nabla.primitives import sorting
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

RUN = 24
"""Elements that are compared each with each, at most."""
LONGEST = 4096
"""Elements of a longer row whose places are found here; for more of them the NumPy engine is as fast."""
FEW = 1024
"""Elements of all longer rows that are sorted here; more of them NumPy sorts faster, by the vectors of the processor."""
WORD = np.dtype(np.int32)


def _sort(of_places: bool) -> Any:
    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        w, axis, n = g.w, node.params["axis"], node.shape[node.params["axis"]]
        if node.inputs[0].dtype.kind == "c":
            raise Unsupported(f"{node.prim.name} of complex numbers")
        if n > RUN and (n > LONGEST if of_places else node.size > FEW):
            raise Unsupported("sorting long rows")
        x = at_hand(w, w.lazy(given[0]))
        keys = w.of_array(w.memory(_keyed(w, x, node.params["descending"])))
        room = w.result(node)
        lines = Lines(w, node.shape, (axis,), False)

        def put(line: Indices, rank: Form, place: Operand) -> None:
            w.store(room, lines.whole(line, (rank,)), place if of_places else w.at(x, lines.whole(line, (form(place),))))

        if n <= RUN:
            lines.all(lambda line: _ranked(w, n, lambda i: w.at(keys, lines.whole(line, (i,))), lambda r, i, _: put(line, r, i)))
            return room
        merge = _Merge(w, n, keys.dtype)

        def line(index: Indices) -> None:
            places = merge.row(lambda i: w.at(keys, lines.whole(index, (i,))))
            w.loop(n, lambda i: put(index, i, w.load(places, (i,))))

        w.nest(lines.rest, line, free=False)  # the rows share the memory that they are merged in
        return room

    return row


def _keyed(w: Writer, x: Lazy, descending: bool) -> Lazy:
    dtype = x.dtype if x.dtype.kind in "iu" else np.dtype(np.int64) if x.dtype.itemsize == 8 else WORD

    def key(number: Number) -> Number:
        name = {"f": "order", "b": "convert"}.get(number.dtype.kind)
        found = number if name is None else w.op(name, dtype, number)
        return w.op("bitwise_invert", dtype, found) if descending else found

    return recipes.elementwise(w, x.shape, dtype, key, [x], 4)


def _ranked(w: Writer, n: int, key: Callable[[Form], Number], put: Callable[[Form, Operand, Number], None]) -> None:
    """put(rank, place, key) for each of n elements: as many come before it as are less, and of its equals those that stand before
    it."""

    def one(i: Form) -> None:
        place, own = w.index(i), key(i)

        def counted(j: Form, before: Number) -> list[Number]:
            other = key(j)
            ahead = w.op("less", BOOL, w.index(j), place)
            comes = w.op("where", BOOL, ahead, w.op("less_equal", BOOL, other, own), w.op("less", BOOL, other, own))
            return [w.op("add", INDEX, before, w.op("convert", INDEX, comes))]

        (rank,) = w.loop(n, counted, [Num(0, INDEX)], "add")
        put(form(rank), place, own)

    w.loop(n, one)


class _Merge:
    """Rows of n elements as 2**k runs of the same length, which are merged k times. What is missing at the end comes last. keys,
    places: each twice, from one of which all is merged into the other."""

    def __init__(self, w: Writer, n: int, dtype: np.dtype) -> None:
        self.w, self.n = w, n
        count = 1
        while -(-n // count) > RUN:
            count *= 2
        self.run, self.count = -(-n // count), count
        whole = (self.run * count,)
        self.keys = [w.room(whole, dtype) for _ in range(2)]
        self.places = [w.room(whole, INDEX) for _ in range(2)]
        self.most = Num(int(np.iinfo(dtype.name).max), dtype)

    def row(self, key: Callable[[Form], Number]) -> Array:
        """The places of the elements when sorted."""
        w, keys, places = self.w, self.keys, self.places
        w.loop(self.n, lambda i: w.store(keys[1], (i,), key(i)))
        w.loop(keys[1].shape[0] - self.n, lambda i: w.store(keys[1], (plus(i, Form(self.n)),), self.most))
        w.loop(self.count, self._sorted_run, free=False)
        length = self.run
        while length < keys[0].shape[0]:
            self._merged(length)
            self.keys, self.places = keys, places = keys[::-1], places[::-1]
            length *= 2
        return places[0]

    def _sorted_run(self, r: Form) -> None:
        w, start = self.w, times(r, self.run)

        def put(rank: Form, place: Operand, key: Number) -> None:
            at = (plus(start, rank),)
            w.store(self.keys[0], at, key)
            w.store(self.places[0], at, w.op("add", INDEX, w.index(start), place))

        _ranked(w, self.run, lambda i: w.load(self.keys[1], (plus(start, i),)), put)

    def _merged(self, length: int) -> None:
        """Neighbouring runs, from both ends at once: so no run comes to its end before the other."""
        w, (keys, to_keys), (places, to_places) = self.w, self.keys, self.places
        total = keys.shape[0] // (2 * length)

        def moved(choice: Operand, left: Form, right: Form, to: Form) -> None:
            for source, room in ((keys, to_keys), (places, to_places)):
                found = w.op("where", room.dtype, choice, w.load(source, (left,)), w.load(source, (right,)))
                w.store(room, (to,), found)

        def pair(p: Form) -> None:
            start = times(p, 2 * length)
            end = plus(start, Form(2 * length - 1))

            def step(k: Form, from_left: Reg, back_left: Reg) -> list[Operand]:
                """So many have come from the run on the left, at the front and at the back."""
                one, other = form(from_left), form(back_left)
                left, right = plus(start, one), plus(start, Form(length), k, times(one, -1))
                first = w.op("less_equal", BOOL, w.load(keys, (left,)), w.load(keys, (right,)))
                moved(first, left, right, plus(start, k))
                low = plus(end, Form(-length), times(other, -1))
                high = plus(end, times(k, -1), other)
                last = w.op("less", BOOL, w.load(keys, (high,)), w.load(keys, (low,)))
                moved(last, low, high, plus(end, times(k, -1)))
                return [w.op("add", INDEX, x, w.op("convert", INDEX, y)) for x, y in ((from_left, first), (back_left, last))]

            w.loop(length, step, [Num(0, INDEX), Num(0, INDEX)], free=False)

        w.loop(total, pair, free=False)


ROWS: dict[Primitive, Any] = {
    sorting.sort: _sort(False),
    sorting.argsort: _sort(True),
}
