"""grad and value_and_grad: every parameter, for what it promises and for what it refuses.

What all transforms share is tested beside them: test_wrapping.py, test_pytrees.py, test_trace_rules.py, test_bad_input.py.
"""

import numpy as np
import pytest
from scipy.optimize import minimize

import nabla as nb

close = np.testing.assert_allclose


def cubic(x, y):
    return x**3 * y + y**2


def slope(f, x, h=1e-5):
    """The gradient of a scalar function at an ndarray, by central differences."""
    result = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        result[i] = (float(f(x + step)) - float(f(x - step))) / (2 * h)
    return result


# ---- the value ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_gradient_of_a_vector_agrees_with_differences(mode):
    weights = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.5]])

    def f(x):
        hidden = nb.tanh(nb.matmul(weights, x) + 0.1)
        return (hidden * hidden * nb.exp(0.3 * hidden)).sum() + x[0] / (1.5 + x[2] ** 2)

    x = np.array([0.4, -0.9, 1.3])
    close(nb.grad(f, mode=mode)(x), slope(lambda x: f(nb.asarray(x)), x), rtol=1e-8)


def test_modes_give_the_same_gradient_for_several_arguments_of_different_shapes():
    def f(a, b, c):
        return (nb.sin(a) * b).sum() * c + (b**2).sum() / c

    args = (nb.array([[0.1, 0.2], [0.3, 0.4]]), nb.array([1.0, -2.0]), 1.7)
    reverse = nb.grad(f, argnums=(0, 1, 2))(*args)
    forward = nb.grad(f, argnums=(0, 1, 2), mode="forward")(*args)
    for g, h, x in zip(reverse, forward, args):
        assert g.shape == h.shape == np.shape(x)
        close(g, h, rtol=1e-13)


def test_repeated_gradients_of_a_polynomial_are_exact():
    f = lambda x: x**4
    for mode in ("reverse", "forward"):
        order = f
        for expected in (32.0, 48.0, 48.0, 24.0, 0.0):
            order = nb.grad(order, mode=mode)
            assert order(2.0).item() == expected


def test_modes_mix_in_every_nesting():
    f = lambda x: nb.exp(nb.sin(x) * x)
    modes = ("reverse", "forward")
    found = [nb.grad(nb.grad(nb.grad(f, mode=a), mode=b), mode=c)(0.7).item() for a in modes for b in modes for c in modes]
    close(found, found[0], rtol=1e-12)
    h = 1e-3
    second = nb.grad(nb.grad(f))
    close(found[0], (second(0.7 + h).item() - second(0.7 - h).item()) / (2 * h), rtol=1e-5)


def test_value_and_grad_gives_both():
    value, gradient = nb.value_and_grad(cubic)(2.0, 3.0)
    assert value.item() == 33.0
    assert gradient.item() == 36.0


def test_the_gradient_has_the_shape_and_dtype_of_its_argument():
    for dtype in (nb.float16, nb.float32, nb.float64):
        x = nb.array([[1.0, 2.0, 3.0]], dtype)
        g = nb.grad(lambda x: x.sum() * 2.0)(x)
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
    for mode in ("reverse", "forward"):
        g32, g64 = nb.grad(lambda a, b: (a * b).sum(), argnums=(0, 1), mode=mode)(nb.array([1.0], nb.float32), nb.array([2.0]))
        assert (g32.dtype, g64.dtype) == (nb.float32, nb.float64)


def test_an_argument_that_is_not_used_has_gradient_zero():
    g = nb.grad(lambda x, y: (y * 2.0).sum())(nb.ones((2, 3), nb.float32), nb.ones(2))
    assert isinstance(g, nb.Tensor)
    assert (g.shape, g.dtype) == ((2, 3), nb.float32)
    assert not g.numpy().any()
    assert nb.grad(lambda x: 3.0)(1.0).item() == 0.0
    assert nb.grad(lambda x: np.float64(3.0))(1.0).item() == 0.0
    assert nb.grad(lambda x: nb.array(3.0))(1.0).item() == 0.0


