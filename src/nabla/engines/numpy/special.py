"""NumPy kernels: special functions.

What is a ufunc of scipy.special is one name in the list `OF_SCIPY`. SciPy computes float16 in float32; every kernel
returns the dtype of its inputs.
"""

from __future__ import annotations

from math import comb, pi
from typing import Any

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


OF_SCIPY = [
    s.gamma,
    s.erfcx,
]

KERNELS: dict[Primitive, Kernel] = {
    **{prim: of_scipy(prim.name) for prim in OF_SCIPY},
    s.rgamma: _rgamma,
}
