"""Reading and writing parts of tensors, at places known now or only when the program runs.

What is read out of bounds is NaN, or the number of an integer's dtype that is furthest from zero; what is written there is dropped.
A place that is known to be out of bounds is left to the NumPy engine, which raises.
"""

from __future__ import annotations

from functools import reduce
from itertools import pairwise, product
from math import prod
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla.engines.native.loops import BOOL, HALF, INDEX, ZERO, Form, Num, Operand, form, plus, times
from nabla.engines.native.lowering import recipes
from nabla.engines.native.lowering.lines import at_hand
from nabla.engines.native.lowering.values import (
    Array,
    Indices,
    Lazy,
    Number,
    Small,
    Unsupported,
    Value,
    aligned,
    constant,
    is_known,
    part_of_complex,
    shape_of,
)  # fmt: skip
from nabla.graph.node import Node

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

Box = tuple[tuple[int, int], ...]
"""Along each axis, from where to where."""
MOST = 16
"""Boxes that are left out by an array put together from parts, each filled by itself."""
LOOKED_UP, NEAR = 8, 2
"""The cost of an index that is brought into bounds, and of a read from there; of one that lies inside."""
MANY = 4
"""Numbers that are added to each of a few from which on these are summed up one by one."""


class Along:
    """The indices of an axis of length n that an array holds. shape: of the array. even: their first and their step, where they are
    known and evenly spaced."""

    def __init__(self, w: Writer, x: Value, n: int, tiny: bool) -> None:
        self.w = w
        self.shape = shape_of(x)
        self.length = n
        values = _known(w, x)
        self.is_inside = values is not None and values.size > 0 and bool(values.min() >= 0 and values.max() < n)
        self.even = _even(values) if values is not None and self.is_inside else None
        self.recipe = None if self.even else w.picked(x) if tiny else at_hand(w, w.lazy(x))

    @property
    def cost(self) -> int:
        return 0 if self.even else NEAR if self.is_inside else LOOKED_UP

    def counted(self, index: Indices) -> Operand:
        """One of them, counted from the end if negative."""
        w, n, own = self.w, self.length, aligned(index, self.shape)
        if self.even is not None:
            start, step = self.even
            return w.index(plus(Form(start), *[times(i, step) for i in own]))
        assert self.recipe is not None
        i = w.at(self.recipe, own)
        if isinstance(i, Num):
            if not -n <= int(i.value) < n:
                raise Unsupported("an index out of bounds, which the NumPy engine tells")
            return Num(int(i.value) % n, INDEX)
        if i.dtype != INDEX:
            i = w.op("convert", INDEX, i)
        if self.is_inside:
            return i
        return w.op("from_end", INDEX, i, Num(n, INDEX))

    def at(self, index: Indices) -> tuple[Form, Operand | None]:
        """That, and whether there is such an element, None if there surely is; if not, it is the index of the first one."""
        w = self.w
        if self.even is not None:
            start, step = self.even
            return plus(Form(start), *[times(i, step) for i in aligned(index, self.shape)]), None
        i = self.counted(index)
        if isinstance(i, Num) or self.is_inside:
            return form(i), None
        inside = w.op("is_below", BOOL, i, Num(self.length, INDEX))
        return form(w.op("where", INDEX, inside, i, Num(0, INDEX))), inside


def _known(w: Writer, x: Value) -> np.ndarray | None:
    """The numbers of a constant."""
    if isinstance(x, Small) and is_known(x):
        return np.array([int(name.value) for name in x.names.reshape(-1)], object).reshape(x.shape)
    if isinstance(x, Array) and x.buffer.place == "constant" and x.at == ZERO:
        kept = w.constants[x.buffer.number]
        return kept if kept.shape == x.shape else None
    return None


