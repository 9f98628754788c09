"""Products: in blocks for the routine of gemm.py, or, where they are not large enough for it, as sums in loops, or written out."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla.engines.native.kernels.blocks import Matrix, multiply
from nabla.engines.native.loops import HALF, SINGLE, Form, plus, times
from nabla.engines.native.lowering import recipes
from nabla.engines.native.lowering.lines import Lines, at_hand
from nabla.engines.native.lowering.values import (
    Array,
    Indices,
    Lazy,
    Number,
    Small,
    Unsupported,
    Value,
    constant,
    part_of_complex,
    places,
    shape_of,
)  # fmt: skip
from nabla.graph.node import Node
from nabla.primitives import contraction

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

WORTH = 10_000
"""Multiplications from which on blocks cost less than loops."""
WRITTEN_OUT = 1024
"""Multiplications up to which a product of small tensors is written out."""
THIN = 4
"""Rows or columns up to which a factor is thin: most of what blocks would do is to read the other one."""
TERMS = 16
"""Terms of a sum up to which they are few."""


def dot_general(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w = g.w
    dtype = node.dtype
    if dtype.kind not in "fciu":
        raise Unsupported("a product of this dtype")
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    shapes = [shape_of(x) for x in given]
    xf = [axis for axis in range(len(shapes[0])) if axis not in xc and axis not in xb]
    yf = [axis for axis in range(len(shapes[1])) if axis not in yc and axis not in yb]
    left, right = (xb, xf, xc), (yb, yf, yc)
    count = node.size * prod(shapes[0][axis] for axis in xc)
    if dtype == HALF:  # in single precision, and rounded in the end
        factors = [recipes.convert(w, w.lazy(x), SINGLE) for x in given]
        return recipes.convert(w, w.lazy(_by_loops(w, SINGLE, (factors[0], *left), (factors[1], *right), None)), HALF)
    if g.is_tiny(node, given) and count <= WRITTEN_OUT:
        return _written_out(w, node, [w.small(x) for x in given], left, right)
    x, y = w.lazy(given[0]), w.lazy(given[1])
    if count and dtype.kind == "f" and not xb:
        rows = (x, *left), (y, *right)
        if node in g.few and _lies_in_rows(*rows[0]):
            return _few(w, dtype, rows[0], _in_rows(w, *rows[1]))
        m, n = (prod(shape[axis] for axis in axes) for shape, axes in zip(shapes, (xf, yf)))
        if count >= WORTH and 1 < min(m, n) <= THIN and _lies_in_rows(*rows[m < n]):
            return _by_loops(w, dtype, _in_rows(w, *rows[0]), _in_rows(w, *rows[1]), w.targets.get(node))
    if node in g.compared and has_few_terms(node):
        return _by_terms(w, dtype, (x, *left), (y, *right))
    if count and count // prod(shapes[0][axis] for axis in xb) >= WORTH and dtype.kind in "fc":
        return _by_gemm(w, node, (x, *left), (y, *right))
    return _by_loops(w, dtype, (x, *left), (y, *right), w.targets.get(node))


Axes = tuple[Sequence[int], Sequence[int], Sequence[int]]
"""The axes of a factor: shared, free, summed over."""


def _product(w: Writer, dtype: np.dtype, a: Number, b: Number) -> Number:
    return w.number("multiply", part_of_complex(dtype), a, b)


def _written_out(w: Writer, node: Node, given: list[Small], left: Axes, right: Axes) -> Small:
    lines = []
    for x, (shared, free, summed) in zip(given, (left, right)):
        names = x.names.transpose(*shared, *free, *summed)
        outer = names.shape[: names.ndim - len(summed)]
        lines.append(names.reshape(*outer, prod(names.shape[len(outer) :])))
    count = len(left[0])
    own = count + len(left[1])
    out = np.empty(node.shape, object)
    zero = constant(0, node.dtype)
    for at in np.ndindex(*node.shape):
        pairs = zip(lines[0][at[:own]], lines[1][(*at[:count], *at[own:])])
        terms = [_product(w, node.dtype, a, b) for a, b in pairs]
        out[at] = w.total(terms, part_of_complex(node.dtype), "add") if terms else zero
    return Small(out, node.dtype)


def _lies_in_rows(x: Lazy, shared: Sequence[int], free: Sequence[int], summed: Sequence[int]) -> bool:
    """Whether what is summed over lies side by side."""
    return x.array is not None and list(range(len(x.shape))) == [*shared, *free, *summed]


def _in_rows(w: Writer, x: Lazy, *axes: Sequence[int]) -> Any:
    """The same factor, made so, and its axes then."""
    if _lies_in_rows(x, *axes):
        return x, *axes
    order = [axis for kind in axes for axis in kind]
    room = w.memory(x if order == list(range(len(order))) else recipes.transpose(w, x, order))
    return w.of_array(room), *[[order.index(axis) for axis in kind] for kind in axes]


def _few(w: Writer, dtype: np.dtype, left: Any, right: Any) -> Lazy:
    """A product of whose numbers only some are wanted, each computed by itself."""
    terms, summed = _terms(w, dtype, left, right)
    shape = terms.shape[: summed[0]] if summed else terms.shape
    lines = Lines(w, terms.shape, summed, False)

    def at(index: Indices) -> Number:
        return lines.brought(index, "add", [dtype], lambda place: [w.at(terms, place)])[0]

    return Lazy(shape, dtype, at, 2 * prod(terms.shape[len(shape) :]), terms.depth + 1, terms.reads)


def has_few_terms(node: Node) -> bool:
    """Whether it is a product whose numbers are sums of so few terms that they may as well be computed where they are wanted."""
    if node.prim is not contraction.dot_general or node.dtype.kind != "f" or node.dtype == HALF:
        return False
    return 0 < prod(node.inputs[0].shape[axis] for axis in node.params["contract"][0]) <= TERMS


def _by_terms(w: Writer, dtype: np.dtype, left: Any, right: Any) -> Lazy:
    """The same where there are few terms, which are written out: what does not change in the loop that wants them leaves it."""
    terms, summed = _terms(w, dtype, left, right)
    shape = terms.shape[: summed[0]]
    along = places(terms.shape[summed[0] :])

    def at(index: Indices) -> Number:
        return w.total([w.at(terms, (*index, *place)) for place in along], dtype, "add")

    return Lazy(shape, dtype, at, 2 * len(along), terms.depth + 1, terms.reads)


def _by_loops(w: Writer, dtype: np.dtype, left: Any, right: Any, out: Array | None) -> Value:
    terms, summed = _terms(w, dtype, left, right)
    return recipes.reduced(w, terms, summed, dtype, "add", out)


def _terms(w: Writer, dtype: np.dtype, left: Any, right: Any) -> tuple[Lazy, tuple[int, ...]]:
    """What is summed up, and along which axes."""
    x, xb, xf, xc = left
    y, yb, yf, yc = right
    free = [*[x.shape[axis] for axis in (*xb, *xf)], *[y.shape[axis] for axis in yf]]
    outer = len(free)
    shape = (*free, *[x.shape[axis] for axis in xc])
    summed = range(outer, len(shape))
    places_x = dict(zip([*xb, *xf, *xc], [*range(len(xb) + len(xf)), *summed]))
    places_y = dict(zip([*yb, *yf, *yc], [*range(len(xb)), *range(len(xb) + len(xf), outer), *summed]))
    factors = [_seen(w, at_hand(w, x), shape, places_x), _seen(w, at_hand(w, y), shape, places_y)]
    return recipes.elementwise(w, shape, dtype, lambda a, b: _product(w, dtype, a, b), factors, 1), tuple(summed)


def _seen(w: Writer, x: Lazy, shape: tuple[int, ...], places: dict[int, int]) -> Lazy:
    return recipes.moved(w, x, shape, lambda index: tuple([index[places[axis]] for axis in range(len(x.shape))]))


def _by_gemm(w: Writer, node: Node, left: Any, right: Any) -> Array:
    (x, xb, xf, xc), (y, yb, yf, yc) = left, right
    batch, m, n, k = (prod(z.shape[axis] for axis in axes) for z, axes in ((x, xb), (x, xf), (y, yf), (x, xc)))
    room = w.result(node)
    into = room._replace(shape=(m, n))
    # A may lie column by column, and so may B; else they lie row by row.
    of_complex = node.dtype.kind == "c"
    a_turned, b_turned = [not of_complex and order == sorted(order) for order in ([*xb, *xc, *xf], [*yb, *yf, *yc])]
    a = _matrix(w, x, xb, xc, xf) if a_turned else _matrix(w, x, xb, xf, xc)
    b = _matrix(w, y, yb, yf, yc) if b_turned else _matrix(w, y, yb, yc, yf)
    if of_complex:
        a, b, into = _seen_real(a), _as_real(w, b, (batch, k, n)), _seen_real(into)
        n, k = 2 * n, 2 * k

    def turn(i: Form) -> None:
        of_a = Matrix(a.buffer, plus(a.at, times(i, m * k)), *((1, m, 1) if a_turned else (k, 1, k)))
        of_b = Matrix(b.buffer, plus(b.at, times(i, k * n)), *((k, 1, k) if b_turned else (1, n, 1)))
        multiply(w, (m, n, k), of_a, of_b, Matrix(into.buffer, plus(into.at, times(i, m * n)), n, 1, n))

    w.loop(batch, turn)
    return room


def _seen_real(x: Array) -> Array:
    """Complex numbers as twice as many real ones."""
    return Array(x.buffer, times(x.at, 2), (*x.shape[:-1], 2 * x.shape[-1]), x.buffer.dtype, x.owned)


def _as_real(w: Writer, b: Array, shape: tuple[int, int, int]) -> Array:
    """Complex numbers as matrices [[re, im], [-im, re]]: rows of numbers seen as real ones times these are the products seen so."""
    count, rows, columns = shape
    given, room = b._replace(shape=shape), w.room((count, rows, 2, columns, 2), b.buffer.dtype)

    def move(index: Indices) -> None:
        i, row, column = index
        x = w.load(given, index)
        parts = [[x.real, x.imag], [w.op("negative", room.dtype, x.imag), x.real]]
        for p, q in places((2, 2)):
            w.store(room, (i, row, p, column, q), parts[p.const][q.const])

    w.nest(shape, move)
    return room


def _matrix(w: Writer, x: Lazy, *axes: Sequence[int]) -> Array:
    """x in memory, its axes in that order."""
    order = [axis for kind in axes for axis in kind]
    return w.memory(x if order == sorted(order) else recipes.transpose(w, x, order))
