"""Collectives in the rules of custom functions: they sum over the lanes of the call, whichever transform asks for the rule."""

import numpy as np
import pytest

import nabla as nb

X = np.array([0.1, 0.2, 0.3])
XX = np.stack([X, 2.0 * X])


@nb.custom_vjp
def averaged(x):
    """sin, whose gradient is averaged over the lanes."""
    return nb.sin(x)


averaged.defvjp(lambda x: (nb.sin(x), x), lambda x, g: (nb.pmean(g * nb.cos(x), "i"),))


@nb.custom_jvp
def summed(x):
    """sin, whose tangent is summed over the lanes, and counts them."""
    return nb.sin(x)


summed.defjvp(lambda p, t: (nb.sin(p[0]), nb.psum(t[0] * nb.cos(p[0]), "i") + 0.0 * nb.axis_index("i") * t[0]))


def total(f, **options):
    return lambda x: nb.vmap(f, axis_name="i", **options)(x).sum()


@pytest.mark.parametrize("wrap", [lambda f: f, nb.jit], ids=["eager", "jit"])
def test_gradients_inside_and_outside(wrap):
    mean = np.full(3, np.cos(X).mean())
    assert np.allclose(wrap(nb.vmap(nb.grad(averaged), axis_name="i"))(X), mean, rtol=1e-14)
    assert np.allclose(wrap(nb.grad(total(averaged)))(X), mean, rtol=1e-14)
    assert np.allclose(wrap(nb.vmap(nb.grad(summed), axis_name="i"))(X), np.cos(X) * 3.0, rtol=1e-14)
    assert np.allclose(wrap(nb.grad(total(summed)))(X), np.cos(X) * 3.0, rtol=1e-14)


@pytest.mark.parametrize("wrap", [lambda f: f, nb.jit], ids=["eager", "jit"])
def test_tangents(wrap):
    t = np.array([1.0, -2.0, 0.5])
    wanted = np.full(3, (t * np.cos(X)).sum())
    found = wrap(lambda x, t: nb.jvp(nb.vmap(summed, axis_name="i"), (x,), (t,))[1])(X, t)
    assert np.allclose(found, wanted, rtol=1e-14)
    found = wrap(nb.vmap(lambda x, t: nb.jvp(summed, (x,), (t,))[1], axis_name="i"))(X, t)
    assert np.allclose(found, wanted, rtol=1e-14)
    found = wrap(lambda x, t: nb.jvp(nb.vmap(averaged, axis_name="i"), (x,), (t,))[1])(X, t)
    assert np.allclose(found, np.cos(X) * t.mean(), rtol=1e-14)  # the transpose of the reverse rule


def test_other_lanes_around_and_inside():
    along_rows = np.cos(XX).mean(axis=1, keepdims=True) * np.ones((1, 3))
    along_columns = np.cos(XX).mean(axis=0, keepdims=True) * np.ones((2, 1))
    inner = lambda x: nb.vmap(nb.vmap(averaged, axis_name="i"))(x).sum()
    outer = lambda x: nb.vmap(nb.vmap(averaged), axis_name="i")(x).sum()
    assert np.allclose(nb.grad(inner)(XX), along_rows, rtol=1e-14)
    assert np.allclose(nb.grad(outer)(XX), along_columns, rtol=1e-14)
    assert np.allclose(nb.vmap(nb.grad(total(averaged)))(XX), along_rows, rtol=1e-14)


def test_one_name_twice():
    """The inner axis hides the outer one."""
    f = lambda x: nb.vmap(nb.vmap(averaged, axis_name="i"), axis_name="i")(x).sum()
    assert np.allclose(nb.grad(f)(XX), np.cos(XX).mean(axis=1, keepdims=True) * np.ones((1, 3)), rtol=1e-14)


def test_second_order():
    f = lambda x: (nb.grad(total(averaged))(x) ** 2).sum()
    mean = np.cos(X).mean()
    assert np.allclose(nb.grad(f)(X), 3.0 * 2.0 * mean * -np.sin(X) / 3.0, rtol=1e-13)


def test_in_loops_and_branches():
    def steps(x):
        return nb.scan(lambda c, _: (averaged(c), None), x, length=2)[0]

    s = np.sin(X)
    wanted = np.full(3, (np.cos(s).mean() * np.cos(X)).mean())
    assert np.allclose(nb.grad(total(steps))(X), wanted, rtol=1e-14)
    assert np.allclose(nb.vmap(nb.grad(steps), axis_name="i")(X), wanted, rtol=1e-14)
    assert np.allclose(nb.jit(nb.grad(total(steps)))(X), wanted, rtol=1e-14)
    branch = lambda x: nb.cond(True, averaged, lambda x: x, x)
    assert np.allclose(nb.grad(total(branch))(X), np.cos(X).mean(), rtol=1e-14)


def test_an_argument_that_no_lane_has_of_its_own():
    @nb.custom_vjp
    def scaled(w, x):
        return w * x

    scaled.defvjp(lambda w, x: (w * x, (w, x)), lambda kept, g: (nb.pmean(g * kept[1], "i"), g * kept[0]))
    f = lambda w, x: nb.vmap(scaled, in_axes=(None, 0), axis_name="i")(w, x).sum()
    assert nb.grad(f)(2.0, X).item() == pytest.approx(3.0 * X.mean())  # each lane's share is the mean, and shares are summed


def test_an_axis_that_is_not_there():
    with pytest.raises(nb.AxisError, match="pmean: no enclosing vmap has an axis named 'i'"):
        nb.grad(lambda x: nb.vmap(averaged)(x).sum())(X)


def test_results_that_are_the_same_for_all_lanes_stay_so():
    f = nb.vmap(lambda x, y: (averaged(x), y), in_axes=(None, 0), out_axes=(None, 0), axis_name="i")
    value, _ = f(0.5, X)
    assert value.item() == pytest.approx(np.sin(0.5))
