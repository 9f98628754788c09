"""nb.fft: values, dtypes and errors as NumPy and SciPy have them; gradients of what is made of it.

The primitives in every mode are in the table of primitives (rows/fft.py); here they are used as users use them.
"""

import numpy as np
import pytest
import scipy.fft

import nabla as nb
from nabla.testing import check_grads, check_vmap

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def complex_(*shape):
    return real(*shape) + 1j * real(*shape)


def same(found, expected, rtol=1e-13):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype.char in "efF":
        rtol = 2e-3 if found.dtype.char == "e" else 2e-6
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.max(np.abs(expected), initial=0.0))


def both(name, x, *args, **kwargs):
    same(getattr(nb.fft, name)(x, *args, **kwargs), getattr(np.fft, name)(x, *args, **kwargs))


# ---- values ---------------------------------------------------------------------------------------------------

OF_COMPLEX = ["fft", "ifft", "irfft", "hfft"]
OF_REAL = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
NORMS = [None, "backward", "ortho", "forward"]


@pytest.mark.parametrize("name", OF_REAL)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
def test_one_axis_of_real_numbers(name, dtype):
    both(name, (4 * real(3, 5)).astype(dtype))


@pytest.mark.parametrize("name", OF_REAL)
def test_half_precision_is_transformed_in_single(name):
    x = real(8).astype(np.float16)
    both(name, x)
    assert str(nb.fft.fft(x).dtype) == "complex64"


@pytest.mark.parametrize("name", OF_COMPLEX)
@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_one_axis_of_complex_numbers(name, dtype):
    both(name, complex_(3, 5).astype(dtype))


@pytest.mark.parametrize("name", OF_REAL)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 2, 3, 5, 6, 9])
def test_length_and_norm(name, norm, n):
    both(name, real(5, 2), n, 0, norm)


OF_SEVERAL = [
    {},
    {"axes": (0,)},
    {"axes": (1, 0)},
    {"axes": (-1, -2), "norm": "ortho"},
    {"s": (2, 7), "axes": (0, 1), "norm": "forward"},
    {"s": (-1, 3), "axes": (2, 0)},
]


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
@pytest.mark.parametrize("kwargs", OF_SEVERAL, ids=str)
def test_several_axes(name, kwargs):
    both(name, real(3, 4, 5), **kwargs)
    if name != "rfftn":
        both(name, complex_(3, 4, 5), **kwargs)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2"])
def test_two_axes(name):
    both(name, real(3, 4, 5))
    both(name, real(3, 4, 5), (3, 4), (0, 1), "ortho")


def test_lengths_alone_are_those_of_the_last_axes():
    x = real(2, 3, 4)
    same(nb.fft.fftn(x, s=(2, 5)), np.fft.fftn(x, s=(2, 5), axes=(1, 2)))


def test_no_axes_are_no_transform():
    x = real(2, 3)
    same(nb.fft.fftn(x, axes=()), x + 0j)
    same(nb.fft.fftn(1.5), np.asarray(1.5 + 0j))


def test_an_axis_named_twice_is_transformed_twice():
    both("fftn", complex_(3, 2), axes=(0, 0))


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_empty_along_other_axes(name):
    both(name, np.zeros((0, 4)))


def test_nothing_is_filled_up_with_zeros():
    same(nb.fft.fft(np.zeros((3, 0)), 4), np.zeros((3, 4), complex))
    same(nb.fft.rfft(np.zeros((3, 0)), 4), np.zeros((3, 3), complex))
    same(nb.fft.irfft(np.zeros((3, 0)), 4), np.zeros((3, 4)))  # NumPy 2.4 gives uninitialised memory


