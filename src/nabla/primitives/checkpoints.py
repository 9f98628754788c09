"""Backwards through a loop whose number of steps is not known: checkpoints in a fixed number of slots.

Forwards, the carry of every `stride`-th step is recorded; when the slots are full, every second one is given up and the stride
doubles (online checkpointing: Q. Wang, P. Moin and G. Iaccarino, "Minimal repetition dynamic checkpointing algorithm for unsteady
adjoint calculation", 2009, settles how well this can be done). Backwards, the carry of a step is computed again from the checkpoint
before it, and the slots that are free by then are filled on the way (A. Griewank and A. Walther, "Algorithm 799: revolve", 2000).
With s slots, up to s steps are run once, up to about s**2 / 2 twice, and so on; the memory never grows.

Where steps are made, little else is done: a turn of the outer of two loops is for what all steps until the slots are full, or all
that are recorded side by side, have in common. The slots are handed on by the outer loops, which make few turns; the inner ones
write a row of them, or only read.

All of it is written as loops and updates of indexing, so that it is compiled, batched and differentiated like anything else.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla.dtypes import int64
from nabla.graph.node import Node
from nabla.primitives.base import constant, scalar, zeros, zeros_like
from nabla.primitives.call import is_live, kinds_of, modes_of, sweeps
from nabla.primitives.formulas import bit_and, bit_or, equal, floor_div, greater, less, maximum, select
from nabla.primitives.indexing import index, index_set
from nabla.primitives.reducing import grouped
from nabla.primitives.shape import cast
from nabla.primitives.structure import output
from nabla.primitives.while_loop import Loop, made, reversal

SLOTS = (128, 16, 8, 4)
"""Checkpoints that are kept, by the order of the derivative: the carry of a loop that goes backwards holds the checkpoints of the
loop before, so that those of a derivative of order n take the product of the first n of these numbers."""
SMALL = 2**15
"""Bytes that first derivatives take for checkpoints in any case: where the carry is small, these are more of them."""
SPARE = 2
"""Further rows of each slot array: one for a step that is gone back next and need not be found later, one that takes what is
written nowhere."""


def slots_of(loop: Loop, carry: Sequence[Node]) -> int:
    """An even number."""
    if loop.order:
        return SLOTS[min(loop.order, len(SLOTS) - 1)]
    size = sum(x.size * x.dtype.itemsize for x in carry)
    return max(SLOTS[0], SMALL // max(size, 8) // 2 * 2)


def _int(value: int) -> Node:
    return scalar(value, int64)


def _row(x: Node, i: Node) -> Node:
    return index(x, i, spec=(None, *[(0, n, 1) for n in x.shape[1:]]), unique=True)


def _with_row(x: Node, i: Node, v: Node) -> Node:
    return index_set(x, v, i, spec=(None, *[(0, n, 1) for n in x.shape[1:]]), unique=True)


def _every_second(x: Node, room: int) -> Node:
    """Of the rows that are taken every second one, at the front."""
    rest = [(0, n, 1) for n in x.shape[1:]]
    return index_set(x, index(x, spec=((0, room // 2, 2), *rest), unique=True), spec=((0, room // 2, 1), *rest), unique=True)


def parts(node: Node) -> list[Node]:
    return [output(node, index=i) for i in range(len(node.shape))]


def recorded(loop: Loop, inputs: Sequence[Node]) -> tuple[Loop, list[Node]]:
    """The loop that also records: its carry is followed by the numbers of steps and checkpoints, the stride, and slot arrays, one
    for each carry; where every step has a row, by the number of steps and the slot arrays. Its body has those constants that the
    loop's has, and then more."""
    of_condition, of_body, carry = loop.split(inputs)
    count = len(carry)
    if loop.most is not None:
        return _recorded_each(loop, of_condition, of_body, carry)
    room = slots_of(loop, carry)
    state = [*carry, _int(0), _int(0), _int(0), *[zeros((room + SPARE, *x.shape), x.dtype) for x in carry]]
    constants = [*of_body, *of_condition]

    def condition(heads: list[Node]) -> list[Node]:
        return sweeps.inline(loop.condition, heads[: loop.of_condition + count])

    def body(heads: list[Node]) -> list[Node]:
        own, tests, now, (step, kept, stride), slots = grouped(heads, loop.of_body, loop.of_condition, count, 3)
        slots = [_every_second(x, room) for x in slots]
        stride = maximum(stride + stride, _int(1))
        kept = floor_div(kept, _int(2))
        outs = _filled(loop, room, [*tests, stride * _int(room)], [*own, stride - _int(1)], [*now, step, kept, *slots])
        return [*outs[: count + 2], stride, *outs[count + 2 :]]

    likes = [*of_condition, *state], [*constants, *state]
    key = ("recorded", loop, *map(kinds_of, likes))
    test, turn = loop.body.once(key, lambda: (sweeps.build(condition, likes[0]), sweeps.build(body, likes[1])))
    record = Loop(test, turn, loop.of_condition, len(constants), loop.order + 1, plain=loop)
    return record, [*of_condition, *constants, *state]


