"""jvp: the value of a function and its derivative along one direction, by a forward sweep."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from nabla import tree
from nabla.autodiff.forward import forward
from nabla.dtypes import float0
from nabla.errors import ArgumentTypeError, DTypeError, ShapeError, TreeError
from nabla.graph.node import Node, is_scalar
from nabla.graph.tokens import cut_older
from nabla.ops.lift import as_node
from nabla.primitives.base import constant, scalar, zeros
from nabla.primitives.shape import cast
from nabla.transforms.trace import (
    Leaf,
    Path,
    Trace,
    aux_nodes,
    cut_off,
    flatten_outputs,
    hand_out,
    realize_free,
    split_aux,
    want_bool,
    want_callable,
)


def jvp(
    fn: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False, *, create_graph: bool = True
) -> tuple[Any, ...]:
    """The value of `fn(*primals)` and its derivative along `tangents`: (out, tangent_out), with has_aux (…, aux).

    Args:
        primals: the arguments, a tuple or list; a lone tensor, array, number or dict is read as the single argument.
        tangents: directions, of the same structure, shapes and dtypes; Python numbers are weak. The tangent of an integer is None
            or of dtype float0.
        has_aux: `fn` returns (output, aux).
        create_graph: False makes the tangent a constant for outer derivatives.

    >>> import nabla as nb
    >>> out, tangent = nb.jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
    >>> out.item(), tangent.item()
    (12.0, 4.0)
    """
    want_bool("jvp", has_aux=has_aux, create_graph=create_graph)
    out, tangent_out, aux = along("jvp", fn, primals, tangents, has_aux, create_graph)
    return (out, tangent_out, aux) if has_aux else (out, tangent_out)


def along(
    what: str, fn: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool, create_graph: bool
) -> tuple[Any, Any, Any]:
    """The value, its derivative along `tangents`, and aux; `what` is the transform that messages name."""
    want_callable(what, fn)
    args, directions = as_arguments(primals), as_arguments(tangents)
    if len(args) != len(directions):
        raise TreeError(f"{what}: {len(args)} primals but {len(directions)} tangents; give one tangent per primal")
    with Trace(what, forward=True) as trace:
        opened = [trace.open(x, f"primals[{i}]", allow_int=True) for i, x in enumerate(args)]
        seeds = tangents_of(what, trace.leaves, [tree.structure(x) for x in args], directions)
        result, aux = split_aux(fn(*opened), has_aux, what)
        outputs, structure, _ = flatten_outputs(result, what)
        trace.returned()
        if create_graph:
            swept = forward(outputs, seeds, {trace.token})
        else:
            with cut_older():
                swept = forward(outputs, seeds, {trace.token})
        trace.check_connected(outputs)
        results = [zero_tangent(out) if dx is None else dx for out, dx in zip(outputs, swept)]
        if not create_graph:
            results = [cut_off(dx) for dx in results]
    realize_free([*outputs, *results, *(aux_nodes(aux) if has_aux else [])])
    out = tree.unflatten(structure, [hand_out(node) for node in outputs])
    return out, tree.unflatten(structure, [hand_out(node) for node in results]), aux


def as_arguments(primals: Any) -> tuple[Any, ...]:
    """A tuple or list of arguments; anything else is the single argument."""
    if isinstance(primals, (tuple, list)) and not hasattr(primals, "_fields"):
        return tuple(primals)
    return (primals,)


def zero_tangent(out: Node) -> Node:
    return zeros(out.shape, out.dtype) if out.dtype.kind in "fc" else constant(np.zeros(out.shape, float0), float0)


def tangents_of(
    what: str, leaves: Sequence[Leaf], structures: Sequence[tree.TreeDef], directions: Sequence[Any]
) -> dict[Node, Node]:
    """The tangent of each variable, checked against its primal; None stands for the tangent of an integer."""
    given: list[Any] = []
    for i, (structure, dx) in enumerate(zip(structures, directions)):
        given += tree.beside(dx, structure, f"{what}: the tangent", f"tangents[{i}]", f"primals[{i}]")
    seeds: dict[Node, Node] = {}
    for leaf, dx in zip(leaves, given):
        if leaf.variable is None:
            if dx is not None and not (hasattr(dx, "dtype") and dx.dtype == float0):
                raise DTypeError(
                    f"{what}: {leaf.path} has dtype {leaf.node.dtype}; the tangent of an integer or boolean is None or "
                    f"of dtype float0"
                )
            continue
        path = tree.under(leaf.path, "tangents")
        seeds[leaf.variable] = matching(dx, leaf.node, path, leaf.path, what)
    return seeds


def matching(value: Any, like: Node, path: Path, like_path: Path, what: str) -> Node:
    """A tangent or cotangent as a node, checked against the shape and dtype it must have; Python numbers are weak."""
    if is_scalar(value):
        if isinstance(value, complex) and like.dtype.kind != "c":
            raise DTypeError(f"{what}: {path} is complex, but {like_path} has dtype {like.dtype}")
        node = scalar(value, like.dtype)
    elif value is None or isinstance(value, (str, dict)):
        raise ArgumentTypeError(f"{what}: {path} is {value!r}; it must be an array like {like_path}, of shape {like.shape}")
    else:
        node = as_node(value)
    if node.shape != like.shape:
        raise ShapeError(f"{what}: {path} has shape {node.shape}, but {like_path} has shape {like.shape}")
    if node.dtype.kind in "iu" and np.can_cast(node.dtype, like.dtype):
        node = cast(node, like.dtype)  # scipy's LinearOperator asks for a product with small integers
    if node.dtype != like.dtype:
        raise DTypeError(f"{what}: {path} has dtype {node.dtype}, but {like_path} has dtype {like.dtype}")
    return node
