"""XLA kernels: softmax, its logarithm, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.xla.kernel import Kernel, in_single, lax, where
from nabla.engines.xla.transcendental import log1p
from nabla.primitives import softmax as s
from nabla.primitives.base import Primitive

Axes = tuple[int, ...]


def _seen_by(reduced: Any, x: Any, axes: Axes) -> Any:
    """A result of reducing x over `axes`, seen by every element of x."""
    return lax.broadcast_in_dim(reduced, x.shape, [axis for axis in range(x.ndim) if axis not in axes])


def _below_maximum(x: Any, axes: Axes) -> tuple[Any, Any]:
    """The maximum, and x less it, which is 0 where both are the same infinity, and, until it meets `_sum`, beside a NaN.

    What is NaN is told by itself: to compare x with the maximum would have XLA write the matrix product before it to memory."""
    maximum = lax.reduce_max(x, axes)
    below = lax.sub(x, _seen_by(maximum, x, axes))
    return maximum, where(lax.ne(below, below), 0, below)


def _sum(parts: Any, maximum: Any, axes: Axes) -> Any:
    """The sum of parts that are not NaN; NaN where the maximum is."""
    return where(lax.ne(maximum, maximum), maximum, lax.reduce_sum(parts, axes))


def _softmax(x: Any, axes: Axes) -> Any:
    maximum, below = _below_maximum(x, axes)
    parts = lax.exp(below)
    return lax.div(parts, _seen_by(_sum(parts, maximum, axes), x, axes))


def _log_softmax(x: Any, axes: Axes) -> Any:
    maximum, below = _below_maximum(x, axes)
    return lax.sub(below, _seen_by(lax.log(_sum(lax.exp(below), maximum, axes)), x, axes))


def _logsumexp(x: Any, axes: Axes) -> Any:
    """m + log(sum(exp(x - m))); where one element rules, the sum of the others keeps its digits beside its 1."""
    maximum, below = _below_maximum(x, axes)
    parts = lax.exp(below)
    total = lax.reduce_sum(parts, axes)
    ruled = total < 1.5
    others = lax.reduce_sum(where(below != 0, parts, 0), axes)
    return maximum + where(ruled, where(total == 0, -np.inf, log1p(others)), lax.log(total))


KERNELS: dict[Primitive, Kernel] = {
    s.softmax: in_single(_softmax),
    s.log_softmax: in_single(_log_softmax),
    s.logsumexp: in_single(_logsumexp),
}
