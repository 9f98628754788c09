"""The same programs for other processors than this one: run by it where it can, and else read.

LLVM writes a vector that is wider than those of a processor as several, so code for eight lanes runs on all of them. What runs on
none here, AVX-512 and AArch64, is at least written by LLVM to the end, and what it calls is known there.
"""

import re

import numpy as np
import pytest
from processes import TESTS, printed_by
from test_native import LARGE
from test_native_levels import SMALL
from test_native_numbers import DTYPES, X86, arguments, check, graph_of, of_dtype

import nabla as nb
from nabla.engines.native.compile import ENGINE
from nabla.engines.native.runtime import calling, gemm, machine, objects, pool
from nabla.engines.native.runtime.machine import Machine, vector_symbols
from nabla.engines.numpy.compile import ENGINE as REFERENCE

PROGRAMS = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
import nabla as nb
from nabla.engines.native.compile import ENGINE, written
from nabla.engines.native.checking import checked
from nabla.engines.native.runtime.machine import machine
from nabla.engines.numpy.compile import ENGINE as REFERENCE
from nabla.graph.simplify import simplify
from test_native import LARGE
from test_native_levels import SMALL

for name, (f, *arrays) in {{**LARGE, **SMALL}}.items():
    graph = nb.make_graph(f)(*arrays)
    written(simplify(graph), checked)
    for a, b in zip(ENGINE.executable(graph)(*arrays), REFERENCE.executable(graph)(*arrays), strict=True):
        single = "f4" in [x.dtype.str[1:] for x in arrays]
        np.testing.assert_allclose(a, b, rtol=1e-4 if single else 1e-9, atol=1e-5 if single else 1e-11, err_msg=name)
