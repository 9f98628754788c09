"""XLA kernels: nodes that hold graphs. Before their inputs they take `trace`: it writes a graph into the program."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.graph.graph import Graph
from nabla.primitives import call as c
from nabla.primitives.base import Primitive
from nabla.primitives.conditional import COND
from nabla.primitives.scan import SCAN, Walk
from nabla.primitives.while_loop import WHILE, Loop

Trace = Callable[[Graph, Sequence[Any]], list[Any]]


def _call(trace: Trace, *values: Any, graph: Graph, **_: Any) -> Any:
    # What is computed again backwards must not be found to be what was computed forwards.
    return tuple(trace(graph, lax.optimization_barrier(values)))


def _cond(trace: Trace, index: Any, *operands: Any, branches: tuple[Graph, ...], **_: Any) -> Any:
    chosen = lax.clamp(np.int64(0), lax.convert_element_type(index, np.int64), np.int64(len(branches) - 1))
    return lax.switch(chosen, [lambda *xs, graph=graph: tuple(trace(graph, xs)) for graph in branches], *operands)


def _while(trace: Trace, *values: Any, loop: Loop, **_: Any) -> Any:
    of_condition, of_body, carry = loop.split(values)
    return lax.while_loop(
        lambda state: trace(loop.condition, [*of_condition, *state])[0],
        lambda state: tuple(trace(loop.body, [*of_body, *state])),
        tuple(map(jnp.asarray, carry)),
    )


def _scan(trace: Trace, *values: Any, walk: Walk, **_: Any) -> Any:
    constants, carry, stacks = walk.split(values)

    def step(state: Any, rows: Any) -> Any:
        outs = trace(walk.body, [*constants, *state, *rows])
        return tuple(outs[: walk.of_carry]), tuple(outs[walk.of_carry :])

    last, rows = lax.scan(
        step, tuple(map(jnp.asarray, carry)), tuple(stacks), length=walk.length, reverse=walk.reverse
    )  # fmt: skip
    return (*last, *rows)


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call, COND: _cond, WHILE: _while, SCAN: _scan}
