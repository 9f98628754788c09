"""NumPy kernels: nodes that hold graphs."""

from __future__ import annotations

from typing import Any, Sequence

from nabla.engines.numpy.kernel import Kernel
from nabla.graph.graph import Graph
from nabla.graph.node import Node, runtime
from nabla.graph.tokens import EMPTY
from nabla.primitives import call as c
from nabla.primitives.base import Primitive
from nabla.primitives.conditional import COND
from nabla.primitives.scan import SCAN, Like, Walk
from nabla.primitives.structure import PLACEHOLDER, output
from nabla.primitives.while_loop import WHILE, Loop


def _call(*values: Any, graph: Graph, engine: Any, **_: Any) -> Any:
    return tuple(engine.serving(graph, values).executable(graph)(*values))


def _cond(index: Any, *operands: Any, branches: tuple[Graph, ...], **_: Any) -> Any:
    chosen = branches[min(max(int(index), 0), len(branches) - 1)]
    return tuple(runtime.compile(chosen)(*operands))


def _while(*values: Any, loop: Loop, **_: Any) -> Any:
    heads = [*loop.condition.inputs[: loop.of_condition], *loop.body.inputs]
    return _alone(loop.body, ("while", loop.condition, *loop[2:]), WHILE, {"loop": loop}, heads, loop.body.outputs)(*values)


def _scan(*values: Any, walk: Walk, **_: Any) -> Any:
    first = walk.of_constants + walk.of_carry
    heads = [*walk.body.inputs[:first], *[Like((walk.length, *x.shape), x.dtype) for x in walk.body.inputs[first:]]]
    return _alone(walk.body, ("scan", *walk[1:]), SCAN, {"walk": walk}, heads, walk.body.outputs)(*values)


def _alone(body: Graph, key: Any, prim: Primitive, params: dict[str, Any], heads: Sequence[Any], outs: Sequence[Node]) -> Any:
    """A node compiled by itself, once: the function of its inputs. Within a larger graph it is lines of that (writing.py)."""
    found = body.compiled.get(key)
    if found is None:
        inputs = tuple([Node(PLACEHOLDER, (), {"name": "input"}, x.shape, x.dtype, EMPTY, 0) for x in heads])
        # shapes of the stacks of rows do not matter: nobody looks at them before they are there
        shapes: Any = tuple([x.shape for x in outs])
        types: Any = tuple([x.dtype for x in outs])
        node = Node(prim, inputs, params, shapes, types, EMPTY, 0)
        parts = tuple([output(node, index=i) for i in range(len(outs))])
        found = body.compiled[key] = runtime.compile(Graph(inputs, (node, *parts), parts))
    return found


KERNELS: dict[Primitive, Kernel] = {c.CALL: _call, COND: _cond, WHILE: _while, SCAN: _scan}
