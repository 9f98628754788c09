"""Loops and branches of the native engine: what they carry stays where it lies, and is copied only where it is wanted as it was."""

import numpy as np
import pytest

import nabla as nb
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import ENGINE, written
from nabla.engines.native.loops import For, Load, Num, Store, While, blocks, walk
from nabla.engines.numpy.compile import ENGINE as REFERENCE
from nabla.graph.simplify import simplify

X = np.linspace(0.5, 2.0, 50)


def put(x, i, value):
    x[i] = value
    return x


def marked(x):
    def step(s):
        i, x = s
        return i + 1, nb.cond(i % 2 == 0, lambda x: put(x, i, i * 1.0), lambda x: x, x)

    return nb.while_loop(lambda s: s[0] < 40, step, (0, x * 2.0))[1]


def crossed(x):
    def step(s):
        i, x, y = s
        x, y = nb.cond(i % 2 == 0, lambda x, y: (put(x, i, i * 1.0), y[::-1]), lambda x, y: (y + 1.0, x), x, y)
        return i + 1, x, y

    return nb.while_loop(lambda s: s[0] < 40, step, (0, x * 2.0, x.reshape(50)))[1:]


def written_from_each_other(x):
    def even(i, x, y):
        return put(x, i, y[i]), put(y, i, x[3])

    def odd(i, x, y):
        return put(y, i, x[i + 1]), put(x, slice(0, 20), x[10:30])

    def step(s):
        i, x, y = s
        return i + 1, *nb.cond(i % 3 == 0, even, odd, i, x, y)

    return nb.while_loop(lambda s: s[0] < 40, step, (0, x * 2.0, x.reshape(50)))[1:]


def loops_in_a_loop(x):
    def step(carry, t):
        x, y = carry
        z = y.reshape(5, 10)

        def inner(i, s):
            return put(s[0], i, s[1][i] * t) + z.sum(), put(s[1], slice(1, 8), s[1][0:7])

        x, y = nb.fori_loop(0, 3, inner, (x, y))
        return (y, x), x[:20] * z.sum()

    return nb.scan(step, (x * 1.0, x * 2.0), x[:7])


def the_same_seen_in_two_ways(x):
    y = x * 3.0
    z = y.reshape(5, 10)
    a = nb.fori_loop(0, 4, lambda i, s: put(s, i, i * z[0, 1]), y)
    b = nb.fori_loop(0, 4, lambda i, s: put(s, i, i * z[0, 2]), z.reshape(50))
    return a, b, nb.fori_loop(0, 3, lambda i, s: (s[0] + s[1], s[1]), (a, a[::-1]))


def both_halves(x):
    y = x * 2.0
    return nb.fori_loop(0, 3, lambda i, s: (s[1], s[0] + 1.0), (y, y.reshape(50)))


def called(x):
    f = nb.jit(lambda x, i: put(x * 1.0, i, 7.0))
    return nb.fori_loop(0, 5, lambda i, x: f(x, i), x)


def grown(x):
    step = lambda s: (s[0] + 1, s[1] + 0.01 * nb.sin(s[1]))
    return nb.while_loop(lambda s: s[0] < 900, step, (0, x))[1].sum()


