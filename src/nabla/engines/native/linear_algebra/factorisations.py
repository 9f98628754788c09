"""Linear algebra on small matrices: factorisations, solutions and determinants, written out for each matrix of a stack.

The numbers of a matrix are registers, so that the matrices of a stack are taken several at once; exchanges of rows are choices. The
formulas, pivots and errors are those of the NumPy engine. Where a matrix has no factors, or a system no solution, the NumPy engine
is called to say so.
"""

from __future__ import annotations

from itertools import permutations
from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.kernels.complex_numbers import Complex, chosen, sign, wrapped
from nabla.engines.native.loops import BOOL, INDEX, Block, Form, If, Num, Operand
from nabla.engines.native.lowering.lines import Lines, Sink, at_hand
from nabla.engines.native.lowering.reals import Real, of, test, where
from nabla.engines.native.lowering.values import (
    Array,
    Indices,
    Lazy,
    Unsupported,
    Value,
    parts_of,
    shape_of,
    specs_of,
    value_of,
)
from nabla.graph.node import Node
from nabla.primitives import linalg as p, rectangular
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

LARGEST, LARGEST_OF_STACK = 8, 4
"""Rows and columns of a matrix that is written out: alone, and several at once, which is more to compile."""
LARGEST_COFACTORS = 4
"""The same for cofactors, whose number of products grows as a factorial."""
INT = np.dtype(np.int32)

Matrix = list[list[Any]]
"""Rows of numbers, each a Real or a Complex."""


def is_small(shape: tuple[int, ...]) -> bool:
    """Whether stacks of matrices of this shape are written out."""
    return prod(shape) > 0 and max(shape[-2:]) <= (LARGEST if prod(shape[:-2]) == 1 else LARGEST_OF_STACK)


class Stack:
    """The matrices that a node is about. Each number of the stack is an index; `columns` has one more axis, the last of b."""

    def __init__(self, g: Graphs, node: Node, given: Sequence[Value], shape: tuple[int, ...]) -> None:
        if not is_small(shape):
            raise Unsupported("large matrices, or none")
        self.g, self.node, self.given = g, node, given
        self.w = g.w
        self.shape = shape
        specs = specs_of(node)
        parts = [part for x in given for part in parts_of(x)]
        sizes = [prod(shape_of(x)) for x in parts] + [prod(shape) for shape, _ in specs]
        self.known = prod(shape[:-2]) == 1 and max(sizes) <= self.w.most
        self.inputs = [self.w.picked(x) if self.known else at_hand(self.w, self.w.lazy(x)) for x in parts]
        room = None if type(node.dtype) is tuple else self.w.targets.get(node)
        self.sinks = [Sink(self.w, shape, dtype, self.known, room) for shape, dtype in specs]

    def at(self, x: Lazy, index: Indices) -> Any:
        return wrapped(self.w, self.w.at(x, index))

    def matrix(self, x: Lazy, index: Indices) -> Matrix:
        rows, columns = x.shape[-2:]
        return [[self.at(x, (*index, Form(i), Form(j))) for j in range(columns)] for i in range(rows)]

    def vector(self, x: Lazy, index: Indices) -> list[Any]:
        return [self.at(x, (*index, Form(i))) for i in range(x.shape[-1])]

    def column(self, x: Lazy, index: Indices) -> list[Any]:
        """index: of the matrix, and of the column."""
        return [self.at(x, (*index[:-1], Form(i), index[-1])) for i in range(x.shape[-2])]

    def put_matrix(self, sink: Sink, index: Indices, rows: Matrix) -> None:
        for i, row in enumerate(rows):
            self.put_vector(sink, (*index, Form(i)), row)

    def put_vector(self, sink: Sink, index: Indices, xs: Sequence[Any]) -> None:
        for i, x in enumerate(xs):
            sink.put((*index, Form(i)), x.number)

    def put_column(self, sink: Sink, index: Indices, xs: Sequence[Any]) -> None:
        for i, x in enumerate(xs):
            sink.put((*index[:-1], Form(i), index[-1]), x.number)

    def each(self, shape: tuple[int, ...], body: Callable[[Indices], Real | None]) -> Value:
        """`body` for each index; it says whether there is no result. The value of the node."""
        w = self.w
        lines = Lines(w, shape, range(len(shape)), self.known)
        can_fail: list[bool] = []

        def one(index: Indices) -> list[Operand]:
            bad = body(index)
            can_fail.append(bad is not None)
            return [Num(False, BOOL) if bad is None else bad.operand]

        (bad,) = lines.brought((), "logical_or", [BOOL], one)
        if any(can_fail):
            complain(self.g, self.node, self.given, bad)
        return value_of(self.node, [sink.value() for sink in self.sinks])