def test_an_argument_of_size_zero():
    g = nb.grad(lambda x: x.sum())(nb.zeros((0, 3)))
    assert g.shape == (0, 3)
    assert nb.grad(lambda x: x.sum(), mode="forward")(np.zeros((0,))).shape == (0,)


# ---- argnums --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", [1, -1, np.int64(1), np.int8(-1)])
def test_an_int_gives_that_gradient(argnums):
    assert nb.grad(cubic, argnums=argnums)(2.0, 3.0).item() == 14.0
    value, gradient = nb.value_and_grad(cubic, argnums)(2.0, 3.0)
    assert (value.item(), gradient.item()) == (33.0, 14.0)


@pytest.mark.parametrize("argnums", [(0, 1), [0, 1], (-2, -1), (np.int32(0), 1)])
def test_a_sequence_gives_a_tuple(argnums):
    grads = nb.grad(cubic, argnums=argnums)(2.0, 3.0)
    assert type(grads) is tuple
    assert [g.item() for g in grads] == [36.0, 14.0]


def test_a_sequence_of_one_gives_a_tuple_of_one_and_order_is_kept():
    for one in ((0,), [0]):
        (g,) = nb.grad(cubic, argnums=one)(2.0, 3.0)
        assert g.item() == 36.0
    assert [g.item() for g in nb.grad(cubic, argnums=(1, 0))(2.0, 3.0)] == [14.0, 36.0]


def test_argnums_count_what_the_call_passes():
    product = lambda *args, scale=1.0: scale * nb.prod(nb.stack(args))
    assert nb.grad(product, argnums=-1)(2.0, 3.0, 5.0).item() == 6.0
    assert nb.grad(product, argnums=(0, 2))(2.0, 3.0, 5.0, scale=2.0)[1].item() == 12.0
    with_default = lambda x, y=10.0: x * y
    assert nb.grad(with_default)(2.0).item() == 10.0
    assert nb.grad(with_default)(2.0, y=4.0).item() == 4.0


@pytest.mark.parametrize(
    ("argnums", "error", "message"),
    [
        (2, nb.ArgumentError, r"grad: argnums=2 names argument 2, but the function was called with 2 positional arguments"),
        (-3, nb.ArgumentError, r"names argument -3, but the function was called with 2 positional arguments"),
        ((0, 5), nb.ArgumentError, r"argnums=\(0, 5\) names argument 5"),
        ((0, 0), nb.ArgumentError, r"argnums=\(0, 0\) names an argument twice"),
        ((1, -1), nb.ArgumentError, r"argnums=\(1, -1\) names an argument twice"),
    ],
)
def test_argnums_that_the_call_does_not_have(argnums, error, message):
    with pytest.raises(error, match=message):
        nb.grad(cubic, argnums=argnums)(2.0, 3.0)


@pytest.mark.parametrize("transform", [nb.grad, nb.value_and_grad, nb.jacrev, nb.jacfwd, nb.jacobian, nb.hessian])
@pytest.mark.parametrize("argnums", ["x", 1.0, True, (0, "y"), (0, 1.5), {0}, np.array([0, 1]), range(2), ((0,),)])
def test_argnums_of_the_wrong_type(transform, argnums):
    with pytest.raises(nb.ArgumentTypeError, match=rf"{transform.__name__}: argnums must be an int or a tuple of ints; got "):
        transform(cubic, argnums=argnums)


@pytest.mark.parametrize("empty", [(), []])
def test_empty_argnums_and_argnames(empty):
    with pytest.raises(nb.ArgumentError, match="grad: argnums is empty; name at least one argument"):
        nb.grad(cubic, argnums=empty)
    with pytest.raises(nb.ArgumentError, match="grad: argnames is empty; name at least one keyword argument"):
        nb.grad(cubic, argnames=empty)


