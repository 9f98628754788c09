"""Functions with rules of the user's own, and functions outside, in compiled programs: all compositions, on each engine."""

import numpy as np
import pytest

import nabla as nb

ENGINES = ["numpy", "xla"]
close = np.testing.assert_allclose


def plain(x, y):
    return nb.sin(x) * y


def with_vjp():
    f = nb.custom_vjp(plain)
    f.defvjp(lambda x, y: (f(x, y), (nb.cos(x), nb.sin(x), y)), lambda r, g: (g * r[0] * r[2], g * r[1]))
    return f


def with_jvp():
    f = nb.custom_jvp(plain)
    f.defjvp(lambda xs, dxs: (f(*xs), nb.cos(xs[0]) * xs[1] * dxs[0] + nb.sin(xs[0]) * dxs[1]))
    return f


def with_vmap():
    f = nb.custom_vmap(plain)
    f.defvmap(lambda size, batched, x, y: (nb.sin(x) * y, True))
    return f


def outside():
    def vjp(g, out, x, y):
        return g * np.cos(x) * y, g * np.sin(x)

    def jvp(tangents, out, x, y):
        return tangents[0] * np.cos(x) * y + np.sin(x) * tangents[1]

    return lambda x, y: nb.pure_callback(lambda x, y: np.sin(x) * y, nb.ShapeDtype(x.shape, "float64"), x, y, vjp=vjp, jvp=jvp)


def over_lanes(f):
    return lambda x, y: nb.vmap(f, (0, None))(nb.stack([x, 2.0 * x]), y)


def total(f):
    return lambda x, y: f(x, y).sum()


def along(f):
    return lambda x, y: nb.jvp(f, (x, y), (1.0, 0.5))


FIRST = {
    "jit": lambda f, jit: jit(f),
    "grad of jit": lambda f, jit: nb.grad(jit(f), (0, 1)),
    "jit of grad": lambda f, jit: jit(nb.grad(f, (0, 1))),
    "jvp of jit": lambda f, jit: along(jit(f)),
    "jit of jvp": lambda f, jit: jit(along(f)),
    "grad of jit of jit": lambda f, jit: nb.grad(jit(jit(f))),
    "linearize of jit": lambda f, jit: lambda x, y: nb.linearize(jit(f), x, y)[1](1.0, 0.5),
    "vmap of jit": lambda f, jit: over_lanes(jit(f)),
    "jit of vmap": lambda f, jit: jit(over_lanes(f)),
    "vmap of grad of jit": lambda f, jit: over_lanes(nb.grad(jit(f), (0, 1))),
    "grad of vmap of jit": lambda f, jit: nb.grad(total(over_lanes(jit(f))), (0, 1)),
    "grad of jit of vmap": lambda f, jit: nb.grad(jit(total(over_lanes(f))), (0, 1)),
    "jit of grad of vmap": lambda f, jit: jit(nb.grad(total(over_lanes(f)), (0, 1))),
}
SECOND = {
    "grad of grad of jit": lambda f, jit: nb.grad(nb.grad(jit(f))),
    "grad of jit of grad": lambda f, jit: nb.grad(jit(nb.grad(f))),
    "jit of grad of grad": lambda f, jit: jit(nb.grad(nb.grad(f))),
    "jvp of grad of jit": lambda f, jit: along(nb.grad(jit(f))),
    "jvp of jit of grad": lambda f, jit: along(jit(nb.grad(f))),
    "grad of jvp of jit": lambda f, jit: nb.grad(lambda x, y: along(jit(f))(x, y)[1]),
    "jvp of jvp of jit": lambda f, jit: along(lambda x, y: along(jit(f))(x, y)[1]),
    "hessian of jit": lambda f, jit: nb.hessian(jit(f)),
}
CASES = [("numpy", make, name) for make in (with_vjp, with_jvp, with_vmap) for name in {**FIRST, **SECOND}]
CASES += [("numpy", outside, name) for name in FIRST]
ON_XLA = ["jit", "jit of grad", "jvp of jit", "vmap of grad of jit", "grad of jit of vmap"]  # it compiles for long
CASES += [("xla", make, name) for make in (with_vjp, outside) for name in ON_XLA] + [("xla", with_jvp, "jvp of grad of jit")]


