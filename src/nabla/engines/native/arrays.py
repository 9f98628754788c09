"""Large tensors: loops over memory, into which what makes each number is fused.

A large value that is only computed number by number is not computed at once: it is *lazy*, a recipe for one of its numbers.
Slices, transpositions, flips and broadcasts of it are recipes with other indices. A loop over memory is written where a value has
to be there: for a result, for an operation that needs all of it, or where several would compute it again; and where numbers are
summed up.

An index is affine in the loops: a constant and a coefficient for each axis of the loop nest, known when the code is written. So is
the offset of what is read or written; neighbouring axes that all offsets run through alike are one loop. The innermost loop takes
as many numbers at once as the processor has lanes; its last turn reaches back, so that every number is made by the same code.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Sequence

import numpy as np

from nabla.engines.native.text import in_memory, type_of

if TYPE_CHECKING:
    from nabla.engines.native.registers import Writer
    from nabla.engines.native.values import Memory

Affine = tuple[int, ...]
"""A constant, and a coefficient for each axis of the loop nest."""
Index = tuple[Affine, ...]
At = Callable[["Loops", Index], str]
CHEAP = 3
"""The cost of a number up to which it is computed again by each who wants it."""


class Lazy(NamedTuple):
    """A tensor that is made number by number: `at` writes the code of one, at an index. reads: the memory it is made from."""

    shape: tuple[int, ...]
    dtype: np.dtype
    at: At
    cost: int
    reads: frozenset[str]


def constant(value: int, rank: int) -> Affine:
    return (value, *(0,) * rank)


def scaled(index: Affine, factor: int, shift: int = 0) -> Affine:
    return (index[0] * factor + shift, *[c * factor for c in index[1:]])


def total(parts: Sequence[Affine], rank: int) -> Affine:
    return tuple(map(sum, zip(*parts))) if parts else constant(0, rank)


def offset_of(shape: Sequence[int], index: Index, rank: int) -> Affine:
    """The offset of an element in an array of `shape`, in C order."""
    return total([scaled(i, prod(shape[axis + 1 :])) for axis, i in enumerate(index)], rank)


def aligned(index: Index, shape: tuple[int, ...], rank: int) -> Index:
    """The index of what is broadcast to the element at `index`."""
    own = index[len(index) - len(shape) :]
    return tuple([constant(0, rank) if n == 1 else i for i, n in zip(own, shape)])


class Loops:
    """A loop nest being written: its axes, and what one turn has computed so far."""

    def __init__(self, w: Writer, shape: tuple[int, ...]) -> None:
        self.w = w
        self.rank = len(shape)
        self.groups: list[list[int]] = [[axis] for axis in range(self.rank)]
        self.names: list[str] = ["0"] * self.rank  # of the loop variable of each group
        self.vector = -1  # the group whose turns are taken many at once
        self.offsets: list[Affine] = []
        self.memo: dict[Any, str] = {}

    def index(self) -> Index:
        return tuple([(0, *[int(a == axis) for a in range(self.rank)]) for axis in range(self.rank)])

    def at(self, x: Lazy, index: Index) -> str:
        key = (id(x.at), index)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = x.at(self, index)
        return found

    def address(self, x: Memory, offset: Affine) -> tuple[str, int]:
        """The name of an offset at the first lane, and how far apart the lanes lie."""
        self.offsets.append(offset)
        code = self.w.code
        text = str(offset[0])
        step = 0
        for number, (group, name) in enumerate(zip(self.groups, self.names)):
            factor = offset[1 + group[-1]]
            if number == self.vector:
                step = factor
            if factor and name != "0":
                part = name if factor == 1 else code.op(f"mul i64 {name}, {factor}")
                text = part if text == "0" else code.op(f"add i64 {text}, {part}")
        return text, step

    def load(self, x: Memory, index: Index) -> str:
        offset = offset_of(x.shape, index, self.rank)
        key = ("load", x.pointer, offset)
        if key not in self.memo:
            self.memo[key] = self._load(x, offset)
        return self.memo[key]

    def _load(self, x: Memory, offset: Affine) -> str:
        code = self.w.code
        place, step = self.address(x, offset)
        lanes = code.lanes
        if lanes == 1 or step == 0:
            code.lanes = 1
            one = self.w.load(x, place)
            code.lanes = lanes
            return one if lanes == 1 else self.spread(one, x.dtype)
        kind = in_memory(x.dtype)
        if step == 1:
            found = code.op(f"load <{lanes} x {kind}>, ptr {self.w.address(x, place)}, align {x.dtype.itemsize}")
            return code.op(f"trunc <{lanes} x i8> {found} to <{lanes} x i1>") if x.dtype.kind == "b" else found
        result = "poison"
        code.lanes = 1
        for i in range(lanes):
            here = code.op(f"add i64 {place}, {i * step}") if i else place
            result = code.op(
                f"insertelement <{lanes} x {type_of(x.dtype)}> {result}, {type_of(x.dtype)} {self.w.load(x, here)}, i64 {i}"
            )
        code.lanes = lanes
        return result

    def spread(self, name: str, dtype: np.dtype) -> str:
        """A number in all lanes."""
        code = self.w.code
        lanes, kind = code.lanes, type_of(dtype)
        if lanes == 1:
            return name
        if not name.startswith("%"):
            return f"splat ({kind} {name})"
        first = code.op(f"insertelement <{lanes} x {kind}> poison, {kind} {name}, i64 0")
        return code.op(f"shufflevector <{lanes} x {kind}> {first}, <{lanes} x {kind}> poison, <{lanes} x i32> zeroinitializer")

    def store(self, x: Memory, offset: Affine, value: str) -> None:
        code = self.w.code
        place, step = self.address(x, offset)
        lanes = code.lanes
        if lanes == 1:
            self.w.store(x, place, value)
            return
        kind = in_memory(x.dtype)
        if step == 1:
            if x.dtype.kind == "b":
                value = code.op(f"zext <{lanes} x i1> {value} to <{lanes} x i8>")
            code.do(f"store <{lanes} x {kind}> {value}, ptr {self.w.address(x, place)}, align {x.dtype.itemsize}")
            return
        vector = code.kind(x.dtype)
        code.lanes = 1
        for i in range(lanes):
            here = code.op(f"add i64 {place}, {i * step}") if i else place
            self.w.store(x, here, code.op(f"extractelement {vector} {value}, i64 {i}"))
        code.lanes = lanes


Body = Callable[[Loops, Index], None]


def _tried(w: Writer, shape: tuple[int, ...], body: Body) -> list[Affine]:
    """The offsets that a body reads and writes; what it wrote is taken back."""
    code = w.code
    kept = len(code.lines), code.block, w.arena, len(code.entry)
    loops = Loops(w, shape)
    body(loops, loops.index())
    del code.lines[kept[0] :]
    del code.entry[kept[3] :]
    code.block, w.arena = kept[1], kept[2]
    return loops.offsets


def grouped(shape: tuple[int, ...], offsets: Sequence[Affine], apart: int = 0) -> list[list[int]]:
    """Axes that are gone through as one: where all offsets run through both alike. apart: no group reaches over that axis."""
    groups: list[list[int]] = []
    for axis in range(len(shape)):
        if groups and axis != apart and all(o[axis] == o[axis + 1] * shape[axis] for o in offsets):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return groups


def nest(w: Writer, shape: tuple[int, ...], body: Body, twice: bool = True) -> None:
    """Write `body` for each element of `shape`, in any order, several at once. twice: an element may be gone through twice."""
    if not prod(shape):
        return
    offsets = _tried(w, shape, body)
    loops = Loops(w, shape)
    loops.groups = grouped(shape, offsets, len(shape))
    loops.names = ["0"] * len(loops.groups)
    sizes = [prod(shape[a] for a in group) for group in loops.groups]
    _outer(w, loops, sizes, 0, lambda: body(loops, loops.index()), w.lanes, twice)


def _outer(w: Writer, loops: Loops, sizes: Sequence[int], depth: int, body: Callable[[], None], lanes: int, twice: bool) -> None:
    code = w.code
    if depth == len(sizes):
        loops.memo = {}
        body()
        return
    last = depth == len(sizes) - 1
    size = sizes[depth]
    if not last or size < lanes:
        counted(w, loops, depth, size, lambda: _outer(w, loops, sizes, depth + 1, body, lanes, twice))
        return
    whole = size if twice else size // lanes * lanes
    loops.vector = depth
    code.lanes = lanes
    counted(w, loops, depth, whole, lambda: _outer(w, loops, sizes, depth + 1, body, lanes, twice), lanes)
    code.lanes = 1
    loops.vector = -1
    for i in range(whole, size):
        loops.names[depth] = str(i)
        _outer(w, loops, sizes, depth + 1, body, lanes, twice)
    loops.names[depth] = "0"


def counted(w: Writer, loops: Loops, depth: int, size: int, body: Callable[[], None], step: int = 1) -> None:
    """A loop; with a step the last turn reaches back to end where the axis ends."""
    code = w.code
    if size == step:
        loops.names[depth] = "0"
        body()
        return
    head, turn, done = code.label("loop"), code.label("turn"), code.label("end")
    before = code.block
    code.jump(head)
    code.start(head)
    count = code.name("n")
    at = len(code.lines)
    code.lines.append("")
    code.branch(code.op(f"icmp slt i64 {count}, {size}"), turn, done)
    code.start(turn)
    if size % step:
        late = code.op(f"icmp sgt i64 {count}, {size - step}")
        loops.names[depth] = code.op(f"select i1 {late}, i64 {size - step}, i64 {count}")
    else:
        loops.names[depth] = count
    body()
    following = code.op(f"add i64 {count}, {step}")
    code.lines[at] = f"  {count} = phi i64 [ 0, %{before} ], [ {following}, %{code.block} ]"
    code.jump(head)
    code.start(done)
    loops.names[depth] = "0"


def stored(w: Writer, parts: Sequence[tuple[Lazy, Memory]]) -> None:
    """Write lazy values of one shape to memory, in one loop nest."""
    shape = parts[0][0].shape

    def body(loops: Loops, index: Index) -> None:
        for x, room in parts:
            loops.store(room, offset_of(shape, index, loops.rank), loops.at(x, index))

    nest(w, shape, body)


def stored_into(w: Writer, x: Lazy, room: Memory, spec: Sequence[Any], twice: bool = True) -> None:
    """Write a lazy value to a part of an array, which a basic key names. twice: unless it reads what is there."""
    strides = [prod(room.shape[axis + 1 :]) for axis in range(len(room.shape))]

    def body(loops: Loops, index: Index) -> None:
        rest = iter(index)
        parts = []
        for entry, stride in zip(spec, strides):
            if isinstance(entry, tuple):
                parts.append(scaled(next(rest), entry[2] * stride, entry[0] * stride))
            else:
                parts.append(constant(entry * stride, loops.rank))
        loops.store(room, total(parts, loops.rank), loops.at(x, index))

    nest(w, x.shape, body, twice)


# Reductions


def reduced(w: Writer, x: Lazy, axes: tuple[int, ...], dtype: np.dtype, row: Any, start: Any) -> Any:
    """The numbers of `x` brought together along `axes`: in memory, or in registers where one number is left."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    order = [*kept, *axes]
    shape = tuple(x.shape[axis] for axis in order)
    outer = len(kept)
    out_shape = shape[:outer]
    room = w.room(out_shape, dtype)

    def value(loops: Loops, index: Index) -> str:
        placed = dict(zip(order, index))
        return loops.at(x, tuple(placed[axis] for axis in range(len(x.shape))))

    offsets = _tried(w, shape, lambda loops, index: _ignore(value(loops, index)))
    loops = Loops(w, shape)
    loops.groups = grouped(shape, offsets, outer)
    loops.names = ["0"] * len(loops.groups)
    sizes = [prod(shape[a] for a in group) for group in loops.groups]
    kept_groups = sum(group[0] < outer for group in loops.groups)
    along = offsets and kept_groups and all(o[1 + loops.groups[kept_groups - 1][-1]] in (0, 1) for o in offsets)
    across = bool(along) and any(o[1 + loops.groups[-1][-1]] not in (0, 1) for o in offsets) and sizes[kept_groups - 1] >= w.lanes
    code = w.code

    def gather() -> None:
        """One result, or as many as there are lanes."""
        lanes = code.lanes
        accumulator = code.space_of(code.kind(dtype))
        code.do(f"store {code.kind(dtype)} {code.number(start, dtype)}, ptr {accumulator}")
        rest = sizes[kept_groups:]
        wide = lanes == 1 and bool(rest) and rest[-1] >= w.lanes
        vector = code.space(type_of(dtype) if dtype.kind != "b" else "i1", w.lanes) if wide else ""
        if wide:
            code.lanes = w.lanes
            code.do(f"store {code.kind(dtype)} {code.number(start, dtype)}, ptr {vector}")
            code.lanes = 1

        def bring(place: str) -> None:
            loops.memo = {}
            old = code.op(f"load {code.kind(dtype)}, ptr {place}")
            new = row(code, dtype, old, value(loops, loops.index()))
            code.do(f"store {code.kind(dtype)} {new}, ptr {place}")

        def inner(depth: int) -> None:
            number = kept_groups + depth
            if depth == len(rest):
                bring(accumulator)
            elif depth == len(rest) - 1 and wide:
                whole = rest[-1] // w.lanes * w.lanes
                loops.vector = number
                code.lanes = w.lanes
                counted(w, loops, number, whole, lambda: bring(vector), w.lanes)
                code.lanes = 1
                loops.vector = -1
                for i in range(whole, rest[-1]):  # less than there are lanes
                    loops.names[number] = str(i)
                    bring(accumulator)
                loops.names[number] = "0"
            else:
                counted(w, loops, number, rest[depth], lambda: inner(depth + 1))

        inner(0)
        found = code.op(f"load {code.kind(dtype)}, ptr {accumulator}")
        if wide:
            code.lanes = w.lanes
            whole_vector, kind = code.op(f"load {code.kind(dtype)}, ptr {vector}"), code.kind(dtype)
            code.lanes = 1
            parts = [code.op(f"extractelement {kind} {whole_vector}, i64 {i}") for i in range(w.lanes)]
            while len(parts) > 1:
                parts = [row(code, dtype, a, b) for a, b in zip(parts[::2], parts[1::2])]
            found = row(code, dtype, parts[0], found)
        index = loops.index()[:outer]
        loops.store(room, offset_of(out_shape, index, loops.rank), found)

    if across:
        _kept(w, loops, sizes[:kept_groups], 0, gather, w.lanes)
    else:
        _kept(w, loops, sizes[:kept_groups], 0, gather, 1)
    return room


