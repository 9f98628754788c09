"""Sets of values: the distinct ones, by the names of the Array API standard and by NumPy's; unions, intersections, members.

How many distinct values there are is a value itself, so under vmap and jit what is asked about is a constant, or `size` says how
many there shall be. The derivative of distinct values is that of the elements they were found at, the first of equals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.graph.node import Node
from nabla.ops import searching
from nabla.ops.axes import integer, one_axis
from nabla.ops.indexing import as_written
from nabla.ops.joining import gathered
from nabla.ops.keys import value_for_shape
from nabla.ops.lift import ArrayLike, as_node, op, together
from nabla.ops.ranking import lexsort
from nabla.ops.shape import reshaped
from nabla.primitives.base import constant, scalar, zeros
from nabla.primitives.cumulative import cumsum
from nabla.primitives.formulas import equal, isnan, less, logical_and, logical_not, minimum, not_equal, select, sub
from nabla.primitives.indexing import along_axis, index, index_set
from nabla.primitives.joining import concat, cut, pick
from nabla.primitives.reductions import reduce_any
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import broadcast, cast, move_axis, reshape
from nabla.primitives.sorting import argsort, sort

if TYPE_CHECKING:
    from nabla.tensor import Tensor


class UniqueAll(NamedTuple):
    """What `nb.unique_all` gives."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `nb.unique_counts` gives."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `nb.unique_inverse` gives."""

    values: Tensor
    inverse_indices: Tensor


def _known(name: str, x: Node, remedy: str = "Call it outside.") -> np.ndarray:
    return np.asarray(value_for_shape(name, "an argument", x, remedy))


def _distinct(
    name: str, x: ArrayLike, size: int | None, fill_value: ArrayLike | None, axis: int | None = None, equal_nan: bool = False
) -> UniqueAll:
    """All there is to say about the distinct values of x, or its distinct slices along an axis, as nodes."""
    node = as_node(x)
    along = None if axis is None else one_axis(name, axis, node.ndim)
    if size is not None:
        return _of_size(name, node, integer(name, "size", size, 0), fill_value, along, equal_nan)
    if fill_value is not None:
        raise ArgumentError(f"{name}: fill_value fills up to size=, which is not given")
    value = _known(name, node, "Pass size=, or sort instead (nb.sort) and compare neighbours.")
    _, first, inverse, counts = np.unique(value, True, True, True, along, equal_nan=equal_nan)
    if along is None:
        values = index(reshape(node, shape=(node.size,)), constant(first), spec=(None,), unique=True)
    else:
        values = gathered(node, first, along)
    return UniqueAll(values, constant(first), constant(inverse), constant(counts))  # type: ignore[arg-type]


def _of_size(name: str, x: Node, size: int, fill_value: ArrayLike | None, axis: int | None, equal_nan: bool) -> UniqueAll:
    """The same where the number of values is given: sorted, told from their neighbours and numbered, all in fixed shapes."""
    rows = reshape(x, shape=(x.size, 1)) if axis is None else move_axis(x, axis, 0)
    n, rest = rows.shape[0], rows.shape[1:]
    if not rows.size:
        if size and fill_value is None:
            raise ArgumentError(f"{name}: there is no element to fill up to size={size} with; pass fill_value=")
        first = counts = zeros((size,), dtypes.int64)
        inverse, found = zeros((n,), dtypes.int64), zeros((size,), dtypes.bool_)
        values = zeros((size, *rest), x.dtype)
    else:
        flat = reshape(rows, shape=(n, rows.size // n))
        order = _order(flat)
        ordered = index(flat, order, spec=(None, (0, flat.shape[1], 1)), unique=True)
        ordered = index(flat, order, spec=(None, (0, flat.shape[1], 1)), unique=True)
        number = cumsum(cast(_begins(ordered, equal_nan), dtypes.int64), axis=0, reverse=False)
        which = constant(np.arange(1, size + 1))
        start, end = searchsorted(number, which, right=False), searchsorted(number, which, right=True)
        counts, found = sub(end, start), less(start, end)
        places = select(found, start, scalar(0, dtypes.int64))  # the least value fills up, unless fill_value does
        first = along_axis(order, places, 0)
        inverse = index_set(zeros((n,), dtypes.int64), sub(number, scalar(1, dtypes.int64)), order, spec=(None,), unique=True)
        values = index(rows, first, spec=(None, *[(0, m, 1) for m in rest]), unique=size <= 1)
    if fill_value is not None:
        values = select(reshape(found, shape=(size, *(1,) * len(rest))), values, as_written(fill_value, x.dtype))
    if axis is None:
        out: Any = reshape(values, shape=(size,)), first, reshape(inverse, shape=x.shape), counts
    else:
        out = move_axis(values, 0, axis), first, inverse, counts
    return UniqueAll(*out)


def _order(rows: Node) -> Node:
    """The positions that sort rows, by their first element, then by the second and so on; of equal ones the first comes first."""
    columns = [pick(rows, 1, i) for i in range(rows.shape[1])]
    return argsort(columns[0], axis=0, descending=False) if len(columns) == 1 else as_node(lexsort(columns[::-1]))


def _begins(rows: Node, equal_nan: bool) -> Node:
    """For each of sorted rows, whether it differs from the one before it."""
    n = rows.shape[0]
    one, other = cut(rows, 0, 0, n - 1), cut(rows, 0, 1, n)
    differ = not_equal(one, other)
    if equal_nan and rows.dtype.kind in "fc":
        differ = logical_and(differ, logical_not(logical_and(isnan(one), isnan(other))))
    return concat(broadcast(scalar(True, dtypes.bool_), shape=(1,)), reduce_any(differ, axes=(1,)), axis=0)


@op
def unique_values(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Tensor:
    """The distinct values of x in ascending order, of shape (count,). Each NaN is distinct from all others.

    Their derivative is that of the first elements that have them. Their number is a value, so under vmap and jit x must be a
    constant (else TracedValueError), or `size` says how many there shall be: what is more is left out, and where there are fewer
    the rest is `fill_value`, or the least of them.

    >>> nb.unique_values([2.0, 1.0, 2.0]).tolist()
    [1.0, 2.0]
    >>> nb.unique_values([2.0, 1.0, 2.0], size=3, fill_value=0.0).tolist()
    [1.0, 2.0, 0.0]
    """
    return _distinct("unique_values", x, size, fill_value).values


@op
def unique_counts(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> UniqueCounts:
    """The distinct values of x, as `unique_values`, and how often each occurs: `values` and `counts`.

    What is filled up to `size` occurs 0 times.

    >>> nb.unique_counts([2.0, 1.0, 2.0]).counts.tolist()
    [1, 2]
    """
    found = _distinct("unique_counts", x, size, fill_value)
    return UniqueCounts(found.values, found.counts)


@op
def unique_inverse(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> UniqueInverse:
    """The distinct values of x, as `unique_values`, and for each element of x which one it is: `values` and `inverse_indices`.

    values[inverse_indices] is x again, NaN included, where `size` leaves out none.

    >>> nb.unique_inverse([2.0, 1.0, 2.0]).inverse_indices.tolist()
    [1, 0, 1]
    """
    found = _distinct("unique_inverse", x, size, fill_value)
    return UniqueInverse(found.values, found.inverse_indices)


@op
def unique_all(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> UniqueAll:
    """The distinct values of x and all about them: `values`, `indices`, `inverse_indices` and `counts`.

    indices: where in the flattened x each value occurs first; the first of the least value where it is filled up to `size`. For
    the others see `unique_inverse` and `unique_counts`.

    >>> nb.unique_all([2.0, 1.0, 2.0]).indices.tolist()
    [1, 0]
    """
    return _distinct("unique_all", x, size, fill_value)


@op
def unique(
    x: ArrayLike,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Any:
    """The distinct elements in ascending order; with an axis, the distinct slices along it.

    return_index: also where each was found first; return_inverse: also which of them each element is; return_counts: also how often
    each was found. equal_nan: NaNs count as one (slices that hold one never do). The result is sorted whether `sorted` asks for it
    or not. size and fill_value, with which it goes under vmap and jit, are as for `unique_values`.

    >>> nb.unique([3.0, 1.0, 3.0, 2.0]).tolist()
    [1.0, 2.0, 3.0]
    >>> values, counts = nb.unique([3, 1, 3], return_counts=True)
    >>> counts.tolist()
    [1, 2]
    """
    found = _distinct("unique", x, size, fill_value, axis, equal_nan and axis is None)
    more = [a for a, wanted in zip(found[1:], (return_index, return_inverse, return_counts)) if wanted]
    return (found.values, *more) if more else found.values


def _flat(x: ArrayLike) -> Node:
    node = as_node(x)
    return reshaped(node, (node.size,))


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[Node, Node]:
    a, b = together([x, y])
    return reshaped(a, (a.size,)), reshaped(b, (b.size,))


@op
def union1d(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The distinct values that are in x or in y, in ascending order.

    >>> nb.union1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    a, b = _pair(x, y)
    whole = concat(a, b, axis=0)
    return gathered(whole, np.unique(_known("union1d", whole), True)[1], 0)


@op
def intersect1d(x: ArrayLike, y: ArrayLike, /, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The distinct values that are in x and in y, in ascending order.

    assume_unique: x and y have no equals among themselves. return_indices: also where each was found first in x and in y.

    >>> nb.intersect1d([1.0, 3.0, 3.0], [2.0, 3.0]).tolist()
    [3.0]
    """
    a, b = _pair(x, y)
    _, first, second = np.intersect1d(_known("intersect1d", a), _known("intersect1d", b), assume_unique, True)
    out = gathered(a, first, 0)
    return (out, constant(first), constant(second)) if return_indices else out


