"""Graphs as text: one line per node, in the order in which they run."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

import numpy as np

from nabla.graph.node import Node

LONGEST_CONSTANT = 6
"""Numbers of a constant that is shown in full."""
INSIDE = ("token", "whole", "numpy")
"""Parameters that are parts of the graph, not of what the node means."""


def listing(nodes: Sequence[Node], outputs: Iterable[Node]) -> str:
    """One line per node: its name, dtype and shape, the primitive, its inputs and parameters.

    nodes: oldest first. What they use but is not among them is shown by value if it is small, else as an outer node.
    """
    names: dict[Node, str] = {node: f"%{i}" for i, node in enumerate(nodes)}
    rows = [(f"{names[node]}: {type_of(node)}", _right_side(node, names)) for node in nodes]
    width = max((len(left) for left, _ in rows), default=0)
    lines = [f"{left:<{width}} = {right}" for left, right in rows]
    lines.append("return " + ", ".join(_name(node, names) for node in outputs))
    return "\n".join(lines)


def type_of(node: Node) -> str:
    """dtype and shape, as in float64[3,4]; of several outputs, in parentheses."""
    if type(node.dtype) is tuple:
        return "(" + ", ".join(f"{d}[{','.join(map(str, s))}]" for d, s in zip(node.dtype, node.shape)) + ")"
    return f"{node.dtype}[{','.join(map(str, node.shape))}]"


def _right_side(node: Node, names: dict[Node, str]) -> str:
    parts = [node.prim.name, *(_name(x, names) for x in node.inputs)]
    parts += [f"{key}={_short(value)}" for key, value in node.params.items() if key not in INSIDE]
    return " ".join(parts)


def _name(node: Node, names: dict[Node, str]) -> str:
    if node in names:
        return names[node]
    value = node.value
    if value is not None and node.size <= LONGEST_CONSTANT:
        return np.array2string(np.asarray(value), separator=",", precision=6).replace("\n", "").replace(" ", "")
    return f"<{type_of(node)}>"


def _short(value: Any) -> str:
    text = str(value).replace(" ", "")
    return text if len(text) <= 60 else text[:57] + "..."
