"""NumPy kernels: Tricomi's confluent hypergeometric function U and its derivatives by the parameters.

For a > 0 it is an integral of a positive function (DLMF 13.4.4), in u = log(t)

    gamma(a) U(a, b, x) = the integral of exp(a u + (b - a - 1) log(1 + exp(u)) - x exp(u)) over all u,

which the trapezoidal rule gives to all digits, since it is analytic and falls at both ends. A derivative by a or b multiplies
the integrand by u - log(1 + exp(u)) or by log(1 + exp(u)), so that nothing is ever differenced. Smaller a are reached from larger
ones by recurrences, which are differentiated term by term: for b up to x by DLMF 13.3.7, and from there to larger b by
U(a, b) = a U(a + 1, b) + U(a, b - 1), DLMF 13.3.9, where the first one would cancel.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.incomplete import flat
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.polygamma import polygamma
from nabla.engines.numpy.special import in_blocks
from nabla.primitives import hypergeometric as p
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

POINTS = 224
"""Of Gauss's rule."""
DEPTH = 42.0
"""The integral is cut where the integrand has fallen by exp(-42)."""
DEEPEST, WIDEST = 500, 100
"""The most steps of the recurrences in a and b."""

Table = dict[tuple[int, int], Any]


def _logarithm(a: Any, b: Any, x: Any, u: Any) -> Any:
    t = np.exp(u)
    return a * u + (b - a - 1.0) * np.log1p(t) - x * t


def _integrals(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Table:
    """The derivatives up to `orders` for a >= 1."""
    gap = b - 1.0 - x
    size = np.sqrt(gap * gap + 4.0 * a * x)
    with_x = np.where(x > 0.0, x, 1.0)
    peak = np.log(np.where((gap > 0.0) & (x > 0.0), (gap + size) / (2.0 * with_x), 2.0 * a / (size - gap)))
    top = _logarithm(a, b, x, peak)
    ends = []
    for side in (-1.0, 1.0):
        far = 1e-3 / np.sqrt(1.0 + a)
        for _ in range(96):  # by steps that grow, to where it has fallen enough
            inside = top - _logarithm(a, b, x, peak + side * far) < DEPTH
            if not np.any(inside):
                break
            far = np.where(inside, 1.3 * far, far)
        ends.append(peak + side * far)
    low, high = ends
    step = (high - low) / POINTS
    u = low[:, None] + step[:, None] * np.arange(POINTS + 1)
    column = lambda z: z[:, None]
    t = np.exp(u)
    by_b = np.log1p(t)
    by_a = -np.log1p(1.0 / t) if orders[0] else None  # u - log(1 + t)
    values = np.exp(column(a) * u + column(b - a - 1.0) * by_b - column(x) * t - column(top))
    digamma, trigamma = special.digamma(a), polygamma(1, a)
    scale = step * np.exp(top - special.gammaln(a))
    found: Table = {}
    for i in range(orders[0] + 1):
        for j in range(orders[1] + 1):
            weighted = values * by_b**j if j else values
            if i:
                score = by_a - column(digamma)
                weighted = weighted * (score if i == 1 else score * score - column(trigamma))
            found[i, j] = scale * np.sum(weighted, axis=1)
    return found


def _times(factor: Table, table: Table, orders: tuple[int, int]) -> Table:
    """The derivatives of a product with a polynomial in a and b, of which `factor` has those that are not zero."""
    out: Table = {}
    for i in range(orders[0] + 1):
        for j in range(orders[1] + 1):
            out[i, j] = sum(
                comb(i, k) * comb(j, m) * value * table[i - k, j - m] for (k, m), value in factor.items() if k <= i and m <= j
            )
    return out


def _hyperu_table(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    steps = np.where(a < 1.0, np.ceil(1.0 - a), 0.0)
    top = a + steps
    if not np.any(steps):
        return _integrals(a, b, x, orders)[orders]
    levels = np.where(steps > 0.0, np.clip(np.ceil(b - np.maximum(x, 1.0)), 0.0, WIDEST), 0.0)
    lowest = b - levels
    highest = int(np.max(levels))

    def last(row: list[Table]) -> Any:
        found = row[0][orders]
        for k in range(1, highest + 1):
            found = np.where(levels == k, row[k][orders], found)
        return found

    row = [_integrals(top, lowest + k, x, orders) for k in range(highest + 1)]
    above = _integrals(top + 1.0, lowest, x, orders)
    found = last(row)
    for m in range(int(np.max(steps))):
        c = top - m
        # At the lowest b: U(c-1) = (x - b + 2c) U(c) - c (c - b + 1) U(c+1)
        first = _times({(0, 0): x - lowest + 2.0 * c, (1, 0): 2.0, (0, 1): -1.0}, row[0], orders)
        factor = {(0, 0): c * (c - lowest + 1.0), (1, 0): 2.0 * c - lowest + 1.0, (0, 1): -c, (2, 0): 2.0, (1, 1): -1.0}
        second = _times(factor, above, orders)
        below = [{n: first[n] - second[n] for n in first}]
        for k in range(1, highest + 1):
            part = _times({(0, 0): c - 1.0, (1, 0): 1.0}, row[k], orders)
            below.append({n: part[n] + below[-1][n] for n in part})
        above, row = row[0], below
        found = np.where(steps == m + 1, last(row), found)
    return found


def _hyperu(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    """NaN for negative x. At x = 0 and beyond the recurrence's depth the value is SciPy's, and there are no derivatives."""
    a, b, x, shape, dtype = flat(a, b, x)
    found = np.full(a.shape, np.nan) if any(orders) else np.asarray(special.hyperu(a, b, x), np.float64)
    inside = (x > 0.0) & np.isfinite(x) & np.isfinite(a) & np.isfinite(b) & (a > -DEEPEST)
    if inside.any():
        found[inside] = in_blocks(lambda a, b, x: _hyperu_table(a, b, x, orders), a[inside], b[inside], x[inside], block=512)
    return found.reshape(shape).astype(dtype)


KERNELS: dict[Primitive, Kernel] = {p.hyperu: _hyperu}
