"""Programs of XLA as bytes, and back: StableHLO, as jax.export writes it, which holds for years and needs no code of its origin."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla.engines.engine import Executable
from nabla.engines.xla import devices
from nabla.engines.xla.compile import Program
from nabla.engines.xla.failures import reported
from nabla.engines.xla.kernel import jax, jax_export
from nabla.engines.xla.table import HOST
from nabla.errors import ArgumentError
from nabla.graph.graph import Graph
from nabla.graph.simplify import simplify


def written(graph: Graph, last: Sequence[Any], platforms: Sequence[str] | None) -> bytes:
    """The program of a graph, with the values of its last inputs in it. platforms: "cpu", "cuda", "rocm", "tpu"; else what jax
    computes on here."""
    graph = simplify(graph)
    outside = sorted({node.prim.name for node in graph.nodes if node.prim in HOST})
    if outside:
        raise ArgumentError(
            f"export: {', '.join(outside)} runs on the host, outside of the program, and cannot be exported; docs/engines.md "
            f"says what XLA itself has"
        )
    program = Program(graph)
    constants = [*last, *[np.asarray(x.value) for x in program.passed]]
    kinds = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in graph.inputs[: len(graph.inputs) - len(last)]]
    with reported(), jax.enable_x64(True):
        exported = jax_export.export(jax.jit(lambda *values: program(*values, *constants)), platforms=platforms)(*kinds)
        return bytes(exported.serialize())


def read(data: bytes) -> Executable:
    """The program as a function from values to ndarrays."""
    with reported():
        program = devices.compiled_for(jax.default_backend(), jax_export.deserialize(bytearray(data)).call)

    def run(*values: Any) -> list[np.ndarray]:
        with reported(), jax.enable_x64(True):
            return [devices.get(x) for x in program(*values)]

    return run
