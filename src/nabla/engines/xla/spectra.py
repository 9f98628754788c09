"""XLA kernels: eigenvalues, singular values, QR, LU, pseudoinverses and functions of matrices.

What raises an error in the NumPy engine (a matrix without a logarithm) is NaN here.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla.engines.xla import host
from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.engines.xla.linalg import factors_of, matmul, row_order, solved, swapped
from nabla.primitives import matrix_functions, rectangular, spectra as p, spectral_functions
from nabla.primitives.base import Primitive


def _identity(x: Any) -> Any:
    return jnp.eye(*x.shape[-2:], dtype=x.dtype)


def _finite(decompose: Callable[..., Any]) -> Kernel:
    """Matrices with numbers that are missing or infinite give NaN; LAPACK would loop for some."""

    def kernel(a: Any, *more: Any) -> Any:
        known = jnp.isfinite(a).all(axis=(-2, -1))
        found = decompose(jnp.where(known[..., None, None], a, _identity(a)), *more)
        blanked = [_where(known, x, jnp.asarray(jnp.nan, x.dtype)) for x in (found if isinstance(found, tuple) else (found,))]
        return tuple(blanked) if isinstance(found, tuple) else blanked[0]

    return kernel


def _where(condition: Any, x: Any, y: Any) -> Any:
    """A choice for each matrix or vector of a stack."""
    return jnp.where(condition.reshape(condition.shape + (1,) * (x.ndim - condition.ndim)), x, y)


def _shared(x: Any, w: Any) -> Any:
    weight = p.equal_values(w).astype(x.real.dtype)
    total = weight.sum(axis=-1)
    mean = matmul(weight.astype(x.dtype), x[..., None])[..., 0] / total
    return jnp.where(total > 1, mean, x).astype(x.dtype)


def _eigh(h: Any) -> Any:
    v, w = lax.linalg.eigh(h, symmetrize_input=False)
    return w, v


def _svd(a: Any) -> Any:
    u, s, vh = lax.linalg.svd(a, full_matrices=False)
    return u, s, jnp.conj(swapped(vh))


def _complement(q: Any) -> Any:
    return lax.linalg.qr(q, full_matrices=True)[0][..., q.shape[-1] :]


def _lu_parts(a: Any, packed: Any) -> Any:
    m, n = a.shape[-2:]
    k = min(m, n)
    return jnp.tril(packed[..., :k], -1) + jnp.eye(m, k, dtype=a.dtype), jnp.triu(packed[..., :k, :])


def _pinv(a: Any, rtol: Any) -> Any:
    if not a.size:
        return swapped(a)
    u, s, v = _svd(a)
    kept = s > rtol[..., None] * s.max(axis=-1, keepdims=True)
    over = jnp.where(kept, 1.0 / jnp.where(kept, s, 1.0), 0.0).astype(a.dtype)
    return matmul(v * over[..., None, :], jnp.conj(swapped(u)))


# The exponential by its Padé approximant of degree 13, of the matrix divided by a power of two, which is then squared (N. J.
# Higham, "The scaling and squaring method for the matrix exponential revisited", 2005). Other functions need Schur's form of the
# matrix, which XLA has on few devices.

_PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
         670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)  # fmt: skip
_REACH = 5.371920351148152
"""The approximant is good to all digits of float64 for a norm up to this."""


def _expm(a: Any) -> Any:
    if not a.size:
        return a
    norm = jnp.abs(a).sum(axis=-2).max(axis=-1)
    known = jnp.isfinite(norm)
    halvings = jnp.where(known, jnp.ceil(jnp.log2(jnp.maximum(norm / _REACH, 1.0))), 0.0)
    a = jnp.where(known[..., None, None], a, jnp.asarray(jnp.nan, a.dtype)) * jnp.exp2(-halvings)[..., None, None]
    one = _identity(a)
    a2 = matmul(a, a)
    a4 = matmul(a2, a2)
    a6 = matmul(a2, a4)
    b = [float(x) for x in _PADE]
    high = b[13] * a6 + b[11] * a4 + b[9] * a2
    odd = matmul(a, matmul(a6, high) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    high = b[12] * a6 + b[10] * a4 + b[8] * a2
    even = matmul(a6, high) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    packed, pivots = factors_of(even - odd)
    found = solved(packed, pivots, even + odd, False)

    def square(i: Any, x: Any) -> Any:
        return jnp.where((i < halvings)[..., None, None], matmul(x, x), x)

    return lax.fori_loop(0, halvings.max().astype(jnp.int32), square, found)


def _matrix_function(a: Any, name: str) -> Any:
    return _expm(a) if name == "expm" else host.call(matrix_functions.matrix_function, a.shape, np.dtype(a.dtype), a, name=name)


KERNELS: dict[Primitive, Kernel] = {
    p.shared: _shared,
    p.first_only: lambda x, w, mask: x,
    p.eigh: _finite(_eigh),
    p.eigvalsh: _finite(lambda h: _eigh(h)[0]),
    p.eig: _finite(lambda a: tuple(lax.linalg.eig(a, compute_left_eigenvectors=False))),
    p.eigvals: _finite(lambda a: lax.linalg.eig(a, compute_left_eigenvectors=False, compute_right_eigenvectors=False)[0]),
    p.svd: _finite(_svd),
    p.svdvals: _finite(lambda a: lax.linalg.svd(a, compute_uv=False)),
    rectangular.qr: lambda a: tuple(lax.linalg.qr(a, full_matrices=False)),
    rectangular.complement: _complement,
    rectangular.pinv: _finite(_pinv),
    rectangular.lu_parts: _lu_parts,
    rectangular.row_order: lambda pivots, rows: row_order(pivots, rows).astype(jnp.int64),
    matrix_functions.matrix_function: _matrix_function,
    spectral_functions.spectral_function: lambda value, *rest, **params: value,
}
