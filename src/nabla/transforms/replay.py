"""A pullback among the residuals of a custom rule, taken apart: a graph, and the nodes it hangs on, which a batch may replace."""

from __future__ import annotations

from typing import Any, Sequence

from nabla import tree
from nabla.autodiff.closing import close, inline
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.structure import leave, placeholder
from nabla.transforms.trace import hand_out
from nabla.transforms.vjp import Pullback, cotangents_of


class Transposed:
    """What a pullback computes, as a graph of the cotangents and of `nodes`."""

    __slots__ = ("_graph", "_outputs", "_paths", "_spans", "_structure", "_structures", "nodes")

    def __init__(self, pullback: Pullback) -> None:
        call = pullback._call
        tokens = Tokens((Token("pullback", placeholder=True, inlines=True),))
        self._outputs = [placeholder(x.shape, x.dtype, tokens, "a cotangent") for x in call.outputs]
        moving = [x for x in self._outputs if x.dtype.kind in "fc"]
        grads = pullback._sweep([x if x.dtype.kind in "fc" else None for x in self._outputs])
        self._graph, captured = close(grads, moving)
        self.nodes = [leave(x, call.trace.token) for x in captured]
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
