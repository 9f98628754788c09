"""Functions whose result is as large as values say, with `size=`: outside and under vmap, filled up and cut off."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads

X = np.array([[3.0, 1.0, 3.0, 0.0], [0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0]])
SIZES = [0, 1, 2, 3, 6]


def filled(found, size, fill, axis=0):
    """The first `size` of what NumPy found, and `fill` behind."""
    found = np.asarray(found)
    found = found[(*[slice(None)] * axis, slice(size))]
    missing = size - found.shape[axis]
    return np.concatenate([found, np.full((*found.shape[:axis], missing, *found.shape[axis + 1 :]), fill, found.dtype)], axis)


def same(ours, theirs):
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_array_equal(ours.numpy(), theirs)


# Positions


@pytest.mark.parametrize("size", [*SIZES, 20])
@pytest.mark.parametrize("fill", [None, -7])
def test_positions(size, fill):
    wanted = 0 if fill is None else fill
    for x in (X, X > 1.0, X.astype(np.int8), np.zeros((0, 3)), np.zeros((2, 2)), X[0]):
        for function in (nb.nonzero, nb.where):
            for ours, theirs in zip(function(x, size=size, fill_value=fill), np.nonzero(x), strict=True):
                same(ours, filled(theirs, size, wanted))
        same(nb.flatnonzero(x, size=size, fill_value=fill), filled(np.flatnonzero(x), size, wanted))
        same(nb.argwhere(x, size=size, fill_value=fill), filled(np.argwhere(x), size, wanted))


def test_positions_of_other_shapes():
    same(nb.argwhere(3.0), np.argwhere(3.0))
    same(nb.argwhere(0.0, size=2), np.zeros((2, 0), np.int64))
    assert [i.tolist() for i in nb.nonzero(X, size=9, fill_value=(-1, -2))] == [
        [0, 0, 0, 1, 1, 2, 2, 2, 2],
        [0, 1, 2, 2, 3, 0, 1, 2, 3],
    ]
    same(nb.nonzero(X, size=10, fill_value=(-1, -2))[0][-2:], np.array([2, -1]))


def test_positions_under_vmap():
    def f(x):
        rows, columns = nb.nonzero(x, size=5, fill_value=-1)
        return rows, columns, nb.flatnonzero(x, size=2), nb.argwhere(x, size=3), *nb.where(x > 1.0, size=2, fill_value=9)

    lanes = np.stack([X, X[:, ::-1], np.zeros_like(X)])
    mapped = nb.vmap(f)(lanes)
    for i, x in enumerate(lanes):
        for found, alone in zip(mapped, f(x), strict=True):
            same(found[i], alone.numpy())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nb.nonzero(X, size=-1), nb.ShapeError, "nonzero: size is at least 0; got -1"),
        (lambda: nb.nonzero(X, size=1.5), nb.ArgumentTypeError, "nonzero: size"),
        (lambda: nb.nonzero(X, fill_value=1), nb.ArgumentError, "nonzero: fill_value fills up to size=, which is not given"),
        (lambda: nb.nonzero(X, size=1, fill_value=(1,)), nb.ArgumentError, "one for each of the 2 axes; got 1"),
        (lambda: nb.nonzero(X, size=1, fill_value=0.5), nb.DTypeError, "0.5 cannot be written into a tensor of dtype int64"),
        (lambda: nb.nonzero(1.0, size=1), nb.ShapeError, "nonzero: a tensor of shape"),
        (lambda: nb.where(X, X), nb.ArgumentTypeError, "where takes a condition with both x and y, or a condition alone"),
        (lambda: nb.where(X, X, X, size=1), nb.ArgumentTypeError, "where takes a condition with both x and y"),
        (lambda: nb.unique(X, fill_value=1.0), nb.ArgumentError, "unique: fill_value fills up to size="),
        (lambda: nb.unique([], size=2), nb.ArgumentError, "unique: there is no element to fill up to size=2 with"),
        *[
            (lambda f=f: nb.vmap(f)(X), nb.TracedValueError, f"{f.__name__}: x has no value under vmap .* Pass size=")
            for f in (nb.nonzero, nb.argwhere)
        ],
        (lambda: nb.vmap(nb.flatnonzero)(X), nb.TracedValueError, "flatnonzero: x has no value under vmap .* Pass size="),
        (lambda: nb.vmap(nb.unique_values)(X), nb.TracedValueError, "unique_values: .* no value under vmap .* Pass size="),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Distinct values

HOLES = np.array([np.nan, 1.0, np.nan, 1.0, 0.0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fill", [None, 7])
@pytest.mark.parametrize("x", [X, X.astype(np.int32), X + 1j * X[::-1], X > 1.0, HOLES, np.array(3.0)], ids=lambda x: str(x.dtype))
def test_distinct_values(x, size, fill):
    fill = bool(fill) if fill and x.dtype.kind == "b" else fill
    values, first, inverse, counts = np.unique(x, True, True, True)
    wanted = [
        filled(values, size, values[0] if fill is None else fill),
        filled(first, size, first[0]),
        inverse.reshape(x.shape),
        filled(counts, size, 0),
    ]
    for ours, theirs in zip(nb.unique(x, True, True, True, size=size, fill_value=fill), wanted, strict=True):
        same(ours, theirs)
    same(nb.unique(x, size=size, fill_value=fill), wanted[0])
    if x is HOLES:
        return
    for ours, theirs in zip(nb.unique_all(x, size=size, fill_value=fill), wanted, strict=True):
        same(ours, theirs)
    same(nb.unique_values(x, size=size, fill_value=fill), wanted[0])
    same(nb.unique_counts(x, size=size, fill_value=fill).counts, wanted[3])
    same(nb.unique_inverse(x, size=size, fill_value=fill).inverse_indices, wanted[2])


def test_each_nan_is_distinct_unless_they_are_equal():
    same(nb.unique_values(HOLES, size=5, fill_value=-1.0), np.array([0.0, 1.0, np.nan, np.nan, -1.0]))
    same(nb.unique(HOLES, size=4, fill_value=-1.0), np.array([0.0, 1.0, np.nan, -1.0]))
    same(nb.unique(HOLES, equal_nan=False, size=4), np.array([0.0, 1.0, np.nan, np.nan]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_distinct_slices(axis):
    x = np.array([[1.0, 0.0, 1.0], [2.0, 3.0, 2.0], [1.0, 0.0, 1.0], [1.0, -1.0, 1.0]])
    values, first, inverse, counts = np.unique(x, True, True, True, axis)
    least = np.take(values, [0], axis)
    wanted = np.concatenate([values, *[least] * (4 - values.shape[axis])], axis)
    ours = nb.unique(x, True, True, True, axis, size=4)
    for a, b in zip(ours, (wanted, filled(first, 4, first[0]), inverse, filled(counts, 4, 0)), strict=True):
        same(a, b)
    same(nb.unique(x, axis=axis, size=4, fill_value=9.0), filled(values, 4, 9.0, axis % 2))
    cut = nb.unique(x, axis=axis, size=1)
    same(cut, least)


def test_nothing_is_filled_up():
    same(nb.unique(np.zeros(0), size=2, fill_value=4.0), np.array([4.0, 4.0]))
    same(nb.unique(np.zeros(0), size=0), np.zeros(0))
    values, inverse = nb.unique(np.zeros((0, 2)), return_inverse=True, axis=0, size=1, fill_value=4.0)
    same(values, np.full((1, 2), 4.0))
    same(inverse, np.zeros(0, np.int64))


def test_distinct_values_under_vmap():
    def f(x):
        return *nb.unique(x, True, True, True, size=3, fill_value=-1.0), nb.unique(nb.reshape(x, (2, 2)), axis=0, size=2)

    mapped = nb.vmap(f)(X)
    for i, x in enumerate(X):
        for found, alone in zip(mapped, f(x), strict=True):
            same(found[i], alone.numpy())


def test_derivatives_are_those_of_the_first():
    def f(x):
        return nb.sum(nb.unique_values(x, size=4, fill_value=9.0) ** 3)

    np.testing.assert_array_equal(nb.grad(f)(X[0]), [27.0, 3.0, 0.0, 0.0])
    np.testing.assert_array_equal(nb.vmap(nb.grad(f))(X), [nb.grad(f)(x) for x in X])
    distinct = np.array([0.3, -1.2, 2.5])
    check_grads(lambda x, v: nb.unique(x, size=5, fill_value=v) ** 2, (distinct, 1.5), order=2)
    check_grads(lambda x: nb.unique(x, size=4) ** 2, (distinct,), order=2)
    check_grads(lambda x: nb.unique(x, axis=0, size=3) ** 2, (np.outer(distinct, distinct),), order=1)
