"""Discrete cosine and sine transforms, under SciPy's names, through the Fourier transform of a longer array.

Of x[0], ..., x[n-1] the four cosine transforms are, with h = pi / (2 n):

    type 1   y[k] = x[0] + (-1)^k x[n-1] + 2 sum_j x[j] cos(pi j k / (n - 1)), the sum from j = 1 to n - 2
    type 2   y[k] = 2 sum_j x[j] cos(h k (2 j + 1))
    type 3   y[k] = x[0] + 2 sum_j x[j] cos(h j (2 k + 1)), the sum from j = 1
    type 4   y[k] = 2 sum_j x[j] cos(h (2 j + 1) (2 k + 1) / 2)

The sine transforms have sines of pi (j + 1) (k + 1) / (n + 1), h (k + 1) (2 j + 1), h (2 k + 1) (j + 1) (with (-1)^k x[n-1] added
once instead of twice) and h (2 j + 1) (2 k + 1) / 2. The types 2 to 4 follow from the cosine ones: with every other sign changed
and one end turned to the other, since cos((m + 1/2) pi - t) = (-1)^m sin(t). Source: M. Püschel and J. Moura, "The algebraic
approach to the discrete cosine and sine transforms and their fast algorithms" (2003).
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer, one_axis
from nabla.ops.lift import ArrayLike, as_node, inexact, op
from nabla.primitives import fourier as p
from nabla.primitives.base import constant, shared, zeros
from nabla.primitives.joining import concat, cut, fitted
from nabla.primitives.shape import cast, flip, imag, move_axis, real

if TYPE_CHECKING:
    from nabla.tensor import Tensor

# Each works along the last axis of a real array, and is not scaled.


@lru_cache(maxsize=256)
def _turns(n: int, dtype: np.dtype, first: float, step: float) -> Node:
    """exp(i pi (first + step j)) for j < n."""
    return shared(constant(np.exp(1j * np.pi * (first + step * np.arange(n))).astype(dtype)))


@lru_cache(maxsize=256)
def _signs(n: int, dtype: np.dtype) -> Node:
    """1, -1, 1, -1, ..."""
    return shared(constant(np.where(np.arange(n) % 2, -1.0, 1.0).astype(dtype)))


@lru_cache(maxsize=256)
def _ends(n: int, dtype: np.dtype, first: float, last: float) -> Node:
    """Ones but for the two ends."""
    found = np.ones(n, dtype)
    found[0] *= first
    found[-1] *= last
    return shared(constant(found))


def _backwards(x: Node) -> Node:
    return flip(x, axes=(x.ndim - 1,))


def _alternating(x: Node) -> Node:
    return x * _signs(x.shape[-1], x.dtype)


def _spectrum(x: Node) -> Node:
    return p.rfft(x, axis=x.ndim - 1, norm="backward")


def _cosine_1(x: Node) -> Node:
    n, axis = x.shape[-1], x.ndim - 1
    return real(_spectrum(concat(x, _backwards(cut(x, axis, 1, n - 1)), axis=axis)))


def _cosine_2(x: Node) -> Node:
    n, axis = x.shape[-1], x.ndim - 1
    half = cut(_spectrum(concat(x, _backwards(x), axis=axis)), axis, 0, n)
    return real(half * _turns(n, half.dtype, 0.0, -0.5 / n))


def _cosine_3(x: Node) -> Node:
    n, axis = x.shape[-1], x.ndim - 1
    half = fitted(x * _turns(n, dtypes.to_complex(x.dtype), 0.0, 0.5 / n), axis, n + 1)
    return cut(p.irfft(half, axis=axis, n=2 * n, norm="forward"), axis, 0, n)


def _cosine_4(x: Node) -> Node:
    n, axis = x.shape[-1], x.ndim - 1
    dtype = dtypes.to_complex(x.dtype)
    turned = fitted(x * _turns(n, dtype, 0.0, -0.5 / n), axis, 2 * n)
    out = cut(p.fft(turned, axes=(axis,), inverse=False, norm="backward"), axis, 0, n)
    return 2.0 * real(out * _turns(n, dtype, -0.25 / n, -0.5 / n))


def _sine_1(x: Node) -> Node:
    n, axis = x.shape[-1], x.ndim - 1
    nothing = zeros((*x.shape[:-1], 1), x.dtype)
    out = _spectrum(concat(nothing, x, nothing, -_backwards(x), axis=axis))
    return -imag(cut(out, axis, 1, n + 1))


def _sine_2(x: Node) -> Node:
    return _backwards(_cosine_2(_alternating(x)))


def _sine_3(x: Node) -> Node:
    return _alternating(_cosine_3(_backwards(x)))


def _sine_4(x: Node) -> Node:
    return _alternating(_cosine_4(_backwards(x)))


Transform = Callable[[Node], Node]
COSINES: dict[int, Transform] = {1: _cosine_1, 2: _cosine_2, 3: _cosine_3, 4: _cosine_4}
SINES: dict[int, Transform] = {1: _sine_1, 2: _sine_2, 3: _sine_3, 4: _sine_4}
INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
"""The transforms by their types, and which type is the inverse of which, but for a factor."""


# Scaling


def _period(type: int, n: int, sine: bool) -> int:
    """The number of points of the Fourier transform behind it; a transform and its inverse, both unscaled, multiply by this."""
    if type == 1:
        return 2 * (n + 1) if sine else 2 * (n - 1)
    return 2 * n


def _ends_before_and_after(type: int, sine: bool) -> tuple[Sequence[float], Sequence[float]]:
    """By what the first and the last element, before and after the transform, are multiplied to make its matrix orthogonal."""
    plain, root = (1.0, 1.0), sqrt(2.0)
    if type == 1 and not sine:
        return (root, root), (1 / root, 1 / root)
    if type == 2:
        return plain, ((1.0, 1 / root) if sine else (1 / root, 1.0))
    if type == 3:
        return ((1.0, root) if sine else (root, 1.0)), plain
    return plain, plain


def _checked(name: str, type: Any, norm: str | None) -> tuple[int, str]:
    if type not in INVERSE:
        raise ArgumentError(f"{name}: type is 1, 2, 3 or 4; got {type!r}")
    norm = "backward" if norm is None else norm
    if norm not in p.OPPOSITE:
        raise ArgumentError(f'{name}: norm is "backward", "ortho" or "forward"; got {norm!r}')
    return int(type), norm


def _along(name: str, x: Node, type: int, axis: int, norm: str, orthogonal: bool, sine: bool, inverse: bool) -> Node:
    """Along one axis of a floating node that has its length already."""
    if x.dtype.kind == "c":
        parts = [_along(name, part, type, axis, norm, orthogonal, sine, inverse) for part in (real(x), imag(x))]
        return parts[0] + parts[1] * 1j
    if x.dtype == dtypes.float16:
        x = cast(x, dtypes.float32)
    if inverse:
        type = INVERSE[type]
    n = x.shape[axis]
    if n < 1 + (type == 1 and not sine):
        least = "2 points are" if type == 1 and not sine else "1 point is"
        raise ShapeError(f"{name}: at least {least} transformed; got {n}. Give n, a length to fill up to with zeros")
    before, after = _ends_before_and_after(type, sine) if orthogonal else ((1.0, 1.0), (1.0, 1.0))
    x = move_axis(x, axis, x.ndim - 1)
    if before != (1.0, 1.0):
        x = x * _ends(n, x.dtype, *before)
    out = (SINES if sine else COSINES)[type](x)
    if after != (1.0, 1.0):
        out = out * _ends(n, x.dtype, *after)
    if norm == "ortho":
        out = out * (1.0 / sqrt(_period(type, n, sine)))
    elif (norm == "backward") == inverse:
        out = out * (1.0 / _period(type, n, sine))
    return move_axis(out, out.ndim - 1, axis)


def _one(name: str, x: ArrayLike, type: int, n: Any, axis: int, norm: Any, orthogonalize: Any, sine: bool, inverse: bool) -> Node:
    type, norm = _checked(name, type, norm)
    node = inexact(as_node(x))
    axis = one_axis(name, axis, node.ndim)
    if n is not None:
        node = fitted(node, axis, integer(name, "the number of points n", n, 1))
    orthogonal = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
    return _along(name, node, type, axis, norm, orthogonal, sine, inverse)


def _several(
    name: str, x: ArrayLike, type: int, s: Any, axes: Any, norm: Any, orthogonalize: Any, sine: bool, inverse: bool
) -> Node:
    type, norm = _checked(name, type, norm)
    node = inexact(as_node(x))
    lengths = None if s is None else list(s) if isinstance(s, (tuple, list)) else [s]
    if axes is None:
        axes = range(-(node.ndim if lengths is None else len(lengths)), 0)
    named = list(axes) if isinstance(axes, (tuple, list, range)) else [axes]
    clean = [one_axis(name, axis, node.ndim) for axis in named]
    if lengths is not None and len(lengths) != len(clean):
        raise ShapeError(f"{name}: one length for each axis is needed; got s={tuple(lengths)} and axes={tuple(named)}")
    orthogonal = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
    for i, axis in enumerate(clean):
        if lengths is not None:
            node = fitted(node, axis, integer(name, "a length in s", lengths[i], 1))
        node = _along(name, node, type, axis, norm, orthogonal, sine, inverse)
    return node


@op
def dct(
    x: ArrayLike,
    /,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The discrete cosine transform of type 1, 2, 3 or 4 along an axis; x is cut or filled with zeros to the length n.

    norm: "backward" (or None) scales the inverse, "forward" this transform by one over the period, "ortho" both by its root.
    orthogonalize: whether the ends are scaled so that the matrix is orthogonal but for a factor; without it, as with "ortho" only.
    Complex numbers are transformed part by part. Raises ArgumentError for another type, ShapeError for too few points.

    >>> nb.fft.dct([1.0, 1.0]).tolist()
    [4.0, 0.0]
    """
    return _one("dct", x, type, n, axis, norm, orthogonalize, False, False)


