"""Whole numbers: common divisors and multiples, bits counted, bytes as bits and back. None has a derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis
from nabla.ops.lift import ArrayLike, as_node, op, pair
from nabla.primitives import formulas as f
from nabla.primitives.base import constant, scalar, zeros
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import cast, reduce_sum, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _whole(name: str, x: ArrayLike, y: ArrayLike) -> tuple[Node, Node]:
    a, b = pair(x, y)
    dtype = dtypes.promote(a.dtype, b.dtype)
    if dtype.kind not in "iu":
        raise DTypeError(f"{name} takes integers; got {a.dtype} and {b.dtype}")
    return cast(a, dtype), cast(b, dtype)


@op
def gcd(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The greatest common divisor of |x| and |y|; of 0 and y it is |y|. Raises DTypeError unless both are integers.

    >>> nb.gcd([12, 0], [20, 5]).tolist()
    [4, 5]
    """
    return f.gcd(*_whole("gcd", x, y))


@op
def lcm(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The lowest common multiple of |x| and |y|; of 0 and y it is 0. Raises DTypeError unless both are integers.

    >>> nb.lcm([4, 0], [6, 5]).tolist()
    [12, 0]
    """
    a, b = _whole("lcm", x, y)
    divisor = f.gcd(a, b)
    divisor = f.select(f.equal(divisor, f.zero_of(divisor)), f.like(divisor, 1), divisor)
    return f.abs_(f.floor_div(f.abs_(a), divisor) * b)


@op
def bitwise_count(x: ArrayLike, /) -> Tensor:
    """How many bits of |x| are 1, as uint8. Raises DTypeError for what are no integers.

    >>> nb.bitwise_count([0, 7, -8]).tolist()
    [0, 3, 1]
    """
    node = as_node(x)
    if node.dtype.kind == "b":
        return cast(node, dtypes.uint8)
    if node.dtype.kind not in "iu":
        raise DTypeError(f"bitwise_count takes integers; got {node.dtype}")
    size = 8 * node.dtype.itemsize
    rest = cast(f.abs_(node), dtypes.canonical(f"uint{size}"))
    # Neighbours are added up, first of one bit each, then of two, four, ...: all fields of the word at once.
    width = 1
    while width < size:
        mask = f.like(rest, sum(((1 << width) - 1) << place for place in range(0, size, 2 * width)))
        upper = f.shift_right(rest, f.like(rest, width))
        rest = f.bit_and(rest, mask) + f.bit_and(upper, mask)
        width *= 2
    return cast(rest, dtypes.uint8)


def _places(name: str, bitorder: str) -> Node:
    if bitorder not in ("big", "little"):
        raise ArgumentError(f"{name}: bitorder is 'big' or 'little'; got {bitorder!r}")
    places = np.arange(8, dtype=np.uint8)
    return constant(places[::-1].copy() if bitorder == "big" else places)


def _along(name: str, x: Node, axis: int | None) -> tuple[Node, int]:
    if axis is None:
        return reshape(x, shape=(x.size,)), 0
    return x, one_axis(name, axis, x.ndim)


@op
def unpackbits(x: ArrayLike, /, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Tensor:
    """The bits of bytes (uint8) along `axis`, eight for each, as uint8 0 and 1; None: of the flattened tensor.

    count: so many of them, filled up with zeros; negative: so many less. bitorder: "big" has the highest bit first. Raises
    DTypeError for another dtype.

    >>> nb.unpackbits(nb.array([5], dtype="uint8")).tolist()
    [0, 0, 0, 0, 0, 1, 0, 1]
    """
    node = as_node(x)
    if node.dtype is not dtypes.uint8:
        raise DTypeError(f"unpackbits takes bytes, of dtype uint8; got {node.dtype}")
    node, axis = _along("unpackbits", node, axis)
    shape, n = node.shape, node.shape[axis]
    places = reshape(_places("unpackbits", bitorder), shape=(8, *(1,) * (len(shape) - axis - 1)))
    spread = reshape(node, shape=(*shape[: axis + 1], 1, *shape[axis + 1 :]))
    bits = f.bit_and(f.shift_right(spread, places), scalar(1, dtypes.uint8))
    out = reshape(bits, shape=(*shape[:axis], n * 8, *shape[axis + 1 :]))
    if count is None:
        return out
    wanted = integer("unpackbits", "count", count)
    wanted = wanted if wanted >= 0 else n * 8 + wanted
    if wanted < 0:
        raise ArgumentError(f"unpackbits: there are {n * 8} bits, of which {-wanted} more cannot be left out")
    if wanted > n * 8:
        return concat(out, zeros((*shape[:axis], wanted - n * 8, *shape[axis + 1 :]), out.dtype), axis=axis)
    return cut(out, axis, 0, wanted)


@op
def packbits(x: ArrayLike, /, axis: int | None = None, bitorder: str = "big") -> Tensor:
    """Eight elements along `axis` as the bits of one byte (uint8), those that are not 0 as 1; filled up with zeros.

    None: of the flattened tensor. bitorder: "big" has the highest bit first. Raises DTypeError unless x is of integers or booleans.

    >>> nb.packbits([0, 0, 0, 0, 0, 1, 0, 1]).tolist()
    [5]
    """
    node = as_node(x)
    if node.dtype.kind not in "biu":
        raise DTypeError(f"packbits takes integers or booleans; got {node.dtype}")
    node, axis = _along("packbits", node, axis)
    shape, n = node.shape, node.shape[axis]
    bits = cast(f.not_equal(node, f.zero_of(node)), dtypes.uint8)
    missing = -n % 8
    if missing:
        bits = concat(bits, zeros((*shape[:axis], missing, *shape[axis + 1 :]), bits.dtype), axis=axis)
    places = reshape(_places("packbits", bitorder), shape=(8, *(1,) * (len(shape) - axis - 1)))
    spread = reshape(bits, shape=(*shape[:axis], (n + missing) // 8, 8, *shape[axis + 1 :]))
    return reduce_sum(f.shift_left(spread, places), axes=(axis + 1,))
