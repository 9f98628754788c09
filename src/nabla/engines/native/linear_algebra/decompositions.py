"""Eigenvalues, singular values, orthogonal factors and pseudoinverses by LAPACK, for one matrix of a stack after the other.

The routines are those that NumPy calls, in double precision, and they are given the columns of a matrix, as NumPy does: so the
signs and phases of vectors are the same. Where numbers of a matrix are missing or infinite, all of its results are NaN. Where a
routine does not come to an end, the NumPy engine is called.
"""

from __future__ import annotations

from math import nan, prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.kernels.complex_numbers import Complex, chosen
from nabla.engines.native.kernels.products import WORTH
from nabla.engines.native.linear_algebra.factorisations import INT, total
from nabla.engines.native.linear_algebra.lapack import LETTERS, Calls, at, flat, is_below, letter, size
from nabla.engines.native.loops import BOOL, ZERO, Form, Num, Part, form, plus
from nabla.engines.native.lowering.reals import Real, integer, of, test, where
from nabla.engines.native.lowering.values import Array, Indices, Value, part_of_complex, row_of, value_of
from nabla.engines.native.runtime.routines import Blas, Lapack, Space
from nabla.graph.node import Node
from nabla.primitives import rectangular, spectra as p, sylvester
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs

Argument = Part | Num | Space


class Decomposition(Calls):
    """What these rows have in common. a: the stack of matrices; outs: the stacks of results. m, n, k: rows, columns, and the fewer
    of them."""

    def __init__(self, g: Graphs, node: Node, given: Sequence[Value]) -> None:
        super().__init__(g, node, given)
        self.use(_double(self.dtype))
        self.a = flat(self.inputs[0], 2)
        self.rooms = self.w.results(node)
        axes = len(node.inputs[0].shape) - 2
        self.outs = [flat(x, len(x.shape) - axes) for x in self.rooms]
        self.m, self.n = self.a.shape[-2:]
        self.k = min(self.m, self.n)
        self.complex = self.dtype.kind == "c"
        self.info = self.w.room((1,), INT)

    def all(self, body: Callable[[Form], Real | None]) -> Value:
        """The value of the node; see `each`."""
        self.each(body, self.rooms)
        return value_of(self.node, self.rooms)

    def call(self, name: str, args: Sequence[Argument], writes: Sequence[Array]) -> Real:
        """Whether the routine failed. Its last argument, which says so, is not among `args`."""
        routine = Lapack(LETTERS[self.dtype.name] + name)
        sizes = iter(routine.asked([*args, at(self.info)]))
        whole: list[Part | Num] = []
        spaces: list[Array] = []
        for x in args:
            if isinstance(x, Space):
                spaces.append(self.w.room((max(1, next(sizes)),), x.dtype))
                whole += [at(spaces[-1]), size(spaces[-1].shape[0])]
            else:
                whole.append(x)
        self.routine(Lapack, name, [*whole, at(self.info)], [*writes, *spaces, self.info])
        return self.failed(self.info)

    def of_parts(self, *args: Argument) -> list[Argument]:
        """Arguments that routines for complex numbers have alone."""
        return list(args) if self.complex else []

    def scratch(self, count: int) -> list[Array]:
        """Room for so many parts, for such a routine."""
        return [self.w.room((count,), self.part)] if self.complex else []

    def copy(self, room: Array, source: Callable[[Indices], Any]) -> None:
        super().copy(room, lambda index: source(index).to(part_of_complex(room.dtype)))

    def columns(self, a: Array, known: Real | None = None, conjugate: bool = False) -> Array:
        """The numbers of a matrix column by column; the unit matrix if these are not known."""
        w = self.w
        room = w.room(a.shape[::-1], self.dtype)

        def number(index: Indices) -> Any:
            found = self.load(a, index[::-1]).to(self.part)
            if conjugate:
                found = found.conjugate()
            if known is None:
                return found
            on_diagonal = integer(w, index[0]).equals(integer(w, index[1]))
            return chosen(known, found, chosen(on_diagonal, self.constant(1.0), self.constant(0.0)))

        self.copy(room, number)
        return room

    def is_known(self, a: Array) -> Real:
        """Whether all numbers of a matrix are finite."""
        are_finite = lambda index: total([test("isfinite", x) for x in self.load(a, index).parts], "logical_and")
        found: Real = self.brought(a.shape, "logical_and", BOOL, are_finite)
        return found

    def put(self, which: int, i: Form, known: Real, number: Callable[[Indices], Any]) -> None:
        """A result; NaN if the matrix is not known."""

        def or_nan(index: Indices) -> Any:
            found = number(index)
            return chosen(known, found, found.like(nan))

        self.copy(row_of(self.outs[which], i), or_nan)


def _double(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.complex128 if dtype.kind == "c" else np.float64)


def _no_matrix(x: Array) -> list[Argument]:
    """A matrix that is not asked for: any address."""
    return [at(x), size(1)]


