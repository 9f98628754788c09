"""Writing programs in the language of loops: registers, memory, loops; how tensors become numbers and numbers tensors."""

from __future__ import annotations

import collections
from contextlib import contextmanager
from math import prod
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from nabla.engines.native.kernels.complex_numbers import COMPLEX
from nabla.engines.native.kernels.formulas import FORMULAS
from nabla.engines.native.loops import (
    INDEX,
    ZERO,
    Block,
    Buffer,
    Carry,
    Counter,
    For,
    Form,
    Index,
    Load,
    Num,
    Numbering,
    Op,
    Operand,
    Program,
    Reg,
    Store,
    While,
    form,
    plus,
    times,
)  # fmt: skip
from nabla.engines.native.lowering.values import (
    CHEAP,
    DEEPEST,
    Array,
    Indices,
    Lazy,
    Number,
    Pair,
    Small,
    Value,
    constant,
    is_known,
    offset_of,
    part_of_complex,
    places,
    shape_of,
    specs_of,
)  # fmt: skip
from nabla.graph.node import Node
from nabla.primitives.structure import output

Body = Callable[[Indices], None]


class Writer:
    """One program being written, at the end of the current block. most: numbers of a tensor that is kept in registers."""

    def __init__(self, most: int = 12) -> None:
        self.most = most
        self.block: Block = []
        self.buffers: list[Buffer] = []
        self.constants: list[np.ndarray] = []  # what the constant buffers hold
        self.references: list[Node] = []  # nodes that their reference kernels compute
        self.targets: dict[Any, Array] = {}  # where results of the whole go, by node, or by a node and which of its values
        self._tables: dict[Any, Array] = {}
        self._made: dict[Any, Any] = {}  # what the current block has computed
        self._registers = 0

    def program(self) -> Program:
        return Program(self.block, self.buffers, Numbering(self._registers))

    # Statements

    def reg(self, dtype: np.dtype) -> Reg:
        self._registers += 1
        return Reg(dtype, self._registers)

    def op(self, name: str, dtype: np.dtype, *args: Operand, **params: Any) -> Reg:
        """An operation on real numbers, whose result has the dtype."""
        out = self.reg(dtype)
        self.block.append(Op(out, name, args, tuple(params.items())))
        return out

    def number(self, name: str, dtype: np.dtype, *args: Number, **params: Any) -> Number:
        """An operation on numbers of any kind."""
        if any(type(x) is Pair for x in args):
            return COMPLEX[name](self, *args, **params)
        if name in FORMULAS:
            return FORMULAS[name](self, *args, **params)
        return self.op(name, dtype, *args, **params)

    def index(self, at: Form) -> Operand:
        """A form as a number."""
        if not at.terms:
            return Num(at.const, INDEX)
        (reg, factor), *rest = at.terms
        if not at.const and factor == 1 and not rest and type(reg) is Reg:
            return reg
        out = self.reg(INDEX)
        self.block.append(Index(out, at))
        return out

    def buffer(self, dtype: np.dtype, count: int, place: str = "arena", number: int | None = None) -> Buffer:
        """Memory for `count` numbers of a dtype, twice as many parts for complex ones."""
        parts = part_of_complex(dtype)
        found = Buffer(parts, count * (2 if parts is not dtype else 1), place, len(self.buffers) if number is None else number)
        self.buffers.append(found)
        return found

    def load(self, x: Array, index: Indices) -> Number:
        at = plus(x.at, offset_of(x.shape, index))
        if x.dtype.kind == "c":
            return Pair(self.read(x.buffer, times(at, 2)), self.read(x.buffer, times(at, 2, 1)))
        return self.read(x.buffer, at)

    def read(self, buffer: Buffer, at: Form) -> Reg:
        out = self.reg(buffer.dtype)
        self.block.append(Load(out, buffer, at))
        return out

    def store(self, x: Array, index: Indices, value: Number) -> None:
        at = plus(x.at, offset_of(x.shape, index))
        if x.dtype.kind == "c":
            self.block.append(Store(x.buffer, times(at, 2), value.real))
            self.block.append(Store(x.buffer, times(at, 2, 1), value.imag))
        else:
            self.block.append(Store(x.buffer, at, value))

    def inside(self, block: Block, write: Callable[[], Any]) -> Any:
        """What `write` writes goes to another block."""
        kept = self.block, self._made
        self.block, self._made = block, {}
        try:
            return write()
        finally:
            self.block, self._made = kept

    @contextmanager
    def aiming(self, outputs: Sequence[Node], rooms: Sequence[Array]) -> Iterator[None]:
        """Meanwhile the results of a graph go to these rooms at once, as far as it gives each of them only once."""
        kept, self.targets = self.targets, {}
        count = collections.Counter(outputs)
        for x, room in zip(outputs, rooms):
            if count[x] == 1:
                self.targets[x] = room
                if x.prim is output and x.inputs:  # one that has a value already has none
                    self.targets[x.inputs[0], x.params["index"]] = room
        try:
            yield
        finally:
            self.targets = kept

    def take_back(self, length: int) -> None:
        """The current block is that long again."""
        del self.block[length:]
        self._made = {}  # some of it was computed there

    def loop(
        self,
        count: int,
        body: Callable[..., Sequence[Number] | None],
        starts: Sequence[Number] = (),
        by: str | None = None,
        free: bool = True,
        apart: bool = False,
    ) -> list[Number]:
        """`count` turns of body(i, *what the last turn left) -> what this one leaves; what is left in the end. by: turns add to
        what they find, by that operation. free: they may be taken in any order. apart: they may also run at the same time."""
        if count == 0:
            return list(starts)
        if count == 1:
            return list(body(ZERO, *starts) or ())
        self._registers += 1
        counter = Counter(INDEX, self._registers)
        block: Block = []
        carries = Carried(self, starts, by)
        ends = self.inside(block, lambda: body(form(counter), *carries.inner))
        outs = carries.close(ends or ())
        self.block.append(For(counter, count, block, carries.carries, free, apart))
        return outs

    def repeat(
        self, starts: Sequence[Number], going: Callable[..., Operand], body: Callable[..., Sequence[Number]]
    ) -> list[Number]:
        """Turns of body(*what the last turn left) as long as going(*that); what is left in the end."""
        carried = Carried(self, starts)
        test: Block = []
        block: Block = []
        answer = self.inside(test, lambda: going(*carried.inner))
        outs = carried.close(self.inside(block, lambda: body(*carried.inner)))
        self.block.append(While(carried.carries, test, answer, block))
        return outs

    def nest(self, shape: Sequence[int], body: Body, free: bool = True) -> None:
        """`body` for the index of each element of `shape`."""

        def turn(axis: int, index: Indices) -> None:
            if axis == len(shape):
                body(index)
            else:
                self.loop(shape[axis], lambda i: turn(axis + 1, (*index, i)), free=free)

        if prod(shape):
            turn(0, ())

    # Tensors

    def at(self, x: Lazy, index: Indices) -> Number:
        """One of its numbers; what the current block has already is not computed again."""
        key = (x.at, index)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = x.at(index)
        return found

    def small(self, x: Value) -> Small:
        if isinstance(x, Small):
            return x
        shape = x.shape
        if isinstance(x, Lazy) and x.cost > CHEAP and prod(shape) > 4:
            x = self.memory(x)
        found = self.written_out(self.of_array(x) if isinstance(x, Array) else x)
        array = x.array if isinstance(x, Lazy) else x
        return found._replace(array=array) if array is not None and array.buffer.place == "input" else found

    def written_out(self, x: Lazy) -> Small:
        """All its numbers, each by itself."""
        names = np.empty(x.shape, object)
        flat = names.reshape(-1)
        for i, index in enumerate(places(x.shape)):
            flat[i] = self.at(x, index)
        return Small(names, x.dtype)

    def room(self, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        return Array(self.buffer(dtype, prod(shape)), ZERO, shape, dtype, True)

    def result(self, node: Node) -> Array:
        """Room for the value of a node: where it goes in the end, if it is a result of the whole."""
        return self.targets[node] if node in self.targets else self.room(node.shape, node.dtype)

    def results(self, node: Node) -> list[Array]:
        """The same for each of its values."""
        if type(node.dtype) is not tuple:
            return [self.result(node)]
        return [self.targets.get((node, i)) or self.room(*spec) for i, spec in enumerate(specs_of(node))]

    def memory(self, x: Value, room: Array | None = None) -> Array:
        """x as an array; one that has to be made goes to `room`."""
        if isinstance(x, Array):
            return x
        if isinstance(x, (Lazy, Small)) and x.array is not None and room is None:
            return x.array
        if isinstance(x, Small) and room is None and x.names.size > 1 and x.dtype.kind != "c" and is_known(x):
            return self._literal(x)
        key = ("memory", id(x.names)) if isinstance(x, Small) else None
        if room is None and key in self._made:
            return self._made[key][0]
        place = self.room(shape_of(x), x.dtype) if room is None else room
        self.copy(place, x)
        if key is not None and room is None:
            place = place._replace(owned=False)
            self._made[key] = (place, x)
        return place

    def lazy(self, x: Value) -> Lazy:
        """x as a recipe for its numbers."""
        if isinstance(x, Lazy):
            return x
        if isinstance(x, Small) and x.names.size == 1:
            one = x.names.item()
            return Lazy(x.shape, x.dtype, lambda index: one, 0, 0, frozenset())
        return self.of_array(self.memory(x))

    def picked(self, x: Value) -> Lazy:
        """A small tensor as a recipe that knows its numbers at known indices alone."""
        names = self.small(x).names

        def at(index: Indices) -> Number:
            assert not any(i.terms for i in index)
            return names[tuple([i.const for i in index])]

        return Lazy(names.shape, x.dtype, at, 0, 0, frozenset())

    def of_array(self, x: Array) -> Lazy:
        return Lazy(x.shape, x.dtype, lambda index: self.load(x, index), 0, 0, frozenset([x.buffer]), x)

    def copy(self, room: Array, x: Value) -> None:
        """Write all of x to `room`."""
        if isinstance(x, Small):
            for index, value in zip(places(x.shape), x.names.reshape(-1)):
                self.store(room, index, value)
        elif not isinstance(x, Array) or (x.buffer, x.at) != (room.buffer, room.at):
            recipe = self.lazy(x)
            self.nest(recipe.shape, lambda index: self.store(room, index, self.at(recipe, index)))

    def constant(self, x: Node) -> Value:
        value = np.asarray(x.value)
        if value.size <= self.most:
            names = np.empty(value.shape, object)
            flat = names.reshape(-1)
            for i, v in enumerate(value.reshape(-1)):
                flat[i] = constant(v, x.dtype)
            return Small(names, x.dtype)
        if _is_uniform(value):
            one = constant(value.item(0), x.dtype)
            return Lazy(x.shape, x.dtype, lambda index: one, 0, 0, frozenset())
        return self._kept(value, x.dtype)

    def _kept(self, value: np.ndarray, dtype: np.dtype) -> Array:
        kept = np.ascontiguousarray(value)
        self.constants.append(kept)
        return Array(self.buffer(dtype, kept.size, "constant", len(self.constants) - 1), ZERO, kept.shape, dtype, False)

    def _literal(self, x: Small) -> Array:
        """Known numbers, in memory; each is still known where it is read at a known place."""
        numbers = x.names.reshape(-1).tolist()
        found = self.table(np.array([y.value for y in numbers], x.dtype).reshape(x.shape))
        found.buffer.numbers = numbers
        return found

    def table(self, values: np.ndarray) -> Array:
        """Numbers that a formula looks up, the same ones for all that do."""
        key = values.shape, values.dtype, values.tobytes()
        if key not in self._tables:
            self._tables[key] = self._kept(values, values.dtype)
        return self._tables[key]

    def total(self, numbers: Sequence[Number], dtype: np.dtype, by: str) -> Number:
        """Numbers brought together two by two, in a fixed order."""
        level = list(numbers)
        while len(level) > 1:
            paired = [self.number(by, dtype, a, b) for a, b in zip(level[::2], level[1::2])]
            level = paired + ([level[-1]] if len(level) % 2 else [])
        return level[0]


class Carried:
    """The carries of a loop whose numbers may be complex."""

    def __init__(self, w: Writer, starts: Sequence[Number], by: str | None = None) -> None:
        self.w = w
        self.starts = starts
        self.by = by
        self.carries: list[Carry] = []
        self._open: list[tuple[Reg, Operand]] = []
        self.inner: list[Number] = [self._each(x, self._begin) for x in starts]

    def _each(self, x: Number, act: Callable[[Operand], Operand]) -> Number:
        return Pair(act(x.real), act(x.imag)) if type(x) is Pair else act(x)

    def _begin(self, start: Operand) -> Reg:
        inner = self.w.reg(start.dtype)
        self._open.append((inner, start))
        return inner

    def close(self, ends: Sequence[Number]) -> list[Number]:
        """What is left in the end."""
        remaining = iter(self._open)

        def end(x: Operand) -> Reg:
            inner, start = next(remaining)
            self.carries.append(Carry(inner, start, x, self.w.reg(x.dtype), self.by))
            return self.carries[-1].out

        return [self._each(x, end) for x in ends]


def _is_uniform(value: np.ndarray) -> bool:
    """Whether it is one number everywhere, as far as that is soon seen."""
    if not any(value.strides):
        return True
    return value.size <= 1024 and value.tobytes() == value.reshape(-1)[:1].tobytes() * value.size


def too_deep(x: Lazy) -> bool:
    return x.depth > DEEPEST
