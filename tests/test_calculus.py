"""Integrals, slopes and interpolation of samples: against NumPy, and their derivatives."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap

X = np.array([[4.1, 9.3, 1.2, 7.7], [2.6, 0.4, 11.2, 5.5], [8.4, 10.1, 3.3, 6.6]])
PLACES = np.array([0.0, 1.0, 1.5, 3.0])


def same(found, wanted, loose=1e-12):
    found = found if isinstance(found, (tuple, list)) else [found]
    for a, b in zip(found, wanted if isinstance(wanted, (tuple, list)) else [wanted], strict=True):
        b = np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        limit = loose if b.dtype.itemsize >= 8 and b.dtype != np.complex64 else 2e-2 if b.dtype.itemsize == 2 else 1e-5
        np.testing.assert_allclose(a, b, rtol=limit, atol=limit)


def samples(dtype, shape):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape) * 4
    return (x + 1j * x[::-1] if dtype.startswith("complex") else x).astype(dtype)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float32", "float64", "complex64", "complex128"])
def test_values(dtype):
    for shape in [(5,), (3, 4), (2, 3, 3)]:
        y = samples(dtype, shape)
        for axis in (0, -1):
            n = shape[axis]
            places = np.cumsum(np.arange(n) + 0.5)
            same(nb.trapezoid(y, axis=axis, dx=0.5), np.trapezoid(y, axis=axis, dx=0.5))
            same(nb.trapezoid(y, places, axis=axis), np.trapezoid(y, places, axis=axis))
            for order in (1, 2):
                if n > order:
                    for spacing in ([], [0.5], [places]):
                        same(
                            nb.gradient(y, *spacing, axis=axis, edge_order=order),
                            np.gradient(y, *spacing, axis=axis, edge_order=order),
                        )
        same(nb.gradient(y), np.gradient(y))
        same(nb.ediff1d(y, to_end=y.ravel()[:2], to_begin=y.ravel()[0]), np.ediff1d(y, y.ravel()[:2], y.ravel()[0]))
        if y.dtype.kind in "if":
            for axis in (0, -1):
                same(nb.unwrap(y, axis=axis), np.unwrap(y, axis=axis))
                same(nb.unwrap(y, discont=3, axis=axis, period=5), np.unwrap(y, discont=3, axis=axis, period=5))
                same(nb.unwrap(y, axis=axis, period=4), np.unwrap(y, axis=axis, period=4))
    assert nb.trapezoid([1.0]).item() == 0.0 and nb.ediff1d([]).shape == (0,)


@pytest.mark.parametrize("how", [{}, {"left": 1, "right": -2.0}, {"period": 3.0}])
def test_interp_values(how):
    rng = np.random.default_rng(4)
    xp, fp = np.sort(rng.standard_normal(6) * 3), rng.standard_normal(6)
    for x in (rng.standard_normal((3, 4)) * 5, np.float32(0.3), np.arange(-4, 5), xp, np.array([np.nan, np.inf, -np.inf]), []):
        if "period" in how and np.size(x) == 3:
            continue
        same(nb.interp(x, xp, fp, **how), np.interp(x, xp, fp, **how))
        same(nb.interp(x, xp, fp + 1j, **how), np.interp(x, xp, fp + 1j, **how))
        same(nb.interp(x, [1.0], [2.0], **how), np.interp(x, [1.0], [2.0], **how))
    wild = [np.inf, 1.0, np.inf, np.inf]
    at = [0.0, 1.0, 2.0, 2.5, 3.0]
    same(nb.interp(at, np.arange(4.0), wild), np.interp(at, np.arange(4.0), wild))


def test_derivatives():
    check_grads(lambda y, x: nb.trapezoid(y, x, axis=1), (X, PLACES))
    check_grads(lambda y, h: nb.trapezoid(y, dx=h, axis=0), (X, 0.5))
    check_grads(lambda y, x: nb.gradient(y, x, axis=1), (X, PLACES))
    check_grads(lambda y, x: nb.gradient(y, x, axis=1, edge_order=2), (X, PLACES))
    check_grads(lambda y, h, k: nb.gradient(y, h, k), (X, 0.3, 2.0))
    check_grads(nb.unwrap, (np.array([0.5, 5.0, 10.0, -3.0]),))
    check_grads(nb.ediff1d, (X,))
    points = (np.array([0.5, 1.7, -3.2, 9.0]), np.array([0.1, 1.0, 2.0]), np.array([1.0, 5.0, 2.0]))
    check_grads(nb.interp, points)
    check_grads(lambda *p: nb.interp(*p, period=2.5), points)
    check_grads(lambda left, right: nb.interp([-1.0, 0.5, 9.0], points[1], points[2], left, right), (3.0, 4.0))


def test_the_slope_at_a_point_of_interp_is_the_one_behind_it():
    slopes = nb.vmap(nb.grad(lambda x: nb.interp(x, [1.0, 2.0, 3.0], [3.0, 2.0, 0.0])))(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    assert slopes.tolist() == [0.0, -1.0, -2.0, 0.0, 0.0]


def test_under_vmap():
    for f in (nb.gradient, nb.trapezoid, nb.unwrap, nb.ediff1d):
        check_vmap(f, (X,))
    check_vmap(lambda fp: nb.interp([0.3, 2.2], PLACES, fp), (X,))
    check_vmap(lambda xp: nb.interp([3.3, 5.2], xp, xp**2), (np.sort(X, 1),))
    check_vmap(nb.grad(lambda x: nb.interp(x, PLACES, X[0])), (np.array([0.2, 1.2, 2.9]),))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nb.gradient([1.0]), nb.ShapeError, "has 1 samples; edge_order=1 needs 2"),
        (lambda: nb.gradient([1.0, 2.0], edge_order=3), nb.ArgumentError, "edge_order is 1 or 2"),
        (lambda: nb.gradient([1.0, 2.0], 1.0, 2.0), nb.ArgumentTypeError, "one for each of the 1 axes"),
        (lambda: nb.gradient([1.0, 2.0], [1.0, 2.0, 3.0]), nb.ShapeError, "2 samples, but 3 places"),
        (lambda: nb.interp(1.0, [1.0, 2.0], [1.0]), nb.ShapeError, "vectors of one length"),
        (lambda: nb.interp(1.0, [], []), nb.ShapeError, "xp is empty"),
        (lambda: nb.interp(1.0, [1.0], [1.0], period=0), nb.ArgumentError, "period is not 0"),
        (lambda: nb.interp(1j, [1.0], [1.0]), nb.DTypeError, "no order"),
        (lambda: nb.ediff1d([1, 2], to_end=1.5), nb.ArgumentTypeError, "must fit them"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()
