"""Properties of the transforms on random trees, axes and choices of arguments."""

import itertools

import numpy as np
from hypothesis import given, settings, strategies as st

import nabla as nb

close = np.testing.assert_allclose

numbers = st.floats(-2.0, 2.0, allow_nan=False, width=32)
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@st.composite
def arrays(draw, shape=None):
    shape = draw(shapes) if shape is None else shape
    seed = draw(st.integers(0, 2**16))
    return np.random.default_rng(seed).uniform(-2.0, 2.0, shape)


leaves = st.one_of(numbers, arrays(), arrays().map(nb.asarray), arrays().map(lambda x: nb.asarray(x, nb.float32)))
trees = st.recursive(
    leaves,
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.tuples(children, st.none()),
        st.dictionaries(st.sampled_from("abcd"), children, max_size=3),
    ),
    max_leaves=6,
).filter(lambda tree: nb.tree.leaves(tree))


def total(tree):
    """The sum of cubes, each leaf with a weight of its own."""
    return sum(((i + 1.0) * (x**3 if isinstance(x, float) else (x**3).sum()) for i, x in enumerate(nb.tree.leaves(tree))), 0.0)


def expected(tree):
    return [3.0 * (i + 1.0) * np.asarray(x, float) ** 2 for i, x in enumerate(nb.tree.leaves(tree))]


def check(found, tree):
    assert nb.tree.structure(found) == nb.tree.structure(tree)
    for g, x, value in zip(nb.tree.leaves(found), nb.tree.leaves(tree), expected(tree), strict=True):
        assert g.shape == np.shape(x)
        assert g.dtype == (np.float64 if isinstance(x, float) else x.dtype)
        assert isinstance(g, np.ndarray) == isinstance(x, np.ndarray)
        close(g, value, rtol=1e-5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(trees)
def test_derivatives_of_random_trees(tree):
    check(nb.grad(total)(tree), tree)
    check(nb.grad(total, mode="forward")(tree), tree)
    check(nb.jacobian(total, argnums=0)(tree), tree)
    (g,) = nb.vjp(total, tree)[1](1.0)
    check(g, tree)
    named = nb.grad(lambda *, tree: total(tree), argnames="tree")(tree=tree)
    check(named, tree)
    direction = nb.tree.map(lambda x: nb.ones(np.shape(x), np.float64 if isinstance(x, float) else x.dtype), tree)
    _, along = nb.jvp(total, (tree,), (direction,))
    close(along, sum(value.sum() for value in expected(tree)), rtol=1e-4, atol=1e-4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_axes_go_in_and_out_where_they_are_told(data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    source = data.draw(st.integers(-len(shape), len(shape) - 1))
    target = data.draw(st.integers(-len(shape), len(shape) - 1))
    chunk = data.draw(st.none() | st.integers(1, 5))
    seen = []
    mapped = nb.vmap(lambda x: seen.append(x.shape) or x * 2.0, in_axes=source, out_axes=target, chunk_size=chunk)
    assert mapped(x).tolist() == (2.0 * np.moveaxis(x, source, target)).tolist()
    assert seen == [tuple(np.delete(shape, source))]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_nested_vmaps_and_gradients_against_loops(data):
    rows, columns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    table = data.draw(arrays((rows, columns)))
    axis = data.draw(st.sampled_from([0, 1, -1]))
    f = lambda x, y: nb.sin(x * y) * nb.psum(x, "inner") + y * nb.axis_index("inner")
    inner = lambda line, y: nb.vmap(nb.grad(f), in_axes=(0, None), axis_name="inner")(line, y)
    lines = np.moveaxis(table, axis, 0)
    found = nb.vmap(inner, in_axes=(axis, 0))(table, np.arange(1.0, len(lines) + 1.0))

    for line, y, result in zip(lines, itertools.count(1.0), found, strict=False):
        # Each lane's value hangs on all of the line through the psum, whose derivative goes to every lane.
        close(result, y * np.cos(line * y) * line.sum() + np.sin(line * y).sum(), rtol=1e-10, atol=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_any_choice_of_arguments(data):
    count = data.draw(st.integers(1, 4))
    args = [float(i + 1) for i in range(count)]
    kwargs = {name: float(count + i + 1) for i, name in enumerate("pqr"[: data.draw(st.integers(0, 3))])}
    product = lambda *args, **kwargs: nb.prod(nb.stack([nb.asarray(x) for x in (*args, *kwargs.values())]))
    whole = float(np.prod([*args, *kwargs.values()]))
    positions = data.draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
    written = [i - count if data.draw(st.booleans()) else i for i in positions]
    names = data.draw(st.lists(st.sampled_from(list(kwargs)), min_size=1, unique=True)) if kwargs else []

    for transform in (nb.grad, nb.jacrev, nb.jacfwd):
        grads = transform(product, argnums=written)(*args, **kwargs)
        close([g.item() for g in grads], [whole / args[i] for i in positions])
        close(transform(product, argnums=written[0])(*args, **kwargs), whole / args[positions[0]])
        if names:
            by_name = transform(product, argnames=names)(*args, **kwargs)
            assert list(by_name) == names
            close([g.item() for g in by_name.values()], [whole / kwargs[name] for name in names])
            first, by_name = transform(product, argnums=written[0], argnames=tuple(names))(*args, **kwargs)
            close(first, whole / args[positions[0]])
            close(by_name[names[-1]], whole / kwargs[names[-1]])
