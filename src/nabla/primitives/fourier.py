"""Discrete Fourier transforms: of complex arrays along several axes, and between real arrays and half of their spectrum.

    fft(x, axes, inverse, norm)      y[k] = s sum_j x[j] exp(-2 pi i j k / n), with +2 pi i if inverse; x real or complex
    rfft(x, axis, norm)              its first n // 2 + 1 elements, for real x: the others are their conjugates
    irfft(x, axis, n, norm)          the real array of length n whose spectrum begins with x, of length n // 2 + 1

`norm` says which direction is scaled: "backward" the inverse by 1/n, "forward" the other one, "ortho" both by n**-1/2.

The matrix of fft is symmetric, so it is its own transpose. With theta[j, k] = 2 pi j k / n, irfft is
y[j] = s sum_k w[k] Re(x[k] exp(i theta[j, k])), where w[k] is the number of places, 1 or 2, that x[k] takes in the spectrum.
In the pairing Re sum(g * dx) its transpose is therefore s w[k] conj(sum_j g[j] exp(-i theta[j, k])), and that of rfft is
s sum_k Re(g[k] exp(-i theta[j, k])), an irfft of conj(g) / w. Both scale as the other direction does with the opposite norm.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node
from nabla.primitives.base import Shape, constant, shared
from nabla.primitives.kinds import Linear
from nabla.primitives.shape import batch_axes, cast, conj, real

OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


# fft


def _fft_shape(x: Node, **params: Any) -> tuple[Shape, np.dtype]:
    return x.shape, dtypes.to_complex(x.dtype)


def _fft_transpose(g: Node, x: Node, **params: Any) -> Node:
    out = fft(g, **params)
    return cast(out if x.dtype.kind == "c" else real(out), x.dtype)


fft = Linear("fft", _fft_shape, _fft_transpose, batch=batch_axes)


# rfft, irfft


@lru_cache(maxsize=256)
def _places(n: int, dtype: np.dtype, behind: int, inverted: bool) -> Node:
    """How often each element of the half spectrum stands in the whole one, or one over it, with `behind` axes to follow."""
    places = np.full(n // 2 + 1, 0.5 if inverted else 2.0, dtype)
    places[0] = 1.0
    if n % 2 == 0:
        places[-1] = 1.0
    return shared(constant(places.reshape(-1, *(1,) * behind)))


def _rfft_shape(x: Node, axis: int, norm: str) -> tuple[Shape, np.dtype]:
    shape = x.shape
    return (*shape[:axis], shape[axis] // 2 + 1, *shape[axis + 1 :]), dtypes.to_complex(x.dtype)


def _rfft_transpose(g: Node, x: Node, axis: int, norm: str) -> Node:
    n = x.shape[axis]
    weighted = conj(g) * _places(n, dtypes.to_real(g.dtype), x.ndim - axis - 1, True)
    return cast(irfft(weighted, axis=axis, n=n, norm=OPPOSITE[norm]), x.dtype)


rfft = Linear("rfft", _rfft_shape, _rfft_transpose, batch=batch_axes)


def _irfft_shape(x: Node, axis: int, n: int, norm: str) -> tuple[Shape, np.dtype]:
    shape = x.shape
    return (*shape[:axis], n, *shape[axis + 1 :]), dtypes.to_real(x.dtype)


def _irfft_transpose(g: Node, x: Node, axis: int, n: int, norm: str) -> Node:
    return conj(rfft(g, axis=axis, norm=OPPOSITE[norm])) * _places(n, g.dtype, x.ndim - axis - 1, False)


irfft = Linear("irfft", _irfft_shape, _irfft_transpose, batch=batch_axes)
