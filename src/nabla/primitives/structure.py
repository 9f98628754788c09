"""Primitives that only structure the graph: variables, placeholders, cuts, the outputs of a node that has several.

The sweeps know `variable`, `placeholder` and `output` by name; they are what a sweep starts from and steps through.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Sequence

import numpy as np

from nabla.graph.node import NO_PARAMS, Node, make, set_value
from nabla.graph.tokens import EMPTY, Token, Tokens, union
from nabla.primitives.base import Constant, Primitive, Shape, never, same
from nabla.primitives.kinds import Linear


def _stay(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return inputs[0], mapped[0]


class _Variable(Linear):
    __slots__ = ()

    def same_as(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        return inputs[0]


VARIABLE = _Variable("variable", same, lambda g, x: g, batch=_stay)
"""What a transform differentiates with respect to: the identity, with a token of its own."""

PLACEHOLDER = Constant("placeholder", same, batch=never)
"""A stand-in without a value: one lane under vmap, an input of a closed graph."""


def _named_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return named(inputs[0], name=node.params["name"]), mapped[0]


class _Named(Linear):
    __slots__ = ()

    def same_as(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        return inputs[0]


named = _Named("named", same, lambda g, x, name: g, batch=_named_batch)
"""The identity, by a name that a policy of `checkpoint` may speak of."""


def with_zeros(g: Node) -> Node:
    """A cotangent of which it shall be known that zeros were inserted: it has no name."""
    return named(g, name=None)


def has_zeros(g: Node) -> bool:
    return g.prim is named and g.params["name"] is None


def variable(x: Node, alone: Tokens) -> Node:
    """A fresh variable on `x`, whose value it shares. alone: the set of its token."""
    own = alone if x.tokens is EMPTY else union(x.tokens.inside(), alone)
    node = Node(VARIABLE, (x,), NO_PARAMS, x.shape, x.dtype, own, x.depth)
    node.value = x.value
    return node


def leave(x: Node, token: Token) -> Node:
    """The value of `x` for those outside the call that owns `token`: it no longer depends on that token."""
    if token not in x.tokens.members:
        return x
    return _depending(x, [t for t in x.tokens.members if t is not token])


def within(x: Node, tokens: Tokens) -> Node:
    """`x`, constant for the variables that are not among `tokens`: rewriting a node must not undo a cut."""
    members = x.tokens.members
    if members <= tokens.members or type(x.dtype) is tuple:  # of several outputs, each is cut by itself
        return x
    return _depending(x, [t for t in members if t.placeholder or t in tokens.members])


def _depending(x: Node, kept: list[Token]) -> Node:
    """The identity of `x` that depends on the `kept` tokens alone."""
    if len(kept) == len(x.tokens.members):
        return x
    node = Node(VARIABLE, (x,), NO_PARAMS, x.shape, x.dtype, Tokens(kept) if kept else EMPTY, x.depth)
    if x.value is not None:
        set_value(node, x.value)
    return node


def placeholder(shape: Shape, dtype: np.dtype, tokens: Tokens, name: str, whole: Node | None = None) -> Node:
    """A stand-in called `name` in messages; `whole` is the node of which it is one lane, on whose tokens it depends, too."""
    if whole is not None and whole.tokens is not EMPTY:
        tokens = union(tokens, whole.tokens.inside())
    return Node(PLACEHOLDER, (), {"name": name, "whole": whole}, shape, dtype, tokens, 1)


class _Detach(Constant):
    """The identity with derivative zero, on purpose."""

    __slots__ = ()

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        (x,) = inputs
        tokens = x.tokens
        if tokens is not EMPTY:
            tokens = tokens.inside()
            kept = [token for token in tokens.members if token.placeholder]
            if len(kept) < len(tokens.members):
                tokens = Tokens(kept) if kept else EMPTY
        node = Node(self, (x,), NO_PARAMS, x.shape, x.dtype, tokens, x.depth)
        if x.value is not None:
            node.value = x.value
            node.inputs = ()
        return node

    def same_as(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        return inputs[0]


def _detach_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return detach(inputs[0]), mapped[0]


detach = _Detach("detach", same, batch=_detach_batch)


def _output_shape(x: Node, index: int) -> tuple[Shape, np.dtype]:
    return x.shape[index], x.dtype[index]  # type: ignore[return-value]


class _Output(Primitive):
    """One output of a node that has several: its shape and dtype are tuples, and so are its value and tangent."""

    __slots__ = ()

    def same_as(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        return inputs[0].prim.same_as_output(inputs[0], node.params["index"])

    def push(self, node: Node, tangents: Sequence[Any]) -> Node | None:
        return None if tangents[0] is None else tangents[0][node.params["index"]]

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Any]:
        return ({node.params["index"]: g},)


def _output_batch(node: Node, inputs: Sequence[Any], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    index, whole, flags = node.params["index"], inputs[0], mapped[0]
    part = whole[index] if type(whole) is tuple else output(whole, index=index)
    return part, flags[index] if type(flags) is tuple else flags


output = _Output("output", _output_shape, batch=_output_batch)


def outputs(node: Node) -> list[Node]:
    """The outputs of a node that has several."""
    shapes: Any = node.shape
    dtypes: Any = node.dtype
    return [make(output, (node,), {"index": i}, shape, dtype) for i, (shape, dtype) in enumerate(zip(shapes, dtypes))]
