"""softmax, its logarithm, and the logarithm of a sum of exponentials, over axes.

As functions of exp, sum and log they would take ten primitives each, turn rows with infinities into NaN, and lose
the digits of a sum that one term rules. An infinity that several elements of a row share is shared by them equally,
as a maximum is.

Notation: out the result, dx a tangent, g a cotangent, p = softmax(x).
"""

from __future__ import annotations

from typing import AbstractSet, Sequence

from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.primitives.base import Primitive, same
from nabla.primitives.elementwise import product
from nabla.primitives.formulas import exp
from nabla.primitives.shape import batch_axes, reduce_sum, reduced_shape, restore_axes


def _total(x: Node, axes: tuple[int, ...]) -> Node:
    """The sum over `axes`, which stay as axes of size 1."""
    return restore_axes(reduce_sum(x, axes=axes), x.shape, axes)


class _Softmax(Primitive):
    """d p = p (dx - sum(p dx)); the Jacobian is symmetric."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        (dx,) = tangents
        assert dx is not None
        return node * (dx - _total(node * dx, node.params["axes"]))

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        return (product(g - _total(product(g, node, masked), node.params["axes"]), node, masked),)


class _LogSoftmax(Primitive):
    """d out = dx - sum(p dx) with p = exp(out)."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        (dx,) = tangents
        assert dx is not None
        return dx - _total(exp(node) * dx, node.params["axes"])

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        return (g - product(_total(g, node.params["axes"]), exp(node), masked),)


class _LogSumExp(Primitive):
    """d out = sum(p dx)."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        (x,), (dx,), axes = node.inputs, tangents, node.params["axes"]
        assert dx is not None
        return reduce_sum(softmax(x, axes=axes) * dx, axes=axes)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        (x,), axes = node.inputs, node.params["axes"]
        return (product(restore_axes(g, x.shape, axes) if g.shape else g, softmax(x, axes=axes), masked),)


softmax = _Softmax("softmax", same, batch=batch_axes)
log_softmax = _LogSoftmax("log_softmax", same, batch=batch_axes)
logsumexp = _LogSumExp("logsumexp", reduced_shape, batch=batch_axes)
