"""scan: a closed graph applied along an axis, with a carry handed from step to step.

Backwards the steps run in reverse order, and what they read of the forward ones was stacked up by those: the residuals of the body,
and carries that it reads. What does not change from step to step is computed before the loop.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial, reduce
from typing import AbstractSet, Any, Iterable, NamedTuple, Sequence

from nabla.errors import NotDifferentiableError
from nabla.graph.graph import Graph
from nabla.graph.node import Node, make
from nabla.graph.simplify import Reduced, heads_read, simplify
from nabla.graph.tokens import Token
from nabla.primitives.base import Primitive, no_infer, zeros_like
from nabla.primitives.call import is_live, kinds_of, marked, modes_of, sweeps
from nabla.primitives.elementwise import add
from nabla.primitives.gathering import Product, products, varying
from nabla.primitives.joining import concat, cut, pick, side_by_side
from nabla.primitives.kinds import depends
from nabla.primitives.reducing import Inputs, columns, grouped, handed_on, hoisted, live_carries, pruned, renumbered
from nabla.primitives.shape import broadcast, move_axis, reshape
from nabla.primitives.structure import has_zeros, output, with_zeros
from nabla.primitives.while_loop import guarded


class Walk(NamedTuple):
    """What a scan node does. Its inputs are constants, the carry, and arrays whose rows the steps take; its outputs the last carry,
    and stacks of rows that the steps give."""

    body: Graph  # constants, carry, rows -> carry, rows
    of_constants: int
    of_carry: int
    length: int
    reverse: bool

    def split(self, inputs: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Inputs, or what belongs to them, in their three groups."""
        a, b = self.of_constants, self.of_constants + self.of_carry
        return list(inputs[:a]), list(inputs[a:b]), list(inputs[b:])


class Opened:
    """The body opened on its live inputs; after the rows it gives its residuals, and then the carries that its derivatives read."""

    __slots__ = ("body", "carries", "extended", "live")

    def __init__(self, walk: Walk, live: tuple[bool, ...], modes: frozenset[str], large: bool) -> None:
        self.live = live
        self.body = sweeps.linearization(walk.body, live, modes, lean=True)
        heads = range(walk.of_constants, walk.of_constants + walk.of_carry)
        read = self._read()
        if large:
            self.body = sweeps.linearization(walk.body, live, modes, lean=True, costly=frozenset(heads) - read)
            read = self._read()
        self.carries = [i - walk.of_constants for i in heads if i in read]
        self.extended = self._with_carries(walk)

    def _read(self) -> set[int]:
        """The inputs of the body that its derivatives read."""
        moving = tuple(i for i, on in enumerate(self.live) if on)
        read: set[int] = set()
        with suppress(NotDifferentiableError):  # it is raised where that sweep is asked for
            read.update(self.body.pull(self.body.differentiable(), False, moving).primals)
        with suppress(NotDifferentiableError):
            read.update(self.body.push(moving).primals)
        return read

    def _with_carries(self, walk: Walk) -> Graph:
        if not self.carries:
            return self.body.extended

        def run(heads: list[Node]) -> list[Node]:
            outs = sweeps.inline(self.body.extended, heads)
            return [*outs, *[heads[walk.of_constants + i] for i in self.carries]]

        return sweeps.build(run, walk.body.inputs)


