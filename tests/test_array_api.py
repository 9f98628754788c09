"""The array API standard's protocols: the namespace, what it tells of itself, dtypes asked about, sets, DLPack with NumPy.

That every function does what the standard says is tested by its own suite: `make conformance`.
"""

import array
from collections import UserList

import numpy as np
import pytest

import nabla as nb

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
DTYPES += ["float16", "float32", "float64", "complex64", "complex128"]
INFO = nb.__array_namespace_info__()


def equal(found, expected):
    expected = np.asarray(expected)
    assert isinstance(found, nb.Tensor)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(found, expected)


# ---- the namespace and its device -----------------------------------------------------------------------------


def test_a_tensor_names_its_namespace():
    x = nb.ones(2)
    assert x.__array_namespace__() is nb
    for version in ("2021.12", "2024.12", "2025.12"):
        assert x.__array_namespace__(api_version=version) is nb
    assert x[:1].__array_namespace__() is nb  # a view is a tensor, too
    assert nb.__array_api_version__ == "2025.12"
    with pytest.raises(nb.ArgumentError, match=r"versions of the standard are 2021\.12, .*2025\.12; got '2042\.12'"):
        x.__array_namespace__(api_version="2042.12")


def test_code_for_any_namespace_is_differentiated():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.astype(x > 0, x.dtype) * xp.exp(x)) + xp.mean(xp.asarray(x, device=x.device))

    np.testing.assert_allclose(nb.grad(f)(np.array([1.0, -1.0])), [np.e + 0.5, 0.5])


def test_what_the_namespace_tells_of_itself():
    assert INFO.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert nb.zeros((1,) * 64).ndim == 64
    assert INFO.devices()[0] == INFO.default_device() == "cpu"
    assert INFO.default_dtypes(device="cpu") == {
        "real floating": np.float64,
        "complex floating": np.complex128,
        "integral": np.int64,
        "indexing": np.int64,
    }
    with nb.using_default_dtype("float32"):
        assert INFO.default_dtypes()["real floating"] == nb.asarray(1.0).dtype == np.float32
        assert INFO.default_dtypes()["complex floating"] == nb.asarray(1j).dtype == np.complex64


def test_dtypes_by_kind():
    assert set(INFO.dtypes()) == {*DTYPES} - {"float16"}
    assert all(str(dtype) == name for name, dtype in INFO.dtypes().items())
    assert list(INFO.dtypes(kind="bool")) == ["bool"]
    assert list(INFO.dtypes(kind=("unsigned integer", "complex floating"))) == [
        "uint8", "uint16", "uint32", "uint64", "complex64", "complex128",
    ]  # fmt: skip
    assert set(INFO.dtypes(kind="numeric")) == {*DTYPES} - {"float16", "bool"}
    assert INFO.dtypes(kind=()) == {}
    with pytest.raises(nb.ArgumentError, match=r"a kind is one of 'bool'.*got 'float'"):
        INFO.dtypes(kind="float")


def test_the_device_that_is_always_there():
    x = nb.arange(3.0)
    assert x.device == x.to_device("cpu").device == "cpu"
    for make in (nb.zeros, nb.ones, nb.empty, nb.arange, nb.eye):
        assert make(3, device="cpu").device == "cpu"
    made = [
        nb.asarray(x, device="cpu"), nb.astype(x, nb.float32, device="cpu"), nb.full(3, 1.0, device="cpu"),
        nb.full_like(x, 1.0, device="cpu"), nb.zeros_like(x, device="cpu"), nb.ones_like(x, device="cpu"),
        nb.empty_like(x, device="cpu"), nb.linspace(0, 1, 3, device="cpu"), nb.from_dlpack(x, device="cpu"),
    ]  # fmt: skip
    assert {y.device for y in made} == {"cpu"}


