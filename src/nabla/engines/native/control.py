"""Loops and branches of graphs."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, AbstractSet, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.loops import INDEX, Block, Buffer, Form, If, Operand, Reg, times
from nabla.engines.native.values import Array, Lazy, Number, Pair, Small, Value, row_of, shape_of
from nabla.graph.node import Node
from nabla.primitives.base import Primitive
from nabla.primitives.call import CALL
from nabla.primitives.conditional import COND
from nabla.primitives.scan import SCAN, Walk
from nabla.primitives.while_loop import WHILE, Loop

if TYPE_CHECKING:
    from nabla.engines.native.graphs import Graphs
    from nabla.engines.native.writer import Writer


def _starts(w: Writer, carry: Sequence[Value]) -> list[Value]:
    """The carry before a loop; what is not small is copied to a place that the loop may write to."""
    result: list[Value] = []
    for x in carry:
        if prod(shape_of(x)) <= w.most:
            result.append(w.small(x))
        else:
            room = w.room(shape_of(x), x.dtype)
            w.copy(room, x)
            result.append(room)
    return result


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


def _turned(w: Writer, state: Sequence[Value], outs: Sequence[Value]) -> list[Value]:
    """The carry at the end of a turn; what lies in memory is brought to its place."""
    rooms = {old.buffer for old in state if isinstance(old, Array)}
    outs = [_apart(w, old, new, rooms) for old, new in zip(state, outs)]
    ends: list[Value] = []
    for old, new in zip(state, outs):
        if isinstance(old, Array):
            w.copy(old, new)
            ends.append(old)
        else:
            ends.append(w.small(new))
    return ends


def _apart(w: Writer, old: Value, new: Value, rooms: AbstractSet[Buffer]) -> Value:
    """A value as it is before any of the carry is written over."""
    if isinstance(new, Lazy) and new.reads & rooms:
        return w.memory(new, w.room(new.shape, new.dtype))
    if isinstance(new, Array) and new.buffer in rooms and new is not old and new[:2] != old[:2]:
        room = w.room(new.shape, new.dtype)
        w.copy(room, new)
        return room
    return w.small(new) if isinstance(old, Small) else new


def _borrowed(values: Sequence[Value]) -> list[Value]:
    """Values for a graph inside, which may not write over them: they are wanted again, at the next turn or outside."""
    return [x._replace(owned=False) if isinstance(x, Array) else x for x in values]


def _scan(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    walk: Walk = node.params["walk"]
    constants, carry, stacks = walk.split(given)
    constants = [w.memory(x) if isinstance(x, Lazy) and x.cost else x for x in constants]
    starts = _starts(w, carry)
    sources = [w.memory(x) for x in stacks]
    rows = [
        w.targets.get((node, walk.of_carry + k)) or w.room((walk.length, *x.shape), x.dtype)
        for k, x in enumerate(walk.body.outputs[walk.of_carry :])
    ]

    def turn(i: Form, *numbers: Number) -> list[Number]:
        at = times(i, -1, walk.length - 1) if walk.reverse else i
        state = _state(starts, numbers)
        outs = g.write(walk.body, [*_borrowed(constants), *state, *[row_of(x, at) for x in sources]])
        for room, out in zip(rows, outs[walk.of_carry :]):
            w.copy(row_of(room, at), out)
        return _numbers(_turned(w, state, outs[: walk.of_carry]))

    # Without a carry, turns have nothing to do with each other.
    return (*_state(starts, w.loop(walk.length, turn, _numbers(starts), free=not carry)), *rows)


def _while(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    loop: Loop = node.params["loop"]
    of_condition, of_body, carry = loop.split(given)
    of_condition, of_body = ([w.memory(x) if isinstance(x, Lazy) and x.cost else x for x in xs] for xs in (of_condition, of_body))
    starts = _starts(w, carry)

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
    given = [w.memory(x) if isinstance(x, Lazy) and x.cost else x for x in given]
    shapes = [(x.shape, x.dtype) for x in branches[0].outputs]
    rooms = [w.room(shape, dtype) if prod(shape) > w.most else None for shape, dtype in shapes]

    def ends(graph: Any) -> list[Number]:
        outs = g.write(graph, _borrowed(given[1:]))
        for room, out in zip(rooms, outs):
            if room is not None:
                w.copy(room, out)
        return _numbers([w.small(out) for room, out in zip(rooms, outs) if room is None])

    blocks: list[Block] = [[] for _ in branches]
    found = [w.inside(block, partial(ends, graph)) for block, graph in zip(blocks, branches)]
    chosen: list[tuple[Reg, list[Operand]]] = []
    numbers = [_chosen(w, xs, chosen) for xs in zip(*found)]
    w.block.append(If(which, blocks, chosen))
    rest = iter(numbers)
    result: list[Value] = []
    for room, (shape, dtype) in zip(rooms, shapes):
        if room is None:
            names = np.empty(shape, object)
            flat = names.reshape(-1)
            for i in range(flat.size):
                flat[i] = next(rest)
            result.append(Small(names, dtype))
        else:
            result.append(room)
    return tuple(result)


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
    return tuple(g.write(node.params["graph"], _borrowed(given)))


ROWS: dict[Primitive, Callable[..., Value]] = {SCAN: _scan, WHILE: _while, COND: _cond, CALL: _call}
