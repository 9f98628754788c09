"""Systems whose matrix is zero beyond a few diagonals, by LAPACK, for one matrix of a stack after the other.

primitives/banded.py says how these lie. Without diagonals besides the main one a solution is a quotient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.engines.native.linear_algebra.factorisations import INT
from nabla.engines.native.linear_algebra.lapack import Calls, at, flat, letter, size
from nabla.engines.native.loops import BOOL, Form, Num, Part, plus
from nabla.engines.native.lowering.reals import Real
from nabla.engines.native.lowering.values import Array, Indices, Value, row_of
from nabla.engines.native.runtime.routines import Lapack
from nabla.graph.node import Node
from nabla.primitives import banded as p
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs


class _System(Calls):
    """lower, upper: how many diagonals there are. n, columns: the shape of x. info: what LAPACK says."""

    def __init__(self, g: Graphs, node: Node, given: list[Value]) -> None:
        super().__init__(g, node, given)
        self.lower, self.upper = node.params["lower"], node.params["upper"]
        self.transposed: bool = node.params["transposed"]
        self.n, self.columns = node.shape[-2:]
        self.info = self.w.room((1,), INT)

    def diagonal_of(self, band: Array, row: int, first: int, count: int) -> Array:
        """Of `count` elements of a row of the band, from `first` on."""
        room = self.w.room((count,), self.dtype)
        self.copy(room, lambda index: self.load(band, (Form(row), plus(index[0], Form(first)))))
        return room

    def tridiagonal(self, band: Array, x: Array) -> Real:
        above, below = self.diagonal_of(band, 0, 1, self.n - 1), self.diagonal_of(band, 2, 0, self.n - 1)
        if self.transposed:
            above, below = below, above
        parts = [below, self.diagonal_of(band, 1, 0, self.n), above, x]
        args: list[Part | Num] = [size(self.n), size(self.columns), *map(at, parts), size(self.n), at(self.info)]
        self.routine(Lapack, "gtsv", args, [*parts, self.info])
        return self.failed(self.info)

    def positive(self, band: Array, x: Array) -> Real:
        """From the lower half of a Hermitian matrix."""
        height = self.lower + 1
        half = self.w.room((self.n, height), self.dtype)

        def below(index: Indices) -> Any:
            found = self.load(band, (plus(index[1], Form(self.upper)), index[0]))
            return found.conjugate() if self.transposed else found

        self.copy(half, below)
        sizes = [size(self.n), size(self.lower), size(self.columns)]
        args: list[Part | Num] = [letter("L"), *sizes, at(half), size(height), at(x), size(self.n), at(self.info)]
        self.routine(Lapack, "pbsv", args, [half, x, self.info])
        return self.failed(self.info)

    def general(self, band: Array, x: Array) -> Real:
        """With room above the band for what pivots bring there."""
        w, lower, upper, n = self.w, self.lower, self.upper, self.n
        height = 2 * lower + upper + 1
        packed, pivots = w.room((n, height), self.dtype), w.room((n,), INT)
        w.nest((n, lower), lambda index: w.store(packed, index, self.constant(0.0).number))
        w.nest(
            (n, lower + upper + 1),
            lambda index: w.store(packed, (index[0], plus(index[1], Form(lower))), w.load(band, index[::-1])),
        )
        sizes: list[Part | Num] = [size(lower), size(upper)]
        args: list[Part | Num] = [size(n), size(n), *sizes, at(packed), size(height), at(pivots), at(self.info)]
        self.routine(Lapack, "gbtrf", args, [packed, pivots, self.info])
        failed = self.failed(self.info)
        args = [letter("T" if self.transposed else "N"), size(n), *sizes, size(self.columns), at(packed), size(height)]
        self.routine(Lapack, "gbtrs", [*args, at(pivots), at(x), size(n), at(self.info)], [x, self.info])
        return failed


def _banded_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = _System(g, node, given)
    w = s.w
    out = w.result(node)
    bands, rights, stack = (flat(x, 2) for x in (*s.inputs, out))
    tridiagonal = s.lower == s.upper == 1
    solve = s.positive if node.params["positive"] else s.tridiagonal if tridiagonal else s.general
    if not node.params["positive"] and (s.n == 1 or s.lower == s.upper == 0):

        def one(i: Form) -> Real:
            band, b = row_of(bands, i), row_of(rights, i)
            main = lambda j: s.load(band, (Form(s.upper), j))
            s.copy(row_of(stack, i), lambda index: s.load(b, index) / main(index[0]))
            found: Real = s.brought((s.n,), "logical_or", BOOL, lambda index: main(index[0]).is_zero)
            return found
    else:

        def one(i: Form) -> Real:
            b, x = row_of(rights, i), w.room((s.columns, s.n), s.dtype)
            s.copy(x, lambda index: s.load(b, index[::-1]))
            failed = solve(row_of(bands, i), x)
            s.copy(row_of(stack, i), lambda index: s.load(x, index[::-1]))
            return failed

    s.each(one, [out])
    return out


ROWS: dict[Primitive, Any] = {p.banded_solve: _banded_solve}
