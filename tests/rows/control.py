"""Rows of the nodes that hold graphs."""

import numpy as np

from nabla.autodiff.closing import close
from nabla.engines.numpy.compile import ENGINE
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.call import call
from nabla.primitives.structure import placeholder
from rows.row import Row, normal, positive


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


ROWS = [
    Row("call", [normal(2, 3), normal(3)], build=called(lambda x, y: [x * y + x * x * y]), value=lambda x, y: x * y + x * x * y),
    Row("call", [positive(3)], build=called(lambda x: [x / (x + 1.0), x]), value=lambda x: x / (x + 1.0)),
    Row("call", [normal()], build=called(lambda x: [x]), value=np.positive),
]
