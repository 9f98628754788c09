"""Reading and writing parts of tensors, at places known now or only when the program runs.

What is read out of bounds is NaN, or the number of an integer's dtype that is furthest from zero; what is written there is dropped.
A place that is known to be out of bounds is left to the NumPy engine, which raises.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla.engines.native import recipes
from nabla.engines.native.conversions import HALF
from nabla.engines.native.loops import BOOL, INDEX, Form, Num, Operand, form
from nabla.engines.native.values import (
    CHEAP,
    Array,
    Indices,
    Lazy,
    Number,
    Pair,
    Small,
    Unsupported,
    Value,
    aligned,
    constant,
    part_of_complex,
    shape_of,
)  # fmt: skip
from nabla.graph.node import Node

if TYPE_CHECKING:
    from nabla.engines.native.graphs import Graphs
    from nabla.engines.native.writer import Writer

LOOKED_UP = 8
"""The cost of an index that is brought into bounds, and of a read from there."""
MANY = 4
"""Numbers that are added to each of a few from which on these are summed up one by one."""


class Places:
    """Where the elements of a part lie in a tensor of `shape`; see primitives/indexing.py for `spec`."""

    def __init__(self, w: Writer, shape: tuple[int, ...], spec: Sequence[Any], arrays: Sequence[Lazy]) -> None:
        self.w = w
        self.whole = shape
        self.spec = spec
        self.arrays = arrays
        self.together = np.broadcast_shapes(*[a.shape for a in arrays]) if arrays else ()
        self.shape = (*self.together, *[entry[1] for entry in spec if isinstance(entry, tuple)])
        if arrays and not all(n for n, entry in zip(shape, spec) if entry is None):
            raise Unsupported("an index into nothing")

    def at(self, index: Indices) -> tuple[Indices, Operand | None]:
        """The index into the whole, and whether there is such an element; None if there surely is."""
        together, rest = index[: len(self.together)], iter(index[len(self.together) :])
        arrays = iter(self.arrays)
        found: list[Form] = []
        inside: Operand | None = None
        for n, entry in zip(self.whole, self.spec):
            if entry is None:
                array = next(arrays)
                i, there = self._wrapped(self.w.at(array, aligned(together, array.shape)), n)
                found.append(i)
                if there is not None:
                    inside = there if inside is None else self.w.op("logical_and", BOOL, inside, there)
            elif isinstance(entry, tuple):
                i = next(rest)
                found.append(Form(i.const * entry[2] + entry[0], tuple([(reg, k * entry[2]) for reg, k in i.terms])))
            else:
                found.append(Form(entry))
        return tuple(found), inside

    def hits(self, index: Indices) -> list[Operand]:
        """For each element of the whole, in C order, whether index arrays, one for each axis, name it."""
        w = self.w
        axes: list[list[Operand]] = []
        for n, array in zip(self.whole, self.arrays):
            i = self._counted(w.at(array, aligned(index, array.shape)), n)
            axes.append([w.op("equal", BOOL, i, Num(k, INDEX)) for k in range(n)])
        return [reduce(lambda a, b: w.op("logical_and", BOOL, a, b), hit) for hit in product(*axes)]

    def _counted(self, i: Operand, n: int) -> Operand:
        """An index of an axis, counted from the end if negative."""
        w = self.w
        if isinstance(i, Num):
            if not -n <= int(i.value) < n:
                raise Unsupported("an index out of bounds, which the NumPy engine tells")
            return Num(int(i.value) % n, INDEX)
        if i.dtype != INDEX:
            i = w.op("convert", INDEX, i)
        return w.op("where", INDEX, w.op("less", BOOL, i, Num(0, INDEX)), w.op("add", INDEX, i, Num(n, INDEX)), i)

    def _wrapped(self, i: Operand, n: int) -> tuple[Form, Operand | None]:
        """That, and whether there is such an element; if not, it is the index of the first one."""
        w = self.w
        i = self._counted(i, n)
        if isinstance(i, Num):
            return Form(int(i.value)), None
        zero, length = Num(0, INDEX), Num(n, INDEX)
        inside = w.op("logical_and", BOOL, w.op("greater_equal", BOOL, i, zero), w.op("less", BOOL, i, length))
        return form(w.op("where", INDEX, inside, i, zero)), inside


def chosen(w: Writer, inside: Operand, x: Number, y: Number) -> Number:
    """x where the condition holds, else y."""
    if type(x) is Pair:
        return Pair(chosen(w, inside, x.real, y.real), chosen(w, inside, x.imag, y.imag))
    return w.op("where", x.dtype, inside, x, y)


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
    known = isinstance(x, Small) and all(isinstance(a, Small) and _is_known(a) for a in given[1:])
    source = w.picked(x) if known and tiny else w.lazy(x)
    if tiny:
        arrays = [w.picked(a) for a in given[1:]]
    else:
        arrays = [_at_hand(w, w.lazy(a)) for a in given[1:]]
        if arrays:
            source = _at_hand(w, source)
    places = Places(w, shape, spec, arrays)

    def at(index: Indices) -> Number:
        place, inside = places.at(index)
        found = w.at(source, place)
        return found if inside is None else chosen(w, inside, found, _nowhere(node.dtype))

    reads = frozenset().union(source.reads, *[a.reads for a in arrays])
    depth = 1 + max(x.depth for x in (source, *arrays))
    part = Lazy(places.shape, node.dtype, at, source.cost + LOOKED_UP * len(arrays), depth, reads)
    return w.written_out(part) if tiny else part


def _at_hand(w: Writer, x: Lazy) -> Lazy:
    """x, computed before if it is costly: a number of it may be wanted many times."""
    return w.of_array(w.memory(x)) if x.cost > CHEAP else x


def _is_known(x: Small) -> bool:
    return all(isinstance(name, Num) for name in x.names.reshape(-1))


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
        known = all(isinstance(a, Small) and _is_known(a) for a in indices)
        if isinstance(x, Small) and known and prod(shape_of(v)) <= w.most:
            return _in_registers(w, node, x, w.small(v), [w.picked(a) for a in indices], adds)
        arrays = [_at_hand(w, w.lazy(a)) for a in indices]
        places = Places(w, shape, spec, arrays)
        if adds and _are_zeros(x) and len(arrays) == len(spec) and prod(places.shape) >= MANY * node.size:
            return _added_up(w, node, places, w.lazy(v))
        new = _at_hand(w, w.lazy(v)) if arrays else w.lazy(v)  # one after the other is no way to compute functions
        if isinstance(x, Array) and x.owned and free[0]:
            room = x
            if room.buffer in new.reads and new.array is None:
                new = w.of_array(w.memory(new))
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
            value = chosen(w, inside, value, old)
        w.store(room, place, value)

    def turn(axis: int, index: Indices) -> None:
        if axis == len(places.shape):
            body(index)
        else:
            free = axis >= len(places.together)
            w.loop(places.shape[axis], lambda i: turn(axis + 1, (*index, i)), free=free)

    if prod(places.shape):
        turn(0, ())


def _are_zeros(x: Value) -> bool:
    """Whether x is zeros in registers, none of them negative."""
    if not isinstance(x, Small) or x.dtype.kind not in "iuf" or x.dtype == HALF:
        return False
    return all(name == Num(0, x.dtype) for name in x.names.reshape(-1))


def _added_up(w: Writer, node: Node, places: Places, new: Lazy) -> Small:
    """Many numbers added to few zeros: each of the few is the sum of what goes there. Where each is added to memory, it waits for
    the one before; this way several are taken at once."""
    zero = Num(0, node.dtype)

    def turn(axis: int, index: Indices, sums: Sequence[Number]) -> list[Number]:
        if axis < len(places.shape):
            return w.loop(places.shape[axis], lambda i, *inner: turn(axis + 1, (*index, i), inner), sums, "add")
        value = w.at(new, aligned(index, new.shape))
        return [w.op("add", node.dtype, old, chosen(w, hit, value, zero)) for old, hit in zip(sums, places.hits(index))]

    names = np.empty(node.shape, object)
    names.reshape(-1)[:] = turn(0, (), [zero] * node.size)
    return Small(names, node.dtype)


def _in_registers(w: Writer, node: Node, x: Small, v: Small, arrays: list[Lazy], adds: bool) -> Small:
    places = Places(w, x.shape, node.params["spec"], arrays)
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
    zero = constant(0, node.dtype)
    w.nest(node.shape, lambda index: w.store(room, index, zero))
    for x, spec in zip(inputs, specs):
        places = Places(w, node.shape, spec, [])
        _written(w, room, places, recipes.broadcast(w, x, places.shape), not disjoint)
    return room
