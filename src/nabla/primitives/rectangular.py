"""Factors and inverses of matrices that need not be square, in stacks (..., m, n): QR, LU, the pseudoinverse.

Sources: S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in
optimum experimental design" (2010), for QR; G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and
nonlinear least squares problems whose variables separate" (1973), for the pseudoinverse.

Notation: a matrix, q orthonormal columns, r upper triangle, dx tangent, g cotangent.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Constant, Shape, constant, scalar
from nabla.primitives.formulas import abs_, greater, less_equal, select
from nabla.primitives.joining import concat, cut
from nabla.primitives.kinds import General
from nabla.primitives.linalg import adjoint, identity, product, triangle_of, triangular_solve
from nabla.primitives.reductions import reduce_any, reduce_max
from nabla.primitives.shape import batch_leading, conj, conjugate, reduce_sum, reshape, swap_last
from nabla.primitives.structure import outputs

# a = q r with m >= n. From da = dq r + q dr follows da r^-1 = dq + q dr r^-1. With c = q^H da r^-1, the antihermitian
# q^H dq has the lower triangle of c, and the imaginary part of its diagonal, as that of r is real.


def _qr_shape(a: Node) -> tuple[Any, Any]:
    n = a.shape[-1]
    return (a.shape, (*a.shape[:-2], n, n)), (a.dtype, a.dtype)


def _over(x: Node, r: Node) -> Node:
    """x r^-1."""
    return swap_last(triangular_solve(r, swap_last(x), lower=False, transposed=True, unit=False))


def _dependent(r: Node) -> Node:
    """Whether columns are dependent within rounding: then q is no function of the matrix. For each matrix."""
    diagonal = abs_(reduce_sum(r * identity(r), axes=(r.ndim - 1,)))
    last = diagonal.ndim - 1
    bound = reduce_max(diagonal, axes=(last,)) * (16.0 * r.shape[-1] * float(np.finfo(r.dtype).eps))
    found = reduce_any(less_equal(diagonal, reshape(bound, shape=(*bound.shape, 1))), axes=(last,))
    return reshape(found, shape=(*found.shape, 1, 1))


def _qr_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None, None
    q, r = outputs(node)
    m = _over(da, r)
    m = m * select(_dependent(r), scalar(float("nan"), m.dtype), scalar(1.0, m.dtype))  # a product, as the rule is linear
    c = product(adjoint(q), m)
    below = triangle_of(c, True, True)
    turn = below - adjoint(below)
    if c.dtype.kind == "c":
        turn = turn + 0.5 * (c - conj(c)) * constant(np.eye(c.shape[-1], dtype=c.dtype), c.dtype)
    return m - product(q, c - turn), product(c - turn, r)


qr = General("qr", _qr_shape, jvp=_qr_jvp, batch=batch_leading)
"""q of the shape of a, and r, of matrices with no more columns than rows."""


# The complement of q: columns that complete it to a basis. It is determined up to a turn of these columns, which the
# derivative leaves out: dn = -q dq^H n. A cotangent that sees the turn is NaN.


def _complement_shape(q: Node) -> tuple[Shape, np.dtype]:
    m, k = q.shape[-2:]
    return (*q.shape[:-2], m, m - k), q.dtype


def _complement_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (dq,) = tangents
    assert dq is not None
    if not dq.size:
        return None
    return -product(node.inputs[0], product(adjoint(dq), node))


def _complement_vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    q = node.inputs[0]
    if not q.size or not g.size:
        return (None,)
    seen = product(g, node, flip_x=True)
    most = reduce_max(abs_(g), axes=(g.ndim - 2, g.ndim - 1))
    eps = float(np.finfo(g.dtype).eps)
    size = reduce_max(abs_(seen - adjoint(seen)), axes=(g.ndim - 2, g.ndim - 1))
    bad = reshape(greater(size, most * eps**0.5 + 64.0 * eps), shape=(*size.shape, 1, 1))
    gq = -product(conjugate(node), product(conjugate(g), conjugate(q), flip_x=True))
    return (select(bad, scalar(float("nan"), gq.dtype), gq),)


complement = General("complement", _complement_shape, jvp=_complement_jvp, vjp=_complement_vjp, batch=batch_leading)
"""Orthonormal columns that are orthogonal to those of q and as many as it lacks."""


# The pseudoinverse p, while the rank stays: dp = -p da p + p p^H da^H (1 - a p) + (1 - p a) da^H p^H p.


def _pinv_shape(a: Node, rtol: Node) -> tuple[Shape, np.dtype]:
    return (*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype


def _pinv_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    a = node.inputs[0]
    da = tangents[0]
    if da is None or not da.size:
        return None
    p, p_h, da_h = node, adjoint(node), adjoint(da)
    left = product(p_h, da_h)
    right = product(da_h, p_h)
    out = product(p, left - product(product(left, a), p)) - product(p, product(da, p))
    return out + product(right - product(p, product(a, right)), p)


pinv = General("pinv", _pinv_shape, jvp=_pinv_jvp, batch=batch_leading)
"""From a and rtol of shape (...): singular values below rtol times the largest count as zero."""


# l u = a of matrices (m, n) whose rows are in the order of the pivots; l has k = min(m, n) columns and u as many rows. Where the
# first k rows and columns are a1 = l1 u1, and m = l1^-1 da1 u1^-1: dl1 = l1 (m below the diagonal), du1 = (m on it and above) u1.
# Further rows of l and columns of u follow from da2 = dl2 u1 + l2 du1 and da2 = dl1 u2 + l1 du2. This needs u1 to be regular.


def _lu_parts_shape(a: Node, packed: Node) -> tuple[Any, Any]:
    *stack, m, n = a.shape
    k = min(m, n)
    return ((*stack, m, k), (*stack, k, n)), (a.dtype, a.dtype)


def _lu_parts_jvp(node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
    da = tangents[0]
    if da is None or not da.size:
        return None, None
    l, u = outputs(node)
    rows, columns = da.ndim - 2, da.ndim - 1
    m, n = da.shape[-2:]
    k = min(m, n)
    l1, u1, da1 = cut(l, rows, 0, k), cut(u, columns, 0, k), cut(cut(da, rows, 0, k), columns, 0, k)
    inner = _over(triangular_solve(l1, da1, lower=True, transposed=False, unit=True), u1)
    dl, du = product(l1, triangle_of(inner, True, True)), product(triangle_of(inner, False, False), u1)
    if m > n:
        dl = concat(dl, _over(cut(da, rows, k, m) - product(cut(l, rows, k, m), du), u1), axis=rows)
    if n > m:
        rest = cut(da, columns, k, n) - product(dl, cut(u, columns, k, n))
        du = concat(du, triangular_solve(l1, rest, lower=True, transposed=False, unit=True), axis=columns)
    return dl, du


lu_parts = General("lu_parts", _lu_parts_shape, jvp=_lu_parts_jvp, batch=batch_leading)
"""l, with ones on its diagonal, and u; from the matrix, its rows in order, and the factors in one matrix."""


def _order_shape(pivots: Node, rows: int) -> tuple[Shape, np.dtype]:
    return (*pivots.shape[:-1], rows), dtypes.int64


row_order = Constant("row_order", _order_shape, batch=batch_leading)
"""Which of `rows` rows of the matrix comes where, from the exchanges that `lu` made."""
