"""What a primitive is, and the kinds from which most rules follow.

A primitive is one record. Say what kind it is and its forward, reverse and batching rules follow from one formula:

- `Elementwise`: its partial derivatives;
- `Linear`: a transpose for each input that it is jointly linear in; the forward rule is the primitive itself;
- `Multilinear`: linear in each input by itself; a transpose for each;
- `General`: a forward rule or a reverse rule, or both; a missing one is derived (autodiff/derive.py).

The contract of every record, as the sweeps see it:

    push(node, tangents) -> tangent of node or None                 tangents: one per input, None for zero
    pull(node, g, masked, wanted) -> [cotangent or None] per input   wanted: the tokens whose cotangents are asked for
    masks                                                           the reverse rule inserts zeros (see reverse.py)
    batch(node, inputs, mapped, size) -> (node, is it mapped)        a mapped input has its batch axis first

Calling a primitive makes a node; it expects nodes with clean shapes (public functions check and convert), but elementwise
ones promote dtypes and broadcast by themselves, so that rules read like formulas.

Notation: x, y inputs, out result, dx tangent, g or gx cotangent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import AbstractSet, Any, Callable, Mapping, Sequence

import numpy as np

from nabla.errors import NotDifferentiableError, ShapeError, user_line
from nabla.graph.node import NO_PARAMS, Node, make
from nabla.graph.simplify import Reduced
from nabla.graph.tokens import EMPTY, Token, next_id

Shape = tuple[int, ...]
Infer = Callable[..., tuple[Shape, np.dtype]]
Batch = Callable[[Node, Sequence[Node], Sequence[bool], int], tuple[Node, bool]]

REGISTRY: dict[str, Primitive] = {}
"""Every primitive by name. Engines must have a kernel for each, the table of tests a row."""


class Primitive:
    """One record of the closed set; the subclasses are the kinds."""

    __slots__ = ("acts", "batch", "cheap", "eager", "infer", "masks", "name", "nondifferentiable")

    adapts = False
    """Whether the same operation is another one where its inputs hang on other transforms (`rebuild`), as what holds a graph keeps
    more for those that may differentiate it."""

    updates = False
    """Whether the result is the first input with a part changed, so that an engine may write it over that input."""
    gathers = False
    """Whether several nodes of it with one shape sum to one node (`merge`), or are written into another (`add_to`): the cotangents
    of the reads of one array. Such a node says itself where it has zeros (`covers`)."""

    resolve: Any = None
    """For a forward sweep, where the tangent by itself does not tell the derivative: resolve(node, tangents) -> None, or the
    tangent to go on with and finish(outputs, their tangents, sweep) -> the tangents of the outputs, completed. sweep: from a
    tangent of the node to those of the outputs."""

    def __init__(
        self,
        name: str,
        infer: Infer,
        *,
        batch: Batch,
        masks: bool = False,
        eager: Callable[[Node], bool] | None = None,
        nondifferentiable: str = "",
    ) -> None:
        if name in REGISTRY:
            raise ValueError(f"there is a primitive named {name!r} already")
        self.name = name
        self.acts = False  # whether running it does something, so that it runs as often as it was written
        self.cheap = False  # whether its result is computed again rather than kept: it moves, compares or adds numbers
        self.infer = infer
        self.batch = batch
        self.masks = masks
        self.eager = eager
        self.nondifferentiable = nondifferentiable
        REGISTRY[name] = self

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        shape, dtype = self.infer(*inputs, **params)
        return make(self, inputs, params, shape, dtype)

    def rebuild(self, node: Node, inputs: Sequence[Node]) -> Node:
        """The same operation on other inputs."""
        return self(*inputs, **node.params)

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        raise self.no_derivative()

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        raise self.no_derivative()

    def inserted(self, gx: Node) -> bool:
        """Whether the cotangent `gx`, which the reverse rule of a primitive that `masks` gave, has zeros it inserted. What gathers
        reads says so itself."""
        return not gx.prim.gathers

    def guard(self, node: Node, inputs: Sequence[Node], going: Node) -> Node:
        """The same operation on other inputs, where no loop inside takes a step unless `going`."""
        return self.rebuild(node, inputs)

    def same_as(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        """The node that has the value of `node` on `inputs` to the bit, where its parameters make that plain; an engine then runs
        nothing for it."""
        return None

    def same_as_output(self, node: Node, index: int) -> Node | None:
        """The same of one output of a node that has several."""
        return None

    def reduced(self, node: Node, used: AbstractSet[int]) -> Reduced | None:
        """For a node of several outputs, of which only `used` are read: what takes its place, where that is less."""
        return None

    def begun(self, node: Node) -> Node | None:
        """For a node of several outputs: another one, on some of its inputs, whose outputs are its first ones."""
        return None

    def records(self, node: Node, index: int) -> bool:
        """Whether an output is no result, but kept for derivatives alone, at the cost of many."""
        return False

    def unrecorded(self, node: Node, inputs: Sequence[Node]) -> Node:
        """The same operation on other inputs, without the outputs that it `records`."""
        return self.rebuild(node, inputs)

    def carriers(self, node: Node) -> Sequence[Node]:
        """The inputs whose tangents that of `node` is made of."""
        return node.inputs

    def no_derivative(self) -> NotDifferentiableError:
        reason = self.nondifferentiable or "it has no derivative"
        return NotDifferentiableError(
            f"{self.name} cannot be differentiated: {reason} (differentiated at {user_line()}). "
            f"Write nb.detach(x) for its input x if the derivative should not flow through it."
        )

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


class Constant(Primitive):
    """Piecewise constant or of integer result: its derivative is zero, said out loud."""

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        return None

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        return (None,) * len(node.inputs)


class Opaque(Primitive):
    """No derivative exists, or none is known: differentiating it raises and names it."""

    __slots__ = ()


def broadcast_shapes(name: str, shapes: Sequence[Shape]) -> Shape:
    """NumPy's broadcasting, or an error that shows the shapes."""
    ndim = max(map(len, shapes))
    result = []
    for axis in range(-ndim, 0):
        size = 1
        for shape in shapes:
            if len(shape) >= -axis:
                n = shape[axis]
                if n != 1:
                    if size != 1 and size != n:
                        raise ShapeError(
                            f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast (axis {axis}: {size} against {n})"
                        )
                    size = n
        result.append(size)
    return tuple(result)


