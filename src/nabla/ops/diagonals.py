"""Diagonals and triangles of matrices: read, made, kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nabla.errors import AxisError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op
from nabla.ops.reductions import widened
from nabla.ops.shape import permuted, reshaped
from nabla.ops.sharing import shares
from nabla.primitives.base import constant, zeros
from nabla.primitives.formulas import select
from nabla.primitives.indexing import index, index_set
from nabla.primitives.shape import reduce_sum

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _triangle(name: str, x: Node, k: int, lower: bool) -> Node:
    if x.ndim < 2:
        raise ShapeError(f"{name}: x is a matrix or a stack of them; got shape {x.shape}")
    below = np.tri(x.shape[-2], x.shape[-1], k, dtype=np.bool_)
    zero = zeros((), x.dtype)
    return select(constant(below), x, zero) if lower else select(constant(below), zero, x)


@op
def tril(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The last two axes with zeros above the k-th diagonal (0: the main one, negative: below it).

    Raises ShapeError for fewer axes.

    >>> nb.tril([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 0.0], [3.0, 4.0]]
    """
    return _triangle("tril", as_node(x), integer("tril", "k", k), True)


@op
def triu(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The last two axes with zeros below the k-th diagonal (0: the main one, positive: above it).

    Raises ShapeError for fewer axes.

    >>> nb.triu([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 2.0], [0.0, 4.0]]
    """
    return _triangle("triu", as_node(x), integer("triu", "k", k) - 1, False)


def _diagonal(name: str, x: Node, offset: int, axis1: int, axis2: int) -> Node:
    if x.ndim < 2:
        raise ShapeError(f"{name}: x needs two axes at least; got shape {x.shape}")
    offset = integer(name, "offset", offset)
    rows, columns = one_axis(name, axis1, x.ndim), one_axis(name, axis2, x.ndim)
    if rows == columns:
        raise AxisError(f"{name}: two different axes make a plane; got {axis1} and {axis2}")
    kept = tuple([axis for axis in range(x.ndim) if axis not in (rows, columns)])
    n, m = x.shape[rows], x.shape[columns]
    stack = tuple([x.shape[axis] for axis in kept])
    flat = reshaped(permuted(x, (*kept, rows, columns)), (*stack, n * m))
    count = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    start = (offset if offset >= 0 else -offset * m) if count else 0
    return index(flat, spec=(*[(0, length, 1) for length in stack], (start, count, m + 1)))


@shares
def diagonal(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements whose indices along two axes differ by `offset` (the second is larger), along a last axis.

    Raises ShapeError for fewer than two axes, AxisError for axes that x has not or that are equal.

    >>> nb.diagonal([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [1.0, 4.0]
    """
    return _diagonal("diagonal", as_node(x), offset, axis1, axis2)


@op
def diag(x: ArrayLike, /, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix, or the matrix that has a vector there and zeros elsewhere.

    Raises ShapeError for another number of axes.

    >>> nb.diag([1.0, 2.0]).tolist(), nb.diag([[1.0, 2.0], [3.0, 4.0]]).tolist()
    ([[1.0, 0.0], [0.0, 2.0]], [1.0, 4.0])
    """
    node = as_node(x)
    if node.ndim == 2:
        return _diagonal("diag", node, k, 0, 1)
    if node.ndim != 1:
        raise ShapeError(f"diag: x is a vector or a matrix; got shape {node.shape}. diagonal takes stacks of matrices")
    offset = integer("diag", "k", k)
    length = node.shape[0]
    n = length + abs(offset)
    start = offset if offset >= 0 else -offset * n
    flat = index_set(zeros((n * n,), node.dtype), node, spec=((start if length else 0, length, n + 1),))
    return reshaped(flat, (n, n))


@op
def trace(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike = None) -> Tensor:
    """The sum over a diagonal, with the arguments of `diagonal`.

    Integers are summed in 64 bits unless `dtype` is given. Raises ShapeError for fewer than two axes, AxisError for
    axes that x has not or that are equal.

    >>> nb.trace([[1.0, 2.0], [3.0, 4.0]]).item()
    5.0
    """
    line = widened(_diagonal("trace", as_node(x), offset, axis1, axis2), dtype)
    return reduce_sum(line, axes=(line.ndim - 1,))
