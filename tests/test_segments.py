"""Segments, the largest elements, partitions and histograms against NumPy."""

import numpy as np
import pytest

import nabla as nb

IDS = np.array([2, 0, 2, 5, 0, 2])
RNG = np.random.default_rng(5)
DATA = RNG.standard_normal((6, 3))

REDUCTIONS = {
    "sum": (nb.segment_sum, lambda rows: rows.sum(0), 0.0),
    "mean": (nb.segment_mean, lambda rows: rows.mean(0), np.nan),
    "prod": (nb.segment_prod, lambda rows: rows.prod(0), 1.0),
    "max": (nb.segment_max, lambda rows: rows.max(0), -np.inf),
    "min": (nb.segment_min, lambda rows: rows.min(0), np.inf),
}


def looped(f, nothing, data, ids, count):
    rows = [data[ids == i] for i in range(count)]
    return np.array([f(part) if len(part) else np.full(data.shape[1:], nothing) for part in rows])


@pytest.mark.parametrize("name", REDUCTIONS)
def test_segments_against_a_loop(name):
    f, reference, nothing = REDUCTIONS[name]
    for data in (DATA, DATA[:, 0], DATA.astype(np.float32)):
        for count in (None, 6, 8):
            found = f(data, IDS, count)
            assert found.dtype == data.dtype
            np.testing.assert_allclose(found, looped(reference, nothing, data, IDS, count or 6), rtol=1e-6)
    np.testing.assert_allclose(f(DATA, IDS - 6, 6), f(DATA, IDS, 6))
    assert f(np.zeros((0, 2)), np.zeros(0, int), 3).shape == (3, 2)
    assert f(np.zeros((0, 2)), np.zeros(0, int)).shape == (0, 2)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_segments_are_differentiated(name):
    f = REDUCTIONS[name][0]
    full = np.array([1, 0, 1, 2, 0, 1])
    nb.testing.check_grads(lambda x: f(x, full, 3) ** 2, (DATA,), order=2)
    stacked = nb.vmap(nb.grad(lambda x: (f(x, full, 3) ** 2).sum()))(np.stack([DATA, 2 * DATA]))
    np.testing.assert_allclose(stacked[1], nb.grad(lambda x: (f(x, full, 3) ** 2).sum())(2 * DATA))
    by_ids = nb.vmap(lambda ids: f(DATA, ids, 3))(np.stack([full, full[::-1]]))
    np.testing.assert_allclose(by_ids[1], f(DATA, full[::-1], 3))


def test_products_with_zeros_have_the_right_derivative():
    x = np.array([0.0, 2.0, 3.0, 0.0, 0.0])
    gradient = nb.grad(lambda x: nb.segment_prod(x, [0, 0, 0, 1, 1]).sum())(x)
    np.testing.assert_array_equal(gradient, [6.0, 0.0, 0.0, 0.0, 0.0])
    hessian = nb.hessian(lambda x: nb.segment_prod(x, [0, 0, 0, 1, 1]).sum())(x)
    assert hessian[3, 4] == 1.0 and hessian[0, 1] == 3.0


def test_products_of_integers_wrap_around():
    x = np.array([2**40, 3, 2**30, -7])
    assert nb.segment_prod(x, [0, 0, 0, 1], 2).tolist() == [0, -7]


def test_extrema_of_integers_and_of_nan():
    assert nb.segment_max(np.array([3, 1], np.int8), [0, 0], 2).tolist() == [3, -128]
    assert nb.segment_min(np.array([3, 1], np.uint8), [0, 0], 2).tolist() == [1, 255]
    x = [1.0, np.nan, 2.0]
    for f in (nb.segment_max, nb.segment_min):
        found = f(x, [0, 0, 1])
        assert np.isnan(found[0].item()) and found[1].item() == 2.0
    assert nb.grad(lambda x: nb.segment_max(x, [0, 0]).sum())(np.array([4.0, 4.0])).tolist() == [1.0, 0.0]
    assert nb.segment_sum([True, True], [0, 0]).tolist() == [2]


