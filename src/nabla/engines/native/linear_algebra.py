"""Linear algebra: small matrices are written out, larger ones left to LAPACK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.engines.native import factorisations, lapack
from nabla.engines.native.factorisations import is_small
from nabla.engines.native.values import Value, shape_of
from nabla.graph.node import Node
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.graphs import Graphs


def _row(prim: Primitive) -> Any:
    small, large = factorisations.ROWS[prim], lapack.ROWS.get(prim)
    if large is None:
        return small

    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        return (small if is_small(shape_of(given[0])) else large)(g, node, given, free)

    return row


ROWS: dict[Primitive, Any] = {prim: _row(prim) for prim in factorisations.ROWS}