@pytest.mark.parametrize(
    ("engine", "make", "name"), CASES, ids=[f"{engine} {make.__name__} {name}" for engine, make, name in CASES]
)
def test_compositions(engine, make, name):
    transform = {**FIRST, **SECOND}[name]
    x, y = nb.array(0.4), nb.array(1.5)
    found = transform(make(), lambda f: nb.jit(f, engine=engine))(x, y)
    expected = transform(plain, lambda f: f)(x, y)
    for a, b in zip(nb.tree.leaves(found), nb.tree.leaves(expected), strict=True):
        close(a, b, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_mode_uses_its_own_rule(engine):
    f = nb.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda _, g: (10.0 * g,))
    f.defjvp(lambda xs, dxs: (f(*xs), 100.0 * dxs[0]))
    compiled = nb.jit(lambda x: f(x) + 0.0, engine=engine)
    assert nb.grad(compiled)(1.0).item() == 10.0 and nb.jvp(compiled, (1.0,), (1.0,))[1].item() == 100.0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_rules_close_over_is_never_frozen(engine):
    weights = nb.array([1.0, 2.0])
    factor = [1.0]
    f = nb.custom_vjp(lambda x: x * weights)
    f.defvjp(lambda x: (x * weights, None), lambda _, g: (g * weights * factor[0],))
    compiled = nb.jit(lambda x: f(x).sum(), engine=engine)
    assert nb.grad(compiled)(np.ones(2)).tolist() == [1.0, 2.0]
    weights += 1.0
    assert nb.grad(compiled)(np.ones(2)).tolist() == [2.0, 3.0]
    factor[0] = 2.0
    assert nb.grad(compiled)(np.ones(2)).tolist() == [4.0, 6.0]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_closed_over_and_differentiated_is_an_error(engine):
    weights = nb.array([1.0, 2.0], requires_grad=True)
    f = nb.custom_vjp(lambda x: x * nb.detach(weights))
    f.defvjp(lambda x: (x * nb.detach(weights), None), lambda _, g: (g * weights,))
    compiled = nb.jit(lambda x: f(x).sum(), engine=engine)
    with pytest.raises(nb.ArgumentError, match="the reverse rule closes over weights"):
        nb.grad(compiled)(np.ones(2))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_outside_that_raises(engine):
    class Trouble(Exception):
        pass

    broken = [True]

    def simulate(x):
        if broken[0]:
            raise Trouble("in the simulator")
        return 2.0 * x

    def call(x):
        return nb.pure_callback(simulate, nb.ShapeDtype((), "float64"), x, finite_differences=True)

    compiled = nb.jit(lambda x: call(call(x) + 1.0), engine=engine)
    for f, x in [(compiled, 1.0), (nb.grad(compiled), 1.0), (nb.vmap(compiled), np.ones(2))]:
        broken[0] = True
        with pytest.raises(Trouble, match="in the simulator"):
            f(x)
        broken[0] = False
        assert f(x).shape == np.shape(x)
    assert compiled(1.0).item() == 6.0 and round(nb.grad(compiled)(1.0).item(), 6) == 4.0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_function_outside_returns_is_checked_at_each_call(engine):
    sizes = iter([3, 2, 3])
    compiled = nb.jit(lambda x: nb.pure_callback(lambda x: x[: next(sizes)], nb.ShapeDtype(3, "float64"), x), engine=engine)
    assert compiled(np.ones(3)).shape == (3,)
    with pytest.raises(nb.ShapeError, match=r"returned shape \(2,\) for result, declared is \(3,\)"):
        compiled(np.ones(3))
    assert compiled(np.ones(3)).shape == (3,)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_nobody_reads_is_not_called(engine):
    calls = []

    def count(x):
        calls.append(1)
        return x

    compiled = nb.jit(lambda x: (nb.pure_callback(count, x, x), x + 1.0)[1], engine=engine)
    assert compiled(nb.array(1.0)).item() == 2.0 and not calls
