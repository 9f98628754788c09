"""Functions with rules of the user's own: both modes from either rule, in all nestings; what the rules get, and what is kept."""

import copy
import functools
import gc
import pickle
import weakref

import numpy as np
import pytest

import nabla as nb
from nabla.engines.numpy.table import KERNELS
from nabla.primitives.formulas import cosh
from nabla.testing import check_grads, check_vmap

close = np.testing.assert_allclose
X = np.array([0.4, -0.9, 1.3])
Y = np.array([1.5, 0.7, -0.6])


def plain(x, y):
    return nb.sin(x) * y


def with_vjp():
    @nb.custom_vjp
    def f(x, y):
        return nb.sin(x) * y

    def fwd(x, y):
        return f(x, y), (nb.cos(x), nb.sin(x), y)

    def bwd(residuals, g):
        cosine, sine, y = residuals
        return g * cosine * y, g * sine

    f.defvjp(fwd, bwd)
    return f


def with_jvp():
    @nb.custom_jvp
    def f(x, y):
        return nb.sin(x) * y

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return f(x, y), nb.cos(x) * y * dx + nb.sin(x) * dy

    return f


def with_jvps():
    f = nb.custom_jvp(lambda x, y: nb.sin(x) * y)
    f.defjvps(lambda dx, out, x, y: nb.cos(x) * y * dx, lambda dy, out, x, y: nb.sin(x) * dy)
    return f


def with_both():
    f = with_vjp()
    f.defjvp(lambda xs, dxs: (f(*xs), nb.cos(xs[0]) * xs[1] * dxs[0] + nb.sin(xs[0]) * dxs[1]))
    return f


def with_vmap():
    f = nb.custom_vmap(lambda x, y: nb.sin(x) * y)
    f.defvmap(lambda size, batched, x, y: (nb.sin(x) * y, True))
    return f


def with_all():
    f = with_both()
    f.defvmap(lambda size, batched, x, y: (nb.sin(x) * y, True))
    return f


MAKERS = [with_vjp, with_jvp, with_jvps, with_both, with_vmap, with_all]


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def f(request):
    return request.param()


# ---- the numbers, in all nestings -----------------------------------------------------------------------------


def test_the_value_is_that_of_the_function(f):
    close(f(X, Y), np.sin(X) * Y)
    assert isinstance(f(0.5, 2.0), nb.Tensor)


def test_both_modes_to_the_third_order(f):
    check_grads(f, (0.4, 1.5), order=3)
    check_grads(f, (X, Y), order=2)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: nb.grad(nb.grad(f)),
        lambda f: lambda x, y: nb.jvp(nb.grad(f), (x, y), (1.0, 0.5))[1],
        lambda f: nb.grad(lambda x, y: nb.jvp(f, (x, y), (1.0, 0.5))[1]),
        lambda f: lambda x, y: nb.jvp(lambda x, y: nb.jvp(f, (x, y), (1.0, 0.5))[1], (x, y), (0.3, 1.0))[1],
        lambda f: nb.grad(nb.grad(nb.grad(f)), argnums=1),
        lambda f: nb.jacfwd(nb.jacrev(f)),
        lambda f: nb.jacrev(nb.jacfwd(f)),
        lambda f: nb.hessian(f, argnums=(0, 1)),
        lambda f: nb.grad(lambda x, y: nb.vmap(f, (0, None))(nb.stack([x, 2.0 * x]), y).sum(), argnums=(0, 1)),
        lambda f: nb.grad(nb.grad(lambda x, y: nb.vmap(f, (0, None))(nb.stack([x, 2.0 * x]), y).sum()), argnums=1),
        lambda f: lambda x, y: nb.vmap(nb.grad(f, argnums=(0, 1)), (0, None))(nb.stack([x, 2.0 * x]), y),
        lambda f: lambda x, y: nb.vmap(nb.hessian(f), (None, 0))(x, nb.stack([y, 2.0 * y])),
        lambda f: lambda x, y: nb.vmap(lambda y: nb.vmap(nb.grad(nb.grad(f)), (0, None))(nb.stack([x, y]), y))(nb.stack([y, x])),
        lambda f: nb.grad(lambda x, y: nb.vmap(nb.grad(f, 1), (0, None))(nb.stack([x, y]), y).sum(), argnums=(0, 1)),
        lambda f: nb.grad(lambda x, y: nb.grad(f)(x, y) * f(y, x), argnums=(0, 1)),
    ],
)
def test_nestings_are_those_of_the_plain_function(f, transform):
    x, y = nb.array(0.4), nb.array(1.5)
    found, expected = transform(f)(x, y), transform(plain)(x, y)
    for a, b in zip(nb.tree.leaves(found), nb.tree.leaves(expected), strict=True):
        close(a, b, rtol=1e-13, atol=1e-15)


