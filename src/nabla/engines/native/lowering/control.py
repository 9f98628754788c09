"""Loops and branches of graphs."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, AbstractSet, Callable, Sequence

import numpy as np

from nabla.engines.native.loops import INDEX, Block, Buffer, Form, If, Operand, Reg, times
from nabla.engines.native.lowering.values import Array, Lazy, Number, Pair, Small, Value, row_of, shape_of
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives.base import Primitive
from nabla.primitives.call import CALL
from nabla.primitives.conditional import COND
from nabla.primitives.scan import SCAN, Walk
from nabla.primitives.structure import output
from nabla.primitives.while_loop import WHILE, Loop

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer


class Starts:
    """The carry before a loop: what is not small lies where the loop may write to. That is where it lies, if it is free, or where
    it goes in the end. constants: what the loop reads besides, which lies elsewhere then."""

    def __init__(self, w: Writer, node: Node, carry: Sequence[Value], free: Sequence[bool], constants: Sequence[Value]) -> None:
        self.w = w
        self._taken: set[Buffer] = set()
        self.carry = [self._start(x, on, w.targets.get((node, i))) for i, (x, on) in enumerate(zip(carry, free))]
        self.constants = [self._apart(x) for x in constants]

    def _start(self, x: Value, free: bool, target: Array | None) -> Value:
        w = self.w
        if prod(shape_of(x)) <= w.most:
            return w.small(x)
        if free and x.buffer not in self._taken:
            self._taken.add(x.buffer)
            return x
        room = w.room(shape_of(x), x.dtype) if target is None else target._replace(owned=True)
        w.copy(room, x)
        return room

    def _apart(self, x: Value) -> Value:
        w = self.w
        reads = x.reads if isinstance(x, Lazy) else {x.buffer} if isinstance(x, Array) else set()
        if isinstance(x, Small) or not (reads & self._taken or (isinstance(x, Lazy) and x.cost)):
            return x
        return w.memory(x, w.room(x.shape, x.dtype))


def _numbers(state: Sequence[Value]) -> list[Number]:
    """What a loop hands on in registers."""
    return [x for value in state if isinstance(value, Small) for x in value.names.reshape(-1)]


def _state(starts: Sequence[Value], numbers: Sequence[Number]) -> list[Value]:
    """The carry, with other numbers in its registers."""
    rest = iter(numbers)
    result: list[Value] = []
    for x in starts:
        if isinstance(x, Small):
            names = np.empty(x.names.shape, object)
            flat = names.reshape(-1)
            for i in range(flat.size):
                flat[i] = next(rest)
            result.append(Small(names, x.dtype))
        else:
            result.append(x)
    return result


def _brought(w: Writer, rooms: Sequence[Array | None], outs: Sequence[Value]) -> list[Value]:
    """What a turn or a branch gives, brought to its rooms; in registers where there is none."""
    buffers = {room.buffer for room in rooms if room is not None}
    outs = [w.small(x) if room is None else _apart(w, room, x, buffers) for room, x in zip(rooms, outs)]
    for room, x in zip(rooms, outs):
        if room is not None:
            w.copy(room, x)
    return [x if room is None else room for room, x in zip(rooms, outs)]


def _apart(w: Writer, room: Array, x: Value, rooms: AbstractSet[Buffer]) -> Value:
    """A value as it is before any of the rooms is written over."""
    if isinstance(x, Lazy) and x.reads & rooms:
        return w.memory(x, w.room(x.shape, x.dtype))
    if isinstance(x, Array) and x.buffer in rooms and x[:2] != room[:2]:
        other = w.room(x.shape, x.dtype)
        w.copy(other, x)
        return other
    return x


def _turned(w: Writer, state: Sequence[Value], outs: Sequence[Value]) -> list[Value]:
    """The carry at the end of a turn."""
    return _brought(w, [x if isinstance(x, Array) else None for x in state], outs)


def _borrowed(values: Sequence[Value]) -> list[Value]:
    """Values for a graph inside, which may not write over them: they are wanted again, at the next turn or outside."""
    return [x._replace(owned=False) if isinstance(x, Array) else x for x in values]


def _scan(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    walk: Walk = node.params["walk"]
    constants, carry, stacks = walk.split(given)
    begun = Starts(w, node, carry, walk.split(free)[1], [*constants, *stacks])
    starts, constants = begun.carry, begun.constants[: len(constants)]
    sources = [w.memory(x) for x in begun.constants[len(constants) :]]
    rows = [
        w.targets.get((node, walk.of_carry + k)) or w.room((walk.length, *x.shape), x.dtype)
        for k, x in enumerate(walk.body.outputs[walk.of_carry :])
    ]

    def turn(i: Form, *numbers: Number) -> list[Number]:
        at = times(i, -1, walk.length - 1) if walk.reverse else i
        state = _state(starts, numbers)
        places = [row_of(room, at) for room in rows]
        with w.aiming(walk.body.outputs[walk.of_carry :], places):
            outs = g.write(walk.body, [*_borrowed(constants), *state, *[row_of(x, at) for x in sources]])
        for place, out in zip(places, outs[walk.of_carry :]):
            w.copy(place, out)
        return _numbers(_turned(w, state, outs[: walk.of_carry]))

    # Without a carry, turns have nothing to do with each other.
    return (*_state(starts, w.loop(walk.length, turn, _numbers(starts), free=not carry)), *rows)


def _while(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    loop: Loop = node.params["loop"]
    of_condition, of_body, carry = loop.split(given)
    begun = Starts(w, node, carry, loop.split(free)[2], [*of_condition, *of_body])
    starts = begun.carry
    of_condition, of_body = begun.constants[: len(of_condition)], begun.constants[len(of_condition) :]

    def going(*numbers: Number) -> Operand:
        (found,) = g.write(loop.condition, _borrowed([*of_condition, *_state(starts, numbers)]))
        answer: Operand = w.small(found).names.item()
        return answer

    def turn(*numbers: Number) -> list[Number]:
        state = _state(starts, numbers)
        outs = g.write(loop.body, [*_borrowed(of_body), *state])
        return _numbers(_turned(w, state, outs))

    return tuple(_state(starts, w.repeat(_numbers(starts), going, turn)))


def _cond(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    branches = node.params["branches"]
    which = w.small(given[0]).names.item()
    if which.dtype != INDEX:
        which = w.op("convert", INDEX, which)
    operands = [w.memory(x) if isinstance(x, Lazy) and x.cost else x for x in given[1:]]
    rooms = _rooms(w, node, operands, free[1:])
    given = [x if on else y for x, y, on in zip(operands, _borrowed(operands), free[1:])]

    def ends(graph: Graph) -> list[Number]:
        return _numbers(_brought(w, rooms, g.write(graph, given)))

    blocks: list[Block] = [[] for _ in branches]
    found = [w.inside(block, partial(ends, graph)) for block, graph in zip(blocks, branches)]
    chosen: list[tuple[Reg, list[Operand]]] = []
    numbers = [_chosen(w, xs, chosen) for xs in zip(*found)]
    w.block.append(If(which, blocks, chosen))
    likes = [Small(np.empty(x.shape, object), x.dtype) for x in branches[0].outputs]
    return tuple(_state([like if room is None else room for room, like in zip(rooms, likes)], numbers))


def _rooms(w: Writer, node: Node, operands: Sequence[Value], free: Sequence[bool]) -> list[Array | None]:
    """Where the branches bring what is not small: to the place of an operand that is free, if one of them changes it there."""
    branches = node.params["branches"]
    rooms: list[Array | None] = []
    for k, like in enumerate(branches[0].outputs):
        changed = [_changed(graph, graph.outputs[k]) for graph in branches]
        taken = {room.buffer for room in rooms if room is not None}
        own = [operands[n] for n in changed if n is not None and free[n] and operands[n].buffer not in taken]
        if prod(like.shape) <= w.most:
            rooms.append(None)
        else:
            rooms.append(own[0] if own else w.targets.get((node, k)) or w.room(like.shape, like.dtype))
    return rooms


def _changed(graph: Graph, x: Node) -> int | None:
    """Which input of the graph a node is, but for parts that are written anew."""
    while x.inputs:
        maker = x.inputs[0]
        if x.prim is output and maker.prim is WHILE:
            x = maker.params["loop"].split(maker.inputs)[2][x.params["index"]]
        elif x.prim is output and maker.prim is SCAN and x.params["index"] < maker.params["walk"].of_carry:
            x = maker.params["walk"].split(maker.inputs)[1][x.params["index"]]
        elif x.prim.updates:
            x = maker
        else:
            return None
    return graph.inputs.index(x) if x in graph.inputs else None


def _chosen(w: Writer, xs: Sequence[Number], chosen: list[tuple[Reg, list[Operand]]]) -> Number:
    """A number that is one of several, according to the branch."""

    def one(parts: list[Operand]) -> Reg:
        reg = w.reg(parts[0].dtype)
        chosen.append((reg, parts))
        return reg

    if type(xs[0]) is Pair:
        return Pair(one([x.real for x in xs]), one([x.imag for x in xs]))
    return one(list(xs))


def _call(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    return tuple(g.write(node.params["graph"], [x if on else y for x, y, on in zip(given, _borrowed(given), free)]))


ROWS: dict[Primitive, Callable[..., Value]] = {SCAN: _scan, WHILE: _while, COND: _cond, CALL: _call}
