"""Distributions of vectors and matrices: the last axes of the result are those of one draw, `shape` is what stands before."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from nabla import dtypes
from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import as_shape
from nabla.ops.contraction import matmul
from nabla.ops.lift import ArrayLike, DTypeLike, op
from nabla.ops.linalg import cholesky, diagonal, qr
from nabla.ops.random.continuous import complex_normal, log_gamma_draw, standard_exponential, standard_normal, work_in
from nabla.ops.random.keys import as_key, parameters, reshaped, several, whole
from nabla.ops.random.uniform import open_unit, unit
from nabla.primitives.base import Shape, broadcast_shapes, scalar
from nabla.primitives.formulas import exp, log_, select, sign, sqrt, square
from nabla.primitives.joining import concat
from nabla.primitives.reductions import reduce_max
from nabla.primitives.shape import cast, reduce_sum, reshape, swap_last
from nabla.primitives.softmax import logsumexp

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _leading(name: str, shape: Any, own: Shape) -> Shape:
    if shape is None:
        return own
    wanted = as_shape(name, shape)
    if broadcast_shapes(name, [wanted, own]) != wanted:
        raise ShapeError(
            f"{name}: the parameters are for draws of shape {own}, which does not broadcast to the shape {wanted} asked for"
        )
    return wanted


@op
def dirichlet(key: ArrayLike, alpha: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Vectors of k positive numbers that sum to 1, with a density proportional to the product of x**(alpha - 1).

    alpha has shape (..., k), the result (*shape, k). They are gamma variates divided by their sum, through which they are
    differentiated in alpha. Raises ShapeError for an alpha without axes.

    >>> nb.random.dirichlet(nb.random.key(0), [1.0, 2.0, 3.0]).shape
    (3,)
    """
    _, (alpha,) = parameters("dirichlet", None, dtype, alpha)
    if not alpha.ndim:
        raise ShapeError("dirichlet: the last axis of alpha has the parameters of one vector; got shape ()")
    wanted = (*_leading("dirichlet", shape, alpha.shape[:-1]), alpha.shape[-1])
    logs = log_gamma_draw(as_key("dirichlet", key), wanted, alpha)
    axis = len(wanted) - 1
    column = (*wanted[:-1], 1)
    parts = exp(logs - reshape(reduce_max(logs, axes=(axis,)), shape=column)) if wanted[-1] else logs
    found = parts / reshape(reduce_sum(parts, axes=(axis,)), shape=column)
    return cast(found, alpha.dtype)


@op
def multivariate_normal(key: ArrayLike, mean: ArrayLike, cov: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None) -> Tensor:
    """Normal vectors of mean `mean`, shape (..., k), and covariance `cov`, shape (..., k, k): of shape (*shape, k).

    They are mean + L z for the Cholesky factor L of cov, through which they are differentiated in both. Raises LinAlgError for a
    cov that is not positive definite, ShapeError for shapes that do not fit.

    >>> nb.random.multivariate_normal(nb.random.key(0), [0.0, 1.0], [[2.0, 0.5], [0.5, 1.0]], (4,)).shape
    (4, 2)
    """
    node = as_key("multivariate_normal", key)
    _, (at,) = parameters("multivariate_normal", None, dtype, mean)
    _, (spread,) = parameters("multivariate_normal", None, dtype, cov)
    kind = dtypes.promote(at.dtype, spread.dtype)
    k = at.shape[-1] if at.ndim else None
    if spread.ndim < 2 or spread.shape[-2:] != (k, k):
        raise ShapeError(f"multivariate_normal: mean has shape (..., k) and cov (..., k, k); got {at.shape} and {spread.shape}")
    own = broadcast_shapes("multivariate_normal", [at.shape[:-1], spread.shape[:-2]])
    wanted = (*_leading("multivariate_normal", shape, own), spread.shape[-1])
    z = standard_normal(node, wanted, kind)
    turned: Any = matmul(cholesky(cast(spread, kind)), reshape(z, shape=(*wanted, 1)))
    return cast(at, kind) + reshaped(turned, wanted)


def _directions(key: Node, shape: Shape, dtype: Any) -> Node:
    """Unit vectors. A vector of normal numbers is 0 with a probability that is no probability."""
    z = standard_normal(key, shape, dtype)
    length = sqrt(reduce_sum(square(z), axes=(len(shape) - 1,)))
    return z / reshape(length, shape=(*shape[:-1], 1))


