"""Cumulative sums, products and extrema, and differences of neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op, together, want_real
from nabla.ops.reductions import widened
from nabla.primitives import cumulative as c
from nabla.primitives.base import scalar
from nabla.primitives.formulas import logical_xor, sub
from nabla.primitives.joining import concat, cut
from nabla.primitives.kinds import General
from nabla.primitives.shape import broadcast, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _along(name: str, x: Node, axis: int | None) -> tuple[Node, int]:
    """`x` and a clean axis; without one, `x` flattened."""
    if axis is None:
        return (x if x.ndim == 1 else reshape(x, shape=(x.size,))), 0
    return x, one_axis(name, axis, x.ndim)


@op
def cumsum(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """The sums of the first elements along `axis`: of one, of two, and so on; None: of the flattened tensor.

    Integers and booleans are summed in 64 bits unless `dtype` is given. Raises AxisError for an axis that x has not.

    >>> nb.cumsum([1.0, 2.0, 3.0]).tolist()
    [1.0, 3.0, 6.0]
    """
    x, axis = _along("cumsum", widened(as_node(x), dtype), axis)
    return c.cumsum(x, axis=axis, reverse=False)


@op
def cumprod(x: ArrayLike, /, axis: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """The products of the first elements along `axis`: of one, of two, and so on; None: of the flattened tensor.

    Its derivatives are right where factors are zero. Integers and booleans are multiplied in 64 bits unless `dtype` is
    given. Raises AxisError for an axis that x has not.

    >>> nb.cumprod([2.0, 3.0, 4.0]).tolist()
    [2.0, 6.0, 24.0]
    """
    x, axis = _along("cumprod", widened(as_node(x), dtype), axis)
    return c.cumprod(x, axis=axis, reverse=False)


@op
def cumulative_sum(x: ArrayLike, /, *, axis: int | None = None, dtype: DTypeLike = None, include_initial: bool = False) -> Tensor:
    """`cumsum` as the Array API standard has it.

    `axis` may be left out where x has one axis only; include_initial puts a 0 first.
    Raises AxisError for an axis that x has not, or where it must be given.

    >>> nb.cumulative_sum([1.0, 2.0, 3.0], include_initial=True).tolist()
    [0.0, 1.0, 3.0, 6.0]
    """
    node, axis = _standard("cumulative_sum", widened(as_node(x), dtype), axis)
    out = c.cumsum(node, axis=axis, reverse=False)
    return _begun_with(0, out, axis) if include_initial else out


@op
def cumulative_prod(x: ArrayLike, /, *, axis: int | None = None, dtype: DTypeLike = None, include_initial: bool = False) -> Tensor:
    """`cumprod` as the Array API standard has it.

    `axis` may be left out where x has one axis only; include_initial puts a 1 first.
    Raises AxisError for an axis that x has not, or where it must be given.

    >>> nb.cumulative_prod([2.0, 3.0, 4.0], include_initial=True).tolist()
    [1.0, 2.0, 6.0, 24.0]
    """
    node, axis = _standard("cumulative_prod", widened(as_node(x), dtype), axis)
    out = c.cumprod(node, axis=axis, reverse=False)
    return _begun_with(1, out, axis) if include_initial else out


def _standard(name: str, x: Node, axis: int | None) -> tuple[Node, int]:
    if axis is None and x.ndim != 1:
        raise ShapeError(f"{name}: x has shape {x.shape}; give the axis to go along, or flatten x with x.ravel()")
    return _along(name, x, axis)


def _begun_with(value: int, x: Node, axis: int) -> Node:
    edge = broadcast(scalar(value, x.dtype), shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return concat(edge, x, axis=axis)


@op
def cummax(x: ArrayLike, /, axis: int | None = None) -> Tensor:
    """The largest of the first elements along `axis`: of one, of two, and so on; None: of the flattened tensor.

    Of equals, the first has the derivative. From a NaN on, all are NaN. Raises AxisError for an axis that x has not,
    DTypeError for complex numbers.

    >>> nb.cummax([1.0, 3.0, 2.0, 5.0]).tolist()
    [1.0, 3.0, 3.0, 5.0]
    """
    return _extremum("cummax", c.cummax, as_node(x), axis)


@op
def cummin(x: ArrayLike, /, axis: int | None = None) -> Tensor:
    """The smallest of the first elements along `axis`: of one, of two, and so on; None: of the flattened tensor.

    Of equals, the first has the derivative. From a NaN on, all are NaN. Raises AxisError for an axis that x has not,
    DTypeError for complex numbers.

    >>> nb.cummin([4.0, 3.0, 5.0, 1.0]).tolist()
    [4.0, 3.0, 3.0, 1.0]
    """
    return _extremum("cummin", c.cummin, as_node(x), axis)


def _extremum(name: str, prim: General, x: Node, axis: int | None) -> Node:
    want_real(name, x)
    x, axis = _along(name, x, axis)
    return prim(x, axis=axis)


@op
def diff(
    x: ArrayLike,
    /,
    n: int = 1,
    axis: int = -1,
    *,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Tensor:
    """Differences of neighbours along `axis`, taken `n` times; the axis gets shorter by `n`.

    prepend, append: put before and behind x first, a number or a tensor with the shape of x except along `axis`.
    Booleans are compared: True where neighbours differ. Raises ArgumentError for a negative n, AxisError for an axis
    that x has not.

    >>> nb.diff([1.0, 4.0, 9.0]).tolist(), nb.diff([1.0, 4.0, 9.0], n=2).tolist()
    ([3.0, 5.0], [2.0])
    """
    times = integer("diff", "n", n)
    if times < 0:
        raise ArgumentError(f"diff: n is how many times to take differences, at least 0; got {times}")
    node = as_node(x)
    if times == 0:
        return node
    axis = one_axis("diff", axis, node.ndim)
    if prepend is not None or append is not None:
        node = _widened_by(node, axis, prepend, append)
    less = logical_xor if node.dtype.kind == "b" else sub
    for _ in range(min(times, node.shape[axis])):
        length = node.shape[axis]
        node = less(cut(node, axis, 1, length), cut(node, axis, 0, length - 1))
    return node


def _widened_by(x: Node, axis: int, prepend: ArrayLike | None, append: ArrayLike | None) -> Node:
    edge = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = together([part for part in (prepend, x, append) if part is not None])
    for i, part in enumerate(parts):
        if part.ndim == 0:
            parts[i] = broadcast(part, shape=edge)
        elif part.ndim != x.ndim or part.shape[:axis] + part.shape[axis + 1 :] != x.shape[:axis] + x.shape[axis + 1 :]:
            raise ShapeError(
                f"diff: what is put beside x of shape {x.shape} may differ from it only along axis {axis}; "
                f"it has shape {part.shape}"
            )
    return concat(*parts, axis=axis)
