"""Running a closed graph: a Python function with one line per node, written once and then called.

It keeps nothing between calls, lets go of each value after its last use, and lets an update of indexing write into a buffer that
it made itself and that nobody needs any more.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any, Callable

import numpy as np

from nabla.engines.engine import Engine, Executable, Memory
from nabla.engines.numpy.writing import Names, Writer, last_uses
from nabla.errors import BoundsError
from nabla.graph.graph import Graph
from nabla.graph.node import runtime
from nabla.graph.simplify import simplify
from nabla.primitives.cost import bytes_of


def compile(graph: Graph) -> Executable:
    """A function from one value per input of the graph to one value per output."""
    return Lowering(graph).run


class Lowering:
    """A graph as the text of a Python function, and that function."""

    fresh = False

    def __init__(self, graph: Graph) -> None:
        graph = simplify(graph)
        writer = Writer({"own": _own, "empty": np.empty, "errstate": np.errstate, "bounds": Bounds()})
        arguments = [f"x{i}" for i in range(len(graph.inputs))]
        names: Names = dict(zip(graph.inputs, arguments))
        writer.body(graph, names, {}, graph.outputs, {})
        writer.line(f"return ({''.join([writer.name(x, names) + ', ' for x in graph.outputs])})")
        self.graph = graph
        inside = "errstate(all='ignore'), bounds" if writer.reads_rows else "errstate(all='ignore')"
        self.text = _function_text(arguments, writer.lines, inside)
        self.run: Executable = _function(self.text, writer.scope)

    @property
    def texts(self) -> dict[str, Callable[[], str]]:
        return {"python": self.as_text}

    def as_text(self) -> str:
        """The function, a line per node."""
        return self.text

    def compile(self) -> Lowering:
        return self

    def memory(self) -> Memory:
        """From the shapes: what a run holds when it holds most."""
        graph = self.graph
        last = last_uses(graph, graph.outputs)
        own = set(graph.nodes)
        most = held = 0
        for node in graph.nodes:
            held += bytes_of(node)
            most = max(most, held)
            held -= sum(bytes_of(x) for x in dict.fromkeys(node.inputs) if x in own and last.get(x) is node)
        results = sum(map(bytes_of, own.intersection(graph.outputs)))
        return Memory(sum(map(bytes_of, graph.inputs)), results, most - results)


class Bounds:
    """Inside this `with`, a row that is not there is an error of ours, if it is a line of the block itself that says so."""

    __slots__ = ()

    def __enter__(self) -> Bounds:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is IndexError and trace.tb_next is None:
            raise BoundsError(f"an index array does not fit: {error}") from None


def _function_text(arguments: list[str], lines: list[str], inside: str = "errstate(all='ignore')") -> str:
    return "\n".join([f"def run({', '.join(arguments)}):", f"    with {inside}:", *lines, ""])


def _function(text: str, scope: dict[str, Any]) -> Any:
    exec(text, scope)
    return scope.pop("run")  # which refers to the scope


def _own(x: Any, done: bool) -> np.ndarray:
    """A buffer with the value of x to write into: its own, if nobody but the line of the run that is done with it can see it."""
    if done and getrefcount(x) == _ALONE and type(x) is np.ndarray and x.base is None and x.flags.writeable:
        return x
    return np.array(x)


def _probe(x: Any, done: bool) -> int:
    return getrefcount(x)


_ALONE = _function(
    _function_text([], ["        v0 = [object()]", "        return own(v0, True)"]), {"own": _probe, "errstate": np.errstate}
)()
"""What getrefcount says inside `_own` of a value that one local variable of a run holds."""


ENGINE = Engine("numpy", Lowering, in_memory=True)
runtime.compile = ENGINE.executable
