"""nb.linalg: systems and matrices with a structure (banded, Toeplitz, circulant), values as SciPy has them.

The primitives in every mode are in the table of primitives (rows/structured.py); here they are used as users use them.
"""

import numpy as np
import pytest
import scipy.linalg
from test_linalg import DTYPES, array, positive, regular, same

import nabla as nb
from nabla import linalg


def dense(band, lower, upper):
    """The matrices that a band stands for."""
    n = band.shape[-1]
    out = np.zeros((*band.shape[:-2], n, n), band.dtype)
    for i in range(n):
        for j in range(max(0, i - lower), min(n, i + upper + 1)):
            out[..., i, j] = band[..., upper + i - j, j]
    return out


def band_of(a, lower, upper):
    """The band of matrices, with what must not be read in its corners."""
    n = a.shape[-1]
    out = np.full((*a.shape[:-2], lower + upper + 1, n), 1e300 if a.dtype in (np.float64, np.complex128) else 1e30, a.dtype)
    for i in range(n):
        for j in range(max(0, i - lower), min(n, i + upper + 1)):
            out[..., upper + i - j, j] = a[..., i, j]
    return out


def banded(lower, upper, n, dtype="float64", stack=()):
    return band_of(regular((*stack, n, n), dtype), lower, upper)


# ---- banded ---------------------------------------------------------------------------------------------------

BANDS = [(1, 1), (2, 1), (0, 0), (0, 2), (1, 0), (2, 3), (7, 6)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("lower", "upper"), BANDS)
def test_solve_banded_is_scipys(lower, upper, dtype):
    band = banded(lower, upper, 6, dtype)
    for b in (array((6,), dtype), array((6, 2), dtype), array((6, 0), dtype)):
        same(linalg.solve_banded((lower, upper), band, b), scipy.linalg.solve_banded((lower, upper), band, b))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_solve_banded_of_little(n):
    band, b = banded(1, 1, n), array((n, 2))
    same(linalg.solve_banded((1, 1), band, b), np.linalg.solve(dense(band, 1, 1), b))
    nb.testing.check_grads(lambda b: linalg.solve_banded((1, 1), band, b), (b,))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 5, 5), (5,)),
        ((3, 5, 5), (5, 2)),
        ((3, 5, 5), (3, 5, 2)),
        ((5, 5), (3, 5, 2)),
        ((2, 1, 5, 5), (3, 5, 2)),
        ((0, 5, 5), (5,)),
    ],
)
@pytest.mark.parametrize(("lower", "upper"), [(1, 1), (2, 1), (0, 0)])
def test_stacks_of_bands(a, b, lower, upper):
    band, b = band_of(regular(a), lower, upper), array(b)
    same(linalg.solve_banded((lower, upper), band, b), np.linalg.solve(dense(band, lower, upper), b))


@pytest.mark.parametrize(("lower", "upper"), BANDS)
def test_derivatives_of_solve_banded(lower, upper):
    """Against the dense solution, in all modes; the corners have derivative zero."""
    n = 5
    band, b = banded(lower, upper, n), array((n, 2))
    places = band_of(np.arange(1.0, n * n + 1).reshape(n, n), lower, upper)
    known = places < 1e299

    def by_matrix(band, b):
        a = nb.zeros((n, n))
        for r, c in np.argwhere(known):
            a = a + nb.where(np.arange(1.0, n * n + 1).reshape(n, n) == places[r, c], band[r, c], 0.0)
        return linalg.solve(a, b)

    def by_band(band, b):
        return linalg.solve_banded((lower, upper), band, b)

    small = np.where(known, band, 0.5)
    for found, expected in zip(nb.jacrev(by_band)(small, b), nb.jacrev(by_matrix)(small, b)):
        same(found, expected)
    for found, expected in zip(nb.jacfwd(by_band)(small, b), nb.jacfwd(by_matrix)(small, b)):
        same(found, expected)
    second = [nb.hessian(lambda band, f=f: (f(band, b) ** 3).sum())(small) for f in (by_band, by_matrix)]
    same(*second)
    gradient = nb.grad(lambda band: by_band(band, b).sum())(band)
    assert not gradient[~known].any()


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_solve_banded_in_every_mode(dtype):
    band, b = banded(1, 2, 4, dtype), array((4, 2), dtype)
    band = np.where(np.abs(band) > 1e299, 0.5, band)
    f = lambda band, b: linalg.solve_banded((1, 2), band, b)
    nb.testing.check_grads(f, (band, b), order=2)
    bands, bs = np.stack([band, 2 * band, band + 0.1]), array((3, 4, 2), dtype)
    for g in (f, nb.grad(lambda band, b: nb.abs(f(band, b) ** 3).sum(), argnums=(0, 1))):
        nb.testing.check_vmap(g, (bands, bs))
        nb.testing.check_vmap(g, (band, bs), in_axes=(None, 0))
        nb.testing.check_vmap(g, (bands, b), in_axes=(0, None))


