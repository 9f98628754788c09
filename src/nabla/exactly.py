"""When one value of Python is as good as another for what was made with it: only if nothing could tell the two apart.

To Python, 1, 1.0 and True are equal, and so are 0.0 and -0.0; a NaN is not even equal to itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def exactly(x: Any) -> Any:
    """What stands for x in a comparison: of numbers the type and the bits, of tuples and sets these of each element. It has a hash
    where x has one."""
    kind = type(x)
    if kind is int or kind is str:
        return kind, x
    if isinstance(x, np.generic):
        return kind, x.dtype.str, x.tobytes()
    if isinstance(x, float):
        return kind, float.hex(x)
    if isinstance(x, complex):
        return kind, exactly(x.real), exactly(x.imag)
    if isinstance(x, tuple):
        return kind, tuple(map(exactly, x))
    if isinstance(x, (frozenset, set)):
        return kind, frozenset(map(exactly, x))
    return kind, x


class Exactly:
    """A value that is equal to another one where it is exactly that."""

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key = exactly(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exactly) and bool(self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self.value)