# Hermitian matrices


def _eigh(vectors: bool) -> Any:
    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        s = Decomposition(g, node, given)
        w, n = s.w, s.n

        def body(i: Form) -> Real:
            own = row_of(s.a, i)
            known = s.is_known(own)
            v, values = s.columns(own, known), w.room((n,), s.part)
            spaces = [Space(s.dtype), *s.of_parts(Space(s.part)), Space(INT)]
            args = [letter("V" if vectors else "N"), letter("L"), size(n), at(v), size(n), at(values), *spaces]
            failed = s.call("heevd" if s.complex else "syevd", args, [v, values])
            s.put(0, i, known, lambda index: s.load(values, index))
            if vectors:
                s.put(1, i, known, lambda index: s.load(v, index[::-1]))
            return failed

        return s.all(body)

    return row


# Any square matrices


def _eig(vectors: bool) -> Any:
    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        s = Decomposition(g, node, given)
        w, n = s.w, s.n
        spectrum = [w.room((n,), s.dtype) for _ in range(1 if s.complex else 2)]  # of real matrices real and imaginary parts
        v = w.room((n, n), s.dtype) if vectors else spectrum[0]
        scratch = s.scratch(2 * n)

        def eigenvalue(index: Indices) -> Any:
            found = [s.load(x, index) for x in spectrum]
            return found[0] if s.complex else Complex(*found)

        def eigenvector(index: Indices) -> Any:
            """Of a real matrix a pair of conjugates has the real and the imaginary part of the first in two columns."""
            i, j = index
            if s.complex:
                return s.load(v, (j, i))
            imag, place = s.load(spectrum[1], (j,)), integer(w, j)
            first, second = imag > 0.0, imag < 0.0
            before, after = of("maximum", place - 1, 0), of("minimum", place + 1, n - 1)
            own, left, right = (s.load(v, (at, i)) for at in (j, form(before.operand), form(after.operand)))
            turned = where(second, -own, 0.0)
            return Complex(where(second, left, own), where(first, right, turned))

        def body(i: Form) -> Real:
            own = row_of(s.a, i)
            known = s.is_known(own)
            a = s.columns(own, known)
            args: list[Argument] = [letter("N"), letter("V" if vectors else "N"), size(n), at(a), size(n), *map(at, spectrum)]
            right: list[Argument] = [at(v), size(n)] if vectors else _no_matrix(a)
            args += [*_no_matrix(a), *right, Space(s.dtype), *map(at, scratch)]
            failed = s.call("geev", args, [a, v, *spectrum, *scratch])
            s.put(0, i, known, eigenvalue)
            if vectors:
                s.put(1, i, known, eigenvector)
            return failed

        return s.all(body)

    return row


# Singular values


def _singular(s: Decomposition, a: Array, known: Real, conjugate: bool = False) -> tuple[Array, Array, Array, Real]:
    """The singular values of a matrix, its vectors on the left and on the right, which lie (k, m) and (n, k), these conjugated, and
    whether there are none."""
    w, m, n, k = s.w, s.m, s.n, s.k
    columns = s.columns(a, known, conjugate)
    values, u, v = w.room((k,), s.part), w.room((k, m), s.dtype), w.room((n, k), s.dtype)
    matrices: list[Argument] = [at(columns), size(m), at(values), at(u), size(m), at(v), size(k)]
    args: list[Argument] = [letter("S"), size(m), size(n), *matrices, Space(s.dtype)]
    return u, values, v, _gesdd(s, args, [columns, values, u, v])


def _gesdd(s: Decomposition, args: Sequence[Argument], writes: Sequence[Array]) -> Real:
    most = max(s.m, s.n)
    rooms = [*s.scratch(s.k * max(5 * s.k + 7, 2 * most + 2 * s.k + 1)), s.w.room((8 * s.k,), INT)]
    return s.call("gesdd", [*args, *map(at, rooms)], [*writes, *rooms])


