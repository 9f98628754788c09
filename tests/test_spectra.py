"""Spectra, orthogonal factors and matrix functions: NumPy's and SciPy's values, and derivatives at equal eigenvalues.

At separate eigenvalues the table of primitives checks every mode (rows/spectra.py). Here the spectra are degenerate, and
the reference is the same function written without eigenvectors.
"""

import itertools

import numpy as np
import pytest
import scipy.linalg

import nabla as nb
from nabla import linalg

rng = np.random.default_rng(3)
DTYPES = ["float32", "float64", "complex64", "complex128"]
SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 3, 3), (1, 1), (2, 2, 3, 4), (0, 2), (2, 0), (0, 0)]


def array(shape, dtype="float64"):
    x = rng.standard_normal(shape)
    return np.asarray(x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def same(found, expected, tolerance=1e-10):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype in (np.float32, np.complex64):
        tolerance = 1e-4
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def unitary(n, dtype):
    return np.linalg.qr(array((n, n), dtype))[0]


def of_eigenvalues(w, dtype):
    v = unitary(len(w), dtype)
    h = (v * np.array(w)) @ adjoint(v)
    return (h + adjoint(h)) / 2


def of_singular_values(s, m, dtype):
    return (unitary(m, dtype)[:, : len(s)] * np.array(s)) @ adjoint(unitary(len(s), dtype))


def slopes(f, a, d):
    """The derivative of a real function along d, backwards and forwards."""
    return np.sum(np.asarray(nb.grad(f)(a)) * d).real, nb.jvp(f, (a,), (d,))[1].item()


# ---- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_decompositions_have_numpys_shapes_and_multiply_to_the_matrix(shape, dtype):
    x = array(shape, dtype)
    for full in (False, True):
        u, s, vh = linalg.svd(x, full_matrices=full)
        expected = np.linalg.svd(x, full_matrices=full)
        assert [(y.shape, y.dtype) for y in (u, s, vh)] == [(y.shape, y.dtype) for y in expected]
        same(s, expected.S)
        k = s.shape[-1]
        same((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], x)
        for unit in (nb.conj(u.mT) @ u, vh @ nb.conj(vh.mT)):
            same(unit, np.broadcast_to(np.eye(unit.shape[-1], dtype=dtype), unit.shape))
    for mode in ("reduced", "complete"):
        q, r = linalg.qr(x, mode=mode)
        expected = np.linalg.qr(x, mode=mode)
        assert q.shape == expected.Q.shape
        same(r, expected.R)
        same(q @ r, x)
    same(linalg.qr(x, mode="r"), np.linalg.qr(x, mode="r"))
    same(linalg.svdvals(x), np.linalg.svdvals(x))
    same(linalg.pinv(x), np.linalg.pinv(x))
    same(linalg.matrix_rank(x), np.linalg.matrix_rank(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1), (0, 0), (0, 2, 2)])
def test_eigenvalues_are_numpys(shape, dtype):
    x = array(shape, dtype)
    h = x + adjoint(x)
    w, v = linalg.eigh(h)
    same(w, np.linalg.eigh(h).eigenvalues)
    same(linalg.eigvalsh(h), np.linalg.eigvalsh(h))
    same((v * w.astype(dtype)[..., None, :]) @ nb.conj(v.mT), h)
    for uplo in "LU":
        same(linalg.eigvalsh(x, uplo), np.linalg.eigvalsh(x, uplo), 1e-9)
    w, v = linalg.eig(x)
    assert w.dtype == v.dtype == np.promote_types(dtype, np.complex64)
    same(x.astype(v.dtype) @ v, v * w[..., None, :])
    same(linalg.eigvals(x), np.linalg.eigvals(x).astype(w.dtype), 1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1)])
