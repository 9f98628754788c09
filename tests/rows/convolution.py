"""Rows of conv: strides, dilations, borders that are added and cut, groups, one to three spatial axes."""

from itertools import product

import numpy as np

from rows.row import Row, normal


def by_loops(x, w, strides, padding, x_dilation, w_dilation):
    """The definition in primitives/convolution.py, one product at a time."""
    ndim = len(strides)
    extents = [(n - 1) * d + 1 if n else 0 for n, d in zip(x.shape[3:], x_dilation)]
    windows = [(n - 1) * d + 1 for n, d in zip(w.shape[3:], w_dilation)]
    rooms = [low + n + high - m for (low, high), n, m in zip(padding, extents, windows)]
    size = [room // s + 1 if room >= 0 else 0 for room, s in zip(rooms, strides)]
    out = np.zeros((*x.shape[:2], w.shape[1], *size), x.dtype)
    for place in product(*map(range, size)):
        for tap in product(*map(range, w.shape[3:])):
            at = [strides[i] * place[i] + w_dilation[i] * tap[i] - padding[i][0] for i in range(ndim)]
            if any(a % d for a, d in zip(at, x_dilation)):
                continue
            position = tuple(a // d for a, d in zip(at, x_dilation))
            if all(0 <= q < n for q, n in zip(position, x.shape[3:])):
                seen, weights = x[(..., *position)], w[(..., *tap)]
                out[(..., *place)] += np.einsum("gnc,goc->gno", seen, weights)
    return out


def conv(x, w, strides=1, padding=(0, 0), x_dilation=1, w_dilation=1, **more):
    ndim = len(x) - 3

    def each(given, single):
        return (given,) * ndim if isinstance(given, single) else tuple(given)

    params = {
        "strides": each(strides, int),
        "padding": (padding,) * ndim if isinstance(padding[0], int) else padding,
        "x_dilation": each(x_dilation, int),
        "w_dilation": each(w_dilation, int),
    }
    return Row("conv", [normal(*x), normal(*w)], params, value=lambda x, w: by_loops(x, w, **params), **more)


ROWS = [
    conv((1, 2, 3, 6), (1, 2, 3, 3)),
    conv((1, 1, 1, 6), (1, 1, 1, 3), padding=(2, 2)),
    conv((2, 1, 1, 4), (2, 1, 1, 2), padding=(1, -1)),
    conv((1, 1, 2, 7), (1, 2, 2, 2), strides=3, padding=(1, 2)),
    conv((2, 1, 1, 4), (2, 2, 1, 3), x_dilation=2, padding=(2, 1)),
    conv((1, 2, 1, 8), (1, 1, 1, 3), w_dilation=2, strides=2, padding=(-1, 1)),
    conv((1, 1, 1, 4), (1, 1, 1, 2), strides=2, x_dilation=3, w_dilation=2, padding=(-2, 3)),
    conv((1, 2, 2, 4, 5), (1, 3, 2, 2, 3), strides=(2, 1), padding=((1, 0), (0, 2)), w_dilation=(1, 2)),
    conv((2, 1, 2, 3, 2), (2, 1, 2, 2, 1), x_dilation=(1, 2), padding=((0, 0), (1, -1))),
    conv((1, 1, 1, 3, 3, 2), (1, 2, 1, 2, 1, 2), strides=(1, 2, 1), padding=(1, 0)),
    conv((1, 1, 2, 2), (1, 1, 2, 2)),
    conv((1, 1, 1, 2), (1, 1, 1, 3)),
    conv((1, 0, 2, 4), (1, 2, 2, 2)),
    conv((1, 2, 0, 4), (1, 2, 0, 2), constant="there are no channels to sum over"),
    conv((1, 4, 3, 9, 8), (1, 5, 3, 3, 3), strides=2, padding=(1, 1), exhaustive=True),
]
