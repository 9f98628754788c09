"""vmap: a function of one example made a function of a batch, by rewriting its graph."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from nabla import tree
from nabla.autodiff.batching import batch
from nabla.errors import ArgumentError, ArgumentTypeError, AxisError, ShapeError, TreeError
from nabla.graph.node import Node, is_scalar
from nabla.graph.tokens import Token, Tokens
from nabla.ops.collectives import axes as open_axes
from nabla.primitives.base import constant
from nabla.primitives.collectives import axis_of
from nabla.primitives.joining import concat, cut
from nabla.primitives.placement import FREE, Entry, PartitionSpec, lanes_over
from nabla.primitives.shape import broadcast, move_axis
from nabla.primitives.structure import placeholder
from nabla.tensor import Tensor
from nabla.transforms.jacobian import want_chunk_size
from nabla.transforms.trace import Path, decorator, fresh, hand_out, node_at, output_node, realize_free, want_callable, wraps


def vmap(
    fn: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
    axis_name: str | None = None,
    *,
    chunk_size: int | None = None,
    spmd_axis_name: str | Sequence[str] | None = None,
) -> Callable[..., Any]:
    """A function of one example made a function of a batch of them, without a loop.

    Args:
        fn: a function of arrays or pytrees of arrays. Left out, `vmap` is a decorator.
        in_axes: which axis of each positional argument is mapped: an int (may be negative), None for an argument that is the
            same for all examples, a tuple or list with one entry per argument, each an int, None or a pytree prefix of the
            argument; or a dict from parameter names to such entries, keyword arguments included (parameters not named are
            not mapped). Where in_axes is no dict, the arrays among the keyword arguments are mapped over axis 0, and other
            values pass through.
        out_axes: where the mapped axis goes in the output: an int, or a pytree prefix of the output; None for an output that
            is the same for all examples.
        axis_size: the number of examples; needed only where no argument is mapped, else it is checked.
        axis_name: names the axis for psum, pmean, pmax, pmin, axis_index and `reduce_axes` inside.
        chunk_size: at most so many examples at once, which bounds the memory.
        spmd_axis_name: along which axis of a mesh, or which axes, the examples lie where nb.with_sharding_constraint inside
            says how one of them lies.

    Inside, each array looks like one example. Its value is not within reach: `if`, float() and the like raise
    TracedValueError; use nb.where.

    >>> import nabla as nb
    >>> nb.vmap(lambda x, y: (x * y).sum(), in_axes=(0, None))(nb.array([[1.0, 2.0], [3.0, 4.0]]), nb.array([1.0, 10.0])).tolist()
    [21.0, 43.0]
    """
    if fn is None:
        return decorator(
            vmap,
            in_axes=in_axes,
            out_axes=out_axes,
            axis_size=axis_size,
            axis_name=axis_name,
            chunk_size=chunk_size,
            spmd_axis_name=spmd_axis_name,
        )
    want_callable("vmap", fn)
    _check_in_axes(in_axes)
    _check_axis_size(axis_size)
    if axis_name is not None and not isinstance(axis_name, str):
        raise ArgumentTypeError(f"vmap: axis_name must be a string; got {axis_name!r}")
    want_chunk_size("vmap", chunk_size)
    over: Entry = FREE if spmd_axis_name is None else PartitionSpec(spmd_axis_name).entries[0]
    if chunk_size is not None and axis_name is not None:
        raise ArgumentError("vmap: chunk_size cuts the axis, so that collectives over axis_name would not see all of it")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _map(fn, in_axes, out_axes, axis_size, axis_name, chunk_size, over, args, kwargs)

    return wraps(fn, mapped)


class _Lanes:
    """The mapped leaves of a call: placeholder of one lane -> the whole, batch axis first."""

    __slots__ = ("first", "size", "token", "tokens", "wholes")

    def __init__(self, size: int | None) -> None:
        self.token = Token("vmap", placeholder=True)
        self.tokens = Tokens((self.token,))
        self.wholes: dict[Node, Node] = {}
        self.size = size
        self.first = "axis_size"

    def open(self, x: Any, axes: Any, path: str) -> Any:
        """The argument with a placeholder for each mapped leaf."""
        if axes is None:
            return fresh(x)
        level = tree.children(x)
        if level is not None:
            return self._open_children(x, level, axes, path)
        if not is_axis(axes):
            raise _no_axis("in_axes", axes, path, "a leaf")
        return self._open_leaf(x, axes, path)

    def _open_children(self, x: Any, level: Any, axes: Any, path: str) -> Any:
        parts, _, entries = level
        if is_axis(axes):
            per_child: Sequence[Any] = [axes] * len(parts)
        else:
            per_child = _matching_children(axes, x, entries, path, "in_axes")
        paths = tree.child_paths(x, path)
        return tree.rebuild(x, [self.open(part, axis, p) for part, axis, p in zip(parts, per_child, paths)])

    def _open_leaf(self, x: Any, axis: int, path: str) -> Tensor:
        if isinstance(x, str) or not (is_scalar(x) or hasattr(x, "shape") or hasattr(x, "__array__")):
            raise ArgumentTypeError(f"vmap: {path} is a {type(x).__name__}, which has no axis to map; give None for it in in_axes")
        node = node_at(x, path, "vmap")
        if not node.shape:
            how = "in_axes, a dict by parameter name" if path.startswith("kwargs") else "in_axes"
            raise AxisError(f"vmap: {path} is a scalar, it has no axis {axis} to map; give None for it in {how}")
        if not -node.ndim <= axis < node.ndim:
            raise AxisError(f"vmap: in_axes gives axis {axis} for {path}, which has shape {node.shape}")
        node = move_axis(node, axis % node.ndim, 0)
        size = node.shape[0]
        if self.size is None:
            self.size, self.first = size, path
        elif size != self.size:
            raise ShapeError(
                f"vmap: the mapped axes differ in size: {self.first} has {self.size}, {path} has {size} (its axis {axis})"
            )
        lane = placeholder(node.shape[1:], node.dtype, self.tokens, path, node)
        self.wholes[lane] = node
        return Tensor(lane)


def _map(
    fn: Callable[..., Any], in_axes: Any, out_axes: Any, axis_size: int | None, axis_name: str | None,
    chunk_size: int | None, over: Entry, args: Sequence[Any], kwargs: Mapping[str, Any],
) -> Any:  # fmt: skip
    lanes = _Lanes(axis_size)
    token = lanes.token
    mark = None
    try:
        positional, named = _axes_of_call(fn, in_axes, args, kwargs)
        opened = [lanes.open(x, axis, f"args[{i}]") for i, (x, axis) in enumerate(zip(args, positional))]
        opened_named = {name: lanes.open(x, named[name], f"kwargs[{name!r}]") for name, x in kwargs.items()}
        if lanes.size is None:
            raise ArgumentError("vmap: no argument is mapped, so the number of examples is not known; give axis_size=")
        axis = None
        if axis_name is not None:
            axis = axis_of(lanes.size, lanes.tokens, axis_name)
            mark = open_axes.set({**open_axes.get(), axis_name: axis})
        result = fn(*opened, **opened_named)
        if mark is not None:
            open_axes.reset(mark)
            mark = None
        if result is None:
            raise ArgumentTypeError("vmap: the function returned None; is a return statement missing?")
        values, structure = tree.flatten(result)
        paths = tree.places(structure, "output")
        places = _flatten_axes(out_axes, result, "output")
        outputs = [output_node(x, p, "vmap") for x, p in zip(values, paths)]
        wholes = dict(lanes.wholes)
        if axis is not None:
            wholes[axis] = constant(np.arange(lanes.size))
        laid = lanes_over.set(over)
        try:
            batched = _in_chunks(outputs, wholes, token, lanes.size, chunk_size)
        finally:
            lanes_over.reset(laid)
        results = [
            _place(node, is_mapped, place, lanes.size, path) for (node, is_mapped), place, path in zip(batched, places, paths)
        ]
    except BaseException:
        token.restore()
        raise
    finally:
        if mark is not None:
            open_axes.reset(mark)
        token.kill()
    realize_free(results)
    return tree.unflatten(structure, [hand_out(node) for node in results])


def _in_chunks(
    outputs: Sequence[Node], wholes: Mapping[Node, Node], token: Token, size: int, chunk_size: int | None
) -> list[tuple[Node, bool]]:
    if chunk_size is None or chunk_size >= size:
        return batch(outputs, wholes, {}, {token}, size)
    parts = []
    for start in range(0, size, chunk_size):
        stop = min(start + chunk_size, size)
        pieces = {lane: cut(whole, 0, start, stop) for lane, whole in wholes.items()}
        parts.append(batch(outputs, pieces, {}, {token}, stop - start))
        realize_free([node for node, _ in parts[-1]])
    return [(concat(*[node for node, _ in column], axis=0), True) if column[0][1] else column[0] for column in zip(*parts)]


def _place(node: Node, is_mapped: bool, axis: Any, size: int, path: Path) -> Node:
    """Put the mapped axis of an output where out_axes wants it."""
    if axis is None:
        if is_mapped:
            raise ArgumentError(f"vmap: out_axes is None for {path}, but it differs between the examples; give an axis for it")
        return node
    ndim = node.ndim + (not is_mapped)
    if not -ndim <= axis < ndim:
        lane = node.shape[1:] if is_mapped else node.shape
        raise AxisError(f"vmap: out_axes gives axis {axis} for {path}, which has shape {lane} for one example")
    if not is_mapped:
        node = broadcast(node, shape=(size, *node.shape))
    return move_axis(node, 0, axis % ndim)


# in_axes and out_axes


def is_axis(x: Any) -> bool:
    """Whether `x` is the number of an axis."""
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def _no_axis(what: str, given: Any, path: str, thing: str) -> TreeError | ArgumentTypeError:
    """The error for what stands in in_axes or out_axes where the number of an axis is wanted."""
    if tree.is_leaf(given):
        return ArgumentTypeError(f"vmap: {what} has {given!r} for {path}; an axis is an int, or None for none")
    return TreeError(f"vmap: {what} has {given!r} where {path} is {thing}; give an int or None there")


def _check_in_axes(in_axes: Any) -> None:
    if isinstance(in_axes, (bool, str)) or not (in_axes is None or isinstance(in_axes, (int, np.integer, tuple, list, dict))):
        raise ArgumentTypeError(
            f"vmap: in_axes must be an int, None, a tuple or list with an entry per argument, or a dict by parameter name; "
            f"got {in_axes!r}"
        )


def _check_axis_size(axis_size: Any) -> None:
    if axis_size is None:
        return
    if not isinstance(axis_size, (int, np.integer)) or isinstance(axis_size, bool):
        raise ArgumentTypeError(f"vmap: axis_size must be an int or None; got {axis_size!r}")
    if axis_size < 0:
        raise ArgumentError(f"vmap: axis_size cannot be negative; got {axis_size}")


def _axes_of_call(
    fn: Callable[..., Any], in_axes: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The entry of in_axes for each positional and each keyword argument."""
    if isinstance(in_axes, dict):
        return _axes_by_name(fn, in_axes, args, kwargs)
    named = {name: _default_axes(x) for name, x in kwargs.items()}
    if isinstance(in_axes, (tuple, list)):
        if len(in_axes) != len(args):
            raise ArgumentError(
                f"vmap: in_axes has {len(in_axes)} entries, but the function was called with {len(args)} positional arguments"
            )
        return list(in_axes), named
    return [in_axes] * len(args), named


