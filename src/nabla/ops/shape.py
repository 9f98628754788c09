"""The same elements in another shape, order of axes, or direction.

The result shares memory with its argument where NumPy's does.
"""

from __future__ import annotations

from itertools import pairwise
from operator import index as as_int
from typing import TYPE_CHECKING, Any, Sequence

from nabla.errors import ArgumentError, AxisError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import as_shape, one_axis, ordered_axes, several_axes
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.sharing import shares
from nabla.primitives import base, shape as s
from nabla.primitives.base import Shape
from nabla.primitives.joining import cut, pick

if TYPE_CHECKING:
    from nabla.tensor import Tensor


# Shapes


@shares
def reshape(x: ArrayLike, /, shape: int | tuple[int, ...], order: str = "C", *, copy: bool | None = None) -> Tensor:
    """The elements of `x` in another shape. One length may be -1: what is left over.

    order: "C" reads and writes them with the last axis running fastest, "F" with the first. copy: True gives a tensor of
    its own; else it shares memory with x as far as one can tell. Raises ShapeError where the numbers of elements differ,
    ArgumentError for another order.

    >>> nb.reshape([1.0, 2.0, 3.0, 4.0], (2, -1)).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> nb.reshape([1.0, 2.0, 3.0, 4.0], (2, -1), order="F").tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    node = as_node(x)
    lengths = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return _in_order("reshape", node, _completed(node, tuple([as_int(n) for n in lengths])), order)


def reshaped(x: Node, shape: Shape) -> Node:
    return x if x.shape == shape else s.reshape(x, shape=shape)


def _completed(x: Node, shape: Shape) -> Shape:
    """`shape` with its -1 replaced."""
    known = 1
    open_axes = []
    for axis, n in enumerate(shape):
        if n >= 0:
            known *= n
        elif n == -1:
            open_axes.append(axis)
        else:
            raise ShapeError(f"reshape: a length is not negative, but for -1, which means what is left over; got {shape}")
    if len(open_axes) > 1:
        raise ShapeError(f"reshape: only one length may be -1; got {shape}")
    if open_axes and known and x.size % known == 0:
        (axis,) = open_axes
        return (*shape[:axis], x.size // known, *shape[axis + 1 :])
    if open_axes or known != x.size:
        raise ShapeError(
            f"reshape: a tensor of shape {x.shape} has {x.size} elements, which does not fit the shape {shape}"
            + (f" of {known} elements" if not open_axes else "")
        )
    return shape


def _in_order(name: str, x: Node, shape: Shape, order: str) -> Node:
    if order == "C":
        return reshaped(x, shape)
    if order != "F":
        raise ArgumentError(f'{name}: order is "C" (the last axis runs fastest) or "F" (the first does); got {order!r}')
    return _reversed(reshaped(_reversed(x), shape[::-1]))


def _reversed(x: Node) -> Node:
    return s.transpose(x, perm=tuple(range(x.ndim))[::-1]) if x.ndim > 1 else x


@shares
def ravel(x: ArrayLike, /, order: str = "C") -> Tensor:
    """The elements of `x` along one axis; order "C": the last axis runs fastest, "F": the first. Raises ArgumentError for another.

    >>> nb.ravel([[1.0, 2.0], [3.0, 4.0]]).tolist(), nb.ravel([[1.0, 2.0], [3.0, 4.0]], order="F").tolist()
    ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0])
    """
    node = as_node(x)
    return _in_order("ravel", node, (node.size,), order)


@op
def flatten(x: ArrayLike, /, order: str = "C") -> Tensor:
    """The elements of `x` along one axis, in a tensor of its own; order as for `ravel`.

    >>> nb.array([[1.0, 2.0], [3.0, 4.0]]).flatten().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return ravel(as_node(x), order)


