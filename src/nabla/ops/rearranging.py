"""Elements put in, taken out, cycled and cut off; tensors built of blocks, and fields of many cases.

Which elements go where is static: the positions are values, so under vmap they must be constants.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, BoundsError, DTypeError, ShapeError
from nabla.graph.node import Node, runtime
from nabla.ops.axes import as_shape, integer, one_axis, ordered_axes
from nabla.ops.indexing import as_written, read
from nabla.ops.joining import concat, gathered
from nabla.ops.keys import mask_value
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, op, together
from nabla.ops.shape import moveaxis, reshaped, split
from nabla.ops.sharing import shares
from nabla.primitives import formulas as f
from nabla.primitives.base import broadcast_shapes, zeros
from nabla.primitives.indexing import along_axis, index_set
from nabla.primitives.joining import concat as joined, cut, side_by_side
from nabla.primitives.shape import cast, move_axis, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _flat_or(name: str, x: Node, axis: int | None) -> tuple[Node, int]:
    return (reshaped(x, (x.size,)), 0) if axis is None else (x, one_axis(name, axis, x.ndim))


def _static(name: str, positions: Any, n: int) -> np.ndarray:
    """Positions on an axis of length n, as they were given: a slice, integers, or a mask."""
    if isinstance(positions, slice):
        return np.arange(*positions.indices(n))
    if isinstance(positions, (list, tuple)) and not len(positions):
        return np.zeros(0, np.int64)
    found = np.asarray(mask_value(as_node(positions)))
    if found.dtype.kind == "b":
        if found.shape != (n,):
            raise ShapeError(f"{name}: a mask has an element for each of the {n} on the axis; got shape {found.shape}")
        return np.flatnonzero(found)
    if found.dtype.kind not in "iu":
        raise BoundsError(f"{name}: positions are integers, a slice or a mask; got {found.dtype}")
    return found.astype(np.int64)


def _want_inside(name: str, positions: np.ndarray, n: int, last: int) -> None:
    wrong = positions[(positions < -n) | (positions > last)]
    if wrong.size:
        raise BoundsError(f"{name}: position {wrong[0]} is out of bounds for an axis of length {n}")


@op
def delete(x: ArrayLike, obj: Any, /, axis: int | None = None) -> Tensor:
    """x without what stands at `obj` along `axis` (None: in the flattened tensor): an integer, several, a slice, or a mask.

    Raises BoundsError for a position out of bounds, AxisError for an axis that x has not.

    >>> nb.delete([1.0, 2.0, 3.0, 4.0], [0, 2]).tolist()
    [2.0, 4.0]
    """
    node, axis = _flat_or("delete", as_node(x), axis)
    n = node.shape[axis]
    gone = _static("delete", obj, n).reshape(-1)
    _want_inside("delete", gone, n, n - 1)
    kept = np.ones(n, np.bool_)
    kept[gone] = False
    return gathered(node, np.flatnonzero(kept), axis)


@op
def insert(x: ArrayLike, obj: Any, values: ArrayLike, /, axis: int | None = None) -> Tensor:
    """x with `values` put in before the positions `obj` along `axis` (None: in the flattened tensor).

    obj: an integer, several, a slice, or a mask; positions are those in x. values broadcasts to what is put in, and is cast to the
    dtype of x. Raises BoundsError for a position out of bounds, ShapeError for values that do not fit.

    >>> nb.insert([1.0, 2.0, 3.0], 1, 9.0).tolist()
    [1.0, 9.0, 2.0, 3.0]
    >>> nb.insert([[1.0, 2.0], [3.0, 4.0]], [0, 2], [[5.0], [6.0]], axis=1).tolist()
    [[5.0, 1.0, 2.0, 5.0], [6.0, 3.0, 4.0, 6.0]]
    """
    node, axis = _flat_or("insert", as_node(x), axis)
    n = node.shape[axis]
    positions = _static("insert", obj, n)
    _want_inside("insert", positions.reshape(-1), n, n)
    new = cast(as_node(values), node.dtype)
    if new.ndim < node.ndim:
        new = reshape(new, shape=(1,) * (node.ndim - new.ndim) + new.shape)
    if positions.size == 1:
        if not positions.ndim:
            new = move_axis(new, 0, axis)
        positions = np.repeat(positions.reshape(-1), new.shape[axis])
        positions = np.where(positions < 0, positions + n, positions)
    else:
        positions = np.where(positions < 0, positions + n, positions).reshape(-1)
    shape = (*node.shape[:axis], positions.size, *node.shape[axis + 1 :])
    if new.ndim > node.ndim or broadcast_shapes("insert", [new.shape, shape]) != shape:
        raise ShapeError(f"insert: values of shape {as_node(values).shape} do not broadcast to what is put in, of shape {shape}")
    whole = joined(node, broadcast_to(new, shape), axis=axis)
    # The new ones, numbered from n on, stand before the old ones at their position.
    places = np.concatenate([np.arange(n) * 2 + 1, positions * 2])
    order = np.argsort(places, kind="stable")
    return gathered(whole, order, axis)


@op
def append(x: ArrayLike, values: ArrayLike, /, axis: int | None = None) -> Tensor:
    """x with `values` behind it along `axis`; None: both flattened.

    >>> nb.append([1.0, 2.0], [[3.0], [4.0]]).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    a, b = as_node(x), as_node(values)
    if axis is None:
        return concat([reshaped(a, (a.size,)), reshaped(b, (b.size,))])
    return concat([a, b], axis)