def test_argnums_beyond_a_call_with_keywords_points_to_argnames():
    with pytest.raises(nb.ArgumentError, match=r"called with 1 positional argument; use argnames= for keyword arguments"):
        nb.grad(cubic, argnums=1)(2.0, y=3.0)
    with pytest.raises(nb.ArgumentError, match=r"argnums=0 names argument 0, but the function was called with 0 positional"):
        nb.grad(cubic)(x=2.0, y=3.0)


# ---- argnames -------------------------------------------------------------------------------------------------


def weighted(x, *, w, b=0.0):
    return (x * w).sum() + b * b


def test_a_name_gives_that_gradient_and_nothing_by_position():
    x, w = nb.array([1.0, 2.0]), nb.array([3.0, 4.0])
    assert nb.grad(weighted, argnames="w")(x, w=w).tolist() == [1.0, 2.0]
    assert nb.grad(weighted, argnames="b")(x, w=w, b=5.0).item() == 10.0


@pytest.mark.parametrize("names", [("w", "b"), ["w", "b"]])
def test_names_give_a_dict(names):
    grads = nb.grad(weighted, argnames=names)(nb.array([1.0, 2.0]), w=nb.array([3.0, 4.0]), b=5.0)
    assert type(grads) is dict
    assert list(grads) == ["w", "b"]
    assert grads["w"].tolist() == [1.0, 2.0]
    assert grads["b"].item() == 10.0
    assert list(nb.grad(weighted, argnames=["b"])(nb.ones(2), w=nb.ones(2), b=5.0)) == ["b"]


def test_both_give_a_pair():
    x, w = nb.array([1.0, 2.0]), nb.array([3.0, 4.0])
    by_position, by_name = nb.grad(weighted, argnums=0, argnames="w")(x, w=w)
    assert (by_position.tolist(), by_name.tolist()) == ([3.0, 4.0], [1.0, 2.0])
    (gx,), named = nb.grad(weighted, argnums=(0,), argnames=("w",))(x, w=w)
    assert (gx.tolist(), named["w"].tolist()) == ([3.0, 4.0], [1.0, 2.0])
    value, (gx, gw) = nb.value_and_grad(weighted, 0, argnames="w")(x, w=w)
    assert (value.item(), gx.tolist(), gw.tolist()) == (11.0, [3.0, 4.0], [1.0, 2.0])


def test_argnames_reach_into_var_keywords():
    f = lambda **parts: parts["a"] * parts["b"]
    assert nb.grad(f, argnames="a")(a=2.0, b=3.0).item() == 3.0


def test_argnames_that_the_call_does_not_have():
    with pytest.raises(
        nb.ArgumentError, match=r"argnames='v' names 'v', but the function was called with the keyword arguments: w, b"
    ):
        nb.grad(weighted, argnames="v")(nb.ones(2), w=nb.ones(2), b=1.0)
    with pytest.raises(nb.ArgumentError, match=r"keyword arguments: none; use argnums= for positional arguments"):
        nb.grad(weighted, argnames="x")(nb.ones(2))
    with pytest.raises(nb.ArgumentError, match=r"argnames=\('w', 'w'\) names an argument twice"):
        nb.grad(weighted, argnames=("w", "w"))


@pytest.mark.parametrize("names", [1, ("w", 1), {"w"}, b"w", [["w"]]])
def test_argnames_of_the_wrong_type(names):
    with pytest.raises(nb.ArgumentTypeError, match="grad: argnames must be a string or a sequence of strings; got "):
        nb.grad(weighted, argnames=names)


# ---- has_aux --------------------------------------------------------------------------------------------------


AUX = object()


