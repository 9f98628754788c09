"""Nodes that hold graphs, simplified: what nobody reads goes, what is the same stands once, what does not change is hoisted."""

import numpy as np
import pytest

import nabla as nb
from nabla.graph.simplify import simplify


def simplified(f, *args):
    """The simplified graph of a compiled function, and its nodes that hold graphs, by name of the primitive."""
    graph = simplify(nb.jit(f, engine="numpy").lower(*args)._program.graph)
    return graph, {node.prim.name: node for node in graph.nodes if type(node.dtype) is tuple}


def names(graph):
    return [node.prim.name for node in graph.nodes]


def agrees(f, *args):
    for a, b in zip(nb.tree.leaves(f(*args)), nb.tree.leaves(nb.jit(f, engine="numpy")(*args))):
        assert a.numpy().tobytes() == b.numpy().tobytes()


X = nb.array(0.7)
XS = nb.array([1.0, 2.0, 3.0])


def test_rows_that_nobody_reads_and_carries_for_them_alone():
    def f(x, xs):
        step = lambda c, t: ((c[0] * x, nb.sin(c[1])), (c[0] + t, nb.exp(c[1])))
        (a, _), (ys, _) = nb.scan(step, (x, x), xs)
        return a, ys

    _, held = simplified(f, X, XS)
    assert len(held["scan"].shape) == 2 and not {"sin", "exp"} & set(names(held["scan"].params["walk"].body))
    agrees(f, X, XS)


def test_rows_that_are_the_same_and_stacks_that_are_handed_on():
    def f(x, xs):
        return nb.scan(lambda c, t: (c * x, (c, c, t, c * t)), x, xs)[1]

    graph, held = simplified(f, X, XS)
    assert len(held["scan"].shape) == 3
    assert graph.outputs[0] is graph.outputs[1] and graph.outputs[2] is graph.inputs[1]
    agrees(f, X, XS)


def test_a_carry_that_does_not_change_is_a_constant_and_what_hangs_on_it_is_hoisted():
    f = lambda x: nb.scan(lambda c, t: ((c[0] * nb.exp(c[1]), c[1]), None), (x, x * 2.0), XS)[0]
    graph, held = simplified(f, X)
    assert len(held["scan"].shape) == 1 and names(held["scan"].params["walk"].body) == ["multiply"]
    assert "exp" in names(graph)
    agrees(f, X)
    g = lambda x, n: nb.fori_loop(0, n, lambda i, v: v * nb.exp(x), x)
    graph, held = simplified(g, X, nb.array(3))
    assert len(held["while"].shape) == 2 and "exp" in names(graph)
    agrees(g, X, nb.array(3))


def test_what_might_raise_stays_in_a_loop_that_may_make_no_step():
    a = nb.array(-np.eye(2))
    step = lambda v: (v[0] + 1, v[1] + nb.linalg.cholesky(v[2]), v[2])
    f = lambda a, n: nb.while_loop(lambda v: v[0] < n, step, (0, a, a))[1]
    graph, held = simplified(f, a, nb.array(0))
    assert "cholesky" not in names(graph) and "cholesky" in names(held["while"].params["loop"].body)
    agrees(f, a, nb.array(0))


def test_loops_without_anything_that_is_read():
    f = lambda x: (nb.while_loop(lambda v: v < 5.0, lambda v: v * 2.0, x), x)[1] * 1.0
    graph, held = simplified(f, X)
    assert not held
    g = lambda x: nb.scan(lambda c, t: (c, t), x, XS)
    graph, held = simplified(g, X)
    assert not held and graph.outputs[0] is graph.inputs[0]
    agrees(g, X)


def test_branches():
    def f(x, y):
        one = lambda x, y: (nb.sin(x), nb.sin(x), x, nb.exp(y))
        other = lambda x, y: (x * y, x * y, x, y)
        a, b, c, _ = nb.cond(x > 0.0, one, other, x, y)
        return a, b, c

    graph, held = simplified(f, X, X + 1.0)
    assert len(held["cond"].shape) == 1 and graph.outputs[2] is graph.inputs[0]
    assert "exp" not in names(held["cond"].params["branches"][1])
    agrees(f, X, X + 1.0)


