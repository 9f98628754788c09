"""Where temporaries lie: in one arena, each as long as it is needed, in the place of others before and after it.

Those that begin at the same time are given their places in the order of their numbers: the same program has the same text in each
process, under which its code is found on disk.
"""

from __future__ import annotations

from typing import Any, Iterable

from nabla.engines.native.loops import Block, Buffer, For, Program, blocks, summary

ALIGNED = 64


def planned(program: Program) -> int:
    """Gives each buffer of the arena its place; the bytes of the arena."""
    return _plan(program.body, 0, {b for b in program.buffers if b.place == "arena"})


def _plan(block: Block, base: int, own: set[Buffer]) -> int:
    """Buffers that are needed in this block alone, from `base` on; what lies in one statement alone is planned inside it, above
    what is alive there."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    for k, s in enumerate(block):
        part = summary(s)
        for buffer in part.reads | part.writes:
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
    ending = set(last.values())
    alive: list[Buffer] = []
    top = base
    for k, s in enumerate(block):
        for buffer in _in_order(starting.get(k, ())):
            _place(buffer, alive, base)
            top = max(top, buffer.at + buffer.nbytes)
        if k in inside:
            above = max([_aligned(x.at + x.nbytes) for x in alive], default=base)
            top = max(top, _inside(s, above, inside[k]))
        if k in ending:
            alive = [x for x in alive if last[x] > k]
    return top


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
            part = summary(x)
            for buffer in part.reads | part.writes:
                if buffer in own and seen.setdefault(buffer, k) != k:
                    shared.add(buffer)
    for buffer in _in_order(shared):
        buffer.at = base
        base = _aligned(base + buffer.nbytes)
    return max([base, *[_plan(block, base, own - shared) for block in parts]])


def _place(buffer: Buffer, alive: list[Buffer], base: int) -> None:
    """At the first gap that is large enough. alive: in the order of their places."""
    at, passed = base, 0
    for other in alive:
        if other.at - at >= buffer.nbytes:
            break
        at = _aligned(other.at + other.nbytes)
        passed += 1
    buffer.at = at
    alive.insert(passed, buffer)


def _in_order(buffers: Iterable[Buffer]) -> list[Buffer]:
    return sorted(buffers, key=lambda buffer: buffer.number)


def _aligned(x: int) -> int:
    return -(-x // ALIGNED) * ALIGNED
