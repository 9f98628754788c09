"""XLA kernels: nodes that hold graphs. Before their inputs they take `trace`: it writes a graph into the program."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla.engines.xla.kernel import Kernel
from nabla.graph.graph import Graph
from nabla.primitives import call as c
from nabla.primitives.base import Primitive

Trace = Callable[[Graph, Sequence[Any]], list[Any]]


def _call(trace: Trace, *values: Any, graph: Graph, **_: Any) -> Any:
    return tuple(trace(graph, values))


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call}