def _filled(loop: Loop, room: int, tests: Sequence[Node], own: Sequence[Node], state: Sequence[Node]) -> list[Node]:
    """Steps until the slots are full. The last of the tests' constants is the step at which they are; the last of the others is the
    stride - 1: of a step that is recorded, it has no bit in common."""
    count = len(state) // 2 - 1

    def condition(heads: list[Node]) -> list[Node]:
        first, (end,), now, (step,), _ = grouped(heads, loop.of_condition, 1, count, 1)
        return [bit_and(less(step, end), sweeps.inline(loop.condition, [*first, *now])[0])]

    def body(heads: list[Node]) -> list[Node]:
        first, (between,), now, (step, kept), slots = grouped(heads, loop.of_body, 1, count, 2)
        here = equal(bit_and(step, between), _int(0))
        row = select(here, kept, _int(room + 1))
        slots = [_with_row(x, row, v) for x, v in zip(slots, now)]
        return [*sweeps.inline(loop.body, [*first, *now]), step + _int(1), kept + cast(here, int64), *slots]

    test, turn = sweeps.build(condition, [*tests, *state]), sweeps.build(body, [*own, *state])
    return parts(made(Loop(test, turn, len(tests), len(own), loop.order + 1), [*tests, *own, *state]))


def _recorded_each(
    loop: Loop, of_condition: Sequence[Node], of_body: Sequence[Node], carry: Sequence[Node]
) -> tuple[Loop, list[Node]]:
    """The same for a loop that makes so few steps at most that each has a row."""
    count = len(carry)
    state = [*carry, _int(0), *[zeros((max(loop.most or 0, 1), *x.shape), x.dtype) for x in carry]]

    def condition(heads: list[Node]) -> list[Node]:
        return sweeps.inline(loop.condition, heads[: loop.of_condition + count])

    def body(heads: list[Node]) -> list[Node]:
        own, now, (step,), slots = grouped(heads, loop.of_body, count, 1)
        return [*sweeps.inline(loop.body, [*own, *now]), step + _int(1), *[_with_row(x, step, v) for x, v in zip(slots, now)]]

    likes = [*of_condition, *state], [*of_body, *state]
    key = ("recorded", loop, *map(kinds_of, likes))
    test, turn = loop.body.once(key, lambda: (sweeps.build(condition, likes[0]), sweeps.build(body, likes[1])))
    record = Loop(test, turn, len(of_condition), len(of_body), loop.order + 1, plain=loop)
    return record, [*of_condition, *of_body, *state]