def test_third_derivative_of_a_tridiagonal_solution():
    def f(t):
        return linalg.solve_tridiagonal([t, 1.0], [3.0 + t, 3.0, 3.0 - t], [1.0, t * t], [1.0, 2.0, 3.0]).sum()

    def g(t):
        a = nb.stack([nb.stack([3.0 + t, 1.0, 0.0]), nb.stack([t, 3.0, t * t]), nb.stack([0.0, 1.0, 3.0 - t])])
        return linalg.solve(a, nb.asarray([1.0, 2.0, 3.0])).sum()

    for _ in range(3):
        f, g = nb.grad(f), nb.grad(g)
    np.testing.assert_allclose(f(0.4), g(0.4), rtol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("u", [0, 1, 2, 5])
def test_solveh_banded_is_scipys(u, lower, dtype):
    a = positive((5, 5), dtype)
    band = band_of(a * (abs(np.subtract.outer(range(5), range(5))) <= u) + 9.0 * np.eye(5, dtype=dtype), u, u)
    half = band[u:] if lower else band[: u + 1]
    b = array((5, 2), dtype)
    same(linalg.solveh_banded(half, b, lower=lower), scipy.linalg.solveh_banded(half, b, lower=lower))
    same(
        linalg.solveh_banded(np.stack([half, 2 * half]), b[:, 0], lower=lower)[1],
        scipy.linalg.solveh_banded(2 * half, b[:, 0], lower=lower),
    )


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("lower", [False, True])
def test_derivatives_of_solveh_banded(lower, dtype):
    half = array((3, 5), dtype)
    half[0 if lower else 2] += 9.0
    b = array((5,), dtype)
    nb.testing.check_grads(lambda half, b: linalg.solveh_banded(half, b, lower=lower), (half, b), order=2)


def test_solve_tridiagonal_broadcasts():
    dl, d, du, b = array((3, 4)), array((2, 1, 5)) + 6.0, array((4,)), array((5, 2))
    found = linalg.solve_tridiagonal(dl, d, du, b)
    for i, j in np.ndindex(2, 3):
        a = np.diag(d[i, 0]) + np.diag(dl[j], -1) + np.diag(du, 1)
        same(found[i, j], np.linalg.solve(a, b))
    assert linalg.solve_tridiagonal([], [], [], []).shape == (0,)
    assert linalg.solve_tridiagonal([], [2.0], [], [4.0]).tolist() == [2.0]
    assert linalg.solve_tridiagonal([1], [2, 2], np.float32([0]), np.float32([2, 3])).dtype == np.float64


SINGULAR = [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.solve_banded((1, 1), np.zeros((3, 3)), np.ones(3)), "solve_banded: the matrix is singular"),
        (lambda: linalg.solve_banded((0, 0), [[1.0, 0.0]], np.ones(2)), "solve_banded: the matrix is singular"),
        (lambda: linalg.solve_banded((2, 0), np.zeros((3, 3)), np.ones(3)), "solve_banded: the matrix is singular"),
        (
            lambda: linalg.solve_banded((1, 1), np.stack([banded(1, 1, 3), np.zeros((3, 3))]), np.ones(3)),
            "solve_banded: matrix 1 of the stack is singular",
        ),
        (lambda: linalg.solve_tridiagonal([1.0], [1.0, 1.0], [1.0], [1.0, 2.0]), "solve_tridiagonal: the matrix is singular"),
        (
            lambda: linalg.solveh_banded([[1.0, 2.0]], [1.0, 2.0], lower=True) - linalg.solveh_banded([[1.0, -2.0]], [1.0, 2.0]),
            "solveh_banded: the matrix is not positive definite",
        ),
    ],
)
def test_singular_bands_raise_at_the_call(call, message):
    with pytest.raises(nb.LinAlgError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.solve_banded((1, 1), np.ones((2, 3)), np.ones(3)), nb.ShapeError, "make 3 rows of ab"),
        (lambda: linalg.solve_banded(3, np.ones((3, 3)), np.ones(3)), nb.ArgumentError, "the numbers of diagonals"),
        (lambda: linalg.solve_banded((-1, 1), np.ones((1, 3)), np.ones(3)), nb.ShapeError, "l is at least 0"),
        (lambda: linalg.solve_banded((1, 1), np.ones((3, 3)), np.ones(4)), nb.ShapeError, "a has 3 rows, but b has 4"),
        (lambda: linalg.solve_banded((0, 0), np.ones(3), np.ones(3)), nb.ShapeError, "ab has the diagonals as rows"),
        (lambda: linalg.solve_banded((0, 0), np.ones((1, 3), np.float16), np.ones(3, np.float16)), nb.DTypeError, "float16"),
        (lambda: linalg.solve_tridiagonal(np.ones(3), np.ones(3), np.ones(2), np.ones(3)), nb.ShapeError, r"dl\[..., 1:\]"),
        (lambda: linalg.solve_tridiagonal(np.ones(2), np.ones(3), np.ones(3), np.ones(3)), nb.ShapeError, r"du\[..., :-1\]"),
    ],
)
def test_bad_arguments_of_bands(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_is_not_finite_stays_in_its_own_system():
    bands, b = np.stack([banded(1, 1, 4)] * 3), np.ones(4)
    bands[1, 1, 2] = np.nan
    found = linalg.solve_banded((1, 1), bands, b).numpy()
    assert np.isfinite(found[[0, 2]]).all() and np.isnan(found[1]).any()


def test_no_dense_matrix_is_made():
    n = 200_000
    d = np.full(n, 4.0)
    side = np.ones(n - 1)
    gradient = nb.grad(lambda d: (linalg.solve_tridiagonal(side, d, side, np.ones(n)) ** 2).sum())(d)
    assert gradient.shape == (n,)
    assert np.isfinite(gradient).all()
