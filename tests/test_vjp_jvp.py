"""vjp and jvp: values, pullbacks and tangents; every parameter, for what it promises and for what it refuses."""

import gc
import weakref

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose

WEIGHTS = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.5]])


def layer(x, b):
    """From a vector of three and a number to a vector of two."""
    return nb.tanh(nb.matmul(WEIGHTS, x) * b) + b**2


X, B = np.array([0.4, -0.9, 1.3]), 0.7
DX, DB = np.array([0.2, 1.1, -0.6]), -0.4
G = np.array([1.5, -0.8])


# ---- the numbers ----------------------------------------------------------------------------------------------


def test_jvp_is_the_derivative_along_a_direction():
    out, tangent = nb.jvp(layer, (X, B), (DX, DB))
    h = 1e-6
    ahead, behind = layer(X + h * DX, B + h * DB), layer(X - h * DX, B - h * DB)
    close(out, layer(X, B))
    close(tangent, (ahead.numpy() - behind.numpy()) / (2 * h), rtol=1e-8)


def test_vjp_is_the_transpose_of_jvp():
    _, tangent = nb.jvp(layer, (X, B), (DX, DB))
    out, pullback = nb.vjp(layer, X, B)
    gx, gb = pullback(G)
    close(out, layer(X, B))
    close(gx @ DX + gb.item() * DB, G @ tangent.numpy(), rtol=1e-13)


def test_a_pullback_may_be_called_many_times_and_is_linear():
    _, pullback = nb.vjp(layer, X, B)
    first, again = pullback(G), pullback(G)
    assert first[0].tolist() == again[0].tolist()
    close(pullback(3.0 * G)[0], 3.0 * first[0])
    close(pullback(np.array([1.0, 0.0]))[0] + pullback(np.array([0.0, 1.0]))[0], pullback(np.ones(2))[0])


def test_python_numbers_are_weak_as_cotangents_and_tangents():
    x = nb.array(2.0, nb.float32)
    _, pullback = nb.vjp(lambda x: x**2, x)
    for one in (1, 1.0, True, np.float32(1.0), nb.array(1.0, nb.float32)):
        (g,) = pullback(one)
        assert (g.item(), g.dtype) == (4.0, nb.float32)
    for one in (1, 1.0, np.float32(1.0)):
        _, tangent = nb.jvp(lambda x: x**2, (x,), (one,))
        assert (tangent.item(), tangent.dtype) == (4.0, nb.float32)


def test_outputs_and_inputs_may_be_pytrees():
    def f(p, q):
        return {"sum": p["a"] + q[0], "rest": (p["a"] * q[1], None, [q[0] ** 2])}

    p, q = {"a": nb.array([1.0, 2.0])}, (nb.array([3.0, 4.0]), 5.0)
    out, pullback = nb.vjp(f, p, q)
    assert out["rest"][1] is None
    cotangent = {"sum": np.ones(2), "rest": (np.zeros(2), None, [np.ones(2)])}
    gp, (gq, gs) = pullback(cotangent)
    assert gp["a"].tolist() == [1.0, 1.0]
    assert gq.tolist() == [7.0, 9.0]
    assert gs.item() == 0.0
    out, tangent = nb.jvp(f, (p, q), ({"a": np.ones(2)}, (np.zeros(2), 1.0)))
    assert tangent["sum"].tolist() == [1.0, 1.0]
    assert tangent["rest"][0].tolist() == [6.0, 7.0]
    assert tangent["rest"][1] is None
    assert tangent["rest"][2][0].tolist() == [0.0, 0.0]


def test_a_function_that_returns_its_argument_or_a_constant():
    out, pullback = nb.vjp(lambda x: (x, 2.0, np.ones(3)), nb.array([1.0, 2.0]))
    assert out[0].tolist() == [1.0, 2.0]
    assert out[1].item() == 2.0
    assert pullback((np.array([5.0, 6.0]), 1.0, np.ones(3)))[0].tolist() == [5.0, 6.0]
    _, tangent = nb.jvp(lambda x: (x, 2.0, np.ones(3, np.float32)), (nb.ones(2),), (np.array([5.0, 6.0]),))
    assert tangent[0].tolist() == [5.0, 6.0]
    assert tangent[1].item() == 0.0
    assert (tangent[2].shape, tangent[2].dtype) == ((3,), nb.float32)


