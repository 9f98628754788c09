"""Convolutions of images and other signals, and their transposes. Derivatives and vmap are those of the primitive conv."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Sequence

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, as_node, op, together
from nabla.ops.nn.spatial import borders, one_for_each
from nabla.primitives import convolution as c
from nabla.primitives.elementwise import add
from nabla.primitives.shape import move_axis, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _operands(name: str, x: ArrayLike, w: ArrayLike) -> tuple[Node, Node, int]:
    """Both in their common dtype, and the number of spatial axes, which w tells."""
    x, w = together((x, w))
    ndim = w.ndim - 2
    if ndim < 1:
        raise ShapeError(f"{name}: w has two axes of channels and at least one spatial one; got the shape {w.shape}")
    if x.ndim < ndim + 1:
        raise ShapeError(f"{name}: x has the shape (..., channels, *spatial) with {ndim} spatial axes, as w; got {x.shape}")
    if 0 in w.shape[2:]:
        raise ShapeError(f"{name}: a window has at least one element; got w of shape {w.shape}")
    return x, w, ndim


def _in_groups(x: Node, ndim: int, groups: int) -> Node:
    """(..., groups * channels, *spatial) as (groups, rows, channels, *spatial)."""
    axis = x.ndim - ndim - 1
    spatial = x.shape[axis + 1 :]
    split = reshape(x, shape=(prod(x.shape[:axis]), groups, x.shape[axis] // groups, *spatial))
    if groups > 1:
        return move_axis(split, 1, 0)
    return reshape(split, shape=(1, split.shape[0], split.shape[2], *spatial))


def _out_of_groups(out: Node, leading: Sequence[int]) -> Node:
    groups, _, channels, *spatial = out.shape
    if groups > 1:
        out = move_axis(out, 0, 1)
    return reshape(out, shape=(*leading, groups * channels, *spatial))


def _groups(name: str, groups: Any, channels: int, what: str) -> int:
    found = integer(name, "groups", groups, 1)
    if channels % found:
        raise ShapeError(f"{name}: {what}, {channels}, do not make {found} groups of one size")
    return found


def _with_bias(name: str, out: Node, bias: ArrayLike | None, axis: int) -> Node:
    if bias is None:
        return out
    b = as_node(bias)
    if b.shape != (out.shape[axis],):
        raise ShapeError(f"{name}: bias has a number for each of the {out.shape[axis]} channels out; got shape {b.shape}")
    return add(out, reshape(b, shape=(*b.shape, *(1,) * (out.ndim - axis - 1))))


@op
def conv(
    x: ArrayLike,
    w: ArrayLike,
    /,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Sums of products of `w` with each window of `x`: what networks call a convolution. `w` is not turned round.

    x: (..., channels, *spatial), with any number of leading axes. w: (channels out, channels / groups, *window); its number of
    spatial axes, 1, 2, 3 or more, is that of the convolution. The result: (..., channels out, *places).

    stride: from one window to the next. dilation: from one element of a window to the next. Each is a number, or one for each
    spatial axis. padding: zeros around x; a number, one for each axis, or a pair (before, behind) for each axis; "valid" is none,
    "same" so many that there are ceil(length / stride) places. groups: the channels, in and out, are that many groups, each
    for itself; with groups=channels the convolution is depthwise.

    bias: a number for each channel out, which is added. Integers stay integers. Raises ShapeError where shapes do not fit.

    >>> x = nb.asarray([[[1.0, 2.0, 3.0, 4.0]]])
    >>> nb.nn.conv(x, [[[1.0, 1.0]]]).tolist()
    [[[3.0, 5.0, 7.0]]]
    >>> nb.nn.conv(x, [[[1.0, 1.0]]], stride=2, padding="same").tolist()
    [[[3.0, 7.0]]]
    """
    x, w, ndim = _operands("conv", x, w)
    axis = x.ndim - ndim - 1
    groups = _groups("conv", groups, w.shape[0], "the channels that w puts out")
    if x.shape[axis] != w.shape[1] * groups:
        raise ShapeError(
            f"conv: w of shape {w.shape} takes {w.shape[1]} channels in each of {groups} groups, "
            f"and x of shape {x.shape} has {x.shape[axis]}"
        )
    lengths, taps = x.shape[axis + 1 :], w.shape[2:]
    strides = one_for_each("conv", "stride", stride, ndim, 1)
    dilations = one_for_each("conv", "dilation", dilation, ndim, 1)
    out = c.conv(
        _in_groups(x, ndim, groups),
        reshape(w, shape=(groups, w.shape[0] // groups, *w.shape[1:])),
        strides=strides,
        padding=borders("conv", padding, lengths, taps, strides, dilations),
        x_dilation=(1,) * ndim,
        w_dilation=dilations,
    )
    return _with_bias("conv", _out_of_groups(out, x.shape[:axis]), bias, axis)


@op
def conv_transpose(
    x: ArrayLike,
    w: ArrayLike,
    /,
    bias: ArrayLike | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The transpose of `conv` with the same `w` and arguments, as a map of x: each element puts out a window, and these add up.

    x: (..., channels, *spatial). w: (channels, channels out / groups, *window), as the `conv` has it that this is the transpose
    of. The result: (..., channels out, *spatial), of the lengths

        (length - 1) * stride - 2 * padding + dilation * (window - 1) + output_padding + 1

    output_padding: further places at the end, since a strided convolution takes inputs of several lengths to one. bias: a number
    for each channel out, which is added. Raises ShapeError where shapes do not fit.

    >>> nb.nn.conv_transpose([[[1.0, 2.0]]], [[[1.0, 10.0]]], stride=2).tolist()
    [[[1.0, 10.0, 2.0, 20.0]]]
    """
    x, w, ndim = _operands("conv_transpose", x, w)
    axis = x.ndim - ndim - 1
    groups = _groups("conv_transpose", groups, w.shape[0], "the channels that w takes")
    if x.shape[axis] != w.shape[0]:
        raise ShapeError(
            f"conv_transpose: w of shape {w.shape} takes {w.shape[0]} channels, and x of shape {x.shape} has {x.shape[axis]}"
        )
    strides = one_for_each("conv_transpose", "stride", stride, ndim, 1)
    dilations = one_for_each("conv_transpose", "dilation", dilation, ndim, 1)
    cuts = one_for_each("conv_transpose", "padding", padding, ndim, 0)
    more = one_for_each("conv_transpose", "output_padding", output_padding, ndim, 0)
    around = [(d * (k - 1) - p, d * (k - 1) - p + m) for k, d, p, m in zip(w.shape[2:], dilations, cuts, more)]
    lengths = [c.extent(n, s) + low + high - d * (k - 1) for n, s, (low, high), k, d in
               zip(x.shape[axis + 1 :], strides, around, w.shape[2:], dilations)]  # fmt: skip
    if min(lengths) < 1:
        raise ShapeError(f"conv_transpose: nothing is left of x with shape {x.shape}: padding {padding} cuts off all")
    by_group = reshape(w, shape=(groups, w.shape[0] // groups, *w.shape[1:]))
    out = c.conv(
        _in_groups(x, ndim, groups),
        c.channels_first(c.turned(by_group)),
        strides=(1,) * ndim,
        padding=tuple(around),
        x_dilation=strides,
        w_dilation=dilations,
    )
    return _with_bias("conv_transpose", _out_of_groups(out, x.shape[:axis]), bias, axis)