@shares
def squeeze(x: ArrayLike, /, axis: Any = None) -> Tensor:
    """Without the axes of length 1 that `axis` names (None: without any of length 1).

    Raises ShapeError for an axis of another length, AxisError for one that x has not.

    >>> nb.squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    node = as_node(x)
    axes = several_axes("squeeze", axis, node.ndim)
    if axis is None:
        axes = tuple([i for i in axes if node.shape[i] == 1])
    for i in axes:
        if node.shape[i] != 1:
            raise ShapeError(f"squeeze: axis {i} of shape {node.shape} has length {node.shape[i]}; only an axis of length 1 can go")
    return reshaped(node, tuple([n for i, n in enumerate(node.shape) if i not in axes]))


@shares
def expand_dims(x: ArrayLike, /, axis: Any = 0) -> Tensor:
    """With an axis of length 1, or several, in the places that `axis` names in the result.

    Raises AxisError for a place that the result has not.

    >>> nb.expand_dims([1.0, 2.0], axis=1).shape
    (2, 1)
    """
    node = as_node(x)
    ndim = node.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    axes = ordered_axes("expand_dims", axis, ndim)
    lengths = iter(node.shape)
    return reshaped(node, tuple([1 if i in axes else next(lengths) for i in range(ndim)]))


@shares
def broadcast_to(x: ArrayLike, /, shape: int | tuple[int, ...]) -> Tensor:
    """`x` repeated along axes of length 1, and along new ones in front, so that it has `shape`; without a copy.

    Raises ShapeError where it does not fit.

    >>> nb.broadcast_to([1.0, 2.0], (2, 2)).tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """
    node = as_node(x)
    wanted = as_shape("broadcast_to", shape)
    own = node.shape
    if own == wanted:
        return node
    if len(own) > len(wanted) or any(n not in (1, m) for n, m in zip(reversed(own), reversed(wanted))):
        raise ShapeError(f"broadcast_to: a tensor of shape {own} does not broadcast to {wanted}")
    return s.broadcast(node, shape=wanted)


def broadcast_shapes(*shapes: int | tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which arrays of these shapes broadcast. Raises ShapeError where they do not fit.

    >>> nb.broadcast_shapes((3, 1), (2,))
    (3, 2)
    """
    return base.broadcast_shapes("broadcast_shapes", [(), *[as_shape("broadcast_shapes", shape) for shape in shapes]])


def broadcast_arrays(*arrays: ArrayLike) -> tuple[Tensor, ...]:
    """The arrays, broadcast against each other to one shape. Raises ShapeError where they do not fit.

    >>> [a.shape for a in nb.broadcast_arrays([1.0, 2.0], [[1.0], [2.0], [3.0]])]
    [(3, 2), (3, 2)]
    """
    if not arrays:
        return ()
    shape = base.broadcast_shapes("broadcast_arrays", [as_node(x).shape for x in arrays])
    return tuple([broadcast_to(x, shape) for x in arrays])


@shares
def _at_least(x: ArrayLike, shape: Shape) -> Tensor:
    return reshaped(as_node(x), shape)


def atleast_1d(*arrays: ArrayLike) -> Any:
    """Each array with one axis at least. Of one array it is that array, of several a tuple.

    >>> nb.atleast_1d(2.0).shape
    (1,)
    """
    found = tuple([_at_least(x, as_node(x).shape or (1,)) for x in arrays])
    return found[0] if len(found) == 1 else found


def atleast_2d(*arrays: ArrayLike) -> Any:
    """Each array with two axes at least; new ones come in front. Of one array it is that array, of several a tuple.

    >>> nb.atleast_2d([1.0, 2.0]).shape
    (1, 2)
    """
    found = []
    for x in arrays:
        shape = as_node(x).shape
        found.append(_at_least(x, (1,) * (2 - len(shape)) + shape))
    return found[0] if len(found) == 1 else tuple(found)


def atleast_3d(*arrays: ArrayLike) -> Any:
    """Each array with three axes at least: a vector becomes (1, n, 1), a matrix (m, n, 1). Of several it is a tuple.

    >>> nb.atleast_3d([1.0, 2.0]).shape
    (1, 2, 1)
    """
    found = []
    for x in arrays:
        shape = as_node(x).shape
        wanted = {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape), shape)
        found.append(_at_least(x, wanted))
    return found[0] if len(found) == 1 else tuple(found)


# The order of axes


