"""The mean over equal eigenvalues, which their derivatives share (primitives/spectra.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.engines.native.linear_algebra.factorisations import Numbers
from nabla.engines.native.loops import BOOL, Num
from nabla.engines.native.lowering.lines import Lines, Sink, at_hand
from nabla.engines.native.lowering.values import Indices, Number, Unsupported, Value
from nabla.graph.node import Node
from nabla.primitives.spectra import tolerance

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs


def shared(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    if not node.size:
        raise Unsupported("no eigenvalues")
    w, known = g.w, g.is_tiny(node, given)
    x, values = [w.picked(v) if known else at_hand(w, w.lazy(v)) for v in given]
    n, of_values = Numbers(w, x.dtype), Numbers(w, values.dtype)
    lines = Lines(w, node.shape, (len(node.shape) - 1,), known)
    out = Sink(w, node.shape, node.dtype, known, w.targets.get(node))

    def size(value: Number) -> Number:
        return w.number("abs", of_values.part, value)

    def line(index: Indices) -> None:
        (most,) = lines.brought(index, "maximum", [of_values.part], lambda place: [size(w.at(values, place))])
        limit = w.op("multiply", of_values.part, most, Num(tolerance(node.inputs[1]), of_values.part))

        def one(place: Indices) -> None:
            own, value = w.at(x, place), w.at(values, place)

            def terms(other: Indices) -> list[Number]:
                gap = size(of_values.subtract(w.at(values, other), value))
                weight = w.op("convert", n.part, w.op("less_equal", BOOL, gap, limit))
                return [weight, n.times(w.at(x, other), weight)]

            count, total = lines.brought(index, "add", [n.part, x.dtype], terms)
            several = w.op("greater", BOOL, count, Num(1.0, n.part))
            divisor = w.op("where", n.part, several, count, Num(1.0, n.part))
            out.put(place, n.chosen(several, n.over_real(total, divisor), own))

        lines.each(index, one)

    lines.all(line)
    return out.value()
