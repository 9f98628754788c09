"""Reductions: sums, products, moments, extrema and their positions, counts. Some hide builtins of their names here.

Integers and booleans are summed and multiplied in 64 bits, and averaged in the default dtype; float16 is added up in
float32.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError, ShapeError
from nabla.graph.node import Node, is_scalar, runtime
from nabla.ops.axes import one_axis, several_axes
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, broadcast_to, inexact, op, want_real
from nabla.primitives import reductions as r
from nabla.primitives.base import Primitive, scalar, zeros
from nabla.primitives.elementwise import operand
from nabla.primitives.formulas import equal, maximum, minimum, not_equal, select, sqrt, square
from nabla.primitives.shape import cast, conj, real, reduce_sum, reshape, restore_axes

if TYPE_CHECKING:
    from nabla.tensor import Tensor

Axis = Any
"""None for all axes, an int, or a tuple of ints; negative ones count from the end."""


# What the functions share


def _over(prim: Primitive, x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    out = prim(x, axes=axes)
    return restore_axes(out, x.shape, axes) if keepdims else out


def widened(x: Node, dtype: DTypeLike) -> Node:
    """`x` in the dtype in which it is summed: 64 bits for integers, unless the caller says."""
    if dtype is not None:
        return cast(x, dtypes.canonical(dtype))
    own = x.dtype
    if own.kind in "fc":
        return x
    if own.kind == "u":
        return cast(x, dtypes.uint64)
    if own.kind in "bi":
        return cast(x, dtypes.int64)
    raise DTypeError(f"a tensor of dtype {own} cannot be reduced")


def _condition(name: str, where: ArrayLike, x: Node) -> Node:
    """`where` as a node of booleans that broadcasts to the shape of `x`."""
    condition = as_node(where)
    if condition.dtype.kind != "b":
        raise DTypeError(f"{name}: where is a tensor of booleans; got {condition.dtype}")
    shape, own = x.shape, condition.shape
    fits = len(own) <= len(shape) and builtins.all(n in (1, m) for n, m in zip(reversed(own), reversed(shape)))
    if not fits:
        raise ShapeError(f"{name}: where has shape {own}, which does not broadcast to the shape {shape} of x")
    return condition


def _initial(name: str, initial: ArrayLike, x: Node) -> Node:
    node = operand(initial, x) if is_scalar(initial) else as_node(initial)
    if node.shape:
        raise ShapeError(f"{name}: initial is one number; got a tensor of shape {node.shape}")
    return node


def _length(x: Node, axes: tuple[int, ...]) -> int:
    n = 1
    for axis in axes:
        n *= x.shape[axis]
    return n


# Sums and products


def sum(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Tensor:
    """The sum over `axis` (None: all axes). Of nothing it is 0.

    Integers and booleans are summed in 64 bits unless `dtype` is given; `initial` is added; elements where `where` is
    False count as 0. keepdims leaves axes of length 1. Raises AxisError for an axis that x has not.

    >>> nb.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
    [4.0, 6.0]
    """
    if type(x) is runtime.handle and not keepdims and dtype is initial is where is None:
        node = x._node
        if node.dtype.kind in "fc":
            return runtime.handle(reduce_sum(node, axes=several_axes("sum", axis, len(node.shape))))
    return _sum(x, axis, dtype, keepdims, initial, where)


@op
def _sum(x: Any, axis: Axis, dtype: DTypeLike, keepdims: bool, initial: Any, where: Any) -> Any:
    x = widened(as_node(x), dtype)
    if where is not None:
        x = select(_condition("sum", where, x), x, zeros((), x.dtype))
    out = _over(reduce_sum, x, several_axes("sum", axis, x.ndim), keepdims)
    return out if initial is None else out + _initial("sum", initial, x)


@op
def prod(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Tensor:
    """The product over `axis` (None: all axes). Of nothing it is 1.

    Its derivatives are right where factors are zero. Integers and booleans are multiplied in 64 bits unless `dtype` is
    given; the result is multiplied by `initial`; elements where `where` is False count as 1. Raises AxisError for an
    axis that x has not.

    >>> nb.prod([2.0, 3.0, 4.0]).item()
    24.0
    """
    x = widened(as_node(x), dtype)
    if where is not None:
        x = select(_condition("prod", where, x), x, scalar(1, x.dtype))
    out = _over(r.reduce_prod, x, several_axes("prod", axis, x.ndim), keepdims)
    return out if initial is None else out * _initial("prod", initial, x)


# Moments


@op
def mean(
    x: ArrayLike,
    /,
    axis: Axis = None,
    dtype: DTypeLike = None,
    *,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Tensor:
    """The arithmetic mean over `axis` (None: all axes), of the elements where `where` holds. Of nothing it is NaN.

    Integers and booleans become floats of the default dtype. Raises AxisError for an axis that x has not.

    >>> nb.mean([[1.0, 2.0], [3.0, 4.0]], axis=1, keepdims=True).tolist()
    [[1.5], [3.5]]
    """
    x = as_node(x)
    x, back = _computed_in("mean", x, dtype)
    axes = several_axes("mean", axis, x.ndim)
    condition = None if where is None else _condition("mean", where, x)
    return cast(_mean(x, axes, keepdims, condition), back)


def _computed_in(name: str, x: Node, dtype: DTypeLike) -> tuple[Node, Any]:
    """`x` in the dtype in which moments are computed, and the dtype of the result: float16 is worked on in float32."""
    x = inexact(x) if dtype is None else cast(x, dtypes.canonical(dtype))
    if x.dtype.kind not in "fc":
        raise DTypeError(f"{name}: a mean is computed in a floating dtype; got dtype={x.dtype}")
    own = x.dtype
    return (cast(x, dtypes.float32), own) if own is dtypes.float16 else (x, own)


def _mean(x: Node, axes: tuple[int, ...], keepdims: bool, condition: Node | None, less: float = 0.0) -> Node:
    """The sum over `axes` over their length less `less`, which is at least 0."""
    if condition is None:
        return _over(reduce_sum, x, axes, keepdims) / builtins.max(_length(x, axes) - less, 0.0)
    counted = broadcast_to(cast(condition, dtypes.to_real(x.dtype)), x.shape)
    count = _over(reduce_sum, counted, axes, keepdims)
    if less:
        count = maximum(count - less, zeros((), count.dtype))
    return _over(reduce_sum, select(condition, x, zeros((), x.dtype)), axes, keepdims) / count


@op
def var(
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
    """The variance over `axis` (None: all axes): the mean squared distance from the mean, taken in two passes.

    The divisor is the number of elements less `correction` (or `ddof`, NumPy's name for it). mean: the mean, if it is known, with
    axes of length 1 as keepdims leaves them. Of complex numbers the
    squared modulus is averaged, and the result is real. Raises AxisError for an axis that x has not.

    >>> nb.var([1.0, 2.0, 3.0, 4.0]).item(), nb.var([1.0, 2.0, 3.0], correction=1).item()
    (1.25, 1.0)
    """
    return _variance("var", as_node(x), axis, dtype, correction, ddof, keepdims, where, mean)


@op
def std(
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
    """The standard deviation over `axis` (None: all axes): the square root of `var`, with the same arguments.

    Where all elements are equal, its derivative is taken as 0. Raises AxisError for an axis that x has not.

    >>> nb.std([1.0, 3.0]).item()
    1.0
    """
    v = _variance("std", as_node(x), axis, dtype, correction, ddof, keepdims, where, mean)
    zero = zeros((), v.dtype)
    return select(equal(v, zero), zero, sqrt(v))


def _variance(
    name: str,
    x: Node,
    axis: Axis,
    dtype: DTypeLike,
    correction: float | None,
    ddof: float | None,
    keepdims: bool,
    where: ArrayLike | None,
    mean: ArrayLike | None,
) -> Node:
    if correction is not None and ddof is not None:
        raise ArgumentError(f"{name}: correction and ddof are two names for one thing; give one of them")
    less = ddof if correction is None else correction
    x, back = _computed_in(name, x, dtype)
    axes = several_axes(name, axis, x.ndim)
    condition = None if where is None else _condition(name, where, x)
    away = x - (_mean(x, axes, True, condition) if mean is None else _given_mean(name, mean, x, axes))
    squared = real(away * conj(away)) if away.dtype.kind == "c" else square(away)
    return cast(_mean(squared, axes, keepdims, condition, float(less or 0.0)), dtypes.to_real(back))


def _given_mean(name: str, mean: ArrayLike, x: Node, axes: tuple[int, ...]) -> Node:
    found = as_node(mean)
    wanted = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
    if found.shape != wanted:
        raise ShapeError(f"{name}: the mean over axes {axes} of shape {x.shape} has shape {wanted}; got {found.shape}")
    return cast(found, x.dtype)


# Extrema


@op
def max(
    x: ArrayLike,
    /,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Tensor:
    """The largest element over `axis` (None: all axes); NaN where there is one.

    Equal largest elements share the derivative equally. With `initial`, the result is at least that, and elements where
    `where` is False are left out. Raises ShapeError for the maximum of nothing, AxisError for an axis that x has not,
    DTypeError for complex numbers.

    >>> nb.max([[1.0, 5.0], [7.0, 3.0]], axis=1).tolist()
    [5.0, 7.0]
    """
    return _extremum("max", r.reduce_max, maximum, as_node(x), axis, keepdims, initial, where)


@op
def min(
    x: ArrayLike,
    /,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Tensor:
    """The smallest element over `axis` (None: all axes); NaN where there is one.

    Equal smallest elements share the derivative equally. With `initial`, the result is at most that, and elements where
    `where` is False are left out. Raises ShapeError for the minimum of nothing, AxisError for an axis that x has not,
    DTypeError for complex numbers.

    >>> nb.min([[1.0, 5.0], [7.0, 3.0]], axis=1).tolist()
    [1.0, 3.0]
    """
    return _extremum("min", r.reduce_min, minimum, as_node(x), axis, keepdims, initial, where)


def _extremum(name: str, prim: Primitive, of_two: Primitive, x: Node, axis: Axis, keepdims: bool, initial: Any, where: Any) -> Node:
    want_real(name, x)
    axes = several_axes(name, axis, x.ndim)
    if initial is None:
        if where is not None:
            raise ArgumentError(f"{name}: where needs initial, the result where no element is left")
        _want_elements(name, x, axes)
        return _over(prim, x, axes, keepdims)
    start = _initial(name, initial, x)
    if where is not None:
        x = select(_condition(name, where, x), x, start)
    if _length(x, axes) == 0:
        left = tuple([n for i, n in enumerate(x.shape) if i not in axes])
        out = broadcast_to(start, left)
        return restore_axes(out, x.shape, axes) if keepdims else out
    return of_two(_over(prim, x, axes, keepdims), start)


def _want_elements(name: str, x: Node, axes: tuple[int, ...]) -> None:
    for axis in axes:
        if x.shape[axis] == 0:
            raise ShapeError(
                f"{name}: the {name} of no elements is not defined; axis {axis} of shape {x.shape} is empty"
                + (" (initial= would say what to return)" if name in ("max", "min") else "")
            )


@op
def argmax(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The position of the largest element along `axis`, the first of equals; None: in the flattened tensor.

    Of dtype int64. Raises ShapeError for the maximum of nothing, AxisError for an axis that x has not, DTypeError for
    complex numbers.

    >>> nb.argmax([[1.0, 5.0], [7.0, 3.0]], axis=1).tolist()
    [1, 0]
    """
    return _position("argmax", r.argmax, as_node(x), axis, keepdims)


@op
def argmin(x: ArrayLike, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The position of the smallest element along `axis`, the first of equals; None: in the flattened tensor.

    Of dtype int64. Raises ShapeError for the minimum of nothing, AxisError for an axis that x has not, DTypeError for
    complex numbers.

    >>> nb.argmin([[1.0, 5.0], [7.0, 3.0]], axis=1).tolist()
    [0, 1]
    """
    return _position("argmin", r.argmin, as_node(x), axis, keepdims)


def _position(name: str, prim: Primitive, x: Node, axis: int | None, keepdims: bool) -> Node:
    want_real(name, x)
    if axis is None:
        _want_elements(name, x, tuple(range(x.ndim)))
        out = prim(x if x.ndim == 1 else reshape(x, shape=(x.size,)), axis=0)
        return reshape(out, shape=(1,) * x.ndim) if keepdims else out
    axis = one_axis(name, axis, x.ndim)
    _want_elements(name, x, (axis,))
    out = prim(x, axis=axis)
    return restore_axes(out, x.shape, (axis,)) if keepdims else out


@op
def ptp(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """Peak to peak: the largest element less the smallest over `axis` (None: all axes).

    Raises as `max` does.

    >>> nb.ptp([3.0, 9.0, 4.0]).item()
    6.0
    """
    x = as_node(x)
    high = _extremum("ptp", r.reduce_max, maximum, x, axis, keepdims, None, None)
    return high - _extremum("ptp", r.reduce_min, minimum, x, axis, keepdims, None, None)


# Truth


@op
def any(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False, where: ArrayLike | None = None) -> Tensor:
    """Whether some element over `axis` (None: all axes) is true, that is, not zero. Of nothing it is False.

    Elements where `where` is False are left out. Raises AxisError for an axis that x has not.

    >>> nb.any([[0.0, 1.0], [0.0, 0.0]], axis=1).tolist()
    [True, False]
    """
    x = _true("any", as_node(x), where, False)
    return _over(r.reduce_any, x, several_axes("any", axis, x.ndim), keepdims)


@op
def all(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False, where: ArrayLike | None = None) -> Tensor:
    """Whether every element over `axis` (None: all axes) is true, that is, not zero. Of nothing it is True.

    Elements where `where` is False are left out. Raises AxisError for an axis that x has not.

    >>> nb.all([[0.0, 1.0], [2.0, 3.0]], axis=1).tolist()
    [False, True]
    """
    x = _true("all", as_node(x), where, True)
    return _over(r.reduce_all, x, several_axes("all", axis, x.ndim), keepdims)


def _true(name: str, x: Node, where: ArrayLike | None, otherwise: bool) -> Node:
    if where is None:
        return x
    truth = not_equal(x, scalar(0, x.dtype))
    return select(_condition(name, where, x), truth, scalar(otherwise, dtypes.bool_))


@op
def count_nonzero(x: ArrayLike, /, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """How many elements over `axis` (None: all axes) are not zero.

    Of dtype int64. Raises AxisError for an axis that x has not.

    >>> nb.count_nonzero([[0.0, 1.0], [2.0, 3.0]], axis=0).tolist()
    [1, 2]
    """
    x = as_node(x)
    counted = cast(not_equal(x, scalar(0, x.dtype)), dtypes.int64)
    return _over(reduce_sum, counted, several_axes("count_nonzero", axis, x.ndim), keepdims)


# NumPy's other names

amax = max
amin = min
