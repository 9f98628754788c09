"""The elementwise kind: partial derivatives, from which the forward, reverse and batching rules follow.

Elementwise primitives promote dtypes and broadcast by themselves. The reverse rule sums back over broadcast axes,
here and nowhere else. Under a masked cotangent its products are `safe_mul` (see autodiff/reverse.py).
"""

from __future__ import annotations

from typing import AbstractSet, Any, Callable, Sequence

import numpy as np

from nabla import dtypes
from nabla.dtypes import float64
from nabla.errors import DTypeError
from nabla.graph.node import NO_PARAMS, Node, make
from nabla.graph.tokens import EMPTY, Token, cuts, union
from nabla.primitives.base import ALL_ONE, Primitive, broadcast_shapes, no_infer, scalar, zeros
from nabla.primitives.shape import broadcast, cast, expand_batched, sum_to

Partial = Callable[..., Node]


def ZERO(out: Node, *inputs: Node) -> Node:
    """The partial of what is piecewise constant; told by identity, never called."""
    raise AssertionError


def ONE(out: Node, *inputs: Node) -> Node:
    """The partial of an identity; told by identity, never called."""
    raise AssertionError


def MINUS_ONE(out: Node, *inputs: Node) -> Node:
    """The partial of a negation; told by identity, never called."""
    raise AssertionError


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    if len(inputs) == 1:
        return node.prim(inputs[0], **node.params), True
    ndim = max(x.ndim - m for x, m in zip(inputs, mapped))
    return node.prim(*[expand_batched(x, m, ndim) for x, m in zip(inputs, mapped)], **node.params), True


class Elementwise(Primitive):
    """One value from one value of each input.

    kinds: the dtype kinds it takes ("b" bool, "?" bool computed as int8, "iu" integers, "f", "c"); integers are made
    floating where "i" is not among them. result: from the common dtype of the inputs to that of the result; None
    means the same.
    """

    __slots__ = ("kinds", "partials", "result")

    def __init__(
        self,
        name: str,
        *partials: Partial,
        kinds: str = "fc",
        result: Callable[[np.dtype], np.dtype] | None = None,
        masks: bool = False,
    ) -> None:
        super().__init__(name, no_infer, batch=_batch, masks=masks)
        self.partials = partials
        self.kinds = kinds
        self.result = result

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        xs, dtype = self.together(inputs)
        shape = broadcast_shapes(self.name, [x.shape for x in xs])
        return make(self, xs, params, shape, self.result(dtype) if self.result else dtype)

    def together(self, inputs: Sequence[Node]) -> tuple[tuple[Node, ...], np.dtype]:
        """The inputs in their common dtype."""
        dtype = inputs[0].dtype
        for x in inputs[1:]:
            dtype = dtypes.promote(dtype, x.dtype)
        dtype = self.accept(dtype)
        return tuple([cast(x, dtype) for x in inputs]), dtype

    def accept(self, dtype: np.dtype) -> np.dtype:
        """The dtype in which this is computed for inputs of `dtype`, or an error."""
        kinds = self.kinds
        if dtype.kind in kinds:
            return dtype
        if dtype.kind == "b" and "?" in kinds:
            return dtypes.int8
        if dtype.kind in "biu" and "f" in kinds and not (dtype.kind == "b" and "i" in kinds):
            return dtypes.to_inexact(dtype)
        raise DTypeError(f"{self.name} does not take {dtype} (it takes {_spoken(kinds)})")

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        inputs = node.inputs
        total: Node | None = None
        for dx, partial in zip(tangents, self.partials):
            if dx is None or partial is ZERO:
                continue
            if partial is ONE:
                term = dx
            elif partial is MINUS_ONE:
                term = neg(dx)
            else:
                term = mul(dx, partial(node, *inputs, **node.params))
            total = term if total is None else add(total, term)
        if total is not None and total.shape != node.shape:
            total = broadcast(total, shape=node.shape)
        return total

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        inputs = node.inputs
        result: list[Node | None] = []
        for x, partial in zip(inputs, self.partials):
            if partial is ZERO or wanted.isdisjoint(x.tokens.members):
                result.append(None)
                continue
            if partial is ONE:
                gx = sum_to(g, x.shape)
            elif partial is MINUS_ONE:
                gx = neg(sum_to(g, x.shape))
            else:
                gx = sum_to(product(g, partial(node, *inputs, **node.params), masked), x.shape)
            result.append(gx)
        return result


class Unary(Elementwise):
    """The hot path of one input."""

    __slots__ = ()

    def __call__(self, x: Node) -> Node:  # type: ignore[override]
        dtype = x.dtype
        if dtype is not float64:
            if dtype.kind not in self.kinds:
                if dtype.kind == "V":
                    return with_float0(self, x)
                dtype = self.accept(dtype)
                x = cast(x, dtype)
        elif "f" not in self.kinds:
            self.accept(dtype)
        tokens = x.tokens
        if tokens is not EMPTY and (tokens.ended is not None or cuts.active):
            tokens = tokens.inside()
        result = self.result
        return Node(self, (x,), NO_PARAMS, x.shape, dtype if result is None else result(dtype), tokens, x.depth + 1)