class _Scan(Primitive):
    """params: walk; opened, where the body is an extended one; masked."""

    __slots__ = ()
    adapts = True

    def rebuild(self, node: Node, inputs: Sequence[Node]) -> Node:
        return made(node.params["walk"], inputs)

    def guard(self, node: Node, inputs: Sequence[Node], going: Node) -> Node:
        walk: Walk = node.params["walk"]
        return made(walk._replace(body=guarded(walk.body), of_constants=walk.of_constants + 1), [going, *inputs])

    def push(self, node: Node, tangents: Sequence[Any]) -> Any:
        return _Tangents(node, tangents).outputs()

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Any]:
        wants = [i for i, x in enumerate(node.inputs) if x.dtype.kind in "fc" and depends(x, wanted)]
        return _Cotangents(node, g, masked, wants).inputs()

    def inserted(self, gx: Node) -> bool:
        return marked(gx) or has_zeros(gx)

    def reduced(self, node: Node, used: AbstractSet[int]) -> Reduced | None:
        walk: Walk = node.params["walk"]
        body, heads = walk.body, walk.split(walk.body.inputs)[1]
        rows = [i for i in sorted(used) if i >= walk.of_carry]
        wanted = live_carries(body, heads, body.outputs, [body.outputs[i] for i in rows], {i for i in used if i < walk.of_carry})
        body = pruned(body, heads, wanted | set(rows))
        inputs = Inputs(*[zip(heads, outers) for heads, outers in zip(walk.split(body.inputs), walk.split(node.inputs))])
        body = simplify(body, inputs.merged(0, 2), inside=False)
        carry = inputs.groups[1]
        still = handed_on(carry, body.outputs)
        stacked = dict(inputs.groups[2])
        whole = {i for i in rows if body.outputs[i] in stacked}  # a stack handed on row by row
        results: dict[int, Any] = {i: stacked[body.outputs[i]] for i in whole}
        chosen, places = columns([i for i in rows if i not in whole], lambda i: body.outputs[i])
        live = live_carries(
            body, inputs.heads(1), body.outputs, [body.outputs[i] for i in chosen], {i for i in used if i < walk.of_carry}
        )
        results |= {i: carry[i][1] for i in live & still if i in used}
        moving = sorted(live - still)
        results |= {i: n for n, i in enumerate(moving) if i in used}
        results |= {i: len(moving) + n for i, n in places.items()}
        constants = [*inputs.groups[0], *[carry[i] for i in sorted(live & still)]]
        state = [carry[i] for i in moving]
        ends = tuple([body.outputs[i] for i in (*moving, *chosen)])
        body = Graph((*[x for x, _ in constants], *[x for x, _ in state], *inputs.heads(2)), body.nodes, ends)
        before: list[Node] = []
        if walk.length:
            body, constants, before = hoisted(body, constants, True)
        read = heads_read(body, body.outputs)
        inputs = Inputs(constants, state, inputs.groups[2])
        inputs.keep((0, 2), read)
        body = Graph((*inputs.heads(0), *inputs.heads(1), *inputs.heads(2)), body.nodes, body.outputs)
        body = simplify(body, inside=False)
        if not body.outputs:
            return Reduced((), results)
        small = Walk(body, len(inputs.groups[0]), len(state), walk.length, walk.reverse)
        return renumbered(made_of(small, (*inputs.outers(0), *inputs.outers(1), *inputs.outers(2)), None), results, before)


class _Source:
    """Where a derivative scan finds what it reads: the inputs of the node, its residuals, its carries."""

    def __init__(self, node: Node, moving: Sequence[int]) -> None:
        walk: Walk = node.params["walk"]
        opened: Opened | None = node.params["opened"]
        if opened is None or not all(opened.live[i] for i in moving):
            live = tuple(x.dtype.kind in "fc" for x in walk.body.inputs)
            opened = _opened(walk, live, frozenset(("reverse", "forward")))
            self.record = made_of(walk._replace(body=opened.extended), node.inputs, opened)
            self.count = opened.body.count
            self.plain = True
        else:
            self.record = node
            self.count = opened.body.count
            self.plain = False
        self.walk, self.opened = walk, opened
        self.constants, self.carry, self.stacks = walk.split(node.inputs)
        self.of_residuals = len(opened.body.residuals)

    def reading(self, derived: Any) -> _Reading:
        return _Reading(self, derived)


class _Reading:
    """The constants and stacks that a derivative graph reads, and how its inputs are found among the heads of a body."""

    def __init__(self, source: _Source, derived: Any) -> None:
        walk = source.walk
        a, b = walk.of_constants, walk.of_constants + walk.of_carry
        self.constants = [source.constants[i] for i in derived.primals if i < a]
        first = source.count + source.of_residuals
        carries = _numbered(source.opened.carries)
        stacks: list[Node] = []
        places: list[tuple[str, int]] = []
        constants = 0
        for i in derived.primals:
            if i < a:
                places.append(("constant", constants))
                constants += 1
            elif i < b:
                places.append(("row", len(stacks)))
                stacks.append(output(source.record, index=first + carries[i - a]))
            else:
                places.append(("row", len(stacks)))
                stacks.append(source.stacks[i - b])
        for i in derived.residuals:
            places.append(("row", len(stacks)))
            stacks.append(output(source.record, index=source.count + i))
        self.stacks = stacks
        self.places = places

    def given(self, constants: Sequence[Node], rows: Sequence[Node]) -> list[Node]:
        return [constants[i] if kind == "constant" else rows[i] for kind, i in self.places]

    def stack(self, n: int) -> Node:
        """The rows that the n-th input of the derivative graph takes, which is no constant."""
        return self.stacks[self.places[n][1]]