def test_the_same_node_in_several_outputs():
    _, pullback = nb.vjp(lambda x: (x * 2.0,) * 3, nb.array(1.0))
    assert pullback((1.0, 10.0, 100.0))[0].item() == 222.0


# ---- the arguments of jvp -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [tuple, list])
def test_primals_are_a_tuple_or_a_list(pack):
    out, tangent = nb.jvp(lambda x, y: x * y, pack([3.0, 4.0]), pack([1.0, 0.5]))
    assert (out.item(), tangent.item()) == (12.0, 5.5)
    out, tangent = nb.jvp(lambda x, y: x * y, (3.0, 4.0), [1.0, 0.5])
    assert tangent.item() == 5.5


def test_a_lone_tensor_array_number_or_dict_is_the_single_argument():
    assert nb.jvp(lambda x: x**2, 3.0, 1.0)[1].item() == 6.0
    assert nb.jvp(lambda x: x**2, np.array([3.0]), np.array([1.0]))[1].tolist() == [6.0]
    assert nb.jvp(lambda x: x**2, nb.array([3.0]), nb.array([1.0]))[1].tolist() == [6.0]
    assert nb.jvp(lambda p: p["a"] ** 2, {"a": 3.0}, {"a": 1.0})[1].item() == 6.0


# ---- has_aux --------------------------------------------------------------------------------------------------


def test_aux_comes_last():
    out, pullback, aux = nb.vjp(lambda x: (x * 2.0, {"note": "text", "x": x + 1.0}), nb.array([1.0, 2.0]), has_aux=True)
    assert out.tolist() == [2.0, 4.0]
    assert aux["note"] == "text"
    assert aux["x"].numpy().tolist() == [2.0, 3.0]  # an ordinary value, though the pullback lives
    assert pullback(np.ones(2))[0].tolist() == [2.0, 2.0]
    out, tangent, aux = nb.jvp(lambda x: (x * 2.0, x + 1.0), (nb.array([1.0, 2.0]),), (np.ones(2),), has_aux=True)
    assert aux.numpy().tolist() == [2.0, 3.0]
    out, tangent, aux = nb.jvp(lambda x: (x * 2.0, "text"), (1.0,), (1.0,), True)
    assert (tangent.item(), aux) == (2.0, "text")


@pytest.mark.parametrize("call", [lambda f: nb.vjp(f, 1.0, has_aux=True), lambda f: nb.jvp(f, (1.0,), (1.0,), has_aux=True)])
def test_has_aux_wants_a_pair(call):
    with pytest.raises(nb.ArgumentTypeError, match=r"must return a pair .output, aux.; it returned a tuple of 3"):
        call(lambda x: (x, x, x))
    with pytest.raises(nb.ArgumentTypeError, match="it returned a Tensor"):
        call(lambda x: x)


# ---- integers -------------------------------------------------------------------------------------------------


def test_integer_primals_are_allowed_and_have_float0_cotangents():
    _, pullback = nb.vjp(lambda x, n, i: x[i] * n, nb.array([1.0, 2.0]), 3, np.array([1, 0]))
    gx, gn, gi = pullback(np.array([1.0, 10.0]))
    assert gx.tolist() == [30.0, 3.0]
    assert (gn.dtype, gn.shape) == (nb.float0, ())
    assert (gi.dtype, gi.shape) == (nb.float0, (2,))


@pytest.mark.parametrize("dn", [None, np.zeros((), nb.float0)])
def test_the_tangent_of_an_integer_is_none_or_float0(dn):
    out, tangent = nb.jvp(lambda x, n: x**n, (2.0, 3), (1.0, dn))
    assert (out.item(), tangent.item()) == (8.0, 12.0)
    with pytest.raises(
        nb.DTypeError, match=r"jvp: primals\[1\] has dtype int64; the tangent of an integer or boolean is None or of"
    ):
        nb.jvp(lambda x, n: x**n, (2.0, 3), (1.0, 1.0))


