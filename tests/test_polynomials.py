"""Polynomials: against NumPy, and their derivatives."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap

P = np.array([2.0, -3.5, 0.5, 4.0])
Q = np.array([1.5, 0.25, -2.0])
RNG = np.random.default_rng(5)


def same(found, wanted, loose=1e-12):
    wanted = np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(found, wanted, rtol=loose, atol=loose)


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64", "complex128"])
def test_values(dtype):
    p, q = P.astype(dtype), Q.astype(dtype)
    loose = 1e-5 if dtype == "float32" else 1e-12
    for name in ("polyadd", "polysub", "polymul"):
        for a, b in ((p, q), (q, p), (p, np.array([0, 0, 3], dtype))):
            same(getattr(nb, name)(a, b), getattr(np, name)(a, b), loose)
    for x in (np.array(2.0), np.linspace(-2, 2, 6).reshape(2, 3), np.arange(4)):
        same(nb.polyval(p, x), np.polyval(p, x), loose)
    for m in (0, 1, 2, 5):
        same(nb.polyder(p, m), np.polyder(p, m), loose)
    for how in ({}, {"m": 2}, {"m": 2, "k": [3.0, 1.0]}, {"k": 2.0}):
        np.testing.assert_allclose(nb.polyint(p, **how), np.polyint(p, **how), rtol=loose)
    # In single precision NumPy's remainder may keep a rounding error in front.
    for a, b in ((p, q), (q, p), ([2.0, 4.0, 2.0], [1.0, 1.0]), (p, [2.0])) if dtype != "float32" else ():
        for found, wanted in zip(nb.polydiv(a, b), np.polydiv(a, b), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=loose, atol=loose)
    for increasing in (False, True):
        for count in (None, 0, 1, 5):
            same(nb.vander(p, count, increasing), np.vander(p, count, increasing), loose)
    np.testing.assert_allclose(nb.poly(p), np.poly(p), rtol=loose)


def test_roots():
    for p in ([1.0, -6.0, 11.0, -6.0], [0.0, 2.0, 0.0, 1.0, 0.0], [3.0, 0.0, 0.0], [1.0, 2.0 + 1j, 3.0]):
        found = np.sort_complex(nb.roots(p).numpy())
        np.testing.assert_allclose(found, np.sort_complex(np.roots(p)), atol=1e-12)
    assert nb.roots([0.0, 0.0]).shape == (0,) and nb.roots([5.0]).shape == (0,)
    pair = nb.poly([1.0 + 2j, 1.0 - 2j])
    assert pair.dtype == np.float64 and pair.tolist() == [1.0, -2.0, 5.0]
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(nb.poly(matrix), np.poly(matrix))
    assert nb.polymul([0.0, 1.0], [1.0, 2.0]).tolist() == [1.0, 2.0]


def test_fits():
    x = np.linspace(-1, 2, 9)
    y = np.sin(x) + 0.1 * RNG.standard_normal(9)
    w = np.linspace(0.5, 2, 9)
    for how in ({}, {"w": w}):
        same(nb.polyfit(x, y, 3, **how), np.polyfit(x, y, 3, **how), 1e-10)
        same(nb.polyfit(x, np.stack([y, y**2], 1), 2, **how), np.polyfit(x, np.stack([y, y**2], 1), 2, **how), 1e-10)
        for cov in (True, "unscaled"):
            for found, wanted in zip(nb.polyfit(x, y, 2, cov=cov, **how), np.polyfit(x, y, 2, cov=cov, **how), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-9)
        for found, wanted in zip(nb.polyfit(x, y, 2, full=True, **how), np.polyfit(x, y, 2, full=True, **how), strict=True):
            np.testing.assert_allclose(np.ravel(found), np.ravel(wanted), rtol=1e-9)
    same(nb.polyfit(x.astype("float32"), y.astype("float32"), 1), np.polyfit(x.astype("float32"), y.astype("float32"), 1), 1e-4)


def test_derivatives():
    x = np.array([0.3, -1.2, 2.0])
    check_grads(nb.polyval, (P, x))
    check_grads(nb.polymul, (P, Q))
    check_grads(nb.polysub, (P, Q))
    check_grads(lambda u, v: nb.polydiv(u, v), (P, Q))
    check_grads(lambda p, k: nb.polyint(p, 2, k), (P, np.array([1.0, 2.0])))
    check_grads(nb.polyder, (P,))
    check_grads(nb.poly, (P,))
    check_grads(nb.vander, (x,))
    check_grads(lambda p: nb.roots(p), (np.array([1.0, -6.0, 11.0, -6.0]),), rtol=1e-5, eps=1e-3)
    at, values = np.linspace(-1, 2, 6), np.array([0.2, 1.0, -0.5, 0.3, 2.0, 1.0])
    check_grads(lambda x, y, w: nb.polyfit(x, y, 2, w=w), (at, values, np.linspace(0.5, 2, 6)))
    check_vmap(nb.polyval, (np.stack([P, 2 * P]), x), in_axes=(0, None))
    check_vmap(nb.polymul, (np.stack([P, 2 * P]), Q), in_axes=(0, None))
    check_vmap(lambda y: nb.polyfit(at, y, 2), (np.stack([values, values**2]),))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nb.polyfit([1.0, 2.0], [1.0, 2.0], 2), "2 points do not determine the 3 coefficients"),
        (lambda: nb.polyfit([1.0, 2.0], [1.0], 1), "y has as many rows"),
        (lambda: nb.polyfit([1.0, 2.0], [1.0, 2.0], 1, w=[1.0]), "a factor for each of the 2 points"),
        (lambda: nb.polyder([1.0], -1), "m is at least 0"),
        (lambda: nb.polyint([1.0], 2, [1.0, 2.0, 3.0]), "one for each of the 2"),
        (lambda: nb.vander([[1.0]]), "x is a vector"),
        (lambda: nb.poly([[1.0, 2.0]]), "a vector of zeros or a square matrix"),
        (lambda: nb.polymul([[1.0]], [1.0]), "form a vector"),
    ],
)
def test_refusals(call, text):
    with pytest.raises(nb.ShapeError, match=text):
        call()
