"""Loops over two axes that lie in memory in different orders are cut into tiles, and nothing is left out or done twice."""

import numpy as np
import pytest

import nabla as nb
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import written
from nabla.engines.native.loops import For, walk
from nabla.graph.simplify import simplify

SIZES = [(67, 131), (131, 67), (64, 96), (300, 300), (128, 128), (130, 256), (256, 65)]
"""With what is left of one axis, of both, and of none; some whose columns go through memory by multiples of 1024 bytes."""
FUNCTIONS = {
    "a sum": lambda x, y: x.T + y,
    "a function of what is transposed": lambda x, y: nb.exp(x.T) * y,
    "two results": lambda x, y: (x.T * 2.0, y - x.T),
}


def tile(f, *args):
    """The turns of the innermost two of four loops one in the other; None if there are none."""
    program, _, _ = written(simplify(nb.make_graph(f)(*args)), checked)
    for a in walk(program.body):
        nest = [a]
        while type(nest[-1]) is For and len(nest[-1].body) == 1:
            nest.append(nest[-1].body[0])
        if len(nest) >= 4 and all(type(s) is For for s in nest[:4]):
            return nest[2].count, nest[3].count
    return None


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", SIZES)
def test_tiles(shape, name, dtype):
    f, rows, columns = FUNCTIONS[name], *shape
    x = np.linspace(-1.0, 1.0, rows * columns).astype(dtype).reshape(columns, rows)
    y = np.linspace(3.0, 2.0, rows * columns).astype(dtype).reshape(rows, columns)
    strides = x.strides[0], y.strides[0]
    assert tile(f, x, y) == ((16, 16) if any(step % 1024 == 0 for step in strides) else (4, 32))
    found, expected = (nb.tree.leaves(nb.jit(f, engine=engine)(x, y)) for engine in ("native", "numpy"))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x, y: x.T + y, (63, 200)),  # a short axis
        (lambda x, y: x.T + y, (1, 128)),  # a row
        (lambda x, y: (x.T + 1.0).T * 2.0, (128, 128)),  # in one order after all
        (lambda x, y: x.T.sum(axis=0) + y.sum(axis=1), (128, 128)),  # each turn adds to the one before
    ],
)
def test_no_tiles_where_they_would_not_pay(f, shape):
    assert tile(f, np.ones(shape[::-1]), np.ones(shape)) is None
