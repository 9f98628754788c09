"""Small tensors in registers: each of their numbers is a value of LLVM's, and what moves numbers costs nothing.

A graph is gone through node by node. A *small* value is an array of the names of its numbers; reshapes, slices, transpositions,
broadcasts and concatenations are NumPy's own on these names, and sums and products are written out. A value that is larger, or that
is read at a place known only when the program runs, lies in *memory*. Loops and branches are loops and branches.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import AbstractSet, Any, Callable, Mapping, Sequence

import numpy as np

from nabla.engines.native import arithmetic, arrays, indexed, products
from nabla.engines.native.arithmetic import Unsupported
from nabla.engines.native.arrays import Lazy
from nabla.engines.native.text import Code, in_memory, literal, type_of
from nabla.engines.native.values import MOST, Memory, Small, Value, key_of, shape_of
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives import elementwise, formulas, indexing, joining, reductions, shape as s, structure
from nabla.primitives.base import Primitive
from nabla.primitives.call import CALL
from nabla.primitives.conditional import COND
from nabla.primitives.contraction import dot_general
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.scan import SCAN, Walk
from nabla.primitives.while_loop import WHILE, Loop

MOST_INSTRUCTIONS = 60_000
"""Beyond so many, a program of this kind is too long to be worth compiling."""


class Writer:
    """Writes graphs into one function."""

    def __init__(self, lanes: int = 1, vector_functions: Mapping[tuple[str, int], str] | None = None) -> None:
        self.code = Code(vector_functions)
        self.lanes = lanes  # numbers of double precision that the processor takes at once
        self.constants: list[np.ndarray] = []  # whose addresses stand in the code
        self.arena = 0  # bytes of memory that a call needs besides the stack
        self.targets: dict[Node, Memory] = {}  # where the results of the whole go

    # Values

    def small(self, x: Value) -> Small:
        if isinstance(x, Small):
            return x
        if isinstance(x, Lazy):
            x = self.memory(x)
        size = prod(x.shape)
        if size > MOST:
            raise Unsupported(f"a tensor of shape {x.shape} in registers")
        names = np.empty(x.shape, object)
        flat = names.reshape(-1)
        for i in range(size):
            flat[i] = self.load(x, str(i))
        return Small(names, x.dtype)

    def memory(self, x: Value) -> Memory:
        if isinstance(x, Memory):
            return x
        room = self.room(shape_of(x), x.dtype)
        self.store_all(room, x)
        return room

    def room(self, shape: tuple[int, ...], dtype: np.dtype) -> Memory:
        size = prod(shape)
        if size * dtype.itemsize <= 4096:
            place = self.code.space(in_memory(dtype), size)
            return Memory(place, shape, dtype, True, place)
        offset = self.arena
        self.arena += -(-size * dtype.itemsize // 64) * 64
        place = self.code.op(f"getelementptr i8, ptr %arena, i64 {offset}", "room")
        return Memory(place, shape, dtype, True, place)

    def result(self, node: Node) -> Memory:
        """Room for the value of a node: where it goes in the end, if it is a result of the whole."""
        return self.targets[node] if node in self.targets else self.room(node.shape, node.dtype)

    def address(self, x: Memory, offset: str) -> str:
        if offset == "0":
            return x.pointer
        return self.code.op(f"getelementptr {in_memory(x.dtype)}, ptr {x.pointer}, i64 {offset}", "p")

    def load(self, x: Memory, offset: str) -> str:
        kind = in_memory(x.dtype)
        found = self.code.op(f"load {kind}, ptr {self.address(x, offset)}")
        return self.code.op(f"trunc i8 {found} to i1") if x.dtype.kind == "b" else found

    def store(self, x: Memory, offset: str, value: str) -> None:
        if x.dtype.kind == "b":
            value = self.code.op(f"zext i1 {value} to i8")
        self.code.do(f"store {in_memory(x.dtype)} {value}, ptr {self.address(x, offset)}")

    def lazy(self, x: Value) -> Lazy:
        """x as a recipe for its numbers."""
        if isinstance(x, Lazy):
            return x
        if isinstance(x, Small) and x.names.size == 1:
            shape = x.names.shape
            return arrays.moved(arrays.of_number(x.names.item(), x.dtype), shape, lambda index, rank: ())
        return arrays.of_memory(self.memory(x))

    def store_all(self, room: Memory, x: Value) -> None:
        """Copy all of x to `room`."""
        if isinstance(x, Lazy):
            arrays.stored(self, [(x, room)])
            return
        if isinstance(x, Memory):
            if x.pointer != room.pointer:
                size = prod(x.shape) * x.dtype.itemsize
                self.code.declared["llvm.memmove.p0.p0.i64"] = "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)"
                self.code.do(f"call void @llvm.memmove.p0.p0.i64(ptr {room.pointer}, ptr {x.pointer}, i64 {size}, i1 false)")
            return
        for i, name in enumerate(x.names.reshape(-1)):
            self.store(room, str(i), name)

    def constant(self, x: Node) -> Value:
        value = np.asarray(x.value)
        if value.size <= MOST:
            names = np.empty(value.shape, object)
            names.reshape(-1)[:] = [literal(v, x.dtype) for v in value.reshape(-1)]
            return Small(names, x.dtype)
        kept = np.ascontiguousarray(value)
        self.constants.append(kept)
        place = self.code.op(f"inttoptr i64 {kept.ctypes.data} to ptr", "constant")
        return Memory(place, kept.shape, x.dtype, False, place)

    def row(self, x: Memory, i: str) -> Memory:
        size = prod(x.shape[1:])
        offset = self.code.op(f"mul i64 {i}, {size}") if size != 1 else i
        return Memory(self.address(x, offset), x.shape[1:], x.dtype, False, x.root)

    # Graphs

    def graph(self, graph: Graph, inputs: Sequence[Value]) -> list[Value]:
        """The outputs of a graph at `inputs`, written here."""
        values: dict[Node, Value] = dict(zip(graph.inputs, inputs))
        last = {x: i for i, node in enumerate(graph.nodes) for x in node.inputs}
        for x in graph.outputs:
            last[x] = len(graph.nodes)
        uses = Counter(x for node in graph.nodes for x in dict.fromkeys(node.inputs))
        for i, node in enumerate(graph.nodes):
            if len(self.code.lines) > MOST_INSTRUCTIONS:
                raise Unsupported("a program of so many instructions")
            given = [values[x] if x in values else values.setdefault(x, self.constant(x)) for x in node.inputs]
            free = [
                last[x] == i and node.inputs.count(x) == 1 and node.prim.updates and _is_alone(x, values, last, i)
                for x in node.inputs
            ]
            value = self.node(node, given, free)
            if isinstance(value, Lazy) and uses[node] + graph.outputs.count(node) > 1 and value.cost > arrays.CHEAP:
                value = self.memory(value)
            values[node] = value
        return [values[x] if x in values else self.constant(x) for x in graph.outputs]

    def node(self, node: Node, given: list[Value], free: list[bool]) -> Value:
        prim = node.prim
        if prim not in HOLDERS and (size_of(node) > MOST or any(prod(shape_of(x)) > MOST for x in given)):
            large = LARGE.get(prim)
            if large is not None:
                return large(self, node, given, free)
            if isinstance(prim, Elementwise):
                return self.fused(node, [self.lazy(x) for x in given])
        special = SPECIAL.get(prim)
        if special is not None:
            return special(self, node, given, free)
        if isinstance(prim, Elementwise):
            return self.elementwise(node, [self.small(x) for x in given])
        moved = MOVED.get(prim)
        if moved is None:
            raise Unsupported(prim.name)
        return Small(moved(*[self.small(x).names for x in given], **node.params), node.dtype)

    def elementwise(self, node: Node, given: list[Small]) -> Small:
        row = arithmetic.ROWS.get(node.prim)
        if row is None and node.prim is not formulas.select:
            raise Unsupported(node.prim.name)
        out = np.empty(node.shape, object)
        broad = [np.broadcast_to(x.names, node.shape).reshape(-1) for x in given]
        flat = out.reshape(-1)
        for i in range(flat.size):
            names = [x[i] for x in broad]
            if row is None:
                flat[i] = arithmetic.select(self.code, names[0], given[0].dtype, node.dtype, names[1], names[2])
            else:
                flat[i] = row(self.code, given[0].dtype, *names, **node.params)
        return Small(out, node.dtype)

    def fused(self, node: Node, given: list[Lazy]) -> Lazy:
        """An elementwise operation on large values."""
        row = arithmetic.ROWS.get(node.prim)
        of = given[0].dtype
        if node.prim is formulas.select:
            return arrays.elementwise(
                node.shape, node.dtype, lambda code, *xs: arithmetic.select(code, xs[0], of, node.dtype, xs[1], xs[2]), given, 1
            )
        if row is None:
            raise Unsupported(node.prim.name)
        cost = 1 if node.prim in QUICK else 12
        return arrays.elementwise(node.shape, node.dtype, lambda code, *xs: row(code, of, *xs, **node.params), given, cost)

    def total(self, names: Any, dtype: np.dtype, row: Any, nothing: Any) -> str:
        """Numbers brought together two by two, in a fixed order."""
        if not len(names):
            return literal(nothing, dtype)
        level = list(names)
        while len(level) > 1:
            paired = [row(self.code, dtype, a, b) for a, b in zip(level[::2], level[1::2])]
            level = paired + ([level[-1]] if len(level) % 2 else [])
        return level[0]


def _is_alone(x: Node, values: Mapping[Node, Value], last: Mapping[Node, int], now: int) -> bool:
    """Whether no other value that is still wanted lies in the memory of x, or is to be made from it."""
    own = values[x]
    if not isinstance(own, Memory):
        return False
    for y, value in values.items():
        if y is not x and last.get(y, -1) >= now:
            if isinstance(value, Lazy) and own.root in value.reads:
                return False
            if isinstance(value, Memory) and value.root == own.root:
                return False
            if type(value) is tuple and any(isinstance(part, Memory) and part.root == own.root for part in value):
                return False
    return True


def size_of(node: Node) -> int:
    return 0 if type(node.dtype) is tuple else node.size


# What only moves numbers: NumPy's own functions on their names.


MOVED: dict[Primitive, Callable[..., np.ndarray]] = {
    structure.VARIABLE: lambda x: x,
    structure.detach: lambda x: x,
    structure.named: lambda x, name: x,
    s.reshape: lambda x, shape: x.reshape(shape),
    s.broadcast: lambda x, shape: np.broadcast_to(x, shape),
    s.transpose: lambda x, perm: x.transpose(perm),
    s.flip: lambda x, axes: np.flip(x, axes),
    joining.concat: lambda *xs, axis: np.concatenate(xs, axis),
    s.real: lambda x: x,
    s.conj: lambda x: x,
}


# Rows of the others


def _output(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    return given[0][node.params["index"]]


def _convert(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    x = w.small(given[0])
    out = np.empty(x.names.shape, object)
    flat = out.reshape(-1)
    for i, name in enumerate(x.names.reshape(-1)):
        flat[i] = arithmetic.convert(w.code, name, x.dtype, node.dtype)
    return Small(out, node.dtype)


def _reduction(row: Any, nothing: Any) -> Any:
    def special(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
        x = w.small(given[0])
        axes = node.params["axes"]
        kept = [axis for axis in range(x.names.ndim) if axis not in axes]
        lined = x.names.transpose(*kept, *axes).reshape(*[x.names.shape[axis] for axis in kept], -1)
        out = np.empty(node.shape, object)
        for place in np.ndindex(*node.shape):
            out[place] = w.total(lined[place], node.dtype, row, nothing)
        return Small(out, node.dtype)

    return special


def _dot_general(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    x, y = w.small(given[0]).names, w.small(given[1]).names
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    if node.dtype.kind != "f" and node.dtype.kind not in "iu":
        raise Unsupported("a product of this dtype")
    xf = [axis for axis in range(x.ndim) if axis not in xc and axis not in xb]
    yf = [axis for axis in range(y.ndim) if axis not in yc and axis not in yb]
    summed = [x.shape[axis] for axis in xc]
    if node.size * prod(summed) > 4096:
        raise Unsupported("a large product in registers")
    left = x.transpose(*xb, *xf, *xc).reshape(*[x.shape[a] for a in (*xb, *xf)], -1)
    right = y.transpose(*yb, *yf, *yc).reshape(*[y.shape[a] for a in (*yb, *yf)], -1)
    out = np.empty(node.shape, object)
    mul, add = arithmetic.ROWS[elementwise.mul], arithmetic.ROWS[elementwise.add]
    for place in np.ndindex(*node.shape):
        b, f, g = place[: len(xb)], place[len(xb) : len(xb) + len(xf)], place[len(xb) + len(xf) :]
        terms = [mul(w.code, node.dtype, p, q) for p, q in zip(left[(*b, *f)], right[(*b, *g)])]
        out[place] = w.total(terms, node.dtype, add, 0)
    return Small(out, node.dtype)


def _assemble(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    if node.size > MOST:
        raise Unsupported("a large array put together")
    out = np.full(node.shape, literal(0, node.dtype), object)
    written = np.zeros(node.shape, bool)
    add = arithmetic.ROWS[elementwise.add]
    inputs = iter(given)
    for spec in node.params["specs"]:
        part = w.small(next(inputs)).names
        if any(entry is None for entry in spec):
            raise Unsupported("an array put together at places known at run time")
        key = key_of(spec)
        old, before = out[key], written[key]
        new = np.empty(np.shape(old), object)
        broad = np.broadcast_to(part, np.shape(old))
        for place in np.ndindex(*np.shape(old)):
            a = old[place] if np.shape(old) else old
            taken = before[place] if np.shape(old) else before
            b = broad[place]
            new[place] = add(w.code, node.dtype, a, b) if taken else b
        out[key] = new if new.shape else new.item()
        written[key] = True
    return Small(out, node.dtype)


# Loops and branches


class _Phi:
    """Numbers that a loop hands from turn to turn."""

    def __init__(self, w: Writer, starts: Sequence[Value], before: str) -> None:
        self.w = w
        self.before = before
        self.lines: list[tuple[int, str, str, str]] = []
        self.state: list[Value] = []
        for x in starts:
            if isinstance(x, Memory):
                self.state.append(x)
                continue
            names = np.empty(x.names.shape, object)
            flat = names.reshape(-1)
            for i, start in enumerate(x.names.reshape(-1)):
                flat[i] = w.code.name("c")
                self.lines.append((len(w.code.lines), flat[i], type_of(x.dtype), start))
                w.code.lines.append("")
            self.state.append(Small(names, x.dtype))

    def close(self, ends: Sequence[Value], latch: str) -> None:
        """The values at the end of a turn."""
        names = [n for old, end in zip(self.state, ends) if isinstance(old, Small) for n in self.w.small(end).names.reshape(-1)]
        for (line, name, kind, start), end in zip(self.lines, names):
            self.w.code.lines[line] = f"  {name} = phi {kind} [ {start}, %{self.before} ], [ {end}, %{latch} ]"


def _starts(w: Writer, carry: Sequence[Value]) -> list[Value]:
    """The carry before a loop; what lies in memory is copied to a place that the loop may write to."""
    result: list[Value] = []
    for x in carry:
        shape = shape_of(x)
        if prod(shape) <= MOST:
            result.append(w.small(x))
        else:
            room = w.room(shape, x.dtype)
            w.store_all(room, x)
            result.append(room)
    return result


def _turned(w: Writer, state: Sequence[Value], outs: Sequence[Value]) -> list[Value]:
    """The carry at the end of a turn; what lies in memory is brought to its place."""
    ends: list[Value] = []
    roots = {old.root for old in state if isinstance(old, Memory)}
    outs = [_apart(w, old, new, roots) for old, new in zip(state, outs)]
    for old, new in zip(state, outs):
        if isinstance(old, Memory):
            w.store_all(old, new)
            ends.append(old)
        else:
            ends.append(w.small(new))
    return ends


def _apart(w: Writer, old: Value, new: Value, roots: AbstractSet[str]) -> Value:
    """A value as it is before any of the carry is written over."""
    if isinstance(new, Lazy):
        return w.memory(new)
    if isinstance(new, Memory) and new.root in roots and new.pointer != getattr(old, "pointer", ""):
        room = w.room(new.shape, new.dtype)
        w.store_all(room, new)
        return room
    return new


def _borrowed(values: Sequence[Value]) -> list[Value]:
    """Values for a graph inside, which may not write over them: they are wanted again, at the next turn or outside."""
    return [x._replace(owned=False) if isinstance(x, Memory) else x for x in values]


def _scan(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    walk: Walk = node.params["walk"]
    constants, carry, stacks = walk.split(given)
    code = w.code
    starts = _starts(w, carry)
    sources = [w.memory(x) for x in stacks]
    rows = [w.room((walk.length, *x.shape), x.dtype) for x in walk.body.outputs[walk.of_carry :]]
    head, body, done = code.label("head"), code.label("body"), code.label("done")
    before = code.block
    code.jump(head)
    code.start(head)
    turn = code.name("i")
    counter = len(code.lines)
    code.lines.append("")
    phi = _Phi(w, starts, before)
    code.branch(code.op(f"icmp slt i64 {turn}, {walk.length}"), body, done)
    code.start(body)
    i = code.op(f"sub i64 {walk.length - 1}, {turn}") if walk.reverse else turn
    outs = w.graph(walk.body, [*_borrowed(constants), *phi.state, *[w.row(x, i) for x in sources]])
    for room, out in zip(rows, outs[walk.of_carry :]):
        w.store_all(w.row(room, i)._replace(owned=True), out)
    ends = _turned(w, phi.state, outs[: walk.of_carry])
    following = code.op(f"add i64 {turn}, 1")
    phi.close(ends, code.block)
    code.lines[counter] = f"  {turn} = phi i64 [ 0, %{before} ], [ {following}, %{code.block} ]"
    code.jump(head)
    code.start(done)
    return (*phi.state, *rows)


def _while(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    loop: Loop = node.params["loop"]
    of_condition, of_body, carry = loop.split(given)
    code = w.code
    starts = _starts(w, carry)
    head, body, done = code.label("head"), code.label("body"), code.label("done")
    before = code.block
    code.jump(head)
    code.start(head)
    phi = _Phi(w, starts, before)
    (going,) = w.graph(loop.condition, _borrowed([*of_condition, *phi.state]))
    code.branch(w.small(going).names.item(), body, done)
    code.start(body)
    outs = w.graph(loop.body, [*_borrowed(of_body), *phi.state])
    ends = _turned(w, phi.state, outs)
    phi.close(ends, code.block)
    code.jump(head)
    code.start(done)
    return tuple(phi.state)


def _cond(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    branches = node.params["branches"]
    index = w.small(given[0])
    code = w.code
    number = arithmetic.convert(code, index.names.item(), index.dtype, np.dtype(np.int64))
    labels = [code.label("branch") for _ in branches]
    joined = code.label("joined")
    large = [prod(x.shape) > MOST for x in branches[0].outputs]
    rooms = [w.room(x.shape, x.dtype) if on else None for x, on in zip(branches[0].outputs, large)]
    for k, label in enumerate(labels[:-1]):
        other = code.label("else")
        code.branch(code.op(f"icmp sle i64 {number}, {k}"), label, other)
        code.start(other)
    code.jump(labels[-1])
    ends = []
    for graph, label in zip(branches, labels):
        code.start(label)
        outs = w.graph(graph, _borrowed(given[1:]))
        for room, out in zip(rooms, outs):
            if room is not None:
                w.store_all(room, out)
        found = {k: w.small(out).names.reshape(-1) for k, (out, on) in enumerate(zip(outs, large)) if not on}
        ends.append((found, code.block))
        code.jump(joined)
    code.start(joined)
    result: list[Value] = []
    for k, x in enumerate(branches[0].outputs):
        if rooms[k] is not None:
            result.append(rooms[k])
            continue
        names = np.empty(x.shape, object)
        columns = [(found[k], block) for found, block in ends]
        flat = names.reshape(-1)
        for i in range(flat.size):
            choices = ", ".join(f"[ {column[i]}, %{block} ]" for column, block in columns)
            flat[i] = code.op(f"phi {type_of(x.dtype)} {choices}")
        result.append(Small(names, x.dtype))
    return tuple(result)


def _call(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    return tuple(w.graph(node.params["graph"], _borrowed(given)))


SPECIAL: dict[Primitive, Any] = {
    structure.output: _output,
    s.convert: _convert,
    s.reduce_sum: _reduction(arithmetic.ROWS[elementwise.add], 0),
    reductions.reduce_max: _reduction(arithmetic.ROWS[formulas.maximum], 0),
    reductions.reduce_min: _reduction(arithmetic.ROWS[formulas.minimum], 0),
    reductions.reduce_any: _reduction(arithmetic.ROWS[formulas.logical_or], 0),
    reductions.reduce_all: _reduction(arithmetic.ROWS[formulas.logical_and], 1),
    dot_general: _dot_general,
    indexing.index: indexed.read,
    indexing.index_set: indexed.update(False),
    indexing.index_add: indexed.update(True),
    indexing.assemble: _assemble,
    SCAN: _scan,
    WHILE: _while,
    COND: _cond,
    CALL: _call,
}


# Large tensors


def _large_view(view: Any) -> Any:
    def special(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
        return view(w.lazy(given[0]), **node.params)

    return special


def _large_reshape(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    x = given[0]
    if isinstance(x, Lazy):
        seen = arrays.reshape(x, node.shape)
        if seen is not None:
            return seen
    room = w.memory(x)
    return Memory(room.pointer, node.shape, room.dtype, False, room.root)


def _large_convert(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    x = w.lazy(given[0])
    return arrays.elementwise(
        node.shape, node.dtype, lambda code, name: arithmetic.convert(code, name, x.dtype, node.dtype), [x], 1
    )


def _large_reduction(row: Any, start: Any) -> Any:
    def special(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
        if not prod(shape_of(given[0])):
            raise Unsupported("a reduction of nothing")
        return arrays.reduced(w, w.lazy(given[0]), node.params["axes"], node.dtype, row, start(node.dtype))

    return special


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else 0 if dtype.kind == "b" else np.iinfo(dtype.name).min


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else 1 if dtype.kind == "b" else np.iinfo(dtype.name).max


def _large_index(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    if len(given) > 1:
        return indexed.read(w, node, given, free)
    return arrays.part(w.lazy(given[0]), node.params["spec"], node.shape)


def _large_update(adds: bool) -> Any:
    def special(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
        x, v, *indices = given
        spec = node.params["spec"]
        if indices:
            return indexed.update(adds)(w, node, given, free)
        if isinstance(x, Memory) and x.owned and free[0]:
            room = x
        else:
            room = w.result(node)
            w.store_all(room, x)
        shape = tuple(entry[1] for entry in spec if isinstance(entry, tuple))
        new = arrays.broadcast(w.lazy(v), shape)
        if adds:
            old = arrays.part(arrays.of_memory(room), spec, shape)
            add = arithmetic.ROWS[elementwise.add]
            new = arrays.elementwise(shape, node.dtype, lambda code, a, b: add(code, node.dtype, a, b), [old, new], 1)
        arrays.stored_into(w, new, room, spec, not adds)
        return room

    return special


def _large_concat(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    room = w.result(node)
    axis, start = node.params["axis"], 0
    for x in given:
        shape = shape_of(x)
        spec = [(start if a == axis else 0, n, 1) for a, n in enumerate(shape)]
        arrays.stored_into(w, w.lazy(x), room, spec)
        start += shape[axis]
    return room


def _large_assemble(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    specs = node.params["specs"]
    if any(entry is None for spec in specs for entry in spec):
        raise Unsupported("an array put together at places known at run time")
    room = w.result(node)
    zero = arrays.moved(arrays.of_number(literal(0, node.dtype), node.dtype), node.shape, lambda index, rank: ())
    arrays.stored(w, [(zero, room)])
    add = arithmetic.ROWS[elementwise.add]
    for x, spec in zip(given, specs):
        shape = tuple(entry[1] for entry in spec if isinstance(entry, tuple))
        new = arrays.broadcast(w.lazy(x), shape)
        if not node.params["disjoint"]:
            old = arrays.part(arrays.of_memory(room), spec, shape)
            new = arrays.elementwise(shape, node.dtype, lambda code, a, b: add(code, node.dtype, a, b), [old, new], 1)
        arrays.stored_into(w, new, room, spec, node.params["disjoint"])
    return room


HOLDERS = frozenset([SCAN, WHILE, COND, CALL, structure.output])
QUICK = frozenset([
    elementwise.add, elementwise.mul, elementwise.neg, elementwise.safe_mul, formulas.sub, formulas.square, formulas.abs_,
    formulas.maximum, formulas.minimum, formulas.equal, formulas.not_equal, formulas.less, formulas.less_equal, formulas.greater,
    formulas.greater_equal, formulas.logical_not, formulas.logical_and, formulas.logical_or, formulas.isnan, formulas.isfinite,
])  # fmt: skip

LARGE: dict[Primitive, Any] = {
    structure.VARIABLE: _large_view(lambda x: x),
    structure.detach: _large_view(lambda x: x),
    structure.named: _large_view(lambda x, name: x),
    s.broadcast: _large_view(lambda x, shape: arrays.broadcast(x, shape)),
    s.transpose: _large_view(lambda x, perm: arrays.transpose(x, perm)),
    s.flip: _large_view(lambda x, axes: arrays.flip(x, axes)),
    s.real: _large_view(lambda x: x),
    s.conj: _large_view(lambda x: x),
    s.reshape: _large_reshape,
    s.convert: _large_convert,
    s.reduce_sum: _large_reduction(arithmetic.ROWS[elementwise.add], lambda dtype: 0),
    reductions.reduce_max: _large_reduction(arithmetic.ROWS[formulas.maximum], _lowest),
    reductions.reduce_min: _large_reduction(arithmetic.ROWS[formulas.minimum], _highest),
    reductions.reduce_any: _large_reduction(arithmetic.ROWS[formulas.logical_or], lambda dtype: 0),
    reductions.reduce_all: _large_reduction(arithmetic.ROWS[formulas.logical_and], lambda dtype: 1),
    joining.concat: _large_concat,
    indexing.index: _large_index,
    indexing.index_set: _large_update(False),
    indexing.index_add: _large_update(True),
    indexing.assemble: _large_assemble,
    dot_general: products.large,
}
