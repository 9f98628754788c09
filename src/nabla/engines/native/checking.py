"""What holds of every program: registers are given once, before they are used; dtypes fit; offsets that are known lie inside."""

from __future__ import annotations

from typing import Any

from nabla.engines.native.loops import (
    BOOL,
    INDEX,
    Block,
    Call,
    Counter,
    Cut,
    For,
    Form,
    If,
    Index,
    Load,
    Num,
    Op,
    Part,
    Program,
    Reg,
    Store,
    Watch,
    While,
    printed,
    summary,
)  # fmt: skip


class Malformed(Exception):
    """A program that breaks a rule of the language."""


def checked(program: Program) -> Program:
    """The program, if it is well formed."""
    _Checker(program).block(program.body, frozenset())
    return program


class _Checker:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.given: set[Reg] = set()
        self.turns: dict[Reg, int] = {}

    def fail(self, s: Any, what: str) -> None:
        text = printed(s)
        raise Malformed(f"{what}: {text}\n\n{self.program}")

    def give(self, reg: Reg, s: Any) -> None:
        if reg in self.given:
            self.fail(s, f"{reg} is given twice")
        self.given.add(reg)

    def operand(self, x: Any, seen: set[Reg], s: Any) -> None:
        if isinstance(x, Reg):
            if x not in seen:
                self.fail(s, f"{x} is not there yet")
            if type(x) is Counter:
                self.fail(s, f"{x} counts turns and stands in forms alone")
        elif type(x) is not Num:
            self.fail(s, f"{x} is no operand")

    def form(self, at: Form, seen: set[Reg], s: Any, count: int | None, reach: int = 1) -> None:
        low = high = at.const
        known = True
        for reg, factor in at.terms:
            if reg not in seen:
                self.fail(s, f"{reg} is not there yet")
            if not factor:
                self.fail(s, "a form has a term of no number")
            if reg.dtype != INDEX:
                self.fail(s, f"{reg} is no index")
            if reg in self.turns:
                end = factor * (self.turns[reg] - 1)
                low, high = low + min(end, 0), high + max(end, 0)
            else:
                known = False
        if known and count is not None and not 0 <= low <= high <= count - reach:
            self.fail(s, f"offsets from {low} to {high} do not lie in {count}")

    def block(self, block: Block, outside: frozenset[Reg]) -> set[Reg]:
        seen = set(outside)
        for s in block:
            kind = type(s)
            if kind is Op:
                for x in s.args:
                    self.operand(x, seen, s)
                self.give(s.out, s)
                seen.add(s.out)
            elif kind is Index:
                self.form(s.at, seen, s, None)
                self.give(s.out, s)
                seen.add(s.out)
            elif kind is Load:
                self.form(s.at, seen, s, s.buffer.count)
                if s.out.dtype != s.buffer.dtype:
                    self.fail(s, "another dtype than that of the buffer")
                self.give(s.out, s)
                seen.add(s.out)
            elif kind is Store:
                self.form(s.at, seen, s, s.buffer.count)
                self.operand(s.value, seen, s)
                if s.value.dtype != s.buffer.dtype:
                    self.fail(s, "another dtype than that of the buffer")
            elif kind is Call:
                for x in s.args:
                    if type(x) is Part:
                        self.form(x.at, seen, s, x.buffer.count, x.reach)
                if not {x.buffer for x in s.args if type(x) is Part}.issuperset(s.writes):
                    self.fail(s, "it writes to what it is not given")
            elif kind is Watch:
                self.form(s.at, seen, s, None)
            elif kind is Cut:
                seen = set()
            elif kind is If:
                self._if(s, seen)
            else:
                self._loop(s, seen)
            if kind in (For, While, If) and s.summary is not None:
                kept, s.summary = s.summary, None
                if summary(s) != kept:
                    self.fail(s, "its summary is an old one")
        return seen

    def _if(self, s: If, seen: set[Reg]) -> None:
        self.operand(s.which, seen, s)
        for k, branch in enumerate(s.branches):
            inside = self.block(branch, frozenset(seen))
            for reg, ends in s.outs:
                self.operand(ends[k], inside, s)
                if ends[k].dtype != reg.dtype:
                    self.fail(s, f"another dtype than that of {reg}")
        for reg, _ in s.outs:
            self.give(reg, s)
            seen.add(reg)

    def _loop(self, s: Any, seen: set[Reg]) -> None:
        inside = set(seen)
        for c in s.carries:
            self.operand(c.start, seen, s)
            self.give(c.inner, s)
            inside.add(c.inner)
            if not c.start.dtype == c.inner.dtype == c.end.dtype == c.out.dtype:
                self.fail(s, f"{c.inner} changes its dtype")
        if type(s) is For:
            if s.count < 1:
                self.fail(s, "a loop of no turns")
            self.give(s.counter, s)
            self.turns[s.counter] = s.count
            inside.add(s.counter)
        else:
            inside = self.block(s.test, frozenset(inside))
            self.operand(s.going, inside, s)
            if s.going.dtype != BOOL:
                self.fail(s, "a condition that is no truth value")
        inside = self.block(s.body, frozenset(inside))
        for c in s.carries:
            self.operand(c.end, inside, s)
            self.give(c.out, s)
            seen.add(c.out)
