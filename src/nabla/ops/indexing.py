"""Indexing: parts of tensors read and written (as nodes), and functions that pick elements by position.

x[key] and x[key] = v of handles are views.py's business; what they mean for nodes is here.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, BoundsError, DTypeError, ShapeError
from nabla.graph.node import Node, in_memory, is_scalar
from nabla.graph.tokens import EMPTY
from nabla.ops.axes import integer, one_axis
from nabla.ops.keys import (
    Layout,
    Part,
    axes_taken,
    check_mask,
    checked,
    classified,
    mask_value,
    part_of,
    show,
    takes_all,
    unshow,
    value_for_shape,
)
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, op
from nabla.primitives.base import Shape, constant, scalar, zeros
from nabla.primitives.cumulative import cumsum
from nabla.primitives.elementwise import add
from nabla.primitives.formulas import floor_div, less, maximum, minimum, remainder, select
from nabla.primitives.indexing import Spec, along_axis, arrays_along, index, index_add, index_set, together
from nabla.primitives.joining import side_by_side
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import cast, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


# Parts of nodes


def read_basic(x: Node, spec: Spec, layout: Layout) -> Node:
    """The part of x that a basic key names."""
    return show(x if takes_all(spec, x.shape) else index(x, spec=spec), layout)


def read(x: Node, key: Any) -> Node:
    """x[key]"""
    part = part_of(key, x.shape)
    if not part.arrays:
        return read_basic(x, part.spec, part.layout)
    if part.widened is not None:
        x = reshape(x, shape=part.widened)
    return show(index(x, *part.arrays, **part.params()), part.layout)


def write_basic(x: Node, v: Node, spec: Spec, layout: Layout, shape: Shape) -> Node:
    """x with v written to the part that a basic key names; `shape` is that part's, as shown."""
    v = unshow(v, layout, shape)
    if takes_all(spec, x.shape):
        return broadcast_to(v, x.shape)
    return index_set(x, v, spec=spec)


def write(x: Node, key: Any, value: ArrayLike) -> Node:
    """x after x[key] = value, in the dtype of x."""
    v = as_written(value, x.dtype)
    masked = _write_masked(x, key, v)
    if masked is not None:
        return masked
    return write_part(x, v, part_of(key, x.shape, distinct=v.tokens is not EMPTY))


def write_part(x: Node, v: Node, part: Part) -> Node:
    shape = part.shape()
    if not part.arrays:
        return write_basic(x, v, part.spec, part.layout, shape)
    v = unshow(v, part.layout, shape)
    if part.widened is None:
        return index_set(x, v, *part.arrays, **part.params())
    return reshape(index_set(reshape(x, shape=part.widened), v, *part.arrays, **part.params()), shape=x.shape)


def add_to_part(x: Node, key: Any, value: ArrayLike) -> Node:
    """x with `value` added to x[key], in the dtype of x; an element that the key names n times gets n values."""
    v = as_written(value, x.dtype)
    masked = _write_masked(zeros(x.shape, x.dtype), key, v)
    if masked is not None:
        return add(x, masked)
    part = part_of(key, x.shape)
    v = unshow(v, part.layout, part.shape())
    if not part.arrays and takes_all(part.spec, x.shape):
        return add(x, broadcast_to(v, x.shape))
    if part.widened is None:
        return index_add(x, v, *part.arrays, **part.params())
    return reshape(index_add(reshape(x, shape=part.widened), v, *part.arrays, **part.params()), shape=x.shape)


