"""Systems whose matrix is zero beyond a few diagonals. What they cost, forwards and backwards, is what the diagonals have.

A band ab of shape (..., l + u + 1, n) holds the matrix by diagonals: ab[u + i - j, j] = a[i, j]. Its corners that lie outside
the matrix are not read, and get a derivative of zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.contraction import promoted
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, pair, together
from nabla.ops.linalg.checks import floating
from nabla.ops.linalg.solving import check_rows, solved
from nabla.primitives.banded import banded_solve
from nabla.primitives.base import broadcast_shapes
from nabla.primitives.joining import concat, cut, pad_zeros, side_by_side
from nabla.primitives.shape import cast, conjugate, flip, real, reshape
from nabla.primitives.slanted import slanted

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def solve_banded(l_and_u: Any, ab: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The x of a @ x = b, for a matrix with l diagonals below the main one and u above it, (l, u) = l_and_u.

    ab of shape (..., l + u + 1, n) has the diagonals, ab[u + i - j, j] = a[i, j]; its corners outside the matrix are not read.
    b is one vector of shape (n,) only if it has exactly one axis, else columns (..., n, k); leading axes broadcast. Raises
    LinAlgError, which names the matrix, where it is singular.

    >>> nb.linalg.solve_banded((1, 0), [[2.0, 2.0, 2.0], [1.0, 1.0, 0.0]], [2.0, 3.0, 5.0]).tolist()
    [1.0, 1.0, 2.0]
    """
    lower, upper = _diagonals(l_and_u)
    x, y = _band("solve_banded", ab, b)
    if x.shape[-2] != lower + upper + 1:
        raise ShapeError(
            f"solve_banded: {lower} diagonals below and {upper} above make {lower + upper + 1} rows of ab, of shape "
            f"(..., {lower + upper + 1}, n); got shape {x.shape}"
        )
    return _solved("solve_banded", x, y, lower, upper)


def _diagonals(l_and_u: Any) -> tuple[int, int]:
    try:
        lower, upper = l_and_u
    except (TypeError, ValueError):
        raise ArgumentError(f"solve_banded: (l, u) are the numbers of diagonals below and above; got {l_and_u!r}") from None
    return integer("solve_banded", "l", lower, 0), integer("solve_banded", "u", upper, 0)


def _band(name: str, ab: ArrayLike, b: ArrayLike) -> tuple[Node, Node]:
    """Both sides, checked, in one floating dtype."""
    x, y = promoted(*pair(ab, b))
    x, y = floating(name, x), inexact(y)
    if x.ndim < 2 or not x.shape[-2]:
        raise ShapeError(f"{name}: ab has the diagonals as rows, of shape (..., diagonals, n); got shape {x.shape}")
    check_rows(name, x.shape[-1], x, y)
    return x, y


def _solved(name: str, ab: Node, b: Node, lower: int, upper: int, positive: bool = False) -> Node:
    def solution(band: Node, columns: Node) -> Node:
        return banded_solve(band, columns, lower=lower, upper=upper, transposed=False, positive=positive, what=name)

    return solved(name, solution, ab, b)


@op
def solveh_banded(ab: ArrayLike, b: ArrayLike, /, *, lower: bool = False) -> Tensor:
    """The x of a @ x = b, for a Hermitian positive definite matrix of which one half is given by diagonals.

    ab of shape (..., u + 1, n) has ab[u + i - j, j] = a[i, j] for the upper half, the main diagonal last; with `lower` it has
    ab[i - j, j] = a[i, j] for the lower one, the main diagonal first. Each element stands for its mirror image too, and of the
    main diagonal the real part is read. b as in `solve_banded`. Raises LinAlgError, which names the matrix, where it is not
    positive definite.

    >>> nb.linalg.solveh_banded([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [3.0, 4.0, 3.0]).round(9).tolist()
    [1.0, 1.0, 1.0]
    """
    x, y = _band("solveh_banded", ab, b)
    return _solved("solveh_banded", _both_halves(x, lower), y, x.shape[-2] - 1, x.shape[-2] - 1, True)


def _both_halves(x: Node, lower: bool) -> Node:
    """The band of the Hermitian matrix of which one half is given."""
    rows = x.ndim - 2
    u, n = x.shape[-2] - 1, x.shape[-1]
    if not lower:
        x = flip(x, axes=(rows,))
    diagonal, rest = cut(x, rows, 0, 1), cut(x, rows, 1, u + 1)
    if x.dtype.kind == "c":
        diagonal = cast(real(diagonal), x.dtype)
    # Row d of `rest`, from 0, is a diagonal d + 1 from the main one; its mirror image begins as many places later or sooner.
    none = [0] * rows
    if lower:
        moved = slanted(reshape(pad_zeros(rest, [*none, 0, 1], [*none, 0, 0]), shape=(*rest.shape[:-1], n + 1, 1)), left=False)
        above, below = cut(reshape(moved, shape=moved.shape[:-1]), rows + 1, 0, n), rest
        above = conjugate(above)
    else:
        moved = cut(pad_zeros(rest, [*none, 0, 0], [*none, 0, u]), rows + 1, 1, n + u)
        moved = slanted(reshape(moved, shape=(*moved.shape, 1)), left=True)
        above, below = rest, conjugate(reshape(moved, shape=moved.shape[:-1]))
    return concat(flip(above, axes=(rows,)), diagonal, below, axis=rows)


@op
def solve_tridiagonal(dl: ArrayLike, d: ArrayLike, du: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The x of a @ x = b, for a matrix with the main diagonal d, the one below it dl and the one above it du.

    d has shape (..., n), dl and du (..., n - 1); leading axes broadcast. b is one vector of shape (n,) only if it has exactly
    one axis, else columns (..., n, k). Raises LinAlgError, which names the matrix, where it is singular.

    >>> nb.linalg.solve_tridiagonal([1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 0.0], [2.0, 3.0, 5.0]).tolist()
    [1.0, 1.0, 2.0]
    """
    below, main, above, right = [inexact(x) for x in together([as_node(x) for x in (dl, d, du, b)])]
    main = floating("solve_tridiagonal", main)
    n = main.shape[-1] if main.ndim else 0
    beside = max(n - 1, 0)
    for name, x in (("dl", below), ("du", above)):
        if not main.ndim or not x.ndim or x.shape[-1] != beside:
            unused = "1:" if name == "dl" else ":-1"
            hint = f". Leave the unused element out: {name}[..., {unused}]" if x.ndim and x.shape[-1] == n else ""
            raise ShapeError(
                f"solve_tridiagonal: beside d of shape (..., n), {name} has the shape (..., n - 1); got {main.shape} and "
                f"{x.shape}{hint}"
            )
    stack = broadcast_shapes("solve_tridiagonal, leading axes", [x.shape[:-1] for x in (below, main, above)])
    none, free = [0] * len(stack), n - beside
    rows = [
        pad_zeros(broadcast_to(above, (*stack, beside)), [*none, free], [*none, 0]),
        broadcast_to(main, (*stack, n)),
        pad_zeros(broadcast_to(below, (*stack, beside)), [*none, 0], [*none, free]),
    ]
    ab = side_by_side(rows, len(stack))
    check_rows("solve_tridiagonal", n, ab, right)
    return _solved("solve_tridiagonal", ab, right, 1, 1)
