"""Running a closed graph: `compile(graph)` is a function of the input values that keeps nothing between calls."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla.engines.numpy.table import KERNELS
from nabla.graph.graph import Graph
from nabla.graph.node import Node


def compile(graph: Graph) -> Callable[..., list[Any]]:
    """A function from one value per input of the graph to one value per output."""
    slots: dict[Node, int] = {node: i for i, node in enumerate((*graph.inputs, *graph.nodes))}
    constants: list[Any] = []
    for node in (*graph.nodes, *graph.outputs):
        for x in (*node.inputs, node):
            if x not in slots:
                slots[x] = len(graph.inputs) + len(graph.nodes) + len(constants)
                constants.append(x.value)
    steps = [(KERNELS[node.prim], node.prim.updates, [slots[x] for x in node.inputs], node.params) for node in graph.nodes]
    results = [slots[node] for node in graph.outputs]
    count = len(graph.inputs)

    def run(*values: Any) -> list[Any]:
        if len(values) != count:
            raise TypeError(f"this graph has {count} inputs; got {len(values)} values")
        memory: list[Any] = [*values, *[None] * len(steps), *constants]
        with np.errstate(all="ignore"):
            for i, (kernel, updates, inputs, params) in enumerate(steps, count):
                arguments = [memory[j] for j in inputs]
                if updates:
                    arguments[0] = np.array(arguments[0])
                memory[i] = kernel(*arguments, **params)
        return [memory[i] for i in results]

    return run
