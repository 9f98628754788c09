"""Functions of Hermitian matrices by way of their eigenvalues, f(h) = v diag(f(w)) v^H, with every derivative at equal ones.

In the basis of the eigenvectors the derivative of order k along e_1 ... e_k is a sum over their orders,

    s_ad = sum_{b c} f[w_a, w_b, w_c, w_d] (e_1)_ab (e_2)_bc (e_3)_cd + ...,

with divided differences of f, f[a, b] = (f(b) - f(a)) / (b - a), f[a, a] = f'(a) (Yu. L. Daleckii and S. G. Krein, 1965; R.
Bhatia, "Matrix Analysis" (1997), section V.3; N. J. Higham, "Functions of Matrices" (2008), theorem 3.11). No eigenvector
is differentiated, so it does not matter which ones are equal. tr(g^T s) is symmetric in g^T and all e_i, so that the
transposes are the same function again.

f is a closed graph from the eigenvalues, and from what else the function was made of, its parameters. What f's own
derivatives are at the eigenvalues is told by forward sweeps through it, as many as the order asks for.

Divided differences of close values lose digits. There
    f[w_0, ..., w_k] = (mean of f^(k)(w_i) - sum of (w_i - mean) f^(k+1)(w_i) / (2 k + 4)) / k!,
which leaves out terms of the fourth order in the gaps for k = 1 and of the third for others, is taken if it lies within
the rounding of the quotient.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from math import factorial
from typing import Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives.base import Shape, constant, same, scalar, zeros_like
from nabla.primitives.call import sweeps
from nabla.primitives.formulas import abs_, equal, less_equal, maximum, select
from nabla.primitives.indexing import along_axis
from nabla.primitives.kinds import General, derived
from nabla.primitives.linalg import adjoint, product
from nabla.primitives.shape import cast, real, reduce_sum, reshape, spread, swap_last
from nabla.primitives.structure import detach, placeholder


@lru_cache(maxsize=64)
def _sorted_indices(n: int, k: int) -> np.ndarray:
    """The indices of an array with k + 1 axes of length n, one column each, sorted: divided differences are symmetric."""
    return np.sort(np.indices((n,) * (k + 1)).reshape(k + 1, -1), axis=0)


def _pick(x: Node, index: np.ndarray) -> Node:
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
        low, high = _pick(table, _flat(index[:-1], n)), _pick(table, _flat(index[1:], n))
        points = [_pick(w, i) for i in index]
        gap = points[-1] - points[0]
        touch = equal(gap, zeros_like(gap))
        quotient = (high - low) / cast(select(touch, scalar(1.0, w.dtype), gap), table.dtype)
        middle = sum(points[1:], points[0]) / float(j + 1)
        slopes = [_pick(xs[j], i) for i in index]
        bends = [cast(p - middle, table.dtype) * _pick(xs[j + 1], i) for p, i in zip(points, index)]
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


def _derivatives(graph: Graph, w: Node, parameters: Sequence[Node], count: int) -> list[Node]:
    """f at w and its first `count` derivatives there."""
    xs = list(sweeps.inline(graph, [w, *parameters]))
    for _ in range(count):
        dx = derived.along(xs[-1], {w: constant(np.ones(w.shape, w.dtype))})
        xs.append(zeros_like(xs[0]) if dx is None else dx)
    return xs


def _at(graph: Graph, w: Node, v: Node, parameters: Sequence[Node], es: Sequence[Node]) -> Node:
    return _composed(w, v, _derivatives(graph, w, parameters, len(es) + 1 if es else 0), es)


def function_of_hermitian(
    graph: Graph, h: Node, w: Node, v: Node, parameters: Sequence[Node] = (), es: Sequence[Node] = ()
) -> Node:
    """v diag(f(w)) v^H with the eigenvalues and eigenvectors of h, or its derivative along es."""
    value = _at(graph, detach(w), detach(v), [detach(x) for x in parameters], [detach(e) for e in es])
    return spectral_function(value, h, w, v, *parameters, *es, graph=graph, order=len(es))


class _Parts:
    """The inputs of a node by what they are."""

    def __init__(self, node: Node) -> None:
        self.graph = node.params["graph"]
        self.h, self.w, self.v = node.inputs[1:4]
        self.first = len(node.inputs) - node.params["order"]
        self.parameters = node.inputs[4 : self.first]
        self.es = node.inputs[self.first :]

    def along(self, *es: Node) -> Node:
        return function_of_hermitian(self.graph, self.h, self.w, self.v, self.parameters, es)

    def exchanged(self, i: int, e: Node) -> Node:
        """With another direction in the place of one."""
        return self.along(*self.es[:i], e, *self.es[i + 1 :])


def _along_parameters(graph: Graph, moving: tuple[int, ...]) -> Graph | None:
    """The derivative of f along some of its parameters, a function of these tangents, too; None where it is zero."""
    key = ("along parameters", moving)
    if key not in graph.derived:
        heads = [graph.inputs[i] for i in moving]
        tangents = [placeholder(x.shape, x.dtype, x.tokens, "a tangent") for x in heads]
        dx = derived.along(graph.outputs[0], dict(zip(heads, tangents)))
        graph.derived[key] = None if dx is None else sweeps.extract([dx], [*graph.inputs, *tangents])
    return graph.derived[key]


def _jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    parts = _Parts(node)
    terms = []
    if tangents[1] is not None:
        terms.append(parts.along(*parts.es, tangents[1]))
    for i, de in enumerate(tangents[parts.first :]):
        if de is not None:
            terms.append(parts.exchanged(i, de))
    moving = {i + 1: dx for i, dx in enumerate(tangents[4 : parts.first]) if dx is not None}
    changed = _along_parameters(parts.graph, tuple(moving)) if moving else None
    if changed is not None:
        terms.append(function_of_hermitian(changed, parts.h, parts.w, parts.v, [*parts.parameters, *moving.values()], parts.es))
    return sum(terms[1:], terms[0]) if terms else None


def _transposed(x: Node, like: Node) -> Node:
    x = swap_last(x)
    return x if like.dtype.kind == "c" or x.dtype.kind != "c" else real(x)


def _vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    parts = _Parts(node)
    turned = swap_last(g)
    out: list[Node | None] = [None] * parts.first
    if wants[1]:
        out[1] = _transposed(parts.along(*parts.es, turned), parts.h)
    if any(wants[4 : parts.first]):
        out[4:] = derived.cotangents(lambda *xs: _at(parts.graph, parts.w, parts.v, xs, parts.es), parts.parameters, g)
    for i, e in enumerate(parts.es):
        out.append(_transposed(parts.exchanged(i, turned), e) if wants[parts.first + i] else None)
    return out


def _shape(value: Node, *rest: Node, graph: Graph, order: int) -> tuple[Shape, np.dtype]:
    return same(value)


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    lanes = [spread(x, there, size) for x, there in zip(inputs, mapped)]
    found = sweeps.batched(node.params["graph"], (True,) * len(node.params["graph"].inputs), size)
    graph = found.graph
    if not found.mapped[0]:
        graph = sweeps.extract([spread(graph.outputs[0], False, size)], graph.inputs)
    return spectral_function(*lanes, graph=graph, order=node.params["order"]), True


spectral_function = General("spectral_function", _shape, jvp=_jvp, vjp=_vjp, batch=_batch)
"""The first input, the derivative of order `order` of the function `graph` of a Hermitian matrix, with what it was made of: the
matrix, its eigenvalues and eigenvectors, the parameters of the function, the directions."""