def complain(g: Graphs, node: Node, given: Sequence[Value], bad: Operand, rooms: Sequence[Array] = ()) -> None:
    """Where there is no result the reference kernel says what is wrong; if it finds one, that goes to `rooms`."""
    w = g.w
    block: Block = []

    def ask() -> None:
        found = g.reference(node, given, cold=True)
        for room, x in zip(rooms, parts_of(found)):
            w.copy(room, x)

    w.inside(block, ask)
    w.block.append(If(w.op("convert", INDEX, bad), [[], block], []))


def total(xs: Sequence[Any], by: str) -> Any:
    """Numbers brought together two by two."""
    w, dtype = xs[0].real.w, xs[0].real.dtype
    return wrapped(w, w.total([x.number for x in xs], dtype, by))


# Factors


def _factored(w: Writer, a: Matrix) -> list[Real]:
    """Elimination with partial pivoting, in place; the pivots."""
    rows, columns = len(a), len(a[0])
    pivots: list[Real] = []
    for k in range(min(rows, columns)):
        pivot = Real(w, Num(k, INT))
        largest = _size(a[k][k])
        for i in range(k + 1, rows):
            size = _size(a[i][k])
            larger = size > largest
            pivot = where(larger, i, pivot)
            if i + 1 < rows:
                largest = where(larger, size, largest)
        pivots.append(pivot)
        _exchange(a, pivot, k)
        divisor = chosen(a[k][k].is_zero, a[k][k].like(1.0), a[k][k])
        for i in range(k + 1, rows):
            factor = a[i][k] = a[i][k] / divisor
            for j in range(k + 1, columns):
                a[i][j] = a[i][j] - factor * a[k][j]
    return pivots


def _size(x: Any) -> Real:
    """What pivots are compared by: of complex numbers the sum of both parts."""
    return abs(x.real) + abs(x.imag) if isinstance(x, Complex) else abs(x)


def _exchange(rows: list[Any], pivot: Real, k: int) -> None:
    """Exchange row k with row `pivot`, which comes behind it. A row may be a number."""
    if isinstance(pivot.operand, Num):
        return
    for i in range(k + 1, len(rows)):
        there = pivot.equals(i)
        rows[k], rows[i] = _choice(there, rows[i], rows[k]), _choice(there, rows[k], rows[i])


def _choice(there: Real, x: Any, y: Any) -> Any:
    return [chosen(there, a, b) for a, b in zip(x, y)] if type(x) is list else chosen(there, x, y)


def _lu(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    packed, pivots = s.sinks

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[0], index)
        found = _factored(s.w, a)
        s.put_matrix(packed, index, a)
        s.put_vector(pivots, index, found)

    return s.each(s.shape[:-2], body)


def _lu_parts(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    lower, upper = s.sinks
    rows, columns = s.shape[-2:]
    count = min(rows, columns)

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[1], index)
        zero, one = a[0][0].like(0.0), a[0][0].like(1.0)
        s.put_matrix(lower, index, [[a[i][j] if j < i else one if i == j else zero for j in range(count)] for i in range(rows)])
        s.put_matrix(upper, index, [[a[i][j] if j >= i else zero for j in range(columns)] for i in range(count)])

    return s.each(s.shape[:-2], body)