def test_segments_refuse():
    with pytest.raises(nb.BoundsError, match="index 3"):
        nb.segment_sum([1.0], [3], 2)
    with pytest.raises(nb.ShapeError, match=r"segment_max: there is one id for each row"):
        nb.segment_max([1.0, 2.0], [0])
    with pytest.raises(nb.DTypeError, match="the segment ids are integers"):
        nb.segment_prod([1.0], [0.0])
    with pytest.raises(nb.TracedValueError, match="Pass num_segments="):
        nb.vmap(lambda ids: nb.segment_sum([1.0, 2.0], ids))(np.zeros((2, 2), int))


def test_topk():
    x = RNG.integers(0, 5, (4, 6)).astype(float)
    for axis in (0, 1, -1):
        for largest in (True, False):
            values, positions = nb.topk(x, 3, axis, largest=largest)
            ordered = np.sort(x, axis)
            expected = np.flip(ordered, axis) if largest else ordered
            np.testing.assert_array_equal(values, np.take(expected, range(3), axis))
            np.testing.assert_array_equal(values, np.take_along_axis(x, np.asarray(positions), axis))
    nb.testing.check_grads(lambda x: nb.topk(x, 2)[0] ** 3, (DATA,), order=2)
    assert nb.vmap(lambda x: nb.topk(x, 2)[1])(x).tolist() == nb.topk(x, 2)[1].tolist()
    assert nb.topk([1.0], 0)[0].shape == (0,)
    with pytest.raises(nb.ArgumentError, match="topk: k is 3, but axis 0 has 2 elements"):
        nb.topk([1.0, 2.0], 3)


def test_partitions_and_lexsort():
    x = RNG.integers(0, 9, (5, 7))
    for axis in (0, 1, None):
        np.testing.assert_array_equal(nb.partition(x, 2, axis), np.sort(x, axis))
        order = np.asarray(nb.argpartition(x, 2, axis))
        flat = x.ravel() if axis is None else x
        along = 0 if axis is None else axis
        np.testing.assert_array_equal(np.take_along_axis(flat, order, along), np.sort(x, axis))
    with pytest.raises(nb.ArgumentError, match="partition: kth is a position along an axis of length 7; got 7"):
        nb.partition(x, 7)
    keys = RNG.integers(0, 3, (3, 4, 6))
    for axis in (0, 1, -1):
        np.testing.assert_array_equal(nb.lexsort(keys, axis), np.lexsort(keys, axis))
        np.testing.assert_array_equal(nb.lexsort(list(keys), axis), np.lexsort(keys, axis))
    with pytest.raises(nb.ShapeError, match="lexsort: the keys have one shape"):
        nb.lexsort([[1, 2], [1]])


def test_bincount():
    x, w = RNG.integers(0, 6, 30), RNG.standard_normal(30)
    for minlength in (0, 3, 9):
        np.testing.assert_array_equal(nb.bincount(x, minlength=minlength), np.bincount(x, minlength=minlength))
        np.testing.assert_allclose(nb.bincount(x, w, minlength), np.bincount(x, w, minlength), rtol=1e-14)
    assert nb.bincount(x).dtype == np.int64
    np.testing.assert_array_equal(nb.bincount([0, 7, 1, 1], length=3), [1, 2, 0])
    assert nb.bincount(np.zeros(0, int)).shape == (0,)
    lanes = nb.vmap(lambda x: nb.bincount(x, length=6))(x.reshape(3, 10))
    np.testing.assert_array_equal(lanes, [np.bincount(row, minlength=6) for row in x.reshape(3, 10)])
    nb.testing.check_grads(lambda w: nb.bincount(x, w) ** 2, (w,), order=2)
    with pytest.raises(nb.ArgumentError, match="bincount: x has no negative numbers; got -1"):
        nb.bincount([-1, 2])
    with pytest.raises(nb.TracedValueError, match="Pass length="):
        nb.vmap(nb.bincount)(x.reshape(3, 10))


