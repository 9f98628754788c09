"""Short loops are written out, where that lets numbers stay in registers: short axes inside or around long ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nabla.engines.native.loops import (
    Block,
    Call,
    For,
    Form,
    If,
    Operand,
    Program,
    Reg,
    Rewriter,
    Summary,
    While,
    blocks,
    size_of,
    summary,
    walk,
)  # fmt: skip

SHORT = 4
"""Turns up to which a loop is written out that is not inside a longer one."""
SHORT_AROUND = 8
"""The same around a longer loop, which then can be joined to others of its length, where there are others."""
SHORT_INSIDE = 16
"""The same inside a longer loop that does more than this one, so that numbers stay in registers in a turn of it."""
LONGEST, FEWEST_INSIDE, LONGEST_INSIDE = 400, 200, 2000
"""Statements that come of it at most: inside a longer loop as many as that has turns, within bounds, as what runs seldom is not
worth long code."""


class Unroller:
    def __init__(self, program: Program, inside: bool) -> None:
        self.inside = inside
        self.fresh = program.numbering.fresh
        self.replaced: dict[Reg, Operand] = {}

    def block(self, block: Block, around: For | None, linked: bool = False, turns: int = 1) -> Block:
        """around: the outermost loop around it whose turns may be taken in any order. linked: whether numbers pass between this
        block and others in a turn of that. turns: of all loops around it."""
        result: Block = []
        alone = sum([type(s) is For for s in block]) == 1
        meeting = _meeting(block) if self.inside and around is not None and not linked else set()
        for s in block:
            if type(s) is For:
                outer = around or (s if s.free else None)
                passes = linked or s in meeting
                s.body = self.block(s.body, outer, passes, turns * s.count)
                s.summary = None
                if self._pays(s, around, alone, passes, turns):
                    result.extend(self._turns(s))
                    continue
            else:
                for inner in blocks(s):
                    inner[:] = self.block(inner, around, linked or s in meeting, turns)
                if type(s) in (While, If):
                    s.summary = None
            result.append(s)
        return result

    def settled(self, block: Block) -> Block:
        """The block, with what stands for the results of loops that are written out."""
        if not self.replaced:
            return block
        rewriter = Rewriter()
        rewriter.operands = Resolved(self.replaced)
        return rewriter.block(block)

    def _pays(self, s: For, around: For | None, alone: bool, linked: bool, turns: int) -> bool:
        size = size_of(s.body) * s.count if self.inside else _length(s.body) * s.count
        longest = min(max(turns, FEWEST_INSIDE), LONGEST_INSIDE) if self.inside else LONGEST
        if size > longest or not _is_simple(s.body):
            return False
        if self.inside:
            if around is None or around is s or s.count >= around.count or not linked:
                return False
            loops, others = _inside(around)
            return s.count <= (SHORT_INSIDE if loops > 1 else SHORT if others else 0)
        if around is not None and s.count < around.count:
            return False
        inner = max([x.count for x in walk(s.body) if type(x) is For and x.free], default=0)
        return s.count <= SHORT or (s.free and s.count <= SHORT_AROUND and s.count < inner and not alone)

    def _turns(self, s: For) -> Block:
        result: Block = []
        s = self.settled([s])[0]
        state: list[Any] = [c.start for c in s.carries]
        for turn in range(s.count):
            rewriter = Rewriter(self.fresh)
            rewriter.forms[s.counter] = Form(turn)
            rewriter.operands.update(zip([c.inner for c in s.carries], state))
            result.extend(rewriter.block(s.body))
            state = [rewriter.operand(c.end) for c in s.carries]
        self.replaced.update(zip([c.out for c in s.carries], state))
        return result


def _length(block: Block) -> int:
    """Statements, when the short loops among them are written out too."""
    return sum([1 if type(s) is not For else _length(s.body) * (s.count if s.count <= SHORT_INSIDE else 1) for s in block])


def _meeting(block: Block) -> set[Any]:
    """The loops among the statements that read what others of them write, or write what those read."""
    parts = [(s, summary(s)) for s in block]
    readers = Counter([buffer for _, part in parts for buffer in part.reads])
    writers = Counter([buffer for _, part in parts for buffer in part.writes])
    made: set[Reg] = set()  # from what loops give
    for s, part in parts:
        if blocks(s) or not part.uses.isdisjoint(made):
            made |= part.gives

    def meets(part: Summary) -> bool:
        return (
            bool(part.gives)
            or any(writers[x] > (x in part.writes) for x in part.reads)
            or any(readers[x] > (x in part.reads) for x in part.writes)
            or not part.uses.isdisjoint(made)
        )

    return {s for s, part in parts if type(s) is For and meets(part)}


def _is_simple(block: Block) -> bool:
    return all(type(s) not in (While, If, Call) for s in walk(block))


def _inside(s: For) -> tuple[int, int]:
    """How many loops are side by side inside a loop, and how many other statements are around them; one loop alone may become one
    with that around it."""
    others = 0
    while True:
        loops = [x for x in s.body if type(x) is For]
        if len(loops) != 1:
            return len(loops), others
        others += len(s.body) - 1
        s = loops[0]


def unrolled(program: Program) -> Program:
    """Short loops by themselves, and around longer ones."""
    return _with(Unroller(program, inside=False), program)


def unrolled_inside(program: Program) -> Program:
    """Short loops inside longer ones."""
    return _with(Unroller(program, inside=True), program)


def _with(unroller: Unroller, program: Program) -> Program:
    block = unroller.block(program.body, None)
    return program._replace(body=unroller.settled(block))


class Resolved(dict[Reg, Operand]):
    """A replacement may itself have been replaced."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = default
        while key in self:
            found = key = self[key]
        return found
