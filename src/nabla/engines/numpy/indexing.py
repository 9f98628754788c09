"""NumPy kernels: indexing. Those of updates write into the buffer they are given, and return it (see run.py)."""

from __future__ import annotations

from math import prod
from typing import Any

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
        elif part.ndim == len(arrays):
            np.add.at(part, arrays, v)
        else:
            _add_rows(part, v, arrays)
    except IndexError as error:
        raise BoundsError(f"an index array does not fit: {error}") from None
    return buffer


def _add_rows(part: Any, v: Any, arrays: tuple[Any, ...]) -> None:
    """Add rows to rows, some of which may be the same: sorted by target and summed by run, in the order they came."""
    arrays = np.broadcast_arrays(*arrays) if len(arrays) > 1 else arrays
    shape = arrays[0].shape
    count = prod(shape)
    if not count:
        return
    sizes = part.shape[: len(arrays)]
    flat = np.zeros(count, np.intp)
    for a, n in zip(arrays, sizes):
        a = a.reshape(count).astype(np.intp)
        if a.min() < -n or a.max() >= n:
            raise IndexError(f"index out of bounds for an axis of size {n}")
        flat = flat * n + np.where(a < 0, a + n, a)
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    rows = np.broadcast_to(v, (*shape, *part.shape[len(arrays) :])).reshape(count, *part.shape[len(arrays) :])
    part[np.unravel_index(ordered[starts], sizes)] += np.add.reduceat(rows[order], starts, axis=0)


def _assemble(*parts: Any, shape: tuple[int, ...], specs: tuple[i.Spec, ...], disjoint: bool) -> Any:
    out = np.zeros(shape, parts[0].dtype)
    for part, spec in zip(parts, specs):
        key = spec[0] if len(spec) == 1 and type(spec[0]) is int else _key(spec)
        if disjoint:
            out[key] = part
        else:
            out[key] += part
    return out


KERNELS: dict[Primitive, Kernel] = {
    i.index: _index,
    i.index_set: _index_set,
    i.index_add: _index_add,
    i.assemble: _assemble,
}
