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


# ---- Toeplitz -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "float32", "complex128"])
@pytest.mark.parametrize(("m", "n"), [(3, 4), (4, 2), (1, 1), (1, 3), (3, 1), (0, 0), (2, 0), (0, 2)])
def test_matrices_of_diagonals_are_scipys(m, n, dtype):
    c, r = array((m,), "complex128" if dtype == "complex128" else "float64"), array((n,), "float64")
    c, r = (9 * c).astype(dtype), (9 * r).astype(dtype)
    same(linalg.toeplitz(c, r), scipy.linalg.toeplitz(c, r))
    same(linalg.toeplitz(c), scipy.linalg.toeplitz(c))
    if m and n:
        same(linalg.hankel(c, r), scipy.linalg.hankel(c, r))
        same(linalg.hankel(c), scipy.linalg.hankel(c))
        same(linalg.circulant(c), scipy.linalg.circulant(c))
        for mode in ("full", "same", "valid"):
            same(linalg.convolution_matrix(c, n, mode), scipy.linalg.convolution_matrix(c, n, mode))


def test_stacks_of_matrices_of_diagonals():
    c, r = array((2, 1, 3)), array((4, 5))
    for f in (linalg.toeplitz, linalg.hankel):
        found = f(c, r)
        assert found.shape == (2, 4, 3, 5)
        same(found[1, 2], f(c[1, 0], r[2]))
    same(linalg.circulant(c)[1, 0], linalg.circulant(c[1, 0]))
    nb.testing.check_grads(linalg.toeplitz, (c[0], r))
    nb.testing.check_grads(linalg.hankel, (c[0], r))
    nb.testing.check_grads(linalg.circulant, (c,))


def diagonals(n, dtype="float64", stack=()):
    c, r = array((*stack, n), dtype), array((*stack, n), dtype)
    c[..., :1] = r[..., :1] = 4.0
    return c, r


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_solve_toeplitz_is_scipys(n, dtype):
    c, r = diagonals(n, dtype)
    for b in (array((n,), dtype), array((n, 2), dtype), array((n, 0), dtype)):
        expected = scipy.linalg.solve_toeplitz((c, r), b) if b.size else b
        same(linalg.solve_toeplitz((c, r), b), expected.astype(dtype))
        same(linalg.matmul_toeplitz((c, r), b), scipy.linalg.toeplitz(c, r) @ b)
    same(linalg.solve_toeplitz(c, b), np.linalg.solve(scipy.linalg.toeplitz(c), b))


def test_systems_of_nothing():
    none = np.zeros(0)
    assert linalg.solve_toeplitz(none, none).shape == (0,)
    assert linalg.matmul_toeplitz((np.ones(2), none), none).tolist() == [0.0, 0.0]
    assert linalg.solve_circulant(none, none).shape == (0,)
    assert linalg.solve_toeplitz((np.ones((0, 3)), np.ones((0, 3))), np.ones(3)).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_toeplitz_in_every_mode(dtype):
    c, r = diagonals(4, dtype)
    b = array((4, 2), dtype)
    short = array((3,), dtype)
    f = lambda c, r, b: linalg.solve_toeplitz((c, r), b)
    nb.testing.check_grads(f, (c, r, b), order=2)
    nb.testing.check_grads(lambda c, b: linalg.solve_toeplitz(c, b), (c, b), order=2)
    nb.testing.check_grads(lambda c, r, x: linalg.matmul_toeplitz((c, r), x), (c, short, b[:3]), order=2)
    stacks = (*diagonals(4, dtype, (3,)), array((3, 4, 2), dtype))
    for g in (f, nb.grad(lambda c, r, b: nb.abs(f(c, r, b) ** 3).sum(), argnums=(0, 1, 2))):
        nb.testing.check_vmap(g, stacks)
        nb.testing.check_vmap(g, (stacks[0], r, stacks[2]), in_axes=(0, None, 0))
        nb.testing.check_vmap(g, (c, r, stacks[2]), in_axes=(None, None, 0))


