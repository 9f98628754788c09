"""Running a closed graph on XLA: `compile(graph)` is a function of the input values that keeps nothing between calls.

The whole graph is one program. It is traced and compiled at its first call, from then on only called: a call costs what one of a
jitted function of jax costs, and about two microseconds more for the switch to 64-bit numbers, which is thrown for our own calls
alone and never for the program that uses us. The inputs may be ndarrays, NumPy scalars, or arrays of jax. On a CPU, XLA reads an
ndarray that starts at a multiple of 64 bytes where it lies, and copies others; outputs are read-only ndarrays on its own buffers.
On other devices outputs stay there, as arrays of jax.

Constants of up to `INLINE` bytes stand in the program itself, and so does one number seen everywhere, whatever its shape; larger
ones are arguments, transferred once.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla.engines.xla import host
from nabla.engines.xla.kernel import jax, lax
from nabla.engines.xla.table import HOST, KERNELS
from nabla.graph.graph import Graph
from nabla.graph.node import Node

INLINE = 1024
"""Bytes of a constant above which it is an argument of the program: XLA takes long over large constants."""


def compile(graph: Graph, device: Any = None) -> Callable[..., list[Any]]:
    """A function from one value per input of the graph to one value per output. device: one of jax's; without it, the CPU."""
    if device is None:
        device = jax.local_devices(backend="cpu")[0]
    program = _Program(graph)
    traced = jax.jit(program, in_shardings=jax.sharding.SingleDeviceSharding(device))
    on_cpu = device.platform == "cpu"
    count = len(graph.inputs)
    with jax.enable_x64(True):
        arguments = [jax.device_put(np.ascontiguousarray(x), device) for x in program.arguments]
    enable_x64 = jax.enable_x64
    asarray = np.asarray

    def run(*values: Any) -> list[Any]:
        if len(values) != count:
            raise TypeError(f"this graph has {count} inputs; got {len(values)} values")
        with enable_x64(True):
            outs = traced(*values, *arguments)
        return [asarray(x) for x in outs] if on_cpu else outs

    return run


class _Program:
    """The graph as a function that jax can trace: of its inputs, and then of its large constants (`arguments`)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        known = {*graph.inputs, *graph.nodes}
        constants = [x for node in graph.nodes for x in node.inputs if x not in known]
        constants += [x for x in graph.outputs if x not in known]
        self.inlined: list[Node] = []
        self.passed: list[Node] = []
        for x in dict.fromkeys(constants):
            (self.passed if _is_large(x.value) else self.inlined).append(x)
        self.arguments = [x.value for x in self.passed]

    def __call__(self, *values: Any) -> list[Any]:
        memory: dict[Node, Any] = {x: _inline(x.value) for x in self.inlined}
        memory.update(zip((*self.graph.inputs, *self.passed), values))
        for node in self.graph.nodes:
            inputs = [memory[x] for x in node.inputs]
            prim, params = node.prim, node.params
            if prim in HOST:
                memory[node] = host.call(prim, node.shape, node.dtype, *inputs, **params)
            else:
                memory[node] = KERNELS[prim](*inputs, **params)
        return [memory[x] for x in self.graph.outputs]


def _is_one_number(value: Any) -> bool:
    """Whether it is one number seen everywhere: a scalar, or an array that is a single element broadcast."""
    return not value.shape or value.size == 1 or (value.size > 0 and not any(value.strides))


def _is_large(value: Any) -> bool:
    return value.nbytes > INLINE and not _is_one_number(value)


def _inline(value: Any) -> Any:
    if value.shape and _is_one_number(value):
        return lax.full(value.shape, value[(0,) * value.ndim], value.dtype)
    return value
