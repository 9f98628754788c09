"""How much LLVM tries: little before the first call, all it can for a program that has run for a while.

Both times the text is the same, and so are the results, to the last bit: LLVM does not reorder sums and does not join a product and
a sum. The better code is made in the background and takes the place of the first between two calls. A program that runs long each
time is compiled once, and well; so is every program if NABLA_TIERS=off. Only a very long one is compiled quickly for good: the time
that LLVM takes to compile well grows faster than the text.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from nabla.engines.native.runtime import objects, tiers

QUICK, FULL = 0, 2
STATEMENT = 30_000
"""The time it takes to compile a statement well, in nanoseconds. An operation as `time_of` counts them takes about one."""
LONG = 64
"""A program is compiled well at once where a run takes so many times that. What is compiled quickly runs a third to a half
longer, and is compiled in a tenth of the time."""

LARGEST = 20_000
"""Lines of a text that is compiled well."""


class Code:
    """A program in memory. address: of its function; left: the nanoseconds that it runs before it is `hot`, 0 for ever; table: a
    program that is called finds the address in the first place of it."""

    def __init__(self, source: str, statements: int, time: float) -> None:
        """statements: how many the text is of; time: what a run takes, about, in operations as `time_of` counts them."""
        self._source = source
        self.table: np.ndarray | None = None
        self.left = 0
        self._is_hot = False
        self._libraries = [self._first(statements, time)]
        self.address = self._libraries[0].addresses["run"]

    def _first(self, statements: int, time: float) -> objects.Library:
        if self._source.count("\n") > LARGEST:
            return objects.built(self._source, QUICK, "run")
        if tiers.are_on():
            found = objects.kept(self._source, FULL, "run")
            if found is not None:
                return found
            effort = STATEMENT * statements
            if time < LONG * effort:
                self.left = effort
                return objects.built(self._source, QUICK, "run")
        return objects.built(self._source, FULL, "run")

    def hot(self) -> None:
        """Have it compiled well, unless nobody has it any more by then. Threads that count at the same time may say so twice."""
        if self._is_hot:
            return
        self._is_hot = True
        own = weakref.ref(self)

        def improve() -> None:
            code = own()
            if code is not None:
                code._improve()

        tiers.submit(improve)

    def _improve(self) -> None:
        # The first code stays: it may be running in another thread.
        self._libraries.append(objects.built(self._source, FULL, "run"))
        table: Any = self.table
        table[0] = self.address = self._libraries[-1].addresses["run"]
