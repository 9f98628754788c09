"""Keys, and the bits drawn under them.

A key is a tensor of shape () and dtype uint64. It is used once: to draw, or to be split into keys that are used instead. The
same key gives the same draw, always.

Under one key, the counters below 2**62 are for draws, from 2**62 on for `split`, and 2**63 is for `fold_in`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from nabla.graph.node import Node, is_scalar
from nabla.ops.axes import as_shape, integer
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, op
from nabla.primitives.base import Shape, broadcast_shapes, scalar
from nabla.primitives.formulas import shift_right
from nabla.primitives.random import threefry
from nabla.primitives.shape import cast, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor

_DRAWS = scalar(0, dtypes.uint64)
_SPLIT = scalar(1 << 62, dtypes.uint64)
_FOLD = scalar(1 << 63, dtypes.uint64)
"""Where in the stream of a key the words begin that are drawn, that are keys split off, and that are keys with a number."""


def as_key(name: str, key: ArrayLike) -> Node:
    """The key that a function was given, or an error that says how to make one."""
    if key is None or isinstance(key, (str, bytes)) or is_scalar(key):
        raise ArgumentTypeError(f"{name}: the first argument is a key; got {key!r}. Write nb.random.key(0) for one.")
    node = as_node(key)
    if node.dtype is not dtypes.uint64:
        raise DTypeError(f"{name}: a key has dtype uint64; got {node.dtype}. nb.random.key(seed) makes one from an integer.")
    if node.shape:
        raise ShapeError(f"{name}: a key has shape (); got {node.shape}. For several keys write nb.vmap, or take one of them.")
    return node


def words(key: Node, shape: Shape) -> Node:
    """64 random bits for each element."""
    return threefry(key, _DRAWS, shape=shape)


def several(key: Node, count: int) -> list[Node]:
    """As many keys, for a draw that needs more than one."""
    return [threefry(key, scalar((1 << 62) + i, dtypes.uint64), shape=()) for i in range(count)]


def parameters(name: str, shape: Any, dtype: DTypeLike, *values: ArrayLike) -> tuple[Shape, list[Node]]:
    """The shape of a draw and its parameters in the floating dtype of the result; Python numbers are weak.

    Without a shape it is what the parameters broadcast to; else they must broadcast to it.
    """
    nodes = [None if is_scalar(x) else as_node(x) for x in values]
    found = [x for x in nodes if x is not None]
    for x in found:
        if x.dtype.kind == "c":
            raise DTypeError(f"{name}: the parameters are real; got {x.dtype}")
    if dtype is not None:
        kind = dtypes.canonical(dtype)
        if kind.kind != "f":
            raise DTypeError(f"{name}: the dtype of this draw is a real floating one; got {kind}")
    else:
        kind = dtypes.default_dtype()
        for i, x in enumerate(found):
            own = dtypes.to_inexact(x.dtype)
            kind = own if i == 0 else dtypes.promote(kind, own)
    own_shape = broadcast_shapes(name, [x.shape for x in found]) if found else ()
    if shape is None:
        wanted = own_shape
    else:
        wanted = as_shape(name, shape)
        fits = len(own_shape) <= len(wanted) and all(n in (1, m) for n, m in zip(reversed(own_shape), reversed(wanted)))
        if not fits:
            raise ShapeError(
                f"{name}: the parameters have shape {own_shape}, which does not broadcast to the shape {wanted} asked for"
            )
    return wanted, [scalar(value, kind) if node is None else cast(node, kind) for value, node in zip(values, nodes)]


@op
def key(seed: ArrayLike, /) -> Tensor:
    """A key made from an integer, the seed: a tensor of shape () and dtype uint64.

    Seeds from -2**63 to 2**64 - 1 are taken; those that agree in their 64 bits give the same key. A tensor may be given, also a
    mapped one. Raises ArgumentError for other integers, ArgumentTypeError for what is no integer, ShapeError for several.

    >>> key = nb.random.key(42)
    >>> key.shape, key.dtype
    ((), dtype('uint64'))
    """
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        if not -(2**63) <= int(seed) < 2**64:
            raise ArgumentError(f"key: a seed is an integer from -2**63 to 2**64 - 1; got {seed}")
        return scalar(int(seed) % 2**64, dtypes.uint64)
    return _integer_node("key", "the seed", seed)


def _integer_node(name: str, what: str, value: ArrayLike) -> Node:
    if isinstance(value, (str, bytes)) or value is None:
        raise ArgumentTypeError(f"{name}: {what} is an integer; got {value!r}")
    node = as_node(value)
    if node.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{name}: {what} is an integer; got one of dtype {node.dtype}")
    if node.shape:
        raise ShapeError(f"{name}: {what} is one integer; got shape {node.shape}. For several, write nb.vmap(nb.random.{name}).")
    return cast(node, dtypes.uint64)


@op
def split(key: ArrayLike, /, num: int | tuple[int, ...] = 2) -> Tensor:
    """Keys made from a key, to be used instead of it: as many as `num`, or in the shape `num`. No two of them are equal.

    Their first ones are the same for every `num`. Raises DTypeError and ShapeError for what is no key.

    >>> for_weights, for_noise = nb.random.split(nb.random.key(0))
    >>> nb.random.split(nb.random.key(0), 5).shape
    (5,)
    """
    return threefry(as_key("split", key), _SPLIT, shape=as_shape("split", num))


@op
def fold_in(key: ArrayLike, data: ArrayLike, /) -> Tensor:
    """A key made from a key and an integer, such as the number of a step: distinct for distinct integers.

    The integer may be a tensor, also a mapped one. Raises ArgumentTypeError for what is no integer.

    >>> key = nb.random.key(0)
    >>> for_each_step = [nb.random.fold_in(key, i) for i in range(3)]
    """
    node = as_key("fold_in", key)
    if isinstance(data, (int, np.integer)) and not isinstance(data, bool):
        if not -(2**63) <= int(data) < 2**64:
            raise ArgumentError(f"fold_in: the data is an integer from -2**63 to 2**64 - 1; got {data}")
        count = scalar(int(data) % 2**64, dtypes.uint64)
    else:
        count = _integer_node("fold_in", "the data", data)
    return threefry(threefry(node, _FOLD, shape=()), count, shape=())


@op
def bits(key: ArrayLike, /, shape: Any = (), dtype: DTypeLike = "uint32") -> Tensor:
    """Random bits, as unsigned integers of dtype uint8, uint16, uint32 or uint64.

    They are those of Threefry-2x32 with 20 rounds (Salmon et al., 2011), the same on every machine: element i is the result of
    counter i, or as many of its upper bits as the dtype has. Raises DTypeError for another dtype.

    >>> nb.random.bits(nb.random.key(0), (2,)).tolist()
    [1797259609, 928981903]
    """
    node, shape, kind = as_key("bits", key), as_shape("bits", shape), dtypes.canonical(dtype)
    if kind.kind != "u":
        raise DTypeError(f"bits: the dtype is an unsigned one such as uint32; got {kind}")
    found, spare = words(node, shape), 64 - 8 * kind.itemsize
    return cast(shift_right(found, scalar(spare, dtypes.uint64)) if spare else found, kind)


def whole(name: str, value: Any, least: int = 0) -> int:
    """A static count."""
    return integer(name, "a count", value, least)


def reshaped(x: Node, shape: Shape) -> Node:
    return x if x.shape == shape else reshape(x, shape=shape)
