"""while: a closed graph applied to a carry as long as another one says so.

Forwards the carry moves together with its tangents. Backwards the carries have to be met again in reverse order, and how many there
are is not known before the loop has run: `checkpoints.py` keeps some of them in a fixed number of slots.

A lane of a vmap whose condition does not hold any more stands still while others go on.
"""

from __future__ import annotations

from typing import AbstractSet, Any, NamedTuple, Sequence

import numpy as np

from nabla.dtypes import bool_, int64
from nabla.graph.graph import Graph
from nabla.graph.node import Node, make
from nabla.graph.simplify import Reduced, heads_read, simplify
from nabla.graph.tokens import Token
from nabla.primitives.base import Primitive, no_infer, scalar, zeros_like
from nabla.primitives.call import is_live, kinds_of, marked, modes_of, sweeps
from nabla.primitives.formulas import bit_and, less, select
from nabla.primitives.indexing import Spec, index, index_set, together
from nabla.primitives.kinds import depends
from nabla.primitives.reducing import Inputs, handed_on, hoisted, live_carries, pruned, renumbered
from nabla.primitives.reductions import reduce_any
from nabla.primitives.shape import broadcast, expand_batched, reshape
from nabla.primitives.structure import output


class Loop(NamedTuple):
    """What a while node does. Its inputs are the constants of the condition, those of the body, and the carry."""

    condition: Graph  # constants, carry -> one boolean
    body: Graph  # constants, carry -> carry
    of_condition: int  # the number of constants of each
    of_body: int
    order: int = 0  # how often it was differentiated backwards: its carry holds the checkpoints of so many loops
    most: int | None = None  # steps that it makes at most: its carries are all kept then
    plain: Any = None  # where it also records, the loop as it was without: its inputs and outputs are the first of each group
    begun: Any = None  # a loop whose steps it makes, beside others: the same holds for its inputs and outputs

    def split(self, inputs: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Inputs, or what belongs to them, in their three groups."""
        a, b = self.of_condition, self.of_condition + self.of_body
        return list(inputs[:a]), list(inputs[a:b]), list(inputs[b:])


class Recording:
    """Whether what a node records has been read: until it is differentiated backwards, it is taken for the plain loop. Nodes do not
    differ by it."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recording)

    def __hash__(self) -> int:
        return 0


class Reversal:
    """How a while node is differentiated backwards; primitives/checkpoints.py."""

    __slots__ = ("pull", "recorded")
    recorded: Any
    pull: Any


reversal = Reversal()


def plain(node: Node, inputs: Sequence[Any]) -> tuple[Loop, list[Any]]:
    """The loop of a node without what it records, and its inputs, or what belongs to them."""
    loop: Loop = node.params["loop"]
    if loop.plain is None:
        return loop, list(inputs)
    return loop.plain, _first(loop, loop.plain, inputs)


def _first(loop: Loop, part: Loop, inputs: Sequence[Any]) -> list[Any]:
    """What belongs to the inputs of a loop that has the first of each group."""
    of_condition, of_body, carry = loop.split(inputs)
    return [*of_condition[: part.of_condition], *of_body[: part.of_body], *carry[: len(part.body.outputs)]]


def _as_read(node: Node, inputs: Sequence[Any]) -> tuple[Loop, list[Any]]:
    """The same, or all of it if what it records is read."""
    recording: Recording | None = node.params["recording"]
    return (node.params["loop"], list(inputs)) if recording is None or recording.read else plain(node, inputs)


class _While(Primitive):
    """params: loop; recording, where it was made to record checkpoints; masked."""

    __slots__ = ()
    adapts = True

    def rebuild(self, node: Node, inputs: Sequence[Node]) -> Node:
        return made(*_as_read(node, inputs))

    def unrecorded(self, node: Node, inputs: Sequence[Node]) -> Node:
        return made(*plain(node, inputs))

    def push(self, node: Node, tangents: Sequence[Any]) -> Any:
        loop, inputs = _as_read(node, node.inputs)
        of_condition, of_body, carry = loop.split(inputs)
        _, moving_constants, directions = loop.split(_as_read(node, tangents)[1])
        moving = [dx is not None for dx in directions]
        constants = [i for i, dx in enumerate(moving_constants) if dx is not None]
        live = tuple(x.dtype.kind in "fc" for x in loop.body.inputs)
        opened = sweeps.linearization(loop.body, live, frozenset(), forward=True)
        while True:  # which carries move follows from which do
            seeds = (*constants, *[loop.of_body + i for i, on in enumerate(moving) if on])
            derived = opened.push(seeds)
            grown = [on or found is not None for on, found in zip(moving, derived.results)]
            if grown == moving:
                break
            moving = grown
        places = [i for i, on in enumerate(moving) if on]
        if not places:
            return None

        def condition(heads: list[Node]) -> list[Node]:
            return sweeps.inline(loop.condition, heads[: loop.of_condition + len(carry)])

        def body(heads: list[Node]) -> list[Node]:
            own, further = heads[: loop.of_body], heads[loop.of_body : loop.of_body + len(constants)]
            state = heads[loop.of_body + len(constants) :]
            primal, tangent = state[: len(carry)], state[len(carry) :]
            at = [*own, *primal]
            outs = sweeps.inline(derived.graph, [*[at[i] for i in derived.primals], *further, *tangent])
            rows = [zeros_like(carry[i]) if derived.results[i] is None else outs[derived.results[i]] for i in places]
            return [*sweeps.inline(loop.body, at), *rows]

        starts = [zeros_like(carry[i]) if directions[i] is None else directions[i] for i in places]
        state = [*carry, *starts]
        constant_tangents = [moving_constants[i] for i in constants]
        likes = [*of_condition, *state], [*of_body, *constant_tangents, *state]
        key = ("tangents", loop, derived, tuple(constants), tuple(places), *map(kinds_of, likes))
        test, step = loop.body.once(key, lambda: (sweeps.build(condition, likes[0]), sweeps.build(body, likes[1])))
        joint = Loop(test, step, loop.of_condition, loop.of_body + len(constants), loop.order, begun=loop)
        found = made(joint, [*of_condition, *of_body, *constant_tangents, *state])
        result: list[Any] = [None] * len(node.shape)
        for i, place in enumerate(places):
            result[place] = output(found, index=len(carry) + i)
        return result

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Any]:
        wants = [i for i, x in enumerate(node.inputs) if x.dtype.kind in "fc" and depends(x, wanted)]
        return reversal.pull(node, g, masked, wants)

    def inserted(self, gx: Node) -> bool:
        return marked(gx)

    def guard(self, node: Node, inputs: Sequence[Node], going: Node) -> Node:
        loop, inputs = _as_read(node, inputs)

        def condition(heads: list[Node]) -> list[Node]:
            return [bit_and(heads[0], sweeps.inline(loop.condition, heads[1:])[0])]

        of_condition, _, carry = loop.split(inputs)
        likes = [going, *of_condition, *carry]
        test = loop.condition.once(("guarded condition", kinds_of(likes)), lambda: sweeps.build(condition, likes))
        return made(loop._replace(condition=test, of_condition=loop.of_condition + 1, plain=None, begun=None), [going, *inputs])

    def begun(self, node: Node) -> Node | None:
        loop: Loop = node.params["loop"]
        part: Loop | None = loop.begun or loop.plain
        return None if part is None else _made(part, _first(loop, part, node.inputs), None)

    def records(self, node: Node, index: int) -> bool:
        loop: Loop = node.params["loop"]
        return loop.plain is not None and index >= len(loop.plain.body.outputs)

    def reduced(self, node: Node, used: AbstractSet[int]) -> Reduced | None:
        unread = not any(self.records(node, i) for i in used)
        loop, given = plain(node, node.inputs) if unread else (node.params["loop"], node.inputs)
        a, b = loop.of_condition, loop.of_body
        of_condition, of_body, starts = loop.split(given)
        test, body = simplify(loop.condition), loop.body
        read = heads_read(test, test.outputs)
        asked = {i for i, head in enumerate(test.inputs[a:]) if head in read}
        body = pruned(body, body.inputs[b:], live_carries(body, body.inputs[b:], body.outputs, (), asked | set(used)))
        mine = Inputs(zip(test.inputs[:a], of_condition), zip(test.inputs[a:], starts))
        own = Inputs(zip(body.inputs[:b], of_body), zip(body.inputs[b:], starts))
        test, body = simplify(test, mine.merged(0), inside=False), simplify(body, own.merged(0), inside=False)
        still = handed_on(own.groups[1], body.outputs)
        live = live_carries(body, own.heads(1), body.outputs, (), asked | set(used))
        moving = sorted(live - still)
        results: dict[int, Any] = {i: starts[i] for i in live & still if i in used}
        if not used & set(moving):  # what the loop changes is not asked for
            return Reduced((), results)
        results |= {i: n for n, i in enumerate(moving) if i in used}
        body = Graph(body.inputs, body.nodes, tuple([body.outputs[i] for i in moving]))
        constants, before = [], []
        for graph, inputs in ((test, mine), (body, own)):
            fixed = [*inputs.groups[0], *[inputs.groups[1][i] for i in sorted(live & still)]]
            state = [inputs.groups[1][i] for i in moving]
            graph = Graph((*[x for x, _ in fixed], *[x for x, _ in state]), graph.nodes, graph.outputs)
            graph, fixed, further = hoisted(graph, fixed, False)
            before += further
            inputs.groups = [fixed, state]
            inputs.keep([0], heads_read(graph, graph.outputs))
            constants.append(inputs.outers(0))
            graph = simplify(Graph((*inputs.heads(0), *inputs.heads(1)), graph.nodes, graph.outputs), inside=False)
            test, body = (graph, body) if inputs is mine else (test, graph)
        small = Loop(test, body, len(constants[0]), len(constants[1]), loop.order, loop.most)
        inputs_then = (*constants[0], *constants[1], *[starts[i] for i in moving])
        return renumbered(_made(small, inputs_then, None), results, before)


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Any:
    loop, inputs = _as_read(node, inputs)
    mapped = _as_read(node, mapped)[1]
    of_condition, of_body, carry = loop.split(inputs)
    condition_flags, body_flags, flags = loop.split(mapped)
    while True:  # which carries differ between the lanes follows from which do
        test = sweeps.batched(loop.condition, (*condition_flags, *flags), size)
        by_lane = test.mapped[0]
        if by_lane:
            flags = [True] * len(flags)
            test = sweeps.batched(loop.condition, (*condition_flags, *flags), size)
        step = sweeps.batched(loop.body, (*body_flags, *flags), size)
        grown = [a or b for a, b in zip(flags, step.mapped)]
        if grown == flags:
            break
        flags = grown
    carry = [x if on else broadcast(x, shape=(size, *x.shape)) if flag else x
             for x, on, flag in zip(carry, loop.split(mapped)[2], flags)]  # fmt: skip
    if by_lane:
        lanes = _by_lane(loop, of_condition, of_body, carry, condition_flags, body_flags, size)
        return made(lanes, [*of_condition, *of_condition, *of_body, *carry]), (True,) * len(carry)
    step = sweeps.batched(loop.body, (*body_flags, *flags), size, tuple(flags))
    is_begun = loop.begun is not None and not any(_first(loop, loop.begun, [*condition_flags, *body_flags, *flags]))
    lanes = loop._replace(condition=test.graph, body=step.graph, plain=None, begun=loop.begun if is_begun else None)
    return made(lanes, [*of_condition, *of_body, *carry]), tuple(flags)


