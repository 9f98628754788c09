"""NumPy kernels: the incomplete beta function and its derivatives in the parameters. The method is that of incomplete.py.

Points right of 1/2 are mirrored: I(a, b, x) = 1 - I(b, a, 1 - x). Notation: y = 1 - x, and u = log(t / (1 - t)) is
what is integrated over.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.incomplete import DEPTH, expm1mx, flat, log1pmx, log_less_line, stirling
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.polygamma import rise
from nabla.engines.numpy.special import in_blocks, of_scipy, rule
from nabla.primitives import incomplete as i
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")


def _power(a: Any, b: Any, x: Any, y: Any) -> Any:
    """x**a y**b / (a beta(a, b)): Stirling's formula three times, with what it leaves out."""
    total = a + b
    gap = b * x - a * y
    few = np.maximum(a, 1e-290)
    exponent = few * log_less_line(total * x / few, gap / few) + b * log_less_line(total * y / b, -gap / b)
    return np.exp(exponent) * stirling(total) / (stirling(a) * stirling(b)) * (b / total) / np.sqrt(2.0 * np.pi)


def _scaled_slope(a: Any, b: Any) -> Any:
    """a (digamma(a + b) - digamma(a)), which is 1 where a = 0."""
    little = 1.0 + a * (special.digamma(a + b) - special.digamma(a + 1.0))
    return np.where((a < 1.0) & (b >= 0.05 * a), little, np.where(a > 0.0, a * rise(0, a, b), 1.0))


class _Weights:
    """The derivative of the density in the parameters over x**a y**b / (a beta(a, b)), from the logarithms of t and 1 - t."""

    def __init__(self, a: Any, b: Any, orders: tuple[int, int]) -> None:
        column = lambda z: z[:, None]
        self.orders, self.a = orders, column(a)
        self.slope = column(_scaled_slope(a, b))
        self.slope_b = column(rise(0, b, a))
        self.trigamma = column(special.polygamma(1, a + b))
        if orders == (2, 0):
            self.near = column(a < 1.0)
            self.digammas = column(special.digamma(a + b) - special.digamma(a + 1.0))
            self.trigammas = column(special.polygamma(1, a + b) - special.polygamma(1, a + 1.0))
            self.rise = column(np.where(a < 1.0, 0.0, a * a * rise(1, np.maximum(a, 1.0), b)))
        elif orders == (0, 2):
            self.rise = column(rise(1, b, a))

    def __call__(self, log_t: Any, log_rest: Any) -> Any:
        a = self.a
        by_a = a * log_t + self.slope
        if self.orders == (1, 0):
            return by_a
        if self.orders == (2, 0):
            y = log_t + self.digammas
            return np.where(self.near, a * (y * y + self.trigammas) + 2.0 * y, (by_a * by_a + self.rise) / np.maximum(a, 1.0))
        by_b = log_rest + self.slope_b
        if self.orders == (0, 1):
            return a * by_b
        if self.orders == (0, 2):
            return a * (by_b * by_b + self.rise)
        return by_a * by_b + a * self.trigamma