def test_integer_outputs_have_float0_tangents_and_take_float0_cotangents():
    f = lambda x: (x * 2.0, nb.argmax(x), x > 0)
    x = nb.array([1.0, 5.0])
    out, tangent = nb.jvp(f, (x,), (np.ones(2),))
    assert tangent[0].tolist() == [2.0, 2.0]
    assert (tangent[1].dtype, tangent[1].shape) == (nb.float0, ())
    assert (tangent[2].dtype, tangent[2].shape) == (nb.float0, (2,))
    out, pullback = nb.vjp(f, x)
    assert out[1].item() == 1
    assert pullback((np.ones(2), tangent[1], np.zeros(2, nb.float0)))[0].tolist() == [2.0, 2.0]
    with pytest.raises(
        nb.DTypeError, match=r"output\[1\] has dtype int64, so its cotangent, cotangent\[1\], must have dtype float0"
    ):
        pullback((np.ones(2), 1.0, np.zeros(2, nb.float0)))


# ---- NumPy ----------------------------------------------------------------------------------------------------


def test_ndarray_primals_have_ndarray_cotangents():
    _, pullback = nb.vjp(lambda a, b, c: a * b * c, np.ones(2), nb.ones(2), 3.0)
    ga, gb, gc_ = pullback(np.ones(2))
    assert type(ga) is np.ndarray
    assert type(gb) is nb.Tensor
    assert type(gc_) is nb.Tensor
    _, pullback = nb.vjp(lambda x: x**2, np.float64(3.0))
    assert type(pullback(1.0)[0]) is np.float64


def test_under_an_outer_transform_cotangents_are_tensors():
    def f(t):
        _, pullback = nb.vjp(lambda x: x**2 * t, np.array([1.0, 2.0]))
        return pullback(np.ones(2))[0].sum()

    assert nb.grad(f)(3.0).item() == 6.0


# ---- nesting --------------------------------------------------------------------------------------------------


def test_everything_that_vjp_and_jvp_give_can_be_differentiated():
    def by_vjp(x):
        out, pullback = nb.vjp(nb.sin, x)
        return out * pullback(x)[0]  # sin(x) * x * cos(x)

    def by_jvp(x):
        out, tangent = nb.jvp(nb.sin, (x,), (x,))
        return out * tangent

    x = 0.8
    expected = np.sin(x) * np.cos(x) + x * (np.cos(x) ** 2 - np.sin(x) ** 2)
    for f in (by_vjp, by_jvp):
        for mode in ("reverse", "forward"):
            close(nb.grad(f, mode=mode)(x), expected, rtol=1e-14)


def test_a_pullback_from_outside_is_differentiable_in_its_cotangent():
    _, pullback = nb.vjp(lambda x: x**2, nb.array([1.0, 2.0]))
    assert nb.jacrev(lambda g: pullback(g)[0])(np.ones(2)).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert nb.jacfwd(lambda g: pullback(g)[0])(np.ones(2)).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert nb.vmap(lambda g: pullback(g)[0])(np.eye(2)).tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_a_pullback_made_inside_a_transform_used_inside_it():
    def f(x):
        _, first = nb.vjp(lambda y: y**3 * x, x)
        _, second = nb.vjp(lambda y: first(y)[0], x)
        return second(1.0)[0]  # 3 x^3, linear in y

    assert f(nb.array(2.0)).item() == 24.0
    assert nb.grad(f)(2.0).item() == 36.0


@pytest.mark.parametrize("outer", ["reverse", "forward"])
@pytest.mark.parametrize("inner", [lambda y: y**3, nb.exp, lambda y: y * y, lambda y: 5.0 * y])
def test_create_graph_false_cuts_derivatives_only(outer, inner):
    def by_vjp(x):
        out, pullback = nb.vjp(inner, x, create_graph=False)
        return out, pullback(1.0)[0]

    def by_jvp(x):
        return nb.jvp(inner, (x,), (1.0,), create_graph=False)

    expected = nb.grad(inner)(2.0).item()
    for f in (by_vjp, by_jvp):
        assert nb.grad(lambda x: f(x)[0], mode=outer)(2.0).item() == pytest.approx(expected)
        assert nb.grad(lambda x: f(x)[1], mode=outer)(2.0).item() == 0.0
        assert f(nb.array(2.0))[1].item() == pytest.approx(expected)


