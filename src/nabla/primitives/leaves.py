"""Leaves: the variables of the imperative interface (`requires_grad=True`). A leaf is a node; handles on it share its `.grad`."""

from __future__ import annotations

import weakref
from typing import Any

from nabla.errors import ArgumentError, DTypeError, TracedValueError, user_line
from nabla.graph.node import NO_PARAMS, Node, runtime, set_value
from nabla.graph.tokens import Token, Tokens, cuts
from nabla.primitives.base import Constant, never, same
from nabla.primitives.structure import VARIABLE


class LeafToken(Token):
    """The token of a leaf. It lives as long as the leaf's node, and holds what backward added up."""

    __slots__ = ("_end", "grad")

    def __init__(self) -> None:
        super().__init__("requires_grad leaf")
        self.grad: Any = None  # a handle, or None
        self._end: Any = None

    def live_with(self, node: Node) -> None:
        self._end = weakref.ref(node, self._died)

    def _died(self, _: object) -> None:
        self._end = None
        self.grad = None
        self.kill()


LEAF = Constant("leaf", same, batch=never)


def make_leaf(x: Node, grad: Any = None, age: int | None = None) -> Node:
    """A new leaf with the value of `x`, and nothing of its history. It is as old as `age` says, for no_grad."""
    if x.dtype.kind not in "fc":
        raise DTypeError(f"requires_grad needs a real or complex floating tensor; this one has dtype {x.dtype}")
    if x.tokens.placeholder:
        raise TracedValueError("requires_grad needs a value, and under vmap a tensor has none; use nb.grad inside vmap")
    if x.value is None:
        runtime.realize((x,))
    token = LeafToken()
    token.grad = grad
    if age is not None:
        token.id = age
    node = Node(LEAF, (), {"token": token}, x.shape, x.dtype, Tokens((token,)), 0)
    node.value = x.value
    token.live_with(node)
    return node


def not_a_leaf(node: Node) -> Node:
    """`node`, or a step behind it if it is a leaf: what a copy stands on, so that writing to the copy is no write to the leaf."""
    if node.prim is not LEAF:
        return node
    copied = Node(VARIABLE, (node,), NO_PARAMS, node.shape, node.dtype, node.tokens.inside(), 0)
    set_value(copied, node.value)
    return copied


def is_leaf(node: Node) -> bool:
    return node.prim is LEAF


def leaf_token(node: Node) -> LeafToken:
    token: LeafToken = node.params["token"]
    return token


def inheritance(leaf: Node) -> tuple[Any, int]:
    """What a leaf that is written in place, which is allowed inside no_grad only, hands on to the one that takes its place: its
    `.grad` and its age."""
    if not cuts.active or not cuts.entry.get():
        raise ArgumentError(
            f"an in-place write to a requires_grad leaf (at {user_line()}) would lose its gradient. Write inside "
            f"`with nb.no_grad():` to update it, or out of place: y = x + 1 instead of x += 1."
        )
    token = leaf_token(leaf)
    return token.grad, token.id
