"""Making tensors: from data, filled, counted. Python floats make the default dtype; data keeps its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError, ShapeError
from nabla.graph.node import Node, in_memory, is_scalar, runtime
from nabla.graph.tokens import EMPTY, next_id
from nabla.ops.axes import as_shape, integer, one_axis
from nabla.ops.devices import Device, made, place_of
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op
from nabla.primitives.base import constant
from nabla.primitives.formulas import equal, floor, power, select
from nabla.primitives.leaves import make_leaf, not_a_leaf
from nabla.primitives.placement import MEMORY, PartitionSpec, Sharding
from nabla.primitives.shape import broadcast, cast, move_axis
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor


e = math.e
"""The base of natural logarithms."""
inf = math.inf
"""Positive infinity."""
nan = math.nan
"""Not a number."""
newaxis = None
"""In x[...], a new axis of length 1."""
pi = math.pi
"""The circumference of a circle of diameter 1."""


def _dtype(dtype: DTypeLike | None) -> np.dtype | None:
    return None if dtype is None else dtypes.canonical(dtype)


def _made(name: str, node: Node, device: Device | None = None, requires_grad: bool = False) -> Tensor:
    """A handle on a node that was made from no tensor, on a device."""
    node = made(name, node, device)
    return runtime.handle(make_leaf(node) if requires_grad else node)


def array(x: ArrayLike, dtype: DTypeLike | None = None, *, device: Device | None = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with the values of `x`: a number, an ndarray, nested lists, or a tensor, whose derivative goes on.

    dtype: of the result; else ndarrays keep theirs and Python floats get the default dtype. requires_grad: make it a
    leaf of `backward`; then the history of `x` is left behind. device: where it shall lie, one of `nb.devices()` or an
    nb.Sharding; else a tensor stays where it is, and all else goes to the default device.

    >>> nb.array([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    try:
        node = as_node(x, _dtype(dtype))
    except OverflowError:
        raise ArgumentError(
            f"the integer {x} is out of the range of {'int64 and uint64' if dtype is None else _dtype(dtype)}"
        ) from None
    if type(x) is not runtime.handle or device is not None:
        node = made("array", node, device)
    if requires_grad:
        return runtime.handle(make_leaf(detach(node)))
    if type(x) is Node:
        return node
    return _own(node)


def _own(node: Node) -> Tensor:
    """A handle born now: what is written to it concerns nobody else, though the node may be older."""
    handle = runtime.handle(not_a_leaf(node))
    handle._birth = next_id()
    return handle


def asarray(x: ArrayLike, /, dtype: DTypeLike | None = None, *, device: Device | None = None, copy: bool | None = None) -> Tensor:
    """`x` as a tensor: itself if it is one of that dtype, else made from a number, an ndarray or nested lists.

    An ndarray is copied, because later writes to it must not be seen. copy: True gives a new tensor always; False
    raises where a copy would be needed. device: where it shall lie; a tensor that lies elsewhere is copied.

    >>> t = nb.asarray(2.0)
    >>> nb.asarray(t) is t
    True
    """
    wanted = _dtype(dtype)
    is_one = isinstance(x, runtime.handle) and (wanted is None or dtypes.strong(as_node(x).dtype) is wanted)
    if is_one and not copy and (device is None or made("asarray", x._node, device) is x._node):
        return x
    if copy is False and not is_scalar(x):
        raise ArgumentError("asarray: copy=False, but a tensor of this input needs a copy; leave copy out")
    return array(x, wanted, device=device)


def copy(x: ArrayLike) -> Tensor:
    """A new tensor with the values of `x`: writes to one are not seen in the other. The derivative goes on.

    >>> x = nb.array([1.0, 2.0])
    >>> y = nb.copy(x)
    >>> y[0] = 5.0
    >>> x.tolist()
    [1.0, 2.0]
    """
    return array(x)


@op
def _astype(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    node = as_node(x)
    wanted = dtypes.canonical(dtype)
    if node.dtype.kind == "c" and wanted.kind not in "cb":
        raise DTypeError(f"astype: {node.dtype} to {wanted} would drop the imaginary parts; write nb.real(x), or nb.abs(x)")
    return cast(node, wanted)


def astype(x: ArrayLike, dtype: DTypeLike, /, *, copy: bool = True, device: Device | None = None) -> Tensor:
    """`x` in another dtype, a tensor of its own; with copy=False `x` itself, if it is a tensor of that dtype.

    device: where it shall lie, if not where `x` is. Floats become integers by being cut towards zero, and the derivative is zero
    then. Raises DTypeError for complex numbers made real: say nb.real(x), or nb.abs(x).

    >>> nb.astype([1.7, -1.7], "int64").tolist()
    [1, -1]
    """
    if not copy and device is None and isinstance(x, runtime.handle) and x.dtype is dtypes.canonical(dtype):
        return x
    out = _astype(x, dtype)
    return out if device is None else array(out, device=device)


def zeros(
    shape: int | tuple[int, ...], dtype: DTypeLike | None = None, *, device: Device | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros.

    >>> nb.zeros((2, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    wanted = _dtype(dtype) or dtypes.default_dtype()
    return _made("zeros", constant(np.zeros(as_shape("zeros", shape), wanted), wanted), device, requires_grad)


def ones(
    shape: int | tuple[int, ...], dtype: DTypeLike | None = None, *, device: Device | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones.

    >>> nb.ones(3).tolist()
    [1.0, 1.0, 1.0]
    """
    wanted = _dtype(dtype) or dtypes.default_dtype()
    return _made("ones", constant(np.ones(as_shape("ones", shape), wanted), wanted), device, requires_grad)


