"""Reads and writes in LLVM's assembly: of one number, of a vector of neighbours, of every second number, of numbers anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.engines.native.llvm.text import in_memory
from nabla.engines.native.loops import Buffer, Form, Load, Store

if TYPE_CHECKING:
    from nabla.engines.native.llvm.emission import Function


def load(f: Function, s: Load) -> None:
    step = f.step(s.at) if f.lanes > 1 else 0
    f.names[s.out] = _loaded(f, s.buffer, s.at, step)
    if step != 0:
        f.varying.add(s.out)


def _loaded(f: Function, buffer: Buffer, at: Form, step: int | None) -> str:
    code, lanes, dtype = f.code, f.lanes, buffer.dtype
    kind = in_memory(dtype)
    vector = f"<{lanes} x {kind}>"
    if step == 0:
        found = code.op(f"load {kind}, ptr {f.pointer(buffer, at)}")
        return code.op(f"trunc i8 {found} to i1") if dtype.kind == "b" else found
    if step in (1, -1):
        first = at if step == 1 else Form(at.const - lanes + 1, at.terms)
        pointer = f.pointer(buffer, first)
        if f.mask:
            mask = f.mask if step == 1 else _reversed(f, f.mask, "i1")
            arguments = f"ptr {pointer}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}, {vector} splat ({kind} {_one(kind)})"
            kinds = f"ptr, i32, <{lanes} x i1>, {vector}"
            found = f.intrinsic(f"llvm.masked.load.v{lanes}{_short(kind)}.p0", vector, arguments, kinds)
        else:
            found = code.op(f"load {vector}, ptr {pointer}, align {dtype.itemsize}")
        if step == -1:
            found = _reversed(f, found, kind)
    elif step == 2 and not f.mask:
        f.scattered = True
        found = _every_second(f, buffer, at)
    elif step is not None and not f.mask and not f.module.machine.gathers:
        f.scattered = True
        found = "poison"
        for i in range(lanes):
            one = code.op(f"load {kind}, ptr {f.pointer(buffer, Form(at.const + i * step, at.terms))}")
            found = code.op(f"insertelement {vector} {found}, {kind} {one}, i64 {i}")
    else:
        f.scattered = True
        pointers = f.pointers(buffer, at)
        mask = f.mask or "splat (i1 true)"
        found = f.intrinsic(
            f"llvm.masked.gather.v{lanes}{_short(kind)}.v{lanes}p0", vector,
            f"<{lanes} x ptr> {pointers}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}, {vector} splat ({kind} {_one(kind)})",
            f"<{lanes} x ptr>, i32, <{lanes} x i1>, {vector}",
        )  # fmt: skip
    return code.op(f"trunc {vector} {found} to <{lanes} x i1>") if dtype.kind == "b" else found


def _every_second(f: Function, buffer: Buffer, at: Form) -> str:
    """A vector of numbers two apart, as the parts of complex numbers are, from two vectors of all that end with the last."""
    code, lanes, kind = f.code, f.lanes, in_memory(buffer.dtype)
    parts = []
    for start in (0, lanes - 1):
        pointer = f.pointer(buffer, Form(at.const + start, at.terms))
        parts.append(code.op(f"load <{lanes} x {kind}>, ptr {pointer}, align {buffer.dtype.itemsize}"))
    order = ", ".join([f"i32 {2 * i if 2 * i < lanes else 2 * i + 1}" for i in range(lanes)])
    return code.op(f"shufflevector <{lanes} x {kind}> {parts[0]}, <{lanes} x {kind}> {parts[1]}, <{lanes} x i32> <{order}>")


def is_pair(f: Function, s: Any, following: Any) -> bool:
    """Whether these store both parts of complex numbers, in whole vectors."""
    if f.lanes == 1 or f.mask or type(s) is not Store or type(following) is not Store:
        return False
    if s.buffer is not following.buffer or following.at != Form(s.at.const + 1, s.at.terms):
        return False
    return s.buffer.dtype.kind == "f" and f.step(s.at) == 2


def interleaved(f: Function, s: Store, following: Store) -> None:
    """Two stores of numbers two apart, one beside the other."""
    code, lanes, kind = f.code, f.lanes, in_memory(s.buffer.dtype)
    f.scattered = True
    values = [f.spread(x.value) for x in (s, following)]
    order = ", ".join([f"i32 {i + part * lanes}" for i in range(lanes) for part in (0, 1)])
    vector = f"<{lanes} x {kind}>"
    both = code.op(f"shufflevector {vector} {values[0]}, {vector} {values[1]}, <{2 * lanes} x i32> <{order}>")
    pointer = f.pointer(s.buffer, s.at)
    code.do(f"store <{2 * lanes} x {kind}> {both}, ptr {pointer}, align {s.buffer.dtype.itemsize}")


def store(f: Function, s: Store) -> None:
    code, lanes, buffer, dtype = f.code, f.lanes, s.buffer, s.buffer.dtype
    kind = in_memory(dtype)
    step = f.step(s.at) if lanes > 1 else 0
    if step == 0:
        value = f.name(s.value)
        if dtype.kind == "b":
            value = code.op(f"zext i1 {value} to i8")
        code.do(f"store {kind} {value}, ptr {f.pointer(buffer, s.at)}")
        return
    vector = f"<{lanes} x {kind}>"
    value = f.spread(s.value)
    if dtype.kind == "b":
        value = code.op(f"zext <{lanes} x i1> {value} to {vector}")
    if step in (1, -1):
        first = s.at if step == 1 else Form(s.at.const - lanes + 1, s.at.terms)
        pointer = f.pointer(buffer, first)
        if step == -1:
            value = _reversed(f, value, kind)
        if f.mask:
            mask = f.mask if step == 1 else _reversed(f, f.mask, "i1")
            arguments = f"{vector} {value}, ptr {pointer}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}"
            f.routine(f"llvm.masked.store.v{lanes}{_short(kind)}.p0", arguments, f"{vector}, ptr, i32, <{lanes} x i1>")
        else:
            code.do(f"store {vector} {value}, ptr {pointer}, align {dtype.itemsize}")
        return
    f.scattered = True
    if step is not None and not f.mask and not f.module.machine.gathers:
        for i in range(lanes):
            one = code.op(f"extractelement {vector} {value}, i64 {i}")
            code.do(f"store {kind} {one}, ptr {f.pointer(buffer, Form(s.at.const + i * step, s.at.terms))}")
        return
    pointers = f.pointers(buffer, s.at)
    mask = f.mask or "splat (i1 true)"
    f.routine(
        f"llvm.masked.scatter.v{lanes}{_short(kind)}.v{lanes}p0",
        f"{vector} {value}, <{lanes} x ptr> {pointers}, i32 {dtype.itemsize}, <{lanes} x i1> {mask}",
        f"{vector}, <{lanes} x ptr>, i32, <{lanes} x i1>",
    )  # fmt: skip


def _reversed(f: Function, value: str, kind: str) -> str:
    lanes = f.lanes
    order = ", ".join([f"i32 {lanes - 1 - i}" for i in range(lanes)])
    return f.code.op(f"shufflevector <{lanes} x {kind}> {value}, <{lanes} x {kind}> poison, <{lanes} x i32> <{order}>")


def _one(kind: str) -> str:
    """What lanes hold that are not taken: a number at which functions are not slow."""
    return {"double": "1.0", "float": "1.0", "half": "0xH3C00"}.get(kind, "1")


def _short(kind: str) -> str:
    return {"double": "f64", "float": "f32", "half": "f16"}.get(kind, kind)
