"""What jit compiles, to be read and measured: a traced function before it is compiled, and after."""

from __future__ import annotations

from typing import Any, Callable

from nabla.engines.engine import Compilation, Engine, Lowering, Memory
from nabla.errors import ArgumentError
from nabla.graph.graph import Graph
from nabla.primitives.cost import Cost, cost
from nabla.transforms.program import Program


class Lowered:
    """A traced function before it is compiled: `print` it to read its graph."""

    def __init__(self, program: Program, engine: Engine, function: Callable[..., Any]) -> None:
        self._program = program
        self._engine = engine
        self._function = function
        self._lowering: Lowering | None = None

    def __str__(self) -> str:
        return str(self._program.graph)

    __repr__ = __str__

    @property
    def graph(self) -> Graph:
        """The graph: its inputs are the arguments, and then what the function reads besides them."""
        return self._program.graph

    def cost(self) -> Cost:
        """Arithmetic operations, and bytes that all nodes read and write, from the shapes alone.

        A product of matrices counts its multiplications and additions, a factorisation the cube of its matrix, an elementwise
        operation one for each element of its result, what moves numbers none, anything else one for each element that it reads. A
        scan counts all its steps, a choice its dearest branch, a while_loop a single turn.
        """
        return cost(self._program.graph)

    def as_text(self, level: str | None = None) -> str:
        """The text that the engine compiles: StableHLO for XLA, loops for the native engine, a function of Python for NumPy.

        level: another text on the way from the graph to what runs: "graph"; for XLA "stablehlo", and "hlo", which it makes of that;
        for the native engine "loops", "llvm", and "assembly", which LLVM makes of that; for NumPy "python".
        """
        texts = {"graph": self.__str__, **self._lowered().texts}
        if level is None:
            level = list(texts)[1]
        if level not in texts:
            raise ArgumentError(f"as_text: the engine {self._engine.name} has no text called {level!r}; it has {', '.join(texts)}")
        return texts[level]()

    def compile(self) -> Compiled:
        """The function compiled: it takes what the jitted function takes, of the same shapes and dtypes."""
        return Compiled(self._program.compilation(self._lowered()), self._function)

    def _lowered(self) -> Lowering:
        if self._lowering is None:
            self._lowering = self._engine.lower(self._program.graph)
        return self._lowering


class Compiled:
    """A compiled function, to be called, read and measured."""

    def __init__(self, compilation: Compilation, function: Callable[..., Any]) -> None:
        self._compilation = compilation
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def as_text(self) -> str:
        """What the engine made of the function: optimised HLO for XLA, a function of Python for NumPy."""
        return self._compilation.as_text()

    def memory(self) -> Memory:
        """Bytes that a run needs: its arguments, its results, and what it allocates between; `peak` is their sum."""
        return self._compilation.memory()
