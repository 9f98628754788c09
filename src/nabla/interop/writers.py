"""NumPy's functions that write into their first argument, for tensors: `np.put(t, ...)`, `np.copyto(t, ...)` and their like.

Into an ndarray they refuse to write a tensor, whose derivative would be lost there.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

from nabla.errors import ArgumentError, DTypeError, TracedValueError, user_line
from nabla.ops import creation, indexing, logic
from nabla.ops.shape import broadcast_to, ravel, reshape
from nabla.tensor import Tensor
from nabla.views import put_along_axis


def want_tensor(name: str, target: Any) -> Tensor:
    """The first argument of a function that writes; raises where it is an ndarray."""
    if isinstance(target, Tensor):
        return target
    raise TracedValueError(
        f"{name} at {user_line()} would write a tensor into an ndarray, and its derivative would be lost. Make the ndarray a "
        f"tensor first (x = nb.asarray(x)), or make a new array with nb.where."
    )


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    target = want_tensor("np.copyto", dst)
    source = creation.asarray(src)
    if isinstance(src, Tensor | np.ndarray | np.generic) and not np.can_cast(source.dtype, target.dtype, casting):  # type: ignore[arg-type]
        raise DTypeError(f"np.copyto: {source.dtype} does not become {target.dtype} by casting={casting!r}")
    target[...] = src if where is True else logic.where(where, src, target)


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    target = want_tensor("np.put", a)
    where = np.asarray(ind).ravel()
    if mode == "wrap":
        where = where % target.size
    elif mode == "clip":
        where = where.clip(0, target.size - 1)
    elif mode != "raise":
        raise ArgumentError(f"np.put: mode is 'raise', 'wrap' or 'clip'; got {mode!r}")
    _write(target, where, v)


def place(arr: Any, mask: Any, vals: Any) -> None:
    target = want_tensor("np.place", arr)
    values = creation.asarray(vals)
    chosen = np.flatnonzero(np.asarray(mask))
    if chosen.size and not values.size:
        raise ArgumentError("np.place: there are elements to be written, and no values")
    _write(target, chosen, values)


def putmask(a: Any, mask: Any, values: Any) -> None:
    target = want_tensor("np.putmask", a)
    target[...] = logic.where(creation.asarray(mask).astype(bool), reshape(_cycled(values, target.size), target.shape), target)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    target = want_tensor("np.fill_diagonal", a)
    shape = target.shape
    if len(shape) < 2:
        raise ArgumentError(f"np.fill_diagonal: the array has at least two axes; got shape {shape}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ArgumentError(f"np.fill_diagonal: all axes of an array of more than two axes are of one length; got {shape}")
    columns = shape[1]
    step = columns + 1 if len(shape) == 2 else sum(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
    end = target.size if wrap or len(shape) > 2 else min(target.size, columns * columns)
    _write(target, np.arange(0, end, step), val)


def _cycled(values: Any, count: int) -> Tensor:
    """`count` elements: those of `values`, over and over."""
    flat = ravel(creation.asarray(values))
    if flat.size == 1:
        return broadcast_to(flat, (count,))
    return flat if flat.size == count else indexing.take(flat, np.arange(count) % max(flat.size, 1))


def _write(target: Tensor, positions: np.ndarray, values: Any) -> None:
    """Write to elements of the flattened target; of an element that is named twice, the last value stays."""
    if not positions.size:
        return
    flat = ravel(target).copy()
    v = _cycled(values, positions.size)
    _, last = np.unique(positions[::-1] % target.size, return_index=True)
    keep = np.sort(positions.size - 1 - last)
    flat[positions[keep]] = v if keep.size == positions.size else v[keep]
    target[...] = reshape(flat, target.shape)


def put_along(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    put_along_axis(want_tensor("np.put_along_axis", arr), indices, values, axis)


WRITERS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    np.copyto: copyto,
    np.put: put,
    np.place: place,
    np.putmask: putmask,
    np.fill_diagonal: fill_diagonal,
    np.put_along_axis: put_along,
}


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
