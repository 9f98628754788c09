"""XLA kernels: indexing. A range is a slice, index arrays are a gather or a scatter.

A compiled program cannot raise an error of a value: what is read out of bounds is NaN (of integers the least number, the largest of
unsigned ones, True of booleans), and what is written there is dropped. Index arrays that the program holds as constants are
checked when it is compiled. Where a place is written to twice, the last write stands, on every device.
"""

from __future__ import annotations

from math import prod
from typing import Any, Sequence

import numpy as np

from nabla.engines.xla.kernel import Kernel, broadcast_to, lax, reshape, together, where
from nabla.errors import BoundsError
from nabla.primitives import indexing as i
from nabla.primitives.base import Primitive

Shape = tuple[int, ...]


# Ints and ranges


class _Window:
    """What the ints and ranges of a `spec` name, all of an axis where an index array stands: the least box with that stride."""

    def __init__(self, shape: Shape, spec: i.Spec) -> None:
        self.low: list[int] = []
        self.stride: list[int] = []
        self.counts: list[int] = []
        self.backwards: list[int] = []
        for axis, (n, entry) in enumerate(zip(shape, spec)):
            start, count, step = (entry, 1, 1) if type(entry) is int else (0, n, 1) if entry is None else entry
            if step < 0:
                start, step = start + (count - 1) * step, -step
                self.backwards.append(axis)
            self.low.append(start if count else 0)
            self.counts.append(count)
            self.stride.append(step if count > 1 else 1)
        self.shape = shape
        self.spans = [(count - 1) * step + 1 if count else 0 for count, step in zip(self.counts, self.stride)]
        self.kept = tuple([n for n, entry in zip(self.counts, spec) if type(entry) is not int])
        self.solid = all(step == 1 for step in self.stride)
        self.whole = self.solid and not self.backwards and tuple(self.counts) == shape

    def read(self, x: Any) -> Any:
        """The part, its axes of ints gone."""
        out = x
        if not self.whole:
            ends = [a + span for a, span in zip(self.low, self.spans)]
            out = self.turned(lax.slice(x, self.low, ends, self.stride))
        return reshape(out, self.kept)

    def boxed(self, v: Any, dtype: Any) -> Any:
        """A part of that shape, or one that broadcasts to it, in the order in which it lies in the array, axes of ints back."""
        v = broadcast_to(lax.convert_element_type(v, dtype), self.kept)
        return self.turned(reshape(v, tuple(self.counts)))

    def turned(self, box: Any) -> Any:
        """The box, its axes of negative steps the other way round."""
        return lax.rev(box, self.backwards) if self.backwards else box

    def spread(self, box: Any, fill: Any) -> Any:
        """The box in its place, `fill` everywhere else."""
        config = [(a, n - a - span, step - 1) for a, n, span, step in zip(self.low, self.shape, self.spans, self.stride)]
        return lax.pad(box, lax.full((), fill, box.dtype), config)

    def place(self, x: Any, box: Any) -> Any:
        """x with the box in its place."""
        if self.whole:
            return box
        if 0 in self.counts:
            return x
        if self.solid:
            return lax.dynamic_update_slice(x, box, self.low)
        there = self.spread(lax.full(box.shape, True, np.bool_), False)
        return lax.select(there, self.spread(box, 0), x)

    def add(self, x: Any, box: Any) -> Any:
        """x with the box added in its place."""
        if 0 in self.counts:
            return x
        if self.whole:
            return _plus(x, box)
        old = lax.slice(x, self.low, [a + span for a, span in zip(self.low, self.spans)], self.stride)
        return self.place(x, _plus(old, box))


def _plus(x: Any, y: Any) -> Any:
    return lax.bitwise_or(x, y) if x.dtype.kind == "b" else lax.add(x, y)


# Index arrays


def _front(spec: i.Spec) -> list[int]:
    """The order of the axes that a window keeps, with those of index arrays in front."""
    kept = [entry for entry in spec if type(entry) is not int]
    arrays = [axis for axis, entry in enumerate(kept) if entry is None]
    return arrays + [axis for axis, entry in enumerate(kept) if entry is not None]