def test_a_compiled_function_inside():
    inner = nb.checkpoint(lambda x: (nb.sin(x), nb.exp(x)))
    f = lambda x: inner(x)[0] * 2.0
    _, held = simplified(f, X)
    assert names(held["call"].params["graph"]) == ["sin"]
    agrees(f, X)


def test_loops_in_loops():
    def f(x, xs):
        def step(c, t):
            inner = nb.scan(lambda d, u: (d * nb.exp(x) + u, (d, nb.sin(d))), c, xs)
            return inner[0], inner[1][0].sum()

        return nb.scan(step, x, xs)

    graph, held = simplified(f, X, XS)
    assert "exp" in names(graph)
    inside = {node.prim.name: node for node in held["scan"].params["walk"].body.nodes}
    assert "sin" not in names(inside["scan"].params["walk"].body)
    agrees(f, X, XS)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_to_the_bit(order):
    def f(x):
        c, ys = nb.scan(lambda c, t: (nb.sin(c) * x + t, (c * t, nb.tanh(c))), x, XS)
        return (
            nb.while_loop(lambda v: v < 9.0, lambda v: v * 1.5 + nb.cond(v > 2.0, nb.sin, nb.cos, v), nb.abs(c) + 0.5) + ys[0].sum()
        )

    for _ in range(order):
        f = nb.grad(f)
    agrees(f, X)


def test_what_takes_all_the_outputs_of_a_node_keeps_it():
    a = nb.array([[2.0, 1.0], [1.0, 3.0]])
    _, held = simplified(nb.linalg.inv, a)
    assert "lu" in held
    agrees(nb.linalg.inv, a)
    agrees(lambda a: nb.linalg.slogdet(a)[1] + nb.linalg.solve(a, a).sum(), a)


def test_loops_in_loops_in_loops():
    """Each is simplified once, however deep it lies; the innermost are functions of their own."""

    def nested(depth):
        inner = nested(depth - 1) if depth else nb.sin
        return lambda x: nb.scan(lambda c, _: (inner(c) * 1.5, None), x, length=1)[0]

    agrees(nested(15), X)
    np.testing.assert_allclose(nb.jit(nested(15), engine="numpy")(X), np.sin(0.7) * 1.5**16, rtol=1e-14)


def test_a_product_gathered_over_steps_knows_of_the_zeros_in_it():
    """A row of the weights whose result is not chosen has the gradient zero, though that of its square root is infinite."""
    v = np.full((3, 3), 0.25)
    v[0] = 0.0
    xs = np.ones((4, 3))
    chosen = np.array([False, True, True])

    def step(w, c, x):
        return nb.where(chosen, nb.tanh(w @ c + x), c)

    def scanned(v):
        return nb.scan(lambda c, x: (step(nb.sqrt(v), c, x), None), np.ones(3), xs)[0].sum()

    def outside(v):
        w = nb.sqrt(v)
        return nb.scan(lambda c, x: (step(w, c, x), None), np.ones(3), xs)[0].sum()

    def written_out(v):
        c, w = nb.ones(3), nb.sqrt(v)
        for x in xs:
            c = step(w, c, x)
        return c.sum()

    wanted = nb.grad(written_out)(v)
    assert np.isfinite(wanted).all() and not wanted[0].any()
    for f in (scanned, outside):
        for run in (nb.grad(f), nb.jit(nb.grad(f), engine="numpy"), lambda v, f=f: nb.vmap(nb.grad(f))(np.stack([v, v]))[1]):
            np.testing.assert_allclose(np.asarray(run(v)), wanted, rtol=1e-13)
    text = nb.jit(nb.grad(outside), engine="numpy").lower(v).as_text()
    last = text[text.rindex("for ") :]
    assert last.index("del s") < last.rindex("dot_general")


