"""One object for equal closed graphs, so that what was derived from one of them, or compiled, is found by the next.

A function that is given to `scan` or `cond` in a loop of Python is traced at each turn, to a graph that is nearly always the same.
The graphs met last are remembered by what they say: primitives, parameters, shapes, dtypes, and constants, which are small.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from nabla.forks import HOLDERS
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives.base import ALL_ONE, ALL_ZERO

MOST = 256
"""Graphs that are remembered; the one that was not met for longest goes."""
SMALL = 1024
"""Bytes of a constant that may be part of a remembered graph."""

IN_MEMORY = (np.ndarray, np.generic)

_known: OrderedDict[Any, Graph] = OrderedDict()
_numbers: OrderedDict[Any, tuple[tuple[Any, ...], frozenset[int]]] = OrderedDict()
"""For what graphs say but for their numbers: the numbers that were met first, and which were others since."""
_lock = RLock()
HOLDERS.add(sys.modules[__name__])


class _Personal(Exception):
    """Something is told by its identity: nothing made later will equal it, and it may hold on to what is large."""


class Description(NamedTuple):
    """What a graph says, but for its numbers: equal for graphs that compute the same by the same nodes. The numbers are the
    constants of shape (): their nodes, and what these say."""

    said: Any
    nodes: tuple[Node, ...]
    numbers: tuple[Any, ...]


def description(graph: Graph, largest: int | None) -> Description | None:
    """None for a graph that says what can only be told by identity. largest: bytes of a constant that may be part of it."""
    try:
        found = _described(graph, largest)
        hash(found.said)
    except (_Personal, TypeError):
        return None
    return found


def same(a: Description | None, b: Description | None) -> bool:
    return a is not None and b is not None and a.said == b.said and a.numbers == b.numbers


def interned(graph: Graph, described: Description | None) -> Graph:
    """The graph that was met first among those that say the same."""
    if described is None:
        return graph
    key = described.said, described.numbers
    with _lock:
        found = _known.setdefault(key, graph)
        _known.move_to_end(key)
        if len(_known) > MOST:
            _known.popitem(last=False)
    found.remembered = True
    return found


def changing(described: Description | None) -> list[Node]:
    """The numbers in a graph that were other ones when one was met that says the same else: they should be inputs."""
    if described is None or not described.nodes:
        return []
    with _lock:
        first, changed = _numbers.get(described.said, (described.numbers, frozenset()))
        changed |= {i for i, (x, y) in enumerate(zip(first, described.numbers)) if x != y}
        _numbers[described.said] = first, changed
        _numbers.move_to_end(described.said)
        if len(_numbers) > MOST:
            _numbers.popitem(last=False)
    return [described.nodes[i] for i in sorted(changed)]


def is_small(x: Node) -> bool:
    """Whether a constant may be part of a remembered graph."""
    return isinstance(x.value, IN_MEMORY) and x.dtype.itemsize * x.size <= SMALL


def _described(graph: Graph, largest: int | None) -> Description:
    numbers: dict[Node, int] = {}
    constants: list[Any] = []
    nodes: list[Node] = []

    def number(x: Node) -> int:
        found = numbers.get(x)
        if found is None:  # a constant
            found = numbers[x] = -1 - len(constants)
            constants.append((x.shape, id(x.dtype), _content(x, largest) if x.shape else None))
            if not x.shape:
                nodes.append(x)
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
    said = tuple(heads), tuple(body), outputs, tuple(constants)
    return Description(said, tuple(nodes), tuple([_content(x, largest) for x in nodes]))


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