# ---- dtypes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_finfo(dtype):
    expected = np.finfo(dtype)
    for asked in (dtype, np.dtype(dtype), nb.ones(1, dtype=dtype), np.ones(1, dtype)):
        found = nb.finfo(asked)
        assert found.dtype == dtype and found.bits == expected.bits and type(found.bits) is int
        for name in ("eps", "max", "min", "smallest_normal", "smallest_subnormal", "resolution", "tiny"):
            assert getattr(found, name) == float(getattr(expected, name)) and type(getattr(found, name)) is float
    assert nb.finfo("complex64") == nb.finfo("float32")
    with pytest.raises(nb.DTypeError, match=r"finfo: int32 is not a floating dtype; nb\.iinfo"):
        nb.finfo(nb.int32)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if "int" in name])
def test_iinfo(dtype):
    expected = np.iinfo(dtype)
    for asked in (dtype, nb.ones(1, dtype=dtype)):
        assert nb.iinfo(asked) == (expected.bits, expected.max, expected.min, np.dtype(dtype))
    with pytest.raises(nb.DTypeError, match=r"iinfo: bool is not an integer dtype; nb\.finfo"):
        nb.iinfo("bool")
    with pytest.raises(nb.ArgumentTypeError, match="iinfo takes a dtype or an array; got 3"):
        nb.iinfo(3)


def test_isdtype():
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
    for name in DTYPES:
        dtype = np.dtype(name)
        for kind in kinds:
            assert nb.isdtype(dtype, kind) is np.isdtype(dtype, kind)
        assert nb.isdtype(dtype, dtype) and not nb.isdtype(dtype, nb.int8 if name != "int8" else nb.bool)
        assert nb.isdtype(dtype, tuple(kinds)) and nb.isdtype(dtype, ("complex floating", dtype))
    assert not nb.isdtype(nb.int8, ())
    with pytest.raises(nb.ArgumentError, match=r"a kind is a dtype, one of 'bool'.* or a tuple; got 'floating'"):
        nb.isdtype(nb.int8, "floating")


def test_can_cast_and_result_type_agree_with_what_operations_do():
    for a in DTYPES:
        for b in DTYPES:
            assert nb.can_cast(np.dtype(a), np.dtype(b)) is nb.can_cast(nb.ones(1, dtype=a), b) is np.can_cast(a, b)
            assert nb.result_type(np.dtype(a), nb.ones(1, dtype=b)) == np.result_type(np.dtype(a), np.dtype(b))
            assert nb.result_type(nb.ones(1, dtype=a), nb.ones(1, dtype=b)) == (nb.ones(1, dtype=a) * nb.ones(1, dtype=b)).dtype
        for number in (True, 2, 2.5, 2j):
            assert nb.result_type(nb.ones(1, dtype=a), number) == nb.where(True, nb.ones(1, dtype=a), number).dtype
            assert nb.result_type(number, np.dtype(a)) == nb.result_type(np.dtype(a), number)
    assert nb.result_type(nb.int8, 1.0, 2j) == np.complex128
    assert nb.result_type(nb.float32, np.float64(1.0)) == np.float64  # NumPy's numbers are not weak
    assert nb.result_type(nb.bool) == np.bool_
    for nothing in ((), (1, 2.0)):
        with pytest.raises(nb.ArgumentError, match="at least one argument is an array or a dtype"):
            nb.result_type(*nothing)


def test_the_variable_of_a_python_float_is_weak():
    seen = []
    nb.grad(lambda x: seen.append(nb.result_type(x, nb.float32)) or x * 2.0)(3.0)
    assert seen == [np.float32]


# ---- shapes ---------------------------------------------------------------------------------------------------


def test_broadcast_shapes():
    for shapes in ((), ((),), ((3, 1), (2,)), ((0,), (1,)), ((5, 1, 4), (3, 1), ()), (3, (2, 1))):
        assert nb.broadcast_shapes(*shapes) == np.broadcast_shapes(*shapes)
    with pytest.raises(nb.ShapeError, match=r"\(2,\) and \(3,\) do not broadcast"):
        nb.broadcast_shapes((2,), (3,))


