"""Linear algebra on stacks of square matrices, of shape (..., n, n): factorisations, solutions, determinants.

The inputs of a primitive have the same leading axes and dtype; the lanes of a vmap are one more leading axis.
Transposes are never conjugate ones: the pairing of the reverse mode is Re sum(g * dx).

`lu` is a value and no more: what is made of it (`lu_solve`, `slogdet`) takes the matrix beside its factors and has its
derivative with respect to the matrix. So a solution and all its derivatives share one factorisation.

Notation: a matrix, l lower triangle, x solution, dx tangent, g cotangent. Sources: M. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation" (2008), sections 2.2 and 2.3; I. Murray,
"Differentiation of the Cholesky decomposition" (2016), equations (8) and (10), here for complex matrices too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape, constant, same, same_as_last, scalar, shared
from nabla.primitives.contraction import dot_general
from nabla.primitives.kinds import General
from nabla.primitives.shape import (
    batch_leading,
    broadcast,
    cast,
    conjugate,
    flip,
    imag,
    real,
    reshape,
    swap_last,
    transpose,
)
from nabla.primitives.structure import output, outputs


def product(x: Node, y: Node, *, flip_x: bool = False, flip_y: bool = False) -> Node:
    """x @ y of two stacks with the same leading axes, either of them transposed without a node for it."""
    n = x.ndim - 2
    stack = tuple(range(n))
    return dot_general(x, y, contract=((n + 1 - flip_x,), (n + flip_y,)), batch=(stack, stack))


def few_made_once(make: Callable[..., Node]) -> Callable[..., Node]:
    """Remember small constants, by size and dtype."""
    remembered = lru_cache(maxsize=256)(make)
    return lambda n, *rest: remembered(n, *rest) if n <= 64 else make(n, *rest)


@few_made_once
def _unit(n: int, dtype: np.dtype) -> Node:
    return shared(constant(np.eye(n, dtype=dtype), dtype))


@few_made_once
def _triangle_of_ones(n: int, dtype: np.dtype, lower: bool, diagonal: float) -> Node:
    mask = np.tril(np.ones((n, n), dtype), -1) + diagonal * np.eye(n, dtype=dtype)
    return shared(constant(mask if lower else mask.T.copy(), dtype))


def identity(like: Node) -> Node:
    """The unit matrix, as often as `like` has matrices."""
    unit = _unit(like.shape[-1], like.dtype)
    return unit if like.ndim == 2 else broadcast(unit, shape=like.shape)


def lower_half(x: Node) -> Node:
    """The lower triangle with half the diagonal; Phi in Murray (2016). x -> lower_half(x + x^H) undoes it."""
    return x * _triangle_of_ones(x.shape[-1], x.dtype, True, 0.5)


def adjoint(x: Node) -> Node:
    """The conjugate transpose of each matrix."""
    return swap_last(conjugate(x))


def per_matrix(x: Node) -> Node:
    """A number for each matrix, given two axes to scale it by."""
    return reshape(x, shape=(*x.shape, 1, 1))


def always(node: Node) -> bool:
    """Its value can raise, so it is computed at its call where its inputs are concrete."""
    return True


def _not_yet_factored(node: Node) -> bool:
    """The same for what is solved with factors; once they are there, the solution can wait."""
    return node.inputs[1].value is None


def _not_of_cholesky(node: Node) -> bool:
    """The same for triangular systems; that of a Cholesky factor is never singular."""
    return node.inputs[0].prim is not cholesky


def batch_solution(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """Where only the right-hand side is mapped, its lanes are further columns: the matrix is not factored for each."""
    *matrix, b = inputs
    if True in mapped[:-1]:
        return batch_leading(node, inputs, mapped, size)
    last = b.ndim - 1
    columns = transpose(b, perm=(*range(1, last), 0, last))
    merged = reshape(columns, shape=(*columns.shape[:-2], size * b.shape[last]))
    out = reshape(node.prim(*matrix, merged, **node.params), shape=columns.shape)
    return transpose(out, perm=(last - 1, *range(last - 1), last)), True


# LU factors and what is solved with them


def _lu_shape(a: Node) -> tuple[Any, Any]:
    return (a.shape, (*a.shape[:-2], min(a.shape[-2:]))), (a.dtype, dtypes.int32)


lu = Constant("lu", _lu_shape, batch=batch_leading)
"""The factors of p a = l u in one matrix, and the row that each row was exchanged with, as LAPACK's getrf gives
them."""


def factors(a: Node) -> list[Node]:
    """The two outputs of lu(a)."""
    return outputs(lu(a))


def moved_right(db: Node | None, change: Node | None) -> Node:
    """From a x = b follows a dx = db - da x: that right-hand side. change: da x; either may be None, which is zero."""
    if change is not None:
        return -change if db is None else db - change
    assert db is not None
    return db


def _lu_solve_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    a, packed, pivots, _ = node.inputs
    da, _, _, db = tangents
    change = None if da is None else product(da, node, flip_x=node.params["transposed"])
    return lu_solve(a, packed, pivots, moved_right(db, change), **node.params)


def _lu_solve_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    """gb = a^-T g and ga = -gb x^T."""
    a, packed, pivots, _ = node.inputs
    transposed = node.params["transposed"]
    gb = lu_solve(a, packed, pivots, g, transposed=not transposed, what=node.params["what"])
    ga = None
    if wants[0]:
        ga = -(product(node, gb, flip_y=True) if transposed else product(gb, node, flip_y=True))
    return ga, None, None, gb if wants[3] else None


lu_solve = General("lu_solve", same_as_last, jvp=_lu_solve_jvp, vjp=_lu_solve_vjp, batch=batch_solution, eager=_not_yet_factored)
"""The x of a x = b, or of a^T x = b, from a, its factors and b of shape (..., n, k). `what` is named where a is singular."""


def inverse(a: Node, what: str) -> Node:
    return lu_solve(a, *factors(a), identity(a), transposed=False, what=what)


# Triangular systems


def triangle_of(x: Node, lower: bool, unit: bool) -> Node:
    """The part of a matrix that a triangular solve reads."""
    return x * _triangle_of_ones(x.shape[-1], x.dtype, lower, 0.0 if unit else 1.0)


def _triangular_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    a, _ = node.inputs
    da, db = tangents
    p = node.params
    change = None if da is None else product(triangle_of(da, p["lower"], p["unit"]), node, flip_x=p["transposed"])
    return triangular_solve(a, moved_right(db, change), **p)


def _triangular_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    a, _ = node.inputs
    p = node.params
    transposed = p["transposed"]
    gb = triangular_solve(a, g, lower=p["lower"], transposed=not transposed, unit=p["unit"])
    ga = None
    if wants[0]:
        outer = product(node, gb, flip_y=True) if transposed else product(gb, node, flip_y=True)
        ga = -triangle_of(outer, p["lower"], p["unit"])
    return ga, gb if wants[1] else None


triangular_solve = General(
    "triangular_solve",
    same_as_last,
    jvp=_triangular_jvp,
    vjp=_triangular_vjp,
    batch=batch_solution,
    eager=_not_of_cholesky,
)
"""The x of t x = b, or of t^T x = b, where t is the lower (upper) triangle of a, its diagonal taken as ones if
`unit`."""


def forwards(l: Node, b: Node) -> Node:
    """l^-1 b."""
    return triangular_solve(l, b, lower=True, transposed=False, unit=False)


def backwards(l: Node, b: Node) -> Node:
    """l^-T b."""
    return triangular_solve(l, b, lower=True, transposed=True, unit=False)


# Cholesky: a = l l^H. Only the lower triangle of a is read, and of its diagonal only the real part; it stands for
# the Hermitian matrix h = lower_half(a) + lower_half(a)^H. The derivative is that of this function of all elements
# of a: the cotangent of a is lower triangular, and the element below the diagonal stands for its mirror image too.
#
# From dh = dl l^H + l dl^H follows l^-1 dh l^-H = m = (l^-1 dl) + (l^-1 dl)^H. As l^-1 dl is lower triangular with
# a real diagonal it is lower_half(m), so dl = l lower_half(m).
#
# Reverse: Re sum(g * dl) = Re sum(w * lower_half(m)) with w = l^T g, so the cotangent of m is p = lower_half(w),
# and with Re sum(p * (l^-1 dh l^-H)) = Re sum(k * dh) that of h is k = l^-T p conj(l)^-1. Last, dh = lower_half(da)
# + its adjoint gives the cotangent lower_half(k + k^H) of a.


def _cholesky_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (da,) = tangents
    assert da is not None
    half = lower_half(da)
    m = forwards(node, adjoint(forwards(node, half + adjoint(half))))
    return product(node, lower_half(m))


def _cholesky_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    right = backwards(node, lower_half(product(node, g, flip_x=True)))
    adjoint_k = backwards(node, adjoint(right))
    return (lower_half(adjoint_k + adjoint(adjoint_k)),)


cholesky = General("cholesky", same, jvp=_cholesky_jvp, vjp=_cholesky_vjp, batch=batch_leading, eager=always)
"""The lower triangular l with positive diagonal and a = l l^H."""


# slogdet: the sign (complex: the phase) of the determinant and the logarithm of its absolute value. With
# t = tr(a^-1 da) = d log det: d logabsdet = Re t, and d sign = i sign Im t, which is zero for a real matrix.


def _slogdet_shape(a: Node, packed: Node, pivots: Node) -> tuple[Any, Any]:
    return (a.shape[:-2], a.shape[:-2]), (a.dtype, dtypes.to_real(a.dtype))


def _inverse_transposed(node: Node) -> Node:
    a, packed, pivots = node.inputs
    return lu_solve(a, packed, pivots, identity(a), transposed=True, what="the derivative of slogdet")


def inner_product(x: Node, y: Node) -> Node:
    """sum(x * y) over each matrix."""
    n = x.ndim - 2
    stack = tuple(range(n))
    return dot_general(x, y, contract=((n, n + 1), (n, n + 1)), batch=(stack, stack))


def _slogdet_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    da = tangents[0]
    assert da is not None
    t = inner_product(_inverse_transposed(node), da)
    if t.dtype.kind != "c":
        return None, t
    return output(node, index=0) * cast(imag(t), t.dtype) * 1j, real(t)


def _slogdet_vjp(node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
    """Re(gs i sign Im t) = -Im(gs sign) Im t = Re(i Im(gs sign) t), so the cotangent of t is gl + i Im(gs sign)."""
    a = node.inputs[0]
    gs, gl = g.get(0), g.get(1)
    weight = None if gl is None else cast(gl, a.dtype)
    if gs is not None and a.dtype.kind == "c":
        turn = cast(imag(gs * output(node, index=0)), a.dtype) * 1j
        weight = turn if weight is None else weight + turn
    return None if weight is None else per_matrix(weight) * _inverse_transposed(node), None, None


slogdet = General("slogdet", _slogdet_shape, jvp=_slogdet_jvp, vjp=_slogdet_vjp, batch=batch_leading)
"""The pair for a, from a and its factors."""


# det: d det(a) = sum(c * da), where c are the cofactors of a. They exist for singular matrices too, where the usual
# det(a) a^-T does not, and so do their derivatives: det is a polynomial. Its derivatives of every order are symmetric forms,
#
#     d^k det(a) along x_1 ... x_k = sum(c * x_k),   c = cofactor(a, x_1, ..., x_(k - 1)),
#
# where c is the derivative of order k - 1 of the cofactors. So the derivative of `cofactor` by a has one direction more, and for
# the transposes the cotangent takes the place of the direction that is asked for. The engine knows a formula for any rank.


def cofactors(a: Node) -> Node:
    """The derivative of det(a) with respect to each element of a."""
    n = a.shape[-1]
    if n > 2:
        return cofactor(a)
    return _cofactors_of_two(a) if n == 2 else broadcast(scalar(1, a.dtype), shape=a.shape)


def _cofactors_of_two(a: Node) -> Node:
    signs = constant(np.array([[1.0, -1.0], [-1.0, 1.0]], a.dtype), a.dtype)
    return flip(a, axes=(a.ndim - 2, a.ndim - 1)) * signs


def _cofactor_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    a, *directions = node.inputs
    terms = []
    for i, dx in enumerate(tangents):
        if dx is not None and i:
            terms.append(cofactor(a, *directions[: i - 1], dx, *directions[i:]))
        elif dx is not None and _has_more(node):
            terms.append(cofactor(a, *directions, dx))
    return sum(terms[1:], terms[0]) if terms else None


def _has_more(node: Node) -> bool:
    """The cofactors are polynomials of degree n - 1: further derivatives are zero."""
    return len(node.inputs) < node.shape[-1]


def _cofactor_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    a, *directions = node.inputs
    by_a = cofactor(a, *directions, g) if wants[0] and _has_more(node) else None
    by_directions = [
        cofactor(a, *directions[:i], g, *directions[i + 1 :]) if wanted else None for i, wanted in enumerate(wants[1:])
    ]
    return by_a, *by_directions


cofactor = General("cofactor", same, jvp=_cofactor_jvp, vjp=_cofactor_vjp, batch=batch_leading)
"""The cofactors of matrices of three or more rows, or with directions their derivative along these."""


def _det_shape(a: Node) -> tuple[Shape, np.dtype]:
    return a.shape[:-2], a.dtype


def _det_jvp(node: Node, tangents: Sequence[Node | None]) -> Node:
    (da,) = tangents
    assert da is not None
    return inner_product(cofactors(node.inputs[0]), da)


def _det_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    return (per_matrix(g) * cofactors(node.inputs[0]),)


det = General("det", _det_shape, jvp=_det_jvp, vjp=_det_vjp, batch=batch_leading)