def _by_lane(
    loop: Loop, of_condition: list[Node], of_body: list[Node], carry: list[Node], condition_flags: list[bool],
    body_flags: list[bool], size: int,
) -> Loop:  # fmt: skip
    """The loop whose condition differs between the lanes, as all carries do. Its body has the constants of the condition, too."""
    flags = (True,) * len(carry)
    test = sweeps.batched(loop.condition, (*condition_flags, *flags), size)
    inner = _has_loops(loop.body)  # these make no steps in lanes that are done
    graph, own = (guarded(loop.body), (True, *body_flags)) if inner else (loop.body, tuple(body_flags))
    step = sweeps.batched(graph, (*own, *flags), size, flags)

    def condition(heads: list[Node]) -> list[Node]:
        return [reduce_any(sweeps.inline(test.graph, heads)[0], axes=(0,))]

    def body(heads: list[Node]) -> list[Node]:
        first, state = heads[: loop.of_condition + loop.of_body], heads[loop.of_condition + loop.of_body :]
        going = sweeps.inline(test.graph, [*first[: loop.of_condition], *state])[0]
        outs = sweeps.inline(step.graph, [*([going] if inner else []), *first[loop.of_condition :], *state])
        return [_moved(going, new, old) for new, old in zip(outs, state)]

    likes = [*of_condition, *carry], [*of_condition, *of_body, *carry]
    key = ("lanes", test.graph, loop.of_condition, *map(kinds_of, likes))
    some, all_of = step.graph.once(key, lambda: (sweeps.build(condition, likes[0]), sweeps.build(body, likes[1])))
    part: Loop | None = loop.begun
    if part is not None and part.of_condition == loop.of_condition:
        parts = of_body[: part.of_body], carry[: len(part.body.outputs)]
        part = _by_lane(part, of_condition, *parts, condition_flags, body_flags[: part.of_body], size)
    else:
        part = None
    return Loop(some, all_of, loop.of_condition, loop.of_condition + loop.of_body, loop.order, begun=part)


