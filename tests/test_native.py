"""The native engine against the NumPy engine."""

import numpy as np
import pytest
from table import Case, same
from test_xla import CELLS, RTOL, Inputs, every_mode, value_and_gradient, values

import nabla as nb
from nabla.autodiff.closing import close
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import ENGINE as NATIVE_ENGINE, written
from nabla.engines.native.loops import Call, walk
from nabla.engines.native.runtime.routines import Reference
from nabla.engines.numpy.compile import ENGINE as NUMPY_ENGINE
from nabla.graph.simplify import simplify

NATIVE = {
    "abs", "add", "airy", "all", "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax",
    "argmin", "argsort", "assemble", "axis", "axis_index", "banded_solve", "beta", "betaln", "binom", "bitwise_and",
    "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "broadcast", "call", "cbrt",
    "ceil", "cholesky", "circular_integral", "classical_polynomial", "cofactor", "complement", "concat", "cond", "conj",
    "constant", "constrain", "conv", "convert", "copysign", "cos", "cosh", "cummax", "cummin", "cumprod", "cumsum", "custom",
    "dawsn", "det", "detach", "divide", "dot_general", "eig", "eigh", "eigvals", "eigvalsh", "equal", "erf", "erfc",
    "erfcinv", "erfcx", "erfi", "erfinv", "exp", "exp1", "exp2", "expi", "expm1", "expn", "exprel", "first_only", "flip",
    "floor", "floor_divide", "fmod", "gamma", "gammaln", "gammasgn", "gcd", "greater", "greater_equal", "hypot", "imag",
    "index", "index_add", "index_set", "isfinite", "isinf", "isnan", "kolmogi", "kolmogorov", "leaf", "less", "less_equal",
    "log", "log10", "log1p", "log2", "log_ndtr", "log_softmax", "logaddexp", "loggamma_slope", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logit", "logrel", "logsumexp", "lu", "lu_parts", "lu_solve", "max", "maximum", "min",
    "minimum", "multiply", "named", "ndtr", "ndtri", "negative", "nextafter", "not_equal", "owens_t", "pinv", "placeholder",
    "pmax", "polygamma", "polygamma_rise", "power", "power_by", "prod", "psum", "put", "qr", "random_binomial",
    "random_loggamma", "random_poisson", "random_wald", "real", "reciprocal", "recurrence", "remainder", "reshape", "rgamma",
    "rint", "row_order", "safe_multiply", "scaled_airy", "scan", "searchsorted", "sech2", "shared", "sigmoid", "sign",
    "signbit", "sin", "sinc", "sinh", "slogdet", "softmax", "softplus", "sort", "spectral_function", "sqrt", "square",
    "subtract", "sum", "svd", "svdvals", "tan", "tanh", "threefry", "transpose", "triangular_solve", "trunc", "variable",
    "where", "while",
}  # fmt: skip
"""Primitives that are machine code in every mode; of others the kernels of the NumPy engine are called."""
NOT_OF_COMPLEX = {"airy", "scaled_airy", "argsort", "searchsorted", "sort"}
"""Those that are not of complex numbers."""


def is_native(graph):
    """Whether no reference kernel is called, but to say what is wrong."""
    calls = [s.routine for s in walk(written(simplify(graph), checked)[0].body) if type(s) is Call]
    return not [routine for routine in calls if type(routine) is Reference and not routine.cold]


@pytest.mark.parametrize(("row", "dtype"), CELLS, ids=[f"{row} {dtype}" for row, dtype in CELLS])
def test_a_primitive_in_its_modes(row, dtype):
    case, inputs = Case(row, dtype), Inputs()
    outs = (every_mode if dtype == "float64" else value_and_gradient)(case, inputs)
    graph, captured = close(outs, inputs.nodes)
    native = is_native(graph)
    assert native or row.prim not in NATIVE or (row.prim in NOT_OF_COMPLEX and dtype == "complex128")
    arrays = [*inputs.arrays, *values(captured)]
    expected = [np.asarray(x) for x in NUMPY_ENGINE.executable(graph)(*arrays)]
    found = NATIVE_ENGINE.executable(graph)(*arrays)
    assert [(x.shape, x.dtype) for x in found] == [(node.shape, node.dtype) for node in graph.outputs]
    same(found, expected, RTOL[dtype], f"{row} {dtype}")


