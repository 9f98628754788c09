"""Functions that write into their first argument, a tensor: `nb.put(x, ...)`, `nb.copyto(x, ...)`, `x.sort()`, `x.flat[i] = v`.

Like x[key] = v they move the handle to a new node, so that they are differentiated, in what is written and in what is kept.
Into an ndarray they do not write: the derivative would be lost there.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Iterator

import numpy as np

from nabla.dtypes import bool_, int64
from nabla.errors import ArgumentError, DTypeError, ShapeError, TracedValueError, user_line
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops import indexing, ranking, sorting
from nabla.ops.creation import asarray, astype
from nabla.ops.keys import check_mask, checked, mask_value, out_of_bounds
from nabla.ops.lift import ArrayLike, as_node, broadcast_to
from nabla.ops.logic import where as where_
from nabla.primitives.base import Shape, constant, scalar
from nabla.primitives.cumulative import cumsum
from nabla.primitives.formulas import floor_div, remainder, select
from nabla.primitives.shape import cast, reshape
from nabla.views import getitem, replace, setitem

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def target(name: str, x: Any) -> Tensor:
    """The first argument of a function that writes; raises where it is an ndarray."""
    if isinstance(x, runtime.handle):
        return x
    raise TracedValueError(
        f"{name} at {user_line()} writes into its first argument, which must be a tensor; got {type(x).__name__}, where the "
        f"derivative would be lost. Make it a tensor first (x = nb.asarray(x)), or make a new array with nb.where."
    )


def _flat(x: Node) -> Node:
    return reshape(x, shape=(x.size,))


def _cycled(v: Node, count: int) -> Node:
    """`count` elements: those of v, over and over."""
    flat = _flat(v)
    if flat.size == 1:
        return broadcast_to(flat, (count,))
    return flat if flat.size == count else indexing.read(flat, constant(np.arange(count) % flat.size))


def _write_flat(x: Tensor, positions: Node, values: ArrayLike) -> None:
    """Write to the elements at `positions` of the flattened x; of one that is named twice the last value stays.

    x is not flattened for that, so that only as much is written as there is to write.
    """
    node = x._node
    v = indexing.as_written(values, node.dtype)
    if not positions.size or not v.size:
        return
    v = reshape(_cycled(v, positions.size), shape=positions.shape)
    places = checked(positions, 0, node.size)
    if node.ndim:
        replace(x, indexing.write(node, _unravelled(places, node.shape), v))
    else:
        replace(x, reshape(indexing.write(_flat(node), places, v), shape=()))


def _unravelled(places: Node, shape: Shape) -> tuple[Node, ...]:
    """Positions in a flattened array, which may count from its end, as one index array for each axis."""
    if places.value is not None:
        return tuple([constant(i) for i in np.unravel_index(in_memory(places) % prod(shape), shape)])
    places = remainder(places, scalar(prod(shape), int64))
    found: list[Node] = []
    for n in reversed(shape):
        found.append(remainder(places, scalar(n, int64)))
        places = floor_div(places, scalar(n, int64))
    return tuple(found[::-1])


def _mask(name: str, x: Tensor, mask: ArrayLike) -> Node:
    """A flat mask with an entry for each element of x."""
    node = as_node(mask)
    if node.size != x.size:
        raise ShapeError(f"{name}: the mask has as many elements as x; got shapes {node.shape} and {x.shape}")
    return _flat(cast(node, bool_))


def fill(x: Tensor, value: ArrayLike) -> None:
    """Write one value to all elements of x.

    >>> import nabla as nb
    >>> x = nb.array([1.0, 2.0])
    >>> x.fill(3.0)
    >>> x.tolist()
    [3.0, 3.0]
    """
    setitem(x, Ellipsis, value)


def copyto(x: Tensor, /, src: ArrayLike, casting: str = "same_kind", where: ArrayLike = True) -> None:
    """Write `src`, broadcast to the shape of x, into x; only where `where` holds, which broadcasts, too.

    casting: which conversions to the dtype of x are allowed, as NumPy names them. x must be a tensor, and is written in place.
    Raises DTypeError for a conversion that is not allowed, ShapeError where shapes do not fit.

    >>> import nabla as nb
    >>> x = nb.zeros(3)
    >>> nb.copyto(x, 2.0, where=[True, False, True])
    >>> x.tolist()
    [2.0, 0.0, 2.0]
    """
    x = target("copyto", x)
    if isinstance(src, (runtime.handle, np.ndarray, np.generic)):
        source = asarray(src)
        if not np.can_cast(source.dtype, x.dtype, casting):  # type: ignore[arg-type]
            raise DTypeError(f"copyto: {source.dtype} does not become {x.dtype} by casting={casting!r}")
        src = astype(source, x.dtype)
    elif casting == "unsafe":
        src = astype(asarray(src), x.dtype)
    setitem(x, Ellipsis, src if where is True else where_(where, src, x))


def put(x: Tensor, /, ind: ArrayLike, v: ArrayLike, mode: str = "raise") -> None:
    """Write the values `v`, over and over if they are too few, to the elements of the flattened x at the positions `ind`.

    Of an element that is named twice, the last value stays. mode: "raise" is an error for a position out of bounds, "wrap"
    counts on from the other end, "clip" takes the nearest. x must be a tensor, and is written in place. Raises BoundsError for
    such a position.

    >>> import nabla as nb
    >>> x = nb.zeros((2, 2))
    >>> nb.put(x, [0, 3], [1.0, 2.0])
    >>> x.tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    x = target("put", x)
    positions = indexing.in_bounds("put", indexing.positions("put", ind), x.size, mode)
    _write_flat(x, positions, v)


