"""How loops run: neighbouring axes as one, several turns at once, in pieces for several threads.

The time of a loop is estimated in operations; the axis whose turns are taken at once is that for which it is shortest.
"""

from __future__ import annotations

from collections import Counter as Counted
from math import inf
from typing import Any, NamedTuple

from nabla.engines.native.loops import (
    BOOL,
    Block,
    Buffer,
    Call,
    Carry,
    Counter,
    For,
    Form,
    If,
    Index,
    Load,
    Op,
    Program,
    Reg,
    Store,
    While,
    blocks,
    coefficient,
    substituted,
    summary,
    touched,
    walk,
)  # fmt: skip
from nabla.engines.native.passes.fusion import Loop as Accessed, apart
from nabla.engines.native.runtime import blas_threads
from nabla.engines.native.runtime.gemm import Gemm
from nabla.engines.native.runtime.routines import Reference

# Neighbouring axes as one


def flattened(program: Program) -> Program:
    _flatten(program.body)
    return program


def _flatten(block: Block) -> None:
    for k, s in enumerate(block):
        for inner in blocks(s):
            _flatten(inner)
        if type(s) is For:
            while len(s.body) == 1 and type(s.body[0]) is For:
                found = _as_one(s, s.body[0])
                if found is None:
                    break
                block[k] = s = found


def _as_one(outer: For, inner: For) -> For | None:
    if outer.free != inner.free or len(outer.carries) != len(inner.carries):
        return None
    for a, b in zip(outer.carries, inner.carries):
        if b.start is not a.inner or a.end is not b.out or a.by != b.by:
            return None
    for at in _forms(inner.body):
        if coefficient(at, outer.counter) != coefficient(at, inner.counter) * inner.count:
            return None
    body = substituted(inner.body, {}, {outer.counter: Form(0)})
    carries = [Carry(b.inner, a.start, b.end, a.out, a.by) for a, b in zip(outer.carries, inner.carries)]
    return For(inner.counter, outer.count * inner.count, body, carries, inner.free, outer.apart and inner.apart)


def _forms(block: Block) -> list[Form]:
    found = []
    for s in walk(block):
        if type(s) in (Load, Store, Index):
            found.append(s.at)
        elif type(s) is Call:
            found.extend([x.at for x in s.args if hasattr(x, "at")])
    return found


# Several turns at once

HEAVY = 12
LIGHT = frozenset([
    "abs", "add", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "convert", "copysign", "equal", "greater", "greater_equal", "isfinite", "isnan", "less", "less_equal", "logical_and",
    "logical_not", "logical_or", "maximum", "minimum", "multiply", "negative", "not_equal", "order", "rotate_left", "safe_multiply",
    "sign", "square", "subtract", "where",
])  # fmt: skip
MIDDLE = {"divide": 4, "reciprocal": 4, "sqrt": 5, "from_end": 3, "is_below": 2}
STRIDED, CHAINED = 2, 8
"""How many vectors are taken at once where turns wait for memory."""
SERIAL, SIDE_BY_SIDE = frozenset(["exp", "expm1", "logistic", "tanh", "sech2"]), 4
"""Functions inside a loop whose instructions wait for each other; how many vectors of them keep the processor busy."""
FAR = 64
"""Elements from which on a step through memory is a long one."""
FEW = 40
"""Statements of a loop up to which the numbers of so many vectors find room in registers."""
LINKS = 3
"""Reads in a row for which it is worth it."""
SINGLY = {"of_scipy": 100, "one_of_scipy": 100, "of_degree": 100, "of_complex": 100, "gcd": 100}
"""What is computed number by number, also of several turns at once."""


def _weight(s: Op) -> int:
    return 1 if s.name in LIGHT else MIDDLE.get(s.name) or SINGLY.get(s.name, HEAVY)


class Plan(NamedTuple):
    time: float
    vector: tuple[tuple[For, int], ...]  # loops, and how many turns of them are taken at once


def vectorized(program: Program, width: int) -> Program:
    """width: bytes of a vector of this processor; 0 for none."""
    if width:
        _vectorize(program.body, width)
    return program


def _vectorize(block: Block, width: int) -> None:
    for s in block:
        if type(s) is For and s.free:
            for loop, lanes in _best(s, width).vector:
                loop.lanes = lanes
        else:
            for inner in blocks(s):
                _vectorize(inner, width)


def time_of(block: Block) -> float:
    """Of all turns, one by one."""
    total = 0.0
    for s in block:
        kind = type(s)
        if kind is Op:
            total += _weight(s)
        elif kind is For:
            if s.time is None:
                s.time = s.count * time_of(s.body) if s.lanes == 1 else _at_once(s, s.lanes)
            total += s.time
        elif kind is While:
            total += 10 * (time_of(s.test) + time_of(s.body))
        elif kind is If:
            total += max(time_of(b) for b in s.branches)
        else:
            total += 1 if kind is not Call else s.time
    return total


def _best(s: For, width: int) -> Plan:
    inside = 0.0
    chosen: list[tuple[For, int]] = []
    for x in s.body:
        if type(x) is For:
            plan = _best(x, width)
            inside += plan.time
            chosen.extend(plan.vector)
        else:
            inside += time_of([x])
    best = Plan(s.count * (inside + 1), tuple(chosen))
    if s.free and all(c.by for c in s.carries) and s.count > 1:
        lanes = _lanes(s, width)
        here = _at_once(s, lanes) if lanes > 1 else inf
        if here < best.time:
            best = Plan(here, ((s, lanes * _vectors(s, lanes)),))
    return best