class _Tangents:
    """The forward rule: a scan of the tangents beside."""

    def __init__(self, node: Node, tangents: Sequence[Any]) -> None:
        self.node = node
        self.tangents = tangents
        self.source = _Source(node, [i for i, dx in enumerate(tangents) if dx is not None])

    def outputs(self) -> list[Node | None] | None:
        source = self.source
        walk, node = source.walk, self.node
        constants, carry, stacks = walk.split(self.tangents)
        a, b = walk.of_constants, walk.of_constants + walk.of_carry
        moving_constants = [i for i, dx in enumerate(constants) if dx is not None]
        moving_stacks = [b + i for i, dx in enumerate(stacks) if dx is not None]
        moving = [dx is not None for dx in carry]
        while True:  # which carries move follows from which do
            seeds = (*moving_constants, *[a + i for i, on in enumerate(moving) if on], *moving_stacks)
            derived = source.opened.body.push(seeds)
            grown = [on or found is not None for on, found in zip(moving, derived.results)]
            if grown == moving:
                break
            moving = grown
        places = [i for i, on in enumerate(moving) if on]
        reading = source.reading(derived)
        last = source.count if source.plain else len(derived.results)
        rows = [i for i in range(walk.of_carry, last) if derived.results[i] is not None]
        given = len(reading.constants)

        def body(heads: list[Node]) -> list[Node]:
            counts = given, len(moving_constants), len(places), len(reading.stacks)
            fixed, directions, state, read, row_directions = grouped(heads, *counts)
            outs = sweeps.inline(derived.graph, [*reading.given(fixed, read), *directions, *state, *row_directions])
            results = derived.results
            after = [zeros_like(source.carry[i]) if results[i] is None else outs[results[i]] for i in places]
            return [*after, *[outs[results[i]] for i in rows], *state]

        starts = [zeros_like(source.carry[i]) if carry[i] is None else carry[i] for i in places]
        inputs = [
            *reading.constants, *[constants[i] for i in moving_constants], *starts,
            *reading.stacks, *[stacks[i - b] for i in moving_stacks],
        ]  # fmt: skip
        first = given + len(moving_constants)
        key = ("tangents", walk[1:], derived, tuple(moving_constants), tuple(places), tuple(moving_stacks), tuple(rows))
        found = _scanned(walk, key, body, inputs, first, len(places))
        result: list[Node | None] = [None] * len(node.shape)
        for n, i in enumerate(places):
            result[i] = output(found, index=n)
        count = source.count
        for n, i in enumerate(rows):
            result[i] = output(found, index=len(places) + n)
        if not source.plain:  # the tangents of the carries that the node also gives
            numbers = _numbered(places)
            for n, i in enumerate(source.opened.carries):
                if i in numbers:
                    at = len(places) + len(rows) + numbers[i]
                    result[count + source.of_residuals + n] = output(found, index=at)
        return result if any(x is not None for x in result) else None