def _even(values: np.ndarray) -> tuple[int, int] | None:
    """The first number and the step of numbers in a row that are evenly spaced."""
    if values.size > 1 and values.size != max(values.shape):
        return None
    flat = [int(v) for v in values.reshape(-1)]
    step = flat[1] - flat[0] if len(flat) > 1 else 0
    return (flat[0], step) if all(b - a == step for a, b in pairwise(flat)) else None


class Places:
    """Where the elements of a part lie in a tensor of `shape`; see primitives/indexing.py for `spec`."""

    def __init__(self, w: Writer, shape: tuple[int, ...], spec: Sequence[Any], arrays: Sequence[Value], tiny: bool = False) -> None:
        self.w = w
        self.spec = spec
        if arrays and not all(n for n, entry in zip(shape, spec) if entry is None):
            raise Unsupported("an index into nothing")
        lengths = [n for n, entry in zip(shape, spec) if entry is None]
        self.arrays = [Along(w, x, n, tiny) for x, n in zip(arrays, lengths)]
        self.recipes = [x.recipe for x in self.arrays if x.recipe is not None]
        self.together = np.broadcast_shapes(*[a.shape for a in self.arrays]) if arrays else ()
        self.shape = (*self.together, *[entry[1] for entry in spec if isinstance(entry, tuple)])

    def at(self, index: Indices) -> tuple[Indices, Operand | None]:
        """The index into the whole, and whether there is such an element; None if there surely is."""
        together, rest = index[: len(self.together)], iter(index[len(self.together) :])
        arrays = iter(self.arrays)
        found: list[Form] = []
        inside: Operand | None = None
        for entry in self.spec:
            if entry is None:
                i, there = next(arrays).at(together)
                found.append(i)
                if there is not None:
                    inside = there if inside is None else self.w.op("logical_and", BOOL, inside, there)
            elif isinstance(entry, tuple):
                i = next(rest)
                found.append(times(i, entry[2], entry[0]))
            else:
                found.append(Form(entry))
        return tuple(found), inside

    def hits(self, index: Indices) -> list[Operand]:
        """For each element of the whole, in C order, whether index arrays, one for each axis, name it."""
        w = self.w
        axes: list[list[Operand]] = []
        for x in self.arrays:
            i = x.counted(index)
            axes.append([w.op("equal", BOOL, i, Num(k, INDEX)) for k in range(x.length)])
        return [reduce(lambda a, b: w.op("logical_and", BOOL, a, b), hit) for hit in product(*axes)]

    @property
    def are_distinct(self) -> bool:
        """Whether no two of them are surely the same."""
        one = [x for x in self.arrays if x.shape]
        return not self.arrays or (len(one) == 1 and one[0].even is not None and (one[0].even[1] != 0 or one[0].shape == (1,)))


def _nowhere(dtype: np.dtype) -> Number:
    """What is read out of bounds."""
    if dtype.kind in "fc":
        return constant(np.nan, dtype)
    if dtype.kind == "b":
        return constant(True, dtype)
    limits = np.iinfo(dtype.name)
    return constant(limits.min if dtype.kind == "i" else limits.max, dtype)


