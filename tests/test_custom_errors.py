"""What functions with rules of the user's own refuse: wrong rules, rules that are not linear, values closed over; exceptions."""

from functools import partial

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose
X = np.array([0.4, -0.9, 1.3])


def plain(x, y):
    return nb.sin(x) * y


def test_a_function_without_rules():
    @nb.custom_vjp
    def f(x):
        return x

    with pytest.raises(nb.ArgumentError, match=r"f has no rule yet. Give it one: f.defvjp\(fwd, bwd\), f.defjvp\(rule\) or"):
        f(1.0)


def test_a_second_rule_for_the_same():
    @nb.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(plain, plain)
    f.defjvp(plain)
    f.defvmap(plain)
    for give, rules in [(f.defvjp, 2), (f.defjvp, 1), (f.defjvps, 2), (f.defvmap, 1)]:
        with pytest.raises(nb.ArgumentError, match=r"f has a \w+ rule already"):
            give(*[plain] * rules)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda g: g, "must return a tuple with the cotangent of each argument .x, p.; it returned a Tensor"),
        (lambda g: (g,), "must return a tuple with the cotangent of each argument .x, p.; it returned a tuple of 1"),
        (lambda g: (g, g), "the cotangent of p does not have the structure of p: cotangent is a leaf, but in p it is a dict"),
        (lambda g: (g, {"a": g}), "but in p it is a dict with the keys 'a', 'b'"),
        (lambda g: (nb.ones(2), None), r"cotangent of x has shape \(2,\), but x has shape \(\)"),
        (lambda g: (g.astype("float32"), None), "cotangent of x has dtype float32, but x has dtype float64"),
        (lambda g: (None, {"a": g, "b": 1j * g}), r"cotangent of p\['b'\] has dtype complex128, but p\['b'\] has dtype float64"),
        (lambda g: ("x", None), "cotangent of x is 'x'; it must be an array like x"),
    ],
)
def test_wrong_cotangents(result, message):
    @nb.custom_vjp
    def f(x, p):
        return x * p["a"] * p["b"]

    f.defvjp(lambda x, p: (f(x, p), None), lambda _, g: result(g))
    with pytest.raises(nb.NablaError, match=message):
        nb.grad(f)(nb.array(1.0), {"a": nb.array(2.0), "b": nb.array(3.0)})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda xs, dxs: dxs[0], "must return a pair .output, tangent of the output.; it returned a Tensor"),
        (lambda xs, dxs: (xs[0], dxs[0]), "the output does not have the structure of that of f: output is a leaf"),
        (lambda xs, dxs: ((xs[0], xs[0]), dxs[0]), "the tangent does not have the structure of the output"),
        (lambda xs, dxs: ((xs[0], xs[0]), (dxs[0], nb.ones(2))), r"tangent\[1\] has shape \(2,\), but output\[1\] has shape \(\)"),
        (lambda xs, dxs: ((xs[0], xs[0]), (dxs[0].astype("float32"), None)), r"tangent\[0\] has dtype float32, but output\[0\]"),
    ],
)
def test_wrong_tangents(rule, message):
    @nb.custom_jvp
    def f(x):
        return x, x

    f.defjvp(rule)
    with pytest.raises(nb.NablaError, match=message):
        nb.jvp(f, (nb.array(1.0),), (1.0,))


def test_a_forward_function_that_returns_no_pair():
    @nb.custom_vjp
    def f(x):
        return x

    f.defvjp(lambda x: x, lambda r, g: (g,))
    with pytest.raises(nb.ArgumentTypeError, match=r"f: fwd must return a pair \(output, residuals\); it returned a Tensor"):
        nb.grad(f)(1.0)


def test_rules_for_the_wrong_number_of_arguments():
    f = nb.custom_jvp(plain)
    f.defjvps(lambda dx, out, x: dx)
    with pytest.raises(nb.ArgumentError, match=r"defjvps was given 1 rules for 2 arguments \(x, y\)"):
        nb.grad(f)(1.0, 2.0)


