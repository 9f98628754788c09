"""XLA kernels: random bits, and draws with a loop of attempts. As in the NumPy engine all is computed in float64, and every attempt
of an element has the number that it has there: the bits are the same, and what is accepted.

The loops run until all elements are done; those that are keep what they have.
"""

from __future__ import annotations

from math import lgamma, log, pi
from typing import Any, Callable

import numpy as np

from nabla.engines.numpy.random import PARITY, ROTATIONS
from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.primitives import random as r
from nabla.primitives.base import Primitive


def _halves(x: Any) -> tuple[Any, Any]:
    return (x >> np.uint64(32)).astype(np.uint32), x.astype(np.uint32)


def _scrambled(key: Any, count: Any) -> Any:
    """Threefry-2x32-20 of counters under keys, which broadcast; both are uint64."""
    k0, k1 = _halves(key)
    schedule = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = _halves(count)
    x0, x1 = x0 + k0, x1 + k1
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))) ^ x0
        x0 = x0 + schedule[(group + 1) % 3]
        x1 = x1 + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return (x0.astype(np.uint64) << np.uint64(32)) | x1.astype(np.uint64)


def _threefry(key: Any, first: Any, shape: tuple[int, ...]) -> Any:
    counts = lax.iota(np.uint64, int(np.prod(shape, dtype=np.int64))).reshape(shape)
    inner = (1,) * len(shape)
    return _scrambled(jnp.reshape(key, key.shape + inner), jnp.reshape(first, first.shape + inner) + counts)


# Draws


def _each(draw: Callable[..., Any]) -> Kernel:
    """A kernel of keys and parameters from a function of arrays of one shape in float64."""

    def kernel(key: Any, *params: Any) -> Any:
        dtype = params[0].dtype
        key, *wide = jnp.broadcast_arrays(key, *[x.astype(np.float64) for x in params])
        out = draw(key, *wide)
        return out.astype(dtype) if out.dtype.kind == "f" else out

    return kernel


def _uniform(key: Any, count: Any) -> Any:
    """The number `count` of the stream of each key, in the open interval from 0 to 1."""
    bits = _scrambled(key, jnp.asarray(count).astype(np.uint64))
    return ((bits >> np.uint64(12)).astype(np.int64).astype(np.float64) + 0.5) * 2.0**-52


def _until_taken(left: Any, out: Any, attempt: Callable[[Any], tuple[Any, Any]], each: int) -> Any:
    """Run attempts for the elements `left`. attempt(count) -> (value, is it taken); it draws `each` numbers, from `count` on,
    which is 1 for the first: number 0 is for other uses."""

    def body(state: Any) -> Any:
        left, out, count = state
        value, taken = attempt(count)
        return left & ~taken, jnp.where(left & taken, value, out), count + each

    return lax.while_loop(lambda state: state[0].any(), body, (left, out, jnp.asarray(1, np.int64)))[1]


def _loggamma(key: Any, a: Any) -> Any:
    """For a < 1 as of a + 1, times the a-th root of a uniform number."""
    bounded = (a > 0) & (a < jnp.inf)
    small = bounded & (a < 1)
    size = jnp.where(bounded, a, 1.0) - 1 / 3 + jnp.where(small, 1.0, 0.0)

    def attempt(count: Any) -> tuple[Any, Any]:
        u1, u2, u3 = [_uniform(key, count + i) for i in range(3)]
        x = jnp.sqrt(-2 * jnp.log(u1)) * jnp.cos(2 * pi * u2)
        v = 1 + x / jnp.sqrt(9 * size)
        log_v = 3 * jnp.log(jnp.maximum(v, 1e-300))
        return log_v, (v > 0) & (jnp.log(u3) < 0.5 * x * x + size - size * v * v * v + size * log_v)

    out = jnp.log(size) + _until_taken(bounded, jnp.zeros_like(a), attempt, 3)
    out = out + jnp.where(small, jnp.log(_uniform(key, 0)) / jnp.where(small, a, 1.0), 0.0)
    return jnp.where(bounded, out, jnp.where(a == 0, -jnp.inf, jnp.where(a > 0, jnp.inf, jnp.nan)))


_FEW = np.array([lgamma(n) - ((n - 0.5) * log(n) - n + 0.5 * log(2 * pi)) for n in range(1, 13)])
"""_stirling of 0 to 11."""


def _stirling(k: Any) -> Any:
    """log k! - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi)/2) of whole numbers k, without cancellation for large ones."""
    many = jnp.maximum(k + 1.0, 12.0)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / many**2) / many**2) / many**2) / many
    few = jnp.take(_FEW, jnp.clip(k, 0, 11).astype(np.int32))
    return jnp.where(k < 12, few, series)


