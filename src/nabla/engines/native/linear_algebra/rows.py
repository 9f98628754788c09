"""Linear algebra: small matrices are written out where there is code for that, the others left to LAPACK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.engines.native.linear_algebra import banded, decompositions, equal_eigenvalues, factorisations, lapack
from nabla.engines.native.linear_algebra.factorisations import is_small
from nabla.engines.native.lowering.values import Value, shape_of
from nabla.graph.node import Node
from nabla.primitives.base import Primitive
from nabla.primitives.rectangular import qr, row_order
from nabla.primitives.spectra import shared

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs

LARGE = {**lapack.ROWS, **decompositions.ROWS, **banded.ROWS}
"""The rows by LAPACK."""
LARGEST_QR = 4
"""Rows and columns of a matrix whose orthogonal factor is written out, which is long; of complex numbers one less."""


def _is_written_out(node: Node, x: Value) -> bool:
    shape = (*shape_of(x), node.params["rows"]) if node.prim is row_order else shape_of(x)
    return is_small(shape) and (node.prim is not qr or max(shape[-2:]) <= LARGEST_QR - (x.dtype.kind == "c"))


def _row(prim: Primitive) -> Any:
    small, large = factorisations.ROWS.get(prim), LARGE.get(prim)
    if small is None or large is None:
        return small or large

    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        return (small if _is_written_out(node, given[0]) else large)(g, node, given, free)

    return row


ROWS: dict[Primitive, Any] = {shared: equal_eigenvalues.shared, **{prim: _row(prim) for prim in {**factorisations.ROWS, **LARGE}}}
