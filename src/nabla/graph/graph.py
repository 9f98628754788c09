"""A closed piece of graph: a function of explicit inputs, on placeholders of its own, that keeps nothing outside alive.

It is what an engine compiles. Closing (autodiff/closing.py) captures as further inputs every outer node that is pending or
depends on a live transform; values that are at hand and depend on nothing become constants.
"""

from __future__ import annotations

from typing import Any, Callable

from nabla.graph.node import Node
from nabla.graph.printing import listing


class Graph:
    """inputs -> outputs. `nodes` are the body, oldest first; it contains neither the inputs nor constants."""

    __slots__ = ("compiled", "derived", "inputs", "nodes", "outputs", "remembered")

    def __init__(self, inputs: tuple[Node, ...], nodes: tuple[Node, ...], outputs: tuple[Node, ...]) -> None:
        self.inputs = inputs
        self.nodes = nodes
        self.outputs = outputs
        self.derived: dict[Any, Any] = {}
        """What the sweeps made of this graph (autodiff/graphs.py), once each."""
        self.compiled: dict[str, Any] = {}
        """What engines made of it, by engine."""
        self.remembered = False
        """Whether an equal graph, made later, is this one (autodiff/interning.py)."""

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` makes of this graph, kept under this key."""
        found = self.derived.get(key)
        if found is None:
            found = self.derived[key] = make()
        return found

    def __str__(self) -> str:
        return listing((*self.inputs, *self.nodes), self.outputs)

    __repr__ = __str__
