"""NumPy's own functions on tensors: options, mixtures, and the refusals that keep a derivative from being lost.

That every function gives NumPy's value and the right derivative is tested by test_numpy_table.py.
"""

import numpy as np
import pandas
import pytest

import nabla as nb
from nabla.interop.folds import ACCUMULATIONS, REDUCTIONS
from nabla.interop.signatures import Adapter
from nabla.testing import check_grads

X = np.array([[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]])
Y = np.array([[0.5, 0.1, 0.8], [0.2, 0.35, 0.45]])
CUBE = np.linspace(-1.0, 1.0, 24).reshape(2, 3, 4)
SQUARE = np.array([[2.0, 0.3], [0.1, 1.5]])
INTEGERS = np.array([5, 3, 1])


def close(ours, theirs):
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            close(a, b)
        return
    assert isinstance(ours, nb.Tensor), type(ours)
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-13, atol=1e-15)
    assert ours.shape == np.shape(theirs)
    assert ours.dtype == np.asarray(theirs).dtype


# Ufuncs


@pytest.mark.parametrize("name", ["add", "subtract", "divide", "power", "arctan2", "hypot", "less", "copysign", "logaddexp"])
def test_an_ndarray_on_either_side(name):
    ufunc = getattr(np, name)
    close(ufunc(nb.asarray(X), Y), ufunc(X, Y))
    close(ufunc(X, nb.asarray(Y)), ufunc(X, Y))
    close(ufunc(np.float32(2.0), nb.asarray(Y)), ufunc(np.float32(2.0), Y))
    close(ufunc(2, nb.asarray(np.float32([0.5, 1.5]))), ufunc(2, np.float32([0.5, 1.5])))


@pytest.mark.parametrize("ufunc", REDUCTIONS, ids=lambda f: f.__name__)
def test_reduce(ufunc):
    for options in ({}, {"axis": 1}, {"axis": None}, {"axis": (0, 1), "keepdims": True}):
        close(ufunc.reduce(nb.asarray(X), **options), ufunc.reduce(X, **options))
    close(ufunc.reduce(nb.asarray(X), where=X > 0.25, initial=2.0), ufunc.reduce(X, where=X > 0.25, initial=2.0))


@pytest.mark.parametrize("name", ["fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "logical_xor", "subtract", "divide", "power"])
def test_reduce_by_folding(name):
    ufunc = getattr(np, name)
    for axis in (0, 1, -1):
        close(ufunc.reduce(nb.asarray(CUBE[..., 1:] + 2.0), axis=axis), ufunc.reduce(CUBE[..., 1:] + 2.0, axis=axis))
    close(ufunc.reduce(nb.asarray(X), initial=0.5), ufunc.reduce(X, initial=0.5))


def test_reduce_by_folding_over_several_axes_and_of_nothing():
    close(np.hypot.reduce(nb.asarray(CUBE), axis=(0, 2), keepdims=True), np.hypot.reduce(CUBE, axis=(0, 2), keepdims=True))
    close(
        np.fmax.reduce(nb.asarray(X), axis=None, where=X < 0.5, initial=-1.0),
        np.fmax.reduce(X, axis=None, where=X < 0.5, initial=-1.0),
    )
    close(np.bitwise_or.reduce(nb.asarray(INTEGERS)), np.bitwise_or.reduce(INTEGERS))
    close(np.gcd.reduce(nb.asarray([12, 18, 30])), np.gcd.reduce([12, 18, 30]))
    close(np.logaddexp.reduce(nb.zeros((0, 2))), np.logaddexp.reduce(np.zeros((0, 2))))
    close(np.add.reduce(nb.asarray(np.uint8([200, 100]))), np.add.reduce(np.uint8([200, 100])))
    close(np.add.reduce(nb.asarray(INTEGERS), dtype=np.float32), np.add.reduce(INTEGERS, dtype=np.float32))
    with pytest.raises(nb.ArgumentError, match="the order of the elements matters"):
        np.subtract.reduce(nb.asarray(X), axis=(0, 1))
    with pytest.raises(nb.ArgumentError, match=r"np\.fmax\.reduce of nothing"):
        np.fmax.reduce(nb.zeros(0))
    with pytest.raises(nb.ArgumentError, match=r"np\.fmin\.reduce has no neutral element: with where= it needs initial="):
        np.fmin.reduce(nb.asarray(X), where=X > 0.5)
    with pytest.raises(ValueError, match="reduce only supported for binary functions"):
        np.sin.reduce(nb.asarray(X))


@pytest.mark.parametrize("name", [*(f.__name__ for f in ACCUMULATIONS), "subtract", "divide", "fmax", "logaddexp", "logical_xor"])
def test_accumulate(name):
    ufunc = getattr(np, name)
    close(ufunc.accumulate(nb.asarray(X)), ufunc.accumulate(X))
    close(ufunc.accumulate(nb.asarray(X), axis=1), ufunc.accumulate(X, axis=1))


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "subtract", "logaddexp"])
def test_reduceat(name):
    ufunc = getattr(np, name)
    for indices in ([0, 2], [0, 3, 1, 2], [1]):
        close(ufunc.reduceat(nb.asarray(CUBE + 2.0), indices, axis=2), ufunc.reduceat(CUBE + 2.0, indices, axis=2))
    with pytest.raises(IndexError, match="do not lie within an axis of 2"):
        ufunc.reduceat(nb.asarray(X), [0, 5])