@pytest.mark.parametrize(
    "aux", [None, "text", AUX, {"a": [1, 2]}, (), lambda: 1], ids=["None", "text", "object", "dict", "tuple", "function"]
)
def test_aux_of_any_kind_comes_through(aux):
    gradient, found = nb.grad(lambda x: (x * x, aux), has_aux=True)(3.0)
    assert gradient.item() == 6.0
    assert found is aux or found == aux
    (value, found), gradient = nb.value_and_grad(lambda x: (x * x, aux), has_aux=True)(3.0)
    assert (value.item(), gradient.item()) == (9.0, 6.0)
    assert found is aux or found == aux


def test_tensors_in_aux_are_ordinary_values_afterwards():
    _, aux = nb.grad(lambda x: (x * x, {"double": [2.0 * x], "x": x}), has_aux=True)(3.0)
    assert float(aux["double"][0].numpy()) == 6.0
    assert np.asarray(aux["x"]) == 3.0


def test_aux_is_differentiable_by_an_outer_transform():
    inner = nb.grad(lambda x: (x**3, x**2), has_aux=True)
    assert nb.grad(lambda x: inner(x)[1])(3.0).item() == 6.0
    assert nb.grad(lambda x: inner(x)[0])(3.0).item() == 18.0


@pytest.mark.parametrize(
    ("returned", "shown"), [(lambda x: x, "a Tensor"), (lambda x: (x, 1, 2), "a tuple of 3"), (lambda x: [x, 1], "a list")]
)
def test_has_aux_wants_a_pair(returned, shown):
    with pytest.raises(nb.ArgumentTypeError, match=rf"with has_aux=True the function must return a pair .*; it returned {shown}"):
        nb.grad(returned, has_aux=True)(1.0)


# ---- mode, holomorphic, allow_int, realize --------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rev", None, 1, "Forward"])
def test_mode_is_one_of_two(mode):
    with pytest.raises(nb.ArgumentError, match="grad: mode must be 'reverse' or 'forward'; got "):
        nb.grad(cubic, mode=mode)


@pytest.mark.parametrize("flag", ["has_aux", "holomorphic", "allow_int", "create_graph", "realize"])
@pytest.mark.parametrize("transform", [nb.grad, nb.value_and_grad])
def test_flags_are_booleans(transform, flag):
    with pytest.raises(nb.ArgumentTypeError, match=rf"{transform.__name__}: {flag} must be True or False; got 'yes'"):
        transform(cubic, **{flag: "yes"})


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_holomorphic_gives_the_complex_derivative(mode):
    z = 0.3 + 0.4j
    g = nb.grad(lambda z: nb.sin(z) * z, holomorphic=True, mode=mode)(z)
    close(g.item(), np.cos(z) * z + np.sin(z), rtol=1e-14)
    second = nb.grad(nb.grad(nb.exp, holomorphic=True, mode=mode), holomorphic=True)(z)
    close(second.item(), np.exp(z), rtol=1e-14)


def test_holomorphic_wants_complex_numbers_in_and_out():
    with pytest.raises(nb.DTypeError, match="with holomorphic=True the function must return a complex number; it returned float64"):
        nb.grad(nb.abs, holomorphic=True)(1j)
    with pytest.raises(nb.DTypeError, match=r"with holomorphic=True the inputs must be complex; args\[0\] has dtype float64"):
        nb.grad(lambda x: x * 1j, holomorphic=True)(1.0)
    with pytest.raises(nb.DTypeError, match=r"returned a complex number .*Pass holomorphic=True"):
        nb.grad(nb.sin)(1j)
    with pytest.raises(nb.DTypeError, match=r"returned a complex number .*take .real, .imag or abs"):
        nb.grad(lambda x: x * 1j)(1.0)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_the_gradient_of_a_real_function_of_a_complex_number(mode):
    z = 0.8 - 0.3j
    f = lambda z: nb.abs(z) ** 3 + nb.real(z * z * 1j)
    x, y, h = z.real, z.imag, 1e-6
    value = lambda x, y: f(x + 1j * y).item()
    by_x = (value(x + h, y) - value(x - h, y)) / (2 * h)
    by_y = (value(x, y + h) - value(x, y - h)) / (2 * h)
    g = nb.grad(f, mode=mode)(z).item()
    close([g.real, g.imag], [by_x, -by_y], rtol=1e-8)


