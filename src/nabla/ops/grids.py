"""Positions and grids: index arrays of triangles and diagonals, flat indices and back, grids of coordinates, windows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, BoundsError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import as_shape, integer, one_axis
from nabla.ops.creation import array, linspace
from nabla.ops.keys import mask_value
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op, real_floats
from nabla.ops.special.bessel import i0
from nabla.primitives import formulas as f
from nabla.primitives.base import constant, scalar
from nabla.primitives.shape import cast, move_axis

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _handles(arrays: Sequence[np.ndarray]) -> tuple[Tensor, ...]:
    return tuple([array(a) for a in arrays])


# Triangles and diagonals


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]:
    """The row and column numbers of the elements at and below the k-th diagonal of an n by m matrix (n by n without m).

    >>> [i.tolist() for i in nb.tril_indices(2)]
    [[0, 1, 1], [0, 0, 1]]
    """
    return _handles(np.tril_indices(integer("tril_indices", "n", n, 0), k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]:
    """The row and column numbers of the elements at and above the k-th diagonal of an n by m matrix (n by n without m).

    >>> [i.tolist() for i in nb.triu_indices(2)]
    [[0, 0, 1], [0, 1, 1]]
    """
    return _handles(np.triu_indices(integer("triu_indices", "n", n, 0), k, m))


def _matrix_shape(name: str, x: ArrayLike) -> tuple[int, int]:
    shape = as_node(x).shape
    if len(shape) != 2:
        raise ShapeError(f"{name} takes a matrix; got shape {shape}")
    return shape


def tril_indices_from(x: ArrayLike, k: int = 0) -> tuple[Tensor, ...]:
    """`tril_indices` for the shape of the matrix x.

    >>> [i.tolist() for i in nb.tril_indices_from(nb.zeros((2, 2)))]
    [[0, 1, 1], [0, 0, 1]]
    """
    n, m = _matrix_shape("tril_indices_from", x)
    return tril_indices(n, k, m)


def triu_indices_from(x: ArrayLike, k: int = 0) -> tuple[Tensor, ...]:
    """`triu_indices` for the shape of the matrix x.

    >>> [i.tolist() for i in nb.triu_indices_from(nb.zeros((2, 2)))]
    [[0, 0, 1], [0, 1, 1]]
    """
    n, m = _matrix_shape("triu_indices_from", x)
    return triu_indices(n, k, m)


def diag_indices(n: int, ndim: int = 2) -> tuple[Tensor, ...]:
    """The positions of the main diagonal of an array with `ndim` axes of length n.

    >>> [i.tolist() for i in nb.diag_indices(2)]
    [[0, 1], [0, 1]]
    """
    return _handles([np.arange(integer("diag_indices", "n", n, 0))] * integer("diag_indices", "ndim", ndim, 0))


def diag_indices_from(x: ArrayLike) -> tuple[Tensor, ...]:
    """`diag_indices` for x, all of whose axes have one length. Raises ShapeError where they have not.

    >>> [i.tolist() for i in nb.diag_indices_from(nb.zeros((2, 2)))]
    [[0, 1], [0, 1]]
    """
    shape = as_node(x).shape
    if len(shape) < 2 or len(set(shape)) > 1:
        raise ShapeError(f"diag_indices_from: x has two axes at least, all of one length; got shape {shape}")
    return diag_indices(shape[0], len(shape))


def mask_indices(n: int, mask_func: Callable[..., Any], k: Any = 0) -> tuple[Tensor, ...]:
    """The positions where mask_func(ones((n, n)), k), such as `triu`, is not zero.

    >>> [i.tolist() for i in nb.mask_indices(2, nb.triu)]
    [[0, 0, 1], [0, 1, 1]]
    """
    size = integer("mask_indices", "n", n, 0)
    return _handles(np.nonzero(mask_value(as_node(mask_func(array(np.ones((size, size), np.int64)), k)))))


# Grids


def indices(dimensions: Sequence[int], dtype: DTypeLike = np.int64, sparse: bool = False) -> Any:
    """The positions of an array of these dimensions: one number for each axis and element, along a new first axis.

    sparse: a tuple instead, of arrays that broadcast to the dimensions.

    >>> nb.indices((2, 2)).tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    found = np.indices(as_shape("indices", tuple(dimensions)), dtypes.canonical(dtype), sparse)  # type: ignore[call-overload]
    return _handles(found) if sparse else array(found)


