"""Dropout: elements set to zero at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.ops.lift import ArrayLike, as_node, inexact, op
from nabla.ops.random.keys import as_key
from nabla.ops.random.uniform import unit
from nabla.primitives.base import zeros
from nabla.primitives.formulas import select

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def dropout(key: ArrayLike, x: ArrayLike, /, rate: float = 0.5) -> Tensor:
    """x with each element set to zero with probability `rate`, and the others divided by 1 - rate, so that means stay.

    key: as in nb.random; under it the choice is always the same. Raises ArgumentError for a rate that is not from 0 up to, but
    not, 1.

    >>> set(nb.nn.dropout(nb.random.key(0), nb.ones(50), 0.5).tolist())
    {0.0, 2.0}
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise ArgumentError(f"dropout: rate is a probability from 0 up to, but not, 1; got {rate!r}")
    node = inexact(as_node(x))
    kept = unit(as_key("dropout", key), node.shape, dtypes.float64) < 1.0 - rate
    return select(kept, node / (1.0 - rate), zeros((), node.dtype))
