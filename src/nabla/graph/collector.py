"""Python's cyclic garbage collector, paused while many nodes are made.

Nodes form no cycles, so the collector would walk over all of them, again and again, and find nothing: in a sweep over
thousands of nodes that is half of the time.
"""

from __future__ import annotations

import gc
import os
from typing import Any, Callable, TypeVar

T = TypeVar("T")

FEW = 256
"""For less than so many nodes a pause is not worth its while."""

_paused = False


def with_collector_paused(nodes: int, f: Callable[..., T], *args: Any) -> T:
    """f(*args), which goes over so many nodes, with the collector paused if it is running."""
    global _paused
    if nodes <= FEW or not gc.isenabled():
        return f(*args)
    try:  # no `with`: an interrupt from the keyboard may come before its end is reached
        _paused = True
        gc.disable()
        return f(*args)
    finally:
        gc.enable()
        _paused = False


def _go_on() -> None:
    """In the new process of a fork nobody else would."""
    if _paused:
        gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_on)
