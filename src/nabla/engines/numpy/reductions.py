"""NumPy kernels: reductions, cumulative operations, sorting.

Float16 is summed and multiplied up in float32, as everywhere.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import cumulative as c, reductions as r, searching as e, shape as s, sorting as o
from nabla.primitives.base import Primitive

float16 = np.dtype(np.float16)


def _sum(x: Any, axes: tuple[int, ...]) -> Any:
    dtype = x.dtype
    if dtype is float16:
        return np.add.reduce(x, axes, np.float32).astype(dtype)
    return np.add.reduce(x, axes, dtype)


def _prod(x: Any, axes: tuple[int, ...]) -> Any:
    dtype = x.dtype
    if dtype is float16:
        return np.multiply.reduce(x, axes, np.float32).astype(dtype)
    return np.multiply.reduce(x, axes, dtype)


def _accumulate(ufunc: np.ufunc, x: Any, axis: int, reverse: bool) -> Any:
    if reverse:
        return np.flip(_accumulate(ufunc, np.flip(x, axis), axis, False), axis)
    if x.dtype is float16:
        return ufunc.accumulate(x, axis, np.float32).astype(float16)
    return ufunc.accumulate(x, axis, x.dtype)


def _step(t: Any, ab: tuple[Any, Any]) -> Any:
    return ab[0] * t + ab[1]


FEW_LANES = 16
"""Below this, a loop over Python numbers is faster than one over rows of arrays."""


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """t[i] = a[i] t[i-1] + b[i], step by step: doubling would multiply windows of `a`, which may overflow before t."""
    out = np.array(b, np.float32 if b.dtype is float16 else b.dtype)
    n = b.shape[axis]
    if out.size == 0:
        return out.astype(b.dtype, copy=False)
    rows, factors = out.swapaxes(0, axis), a.swapaxes(0, axis)
    if reverse:
        rows, factors = rows[::-1], factors[::-1]
    if out.size < FEW_LANES * n:
        lanes = rows.reshape(n, -1).T.tolist()
        steps = factors.reshape(n, -1).T.tolist()
        done = [list(accumulate(zip(f[1:], lane[1:]), _step, initial=lane[0])) for f, lane in zip(steps, lanes)]
        rows[...] = np.array(done).T.reshape(rows.shape)
    else:
        for i in range(1, n):
            rows[i] += factors[i] * rows[i - 1]
    return out.astype(b.dtype, copy=False)


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # Backwards twice: equals are turned round by the first, and turned back by the second.
    order = np.argsort(np.flip(x, axis), axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - order, axis)


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
    # reductions
    s.reduce_sum: _sum,
    r.reduce_prod: _prod,
    r.reduce_max: lambda x, axes: np.maximum.reduce(x, axes),
    r.reduce_min: lambda x, axes: np.minimum.reduce(x, axes),
    r.reduce_any: lambda x, axes: np.logical_or.reduce(x, axes),
    r.reduce_all: lambda x, axes: np.logical_and.reduce(x, axes),
    r.argmax: lambda x, axis: np.argmax(x, axis),
    r.argmin: lambda x, axis: np.argmin(x, axis),
    # cumulative
    c.cumsum: lambda x, axis, reverse: _accumulate(np.add, x, axis, reverse),
    c.cumprod: lambda x, axis, reverse: _accumulate(np.multiply, x, axis, reverse),
    c.recurrence: _recurrence,
    c.cummax: lambda x, axis: np.maximum.accumulate(x, axis),
    c.cummin: lambda x, axis: np.minimum.accumulate(x, axis),
    # sorting
    o.argsort: _argsort,
    o.sort: _sort,
    e.searchsorted: _searchsorted,
}