def test_a_loop_records_nothing_where_that_is_not_read():
    halved = lambda s, x: (nb.where(s[1] * x > 1.0, s[0], 0.5 * s[0]), s[1] + 1.0)
    f = nb.grad(lambda x: x * nb.while_loop(lambda s: s[1] < 3.0, lambda s: halved(s, x), (1.0, 0.0))[0])
    _, held = simplified(f, X)
    assert len(held["while"].shape) == 2  # x decides, and moves nothing
    agrees(f, X)
    grown = lambda c, x: nb.while_loop(lambda v: v < 3.0, lambda v: v * (1.0 + x * x), c)
    g = nb.grad(lambda x: nb.scan(lambda c, t: (grown(c, x) * t, None), x, XS)[0])
    graph, _ = simplified(g, X)
    forwards, backwards = [node.params["walk"].body for node in graph.nodes if node.prim.name == "scan"]
    assert [len(node.shape) for node in forwards.nodes if node.prim.name == "while"] == [1]
    assert [len(node.shape) for node in backwards.nodes if node.prim.name == "while"] == [5, 6]
    agrees(g, X)
    lanes = nb.jit(nb.grad(lambda xs: nb.vmap(lambda x: grown(x, x))(xs).sum()), engine="numpy").lower(XS)._program.graph
    assert max(len(node.shape) for node in lanes.nodes if node.prim.name == "while") == 6


def powers(x):
    return nb.while_loop(lambda s: s[0] < 100.0, lambda s: (s[0] * x, s[1] + nb.sin(s[0])), (x, 0.0))[1]


SAME_STEPS = {
    "value and slope": (nb.value_and_grad(powers, mode="forward"), nb.array(1.5), 1),
    "value and two slopes": (nb.value_and_grad(lambda x: powers(x[0] * x[1]), mode="forward"), nb.array([1.25, 1.5]), 1),
    "in lanes": (nb.vmap(nb.value_and_grad(powers, mode="forward")), nb.array([1.25, 1.5]), 1),
    "twice forwards": (lambda x: (powers(x), nb.jvp(lambda x: nb.jvp(powers, (x,), (1.0,)), (x,), (1.0,))), nb.array(1.5), 1),
    "forwards and backwards": (lambda x: (powers(x), nb.value_and_grad(powers)(x)), nb.array(1.5), 2),
    "forwards over reverse": (lambda x: nb.jvp(nb.grad(powers), (x,), (1.0,)), nb.array(1.5), 2),
    "along the value": (lambda x: nb.jvp(powers, (x,), (powers(x),)), nb.array(1.5), 2),  # one after the other
}


@pytest.mark.parametrize("name", SAME_STEPS)
def test_loops_that_make_the_same_steps_are_one(name):
    f, x, loops = SAME_STEPS[name]
    graph, _ = simplified(f, x)
    assert names(graph).count("while") == loops
    agrees(f, x)


def test_many_loops_become_one_each():
    def f(x):
        return sum(powers(x + i) * nb.jvp(powers, (x + i,), (1.0,))[1] for i in range(2, 40))

    graph, _ = simplified(f, nb.array(1.5))
    assert names(graph).count("while") == 38
    agrees(f, nb.array(1.5))


def test_loops_that_hang_on_each_other_stay_two():
    """Each of two loops gives the tangent of the other one: only one of them can be made beside its own."""

    def f(x, y):
        return nb.jvp(powers, (x,), (powers(y),))[1] + nb.jvp(powers, (y,), (powers(x),))[1]

    graph, _ = simplified(f, nb.array(1.5), nb.array(1.25))
    assert names(graph).count("while") == 3
    agrees(f, nb.array(1.5), nb.array(1.25))


def test_equal_constants_are_one():
    f = lambda x: tuple(nb.sin(x * nb.arange(start, 300.0)) for start in (0.0, 1.0, 0.0))
    assert names(simplified(f, X)[0]).count("sin") == 2
    agrees(f, X)
    f = lambda x: tuple(nb.cos(x * nb.full(shape, v)) for v in (0.0, -0.0, 1.0) for shape in [(40, 5), (5, 40), (40, 5)])
    assert names(simplified(f, X)[0]).count("cos") == 6
    agrees(f, X)