def empty(shape: int | tuple[int, ...], dtype: DTypeLike | None = None, *, device: Device | None = None) -> Tensor:
    """A tensor to be filled; it holds zeros, so that the same program gives the same bits.

    >>> nb.empty((2, 3)).shape
    (2, 3)
    """
    return zeros(shape, dtype, device=device)


def full(
    shape: int | tuple[int, ...], fill_value: ArrayLike, dtype: DTypeLike | None = None, *, device: Device | None = None
) -> Tensor:
    """A tensor with one value everywhere (or a tensor broadcast to `shape`); its derivative goes on.

    >>> nb.full((2,), 7.0).tolist()
    [7.0, 7.0]
    """
    return _filled("full", as_node(fill_value, _dtype(dtype)), as_shape("full", shape), device)


def _filled(name: str, node: Node, shape: tuple[int, ...], device: Device | None) -> Tensor:
    own = node.shape
    if len(own) > len(shape) or any(n not in (1, m) for n, m in zip(reversed(own), reversed(shape))):
        raise ShapeError(f"{name}: a value of shape {own} does not broadcast to shape {shape}")
    if node.shape != shape:
        node = broadcast(node, shape=shape)
    return _made(name, node, device)


def zeros_like(x: ArrayLike, /, dtype: DTypeLike | None = None, *, device: Device | None = None, shape: Any = None) -> Tensor:
    """Zeros in the shape, unless another is given, and dtype of `x`.

    >>> nb.zeros_like(nb.array([1.0, 2.0])).tolist()
    [0.0, 0.0]
    """
    return _like("zeros_like", x, dtype, device, shape, np.zeros)


def ones_like(x: ArrayLike, /, dtype: DTypeLike | None = None, *, device: Device | None = None, shape: Any = None) -> Tensor:
    """Ones in the shape, unless another is given, and dtype of `x`.

    >>> nb.ones_like(nb.array([1.0, 2.0])).tolist()
    [1.0, 1.0]
    """
    return _like("ones_like", x, dtype, device, shape, np.ones)


def empty_like(x: ArrayLike, /, dtype: DTypeLike | None = None, *, device: Device | None = None, shape: Any = None) -> Tensor:
    """A tensor to be filled, in the shape, unless another is given, and dtype of `x`; it holds zeros.

    >>> nb.empty_like(nb.array([1.0, 2.0])).shape
    (2,)
    """
    return _like("empty_like", x, dtype, device, shape, np.zeros)


def _like(name: str, x: ArrayLike, dtype: DTypeLike | None, device: Device | None, shape: Any, make: Any) -> Tensor:
    node = as_node(x)
    wanted = _dtype(dtype) or dtypes.strong(node.dtype)
    filled = constant(make(node.shape if shape is None else as_shape(name, shape), wanted), wanted)
    return _made(name, filled, _beside(node, device, filled.shape))


def _beside(x: Node, device: Device | None, shape: tuple[int, ...]) -> Device | None:
    """Where an array like `x` is made: where `x` lies, if nobody says otherwise."""
    if device is not None:
        return device
    place = place_of(x)
    if isinstance(place, Sharding) and shape != x.shape:
        return Sharding(place.mesh, PartitionSpec())
    return None if place is MEMORY else place


def full_like(
    x: ArrayLike, /, fill_value: ArrayLike, dtype: DTypeLike | None = None, *, device: Device | None = None, shape: Any = None
) -> Tensor:
    """One value everywhere, in the shape, unless another is given, and dtype of `x`.

    >>> nb.full_like(nb.array([1.0, 2.0]), 3).tolist()
    [3.0, 3.0]
    """
    node = as_node(x)
    value = as_node(fill_value, _dtype(dtype) or dtypes.strong(node.dtype))
    wanted = node.shape if shape is None else as_shape("full_like", shape)
    return _filled("full_like", value, wanted, _beside(node, device, wanted))


