"""The NumPy engine: the reference, and what eager code runs on.

It runs nodes one by one, oldest first, and publishes each value on its node; a value that nobody holds is freed by reference
counting as its consumers let go of it. Kernels run with floating-point warnings off and never write to their inputs, but
for the updates of indexing, which take over the buffer of an old version that nobody can see any more.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Sequence

import numpy as np

from nabla.engines.numpy.table import KERNELS, UPDATES
from nabla.errors import TracedValueError, user_line
from nabla.graph.node import Node, runtime, set_value
from nabla.graph.tokens import raise_ended
from nabla.graph.walk import pending


def realize(nodes: Sequence[Node]) -> None:
    """Compute the values of `nodes`, and what they need."""
    order = pending(nodes)
    if not order:
        return
    for node in nodes:
        if node.value is None:
            if node.tokens.ended is not None:
                raise_ended(node.tokens.ended)
            if node.tokens.placeholder:
                raise TracedValueError(without_value(node))
    order.reverse()
    with np.errstate(all="ignore"):
        if any(node.prim in UPDATES for node in order):
            _run_with_updates(order)
        else:
            _run(order)


def _run(order: list[Node]) -> None:
    """Run nodes, the last of the list first; each leaves the list as it runs, so that nothing is held longer than needed."""
    while order:
        node = order.pop()
        if node.value is None:  # else another thread was faster
            values = [x.value for x in node.inputs]
            kernel = KERNELS[node.prim]
            set_value(node, kernel(*values, **node.params) if node.params else kernel(*values))


def _run_with_updates(order: list[Node]) -> None:
    """The same where some nodes update an array: they write in place when nobody can see the old version any more."""
    counts: dict[Node, list[int]] = {}  # node -> [uses in this run still to come, inputs tuples of this run that hold it]
    for node in order:
        for x in node.inputs:
            entry = counts.setdefault(x, [0, 0])
            entry[0] += 1
            entry[1] += 1
    kept: set[Node] = set()  # nodes that keep their inputs for a sweep to come; held here so that the count stays exact
    while order:
        node = order.pop()
        if node.value is not None:
            continue
        inputs = node.inputs
        kernel = KERNELS[node.prim]
        if node.prim in UPDATES:
            buffer = _take_over(node, counts[inputs[0]], inputs[0] in kept)
            value = kernel(buffer, *[x.value for x in inputs[1:]], **node.params)
        else:
            value = kernel(*[x.value for x in inputs], **node.params)
        set_value(node, value)
        dropped = not node.inputs
        for x in inputs:
            entry = counts[x]
            entry[0] -= 1
            entry[1] -= dropped
        if not dropped:
            kept.add(node)


def _take_over(node: Node, count: list[int], is_kept: bool) -> np.ndarray:
    """The buffer that an update may write into: that of the old version if this run holds its last references, or a copy.

    An old version that a sweep may still ask for goes back to pending, so it must have inputs to be computed from again.
    """
    x = node.inputs[0]
    value = x.value
    still_to_come, holders = count
    # Besides the inputs tuples: the local x, the argument of getrefcount, the key of the counts, and `kept`.
    if (
        still_to_come == 1
        and (x.inputs or not node.tokens.members)
        and getrefcount(x) == holders + 3 + is_kept
        and type(value) is np.ndarray
        and value.base is None
        and value.flags.writeable
    ):
        x.value = None
        if getrefcount(value) == 2:
            x.depth = 1
            return value
        x.value = value
    return np.array(value)


def without_value(node: Node) -> str:
    """Why a node that hangs on a placeholder has no value to read."""
    names = sorted({x.params["name"] for x in _placeholders(node)})
    token = next(iter(t for t in node.tokens.members if t.placeholder))
    return (
        f"the value of a tensor was asked for at {user_line()}, but under {token.what} (at {token.line}) it is not one number: "
        f"it depends on {', '.join(names)}. Use nb.where instead of `if`, and keep float(), int(), bool(), .item(), .numpy() "
        f"out of the mapped function."
    )


def _placeholders(node: Node) -> set[Node]:
    stack, seen = [node], {node}
    while stack:
        for x in stack.pop().inputs:
            if x.tokens.placeholder and x not in seen:
                seen.add(x)
                stack.append(x)
    return {x for x in seen if not x.inputs and "name" in x.params}


runtime.realize = realize
