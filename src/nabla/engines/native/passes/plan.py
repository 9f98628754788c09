"""Where temporaries lie: in one arena, each as long as it is needed, in the place of others before and after it.

Those that begin at the same time are given their places in the order of their numbers: the same program has the same text in each
process, under which its code is found on disk.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf
from typing import Any, Iterable

from nabla.engines.native.loops import Block, Buffer, For, Program, blocks, summary, touched

ALIGNED = 64
"""Bytes of a cache line, at which each buffer begins."""


def planned(program: Program) -> int:
    """Gives each buffer of the arena its place; the bytes of the arena."""
    return _plan(program.body, 0, {b for b in program.buffers if b.place == "arena"})


def _plan(block: Block, base: int, own: set[Buffer]) -> int:
    """Buffers that are needed in this block alone, from `base` on; what lies in one statement alone is planned inside it, above
    what is alive there."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for k, s in enumerate(block):
        for buffer in _touched(s):
            if buffer in own:
                first.setdefault(buffer, k)
                last[buffer] = k
    inside: dict[int, set[Buffer]] = {}
    starting: dict[int, list[Buffer]] = {}
    for buffer, k in first.items():
        if last[buffer] == k and blocks(block[k]):
            inside.setdefault(k, set()).add(buffer)
        else:
            starting.setdefault(k, []).append(buffer)
    ending: dict[int, list[Buffer]] = {}
    for buffer, k in last.items():
        if k not in inside or buffer not in inside[k]:
            ending.setdefault(k, []).append(buffer)
    gaps = _Gaps(base)
    top = base
    for k, s in enumerate(block):
        for buffer in _in_order(starting.get(k, ())):
            buffer.at = gaps.taken(_aligned(buffer.nbytes))
            top = max(top, buffer.at + buffer.nbytes)
        if k in inside:
            top = max(top, _inside(s, gaps.starts[-1], inside[k]))
        for buffer in ending.get(k, ()):
            gaps.given_back(buffer.at, _aligned(buffer.nbytes))
    return top


class _Gaps:
    """Memory that nobody has: where each piece of it begins and ends, in order. The last one is endless."""

    def __init__(self, base: int) -> None:
        self.starts: list[int] = [base]
        self.ends: list[float] = [inf]

    def taken(self, size: int) -> int:
        """The beginning of the first gap that is large enough."""
        for k, start in enumerate(self.starts):
            if self.ends[k] - start >= size:
                break
        self.starts[k] += size
        if self.starts[k] == self.ends[k]:
            del self.starts[k], self.ends[k]
        return start

    def given_back(self, start: int, size: int) -> None:
        if not size:
            return
        own = bisect_left(self.starts, start)
        self.starts.insert(own, start)
        self.ends.insert(own, start + size)
        for k in (own, own - 1):  # joined to the gap behind it, and to that before it
            if k >= 0 and self.ends[k] == self.starts[k + 1]:
                del self.ends[k], self.starts[k + 1]


def _inside(s: Any, base: int, own: set[Buffer]) -> int:
    """Inside a loop: what several of its blocks have to do with is alive all along, and so is everything where several turns run at
    the same time."""
    parts = blocks(s)
    if type(s) is For and s.pieces:
        for buffer in _in_order(own - s.own):
            buffer.at = base
            base = _aligned(base + buffer.nbytes)
        s.at = base, _aligned(_plan(s.body, 0, set(s.own)))
        return base + s.pieces * s.at[1]
    if len(parts) == 1:
        return _plan(parts[0], base, own)
    seen: dict[Buffer, int] = {}
    shared: set[Buffer] = set()
    for k, block in enumerate(parts):
        for x in block:
            for buffer in _touched(x):
                if buffer in own and seen.setdefault(buffer, k) != k:
                    shared.add(buffer)
    for buffer in _in_order(shared):
        buffer.at = base
        base = _aligned(base + buffer.nbytes)
    return max([base, *[_plan(block, base, own - shared) for block in parts]])


def _touched(s: Any) -> Iterable[Buffer]:
    """By a statement and what is inside it."""
    if not blocks(s):
        return touched(s)
    part = summary(s)
    return part.reads | part.writes


def _in_order(buffers: Iterable[Buffer]) -> list[Buffer]:
    return sorted(buffers, key=lambda buffer: buffer.number)


def _aligned(x: int) -> int:
    return -(-x // ALIGNED) * ALIGNED