def lorenz(u, p):
    """The sum of the state after 100 Runge-Kutta steps."""

    def slope(u):
        return nb.stack([p[0] * (u[1] - u[0]), u[0] * (p[1] - u[2]) - u[1], u[0] * u[1] - p[2] * u[2]])

    def step(u, _):
        a = slope(u)
        b = slope(u + 0.005 * a)
        c = slope(u + 0.005 * b)
        return u + 0.01 / 6 * (a + 2 * b + 2 * c + slope(u + 0.01 * c)), None

    return nb.scan(step, u, None, length=100)[0].sum()


def test_loops_and_branches():
    u, p = nb.array([1.0, 1.0, 1.0]), nb.array([10.0, 28.0, 8 / 3])
    for f in (lorenz, nb.grad(lorenz), nb.grad(lorenz, argnums=1), nb.hessian(lorenz)):
        np.testing.assert_allclose(nb.jit(f, engine="native")(u, p), nb.jit(f, engine="numpy")(u, p), rtol=1e-9)
    until = lambda x: nb.while_loop(lambda v: (v * v).sum() < 50.0, lambda v: nb.sin(v) + v * (1.3 + x * x), x).sum()
    choose = lambda x: nb.cond(x[0] > 1.0, lambda x: (nb.sin(x) * x).sum(), lambda x: (x**3).sum(), x)
    for f in (until, choose):
        for x in (nb.array([0.3, 0.7]), nb.array([1.5, 0.2])):
            for g in (f, nb.grad(f)):
                np.testing.assert_allclose(nb.jit(g, engine="native")(x), g(x), rtol=1e-12)


def test_arrays_as_they_come():
    f = nb.jit(lambda x, n: x * 2.0 + n, engine="native")
    x = np.arange(12.0).reshape(3, 4)
    for given in (x, x.T, x[::2, ::-1], x.astype(">f8"), np.asfortranarray(x), x[:0]):
        np.testing.assert_array_equal(f(given, 3), given * 2.0 + 3)
    read_only = x.copy()
    read_only.flags.writeable = False
    out = f(read_only, 0.0)
    assert out.shape == (3, 4) and f(np.float64(1.0), 1).item() == 3.0
    large = np.arange(1000.0)
    np.testing.assert_array_equal(f(large, 1.0), large * 2.0 + 1.0)
    ordered = nb.jit(lambda x: nb.sort(x) * 2.0, engine="native")
    np.testing.assert_array_equal(ordered(-large), np.sort(-large) * 2.0)


