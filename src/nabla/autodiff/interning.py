"""One object for equal closed graphs, so that what was derived from one of them, or compiled, is found by the next.

A function that is given to `scan` or `cond` in a loop of Python is traced at each turn, to a graph that is nearly always the same.
The graphs met last are remembered by what they say: primitives, parameters, shapes, dtypes, and constants, which are small.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np

from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives.base import ALL_ONE, ALL_ZERO

MOST = 256
"""Graphs that are remembered; the one that was not met for longest goes."""
SMALL = 1024
"""Bytes of a constant that may be part of a remembered graph."""

IN_MEMORY = (np.ndarray, np.generic)

_known: OrderedDict[Any, Graph] = OrderedDict()
_lock = Lock()


class _Personal(Exception):
    """Something is told by its identity: nothing made later will equal it, and it may hold on to what is large."""


def interned(graph: Graph) -> Graph:
    """The graph that was met first among those that say the same."""
    key = description(graph, SMALL)
    if key is None:
        return graph
    with _lock:
        found = _known.setdefault(key, graph)
        _known.move_to_end(key)
        if len(_known) > MOST:
            _known.popitem(last=False)
    found.remembered = True
    return found


def description(graph: Graph, largest: int | None) -> Any:
    """What a graph says, equal for graphs that compute the same by the same nodes; None for one that says what can only be told by
    identity. largest: bytes of a constant that may be part of it."""
    try:
        key = _key(graph, largest)
        hash(key)
    except (_Personal, TypeError):
        return None
    return key


def is_small(x: Node) -> bool:
    """Whether a constant may be part of a remembered graph."""
    return isinstance(x.value, IN_MEMORY) and x.dtype.itemsize * x.size <= SMALL


def _key(graph: Graph, largest: int | None) -> Any:
    numbers: dict[Node, int] = {}
    constants: list[Any] = []

    def number(x: Node) -> int:
        found = numbers.get(x)
        if found is None:  # a constant
            found = numbers[x] = -1 - len(constants)
            constants.append((x.shape, id(x.dtype), _content(x, largest)))
        return found

    heads = []
    for x in graph.inputs:
        numbers[x] = len(numbers)
        heads.append((x.shape, id(x.dtype), x.params["name"]))
    body = []
    for node in graph.nodes:
        inputs = tuple([number(x) for x in node.inputs])
        numbers[node] = len(numbers)
        params = tuple([(name, _plain(value)) for name, value in node.params.items()]) if node.params else ()
        dtype: Any = node.dtype
        kind = tuple(map(id, dtype)) if type(dtype) is tuple else id(dtype)
        body.append((node.prim, inputs, params, node.shape, kind))
    outputs = tuple([number(x) for x in graph.outputs])
    return tuple(heads), tuple(body), outputs, tuple(constants)


def _content(x: Node, largest: int | None) -> Any:
    if x.params is ALL_ZERO or x.params is ALL_ONE:  # the sweeps tell them from others
        return x.params is ALL_ZERO
    if not isinstance(x.value, IN_MEMORY) or (largest is not None and x.dtype.itemsize * x.size > largest):
        raise _Personal
    return x.value.tobytes()


def _plain(value: Any) -> Any:
    """A parameter as it is told from others: 1 from 1.0 and True, 0.0 from -0.0, a weak dtype from the one that it equals."""
    kind = type(value)
    if kind is int or kind is str or kind is bool or value is None:
        return kind, value
    if kind is tuple:
        return tuple([_plain(x) for x in value])
    if isinstance(value, tuple):
        return kind, tuple([_plain(x) for x in value])
    if isinstance(value, np.dtype):
        return id(value)
    if isinstance(value, (float, complex)):
        return kind, repr(value)
    if isinstance(value, np.generic):
        return kind, value.tobytes()
    if kind.__hash__ is object.__hash__ and not getattr(value, "remembered", False):
        raise _Personal
    return kind, value