def place(x: Tensor, /, mask: ArrayLike, vals: ArrayLike) -> None:
    """Write the values `vals`, one after the other and over and over, to the elements of x where `mask` holds.

    x must be a tensor, and is written in place. mask: of as many elements as x. Raises ArgumentError where there is an element
    to be written and no value.

    >>> import nabla as nb
    >>> x = nb.array([1.0, 2.0, 3.0])
    >>> nb.place(x, x > 1.5, [7.0, 8.0])
    >>> x.tolist()
    [1.0, 7.0, 8.0]
    """
    x = target("place", x)
    node, chosen = x._node, _mask("place", x, mask)
    v = _flat(indexing.as_written(vals, node.dtype))
    if not v.size:
        if np.any(mask_value(chosen)):
            raise ArgumentError("place: there are elements to be written, and no values")
        return
    number = cumsum(cast(chosen, int64), axis=0, reverse=False) - scalar(1, int64)
    values = indexing.read(v, remainder(number, scalar(v.size, int64)))
    replace(x, reshape(select(chosen, values, _flat(node)), shape=node.shape))


def putmask(x: Tensor, /, mask: ArrayLike, values: ArrayLike) -> None:
    """Write to the elements of x where `mask` holds the elements of `values` at the same positions of the flattened tensors.

    values is taken over and over if it is smaller than x. x must be a tensor, and is written in place. Raises ShapeError for a
    mask that has not as many elements as x.

    >>> import nabla as nb
    >>> x = nb.array([1.0, 2.0, 3.0])
    >>> nb.putmask(x, x > 1.5, [6.0, 7.0, 8.0])
    >>> x.tolist()
    [1.0, 7.0, 8.0]
    """
    x = target("putmask", x)
    node, chosen = x._node, _mask("putmask", x, mask)
    v = _flat(indexing.as_written(values, node.dtype))
    if v.size and node.size:
        v = _cycled(v, node.size) if v.size < node.size else indexing.read(v, slice(node.size))
        replace(x, reshape(select(chosen, v, _flat(node)), shape=node.shape))


def put_along_axis(x: Tensor, /, indices: ArrayLike, values: ArrayLike, axis: int | None = -1) -> None:
    """Write `values` to the elements of x that `take_along_axis(x, indices, axis)` reads.

    `values` broadcasts to the shape of `indices`. x must be a tensor, and is written in place. Raises BoundsError for an index out
    of bounds.

    >>> import nabla as nb
    >>> x = nb.array([[1.0, 5.0], [7.0, 3.0]])
    >>> nb.put_along_axis(x, nb.argmax(x, axis=1, keepdims=True), 0.0, axis=1)
    >>> x.tolist()
    [[1.0, 0.0], [0.0, 3.0]]
    """
    x = target("put_along_axis", x)
    replace(x, indexing.written_along_axis(x._node, indices, values, axis))


