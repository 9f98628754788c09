"""Making tensors: dtypes, copies, values against NumPy, derivatives through what is made of tensors."""

import numpy as np
import pytest

import nabla as nb


def equal(found, expected):
    expected = np.asarray(expected)
    assert isinstance(found, nb.Tensor)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


# ---- from data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nb.array, nb.asarray])
def test_data_keeps_its_dtype(make):
    for data in (True, 3, 2.5, 1j, [1, 2], [[1.0], [2.0]], [True, 2], [1, 2.5, 1j], (1, (2)), []):
        equal(make(data), data)
    for dtype in ("bool", "int8", "uint16", "uint64", "float16", "float32", "complex64"):
        equal(make(np.ones((2, 1), dtype)), np.ones((2, 1), dtype))
        equal(make(np.dtype(dtype).type(1)), np.dtype(dtype).type(1))
        equal(make([0, 1], dtype=dtype), np.array([0, 1], dtype))


def test_python_floats_get_the_default_dtype():
    with nb.using_default_dtype("float32"):
        for data in (2.5, [1.0, 2.0], [[1, 2.5]], []):
            assert nb.asarray(data).dtype == np.float32
        assert nb.asarray(1j).dtype == nb.asarray([1j]).dtype == np.complex64
        assert nb.asarray([1, 2]).dtype == np.int64
        assert nb.asarray([np.float64(1.0)]).dtype == np.float64
        for made in (nb.zeros(2), nb.ones(2), nb.empty(2), nb.eye(2), nb.tri(2), nb.linspace(0, 1, 3), nb.arange(2.0)):
            assert made.dtype == np.float32
        assert nb.full(2, 1.0).dtype == np.float32 and nb.full(2, 1).dtype == np.int64


def test_any_order_and_byte_order():
    big_endian = np.arange(3.0).astype(">f8")
    equal(nb.asarray(big_endian), np.arange(3.0))
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    equal(nb.asarray(fortran), fortran)
    equal(nb.asarray(np.arange(6.0)[::-2]), np.arange(6.0)[::-2])


def test_writes_to_an_ndarray_are_not_seen():
    for make in (nb.array, nb.asarray, nb.copy, lambda x: nb.asarray(x[1:])):
        x = np.array([1.0, 2.0, 3.0])
        t = make(x)
        y = t + 1.0
        before = t.tolist()
        x[:] = 9.0
        assert t.tolist() == before and y.tolist() == [v + 1.0 for v in before]


def test_copies_of_tensors():
    t = nb.array([1.0, 2.0])
    assert nb.asarray(t) is t and nb.asarray(t, dtype="float64") is t and nb.asarray(t, copy=False) is t
    assert nb.asarray(t, dtype="float32").dtype == np.float32
    for other in (nb.array(t), nb.copy(t), nb.asarray(t, copy=True), t.copy()):
        other[0] = 5.0
        assert t.tolist() == [1.0, 2.0]
    for data in (np.ones(2), [1.0]):
        with pytest.raises(nb.ArgumentError, match="copy=False"):
            nb.asarray(data, copy=False)
    with pytest.raises(nb.ArgumentError, match="copy=False"):
        nb.asarray(t, dtype="float32", copy=False)


def test_nested_lists_of_tensors_are_differentiated():
    f = lambda x: (nb.array([[x[0], 2.0], [x[1] * x[0], x[2]]]) ** 2).sum()
    np.testing.assert_array_equal(nb.grad(f)(np.array([1.0, 2.0, 3.0])), [10.0, 4.0, 6.0])
    found = nb.vmap(lambda x: nb.asarray([x, 2 * x]))(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found, [[1.0, 2.0], [2.0, 4.0]])


def test_dlpack():
    equal(nb.from_dlpack(np.arange(3.0)), np.arange(3.0))
    with pytest.raises(nb.ArgumentTypeError, match="exports DLPack; got list"):
        nb.from_dlpack([1.0])


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ([[1.0], [1.0, 2.0]], nb.ShapeError, "ragged"),
        ("text", nb.ArgumentTypeError, "got str: 'text'"),
        (["a"], nb.ArgumentTypeError, "its elements are not numbers"),
        (np.array(["a"]), nb.DTypeError, "is not supported"),
        (None, nb.ArgumentTypeError, "got NoneType"),
        (np.ma.masked_array([1.0]), nb.ArgumentTypeError, "their mask would be lost"),
        (np.array([1.0], object), nb.DTypeError, "is not supported"),
    ],
)
def test_what_is_no_data(data, error, match):
    with pytest.raises(error, match=match):
        nb.asarray(data)


