"""Simplification of closed graphs before an engine compiles them, bit for bit without a change of any result.

Dead code goes; of equal operations on equal inputs one is left; what is the identity by its parameters goes, and so does what only
marks the graph for the sweeps (variables, cuts). Constants are merged where they are small. Nodes that hold graphs say themselves
how they become smaller (`Primitive.reduced`).
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from nabla.graph.graph import Graph
from nabla.graph.node import Node

NOTHING: Mapping[Node, Node] = {}
SMALL = 1 << 16
"""Bytes of a constant up to which equal constants are found."""


class Reduced(NamedTuple):
    """What takes the place of a node of several outputs: new nodes, oldest first, and which of them, or of what was there before,
    each of its outputs is."""

    nodes: tuple[Node, ...]
    results: dict[int, Node]


def simplify(graph: Graph, same: Mapping[Node, Node] = NOTHING, inside: bool = True) -> Graph:
    """The same function with fewer nodes. same: nodes in whose place others are taken. inside: held graphs, too."""
    new: dict[Node, Node] = {**{x: x for x in graph.inputs}, **same}
    seen: dict[Any, Node] = {}
    body: list[Node] = []

    def taken(x: Node) -> Node:
        found = new.get(x)
        if found is None:  # a constant
            found = new[x] = seen.setdefault(_constant_key(x), x)
        return found

    for node in graph.nodes:
        if node in same:
            continue
        inputs = tuple([new.get(x) or taken(x) for x in node.inputs])
        stand = node.prim.same_as(node, inputs)
        if stand is not None:
            new[node] = stand
            continue
        key = None if node.prim.acts else _key(node, inputs)  # what acts runs as often as it was written
        try:
            found = None if key is None else seen.get(key)
        except TypeError:  # parameters without a hash
            key = found = None
        if found is None:
            found = copied(node, inputs)
            body.append(found)
            if key is not None:
                seen[key] = found
        new[node] = found
    outputs = tuple([taken(x) for x in graph.outputs])
    needed = _needed(body, outputs)
    joined = _joined(needed, outputs, _begun(needed, seen))
    if joined is not None:
        return simplify(Graph(graph.inputs, *joined), inside=inside)
    return _reduced(graph.inputs, needed, outputs) if inside else Graph(graph.inputs, needed, outputs)


def _key(node: Node, inputs: tuple[Node, ...]) -> Any:
    params = node.params
    return (node.prim, inputs, tuple(params.items()) if params else (), node.dtype)


def _begun(body: Sequence[Node], seen: Mapping[Any, Node]) -> list[tuple[Node, Node]]:
    """Nodes whose outputs are the first ones of another node, and that one."""
    present = set(body)
    found: list[tuple[Node, Node]] = []
    for node in body:
        first = node.prim.begun(node) if type(node.dtype) is tuple else None
        while first is not None:
            there = seen.get(_key(first, first.inputs))
            if there is not None and there in present:
                found.append((there, node))
            first = first.prim.begun(first)
    return found


def _joined(
    body: Sequence[Node], outputs: Sequence[Node], pairs: Sequence[tuple[Node, Node]]
) -> tuple[tuple[Node, ...], tuple[Node, ...]] | None:
    """For each pair, the outputs of the first one are taken of the second one, unless that one hangs on them: the nodes, oldest
    first, and the outputs of the graph. None where all do."""
    order: list[Node | None] = list(body)
    place = {node: i for i, node in enumerate(body)}
    instead: dict[Node, Node] = {}

    def taken(x: Node) -> Node:
        while x in instead:
            x = instead[x]
        return x

    for first, whole in pairs:
        whole = taken(whole)
        if first in instead or whole is first:
            continue
        # What hangs on the first one moves behind the second one. Only what lies between the two may have to.
        start, end = place[first], place[whole]
        behind = {first}
        between = [node for node in order[start + 1 : end + 1] if node is not None]
        for node in between:
            if any(taken(x) in behind for x in node.inputs):
                behind.add(node)
        if whole in behind or any(node.prim.acts for node in behind):  # what acts does so in the order in which it was written
            continue
        instead[first] = whole
        order[start] = None
        moved = [*[x for x in between if x not in behind], *[x for x in between if x in behind]]
        for k, node in enumerate(moved, end + 1 - len(moved)):
            order[k], place[node] = node, k
        for k in range(start, end + 1 - len(moved)):
            order[k] = None
    if not instead:
        return None
    new: dict[Node, Node] = {}
    for node in [x for x in order if x is not None]:
        inputs = [taken(x) for x in node.inputs]
        new[node] = copied(node, tuple([new.get(x, x) for x in inputs]))
    return tuple(new.values()), tuple([new.get(x, x) for x in map(taken, outputs)])


def copied(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The node on other inputs of the same kinds."""
    if inputs == node.inputs:  # nodes compare by identity
        return node
    return Node(node.prim, inputs, node.params, node.shape, node.dtype, node.tokens, node.depth)