def arange(
    start: ArrayLike,
    /,
    stop: ArrayLike | None = None,
    step: ArrayLike = 1,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
) -> Tensor:
    """The numbers from `start` (0 if only one is given) up to `stop`, which is left out, `step` apart.

    Integers give int64; with a float among them the default dtype. Their values decide how many numbers there are, so
    under vmap and jit they must be constants; the numbers are differentiable in `start` and `step`.

    >>> nb.arange(2, 8, 3).tolist()
    [2, 5]
    """
    given = (0, start, step) if stop is None else (start, stop, step)
    first, last, apart = [_number("arange", x) for x in given]
    if apart == 0:
        raise ArgumentError("arange: step is 0")
    if dtype is None:
        all_int = all(isinstance(x, int) for x in (first, last, apart))
        wanted = dtypes.int64 if all_int else dtypes.default_dtype()
    else:
        wanted = dtypes.canonical(dtype)
        if wanted.kind == "b":
            raise DTypeError("arange: numbers that are counted are not of dtype bool")
    numbers = np.arange(first, last, apart, wanted)  # type: ignore[call-overload]
    begin, between = as_node(given[0]), as_node(given[2])
    if begin.tokens is EMPTY and between.tokens is EMPTY:
        return _made("arange", constant(numbers, wanted), device)
    places = constant(np.arange(numbers.size).astype(wanted), wanted)
    return _made("arange", cast(begin, wanted) + cast(between, wanted) * places, device)


def _number(name: str, x: ArrayLike) -> Any:
    """The value of an argument that decides a shape, as a Python number."""
    if is_scalar(x):
        return x
    node = as_node(x)
    if node.shape:
        raise ShapeError(f"{name} takes numbers; got an array of shape {node.shape}")
    runtime.realize((node,))
    return in_memory(node).item()


@op
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    /,
    num: int = 50,
    *,
    dtype: DTypeLike | None = None,
    device: Device | None = None,
    endpoint: bool = True,
    retstep: bool = False,
    axis: int = 0,
) -> Any:
    """`num` numbers evenly spaced from `start` to `stop`, along a new axis; differentiable in both.

    endpoint: whether `stop` is the last of them. retstep: also the step between them, NaN where there is none. axis: where the
    new axis stands in the result.

    >>> nb.linspace(0.0, 1.0, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    count = integer("linspace", "num", num, 0)
    a, b = as_node(start), as_node(stop)
    wanted = _dtype(dtype)
    kind = dtypes.to_inexact(dtypes.promote(a.dtype, b.dtype))
    a, b = cast(a, kind), cast(b, kind)
    steps = count - 1 if endpoint else count
    ndim = max(a.ndim, b.ndim)
    t = (np.arange(count) / steps if steps > 0 else np.zeros(count)).astype(dtypes.to_real(kind))
    part = constant(t.reshape(count, *(1,) * ndim), dtypes.to_real(kind))
    if wanted is not None and wanted.kind in "iu":  # rounded down, so that whole steps must come out whole
        at = constant(np.arange(count, dtype=part.dtype).reshape(part.shape), part.dtype)
        out = a + at * ((b - a) / float(max(steps, 1)))
        out = floor(select(equal(part, constant(np.ones((), part.dtype), part.dtype)), b, out))
    else:
        out = a * (1.0 - part) + b * part  # exact at both ends
    out = move_axis(out if wanted is None else cast(out, wanted), 0, one_axis("linspace", axis, out.ndim))
    out = made("linspace", out, device)
    return (out, (b - a) / (float(steps) if steps > 0 else math.nan)) if retstep else out


def eye(n: int, m: int | None = None, /, *, k: int = 0, dtype: DTypeLike | None = None, device: Device | None = None) -> Tensor:
    """The n by m matrix (n by n without m) with ones on its k-th diagonal and zeros elsewhere.

    >>> nb.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    rows = integer("eye", "the number of rows", n, 0)
    columns = rows if m is None else integer("eye", "the number of columns", m, 0)
    wanted = _dtype(dtype) or dtypes.default_dtype()
    return _made("eye", constant(np.eye(rows, columns, integer("eye", "k", k), wanted), wanted), device)


def identity(n: int, dtype: DTypeLike | None = None) -> Tensor:
    """The n by n identity matrix.

    >>> nb.identity(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


def tri(n: int, m: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Ones at and below the k-th diagonal of an n by m matrix, zeros above.

    >>> nb.tri(2).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    rows = integer("tri", "the number of rows", n, 0)
    columns = rows if m is None else integer("tri", "the number of columns", m, 0)
    wanted = _dtype(dtype) or dtypes.default_dtype()
    return _made("tri", constant(np.tri(rows, columns, integer("tri", "k", k), wanted), wanted))


@op
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    *,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Tensor:
    """`num` numbers from base**start to base**stop, evenly spaced on a logarithmic scale; differentiable in all three.

    endpoint: whether base**stop is the last of them. axis: where the new axis stands in the result.

    >>> nb.logspace(0.0, 2.0, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    exponents = as_node(linspace(start, stop, num, endpoint=endpoint))
    out = power(as_node(base), exponents)
    out = move_axis(out, 0, one_axis("logspace", axis, out.ndim))
    return out if dtype is None else cast(out, dtypes.canonical(dtype))
