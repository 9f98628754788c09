"""Sorting along one axis, and the permutation that sorts.

NaN counts as the largest; equals keep their order, also when descending. Sorting only moves elements, so its derivative
is that of a gather by the sorting permutation.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape, same
from nabla.primitives.indexing import along_axis
from nabla.primitives.kinds import General
from nabla.primitives.shape import batch_axes


def _argsort_shape(x: Node, axis: int, descending: bool) -> tuple[Shape, np.dtype]:
    return x.shape, dtypes.int64


def _sort_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (x,), (dx,), axis = node.inputs, tangents, node.params["axis"]
    assert dx is not None
    return along_axis(dx, argsort(x, **node.params), axis, unique=True)


argsort = Constant("argsort", _argsort_shape, batch=batch_axes)
sort = General("sort", same, jvp=_sort_jvp, batch=batch_axes)
