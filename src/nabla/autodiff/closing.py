"""Closing a piece of graph: from nodes that hang on the outside to a `Graph` of explicit inputs."""

from __future__ import annotations

from typing import Sequence

from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.graph.walk import by_id
from nabla.primitives.structure import placeholder


def close(outputs: Sequence[Node], inputs: Sequence[Node], names: Sequence[str] = ()) -> tuple[Graph, list[Node]]:
    """The graph from `inputs` to `outputs`, and the outer nodes it captured, which are its inputs after the given ones.

    names: what the placeholders of the given inputs are called.
    """
    given = set(inputs)
    body, captured = _body(outputs, given)
    token = Token("closed graph", placeholder=True)
    tokens = Tokens((token,))
    new: dict[Node, Node] = {}
    for i, x in enumerate((*inputs, *captured)):
        name = names[i] if i < len(names) else f"input {i}"
        new[x] = placeholder(x.shape, x.dtype, tokens, name)
    heads = tuple(new[x] for x in (*inputs, *captured))
    nodes = []
    for node in body:
        rebuilt = node.prim.rebuild(node, [new.get(x, x) for x in node.inputs])
        new[node] = rebuilt
        nodes.append(rebuilt)
    return Graph(heads, tuple(nodes), tuple(new.get(x, x) for x in outputs)), captured


def _body(outputs: Sequence[Node], given: set[Node]) -> tuple[list[Node], list[Node]]:
    """The nodes to rebuild (those that depend on an input), and those to capture."""
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
    for x in dict.fromkeys(wanted):
        if x not in inside and x not in given and (x.value is None or x.tokens.members):
            captured.append(x)
    return [node for node in order if node in inside], captured
