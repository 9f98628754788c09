"""Weighted means, covariances and correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops.axes import ordered_axes
from nabla.ops.contraction import matmul
from nabla.ops.diagonals import diagonal
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, broadcast_to, op
from nabla.ops.reductions import mean, sum as sum_of
from nabla.primitives import formulas as f
from nabla.primitives.base import scalar
from nabla.primitives.joining import concat
from nabla.primitives.linalg import adjoint
from nabla.primitives.shape import cast, imag, real, reshape, swap_last, transpose
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def average(
    x: ArrayLike, /, axis: Any = None, weights: ArrayLike | None = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """The mean over `axis` (None: all axes), each element counting with its weight; differentiable in both.

    weights: in the shape of x, or in that of x along `axis`. returned: give the pair of the average and the sum of the weights, in
    one shape. Raises ZeroDivisionError where the weights sum to 0 (under vmap, where that is not known, the result is not finite),
    ShapeError for weights of another shape, AxisError for an axis that x has not.

    >>> nb.average([1.0, 2.0, 6.0], weights=[2.0, 1.0, 1.0]).item()
    2.5
    """
    node = as_node(x)
    if weights is None:
        out: Any = mean(node, axis, keepdims=keepdims)
        if not returned:
            return out
        return out, broadcast_to(f.like(out, node.size / max(out.size, 1)), out.shape)
    w = _fitting_weights("average", as_node(weights), node, axis)
    dtype = dtypes.promote(node.dtype, w.dtype)
    if node.dtype.kind in "biu":
        dtype = dtypes.promote(dtype, dtypes.default_dtype())
    w = cast(w, dtype)
    total: Any = sum_of(w, axis, keepdims=keepdims)
    if not total.tokens.placeholder:
        runtime.realize((total,))
        if np.any(in_memory(total) == 0):
            raise ZeroDivisionError("average: the weights sum to zero, so there is no mean")
    summed: Any = sum_of(cast(node, dtype) * w, axis, keepdims=keepdims)
    return (summed / total, total) if returned else summed / total


def _fitting_weights(name: str, w: Node, x: Node, axis: Any) -> Node:
    """The weights in the shape of x."""
    if w.shape == x.shape:
        return w
    if axis is None:
        raise ArgumentTypeError(f"{name}: weights of shape {w.shape} for x of shape {x.shape} need an axis to belong to")
    given = ordered_axes(name, axis, x.ndim)
    wanted = tuple([x.shape[i] for i in given])
    if w.shape != wanted:
        raise ShapeError(f"{name}: weights have the shape of x, {x.shape}, or that of x along axis, {wanted}; got {w.shape}")
    if w.ndim > 1:
        w = transpose(w, perm=tuple(sorted(range(w.ndim), key=given.__getitem__)))
    w = reshape(w, shape=tuple([n if i in given else 1 for i, n in enumerate(x.shape)]))
    return broadcast_to(w, x.shape)


@op
def cov(
    m: ArrayLike,
    /,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    *,
    dtype: DTypeLike = None,
) -> Tensor:
    """The matrix of covariances of the variables that are the rows of m (rowvar=False: its columns), and of y if given.

    The divisor is the number of observations less `ddof`: 1, or 0 with `bias`. fweights: how often each observation was made,
    integers; aweights: how much each counts. Of complex variables the second factor is conjugated. Raises ShapeError for more than
    two axes, or for weights of another length.

    >>> nb.cov([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return _covariances("cov", m, y, rowvar, bias, ddof, fweights, aweights, dtype)


def _observed(name: str, m: ArrayLike, y: ArrayLike | None, rowvar: bool, dtype: DTypeLike) -> Node:
    """The variables as rows, in the dtype of the result."""
    parts = [as_node(m)] + ([] if y is None else [as_node(y)])
    wanted = dtypes.default_dtype()
    for part in parts:
        if part.ndim > 2:
            raise ShapeError(f"{name}: the variables are the rows of a matrix; got shape {part.shape}")
        wanted = dtypes.promote(wanted, part.dtype)
    if dtype is not None:
        wanted = dtypes.canonical(dtype)
    rows = []
    for i, part in enumerate(parts):
        matrix = reshape(part, shape=(1,) * (2 - part.ndim) + part.shape) if part.ndim < 2 else part
        if not rowvar and (i or part.ndim == 2) and matrix.shape[0] != 1:
            matrix = swap_last(matrix)
        rows.append(cast(matrix, wanted))
    if not rows[0].size and y is not None:
        rows = rows[1:]  # as NumPy has it, nothing and y are y
    if len(rows) == 1:
        return rows[0]
    if rows[0].shape[1] != rows[1].shape[1]:
        raise ShapeError(f"{name}: m and y have equally many observations; got {rows[0].shape[1]} and {rows[1].shape[1]}")
    return concat(*rows, axis=0)


def _observation_weights(name: str, fweights: Any, aweights: Any, count: int, dtype: Any) -> tuple[Node | None, Node | None]:
    found: list[Node | None] = []
    for argument, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            found.append(None)
            continue
        w = as_node(given)
        if w.shape != (count,):
            raise ShapeError(f"{name}: {argument} has an entry for each of the {count} observations; got shape {w.shape}")
        if not w.tokens.placeholder:
            runtime.realize((w,))
            if argument == "fweights" and w.dtype.kind == "f" and np.any(in_memory(w) != np.round(in_memory(w))):
                raise ArgumentTypeError(f"{name}: fweights count observations, so they are integers; aweights may be any")
            if np.any(in_memory(w) < 0):
                raise ArgumentError(f"{name}: {argument} are not negative; the least one is {in_memory(w).min()}")
        found.append(cast(w, dtype))
    return found[0], found[1]


def _covariances(
    name: str, m: Any, y: Any, rowvar: bool, bias: bool, ddof: int | None, fweights: Any, aweights: Any, dtype: DTypeLike
) -> Node:
    if ddof is not None and ddof != int(ddof):
        raise ArgumentError(f"{name}: ddof is an integer; got {ddof}")
    less = (0 if bias else 1) if ddof is None else int(ddof)
    x = _observed(name, m, y, rowvar, dtype)
    if x.dtype.kind not in "fc":
        raise DTypeError(f"{name}: covariances are computed in a floating dtype; got dtype={x.dtype}")
    count = x.shape[1]
    often, much = _observation_weights(name, fweights, aweights, count, dtypes.to_real(x.dtype))
    w = often if much is None else much if often is None else often * much
    if w is None:
        centre: Any = mean(x, 1, keepdims=True)
        degrees: Any = scalar(max(count - less, 0), dtypes.to_real(x.dtype))
    else:
        total: Any = sum_of(w)
        weights = cast(w, x.dtype)
        centre = sum_of(x * weights, 1, keepdims=True) / cast(total, x.dtype)
        if less == 0:
            degrees = total
        elif much is None:
            degrees = total - float(less)
        else:
            degrees = total - float(less) * sum_of(w * much) / total
        degrees = f.maximum(degrees, f.zero_of(degrees))
    away = x - centre
    other = away if w is None else away * cast(w, x.dtype)
    out: Any = matmul(away, adjoint(other)) / cast(degrees, x.dtype)
    n = x.shape[0]
    return reshape(out, shape=()) if n == 1 else out


@op
def corrcoef(x: ArrayLike, /, y: ArrayLike | None = None, rowvar: bool = True, *, dtype: DTypeLike = None) -> Tensor:
    """The matrix of correlations: `cov` with each variable divided by its standard deviation; held within -1 and 1.

    >>> nb.corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    c = _covariances("corrcoef", x, y, rowvar, False, None, None, None, dtype)
    if not c.ndim:
        return c / c
    spread = f.sqrt(real(as_node(diagonal(c))) if c.dtype.kind == "c" else as_node(diagonal(c)))
    n = spread.shape[0]
    out = c / cast(reshape(spread, shape=(n, 1)), c.dtype) / cast(spread, c.dtype)
    if out.dtype.kind == "c":
        return cast(_held(real(out)), out.dtype) + cast(_held(imag(out)), out.dtype) * 1j
    return _held(out)


def _held(x: Node) -> Node:
    """Rounding must not lead beyond 1; the derivative is that of the formula all the same."""
    one = f.like(x, 1)
    beyond = f.greater(f.abs_(x), one)
    return f.select(beyond, x - detach(x - f.sign(x)), x)
