"""What a tensor is while code is written: numbers in registers, or a place in memory. Lazy ones: arrays.py."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

MOST = 96
"""Numbers of a tensor that is kept in registers."""


class Small(NamedTuple):
    """A tensor in registers: the name, or the literal, of each of its numbers."""

    names: np.ndarray
    dtype: np.dtype


class Memory(NamedTuple):
    """A tensor in memory, in C order. owned: nobody outside this function sees it. root: the memory that it is, or is a part of."""

    pointer: str
    shape: tuple[int, ...]
    dtype: np.dtype
    owned: bool
    root: str


Value = Any  # Small, Memory, or a tuple of these for a node of several outputs


def shape_of(x: Value) -> tuple[int, ...]:
    if type(x) is tuple:
        return ()
    return x.names.shape if isinstance(x, Small) else x.shape


def key_of(spec: tuple[Any, ...]) -> tuple[Any, ...]:
    """A basic part as a key of NumPy's."""
    key: list[Any] = []
    for entry in spec:
        if isinstance(entry, tuple):
            start, count, step = entry
            stop = start + count * step
            key.append(slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0))
        else:
            key.append(entry)
    return tuple(key)
