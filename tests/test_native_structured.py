"""Code of the native engine for structured primitives: shapes, infinities and NaN, half precision, what is large."""

import re

import numpy as np
import pytest
from test_native import is_native

import nabla as nb
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import ENGINE as NATIVE_ENGINE, written
from nabla.engines.numpy.compile import ENGINE as NUMPY_ENGINE
from nabla.graph.simplify import simplify

RNG = np.random.default_rng(5)
SHAPES = [(), (3,), (2, 2), (5, 40), (1000,), (0, 2)]
DTYPES = {"f8": (1e-12, 1e-13), "f4": (2e-6, 3e-6), "f2": (4e-3, 4e-3)}


def with_edges(x):
    """Some of the elements are infinities and NaN."""
    x = x.copy()
    flat = x.reshape(-1)
    if flat.size > 2:
        flat[[0, 1, -1]] = -np.inf, np.nan, np.inf
    if flat.size > 200:
        flat[40:80] = -np.inf
        flat[::7] = 1.0
    return x


def agrees(f, *arrays, rtol=1e-12, atol=0.0):
    """Both engines find the same, and this one without a reference kernel."""
    graph = nb.make_graph(f)(*arrays)
    assert is_native(graph)
    found, expected = NATIVE_ENGINE.executable(graph)(*arrays), NUMPY_ENGINE.executable(graph)(*arrays)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def along_axes(*functions):
    """A function of x that gives what each function finds along each axis."""
    return lambda x: tuple(f(x, axis=axis) for f in functions for axis in range(x.ndim))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_along_an_axis(shape, dtype):
    x = (3.0 * RNG.normal(size=shape)).astype(dtype)
    rtol, atol = DTYPES[dtype]
    f = along_axes(nb.softmax, nb.log_softmax, nb.logsumexp, nb.cumulative_sum, nb.cumulative_prod)
    for given in (x, with_edges(x)):
        agrees(f, given, rtol=10 * rtol, atol=atol)
        agrees(lambda x: nb.logsumexp(x), given, rtol=rtol, atol=atol)
        if x.size:
            agrees(along_axes(nb.argmax, nb.argmin), given)
            agrees(lambda x: (nb.argmax(x), nb.argmin(x)), given)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3,), (24, 5), (2, 17, 3), (25,), (3, 50), (300,), (700,)], ids=str)
def test_rows_are_sorted(shape, dtype):
    """By runs, and merges of these, where equals keep their order."""
    x = RNG.integers(0, 40, size=shape).astype(dtype)
    if dtype == "i8" and x.size > 1:
        x.reshape(-1)[:2] = np.iinfo(dtype).max, np.iinfo(dtype).min
    f = along_axes(nb.sort, nb.argsort, lambda x, axis: nb.argsort(x, axis=axis, descending=True))
    for given in (x, with_edges(-0.0 * x)) if dtype in DTYPES else (x,):
        agrees(f, given)


def test_long_rows_are_sorted_elsewhere():
    x = RNG.normal(size=5000)
    np.testing.assert_array_equal(nb.jit(nb.sort, engine="native")(x), np.sort(x))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 100, 1000])
def test_values_are_found_in_rows(count):
    row = np.sort(np.round(RNG.normal(size=count), 1))
    values = np.concatenate([np.round(RNG.normal(size=(40)), 1), [np.nan, np.inf, -np.inf]])
    for ascending in (row, np.concatenate([row, [np.inf, np.nan, np.nan]])):
        agrees(lambda r, v: (nb.searchsorted(r, v), nb.searchsorted(r, v, side="right")), ascending, values)
        agrees(lambda r, v: nb.searchsorted(r, v[:2]), ascending, values)
    agrees(lambda r, v: nb.searchsorted(r, v), (10 * row).astype("i8"), (10 * values[:-3]).astype("i8"))
    both = np.stack([row, row + 0.05])
    agrees(lambda r, v: nb.vmap(nb.searchsorted)(r, v), both, np.stack([values, values]))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (16,), (1001,), (30, 41)], ids=str)
