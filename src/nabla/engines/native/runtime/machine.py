"""The processor that code is written for: its name and features for LLVM, how many numbers it takes at once, its vector functions.

NABLA_TARGET says "native" for all that this processor can do, which is the default; "avx2" for x86-64 as of 2013; "scalar" for the
plainest processor of the architecture, one number at a time and no vector functions. Less than native is for tests, and to find out
whether a result hangs on the processor.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Mapping

from nabla import lazy
from nabla.errors import ArgumentError

llvm = lazy.LazyModule(
    "llvmlite.binding", "install it with: pip install llvmlite; nb.jit does without it by engine='numpy' or NABLA_ENGINE=numpy"
)

TARGETS = ("native", "avx2", "scalar")
V3 = ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
"""What LLVM's processor x86-64-v3 has and x86-64 has not."""

ONE = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "erf",
    "erfc", "cbrt",
)  # fmt: skip
TWO = ("atan2", "pow", "hypot")
"""The functions of C that glibc has for vectors, by how many arguments they take."""
WITHOUT = {"aarch64": frozenset(["powf", "log1p", "log1pf"])}
"""Those of an architecture that are left out. Of AArch64, powf is off by 2**(1/32) where the result is in the middle between two
powers of that, as powf(2, 1/64) is; log1p has few digits for what is computed from it."""


@dataclass(frozen=True)
class Machine:
    """What code is written for. It need not be the processor that there is: code for another can be written, but not run."""

    triple: str
    """How LLVM names the architecture, the system and its conventions."""
    architecture: str
    cpu: str
    features: str
    lanes: int
    """How many numbers of 64 bits one instruction takes."""
    vectors: Mapping[tuple[str, int], str]
    """The symbol of a function for so many numbers at once: ("exp", 4) for four of float64, ("expf", 8) for eight of float32."""
    addresses: Mapping[str, int]
    """Where the functions behind these symbols are."""
    halves: bool
    """Whether it converts numbers of half precision."""

    @property
    def gathers(self) -> bool:
        """Whether it reads and writes numbers in many places by one instruction, and gains by that: AVX-512 does."""
        return self.architecture == "x86_64" and self.lanes == 8

    @property
    def fuses(self) -> bool:
        """Whether one instruction multiplies and adds, and rounds once."""
        return self.architecture == "aarch64" or (self.architecture == "x86_64" and self.lanes >= 4)


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The processor that all code of this process is written for."""
    target = os.environ.get("NABLA_TARGET") or "native"
    triple = llvm.get_process_triple()
    architecture = llvm.get_triple_parts(triple).Arch
    features = llvm.get_host_cpu_features()
    cpu, wanted, lanes = chosen(target, architecture, llvm.get_host_cpu_name(), features.flatten(), features)
    found = functions_here(vector_symbols(architecture, lanes))
    vectors = {key: symbol for key, (symbol, _) in found.items()}
    halves = architecture == "aarch64" or (architecture == "x86_64" and target != "scalar" and bool(features.get("f16c")))
    return Machine(triple, architecture, cpu, wanted, lanes, vectors, dict(found.values()), halves)


def chosen(target: str, architecture: str, cpu: str, flags: str, has: Mapping[str, bool]) -> tuple[str, str, int]:
    """The name and features of the processor for LLVM, and its lanes; `cpu`, `flags` and `has` are those of the one there is."""
    if target not in TARGETS:
        raise ArgumentError(f"the environment variable NABLA_TARGET is {target!r}; it may be {', '.join(TARGETS)}")
    x86 = architecture == "x86_64"
    if target == "scalar":
        return "x86-64" if x86 else "generic", "", 1
    if target == "avx2":
        if not (x86 and all(has.get(feature) for feature in V3)):
            raise ArgumentError(
                "the environment variable NABLA_TARGET is 'avx2', which this processor has not; 'scalar' works on all"
            )
        return "x86-64-v3", "", 4
    return cpu, flags, 8 if x86 and has.get("avx512f") else 4 if x86 and has.get("avx2") else 2


def vector_symbols(architecture: str, lanes: int) -> dict[tuple[str, int], str]:
    """What glibc calls its vector functions, by the vector ABI of each architecture: _ZGV, the instruction set, N for no mask, how
    many numbers, a v for each argument."""
    sets = {"x86_64": {2: "b", 4: "d", 8: "e"}, "aarch64": {2: "n"}}.get(architecture, {})
    symbols: dict[tuple[str, int], str] = {}
    # float32: all that fit an instruction, and as many as there are of float64, for code that has both.
    for suffix, count, letter in (
        ("", lanes, sets.get(lanes)),
        ("f", 2 * lanes, sets.get(lanes)),
        ("f", lanes, sets.get(lanes // 2)),
    ):
        if letter:
            symbols |= {(name + suffix, count): f"_ZGV{letter}N{count}v_{name}{suffix}" for name in ONE}
            symbols |= {(name + suffix, count): f"_ZGV{letter}N{count}vv_{name}{suffix}" for name in TWO}
    return {key: symbol for key, symbol in symbols.items() if key[0] not in WITHOUT.get(architecture, ())}


def functions_here(symbols: Mapping[tuple[str, int], str]) -> dict[tuple[str, int], tuple[str, int]]:
    """Those that the C library of this process has, each with its address."""
    if not symbols:
        return {}
    try:
        library = ctypes.CDLL("libmvec.so.1")
    except OSError:  # another C library
        return {}
    found = {}
    for key, symbol in symbols.items():
        address = address_in(library, symbol)
        if address is not None:
            found[key] = symbol, address
    return found


def address_in(library: ctypes.CDLL, symbol: str) -> int | None:
    """Where a loaded library has a function; None if it has none of that name."""
    function = getattr(library, symbol, None)
    return ctypes.cast(function, ctypes.c_void_p).value if function else None


def target_machine(level: int) -> Any:
    """LLVM's writer of machine code, for one thread at a time. `level`, from 0 to 3, is how much it tries."""
    initialize()
    own = machine()
    target = llvm.Target.from_triple(own.triple)
    # Code that is next to its constants reaches them without a full address in a register each.
    return target.create_target_machine(own.cpu, own.features, level, reloc="pic", codemodel="small")


@lru_cache(maxsize=1)
def initialize() -> None:
    """Make LLVM ready to write code for this architecture."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
