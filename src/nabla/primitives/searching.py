"""Where values belong in sorted rows. Positions are integers, so the derivative is zero."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape
from nabla.primitives.shape import spread


def _positions_shape(rows: Node, v: Node, right: bool) -> tuple[Shape, np.dtype]:
    return v.shape, dtypes.int64


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    rows, v = inputs
    if not mapped[0] and rows.ndim == 1:  # one row serves all lanes
        return searchsorted(rows, v, **node.params), True
    return searchsorted(spread(rows, mapped[0], size), spread(v, mapped[1], size), **node.params), True


searchsorted = Constant("searchsorted", _positions_shape, batch=_batch)
"""rows of shape (*B, n), ascending; v of shape (*B, *S) and the same dtype. For each v, how many of its row are less (right: or
equal); NaN counts as the largest, equal to itself."""