def test_reshape_with_and_without_a_copy():
    x = nb.arange(4.0)
    own = nb.reshape(x, (2, 2), copy=True)
    own[0, 0] = 9.0
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0] and own.tolist() == [[9.0, 1.0], [2.0, 3.0]]
    same = nb.reshape(x, (4,), copy=True)
    same[0] = 7.0
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    shared = nb.reshape(x, (1, 4), copy=False)
    shared[0, 0] = 5.0
    assert x[0].item() == 5.0
    assert nb.grad(lambda x: (nb.reshape(x, (2, 2), copy=True) ** 2).sum())(x).tolist() == [10.0, 2.0, 4.0, 6.0]


def test_astype_without_a_copy():
    x = nb.arange(3.0)
    assert nb.astype(x, nb.float64, copy=False) is x
    assert nb.astype(x, nb.float64) is not x
    equal(nb.astype(x, nb.float32, copy=False), np.arange(3, dtype=np.float32))


def test_masks_without_elements_pick_nothing():
    x = np.arange(24.0).reshape(3, 2, 4)
    for shape in ((0,), (3, 0), (0, 2), (0, 0), (3, 0, 4), (0, 0, 0)):
        mask = np.zeros(shape, bool)
        equal(nb.asarray(x)[mask], x[mask])
        y = nb.array(x)
        y[mask] = 1.0
        equal(y, x)
    for shape in ((1, 0), (0, 3), (3, 1), (0, 0, 0, 0), (2,)):
        with pytest.raises(nb.BoundsError, match=r"a mask of shape|too many"):
            nb.asarray(x)[np.zeros(shape, bool)]


# ---- sets -----------------------------------------------------------------------------------------------------

REPEATED = np.array([[3.0, 1.0, 3.0], [2.0, 1.0, 1.0]])


def test_distinct_values():
    values, indices, inverse, counts = np.unique(REPEATED, return_index=True, return_inverse=True, return_counts=True)
    found = nb.unique_all(REPEATED)
    for ours, theirs in zip(found, (values, indices, inverse.reshape(2, 3), counts)):
        equal(ours, theirs)
    assert found._fields == ("values", "indices", "inverse_indices", "counts")
    equal(nb.unique_values(REPEATED), values)
    equal(nb.unique_counts(REPEATED).counts, counts)
    equal(nb.unique_inverse(REPEATED).inverse_indices, inverse.reshape(2, 3))
    assert nb.unique_inverse(5.0).inverse_indices.shape == ()
    assert nb.unique_values(nb.zeros((0, 2))).shape == (0,)


