"""Bytes kept on disk from one process to the next: the object code of what was compiled before.

They lie in the directory that `set_compilation_cache` was given, else in that which the environment variable NABLA_CACHE_DIR names,
else in `nabla` of the user's cache directory; NABLA_CACHE=off keeps nothing. A file is named by the hash of all that its content
follows from. Several processes may read and write at a time: a file comes into being whole, and one that is damaged is as good as
none. What cannot be written is not kept.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Callable, Sequence

from nabla.errors import ArgumentError

LARGEST = 128 * 2**20
"""Bytes of all files together. When they are more, those go that were not used for the longest time, down to three quarters."""
BETWEEN = 32
"""Files that a process writes before it looks again how many bytes there are."""

KEPT, UNFINISHED = ".code", ".part"
DIGEST = 32
"""Bytes before the content, by which damage is seen."""

_writes = count()
_chosen: Path | None = None


def kept(facts: Sequence[str], make: Callable[[], bytes]) -> bytes:
    """What `make` returns, from the disk if it is there. It follows from `facts` and from nothing else."""
    place = directory()
    if place is None:
        return make()
    file = place / f"{_key(facts)}{KEPT}"
    found = _read(file)
    if found is None:
        found = make()
        _write(file, found)
    return found


def found(facts: Sequence[str]) -> bytes | None:
    """What was made of these facts, if it is on the disk."""
    place = directory()
    return None if place is None else _read(place / f"{_key(facts)}{KEPT}")


def directory() -> Path | None:
    """Where files are kept; None if none are."""
    wanted = os.environ.get("NABLA_CACHE") or "on"
    if wanted not in ("on", "off"):
        raise ArgumentError(f"the environment variable NABLA_CACHE is {wanted!r}; it may be on or off")
    if wanted == "off":
        return None
    named = os.environ.get("NABLA_CACHE_DIR")
    users = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return _chosen or (Path(named) if named else Path(users) / "nabla")


def keep_in(path: str) -> None:
    """Keep files in this directory from now on."""
    global _chosen
    _chosen = Path(path)


def _key(facts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for fact in facts:
        data = fact.encode()
        digest.update(b"%d " % len(data))
        digest.update(data)
    return digest.hexdigest()


def _read(file: Path) -> bytes | None:
    try:
        data = file.read_bytes()
        os.utime(file)  # used now
    except OSError:
        return None
    content = data[DIGEST:]
    return content if hashlib.sha256(content).digest() == data[:DIGEST] else None


def _write(file: Path, content: bytes) -> None:
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(UNFINISHED, dir=file.parent)
        try:
            with open(handle, "wb") as unfinished:
                unfinished.write(hashlib.sha256(content).digest() + content)
            os.replace(name, file)
        except OSError:
            os.unlink(name)
            return
        if next(_writes) % BETWEEN == 0:
            _shrink(file.parent)


def _shrink(place: Path) -> None:
    """Remove what was not used for the longest time, if there is too much."""
    files = []
    for entry in os.scandir(place):
        if entry.name.endswith((KEPT, UNFINISHED)):
            with suppress(OSError):  # another process removed it
                facts = entry.stat()
                files.append((facts.st_mtime_ns, facts.st_size, entry.path))
    total = sum(size for _, size, _ in files)
    if total <= LARGEST:
        return
    for _, size, path in sorted(files):
        with suppress(OSError):
            os.unlink(path)
        total -= size
        if total <= LARGEST * 3 // 4:
            return