def _svd(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Decomposition(g, node, given)

    def body(i: Form) -> Real:
        own = row_of(s.a, i)
        known = s.is_known(own)
        u, values, v, failed = _singular(s, own, known)
        s.put(0, i, known, lambda index: s.load(u, index[::-1]))
        s.put(1, i, known, lambda index: s.load(values, index))
        s.put(2, i, known, lambda index: s.load(v, index).conjugate())
        return failed

    return s.all(body)


def _svdvals(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Decomposition(g, node, given)

    def body(i: Form) -> Real:
        own = row_of(s.a, i)
        known = s.is_known(own)
        columns, values = s.columns(own, known), s.w.room((s.k,), s.part)
        args = [letter("N"), size(s.m), size(s.n), at(columns), size(s.m), at(values), *_no_matrix(columns), *_no_matrix(columns)]
        failed = _gesdd(s, [*args, Space(s.dtype)], [columns, values])
        s.put(0, i, known, lambda index: s.load(values, index))
        return failed

    return s.all(body)


def _pinv(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """v diag(1/s) u^H, where the values that are not above a part of the largest count as none."""
    s = Decomposition(g, node, given)
    w, m, n, k = s.w, s.m, s.n, s.k
    parts = flat(s.inputs[1], 0)

    def body(i: Form) -> Real:
        own = row_of(s.a, i)
        known = s.is_known(own)
        u, values, v, failed = _singular(s, own, known, conjugate=True)
        least = s.load(parts, (i,)).to(s.part) * s.load(values, (ZERO,))

        def divided(index: Indices) -> Any:
            value = s.load(values, index[:1])
            counts = value > least
            factor = where(counts, 1.0 / where(counts, value, 1.0), 0.0)
            vector = s.load(u, index)
            return vector.like(factor) * vector

        s.copy(u, divided)
        product = w.room((n, m), s.dtype)
        _multiply(s, "NN", (m, n, k), (u, m), (v, k), product)
        s.put(0, i, known, lambda index: s.load(product, index))
        return failed

    return s.all(body)


def _unitary(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """u v^H."""
    s = Decomposition(g, node, given)
    m, n, k = s.m, s.n, s.k

    def body(i: Form) -> Real:
        own = row_of(s.a, i)
        known = s.is_known(own)
        u, _, v, failed = _singular(s, own, known)
        product = s.w.room((m, n), s.dtype)
        _multiply(s, "TT", (n, m, k), (v, k), (u, m), product)
        s.put(0, i, known, lambda index: s.load(product, index))
        return failed

    return s.all(body)


def _multiply(s: Decomposition, letters: str, sizes: Sequence[int], x: tuple[Array, int], y: tuple[Array, int], out: Array) -> None:
    """out = x y for BLAS, to which rows are columns. sizes: rows and columns of out, and what is summed over. x, y: with the length
    of a column. Small ones are sums in loops."""
    if prod(sizes) >= WORTH:
        factors = [argument for factor, length in (x, y) for argument in (at(factor), size(length))]
        one, zero = Num(1.0, s.dtype), Num(0.0, s.dtype)
        s.routine(Blas, "gemm", [*map(letter, letters), *map(size, sizes), one, *factors, zero, at(out), size(sizes[0])], [out])
        return

    def number(index: Indices) -> Any:
        j, i = index

        def term(along: Indices) -> Any:
            left = s.load(x[0], (*along, i) if letters[0] == "N" else (i, *along))
            right = s.load(y[0], (j, *along) if letters[1] == "N" else (*along, j))
            return left * right

        return s.brought((sizes[2],), "add", s.dtype, term)

    s.copy(out, number)


# Orthogonal factors


def _qr(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    s = Decomposition(g, node, given)

    def body(i: Form) -> None:
        a = s.columns(row_of(s.a, i))
        factors = _reflected(s, a)
        upper = lambda index: chosen(is_below(s.w, index), s.constant(0.0), s.load(a, index[::-1]))
        s.copy(row_of(s.outs[1], i), upper)
        _unfolded(s, a, factors, s.k)
        s.copy(row_of(s.outs[0], i), lambda index: s.load(a, index[::-1]))

    return s.all(body)


def _reflected(s: Decomposition, a: Array) -> Array:
    """The factors of the reflections that turn the columns a into a triangle, which is written over them."""
    factors = s.w.room((s.k,), s.dtype)
    s.call("geqrf", [size(s.m), size(s.n), at(a), size(s.m), at(factors), Space(s.dtype)], [a, factors])
    return factors


def _unfolded(s: Decomposition, a: Array, factors: Array, count: int) -> None:
    """The first columns of the product of the reflections, written over them."""
    args: list[Argument] = [size(s.m), size(count), size(s.k), at(a), size(s.m), at(factors), Space(s.dtype)]
    s.call("ungqr" if s.complex else "orgqr", args, [a])


def _complement(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """The last columns of all of them."""
    s = Decomposition(g, node, given)
    whole = s.w.room((s.m, s.m), s.dtype)

    def body(i: Form) -> None:
        own = row_of(s.a, i)
        s.copy(whole._replace(shape=(s.n, s.m)), lambda index: s.load(own, index[::-1]))
        _unfolded(s, whole, _reflected(s, whole), s.m)
        s.copy(row_of(s.outs[0], i), lambda index: s.load(whole, (plus(index[1], Form(s.n)), index[0])))

    return s.all(body)


ROWS: dict[Primitive, Any] = {
    p.eigh: _eigh(True),
    p.eigvalsh: _eigh(False),
    p.eig: _eig(True),
    p.eigvals: _eig(False),
    p.svd: _svd,
    p.svdvals: _svdvals,
    rectangular.pinv: _pinv,
    rectangular.qr: _qr,
    rectangular.complement: _complement,
    sylvester.unitary: _unitary,
}