def test_random_bits(shape):
    for seed in (0, 2**40 + 7):
        agrees(lambda k: nb.random.bits(k, shape), np.uint64(seed))
        agrees(lambda k: nb.random.uniform(k, shape), np.uint64(seed))
    agrees(lambda k: nb.vmap(lambda k: nb.random.bits(k, shape))(k), np.arange(3, dtype="u8"))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("shape", [(), (3,), (41,), (5, 300)], ids=str)
def test_draws_of_several_attempts(shape, dtype):
    """The numbers are those of the NumPy engine, for every kind of parameter."""
    size = np.resize([0.3, 1.0, 2.5, 50.0, 1e5, 0.0, -1.0, np.inf, np.nan, 9.99, 10.0, 1e18, 1e19], shape).astype(dtype)
    part = np.resize([0.1, 0.5, 0.7, 0.999, 0.0, 1.0, 1.5, np.nan, 1e-9, 0.25, 1 / 3], shape).astype(dtype)
    draws = lambda k, a, p: (nb.random.loggamma(k, a), nb.random.poisson(k, a), nb.random.binomial(k, a, p))
    rtol = 1e-13 if dtype == "f8" else 2e-7
    agrees(draws, nb.random.key(3).numpy(), size, part, rtol=rtol, atol=1e-14)
    agrees(nb.vmap(lambda k: nb.random.gamma(k, 0.4, shape)), np.arange(5, dtype="u8"), rtol=1e-12)
    agrees(nb.vmap(lambda k: nb.random.poisson(k, 20.0, shape)), np.arange(5, dtype="u8"))


def test_slopes_of_gamma_numbers():
    shapes = np.exp(np.linspace(-5.0, 9.0, 300))
    slopes = nb.grad(lambda k, a: nb.random.loggamma(k, a).sum(), argnums=1)
    agrees(slopes, nb.random.key(1).numpy(), shapes, rtol=1e-13)


def test_derivatives_of_cumulative_operations():
    for shape, axis in (((7,), 0), ((9, 40), 1)):
        x = 1.0 + 0.1 * RNG.normal(size=shape)
        for f in (nb.cumulative_prod, nb.cumulative_sum, nb.cummax, nb.softmax, nb.log_softmax):
            agrees(nb.grad(lambda x: (nb.sin(x) * f(x, axis=axis)).sum()), x, rtol=1e-10)


def symmetric(a):
    return a @ a.swapaxes(-1, -2) + np.eye(a.shape[-1])


MATRICES = [(1, 1), (2, 2), (3, 3), (5, 5), (8, 8), (30, 30), (4, 3, 3), (103, 4, 4), (2, 3, 6, 6)]


@pytest.mark.parametrize("shape", MATRICES, ids=str)
def test_linear_algebra(shape):
    a, b = RNG.normal(size=shape), RNG.normal(size=(*shape[:-1], 2))
    regular = a + shape[-1] * np.eye(shape[-1])
    agrees(lambda a, b: (nb.linalg.det(a), nb.linalg.solve(a, b), *nb.linalg.slogdet(a)), a, b, rtol=1e-8, atol=1e-10)
    agrees(lambda a: nb.linalg.cholesky(a), symmetric(a))
    agrees(lambda a, b: (nb.linalg.solve(a, b[..., 0:1]), nb.linalg.solve(a.mT, b)), regular, b, rtol=1e-10, atol=1e-13)
    for lower, unit in ((True, False), (False, True)):
        f = lambda a, b: nb.linalg.solve_triangular(a, b, lower=lower, unit_diagonal=unit)
        small = 0.3 * a if unit else regular
        agrees(nb.grad(lambda a, b: f(a, b).sum()), small, b, rtol=1e-8, atol=1e-10)
    agrees(nb.grad(lambda a, b: (nb.linalg.solve(a, b) ** 2).sum()), regular, b, rtol=1e-8, atol=1e-12)
    agrees(nb.grad(lambda a: nb.linalg.slogdet(a)[1].sum()), regular, rtol=1e-9, atol=1e-12)
    single = regular.astype("f4")
    agrees(lambda a, b: (nb.linalg.solve(a, b), nb.linalg.det(a)), single, b.astype("f4"), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (4, 4), (50, 3, 3), (50, 4, 4)], ids=str)