RNG = np.random.default_rng(3)
LONG, OTHER, TABLE, ROW, COLUMN = (RNG.normal(size=n) for n in (10007, 10007, (30, 57), 57, (30, 1)))
MATRICES = RNG.normal(size=(3, 60, 70))
WIDE = np.tile(TABLE, 3)
LARGE = {
    "a chain": (lambda x, y: nb.tanh(x * y) + nb.sin(x) * nb.exp(-y * y), LONG, OTHER),
    "in single precision": (lambda x, y: nb.sqrt(x * x + 1.0) * y, LONG.astype("f4"), OTHER.astype("f4")),
    "a sum": (lambda x, y: nb.tanh(x * y).sum(), LONG, OTHER),
    "a gradient": (nb.grad(lambda x, y: (nb.tanh(x * y) * x).sum()), LONG, OTHER),
    "a value and a gradient": (nb.value_and_grad(lambda x: (nb.tanh(x) * x).sum()), LONG),
    "broadcasting": (lambda m, v, c: m * v + c, TABLE, ROW, COLUMN),
    "sums of columns": (lambda m, v: (m * v).sum(axis=0), TABLE, ROW),
    "sums of rows": (lambda m, v: (m * v).sum(axis=1), TABLE, ROW),
    "extrema": (lambda m: (m.max(axis=1), m.min(axis=0), m.max()), TABLE),
    "normalised": (lambda m: nb.exp(m) / nb.exp(m).sum(axis=1, keepdims=True), TABLE),
    "transposed": (lambda m: nb.sin(m.T) + 1.0, TABLE),
    "slices": (lambda x: x[1:] - x[:-1], LONG),
    "steps and flips": (lambda x: x[::-1][::3] * 2.0 + x[::3], LONG),
    "joined": (lambda x, y: nb.concat([x * 2.0, y]), LONG, OTHER),
    "padded": (lambda m: nb.pad(m, 2), TABLE),
    "written into": (lambda x, y: _written(x, y), LONG, OTHER),
    "a matrix by a vector": (lambda m, v: m @ v, TABLE, ROW),
    "a matrix by a matrix": (lambda m: m @ m.T, TABLE),
    "in blocks": (lambda a, b: (a @ b, b.T @ a.T, a @ a.T, b.T @ b), MATRICES[0], MATRICES[1, :50].T),
    "in blocks, turned": (lambda a, b: (nb.einsum("ik,jk->ij", a, b), nb.einsum("ki,kj->ij", a, b)), MATRICES[0], MATRICES[1]),
    "stacked": (lambda a: (nb.matmul(a, a.mT), nb.einsum("bij,bjk->ik", a, a.mT)), MATRICES),
    "of lazy values": (lambda a, b: nb.tanh(a) @ nb.sin(b).T, MATRICES[0], MATRICES[1]),
    "in single precision, in blocks": (lambda a, b: a @ b.T, MATRICES[0].astype("f4"), MATRICES[1].astype("f4")),
    "a layer's gradient": (nb.grad(lambda w, x: nb.tanh(x @ w).sum()), ROW[:, None] * ROW[:20], TABLE),
    "a choice": (lambda x, y: nb.where(x > y, x, y * 2.0), LONG, OTHER),
    "integers": (lambda n: (n // 3 + n % 5).sum(), np.arange(1000) - 500),
    "truth": (lambda x: (x > 0.0).any() & (x < 50.0).all(), LONG),
    "a scan": (lambda c, x: nb.scan(lambda c, u: (nb.sin(c) * u + c[::-1], c.sum()), c, x), ROW, TABLE),
    "a scan's gradient": (
        nb.grad(lambda c, x: nb.scan(lambda c, u: (nb.sin(c) * u + c[::-1], None), c, x)[0].sum()), WIDE[0], WIDE
    ),
    "added into": (lambda x, y: _added(x, y), LONG, OTHER),
}  # fmt: skip


def _written(x, y):
    x[2:9000:3] = 0.0
    x[:5] += y[:5]
    return x


def _added(x, y):
    x[1:] += y[:-1]
    x[:101] += 1.0
    return x


@pytest.mark.parametrize("name", LARGE)
def test_large_arrays(name):
    f, *arrays = LARGE[name]
    graph = nb.make_graph(f)(*arrays)
    assert is_native(graph)
    found, expected = NATIVE_ENGINE.executable(graph)(*arrays), NUMPY_ENGINE.executable(graph)(*arrays)
    for a, b in zip(found, expected, strict=True):
        if a.dtype.itemsize == 8:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
        else:  # sums round as their largest terms do
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * np.abs(b).max())


def test_indices_out_of_bounds():
    x, large = np.arange(5.0), np.arange(500.0)
    read = nb.jit(lambda x, i: x[i], engine="native")
    for array in (x, large):
        assert read(array, 2).item() == 2.0 and read(array, -1).item() == array[-1]
        assert np.isnan(read(array, len(array)).item()) and np.isnan(read(array, -len(array) - 1).item())
    assert read(np.arange(5), 7).item() == np.iinfo(np.int64).min

    def written(x, i):
        x[i] = 9.0
        x[i] += 1.0
        return x

    write = nb.jit(written, engine="native")
    for array in (x, large):
        assert write(array, 1)[1].item() == 10.0
        np.testing.assert_array_equal(write(array, len(array)), array)
    with pytest.raises(nb.BoundsError):
        nb.jit(lambda x: x[nb.array([1, 7])], engine="native")(x)


def turned(c, rows):
    """Two carries that change places, one of them written into, and a constant that each step writes a copy of."""
    fixed = c * 2.0

    def step(carry, row):
        a, b = carry
        a = a.copy()
        a[0] = row[0]
        own = fixed.copy()
        own[1] += row[1]
        return (b + own, a), own[1]

    return nb.scan(step, (c, c + 1.0), rows)


def chosen(c, x):
    """A branch that writes into a copy of what is wanted afterwards."""

    def first(c):
        c = c.copy()
        c[0] = 100.0
        return c

    d = c * 2.0
    return nb.cond(x > 0.0, first, lambda c: c, d) + d


@pytest.mark.parametrize("n", [3, 300])
def test_what_loops_and_branches_write_is_not_seen_elsewhere(n):
    c, rows = RNG.normal(size=n), RNG.normal(size=(7, n))
    swapped = lambda c: nb.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[2], s[1]), (0, c, c * 2.0))
    programs = [
        (turned, (c, rows)), (chosen, (c, 1.0)), (chosen, (c, -1.0)), (swapped, (c,)),
        (nb.grad(lambda c, rows: turned(c, rows)[0][0].sum()), (c, rows)),
    ]  # fmt: skip
    for f, arguments in programs:
        graph = nb.make_graph(f)(*arguments)
        assert is_native(graph)
        values = [np.asarray(x) for x in arguments]
        for a, b in zip(NATIVE_ENGINE.executable(graph)(*values), NUMPY_ENGINE.executable(graph)(*values), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
