"""NumPy kernels: sorting and searching.

NumPy sorts numbers several times faster where it need not keep the order of equals, so the permutation is found that way, and then
the positions within each run of equals are put in order: as integers that have the number of the run before the position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import searching as e, sorting as o
from nabla.primitives.base import Primitive

FEW = 1024
"""Of fewer elements along the axis NumPy's stable sort is as fast."""


def _ascending(x: Any) -> Any:
    """The stable permutation along the last axis."""
    n = x.shape[-1]
    if n < FEW or x.dtype.kind not in "iuf" or x.dtype.itemsize < 4 or not x.size:
        return np.argsort(x, -1, kind="stable")
    if (x[..., 1:] >= x[..., :-1]).all():
        return np.broadcast_to(np.arange(n), x.shape).copy()
    bits = n.bit_length()
    if x.dtype.kind in "iu":
        least = x.min()
        if int(x.max()) - int(least) < 1 << (62 - bits):
            return _by_run(x.astype(np.int64) - least.astype(np.int64), np.arange(n), bits)
    order = np.argsort(x, -1)
    ordered = x[order] if x.ndim == 1 else np.take_along_axis(x, order, -1)
    before = ordered[..., :-1]
    new = ordered[..., 1:] != before
    if x.dtype.kind == "f":
        new &= before == before  # NaNs are equals, and come last
    if new.all():
        return order
    run = np.zeros(x.shape, np.int64)
    np.cumsum(new, -1, out=run[..., 1:])
    return _by_run(run, order, bits)


def _by_run(run: Any, position: Any, bits: int) -> Any:
    """The positions sorted by run and then by themselves."""
    run <<= bits
    run |= position
    run.sort(-1)
    run &= (1 << bits) - 1
    return run


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    x = np.swapaxes(x, axis, -1)
    if descending:  # backwards twice: equals are turned round by the first, and turned back by the second
        order = np.flip(x.shape[-1] - 1 - _ascending(np.flip(x, -1)), -1)
    else:
        order = _ascending(x)
    return np.swapaxes(order, axis, -1)


def _sort(x: Any, axis: int, descending: bool) -> Any:
    out = np.sort(x, axis)
    return np.flip(out, axis) if descending else out


def _searchsorted(rows: Any, v: Any, right: bool) -> Any:
    side: Any = "right" if right else "left"
    if rows.ndim == 1:
        return np.searchsorted(rows, v, side)
    out = np.empty(v.shape, np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        out[place] = np.searchsorted(rows[place], v[place], side)
    return out


KERNELS: dict[Primitive, Kernel] = {
    o.argsort: _argsort,
    o.sort: _sort,
    e.searchsorted: _searchsorted,
}
