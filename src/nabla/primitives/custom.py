"""A call of a function with derivative rules of the user's own (transforms/custom.py), and a call of a function outside.

The inputs of `custom` are the arguments of the call, the results as they were computed, the residuals that the reverse rule
wants, and the named axes that collectives in the rules may speak of. Its value is that of the results. It differentiates with
respect to the arguments alone, by the rule of the call: the results come without a history, and the residuals are ordinary nodes,
so that an outer transform differentiates them, and what the rule makes of them, as the code that it is.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Callable, Sequence

import numpy as np

from nabla.errors import NotDifferentiableError, user_line
from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.primitives.base import Opaque, Shape, params_of
from nabla.primitives.kinds import General, depends, derived
from nabla.primitives.shape import spread


class Rule:
    """How one call is differentiated and batched. The rules take the node, whose first inputs are the arguments.

    jvp(node, tangents) -> tangent or None of each result              tangents: of the arguments, None for zero
    vjp(node, g, wants) -> cotangent or None of each argument          g: by the number of the result
    batch(node, inputs, mapped, size) -> node

    A rule without jvp and vjp is transparent: the results bring their own derivative.
    """

    __slots__ = ()
    name = "the results of a call"
    axes: Sequence[tuple[str, int]] = ()
    """Named axes of vmaps around the call that the arguments differ along, and their sizes. The last inputs stand for them."""
    jvp: Callable[[Node, Sequence[Node | None]], Sequence[Node | None]] | None = None
    vjp: Callable[[Node, dict[int, Node], Sequence[bool]], Sequence[Node | None]] | None = None

    def __repr__(self) -> str:
        return self.name

    def batch(self, node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Node:
        """The call for all lanes. This one, of a rule that is transparent: the results of all lanes."""
        start, count = node.params["arguments"], node.params["results"]
        results = [spread(x, flag, size) for x, flag in zip(inputs[start : start + count], mapped[start:])]
        return bare(results)


def _custom_shape(*inputs: Node, rule: Rule, arguments: int, results: int) -> tuple[Any, Any]:
    outs = inputs[arguments : arguments + results]
    return tuple([x.shape for x in outs]), tuple([x.dtype for x in outs])


def _custom_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    return node.params["rule"].batch(node, inputs, mapped, size), True


class _Custom(General):
    """Both modes are those of the call's rule; one that it lacks is derived from the other."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Any:
        rule, start = node.params["rule"], node.params["arguments"]
        if rule.jvp is None and rule.vjp is None:
            own = tangents[start : start + node.params["results"]]
            return None if all(dx is None for dx in own) else own
        given = tangents[:start]
        if all(dx is None for dx in given):
            return None
        return derived.push(self, node, given) if rule.jvp is None else rule.jvp(node, given)

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        rule, start = node.params["rule"], node.params["arguments"]
        if rule.jvp is None and rule.vjp is None:
            return [None] * start + [g.get(i) for i in range(node.params["results"])]
        wants = [depends(x, wanted) for x in node.inputs[:start]]
        return derived.pull(self, node, g, wants, masked) if rule.vjp is None else rule.vjp(node, g, wants)

    def title(self, node: Node) -> str:
        return node.params["rule"].name

    def same_as_output(self, node: Node, index: int) -> Node | None:
        return node.inputs[node.params["arguments"] + index]

    def carriers(self, node: Node) -> Sequence[Node]:
        rule, start = node.params["rule"], node.params["arguments"]
        return node.inputs if rule.jvp is None and rule.vjp is None else node.inputs[:start]


custom = _Custom(
    "custom",
    _custom_shape,
    jvp=lambda node, tangents: node.params["rule"].jvp(node, tangents),
    vjp=lambda node, g, wants: node.params["rule"].vjp(node, g, wants),
    batch=_custom_batch,
)

_TRANSPARENT = Rule()


def bare(results: Sequence[Node]) -> Node:
    """The results alone, as one node, with the derivatives that they have themselves."""
    return custom(*results, rule=_TRANSPARENT, arguments=0, results=len(results))


# A function outside: it is called on ndarrays, and what it does with them cannot be seen.


class _Callback(Opaque):
    """host(arrays, levels) gives the arrays of the declared shapes and dtypes; `levels` are the vmaps around the call, the
    outermost first, each with its size and which inputs are mapped."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Any:
        raise self._without_rule(node)

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Any:
        if any(depends(x, wanted) and x.dtype.kind in "fc" for x in node.inputs):
            raise self._without_rule(node)
        return (None,) * len(node.inputs)

    def _without_rule(self, node: Node) -> NotDifferentiableError:
        return NotDifferentiableError(
            f"the host function {node.params['host'].name} was differentiated (at {user_line()}), and what it computes cannot be "
            f"seen. Give its derivative, with vjp= or jvp= of nb.pure_callback or, for any order, with nb.custom_vjp around it; "
            f"or ask for differences with finite_differences=True."
        )


def _callback_shape(
    *inputs: Node, host: Any, shapes: tuple[Shape, ...], dtypes: tuple[np.dtype, ...], levels: tuple[Any, ...]
) -> tuple[Any, Any]:
    sizes = tuple(size for size, _ in levels)
    return tuple((*sizes, *shape) for shape in shapes), dtypes


def _callback_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    levels = ((size, tuple(mapped)), *node.params["levels"])
    return callback(*inputs, **params_of(node, levels=levels)), True


callback = _Callback("callback", _callback_shape, batch=_callback_batch, eager=lambda node: True)
