"""Arrays put together, repeated and shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError, TracedValueError, user_line
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops.axes import integer, one_axis
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op, together
from nabla.ops.shape import reshaped
from nabla.primitives.base import constant
from nabla.primitives.indexing import index
from nabla.primitives.joining import concat as joined, cut, pick, side_by_side
from nabla.primitives.shape import broadcast, move_axis

if TYPE_CHECKING:
    from nabla.tensor import Tensor

Arrays = Any
"""A sequence of array-likes, or one array-like, which stands for its slices along the first axis."""


# Together


def _several(name: str, arrays: Arrays, dtype: DTypeLike) -> list[Node]:
    """The arrays as nodes of one dtype."""
    if isinstance(arrays, (tuple, list)):
        items = list(arrays)
    else:
        node = as_node(arrays)
        if not node.ndim:
            raise ArgumentTypeError(f"{name}: takes a sequence of arrays; got one of shape ()")
        items = [pick(node, 0, i) for i in range(node.shape[0])]
    if not items:
        raise ArgumentError(f"{name}: at least one array is needed; the sequence is empty")
    if dtype is None:
        return together(items)
    wanted = dtypes.canonical(dtype)
    return [as_node(item, wanted) for item in items]


def _concat(name: str, nodes: Sequence[Node], axis: int) -> Node:
    first = nodes[0].shape
    for i, node in enumerate(nodes):
        shape = node.shape
        if len(shape) != len(first) or shape[:axis] != first[:axis] or shape[axis + 1 :] != first[axis + 1 :]:
            raise ShapeError(
                f"{name}: the shapes may differ only along axis {axis}, but array 0 has {first} and array {i} has {shape}"
            )
    return nodes[0] if len(nodes) == 1 else joined(*nodes, axis=axis)


@op
def concat(arrays: Arrays, /, axis: int | None = 0, dtype: DTypeLike = None) -> Tensor:
    """The arrays one after the other along an axis that they have; None: all flattened. `concatenate` is another name.

    They are brought to their common dtype, or to `dtype`. Raises ShapeError where they differ along other axes.

    >>> nb.concat([[1.0, 2.0], [3.0]]).tolist()
    [1.0, 2.0, 3.0]
    """
    nodes = _several("concat", arrays, dtype)
    if axis is None:
        nodes, axis = [reshaped(node, (node.size,)) for node in nodes], 0
    elif nodes[0].ndim == 0:
        raise ShapeError("concat: arrays of shape () have no axis to be joined along; use nb.stack")
    return _concat("concat", nodes, one_axis("concat", axis, nodes[0].ndim))


concatenate = concat


@op
def stack(arrays: Arrays, /, axis: int = 0, dtype: DTypeLike = None) -> Tensor:
    """The arrays, all of one shape, side by side along a new axis.

    They are brought to their common dtype, or to `dtype`. Raises ShapeError where their shapes differ.

    >>> nb.stack([[1.0, 2.0], [3.0, 4.0]], axis=1).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    return _stacked("stack", _several("stack", arrays, dtype), axis)


def _stacked(name: str, nodes: list[Node], axis: int) -> Node:
    shape = nodes[0].shape
    for i, node in enumerate(nodes):
        if node.shape != shape:
            raise ShapeError(f"{name}: the arrays have one shape, but array 0 has {shape} and array {i} has {node.shape}")
    return side_by_side(nodes, one_axis(name, axis, len(shape) + 1))


