"""Collectives over the named axes of enclosing vmaps: sums and extrema over the lanes, and values that move between them."""

from __future__ import annotations

from contextvars import ContextVar
from math import prod
from types import MappingProxyType
from typing import Any, Callable, Mapping, Sequence

from nabla import dtypes, tree
from nabla.errors import ArgumentError, ArgumentTypeError, AxisError, ShapeError
from nabla.graph.node import Node, is_scalar, runtime
from nabla.graph.tokens import EMPTY, Token
from nabla.graph.walk import between
from nabla.ops.axes import one_axis
from nabla.ops.lift import as_node, inexact, want_real
from nabla.primitives import collectives as c
from nabla.primitives.call import CALL, sweeps
from nabla.primitives.formulas import bit_not
from nabla.primitives.shape import cast, move_axis, reshape
from nabla.primitives.structure import output

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
    results: dict[Node, Sequence[bool]] = {}  # of calls of compiled functions
    for node in between([x], {token}):
        if node.prim in _REDUCING and node.inputs[1] is axis:
            continue
        if node.prim is CALL:
            flags = tuple([y in varying for y in node.inputs])
            results[node] = sweeps.batched(node.params["graph"], flags, axis.params["size"]).mapped
        elif node.prim is output and node.inputs[0] in results:
            if results[node.inputs[0]][node.params["index"]]:
                varying.add(node)
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


_REDUCING = frozenset([c.psum, c.pmax, c.all_gather])


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


# What moves values between lanes


def _moving(f: Callable[[Node, Node], Node], what: str, x: Any, axis_name: str) -> Any:
    axis = axis_node(axis_name, what)

    def leaf(y: Any) -> Any:
        out = f(as_node(y), axis)
        return out if type(y) is Node else runtime.handle(out)

    return leaf(x) if type(x) is Node else tree.map(leaf, x)


def all_gather(x: Any, axis_name: str, *, axis: int = 0, tiled: bool = False) -> Any:
    """The values of all lanes of a named axis, in every lane: along a new axis, or with tiled=True one after the other along an
    old one. `x` may be a pytree.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: nb.all_gather(x, "i") * x, axis_name="i")(nb.array([1.0, 3.0])).tolist()
    [[1.0, 3.0], [3.0, 9.0]]
    """

    def gather(y: Node, lanes: Node) -> Node:
        place = one_axis("all_gather", axis, y.ndim + (not tiled))
        out = c.all_gather(y, lanes, size=lanes.params["size"])
        return _tiled(out, place) if tiled else move_axis(out, 0, place)

    return _moving(gather, "all_gather", x, axis_name)


def reduce_scatter(x: Any, axis_name: str, *, axis: int = 0, tiled: bool = False) -> Any:
    """The sum over all lanes of a named axis, of which each lane gets a part: lane i the i-th element along `axis`, which is as
    long as there are lanes, and goes; with tiled=True the i-th of as many equal parts of it. `x` may be a pytree.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: nb.reduce_scatter(x, "i"), axis_name="i")(nb.array([[1.0, 2.0], [10.0, 20.0]])).tolist()
    [11.0, 22.0]
    """

    def scatter(y: Node, lanes: Node) -> Node:
        place = one_axis("reduce_scatter", axis, y.ndim)
        return c.scatter_sum(_cut_up("reduce_scatter", _counted(y), place, lanes, tiled), lanes)

    return _moving(scatter, "reduce_scatter", x, axis_name)


def ppermute(x: Any, axis_name: str, perm: Sequence[tuple[int, int]]) -> Any:
    """The value of another lane of a named axis: perm has pairs (source, target) of lanes, each of them in at most one pair as
    source and in one as target. Lanes that are no target get zeros. `x` may be a pytree.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: nb.ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(nb.array([1.0, 2.0, 3.0])).tolist()
    [0.0, 1.0, 2.0]
    """
    size = axis_size(axis_name)
    sources = [-1] * size
    for source, target in perm:
        if not (0 <= source < size and 0 <= target < size):
            raise ArgumentError(f"ppermute: the pair {(source, target)} names a lane that is not; there are {size}")
        if sources[target] >= 0 or source in sources:
            raise ArgumentError(f"ppermute: the pair {(source, target)} names a source or a target that another pair names, too")
        sources[target] = source
    return _moving(lambda y, lanes: c.permute(y, lanes, sources=tuple(sources)), "ppermute", x, axis_name)


def all_to_all(x: Any, axis_name: str, split_axis: int = 0, concat_axis: int = 0, *, tiled: bool = False) -> Any:
    """Part i of lane j becomes part j of lane i: `split_axis`, which is as long as there are lanes of the named axis, goes, and a
    new `concat_axis` counts them. With tiled=True, split_axis is cut into equal parts, and what arrives stands one after the other
    along concat_axis. `x` may be a pytree.

    >>> import nabla as nb
    >>> nb.vmap(lambda x: nb.all_to_all(x, "i"), axis_name="i")(nb.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """

    def swap(y: Node, lanes: Node) -> Node:
        place = one_axis("all_to_all", split_axis, y.ndim)
        target = one_axis("all_to_all", concat_axis, y.ndim)
        out = c.exchange(_cut_up("all_to_all", y, place, lanes, tiled), lanes)
        return _tiled(out, target) if tiled else move_axis(out, 0, target)

    return _moving(swap, "all_to_all", x, axis_name)


def _cut_up(what: str, x: Node, axis: int, lanes: Node, tiled: bool) -> Node:
    """The parts of `x` along an axis, one for each lane, along a new first one."""
    size, length = lanes.params["size"], x.shape[axis]
    if tiled and length % size == 0:
        x = reshape(x, shape=(*x.shape[:axis], size, length // size, *x.shape[axis + 1 :]))
    elif tiled:
        raise ShapeError(f"{what}: axis {axis} of shape {x.shape} has to be a multiple of the {size} lanes long")
    elif length != size:
        raise ShapeError(
            f"{what}: axis {axis} of shape {x.shape} has to be as long as there are lanes, {size}; tiled=True cuts a longer one"
        )
    return move_axis(x, axis, 0)


def _tiled(x: Node, axis: int) -> Node:
    """The first axis merged into another, `axis` of the rest."""
    x = move_axis(x, 0, axis)
    return reshape(x, shape=(*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :]))
