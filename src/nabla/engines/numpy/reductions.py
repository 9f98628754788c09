"""NumPy kernels: reductions and cumulative operations.

Float16 is summed and multiplied up in float32, as everywhere.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.linalg import routine
from nabla.primitives import cumulative as c, reductions as r, shape as s
from nabla.primitives.base import Primitive

float16 = np.dtype(np.float16)


def _reduce(ufunc: np.ufunc) -> Kernel:
    def kernel(x: Any, axes: tuple[int, ...]) -> Any:
        dtype = x.dtype
        if dtype is float16:
            return ufunc.reduce(x, axes, np.float32).astype(dtype)
        if len(axes) == 1 and axes[0] == x.ndim - 1 and 1 < x.shape[-1] < SHORT and x.size >= MANY and dtype.kind != "c":
            return _few_columns(ufunc, x)
        return ufunc.reduce(x, axes, dtype)

    return kernel


SHORT, MANY = 8, 4096
"""A last axis shorter than the first number, of arrays with more elements than the second, is taken column by column: NumPy starts
a loop for each row. Fewer than eight real numbers it takes one after the other, too, so the bits are the same."""


def _few_columns(ufunc: np.ufunc, x: Any) -> Any:
    out = ufunc(x[..., 0], x[..., 1])
    for i in range(2, x.shape[-1]):
        ufunc(out, x[..., i], out=out)
    return out


def _accumulate(ufunc: np.ufunc, x: Any, axis: int, reverse: bool) -> Any:
    if reverse:
        return np.flip(_accumulate(ufunc, np.flip(x, axis), axis, False), axis)
    if x.dtype is float16:
        return ufunc.accumulate(x, axis, np.float32).astype(float16)
    return ufunc.accumulate(x, axis, x.dtype)


FEW_LANES, LONG = 64, 128
"""Fewer lanes are run one by one, since a loop over rows of all lanes costs microseconds a row; by LAPACK if they are long."""


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """t[i] = a[i] t[i-1] + b[i], step by step: doubling would multiply windows of `a`, which may overflow before t."""
    out = np.array(b, np.float32 if b.dtype is float16 else b.dtype)
    n = b.shape[axis]
    if out.size == 0:
        return out.astype(b.dtype, copy=False)
    rows, factors = out.swapaxes(0, axis), a.swapaxes(0, axis)
    if reverse:
        rows, factors = rows[::-1], factors[::-1]
    if out.size < FEW_LANES * n and out.dtype.kind in "fc":  # integers of Python do not wrap around
        run = _solved if n >= LONG and np.isfinite(factors).all() else _stepped
        lanes, steps = (x.reshape(n, -1).T.astype(out.dtype, copy=False) for x in (rows, factors))
        rows[...] = np.array([run(f, lane) for f, lane in zip(steps, lanes)]).T.reshape(rows.shape)
    else:
        for i in range(1, n):
            rows[i] += factors[i] * rows[i - 1]
    return out.astype(b.dtype, copy=False)


def _solved(a: Any, b: Any) -> Any:
    """One lane as the system of equations t[i] - a[i] t[i-1] = b[i], by substitution."""
    bands = np.empty((2, len(a)), a.dtype, "F")
    bands[0] = 1
    bands[1] = np.append(-a[1:], 0)
    found, _ = routine("tbtrs", a.dtype)(bands, b.reshape(-1, 1), uplo="L", diag="U")
    return found.reshape(-1)


def _stepped(a: Any, b: Any) -> Any:
    """One lane over Python numbers: a short one, or with infinities, which LAPACK need not multiply by zero."""
    return np.array(list(accumulate(zip(a[1:].tolist(), b[1:].tolist()), _step, initial=b[0].item())), b.dtype)


def _step(t: Any, ab: tuple[Any, Any]) -> Any:
    return ab[0] * t + ab[1]


KERNELS: dict[Primitive, Kernel] = {
    # reductions
    s.reduce_sum: _reduce(np.add),
    r.reduce_prod: _reduce(np.multiply),
    r.reduce_max: _reduce(np.maximum),
    r.reduce_min: _reduce(np.minimum),
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
}
