"""NumPy kernels: linear algebra, by LAPACK through NumPy and SciPy. The matrices of a stack are taken one after the
other."""

from __future__ import annotations

from typing import Any, Iterable

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.errors import LinAlgError
from nabla.primitives import linalg as p
from nabla.primitives.base import Primitive

lapack = lazy.optional("scipy.linalg.lapack")

_PREFIX = {"f": "s", "d": "d", "F": "c", "D": "z"}


def routine(name: str, dtype: np.dtype) -> Any:
    """LAPACK's routine for numbers of this dtype."""
    return getattr(lapack, _PREFIX[dtype.char] + name)


def matrix_at(index: tuple[int, ...]) -> str:
    """The matrix that an error is about, by its index in the stack."""
    if not index:
        return "the matrix"
    return f"matrix {index[0] if len(index) == 1 else index} of the stack"


def _first(bad: Any) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(bad), np.shape(bad)))


# Many small matrices: a step of the elimination is done in all of them at once, which saves a call for each. The axis
# of the stack comes last meanwhile, so that each step runs along memory.


def _many_small(a: Any) -> bool:
    n = a.shape[-1]
    return 0 < n <= 8 and a.shape[-2] == n and a.size >= 8 * n**3


def _stack_last(x: Any) -> Any:
    """A copy, the axes of the stack merged into a last one."""
    return np.moveaxis(x.reshape(-1, *x.shape[-2:]), 0, -1).copy()


