"""A loop in pieces: a function of its own, which the pool of threads calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from nabla.engines.native.llvm.text import Code, in_memory, type_of
from nabla.engines.native.llvm.turns import Phis, at_once, brought, counted, one_by_one
from nabla.engines.native.loops import INDEX, STARTS, Carry, Counter, For, Num, Watch, summary, walk

if TYPE_CHECKING:
    from nabla.engines.native.llvm.emission import Function


class _Given:
    """What the function of a piece is given by its context: kinds of numbers, and their names outside."""

    def __init__(self) -> None:
        self._places = [("ptr", "%arena"), ("ptr", "%table")]

    def name(self, kind: str, outside: str) -> str:
        """The name inside."""
        self._places.append((kind, outside))
        return f"%given{len(self._places) - 1}"

    def put(self, code: Code) -> str:
        """The context, written outside."""
        context = code.space("i64", len(self._places))
        for i, (kind, name) in enumerate(self._places):
            code.do(f"store {kind} {name}, ptr {code.op(f'getelementptr i64, ptr {context}, i64 {i}')}")
        return context

    def take(self, code: Code) -> None:
        """The names, inside."""
        for i, (kind, _) in enumerate(self._places):
            name = {0: "%arena", 1: "%table"}.get(i, f"%given{i}")
            code.entry.append(f"  %at{i} = getelementptr i64, ptr %context, i64 {i}")
            code.entry.append(f"  {name} = load {kind}, ptr %at{i}")


def in_pieces(f: Function, s: For) -> None:
    """The loop as a function of a context and the number of a piece."""
    code, module, inner, given = f.code, f.module, f.module.function(), _Given()
    partials = [code.space(in_memory(c.inner.dtype), s.pieces) for c in s.carries]
    part = summary(s)
    for buffer in sorted(part.reads | part.writes, key=lambda b: (b.place, b.number)):
        if buffer.place != "arena":
            inner.bases[buffer] = given.name("ptr", f.bases[buffer])
    for reg in sorted(part.uses, key=lambda r: r.number):
        inner.names[reg] = given.name(type_of(reg.dtype), f.names[reg])
    rooms = [given.name("ptr", partial) for partial in partials]
    may_end = module.checked or any(type(x) is Watch for x in walk(s.body))
    if may_end:
        stop = code.space("i64", 1)
        code.do(f"store i64 0, ptr {stop}")
        inner.stop = given.name("ptr", stop)
    context = given.put(code)
    given.take(inner.code)
    _piece(inner, s, rooms)
    number = len(module.functions)
    module.define(f"define internal void @piece{number}(ptr %context, i64 %piece)", inner.code)
    f.routine("nabla_parallel", f"ptr @piece{number}, ptr {context}, i64 {s.pieces}", "ptr, ptr, i64")
    if may_end:
        status = code.op(f"load i64, ptr {stop}")
        f.leave(code.op(f"icmp ne i64 {status}, 0"), status)
    for c, partial in zip(s.carries, partials):
        _bring(f, c, partial, s.pieces)


def _piece(f: Function, s: For, rooms: Sequence[str]) -> None:
    """The turns of one piece. rooms: where it puts what it has added up."""
    code = f.code
    if s.own:
        code.entry.append(f"  %before = mul i64 %piece, {s.at[1]}")
        code.entry.append(f"  %begin.own = add i64 %before, {s.at[0]}")
        code.entry.append("  %own = getelementptr i8, ptr %arena, i64 %begin.own")
        f.bases.update(dict.fromkeys(s.own, "%own"))
    if f.stop:
        f.look()
    size = -(-s.count // s.pieces)
    size = -(-size // s.lanes) * s.lanes
    begin = code.op(f"mul i64 %piece, {size}")
    end = code.op(f"add i64 {begin}, {size}")
    end = code.op(f"select i1 {code.op(f'icmp slt i64 {end}, {s.count}')}, i64 {end}, i64 {s.count}")
    begin = code.op(f"select i1 {code.op(f'icmp slt i64 {begin}, {end}')}, i64 {begin}, i64 {end}")
    neutral = [Carry(c.inner, _neutral(c), c.end, c.out, c.by) for c in s.carries]
    whole = For(s.counter, s.count, s.body, neutral, True)
    whole.lanes = s.lanes
    if s.lanes > 1:
        at_once(f, whole, begin, end, neutral)
    else:
        one_by_one(f, whole, begin, end)
    for c, room in zip(s.carries, rooms):
        _put(f, c, room, "%piece", f.names[c.out])
    code.do("ret void")


def _neutral(c: Carry) -> Num:
    return Num(STARTS[str(c.by)](c.inner.dtype), c.inner.dtype)


def _put(f: Function, c: Carry, room: str, place: str, value: str) -> None:
    code, kind = f.code, in_memory(c.inner.dtype)
    if c.inner.dtype.kind == "b":
        value = code.op(f"zext i1 {value} to i8")
    code.do(f"store {kind} {value}, ptr {code.op(f'getelementptr {kind}, ptr {room}, i64 {place}')}")


def _bring(f: Function, c: Carry, partial: str, pieces: int) -> None:
    """What the pieces found, in their order."""
    code, kind = f.code, in_memory(c.inner.dtype)
    phis = Phis(f, [(c.inner, f.name(c.start))])

    def body() -> list[str]:
        place = code.op(f"getelementptr {kind}, ptr {partial}, i64 {f.names[number]}")
        value = code.op(f"load {kind}, ptr {place}")
        if c.inner.dtype.kind == "b":
            value = code.op(f"trunc i8 {value} to i1")
        return [brought(f, c, f.names[c.inner], value, code)]

    number = Counter(INDEX, 0)
    counted(f, number, "0", str(pieces), 1, phis, body)
    f.names[c.out] = f.names[c.inner]
