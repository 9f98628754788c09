"""nb.linalg: factorisations, solutions, determinants, norms."""

import numpy as np
import scipy.linalg
from rows.row import Input, between, invertible, nonzero, normal, positive_definite, triangular
from rows.structured import band

import nabla as nb
from operators.operator import Operator

A = invertible(3, 3)


def hermitian(x):
    """Of any matrix its Hermitian part, so that small changes keep it Hermitian."""
    xp = np if isinstance(x, np.ndarray) else nb
    return (x + xp.matrix_transpose(xp.conj(x))) * 0.5


# Factors are fixed up to signs and phases: compared is what is made of them.


def without_signs(f, x):
    q, r = f(x)
    return nb.abs(q) ** 2, nb.abs(r) ** 2


def put_together(f, x):
    u, s, vh = f(x, full_matrices=False)
    return nb.matmul(u * s, vh), s


def put_together_hermitian(f, x):
    w, v = f(hermitian(x))
    return nb.matmul(v * nb.sin(w), nb.conj(nb.matrix_transpose(v))), w


def put_together_eig(f, x):
    w, v = f(x)
    return nb.matmul(v * nb.sin(w), nb.linalg.inv(v)), nb.sum(w**2)


def cho_factor(x):
    return np.conj(np.linalg.cholesky(x).T)


def cho_solved(c, b):
    return scipy.linalg.cho_solve((c, True), b)


def tridiagonal(dl, d, du, b):
    return np.linalg.solve(np.diag(dl, -1) + np.diag(d) + np.diag(du, 1), b)


def wide(n):
    """Numbers that make a main diagonal large."""
    return between(4.0, 6.0, n)


def led(n):
    """A vector whose first element is large, as that of a column and row of a well-conditioned matrix."""

    def draw(rng, shape, dtype):
        x = normal(*shape)(rng, dtype)
        x[0] = x[0] + 6.0
        return x

    return Input(draw, (n,))


def with_row(f, c, r, b):
    return f((c, r), b)


def solve_toeplitz(c, r, b):
    return np.linalg.solve(scipy.linalg.toeplitz(c, r), b)


def matmul_toeplitz(c, r, x):
    return scipy.linalg.toeplitz(c, r) @ x


def solve_circulant(c, b):
    return np.linalg.solve(scipy.linalg.circulant(c), b[:, 0])[None]


RANK = "the rank decides its shape"


def projector(f, x):
    """What does not depend on the choice of the basis."""
    q = f(x)
    xp = np if isinstance(x, np.ndarray) else nb
    return xp.matmul(q, xp.conj(xp.matrix_transpose(q)))


def discrete_lyapunov(a, q):
    return scipy.linalg.solve_discrete_lyapunov(a, q).astype(a.dtype)


def small(n):
    """Matrices whose eigenvalues are well within 1."""
    return between(-0.4, 0.4, n, n)


def fractional_power(a, t):
    w, v = np.linalg.eig(a)
    found = (v * w.astype(complex) ** t) @ np.linalg.inv(v)
    return (found if a.dtype.kind == "c" else found.real).astype(a.dtype)


def householder_product(v, tau):
    """The reflections one by one."""
    m, n = v.shape
    out = np.eye(m, dtype=v.dtype)
    for i in range(n):
        w = np.where(np.arange(m) > i, v[:, i], np.arange(m) == i)
        out = out @ (np.eye(m) - tau[i] * np.outer(w, w.conj()))
    return out[:, :n].astype(v.dtype)


def sum_of_cubes(eigvals, x):
    """Eigenvalues in no order."""
    return (eigvals(x) ** 3).sum() if isinstance(x, np.ndarray) else nb.sum(eigvals(x) ** 3)