@op
def sphere(key: ArrayLike, d: int, /, shape: Any = (), dtype: DTypeLike = None) -> Tensor:
    """Points on the unit sphere in d dimensions, all equally likely: of shape (*shape, d).

    >>> point = nb.random.sphere(nb.random.key(0), 3)
    >>> round(nb.linalg.vector_norm(point).item(), 12)
    1.0
    """
    wanted = (*as_shape("sphere", shape), whole("sphere", d, 1))
    _, (one,) = parameters("sphere", None, dtype, 1.0)
    return cast(_directions(as_key("sphere", key), wanted, work_in(one.dtype)), one.dtype)


@op
def ball(key: ArrayLike, d: int, /, shape: Any = (), dtype: DTypeLike = None, *, p: float = 2) -> Tensor:
    """Points in the unit ball in d dimensions, all equally likely: of shape (*shape, d).

    p: the ball is that of the norm of order p, a number above 0 or inf; 1 gives a cross-polytope, inf a cube. For p other than 2
    after Barthe, Guedon, Mendelson and Naor, "A probabilistic approach to the geometry of the l_p^n-ball", 2005. Raises
    ArgumentError for another p.

    >>> nb.random.ball(nb.random.key(0), 3, (5,)).shape
    (5, 3)
    >>> bool(abs(nb.random.ball(nb.random.key(0), 3, p=1)).sum() < 1)
    True
    """
    shape, dim = as_shape("ball", shape), whole("ball", d, 1)
    _, (one,) = parameters("ball", None, dtype, 1.0)
    work = work_in(one.dtype)
    if isinstance(p, (str, bool)) or not isinstance(p, (int, float)) or not p > 0:
        raise ArgumentError(f"ball: p is the order of a norm, a number above 0 or inf; got {p!r}")
    first, second = several(as_key("ball", key), 2)
    if p == 2:
        # A radius below r has probability r**d, so r is the d-th root of a uniform number.
        radius = exp(-standard_exponential(second, (*shape, 1), work) / float(dim))
        found = _directions(first, (*shape, dim), work) * radius
    elif p == inf:
        found = 2.0 * open_unit(first, (*shape, dim), work) - 1.0
    else:
        found = _in_a_ball(first, second, (*shape, dim), float(p))
    return cast(found, one.dtype)


def _in_a_ball(first: Node, second: Node, shape: Shape, p: float) -> Node:
    """Independent numbers of density exp(-abs(x)**p), over the p-th root of the sum of their p-th powers and of an exponential."""
    last = len(shape) - 1
    for_sizes, for_signs = several(first, 2)
    logs = log_gamma_draw(for_sizes, shape, scalar(1 / p, dtypes.float64))  # of abs(x)**p
    other = log_(standard_exponential(second, (*shape[:last], 1), dtypes.float64))
    total = logsumexp(concat(logs, other, axis=last), axes=(last,))
    sizes = exp((logs - reshape(total, shape=(*shape[:last], 1))) / p)
    return select(unit(for_signs, shape, dtypes.float64) < 0.5, -sizes, sizes)


@op
def orthogonal(key: ArrayLike, n: int, /, shape: Any = (), dtype: DTypeLike = None, *, m: int | None = None) -> Tensor:
    """Orthogonal matrices of n rows and columns, all equally likely (Haar's measure): of shape (*shape, n, n).

    Of a complex dtype, unitary ones. m: the number of columns, where it is not n; the columns, or the rows if they are fewer, are
    orthonormal. After Mezzadri, "How to generate random matrices from the classical compact groups", 2007.

    >>> q = nb.random.orthogonal(nb.random.key(0), 3)
    >>> bool(nb.allclose(q @ q.T, nb.eye(3)))
    True
    """
    shape, rows = as_shape("orthogonal", shape), whole("orthogonal", n)
    columns = rows if m is None else whole("orthogonal", m)
    kind = dtypes.default_dtype() if dtype is None else dtypes.canonical(dtype)
    most, least = max(rows, columns), min(rows, columns)
    source = as_key("orthogonal", key)
    if kind.kind == "c":
        drawn = complex_normal(source, (*shape, most, least), kind)
    else:
        _, (one,) = parameters("orthogonal", None, kind, 1.0)
        kind = one.dtype
        drawn = standard_normal(source, (*shape, most, least), work_in(kind))
    q, r = qr(drawn)
    # The factor q of a routine is not drawn evenly; with r of positive diagonal it is.
    turned: Node = sign(diagonal(r))  # type: ignore[arg-type]
    q = q * reshape(turned, shape=(*shape, 1, least))
    return cast(q if rows >= columns else swap_last(q), kind)