def test_outer_where_out_and_dtype():
    close(np.multiply.outer(nb.asarray(X), Y), np.multiply.outer(X, Y))
    close(np.subtract.outer(X, nb.asarray(INTEGERS), dtype=np.float32), np.subtract.outer(X, INTEGERS, dtype=np.float32))
    target = nb.zeros((2, 3))
    assert np.add(nb.asarray(X), Y, out=target) is target
    close(target, X + Y)
    target = nb.zeros((2, 3))
    close(np.add(nb.asarray(X), Y, out=target, where=X > 0.5), np.where(X > 0.5, X + Y, 0.0))
    close(np.add(nb.asarray(INTEGERS), INTEGERS, dtype=np.float32), np.add(INTEGERS, INTEGERS, dtype=np.float32))
    close(np.add(nb.asarray(X), 1, dtype=np.float32), np.add(X, 1, dtype=np.float32))
    close(np.multiply(nb.asarray(X), Y, signature="ff->f"), np.multiply(X, Y, signature="ff->f"))
    quotient, rest = nb.zeros(3, dtype=nb.int64), nb.zeros(3, dtype=nb.int64)
    assert np.divmod(nb.asarray(INTEGERS), 2, out=(quotient, rest))[0] is quotient
    close((quotient, rest), np.divmod(INTEGERS, 2))
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.add with where= needs out="):
        np.add(nb.asarray(X), Y, where=X > 0.5)


def test_casting():
    x = nb.asarray(X)
    with pytest.raises(
        nb.DTypeError, match=r"np\.add: Cannot cast ufunc 'add' input 0 from dtype\('float64'\) to dtype\('int64'\)"
    ):
        np.add(x, 1, dtype=np.int64)
    close(np.add(x + 2.0, 1, dtype=np.int64, casting="unsafe"), np.add(X + 2.0, 1, dtype=np.int64, casting="unsafe"))
    with pytest.raises(nb.DTypeError, match=r"np\.add: Cannot cast"):
        np.add(x, INTEGERS, casting="no")
    with pytest.raises(nb.DTypeError, match=r"np\.add: the result of dtype float64 does not go into out= of dtype int64"):
        np.add(x, Y, out=nb.zeros((2, 3), dtype=nb.int64))
    with pytest.raises(nb.ArgumentError, match=r"np\.add: the result of shape \(2, 3\) does not go into out= of shape \(3,\)"):
        np.add(x, Y, out=nb.zeros(3))


def test_at():
    for name, values in (
        ("add", [1.0, 2.0, 3.0, 4.0]),
        ("subtract", 0.5),
        ("multiply", [2.0, 3.0, 5.0, 7.0]),
        ("maximum", [0.8, 0.1, 0.9, 2.0]),
    ):
        ours, theirs = nb.asarray(X[0].copy()), X[0].copy()
        getattr(np, name).at(ours, [0, 2, 0, 0], values)
        getattr(np, name).at(theirs, [0, 2, 0, 0], values)
        close(ours, theirs)
    ours, theirs = nb.asarray(X), X.copy()
    np.negative.at(ours, (slice(None), [0, 2]))
    np.negative.at(theirs, (slice(None), [0, 2]))
    close(ours, theirs)
    with pytest.raises(
        nb.TracedValueError, match=r"np\.add\.at at .* writes into its first argument, which must be a tensor; got ndarray"
    ):
        np.add.at(X.copy(), [0], nb.ones(3))


