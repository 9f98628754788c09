"""XLA kernels: nodes that hold graphs. Before their inputs they take `trace`: it writes a graph into the program."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any, Callable, Sequence

import numpy as np

from nabla.dtypes import strong
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
    """A loop that counts its steps, which is also what becomes of lax.scan, but that is traced twice on the way."""
    constants, carry, stacks = walk.split(values)
    start = tuple(map(jnp.asarray, carry))
    read = _Packing(walk.body.inputs[walk.of_constants + walk.of_carry :])
    made = _Packing(walk.body.outputs[walk.of_carry :])
    packs, empty = read.stacks(stacks), made.empty(walk.length)
    if not walk.length:
        return (*start, *made.unpacked(empty, 1))

    def row(stack: Any, place: Any) -> Any:
        return lax.dynamic_index_in_dim(stack, place, keepdims=False, allow_negative_indices=False)

    def with_row(stack: Any, row: Any, place: Any) -> Any:
        return lax.dynamic_update_index_in_dim(stack, row, place, 0, allow_negative_indices=False)

    def step(state: Any) -> Any:
        count, carry, filled = state
        place = lax.sub(np.int64(walk.length - 1), count) if walk.reverse else count
        outs = trace(walk.body, [*constants, *carry, *read.unpacked([row(x, place) for x in packs], 0)])
        rows = made.rows(outs[walk.of_carry :])
        filled = tuple([with_row(x, row, place) for x, row in zip(filled, rows)])
        return lax.add(count, np.int64(1)), tuple(outs[: walk.of_carry]), filled

    _, last, full = lax.while_loop(lambda state: lax.lt(state[0], np.int64(walk.length)), step, (np.int64(0), start, empty))
    return (*last, *made.unpacked(full, 1))


FEW = 16
"""Rows of so many numbers are packed with others: what a step reads and writes costs by the piece, not by the number."""


class _Packing:
    """Small rows of one dtype lie side by side in one, and so do stacks of them."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.kinds = [(x.shape, x.dtype) for x in rows]
        groups: dict[Any, list[int]] = {}
        for i, x in enumerate(rows):
            groups.setdefault(x.dtype.str if x.size <= FEW else i, []).append(i)
        self.groups = list(groups.values())
        self.starts = [0] * len(rows)
        for group in self.groups:
            for i, after in pairwise(group):
                self.starts[after] = self.starts[i] + prod(self.kinds[i][0])

    def empty(self, length: int) -> tuple[Any, ...]:
        """Stacks of so many rows, to be filled."""
        packs = []
        for group in self.groups:
            (shape, dtype), last = self.kinds[group[0]], group[-1]
            width = self.starts[last] + prod(self.kinds[last][0])
            packs.append(lax.full((length, *(shape if len(group) == 1 else (width,))), 0, strong(dtype)))
        return tuple(packs)

    def rows(self, rows: Sequence[Any]) -> list[Any]:
        return [_packed([rows[i] for i in group], 0) for group in self.groups]

    def stacks(self, stacks: Sequence[Any]) -> list[Any]:
        return [self._stacks([stacks[i] for i in group], group) for group in self.groups]

    def _stacks(self, stacks: Sequence[Any], group: Sequence[int]) -> Any:
        found = [origins.of_parts.get(id(x)) for x in stacks]
        if found[0] is not None and all(x is not None and x.whole is found[0].whole for x in found):
            for i, x in zip(group, found):
                self.starts[i] = x.start  # type: ignore[union-attr]
            return found[0].whole
        return _packed(stacks, 1)

    def unpacked(self, packs: Sequence[Any], axis: int) -> list[Any]:
        """axis: 0 for rows, 1 for stacks of them."""
        rows: list[Any] = [None] * len(self.kinds)
        for group, pack in zip(self.groups, packs):
            if len(group) == 1:
                rows[group[0]] = pack
                continue
            for i in group:
                shape, start = self.kinds[i][0], self.starts[i]
                part = lax.slice_in_dim(pack, start, start + prod(shape), axis=axis)
                rows[i] = reshape(part, (*pack.shape[:axis], *shape))
                if axis:
                    origins.of_parts[id(rows[i])] = Part(rows[i], pack, start)
        return rows


def _packed(rows: Sequence[Any], axis: int) -> Any:
    if len(rows) == 1:
        return jnp.asarray(rows[0])
    return lax.concatenate([reshape(jnp.asarray(x), (*x.shape[:axis], prod(x.shape[axis:]))) for x in rows], axis)


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call, COND: _cond, WHILE: _while, SCAN: _scan}