def test_lanes_are_those_of_a_loop(f):
    check_vmap(f, (np.stack([X, Y]), np.stack([Y, X])))
    check_vmap(f, (np.stack([X, Y]), Y), in_axes=(0, None))
    check_vmap(nb.vmap(f, (None, 0)), (np.stack([X, Y]), np.ones((3, 2))), in_axes=(1, None))


def test_backward_adds_into_leaves(f):
    x, y = nb.array(0.4, requires_grad=True), nb.array(1.5, requires_grad=True)
    f(x, y).backward()
    close([x.grad, y.grad], [np.cos(0.4) * 1.5, np.sin(0.4)])


def test_backward_twice_through_the_same_leaf(f):
    x = nb.array(0.4, requires_grad=True)
    nb.backward(f(x, 1.5), create_graph=True)
    first = x.grad
    x.grad = None
    first.backward()
    close(x.grad, -np.sin(0.4) * 1.5)


def test_a_leaf_swept_inside_a_transform(f):
    def slope(x):
        w = nb.array(0.7, requires_grad=True)
        nb.backward(f(x * w, 1.5), create_graph=True)
        return w.grad

    close(nb.grad(slope)(0.4).detach(), 1.5 * (np.cos(0.28) - 0.28 * np.sin(0.28)))


def test_inside_no_grad_it_is_constant(f):
    def loss(x):
        with nb.no_grad():
            c = f(x, 1.5)
        return c * x

    close(nb.grad(loss)(0.4), np.sin(0.4) * 1.5)


def test_create_graph_false_cuts_the_derivative(f):
    inner = nb.grad(f, create_graph=False)
    assert nb.grad(lambda x: inner(x, 1.5) * x)(0.4).item() == inner(0.4, 1.5).item()


@pytest.mark.parametrize("make", [with_vjp, with_jvp, with_both])
def test_float32_stays_float32(make):
    x, y = nb.array(0.4, nb.float32), nb.array(1.5, nb.float32)
    for g in nb.grad(make(), argnums=(0, 1))(x, y):
        assert g.dtype == nb.float32
    assert nb.jvp(make(), (x, y), (1.0, 1.0))[1].dtype == nb.float32
    assert make()(x, 1.5).dtype == nb.float32


def test_numbers_of_python_take_the_dtype_of_what_they_meet():
    f = nb.custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, (x, y)), lambda r, g: (g * r[1], g * r[0]))
    y = nb.array(2.0, nb.float32)
    assert f(0.5, y).dtype == nb.float32
    assert nb.grad(f)(0.5, y).item() == 2.0 and nb.grad(f, argnums=1)(0.5, y).dtype == nb.float32
    assert nb.jvp(f, (0.5, y), (1.0, 1.0))[1].dtype == nb.float32
    with pytest.raises(nb.DTypeError, match="cotangent of x has dtype complex128, but x has dtype float64"):
        nb.grad(lambda x: nb.real(f(x, 1j)))(0.5)


def test_complex_numbers_are_paired_without_conjugation():
    f = nb.custom_vjp(lambda z: z * z)
    f.defvjp(lambda z: (z * z, z), lambda z, g: (2.0 * z * g,))
    check_grads(f, (0.5 + 0.3j,))
    assert nb.grad(f, holomorphic=True)(0.5 + 0.3j).item() == 1.0 + 0.6j
    size = nb.custom_jvp(lambda z: nb.real(z * nb.conj(z)))
    size.defjvp(lambda zs, dzs: (size(*zs), 2.0 * nb.real(nb.conj(zs[0]) * dzs[0])))
    check_grads(size, (0.5 + 0.3j,))
    close(nb.grad(size)(0.5 + 0.3j), 2.0 * (0.5 - 0.3j))


