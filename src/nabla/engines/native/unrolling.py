"""Short loops are written out, where that lets numbers stay in registers: short axes inside or around long ones."""

from __future__ import annotations

from typing import Any

from nabla.engines.native.loops import Block, Counter, For, Form, If, Operand, Program, Reg, Rewriter, While, blocks, walk

SHORT = 4
"""Turns up to which a loop is written out wherever it stands."""
SHORT_INSIDE = 16
"""The same inside or around a longer loop."""
LONGEST = 400
"""Statements that come of it at most."""


class Unroller:
    def __init__(self, program: Program) -> None:
        self._count = 1 + max([s.out.number if hasattr(s, "out") else 0 for s in walk(program.body)], default=0)
        for s in walk(program.body):
            regs = [c.out for c in s.carries] + [c.inner for c in s.carries] if type(s) in (For, While) else []
            regs += [s.counter] if type(s) is For else [reg for reg, _ in s.outs] if type(s) is If else []
            self._count = max([self._count, *[reg.number + 1 for reg in regs]])
        self.replaced: dict[Reg, Operand] = {}

    def fresh(self, reg: Reg) -> Reg:
        self._count += 1
        return Counter(reg.dtype, self._count) if type(reg) is Counter else Reg(reg.dtype, self._count)

    def block(self, block: Block, around: int) -> Block:
        """around: the turns of the longest loop around it."""
        result: Block = []
        for s in block:
            if type(s) is For:
                s.body = self.block(s.body, max(around, s.count if s.free else 0))
                s.summary = None
                if self._pays(s, around):
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

    def _pays(self, s: For, around: int) -> bool:
        size = sum(1 for _ in walk(s.body)) * s.count
        if size > LONGEST or not _simple(s.body):
            return False
        if s.count <= SHORT:
            return True
        inner = max([x.count for x in walk(s.body) if type(x) is For and x.free], default=0)
        return s.count <= SHORT_INSIDE and s.count < max(around, inner) and s.free

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


def _simple(block: Block) -> bool:
    return all(type(s) not in (While, If) for s in walk(block))


def unrolled(program: Program) -> Program:
    unroller = Unroller(program)
    block = unroller.block(program.body, 0)
    return Program(unroller.settled(block), program.buffers)


class Resolved(dict[Reg, Operand]):
    """A replacement may itself have been replaced."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = default
        while key in self:
            found = key = self[key]
        return found