@op
def vstack(arrays: Arrays, /, dtype: DTypeLike = None) -> Tensor:
    """The arrays one below the other: along the first axis, a vector counting as a row.

    Raises ShapeError where they do not fit.

    >>> nb.vstack([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    nodes = _several("vstack", arrays, dtype)
    rows = [reshaped(node, (1,) * (2 - node.ndim) + node.shape) for node in nodes]
    return _concat("vstack", rows, 0)


@op
def hstack(arrays: Arrays, /, dtype: DTypeLike = None) -> Tensor:
    """The arrays side by side: along the second axis, vectors along their only one.

    Raises ShapeError where they do not fit.

    >>> nb.hstack([[1.0, 2.0], [3.0]]).tolist()
    [1.0, 2.0, 3.0]
    """
    nodes = [reshaped(node, node.shape or (1,)) for node in _several("hstack", arrays, dtype)]
    return _concat("hstack", nodes, 0 if nodes[0].ndim == 1 else 1)


@op
def dstack(arrays: Arrays, /, dtype: DTypeLike = None) -> Tensor:
    """The arrays one behind the other: along the third axis, a vector counting as (1, n, 1).

    Raises ShapeError where they do not fit.

    >>> nb.dstack([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[[1.0, 3.0], [2.0, 4.0]]]
    """
    nodes = []
    for node in _several("dstack", arrays, dtype):
        shape = node.shape
        nodes.append(reshaped(node, {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape), shape)))
    return _concat("dstack", nodes, 2)


@op
def column_stack(arrays: Arrays, /) -> Tensor:
    """The arrays as the columns of a matrix, or side by side where they have columns.

    Raises ShapeError where they do not fit.

    >>> nb.column_stack([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    nodes = _several("column_stack", arrays, None)
    columns = [node if node.ndim > 1 else reshaped(node, (node.size, 1)) for node in nodes]
    return _concat("column_stack", columns, 1)


# Repeated


@op
def tile(x: ArrayLike, repetitions: int | Sequence[int], /) -> Tensor:
    """`x` laid side by side, so many times along each axis; the last number is for the last axis.

    Raises ShapeError for a negative number.

    >>> nb.tile([1.0, 2.0], 2).tolist(), nb.tile([1.0, 2.0], (2, 1)).tolist()
    ([1.0, 2.0, 1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]])
    """
    node = as_node(x)
    counts = tuple(repetitions) if isinstance(repetitions, (tuple, list)) else (repetitions,)
    counts = tuple([integer("tile", "a number of repetitions", r, 0) for r in counts])
    ndim = max(len(counts), node.ndim)
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - node.ndim) + node.shape
    if all(r == 1 for r in counts):
        return reshaped(node, shape)
    between = reshaped(node, tuple([m for n in shape for m in (1, n)]))
    repeated = broadcast(between, shape=tuple([m for r, n in zip(counts, shape) for m in (r, n)]))
    return reshaped(repeated, tuple([r * n for r, n in zip(counts, shape)]))


@op
def repeat(x: ArrayLike, repeats: ArrayLike, /, axis: int | None = None) -> Tensor:
    """Each element along `axis` so many times in a row; None: of the flattened tensor.

    repeats: one number for all, or one for each element; under vmap and jit it must be a constant, because it decides
    the shape. Raises ShapeError for a negative number or the wrong count of them, AxisError for an axis that x has not.

    >>> nb.repeat([1.0, 2.0], 2).tolist(), nb.repeat([1.0, 2.0], [1, 3]).tolist()
    ([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 2.0, 2.0])
    """
    node = as_node(x)
    if axis is None:
        node, axis = reshaped(node, (node.size,)), 0
    axis = one_axis("repeat", axis, node.ndim)
    shape = node.shape
    counts = _counts(repeats)
    if (counts < 0).any():
        raise ShapeError("repeat: a number of repetitions is not negative")
    if counts.size == 1:
        times = int(counts.reshape(()))
        if times == 1:
            return node
        head, n, tail = shape[:axis], shape[axis], shape[axis + 1 :]
        spread_out = broadcast(reshaped(node, (*head, n, 1, *tail)), shape=(*head, n, times, *tail))
        return reshaped(spread_out, (*head, n * times, *tail))
    if counts.shape != (shape[axis],):
        raise ShapeError(f"repeat: {shape[axis]} elements along axis {axis} need as many repetitions; got shape {counts.shape}")
    return gathered(node, np.repeat(np.arange(shape[axis]), counts), axis)


def _counts(repeats: ArrayLike) -> np.ndarray:
    node = as_node(repeats)
    if node.dtype.kind not in "biu":
        raise ArgumentTypeError(f"repeat: numbers of repetitions are integers; got {node.dtype}")
    if node.tokens.placeholder:
        raise TracedValueError(
            f"repeat at {user_line()}: repeats decides the shape of the result, so it needs a value, which it has not "
            f"under vmap or jit. Pass repeats as a constant, or as a number"
        )
    runtime.realize((node,))
    return np.asarray(in_memory(node))


def gathered(x: Node, positions: np.ndarray, axis: int) -> Node:
    """The slices of `x` at constant positions along one axis."""
    spec: list[Any] = [(0, n, 1) for n in x.shape]
    spec[axis] = None
    return move_axis(index(x, constant(positions), spec=tuple(spec), unique=False), 0, axis)


# Shifted


@op
def roll(x: ArrayLike, /, shift: int | Sequence[int], axis: Any = None) -> Tensor:
    """The elements shifted along `axis`, or several; what falls off one end comes in at the other.

    axis=None shifts the flattened tensor. Raises ShapeError where shifts and axes differ in number, AxisError for an
    axis that x has not.

    >>> nb.roll([1.0, 2.0, 3.0], 1).tolist()
    [3.0, 1.0, 2.0]
    """
    node = as_node(x)
    if axis is None:
        flat = reshaped(node, (node.size,))
        total = sum([integer("roll", "shift", k) for k in shift]) if isinstance(shift, (tuple, list)) else shift
        return reshaped(_rolled(flat, integer("roll", "shift", total), 0), node.shape)
    named = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = [one_axis("roll", a, node.ndim) for a in named]
    shifts = list(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    if len(axes) == 1:
        axes = axes * len(shifts)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(axes) != len(shifts):
        raise ShapeError(f"roll: as many shifts as axes are needed; got shift={shift} and axis={axis}")
    for k, a in zip(shifts, axes):
        node = _rolled(node, integer("roll", "shift", k), a)
    return node


def _rolled(x: Node, shift: int, axis: int) -> Node:
    n = x.shape[axis]
    shift = shift % n if n else 0
    return joined(cut(x, axis, n - shift, n), cut(x, axis, 0, n - shift), axis=axis) if shift else x
