"""Distributions of counts. Their draws are integers, of which there is no derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import as_shape
from nabla.ops.lift import ArrayLike, DTypeLike, broadcast_to, op, real_floats
from nabla.ops.random.keys import as_key, parameters, several, words
from nabla.ops.random.uniform import tail_unit
from nabla.primitives import random as r
from nabla.primitives.base import broadcast_shapes, scalar
from nabla.primitives.formulas import ceil, greater, log1p, log_, maximum, minimum, select, sub
from nabla.primitives.joining import pick, side_by_side
from nabla.primitives.shape import cast

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _whole_dtype(name: str, dtype: DTypeLike) -> np.dtype:
    kind = dtypes.canonical(dtype)
    if kind.kind not in "iuf":
        raise DTypeError(f"{name}: counts have a dtype of integers or real floats; got {kind}")
    return kind


@op
def poisson(key: ArrayLike, lam: ArrayLike, /, shape: Any = None, dtype: DTypeLike = "int64") -> Tensor:
    """Poisson-distributed counts of mean `lam`, which broadcasts to `shape`; without one, it gives it.

    Drawn by inversion for small means, else by rejection (Hörmann, 1993). -1 where lam is negative or NaN.

    >>> nb.random.poisson(nb.random.key(0), 3.0, (2,)).dtype
    dtype('int64')
    """
    kind = _whole_dtype("poisson", dtype)
    shape, (mean,) = parameters("poisson", shape, None, lam)
    return cast(r.poisson(words(as_key("poisson", key), shape), cast(mean, dtypes.float64)), kind)


@op
def binomial(key: ArrayLike, n: ArrayLike, p: ArrayLike, /, shape: Any = None, dtype: DTypeLike = "int64") -> Tensor:
    """How many of `n` trials succeed that each succeed with probability `p`; both broadcast to `shape`, or give it.

    Drawn by inversion where few do (or fail), else by rejection (Hörmann, 1993). -1 where n is negative or p is no probability.

    >>> nb.random.binomial(nb.random.key(0), 10, 0.5, (2,)).dtype
    dtype('int64')
    """
    kind = _whole_dtype("binomial", dtype)
    shape, (trials, chance) = parameters("binomial", shape, "float64", n, p)
    return cast(r.binomial(words(as_key("binomial", key), shape), trials, chance), kind)


@op
def geometric(key: ArrayLike, p: ArrayLike, /, shape: Any = None, dtype: DTypeLike = "int64") -> Tensor:
    """The number of the first trial that succeeds, at least 1, where each does with probability `p`.

    >>> nb.random.geometric(nb.random.key(0), 1.0).item()
    1
    """
    kind = _whole_dtype("geometric", dtype)
    shape, (chance,) = parameters("geometric", shape, "float64", p)
    waited = ceil(log_(tail_unit(as_key("geometric", key), shape, dtypes.float64)) / log1p(-chance))
    return cast(maximum(waited, scalar(1.0, dtypes.float64)), kind)


@op
def multinomial(key: ArrayLike, n: ArrayLike, p: ArrayLike, /, shape: Any = None, dtype: DTypeLike = "int64") -> Tensor:
    """How many of `n` trials have each of the outcomes along the last axis of `p`: counts of shape (*shape, k) that sum to n.

    p of shape (..., k) is divided by its sum; n and the other axes of p broadcast to `shape`, or give it. One outcome after the
    other is drawn, as a binomial number of those trials that are left.

    >>> nb.random.multinomial(nb.random.key(0), 10, [0.2, 0.3, 0.5]).sum().item()
    10
    """
    kind = _whole_dtype("multinomial", dtype)
    node, chances, trials = as_key("multinomial", key), real_floats("multinomial", p), real_floats("multinomial", n)
    if not chances.ndim or not chances.shape[-1]:
        raise ShapeError(f"multinomial: the last axis of p has the outcomes; got shape {chances.shape}")
    last = chances.ndim - 1
    columns = [cast(pick(chances, last, i), dtypes.float64) for i in range(chances.shape[-1])]
    own = broadcast_shapes("multinomial", [trials.shape, columns[0].shape])
    wanted = own if shape is None else as_shape("multinomial", shape)
    if broadcast_shapes("multinomial", [wanted, own]) != wanted:
        raise ShapeError(f"multinomial: n and p without its last axis have shape {own}, which does not broadcast to {wanted}")
    left = broadcast_to(cast(trials, dtypes.float64), wanted)
    below = [columns[-1]]  # the sum of the probabilities from each outcome on
    for column in columns[-2::-1]:
        below.append(below[-1] + column)
    found: list[Node] = []
    zero = scalar(0.0, dtypes.float64)
    for i, child in enumerate(several(node, len(columns) - 1)):
        total = below[-1 - i]
        chance = select(greater(total, zero), minimum(columns[i] / total, scalar(1.0, dtypes.float64)), zero)
        count = r.binomial(words(child, wanted), left, chance)
        found.append(count)
        left = sub(left, cast(count, dtypes.float64))
    found.append(cast(left, dtypes.int64))
    return cast(side_by_side(found, len(wanted)), kind)
