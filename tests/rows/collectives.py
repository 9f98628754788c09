"""Rows of the collectives, which live in the lanes of a vmap with a named axis: the first axis of the input.

Seen from outside, the batch sweep has made reductions of them. So that their own rules are met, some rows differentiate
them inside the lanes, or map them over a second axis there; the row's `value` then says what that gives.
"""

import numpy as np
from sweeps import jvp, lanes, vjp

from nabla.autodiff.batching import batch
from nabla.dtypes import int64
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import constant
from nabla.primitives.collectives import AXIS, axis_index
from nabla.primitives.shape import broadcast, cast, reduce_sum, spread
from nabla.primitives.structure import placeholder
from rows.row import Row, distinct, normal


def in_lanes(f):
    """Build f(p, lane, axis) in the lanes of a named axis over the first axis of the input."""

    def build(p, x):
        token = Token("vmap", placeholder=True)
        tokens, size = Tokens((token,)), x.shape[0]
        lane = placeholder(x.shape[1:], x.dtype, tokens, "a lane", x)
        axis = Node(AXIS, (), {"name": "i", "size": size}, (), int64, tokens, 1)
        ((out, mapped),) = batch([f(p, lane, axis)], {lane: x, axis: constant(np.arange(size))}, {}, {token}, size)
        token.kill()
        return spread(out, mapped, size)

    return build


def plain(p, x, axis):
    return p(x, axis)


def of_a_constant(p, x, axis):
    return x * p(constant(np.ones((), x.dtype)), axis)


def squares_forward(p, x, axis):
    """The derivative of p(x**2) along x."""
    return jvp(lambda v: [p(v * v, axis)], [x], [x])[0]


def squares_reverse(p, x, axis):
    """The cotangent of x in p(x**2), for the cotangent x."""
    return vjp(lambda v: [p(v * v, axis)], [x], [x])[0]


def under_a_second_vmap(p, x, axis):
    return lanes(lambda y: [p(y, axis)], [x], [True], x.shape[0])[0]


# What they give, for the input x as a whole.


def summed(x):
    return np.broadcast_to(x.sum(0), x.shape)


def largest(x):
    return np.broadcast_to(x.max(0), x.shape)


def numbered(x):
    return x * np.arange(4, dtype=x.dtype)[:, None]


def at_the_largest(x):
    squares = x * x
    return 2 * x * (squares == squares.max(0)) * x.sum(0)


def of_sums(label, f, value):
    return Row("psum", [normal(4, 2)], label=label, build=in_lanes(f), value=value)


def of_maxima(label, f, value):
    reason = "complex numbers have no order"
    return Row("pmax", [distinct(4, 2)], label=label, build=in_lanes(f), value=value, real_only=reason)


SOURCES = (1, 0, -1, 2)


def gathered(p, x, axis):
    """The rows of all lanes, summed with weights."""
    return reduce_sum(p(x, axis, size=axis.params["size"]) * weights(x), axes=(0,))


def exchanged(p, x, axis):
    """What comes from all lanes, of what went to all with weights; the number of the lane makes them differ."""
    sent = broadcast(x * cast(axis_index(axis) + 1, x.dtype), shape=(4, *x.shape)) * weights(x)
    return reduce_sum(p(sent, axis) * weights(x), axes=(0,))


def permuted(p, x, axis):
    return p(x, axis, sources=SOURCES)


def weights(x):
    return constant(np.arange(1, 5).reshape(4, *(1,) * x.ndim).astype(x.dtype))


def forward_of(f):
    """The derivative of f(x**2) along x, taken in the lanes."""
    return lambda p, x, axis: jvp(lambda v: [f(p, v * v, axis)], [x], [x])[0]


def reverse_of(f):
    """The cotangent of x in f(x**2), for the cotangent x."""
    return lambda p, x, axis: vjp(lambda v: [f(p, v * v, axis)], [x], [x])[0]


def mapped_again(f):
    return lambda p, x, axis: lanes(lambda y: [f(p, y, axis)], [x], [True], x.shape[0])[0]


def moving(name, f, matrix):
    """Rows of what moves values, as f does in the lanes; matrix: of that linear function of the lanes."""
    transposed = matrix.T

    def row(label, build, value):
        return Row(name, [normal(4, 2)], label=label, build=in_lanes(build), value=value)

    return [
        row("", f, lambda x: (matrix @ x).astype(x.dtype)),
        row("forward", forward_of(f), lambda x: (matrix @ (2 * x * x)).astype(x.dtype)),
        row("reverse", reverse_of(f), lambda x: (2 * x * (transposed @ x)).astype(x.dtype)),
        row("under a second vmap", mapped_again(f), lambda x: (matrix @ x).astype(x.dtype)),
    ]


COUNT = np.arange(1.0, 5.0)
PERMUTATION = np.array([[1.0 if source == j else 0.0 for j in range(4)] for source in SOURCES])

ROWS = [
    *moving("all_gather", gathered, np.broadcast_to(COUNT, (4, 4))),
    *moving("exchange", exchanged, np.outer(COUNT, COUNT**2)),
    *moving("permute", permuted, PERMUTATION),
    Row("axis", [normal(4, 2)], build=in_lanes(lambda p, x, axis: x * cast(axis, x.dtype)), value=numbered),
    Row("axis_index", [normal(4, 2)], build=in_lanes(lambda p, x, axis: x * cast(p(axis), x.dtype)), value=numbered),
    of_sums("", plain, summed),
    of_sums("of a constant", of_a_constant, lambda x: 4 * x),
    of_sums("forward", squares_forward, lambda x: summed(2 * x * x)),
    of_sums("reverse", squares_reverse, lambda x: 2 * x * x.sum(0)),
    of_sums("under a second vmap", under_a_second_vmap, summed),
    of_maxima("", plain, largest),
    of_maxima("of a constant", of_a_constant, lambda x: x),
    of_maxima("forward", squares_forward, lambda x: 2 * largest(x * x)),
    of_maxima("reverse", squares_reverse, at_the_largest),
    of_maxima("under a second vmap", under_a_second_vmap, largest),
]
