"""Systems whose matrix is constant along its diagonals, in stacks. A matrix of m rows and n columns is told by the values v of
its diagonals, of length m + n - 1, from the upper right corner to the lower left one: a[i, j] = v[n - 1 + i - j].

The solution is linear in the right-hand side, with the solution of the transposed system (v backwards) for a transpose. In v
the matrix is linear too: a dx = db - da x, and the cotangent of v is a correlation of the solution with that of b. Products
and correlations are made by Fourier transforms, so a derivative costs little beside the solution itself.

Notation: x the solution, dx a tangent, g a cotangent.
"""

from __future__ import annotations

from typing import Sequence

from nabla.graph.node import Node
from nabla.primitives.base import same_as_last
from nabla.primitives.fourier import fft, irfft, rfft
from nabla.primitives.joining import cut, fitted
from nabla.primitives.kinds import General
from nabla.primitives.linalg import always, batch_solution, moved_right
from nabla.primitives.shape import flip, reduce_sum, reshape
from nabla.primitives.spectra import column


def _length(n: int) -> int:
    """The shortest length of at least n that a Fourier transform is fast for: with no factor but 2, 3 and 5."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1


def _convolved(x: Node, y: Node, n: int, add_columns: bool = False) -> Node:
    """The circular convolution of period n of columns (..., m, k) with columns (..., m', k), or the sum of those of all."""
    axis = x.ndim - 2
    x, y = fitted(x, axis, n), fitted(y, axis, n)
    if x.dtype.kind == "c":
        product = fft(x, axes=(axis,), inverse=False, norm="backward") * fft(y, axes=(axis,), inverse=False, norm="backward")
    else:
        product = rfft(x, axis=axis, norm="backward") * rfft(y, axis=axis, norm="backward")
    if add_columns:
        product = column(reduce_sum(product, axes=(axis + 1,)))
    if x.dtype.kind == "c":
        return fft(product, axes=(axis,), inverse=True, norm="backward")
    return irfft(product, axis=axis, n=n, norm="backward")


def toeplitz_product(v: Node, x: Node) -> Node:
    """a @ x of columns x (..., n, k): of the convolution of v with a column of x the part where they overlap whole."""
    n, axis = x.shape[-2], x.ndim - 2
    whole = _convolved(column(v), x, _length(v.shape[-1]))
    return cut(whole, axis, n - 1, v.shape[-1])


def _diagonals_of_outer(x: Node, y: Node) -> Node:
    """The sums over the diagonals of x @ y^T, in the order of v."""
    total, axis = x.shape[-2] + y.shape[-2] - 1, x.ndim - 2
    whole = _convolved(x, flip(y, axes=(axis,)), _length(total), add_columns=True)
    return reshape(cut(whole, axis, 0, total), shape=(*x.shape[:-2], total))


def _backwards(v: Node) -> Node:
    """The transposed matrix."""
    return flip(v, axes=(v.ndim - 1,))


def _jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    dv, db = tangents
    if not node.size:
        return None
    change = None if dv is None else toeplitz_product(dv, node)
    return toeplitz_solve(node.inputs[0], moved_right(db, change))


def _vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    if not node.size:
        return None, None
    gb = toeplitz_solve(_backwards(node.inputs[0]), g)
    return -_diagonals_of_outer(gb, node) if wants[0] else None, gb if wants[1] else None


toeplitz_solve = General("toeplitz_solve", same_as_last, jvp=_jvp, vjp=_vjp, batch=batch_solution, eager=always)
"""The x of a x = b from v of shape (..., 2 n - 1) and b of shape (..., n, k)."""
