"""XLA kernels: nodes that hold graphs. Before their inputs they take `trace`: it writes a graph into the program."""

from __future__ import annotations

from math import prod
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
    read = _Packing(walk.body.inputs[walk.of_constants + walk.of_carry :])
    made = _Packing(walk.body.outputs[walk.of_carry :])

    def step(state: Any, rows: Any) -> Any:
        outs = trace(walk.body, [*constants, *state, *read.unpacked(rows, 0)])
        return tuple(outs[: walk.of_carry]), made.packed(outs[walk.of_carry :], 0)

    start = tuple(map(jnp.asarray, carry))
    last, rows = lax.scan(step, start, read.packed(stacks, 1), length=walk.length, reverse=walk.reverse)
    return (*last, *made.unpacked(rows, 1))


FEW = 16
"""Rows of so many numbers are packed with others: what a step reads and writes costs by the piece, not by the number."""


class _Packing:
    """Small rows of one dtype lie side by side in one. axis: 0 for rows, 1 for stacks of them."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.shapes = [x.shape for x in rows]
        groups: dict[Any, list[int]] = {}
        for i, x in enumerate(rows):
            groups.setdefault(x.dtype.str if x.size <= FEW else i, []).append(i)
        self.groups = list(groups.values())

    def packed(self, rows: Sequence[Any], axis: int) -> tuple[Any, ...]:
        return tuple(
            [
                lax.concatenate([jnp.reshape(rows[i], (*jnp.shape(rows[i])[:axis], prod(self.shapes[i]))) for i in group], axis)
                if len(group) > 1
                else jnp.asarray(rows[group[0]])
                for group in self.groups
            ]
        )

    def unpacked(self, packs: Sequence[Any], axis: int) -> list[Any]:
        rows: list[Any] = [None] * len(self.shapes)
        for group, pack in zip(self.groups, packs):
            start = 0
            for i in group:
                size = prod(self.shapes[i])
                part = lax.slice_in_dim(pack, start, start + size, axis=axis) if len(group) > 1 else pack
                rows[i] = jnp.reshape(part, (*pack.shape[:axis], *self.shapes[i]))
                start += size
        return rows


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call, COND: _cond, WHILE: _while, SCAN: _scan}