def test_norms_of_singular_values_are_numpys(shape, dtype):
    x = array(shape, dtype)
    for order, keepdims in itertools.product(("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf), (False, True)):
        same(linalg.matrix_norm(x, ord=order, keepdims=keepdims), np.linalg.matrix_norm(x, ord=order, keepdims=keepdims))
    same(linalg.norm(x, "nuc", axis=(-1, -2), keepdims=True), np.linalg.norm(x, "nuc", axis=(-1, -2), keepdims=True))
    same(linalg.cond(x), np.linalg.cond(x), 1e-8)
    if shape[-1] == shape[-2]:
        for p in (-2, 1, np.inf, "fro"):
            same(linalg.cond(x, p), np.linalg.cond(x, p), 1e-8)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 4)])
def test_least_squares(shape, dtype):
    a = array(shape, dtype)
    for b in (array(shape[:1], dtype), array((shape[0], 3), dtype)):
        found, expected = linalg.lstsq(a, b), np.linalg.lstsq(a, b)
        for x, y in zip((found.x, found.residuals, found.s), (expected[0], expected[1], expected[3])):
            same(x, y)
        assert found.rank.item() == expected[2]
        nb.testing.check_grads(lambda a, b: linalg.lstsq(a, b)[:2], (a, b))
    deficient = of_singular_values([2.0, 0.0], 4, dtype)
    assert linalg.lstsq(deficient, array((4,), dtype)).residuals.shape == (0,)
    assert linalg.lstsq(np.ones((2, 0)), [1.0, 2.0]).residuals.tolist() == [5.0]


def test_functions_of_matrices_are_scipys():
    a = array((3, 3))
    positive = a @ a.T + np.eye(3)
    for dtype in DTYPES:
        same(linalg.expm(a.astype(dtype)), scipy.linalg.expm(a.astype(dtype)))
        same(linalg.sqrtm(positive.astype(dtype)), scipy.linalg.sqrtm(positive).astype(dtype))
        same(linalg.logm(positive.astype(dtype)), scipy.linalg.logm(positive).astype(dtype))
    same(linalg.logm((-np.eye(2)).astype(complex)), np.pi * 1j * np.eye(2))


# ---- derivatives at equal eigenvalues ---------------------------------------------------------------------------

