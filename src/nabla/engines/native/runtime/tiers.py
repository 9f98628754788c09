"""Compiling in the background: what is better compiled is compiled there, while what there is goes on running.

Who hands in work looks from time to time whether it is done, and takes the result when it suits. The thread lives only while there
is work. NABLA_TIERS=off says that nothing is to be compiled twice.

A fork copies one thread, and the locks of all: it waits until nothing is being compiled, in the background or in another thread.
The end of the process waits for what is under way in the background.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from contextlib import AbstractContextManager
from typing import Any, Callable

from nabla.errors import ArgumentError


def are_on() -> bool:
    """Whether a function may be compiled quickly first, and better later."""
    wanted = os.environ.get("NABLA_TIERS") or "on"
    if wanted not in ("on", "off"):
        raise ArgumentError(f"the environment variable NABLA_TIERS is {wanted!r}; it may be on or off")
    return wanted == "on"


class Work:
    """A piece of work that was handed in. `done` turns true once; then there is a `result`, or an `error` if it raised."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build: Callable[[], Any] | None = build
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        build, self._build = self._build, None
        assert build is not None
        try:
            self.result = build()
        except BaseException as error:  # noqa: BLE001  whoever handed it in learns of it
            self.error = error
        self.done = True


class Background:
    """One thread, and the work it has still to do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Work] = deque()
        self._thread: threading.Thread | None = None
        self._paused = False

    def submit(self, build: Callable[[], Any]) -> Work:
        work = Work(build)
        with self._lock:
            self._queue.append(work)
            self._start()
        return work

    def _start(self) -> None:
        if self._queue and self._thread is None and not self._paused:
            self._thread = threading.Thread(target=self._serve, name="nabla-compile", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # at the end of the process none can be started: what there is goes on running
                self._thread = None

    def _serve(self) -> None:
        while True:
            with self._lock:
                if self._paused or not self._queue:
                    self._thread = None
                    return
                work = self._queue.popleft()
            work.run()

    def pause(self) -> None:
        """Wait for what is under way; from then to `resume` nothing is begun, and the calling thread holds the lock."""
        self._lock.acquire()
        while self._thread is not None and self._thread is not threading.current_thread():
            self._paused = True
            thread = self._thread
            self._lock.release()
            thread.join()
            self._lock.acquire()
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._start()
        self._lock.release()

    def end(self) -> None:
        """Wait for what is under way; nothing is begun ever after."""
        self.pause()
        self._lock.release()


class Gate:
    """Open to any number of threads at a time; closing it waits until they are out. Being inside twice counts once."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside: dict[int, int] = {}

    def __enter__(self) -> None:
        own = threading.get_ident()
        with self._changed:
            self._inside[own] = self._inside.get(own, 0) + 1

    def __exit__(self, *_: Any) -> None:
        own = threading.get_ident()
        with self._changed:
            self._inside[own] -= 1
            if not self._inside[own]:
                del self._inside[own]
                self._changed.notify_all()

    def close(self) -> None:
        """Wait until no other thread is inside; from then to `open` none comes in."""
        self._changed.acquire()
        while self._inside.keys() - {threading.get_ident()}:
            self._changed.wait()

    def open(self) -> None:
        self._changed.release()


_background = Background()
submit = _background.submit
compiling = Gate()
"""What compiles in any thread does it inside."""
LOCKS: list[AbstractContextManager[Any]] = []
"""Locks of the compiler. A fork takes them, so that in the new process no thread has them that is not there."""


def _stop() -> None:
    _background.pause()  # first: it may be inside
    compiling.close()
    for lock in LOCKS:
        lock.__enter__()


def _go_on() -> None:
    for lock in LOCKS:
        lock.__exit__(None, None, None)
    compiling.open()
    _background.resume()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_stop, after_in_parent=_go_on, after_in_child=_go_on)
atexit.register(_background.end)
