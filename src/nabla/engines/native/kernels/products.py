"""Products: by BLAS, or, where they are not large enough for it, as sums in loops, or written out."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla.engines.native.loops import ZERO, Call, Form, Num, Part, plus, times
from nabla.engines.native.lowering import recipes
from nabla.engines.native.lowering.values import (
    CHEAP,
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
from nabla.engines.native.runtime import blas_threads
from nabla.engines.native.runtime.routines import Blas
from nabla.graph.node import Node
from nabla.primitives import contraction

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer

WORTH = 10_000
"""Multiplications from which on a call of BLAS costs less than loops."""
WRITTEN_OUT = 1024
"""Multiplications up to which a product of small tensors is written out."""
THIN = 4
"""Rows or columns up to which a factor is thin: most of what BLAS would do is to copy the other one."""
TERMS = 16
"""Terms of a sum up to which they are few."""
BLOCK = 1_000_000
"""Multiplications that a thread is given at least, of a large product."""
NARROW, MOST = 64, 8
"""Rows or columns of what a thread is given, and how many of these are wanted at most: for each, all of one factor is copied."""
AT_ONCE = 6
"""Multiplications and additions in the time of an operation."""
INT, BYTE, HALF, SINGLE = (np.dtype(name) for name in ("int32", "int8", "float16", "float32"))


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
        return _by_blas(w, node, (x, *left), (y, *right))
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
    at = recipes.together(w, terms, summed, dtype, "add")
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
    factors = [_seen(w, _at_hand(w, x), shape, places_x), _seen(w, _at_hand(w, y), shape, places_y)]
    return recipes.elementwise(w, shape, dtype, lambda a, b: _product(w, dtype, a, b), factors, 1), tuple(summed)


def _at_hand(w: Writer, x: Lazy) -> Lazy:
    """x, computed before if it is costly: each of its numbers is wanted many times."""
    return w.of_array(w.memory(x)) if x.cost > CHEAP else x


def _seen(w: Writer, x: Lazy, shape: tuple[int, ...], places: dict[int, int]) -> Lazy:
    return recipes.moved(w, x, shape, lambda index: tuple([index[places[axis]] for axis in range(len(x.shape))]))


def _by_blas(w: Writer, node: Node, left: Any, right: Any) -> Array:
    """C' = B' A' column by column is C = A B row by row."""
    a, a_turned = _matrix(w, *left)
    b, b_turned = _matrix(w, *right)
    x, xb, xf, xc = left
    y, _, yf, _ = right
    m, n, k = (prod(z.shape[axis] for axis in axes) for z, axes in ((x, xf), (y, yf), (x, xc)))
    batch = prod(x.shape[axis] for axis in xb)
    room = w.result(node)
    one, zero = Num(1.0, node.dtype), Num(0.0, node.dtype)
    # What lies row by row is its transpose for BLAS; b, whose rows are to be summed over, is so where these come first.
    leading = [Num(v, INT) for v in (n if b_turned else k, m if a_turned else k, n)]
    letters = [Num(ord("T" if turned else "N"), BYTE) for turned in (not b_turned, a_turned)]
    routine = Blas({"float32": "sgemm", "float64": "dgemm", "complex64": "cgemm", "complex128": "zgemm"}[node.dtype.name])
    parts = 2 if node.dtype.kind == "c" else 1

    def part(z: Array, i: Form, size: int, start: Form, reach: int) -> Part:
        return Part(z.buffer, times(plus(z.at, times(i, size), start), parts), parts * reach)

    def block(i: Form, row: Form, rows: int, column: Form, columns: int) -> None:
        """Some rows and columns of a product."""
        left = part(a, i, m * k, times(row, 1 if a_turned else k), (k - 1) * m + rows if a_turned else rows * k)
        right = part(b, i, k * n, times(column, 1 if b_turned else k), (k - 1) * n + columns if b_turned else columns * k)
        out = part(room, i, m * n, plus(times(row, n), column), (rows - 1) * n + columns)
        sizes = [Num(v, INT) for v in (columns, rows, k)]
        args: list[Part | Num] = [*letters, *sizes, one, right, leading[0], left, leading[1], zero, out, leading[2]]
        w.block.append(Call(routine, args, [room.buffer], time=rows * columns * k * parts**2 / AT_ONCE))

    def turn(i: Form) -> None:
        count = m * n * k // BLOCK if blas_threads.are_limited() else 1
        if m >= n:
            in_blocks(w, m, min(count, m // NARROW, MOST), lambda row, rows: block(i, row, rows, ZERO, n))
        else:
            in_blocks(w, n, min(count, n // NARROW, MOST), lambda column, columns: block(i, ZERO, m, column, columns))

    w.loop(batch, turn)
    return room


def in_blocks(w: Writer, count: int, least: int, body: Callable[[Form, int], None]) -> None:
    """body(start, length) for `least` or more blocks of `count`, so many that little is left over.
    They may run at the same time."""
    blocks = min(range(max(least, 1), max(2 * least, 2)), key=lambda n: count % n)
    size, rest = divmod(count, blocks)
    w.loop(blocks, lambda i: body(times(i, size), size), apart=True)
    if rest:
        body(Form(count - rest), rest)


def _matrix(w: Writer, x: Lazy, shared: Sequence[int], free: Sequence[int], summed: Sequence[int]) -> tuple[Array, bool]:
    """x in memory as a stack of matrices, and whether these lie transposed: for the left factor free axes are rows."""
    order = [*shared, *free, *summed]
    turned = [*shared, *summed, *free]
    own = list(range(len(x.shape)))
    if own == turned and own != order:
        return w.memory(x), True
    return w.memory(x if own == order else recipes.transpose(w, x, order)), False
