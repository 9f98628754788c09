"""What an engine is: it compiles a closed graph, in two steps, into a function of the values of its inputs."""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple, Protocol, Sequence

from nabla.graph.graph import Graph
from nabla.graph.node import runtime

Executable = Callable[..., Sequence[Any]]
"""From one value per input to one value per output."""


class Memory(NamedTuple):
    """Bytes that a program needs while it runs: its arguments, its results, and what it allocates between."""

    arguments: int
    results: int
    between: int

    @property
    def peak(self) -> int:
        return self.arguments + self.results + self.between


class Compilation(Protocol):
    """A graph, compiled."""

    run: Executable
    graph: Graph
    """What is run: the graph, simplified."""
    fresh: bool
    """Whether the results of a run are new arrays, that nobody else will ever see."""

    def as_text(self) -> str:
        """What the engine made of it."""

    def memory(self) -> Memory:
        """What a run needs."""


class Lowering(Protocol):
    """A graph as the engine is about to compile it."""

    @property
    def texts(self) -> Mapping[str, Callable[[], str]]:
        """What can be read of it, by the name of the level, from that of the graph down. The first is the engine's own language."""

    def compile(self) -> Compilation:
        """The graph, compiled."""


class Engine:
    """An engine by name. `lower` is called once for each graph that runs. `held` makes of an array that is passed again and again,
    and that nobody writes to, one that the engine takes faster. `warm` is for one that compiles late, where its inputs lie: it
    compiles for such inputs, or for none in particular. in_memory: whether it takes no values that lie on devices. elsewhere: the
    engine that then takes its place."""

    __slots__ = ("elsewhere", "held", "in_memory", "lower", "name", "warm")

    def __init__(
        self,
        name: str,
        lower: Callable[[Graph], Lowering],
        held: Callable[[Any], Any] | None = None,
        in_memory: bool = False,
        warm: Callable[[Any, Sequence[Any] | None], None] | None = None,
        elsewhere: Engine | None = None,
    ) -> None:
        self.elsewhere = elsewhere
        self.name = name
        self.in_memory = in_memory
        self.lower = lower
        self.held = held
        self.warm = warm

    def compilation(self, graph: Graph, lowering: Lowering | None = None, values: Sequence[Any] | None = None) -> Compilation:
        """The graph compiled; what was compiled once is found again. lowering: the graph's, where it is at hand. values: the
        inputs that it is about to run on."""
        found: Compilation | None = graph.compiled.get(self.name)
        if found is None:
            found = graph.compiled[self.name] = (lowering or self.lower(graph)).compile()
            if self.warm is not None:
                self.warm(found, values)
        return found

    def serving(self, graph: Graph, values: Sequence[Any]) -> Engine:
        """The engine for a graph with such inputs."""
        if runtime.away and self.in_memory:
            if self.elsewhere is not None and (runtime.devices.is_away(values) or runtime.devices.goes_away(graph)):
                return self.elsewhere
            runtime.devices.want_memory(values, self.name)
        return self

    def executable(self, graph: Graph) -> Executable:
        """The graph as a function, compiled when it is first called or before."""
        found: Compilation | None = graph.compiled.get(self.name)
        if found is None:
            found = graph.compiled[self.name] = self.lower(graph).compile()
        return found.run

    def __repr__(self) -> str:
        return f"<engine {self.name}>"
