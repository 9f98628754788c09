"""Diagonals and their sums, with the names and arguments of the array API's linear algebra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops import diagonals
from nabla.ops.lift import ArrayLike, DTypeLike

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Tensor:
    """The diagonal of each matrix, or the one `offset` above it (negative: below). Raises ShapeError for a vector.

    >>> nb.linalg.diagonal([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [[1.0, 4.0]]
    """
    return diagonals.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike = None) -> Tensor:
    """The sum of the diagonal of each matrix, or of the one `offset` above it; integers are summed in 64 bits.

    >>> nb.linalg.trace([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [5.0]
    """
    return diagonals.trace(x, offset, -2, -1, dtype)
