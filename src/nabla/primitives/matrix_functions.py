"""Functions of square matrices that are no functions of their elements: exponential, logarithm, square root.

For any of them the derivative stands in a corner of the function of a matrix twice as large,

    f([[a, e], [0, a]]) = [[f(a), l], [0, f(a)]],   l = the derivative of f at a along e

(N. J. Higham, "Functions of Matrices" (2008), theorem 3.6). This holds whatever the eigenvalues of a are, equal or not,
with eigenvectors or without. The transpose of e -> l is that of the transposed matrix: sum(g * l(a, e)) =
sum(l(a^T, g) * e).
"""

from __future__ import annotations

from typing import Sequence

from nabla.graph.node import Node
from nabla.primitives.base import same, zeros_like
from nabla.primitives.joining import concat, cut
from nabla.primitives.kinds import General
from nabla.primitives.linalg import always
from nabla.primitives.shape import batch_leading, swap_last


def _can_raise(node: Node) -> bool:
    return node.params["name"] != "expm" and always(node)


def along(a: Node, e: Node, name: str) -> Node | None:
    """The derivative of the function at a along e."""
    n, rows, columns = a.shape[-1], a.ndim - 2, a.ndim - 1
    if not a.size:
        return None
    above, below = concat(a, e, axis=columns), concat(zeros_like(a), a, axis=columns)
    out = matrix_function(concat(above, below, axis=rows), name=name)
    return cut(cut(out, rows, 0, n), columns, n, 2 * n)


def _jvp(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    (da,) = tangents
    assert da is not None
    return along(node.inputs[0], da, node.params["name"])


def _vjp(node: Node, g: Node, wants: Sequence[bool]) -> Sequence[Node | None]:
    return (along(swap_last(node.inputs[0]), g, node.params["name"]),)


matrix_function = General("matrix_function", same, jvp=_jvp, vjp=_vjp, batch=batch_leading, eager=_can_raise)
"""`name` of each matrix: "expm", "logm" or "sqrtm"."""