@shares
def permute_dims(x: ArrayLike, /, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in the order that `axes` names, all of them once; None: in reverse. `transpose` is another name.

    Raises AxisError for axes that are not a permutation.

    >>> nb.permute_dims([[1.0, 2.0], [3.0, 4.0]], (1, 0)).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    node = as_node(x)
    ndim = node.ndim
    if axes is None:
        return permuted(node, tuple(range(ndim))[::-1])
    perm = ordered_axes("permute_dims", axes, ndim)
    if len(perm) != ndim:
        raise AxisError(f"permute_dims: {ndim} axes are to be named, for a tensor of shape {node.shape}; got {tuple(axes)}")
    return permuted(node, perm)


transpose = permute_dims


def permuted(x: Node, perm: tuple[int, ...]) -> Node:
    return x if perm == tuple(range(len(perm))) else s.transpose(x, perm=perm)


@shares
def matrix_transpose(x: ArrayLike, /) -> Tensor:
    """The last two axes exchanged. Raises ShapeError for fewer than two.

    >>> nb.matrix_transpose([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    node = as_node(x)
    if node.ndim < 2:
        raise ShapeError(f"matrix_transpose: a matrix has two axes at least; got shape {node.shape}")
    return s.swap_last(node)


@shares
def swapaxes(x: ArrayLike, /, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged. Raises AxisError for an axis that x has not.

    >>> nb.swapaxes(nb.zeros((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    node = as_node(x)
    a, b = one_axis("swapaxes", axis1, node.ndim), one_axis("swapaxes", axis2, node.ndim)
    perm = list(range(node.ndim))
    perm[a], perm[b] = b, a
    return permuted(node, tuple(perm))


@shares
def moveaxis(x: ArrayLike, source: Any, destination: Any, /) -> Tensor:
    """The axes that `source` names moved to the places that `destination` names; the others keep their order.

    Raises AxisError for axes that x has not, or for unequal numbers of them.

    >>> nb.moveaxis(nb.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    node = as_node(x)
    sources = ordered_axes("moveaxis", source, node.ndim)
    targets = ordered_axes("moveaxis", destination, node.ndim)
    if len(sources) != len(targets):
        raise AxisError(f"moveaxis: as many places as axes are needed; got source={source} and destination={destination}")
    perm = [axis for axis in range(node.ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources)):
        perm.insert(target, axis)
    return permuted(node, tuple(perm))


# Directions


@shares
def flip(x: ArrayLike, /, axis: Any = None) -> Tensor:
    """The elements in reverse order along `axis`, one or several (None: all).

    Raises AxisError for an axis that x has not.

    >>> nb.flip([1.0, 2.0, 3.0]).tolist()
    [3.0, 2.0, 1.0]
    """
    node = as_node(x)
    return flipped(node, several_axes("flip", axis, node.ndim))


def flipped(x: Node, axes: tuple[int, ...]) -> Node:
    return s.flip(x, axes=axes) if axes else x


@shares
def fliplr(x: ArrayLike, /) -> Tensor:
    """The columns in reverse order: `flip` along axis 1. Raises AxisError for fewer than two axes.

    >>> nb.fliplr([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    node = as_node(x)
    return s.flip(node, axes=(one_axis("fliplr", 1, node.ndim),))


@shares
def flipud(x: ArrayLike, /) -> Tensor:
    """The rows in reverse order: `flip` along axis 0. Raises AxisError for a tensor without axes.

    >>> nb.flipud([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    node = as_node(x)
    return s.flip(node, axes=(one_axis("flipud", 0, node.ndim),))


@shares
def rot90(x: ArrayLike, /, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turned by `k` right angles in the plane of two axes, from the first towards the second.

    Raises AxisError for axes that x has not, or that are not two.

    >>> nb.rot90([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    node = as_node(x)
    plane = ordered_axes("rot90", tuple(axes), node.ndim)
    if len(plane) != 2:
        raise AxisError(f"rot90: a plane has two axes; got {tuple(axes)}")
    first, second = plane
    turns = as_int(k) % 4
    if turns == 0:
        return node
    if turns == 2:
        return s.flip(node, axes=tuple(sorted(plane)))
    perm = list(range(node.ndim))
    perm[first], perm[second] = second, first
    if turns == 1:
        return s.transpose(s.flip(node, axes=(second,)), perm=tuple(perm))
    return s.flip(s.transpose(node, perm=tuple(perm)), axes=(second,))


# Pieces


@shares
def split(x: ArrayLike, indices_or_sections: Any, /, axis: int = 0) -> list[Tensor]:
    """`x` cut along `axis` into so many equal pieces, or before each of the indices given; a list.

    Raises ShapeError where the pieces would not be equal (`array_split` allows that), AxisError for an axis that x has
    not.

    >>> [piece.tolist() for piece in nb.split([1.0, 2.0, 3.0, 4.0], 2)]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    node = as_node(x)
    axis = one_axis("split", axis, node.ndim)
    if not _are_indices(indices_or_sections):
        count = _sections("split", indices_or_sections)
        if node.shape[axis] % count:
            raise ShapeError(
                f"split: {node.shape[axis]} elements cannot be cut into {count} equal pieces; array_split allows unequal ones"
            )
    return _pieces("split", node, indices_or_sections, axis)


@shares
def array_split(x: ArrayLike, indices_or_sections: Any, /, axis: int = 0) -> list[Tensor]:
    """`split`, but where so many pieces cannot be equal, the first ones are longer by one.

    Raises AxisError for an axis that x has not.

    >>> [piece.tolist() for piece in nb.array_split([1.0, 2.0, 3.0], 2)]
    [[1.0, 2.0], [3.0]]
    """
    node = as_node(x)
    return _pieces("array_split", node, indices_or_sections, one_axis("array_split", axis, node.ndim))


def _are_indices(where: Any) -> bool:
    return isinstance(where, (tuple, list)) or getattr(where, "shape", ()) != ()


def _sections(name: str, count: Any) -> int:
    found = as_int(count)
    if found < 1:
        raise ArgumentError(f"{name}: the number of pieces is at least 1; got {found}")
    return found


def _pieces(name: str, x: Node, where: Any, axis: int) -> list[Node]:
    n = x.shape[axis]
    if _are_indices(where):
        edges = [0, *[as_int(i) for i in where], n]
        bounds = [slice(a, b).indices(n)[:2] for a, b in pairwise(edges)]
    else:
        count = _sections(name, where)
        base, longer = divmod(n, count)
        edges = [i * base + min(i, longer) for i in range(count + 1)]
        bounds = list(pairwise(edges))
    return [cut(x, axis, start, max(start, stop)) for start, stop in bounds]


@shares
def hsplit(x: ArrayLike, indices_or_sections: Any, /) -> list[Tensor]:
    """`split` along the second axis, or along the only one.

    >>> [piece.tolist() for piece in nb.hsplit([[1.0, 2.0], [3.0, 4.0]], 2)]
    [[[1.0], [3.0]], [[2.0], [4.0]]]
    """
    node = as_node(x)
    return split(node, indices_or_sections, 0 if node.ndim == 1 else one_axis("hsplit", 1, node.ndim))


@shares
def vsplit(x: ArrayLike, indices_or_sections: Any, /) -> list[Tensor]:
    """`split` along the first axis of two at least.

    >>> [piece.tolist() for piece in nb.vsplit([[1.0, 2.0], [3.0, 4.0]], 2)]
    [[[1.0, 2.0]], [[3.0, 4.0]]]
    """
    node = as_node(x)
    if node.ndim < 2:
        raise ShapeError(f"vsplit: x needs two axes at least; got shape {node.shape}. Use split")
    return split(node, indices_or_sections, 0)


@shares
def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of `x` along `axis`, which they lose; a tuple. Raises AxisError for an axis that x has not.

    >>> [piece.tolist() for piece in nb.unstack([[1.0, 2.0], [3.0, 4.0]])]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    node = as_node(x)
    axis = one_axis("unstack", axis, node.ndim)
    return tuple([pick(node, axis, i) for i in range(node.shape[axis])])  # type: ignore[misc]


@op
def meshgrid(*arrays: ArrayLike, indexing: str = "xy", sparse: bool = False) -> tuple[Tensor, ...]:
    """Coordinates of a grid: for each vector a tensor that repeats it along the axes of all others; a tuple.

    indexing: "ij" has the axes in the order of the vectors, "xy" the first two exchanged. sparse leaves axes of length
    1. Raises ShapeError for an array of more than one axis.

    >>> nb.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0])[0].tolist()
    [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing is 'xy' or 'ij'; got {indexing!r}")
    nodes = [as_node(x) for x in arrays]
    for node in nodes:
        if node.ndim > 1:
            raise ShapeError(f"meshgrid: the coordinates are vectors; got shape {node.shape}")
    count = len(nodes)
    places = list(range(count))
    if indexing == "xy" and count > 1:
        places[0], places[1] = 1, 0
    whole = [1] * count
    for node, place in zip(nodes, places):
        whole[place] = node.size
    result = []
    for node, place in zip(nodes, places):
        out = reshaped(node, tuple([node.size if i == place else 1 for i in range(count)]))
        result.append(out if sparse or out.shape == tuple(whole) else s.broadcast(out, shape=tuple(whole)))
    return tuple(result)  # type: ignore[arg-type]
