"""XLA kernels: linear algebra on stacks of square matrices.

What raises an error in the NumPy engine (a singular matrix, one that is not positive definite) is NaN here, for that matrix
of the stack alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.xla import host
from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.primitives import linalg as p
from nabla.primitives.base import Primitive


def matmul(x: Any, y: Any) -> Any:
    """x @ y in full precision: accelerators would round the factors of single precision."""
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)


def swapped(x: Any) -> Any:
    """The transpose of each matrix."""
    return jnp.swapaxes(x, -1, -2)


def row_order(pivots: Any, rows: int) -> Any:
    """Which of `rows` rows comes where, from the exchanges of LU."""
    return lax.linalg.lu_pivots_to_permutation(pivots, rows)


def _diagonal(x: Any) -> Any:
    return jnp.diagonal(x, axis1=-2, axis2=-1)


def _unless_singular(triangle: Any, x: Any) -> Any:
    regular = (_diagonal(triangle) != 0).all(axis=-1)
    return jnp.where(regular[..., None, None], x, jnp.asarray(jnp.nan, x.dtype))


def _substituted(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=lower, transpose_a=transposed, unit_diagonal=unit)


# LU, triangular systems, Cholesky


def factors_of(a: Any) -> Any:
    packed, pivots, _ = lax.linalg.lu(a)
    return packed, pivots


def solved(packed: Any, pivots: Any, b: Any, transposed: bool) -> Any:
    """Without a look at whether the matrix is singular."""
    order = row_order(pivots, pivots.shape[-1])
    if not transposed:
        rows = jnp.take_along_axis(b, order[..., None], axis=-2)
        return _substituted(packed, _substituted(packed, rows, True, False, True), False, False, False)
    x = _substituted(packed, _substituted(packed, b, False, True, False), True, True, True)
    return jnp.take_along_axis(x, jnp.argsort(order, axis=-1)[..., None], axis=-2)


def _lu_solve(a: Any, packed: Any, pivots: Any, b: Any, transposed: bool, what: str) -> Any:
    return _unless_singular(packed, solved(packed, pivots, b, transposed))


def _triangular_solve(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    x = _substituted(a, b, lower, transposed, unit)
    return x if unit else _unless_singular(a, x)


def _cholesky(a: Any) -> Any:
    return lax.linalg.cholesky(a, symmetrize_input=False)


# Determinants


def _parity(pivots: Any, dtype: Any) -> Any:
    exchanges = (pivots != jnp.arange(pivots.shape[-1], dtype=pivots.dtype)).sum(axis=-1)
    return (1 - 2 * (exchanges % 2)).astype(dtype)


def _slogdet(a: Any, packed: Any, pivots: Any) -> Any:
    on_diagonal = _diagonal(packed)
    signs = jnp.sign(on_diagonal)
    if a.dtype.kind == "f":
        signs = jnp.where(jnp.isnan(on_diagonal), 1, signs).astype(a.dtype)  # as NumPy has it
    sign = signs.prod(axis=-1) * _parity(pivots, a.dtype)
    return sign, jnp.log(jnp.abs(on_diagonal)).sum(axis=-1)


def _det(a: Any) -> Any:
    packed, pivots = factors_of(a)
    return _diagonal(packed).prod(axis=-1) * _parity(pivots, a.dtype)


def _reveal(a: Any) -> Any:
    known = jnp.isfinite(a).all(axis=(-2, -1), keepdims=True)
    u, s, vh = jnp.linalg.svd(jnp.where(known, a, jnp.eye(a.shape[-1], dtype=a.dtype)))
    phase = _det(u) * _det(vh)
    left, right = jnp.conj(swapped(u)), jnp.conj(swapped(vh))
    return jnp.where(known, left, jnp.asarray(jnp.nan, a.dtype)), s, right, phase / jnp.abs(phase).astype(a.dtype)


def _cofactor(a: Any, *directions: Any) -> Any:
    """As the NumPy engine does it; singular values are computed only if some matrix of the stack needs them."""
    if not a.size:
        return a
    if len(directions) == 1:
        return _cofactor_slope(a, *directions)
    if directions:
        return host.call(p.cofactor, a.shape, np.dtype(a.dtype), a, *directions)
    if a.shape[-1] == 3:
        i, j = np.array([1, 2, 0]), np.array([2, 0, 1])
        x, y = a[..., i, :], a[..., j, :]
        return x[..., i] * y[..., j] - x[..., j] * y[..., i]
    packed, pivots = factors_of(a)
    inverse = solved(packed, pivots, jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape), False)
    size = jnp.abs(a).sum(axis=-2).max(axis=-1) * jnp.abs(inverse).sum(axis=-2).max(axis=-1)  # the condition number
    good = size < float(np.finfo(a.dtype).eps) ** -0.4
    determinant = _diagonal(packed).prod(axis=-1) * _parity(pivots, a.dtype)
    usual = determinant[..., None, None] * swapped(inverse)

    def by_singular_values() -> Any:
        left, s, right, phase = _reveal(a)
        one = jnp.ones_like(s[..., :1])
        before = jnp.concatenate([one, jnp.cumprod(s[..., :-1], axis=-1)], axis=-1)
        after = jnp.concatenate([jnp.cumprod(s[..., :0:-1], axis=-1)[..., ::-1], one], axis=-1)
        scale = phase[..., None, None] * (before * after).astype(a.dtype)[..., None, :]
        return jnp.where(good[..., None, None], usual, matmul(scale * swapped(left), swapped(right)))

    return lax.cond(good.all(), lambda: usual, by_singular_values)


def _cofactor_slope(a: Any, x: Any) -> Any:
    """The derivative along x, as the NumPy engine computes it from the products of all singular values but two."""
    left, s, right, phase = _reveal(a)
    y = matmul(matmul(left, x), right)
    n = s.shape[-1]
    one = jnp.ones_like(s[..., :1])
    before = jnp.concatenate([one, jnp.cumprod(s[..., :-1], axis=-1)], axis=-1)
    after = jnp.concatenate([jnp.cumprod(s[..., :0:-1], axis=-1)[..., ::-1], one], axis=-1)
    beyond = jnp.where(np.triu(np.ones((n, n), bool), 1), s[..., None, :], 1)
    between = jnp.concatenate([jnp.ones_like(beyond[..., :1]), jnp.cumprod(beyond[..., :-1], axis=-1)], axis=-1)
    upper = jnp.triu(before[..., :, None] * between * after[..., None, :], 1)
    products = (upper + swapped(upper)).astype(a.dtype)
    inner = matmul(products, _diagonal(y)[..., None]) * jnp.eye(n, dtype=a.dtype) - products * swapped(y)
    return matmul(matmul(phase[..., None, None] * swapped(left), inner), swapped(right))


KERNELS: dict[Primitive, Kernel] = {
    p.lu: factors_of,
    p.lu_solve: _lu_solve,
    p.triangular_solve: _triangular_solve,
    p.cholesky: _cholesky,
    p.slogdet: _slogdet,
    p.det: _det,
    p.cofactor: _cofactor,
}
