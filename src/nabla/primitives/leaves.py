"""Leaves: the variables of the imperative interface (`requires_grad=True`). A leaf is a node; handles on it share its `.grad`."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any, Callable, Iterable, Sequence

from nabla.errors import ArgumentError, DTypeError, TracedValueError, user_line
from nabla.graph.node import NO_PARAMS, Node, runtime, set_value
from nabla.graph.tokens import Token, Tokens, cuts
from nabla.primitives.base import Constant, never, same
from nabla.primitives.structure import VARIABLE, detach, variable

reaching: ContextVar[Callable[[Iterable[LeafToken], Sequence[Node]], None] | None] = ContextVar("nabla_reaching", default=None)
"""Who is asked, while a function is traced, whether the gradients of these nodes may be added into the `.grad` of these leaves."""


class LeafToken(Token):
    """The token of a leaf. It lives as long as the leaf's node, and holds what backward added up."""

    __slots__ = ("_end", "grad", "home")

    def __init__(self, home: Token | None = None) -> None:
        super().__init__("requires_grad leaf")
        self.grad: Any = None  # a handle, or None
        self.home = home  # the trace of a function in which it stands for a leaf outside
        self._end: Any = None

    def live_with(self, node: Node) -> None:
        self._end = weakref.ref(node, self._died)

    def _died(self, _: object) -> None:
        self._end = None
        self.grad = None
        self.kill()


LEAF = Constant("leaf", same, batch=never)


def make_leaf(x: Node, heir_of: LeafToken | None = None) -> Node:
    """A new leaf with the value of `x`, and nothing of its history. heir_of: that of a leaf in whose place it stands, with its
    `.grad`, and as old as that for no_grad."""
    if x.dtype.kind not in "fc":
        raise DTypeError(f"requires_grad needs a real or complex floating tensor; this one has dtype {x.dtype}")
    if any(token.placeholder and not token.traces for token in x.tokens.members):
        raise TracedValueError("requires_grad needs a value, and under vmap a tensor has none; use nb.grad inside vmap")
    token = LeafToken()
    if heir_of is not None:
        token.grad, token.id, token.home = heir_of.grad, heir_of.id, heir_of.home
    if x.tokens.placeholder:
        return traced_leaf(detach(x), token)
    if x.value is None:
        runtime.realize((x,))
    node = Node(LEAF, (), {"token": token}, x.shape, x.dtype, Tokens((token,)), 0)
    node.value = x.value
    token.live_with(node)
    return node


def traced_leaf(x: Node, token: LeafToken) -> Node:
    """A leaf in a graph that is being traced: a variable."""
    node = variable(x, Tokens((token,)))
    node.params = {"token": token}
    token.live_with(node)
    return node


def not_a_leaf(node: Node) -> Node:
    """`node`, or a step behind it if it is a leaf: what a copy stands on, so that writing to the copy is no write to the leaf."""
    if not is_leaf(node):
        return node
    copied = Node(VARIABLE, (node,), NO_PARAMS, node.shape, node.dtype, node.tokens.inside(), 0)
    set_value(copied, node.value)
    return copied


def is_leaf(node: Node) -> bool:
    return node.prim is LEAF or (node.prim is VARIABLE and node.params is not NO_PARAMS)


def leaf_token(node: Node) -> LeafToken:
    token: LeafToken = node.params["token"]
    return token


def inheritance(leaf: Node) -> LeafToken:
    """The token of a leaf that is written in place, which is allowed inside no_grad only."""
    if not cuts.active or not cuts.entry.get():
        raise ArgumentError(
            f"an in-place write to a requires_grad leaf (at {user_line()}) would lose its gradient. Write inside "
            f"`with nb.no_grad():` to update it, or out of place: y = x + 1 instead of x += 1."
        )
    return leaf_token(leaf)
