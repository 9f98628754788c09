"""Matrices put together from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, together
from nabla.primitives.base import broadcast_shapes, constant, zeros
from nabla.primitives.joining import concat, cut, pad_zeros
from nabla.primitives.shape import reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def block_diag(*arrays: ArrayLike) -> Tensor:
    """The matrix with the given ones along its diagonal and zeros beside them; leading axes broadcast.

    A vector counts as a matrix of one row, a number as one of one element.

    >>> nb.linalg.block_diag([[1, 2]], 3).tolist()
    [[1, 2, 0], [0, 0, 3]]
    """
    if not arrays:
        return zeros((1, 0), as_node(0.0).dtype)
    blocks = [reshape(x, shape=(1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x for x in together(arrays)]
    stack = broadcast_shapes("block_diag, leading axes", [x.shape[:-2] for x in blocks])
    none, before, width = [0] * len(stack), 0, sum([x.shape[-1] for x in blocks])
    rows = []
    for x in blocks:
        n = x.shape[-1]
        rows.append(pad_zeros(broadcast_to(x, (*stack, *x.shape[-2:])), [*none, 0, before], [*none, 0, width - before - n]))
        before += n
    return concat(*rows, axis=len(stack))


@op
def khatri_rao(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The Kronecker product of each column of a with the same column of b: (..., n, k) and (..., m, k) give (..., n m, k).

    >>> nb.linalg.khatri_rao([[1, 2], [3, 4]], [[1, 10]]).tolist()
    [[1, 20], [3, 40]]
    """
    x, y = together([as_node(a), as_node(b)])
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"khatri_rao: expected matrices with as many columns, (..., n, k) and (..., m, k); got {x.shape} and {y.shape}"
        )
    out: Node = reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1])) * reshape(y, shape=(*y.shape[:-2], 1, *y.shape[-2:]))
    return reshape(out, shape=(*out.shape[:-3], x.shape[-2] * y.shape[-2], x.shape[-1]))


@op
def companion(a: ArrayLike, /) -> Tensor:
    """The matrix whose eigenvalues are the roots of the polynomial with the coefficients a, the highest first; a is (..., n).

    Its first row is -a[1:] / a[0], and there are ones below the diagonal. Raises ShapeError for fewer than two coefficients.

    >>> nb.linalg.companion([1.0, -3.0, 2.0]).tolist()
    [[3.0, -2.0], [1.0, 0.0]]
    """
    node = inexact(as_node(a))
    last = node.ndim - 1
    if last < 0 or node.shape[-1] < 2:
        raise ShapeError(f"companion: expected two coefficients at least, of shape (..., n); got shape {node.shape}")
    n = node.shape[-1]
    row = reshape(-cut(node, last, 1, n) / cut(node, last, 0, 1), shape=(*node.shape[:-1], 1, n - 1))
    below = broadcast_to(constant(np.eye(n - 2, n - 1, dtype=node.dtype), node.dtype), (*node.shape[:-1], n - 2, n - 1))
    return concat(row, below, axis=last)
