"""The kinds of primitives whose rules follow from formulas: linear, multilinear, general. Elementwise: elementwise.py.

Notation: x an input, dx its tangent, g the cotangent of the result.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Callable, Sequence

from nabla.graph.node import Node
from nabla.graph.tokens import Token
from nabla.primitives.base import Batch, Infer, Primitive, zeros_like


def depends(x: Node, wanted: AbstractSet[Token]) -> bool:
    """Whether `x` hangs on one of the variables whose cotangents are asked for."""
    return not wanted.isdisjoint(x.tokens.members)


class Linear(Primitive):
    """Jointly linear in the inputs that have a transpose; `None` marks an input that is only a parameter (an index)."""

    __slots__ = ("accumulates", "transposes")

    def __init__(
        self,
        name: str,
        infer: Infer,
        *transposes: Callable[..., Node | None] | None,
        batch: Batch,
        masks: bool = False,
        accumulates: bool = False,
        eager: Callable[[Node], bool] | None = None,
    ) -> None:
        super().__init__(name, infer, batch=batch, masks=masks, eager=eager)
        self.transposes = transposes
        self.accumulates = accumulates

    def transpose_of(self, position: int) -> Callable[..., Node | None] | None:
        """The transpose for one input; the last one given serves all further inputs (concat)."""
        return self.transposes[min(position, len(self.transposes) - 1)]

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        inputs = []
        live = False
        for i, (x, dx) in enumerate(zip(node.inputs, tangents)):
            if self.transpose_of(i) is None:
                inputs.append(x)
            elif dx is None:
                inputs.append(zeros_like(x))
            else:
                inputs.append(dx)
                live = True
        return self.rebuild(node, inputs) if live else None

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        inputs = node.inputs
        params = node.params
        if len(inputs) == 1:
            return (self.transposes[0](g, inputs[0], **params),)  # type: ignore[misc]
        result: list[Node | None] = []
        for i, x in enumerate(inputs):
            transpose = self.transpose_of(i)
            if transpose is None or not depends(x, wanted):
                result.append(None)
            elif i < len(self.transposes) - 1 or len(self.transposes) == len(inputs):
                result.append(transpose(g, *inputs, **params))
            else:
                result.append(transpose(g, *inputs, position=i, **params))
        return result


class Multilinear(Primitive):
    """Linear in each input by itself (a product): a transpose for each input."""

    __slots__ = ("transposes",)

    def __init__(self, name: str, infer: Infer, *transposes: Callable[..., Node], batch: Batch) -> None:
        super().__init__(name, infer, batch=batch)
        self.transposes = transposes

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        total: Node | None = None
        for i, dx in enumerate(tangents):
            if dx is not None:
                term = self.rebuild(node, (*node.inputs[:i], dx, *node.inputs[i + 1 :]))
                total = term if total is None else total + term
        return total

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        return [
            transpose(g, *node.inputs, **node.params) if depends(x, wanted) else None
            for x, transpose in zip(node.inputs, self.transposes)
        ]


class General(Primitive):
    """A forward rule, a reverse rule, or both. A missing one is derived from the other by the sweeps.

    jvp(node, tangents) -> tangent            tangents: one per input, None for zero
    vjp(node, g, wants) -> cotangents         wants: one bool per input; a sequence with None where not wanted
    """

    __slots__ = ("jvp", "resolve", "vjp")

    def __init__(
        self,
        name: str,
        infer: Infer,
        *,
        batch: Batch,
        resolve: Callable[[Node, Sequence[Node | None]], Any] | None = None,
        jvp: Callable[[Node, Sequence[Node | None]], Any] | None = None,
        vjp: Callable[[Node, Any, Sequence[bool]], Sequence[Node | None]] | None = None,
        masks: bool = False,
        eager: Callable[[Node], bool] | None = None,
    ) -> None:
        super().__init__(name, infer, batch=batch, masks=masks, eager=eager)
        if jvp is None and vjp is None:
            raise ValueError(f"{name}: a general primitive needs a forward or a reverse rule")
        self.resolve = resolve
        self.jvp = jvp
        self.vjp = vjp

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Any:
        if all(dx is None for dx in tangents):
            return None
        if self.jvp is not None:
            return self.jvp(node, tangents)
        return derived.push(self, node, tangents)

    def pull(self, node: Node, g: Any, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        wants = [depends(x, wanted) for x in node.inputs]
        if self.vjp is not None:
            return self.vjp(node, g, wants)
        return derived.pull(self, node, g, wants, masked)

    def title(self, node: Node) -> str:
        """What a message calls the node."""
        return self.name


class Derived:
    """What rules need of the sweeps; autodiff hands it in."""

    __slots__ = ("along", "cotangents", "pull", "push")
    along: Callable[..., Any]
    cotangents: Callable[[Callable[..., Node], Sequence[Node], Node], list[Node | None]]
    push: Callable[[General, Node, Sequence[Node | None]], Any]
    pull: Callable[[General, Node, Any, Sequence[bool], bool], Sequence[Node | None]]


derived = Derived()