# ---- which rule is used ---------------------------------------------------------------------------------------


def scaled(what):
    """The identity, whose rules multiply by numbers that tell which of them was used."""
    f = nb.custom_vjp(lambda x: x)
    if "vjp" in what:
        f.defvjp(lambda x: (x, None), lambda _, g: (10.0 * g,))
    if "jvp" in what:
        f.defjvp(lambda xs, dxs: (f(*xs), 100.0 * dxs[0]))
    if "vmap" in what:
        f.defvmap(lambda size, batched, x: (x + 1000.0, True))
    return f


def test_each_mode_uses_its_own_rule():
    f = scaled(["vjp", "jvp"])
    assert nb.grad(f)(1.0).item() == 10.0 and nb.jvp(f, (1.0,), (1.0,))[1].item() == 100.0
    assert nb.vmap(nb.grad(f))(np.ones(2)).tolist() == [10.0, 10.0]
    assert nb.grad(lambda x: nb.vmap(f)(x).sum())(np.ones(2)).tolist() == [10.0, 10.0]
    assert nb.jvp(nb.vmap(f), (np.ones(2),), (np.ones(2),))[1].tolist() == [100.0, 100.0]


def test_a_missing_mode_is_derived():
    assert nb.jvp(scaled(["vjp"]), (1.0,), (1.0,))[1].item() == 10.0
    assert nb.grad(scaled(["jvp"]))(1.0).item() == 100.0
    assert nb.grad(lambda x: nb.vmap(scaled(["jvp"]))(x).sum())(np.ones(2)).tolist() == [100.0, 100.0]
    assert nb.jvp(nb.vmap(scaled(["vjp"])), (np.ones(2),), (np.ones(2),))[1].tolist() == [10.0, 10.0]


def test_the_batching_rule_goes_with_derivatives():
    f = scaled(["vjp", "jvp", "vmap"])
    assert nb.vmap(f)(np.ones(2)).tolist() == [1001.0, 1001.0] and f(1.0).item() == 1.0
    assert nb.grad(lambda x: nb.vmap(f)(x).sum())(np.ones(2)).tolist() == [10.0, 10.0]
    assert nb.vmap(lambda x: nb.value_and_grad(f)(x))(np.ones(2))[0].tolist() == [1001.0, 1001.0]


def test_the_plain_function_runs_where_nothing_is_live():
    ran = []
    f = nb.custom_vjp(lambda x: ran.append("f") or x)
    f.defvjp(lambda x: (ran.append("fwd") or x, None), lambda _, g: (ran.append("bwd") or g,))
    f(1.0)
    nb.grad(lambda x: x * f(nb.detach(x)))(1.0)
    assert ran == ["f", "f"]
    ran.clear()
    nb.grad(f)(1.0)
    assert ran == ["fwd", "bwd"]
    ran.clear()
    nb.vmap(f)(np.ones(2))
    assert ran == ["fwd"]
    leaf = nb.array(1.0, requires_grad=True)
    ran.clear()
    with nb.no_grad():
        f(leaf)
    assert ran == ["f"]


def test_the_function_is_evaluated_once_for_value_and_derivative():
    calls = []

    @nb.custom_jvp
    def f(x):
        calls.append(1)
        return nb.exp(x)

    f.defjvp(lambda xs, dxs: (f(*xs), f(*xs) * dxs[0]))
    assert [g.item() for g in nb.value_and_grad(f)(0.0)] == [1.0, 1.0] and len(calls) == 1
    g = nb.custom_vjp(lambda x: calls.append(1) or nb.exp(x))

    def fwd(x):
        out = g(x)
        return out, out

    g.defvjp(fwd, lambda out, ct: (ct * out,))
    calls.clear()
    assert nb.grad(nb.grad(nb.grad(g)))(0.0).item() == 1.0 and len(calls) == 1


