"""What is made of sorting permutations: the largest elements, partitions, sorting by several keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla.errors import ArgumentError, AxisError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis
from nabla.ops.lift import ArrayLike, as_node, op, want_real
from nabla.ops.sorting import argsort as public_argsort, sort as public_sort
from nabla.primitives.indexing import along_axis
from nabla.primitives.joining import cut, pick
from nabla.primitives.sorting import argsort

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def topk(x: ArrayLike, k: int, /, axis: int = -1, *, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest elements along `axis` (or the least) in order, and their positions, of dtype int64.

    Equals keep their order; NaN counts as the largest. The derivative is that of reading the elements there. Raises
    ArgumentError where the axis has fewer than k, AxisError for an axis that x has not, DTypeError for complex numbers.

    >>> values, positions = nb.topk([3.0, 1.0, 4.0, 2.0], 2)
    >>> values.tolist(), positions.tolist()
    ([4.0, 3.0], [2, 0])
    """
    node = as_node(x)
    want_real("topk", node)
    axis = one_axis("topk", axis, node.ndim)
    count = integer("topk", "k", k, 0)
    if count > node.shape[axis]:
        raise ArgumentError(f"topk: k is {count}, but axis {axis} has {node.shape[axis]} elements; take no more than these")
    positions = cut(argsort(node, axis=axis, descending=bool(largest)), axis, 0, count)
    return along_axis(node, positions, axis, unique=True), positions


def _check_kth(name: str, kth: Any, x: Node, axis: int | None) -> None:
    n = x.size if axis is None else x.shape[one_axis(name, axis, x.ndim)]
    for k in kth if isinstance(kth, (tuple, list)) else (kth,):
        if not -n <= integer(name, "kth", k) < n:
            raise ArgumentError(f"{name}: kth is a position along an axis of length {n}; got {k}")


@op
def partition(x: ArrayLike, kth: int | tuple[int, ...], /, axis: int | None = -1) -> Tensor:
    """The elements along `axis` so ordered that none before position `kth` is larger, and none behind it is less.

    NumPy leaves the order on both sides open; here all are sorted. None: of the flattened tensor. Raises ArgumentError for
    a kth out of bounds, AxisError for an axis that x has not.

    >>> nb.partition([3.0, 1.0, 2.0], 1).tolist()
    [1.0, 2.0, 3.0]
    """
    node = as_node(x)
    _check_kth("partition", kth, node, axis)
    return public_sort(node, axis)


@op
def argpartition(x: ArrayLike, kth: int | tuple[int, ...], /, axis: int | None = -1) -> Tensor:
    """The positions that `partition` takes the elements from, of dtype int64; they are those of `argsort`.

    >>> nb.argpartition([3.0, 1.0, 2.0], 1).tolist()
    [1, 2, 0]
    """
    node = as_node(x)
    _check_kth("argpartition", kth, node, axis)
    return public_argsort(node, axis)


@op
def lexsort(keys: ArrayLike, /, axis: int = -1) -> Tensor:
    """The positions that sort by several keys, the last of which counts most: of dtype int64.

    keys: a sequence of tensors of one shape, or a tensor, whose first axis has the keys. Raises ShapeError where shapes
    differ or there is no key, AxisError for an axis that the keys have not.

    >>> nb.lexsort([[2, 1, 1], [5, 7, 5]]).tolist()
    [2, 0, 1]
    """
    if isinstance(keys, (tuple, list)):
        nodes = [as_node(k) for k in keys]
    else:
        whole = as_node(keys)
        if not whole.ndim:
            raise ShapeError("lexsort: there is at least one key; got a tensor of shape ()")
        nodes = [pick(whole, 0, i) for i in range(whole.shape[0])]
    if not nodes:
        raise ShapeError("lexsort: there is at least one key; got none")
    shape = nodes[0].shape
    for i, node in enumerate(nodes):
        if node.shape != shape:
            raise ShapeError(f"lexsort: the keys have one shape; key 0 has {shape}, key {i} has {node.shape}")
    if not shape:
        raise AxisError("lexsort: keys of shape () cannot be sorted; there is nothing to put in order")
    along = one_axis("lexsort", axis, len(shape))
    order = argsort(nodes[0], axis=along, descending=False)
    for node in nodes[1:]:
        further = argsort(along_axis(node, order, along, unique=True), axis=along, descending=False)
        order = along_axis(order, further, along, unique=True)
    return order
