"""NumPy's functions that move elements, make grids, take floats apart and treat values as sets: against NumPy, case by case."""

import warnings

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap

X = np.arange(12.0).reshape(3, 4)
V = np.array([0, 0, 3, 0, 2, 2, 0.0])
RNG = np.random.default_rng(0)


def agrees(name, *args, loose=0.0, **kwargs):
    """Nabla's function gives what NumPy's gives, or raises where it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            wanted = getattr(np, name)(*args, **kwargs)
        except (ValueError, IndexError, TypeError) as error:
            with pytest.raises((ValueError, IndexError, TypeError)) as found:
                getattr(nb, name)(*args, **kwargs)
            assert isinstance(found.value, nb.NablaError), (found.value, error)
            return
    found = getattr(nb, name)(*args, **kwargs)
    several = isinstance(wanted, (tuple, list))
    for a, b in zip(found if several else [found], wanted if several else [wanted], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=loose, atol=0)


PLACES = [0, -1, [0, 2], [1], slice(None, None, 2), [], 7, 20, [1, 1, 2], [-1, 0]]
VALUES = [5.0, 7, [1.0, 2.0], np.ones((2, 1)), np.arange(3.0), np.arange(4.0), np.ones((3, 1)), np.ones((2, 4)), np.ones((3, 2))]


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("places", PLACES, ids=str)
def test_insert_and_delete(axis, places):
    agrees("delete", X, places, axis)
    for values in VALUES:
        agrees("insert", X, places, values, axis)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("delete", (V, V > 0)),
        ("insert", (np.arange(4), 1, 2.7)),
        ("insert", (V, [2, 2], [1.0, 9.0])),
        ("append", (X, [1.0, 2])),
        ("append", (X, X, 0)),
        ("append", (X, V, 0)),
        ("resize", (X, (5, 3))),
        ("resize", (X, 2)),
        ("resize", (np.zeros(0), (2,))),
        ("block", ([[np.eye(2), np.ones((2, 1))], [np.ones(3)]],)),
        ("block", ([1.0, 2.0],)),
        ("block", ([[1.0], [2.0]],)),
        ("block", (3.0,)),
        ("block", ([np.ones((2, 2)), np.ones((2, 1))],)),
        ("block", ([X, [X]],)),
        ("block", ([],)),
        ("trim_zeros", (V,)),
        ("trim_zeros", (V, "f")),
        ("trim_zeros", (V, "b")),
        ("trim_zeros", (np.zeros(3),)),
        ("trim_zeros", (np.pad(X, 1),)),
        ("trim_zeros", (V, "x")),
        *[("rollaxis", (np.zeros((2, 3, 4)), axis, start)) for axis in range(4) for start in range(5)],
        ("dsplit", (np.arange(24.0).reshape(2, 3, 4), 2)),
        ("dsplit", (X, 2)),
        ("diagflat", (X[:1], 1)),
        ("diagflat", (X, -2)),
        ("diagflat", (3.0,)),
        ("select", ([X < 2, X > 8], [X, X**2], 9.0)),
        ("select", ([X < 2, X > 8], [X, 5], 9)),
        ("select", ([X < 2], [])),
        ("select", ([X], [X])),
        ("choose", (np.array([0, 1, 2]), [[1.0, 2, 3], [4.0, 5, 6], 7.0])),
        ("choose", ([0, 3], [[1, 2], [3, 4]])),
        ("tril_indices", (4, 1)),
        ("tril_indices", (4, -1, 3)),
        ("triu_indices", (4, 1)),
        ("triu_indices", (4, -1, 3)),
        ("tril_indices_from", (X,)),
        ("triu_indices_from", (X, 1)),
        ("triu_indices_from", (V,)),
        ("diag_indices", (3,)),
        ("diag_indices_from", (np.eye(3),)),
        ("diag_indices_from", (X,)),
        ("indices", ((2, 3),)),
        ("indices", ((2, 3), np.float32, True)),
        ("ix_", ([0, 2], [True, False, True])),
        ("ix_", ([1], [], [2, 3])),
        ("ix_", ([[1]],)),
        ("unravel_index", ([22, 41, 37], (7, 6))),
        ("unravel_index", ([31, 41, 13], (7, 6), "F")),
        ("unravel_index", (50, (7, 6))),
        ("ravel_multi_index", (([3, 6, 6], [4, 5, 1]), (7, 6))),
        ("ravel_multi_index", (([3, 6, 6], [4, 5, 1]), (4, 4))),
        ("ravel_multi_index", (([3, 6, 6], [4, 5, 1]), (4, 6), "clip")),
        ("ravel_multi_index", (([3, 6, 6], [4, 5, 1]), (4, 4), ("clip", "wrap"))),
        ("ravel_multi_index", (([3, 6, 6], [4, 5, 1]), (7, 6), "raise", "F")),
        *[(name, (m,)) for name in ("bartlett", "blackman", "hamming", "hanning") for m in (0, 1, 2, 7)],
        *[("bitwise_count", (np.array([1, 77, -128, 127, 0]).astype(kind),)) for kind in ("i1", "u1", "i2", "i4", "u8", "?")],
        ("bitwise_count", (np.array([-(2**63), 2**63 - 1]),)),
        ("matvec", (X, X[0] + 1j)),
        ("matvec", (np.ones((2, 0)), np.ones(0))),
        ("matvec", (X, X[:, 0])),
        ("matvec", (X[0], X[0])),
        ("vecmat", (X[:, 0] + 1j, X * 1j)),
        ("vecmat", (X[:, :3], X)),
        ("vecmat", (X, X[0])),
        ("around", (X / 7, 1)),
        ("amax", (X, 0)),
        ("amin", (X,)),
        ("kaiser", (5, [1.0, 2.0])),
        *[("histogram_bin_edges", (X, bins)) for bins in (3, "auto", [0.0, 1.0, 4.0])],
        ("real_if_close", (np.array([1 + 1e-17j]),)),
        ("real_if_close", (np.array([1 + 1e-3j]),)),
        *[("sort_complex", (X.astype(dtype),)) for dtype in ("bool", "int8", "int64", "float32", "complex64")],
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_cases(name, args):
    agrees(name, *args)


@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_variance_about_a_mean_that_is_known(name):
    x = np.where(X == 5.0, np.nan, X) if name.startswith("nan") else X
    mean = np.nanmean(x, axis=1, keepdims=True)
    agrees(name, x, axis=1, mean=mean + 0.5, ddof=1, loose=4e-16)
    np.testing.assert_allclose(getattr(np, name)(nb.array(x), axis=1, mean=mean), getattr(np, name)(x, axis=1), rtol=1e-15)
    check_grads(lambda x, m: getattr(nb, name)(x, axis=1, mean=m), (X, mean + 0.5))
    with pytest.raises(nb.ShapeError, match=r"the mean over axes \(1,\) of shape \(3, 4\) has shape \(3, 1\); got \(3,\)"):
        getattr(nb, name)(x, axis=1, mean=mean[:, 0])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_spaced_numbers_along_an_axis(axis):
    for name, loose in (("linspace", 4e-16), ("logspace", 4e-15), ("geomspace", 4e-15)):
        agrees(name, [1.0, 2.0], [3.0, 5.0], 4, axis=axis, loose=loose)
        agrees(name, 1.0, 3.0, 4, axis=axis, loose=loose)
    for endpoint in (True, False):
        agrees("linspace", [1.0, 2.0], [3.0, 5.0], 4, endpoint=endpoint, retstep=True, axis=axis, loose=4e-16)
    for num in (0, 1):
        numbers, step = nb.linspace([1.0, 2.0], [3.0, 5.0], num, retstep=True, axis=axis)
        assert numbers.shape == np.linspace([1.0, 2.0], [3.0, 5.0], num, axis=axis).shape and np.isnan(step).all()
    check_grads(lambda a, b: nb.linspace(a, b, 3, retstep=True, axis=axis), (np.ones(2), np.array([2.0, 5.0])))


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "full_like"])
def test_like_in_another_shape(name):
    value = [7.0] if name == "full_like" else []
    agrees(name, X, *value, shape=(2, 1))
    agrees(name, X, *value, shape=3, dtype=np.int8)
    assert nb.empty_like(X, shape=(0, 2)).shape == (0, 2)


def test_further_options():
    for axes in ({"axisa": 0}, {"axisa": 0, "axisb": -1, "axisc": 0}, {"axisa": 1, "axis": 0}):
        agrees("cross", X[:, :3] + 1, X[:3, :3].T, **axes)
    agrees("einsum", "ij,kj->ik", X, X, optimize="optimal")
    agrees("isin", X, [1.0, 5.0], True)
    assert nb.can_cast(nb.float64, nb.float32, "same_kind") and not nb.can_cast(nb.float64, nb.int64, "same_kind")
    square = X[:3, :3] + np.eye(3)
    np.testing.assert_allclose(nb.linalg.svd(square, compute_uv=False), np.linalg.svd(square, compute_uv=False), rtol=1e-13)
    symmetric = square + square.T
    u, s, vh = nb.linalg.svd(symmetric, hermitian=True)
    np.testing.assert_allclose(u * s @ vh, symmetric, atol=1e-13)
    np.testing.assert_allclose(np.linalg.svd(nb.array(symmetric), False, False, True), s, rtol=1e-13)


@pytest.mark.parametrize("x", [X, X[0], 3.0, [[1, 2]], np.zeros((2, 0))], ids=str)
def test_questions_about_shapes(x):
    for given in (x, nb.array(x)):
        assert (nb.shape(given), nb.ndim(given), nb.size(given)) == (np.shape(x), np.ndim(x), np.size(x))
    assert nb.size(X, 1) == 4 and nb.size(X, (0, -1)) == 12 and nb.size(X, ()) == 1
    with pytest.raises(nb.AxisError, match="size: axis 2 is out of range"):
        nb.size(X, 2)


def test_equal_after_broadcasting():
    for a, b in ((X, X), (X, X[:1]), (X, X[:, :2]), ([1], [1, 1]), ([1, 2], [[1, 2], [1, 3]]), (np.nan, np.nan), ([], 1.0)):
        assert nb.array_equiv(a, b) is np.array_equiv(a, b)


def test_kaiser_is_differentiated():
    for m in (0, 1, 2, 7, 8):
        agrees("kaiser", m, 5.0, loose=2e-15)
    check_grads(lambda beta: nb.kaiser(6, beta), (1.3,), order=2)
    assert nb.kaiser(3, np.float32(2.0)).dtype == nb.float64


@pytest.mark.parametrize("mode", ["wrap", "clip"])
def test_choose_out_of_range(mode):
    agrees("choose", np.array([0, 5, -1]), [[1.0, 2, 3], [4.0, 5, 6]], mode=mode)


def test_grids():
    for found, wanted in (
        (nb.mgrid[0:5, 0:3], np.mgrid[0:5, 0:3]),
        (nb.mgrid[-1:1:5j], np.mgrid[-1:1:5j]),
        *zip(nb.ogrid[0:5, 0:3], np.ogrid[0:5, 0:3], strict=True),
    ):
        np.testing.assert_array_equal(found, wanted, strict=True)
    for ends in ((1, 1000), (-1000.0, -1.0), (1j, 1000j), (-1 + 0j, 1 + 0j), (np.array([1.0, 2.0]), 8.0), (0.0, 1.0)):
        for endpoint in (True, False):
            agrees("geomspace", *ends, 7, loose=1e-13, endpoint=endpoint)
    assert nb.geomspace(1.0, 7.0, 5).tolist()[-1] == 7.0


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_taken_apart(dtype):
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        small = [info.tiny, info.smallest_subnormal, -info.tiny / 2, 1 - info.epsneg]
        spread = RNG.standard_normal(200) * np.exp2(RNG.integers(info.minexp, info.maxexp - 3, 200).astype(float))
        x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, info.max, *small, 1, 2, 4, 0.5, 0.75, 3, -7.3, *spread]).astype(dtype)
    if dtype != "float16":  # of which NumPy gives the spacing without its sign
        agrees("spacing", x)
    agrees("spacing", np.abs(x))
    for name in ("modf", "frexp", "isposinf", "isneginf", "iscomplex", "isreal", "fix"):
        agrees(name, x)
    for power in [
        *range(-40, 40, 3),
        info.minexp,
        -2000,
        2000,
        info.maxexp,
        RNG.integers(-2 * info.maxexp, 2 * info.maxexp, x.size),
    ]:
        agrees("ldexp", x, power)


def test_sets():
    x = RNG.integers(0, 5, (4, 3)).astype(float)
    holes = x.copy()
    holes[0, 0] = holes[1, 1] = np.nan
    for a in (x, holes, x.astype(int), np.zeros(0)):
        agrees("unique", a)
        agrees("unique", a, True, True, True)
        agrees("unique", a, equal_nan=False)
        if a.ndim == 2:
            agrees("unique", a, axis=0, return_inverse=True)
            agrees("unique", a, axis=1)
        for name in ("union1d", "intersect1d", "setdiff1d", "setxor1d"):
            agrees(name, a, [1.0, 2.0, 9.0])
            agrees(name, [5, 1, 2], a)
    agrees("intersect1d", [3, 1, 2], [2, 9, 3], return_indices=True)
    for name in ("setdiff1d", "setxor1d", "intersect1d"):
        agrees(name, [3, 1, 2], [2, 7], assume_unique=True)
    with pytest.raises(nb.TracedValueError, match=r"unique: an argument has no value under vmap .* Pass size="):
        nb.vmap(nb.unique)(x)


def test_piecewise():
    x = np.arange(5)
    f = [lambda x: -x, lambda x: x * 2, 4]
    np.testing.assert_array_equal(nb.piecewise(X, [X < 3, X > 6], f), np.piecewise(X, [X < 3, X > 6], f))
    np.testing.assert_array_equal(nb.piecewise(x, x < 3, f[:1]), np.piecewise(x, x < 3, f[:1]))
    np.testing.assert_array_equal(nb.piecewise(x, np.stack([x < 1, x > 3]), f), np.piecewise(x, np.stack([x < 1, x > 3]), f))
    with pytest.raises(nb.ArgumentError, match="with 1 conditions there are 1 functions, or 2"):
        nb.piecewise(x, [x < 3], f)


def test_questions_about_kinds():
    assert nb.iscomplexobj(1j) and not nb.iscomplexobj([1.0]) and nb.isrealobj(3)
    assert [i.tolist() for i in nb.mask_indices(3, nb.triu, 1)] == [i.tolist() for i in np.mask_indices(3, np.triu, 1)]
    np.testing.assert_array_equal(nb.fromfunction(lambda i, j: i * j, (3, 2)), np.fromfunction(lambda i, j: i * j, (3, 2)))


def test_derivatives():
    x, y = X[0] + 1.2, X[1] + 0.7
    at = np.array([1.3, -2.6])
    check_grads(lambda x, v: nb.insert(x, [0, 2], v, axis=1) ** 2, (X, np.ones((3, 1))))
    check_grads(lambda x: nb.delete(x, [0, 2], 1) ** 2, (X,))
    check_grads(lambda x: nb.resize(x, (4, 5)) ** 2, (X,))
    check_grads(lambda a, b: nb.block([[a, b], [b, a]]) ** 2, (X, X + 1))
    check_grads(lambda x: nb.diagflat(x) ** 2, (x,))
    check_grads(lambda x, y: nb.select([np.eye(3, 4) > 0], [x**2], y), (X + 1, X - 3))
    check_grads(lambda a, b: nb.choose([0, 1, 0, 1], [a**2, b]), (x, y))
    check_grads(lambda x: nb.piecewise(x, [x < 3.3], [lambda x: x**2, lambda x: x**3]), (X + 0.5,))
    check_grads(lambda a, b: nb.geomspace(a, b, 4), (2.0, 9.0))
    check_grads(lambda x: nb.modf(x)[0] ** 2, (at,))
    check_grads(lambda x: nb.frexp(x)[0] ** 2, (at,))
    check_grads(lambda x: nb.ldexp(x, [2, -3]) ** 2, (at,))
    check_grads(lambda x: nb.unique(x) ** 2, (x,))
    check_grads(lambda x, y: nb.union1d(x, y) ** 2, (x, y))
    check_grads(lambda x: nb.setdiff1d(x, [x[0]]) ** 2, (np.array([3.0, 1.0, 2.0]),))


def test_under_vmap():
    check_vmap(lambda x: nb.insert(x, 1, 9.0), (X,))
    check_vmap(lambda x: nb.delete(x, 1), (X,))
    check_vmap(lambda x: nb.piecewise(x, [x < 3.3], [lambda x: x**2, lambda x: x**3]), (X,))
    check_vmap(lambda i: nb.choose(i, [[1.0, 2.0], [3.0, 4.0]], mode="clip"), (np.array([[0, 1], [1, 1]]),))
    check_vmap(lambda i: nb.unravel_index(i, (2, 3)), (np.arange(6),))
    for f in (nb.frexp, nb.modf, nb.spacing, lambda x: nb.ldexp(x, 3), nb.diagflat, lambda x: nb.block([x, x])):
        check_vmap(f, (X,))
