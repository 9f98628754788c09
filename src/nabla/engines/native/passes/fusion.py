"""Loops of as many turns are made one, where each turn of the second needs of the first no more than its own turn.

A loop moves up to an earlier one past what it has nothing to do with. Where both have to do with the same memory, and one writes to
it, the offsets of a turn must lie apart from those of all other turns. Of a loop of a few turns more than one that writes what it
reads, as there are where arrays are shifted against each other, the last turns are written out behind.
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
    Numbering,
    Op,
    Part,
    Program,
    Reg,
    Rewriter,
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
"""Statements that an operation moves past at most, or a loop for a better place."""
LARGEST = 4000
"""Statements of a loop that is not made larger."""
MORE, SIMPLE, LONG = 2, 40, 64
"""Turns that are written out behind a loop at most, the statements of such a turn, and the turns of such a loop at least."""


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
    return program._replace(body=_fused(program.body, program.numbering))


class Loop:
    """A loop that others may be joined to. after: its last turns, and theirs, written out."""

    def __init__(self, loop: For) -> None:
        self.loop = loop
        self.summary = _made_of(set, summary(loop))  # that grow
        self.after: Block = []
        self.size = size_of(loop.body)
        self._accesses: dict[Buffer, set[Access]] | None = None

    @property
    def accesses(self) -> dict[Buffer, set[Access]]:
        if self._accesses is None:
            self._accesses = {}
            _collect(self.loop.body, self.loop.counter, {}, set(), self._accesses)
        return self._accesses

    def takes(self, other: Loop) -> bool:
        a, b = self.summary, other.summary
        if self.size + other.size > LARGEST or a.gives & b.uses:
            return False
        shared = (a.writes & (b.reads | b.writes)) | (a.reads & b.writes)
        return all(apart(self.accesses[buffer] | other.accesses[buffer], self.loop.count) for buffer in shared)

    def evened(self, other: Loop, numbering: Numbering) -> bool:
        """Whether both have as many turns, maybe by now. The last turns of one may be taken behind the other: where loops can be
        joined, turns of different numbers have nothing to do with each other."""
        count = min(self.loop.count, other.loop.count)
        more = max(self.loop.count, other.loop.count) - count
        if not more:
            return True
        longer = self if count < self.loop.count else other
        if more > MORE or count < LONG or not longer.is_simple:
            return False
        theirs = other.summary
        if self.summary.writes.isdisjoint(theirs.reads | theirs.writes) or not self.takes(other):
            return False
        longer.end(count, numbering)
        return True

    @property
    def is_simple(self) -> bool:
        return not self.loop.carries and self.size <= SIMPLE and not any(blocks(s) for s in self.loop.body)

    def end(self, count: int, numbering: Numbering) -> None:
        """Take so many turns; the others behind."""
        last: Block = []
        for turn in range(count, self.loop.count):
            rewriter = Rewriter(numbering.fresh)
            rewriter.forms[self.loop.counter] = Form(turn)
            last += rewriter.block(self.loop.body)
        self.after = last + self.after
        self.loop.count = count

    def join(self, other: Loop) -> None:
        self.after += other.after
        mine, theirs = self.loop, other.loop
        for buffer, found in other.accesses.items():
            self.accesses.setdefault(buffer, set()).update(found)
        mine.body += substituted(theirs.body, {}, {theirs.counter: form(mine.counter)})
        mine.carries += theirs.carries
        mine.apart = mine.apart and theirs.apart
        sets: Any = zip(self.summary, other.summary)
        for own, more in sets:
            own |= more
        self.size += other.size

    def closed(self) -> Block:
        """The loop, to which no more are joined, and what is behind it."""
        self.loop.summary = _made_of(frozenset, self.summary)
        return [self.loop, *self.after]


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
    if not a.gives.isdisjoint(b.uses):
        return True
    if b.writes and not (b.writes.isdisjoint(a.reads) and b.writes.isdisjoint(a.writes)):
        return True
    return bool(a.writes) and not b.reads.isdisjoint(a.writes)


def _fused(block: Block, numbering: Numbering) -> Block:
    result: list[Any] = []
    for s in block:
        if type(s) is For and s.free:
            _place(result, Loop(s), numbering)
        elif type(s) in (Op, Load, Index, Store):
            _lift(result, s)
        else:
            result.append(s)
    done: Block = []
    for x in result:
        closed = x.closed() if type(x) is Loop else [x]
        for inner in blocks(closed[0]):
            inner[:] = _fused(inner, numbering)
        done += closed
    return done


def _made_of(kind: Any, sets: Summary) -> Summary:
    return Summary(*[kind(x) for x in sets])


def _summary(x: Any) -> Summary:
    return x.summary if type(x) is Loop else summary(x)


def _place(result: list[Any], loop: Loop, numbering: Numbering) -> None:
    """At the loop that takes it and writes what it reads, if that is near; else at the last that takes it, or at the end."""
    own = loop.summary
    found: Loop | None = None
    left = FAR
    for other in reversed(result[_first_loop(result, FAR) :]):
        there = _summary(other)
        if type(other) is Loop and (found is None or there.writes & own.reads):
            if other.evened(loop, numbering) and other.takes(loop):
                found, left = other, min(left, NEAR)
        left -= 1
        if not left or _conflict(there, own):
            break
    if found is None:
        result.append(loop)
    else:
        found.join(loop)


def _lift(result: list[Any], s: Any) -> None:
    """Before loops it has nothing to do with, so that those behind it can be joined to them."""
    place = len(result)
    first = _first_loop(result, NEAR)
    if first < place:
        own = summary(s)
        for k in range(place - 1, first - 1, -1):
            if _conflict(_summary(result[k]), own):
                break
            if type(result[k]) is Loop:
                place = k
    result.insert(place, s)


def _first_loop(result: list[Any], near: int) -> int:
    """The place of the first loop among the last ones; what would be the next place where there is none."""
    count = len(result)
    for k in range(max(count - near, 0), count):
        if type(result[k]) is Loop:
            return k
    return count
