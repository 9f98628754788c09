"""Values and vectors of eigh, svd and eig side by side, where values are equal: the derivative is that of the function of the
matrix, which is written here without vectors."""

import numpy as np
import pytest

import nabla as nb
from nabla import linalg

rng = np.random.default_rng(11)
SPECTRA = [[1.0, 1.0, 1.0], [1.0, 1.0, 2.0], [1.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 1.0 + 1e-15, 2.0], [1.0, 1.0 + 1e-11, 2.0]]
SINGULAR = [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0], [2.0, 1.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [3.0, 2.0, 1.0]]
DTYPES = ["float64", "complex128"]


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def drawn(shape, dtype):
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def orthonormal(m, n, dtype):
    return np.linalg.qr(drawn((m, n), dtype))[0]


def of_eigenvalues(w, dtype):
    v = orthonormal(len(w), len(w), dtype)
    h = (v * np.array(w)) @ adjoint(v)
    return ((h + adjoint(h)) / 2).astype(dtype)


def of_singular_values(s, m, n, dtype):
    return ((orthonormal(m, len(s), dtype) * np.array(s)) @ adjoint(orthonormal(n, len(s), dtype))).astype(dtype)


def rebuilt(a, f):
    w, v = linalg.eigh(a)
    return (v * f(w)) @ nb.conj(v.mT)


def rebuilt_singular(a, f):
    u, s, vh = linalg.svd(a, full_matrices=False)
    return (u * f(s)) @ vh


def close(found, expected, tolerance=1e-12):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(np.abs(expected).max(), 1.0)


