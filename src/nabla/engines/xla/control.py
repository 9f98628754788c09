"""XLA kernels: nodes that hold graphs. Before their inputs they take `trace`: it writes a graph into the program."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any, Callable, Sequence

import numpy as np

from nabla.engines.xla.kernel import Kernel, Part, jnp, lax, origins, reshape
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
        self.starts = [0] * len(rows)
        for group in self.groups:
            for i, after in pairwise(group):
                self.starts[after] = self.starts[i] + prod(self.shapes[i])

    def packed(self, rows: Sequence[Any], axis: int) -> tuple[Any, ...]:
        return tuple([self._pack([rows[i] for i in group], group, axis) for group in self.groups])

    def _pack(self, rows: Sequence[Any], group: Sequence[int], axis: int) -> Any:
        if len(rows) == 1:
            return jnp.asarray(rows[0])
        found = [origins.of_parts.get(id(x)) for x in rows]
        if found[0] is not None and all(x is not None and x.whole is found[0].whole and x.axis == axis for x in found):
            for i, x in zip(group, found):
                self.starts[i] = x.start  # type: ignore[union-attr]
            return found[0].whole
        return lax.concatenate([reshape(jnp.asarray(x), (*x.shape[:axis], prod(x.shape[axis:]))) for x in rows], axis)

    def unpacked(self, packs: Sequence[Any], axis: int) -> list[Any]:
        rows: list[Any] = [None] * len(self.shapes)
        for group, pack in zip(self.groups, packs):
            if len(group) == 1:
                rows[group[0]] = pack
                continue
            for i in group:
                start = self.starts[i]
                part = lax.slice_in_dim(pack, start, start + prod(self.shapes[i]), axis=axis)
                rows[i] = reshape(part, (*pack.shape[:axis], *self.shapes[i]))
                origins.of_parts[id(rows[i])] = Part(rows[i], pack, start, axis)
        return rows


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call, COND: _cond, WHILE: _while, SCAN: _scan}