def same(x: Node, *rest: Node, **params: Any) -> tuple[Shape, np.dtype]:
    """Shape and dtype rule: as the first input."""
    return x.shape, x.dtype


def same_as_last(*inputs: Node, **params: Any) -> tuple[Shape, np.dtype]:
    """Shape and dtype rule: as the last input."""
    return inputs[-1].shape, inputs[-1].dtype


def no_infer(*inputs: Node, **params: Any) -> Any:
    """Shape and dtype rule of a primitive that is not called: its nodes are made in another way."""
    raise AssertionError("nodes of this primitive are not made by a call")


def params_of(node: Node, **changes: Any) -> Mapping[str, Any]:
    """The parameters of `node` with some changed."""
    return {**node.params, **changes}


def never(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """Batching rule of what no sweep meets."""
    raise AssertionError(f"{node!r} cannot depend on a mapped value")


CONSTANT = Constant("constant", no_infer, batch=never)
ALL_ZERO: dict[str, Any] = {}
"""The parameters of a constant that is zero everywhere, told by identity."""
ALL_ONE: dict[str, Any] = {}
"""Likewise of one that is one everywhere: a product with it is the other factor."""


def constant(value: Any, dtype: np.dtype | None = None) -> Node:
    """A node that has its value already: an ndarray that nobody writes to, or a NumPy scalar."""
    node = Node(CONSTANT, (), NO_PARAMS, value.shape, value.dtype if dtype is None else dtype, EMPTY, 0)
    node.value = value
    return node


def shared(node: Node) -> Node:
    """Mark a constant that is made once for all who need it. It is older than all others, with a negative id; handles do not stand
    on it but on a copy, since they may move."""
    node.id = -next_id()
    return node


def own(node: Node) -> Node:
    """A copy of a shared constant, about which nothing is known but its value."""
    return constant(node.value, node.dtype)


@lru_cache(maxsize=4096)
def _scalar(value: Any, dtype: np.dtype, identity: int, text: str) -> Node:
    node = constant(dtype.type(value), dtype)
    if value == 1:
        node.params = ALL_ONE
    return shared(node)


def scalar(value: bool | int | float | complex, dtype: np.dtype) -> Node:
    """A Python number as a constant of `dtype`; common ones are made once."""
    if value:
        return _scalar(value, dtype, id(dtype), "")
    return _scalar(value, dtype, id(dtype), repr(value))  # 0.0 and -0.0 are equal but not the same


def zeros(shape: Shape, dtype: np.dtype) -> Node:
    """Zeros, known as such to the sweeps."""
    size = 1
    for n in shape:
        size *= n
    if size <= 1024:
        return _few_zeros(shape, dtype, id(dtype))
    # One zero seen everywhere: every read of an item makes such a node in reverse, which must not cost what the array has.
    return _zeros(shape, dtype, np.ndarray(shape, dtype, np.zeros((), dtype), 0, (0,) * len(shape)))


def _zeros(shape: Shape, dtype: np.dtype, value: np.ndarray) -> Node:
    node = Node(CONSTANT, (), ALL_ZERO, shape, dtype, EMPTY, 0)
    node.value = value
    return node


@lru_cache(maxsize=256)
def _few_zeros(shape: Shape, dtype: np.dtype, identity: int) -> Node:
    return shared(_zeros(shape, dtype, np.zeros(shape, dtype)))


@lru_cache(maxsize=256)
def _ones(shape: Shape, dtype: np.dtype, identity: int) -> Node:
    node = Node(CONSTANT, (), ALL_ONE, shape, dtype, EMPTY, 0)
    node.value = np.ndarray(shape, dtype, np.ones((), dtype), 0, (0,) * len(shape))
    return shared(node)


def ones(shape: Shape, dtype: np.dtype) -> Node:
    """Ones, known as such to the sweeps: one of them, seen everywhere."""
    return _ones(shape, dtype, id(dtype))


def zeros_like(x: Node) -> Node:
    return zeros(x.shape, x.dtype)


def is_zeros(node: Node) -> bool:
    return node.params is ALL_ZERO
