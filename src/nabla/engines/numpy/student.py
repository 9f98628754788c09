"""NumPy kernels: Student's distribution function and its derivatives in the degrees of freedom.

The derivative is the integral of that of the density, from 0 to t (at 0 it is zero), or for large t from t on. With
share = t**2 / (v + t**2) and A = digamma((v+1)/2) - digamma(v/2) - 1/v, the logarithm of the density has the derivatives

    (A + log(1 - share) + share + share/v) / 2,    (A' + share**2/v - share (2 - share)/v**2) / 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.incomplete import flat, log1pmx
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.polygamma import betaln, rise
from nabla.engines.numpy.special import BERNOULLI, in_blocks, of_scipy, rule
from nabla.primitives import incomplete as i
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

DEPTH = 48.0
"""The tail is cut where the density has fallen by exp(-48)."""


def _offset(v: Any, n: int) -> Any:
    """A (n = 0) or its derivative; for large v by the asymptotic series that follows from DLMF 5.11.2."""
    far = v > 30.0
    wide, close = np.where(far, v, 30.0), np.where(far, 1.0, v)
    series = np.zeros_like(wide)
    for k in range(len(BERNOULLI), 0, -1):
        series = (series + (4.0**k - 1.0) * BERNOULLI[k - 1] * (-2.0 if n else 1.0 / k)) / (wide * wide)
    if n:
        return np.where(far, series / wide, 0.5 * rise(1, 0.5 * close, 0.5) + 1.0 / (close * close))
    return np.where(far, series, rise(0, 0.5 * close, 0.5) - 1.0 / close)


def _integral(v: Any, t: Any, order: int) -> Any:
    """From 0 to t where t <= 2, else the negative of that from t on, in the logarithm of t; for t > 0."""
    near = t <= 2.0
    part = t * (t / v)
    grown = np.log1p(part) + 2.0 * DEPTH / v  # the logarithm of 1 + part where the tail is cut
    reach = 0.5 * (grown + np.log(-np.expm1(-grown)) - np.log(part))
    first = np.minimum(reach, 6.0)  # from there on the tail is a power
    nodes, weights = rule()
    column = lambda z: z[:, None]
    points = np.concatenate([column(first) * nodes, column(first) + column(reach - first) * nodes], axis=1)
    lengths = np.concatenate([column(first) * weights, column(reach - first) * weights], axis=1)
    nodes, weights = np.concatenate([nodes, nodes + 1.0]) / 2.0, np.concatenate([weights, weights]) / 2.0
    s = np.where(column(near), 0.0, points)
    u = np.where(column(near), column(t) * nodes, 0.0)
    logs = 2.0 * np.where(column(near), np.log(u), column(np.log(t)) + s) - np.log(column(v))  # of u**2 / v
    spread = np.logaddexp(0.0, logs)
    share = np.exp(logs - spread)
    score = 0.5 * (column(_offset(v, 0)) + log1pmx(-share) + share / column(v))
    far_score = 0.5 * (column(_offset(v, 0)) - spread + share + share / column(v))
    score = np.where(share > 0.5, far_score, score)
    if order == 2:
        curve = 0.5 * (column(_offset(v, 1)) + share * share / column(v) - share * (2.0 - share) / column(v * v))
        score = score * score + curve
    log_density = column(-betaln(0.5 * v, np.full_like(v, 0.5)) - 0.5 * np.log(v)) - 0.5 * (column(v) + 1.0) * spread
    log_length = np.where(column(near), np.log(column(t) * weights), np.log(lengths) + column(np.log(t)) + s)
    total = np.sum(np.exp(log_density + log_length) * score, axis=1)
    return np.where(near, total, -total)


def _stdtr(v: Any, t: Any, order: int) -> Any:
    if order == 0:
        return of_scipy("stdtr")(v, t)
    v, t, shape, dtype = flat(v, t)
    found = np.full(v.shape, np.nan)
    found[(v > 0.0) & ((t == 0.0) | np.isinf(t) | ((v == np.inf) & ~np.isnan(t)))] = 0.0
    inside = (v > 0.0) & (v < np.inf) & (t != 0.0) & np.isfinite(t)
    if inside.any():
        size = in_blocks(lambda v, t: _integral(v, t, order), v[inside], np.abs(t[inside]))
        found[inside] = np.sign(t[inside]) * size
    return found.reshape(shape).astype(dtype)


OF_SCIPY = [i.stdtrit, i.stdtridf, i.btdtria, i.btdtrib]


def _gamma_shape(p: Any, x: Any) -> Any:
    return special.gdtrib(1.0, p, x).astype(p.dtype, copy=False)


KERNELS: dict[Primitive, Kernel] = {
    i.stdtr: _stdtr,
    **{prim: of_scipy(prim.name) for prim in OF_SCIPY},
    i.gamma_shape: _gamma_shape,
}
