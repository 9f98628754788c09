"""Matrices that are constant along their diagonals (Toeplitz, circulant) or across them (Hankel), and what is solved with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis
from nabla.ops.contraction import promoted
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, pair, together
from nabla.ops.linalg.checks import floating
from nabla.ops.linalg.solving import check_rows, solved
from nabla.primitives.banded import banded_solve
from nabla.primitives.base import broadcast_shapes, scalar, zeros
from nabla.primitives.formulas import abs_, less_equal, select
from nabla.primitives.fourier import fft
from nabla.primitives.joining import concat, cut, pad_zeros
from nabla.primitives.reductions import reduce_max
from nabla.primitives.shape import cast, conjugate, flip, move_axis, real, reshape
from nabla.primitives.slanted import windows
from nabla.primitives.structure import detach
from nabla.primitives.toeplitz import toeplitz_product, toeplitz_solve

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _vectors(name: str, argument: str, x: Node) -> Node:
    if not x.ndim:
        raise ShapeError(f"{name}: {argument} is one number; expected a vector, or a stack of them, of shape (..., n)")
    return x


def _column_and_row(name: str, c: ArrayLike, r: ArrayLike | None) -> tuple[Node, Node]:
    """First column and first row, with leading axes that are the same."""
    if r is None:
        column = _vectors(name, "c", as_node(c))
        return column, conjugate(column)
    column, row = [_vectors(name, letter, x) for letter, x in zip("cr", together([as_node(c), as_node(r)]))]
    stack = broadcast_shapes(f"{name}, leading axes", (column.shape[:-1], row.shape[:-1]))
    return broadcast_to(column, (*stack, column.shape[-1])), broadcast_to(row, (*stack, row.shape[-1]))


def _first_left_out(x: Node) -> Node:
    return cut(x, x.ndim - 1, min(1, x.shape[-1]), x.shape[-1])


def _diagonals(column: Node, row: Node) -> Node:
    """The values of the diagonals, from the upper right corner to the lower left one."""
    axis = column.ndim - 1
    return concat(flip(_first_left_out(row), axes=(axis,)), column, axis=axis)


def _matrix(v: Node, rows: int, columns: int) -> Node:
    """out[i, j] = v[i + j]."""
    if not rows * columns:
        return zeros((*v.shape[:-1], rows, columns), v.dtype)
    return reshape(windows(reshape(v, shape=(*v.shape, 1)), rows), shape=(*v.shape[:-1], rows, columns))


@op
def toeplitz(c: ArrayLike, r: ArrayLike | None = None) -> Tensor:
    """The matrix with the first column c and the first row r that is constant along each diagonal.

    c has shape (..., m) and r (..., n), the result (..., m, n). r[0] is not read; without r it is conj(c). To solve a system
    with it, `solve_toeplitz` needs no matrix.

    >>> nb.linalg.toeplitz([1, 2, 3], [1, 4, 5]).tolist()
    [[1, 4, 5], [2, 1, 4], [3, 2, 1]]
    """
    column, row = _column_and_row("toeplitz", c, r)
    v = flip(_diagonals(column, row), axes=(column.ndim - 1,))
    out = _matrix(v, column.shape[-1], row.shape[-1])
    return flip(out, axes=(out.ndim - 2,))


@op
def hankel(c: ArrayLike, r: ArrayLike | None = None) -> Tensor:
    """The matrix with the first column c and the last row r that is constant across the diagonals.

    c has shape (..., m) and r (..., n), the result (..., m, n). r[0] is not read; without r it is zeros, as many as c has.

    >>> nb.linalg.hankel([1, 2, 3], [0, 4]).tolist()
    [[1, 2], [2, 3], [3, 4]]
    """
    if r is None:
        column = _vectors("hankel", "c", as_node(c))
        row = zeros(column.shape, column.dtype)
    else:
        column, row = _column_and_row("hankel", c, r)
    v = concat(column, _first_left_out(row), axis=column.ndim - 1)
    return _matrix(v, column.shape[-1], row.shape[-1])


@op
def circulant(c: ArrayLike) -> Tensor:
    """The matrix with the first column c, of shape (..., n), whose every column is the one before it moved down by one place.

    >>> nb.linalg.circulant([1, 2, 3]).tolist()
    [[1, 3, 2], [2, 1, 3], [3, 2, 1]]
    """
    x = _vectors("circulant", "c", as_node(c))
    back = flip(x, axes=(x.ndim - 1,))
    row = concat(back, back, axis=x.ndim - 1)
    return toeplitz(x, cut(row, x.ndim - 1, max(x.shape[-1] - 1, 0), max(2 * x.shape[-1] - 1, 0)))


@op
def convolution_matrix(a: ArrayLike, n: int, mode: str = "full") -> Tensor:
    """The matrix whose product with a vector v of length n is `convolve(a, v, mode)`; a has shape (..., m).

    mode: "full" has m + n - 1 rows, "same" max(m, n) of them from the middle, "valid" the max(m, n) - min(m, n) + 1 where a
    and v overlap whole.

    >>> nb.linalg.convolution_matrix([1, 2], 3).tolist()
    [[1, 0, 0], [2, 1, 0], [0, 2, 1], [0, 0, 2]]
    """
    x = _vectors("convolution_matrix", "a", as_node(a))
    n, m = integer("convolution_matrix", "n", n, 1), x.shape[-1]
    if not m:
        raise ShapeError(f"convolution_matrix: a is empty, of shape {x.shape}")
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"convolution_matrix: mode is 'full', 'same' or 'valid'; got {mode!r}")
    none = [0] * (x.ndim - 1)
    column = pad_zeros(x, [*none, 0], [*none, n - 1])
    row = pad_zeros(cut(x, x.ndim - 1, 0, 1), [*none, 0], [*none, n - 1])
    out: Node = toeplitz(column, row)  # type: ignore[assignment]
    start, rows = {"full": (0, m + n - 1), "same": ((min(m, n) - 1) // 2, max(m, n)), "valid": (min(m, n) - 1, abs(m - n) + 1)}[
        mode
    ]
    return cut(out, out.ndim - 2, start, start + rows)


def _system(name: str, c_or_cr: Any, b: ArrayLike) -> tuple[Node, Node, int]:
    """The values of the diagonals, as one row, the right-hand side, and how many columns the matrix has."""
    c, r = c_or_cr if isinstance(c_or_cr, tuple) and len(c_or_cr) == 2 else (c_or_cr, None)
    column, row = _column_and_row(name, c, r)
    v, y = promoted(*pair(_diagonals(column, row), b))
    v, y = floating(name, v), inexact(y)
    n = row.shape[-1]
    check_rows(name, n, row, y)
    return reshape(v, shape=(*v.shape[:-1], 1, v.shape[-1])), y, column.shape[-1]


def _as_vectors(v: Node) -> Node:
    return reshape(v, shape=(*v.shape[:-2], v.shape[-1]))


@op
def solve_toeplitz(c_or_cr: Any, b: ArrayLike, /) -> Tensor:
    """The x of toeplitz(c, r) @ x = b, in n**2 operations for each column of b, by the recursion of Levinson and Durbin.

    c_or_cr is c, of shape (..., n), or the tuple (c, r). b is one vector of shape (n,) only if it has exactly one axis, else
    columns (..., n, k); leading axes broadcast. The recursion is weakly stable, as SciPy's, and raises LinAlgError where the
    first rows and columns form a singular matrix; if it does, or digits matter, solve(toeplitz(c, r), b) takes n**3.

    >>> nb.linalg.solve_toeplitz(([2.0, 1.0, 0.0], [2.0, 0.0, 0.0]), [2.0, 3.0, 5.0]).tolist()
    [1.0, 1.0, 2.0]
    """
    v, y, rows = _system("solve_toeplitz", c_or_cr, b)
    n = y.shape[max(y.ndim - 2, 0)]
    if rows != n:
        raise ShapeError(f"solve_toeplitz: the matrix is square, c and r are of one length; got lengths {rows} and {n}")
    return solved("solve_toeplitz", lambda v, y: toeplitz_solve(_as_vectors(v), y), v, y)


@op
def matmul_toeplitz(c_or_cr: Any, x: ArrayLike, /) -> Tensor:
    """toeplitz(c, r) @ x without the matrix, by Fourier transforms: exact to the rounding of the largest element.

    c_or_cr is c, of shape (..., m), or the tuple (c, r) with r of shape (..., n). x is one vector of shape (n,) only if it has
    exactly one axis, else columns (..., n, k); leading axes broadcast.

    >>> nb.linalg.matmul_toeplitz(([1.0, 2.0], [1.0, 4.0, 5.0]), [1.0, 0.0, 1.0]).round(9).tolist()
    [6.0, 6.0]
    """
    v, y, rows = _system("matmul_toeplitz", c_or_cr, x)
    columns = reshape(y, shape=(*y.shape, 1)) if y.ndim == 1 else y
    stack = broadcast_shapes("matmul_toeplitz, leading axes", (v.shape[:-2], columns.shape[:-2]))
    if rows * columns.size:
        columns = broadcast_to(columns, (*stack, *columns.shape[-2:]))
        out = toeplitz_product(_as_vectors(broadcast_to(v, (*stack, *v.shape[-2:]))), columns)
    else:
        out = zeros((*stack, rows, columns.shape[-1]), y.dtype)
    return reshape(out, shape=out.shape[:-1]) if y.ndim == 1 else out


@op
def solve_circulant(
    c: ArrayLike,
    b: ArrayLike,
    singular: str = "raise",
    tol: Any = None,
    caxis: int = -1,
    baxis: int = 0,
    outaxis: int = 0,
) -> Tensor:
    """The x of circulant(c) @ x = b, by Fourier transforms.

    c holds vectors along caxis, b along baxis, the result along outaxis; the other axes broadcast. An eigenvalue counts as zero
    up to tol, or without it up to n times the rounding of the largest. Where there is one, LinAlgError is raised; or with
    singular="lstsq" the shortest of the x that come nearest is returned, whose derivative is that among matrices of the same rank.

    >>> nb.linalg.solve_circulant([2.0, 0.0, 1.0], [3.0, 3.0, 3.0]).round(9).tolist()
    [1.0, 1.0, 1.0]
    """
    if singular not in ("raise", "lstsq"):
        raise ArgumentError(f"solve_circulant: singular is 'raise' or 'lstsq'; got {singular!r}")
    x, y = promoted(*pair(c, b))
    x, y = _vectors("solve_circulant", "c", floating("solve_circulant", x)), _vectors("solve_circulant", "b", inexact(y))
    x = move_axis(x, one_axis("solve_circulant", caxis, x.ndim), x.ndim - 1)
    y = move_axis(y, one_axis("solve_circulant", baxis, y.ndim), y.ndim - 1)
    n = x.shape[-1]
    if y.shape[-1] != n:
        raise ShapeError(f"solve_circulant: c has length {n} along caxis, b has {y.shape[-1]} along baxis; expected the same")
    shape = broadcast_shapes("solve_circulant", (x.shape, y.shape))
    if not n:
        out = broadcast_to(y, shape)
        return move_axis(out, out.ndim - 1, one_axis("solve_circulant", outaxis, out.ndim))
    axis = len(shape) - 1
    values, right = _spectrum(x), broadcast_to(_spectrum(y), shape)
    size = abs_(values)
    limit = reduce_max(size, axes=(x.ndim - 1,)) * (n * float(np.finfo(size.dtype).eps)) if tol is None else as_node(tol)
    limit = detach(cast(limit, size.dtype))
    vanishing = less_equal(size, reshape(limit, shape=(*limit.shape, 1)))
    zero = zeros((), values.dtype)
    if singular == "raise":
        band = broadcast_to(select(vanishing, zero, values), shape)
        band, columns = reshape(band, shape=(*shape[:-1], 1, n)), reshape(right, shape=(*shape, 1))
        found = banded_solve(band, columns, lower=0, upper=0, transposed=False, positive=False, what="solve_circulant")
        found = reshape(found, shape=shape)
    else:
        found = select(vanishing, zero, right / select(vanishing, scalar(1, values.dtype), values))
    found = fft(found, axes=(axis,), inverse=True, norm="backward")
    out = found if x.dtype.kind == "c" else real(found)
    return move_axis(out, axis, one_axis("solve_circulant", outaxis, out.ndim))


def _spectrum(x: Node) -> Node:
    return fft(x, axes=(x.ndim - 1,), inverse=False, norm="backward")
