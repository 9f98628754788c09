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

from typing import Any, Iterator, Sequence

import numpy as np

from nabla.engines.engine import Engine, Executable
from nabla.engines.xla import control, devices, host
from nabla.engines.xla.failures import translated
from nabla.engines.xla.kernel import jax, lax
from nabla.engines.xla.table import HOST, KERNELS
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.graph.simplify import simplify

INLINE = 1 << 15
"""Bytes of a constant above which it is an argument of the program: XLA takes long over large constants."""


def compile(graph: Graph, device: Any = None) -> Executable:
    """A function from one value per input of the graph to one value per output. device: one of jax's; without it, the CPU."""
    if device is None:
        device = devices.find("cpu")
    graph = simplify(graph)
    inside = set(graph.nodes)
    computed = tuple(dict.fromkeys([x for x in graph.outputs if x in inside]))
    program = _Program(Graph(graph.inputs, graph.nodes, computed))
    traced = jax.jit(program, in_shardings=jax.sharding.SingleDeviceSharding(device))
    enable_x64, asarray, failure = jax.enable_x64, np.asarray, jax.errors.JaxRuntimeError
    on_cpu = device.platform == "cpu"
    count = len(graph.inputs)
    arguments = [devices.put(np.ascontiguousarray(x.value), device) for x in program.passed]

    def run(*values: Any) -> Sequence[Any]:
        if len(values) != count:
            raise TypeError(f"this graph has {count} inputs; got {len(values)} values")
        try:
            with enable_x64(True):
                outs = traced(*values, *arguments)
            return [asarray(x) for x in outs] if on_cpu else outs
        except failure as error:
            raise translated(error) from None
        except ValueError as error:  # so says a result that was waited for, where a call to the host raised
            raise (translated(error) if "CpuCallback" in str(error) else error) from None

    if computed == graph.outputs:
        return run

    # What is an input or a constant is handed on as it is, and nothing is computed twice.
    places = {x: i for i, x in enumerate(computed)}
    given = {x: i for i, x in enumerate(graph.inputs)}

    def arrange(*values: Any) -> Sequence[Any]:
        outs = run(*values) if computed else ()
        return [outs[places[x]] if x in places else values[given[x]] if x in given else x.value for x in graph.outputs]

    return arrange


ENGINE = Engine("xla", compile)


class _Program:
    """The graph as a function that jax can trace: of its inputs, and then of its large constants (`passed`)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants: dict[Node, Any] = {}
        self.passed: list[Node] = []
        for x in dict.fromkeys(_constants(graph)):
            if _is_large(x.value):
                self.passed.append(x)
            else:
                self.constants[x] = x.value

    def __call__(self, *values: Any) -> list[Any]:
        count = len(self.graph.inputs)
        arguments = dict(zip(self.passed, values[count:]))
        constants = {x: _inline(value) for x, value in self.constants.items()}
        return _Trace({**constants, **arguments})(self.graph, values[:count])


class _Trace:
    """Writes graphs, and those that their nodes hold, into a program being traced; it knows the constants of all."""

    def __init__(self, constants: dict[Node, Any]) -> None:
        self.constants = constants

    @np.errstate(all="ignore")  # of constants that meet each other
    def __call__(self, graph: Graph, values: Sequence[Any]) -> list[Any]:
        memory = {**self.constants, **dict(zip(graph.inputs, values))}
        for node in graph.nodes:
            inputs = [memory[x] for x in node.inputs]
            prim, params = node.prim, node.params
            if prim in HOST:
                memory[node] = host.call(prim, node.shape, node.dtype, *inputs, **params)
            elif prim in control.KERNELS:
                memory[node] = control.KERNELS[prim](self, *inputs, **params)
            else:
                memory[node] = KERNELS[prim](*inputs, **params)
        return [memory[x] for x in graph.outputs]


def _constants(graph: Graph) -> Iterator[Node]:
    """The constants of a graph, and those of the graphs that its nodes hold."""
    known = {*graph.inputs, *graph.nodes}
    for node in graph.nodes:
        yield from (x for x in node.inputs if x not in known)
        for value in node.params.values():
            for held in value if isinstance(value, tuple) else (value,):
                if isinstance(held, Graph):
                    yield from _constants(held)
    yield from (x for x in graph.outputs if x not in known)


def _is_one_number(value: Any) -> bool:
    """Whether it is one number seen everywhere: a scalar, or an array that is a single element broadcast."""
    return not value.shape or value.size == 1 or (value.size > 0 and not any(value.strides))


def _is_large(value: Any) -> bool:
    return value.nbytes > INLINE and not _is_one_number(value)


def _inline(value: Any) -> Any:
    if value.shape and _is_one_number(value):
        return lax.full(value.shape, value[(0,) * value.ndim], value.dtype)
    return value