OPERATORS = [
    Operator(
        "linalg.cholesky",
        [positive_definite(3, 3)],
        call=lambda f, x: f(hermitian(x)),
        value=np.linalg.cholesky,
    ),
    Operator("linalg.det", [A]),
    *[Operator(f"linalg.{name}", [A], dtypes=("float64", "complex128")) for name in ("expm", "logm", "sqrtm")],
    Operator(
        "linalg.funmh",
        [normal(3, 3)],
        call=lambda f, x: f(hermitian(x), nb.sinh),
        value=lambda x: scipy.linalg.sinhm(hermitian(x)),
    ),
    Operator("linalg.fractional_matrix_power", [A, between(0.2, 0.8)], value=fractional_power, dtypes=("float64", "complex128")),
    Operator("linalg.eigvalsh", [normal(3, 3)], call=lambda f, x: f(hermitian(x))),
    Operator("linalg.svdvals", [normal(3, 4)], value=lambda x: np.linalg.svd(x, compute_uv=False)),
    Operator("linalg.qr", [normal(4, 3)], call=without_signs, value=None),
    Operator("linalg.svd", [normal(3, 4)], call=put_together, value=lambda x: (x, np.linalg.svd(x, compute_uv=False))),
    Operator("linalg.eigh", [normal(3, 3)], call=put_together_hermitian, value=None),
    Operator("linalg.eig", [A], call=put_together_eig, value=None),
    Operator(
        "linalg.eigvals",
        [A],
        call=lambda f, x: nb.sum(f(x) ** 3),
        value=lambda x: np.sum(np.linalg.eigvals(x).astype(np.result_type(x, np.complex64)) ** 3),
    ),
    Operator("linalg.diagonal", [normal(2, 3, 4)]),
    Operator("linalg.inv", [A]),
    Operator("linalg.matrix_power", [A], call=lambda f, x: f(x, 3)),
    Operator("linalg.multi_dot", [normal(2, 3), normal(3, 4), normal(4)], call=lambda f, *xs: f(xs)),
    Operator("linalg.norm", [nonzero(3)]),
    Operator("linalg.norm", [nonzero(3, 4)], {"axis": 1}),
    Operator("linalg.slogdet", [A]),
    Operator("linalg.solve", [A, normal(3, 2)]),
    Operator(
        "linalg.solve_triangular",
        [triangular(3, 3), normal(3, 2)],
        call=lambda f, a, b: f(a, b, lower=True),
        value=lambda a, b: scipy.linalg.solve_triangular(a, b, lower=True),
    ),
    Operator("linalg.trace", [normal(2, 3, 4)]),
    Operator("linalg.vector_norm", [nonzero(3, 4)], {"axis": 1}),
    Operator("linalg.cho_solve", [triangular(3, 3), normal(3)], value=cho_solved),
    Operator("linalg.cond", [A]),
    Operator("linalg.lstsq", [normal(4, 3), normal(4)], call=lambda f, a, b: f(a, b)[0]),
    Operator("linalg.lu", [A]),
    Operator("linalg.lu_factor", [A], call=lambda f, a: f(a)[0]),
    Operator("linalg.lu_solve", [A, normal(3, 2)], call=lambda f, a, b: f(nb.linalg.lu_factor(a), b), value=np.linalg.solve),
    Operator("linalg.cho_factor", [positive_definite(3, 3)], call=lambda f, x: f(x)[0], value=cho_factor),
    Operator("linalg.matrix_norm", [A], {"ord": "nuc"}),
    Operator("linalg.matrix_rank", [A], constant="a count"),
    Operator("linalg.pinv", [normal(4, 3)]),
    Operator("linalg.pinvh", [normal(3, 3)], call=lambda f, x: f(hermitian(x))),
    Operator("linalg.householder_product", [normal(4, 3), normal(3)], value=householder_product),
    Operator("linalg.polar", [A]),
    Operator("linalg.orthogonal_procrustes", [normal(4, 2), normal(4, 2)]),
    Operator("linalg.orth", [normal(4, 2)], call=projector, unmapped=RANK),
    Operator("linalg.null_space", [normal(2, 4)], call=projector, unmapped=RANK),
    Operator("linalg.subspace_angles", [normal(5, 3), normal(5, 2)]),
    Operator("linalg.solve_sylvester", [A, invertible(2, 2), normal(3, 2)]),
    Operator("linalg.solve_continuous_lyapunov", [A, normal(3, 3)]),
    Operator("linalg.solve_discrete_lyapunov", [A, normal(3, 3)], value=discrete_lyapunov),
    Operator("linalg.block_diag", [normal(2, 3), normal(2), normal()]),
    Operator("linalg.companion", [nonzero(4)]),
    Operator("linalg.khatri_rao", [normal(2, 3), normal(4, 3)]),
    *[
        Operator(f"linalg.{name}", [small(3)], dtypes=("float64", "complex128"))
        for name in ("sinm", "cosm", "sinhm", "coshm", "tanhm")
    ],
    Operator("linalg.tanm", [small(3)], dtypes=("float64", "complex128")),
    Operator("linalg.expm_frechet", [small(3), normal(3, 3)], dtypes=("float64", "complex128")),
    Operator("linalg.toeplitz", [normal(3), normal(4)]),
    Operator("linalg.hankel", [normal(3), normal(4)]),
    Operator("linalg.circulant", [normal(4)]),
    Operator("linalg.convolution_matrix", [normal(3)], {"n": 4, "mode": "same"}),
    Operator("linalg.matmul_toeplitz", [normal(3), normal(4), normal(4, 2)], call=with_row, value=matmul_toeplitz),
    Operator("linalg.solve_toeplitz", [led(4), led(4), normal(4)], call=with_row, value=solve_toeplitz),
    Operator("linalg.solve_circulant", [led(4), normal(4, 1, 2)], {"outaxis": 1}, value=solve_circulant),
    Operator("linalg.solve_banded", [band(1, 2, 4), normal(4, 2)], call=lambda f, ab, b: f((1, 2), ab, b)),
    Operator("linalg.solveh_banded", [band(0, 1, 4), normal(4)]),
    Operator("linalg.solve_tridiagonal", [normal(3), wide(4), normal(3), normal(4)], value=tridiagonal),
    Operator("linalg.tensorinv", [normal(4, 2, 2)], {"ind": 1}),
    Operator("linalg.tensorsolve", [normal(4, 2, 2), normal(4)]),
]
