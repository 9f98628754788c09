"""What an XLA kernel is, and what kernels share: jax, imported when first used, and NumPy's broadcasting.

A kernel is a function of the inputs of a node and its parameters, as one of the NumPy engine is. It is called while jax traces, so
that its arguments have a shape and a dtype and no values; a constant may come as an ndarray. It is written in terms of jax.lax,
whose functions want equal dtypes and equal shapes, and gives the shape and dtype that the node announces. Where the node has
several outputs, it gives a tuple.
"""

from __future__ import annotations

from threading import local
from typing import Any, Callable, NamedTuple

import numpy as np

from nabla import lazy

Kernel = Callable[..., Any]

jax = lazy.optional("jax", "xla")
jax_export = lazy.optional("jax.export", "xla")
jnp = lazy.optional("jax.numpy", "xla")
jsp = lazy.optional("jax.scipy.special", "xla")
lax = lazy.optional("jax.lax", "xla")


def is_installed() -> bool:
    """Whether jax could be imported."""
    return lazy.installed("jax")


class Part(NamedTuple):
    """A part of an array, from `start` on along its second axis."""

    array: Any
    whole: Any
    start: int


class _Origins(local):
    """What some arrays of the program that is being traced here were made from, so that it is not made again: by the id of an
    array, the array itself, which keeps the id its own, and its origin."""

    of_reshaped: dict[int, tuple[Any, Any]]
    of_filled: dict[int, tuple[Any, Any]]
    of_parts: dict[int, Part]
    of_transposed: dict[int, tuple[Any, Any, tuple[int, ...]]]

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.of_reshaped = {}
        self.of_filled = {}
        self.of_parts = {}
        self.of_transposed = {}


origins = _Origins()


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` in another shape: what was only reshaped until now is so once, or not at all."""
    base = origins.of_reshaped.get(id(x), (x, x))[1]
    if base.shape == shape:
        return base
    out = lax.reshape(base, shape)
    origins.of_reshaped[id(out)] = out, base
    return out


def transpose(x: Any, perm: tuple[int, ...]) -> Any:
    """`x` with its axes in another order, of which `untransposed` knows. Where only axes of length 1 move, it is another shape."""
    long = [axis for axis in perm if x.shape[axis] != 1]
    if long == sorted(long):
        return reshape(x, tuple([x.shape[axis] for axis in perm]))
    out = lax.transpose(x, perm)
    origins.of_transposed[id(out)] = out, x, perm
    return out


def untransposed(x: Any) -> tuple[Any, tuple[int, ...]]:
    """What an array was made from by transposing it, and the order of its axes there: a kernel that takes any order spares that."""
    found = origins.of_transposed.get(id(x))
    return (x, tuple(range(x.ndim))) if found is None else found[1:]


def full(shape: tuple[int, ...], value: Any) -> Any:
    """A number of NumPy seen everywhere, which `constant` finds again."""
    out = lax.full(shape, value, value.dtype)
    origins.of_filled[id(out)] = out, value
    return out


def constant(x: Any) -> Any:
    """The elements of an array that is known while the program is traced, or the one number that it is full of; None of others."""
    return x if isinstance(x, (np.ndarray, np.generic)) else origins.of_filled.get(id(x), (x, None))[1]


def together(*xs: Any) -> list[Any]:
    """Arrays broadcast to their common shape."""
    shape = np.broadcast_shapes(*[x.shape for x in xs])
    return [broadcast_to(x, shape) for x in xs]


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` broadcast as NumPy does it: axes aligned at the right."""
    if x.shape == shape:
        return x
    return lax.broadcast_in_dim(x, shape, tuple(range(len(shape) - x.ndim, len(shape))))


def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` where the condition holds, else `y`: arrays of one shape, or a number of Python instead of one of them."""
    if not hasattr(x, "dtype"):
        x = filled(x, y)
    elif not hasattr(y, "dtype"):
        y = filled(y, x)
    return lax.select(condition, x, y)


def filled(value: complex, x: Any) -> Any:
    """A number in the shape and dtype of `x`. It is traced in half the time of lax.full_like."""
    return lax.broadcast_in_dim(number(value, x), x.shape, ())


def number(value: complex, x: Any) -> Any:
    """A number in the dtype of `x`: functions of jax.lax take it beside `x`."""
    return np.dtype(x.dtype).type(value)


def once(kernel: Kernel) -> Kernel:
    """The kernel as a function of its own in a program: one of many operations is traced once for each kind of arguments, and
    written once, however often it is called."""
    by_params: dict[tuple[str, ...], Any] = {}

    def called(*xs: Any, **params: Any) -> Any:
        names = tuple(params)
        jitted = by_params.get(names)
        if jitted is None:
            jitted = by_params[names] = jax.jit(kernel, static_argnames=names)
        return jitted(*xs, **params)

    return called


def in_single(kernel: Kernel) -> Kernel:
    """The kernel that computes float16 in float32, as NumPy does it."""

    def widened(*xs: Any, **params: Any) -> Any:
        if xs[0].dtype != np.float16:
            return kernel(*xs, **params)
        out = kernel(*[lax.convert_element_type(x, np.float32) for x in xs], **params)
        return lax.convert_element_type(out, np.float16)

    return widened
