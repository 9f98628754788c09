"""Sorting along one axis, and the permutation that sorts.

NaN counts as the largest; equals keep their order, also when descending. Sorting only moves elements, so its derivative
is that of a gather by the sorting permutation.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape
from nabla.primitives.indexing import along_axis
from nabla.primitives.kinds import General


def _sort_shape(x: Node, axis: int, descending: bool) -> tuple[Shape, np.dtype]:
    return x.shape, x.dtype


def _argsort_shape(x: Node, axis: int, descending: bool) -> tuple[Shape, np.dtype]:
    return x.shape, dtypes.int64


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return node.prim(inputs[0], axis=node.params["axis"] + 1, descending=node.params["descending"]), True


def _sort_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (x,), (dx,), axis = node.inputs, tangents, node.params["axis"]
    assert dx is not None
    return along_axis(dx, argsort(x, **node.params), axis, unique=True)


argsort = Constant("argsort", _argsort_shape, batch=_batch)
sort = General("sort", _sort_shape, jvp=_sort_jvp, batch=_batch)