def ix_(*args: ArrayLike) -> tuple[Tensor, ...]:
    """Vectors as index arrays that together pick rows, columns and so on: x[nb.ix_(rows, columns)]. Masks are taken as positions.

    >>> nb.arange(9).reshape(3, 3)[nb.ix_([0, 2], [True, False, True])].tolist()
    [[0, 2], [6, 8]]
    """
    found = []
    for i, given in enumerate(args):
        values = np.asarray(mask_value(as_node(given))) if not isinstance(given, (list, tuple)) or given else np.zeros(0, np.int64)
        if values.ndim != 1:
            raise ShapeError(f"ix_ takes vectors; argument {i} has shape {values.shape}")
        if values.dtype.kind == "b":
            values = np.flatnonzero(values)
        if values.dtype.kind not in "iu":
            raise BoundsError(f"ix_: positions are integers or a mask; argument {i} has dtype {values.dtype}")
        found.append(values.reshape(-1, *(1,) * (len(args) - i - 1)))
    return _handles([a.reshape((1,) * i + a.shape) for i, a in enumerate(found)])


class _Grid:
    """`nb.mgrid`, `nb.ogrid`: a grid of coordinates, one slice for each axis; a step that is imaginary counts points."""

    def __init__(self, name: str, grid: Any) -> None:
        self._name = name
        self._grid = grid

    def __getitem__(self, key: Any) -> Any:
        found = self._grid[key]
        return _handles(found) if isinstance(found, tuple) else array(found)

    def __repr__(self) -> str:
        return f"nb.{self._name}"


mgrid = _Grid("mgrid", np.mgrid)
ogrid = _Grid("ogrid", np.ogrid)


def fromfunction(function: Callable[..., Any], shape: Sequence[int], *, dtype: DTypeLike = None, **kwargs: Any) -> Any:
    """function(i, j, ...) of the positions of all elements of an array of this shape, each given as a tensor of them.

    dtype: of the positions; the default dtype without it.

    >>> nb.fromfunction(lambda i, j: i + 10 * j, (2, 2)).tolist()
    [[0.0, 10.0], [1.0, 11.0]]
    """
    lengths = as_shape("fromfunction", tuple(shape))
    wanted = dtypes.default_dtype() if dtype is None else dtypes.canonical(dtype)
    return function(*_handles(list(np.indices(lengths, wanted))), **kwargs)


