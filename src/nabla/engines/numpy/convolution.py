"""NumPy kernels: conv, as products of matrices by BLAS. No loop runs over elements.

Every window of x is seen through a view with one axis for each place and one for each tap; the view is copied, block by block,
into a matrix that BLAS multiplies by w. A block is small enough to stay in the cache. There are two ways to lay it out:

- by places, where there are more places than taps (a layer of a network): w times (channels, taps) x places, so that the
  result has its axes as they are wanted;
- by rows, where there are few places and a large window (the derivative of such a layer by w): rows x (channels, taps) times w.

Where x is dilated and the strides are 1 (the derivative of a strided convolution by x, a transposed convolution), most of what a
window sees would be zeros. Then each element of x is multiplied by all taps, and the products are added where they belong, tap by
tap.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any, Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nabla.engines.numpy.kernel import Kernel
from nabla.primitives.base import Primitive
from nabla.primitives.convolution import conv, extent, places

Numbers = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

BLOCK = 1 << 18
"""Elements of a block of windows."""


def _conv(x: Any, w: Any, strides: Numbers, padding: Padding, x_dilation: Numbers, w_dilation: Numbers) -> Any:
    if x.dtype.char == "e":  # float16 accumulates in float32
        return _conv(x.astype(np.float32), w.astype(np.float32), strides, padding, x_dilation, w_dilation).astype(np.float16)
    spatial = zip(x.shape[3:], w.shape[3:], strides, padding, x_dilation, w_dilation)
    size = tuple([places(n, taps, stride, low, high, xd, wd) for n, taps, stride, (low, high), xd, wd in spatial])
    out = np.empty((*x.shape[:2], w.shape[1], *size), x.dtype)
    if out.size == 0:
        return out
    if x.size == 0 or w.size == 0:
        out[...] = 0
    elif max(x_dilation, default=1) > 1 and max(strides) == 1:
        _scattered(x, w, padding, x_dilation, w_dilation, out)
    else:
        x = _bordered(x, padding, x_dilation)
        if x.shape[1] == x.shape[2] == w.shape[1] == 1 and x.ndim == 4 and max(w_dilation) == max(strides) == 1:
            _lines(x, w, out)
        else:
            _windowed(x, w, strides, w_dilation, out)
    return out


def _bordered(x: Any, padding: Padding, dilation: Numbers) -> Any:
    """x dilated, with zeros around it or cut."""
    if max(dilation, default=1) == 1 and not any(low or high for low, high in padding):
        return x
    lengths = [extent(n, d) for n, d in zip(x.shape[3:], dilation)]
    shape = [low + n + high for n, (low, high) in zip(lengths, padding)]
    whole = np.zeros((*x.shape[:3], *shape), x.dtype)
    into: list[Any] = [slice(None)] * 3
    of: list[Any] = [slice(None)] * 3
    for n, d, (low, _), room in zip(x.shape[3:], dilation, padding, shape):
        first = max(0, -(low // d))  # the first element with low + d i >= 0
        last = max(first, min(n, (room - 1 - low) // d + 1))
        into.append(slice(low + d * first, max(low + d * (last - 1) + 1, 0) if last > first else low + d * first, d))
        of.append(slice(first, last))
    whole[tuple(into)] = x[tuple(of)]
    return whole


def _lines(x: Any, w: Any, out: Any) -> None:
    """One line with one window to a group, as NumPy's own correlation does it."""
    for line, window, result in zip(x[:, 0, 0], w[:, 0, 0], out[:, 0, 0]):
        result[...] = np.correlate(line[: len(result) + len(window) - 1], window.conj(), "valid")


def _windowed(x: Any, w: Any, strides: Numbers, w_dilation: Numbers, out: Any) -> None:
    ndim = len(strides)
    taps, size = w.shape[3:], out.shape[3:]
    steps = x.strides[3:]
    of_places = tuple([stride * step for stride, step in zip(strides, steps)])
    of_taps = tuple([d * step for d, step in zip(w_dilation, steps)])
    groups, rows, channels = x.shape[:3]
    by_places = prod(size) >= prod(taps)
    # With the axes of places last and in order, an output block has its axes as they are; by rows, the taps are last.
    if by_places:
        shape, inner = (groups, rows, channels, *taps, *size), (*x.strides[:3], *of_taps, *of_places)
        factor = w.reshape(groups, 1, w.shape[1], -1)
    else:
        shape, inner = (groups, rows, *size, channels, *taps), (*x.strides[:2], *of_places, x.strides[2], *of_taps)
        factor = w.reshape(groups, w.shape[1], -1).swapaxes(1, 2)
    windows = as_strided(x, shape, inner, writeable=False)
    first = 3 + ndim if by_places else 2
    width = channels * prod(taps)
    for block in _blocks((groups, rows, *size), max(1, BLOCK // width)):
        at = (slice(None),) * (first - 2)
        part = windows[(*block[:2], *at, *block[2:])]
        if by_places:
            matrix = part.reshape(*part.shape[:2], width, -1)
            found = np.matmul(factor[block[0]], matrix)
            out[(*block[:2], slice(None), *block[2:])] = found.reshape(*found.shape[:3], *part.shape[first:])
        else:
            lengths = part.shape[: 2 + ndim]
            matrix = part.reshape(lengths[0], -1, width)
            found = np.matmul(matrix, factor[block[0]]).reshape(*lengths, -1)
            out[(*block[:2], slice(None), *block[2:])] = np.moveaxis(found, -1, 2)


def _blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """The array cut along its first axes into blocks of `most` elements or less."""
    pieces = []
    for axis, n in enumerate(shape):
        behind = prod(shape[axis + 1 :])
        length = max(1, min(n, most // behind)) if behind <= most else 1
        pieces.append([slice(i, min(i + length, n)) for i in range(0, n, length)])
    return product(*pieces)


def _scattered(x: Any, w: Any, padding: Padding, x_dilation: Numbers, w_dilation: Numbers, out: Any) -> None:
    """Strides are 1: with x_dilation q = p + w_dilation k - low, element q of x reaches the places p."""
    out[...] = 0
    groups, rows, channels = x.shape[:3]
    size, taps, lengths = out.shape[3:], w.shape[3:], x.shape[3:]
    columns = w.shape[1]
    # (groups, taps, columns, channels), so that the products for one tap lie together
    factor = np.moveaxis(w.reshape(groups, columns, channels, -1), -1, 1).reshape(groups, 1, -1, channels)
    for row in _blocks((groups, rows), max(1, BLOCK // (columns * prod(taps) * prod(lengths)))):
        some = x[row]
        found = np.matmul(factor[row[0]], some.reshape(*some.shape[:3], -1))
        found = found.reshape(*some.shape[:2], prod(taps), columns, *lengths)
        into = out[row]
        for i, tap in enumerate(np.ndindex(*taps)):
            to: list[Any] = [slice(None)] * 3
            of: list[Any] = [slice(None)] * 3
            for k, n, count, (low, _), xd, wd in zip(tap, lengths, size, padding, x_dilation, w_dilation):
                start = low - wd * k  # the place that element 0 reaches
                first = max(0, -(start // xd))
                last = min(n, (count - 1 - start) // xd + 1)
                if last <= first:
                    break
                to.append(slice(start + xd * first, start + xd * (last - 1) + 1, xd))
                of.append(slice(first, last))
            else:
                into[tuple(to)] += found[:, :, i][tuple(of)]


KERNELS: dict[Primitive, Kernel] = {conv: _conv}
