"""Tensors that a traced function reads besides its arguments stand on placeholders, in the tracing context alone.

For so long their class is `Captured`, whose node depends on who asks: other threads see the tensors as they are. What the function
writes to them is written in this context, too, and becomes an output of the program.
"""

from __future__ import annotations

import gc
import sys
import weakref
from contextvars import ContextVar
from threading import RLock
from typing import Any, Iterable, Sequence

from nabla.dtypes import canonical
from nabla.errors import ArgumentError
from nabla.forks import HOLDERS
from nabla.graph.node import Node
from nabla.graph.tokens import Token, Tokens
from nabla.ops.lift import open_arrays
from nabla.primitives.leaves import LeafToken, inheritance, is_leaf, leaf_token, make_leaf, reaching, traced_leaf
from nabla.primitives.structure import placeholder
from nabla.tensor import Tensor
from nabla.transforms.roads import Roads
from nabla.views import adopting

_slot: Any = Tensor.__dict__["_node"]
current: ContextVar[Capture | None] = ContextVar("nabla_capture", default=None)
"""The trace that is going on here."""
_lock = RLock()
HOLDERS.add(sys.modules[__name__])
_holders: dict[int, int] = {}
"""How many traces hold a handle as `Captured`, by its id."""


def is_tracing() -> bool:
    """Whether a function is being traced here, to be compiled as a whole."""
    return current.get() is not None


class Captured(Tensor):
    """A tensor while some function that may read it is being traced."""

    __slots__ = ()

    @property
    def _node(self) -> Node:
        capture = current.get()
        found = None if capture is None else capture.nodes.get(id(self))
        return _slot.__get__(self) if found is None else found

    @_node.setter
    def _node(self, node: Node) -> None:
        capture = current.get()
        if capture is not None and id(self) in capture.nodes:
            capture.nodes[id(self)] = node
        else:
            _slot.__set__(self, node)


class Again(BaseException):
    """The function turned out to read what has no road yet: it is traced again. Nobody but the trace shall catch it."""


class AsksForLanes(BaseException):
    """The function asks whether something differs between the lanes of a vmap around it: for that it runs line by line."""


class _Unread(LeafToken):
    """Stands for a leaf whose .grad has no road yet: whoever asks for it ends the trace."""

    __slots__ = ("_capture",)

    def __init__(self, capture: Capture) -> None:
        self._capture: weakref.ref[Capture] | None = None
        super().__init__(capture.token)
        self._capture = weakref.ref(capture)

    def _ask(self) -> None:
        capture = None if self._capture is None else self._capture()
        if capture is not None:
            capture.asks_for_grads = True
            raise Again

    @property
    def grad(self) -> Any:
        self._ask()

    @grad.setter
    def grad(self, value: Any) -> None:
        self._ask()

    def _died(self, reference: object) -> None:
        self._capture = None
        super()._died(reference)


