"""The NumPy engine: the reference, and what eager code runs on.

It runs nodes one by one, oldest first, and publishes each value on its node; a value that nobody holds is freed by reference
counting as its consumers let go of it. Kernels run with floating-point warnings off and never write to their inputs, but
for the updates of indexing, which take over the buffer of an old version that nobody can see any more. A node that has an input
on a device runs there (`runtime.devices`).
"""

from __future__ import annotations

import sys
from sys import getrefcount
from threading import RLock
from typing import Sequence

import numpy as np

from nabla.engines.numpy.table import KERNELS
from nabla.errors import BoundsError, TracedValueError, user_line
from nabla.forks import HOLDERS
from nabla.graph.collector import with_collector_paused
from nabla.graph.node import Node, runtime, set_value
from nabla.graph.tokens import EMPTY, raise_ended
from nabla.graph.walk import pending


def realize(nodes: Sequence[Node]) -> None:
    """Compute the values of `nodes`, and what they need."""
    order = pending(nodes)
    if not order:
        return
    for node in nodes:
        tokens = node.tokens
        if tokens is not EMPTY and node.value is None:
            if tokens.ended is not None:
                raise_ended(tokens.ended)
            if tokens.placeholder:
                raise TracedValueError(without_value(node))
    if True in [node.prim.updates for node in order]:
        del order  # which would look like somebody who can see old versions
        with _lock:
            _run(pending(nodes))
    else:
        with_collector_paused(len(order), _run, order)


IN_MEMORY = (np.ndarray, np.generic)
"""What a value is that lies on no device."""

_lock = RLock()
"""Held while updates run: of two threads that ask for the same update, the second finds it done."""
HOLDERS.add(sys.modules[__name__])


@np.errstate(all="ignore")
def _run(order: list[Node]) -> None:
    """Run nodes, oldest first; each leaves the list as it runs, so that nothing is held longer than needed."""
    order.reverse()
    away = runtime.away
    while order:
        node = order.pop()
        inputs = node.inputs  # read before the value: another thread sets the value and then drops the inputs
        if node.value is None:
            if away and runtime.devices.run(node):
                continue
            prim = node.prim
            if prim.updates:
                _update(node, inputs)
                continue
            kernel = KERNELS[prim]
            count = len(inputs)
            try:
                if node.params:
                    value = kernel(*[x.value for x in inputs], **node.params)
                elif count == 2:
                    value = kernel(inputs[0].value, inputs[1].value)
                elif count == 1:
                    value = kernel(inputs[0].value)
                else:
                    value = kernel(*[x.value for x in inputs])
                set_value(node, value)
            except TypeError:
                if node.value is None:  # else an update in another thread served this reader, and took its input over
                    raise


# Updates of indexing. n writes to an array of n elements must not cost n copies of it, so an update writes into the buffer of the
# version before it, if nobody can see that version any more. Those who can are the holders of a reference to its node. The
# update itself is one; a reader of a part of it that has its value is harmless, since no derivative rule asks for the
# value of what was read (and if the batch sweep does, it is computed again). So readers that wait are served first, and then
# references are counted.


def _update(node: Node, inputs: tuple[Node, ...]) -> None:
    buffer = _take_over(node)
    taken = buffer is not None
    if not taken:
        buffer = np.array(inputs[0].value)
    try:
        set_value(node, KERNELS[node.prim](buffer, *[x.value for x in inputs[1:]], **node.params))
    except BaseException:
        if taken:
            inputs[0].value = buffer
        raise


def _take_over(node: Node) -> np.ndarray | None:
    """The buffer of the version before the update `node`, which goes back to pending; None if somebody may look at it.

    If a sweep may still come, the old version must have inputs to be computed from again.
    """
    x = node.inputs[0]
    value = x.value
    if type(value) is not np.ndarray or value.base is not None or not value.flags.writeable:
        return None
    if not x.inputs and node.tokens.members:
        return None
    harmless = _serve_readers(x)
    if harmless is None or getrefcount(x) != _ALONE + harmless + 1:
        return None
    x.value = None
    if getrefcount(value) != _ALONE:
        x.value = value
        return None
    x.depth = 1
    return value


def _serve_readers(x: Node) -> int | None:
    """Compute the parts of `x` that were asked for; how often the readers refer to it, None if one of them cannot be served."""
    count = 0
    for reference in getattr(x, "readers", ()):
        reader = reference()
        if reader is None:
            continue
        inputs = reader.inputs
        if reader.value is None:
            values = [y.value for y in inputs]
            if reader.size > x.size or reader.tokens.placeholder or not all(isinstance(value, IN_MEMORY) for value in values):
                return None
            try:
                set_value(reader, KERNELS[reader.prim](*values, **reader.params))
            except BoundsError:
                return None
            inputs = reader.inputs
        count += inputs.count(x)
    return count


def _references() -> int:
    """What getrefcount says of an object that one local variable holds: this differs between versions of Python."""
    x = object()
    return getrefcount(x)


_ALONE = _references()


def without_value(node: Node) -> str:
    """Why a node that hangs on a placeholder has no value to read."""
    names = sorted({x.params["name"] for x in _placeholders(node)})
    token = next(iter(t for t in node.tokens.members if t.placeholder))
    if token.inlines:
        return (
            f"the value of a tensor was asked for at {user_line()}, but while {token.what} (at {token.line}) traces the function "
            f"there is none: it depends on {', '.join(names)}. Use nb.where, nb.cond or nb.while_loop instead of `if` and `while`, "
            f"keep float(), int(), bool(), .item(), .numpy() out of the function, write nb.asarray(x)[i] where x is an ndarray, or "
            f"name an argument that is no array but a choice in static_argnames."
        )
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
