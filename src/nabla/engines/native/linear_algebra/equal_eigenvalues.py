"""The mean over equal eigenvalues, which their derivatives share (primitives/spectra.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.engines.native.kernels.complex_numbers import chosen, wrapped
from nabla.engines.native.lowering.lines import Lines, Sink, at_hand
from nabla.engines.native.lowering.reals import Real, where
from nabla.engines.native.lowering.values import Indices, Lazy, Number, Unsupported, Value, part_of_complex
from nabla.graph.node import Node
from nabla.primitives.spectra import tolerance

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs


def shared(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    if not node.size:
        raise Unsupported("no eigenvalues")
    w, known = g.w, g.is_tiny(node, given)
    x, values = [w.picked(v) if known else at_hand(w, w.lazy(v)) for v in given]
    part, part_of_values = part_of_complex(x.dtype), part_of_complex(values.dtype)
    lines = Lines(w, node.shape, (len(node.shape) - 1,), known)
    out = Sink(w, node.shape, node.dtype, known, w.targets.get(node))

    def at(source: Lazy, place: Indices) -> Any:
        return wrapped(w, w.at(source, place))

    def line(index: Indices) -> None:
        (most,) = lines.brought(index, "maximum", [part_of_values], lambda place: [abs(at(values, place)).operand])
        limit = Real(w, most) * tolerance(node.inputs[1])

        def one(place: Indices) -> None:
            own, value = at(x, place), at(values, place)

            def terms(other: Indices) -> list[Number]:
                gap = abs(at(values, other) - value)
                weight = (gap <= limit).to(part)
                return [weight.operand, at(x, other).times(weight).number]

            count, total = [wrapped(w, found) for found in lines.brought(index, "add", [part, x.dtype], terms)]
            several = count > 1.0
            out.put(place, chosen(several, total.over(where(several, count, 1.0)), own).number)

        lines.each(index, one)

    lines.all(line)
    return out.value()
