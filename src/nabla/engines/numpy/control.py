"""NumPy kernels: nodes that hold graphs."""

from __future__ import annotations

from typing import Any

from nabla.engines.numpy.kernel import Kernel
from nabla.graph.graph import Graph
from nabla.primitives import call as c
from nabla.primitives.base import Primitive


def _call(*values: Any, graph: Graph, engine: Any, **_: Any) -> Any:
    return tuple(engine.executable(graph)(*values))


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call}
