"""Uniform numbers, integers, and choices: what is made of random bits by exact operations, the same on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, DTypeError, ShapeError
from nabla.graph.node import Node, is_scalar
from nabla.ops.axes import as_shape, one_axis
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, broadcast_to, op, real_floats
from nabla.ops.random.keys import as_key, parameters, reshaped, several, words
from nabla.primitives.base import Shape, broadcast_shapes, scalar
from nabla.primitives.cumulative import cumsum
from nabla.primitives.elementwise import add, mul
from nabla.primitives.formulas import bit_and, less, log_, minimum, select, shift_left, shift_right, sub
from nabla.primitives.indexing import along_axis, index
from nabla.primitives.joining import cut, pick
from nabla.primitives.reductions import argmax
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import cast, move_axis, transpose
from nabla.primitives.sorting import argsort

if TYPE_CHECKING:
    from nabla.tensor import Tensor

_DIGITS = {2: 11, 4: 24, 8: 53}  # binary digits of a float of so many bytes


def unit(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    """From 0 up to, but not, 1: as many bits as the dtype has digits, so that nothing is rounded."""
    dtype = dtypes.strong(dtype)
    digits = _DIGITS[dtype.itemsize]
    return cast(shift_right(words(key, shape), scalar(64 - digits, dtypes.uint64)), dtype) * 2.0**-digits


def open_unit(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    """Between 0 and 1, neither included, and as near to either."""
    dtype = dtypes.strong(dtype)
    digits = _DIGITS[dtype.itemsize] - 1
    return (cast(shift_right(words(key, shape), scalar(64 - digits, dtypes.uint64)), dtype) + 0.5) * 2.0**-digits


def tail_unit(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    """Above 0 up to 1, with more bits than the dtype has digits: for logarithms, whose tail is at 0. Not for float16."""
    width = 32 if dtype is dtypes.float32 else 63
    return (cast(shift_right(words(key, shape), scalar(64 - width, dtypes.uint64)), dtype) + 0.5) * 2.0**-width


@op
def uniform(
    key: ArrayLike, /, shape: Any = None, dtype: DTypeLike = None, minval: ArrayLike = 0.0, maxval: ArrayLike = 1.0
) -> Tensor:
    """Uniform numbers from `minval` up to `maxval`, which is not met but by rounding.

    minval and maxval broadcast to `shape`; without one, together they give it. Without a dtype it is theirs, or the default one.
    From 0 to 1, all multiples of 2**-53 (in float32: 2**-24) are equally likely. The draw is differentiated in minval and maxval.

    >>> nb.random.uniform(nb.random.key(0), (2,)).shape
    (2,)
    """
    shape, (low, high) = parameters("uniform", shape, dtype, minval, maxval)
    drawn = unit(as_key("uniform", key), shape, low.dtype)
    if is_scalar(minval) and is_scalar(maxval) and minval == 0 and maxval == 1:
        return drawn
    return low + (high - low) * drawn


# randint: floor(span * u) for a random u of 64 bits, or of 128 for spans that are not small beside 2**64


def _u64(value: int) -> Node:
    return scalar(value, dtypes.uint64)


def _upper(x: Node) -> Node:
    return shift_right(x, _u64(32))


def _lower(x: Node) -> Node:
    return bit_and(x, _u64(0xFFFFFFFF))


def _times(x: Node, y: Node) -> tuple[Node, Node]:
    """The upper and the lower half of the product of two uint64, from products of their halves."""
    x1, x0, y1, y0 = _upper(x), _lower(x), _upper(y), _lower(y)
    low, cross = mul(x0, y0), mul(x1, y0)
    middle = add(add(mul(x0, y1), _upper(low)), _lower(cross))
    high = add(add(mul(x1, y1), _upper(cross)), _upper(middle))
    return high, add(shift_left(middle, _u64(32)), _lower(low))


def _below(key: Node, shape: Shape, span: Node) -> Node:
    """Integers from 0 to span - 1; a span of 0 stands for 2**64."""
    one, two = several(key, 2)
    first = words(one, shape)
    high, low = _times(first, span)
    further, _ = _times(words(two, shape), span)
    total = add(low, further)
    carried = add(high, cast(less(total, low), dtypes.uint64))
    return select(less(span, _u64(1)), first, carried)


@op
def randint(
    key: ArrayLike, /, shape: Any = None, minval: ArrayLike = 0, maxval: ArrayLike = 2, dtype: DTypeLike = "int64"
) -> Tensor:
    """Integers from `minval` to `maxval` - 1.

    minval and maxval are integers that broadcast to `shape`; without one, together they give it. The probabilities of two values
    differ by no more than 2**-64: the draw is floor(u (maxval - minval)) + minval for a u of 128 random bits. Raises
    ArgumentError where Python integers leave nothing to draw; where tensors do, the result is minval.

    >>> dice = nb.random.randint(nb.random.key(0), (3,), 1, 7)
    >>> dice.shape, dice.dtype
    ((3,), dtype('int64'))
    """
    kind = dtypes.canonical(dtype)
    if kind.kind not in "iu":
        raise DTypeError(f"randint: the dtype is one of integers; got {kind}")
    node = as_key("randint", key)
    own: Shape = ()
    if is_scalar(minval) and is_scalar(maxval):
        least, most = np.iinfo(kind).min, np.iinfo(kind).max
        if not (isinstance(minval, int) and isinstance(maxval, int)):
            raise DTypeError(f"randint: minval and maxval are integers; got {minval!r} and {maxval!r}")
        if not (least <= minval < maxval <= most + 1):
            raise ArgumentError(f"randint: minval is less than maxval, and both fit {kind}; got {minval} and {maxval}")
        span, low = _u64((maxval - minval) % 2**64), scalar(minval, kind)
    else:
        bounds = [as_node(x) for x in (minval, maxval)]
        for x in bounds:
            if x.dtype.kind not in "iu":
                raise DTypeError(f"randint: minval and maxval are integers; got {x.dtype}")
        low, high = [cast(x, kind) for x in bounds]
        wide = sub(cast(high, dtypes.uint64), cast(low, dtypes.uint64))
        span, own = select(less(low, high), wide, _u64(1)), broadcast_shapes("randint", [low.shape, high.shape])
    wanted = own if shape is None else as_shape("randint", shape)
    if broadcast_shapes("randint", [wanted, own]) != wanted:
        raise ShapeError(f"randint: the bounds have shape {own}, which does not broadcast to the shape {wanted} asked for")
    return add(cast(_below(node, wanted, span), kind), low)


@op
def bernoulli(key: ArrayLike, /, p: ArrayLike = 0.5, shape: Any = None) -> Tensor:
    """True with probability p, else False. p broadcasts to `shape`; without one, p gives it. It has no derivative in p.

    >>> nb.random.bernoulli(nb.random.key(0), 0.5, (3,)).dtype
    dtype('bool')
    """
    shape, (chance,) = parameters("bernoulli", shape, None, p)
    return less(unit(as_key("bernoulli", key), shape, chance.dtype), chance)


@op
def rademacher(key: ArrayLike, /, shape: Any = (), dtype: DTypeLike = "int64") -> Tensor:
    """1 or -1, equally likely.

    >>> sorted(set(nb.random.rademacher(nb.random.key(0), (20,)).tolist()))
    [-1, 1]
    """
    kind = dtypes.canonical(dtype)
    if kind.kind not in "ifc":
        raise DTypeError(f"rademacher: the dtype has to hold -1; got {kind}")
    coin = shift_right(words(as_key("rademacher", key), as_shape("rademacher", shape)), _u64(63))
    return cast(sub(scalar(1, dtypes.int64), cast(add(coin, coin), dtypes.int64)), kind)


# Orders and choices


@op
def permutation(key: ArrayLike, x: ArrayLike, /, axis: int = 0, *, independent: bool = False) -> Tensor:
    """The slices of x along `axis` in random order; of an integer n, the numbers from 0 to n - 1 in random order.

    With `independent` each row along the axis has an order of its own. It is the order of random words of 64 bits. The derivative
    is that of reading x in that order. Raises AxisError for an axis that x has not.

    >>> sorted(nb.random.permutation(nb.random.key(0), 4).tolist())
    [0, 1, 2, 3]
    """
    node = as_key("permutation", key)
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        if x < 0:
            raise ArgumentError(f"permutation: of a number n, the numbers below n are put in order; got {x}")
        return _order(node, int(x))
    array = as_node(x)
    axis = one_axis("permutation", axis, array.ndim)
    if independent:
        order = argsort(words(node, array.shape), axis=axis, descending=False)
        return along_axis(array, order, axis, unique=True)
    return _taken(array, _order(node, array.shape[axis]), axis, unique=True)


def _order(key: Node, n: int) -> Node:
    return argsort(words(key, (n,)), axis=0, descending=False)


def _taken(x: Node, positions: Node, axis: int, unique: bool) -> Node:
    """The slices of x at `positions` along `axis`, which are in its place."""
    spec = tuple([None if i == axis else (0, n, 1) for i, n in enumerate(x.shape)])
    found = index(x, positions, spec=spec, unique=unique)
    if not axis:
        return found
    front = positions.ndim
    return transpose(found, perm=(*range(front, front + axis), *range(front), *range(front + axis, found.ndim)))


@op
def choice(
    key: ArrayLike, a: ArrayLike, /, shape: Any = (), replace: bool = True, p: ArrayLike | None = None, axis: int = 0
) -> Tensor:
    """Slices of `a` along `axis`, drawn at random in `shape`, which takes the place of the axis; of an integer n, numbers below n.

    p: the probabilities, of shape (n,); they are divided by their sum. Without `replace`, no slice is drawn twice: in the order
    of random words, or with p by the largest of log(p) plus Gumbel noise (Efraimidis and Spirakis, 2006), which is drawing one
    after the other from those that are left. Differentiated in `a`, not in p. Raises ShapeError where more are asked for than
    there are, or for a p of another shape.

    >>> nb.random.choice(nb.random.key(0), 5, (3,), replace=False).shape
    (3,)
    """
    node, shape = as_key("choice", key), as_shape("choice", shape)
    number = isinstance(a, (int, np.integer)) and not isinstance(a, bool)
    array = None if number else as_node(a)
    if array is not None:
        axis = one_axis("choice", axis, array.ndim)
    n = int(a) if array is None else array.shape[axis]
    count = 1
    for m in shape:
        count *= m
    if n <= 0 and count:
        raise ArgumentError(f"choice: there is nothing to choose from; got {n} elements")
    if not replace and count > n:
        raise ShapeError(f"choice: {count} are asked for, but there are {n}; pass replace=True to draw some of them again")
    if p is None:
        positions = randint(node, shape, 0, n) if replace and count else reshaped(cut(_order(node, n), 0, 0, count), shape)
    else:
        chances = real_floats("choice", p)
        if chances.shape != (n,):
            raise ShapeError(f"choice: p has a probability for each of the {n} elements; got shape {chances.shape}")
        positions = _weighted(node, chances, shape, count, replace)
    return positions if array is None else _taken(array, positions, axis, unique=not replace)  # type: ignore[arg-type]


def _weighted(key: Node, p: Node, shape: Shape, count: int, replace: bool) -> Node:
    if not replace:
        noisy = log_(p) + standard_gumbel(key, p.shape, p.dtype)
        return reshaped(cut(argsort(noisy, axis=0, descending=True), 0, 0, count), shape)
    sums = cumsum(cast(p, dtypes.float64), axis=0, reverse=False)
    total = pick(sums, 0, p.shape[0] - 1)
    drawn = unit(key, shape, dtypes.float64) * total
    # By rounding the product may be the total itself, behind which there is nothing: the last with a probability is meant.
    last = searchsorted(sums, total, right=False)
    return minimum(searchsorted(sums, drawn, right=True), last)


def standard_gumbel(key: Node, shape: Shape, dtype: np.dtype) -> Node:
    work = dtypes.float32 if dtype is dtypes.float16 else dtype
    return cast(-log_(-log_(open_unit(key, shape, work))), dtype)


@op
def categorical(key: ArrayLike, logits: ArrayLike, /, axis: int = -1, shape: Any = None) -> Tensor:
    """Positions along `axis` of `logits`, each as likely as exp(logits) there, which need not sum to 1: of dtype int64.

    `shape` is that of the result, to which the shape of logits without the axis must broadcast; without it, that is the shape.
    They are the positions of the largest of logits plus Gumbel noise, and have no derivative: for one by samples use
    softmax(logits + nb.random.gumbel(key, shape)). Raises AxisError for an axis that logits has not.

    >>> nb.random.categorical(nb.random.key(0), [0.0, float("-inf")]).item()
    0
    """
    node, scores = as_key("categorical", key), real_floats("categorical", logits)
    axis = one_axis("categorical", axis, scores.ndim)
    scores = move_axis(scores, axis, scores.ndim - 1)
    rows = scores.shape[:-1]
    wanted = rows if shape is None else as_shape("categorical", shape)
    if broadcast_shapes("categorical", [wanted, rows]) != wanted:
        raise ShapeError(f"categorical: logits without the axis have shape {rows}, which does not broadcast to {wanted}")
    noisy = broadcast_to(scores, (*wanted, scores.shape[-1])) + standard_gumbel(node, (*wanted, scores.shape[-1]), scores.dtype)
    return argmax(noisy, axis=len(wanted))
