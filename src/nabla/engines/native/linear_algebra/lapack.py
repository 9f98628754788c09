"""Equations and determinants of larger matrices: LAPACK and BLAS, called for one matrix of a stack after the other.

They take matrices column by column. What lies row by row is the transpose to them: so a lower triangle is an upper one, and a
system has its unknowns on the left.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.kernels.blocks import AT_ONCE
from nabla.engines.native.kernels.complex_numbers import chosen, wrapped
from nabla.engines.native.linear_algebra.factorisations import INT, complain, sign_of
from nabla.engines.native.loops import BOOL, INDEX, ZERO, Call, Form, Num, Part, form, times
from nabla.engines.native.lowering.lines import Lines
from nabla.engines.native.lowering.reals import Real, integer, of
from nabla.engines.native.lowering.values import (
    Array,
    Indices,
    Number,
    Unsupported,
    Value,
    constant,
    part_of_complex,
    parts_of,
    row_of,
    shape_of,
)
from nabla.engines.native.runtime.routines import Blas, Lapack
from nabla.graph.node import Node
from nabla.primitives import linalg as p, rectangular
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer


LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
"""The first letter of a routine's name."""


def letter(x: str) -> Num:
    return Num(ord(x), np.dtype(np.int8))


def size(n: int) -> Num:
    return Num(n, INT)


def at(x: Array) -> Part:
    parts = 2 if x.dtype.kind == "c" else 1
    return Part(x.buffer, times(x.at, parts), parts * prod(x.shape))


def flat(x: Array, axes: int) -> Array:
    """A stack with one axis for the stack, and the last `axes`."""
    own = x.shape[len(x.shape) - axes :]
    return x._replace(shape=(prod(x.shape[: len(x.shape) - axes]), *own))


class Calls:
    """What the rows have in common."""

    def __init__(self, g: Graphs, node: Node, given: Sequence[Value]) -> None:
        parts = [part for x in given for part in parts_of(x)]
        self.g, self.node, self.given = g, node, given
        self.w: Writer = g.w
        dtype = parts[0].dtype
        if dtype.name not in LETTERS or not all(prod(shape_of(x)) for x in parts):
            raise Unsupported(f"{node.prim.name} of {dtype}")
        self.use(dtype)
        self.inputs = [self.w.memory(x) for x in parts]
        self.count = prod(self.inputs[0].shape[:-2])

    def use(self, dtype: np.dtype) -> None:
        """Numbers of this dtype."""
        self.dtype = dtype
        self.part = part_of_complex(dtype)

    def constant(self, value: float) -> Any:
        return wrapped(self.w, constant(value, self.dtype))

    def load(self, x: Array, index: Indices) -> Any:
        return wrapped(self.w, self.w.load(x, index))

    def routine(self, library: Callable[[str], Any], name: str, args: Sequence[Part | Num], writes: Sequence[Array]) -> None:
        largest = max([prod(x.shape) for x in writes])
        time = max(largest**1.5 / AT_ONCE, 1000.0)  # n x n numbers take about n**3 multiplications
        self.w.block.append(Call(library(LETTERS[self.dtype.name] + name), args, [x.buffer for x in writes], time))

    def each(self, body: Callable[[Form], Real | None], rooms: Sequence[Array] = ()) -> None:
        """`body` for each matrix; it says whether there is no result. rooms: see `complain`."""
        w = self.w
        can_fail: list[bool] = []

        def turn(i: Form, before: Number) -> list[Number]:
            bad = body(i)
            can_fail.append(bad is not None)
            return [before if bad is None else (Real(w, before) | bad).operand]

        (bad,) = w.loop(self.count, turn, [Num(False, BOOL)], free=False)
        if any(can_fail):
            complain(self.g, self.node, self.given, bad, rooms)

    def failed(self, info: Array) -> Real:
        """Whether a routine says so in its last argument."""
        found: Real = self.load(info, (ZERO,)).differs(0)
        return found

    def brought(self, shape: tuple[int, ...], by: str, dtype: np.dtype, term: Callable[[Indices], Any]) -> Any:
        """The numbers at all indices of a shape, brought together."""
        lines = Lines(self.w, shape, range(len(shape)), False)
        return wrapped(self.w, lines.brought((), by, [dtype], lambda index: [term(index).number])[0])

    def diagonal(self, a: Array, by: str, dtype: np.dtype, term: Callable[[Any], Any]) -> Any:
        """Of the numbers on the diagonal of a matrix, brought together."""
        return self.brought(a.shape[:1], by, dtype, lambda i: term(self.load(a, (*i, *i))))

    def is_singular(self, a: Array) -> Real:
        """Whether there is a zero on the diagonal of a triangle."""
        found: Real = self.diagonal(a, "logical_or", BOOL, lambda x: x.is_zero)
        return found

    def copy(self, room: Array, source: Callable[[Indices], Any]) -> None:
        self.w.nest(room.shape, lambda index: self.w.store(room, index, source(index).number))