def test_the_function_itself_need_not_be_differentiable():
    """Its arguments are constants there, so that it may leave for NumPy."""
    f = nb.custom_jvp(lambda x: np.exp(x.numpy()))
    f.defjvp(lambda xs, dxs: (f(*xs), f(*xs) * dxs[0]))
    check_grads(f, (X,), order=3)
    g = nb.custom_vjp(lambda x: np.exp(float(x)))
    g.defvjp(lambda x: (g(x), x), lambda x, ct: (ct * g(x),))
    check_grads(g, (0.3,), order=3)


def test_python_control_flow_in_rules():
    f = nb.custom_vjp(lambda x: x if x > 0 else -x)
    f.defvjp(lambda x: (f(x), x > 0), lambda positive, g: (g if positive else -g,))
    assert nb.grad(f)(-2.0).item() == -1.0 and nb.jvp(f, (-2.0,), (3.0,))[1].item() == -3.0
    with pytest.raises(nb.TracedValueError):
        nb.vmap(f)(X)


def test_the_guard_of_where_reaches_into_a_forward_rule():
    f = nb.custom_jvp(nb.sqrt)
    f.defjvp(lambda xs, dxs: (f(*xs), dxs[0] / (2.0 * f(*xs))))

    def guarded(x):
        return nb.where(x > 0.0, f(x), 0.0)

    assert nb.grad(guarded)(0.0).item() == 0.0 and nb.grad(nb.grad(guarded))(0.0).item() == 0.0
    assert nb.grad(lambda x: nb.vmap(guarded)(x).sum())(np.array([0.0, 1.0])).tolist() == [0.0, 0.5]
    assert np.isinf(nb.grad(f)(0.0).item())