# ---- filled ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), 3, (2,), (0,), (2, 3), [2, 0, 3], np.int64(2)])
def test_filled(shape):
    for dtype in (None, "float32", "int8", "complex128", "bool"):
        options = {} if dtype is None else {"dtype": dtype}
        equal(nb.zeros(shape, **options), np.zeros(shape, **options))
        equal(nb.ones(shape, **options), np.ones(shape, **options))
        equal(nb.empty(shape, **options), np.zeros(shape, **options))
        equal(nb.full(shape, 1, **options), np.full(shape, 1, **options))
        x = np.zeros(shape, "float32")
        for name in ("zeros_like", "ones_like"):
            equal(getattr(nb, name)(x, **options), getattr(np, name)(x, **options))
        equal(nb.empty_like(x, **options), np.zeros_like(x, **options))
        equal(nb.full_like(x, 1, **options), np.full_like(x, 1, **options))


def test_a_filling_is_differentiated():
    assert nb.grad(lambda v: nb.full((2, 3), v).sum())(2.0).item() == 6.0
    np.testing.assert_array_equal(nb.grad(lambda v: nb.full((2, 3), v)[0].sum())(np.ones(3)), np.ones(3))
    assert nb.grad(lambda v: nb.full_like(np.ones(4), v).sum())(2.0).item() == 4.0


def test_filled_tensors_are_their_own():
    for make in (nb.zeros, nb.ones, nb.empty, lambda n: nb.full(n, 1.0), lambda n: nb.zeros_like(np.ones(n))):
        one, other = make(3), make(3)
        value = other.tolist()
        one[0] = 7.0
        assert one[0].item() == 7.0 and other.tolist() == make(3).tolist() == value


def test_leaves():
    made = (nb.array([1.0, 2.0], requires_grad=True), nb.ones(2, requires_grad=True), nb.zeros(2, requires_grad=True))
    for leaf in made:
        nb.backward((3.0 * leaf).sum())
        np.testing.assert_array_equal(leaf.grad, [3.0, 3.0])


# ---- counted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [(4,), (0,), (-2,), (2, 7), (2, 7, 2), (7, 2, -2), (-1, -4, -1), (5, 2)] + [(0, 1, 0.1), (4.0,), (1.5, 3.5), (0.3, 2.2, 0.7)],
)
def test_arange(args):
    equal(nb.arange(*args), np.arange(*args))
    for dtype in ("float32", "int16"):
        equal(nb.arange(*args, dtype=dtype), np.arange(*args, dtype=dtype))


@pytest.mark.parametrize("endpoint", [True, False])
def test_integers_evenly_spaced_are_rounded_down_as_by_numpy(endpoint):
    for start, stop, num in [
        (0, 49, 50),
        (1, 1000, 1000),
        (-1, 1, 4),
        (-3.5, 2.0, 5),
        (0.8, -6.7, 48),
        (5, -5, 11),
        (2, 2, 3),
        (1, 2, 1),
        (0, 1, 0),
    ]:
        expected = np.linspace(start, stop, num, dtype=int, endpoint=endpoint)
        np.testing.assert_array_equal(nb.linspace(start, stop, num, dtype=int, endpoint=endpoint), expected, strict=True)
    assert nb.grad(lambda x: nb.linspace(x, 9.0, 4, dtype=int).astype(float).sum())(1.5) == 0.0


@pytest.mark.parametrize("num", [0, 1, 2, 5, 50])
def test_linspace(num):
    for start, stop in ((0.0, 1.0), (2, -3), (1.0, 1.0), (0.1, 0.7), (1j, 2.0)):
        for endpoint in (True, False):
            found, expected = nb.linspace(start, stop, num, endpoint=endpoint), np.linspace(start, stop, num, endpoint)
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)
            if num > 1:
                assert found[0].item() == start and (not endpoint or found[-1].item() == stop)
    assert nb.linspace(0, 1, 3, dtype="float32").dtype == np.float32
    ends = np.array([1.0, 2.0]), np.array([3.0, 8.0])
    np.testing.assert_allclose(nb.linspace(*ends, num), np.linspace(*ends, num), rtol=1e-14)