@op
def resize(x: ArrayLike, /, new_shape: int | Sequence[int]) -> Tensor:
    """A tensor of another shape with the elements of x in order, over and over if there are too few. Of nothing it holds zeros.

    >>> nb.resize([1.0, 2.0, 3.0], (2, 2)).tolist()
    [[1.0, 2.0], [3.0, 1.0]]
    """
    node = as_node(x)
    shape = as_shape("resize", new_shape)
    size = prod(shape)
    if not node.size:
        return zeros(shape, node.dtype)
    flat = reshaped(node, (node.size,))
    out = cut(flat, 0, 0, size) if size <= node.size else gathered(flat, np.arange(size) % node.size, 0)
    return reshaped(out, shape)


@op
def block(arrays: Any, /) -> Tensor:
    """A tensor put together of blocks in nested lists: the innermost lists along the last axis, the next along the one before.

    Raises ShapeError where blocks do not fit, ArgumentError where the lists are not equally deep.

    >>> nb.block([[nb.eye(2), nb.zeros((2, 1))], [nb.ones((1, 3))]]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    depth, ndim = _depth(arrays)
    return _blocks(arrays, depth, max(depth, ndim))


def _depth(arrays: Any) -> tuple[int, int]:
    """How deep the lists are, and how many axes the block with the most of them has."""
    if isinstance(arrays, tuple):
        raise ArgumentError("block: blocks come in lists; a tuple could be meant as either")
    if not isinstance(arrays, list):
        return 0, as_node(arrays).ndim
    if not arrays:
        raise ArgumentError("block: a list of blocks is empty")
    found = [_depth(item) for item in arrays]
    if len({depth for depth, _ in found}) > 1:
        raise ArgumentError("block: all lists are equally deep; some blocks here stand in more lists than others")
    return found[0][0] + 1, max(ndim for _, ndim in found)


def _blocks(arrays: Any, depth: int, ndim: int) -> Node:
    if not depth:
        node = as_node(arrays)
        return reshaped(node, (1,) * (ndim - node.ndim) + node.shape)
    return concat([_blocks(item, depth - 1, ndim) for item in arrays], -depth)


@op
def trim_zeros(x: ArrayLike, /, trim: str = "fb", axis: Any = None) -> Tensor:
    """x without the zeros at its front and back, along `axis` (None: all axes, as far as nothing but zeros goes).

    trim: "f" for the front, "b" for the back, "fb" for both. What is zero is a value, so under vmap x must be a constant.

    >>> nb.trim_zeros([0.0, 0.0, 1.0, 0.0, 2.0, 0.0]).tolist()
    [1.0, 0.0, 2.0]
    """
    node = as_node(x)
    wanted = trim.lower()
    if wanted not in ("f", "b", "fb", "bf"):
        raise ArgumentError(f"trim_zeros: trim is 'f', 'b' or 'fb'; got {trim!r}")
    axes = range(node.ndim) if axis is None else ordered_axes("trim_zeros", axis, node.ndim)
    found = np.nonzero(np.atleast_1d(mask_value(node)))
    for i in axes:
        n = node.shape[i]
        places = found[i]
        start, stop = (int(places.min()), int(places.max()) + 1) if places.size else (0, 0)
        if not places.size and "f" in wanted:
            start = stop = n
        node = cut(node, i, start if "f" in wanted else 0, stop if "b" in wanted else n)
    return node


@shares
def rollaxis(x: ArrayLike, axis: int, /, start: int = 0) -> Tensor:
    """One axis moved back to stand before the place `start`; `moveaxis` is easier to read.

    Raises AxisError for an axis or place that x has not.

    >>> nb.rollaxis(nb.zeros((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    node = as_node(x)
    axis = one_axis("rollaxis", axis, node.ndim)
    place = integer("rollaxis", "start", start)
    place = node.ndim if place == node.ndim else one_axis("rollaxis", place, node.ndim)
    return moveaxis(node, axis, place - 1 if axis < place else place)


@shares
def dsplit(x: ArrayLike, indices_or_sections: Any, /) -> list[Tensor]:
    """`split` along the third axis.

    >>> [piece.shape for piece in nb.dsplit(nb.zeros((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    node = as_node(x)
    return split(node, indices_or_sections, one_axis("dsplit", 2, node.ndim))


@op
def diagflat(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The square matrix with the elements of x, flattened, on its k-th diagonal, and zeros elsewhere.

    >>> nb.diagflat([[1.0, 2.0]], 1).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    node = as_node(x)
    shift = integer("diagflat", "k", k)
    n = node.size + abs(shift)
    start = shift if shift >= 0 else -shift * n
    flat = index_set(zeros((n * n,), node.dtype), reshaped(node, (node.size,)), spec=((start, node.size, n + 1),))
    return reshaped(flat, (n, n))


# Fields of many cases


@op
def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Tensor:
    """Where the first of the conditions holds, the first choice; else where the second holds, the second; at last `default`.

    All broadcast together. What is not chosen has derivative 0. Raises ArgumentError unless there is a choice for each condition,
    DTypeError for conditions that are not boolean.

    >>> x = nb.arange(6.0)
    >>> nb.select([x < 2, x > 3], [x, x**2], -1.0).tolist()
    [0.0, 1.0, -1.0, -1.0, 16.0, 25.0]
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ArgumentError(
            f"select: there is a choice for each condition; got {len(condlist)} conditions, {len(choicelist)} choices"
        )
    conditions = [_condition("select", c) for c in condlist]
    *choices, out = together([*choicelist, default])
    out = broadcast_to(out, broadcast_shapes("select", [x.shape for x in (*conditions, *choices, out)]))
    for condition, choice in zip(reversed(conditions), reversed(choices)):
        out = f.select(condition, choice, out)
    return out


def _condition(name: str, condition: ArrayLike) -> Node:
    node = as_node(condition)
    if node.dtype.kind != "b":
        raise DTypeError(f"{name}: conditions are booleans; got {node.dtype}")
    return node


@op
def choose(x: ArrayLike, choices: Any, /, mode: str = "raise") -> Tensor:
    """At each place the element of the choice whose number stands there in x; x and all choices broadcast together.

    mode: "raise" is an error for a number beyond the choices, "wrap" counts on from the start, "clip" takes the nearest.

    >>> nb.choose([1, 0, 1], [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]).tolist()
    [10.0, 2.0, 30.0]
    """
    numbers = as_node(x)
    if numbers.dtype.kind not in "biu":
        raise BoundsError(f"choose: x holds the numbers of choices, which are integers; got {numbers.dtype}")
    numbers = cast(numbers, dtypes.int64)
    given = choices if isinstance(choices, (list, tuple)) else [read(as_node(choices), i) for i in range(as_node(choices).shape[0])]
    nodes = together(given)
    n = len(nodes)
    if not n:
        raise ArgumentError("choose: there are no choices")
    if mode == "clip":
        numbers = f.minimum(f.maximum(numbers, f.like(numbers, 0)), f.like(numbers, n - 1))
    elif mode == "wrap":
        numbers = f.remainder(numbers, f.like(numbers, n))
    elif mode != "raise":
        raise ArgumentError(f"choose: mode is 'raise', 'wrap' or 'clip'; got {mode!r}")
    else:
        found = mask_value(numbers)
        if np.size(found) and (np.min(found) < 0 or np.max(found) >= n):
            raise BoundsError(f"choose: there are {n} choices, numbered from 0; x goes from {np.min(found)} to {np.max(found)}")
    shape = broadcast_shapes("choose", [numbers.shape, *[node.shape for node in nodes]])
    stacked = side_by_side([broadcast_to(node, shape) for node in nodes], 0)
    return reshape(along_axis(stacked, reshape(broadcast_to(numbers, shape), shape=(1, *shape)), 0), shape=shape)


@op
def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Tensor:
    """Where a condition holds, its function of x or its number; the last that holds counts. One more is for the rest, else 0.

    Each function is called once with all of x (and args, kw), so it should be right for single elements; its derivative counts only
    where it is chosen. The result has the dtype of x. Raises ArgumentError unless there is a function for each condition.

    >>> x = nb.array([-2.0, -1.0, 0.0, 3.0])
    >>> nb.piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x**2]).tolist()
    [2.0, 1.0, 0.0, 9.0]
    """
    node = as_node(x)
    conditions = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    if conditions and isinstance(conditions[0], (bool, np.bool_)) and node.ndim:
        conditions = [conditions]
    if not isinstance(condlist, (list, tuple)) and as_node(condlist).ndim > node.ndim:
        stack = as_node(condlist)
        conditions = [read(stack, i) for i in range(stack.shape[0])]
    masks = [broadcast_to(cast(as_node(c), dtypes.bool_), node.shape) for c in conditions]
    if len(funclist) not in (len(masks), len(masks) + 1):
        raise ArgumentError(
            f"piecewise: with {len(masks)} conditions there are {len(masks)} functions, or {len(masks) + 1}; got {len(funclist)}"
        )
    out = zeros(node.shape, node.dtype)
    chosen = list(zip(masks, funclist))
    if len(funclist) > len(masks):
        out = broadcast_to(_piece(funclist[-1], node, args, kw), node.shape)
    for mask, function in chosen:
        out = f.select(mask, _piece(function, node, args, kw), out)
    return out


def _piece(function: Any, x: Node, args: Any, kw: Any) -> Node:
    return cast(as_node(function(runtime.handle(x), *args, **kw)), x.dtype) if callable(function) else as_written(function, x.dtype)
