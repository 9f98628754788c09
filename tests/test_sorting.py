"""Sorting against NumPy: values, order of equals, derivatives."""

import numpy as np
import pytest

import nabla as nb


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64", "complex128"])
def test_sort_and_argsort(dtype):
    rng = np.random.default_rng(1)
    for shape in [(6,), (0,), (3, 4), (2, 0), (2, 3, 4)]:
        x = rng.integers(0, 4, shape).astype(dtype)  # with equals
        for axis in [None, *range(-len(shape), len(shape))]:
            found, order = nb.sort(x, axis), nb.argsort(x, axis)
            assert found.dtype == x.dtype and order.dtype == np.int64
            np.testing.assert_array_equal(found, np.sort(x, axis))
            np.testing.assert_array_equal(order, np.argsort(x, axis, kind="stable"))
            if axis is not None:
                downwards = nb.argsort(x, axis, descending=True)
                np.testing.assert_array_equal(nb.sort(x, axis, descending=True), np.flip(np.sort(x, axis), axis))
                np.testing.assert_array_equal(nb.take_along_axis(x, downwards, axis), np.flip(np.sort(x, axis), axis))


def test_equals_keep_their_order():
    x = [2.0, 1.0, 2.0, 1.0]
    assert nb.argsort(x).tolist() == [1, 3, 0, 2]
    assert nb.argsort(x, descending=True).tolist() == [0, 2, 1, 3]
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    for descending, expected in ((False, [100.0, 1.0, 1000.0, 10.0]), (True, [1.0, 100.0, 10.0, 1000.0])):
        f = lambda x: (nb.sort(x, descending=descending) * weights).sum()
        np.testing.assert_array_equal(nb.grad(f)(np.array(x)), expected)
        np.testing.assert_array_equal(nb.grad(f, mode="forward")(np.array(x)), expected)


def test_nan_counts_as_the_largest():
    x = np.array([np.nan, 1.0, np.inf, np.nan, -np.inf])
    np.testing.assert_array_equal(nb.sort(x), np.sort(x))
    np.testing.assert_array_equal(nb.sort(x, descending=True), np.sort(x)[::-1])
    assert nb.argsort(x, descending=True).tolist() == [0, 3, 2, 1, 4]
    assert np.isnan(nb.median(x).item())


def test_derivatives_of_every_order():
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    weights = np.array([1.0, 2.0, 3.0])
    f = lambda x: (nb.sort(x) ** 3 * weights).sum()
    ranks = np.argsort(np.argsort(x)) + 1.0
    np.testing.assert_allclose(nb.grad(f)(x), 3 * x**2 * ranks)
    np.testing.assert_allclose(nb.hvp(f, (x,), (np.ones((2, 3)),))[0], 6 * x * ranks)
    np.testing.assert_allclose(nb.vmap(nb.grad(f))(x), 3 * x**2 * ranks)


def test_medians():
    rng = np.random.default_rng(2)
    for shape in [(5,), (6,), (3, 4), (2, 3, 4)]:
        x = rng.standard_normal(shape)
        for axis in [None, *range(-len(shape), len(shape)), tuple(range(len(shape)))]:
            for keepdims in (False, True):
                found = nb.median(x, axis, keepdims=keepdims)
                np.testing.assert_allclose(found, np.median(x, axis, keepdims=keepdims), rtol=1e-15)
    assert nb.median(3).item() == 3.0
    assert nb.median(np.zeros((2, 0, 3)), axis=1).shape == (2, 3)


def test_refusals():
    with pytest.raises(nb.AxisError, match="sort: a 0-dimensional tensor cannot be sorted"):
        nb.sort(1.0)
    with pytest.raises(nb.AxisError, match="argsort: axis 1 is out of range"):
        nb.argsort([1.0], axis=1)
    with pytest.raises(nb.DTypeError, match="complex numbers have no order"):
        nb.median([1j])