def _vectors(s: For, lanes: int) -> int:
    """How many vectors are best taken at once: several where turns mostly wait for memory, as where an inner loop goes through it
    in long steps, of which neighbouring turns want what lies beside, and where one read gives the place of the next; or for the
    result of the instruction before."""
    names = {x.name for x in walk(s.body) if type(x) is Op}
    if not names.isdisjoint(SINGLY):
        return 1
    is_short = len(s.body) <= FEW and not any(map(blocks, s.body))
    if is_short and s.count >= SIDE_BY_SIDE**2 * lanes and not names.isdisjoint(SERIAL):
        return SIDE_BY_SIDE
    if s.carries:
        return 1
    reads = [x.at for loop in s.body if type(loop) is For for x in loop.body if type(x) in (Load, Store)]
    strided = any(coefficient(at, s.counter) == 1 and any(abs(k) >= FAR for _, k in at.terms) for at in reads)
    if s.count >= STRIDED * lanes and strided and sum(1 for _ in walk(s.body)) <= FEW:
        return STRIDED
    return CHAINED if s.count >= CHAINED * lanes and _links(s.body) >= LINKS else 1


def _links(block: Block) -> int:
    """How many reads wait for each other."""
    before: dict[Reg, int] = {}
    for x in block:
        if type(x) is Store:
            continue
        if type(x) not in (Op, Load, Index):
            return 0
        uses = [reg for reg in summary(x).uses if reg in before]
        before[x.out] = max([before[reg] for reg in uses], default=0) + (type(x) is Load and bool(uses))
    return max(before.values(), default=0)


def _lanes(s: For, width: int) -> int:
    """As many as fit, by the largest numbers that are computed with."""
    dtypes = {x.value.dtype if type(x) is Store else x.out.dtype for x in walk(s.body) if type(x) in (Op, Load, Index, Store)}
    return width // max([dtype.itemsize for dtype in dtypes if dtype != BOOL], default=8)


def _at_once(s: For, lanes: int) -> float:
    """The time with so many turns at once; infinite where that can't be."""
    varying: set[Reg] = {c.inner for c in s.carries}
    time = _lanes_time(s.body, s.counter, lanes, varying)
    return -(-s.count // lanes) * (time + 2)


def _lanes_time(block: Block, counter: Counter, lanes: int, varying: set[Reg]) -> float:
    total = 0.0
    for s in block:
        kind = type(s)
        if kind is Op:
            if any(x in varying for x in s.args):
                varying.add(s.out)
            total += _weight(s) * (lanes if s.name in SINGLY else s.out.dtype.itemsize * lanes // 64 or 1)
        elif kind is For:
            varying.update([c.inner for c in s.carries])
            varying.update([c.out for c in s.carries])
            total += s.count * (_lanes_time(s.body, counter, lanes, varying) + 1)
        elif kind in (Load, Store, Index):
            step = coefficient(s.at, counter)
            moving = any(reg in varying for reg, _ in s.at.terms)
            if kind is Store:
                if not step and not moving:
                    return inf
            elif step or moving:
                varying.add(s.out)
            total += 1 if kind is Index else lanes if moving or step not in (0, 1, 2) else max(step, 1)
        else:
            return inf
    return total


# In pieces

WORTH = 150_000
"""The time from which on a loop is cut in pieces."""
PIECE = 40_000
MOST = 64
ROOM = 2**23
"""Bytes that all pieces of a loop have of their own, at most."""


def in_pieces(program: Program) -> Program:
    """Loops that take long, cut in a number of pieces that does not depend on how many threads there are."""
    if time_of(program.body) >= WORTH:
        _cut(program.body, _touches(program.body))
    return program


def _cut(block: Block, touches: Counted) -> None:
    for s in block:
        if type(s) is not For or not s.free:
            for inner in blocks(s):
                _cut(inner, touches)
            continue
        time = time_of([s])
        if time < WORTH:
            continue
        own = _own(s, touches) if all(c.by for c in s.carries) and all(map(_is_safe, walk(s.body))) else None
        turns = -(-s.count // s.lanes)
        pieces = int(min(MOST, max(2, time // PIECE), turns))
        if own:
            pieces = min(pieces, ROOM // sum([buffer.nbytes for buffer in own]))
        if own is None or pieces < 2:
            _cut(s.body, touches)
        else:
            s.pieces, s.own = pieces, own


def _is_safe(s: Any) -> bool:
    """Whether several threads may do it at the same time: Python does not, nor does BLAS where it has threads of its own."""
    return type(s) is not Call or type(s.routine) is Gemm or (type(s.routine) is not Reference and blas_threads.are_limited())


def _own(s: For, touches: Counted) -> frozenset[Buffer] | None:
    """The buffers that each piece needs for itself; None if turns may not run at the same time. What all turns write to, and is
    touched nowhere else, says nothing from turn to turn, as these may be taken in any order."""
    accesses = Accessed(s).accesses
    mixed = [buffer for buffer in summary(s).writes if not apart(accesses[buffer], s.count)]
    inside = _touches(s.body) if mixed else {}
    own = frozenset([buffer for buffer in mixed if buffer.place == "arena" and inside[buffer] == touches[buffer]])
    return own if s.apart or len(own) == len(mixed) else None


def _touches(block: Block) -> Counted:
    """In how many statements each buffer is."""
    return Counted([buffer for s in walk(block) for buffer in touched(s)])