def test_integers_are_an_error_that_suggests_what_to_do():
    with pytest.raises(nb.DTypeError, match=r"grad: args\[0\] is the Python int 3.* Write 3\.0, or pass allow_int=True"):
        nb.grad(lambda x: x * 2.0)(3)
    with pytest.raises(nb.DTypeError, match=r"args\[0\] is the Python bool True"):
        nb.grad(lambda x: x * 2.0)(True)
    with pytest.raises(nb.DTypeError, match=r"args\[0\]\['n'\] has dtype int64.*\.astype\(nb\.float64\)"):
        nb.grad(lambda p: p["x"])({"x": 1.0, "n": np.array([1, 2])})
    with pytest.raises(nb.DTypeError, match=r"args\[0\] has dtype bool"):
        nb.grad(lambda x: x.sum())(nb.array([True, False]))


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_allow_int_gives_float0(mode):
    f = lambda p: (p["w"] * p["counts"]).sum() * p["n"]
    p = {"w": nb.array([1.0, 2.0]), "counts": nb.array([3, 4]), "n": 2}
    g = nb.grad(f, allow_int=True, mode=mode)(p)
    assert g["w"].tolist() == [6.0, 8.0]
    assert (g["counts"].dtype, g["counts"].shape) == (nb.float0, (2,))
    assert (g["n"].dtype, g["n"].shape) == (nb.float0, ())


def test_float0_adds_and_scales_as_zero_so_that_tree_maps_over_gradients_work():
    p = {"w": nb.array([1.0, 2.0]), "counts": nb.array([3, 4]), "n": 2}
    g = nb.grad(lambda p: (p["w"] * p["counts"]).sum(), allow_int=True)(p)
    scaled = nb.tree.map(lambda g: -0.1 * g, g)
    assert scaled["counts"].dtype == nb.float0
    twice = nb.tree.map(lambda a, b: a + b, scaled, g)
    assert twice["counts"].dtype == nb.float0
    stepped = nb.tree.map(lambda x, g: x + g, p, scaled)
    assert stepped["w"].tolist() == [0.7, 1.6]
    assert stepped["counts"].tolist() == [3, 4]
    assert stepped["n"].item() == 2
    assert stepped["counts"].dtype == nb.int64


def test_numpy_integers_have_float0_tensors_since_numpy_could_not_add_them():
    p = {"n": np.array([1, 2]), "x": np.array([3.0, 4.0])}
    g = nb.grad(lambda p: (p["n"] * p["x"]).sum(), allow_int=True)(p)
    assert (g["n"].dtype, g["n"].shape) == (nb.float0, (2,))
    assert type(g["x"]) is np.ndarray
    stepped = nb.tree.map(lambda x, g: x - 0.5 * g, p, g)
    assert stepped["n"].tolist() == [1, 2]
    assert stepped["x"].tolist() == [2.5, 3.0]


def test_realize_false_leaves_the_work_for_later():
    lazy = nb.grad(lambda x: (nb.exp(x) * x).sum(), realize=False)(np.array([1.0, 2.0]))
    eager = nb.grad(lambda x: (nb.exp(x) * x).sum())(np.array([1.0, 2.0]))
    assert isinstance(lazy, nb.Tensor)
    assert isinstance(eager, np.ndarray)
    close(lazy.numpy(), eager)
    value, gradient = nb.value_and_grad(lambda x: nb.exp(x), realize=False)(0.0)
    assert (value.item(), gradient.item()) == (1.0, 1.0)


# ---- NumPy in, NumPy out --------------------------------------------------------------------------------------


def test_ndarrays_have_ndarray_gradients():
    x = np.array([1.0, 2.0])
    g = nb.grad(lambda x: (x**2).sum())(x)
    assert type(g) is np.ndarray
    assert g.flags.writeable
    g += 1.0  # and it is the caller's own
    assert g.tolist() == [3.0, 5.0]