class _Step:
    """The derivative of one step: from the cotangents of what comes out of it, and sums for the constants, to those before it."""

    def __init__(self, loop: Loop, inputs: Sequence[Node], g: Any, masked: bool, constants: Sequence[int]) -> None:
        self.constants = constants
        _, self.of_body, self.carry = loop.split(inputs)
        first = len(self.of_body)
        opened = sweeps.linearization(loop.body, tuple(x.dtype.kind in "fc" for x in loop.body.inputs), frozenset())
        active = [i in g for i in range(len(self.carry))]
        while True:  # which carries have cotangents follows from which do
            gives = tuple(i for i, on in enumerate(active) if on)
            asked = (*constants, *[first + i for i, x in enumerate(self.carry) if x.dtype.kind in "fc"])
            self.derived = opened.pull(gives, masked, asked)
            self.found = dict(zip(asked, self.derived.results))
            grown = [on or self.found.get(first + i) is not None for i, on in enumerate(active)]
            if grown == active and not (any(self.derived.masked) and not masked):
                break
            active, masked = grown, masked or any(self.derived.masked)
        self.masked = masked
        self.places = [i for i, on in enumerate(active) if on]
        self.starts = [g.get(i, zeros_like(self.carry[i])) for i in self.places]
        self.starts += [zeros_like(self.of_body[i]) for i in constants]

    def back(self, own: Sequence[Node], now: Sequence[Node], cotangents: Sequence[Node]) -> list[Node]:
        """own, now: the constants and the carry of the step."""
        at = [*own, *now]
        after, totals, _ = grouped(cotangents, len(self.places), len(self.constants))
        outs = sweeps.inline(self.derived.graph, [*[at[i] for i in self.derived.primals], *after])
        value = {i: outs[n] for i, n in self.found.items() if n is not None}
        before = [value.get(len(own) + i, zeros_like(self.carry[i])) for i in self.places]
        return [*before, *[t + value[i] if i in value else t for i, t in zip(self.constants, totals)]]


def pull(node: Node, g: Any, masked: bool, wants: Sequence[int]) -> Sequence[Node | None]:
    """Cotangents of the inputs `wants` of a while node."""
    loop, recording = node.params["loop"], node.params["recording"]
    tests, fixed, state = loop.split(range(len(node.inputs)))  # where the inputs of the loop are among those of the node
    if recording is not None and max(g) < len(loop.plain.body.outputs):
        recording.read = True
        outs, loop = parts(node), loop.plain
        fixed, state = fixed[: loop.of_body], state[: len(loop.body.outputs)]
    else:  # it recorded nothing, or what it recorded is itself differentiated: all is run again
        record, start = recorded(loop, node.inputs)
        outs = parts(made(record, start))[: len(record.body.outputs)]
    inputs = [node.inputs[i] for i in (*tests, *fixed, *state)]
    step = _Step(loop, inputs, g, masked, [n for n, i in enumerate(fixed) if i in wants])
    _, (steps,), kept = grouped(outs, len(state), 1)
    back, start = (_all_back if loop.most is None else _each_back)(loop, step, steps, kept)
    skip = len(back.body.outputs) - len(step.starts)
    marks = (*[False] * skip, *[step.masked] * len(step.starts))
    found = made(back, start, marks)
    answer: list[Node | None] = [None] * len(node.inputs)
    for n, i in enumerate([*[state[i] for i in step.places], *[fixed[i] for i in step.constants]]):
        if i in wants:
            answer[i] = output(found, index=skip + n)
    return answer


def _each_back(loop: Loop, step: _Step, steps: Node, slots: Sequence[Node]) -> tuple[Loop, list[Node]]:
    """Backwards over steps that were all recorded."""
    fixed, state = [*step.of_body, *slots], [steps, *step.starts]

    def condition(heads: list[Node]) -> list[Node]:
        return [greater(heads[0], _int(0))]

    def body(heads: list[Node]) -> list[Node]:
        own, rows, (left,), cotangents = grouped(heads, loop.of_body, len(slots), 1)
        left = left - _int(1)
        return [left, *step.back(own, [_row(x, left) for x in rows], cotangents)]

    likes = [*fixed, *state]
    key = ("cotangents", loop, step.derived, tuple(step.places), tuple(step.constants), kinds_of(likes))
    test, turn = loop.body.once(key, lambda: (sweeps.build(condition, state), sweeps.build(body, likes)))
    return Loop(test, turn, 0, len(fixed), loop.order + 1), likes


