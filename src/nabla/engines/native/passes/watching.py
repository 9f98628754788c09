"""A program that runs long looks for signals now and then, so that an interrupt from the keyboard ends it.

Python's own function for that is called, which runs what handles a signal if this is the main thread. What it raises ends the run.
"""

from __future__ import annotations

from typing import Any

from nabla.engines.native.loops import (
    INDEX,
    ZERO,
    Block,
    Carry,
    For,
    Form,
    If,
    Index,
    Num,
    Program,
    Watch,
    While,
    blocks,
    form,
    walk,
)  # fmt: skip
from nabla.engines.native.passes.nests import time_of

PAUSE = 2**27
"""The time between two looks, in operations as `time_of` counts them: about a tenth of a second."""


def watched(program: Program) -> Program:
    """Nothing changes where all is over before that."""
    if time_of(program.body) >= PAUSE or any(type(s) is While for s in walk(program.body)):
        _Watcher(program).block(program.body)
    return program


class _Watcher:
    def __init__(self, program: Program) -> None:
        self.numbering = program.numbering

    def block(self, block: Block) -> None:
        since = 0.0
        result: Block = []
        for s in block:
            result.append(s)
            if type(s) is While:
                result.append(self._endless(s))
                continue
            time = time_of([s])
            if type(s) is For and (time >= PAUSE or _holds_while(s)):
                self._long(s, time)
            elif type(s) is If:
                for branch in s.branches:
                    self.block(branch)
            since += time
            if since >= PAUSE:
                result.append(Watch(ZERO, 1))
                since = 0.0
        block[:] = result

    def _long(self, s: For, time: float) -> None:
        s.summary = None
        turn = time / s.count * s.lanes
        self.block(s.body)
        s.body.append(Watch(form(s.counter), _power_of_two(PAUSE / turn)))

    def _endless(self, s: While) -> Watch:
        """Its turns are counted for this, and added up behind it: it may be a short one in a long loop."""
        s.summary = None
        turn = time_of(s.test) + time_of(s.body) + 1
        for inner in blocks(s):
            self.block(inner)
        begun, ended, out = [self.numbering.new(INDEX) for _ in range(3)]
        s.carries.append(Carry(begun, Num(0, INDEX), ended, out))
        every = _power_of_two(PAUSE / turn)
        s.body.extend([Index(ended, Form(1, ((begun, 1),))), Watch(form(ended), every)])
        return Watch(form(out), every, adds=True)


def _holds_while(s: Any) -> bool:
    return any(type(x) is While for x in walk(s.body))


def _power_of_two(x: float) -> int:
    """The largest one up to x."""
    return 1 << max(int(x), 1).bit_length() - 1
