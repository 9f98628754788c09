"""NumPy kernels: indexing. Those of updates write into the buffer they are given, and return it (see run.py)."""

from __future__ import annotations

from functools import partial
from math import prod
from operator import itemgetter
from typing import Any, Callable

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.errors import BoundsError
from nabla.primitives import indexing as i
from nabla.primitives.base import Primitive

SMALL = 8
"""A part that is so many times smaller than the whole is copied: a view would keep the whole from being written to, or freed."""

_ALL = slice(None)


def _key(spec: i.Spec) -> tuple[Any, ...]:
    """The ints and ranges of `spec` as a NumPy key, with all of an axis where an index array stands."""
    return tuple([_entry(entry) for entry in spec])


def _entry(entry: Any) -> Any:
    if entry is None:
        return _ALL
    if type(entry) is tuple:
        start, count, step = entry
        stop = start + count * step
        return slice(start, stop if stop >= 0 else None, step)
    return entry


def _arrays_first(x: Any, spec: i.Spec) -> Any:
    """What the ints and ranges leave of x, as a view with the axes of the index arrays in front."""
    y = x[_key(spec)]
    kept = [entry for entry in spec if type(entry) is not int]
    front = [axis for axis, entry in enumerate(kept) if entry is None]
    if front[-1] == len(front) - 1:
        return y
    return y.transpose(front + [axis for axis, entry in enumerate(kept) if entry is not None])


def _index(x: Any, *arrays: Any, spec: i.Spec, unique: bool = True) -> Any:
    if arrays:
        try:
            return _arrays_first(x, spec)[arrays]
        except IndexError as error:
            raise BoundsError(f"an index array does not fit: {error}") from None
    if len(spec) == 1 and type(spec[0]) is int:
        return x[spec[0]]
    out = x[_key(spec)]
    if out.size * SMALL <= x.size and out.base is not None:
        return out.copy()
    return out


def _index_set(buffer: Any, v: Any, *arrays: Any, spec: i.Spec, unique: bool = True) -> Any:
    if arrays:
        try:
            _arrays_first(buffer, spec)[arrays] = v
        except IndexError as error:
            raise BoundsError(f"an index array does not fit: {error}") from None
    else:
        buffer[_key(spec)] = v
    return buffer


def _index_add(buffer: Any, v: Any, *arrays: Any, spec: i.Spec, unique: bool = True) -> Any:
    if not arrays:
        buffer[_key(spec)] += v
        return buffer
    part = _arrays_first(buffer, spec)
    try:
        if unique:
            part[arrays] += v
        else:
            _add(part, v, arrays)
    except IndexError as error:
        raise BoundsError(f"an index array does not fit: {error}") from None
    return buffer


def _add(part: Any, v: Any, arrays: tuple[Any, ...]) -> None:
    """Add elements or rows, some of them to the same place, in their order. np.add.at is fast along one axis only."""
    if part.ndim == 1 or not part.flags.c_contiguous:
        np.add.at(part, arrays, v)
        return
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    place = np.zeros(shape, np.intp)
    for a, n in zip(arrays, part.shape):
        if a.size and (a.min() < -n or a.max() >= n):
            raise IndexError(f"index out of bounds for an axis of size {n}")
        place *= n
        place += np.where(a < 0, a + n, a)
    row = part.shape[len(arrays) :]
    width = prod(row)
    if row:
        place = place[..., None] * width + np.arange(width)
    np.add.at(part.reshape(-1), place.reshape(-1), np.broadcast_to(v, (*shape, *row)).reshape(-1))


def _assemble(*parts: Any, shape: tuple[int, ...], specs: tuple[i.Spec, ...], disjoint: bool) -> Any:
    out = np.zeros(shape, parts[0].dtype)
    for part, spec in zip(parts, specs):
        key = spec[0] if len(spec) == 1 and type(spec[0]) is int else _key(spec)
        if disjoint:
            out[key] = part
        else:
            out[key] += part
    return out


def _bind_index(spec: i.Spec, unique: bool = True) -> Kernel:
    """index for one `spec`: what follows from it is found once. Rows by one number are the common case of loops."""
    if None not in spec:
        if len(spec) == 1 and type(spec[0]) is int:
            return itemgetter(spec[0])
        key = _key(spec)

        def part(x: Any) -> Any:
            out = x[key]
            return out.copy() if out.base is not None and out.size * SMALL <= x.size else out

        return part
    general = partial(_index, spec=spec, unique=unique)
    if not is_row(spec):
        return general

    def row(x: Any, i: Any) -> Any:
        if i.shape or not x.shape or x.shape[1:] != sizes:
            return general(x, i)
        try:
            return x[i].copy() if sizes else x[i]
        except IndexError as error:
            raise BoundsError(f"an index array does not fit: {error}") from None

    sizes = tuple([entry[1] for entry in spec[1:]])
    return row


def _bind_index_set(spec: i.Spec, unique: bool = True) -> Kernel:
    general = partial(_index_set, spec=spec, unique=unique)
    if not is_row(spec):
        return general

    def row(buffer: Any, v: Any, i: Any) -> Any:
        if i.shape or buffer.shape[1:] != sizes:
            return general(buffer, v, i)
        try:
            buffer[i] = v
        except IndexError as error:
            raise BoundsError(f"an index array does not fit: {error}") from None
        return buffer

    sizes = tuple([entry[1] for entry in spec[1:]])
    return row


def is_row(spec: i.Spec) -> bool:
    """Whether it names rows by an index array, whole ones if they are as long as it says."""
    return bool(spec) and spec[0] is None and all(type(entry) is tuple and entry[0] == 0 and entry[2] == 1 for entry in spec[1:])


BOUND: dict[Primitive, Callable[..., Kernel]] = {i.index: _bind_index, i.index_set: _bind_index_set}
"""Kernels for given parameters, where that saves work at each call."""

KERNELS: dict[Primitive, Kernel] = {
    i.index: _index,
    i.index_set: _index_set,
    i.index_add: _index_add,
    i.assemble: _assemble,
}
