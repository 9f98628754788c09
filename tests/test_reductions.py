"""Reductions and cumulative operations against NumPy: values, dtypes, shapes; their edges, and what they refuse."""

import warnings

import numpy as np
import pytest

import nabla as nb

SHAPES = [(), (4,), (1,), (0,), (2, 3), (3, 1), (2, 0), (0, 3), (2, 3, 4)]
DTYPES = [
    "bool",
    "int8",
    "uint8",
    "int32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


def drawn(shape, dtype="float64"):
    """Small numbers, so that products do not overflow; no two equal in real dtypes of a size that has so many."""
    rng = np.random.default_rng(sum(shape) + len(shape))
    x = rng.permutation(int(np.prod(shape))).reshape(shape) % 7 + 0.5
    if np.dtype(dtype).kind == "c":
        x = x + 1j * rng.permutation(int(np.prod(shape))).reshape(shape)
    return np.asarray(x).astype(dtype)


def axes_of(shape):
    """None, every single axis from either end, and pairs."""
    n = len(shape)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    return [None, *range(-n, n), *pairs, *([()] if n else [])]


def of_numpy(f, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mean of nothing
        return f(*args, **kwargs)


def agree(found, expected, rtol=1e-12):
    expected = np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    tolerance = max(rtol, 4 * np.finfo(expected.dtype).eps) if expected.dtype.kind in "fc" else 0
    np.testing.assert_allclose(found.numpy(), expected, rtol=tolerance, atol=0)


# ---- against NumPy --------------------------------------------------------------------------------------------

OVER_AXES = ["sum", "prod", "mean", "var", "std", "any", "all", "count_nonzero"]
OF_SOME = ["max", "min", "ptp"]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", [*OVER_AXES, *OF_SOME, "median"])
def test_over_axes(name, keepdims):
    for shape in SHAPES:
        x = drawn(shape)
        for axis in axes_of(shape):
            if name in [*OF_SOME, "median"] and 0 in x.shape:
                continue
            expected = of_numpy(getattr(np, name), x, axis=axis, keepdims=keepdims)
            agree(getattr(nb, name)(x, axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*OVER_AXES, "max", "min", "median", "cumsum", "cumprod"])
def test_dtypes(name, dtype):
    if name in ("max", "min", "median") and dtype.startswith("complex"):
        return refuses_complex(name)
    x = drawn((2, 3), dtype)
    agree(getattr(nb, name)(x), getattr(np, name)(x), rtol=1e-3 if dtype == "float16" else 1e-6)
    return None


def refuses_complex(name):
    with pytest.raises(nb.DTypeError, match="complex numbers have no order"):
        getattr(nb, name)([1j, 2.0])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(name):
    for shape in [(), (4,), (2, 3), (3, 1), (2, 3, 4)]:
        x = drawn(shape)
        for axis in [None, *range(-len(shape), len(shape))]:
            for keepdims in (False, True):
                expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
                agree(getattr(nb, name)(x, axis=axis, keepdims=keepdims), expected)
    assert getattr(nb, name)(np.array([1.0, np.nan, 5.0, np.nan])).item() == 1
    assert getattr(nb, name)([True, False, False, True]).item() == (0 if name == "argmax" else 1)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_cumulative(name):
    for shape in SHAPES:
        x = drawn(shape)
        for axis in [None, *range(-len(shape), len(shape))]:
            agree(getattr(nb, name)(x, axis=axis), getattr(np, name)(x, axis=axis))
    x = drawn((2, 3))
    agree(getattr(nb, name)(x, axis=0, dtype="float32"), getattr(np, name)(x, axis=0, dtype="float32"))


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_cumulative_of_the_standard(name):
    x = drawn((2, 3))
    for initial in (False, True):
        expected = getattr(np, name)(x, axis=1, include_initial=initial)
        agree(getattr(nb, name)(x, axis=1, include_initial=initial), expected)
    with pytest.raises(nb.ShapeError, match="give the axis to go along"):
        getattr(nb, name)(x)


def test_cumulative_extrema():
    x = drawn((2, 3, 4))
    for axis in (0, 1, -1):
        agree(nb.cummax(x, axis), np.maximum.accumulate(x, axis))
        agree(nb.cummin(x, axis), np.minimum.accumulate(x, axis))
    agree(nb.cummax(x), np.maximum.accumulate(x.ravel()))
    agree(nb.cummin(np.array([3, 1, 2], np.uint8)), np.array([3, 1, 1], np.uint8))
    refuses_complex("cummax")


def test_differences():
    x = drawn((3, 4)) ** 2
    for n in range(6):
        for axis in (0, 1, -1):
            agree(nb.diff(x, n, axis), np.diff(x, n, axis))
    agree(nb.diff(x, prepend=0, append=x[:, :2]), np.diff(x, prepend=0, append=x[:, :2]))
    agree(nb.diff([True, False, False]), np.diff([True, False, False]))
    agree(nb.diff(np.array([3, 1], np.uint8)), np.diff(np.array([3, 1], np.uint8)))
    with pytest.raises(nb.ArgumentError, match="at least 0; got -1"):
        nb.diff(x, -1)
    with pytest.raises(nb.ShapeError, match="may differ from it only along axis 1"):
        nb.diff(x, prepend=x[:2])


def test_where_and_initial():
    x, keep = drawn((2, 3)), np.array([True, False, True])
    for name in ("sum", "prod", "mean", "var", "std", "any", "all"):
        for axis in (None, 0, 1):
            expected = of_numpy(getattr(np, name), x, axis=axis, where=keep)
            agree(getattr(nb, name)(x, axis=axis, where=keep), expected)
    for name in ("sum", "prod", "max", "min"):
        for initial in (2, 100.0, -1.5):
            expected = getattr(np, name)(x, axis=1, initial=initial, where=keep)
            agree(getattr(nb, name)(x, axis=1, initial=initial, where=keep), expected)
    agree(nb.max(np.zeros((2, 0)), axis=1, initial=3.0), np.array([3.0, 3.0]))
    agree(nb.max(np.zeros((2, 0)), axis=1, initial=3.0, keepdims=True), np.array([[3.0], [3.0]]))
    agree(nb.var(x, axis=1, where=keep, correction=1), np.var(x, axis=1, where=keep, ddof=1))


def test_corrections():
    x = drawn((2, 3))
    for ddof in (0, 1, 1.5):
        agree(nb.var(x, 0, ddof=ddof), np.var(x, 0, ddof=ddof))
        agree(nb.std(x, correction=ddof), np.std(x, ddof=ddof))
    assert np.isinf(nb.var([1.0, 2.0], correction=2).item()) and np.isnan(nb.var([1.0], correction=1).item())


def test_a_given_dtype():
    x = drawn((2, 3), "float32")
    for name in ("sum", "prod", "mean", "var", "std"):
        agree(getattr(nb, name)(x, dtype="float64"), getattr(np, name)(x, dtype="float64"))
    agree(nb.sum(drawn((3,), "int8"), dtype="int8"), np.sum(drawn((3,), "int8"), dtype="int8"))


# ---- digits ---------------------------------------------------------------------------------------------------


def test_float16_is_added_up_in_float32():
    x = np.full(5000, 1.001, np.float16)
    assert nb.sum(x).item() == np.float16(x.astype(np.float32).sum())
    assert nb.cumsum(x)[-1].item() == np.float16(x.astype(np.float32).cumsum()[-1])
    large = np.full(4, 30000, np.float16)
    assert nb.mean(large).item() == 30000 and nb.std(large).item() == 0
    assert nb.var(np.array([-200, 200], np.float16)).item() == 40000


def test_the_variance_keeps_digits_far_from_zero():
    x = 1e8 + np.array([0.0, 1.0, 2.0])
    assert nb.var(x).item() == pytest.approx(2 / 3, rel=1e-12)
    np.testing.assert_allclose(nb.grad(lambda x: nb.var(x))(x), [-2 / 3, 0.0, 2 / 3], atol=1e-12)


def test_nothing():
    assert nb.sum([]).item() == 0.0 and nb.prod([]).item() == 1.0
    assert np.isnan(nb.mean([]).item()) and np.isnan(nb.var([]).item()) and np.isnan(nb.median([]).item())
    assert not nb.any([]).item() and nb.all([]).item()


# ---- derivatives at edges -------------------------------------------------------------------------------------


def modes(f):
    """The gradient of f by each mode."""
    return [nb.grad(f), nb.grad(f, mode="forward")]


@pytest.mark.parametrize("mode", [0, 1])
def test_ties_share_the_derivative(mode):
    for f, x, expected in [
        (nb.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (nb.min, [1.0, 1.0, 3.0], [0.5, 0.5, 0.0]),
        (nb.max, [np.nan, 1.0], [1.0, 0.0]),
        (lambda x: nb.cummax(x).sum(), [1.0, 1.0, 0.0], [3.0, 0.0, 0.0]),
        (lambda x: nb.sort(x)[0], [2.0, 2.0], [1.0, 0.0]),
        (lambda x: nb.ptp(x), [2.0, 2.0], [0.0, 0.0]),
        (nb.median, [1.0, 3.0, 2.0, 0.0], [0.5, 0.0, 0.5, 0.0]),
    ]:
        np.testing.assert_array_equal(modes(f)[mode](np.array(x)), expected)


def test_the_standard_deviation_of_equals():
    x = np.array([2.0, 2.0, 2.0])
    for gradient in modes(nb.std):
        np.testing.assert_array_equal(gradient(x), np.zeros(3))
    np.testing.assert_array_equal(nb.hessian(nb.std)(x), np.zeros((3, 3)))


def test_products_with_zeros():
    for x in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]):
        x = np.array(x)
        by_hand = lambda x: x[0] * x[1] * x[2]
        np.testing.assert_array_equal(nb.grad(nb.prod)(x), nb.grad(by_hand)(x))
        np.testing.assert_array_equal(nb.hessian(nb.prod)(x), nb.hessian(by_hand)(x))
        np.testing.assert_array_equal(nb.jacfwd(nb.hessian(nb.prod))(x), nb.jacfwd(nb.hessian(by_hand))(x))
        running = lambda x: nb.cumprod(x).sum()
        step_by_step = lambda x: x[0] + x[0] * x[1] + x[0] * x[1] * x[2]
        np.testing.assert_array_equal(nb.hessian(running)(x), nb.hessian(step_by_step)(x))


def test_cumulative_products_of_huge_and_tiny_numbers():
    x = np.array([1e-300, 1e200, 1e200])
    np.testing.assert_allclose(nb.grad(lambda x: nb.cumprod(x)[-1])(x), [np.inf, 1e-100, 1e-100], rtol=1e-12)


def test_moments_of_complex_numbers():
    x = drawn((3,), "complex128")
    for f in (nb.var, nb.std):
        gradient = nb.grad(f)(x)
        for direction in (1e-6, 1e-6j):
            step = np.array([direction, 0, 0])
            slope = (f(x + step).item() - f(x - step).item()) / 2
            assert np.real(np.sum(gradient * step)) == pytest.approx(slope, rel=1e-6)


def test_where_is_masked_out_of_the_derivative():
    x = np.array([-1.0, 4.0, 9.0])
    f = lambda x: nb.sum(nb.sqrt(x), where=x > 0) + nb.mean(nb.sqrt(x), where=x > 0)
    np.testing.assert_allclose(nb.grad(f)(x), [0.0, 0.375, 0.25])


# ---- methods, lanes, refusals ---------------------------------------------------------------------------------


def test_methods():
    x = drawn((2, 3))
    t = nb.asarray(x)
    for name in (
        "sum",
        "prod",
        "mean",
        "var",
        "std",
        "max",
        "min",
        "any",
        "all",
        "argmax",
        "argmin",
        "cumsum",
        "cumprod",
    ):
        agree(getattr(t, name)(1), getattr(x, name)(1))
        agree(getattr(t, name)(), getattr(x, name)())


def test_lanes():
    x = drawn((3, 2, 4))
    for f in (nb.sum, nb.prod, nb.max, nb.mean, nb.std, nb.median, nb.argmin, nb.cumprod, nb.cummax, nb.count_nonzero):
        for axis in (None, 0, -1):
            expected = np.stack([f(lane, axis=axis).numpy() for lane in x])
            np.testing.assert_array_equal(nb.vmap(lambda lane: f(lane, axis=axis))(x), expected)
    gradients = nb.vmap(nb.grad(lambda x: nb.prod(x) + nb.max(x) + nb.cumprod(x).sum()))
    one = nb.grad(lambda x: nb.prod(x) + nb.max(x) + nb.cumprod(x).sum())
    np.testing.assert_allclose(gradients(x), np.stack([one(lane) for lane in x]))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: nb.sum(x, axis=2), nb.AxisError, r"sum: axis 2 is out of range: the tensor has 2 dimensions"),
        (lambda x: nb.sum(x, axis=(0, -2)), nb.AxisError, "named twice"),
        (lambda x: nb.sum(x, axis=1.5), nb.ArgumentTypeError, "sum: an axis is an integer; got 1.5"),
        (lambda x: nb.sum(2.0, axis=0), nb.AxisError, "0-dimensional tensor has no axes"),
        (lambda x: nb.max(x[:0]), nb.ShapeError, r"axis 0 of shape \(0, 3\) is empty \(initial="),
        (lambda x: nb.argmin(x[:0], axis=0), nb.ShapeError, "the argmin of no elements is not defined"),
        (lambda x: nb.max(x, where=x > 0), nb.ArgumentError, "where needs initial"),
        (lambda x: nb.sum(x, where=[1, 0, 1]), nb.DTypeError, "where is a tensor of booleans; got int64"),
        (lambda x: nb.sum(x, where=[True, False]), nb.ShapeError, r"does not broadcast to the shape \(2, 3\)"),
        (lambda x: nb.sum(x, initial=[1.0]), nb.ShapeError, "initial is one number"),
        (lambda x: nb.var(x, correction=1, ddof=1), nb.ArgumentError, "two names for one thing"),
        (lambda x: nb.mean(x, dtype="int64"), nb.DTypeError, "a mean is computed in a floating dtype; got dtype=int64"),
        (lambda x: nb.argmax(x, axis=5), nb.AxisError, "axis 5 is out of range"),
        (lambda x: nb.cumsum(x, axis=5), nb.AxisError, "axes go from -2 to 1"),
    ],
)
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call(np.ones((2, 3)))