def test_derivatives_of_the_methods():
    def through_at(x, v):
        y = x * 1.0
        np.add.at(y, [0, 2, 0], v)
        np.multiply.at(y, [1, 1], v[:2])
        return y

    check_grads(through_at, (X[0], Y[0]))
    check_grads(lambda x: np.logaddexp.reduce(x, axis=1), (X,))
    check_grads(lambda x: np.multiply.reduceat(x, [0, 2, 1], axis=1), (X,))
    check_grads(lambda x: np.divide.accumulate(x, axis=1), (X,))
    check_grads(lambda x, y: np.power.outer(x, y), (X[0], Y[0]))
    check_grads(lambda x, y: np.multiply(x, y, out=nb.ones((2, 3)), where=X > 0.5), (X, Y))


def test_core_axes():
    a, b = CUBE, CUBE.swapaxes(1, 2).copy()
    close(np.matmul(nb.asarray(a), b, axes=[(1, 2), (1, 2), (0, 1)]), np.matmul(a, b, axes=[(1, 2), (1, 2), (0, 1)]))
    close(np.vecdot(nb.asarray(CUBE), CUBE, axis=1), np.vecdot(CUBE, CUBE, axis=1))
    close(np.vecdot(nb.asarray(CUBE), CUBE, axis=0, keepdims=True), np.vecdot(CUBE, CUBE, axis=0, keepdims=True))
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.matmul has more than one core axis"):
        np.matmul(nb.asarray(a), b, axis=1)
    with pytest.raises(TypeError):
        np.add(nb.asarray(a), a, axis=1)


def test_parts_of_floating_numbers():
    x = np.array([1.0, -2.5, 0.0, -0.0, 1e-310, 3e300, np.inf, -np.inf])
    close(np.frexp(nb.asarray(x)), np.frexp(x))
    close(np.modf(nb.asarray(x)), np.modf(x))
    close(np.ldexp(nb.asarray(x[:5]), INTEGERS[:1]), np.ldexp(x[:5], INTEGERS[:1]))
    close(np.ldexp(nb.asarray([0.6]), 1024), np.ldexp([0.6], 1024))
    close(np.spacing(nb.asarray(x[:6])), np.spacing(x[:6]))
    close(np.lcm(nb.asarray([4, 6]), 10), np.lcm([4, 6], 10))


# Functions


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


def test_numpys_names_and_places_of_arguments():
    x = nb.asarray(X)
    close(np.sum(a=x, axis=0), np.sum(X, axis=0))
    close(np.var(x, 1, None, None, 1), np.var(X, 1, None, None, 1))
    close(np.tile(A=x, reps=(2, 1)), np.tile(X, (2, 1)))
    close(np.split(ary=x, indices_or_sections=3, axis=1), np.split(X, 3, axis=1))
    close(np.rot90(m=x, k=3), np.rot90(X, 3))
    close(np.sort(x, 0, "mergesort"), np.sort(X, 0))
    close(np.clip(x, 0.3, None), np.clip(X, 0.3, None))
    close(np.clip(x, max=0.5), np.clip(X, None, 0.5))
    close(np.copy(x, order="K"), X)
    close(np.sum(x, initial=2.0, where=X > 0.5), np.sum(X, initial=2.0, where=X > 0.5))
    close(np.einsum("ij,kj", x, Y, optimize=True), np.einsum("ij,kj", X, Y))
    close(np.where(x > 0.5), np.where(X > 0.5))


def test_lists_of_tensors_and_ndarrays():
    x = nb.asarray(X)
    for function in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack):
        close(function([Y, x]), function([Y, X]))
        close(function((x, Y, x)), function((X, Y, X)))
    close(np.concatenate([x, INTEGERS[None]]), np.concatenate([X, INTEGERS[None]]))
    close(np.concatenate([x, Y], dtype=np.float32), np.concatenate([X, Y], dtype=np.float32))
    with pytest.raises(nb.DTypeError, match=r"np\.concatenate: float64 does not become int64 by casting='same_kind'"):
        np.concatenate([x, Y], dtype=np.int64)
    check_grads(lambda x, y: np.concatenate([x, Y, y], axis=1), (X, X))


