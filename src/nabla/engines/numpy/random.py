"""NumPy kernels: random bits, and draws with a loop of attempts. All is computed in float64, whatever the dtype asked for."""

from __future__ import annotations

from math import comb, pi, prod
from typing import Any, Callable

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import random as r
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

CHUNK, BLOCK = 8192, 32768
"""So many elements at a time, and so many words of random bits: what is worked on stays in the cache."""

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)
"""The constants of Threefry-2x32."""
_SHIFT = np.uint64(32)


def _halves(x: Any) -> tuple[Any, Any]:
    return (x >> _SHIFT).astype(np.uint32), x.astype(np.uint32)


def _scramble(key: Any, count: Any) -> Any:
    """Threefry-2x32-20 of 1-d counters under one key or as many; both are uint64."""
    k0, k1 = _halves(key)
    schedule = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = _halves(count)
    turned = np.empty_like(x1)
    x0 += k0
    x1 += k1
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x0 += x1
            np.left_shift(x1, rotation, out=turned)
            x1 >>= 32 - rotation
            x1 |= turned
            x1 ^= x0
        x0 += schedule[(group + 1) % 3]
        x1 += schedule[(group + 2) % 3]
        x1 += np.uint32(group + 1)
    out = x0.astype(np.uint64)
    out <<= _SHIFT
    out |= x1
    return out


def scrambled(key: Any, count: Any) -> Any:
    """The same for many, piece by piece."""
    if count.size <= BLOCK:
        return _scramble(key, count)
    out = np.empty(count.size, np.uint64)
    for i in range(0, count.size, BLOCK):
        out[i : i + BLOCK] = _scramble(key if key.ndim == 0 else key[i : i + BLOCK], count[i : i + BLOCK])
    return out


def _stream(key: Any, first: Any, n: int) -> Any:
    """The scrambled counters from `first` on under one key. Each piece counts for itself: large arrays cost more than that."""
    out = np.empty(n, np.uint64)
    for i in range(0, n, BLOCK):
        out[i : i + BLOCK] = _scramble(key, np.arange(i, min(i + BLOCK, n), dtype=np.uint64) + first)
    return out


def _threefry(key: Any, first: Any, shape: tuple[int, ...]) -> Any:
    keys, firsts = np.asarray(key).reshape(-1), np.asarray(first).reshape(-1)
    n = prod(shape)
    if len(keys) == 1:
        out = _stream(keys[0], firsts[0], n)
    elif n >= CHUNK // 4:
        out = np.array([_stream(k, f, n) for k, f in zip(keys, firsts)], np.uint64)
    else:
        out = scrambled(np.repeat(keys, n), (firsts[:, None] + np.arange(n, dtype=np.uint64)).reshape(-1))
    return out.reshape((*np.shape(key), *shape))


# Draws. `_each` takes the elements apart, and `Attempts` counts those of each.


def _each(draw: Callable[..., Any]) -> Kernel:
    """A kernel of keys and parameters from a function of 1-d arrays in float64."""

    def kernel(key: Any, *params: Any) -> Any:
        arrays = np.broadcast_arrays(key, *params)
        keys = np.ascontiguousarray(arrays[0]).reshape(-1)
        flat = [np.ascontiguousarray(x, np.float64).reshape(-1) for x in arrays[1:]]
        out = draw(keys, *flat)
        if out.dtype.kind == "f":
            out = out.astype(params[0].dtype, copy=False)
        return out.reshape(arrays[0].shape)

    return kernel


