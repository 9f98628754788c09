"""The sweeps as functions on lists of nodes, below the public transforms: what the table of primitives is checked with.

A program is a function from nodes to a list of nodes. Each helper writes nodes, so they nest like the transforms do.
"""

import numpy as np

from nabla.autodiff.batching import batch
from nabla.autodiff.forward import forward
from nabla.autodiff.reverse import reverse
from nabla.graph.node import runtime
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import constant, zeros_like
from nabla.primitives.shape import spread
from nabla.primitives.structure import placeholder, variable


def floating(nodes):
    """Those that can have a derivative."""
    return [node for node in nodes if node.dtype.kind in "fc"]


def jvp(f, xs, dxs):
    """The tangents of the floating outputs of f at xs along dxs."""
    token = Token("jvp")
    try:
        alone = Tokens((token,))
        variables = [variable(x, alone) for x in xs]
        outs = floating(f(*variables))
        tangents = forward(outs, dict(zip(variables, dxs, strict=True)), {token})
    finally:
        token.kill()
    return [zeros_like(out) if dout is None else dout for out, dout in zip(outs, tangents, strict=True)]


def vjp(f, xs, gs):
    """The cotangents of xs, given those of the floating outputs of f."""
    token = Token("vjp")
    try:
        alone = Tokens((token,))
        variables = [variable(x, alone) for x in xs]
        outs = floating(f(*variables))
        live = [(out, g) for out, g in zip(outs, gs, strict=True) if token in out.tokens.members]
        found, _ = reverse([out for out, _ in live], [g for _, g in live], {token})
    finally:
        token.kill()
    return [found[v] if v in found else zeros_like(v) for v in variables]


def lanes(f, xs, mapped, size):
    """f over the first axis of those xs that are mapped; every output has that axis first."""
    token = Token("vmap", placeholder=True)
    inputs, stand_ins = [], {}
    for x, is_mapped in zip(xs, mapped, strict=True):
        if is_mapped:
            stand_in = placeholder(x.shape[1:], x.dtype, Tokens((token,)), "a mapped input", x)
            stand_ins[stand_in] = x
            inputs.append(stand_in)
        else:
            inputs.append(x)
    try:
        outs = batch(f(*inputs), stand_ins, {}, {token}, size)
    finally:
        token.kill()
    return [spread(out, is_mapped, size) for out, is_mapped in outs]


def node_of(array):
    """A constant that no kernel can write into."""
    array = np.array(array)
    array.flags.writeable = False
    return constant(array)


def values(nodes):
    """Their values, computed together."""
    runtime.realize(nodes)
    return [np.asarray(node.value) for node in nodes]