def _write_masked(x: Node, key: Any, v: Node) -> Node | None:
    """x[mask] = v as a `where`, which needs no value of the mask, if v is the same for all elements that the mask picks.

    The key may have slices of whole axes beside the mask. v has no axis that counts those elements, or one of length 1.
    """
    if type(key) in (int, slice) or key is None or key is Ellipsis:
        return None
    if type(key) is tuple and all(type(item) in (int, slice) or item is None or item is Ellipsis for item in key):
        return None
    items = classified(key)
    masks = [item for item in items if type(item) is Node and item.dtype.kind == "b"]
    if len(masks) != 1 or not all(item is masks[0] or item is Ellipsis or item == slice(None) for item in items):
        return None
    (mask,) = masks
    left = x.ndim - sum(axes_taken(item) for item in items)
    axis = sum(left if item is Ellipsis else 1 for item in items[: items.index(mask)])
    if left < 0:
        return None
    check_mask(mask, axis, x.shape)
    if mask.shape != x.shape[axis : axis + mask.ndim]:
        return None  # it has no elements, and picks nothing
    behind = x.ndim - axis - mask.ndim
    counting = v.ndim - behind - 1  # where v has the axis that counts the elements picked
    if counting >= 0:
        if v.shape[counting] != 1:
            return None
        v = reshape(v, shape=(*v.shape[:counting], *(1,) * mask.ndim, *v.shape[counting + 1 :]))
    condition = reshape(mask, shape=(*mask.shape, *(1,) * behind)) if behind else mask
    identity = tuple(range(x.ndim))
    return select(condition, broadcast_to(unshow(v, identity, x.shape), x.shape), x)


def as_written(value: ArrayLike, dtype: np.dtype) -> Node:
    """What is written into a tensor of `dtype`, cast to it as NumPy's casting="same_kind" allows: no kind is lost in silence."""
    if is_scalar(value):
        return _number_written(value, dtype)
    v = as_node(value)
    own = v.dtype
    if own is dtype:
        return v
    if not np.can_cast(own, dtype, "same_kind") and not _fits(value, v, dtype):
        raise DTypeError(
            f"a value of dtype {dtypes.strong(own)} cannot be written into a tensor of dtype {dtypes.strong(dtype)} without loss; "
            f"write value.astype(nb.{dtypes.strong(dtype)}) if that is meant, or make the tensor {dtypes.strong(own)}"
        )
    return cast(v, dtype)


def _number_written(value: Any, dtype: np.dtype) -> Node:
    kind = dtype.kind
    fits = (
        isinstance(value, bool)
        or kind == "c"
        or (kind == "f" and not isinstance(value, complex))
        or (kind in "iu" and isinstance(value, int))
        or (kind == "b" and isinstance(value, int) and value in (0, 1))
    )
    if fits:
        try:
            return scalar(value, dtype)
        except OverflowError:
            raise ArgumentError(f"{value} is out of the range of {dtype}, the dtype of the tensor written to") from None
    raise DTypeError(
        f"the Python number {value!r} cannot be written into a tensor of dtype {dtype} without loss; convert it, or convert the "
        f"tensor with .astype(nb.{dtypes.of_scalar(value)}) first"
    )


def _fits(value: Any, v: Node, dtype: np.dtype) -> bool:
    """Whether nested lists of Python integers fit a narrower dtype, as single numbers would."""
    if not isinstance(value, (list, tuple)) or v.value is None or v.dtype.kind not in "iu" or dtype.kind not in "biu":
        return False
    return bool(np.all(in_memory(v).astype(dtype) == in_memory(v)))


# Functions that pick elements


@op
def take(x: ArrayLike, indices: ArrayLike, /, axis: int | None = None, mode: str = "raise") -> Tensor:
    """The elements (or slices) of x at `indices` along `axis`; None: of the flattened tensor.

    The result has the shape of `indices` in place of the axis. mode: "raise" is an error for an index out of bounds, "wrap" counts
    on from the other end, "clip" takes the nearest. Raises BoundsError for such an index, AxisError for an axis that x has not.

    >>> import nabla as nb
    >>> nb.take([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [2, 0], axis=1).tolist()
    [[3.0, 1.0], [6.0, 4.0]]
    """
    x = as_node(x)
    if axis is None:
        x, axis = reshape(x, shape=(x.size,)), 0
    else:
        axis = one_axis("take", axis, x.ndim)
    chosen = in_bounds("take", positions("take", indices), x.shape[axis], mode)
    return read(x, (*[slice(None)] * axis, chosen))


