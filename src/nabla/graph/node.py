"""Nodes: what was computed from what. Nothing is computed until a value is asked for.

A node is immutable but for two things: its value, set once, and its inputs, dropped when nobody can need them any more.
Ids only grow and inputs are older than the node, so the order of ids is a topological order. Nodes compare by identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

import numpy as np

from nabla.graph.tokens import EMPTY, Tokens, next_id, union

if TYPE_CHECKING:
    from nabla.primitives.base import Primitive

NO_PARAMS: dict[str, Any] = {}
DEEPEST = 10_000
"""A chain of pending nodes longer than this realises itself, so that a loop of any length runs in constant memory."""


class Runtime:
    """What lies above the graph and is handed in once: the engine that realises nodes, the handle that users hold,
    what prints a graph."""

    __slots__ = ("away", "compile", "devices", "handle", "processes", "realize", "show", "view")
    away: bool
    """Whether a value was ever put on a device: before that, all of them lie in memory, and nobody has to look."""
    devices: Any
    processes: Any
    realize: Callable[[Sequence[Node]], None]
    compile: Callable[[Any], Callable[..., Sequence[Any]]]
    show: Callable[[Sequence[Node]], None]
    handle: type[Any]
    view: type[Any]


runtime = Runtime()
runtime.away = False


def in_memory(node: Node) -> Any:
    """The value of a realised node where Python and NumPy can look at it: one that lies on a device is copied from there."""
    value = node.value
    return runtime.devices.get(value) if runtime.away else value


class Freed(tuple):
    """The inputs of a node whose graph was freed by a backward."""


FREED = Freed()


class Node:
    """One operation: primitive, inputs, static parameters, shape and dtype; later its value."""

    # readers and asked are set only where they are needed
    __slots__ = (
        "__weakref__", "asked", "depth", "dtype", "id", "inputs", "params", "prim", "readers", "shape", "tokens", "value",
    )  # fmt: skip

    # NumPy must not treat a node as a scalar: `np.float64(2) * node` has to reach the node's own operator.
    __array_ufunc__ = None

    if TYPE_CHECKING:
        readers: list[Any]  # the nodes that read parts of it (primitives/indexing.py)
        asked: bool  # a user asked for the value (values.py)

        # Installed by primitives/operators.py.

        def __add__(self, y: Any) -> Node: ...
        def __radd__(self, y: Any) -> Node: ...
        def __sub__(self, y: Any) -> Node: ...
        def __rsub__(self, y: Any) -> Node: ...
        def __mul__(self, y: Any) -> Node: ...
        def __rmul__(self, y: Any) -> Node: ...
        def __truediv__(self, y: Any) -> Node: ...
        def __rtruediv__(self, y: Any) -> Node: ...
        def __pow__(self, y: Any) -> Node: ...
        def __neg__(self) -> Node: ...
        def __lt__(self, y: Any) -> Node: ...
        def __le__(self, y: Any) -> Node: ...
        def __gt__(self, y: Any) -> Node: ...
        def __ge__(self, y: Any) -> Node: ...

    def __init__(
        self,
        prim: Primitive,
        inputs: tuple[Node, ...],
        params: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: np.dtype,
        tokens: Tokens,
        depth: int,
    ) -> None:
        self.prim = prim
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.tokens = tokens
        self.depth = depth
        self.id = next_id()
        self.value: Any = None
        if depth > DEEPEST and not tokens.placeholder:
            runtime.realize((self,))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    def __repr__(self) -> str:
        return f"<node {self.id}: {self.prim.name} {self.dtype}{list(self.shape)}>"


def make(prim: Primitive, inputs: tuple[Node, ...], params: Mapping[str, Any], shape: tuple[int, ...], dtype: np.dtype) -> Node:
    """A new node on any number of inputs."""
    tokens = EMPTY
    depth = 0
    for x in inputs:
        if x.depth > depth:
            depth = x.depth
        mine = x.tokens
        if mine is not tokens and mine is not EMPTY:
            tokens = mine if tokens is EMPTY else union(tokens, mine)
    if tokens is not EMPTY:
        tokens = tokens.inside()
    node = Node(prim, inputs, params, shape, dtype, tokens, depth + 1)
    if prim.eager is not None and not tokens.placeholder and prim.eager(node):
        runtime.realize((node,))
    return node


def set_value(node: Node, value: Any) -> None:
    """Publish a value, then let go of the inputs unless a live token may still need them."""
    node.value = value
    node.depth = 0
    tokens = node.tokens
    if tokens is EMPTY or not tokens.members:
        node.inputs = ()
    else:
        tokens.note(node)


def is_scalar(value: Any) -> bool:
    """A Python number: weak, so that it takes the dtype of what it meets."""
    return isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic)
