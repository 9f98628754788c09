"""Sorting, and what is read off sorted values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.errors import AxisError
from nabla.graph.node import Node
from nabla.ops.axes import one_axis, several_axes
from nabla.ops.lift import ArrayLike, as_node, inexact, op, want_real
from nabla.primitives import sorting as s
from nabla.primitives.base import scalar
from nabla.primitives.formulas import isnan, select
from nabla.primitives.joining import pick
from nabla.primitives.shape import broadcast, cast, reshape, restore_axes, transpose

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _along(name: str, x: Node, axis: int | None) -> tuple[Node, int]:
    if axis is None:
        return reshape(x, shape=(x.size,)), 0
    if not x.ndim:
        raise AxisError(f"{name}: a 0-dimensional tensor cannot be sorted; there is nothing to put in order")
    return x, one_axis(name, axis, x.ndim)


@op
def sort(x: ArrayLike, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements along `axis` in ascending order; None: of the flattened tensor. NaN counts as the largest.

    Of equal elements, the one that came first has the derivative of the place that comes first. Sorting is always
    stable, so `stable` only says what is needed. Complex numbers are ordered by their real, then their imaginary part.
    Raises AxisError for an axis that x has not.

    >>> nb.sort([3.0, 1.0, 2.0]).tolist(), nb.sort([3.0, 1.0, 2.0], descending=True).tolist()
    ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
    """
    node, axis = _along("sort", as_node(x), axis)
    return s.sort(node, axis=axis, descending=bool(descending))


@op
def argsort(x: ArrayLike, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Tensor:
    """The positions of the elements along `axis` in ascending order of the elements; None: of the flattened tensor.

    Of dtype int64. Equal elements keep their order, whether `stable` asks for it or not, and when descending, too. NaN
    counts as the largest. Raises AxisError for an axis that x has not.

    >>> nb.argsort([3.0, 1.0, 2.0]).tolist()
    [1, 2, 0]
    """
    node, axis = _along("argsort", as_node(x), axis)
    return s.argsort(node, axis=axis, descending=bool(descending))


@op
def median(x: ArrayLike, /, axis: Any = None, *, keepdims: bool = False) -> Tensor:
    """The middle of the sorted elements over `axis` (None: all axes).

    Of an even number it is the mean of the two middle ones. NaN where there is one among them, and of nothing. Integers
    become floats of the default dtype. Raises AxisError for an axis that x has not, DTypeError for complex numbers.

    >>> nb.median([7.0, 1.0, 3.0]).item(), nb.median([7.0, 1.0, 3.0, 5.0]).item()
    (3.0, 4.0)
    """
    node = inexact(as_node(x))
    want_real("median", node)
    axes = several_axes("median", axis, node.ndim)
    shape = node.shape
    kept = tuple([i for i in range(node.ndim) if i not in axes])
    left = tuple([shape[i] for i in kept])
    count = 1
    for i in axes:
        count *= shape[i]
    if count == 0:
        out = broadcast(scalar(float("nan"), node.dtype), shape=left)
    else:
        rows = reshape(transpose(node, perm=kept + axes), shape=(*left, count))
        out = _middle(s.sort(rows, axis=len(left), descending=False), count)
    return restore_axes(out, shape, axes) if keepdims else out


def _middle(ordered: Node, count: int) -> Node:
    last = ordered.ndim - 1
    half = count // 2
    out = pick(ordered, last, half)
    if count % 2 == 0:
        out = cast(0.5 * (pick(ordered, last, half - 1) + out), ordered.dtype)
    largest = pick(ordered, last, count - 1)
    return select(isnan(largest), largest, out)
