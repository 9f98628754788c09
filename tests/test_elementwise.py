"""The elementwise functions: values, dtypes and errors as NumPy's, weak numbers, powers, choice, float0."""

import numpy as np
import pytest

import nabla as nb
from nabla.dtypes import float0

RNG = np.random.default_rng(7)
NAMES_OF_ONE = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "conj",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_not",
    "negative",
    "positive",
    "real",
    "rint",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sinc",
    "square",
    "sqrt",
    "cbrt",
    "tan",
    "tanh",
    "trunc",
    "deg2rad",
    "rad2deg",
    "angle",
    "nan_to_num",
    "bitwise_invert",
]
NAMES_OF_TWO = [
    "add",
    "atan2",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "copysign",
    "divide",
    "equal",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "float_power",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "isclose",
    "less",
    "less_equal",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "nextafter",
    "not_equal",
    "pow",
    "remainder",
    "subtract",
]
DTYPES = ("bool", "int8", "int64", "uint8", "float16", "float32", "float64", "complex64", "complex128")
ORDERED = {"maximum", "minimum", "fmax", "fmin", "less", "less_equal", "greater", "greater_equal"}
"""NumPy orders complex numbers by real and imaginary part; here they have no order."""


def drawn(dtype, shape=(2, 3)):
    """Numbers that most functions take: from 1 to 3, complex ones with an imaginary part."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return RNG.random(shape) < 0.5
    if dtype.kind in "iu":
        return RNG.integers(1, 4, shape).astype(dtype)
    x = RNG.uniform(1.0, 3.0, shape)
    return (x + 1j * RNG.uniform(0.1, 1.0, shape) if dtype.kind == "c" else x).astype(dtype)


def numpys(name, *arrays):
    """NumPy's result or error; in floats where it computes integers in a narrow float."""
    with np.errstate(all="ignore"):
        try:
            out = getattr(np, name)(*arrays)
        except TypeError as error:
            return error
    small = all(x.dtype.kind in "biu" for x in arrays) and out.dtype.kind == "f"
    if small:
        with np.errstate(all="ignore"):
            return np.asarray(getattr(np, name)(*[x.astype(np.float64) for x in arrays]))
    return np.asarray(out)


def check_against_numpy(name, *arrays):
    expected = numpys(name, *arrays)
    no_order = name in ORDERED and any(x.dtype.kind == "c" for x in arrays)
    if isinstance(expected, TypeError) or no_order:
        with pytest.raises(TypeError):
            getattr(nb, name)(*arrays)
        return
    found = getattr(nb, name)(*arrays)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    eps = np.finfo(expected.dtype).eps if expected.dtype.kind in "fc" else 0
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found.numpy(), expected, rtol=8 * eps, atol=4 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES_OF_ONE)
def test_one_argument_as_numpy(name, dtype):
    check_against_numpy(name, drawn(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES_OF_TWO)
def test_two_arguments_as_numpy(name, dtype):
    check_against_numpy(name, drawn(dtype), drawn(dtype, (3,)))


@pytest.mark.parametrize("name", ["add", "divide", "pow", "maximum", "remainder", "bitwise_or", "equal", "atan2"])
@pytest.mark.parametrize(("one", "other"), [("int8", "int64"), ("float32", "int64"), ("bool", "float32"), ("int8", "uint8")])
def test_dtypes_promote_as_numpys(name, one, other):
    if name == "atan2" and (one, other) == ("int8", "uint8"):
        one = "float32"
    check_against_numpy(name, drawn(one), drawn(other))


def test_edges_of_the_real_line_as_numpy():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, 2.5, -2.5])
    for name in NAMES_OF_ONE:
        if name not in ("bitwise_invert", "sinc"):
            check_against_numpy(name, x)
    for name in NAMES_OF_TWO:
        if not name.startswith("bitwise"):
            y = x[~np.isinf(x)] if name == "floor_divide" else x  # infinities there: test_array_api.py
            check_against_numpy(name, y[:, None], y)


def test_reciprocal_is_floating():
    assert nb.reciprocal([2, 4]).tolist() == [0.5, 0.25]
    assert nb.reciprocal(np.float32(2)).dtype == np.float32


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("absolute", "abs"), ("true_divide", "divide"), ("mod", "remainder"), ("power", "pow"), ("conjugate", "conj"),
        ("arcsin", "asin"), ("arccos", "acos"), ("arctan", "atan"), ("arctan2", "atan2"), ("arcsinh", "asinh"),
        ("arccosh", "acosh"), ("arctanh", "atanh"), ("radians", "deg2rad"), ("degrees", "rad2deg"),
        ("invert", "bitwise_invert"), ("bitwise_not", "bitwise_invert"), ("left_shift", "bitwise_left_shift"),
        ("right_shift", "bitwise_right_shift"),
    ],
)  # fmt: skip
def test_numpys_other_names(alias, name):
    assert getattr(nb, alias) is getattr(nb, name)


