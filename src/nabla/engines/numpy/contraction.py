"""NumPy kernels: dot_general, through BLAS where there is a BLAS routine for it.

What to do depends only on the numbers of axes and on the parameters, so it is planned once and remembered. Transposed
views go to BLAS as they are; where axes must be merged, `reshape` copies only if it has to.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.primitives.base import Primitive
from nabla.primitives.contraction import Pair, dot_general, free_axes


def _dot_general(x: Any, y: Any, contract: Pair, batch: Pair) -> Any:
    if x.dtype.char == "e":  # float16 accumulates in float32
        x, y = x.astype(np.float32), y.astype(np.float32)
        return _plan(x.ndim, y.ndim, contract, batch)(x, y).astype(np.float16)
    return _plan(x.ndim, y.ndim, contract, batch)(x, y)


@lru_cache(maxsize=4096)
def _plan(x_ndim: int, y_ndim: int, contract: Pair, batch: Pair) -> Kernel:
    """A function of the two arrays."""
    (xc, yc), (xb, _) = contract, batch
    if not xc and not xb:
        return np.multiply.outer
    if not xc:
        return _products(x_ndim, y_ndim, batch)
    if not xb and len(xc) == 1:
        plan = _PLAIN.get((x_ndim, y_ndim, xc[0], yc[0]))
        if plan is not None:
            return plan
        if x_ndim == 2 and yc[0] == y_ndim - 2:
            return _matrix_by_stack(xc[0], y_ndim)
    return _general(x_ndim, y_ndim, contract, batch)


_PLAIN: dict[tuple[int, int, int, int], Kernel] = {
    (1, 1, 0, 0): np.dot,
    (1, 2, 0, 0): np.dot,
    (1, 2, 0, 1): lambda x, y: np.dot(y, x),
    (2, 1, 1, 0): np.dot,
    (2, 1, 0, 0): lambda x, y: np.dot(y, x),
    (2, 2, 1, 0): np.dot,
    (2, 2, 0, 0): lambda x, y: np.dot(x.T, y),
    (2, 2, 1, 1): lambda x, y: np.dot(x, y.T),
    (2, 2, 0, 1): lambda x, y: np.dot(x.T, y.T),
}
"""Vectors and matrices: (axes of x, axes of y, the contracted axis of x, that of y)."""


def _products(x_ndim: int, y_ndim: int, batch: Pair) -> Kernel:
    """Nothing is summed: broadcast and multiply."""
    free_x, free_y = free_axes(x_ndim, (), batch[0]), free_axes(y_ndim, (), batch[1])
    x_perm, y_perm = (*batch[0], *free_x), (*batch[1], *free_y)
    along = len(batch[0])
    after_x = (...,) + (None,) * len(free_y)
    before_y = (slice(None),) * along + (None,) * len(free_x)

    def run(x: Any, y: Any) -> Any:
        return np.multiply(x.transpose(x_perm)[after_x], y.transpose(y_perm)[before_y])

    return run


def _matrix_by_stack(axis: int, y_ndim: int) -> Kernel:
    """A matrix times each matrix of a stack, which is not copied; the rows of the result come first."""
    perm = (y_ndim - 2, *range(y_ndim - 2), y_ndim - 1)

    def run(x: Any, y: Any) -> Any:
        return np.matmul(x if axis == 1 else x.T, for_blas(y)).transpose(perm)

    return run


def _general(x_ndim: int, y_ndim: int, contract: Pair, batch: Pair) -> Kernel:
    """x as (shared, free, summed) and y as (shared, summed, free), the free and the summed axes merged: multiply."""
    (xc, yc), (xb, yb) = _in_order(contract), batch
    free_x, free_y = free_axes(x_ndim, xc, xb), free_axes(y_ndim, yc, yb)
    x_perm, y_perm = (*xb, *free_x, *xc), (*yb, *yc, *free_y)
    along = len(xb)
    x_end, y_end = along + len(free_x), along + len(yc)

    def run(x: Any, y: Any) -> Any:
        x, y = x.transpose(x_perm), y.transpose(y_perm)
        xs, ys = x.shape, y.shape
        rows, columns, summed = xs[along:x_end], ys[y_end:], prod(xs[x_end:])
        x = x.reshape((*xs[:along], prod(rows), summed))
        y = y.reshape((*ys[:along], summed, prod(columns)))
        out = np.matmul(for_blas(x), for_blas(y)) if along else np.dot(x, y)
        return out.reshape((*xs[:along], *rows, *columns))

    return run


def _in_order(contract: Pair) -> Pair:
    """The summed axes in ascending order of x (or of y, if they are so already): merging them is more often no copy."""
    xc, yc = contract
    if tuple(sorted(yc)) == yc:
        return contract
    pairs = sorted(zip(xc, yc))
    return tuple([a for a, _ in pairs]), tuple([b for _, b in pairs])


def for_blas(x: Any) -> Any:
    """A stack of matrices that BLAS can take as they are: some older np.matmul multiply others element by element."""
    size = x.itemsize
    strides = x.strides
    return x if strides[-1] == size or strides[-2] == size else np.ascontiguousarray(x)


KERNELS: dict[Primitive, Kernel] = {dot_general: _dot_general}