def _has_loops(graph: Graph) -> bool:
    found: bool = graph.once("has loops", lambda: any(x.prim is WHILE or any(map(_has_loops, _held(x))) for x in graph.nodes))
    return found


def _held(node: Node) -> list[Graph]:
    values = [x for value in node.params.values() for x in (value if isinstance(value, tuple) else (value,))]
    return [x for x in values if isinstance(x, Graph)]


def _moved(going: Node, new: Node, old: Node) -> Node:
    """`new` in the lanes that go on, `old` in the others. Where it is `old` with a part written to, that part alone is looked at,
    so that a step costs what it writes."""
    if new.prim is index_set and new.inputs[0] is old and new.inputs[1].dtype is old.dtype:
        _, v, *arrays = new.inputs
        part = index(old, *arrays, **new.params)
        axis = _axis_of_lanes(new.params["spec"], arrays, old.shape[0])
        if axis is not None:
            there = reshape(going, shape=(*(1,) * axis, going.size, *(1,) * (part.ndim - axis - 1)))
            return index_set(old, select(there, v, part), *arrays, **new.params)
    return select(expand_batched(going, True, new.ndim - 1), new, old)


def _axis_of_lanes(spec: Spec, arrays: Sequence[Node], size: int) -> int | None:
    """Where the axis of lanes is in the part that a batched write writes to; None where that is not known."""
    if spec[0] == (0, size, 1):
        return len(together(arrays))
    if spec[0] is None and arrays[0].value is not None and arrays[0].shape[0] == arrays[0].size == size:
        return 0 if np.array_equal(np.ravel(arrays[0].value), np.arange(size)) else None
    return None


