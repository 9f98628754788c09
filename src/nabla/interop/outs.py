"""`out=`: the tensor that a result is written into. Into an ndarray it is not written, for its derivative would be lost there."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.errors import ArgumentError, DTypeError, TracedValueError, user_line
from nabla.ops import creation
from nabla.tensor import Tensor


def refuse_ndarrays(name: str, out: Any) -> tuple[Tensor | None, ...]:
    """`out=` as a tuple of tensors; raises where one is an ndarray."""
    targets = out if isinstance(out, tuple) else (out,)
    for target in targets:
        if target is not None and not isinstance(target, Tensor):
            raise TracedValueError(
                f"{name} at {user_line()} would write a tensor into the ndarray given as out=, and its derivative would be lost. "
                f"Make the ndarray a tensor first (x = nb.asarray(x)), or write x = x + t instead of x += t."
            )
    return targets


def fill_out(name: str, target: Tensor, value: Any, casting: str = "same_kind") -> Tensor:
    """Write a result into the tensor given as out=."""
    value = creation.asarray(value)
    if not np.can_cast(value.dtype, target.dtype, casting):  # type: ignore[arg-type]
        raise DTypeError(f"{name}: the result of dtype {value.dtype} does not go into out= of dtype {target.dtype}")
    short = (1,) * (len(target.shape) - len(value.shape)) + value.shape
    if len(short) != len(target.shape) or any(n not in (1, m) for n, m in zip(short, target.shape)):
        raise ArgumentError(f"{name}: the result of shape {value.shape} does not go into out= of shape {target.shape}")
    target[...] = value
    return target