@pytest.mark.parametrize("outer", ["reverse", "forward"])
@pytest.mark.parametrize("linear", [lambda y: y, lambda y: y * 1.0, lambda y: 5.0 * y])
def test_create_graph_false_cuts_off_directions_that_depend_on_the_outer_variable_too(outer, linear):
    by_vjp = lambda x: nb.vjp(linear, x, create_graph=False)[1](x)[0]
    by_jvp = lambda x: nb.jvp(linear, (x,), (x,), create_graph=False)[1]
    for f in (by_vjp, by_jvp):
        assert nb.grad(f, mode=outer)(2.0).item() == 0.0
        assert nb.jacfwd(f)(nb.array([2.0])).tolist() == [[0.0]]


def test_hessian_vector_products_in_all_four_nestings():
    f = lambda x: (nb.sin(x[:-1]) * x[1:] ** 2).sum() + nb.exp(x[0] * x[2])
    x, v = nb.array([0.3, -0.5, 0.9]), nb.array([1.0, 0.4, -2.0])
    forward_reverse = nb.jvp(nb.grad(f), (x,), (v,))[1]
    reverse_forward = nb.grad(lambda x: nb.jvp(f, (x,), (v,))[1])(x)
    reverse_reverse = nb.vjp(nb.grad(f), x)[1](v)[0]
    forward_forward = nb.jvp(nb.grad(f, mode="forward"), (x,), (v,))[1]
    h = 1e-5
    gradient = nb.grad(f)
    expected = (gradient(x + v * h).numpy() - gradient(x - v * h).numpy()) / (2 * h)
    for found in (forward_reverse, reverse_forward, reverse_reverse, forward_forward):
        close(found, expected, rtol=1e-7)


# ---- a pullback and memory ------------------------------------------------------------------------------------


def test_a_pullback_keeps_its_piece_of_graph_and_lets_it_go():
    gc.disable()
    try:
        kept = []

        def f(x):
            y = nb.exp(x)
            kept.append(weakref.ref(y._node))
            return y * y

        out, pullback = nb.vjp(f, nb.array([1.0, 2.0]))
        assert kept[0]() is not None
        assert pullback(np.ones(2))[0].shape == (2,)
        del pullback
        assert kept[0]() is None
        close(out, np.exp([2.0, 4.0]))
    finally:
        gc.enable()


# ---- what is refused ------------------------------------------------------------------------------------------


def test_vjp_wants_a_function_and_arguments():
    with pytest.raises(nb.ArgumentTypeError, match="vjp takes a function; got Tensor"):
        nb.vjp(nb.ones(2), nb.ones(2))
    with pytest.raises(nb.ArgumentTypeError, match="vjp: give the arguments of the function after it"):
        nb.vjp(nb.sin)
    with pytest.raises(nb.ArgumentTypeError, match="jvp takes a function; got float"):
        nb.jvp(1.0, (1.0,), (1.0,))


@pytest.mark.parametrize("flag", ["has_aux", "create_graph"])
def test_flags_are_booleans(flag):
    with pytest.raises(nb.ArgumentTypeError, match=f"vjp: {flag} must be True or False; got 1"):
        nb.vjp(nb.sin, 1.0, **{flag: 1})
    with pytest.raises(nb.ArgumentTypeError, match=f"jvp: {flag} must be True or False; got None"):
        nb.jvp(nb.sin, (1.0,), (1.0,), **{flag: None})


