"""The options axes=, axis= and keepdims= of NumPy's generalised ufuncs (matmul, vecdot): which axes are the core's."""

from __future__ import annotations

from typing import Any, Callable

from nabla.errors import ArgumentTypeError
from nabla.ops.creation import asarray
from nabla.ops.shape import expand_dims, moveaxis


def over_core_axes(
    name: str,
    signature: str | None,
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    axes: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Any:
    """Call `function`, which works on the last axes, with the core axes that the options name."""
    if signature is None:
        raise ArgumentTypeError(f"{name} is elementwise: it does not take axes=, axis= or keepdims=")
    arguments, results = ([part.strip("()") for part in side.split("),(")] for side in signature.split("->"))
    core = [len(part.split(",")) if part else 0 for part in (*arguments, *results)]
    inputs = tuple(asarray(x) for x in inputs)
    if axis is not None:
        if core != [1, 1, 0]:
            raise ArgumentTypeError(f"{name} has more than one core axis, {signature}: write axes= instead of axis=")
        axes = [(axis,)] * len(inputs)
    if axes is None:
        axes = [tuple(range(-n, 0)) for n in core]
    axes = [tuple(entry) if isinstance(entry, (tuple, list)) else (entry,) for entry in axes]
    moved = [moveaxis(x, entry, tuple(range(-len(entry), 0))) for x, entry in zip(inputs, axes)]
    out = function(*moved)
    if len(axes) > len(inputs) and axes[len(inputs)]:
        last = axes[len(inputs)]
        out = moveaxis(out, tuple(range(-len(last), 0)), last)
    if keepdims:
        if core[-1]:
            raise ArgumentTypeError(f"{name} does not take keepdims=: its result has core axes, {signature}")
        out = expand_dims(out, axes[0])
    return out