def test_convolve_and_correlate():
    a, v = np.array([0.3, -0.7, 0.2, 0.9, 0.4]), np.array([0.5, 0.1, -0.8])
    for function in (np.convolve, np.correlate):
        for mode in ("full", "same", "valid"):
            for x, y in ((a, v), (v, a), (a, v[:2]), (v[:2], a), (a, a), (a[:1], v), (a + 1j * a[::-1], v - 2j)):
                close(function(nb.asarray(x), y, mode), function(x, y, mode))
                close(function(x, nb.asarray(y), mode), function(x, y, mode))
            check_grads(lambda x, y: function(x, y, mode), (a, v))
        close(function(nb.asarray(INTEGERS), INTEGERS), function(INTEGERS, INTEGERS))


def test_apply():
    for axis in (0, 1, 2, -1):
        close(np.apply_along_axis(np.cumsum, axis, nb.asarray(CUBE)), np.apply_along_axis(np.cumsum, axis, CUBE))
        close(np.apply_along_axis(np.sum, axis, nb.asarray(CUBE)), np.apply_along_axis(np.sum, axis, CUBE))
        close(np.apply_along_axis(np.diag, axis, nb.asarray(CUBE)), np.apply_along_axis(np.diag, axis, CUBE))
    close(np.apply_over_axes(np.sum, nb.asarray(CUBE), (0, -1)), np.apply_over_axes(np.sum, CUBE, (0, -1)))
    assert np.array_equiv(nb.ones((2, 3)), np.ones(3))
    assert not np.array_equiv(nb.ones((2, 3)), np.ones(2))


def test_equations_of_tensors():
    a = np.eye(24).reshape(2, 3, 4, 6, 4) + 0.1 * np.cos(np.arange(576.0)).reshape(2, 3, 4, 6, 4)
    b = np.sin(np.arange(24.0))
    close(np.linalg.tensorinv(nb.asarray(a), 3), np.linalg.tensorinv(a, 3))
    close(np.linalg.tensorsolve(nb.asarray(a), b.reshape(2, 3, 4)), np.linalg.tensorsolve(a, b.reshape(2, 3, 4)))
    moved = np.moveaxis(a, 3, 0)
    close(
        np.linalg.tensorsolve(nb.asarray(moved), b.reshape(2, 3, 4), (4, 0)),
        np.linalg.tensorsolve(moved, b.reshape(2, 3, 4), (4, 0)),
    )
    with pytest.raises(nb.ArgumentError, match=r"ind.* positive.*; got 0"):
        np.linalg.tensorinv(nb.asarray(a), 0)


def test_out_of_a_tensor():
    target = nb.zeros(3)
    assert np.sum(nb.asarray(X), 0, None, target) is target
    close(target, X.sum(0))
    assert np.cumsum(nb.asarray(X[0]), out=target) is target
    close(target, X[0].cumsum())
    with pytest.raises(nb.ArgumentError, match=r"np\.sum: the result of shape \(2,\) does not go into out= of shape \(3,\)"):
        np.sum(nb.asarray(X), 1, out=target)


def test_like():
    t = nb.ones(2)
    for made in (
        np.zeros(3, like=t), np.ones((2, 3), like=t), np.full(3, 2.0, like=t), np.arange(4, like=t), np.eye(3, like=t),
        np.identity(2, like=t), np.asarray([1.0, 2.0], like=t), np.array([1.0, 2.0], like=t), np.empty(2, like=t),
        np.tri(3, like=t),
    ):  # fmt: skip
        assert isinstance(made, nb.Tensor)
    close(np.asarray([1.0, t[0]], like=t), np.array([1.0, 1.0]))
    check_grads(lambda x: np.array([x[0] * x[1], x[1]], like=x), (X[0],))


def test_options_that_are_not_taken_are_named():
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.isin of a tensor does not take kind='hash'; leave it away"):
        np.isin(nb.ones(3), [1.0], kind="hash")


