"""Inputs that are seldom tried: how they lie in memory, what dtype they have, and numbers at the end of the range.

What NumPy makes of them is what is expected, to the last bits, signs of zeros and dtypes included.
"""

import re
import warnings

import numpy as np
import pytest

import nabla as nb

UNARY = [
    "abs", "acos", "acosh", "angle", "asin", "asinh", "atan", "atanh", "cbrt", "ceil", "conj", "cos", "cosh", "deg2rad",
    "exp", "exp2", "expm1", "fabs", "floor", "imag", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2",
    "logical_not", "negative", "positive", "rad2deg", "real", "reciprocal", "rint", "sign", "signbit", "sin", "sinc",
    "sinh", "sqrt", "square", "tan", "tanh", "trunc",
]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp",
    "logaddexp2", "atan2", "copysign", "remainder", "fmod", "floor_divide", "nextafter", "heaviside", "equal", "not_equal",
    "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "float_power",
]  # fmt: skip
REDUCTIONS = [
    "sum", "prod", "mean", "var", "std", "max", "min", "ptp", "all", "any", "argmax", "argmin", "count_nonzero", "cumsum",
    "cumprod", "sort", "argsort",
]  # fmt: skip

FLOATS = [np.float16, np.float32, np.float64]
COMPLEX = [np.complex64, np.complex128]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.bool_]


def ends_of_the_range(dtype):
    """Zeros of both signs, subnormals, the largest numbers, infinities and NaN, and some ordinary ones."""
    if dtype is np.bool_:
        return np.array([True, False])
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 7, info.max, info.max - 1, info.min, info.min + 1], dtype)
    real = np.dtype(dtype).type(0).real.dtype.type
    info = np.finfo(real)
    some = [0.0, -0.0, info.smallest_subnormal, -info.smallest_subnormal, info.tiny, info.max, -info.max, np.inf, -np.inf, np.nan]
    x = np.array([*some, 0.5, -0.5, 1.0, -1.0, 1.5, 2.0, 10.0, -3.25], real)
    if np.issubdtype(dtype, np.complexfloating):
        parts = np.array([0.0, -0.0, 0.5, -1.5, 2.0, np.inf, np.nan], real)
        z = np.empty((len(parts),) * 2, dtype)
        z.real, z.imag = parts, parts[:, None]
        return z.ravel()
    return x


def same(found, expected, ulps, sums=False):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if expected.dtype.kind == "c":
        same(found.real, expected.real, ulps, sums)
        same(found.imag, expected.imag, ulps, sums)
        return
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    real = ~np.isnan(expected)
    a, b = found[real], expected[real]
    if not sums:  # one that rounds to zero has the sign of its rounding
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))
    infinite = np.isinf(b)
    np.testing.assert_array_equal(a[infinite], b[infinite])
    a, b = a[~infinite], b[~infinite]
    with np.errstate(all="ignore"):
        assert (np.abs(a - b) <= ulps * np.spacing(np.maximum(np.abs(b), 1 if sums else 0).astype(b.dtype))).all(), (a, b)


AS_THE_STANDARD_SAYS = {"floor_divide", "expm1", "tanh"}
"""At infinities the array API standard and NumPy differ here; test_array_api.py has what the standard says."""

OF_FLOATS = {"reciprocal"}
"""Integers become floats first."""

ORDERED = {
    "maximum", "minimum", "fmax", "fmin", "less", "less_equal", "greater", "greater_equal", "max", "min", "ptp", "argmax",
    "argmin",
}  # fmt: skip
"""Of complex numbers they are refused: NumPy orders those by their parts."""


def inputs_of(name, dtype):
    x = ends_of_the_range(dtype)
    return x[np.isfinite(x)] if name in AS_THE_STANDARD_SAYS and x.dtype.kind in "fc" else x