@op
def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, *, endpoint: bool = True, dtype: DTypeLike = None, axis: int = 0
) -> Tensor:
    """`num` numbers from start to stop, each the same multiple of the one before, along a new axis; differentiable in both.

    endpoint: whether `stop` is the last of them. axis: where the new axis stands in the result. Both are of one
    sign, or complex. Raises ArgumentError where one is 0.

    >>> nb.geomspace(1.0, 8.0, 4).round(12).tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    a, b = as_node(start), as_node(stop)
    kind = dtypes.to_inexact(dtypes.promote(a.dtype, b.dtype))
    a, b = cast(a, kind), cast(b, kind)
    count = integer("geomspace", "num", num, 0)
    for x in (a, b):
        if not x.tokens.placeholder and np.any(np.asarray(mask_value(x)) == 0):
            raise ArgumentError("geomspace: neither end is 0, of which all multiples are 0")
    sign = f.sign(a)
    a, b = a / sign, b / sign
    exponents = as_node(linspace(f.log_(a), f.log_(b), count, endpoint=endpoint))
    # The ends are what was given, not the power of a logarithm.
    out = f.exp(exponents)
    first = constant((np.arange(count) == 0).reshape(count, *(1,) * (out.ndim - 1)))
    out = f.select(first, a, out)
    if endpoint and count > 1:
        last = constant((np.arange(count) == count - 1).reshape(count, *(1,) * (out.ndim - 1)))
        out = f.select(last, b, out)
    out = move_axis(out * sign, 0, one_axis("geomspace", axis, out.ndim))
    return cast(out, dtypes.canonical(dtype)) if dtype is not None else out


# Flat indices and back


@op
def unravel_index(indices: ArrayLike, shape: Any, order: str = "C") -> tuple[Tensor, ...]:
    """Where elements of an array of this shape stand, from their positions in the flattened array; one tensor for each axis.

    order: "C", the last axis runs fastest, or "F", the first does. Raises BoundsError for a position beyond the array.

    >>> [i.tolist() for i in nb.unravel_index([4, 5], (2, 3))]
    [[1, 1], [1, 2]]
    """
    places = _whole("unravel_index", indices)
    lengths = as_shape("unravel_index", shape)
    if not places.tokens.placeholder:
        values = np.asarray(mask_value(places))
        wrong = values[(values < 0) | (values >= prod(lengths))]
        if wrong.size:
            raise BoundsError(f"unravel_index: position {wrong[0]} is out of bounds for an array of shape {lengths}")
    found: list[Node] = []
    for n in reversed(lengths) if _is_c("unravel_index", order) else lengths:
        length = scalar(max(n, 1), dtypes.int64)
        found.append(f.remainder(places, length))
        places = f.floor_div(places, length)
    return tuple(found[::-1] if order == "C" else found)  # type: ignore[arg-type]


def _whole(name: str, indices: ArrayLike) -> Node:
    node = as_node(indices)
    if node.dtype.kind not in "iu":
        raise BoundsError(f"{name}: positions are integers; got {node.dtype}")
    return cast(node, dtypes.int64)


def _is_c(name: str, order: str) -> bool:
    if order not in ("C", "F"):
        raise ArgumentError(f"{name}: order is 'C' or 'F'; got {order!r}")
    return order == "C"


@op
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Tensor:
    """The positions in the flattened array of elements given by one index array for each axis: `unravel_index` undone.

    mode, for all axes or for each: "raise" is an error for an index out of bounds, "wrap" counts on from the other end, "clip"
    takes the nearest.

    >>> nb.ravel_multi_index(([1, 1], [1, 2]), (2, 3)).tolist()
    [4, 5]
    """
    lengths = as_shape("ravel_multi_index", dims)
    given = multi_index if isinstance(multi_index, (tuple, list)) else np.asarray(mask_value(as_node(multi_index)))
    if len(given) != len(lengths):
        raise ShapeError(f"ravel_multi_index: {len(lengths)} axes need as many index arrays; got {len(given)}")
    modes = (mode,) * len(lengths) if isinstance(mode, str) else tuple(mode)
    places = [_bounded(_whole("ravel_multi_index", i), n, how) for i, n, how in zip(given, lengths, modes, strict=True)]
    out = scalar(0, dtypes.int64)
    pairs = list(zip(places, lengths))
    for place, n in pairs if _is_c("ravel_multi_index", order) else pairs[::-1]:
        out = out * scalar(n, dtypes.int64) + place
    return out


def _bounded(i: Node, n: int, mode: str) -> Node:
    if mode == "wrap":
        return f.remainder(i, f.like(i, n))
    if mode == "clip":
        return f.minimum(f.maximum(i, f.like(i, 0)), f.like(i, n - 1))
    if mode != "raise":
        raise ArgumentError(f"ravel_multi_index: mode is 'raise', 'wrap' or 'clip'; got {mode!r}")
    values = np.asarray(mask_value(i))
    wrong = values[(values < 0) | (values >= n)]
    if wrong.size:
        raise BoundsError(f"ravel_multi_index: index {wrong[0]} is out of bounds for an axis of length {n}")
    return i


# Windows


def _window(name: str, make: Callable[[int], np.ndarray], M: int) -> Tensor:
    return array(make(max(integer(name, "M", M), 0)).astype(dtypes.default_dtype()))


def bartlett(M: int, /) -> Tensor:
    """The triangular window of M points, 0 at both ends.

    >>> nb.bartlett(5).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window("bartlett", np.bartlett, M)


def blackman(M: int, /) -> Tensor:
    """The Blackman window of M points: 0.42 + 0.5 cos + 0.08 cos of twice the angle, from -pi to pi.

    >>> nb.blackman(3).round(12).tolist() == [0.0, 1.0, 0.0]
    True
    """
    return _window("blackman", np.blackman, M)


def hamming(M: int, /) -> Tensor:
    """The Hamming window of M points: 0.54 + 0.46 cos of the angle from -pi to pi.

    >>> nb.hamming(3).round(12).tolist()
    [0.08, 1.0, 0.08]
    """
    return _window("hamming", np.hamming, M)


def hanning(M: int, /) -> Tensor:
    """The Hann window of M points: 0.5 + 0.5 cos of the angle from -pi to pi.

    >>> nb.hanning(5).round(12).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _window("hanning", np.hanning, M)


@op
def kaiser(M: int, beta: ArrayLike, /) -> Tensor:
    """The Kaiser window of M points: i0(beta sqrt(1 - t^2)) / i0(beta) for t from -1 to 1; differentiable in beta, a number.

    >>> nb.kaiser(3, 0.0).tolist()
    [1.0, 1.0, 1.0]
    """
    form = real_floats("kaiser", beta)
    if form.shape:
        raise ShapeError(f"kaiser: beta is one number; got shape {form.shape}")
    count = max(integer("kaiser", "M", M), 0)
    half = (count - 1) / 2
    t = (np.arange(count) - half) / half if count > 1 else np.zeros(count)
    root = constant(np.sqrt(1.0 - t * t).astype(dtypes.promote(form.dtype, dtypes.default_dtype())))
    return i0(cast(form, root.dtype) * root) / i0(form)