def _series(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    """For b x < 1 or b < 1: I = x**a / (a beta(a, b)) (1 + sum of (1-b)_n x**n a / (n! (a+n))), DLMF 8.17.7."""
    zero = np.zeros_like(x)
    s, s_a, s_aa, s_b, s_bb, s_ab = np.ones_like(x), zero, zero, zero, zero, zero
    c, c_b, c_bb = np.ones_like(x), zero, zero  # (1-b)_n x**n / n! and its derivatives in b
    for n in range(1, 64):
        step, fall = (n - b) / n * x, x / n
        c, c_b, c_bb = c * step, c_b * step - c * fall, c_bb * step - 2.0 * c_b * fall
        e = a / (a + n)
        e_a = n / (a + n) ** 2
        s, s_a, s_aa = s + c * e, s_a + c * e_a, s_aa - 2.0 * c * e_a / (a + n)
        s_b, s_bb, s_ab = s_b + c_b * e, s_bb + c_bb * e, s_ab + c_b * e_a
    factor = _power(a, b, x, 1.0 - x) * np.exp(-b * np.log1p(-x))
    by_a = np.log(x) - special.digamma(a + 1.0) + special.digamma(a + b)
    if orders == (1, 0):
        return factor * (by_a * s + s_a)
    if orders == (2, 0):
        curve = by_a * by_a - special.polygamma(1, a + 1.0) + special.polygamma(1, a + b)
        return factor * (curve * s + 2.0 * by_a * s_a + s_aa)
    by_b = rise(0, b, a)
    if orders == (0, 1):
        return factor * (by_b * s + s_b)
    if orders == (1, 1):
        return factor * (by_b * (by_a * s + s_a) + special.polygamma(1, a + b) * s + by_a * s_b + s_ab)
    # by_b is 1/b and a rest: for small b its square and its derivative cancel but for products of the rest.
    rest = special.digamma(a + b) - special.digamma(b + 1.0)
    split = 2.0 * rest / b + rest * rest + special.polygamma(1, a + b) - special.polygamma(1, b + 1.0)
    curve = np.where((b < 1.0) & (a >= 0.05 * b), split, by_b * by_b + rise(1, b, a))
    return factor * (curve * s + 2.0 * by_b * s_b + s_bb)


def _integral(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    """From 0 to x where the derivative of the density in a is negative, else from x to 1."""
    y = 1.0 - x
    total = a + b
    left = a * np.log(x) + _scaled_slope(a, b) < 0.0
    side = np.where(left, -1.0, 1.0)
    # At distance s from x in u the integrand has fallen by tilt s + total (bend), a convex function.
    tilt = side * (b * x - a * y)

    def fall(s: Any, side: Any, tilt: Any, total: Any, x: Any) -> Any:
        grown = x * np.expm1(side * s)
        near = s < 0.7  # both forms are log(1 + grown) - x side s
        bend = np.where(near, log1pmx(np.where(near, grown, 0.0)) + x * expm1mx(side * s), np.log1p(grown) - x * side * s)
        return tilt * s + total * bend

    reach = np.where(left, (DEPTH - total * np.log1p(-x)) / np.maximum(a, 0.1), (DEPTH - total * np.log(x)) / b)
    gaussian = np.sqrt(6.0 * DEPTH / (total * x * y)) + 2.0 * np.maximum(-tilt, 0.0) / (total * x * y)
    reach = np.minimum(reach, np.where(gaussian <= 1.0, gaussian, np.inf))
    for _ in range(8):
        t = x * np.exp(side * reach) / (y + x * np.exp(side * reach))
        slope = side * (total * t - a)
        reach = reach - (fall(reach, side, tilt, total, x) - DEPTH) / slope
    column = lambda z: z[:, None]
    nodes, weights = rule()
    s = column(reach) * nodes
    turned = column(side) * s
    spread = np.log1p(column(x) * np.expm1(turned))
    log_t, log_rest = column(np.log(x)) + turned - spread, column(np.log1p(-x)) - spread
    values = np.exp(-fall(s, column(side), column(tilt), column(total), column(x))) * _Weights(a, b, orders)(log_t, log_rest)
    return -side * _power(a, b, x, y) * reach * (values @ weights)


def _lower_half(a: Any, b: Any, x: Any, orders: tuple[int, int]) -> Any:
    found = np.empty_like(x)
    near = (b * x <= 1.0) | (b <= 1.0)
    for method, where in ((_series, near), (_integral, ~near)):
        if where.any():
            found[where] = in_blocks(lambda a, b, x, method=method: method(a, b, x, orders), a[where], b[where], x[where])
    return found


def _betainc(a: Any, b: Any, x: Any, order_a: int, order_b: int) -> Any:
    if order_a + order_b == 0:
        return of_scipy("betainc")(a, b, x)
    a, b, x, shape, dtype = flat(a, b, x)
    found = np.full(a.shape, np.nan)
    proper = (a >= 0.0) & (b >= 0.0) & (a + b > 0.0) & (a + b < np.inf)
    found[proper & ((x == 0.0) & (a > 0.0) | (x == 1.0) & (b > 0.0))] = 0.0
    lower, upper = proper & (x > 0.0) & (x <= 0.5) & (b > 0.0), proper & (x > 0.5) & (x < 1.0) & (a > 0.0)
    if lower.any():
        found[lower] = _lower_half(a[lower], b[lower], x[lower], (order_a, order_b))
    if upper.any():
        found[upper] = -_lower_half(b[upper], a[upper], 1.0 - x[upper], (order_b, order_a))
    return found.reshape(shape).astype(dtype)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """x**(a-1) (1-x)**(b-1) / beta(a, b)."""
    a, b, x, shape, dtype = flat(a, b, x)
    inside = (x > 0.0) & (x < 1.0)
    z = np.where(inside, x, 0.5)
    found = _power(a, b, z, 1.0 - z) * (a / (z * (1.0 - z)))
    own, other = np.where(x == 0.0, a, b), np.where(x == 0.0, b, a)
    at_end = np.where(own > 1.0, 0.0, np.where(own == 1.0, other, np.inf))
    found = np.where(inside, found, np.where((x == 0.0) | (x == 1.0), at_end, np.nan))
    return np.where((a >= 0.0) & (b >= 0.0), found, np.nan).reshape(shape).astype(dtype)


KERNELS: dict[Primitive, Kernel] = {
    i.betainc: _betainc,
    i.beta_density: _beta_density,
}
