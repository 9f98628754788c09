"""What running a node or a graph costs, from its shapes alone: arithmetic operations and bytes.

A model, the same for every engine: a product counts its multiplications and additions, a factorisation or a solve the cube of the
matrix, an elementwise operation one for each element of the result, what moves numbers nothing, anything else one for each element
it reads. A scan counts its steps, a choice its dearest branch, and a loop whose turns nobody knows a single one.
"""

from __future__ import annotations

from math import prod
from typing import Iterable, NamedTuple

from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives import shape
from nabla.primitives.call import CALL
from nabla.primitives.conditional import COND
from nabla.primitives.contraction import dot_general
from nabla.primitives.convolution import conv
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.kinds import General
from nabla.primitives.scan import SCAN
from nabla.primitives.structure import output
from nabla.primitives.while_loop import WHILE

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
    read = sum(x.size for x in node.inputs)
    if isinstance(prim, Elementwise):
        return node.size
    if isinstance(prim, General) and any(len(x.shape) >= 2 for x in node.inputs):
        return max(x.size * x.shape[-1] for x in node.inputs if len(x.shape) >= 2)
    return read


class Cost(NamedTuple):
    """Arithmetic operations of a run, and the bytes that its nodes read and write if each runs by itself; a compiler that fuses
    them moves fewer."""

    operations: int
    bytes: int


def cost(graph: Graph) -> Cost:
    """What a run of a closed graph costs."""
    return _sum(_cost(node) for node in graph.nodes)


def _cost(node: Node) -> Cost:
    prim, params = node.prim, node.params
    if prim is CALL:
        return cost(params["graph"])
    if prim is COND:
        return max(cost(branch) for branch in params["branches"])
    if prim is WHILE:
        return _sum(cost(graph) for graph in (params["loop"].condition, params["loop"].body))
    if prim is SCAN:
        step = cost(params["walk"].body)
        length = params["walk"].length
        return Cost(length * step.operations, length * step.bytes)
    if prim is output:
        return Cost(0, 0)
    return Cost(operations(node), sum(map(bytes_of, node.inputs)) + bytes_of(node))


def _sum(costs: Iterable[Cost]) -> Cost:
    listed = list(costs)
    return Cost(sum(x.operations for x in listed), sum(x.bytes for x in listed))
