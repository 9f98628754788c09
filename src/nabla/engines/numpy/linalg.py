"""NumPy kernels: linear algebra, by LAPACK through NumPy and SciPy. The matrices of a stack are taken one after the
other."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.errors import LinAlgError
from nabla.primitives import linalg as p
from nabla.primitives.base import Primitive

lapack = lazy.optional("scipy.linalg.lapack")

_PREFIX = {"f": "s", "d": "d", "F": "c", "D": "z"}


def _routine(name: str, dtype: np.dtype) -> Any:
    return getattr(lapack, _PREFIX[dtype.char] + name)


def _which(index: tuple[int, ...]) -> str:
    """The matrix that an error is about, by its index in the stack."""
    if not index:
        return "the matrix"
    return f"matrix {index[0] if len(index) == 1 else index} of the stack"


def _first(bad: Any) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(bad), np.shape(bad)))


# LU


def _lu(a: Any) -> Any:
    getrf = _routine("getrf", a.dtype)
    if a.ndim == 2 and a.size:
        return getrf(a)[:2]
    packed, pivots = np.empty_like(a), np.empty(a.shape[:-1], np.int32)
    if a.size:
        for i in np.ndindex(a.shape[:-2]):
            packed[i], pivots[i], _ = getrf(a[i])
    return packed, pivots


def _lu_solve(a: Any, factors: Any, b: Any, transposed: bool, what: str) -> Any:
    if not b.size:
        return b
    packed, pivots = factors
    regular = packed.diagonal(axis1=-2, axis2=-1).all(axis=-1)
    if not regular.all():
        raise _singular(what, np.logical_not(regular))
    getrs = _routine("getrs", a.dtype)
    if a.ndim == 2:
        return getrs(packed, pivots, b, transposed)[0]
    out = np.empty_like(b)
    for i in np.ndindex(b.shape[:-2]):
        out[i] = getrs(packed[i], pivots[i], b[i], transposed)[0]
    return out


def _singular(what: str, bad: Any) -> LinAlgError:
    return LinAlgError(
        f"{what}: {_which(_first(bad))} is singular, it has no inverse. Are there equal or zero rows? "
        f"Adding a small multiple of the identity makes it regular"
    )


# Triangular systems


def _triangular_solve(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    if not b.size:
        return b
    if not unit:
        regular = a.diagonal(axis1=-2, axis2=-1).all(axis=-1)
        if not regular.all():
            raise _singular("solve_triangular", np.logical_not(regular))
    trtrs = _routine("trtrs", a.dtype)
    # LAPACK reads columns: a matrix of rows is given as its transpose, which then needs no copy.
    if a.ndim == 2:
        if a.flags.f_contiguous:
            return trtrs(a, b, lower, transposed, unit)[0]
        return trtrs(a.T, b, not lower, not transposed, unit)[0]
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
            f"cholesky: {_which(_not_positive(a))} is not positive definite. Is it symmetric (Hermitian)? "
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


def _slogdet(a: Any, factors: Any) -> Any:
    packed, pivots = factors
    diagonal = packed.diagonal(axis1=-2, axis2=-1)
    size = np.abs(diagonal)
    exchanges = np.count_nonzero(pivots != np.arange(a.shape[-1], dtype=np.int32), axis=-1)
    sign = np.sign(diagonal).prod(axis=-1) * (1 - 2 * (exchanges % 2)).astype(a.dtype)
    return sign, np.log(size).sum(axis=-1)


def _reveal(a: Any) -> Any:
    known = np.isfinite(a).all(axis=(-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(known, a, np.eye(a.shape[-1], dtype=a.dtype)))
    phase = np.linalg.det(u) * np.linalg.det(vh)
    phase = phase / np.abs(phase)
    left, right = np.conj(u.swapaxes(-1, -2)), np.conj(vh.swapaxes(-1, -2))
    return np.where(known, left, np.nan).astype(a.dtype), s, right, phase


KERNELS: dict[Primitive, Kernel] = {
    p.lu: _lu,
    p.lu_solve: _lu_solve,
    p.triangular_solve: _triangular_solve,
    p.cholesky: _cholesky,
    p.slogdet: _slogdet,
    p.det: np.linalg.det,
    p.reveal: _reveal,
}
