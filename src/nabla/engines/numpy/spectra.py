"""NumPy kernels: eigenvalues, singular values, QR, LU, pseudoinverses and functions of matrices, by LAPACK and SciPy."""

from __future__ import annotations

import warnings
from typing import Any, Callable

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.linalg import matrix_at
from nabla.errors import LinAlgError
from nabla.primitives import matrix_functions, rectangular, spectra as p, spectral_functions
from nabla.primitives.base import Primitive

scipy_linalg = lazy.optional("scipy.linalg")


def of_finite(decompose: Callable[[Any], Any]) -> Kernel:
    """Matrices with numbers that are missing or infinite give NaN; LAPACK raises for some and loops for others."""

    def kernel(a: Any) -> Any:
        known = np.isfinite(a).all(axis=(-2, -1))
        if known.all():
            return decompose(a)
        out = decompose(np.where(known[..., None, None], a, np.eye(*a.shape[-2:], dtype=a.dtype)))
        if not isinstance(out, tuple):
            return _blanked(out, known)
        return tuple([_blanked(x, known) for x in out])

    return kernel


def _blanked(x: Any, known: Any) -> Any:
    kept = known.reshape(known.shape + (1,) * (x.ndim - known.ndim))
    return np.where(kept, x, x.dtype.type(np.nan))


def _shared(x: Any, w: Any) -> Any:
    equal = p.equal_values(w)
    if np.count_nonzero(equal) == w.size:
        return x
    weight = equal.astype(x.real.dtype)
    out = (weight @ x[..., None])[..., 0] / weight.sum(axis=-1)
    return np.where(weight.sum(axis=-1) > 1, out, x).astype(x.dtype)


def _eigh(h: Any) -> Any:
    return tuple(np.linalg.eigh(h))


def _eig(a: Any) -> Any:
    w, v = np.linalg.eig(a)
    dtype = np.promote_types(a.dtype, np.complex64)
    return w.astype(dtype), v.astype(dtype)


def _eigvals(a: Any) -> Any:
    return np.linalg.eigvals(a).astype(np.promote_types(a.dtype, np.complex64))


def _svd(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return u, s, np.conj(vh.swapaxes(-1, -2))


def _svdvals(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


def _qr(a: Any) -> Any:
    return tuple(np.linalg.qr(a))


def _complement(q: Any) -> Any:
    m, k = q.shape[-2:]
    if not k:
        return np.broadcast_to(np.eye(m, dtype=q.dtype), (*q.shape[:-2], m, m)).copy()
    return np.linalg.qr(q, mode="complete")[0][..., k:]


def _lu_parts(a: Any, packed: Any) -> Any:
    m, n = a.shape[-2:]
    k = min(m, n)
    return np.tril(packed[..., :k], -1) + np.eye(m, k, dtype=a.dtype), np.triu(packed[..., :k, :])


def _row_order(pivots: Any, rows: int) -> Any:
    order = np.broadcast_to(np.arange(rows), (*pivots.shape[:-1], rows)).copy()
    for i in np.ndindex(pivots.shape[:-1]):
        places = order[i]
        for k, other in enumerate(pivots[i]):
            places[k], places[other] = places[other], places[k]
    return order


def _pinv(a: Any, rtol: Any) -> Any:
    if not a.size:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    known = np.isfinite(a).all(axis=(-2, -1))
    if known.all():
        return np.linalg.pinv(a, rtol=rtol)
    out = np.linalg.pinv(np.where(known[..., None, None], a, np.eye(*a.shape[-2:], dtype=a.dtype)), rtol=rtol)
    return _blanked(out, known)


def _matrix_function(a: Any, name: str) -> Any:
    if not a.size:
        return a
    if name == "expm":
        return scipy_linalg.expm(a).astype(a.dtype, copy=False)
    out = np.empty_like(a)
    for i in np.ndindex(a.shape[:-2]):
        out[i] = _principal(a[i], name, i)
    return out


def _principal(a: Any, name: str, index: tuple[int, ...]) -> Any:
    """The principal logarithm or square root, which exists where no eigenvalue is negative, and none of zero is defective."""
    if not np.isfinite(a).all():
        return np.full_like(a, np.nan)
    wide = a.astype(np.promote_types(a.dtype, np.float64))  # SciPy loses half the digits of float32
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = getattr(scipy_linalg, name)(wide)
    singular = any("ingular" in str(warning.message) for warning in caught)
    size = max(float(np.abs(a).max()), float(np.finfo(a.dtype).tiny))
    if singular and (name == "logm" or not np.abs(out @ out - a).max() <= 1e3 * np.finfo(a.dtype).eps ** 0.5 * size):
        raise LinAlgError(f"{name}: {matrix_at(index)} is singular, and has no {_NAMES[name]}, or its derivative does not exist")
    if out.dtype.kind == "c" and a.dtype.kind != "c":
        if np.abs(out.imag).max() > 1e3 * len(a) * np.finfo(a.dtype).eps * max(np.abs(out).max(), 1.0):
            raise LinAlgError(
                f"{name}: {matrix_at(index)} is real and has a negative eigenvalue, so that its {_NAMES[name]} is complex. "
                f"Write a.astype('complex128')"
            )
        out = out.real
    return out


_NAMES = {"logm": "logarithm", "sqrtm": "square root"}

KERNELS: dict[Primitive, Kernel] = {
    p.shared: _shared,
    p.first_only: lambda x, w, mask: x,
    p.eigh: of_finite(_eigh),
    p.eigvalsh: of_finite(np.linalg.eigvalsh),
    p.eig: of_finite(_eig),
    p.eigvals: of_finite(_eigvals),
    p.svd: of_finite(_svd),
    p.svdvals: of_finite(_svdvals),
    rectangular.qr: _qr,
    rectangular.complement: _complement,
    rectangular.pinv: _pinv,
    rectangular.lu_parts: _lu_parts,
    rectangular.row_order: _row_order,
    matrix_functions.matrix_function: _matrix_function,
    spectral_functions.spectral_function: lambda value, *rest, **params: value,
}