def _ignore(_: Any) -> None:
    return None


def _kept(w: Writer, loops: Loops, sizes: Sequence[int], depth: int, body: Callable[[], None], lanes: int) -> None:
    if depth == len(sizes):
        body()
    elif depth == len(sizes) - 1 and lanes > 1:
        loops.vector = depth
        w.code.lanes = lanes
        counted(w, loops, depth, sizes[depth], body, lanes)
        w.code.lanes = 1
        loops.vector = -1
    else:
        counted(w, loops, depth, sizes[depth], lambda: _kept(w, loops, sizes, depth + 1, body, lanes))


# Recipes


def of_memory(x: Memory) -> Lazy:
    return Lazy(x.shape, x.dtype, lambda loops, index: loops.load(x, index), 0, frozenset([x.root]))


def of_number(name: str, dtype: np.dtype) -> Lazy:
    return Lazy((), dtype, lambda loops, index: loops.spread(name, dtype), 0, frozenset())


def elementwise(shape: tuple[int, ...], dtype: np.dtype, row: Any, inputs: Sequence[Lazy], cost: int) -> Lazy:
    def at(loops: Loops, index: Index) -> str:
        return row(loops.w.code, *[loops.at(x, aligned(index, x.shape, loops.rank)) for x in inputs])

    return Lazy(shape, dtype, at, cost + sum(x.cost for x in inputs), frozenset().union(*[x.reads for x in inputs]))