def test_digitize():
    x = np.array([[-1.0, 0.0, 0.5], [1.0, 2.0, np.nan]])
    for bins in ([0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [0, 1], [1.0, 1.0]):
        for right in (False, True):
            np.testing.assert_array_equal(nb.digitize(x, bins, right), np.digitize(x, bins, right))
    with pytest.raises(nb.ArgumentError, match="digitize: bins ascends or descends"):
        nb.digitize([1.0], [0.0, 2.0, 1.0])


@pytest.mark.parametrize("bins", [10, 1, [-1.0, 0.0, 0.5, 2.0], [0, 1, 2], "auto", "sturges"])
@pytest.mark.parametrize("limits", [None, (-0.5, 1.5)])
def test_histogram(bins, limits):
    x, w = RNG.standard_normal((5, 8)), RNG.standard_normal((5, 8))
    for data in (x, np.round(x * 2), (x * 3).astype(int), x.astype(np.float32)):
        for density in (False, True):
            found, expected = nb.histogram(data, bins, limits, density), np.histogram(data, bins, limits, density)
            np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
            np.testing.assert_allclose(found[1], expected[1], rtol=1e-6 if data.dtype == np.float32 else 1e-14, atol=1e-7)
            assert found[0].dtype == expected[0].dtype and found[1].dtype == expected[1].dtype
    if not isinstance(bins, str):
        found, expected = nb.histogram(x, bins, limits, weights=w)[0], np.histogram(x, bins, limits, weights=w)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_histograms_of_nothing_and_of_one_value():
    for data in (np.zeros(0), np.full(4, 3.0)):
        for mine, theirs in zip(nb.histogram(data, 4), np.histogram(data, 4), strict=True):
            np.testing.assert_allclose(mine, theirs)


def test_histograms_of_points():
    points, w = RNG.standard_normal((40, 3)), RNG.random(40)
    for bins, limits in ((4, None), ((2, 3, 4), None), (3, [(-1, 1), (-2, 2), (0, 1)]), (([-1.0, 0.0, 1.0], 2, 3), None)):
        for density in (False, True):
            for weights in (None, w):
                found = nb.histogramdd(points, bins, limits, density, weights)
                expected = np.histogramdd(points, bins, limits, density, weights)
                np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
                assert found[0].dtype == expected[0].dtype
                for mine, theirs in zip(found[1], expected[1], strict=True):
                    np.testing.assert_allclose(mine, theirs, rtol=1e-14)
    x, y = points[:, 0], points[:, 1]
    for bins in (5, (2, 3), [-1.0, 0.0, 1.0], ([-1.0, 0.0, 1.0], [0.0, 2.0])):
        for mine, theirs in zip(nb.histogram2d(x, y, bins), np.histogram2d(x, y, bins), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-14)


def test_weights_of_histograms_are_differentiated():
    x, w = RNG.standard_normal(12), RNG.random(12)
    nb.testing.check_grads(lambda w: nb.histogram(x, 4, weights=w)[0] ** 2, (w,), order=2)
    nb.testing.check_grads(lambda w: nb.histogram2d(x, x, 3, weights=w, density=True)[0], (w,), order=2)
    lanes = nb.vmap(lambda x: nb.histogram(x, 4)[0])(x.reshape(3, 4))
    np.testing.assert_array_equal(lanes, [np.histogram(row, 4)[0] for row in x.reshape(3, 4)])


def test_histograms_refuse():
    with pytest.raises(nb.ArgumentError, match="the edges of the bins ascend"):
        nb.histogram([1.0], [2.0, 1.0])
    with pytest.raises(nb.ArgumentError, match="give a finite range="):
        nb.histogram([1.0, np.nan])
    with pytest.raises(nb.ArgumentError, match="there is at least one bin; got 0"):
        nb.histogram([1.0], 0)
    with pytest.raises(nb.ShapeError, match="one weight for each of the 2 values"):
        nb.histogram([1.0, 2.0], weights=[1.0])
    with pytest.raises(nb.ArgumentError, match="range is two finite numbers"):
        nb.histogram([1.0], range=(2.0, 1.0))
