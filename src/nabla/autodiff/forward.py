"""The forward sweep (jvp): from the inputs to the outputs, in order, writing the tangent of each node."""

from __future__ import annotations

from typing import AbstractSet, Any, Mapping, Sequence

from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.graph.walk import last_uses, swept


def forward(outputs: Sequence[Node], seeds: Mapping[Node, Node], targets: AbstractSet[Token]) -> list[Node | None]:
    """The tangents of `outputs` when each variable in `seeds` moves along its tangent; None where nothing moves.

    targets: the tokens of the variables in `seeds`.
    """
    tangents: dict[Node, Any] = dict(seeds)
    order = swept(outputs, targets)
    finished = last_uses(order, outputs)
    dxs: Any
    for node in order:
        if node in tangents:
            continue
        if type(node.dtype) is not tuple and node.dtype.kind not in "fc":
            continue
        dxs = [tangents.get(x) for x in node.inputs]
        for dx in dxs:
            if dx is not None:
                dout = node.prim.push(node, dxs)
                if dout is not None:
                    tangents[node] = dout
                break
        if finished:
            dx = dxs = dout = None
            for x in finished.get(node, ()):
                tangents.pop(x, None)
    return [tangents.get(node) for node in outputs]
