"""Pictures and listings of graphs: what a function or a value is made of."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from nabla import tree
from nabla.autodiff.closing import close
from nabla.errors import ArgumentTypeError
from nabla.graph.graph import Graph
from nabla.graph.node import Node, runtime
from nabla.graph.printing import listing, type_of
from nabla.graph.tokens import Token, Tokens
from nabla.graph.walk import by_id
from nabla.ops.lift import as_node
from nabla.primitives.structure import placeholder
from nabla.tensor import Tensor
from nabla.transforms.trace import is_free, output_node, realize_free, want_callable, wraps


def make_graph(fn: Callable[..., Any]) -> Callable[..., Graph]:
    """A function that traces `fn` on arguments like the given ones and returns its graph; print it to read it.

    The arguments are arrays or pytrees of arrays; only their shapes and dtypes matter.

    >>> import nabla as nb
    >>> print(nb.make_graph(lambda x, y: nb.sin(x) * y)(1.0, 2.0))
    %0: float64[] = placeholder name=args[0]
    %1: float64[] = placeholder name=args[1]
    %2: float64[] = sin %0
    %3: float64[] = multiply %2 %1
    return %3
    """
    want_callable("make_graph", fn)

    def traced(*args: Any) -> Graph:
        token = Token("make_graph", placeholder=True, inlines=True)
        tokens = Tokens((token,))
        inputs: list[Node] = []

        def stand_in(x: Any, path: str) -> Tensor:
            node = as_node(x)
            inputs.append(placeholder(node.shape, node.dtype, tokens, path))
            return Tensor(inputs[-1])

        try:
            opened = []
            for i, x in enumerate(args):
                leaves, structure = tree.flatten(x)
                paths = tree.paths(structure, f"args[{i}]")
                opened.append(tree.unflatten(structure, [stand_in(leaf, p) for leaf, p in zip(leaves, paths)]))
            result = fn(*opened)
            values, structure = tree.flatten(result)
            outputs = [output_node(x, p, "make_graph") for x, p in zip(values, tree.paths(structure, "output"))]
            names = [x.params["name"] for x in inputs]
            graph, captured = close(outputs, inputs, names)
            if any(is_free(x) for x in captured):  # only pending: with their values they are constants
                realize_free(captured)
                graph, _ = close(outputs, inputs, names)
        finally:
            token.kill()
        return graph

    return wraps(fn, traced)


def history(outputs: Any) -> list[Node]:
    """The nodes that are still known of what `outputs`, a tensor or pytree of tensors, was made from; oldest first."""
    leaves = tree.leaves(outputs)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(f"expected a tensor or a pytree of tensors; got a {type(x).__name__}")
    return _ancestors([x._node for x in leaves])


def _ancestors(nodes: Sequence[Node]) -> list[Node]:
    seen = set(nodes)
    stack = list(nodes)
    while stack:
        for x in stack.pop().inputs:
            if x not in seen and not (x.value is not None and not x.inputs and not x.tokens.members):
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=by_id)


def show(outputs: Any) -> None:
    """Print what is still known of the graph behind a tensor or pytree of tensors.

    >>> import nabla as nb
    >>> x = nb.array([1.0, 2.0], requires_grad=True)
    >>> nb.show(nb.sin(x).sum())
    %0: float64[2] = leaf
    %1: float64[2] = sin %0
    %2: float64[]  = sum %1 axes=(0,)
    return %2
    """
    history(outputs)
    _show([x._node for x in tree.leaves(outputs)])


def _show(nodes: Sequence[Node]) -> None:
    print(listing(_ancestors(nodes), nodes))


def to_dot(outputs: Any) -> str:
    """The graph behind a tensor, a pytree of tensors or a `make_graph` result, in the DOT language of Graphviz.

    >>> import nabla as nb
    >>> print(nb.to_dot(nb.make_graph(nb.sin)(1.0)))
    digraph {
      node [shape=box, fontname="monospace"];
      n0 [label="args[0]\\nfloat64[]", style=filled, fillcolor="#dbeafe"];
      n1 [label="sin\\nfloat64[]", style=filled, fillcolor="#dcfce7"];
      n0 -> n1;
    }
    """
    if isinstance(outputs, Graph):
        nodes: list[Node] = [*outputs.inputs, *outputs.nodes]
        ends = set(outputs.outputs)
    else:
        nodes = history(outputs)
        ends = {x._node for x in tree.leaves(outputs)}
    names = {node: f"n{i}" for i, node in enumerate(nodes)}
    lines = ["digraph {", '  node [shape=box, fontname="monospace"];']
    for node in nodes:
        label = node.params.get("name", node.prim.name) if not node.inputs else node.prim.name
        color = "#dcfce7" if node in ends else "#ffffff" if node.inputs else "#dbeafe"
        lines.append(f'  {names[node]} [label="{label}\\n{type_of(node)}", style=filled, fillcolor="{color}"];')
    for node in nodes:
        lines += [f"  {names[x]} -> {names[node]};" for x in node.inputs if x in names]
    lines.append("}")
    return "\n".join(lines)


runtime.show = _show