@pytest.mark.parametrize(
    ("bwd", "message"),
    [
        (lambda _, g: (g * g,), "multiply multiplies it by itself"),
        (lambda _, g: (nb.clip(g, -1.0, 1.0),), "the reverse rule of f is not linear in its cotangents"),
        (lambda _, g: (g + 1.0,), "add joins it with something that is constant, and not zero"),
        (lambda _, g: (nb.asarray(1.0),), "a part of it is constant, and not zero"),
        (lambda _, g: (nb.where(g > 0.0, g, 0.0),), "greater of it"),
        (lambda _, g: (1.0 / g,), "divide divides by it"),
        (lambda _, g: (nb.linalg.det(g * nb.eye(2)),), "det of it"),
    ],
)
def test_a_reverse_rule_that_is_not_linear_has_no_forward_mode(bwd, message):
    @nb.custom_vjp
    def f(x):
        return x

    f.defvjp(lambda x: (x, None), bwd)
    nb.grad(f)(1.0)
    with pytest.raises(nb.NotDifferentiableError, match=message):
        nb.jvp(f, (nb.array(1.0),), (1.0,))


def test_a_forward_rule_that_is_not_linear_has_no_reverse_mode():
    f = nb.custom_jvp(lambda x: x)
    f.defjvp(lambda xs, dxs: (xs[0], nb.abs(dxs[0])))
    assert nb.jvp(f, (1.0,), (-1.0,))[1].item() == 1.0
    with pytest.raises(nb.NotDifferentiableError, match=r"the forward rule of .* is not linear in its tangents"):
        nb.grad(f)(1.0)


def test_a_linear_rule_may_be_written_in_many_ways():
    matrix = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0]])
    f = nb.custom_vjp(lambda x: x)

    def bwd(x, g):
        solved = nb.linalg.solve(matrix, g)
        joined = nb.concat([g[:1] / 2.0, nb.zeros(2)])
        chosen = nb.where(nb.asarray(x) > 0.0, g, -g)
        written = nb.zeros(3)
        written[1] = g[0]
        return (solved + joined - chosen + nb.real(nb.fft.ifft(nb.fft.fft(g) * 2.0)) + written + nb.cumsum(g) + 0.0 * x,)

    f.defvjp(lambda x: (x, nb.detach(x)), bwd)
    _, pullback = nb.vjp(f, X)
    rows = np.stack([pullback(row)[0] for row in np.eye(3)])
    close(nb.jacfwd(f)(X), rows, atol=1e-14)


def test_what_is_closed_over_and_differentiated_is_an_error():
    def loss(w):
        @nb.custom_vjp
        def f(x):
            return w * x

        f.defvjp(lambda x: (w * x, x), lambda x, g: (g * w,))
        return f(nb.asarray(2.0)) if w < 5 else f(w)

    with pytest.raises(nb.ArgumentError, match=r"it closes over w \(float64 of shape \(\)\) that is being .* \(grad\)"):
        nb.grad(loss)(3.0)
    assert nb.grad(loss)(6.0).item() == 6.0  # what an argument hangs on, too, is the user's own business

    scale = nb.array([1.0, 2.0], requires_grad=True)
    for fwd, bwd, which in [
        (lambda x: (x * scale, None), lambda _, g: (g,), "fwd"),
        (lambda x: (x, scale), lambda scale, g: (g,), "fwd"),
        (lambda x: (x, None), lambda _, g: (g * scale,), "the reverse rule"),
    ]:
        f = nb.custom_vjp(lambda x: x)
        f.defvjp(fwd, bwd)
        with pytest.raises(nb.ArgumentError, match=rf"{which} closes over scale \(float64 of shape \(2,\)\) that"):
            nb.grad(lambda x: f(x).sum())(np.ones(2))
    g = nb.custom_jvp(lambda x: x)
    g.defjvp(lambda xs, dxs: (g(*xs), dxs[0] * scale))
    with pytest.raises(nb.ArgumentError, match=r"the forward rule closes over scale .*Make it an argument"):
        nb.jvp(g, (np.ones(2),), (np.ones(2),))