def _all_back(loop: Loop, step: _Step, steps: Node, recording: Sequence[Node]) -> tuple[Loop, list[Node]]:
    """Backwards over all steps: a turn computes again what was not recorded before the last step, and then goes back over all that
    are recorded side by side; over one only, in one loop less, if it is to be differentiated backwards again."""
    kept, stride, *slots = recording
    count = len(slots)
    room = slots_of(loop, step.carry)
    positions = constant(np.arange(room + SPARE)) * stride
    state = [steps, kept - _int(1), positions, *slots, *step.starts]
    again = any(is_live(x) and "reverse" in modes_of([x]) for x in (*step.of_body, *state))

    def condition(heads: list[Node]) -> list[Node]:
        return [greater(heads[0], _int(0))]

    def body(heads: list[Node]) -> list[Node]:
        own, (left, top, positions), slots, cotangents = grouped(heads, loop.of_body, 3, count)
        top, positions, slots = _advanced(loop, room, own, left - _int(1), top, positions, slots)
        if again:
            cotangents = step.back(own, [_row(x, top) for x in slots], cotangents)
            return [left - _int(1), top - _int(1), positions, *slots, *cotangents]
        left, top, *cotangents = _run_back(loop, step, own, positions, slots, [left, top, *cotangents])
        return [left, top, positions, *slots, *cotangents]

    likes = [*step.of_body, *state]
    key = ("cotangents", loop, step.derived, tuple(step.places), tuple(step.constants), again, kinds_of(likes))
    test, turn = loop.body.once(key, lambda: (sweeps.build(condition, state), sweeps.build(body, likes)))
    return Loop(test, turn, 0, loop.of_body, loop.order + 1), likes


def _run_back(
    loop: Loop, step: _Step, own: Sequence[Node], positions: Node, slots: Sequence[Node], state: Sequence[Node]
) -> list[Node]:
    """Back as long as the step before is the last checkpoint."""
    fixed = [*own, *slots]

    def condition(heads: list[Node]) -> list[Node]:
        positions, left, top, *_ = heads
        return [bit_and(greater(left, _int(0)), equal(_row(positions, top), left - _int(1)))]

    def body(heads: list[Node]) -> list[Node]:
        own, rows, (left, top), cotangents = grouped(heads, loop.of_body, len(slots), 2)
        return [left - _int(1), top - _int(1), *step.back(own, [_row(x, top) for x in rows], cotangents)]

    test, turn = sweeps.build(condition, [positions, *state]), sweeps.build(body, [*fixed, *state])
    return parts(made(Loop(test, turn, 1, len(fixed), loop.order + 1), [positions, *fixed, *state]))


def _advanced(
    loop: Loop, room: int, own: Sequence[Node], step: Node, top: Node, positions: Node, slots: Sequence[Node]
) -> tuple[Node, Node, list[Node]]:
    """Run from the checkpoint `top` to `step`, which is recorded, and record others on the way: all where there is room for them,
    else so many that half of what is free is left for those between them."""
    count = len(slots)
    begin = _row(positions, top)
    free = _int(room - 1) - top
    far = step - begin
    pieces = floor_div(free, _int(2)) + _int(1)
    pitch = select(less(free, far), floor_div(far + pieces - _int(1), pieces), _int(1))
    state = [begin, begin + pitch, top, positions, *slots, *[_row(x, top) for x in slots]]
    fixed = [*own, step, pitch]

    def condition(heads: list[Node]) -> list[Node]:
        return [less(heads[1], heads[0])]

    def body(heads: list[Node]) -> list[Node]:
        own, (step, pitch), (now, due, top, positions), slots, x = grouped(heads, loop.of_body, 2, 4, count)
        x, now = sweeps.inline(loop.body, [*own, *x]), now + _int(1)
        is_due = equal(now, due)
        here = bit_or(bit_and(is_due, less(top, _int(room - 1))), equal(now, step))
        top = select(here, top + _int(1), top)
        row = select(here, top, _int(room + 1))
        slots = [_with_row(rows, row, v) for rows, v in zip(slots, x)]
        return [now, select(is_due, due + pitch, due), top, _with_row(positions, row, now), *slots, *x]

    test, turn = sweeps.build(condition, [step, *state]), sweeps.build(body, [*fixed, *state])
    outs = parts(made(Loop(test, turn, 1, len(fixed), loop.order + 1), [step, *fixed, *state]))
    return outs[2], outs[3], outs[4 : 4 + count]


reversal.recorded = recorded
reversal.pull = pull