class Attempts:
    """The stream of uniform numbers of every element, each in the open interval from 0 to 1."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys
        self.count = 0

    def uniform(self, which: Any = None) -> Any:
        """The next for all, or for the elements `which`."""
        keys = self.keys if which is None else self.keys[which]
        bits = scrambled(keys, np.full(len(keys), self.count, np.uint64))
        self.count += 1
        return _open_interval(bits)


def _open_interval(bits: Any) -> Any:
    u = (bits >> np.uint64(12)).astype(np.int64).astype(np.float64)
    u += 0.5
    u *= 2.0**-52
    return u


def _loggamma(keys: Any, a: Any) -> Any:
    """For a < 1 as of a + 1, times the a-th root of a uniform number."""
    bounded = (a > 0) & (a < np.inf)
    stream = Attempts(keys)
    small = np.flatnonzero(bounded & (a < 1))
    d = np.where(bounded, a, 1.0) - 1 / 3
    d[small] += 1
    out = np.log(d)
    root = np.log(stream.uniform(small)) / a[small]
    left = np.arange(len(keys))
    while len(left):
        u1, u2, u3 = stream.uniform(left), stream.uniform(left), stream.uniform(left)
        x = np.sqrt(-2 * np.log(u1)) * np.cos(2 * pi * u2)
        size = d[left]
        v = 1 + x / np.sqrt(9 * size)
        log_v = 3 * np.log(np.maximum(v, 1e-300))
        taken = (v > 0) & (np.log(u3) < 0.5 * x * x + size - size * v**3 + size * log_v)
        out[left[taken]] += log_v[taken]
        left = left[~taken]
    out[small] += root
    others = a[~bounded]
    out[~bounded] = np.where(others == 0, -np.inf, np.where(others > 0, np.inf, np.nan))
    return out


def _stirling(k: Any) -> Any:
    """log k! - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi)/2), without cancellation for large k."""
    n = k + 1.0
    near = k < 12
    few = np.where(near, n, 1.0)
    direct = special.gammaln(few) - ((few - 0.5) * np.log(few) - few + 0.5 * np.log(2 * pi))
    many = np.where(near, 12.0, n)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / many**2) / many**2) / many**2) / many
    return np.where(near, direct, series)


def _poisson(keys: Any, mean: Any) -> Any:
    out = np.full(len(keys), -1, np.int64)
    stream = Attempts(keys)
    first = stream.uniform()
    few = np.flatnonzero((mean >= 0) & (mean < 10))
    if len(few):
        mu = mean[few]
        out[few] = _inverted(first[few], np.exp(-mu), lambda k, which: mu[which] / k)
    many = np.flatnonzero((mean >= 10) & (mean < 2.0**62))
    b = 0.931 + 2.53 * np.sqrt(mean[many])
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = np.log(1.1239 + 1.1328 / (b - 3.4))
    accepted = 0.9277 - 3.6224 / (b - 2)
    left = np.arange(len(many))
    while len(left):
        which = many[left]
        u, v = stream.uniform(which) - 0.5, stream.uniform(which)
        us = 0.5 - np.abs(u)
        mu, aa, bb = mean[which], a[left], b[left]
        k = np.floor((2 * aa / us + bb) * u + mu + 0.43)
        n = np.maximum(k, 0) + 1
        # log of the density at k: k! by Stirling's formula, and log(mu / n) by log1p
        log_density = (n - 1) * np.log1p((mu - n) / n) - 0.5 * np.log(2 * pi * n) + (n - mu) - _stirling(n - 1)
        inside = np.log(v) + log_inverse_alpha[left] - np.log(aa / us**2 + bb) <= log_density
        taken = (k >= 0) & (((us >= 0.07) & (v <= accepted[left])) | ~((us < 0.013) & (v > us)) & inside)
        out[which[taken]] = k[taken]
        left = left[~taken]
    return out


def _inverted(u: Any, start: Any, ratio: Callable[[int, Any], Any]) -> Any:
    """The first k at which the sum of the probabilities exceeds u. start: the probability of 0; ratio(k, which): that of k by
    that of k - 1."""
    out = np.zeros(len(u), np.int64)
    left = np.arange(len(u))
    term, rest = start.copy(), u - start
    k = 0
    while True:
        left = left[(rest[left] > 0) & (term[left] > 1e-18)]
        if not len(left):
            return out
        k += 1
        term[left] *= ratio(k, left)
        rest[left] -= term[left]
        out[left] = k


def _binomial(keys: Any, trials: Any, probability: Any) -> Any:
    """With a probability above 1/2 the failures are counted."""
    out = np.full(len(keys), -1, np.int64)
    good = (trials >= 0) & (trials < 2.0**62) & (probability >= 0) & (probability <= 1)
    n = np.where(good, np.floor(trials), 0.0)
    turned = probability > 0.5
    p = np.where(turned, 1 - probability, probability)
    p = np.where(good, p, 0.0)
    stream = Attempts(keys)
    first = stream.uniform()
    few = np.flatnonzero(n * p < 10)
    if len(few):
        m, q = n[few], 1 - p[few]
        odds = p[few] / q
        out[few] = _inverted(first[few], np.exp(m * np.log1p(-p[few])), lambda k, w: (m[w] - (k - 1)) / k * odds[w])
    many = np.flatnonzero(n * p >= 10)
    spread = np.sqrt(n[many] * p[many] * (1 - p[many]))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p[many]
    alpha = (2.83 + 5.1 / b) * spread
    accepted = 0.92 - 4.2 / b
    mode = np.floor((n[many] + 1) * p[many])
    left = np.arange(len(many))
    while len(left):
        which = many[left]
        u, v = stream.uniform(which) - 0.5, stream.uniform(which)
        us = 0.5 - np.abs(u)
        nn, pp, m, aa, bb = n[which], p[which], mode[left], a[left], b[left]
        k = np.floor((2 * aa / us + bb) * u + nn * pp + 0.5)
        inside = (k >= 0) & (k <= nn)
        k = np.where(inside, k, m)
        odds = pp / (1 - pp)
        bound = (
            (m + 0.5) * np.log((m + 1) / (odds * (nn - m + 1)))
            + (nn + 1) * np.log1p((k - m) / (nn - k + 1))
            + (k + 0.5) * np.log(odds * (nn - k + 1) / (k + 1))
            + _stirling(m) + _stirling(nn - m) - _stirling(k) - _stirling(nn - k)
        )  # fmt: skip
        squeezed = (us >= 0.07) & (v <= accepted[left])
        taken = inside & (squeezed | (np.log(v * alpha[left] / (aa / us**2 + bb)) <= bound))
        out[which[taken]] = k[taken]
        left = left[~taken]
    return np.where(good, np.where(turned, n.astype(np.int64) - out, out), -1)


# K(n) = -(d/da)**n F / g of the distribution function and density of the logarithm of a gamma variate (primitives/random.py).
#
# It is minus the integral of B(n) g from -inf to y, over g(a, y), or the integral from y on, since the two add up to nothing. The
# side is taken on which the first of these integrands does not change its sign, so that nothing cancels; there, at a distance s
# from y,
#
#     g(a, y -+ s) / g(a, y) = exp(-h(s)),     h(s) = (z - a) (+-s) + z (exp(+-s) - 1 -+ s),     z = exp(y),
#
# and Gauss's rule is applied up to the s at which h is 38. Near 0, z < 1/2, the power series of F is differentiated instead: with
# B(m) at a + 1, where nothing large has to cancel for small a,
#
#     F = z**a / gamma(a + 1) T,     T = sum over k of (-z)**k / k! a / (a + k),
#     K(n) = -exp(z) / a sum over j of comb(n, j) B(n - j) T^(j).

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
FAR = 38.0
"""The h(s) at which the integral is cut."""


def _polygamma(k: int, a: Any) -> Any:
    return special.digamma(a) if k == 0 else special.polygamma(k, a)


def _bell(first: Any, rest: list[Any], n: int) -> list[Any]:
    """The complete Bell polynomials 0 ... n of `first` and n - 1 further arguments."""
    arguments = [first, *rest]
    found = [np.ones_like(first)]
    for m in range(n):
        found.append(sum(comb(m, i) * found[m - i] * arguments[i] for i in range(m + 1)))
    return found


def _slope_near_zero(a: Any, y: Any, n: int) -> Any:
    z = np.exp(y)
    bells = _bell(y - special.digamma(a + 1), [-_polygamma(k, a + 1) for k in range(1, n)], n)
    sums = [np.zeros_like(a) for _ in range(n + 1)]
    term = np.ones_like(a)
    for k in range(1, 22):
        term = term * (-z / k)
        part = -k * term / (a + k)
        for j in range(n + 1):
            sums[j] += part
            part = part * (-(j + 1) / (a + k))
    sums[0] += np.exp(-z)
    return -np.exp(z) / a * sum(comb(n, j) * bells[n - j] * sums[j] for j in range(n + 1))


def _expm1_less(s: Any) -> Any:
    """exp(s) - 1 - s"""
    near = np.abs(s) < 0.7
    t = np.where(near, s, 0.0)
    series = np.full_like(t, 1.0)
    for k in range(17, 2, -1):
        series = 1 + t / k * series
    return np.where(near, 0.5 * t * t * series, np.expm1(s) - s)


def _log_less_digamma(a: Any) -> Any:
    """log(a) - digamma(a), which is 1/(2a) and a series for large a (DLMF 5.11.2)"""
    large = a > 20
    b = np.where(large, a, 30.0)
    w = 1 / b**2
    series = 0.5 / b + w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * 691 / 32760)))))
    c = np.where(large, 1.0, a)
    return np.where(large, series, np.log(c) - special.digamma(c))


def _slope_by_integral(a: Any, y: Any, n: int) -> Any:
    z = np.exp(y)
    # y - digamma(a), from small parts where y is close to log(a)
    away = (z - a) / a
    score = np.where(np.abs(away) < 0.5, np.log1p(np.maximum(away, -0.5)) + _log_less_digamma(a), y - special.digamma(a))
    up = score > 0
    side = np.where(up, 1.0, -1.0)
    # A bound of the s where h(s) = 38, from which Newton's method comes down to it
    drop = (z - a) * side
    s = np.where(up, (-drop + np.sqrt(drop**2 + 2 * FAR * z)) / z, (FAR + z) / a)
    close = 1.5 * (-drop + np.sqrt(drop**2 + 4 / 3 * FAR * z)) / z
    s = np.where(~up & (close < 1), np.minimum(s, close), s)
    for _ in range(6):
        h = drop * s + z * _expm1_less(side * s)
        s = s - np.where(h > FAR, (h - FAR) / (drop + z * side * np.expm1(side * s)), 0.0)
    half = 0.5 * s
    t = half[:, None] * (1 + NODES)
    h = drop[:, None] * t + z[:, None] * _expm1_less(side[:, None] * t)
    moved = score[:, None] + side[:, None] * t
    rest = [-_polygamma(k, a)[:, None] for k in range(1, n)]
    total = (np.exp(-h) * _bell(moved, rest, n)[n]) @ WEIGHTS
    return side * half * total


def _loggamma_slope(a: Any, y: Any, n: int) -> Any:
    dtype = a.dtype
    a, y = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(y, np.float64))
    shape, a, y = a.shape, a.reshape(-1), y.reshape(-1)
    out = np.empty(len(a))
    for i in range(0, len(a), CHUNK // 4):
        piece = slice(i, i + CHUNK // 4)
        near = y[piece] < np.log(0.5)
        found = out[piece]
        found[near] = _slope_near_zero(a[piece][near], y[piece][near], n)
        found[~near] = _slope_by_integral(a[piece][~near], y[piece][~near], n)
    return out.reshape(shape).astype(dtype, copy=False)


KERNELS: dict[Primitive, Kernel] = {
    r.threefry: _threefry,
    r.poisson: _each(_poisson),
    r.binomial: _each(_binomial),
    r.loggamma: _each(_loggamma),
    r.loggamma_slope: _loggamma_slope,
    r.wald_path: lambda z, m, s: np.broadcast_arrays(z, m, s)[0].copy(),
}
