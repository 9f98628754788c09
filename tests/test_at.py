"""x.at[key] against NumPy's own writes, and np.add.at with indices that only the run knows."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap

X = np.arange(1.0, 7.0).reshape(2, 3)
UFUNCS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "min": np.minimum,
    "max": np.maximum,
}
KEYS = [0, (1, 2), (slice(None), 1), (..., None), ([0, 1, 0],), (slice(None), [2, 0, 2]), ([0, 0], [1, 1]), X > 2.5]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("name", UFUNCS)
def test_as_numpys_ufuncs_at(name, key):
    part = X[key]
    for values in (1.5, 0.5 + np.arange(part.size).reshape(part.shape) / 4):
        x, expected = nb.asarray(X), X.copy()
        UFUNCS[name].at(expected, key, values)
        found = getattr(x.at[key], name)(values)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14)
        np.testing.assert_array_equal(x.numpy(), X)  # left alone
        assert found.dtype == x.dtype


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_set_and_get(key):
    expected = X.copy()
    expected[key] = -1.0
    x = nb.asarray(X)
    np.testing.assert_array_equal(x.at[key].set(-1.0).numpy(), expected)
    np.testing.assert_array_equal(x.at[key].get().numpy(), X[key])
    np.testing.assert_array_equal(x.numpy(), X)


@pytest.mark.parametrize("name", ["set", *UFUNCS])
def test_derivatives(name):
    def repeated(x, v):
        return getattr(x.at[:, [2, 0, 2]], name)(v)

    def once(x, v):
        return getattr(x.at[1], name)(v[0])

    v = np.array([[0.7, 2.2, 1.3], [2.9, 0.4, 7.1]])
    check_grads(repeated, (X, v))
    check_grads(once, (X, v))
    check_vmap(once, (np.stack([X, X + 0.25]), np.stack([v, v + 0.5])))


def test_dtypes_stay():
    x = nb.zeros(3, dtype=nb.float32)
    assert x.at[0].add(nb.ones(())).dtype == np.float32
    assert nb.arange(3).at[1].add(2).tolist() == [0, 3, 2]


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_keys_that_only_the_run_knows(engine):
    i, v = np.array([[0, 2, 0], [1, 1, 1]]), np.array([[1.0, 2.0, 4.0], [0.5, 0.25, 8.0]])

    def counted(i, v):
        return nb.zeros(4).at[i].add(v)

    def in_place(i, v):
        out = nb.zeros(4)
        np.subtract.at(out, i, v)
        return -out

    expected = np.array([[5.0, 0.0, 2.0, 0.0], [0.0, 8.75, 0.0, 0.0]])
    for function in (counted, in_place):
        np.testing.assert_array_equal(nb.jit(function, engine=engine)(i[0], v[0]).numpy(), expected[0])
        np.testing.assert_array_equal(nb.jit(nb.vmap(function), engine=engine)(i, v).numpy(), expected)
        g = nb.jit(nb.grad(lambda v: (function(i[0], v) ** 2).sum()), engine=engine)(v[0])
        np.testing.assert_array_equal(g, [10.0, 4.0, 10.0])
    masked = nb.jit(lambda x: x.at[x > 2.5].add(1.0), engine=engine)(X)
    np.testing.assert_array_equal(masked.numpy(), np.where(X > 2.5, X + 1.0, X))
    doubled = nb.jit(lambda x, i: x.at[i].multiply(2.0), engine=engine)(np.ones(3), 1)
    assert doubled.tolist() == [1.0, 2.0, 1.0]


def test_in_the_body_of_a_loop():
    def squares(x):
        return nb.fori_loop(0, 4, lambda i, out: out.at[i].set(x[i] ** 2), nb.zeros(4))

    np.testing.assert_allclose(nb.jit(nb.grad(lambda x: squares(x).sum()))(np.arange(4.0)), [0.0, 2.0, 4.0, 6.0])


def test_errors():
    with pytest.raises(nb.BoundsError, match="index 5 is out of bounds for axis 0, which has length 3"):
        nb.zeros(3).at[5].add(1.0)
    with pytest.raises(nb.ShapeError, match=r"shape \(3,\), which does not broadcast to the shape \(2,\) of the part"):
        nb.zeros(3).at[:2].add(np.ones(3))


@pytest.mark.parametrize("transform", [nb.jit, lambda f: lambda i: nb.vmap(f)(np.array([i]))], ids=["jit", "vmap"])
def test_a_slice_with_traced_bounds_names_what_to_write(transform):
    x = nb.arange(6.0)
    with pytest.raises(nb.TracedValueError, match=r"the bounds of the slice at .*test_at\.py.*write x\[i \+ nb\.arange\(n\)\]"):
        transform(lambda i: x[i : i + 2])(1)
    assert transform(lambda i: x[i + nb.arange(2)])(1).ravel().tolist() == [1.0, 2.0]


def test_a_slice_with_bounds_that_are_no_integers():
    with pytest.raises(nb.BoundsError, match=r"the bounds of a slice are integers or None; got slice\(0\.5, None, None\)"):
        nb.zeros(3)[0.5:]
