"""The sweeps applied to closed graphs: what a node that holds a graph needs for its own rules.

A graph that will be differentiated is run in an extended form, which returns, after its own outputs, the *residuals*: what the
derivative graphs read of its inside. They are the cut between the graph and its sweeps, less the inputs, the constants, and
what is cheap to compute again. A `Linearization` is a graph opened once for this: extended graph, graphs of cotangents and
tangents, each made when first asked for and kept on the graph.
"""

from __future__ import annotations

from contextlib import suppress
from typing import AbstractSet, Any, Callable, Iterable, NamedTuple, Sequence

from nabla.autodiff.batching import batch
from nabla.autodiff.closing import close, extract, inline
from nabla.autodiff.cut import smallest
from nabla.autodiff.forward import forward
from nabla.autodiff.reverse import reverse
from nabla.errors import NotDifferentiableError
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens, next_id
from nabla.graph.walk import by_id
from nabla.primitives.call import sweeps
from nabla.primitives.shape import broadcast
from nabla.primitives.structure import VARIABLE, output, placeholder, variable

Keep = Callable[[Sequence[Node]], Sequence[Node]]
"""Which of the values that derivatives read, oldest first, are kept as residuals; the others are computed again."""


class Derived(NamedTuple):
    """A derivative graph. Its inputs are the primal inputs in `primals`, the residuals in `residuals` (by number), then the
    cotangents or tangents it was made for, in order. `results` says which of its outputs is that of each input or output asked
    for, None for zero; `masked` which of these have zeros that were inserted."""

    graph: Graph
    primals: tuple[int, ...]
    residuals: tuple[int, ...]
    results: tuple[int | None, ...]
    masked: tuple[bool, ...]