def test_a_wrong_cotangent_shows_both_and_the_path():
    _, pullback = nb.vjp(lambda x: {"a": x, "b": [x * 2.0, x.sum()]}, nb.ones(2, nb.float32))
    good = {"a": np.ones(2, np.float32), "b": [np.ones(2, np.float32), 1.0]}
    with pytest.raises(nb.TreeError, match=r"cotangent\['b'\] is a tuple of 2, but in the output it is a list of 2"):
        pullback({**good, "b": tuple(good["b"])})
    with pytest.raises(nb.TreeError, match=r"\n  the output: +PyTreeSpec\(\{'a': \*, 'b': .*\n  cotangent: +PyTreeSpec\(\*"):
        pullback(np.ones(2, np.float32))
    with pytest.raises(
        nb.TreeError, match=r"cotangent is a dict with the keys 'a', but in the output it is a dict with the keys 'a', 'b'"
    ):
        pullback({"a": good["a"]})
    with pytest.raises(
        nb.ShapeError, match=r"pullback: cotangent\['b'\]\[0\] has shape \(3,\), but output\['b'\]\[0\] has shape \(2,\)"
    ):
        pullback({**good, "b": [np.ones(3, np.float32), 1.0]})
    with pytest.raises(nb.DTypeError, match=r"cotangent\['a'\] has dtype float64, but output\['a'\] has dtype float32"):
        pullback({**good, "a": np.ones(2)})
    with pytest.raises(nb.DTypeError, match=r"cotangent\['b'\]\[1\] is complex, but output\['b'\]\[1\] has dtype float32"):
        pullback({**good, "b": [good["b"][0], 1j]})
    with pytest.raises(
        nb.ArgumentTypeError, match=r"cotangent\['a'\] is 'ones'; it must be an array like output\['a'\], of shape \(2,\)"
    ):
        pullback({**good, "a": "ones"})
    assert pullback(good)[0].tolist() == [4.0, 4.0]  # and it still works


def test_a_number_for_an_output_with_a_shape_is_not_broadcast():
    _, pullback = nb.vjp(lambda x: x * 2.0, nb.ones(2))
    with pytest.raises(nb.ShapeError, match=r"cotangent has shape \(\), but output has shape \(2,\)"):
        pullback(1.0)


def test_a_pullback_takes_one_cotangent():
    _, pullback = nb.vjp(lambda x: (x, 2.0 * x), 1.0)
    for wrong in ((), (1.0, 2.0)):
        with pytest.raises(
            nb.ArgumentTypeError, match=rf"pullback: takes one cotangent, with the structure of the output; got {len(wrong)}"
        ):
            pullback(*wrong)
    assert pullback((1.0, 2.0))[0].item() == 5.0


def test_mismatched_tangents_show_both_and_the_path():
    f = lambda p, y: p["a"].sum() * y
    p = {"a": nb.ones(2, nb.float32)}
    with pytest.raises(nb.TreeError, match="jvp: 2 primals but 1 tangents; give one tangent per primal"):
        nb.jvp(f, (p, 1.0), (p,))
    with pytest.raises(
        nb.TreeError, match=r"tangents\[0\] is a dict with the keys 'b', but in primals\[0\] it is a dict with the keys 'a'"
    ):
        nb.jvp(f, (p, 1.0), ({"b": np.ones(2)}, 1.0))
    with pytest.raises(nb.TreeError, match=r"tangents\[0\]\['a'\] is a list of 2, but in primals\[0\] it is a leaf"):
        nb.jvp(f, (p, 1.0), ({"a": [1.0, 1.0]}, 1.0))
    with pytest.raises(
        nb.ShapeError, match=r"jvp: tangents\[0\]\['a'\] has shape \(3,\), but primals\[0\]\['a'\] has shape \(2,\)"
    ):
        nb.jvp(f, (p, 1.0), ({"a": np.ones(3, np.float32)}, 1.0))
    with pytest.raises(nb.DTypeError, match=r"tangents\[0\]\['a'\] has dtype float64, but primals\[0\]\['a'\] has dtype float32"):
        nb.jvp(f, (p, 1.0), ({"a": np.ones(2)}, 1.0))
    with pytest.raises(nb.ArgumentTypeError, match=r"tangents\[1\] is None; it must be an array like primals\[1\], of shape \(\)"):
        nb.jvp(f, (p, 1.0), (p, None))
    with pytest.raises(nb.TreeError, match="jvp: 1 primals but 2 tangents"):
        nb.jvp(nb.sin, nb.ones(2), (1.0, 1.0))
    assert nb.jvp(f, (p, 1.0), (p, 0.0))[1].item() == 2.0