def in_bounds(name: str, where: Node, n: int, mode: str) -> Node:
    """Positions along an axis of length n after `mode` was applied; those that it leaves out of bounds raise when they are used."""
    if mode == "clip":
        return minimum(maximum(where, scalar(0, where.dtype)), scalar(max(n - 1, 0), where.dtype))
    if mode not in ("raise", "wrap"):
        raise ArgumentError(f"{name}: mode is 'raise', 'wrap' or 'clip'; got {mode!r}")
    return remainder(where, scalar(n, where.dtype)) if mode == "wrap" and n else where


def positions(name: str, indices: ArrayLike) -> Node:
    """An argument of positions, of dtype int64."""
    if isinstance(indices, (list, tuple)) and not len(indices):
        return constant(np.zeros(0, np.intp))
    node = as_node(indices)
    if node.dtype.kind not in "iu":
        raise BoundsError(f"{name}: the indices are integers; got {node.dtype}")
    return cast(node, dtypes.int64)


@op
def take_along_axis(x: ArrayLike, indices: ArrayLike, /, axis: int | None = -1) -> Tensor:
    """For each place of `indices`, the element of x at the same place but along `axis`, where `indices` says which.

    x and `indices` have equally many axes and broadcast over all but `axis`; None: both are flattened. With the result of
    `argsort` or `argmax` it gives the sorted or largest elements. Raises BoundsError for an index out of bounds.

    >>> import nabla as nb
    >>> nb.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1).tolist()
    [[2.0], [3.0]]
    """
    x, chosen, axis = _along(x, indices, axis, "take_along_axis")
    return along_axis(x, checked(chosen, axis, x.shape[axis]), axis)


def _along(x: ArrayLike, indices: ArrayLike, axis: int | None, name: str) -> tuple[Node, Node, int]:
    node, chosen = as_node(x), positions(name, indices)
    if axis is None:
        return reshape(node, shape=(node.size,)), reshape(chosen, shape=(chosen.size,)), 0
    if chosen.ndim != node.ndim:
        raise ShapeError(
            f"{name}: x and indices have equally many axes; got shapes {node.shape} and {chosen.shape}. "
            f"nb.expand_dims(indices, axis) adds one"
        )
    axis = one_axis(name, axis, node.ndim)
    for i, (n, m) in enumerate(zip(node.shape, chosen.shape)):
        if i != axis and n != m and 1 not in (n, m):
            raise ShapeError(f"{name}: x of shape {node.shape} and indices of shape {chosen.shape} do not broadcast on axis {i}")
    return node, chosen, axis


def written_along_axis(x: Node, indices: ArrayLike, values: ArrayLike, axis: int | None) -> Node:
    """x after put_along_axis."""
    flat, chosen, along = _along(x, indices, axis, "put_along_axis")
    arrays = arrays_along(flat.shape, checked(chosen, along, flat.shape[along]), along)
    v = as_written(values, x.dtype)
    shape = together(arrays)
    v = unshow(v, tuple(range(len(shape))), shape)
    out = index_set(flat, v, *arrays, spec=(None,) * flat.ndim, unique=prod(shape) <= 1)
    return out if out.shape == x.shape else reshape(out, shape=x.shape)


@op
def compress(condition: ArrayLike, x: ArrayLike, /, axis: int | None = None) -> Tensor:
    """The slices of x along `axis` (None: the elements of the flattened tensor) where the 1-d `condition` holds.

    A condition shorter than the axis counts as False for the rest. Its value decides the shape, so under vmap and jit it must be
    a constant.

    >>> import nabla as nb
    >>> nb.compress([True, False, True], [1.0, 2.0, 3.0]).tolist()
    [1.0, 3.0]
    """
    node = as_node(x)
    mask = as_node(condition)
    if mask.ndim != 1:
        raise ShapeError(f"compress: the condition has one axis; got shape {mask.shape}")
    if axis is None:
        node, axis = reshape(node, shape=(node.size,)), 0
    axis = one_axis("compress", axis, node.ndim)
    chosen = constant(np.flatnonzero(mask_value(mask)))
    return read(node, (*[slice(None)] * axis, chosen))