class Linearization:
    """`graph`, opened on variables for its inputs `live`."""

    def __init__(
        self,
        graph: Graph,
        live: Sequence[bool],
        modes: AbstractSet[str],
        keep: Keep | None,
        lean: bool,
        costly: AbstractSet[int] | None,
        forward: bool,
    ) -> None:
        self.count = len(graph.outputs)
        self.names = [x.params["name"] for x in graph.inputs]
        self.live = tuple(live)
        self.token = Token("derivative of a graph")
        self.token.forward = forward or modes == {"forward"}
        self._tokens = Tokens((Token("closed graph", placeholder=True, inlines=True),))
        self._heads = self._stand_ins(graph.inputs)
        alone = Tokens((self.token,))
        self._variables = [variable(x, alone) if on else x for x, on in zip(self._heads, live)]
        self._outputs = inline(graph, self._variables)
        self._last = next_id()
        self._parts: dict[tuple[Node, int], Node] = {}
        self._lean = lean
        self._costly = costly
        self._cache: dict[Any, Derived] = {}
        self.residuals: tuple[Node, ...] = ()
        if not modes:
            self.extended = graph
        else:
            self._extend(modes, keep or (self._essential if costly is None else self._fewest))

    def _stand_ins(self, nodes: Iterable[Node]) -> list[Node]:
        return [placeholder(x.shape, x.dtype, self._tokens, x.params["name"]) for x in nodes]

    def differentiable(self) -> tuple[int, ...]:
        """The outputs and residuals that hang on a live input."""
        ends = (*self._outputs, *self.residuals)
        return tuple(i for i, out in enumerate(ends) if self.token in out.tokens.members and out.dtype.kind in "fc")

    # The cut

    def _extend(self, modes: AbstractSet[str], keep: Keep) -> None:
        """Choose the residuals: what the sweeps in `modes` read."""
        wants = tuple(i for i, on in enumerate(self.live) if on)
        ends: list[Node] = []
        if "reverse" in modes:
            with suppress(NotDifferentiableError):  # it is raised where that sweep is asked for
                ends += self._reverse(self.differentiable(), False, wants)[1].values()
        if "forward" in modes:
            with suppress(NotDifferentiableError):
                ends += [x for x in self._forward(wants)[1] if x is not None]
        found: dict[Node, None] = {}
        self._body(ends, set(), found)
        read = sorted(found, key=by_id)
        kept = keep(read)
        self.residuals = tuple(kept)
        self.extended = extract([*self._outputs, *kept], self._heads, self.names)

    def _essential(self, read: Sequence[Node]) -> list[Node]:
        """Those of the values `read` (oldest first) that are kept: not what is cheap to make of the others."""
        if self._lean:
            read = self._without_records(read)
        at_hand = {*read, *self._heads}
        kept = []
        for x in read:
            made_of = [self._standing(y) for y in x.inputs]
            if not x.prim.cheap or not all(y in at_hand or y.value is not None for y in made_of):
                kept.append(x)
        return kept

    def _fewest(self, read: Sequence[Node]) -> Sequence[Node]:
        """The fewest bytes of which cheap operations make the values `read`; costly inputs count, too."""
        usual = self._essential(read)
        if self._lean:
            read = self._without_records(read)
        heads = set(self._heads)
        free = {x for i, x in enumerate(self._heads) if i not in (self._costly or ())}

        def made_of(x: Node) -> list[Node]:
            return [y for y in map(self._standing, x.inputs) if y.value is None and y not in free]

        return [x for x in smallest(read, usual, made_of) if x not in heads]

    def _without_records(self, read: Sequence[Node]) -> list[Node]:
        """In place of the checkpoints of loops, what these start from: the loops are run again."""
        found: dict[Node, None] = {}
        for x in read:
            if x.prim is output and x.inputs[0].prim.records(x.inputs[0], x.params["index"]):
                starts = [self._standing(y) for y in x.inputs[0].inputs]
                found.update((y, None) for y in starts if self._known(y) and y.value is None)
            else:
                found[x] = None
        return sorted(found, key=by_id)

    def _body(self, ends: Iterable[Node], stops: AbstractSet[Node], found: dict[Node, None] | None) -> dict[Node, Node]:
        """Walk back from the `ends` of a sweep; what stands for what: variables for their inputs, outputs that the sweep took of a
        node for one and the same output. found: collects the values of the graph that the sweep reads, and stops there."""
        same: dict[Node, Node] = {}
        seen = set(ends)
        stack = list(seen)
        while stack:
            x = stack.pop()
            stand = self._standing(x)
            if stand is not x:
                same[x] = stand
                if stand not in seen:
                    seen.add(stand)
                    stack.append(stand)
                continue
            if x in stops or x.value is not None:
                continue
            if found is not None and self._known(x):
                found[x] = None
                continue
            for y in x.inputs:
                if y not in seen:
                    seen.add(y)
                    stack.append(y)
        return same

    def _standing(self, x: Node) -> Node:
        while x.prim is VARIABLE and x.inputs:
            x = x.inputs[0]
        if x.prim is output and x.inputs and x.inputs[0].id <= self._last:
            x = self._parts.setdefault((x.inputs[0], x.params["index"]), x)
        return x

    def _known(self, x: Node) -> bool:
        """Whether x is a value of the graph itself."""
        if x.prim is output:
            x = x.inputs[0]
        return x.id <= self._last and bool(x.inputs)

    # The derivative graphs

    def pull(self, gives: tuple[int, ...], masked: bool, wants: tuple[int, ...]) -> Derived:
        """From cotangents of the outputs and residuals `gives` to those of the inputs `wants`."""
        key = ("pull", gives, masked, wants)
        if key not in self._cache:
            stand_ins, found, marks = self._reverse(gives, masked, wants)
            self._cache[key] = self._derived([found.get(i) for i in wants], stand_ins, [i in marks for i in wants])
        return self._cache[key]

    def push(self, moving: tuple[int, ...]) -> Derived:
        """From tangents of the inputs `moving` to those of all outputs and residuals."""
        key = ("push", moving)
        if key not in self._cache:
            stand_ins, found = self._forward(moving)
            self._cache[key] = self._derived(found, stand_ins, [False] * len(found))
        return self._cache[key]

    def _reverse(
        self, gives: tuple[int, ...], masked: bool, wants: tuple[int, ...]
    ) -> tuple[list[Node], dict[int, Node], set[int]]:
        ends = (*self._outputs, *self.residuals)
        outs = [ends[i] for i in gives]
        stand_ins = self._stand_ins_for(outs, "cotangent")
        pairs = [(out, g) for out, g in zip(outs, stand_ins) if self.token in out.tokens.members]
        marks = {out for out, _ in pairs} if masked else set()
        self.token.running = False  # what the sweep makes is not differentiated by this token again
        cts, _ = reverse([out for out, _ in pairs], [g for _, g in pairs], {self.token}, marks)
        found = {i: cts[self._variables[i]] for i in wants if self._variables[i] in cts}
        return stand_ins, found, {i for i in wants if self._variables[i] in marks}

    def _forward(self, moving: tuple[int, ...]) -> tuple[list[Node], list[Node | None]]:
        variables = [self._variables[i] for i in moving]
        stand_ins = self._stand_ins_for(variables, "tangent")
        self.token.running = False
        return stand_ins, forward((*self._outputs, *self.residuals), dict(zip(variables, stand_ins)), {self.token})

    def _stand_ins_for(self, nodes: Sequence[Node], name: str) -> list[Node]:
        return [placeholder(x.shape, x.dtype, self._tokens, f"{name} {i}") for i, x in enumerate(nodes)]

    def _derived(self, ends: Sequence[Node | None], stand_ins: Sequence[Node], marks: Sequence[bool]) -> Derived:
        live = [x for x in ends if x is not None]
        same = self._body(live, {*self._heads, *stand_ins, *self.residuals}, None)
        read = _read(live, same, {*self._heads, *self.residuals, *stand_ins})
        primals = [i for i, x in enumerate(self._heads) if x in read]
        residuals = [i for i, x in enumerate(self.residuals) if x in read]
        sources = [*[self._heads[i] for i in primals], *[self.residuals[i] for i in residuals], *stand_ins]
        graph = extract(live, sources, [x.params.get("name", "residual") for x in sources], same=same)
        numbers = iter(range(len(live)))
        results = tuple(None if x is None else next(numbers) for x in ends)
        return Derived(graph, tuple(primals), tuple(residuals), results, tuple(marks))


