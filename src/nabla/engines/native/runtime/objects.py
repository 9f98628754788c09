"""From LLVM's assembly to object code, and from object code to functions in memory.

The object code of a text is the same in each process, so it can be kept on disk. What it calls from outside is linked by name: a
function registered here, or one of the libraries in the process (math, threads). A name that nobody has is an error.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import re
import threading
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator, Sequence

from nabla.engines.native.runtime import cache, machine, tiers
from nabla.errors import EngineError

llvm = machine.llvm

ADDRESSES: dict[str, int] = {}
"""Functions that code may call, by symbol, besides the vector functions of machine.py and what the process exports."""

TOGETHER = 64
"""Libraries to a linker. It keeps some kilobytes of each that is gone, until it is gone itself, with the last of them."""

_attributes = "(?:alwaysinline|noinline|noinline cold)"  # those of a function that programs share
_shared = re.compile(rf"define internal ([^@\n]+) @([\w.]+)\(([^\n]*)\) {_attributes} \{{\n.*?^\}}\n", re.MULTILINE | re.DOTALL)
_argument = re.compile(r" %\w+")
_libraries: list[Library] = []
_numbers = itertools.count()
_linkers: list[Any] = []
_linking = threading.Lock()
_declared = re.compile(r"declare [^@\n]*@([\w.$]+)\([^\n]*")  # with no ^ before it, which makes it ten times slower


class Library:
    """Functions in memory, and where each is. They live as long as this."""

    def __init__(self, tracker: Any, linker: Any, functions: Sequence[str]) -> None:
        self._kept = tracker, linker
        self.addresses: dict[str, int] = {name: tracker[name] for name in functions}

    def function(self, name: str, kind: Any) -> Any:
        """A function as one of Python, that keeps this alive; `kind` is its type, by ctypes.CFUNCTYPE."""
        found = kind(self.addresses[name])
        found.library = self
        return found


def built(text: str, level: int, *functions: str) -> Library:
    """Functions of the text, ready to be called; the object code comes from the cache on disk where that has it."""
    with tiers.compiling:
        _have_forks_wait()
        own = text if level else _without_shared(text)
        return loaded(cache.kept(_facts(text, level), lambda: emitted(own, level)), functions, outside(own))


def _without_shared(text: str) -> str:
    """The text with declarations of the functions that other texts have too. They are compiled once, and well, for all texts that
    are compiled without passes: for these to put them in place takes passes."""
    found = {x[2]: x[0].replace("internal ", "", 1) for x in _shared.finditer(text)}
    own = _shared.sub(lambda x: f"declare {x[1]} @{x[2]}({_argument.sub('', x[3])})\n", text)
    missing = {name: found[name] for name in found if name not in ADDRESSES}
    if missing:
        called = [x for x in _declared.finditer(own) if x[1] not in missing]
        declared = [x[0] for x in called if any(f"@{x[1]}(" in y for y in missing.values())]
        library = built("\n".join([*declared, *missing.values()]), 2, *missing)
        _libraries.append(library)
        ADDRESSES.update(library.addresses)
    return own


def kept(text: str, level: int, *functions: str) -> Library | None:
    """The same, if the cache on disk has it."""
    with tiers.compiling:
        _have_forks_wait()
        found = cache.found(_facts(text, level))
        return None if found is None else loaded(found, functions, outside(text))


def _facts(text: str, level: int) -> tuple[str, ...]:
    own = machine.machine()
    return text, own.triple, own.cpu, own.features, str(level), str(llvm.llvm_version_info), _recipe()


def outside(text: str) -> list[str]:
    """The functions that a text declares and does not have itself."""
    return [name for name in _declared.findall(text) if not name.startswith("llvm.")]


def emitted(text: str, level: int, assembly: bool = False) -> bytes:
    """The object code of a text, or the assembly of this processor; `level`, from 0 to 3, is how much LLVM tries: from 1 on to
    choose instructions well, from 2 on to make the text better first.

    Threads may do this at the same time: each has a context and a target machine of its own, as LLVM wants it. So the long calls go
    past the lock by which llvmlite lets in one thread only, behind which a short compilation would wait for a long one.
    """
    with _tools(level) as (target, builder), llvm.create_context() as context, llvm.parse_assembly(text, context) as module:
        module.triple = target.triple
        module.data_layout = str(target.target_data)
        module.verify()
        if level > 1:
            passes = builder.getModulePassManager()
            try:
                _without_lock("LLVMPY_RunNewModulePassManager")(passes, module, builder)
            finally:  # to close it would not free it: the base class that does comes second in llvmlite
                llvm.newpassmanagers.NewPassManager._dispose(passes)
                passes.detach()
        with llvm.ffi.OutputString() as error:
            buffer = _without_lock("LLVMPY_TargetMachineEmitToMemory")(target, module, int(not assembly), error)
            if not buffer:
                raise EngineError(f"LLVM wrote no code: {error}")
        try:
            return ctypes.string_at(llvm.ffi.lib.LLVMPY_GetBufferStart(buffer), llvm.ffi.lib.LLVMPY_GetBufferSize(buffer))
        finally:
            llvm.ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def loaded(code: bytes, functions: Sequence[str], names: Sequence[str]) -> Library:
    """Object code in memory: functions that it has, linked with those of the other names."""
    known = {**machine.machine().addresses, **ADDRESSES}
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for name in functions:
        builder.export_symbol(name)
    for name in names:
        if name in known:
            builder.import_symbol(name, known[name])
    with _linking:
        number = next(_numbers)
        if number % TOGETHER == 0 or not _linkers:
            _linkers[:] = [llvm.create_lljit_compiler(machine.target_machine(0), use_jit_link=True, suppress_errors=True)]
        linker = _linkers[0]
        try:
            tracker = builder.link(linker, f"library{number}")
        except RuntimeError as error:
            lost = [name for name in names if name not in known and llvm.address_of_symbol(name) is None]
            raise EngineError(f"LLVM could not link a function: {error}; not to be found: {', '.join(lost) or 'nothing'}") from None
    return Library(tracker, linker, functions)


@lru_cache(maxsize=1)
def _recipe() -> str:
    """What stands for the way from text to code: the text of these two files."""
    digest = hashlib.sha256()
    for file in (__file__, machine.__file__):
        with suppress(OSError):  # inside an archive
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()


_unused: dict[str, list[tuple[Any, Any]]] = {}


@contextmanager
def _tools(level: int) -> Iterator[tuple[Any, Any]]:
    """A target machine, and what builds passes for it, for nobody else meanwhile. They are used again and again: of a builder of
    passes that is gone llvmlite keeps a kilobyte."""
    own = machine.machine()
    unused = _unused.setdefault(f"{own.triple} {own.cpu} {own.features} {level}", [])
    try:
        tools = unused.pop()
    except IndexError:
        target = machine.target_machine(level)
        tools = target, llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=level))
    try:
        yield tools
    finally:
        unused.append(tools)


@lru_cache(maxsize=1)
def _have_forks_wait() -> None:
    """For who is in llvmlite: also to free what is gone, which happens anywhere."""
    tiers.LOCKS.append(llvm.ffi.lib._lock)


@lru_cache(maxsize=2)
def _without_lock(name: str) -> Any:
    locked = getattr(llvm.ffi.lib, name)
    function = getattr(ctypes.CDLL(llvm.ffi.lib._name), name)
    function.argtypes, function.restype = locked.argtypes, locked.restype
    return function