SPECTRA = [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 2.0, 5.0], [1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("w", SPECTRA)
def test_symmetric_function_of_equal_eigenvalues(w, dtype):
    for a in (of_eigenvalues(w, dtype), np.diag(w).astype(dtype)):
        d = of_eigenvalues([1.0, 2.0, -1.0, 0.5], dtype)
        expected = np.sum(scipy.linalg.expm(a).T * d).real
        np.testing.assert_allclose(slopes(lambda a: nb.exp(linalg.eigvalsh(a)).sum(), a, d), expected, rtol=1e-10)
        backwards = np.sum(np.asarray(nb.grad(lambda a: nb.exp(linalg.eigh(a)[0]).sum())(a)) * d).real
        np.testing.assert_allclose(backwards, expected, rtol=1e-10)
        general = nb.jvp(lambda a: nb.real(nb.exp(linalg.eigvals(a)).sum()), (a,), (d,))[1].item()
        np.testing.assert_allclose(general, expected, rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_projector_on_a_separate_eigenspace(dtype):
    """With p the projector on the eigenvalue 2 and r_k those on the others: dp = sum (p da r_k + r_k da p) / (2 - w_k)."""
    w, v = np.array([1.0, 2.0, 2.0, 5.0]), unitary(4, dtype)
    a, d, c = (v * w) @ adjoint(v), of_eigenvalues([1.0, 2.0, -1.0, 0.5], dtype), array((4, 4), dtype)
    a = (a + adjoint(a)) / 2
    p = v[:, 1:3] @ adjoint(v[:, 1:3])
    turned = sum((p @ d @ np.outer(v[:, k], np.conj(v[:, k]))) / (2.0 - w[k]) for k in (0, 3))

    def f(a):
        kept = linalg.eigh(a).eigenvectors[:, 1:3]
        return nb.real((c * (kept @ nb.conj(kept.mT))).sum())

    np.testing.assert_allclose(slopes(f, a, d), np.sum(c * (turned + adjoint(turned))).real, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("w", SPECTRA)
def test_all_eigenvectors_together_are_the_unit_matrix(w, dtype):
    a, d, x = of_eigenvalues(w, dtype), of_eigenvalues([1.0, 2.0, -1.0, 0.5], dtype), array((4,), dtype)

    def f(a):
        v = linalg.eigh(a).eigenvectors
        return nb.real(np.conj(x) @ (v @ (nb.conj(v.mT) @ x)))

    np.testing.assert_allclose(slopes(f, a, d), 0.0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("w", SPECTRA)
def test_what_would_depend_on_the_choice_is_nan(w, dtype):
    a, d, c = of_eigenvalues(w, dtype), of_eigenvalues([1.0, 2.0, -1.0, 0.5], dtype), array((4, 4), dtype)

    i = 1 if w[1] == w[2] else 0
    assert np.isnan(nb.grad(lambda a: nb.real(linalg.eigh(a).eigenvectors[:, i] @ c[0]))(a)).all()
    second = nb.grad(lambda a: nb.exp(linalg.eigvalsh(a)).sum())
    assert np.isnan(nb.jvp(second, (a,), (d,))[1]).all()
    assert np.isnan(nb.vjp(second, a)[1](d)[0]).all()


def test_it_is_nan_where_the_cotangent_hides_it():
    """At the unit matrix the eigenvectors are unit vectors, and an element off the diagonal sees no value at all."""
    d = np.array([[0.0, 1.0], [1.0, 0.0]])
    second = nb.grad(lambda a: nb.exp(linalg.eigvalsh(a)).sum())
    assert np.isnan(nb.vjp(second, np.eye(2))[1](d)[0]).all() and np.isnan(nb.jvp(second, (np.eye(2),), (d,))[1]).all()


def test_a_weight_has_its_derivative_beside_equal_eigenvalues():
    slope = nb.grad(lambda t: nb.grad(lambda a: (t * linalg.eigvalsh(a)).sum())(np.eye(2))[0, 0])
    assert abs(slope(3.0) - 1.0) < 1e-12


def test_a_function_that_sees_the_phase_is_nan():
    a = of_eigenvalues([1.0, 2.0, 3.0], "complex128")
    assert np.isnan(nb.grad(lambda a: nb.real((1 + 2j) * linalg.eigh(a).eigenvectors[0, 1]))(a)).all()
    assert np.isnan(nb.grad(lambda a: nb.real((1 + 2j) * linalg.svd(a).U[0, 1]))(a)).all()
    assert np.isnan(nb.grad(lambda a: nb.real((1 + 2j) * linalg.eig(a).eigenvectors[0, 1]))(a)).all()
    a = array((4, 2))
    assert np.isnan(nb.grad(lambda a: linalg.svd(a).U[0, 3])(a)).all()


@pytest.mark.parametrize("function", [linalg.expm, linalg.logm, linalg.sqrtm])
@pytest.mark.parametrize("w", SPECTRA[:3])
def test_functions_of_matrices_with_equal_eigenvalues(w, function):
    a = of_eigenvalues(w, "float64")
    nb.testing.check_grads(function, (a,))
    defective = np.array([[2.0, 1.0], [0.0, 2.0]])
    nb.testing.check_grads(function, (defective,))


def test_eigenvalues_share_the_derivative_evenly():
    expected = np.broadcast_to(np.eye(3) / 3, (3, 3, 3))
    np.testing.assert_allclose(nb.jacrev(linalg.eigvalsh)(np.eye(3)), expected, atol=1e-15)
    np.testing.assert_allclose(nb.jacfwd(linalg.eigvalsh)(np.eye(3)), expected, atol=1e-15)
    np.testing.assert_allclose(nb.grad(lambda a: linalg.norm(a, 2))(np.eye(3)), np.eye(3) / 3, atol=1e-15)


# ---- derivatives at equal singular values -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("m", [3, 5])
@pytest.mark.parametrize("s", [[2.0, 2.0, 2.0], [3.0, 2.0, 2.0]])
def test_equal_singular_values(s, m, dtype):
    a, d, c = of_singular_values(s, m, dtype), array((m, 3), dtype), array((m, 3), dtype)

    def root(a):
        return linalg.sqrtm(nb.conj(a.mT) @ a)

    def polar(a):
        u, _, vh = linalg.svd(a, full_matrices=False)
        return nb.real((c * (u @ vh)).sum())

    def nuclear(a):
        return linalg.norm(a, "nuc")

    nuclear_plain = lambda a: nb.real(linalg.trace(root(a)))
    polar_plain = lambda a: nb.real((c * (a @ linalg.inv(root(a)))).sum())
    np.testing.assert_allclose(slopes(nuclear, a, d), slopes(nuclear_plain, a, d), rtol=1e-9)
    np.testing.assert_allclose(slopes(polar, a, d), slopes(polar_plain, a, d), rtol=1e-9)
    expected = nb.jvp(nb.grad(nuclear_plain), (a,), (d,))[1]
    np.testing.assert_allclose(nb.jvp(nb.grad(nuclear), (a,), (d,))[1], expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        nb.vjp(nb.grad(nuclear), a)[1](np.asarray(d))[0], nb.vjp(nb.grad(nuclear_plain), a)[1](d)[0], atol=1e-9
    )


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("s", [[3.0, 3.0, 0.0, 0.0], [2.0, 2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
@pytest.mark.parametrize("m", [4, 5])
def test_sum_of_squares_of_singular_values_without_full_rank(s, m, dtype):
    a, d = of_singular_values(s, m, dtype), array((m, 4), dtype)
    expected = 2.0 * np.sum(np.conj(a) * d).real
    np.testing.assert_allclose(slopes(lambda a: (linalg.svdvals(a) ** 2).sum(), a, d), expected, rtol=1e-10, atol=1e-13)
    assert np.isfinite(nb.grad(lambda a: linalg.norm(a, "nuc"))(a)).all()


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("s", [[2.0, 2.0, 2.0], [2.0, 2.0, 0.0]])
def test_pseudoinverse_with_equal_singular_values(s, dtype):
    """Among matrices of one rank: p q with factors of full rank has the pseudoinverse q^+ p^+."""
    rank = sum(x > 0 for x in s)
    u, v = unitary(4, dtype)[:, :rank], unitary(3, dtype)[:, :rank]
    p, q = u * 2.0, adjoint(v)

    def gram(a):
        return nb.conj(a.mT) @ a

    def expected(p, q):
        q_h = nb.conj(q.mT)
        return (q_h @ linalg.inv(q @ q_h)) @ (linalg.inv(gram(p)) @ nb.conj(p.mT))

    directions = (array(p.shape, dtype), array(q.shape, dtype))
    found = nb.jvp(lambda p, q: linalg.pinv(p @ q, rtol=1e-9), (p, q), directions)
    wanted = nb.jvp(expected, (p, q), directions)
    for x, y in zip(found, wanted):
        np.testing.assert_allclose(x, y, atol=1e-9)
    g = array((3, 4), dtype)
    found = nb.vjp(lambda p, q: linalg.pinv(p @ q, rtol=1e-9), p, q)[1](g)
    for x, y in zip(found, nb.vjp(expected, p, q)[1](g)):
        np.testing.assert_allclose(x, y, atol=1e-9)


def test_stacks_and_lanes_agree():
    a = np.stack([np.eye(3), of_eigenvalues([1.0, 2.0, 2.0], "float64"), of_eigenvalues([1.0, 2.0, 3.0], "float64")])
    gradient = nb.grad(lambda a: nb.exp(linalg.eigvalsh(a)).sum())
    np.testing.assert_allclose(nb.vmap(gradient)(a), scipy.linalg.expm(a), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gradient(a), scipy.linalg.expm(a), rtol=1e-9, atol=1e-12)
    nb.testing.check_vmap(lambda a, b: linalg.lstsq(a, b)[0], (array((3, 4, 2)), array((3, 4))))
    for f in (linalg.svdvals, linalg.eigvals, linalg.expm, linalg.pinv, lambda a: linalg.qr(a).R):
        nb.testing.check_vmap(f, (a,))


def test_a_number_that_is_missing():
    a = np.stack([np.eye(3), np.full((3, 3), np.nan)])
    for f in (linalg.eigvalsh, linalg.eigvals, linalg.svdvals, linalg.pinv, linalg.logm, lambda a: linalg.svd(a).U):
        out = np.asarray(f(a))
        assert np.isfinite(out[0]).all() and np.isnan(out[1]).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.eigh(np.ones((2, 3))), nb.ShapeError, "eigh: expected square matrices"),
        (lambda: linalg.eigh(np.eye(2), "X"), nb.ArgumentError, "eigh: UPLO is 'L'"),
        (lambda: linalg.svd(np.ones(2)), nb.ShapeError, r"svd: expected matrices, of shape \(..., m, n\)"),
        (lambda: linalg.qr(np.eye(2), mode="raw"), nb.ArgumentError, "qr: mode is 'reduced', 'complete' or 'r'"),
        (lambda: linalg.pinv(np.eye(2, dtype=np.float16)), nb.DTypeError, "pinv: float16 is too coarse"),
        (lambda: linalg.pinv(np.eye(2), 1e-3, rtol=1e-3), nb.ArgumentError, "are the same thing"),
        (lambda: linalg.matrix_rank(np.eye(2), 1e-3, rtol=1e-3), nb.ArgumentError, "not both"),
        (lambda: linalg.matrix_norm(np.ones(2)), nb.ShapeError, "matrix_norm: expected matrices"),
        (lambda: linalg.cond(np.ones((0, 0))), nb.LinAlgError, "cond: an empty matrix"),
        (lambda: linalg.lstsq(np.ones((3, 2)), np.ones(2)), nb.ShapeError, "lstsq: b is a vector of 3 elements"),
        (lambda: linalg.lstsq(np.ones((1, 3, 2)), np.ones(3)), nb.ShapeError, "use nb.vmap"),
        (lambda: linalg.logm(np.zeros((2, 2))), nb.LinAlgError, "logm: the matrix is singular"),
        (lambda: linalg.logm(-np.eye(2)), nb.LinAlgError, "logm: the matrix is real and has a negative eigenvalue"),
        (lambda: linalg.sqrtm(np.stack([np.eye(2), -np.eye(2)])), nb.LinAlgError, "sqrtm: matrix 1 of the stack is real"),
        (lambda: linalg.sqrtm([[0.0, 1.0], [0.0, 0.0]]), nb.LinAlgError, "has no square root"),
        (lambda: nb.grad(lambda a: linalg.qr(a).R.sum())(np.ones((2, 2))), nb.LinAlgError, "singular"),
    ],
)  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- LU and what is solved with a Cholesky factor --------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (5, 5)])
def test_lu_is_scipys(shape, dtype):
    x = array(shape, dtype)
    for options in ({}, {"permute_l": True}, {"p_indices": True}):
        for part, expected in zip(linalg.lu(x, **options), scipy.linalg.lu(x, **options), strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-3, atol=1e-5 if x.real.dtype == np.float32 else 1e-12)
    if x.real.dtype == np.float64:
        nb.testing.check_grads(lambda x: linalg.lu(x)[1:], (x,))
        nb.testing.check_vmap(lambda x: linalg.lu(x), (np.stack([x, 2.0 * x]),))


def of_dependent_columns(m, n, dtype="float64"):
    x = array((m, n), dtype)
    x[:, 1] = 2.0 * x[:, 0]
    x[:, 0], x[:, 1] = np.round(x[:, 0]), 2.0 * np.round(x[:, 0])
    return x


@pytest.mark.parametrize("shape", [(4, 2), (5, 3), (3, 3), (3, 5)])
def test_lu_of_dependent_columns_has_a_value_and_no_derivative(shape):
    x = of_dependent_columns(*shape)
    for options in ({}, {"permute_l": True}, {"p_indices": True}):
        for part, expected in zip(linalg.lu(x, **options), scipy.linalg.lu(x, **options), strict=True):
            np.testing.assert_allclose(part, expected, atol=1e-12)
    with pytest.raises(nb.LinAlgError, match="singular"):
        nb.grad(lambda x: linalg.lu(x)[1].sum())(x)
    with pytest.raises(nb.LinAlgError, match="singular"):
        nb.jvp(lambda x: linalg.lu(x)[1], (x,), (np.ones(shape),))


def test_lu_of_a_tall_matrix_makes_no_square_one():
    packed, pivots = linalg.lu_factor(np.ones((200_000, 2)) + np.arange(2.0))
    assert (packed.shape, pivots.shape) == ((200_000, 2), (2,))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3), (90, 3, 3), (0, 0), (0, 2)])
