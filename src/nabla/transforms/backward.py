"""backward: the imperative interface. Gradients are added into `.grad` of the leaves that the outputs depend on."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from threading import RLock
from typing import Any, Iterable, Sequence

from nabla import tree
from nabla.autodiff.reverse import reverse
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, TracedValueError, user_line
from nabla.forks import HOLDERS
from nabla.graph.node import FREED, Node, runtime
from nabla.graph.tokens import cut_older
from nabla.ops.devices import beside
from nabla.primitives.base import scalar, zeros_like
from nabla.primitives.elementwise import add
from nabla.primitives.leaves import LeafToken, is_leaf, leaf_token, reaching
from nabla.tensor import Tensor
from nabla.transforms.jvp import matching
from nabla.transforms.trace import Path, cut_off, realize_valued, want_bool


def backward(
    outputs: Any,
    cotangents: Any = None,
    retain_graph: bool | None = None,
    show_graph: bool = False,
    *,
    create_graph: bool = False,
) -> None:
    """Differentiate `outputs` with respect to the `requires_grad` leaves they depend on, and add the result into their `.grad`.

    Args:
        outputs: a tensor or a pytree of tensors.
        cotangents: of the same structure, shapes and dtypes; may be left out where all outputs are scalars.
        retain_graph: True keeps the graph for another backward. False frees it: values stay readable, a second backward through
            it raises FreedGraphError. None keeps it only where the value of some output was not asked for yet.
        show_graph: prints the graph that is swept.
        create_graph: makes the gradients differentiable; else they are constants, and realised.

    >>> import nabla as nb
    >>> w = nb.array([1.0, 2.0], requires_grad=True)
    >>> nb.backward((w * w).sum())
    >>> w.grad.tolist()
    [2.0, 4.0]
    """
    want_bool("backward", show_graph=show_graph, create_graph=create_graph)
    if retain_graph is not None:
        want_bool("backward", retain_graph=retain_graph)
    nodes, paths, structure = _outputs(outputs)
    given = _cotangents(nodes, paths, structure, cotangents)
    targets = {token for node in nodes for token in node.tokens.members if isinstance(token, LeafToken)}
    if not targets:
        raise ArgumentError(
            "backward: the outputs do not depend on any requires_grad leaf. Make one with nb.array(..., requires_grad=True), "
            "and compute the outputs outside no_grad."
        )
    want_room(targets, nodes)
    if show_graph:
        runtime.show(nodes)
    if retain_graph is None:
        retain_graph = not all(getattr(node, "asked", False) for node in nodes)
    with nullcontext() if create_graph else cut_older():
        found, order = reverse(nodes, given, targets)
        grads = _by_leaf(found, order)
        if not create_graph:
            grads = [(token, cut_off(g)) for token, g in grads]
            realize_valued([g for _, g in grads] if retain_graph else [*(g for _, g in grads), *nodes])
        with _lock:
            sums = [(token, g if token.grad is None else add(token.grad._node, g)) for token, g in grads]
            if not create_graph:
                realize_valued([g for _, g in sums])
            for token, g in sums:
                token.grad = Tensor(g)
    if not retain_graph and not create_graph:
        _free(order, targets)


_lock = RLock()
"""Held while gradients are added up: threads may share leaves."""
HOLDERS.add(sys.modules[__name__])


def _outputs(outputs: Any) -> tuple[list[Node], Sequence[Path], tree.TreeDef]:
    values, structure = tree.flatten(outputs)
    paths = tree.places(structure, "outputs")
    if not values:
        raise ArgumentTypeError(f"backward: there is no tensor in the outputs {outputs!r}")
    for x, path in zip(values, paths):
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(f"backward: {path} is a {type(x).__name__}; backward starts from tensors")
        if x._node.dtype.kind not in "fc":
            raise DTypeError(f"backward: {path} has dtype {x.dtype}, which has no derivative")
        want_one_value(x._node, path)
    return [x._node for x in values], paths, structure


def _cotangents(nodes: Sequence[Node], paths: Sequence[Path], structure: tree.TreeDef, cotangents: Any) -> list[Node]:
    if cotangents is None:
        for node, path in zip(nodes, paths):
            if node.shape:
                raise ShapeError(
                    f"backward: {path} has shape {node.shape}. Only a scalar can do without a cotangent: reduce it, for example "
                    f"with .sum(), or pass cotangents of the same shape."
                )
            if node.dtype.kind == "c":
                raise DTypeError(f"backward: {path} is complex; take its real part or abs(), or pass a cotangent")
        return [scalar(1.0, node.dtype) for node in nodes]
    tree.want_structure(cotangents, structure, "backward: the cotangent", "cotangents", "the outputs")
    result = []
    for g, node, path in zip(tree.leaves(cotangents), nodes, paths):
        where = tree.under(path, "cotangents")
        result.append(matching(g, node, where, path, "backward"))
        want_one_value(result[-1], where)
    return result


def want_room(leaves: Iterable[LeafToken], nodes: Sequence[Node]) -> None:
    """An error where a function is being traced, and leaves from outside have no room for gradients of what it computes."""
    check = reaching.get()
    if check is not None:
        check(leaves, nodes)


def want_one_value(x: Node, path: Path) -> None:
    if any(token.placeholder and not token.traces for token in x.tokens.members):
        raise TracedValueError(
            f"backward: at {user_line()}, {path} differs between the examples of a mapped function, and .grad has room "
            f"for one value. Use nb.grad inside, or call backward outside, on the result."
        )


def _by_leaf(found: dict[Node, Node], order: Sequence[Node]) -> list[tuple[LeafToken, Node]]:
    """The gradient of each leaf that was met; zeros where the outputs depend on it by steps only."""
    return [(leaf_token(x), beside(found[x] if x in found else zeros_like(x), x)) for x in order if is_leaf(x)]


def _free(order: Sequence[Node], targets: set[Any]) -> None:
    """Drop the graph that was swept, but for what a live transform may still sweep."""
    for node in order:
        if node.inputs and node.value is not None and node.tokens.members <= targets:
            node.inputs = FREED


def _tensor_backward(
    self: Tensor, cotangent: Any = None, retain_graph: bool | None = None, show_graph: bool = False, *, create_graph: bool = False
) -> None:
    """`nb.backward` of this tensor."""
    backward(self, cotangent, retain_graph, show_graph, create_graph=create_graph)


Tensor.backward = _tensor_backward  # type: ignore[method-assign]
