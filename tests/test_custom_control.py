"""Functions with rules of the user's own, and functions outside, in loops, branches and checkpoints."""

import numpy as np
import pytest
from test_custom_compiled import outside, plain, with_jvp, with_vjp, with_vmap

import nabla as nb

close = np.testing.assert_allclose


def outside_and_a_rule():
    """A function outside, with a rule that can be differentiated."""

    def host(x, y):
        return np.sin(x) * y

    f = nb.custom_vjp(lambda x, y: nb.pure_callback(host, nb.ShapeDtype(x.shape, "float64"), x, y))
    f.defvjp(lambda x, y: (f(x, y), (nb.cos(x), nb.sin(x), y)), lambda r, g: (g * r[0] * r[2], g * r[1]))
    return f


def scanned(f):
    def loop(x, y):
        last, rows = nb.scan(lambda c, a: (f(c, y) * a + 0.3, c * y), x, np.array([1.0, 2.0, 0.5]))
        return last + rows.sum()

    return loop


HOLDERS = {
    "scan": scanned,
    "scan over what is closed over": lambda f: lambda x, y: nb.scan(lambda c, a: (f(c, x) * a, None), y, np.array([1.0, 2.0]))[0],
    "fori_loop": lambda f: lambda x, y: nb.fori_loop(0, 3, lambda i, c: f(c, y) + 0.1, x),
    "while_loop": lambda f: lambda x, y: nb.while_loop(lambda c: c[1] < 3, lambda c: (f(c[0], y) + 0.1, c[1] + 1), (x, 0))[0],
    "cond": lambda f: lambda x, y: nb.cond(x > 0, lambda x: f(x, y), lambda x: x * y, x) + f(x, y),
    "checkpoint": lambda f: nb.checkpoint(lambda x, y: f(f(x, y), y)),
}
FIRST = {
    "value": lambda h: h,
    "grad": lambda h: nb.grad(h, (0, 1)),
    "jvp": lambda h: lambda x, y: nb.jvp(h, (x, y), (1.0, 0.5)),
    "vmap of grad": lambda h: lambda x, y: nb.vmap(nb.grad(h, (0, 1)), (0, None))(nb.stack([x, 2.0 * x]), y),
    "grad of vmap": lambda h: nb.grad(lambda x, y: nb.vmap(h, (0, None))(nb.stack([x, 2.0 * x]), y).sum(), (0, 1)),
    "grad of jit": lambda h: nb.grad(nb.jit(h, engine="numpy"), (0, 1)),
}
SECOND = {
    "grad of grad": lambda h: nb.grad(nb.grad(h)),
    "jvp of grad": lambda h: lambda x, y: nb.jvp(nb.grad(h), (x, y), (1.0, 0.5)),
    "grad of jvp": lambda h: nb.grad(lambda x, y: nb.jvp(h, (x, y), (1.0, 0.5))[1]),
}
CASES = [(make, name) for make in (with_vjp, with_jvp) for name in {**FIRST, **SECOND}]
CASES += [(with_vmap, name) for name in ("vmap of grad", "grad of vmap")]
CASES += [(outside_and_a_rule, name) for name in ("grad", "jvp of grad")]
CASES += [(outside, name) for name in FIRST]


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize(("make", "name"), CASES, ids=[f"{make.__name__} {name}" for make, name in CASES])
def test_in_a_body(make, name, holder):
    transform, hold = {**FIRST, **SECOND}[name], HOLDERS[holder]
    x, y = nb.array(0.4), nb.array(1.5)
    found, expected = transform(hold(make()))(x, y), transform(hold(plain))(x, y)
    for a, b in zip(nb.tree.leaves(found), nb.tree.leaves(expected), strict=True):
        close(a, b, rtol=1e-12, atol=1e-15)


BODIES = {
    "scan": lambda f: lambda x: nb.scan(lambda c, a: (f(c) * a, c), x, np.array([1.0, 2.0, 0.5]))[0],
    "while_loop": lambda f: lambda x: nb.while_loop(lambda c: c[1] < 3, lambda c: (f(c[0]) + 0.1, c[1] + 1), (x, 0))[0],
    "cond": lambda f: lambda x: nb.cond(x > 0, f, lambda x: x, x),
    "map": lambda f: lambda x: nb.map(f, nb.stack([x, 2.0 * x])).sum(),
    "checkpoint": nb.checkpoint,
    "jit": lambda f: nb.jit(f, engine="numpy"),
}


def by_backward(f):
    leaf = nb.array(0.4, requires_grad=True)
    f(leaf).backward()
    return leaf.grad


@pytest.mark.parametrize("body", BODIES)
def test_what_has_reverse_mode_alone_has_it_there(body):
    def clipped(x):
        return nb.clip_gradient(nb.sin(x), -5.0, 5.0)

    def host(x):
        return nb.pure_callback(np.sin, nb.ShapeDtype(x.shape, "float64"), x, vjp=lambda g, out, x: (g * np.cos(x),))

    for f in (clipped, host):
        for gradient in (lambda f: nb.grad(f)(0.4), by_backward, lambda f: nb.vmap(nb.grad(f))(nb.array([0.4, 0.8]))):
            close(gradient(BODIES[body](f)), gradient(BODIES[body](nb.sin)), rtol=1e-12)
        with pytest.raises(nb.NotDifferentiableError):
            nb.jvp(BODIES[body](f), (0.4,), (1.0,))


@pytest.mark.parametrize("body", BODIES)
def test_what_has_forward_mode_alone_has_it_there(body):
    def host(x):
        return nb.pure_callback(np.sin, nb.ShapeDtype(x.shape, "float64"), x, jvp=lambda dxs, out, x: dxs[0] * np.cos(x))

    f, expected = BODIES[body](host), BODIES[body](nb.sin)
    close(nb.jvp(f, (0.4,), (1.0,))[1], nb.jvp(expected, (0.4,), (1.0,))[1], rtol=1e-12)
    close(nb.linearize(f, 0.4)[1](1.0), nb.jvp(expected, (0.4,), (1.0,))[1], rtol=1e-12)
    with pytest.raises(nb.NotDifferentiableError):
        nb.grad(f)(0.4)
