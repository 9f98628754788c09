"""Arithmetic on nodes, so that a rule reads like the formula in the book. Installed once, here."""

from __future__ import annotations

from typing import Any, Callable

from nabla.graph.node import Node
from nabla.primitives import formulas as f
from nabla.primitives.elementwise import add, mul, neg, operand


def _operator(prim: Any) -> tuple[Callable[..., Node], Callable[..., Node]]:
    def left(x: Node, y: Any) -> Node:
        return prim(x, y if type(y) is Node else operand(y, x))

    def right(y: Node, x: Any) -> Node:
        return prim(operand(x, y), y)

    return left, right


def install() -> None:
    for name, prim in {"add": add, "sub": f.sub, "mul": mul, "truediv": f.div, "pow": f.power}.items():
        left, right = _operator(prim)
        setattr(Node, f"__{name}__", left)
        setattr(Node, f"__r{name}__", right)
    for name, prim in {"lt": f.less, "le": f.less_equal, "gt": f.greater, "ge": f.greater_equal}.items():
        setattr(Node, f"__{name}__", _operator(prim)[0])
    Node.__neg__ = lambda x: neg(x)  # type: ignore[method-assign]


install()