def all_gradients(f, a):
    """The gradient in every way that there is to ask for it backwards."""
    leaf = nb.array(a).requires_grad_()
    f(leaf).backward()
    lanes = nb.vmap(nb.grad(f))(np.stack([a, 2.0 * a, a]))
    return [
        nb.grad(f)(a), nb.grad(f, create_graph=False)(a), leaf.grad, lanes[0], lanes[2], nb.vjp(f, nb.array(a))[1](1.0)[0],
        nb.grad(lambda a: nb.sum(nb.vmap(f)(nb.stack([a, a]))) / 2.0)(a),
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("w", SPECTRA)
def test_a_function_of_eigenvalues_between_the_vectors(w, dtype):
    a, c = of_eigenvalues(w, dtype), drawn((3, 3), dtype)

    def number(a, of):
        x = nb.real((c * of(a, nb.exp)).sum())
        return nb.sin(x) + x**2

    expected = nb.grad(lambda a: number(a, linalg.funmh))(a)
    for found in all_gradients(lambda a: number(a, rebuilt), a):
        close(found, expected, 1e-9)
    if w is not SPECTRA[-1]:  # close, but not equal: digits are lost forwards
        d = of_eigenvalues([1.0, 2.0, -1.0], dtype)
        found, expected = [nb.jvp(lambda a: number(a, of), (a,), (d,))[1] for of in (rebuilt, linalg.funmh)]
        close(found, expected, 1e-9)
        found, expected = [nb.jvp(lambda a: of(a, nb.exp), (a,), (d,))[1] for of in (rebuilt, linalg.funmh)]
        close(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision(dtype):
    a, c = np.eye(3, dtype=dtype), drawn((3, 3), dtype)
    found = nb.grad(lambda a: nb.real((c * rebuilt(a, nb.exp)).sum()))(a)
    assert found.dtype == dtype
    close(found, nb.grad(lambda a: nb.real((c * linalg.funmh(a, nb.exp)).sum()))(a), 1e-5)


def test_jacobians():
    a = of_eigenvalues([1.0, 1.0, 2.0], "float64")
    expected = nb.jacrev(lambda a: linalg.funmh(a, nb.exp))(a)
    close(nb.jacrev(lambda a: rebuilt(a, nb.exp))(a), expected)
    close(nb.jacfwd(lambda a: rebuilt(a, nb.exp))(a), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_energies_and_vectors_of_an_eigenspace(dtype):
    """Of the eigenvalue 2 alone: the function is a polynomial that is flat and zero at 1 and 5, and touches w**2 at 2."""
    a, c = of_eigenvalues([1.0, 2.0, 2.0, 5.0], dtype), drawn((4, 4), dtype)

    def part(a):
        w, v = linalg.eigh(a)
        w, v = w[1:3], v[:, 1:3]
        return nb.real((c * ((v * w**2) @ nb.conj(v.mT))).sum()) * w.sum()

    def polynomial(w):
        # q = ((w - 1) (w - 5) / 3)**2 is 1 at 2 with slope 2 (1 / 1 - 1 / 3); q (4 + k (w - 2)) has slope 4 at 2
        q = ((w - 1.0) * (w - 5.0) / 3.0) ** 2
        return q * (4.0 + (4.0 - 4.0 * (2.0 - 2.0 / 3.0)) * (w - 2.0))

    def trace(w):
        q = ((w - 1.0) * (w - 5.0) / 3.0) ** 2
        return q * (2.0 + (1.0 - 2.0 * (2.0 - 2.0 / 3.0)) * (w - 2.0))

    def plain(a):
        return nb.real((c * linalg.funmh(a, polynomial)).sum()) * nb.real(linalg.trace(linalg.funmh(a, trace)))

    close(part(a), plain(a))
    for found in all_gradients(part, a)[:3]:
        close(found, nb.grad(plain)(a), 1e-11)
    d = of_eigenvalues([1.0, -2.0, 0.5, 3.0], dtype)
    close(nb.jvp(part, (a,), (d,))[1], nb.jvp(plain, (a,), (d,))[1], 1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 5)])
@pytest.mark.parametrize("s", SINGULAR)
def test_an_odd_function_of_singular_values_between_the_vectors(s, shape, dtype):
    a, c = of_singular_values(s, *shape, dtype), drawn(shape, dtype)

    def number(a):
        return nb.real((c * rebuilt_singular(a, lambda s: s + s**3)).sum())

    expected = nb.grad(lambda a: nb.real((c * (a + a @ nb.conj(a.mT) @ a)).sum()))(a)
    for found in all_gradients(number, a) if shape == (3, 3) else [nb.grad(number)(a)]:
        close(found, expected, 1e-11)
    d = drawn(shape, dtype)
    found = nb.jvp(lambda a: rebuilt_singular(a, lambda s: s + s**3), (a,), (d,))[1]
    close(found, nb.jvp(lambda a: a + a @ nb.conj(a.mT) @ a, (a,), (d,))[1], 1e-11)


@pytest.mark.parametrize("w", [[1.0, 1.0, 1.0], [1.0, 1.0, 2.0], [2.0, 0.0, 0.0]])
def test_eigenvectors_of_any_matrix_with_equal_eigenvalues(w):
    p, c = drawn((3, 3), "float64") + 3.0 * np.eye(3), drawn((3, 3), "float64")
    a = p @ np.diag(w) @ np.linalg.inv(p)

    def number(a):
        w, v = linalg.eig(a)
        return nb.real((c * ((v * nb.exp(w)) @ linalg.inv(v))).sum())

    d = drawn((3, 3), "float64")
    close(nb.grad(number)(a), nb.grad(lambda a: (c * linalg.expm(a)).sum())(a), 1e-9)
    close(nb.jvp(number, (a,), (d,))[1], nb.jvp(lambda a: (c * linalg.expm(a)).sum(), (a,), (d,))[1], 1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("w", SPECTRA[:4])
def test_what_depends_on_the_choice_of_vectors_is_nan(w, dtype):
    a, c = of_eigenvalues(w, dtype), drawn((3, 3), dtype)

    def number(a):
        w, v = linalg.eigh(a)
        return nb.real((c * (v * nb.exp(w))).sum())

    d = of_eigenvalues([1.0, 2.0, -1.0], dtype)
    for found in [*all_gradients(number, a), nb.jvp(number, (a,), (d,))[1]]:
        assert np.isnan(found).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 5)])
