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


def test_of_a_product_only_what_is_read_is_computed():
    x, y, i = RNG.normal(size=(500, 60)), RNG.normal(size=(60, 30)), RNG.integers(500, size=20)
    few = lambda x, y, i: nb.exp((x @ y + 1.0)[i])
    many = lambda x, y, i: (x @ y + 1.0)[np.concatenate([i] * 20)]
    also = lambda x, y, i: ((x @ y)[i], x @ y)
    later = lambda x, y, i: (lambda z: (z[i], z * z))(2.0 * (x @ y))
    for f, whole in ((few, False), (many, True), (also, True), (later, True)):
        assert ("gemm" in text(f, x, y, i)) == whole
        agrees(f, x, y, i, rtol=1e-10, atol=1e-12)
    agrees(nb.jacfwd(few, argnums=1), x, y, i, rtol=1e-10, atol=1e-12)
    agrees(nb.vmap(few, in_axes=(None, 0, None)), x, np.stack([y, -y, y * y]), i, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_products_by_a_thin_factor(n):
    x, y = RNG.normal(size=(400, 70)), RNG.normal(size=(70, n))
    assert ("gemm" in text(lambda x, y: x @ y, x, y)) == (n in (1, 5))
    for a in (x, x.astype("f4")):
        rtol = 1e-10 if a is x else 1e-4
        agrees(lambda x, y: (x @ y, y.T @ x.T), a, y.astype(a.dtype), rtol=rtol, atol=rtol)
        agrees(lambda x, y: y.T @ x, a.T.copy(), y.astype(a.dtype), rtol=rtol, atol=rtol)
        agrees(
            lambda x, y: nb.einsum("abc,cb->a", x.reshape((400, 7, 10)), y.reshape((-1, 7))[:10]),
            a,
            y.astype(a.dtype),
            rtol=rtol,
            atol=rtol,
        )


def test_what_is_reshaped_goes_where_it_becomes_a_part():
    """An axis that is put together from two is no reason to write it anywhere else before."""
    x, y = RNG.normal(size=(26, 50, 3)), RNG.normal(size=(150, 4))

    def f(x, y):
        return nb.concat([nb.sin(y), nb.cos(x).reshape((26, 150)).T, y], axis=1)

    assert "arena" not in text(f, x, y)
    agrees(f, x, y)
    agrees(lambda x, y: 2.0 * nb.concat([nb.cos(x).mT.reshape((-1, 50)), y.T.reshape((-1, 50))]), x, y)
    agrees(lambda x, y: nb.concat([nb.cos(x).reshape((26, 1, 150)), nb.exp(y.T.reshape((4, 1, 150)))]).mT, x, y)
    agrees(lambda x, y: nb.concat([z := nb.cos(x).reshape((26, 150)), nb.sin(z)], axis=1), x, y)
    agrees(lambda x, y: nb.concat([z := nb.cos(x).reshape((26, 150)), z]), x, y)
    agrees(lambda x, y: nb.concat([(x + 1j * x).reshape((26, 150)), y.T + 0j]), x, y)
    agrees(nb.jacfwd(lambda x: nb.concat([(x * x).reshape((-1, 2)), x.T], axis=1)), RNG.normal(size=(2, 8)))