def _inverse(perm: Sequence[int]) -> list[int]:
    return sorted(range(len(perm)), key=perm.__getitem__)


def _positions(arrays: Sequence[Any], sizes: Shape) -> tuple[Any, bool]:
    """The index arrays side by side along a last axis, counted from 0, out of bounds an impossible position; and whether they are
    known to be inside."""
    known = all(isinstance(a, (np.ndarray, np.generic)) for a in arrays)
    columns = []
    for a, n in zip(together(*[_checked(a, n) for a, n in zip(arrays, sizes)]), sizes):
        columns.append(a if known else where((a < -n) | (a >= n), n, where(a < 0, a + n, a)))
    return lax.concatenate([lax.expand_dims(a, (a.ndim,)) for a in columns], columns[0].ndim), known


def _checked(a: Any, n: int) -> Any:
    """An index array in int64; if it is a constant, checked and counted from 0."""
    if not isinstance(a, (np.ndarray, np.generic)):
        return lax.convert_element_type(a, np.int64)
    a = np.asarray(a).astype(np.int64)
    if a.size and (a.min() < -n or a.max() >= n):
        raise BoundsError(f"an index array does not fit: it goes from {a.min()} to {a.max()} for an axis of size {n}")
    return np.where(a < 0, a + n, a)


def _mode(known: bool) -> Any:
    return lax.GatherScatterMode.PROMISE_IN_BOUNDS if known else lax.GatherScatterMode.FILL_OR_DROP


def _gather(x: Any, positions: Any, known: bool, unique: bool = False) -> Any:
    """The parts x[positions], of positions in the first axes of x."""
    axes = positions.shape[-1]
    lanes = positions.shape[:-1]
    if 0 in x.shape[:axes] and prod(lanes):
        return _nothing((*lanes, *x.shape[axes:]), x.dtype)
    numbers = lax.GatherDimensionNumbers(
        offset_dims=tuple(range(len(lanes), len(lanes) + x.ndim - axes)),
        collapsed_slice_dims=tuple(range(axes)),
        start_index_map=tuple(range(axes)),
    )
    if 0 in x.shape[:axes]:
        return lax.full((*lanes, *x.shape[axes:]), 0, x.dtype)
    return lax.gather(x, positions, numbers, (*[1] * axes, *x.shape[axes:]), mode=_mode(known), unique_indices=unique)


def _nothing(shape: Shape, dtype: Any) -> Any:
    """What is read out of bounds."""
    dtype = np.dtype(dtype)
    fill: Any = np.nan
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fill = limits.min if dtype.kind == "i" else limits.max
    return lax.full(shape, True if dtype.kind == "b" else fill, dtype)


def _scatter(function: Any, x: Any, positions: Any, v: Any, known: bool, unique: bool) -> Any:
    """x[positions] written to by a scatter of jax.lax."""
    axes = positions.shape[-1]
    lanes = positions.ndim - 1
    if 0 in v.shape or 0 in x.shape:
        return x
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(lanes, v.ndim)),
        inserted_window_dims=tuple(range(axes)),
        scatter_dims_to_operand_dims=tuple(range(axes)),
    )
    return function(x, positions, v, numbers, mode=_mode(known), unique_indices=unique)


def _last_writes(positions: Any, sizes: Shape, known: bool) -> Any:
    """The positions, moved out of bounds where a later one is the same: XLA may write them in any order."""
    lanes = positions.shape[:-1]
    count = prod(lanes)
    order = lax.reshape(lax.iota(np.int64, count), lanes)
    board = _scatter(lax.scatter_max, lax.full(sizes, -1, np.int64), positions, order, known, False)
    stands = lax.eq(_gather(board, positions, known), order)
    return lax.select(
        lax.broadcast_in_dim(stands, positions.shape, range(len(lanes))), positions, lax.full_like(positions, max(sizes))
    )


