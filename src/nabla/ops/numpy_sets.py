"""Sets of values as NumPy has them: distinct values with where they were found, unions, intersections, differences.

How many values there are is a value itself, so under vmap the arguments must be constants. The derivative of a value in a set is
that of the element it was found at, the first of equals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla.errors import TracedValueError, user_line
from nabla.graph.node import Node
from nabla.ops.axes import one_axis
from nabla.ops.joining import gathered
from nabla.ops.keys import mask_value
from nabla.ops.lift import ArrayLike, as_node, op, together
from nabla.ops.shape import reshaped
from nabla.primitives.base import constant
from nabla.primitives.joining import concat

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _value(name: str, x: Node) -> np.ndarray:
    if x.tokens.placeholder:
        raise TracedValueError(
            f"{name} at {user_line()} needs values, to know how many there are in its result, and inside vmap there are none. "
            f"Call it outside, or sort instead (nb.sort) and compare neighbours"
        )
    return np.asarray(mask_value(x))


def _flat(x: ArrayLike) -> Node:
    node = as_node(x)
    return reshaped(node, (node.size,))


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[Node, Node]:
    a, b = together([x, y])
    return reshaped(a, (a.size,)), reshaped(b, (b.size,))


@op
def unique(
    x: ArrayLike,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The distinct elements in ascending order; with an axis, the distinct slices along it.

    return_index: also where each was found first; return_inverse: also which of them each element is; return_counts: also how often
    each was found. equal_nan: NaNs count as one. The result is sorted whether `sorted` asks for it or not.

    >>> nb.unique([3.0, 1.0, 3.0, 2.0]).tolist()
    [1.0, 2.0, 3.0]
    >>> values, counts = nb.unique([3, 1, 3], return_counts=True)
    >>> counts.tolist()
    [1, 2]
    """
    node = as_node(x)
    along = None if axis is None else one_axis("unique", axis, node.ndim)
    _, first, inverse, counts = np.unique(_value("unique", node), True, True, True, along, equal_nan=equal_nan)
    out = gathered(reshaped(node, (node.size,)), first, 0) if along is None else gathered(node, first, along)
    more = [a for a, wanted in ((first, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    return (out, *[constant(a) for a in more]) if more else out


@op
def union1d(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The distinct values that are in x or in y, in ascending order.

    >>> nb.union1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    a, b = _pair(x, y)
    whole = concat(a, b, axis=0)
    return gathered(whole, np.unique(_value("union1d", whole), True)[1], 0)  # type: ignore[return-value]


@op
def intersect1d(x: ArrayLike, y: ArrayLike, /, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The distinct values that are in x and in y, in ascending order.

    assume_unique: x and y have no equals among themselves. return_indices: also where each was found first in x and in y.

    >>> nb.intersect1d([1.0, 3.0, 3.0], [2.0, 3.0]).tolist()
    [3.0]
    """
    a, b = _pair(x, y)
    _, first, second = np.intersect1d(_value("intersect1d", a), _value("intersect1d", b), assume_unique, True)
    out = gathered(a, first, 0)
    return (out, constant(first), constant(second)) if return_indices else out


@op
def setdiff1d(x: ArrayLike, y: ArrayLike, /, assume_unique: bool = False) -> Tensor:
    """The distinct values that are in x but not in y, in ascending order; assume_unique: as they stand in x.

    >>> nb.setdiff1d([3.0, 1.0, 2.0], [2.0]).tolist()
    [1.0, 3.0]
    """
    a = _flat(x)
    value = _value("setdiff1d", a)
    first = np.arange(value.size) if assume_unique else np.unique(value, True)[1]
    gone = np.isin(value[first], _value("setdiff1d", _flat(y)), invert=True)
    return gathered(a, first[gone], 0)  # type: ignore[return-value]


@op
def setxor1d(x: ArrayLike, y: ArrayLike, /, assume_unique: bool = False) -> Tensor:
    """The distinct values that are in x or in y, but not in both, in ascending order.

    >>> nb.setxor1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0, 2.0]
    """
    a, b = _pair(x, y)
    whole = concat(a, b, axis=0)
    value = _value("setxor1d", whole)
    parts = (value[: a.shape[0]], value[a.shape[0] :])
    one, other = (np.arange(part.size) if assume_unique else np.unique(part, True)[1] for part in parts)
    found = np.concatenate([one, other + a.shape[0]])
    _, first, counts = np.unique(value[found], return_index=True, return_counts=True)
    return gathered(whole, found[first[counts == 1]], 0)  # type: ignore[return-value]