class Binary(Elementwise):
    """The hot path of two inputs."""

    __slots__ = ()

    def __call__(self, x: Node, y: Node) -> Node:  # type: ignore[override]
        dtype = x.dtype
        if dtype is not y.dtype or (dtype is not float64 and dtype.kind not in self.kinds) or "f" not in self.kinds:
            if dtype.kind == "V" or y.dtype.kind == "V":
                return with_float0(self, x, y)
            (x, y), dtype = self.together((x, y))
        shape = x.shape
        if shape != y.shape:
            other = y.shape
            if not shape:
                shape = other
            elif other:
                shape = broadcast_shapes(self.name, (shape, other))
        tokens = x.tokens
        if tokens is not y.tokens:
            tokens = union(tokens, y.tokens)
        if tokens is not EMPTY and (tokens.ended is not None or cuts.active):
            tokens = tokens.inside()
        depth = x.depth
        if y.depth > depth:
            depth = y.depth
        result = self.result
        return Node(self, (x, y), NO_PARAMS, shape, dtype if result is None else result(dtype), tokens, depth + 1)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        x, y = node.inputs
        px, py = self.partials
        gx = gy = None
        if px is not ZERO and x.tokens is not EMPTY and not wanted.isdisjoint(x.tokens.members):
            if px is ONE:
                gx = g
            else:
                gx = product(g, px(node, x, y), masked)
            if gx.shape != x.shape:
                gx = sum_to(gx, x.shape)
        if py is not ZERO and y.tokens is not EMPTY and not wanted.isdisjoint(y.tokens.members):
            if py is ONE:
                gy = g
            elif py is MINUS_ONE:
                gy = neg(g if g.shape == y.shape else sum_to(g, y.shape))
            else:
                gy = product(g, py(node, x, y), masked)
            if gy.shape != y.shape:
                gy = sum_to(gy, y.shape)
        return gx, gy


def product(g: Node, partial: Node, masked: bool) -> Node:
    """A cotangent times a partial derivative."""
    if g.params is ALL_ONE and g.dtype is partial.dtype:
        if g.shape == partial.shape or broadcast_shapes("multiply", (g.shape, partial.shape)) == partial.shape:
            return partial
    elif g.prim is broadcast and g.inputs and g.shape == partial.shape:  # the product broadcasts by itself
        (g,) = g.inputs
    return safe_mul(g, partial) if masked and not _keeps_zeros(partial) else mul(g, partial)


def _keeps_zeros(partial: Node) -> bool:
    """Whether it is a number that stands in the program, neither zero nor infinite nor NaN: then a plain product does the same."""
    return partial.id < 0 and not partial.shape and partial.value != 0 and bool(np.isfinite(partial.value))


def with_float0(prim: Elementwise, *inputs: Node) -> Node:
    """float0 is the derivative of an integer, zero whatever is done with it: it can be added, subtracted and scaled."""
    shape = broadcast_shapes(prim.name, [x.shape for x in inputs])
    numbers = [x for x in inputs if x.dtype.kind != "V"]
    if prim.name in ("add", "subtract") and numbers:
        (x,) = numbers
        if prim.name == "subtract" and x is inputs[1]:
            x = neg(x)
        return x if x.shape == shape else broadcast(x, shape=shape)
    if prim.name in ("add", "subtract", "multiply", "negative") or (prim.name == "divide" and inputs[1:] == tuple(numbers)):
        return zeros(shape, dtypes.float0)
    raise DTypeError(f"{prim.name}: a float0 tensor (the derivative of an integer) can only be added, subtracted and scaled")


def _spoken(kinds: str) -> str:
    names = {"b": "booleans", "?": "booleans", "i": "integers", "f": "real floats", "c": "complex numbers"}
    return ", ".join(word for kind, word in names.items() if kind in kinds)


def as_bool(dtype: np.dtype) -> np.dtype:
    return dtypes.bool_


def operand(y: Any, x: Node) -> Node:
    """What stands beside the node `x` in an operator, as a node: Python numbers are weak."""
    if type(y) is Node:
        return y
    return scalar(y, dtypes.with_scalar(x.dtype, y))


# The three that the kind itself is made of.

neg = Unary("negative", MINUS_ONE, kinds="iufc")
add = Binary("add", ONE, ONE, kinds="biufc")
mul = Binary("multiply", lambda out, x, y: y, lambda out, x, y: x, kinds="biufc")


class _SafeMultiply(Binary):
    """x * y, and exactly zero where either is zero, infinities and NaNs notwithstanding; its derivatives are made
    of itself.
    """

    __slots__ = ()

    def push(self, node: Node, tangents: Sequence[Node | None]) -> Node | None:
        x, y = node.inputs
        dx, dy = tangents
        terms = [safe_mul(a, b) for a, b in ((dx, y), (dy, x)) if a is not None]
        total = terms[0] if len(terms) == 1 else add(*terms)
        return total if total.shape == node.shape else broadcast(total, shape=node.shape)

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        return super().pull(node, g, True, wanted)


safe_mul = _SafeMultiply("safe_multiply", lambda out, x, y: y, lambda out, x, y: x, kinds="fc", masks=True)
