"""Compiling a graph to machine code, and calling it.

The function takes the addresses of the arrays themselves, of inputs and then of outputs, and finds their data where NumPy keeps the
pointer (calling.py). Its outputs are new arrays at each call. A graph for which there is no code here yet runs on the NumPy engine.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from nabla import lazy
from nabla.engines import engine
from nabla.engines.engine import Engine, Executable
from nabla.engines.native.arithmetic import Unsupported
from nabla.engines.native.arrays import Lazy, stored
from nabla.engines.native.calling import FIELDS, caller, python_functions, shim
from nabla.engines.native.registers import Writer
from nabla.engines.native.text import TYPES
from nabla.engines.native.values import Memory
from nabla.engines.numpy.compile import ENGINE as REFERENCE
from nabla.graph.graph import Graph
from nabla.graph.simplify import simplify
from nabla.primitives.cost import bytes_of

llvm = lazy.optional("llvmlite.binding", "native")


class Lowering:
    """A graph about to be compiled: as LLVM's assembly, or, where there is no code for it, as the NumPy engine has it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = simplify(graph)
        self.source = ""
        self._elsewhere: Any = None
        try:
            self.source, self.writer = written(self.graph)
        except Unsupported:
            self._elsewhere = REFERENCE.lower(graph)

    def as_text(self) -> str:
        return self.source or self._elsewhere.as_text()

    def compile(self) -> Any:
        return Compiled(self) if self.source else self._elsewhere.compile()


class Compiled:
    """A graph as machine code."""

    fresh = True

    def __init__(self, lowering: Lowering) -> None:
        self._lowering = lowering
        self._machine, self.run = _callable(lowering.graph, lowering.source, lowering.writer)

    def as_text(self) -> str:
        """In the assembly of this processor."""
        return self._machine

    def memory(self) -> engine.Memory:
        graph = self._lowering.graph
        return engine.Memory(
            sum(map(bytes_of, graph.inputs)), sum(map(bytes_of, graph.outputs)), self._lowering.writer.arena
        )  # fmt: skip


def written(graph: Graph) -> tuple[str, Writer]:
    """The graph as LLVM's assembly."""
    w = Writer(*vectors())
    code = w.code
    inputs = []
    for i, x in enumerate((*graph.inputs, *graph.outputs)):
        if type(x.dtype) is tuple or x.dtype.name not in TYPES:
            raise Unsupported(f"the dtype {x.dtype}")
        array = code.op(f"inttoptr i64 %a{i} to ptr")
        where = code.op(f"getelementptr i8, ptr {array}, i64 {FIELDS['data']}")
        data = code.op(f"load ptr, ptr {where}", "data")
        inputs.append(Memory(data, x.shape, x.dtype, False, data))
    count = len(graph.inputs)
    w.targets = {x: room for x, room in zip(graph.outputs, inputs[count:]) if graph.outputs.count(x) == 1}
    outs = w.graph(graph, inputs[:count])
    lazies: dict[tuple[int, ...], list[tuple[Lazy, Memory]]] = {}
    for room, out in zip(inputs[count:], outs):
        if isinstance(out, Lazy):
            lazies.setdefault(out.shape, []).append((out, room))
        else:
            w.store_all(room, out)
    for parts in lazies.values():
        stored(w, parts)
    code.do("ret void")
    arguments = ", ".join([f"i64 %a{i}" for i in range(len(inputs))] + ["ptr %arena"])
    lines = [
        *code.declared.values(),
        f"define void @run({arguments}) {{", "begin:", *code.entry, *code.lines, "}",
        "attributes #0 = { nounwind willreturn memory(none) }",
    ]  # fmt: skip
    return "\n".join(lines), w


def _callable(graph: Graph, source: str, writer: Writer) -> tuple[str, Executable]:
    machine, library = _built(source + shim(len(graph.inputs) + len(graph.outputs)))
    address = library.get_function_address("enter")
    return machine, caller(graph, address, writer.arena, _library, (library, writer.constants))


def _library(source: str) -> Any:
    """The door, which calls Python."""
    for name, address in python_functions().items():
        llvm.add_symbol(name, address)
    return _built(source)[1]


def _built(source: str) -> tuple[str, Any]:
    """Machine code for this processor, as text and ready to run."""
    machine = _machine()
    module = llvm.parse_assembly(source)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(module, passes)
    text = machine.emit_assembly(module)
    library = llvm.create_mcjit_compiler(module, _new_machine())
    library.finalize_object()
    return text, library


_machines: list[Any] = []


@lru_cache(maxsize=1)
def vectors() -> tuple[int, dict[tuple[str, int], str]]:
    """The lanes of this processor, and the functions of glibc's vector library for as many numbers."""
    features = llvm.get_host_cpu_features()
    lanes = 8 if features.get("avx512f") else 4 if features.get("avx2") else 2
    found: dict[tuple[str, int], str] = {}
    prefixes = {8: ("_ZGVeN8", "_ZGVdN8"), 4: ("_ZGVdN4", "_ZGVbN4"), 2: ("_ZGVbN2", "")}[lanes]
    try:
        library = ctypes.CDLL("libmvec.so.1")
    except OSError:  # not this C library, or not this processor
        return lanes, found
    for name in VECTOR_FUNCTIONS:
        for prefix, own in zip(prefixes, (name, name + "f")):
            symbol = prefix + ("vv_" if name in ("pow", "atan2", "hypot") else "v_") + own
            address = getattr(library, symbol, None) if prefix else None
            if address is not None:
                llvm.add_symbol(symbol, ctypes.cast(address, ctypes.c_void_p).value)
                found[own, lanes] = symbol
    return lanes, found


VECTOR_FUNCTIONS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "cbrt", "pow", "hypot",
)  # fmt: skip


def _machine() -> Any:
    if not _machines:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _machines.append(_new_machine())
    return _machines[0]


def _new_machine() -> Any:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )  # fmt: skip


ENGINE = Engine("native", Lowering)