def test_options_about_memory_and_algorithms_change_nothing():
    t = nb.array([[3.0, 1.0], [2.0, 1.0]])
    close(np.copy(t, order="F"), t)
    assert np.zeros_like(t, order="F").shape == (2, 2)
    close(np.add(t, 1.0, order="F", subok=False), t + 1.0)
    close(np.meshgrid(t[0], t[1], copy=False)[0], np.meshgrid(t[0], t[1])[0])
    close(np.isin(t, [1.0], kind="sort"), t == 1.0)
    close(np.partition(t, 1, kind="introselect"), np.sort(t))
    close(np.median(t, overwrite_input=True), np.array(1.5))
    close(t, np.array([[3.0, 1.0], [2.0, 1.0]]))


def test_no_argument_is_dropped():
    def theirs(*arrays, option=None): ...

    def ours(x, y, /):
        return x, y

    adapter = Adapter("np.theirs", theirs, ours)
    assert adapter(1, 2) == (1, 2)
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        adapter(1, 2, 3)


# What writes


def test_functions_that_write_into_tensors():
    for function, *arguments in (
        (np.put, [0, -1, 0], [1.0, 2.0, 3.0]), (np.place, X > 0.5, [1.0, 2.0]), (np.putmask, X > 0.5, Y[0]),
        (np.copyto, Y[0]), (np.copyto, 2), (np.fill_diagonal, [1.0, 2.0]), (np.put_along_axis, np.array([[0], [2]]), 5.0, 1),
    ):  # fmt: skip
        ours, theirs = nb.asarray(X), X.copy()
        function(ours, *arguments)
        function(theirs, *arguments)
        close(ours, theirs)
    for shape, options in (((5, 2), {"wrap": True}), ((5, 2), {}), ((2, 5), {}), ((3, 3, 3), {})):
        ours, theirs = nb.zeros(shape), np.zeros(shape)
        np.fill_diagonal(ours, 1.0, **options)
        np.fill_diagonal(theirs, 1.0, **options)
        close(ours, theirs)
    with pytest.raises(nb.DTypeError, match=r"copyto: float64 does not become int64 by casting='same_kind'"):
        np.copyto(nb.zeros(3, dtype=nb.int64), X[0])


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

    def through_copyto(x):
        np.copyto(kept, x)
        return x.sum()

    def through_put(x):
        np.put(kept, [0], x[0])
        return x.sum()

    def through_diagonal(x):
        np.fill_diagonal(np.zeros((3, 3)), x)
        return x.sum()

    def through_vectorize(x):
        return np.vectorize(lambda y: y * y)(x).sum()

    for f in (
        through_out, through_in_place, through_np_array, through_a_slice, through_copyto, through_put, through_diagonal,
        through_vectorize,
    ):  # fmt: skip
        with pytest.raises(nb.TracedValueError, match="derivative would be lost"):
            nb.grad(f)(np.ones(3))
    np.testing.assert_array_equal(kept, np.zeros(3))


def test_what_is_not_there_says_so():
    x = nb.ones(4)
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.save does not take tensors .*files hold plain arrays"):
        np.save("x.npy", x)
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.array2string does not take tensors .*text has no derivative"):
        np.array2string(x)
    with pytest.raises(nb.ArgumentTypeError, match=r"np\.isnat does not take tensors .*tensors hold no dates"):
        np.isnat(x)
    with pytest.raises(nb.TracedValueError, match=r"np\.sum at .* would write a tensor into the ndarray given as out="):
        np.sum(x, out=np.zeros(()))


# Others beside tensors


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    for f in (
        lambda t: t + masked,
        lambda t: np.add(masked, t),
        lambda t: np.add(t, masked),
        lambda t: np.concatenate([t, masked]),
    ):
        with pytest.raises(nb.ArgumentTypeError, match="masked arrays are not taken: their mask would be lost"):
            f(nb.ones(2))
    # Where the masked array comes first, it does the sum: the mask stays, and no derivative is lost in silence.
    assert (masked + nb.ones(2)).tolist() == [2.0, None]
    with pytest.raises(nb.TracedValueError, match="derivative would be lost"):
        nb.grad(lambda t: (masked + t).sum())(np.ones(2))


def test_a_pandas_series_counts_as_an_array():
    series = pandas.Series([1.0, 2.0], index=["a", "b"])
    close(nb.ones(2) * series, np.array([1.0, 2.0]))
    close(np.multiply(nb.ones(2), series), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(nb.grad(lambda t: (t * series).sum())(np.ones(2)), [1.0, 2.0])
    with pytest.raises(nb.TracedValueError, match="derivative would be lost"):
        nb.grad(lambda t: (series * t).sum())(np.ones(2))