print(machine().lanes)
"""


@pytest.mark.parametrize(("target", "lanes"), [("avx2", 4), ("scalar", 1)] if X86 else [("scalar", 1)])
def test_programs_on_a_lesser_processor(target, lanes):
    assert printed_by(PROGRAMS.format(tests=TESTS), NABLA_TARGET=target) == f"{lanes}\n"


# ---- run here -------------------------------------------------------------------------------------------------

PROGRAMS_OF_ARRAYS = {**LARGE, **SMALL}


@pytest.fixture(params=[8, 2])
def lanes(request, monkeypatch):
    """This processor, as if it took so many numbers at once: as two vectors, or as a half; by no vector functions that it cannot
    call."""
    own = machine.machine()
    found = machine.functions_here(vector_symbols(own.architecture, 2)) if request.param == 2 else {}
    vectors, addresses = {key: symbol for key, (symbol, _) in found.items()}, dict(found.values())
    other = Machine(**{**vars(own), "lanes": request.param, "vectors": vectors, "addresses": addresses})
    monkeypatch.setattr(machine, "machine", lambda: other)
    return request.param


@pytest.mark.parametrize("name", PROGRAMS_OF_ARRAYS)
def test_programs_by_other_lanes(name, lanes):
    f, *arrays = PROGRAMS_OF_ARRAYS[name]
    graph = nb.make_graph(f)(*arrays)
    single = "f4" in [x.dtype.str[1:] for x in arrays]
    for a, b in zip(ENGINE.executable(graph)(*arrays), REFERENCE.executable(graph)(*arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4 if single else 1e-9, atol=1e-5 if single else 1e-11)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_by_other_lanes(dtype, count, lanes):
    check(dtype, count)


# ---- read -----------------------------------------------------------------------------------------------------


def other(triple, architecture, cpu, lanes, vectors, halves=True):
    return Machine(triple, architecture, cpu, "", lanes, vectors, {}, halves)


LINUX, MAC = "{}-unknown-linux-gnu", "{}-apple-macosx11.0"
OTHERS = {
    "x86-64 with AVX-512": other(LINUX.format("x86_64"), "x86_64", "skylake-avx512", 8, vector_symbols("x86_64", 8)),
    "x86-64 with AVX-512, of AMD": other(LINUX.format("x86_64"), "x86_64", "znver4", 8, vector_symbols("x86_64", 8)),
    "x86-64": other(LINUX.format("x86_64"), "x86_64", "x86-64", 2, vector_symbols("x86_64", 2), False),
    "x86-64, one by one": other(LINUX.format("x86_64"), "x86_64", "x86-64", 1, {}, False),
    "x86-64, macOS": other(MAC.format("x86_64"), "x86_64", "x86-64-v3", 4, {}),
    "AArch64": other(LINUX.format("aarch64"), "aarch64", "generic", 2, vector_symbols("aarch64", 2)),
    "AArch64, an older C library": other(LINUX.format("aarch64"), "aarch64", "generic", 2, {}),
    "AArch64, macOS": other(MAC.format("arm64"), "aarch64", "apple-m1", 2, {}),
}
OF_C = {
    "bzero", "ceil", "ceilf", "floor", "floorf", "fma", "fmaf", "memcpy", "memset", "memmove", "rint", "rintf", "trunc", "truncf",
}  # fmt: skip
"""What LLVM may call for an instruction that a processor does not have. Every C library has it."""


def symbols_called(assembly, triple):
    found = set(re.findall(r"^\t(?:callq|jmp|bl|b|call)\t([A-Za-z_][\w.$]*)(?:@PLT)?$", assembly, re.M))
    return {name[1:] for name in found if name.startswith("_")} if "apple" in triple else found


@pytest.mark.parametrize("name", OTHERS)
def test_code_for_others(name, monkeypatch):
    machine.llvm.initialize_all_targets()
    machine.llvm.initialize_all_asmprinters()
    own = OTHERS[name]
    monkeypatch.setattr(machine, "machine", lambda: own)
    graphs = {key: nb.make_graph(f)(*arrays) for key, (f, *arrays) in PROGRAMS_OF_ARRAYS.items()}
    for dtype in DTYPES:
        for count in (1, 2):
            if primitives := list(of_dtype(dtype, count)):
                graphs[f"{dtype} {count}"] = graph_of(primitives, arguments(dtype, count))
    texts = {key: ENGINE.lower(graph).source for key, graph in graphs.items()}
    texts |= {"the door": calling.DOOR, "the pool": pool.text(own.architecture)}
    texts |= {f"{name} products": gemm.text(own, np.dtype(name)) for name in ("float32", "float64")}
    whole = ""
    for key in ("a chain", "in blocks", "the pool"):
        assert objects.emitted(texts[key], 0).startswith(b"\xcf\xfa\xed\xfe" if "apple" in own.triple else b"\x7fELF")
    for key, text in texts.items():
        assembly = objects.emitted(text, 0 if key.split()[0] in DTYPES else 2, assembly=True).decode()
        known = {*objects.outside(text), *re.findall(r"^define [^@\n]*@([\w.$]+)\(", text, re.M), *OF_C}
        assert symbols_called(assembly, own.triple) <= known, key
        whole += assembly
    vectors = set(re.findall(r"_ZGV\w+", whole))
    assert vectors <= set(own.vectors.values()) and bool(vectors) == bool(own.vectors)
    assert ("zmm" in whole, "ymm" in whole) == (own.lanes == 8, own.lanes >= 4)
    assert ("v0.2d" in whole) == (own.architecture == "aarch64")


def test_wide_vectors_are_handed_over_whole(monkeypatch):
    """An argument of a vector function for AVX-512 is in one register, as the function expects."""
    monkeypatch.setattr(machine, "machine", lambda: OTHERS["x86-64 with AVX-512"])
    lowering = ENGINE.lower(nb.make_graph(nb.sin)(np.ones(1000)))
    for level in (0, 2):
        lines = objects.emitted(lowering.source, level, assembly=True).decode().splitlines()
        call = next(i for i, line in enumerate(lines) if "call" in line and "_ZGVeN8v_sin" in line)
        assert "zmm0" in "".join(lines[max(call - 8, 0) : call])


@pytest.mark.parametrize(("name", "puts_back"), [("AArch64", True), ("AArch64, an older C library", False), ("x86-64", False)])
def test_zeros_keep_their_sign(name, puts_back, monkeypatch):
    """glibc's vector functions for AArch64 make 0.0 of -0.0."""
    monkeypatch.setattr(machine, "machine", lambda: OTHERS[name])
    for f in (nb.sin, nb.tan, nb.arctan):
        text = ENGINE.lower(nb.make_graph(f)(np.ones(1000))).source
        assert ("select <2 x i1>" in text) == puts_back
