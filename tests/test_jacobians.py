"""jacrev, jacfwd, jacobian, hessian and hvp: every parameter, for what it promises and for what it refuses."""

import gc
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import least_squares

import nabla as nb
from nabla.transforms import jacobian as module

close = np.testing.assert_allclose

JACOBIANS = [nb.jacrev, nb.jacfwd, nb.jacobian]
EVERY = [*JACOBIANS, nb.hessian]

WEIGHTS = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.5]])


def layer(x, b=0.7):
    return nb.tanh(nb.matmul(WEIGHTS, x) * b) + b**2


X = np.array([0.4, -0.9, 1.3])


def columns(f, x, h=1e-6):
    """The Jacobian of f at an ndarray, by central differences, of shape (*out_shape, *in_shape)."""
    parts = []
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        parts.append((np.asarray(f(nb.asarray(x + step))) - np.asarray(f(nb.asarray(x - step)))) / (2 * h))
    return np.moveaxis(np.array(parts), 0, -1).reshape(*parts[0].shape, *x.shape)


# ---- the numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jacobian", JACOBIANS)
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (layer, X),
        (lambda x: nb.sin(x).sum(), X),
        (lambda x: x[:2] * x[2], X),
        (lambda x: nb.exp(x[:, None] * x[None, :]), X),
        (lambda x: nb.cumulative_sum(x, axis=1) * x[0], np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])),
        (lambda x: nb.stack([x, x**2, nb.sin(x)]), np.array(0.4)),
    ],
)
def test_jacobians_agree_with_differences(jacobian, f, x):
    found = jacobian(f)(x)
    expected = columns(f, x)
    assert found.shape == expected.shape
    close(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("outer", JACOBIANS)
@pytest.mark.parametrize("inner", JACOBIANS)
def test_second_derivatives_in_every_nesting(outer, inner):
    found = outer(inner(layer))(X)
    assert found.shape == (2, 3, 3)
    close(found, columns(nb.jacrev(layer), X), rtol=1e-6, atol=1e-9)
    close(found, np.swapaxes(found, -1, -2), rtol=1e-12, atol=1e-14)


def test_third_derivatives_at_depth_three():
    f = lambda x: x[0] ** 2 * x[1] * x[2] + x[1] ** 3
    expected = nb.jacfwd(nb.jacfwd(nb.jacfwd(f)))(X)
    for a in JACOBIANS[:2]:
        for b in JACOBIANS[:2]:
            for c in JACOBIANS[:2]:
                close(a(b(c(f)))(X), expected, atol=1e-13)
    assert expected[1, 1, 1] == 6.0
    close(expected[0, 1, 2], 2 * X[0])


def test_jacobians_within_a_function_that_closes_over_the_outer_variable():
    def f(t):
        jac = nb.jacrev(lambda x: nb.sin(x * t) * x)(nb.array([0.5, 1.5]))
        return (jac * jac).sum()

    h = 1e-6
    expected = (f(nb.array(0.7 + h)).item() - f(nb.array(0.7 - h)).item()) / (2 * h)
    close(nb.grad(f)(0.7), expected, rtol=1e-8)
    close(nb.jvp(f, (0.7,), (1.0,))[1], expected, rtol=1e-8)
    g = lambda t: (nb.jacfwd(lambda x: nb.sin(x * t) * x)(nb.array([0.5, 1.5])) ** 2).sum()
    close(nb.grad(g)(0.7), expected, rtol=1e-8)
    close(nb.vmap(nb.grad(g))(np.array([0.7, 0.7])), [expected] * 2, rtol=1e-8)


# ---- which arguments ------------------------------------------------------------------------------------------


def product(x, y):
    return nb.outer(x, y)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_without_argnums_all_tensor_arguments_are_differentiated(jacobian):
    x, y = nb.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    jx, jy = jacobian(product)(x, y)
    assert (jx.shape, jy.shape) == ((2, 3, 2), (2, 3, 3))
    assert type(jy) is np.ndarray
    only = jacobian(lambda x, scale, n: x * scale * n)(x, 2.0, 3)
    assert only.tolist() == [[6.0, 0.0], [0.0, 6.0]]
    in_a_dict = jacobian(lambda p, scale: p["x"] * scale)({"x": x}, 2.0)
    assert in_a_dict["x"].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    skipped = jacobian(lambda i, x: x * 2.0)(np.array([1, 2]), x)
    assert skipped.tolist() == [[2.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_where_there_is_no_tensor_the_python_floats_are(jacobian):
    assert jacobian(lambda x: x**2)(3.0).item() == 6.0
    jx, jy = jacobian(lambda x, n, y: x * n * y)(3.0, 2, 5.0)
    assert (jx.item(), jy.item()) == (10.0, 6.0)


@pytest.mark.parametrize("jacobian", EVERY)
def test_where_there_is_nothing_that_is_an_error(jacobian):
    with pytest.raises(nb.ArgumentTypeError, match=rf"{jacobian.__name__}: none of the 1 positional arguments holds a floating"):
        jacobian(lambda x: x * 2.0)(3)
    with pytest.raises(nb.ArgumentTypeError, match=r"none of the 0 positional arguments .* argnums= or argnames="):
        jacobian(lambda x: x * 2.0)(x=3.0)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_argnums_and_argnames_as_for_grad(jacobian):
    f = lambda x, y, *, s=1.0: x * y * s
    x, y = nb.array([1.0, 2.0]), nb.array([3.0, 4.0])
    diagonal = lambda *values: np.diag(values).tolist()
    assert jacobian(f, argnums=-1)(x, y).tolist() == diagonal(1.0, 2.0)
    (one,) = jacobian(f, argnums=[np.int64(0)])(x, y)
    assert one.tolist() == diagonal(3.0, 4.0)
    jy, jx = jacobian(f, argnums=(1, 0))(x, y)
    assert (jy.tolist(), jx.tolist()) == (diagonal(1.0, 2.0), diagonal(3.0, 4.0))
    assert jacobian(f, argnames="s")(x, y, s=2.0).tolist() == [3.0, 8.0]
    named = jacobian(f, argnames=("s",))(x, y, s=2.0)
    assert named["s"].tolist() == [3.0, 8.0]
    jx, named = jacobian(f, 0, argnames=["s"])(x, y, s=2.0)
    assert (jx.tolist(), named["s"].tolist()) == (diagonal(6.0, 8.0), [3.0, 8.0])
    with pytest.raises(nb.ArgumentError, match=rf"{jacobian.__name__}: argnums=2 names argument 2"):
        jacobian(f, argnums=2)(x, y)
    with pytest.raises(nb.ArgumentError, match="argnames='q' names 'q'"):
        jacobian(f, argnames="q")(x, y, s=1.0)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_the_tree_is_that_of_the_output_with_that_of_the_input_at_its_leaves(jacobian):
    def f(p, y):
        return {"a": p["w"] * y, "b": [p["w"].sum(), (y**2, None)]}

    p, y = {"w": nb.array([1.0, 2.0])}, nb.array(3.0)
    jac = jacobian(f, argnums=(0, 1))(p, y)
    by_p, by_y = jac["a"]
    assert by_p["w"].tolist() == [[3.0, 0.0], [0.0, 3.0]]
    assert by_y.tolist() == [1.0, 2.0]
    by_p, by_y = jac["b"][1][0]
    assert by_p["w"].tolist() == [0.0, 0.0]
    assert by_y.item() == 6.0
    assert jac["b"][1][1] is None
    alone = jacobian(f, argnums=0)(p, y)
    assert alone["b"][0]["w"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_outputs_that_do_not_depend_on_an_input_have_zeros(jacobian):
    jac = jacobian(lambda x, y: (x * 2.0, np.ones(3), y.sum(), 5.0), argnums=(0, 1))(nb.ones(2), nb.ones((2, 2), nb.float32))
    for part, shape in zip(jac, ((2,), (3,), (), ()), strict=True):
        assert part[0].shape == (*shape, 2)
        assert part[1].shape == (*shape, 2, 2)
    assert not jac[0][1].numpy().any()
    assert not jac[1][0].numpy().any()
    assert not jac[3][1].numpy().any()


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_a_block_has_the_dtype_of_its_variable_in_either_mode(jacobian):
    single, double, number = nb.ones(2, nb.float32), nb.ones(2), 2.0
    jac = jacobian(lambda x, y, s: x * y * s, argnums=(0, 1, 2))(single, double, number)
    assert [j.dtype for j in jac] == [nb.float32, nb.float64, nb.float64]
    jac = jacobian(lambda x, y: x * y * 1j, argnums=(0, 1))(single, double)
    assert [j.dtype for j in jac] == [nb.complex64, nb.complex128]
    assert jacobian(lambda z: nb.abs(z) * double)(nb.ones(2, nb.complex64)).dtype == nb.complex64
    assert jacobian(lambda x: double)(single).dtype == nb.float32


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_sizes_of_zero(jacobian):
    assert jacobian(lambda x: x * 2.0)(nb.zeros(0)).shape == (0, 0)
    assert jacobian(lambda x: x[:0])(nb.ones(3)).shape == (0, 3)
    assert jacobian(lambda x: nb.ones(2) * x.sum())(nb.zeros((0, 4))).shape == (2, 0, 4)


# ---- has_aux, chunk_size, allow_int, holomorphic --------------------------------------------------------------


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_has_aux_gives_a_pair(jacobian):
    jac, aux = jacobian(lambda x: (x**2, {"note": "text", "x": x}), has_aux=True)(np.array([1.0, 2.0]))
    assert jac.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert aux["note"] == "text"
    assert aux["x"].numpy().tolist() == [1.0, 2.0]
    with pytest.raises(nb.ArgumentTypeError, match=f"{jacobian.__name__}: with has_aux=True the function must return a pair"):
        jacobian(lambda x: x, has_aux=True)(nb.ones(2))


@pytest.mark.parametrize("jacobian", EVERY)
@pytest.mark.parametrize("chunk_size", [1, 2, 5, 6, 100, np.int64(4)])
def test_chunks_give_the_same_numbers(jacobian, chunk_size):
    f = lambda x: (nb.sin(x) * x[:, ::-1]).sum(axis=0)
    x = np.arange(6.0).reshape(2, 3)
    close(jacobian(f, chunk_size=chunk_size)(x), jacobian(f)(x), rtol=1e-14)


def test_chunks_inside_another_transform():
    f = lambda x: nb.sin(x) * x[::-1]
    x = nb.array([0.1, 0.2, 0.3])
    for jacobian in JACOBIANS:
        total = lambda x, **options: (jacobian(f, **options)(x) ** 2).sum()
        close(nb.grad(lambda x: total(x, chunk_size=2))(x), nb.grad(total)(x), rtol=1e-13)


def test_chunks_bound_the_memory():
    x = nb.ones(400)
    peaks = {}
    for size in (None, 8):
        tracemalloc.start()
        nb.jacfwd(lambda x: (nb.sin(x) * nb.cos(x) * x).sum(), chunk_size=size)(x)
        peaks[size] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[None] > 400 * 400 * 8
    assert peaks[8] < peaks[None] / 5


@pytest.mark.parametrize("jacobian", EVERY)
def test_chunk_size_is_a_positive_int(jacobian):
    for wrong in (0, -1):
        with pytest.raises(nb.ArgumentError, match=f"{jacobian.__name__}: chunk_size must be at least 1; got {wrong}"):
            jacobian(layer, chunk_size=wrong)
    for wrong in (1.5, "2", True):
        with pytest.raises(nb.ArgumentTypeError, match=f"{jacobian.__name__}: chunk_size must be a positive int or None; got "):
            jacobian(layer, chunk_size=wrong)


@pytest.mark.parametrize("jacobian", EVERY)
@pytest.mark.parametrize("flag", ["has_aux", "holomorphic", "allow_int"])
def test_flags_are_booleans(jacobian, flag):
    with pytest.raises(nb.ArgumentTypeError, match=f"{jacobian.__name__}: {flag} must be True or False; got 'no'"):
        jacobian(layer, **{flag: "no"})


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_integers_are_an_error_or_float0(jacobian):
    f = lambda n, x: x * n
    n, x = np.array([2, 3]), np.array([1.0, 1.0])
    with pytest.raises(nb.DTypeError, match=rf"{jacobian.__name__}: args\[0\] has dtype int64.*allow_int=True"):
        jacobian(f, argnums=(0, 1))(n, x)
    jn, jx = jacobian(f, argnums=(0, 1), allow_int=True)(n, x)
    assert (jn.dtype, jn.shape) == (nb.float0, (2, 2))
    assert jx.tolist() == [[2.0, 0.0], [0.0, 3.0]]
    alone = jacobian(f, argnums=0, allow_int=True)(n, x)
    assert (alone.dtype, alone.shape) == (nb.float0, (2, 2))


def test_a_hessian_with_integers_among_the_arguments():
    h = nb.hessian(lambda p: (p["x"] ** 2 * p["n"]).sum(), argnums=0, allow_int=True)({"x": np.array([1.0, 2.0]), "n": 3})
    assert h["x"]["x"].tolist() == [[6.0, 0.0], [0.0, 6.0]]
    assert (h["x"]["n"].dtype, h["x"]["n"].shape) == (nb.float0, (2,))
    assert (h["n"]["x"].dtype, h["n"]["x"].shape) == (nb.float0, (2,))
    assert (h["n"]["n"].dtype, h["n"]["n"].shape) == (nb.float0, ())


@pytest.mark.parametrize("jacobian", EVERY)
def test_integer_outputs_have_no_jacobian(jacobian):
    with pytest.raises(nb.DTypeError, match=rf"{jacobian.__name__}: output\[1\] has dtype int64, which has no derivative"):
        jacobian(lambda x: (x, nb.argmax(x)))(nb.ones(2))


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_holomorphic_functions(jacobian):
    z = np.array([0.3 + 0.4j, -1.2 + 0.1j])
    jac = jacobian(lambda z: nb.stack([z[0] * z[1], nb.exp(z[0])]), holomorphic=True)(z)
    close(jac, [[z[1], z[0]], [np.exp(z[0]), 0.0]], rtol=1e-14)
    with pytest.raises(nb.DTypeError, match=rf"{jacobian.__name__}: with holomorphic=True the outputs must be complex; output has"):
        jacobian(nb.abs, holomorphic=True)(z)
    with pytest.raises(nb.DTypeError, match=r"with holomorphic=True the inputs must be complex; args\[0\] has dtype float64"):
        jacobian(lambda x: x * 1j, holomorphic=True)(np.ones(2))
    with pytest.raises(nb.DTypeError, match=r"args\[0\] and output are complex. Pass holomorphic=True"):
        jacobian(nb.exp)(z)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_real_functions_of_complex_numbers_and_complex_ones_of_real_numbers(jacobian):
    z = np.array([0.3 + 0.4j, -1.2 + 0.1j])
    f = lambda z: nb.stack([nb.abs(z[0]) ** 2, nb.real(z[0] * z[1]), nb.imag(nb.exp(z[1]))])
    h = 1e-6
    by_x = columns(lambda x: f(x + 1j * z.imag), z.real.copy(), h)
    by_y = columns(lambda y: f(z.real + 1j * y), z.imag.copy(), h)
    close(jacobian(f)(z), by_x - 1j * by_y, rtol=1e-8, atol=1e-10)
    x = np.array([0.3, 0.7])
    g = lambda x: nb.exp(1j * x * x[::-1]) + x
    expected = columns(lambda x: nb.real(g(x)), x) + 1j * columns(lambda x: nb.imag(g(x)), x)
    close(jacobian(g)(x), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_real_and_complex_arguments_together(jacobian):
    z, x = np.array([0.3 + 0.4j]), np.array([0.5, 2.0])
    f = lambda z, x: nb.real(z[0] * x * x)
    jz, jx = jacobian(f)(z, x)
    close(jz[:, 0], x**2)
    close(jx, np.diag(2 * 0.3 * x))
    assert (jz.dtype, jx.dtype) == (nb.complex128, nb.float64)


# ---- NumPy and SciPy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jacobian", EVERY)
def test_ndarrays_have_ndarray_jacobians(jacobian):
    assert type(jacobian(lambda x: x**2)(np.ones(2))) is np.ndarray
    assert type(jacobian(lambda x: x**2)(nb.ones(2))) is nb.Tensor
    assert type(jacobian(lambda x: x**2)(np.float64(2.0))) is np.float64
    seen = []
    nb.grad(lambda t: seen.append(type(jacobian(lambda x: x * x * t)(np.ones(2)))) or t)(1.0)
    assert seen == [nb.Tensor]


def test_scipy_least_squares_takes_residuals_and_jacobian():
    times = np.linspace(0.0, 3.0, 12)
    data = 2.5 * np.exp(-1.3 * times) + 0.5
    residuals = lambda p: p[0] * nb.exp(-p[1] * times) + p[2] - data
    found = least_squares(lambda p: residuals(nb.asarray(p)).numpy(), np.ones(3), jac=nb.jacobian(residuals), xtol=1e-14)
    close(found.x, [2.5, 1.3, 0.5], rtol=1e-6)


# ---- jacobian chooses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "cheaper"), [(2, 50, nb.jacfwd), (50, 2, nb.jacrev), (5, 5, nb.jacfwd), (1, 1, nb.jacfwd)])
def test_jacobian_takes_the_mode_that_needs_fewer_sweeps(monkeypatch, n, m, cheaper):
    used = []
    for name in ("forward_jacobian", "reverse_jacobian"):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, name=name, original=original: used.append(name) or original(*args))
    weights = np.arange(1.0, n * m + 1).reshape(m, n)
    f = lambda x: nb.sin(nb.matmul(weights, x))
    found = nb.jacobian(f)(np.ones(n))
    assert used == ["forward_jacobian" if cheaper is nb.jacfwd else "reverse_jacobian"]
    close(found, cheaper(f)(np.ones(n)))


# ---- hessian --------------------------------------------------------------------------------------------------


def energy(x):
    return (nb.sin(x[:-1]) * x[1:] ** 2).sum() + nb.exp(x[0] * x[2])


def test_the_hessian_of_a_scalar_is_a_symmetric_matrix():
    h = nb.hessian(energy)(X)
    close(h, columns(nb.grad(energy), X), rtol=1e-6, atol=1e-8)
    close(h, h.T, rtol=1e-14)


def test_the_hessian_of_several_outputs_and_of_a_matrix():
    assert nb.hessian(lambda x: x**3)(X).shape == (3, 3, 3)
    m = np.array([[0.1, 0.2], [0.3, 0.4]])
    f = lambda m: nb.prod(m) + nb.matmul(m, m).sum()
    h = nb.hessian(f)(m)
    assert h.shape == (2, 2, 2, 2)
    close(h, columns(nb.grad(f), m), rtol=1e-7, atol=1e-9)


def test_the_hessian_of_pytrees_is_a_tree_of_trees():
    f = lambda p: (p["w"] ** 2).sum() * p["b"]
    h = nb.hessian(f, argnums=0)({"w": np.array([1.0, 2.0]), "b": 3.0})
    assert h["w"]["w"].tolist() == [[6.0, 0.0], [0.0, 6.0]]
    assert h["w"]["b"].tolist() == [2.0, 4.0]
    assert h["b"]["w"].tolist() == [2.0, 4.0]
    assert h["b"]["b"].item() == 0.0


def test_the_hessian_for_several_arguments_names_and_aux():
    f = lambda x, y: (x * y**2).sum()
    (hxx, hxy), (hyx, hyy) = nb.hessian(f)(nb.array([1.0]), nb.array([3.0]))
    assert [h.tolist() for h in (hxx, hxy, hyx, hyy)] == [[[0.0]], [[6.0]], [[6.0]], [[2.0]]]
    assert nb.hessian(f, argnums=-1)(1.0, 3.0).item() == 2.0
    assert nb.hessian(lambda x, *, s: x * s**3, argnames="s")(2.0, s=3.0).item() == 36.0
    h, aux = nb.hessian(lambda x: (x**3, "text"), has_aux=True)(2.0)
    assert (h.item(), aux) == (12.0, "text")
    close(nb.hessian(nb.exp, holomorphic=True)(1j), np.exp(1j), rtol=1e-14)


def test_the_hessian_with_data_dependent_control_flow():
    def f(x):
        total = x * 0.0
        while total < 10.0:
            total = total + x**3
        return total

    assert nb.hessian(f)(1.5).item() == 3 * 6 * 1.5


# ---- hvp ------------------------------------------------------------------------------------------------------


def test_hvp_is_the_hessian_times_a_vector():
    v = np.array([1.0, -0.5, 2.0])
    found = nb.hvp(energy, X, v)
    assert type(found) is np.ndarray
    close(found, nb.hessian(energy)(X) @ v, rtol=1e-13)
    assert type(nb.hvp(energy, nb.asarray(X), nb.asarray(v))) is nb.Tensor
    (packed,) = nb.hvp(energy, (X,), (v,))
    close(packed, found)


def test_hvp_of_several_arguments_and_of_pytrees():
    f = lambda x, y: x**2 * y
    hx, hy = nb.hvp(f, (2.0, 3.0), (1.0, 10.0))
    assert (hx.item(), hy.item()) == (2 * 3.0 + 2 * 2.0 * 10.0, 2 * 2.0)
    tree = nb.hvp(lambda p: (p["a"] ** 3).sum(), {"a": np.array([1.0, 2.0])}, {"a": np.array([1.0, 0.0])})
    assert type(tree["a"]) is np.ndarray
    assert tree["a"].tolist() == [6.0, 0.0]
    assert nb.hvp(lambda p: p[0] ** 2 * p[1], ([2.0, 3.0],), ([1.0, 0.0],))[0][1].item() == 4.0


def test_hvp_with_integers_among_the_arguments():
    hx, hn = nb.hvp(lambda x, n: x**n, (2.0, 3), (1.0, None))
    assert hx.item() == 12.0
    assert (hn.dtype, hn.shape) == (nb.float0, ())


def test_hvp_can_be_differentiated_and_mapped():
    third = nb.grad(lambda x: nb.hvp(lambda x: x**4, x, 1.0))(2.0)
    assert third.item() == 48.0
    rows = nb.vmap(lambda v: nb.hvp(energy, nb.asarray(X), v))(np.eye(3))
    close(rows, nb.hessian(energy)(X), rtol=1e-13)


def test_hvp_refuses_what_does_not_fit():
    with pytest.raises(nb.ArgumentTypeError, match="hvp takes a function; got float"):
        nb.hvp(1.0, 1.0, 1.0)
    with pytest.raises(nb.TreeError, match="hvp: 2 primals but 1 tangents"):
        nb.hvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))
    with pytest.raises(nb.ShapeError, match=r"hvp: tangents\[0\] has shape \(2,\), but primals\[0\] has shape \(3,\)"):
        nb.hvp(energy, X, np.ones(2))
    with pytest.raises(nb.ShapeError, match=r"the function must return a scalar, of shape \(\); it returned shape \(3,\)"):
        nb.hvp(nb.sin, X, X)


# ---- memory ---------------------------------------------------------------------------------------------------


def test_jacobians_leave_no_reference_cycles():
    times = 30
    gc.collect()
    gc.disable()
    try:
        for transform in EVERY:
            for _ in range(times):
                transform(energy)(nb.asarray(X))
            assert gc.collect() < times, transform  # other threads may leave some of their own
        for _ in range(times):
            nb.hvp(energy, X, X)
        assert gc.collect() < times
    finally:
        gc.enable()
