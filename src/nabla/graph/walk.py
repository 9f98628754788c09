"""Walks over the graph. Order by id is topological, so no walk recurses."""

from __future__ import annotations

from operator import attrgetter
from typing import AbstractSet, Iterable, Sequence

from nabla.errors import FreedGraphError
from nabla.graph.node import FREED, Node, runtime
from nabla.graph.tokens import Token

by_id = attrgetter("id")


def between(outputs: Iterable[Node], targets: AbstractSet[Token]) -> list[Node]:
    """The ancestors of `outputs`, themselves included, that depend on a token in `targets`; oldest first."""
    stack = [node for node in outputs if not targets.isdisjoint(node.tokens.members)]
    seen = set(stack)
    while stack:
        inputs = stack.pop().inputs
        if inputs is FREED:
            raise FreedGraphError(
                "the graph of this value was freed by an earlier backward; call that backward with retain_graph=True"
            )
        for x in inputs:
            if x not in seen and not targets.isdisjoint(x.tokens.members):
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=by_id)


MANY = 1000
"""Nodes of a program that is long."""


def rewrites(order: Sequence[Node]) -> bool:
    """Whether this is a long program that writes into arrays. A loop of writes costs time and memory linear in its length only
    if the old versions of the array are not held when they are written into; sweeps over such programs see to that."""
    return len(order) > MANY and True in [node.prim.updates for node in order]


def swept(outputs: Sequence[Node], targets: AbstractSet[Token]) -> list[Node]:
    """The nodes of `between`, for a sweep that will hold them while it runs others: where they write into arrays, what is pending
    runs first."""
    order = between(outputs, targets)
    if rewrites(order):
        ready = [node for node in outputs if node.value is None and not node.tokens.placeholder]
        if ready:
            del order
            runtime.realize(ready)
            order = between(outputs, targets)
    return order


def last_uses(order: Sequence[Node], outputs: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node of an `order` that writes into arrays, those of its inputs that no later one takes, less the outputs: what
    a sweep may forget after it."""
    found: dict[Node, list[Node]] = {}
    if rewrites(order):
        taken = set(outputs)
        for node in reversed(order):
            for x in node.inputs:
                if x not in taken:
                    taken.add(x)
                    found.setdefault(node, []).append(x)
    return found


def carries(node: Node, order: Sequence[Node], outputs: Iterable[Node]) -> bool:
    """Whether the tangents of `outputs` are made of that of `node`. The residuals of a rule are among the inputs of what it is
    for, and have no part in its tangent."""
    wanted = set(outputs)
    for x in reversed(order):
        if x in wanted:
            wanted.update(x.prim.carriers(x))
    return node in wanted


def pending(outputs: Iterable[Node]) -> list[Node]:
    """The ancestors of `outputs`, themselves included, that have no value yet; oldest first."""
    stack = [node for node in outputs if node.value is None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for x in node.inputs:
            if x.value is None and x not in seen:
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=by_id)
