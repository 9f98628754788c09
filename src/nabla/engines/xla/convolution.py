"""XLA kernels: conv, which XLA has with groups of channels, and without an axis for them.

Float16 accumulates in float32; products are taken in full precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.xla.kernel import Kernel, in_single, lax, reshape, untransposed
from nabla.primitives.base import Primitive
from nabla.primitives.convolution import Numbers, Padding, conv, places


def _conv(x: Any, w: Any, strides: Numbers, padding: Padding, x_dilation: Numbers, w_dilation: Numbers) -> Any:
    groups, rows, channels, *positions = x.shape
    columns, taps = w.shape[1], w.shape[3:]
    spatial = zip(positions, taps, strides, padding, x_dilation, w_dilation)
    size = [places(n, k, stride, low, high, xd, wd) for n, k, stride, (low, high), xd, wd in spatial]
    if 0 in (*x.shape, *w.shape, *size):
        return lax.full((groups, rows, columns, *size), 0, x.dtype)
    if not positions:
        return lax.dot_general(x, w, (((2,), (2,)), ((0,), (0,))), precision=lax.Precision.HIGHEST)
    rest = range(3, x.ndim)
    if groups == 1:
        (left, of_left), (right, of_right) = _without_groups(x), _without_groups(w)
    else:
        left = reshape(lax.transpose(x, (1, 0, 2, *rest)), (rows, groups * channels, *positions))
        right = reshape(w, (groups * columns, channels, *taps))
        of_left = of_right = tuple(range(x.ndim - 1))
    out = lax.conv_general_dilated(
        left,
        right,
        strides,
        padding,
        lhs_dilation=x_dilation,
        rhs_dilation=w_dilation,
        dimension_numbers=lax.ConvDimensionNumbers(of_left, of_right, tuple(range(x.ndim - 1))),
        feature_group_count=groups,
        precision=lax.Precision.HIGHEST,
    )
    if groups == 1:
        return reshape(out, (1, rows, columns, *size))
    return lax.transpose(lax.reshape(out, (rows, groups, columns, *size)), (1, 0, 2, *rest))


def _without_groups(x: Any) -> tuple[Any, tuple[int, ...]]:
    """An array of one group without that axis, in the order in which it lies, and where its axes are there."""
    base, perm = untransposed(x)
    if perm[0]:
        base, perm = x, tuple(range(x.ndim))
    return reshape(base, base.shape[1:]), tuple([axis - 1 for axis in perm[1:]])


def _exact(x: Any, w: Any, **params: Any) -> Any:
    """Booleans are convolved as numbers."""
    return _conv(x.astype(np.int32), w.astype(np.int32), **params) != 0 if x.dtype.kind == "b" else _conv(x, w, **params)


KERNELS: dict[Primitive, Kernel] = {conv: in_single(_exact)}