def test_newton_with_an_implicit_derivative():
    """A loop whose derivative is that of its solution."""

    @nb.custom_vjp
    def root(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
        return x

    def fwd(a):
        x = root(a)
        return x, x

    root.defvjp(fwd, lambda x, g: (g / (2.0 * x),))
    check_grads(root, (2.0,), order=3)


# ---- arguments and results ------------------------------------------------------------------------------------


def test_pytrees_in_and_out():
    @nb.custom_vjp
    def f(params, x):
        return {"a": params["w"] * x, "b": (params["b"], x**2)}

    def bwd(residuals, g):
        params, x = residuals
        ga, (gb, gc) = g["a"], g["b"]
        return {"w": ga * x, "b": gb}, ga * params["w"] + 2.0 * x * gc

    f.defvjp(lambda params, x: (f(params, x), (params, x)), bwd)
    params = {"w": X, "b": 0.5}

    def same(params, x):
        return {"a": params["w"] * x, "b": (nb.asarray(params["b"]), x**2)}

    for one in (f, same):
        check_grads(one, (params, Y))
    out = f(params, Y)
    assert set(out) == {"a", "b"} and isinstance(out["b"], tuple)
    check_vmap(f, ({"w": np.stack([X, Y]), "b": 0.5}, Y), in_axes=({"w": 0, "b": None}, None))


def test_none_is_a_zero_cotangent_at_any_level():
    f = nb.custom_vjp(lambda p, x: p["a"] * p["b"] * x)
    f.defvjp(lambda p, x: (f(p, x), (p, x)), lambda r, g: ({"a": g * r[0]["b"] * r[1], "b": None}, None))
    gp, gx = nb.grad(f, argnums=(0, 1))({"a": 2.0, "b": 3.0}, 4.0)
    assert (gp["a"].item(), gp["b"].item(), gx.item()) == (12.0, 0.0, 0.0)
    g = nb.custom_jvp(lambda x: (x, x))
    g.defjvp(lambda xs, dxs: (g(*xs), (dxs[0], None)))
    assert [t.item() for t in nb.jvp(g, (1.0,), (5.0,))[1]] == [5.0, 0.0]


def test_keywords_and_defaults_go_where_the_signature_has_them():
    @nb.custom_vjp
    def f(x, y=3.0):
        return x * y

    f.defvjp(lambda x, y: (x * y, (x, y)), lambda r, g: (g * r[1], g * r[0]))
    assert nb.grad(f)(2.0).item() == 3.0
    assert nb.grad(lambda x: f(y=x, x=5.0))(2.0).item() == 5.0
    assert nb.grad(f, argnames="y")(2.0, y=4.0).item() == 2.0
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        f(1.0, z=2.0)


def test_keyword_only_arguments_are_options():
    @nb.custom_vjp
    def f(x, *, power=2):
        return x**power

    f.defvjp(lambda x, *, power: (x**power, (x, power)), lambda r, g: (g * r[1] * r[0] ** (r[1] - 1),))
    assert nb.grad(f)(3.0).item() == 6.0 and nb.grad(lambda x: f(x, power=3))(3.0).item() == 27.0
    f.defjvp(lambda xs, dxs, *, power: (f(*xs, power=power), power * xs[0] ** (power - 1) * dxs[0]))
    assert nb.jvp(lambda x: f(x, power=3), (3.0,), (1.0,))[1].item() == 27.0
    with pytest.raises(nb.NotDifferentiableError, match=r"power is a keyword-only argument, but it is being differ.* \(grad\)"):
        nb.grad(lambda x: f(x, power=x))(2.0)


def test_integers_strings_and_objects_pass_through():
    @nb.custom_vjp
    def f(x, n, name):
        assert type(n) is int and name == "power"
        return x**n

    f.defvjp(lambda x, n, name: (f(x, n, name), (x, n)), lambda r, g: (g * r[1] * r[0] ** (r[1] - 1), None, None))
    assert nb.grad(f)(2.0, 3, "power").item() == 12.0
    assert nb.vmap(lambda x: f(x, 3, "power"))(np.array([1.0, 2.0])).tolist() == [1.0, 8.0]
    assert nb.grad(lambda x: nb.vmap(lambda x: f(x, 3, "power"))(x).sum())(np.array([1.0, 2.0])).tolist() == [3.0, 12.0]


@pytest.mark.parametrize("given", [None, np.zeros(2, nb.float0), np.ones(2)], ids=["None", "float0", "not looked at"])
def test_the_cotangent_of_an_integer_array(given):
    f = nb.custom_vjp(lambda x, i: x[i])

    def bwd(residuals, g):
        x, i = residuals
        gx = nb.zeros_like(x)
        gx[i] = g
        return gx, given

    f.defvjp(lambda x, i: (x[i], (x, i)), bwd)
    i = np.array([2, 0])
    assert nb.grad(lambda x: (f(x, i) * np.array([5.0, 7.0])).sum())(X).tolist() == [7.0, 0.0, 5.0]
    assert nb.jvp(lambda x: f(x, i), (X,), (Y,))[1].tolist() == Y[i].tolist()


def test_integer_arguments_have_float0_tangents_and_outputs_too():
    @nb.custom_jvp
    def f(x, i):
        return x[i], i + 1

    seen = []

    @f.defjvp
    def rule(primals, tangents):
        (x, i), (dx, di) = primals, tangents
        seen.append(di.dtype)
        return f(x, i), (dx[i], None)

    i = np.array([2, 0])
    (out, j), (dout, dj) = nb.jvp(f, (X, i), (Y, None))
    assert out.tolist() == X[i].tolist() and j.tolist() == [3, 1] and dout.tolist() == Y[i].tolist()
    assert dj.dtype == nb.float0 and seen == [nb.float0]
    assert nb.grad(lambda x: f(x, i)[0].sum())(X).tolist() == [1.0, 0.0, 1.0]


HOW = [{"nondiff_argnums": (0,)}, {"nondiff_argnums": 0}, {"nondiff_argnames": "fun"}, {"nondiff_argnums": -2}]


@pytest.mark.parametrize("how", HOW)
def test_arguments_that_are_not_differentiated_come_first(how):
    @nb.custom_vjp(**how)
    def apply(fun, x):
        return fun(x)

    def fwd(fun, x):
        return apply(fun, x), x

    def bwd(fun, x, g):
        return (g * nb.grad(fun)(x),)

    apply.defvjp(fwd, bwd)
    assert nb.grad(lambda x: apply(nb.sin, x))(0.4).item() == np.cos(0.4)
    check_grads(lambda x: apply(nb.sin, x), (0.4,), order=3)

    @nb.custom_jvp(**how)
    def along(fun, x):
        return fun(x)

    along.defjvp(lambda fun, xs, dxs: (along(fun, *xs), nb.jvp(fun, xs, dxs)[1]))
    check_grads(lambda x: along(nb.sin, x), (0.4,), order=3)
    by_argument = nb.custom_jvp(lambda fun, x: fun(x), **how)
    by_argument.defjvps(lambda dx, out, x: dx * nb.cos(x))
    check_grads(lambda x: by_argument(nb.sin, x), (0.4,))


def test_what_is_not_differentiated_may_be_an_array_or_mapped():
    """Tensors among them are inputs like others: a vmap around does not end before they are used."""

    @nb.custom_vjp(nondiff_argnums=(1,))
    def f(x, scale):
        return x * scale

    f.defvjp(lambda x, scale: (f(x, scale), None), lambda scale, _, g: (g * scale,))
    scales = np.array([2.0, 3.0])
    assert nb.vmap(nb.grad(f))(np.ones(2), scales).tolist() == [2.0, 3.0]
    assert nb.grad(lambda x: nb.vmap(f, (None, 0))(x, scales).sum())(1.0).item() == 5.0
    with pytest.raises(nb.NotDifferentiableError, match="scale is among its nondiff_argnums, but it is being differentiated"):
        nb.grad(f, argnums=1)(1.0, 2.0)


def test_methods():
    class Layer:
        def __init__(self, w):
            self.w = w

        @nb.custom_vjp
        def __call__(self, x):
            return self.w * x

        @nb.custom_jvp
        def along(self, x):
            return self.w * x

        __call__.defvjp(lambda self, x: (self.w * x, None), lambda _, g: (None, 7.0 * g))
        along.defjvp(lambda xs, dxs: (xs[0].along(xs[1]), 7.0 * dxs[1]))

    layer = Layer(3.0)
    assert layer(2.0).item() == 6.0 and nb.grad(layer)(2.0).item() == 7.0
    assert nb.grad(layer.along)(2.0).item() == 7.0


def test_residuals_may_be_anything():
    f = nb.custom_vjp(lambda x: x * 2.0)
    f.defvjp(lambda x: (x * 2.0, {"n": 2, "name": "two", "x": [x, None, np.ones(3)]}), lambda r, g: (g * r["n"] * r["x"][2],))
    assert nb.grad(lambda x: f(x).sum())(X).tolist() == [2.0, 2.0, 2.0]


def test_a_pullback_may_be_a_residual():
    """It keeps the graph of its call, which a vmap, a loop body or a compiled program ends: there it is taken apart."""
    f = nb.custom_vjp(lambda p: nb.sin(p["x"]) * p["n"])
    f.defvjp(lambda p: nb.vjp(lambda p: nb.sin(p["x"]) * p["n"], p), lambda pullback, g: pullback(g))
    n = np.array([1, 2, 3])

    def call(x):
        return f({"x": x, "n": n})

    check_grads(call, (X,), order=3)
    check_vmap(nb.grad(lambda x: call(x).sum()), (np.stack([X, Y]),))
    check_grads(nb.vmap(call), (np.stack([X, Y]),))
    for wrap in (
        lambda g: lambda x: nb.vmap(g)(x[None])[0],
        lambda g: nb.jit(g, engine="numpy"),
        lambda g: lambda x: nb.scan(lambda c, _: (g(c), None), x, None, length=1)[0],
    ):
        close(nb.grad(lambda x: wrap(call)(x).sum())(X), n * np.cos(X), rtol=1e-14)
        close(nb.jvp(wrap(call), (X,), (Y,))[1], n * np.cos(X) * Y, rtol=1e-14)
        close(nb.jacrev(nb.grad(lambda x: wrap(call)(x).sum()))(X), np.diag(-n * np.sin(X)), rtol=1e-14, atol=1e-16)


def test_the_output_may_be_an_argument_or_a_constant():
    f = nb.custom_vjp(lambda x: (x, nb.asarray(1.0)))
    f.defvjp(lambda x: (f(x), None), lambda _, g: (2.0 * g[0] + 3.0 * g[1],))
    assert nb.grad(lambda x: nb.add(*f(x)))(1.0).item() == 5.0


def test_symbolic_zeros():
    seen = []

    f = nb.custom_vjp(lambda x, y: (x * y["a"], x + y["b"]))

    def fwd(perturbed, x, y):
        seen.append(perturbed)
        return f(x, y), (x, y)

    def bwd(residuals, g):
        x, y = residuals
        first, second = g
        seen.append([None if part is None else part.item() for part in g])
        gx = None if first is None else first * y["a"]
        gx = gx if second is None else second if gx is None else gx + second
        return gx, {"a": None if first is None else first * x, "b": second}

    f.defvjp(fwd, bwd, symbolic_zeros=True)
    assert nb.grad(lambda x: f(x, {"a": 3.0, "b": 4.0})[0])(2.0).item() == 3.0
    assert seen == [(True, {"a": False, "b": False}), [1.0, None]]
    seen.clear()
    assert nb.grad(lambda b: f(2.0, {"a": 3.0, "b": b})[1])(4.0).item() == 1.0
    assert seen == [(False, {"a": False, "b": True}), [None, 1.0]]
    h = nb.custom_jvp(lambda x, y: x * y)

    def rule(primals, tangents):
        seen.append([dx is None for dx in tangents])
        (x, y), (dx, dy) = primals, tangents
        return h(x, y), (dx * y if dy is None else x * dy)

    h.defjvp(rule, symbolic_zeros=True)
    seen.clear()
    assert nb.jvp(lambda x: h(x, 3.0), (2.0,), (1.0,))[1].item() == 3.0 and nb.grad(h, argnums=1)(2.0, 3.0).item() == 2.0
    assert seen == [[False, True], [True, False]]


def test_without_symbolic_zeros_what_is_missing_is_zeros():
    seen = []
    f = nb.custom_vjp(lambda x: (x, 2.0 * x, nb.asarray([1, 2])))
    f.defvjp(lambda x: (f(x), None), lambda _, g: (seen.append([(part.dtype, part.shape) for part in g]) or g[0] + 2.0 * g[1],))
    assert nb.grad(lambda x: f(x)[1])(1.0).item() == 2.0
    assert seen == [[(nb.float64, ()), (nb.float64, ()), (nb.float0, (2,))]]


# ---- batching rules -------------------------------------------------------------------------------------------


def test_the_batching_rule_sees_which_arguments_are_mapped():
    seen = []
    f = nb.custom_vmap(lambda p, n, x: (p["a"] * x, x.sum()))

    @f.defvmap
    def rule(axis_size, in_batched, p, n, x):
        seen.append((axis_size, in_batched, p["a"].shape, n, x.shape))
        return (p["a"][:, None] * x, x.sum()), (True, False)

    out = nb.vmap(f, ({"a": 0}, None, None))({"a": np.array([1.0, 2.0])}, 5, X)
    assert seen == [(2, ({"a": True}, False, False), (2,), 5, (3,))]
    close(out[0], np.array([[1.0], [2.0]]) * X)
    close(out[1], [X.sum()] * 2)


def test_a_batching_rule_under_two_vmaps_and_derivatives():
    f = nb.custom_vmap(lambda x, y: nb.sin(x) * y)
    sizes = []

    @f.defvmap
    def rule(axis_size, in_batched, x, y):
        sizes.append(axis_size)
        return nb.sin(x) * y, True

    def table(x, y):
        return nb.vmap(nb.vmap(f, (0, None)), (None, 0))(x, y)

    close(table(X, Y[:2]), np.sin(X) * Y[:2, None])
    assert sizes == [3]
    check_grads(table, (X, Y[:2]))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda size, batched, x: x, "must return a pair .output, which of it is batched.; it returned a Tensor"),
        (lambda size, batched, x: ((x, x), True), "does not have the structure of that of f"),
        (
            lambda size, batched, x: (x.sum(), True),
            r"has dtype float64 and shape \(\); for 2 examples it must be float64 of shape \(2,",
        ),
        (lambda size, batched, x: (x, False), r"it must be float64 of shape \(\), as it is said not to be batched"),
        (lambda size, batched, x: (x, (True, False)), "does not have the structure of the output"),
    ],
)
def test_a_wrong_batching_rule(rule, message):
    @nb.custom_vmap
    def f(x):
        return x

    f.defvmap(rule)
    with pytest.raises(nb.NablaError, match=message):
        nb.vmap(f)(np.ones(2))


