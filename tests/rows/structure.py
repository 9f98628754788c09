"""Rows of what structures the graph: constants, variables, leaves, stand-ins, cuts; and of what says where values lie."""

from nabla.autodiff.batching import batch
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import zeros
from nabla.primitives.elementwise import mul
from nabla.primitives.leaves import make_leaf
from nabla.primitives.placement import Mesh, PartitionSpec, Sharding
from nabla.primitives.structure import placeholder, variable
from rows.row import Row, normal


def substituted(p, x):
    """A program written on a stand-in, and then rebuilt on `x`."""
    token = Token("row", placeholder=True)
    stand_in = placeholder(x.shape, x.dtype, Tokens((token,)), "a stand-in", x)
    assert stand_in.prim is p
    ((out, _),) = batch([mul(stand_in, stand_in)], {}, {stand_in: x}, {token}, 1)
    token.kill()
    return out


def plus_constant(p, x):
    zero = zeros(x.shape, x.dtype)
    assert zero.prim is p
    return x * x + zero


def plus_leaf(p, x):
    leaf = make_leaf(zeros(x.shape, x.dtype))
    assert leaf.prim is p
    return x * x + leaf


ONE_DEVICE = Sharding(Mesh(1, "data"), PartitionSpec("data"))

ROWS = [
    Row("constant", [normal(2, 3)], build=plus_constant, value=lambda x: x * x),
    Row("leaf", [normal(2, 3)], build=plus_leaf, value=lambda x: x * x),
    Row("variable", [normal(2, 3)], build=lambda p, x: variable(x, Tokens((Token("row"),))), value=lambda x: x),
    Row("placeholder", [normal(2, 3)], build=substituted, value=lambda x: x * x),
    Row("named", [normal(2, 3)], {"name": "x"}, value=lambda x: x),
    Row("put", [normal(2, 3)], {"place": "cpu", "source": "cpu"}, value=lambda x: x),
    Row("constrain", [normal(2, 3)], {"place": ONE_DEVICE}, value=lambda x: x),
    Row("detach", [normal(2, 3)], value=lambda x: x, constant="cut on purpose"),
    Row("detach", [normal()], value=lambda x: x, constant="cut on purpose"),
]
