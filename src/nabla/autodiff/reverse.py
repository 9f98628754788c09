"""The reverse sweep (vjp): from the outputs to the inputs, writing the cotangent of each node.

Cotangents of one node are summed in a fixed order, that of descending ids of its consumers. A cotangent carries one
static mark: *masked*, set where a reverse rule inserts zeros (the branch of a `where` that was not taken, the elements that
a slice left out) and handed on. A sum has the mark where all its terms have: to another one, something arrives everywhere. Under
the mask, products with partial derivatives are `safe_mul`, so that the zero stays zero though the partial is infinite or NaN
there.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Mapping, Sequence

from nabla.dtypes import float64
from nabla.graph.collector import with_collector_paused
from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.graph.walk import swept
from nabla.primitives.base import is_zeros
from nabla.primitives.elementwise import add, neg
from nabla.primitives.formulas import sub
from nabla.primitives.kinds import Linear
from nabla.primitives.structure import VARIABLE


def reverse(
    outputs: Sequence[Node], cotangents: Sequence[Node], targets: AbstractSet[Token], masked: set[Node] | None = None
) -> tuple[dict[Node, Node], list[Node]]:
    """The cotangents of the variables of `targets`, given those of `outputs`.

    masked: the outputs whose cotangents are masked; the sweep adds the variables whose cotangents are.
    Returns them by variable node (one that is missing is zero), and the nodes swept over, oldest first.
    """
    order = swept(outputs, targets)
    cts: dict[Node, Any] = {}
    for out, g in zip(outputs, cotangents):
        cts[out] = [*cts[out], g] if out in cts else [g]
    masked = set() if masked is None else masked
    return with_collector_paused(len(order), _sweep, order, cts, targets, masked), order


def _sweep(order: Sequence[Node], cts: dict[Node, Any], targets: AbstractSet[Token], masked: set[Node]) -> dict[Node, Node]:
    found: dict[Node, Node] = {}
    for node in reversed(order):
        g = cts.pop(node, None)
        if g is None:
            continue
        mark = node in masked
        if type(g) is list:
            g, has_zeros = total(g)
            mark = mark or has_zeros
        elif type(g) is Node and g.prim.gathers:
            mark = mark or not g.prim.covers(g)  # type: ignore[attr-defined]
        inputs = node.inputs
        prim = node.prim
        if not inputs or (prim is VARIABLE and targets.isdisjoint(inputs[0].tokens.members)):
            found[node] = g
            if mark:
                masked.add(node)
            continue
        contributions = prim.pull(node, g, mark, targets)
        inserts = prim.masks
        for x, gx in zip(inputs, contributions):
            if gx is None:
                continue
            old = cts.get(x)
            if x.dtype is not float64:
                if type(x.dtype) is tuple:
                    cts[x] = _merge(old, gx)
                    if mark:
                        masked.add(x)
                    continue
                if x.dtype.kind not in "fc":
                    continue
            if mark or (inserts and prim.inserted(gx)):
                if old is None or _only_gathers(old):
                    masked.add(x)
            elif old is not None and not gx.prim.gathers:
                masked.discard(x)
            if old is None:
                cts[x] = gx
            elif type(old) is list:
                old.append(gx)
            else:
                cts[x] = [old, gx]
    return found


def _only_gathers(cotangents: Any) -> bool:
    """Whether all of them gather reads of parts, so that there are zeros wherever they read nothing."""
    return all(g.prim.gathers for g in (cotangents if type(cotangents) is list else [cotangents]))


def total(cotangents: Sequence[Node]) -> tuple[Node, bool]:
    """The sum of the cotangents of one node, in their order, and whether it has zeros where nothing arrived.

    Cotangents of reads of parts of the node gather in one buffer, so that each costs what was read, not the size of the whole.
    """
    acc: Node | None = None
    parts: list[Node] = []
    for g in cotangents:
        if g.prim.gathers:
            parts.append(g)
        else:
            acc = g if acc is None else accumulate(acc, g)
    if acc is None:
        prim: Any = parts[0].prim
        merged = parts[0] if len(parts) == 1 else prim.merge(parts)
        return merged, not prim.covers(merged)
    if len(parts) > 1 and 4 * sum([x.size for part in parts for x in part.inputs]) >= acc.size:
        return add(acc, parts[0].prim.merge(parts)), False  # type: ignore[attr-defined]
    for part in parts:
        acc = part.prim.add_to(acc, part)  # type: ignore[attr-defined]
    return acc, False


def accumulate(a: Node, b: Node) -> Node:
    """a + b. What is scattered into zeros is written into the other; a negative is subtracted, to the same bits."""
    for scatter, other in ((b, a), (a, b)):
        prim = scatter.prim
        if isinstance(prim, Linear) and prim.accumulates and scatter.inputs and is_zeros(scatter.inputs[0]):
            return prim.rebuild(scatter, (other, *scatter.inputs[1:]))
    if b.prim is neg and b.inputs:
        return sub(a, b.inputs[0])
    if a.prim is neg and a.inputs:
        return sub(b, a.inputs[0])
    return add(a, b)


def _merge(old: Mapping[int, Node] | None, new: Mapping[int, Node]) -> dict[int, Node]:
    """Cotangents of the outputs of one node, by output."""
    merged = dict(old or {})
    for i, g in new.items():
        merged[i] = total([merged[i], g])[0] if i in merged else g
    return merged