def _inverted(u: Any, few: Any, start: Any, ratio: Callable[[Any], Any]) -> Any:
    """For the elements `few` the first k at which the sum of the probabilities exceeds u. start: the probability of 0;
    ratio(k): that of k by that of k - 1."""

    def go_on(state: Any) -> Any:
        _, term, rest, _ = state
        return few & (rest > 0) & (term > 1e-18)

    def body(state: Any) -> Any:
        out, term, rest, k = state
        left = go_on(state)
        k = k + 1
        term = jnp.where(left, term * ratio(k), term)
        return jnp.where(left, k, out), term, jnp.where(left, rest - term, rest), k

    zero = jnp.asarray(0, np.int64)
    return lax.while_loop(lambda state: go_on(state).any(), body, (jnp.zeros(u.shape, np.int64), start, u - start, zero))[0]


def _poisson(key: Any, mean: Any) -> Any:
    few = (mean >= 0) & (mean < 10)
    many = (mean >= 10) & (mean < 2.0**62)
    small = jnp.where(few, mean, 1.0)
    out = jnp.where(few, _inverted(_uniform(key, 0), few, jnp.exp(-small), lambda k: small / k), -1)
    mu = jnp.where(many, mean, 10.0)
    b = 0.931 + 2.53 * jnp.sqrt(mu)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = jnp.log(1.1239 + 1.1328 / (b - 3.4))
    accepted = 0.9277 - 3.6224 / (b - 2)

    def attempt(count: Any) -> tuple[Any, Any]:
        u, v = _uniform(key, count) - 0.5, _uniform(key, count + 1)
        us = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / us + b) * u + mu + 0.43)
        n = jnp.maximum(k, 0) + 1
        log_density = (n - 1) * jnp.log1p((mu - n) / n) - 0.5 * jnp.log(2 * pi * n) + (n - mu) - _stirling(n - 1)
        inside = jnp.log(v) + log_inverse_alpha - jnp.log(a / (us * us) + b) <= log_density
        taken = (k >= 0) & (((us >= 0.07) & (v <= accepted)) | ~((us < 0.013) & (v > us)) & inside)
        return k.astype(np.int64), taken

    return _until_taken(many, out, attempt, 2)


def _binomial(key: Any, trials: Any, probability: Any) -> Any:
    """With a probability above 1/2 the failures are counted."""
    good = (trials >= 0) & (trials < 2.0**62) & (probability >= 0) & (probability <= 1)
    n = jnp.where(good, jnp.floor(trials), 0.0)
    turned = probability > 0.5
    p = jnp.where(good, jnp.where(turned, 1 - probability, probability), 0.0)
    few, many = n * p < 10, n * p >= 10
    m, rare = jnp.where(few, n, 0.0), jnp.where(few, p, 0.0)
    odds = rare / (1 - rare)
    out = _inverted(_uniform(key, 0), few, jnp.exp(m * jnp.log1p(-rare)), lambda k: (m - (k - 1)) / k * odds)
    nn, pp = jnp.where(many, n, 40.0), jnp.where(many, p, 0.5)
    spread = jnp.sqrt(nn * pp * (1 - pp))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * pp
    alpha = (2.83 + 5.1 / b) * spread
    accepted = 0.92 - 4.2 / b
    mode = jnp.floor((nn + 1) * pp)
    chances = pp / (1 - pp)

    def attempt(count: Any) -> tuple[Any, Any]:
        u, v = _uniform(key, count) - 0.5, _uniform(key, count + 1)
        us = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / us + b) * u + nn * pp + 0.5)
        inside = (k >= 0) & (k <= nn)
        k = jnp.where(inside, k, mode)
        bound = (
            (mode + 0.5) * jnp.log((mode + 1) / (chances * (nn - mode + 1)))
            + (nn + 1) * jnp.log1p((k - mode) / (nn - k + 1))
            + (k + 0.5) * jnp.log(chances * (nn - k + 1) / (k + 1))
            + _stirling(mode) + _stirling(nn - mode) - _stirling(k) - _stirling(nn - k)
        )  # fmt: skip
        squeezed = (us >= 0.07) & (v <= accepted)
        taken = inside & (squeezed | (jnp.log(v * alpha / (a / (us * us) + b)) <= bound))
        return k.astype(np.int64), taken

    out = _until_taken(many, out, attempt, 2)
    return jnp.where(good, jnp.where(turned, n.astype(np.int64) - out, out), -1)


KERNELS: dict[Primitive, Kernel] = {
    r.threefry: _threefry,
    r.poisson: _each(_poisson),
    r.binomial: _each(_binomial),
    r.loggamma: _each(_loggamma),
    r.wald_path: lambda z, m, s: jnp.broadcast_arrays(z, m, s)[0],
}
