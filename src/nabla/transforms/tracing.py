"""Functions traced on stand-ins and closed into graphs: what control flow and checkpoint share."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.autodiff.closing import Piece, piece
from nabla.autodiff.interning import SMALL, changing, description, interned, is_small
from nabla.errors import ArgumentTypeError, TracedValueError, user_line
from nabla.graph.graph import Graph
from nabla.graph.node import Node, is_scalar
from nabla.graph.tokens import Token, Tokens
from nabla.ops.lift import as_node, born
from nabla.primitives.base import ALL_ONE, ALL_ZERO, constant
from nabla.primitives.leaves import LeafToken, reaching
from nabla.primitives.structure import placeholder
from nabla.tensor import Tensor
from nabla.transforms.trace import output_node, realize_free
from nabla.views import adopting


class Traced:
    """A function traced on stand-ins: its outputs as nodes, and their structure."""

    __slots__ = ("inputs", "outputs", "structure", "token", "what")

    def __init__(self, what: str, fn: Callable[..., Any], arguments: Sequence[tuple[str, tree.TreeDef, Sequence[Node]]]) -> None:
        """arguments: of each positional argument its name, structure, and nodes that its leaves are like."""
        self.what = what
        self.token = Token(what, placeholder=True, inlines=True)
        tokens = Tokens((self.token,))
        self.inputs: list[Node] = []
        opened = []
        for name, structure, likes in arguments:
            leaves = [placeholder(x.shape, x.dtype, tokens, path) for x, path in zip(likes, tree.paths(structure, name))]
            self.inputs += leaves
            opened.append(tree.unflatten(structure, [Tensor(x) for x in leaves]))
        marks = adopting.set(self._refuse), reaching.set(self._refuse_leaves)
        try:
            result = fn(*opened)
            values, self.structure = tree.flatten(result)
            places = tree.places(self.structure, "output")
            self.outputs = [weak(x) if is_scalar(x) else output_node(x, place, what) for x, place in zip(values, places)]
        except BaseException:
            self.token.kill()
            raise
        finally:
            adopting.reset(marks[0])
            reaching.reset(marks[1])

    def _refuse_leaves(self, leaves: Iterable[LeafToken], nodes: Sequence[Node]) -> None:
        """A backward to leaves: to those from outside it would add when the function is traced, not when it runs."""
        if any(token.id < self.token.id for token in leaves):
            raise TracedValueError(
                f"a backward at {user_line()}, inside the function that {self.what} (at {self.token.line}) traces, reaches a "
                f"requires_grad leaf from outside: it would add to its .grad once, however often the function runs. Return the "
                f"gradient instead, from nb.grad inside; or call backward outside, on the result."
            )

    def _refuse(self, x: Tensor, node: Node) -> bool:
        """A write to a tensor: one from outside would be written when the function is traced, not when it runs."""
        if (getattr(x, "_birth", None) or x._node.id) > self.token.id:
            return False
        raise TracedValueError(
            f"an in-place write at {user_line()} to a tensor of shape {x.shape} from outside the function that {self.what} (at "
            f"{self.token.line}) traces: it would be made once, however often the function runs. Return the new value instead, in "
            f"a loop as part of what it carries."
        )


def closed(*traced: Traced, outputs: Sequence[Sequence[Node]] | None = None) -> tuple[list[Graph], list[Node]]:
    """The graphs of traced functions, each of all that any of them captured from outside and then of its own inputs.

    The functions may be traced again and again, in a loop of Python: a graph that says the same as one before is that one.
    """
    ends = [t.outputs for t in traced] if outputs is None else outputs
    pieces = [piece(outs, t.inputs) for t, outs in zip(traced, ends)]
    captured: dict[Node, None] = {}
    for t, part in zip(traced, pieces):
        captured |= dict.fromkeys([*part.captured, *[x for x in part.constants if _may_change(x, t.token.id)]])
    drafts = _drawn(traced, pieces, captured)
    described = [description(x, SMALL) for x in drafts]
    numbers = dict.fromkeys([x for one in described for x in changing(one)])
    if numbers:
        captured |= numbers
        drafts = _drawn(traced, pieces, captured)
        described = [description(x, SMALL) for x in drafts]
    for t in traced:
        t.token.kill()
    return [interned(draft, one) for draft, one in zip(drafts, described)], list(captured)


def _drawn(traced: Sequence[Traced], pieces: Sequence[Piece], captured: Iterable[Node]) -> list[Graph]:
    """The graphs with what is captured as their first inputs."""
    graphs = []
    for t, part in zip(traced, pieces):
        sources = [*captured, *t.inputs]
        names = [f"captured {i}" for i in range(len(sources) - len(t.inputs))]
        graphs.append(part.graph(sources, [*names, *[x.params["name"] for x in t.inputs]], t.token))
    return graphs


def _may_change(x: Node, since: int) -> bool:
    """Whether a value at hand may be another one in the same graph, traced next time: it was there before the trace began
    (`since`), or it is large."""
    if x.params is ALL_ZERO or x.params is ALL_ONE:
        return False
    return 0 < x.id < since or not is_small(x)


def leaves_of(x: Any, what: str, name: str) -> tuple[list[Node], tree.TreeDef]:
    values, structure = tree.flatten(x)
    nodes = []
    for value, path in zip(values, tree.places(structure, name)):
        if is_scalar(value):
            nodes.append(weak(value))
        elif isinstance(value, (Tensor, np.ndarray, np.generic)) or hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
            nodes.append(as_node(value))
        else:
            raise ArgumentTypeError(
                f"{what}: {path} is a {type(value).__name__}; give numbers, arrays, tensors or pytrees of these"
            )
    return nodes, structure


def weak(value: bool | int | float | complex) -> Node:
    dtype = dtypes.of_scalar(value)
    if not isinstance(value, bool):
        dtype = dtypes.weak(dtype)
    return constant(dtype.type(value), dtype)


def given(nodes: Sequence[Node], structure: tree.TreeDef) -> Any:
    realize_free(nodes)
    return tree.unflatten(structure, [born(x) for x in nodes])