class _Cotangents:
    """The reverse rule: a scan in the other direction, of cotangents.

    rows: the stacked outputs that have a cotangent; extra: cotangents of what was recorded, by the carry that it is. carries: those
    that have cotangents on the way; summed: constants whose cotangents are summed up on the way; gathered: those whose are one
    product after the loop; emitted: stacks, of whose cotangents each step gives a row.
    """

    def __init__(self, node: Node, g: Any, masked: bool, wants: Sequence[int]) -> None:
        self.node = node
        self.g = g
        self.masked = masked
        self.wants = wants
        self.source = source = _Source(node, wants)
        walk = source.walk
        saved = source.count + source.of_residuals
        self.rows = sorted(i for i in g if walk.of_carry <= i < saved)
        self.extra = {source.opened.carries[i - saved]: ct for i, ct in g.items() if i >= saved}
        constants = [i for i in wants if i < walk.of_constants]
        stacks = [i for i in wants if i >= walk.of_constants + walk.of_carry]
        self._derive((*constants, *self._all_carries(), *stacks))
        self.reading = source.reading(self.derived)
        constants = [i for i in constants if self.found[i] is not None]
        self.gathered = self._products({i: self.found[i] for i in constants})
        self.summed = [i for i in constants if i not in self.gathered]
        self.emitted = [i for i in stacks if self.found[i] is not None]

    def _all_carries(self) -> list[int]:
        """Those that may have cotangents, as inputs of the body."""
        source = self.source
        return [source.walk.of_constants + i for i, x in enumerate(source.carry) if x.dtype.kind in "fc"]

    def _derive(self, asked: tuple[int, ...]) -> None:
        """derived: the derivative of the body, with the cotangents of its inputs `asked`; found: which of its outputs these are."""
        source = self.source
        of_constants, of_carry = source.walk.of_constants, source.walk.of_carry
        active = [i in self.g or i in self.extra for i in range(of_carry)]
        while True:  # which carries have cotangents follows from which do
            self.carries = [i for i, on in enumerate(active) if on]
            self.derived = source.opened.body.pull((*self.carries, *self.rows), self.masked, asked)
            self.found = dict(zip(asked, self.derived.results))
            grown = [on or self.found.get(of_constants + i) is not None for i, on in enumerate(active)]
            if grown == active and (self.masked or not any(self.derived.masked)):
                return
            active, self.masked = grown, self.masked or any(self.derived.masked)

    def _products(self, results: dict[int, int]) -> dict[int, list[Product]]:
        """The constants whose cotangents are products in each step, to be summed up as one after the loop."""
        graph = self.derived.graph
        first = sum([i < self.source.walk.of_constants for i in self.derived.primals])
        moving = varying(graph, graph.inputs[first:])  # the constants come first among what a derivative graph reads
        found = {i: products(graph.outputs[n], moving) for i, n in results.items()}
        return {i: terms for i, terms in found.items() if terms is not None}

    def _back(self, graph: Graph, heads: list[Node]) -> list[Node]:
        """A step back. graph: that of `derived`, with further outputs, which come last."""
        source, reading, first = self.source, self.reading, self.source.walk.of_constants
        counts = len(reading.constants), len(self.carries), len(self.summed), len(reading.stacks), len(self.rows)
        fixed, state, totals, read, row_cotangents, more = grouped(heads, *counts)
        outs = sweeps.inline(graph, [*reading.given(fixed, read), *state, *row_cotangents])
        value = {i: outs[n] for i, n in self.found.items() if n is not None}
        before = [value.get(first + i, zeros_like(source.carry[i])) for i in self.carries]
        number = _numbered(self.carries)
        for i, ct in zip(self.extra, more):
            before[number[i]] = before[number[i]] + ct
        added = [t + value[i] for t, i in zip(totals, self.summed)]
        return [*before, *added, *[value[i] for i in self.emitted], *outs[len(self.derived.graph.outputs) :]]

    def inputs(self) -> list[Node | None]:
        """The cotangents of the inputs of the node."""
        source, reading, derived = self.source, self.reading, self.derived
        walk, carries, summed = source.walk, self.carries, self.summed
        heads_of = _numbered(derived.graph.inputs)
        read_first = len(reading.places)
        at_hand = {x: n for x, n in heads_of.items() if n < read_first or n >= read_first + len(carries)}
        operands = [x for terms in self.gathered.values() for term in terms for x in term.node.inputs]
        stacked = _numbered(dict.fromkeys([x for x in operands if x not in at_hand]))
        graph = Graph(derived.graph.inputs, derived.graph.nodes, (*derived.graph.outputs, *stacked))

        starts = [self.g.get(i, zeros_like(source.carry[i])) for i in carries]
        sums = [zeros_like(source.constants[i]) for i in summed]
        cotangents = [self.g[i] for i in self.rows]
        inputs = [*reading.constants, *starts, *sums, *reading.stacks, *cotangents, *self.extra.values()]
        count = len(carries) + len(summed) + len(self.emitted)
        marks = (*[self.masked] * count, *[False] * len(stacked))
        key = ("cotangents", walk[1:], derived, tuple(carries), tuple(self.rows), tuple(self.extra), tuple(summed))
        back = walk._replace(reverse=not walk.reverse)
        body = partial(self._back, graph)
        result = _scanned(back, key, body, inputs, len(reading.constants), len(carries) + len(summed), marks)

        answer: list[Node | None] = [None] * len(self.node.inputs)
        wanted = set(self.wants)
        for n, i in enumerate(carries):
            if walk.of_constants + i in wanted:
                answer[walk.of_constants + i] = output(result, index=n)
        for n, i in enumerate((*summed, *self.emitted)):
            answer[i] = output(result, index=len(carries) + n)

        def stack_of(x: Node) -> Node:
            n = at_hand.get(x)
            if n is None:
                return output(result, index=count + stacked[x])
            return reading.stack(n) if n < read_first else cotangents[n - read_first - len(carries)]

        for i, terms in self.gathered.items():
            total = reduce(add, [term.over_steps(*[stack_of(x) for x in term.node.inputs]) for term in terms])
            answer[i] = with_zeros(total) if self.masked else total
        return answer