PROGRAMS = {
    "marked": marked,
    "crossed": crossed,
    "written from each other": written_from_each_other,
    "loops in a loop": loops_in_a_loop,
    "the same seen in two ways": the_same_seen_in_two_ways,
    "both halves": both_halves,
    "called": called,
    "back through many steps": nb.grad(grown),
    "forwards and back": lambda x: nb.jvp(nb.grad(lambda x: grown(x * 2.0)), (x[:20],), (x[:20],)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_results(name):
    graph = nb.make_graph(PROGRAMS[name])(X)
    written(simplify(graph), checked)
    for a, b in zip(ENGINE.executable(graph)(X), REFERENCE.executable(graph)(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def copies(block):
    """Loops that only move numbers."""
    loops = [s for s in walk(block) if type(s) is For]
    return [s for s in loops if all(type(x) in (Load, Store, For) for x in walk(s.body))]


def of(f, x):
    return written(simplify(nb.make_graph(f)(x)), checked)[0].body


def test_a_branch_writes_to_what_a_loop_carries():
    body = of(marked, X)
    (loop,) = [s for s in body if type(s) is While]
    assert not [s for s in walk(loop.body) if type(s) is For] and not copies(body)


def test_checkpoints_are_not_copied():
    """Forwards every second one is given up; backwards a row is read before it is written over."""
    for x in (1.3, X):
        forwards, backwards = [s for s in of(nb.grad(grown), x) if type(s) is While]
        for loop in (forwards, backwards):
            inner = [s for s in loop.body if type(s) is While]
            assert inner and not copies([x for s in inner for block in blocks(s) for x in block])
        assert all(s.count <= np.size(x) for s in copies(backwards.body))


PARTS = {
    "a middle": (lambda x: x[1:-1], (50,)),
    "an end": (lambda x: x[3:], (50,)),
    "a box": (lambda x: x[2:5, 7:9], (9, 9)),
    "a row": (lambda x: x[4], (9, 9)),
    "a column": (lambda x: x[:, 2], (9, 9)),
    "gaps": (lambda x: x[::2, 1:], (9, 9)),
    "backwards": (lambda x: x[5:1:-1], (50,)),
    "nothing": (lambda x: x[3:3], (50,)),
    "all but a corner": (lambda x: x[1:, 1:, 1:], (3, 4, 5)),
}


@pytest.mark.parametrize("name", PARTS)
def test_zeros_are_written_around_a_part(name):
    part, shape = PARTS[name]
    x = np.linspace(0.5, 2.0, np.prod(shape)).reshape(shape)
    graph = nb.make_graph(nb.grad(lambda x: nb.sin(part(x)).sum()))(x)
    body = written(simplify(graph), checked)[0].body
    expected = np.zeros(shape)
    part(expected)[...] = np.cos(part(x))
    np.testing.assert_allclose(ENGINE.executable(graph)(x)[0], expected, rtol=1e-13)
    assert zeros(body) == (x.size if name in ("gaps", "backwards") else x.size - part(x).size)


def zeros(block):
    """How many constants are stored in all turns."""
    found = 0
    for s in block:
        if type(s) is For:
            found += s.count * zeros(s.body)
        elif type(s) is Store:
            found += type(s.value) is Num
    return found


NEIGHBOURS = {
    "a longer one behind": lambda x: nb.grad(lambda x: nb.sin(x[:-1]).sum())(x) * x + 1.0,
    "a longer one behind, of others": lambda x: nb.grad(lambda x: nb.sin(x[1:]).sum())(x) * x + 1.0,
    "a shorter one behind": lambda x: (nb.exp(x), nb.exp(x)[:-1] * 2.0, nb.exp(x)[:-2] * 3.0),
    "three lengths": lambda x: nb.grad(lambda y: (nb.sin(y[1:]).sum() * nb.cos(y[:-2])).sum())(x) * x,
    "seen from beside": lambda x: nb.grad(lambda y: (nb.sin(y[1:]) * nb.cos(y[:-1])).sum())(x) * x[::-1],
    "twice": lambda x: nb.grad(lambda y: (nb.diff(nb.diff(y)) ** 2).sum())(x) - x,
    "sums": lambda x: nb.grad(lambda y: nb.tanh(y[1:]).sum())(x).sum() + x[1:].sum(),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_loops_of_almost_as_many_turns(name):
    graph = nb.make_graph(NEIGHBOURS[name])(X)
    written(simplify(graph), checked)
    for a, b in zip(ENGINE.executable(graph)(X), REFERENCE.executable(graph)(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def rows_of_all_kinds(c, rows):
    """Rows that are put together, written into twice, read again in the same step, given twice, handed on, and made by a loop."""

    def step(carry, row):
        joined = nb.concat([nb.ones(1), carry[:-1]]) * 1.0
        first = nb.concat([row[:2] * 2.0, joined[2:]])
        changed = first.copy()
        changed[1] = row[0]
        again = changed.copy()
        again[0] += carry[1]
        picked = again[::-1] + first[nb.argsort(row)]
        total, inner = nb.scan(lambda t, k: (t + k * carry, nb.concat([t[1:], t[:1]])), row, nb.arange(3.0))
        after = nb.sin(picked) + 0.1 * total
        return after, (joined, first, changed, again, picked, after, after, inner, first.sum())

    return nb.scan(step, c, rows)


@pytest.mark.parametrize("n", [3, 300])
def test_rows_go_to_their_places(n):
    rng = np.random.default_rng(9)
    c, rows = rng.normal(size=n), rng.normal(size=(5, n))
    backwards = lambda c, rows: nb.scan(lambda c, row: (c + row, nb.concat([row[:1], c[1:]])), c, rows, reverse=True)
    alone = lambda c, rows: nb.scan(lambda _, row: (None, nb.concat([row[1:], c[:1]]) * c), None, rows)[1]
    gradient = nb.grad(lambda c, rows: sum([nb.sin(x).sum() for x in rows_of_all_kinds(c, rows)[1]]), (0, 1))
    for f in (rows_of_all_kinds, backwards, alone, gradient):
        graph = nb.make_graph(f)(c, rows)
        written(simplify(graph), checked)
        found, expected = (engine.executable(graph)(c, rows) for engine in (ENGINE, REFERENCE))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
