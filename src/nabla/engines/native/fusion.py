"""Loops of as many turns are made one, where each turn of the second needs of the first no more than its own turn.

A loop moves up to an earlier one past what it has nothing to do with. Where both have to do with the same memory, and one writes to
it, the offsets of a turn must lie apart from those of all other turns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from nabla.engines.native.loops import (
    Block,
    Buffer,
    Call,
    Counter,
    For,
    Form,
    Index,
    Load,
    Op,
    Part,
    Program,
    Reg,
    Store,
    Summary,
    blocks,
    form,
    size_of,
    substituted,
    summary,
)  # fmt: skip

FAR = 48
"""Statements that a loop moves past at most."""
NEAR = 8
"""Statements that an operation moves past at most."""
LARGEST = 4000
"""Statements of a loop that is not made larger."""


class Access(NamedTuple):
    """Where a loop reads or writes: by how much a turn moves it, what it depends on outside, from where the loops inside go, and by
    how much the turns of each move it and how many they are. wild: that is not known."""

    step: int
    outside: tuple[tuple[Reg, int], ...]
    start: int
    inside: tuple[tuple[int, int], ...]
    wild: bool

    @property
    def low(self) -> int:
        return self.start + sum(min(k * (count - 1), 0) for k, count in self.inside)

    @property
    def high(self) -> int:
        return self.start + sum(max(k * (count - 1), 0) for k, count in self.inside)


WILD = Access(0, (), 0, (), True)


def fused(program: Program) -> Program:
    return Program(_fused(program.body), program.buffers)


class Loop:
    """A loop that others may be joined to."""

    def __init__(self, loop: For) -> None:
        self.loop = loop
        self.size = size_of(loop.body)
        self._accesses: dict[Buffer, set[Access]] | None = None

    @property
    def accesses(self) -> dict[Buffer, set[Access]]:
        if self._accesses is None:
            self._accesses = {}
            _collect(self.loop.body, self.loop.counter, {}, set(), self._accesses)
        return self._accesses

    def takes(self, other: Loop) -> bool:
        a, b = summary(self.loop), summary(other.loop)
        if self.size + other.size > LARGEST or a.gives & b.uses:
            return False
        shared = (a.writes & (b.reads | b.writes)) | (a.reads & b.writes)
        return all(apart(self.accesses[buffer] | other.accesses[buffer], self.loop.count) for buffer in shared)

    def join(self, other: Loop) -> None:
        mine, theirs = self.loop, other.loop
        accesses = other.accesses
        body = substituted(theirs.body, {}, {theirs.counter: form(mine.counter)})
        a, b = summary(mine), summary(theirs)
        carries = [*mine.carries, *theirs.carries]
        self.loop = For(mine.counter, mine.count, [*mine.body, *body], carries, mine.free, mine.apart and theirs.apart)
        self.loop.summary = Summary(a.uses | b.uses, a.gives | b.gives, a.reads | b.reads, a.writes | b.writes)
        self.size += other.size
        for buffer, found in self.accesses.items():
            found |= accesses.get(buffer, set())
        for buffer, found in accesses.items():
            self.accesses.setdefault(buffer, set(found))


def apart(accesses: set[Access], count: int) -> bool:
    """Whether the turns, `count` of them, have to do with different elements: each with a stretch of its own, or all going through
    the same axes, of which each takes larger steps than the smaller ones reach."""
    first = next(iter(accesses))
    if any(x.wild or x.step != first.step or x.outside != first.outside for x in accesses):
        return False
    if max(x.high for x in accesses) - min(x.low for x in accesses) < abs(first.step):
        return True
    if any(x.inside != first.inside for x in accesses):
        return False
    reach = max(x.start for x in accesses) - min(x.start for x in accesses)
    for step, turns in sorted([(abs(k), n) for k, n in [*first.inside, (first.step, count)]]):
        if step <= reach:
            return False
        reach += step * (turns - 1)
    return True


def _collect(
    block: Block, counter: Counter, ranges: dict[Reg, int], inside: set[Reg], found: dict[Buffer, set[Access]]
) -> None:  # fmt: skip
    for s in block:
        kind = type(s)
        if kind is Op or kind is Index:
            inside.add(s.out)
        elif kind is Load:
            inside.add(s.out)
            found.setdefault(s.buffer, set()).add(_access(s.at, counter, ranges, inside))
        elif kind is Store:
            found.setdefault(s.buffer, set()).add(_access(s.at, counter, ranges, inside))
        elif kind is Call:
            for part in s.args:
                if type(part) is Part:
                    access = _access(part.at, counter, ranges, inside)
                    found.setdefault(part.buffer, set()).add(access._replace(inside=(*access.inside, (1, part.reach))))
        else:
            inside.update(summary(s).gives)
            if kind is not For or s.carries:
                inside.update([c.inner for c in getattr(s, "carries", [])])
            if kind is For:
                ranges[s.counter] = s.count
            for inner in blocks(s):
                _collect(inner, counter, ranges, inside, found)


def _access(at: Form, counter: Counter, ranges: dict[Reg, int], inside: set[Reg]) -> Access:
    step = 0
    outside, axes = [], []
    for reg, k in at.terms:
        if reg is counter:
            step = k
        elif reg in ranges:
            axes.append((k, ranges[reg]))
        elif reg in inside:
            return WILD
        else:
            outside.append((reg, k))
    return Access(step, tuple(outside), at.const, tuple(sorted(axes)), False)


def _conflict(a: Summary, b: Summary) -> bool:
    """Whether b has to stay behind a."""
    return not (
        a.gives.isdisjoint(b.uses)
        and b.writes.isdisjoint(a.reads)
        and b.writes.isdisjoint(a.writes)
        and b.reads.isdisjoint(a.writes)
    )


def _fused(block: Block) -> Block:
    result: list[Any] = []
    for s in block:
        if type(s) is For and s.free:
            _place(result, Loop(s))
        elif type(s) in (Op, Load, Index, Store):
            _lift(result, s)
        else:
            result.append(s)
    done: Block = []
    for x in result:
        s = x.loop if type(x) is Loop else x
        for inner in blocks(s):
            inner[:] = _fused(inner)
        done.append(s)
    return done


def _summary(x: Any) -> Summary:
    return summary(x.loop if type(x) is Loop else x)


def _place(result: list[Any], loop: Loop) -> None:
    """At the loop that takes it, or at the end."""
    own = summary(loop.loop)
    for k in range(len(result) - 1, max(len(result) - FAR, 0) - 1, -1):
        other = result[k]
        if type(other) is Loop and other.loop.count == loop.loop.count and other.takes(loop):
            other.join(loop)
            return
        if _conflict(_summary(other), own):
            break
    result.append(loop)


def _lift(result: list[Any], s: Any) -> None:
    """Before loops it has nothing to do with, so that those behind it can be joined to them."""
    place = len(result)
    if any([type(x) is Loop for x in result[-NEAR:]]):
        own = summary(s)
        for k in range(len(result) - 1, max(len(result) - NEAR, 0) - 1, -1):
            if _conflict(_summary(result[k]), own):
                break
            if type(result[k]) is Loop:
                place = k
    result.insert(place, s)
