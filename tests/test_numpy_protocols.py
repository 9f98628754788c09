"""NumPy's own functions on tensors: values and derivatives, and the refusals that keep a derivative from being lost."""

import numpy as np
import pytest

import nabla as nb
from nabla.interop.functions import FUNCTIONS
from nabla.interop.ufuncs import ACCUMULATIONS, CALLS, REDUCTIONS

X = np.array([[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]])
Y = np.array([[0.5, 0.1, 0.8], [0.2, 0.35, 0.45]])
SQUARE = np.array([[2.0, 0.3], [0.1, 1.5]])
INTEGERS = np.array([5, 3, 1])

ABOVE_ONE = {np.arccosh}
OF_INTEGERS = {np.invert, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift}


def close(ours, theirs):
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            close(a, b)
        return
    assert isinstance(ours, nb.Tensor), type(ours)
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-13, atol=1e-15)
    assert ours.dtype == np.asarray(theirs).dtype


@pytest.mark.parametrize("ufunc", CALLS, ids=lambda f: f.__name__)
def test_ufuncs_give_tensors_with_numpys_values(ufunc):
    if ufunc is np.matmul:
        arguments = (SQUARE, X)
    elif ufunc in OF_INTEGERS:
        arguments = (INTEGERS, INTEGERS)[: ufunc.nin]
    else:
        arguments = ((X + 1.0 if ufunc in ABOVE_ONE else X), Y)[: ufunc.nin]
    expected = ufunc(*arguments)
    close(ufunc(*[nb.asarray(a) for a in arguments]), expected)
    if ufunc.nin == 2:
        close(ufunc(nb.asarray(arguments[0]), arguments[1]), expected)
        close(ufunc(arguments[0], nb.asarray(arguments[1])), expected)


@pytest.mark.parametrize("ufunc", REDUCTIONS, ids=lambda f: f.__name__)
def test_reduce(ufunc):
    for options in ({}, {"axis": 1}, {"axis": None}, {"axis": (0, 1), "keepdims": True}):
        close(ufunc.reduce(nb.asarray(X), **options), ufunc.reduce(X, **options))


@pytest.mark.parametrize("ufunc", ACCUMULATIONS, ids=lambda f: f.__name__)
def test_accumulate(ufunc):
    close(ufunc.accumulate(nb.asarray(X), axis=1), ufunc.accumulate(X, axis=1))


def test_outer_where_out_and_dtype():
    close(np.multiply.outer(nb.asarray(X), Y), np.multiply.outer(X, Y))
    target = nb.zeros((2, 3))
    assert np.add(nb.asarray(X), Y, out=target) is target
    close(target, X + Y)
    target = nb.zeros((2, 3))
    close(np.add(nb.asarray(X), Y, out=target, where=X > 0.5), np.where(X > 0.5, X + Y, 0.0))
    close(np.add(nb.asarray(INTEGERS), INTEGERS, dtype=np.float32), np.add(INTEGERS, INTEGERS, dtype=np.float32))


ARGUMENTS = {
    np.dot: (SQUARE, X), np.vdot: (X, Y), np.inner: (X, Y), np.outer: (X, Y), np.cross: (X, Y), np.kron: (SQUARE, X),
    np.tensordot: (SQUARE, X, 1), np.reshape: (X, (3, 2)), np.expand_dims: (X, 1), np.broadcast_to: (X, (4, 2, 3)),
    np.broadcast_arrays: (X, Y[0]), np.swapaxes: (X, 0, 1), np.moveaxis: (X, 0, 1), np.split: (X, 3, 1), np.array_split: (X, 2, 1),
    np.hsplit: (X, 3), np.vsplit: (X, 2), np.tile: (X, 2), np.repeat: (X, 2), np.roll: (X, 1), np.pad: (X, 1),
    np.take: (X, [0, 2], 1), np.clip: (X, 0.3, 0.6),
    np.take_along_axis: (X, np.argsort(X, 1), 1), np.compress: ([True, False], X, 0), np.extract: (X > 0.3, X),
    np.full_like: (X, 2.0), np.linspace: (X[0], Y[0], 4), np.where: (X > 0.5, X, Y), np.isclose: (X, Y), np.allclose: (X, Y),
    np.array_equal: (X, Y), np.linalg.cholesky: (SQUARE @ SQUARE.T,), np.linalg.solve: (SQUARE, X), np.linalg.inv: (SQUARE,),
    np.linalg.det: (SQUARE,), np.linalg.slogdet: (SQUARE,), np.linalg.matrix_power: (SQUARE, 3), np.trace: (SQUARE,),
    np.diag: (SQUARE,), np.meshgrid: (X[0], Y[0]), np.squeeze: (X[None],), np.cumulative_sum: (X[0],), np.cumulative_prod: (X[0],),
    np.nan_to_num: (np.array([1.0, np.nan, np.inf]),),
}  # fmt: skip
LISTS = {np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack}
PLAIN = {np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.allclose, np.array_equal}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_functions_give_tensors_with_numpys_values(function):
    if function is np.einsum:
        close(np.einsum("ij,kj->ik", nb.asarray(X), Y), np.einsum("ij,kj->ik", X, Y))
        return
    if function in LISTS:
        close(function([nb.asarray(X), Y]), function([X, Y]))
        return
    arguments = ARGUMENTS.get(function, (X,))
    as_tensor = [nb.asarray(a) if isinstance(a, np.ndarray) and a.dtype.kind != "i" else a for a in arguments]
    expected, given = function(*arguments), function(*as_tensor)
    if function in PLAIN:
        assert given == expected
    elif function is np.empty_like:
        assert (given.shape, given.dtype) == (expected.shape, expected.dtype)
    else:
        close(given, tuple(expected) if isinstance(expected, (tuple, list)) else expected)


def test_a_function_written_with_numpy_is_differentiated_as_it_stands():
    def f(x):
        y = np.sin(x) * np.ones(3) + np.concatenate([x[1:], np.zeros(1)])
        return np.sum(np.where(y > 0.5, y**2, np.exp(-y))) + np.float64(2.0) * np.linalg.norm(x) + np.mean(np.stack([x, x]))

    point = np.array([0.4, 0.8, 0.3])
    gradient = nb.grad(f)(point)
    assert type(gradient) is np.ndarray
    steps = 1e-6 * np.eye(3)
    differences = [(f(point + h) - f(point - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-8)


def test_what_would_fill_an_ndarray_raises():
    kept = np.zeros(3)

    def through_out(x):
        np.add(kept, x, out=kept)
        return x.sum()

    def through_in_place(x):
        array = np.zeros(3)
        array += x
        return x.sum()

    def through_np_array(x):
        return np.array([x[0], x[1]]).sum()

    def through_a_slice(x):
        kept[:] = x
        return x.sum()

    for f in (through_out, through_in_place, through_np_array, through_a_slice):
        with pytest.raises(nb.TracedValueError, match="derivative would be lost"):
            nb.grad(f)(np.ones(3))
    np.testing.assert_array_equal(kept, np.zeros(3))


def test_what_is_not_there_says_so():
    x = nb.ones(4)
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.fft\.fft does not take tensors .*write it with nb functions"):
        np.fft.fft(x)
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.add\.at does not take tensors"):
        np.add.at(x, [0], 1.0)
    with pytest.raises(nb.TracedValueError, match=r"np\.sum at .* would write a tensor into the ndarray given as out="):
        np.sum(x, out=np.zeros(()))
