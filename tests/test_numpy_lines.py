"""What the NumPy engine writes as lines of Python, in place of calls of kernels, gives what the kernels give."""

import operator

import numpy as np
import pytest

import nabla as nb
from nabla import errors
from nabla.dtypes import SUPPORTED
from nabla.engines.numpy import writing

DTYPES = sorted(SUPPORTED, key=str)


def compared(f, *args):
    """The results of `f` run as one program and node by node."""
    jitted = nb.jit(f, engine="numpy")
    found, wanted = jitted(*args), f(*args)
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    return jitted.lower(*args).as_text()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 3)])
def test_rows(shape, dtype):
    x = nb.array(np.arange(1, 1 + np.prod(shape)).reshape(shape), dtype=dtype)
    for i in (0, 4, -5, -1):
        text = compared(lambda x, i, j: nb.stack([x[i], x[j]]), x, nb.array(i), nb.array(0))
        assert "index" not in text

        def written(x, i, j):
            y = x + x
            y[i] = x[j]
            return nb.stack([y, x])

        assert "index" not in compared(written, x, nb.array(i), nb.array(1))


def test_parts_of_rows_are_read_by_the_kernel():
    x = nb.array(np.arange(12.0).reshape(4, 3))
    assert "index" in compared(lambda x, i: x[i, 1:] + 0.0, x, nb.array(2))


@pytest.mark.parametrize("i", [4, -5])
def test_a_row_that_is_not_there(i):
    x = nb.ones((4, 3))

    def written(x, i):
        y = x + x
        y[i] = 1.0
        return y

    for f in (lambda x, i: x[i] * 2.0, written):
        with pytest.raises(errors.BoundsError, match=r"does not fit: index .* is out of bounds"):
            nb.jit(f, engine="numpy")(x, nb.array(i))


def test_an_error_of_a_host_function_is_its_own():
    def look_up(_):
        return [1.0].pop(3)

    def f(x, i):
        return x[i] + nb.pure_callback(look_up, nb.ShapeDtype((), "float64"), x[i])

    with pytest.raises(IndexError, match="pop index out of range") as caught:
        nb.jit(f, engine="numpy")(nb.ones(4), nb.array(1))
    assert type(caught.value) is IndexError


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.kind in "iu"], ids=str)
def test_extrema_of_integers(dtype):
    pairs = [(1, 2), (2, 1), (3, 3), (np.iinfo(dtype).max, 0)]
    for a, b in pairs:
        text = compared(lambda a, b: nb.maximum(a, b) - nb.minimum(a, b), nb.array(a, dtype=dtype), nb.array(b, dtype=dtype))
        assert "imum" not in text


def test_extrema_of_floats_know_nan():
    assert "maximum" in compared(lambda a, b: nb.maximum(a, b), nb.array(1.0), nb.array(np.nan))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numbers_from_booleans(dtype):
    for x in (True, False):
        text = compared(lambda x: nb.astype(x, dtype), nb.array(x))
        assert dtype.kind == "b" or "convert" not in text


def test_operators_are_those_of_kernels():
    """Integers only: of floats they differ in their zeros and infinities."""
    for text in writing.OF_INTEGERS.values():
        f = {"//": operator.floordiv, "%": operator.mod}[text]
        for a, b in [(7, 3), (-7, 3), (7, -3), (5, 0), (-(2**63), -1)]:
            assert text in compared(f, nb.array(a), nb.array(b))
