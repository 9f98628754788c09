"""What an engine is: it compiles a closed graph into a function of the values of its inputs."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla.graph.graph import Graph

Executable = Callable[..., Sequence[Any]]
"""From one value per input to one value per output."""


class Engine:
    """An engine by name. `compile` is called once for each graph."""

    __slots__ = ("compile", "name")

    def __init__(self, name: str, compile: Callable[[Graph], Executable]) -> None:
        self.name = name
        self.compile = compile

    def executable(self, graph: Graph) -> Executable:
        found: Executable | None = graph.compiled.get(self.name)
        if found is None:
            found = graph.compiled[self.name] = self.compile(graph)
        return found

    def __repr__(self) -> str:
        return f"<engine {self.name}>"
