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
from nabla.primitives.matrix_functions import matrix_function

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


@op
def expm(x: ArrayLike, /) -> Tensor:
    """The exponential of square matrices: the sum of x^k / k!. All its derivatives hold whatever the eigenvalues are.

    >>> nb.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return matrix_function(square("expm", as_node(x)), name="expm")  # type: ignore[return-value]


@op
def logm(x: ArrayLike, /) -> Tensor:
    """The principal logarithm of square matrices: the inverse of `expm`.

    A real matrix with a negative eigenvalue has a complex logarithm: make it complex first. Raises LinAlgError for
    one, and for singular matrices.

    >>> nb.linalg.logm([[1.0, 1.0], [0.0, 1.0]]).round(9).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return matrix_function(square("logm", as_node(x)), name="logm")  # type: ignore[return-value]


@op
def sqrtm(x: ArrayLike, /) -> Tensor:
    """The principal square root r of square matrices: r @ r = x, and no eigenvalue of r has a negative real part.

    A real matrix with a negative eigenvalue has a complex root: make it complex first. Raises LinAlgError for one, for
    a matrix that has no root, and when a singular matrix is differentiated.

    >>> nb.linalg.sqrtm([[4.0, 0.0], [0.0, 9.0]]).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return matrix_function(square("sqrtm", as_node(x)), name="sqrtm")  # type: ignore[return-value]
