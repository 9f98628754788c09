"""When a call ends, what was computed inside it dies: by reference counting alone, with the garbage collector off.

Long loops and threads are in test_threads_memory.py.
"""

import gc
import weakref

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def watched(x, watch):
    """x times two; `watch` gets a weak reference to the node."""
    y = x * 2.0
    watch.append(weakref.ref(y._node))
    return y


TRANSFORMS = {
    "grad": nb.grad,
    "grad forward": nb.grad(mode="forward"),
    "value_and_grad": nb.value_and_grad,
    "vjp": lambda f: lambda x: nb.vjp(f, x)[1](1.0),
    "jvp": lambda f: lambda x: nb.jvp(f, (x,), (1.0,)),
    "jacrev": nb.jacrev,
    "jacfwd": nb.jacfwd,
    "hessian": nb.hessian,
    "vmap": lambda f: lambda x: nb.vmap(f)(nb.stack([x, x])),
    "hvp": lambda f: lambda x: nb.hvp(f, x, x),
    "grad of grad": lambda f: nb.grad(nb.grad(f)),
    "not realized": lambda f: nb.grad(f, realize=False),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_was_computed_inside_dies_with_the_call(name, without_collector):
    watch = []
    result = TRANSFORMS[name](lambda x: nb.exp(watched(x, watch)) * x)(nb.array(1.5))
    leaves = nb.tree.leaves(result)
    for leaf in leaves:
        leaf.tolist()
    assert watch and all(node() is None for node in watch)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_and_with_an_exception(name, without_collector):
    watch = []

    def f(x):
        watched(x, watch)
        raise KeyError

    with pytest.raises(KeyError):
        TRANSFORMS[name](f)(nb.array(1.5))
    assert watch and all(node() is None for node in watch)


def test_results_keep_no_history(without_collector):
    """`losses.append(loss)` must not keep the graph of every step."""
    watch = []
    losses, w = [], nb.array(1.0)
    for _ in range(3):
        loss, g = nb.value_and_grad(lambda w: nb.exp(watched(w, watch)))(w)
        w = w - 0.1 * g
        losses.append(loss)
    assert all(node() is None for node in watch)
    assert all(not loss._node.inputs for loss in losses)


def test_create_graph_false_keeps_nothing_upstream_alive(without_collector):
    """Inside an outer transform, a derivative made without a graph holds on to no node."""
    watch = []

    def outer(x):
        g = nb.grad(lambda y: nb.exp(watched(y, watch)) * x, create_graph=False)(x)
        assert all(node() is None for node in watch)
        t = nb.jvp(lambda y: nb.exp(watched(y, watch)) * x, (x,), (1.0,), create_graph=False)[1]
        kept = weakref.ref(t._node)
        assert t.item() > 0
        assert not kept().inputs
        return g * x

    g = nb.grad(outer)(0.5).item()
    close(g, 2.0 * np.exp(1.0) * 0.5, rtol=1e-14)
    assert all(node() is None for node in watch)


def test_with_a_graph_the_outer_transform_holds_what_it_needs(without_collector):
    watch = []

    def outer(x):
        g = nb.grad(lambda y: nb.exp(watched(y, watch)) * x)(x)
        assert any(node() is not None for node in watch)
        return g

    nb.grad(outer)(0.5)
    assert all(node() is None for node in watch)


def test_a_pullback_keeps_what_it_needs_and_not_what_was_only_read(without_collector):
    watch, kept = [], []

    def f(x):
        assert float(watched(nb.cos(x), watch)) < 2.0
        y = watched(nb.exp(x), watch)
        kept.append(y * 3.0)
        return y * y

    _, pullback = nb.vjp(f, nb.array(1.5))
    only_read, needed = (node() for node in watch)
    assert only_read is None and needed is not None
    del needed
    assert kept[0].item() == 6.0 * np.exp(1.5)
    del pullback
    assert watch[1]() is None  # though a value that was made from it lives


def test_a_leaf_that_lives_long_remembers_no_derivative_and_no_no_grad():
    w = nb.array([1.0, 2.0], requires_grad=True)
    sets = []
    for _ in range(300):
        with nb.no_grad():
            assert not (w * 2.0).requires_grad
        nb.grad(lambda x: (x * w).sum())(w)
        (w * w).sum().backward()
        sets.append(len(w._node.tokens.unions) + len(w._node.tokens.noted))
    assert max(sets) <= max(sets[:100])


def test_a_wrapped_function_holds_its_function_and_nothing_else(without_collector):
    def f(x):
        return x * x

    gradient = nb.grad(f)
    alive = weakref.ref(f)
    gradient(1.0)
    del f
    assert alive() is not None
    del gradient
    assert alive() is None


def test_transforms_make_no_reference_cycles(without_collector):
    for name, transform in TRANSFORMS.items():
        transform(lambda x: nb.exp(x) * x)(nb.array(1.5))
        assert gc.collect() == 0, name
