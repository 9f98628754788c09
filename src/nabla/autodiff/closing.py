"""Closing a piece of graph: from nodes that hang on the outside to a `Graph` of explicit inputs; and back again."""

from __future__ import annotations

from typing import AbstractSet, Mapping, Sequence

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
    captured, _ = outside(outputs, set(inputs))
    return extract(outputs, [*inputs, *captured], names, token), captured


def outside(outputs: Sequence[Node], given: AbstractSet[Node]) -> tuple[list[Node], list[Node]]:
    """The outer nodes that what depends on `given` needs: those without a value at hand that will stay what it is, and those that
    have one."""
    seen: set[Node] = set(given)
    order: list[Node] = []
    stack = [node for node in outputs if node not in seen]
    seen.update(stack)
    while stack:
        node = stack.pop()
        order.append(node)
        for x in node.inputs:
            if x not in seen:
                seen.add(x)
                stack.append(x)
    order.sort(key=by_id)
    inside: set[Node] = set()
    for node in order:
        if any(x in given or x in inside for x in node.inputs):
            inside.add(node)
    wanted = [x for node in order if node in inside for x in node.inputs] + list(outputs)
    captured: list[Node] = []
    constants: list[Node] = []
    for x in dict.fromkeys(wanted):
        if x not in inside and x not in given:
            (captured if x.value is None or x.tokens.members else constants).append(x)
    return captured, constants


def extract(
    outputs: Sequence[Node], sources: Sequence[Node], names: Sequence[str] = (), token: Token | None = None,
    same: Mapping[Node, Node] = NOTHING,
) -> Graph:  # fmt: skip
    """The graph from `sources` to `outputs`: all that lies between them, rebuilt on placeholders. What hangs on no source is
    computed here and is a constant of the graph. same: nodes in whose place others are taken."""
    own = Token("closed graph", placeholder=True, inlines=True)
    tokens = Tokens((own,))
    new: dict[Node, Node] = {}
    heads = []
    for i, x in enumerate(sources):
        head = placeholder(x.shape, x.dtype, tokens, names[i] if i < len(names) else f"input {i}")
        heads.append(head)
        new[x] = head
    outputs = [same.get(x, x) for x in outputs]
    body, loose = _between(outputs, new, same)
    if loose:
        runtime.realize(loose)
    nodes = []
    for node in body:
        given = [same.get(x, x) for x in node.inputs]
        if node.prim is VARIABLE:
            new[node] = new.get(given[0], given[0])
            continue
        inputs = [new.get(x, x) for x in given]
        if token is not None and not all(x.tokens.members <= node.tokens.members for x in node.inputs):  # made inside no_grad
            inputs = [x if old.tokens.members <= node.tokens.members else detach(x) for x, old in zip(inputs, node.inputs)]
            nodes += [x for x in inputs if x.prim is detach]
        rebuilt = node.prim.rebuild(node, inputs)
        new[node] = rebuilt
        nodes.append(rebuilt)
    return Graph(tuple(heads), tuple(nodes), tuple(new.get(x, x) for x in outputs))


def _between(outputs: Sequence[Node], sources: Mapping[Node, Node], same: Mapping[Node, Node]) -> tuple[list[Node], list[Node]]:
    """The nodes between `sources` and `outputs`, oldest first, and those without a value that hang on no source."""
    seen: set[Node] = set()
    stack = [node for node in outputs if node not in sources]
    seen.update(stack)
    while stack:
        for x in stack.pop().inputs:
            x = same.get(x, x)
            if x not in seen and x not in sources:
                seen.add(x)
                stack.append(x)
    body = []
    inside: set[Node] = set()
    for node in sorted(seen, key=_age):
        if any(x in sources or x in inside for x in [same.get(x, x) for x in node.inputs]):
            inside.add(node)
            body.append(node)
    loose = [x for x in seen if x.value is None and x not in inside]
    return body, loose


def _age(node: Node) -> tuple[int, int]:
    """For an order that is topological where the outputs of one node stand for each other."""
    return (node.inputs[0].id, 1) if node.prim is output and node.inputs else (node.id, 0)


def inline(graph: Graph, inputs: Sequence[Node]) -> list[Node]:
    """The operations of `graph` on other inputs."""
    new = dict(zip(graph.inputs, inputs))
    for node in graph.nodes:
        new[node] = node.prim.rebuild(node, [new.get(x, x) for x in node.inputs])
    return [new.get(x, x) for x in graph.outputs]
