"""cond: one of several closed graphs, chosen by a number. Its rules are those graphs' own, branch by branch.

All branches take the same inputs and give the same outputs. What a branch keeps for its derivatives stands after the outputs in
*slots* that the branches share; where the branch that ran has nothing for a slot, it holds zeros that nobody reads.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Sequence

from nabla.dtypes import int64
from nabla.graph.graph import Graph
from nabla.graph.node import Node, make
from nabla.graph.simplify import Reduced, heads_read, simplify
from nabla.graph.tokens import Token
from nabla.primitives.base import Primitive, no_infer, scalar, zeros_like
from nabla.primitives.call import is_live, kinds_of, marked, modes_of, sweeps
from nabla.primitives.formulas import equal, select
from nabla.primitives.kinds import depends
from nabla.primitives.reducing import columns, renumbered
from nabla.primitives.shape import expand_batched
from nabla.primitives.structure import output
from nabla.primitives.while_loop import guarded


class Opened:
    """The branches, each opened on its live inputs, and which slot holds which residual."""

    __slots__ = ("branches", "count", "extended", "places", "slots")

    def __init__(self, branches: Sequence[Graph], live: tuple[bool, ...], modes: frozenset[str]) -> None:
        self.branches = [sweeps.linearization(branch, live, modes, lean=True) for branch in branches]
        self.count = self.branches[0].count
        kinds: list[Node] = []
        slots_of: dict[Any, list[int]] = {}
        self.slots: list[list[int]] = []
        for branch in self.branches:
            taken: dict[Any, int] = {}
            mine = []
            for x in branch.residuals:
                kind = (x.shape, id(x.dtype))
                known = slots_of.setdefault(kind, [])
                number = taken.get(kind, 0)
                taken[kind] = number + 1
                if number == len(known):
                    known.append(len(kinds))
                    kinds.append(x)
                mine.append(known[number])
            self.slots.append(mine)
        self.places = [{self.count + slot: self.count + i for i, slot in enumerate(mine)} for mine in self.slots]
        self.extended = tuple(self._padded(i, kinds) for i in range(len(branches))) if kinds else tuple(branches)

    def _padded(self, number: int, kinds: Sequence[Node]) -> Graph:
        graph = self.branches[number].extended
        places, count = self.places[number], self.count

        def run(inputs: list[Node]) -> list[Node]:
            outs = sweeps.inline(graph, inputs)
            rows = [outs[places[i]] if i in places else zeros_like(x) for i, x in enumerate(kinds, count)]
            return [*outs[:count], *rows]

        return sweeps.build(run, graph.inputs)

    def own(self, number: int, indices: Sequence[int]) -> tuple[int, ...]:
        """Outputs of the node as outputs of one branch: slots that it does not use are left out."""
        places = self.places[number]
        return tuple([i if i < self.count else places[i] for i in indices if i < self.count or i in places])


class _Cond(Primitive):
    """The outputs of the branch that the first input names (clipped to those there are) at the further inputs.

    params: branches; opened, where they are extended; masked, which outputs are cotangents with zeros inserted.
    """

    __slots__ = ()
    adapts = True

    def rebuild(self, node: Node, inputs: Sequence[Node]) -> Node:
        return _made(node.params["branches"], inputs)

    def push(self, node: Node, tangents: Sequence[Any]) -> Any:
        moving = tuple(i for i, dx in enumerate(tangents[1:]) if dx is not None)
        opened, source = _opened(node, moving)
        derived = [branch.push(moving) for branch in opened.branches]
        results = [
            [found.results[own[0]] if (own := opened.own(number, (i,))) else None for i in range(len(node.shape))]
            for number, found in enumerate(derived)
        ]
        return _joined(node, source, opened, derived, results, [tangents[1 + i] for i in moving], _likes(node), None)

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Any]:
        operands = node.inputs[1:]
        wants = tuple(i for i, x in enumerate(operands) if x.dtype.kind in "fc" and depends(x, wanted))
        opened, source = _opened(node, wants)
        given = sorted(g)
        derived, directions = [], []
        for number, branch in enumerate(opened.branches):
            own = opened.own(number, given)
            derived.append(branch.pull(own, masked, wants))
            directions.append([i for i, place in enumerate(given) if opened.own(number, (place,))])
        marks = tuple(any(d.masked[k] or d.results[k] is None for d in derived) for k in range(len(wants)))
        results = [list(d.results) for d in derived]
        found = _joined(
            node, source, opened, derived, results, [g[i] for i in given], [operands[i] for i in wants], marks, directions
        )  # fmt: skip
        return [None, *_placed(found, wants, len(operands))]

    def inserted(self, gx: Node) -> bool:
        return marked(gx)

    def guard(self, node: Node, inputs: Sequence[Node], going: Node) -> Node:
        return _made(tuple(guarded(b) for b in node.params["branches"]), (inputs[0], going, *inputs[1:]))

    def reduced(self, node: Node, used: AbstractSet[int]) -> Reduced | None:
        index, *operands = node.inputs
        kept = sorted(used)
        branches = [simplify(Graph(b.inputs, b.nodes, tuple([b.outputs[i] for i in kept]))) for b in node.params["branches"]]
        stands = [dict(zip(b.inputs, operands)) for b in branches]
        results: dict[int, Any] = {}
        for n, i in enumerate(kept):
            handed = [stand.get(b.outputs[n]) for b, stand in zip(branches, stands)]
            if handed[0] is not None and all(x is handed[0] for x in handed):
                results[i] = handed[0]
        rest = [i for i in kept if i not in results]
        if not rest:
            return Reduced((), results)
        column = {i: tuple([b.outputs[n] for b in branches]) for n, i in enumerate(kept)}
        chosen, places = columns(rest, column.__getitem__)
        ends = list(zip(*[column[i] for i in chosen]))
        branches = [simplify(Graph(b.inputs, b.nodes, outs), inside=False) for b, outs in zip(branches, ends)]
        read = [heads_read(b, b.outputs) for b in branches]
        taken = [k for k in range(len(operands)) if any(b.inputs[k] in r for b, r in zip(branches, read))]
        small = tuple([Graph(tuple([b.inputs[k] for k in taken]), b.nodes, b.outputs) for b in branches])
        made = _node(small, (index, *[operands[k] for k in taken]), None, ())
        return renumbered(made, {**results, **places}, ())


def _likes(node: Node) -> list[Any]:
    return [output(node, index=i) for i in range(len(node.shape))]


def _placed(found: Sequence[Node | None] | None, wants: Sequence[int], count: int) -> list[Node | None]:
    result: list[Node | None] = [None] * count
    for i, gx in zip(wants, found or ()):
        result[i] = gx
    return result


def _opened(node: Node, moving: Sequence[int]) -> tuple[Opened, Node]:
    """The branches opened, and the node that has their residuals."""
    opened = node.params["opened"]
    if opened is not None and all(opened.branches[0].live[i] for i in moving):
        return opened, node
    chosen = set(moving)
    live = tuple(i in chosen for i in range(len(node.inputs) - 1))
    return Opened(node.params["branches"], live, frozenset()), node


def _joined(
    node: Node, source: Node, opened: Opened, derived: Sequence[Any], results: Sequence[Sequence[int | None]],
    directions: Sequence[Node], likes: Sequence[Node], marks: tuple[bool, ...] | None,
    chosen: Sequence[Sequence[int]] | None = None,
) -> list[Node | None] | None:  # fmt: skip
    """The derivative graphs of the branches as one cond. results: for each branch, which output of its graph is which result."""
    live = [k for k in range(len(likes)) if any(row[k] is not None for row in results)]
    if not live:
        return None
    operands = node.inputs[1:]
    count = opened.count
    slots = sorted({opened.slots[b][i] for b, d in enumerate(derived) for i in d.residuals})
    kept = {slot: len(operands) + i for i, slot in enumerate(slots)}
    first = len(operands) + len(slots)
    inputs = [*operands, *[output(source, index=count + slot) for slot in slots], *directions]

    def used(number: int) -> Sequence[int]:
        return range(len(directions)) if chosen is None else chosen[number]

    def branch(number: int) -> Graph:
        found, row = derived[number], results[number]

        def run(heads: list[Node]) -> list[Node]:
            mine = [heads[i] for i in found.primals]
            mine += [heads[kept[opened.slots[number][i]]] for i in found.residuals]
            mine += [heads[first + i] for i in used(number)]
            outs = sweeps.inline(found.graph, mine)
            return [zeros_like(likes[k]) if row[k] is None else outs[row[k]] for k in live]  # type: ignore[index]

        mine = tuple([opened.slots[number][i] for i in found.residuals])
        said = (found.primals, mine, tuple(slots), tuple([row[k] for k in live]), tuple(used(number)))
        kept_as: Graph = found.graph.once(("branch", said, kinds_of(inputs)), lambda: sweeps.build(run, inputs))
        return kept_as

    made = _made(
        tuple(branch(i) for i in range(len(derived))), (node.inputs[0], *inputs),
        tuple(marks[k] for k in live) if marks else (),
    )  # fmt: skip
    answer: list[Node | None] = [None] * len(likes)
    for i, k in enumerate(live):
        answer[k] = output(made, index=i)
    return answer


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Any:
    index, *operands = inputs
    branches = node.params["branches"]
    flags = tuple(mapped[1:])
    if not mapped[0]:
        found = [sweeps.batched(b, flags, size) for b in branches]
        forced = tuple(any(column) for column in zip(*[b.mapped for b in found]))
        found = [sweeps.batched(b, flags, size, forced) for b in branches]
        return _made(tuple(b.graph for b in found), inputs), forced
    chosen = []
    last = len(branches) - 1
    for i, b in enumerate(branches):
        here = equal(index, scalar(i, index.dtype))
        if i == 0:
            here = index < scalar(1, index.dtype)
        elif i == last:
            here = index >= scalar(last, index.dtype)
        ran = sweeps.batched(guarded(b), (True, *flags), size)
        outs = sweeps.inline(ran.graph, [here, *operands])
        chosen.append([(out, on, here) for out, on in zip(outs, ran.mapped)])
    results = []
    for column in zip(*chosen):
        out, on, _ = column[-1]
        ndim = out.ndim - on
        total = expand_batched(out, on, ndim)
        for other, on, here in reversed(column[:-1]):
            total = select(expand_batched(here, True, ndim), expand_batched(other, on, ndim), total)
        if len(column) == 1 and not on:
            results.append((out, False))
        else:
            results.append((total, True))
    return tuple([out for out, _ in results]), tuple(on for _, on in results)


COND = _Cond("cond", no_infer, batch=_batch, masks=True)


def _made(branches: tuple[Graph, ...], inputs: Sequence[Node], masked: tuple[bool, ...] = ()) -> Node:
    live = tuple(x.dtype.kind in "fc" and is_live(x) for x in inputs[1:])
    opened = None
    run = branches
    if True in live:
        modes = modes_of(inputs)
        opened = branches[0].once(("cond", branches[1:], live, modes), lambda: Opened(branches, live, modes))
        run = opened.extended
    return _node(run, inputs, opened, masked)


def _node(branches: tuple[Graph, ...], inputs: Sequence[Node], opened: Opened | None, masked: tuple[bool, ...]) -> Node:
    """The node that runs just this."""
    outs = branches[0].outputs
    shapes: Any = tuple(x.shape for x in outs)
    types: Any = tuple(x.dtype for x in outs)
    return make(COND, tuple(inputs), {"branches": branches, "opened": opened, "masked": masked}, shapes, types)


def cond(index: Node, branches: Sequence[Graph], operands: Sequence[Node]) -> list[Node]:
    """The outputs of the branch that `index`, an integer, names."""
    assert index.dtype.kind in "iu" or index.dtype == int64
    node = _made(tuple(branches), (index, *operands))
    return [output(node, index=i) for i in range(len(branches[0].outputs))]
