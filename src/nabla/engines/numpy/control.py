"""NumPy kernels: nodes that hold graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.graph.graph import Graph
from nabla.graph.node import runtime
from nabla.primitives import call as c
from nabla.primitives.base import Primitive
from nabla.primitives.conditional import COND
from nabla.primitives.scan import SCAN, Walk
from nabla.primitives.while_loop import WHILE, Loop


def _call(*values: Any, graph: Graph, engine: Any, **_: Any) -> Any:
    if runtime.away and engine.in_memory:
        runtime.devices.want_memory(values)
    return tuple(engine.executable(graph)(*values))


def _cond(index: Any, *operands: Any, branches: tuple[Graph, ...], **_: Any) -> Any:
    chosen = branches[min(max(int(index), 0), len(branches) - 1)]
    return tuple(runtime.compile(chosen)(*operands))


def _while(*values: Any, loop: Loop, **_: Any) -> Any:
    of_condition, of_body, carry = loop.split(values)
    test, step = runtime.compile(loop.condition), runtime.compile(loop.body)
    while test(*of_condition, *carry)[0]:
        carry = list(step(*of_body, *carry))
    return tuple(carry)


def _scan(*values: Any, walk: Walk, **_: Any) -> Any:
    constants, carry, stacks = walk.split(values)
    step = runtime.compile(walk.body)
    rows = [np.empty((walk.length, *x.shape), x.dtype) for x in walk.body.outputs[walk.of_carry :]]
    for i in range(walk.length - 1, -1, -1) if walk.reverse else range(walk.length):
        outs = list(step(*constants, *carry, *[x[i] for x in stacks]))
        carry = outs[: walk.of_carry]
        for stack, row in zip(rows, outs[walk.of_carry :]):
            stack[i] = row
    return (*carry, *rows)


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call, COND: _cond, WHILE: _while, SCAN: _scan}