def _row_order(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    rows = node.params["rows"]
    s = Stack(g, node, given, (*shape_of(given[0]), rows))

    def body(index: Indices) -> None:
        order = [Real(s.w, Num(i, INDEX)) for i in range(rows)]
        for k, pivot in enumerate(s.vector(s.inputs[0], index)):
            _exchange_any(order, pivot, k)
        s.put_vector(s.sinks[0], index, order)

    return s.each(s.shape[:-2], body)


def _exchange_any(rows: list[Any], pivot: Real, k: int) -> None:
    """The same where the pivot may be known."""
    if isinstance(pivot.operand, Num):
        other = int(pivot.operand.value)
        rows[k], rows[other] = rows[other], rows[k]
    else:
        _exchange(rows, pivot, k)


def _cholesky(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    rows = s.shape[-1]

    def body(index: Indices) -> Real:
        a = s.matrix(s.inputs[0], index)
        l: Matrix = [[a[0][0].like(0.0)] * rows for _ in range(rows)]
        bad = []
        for j in range(rows):
            for i in range(j, rows):
                rest = a[i][j]
                for k in range(j):
                    rest = rest - l[i][k] * l[j][k].conjugate()
                if i == j:
                    bad.append(~(rest.real > 0.0))
                    root = of("sqrt", rest.real)
                    l[j][j] = rest.like(root)
                else:
                    l[i][j] = rest.over(root)
        s.put_matrix(s.sinks[0], index, l)
        return total(bad, "logical_or")

    return s.each(s.shape[:-2], body)


def _qr(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """By reflections, as LAPACK's geqr2 and org2r have them, so that the signs are the same."""
    s = Stack(g, node, given, shape_of(given[0]))
    rows, columns = s.shape[-2:]
    count = min(rows, columns)

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[0], index)
        zero, one = a[0][0].like(0.0), a[0][0].like(1.0)
        factors = []
        for k in range(count):
            factors.append(_reflected(a, k))
            for j in range(k + 1, columns):
                _reflect(a, k, j, factors[k].conjugate())
        s.put_matrix(s.sinks[1], index, [[a[i][j] if j >= i else zero for j in range(columns)] for i in range(count)])
        for k in reversed(range(count)):
            for j in range(k + 1, count):
                _reflect(a, k, j, factors[k])
            for i in range(rows):
                a[i][k] = -(factors[k] * a[i][k]) if i > k else zero
            a[k][k] = one - factors[k]
        s.put_matrix(s.sinks[0], index, [row[:count] for row in a])

    return s.each(s.shape[:-2], body)


def _reflected(a: Matrix, k: int) -> Any:
    """Make column k zero below the diagonal by a reflection 1 - factor v v^H with v[k] = 1. What is left stands on the diagonal, v
    below it; the factor. There is nothing to do for a column of zeros with a real number on the diagonal."""
    first, rest = a[k][k], [row[k] for row in a[k + 1 :]]
    others = [part for x in rest for part in x.parts] + [*first.parts[1:]]
    if not others:
        return first.like(0.0)
    largest = total([abs(x) for x in (first.real, *others)], "maximum")
    none = total([x.is_zero for x in others], "logical_and")
    scale = where(largest.is_zero, 1.0, largest)
    norm = scale * of("sqrt", total([of("square", x / scale) for x in (first.real, *others)], "add"))
    left = of("copysign", norm, -first.real)
    factor = (first.like(left) - first).over(where(none, 1.0, left))
    divisor = chosen(none, first.like(1.0), first - first.like(left))
    inverse = first.like(1.0) / divisor
    a[k][k] = chosen(none, first, first.like(left))
    for i, x in enumerate(rest):
        a[k + 1 + i][k] = chosen(none, x, x * inverse)
    return chosen(none, first.like(0.0), factor)


def _reflect(a: Matrix, k: int, j: int, factor: Any) -> None:
    """Column j by the reflection that column k has below the diagonal."""
    along = factor * total([a[k][j], *[a[i][k].conjugate() * a[i][j] for i in range(k + 1, len(a))]], "add")
    a[k][j] = a[k][j] - along
    for i in range(k + 1, len(a)):
        a[i][j] = a[i][j] - a[i][k] * along


# Solutions


def _substitute(t: Callable[[int, int], Any], x: list[Any], lower: bool, unit: bool) -> None:
    """Solve the triangular system t y = x, and write y over x."""
    rows = range(len(x))
    for i in rows if lower else reversed(rows):
        if not unit:
            x[i] = x[i] / t(i, i)
        for j in rows[i + 1 :] if lower else rows[:i]:
            x[j] = x[j] - t(j, i) * x[i]


def _lu_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    _, packed, pivots, b = s.inputs
    transposed, order = node.params["transposed"], range(s.shape[-1])

    def body(index: Indices) -> Real:
        a, x = s.matrix(packed, index[:-1]), s.column(b, index)
        rows = s.vector(pivots, index[:-1])
        if transposed:
            _substitute(lambda i, j: a[j][i], x, True, False)
            _substitute(lambda i, j: a[j][i], x, False, True)
            for k in reversed(order):
                _exchange_any(x, rows[k], k)
        else:
            for k in order:
                _exchange_any(x, rows[k], k)
            _substitute(lambda i, j: a[i][j], x, True, True)
            _substitute(lambda i, j: a[i][j], x, False, False)
        s.put_column(s.sinks[0], index, x)
        return total([a[k][k].is_zero for k in order], "logical_or")

    return s.each((*s.shape[:-2], node.shape[-1]), body)


def _triangular_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    t, b = s.inputs
    lower, transposed, unit = node.params["lower"], node.params["transposed"], node.params["unit"]

    def body(index: Indices) -> Real | None:
        a, x = s.matrix(t, index[:-1]), s.column(b, index)
        of_t = (lambda i, j: a[j][i]) if transposed else (lambda i, j: a[i][j])
        _substitute(of_t, x, lower != transposed, unit)
        s.put_column(s.sinks[0], index, x)
        return None if unit else total([a[k][k].is_zero for k in range(len(a))], "logical_or")

    return s.each((*s.shape[:-2], node.shape[-1]), body)


# Determinants


def _is_odd(pivots: Sequence[Real]) -> Real:
    """Whether rows were exchanged an odd number of times."""
    odd: Real = total([pivot.differs(k) for k, pivot in enumerate(pivots)], "not_equal")
    return odd


def sign_of(x: Any) -> Any:
    """As the determinant has it: that of a real NaN is 1."""
    if isinstance(x, Complex):
        return sign(x)
    found = of("sign", x)
    return where(test("isnan", x), 1.0, found)


def _slogdet(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))

    def body(index: Indices) -> None:
        a, pivots = s.matrix(s.inputs[1], index), s.vector(s.inputs[2], index)
        diagonal = [a[k][k] for k in range(len(a))]
        found = total([sign_of(x) for x in diagonal], "multiply")
        s.sinks[0].put(index, chosen(_is_odd(pivots), -found, found).number)
        s.sinks[1].put(index, total([of("log", abs(x)) for x in diagonal], "add").number)

    return s.each(s.shape[:-2], body)


def _det(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[0], index)
        pivots = _factored(s.w, a)
        found = total([a[k][k] for k in range(len(a))], "multiply")
        s.sinks[0].put(index, chosen(_is_odd(pivots), -found, found).number)

    return s.each(s.shape[:-2], body)


def _cofactor(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """Each cofactor is a determinant, and linear in each of its rows: its derivative along several matrices is the sum over the
    ways to take a row from each of them."""
    s = Stack(g, node, given, shape_of(given[0]))
    size, count = s.shape[-1], len(given) - 1
    if size > LARGEST_COFACTORS:
        raise Unsupported("cofactors of large matrices")

    def body(index: Indices) -> None:
        matrices = [s.matrix(x, index) for x in s.inputs]
        minors: dict[Any, Any] = {}

        def minor(rows: tuple[tuple[int, int], ...], columns: tuple[int, ...]) -> Any:
            """The determinant of rows (matrix, number) and columns."""
            which, i = rows[0]
            if len(rows) == 1:
                return matrices[which][i][columns[0]]
            found = minors.get((rows, columns))
            if found is None:
                for k, j in enumerate(columns):
                    rest = minor(rows[1:], (*columns[:k], *columns[k + 1 :]))
                    term = matrices[which][i][j] * rest
                    found = term if found is None else found - term if k % 2 else found + term
                minors[rows, columns] = found
            return found

        def cofactor(i: int, j: int) -> Any:
            rows, columns = [r for r in range(size) if r != i], tuple([c for c in range(size) if c != j])
            terms = []
            for places in permutations(range(size - 1), count):
                sources = {rows[place]: k + 1 for k, place in enumerate(places)}
                terms.append(minor(tuple([(sources.get(r, 0), r) for r in rows]), columns))
            found = total(terms, "add")
            return -found if (i + j) % 2 else found

        s.put_matrix(s.sinks[0], index, [[cofactor(i, j) for j in range(size)] for i in range(size)])

    return s.each(s.shape[:-2], body)


ROWS: dict[Primitive, Any] = {
    p.lu: _lu,
    p.lu_solve: _lu_solve,
    p.triangular_solve: _triangular_solve,
    p.cholesky: _cholesky,
    p.slogdet: _slogdet,
    p.det: _det,
    p.cofactor: _cofactor,
    rectangular.qr: _qr,
    rectangular.lu_parts: _lu_parts,
    rectangular.row_order: _row_order,
}