@op
def setdiff1d(x: ArrayLike, y: ArrayLike, /, assume_unique: bool = False) -> Tensor:
    """The distinct values that are in x but not in y, in ascending order; assume_unique: as they stand in x.

    >>> nb.setdiff1d([3.0, 1.0, 2.0], [2.0]).tolist()
    [1.0, 3.0]
    """
    a = _flat(x)
    value = _known("setdiff1d", a)
    first = np.arange(value.size) if assume_unique else np.unique(value, True)[1]
    gone = np.isin(value[first], _known("setdiff1d", _flat(y)), invert=True)
    return gathered(a, first[gone], 0)


@op
def setxor1d(x: ArrayLike, y: ArrayLike, /, assume_unique: bool = False) -> Tensor:
    """The distinct values that are in x or in y, but not in both, in ascending order.

    >>> nb.setxor1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0, 2.0]
    """
    a, b = _pair(x, y)
    whole = concat(a, b, axis=0)
    value = _known("setxor1d", whole)
    parts = (value[: a.shape[0]], value[a.shape[0] :])
    one, other = (np.arange(part.size) if assume_unique else np.unique(part, True)[1] for part in parts)
    found = np.concatenate([one, other + a.shape[0]])
    _, first, counts = np.unique(value[found], return_index=True, return_counts=True)
    return gathered(whole, found[first[counts == 1]], 0)


@op
def isin(x1: ArrayLike, x2: ArrayLike, /, assume_unique: bool = False, *, invert: bool = False) -> Tensor:
    """For each element of x1, whether it is among the elements of x2; with invert, whether it is not. NaN is nowhere.

    assume_unique, a promise that there are no equals in x1 and in x2, is not needed.

    >>> nb.isin([1, 2, 3], [3, 1]).tolist()
    [True, False, True]
    """
    node, among = searching.together(x1, x2)
    n = among.size
    if n == 0:
        found = broadcast(scalar(False, dtypes.bool_), shape=node.shape)
    else:
        row = sort(reshape(among, shape=(n,)), axis=0, descending=False)
        flat = reshape(node, shape=(node.size,))
        places = minimum(searchsorted(row, flat, right=False), scalar(n - 1, dtypes.int64))
        found = reshape(equal(along_axis(row, places, 0), flat), shape=node.shape)
    return logical_not(found) if invert else found
