"""NumPy kernels: special functions.

What is a ufunc of scipy.special is one name in the list `OF_SCIPY`. SciPy computes float16 in float32; every kernel
returns the dtype of its inputs.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial, pi, sqrt
from typing import Any, Callable

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import special as s
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")


def of_scipy(name: str) -> Kernel:
    """The ufunc of scipy.special of that name, static parameters first."""

    def kernel(*inputs: Any, **params: Any) -> Any:
        return getattr(special, name)(*params.values(), *inputs).astype(inputs[0].dtype, copy=False)

    return kernel


@cache
def rule(points: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's rule on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return (nodes + 1.0) / 2.0, weights / 2.0


BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
"""B_2, B_4, ... B_18, of which asymptotic series are made."""


def in_blocks(f: Callable[..., Any], *arrays: Any, block: int = 2048) -> Any:
    """f of flat arrays, a block at a time: what is integrated needs 80 times the memory."""
    size = arrays[0].size
    if size <= block:
        return f(*arrays)
    return np.concatenate([f(*[x[at : at + block] for x in arrays]) for at in range(0, size, block)])


def gamma_derivatives(n: int, x: Any, sign: int = 1) -> list[Any]:
    """The factors by which gamma(x) (sign 1) or 1/gamma(x) (sign -1) is multiplied to give its derivatives 0 to n.

    With f' = f h: f(n) = sum over k of C(n-1, k) f(n-1-k) h(k), and h is the digamma function or its negative.
    """
    slopes = [sign * (special.digamma(x) if k == 0 else special.polygamma(k, x)) for k in range(n)]
    found = [np.ones_like(x)]
    for m in range(1, n + 1):
        found.append(sum(comb(m - 1, k) * found[m - 1 - k] * slopes[k] for k in range(m)))
    return found


def _rgamma(x: Any, n: int) -> Any:
    """By 1/gamma(x) = gamma(1-x) sin(pi x) / pi left of 1/2, where digamma has poles and the derivatives have none."""
    if n == 0:
        return special.rgamma(x).astype(x.dtype, copy=False)
    wide = np.asarray(x, np.float64)
    left = wide < 0.5
    right = np.where(left, 1.0, wide)
    found = special.rgamma(right) * gamma_derivatives(n, right, -1)[n]
    if np.any(left):
        x_left = np.where(left, wide, 0.0)
        turn = x_left % 2.0  # the sine of a large multiple of pi would lose its digits
        sines = (np.sin(pi * turn), np.cos(pi * turn), -np.sin(pi * turn), -np.cos(pi * turn))
        gammas = gamma_derivatives(n, 1.0 - x_left)
        total = sum(comb(n, k) * (-1) ** k * gammas[k] * pi ** (n - k - 1) * sines[(n - k) % 4] for k in range(n + 1))
        found = np.where(left, special.gamma(1.0 - x_left) * total, found)
    return found.astype(x.dtype)


def _erfcx(x: Any, n: int) -> Any:
    """By f(n+1) = 2 x f(n) + 2 n f(n-1), upwards; from x = 2 on by the continued fraction of -f(n)/f(n-1), which
    is 2n / (2x + that of n+1).
    """
    if n == 0:
        return special.erfcx(x).astype(x.dtype, copy=False)
    wide = np.asarray(x, np.float64)
    far = wide >= 2.0
    near = np.where(far, 0.0, wide)
    before = special.erfcx(near)
    up = 2.0 * near * before - 2.0 / sqrt(pi)
    for k in range(1, n):
        before, up = up, 2.0 * near * up + 2.0 * k * before
    right = np.where(far, wide, 2.0)
    ratio, product = np.full_like(right, sqrt(2.0 * (n + 120))), np.ones_like(right)
    for k in range(n + 120, 0, -1):
        ratio = 2.0 * k / (2.0 * right + ratio)
        if k <= n:
            product = product * -ratio
    return np.where(far, special.erfcx(right) * product, up).astype(x.dtype)


def _dawsn(x: Any, n: int) -> Any:
    """By f(n+1) = -2 x f(n) - 2 n f(n-1), upwards; from |x| = 7 on by the asymptotic series, DLMF 7.12.3."""
    if n == 0:
        return special.dawsn(x).astype(x.dtype, copy=False)
    wide = np.asarray(x, np.float64)
    far = np.abs(wide) >= 7.0
    near = np.where(far, 0.0, wide)
    before = special.dawsn(near)
    up = 1.0 - 2.0 * near * before
    for k in range(1, n):
        before, up = up, -2.0 * near * up - 2.0 * k * before
    right = np.where(far, wide, 7.0)
    total, term = np.zeros_like(right), 0.5 * (-1.0) ** n * factorial(n) / right ** (n + 1)
    for k in range(30):
        total = total + term
        # from k to k+1: (2k+1)/2 of the double factorial, and (2k+3)_n / (2k+1)_n of the derivative
        term = term * (0.5 * (2 * k + n + 1) * (2 * k + n + 2) / (2 * k + 2)) / (right * right)
    return np.where(far, total, up).astype(x.dtype)


def _exprel(x: Any, n: int) -> Any:
    """The integral of t**n exp(x t) from 0 to 1; far out by x f(n) = exp(x) - n f(n-1)."""
    if n == 0:
        return special.exprel(x).astype(x.dtype, copy=False)
    wide = np.asarray(x, np.float64)
    far = np.abs(wide) > 60.0 + n
    nodes, weights = rule()
    moments = weights * nodes**n
    close = np.where(far, 0.0, wide).ravel()
    found = in_blocks(lambda z: np.exp(z[:, None] * nodes) @ moments, close).reshape(wide.shape)
    if np.any(far):
        out = np.where(far, wide, 1.0)
        up = special.exprel(out)
        for k in range(1, n + 1):
            up = np.where(out == -np.inf, 0.0, np.exp(out) / out - k * (up / out))
        found = np.where(far, np.where(wide == np.inf, np.inf, up), found)
    return np.asarray(found).astype(x.dtype)


def _logrel(x: Any, n: int) -> Any:
    """Near 0 the integral of (-t)**n n! / (1 + x t)**(n+1) from 0 to 1; elsewhere by x f(n) + n f(n-1) = D, the n-th
    derivative of log(1 + x).
    """
    wide = np.asarray(x, np.float64)
    if n == 0:
        away = np.where(wide == 0.0, 1.0, wide)
        return np.where(wide == 0.0, 1.0, np.where(wide == np.inf, 0.0, np.log1p(away) / away)).astype(x.dtype)
    near = (wide > -0.6) & (wide < 2.0 + n)
    nodes, weights = rule()
    moments = (-nodes) ** n * weights * factorial(n)
    close = np.where(near, wide, 0.0).ravel()
    found = in_blocks(lambda z: (1.0 + z[:, None] * nodes) ** -(n + 1.0) @ moments, close).reshape(wide.shape)
    out = np.where(near, 1.0, wide)
    up = np.where(out == np.inf, 0.0, np.log1p(out) / out)
    for k in range(1, n + 1):
        up = ((-1.0) ** (k - 1) * factorial(k - 1) / (1.0 + out) ** k - k * up) / out
    return np.where(near, found, up).astype(x.dtype)


OF_SCIPY = [
    s.gamma,
    s.gammasgn,
    s.erfi,
    s.erfinv,
    s.erfcinv,
    s.ndtr,
    s.ndtri,
    s.log_ndtr,
    s.ndtri_exp,
    s.kolmogorov,
    s.kolmogi,
    s.owens_t,
    s.zetac,
    s.exp1,
    s.expi,
    s.expn,
    s.spence,
]

KERNELS: dict[Primitive, Kernel] = {
    **{prim: of_scipy(prim.name) for prim in OF_SCIPY},
    s.rgamma: _rgamma,
    s.erfcx: _erfcx,
    s.dawsn: _dawsn,
    s.exprel: _exprel,
    s.logrel: _logrel,
}
