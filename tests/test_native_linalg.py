"""Code of the native engine for matrices of any size: against the NumPy engine, whose signs and phases it has."""

import numpy as np
import pytest
from test_native_structured import agrees

import nabla as nb
from nabla.engines.native.compile import ENGINE as NATIVE_ENGINE
from nabla.engines.numpy.compile import ENGINE as NUMPY_ENGINE

RNG = np.random.default_rng(11)
DTYPES = {"float64": 1e-10, "complex128": 1e-10, "float32": 5e-4, "complex64": 5e-4}
SHAPES = [(1, 1), (3, 3), (12, 12), (4, 2), (3, 20), (2, 1, 4, 3), (9, 2, 2)]
CASES = [(shape, dtype) for dtype in ("float64", "complex128") for shape in SHAPES]
CASES += [((5, 5), "float32"), ((3, 9, 5), "complex64")]
LA = nb.linalg


def drawn(shape, dtype):
    x = RNG.normal(size=shape)
    return (x + 1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def with_gaps(x):
    """The first matrix has a NaN, the last an infinity."""
    x = x.copy()
    x.reshape(-1)[0], x.reshape(-1)[-1] = np.nan, np.inf
    return x


def any_shape(a):
    return LA.svd(a, full_matrices=False), LA.svd(a), LA.svdvals(a), LA.pinv(a), LA.qr(a), LA.qr(a, mode="complete")


def spectra(a):
    return LA.eig(a), LA.eigvals(a), LA.eigh(a), LA.eigvalsh(a)


def square(a):
    h = a @ LA.matrix_transpose(a.conj()) + nb.eye(a.shape[-1], dtype=a.dtype)
    return LA.cholesky(h), LA.inv(a), LA.solve(a, a[..., :1]), LA.lu(a), LA.slogdet(a), LA.det(a)


@pytest.mark.parametrize(("shape", "dtype"), CASES, ids=str)
def test_factors_and_spectra(shape, dtype):
    x, close = drawn(shape, dtype), DTYPES[dtype]
    near = {"rtol": close, "atol": close}
    agrees(lambda a, b: (any_shape(a), LA.svd(b, full_matrices=False), LA.svdvals(b), LA.pinv(b)), x, with_gaps(x), **near)
    if shape[-1] == shape[-2]:
        agrees(lambda a, b: (square(a), spectra(a), spectra(b)), x, with_gaps(x), rtol=10 * close, atol=10 * close)


def test_derivatives_at_equal_eigenvalues():
    """The mean over equal eigenvalues is code of this engine."""
    h = np.diag([1.0, 1.0, 2.0, 3.0, 3.0])
    for f in (
        lambda a: LA.eigvalsh(a)[0],
        lambda a: (LA.eigvalsh(a) ** 3).sum(),
        lambda a: (nb.matmul(LA.eigh(a)[1], a)).sum() * 0.0,
    ):
        agrees(nb.grad(f), h, rtol=1e-12, atol=1e-12)
        agrees(nb.grad(lambda a: f(a).real), h + 0j, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_columns_whose_squares_are_no_numbers(scale):
    x = drawn((3, 3), "float64") * scale
    x[:, 1] = 0.0
    agrees(LA.qr, x, rtol=1e-12, atol=1e-12 * scale)


def test_matrices_without_numbers():
    for shape in ((0, 3), (3, 0), (0, 2, 2)):
        graph = nb.make_graph(lambda a: (LA.svdvals(a), LA.qr(a)))(np.ones(shape))
        for a, b in zip(
            NATIVE_ENGINE.executable(graph)(np.ones(shape)), NUMPY_ENGINE.executable(graph)(np.ones(shape)), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def test_a_matrix_that_is_not_positive_definite():
    for n in (2, 20):
        with pytest.raises(nb.LinAlgError, match="not positive definite"):
            nb.jit(LA.cholesky, engine="native")(-np.eye(n) + 0j)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (1, 1), (2, 1), (0, 2), (3, 3)])
def test_banded_systems(lower, upper, dtype):
    near = {"rtol": DTYPES[dtype], "atol": DTYPES[dtype]}
    for shape in ((12,), (2, 7)):
        band = drawn((*shape[:-1], lower + upper + 1, shape[-1]), dtype)
        band[..., upper, :] += 8.0
        b = drawn((*shape, 2), dtype)
        agrees(lambda a, b: LA.solve_banded((lower, upper), a, b), band, b, **near)
        agrees(lambda a, b: nb.vjp(lambda a: LA.solve_banded((lower, upper), a, b), a)[1](b), band, b, **near)
    if lower == 0:
        half = drawn((upper + 1, 12), dtype) * 0.3
        half[0] = half[0].real + 8.0
        agrees(lambda a, b: LA.solveh_banded(a, b, lower=True), half, drawn(12, dtype), **near)
    with pytest.raises(nb.LinAlgError, match="singular"):
        nb.jit(lambda a, b: LA.solve_banded((lower, upper), a, b), engine="native")(0 * band, b)