def fill_diagonal(x: Tensor, /, val: ArrayLike, wrap: bool = False) -> None:
    """Write `val`, a number or values that are taken over and over, to the elements of x whose indices are all equal.

    wrap: in a matrix of more rows than columns the diagonal begins again below. x must be a tensor, and is written in place.
    Raises ShapeError for fewer than two axes, and for more than two of different lengths.

    >>> import nabla as nb
    >>> x = nb.zeros((2, 2))
    >>> nb.fill_diagonal(x, 5.0)
    >>> x.tolist()
    [[5.0, 0.0], [0.0, 5.0]]
    """
    x = target("fill_diagonal", x)
    shape = x.shape
    if len(shape) < 2:
        raise ShapeError(f"fill_diagonal: x has at least two axes; got shape {shape}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError(f"fill_diagonal: all axes of an x of more than two axes are of one length; got {shape}")
    columns = shape[1]
    step = columns + 1 if len(shape) == 2 else sum(columns**i for i in range(len(shape)))
    end = x.size if wrap or len(shape) > 2 else min(x.size, columns * columns)
    _write_flat(x, constant(np.arange(0, end, step)), val)


def sort(x: Tensor, axis: int = -1, *, descending: bool = False, stable: bool = True) -> None:
    """Sort x itself along `axis`; see `nb.sort`, which leaves x alone.

    >>> import nabla as nb
    >>> x = nb.array([3.0, 1.0, 2.0])
    >>> x.sort()
    >>> x.tolist()
    [1.0, 2.0, 3.0]
    """
    replace(x, as_node(sorting.sort(x, axis, descending=descending, stable=stable)))


def partition(x: Tensor, kth: int | tuple[int, ...], axis: int = -1) -> None:
    """Partition x itself along `axis`; see `nb.partition`, which leaves x alone.

    >>> import nabla as nb
    >>> x = nb.array([3.0, 1.0, 2.0])
    >>> x.partition(1)
    >>> x.tolist()
    [1.0, 2.0, 3.0]
    """
    replace(x, as_node(ranking.partition(x, kth, axis)))


def _positions(key: Any, n: int) -> Node:
    """The positions that an integer, a slice, `...`, an index array or a mask names in a row of n elements."""
    if key is Ellipsis or isinstance(key, slice):
        return constant(np.arange(*(slice(None) if key is Ellipsis else key).indices(n)))
    node = as_node(key) if not isinstance(key, (list, tuple)) or key else constant(np.zeros(0, np.int64))
    if node.dtype.kind != "b":
        return indexing.positions("x.flat", node)
    check_mask(node, 0, (n,))
    return constant(np.flatnonzero(mask_value(node)))


class Flat:
    """The elements of a tensor in row-major order, as one row: read and written by `x.flat[key]`, iterated over.

    >>> import nabla as nb
    >>> x = nb.zeros((2, 2))
    >>> x.flat[1:3] = [5.0, 6.0]
    >>> x.tolist(), [float(v) for v in x.flat]
    ([[0.0, 5.0], [6.0, 0.0]], [0.0, 5.0, 6.0, 0.0])
    """

    __slots__ = ("base",)

    def __init__(self, base: Tensor) -> None:
        self.base = base

    def _row(self) -> Tensor:
        return runtime.handle(_flat(self.base._node))

    def _indices(self, i: int) -> tuple[int, ...]:
        """The indices of element i: reading and writing one is done in place."""
        n = len(self)
        if not -n <= i < n:
            raise out_of_bounds(i, 0, n)
        return tuple(map(int, np.unravel_index(i % n, self.base.shape)))

    def __len__(self) -> int:
        return self.base.size

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._row())

    def __getitem__(self, key: Any) -> Tensor:
        if isinstance(key, (int, np.integer)):
            return getitem(self.base, self._indices(int(key)))
        return getitem(self._row(), key).copy()

    def __setitem__(self, key: Any, values: ArrayLike) -> None:
        if isinstance(key, (int, np.integer)):
            setitem(self.base, self._indices(int(key)), values)
        else:
            _write_flat(self.base, _positions(key, len(self)), values)

    def copy(self) -> Tensor:
        """The elements as a tensor of one axis and of its own."""
        return self._row().copy()