# Python numbers are weak


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_python_numbers_leave_floats_as_they_are(dtype):
    x = nb.asarray(drawn(dtype))
    for out in (
        x + 1,
        2.0 * x,
        x / 3,
        1.5 - x,
        x**2,
        x**0.5,
        x**2.5,
        2.0**x,
        nb.where(x == 1, x, 0),
        nb.where(x == 1, 0.5, x),
    ):
        assert out.dtype == dtype


def test_python_numbers_beside_integers():
    x = nb.asarray(np.array([1, 2], np.int8))
    assert (x + 1).dtype == np.int8
    assert (x + 1.5).dtype == np.float64
    assert (x * 1j).dtype == np.complex128
    assert nb.where([True, False], x, 0).dtype == np.int8
    assert nb.clip(x, 0, 1).dtype == np.int8
    assert nb.clip(x, 0.5, None).dtype == np.float64
    assert nb.add(1, 2).dtype == np.int64
    with pytest.raises(OverflowError):
        x + 1000


def test_comparison_with_a_number_that_the_dtype_does_not_hold():
    pixels = nb.asarray(np.array([0, 255], np.uint8))
    assert (pixels < 256).tolist() == [True, True]
    assert (pixels >= -1).tolist() == [True, True]
    assert (pixels == 300).tolist() == [False, False]
    assert (pixels != -300).tolist() == [True, True]
    assert nb.less(-1, pixels).tolist() == [True, True]
    assert (nb.asarray([1, 2]) < 2**70).tolist() == [True, True]
    assert (nb.asarray(np.array([1, 2], np.uint64)) > -1).tolist() == [True, True]


# Powers


@pytest.mark.parametrize("exponent", [-3, -2, -1, 0, 1, 2, 3, 4, 5, 0.5, 1.5, -0.5, 2.0, 7])
def test_powers_with_a_number_as_exponent(exponent):
    x = np.array([0.3, 1.0, 2.5])
    np.testing.assert_allclose(nb.pow(x, exponent), x**exponent, rtol=1e-15)
    first = exponent * x ** (exponent - 1.0)
    second = exponent * (exponent - 1.0) * x ** (exponent - 2.0)
    df = nb.grad(lambda x: nb.sum(x**exponent))
    np.testing.assert_allclose(df(x), first, rtol=1e-14)
    np.testing.assert_allclose(nb.grad(lambda x: nb.sum(df(x)))(x), second, rtol=1e-14)
    np.testing.assert_allclose(nb.jvp(df, (x,), (np.ones(3),))[1], second, rtol=1e-14)


@pytest.mark.parametrize(("exponent", "limits"), [(2, [0, 0, 2, 0]), (3, [0, 0, 0, 6]), (1, [0, 1, 0, 0]), (0, [1, 0, 0, 0])])
def test_whole_powers_at_zero_to_third_order(exponent, limits):
    f = lambda x: x**exponent
    for expected in limits:
        assert f(0.0) == expected
        f = nb.grad(f)


def test_powers_of_negative_numbers():
    assert nb.grad(lambda x: x**3)(-2.0) == 12.0
    assert nb.grad(lambda x: x ** nb.asarray(3.0))(-2.0) == 12.0
    assert np.isnan(float(nb.pow(-2.0, 0.5)))


def test_the_derivative_by_the_exponent():
    df = nb.grad(lambda x, y: x**y, argnums=(0, 1))
    np.testing.assert_allclose(df(2.0, 3.0), (12.0, 8.0 * np.log(2.0)), rtol=1e-15)
    np.testing.assert_allclose(nb.grad(lambda y: 2**y)(3.0), 8.0 * np.log(2.0), rtol=1e-15)
    # the mixed derivative at y = 0, where x**y is constant in x but its slope is not: d/dy (y x**(y-1)) = 1/x
    mixed = nb.grad(nb.grad(lambda x, y: x**y), argnums=1)
    np.testing.assert_allclose(mixed(2.0, 0.0), 0.5)


def test_nothing_is_computed_for_an_exponent_that_is_a_number():
    slope = str(nb.make_graph(nb.grad(lambda x: nb.sum(x**4)))(np.ones(3)))
    assert "power_by" in slope and "log" not in slope and "where" not in slope


def test_integer_powers():
    x = nb.asarray([1, -2, 3])
    assert (x**2).tolist() == [1, 4, 9] and (x**3).tolist() == [1, -8, 27] and (x**0).tolist() == [1, 1, 1]
    assert (x**2).dtype == np.int64
    assert (x ** nb.asarray([2, 3, 0])).tolist() == [1, -8, 1]
    assert (x**-1.0).tolist() == [1.0, -0.5, 1 / 3]
    assert (nb.asarray([True, False]) ** 2).dtype == np.int64
    assert nb.float_power(x, -1).dtype == np.float64


