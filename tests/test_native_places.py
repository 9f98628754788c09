"""Code of the native engine for indices that are constants: even ones are slices, others that lie inside are not checked."""

import numpy as np
import pytest
from test_native_structured import agrees

import nabla as nb
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import written
from nabla.graph.simplify import simplify

RNG = np.random.default_rng(11)
EVEN = {
    "ascending": [1, 5, 9, 13], "descending": [6, 4, 2, 0], "the same": [3, 3, 3], "one": [7], "a column": [[2], [4], [6]],
    "many": list(range(2, 40, 2)),
}  # fmt: skip
UNEVEN = {"few": [4, 0, 3], "many": [*range(20), 3], "a square": [[1, 2], [3, 4]]}


def text(f, *arrays):
    return str(written(simplify(nb.make_graph(f)(*arrays)), checked)[0])


def with_rows_set(i):
    def f(x, y):
        x = x * 1.0
        x[i] = y[i] * y[i]
        return x

    return f


@pytest.mark.parametrize("i", [*EVEN.values(), *UNEVEN.values()], ids=[*EVEN, *UNEVEN])
def test_constant_indices(i):
    x, square = RNG.normal(size=(40, 15)), RNG.normal(size=(40, 40))
    i = np.array(i)
    agrees(lambda x: nb.sin(x[i]), x)
    agrees(lambda x: x[:, i % 15] * 2.0, x)
    agrees(lambda x: x[i, 3:9:2] + x[i[::-1], 1:4], x)
    agrees(lambda x: x[i, i[::-1]], square)
    agrees(nb.grad(lambda x: (nb.sin(x[i]) * x[i]).sum()), x, rtol=1e-10)
    agrees(nb.vmap(lambda x: x[i % 15]), x)
    if len(np.unique(i)) == i.size:
        agrees(with_rows_set(i), x, x + 1.0)


def test_what_is_known_is_not_checked():
    x = RNG.normal(size=(40, 15))
    for i in map(np.array, EVEN.values()):
        assert "where" not in text(lambda x, i=i: nb.sin(x[i]), x)
        assert "where" not in text(lambda x, i=i: nb.sin(x[i] + x[i]).sum(), x)
    i = np.array(UNEVEN["many"])
    assert "where" not in text(lambda x: x[i], x)
    assert "where" in text(lambda x, i: x[i], x, i)
    assert "where" in text(lambda x: x[i - 5], x)  # those below zero are counted from the end


def test_loops_around_short_ones_that_share_nothing_stay_short():
    """What only copies is a loop, however many copies there are; what hands numbers on is written out."""
    a, b = RNG.normal(size=(26, 4, 4)), RNG.normal(size=(26, 4, 4))
    copies = text(lambda a, b: nb.concat([a, b.mT, a + b, b, a.mT], axis=1), a, b)
    assert copies.count("store") <= 10
    chain = text(lambda a: nb.exp((nb.exp(a) / nb.exp(a).sum(1, keepdims=True)).sum(2)), RNG.normal(size=(5000, 3, 3)))
    assert len([line for line in chain.splitlines() if line.startswith("for")]) == 1


def test_axes_go_through_memory_in_its_order():
    """Rows that are read here and there are read whole, whatever the order of the axes of the result; and in pieces."""
    table, i = RNG.normal(size=(3000, 40)), RNG.integers(3000, size=2000)
    f = lambda table, i: nb.vmap(lambda column: column[i] * column[i - 1] + column[i - 2], in_axes=1)(table)
    graph = nb.make_graph(f)(table, i)
    lines = str(written(simplify(graph), checked)[0]).splitlines()
    (outer,) = [line for line in lines if line.startswith("for")]
    assert "< 2000" in outer and "pieces" in outer
    agrees(f, table, i)