def _default_axes(x: Any) -> Any:
    """Keyword arguments: the arrays in them are mapped over axis 0, anything else passes through."""
    return tree.map(lambda leaf: 0 if isinstance(leaf, (Tensor, np.ndarray)) else None, x)


def _axes_by_name(
    fn: Callable[..., Any], in_axes: Mapping[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    parameters = _parameters(fn)
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][: len(args)]
    if len(names) < len(args):
        raise ArgumentError("vmap: in_axes by name needs a function whose positional parameters have names")
    every = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for name in in_axes:
        if name not in every and name not in kwargs:
            known = [*every, *(key for key in kwargs if key not in every)]
            raise ArgumentError(
                f"vmap: in_axes names {name!r}, which is not among the parameters of the function: {', '.join(known) or 'none'}"
            )
    return [in_axes.get(name) for name in names], {name: in_axes.get(name) for name in kwargs}


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return []


def _matching_children(axes: Any, x: Any, entries: Sequence[Any], path: str, what: str) -> list[Any]:
    """One entry of a pytree prefix per child of `x`."""
    if isinstance(axes, dict) and isinstance(x, dict):
        if set(axes) != set(x):
            raise TreeError(f"vmap: {what} has the keys {sorted(axes, key=str)} where {path} has {sorted(x, key=str)}")
        return [axes[key] for key in entries]
    if isinstance(axes, (tuple, list)) and isinstance(x, (tuple, list)) and len(axes) == len(entries):
        return list(axes)
    level = tree.children(axes)
    if level is None or type(axes) is not type(x) or len(level[0]) != len(entries):
        raise TreeError(f"vmap: {what} has {axes!r} where {path} is a {type(x).__name__} with {len(entries)} children")
    return level[0]


def _flatten_axes(axes: Any, x: Any, path: str) -> list[Any]:
    """out_axes, a pytree prefix of the output, with one entry per leaf."""
    if axes is None or is_axis(axes):
        return [axes] * len(tree.leaves(x))
    level = tree.children(x)
    if level is None or tree.is_leaf(axes):
        raise _no_axis("out_axes", axes, path, f"a {type(x).__name__}")
    parts, _, entries = level
    per_child = _matching_children(axes, x, entries, path, "out_axes")
    paths = tree.child_paths(x, path)
    return [entry for part, axis, p in zip(parts, per_child, paths) for entry in _flatten_axes(axis, part, p)]
