"""The methods of ufuncs on tensors: reduce, accumulate, reduceat, outer, at.

Sums, products, extrema and truths have operations of their own; any other ufunc of two inputs is folded along the axis.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

from nabla.errors import ArgumentError, ArgumentTypeError
from nabla.ops import creation, cumulative, elementwise as e, logic, reductions
from nabla.ops.axes import one_axis, several_axes
from nabla.ops.indexing import add_to_part
from nabla.ops.joining import concat, stack
from nabla.ops.shape import expand_dims, moveaxis, reshape, unstack
from nabla.tensor import Tensor
from nabla.views import replace

Function = Callable[..., Any]

REDUCTIONS: Mapping[np.ufunc, Function] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}

ACCUMULATIONS: Mapping[np.ufunc, Function] = {
    np.add: cumulative.cumsum,
    np.multiply: cumulative.cumprod,
    np.maximum: cumulative.cummax,
    np.minimum: cumulative.cummin,
}

IN_ANY_ORDER = {
    np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logical_and, np.logical_or, np.logical_xor,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm, np.hypot, np.logaddexp, np.logaddexp2,
}  # fmt: skip
"""Associative and commutative: reduced by halves, and over several axes at once."""


def _want_two(ufunc: np.ufunc, method: str) -> None:
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise ArgumentTypeError(f"np.{ufunc.__name__}.{method}: only an elementwise function of two inputs has this method")


def _operand(ufunc: np.ufunc, x: Any, dtype: Any) -> Tensor:
    x = creation.asarray(x)
    if dtype is not None:
        return creation.astype(x, dtype)
    if ufunc in (np.add, np.multiply) and x.dtype.kind in "bi":
        return creation.astype(x, np.int64)
    return creation.astype(x, np.uint64) if ufunc in (np.add, np.multiply) and x.dtype.kind == "u" else x


def reduce(
    ufunc: np.ufunc,
    function: Function,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    _want_two(ufunc, "reduce")
    direct = REDUCTIONS.get(ufunc)
    if direct is not None:
        options = {} if initial is None else {"initial": initial}
        if where is not True:
            options["where"] = where
        if initial is None or ufunc not in (np.logical_and, np.logical_or):
            x = x if dtype is None or dtype is bool else creation.astype(x, dtype)
            return direct(x, axis=axis, keepdims=keepdims, **options)
    name = f"np.{ufunc.__name__}.reduce"
    x = _operand(ufunc, x, dtype)
    axes = several_axes(name, axis, x.ndim)
    if ufunc not in IN_ANY_ORDER and len(axes) > 1:
        raise ArgumentError(f"{name}: the order of the elements matters, so only one axis is taken; got {axis}")
    neutral = ufunc.identity if initial is None else initial
    if where is not True:
        if neutral is None:
            raise ArgumentError(f"{name} has no neutral element: with where= it needs initial=")
        x = logic.where(where, x, neutral)
    moved = moveaxis(x, axes, tuple(range(len(axes))))
    flat = reshape(moved, (-1 if moved.size else int(np.prod(moved.shape[: len(axes)])), *moved.shape[len(axes) :]))
    out = _folded(name, ufunc, function, flat, initial)
    return expand_dims(out, axes) if keepdims else out


def _folded(name: str, ufunc: np.ufunc, function: Function, x: Tensor, initial: Any) -> Any:
    if not x.shape[0]:
        start = ufunc.identity if initial is None else initial
        if start is None:
            raise ArgumentError(f"{name} of nothing: there is no neutral element; give initial=")
        return creation.full(x.shape[1:], start, dtype=_of_result(function, x))
    if ufunc in IN_ANY_ORDER:
        while x.shape[0] > 1:
            half = x.shape[0] // 2
            both = function(x[:half], x[half : 2 * half])
            x = both if x.shape[0] == 2 * half else concat([both, creation.astype(x[2 * half :], both.dtype)])
        return x[0] if initial is None else function(initial, x[0])
    parts = list(unstack(x))
    out = parts.pop(0) if initial is None else initial
    for part in parts:
        out = function(out, part)
    return out


def _of_result(function: Function, x: Tensor) -> np.dtype:
    one = creation.ones((), dtype=x.dtype)
    return function(one, one).dtype


def accumulate(ufunc: np.ufunc, function: Function, x: Any, axis: int = 0, dtype: Any = None) -> Any:
    _want_two(ufunc, "accumulate")
    direct = ACCUMULATIONS.get(ufunc)
    if direct is not None:
        return direct(x if dtype is None else creation.astype(x, dtype), axis=axis)
    x = _operand(ufunc, x, dtype)
    axis = one_axis(f"np.{ufunc.__name__}.accumulate", axis, x.ndim)
    if not x.shape[axis]:
        return x.copy()
    parts = list(unstack(x, axis=axis))
    sums = [parts[0]]
    for part in parts[1:]:
        sums.append(function(sums[-1], part))
    return stack([creation.astype(y, sums[-1].dtype) for y in sums], axis=axis)


def reduceat(ufunc: np.ufunc, function: Function, x: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    """Reductions of x[i:j] for neighbouring indices i, j; of x[i] alone where j is not greater than i."""
    _want_two(ufunc, "reduceat")
    x = _operand(ufunc, x, dtype)
    axis = one_axis(f"np.{ufunc.__name__}.reduceat", axis, x.ndim)
    x = moveaxis(x, axis, 0)
    starts = np.asarray(indices)
    if starts.size and (starts.min() < 0 or starts.max() >= x.shape[0]):
        raise IndexError(f"np.{ufunc.__name__}.reduceat: the indices {starts.tolist()} do not lie within an axis of {x.shape[0]}")
    ends = [*starts[1:].tolist(), x.shape[0]]
    rows = [reduce(ufunc, function, x[i : max(i + 1, j)], dtype=dtype) for i, j in zip(starts.tolist(), ends)]
    if not rows:
        return moveaxis(x[:0], 0, axis)
    return moveaxis(stack(rows), 0, axis)


def outer(ufunc: np.ufunc, function: Function, x: Any, y: Any, **options: Any) -> Any:
    _want_two(ufunc, "outer")
    dtype = options.pop("dtype", None)
    if options:
        raise ArgumentTypeError(f"np.{ufunc.__name__}.outer of a tensor does not take {', '.join(options)}")
    x, y = (z if isinstance(z, Tensor) else np.asarray(z) for z in (x, y))
    if dtype is not None:
        x, y = creation.astype(x, dtype), creation.astype(y, dtype)
    return function(reshape(x, (*x.shape, *(1,) * y.ndim)), y)


METHODS: Mapping[str, Function] = {"reduce": reduce, "accumulate": accumulate, "reduceat": reduceat, "outer": outer}


def at(target: Tensor, function: Function, ufunc: np.ufunc, indices: Any, *others: Any) -> None:
    """`np.add.at(t, indices, v)`: in place, and an element that is named n times is moved n times.

    Sums are one operation. Else each round writes the first, the second, ... occurrence of every element, so no write of a round
    hides another.
    """
    if ufunc in (np.add, np.subtract) and len(others) == 1:
        replace(target, add_to_part(target._node, indices, others[0] if ufunc is np.add else e.negative(others[0])))
        return
    positions = np.arange(target.size).reshape(target.shape)[_plain(indices)]
    if ufunc.nin != len(others) + 1:
        raise ArgumentTypeError(f"np.{ufunc.__name__}.at takes {ufunc.nin + 1} arguments")
    values = [reshape(_stretched(v, positions.shape), (-1,)) for v in others]
    flat = positions.reshape(-1)
    order = np.argsort(flat, kind="stable")
    first = np.r_[True, np.diff(flat[order]) != 0]
    ranks = np.empty(flat.size, np.int64)
    ranks[order] = np.arange(flat.size) - np.maximum.accumulate(np.where(first[: flat.size], np.arange(flat.size), 0))
    out = reshape(target, (-1,)).copy()
    for rank in range(int(ranks.max()) + 1 if flat.size else 0):
        now = np.flatnonzero(ranks == rank)
        where = flat[now]
        out[where] = creation.astype(function(out[where], *[v[now] for v in values]), target.dtype)
    target[...] = reshape(out, target.shape)


def _plain(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_plain(part) for part in index)
    return np.asarray(index) if isinstance(index, (Tensor, list)) else index


def _stretched(v: Any, shape: tuple[int, ...]) -> Tensor:
    v = creation.asarray(v)
    return v if v.shape == shape else v + creation.zeros(shape, dtype=v.dtype)