@nb.custom_vjp
def halved(x):
    return 0.5 * x


halved.defvjp(lambda x: (halved(x), None), lambda _, g: (0.5 * g,))


def test_it_is_copied_and_pickled_as_functions_are():
    assert copy.deepcopy({"f": halved})["f"] is halved
    assert pickle.loads(pickle.dumps(halved)) is halved


def test_a_listing_names_the_function():
    assert "rule=halved" in str(nb.make_graph(halved)(1.0))
    assert "custom" not in str(nb.make_graph(nb.grad(halved))(1.0))


def test_what_is_no_python_function_has_no_signature():
    f = nb.custom_jvp(np.sin)
    f.defjvps(lambda dx, out, x: dx * nb.cos(x))
    assert f.name == "sin"
    check_grads(f, (X,))
    g = nb.custom_jvp(functools.partial(plain, y=2.0))
    g.defjvps(lambda dx, out, x, *, y: dx * y * nb.cos(x))
    check_grads(g, (X,))
    check_grads(lambda x: g(x, y=3.0), (X,))


# ---- memory ---------------------------------------------------------------------------------------------------


def test_only_residuals_are_kept_for_the_reverse_sweep():
    kept = []

    def chain(x):
        y = nb.sin(x)
        kept.append(weakref.ref(y._node))
        return nb.exp(y)

    f = nb.custom_vjp(chain)

    def fwd(x):
        out = chain(x)
        return out, out

    f.defvjp(fwd, lambda out, g: (g * out,))
    gc.disable()
    try:
        out, pullback = nb.vjp(f, X)
        out.realize()
        pullback(np.ones(3))
        assert all(ref() is None for ref in kept)
    finally:
        gc.enable()


