"""Systems of equations with square matrices, and inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.contraction import promoted
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, pair
from nabla.ops.linalg.checks import square
from nabla.primitives import linalg as p
from nabla.primitives.base import broadcast_shapes
from nabla.primitives.shape import conjugate, reshape, transpose

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def solve(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The x of a @ x = b, for a square a; the leading axes of a and b broadcast.

    b is one vector of shape (n,) only if it has exactly one axis, else it holds the columns to solve for, of shape
    (..., n, k). Raises LinAlgError, which names the matrix, where a is singular, and ShapeError where the sizes differ.

    >>> nb.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0]).tolist()
    [0.5, 0.25]
    """

    def solution(a: Node, b: Node) -> Node:
        return p.lu_solve(a, *p.factors(a), b, transposed=False, what="solve")

    return solved("solve", solution, *system("solve", a, b))


@op
def solve_triangular(a: ArrayLike, b: ArrayLike, /, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Tensor:
    """The x of t @ x = b, where t is the upper (with `lower`, the lower) triangle of a; leading axes broadcast.

    trans: 0 or "N" for t itself, 1 or "T" for its transpose, 2 or "C" for the conjugate of that. With unit_diagonal the
    diagonal of a is taken as ones. The other triangle of a is not read, and gets a derivative of zero. b as in `solve`.
    Raises LinAlgError, which names the matrix, where there is a zero on the diagonal.

    >>> nb.linalg.solve_triangular([[2.0, 2.0], [7.0, 4.0]], [4.0, 4.0]).tolist()
    [1.0, 1.0]
    """
    a, b = system("solve_triangular", a, b)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ArgumentError(f"solve_triangular: trans is 0, 1, 2, 'N', 'T' or 'C'; got {trans!r}")
    if trans in (2, "C"):
        a = conjugate(a)
    transposed = trans not in (0, "N")

    def solution(a: Node, b: Node) -> Node:
        return p.triangular_solve(a, b, lower=bool(lower), transposed=transposed, unit=bool(unit_diagonal))

    return solved("solve_triangular", solution, a, b)


def system(name: str, a: ArrayLike, b: ArrayLike) -> tuple[Node, Node]:
    """Both sides, checked, in one floating dtype."""
    x, y = promoted(*pair(a, b))
    x, y = square(name, x), inexact(y)
    check_rows(name, x.shape[-1], x, y)
    return x, y


def check_rows(name: str, n: int, a: Node, b: Node) -> None:
    """That b has n rows, as many as the matrix has that a stands for."""
    if not b.shape:
        raise ShapeError(f"{name}: b is one number; expected a vector of shape ({n},) or columns, (..., {n}, k)")
    rows = b.shape[max(b.ndim - 2, 0)]
    if rows != n:
        hint = " A stack of vectors needs an axis of length 1 behind: b[..., None]." if b.shape[-1] == n else ""
        raise ShapeError(f"{name}: a has {n} rows, but b has {rows} (a.shape={a.shape}, b.shape={b.shape}).{hint}")


def solved(name: str, solution: Callable[[Node, Node], Node], a: Node, b: Node) -> Node:
    """The solution, the leading axes of a and b brought together; one matrix for many b is factored once."""
    if b.ndim == 1:
        columns = solved(name, solution, a, reshape(b, shape=(*b.shape, 1)))
        return reshape(columns, shape=columns.shape[:-1])
    stack = a.shape[:-2]
    if stack == b.shape[:-2]:
        return solution(a, b)
    if not stack:
        last = b.ndim - 1
        columns = transpose(b, perm=(last - 1, *range(last - 1), last))
        merged = reshape(columns, shape=(columns.shape[0], columns.size // max(columns.shape[0], 1)))
        found = reshape(solution(a, merged), shape=columns.shape)
        return transpose(found, perm=(*range(1, last), 0, last))
    stack = broadcast_shapes(f"{name}, leading axes", (stack, b.shape[:-2]))
    return solution(broadcast_to(a, (*stack, *a.shape[-2:])), broadcast_to(b, (*stack, *b.shape[-2:])))


@op
def inv(a: ArrayLike, /) -> Tensor:
    """The inverse of each square matrix. To solve a system, `solve` is faster and more accurate.

    Raises LinAlgError, which names the matrix, where one is singular.

    >>> nb.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return p.inverse(square("inv", as_node(a)), "inv")