def test_each_nan_is_distinct():
    x = np.array([np.nan, 1.0, np.nan])
    equal(nb.unique_values(x), [1.0, np.nan, np.nan])
    equal(nb.unique_counts(x).counts, [1, 1, 1])
    equal(nb.unique_values(x)[nb.unique_inverse(x).inverse_indices], x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_distinct_values_keep_their_dtype(dtype):
    equal(nb.unique_values(np.array([1, 0, 1], dtype)), np.array([0, 1], dtype))


def test_the_derivative_of_distinct_values_is_that_of_the_first():
    def f(x):
        return nb.sum(nb.unique_values(x) ** 3)

    np.testing.assert_array_equal(nb.grad(f)(REPEATED), [[27.0, 3.0, 0.0], [12.0, 0.0, 0.0]])
    nb.testing.check_grads(lambda x: nb.unique_counts(x).values * nb.unique_counts(x).counts, (np.array([2.0, -1.0, 0.5]),))


def test_distinct_values_need_values():
    with pytest.raises(nb.TracedValueError, match=r"unique_counts: an argument has no value under vmap .* Pass size=, or sort"):
        nb.vmap(lambda x: nb.unique_counts(x).counts)(REPEATED)


def test_isin():
    x, among = np.array([[1, 2], [3, 4]]), np.array([[4, 1], [1, 9]])
    for invert in (False, True):
        equal(nb.isin(x, among, invert=invert), np.isin(x, among, invert=invert))
        equal(nb.isin(x, 3, invert=invert), np.isin(x, 3, invert=invert))
        equal(nb.isin(x, [], invert=invert), np.isin(x, [], invert=invert))
    equal(nb.isin(2, among), False)
    equal(nb.isin(np.array([1, 44], np.uint8), [300, 1]), [True, False])
    equal(nb.isin(np.array([44], np.uint8), 300), [False])
    equal(nb.isin([np.nan, 1.0], [np.nan]), [False, False])
    equal(nb.isin([1 + 1j, 1.0], [1 + 1j]), [True, False])
    equal(nb.vmap(nb.isin)(x, among), [[True, False], [False, False]])
    equal(nb.vmap(nb.isin, in_axes=(0, None))(x, among), np.isin(x, among))


# ---- searchsorted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    row = np.array([-1.0, 0.0, 0.0, 2.0, np.inf, np.nan])
    v = np.array([[-5.0, 0.0, 1.0], [np.inf, np.nan, -0.0]])
    equal(nb.searchsorted(row, v, side=side), np.searchsorted(row, v, side))
    equal(nb.searchsorted(row, 0.0, side=side), np.searchsorted(row, 0.0, side))
    order = np.array([2, 0, 1, 5, 4, 3])
    equal(nb.searchsorted(row[np.argsort(order)], v, side=side, sorter=order), np.searchsorted(row, v, side))
    equal(nb.searchsorted(np.zeros(0), v, side=side), np.zeros((2, 3), np.int64))
    equal(nb.searchsorted(np.array([1, 2], np.uint8), 300, side=side), np.array(2))
    equal(nb.searchsorted(np.array([1, 2], np.int8), np.array([1.5]), side=side), np.array([1]))


def test_searchsorted_batched():
    rows, v = np.array([[0.0, 1.0, 2.0], [5.0, 6.0, 7.0]]), np.array([[1.5, -1.0], [6.0, 9.0]])
    each = np.stack([np.searchsorted(row, w) for row, w in zip(rows, v)])
    equal(nb.vmap(nb.searchsorted)(rows, v), each)
    equal(nb.vmap(nb.searchsorted, in_axes=(None, 0))(rows[0], v), np.searchsorted(rows[0], v))
    equal(nb.vmap(nb.searchsorted, in_axes=(0, None))(rows, v[0]), np.stack([np.searchsorted(row, v[0]) for row in rows]))
    equal(nb.vmap(nb.vmap(nb.searchsorted, in_axes=(None, 0)))(rows, v), each)
    assert nb.grad(lambda x: x[nb.searchsorted(x, 0.5)])(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_searchsorted_refuses():
    with pytest.raises(nb.ShapeError, match=r"x1 has one axis; got shape \(2, 2\)"):
        nb.searchsorted(np.ones((2, 2)), 1.0)
    with pytest.raises(nb.ArgumentError, match="side is 'left' or 'right'; got 'middle'"):
        nb.searchsorted([1.0], 1.0, side="middle")
    with pytest.raises(nb.DTypeError, match="sorter holds positions, which are integers; got float64"):
        nb.searchsorted([1.0], 1.0, sorter=[0.0])
    with pytest.raises(nb.ShapeError, match=r"sorter has the shape \(2,\) of x1; got \(1,\)"):
        nb.searchsorted([1.0, 2.0], 1.0, sorter=[0])
    with pytest.raises(nb.BoundsError):
        nb.searchsorted([1.0, 2.0], 1.0, sorter=[0, 2])


# ---- DLPack ---------------------------------------------------------------------------------------------------


class Older:
    """A consumer's view of a tensor before DLPack 1.0: it says no version."""

    def __init__(self, tensor, **kwargs):
        self.tensor, self.kwargs = tensor, kwargs

    def __dlpack__(self, **kwargs):
        return self.tensor.__dlpack__(**self.kwargs)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_both_ways(dtype):
    expected = np.array([[0, 1, 0], [1, 0, 1]], dtype)
    x = nb.asarray(expected)
    assert x.__dlpack_device__() == (1, 0)
    there = np.from_dlpack(x)
    assert there.dtype == expected.dtype and not there.flags.writeable
    np.testing.assert_array_equal(there, expected)
    equal(nb.from_dlpack(expected), expected)
    equal(nb.from_dlpack(expected[::-1, ::2]), expected[::-1, ::2])
    equal(nb.from_dlpack(there), expected)


def test_dlpack_export_shares_memory_unless_a_copy_is_asked_for():
    x = nb.arange(4.0)
    assert np.shares_memory(np.from_dlpack(x), x.numpy())
    assert np.shares_memory(np.from_dlpack(x, copy=False), x.numpy())
    copied = np.from_dlpack(x, copy=True)
    assert not np.shares_memory(copied, x.numpy())
    copied[0] = 9.0
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    for part in (x[1:], x[::2], nb.reshape(x, (2, 2)).T, x[0], nb.asarray(2.5), nb.zeros((0, 3)), nb.full((2, 3), 1.0)):
        np.testing.assert_array_equal(np.from_dlpack(part), part.numpy())


def test_dlpack_export_outlives_the_tensor_and_its_writes():
    x = nb.arange(3.0)
    there = np.from_dlpack(x)
    x[0] = 9.0
    assert there.tolist() == [0.0, 1.0, 2.0]
    del x
    assert there.tolist() == [0.0, 1.0, 2.0]


def test_an_older_consumer_gets_a_copy():
    x = nb.arange(3.0)
    for version in (None, (0, 8)):
        there = np.from_dlpack(Older(x, max_version=version))
        assert there.tolist() == [0.0, 1.0, 2.0] and not np.shares_memory(there, x.numpy())
        assert np.shares_memory(np.from_dlpack(Older(x, max_version=version, copy=False)), x.numpy())


def test_dlpack_export_refuses():
    x = nb.arange(3.0)
    with pytest.raises(BufferError, match="the CPU has no streams"):
        x.__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"tensors live on the CPU.*\(2, 0\) was asked for"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="float0"):
        nb.grad(lambda n: 2.0 * n.sum(), allow_int=True)(nb.asarray([1, 2])).__dlpack__()
    with pytest.raises(nb.TracedValueError, match=r"exporting DLPack at .* its derivative would be lost"):
        nb.grad(lambda x: np.from_dlpack(x * 2.0).sum())(x)
    with pytest.raises(nb.TracedValueError):
        nb.vmap(lambda x: np.from_dlpack(x).sum())(nb.ones((2, 2)))


def test_dlpack_import_copies_unless_nobody_can_write():
    source = np.arange(3.0)
    for kwargs in ({}, {"copy": None}, {"copy": True}):
        x = nb.from_dlpack(source, **kwargs)
        assert not np.shares_memory(x.numpy(), source)
    with pytest.raises(BufferError, match="copy=False, but the array may be written to later"):
        nb.from_dlpack(source, copy=False)
    source.flags.writeable = False
    assert np.shares_memory(nb.from_dlpack(source, copy=False).numpy(), source)
    for wrong in ([1.0], 3.0, "text"):
        with pytest.raises(nb.ArgumentTypeError, match="from_dlpack takes an array that exports DLPack"):
            nb.from_dlpack(wrong)


def test_from_dlpack_of_a_tensor_keeps_its_derivative():
    assert nb.grad(lambda x: (nb.from_dlpack(x) ** 2).sum() + nb.from_dlpack(x, copy=True)[0])(np.ones(2)).tolist() == [3.0, 2.0]
    x = nb.arange(3.0)
    assert nb.from_dlpack(x) is nb.from_dlpack(x, copy=False) is x
    mine = nb.from_dlpack(x, copy=True)
    mine[0] = 9.0
    assert x[0].item() == 0.0


# ---- special cases of the standard that NumPy has otherwise -----------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floor_divide_with_infinities(dtype):
    x = np.array([np.inf, np.inf, -np.inf, 1.0, -1.0, 0.0, 7.0, np.inf], dtype)
    y = np.array([2.0, -2.0, 2.0, -np.inf, np.inf, np.inf, np.inf, np.inf], dtype)
    found = nb.floor_divide(x, y)
    equal(found, np.array([np.inf, -np.inf, -np.inf, -0.0, -0.0, 0.0, 0.0, np.nan], dtype))
    np.testing.assert_array_equal(np.signbit(found.numpy())[3:7], [True, True, False, False])
    equal(nb.floor_divide(x[0], y[0]), np.array(np.inf, dtype))
    equal(nb.floor_divide(np.array([7, -7], dtype), 2), np.array([3, -4], dtype))


def test_expm1_of_complex_infinities():
    inf, nan = np.inf, np.nan
    x = np.array([complex(inf, 0), complex(-inf, inf), complex(-inf, nan), complex(nan, 0), complex(-0.0, 0), complex(0, -0.0)])
    equal(nb.expm1(x), np.array([complex(inf, 0), -1, -1, complex(nan, 0), 0, 0]))
    found = nb.expm1(x).numpy()
    assert not np.signbit(found.real[4:]).any() and np.signbit(found.imag).tolist()[4:] == [False, True]
    assert np.isinf(nb.expm1(complex(inf, inf)).numpy().real) and np.isnan(nb.expm1(complex(inf, nan)).numpy().imag)


def test_tanh_of_complex_infinities():
    x = np.array([complex(re, im) for re in (np.inf, -np.inf) for im in (1.0, 2.0, -1.0, -2.0, 0.0, -0.0)])
    found = nb.tanh(x).numpy()
    np.testing.assert_array_equal(found, np.sign(x.real))
    np.testing.assert_array_equal(np.signbit(found.imag), np.signbit(x.imag))
    equal(nb.tanh(complex(np.inf, 2.0)), np.array(1.0 + 0j))


# ---- data of every kind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_and_byte_orders(dtype):
    data = np.array([[0, 1, 0], [1, 1, 0]], dtype)
    read_only = data.copy()
    read_only.flags.writeable = False
    shifted = np.frombuffer(b"\0" + data.tobytes(), np.uint8)[1:].view(dtype).reshape(2, 3)
    for x in (
        data.astype(data.dtype.newbyteorder(">")), np.asfortranarray(data), data[::-1, ::-2], read_only, shifted, data.T,
        np.broadcast_to(data[0], (4, 3)), data[:0], data[0, 0], data[1:, 1:2],
    ):  # fmt: skip
        equal(nb.asarray(x), np.asarray(x).astype(dtype))
        equal(nb.asarray([x, x]), np.stack([x, x]).astype(dtype))
        equal(nb.where(True, x, x), np.asarray(x).astype(dtype))


def test_sequences_and_buffers():
    equal(nb.asarray(range(3)), np.arange(3))
    equal(nb.asarray([range(3), range(3)]), np.array([[0, 1, 2]] * 2))
    equal(nb.asarray(UserList([1.0, 2.0])), np.array([1.0, 2.0]))
    equal(nb.asarray(array.array("f", [1.0, 2.0])), np.array([1.0, 2.0], np.float32))
    equal(nb.asarray(memoryview(b"ab")), np.array([97, 98], np.uint8))
    source = bytearray(b"ab")
    x = nb.asarray(source)
    source[0] = 0
    equal(x, np.array([97, 98], np.uint8))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.array([1.0, None]), r"dtype object is not supported.*x\.astype\(float\)"),
        (np.array([1, 2], object), r"dtype object is not supported.*x\.astype\(float\)"),
        (np.array(["a", "b"]), "dtype <U1 is not supported; tensors hold"),
        (np.array([b"a"]), r"dtype \|S1 is not supported"),
        (np.array(["a"], np.dtypes.StringDType()), r"dtype StringDType\(\) is not supported"),
        (np.array(["2020-01-01"], "M8[D]"), r"dtype datetime64\[D\] is not supported"),
        (np.array([1], "m8[s]"), r"dtype timedelta64\[s\] is not supported"),
        (np.zeros(2, [("a", "f8")]), "is not supported"),
        (np.zeros(2, np.longdouble), "is not supported; .*floats up to 64 bits"),
        (np.str_("a"), "dtype <U1 is not supported"),
        ("text", "expected a tensor.*got str: 'text'"),
        (b"text", "expected a tensor.*got bytes"),
        ({1.0, 2.0}, "expected a tensor.*got set"),
        ({"a": 1.0}, "expected a tensor.*got dict"),
        (["a"], "its elements are not numbers"),
        ([1.0, None], "its elements are not numbers"),
        ([2**70], "its elements are not numbers, or not of at most 64 bits"),
        ([np.array([None])], "its elements are not numbers"),
    ],
)
def test_what_holds_no_numbers_is_refused(data, message):
    for f in (nb.asarray, nb.array, nb.sin, lambda x: nb.add(1.0, x), lambda x: nb.concat([nb.ones(1), x])):
        with pytest.raises((nb.DTypeError, nb.ArgumentTypeError), match=message):
            f(data)


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    for data in (masked, np.ma.array([1.0]), np.ma.masked, [masked, masked], [[1.0, np.ma.masked]], (masked, [3.0, 4.0])):
        for f in (nb.asarray, nb.exp, lambda x: nb.concat([nb.ones(1), x])):
            with pytest.raises(nb.ArgumentTypeError, match=r"their mask would be lost; pass x\.filled\(value\)"):
                f(data)
    equal(nb.asarray(masked.filled(0.0)), np.array([1.0, 0.0]))


