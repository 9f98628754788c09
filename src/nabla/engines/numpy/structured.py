"""NumPy kernels: equations with a structure (banded, Toeplitz, Sylvester's), by LAPACK and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.linalg import matrix_at, routine, singular_error
from nabla.engines.numpy.spectra import of_finite
from nabla.errors import LinAlgError
from nabla.primitives import banded, sylvester as s, toeplitz
from nabla.primitives.base import Primitive

scipy_linalg = lazy.optional("scipy.linalg")


# Banded systems. A stack is one long banded matrix in which the pieces do not touch, so one call of LAPACK solves it.


def _banded_solve(band: Any, b: Any, lower: int, upper: int, transposed: bool, positive: bool, what: str) -> Any:
    if not b.size:
        return b
    stack, n = band.shape[:-2], band.shape[-1]
    if not stack:
        x, info = _band(band, b, lower, upper, transposed, positive)
        if info:
            raise _no_solution(what, (), positive)
        return x
    inside = np.arange(n) + np.arange(-upper, lower + 1)[:, None]
    pieces = np.where((inside >= 0) & (inside < n), band, 0)
    long = np.moveaxis(pieces.reshape(-1, lower + upper + 1, n), 0, 1).reshape(lower + upper + 1, -1)
    x, info = _band(long, b.reshape(-1, b.shape[-1]), lower, upper, transposed, positive)
    if not info and np.isfinite(x).all():
        return x.reshape(b.shape)
    out = np.empty_like(b)  # not all is finite, or one is singular: each by itself, so that it is only that one
    for i in np.ndindex(stack):
        out[i], info = _band(band[i], b[i], lower, upper, transposed, positive)
        if info:
            raise _no_solution(what, i, positive)
    return out


def _band(band: Any, b: Any, lower: int, upper: int, transposed: bool, positive: bool) -> tuple[Any, int]:
    """The solution, and LAPACK's word on whether there is one: zero if so."""
    n = band.shape[-1]
    if positive:
        _, x, info = routine("pbsv", band.dtype)(np.conj(band[upper:]) if transposed else band[upper:], b, lower=1)
    elif n == 1 or lower == upper == 0:
        diagonal = band[upper, :, None]
        if not diagonal.all():
            return b, 1
        x, info = b / diagonal, 0
    elif lower == upper == 1:
        above, diagonal, below = band[0, 1:], band[1], band[2, :-1]
        if transposed:
            above, below = below, above
        *_, x, info = routine("gtsv", band.dtype)(below, diagonal, above, b)
    else:
        wide = np.zeros((2 * lower + upper + 1, n), band.dtype, order="F")
        wide[lower:] = band
        packed, pivots, info = routine("gbtrf", band.dtype)(wide, lower, upper, overwrite_ab=True)
        if info:
            return b, info
        x, info = routine("gbtrs", band.dtype)(packed, lower, upper, b, pivots, trans=int(transposed))
    return x, info


def _no_solution(what: str, index: tuple[int, ...], positive: bool) -> LinAlgError:
    if positive:
        return LinAlgError(f"{what}: {matrix_at(index)} is not positive definite. solve_banded takes matrices that are not")
    return singular_error(what, index)


# Toeplitz systems, by the recursion of Levinson and Durbin, which SciPy makes in float64


def _toeplitz_solve(v: Any, b: Any) -> Any:
    out = np.empty_like(b)
    if not b.size:
        return out
    n = b.shape[-2]
    for i in np.ndindex(b.shape[:-2]):
        try:
            out[i] = scipy_linalg.solve_toeplitz((v[i][n - 1 :], v[i][n - 1 :: -1]), b[i], check_finite=False)
        except np.linalg.LinAlgError:
            raise LinAlgError(
                f"solve_toeplitz: {matrix_at(i)} is singular, or its first rows and columns form one that is, which the recursion "
                f"cannot pass. For the latter write solve(toeplitz(c, r), b)"
            ) from None
    return out


# Sylvester's equation, in the basis where both matrices are triangular


def _sylvester(a: Any, b: Any, q: Any, what: str) -> Any:
    out = np.empty_like(q)
    if not q.size:
        return out
    for i in np.ndindex(q.shape[:-2]):
        out[i] = _bartels_stewart(a[i], b[i], q[i], what, i)
    return out


def _bartels_stewart(a: Any, b: Any, q: Any, what: str, index: tuple[int, ...]) -> Any:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.full_like(q, np.nan)
    kind = "complex" if q.dtype.kind == "c" else "real"
    r, u = scipy_linalg.schur(a, output=kind, check_finite=False)
    t, v = scipy_linalg.schur(b, output=kind, check_finite=False)
    x, scale, info = routine("trsyl", q.dtype)(r, t, np.conj(u.T) @ q @ v)
    if info:
        raise LinAlgError(
            f"{what}: {matrix_at(index)} has no solution, or several: an eigenvalue of a is the negative of one of b, "
            f"within rounding"
        )
    return u @ (x * (1.0 / scale)).astype(q.dtype) @ np.conj(v.T)


def _unitary(a: Any) -> Any:
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh


KERNELS: dict[Primitive, Kernel] = {
    banded.banded_solve: _banded_solve,
    toeplitz.toeplitz_solve: _toeplitz_solve,
    s.sylvester: _sylvester,
    s.unitary: of_finite(_unitary),
}
