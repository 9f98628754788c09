"""Locks that a fork leaves free. The new process has only the thread that forked: what another one held, it would hold forever."""

from __future__ import annotations

import os
from threading import RLock
from typing import Any
from weakref import WeakSet

HOLDERS: WeakSet[Any] = WeakSet()
"""Modules and objects that have a `_lock`."""


def _free() -> None:
    for holder in list(HOLDERS):
        if holder._lock.acquire(blocking=False):  # free, or held by this very thread
            holder._lock.release()
        else:
            holder._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free)