def _scanned(
    walk: Walk, key: Any, body: Any, inputs: Sequence[Node], of_constants: int, of_carry: int, masked: tuple[bool, ...] = ()
) -> Node:
    """A scan in the steps of `walk` with another body, a function of nodes, of which the key says all that it depends on."""
    first = of_constants + of_carry
    like = [*inputs[:first], *[_row_of(x) for x in inputs[first:]]]
    graph = walk.body.once((key, kinds_of(like)), lambda: sweeps.build(body, like))
    return made(Walk(graph, of_constants, of_carry, walk.length, walk.reverse), inputs, masked)


def _numbered(items: Iterable[Any]) -> dict[Any, int]:
    """The place of each."""
    return {x: n for n, x in enumerate(items)}


class Like(NamedTuple):
    shape: tuple[int, ...]
    dtype: Any


def _row_of(x: Any) -> Any:
    return Like(x.shape[1:], x.dtype)


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Any:
    walk: Walk = node.params["walk"]
    constants, carry, stacks = walk.split(inputs)
    constant_flags, flags, stack_flags = walk.split(mapped)
    before = flags
    while True:  # which carries differ between the lanes follows from which do
        found = sweeps.batched(walk.body, (*constant_flags, *flags, *stack_flags), size)
        grown = [a or b for a, b in zip(flags, found.mapped)]
        if grown == flags:
            break
        flags = grown
    forced = (*flags, *[False] * (len(walk.body.outputs) - walk.of_carry))
    found = sweeps.batched(walk.body, (*constant_flags, *flags, *stack_flags), size, forced)
    carry = [broadcast(x, shape=(size, *x.shape)) if flag and not on else x for x, on, flag in zip(carry, before, flags)]
    stacks = [move_axis(x, 0, 1) if on else x for x, on in zip(stacks, stack_flags)]
    lanes = made(walk._replace(body=found.graph), [*constants, *carry, *stacks])
    outs = [output(lanes, index=i) for i in range(len(found.mapped))]
    rows = [move_axis(x, 1, 0) if on else x for x, on in zip(outs[walk.of_carry :], found.mapped[walk.of_carry :])]
    return (*outs[: walk.of_carry], *rows), found.mapped


SCAN = _Scan("scan", no_infer, batch=_batch, masks=True)


LARGE = 8 << 20
"""Bytes of stacked residuals that no cache holds: as few as possible are then kept, and more is computed again."""


def _opened(walk: Walk, live: tuple[bool, ...], modes: frozenset[str]) -> Opened:
    kept = sweeps.linearization(walk.body, live, modes, lean=True).residuals
    large = walk.length * sum([x.size * x.dtype.itemsize for x in kept]) > LARGE
    key = ("scan", walk.of_constants, walk.of_carry, live, modes, large)
    found: Opened = walk.body.once(key, lambda: Opened(walk, live, modes, large))
    return found


