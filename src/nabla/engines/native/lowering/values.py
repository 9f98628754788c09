"""What a tensor is while a program is written.

*small*: a few numbers, each an operand of its own, so that what only moves them costs nothing. *array*: numbers in memory. *lazy*:
not computed yet, a recipe for one of its numbers; slices, transpositions, flips and broadcasts of it are recipes with other
indices, and what becomes of it is computed in the same loop.
"""

from __future__ import annotations

from math import prod
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from nabla.engines.native.loops import ZERO, Buffer, Form, Num, Operand, Reg, in_order, plus, times
from nabla.graph.node import Node


class Pair:
    """A complex number: its parts."""

    __slots__ = ("imag", "real")

    def __init__(self, real: Operand, imag: Operand) -> None:
        self.real = real
        self.imag = imag


Number = Any  # Operand | Pair
Indices = tuple[Form, ...]


class Array(NamedTuple):
    """A tensor in memory in C order, from buffer[at] on, counted in its own numbers. owned: nobody outside the program sees it, and
    those inside who have it are known."""

    buffer: Buffer
    at: Form
    shape: tuple[int, ...]
    dtype: np.dtype
    owned: bool


class Small(NamedTuple):
    """The numbers of a tensor, in an array of objects of its shape. array: where they lie in memory that stays as it is."""

    names: np.ndarray
    dtype: np.dtype
    array: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.names.shape


class Lazy(NamedTuple):
    """A tensor that is made number by number. cost: of one number. depth: of the recipe. reads: the buffers it is made from. array:
    what it is in memory already."""

    shape: tuple[int, ...]
    dtype: np.dtype
    at: Callable[[Indices], Number]
    cost: int
    depth: int
    reads: frozenset[Buffer]
    array: Array | None = None


class Merged(NamedTuple):
    """A recipe of which groups of axes are one axis each. From its own indices those of the recipe would have to be
    found by divisions; so it is written at once where it goes, and stands for what lies there."""

    recipe: Lazy
    groups: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple([prod(self.recipe.shape[axis] for axis in group) for group in self.groups])

    def merged(self, index: Indices) -> Indices:
        """From an index of the recipe to its own."""
        shape = self.recipe.shape
        return tuple([offset_of([shape[axis] for axis in group], [index[axis] for axis in group]) for group in self.groups])


Value = Any  # Small | Array | Lazy, or a tuple of these for a node of several outputs


class Unsupported(Exception):
    """What this engine has no code for."""


CHEAP = 3
"""The cost of a number up to which it is computed again by each who wants it."""
DEEPEST = 40
"""The depth of a recipe from which on it is written to memory."""


def is_known(x: Small) -> bool:
    """Whether all its numbers are constants."""
    return all(type(name) is Num for name in x.names.reshape(-1).tolist())


def specs_of(node: Node) -> list[tuple[tuple[int, ...], np.dtype]]:
    """The shape and the dtype of a node's value, or of each part of it."""
    if type(node.dtype) is tuple:
        return list(zip(node.shape, node.dtype))
    return [(node.shape, node.dtype)]


def parts_of(x: Value) -> Sequence[Value]:
    """The values of a node of several outputs; else the one."""
    return x if type(x) is tuple else (x,)


def value_of(node: Node, parts: Sequence[Value]) -> Value:
    """The other way round."""
    return tuple(parts) if type(node.dtype) is tuple else parts[0]


def shape_of(x: Value) -> tuple[int, ...]:
    return () if type(x) is tuple else x.shape


def part_of_complex(dtype: np.dtype) -> np.dtype:
    """The dtype of the numbers in memory: of the parts, for complex numbers."""
    if dtype.kind != "c":
        return dtype
    return np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)


def constant(value: Any, dtype: np.dtype) -> Number:
    if dtype.kind == "c":
        part = part_of_complex(dtype)
        value = complex(value)
        return Pair(Num(value.real, part), Num(value.imag, part))
    return Num(value.item() if isinstance(value, np.generic) else value, dtype)


def offset_of(shape: Sequence[int], index: Sequence[Form]) -> Form:
    """The offset of an element in an array of `shape`, in C order."""
    const, stride = 0, 1
    sums: dict[Reg, int] = {}
    for n, (shift, terms) in zip(reversed(shape), reversed(index)):
        const += shift * stride
        for reg, k in terms:
            sums[reg] = sums.get(reg, 0) + k * stride
        stride *= n
    return Form(const, in_order(sums))


def aligned(index: Indices, shape: tuple[int, ...]) -> Indices:
    """The index of what is broadcast to the element at `index`."""
    own = index[len(index) - len(shape) :]
    return tuple([ZERO if n == 1 else i for i, n in zip(own, shape)])


def places(shape: Sequence[int]) -> list[Indices]:
    """The indices of all elements of a small tensor."""
    return [tuple([Form(i) for i in at]) for at in np.ndindex(*shape)]


def row_of(x: Array, i: Form) -> Array:
    """One of the tensors that `x` is a stack of."""
    return Array(x.buffer, plus(x.at, times(i, prod(x.shape[1:]))), x.shape[1:], x.dtype, False)
