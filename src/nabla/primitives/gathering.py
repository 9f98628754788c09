"""Products summed over the steps of a loop, as one product after it.

The cotangent of a weight that all steps share is a sum over the steps, often of products of what differs from step to step: for
w @ x, of g and x. Then it costs less to stack g and x, which are small, and to multiply once, over the steps, too, than to add a
product of the size of the weight in each step.
"""

from __future__ import annotations

from typing import AbstractSet, NamedTuple, Sequence

from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives.contraction import dot_general
from nabla.primitives.elementwise import add
from nabla.primitives.kinds import Linear


class Product(NamedTuple):
    """A product in each step, and linear maps of its result, first to last."""

    node: Node
    maps: tuple[Node, ...]

    def over_steps(self, xs: Node, ys: Node) -> Node:
        """The sum over the steps, from the operands stacked along a first axis."""
        (xc, yc), (xb, yb) = self.node.params["contract"], self.node.params["batch"]
        out = dot_general(xs, ys, contract=((0, *_up(xc)), (0, *_up(yc))), batch=(_up(xb), _up(yb)))
        for node in self.maps:
            out = node.prim.rebuild(node, (out,))
        return out


def _up(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([axis + 1 for axis in axes])


def products(out: Node, varying: AbstractSet[Node]) -> list[Product] | None:
    """The products whose sum `out` is, where all of it is products of two operands that vary and are smaller together than their
    product; None where not."""
    found = []
    stack: list[tuple[Node, tuple[Node, ...]]] = [(out, ())]
    while stack:
        node, maps = stack.pop()
        if node not in varying:
            return None
        if node.prim is add and all(x.shape == node.shape for x in node.inputs):
            stack += [(x, maps) for x in reversed(node.inputs)]
        elif node.prim is dot_general and all(x in varying for x in node.inputs):
            if sum([x.size for x in node.inputs]) >= node.size:
                return None
            found.append(Product(node, maps))
        elif isinstance(node.prim, Linear) and len(node.inputs) == 1:
            stack.append((node.inputs[0], (node, *maps)))
        else:
            return None
    return found


def varying(graph: Graph, heads: Sequence[Node]) -> set[Node]:
    """The nodes that hang on `heads`, among its inputs."""
    found = set(heads)
    for node in graph.nodes:
        if not found.isdisjoint(node.inputs):
            found.add(node)
    return found