class Capture:
    """One trace: inside its `with`, the hidden tensors and arrays stand on placeholders, leaves on variables that are leaves."""

    def __init__(self, roads: Roads, token: Token, tokens: Tokens) -> None:
        self.hidden = list(roads.hidden)
        self.token = token
        self.nodes: dict[int, Node] = {}
        self.arrays: dict[int, Node] = {}
        self.placeholders: list[Node] = []
        self.adopted: list[Tensor] = []
        """Tensors that the function wrote to, and that were not known to be hidden inputs."""
        self.asks_for_grads = False
        """Whether the function asked for the .grad of a leaf, to which no road leads yet."""
        self.unknown: list[Node] = []
        """What it differentiated with respect to leaves that were not known to be hidden inputs."""
        self.swept: list[Node] = []
        """What it called backward on."""
        self._starts: list[Node] = []
        self._since = token.id
        for x in self.hidden:
            value = x.value
            is_tensor = isinstance(value, Tensor)
            shape, dtype = (value._node.shape, value._node.dtype) if is_tensor else (value.shape, canonical(value.dtype))
            stand_in = start = placeholder(shape, dtype, tokens, x.name)
            if x.is_leaf:
                start = self._leaf(stand_in, leaf_token(value._node), roads.reads_grads)
            (self.nodes if is_tensor else self.arrays)[id(value)] = start
            self.placeholders.append(stand_in)
            self._starts.append(start)

    def _leaf(self, stand_in: Node, outside: LeafToken, reads_grads: bool) -> Node:
        token = LeafToken(self.token) if reads_grads else _Unread(self)
        token.id = outside.id
        if reads_grads:
            token.grad = outside.grad
        return traced_leaf(stand_in, token)

    def __enter__(self) -> Capture:
        with _lock:
            for x in self.hidden:
                _hold(x.value)
        self._marks = current.set(self), open_arrays.set(self.arrays), adopting.set(self._adopt), reaching.set(self._reach)
        return self

    def __exit__(self, *exception: object) -> None:
        mark, arrays, adopted, reached = self._marks
        reaching.reset(reached)
        adopting.reset(adopted)
        open_arrays.reset(arrays)
        current.reset(mark)
        with _lock:
            for value in (*[x.value for x in self.hidden], *self.adopted):
                _release(value)

    def _adopt(self, x: Tensor, node: Node) -> bool:
        """A write to x: to the program's own copy of it, if x is from outside."""
        if id(x) not in self.nodes:
            if (getattr(x, "_birth", None) or x._node.id) > self._since:
                return False
            with _lock:
                _hold(x)
            self.adopted.append(x)
        old = self.nodes.get(id(x)) or _slot.__get__(x)
        self.nodes[id(x)] = make_leaf(node, inheritance(old)) if is_leaf(old) else node
        return True

    def _reach(self, leaves: Iterable[LeafToken], nodes: Sequence[Node]) -> None:
        """A backward from these nodes to these leaves."""
        if any(token.id < self._since and token.home is not self.token for token in leaves):
            self.unknown += nodes
            raise Again
        self.swept += nodes

    def written(self) -> list[tuple[int, Node]]:
        """The hidden tensors that the function wrote to, by number, and the nodes they stand on now."""
        result = []
        for i, (x, start) in enumerate(zip(self.hidden, self._starts)):
            if x.is_tensor:
                now = self.nodes[id(x.value)]
                if is_leaf(now) is not x.is_leaf:
                    raise ArgumentError(
                        f"jit: the function changes requires_grad of {x.name}, a tensor from outside; do that before it is called"
                    )
                if now is not start:
                    result.append((i, now))
        return result

    def grads(self) -> list[tuple[int, Node | None]]:
        """The hidden leaves that have another .grad now, by number, and its node."""
        result: list[tuple[int, Node | None]] = []
        for i, (x, start) in enumerate(zip(self.hidden, self._starts)):
            if x.is_leaf and type(leaf_token(start)) is LeafToken:
                now = leaf_token(self.nodes[id(x.value)]).grad
                if now is not leaf_token(_slot.__get__(x.value)).grad:
                    result.append((i, None if now is None else now._node))
        return result


def _hold(value: Any) -> None:
    if isinstance(value, Tensor):
        _holders[id(value)] = _holders.get(id(value), 0) + 1
        value.__class__ = Captured


def _release(value: Any) -> None:
    if isinstance(value, Tensor):
        _holders[id(value)] -= 1
        if not _holders[id(value)]:
            del _holders[id(value)]
            value.__class__ = Tensor


def handles_of(nodes: Sequence[Node], since: int) -> list[Tensor]:
    """The tensors that stand on these nodes, wherever they are kept, less those that the trace itself made: of zeros
    there may be one node for all."""
    wanted = set(nodes)
    found = [x for x in gc.get_referrers(*nodes) if type(x) is Tensor and _slot.__get__(x) in wanted] if nodes else []
    return [x for x in found if (getattr(x, "_birth", None) or 0) < since]


def roots(constants: Sequence[Node], since: int) -> list[Node]:
    """What was there before a trace began (`since`) and is read by it without an open road: constants of its graph, or what those
    were computed from."""
    found: dict[Node, None] = {}
    seen = set(constants)
    stack = list(constants)
    while stack:
        x = stack.pop()
        if x.id < since:
            if x.id > 0:  # no handle stands on a shared constant, and to find those on a node takes milliseconds
                found[x] = None
            continue
        for y in x.inputs:
            if y not in seen:
                seen.add(y)
                stack.append(y)
    return list(found)
