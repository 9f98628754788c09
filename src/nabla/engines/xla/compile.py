"""Running a closed graph on XLA: `compile(graph)` is a function of the input values that keeps nothing between calls.

The whole graph is one program. It is traced and compiled at its first call, from then on only called: a call costs what one of a
jitted function of jax costs, and, where ndarrays are among the inputs, about two microseconds more for the switch to 64-bit
numbers, which is thrown for our own calls alone and never for the program that uses us. The inputs may be ndarrays, NumPy scalars,
or arrays of jax. On a CPU, XLA reads an ndarray that starts at a multiple of 64 bytes where it lies, and copies others; outputs are
read-only ndarrays on its own buffers.
Inputs that lie on devices, as arrays of jax, say where the program runs, and its outputs stay there.

Constants of up to `INLINE` bytes stand in the program itself, and so does one number seen everywhere, whatever its shape; larger
ones are arguments, transferred once.
"""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from nabla.engines.engine import Engine, Executable, Memory
from nabla.engines.xla import control, devices, host
from nabla.engines.xla.failures import reported, translated
from nabla.engines.xla.kernel import full, jax, origins
from nabla.engines.xla.meshes import put_beside, want_one_place
from nabla.engines.xla.table import HOST, KERNELS
from nabla.graph.graph import Graph
from nabla.graph.node import Node, runtime
from nabla.graph.simplify import simplify
from nabla.primitives.placement import Mesh, constrain

INLINE = 1 << 15
"""Bytes of a constant above which it is an argument of the program: XLA takes long over large constants."""


def compile(graph: Graph, device: Any = None) -> Executable:
    """A function from one value per input of the graph to one value per output. device: one of jax's; without it, the CPU."""
    return Lowering(graph, device).compile().run


class Lowering:
    """A graph as StableHLO for a device."""

    def __init__(self, graph: Graph, device: Any = None) -> None:
        self.device = devices.find("cpu") if device is None else device
        graph = simplify(graph)
        inside = set(graph.nodes)
        self.graph = graph
        self.computed = tuple(dict.fromkeys([x for x in graph.outputs if x in inside]))
        self.program = Program(Graph(graph.inputs, graph.nodes, self.computed))
        self.mesh = next(_meshes(graph), None)
        # Where jax computes on the device anyway, telling it so costs time at each call.
        here = self.mesh is not None or self.device == jax.devices()[0]
        placed = {} if here else {"in_shardings": jax.sharding.SingleDeviceSharding(self.device)}
        self.function = devices.compiled_for(self.device.platform, self.program, **placed)
        self.passed = [x.value if devices.away([x.value]) else np.asarray(x.value, order="C") for x in self.program.passed]

    @cached_property
    def lowered(self) -> Any:
        with reported(), jax.enable_x64(True):
            return self.function.lower(*map(_kind, self.graph.inputs), *map(_kind, self.passed))

    @property
    def texts(self) -> dict[str, Callable[[], str]]:
        return {"stablehlo": lambda: str(self.lowered.as_text()), "hlo": lambda: str(self.lowered.compile().as_text())}

    def compile(self) -> Compilation:
        return Compilation(self)


def _kind(x: Any) -> Any:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


class Compilation:
    """A program of XLA, and how it is called. It is compiled when that is first asked for, or when it first runs."""

    fresh = False

    def __init__(self, lowering: Lowering) -> None:
        self._lowering = lowering
        self.graph = lowering.graph
        self._elsewhere = _Elsewhere(lowering)
        self.run = _arranged(lowering, _runner(lowering, self._elsewhere))

    @cached_property
    def compiled(self) -> Any:
        lowered = self._lowering.lowered
        with reported(), jax.enable_x64(True):
            return lowered.compile()

    def warm(self, values: Sequence[Any] | None) -> None:
        """Compile it for where it runs on these inputs; without, for the processor."""
        if values is not None and self._elsewhere.takes(values):
            self._elsewhere.compile(values)
        else:
            assert self.compiled

    def as_text(self) -> str:
        """HLO, as XLA has optimised it."""
        return str(self.compiled.as_text())

    def memory(self) -> Memory:
        found = self.compiled.memory_analysis()
        results = found.output_size_in_bytes - found.alias_size_in_bytes
        return Memory(found.argument_size_in_bytes, results, found.temp_size_in_bytes)


_OFF = SimpleNamespace(value=False)
"""In place of jax's switch, where it does not say how it stands."""


