"""What running a node costs, from its shapes alone: arithmetic operations, and bytes of its result.

A model, the same for every engine: a product counts its multiplications and additions, a factorisation or a solve the cube of the
matrix, an elementwise operation one for each element of the result, what moves numbers nothing, anything else one for each element
it reads.
"""

from __future__ import annotations

from math import prod

from nabla.graph.node import Node
from nabla.primitives import shape
from nabla.primitives.contraction import dot_general
from nabla.primitives.convolution import conv
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.kinds import General
from nabla.primitives.structure import output

MOVES = frozenset([shape.reshape, shape.transpose, shape.broadcast, shape.flip, shape.convert, output])


def bytes_of(node: Node) -> int:
    """The bytes of the result, of all outputs together."""
    if type(node.dtype) is tuple:
        return sum(prod(s) * d.itemsize for s, d in zip(node.shape, node.dtype))
    return node.size * node.dtype.itemsize


def operations(node: Node) -> int:
    """The arithmetic operations of one run."""
    prim = node.prim
    if prim in MOVES:
        return 0
    if prim is dot_general:
        x = node.inputs[0]
        return 2 * node.size * prod(x.shape[axis] for axis in node.params["contract"][0])
    if prim is conv:
        w = node.inputs[1]
        return 2 * node.size * prod(w.shape[2:])
    read = sum(x.size for x in node.inputs if type(x.dtype) is not tuple)
    if isinstance(prim, Elementwise):
        return node.size
    if isinstance(prim, General) and any(len(x.shape) >= 2 for x in node.inputs):
        return max(x.size * x.shape[-1] for x in node.inputs if len(x.shape) >= 2)
    return read
