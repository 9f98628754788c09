"""Python's cyclic garbage collector, paused while many nodes are made.

Nodes form no cycles, so the collector would walk over all of them, again and again, and find nothing: in a sweep over
thousands of nodes that is half of the time.
"""

from __future__ import annotations

import gc

FEW = 256
"""For less than so many nodes a pause is not worth its while."""


class paused_collector:
    """Pause the collector inside this `with`, if it is running."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        if self._was_on:
            gc.disable()

    def __exit__(self, *exception: object) -> None:
        if self._was_on:
            gc.enable()