def expected_or_refused(name, *arrays, **params):
    """NumPy's result, or None where the dtype is refused. Where integers become floats, these are float64."""
    if name in ORDERED and arrays[0].dtype.kind == "c":
        return None
    if name == "argsort":
        params["stable"] = True
    function = getattr(np, name)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # of empty slices
        try:
            result = function(*arrays, **params)
            if arrays[0].dtype.kind in "iub" and (name in OF_FLOATS or result.dtype.kind == "f"):
                result = function(*[x.astype(np.float64) for x in arrays], **params)
            return result
        except TypeError:
            return None


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, *INTEGERS], ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, dtype):
    x = inputs_of(name, dtype)
    expected = expected_or_refused(name, x)
    if expected is None:
        with pytest.raises(TypeError):
            getattr(nb, name)(x)
        return
    same(getattr(nb, name)(x), expected, 2, sums=name in ("expm1", "log1p"))  # of complex zeros NumPy's are positive


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, *INTEGERS], ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype):
    x = inputs_of(name, dtype)
    try:
        expected = expected_or_refused(name, x[:, None], x)
    except ValueError:
        expected = None
    if expected is None:
        with pytest.raises((TypeError, ValueError)):
            getattr(nb, name)(x[:, None], x)
        return
    inexact = name.startswith("logaddexp")  # a sum may cancel
    same(getattr(nb, name)(x[:, None], x), expected, 4 if inexact else 2, sums=inexact)


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, *INTEGERS], ids=lambda t: t.__name__)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dtype):
    x = ends_of_the_range(dtype)
    for part in (x, x[:1], x[:0], x[::-1]):
        try:
            expected = expected_or_refused(name, part)
        except ValueError:
            with pytest.raises(ValueError):
                getattr(nb, name)(part)
            continue
        if expected is None:
            with pytest.raises(TypeError):
                getattr(nb, name)(part)
            continue
        same(getattr(nb, name)(part), expected, 4)


# How the numbers lie in memory


def layouts(x):
    """The same numbers, laid out in other ways."""
    read_only = x.copy()
    read_only.flags.writeable = False
    padded = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    padded[::2, ::3] = x
    backwards = x[::-1, ::-1].copy()[::-1, ::-1]
    unaligned = np.frombuffer(b"x" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    return {
        "big-endian": x.astype(x.dtype.newbyteorder(">")),
        "Fortran": np.asfortranarray(x),
        "read-only": read_only,
        "strided": padded[::2, ::3],
        "negative strides": backwards,
        "unaligned": unaligned,
        "broadcast": np.broadcast_to(x[:1], x.shape),
    }


LAYOUTS = ["big-endian", "Fortran", "read-only", "strided", "negative strides", "unaligned", "broadcast"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128], ids=lambda t: t.__name__)
def test_layouts(layout, dtype):
    x = layouts(np.random.default_rng(0).normal(size=(3, 4)).astype(dtype))[layout]
    plain = np.array(x, np.dtype(dtype))

    def f(x):
        return (nb.abs(nb.sin(x) @ nb.matrix_transpose(x) + x[:, :3].T) ** 2).sum() + nb.abs(x.cumsum(1)[::-1]).sum()

    assert nb.asarray(x).dtype == np.dtype(dtype)
    value, slope = nb.value_and_grad(f)(x)
    expected, expected_slope = nb.value_and_grad(f)(plain)
    np.testing.assert_allclose(float(value), float(expected), rtol=1e-5)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-4)
    assert slope.dtype == np.dtype(dtype) and slope.dtype.isnative
    y = x.copy()
    nb.grad(f)(x)
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    "x", [np.array(["a", "b"]), np.array([b"a"]), np.array([1.0, None], object), np.array(["2020-01-01"], "M8[D]")]
)
def test_arrays_without_numbers_are_refused(x):
    with pytest.raises(TypeError, match=re.escape(str(x.dtype))):
        nb.asarray(x)
    with pytest.raises(TypeError):
        nb.grad(lambda x: x.sum())(x)


def test_more_elements_than_32_bits_can_count():
    n = 2**31 + 7
    x = nb.broadcast_to(nb.asarray([1.0, 2.0], dtype="float32")[:, None], (2, n))  # takes no memory
    assert x.size == 2 * n and x[1, n - 1].item() == 2.0 and x[0, -1].item() == 1.0
    assert x[:, 2**31 :].shape == (2, 7) and x.reshape(-1).shape == (2 * n,)
    assert nb.take(x, [2**31 + 3], axis=1).tolist() == [[1.0], [2.0]]
    with pytest.raises(IndexError, match=str(n)):
        x[0, n]

    def f(x):
        return (nb.broadcast_to(x[:, None], (2, n))[:, 2**31 :] ** 2).sum()  # by shapes alone: nothing is computed

    shapes = [node.shape for node in nb.make_graph(nb.grad(f))(np.ones(2)).nodes]
    assert (2, n) in shapes and shapes[-1] == (2,)
