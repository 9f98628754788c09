"""linearize and linear_transpose: linear functions that are called many times."""

import gc
import weakref

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads

close = np.testing.assert_allclose
X = np.array([0.4, -0.9, 1.3])
DX = np.array([0.2, 1.1, -0.6])


def curve(x, b):
    return {"y": nb.sin(x) * b, "z": (x**2).sum()}


# ---- linearize ------------------------------------------------------------------------------------------------


def test_the_tangent_function_is_jvp_and_the_function_runs_once():
    runs = []

    def f(x, b):
        runs.append(1)
        return curve(x, b)

    out, along = nb.linearize(f, X, 0.7)
    for dx, db in [(DX, 1.0), (-DX, 0), (np.zeros(3), np.float64(2.0))]:
        expected_out, expected = nb.jvp(curve, (X, 0.7), (dx, db))
        found = along(dx, db)
        for name in ("y", "z"):
            close(found[name], expected[name], rtol=1e-15)
            close(out[name], expected_out[name], rtol=1e-15)
    assert len(runs) == 1


def test_it_can_be_mapped_and_differentiated():
    _, along = nb.linearize(lambda x: nb.sin(x) * x.sum(), X)
    close(nb.vmap(along)(np.eye(3)).numpy().T, nb.jacfwd(lambda x: nb.sin(x) * x.sum())(X), rtol=1e-14)

    def hvp(x, dx):
        return nb.linearize(nb.grad(lambda x: (nb.sin(x) * x.sum()).sum()), x)[1](dx)

    close(hvp(X, DX), nb.hessian(lambda x: (nb.sin(x) * x.sum()).sum())(X) @ DX, rtol=1e-13)
    check_grads(hvp, (X, DX))
    close(nb.grad(lambda dx: (along(dx) ** 2).sum())(DX), 2 * nb.jacfwd(lambda x: nb.sin(x) * x.sum())(X).T @ along(DX).numpy())


def test_aux_integers_and_unconnected_outputs():
    (out, count), along, aux = nb.linearize(lambda x, n: ((x[n], n + 1), {"n": n}), X, np.array([0, 2]), has_aux=True)
    assert out.tolist() == [0.4, 1.3] and count.tolist() == [1, 3] and aux["n"].tolist() == [0, 2]
    tangent, of_count = along(DX, None)
    assert tangent.tolist() == [0.2, -0.6] and of_count.dtype == nb.float0
    _, constant = nb.linearize(lambda x: nb.ones(2), X)
    assert constant(DX).tolist() == [0.0, 0.0]


def test_inside_another_transform():
    def f(x):
        _, along = nb.linearize(nb.sin, x)
        return along(1.0) + along(2.0)

    close(nb.grad(f)(0.4), -3.0 * np.sin(0.4))
    close(nb.vmap(f)(X), 3.0 * np.cos(X))


def test_the_graph_lives_as_long_as_the_tangent_function():
    kept = []

    def f(x):
        y = nb.sin(x)
        kept.append(weakref.ref(y._node))
        return y * y

    gc.disable()
    try:
        _, along = nb.linearize(f, X)
        assert kept[0]() is not None
        along(DX)
        del along
        assert kept[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nb.linearize(nb.sin), nb.ArgumentTypeError, r"linearize: give the arguments of the function after it"),
        (lambda: nb.linearize(3.0, X), nb.ArgumentTypeError, "linearize takes a function; got float"),
        (lambda: nb.linearize(nb.sin, X)[1](), nb.ArgumentTypeError, "takes one tangent per primal, 1 of them; got 0"),
        (lambda: nb.linearize(nb.sin, X)[1](np.ones(2)), nb.ShapeError, r"tangents\[0\] has shape \(2,\), but primals\[0\] has"),
        (lambda: nb.linearize(nb.sin, X)[1]({"a": X}), nb.TreeError, r"does not have the structure of primals\[0\]"),
        (lambda: nb.linearize(lambda x: float(x), 1.0), nb.TracedValueError, r"the output does not depend on primals\[0\]"),
        (lambda: nb.linearize(lambda x: x, 1.0, has_aux=True), nb.ArgumentTypeError, "must return a pair .output, aux."),
    ],
)
def test_wrong_uses_of_linearize(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- linear_transpose -----------------------------------------------------------------------------------------

A = np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]])
SOLVED = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0]])
LINEAR = {
    "matmul": lambda x: nb.matmul(A, x),
    "sums": lambda x: nb.stack([x.sum(), x[0] - x[2], nb.mean(x)]),
    "moves": lambda x: nb.concat([x[::-1], nb.roll(x, 1), nb.zeros(2)]).reshape(2, 4),
    "cumsum": nb.cumsum,
    "solve": lambda x: nb.linalg.solve(SOLVED, x),
    "where": lambda x: nb.where(np.array([True, False, True]), x, 0.0) / 2.0,
    "writes": lambda x: _written(x),
    "linearized": lambda x: nb.linearize(nb.sin, X)[1](x),
    "jvp": lambda x: nb.jvp(nb.tanh, (X,), (x,))[1],
    "vmap": lambda x: nb.vmap(lambda a: 3.0 * a)(x),
    "padded": lambda x: nb.pad(x, 1),
    "convolved": lambda x: nb.convolve(x, np.array([1.0, 2.0])),
}


def _written(x):
    y = nb.zeros(4)
    y[1:] = x
    y[0] = -x[2]
    return y


