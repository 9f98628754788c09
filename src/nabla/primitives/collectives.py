"""Collectives over a named axis of a vmap. Each takes the axis' own node as its second input, so that the batch sweep meets it.

While the axis is not batched yet they are functions of one lane; when the sweep of their axis comes, they become reductions.
psum transposes to psum: the pairing sums over the lanes. all_gather transposes to what scatters sums, a permutation and an exchange
to their inverses.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.graph.tokens import Tokens
from nabla.primitives.base import Constant, Shape, never, same, zeros
from nabla.primitives.formulas import equal
from nabla.primitives.joining import concat, cut
from nabla.primitives.kinds import General, Linear
from nabla.primitives.reductions import reduce_max
from nabla.primitives.shape import broadcast, cast, move_axis, reduce_sum, reshape, spread


def _axis_shape() -> tuple[Shape, np.dtype]:
    return (), dtypes.int64


AXIS = Constant("axis", _axis_shape, batch=never)
"""The node of a named axis: in one lane its value would be the index of the lane."""


def axis_of(size: int, tokens: Tokens, name: str = "axis") -> Node:
    """The node of an axis of so many lanes, which hang on these tokens."""
    return Node(AXIS, (), {"name": name, "size": size}, (), dtypes.int64, tokens, 1)


def _psum_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    if not mapped[1]:
        return psum(x, axis), mapped[0]
    return (reduce_sum(x, axes=(0,)) if mapped[0] else x * size), False


psum = General(
    "psum",
    same,
    jvp=lambda node, tangents: psum(tangents[0], node.inputs[1]),
    vjp=lambda node, g, wants: (psum(g, node.inputs[1]), None),
    batch=_psum_batch,
)
"""The sum over all lanes, in every lane."""


def _pmax_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    if not mapped[1]:
        return pmax(x, axis), mapped[0]
    if mapped[0] and size == 0:  # no lane asks
        return x, True
    return (reduce_max(x, axes=(0,)) if mapped[0] else x), False


def _share(node: Node, dx: Any) -> Node:
    """dx in the lanes that attain the maximum, divided by their number."""
    x, axis = node.inputs
    wins = cast(equal(x, node), dx.dtype)
    return dx * (wins / psum(wins, axis))


pmax = General(
    "pmax",
    same,
    jvp=lambda node, tangents: psum(_share(node, tangents[0]), node.inputs[1]),
    vjp=lambda node, g, wants: (_share(node, psum(g, node.inputs[1])), None),
    batch=_pmax_batch,
)
"""The largest over all lanes, in every lane; lanes that share it share its derivative."""


def _index_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    if mapped[0]:
        return inputs[0], True
    return axis_index(inputs[0]), False


def _index_shape(axis: Node) -> tuple[Shape, np.dtype]:
    return (), dtypes.int64


axis_index = Constant("axis_index", _index_shape, batch=_index_batch)
"""The number of the lane."""


# What moves values between lanes


def _gathered(x: Node, axis: Node, size: int) -> tuple[Shape, np.dtype]:
    return (size, *x.shape), x.dtype


def scatter_sum(x: Node, axis: Node) -> Node:
    """In lane i the sum over all lanes of their x[i]."""
    return reduce_sum(exchange(x, axis), axes=(0,))


def _gather_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    if mapped[1]:
        return spread(x, mapped[0], size), False
    out = all_gather(x, axis, size=node.params["size"])
    return (move_axis(out, 1, 0), True) if mapped[0] else (out, False)


all_gather = Linear("all_gather", _gathered, lambda g, x, axis, size: scatter_sum(g, axis), None, batch=_gather_batch)
"""The values of all lanes along a new first axis, in every lane."""


def _exchange_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    if mapped[1]:
        if mapped[0]:
            return move_axis(x, 1, 0), True
        return broadcast(reshape(x, shape=(size, 1, *x.shape[1:])), shape=(size, *x.shape)), True
    return (move_axis(exchange(move_axis(x, 0, 1), axis), 1, 0), True) if mapped[0] else (exchange(x, axis), False)


exchange = Linear("exchange", same, lambda g, x, axis: exchange(g, axis), None, batch=_exchange_batch)
"""The first axis counts the lanes: element j of lane i becomes element i of lane j."""


def _inverse(sources: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([sources.index(i) if i in sources else -1 for i in range(len(sources))])


def _permute_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, axis = inputs
    sources = node.params["sources"]
    if not mapped[1]:
        return permute(x, axis, sources=sources), mapped[0]
    x = spread(x, mapped[0], size)
    parts = []
    start = 0
    for stop in range(1, size + 1):  # runs of lanes that stay side by side
        first = sources[start]
        if stop == size or sources[stop] != (-1 if first < 0 else first + stop - start):
            count = stop - start
            parts.append(zeros((count, *x.shape[1:]), x.dtype) if first < 0 else cut(x, 0, first, first + count))
            start = stop
    return (concat(*parts, axis=0) if len(parts) > 1 else parts[0] if parts else x), True


permute = Linear(
    "permute",
    lambda x, axis, sources: (x.shape, x.dtype),
    lambda g, x, axis, sources: permute(g, axis, sources=_inverse(sources)),
    None,
    batch=_permute_batch,
    masks=True,
)
"""In lane i the value of lane sources[i]; zero where that is -1. No lane is the source of two."""
