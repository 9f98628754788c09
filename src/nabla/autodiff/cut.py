"""What is kept so that the rest can be computed again cheaply: the smallest cut of a graph.

Where each step of a long loop keeps large arrays for its derivative, writing them to memory and reading them back costs more than
the few operations that make them. So the residuals of such a loop are not the values that derivatives read, but the fewest bytes
from which cheap operations make these: a minimal cut, found as a maximal flow (Ford and Fulkerson, 1956; the paths by breadth
first search: Edmonds and Karp, 1972). Of several such cuts it is the one that leaves least to be computed.
"""

from __future__ import annotations

from typing import Callable, Iterable, Sequence

from nabla.graph.node import Node
from nabla.graph.walk import by_id

MANY = 400
"""Nodes of the part of a graph that is searched: beyond, tracing would take notice."""

WORTH = 16
"""So many bytes may be computed again for each one that is not kept."""

Vertex = tuple[Node, int]
"""Each node is an edge from (node, 0) to (node, 1) with its bytes as capacity; between nodes there is no limit."""


def smallest(read: Sequence[Node], usual: Sequence[Node], made_of: Callable[[Node], Iterable[Node]]) -> Sequence[Node]:
    """The values to keep so that those of `read` can be computed from them, oldest first; `usual` where that is as good.

    made_of: what a value is computed from, in so far as it is not at hand anyway.
    """
    inside: dict[Node, list[Node]] = {}
    stack = list(read)
    while stack:
        x = stack.pop()
        if x not in inside:
            inside[x] = list(made_of(x)) if x.prim.cheap else []
            stack += inside[x]
            if len(inside) > MANY:
                return usual
    after: dict[Node, list[Node]] = {x: [] for x in inside}
    for x, sources in inside.items():
        for y in sources:
            after[y].append(x)
    kept = _cut([x for x in inside if not x.prim.cheap], set(read), after, inside)
    saved = sum(map(_bytes, usual)) - sum(map(_bytes, kept))
    if saved <= 0 or sum(map(_bytes, _between(read, kept, inside))) > WORTH * saved:
        return usual
    return sorted(kept, key=by_id)


def _bytes(x: Node) -> int:
    return max(x.size * x.dtype.itemsize, 1)


def _cut(starts: Sequence[Node], ends: set[Node], after: dict[Node, list[Node]], before: dict[Node, list[Node]]) -> set[Node]:
    flow: dict[tuple[Vertex, Vertex], int] = {}

    def neighbours(vertex: Vertex) -> list[Vertex]:
        """Where more can flow to."""
        x, side = vertex
        if side == 0:
            found: list[Vertex] = [(x, 1)] if flow.get(((x, 0), (x, 1)), 0) < _bytes(x) else []
            return found + [(y, 1) for y in before[x] if flow.get(((y, 1), vertex), 0)]
        found = [(y, 0) for y in after[x]]
        return [*found, (x, 0)] if flow.get(((x, 0), (x, 1)), 0) else found

    while True:
        came: dict[Vertex, Vertex | None] = {(x, 0): None for x in starts}
        queue = list(came)
        end: Vertex | None = None
        for vertex in queue:
            if vertex[1] == 1 and vertex[0] in ends:
                end = vertex
                break
            for other in neighbours(vertex):
                if other not in came:
                    came[other] = vertex
                    queue.append(other)
        if end is None:
            break
        path = [end]
        while (origin := came[path[-1]]) is not None:
            path.append(origin)
        steps = list(zip(path[:0:-1], path[-2::-1]))
        amount = min(_room(a, b, flow) for a, b in steps)
        for a, b in steps:
            if flow.get((b, a), 0):
                flow[b, a] -= amount
            else:
                flow[a, b] = flow.get((a, b), 0) + amount
    return _nearest(ends, after, before, flow)


def _room(a: Vertex, b: Vertex, flow: dict[tuple[Vertex, Vertex], int]) -> int:
    """How much more can flow from a to b."""
    back = flow.get((b, a), 0)
    if back:
        return back
    return _bytes(a[0]) - flow.get((a, b), 0) if a[0] is b[0] else 1 << 62


def _nearest(
    ends: set[Node], after: dict[Node, list[Node]], before: dict[Node, list[Node]], flow: dict[tuple[Vertex, Vertex], int]
) -> set[Node]:
    """Of all minimal cuts the one nearest to the ends: full edges into what can still flow to them."""
    reaching: set[Vertex] = {(x, 1) for x in ends}
    stack = list(reaching)
    while stack:
        vertex = x, side = stack.pop()
        if side == 1:
            found: list[Vertex] = [(x, 0)] if flow.get(((x, 0), (x, 1)), 0) < _bytes(x) else []
            found += [(y, 0) for y in after[x] if flow.get((vertex, (y, 0)), 0)]
        else:
            found = [(y, 1) for y in before[x]]
            found += [(x, 1)] if flow.get(((x, 0), (x, 1)), 0) else []
        for other in found:
            if other not in reaching:
                reaching.add(other)
                stack.append(other)
    return {x for x, side in reaching if side == 1 and (x, 0) not in reaching}


def _between(read: Sequence[Node], kept: set[Node], before: dict[Node, list[Node]]) -> set[Node]:
    """What is computed again."""
    found: set[Node] = set()
    stack = [x for x in read if x not in kept]
    while stack:
        x = stack.pop()
        if x not in found:
            found.add(x)
            stack += [y for y in before[x] if y not in kept]
    return found