def made(walk: Walk, inputs: Sequence[Node], masked: tuple[bool, ...] = ()) -> Node:
    """A scan node; where it may be differentiated, one that stacks residuals."""
    opened = None
    live = [x.dtype.kind in "fc" and is_live(x) for x in inputs]
    if True in live:
        live = _spread(walk, live)
        opened = _opened(walk, tuple(live), modes_of(inputs))
        walk = walk._replace(body=opened.extended)
    return made_of(walk, inputs, opened, masked)


def _spread(walk: Walk, live: list[bool]) -> list[bool]:
    """The inputs of the body that move where those of the node do: a carry that hangs on one that moves, too."""
    first = walk.of_constants
    while True:
        derived = sweeps.linearization(walk.body, tuple(live), frozenset())
        reached = set(derived.differentiable())
        grown = [on or (i - first in reached and first <= i < first + walk.of_carry) for i, on in enumerate(live)]
        if grown == live:
            return live
        live = grown


def made_of(walk: Walk, inputs: Sequence[Node], opened: Opened | None, masked: tuple[bool, ...] = ()) -> Node:
    """The node that runs just this."""
    outs = walk.body.outputs
    shapes: Any = tuple(x.shape if i < walk.of_carry else (walk.length, *x.shape) for i, x in enumerate(outs))
    types: Any = tuple(x.dtype for x in outs)
    return make(SCAN, tuple(inputs), {"walk": walk, "opened": opened, "masked": masked}, shapes, types)


def scan(walk: Walk, inputs: Sequence[Node], together: int = 1) -> list[Node]:
    """The last carry, and the stacks of rows. together: so many steps are written into one turn."""
    if together > 1:
        return _unrolled(walk, inputs, together)
    node = made(walk, inputs)
    return [output(node, index=i) for i in range(len(walk.body.outputs))]


def _unrolled(walk: Walk, inputs: Sequence[Node], together: int) -> list[Node]:
    """A scan over groups of steps, and behind it those that are left over."""
    constants, carry, stacks = walk.split(inputs)
    count, left = divmod(walk.length, together) if walk.length > together else (0, walk.length)
    parts: list[list[Node]] = []  # of the stacks of rows, in the order in which they are made
    if count:
        first = left if walk.reverse else 0
        groups = [cut(x, 0, first, first + count * together) for x in stacks]
        groups = [reshape(x, shape=(count, together, *x.shape[1:])) for x in groups]
        like = [*constants, *carry, *[_row_of(x) for x in groups]]
        group = walk._replace(length=together)
        body = walk.body.once(("steps", group[1:], kinds_of(like)), lambda: sweeps.build(lambda heads: _steps(group, heads), like))
        found = scan(Walk(body, walk.of_constants, walk.of_carry, count, walk.reverse), [*constants, *carry, *groups])
        carry = found[: walk.of_carry]
        parts.append([reshape(x, shape=(count * together, *x.shape[2:])) for x in found[walk.of_carry :]])
    if left:
        first = 0 if walk.reverse else walk.length - left
        rest = [cut(x, 0, first, first + left) for x in stacks]
        found = _steps(walk._replace(length=left), [*constants, *carry, *rest])
        carry = found[: walk.of_carry]
        parts.append(found[walk.of_carry :])
    if walk.reverse:
        parts.reverse()
    if not parts:
        return scan(walk, inputs)
    return [*carry, *[rows[0] if len(rows) == 1 else concat(*rows, axis=0) for rows in zip(*parts)]]


def _steps(walk: Walk, inputs: Sequence[Node]) -> list[Node]:
    """A scan written out: one step after the other."""
    constants, carry, stacks = walk.split(inputs)
    made: list[list[Node]] = []
    for i in range(walk.length - 1, -1, -1) if walk.reverse else range(walk.length):
        outs = sweeps.inline(walk.body, [*constants, *carry, *[pick(x, 0, i) for x in stacks]])
        carry = outs[: walk.of_carry]
        made.append(outs[walk.of_carry :])
    if walk.reverse:
        made.reverse()
    return [*carry, *[side_by_side(column, 0) for column in zip(*made)]]
