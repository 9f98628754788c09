"""Reading by position: keys of every kind against NumPy, in every mode; take and its relatives; what an index may not be."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import nabla as nb

X = np.arange(24.0).reshape(2, 3, 4)

KEYS = [
    0,
    -1,
    np.int64(1),
    np.s_[1:],
    np.s_[::-1],
    np.s_[5:],
    np.s_[-100:100:2],
    np.s_[..., 0],
    np.s_[:, 1:, ::-2],
    np.s_[0, 1, 2],
    np.s_[1, ..., -1],
    None,
    np.s_[:, None, 0, ..., None],
    ...,
    (),
    [1, 0, 1],
    [[0, 1], [1, 1]],
    np.array([], int),
    [],
    np.s_[:, [0, -1]],
    np.s_[..., [3, 0, 0]],
    np.s_[[0, 1], [2, 0]],
    np.s_[[0, 1], :, [2, 0]],
    np.s_[0, :, [2, 0]],
    np.s_[[[0], [1]], [0, 2]],
    np.s_[:, [0, 2], [1, 1]],
    np.s_[:, [0, 2], 1],
    np.s_[[1], None, :, 0],
    np.s_[None, [1, 0], ..., [2, 3]],
    np.array(1),
    np.s_[:, np.array(-1)],
    np.s_[np.array([1, 0], np.uint8), np.array([2, 2], np.int16)],
    X > 7.0,
    X[..., 0] > 7.0,
    np.array([False, False]),
    np.s_[:, np.array([True, False, True])],
    np.s_[0, np.array([True, False, True]), 1:],
    np.s_[[0, 1], np.array([True, False, True])],
    np.s_[..., np.array([True, False, True, True])],
    True,
    False,
    np.True_,
    np.s_[True, [0, 1]],
    np.s_[:, True, [0, 1]],
    np.ix_([1, 0], [0, 2], [3, 1]),
    range(1, -1, -1),
    np.s_[range(2), :, range(0, 4, 2)],
    range(0),
]


def ours(key):
    """The key with tensors in place of arrays."""
    if isinstance(key, tuple):
        return tuple(ours(item) for item in key)
    return nb.array(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_key_reads_and_writes_what_numpy_does(key):
    for given_key in (key, ours(key)):
        x = nb.array(X)
        found = x[given_key]
        assert found.shape == X[key].shape
        np.testing.assert_array_equal(found.numpy(), X[key])
        for value in (-1.0, -np.arange(1.0, X[key].size + 1).reshape(X[key].shape)):
            theirs, mine = X.copy(), nb.array(X)
            theirs[key] = value
            mine[given_key] = value
            np.testing.assert_array_equal(mine.numpy(), theirs)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_a_key_is_differentiated_and_mapped(key):
    weights = np.cos(np.arange(X[key].size)).reshape(X[key].shape)
    expected = np.zeros_like(X)
    np.add.at(expected, key, weights)

    def read(x):
        return (x[key] * weights).sum()

    np.testing.assert_allclose(nb.grad(read)(X), expected, rtol=1e-12, atol=1e-12)
    assert nb.jvp(read, (X,), (X * 0.5 + 1.0,))[1].item() == pytest.approx((expected * (X * 0.5 + 1.0)).sum())
    np.testing.assert_allclose(nb.vmap(nb.grad(read))(np.stack([X, X + 1.0])).numpy(), [expected, expected], atol=1e-12)
    np.testing.assert_array_equal(nb.vmap(lambda x: x[key])(np.stack([X, X + 1.0])).numpy(), [X[key], (X + 1.0)[key]])


@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0), (1, 1)])
def test_index_arrays_are_mapped(in_axes):
    x = np.arange(9.0).reshape(3, 3)
    i = np.array([[0, 1, 0], [2, 0, 2], [1, 1, 1]])
    for f in (lambda x, i: x[i], lambda x, i: x[..., i], lambda x, i: x[i, 0] if x.ndim == 2 else x[i], lambda x, i: x[i][::-1]):

        def lane(array, axis, k):
            return array if axis is None else np.take(array, k, axis)

        wanted = [f(lane(x, in_axes[0], k), lane(i, in_axes[1], k)) for k in range(3)]
        np.testing.assert_array_equal(nb.vmap(f, in_axes)(nb.array(x), nb.array(i)).numpy(), wanted)


def test_a_mapped_index_beside_ranges():
    x, i = np.arange(24.0).reshape(2, 3, 4), np.array([[0, 3], [1, 1]])
    found = nb.vmap(lambda x, i: x[:, i])(x, i)
    np.testing.assert_array_equal(found.numpy(), [x[0][:, i[0]], x[1][:, i[1]]])
    jacobian = nb.vmap(nb.jacrev(lambda x, i: x[1, i]), in_axes=(0, 0))(x, i)
    assert jacobian.shape == (2, 2, 3, 4) and jacobian.sum().item() == 4.0 and jacobian[0, 1, 1, 3].item() == 1.0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mapped_writes_agree_with_a_loop(data):
    """x, v and the index array, each mapped or not."""
    mapped = data.draw(st.tuples(st.booleans(), st.booleans(), st.booleans()).filter(any))
    count = data.draw(st.integers(1, 3))
    shape = data.draw(st.sampled_from([(), (2,), (1, 3)]))
    lead = data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.standard_normal((count,) * mapped[0] + (3, 4))
    i = rng.integers(-4 if lead else -3, 4 if lead else 3, (count,) * mapped[2] + shape)
    region = (3, *shape) if lead else (*shape, 4)
    v = rng.standard_normal((count,) * mapped[1] + data.draw(st.sampled_from([region, (), region[-1:]])))

    def f(xp):
        def write(x, v, i):
            x = x.copy()
            if lead:
                x[:, i] = v
            else:
                x[i] = v
            return x * 2.0

        return write

    wanted = [f(np)(*[a[k] if m else a for a, m in zip((x, v, i), mapped, strict=True)]) for k in range(count)]
    found = nb.vmap(f(nb), in_axes=tuple(0 if m else None for m in mapped))(nb.array(x), nb.array(v), nb.array(i))
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_gathered_cotangents_do_not_meet_infinities_that_were_not_read():
    x = np.array([0.0, 4.0])
    assert nb.grad(lambda x: nb.sqrt(x)[1])(x).tolist() == [0.0, 0.25]
    assert nb.grad(lambda x: nb.sqrt(x)[1:].sum())(x).tolist() == [0.0, 0.25]
    assert nb.grad(lambda x: nb.sqrt(x)[np.array([1, 1])].sum())(x).tolist() == [0.0, 0.5]
    assert nb.grad(lambda x: nb.sqrt(x)[x > 1.0].sum())(x).tolist() == [0.0, 0.25]
    assert nb.hessian(lambda x: nb.sqrt(x)[1])(x).tolist() == [[0.0, 0.0], [0.0, -1 / 32]]


def test_dtypes_stay():
    for dtype in ("bool", "int8", "uint64", "float16", "float32", "complex64"):
        x = nb.array(np.ones(3, dtype))
        assert x[0].dtype == x[1:].dtype == x[[0, 1]].dtype == np.dtype(dtype)
    x = np.ones(3, np.float32)
    assert nb.grad(lambda x: x[[0, 0]].sum() + x[1])(x).dtype == np.float32


def test_integer_tensors_are_indices():
    x = nb.array([10.0, 20.0, 30.0])
    i = nb.argmax(x)
    assert x[i].item() == 30.0 and x[i - 1 :].tolist() == [20.0, 30.0] and x[nb.array([1])[0]].item() == 20.0
    assert x[nb.argsort(-x)].tolist() == [30.0, 20.0, 10.0]
    assert nb.grad(lambda x: x[nb.argmax(x)] ** 2)(x).tolist() == [0.0, 0.0, 60.0]
    assert nb.vmap(lambda x: x[nb.argmax(x)])(nb.stack([x, -x])).tolist() == [30.0, -10.0]


def test_a_mask_of_values_under_grad():
    x = np.array([-1.0, 2.0, 3.0])
    assert nb.grad(lambda x: (x[x > 0.0] ** 2).sum())(x).tolist() == [0.0, 4.0, 6.0]

    def f(x):
        x[x < 0.0] = 0.0
        x[x > 2.5] *= 10.0
        return (x * x).sum()

    assert nb.grad(f)(x).tolist() == [0.0, 4.0, 600.0]


def test_a_mask_is_written_under_vmap():
    def f(x):
        x[x < 0.0] = x.sum()
        return x

    x = np.array([[-1.0, 2.0], [3.0, -5.0]])
    assert nb.vmap(f)(x).tolist() == [[1.0, 2.0], [3.0, -2.0]]
    assert nb.vmap(nb.grad(lambda x: f(x).sum()))(x).tolist() == [[1.0, 2.0], [2.0, 1.0]]

    def g(mask, v):
        x = nb.zeros((2, 3))
        x[mask] = v
        x[..., nb.array([False, False, True])] += 1.0
        x[:, v > 1.5] = -v[0]
        return x

    found = nb.vmap(g)(np.array([[True, False], [False, True]]), np.array([[1.0, 2.0, 3.0]] * 2))
    assert found.tolist() == [[[1.0, -1.0, -1.0], [0.0, -1.0, -1.0]], [[0.0, -1.0, -1.0], [1.0, -1.0, -1.0]]]


@pytest.mark.parametrize("name", ["x[mask]", "compress", "extract", "write"])
def test_what_needs_the_value_of_a_mask_says_so(name):
    def write(x):
        y = nb.zeros(2)
        y[x > 0.0] = x
        return y

    needs = {
        "x[mask]": lambda x: x[x > 0.0],
        "compress": lambda x: nb.compress(x > 0.0, x),
        "extract": lambda x: nb.extract(x > 0.0, x),
        "write": write,
    }
    with pytest.raises(nb.TracedValueError, match=r"no value under vmap .*how many elements it picks.*nb\.where\(mask, x, y\)"):
        nb.vmap(needs[name])(np.ones((3, 2)))
    constant = nb.array([True, False])
    assert nb.vmap(lambda x: x[constant])(np.ones((3, 2))).shape == (3, 1)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (2, r"index 2 is out of bounds for axis 0, which has length 2"),
        (-3, r"index -3 is out of bounds for axis 0"),
        (np.s_[:, 3], r"index 3 is out of bounds for axis 1, which has length 3"),
        ([0, 2], r"index 2 is out of bounds for axis 0"),
        (np.s_[..., [0, -5]], r"index -5 is out of bounds for axis 2, which has length 4"),
        (np.s_[[0], 3], r"index 3 is out of bounds for axis 1"),
        (np.s_[0, 0, 0, 0], r"too many indices: 4 given for a tensor of shape \(2, 3, 4\), which has 3 axes"),
        (np.s_[[0], 0, 0, 0], r"too many indices: 4"),
        (np.s_[..., ...], r"one ellipsis"),
        (1.0, r"an index is an integer, a slice, .* got 1\.0\. Convert floats"),
        ([1.0], r"got an array of dtype float64"),
        ("a", r"got 'a'"),
        (np.s_[1.5:], r"bounds of a slice are integers or None"),
        (np.array([True]), r"a mask of shape \(1,\) stands for the axes from 0 on of a tensor of shape \(2, 3, 4\)"),
        (np.s_[[0, 1], [0, 1, 2]], r"shapes \(2,\), \(3,\), which do not broadcast"),
    ],
    ids=str,
)
def test_what_is_no_index(key, message):
    x = nb.array(X)
    with pytest.raises(IndexError, match=message):
        x[key]
    with pytest.raises(IndexError, match=message):
        x[key] = 0.0
    with pytest.raises(IndexError, match=message):
        nb.grad(lambda x: x[key].sum())(X)
    assert x[0, 0, 1].item() == 1.0


def test_a_step_of_zero():
    with pytest.raises(ValueError, match="step of a slice cannot be zero"):
        nb.array(X)[::0]


def test_out_of_bounds_among_lanes():
    for f in (lambda x, i: x[i], lambda x, i: nb.take_along_axis(x, i, 0)):
        with pytest.raises(IndexError, match=r"does not fit: index 3 is out of bounds for axis 0 with size 3"):
            nb.vmap(f, in_axes=(None, 0))(nb.ones(3), np.array([[0], [3]]))

    def write(i):
        x = nb.zeros(3)
        x[i] = 1.0
        return x

    with pytest.raises(IndexError, match="does not fit"):
        nb.vmap(write)(np.array([0, -4]))


# ---- take and its relatives -------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("indices", [1, [0, 1], [[1, 0], [-1, 1]], np.array([], int)], ids=str)
def test_take(axis, indices):
    np.testing.assert_array_equal(nb.take(X, indices, axis=axis).numpy(), np.take(X, indices, axis=axis))
    found = nb.take(nb.array(X), nb.array(indices), axis=axis)
    np.testing.assert_array_equal(found.numpy(), np.take(X, indices, axis=axis))


@pytest.mark.parametrize("mode", ["wrap", "clip"])
def test_take_beyond_the_end(mode):
    i = np.array([-9, -1, 0, 2, 3, 11])
    np.testing.assert_array_equal(nb.take(X, i, axis=1, mode=mode).numpy(), np.take(X, i, axis=1, mode=mode))
    found = nb.vmap(lambda i: nb.take(X, i, axis=1, mode=mode))(i)
    np.testing.assert_array_equal(found.numpy(), [np.take(X, k, axis=1, mode=mode) for k in i])


def test_take_refuses():
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 1"):
        nb.take(X, [3], axis=1)
    with pytest.raises(IndexError, match="take: the indices are integers; got float64"):
        nb.take(X, [0.5])
    with pytest.raises(ValueError, match="mode is 'raise', 'wrap' or 'clip'; got 'near'"):
        nb.take(X, [0], mode="near")
    with pytest.raises(nb.AxisError, match="take: axis 3"):
        nb.take(X, [0], axis=3)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, None])
def test_take_along_axis_and_put_along_axis(axis):
    i = np.take(np.argsort(-np.sin(X), axis=axis), [0, 1], axis=axis)
    flat = X if axis is not None else X.ravel()
    expected = np.take_along_axis(X, i, axis)
    np.testing.assert_array_equal(nb.take_along_axis(X, i, axis).numpy(), expected)
    np.testing.assert_array_equal(nb.take_along_axis(nb.array(X), nb.array(i), axis).numpy(), expected)
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)
    gradient = np.zeros_like(flat)
    np.put_along_axis(gradient, i, weights, axis)
    found = nb.grad(lambda x: (nb.take_along_axis(x, i, axis) * weights).sum())(X)
    np.testing.assert_allclose(found, gradient.reshape(X.shape))
    theirs, mine = X.copy(), nb.array(X)
    np.put_along_axis(theirs, i, weights, axis)
    assert nb.put_along_axis(mine, i, weights, axis) is None
    np.testing.assert_array_equal(mine.numpy(), theirs)


def test_along_an_axis_broadcasts():
    i = np.array([[[1], [0], [2]]])
    np.testing.assert_array_equal(nb.take_along_axis(X, i, 1).numpy(), np.take_along_axis(X, i, 1))
    found = nb.vmap(lambda i: nb.take_along_axis(X, i, 1))(np.stack([i, i[:, ::-1]]))
    np.testing.assert_array_equal(found.numpy(), [np.take_along_axis(X, i, 1), np.take_along_axis(X, i[:, ::-1], 1)])


def test_put_along_axis_writes_through_views():
    x = nb.array(X)
    nb.put_along_axis(x[0], np.array([[0], [1], [2]]), -1.0, axis=1)
    assert x[0, :, :3].tolist() == [[-1.0, 1.0, 2.0], [4.0, -1.0, 6.0], [8.0, 9.0, -1.0]]
    with pytest.raises(
        TypeError, match=r"put_along_axis at .* writes into its first argument, which must be a tensor; got ndarray"
    ):
        nb.put_along_axis(X, np.array([[[0]]]), 1.0)


def test_along_an_axis_refuses():
    with pytest.raises(ValueError, match=r"equally many axes; got shapes \(2, 3, 4\) and \(2,\)"):
        nb.take_along_axis(X, [0, 1], 0)
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 2"):
        nb.take_along_axis(X, np.full((2, 3, 1), 4), 2)
    with pytest.raises(ValueError, match="do not broadcast on axis 1"):
        nb.take_along_axis(X, np.zeros((2, 2, 1), int), 2)


def test_positions_of_what_is_not_zero():
    x = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 4.0]])
    for found, wanted in zip(nb.nonzero(x), np.nonzero(x), strict=True):
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found.numpy(), wanted)
    np.testing.assert_array_equal(nb.argwhere(nb.array(x)).numpy(), np.argwhere(x))
    np.testing.assert_array_equal(nb.flatnonzero(x).numpy(), np.flatnonzero(x))
    assert nb.grad(lambda x: (x[nb.nonzero(x)] ** 2).sum())(x).tolist() == (2 * x).tolist()
    with pytest.raises(ValueError, match=r"nonzero: a tensor of shape \(\) has no positions"):
        nb.nonzero(1.0)


def test_compress_and_extract():
    for axis in (None, 0, 1, 2):
        condition = [True, False, True][: 2 if axis == 0 else 3]
        np.testing.assert_array_equal(nb.compress(condition, X, axis).numpy(), np.compress(condition, X, axis))
    np.testing.assert_array_equal(nb.extract(X % 5 == 0, nb.array(X)).numpy(), np.extract(X % 5 == 0, X))
    assert nb.grad(lambda x: nb.extract(X % 5 == 0, x).sum())(X).sum() == 5.0
    with pytest.raises(ValueError, match=r"the condition has one axis; got shape \(1, 1\)"):
        nb.compress([[True]], X)
    with pytest.raises(ValueError, match="as many elements"):
        nb.extract([True], X)
    with pytest.raises(IndexError, match="out of bounds"):
        nb.compress([False, False, True], X, axis=0)


def test_in():
    x = nb.array(X)
    assert 3.0 in x and 3.5 not in x and nb.array(7.0) in x
