"""Sets of values: the distinct ones, and who is among them.

How many distinct values there are is a value itself, so under vmap and jit what is asked about must be a constant. The
derivative of distinct values is that of the elements they were found at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nabla import dtypes
from nabla.errors import TracedValueError, user_line
from nabla.graph.node import runtime
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.searching import together
from nabla.primitives.base import constant, scalar
from nabla.primitives.formulas import equal, logical_not, minimum
from nabla.primitives.indexing import along_axis, index
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import broadcast, reshape
from nabla.primitives.sorting import sort

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


def _distinct(name: str, x: ArrayLike) -> UniqueAll:
    """All there is to say about the distinct values of x, as nodes."""
    node = as_node(x)
    if node.tokens.placeholder:
        raise TracedValueError(
            f"{name} at {user_line()} needs values, to know how many distinct ones there are, and inside vmap there are none. Call "
            f"it outside, or sort instead (nb.sort) and compare neighbours"
        )
    runtime.realize((node,))
    _, first, inverse, counts = np.unique(
        np.asarray(node.value), return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    flat = reshape(node, shape=(node.size,))
    found: Any = (
        index(flat, constant(first), spec=(None,), unique=True),
        constant(first),
        constant(inverse.reshape(node.shape)),
        constant(counts),
    )
    return UniqueAll(*found)


@op
def unique_values(x: ArrayLike, /) -> Tensor:
    """The distinct values of x in ascending order, of shape (count,). Each NaN is distinct from all others.

    Their derivative is that of the first elements that have them. Their number is a value, so under vmap and jit x must be a
    constant; else TracedValueError.

    >>> nb.unique_values([2.0, 1.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    return _distinct("unique_values", x).values


@op
def unique_counts(x: ArrayLike, /) -> UniqueCounts:
    """The distinct values of x, as `unique_values`, and how often each occurs: `values` and `counts`.

    >>> nb.unique_counts([2.0, 1.0, 2.0]).counts.tolist()
    [1, 2]
    """
    found = _distinct("unique_counts", x)
    return UniqueCounts(found.values, found.counts)


@op
def unique_inverse(x: ArrayLike, /) -> UniqueInverse:
    """The distinct values of x, as `unique_values`, and for each element of x which one it is: `values` and `inverse_indices`.

    values[inverse_indices] is x again, NaN included.

    >>> nb.unique_inverse([2.0, 1.0, 2.0]).inverse_indices.tolist()
    [1, 0, 1]
    """
    found = _distinct("unique_inverse", x)
    return UniqueInverse(found.values, found.inverse_indices)


@op
def unique_all(x: ArrayLike, /) -> UniqueAll:
    """The distinct values of x and all about them: `values`, `indices`, `inverse_indices` and `counts`.

    indices: where in the flattened x each value occurs first. For the others see `unique_inverse` and `unique_counts`.

    >>> nb.unique_all([2.0, 1.0, 2.0]).indices.tolist()
    [1, 0]
    """
    return _distinct("unique_all", x)


@op
def isin(x1: ArrayLike, x2: ArrayLike, /, *, invert: bool = False) -> Tensor:
    """For each element of x1, whether it is among the elements of x2; with invert, whether it is not. NaN is nowhere.

    >>> nb.isin([1, 2, 3], [3, 1]).tolist()
    [True, False, True]
    """
    node, among = together(x1, x2)
    n = among.size
    if n == 0:
        found = broadcast(scalar(False, dtypes.bool_), shape=node.shape)
    else:
        row = sort(reshape(among, shape=(n,)), axis=0, descending=False)
        flat = reshape(node, shape=(node.size,))
        places = minimum(searchsorted(row, flat, right=False), scalar(n - 1, dtypes.int64))
        found = reshape(equal(along_axis(row, places, 0), flat), shape=node.shape)
    return logical_not(found) if invert else found  # type: ignore[return-value]
