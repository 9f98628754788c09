"""Sylvester's equation, and the unitary factor of a matrix, whose derivative is a solution of it; in stacks.

Sources: R. H. Bartels and G. W. Stewart, "Solution of the matrix equation AX + XB = C" (1972); N. J. Higham, "Functions of
Matrices" (2008), chapter 8, for the polar decomposition.

Notation: x, u the result, dx a tangent, g a cotangent.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from nabla.graph.node import Node
from nabla.primitives.base import Shape, same
from nabla.primitives.kinds import General
from nabla.primitives.linalg import adjoint, always, factors, lu_solve, product
from nabla.primitives.shape import batch_leading, swap_last

# a x + x b = q: dq - da x - x db is what the equation has for dx on its right side, and its transpose is that of a^T and b^T.


def _shape(a: Node, b: Node, q: Node, what: str) -> tuple[Shape, np.dtype]:
    return q.shape, q.dtype


def _jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    a, b, _ = node.inputs
    da, db, dq = tangents
    if not node.size:
        return None
    right = dq
    for change in (None if da is None else product(da, node), None if db is None else product(node, db)):
        if change is not None:
            right = -change if right is None else right - change
    assert right is not None
    return sylvester(a, b, right, **node.params)


def _vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    a, b, _ = node.inputs
    if not node.size:
        return None, None, None
    gq = sylvester(swap_last(a), swap_last(b), g, **node.params)
    ga = -product(gq, node, flip_y=True) if wants[0] else None
    gb = -product(node, gq, flip_x=True) if wants[1] else None
    return ga, gb, gq if wants[2] else None


sylvester = General("sylvester", _shape, jvp=_jvp, vjp=_vjp, batch=batch_leading, eager=always)
"""The x of a x + x b = q, from a (..., m, m), b (..., n, n) and q (..., m, n). `what` is named where there is none."""


# unitary: the u of a = u p, where p is positive, for a with no more columns than rows. With t = u^H da, u^H du is the
# antihermitian x of p x + x p = t - t^H, whatever singular values are equal. What lies outside the span of u is (da - u t) p^-1.


def _unitary_jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (da,) = tangents
    assert da is not None
    if not da.size:
        return None
    p = product(adjoint(node), node.inputs[0])
    t = product(adjoint(node), da)
    du = product(node, sylvester(p, p, t - adjoint(t), what=_NO_FACTOR))
    if da.shape[-2] > da.shape[-1]:
        outside = swap_last(da - product(node, t))
        du = du + swap_last(lu_solve(p, *factors(p), outside, transposed=True, what=_NO_FACTOR))
    return du


_NO_FACTOR = "the derivative of the polar factor"

unitary = General("unitary", same, jvp=_unitary_jvp, batch=batch_leading)
"""The unitary polar factor: u v^H of the singular value decomposition."""
