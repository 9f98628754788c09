"""Collectives over a named axis of a vmap. Each takes the axis' own node as its second input, so that the batch sweep meets it.

While the axis is not batched yet they are functions of one lane; when the sweep of their axis comes, they become reductions.
psum transposes to psum: the pairing sums over the lanes.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape, never
from nabla.primitives.formulas import equal
from nabla.primitives.kinds import General
from nabla.primitives.reductions import reduce_max
from nabla.primitives.shape import cast, reduce_sum


def _axis_shape() -> tuple[Shape, np.dtype]:
    return (), dtypes.int64


AXIS = Constant("axis", _axis_shape, batch=never)
"""The node of a named axis: in one lane its value would be the index of the lane."""


def _first(x: Node, axis: Node) -> tuple[Shape, np.dtype]:
    return x.shape, x.dtype


def _psum_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    if not mapped[1]:
        return psum(x, axis), mapped[0]
    return (reduce_sum(x, axes=(0,)) if mapped[0] else x * size), False


psum = General(
    "psum",
    _first,
    jvp=lambda node, tangents: psum(tangents[0], node.inputs[1]),
    vjp=lambda node, g, wants: (psum(g, node.inputs[1]), None),
    batch=_psum_batch,
)
"""The sum over all lanes, in every lane."""


def _pmax_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    if not mapped[1]:
        return pmax(x, axis), mapped[0]
    if mapped[0] and size == 0:  # no lane asks
        return x, True
    return (reduce_max(x, axes=(0,)) if mapped[0] else x), False


def _share(node: Node, dx: Any) -> Node:
    """dx in the lanes that attain the maximum, divided by their number."""
    x, axis = node.inputs
    wins = cast(equal(x, node), dx.dtype)
    return dx * (wins / psum(wins, axis))


pmax = General(
    "pmax",
    _first,
    jvp=lambda node, tangents: psum(_share(node, tangents[0]), node.inputs[1]),
    vjp=lambda node, g, wants: (_share(node, psum(g, node.inputs[1])), None),
    batch=_pmax_batch,
)
"""The largest over all lanes, in every lane; lanes that share it share its derivative."""


def _index_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    if mapped[0]:
        return inputs[0], True
    return axis_index(inputs[0]), False


def _index_shape(axis: Node) -> tuple[Shape, np.dtype]:
    return (), dtypes.int64


axis_index = Constant("axis_index", _index_shape, batch=_index_batch)
"""The number of the lane."""