def test_nothing_is_kept_after_a_call():
    f = with_both()
    gc.collect()
    gc.disable()
    try:
        refs = []

        def loss(x):
            out = f(x, 1.5)
            refs.append(weakref.ref(out._node))
            return out

        nb.grad(loss)(0.4)
        nb.grad(nb.grad(loss))(0.4)
        nb.jvp(loss, (0.4,), (1.0,))
        assert all(ref() is None for ref in refs)
    finally:
        gc.enable()


def test_residuals_that_nobody_wants_are_not_computed(monkeypatch):
    ran = []
    kernel = KERNELS[cosh]
    monkeypatch.setitem(KERNELS, cosh, lambda x: ran.append(1) or kernel(x))
    f = nb.custom_vjp(nb.sinh)
    f.defvjp(lambda x: (nb.sinh(x), nb.cosh(x)), lambda r, g: (g * r,))
    close(nb.vmap(f)(X), np.sinh(X))
    assert not ran
    close(nb.vmap(nb.grad(f))(X), np.cosh(X))
    assert ran


def test_residuals_need_no_derivative_for_the_first_order():
    def outside(x):
        return nb.pure_callback(np.cos, x, x)

    f = nb.custom_vjp(nb.sin)
    f.defvjp(lambda x: (nb.sin(x), outside(x)), lambda cosine, g: (g * cosine,))
    close(nb.grad(f)(0.4), np.cos(0.4))
    close(nb.jvp(f, (0.4,), (1.0,))[1], np.cos(0.4))
    leaf = nb.array(0.5, requires_grad=True)
    close(nb.jvp(lambda x: f(x * leaf), (0.4,), (1.0,))[1].detach(), 0.5 * np.cos(0.2))
    with pytest.raises(nb.NotDifferentiableError, match="the host function cos was differentiated"):
        nb.grad(nb.grad(f))(0.4)
