"""Compiling a graph to machine code, and calling it.

graph -> loops (graphs.py) -> better loops (the passes below) -> LLVM's assembly (emission.py) -> machine code.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Mapping

import numpy as np

from nabla.engines import engine
from nabla.engines.engine import Engine, Executable
from nabla.engines.native.llvm.emission import Module, vector_bytes
from nabla.engines.native.llvm.text import TYPES
from nabla.engines.native.loops import ZERO, Program, size_of
from nabla.engines.native.lowering.graphs import Graphs
from nabla.engines.native.lowering.values import Array, Unsupported
from nabla.engines.native.lowering.writer import Writer
from nabla.engines.native.passes.forwarding import forwarded, hoisted, needed
from nabla.engines.native.passes.fusion import fused
from nabla.engines.native.passes.interchange import interchanged
from nabla.engines.native.passes.nests import flattened, in_pieces, time_of, vectorized
from nabla.engines.native.passes.parts import in_parts
from nabla.engines.native.passes.plan import planned
from nabla.engines.native.passes.tiling import tiled
from nabla.engines.native.passes.unrolling import unrolled, unrolled_inside
from nabla.engines.native.passes.watching import watched
from nabla.engines.native.runtime import gemm, machine, objects
from nabla.engines.native.runtime.calling import caller, is_short
from nabla.engines.native.runtime.levels import FULL, Code
from nabla.engines.native.runtime.pool import pool
from nabla.engines.native.runtime.references import Kernels
from nabla.engines.numpy.compile import ENGINE as REFERENCE
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.graph.simplify import simplify
from nabla.primitives.cost import bytes_of


class Lowering:
    """A graph about to be compiled: as loops and as LLVM's assembly, or, where there is no code for it, as the NumPy engine has
    it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = simplify(graph)
        self._elsewhere: Any = None
        try:
            self.program, self.writer, self.arena = written(self.graph)
        except Unsupported:
            self._elsewhere = REFERENCE.lower(graph)
            return
        module = Module(self.program, machine.machine())
        self.source = module.text()
        self.accesses = module.accesses

    @property
    def texts(self) -> Mapping[str, Callable[[], str]]:
        if self._elsewhere is not None:
            found: Mapping[str, Callable[[], str]] = self._elsewhere.texts
            return found
        return {"loops": lambda: str(self.program), "llvm": lambda: self.source, "assembly": self.assembly}

    def assembly(self) -> str:
        """In the assembly of this processor, compiled as well as LLVM can."""
        return objects.emitted(self.source, FULL, assembly=True).decode()

    def compile(self) -> Any:
        return Compiled(self) if self._elsewhere is None else self._elsewhere.compile()


class Compiled:
    """A graph as machine code."""

    fresh = True

    def __init__(self, lowering: Lowering) -> None:
        self._lowering = lowering
        self.graph = lowering.graph
        self.run = _callable(lowering)

    def as_text(self) -> str:
        return self._lowering.assembly()

    def memory(self) -> engine.Memory:
        graph = self._lowering.graph
        return engine.Memory(
            sum(map(bytes_of, graph.inputs)), sum(map(bytes_of, graph.outputs)), self._lowering.arena
        )  # fmt: skip


Pass = Callable[[Program], Program]


def written(graph: Graph, check: Pass = lambda program: program) -> tuple[Program, Writer, int]:
    """The graph as a program, what else it needs, and the bytes of its arena. check: is shown the program after each step."""
    for x in (*graph.inputs, *graph.outputs):
        if type(x.dtype) is tuple or (x.dtype.name not in TYPES and x.dtype.kind != "c"):
            raise Unsupported(f"the dtype {x.dtype}")
    w = Writer()
    count = len(graph.inputs)
    inputs = [_given(w, x, "input", i) for i, x in enumerate(graph.inputs)]
    rooms = [_given(w, x, "output", count + i) for i, x in enumerate(graph.outputs)]
    uses = Counter([y for node in graph.nodes for y in dict.fromkeys(node.inputs)])
    uses.update(graph.outputs)
    with w.aiming(graph.outputs, rooms):
        for x, room in list(w.targets.items()):
            for y in _updated(x, uses) if isinstance(x, Node) else ():
                w.targets.setdefault(y, room)
        outs = Graphs(w).write(graph, inputs)
    for room, out in zip(rooms, outs):
        w.copy(room, out)
    width = vector_bytes(machine.machine())
    program = check(w.program())
    passes: list[Pass] = [
        unrolled, hoisted, forwarded, fused, unrolled_inside, forwarded, needed, interchanged, hoisted, flattened,
        tiled, lambda p: vectorized(p, width), in_pieces, in_parts, watched,
    ]  # fmt: skip
    for step in passes:
        program = check(step(program))
    arena = planned(program)
    check(program)
    return program, w, arena


def _updated(x: Node, uses: Mapping[Node, int]) -> list[Node]:
    """What x is with all but the last parts written, with all but the last two, and so on, as far as nobody else wants it."""
    found = []
    while x.inputs and x.prim.updates and x.inputs[0].prim.updates and uses[x.inputs[0]] == 1:
        x = x.inputs[0]
        found.append(x)
    return found


def _given(w: Writer, x: Any, place: str, number: int) -> Array:
    return Array(w.buffer(x.dtype, x.size, place, number), ZERO, x.shape, x.dtype, False)


def _callable(lowering: Lowering) -> Executable:
    graph, writer = lowering.graph, lowering.writer
    kernels = Kernels(writer.references, lowering.accesses)
    extra = np.array([kernels.address, *[x.ctypes.data for x in writer.constants]], np.int64)
    if "@nabla_parallel(" in lowering.source:
        pool()
    gemm.provide(lowering.source)
    body = lowering.program.body
    code = Code(lowering.source, size_of(body), time_of(body))
    # Threads of the pool that look for signals wait for Python's lock, so who waits for them may not have it.
    short = is_short(graph) and "@PyGILState_Ensure(" not in lowering.source
    return caller(graph, code, lowering.arena, short, extra.ctypes.data, kernels.fail, (code, writer.constants, kernels, extra))


ENGINE = Engine("native", Lowering, in_memory=True)
