"""Polar factors, and the spaces that matrices span: bases, null spaces, the angles between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nabla.errors import ArgumentError, ShapeError, TracedValueError, user_line
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops.lift import ArrayLike, as_node, op, together
from nabla.ops.linalg.checks import matrices
from nabla.ops.linalg.norms import matrix_rank
from nabla.ops.linalg.spectra import completed
from nabla.primitives.base import scalar
from nabla.primitives.formulas import arccos, arcsin, greater_equal, minimum, select
from nabla.primitives.joining import cut
from nabla.primitives.linalg import adjoint, product
from nabla.primitives.shape import conjugate, flip, real, reduce_sum
from nabla.primitives.spectra import svd, svdvals
from nabla.primitives.structure import outputs
from nabla.primitives.sylvester import unitary

if TYPE_CHECKING:
    from nabla.tensor import Tensor


class PolarResult(NamedTuple):
    """What `polar` returns: x is u @ p, or p @ u."""

    u: Any
    p: Any


@op
def polar(x: ArrayLike, /, side: str = "right") -> PolarResult:
    """The factors of x = u @ p: u has orthonormal columns (rows, if they are fewer), p is Hermitian and not negative.

    With side="left" they are those of x = p @ u. Any order of derivatives holds where singular values are equal. Where one is
    zero u is not determined, and asking for a derivative raises LinAlgError.

    >>> u, p = nb.linalg.polar([[0.0, -2.0], [3.0, 0.0]])
    >>> u.round(9).tolist(), p.round(9).tolist()
    ([[0.0, -1.0], [1.0, 0.0]], [[3.0, 0.0], [0.0, 2.0]])
    """
    node = matrices("polar", as_node(x))
    if side not in ("left", "right"):
        raise ArgumentError(f"polar: side is 'left' or 'right'; got {side!r}")
    u = _unitary(node)
    p = product(adjoint(u), node) if side == "right" else product(node, adjoint(u))
    return PolarResult(u, 0.5 * (p + adjoint(p)))


def _unitary(x: Node) -> Node:
    return unitary(x) if x.shape[-2] >= x.shape[-1] else adjoint(unitary(adjoint(x)))


@op
def orthogonal_procrustes(a: ArrayLike, b: ArrayLike, /) -> Any:
    """The orthogonal (unitary) matrix r for which a @ r comes nearest to b, and the sum of the singular values of a^H @ b.

    a and b have the same shape (..., m, n). The derivative of r is that of a polar factor: it needs a^H @ b to be regular.

    >>> r, scale = nb.linalg.orthogonal_procrustes([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [-2.0, 0.0]])
    >>> r.round(9).tolist(), scale.round(9).item()
    ([[0.0, 1.0], [-1.0, 0.0]], 5.0)
    """
    x, y = [matrices("orthogonal_procrustes", z) for z in together([as_node(a), as_node(b)])]
    if x.shape != y.shape:
        raise ShapeError(f"orthogonal_procrustes: a and b have the same shape; got {x.shape} and {y.shape}")
    m = product(adjoint(x), y)
    r = unitary(m)
    inner = conjugate(r) * m
    return r, reduce_sum(real(inner) if inner.dtype.kind == "c" else inner, axes=(m.ndim - 2, m.ndim - 1))


def _rank(name: str, x: Node, rcond: Any) -> int:
    """The rank of all matrices of a stack, which decides a shape."""
    if x.tokens.placeholder:
        raise TracedValueError(
            f"{name} at {user_line()} needs values, to know how many columns there are, and inside vmap there are none. Call it "
            f"outside, or cut the columns that you want from svd"
        )
    found: Node = matrix_rank(x, rtol=rcond)  # type: ignore[assignment]
    runtime.realize((found,))
    ranks = np.unique(np.asarray(in_memory(found)))
    if len(ranks) > 1:
        raise ShapeError(f"{name}: the matrices of the stack have different ranks, {ranks.tolist()}: take them one by one")
    return int(ranks[0]) if len(ranks) else min(x.shape[-2:])


@op
def orth(a: ArrayLike, /, rcond: Any = None) -> Tensor:
    """Orthonormal columns that span what the columns of a span: the left singular vectors, as many as the rank is.

    Singular values up to rcond times the largest count as zero; without it, the rounding of the dtype times the longer side.
    The matrices of a stack must have one rank. The choice of the columns is arbitrary where singular values are equal: what
    depends on it has no derivative, as for `svd`; the projector q @ q^H has.

    >>> abs(nb.linalg.orth([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[1.0], [0.0]]
    """
    x = matrices("orth", as_node(a))
    u = outputs(svd(x))[0]
    return cut(u, u.ndim - 1, 0, _rank("orth", x, rcond))


@op
def null_space(a: ArrayLike, /, rcond: Any = None) -> Tensor:
    """Orthonormal columns that span what a maps to zero, as many as a has columns beyond its rank; see `orth`.

    >>> abs(nb.linalg.null_space([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[0.0], [1.0]]
    """
    x = matrices("null_space", as_node(a))
    v = completed(outputs(svd(x))[2])
    return cut(v, v.ndim - 1, _rank("null_space", x, rcond), x.shape[-1])


def _basis(x: Node) -> Node:
    """Orthonormal columns that span the same; of independent ones those that come nearest to them."""
    if x.tokens.placeholder or _rank("subspace_angles", x, None) == x.shape[-1]:
        return unitary(x)
    return orth(x)


@op
def subspace_angles(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """The angles between the spaces that the columns of a and of b span, descending, as many as the smaller one has dimensions.

    a and b have shapes (..., m, n) and (..., m, k). Inside vmap their columns must be independent. Equal angles share the
    derivative, and that of an angle of zero is zero, as for `svdvals`. The formula is that of A. V. Knyazev and M. E. Argentati,
    "Principal angles between subspaces in an A-based scalar product" (2002), which keeps the digits of small angles.

    >>> nb.linalg.subspace_angles([[1.0], [0.0]], [[1.0], [1.0]]).round(6).tolist()
    [0.785398]
    """
    x, y = [matrices("subspace_angles", z) for z in together([as_node(a), as_node(b)])]
    if x.shape[:-1] != y.shape[:-1]:
        raise ShapeError(f"subspace_angles: a and b have the same number of rows; got shapes {x.shape} and {y.shape}")
    p, q = _basis(x), _basis(y)
    if p.shape[-1] < q.shape[-1]:
        p, q = q, p
    inner = product(adjoint(p), q)
    cosines, sines = svdvals(inner), svdvals(q - product(p, inner))
    one, last = scalar(1, cosines.dtype), cosines.ndim - 1
    small = greater_equal(cosines * cosines, scalar(0.5, cosines.dtype))
    small, cosines = flip(small, axes=(last,)), flip(cosines, axes=(last,))
    return select(small, arcsin(minimum(sines, one)), arccos(minimum(cosines, one)))
