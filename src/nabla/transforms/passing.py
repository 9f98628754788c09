"""Identities that change what passes through them in reverse: gradients scaled, reversed and clipped."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import tree
from nabla.errors import ArgumentError, ArgumentTypeError, NotDifferentiableError, user_line
from nabla.ops.elementwise import abs as absolute, clip, square
from nabla.ops.logic import where
from nabla.ops.reductions import sum as total
from nabla.transforms.custom import CustomFunction, custom_vjp


def scale_gradient(x: Any, factor: Any) -> Any:
    """`x`, with a derivative that is multiplied by `factor`, in both modes.

    Args:
        x: an array or a pytree of arrays. factor: a number, or an array that broadcasts to each of them; it is not differentiated.

    >>> import nabla as nb
    >>> nb.grad(lambda x: nb.scale_gradient(x, 0.5) ** 2)(3.0).item()
    3.0
    """
    return _scaled(x, factor)


def reverse_gradient(x: Any, factor: Any = 1.0) -> Any:
    """`x`, with a derivative multiplied by `-factor`, in both modes: the gradient reversal layer of domain adaptation (Ganin and
    Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015).

    >>> import nabla as nb
    >>> nb.grad(lambda x: nb.reverse_gradient(x) ** 2)(3.0).item()
    -6.0
    """
    return _scaled(x, -factor)


def _same(x: Any, *settings: Any) -> Any:
    return x


def _scaled_back(factor: Any, _: None, g: Any) -> tuple[Any]:
    return (tree.map(lambda part: (part * factor).astype(part.dtype), g),)


_scaled: CustomFunction = custom_vjp(_same, nondiff_argnums=1)
_scaled.defvjp(lambda x, factor: (x, None), _scaled_back)
_scaled.name = "scale_gradient"


def clip_gradient(x: Any, low: Any = None, high: Any = None, *, norm: float | None = None) -> Any:
    """`x`, with a gradient that is clipped on its way back: each element to [low, high], or all of it to a norm.

    Args:
        x: an array or a pytree of arrays, real where `low` and `high` are given.
        low, high: bounds of each element of the gradient; None for no bound.
        norm: instead, the most that the Euclidean norm of the gradient of all of `x` may be; a longer one is made shorter,
            in its direction. Under vmap each example has its own.

    Forward mode has nothing to clip and raises NotDifferentiableError, since a clipped gradient is not linear in the cotangent:
    the second derivative is that of reverse over reverse, as in `grad(grad(f))`.

    >>> import nabla as nb
    >>> nb.grad(lambda x: nb.clip_gradient(x, -1.0, 1.0) ** 2)(3.0).item()
    1.0
    >>> nb.grad(lambda x: 10.0 * nb.clip_gradient(x, norm=1.0).sum())(nb.zeros(4)).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    if norm is None:
        if low is None and high is None:
            raise ArgumentError("clip_gradient: give low, high or norm")
        return _bounded(x, low, high)
    if low is not None or high is not None:
        raise ArgumentError("clip_gradient: give bounds for each element, or norm, not both")
    if not isinstance(norm, (int, float, np.integer, np.floating)) or not norm > 0.0:
        raise ArgumentTypeError(f"clip_gradient: norm must be a positive number; got {norm!r}")
    return _shortened(x, float(norm))


def _only_reverse(*args: Any) -> Any:
    raise NotDifferentiableError(
        f"clip_gradient was differentiated in forward mode (at {user_line()}), which has no gradient that could be clipped. Use "
        f"reverse mode: nb.grad, nb.vjp, nb.jacrev, nb.backward."
    )


def _bounded_back(low: Any, high: Any, _: None, g: Any) -> tuple[Any]:
    return (tree.map(lambda part: clip(part, low, high).astype(part.dtype), g),)


def _shortened_back(norm: float, _: None, g: Any) -> tuple[Any]:
    squares = sum(total(square(absolute(part))) for part in tree.leaves(g))
    factor = where(squares > norm * norm, norm / where(squares > norm * norm, squares, 1.0) ** 0.5, 1.0)
    return (tree.map(lambda part: (part * factor).astype(part.dtype), g),)


_bounded: CustomFunction = custom_vjp(_same, nondiff_argnums=(1, 2))
_shortened: CustomFunction = custom_vjp(_same, nondiff_argnums=1)
_bounded.defvjp(lambda x, low, high: (x, None), _bounded_back)
_shortened.defvjp(lambda x, norm: (x, None), _shortened_back)
for _clipping in (_bounded, _shortened):
    _clipping.defjvp(_only_reverse)
    _clipping.name = "clip_gradient"
