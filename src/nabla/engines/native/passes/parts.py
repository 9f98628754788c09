"""A long program in parts, each of which becomes a function of its own, with room on the stack for its own numbers alone.

What passes from one part to others goes through memory.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nabla.engines.native.loops import Block, Buffer, Cut, Form, Load, Program, Reg, Store, size_of, substituted, summary

LARGEST = 5000
"""Statements of a part, if it is not one statement that has more inside."""


def in_parts(program: Program) -> Program:
    parts = _parts(program.body)
    if len(parts) == 1:
        return program
    home: dict[Reg, int] = {}
    wanted: list[list[Reg]] = []  # by each part, of others
    for k, part in enumerate(parts):
        home.update({reg: k for s in part for reg in summary(s).gives})
        wanted.append(_in_order({reg for s in part for reg in summary(s).uses if home[reg] != k}))
    passed: list[dict[np.dtype, list[Reg]]] = [{} for _ in parts]
    for reg in _in_order({reg for regs in wanted for reg in regs}):
        passed[home[reg]].setdefault(reg.dtype, []).append(reg)
    places: dict[Reg, tuple[Buffer, Form]] = {}
    buffers = list(program.buffers)
    body: Block = []
    for part, own, given in zip(parts, wanted, passed):
        read = {reg: program.numbering.new(reg.dtype) for reg in own}
        body += [Load(read[reg], *places[reg]) for reg in own]
        body += substituted(part, read, {}) if read else part
        for dtype, regs in given.items():
            buffers.append(Buffer(dtype, len(regs), "arena", len(buffers)))
            places.update({reg: (buffers[-1], Form(i)) for i, reg in enumerate(regs)})
            body += [Store(*places[reg], reg) for reg in regs]
        body.append(Cut())
    return Program(body, buffers, program.numbering)


def _parts(block: Block) -> list[Block]:
    parts: list[Block] = [[]]
    size = 0
    for s in block:
        own = size_of([s])
        if size + own > LARGEST and parts[-1]:
            parts.append([])
            size = 0
        parts[-1].append(s)
        size += own
    return parts


def _in_order(regs: Iterable[Reg]) -> list[Reg]:
    return sorted(regs, key=lambda reg: reg.number)
