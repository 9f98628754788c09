"""Images and other signals at any coordinates: interpolation between their elements, as in scipy.ndimage."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Sequence

from nabla import dtypes
from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, inexact, op, together, want_real
from nabla.primitives.base import broadcast_shapes, scalar
from nabla.primitives.formulas import (
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    like,
    logical_and,
    maximum,
    minimum,
    remainder,
    select,
    sub,
)
from nabla.primitives.indexing import index
from nabla.primitives.joining import pick
from nabla.primitives.shape import broadcast, cast
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor

MODES = ("constant", "grid-constant", "nearest", "mirror", "reflect", "grid-mirror", "grid-wrap")


def _whole(value: int) -> Node:
    return scalar(value, dtypes.int64)


def _position(i: Node, n: int, mode: str) -> Node:
    """Where the element i, which may lie beyond the ends of n elements, is taken from."""
    if mode == "grid-wrap":
        return remainder(i, _whole(n))
    if mode in ("reflect", "grid-mirror"):  # d c b a | a b c d | d c b a
        i = remainder(i, _whole(2 * n))
        return minimum(i, sub(_whole(2 * n - 1), i))
    if mode == "mirror" and n > 1:  # d c b | a b c d | c b a
        i = remainder(i, _whole(2 * n - 2))
        return minimum(i, sub(_whole(2 * n - 2), i))
    return minimum(maximum(i, _whole(0)), _whole(n - 1))


@op
def map_coordinates(
    x: ArrayLike, coordinates: ArrayLike | Sequence[ArrayLike], /, order: int, mode: str = "constant", cval: float = 0.0
) -> Tensor:
    """The values of x at coordinates, in which its elements are at 0, 1, ... along each axis. Differentiable in both.

    coordinates: as many as x has axes, of one shape or shapes that broadcast, which is that of the result; a tensor has them along
    its first axis. order: 0 takes the nearest element, 1 interpolates linearly in between. mode says what lies beyond the ends,
    under the names of scipy.ndimage: "constant" is cval from the end on, "grid-constant" elements that are cval, "nearest" the
    element at the end, "mirror" and "reflect" (or "grid-mirror") turn round at the middle and behind the last element, "grid-wrap"
    begins again. At an element the derivative by its coordinate is the slope behind it.

    Integers become floats, but stay with order 0. Raises ShapeError where there is not one coordinate for each axis or an axis is
    empty, ArgumentError for another order or mode, DTypeError for complex coordinates.

    >>> nb.nn.map_coordinates([[0.0, 1.0], [2.0, 3.0]], [[0.5, 1.0], [0.5, 0.25]], 1).tolist()
    [1.5, 2.25]
    """
    node = as_node(x)
    if order not in (0, 1) or isinstance(order, bool):
        raise ArgumentError(f"map_coordinates: order is 0 (nearest) or 1 (linear); got {order!r}")
    if mode not in MODES:
        raise ArgumentError(f"map_coordinates: mode is one of {', '.join(map(repr, MODES))}; got {mode!r}")
    at = _each_axis(coordinates)
    if len(at) != node.ndim or not at:
        raise ShapeError(f"map_coordinates: there is a coordinate for each axis of x, of shape {node.shape}; got {len(at)}")
    if 0 in node.shape:
        raise ShapeError(f"map_coordinates: there is nothing to interpolate in x of shape {node.shape}")
    if order:
        node = inexact(node)
    shape = broadcast_shapes("map_coordinates", [c.shape for c in at])
    fill = like(node, cval)
    choices = [_neighbours(c, n, order, mode) for c, n in zip(at, node.shape)]
    total: Node | None = None
    for corner in product(*choices):
        term = index(node, *[position for position, _, _ in corner], spec=(None,) * node.ndim, unique=False)
        for _, _, inside in corner:
            if inside is not None:
                term = select(inside, term, fill)
        for _, weight, _ in corner:
            if weight is not None:
                term = term * cast(weight, dtypes.to_real(node.dtype))
        total = term if total is None else total + term
    assert total is not None
    if mode == "constant":
        for c, n in zip(at, node.shape):
            total = select(logical_and(greater_equal(c, like(c, 0)), less_equal(c, like(c, n - 1))), total, fill)
    return total if total.shape == shape else broadcast(total, shape=shape)


def _each_axis(coordinates: Any) -> list[Node]:
    if isinstance(coordinates, (tuple, list)):
        nodes = [inexact(c) for c in together(coordinates)]
    else:
        whole = inexact(as_node(coordinates))
        if not whole.ndim:
            raise ShapeError("map_coordinates: the first axis of coordinates has one for each axis of x; got a tensor of shape ()")
        nodes = [pick(whole, 0, i) for i in range(whole.shape[0])]
    for c in nodes:
        want_real("map_coordinates", c)
    return nodes


def _neighbours(c: Node, n: int, order: int, mode: str) -> list[tuple[Node, Node | None, Node | None]]:
    """Of each neighbour along an axis its position, its weight, and whether there is one."""
    if mode == "nearest":
        c = minimum(maximum(c, like(c, 0)), like(c, n - 1))
    below = detach(floor(c if order else c + 0.5))
    found: list[tuple[Node, Node | None, Node | None]] = []
    for step in (0, 1)[: order + 1]:
        i = cast(below, dtypes.int64)
        i = i + _whole(step)
        weight = None if not order else (c - below if step else 1.0 - (c - below))
        inside = None
        if mode == "grid-constant":
            inside = logical_and(greater(i, _whole(-1)), less(i, _whole(n)))
        found.append((_position(i, n, mode), weight, inside))
    return found
