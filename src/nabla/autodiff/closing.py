"""Closing a piece of graph: from nodes that hang on the outside to a `Graph` of explicit inputs; and back again."""

from __future__ import annotations

from typing import Iterable, Mapping, Sequence

from nabla.graph.collector import with_collector_paused
from nabla.graph.graph import Graph
from nabla.graph.node import Node, runtime
from nabla.graph.tokens import Token, Tokens
from nabla.graph.walk import by_id
from nabla.primitives.structure import VARIABLE, detach, output, placeholder

NOTHING: Mapping[Node, Node] = {}


def close(
    outputs: Sequence[Node], inputs: Sequence[Node], names: Sequence[str] = (), token: Token | None = None
) -> tuple[Graph, list[Node]]:
    """The graph from `inputs` to `outputs`, and the outer nodes it captured, which are its inputs after the given ones.

    names: what the placeholders of the given inputs are called. token: that of the inputs, where nodes may have been cut off from
    it by no_grad.
    """
    found = piece(outputs, inputs)
    return found.graph([*inputs, *found.captured], names, token), found.captured


class Piece:
    """What lies between the inputs of a graph to be and its outputs, oldest first, and the outer nodes that it needs: `captured`
    are those without a value at hand that will stay what it is, `constants` those that have one."""

    __slots__ = ("body", "captured", "constants", "outputs", "same")

    def __init__(self, outputs: Sequence[Node], body: list[Node], outer: Iterable[Node], same: Mapping[Node, Node]) -> None:
        self.outputs = outputs
        self.body = body
        self.same = same
        self.captured: list[Node] = []
        self.constants: list[Node] = []
        for x in outer:
            (self.captured if x.value is None or x.tokens.members else self.constants).append(x)

    def realized(self) -> None:
        """What is captured and depends on no transform is computed, and so a constant."""
        if self.captured:
            runtime.realize([x for x in self.captured if not x.tokens.members])
            self.constants += [x for x in self.captured if not x.tokens.members]
            self.captured = [x for x in self.captured if x.tokens.members]

    def graph(self, sources: Sequence[Node], names: Sequence[str] = (), token: Token | None = None) -> Graph:
        """The piece, rebuilt on placeholders for `sources`, which are the inputs and all that is captured."""
        return with_collector_paused(len(self.body), self._graph, sources, names, token)

    def _graph(self, sources: Sequence[Node], names: Sequence[str], token: Token | None) -> Graph:
        own = Token("closed graph", placeholder=True, inlines=True)
        tokens = Tokens((own,))
        same = self.same
        heads = [placeholder(x.shape, x.dtype, tokens, names[i] if i < len(names) else f"input {i}") for i, x in enumerate(sources)]
        new: dict[Node, Node] = dict(zip(sources, heads))
        cuts = token is not None and token.is_cut
        nodes = []
        recordings: set[Node] | None = None
        for node in self.body:
            given = [same.get(x, x) for x in node.inputs] if same else node.inputs
            prim = node.prim
            if prim is VARIABLE:
                new[node] = new.get(given[0], given[0])
                continue
            inputs = tuple([new.get(x, x) for x in given])
            if cuts and not all(x.tokens.members <= node.tokens.members for x in node.inputs):  # made inside no_grad
                pairs = zip(inputs, node.inputs)
                inputs = tuple([x if old.tokens.members <= node.tokens.members else detach(x) for x, old in pairs])
                nodes += [x for x in inputs if x.prim is detach]
            if prim.adapts:
                if recordings is None:
                    recordings = self._recordings()
                rebuilt = prim.rebuild(node, inputs) if node in recordings else prim.unrecorded(node, inputs)
            else:
                rebuilt = Node(prim, inputs, node.params, node.shape, node.dtype, tokens, node.depth)
            new[node] = rebuilt
            nodes.append(rebuilt)
        return Graph(tuple(heads), tuple(nodes), tuple([new.get(x, x) for x in self.outputs]))

    def _recordings(self) -> set[Node]:
        """The nodes of which something is read that they keep for derivatives alone."""
        parts = [x for x in self.body if x.prim is output and x.inputs]
        return {x.inputs[0] for x in parts if x.inputs[0].prim.records(x.inputs[0], x.params["index"])}


def piece(outputs: Sequence[Node], given: Iterable[Node], same: Mapping[Node, Node] = NOTHING) -> Piece:
    """The piece of graph from the nodes `given` to `outputs`. same: nodes in whose place others are taken."""
    inside = set(given)
    if same:
        outputs = [same.get(x, x) for x in outputs]
    seen = set(inside)
    stack = [x for x in outputs if x not in seen]
    seen.update(stack)
    order: list[Node] = []
    while stack:
        node = stack.pop()
        order.append(node)
        for x in node.inputs:
            if same:
                x = same.get(x, x)
            if x not in seen:
                seen.add(x)
                if x.inputs:
                    stack.append(x)
    order.sort(key=_age if same else by_id)
    body = []
    needed: dict[Node, None] = {}
    for node in order:
        inputs = [same.get(x, x) for x in node.inputs] if same else node.inputs
        if not inside.isdisjoint(inputs):
            inside.add(node)
            body.append(node)
            for x in inputs:
                if x not in inside:
                    needed[x] = None
    needed.update([(x, None) for x in outputs if x not in inside])
    return Piece(outputs, body, needed, same)


def extract(
    outputs: Sequence[Node], sources: Sequence[Node], names: Sequence[str] = (), token: Token | None = None,
    same: Mapping[Node, Node] = NOTHING,
) -> Graph:  # fmt: skip
    """The graph from `sources` to `outputs`. What hangs on no source is computed here and is a constant of the graph. same: nodes
    in whose place others are taken."""
    found = piece(outputs, sources, same)
    pending = [x for x in found.captured if x.value is None]
    if pending:
        runtime.realize(pending)
    return found.graph(sources, names, token)


def _age(node: Node) -> tuple[int, int]:
    """For an order that is topological where the outputs of one node stand for each other."""
    return (node.inputs[0].id, 1) if node.prim is output and node.inputs else (node.id, 0)


def inline(graph: Graph, inputs: Sequence[Node]) -> list[Node]:
    """The operations of `graph` on other inputs."""
    new = dict(zip(graph.inputs, inputs))
    for node in graph.nodes:
        new[node] = node.prim.rebuild(node, [new.get(x, x) for x in node.inputs])
    return [new.get(x, x) for x in graph.outputs]