def test_derivatives_of_determinants(shape):
    a = RNG.normal(size=shape)
    a[..., 0, :] = a[..., 1, :]  # singular
    f = lambda a: (nb.linalg.det(a) ** 2).sum() + nb.linalg.det(a).sum()
    agrees(nb.grad(f), a, rtol=1e-9, atol=1e-11)
    agrees(nb.grad(lambda a: (nb.grad(f)(a) ** 2).sum()), a, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("shape", [(3, 3), (40, 3, 3), (12, 12), (5, 12, 12)], ids=str)
def test_what_has_no_solution_is_told(shape):
    a = np.broadcast_to(np.eye(shape[-1]), shape).copy()
    b = np.ones((*shape[:-1], 1))
    solve = nb.jit(lambda a, b: nb.linalg.solve(a, b), engine="native")
    triangular = nb.jit(lambda a, b: nb.linalg.solve_triangular(a, b, lower=True), engine="native")
    cholesky = nb.jit(lambda a: nb.linalg.cholesky(a), engine="native")
    np.testing.assert_array_equal(solve(a, b), b)
    np.testing.assert_array_equal(triangular(a, b), b)
    np.testing.assert_array_equal(cholesky(a), a)
    where = "the matrix" if len(shape) == 2 else "matrix 2 of the stack"
    a[(2,) if len(shape) == 3 else ()][1, 1] = 0.0
    for f, given in ((solve, (a, b)), (triangular, (a, b))):
        with pytest.raises(nb.LinAlgError, match=f"{where} is singular"):
            f(*given)
    with pytest.raises(nb.LinAlgError, match=f"{where} is not positive definite"):
        cholesky(a)
    np.testing.assert_array_equal(solve(a + np.eye(shape[-1]), b) > 0.0, True)


def test_sparse_derivatives_are_added_into_one_buffer():
    x, table = RNG.normal(size=5000), RNG.normal(size=(300, 20))
    i, j = RNG.integers(-5000, 5000, size=(2, 700))
    agrees(nb.grad(lambda x, i, j: (nb.sin(x[i]) * x[j]).sum() + x[7] * x[-1]), x, i, j, rtol=1e-9, atol=1e-13)
    agrees(nb.grad(lambda x, i: (nb.sin(x[i]) * x[i]).sum() * x[0, 3]), table, i % 300, rtol=1e-9, atol=1e-12)
    twice = lambda x, i: (nb.grad(lambda x: (nb.exp(x[i]) ** 2).sum())(x), x[i])
    agrees(twice, x, i, rtol=1e-9)
    graph = nb.make_graph(nb.grad(lambda x, i, j: (nb.sin(x[i]) * x[j]).sum()))(x, i, j)
    text = str(written(simplify(graph), checked)[0])
    assert len([line for line in text.splitlines() if line.startswith("for") and "5000" in line]) == 1  # zeros, once


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u1", "f2"])
@pytest.mark.parametrize("n", [7, 50, 4003])
def test_many_numbers_added_to_few(n, dtype):
    values, i = (20.0 * RNG.random(n)).astype(dtype), RNG.integers(-5, 5, n)
    rtol = {"f2": 2e-2, "f4": 1e-4}.get(dtype, 1e-13)
    agrees(lambda x, i: nb.segment_sum(x, i, 5), values, i, rtol=rtol)
    found = nb.jit(lambda x, i: nb.segment_sum(x, i, 5), engine="native")(values, np.where(i == 1, 9, i))
    there = np.where((i != 1)[:, None] & (i[:, None] % 5 == np.arange(5)), values[:, None], 0)
    np.testing.assert_allclose(found, there.sum(axis=0, dtype=dtype), rtol=rtol)


@pytest.mark.parametrize("rows", [2, 40])
def test_what_is_added_up_for_a_table(rows):
    table, values = RNG.normal(size=(rows, 3)), RNG.normal(size=(30, 40))
    i, j = RNG.integers(-rows, rows, (30, 1)), RNG.integers(0, 3, 40).astype("i4")
    agrees(nb.grad(lambda table, values: (nb.sin(table)[i, j] * values).sum()), table, values, rtol=1e-11)


def test_what_is_added_to_one_of_few_is_not_seen_by_the_others():
    values, i = np.ones(100), np.arange(100) % 4
    values[5], values[6] = np.nan, np.inf
    found = nb.jit(lambda x, i: nb.segment_sum(x, i, 5), engine="native")(values, i)
    np.testing.assert_array_equal(found, [25.0, np.nan, np.inf, 25.0, 0.0])


def test_columns_in_pieces_and_several_vectors_at_once():
    x = RNG.normal(size=(300, 1003))
    x[17, 5] = np.inf
    f = lambda x: nb.softmax(x, axis=0) + nb.log_softmax(nb.flip(x, 1), axis=0)
    text = nb.jit(f, engine="native").lower(x).as_text("loops")
    assert re.search(r"for i\d+ < 1003(, \d+ at once)?, in \d+ pieces", text)  # one at a time by the plainest processor
    agrees(f, x, rtol=1e-12, atol=1e-12)
    agrees(lambda x: nb.argmax(x, axis=0), x)


@pytest.mark.parametrize("n", [1, 7, 31, 64, 1003])
@pytest.mark.parametrize("right", [False, True])
def test_searches_many_at_once(n, right):
    rows, values = np.sort(RNG.normal(size=1000)), RNG.normal(size=n)
    rows[100:200], rows[-2:], values[-1] = rows[100], np.nan, np.nan
    agrees(lambda rows, values: nb.searchsorted(rows, values, side="right" if right else "left"), rows, values)


SHIFTED = {
    "shifted": lambda x: (x[1:] * 2.0, nb.concat([nb.ones(1), nb.sin(x)[:-1]]) * x, nb.pad(x, 1)[:-2] - x),
    "differences": nb.grad(lambda x: ((x[1:] - x[:-1]) ** 2 * x[1:]).sum() + (x[2:] * nb.sin(x)[:-2]).sum()),
    "steps": nb.grad(
        lambda x: nb.fori_loop(0, 4, lambda _, y: y + 0.1 * (x * nb.concat([nb.ones(1), (y * y)[:-1]])), nb.zeros_like(x))[-1]
    ),
    "rows and columns": nb.grad(lambda x: (x.reshape(10, -1)[1:-1, 2:] * nb.exp(x.reshape(10, -1)[2:, :-2])).sum()),
    "parts of a table": nb.grad(lambda x: sum(float(k) * nb.sin(x.reshape(5, 2, -1)[k, k % 2]).sum() for k in range(5))),
    "one another's": nb.grad(lambda x: (x[:-1] * x[1:]).sum() + (x[: x.size // 2] * x[x.size // 2 :]).sum() + x[::3].prod()),
}


@pytest.mark.parametrize("size", [70, 1000])
@pytest.mark.parametrize("name", SHIFTED)
def test_arrays_shifted_against_each_other(name, size):
    x = RNG.normal(size=size)
    f = SHIFTED[name]
    written(simplify(nb.make_graph(f)(x)), checked)
    agrees(f, x, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("places", [[(0, 0), (1, 1)], [(0, 0), (0, 1), (1, 0)], [(0, 0), (0, 1), (1, 0), (1, 1)]], ids=len)
def test_zeros_of_parts_have_the_same_signs(places):
    def f(x):
        return sum([(x[place] * nb.array(-0.0)).sum() for place in places])

    x = np.ones((2, 2, 40))
    found, expected = (np.asarray(nb.jit(nb.grad(f), engine=engine)(x)) for engine in ("native", "numpy"))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("n", [256, 300, 1000, 1024])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
def test_the_place_of_an_extremum_of_long_lines(n, dtype):
    x = RNG.integers(-40, 40, size=(9, n)).astype(dtype)  # with many equals
    x[1], x[2], x[3, n - 1], x[4, 0] = 3, np.arange(n), -50, -50
    if dtype != "i4":
        x[5, n // 2 :: 7], x[6], x[7], x[8, :], x[8, 200] = np.nan, np.inf, -np.inf, 0.0, -0.0
    for f in (nb.argmin, nb.argmax):
        agrees(lambda x, f=f: f(x, axis=1), x)
        agrees(lambda x, f=f: f(x, axis=0), x.T.copy())
        agrees(lambda x, f=f: f(nb.square(x) - 2 * x, axis=1), x)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_the_nearest_of_many_points_without_their_distances(dtype):
    x = RNG.integers(-2, 3, size=(45, 3)).astype(dtype)  # so few that many are as near as others
    y = RNG.integers(-2, 3, size=(300, 3)).astype(dtype)
    x[7, 1], x[9], x[11, 0] = np.nan, np.inf, -np.inf
    for f in (nb.argmin, nb.argmax):
        nearest = lambda x, y, f=f: f((y**2).sum(1) / 2 - x @ y.T, axis=1)
        assert "gemm" not in nb.jit(nearest, engine="native").lower(x, y).as_text("loops")
        agrees(nearest, x, y)
        agrees(lambda x, y, f=f: f(y @ x.T - (y**2).sum(1)[:, None] / 2, axis=0), x, y)
    y[120, 1] = np.nan
    agrees(lambda x, y: nb.argmin(x @ y.T, axis=1), x, y)
    agrees(lambda x, y: nb.argmin(x @ y.T, axis=1) + (x @ y.T)[:, 0], x[:7], y[:50])  # the products are wanted, too


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1"])
def test_a_product_by_one_is_no_operation(dtype):
    signs = np.array([1, 1, 2, 1], dtype)
    graph = nb.make_graph(lambda x: x * nb.array(signs))(np.ones(4, dtype))
    text = str(written(graph, checked)[0])
    assert text.count("multiply") == 1
    x = np.array([-0.0, np.inf, 3.0, np.nan] if dtype.startswith("f") else [0, 5, 7, 9], dtype)
    assert NATIVE_ENGINE.executable(graph)(x)[0].tobytes() == (x * signs).tobytes()


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", "c16"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 20), (1000,), (0, 3)], ids=str)
def test_whether_any_or_all_numbers_are_not_zero(shape, dtype):
    for x in (np.zeros(shape, dtype), np.ones(shape, dtype), RNG.integers(0, 2, size=shape).astype(dtype)):
        agrees(lambda x: (nb.any(x), nb.all(x)), x)
        agrees(along_axes(nb.any, nb.all), x)
        if dtype == "c16":
            agrees(lambda x: (nb.any(x), nb.all(x)), x * 1j)


def test_no_lines_at_all():
    agrees(along_axes(nb.sum, nb.prod, nb.any, nb.all), np.ones((0, 7, 9)))


def test_a_result_that_is_known_before_the_program_runs():
    f = nb.jit(lambda x: (x * 2.0, nb.linalg.eigh(np.diag([1.0, 2.0])).eigenvalues), engine="native")
    assert [y.tolist() for y in f(np.ones(2))] == [[2.0, 2.0], [1.0, 2.0]]

    def written():
        x = nb.zeros(3)
        x[0], x[1] = 1.0, 2.0
        x.realize()
        return x

    f = nb.jit(lambda x: (x * 2.0, written()), engine="native")
    assert [y.tolist() for y in f(np.ones(2))] == [[2.0, 2.0], [1.0, 2.0, 0.0]]