def test_spaced_numbers_are_differentiated():
    f = lambda a, b: (nb.linspace(a, b, 3) * np.array([1.0, 2.0, 4.0])).sum()
    assert [g.item() for g in nb.grad(f, (0, 1))(5.0, 6.0)] == [2.0, 5.0]
    assert nb.grad(lambda a: nb.arange(a, 6.0).sum())(2.5).item() == 4.0
    assert nb.grad(lambda a: nb.arange(0.0, 6.5, a).sum())(2.0).item() == 6.0
    found = nb.grad(lambda a: nb.logspace(a, 2.0, 3, base=np.e)[0])(1.0).item()
    assert found == pytest.approx(np.e)


def test_logspace():
    for options in ({}, {"base": 2.0}, {"endpoint": False}, {"num": 3, "dtype": "float32"}):
        found, expected = nb.logspace(-1.0, 2.0, **options), np.logspace(-1.0, 2.0, **options)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6 if "dtype" in options else 1e-14)


def test_matrices_of_ones():
    for n, m, k in [(3, 3, 0), (2, 4, 1), (4, 2, -1), (0, 2, 0), (3, 3, 9)]:
        equal(nb.eye(n, m, k=k), np.eye(n, m, k))
        equal(nb.tri(n, m, k), np.tri(n, m, k))
    equal(nb.eye(2, dtype="int8"), np.eye(2, dtype="int8"))
    equal(nb.identity(3), np.identity(3))
    equal(nb.tri(3), np.tri(3))


# ---- another dtype --------------------------------------------------------------------------------------------


def test_astype():
    x = np.array([1.7, -1.7, 0.0])
    for dtype in ("float32", "int64", "uint8", "bool", "complex64", "float16"):
        with np.errstate(invalid="ignore"):
            equal(nb.astype(abs(x), dtype), abs(x).astype(dtype))
    t = nb.array(x)
    same = t.astype("float64")
    same[0] = 5.0
    assert t[0].item() == 1.7
    gradient = nb.grad(lambda x: (x.astype("float32") ** 2).sum())(x)
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-6)
    assert gradient.dtype == np.float64
    np.testing.assert_array_equal(nb.grad(lambda x: (x.astype("int64") * x).sum())(x), [1.0, -1.0, 0.0])
    with pytest.raises(nb.DTypeError, match=r"would drop the imaginary parts; write nb.real"):
        nb.astype([1j], "float64")
    equal(nb.astype([1j, 0j], "bool"), np.array([True, False]))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: nb.zeros((2, -1)), nb.ShapeError, "a length in a shape is at least 0; got -1"),
        (lambda: nb.ones(1.5), nb.ArgumentTypeError, "a length in a shape is an integer; got 1.5"),
        (lambda: nb.zeros(2, "text"), nb.ArgumentTypeError, "'text' is not a dtype"),
        (lambda: nb.zeros(2, "U3"), nb.DTypeError, "is not supported"),
        (lambda: nb.full(3, np.ones(2)), nb.ShapeError, r"a value of shape \(2,\) does not broadcast to shape \(3,\)"),
        (lambda: nb.full(1, np.ones(2)), nb.ShapeError, r"a value of shape \(2,\) does not broadcast to shape \(1,\)"),
        (lambda: nb.arange(0, 4, 0), nb.ArgumentError, "step is 0"),
        (lambda: nb.arange(np.ones(2)), nb.ShapeError, r"takes numbers; got an array of shape \(2,\)"),
        (lambda: nb.arange(3, dtype="bool"), nb.DTypeError, "bool"),
        (lambda: nb.linspace(0.0, 1.0, -1), nb.ShapeError, "num is at least 0; got -1"),
        (lambda: nb.eye(-1), nb.ShapeError, "the number of rows is at least 0"),
        (lambda: nb.array([1, 2], requires_grad=True), nb.DTypeError, "requires_grad"),
    ],
)
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()
