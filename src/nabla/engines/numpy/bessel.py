"""NumPy kernels: Bessel and Airy functions, by SciPy."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.stencil import differentiated, step_for
from nabla.primitives import bessel as p
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")

WHOLE = {  # the code of orders 0 and 1
    "jv": ("j0", "j1"),
    "yv": ("y0", "y1"),
    "iv": ("i0", "i1"),
    "kv": ("k0", "k1"),
    "ive": ("i0e", "i1e"),
    "kve": ("k0e", "k1e"),
}
ODD = {"jv", "yv"}  # of odd orders they change their sign with it
OF_ORDER_0 = {"jv": ("y0", 0.5 * np.pi), "yv": ("j0", -0.5 * np.pi), "iv": ("k0", -1.0)}
"""The derivative by the order at order 0 (DLMF 10.15.3, 10.38.4); I_v itself may be many times larger."""
AT_ZERO = {  # the first and second derivative by the order v at x = 0: where v > 0, and where v = 0
    "jv": ((0.0, -np.inf), (0.0, np.inf)),
    "yv": ((-np.inf, -np.pi / 2), (-np.inf, -np.inf)),
    "kv": ((np.inf, 0.0), (np.inf, np.inf)),
}
AT_ZERO["iv"] = AT_ZERO["ive"] = AT_ZERO["jv"]
AT_ZERO["kve"] = AT_ZERO["kv"]


def _value(v: Any, x: Any, kind: str) -> Any:
    if not v.shape and v in (-1.0, 0.0, 1.0):  # orders 0 and 1 have code of their own, and are each other's derivatives
        found = getattr(special, WHOLE[kind][int(abs(v))])(x)
        return -found if v == -1.0 and kind in ODD else found
    return getattr(special, kind)(v, x)


def _by_argument(v: Any, x: Any, kind: str, k: int) -> Any:
    """The k-th derivative of a scaled function by its argument: the recurrence, or far out the series of DLMF 10.40.1, 10.40.2."""
    f = getattr(special, kind)
    if k == 0:
        return f(v, x)
    turn, pull = (0.5, -np.sign(x)) if kind == "ive" else (-0.5, 1.0)
    near: Any = 0.0
    for j in range(k + 1):
        mixed = sum(comb(j, i) * f(v + (2 * i - j), x) for i in range(j + 1))
        near = near + comb(k, j) * turn**j * pull ** (k - j) * mixed
    if kind == "kve":
        near = np.where(x == 0, (-1) ** k * np.inf, near)
    far = x > np.maximum(40.0, v * v)
    y = np.where(far, x, 40.0)
    scale = (-1) ** k * y ** (-0.5 - k) * (np.sqrt(0.5 * np.pi) if kind == "kve" else 1.0 / np.sqrt(2.0 * np.pi))
    term, total = 1.0, 0.0
    for j in range(30):
        total = total + term * special.poch(j + 0.5, k)
        term = term * (4.0 * v * v - (2 * j + 1) ** 2) / (8.0 * (j + 1) * y * (-1 if kind == "ive" else 1))
    return np.where(far, scale * total, near)


def _bessel(v: Any, x: Any, kind: str, n: int, k: int) -> Any:
    if n == 0 and k == 0:
        return _value(v, x, kind).astype(x.dtype, copy=False)
    wide, point = np.asarray(v, np.float64), np.asarray(x, np.float64)
    if n == 0:
        return _by_argument(wide, point, kind, k).astype(x.dtype)
    # Oscillation in v has a frequency of pi at most; the rest is growth as of (2 v / x)**v. The modified functions do not
    # oscillate where x is large: they vary like exp(v**2 / (2 x)) there, so slowly that a short step would cost digits.
    growth = np.log1p(2.0 * (np.abs(wide) + 1.0) / np.abs(point))
    calm = (point > 30.0) & (kind not in ODD)
    step = step_for(growth + np.where(calm, 4.0 / np.sqrt(np.where(calm, point, 1.0)), 3.2), most=np.where(calm, 1024.0, 0.125))
    found = differentiated(lambda v: _by_argument(v, point, kind, k), [wide], [n], [step])
    if k == 0 and n == 1 and kind in OF_ORDER_0:
        name, factor = OF_ORDER_0[kind]
        found = np.where(wide == 0, factor * getattr(special, name)(point), found)
    if k == 0:
        above, at = AT_ZERO[kind][n - 1]
        limit = np.where(wide > 0, above, np.where(wide == 0, at, np.nan))
        found = np.where(point == 0, limit, found)
    return found.astype(x.dtype)


def _spherical(n: Any, x: Any, kind: str) -> Any:
    order = np.asarray(n).astype(np.int64)
    return np.asarray(getattr(special, kind)(order, np.asarray(x, np.float64))).astype(x.dtype)


NATURAL = {  # what SciPy's scaled function of complex numbers is divided by the exponential of
    "jv": lambda z: np.abs(z.imag),
    "yv": lambda z: np.abs(z.imag),
    "iv": lambda z: np.abs(z.real),
    "kv": lambda z: -z,
    "hankel1": lambda z: 1j * z,
    "hankel2": lambda z: -1j * z,
}


def _complex_bessel(v: Any, z: Any, s: Any, kind: str, n: int) -> Any:
    order, point, scale = np.asarray(v.real, np.float64), np.asarray(z, np.complex128), np.asarray(s, np.complex128)

    def f(v: Any) -> Any:
        if not np.any(scale):
            return getattr(special, kind)(v, point + scale)
        return getattr(special, kind + "e" if kind.startswith("h") else kind[:-1] + "ve")(v, point) * rest

    rest = np.exp(NATURAL[kind](point) - scale)
    if n == 0:
        return np.asarray(f(order)).astype(z.dtype)
    growth = np.log1p(2.0 * (np.abs(order) + 1.0) / np.abs(point))
    return np.asarray(differentiated(f, [order], [n], [step_for(growth + 3.2)])).astype(z.dtype)


def _struve(v: Any, x: Any, kind: str, n: int) -> Any:
    f = getattr(special, kind)
    if n == 0:
        return f(v, x).astype(x.dtype, copy=False)
    order, point = np.asarray(v, np.float64), np.asarray(x, np.float64)
    growth = np.log1p(2.0 * (np.abs(order) + 1.0) / np.abs(point))
    return np.asarray(differentiated(lambda v: f(v, point), [order], [n], [step_for(growth + 3.2)])).astype(x.dtype)


AIRY = ("ai", "aip", "bi", "bip")


def _airy(x: Any, kind: str) -> Any:
    return special.airy(x)[AIRY.index(kind)].astype(x.dtype, copy=False)


def _scaled_airy(z: Any, s: Any, kind: str) -> Any:
    power = z * np.sqrt(z) / 1.5
    natural = -power if kind.startswith("a") else np.abs(power.real) if z.dtype.kind == "c" else np.where(z > 0, power, 0.0)
    return (special.airye(z)[AIRY.index(kind)] * np.exp(natural - s)).astype(z.dtype, copy=False)


KERNELS: dict[Primitive, Kernel] = {
    p.bessel: _bessel,
    p.complex_bessel: _complex_bessel,
    p.struve: _struve,
    p.spherical: _spherical,
    p.airy: _airy,
    p.scaled_airy: _scaled_airy,
}
