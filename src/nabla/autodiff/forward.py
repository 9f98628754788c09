"""The forward sweep (jvp): from the inputs to the outputs, in order, writing the tangent of each node."""

from __future__ import annotations

from typing import AbstractSet, Any, Mapping, Sequence

from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.graph.walk import by_id, last_uses, swept
from nabla.primitives.kinds import derived


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


def along(output: Node, seeds: Mapping[Node, Any]) -> Any:
    """The tangent of `output` when the inner nodes in `seeds` move, and nothing that they were made of; None for zero.

    It asks no token: what came after a node has a larger id.
    """
    first = min(node.id for node in seeds)
    stack = [output]
    seen = {output}
    while stack:
        for x in stack.pop().inputs:
            if x.id > first and x not in seen:
                seen.add(x)
                stack.append(x)
    tangents: dict[Node, Any] = dict(seeds)
    for node in sorted(seen, key=by_id):
        dxs = [tangents.get(x) for x in node.inputs]
        if node not in seeds and any(dx is not None for dx in dxs):
            dout = node.prim.push(node, dxs)
            if dout is not None:
                tangents[node] = dout
    return tangents.get(output)


derived.along = along