# Kernels


def _index(x: Any, *arrays: Any, spec: i.Spec, unique: bool = True) -> Any:
    part = _Window(x.shape, spec).read(x)
    if not arrays:
        return part
    part = lax.transpose(part, _front(spec))
    positions, known = _positions(arrays, part.shape)
    return _gather(part, positions, known, unique)


def _index_set(x: Any, v: Any, *arrays: Any, spec: i.Spec, unique: bool = True) -> Any:
    return _updated(x, v, arrays, spec, unique, adds=False)


def _index_add(x: Any, v: Any, *arrays: Any, spec: i.Spec, unique: bool = True) -> Any:
    return _updated(x, v, arrays, spec, unique, adds=True)


def _updated(x: Any, v: Any, arrays: Sequence[Any], spec: i.Spec, unique: bool, adds: bool) -> Any:
    window = _Window(x.shape, spec)
    if not arrays:
        box = window.boxed(v, x.dtype)
        return window.add(x, box) if adds else window.place(x, box)
    perm = _front(spec)
    part = lax.transpose(window.read(x), perm)
    positions, known = _positions(arrays, part.shape)
    v = broadcast_to(lax.convert_element_type(v, x.dtype), (*positions.shape[:-1], *part.shape[len(arrays) :]))
    if adds:
        # Float16 adds up in its own precision, as in NumPy.
        part = _scatter(lax.scatter_max if x.dtype.kind == "b" else lax.scatter_add, part, positions, v, known, unique)
    else:
        if not unique:
            positions, known = _last_writes(positions, part.shape[: len(arrays)], known), False
        part = _scatter(lax.scatter, part, positions, v, known, True)
    return window.place(x, window.boxed(lax.transpose(part, _inverse(perm)), x.dtype))


def _assemble(*parts: Any, shape: Shape, specs: tuple[i.Spec, ...], disjoint: bool) -> Any:
    rows = _rows(parts, shape, specs)
    if rows is not None:
        return rows
    windows = [_Window(shape, spec) for spec in specs]
    boxes = [window.boxed(part, part.dtype) for window, part in zip(windows, parts)]
    first, dtype = windows[0], parts[0].dtype
    out = lax.full(shape, 0, dtype) if 0 in first.counts else first.spread(boxes[0], 0)
    # Most of an array is added as a whole, with -0 around it, which changes no number: XLA makes one loop of such sums.
    whole = dtype.kind in "fc" and 2 * sum([box.size for box in boxes]) >= len(boxes) * out.size
    for window, box in zip(windows[1:], boxes[1:]):
        if disjoint:
            out = window.place(out, box)
        else:
            out = lax.add(out, window.spread(box, -dtype.type(0))) if whole and 0 not in window.counts else window.add(out, box)
    return out


def _rows(parts: Sequence[Any], shape: Shape, specs: tuple[i.Spec, ...]) -> Any:
    """Where the parts are each place along one axis, and whole along the others: one behind the other, after those of one place are
    added up."""
    ints = [axis for axis, entry in enumerate(specs[0]) if type(entry) is int]
    if len(ints) != 1 or shape[ints[0]] > len(parts):
        return None
    (axis,) = ints
    others = [None if k == axis else (0, n, 1) for k, n in enumerate(shape)]
    found: dict[int, Any] = {}
    for part, spec in zip(parts, specs):
        at = spec[axis]
        if type(at) is not int or [None if k == axis else entry for k, entry in enumerate(spec)] != others:
            return None
        found[at] = found[at] + part if at in found else part
    if len(found) < shape[axis]:
        return None
    box = (*shape[:axis], 1, *shape[axis + 1 :])
    return lax.concatenate([reshape(found[k], box) for k in range(shape[axis])], axis)


KERNELS: dict[Primitive, Kernel] = {
    i.index: _index,
    i.index_set: _index_set,
    i.index_add: _index_add,
    i.assemble: _assemble,
}