def test_lu_factor_is_scipys(shape, dtype):
    x = array(shape, dtype)
    found, expected = linalg.lu_factor(x), scipy.linalg.lu_factor(x)
    same(found[0], expected[0])
    assert found[1].tolist() == np.asarray(expected[1]).tolist()
    assert found[1].dtype == np.int32


@pytest.mark.parametrize("dtype", ["float64", "complex64", "complex128"])
@pytest.mark.parametrize("trans", [0, 1, 2])
def test_lu_solve_is_scipys(trans, dtype):
    a, b = array((4, 4), dtype), array((4, 2), dtype)
    for right in (b, b[:, 0]):
        same(
            linalg.lu_solve(linalg.lu_factor(a), right, trans),
            scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), right, trans),
            1e-10,
        )
    stack, right = array((3, 4, 4), dtype), array((2, 1, 4, 2), dtype)
    found = linalg.lu_solve(linalg.lu_factor(stack), right, trans)
    turned = {0: stack, 1: stack.swapaxes(1, 2), 2: stack.conj().swapaxes(1, 2)}[trans]
    same(found, np.linalg.solve(turned, right), 1e-8)
    if dtype == "complex64":
        return
    nb.testing.check_grads(lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans), (a, b))
    nb.testing.check_vmap(lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans), (stack, array((3, 4), dtype)))
    nb.testing.check_vmap(lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans), (a, array((3, 4), dtype)), in_axes=(None, 0))