def _runner(lowering: Lowering, elsewhere: _Elsewhere) -> Executable:
    """A call of the program, which finds what was compiled: from values of the inputs to those of what is computed.

    The switch to 64-bit numbers costs two microseconds and more, since jax then looks its settings up anew. It is not touched where
    the program that uses us has thrown it, nor where all inputs are buffers: what was compiled takes them as they are.
    """
    function, count, bound = lowering.function, len(lowering.graph.inputs), elsewhere.always
    arguments = [] if bound else [devices.put(x, lowering.device) for x in lowering.passed]
    on_cpu = lowering.device.platform == "cpu"
    enable_x64, failure, away = jax.enable_x64, jax.errors.JaxRuntimeError, devices.away
    switch = enable_x64 if hasattr(enable_x64, "value") else _OFF
    asarray, ndarray, buffer, view = np.asarray, np.ndarray, devices.kind_of_buffers(), memoryview if on_cpu else None
    compiled: Any = None
    idle: list[Any] = []

    def run(*values: Any) -> Sequence[Any]:
        nonlocal compiled
        if len(values) != count:
            raise TypeError(f"this graph has {count} inputs; got {len(values)} values")
        if bound or (runtime.away and away(values)):
            return elsewhere(values)
        given = []
        direct = on_cpu
        for x in values:
            kind = type(x)
            if kind is ndarray:
                base = x.base
                # jax takes a buffer faster than the array that shows it, whole. In the order of what it costs to ask; the shape of
                # a memoryview is that of its buffer.
                if type(base) is view:
                    shown: Any = base.obj
                    if type(shown) is buffer and base.shape == x.shape and shown.dtype is x.dtype and x.flags.c_contiguous:
                        given.append(shown)
                        continue
            if kind is not buffer:
                direct = False
            given.append(x)
        try:
            if direct:
                if compiled is None:
                    with enable_x64(True):
                        compiled = lowering.lowered.compile()
                outs = compiled(*given, *arguments)
            elif switch.value:
                outs = function(*given, *arguments)
            else:
                try:
                    context = idle.pop()
                except IndexError:
                    context = enable_x64(True)
                with context:
                    outs = function(*given, *arguments)
                if switch is not _OFF:  # it can be entered again, by one at a time; to make another one takes longer
                    idle.append(context)
            return [asarray(x) for x in outs] if on_cpu else outs
        except failure as error:
            raise translated(error) from None
        except ValueError as error:  # so says a result that was waited for, where a call to the host raised
            raise (translated(error) if "CpuCallback" in str(error) else error) from None

    return run


def _arranged(lowering: Lowering, run: Executable) -> Executable:
    """What is an input or a constant is handed on as it is, and nothing is computed twice."""
    graph, computed = lowering.graph, lowering.computed
    if computed == graph.outputs:
        return run
    places = {x: i for i, x in enumerate(computed)}
    given = {x: i for i, x in enumerate(graph.inputs)}

    def arrange(*values: Any) -> Sequence[Any]:
        outs = run(*values) if computed else ()
        return [outs[places[x]] if x in places else values[given[x]] if x in given else x.value for x in graph.outputs]

    return arrange


class _Elsewhere:
    """The program on the devices that its inputs or its constants lie on, or on those of the mesh that it names. What lies in
    memory goes there, too, and as a whole to each of them if they are several."""

    def __init__(self, lowering: Lowering) -> None:
        self._constants, self._mesh = lowering.passed, lowering.mesh
        self._program = lowering.program
        self._moved: dict[Any, tuple[Any, list[Any]]] = {}
        self.always = self._mesh is not None or bool(devices.away(self._constants))

    def takes(self, values: Sequence[Any]) -> bool:
        """Whether it is here that the program runs on such inputs."""
        return self.always or bool(runtime.away and devices.away(values))

    def compile(self, values: Sequence[Any]) -> None:
        with reported(), jax.enable_x64(True):
            function, constants = self._there(values)
            function.lower(*values, *constants).compile()

    def __call__(self, values: Sequence[Any]) -> Sequence[Any]:
        with reported(), jax.enable_x64(True):
            function, constants = self._there(values)
            found: Sequence[Any] = function(*values, *constants)
            return found

    def _there(self, values: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The program for where it runs on these inputs, and the constants that are arguments, there."""
        buffers = devices.away([*values, *self._constants])
        key = want_one_place("jit", buffers, self._mesh)
        found = self._moved.get(key)
        if found is None:
            function = devices.compiled_for(devices.platform_of(key), self._program)
            found = self._moved[key] = function, [put_beside(x, buffers, self._mesh) for x in self._constants]
        return found


ENGINE = Engine("xla", Lowering, devices.held, warm=Compilation.warm)


class Program:
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
        origins.forget()
        try:
            constants = {x: _inline(value) for x, value in self.constants.items()}
            return _Trace({**constants, **arguments})(self.graph, values[:count])
        finally:
            origins.forget()


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
        for held in _held(node):
            yield from _constants(held)
    yield from (x for x in graph.outputs if x not in known)


def _meshes(graph: Graph) -> Iterator[Mesh]:
    """The meshes that the nodes of a graph name, and those of the graphs that they hold."""
    for node in graph.nodes:
        if node.prim is constrain:
            yield node.params["place"].mesh
        for held in _held(node):
            yield from _meshes(held)


def _held(node: Node) -> Iterator[Graph]:
    """The graphs that a node holds."""
    for value in node.params.values():
        for held in value if isinstance(value, tuple) else (value,):
            if isinstance(held, Graph):
                yield held


def _is_one_number(value: Any) -> bool:
    """Whether it is one number seen everywhere: a scalar, or an array that is a single element broadcast."""
    return not value.shape or value.size == 1 or (value.size > 0 and not any(value.strides))


def _is_large(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, np.generic)):  # it lies on a device
        return True
    return value.nbytes > INLINE and not _is_one_number(value)


def _inline(value: Any) -> Any:
    if value.shape and _is_one_number(value):
        return full(value.shape, value[(0,) * value.ndim])
    return value
