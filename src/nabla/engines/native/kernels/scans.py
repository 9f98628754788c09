"""What goes on from place to place along an axis: cumulative sums, products and extrema, and the linear recurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from nabla.engines.native.kernels.complex_numbers import COMPLEX
from nabla.engines.native.loops import Form, times
from nabla.engines.native.lowering.lines import Lines, Sink, along, at_hand, computed_in, narrowed, widened
from nabla.engines.native.lowering.values import Indices, Number, Unsupported, Value, aligned
from nabla.graph.node import Node
from nabla.primitives import cumulative as c
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

Step = Callable[..., Number]


def _scan(of: Callable[[Writer, Any], Step], *names: str) -> Any:
    """out[0] is the last input there, and out[i] = step(out[i - 1], *inputs at i). names: operations that it is made of."""

    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        w, params = g.w, node.params
        dtype = computed_in(node.dtype)
        if node.dtype.kind == "c" and not COMPLEX.keys() >= set(names):
            raise Unsupported(f"{node.prim.name} of complex numbers")
        known = g.is_tiny(node, given)
        inputs = [w.picked(x) if known else at_hand(w, w.lazy(x)) for x in given]
        axis, count = params["axis"], node.shape[params["axis"]]
        lines = Lines(w, node.shape, (axis,), known)
        out = Sink(w, node.shape, node.dtype, known, w.targets.get(node))
        step = of(w, dtype)

        def line(index: Indices) -> None:
            def place(i: Form) -> Indices:
                return lines.whole(index, (times(i, -1, count - 1) if params.get("reverse") else i,))

            def left(at: Indices, value: Number) -> list[Number]:
                out.put(at, narrowed(w, value, node.dtype))
                return [value]

            def numbers(at: Indices) -> list[Number]:
                return [widened(w, w.at(x, aligned(at, x.shape))) for x in inputs]

            def turn(i: Form, before: Number) -> list[Number]:
                at = place(i)
                return left(at, step(before, *numbers(at)))

            along(w, count, lambda i: left(place(i), numbers(place(i))[-1]), turn, known)

        lines.all(line)
        return out.value()

    return row


def _by(name: str) -> Any:
    return _scan(lambda w, dtype: lambda before, x: w.number(name, dtype, before, x), name)


def _linear(w: Writer, dtype: Any) -> Step:
    return lambda before, a, b: w.number("add", dtype, w.number("multiply", dtype, a, before), b)


ROWS: dict[Primitive, Any] = {
    c.cumsum: _by("add"),
    c.cumprod: _by("multiply"),
    c.cummax: _by("maximum"),
    c.cummin: _by("minimum"),
    c.recurrence: _scan(_linear, "add", "multiply"),
}
