"""Backwards through a loop whose number of steps is not known: checkpoints in a fixed number of slots.

Forwards, the carry of every `stride`-th step is recorded; when the slots are full, every second one is given up and the stride
doubles (online checkpointing: Q. Wang, P. Moin and G. Iaccarino, "Minimal repetition dynamic checkpointing algorithm for unsteady
adjoint calculation", 2009, settles how well this can be done). Backwards, the carry of a step is computed again from the checkpoint
before it, and the slots that are free by then are filled on the way (A. Griewank and A. Walther, "Algorithm 799: revolve", 2000).
With s slots, up to s steps are run once, up to about s**2 / 2 twice, and so on; the memory never grows.

All of it is written as loops and updates of indexing, so that it is compiled, batched and differentiated like anything else.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla.dtypes import int64
from nabla.graph.node import Node
from nabla.primitives.base import constant, scalar, zeros, zeros_like
from nabla.primitives.call import kinds_of, sweeps
from nabla.primitives.conditional import cond
from nabla.primitives.formulas import (
    bit_and,
    equal,
    floor_div,
    greater,
    less,
    maximum,
    remainder,
    select,
)
from nabla.primitives.indexing import index, index_set
from nabla.primitives.shape import cast
from nabla.primitives.structure import output
from nabla.primitives.while_loop import Loop, made, reversal

SLOTS = (128, 16, 8, 4)
"""Checkpoints that are kept, by the order of the derivative: the carry of a loop that goes backwards holds the checkpoints of the
loop before, so that those of a derivative of order n take the product of the first n of these numbers. One more row of each slot
array takes what is written nowhere."""


def slots_of(loop: Loop) -> int:
    return SLOTS[min(loop.order, len(SLOTS) - 1)] if loop.most is None else loop.most


def _int(value: int) -> Node:
    return scalar(value, int64)


def _row(x: Node, i: Node) -> Node:
    return index(x, i, spec=(None, *[(0, n, 1) for n in x.shape[1:]]), unique=True)


def _with_row(x: Node, i: Node, v: Node) -> Node:
    return index_set(x, v, i, spec=(None, *[(0, n, 1) for n in x.shape[1:]]), unique=True)


def recorded(loop: Loop, inputs: Sequence[Node]) -> tuple[Loop, list[Node]]:
    """The loop that also records: its carry is followed by the number of steps, the stride, and a slot array for each carry."""
    of_condition, of_body, carry = loop.split(inputs)
    count = len(carry)
    room = slots_of(loop)

    def condition(heads: list[Node]) -> list[Node]:
        return sweeps.inline(loop.condition, heads[: loop.of_condition + count])

    def thinned(slots: list[Node]) -> list[Node]:
        kept = constant(np.concatenate([np.arange(0, room, 2), np.zeros(room // 2 + 1, int)]))
        return [index(x, kept, spec=(None, *[(0, n, 1) for n in x.shape[1:]]), unique=False) for x in slots]

    def body(heads: list[Node]) -> list[Node]:
        own, state = heads[: loop.of_body], heads[loop.of_body : loop.of_body + count]
        step, stride, *slots = heads[loop.of_body + count :]
        full = equal(step, stride * _int(room))
        branches = [sweeps.build(list, slots), sweeps.build(thinned, slots)]
        slots = cond(cast(full, int64), branches, slots)
        stride = select(full, stride * _int(2), stride)
        here = select(equal(remainder(step, stride), _int(0)), floor_div(step, stride), _int(room))
        slots = [_with_row(x, here, v) for x, v in zip(slots, state)]
        return [*sweeps.inline(loop.body, [*own, *state]), step + _int(1), stride, *slots]

    rows = [zeros((room + 1, *x.shape), x.dtype) for x in carry]
    longer = [*carry, _int(0), _int(1), *rows]
    likes = [*of_condition, *longer], [*of_body, *longer]
    key = ("recorded", loop, *map(kinds_of, likes))
    test, step = loop.body.once(key, lambda: (sweeps.build(condition, likes[0]), sweeps.build(body, likes[1])))
    record = Loop(test, step, loop.of_condition, loop.of_body, loop.order + 1)
    return record, [*of_condition, *of_body, *longer]


def pull(node: Node, g: Any, masked: bool, wants: Sequence[int]) -> Sequence[Node | None]:
    """Cotangents of the inputs `wants` of a while node."""
    loop: Loop = node.params["primal"]
    inputs = list(node.inputs)
    if loop is not None and max(g) < len(loop.body.outputs):
        record = node
        inputs = inputs[: loop.of_condition + loop.of_body + len(loop.body.outputs)]
    else:  # it recorded nothing, or what it recorded is itself differentiated: all is run again
        loop = node.params["loop"]
        record = made(*recorded(loop, inputs))
    of_condition, of_body, carry = loop.split(inputs)
    first = len(of_condition)
    constants = [i - first for i in wants if first <= i < first + len(of_body)]
    opened = sweeps.linearization(loop.body, tuple(x.dtype.kind in "fc" for x in loop.body.inputs), frozenset())
    active = [i in g for i in range(len(carry))]
    while True:  # which carries have cotangents follows from which do
        gives = tuple(i for i, on in enumerate(active) if on)
        asked = (*constants, *[len(of_body) + i for i in range(len(carry)) if carry[i].dtype.kind in "fc"])
        derived = opened.pull(gives, masked, asked)
        found = dict(zip(asked, derived.results))
        grown = [on or found.get(len(of_body) + i) is not None for i, on in enumerate(active)]
        if grown == active and not (any(derived.masked) and not masked):
            break
        active, masked = grown, masked or any(derived.masked)
    places = [i for i, on in enumerate(active) if on]

    count = len(carry)
    room = slots_of(loop)
    steps, stride = output(record, index=count), output(record, index=count + 1)
    slots = [output(record, index=count + 2 + i) for i in range(count)]
    positions = constant(np.arange(room + 1)) * stride
    last = floor_div(steps + stride - _int(1), stride) - _int(1)
    starts = [g.get(i, zeros_like(carry[i])) for i in places]
    sums = [zeros_like(of_body[i]) for i in constants]
    state = [steps, last, positions, *slots, *starts, *sums]

    def condition(heads: list[Node]) -> list[Node]:
        return [greater(heads[0], _int(0))]

    def body(heads: list[Node]) -> list[Node]:
        own = heads[: len(of_body)]
        left, top, positions, *rest = heads[len(of_body) :]
        slots, cotangents, totals = rest[:count], rest[count : count + len(places)], rest[count + len(places) :]
        step = left - _int(1)
        top = top - cast(greater(_row(positions, top), step), int64)
        top, positions, slots, x = _advanced(loop, own, step, top, positions, slots)
        at = [*own, *x]
        outs = sweeps.inline(derived.graph, [*[at[i] for i in derived.primals], *cotangents])
        value = {i: outs[n] for i, n in found.items() if n is not None}
        cotangents = [value.get(len(of_body) + i, zeros_like(carry[i])) for i in places]
        totals = [t + value[i] if i in value else t for i, t in zip(constants, totals)]
        return [step, top, positions, *slots, *cotangents, *totals]

    likes = [*of_body, *state]
    key = ("cotangents", loop, derived, tuple(places), tuple(constants), kinds_of(likes))
    test, step = loop.body.once(key, lambda: (sweeps.build(condition, state), sweeps.build(body, likes)))
    back = Loop(test, step, 0, len(of_body), loop.order + 1)
    marks = (*[False] * (3 + count), *[masked] * (len(places) + len(constants)))
    result = made(back, [*of_body, *state], marks)
    answer: list[Node | None] = [None] * len(node.inputs)
    wanted = set(wants)
    for n, i in enumerate(places):
        if first + len(of_body) + i in wanted:
            answer[first + len(of_body) + i] = output(result, index=3 + count + n)
    for n, i in enumerate(constants):
        answer[first + i] = output(result, index=3 + count + len(places) + n)
    return answer


def _advanced(
    loop: Loop, own: Sequence[Node], step: Node, top: Node, positions: Node, slots: Sequence[Node]
) -> tuple[Node, Node, list[Node], list[Node]]:
    """Run from the checkpoint `top` to `step`, and fill free slots on the way, evenly: (top, positions, slots, the carry there)."""
    room = slots_of(loop)
    begin = _row(positions, top)
    free = _int(room - 1) - top
    pitch = maximum(floor_div(step - begin + free, free + _int(1)), _int(1))
    state = [begin, top, positions, *slots, *[_row(x, top) for x in slots]]
    count = len(slots)

    def condition(heads: list[Node]) -> list[Node]:
        return [less(heads[1], heads[0])]

    def body(heads: list[Node]) -> list[Node]:
        own, further = heads[: loop.of_body], heads[loop.of_body :]
        begin, pitch, now, top, positions, *rest = further
        slots, x = rest[:count], sweeps.inline(loop.body, [*own, *rest[count:]])
        now = now + _int(1)
        kept = bit_and(equal(remainder(now - begin, pitch), _int(0)), less(top, _int(room - 1)))
        top = select(kept, top + _int(1), top)
        here = select(kept, top, _int(room))
        slots = [_with_row(rows, here, v) for rows, v in zip(slots, x)]
        return [now, top, _with_row(positions, here, now), *slots, *x]

    again = Loop(
        sweeps.build(condition, [step, *state]), sweeps.build(body, [*own, begin, pitch, *state]), 1, loop.of_body + 2,
        loop.order + 1,
    )  # fmt: skip
    found = made(again, [step, *own, begin, pitch, *state])
    outs = [output(found, index=i) for i in range(len(state))]
    return outs[1], outs[2], outs[3 : 3 + count], outs[3 + count :]


reversal.recorded = recorded
reversal.pull = pull
