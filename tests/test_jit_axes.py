"""A jitted function under a vmap with a named axis: a compiled program like elsewhere, whose collectives go over the lanes."""

import numpy as np
import pytest

import nabla as nb

X = np.array([[0.1, 0.2, 0.3], [0.4, -0.5, 0.6]])
W = np.array([1.0, -2.0, 0.5])

BODIES = {
    "psum": lambda x: nb.sin(x) * nb.psum(x * x, "i"),
    "pmean": lambda x: x - nb.pmean(x, "i"),
    "pmax": lambda x: nb.exp(x) * nb.pmax(x, "i"),
    "axis_index": lambda x: x * nb.axis_index("i"),
    "axis_size": lambda x: x / nb.axis_size("i") + nb.psum(1, "i"),
    "all_gather": lambda x: nb.all_gather(x, "i").sum(0) * x,
    "ppermute": lambda x: x * nb.ppermute(x, "i", [(0, 1), (1, 0)]),
    "scan": lambda x: nb.scan(lambda c, _: (nb.psum(nb.sin(c), "i"), None), x, length=2)[0],
    "gathering scan": lambda x: nb.scan(lambda c, _: (nb.all_gather(nb.sin(c), "i").sum(0), None), x, length=2)[0],
    "unnamed": lambda x: nb.tanh(x).sum(),
}


def along(f):
    return nb.vmap(f, axis_name="i")


def total(f):
    return lambda x: along(f)(x).sum()


MODES = {
    "value": along,
    "reverse outside": lambda f: nb.grad(total(f)),
    "reverse inside": lambda f: along(nb.grad(lambda x: f(x).sum())),
    "forward": lambda f: nb.jacfwd(total(f)),
    "second": lambda f: nb.hessian(total(f)),
}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_it_is_the_function(body, mode):
    jitted = nb.jit(body, engine="numpy")
    for x in (X, 2.0 * X):
        assert np.allclose(mode(jitted)(x), mode(body)(x), rtol=1e-12, atol=1e-14)
    assert jitted.compilations == 1


@pytest.mark.parametrize("engine", ["native", "xla"])
def test_on_other_engines(engine):
    body = lambda x: BODIES["psum"](x) + BODIES["axis_index"](x) + BODIES["all_gather"](x)
    jitted = nb.jit(body, engine=engine)
    assert np.allclose(along(jitted)(X), along(body)(X), rtol=1e-12)
    assert np.allclose(nb.grad(total(jitted))(X), nb.grad(total(body))(X), rtol=1e-12)


def test_lanes_of_another_number_are_another_program():
    f = nb.jit(BODIES["axis_size"])
    g = nb.vmap(f, axis_name="i")
    assert g(np.ones(2)).tolist() == [2.5, 2.5] and g(np.ones(4)).tolist() == [4.25] * 4 and g(np.ones(2)).tolist() == [2.5, 2.5]
    assert f.compilations == 2


def test_without_the_axis():
    f = nb.jit(BODIES["psum"])
    nb.vmap(f, axis_name="i")(X)
    for call in (f, nb.vmap(f), nb.vmap(f, axis_name="j")):
        with pytest.raises(nb.AxisError, match="no enclosing vmap has an axis named 'i'"):
            call(X)


def test_two_axes():
    f = nb.jit(lambda x: nb.psum(x, "i") * nb.pmean(x * x, ("i", "j")))
    plain = lambda x: nb.psum(x, "i") * nb.pmean(x * x, ("i", "j"))
    both = lambda f: nb.vmap(nb.vmap(f, axis_name="i"), axis_name="j")
    assert np.allclose(both(f)(X), both(plain)(X), rtol=1e-14)
    assert np.allclose(nb.grad(lambda x: both(f)(x).sum())(X), nb.grad(lambda x: both(plain)(x).sum())(X), rtol=1e-14)


def test_what_all_lanes_share():
    f = nb.jit(lambda w, x: (w * x).sum())
    loss = lambda w, x: f(w, x) ** 2
    for reduce_axes in ((), ("i",)):
        gradient = nb.vmap(nb.grad(loss, reduce_axes=reduce_axes), in_axes=(None, 0), axis_name="i")(W, X)
        each = 2.0 * (X @ W)[:, None] * X
        assert np.allclose(gradient, each.sum(0) if reduce_axes else each, rtol=1e-14)
    inside = nb.jit(nb.grad(lambda w, x: (w * x).sum() ** 2, reduce_axes=("i",)))
    for _ in range(2):
        assert np.allclose(nb.vmap(inside, in_axes=(None, 0), axis_name="i")(W, X), each.sum(0), rtol=1e-14)


def test_a_sum_inside_is_known_to_be_the_same_for_all_lanes():
    """Else the gradient would be summed twice."""
    f = nb.jit(lambda x: nb.psum(x, "i").sum())
    gradient = nb.vmap(nb.grad(lambda w, x: w * f(x), reduce_axes=("i",)), in_axes=(None, 0), axis_name="i")(2.0, X)
    assert np.allclose(gradient, X.sum(), rtol=1e-14)


def test_tensors_around_that_are_lanes():
    def lane(x):
        return nb.jit(lambda y: nb.psum(x * y, "i"))(x)

    assert np.allclose(nb.vmap(lane, axis_name="i")(X), np.broadcast_to((X * X).sum(0), X.shape), rtol=1e-14)


def test_jit_around_both():
    f = nb.jit(BODIES["psum"])
    assert np.allclose(nb.jit(nb.vmap(f, axis_name="i"))(X), nb.vmap(BODIES["psum"], axis_name="i")(X), rtol=1e-14)