@op
def extract(condition: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The elements of x, in order, where `condition`, of as many elements, holds: x[condition] for flattened x and condition.

    >>> import nabla as nb
    >>> nb.extract([[True, False], [False, True]], [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [1.0, 4.0]
    """
    node = as_node(x)
    mask = as_node(condition)
    if mask.size != node.size:
        raise ShapeError(f"extract: condition and x have as many elements; got shapes {mask.shape} and {node.shape}")
    return read(reshape(node, shape=(node.size,)), constant(np.flatnonzero(mask_value(mask))))


def first_true(mask: Node, count: int) -> tuple[Node, Node]:
    """The positions of the first `count` elements of a flat mask that hold, and which of these there are."""
    number = cumsum(cast(mask, dtypes.int64), axis=0, reverse=False)
    positions = searchsorted(number, constant(np.arange(1, count + 1)), right=False)
    return positions, less(positions, scalar(mask.size, dtypes.int64))


def _nonzero(name: str, x: Node, size: int | None, fill_value: ArrayLike | None) -> tuple[Node, ...]:
    """The positions of the elements that are not zero along each axis, filled up to `size`."""
    if size is None:
        if fill_value is not None:
            raise ArgumentError(f"{name}: fill_value fills up to size=, which is not given")
        return tuple([constant(i) for i in np.nonzero(value_for_shape(name, "x", x, "Pass size=, or use nb.where."))])
    count = integer(name, "size", size, 0)
    fills = fill_value if isinstance(fill_value, tuple) else (0 if fill_value is None else fill_value,) * x.ndim
    if len(fills) != x.ndim:
        raise ArgumentError(f"{name}: fill_value is one number, or one for each of the {x.ndim} axes; got {len(fills)}")
    places, found = first_true(reshape(cast(x, dtypes.bool_), shape=(x.size,)), count)
    out: list[Node] = []
    for n, fill in zip(reversed(x.shape), reversed(fills)):
        length = scalar(max(n, 1), dtypes.int64)
        out.append(select(found, remainder(places, length), as_written(fill, dtypes.int64)))
        places = floor_div(places, length)
    return tuple(out[::-1])


@op
def nonzero(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> tuple[Tensor, ...]:
    """The positions of the elements that are not zero (or not False), in row-major order: one int64 tensor per axis.

    Their number is a value, so under vmap and jit x must be a constant, or `size` says how many there shall be: what is more is
    left out, and where there are fewer the rest is `fill_value` (0, if it is not given), one number or a tuple with one for
    each axis. Raises ShapeError for an x of shape ().

    >>> import nabla as nb
    >>> [i.tolist() for i in nb.nonzero([[0.0, 5.0], [7.0, 0.0]])]
    [[0, 1], [1, 0]]
    >>> [i.tolist() for i in nb.nonzero([[0.0, 5.0], [7.0, 0.0]], size=3, fill_value=-1)]
    [[0, 1, -1], [1, 0, -1]]
    """
    node = as_node(x)
    if not node.shape:
        raise ShapeError("nonzero: a tensor of shape () has no positions; reshape it to (1,) first")
    return _nonzero("nonzero", node, size, fill_value)


@op
def flatnonzero(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Tensor:
    """The positions, in the flattened tensor, of the elements that are not zero; size and fill_value as for `nonzero`.

    >>> import nabla as nb
    >>> nb.flatnonzero([[0.0, 5.0], [7.0, 0.0]]).tolist()
    [1, 2]
    """
    node = as_node(x)
    return _nonzero("flatnonzero", reshape(node, shape=(node.size,)), size, fill_value)[0]


@op
def argwhere(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Tensor:
    """The positions of the elements that are not zero, one row for each, of shape (count, x.ndim).

    size and fill_value as for `nonzero`.

    >>> import nabla as nb
    >>> nb.argwhere([[0.0, 5.0], [7.0, 0.0]]).tolist()
    [[0, 1], [1, 0]]
    """
    node = as_node(x)
    if node.ndim:
        return side_by_side(_nonzero("argwhere", node, size, fill_value), 1)
    row = _nonzero("argwhere", reshape(node, shape=(1,)), size, None)[0]
    return zeros((row.size, 0), dtypes.int64)