def test_round_trips():
    z, x = complex_(4, 6), real(4, 7)
    same(nb.fft.ifft(nb.fft.fft(z)), z)
    same(nb.fft.ifftn(nb.fft.fftn(z)), z)
    same(nb.fft.irfft(nb.fft.rfft(x), 7), x)
    same(nb.fft.irfftn(nb.fft.rfftn(x), x.shape), x)
    same(nb.fft.hfft(nb.fft.ihfft(x), 7), x)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_frequencies(n):
    for d in (1.0, 0.25):
        same(nb.fft.fftfreq(n, d), np.fft.fftfreq(n, d))
        same(nb.fft.rfftfreq(n, d), np.fft.rfftfreq(n, d))
    assert str(nb.fft.fftfreq(n, dtype=nb.float32).dtype) == "float32"
    assert float(nb.grad(lambda d: nb.sum(nb.fft.rfftfreq(4, d)))(0.5)) == -3.0


@pytest.mark.parametrize("shape", [(4,), (5,), (1,), (0,), (3, 4), (2, 5, 3)])
def test_shifts(shape):
    x = real(*shape)
    same(nb.fft.fftshift(x), np.fft.fftshift(x))
    same(nb.fft.ifftshift(x), np.fft.ifftshift(x))
    if len(shape) > 1:
        same(nb.fft.fftshift(x, axes=(1,)), np.fft.fftshift(x, axes=(1,)))
        same(nb.fft.ifftshift(x, axes=-1), np.fft.ifftshift(x, axes=-1))


# ---- cosine and sine transforms -------------------------------------------------------------------------------

TRANSFORMS = ["dct", "idct", "dst", "idst"]


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("type", [1, 2, 3, 4])
def test_cosine_and_sine_transforms(name, type):
    x = real(4, 5)
    of_scipy, ours = getattr(scipy.fft, name), getattr(nb.fft, name)
    for norm in NORMS:
        for orthogonalize in (None, True, False):
            kwargs = {"norm": norm, "orthogonalize": orthogonalize}
            same(ours(x, type, **kwargs), of_scipy(x, type, **kwargs))
    for n in (2, 3, 7):
        same(ours(x, type, n, 0), of_scipy(x, type, n, 0))
    same(ours(x.astype(np.float32), type), of_scipy(x.astype(np.float32), type))
    same(ours(x.astype(np.float16), type), of_scipy(x.astype(np.float16), type))
    z = complex_(3, 4)
    same(ours(z, type), of_scipy(z, type))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_cosine_and_sine_transforms_along_several_axes(name):
    x = real(3, 4, 5)
    of_scipy, ours = getattr(scipy.fft, name + "n"), getattr(nb.fft, name + "n")
    same(ours(x), of_scipy(x))
    same(ours(x, 3, (4, 3), norm="ortho"), of_scipy(x, 3, (4, 3), norm="ortho"))
    same(ours(x, axes=(0, 2)), of_scipy(x, axes=(0, 2)))


@pytest.mark.parametrize("type", [2, 3, 4])
def test_one_point(type):
    for name in TRANSFORMS:
        same(getattr(nb.fft, name)([3.0], type), getattr(scipy.fft, name)(np.array([3.0]), type))


