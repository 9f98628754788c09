"""Functions of square matrices that are no functions of their elements: powers, exponential, logarithm, root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.contraction import matrix_product
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.checks import square
from nabla.primitives import linalg as p

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def matrix_power(x: ArrayLike, n: int, /) -> Tensor:
    """The product of n factors x, for square matrices; a negative n multiplies inverses, 0 gives the unit matrix.

    Integers stay integers unless n is negative. Raises LinAlgError where n is negative and a matrix is singular.

    >>> nb.linalg.matrix_power([[1, 1], [0, 1]], 5).tolist()
    [[1, 5], [0, 1]]
    """
    x = as_node(x)
    n = integer("matrix_power", "n", n)
    if n < 0:
        return _power(p.inverse(square("matrix_power", x), "matrix_power"), -n)  # type: ignore[return-value]
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices, of shape (..., n, n); got shape {x.shape}")
    return _power(x, n) if n else p.identity(x)  # type: ignore[return-value]


def _power(x: Node, n: int) -> Node:
    """x multiplied n > 0 times, by squaring."""
    out: Node | None = None
    while True:
        if n % 2:
            out = x if out is None else matrix_product(out, x)
        n //= 2
        if not n:
            assert out is not None
            return out
        x = matrix_product(x, x)
