"""Numbers of classes as vectors: with a 1 at their place, or from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nabla import dtypes
from nabla.errors import DTypeError, ShapeError
from nabla.ops.axes import integer, one_axis
from nabla.ops.indexing import take
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op
from nabla.primitives.base import constant
from nabla.primitives.formulas import equal
from nabla.primitives.shape import cast, move_axis, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def one_hot(x: ArrayLike, /, num_classes: int, *, axis: int = -1, dtype: DTypeLike | None = None) -> Tensor:
    """Each integer as a vector with 1 at that place and else 0; the vectors go along a new axis of length num_classes.

    A number outside 0, ..., num_classes - 1 becomes a vector of zeros. dtype: the default floating one, if not said. Raises
    DTypeError for numbers that are no integers.

    >>> nb.nn.one_hot([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    x = as_node(x)
    if x.dtype.kind not in "iu":
        raise DTypeError(f"one_hot: classes are integers; got {x.dtype}")
    n = integer("one_hot", "num_classes", num_classes, 0)
    wanted = dtypes.default_dtype() if dtype is None else dtypes.canonical(dtype)
    out = equal(reshape(x, shape=(*x.shape, 1)), constant(np.arange(n)))
    return cast(move_axis(out, x.ndim, one_axis("one_hot", axis, x.ndim + 1)), wanted)


@op
def embedding(x: ArrayLike, table: ArrayLike, /) -> Tensor:
    """For each integer of x that row of `table`, of shape (rows, ...): a tensor of shape (*x.shape, ...).

    The derivative by the table adds up where a row is read. Raises DTypeError for numbers that are no integers, BoundsError for a
    row that there is not, ShapeError for a table without axes.

    >>> nb.nn.embedding([1, 1, 0], [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
    """
    node, rows = as_node(x), as_node(table)
    if node.dtype.kind not in "iu":
        raise DTypeError(f"embedding: the numbers of rows are integers; got {node.dtype}")
    if not rows.ndim:
        raise ShapeError("embedding: the table has a row for each number; got a tensor of shape ()")
    return take(rows, node, axis=0)
