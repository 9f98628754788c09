"""Rows of the nodes that hold graphs."""

import numpy as np

from nabla import dtypes
from nabla.autodiff.closing import close
from nabla.engines.numpy.compile import ENGINE
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import constant, scalar
from nabla.primitives.call import call
from nabla.primitives.conditional import cond
from nabla.primitives.formulas import abs_, less
from nabla.primitives.indexing import index
from nabla.primitives.reductions import reduce_max
from nabla.primitives.scan import Walk, scan
from nabla.primitives.structure import placeholder
from nabla.primitives.while_loop import Loop, while_loop
from rows.row import Row, between, normal, positive


def closed(f, *like):
    """The graph of `f`, a function of nodes, on inputs like these."""
    token = Token("row", placeholder=True)
    stand_ins = [placeholder(x.shape, x.dtype, Tokens((token,)), f"input {i}") for i, x in enumerate(like)]
    graph, captured = close(list(f(*stand_ins)), stand_ins)
    token.kill()
    assert not captured
    return graph


def called(f):
    """A row's program: `f` as one node, and the first of its outputs."""

    def build(p, *inputs):
        out = call(closed(f, *inputs), inputs, ENGINE)[0]
        assert out.inputs[0].prim is p
        return out

    return build


def looped(make):
    """A row's program that `make`s a loop of nodes and takes the first of its outputs."""

    def build(p, *inputs):
        out = make(*inputs)[0]
        assert p.name in {node.prim.name for node in [out, *out.inputs]} or out.tokens.placeholder
        return out

    return build


def branch(number):
    """x * y or x / y, by a number that is given."""
    return lambda x, y: cond(
        constant(np.int64(number)), [closed(lambda x, y: [x * y], x, y), closed(lambda x, y: [x / y], x, y)], [x, y]
    )


def powers(x, y):
    """x times y until it is large."""
    test = closed(lambda v: [less(reduce_max(abs_(v), axes=(0,)), scalar(4.0, dtypes.to_real(v.dtype)))], x)
    body = closed(lambda y, v: [v * y], y, x)
    return while_loop(Loop(test, body, 0, 1), [y, x])


def recurrence(x, y):
    """c = c * y + row, along the rows of x."""
    row = index(x, spec=(0, (0, x.shape[1], 1)))
    body = closed(lambda y, c, r: [c * y + r, c * r], y, row, row)
    return scan(Walk(body, 1, 1, x.shape[0], False), [y, row, x])


def until_large(x, y):
    while np.abs(x).max() < 4.0:
        x = x * y
    return x


def walked(x, y):
    c = x[0]
    for row in x:
        c = c * y + row
    return c


ROWS = [
    Row("call", [normal(2, 3), normal(3)], build=called(lambda x, y: [x * y + x * x * y]), value=lambda x, y: x * y + x * x * y),
    Row("call", [positive(3)], build=called(lambda x: [x / (x + 1.0), x]), value=lambda x: x / (x + 1.0)),
    Row("call", [normal()], build=called(lambda x: [x]), value=np.positive),
    Row("cond", [normal(2, 3), positive(3)], label="the first", build=looped(branch(0)), value=lambda x, y: x * y),
    Row("cond", [normal(2, 3), positive(3)], label="the second", build=looped(branch(1)), value=lambda x, y: x / y),
    Row("while", [positive(3), between(1.5, 1.7, 3)], build=looped(powers), value=until_large),
    Row("scan", [normal(4, 3), normal(3)], build=looped(recurrence), value=walked),
]