def test_single_singular_vectors_of_equal_values_are_nan(shape, dtype):
    a, d = of_singular_values([2.0, 1.0, 1.0], *shape, dtype), drawn(shape, dtype)
    for side in (0, 2):
        number = lambda a: (
            nb.real((linalg.svd(a, full_matrices=False)[side] * np.arange(3.0)).sum())
            if side == 0
            else (nb.real((linalg.svd(a, full_matrices=False)[side] * np.arange(3.0)[:, None]).sum()))
        )
        assert np.isnan(nb.grad(number)(a)).any() and np.isnan(nb.jvp(number, (a,), (d,))[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_equal_and_separate_matrices_in_a_stack(dtype):
    a = np.stack([of_eigenvalues(w, dtype) for w in SPECTRA[:4] + [[1.0, 2.0, 3.0]]])
    d = np.stack([of_eigenvalues([1.0, 2.0, -1.0], dtype) for _ in a])
    close(nb.jvp(lambda a: rebuilt_stack(a, nb.exp), (a,), (d,))[1], nb.jvp(lambda a: linalg.funmh(a, nb.exp), (a,), (d,))[1])
    g = drawn(a.shape, dtype)
    found, expected = [nb.grad(lambda a: nb.real((g * of(a, nb.exp)).sum()))(a) for of in (rebuilt_stack, linalg.funmh)]
    close(found, expected)


def rebuilt_stack(a, f):
    w, v = linalg.eigh(a)
    return (v * f(w)[:, None, :]) @ nb.conj(v.mT)


def test_the_convention_of_single_eigenvalues_is_that_of_eigvalsh():
    a, d = of_eigenvalues([1.0, 1.0, 2.0], "float64"), of_eigenvalues([1.0, 2.0, -1.0], "float64")
    close(nb.jvp(lambda a: linalg.eigh(a)[0], (a,), (d,))[1], nb.jvp(linalg.eigvalsh, (a,), (d,))[1])
    close(nb.jacrev(lambda a: linalg.eigh(a)[0])(a), nb.jacrev(linalg.eigvalsh)(a))


@pytest.mark.parametrize("w", SPECTRA[:3])
def test_a_second_derivative_through_a_limit_is_nan(w):
    a, c, d = of_eigenvalues(w, "float64"), drawn((3, 3), "float64"), drawn((3, 3), "float64")
    gradient = nb.grad(lambda a: (c * rebuilt(a, nb.exp)).sum())
    assert np.isnan(nb.jvp(gradient, (a,), (d + d.T,))[1]).any()
    assert np.isnan(nb.grad(lambda a: (gradient(a) * d).sum())(a)).any()
    slope = lambda a: nb.jvp(lambda a: (c * rebuilt(a, nb.exp)).sum(), (a,), (d + d.T,))[1]
    assert np.isnan(nb.jvp(slope, (a,), (d + d.T,))[1]) and np.isnan(nb.grad(slope)(a)).any()
    weighted = nb.grad(lambda t: nb.grad(lambda a: t * (c * rebuilt(a, nb.exp)).sum())(a)[0, 0])
    close(weighted(2.0), gradient(a)[0, 0])


def test_a_second_decomposition_hides_what_the_limit_needs():
    def number(a):
        w, v = linalg.eigh(a)
        w, v = linalg.eigh((v * w**2) @ v.mT + np.diag([0.0, 1.0, 3.0]))
        return w[0] * v[0, 0] ** 2

    assert np.isnan(nb.grad(number)(np.eye(3))).all()
    assert np.isnan(nb.jvp(number, (np.eye(3),), (np.ones((3, 3)),))[1])
    assert np.isfinite(nb.grad(number)(np.diag([1.0, 2.0, 3.0]))).all()


def test_defective_matrices_and_dependent_columns_are_nan():
    a = np.array([[2.0, 1.0], [0.0, 2.0]])
    for f in (lambda a: nb.real(nb.exp(linalg.eigvals(a)).sum()), lambda a: nb.abs(linalg.eig(a).eigenvectors[0, 0])):
        assert np.isnan(nb.grad(f)(a)).all() and np.isnan(nb.jvp(f, (a,), (np.ones((2, 2)),))[1])
    dependent = np.outer([1.0, 2.0, 3.0], [1.0, 1.0])
    assert np.isnan(nb.grad(lambda a: linalg.qr(a).R.sum())(dependent)).any()
    assert np.isnan(nb.jvp(lambda a: linalg.qr(a).Q, (dependent,), (np.ones((3, 2)),))[1]).any()
    both = np.stack([dependent, dependent + np.eye(3, 2)])
    found = nb.grad(lambda a: linalg.qr(a).R.sum())(both)
    assert np.isnan(found[0]).any() and np.isfinite(found[1]).all()


def test_compiled_functions():
    for a in (np.diag([1.0, 2.0, 3.0]), np.diag([1.0, 1.0, 2.0]), np.eye(3)):
        c = drawn((3, 3), "float64")
        plain = nb.grad(lambda a: (c * linalg.funmh(a, nb.exp)).sum())
        whole = nb.jit(nb.grad(lambda a: (c * rebuilt(a, nb.exp)).sum()))
        close(whole(a), plain(a))
        close(nb.grad(nb.jit(lambda a: (c * linalg.funmh(a, nb.exp)).sum()))(a), plain(a))
        vectors = nb.jit(lambda a: tuple(linalg.eigh(a)))

        def parted(a):
            w, v = vectors(a)
            return (c * ((v * nb.exp(w)) @ v.mT)).sum()

        close(nb.grad(nb.jit(lambda a: (c * rebuilt(a, nb.exp)).sum()))(a), plain(a))
        if a[0, 0] != a[1, 1]:
            close(nb.grad(parted)(a), plain(a))
        else:
            assert np.isnan(nb.grad(parted)(a)).any()
