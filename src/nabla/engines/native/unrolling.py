"""Short loops are written out, where that lets numbers stay in registers: short axes inside or around long ones."""

from __future__ import annotations

from typing import Any

from nabla.engines.native.loops import Block, For, Form, If, Numbering, Operand, Program, Reg, Rewriter, While, blocks, walk

SHORT = 4
"""Turns up to which a loop is written out that is not inside a longer one."""
SHORT_AROUND = 8
"""The same around a longer loop, which then can be joined to others of its length, where there are others."""
SHORT_INSIDE = 16
"""The same inside a longer loop that does more than this one, so that numbers stay in registers in a turn of it."""
LONGEST, LONGEST_INSIDE = 400, 2000
"""Statements that come of it at most."""


class Unroller:
    def __init__(self, program: Program, inside: bool) -> None:
        self.inside = inside
        self.fresh = Numbering(program).fresh
        self.replaced: dict[Reg, Operand] = {}

    def block(self, block: Block, around: For | None) -> Block:
        """around: the outermost loop around it whose turns may be taken in any order."""
        result: Block = []
        alone = sum([type(s) is For for s in block]) == 1
        for s in block:
            if type(s) is For:
                outer = around or (s if s.free else None)
                s.body = self.block(s.body, outer)
                s.summary = None
                if self._pays(s, around, alone):
                    result.extend(self._turns(s))
                    continue
            else:
                for inner in blocks(s):
                    inner[:] = self.block(inner, around)
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

    def _pays(self, s: For, around: For | None, alone: bool) -> bool:
        size = sum(1 for _ in walk(s.body)) * s.count
        if size > (LONGEST_INSIDE if self.inside else LONGEST) or not _is_simple(s.body):
            return False
        if self.inside:
            if around is None or around is s or s.count >= around.count:
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


def _is_simple(block: Block) -> bool:
    return all(type(s) not in (While, If) for s in walk(block))


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
    return Program(unroller.settled(block), program.buffers)


class Resolved(dict[Reg, Operand]):
    """A replacement may itself have been replaced."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = default
        while key in self:
            found = key = self[key]
        return found