def read(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    x, spec = given[0], node.params["spec"]
    shape = shape_of(x)
    tiny = node.size <= w.most
    if isinstance(x, Array) and len(given) == 1 and spec and node.size:
        rows = _rows(x, spec, node.shape)
        if rows is not None:
            return w.small(rows) if tiny else rows
    known = isinstance(x, Small) and all(isinstance(a, Small) and is_known(a) for a in given[1:])
    source = w.picked(x) if known and tiny else w.lazy(x)
    places = Places(w, shape, spec, given[1:], tiny)
    if not tiny and not places.are_distinct and prod(places.shape) * 2 > prod(shape):
        source = at_hand(w, source)

    def at(index: Indices) -> Number:
        place, inside = places.at(index)
        found = w.at(source, place)
        return found if inside is None else w.number("where", part_of_complex(node.dtype), inside, found, _nowhere(node.dtype))

    reads = frozenset().union(source.reads, *[x.reads for x in places.recipes])
    depth = 1 + max(x.depth for x in (source, *places.recipes))
    cost = source.cost + sum(x.cost for x in places.arrays)
    part = Lazy(places.shape, node.dtype, at, cost, depth, reads)
    return w.written_out(part) if tiny else part


def _rows(x: Array, spec: Sequence[Any], shape: tuple[int, ...]) -> Array | None:
    """Whole rows, which lie side by side."""
    entry = spec[0]
    if not all(isinstance(part, tuple) and part == (0, n, 1) for part, n in zip(spec[1:], x.shape[1:])):
        return None
    start = entry[0] if isinstance(entry, tuple) else entry
    if start is None or (isinstance(entry, tuple) and entry[2] != 1):
        return None
    shift = start * prod(x.shape[1:])
    return Array(x.buffer, Form(x.at.const + shift, x.at.terms), shape, x.dtype, False)


def update(adds: bool) -> Any:
    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        w = g.w
        x, v, *indices = given
        spec = node.params["spec"]
        shape = shape_of(x)
        known = all(isinstance(a, Small) and is_known(a) for a in indices)
        if isinstance(x, Small) and known and prod(shape_of(v)) <= w.most:
            return _in_registers(w, node, x, w.small(v), indices, adds)
        places = Places(w, shape, spec, indices)
        if adds and _are_zeros(x) and len(indices) == len(spec) and prod(places.shape) >= MANY * node.size:
            return _added_up(w, node, places, w.lazy(v))
        # One after the other is no way to compute functions.
        new = w.lazy(v) if places.are_distinct else at_hand(w, w.lazy(v))
        if isinstance(x, Array) and x.owned and free[0]:
            room = x
            if room.buffer in new.reads:
                new = w.of_array(w.memory(new, w.room(new.shape, new.dtype)))
        else:
            room = w.result(node)
            w.copy(room, x)
        _written(w, room, places, new, adds)
        return room

    return row


def _written(w: Writer, room: Array, places: Places, new: Lazy, adds: bool) -> None:
    part = part_of_complex(room.dtype)

    def body(index: Indices) -> None:
        place, inside = places.at(index)
        value = w.at(new, aligned(index, new.shape))
        old = w.load(room, place) if adds or inside is not None else None
        if adds:
            value = w.number("add", part, old, value)
        if inside is not None:
            value = w.number("where", part, inside, value, old)
        w.store(room, place, value)

    def turn(axis: int, index: Indices) -> None:
        if axis == len(places.shape):
            body(index)
        else:
            free = axis >= len(places.together) or places.are_distinct
            w.loop(places.shape[axis], lambda i: turn(axis + 1, (*index, i)), free=free)

    if prod(places.shape):
        turn(0, ())


def _are_zeros(x: Value) -> bool:
    """Whether x is zeros in registers, none of them negative."""
    if not isinstance(x, Small) or x.dtype.kind not in "iuf" or x.dtype == HALF:
        return False
    return all(type(name) is Num and name.value == 0 and not np.signbit(name.value) for name in x.names.reshape(-1))


def _added_up(w: Writer, node: Node, places: Places, new: Lazy) -> Small:
    """Many numbers added to few zeros: each of the few is the sum of what goes there. Where each is added to memory, it waits for
    the one before; this way several are taken at once."""
    zero = Num(0, node.dtype)

    def turn(axis: int, index: Indices, sums: Sequence[Number]) -> list[Number]:
        if axis < len(places.shape):
            return w.loop(places.shape[axis], lambda i, *inner: turn(axis + 1, (*index, i), inner), sums, "add")
        value, dtype = w.at(new, aligned(index, new.shape)), node.dtype
        return [w.op("add", dtype, old, w.op("where", dtype, hit, value, zero)) for old, hit in zip(sums, places.hits(index))]

    names = np.empty(node.shape, object)
    names.reshape(-1)[:] = turn(0, (), [zero] * node.size)
    return Small(names, node.dtype)


def _in_registers(w: Writer, node: Node, x: Small, v: Small, indices: list[Value], adds: bool) -> Small:
    places = Places(w, x.shape, node.params["spec"], indices, True)
    names = x.names.copy()
    values = np.broadcast_to(v.names, places.shape)
    for at in np.ndindex(*places.shape):
        place, _ = places.at(tuple([Form(i) for i in at]))
        where = tuple([i.const for i in place])
        value = values[at]
        names[where] = w.number("add", part_of_complex(node.dtype), names[where], value) if adds else value
    return Small(names, node.dtype)


def assemble(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    specs, disjoint = node.params["specs"], node.params["disjoint"]
    if any(entry is None for spec in specs for entry in spec):
        raise Unsupported("an array put together at places known at run time")
    if g.is_tiny(node, given):
        names = np.empty(node.shape, object)
        written = np.zeros(node.shape, bool)
        flat = names.reshape(-1)
        for i in range(flat.size):
            flat[i] = constant(0, node.dtype)
        for x, spec in zip(given, specs):
            places = Places(w, node.shape, spec, [])
            values = np.broadcast_to(w.small(x).names, places.shape)
            for at in np.ndindex(*places.shape):
                where = tuple([i.const for i in places.at(tuple([Form(i) for i in at]))[0]])
                value = values[at]
                names[where] = w.number("add", part_of_complex(node.dtype), names[where], value) if written[where] else value
                written[where] = True
        return Small(names, node.dtype)
    inputs = [w.lazy(x) for x in given]
    room = w.result(node)
    parts = [Places(w, node.shape, spec, []) for spec in specs]
    left = _left_out(node.shape, specs)
    adds = left is None and not disjoint
    if left is None and (adds or sum(prod(places.shape) for places in parts) < node.size):
        left = [tuple([(0, n) for n in node.shape])]
    zero = w.lazy(Small(np.array(constant(0, node.dtype), object), node.dtype))
    for box in left or ():
        _written(w, room, Places(w, node.shape, [(start, stop - start, 1) for start, stop in box], []), zero, False)
    for x, places in zip(inputs, parts):
        part = recipes.broadcast(w, x, places.shape)
        _written(w, room, places, part if disjoint or adds else _added_to_zero(w, part), adds)
    return room


def _added_to_zero(w: Writer, x: Lazy) -> Lazy:
    """x without a negative zero."""
    zero, dtype = constant(0, x.dtype), part_of_complex(x.dtype)

    def row(number: Number) -> Number:
        return w.number("add", dtype, zero, number)

    return recipes.elementwise(w, x.shape, x.dtype, row, [x], 1)


def _left_out(shape: Sequence[int], specs: Sequence[Any]) -> list[Box] | None:
    """The boxes that make up what none of the parts covers; None if parts overlap, have gaps, or leave out too many."""
    left: list[Box] = [tuple([(0, n) for n in shape])]
    for spec in specs:
        if any(isinstance(entry, tuple) and entry[2] != 1 for entry in spec):
            return None
        box = tuple([(entry[0], entry[0] + entry[1]) if isinstance(entry, tuple) else (entry, entry + 1) for entry in spec])
        missing = prod([stop - start for start, stop in box])
        rest: list[Box] = []
        for other in left:
            found, taken = _without(other, box)
            rest += found
            missing -= taken
        left = rest
        if missing or len(left) > MOST:
            return None
    return left


def _without(whole: Box, box: Box) -> tuple[list[Box], int]:
    """What is left of a box without another one, as boxes, and how many elements both have."""
    common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(whole, box)]
    if any(start >= stop for start, stop in common):
        return [whole], 0
    found: list[Box] = []
    for axis, ((start, stop), (a, b)) in enumerate(zip(whole, common)):
        found += [(*common[:axis], side, *whole[axis + 1 :]) for side in ((start, a), (b, stop)) if side[0] < side[1]]
    return found, prod([stop - start for start, stop in common])
