"""Reductions that pass over NaN: sums, products, moments, extrema of what is left.

What is passed over is replaced by `where` before it is computed with, so that its derivative is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops.cumulative import cumprod, cumsum
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op, want_real
from nabla.ops.reductions import all as all_of, argmax, argmin, max as max_of, mean, min as min_of, prod, std, sum as sum_of, var
from nabla.primitives import formulas as f
from nabla.primitives.base import scalar

if TYPE_CHECKING:
    from nabla.tensor import Tensor

Axis = Any


def _replaced(x: ArrayLike, value: float) -> Node:
    node = as_node(x)
    return f.select(f.isnan(node), scalar(value, node.dtype), node) if node.dtype.kind in "fc" else node


def _present(x: Node, where: ArrayLike | None) -> Any:
    """Which elements count; None for all."""
    if x.dtype.kind not in "fc":
        return where
    there = f.logical_not(f.isnan(x))
    return there if where is None else f.logical_and(there, as_node(where))


@op
def nansum(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Tensor:
    """`sum` with NaN counted as 0. The derivative by a NaN is 0.

    >>> nb.nansum([1.0, float("nan"), 2.0]).item()
    3.0
    """
    return sum_of(_replaced(x, 0.0), axis, dtype, keepdims=keepdims, initial=initial, where=where)


@op
def nanprod(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Tensor:
    """`prod` with NaN counted as 1. The derivative by a NaN is 0.

    >>> nb.nanprod([2.0, float("nan"), 3.0]).item()
    6.0
    """
    return prod(_replaced(x, 1.0), axis, dtype, keepdims=keepdims, initial=initial, where=where)


@op
def nancumsum(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """`cumsum` with NaN counted as 0. The derivative by a NaN is 0.

    >>> nb.nancumsum([1.0, float("nan"), 2.0]).tolist()
    [1.0, 1.0, 3.0]
    """
    return cumsum(_replaced(x, 0.0), axis, dtype)


@op
def nancumprod(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """`cumprod` with NaN counted as 1. The derivative by a NaN is 0.

    >>> nb.nancumprod([2.0, float("nan"), 3.0]).tolist()
    [2.0, 2.0, 6.0]
    """
    return cumprod(_replaced(x, 1.0), axis, dtype)


@op
def nanmean(
    x: ArrayLike, /, axis: Axis = None, dtype: DTypeLike = None, *, keepdims: bool = False, where: ArrayLike | None = None
) -> Tensor:
    """`mean` of the elements that are not NaN; NaN where there are none. The derivative by a NaN is 0.

    >>> nb.nanmean([1.0, float("nan"), 3.0]).item()
    2.0
    """
    node = as_node(x)
    return mean(node, axis, dtype, keepdims=keepdims, where=_present(node, where))


@op
def nanvar(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    correction: float | None = None,
    ddof: float | None = None,
    keepdims: bool = False,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
) -> Tensor:
    """`var` of the elements that are not NaN; NaN where they are no more than `correction`. The derivative by a NaN is 0.

    >>> nb.nanvar([1.0, float("nan"), 3.0]).item()
    1.0
    """
    return _moment(var, as_node(x), axis, dtype, correction, ddof, keepdims, where, mean)


@op
def nanstd(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    correction: float | None = None,
    ddof: float | None = None,
    keepdims: bool = False,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
) -> Tensor:
    """`std` of the elements that are not NaN; NaN where they are no more than `correction`. The derivative by a NaN is 0.

    >>> nb.nanstd([1.0, float("nan"), 3.0]).item()
    1.0
    """
    return _moment(std, as_node(x), axis, dtype, correction, ddof, keepdims, where, mean)


def _moment(
    of: Callable[..., Any],
    x: Node,
    axis: Axis,
    dtype: DTypeLike,
    correction: float | None,
    ddof: float | None,
    keepdims: bool,
    where: ArrayLike | None,
    mean: ArrayLike | None,
) -> Node:
    there = _present(x, where)
    out: Node = of(x, axis, dtype, correction=correction, ddof=ddof, keepdims=keepdims, where=there, mean=mean)
    if x.dtype.kind not in "fc":
        return out
    if correction is None:
        correction = ddof
    count = sum_of(f.logical_and(there, scalar(True, dtypes.bool_)), axis, keepdims=keepdims)
    counted: Any = count
    # NumPy gives NaN, not an infinity, where too few are left.
    return f.select(f.greater(counted, f.like(counted, 0) + float(correction or 0.0)), out, f.like(out, np.nan))


@op
def nanmax(
    x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False, initial: ArrayLike | None = None, where: ArrayLike | None = None
) -> Tensor:
    """`max` of the elements that are not NaN; NaN where there are none. The derivative by a NaN is 0.

    >>> nb.nanmax([1.0, float("nan"), 3.0]).item()
    3.0
    """
    return _extremum(max_of, -np.inf, as_node(x), axis, keepdims, initial, where)


@op
def nanmin(
    x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False, initial: ArrayLike | None = None, where: ArrayLike | None = None
) -> Tensor:
    """`min` of the elements that are not NaN; NaN where there are none. The derivative by a NaN is 0.

    >>> nb.nanmin([1.0, float("nan"), 3.0]).item()
    1.0
    """
    return _extremum(min_of, np.inf, as_node(x), axis, keepdims, initial, where)


def _extremum(of: Callable[..., Any], rest: float, x: Node, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Node:
    out: Node = of(_replaced(x, rest), axis, keepdims=keepdims, initial=initial, where=where)
    if x.dtype.kind != "f" or initial is not None:
        return out
    nothing: Any = all_of(f.isnan(x), axis, keepdims=keepdims)
    return f.select(nothing, f.like(out, np.nan), out)


@op
def nanargmax(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The position of the largest element along `axis` that is not NaN, the first of equals; None: in the flattened tensor.

    Raises ArgumentError where all are NaN; under vmap, where that is not known, the position is 0 then.

    >>> nb.nanargmax([1.0, float("nan"), 3.0]).item()
    2
    """
    return _position("nanargmax", argmax, -np.inf, as_node(x), axis, keepdims)


@op
def nanargmin(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The position of the smallest element along `axis` that is not NaN, the first of equals; None: in the flattened tensor.

    Raises ArgumentError where all are NaN; under vmap, where that is not known, the position is 0 then.

    >>> nb.nanargmin([1.0, float("nan"), 3.0]).item()
    0
    """
    return _position("nanargmin", argmin, np.inf, as_node(x), axis, keepdims)


def _position(name: str, of: Callable[..., Any], rest: float, x: Node, axis: int | None, keepdims: bool) -> Node:
    want_real(name, x)
    if x.dtype.kind == "f" and x.size:
        nothing: Any = all_of(f.isnan(x), axis)
        if not nothing.tokens.placeholder:
            runtime.realize((nothing,))
            if np.any(in_memory(nothing)):
                raise ArgumentError(f"{name}: nothing but NaN along axis {axis} of shape {x.shape}: there is no position")
    return of(_replaced(x, rest), axis, keepdims=keepdims)