def test_numpy_scalars_have_numpy_scalar_gradients():
    g = nb.grad(lambda x: x**2)(np.float64(3.0))
    assert type(g) is np.float64 and g == 6.0
    g = nb.grad(lambda x: x**2)(np.float32(3.0))
    assert type(g) is np.float32 and g == 6.0
    g = nb.grad(lambda z: nb.abs(z) ** 2)(np.complex128(1 + 2j))
    assert type(g) is np.complex128 and g == 2 - 4j
    assert type(nb.grad(lambda x: x**2)(np.array(3.0))) is np.ndarray


def test_each_leaf_has_the_kind_that_it_came_as():
    p = {"numpy": np.ones(2), "tensor": nb.ones(2), "float": 2.0}
    g = nb.grad(lambda p: (p["numpy"] * p["tensor"]).sum() * p["float"])(p)
    assert type(g["numpy"]) is np.ndarray
    assert type(g["tensor"]) is nb.Tensor
    assert type(g["float"]) is nb.Tensor


def test_inside_another_transform_they_are_tensors_that_can_be_differentiated():
    x = np.array([1.0, 2.0])
    seen = []

    def outer(t):
        g = nb.grad(lambda x: (x**2 * t).sum())(x)
        seen.append(type(g))
        return g.sum()

    assert nb.grad(outer)(3.0).item() == 6.0
    assert seen == [nb.Tensor]


def test_a_writable_ndarray_that_is_written_to_later_does_not_change_what_was_computed():
    x = np.array([1.0, 2.0])
    lazy = nb.grad(lambda x: (x**3).sum(), realize=False)(x)
    x[:] = 100.0
    assert lazy.tolist() == [3.0, 12.0]


# ---- create_graph ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("f", [lambda x: x**3, nb.exp, lambda x: x * 2.0 * x, lambda x: nb.sin(x) * x, lambda x: 5.0 * x])
def test_create_graph_false_cuts_the_derivative_but_not_the_value(f, mode):
    def outer(x):
        value, g = nb.value_and_grad(f, create_graph=False, mode=mode)(x)
        return value, g

    for part, expected in ((0, nb.grad(f)(1.3).item()), (1, 0.0)):
        for outside in ("reverse", "forward"):
            assert nb.grad(lambda x: outer(x)[part], mode=outside)(1.3).item() == pytest.approx(expected)


def test_create_graph_false_does_not_cut_aux():
    inner = nb.grad(lambda x: (x**3, x**2), has_aux=True, create_graph=False)
    assert nb.grad(lambda x: inner(x)[1])(3.0).item() == 6.0
    assert nb.grad(lambda x: inner(x)[0] * x)(3.0).item() == 27.0


# ---- SciPy ----------------------------------------------------------------------------------------------------


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def test_scipy_minimize_takes_value_gradient_and_second_derivatives_as_they_are():
    start = np.array([-1.2, 1.0, 0.5])
    by_gradient = minimize(nb.value_and_grad(rosenbrock), start, jac=True, method="BFGS", options={"gtol": 1e-8})
    close(by_gradient.x, 1.0, atol=1e-6)
    separate = minimize(lambda x: rosenbrock(nb.asarray(x)).item(), start, jac=nb.grad(rosenbrock), method="L-BFGS-B", tol=1e-12)
    close(separate.x, 1.0, atol=1e-5)
    function = nb.value_and_grad(rosenbrock)
    by_hessian = minimize(function, start, jac=True, hess=nb.hessian(rosenbrock), method="trust-exact", tol=1e-10)
    close(by_hessian.x, 1.0, atol=1e-8)
    product = lambda x, v: nb.hvp(rosenbrock, x, v)
    by_product = minimize(function, start, jac=True, hessp=product, method="Newton-CG", options={"xtol": 1e-10})
    close(by_product.x, 1.0, atol=1e-6)
