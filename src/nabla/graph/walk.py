"""Walks over the graph. Order by id is topological, so no walk recurses."""

from __future__ import annotations

from operator import attrgetter
from typing import AbstractSet, Iterable

from nabla.errors import FreedGraphError
from nabla.graph.node import FREED, Node
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