def moved(x: Lazy, shape: tuple[int, ...], back: Callable[[Index, int], Index]) -> Lazy:
    """x seen at other indices: `back` takes those of the result to those of x."""
    return Lazy(shape, x.dtype, lambda loops, index: loops.at(x, back(index, loops.rank)), x.cost, x.reads)


def broadcast(x: Lazy, shape: tuple[int, ...]) -> Lazy:
    return moved(x, shape, lambda index, rank: aligned(index, x.shape, rank))


def transpose(x: Lazy, perm: Sequence[int]) -> Lazy:
    places = [perm.index(axis) for axis in range(len(perm))]
    return moved(x, tuple(x.shape[axis] for axis in perm), lambda index, rank: tuple(index[i] for i in places))


def flip(x: Lazy, axes: Sequence[int]) -> Lazy:
    def back(index: Index, rank: int) -> Index:
        return tuple(scaled(i, -1, x.shape[axis] - 1) if axis in axes else i for axis, i in enumerate(index))

    return moved(x, x.shape, back)


def part(x: Lazy, spec: Sequence[Any], shape: tuple[int, ...]) -> Lazy:
    """The part that a basic key names."""

    def back(index: Index, rank: int) -> Index:
        rest = iter(index)
        return tuple(
            scaled(next(rest), entry[2], entry[0]) if isinstance(entry, tuple) else constant(entry, rank) for entry in spec
        )

    return moved(x, shape, back)


def reshape(x: Lazy, shape: tuple[int, ...]) -> Lazy | None:
    """Only where axes of length one come and go: others need the value in memory."""
    if [n for n in x.shape if n != 1] != [n for n in shape if n != 1]:
        return None

    def back(index: Index, rank: int) -> Index:
        rest = iter([i for i, n in zip(index, shape) if n != 1])
        return tuple(constant(0, rank) if n == 1 else next(rest) for n in x.shape)

    return moved(x, shape, back)
