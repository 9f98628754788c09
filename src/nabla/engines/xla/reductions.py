"""XLA kernels: reductions and cumulative operations. Float16 is summed and multiplied up in float32, as everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.xla.kernel import Kernel, in_single, jnp, lax, number
from nabla.primitives import cumulative as c, reductions as r, shape as s
from nabla.primitives.base import Primitive


def _over_axes(name: str, of_booleans: str) -> Kernel:
    """A reduction of jax.lax, and the one that stands for it over booleans."""

    def kernel(x: Any, axes: tuple[int, ...]) -> Any:
        return getattr(lax, of_booleans if x.dtype.kind == "b" else name)(x, axes)

    return in_single(kernel)


def _truth(name: str) -> Kernel:
    def kernel(x: Any, axes: tuple[int, ...]) -> Any:
        return getattr(lax, name)(x if x.dtype.kind == "b" else lax.ne(x, number(0, x)), axes)

    return kernel


def _position(name: str) -> Kernel:
    return lambda x, axis: getattr(lax, name)(x.astype(np.int8) if x.dtype.kind == "b" else x, axis, np.int64)


def _along(name: str) -> Kernel:
    def kernel(x: Any, axis: int, reverse: bool = False) -> Any:
        if x.dtype.kind == "b":  # extrema, of which jax has none
            return kernel(x.astype(np.int8), axis, reverse).astype(x.dtype)
        return getattr(lax, name)(x, axis=axis, reverse=reverse)

    return in_single(kernel)


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """t[i] = a[i] t[i-1] + b[i], step by step: doubling would multiply windows of `a`, which may overflow before t."""
    n = b.shape[axis]
    if n < 2:
        return b
    rows, factors = jnp.moveaxis(b, axis, 0), jnp.moveaxis(a, axis, 0)
    start, behind = (n - 1, slice(0, n - 1)) if reverse else (0, slice(1, n))

    def step(t: Any, ab: Any) -> Any:
        t = ab[0] * t + ab[1]
        return t, t

    first = rows[start]
    rest = lax.scan(step, first, (factors[behind], rows[behind]), reverse=reverse)[1]
    parts = (rest, first[None]) if reverse else (first[None], rest)
    return jnp.moveaxis(lax.concatenate(parts, 0), 0, axis)


KERNELS: dict[Primitive, Kernel] = {
    # reductions
    s.reduce_sum: _over_axes("reduce_sum", "reduce_or"),
    r.reduce_prod: _over_axes("reduce_prod", "reduce_and"),
    r.reduce_max: _over_axes("reduce_max", "reduce_or"),
    r.reduce_min: _over_axes("reduce_min", "reduce_and"),
    r.reduce_any: _truth("reduce_or"),
    r.reduce_all: _truth("reduce_and"),
    r.argmax: _position("argmax"),
    r.argmin: _position("argmin"),
    # cumulative
    c.cumsum: _along("cumsum"),
    c.cumprod: _along("cumprod"),
    c.recurrence: in_single(_recurrence),
    c.cummax: _along("cummax"),
    c.cummin: _along("cummin"),
}
