"""Functions and methods that write into a tensor: NumPy's results, derivatives in what is written and what is kept, vmap."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads

X = np.array([[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]])
MASK = X > 0.35
V = np.array([1.5, -2.0])

CALLS = {
    "copyto": [(V[0],), (X[0] * 2,), (X * 2, "same_kind", MASK)],
    "put": [
        ([0, -1, 3], V), ([[1, 4], [2, 0]], [1.0, 2.0, 3.0, 4.0]), ([2, 2, 2], [1.0, 2.0, 3.0]), ([7, -8], V, "wrap"),
        ([7, -8], V, "clip"), ([0, 1], [1.0, 2.0, 3.0]), ([], V), ([0], []), (nb.array([5, 0]), 3),
    ],
    "place": [(MASK, V), (MASK, [1.0]), (MASK, np.arange(9.0)), (MASK.ravel(), V), (X > 2.0, [])],
    "putmask": [(MASK, V), (MASK, np.arange(6.0)), (MASK, np.arange(9.0)), (MASK.astype(int), 1.0), (MASK, [])],
    "put_along_axis": [(np.array([[0], [2]]), 5.0, 1), (np.array([4, 0]), V, None)],
    "fill_diagonal": [(5.0,), (V,), (V, True)],
}  # fmt: skip


def both(name, *args, start=X):
    """What the function makes of a tensor, and NumPy's of an ndarray."""
    ours, theirs = nb.array(start), start.copy()
    assert getattr(nb, name)(ours, *args) is None
    getattr(np, name)(theirs, *[np.asarray(a) if isinstance(a, nb.Tensor) else a for a in args])
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize(("name", "args"), [(name, args) for name, calls in CALLS.items() for args in calls])
def test_what_is_written_is_numpys(name, args):
    both(name, *args)


@pytest.mark.parametrize("shape", [(5, 2), (2, 5), (7, 3), (3, 3, 3), (0, 3), (1, 1)])
@pytest.mark.parametrize("wrap", [False, True])
def test_diagonals_of_all_shapes(shape, wrap):
    both("fill_diagonal", np.array([1.0, 2.0]), wrap, start=np.zeros(shape))


def test_copyto_converts_as_it_is_allowed():
    x = nb.zeros(3, dtype=nb.int64)
    with pytest.raises(nb.DTypeError, match="copyto: float64 does not become int64 by casting='same_kind'"):
        nb.copyto(x, X[0])
    nb.copyto(x, X[0] * 10, casting="unsafe")
    assert x.tolist() == [3, 7, 2] and x.dtype == nb.int64
    with pytest.raises(nb.ShapeError, match="does not broadcast"):
        nb.copyto(x, [1, 2])


@pytest.mark.parametrize(
    ("name", "args", "error", "message"),
    [
        ("put", ([6], 1.0), nb.BoundsError, "index 6 is out of bounds"),
        ("put", ([0.5], 1.0), nb.BoundsError, "put: the indices are integers; got float64"),
        ("put", ([0], 1.0, "near"), nb.ArgumentError, "put: mode is 'raise', 'wrap' or 'clip'; got 'near'"),
        ("place", ([True], 1.0), nb.ShapeError, r"place: the mask has as many elements as x; got shapes \(1,\) and \(2, 3\)"),
        ("place", (MASK, []), nb.ArgumentError, "place: there are elements to be written, and no values"),
        ("putmask", ([True], 1.0), nb.ShapeError, "putmask: the mask has as many elements as x"),
        ("fill_diagonal", (1j,), nb.DTypeError, "1j cannot be written into a tensor of dtype float64"),
    ],
)
def test_what_cannot_be_written_is_said(name, args, error, message):
    x = nb.array(X)
    with pytest.raises(error, match=message):
        getattr(nb, name)(x, *args)
    np.testing.assert_array_equal(x.numpy(), X)


def test_diagonals_need_their_axes():
    with pytest.raises(nb.ShapeError, match=r"fill_diagonal: x has at least two axes; got shape \(3,\)"):
        nb.fill_diagonal(nb.zeros(3), 1.0)
    with pytest.raises(nb.ShapeError, match=r"of more than two axes are of one length; got \(2, 2, 3\)"):
        nb.fill_diagonal(nb.zeros((2, 2, 3)), 1.0)


@pytest.mark.parametrize("name", CALLS)
def test_ndarrays_are_not_written_to(name):
    values, kept = nb.array(V[:1]), X.copy()
    args = {"copyto": (values,), "put": ([0], values), "fill_diagonal": (values,)}.get(name, (MASK, values))
    args = (np.array([[0], [2]]), values, 1) if name == "put_along_axis" else args
    for room in (nb, np)[: 1 if name == "fill_diagonal" else 2]:  # NumPy does not ask what is written to a diagonal
        with pytest.raises(nb.TracedValueError, match=rf"{name} at .*test_writing\.py:\d+ writes into its first arg.* got ndarray"):
            getattr(room, name)(kept, *args)
    np.testing.assert_array_equal(kept, X)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("copyto", lambda v: (v[:3],)),
        ("copyto", lambda v: (v[0], "same_kind", MASK)),
        ("put", lambda v: ([0, 4, 0], v)),
        ("place", lambda v: (MASK, v[:2])),
        ("putmask", lambda v: (MASK, v)),
        ("put_along_axis", lambda v: (np.array([[0], [2]]), v[:1], 1)),
        ("fill_diagonal", lambda v: (v,)),
    ],
)  # fmt: skip
def test_derivatives_in_what_is_written_and_what_is_kept(name, args):
    def f(x, v):
        y = x * x
        getattr(nb, name)(y, *args(v * v * v))
        return nb.sin(y)

    v = np.linspace(0.4, 1.1, 4)
    check_grads(f, (X, v), order=2)
    lanes = np.stack([X, X + 1.0]), np.stack([v, v * 0.5])
    mapped = nb.vmap(lambda x, v: f(x, v))(*lanes)
    np.testing.assert_allclose(mapped.numpy(), [f(nb.array(x), nb.array(w)).numpy() for x, w in zip(*lanes)], rtol=1e-13)


