"""The forward sweep (jvp): from the inputs to the outputs, in order, writing the tangent of each node."""

from __future__ import annotations

from functools import partial
from typing import AbstractSet, Any, Mapping, Sequence

from nabla.errors import NotDifferentiableError
from nabla.graph.node import Node
from nabla.graph.tokens import Token, cuts
from nabla.graph.walk import by_id, carries, last_uses, swept
from nabla.primitives.base import CONSTANT, Primitive, scalar
from nabla.primitives.kinds import derived
from nabla.primitives.shape import broadcast
from nabla.primitives.structure import PLACEHOLDER


def forward(outputs: Sequence[Node], seeds: Mapping[Node, Node], targets: AbstractSet[Token]) -> list[Node | None]:
    """The tangents of `outputs` when each variable in `seeds` moves along its tangent; None where nothing moves.

    targets: the tokens of the variables in `seeds`.
    """
    tangents: dict[Node, Any] = dict(seeds)
    order = swept(outputs, targets)
    finished = last_uses(order, outputs)
    resolved: list[tuple[Node, Any]] = []
    dxs: Any
    for node in order:
        if node in tangents:
            continue
        if type(node.dtype) is not tuple and node.dtype.kind not in "fc":
            continue
        dxs = [tangents.get(x) for x in node.inputs]
        for dx in dxs:
            if dx is not None:
                try:
                    found = None if node.prim.resolve is None else node.prim.resolve(node, dxs)
                    if found is None:
                        dout = node.prim.push(node, dxs)
                    else:
                        dout, finish = found
                        resolved.append((node, finish))
                except NotDifferentiableError:
                    if carries(node, order, outputs):
                        raise
                    dout = None
                if dout is not None:
                    tangents[node] = dout
                break
        if finished:
            dx = dxs = dout = None
            for x in finished.get(node, ()):
                tangents.pop(x, None)
    results = [tangents.get(node) for node in outputs]
    for node, finish in resolved:
        results = finish(outputs, results, partial(_again, order, outputs, node))
    return results


def _again(order: Sequence[Node], outputs: Sequence[Node], start: Node, tangent: Any) -> list[Node | None]:
    """The tangents of `outputs` when one inner node moves."""
    tangents: dict[Node, Any] = {start: tangent}
    for node in order:
        if node is not start and (type(node.dtype) is tuple or node.dtype.kind in "fc"):
            dxs = [tangents.get(x) for x in node.inputs]
            if any(dx is not None for dx in dxs):
                dout = node.prim.push(node, dxs)
                if dout is not None:
                    tangents[node] = dout
    return [tangents.get(node) for node in outputs]


def along(output: Node, seeds: Mapping[Node, Any], stops: AbstractSet[Primitive] = frozenset()) -> Any:
    """The tangent of `output` when the inner nodes in `seeds` move, and nothing that they were made of; None for zero.

    It asks no token: what came after a node has a larger id. It is NaN where it cannot be told: beyond a primitive in `stops`,
    at an input of a closed graph that may hang on the seeds, and where a value has forgotten what it was made of. A single number
    that is given to a closed graph, its one cotangent, counts as fixed: what is linear in it and vanishes does so whatever it is.
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
    unknown = [x for x in seen if not x.inputs and x not in seeds and _is_unknown(x, first)]
    if len(unknown) > 1 or any(x.shape or x.prim is not PLACEHOLDER for x in unknown):
        tangents.update((x, _unknown(x)) for x in unknown)
    for node in sorted(seen, key=by_id):
        if node in tangents or (type(node.dtype) is not tuple and node.dtype.kind not in "fc"):
            continue
        dxs = [tangents.get(x) for x in node.inputs]
        if any(dx is not None for dx in dxs):
            dout = _unknown(node) if node.prim in stops else node.prim.push(node, dxs)
            if dout is not None:
                tangents[node] = dout
    return tangents.get(output)


def _is_unknown(node: Node, first: int) -> bool:
    if node.prim is PLACEHOLDER:
        whole = node.params["whole"]
        return any(token.inlines for token in node.tokens.members) if whole is None else whole.id > first
    entry = cuts.entry.get() if cuts.active else 0
    return node.prim is not CONSTANT and 0 < entry < node.id  # realised where no_grad let it forget its inputs


def _unknown(node: Node) -> Any:
    def full(shape: Any, dtype: Any) -> Node | None:
        return broadcast(scalar(float("nan"), dtype), shape=shape) if dtype.kind in "fc" else None

    if type(node.dtype) is tuple:
        return [full(shape, dtype) for shape, dtype in zip(node.shape, node.dtype)]
    return full(node.shape, node.dtype)


derived.along = along
