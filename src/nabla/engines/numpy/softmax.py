"""NumPy kernels: softmax, its logarithm, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.numpy.elementwise import holds_nan
from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import softmax as s
from nabla.primitives.base import Primitive


def _below_maximum(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """The maximum m, and x - m, which is 0 where both are the same infinity."""
    m = np.maximum.reduce(x, axis=axes, keepdims=True) if x.size else np.full(_kept(x.shape, axes), -np.inf, x.dtype)
    below = np.subtract(x, m)
    if holds_nan(below):  # an infinity less itself, or a NaN from the start
        below = np.where(np.equal(x, m), x.dtype.type(0), below)
    return m, below


def _kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if axis in axes else n for axis, n in enumerate(shape))


def _softmax(x: Any, axes: tuple[int, ...]) -> Any:
    if x.itemsize == 2:
        return _softmax(x.astype(np.float32), axes).astype(np.float16)
    parts = np.exp(_below_maximum(x, axes)[1])
    return np.divide(parts, np.add.reduce(parts, axis=axes, keepdims=True))


def _log_softmax(x: Any, axes: tuple[int, ...]) -> Any:
    if x.itemsize == 2:
        return _log_softmax(x.astype(np.float32), axes).astype(np.float16)
    below = _below_maximum(x, axes)[1]
    return np.subtract(below, np.log(np.add.reduce(np.exp(below), axis=axes, keepdims=True)))


def _logsumexp(x: Any, axes: tuple[int, ...]) -> Any:
    """m + log(sum(exp(x - m))); where one element rules, the sum of the others keeps its digits beside its 1."""
    if x.itemsize == 2:
        return _logsumexp(x.astype(np.float32), axes).astype(np.float16)
    m, below = _below_maximum(x, axes)
    parts = np.exp(below)
    total = np.add.reduce(parts, axis=axes)
    log = np.log(total)
    ruled = total < 1.5
    if ruled.any() and x.size:
        others = np.add.reduce(np.where(below, parts, x.dtype.type(0)), axis=axes)
        log = np.where(ruled, np.log1p(others), log)
    return m.reshape(total.shape) + log


KERNELS: dict[Primitive, Kernel] = {
    s.softmax: _softmax,
    s.log_softmax: _log_softmax,
    s.logsumexp: _logsumexp,
}