def test_derivatives_of_solve_toeplitz_are_those_of_the_matrix():
    c, r = diagonals(6)
    b = array((6,))
    direct = lambda c: (linalg.solve_toeplitz((c, r), b) ** 3).sum()
    dense = lambda c: (linalg.solve(linalg.toeplitz(c, r), b) ** 3).sum()
    same(nb.hessian(direct)(c), nb.hessian(dense)(c), 1e-9)
    third = [nb.jacfwd(nb.hessian(f))(c) for f in (direct, dense)]
    same(*third, 1e-8)


def test_stacks_of_toeplitz_systems():
    c, r = diagonals(4, stack=(3,))
    b = array((2, 1, 4, 2))
    same(linalg.solve_toeplitz((c, r), b), np.linalg.solve(np.stack(list(map(scipy.linalg.toeplitz, c, r))), b))
    same(linalg.matmul_toeplitz((c, r), b), np.stack(list(map(scipy.linalg.toeplitz, c, r))) @ b)
    same(
        linalg.solve_toeplitz((c, r), b[0, 0, :, 0]),
        np.stack([linalg.solve_toeplitz((c[i], r[i]), b[0, 0, :, 0]) for i in range(3)]),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_solve_circulant_is_scipys(dtype):
    c, b = array((5,), dtype), array((5, 3), dtype)
    c[0] += 5.0
    same(linalg.solve_circulant(c, b.T, baxis=1), scipy.linalg.solve_circulant(c, b.T, baxis=1))
    many = np.stack([c, 2 * c, c + 1], axis=1)
    same(
        linalg.solve_circulant(many, b, caxis=0, baxis=0, outaxis=1),
        scipy.linalg.solve_circulant(many, b, caxis=0, baxis=0, outaxis=1),
    )
    singular = np.ones(5, dtype)
    same(
        linalg.solve_circulant(singular, b[:, 0], singular="lstsq"),
        scipy.linalg.solve_circulant(singular, b[:, 0], singular="lstsq", tol=1e-3 if dtype in ("float32", "complex64") else None),
    )


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_derivatives_of_solve_circulant(dtype):
    c, b = array((4,), dtype), array((4,), dtype)
    c[0] += 5.0
    nb.testing.check_grads(linalg.solve_circulant, (c, b), order=2)
    f = lambda c: (nb.abs(linalg.solve_circulant(c, b)) ** 2).sum()
    g = lambda c: (nb.abs(linalg.solve(linalg.circulant(c), b)) ** 2).sum()
    same(nb.grad(f)(c), nb.grad(g)(c))
    same(
        nb.grad(lambda c: linalg.solve_circulant(c, b, singular="lstsq").real.sum())(c),
        nb.grad(lambda c: linalg.solve_circulant(c, b).real.sum())(c),
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.solve_toeplitz(np.zeros(3), np.ones(3)), nb.LinAlgError, "solve_toeplitz: the matrix is singular"),
        (lambda: linalg.solve_toeplitz([0.0, 1.0], np.ones(2)), nb.LinAlgError, "the recursion cannot pass"),
        (
            lambda: linalg.solve_toeplitz([[1.0, 0.0], [1.0, 1.0]], np.ones(2)),
            nb.LinAlgError,
            "solve_toeplitz: matrix 1 of the stack is singular",
        ),
        (lambda: linalg.solve_circulant(np.ones(3), np.ones(3)), nb.LinAlgError, "solve_circulant: the matrix is singular"),
        (lambda: linalg.solve_toeplitz((np.ones(3), np.ones(2)), np.ones(2)), nb.ShapeError, "lengths 3 and 2"),
        (lambda: linalg.solve_toeplitz(np.ones(3), np.ones(2)), nb.ShapeError, "a has 3 rows, but b has 2"),
        (lambda: linalg.toeplitz(3.0), nb.ShapeError, "toeplitz: c is one number"),
        (lambda: linalg.solve_circulant(np.ones(3), np.ones(2)), nb.ShapeError, "length 3 along caxis"),
        (lambda: linalg.solve_circulant(np.ones(3), np.ones(3), singular="no"), nb.ArgumentError, "'raise' or 'lstsq'"),
        (lambda: linalg.convolution_matrix(np.ones(3), 2, "none"), nb.ArgumentError, "mode is 'full'"),
        (lambda: linalg.convolution_matrix(np.ones(0), 2), nb.ShapeError, "a is empty"),
    ],
)
def test_bad_arguments_of_diagonals(call, error, message):
    with pytest.raises(error, match=message):
        call()
