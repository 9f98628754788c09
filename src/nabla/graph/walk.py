"""Walks over the graph. Order by id is topological, so no walk recurses."""

from __future__ import annotations

from operator import attrgetter
from typing import AbstractSet, Iterable, Sequence

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


LONG = 1000
"""Sweeps over more nodes than this let go of what they wrote as soon as nothing needs it."""


def last_uses(order: Sequence[Node], outputs: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node of `order` those of its inputs that no later one takes, less the outputs: what a sweep may forget after it.

    So the old versions of an array that a loop writes into are held by nobody, and a run in the middle of the sweep can write in
    place. Short sweeps are over before anything runs: there is nothing to gain.
    """
    found: dict[Node, list[Node]] = {}
    if len(order) > LONG:
        taken = set(outputs)
        for node in reversed(order):
            for x in node.inputs:
                if x not in taken:
                    taken.add(x)
                    found.setdefault(node, []).append(x)
    return found


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
