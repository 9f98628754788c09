"""Functions applied all over an array, against NumPy; their derivatives; where they run one by one."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap

X = np.arange(24.0).reshape(2, 3, 4) + 0.5


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_apply_along_axis(axis):
    for f, g in (
        (lambda v: v.sum(), lambda v: v.sum()),
        (lambda v: v * 2, lambda v: v * 2),
        (lambda v: np.outer(v, v[:2]), lambda v: nb.outer(v, v[:2])),
        (lambda v: v[v > 5].sum(), lambda v: v[v > 5].sum()),  # needs values
    ):
        wanted = np.apply_along_axis(f, axis, X)
        found = nb.apply_along_axis(g, axis, X)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted)
    check_grads(lambda x: nb.apply_along_axis(lambda v, k: (v**k).sum(), axis, x, 3), (X,))


def test_apply_over_axes():
    np.testing.assert_array_equal(nb.apply_over_axes(nb.sum, X, [0, 2]), np.apply_over_axes(np.sum, X, [0, 2]))
    np.testing.assert_array_equal(nb.apply_over_axes(nb.cumsum, X, -1), np.apply_over_axes(np.cumsum, X, -1))
    with pytest.raises(nb.ShapeError, match="func made 0 axes of 3"):
        nb.apply_over_axes(lambda x, axis: 1.0, X, 0)


def branches(a, b=1.0):
    return a - b if a > b else a + b


def test_vectorize():
    a, b = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(nb.vectorize(branches)(a, b), np.vectorize(branches)(a, b))
    np.testing.assert_array_equal(nb.vectorize(branches)(a, b=2.0), np.vectorize(branches)(a, b=2.0))
    np.testing.assert_array_equal(nb.vectorize(branches, excluded={1})(a, 2.0), np.vectorize(branches, excluded={1})(a, 2.0))
    assert nb.vectorize(branches, otypes="f")(a).dtype == np.float32 and nb.vectorize(branches)(3.0).shape == ()
    for found, wanted in zip(nb.vectorize(divmod)(a, b), np.vectorize(divmod)(a, b), strict=True):
        np.testing.assert_array_equal(found, wanted)
    m = np.arange(24.0).reshape(2, 4, 3)
    f = nb.vectorize(lambda x, y: x @ y, signature="(m,n),(n)->(m)")
    np.testing.assert_allclose(f(m, b), m @ b)
    check_grads(f, (m, b))
    check_grads(nb.vectorize(branches), (a + 0.3, b))
    check_vmap(nb.vectorize(lambda x, y: x * nb.sin(y)), (a, b), in_axes=(0, None))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nb.vectorize(3), nb.ArgumentTypeError, "takes a function; got int"),
        (lambda: nb.vectorize(branches, signature="n->n"), nb.ArgumentError, r"of the form '\(m,n\),\(n\)->\(m\)'"),
        (lambda: nb.vectorize(branches, signature="(n)->()")(1.0, 2.0), nb.ArgumentTypeError, "has 1 inputs; got 2"),
        (lambda: nb.vectorize(nb.sum, signature="(n)->()")(1.0), nb.ShapeError, "has not the axes"),
        (lambda: nb.vectorize(nb.dot, signature="(n),(n)->()")([1.0], [1.0, 2.0]), nb.ShapeError, "lengths 1 and 2"),
        (lambda: nb.apply_along_axis(nb.sum, 0, np.zeros((2, 0))), nb.ShapeError, "there are no rows"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()
