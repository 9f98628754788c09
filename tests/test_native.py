"""The native engine against the NumPy engine."""

import numpy as np
import pytest
from table import Case, same
from test_xla import CELLS, RTOL, Inputs, every_mode, value_and_gradient, values

import nabla as nb
from nabla.autodiff.closing import close
from nabla.engines.native.arithmetic import Unsupported
from nabla.engines.native.compile import ENGINE as NATIVE_ENGINE, written
from nabla.engines.numpy.compile import ENGINE as NUMPY_ENGINE
from nabla.graph.simplify import simplify

TAKEN = [(row, dtype) for row, dtype in CELLS if dtype in ("float64", "float32", "int64")]
NATIVE = {
    "abs", "add", "all", "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "assemble", "axis",
    "axis_index", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "broadcast", "call", "cbrt", "ceil", "concat", "cond", "constant", "convert", "copysign", "cos", "cosh", "custom", "detach",
    "divide", "dot_general", "equal", "erf", "erfc", "exp", "exp2", "expm1", "flip", "floor", "gcd", "greater", "greater_equal",
    "hypot", "index", "index_add", "index_set", "isfinite", "isinf", "isnan", "leaf", "less", "less_equal", "log", "log10",
    "log1p", "log2", "logical_and", "logical_not", "logical_or", "logical_xor", "max", "maximum", "min", "minimum", "multiply",
    "named", "negative", "not_equal", "placeholder", "pmax", "power_by", "psum", "reciprocal", "reshape", "rint", "safe_multiply",
    "scan", "sech2", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "subtract", "sum", "tan", "tanh", "transpose", "trunc",
    "variable", "where",
}  # fmt: skip
"""Primitives that are machine code in every mode; a graph with others runs on the NumPy engine."""


def is_native(graph):
    try:
        written(simplify(graph))
    except Unsupported:
        return False
    return True


@pytest.mark.parametrize(("row", "dtype"), TAKEN, ids=[f"{row} {dtype}" for row, dtype in TAKEN])
def test_a_primitive_in_its_modes(row, dtype):
    case, inputs = Case(row, dtype), Inputs()
    outs = (every_mode if dtype == "float64" else value_and_gradient)(case, inputs)
    graph, captured = close(outs, inputs.nodes)
    native = is_native(graph)
    assert native or row.prim not in NATIVE
    if native:
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
    np.testing.assert_array_equal(f(large, 1.0), large * 2.0 + 1.0)  # no code for it here yet: NumPy's engine runs it
