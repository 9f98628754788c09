"""Rows of spectra, orthogonal factors and functions of matrices, at separate eigenvalues.

Vectors have an arbitrary phase, so what is checked is made of them so that it does not show. test_spectra.py has equal
eigenvalues, where the conventions are.
"""

from dataclasses import replace

import numpy as np
import scipy.linalg

from nabla.primitives import formulas, linalg, rectangular, spectra
from nabla.primitives.base import constant
from nabla.primitives.call import sweeps
from nabla.primitives.linalg import adjoint, product
from nabla.primitives.shape import conj, real
from nabla.primitives.spectral_functions import function_of_hermitian
from nabla.primitives.structure import outputs
from rows.row import Input, Row, invertible, normal, positive_definite


def separate(*shape):
    """Matrices of any shape whose singular values, and eigenvalues if square, lie well apart and away from zero."""

    def draw(rng, shape, dtype):
        x = 0.2 * normal(*shape)(rng, dtype)
        return (x + np.eye(*shape[-2:]) * np.arange(2.0, 2.0 + shape[-1])).astype(dtype)

    return Input(draw, shape)


def hermitian(x):
    return 0.5 * (x + adjoint(x))


def conjugate(x):
    return conj(x) if x.dtype.kind == "c" else x


def squares(v):
    """The squared sizes of the elements: they do not depend on a phase."""
    out = v * conjugate(v)
    return real(out) if out.dtype.kind == "c" else out


def eigenvectors(p, a):
    w, v = outputs(p(hermitian(a)))
    return w, squares(v)


def eigenvectors_of_any(p, a):
    w, v = outputs(p(a))
    return w, squares(v)


def singular_vectors(p, a):
    u, s, v = outputs(p(a))
    return squares(u), s, squares(v), product(u, v, flip_y=True) if v.dtype.kind != "c" else product(u, adjoint(v))


def shared_by_none(p, x):
    apart = np.broadcast_to([1.0, 3.0, 2.0], x.shape)
    return p(x, constant(apart.astype(np.dtype(x.dtype.char.lower()))))


def exponential(p, a):
    h = hermitian(a)
    w, v = outputs(spectra.eigh(h))
    graph, _ = sweeps.close([formulas.exp(0.5 * w)], [w])
    return function_of_hermitian(graph, h, w, v)


def masked_nowhere(p, x):
    return p(x, constant(np.arange(3.0).astype(np.dtype(x.dtype.char.lower()))), constant(np.zeros(x.shape, np.bool_)))


def both(p, a):
    return tuple(outputs(p(a)))


def projector(p, a):
    """Onto what the columns do not span."""
    q, _ = outputs(rectangular.qr(a))
    n = p(q)
    return product(n, adjoint(n))


def pseudoinverse(p, a):
    tolerance = np.finfo(a.dtype).eps * 10
    return p(a, constant(np.full(a.shape[:-2], tolerance, np.dtype(a.dtype.char.lower()))))


def factored(p, a):
    """Of a matrix whose rows need no exchange."""
    packed, pivots = outputs(linalg.lu(a))
    return tuple(outputs(rectangular.lu_parts(a, packed))) if p is rectangular.lu_parts else p(pivots, rows=a.shape[-2])


def function(name, value, of):
    return [
        Row("matrix_function", [of(3, 3)], {"name": name}, value=value),
        Row("matrix_function", [of(2, 2, 2)], {"name": name}),
        Row("matrix_function", [of(1, 1)], {"name": name}, value=value),
    ]


ROWS = [
    Row("eigh", [separate(3, 3)], build=eigenvectors),
    Row("eigh", [separate(2, 3, 3)], build=eigenvectors),
    Row("eigvalsh", [separate(3, 3)], build=lambda p, a: p(hermitian(a))),
    Row("eigvalsh", [separate(2, 2, 2)], build=lambda p, a: p(hermitian(a))),
    Row("eigvalsh", [separate(1, 1)], build=lambda p, a: p(hermitian(a))),
    Row("eig", [separate(3, 3)], build=eigenvectors_of_any),
    Row("eig", [separate(2, 3, 3)], build=eigenvectors_of_any),
    Row("eigvals", [separate(3, 3)]),
    Row("eigvals", [separate(2, 2, 2)]),
    Row("svd", [separate(3, 3)], build=singular_vectors),
    Row("svd", [separate(4, 2)], build=singular_vectors),
    Row("svd", [separate(2, 2, 3)], build=singular_vectors),
    Row("svdvals", [separate(3, 3)], value=lambda a: np.linalg.svd(a, compute_uv=False)),
    Row("svdvals", [separate(2, 4)], value=lambda a: np.linalg.svd(a, compute_uv=False)),
    Row("svdvals", [separate(2, 3, 2)], value=lambda a: np.linalg.svd(a, compute_uv=False)),
    Row("spectral_function", [normal(3, 3)], build=exponential, value=lambda a: scipy.linalg.expm((a + np.conj(a.T)) / 4)),
    Row("spectral_function", [normal(2, 2, 2)], build=exponential),
    Row("spectral_function", [normal(1, 1)], build=exponential),
    *[Row("spectral_function", [normal(n, 2, 2)], build=exponential, exhaustive=True) for n in (0, 40)],
    Row("first_only", [normal(3, 3)], build=masked_nowhere, value=lambda x: x),
    Row("shared", [normal(3)], build=shared_by_none, value=lambda x: x, label="by none"),
    Row("qr", [invertible(3, 3)], build=both, value=np.linalg.qr),
    Row("qr", [separate(4, 2)], build=both, value=np.linalg.qr),
    Row("qr", [separate(2, 3, 2)], build=both, value=np.linalg.qr),
    Row("lu_parts", [invertible(3, 3)], build=factored, value=lambda a: scipy.linalg.lu(a)[1:]),
    Row("lu_parts", [invertible(2, 3, 3)], build=factored),
    Row("lu_parts", [separate(4, 2)], build=factored),
    Row("lu_parts", [separate(2, 4)], build=factored),
    Row("row_order", [invertible(3, 3)], build=factored, constant="the order of rows", value=lambda a: np.arange(3)),
    Row("complement", [separate(4, 2)], build=projector),
    Row("complement", [separate(2, 3, 2)], build=projector),
    Row("pinv", [separate(3, 3)], build=pseudoinverse, value=np.linalg.pinv),
    Row("pinv", [separate(2, 4)], build=pseudoinverse, value=np.linalg.pinv),
    Row("pinv", [separate(2, 3, 2)], build=pseudoinverse, value=np.linalg.pinv),
    *function("expm", scipy.linalg.expm, normal),
    *function("logm", lambda a: scipy.linalg.logm(a.astype(np.result_type(a, np.float64))).astype(a.dtype), positive_definite),
    *function("sqrtm", scipy.linalg.sqrtm, positive_definite),
]

ROWS += [
    replace(next(row for row in ROWS if row.prim == name), inputs=[of(*shape)], value=None, label="of a stack", exhaustive=True)
    for name, of, *shapes in [
        *[(name, separate, (0, 3, 3), (12, 3, 3)) for name in ("eigh", "eigvalsh", "eigvals", "svd", "svdvals", "pinv", "qr")],
        ("eig", separate, (0, 3, 3), (25, 2, 2)),
        *[(name, invertible, (0, 3, 3), (12, 3, 3)) for name in ("lu_parts", "row_order", "matrix_function")],
        ("complement", separate, (0, 4, 2), (13, 4, 2)),
        ("shared", normal, (0, 3), (40, 3)),
    ]
    for shape in shapes
]
