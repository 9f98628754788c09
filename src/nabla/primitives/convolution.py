"""conv: sums of products over windows, of which convolutions, correlations and both their derivatives are cases.

    out[b, n, o, p] = sum over c, k of x[b, n, c, q] w[b, o, c, k]   where  q = (strides p + w_dilation k - low) / x_dilation

p, k and q have one entry for each spatial axis; where q is no position in x, x counts as 0. So the axes are

    x (groups, rows, channels, *positions)   w (groups, columns, channels, *taps)   out (groups, rows, columns, *places)

and the parameters, a tuple with an entry for each spatial axis: `strides` from place to place; `padding`, pairs (low, high) of
zeros put around x, negative ones cut it; `x_dilation` and `w_dilation`, the distances between the elements of x and of w. It
does not turn w round, as a convolution in the strict sense would.

With the axis of groups in front and rows and columns alike, both transposes are conv again. The cotangent of x at q sums over
p and k with x_dilation q = strides p + w_dilation k - low: the cotangent of out, dilated by `strides`, is gone through with w
turned round, rows and channels of w exchanged. That of w at k sums over p with the same relation: x is gone through with the
cotangent as the window. Strides and dilations change places in both. Source: V. Dumoulin and F. Visin, "A guide to convolution
arithmetic for deep learning" (2016), chapters 4 and 5, for the lengths.
"""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nabla.graph.node import Node
from nabla.primitives.base import Shape, zeros
from nabla.primitives.kinds import Multilinear
from nabla.primitives.shape import flip, move_axis, reshape, transpose

Numbers = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


def extent(n: int, dilation: int) -> int:
    """The length of n elements that stand `dilation` apart."""
    return (n - 1) * dilation + 1 if n else 0


def places(n: int, taps: int, stride: int, low: int, high: int, x_dilation: int, w_dilation: int) -> int:
    """The number of windows along one axis."""
    room = low + extent(n, x_dilation) + high - extent(taps, w_dilation)
    return room // stride + 1 if room >= 0 else 0


def _conv_shape(
    x: Node, w: Node, strides: Numbers, padding: Padding, x_dilation: Numbers, w_dilation: Numbers
) -> tuple[Shape, np.dtype]:
    xs, ws = x.shape, w.shape
    spatial = [
        places(n, taps, stride, low, high, xd, wd)
        for n, taps, stride, (low, high), xd, wd in zip(xs[3:], ws[3:], strides, padding, x_dilation, w_dilation)
    ]
    return (xs[0], xs[1], ws[1], *spatial), x.dtype


def channels_first(x: Node) -> Node:
    """The axes of rows and of channels exchanged."""
    return transpose(x, perm=(0, 2, 1, *range(3, x.ndim)))


def turned(w: Node) -> Node:
    """The order of the taps turned round along every spatial axis."""
    return flip(w, axes=tuple(range(3, w.ndim)))


def _to_x(g: Node, x: Node, w: Node, strides: Numbers, padding: Padding, x_dilation: Numbers, w_dilation: Numbers) -> Node:
    if g.size == 0:
        return zeros(x.shape, x.dtype)
    around = []
    for n, taps, count, stride, (low, _), xd, wd in zip(
        x.shape[3:], w.shape[3:], g.shape[3:], strides, padding, x_dilation, w_dilation
    ):
        before = extent(taps, wd) - 1 - low
        around.append((before, extent(n, xd) + extent(taps, wd) - 1 - before - extent(count, stride)))
    return conv(g, channels_first(turned(w)), strides=x_dilation, padding=tuple(around), x_dilation=strides, w_dilation=w_dilation)


def _to_w(g: Node, x: Node, w: Node, strides: Numbers, padding: Padding, x_dilation: Numbers, w_dilation: Numbers) -> Node:
    if g.size == 0:
        return zeros(w.shape, w.dtype)
    around = []
    for n, taps, count, stride, (low, _), xd, wd in zip(
        x.shape[3:], w.shape[3:], g.shape[3:], strides, padding, x_dilation, w_dilation
    ):
        around.append((low, extent(taps, wd) - 1 + extent(count, stride) - low - extent(n, xd)))
    out = conv(
        channels_first(x),
        channels_first(g),
        strides=w_dilation,
        padding=tuple(around),
        x_dilation=x_dilation,
        w_dilation=strides,
    )
    return channels_first(out)


def _merged(x: Node, axis: int) -> Node:
    """The lanes, in front, as part of the axis of groups (0) or of rows (1)."""
    shape = x.shape
    if axis and shape[1] != 1:
        x = move_axis(x, 0, 1)
    return reshape(x, shape=(*shape[1 : 1 + axis], shape[0] * shape[1 + axis], *shape[2 + axis :]))


def _batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    """Both mapped: the lanes are further groups. One mapped: they are further rows, or columns, and the other is not repeated."""
    x, w = inputs
    params: Any = node.params
    if all(mapped):
        out = conv(_merged(x, 0), _merged(w, 0), **params)
        return reshape(out, shape=(size, *node.shape)), True
    if mapped[0]:
        out, axis = conv(_merged(x, 1), w, **params), 1
    else:
        out, axis = conv(x, _merged(w, 1), **params), 2
    shape = node.shape
    return move_axis(reshape(out, shape=(*shape[:axis], size, *shape[axis:])), axis, 0), True


conv = Multilinear("conv", _conv_shape, _to_x, _to_w, batch=_batch)