def test_errors_of_lu_solve():
    with pytest.raises(nb.LinAlgError, match="singular"):
        linalg.lu_solve(linalg.lu_factor(np.ones((2, 2))), np.ones(2))
    with pytest.raises(nb.ShapeError, match="the pivots have shape"):
        linalg.lu_solve((np.ones((2, 2)), np.zeros(3, int)), np.ones(2))
    with pytest.raises(nb.ArgumentError, match="lu_solve: trans is"):
        linalg.lu_solve(linalg.lu_factor(np.eye(2)), np.ones(2), 3)


def test_cholesky_solution_of_a_pair():
    a, b = positive_matrix(3), array((3,))
    for lower in (True, False):
        same(linalg.cho_solve(linalg.cho_factor(a, lower=lower), b), np.linalg.solve(a, b))
        nb.testing.check_grads(lambda b, lower=lower: linalg.cho_solve(linalg.cho_factor(a, lower), b), (b,))


def positive_matrix(n):
    x = array((n, n))
    return x @ x.T + np.eye(n)


def test_cholesky_solution():
    x, b = array((3, 3), "complex128"), array((3, 2), "complex128")
    a = x @ adjoint(x) + np.eye(3)
    for lower in (True, False):
        same(linalg.cho_solve(linalg.cholesky(a, upper=not lower), b, lower=lower), np.linalg.solve(a, b))


def test_equations_of_tensors():
    a, b = (array((6, 6)) + 5.0 * np.eye(6)).reshape(2, 3, 6), array((2, 3))
    same(linalg.tensorsolve(a, b), np.linalg.tensorsolve(a, b))
    moved = np.moveaxis(a, 2, 0)
    same(linalg.tensorsolve(moved, b, axes=(0,)), np.linalg.tensorsolve(moved, b, axes=(0,)))
    same(linalg.tensorinv(a), np.linalg.tensorinv(a))
    nb.testing.check_grads(linalg.tensorsolve, (a, b), order=1)
    with pytest.raises(nb.ShapeError, match="tensorsolve: a of shape"):
        linalg.tensorsolve(a, np.ones(5))
    with pytest.raises(nb.ArgumentError, match="ind, the number of first axes, is positive"):
        linalg.tensorinv(a, 0)
