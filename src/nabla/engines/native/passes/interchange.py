"""Axes of a nest of loops in the order in which they go through memory best.

A nest is written in the order of the axes of its result, which may lie across what it reads: then each turn of the inner loop asks
for another part of memory. The axis whose turns are furthest apart goes outside.
"""

from __future__ import annotations

from nabla.engines.native.loops import NESTING, Block, For, Load, Program, Reg, Store, blocks, given_by, summary, walk

LINE = 64
"""Bytes of memory that the processor asks for at a time."""
NEAR = 1 << 14
"""Bytes of a buffer of which all parts are near."""
BETTER = 1.5
"""How much further apart the turns of an inner axis must be than those of the outermost for the order to change."""
LARGE = 4096
"""Turns of a nest from which on its order matters."""


def interchanged(program: Program) -> Program:
    return program._replace(body=_interchanged(program.body))


def _interchanged(block: Block) -> Block:
    result: Block = []
    for s in block:
        if type(s) in NESTING:
            nest = _nest(s)
            if len(nest) > 1:
                s = _in_order(nest)
            for inner in blocks(s):
                inner[:] = _interchanged(inner)
        result.append(s)
    return result


def _nest(s: object) -> list[For]:
    """Loops that stand one in the other, with nothing beside them, whose turns may be taken in any order."""
    found: list[For] = []
    while type(s) is For and s.free and not s.carries:
        found.append(s)
        if len(s.body) != 1:
            break
        s = s.body[0]
    return found


def _in_order(nest: list[For]) -> For:
    turns = 1
    for s in nest:
        turns *= s.count
    if turns < LARGE:
        return nest[0]
    lines = _lines(nest)
    if max(lines.values()) < BETTER * lines[nest[0].counter]:
        return nest[0]
    body = nest[-1].body
    for s in sorted(nest, key=lambda s: lines[s.counter]):  # from the inside; of equals the outer one stays outside
        body = [For(s.counter, s.count, body, [], True, s.apart)]
    return body[0]


def _lines(nest: list[For]) -> dict[Reg, float]:
    """For each counter, how many other parts of memory a turn asks for than the one before."""
    lines: dict[Reg, float] = dict.fromkeys([s.counter for s in nest], 0.0)
    on: dict[Reg, set[Reg]] = {counter: {counter} for counter in lines}
    """The counters that a register depends on."""
    for s in walk(nest[-1].body):
        found: set[Reg] = set().union(*[on.get(reg, ()) for reg in summary(s).uses])
        for reg in given_by(s):
            on[reg] = found
        if (type(s) is Load or type(s) is Store) and s.buffer.nbytes > NEAR:
            steps = {reg: abs(k) * s.buffer.dtype.itemsize for reg, k in s.at.terms}
            for counter in set().union(*[on.get(reg, ()) for reg in steps]):
                lines[counter] += min(steps.get(counter, LINE) / LINE, 1.0)
    return lines
