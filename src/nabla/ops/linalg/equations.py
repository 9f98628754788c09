"""Matrix equations: Sylvester's and Lyapunov's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, op, together
from nabla.ops.linalg.checks import matrices, square
from nabla.primitives.base import broadcast_shapes
from nabla.primitives.linalg import adjoint, identity, inverse, product
from nabla.primitives.sylvester import sylvester

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _stacked(name: str, *inputs: Node) -> list[Node]:
    """Matrices with the same leading axes."""
    stack = broadcast_shapes(f"{name}, leading axes", [x.shape[:-2] for x in inputs])
    return [broadcast_to(x, (*stack, *x.shape[-2:])) for x in inputs]


@op
def solve_sylvester(a: ArrayLike, b: ArrayLike, q: ArrayLike, /) -> Tensor:
    """The x of a @ x + x @ b = q; leading axes broadcast.

    a has shape (..., m, m), b (..., n, n), q and the result (..., m, n). Raises LinAlgError, which names the matrix, where an
    eigenvalue of a is the negative of one of b.

    >>> nb.linalg.solve_sylvester([[1.0, 0.0], [0.0, 2.0]], [[1.0]], [[4.0], [6.0]]).tolist()
    [[2.0], [2.0]]
    """
    x, y, z = together([as_node(a), as_node(b), as_node(q)])
    x, y, z = square("solve_sylvester", x), square("solve_sylvester", y), matrices("solve_sylvester", z)
    if z.shape[-2:] != (x.shape[-1], y.shape[-1]):
        raise ShapeError(
            f"solve_sylvester: with a of shape {x.shape} and b of shape {y.shape}, q has the shape "
            f"(..., {x.shape[-1]}, {y.shape[-1]}); got {z.shape}"
        )
    return sylvester(*_stacked("solve_sylvester", x, y, z), what="solve_sylvester")


def _lyapunov(name: str, a: ArrayLike, q: ArrayLike) -> list[Node]:
    x, y = together([as_node(a), as_node(q)])
    x, y = square(name, x), square(name, y)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"{name}: a and q are of one size; got shapes {x.shape} and {y.shape}")
    return _stacked(name, x, y)


@op
def solve_continuous_lyapunov(a: ArrayLike, q: ArrayLike, /) -> Tensor:
    """The x of a @ x + x @ a^H = q, of square matrices; leading axes broadcast.

    Raises LinAlgError, which names the matrix, where two eigenvalues of a are w and -conj(w).

    >>> nb.linalg.solve_continuous_lyapunov([[1.0]], [[4.0]]).tolist()
    [[2.0]]
    """
    x, y = _lyapunov("solve_continuous_lyapunov", a, q)
    return sylvester(x, adjoint(x), y, what="solve_continuous_lyapunov")


@op
def solve_discrete_lyapunov(a: ArrayLike, q: ArrayLike, /) -> Tensor:
    """The x of x - a @ x @ a^H = q, of square matrices; leading axes broadcast.

    By the bilinear transform, b = (a - 1) (a + 1)^-1, to a continuous equation. Raises LinAlgError where -1 is an eigenvalue of
    a, or two eigenvalues are w and 1 / conj(w).

    >>> nb.linalg.solve_discrete_lyapunov([[0.5]], [[3.0]]).round(9).tolist()
    [[4.0]]
    """
    x, y = _lyapunov("solve_discrete_lyapunov", a, q)
    one = identity(x)
    over = inverse(x + one, "solve_discrete_lyapunov")
    b = product(over, x - one)
    c = product(product(over, y), adjoint(over))
    return sylvester(b, adjoint(b), -2.0 * c, what="solve_discrete_lyapunov")
