"""Running a closed graph: a Python function with one line per node, written once and then called.

It keeps nothing between calls, lets go of each value after its last use, and lets an update of indexing write into a buffer that
it made itself and that nobody needs any more.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from nabla.engines.engine import Engine, Executable, Memory
from nabla.engines.numpy.table import KERNELS
from nabla.graph.graph import Graph
from nabla.graph.node import Node, runtime
from nabla.graph.simplify import simplify
from nabla.primitives.cost import bytes_of


def compile(graph: Graph) -> Executable:
    """A function from one value per input of the graph to one value per output."""
    return Lowering(graph).run


class Lowering:
    """A graph as the text of a Python function, and that function."""

    def __init__(self, graph: Graph) -> None:
        graph = simplify(graph)
        scope: dict[str, Any] = {"own": _own, "errstate": np.errstate}
        names: dict[Node, str] = {x: f"x{i}" for i, x in enumerate(graph.inputs)}

        def name(x: Node) -> str:
            if x not in names:
                names[x] = f"c{len(scope)}"
                scope[names[x]] = x.value
            return names[x]

        last = _last_uses(graph)
        lines = []
        for i, node in enumerate(graph.nodes):
            arguments = [name(x) for x in node.inputs]
            if node.prim.updates:
                taken = arguments[0]
                arguments[0] = f"own({taken}, {taken[0] == 'v' and last.get(node.inputs[0]) is node})"
            kernel = f"{node.prim.name}_{i}"
            if node.params:
                scope[f"p{i}"] = node.params
                arguments.append(f"**p{i}")
            scope[kernel] = KERNELS[node.prim]
            names[node] = f"v{i}"
            lines.append(f"v{i} = {kernel}({', '.join(arguments)})")
            done = [names[x] for x in dict.fromkeys(node.inputs) if last.get(x) is node and names[x][0] == "v"]
            if done:
                lines.append(f"del {', '.join(done)}")
        lines.append(f"return ({''.join([name(x) + ', ' for x in graph.outputs])})")
        self.graph = graph
        self.text = _function_text([names[x] for x in graph.inputs], lines)
        self.run: Executable = _function(self.text, scope)

    def as_text(self) -> str:
        """The function, a line per node."""
        return self.text

    def compile(self) -> Lowering:
        return self

    def memory(self) -> Memory:
        """From the shapes: what a run holds when it holds most."""
        graph = self.graph
        last = _last_uses(graph)
        own = set(graph.nodes)
        most = held = 0
        for node in graph.nodes:
            held += bytes_of(node)
            most = max(most, held)
            held -= sum(bytes_of(x) for x in dict.fromkeys(node.inputs) if x in own and last.get(x) is node)
        results = sum(map(bytes_of, own.intersection(graph.outputs)))
        return Memory(sum(map(bytes_of, graph.inputs)), results, most - results)


def _function_text(arguments: list[str], lines: list[str]) -> str:
    body = "\n".join([f"        {line}" for line in lines])
    return f"def run({', '.join(arguments)}):\n    with errstate(all='ignore'):\n{body}\n"


def _function(text: str, scope: dict[str, Any]) -> Any:
    exec(text, scope)
    return scope["run"]


def _own(x: Any, done: bool) -> np.ndarray:
    """A buffer with the value of x to write into: its own, if nobody but the line of the run that is done with it can see it."""
    if done and getrefcount(x) == _ALONE and type(x) is np.ndarray and x.base is None and x.flags.writeable:
        return x
    return np.array(x)


def _probe(x: Any, done: bool) -> int:
    return getrefcount(x)


_ALONE = _function(_function_text([], ["v0 = [object()]", "return own(v0, True)"]), {"own": _probe, "errstate": np.errstate})()
"""What getrefcount says inside `_own` of a value that one local variable of a run holds."""


def _last_uses(graph: Graph) -> dict[Node, Node]:
    """The last node that takes each value; none for what is returned."""
    last: dict[Node, Node] = {}
    for node in graph.nodes:
        for x in node.inputs:
            last[x] = node
    for x in graph.outputs:
        last.pop(x, None)
    return last


ENGINE = Engine("numpy", Lowering, in_memory=True)
runtime.compile = ENGINE.executable
