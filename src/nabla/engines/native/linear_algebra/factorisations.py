"""Linear algebra on small matrices: factorisations, solutions and determinants, written out for each matrix of a stack.

The numbers of a matrix are registers, so that the matrices of a stack are taken several at once; exchanges of rows are choices. The
formulas, pivots and errors are those of the NumPy engine. Where a matrix has no factors, or a system no solution, the NumPy engine
is called to say so.
"""

from __future__ import annotations

from itertools import permutations
from math import prod
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

import numpy as np

from nabla.engines.native.kernels.indexed import chosen
from nabla.engines.native.loops import BOOL, INDEX, Block, Form, If, Num, Operand
from nabla.engines.native.lowering.lines import Lines, Sink, at_hand
from nabla.engines.native.lowering.values import (
    Array,
    Indices,
    Lazy,
    Number,
    Pair,
    Unsupported,
    Value,
    constant,
    part_of_complex,
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
INT = np.dtype(np.int32)

Matrix = list[list[Number]]


class Numbers:
    """Arithmetic on real or complex numbers of one dtype."""

    def __init__(self, w: Writer, dtype: np.dtype) -> None:
        self.w = w
        self.dtype = dtype
        self.part = part_of_complex(dtype)

    def constant(self, value: float) -> Number:
        return constant(value, self.dtype)

    def add(self, x: Number, y: Number) -> Number:
        return self.w.number("add", self.part, x, y)

    def subtract(self, x: Number, y: Number) -> Number:
        return self.w.number("subtract", self.part, x, y)

    def multiply(self, x: Number, y: Number) -> Number:
        return self.w.number("multiply", self.part, x, y)

    def divide(self, x: Number, y: Number) -> Number:
        return self.w.number("divide", self.part, x, y)

    def negative(self, x: Number) -> Number:
        return self.w.number("negative", self.part, x)

    def conjugate(self, x: Number) -> Number:
        return Pair(x.real, self.w.op("negative", self.part, x.imag)) if type(x) is Pair else x

    def to(self, x: Number, part: np.dtype) -> Number:
        """In parts of this dtype."""
        if type(x) is Pair:
            return Pair(self.to(x.real, part), self.to(x.imag, part))
        return x if x.dtype == part else self.w.op("convert", part, x)

    def real(self, x: Number) -> Operand:
        return x.real if type(x) is Pair else x

    def of_real(self, x: Operand) -> Number:
        return Pair(x, Num(0.0, self.part)) if self.dtype.kind == "c" else x

    def times(self, x: Number, y: Operand) -> Number:
        return self._of_parts("multiply", x, y)

    def over_real(self, x: Number, y: Operand) -> Number:
        return self._of_parts("divide", x, y)

    def _of_parts(self, name: str, x: Number, y: Operand) -> Number:
        """An operation on a number and a real one."""
        if type(x) is Pair:
            return Pair(self.w.op(name, self.part, x.real, y), self.w.op(name, self.part, x.imag, y))
        return self.w.op(name, self.part, x, y)

    def chosen(self, condition: Operand, x: Number, y: Number) -> Number:
        return chosen(self.w, condition, x, y)

    def size(self, x: Number) -> Operand:
        """What pivots are compared by: of complex numbers the sum of both parts."""
        if type(x) is Pair:
            return self.w.op("add", self.part, self.size(x.real), self.size(x.imag))
        return self.w.op("abs", self.part, x)

    def is_zero(self, x: Number) -> Operand:
        w, zero = self.w, Num(0.0, self.part)
        if type(x) is Pair:
            return w.op("logical_and", BOOL, w.op("equal", BOOL, x.real, zero), w.op("equal", BOOL, x.imag, zero))
        return w.op("equal", BOOL, x, zero)

    def sign(self, x: Number) -> Number:
        """As the determinant has it: that of a real NaN is 1."""
        found = self.w.number("sign", self.part, x)
        if type(x) is Pair:
            return found
        return self.w.op("where", self.part, self.w.op("isnan", BOOL, x), Num(1.0, self.part), found)

    def log_of_size(self, x: Number) -> Operand:
        return self.w.op("log", self.part, self.w.number("abs", self.part, x))

    def same(self, x: Operand, y: int) -> Operand:
        return self.w.op("equal", BOOL, x, Num(y, x.dtype))

    def product(self, xs: Iterable[Number]) -> Number:
        return self.w.total(list(xs), self.part, "multiply")


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
        several = type(node.dtype) is tuple
        self.specs = specs_of(node)
        parts = [part for x in given for part in parts_of(x)]
        sizes = [prod(shape_of(x)) for x in parts] + [prod(shape) for shape, _ in self.specs]
        self.known = prod(shape[:-2]) == 1 and max(sizes) <= self.w.most
        self.inputs = [self.w.picked(x) if self.known else at_hand(self.w, self.w.lazy(x)) for x in parts]
        room = None if several else self.w.targets.get(node)
        self.sinks = [Sink(self.w, shape, dtype, self.known, room) for shape, dtype in self.specs]

    def matrix(self, x: Lazy, index: Indices) -> Matrix:
        rows, columns = x.shape[-2:]
        return [[self.w.at(x, (*index, Form(i), Form(j))) for j in range(columns)] for i in range(rows)]

    def vector(self, x: Lazy, index: Indices) -> list[Number]:
        return [self.w.at(x, (*index, Form(i))) for i in range(x.shape[-1])]

    def column(self, x: Lazy, index: Indices) -> list[Number]:
        """index: of the matrix, and of the column."""
        return [self.w.at(x, (*index[:-1], Form(i), index[-1])) for i in range(x.shape[-2])]

    def put_matrix(self, sink: Sink, index: Indices, rows: Matrix) -> None:
        for i, row in enumerate(rows):
            for j, x in enumerate(row):
                sink.put((*index, Form(i), Form(j)), x)

    def put_vector(self, sink: Sink, index: Indices, xs: Sequence[Number]) -> None:
        for i, x in enumerate(xs):
            sink.put((*index, Form(i)), x)

    def put_column(self, sink: Sink, index: Indices, xs: Sequence[Number]) -> None:
        for i, x in enumerate(xs):
            sink.put((*index[:-1], Form(i), index[-1]), x)

    def each(self, shape: tuple[int, ...], body: Callable[[Indices], Operand | None]) -> Value:
        """`body` for each index; it says whether there is no result. The value of the node."""
        w = self.w
        lines = Lines(w, shape, range(len(shape)), self.known)
        can_fail: list[bool] = []

        def one(index: Indices) -> list[Operand]:
            bad = body(index)
            can_fail.append(bad is not None)
            return [Num(False, BOOL) if bad is None else bad]

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


def _any(w: Writer, xs: Sequence[Operand]) -> Operand:
    return w.total(xs, BOOL, "logical_or")


# Factors


def _factored(n: Numbers, a: Matrix) -> list[Operand]:
    """Elimination with partial pivoting, in place; the pivots."""
    w = n.w
    rows, columns = len(a), len(a[0])
    pivots: list[Operand] = []
    for k in range(min(rows, columns)):
        pivot: Operand = Num(k, INT)
        largest = n.size(a[k][k])
        for i in range(k + 1, rows):
            size = n.size(a[i][k])
            larger = w.op("greater", BOOL, size, largest)
            pivot = w.op("where", INT, larger, Num(i, INT), pivot)
            if i + 1 < rows:
                largest = w.op("where", n.part, larger, size, largest)
        pivots.append(pivot)
        _exchange(n, a, pivot, k)
        zero = n.is_zero(a[k][k])
        divisor = n.chosen(zero, n.constant(1.0), a[k][k])
        for i in range(k + 1, rows):
            factor = a[i][k] = n.divide(a[i][k], divisor)
            for j in range(k + 1, columns):
                a[i][j] = n.subtract(a[i][j], n.multiply(factor, a[k][j]))
    return pivots


def _exchange(n: Numbers, rows: list[Any], pivot: Operand, k: int) -> None:
    """Exchange row k with row `pivot`, which comes behind it. A row may be a number."""
    if isinstance(pivot, Num):
        return
    for i in range(k + 1, len(rows)):
        there = n.same(pivot, i)
        rows[k], rows[i] = _choice(n, there, rows[i], rows[k]), _choice(n, there, rows[k], rows[i])


def _choice(n: Numbers, there: Operand, x: Any, y: Any) -> Any:
    return [n.chosen(there, a, b) for a, b in zip(x, y)] if type(x) is list else n.chosen(there, x, y)


def _lu(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    n = Numbers(g.w, given[0].dtype)
    packed, pivots = s.sinks

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[0], index)
        found = _factored(n, a)
        s.put_matrix(packed, index, a)
        s.put_vector(pivots, index, found)

    return s.each(s.shape[:-2], body)


def _lu_parts(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    n = Numbers(g.w, given[0].dtype)
    lower, upper = s.sinks
    rows, columns = s.shape[-2:]
    count = min(rows, columns)
    zero, one = n.constant(0.0), n.constant(1.0)

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[1], index)
        s.put_matrix(lower, index, [[a[i][j] if j < i else one if i == j else zero for j in range(count)] for i in range(rows)])
        s.put_matrix(upper, index, [[a[i][j] if j >= i else zero for j in range(columns)] for i in range(count)])

    return s.each(s.shape[:-2], body)


def _row_order(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    rows = node.params["rows"]
    s = Stack(g, node, given, (*shape_of(given[0]), rows))
    n = Numbers(g.w, INDEX)

    def body(index: Indices) -> None:
        order: list[Number] = [Num(i, INDEX) for i in range(rows)]
        for k, pivot in enumerate(s.vector(s.inputs[0], index)):
            _exchange_any(n, order, pivot, k)
        s.put_vector(s.sinks[0], index, order)

    return s.each(s.shape[:-2], body)


def _exchange_any(n: Numbers, rows: list[Any], pivot: Operand, k: int) -> None:
    """The same where the pivot may be known."""
    if isinstance(pivot, Num):
        rows[k], rows[int(pivot.value)] = rows[int(pivot.value)], rows[k]
    else:
        _exchange(n, rows, pivot, k)


def _cholesky(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    w, n = g.w, Numbers(g.w, node.dtype)
    rows = s.shape[-1]

    def body(index: Indices) -> Operand:
        a = s.matrix(s.inputs[0], index)
        l: Matrix = [[n.constant(0.0)] * rows for _ in range(rows)]
        bad = []
        for j in range(rows):
            for i in range(j, rows):
                rest = a[i][j]
                for k in range(j):
                    rest = n.subtract(rest, n.multiply(l[i][k], n.conjugate(l[j][k])))
                if i == j:
                    rest = n.real(rest)
                    bad.append(w.op("logical_not", BOOL, w.op("greater", BOOL, rest, Num(0.0, n.part))))
                    root = w.op("sqrt", n.part, rest)
                    l[j][j] = n.of_real(root)
                else:
                    l[i][j] = n.over_real(rest, root)
        s.put_matrix(s.sinks[0], index, l)
        return _any(w, bad)

    return s.each(s.shape[:-2], body)


def _qr(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """By reflections, as LAPACK's geqr2 and org2r have them, so that the signs are the same."""
    s = Stack(g, node, given, shape_of(given[0]))
    n = Numbers(g.w, s.inputs[0].dtype)
    rows, columns = s.shape[-2:]
    count = min(rows, columns)
    zero = n.constant(0.0)

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[0], index)
        factors = []
        for k in range(count):
            factors.append(_reflected(n, a, k))
            for j in range(k + 1, columns):
                _reflect(n, a, k, j, n.conjugate(factors[k]))
        s.put_matrix(s.sinks[1], index, [[a[i][j] if j >= i else zero for j in range(columns)] for i in range(count)])
        for k in reversed(range(count)):
            for j in range(k + 1, count):
                _reflect(n, a, k, j, factors[k])
            for i in range(rows):
                a[i][k] = n.negative(n.multiply(factors[k], a[i][k])) if i > k else zero
            a[k][k] = n.subtract(n.constant(1.0), factors[k])
        s.put_matrix(s.sinks[0], index, [row[:count] for row in a])

    return s.each(s.shape[:-2], body)


def _reflected(n: Numbers, a: Matrix, k: int) -> Number:
    """Make column k zero below the diagonal by a reflection 1 - factor v v^H with v[k] = 1. What is left stands on the diagonal, v
    below it; the factor. There is nothing to do for a column of zeros with a real number on the diagonal."""
    w, part, zero = n.w, n.part, Num(0.0, n.part)
    first, rest = a[k][k], [row[k] for row in a[k + 1 :]]
    others = [x for y in rest for x in ((y.real, y.imag) if type(y) is Pair else (y,))]
    others += [first.imag] if type(first) is Pair else []
    if not others:
        return n.constant(0.0)
    largest = w.total([w.op("abs", part, x) for x in (n.real(first), *others)], part, "maximum")
    none = w.total([w.op("equal", BOOL, x, zero) for x in others], BOOL, "logical_and")
    scale = w.op("where", part, w.op("equal", BOOL, largest, zero), Num(1.0, part), largest)
    squares = [w.op("square", part, w.op("divide", part, x, scale)) for x in (n.real(first), *others)]
    norm = w.op("multiply", part, scale, w.op("sqrt", part, w.total(squares, part, "add")))
    left = w.op("copysign", part, norm, w.op("negative", part, n.real(first)))
    factor = n.over_real(n.subtract(n.of_real(left), first), w.op("where", part, none, Num(1.0, part), left))
    divisor = n.chosen(none, n.constant(1.0), n.subtract(first, n.of_real(left)))
    inverse = n.divide(n.constant(1.0), divisor)
    a[k][k] = n.chosen(none, first, n.of_real(left))
    for i, x in enumerate(rest):
        a[k + 1 + i][k] = n.chosen(none, x, n.multiply(x, inverse))
    return n.chosen(none, n.constant(0.0), factor)


def _reflect(n: Numbers, a: Matrix, k: int, j: int, factor: Number) -> None:
    """Column j by the reflection that column k has below the diagonal."""
    terms = [a[k][j], *[n.multiply(n.conjugate(a[i][k]), a[i][j]) for i in range(k + 1, len(a))]]
    along = n.multiply(factor, n.w.total(terms, n.part, "add"))
    a[k][j] = n.subtract(a[k][j], along)
    for i in range(k + 1, len(a)):
        a[i][j] = n.subtract(a[i][j], n.multiply(a[i][k], along))


# Solutions


def _substitute(n: Numbers, t: Callable[[int, int], Number], x: list[Number], lower: bool, unit: bool) -> None:
    """Solve the triangular system t y = x, and write y over x."""
    rows = range(len(x))
    for i in rows if lower else reversed(rows):
        if not unit:
            x[i] = n.divide(x[i], t(i, i))
        for j in rows[i + 1 :] if lower else rows[:i]:
            x[j] = n.subtract(x[j], n.multiply(t(j, i), x[i]))


def _lu_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    n = Numbers(g.w, node.dtype)
    _, packed, pivots, b = s.inputs
    transposed, order = node.params["transposed"], range(s.shape[-1])

    def body(index: Indices) -> Operand:
        a, x = s.matrix(packed, index[:-1]), s.column(b, index)
        rows = s.vector(pivots, index[:-1])
        if transposed:
            _substitute(n, lambda i, j: a[j][i], x, True, False)
            _substitute(n, lambda i, j: a[j][i], x, False, True)
            for k in reversed(order):
                _exchange_any(n, x, rows[k], k)
        else:
            for k in order:
                _exchange_any(n, x, rows[k], k)
            _substitute(n, lambda i, j: a[i][j], x, True, True)
            _substitute(n, lambda i, j: a[i][j], x, False, False)
        s.put_column(s.sinks[0], index, x)
        return _any(g.w, [n.is_zero(a[k][k]) for k in order])

    return s.each((*s.shape[:-2], node.shape[-1]), body)


def _triangular_solve(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    n = Numbers(g.w, node.dtype)
    t, b = s.inputs
    lower, transposed, unit = node.params["lower"], node.params["transposed"], node.params["unit"]

    def body(index: Indices) -> Operand | None:
        a, x = s.matrix(t, index[:-1]), s.column(b, index)
        of: Callable[[int, int], Number] = (lambda i, j: a[j][i]) if transposed else (lambda i, j: a[i][j])
        _substitute(n, of, x, lower != transposed, unit)
        s.put_column(s.sinks[0], index, x)
        return None if unit else _any(g.w, [n.is_zero(a[k][k]) for k in range(len(a))])

    return s.each((*s.shape[:-2], node.shape[-1]), body)


# Determinants


def _is_odd(n: Numbers, pivots: Sequence[Operand]) -> Operand:
    """Whether rows were exchanged an odd number of times."""
    w = n.w
    moved = [w.op("not_equal", BOOL, pivot, Num(k, INT)) for k, pivot in enumerate(pivots)]
    return w.total(moved, BOOL, "not_equal")


def _slogdet(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    w, n = g.w, Numbers(g.w, given[0].dtype)

    def body(index: Indices) -> None:
        a, pivots = s.matrix(s.inputs[1], index), s.vector(s.inputs[2], index)
        diagonal = [a[k][k] for k in range(len(a))]
        sign = n.product([n.sign(x) for x in diagonal])
        s.sinks[0].put(index, n.chosen(_is_odd(n, pivots), n.negative(sign), sign))
        s.sinks[1].put(index, w.total([n.log_of_size(x) for x in diagonal], n.part, "add"))

    return s.each(s.shape[:-2], body)


def _det(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Stack(g, node, given, shape_of(given[0]))
    n = Numbers(g.w, node.dtype)

    def body(index: Indices) -> None:
        a = s.matrix(s.inputs[0], index)
        pivots = _factored(n, a)
        found = n.product([a[k][k] for k in range(len(a))])
        s.sinks[0].put(index, n.chosen(_is_odd(n, pivots), n.negative(found), found))

    return s.each(s.shape[:-2], body)


def _cofactor(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """Each cofactor is a determinant, and linear in each of its rows: its derivative along several matrices is the sum over the
    ways to take a row from each of them."""
    s = Stack(g, node, given, shape_of(given[0]))
    size, count = s.shape[-1], len(given) - 1
    if size > LARGEST_COFACTORS:
        raise Unsupported("cofactors of large matrices")
    n = Numbers(g.w, node.dtype)

    def body(index: Indices) -> None:
        matrices = [s.matrix(x, index) for x in s.inputs]
        minors: dict[Any, Number] = {}

        def minor(rows: tuple[tuple[int, int], ...], columns: tuple[int, ...]) -> Number:
            """The determinant of rows (matrix, number) and columns."""
            which, i = rows[0]
            if len(rows) == 1:
                return matrices[which][i][columns[0]]
            found = minors.get((rows, columns))
            if found is None:
                for k, j in enumerate(columns):
                    rest = minor(rows[1:], (*columns[:k], *columns[k + 1 :]))
                    term = n.multiply(matrices[which][i][j], rest)
                    found = term if found is None else n.subtract(found, term) if k % 2 else n.add(found, term)
                minors[rows, columns] = found
            return found

        def cofactor(i: int, j: int) -> Number:
            rows, columns = [r for r in range(size) if r != i], tuple([c for c in range(size) if c != j])
            terms = []
            for places in permutations(range(size - 1), count):
                sources = {rows[place]: k + 1 for k, place in enumerate(places)}
                terms.append(minor(tuple([(sources.get(r, 0), r) for r in rows]), columns))
            found = g.w.total(terms, n.part, "add")
            return n.negative(found) if (i + j) % 2 else found

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