def test_positions_and_masks_may_be_mapped():
    def f(i, mask, x):
        x = x.copy()
        nb.put(x, i, [1.0, 2.0])
        nb.place(x, mask, [7.0, 8.0, 9.0])
        nb.putmask(x, mask[::-1], [5.0])
        return x

    i = np.array([[0, 3], [2, 1]])
    mask = np.array([[True, False, True, True], [False, True, False, False]])
    x = np.arange(8.0).reshape(2, 4)
    each = [f(nb.array(a), nb.array(b), nb.array(c)).numpy() for a, b, c in zip(i, mask, x)]
    np.testing.assert_array_equal(nb.vmap(f)(i, mask, x).numpy(), each)


def test_writes_go_through_views():
    x = nb.array(X)
    nb.put(x[1], [0], 5.0)
    nb.place(x.T, MASK.T, [-1.0])
    x[0].sort()
    expected = X.copy()
    np.put(expected[1], [0], 5.0)
    np.place(expected, MASK, [-1.0])
    expected[0].sort()
    np.testing.assert_array_equal(x.numpy(), expected)


# Methods


def test_methods_give_what_ndarrays_give():
    i = np.array([[0, 1, 1], [1, 0, 0]])
    for method, of, args in [
        ("take", X, ([2, 0], 1)), ("take", X, (4,)), ("nonzero", MASK, ()), ("compress", X, ([True, False, True], 1)),
        ("compress", X, ([False, True],)), ("conjugate", X + 1j, ()), ("searchsorted", X[0, [2, 0, 1]], ([0.3, 0.5], "right")),
        ("argpartition", X[0], (1,)), ("choose", i, ([X, -X],)), ("repeat", X, (2, 0)),
    ]:  # fmt: skip
        ours, theirs = getattr(nb.array(of), method)(*args), getattr(of, method)(*args)
        for a, b in zip(ours, theirs, strict=True) if isinstance(theirs, tuple) else [(ours, theirs)]:
            np.testing.assert_array_equal(a.numpy(), b)
    assert nb.array(X[0]).argpartition(1).tolist()[1] == X[0].argpartition(1)[1]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sort_and_partition_write(axis):
    ours, theirs = nb.array(X), X.copy()
    assert ours.sort(axis) is None
    theirs.sort(axis)
    np.testing.assert_array_equal(ours.numpy(), theirs)
    ours, n = nb.array(X), X.shape[axis]
    assert ours.partition(n - 1, axis=axis) is None
    np.testing.assert_array_equal(ours.numpy().take(n - 1, axis), X.max(axis))

    def f(x):
        y = x * x
        y.sort(axis)
        return y * nb.arange(6.0).reshape((2, 3))

    check_grads(f, (X,), order=2)


def test_put_writes():
    x = nb.array(X)
    x.put([0, -1], V)
    assert x[0, 0].item() == V[0] and x[1, 2].item() == V[1]


def test_flat_is_read_and_written():
    ours, theirs = nb.array(X), X.copy()
    assert len(ours.flat) == len(theirs.flat) and ours.flat.base is ours
    assert [v.item() for v in ours.flat] == list(theirs.flat)
    for key in (3, -1, slice(1, 5, 2), ..., [0, 5], MASK.ravel()):
        np.testing.assert_array_equal(ours.flat[key].numpy(), theirs.flat[key])
    for key, value in ((3, 9.0), (slice(1, 5), [1.0, 2.0]), ([0, 5], 7.0), (MASK.ravel(), [3.0, 4.0]), (slice(0, 6, 2), [0.5])):
        ours.flat[key] = value
        theirs.flat[key] = value
        np.testing.assert_array_equal(ours.numpy(), theirs)
    ours.flat = theirs.flat = V
    np.testing.assert_array_equal(ours.numpy(), theirs)
    part = ours.flat[2:4]
    part[0] = 100.0
    np.testing.assert_array_equal(ours.numpy(), theirs)  # what is read is a copy
    np.testing.assert_array_equal(ours.flat.copy().numpy(), theirs.flat.copy())
    ours[0].flat[1] = -3.0
    assert ours[0, 1].item() == -3.0
    with pytest.raises(nb.BoundsError, match="index 6 is out of bounds"):
        ours.flat[6] = 1.0

    def f(x, v):
        y = x * x
        y.flat[1:5] = v * v
        return nb.sin(y)

    check_grads(f, (X, V), order=2)