@pytest.mark.parametrize("exponent", [-1, nb.asarray([1, -1, 2]), np.int64(-1)])
def test_integers_to_negative_integer_powers_raise_at_the_call(exponent):
    with pytest.raises(nb.ArgumentError, match=r"integers to negative integer powers are not allowed.*the base floating"):
        nb.asarray([1, 2, 3]) ** exponent
    with pytest.raises(ValueError, match="negative integer powers"):
        np.array([1, 2, 3]) ** np.asarray(exponent)


def test_a_power_is_a_new_tensor():
    leaf = nb.asarray([1.0, 2.0]).requires_grad_()
    for same in (leaf**1, +leaf, nb.conj(leaf), nb.real(leaf), nb.clip(leaf)):
        assert not same.is_leaf and same.tolist() == [1.0, 2.0]


# Choice


def test_where_takes_any_condition():
    assert nb.where([0, 2, 0.5], 1, 2).tolist() == [2, 1, 1]
    assert nb.where(True, [1.0, 2.0], 0).tolist() == [1.0, 2.0]
    assert nb.where([[True], [False]], np.float32(1), [1.0, 2.0]).shape == (2, 2)
    with pytest.raises(nb.ShapeError, match=r"where: shapes \(2,\) and \(3,\)"):
        nb.where([True, False], np.ones(3), 0)


def test_where_passes_the_derivative_on_through_broadcasting():
    x, y = np.ones(3), np.ones((2, 1))
    gx, gy = nb.grad(lambda x, y: nb.sum(nb.where([True, False, True], x, y)), argnums=(0, 1))(x, y)
    assert gx.tolist() == [2.0, 0.0, 2.0] and gy.tolist() == [[1.0], [1.0]]
    out, dout = nb.jvp(lambda x: nb.where([True, False, True], x, y), (np.ones(()),), (np.ones(()),))
    assert dout.shape == out.shape == (2, 3)


def test_clip_as_numpy():
    x = np.array([-2.0, 0.5, np.nan, 7.0])
    for low, high in ((0, 1), (None, 1), (0, None), (np.zeros((2, 1)), 1), (2, 1)):
        np.testing.assert_array_equal(nb.clip(x, low, high), np.clip(x, low, high))
    assert nb.clip(x, min=0).shape == nb.clip(x).shape == (4,)
    low, high = nb.grad(lambda low, high: nb.sum(nb.clip(x[[0, 1, 3, 3]], low, high)), argnums=(0, 1))(0.0, 1.0)
    assert (low, high) == (1.0, 2.0)


def test_heaviside_and_nan_to_num_as_numpy():
    x = np.array([np.nan, -np.inf, -0.0, 0.0, 3.0])
    np.testing.assert_array_equal(nb.heaviside(x, 0.5), np.heaviside(x, 0.5))
    np.testing.assert_array_equal(nb.nan_to_num(x), np.nan_to_num(x))
    np.testing.assert_array_equal(nb.nan_to_num(x, 1.0, 2.0, 3.0), np.nan_to_num(x, True, 1.0, 2.0, 3.0))
    assert nb.grad(lambda x: nb.sum(nb.nan_to_num(x)))(x).tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    z = np.array([complex(np.nan, 1.0)])
    np.testing.assert_array_equal(nb.nan_to_num(z), [1j])


def test_closeness():
    x = np.array([1.0, np.nan, np.inf])
    assert nb.isclose(x, x).tolist() == [True, False, True]
    assert nb.isclose(x, x, equal_nan=True).tolist() == [True, True, True]
    assert nb.allclose(1.0, 1.0 + 1e-9) and not nb.allclose(1.0, 1.1) and nb.allclose(1.0, 1.1, atol=0.2)
    assert nb.array_equal([1, 2], [1.0, 2.0]) and not nb.array_equal([1, 2], [[1, 2]]) and nb.array_equal(x, x, equal_nan=True)
    with pytest.raises(nb.TracedValueError):
        nb.vmap(lambda x: x * nb.allclose(x, 1.0))(np.ones(2))


@pytest.mark.parametrize("decimals", [-2, -1, 0, 1, 3])
def test_round_to_decimals(decimals):
    for x in (np.array([1234.5678, -15.0, 25.0]), np.array([1234, 15, 25])):
        expected = np.round(x, decimals)
        found = nb.round(x, decimals)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


# Errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nb.bitwise_and(1.5, 2), "bitwise_and does not take float64 .it takes booleans, integers"),
        (lambda: nb.negative([True]), "negative does not take bool"),
        (lambda: nb.positive([True]), "positive does not take bool"),
        (lambda: nb.subtract([True], [False]), "subtract does not take bool"),
        (lambda: nb.less(1j, 2), "less does not take complex128"),
        (lambda: nb.maximum(1j, 2), "maximum does not take complex128"),
        (lambda: nb.clip(1j, 0, 1), "less does not take complex128"),
        (lambda: nb.fabs(1j), "fabs: complex numbers have no order"),
        (lambda: nb.round(1.5, 0.5), "decimals is an integer"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_shapes_that_do_not_broadcast():
    with pytest.raises(nb.ShapeError, match=r"add: shapes \(2,\) and \(3,\) do not broadcast"):
        nb.add(np.ones(2), np.ones(3))
    assert nb.add(1.0, 2.0) == 3.0


# Derivatives that keep digits: far out and close by (the table of primitives has more)


def test_derivatives_keep_their_digits():
    def check(f, at, expected):
        np.testing.assert_allclose(nb.grad(f)(at), expected, rtol=1e-14)
        np.testing.assert_allclose(nb.grad(f, mode="forward")(at), expected, rtol=1e-14)

    check(nb.tanh, 20.0, 4 * np.exp(-40.0))
    check(nb.log1p, 1e-18, 1.0)
    check(nb.expm1, -50.0, np.exp(-50.0))
    check(nb.asin, 1 - 2.0**-40, 1 / np.sqrt(2.0**-40 * (2 - 2.0**-40)))
    check(nb.asinh, 1e200, 1e-200)
    check(lambda x: nb.atan2(x, 1e-200), 1e-200, 0.5e200)
    check(lambda x: 1 / x, 1e100, -1e-200)


def test_sinc_at_zero_to_fourth_order():
    f, limits = nb.sinc, [1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]
    for expected in limits:
        np.testing.assert_allclose(f(0.0), expected, rtol=1e-15)
        f = nb.grad(f)


def test_complex_gradients():
    z = np.array([3 - 4j, -1 + 2j])
    # of a real function of z = x + iy: df/dx - i df/dy
    np.testing.assert_allclose(nb.grad(lambda z: nb.sum(nb.abs(z)))(z), np.conj(z) / np.abs(z))
    np.testing.assert_allclose(nb.grad(lambda z: nb.sum(nb.abs(z) ** 2))(z), 2 * np.conj(z))
    np.testing.assert_allclose(nb.grad(lambda z: nb.sum(nb.angle(z)))(z), -1j / z)
    np.testing.assert_allclose(nb.grad(lambda z: nb.sum(nb.real(nb.sign(z))))(z), 1j * z.imag / (z * np.abs(z)))
    np.testing.assert_allclose(nb.grad(lambda z: nb.sum(nb.imag(z)))(z), [-1j, -1j])


# float0: the derivative of an integer


def zero(*shape):
    return nb.grad(lambda n: nb.sum(n * 1.0), allow_int=True)(nb.asarray(np.ones(shape, np.int64)))


def test_float0_adds_and_scales_as_zero():
    f0, x = zero(2), nb.asarray([1.0, 2.0])
    assert f0.dtype == float0
    for still in (
        f0 + f0,
        f0 - f0,
        -f0,
        2 * f0,
        f0 * 2.5,
        f0 * x,
        x * f0,
        f0 / 2,
        f0 / x,
        np.float32(2) * f0,
        True * f0,
    ):
        assert still.dtype == float0 and still.shape == (2,)
    for out, expected in ((x + f0, [1, 2]), (f0 + x, [1, 2]), (x - f0, [1, 2]), (f0 - x, [-1, -2]), (1 + f0, [1, 1])):
        assert out.dtype != float0 and out.tolist() == expected
    steps = nb.asarray([3, 4]) - 0.1 * f0
    assert steps.dtype == np.int64 and steps.tolist() == [3, 4]
    assert (nb.asarray(1.5) + f0).tolist() == [1.5, 1.5]
    assert (zero(3, 1) + f0).shape == (3, 2)


@pytest.mark.parametrize("call", [lambda z: 1 / z, nb.exp, lambda z: z**2, lambda z: nb.maximum(z, 1), lambda z: z == 0, nb.abs])
def test_float0_does_nothing_else(call):
    with pytest.raises(nb.DTypeError, match=r"float0 tensor .* can only be added, subtracted and scaled$"):
        call(zero(2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_derivative_of_tanh_of_many_elements_keeps_its_digits(dtype):
    x = np.linspace(-40.0, 40.0, 1001).astype(dtype)
    slopes = nb.grad(lambda v: nb.tanh(v).sum())(x)
    expected = 1.0 / np.cosh(x.astype(np.float64)) ** 2
    np.testing.assert_allclose(slopes, expected, rtol=8 * np.finfo(dtype).eps)
    assert slopes.dtype == dtype
