"""funmh: functions of Hermitian matrices, whose derivatives are right where eigenvalues are equal or almost so.

The reference is the same function written without eigenvectors: `expm`, or a polynomial or a rational function of the matrix.
"""

import numpy as np
import pytest
import scipy.linalg

import nabla as nb
from nabla import linalg

rng = np.random.default_rng(5)
SPECTRA = [
    [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 2.0], [1.0, 1.0 + 1e-16, 2.0], [1.0, 1.0 + 1e-12, 2.0], [1.0, 1.0 + 1e-8, 2.0],
    [1.0, 1.0 + 1e-8, 1.0 + 2e-8], [1.0, 1.00001, 1.3], [1.0, 2.0, 3.0],
]  # fmt: skip


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def hermitian(x):
    x = np.asarray(x)
    return (x + adjoint(x)) / 2


def drawn(n, dtype):
    x = rng.standard_normal((n, n))
    return (x + 1j * rng.standard_normal((n, n)) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def of_eigenvalues(w, dtype):
    q = np.linalg.qr(drawn(len(w), dtype))[0]
    return hermitian((q * np.array(w)) @ adjoint(q)).astype(dtype)


def close(found, expected, tolerance=1e-12):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(np.abs(expected).max(), 1e-3)


def derivatives(f, a, d, e, c):
    """Both first derivatives and the four second ones of a function of a matrix, those backwards on Hermitian matrices."""

    def number(a):
        return nb.real((c * f(a)).sum())

    def slope(a):
        return nb.jvp(number, (a,), (d,))[1]

    return [
        f(a),
        nb.jvp(f, (a,), (d,))[1],
        hermitian(nb.grad(number)(a)),
        nb.jvp(lambda a: nb.jvp(f, (a,), (d,))[1], (a,), (e,))[1],
        hermitian(nb.jvp(nb.grad(number), (a,), (d,))[1]),
        hermitian(nb.grad(lambda a: nb.real((nb.grad(number)(a) * d).sum()))(a)),
        hermitian(nb.grad(slope)(a)),
    ]


FUNCTIONS = [
    (nb.exp, linalg.expm),
    (lambda w: w**3 - 2.0 * w, lambda a: a @ a @ a - 2.0 * a),
    (lambda w: 1.0 / (w + 2.0), lambda a: linalg.inv(a + 2.0 * np.eye(3))),
    (lambda w: nb.exp(1j * w), lambda a: linalg.expm(1j * a)),
]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("w", SPECTRA)
@pytest.mark.parametrize("function", range(len(FUNCTIONS)))
def test_derivatives_are_those_of_the_same_function_without_eigenvectors(function, w, dtype):
    f, plain = FUNCTIONS[function]
    a, d, e, c = of_eigenvalues(w, dtype), hermitian(drawn(3, dtype)), hermitian(drawn(3, dtype)), drawn(3, dtype)
    found = derivatives(lambda a: linalg.funmh(a, f), a, d, e, c)
    for i, (x, y) in enumerate(zip(found, derivatives(plain, a, d, e, c))):
        close(x, y, 3e-13 if i < 3 else 3e-12)


@pytest.mark.parametrize("gap", [1e-16, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
def test_no_digits_are_lost_between_eigenvalues_at_any_distance(gap):
    """f[a, b] of exp is exp of the middle times sinh(h) / h, with 2 h the gap."""
    a = np.diag([1.0, 1.0 + gap])
    slope = nb.jvp(lambda a: linalg.funmh(a, nb.exp), (a,), (np.array([[0.0, 1.0], [1.0, 0.0]]),))[1][0, 1].item()
    half = (a[1, 1] - 1.0) / 2
    expected = np.exp(1.0 + half) * (np.sinh(half) / half if half else 1.0)
    assert abs(slope / expected - 1.0) < 1e-12


def test_a_function_of_many_turns_is_not_taken_for_its_tangent():
    """Values, slopes and curvatures of the sine are the same one turn apart, but its divided difference is zero."""
    a = np.diag([0.0, 2.0 * np.pi])
    slope = nb.jvp(lambda a: linalg.funmh(a, nb.sin), (a,), (np.array([[0.0, 1.0], [1.0, 0.0]]),))[1]
    assert abs(slope[0, 1].item()) < 1e-15


@pytest.mark.parametrize("w", SPECTRA[:3])
def test_third_derivatives(w):
    a, d = of_eigenvalues(w, "float64"), hermitian(drawn(3, "float64"))

    def third(f):
        for _ in range(3):
            f = (lambda f: lambda a: nb.jvp(f, (a,), (d,))[1])(f)
        return f(a)

    close(third(lambda a: linalg.funmh(a, nb.exp)), third(linalg.expm), 1e-11)

    def gradients(f):
        for _ in range(3):
            f = (lambda f: lambda a: (nb.grad(f)(a) * d).sum())(f)
        return f(a)

    close(gradients(lambda a: linalg.funmh(a, nb.exp)[0, 1]), gradients(lambda a: linalg.expm((a + a.mT) / 2)[0, 1]), 1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_dtypes_and_stacks(dtype):
    a = np.stack([np.eye(3), np.diag([1.0, 1.0, 2.0]), hermitian(drawn(3, dtype))]).astype(dtype)
    g = np.stack([drawn(3, dtype) for _ in range(3)])
    tolerance = 1e-5 if np.finfo(dtype).eps > 1e-10 else 1e-13

    def number(f):
        return lambda a, g: nb.real((g * f(a)).sum())

    gradient = nb.grad(number(lambda a: linalg.funmh(a, nb.exp)))
    expected = hermitian(nb.grad(number(linalg.expm))(a, g))
    assert gradient(a, g).dtype == dtype
    close(gradient(a, g), expected, tolerance)
    close(nb.vmap(gradient)(a, g), expected, tolerance)
    close(
        nb.vmap(gradient, in_axes=(None, 0))(a[1], g),
        hermitian(nb.vmap(nb.grad(number(linalg.expm)), (None, 0))(a[1], g)),
        tolerance,
    )
    second = nb.vmap(lambda a, g: nb.jvp(lambda a: gradient(a, g), (a,), (np.eye(3, dtype=dtype),))[1])
    close(second(a, g), expected, 20 * tolerance)  # along the unit matrix exp is its own derivative
    assert linalg.funmh(np.zeros((2, 0, 0), dtype), nb.exp).shape == (2, 0, 0)


def test_lanes_of_directions_through_lanes_of_matrices():
    """The Jacobian is a vmap over directions; here in a vmap over matrices, some with equal eigenvalues, and twice."""
    a = np.stack([np.eye(2), np.diag([1.0, 2.0])])
    hessian = nb.vmap(nb.hessian(lambda a: linalg.funmh(a, nb.exp)[0, 1]))(a)
    expected = nb.vmap(nb.hessian(lambda a: linalg.expm((a + a.mT) / 2)[0, 1]))(a)
    close(hessian, expected, 1e-13)
    scaled = nb.vmap(lambda t: nb.grad(lambda a: linalg.funmh(a, lambda w: nb.exp(t * w))[0, 0])(np.eye(2))[0, 0])
    close(scaled(np.array([0.5, 1.0])), np.array([0.5, 1.0]) * np.exp([0.5, 1.0]))


def test_gradients_without_a_graph_and_by_backward():
    a = of_eigenvalues([1.0, 1.0, 2.0], "float64")
    expected = hermitian(nb.grad(lambda a: linalg.expm(a)[0, 1])(a))
    close(nb.grad(lambda a: linalg.funmh(a, nb.exp)[0, 1], create_graph=False)(a), expected)
    x = nb.array(a).requires_grad_()
    linalg.funmh(x, nb.exp)[0, 1].backward()
    close(x.grad, expected)


def test_either_triangle():
    a = drawn(3, "float64")
    close(linalg.funmh(a, nb.exp, "L"), scipy.linalg.expm(np.tril(a) + np.tril(a, -1).T))
    close(linalg.funmh(a, nb.exp, "U"), scipy.linalg.expm(np.triu(a) + np.triu(a, 1).T))


def test_refusals():
    with pytest.raises(nb.ShapeError, match="it returned shape \\(\\)"):
        linalg.funmh(np.eye(2), lambda w: w.sum())
    with pytest.raises(nb.ShapeError, match="funmh: expected square matrices"):
        linalg.funmh(np.ones(2), nb.exp)


@pytest.mark.parametrize("w", SPECTRA[:3] + SPECTRA[-1:])
def test_parameters_of_the_function(w):
    a, c = of_eigenvalues(w, "float64"), drawn(3, "float64")
    d = hermitian(drawn(3, "float64"))

    def number(t, a):
        return (c * linalg.funmh(a, lambda w: nb.exp(t * w))).sum()

    def plain(t, a):
        return (c * linalg.expm(t * (a + a.mT) / 2)).sum()

    close(nb.grad(number)(0.7, a), nb.grad(plain)(0.7, a))
    close(nb.jvp(number, (0.7, a), (1.0, d))[1], nb.jvp(plain, (0.7, a), (1.0, d))[1])
    close(nb.grad(nb.grad(number))(0.7, a), nb.grad(nb.grad(plain))(0.7, a))
    mixed = [(nb.grad(lambda t: (nb.grad(f, 1)(t, nb.array(a)) * d).sum())(0.7)) for f in (number, plain)]
    close(*mixed)
    mixed = [nb.jvp(lambda t: nb.grad(f, 1)(t, nb.array(a)), (0.7,), (1.0,))[1] for f in (number, plain)]
    close(*mixed)
    mixed = [nb.grad(lambda a: nb.jvp(lambda t: f(t, a), (0.7,), (1.0,))[1])(nb.array(a)) for f in (number, plain)]
    close(*mixed)
    if w[0] != w[1]:
        mixed = [nb.grad(lambda a: nb.grad(f)(0.7, a))(nb.array(a)) for f in (number, plain)]
        close(*mixed)
    lanes = np.array([0.5, 1.0])
    close(nb.vmap(nb.grad(number), (0, None))(lanes, a), nb.vmap(nb.grad(plain), (0, None))(lanes, a))


def test_a_constant_function():
    close(nb.grad(lambda a: linalg.funmh(a, lambda w: nb.ones(2))[0, 0])(np.eye(2)), np.zeros((2, 2)))
    a = np.stack([np.eye(2), np.diag([1.0, 2.0])])
    close(nb.vmap(lambda a: linalg.funmh(a, lambda w: nb.ones(2)))(a), np.stack([np.eye(2)] * 2))