def _factored(s: Calls, a: Array, packed: Array, pivots: Array) -> None:
    """One matrix."""
    w = s.w
    rows, columns = a.shape
    turned = w.room((columns, rows), s.dtype)
    exchanged, info = w.room(pivots.shape, INT), w.room((1,), INT)
    s.copy(turned, lambda index: s.load(a, index[::-1]))
    args: list[Part | Num] = [size(rows), size(columns), at(turned), size(rows), at(exchanged), at(info)]
    s.routine(Lapack, "getrf", args, [turned, exchanged, info])
    s.copy(packed, lambda index: s.load(turned, index[::-1]))
    s.copy(pivots, lambda index: s.load(exchanged, index) + -1)  # LAPACK counts from one


def _lu(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Calls(g, node, given)
    packed, pivots = s.w.results(node)
    stacks = [flat(s.inputs[0], 2), flat(packed, 2), flat(pivots, 1)]
    s.each(lambda i: _factored(s, *[row_of(x, i) for x in stacks]))
    return packed, pivots


def _lu_parts(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Calls(g, node, given)
    w, packed = s.w, s.inputs[1]
    lower, upper = w.results(node)
    zero, one = s.constant(0.0), s.constant(1.0)

    def left(index: Indices) -> Any:
        on_diagonal = integer(w, index[-1]).equals(integer(w, index[-2]))
        return chosen(is_below(w, index), s.load(packed, index), chosen(on_diagonal, one, zero))

    s.copy(lower, left)
    s.copy(upper, lambda index: chosen(is_below(w, index), zero, s.load(packed, index)))
    return lower, upper


def is_below(w: Writer, index: Indices) -> Real:
    """Whether an element of a matrix stands below the diagonal."""
    return integer(w, index[-1]) < integer(w, index[-2])


def _solved(s: Calls, t: Array, x: Array, lower: bool, transposed: bool, unit: bool) -> None:
    """Write the solution of the triangular system over x."""
    n, columns = x.shape
    letters = [letter(c) for c in ("R", "U" if lower else "L", "T" if transposed else "N", "U" if unit else "N")]
    args: list[Part | Num] = [*letters, size(columns), size(n), Num(1.0, s.dtype), at(t), size(n), at(x), size(columns)]
    s.routine(Blas, "trsm", args, [x])


def _triangular_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s, params = Calls(g, node, given), node.params
    out = s.w.result(node)
    t, b, x = (flat(y, 2) for y in (*s.inputs, out))

    def body(i: Form) -> Real | None:
        own = row_of(t, i)
        s.w.copy(row_of(x, i), row_of(b, i))
        _solved(s, own, row_of(x, i), params["lower"], params["transposed"], params["unit"])
        return None if params["unit"] else s.is_singular(own)

    s.each(body)
    return out


def _exchanged(w: Writer, x: Array, pivots: Array, backwards: bool) -> None:
    """Exchange row after row with its pivot."""
    (count,), (n, columns) = pivots.shape, x.shape

    def turn(k: Form) -> None:
        own = times(k, -1, count - 1) if backwards else k
        pivot = of("minimum", of("maximum", Real(w, w.load(pivots, (own,))).to(INDEX), 0), n - 1)

        def swap(j: Form) -> None:
            there = (form(pivot.operand), j)
            a, b = w.load(x, (own, j)), w.load(x, there)
            w.store(x, (own, j), b)
            w.store(x, there, a)

        w.loop(columns, swap)

    w.loop(count, turn, free=False)


def _row_order(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w, rows = g.w, node.params["rows"]
    out = w.result(node)
    if not prod(shape_of(given[0])):
        raise Unsupported("no pivots")
    pivots, order = flat(w.memory(given[0]), 1), flat(out, 1)

    def one(i: Form) -> None:
        own = row_of(order, i)
        w.nest(own.shape, lambda index: w.store(own, index, w.index(index[0])))
        _exchanged(w, own._replace(shape=(rows, 1)), row_of(pivots, i), False)

    w.loop(order.shape[0], one, free=False)
    return out


def _lu_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s, transposed = Calls(g, node, given), node.params["transposed"]
    out = s.w.result(node)
    packed, pivots, b, x = (flat(y, axes) for y, axes in zip((*s.inputs[1:], out), (2, 1, 2, 2)))

    def body(i: Form) -> Real:
        t, rows, own = row_of(packed, i), row_of(pivots, i), row_of(x, i)
        s.w.copy(own, row_of(b, i))
        if transposed:
            _solved(s, t, own, False, True, False)
            _solved(s, t, own, True, True, True)
            _exchanged(s.w, own, rows, True)
        else:
            _exchanged(s.w, own, rows, False)
            _solved(s, t, own, True, False, True)
            _solved(s, t, own, False, False, False)
        return s.is_singular(t)

    s.each(body)
    return out


def _cholesky(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Calls(g, node, given)
    w, n = s.w, node.shape[-1]
    out = w.result(node)
    a, l = flat(s.inputs[0], 2), flat(out, 2)

    def body(i: Form) -> Real:
        own, info = row_of(l, i), w.room((1,), INT)
        w.copy(own, row_of(a, i))
        s.routine(Lapack, "potrf", [letter("U"), size(n), at(own), size(n), at(info)], [own, info])

        def lower(index: Indices) -> Any:
            is_above = integer(w, index[1]) > integer(w, index[0])
            return chosen(is_above, s.constant(0.0), s.load(own, index))

        s.copy(own, lower)
        return s.failed(info)

    s.each(body)
    return out


def _negated(s: Calls, pivots: Array, x: Any) -> Any:
    """-x where rows were exchanged an odd number of times."""
    exchanges = s.brought(pivots.shape, "add", INDEX, lambda i: s.load(pivots, i).to(INDEX).differs(integer(s.w, i[0])).to(INDEX))
    return chosen(of("bitwise_and", exchanges, 1).equals(1), -x, x)


def _result(x: Array, shape: tuple[int, ...]) -> Array:
    return x._replace(shape=shape)


def _det(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Calls(g, node, given)
    w, n, a = s.w, s.inputs[0].shape[-1], flat(s.inputs[0], 2)
    out = w.room((s.count,), s.dtype)

    def body(i: Form) -> None:
        packed, pivots = w.room((n, n), s.dtype), w.room((n,), INT)
        _factored(s, row_of(a, i), packed, pivots)
        w.store(out, (i,), _negated(s, pivots, s.diagonal(packed, "multiply", s.dtype, lambda x: x)).number)

    s.each(body)
    return _result(out, node.shape)


def _slogdet(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Calls(g, node, given)
    w, packed, pivots = s.w, flat(s.inputs[1], 2), flat(s.inputs[2], 1)
    signs, logs = w.room((s.count,), s.dtype), w.room((s.count,), s.part)

    def body(i: Form) -> None:
        own = row_of(packed, i)
        w.store(signs, (i,), _negated(s, row_of(pivots, i), s.diagonal(own, "multiply", s.dtype, sign_of)).number)
        w.store(logs, (i,), s.diagonal(own, "add", s.part, lambda x: of("log", abs(x))).number)

    s.each(body)
    return _result(signs, node.shape[0]), _result(logs, node.shape[1])  # type: ignore[arg-type]


ROWS: dict[Primitive, Any] = {
    p.lu: _lu,
    p.lu_solve: _lu_solve,
    p.triangular_solve: _triangular_solve,
    p.cholesky: _cholesky,
    p.det: _det,
    p.slogdet: _slogdet,
    rectangular.lu_parts: _lu_parts,
    rectangular.row_order: _row_order,
}
