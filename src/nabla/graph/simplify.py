"""Simplification of closed graphs before an engine compiles them, bit for bit without a change of any result.

Dead code goes; of equal operations on equal inputs one is left; what is the identity by its parameters goes, and so does what only
marks the graph for the sweeps (variables, cuts). Constants are merged where they are small.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.graph.graph import Graph
from nabla.graph.node import Node

SMALL = 64
"""Bytes of a constant up to which equal constants are found."""


def simplify(graph: Graph) -> Graph:
    """The same function with fewer nodes."""
    new: dict[Node, Node] = {x: x for x in graph.inputs}
    seen: dict[Any, Node] = {}
    body = []

    def taken(x: Node) -> Node:
        found = new.get(x)
        if found is None:  # a constant
            found = new[x] = seen.setdefault(_constant_key(x), x)
        return found

    for node in graph.nodes:
        inputs = tuple([taken(x) for x in node.inputs])
        stand = node.prim.same_as(node, inputs)
        if stand is not None:
            new[node] = stand
            continue
        key = _key(node, inputs)
        found = None if key is None else seen.get(key)
        if found is None:
            found = node
            if any(a is not b for a, b in zip(inputs, node.inputs)):
                found = Node(node.prim, inputs, node.params, node.shape, node.dtype, node.tokens, node.depth)
            body.append(found)
            if key is not None:
                seen[key] = found
        new[node] = found
    outputs = tuple([taken(x) for x in graph.outputs])
    return Graph(graph.inputs, _needed(body, outputs), outputs)


def _needed(body: list[Node], outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    wanted = set(outputs)
    kept = []
    for node in reversed(body):
        if node in wanted or node.prim.acts:
            kept.append(node)
            wanted.update(node.inputs)
    kept.reverse()
    return tuple(kept)


def _key(node: Node, inputs: tuple[Node, ...]) -> Any:
    """What two nodes share that compute the same; None where that is not known, or where computing it twice is meant."""
    if node.prim.acts:
        return None
    try:
        key = (node.prim, inputs, tuple(node.params.items()), node.dtype)
        hash(key)
    except TypeError:
        return None
    return key


def _constant_key(x: Node) -> Any:
    value = x.value
    if value is None or x.dtype.itemsize * x.size > SMALL:
        return x
    return (x.dtype, x.shape, np.asarray(value).tobytes())