def _read(ends: Iterable[Node], same: dict[Node, Node], stops: AbstractSet[Node]) -> set[Node]:
    """Those of `stops` that the `ends` hang on."""
    found: set[Node] = set()
    stack = list(ends)
    seen = set(stack)
    while stack:
        x = stack.pop()
        x = same.get(x, x)
        if x in stops:
            found.add(x)
            continue
        for y in x.inputs:
            if y not in seen:
                seen.add(y)
                stack.append(y)
    return found


def linearization(
    graph: Graph,
    live: tuple[bool, ...],
    modes: frozenset[str],
    keep: Keep | None = None,
    lean: bool = False,
    costly: frozenset[int] | None = None,
    forward: bool = False,
) -> Linearization:
    """The graph opened on variables for its `live` inputs, once; extended for the sweeps in `modes`. lean: without the checkpoints
    of loops inside among what is kept, for a graph that runs many times. costly: keep as few bytes as cheap operations allow; these
    inputs are not at hand for nothing. forward: to be pushed only, so that loops inside record nothing."""
    key = ("linearization", live, modes, keep, lean, costly, forward)
    found: Linearization = graph.once(key, lambda: Linearization(graph, live, modes, keep, lean, costly, forward))
    return found


class Batched(NamedTuple):
    """A graph of many lanes, and which of its outputs differ between them."""

    graph: Graph
    mapped: tuple[bool, ...]


def batched(graph: Graph, mapped: tuple[bool, ...], size: int, forced: tuple[bool, ...] | None = None) -> Batched:
    """The graph with the inputs `mapped` as batches of `size` lanes, axis first. forced: outputs to be made mapped."""
    wanted = forced or (False,) * len(graph.outputs)
    found: Batched = graph.once(("batched", mapped, size, forced), lambda: _batched(graph, mapped, size, wanted))
    return found


def build(f: Callable[[list[Node]], Sequence[Node]], like: Sequence[Node]) -> Graph:
    """The graph of `f`, a function of nodes, on inputs of the shapes and dtypes of `like`."""
    tokens = Tokens((Token("closed graph", placeholder=True, inlines=True),))
    heads = [placeholder(x.shape, x.dtype, tokens, f"input {i}") for i, x in enumerate(like)]
    return extract(f(heads), heads)


def _batched(graph: Graph, mapped: Sequence[bool], size: int, forced: Sequence[bool]) -> Batched:
    tokens = Tokens((Token("closed graph", placeholder=True, inlines=True),))
    names = [x.params["name"] for x in graph.inputs]
    wholes = [
        placeholder((size, *x.shape) if on else x.shape, x.dtype, tokens, name) for x, on, name in zip(graph.inputs, mapped, names)
    ]
    lanes = {x: whole for x, whole, on in zip(graph.inputs, wholes, mapped) if on}
    same = {x: whole for x, whole, on in zip(graph.inputs, wholes, mapped) if not on}
    targets = set().union(*[x.tokens.members for x in graph.inputs])
    results = [
        (broadcast(node, shape=(size, *node.shape)), True) if force and not on else (node, on)
        for (node, on), force in zip(batch(graph.outputs, lanes, same, targets, size), forced)
    ]
    return Batched(extract([node for node, _ in results], wholes, names), tuple(on for _, on in results))


sweeps.linearization = linearization
sweeps.batched = batched
sweeps.close = close
sweeps.extract = extract
sweeps.build = build
sweeps.inline = inline
