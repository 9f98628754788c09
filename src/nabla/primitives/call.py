"""call: a node that holds a closed graph, which an engine runs as one. Its rules are the sweeps applied to the graph.

The sweeps lie above the primitives, so autodiff hands them in (`graphs`). Where an input is live, which is to say that a running
transform may differentiate the node, the node runs the graph in its extended form: after the outputs of the graph come the
residuals that its derivatives read.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Callable, Sequence

from nabla.graph.graph import Graph
from nabla.graph.node import Node, make
from nabla.graph.simplify import Reduced, heads_read, simplify
from nabla.graph.tokens import EMPTY, Token
from nabla.primitives import elementwise, formulas, indexing, joining, shape
from nabla.primitives.base import Primitive, no_infer
from nabla.primitives.kinds import depends
from nabla.primitives.structure import output

for _primitive in (
    shape.convert, shape.real, shape.imag, shape.conj, shape.reshape, shape.broadcast, shape.transpose, shape.flip,
    joining.concat, indexing.index, indexing.assemble, elementwise.add, elementwise.mul, elementwise.safe_mul, elementwise.neg,
    formulas.sub, formulas.square, formulas.abs_, formulas.maximum, formulas.minimum, formulas.select, formulas.greater,
    formulas.less, formulas.greater_equal, formulas.less_equal, formulas.equal, formulas.not_equal,
):  # fmt: skip
    _primitive.cheap = True


class Sweeps:
    """Closing graphs and the sweeps on them, handed in by autodiff/graphs.py."""

    __slots__ = ("batched", "build", "close", "extract", "inline", "linearization")
    linearization: Callable[..., Any]
    batched: Callable[..., Any]
    build: Callable[[Callable[[list[Node]], Sequence[Node]], Sequence[Node]], Graph]
    close: Callable[..., tuple[Graph, list[Node]]]
    extract: Callable[..., Graph]
    inline: Callable[[Graph, Sequence[Node]], list[Node]]


sweeps = Sweeps()


def is_live(x: Node) -> bool:
    """Whether a transform that still runs, or a leaf, may differentiate by what x hangs on."""
    tokens = x.tokens
    return tokens is not EMPTY and any(token.running and not token.placeholder for token in tokens.members)


def modes_of(inputs: Sequence[Node]) -> frozenset[str]:
    """By which sweeps the live inputs may be differentiated: what a node keeps for them depends on it."""
    return frozenset(
        "forward" if token.forward else "reverse"
        for x in inputs
        for token in x.tokens.members
        if token.running and not token.placeholder
    )


def kinds_of(nodes: Sequence[Any]) -> Any:
    """Shapes and dtypes, as part of a key: weak dtypes equal others."""
    return tuple([(x.shape, id(x.dtype)) for x in nodes])


def is_inlined(x: Node) -> bool:
    """Whether x hangs on an input of a graph that is being traced, to be compiled as a whole."""
    tokens = x.tokens
    return tokens.placeholder and any(token.inlines for token in tokens.members)


class _Call(Primitive):
    """The outputs of a closed graph at its inputs.

    params: graph, what is run; linearization, where the graph is an extended one; engine, which runs it; keep, which
    values are kept for derivatives (autodiff/graphs.py).
    """

    __slots__ = ()
    adapts = True

    def rebuild(self, node: Node, inputs: Sequence[Node]) -> Node:
        return _made(node.params["graph"], inputs, node.params["engine"], node.params["keep"])

    def push(self, node: Node, tangents: Sequence[Any]) -> Any:
        moving = tuple(i for i, dx in enumerate(tangents) if dx is not None)
        opened, known = opened_at(node, moving)
        derived = opened.push(moving)
        found = _apply(node, derived, known, [tangents[i] for i in moving])
        return found if any(x is not None for x in found) else None

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Any]:
        wants = tuple(i for i, x in enumerate(node.inputs) if x.dtype.kind in "fc" and depends(x, wanted))
        opened, known = opened_at(node, wants)
        gives = tuple(sorted(g))
        derived = opened.pull(gives, masked, wants)
        found = dict(zip(wants, _apply(node, derived, known, [g[i] for i in gives])))
        return [found.get(i) for i in range(len(node.inputs))]

    def reduced(self, node: Node, used: AbstractSet[int]) -> Reduced | None:
        graph: Graph = node.params["graph"]
        chosen = sorted(used)
        small = simplify(Graph(graph.inputs, graph.nodes, tuple([graph.outputs[i] for i in chosen])))
        read = heads_read(small, small.outputs)
        taken = [k for k, x in enumerate(small.inputs) if x in read]
        small = Graph(tuple([small.inputs[k] for k in taken]), small.nodes, small.outputs)
        params = {**node.params, "graph": small, "linearization": None}
        shapes: Any = tuple(x.shape for x in small.outputs)
        types: Any = tuple(x.dtype for x in small.outputs)
        made = make(CALL, tuple([node.inputs[k] for k in taken]), params, shapes, types)
        parts = [output(made, index=n) for n in range(len(chosen))]
        return Reduced((made, *parts), dict(zip(chosen, parts)))

    def inserted(self, gx: Node) -> bool:
        """Said when the derivative graph was made, of each of its outputs."""
        return marked(gx)


def marked(gx: Node) -> bool:
    """Whether the node that holds a derivative graph says of its output `gx` that zeros were inserted."""
    masked = gx.inputs[0].params.get("masked") if gx.prim is output and gx.inputs else None
    return bool(masked[gx.params["index"]]) if masked else False


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Any:
    found = sweeps.batched(node.params["graph"], tuple(mapped), size)
    made = _made(found.graph, inputs, node.params["engine"], node.params["keep"])
    return made, found.mapped


CALL = _Call("call", no_infer, batch=_batch, masks=True)


def _made(graph: Graph, inputs: Sequence[Node], engine: Any, keep: Any, masked: tuple[bool, ...] = ()) -> Node:
    live = tuple(x.dtype.kind in "fc" and is_live(x) for x in inputs)
    opened = None
    run = graph
    if True in live:
        opened = sweeps.linearization(graph, live, modes_of(inputs), keep)
        run = opened.extended
    params = {"graph": run, "linearization": opened, "engine": engine, "keep": keep, "masked": masked}
    outs = run.outputs
    shapes: Any = tuple(x.shape for x in outs)
    types: Any = tuple(x.dtype for x in outs)
    return make(CALL, tuple(inputs), params, shapes, types)


def call(graph: Graph, inputs: Sequence[Node], engine: Any, keep: Any = None) -> list[Node]:
    """The outputs of `graph` at `inputs`, run by `engine` as one; in a graph that is being traced, its operations."""
    if keep is None and any(is_inlined(x) for x in inputs):
        return sweeps.inline(graph, inputs)
    node = _made(graph, inputs, engine, keep)
    return [output(node, index=i) for i in range(len(graph.outputs))]


def opened_at(node: Node, moving: Sequence[int]) -> tuple[Any, list[Node]]:
    """The linearization that the rules of a node use, and the nodes of its residuals."""
    opened = node.params["linearization"]
    if opened is not None and all(opened.live[i] for i in moving):
        first = opened.count
        return opened, [output(node, index=i) for i in range(first, len(node.shape))]
    # differentiated by what nobody could foresee: all is computed again
    chosen = set(moving)
    live = tuple(i in chosen for i in range(len(node.inputs)))
    return sweeps.linearization(node.params["graph"], live, frozenset(), None), []


def _apply(node: Node, derived: Any, residuals: Sequence[Node], directions: Sequence[Node]) -> list[Node | None]:
    """A derivative graph at the inputs and residuals of `node`."""
    inputs = [*[node.inputs[i] for i in derived.primals], *[residuals[i] for i in derived.residuals], *directions]
    masked = [False] * len(derived.graph.outputs)
    for number, mark in zip(derived.results, derived.masked):
        if number is not None:
            masked[number] = mark
    made = _made(derived.graph, inputs, node.params["engine"], None, tuple(masked))
    return [None if i is None else output(made, index=i) for i in derived.results]
