"""XLA's linear algebra where the NumPy engine raises, on what is not finite, on empty stacks, and up to the gauge of vectors."""

import numpy as np
from test_xla_values import on_both

from nabla.autodiff.closing import close
from nabla.engines.xla.compile import compile as compile_xla
from nabla.graph.tokens import Token, Tokens
from nabla.primitives import linalg as p, rectangular, spectra
from nabla.primitives.matrix_functions import matrix_function
from nabla.primitives.structure import outputs, placeholder

RNG = np.random.default_rng(0)


def on_xla(program, *arrays):
    tokens = Tokens((Token("a graph", placeholder=True),))
    nodes = [placeholder(x.shape, x.dtype, tokens, "input") for x in arrays]
    return compile_xla(close(program(*nodes), nodes)[0])(*arrays)


def is_nan(x):
    return np.isnan(x).all(axis=tuple(range(1, x.ndim)))


def test_only_the_matrix_that_has_no_solution_is_nan():
    a = np.stack([2.0 * np.eye(3), np.diag([1.0, 0.0, 2.0]), -np.eye(3), np.eye(3)])
    b = RNG.standard_normal((4, 3, 2))

    def program(a, b):
        return [
            p.lu_solve(a, *p.factors(a), b, transposed=False, what="solve"),
            p.lu_solve(a, *p.factors(a), b, transposed=True, what="solve"),
            p.triangular_solve(a, b, lower=True, transposed=False, unit=False),
            p.cholesky(a),
            p.det(a),
        ]

    *solutions, l, det = on_xla(program, a, b)
    for x in solutions:
        np.testing.assert_array_equal(is_nan(x), [False, True, False, False])
        np.testing.assert_allclose((a @ np.nan_to_num(x))[[0, 2, 3]], b[[0, 2, 3]])
    np.testing.assert_array_equal(np.isnan(l).any(axis=(1, 2)), [False, True, True, False])
    np.testing.assert_allclose(det, [8.0, 0.0, -1.0, 1.0])


def test_a_matrix_without_logarithm_is_nan():
    a = np.array([[0.0, 1.0], [0.0, 0.0]])
    log, root = on_xla(lambda a: [matrix_function(a, name="logm"), matrix_function(a, name="sqrtm")], a)
    assert np.isnan(log).all() and np.isnan(root).all()


def test_matrices_that_are_not_finite_are_nan_alone():
    a = np.stack([np.diag([1.0, 2.0]), np.array([[1.0, np.nan], [np.nan, 1.0]]), np.array([[np.inf, 0.0], [0.0, 1.0]])])

    def program(a):
        nodes = [spectra.eigvalsh(a), spectra.svdvals(a), spectra.eigvals(a), matrix_function(a, name="expm")]
        return [*nodes, *outputs(spectra.eigh(a)), *outputs(spectra.svd(a))]

    for x in on_xla(program, a):
        np.testing.assert_array_equal(is_nan(x)[:2], [False, True])
        assert np.isnan(x[2]).any() and np.isfinite(x[0]).all()


def test_vectors_up_to_their_gauge():
    a = RNG.standard_normal((3, 5, 5)) + 1j * RNG.standard_normal((3, 5, 5))
    h = a + np.conj(np.swapaxes(a, -1, -2))

    def program(a, h):
        return [*outputs(spectra.eigh(h)), *outputs(spectra.eig(a)), *outputs(spectra.svd(a)), *outputs(rectangular.qr(a))]

    w, v, wa, va, u, s, right, q, r = on_xla(program, a, h)
    np.testing.assert_allclose(h @ v, v * w[:, None, :], atol=1e-13)
    np.testing.assert_allclose(a @ va, va * wa[:, None, :], atol=1e-13)
    np.testing.assert_allclose(u * s[:, None, :] @ np.conj(np.swapaxes(right, -1, -2)), a, atol=1e-13)
    np.testing.assert_allclose(q @ r, a, atol=1e-13)


def test_empty_stacks_and_matrices():
    arrays = [np.zeros((0, 3, 3)), np.zeros((2, 0, 0))]

    def program(*stacks):
        outs = []
        for a in stacks:
            outs += [p.cholesky(a), p.det(a), p.lu_solve(a, *p.factors(a), a, transposed=True, what="solve")]
            outs += [spectra.eigvalsh(a), spectra.svdvals(a), matrix_function(a, name="expm"), *outputs(rectangular.qr(a))]
        return outs

    found, expected = on_both(program, *arrays)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_exponentials_of_every_size():
    a = RNG.standard_normal((5, 3, 3)) * np.array([1e-9, 0.1, 1.0, 10.0, 100.0])[:, None, None]
    a[4] -= 200 * np.eye(3)
    (found,), (expected,) = on_both(lambda a: [matrix_function(a, name="expm")], a)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-11 * np.abs(y).max())
