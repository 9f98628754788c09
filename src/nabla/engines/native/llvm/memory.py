"""Reads and writes in LLVM's assembly: of one number, of a vector of neighbours, of every second number, of numbers anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.engines.native.llvm.text import Code, in_memory
from nabla.engines.native.loops import INDEX, Buffer, Form, Load, Store

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
        if f.taken:
            found = _first_loaded(f, pointer, kind, step)
        else:
            found = code.op(f"load {vector}, ptr {pointer}, align {dtype.itemsize}")
        if step == -1:
            found = _reversed(f, found, kind)
    else:
        f.scattered = True
        pointer = f.pointer(buffer, at)
        if step == 2 and not f.taken:
            found = _every_second(f, pointer, kind)
        elif step is not None and not f.taken and not f.module.machine.gathers:
            found = _evenly_spaced(f, pointer, kind, step)
        else:
            found = _gathered(f, pointer, f.distances(at), kind)
    return code.op(f"trunc {vector} {found} to <{lanes} x i1>") if dtype.kind == "b" else found


def first(code: Code, lanes: int, count: str, step: int = 1) -> str:
    """A mask of the first lanes, or of the last ones: so many of them."""
    numbers = ", ".join([f"i64 {i}" for i in range(lanes)[::step]])
    return code.op(f"icmp ult <{lanes} x i64> <{numbers}>, {code.spread(count, INDEX, lanes)}")


def kept(f: Function, kind: str, new: str, old: str) -> str:
    """A vector that is new in the lanes that are taken."""
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, count: str, new: str, old: str) -> str:
        return code.op(f"select <{lanes} x i1> {first(code, lanes, count)}, {vector} {new}, {vector} {old}")

    operands = [("i64", f.taken), (vector, new), (vector, old)]
    return f.code.shared(f"first.kept.{_short(kind, lanes)}", vector, operands, write)


def _first_loaded(f: Function, pointer: str, kind: str, step: int) -> str:
    """A vector of neighbours in the lanes that are taken, which begin with the first number, or with the last where that
    belongs to the first lane."""
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, pointer: str, count: str) -> str:
        name = f"llvm.masked.load.{_short(kind, lanes)}.p0"
        code.declared[name] = f"declare {vector} @{name}(ptr, i32, <{lanes} x i1>, {vector})"
        mask, rest = first(code, lanes, count, step), f"{vector} splat ({kind} {_one(kind)})"
        return code.op(f"call {vector} @{name}(ptr {pointer}, i32 {_size(kind)}, <{lanes} x i1> {mask}, {rest})")

    name = f"{'first' if step == 1 else 'last'}.loaded.{_short(kind, lanes)}"
    return f.code.shared(name, vector, [("ptr", pointer), ("i64", f.taken)], write)


def _first_stored(f: Function, pointer: str, kind: str, step: int, value: str) -> None:
    """The same, stored."""
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, pointer: str, count: str, value: str) -> str:
        name = f"llvm.masked.store.{_short(kind, lanes)}.p0"
        code.declared[name] = f"declare void @{name}({vector}, ptr, i32, <{lanes} x i1>)"
        mask = first(code, lanes, count, step)
        code.do(f"call void @{name}({vector} {value}, ptr {pointer}, i32 {_size(kind)}, <{lanes} x i1> {mask})")
        return ""

    name = f"{'first' if step == 1 else 'last'}.stored.{_short(kind, lanes)}"
    f.code.shared(name, "void", [("ptr", pointer), ("i64", f.taken), (vector, value)], write)


def _every_second(f: Function, pointer: str, kind: str) -> str:
    """A vector of numbers two apart, as the parts of complex numbers are, from two vectors of all that end with the last."""
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, first: str) -> str:
        second = code.op(f"getelementptr {kind}, ptr {first}, i64 {lanes - 1}")
        parts = [code.op(f"load {vector}, ptr {place}, align {_size(kind)}") for place in (first, second)]
        order = ", ".join([f"i32 {2 * i if 2 * i < lanes else 2 * i + 1}" for i in range(lanes)])
        return code.op(f"shufflevector {vector} {parts[0]}, {vector} {parts[1]}, <{lanes} x i32> <{order}>")

    return f.code.shared(f"every.second.{_short(kind, lanes)}", vector, [("ptr", pointer)], write)


def _evenly_spaced(f: Function, pointer: str, kind: str, step: int) -> str:
    """A vector of numbers `step` apart."""
    vector = f"<{f.lanes} x {kind}>"

    def write(code: Code, first: str, step: str) -> str:
        found = "poison"
        for i in range(f.lanes):
            one = code.op(f"load {kind}, ptr {_place(code, kind, first, step, i)}")
            found = code.op(f"insertelement {vector} {found}, {kind} {one}, i64 {i}")
        return found

    return f.code.shared(f"evenly.spaced.{_short(kind, f.lanes)}", vector, [("ptr", pointer), ("i64", str(step))], write)


def _place(code: Code, kind: str, first: str, step: str, i: int) -> str:
    return code.op(f"getelementptr {kind}, ptr {first}, i64 {code.op(f'mul i64 {step}, {i}')}")


def _gathered(f: Function, pointer: str, distances: str, kind: str) -> str:
    """A vector of numbers anywhere."""
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, pointer: str, distances: str, count: str = "") -> str:
        places = code.op(f"getelementptr {kind}, ptr {pointer}, <{lanes} x i64> {distances}")
        mask = first(code, lanes, count) if count else "splat (i1 true)"
        rest = f"i32 {_size(kind)}, <{lanes} x i1> {mask}, {vector} splat ({kind} {_one(kind)})"
        name = f"llvm.masked.gather.{_short(kind, lanes)}.v{lanes}p0"
        code.declared[name] = f"declare {vector} @{name}(<{lanes} x ptr>, i32, <{lanes} x i1>, {vector})"
        return code.op(f"call {vector} @{name}(<{lanes} x ptr> {places}, {rest})")

    operands = [("ptr", pointer), (f"<{lanes} x i64>", distances), ("i64", f.taken)][: 3 if f.taken else 2]
    return f.code.shared(f"{'first.' if f.taken else ''}gathered.{_short(kind, lanes)}", vector, operands, write)


def is_pair(f: Function, s: Any, following: Any) -> bool:
    """Whether these store both parts of complex numbers, in whole vectors."""
    if f.lanes == 1 or f.taken or type(s) is not Store or type(following) is not Store:
        return False
    if s.buffer is not following.buffer or following.at != Form(s.at.const + 1, s.at.terms):
        return False
    return s.buffer.dtype.kind == "f" and f.step(s.at) == 2


def interleaved(f: Function, s: Store, following: Store) -> None:
    """Two stores of numbers two apart, one beside the other."""
    lanes, kind = f.lanes, in_memory(s.buffer.dtype)
    f.scattered = True
    values = [f.spread(x.value) for x in (s, following)]
    vector = f"<{lanes} x {kind}>"

    def write(code: Code, pointer: str, *values: str) -> str:
        order = ", ".join([f"i32 {i + part * lanes}" for i in range(lanes) for part in (0, 1)])
        both = code.op(f"shufflevector {vector} {values[0]}, {vector} {values[1]}, <{2 * lanes} x i32> <{order}>")
        code.do(f"store <{2 * lanes} x {kind}> {both}, ptr {pointer}, align {_size(kind)}")
        return ""

    operands = [("ptr", f.pointer(s.buffer, s.at)), (vector, values[0]), (vector, values[1])]
    f.code.shared(f"interleaved.{_short(kind, lanes)}", "void", operands, write)


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
        if f.taken:
            _first_stored(f, pointer, kind, step, value)
        else:
            code.do(f"store {vector} {value}, ptr {pointer}, align {dtype.itemsize}")
        return
    f.scattered = True
    pointer = f.pointer(buffer, s.at)
    if step is not None and not f.taken and not f.module.machine.gathers:
        _space_evenly(f, pointer, kind, step, value)
    else:
        _scatter(f, pointer, f.distances(s.at), kind, value)


def _space_evenly(f: Function, pointer: str, kind: str, step: int, value: str) -> None:
    vector = f"<{f.lanes} x {kind}>"

    def write(code: Code, first: str, step: str, value: str) -> str:
        for i in range(f.lanes):
            one = code.op(f"extractelement {vector} {value}, i64 {i}")
            code.do(f"store {kind} {one}, ptr {_place(code, kind, first, step, i)}")
        return ""

    f.code.shared(f"space.evenly.{_short(kind, f.lanes)}", "void", [("ptr", pointer), ("i64", str(step)), (vector, value)], write)


def _scatter(f: Function, pointer: str, distances: str, kind: str, value: str) -> None:
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, pointer: str, distances: str, value: str, count: str = "") -> str:
        places = code.op(f"getelementptr {kind}, ptr {pointer}, <{lanes} x i64> {distances}")
        mask = first(code, lanes, count) if count else "splat (i1 true)"
        name = f"llvm.masked.scatter.{_short(kind, lanes)}.v{lanes}p0"
        code.declared[name] = f"declare void @{name}({vector}, <{lanes} x ptr>, i32, <{lanes} x i1>)"
        code.do(f"call void @{name}({vector} {value}, <{lanes} x ptr> {places}, i32 {_size(kind)}, <{lanes} x i1> {mask})")
        return ""

    operands = [("ptr", pointer), (f"<{lanes} x i64>", distances), (vector, value), ("i64", f.taken)]
    name = f"{'first.' if f.taken else ''}scatter.{_short(kind, lanes)}"
    f.code.shared(name, "void", operands if f.taken else operands[:3], write)


def _reversed(f: Function, value: str, kind: str) -> str:
    lanes, vector = f.lanes, f"<{f.lanes} x {kind}>"

    def write(code: Code, value: str) -> str:
        order = ", ".join([f"i32 {lanes - 1 - i}" for i in range(lanes)])
        return code.op(f"shufflevector {vector} {value}, {vector} poison, <{lanes} x i32> <{order}>")

    return f.code.shared(f"reversed.{_short(kind, lanes)}", vector, [(vector, value)], write)


def _one(kind: str) -> str:
    """What lanes hold that are not taken: a number at which functions are not slow."""
    return {"double": "1.0", "float": "1.0", "half": "0xH3C00"}.get(kind, "1")


def _short(kind: str, lanes: int) -> str:
    return f"v{lanes}{ {'double': 'f64', 'float': 'f32', 'half': 'f16'}.get(kind, kind) }"


def _size(kind: str) -> int:
    """Bytes."""
    return {"double": 8, "float": 4, "half": 2}.get(kind) or int(kind[1:]) // 8