def _size(x: Any) -> Any:
    """What getrf compares pivots by: of complex numbers the sum of both parts."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _lu_together(a: Any) -> Any:
    """Elimination with partial pivoting, as getrf does it."""
    n = a.shape[-1]
    packed = _stack_last(a)
    pivots = np.empty((n, packed.shape[-1]), np.int32)
    for k in range(n):
        pivots[k] = k + _size(packed[k:, k]).argmax(axis=0)
        _exchange(packed, pivots, [k])
        pivot = packed[k, k]
        packed[k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
        packed[k + 1 :, k + 1 :] -= packed[k + 1 :, k, None] * packed[k, k + 1 :]
    return np.moveaxis(packed, -1, 0).reshape(a.shape), pivots.T.reshape(a.shape[:-1])


def _lu_solve_together(packed: Any, pivots: Any, b: Any, transposed: bool) -> Any:
    n = packed.shape[-1]
    lu, x, rows = _stack_last(packed), _stack_last(b), pivots.reshape(-1, n).T
    if transposed:
        lu = lu.swapaxes(0, 1)
        _substitute(lu, x, True, False)
        _substitute(lu, x, False, True)
        _exchange(x, rows, reversed(range(n)))
    else:
        _exchange(x, rows, range(n))
        _substitute(lu, x, True, True)
        _substitute(lu, x, False, False)
    return np.moveaxis(x, -1, 0).reshape(b.shape)


def _triangular_together(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    t, x = _stack_last(a), _stack_last(b)
    _substitute(t.swapaxes(0, 1) if transposed else t, x, lower != transposed, unit)
    return np.moveaxis(x, -1, 0).reshape(b.shape)


def _exchange(x: Any, pivots: Any, rows: Iterable[int]) -> None:
    """Exchange row after row with its pivot, in place."""
    for i in rows:
        for j in range(i + 1, len(x)):
            there = pivots[i] == j
            if there.any():
                row = np.where(there, x[j], x[i])
                x[j] = np.where(there, x[i], x[j])
                x[i] = row


def _substitute(t: Any, x: Any, lower: bool, unit: bool) -> None:
    """Solve the triangular systems t y = x, and write y over x."""
    n = len(t)
    for i in range(n) if lower else reversed(range(n)):
        if not unit:
            x[i] /= t[i, i]
        rest = slice(i + 1, n) if lower else slice(0, i)
        x[rest] -= t[rest, i, None] * x[i]


# LU


def _lu(a: Any) -> Any:
    getrf = routine("getrf", a.dtype)
    if a.ndim == 2 and a.size:
        return getrf(a)[:2]
    if _many_small(a):
        return _lu_together(a)
    packed, pivots = np.empty_like(a), np.empty((*a.shape[:-2], min(a.shape[-2:])), np.int32)
    if a.size:
        for i in np.ndindex(a.shape[:-2]):
            packed[i], pivots[i], _ = getrf(a[i])
    return packed, pivots


def _lu_solve(a: Any, packed: Any, pivots: Any, b: Any, transposed: bool, what: str) -> Any:
    if not b.size:
        return b
    regular = packed.diagonal(axis1=-2, axis2=-1).all(axis=-1)
    if not regular.all():
        raise singular_error(what, _first(np.logical_not(regular)))
    getrs = routine("getrs", a.dtype)
    if a.ndim == 2:
        return getrs(packed, pivots, b, transposed)[0]
    if _many_small(a):
        return _lu_solve_together(packed, pivots, b, transposed)
    out = np.empty_like(b)
    for i in np.ndindex(b.shape[:-2]):
        out[i] = getrs(packed[i], pivots[i], b[i], transposed)[0]
    return out


def singular_error(what: str, index: tuple[int, ...]) -> LinAlgError:
    return LinAlgError(
        f"{what}: {matrix_at(index)} is singular, it has no inverse. Are there equal or zero rows? "
        f"Adding a small multiple of the identity makes it regular"
    )


# Triangular systems


def _triangular_solve(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    if not b.size:
        return b
    if not unit:
        regular = a.diagonal(axis1=-2, axis2=-1).all(axis=-1)
        if not regular.all():
            raise singular_error("solve_triangular", _first(np.logical_not(regular)))
    trtrs = routine("trtrs", a.dtype)
    # LAPACK reads columns: a matrix of rows is given as its transpose, which then needs no copy.
    if a.ndim == 2:
        if a.flags.f_contiguous:
            return trtrs(a, b, lower, transposed, unit)[0]
        return trtrs(a.T, b, not lower, not transposed, unit)[0]
    if _many_small(a):
        return _triangular_together(a, b, lower, transposed, unit)
    out = np.empty_like(b)
    for i in np.ndindex(b.shape[:-2]):
        out[i] = trtrs(a[i].T, b[i], not lower, not transposed, unit)[0]
    return out


# Cholesky


def _cholesky(a: Any) -> Any:
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"cholesky: {matrix_at(_not_positive(a))} is not positive definite. Is it symmetric (Hermitian)? "
            f"Adding a small multiple of the identity helps where rounding made it so"
        ) from None


def _not_positive(a: Any) -> tuple[int, ...]:
    """The index of the first matrix that has no Cholesky factor."""
    for i in np.ndindex(a.shape[:-2]):
        try:
            np.linalg.cholesky(a[i])
        except np.linalg.LinAlgError:
            return i
    raise AssertionError


# Determinants


def _slogdet(a: Any, packed: Any, pivots: Any) -> Any:
    diagonal = packed.diagonal(axis1=-2, axis2=-1)
    size = np.abs(diagonal)
    exchanges = np.count_nonzero(pivots != np.arange(a.shape[-1], dtype=np.int32), axis=-1)
    signs = np.sign(diagonal)
    if a.dtype.kind == "f":
        signs = np.where(np.isnan(diagonal), 1, signs).astype(a.dtype)  # as NumPy has it
    sign = signs.prod(axis=-1) * (1 - 2 * (exchanges % 2)).astype(a.dtype)
    return sign, np.log(size).sum(axis=-1)


def _reveal(a: Any) -> Any:
    known = np.isfinite(a).all(axis=(-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(a if known.all() else np.where(known, a, np.eye(a.shape[-1], dtype=a.dtype)))
    phase = np.linalg.det(u) * np.linalg.det(vh)
    phase = phase / np.abs(phase)
    left, right = np.conj(u.swapaxes(-1, -2)), np.conj(vh.swapaxes(-1, -2))
    return left if known.all() else np.where(known, left, np.nan).astype(a.dtype), s, right, phase


def _cofactor(a: Any, *directions: Any) -> Any:
    if not a.size:
        return a
    if a.shape[-1] == 3:
        return _cofactor_of_three(a, *directions)
    if not directions:
        return _cofactor_itself(a)
    # det(a + x) = phase det(diag(s) + y) with y = left x right
    left, s, right, phase = _reveal(a)
    turned = [left @ x @ right for x in directions]
    inner = _cofactor_slope(s, turned[0]) if len(turned) == 1 else _cofactor_form(s, turned).astype(a.dtype)
    return phase[..., None, None] * left.swapaxes(-1, -2) @ inner @ right.swapaxes(-1, -2)


def _cofactor_itself(a: Any) -> Any:
    """det(a) a^-T where that loses few digits, elsewhere from the singular values: the products of all but one."""
    inverse = _inverse(a)
    size = np.abs(a).sum(axis=-2).max(axis=-1) * np.abs(inverse).sum(axis=-2).max(axis=-1)  # the condition number
    good = size < np.finfo(a.dtype).eps ** -0.4
    out = np.linalg.det(a)[..., None, None] * inverse.swapaxes(-1, -2)
    if good.all():
        return out
    bad = np.logical_not(good)
    left, s, right, phase = _reveal(a[bad])
    before, after = np.ones_like(s), np.ones_like(s)
    before[:, 1:] = np.cumprod(s[:, :-1], axis=-1)
    after[:, :-1] = np.cumprod(s[:, :0:-1], axis=-1)[:, ::-1]
    out[bad] = (phase[:, None, None] * left.swapaxes(-1, -2) * (before * after)[:, None, :]) @ right.swapaxes(-1, -2)
    return out


def _cofactor_of_three(a: Any, *directions: Any) -> Any:
    """The cross products of the rows, which are linear in both of them."""
    i, j = [1, 2, 0], [2, 0, 1]

    def crossed(x: Any, y: Any) -> Any:
        x, y = x[..., i, :], y[..., j, :]
        return x[..., i] * y[..., j] - x[..., j] * y[..., i]

    if not directions:
        return crossed(a, a)
    x, y = directions if len(directions) == 2 else (a, *directions)
    return crossed(x, y) + crossed(y, x)


def _cofactor_slope(s: Any, y: Any) -> Any:
    """The derivative of the cofactors of diag(s) along y. With p_ij, the product of all s but those two, the second derivative
    of det is the sum of p_ij (y_ii z_jj - y_ij z_ji) over all i and j that differ."""
    n = s.shape[-1]
    one = np.ones_like(s[..., :1])
    before = np.concatenate([one, np.cumprod(s[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([np.cumprod(s[..., :0:-1], axis=-1)[..., ::-1], one], axis=-1)
    beyond = np.where(np.triu(np.ones((n, n), bool), 1), s[..., None, :], 1)
    between = np.concatenate([np.ones_like(beyond[..., :1]), np.cumprod(beyond[..., :-1], axis=-1)], axis=-1)
    upper = np.triu(before[..., :, None] * between * after[..., None, :], 1)
    products = upper + upper.swapaxes(-1, -2)
    diagonal = products @ np.diagonal(y, axis1=-2, axis2=-1)[..., None]
    return diagonal * np.eye(n, dtype=s.dtype) - products * y.swapaxes(-1, -2)


def _cofactor_form(s: Any, ys: Any) -> Any:
    """The derivative of the cofactors of diag(s) along several directions, whatever the rank.

    The cofactors of diag(s) + t p, where p has ones at the small s, are a polynomial in t whose degree is the number of these. Its
    value at zero is the mean of those at roots of unity, at which the matrix is well-conditioned, so that det and inverse serve.
    """
    scale = np.where(s[..., :1] > 0, s[..., :1], 1)
    small = s <= 0.05 * scale
    count = int(small.sum(axis=-1).max(initial=0)) + 1
    total: Any = 0.0
    for root in np.exp(2j * np.pi * np.arange(count) / count):
        total = total + _cofactor_of_regular(s + root * scale * small, ys)
    mean = total / count
    return mean if np.result_type(*ys).kind == "c" else mean.real


def _cofactor_of_regular(d: Any, ys: Any) -> Any:
    """The same for diag(d) without zeros. Of det and inverse of diag(d) + e_1 y_1 + e_2 y_2 + ... the coefficients of the products
    of different e_i, each product the bits of a number: from the equation for the inverse, and from d det = det tr(inverse d)."""
    n, everything = d.shape[-1], (1 << len(ys)) - 1
    over = 1.0 / d[..., :, None]
    inverses, dets = [over * np.eye(n)], [d.prod(axis=-1)[..., None, None]]
    for chosen in range(1, everything + 1):
        members = [i for i in range(len(ys)) if chosen >> i & 1]
        inverses.append(-over * sum(ys[i] @ inverses[chosen ^ 1 << i] for i in members))
        rest = chosen ^ 1 << members[0]
        y = ys[members[0]].swapaxes(-1, -2)
        dets.append(sum(dets[part] * (inverses[rest ^ part] * y).sum(axis=(-2, -1), keepdims=True) for part in _parts(rest)))
    found = sum(dets[part] * inverses[everything ^ part] for part in _parts(everything))
    return found.swapaxes(-1, -2)


def _parts(chosen: int) -> list[int]:
    """The subsets of a set of bits."""
    return [part for part in range(chosen + 1) if part & chosen == part]


def _inverse(a: Any) -> Any:
    """The inverses; infinite where there is none."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        regular = np.linalg.slogdet(a)[0] != 0
        out = np.full_like(a, np.inf)
        out[regular] = np.linalg.inv(a[regular])
        return out


KERNELS: dict[Primitive, Kernel] = {
    p.lu: _lu,
    p.lu_solve: _lu_solve,
    p.triangular_solve: _triangular_solve,
    p.cholesky: _cholesky,
    p.slogdet: _slogdet,
    p.det: np.linalg.det,
    p.cofactor: _cofactor,
}