def test_complex_data_is_not_made_real():
    for data in ([1j], np.array([1j]), [np.complex64(1.0)], 1j, [np.array([1j])], nb.asarray([1j])):
        for dtype in ("float64", "int8"):
            with pytest.raises(nb.DTypeError, match=r"(complex64|complex128) to (float64|int8) would drop the imaginary parts"):
                nb.asarray(data, dtype=dtype)
        assert nb.asarray(data, dtype="bool").all()


def test_integers_out_of_range():
    for data, dtype in ((300, "uint8"), (-1, "uint64"), (2**70, None)):
        with pytest.raises(nb.ArgumentError, match=f"the integer {data} is out of the range of {dtype or 'int64 and uint64'}"):
            nb.asarray(data, dtype=dtype)
    with pytest.raises(nb.ArgumentError, match=r"an integer in \[\[300\], \[1\]\] is out of the range of uint8"):
        nb.asarray([[300], [1]], dtype="uint8")
    equal(nb.asarray([2**63]), np.array([2**63], np.uint64))
    equal(nb.asarray([255, 0], dtype="uint8"), np.array([255, 0], np.uint8))
    equal(nb.asarray([np.int64(300)], dtype="uint8"), np.array([44], np.uint8))  # data of NumPy is cast, as astype casts


class Frame:
    """What nb.asarray sees of a pandas series, or of any other container that can give an ndarray."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_containers_that_give_an_ndarray():
    values = np.array([1.0, 2.0])
    x = nb.asarray(Frame(values))
    values[0] = 9.0
    equal(x, np.array([1.0, 2.0]))
    equal(nb.exp(Frame(np.zeros(2))), np.ones(2))
    equal(nb.ones(2) + Frame(np.ones(2)), np.full(2, 2.0))
    with pytest.raises(nb.DTypeError, match="dtype object is not supported"):
        nb.asarray(Frame(np.array(["a", None])))
    with pytest.raises(nb.ArgumentError, match="copy=False"):
        nb.asarray(Frame(values), copy=False)
