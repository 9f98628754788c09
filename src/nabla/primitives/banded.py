"""Systems whose matrix is zero beyond a few diagonals, in stacks. A band (..., l + u + 1, n) holds the matrix by diagonals, as
LAPACK has it: band[u + i - j, j] = a[i, j], with l diagonals below the main one and u above it.

Forward and reverse cost what the band has, times the columns of b: no rule makes the matrix. Its elements lie along the
columns of the band, each column one place lower than that before it; `slanted` brings rows of the matrix into line.

Notation: x the solution, dx a tangent, g a cotangent.
"""

from __future__ import annotations

from typing import Sequence

from nabla.graph.node import Node
from nabla.primitives.base import same_as_last
from nabla.primitives.joining import cut, pad_zeros
from nabla.primitives.kinds import General
from nabla.primitives.linalg import always, batch_solution, moved_right
from nabla.primitives.shape import reduce_sum, reshape
from nabla.primitives.slanted import slanted, windows


def _windows(x: Node, lower: int, upper: int) -> Node:
    """out[r, j] = x[j + r - upper] of columns x (..., n, k), and zero where there is no such element."""
    none = [0] * (x.ndim - 2)
    return windows(pad_zeros(x, [*none, upper, 0], [*none, lower, 0]), lower + upper + 1)


def banded_product(band: Node, x: Node, lower: int, upper: int, transposed: bool) -> Node:
    """a @ x, or a^T @ x, of columns x."""
    rows, n = band.ndim - 2, x.shape[-2]
    weights = reshape(band, shape=(*band.shape, 1))
    if transposed:
        return reduce_sum(weights * _windows(x, lower, upper), axes=(rows,))
    terms = weights * reshape(x, shape=(*x.shape[:-2], 1, *x.shape[-2:]))
    return cut(reduce_sum(slanted(terms, left=False), axes=(rows,)), rows, upper, upper + n)


def _band_of_outer(x: Node, y: Node, lower: int, upper: int) -> Node:
    """The band of x @ y^T."""
    terms = _windows(x, lower, upper) * reshape(y, shape=(*y.shape[:-2], 1, *y.shape[-2:]))
    return reduce_sum(terms, axes=(terms.ndim - 1,))


def _jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    dband, db = tangents
    p = node.params
    change = None if dband is None else banded_product(dband, node, p["lower"], p["upper"], p["transposed"])
    return banded_solve(node.inputs[0], moved_right(db, change), **p)


def _vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    """gb = a^-T g, and that of the band is the band of -gb x^T."""
    p = node.params
    transposed = p["transposed"]
    gb = banded_solve(node.inputs[0], g, **{**p, "transposed": not transposed})
    gband = None
    if wants[0]:
        left, right = (node, gb) if transposed else (gb, node)
        gband = -_band_of_outer(left, right, p["lower"], p["upper"])
    return gband, gb if wants[1] else None


banded_solve = General("banded_solve", same_as_last, jvp=_jvp, vjp=_vjp, batch=batch_solution, eager=always, masks=True)
"""The x of a x = b, or of a^T x = b, from a band and b of shape (..., n, k), with the numbers `lower` and `upper` of
diagonals. `positive`: a is Hermitian and must be positive definite; both halves of the band are given. `what` is named
where there is no solution."""
