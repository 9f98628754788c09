"""Nodes that hold graphs, made smaller before an engine compiles them: see `Primitive.reduced`.

What nobody reads is not computed in any step; rows and operands that are the same stand once; a carry that a loop hands on as it is
is a constant; and what hangs on constants alone is computed once, before the loop. No bit of any result changes.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence

from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.graph.simplify import Reduced, copied, heads_read, simplify
from nabla.graph.tokens import EMPTY
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.kinds import Linear, Multilinear
from nabla.primitives.structure import PLACEHOLDER, output


class Inputs:
    """The inputs of a held graph, by group: each a stand-in and the outer node that it stands for."""

    def __init__(self, *groups: Iterable[tuple[Node, Node]]) -> None:
        self.groups = [list(group) for group in groups]

    def merged(self, *numbers: int) -> dict[Node, Node]:
        """Make one of those in a group that stand for the same; what stands for what."""
        same: dict[Node, Node] = {}
        for n in numbers:
            first: dict[Node, Node] = {}
            kept = []
            for head, outer in self.groups[n]:
                if outer in first:
                    same[head] = first[outer]
                else:
                    first[outer] = head
                    kept.append((head, outer))
            self.groups[n] = kept
        return same

    def keep(self, numbers: Sequence[int], read: set[Node]) -> None:
        for n in numbers:
            self.groups[n] = [(head, outer) for head, outer in self.groups[n] if head in read]

    def heads(self, n: int) -> tuple[Node, ...]:
        return tuple([head for head, _ in self.groups[n]])

    def outers(self, n: int) -> tuple[Node, ...]:
        return tuple([outer for _, outer in self.groups[n]])


def handed_on(carry: Sequence[tuple[Node, Node]], outs: Sequence[Node]) -> set[int]:
    """The carries that come out of a step as they went in."""
    return {i for i, ((head, _), out) in enumerate(zip(carry, outs)) if out is head}


def live_carries(graph: Graph, carry: Sequence[Node], outs: Sequence[Node], ends: Iterable[Node], used: set[int]) -> set[int]:
    """The carries that `ends` and the carries `used` hang on, by way of any number of steps."""
    numbers = {head: i for i, head in enumerate(carry)}
    live = set(used)
    while True:
        read = heads_read(graph, [*ends, *[outs[i] for i in live]])
        grown = live | {i for head, i in numbers.items() if head in read}
        if grown == live:
            return live
        live = grown


def pruned(graph: Graph, carry: Sequence[Node], wanted: set[int]) -> Graph:
    """The body of a loop, simplified, with the outputs `wanted`; in the places of others stands what costs nothing."""
    idle = graph.inputs[0] if graph.inputs else None
    spare = [*carry, *[idle] * (len(graph.outputs) - len(carry))]
    ends = [x if i in wanted else y or x for i, (x, y) in enumerate(zip(graph.outputs, spare))]
    return simplify(Graph(graph.inputs, graph.nodes, tuple(ends)))


def hoisted(graph: Graph, constants: list[tuple[Node, Node]], runs: bool) -> tuple[Graph, list[tuple[Node, Node]], list[Node]]:
    """The body of a loop without what hangs on its constants alone; its constants then; and the outer nodes that compute them.

    runs: whether the loop is known to make a step. Where not, what might raise stays inside.
    """
    outer = dict(constants)
    moving = set(graph.inputs) - set(outer)
    fixed: dict[Node, Node] = {}
    for node in graph.nodes:
        still = node.inputs and not any(x in moving for x in node.inputs)
        if not still or node.prim.acts or node.prim.updates or type(node.dtype) is tuple or not (runs or _is_safe(node)):
            moving.add(node)
        else:
            fixed[node] = copied(node, tuple([fixed.get(x) or outer.get(x, x) for x in node.inputs]))
    read = {x for node in graph.nodes if node not in fixed for x in node.inputs} | set(graph.outputs)
    same = {}
    found = list(constants)
    for node, new in fixed.items():
        if node in read:
            head = Node(PLACEHOLDER, (), {"name": "constant"}, node.shape, node.dtype, EMPTY, 0)
            same[node] = head
            found.append((head, new))
    if not same:
        return graph, constants, []
    heads = [head for head, _ in found[len(constants) :]]
    return simplify(Graph((*graph.inputs, *heads), graph.nodes, graph.outputs), same, inside=False), found, list(fixed.values())


def _is_safe(node: Node) -> bool:
    """Whether running it can neither raise nor take long."""
    prim = node.prim
    return isinstance(prim, (Elementwise, Multilinear)) or (isinstance(prim, Linear) and len(node.inputs) == 1)


def renumbered(node: Node, results: dict[int, Any], before: Sequence[Node]) -> Reduced:
    """results: of each old output, its number among those of `node`, or the node that it is."""
    parts = {i: output(node, index=i) for i in sorted({k for k in results.values() if type(k) is int})}
    return Reduced((*before, node, *parts.values()), {i: parts[k] if type(k) is int else k for i, k in results.items()})


def grouped(heads: Sequence[Node], *counts: int) -> list[list[Node]]:
    """Groups of so many, and what is left."""
    rest = iter(heads)
    return [*[[next(rest) for _ in range(n)] for n in counts], list(rest)]


def columns(used: Iterable[int], key: Callable[[int], Any]) -> tuple[list[int], dict[int, int]]:
    """Of outputs that have one key, the first; and for each its place among these."""
    chosen: list[int] = []
    places: dict[Any, int] = {}
    found = {}
    for i in used:
        k = key(i)
        if k not in places:
            places[k] = len(chosen)
            chosen.append(i)
        found[i] = places[k]
    return chosen, found
