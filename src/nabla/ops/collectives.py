"""Collectives over the named axes of enclosing vmaps: psum, pmean, pmax, pmin, axis_index, axis_size."""

from __future__ import annotations

from contextvars import ContextVar
from math import prod
from types import MappingProxyType
from typing import Any, Callable, Mapping, Sequence

from nabla import dtypes, tree
from nabla.errors import ArgumentError, ArgumentTypeError, AxisError
from nabla.graph.node import Node, is_scalar, runtime
from nabla.graph.tokens import EMPTY, Token
from nabla.graph.walk import between
from nabla.ops.lift import as_node, inexact, want_real
from nabla.primitives import collectives as c
from nabla.primitives.formulas import bit_not
from nabla.primitives.shape import cast

axes: ContextVar[Mapping[str, Node]] = ContextVar("nabla_axes", default=MappingProxyType({}))
"""The named axes that are open here, innermost last: name -> node of the axis."""


def axis_node(name: Any, what: str) -> Node:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"{what}: the name of an axis is a string; got {name!r}")
    open_axes = axes.get()
    if name not in open_axes:
        shown = ", ".join(map(repr, open_axes)) if open_axes else "none"
        raise AxisError(
            f"{what}: no enclosing vmap has an axis named {name!r} (named axes here: {shown}). Write vmap(f, axis_name={name!r})."
        )
    node = open_axes[name]
    if node.tokens.ended is not None:
        node.tokens.inside()
    return node


def want_axes(what: str, names: Any) -> tuple[str, ...]:
    """Names of axes given as one string or a sequence."""
    if isinstance(names, str):
        return (names,)
    if isinstance(names, (tuple, list)) and all(isinstance(name, str) for name in names):
        return tuple(names)
    raise ArgumentTypeError(f"{what}: names of axes are a string or a sequence of strings; got {names!r}")


def is_mapped(x: Node, axis: Node) -> bool:
    """Whether the value of `x` differs between the lanes of `axis`."""
    if x.tokens is EMPTY or x.tokens.members.isdisjoint(axis.tokens.members):
        return False
    token = next(iter(axis.tokens.members))
    varying: set[Node] = set()
    for node in between([x], {token}):
        if node.prim in _REDUCING and node.inputs[1] is axis:
            continue
        if not node.inputs:
            whole = node.params.get("whole")
            if whole is None or is_lane_of(node, whole, token) or is_mapped(whole, axis):
                varying.add(node)
        elif any(y in varying for y in node.inputs):
            varying.add(node)
    return x in varying


def is_lane_of(lane: Node, whole: Node, token: Token) -> bool:
    """Whether it is the vmap of `token` that the lane is one of; else its whole may depend on that vmap."""
    return token not in whole.tokens.members


_REDUCING = frozenset([c.psum, c.pmax])


def _collective(f: Callable[[Node, Node], Node], what: str, x: Any, axis_name: str | Sequence[str]) -> Any:
    names = want_axes(what, axis_name)
    if len(set(names)) < len(names):
        raise ArgumentError(f"{what}: {axis_name!r} names an axis twice")
    nodes = [axis_node(name, what) for name in names]

    def leaf(y: Any) -> Any:
        if is_scalar(y):  # one number for all lanes: nb.psum(1, "i") may stand where Python wants a number
            return runtime.handle(as_node(y * prod(axis.params["size"] for axis in nodes) if what == "psum" else y))
        out = as_node(y)
        for axis in nodes:
            out = f(out, axis)
        return out if type(y) is Node else runtime.handle(out)

    return leaf(x) if type(x) is Node else tree.map(leaf, x)


def psum(x: Any, axis_name: str | Sequence[str]) -> Any:
    """The sum over all lanes of a named axis (or several), in every lane; `x` may be a pytree. Of booleans, how many are True.

    The sum of a Python number is known at once: nb.psum(1, "i") counts the lanes.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: x / nb.psum(x, "i"), axis_name="i")(nb.array([1.0, 3.0])).tolist()
    [0.25, 0.75]
    """
    return _collective(lambda y, axis: c.psum(_counted(y), axis), "psum", x, axis_name)


def pmean(x: Any, axis_name: str | Sequence[str]) -> Any:
    """The mean over all lanes of a named axis (or several), in every lane; `x` may be a pytree.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: x - nb.pmean(x, "i"), axis_name="i")(nb.array([1.0, 3.0])).tolist()
    [-1.0, 1.0]
    """
    return _collective(lambda y, axis: c.psum(inexact(y), axis) / axis.params["size"], "pmean", x, axis_name)


def pmax(x: Any, axis_name: str | Sequence[str]) -> Any:
    """The largest over all lanes of a named axis (or several), in every lane; `x` may be a pytree.

    Lanes that share the maximum share its derivative equally.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: nb.pmax(x, "i"), axis_name="i")(nb.array([1.0, 3.0])).tolist()
    [3.0, 3.0]
    """
    return _collective(lambda y, axis: c.pmax(_ordered("pmax", y), axis), "pmax", x, axis_name)


def pmin(x: Any, axis_name: str | Sequence[str]) -> Any:
    """The smallest over all lanes of a named axis (or several), in every lane; `x` may be a pytree.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: nb.pmin(x, "i"), axis_name="i")(nb.array([1.0, 3.0])).tolist()
    [1.0, 1.0]
    """
    return _collective(lambda y, axis: _reversed(c.pmax(_reversed(_ordered("pmin", y)), axis)), "pmin", x, axis_name)


def _counted(x: Node) -> Node:
    """Integers and booleans in 64 bits, as nb.sum has them."""
    wide = {"b": dtypes.int64, "i": dtypes.int64, "u": dtypes.uint64}.get(x.dtype.kind)
    return x if wide is None else cast(x, wide)


def _ordered(what: str, x: Node) -> Node:
    want_real(what, x)
    return x


def _reversed(x: Node) -> Node:
    """The largest becomes the smallest; integers have no -x for each x, but a complement."""
    return bit_not(x) if x.dtype.kind in "biu" else -x


def axis_index(axis_name: str) -> Any:
    """The number of the lane along a named axis, as an int64 tensor of shape ().

    >>> import nabla as nb
    >>> nb.vmap(lambda x: x * nb.axis_index("i"), axis_name="i")(nb.array([5.0, 5.0])).tolist()
    [0.0, 5.0]
    """
    return runtime.handle(c.axis_index(axis_node(axis_name, "axis_index")))


def axis_size(axis_name: str) -> int:
    """The number of lanes along a named axis.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: x / nb.axis_size("i"), axis_name="i")(nb.array([4.0, 6.0])).tolist()
    [2.0, 3.0]
    """
    return int(axis_node(axis_name, "axis_size").params["size"])