WHILE = _While("while", no_infer, batch=_batch, masks=True)


def made(loop: Loop, inputs: Sequence[Node], masked: tuple[bool, ...] = ()) -> Node:
    """A while node; where it may be differentiated backwards, one that records checkpoints."""
    recording = None
    if any(x.dtype.kind in "fc" and is_live(x) for x in inputs) and "reverse" in modes_of(inputs):
        recording = Recording()
        loop, inputs = reversal.recorded(loop, inputs)
    return _made(loop, inputs, recording, masked)


def _made(loop: Loop, inputs: Sequence[Node], recording: Recording | None, masked: tuple[bool, ...] = ()) -> Node:
    """The node that runs just this."""
    carry = loop.split(inputs)[2]
    shapes: Any = tuple(x.shape for x in carry)
    types: Any = tuple(x.dtype for x in carry)
    return make(WHILE, tuple(inputs), {"loop": loop, "recording": recording, "masked": masked}, shapes, types)


def while_loop(loop: Loop, inputs: Sequence[Node], most: int | None = None) -> list[Node]:
    """The carry for which the condition does not hold any more, or that after `most` steps."""
    if most is not None:
        loop, inputs = _counted(loop, inputs, most)
    node = made(loop, inputs)
    outs = [output(node, index=i) for i in range(len(node.shape))][: len(loop.body.outputs)]
    return outs if most is None else outs[1:]


def _counted(loop: Loop, inputs: Sequence[Node], most: int) -> tuple[Loop, list[Node]]:
    """The loop that counts its steps at the head of its carry, and makes at most so many."""
    of_condition, of_body, carry = loop.split(inputs)
    state = [scalar(0, int64), *carry]

    def condition(heads: list[Node]) -> list[Node]:
        own, count, rest = heads[: loop.of_condition], heads[loop.of_condition], heads[loop.of_condition + 1 :]
        return [bit_and(less(count, scalar(most, int64)), sweeps.inline(loop.condition, [*own, *rest])[0])]

    def body(heads: list[Node]) -> list[Node]:
        own, count, rest = heads[: loop.of_body], heads[loop.of_body], heads[loop.of_body + 1 :]
        return [count + scalar(1, int64), *sweeps.inline(loop.body, [*own, *rest])]

    likes = [*of_condition, *state], [*of_body, *state]
    key = ("counted", loop, most, *map(kinds_of, likes))
    test, step = loop.body.once(key, lambda: (sweeps.build(condition, likes[0]), sweeps.build(body, likes[1])))
    return loop._replace(condition=test, body=step, most=most), [*of_condition, *of_body, *state]


def guarded(graph: Graph) -> Graph:
    """The graph with one more first input, a boolean: where it is False, no loop inside takes a step. For the lanes of a vmap in
    which a branch of a cond is not taken: what it computes there is thrown away, and a loop might never end."""
    found: Graph = graph.once("guarded", lambda: _guarded(graph))
    return found


def _guarded(graph: Graph) -> Graph:
    flag = scalar(True, bool_)

    def run(heads: list[Node]) -> list[Node]:
        going, *inputs = heads
        new = dict(zip(graph.inputs, inputs))
        for node in graph.nodes:
            given = [new.get(x, x) for x in node.inputs]
            new[node] = node.prim.guard(node, given, going)
        return [new.get(x, x) for x in graph.outputs]

    return sweeps.build(run, [flag, *graph.inputs])
