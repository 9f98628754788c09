"""dot_general: the one product of arrays, of which matmul, tensordot, einsum and the rest are cases.

    dot_general(x, y, contract=((axes of x), (axes of y)), batch=((axes of x), (axes of y)))

sums over the axes in `contract`, paired in order, and goes along those in `batch` side by side. The axes of the
result are those of `batch`, then the free axes of x, then those of y, each in ascending order. Both inputs have the
same dtype.

It is linear in each input, and each transpose is again a dot_general: the cotangent contracted with the other input
over the other's free axes. Of the two orders of its operands the one is taken that gives the axes of the input as
they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Sequence

from nabla.graph.node import Node, runtime
from nabla.graph.tokens import EMPTY, cuts, union
from nabla.primitives.base import Shape, no_infer
from nabla.primitives.kinds import Multilinear
from nabla.primitives.shape import BIG, move_axis, transpose

Axes = tuple[int, ...]
Pair = tuple[Axes, Axes]
NO_AXES: Pair = ((), ())


def free_axes(ndim: int, contract: Axes, batch: Axes) -> Axes:
    """The axes that are neither summed over nor shared."""
    return tuple([axis for axis in range(ndim) if axis not in contract and axis not in batch])


@lru_cache(maxsize=4096)
def _kept(x_ndim: int, y_ndim: int, contract: Pair, batch: Pair) -> Pair:
    """The axes of x and of y that the result has, in its order."""
    return (*batch[0], *free_axes(x_ndim, contract[0], batch[0])), free_axes(y_ndim, contract[1], batch[1])


@lru_cache(maxsize=4096)
def _params(contract: Pair, batch: Pair) -> dict[str, Pair]:
    """One dict for all nodes with these parameters."""
    return {"contract": contract, "batch": batch}


ROWS_BY_COLUMNS = _params(((1,), (0,)), NO_AXES)
"""The parameters of the product of two matrices."""


class _Product(Multilinear):
    """The short way to a node."""

    __slots__ = ()

    def __call__(self, x: Node, y: Node, *, contract: Pair, batch: Pair) -> Node:  # type: ignore[override]
        return self.of(x, y, _params(contract, batch))

    def of(self, x: Node, y: Node, params: dict[str, Pair]) -> Node:
        """The node, for parameters that a caller has as a dict already."""
        xs, ys = x.shape, y.shape
        shape: Shape
        if params is ROWS_BY_COLUMNS and len(xs) == 2 and len(ys) == 2:
            shape = (xs[0], ys[1])
        else:
            of_x, of_y = _kept(len(xs), len(ys), params["contract"], params["batch"])
            shape = tuple([xs[axis] for axis in of_x] + [ys[axis] for axis in of_y])
        tokens = x.tokens
        if tokens is not y.tokens:
            tokens = union(tokens, y.tokens)
        if tokens is not EMPTY and (tokens.ended is not None or cuts.active):
            tokens = tokens.inside()
        depth = x.depth
        if y.depth > depth:
            depth = y.depth
        node = Node(self, (x, y), params, shape, x.dtype, tokens, depth + 1)
        if (_is_big(x) or _is_big(y)) and _shrinks(node) and not tokens.placeholder:
            runtime.realize((node,))
        return node


def _is_big(x: Node) -> bool:
    size = x.dtype.itemsize
    for n in x.shape:
        size *= n
    return size >= BIG


def _shrinks(node: Node) -> bool:
    """Whether the product makes little out of much: it then runs at once and lets its inputs go."""
    x, y = node.inputs
    return 8 * node.size <= x.size + y.size


@lru_cache(maxsize=4096)
def _transposed(position: int, ndims: tuple[int, int], contract: Pair, batch: Pair) -> tuple[bool, dict[str, Pair], Axes | None]:
    """How to contract g with the other input: whether g comes first, the parameters, how to permute the result."""
    other = 1 - position
    shared = len(batch[0])
    mine = free_axes(ndims[position], contract[position], batch[position])
    others = free_axes(ndims[other], contract[other], batch[other])
    first = shared if other == 0 else shared + len(mine)  # where the free axes of the other input begin in g
    summed_over = tuple(range(first, first + len(others))), others
    along = tuple(range(shared)), batch[other]
    partner = dict(zip(contract[other], contract[position]))
    summed = tuple([partner[axis] for axis in sorted(partner)])
    asis = tuple(range(ndims[position]))
    if (*batch[position], *summed, *mine) == asis:
        return False, _params(summed_over[::-1], along[::-1]), None
    order = (*batch[position], *mine, *summed)
    perm = tuple([order.index(axis) for axis in asis])
    return True, _params(summed_over, along), None if perm == asis else perm


def _towards(position: int, g: Node, other: Node, ndims: tuple[int, int], contract: Pair, batch: Pair) -> Node:
    g_first, params, perm = _transposed(position, ndims, contract, batch)
    out = dot_general.of(g, other, params) if g_first else dot_general.of(other, g, params)
    return out if perm is None else transpose(out, perm=perm)


def _to_x(g: Node, x: Node, y: Node, contract: Pair, batch: Pair) -> Node:
    return _towards(0, g, y, (len(x.shape), len(y.shape)), contract, batch)


def _to_y(g: Node, x: Node, y: Node, contract: Pair, batch: Pair) -> Node:
    return _towards(1, g, x, (len(x.shape), len(y.shape)), contract, batch)


def _up(axes: Axes) -> Axes:
    return tuple([axis + 1 for axis in axes])


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """Both mapped: one more shared axis. One mapped: its lanes are one more free axis; the other is not repeated."""
    x, y = inputs
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    shared = len(xb)
    if all(mapped):
        return dot_general(x, y, contract=(_up(xc), _up(yc)), batch=((0, *_up(xb)), (0, *_up(yb)))), True
    if mapped[0]:
        out = dot_general(x, y, contract=(_up(xc), yc), batch=(_up(xb), yb))
        return move_axis(out, shared, 0), True
    free_x = x.ndim - len(xc) - shared
    if free_x == 0 or shared or y.ndim - 1 != len(yc) + shared:
        out = dot_general(x, y, contract=(xc, _up(yc)), batch=(xb, _up(yb)))
        return move_axis(out, shared + free_x, 0), True
    return dot_general(y, x, contract=(_up(yc), xc), batch=NO_AXES), True  # y has no free axes but the lanes


dot_general = _Product("dot_general", no_infer, _to_x, _to_y, batch=_batch)
