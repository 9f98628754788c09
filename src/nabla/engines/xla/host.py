"""Calls from a compiled program out to the host: a primitive that XLA has no code for runs there as a kernel of the NumPy engine.

Such a call waits for its inputs, copies them to the host and its outputs back. Numbers of 64 bits cross as pairs of 32: the thread
that makes the call does not know that the program around it has 64-bit numbers, and would cut them to 32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.numpy.table import KERNELS
from nabla.engines.xla.failures import raised
from nabla.engines.xla.kernel import jax, jnp, lax
from nabla.errors import LinAlgError
from nabla.primitives.base import Primitive


def call(prim: Primitive, shape: Any, dtype: Any, *xs: Any, **params: Any) -> Any:
    """The value of `prim` for the inputs `xs`; the tuple of its values, where shape and dtype are tuples of several.

    A matrix for which it raises gives NaN, all its stack with it: a compiled program cannot raise at a line.
    """
    kernel = KERNELS[prim]
    several = type(dtype) is tuple
    announced = list(zip(shape, dtype)) if several else [(shape, dtype)]
    dtypes = [x.dtype for x in xs]

    @np.errstate(all="ignore")
    def on_host(*halves: Any) -> list[np.ndarray]:
        try:
            found = kernel(*[_joined(x, dtype) for x, dtype in zip(halves, dtypes)], **params)
        except LinAlgError:
            return [_split(np.full(shape, np.nan if dtype.kind in "fc" else 0, dtype)) for shape, dtype in announced]
        except BaseException as error:
            raised.append(error)
            raise
        return [_split(np.asarray(x, dtype)) for x, (_, dtype) in zip(found if several else [found], announced)]

    shapes = [jax.ShapeDtypeStruct(*_carrier(shape, dtype)) for shape, dtype in announced]
    outs = jax.pure_callback(on_host, shapes, *[_split_traced(x) for x in xs])
    values = [_joined_traced(x, dtype) for x, (_, dtype) in zip(outs, announced)]
    return tuple(values) if several else values[0]


def _halves(dtype: np.dtype) -> int:
    """How many numbers of 32 bits carry one of this dtype; 0 where it crosses as it is."""
    return dtype.itemsize // 4 if dtype.itemsize >= 8 else 0


def _carrier(shape: tuple[int, ...], dtype: np.dtype) -> tuple[tuple[int, ...], Any]:
    n = _halves(dtype)
    return ((*shape, n), np.uint32) if n else (shape, dtype)


def _split(x: np.ndarray) -> np.ndarray:
    n = _halves(x.dtype)
    return np.ascontiguousarray(x).view(np.uint32).reshape(*x.shape, n) if n else x


def _joined(x: Any, dtype: Any) -> np.ndarray:
    array = np.asarray(x)
    dtype = np.dtype(dtype)
    return np.ascontiguousarray(array).view(dtype).reshape(array.shape[:-1]) if _halves(dtype) else array


def _split_traced(x: Any) -> Any:
    n = _halves(x.dtype)
    if not n:
        return x
    parts = jnp.stack([lax.real(x), lax.imag(x)], -1) if x.dtype.kind == "c" else x
    return lax.reshape(lax.bitcast_convert_type(parts, np.uint32), (*x.shape, n))


def _joined_traced(x: Any, dtype: np.dtype) -> Any:
    n = _halves(dtype)
    if not n:
        return x
    if dtype.kind != "c":
        return lax.bitcast_convert_type(x, dtype)
    if n == 2:
        parts = lax.bitcast_convert_type(x, np.float32)
    else:
        parts = lax.bitcast_convert_type(lax.reshape(x, (*x.shape[:-1], 2, 2)), np.float64)
    return lax.complex(parts[..., 0], parts[..., 1])