@op
def idct(
    x: ArrayLike,
    /,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dct` of the same type and norm.

    >>> nb.fft.idct([4.0, 0.0]).tolist()
    [1.0, 1.0]
    """
    return _one("idct", x, type, n, axis, norm, orthogonalize, False, True)


@op
def dst(
    x: ArrayLike,
    /,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The discrete sine transform of type 1, 2, 3 or 4 along an axis; arguments as of `dct`.

    >>> nb.fft.dst([1.0, -1.0]).round(12).tolist()
    [0.0, 4.0]
    """
    return _one("dst", x, type, n, axis, norm, orthogonalize, True, False)


@op
def idst(
    x: ArrayLike,
    /,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dst` of the same type and norm.

    >>> nb.fft.idst([0.0, 4.0]).round(12).tolist()
    [1.0, -1.0]
    """
    return _one("idst", x, type, n, axis, norm, orthogonalize, True, True)


@op
def dctn(
    x: ArrayLike,
    /,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: Any = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """`dct` along several axes, all if none are named; the last len(s) if only lengths are given.

    >>> nb.fft.dctn([[1.0, 1.0], [1.0, 1.0]]).tolist()
    [[16.0, 0.0], [0.0, 0.0]]
    """
    return _several("dctn", x, type, s, axes, norm, orthogonalize, False, False)


@op
def idctn(
    x: ArrayLike,
    /,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: Any = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dctn` of the same type and norm.

    >>> nb.fft.idctn([[16.0, 0.0], [0.0, 0.0]]).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    return _several("idctn", x, type, s, axes, norm, orthogonalize, False, True)


@op
def dstn(
    x: ArrayLike,
    /,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: Any = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """`dst` along several axes, all if none are named; the last len(s) if only lengths are given.

    >>> nb.fft.dstn([[1.0, -1.0], [-1.0, 1.0]]).round(12).tolist()
    [[0.0, 0.0], [0.0, 16.0]]
    """
    return _several("dstn", x, type, s, axes, norm, orthogonalize, True, False)


@op
def idstn(
    x: ArrayLike,
    /,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: Any = None,
    norm: str | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Tensor:
    """The inverse of `dstn` of the same type and norm.

    >>> nb.fft.idstn([[0.0, 0.0], [0.0, 16.0]]).round(12).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return _several("idstn", x, type, s, axes, norm, orthogonalize, True, True)
