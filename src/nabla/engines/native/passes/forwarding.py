"""What was stored just now is not loaded again; what nobody asks for is left out; what does not change leaves its loop."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import AbstractSet as Set, Any

from nabla.engines.native.loops import (
    NESTING,
    Block,
    Buffer,
    Call,
    For,
    Form,
    If,
    Index,
    Load,
    Num,
    Op,
    Operand,
    Program,
    Reg,
    Rewriter,
    Store,
    While,
    blocks,
    given_by,
    regs_of,
    summary,
    touched,
    walk,
)  # fmt: skip


class _Scope:
    """What is known at a place: contents of memory, and results of operations; also of the block around, if its buffers are not
    written to inside."""

    __slots__ = ("around", "cells", "killed", "mixed", "results")

    def __init__(self, around: _Scope | None, killed: frozenset[Buffer]) -> None:
        self.around = around
        self.killed = set(killed)
        self.cells: dict[Buffer, dict[Form, Operand]] = {}
        self.results: dict[Any, Operand] = {}
        self.mixed: set[Buffer] = set()  # of whose cells some have other terms

    def cell(self, buffer: Buffer, at: Form) -> Operand | None:
        scope: _Scope | None = self
        while scope is not None:
            found = scope.cells.get(buffer, {}).get(at)
            if found is not None:
                return found
            if buffer in scope.killed:
                return None
            scope = scope.around
        return None

    def result(self, key: Any) -> Operand | None:
        scope: _Scope | None = self
        while scope is not None:
            found = scope.results.get(key)
            if found is not None:
                return found
            scope = scope.around
        return None

    def forget(self, buffers: frozenset[Buffer], by: Any = None) -> None:
        """by: the loop that writes to them, whose stores may all lie before or behind a cell at a known place."""
        for buffer in buffers:
            cells = self.cells.pop(buffer, {})
            known = {at: x for at, x in cells.items() if not at.terms}
            if known and by is not None:
                low, high = _span([by], buffer, {})
                self.cells[buffer] = {at: x for at, x in known.items() if not low <= at.const <= high}
        self.killed |= buffers

    def loaded(self, buffer: Buffer, at: Form, value: Operand) -> None:
        cells = self.cells.setdefault(buffer, {})
        if cells and next(iter(cells)).terms != at.terms:
            self.mixed.add(buffer)
        cells[at] = value

    def written(self, buffer: Buffer, at: Form, value: Operand) -> None:
        """Cells whose offsets differ from this one by a number are others; the rest may be this one."""
        cells = self.cells.setdefault(buffer, {})
        if buffer in self.mixed:
            self.mixed.discard(buffer)
            self.cells[buffer] = cells = {other: x for other, x in cells.items() if other.terms == at.terms}
        elif cells and next(iter(cells)).terms != at.terms:
            cells.clear()
        cells[at] = value
        self.killed.add(buffer)


def _span(block: Block, buffer: Buffer, counts: dict[Reg, int]) -> tuple[float, float]:
    """From where to where stores to a buffer reach. counts: of the loops around."""
    spans: list[tuple[float, float]] = [(inf, -inf)]
    for s in block:
        if type(s) is Store and s.buffer is buffer:
            if any(reg not in counts for reg, _ in s.at.terms):
                return -inf, inf
            reaches = [k * (counts[reg] - 1) for reg, k in s.at.terms]
            spans.append((s.at.const + sum(min(x, 0) for x in reaches), s.at.const + sum(max(x, 0) for x in reaches)))
        elif type(s) is Call and buffer in s.writes:
            return -inf, inf
        elif type(s) is For:
            counts[s.counter] = s.count
        spans += [_span(inner, buffer, counts) for inner in blocks(s)]
    return min(low for low, _ in spans), max(high for _, high in spans)


class Forwarder:
    def __init__(self) -> None:
        self.rewriter = Rewriter()

    def block(self, block: Block, scope: _Scope) -> Block:
        result: Block = []
        for s in block:
            kind = type(s)
            if kind is For:
                self._loop(s, scope, [s.body])
            elif kind is While:
                self._loop(s, scope, [s.test, s.body])
                s.going = self.rewriter.operand(s.going)
            elif kind is If:
                self._branches(s, scope)
            else:
                s = self._plain(s, scope)
            if s is not None:
                result.append(s)
        return result

    def _plain(self, s: Any, scope: _Scope) -> Any:
        """A statement that has none inside; None if what it does is done already."""
        s = self.rewriter.statement(s)
        kind = type(s)
        if kind is Store:
            if scope.cell(s.buffer, s.at) is s.value:
                return None
            scope.written(s.buffer, s.at, s.value)
            return s
        if kind is Call:
            scope.forget(s.writes)
            return s
        if kind is Load:
            found = s.buffer.numbers[s.at.const] if s.buffer.numbers and not s.at.terms else scope.cell(s.buffer, s.at)
            if found is None or found.dtype != s.out.dtype:
                scope.loaded(s.buffer, s.at, s.out)
                return s
        else:
            key = (s.name, s.out.dtype, s.args, s.params) if kind is Op else s.at
            found = scope.result(key) or (_itself(s) if kind is Op else None)
            if found is None:
                scope.results[key] = s.out
                return s
        self.rewriter.operands[s.out] = found
        return None

    def _branches(self, s: If, scope: _Scope) -> None:
        s.which = self.rewriter.operand(s.which)
        writes = summary(s).writes
        for branch in s.branches:
            branch[:] = self.block(branch, _Scope(scope, frozenset()))
        s.outs = [(reg, [self.rewriter.operand(x) for x in ends]) for reg, ends in s.outs]
        scope.forget(writes)
        s.summary = None

    def _loop(self, s: Any, scope: _Scope, inner: list[Block]) -> None:
        writes = summary(s).writes
        for c in s.carries:
            c.start = self.rewriter.operand(c.start)
        inside = _Scope(scope, writes)
        for block in inner:
            block[:] = self.block(block, inside)
        for c in s.carries:
            c.end = self.rewriter.operand(c.end)
        scope.forget(writes, s)
        s.summary = None


def _itself(s: Op) -> Operand | None:
    """The operand whose every bit a product by one has."""
    if s.name == "multiply" and s.out.dtype.kind in "iuf":
        for x, y in (s.args, s.args[::-1]):
            if type(x) is Num and x.value == 1:
                return y
    return None


def forwarded(program: Program) -> Program:
    return program._replace(body=Forwarder().block(program.body, _Scope(None, frozenset())))


# What nobody asks for


def needed(program: Program) -> Program:
    """Without stores to memory that is never read, and without what only they needed."""
    reads: dict[Buffer, int] = {}
    for s in walk(program.body):
        for buffer in _read(s):
            reads[buffer] = reads.get(buffer, 0) + 1
    live: set[Reg] = set()
    body = _needed(program.body, live, reads)
    used = {buffer for s in walk(body) for buffer in touched(s)}
    return program._replace(body=body, buffers=[b for b in program.buffers if b.place != "arena" or b in used])


def _read(s: Any) -> list[Buffer]:
    return [] if type(s) is Store else touched(s)


def _needed(block: Block, live: set[Reg], reads: dict[Buffer, int]) -> Block:
    kept: Block = []
    for s in reversed(block):
        kind = type(s)
        if kind in (Op, Load, Index):
            if s.out not in live:
                for buffer in _read(s):
                    reads[buffer] -= 1
                continue
            live.update([x for x in s.args if type(x) is Reg] if kind is Op else regs_of(s.at))
        elif kind is Store:
            if s.buffer.place == "arena" and not reads.get(s.buffer):
                continue
            live.update(regs_of(s.at))
            live.update([s.value] if type(s.value) is Reg else ())
        elif kind is Call:
            live.update(summary(s).uses)
        elif not _keep(s, live, reads):
            continue
        kept.append(s)
    kept.reverse()
    return kept


def _keep(s: Any, live: set[Reg], reads: dict[Buffer, int]) -> bool:
    """A loop or a branch, with what is needed of it; whether anything is."""
    if type(s) is If:
        s.outs = [(reg, ends) for reg, ends in s.outs if reg in live]
        live.update([x for _, ends in s.outs for x in ends if isinstance(x, Reg)])
        s.branches = [_needed(b, live, reads) for b in s.branches]
        if not s.outs and not any(s.branches):
            return False
        live.update([s.which] if isinstance(s.which, Reg) else [])
    else:
        _live_carries(s, live)
        live.update([c.end for c in s.carries if isinstance(c.end, Reg)])
        if type(s) is While:
            live.update([s.going] if isinstance(s.going, Reg) else [])
        s.body = _needed(s.body, live, reads)
        if type(s) is While:
            s.test = _needed(s.test, live, reads)
        elif not s.body and not s.carries:
            return False
        live.update([c.start for c in s.carries if isinstance(c.start, Reg)])
    s.summary = None
    return True


def _live_carries(s: Any, live: set[Reg]) -> None:
    """Carries that are asked for, or that these are made from."""
    if type(s) is While or all(c.out in live for c in s.carries):
        return
    makers: dict[Reg, frozenset[Reg]] = {}
    roots: set[Reg] = set()
    for inner in s.body:
        part = summary(inner)
        for reg in part.gives:
            makers[reg] = part.uses
        if part.writes or type(inner) in (While, Call):
            roots |= part.uses
    ends = {c.inner: c.end for c in s.carries}
    todo = [*roots, *[c.end for c in s.carries if c.out in live and isinstance(c.end, Reg)]]
    wanted = {c.inner for c in s.carries if c.out in live}
    seen: set[Reg] = set()
    while todo:
        reg = todo.pop()
        if reg in seen:
            continue
        seen.add(reg)
        todo.extend(makers.get(reg, ()))
        if reg in ends and isinstance(ends[reg], Reg):
            wanted.add(reg)
            todo.append(ends[reg])
        elif reg in ends:
            wanted.add(reg)
    s.carries = [c for c in s.carries if c.inner in wanted]


# What does not change


def hoisted(program: Program) -> Program:
    """What does not depend on the turn, before its loop: loads and operations, and loops that fill memory."""
    counts = _Counts(program.body)
    return program._replace(body=_hoisted(program.body, counts))


class _Counts:
    """How many statements touch a buffer, and how many write to it."""

    def __init__(self, block: Block) -> None:
        self.touches: Counter[Buffer] = Counter()
        self.writes: Counter[Buffer] = Counter()
        for s in walk(block):
            if type(s) is Load or type(s) is Store:
                self.touches[s.buffer] += 1
                self.writes[s.buffer] += type(s) is Store
            elif type(s) is Call:
                self.touches.update(touched(s))
                self.writes.update(s.writes)


def _hoisted(block: Block, counts: _Counts) -> Block:
    result: Block = []
    for s in block:
        if type(s) in (For, While):
            for inner in blocks(s):
                inner[:] = _hoisted(inner, counts)
            result.extend(_invariant(s, counts))
        elif type(s) is If:
            for inner in s.branches:
                inner[:] = _hoisted(inner, counts)
        result.append(s)
    return result


def _invariant(s: Any, counts: _Counts) -> Block:
    """What leaves the loop."""
    writes = summary(s).writes
    filling = _filling(s, counts)
    changing: set[Reg] = {c.inner for c in s.carries}
    if type(s) is For:
        changing.add(s.counter)
    out: Block = []
    for inner in blocks(s):
        kept: Block = []
        for x in inner:
            kind = type(x)
            if kind is Op:
                stays = not changing.isdisjoint([y for y in x.args if type(y) is Reg])
            elif kind is Load or kind is Index:
                stays = not changing.isdisjoint(regs_of(x.at)) or (kind is Load and x.buffer in writes)
            elif kind is For and x in filling:
                stays = False
            else:
                kept.append(x)
                if kind in NESTING:
                    changing |= summary(x).gives
                continue
            if stays:
                changing.add(x.out)
            (kept if stays else out).append(x)
        inner[:] = kept
    if out:
        s.summary = None
    return out


def _filling(s: Any, counts: _Counts) -> list[For]:
    """Loops in s that fill temporaries with the same in every turn, to which nothing else writes, and of which nothing outside s
    knows."""
    own = [x for inner in blocks(s) for x in inner]
    if not any(type(x) is For for x in own):
        return []
    given = {reg for x in own for reg in given_by(x)} | {c.inner for c in s.carries}
    given |= {s.counter} if type(s) is For else set()
    found = [x for x in own if type(x) is For and _is_same(x, given, summary(s).writes)]
    if not found:
        return []
    inside = _Counts([s])

    def is_alone(x: For, filled: _Counts) -> bool:
        return all(filled.writes[b] == counts.writes[b] and inside.touches[b] == counts.touches[b] for b in summary(x).writes)

    while True:
        filled = _Counts(found)
        alone = [x for x in found if is_alone(x, filled)]
        if len(alone) == len(found):
            return found
        found = alone


def _is_same(x: For, changing: Set[Reg], written: Set[Buffer]) -> bool:
    """Whether a loop does the same in every turn of that around it, and nothing but write to temporaries."""
    part = summary(x)
    known = part.uses.isdisjoint(changing) and part.reads.isdisjoint(written) and not x.carries
    if not known or any(buffer.place != "arena" for buffer in part.writes):
        return False
    return not any(type(y) in (Call, While) for y in walk(x.body))