# ---- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nb.fft.fft(np.zeros(0)), nb.ShapeError, "fft: at least 1 point is transformed; got 0"),
        (lambda: nb.fft.fft([1.0], n=0), nb.ShapeError, "at least 1 point"),
        (lambda: nb.fft.rfft([1.0], n=-1), nb.ShapeError, "got -1"),
        (lambda: nb.fft.irfft([1.0]), nb.ShapeError, "irfft: at least 1 point"),
        (lambda: nb.fft.fft([1.0], n=1.5), nb.ArgumentTypeError, "the number of points n is an integer"),
        (lambda: nb.fft.fft([1.0], axis=1), nb.AxisError, "axis 1 is out of range"),
        (lambda: nb.fft.fft(1.0), nb.AxisError, "0-dimensional"),
        (lambda: nb.fft.fft2([1.0]), nb.AxisError, "axis -2"),
        (lambda: nb.fft.fft([1.0], norm="orto"), nb.ArgumentError, "'orto'"),
        (lambda: nb.fft.rfft([1j]), nb.DTypeError, "rfft: x is real; got complex128"),
        (lambda: nb.fft.ihfft([1j]), nb.DTypeError, "ihfft: x is real"),
        (lambda: nb.fft.rfftn([[1j]]), nb.DTypeError, "rfftn: x is real"),
        (lambda: nb.fft.rfftn(np.zeros((2, 2)), axes=()), nb.ShapeError, "at least one axis"),
        (lambda: nb.fft.fftn(np.zeros((2, 2)), s=(2,), axes=(0, 1)), nb.ShapeError, "one length for each axis"),
        (lambda: nb.fft.fftn(np.zeros((2, 2)), axes=0), nb.ArgumentTypeError, "axes is a tuple"),
        (lambda: nb.fft.fftfreq(0), nb.ShapeError, "at least 1 point"),
        (lambda: nb.fft.fftfreq(4, dtype=nb.int64), nb.DTypeError, "real floating"),
        (lambda: nb.fft.dct([1.0], 5), nb.ArgumentError, "type is 1, 2, 3 or 4; got 5"),
        (lambda: nb.fft.dct([1.0], 1), nb.ShapeError, "at least 2 points"),
        (lambda: nb.fft.dst(np.zeros(0)), nb.ShapeError, "at least 1 point"),
        (lambda: nb.fft.dct([1.0], norm="x"), nb.ArgumentError, "'x'"),
        (lambda: nb.fft.dctn(np.zeros((2, 2)), s=(2,), axes=(0, 1)), nb.ShapeError, "one length for each axis"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


# ---- derivatives ----------------------------------------------------------------------------------------------


def power(f):
    """A real function of a spectrum, not linear in it."""
    return lambda x: nb.sum(nb.abs(f(x)) ** 2 * (1.0 + nb.real(f(x))))


PROGRAMS = [
    (lambda x: nb.fft.fft(x, 7), real(5)),
    (lambda x: nb.fft.ifft(x, 3, axis=0), complex_(4, 2)),
    (lambda x: nb.fft.rfft(x, 6), real(2, 4)),
    (lambda x: nb.fft.irfft(x, 4), complex_(5)),
    (lambda x: nb.fft.irfft(x, 7), complex_(2, 3)),
    (lambda x: nb.fft.hfft(x, norm="ortho"), complex_(3)),
    (lambda x: nb.fft.ihfft(x, 5), real(4)),
    (lambda x: nb.fft.fftn(x, (2, 4)), complex_(3, 3)),
    (lambda x: nb.fft.rfftn(x, norm="forward"), real(3, 4)),
    (lambda x: nb.fft.irfftn(x), complex_(3, 3)),
    (lambda x: nb.fft.fftshift(nb.fft.fft2(x)), real(2, 3)),
    (lambda x: nb.fft.dct(x, 1), real(4)),
    (lambda x: nb.fft.dst(x, 2, norm="ortho"), real(4)),
    (lambda x: nb.fft.idct(x, 4), real(2, 3)),
    (lambda x: nb.fft.dctn(x, 3), real(2, 3)),
]


@pytest.mark.parametrize("i", range(len(PROGRAMS)))
def test_gradients(i):
    f, x = PROGRAMS[i]
    check_grads(power(f), (x,), order=2)


@pytest.mark.parametrize("i", range(len(PROGRAMS)))
def test_vmap(i):
    f, x = PROGRAMS[i]
    lanes = np.stack([x, 2.0 * x, 1.0 - x])
    check_vmap(f, (lanes,))
    check_vmap(nb.grad(power(f)), (lanes,))


def test_the_gradient_of_a_filter_keeps_single_precision():
    x = real(16).astype(np.float32)
    smooth = lambda x: nb.sum(nb.fft.irfft(nb.fft.rfft(x) * np.float32(0.5)) ** 2)
    found = nb.grad(smooth)(x)
    same(found, 0.5 * x)


def test_energy_is_kept():
    """Parseval: the gradient of sum |fft(x)|^2 is 2 n x."""
    x = real(9)
    same(nb.grad(lambda x: nb.sum(nb.abs(nb.fft.fft(x)) ** 2))(x), 18.0 * x)
