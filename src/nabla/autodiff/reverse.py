"""The reverse sweep (vjp): from the outputs to the inputs, writing the cotangent of each node.

Cotangents of one node are summed in a fixed order, that of descending ids of its consumers. A cotangent carries one
static mark: *masked*, set where a reverse rule inserts zeros (the branch of a `where` that was not taken, the elements that
a slice left out) and handed on. Under the mask, products with partial derivatives are `safe_mul`, so that the zero stays
zero though the partial is infinite or NaN there.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Mapping, Sequence

from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.graph.walk import between
from nabla.primitives.base import is_zeros
from nabla.primitives.elementwise import add
from nabla.primitives.kinds import Linear
from nabla.primitives.structure import VARIABLE


def reverse(
    outputs: Sequence[Node], cotangents: Sequence[Node], targets: AbstractSet[Token]
) -> tuple[dict[Node, Node], list[Node]]:
    """The cotangents of the variables of `targets`, given those of `outputs`.

    Returns them by variable node (one that is missing is zero), and the nodes swept over, oldest first.
    """
    order = between(outputs, targets)
    cts: dict[Node, Any] = {}
    masked: set[Node] = set()
    found: dict[Node, Node] = {}
    for out, g in zip(outputs, cotangents):
        cts[out] = accumulate(cts[out], g) if out in cts else g
    for node in reversed(order):
        g = cts.pop(node, None)
        if g is None:
            continue
        inputs = node.inputs
        prim = node.prim
        mark = node in masked
        if not inputs or (prim is VARIABLE and targets.isdisjoint(inputs[0].tokens.members)):
            found[node] = g
            continue
        contributions = prim.pull(node, g, mark, targets)
        mark = mark or prim.masks
        for x, gx in zip(inputs, contributions):
            if gx is None or targets.isdisjoint(x.tokens.members):
                continue
            dtype = x.dtype
            if type(dtype) is tuple:
                gx = _merge(cts.get(x), gx)
            elif dtype.kind not in "fc":
                continue
            elif x in cts:
                gx = accumulate(cts[x], gx)
            cts[x] = gx
            if mark:
                masked.add(x)
    return found, order


def accumulate(a: Node, b: Node) -> Node:
    """a + b. Scatters into zeros gather in one buffer: the reads of one array cost what was read, not its size each."""
    for scatter, other in ((b, a), (a, b)):
        prim = scatter.prim
        if isinstance(prim, Linear) and prim.accumulates and scatter.inputs and is_zeros(scatter.inputs[0]):
            return prim.rebuild(scatter, (other, *scatter.inputs[1:]))
    return add(a, b)


def _merge(old: Mapping[int, Node] | None, new: Mapping[int, Node]) -> dict[int, Node]:
    """Cotangents of the outputs of one node, by output."""
    merged = dict(old or {})
    for i, g in new.items():
        merged[i] = accumulate(merged[i], g) if i in merged else g
    return merged
