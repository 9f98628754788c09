"""A pullback among the residuals of a custom rule, taken apart: a graph, and the nodes it hangs on, which a batch may replace."""

from __future__ import annotations

from typing import Any, Sequence

from nabla import tree
from nabla.autodiff.closing import close, inline
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.structure import leave, placeholder
from nabla.transforms.trace import KeptCall, hand_out
from nabla.transforms.vjp import Pullback, cotangents_of


def taken_apart(pullback: Pullback) -> tuple[Transposed, list[Node]]:
    """What a pullback computes, and the nodes that it hangs on."""
    call = pullback._call
    tokens = Tokens((Token("pullback", placeholder=True, inlines=True),))
    stand_ins = [placeholder(x.shape, x.dtype, tokens, "a cotangent") for x in call.outputs]
    moving = [x for x in stand_ins if x.dtype.kind in "fc"]
    grads = pullback._sweep([x if x.dtype.kind in "fc" else None for x in stand_ins])
    graph, captured = close(grads, moving)
    return Transposed(call, graph, stand_ins), [leave(x, call.trace.token) for x in captured]


class Transposed:
    """What a pullback computes, as a graph of the cotangents and of the nodes that it hangs on."""

    __slots__ = ("_graph", "_outputs", "_paths", "_spans", "_structure", "_structures")

    def __init__(self, call: KeptCall, graph: Graph, outputs: Sequence[Node]) -> None:
        self._graph = graph
        self._outputs = outputs
        self._structure, self._paths = call.structure, call.paths
        self._spans, self._structures = call.spans, call.structures

    def on(self, nodes: Sequence[Node]) -> Any:
        """The pullback on other nodes."""

        def pullback(cotangent: Any) -> tuple[Any, ...]:
            given = cotangents_of("pullback", cotangent, self._outputs, self._structure, self._paths)
            grads = inline(self._graph, [*[g for g in given if g is not None], *nodes])
            values = [hand_out(g) for g in grads]
            return tuple(
                tree.unflatten(structure, values[start:stop]) for (start, stop), structure in zip(self._spans, self._structures)
            )

        return pullback