def _reduced(inputs: tuple[Node, ...], body: Sequence[Node], outputs: tuple[Node, ...]) -> Graph:
    """Nodes that hold graphs in their smaller form, and without what only they read."""
    used: dict[Node, set[int]] = {}
    wanted = set(outputs)
    found: dict[Node, Reduced] = {}
    kept: list[Node] = []
    for node in reversed(body):
        whole = type(node.dtype) is tuple
        if node not in wanted and not node.prim.acts and not whole:
            continue
        if not whole and node.inputs and type(node.inputs[0].dtype) is tuple:
            used.setdefault(node.inputs[0], set()).add(node.params["index"])
            kept.append(node)
            continue
        if whole and node not in used and node not in wanted and not node.prim.acts:
            continue
        alone = whole and node in used and node not in wanted
        small = node.prim.reduced(node, used[node]) if alone else None
        if small is None:
            wanted.update(node.inputs)
        else:
            found[node] = small
            mine = set(small.nodes)
            wanted.update(x for part in small.nodes for x in part.inputs if x not in mine)
            wanted.update(x for x in small.results.values() if x not in mine)
        kept.append(node)
    kept.reverse()
    if not found:
        return Graph(inputs, tuple(kept), outputs)
    new: dict[Node, Node] = {}
    nodes: list[Node] = []
    for node in kept:
        if node in found:
            for part in found[node].nodes:
                new[part] = copied(part, tuple([new.get(x, x) for x in part.inputs]))
                nodes.append(new[part])
        elif node.inputs and node.inputs[0] in found:
            result = found[node.inputs[0]].results[node.params["index"]]
            new[node] = new.get(result, result)
        else:
            new[node] = copied(node, tuple([new.get(x, x) for x in node.inputs]))
            nodes.append(new[node])
    ends = tuple([new.get(x, x) for x in outputs])
    return Graph(inputs, _needed(nodes, ends), ends)


def heads_read(graph: Graph, ends: Iterable[Node]) -> set[Node]:
    """The inputs of a graph that `ends`, nodes of it, hang on."""
    wanted = set(ends)
    for node in reversed(graph.nodes):
        if node in wanted or node.prim.acts:
            wanted.update(node.inputs)
    return wanted.intersection(graph.inputs)


def _needed(body: Sequence[Node], outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    wanted = set(outputs)
    kept = []
    for node in reversed(body):
        if node in wanted or node.prim.acts:
            kept.append(node)
            wanted.update(node.inputs)
    kept.reverse()
    return tuple(kept)


def _constant_key(x: Node) -> Any:
    value = x.value
    if isinstance(value, np.ndarray) and not all(value.strides):  # what is broadcast is told by one of its elements
        value = value[tuple([slice(None) if step else slice(1) for step in value.strides])]
    if value is None or value.nbytes > SMALL:
        return x
    return (x.dtype, x.shape, value.shape, np.asarray(value).tobytes())