@pytest.mark.parametrize("name", LINEAR)
def test_the_transpose_is_that_of_the_matrix(name):
    f = LINEAR[name]
    transpose = nb.linear_transpose(f, nb.ShapeDtype(3, "float64"))
    matrix = np.stack([np.asarray(f(nb.array(row))).ravel() for row in np.eye(3)], axis=1)
    shape = f(nb.array(X)).shape
    for g in (np.random.default_rng(0).standard_normal(shape), np.ones(shape)):
        (found,) = transpose(g)
        close(found, matrix.T @ g.ravel(), atol=1e-14)


def test_pytrees_several_arguments_and_dtypes():
    def f(p, x):
        return {"s": p["a"] + 2.0 * x, "p": p["b"] * 3.0}

    transpose = nb.linear_transpose(f, {"a": X, "b": np.float32(1.0)}, nb.ShapeDtype((3,), float))
    gp, gx = transpose({"s": DX, "p": np.float32(2.0)})
    assert gp["a"].tolist() == DX.tolist() and gx.tolist() == (2.0 * DX).tolist()
    assert gp["b"].item() == 6.0 and gp["b"].dtype == nb.float32


def test_what_does_not_appear_has_a_zero_cotangent():
    gx, gy = nb.linear_transpose(lambda x, y: 2.0 * x, 1.0, X)(1.0)
    assert gx.item() == 2.0 and gy.tolist() == [0.0, 0.0, 0.0]


def test_it_is_the_transpose_and_not_the_adjoint():
    (found,) = nb.linear_transpose(lambda z: (1.0 + 2.0j) * z, 0j)(1.0 + 0j)
    assert found.item() == 1.0 + 2.0j


def test_the_transpose_can_be_transposed_mapped_and_differentiated():
    transpose = nb.linear_transpose(LINEAR["matmul"], X)
    again = nb.linear_transpose(lambda g: transpose(g)[0], np.zeros(2))
    close(again(DX)[0], A @ DX)
    close(nb.vmap(lambda g: transpose(g)[0])(np.eye(2)), A)
    check_grads(lambda g: transpose(g)[0], (np.array([1.0, -2.0]),))

    def scaled(a, g):
        return nb.linear_transpose(lambda x: a * x, X)(g)[0]

    check_grads(scaled, (DX, X))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x * x, "output is not linear in the arguments: multiply multiplies it by itself"),
        (lambda x: x + 1.0, "add joins it with something that is constant, and not zero"),
        (lambda x: nb.concat([x, np.ones(1)]), "concat.* joins it with something that is constant"),
        (nb.sin, "sin of it"),
        (nb.abs, "abs.* of it"),
        (lambda x: x.max(), "max"),
        (lambda x: nb.where(x > 0, x, 0.0), "greater of it, which has derivative zero"),
        (lambda x: 1.0 / x, "divide divides by it"),
        (lambda x: nb.detach(x), "detach of it"),
        (lambda x: (x, nb.ones(2)), r"output\[1\] is not linear in the arguments: a part of it is constant, and not zero"),
        (lambda x: x.astype("int64").astype("float64"), "convert of it to int64"),
        (lambda x: nb.linalg.det(x * np.eye(3)), "det of it"),
        (lambda x: nb.softmax(x), "softmax of it"),
        (lambda x: x[nb.argmax(x)], "argmax of it"),
    ],
)
def test_what_is_not_linear_is_named(f, message):
    with pytest.raises(nb.ArgumentError, match=message):
        nb.linear_transpose(f, X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nb.linear_transpose(nb.sin), nb.ArgumentTypeError, "give the arguments of the function, or their ShapeDtype"),
        (lambda: nb.linear_transpose(3, X), nb.ArgumentTypeError, "linear_transpose takes a function; got int"),
        (lambda: nb.linear_transpose(nb.cumsum, np.arange(3)), nb.DTypeError, r"primals\[0\] has dtype int64, and a deriv"),
        (lambda: nb.linear_transpose(nb.cumsum, nb.ShapeDtype(3, int)), nb.DTypeError, r"primals\[0\] has dtype int64; a linear"),
        (lambda: nb.linear_transpose(lambda x: x > 0, X), nb.DTypeError, "output has dtype bool; a linear function returns"),
        (lambda: nb.linear_transpose(lambda x: x if x.sum() > 0 else -x, X), nb.TracedValueError, "under linear_transpose"),
        (lambda: nb.linear_transpose(nb.cumsum, X)(np.ones(2)), nb.ShapeError, r"cotangent has shape \(2,\), but output has shape"),
        (lambda: nb.linear_transpose(nb.cumsum, X)((X, X)), nb.TreeError, "does not have the structure of the output"),
    ],
)
def test_wrong_uses_of_linear_transpose(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- ShapeDtype -----------------------------------------------------------------------------------------------


def test_shape_and_dtype():
    one = nb.ShapeDtype((2, np.int64(3)), "float32")
    assert one == nb.ShapeDtype([2, 3], np.float32) and hash(one) == hash(nb.ShapeDtype((2, 3), nb.float32))
    assert one.shape == (2, 3) and one.dtype == nb.float32 and nb.ShapeDtype(4, float).shape == (4,)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2.5,), float, "a shape is a tuple of ints; got .2.5,."),
        (None, float, "a shape is a tuple of ints; got None"),
        ((-1,), float, "a length cannot be negative"),
        ((2,), "words", "is not a dtype"),
        ((2,), object, "is not supported"),
    ],
)
def test_wrong_shapes_and_dtypes(shape, dtype, message):
    with pytest.raises(nb.NablaError, match=message):
        nb.ShapeDtype(shape, dtype)
