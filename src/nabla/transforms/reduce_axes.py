"""reduce_axes: gradients summed over named axes of enclosing vmaps, for inputs that are the same in every lane."""

from __future__ import annotations

from typing import Sequence

from nabla.graph.node import Node
from nabla.ops.collectives import axis_node, is_mapped
from nabla.primitives.collectives import psum
from nabla.transforms.capture import AsksForLanes, current


def reduced(g: Node, x: Node, axes: Sequence[str]) -> Node:
    """The gradient `g` of the input `x`, summed over those axes that x is not mapped over."""
    for name in axes:
        axis = axis_node(name, "reduce_axes")
        capture = current.get()
        if capture is not None and axis.id < capture.token.id:
            raise AsksForLanes
        if not is_mapped(x, axis) and is_mapped(g, axis):
            g = psum(g, axis)
    return g