def test_what_is_closed_over_and_constant_is_not():
    scale = nb.array([1.0, 2.0], requires_grad=True)
    f = nb.custom_vjp(lambda x: x * nb.detach(scale))
    f.defvjp(lambda x: (f(x), None), lambda _, g: (g * scale.detach(),))
    assert nb.grad(lambda x: f(x).sum())(np.ones(2)).tolist() == [1.0, 2.0]


def test_a_batched_value_closed_over():
    def loss(x, a):
        f = nb.custom_vjp(lambda x: a * x)
        f.defvjp(lambda x: (a * x, a), lambda a, g: (g * a,))
        return f(x)

    scales = np.array([2.0, 3.0])
    assert nb.vmap(nb.grad(loss), (None, 0))(1.0, scales).tolist() == [2.0, 3.0]
    assert nb.grad(lambda x: nb.vmap(loss, (None, 0))(x, scales).sum())(1.0).item() == 5.0

    def leaking(x, a):
        f = nb.custom_vjp(lambda x: a * x)
        f.defvjp(lambda x: (a * x, None), lambda _, g: (g * a,))
        return f(x)

    with pytest.raises(nb.EndedTransformError):
        nb.grad(lambda x: nb.vmap(leaking, (None, 0))(x, scales).sum())(1.0)


@pytest.mark.parametrize("where", ["f", "fwd", "bwd", "rule"])
def test_an_exception_leaves_everything_as_it_was(where):
    broken = [True]

    def stumbles(name):
        if broken[0] and name == where:
            raise RuntimeError(f"{name} broke")

    f = nb.custom_vjp(lambda x: stumbles("f") or x * x)
    f.defvjp(lambda x: stumbles("fwd") or (x * x, x), lambda x, g: stumbles("bwd") or (2.0 * x * g,))
    f.defjvp(lambda xs, dxs: stumbles("rule") or (f(*xs), 2.0 * xs[0] * dxs[0]))

    def everything():
        return [f(3.0).item(), nb.grad(f)(3.0).item(), nb.jvp(f, (3.0,), (1.0,))[1].item()]

    with pytest.raises(RuntimeError, match=f"{where} broke"):
        everything()
    broken[0] = False
    assert everything() == [9.0, 6.0, 6.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nb.custom_vjp(3.0), "custom_vjp takes a function; got float"),
        (lambda: nb.custom_vjp(plain).defvjp(plain, None), "defvjp takes a function; got NoneType"),
        (lambda: nb.custom_vjp(plain).defvjp(plain, plain, symbolic_zeros=1), "symbolic_zeros must be True or False"),
        (lambda: nb.custom_jvp(plain).defjvp(3), "defjvp takes a function; got int"),
        (lambda: nb.custom_jvp(plain).defjvps(3), "defjvps takes a function; got int"),
        (lambda: nb.custom_vmap(plain).defvmap(None), "defvmap takes a function; got NoneType"),
        (lambda: nb.custom_vjp(plain, nondiff_argnums="x"), "nondiff_argnums must be an int or a tuple of ints"),
        (lambda: nb.custom_vjp(plain, nondiff_argnames="z"), "nondiff_argnames names 'z'; the positional parameters are x, y"),
        (lambda: nb.custom_vjp(plain, nondiff_argnums=0, nondiff_argnames=("x",)), "an argument is named twice"),
    ],
)
def test_wrong_definitions(make, message):
    with pytest.raises(nb.NablaError, match=message):
        make()


def test_it_looks_like_the_function():
    @nb.custom_vjp
    def square(x):
        "x times x."
        return x * x

    assert square.__name__ == "square" and square.__doc__ == "x times x." and repr(square) == "<custom function square>"


def test_an_argument_that_is_not_differentiated_has_no_cotangent():
    @partial(nb.custom_vjp, nondiff_argnums=1)
    def f(x, n):
        return x * n

    f.defvjp(lambda x, n: (x * n, None), lambda n, _, g: (g * n, g))
    with pytest.raises(nb.ArgumentTypeError, match=r"the cotangent of each argument .x.; it returned a tuple of 2"):
        nb.grad(lambda x: f(x, nb.ones(2)).sum())(nb.ones(2))
