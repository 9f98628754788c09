"""Functions of Hermitian matrices by way of their eigenvalues, f(h) = v diag(f(w)) v^H, with every derivative at equal ones.

In the basis of the eigenvectors the derivative of order k along e_1 ... e_k is a sum over their orders,

    s_ad = sum_{b c} f[w_a, w_b, w_c, w_d] (e_1)_ab (e_2)_bc (e_3)_cd + ...,

with divided differences of f, f[a, b] = (f(b) - f(a)) / (b - a), f[a, a] = f'(a) (Yu. L. Daleckii and S. G. Krein, 1965; R.
Bhatia, "Matrix Analysis" (1997), section V.3; N. J. Higham, "Functions of Matrices" (2008), theorem 3.11). No eigenvector
is differentiated, so it does not matter which ones are equal. tr(g^T s) is symmetric in g^T and all e_i, so that the
transposes are the same function again.

A node carries what f and its derivatives are at the eigenvalues, `xs`, one more than it has directions and another. The next
one is made when it is needed, by a forward sweep through the nodes that the function wrote, from the eigenvalues on.

Divided differences of close values lose digits. There
    f[w_0, ..., w_k] = (mean of f^(k)(w_i) - sum of (w_i - mean) f^(k+1)(w_i) / (2 k + 4)) / k!,
which leaves out terms of the fourth order in the gaps for k = 1 and of the third for others, is taken if it lies within
the rounding of the quotient.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from math import factorial
from typing import Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Shape, constant, same, scalar, zeros_like
from nabla.primitives.formulas import abs_, equal, less_equal, maximum, select
from nabla.primitives.indexing import along_axis
from nabla.primitives.kinds import General, derived
from nabla.primitives.linalg import adjoint, product
from nabla.primitives.shape import cast, real, reduce_sum, reshape, spread, swap_last
from nabla.primitives.structure import detach


@lru_cache(maxsize=64)
def _sorted_indices(n: int, k: int) -> np.ndarray:
    """The indices of an array with k + 1 axes of length n, one column each, sorted: divided differences are symmetric."""
    return np.sort(np.indices((n,) * (k + 1)).reshape(k + 1, -1), axis=0)


def _at(x: Node, index: np.ndarray) -> Node:
    return along_axis(x, constant(index), x.ndim - 1)


def _flat(index: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(np.ravel_multi_index(tuple(index), (n,) * len(index)))


def _divided_differences(w: Node, xs: Sequence[Node], k: int) -> Node:
    """f[w_a, ..., w_z] with k + 1 arguments, one axis each, from ascending w."""
    *stack, n = w.shape
    table = xs[0]
    rounding = scalar(16.0 * float(np.finfo(w.dtype).eps), w.dtype)
    for j in range(1, k + 1):
        index = _sorted_indices(n, j)
        low, high = _at(table, _flat(index[:-1], n)), _at(table, _flat(index[1:], n))
        points = [_at(w, i) for i in index]
        gap = points[-1] - points[0]
        touch = equal(gap, zeros_like(gap))
        quotient = (high - low) / cast(select(touch, scalar(1.0, w.dtype), gap), table.dtype)
        middle = sum(points[1:], points[0]) / float(j + 1)
        slopes = [_at(xs[j], i) for i in index]
        bends = [cast(p - middle, table.dtype) * _at(xs[j + 1], i) for p, i in zip(points, index)]
        there = sum(slopes[1:], slopes[0]) / float((j + 1) * factorial(j))
        close = there - sum(bends[1:], bends[0]) / float((2 * j + 4) * factorial(j))
        within = less_equal(abs_(close - quotient) * gap, rounding * maximum(abs_(low), abs_(high)))
        flat = select(touch, there, select(within, close, quotient))
        table = reshape(flat, shape=(*stack, n ** (j + 1)))
    return reshape(table, shape=(*stack, *(n,) * (k + 1)))


def _composed(w: Node, v: Node, xs: Sequence[Node], es: Sequence[Node]) -> Node:
    """The derivative of order len(es) along es."""
    dtype = dtypes.promote(v.dtype, xs[0].dtype)
    v_h = cast(adjoint(v), dtype)
    v = cast(v, dtype)
    if not es:
        return product(v * cast(reshape(xs[0], shape=(*w.shape[:-1], 1, w.shape[-1])), dtype), v_h)
    k = len(es)
    table = cast(_divided_differences(w, xs, k), dtype)
    inner = [product(v_h, product(cast(e, dtype), v)) for e in es]
    stack, n, first = w.shape[:-1], w.shape[-1], w.ndim - 1
    total: Node | None = None
    for order in permutations(inner):
        term = table
        for i, e in enumerate(order):
            term = term * reshape(e, shape=(*stack, *(1,) * i, n, n, *(1,) * (k - 1 - i)))
        if k > 1:
            term = reduce_sum(term, axes=tuple(range(first + 1, first + k)))
        total = term if total is None else total + term
    assert total is not None
    return product(product(v, total), v_h)


def _attached(h: Node, seed: Node, w: Node, v: Node, xs: Sequence[Node], es: Sequence[Node]) -> Node:
    """The derivative along es as a node that knows its own derivatives."""
    value = _composed(detach(w), detach(v), [detach(x) for x in xs], [detach(e) for e in es])
    return spectral_function(value, h, seed, w, v, *xs, *es, order=len(es))


def next_derivative(x: Node, w: Node) -> Node:
    """The derivative of x, a function of each of w, by w."""
    dx = derived.along(x, w, constant(np.ones(w.shape, w.dtype)))
    return zeros_like(x) if dx is None else dx


def function_of_hermitian(h: Node, w: Node, v: Node, x: Node) -> Node:
    """v diag(x) v^H, where w and v belong to h, and x was made of w and of nothing that is differentiated."""
    return _attached(h, w, w, v, (x, next_derivative(x, w)), ())


def _along(node: Node, es: Sequence[Node]) -> Node:
    """The derivative along es: as many as the node has, or one more."""
    _, h, seed, w, v, *rest = node.inputs
    xs = rest[: len(rest) - node.params["order"]]
    if len(es) > node.params["order"]:
        xs.append(next_derivative(xs[-1], seed))
    return _attached(h, seed, w, v, xs, es)


def _directions(node: Node) -> list[Node]:
    k = node.params["order"]
    return list(node.inputs[len(node.inputs) - k :]) if k else []


def _jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    es = _directions(node)
    dh = tangents[1]
    terms = [] if dh is None else [_along(node, [*es, dh])]
    for i, de in enumerate(tangents[len(tangents) - len(es) :] if es else ()):
        if de is not None:
            terms.append(_along(node, [*es[:i], de, *es[i + 1 :]]))
    return sum(terms[1:], terms[0]) if terms else None


def _transposed(x: Node, like: Node) -> Node:
    x = swap_last(x)
    return x if like.dtype.kind == "c" or x.dtype.kind != "c" else real(x)


def _vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    es = _directions(node)
    first = len(node.inputs) - len(es)
    out: list[Node | None] = [None] * len(node.inputs)
    turned = swap_last(g)
    if wants[1]:
        out[1] = _transposed(_along(node, [*es, turned]), node.inputs[1])
    for i, e in enumerate(es):
        if wants[first + i]:
            out[first + i] = _transposed(_along(node, [*es[:i], turned, *es[i + 1 :]]), e)
    return out


def _shape(value: Node, *rest: Node, order: int) -> tuple[Shape, np.dtype]:
    return same(value)


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """The eigenvalues that the function got stay as they are: the xs hang on them."""
    spreads: list[Any] = [x if i == 2 else spread(x, there, size) for i, (x, there) in enumerate(zip(inputs, mapped))]
    return spectral_function(*spreads, **node.params), True


spectral_function = General("spectral_function", _shape, jvp=_jvp, vjp=_vjp, batch=_batch)
"""The first input, the derivative of order `order` of a function of a Hermitian matrix, together with what it was made of."""
