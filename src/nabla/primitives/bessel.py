"""Bessel and Airy functions.

One primitive stands for all Bessel functions of real order, told apart by its parameter `kind` (SciPy's name); `n` counts
derivatives by the order. Derivatives by the argument are the recurrences of DLMF 10.6.1 and 10.29.1, which hold for the
derivatives by the order as well. Those of the scaled functions would cancel where x is large: there `k` counts them, and the
kernel has a way around.
"""

from __future__ import annotations

from math import comb, pi, sqrt as root

from nabla.graph.node import Node
from nabla.primitives import formulas as f
from nabla.primitives.elementwise import ZERO, Elementwise, safe_mul
from nabla.primitives.formulas import raised
from nabla.primitives.special import beyond, rgamma

SCALED = ("ive", "kve")
"""The kinds with an exponential factor."""

MOST = 2
"""The most derivatives by an order that the kernel gives."""


def _by_order(out: Node, v: Node, x: Node, kind: str, n: int, k: int) -> Node:
    if n == MOST:
        raise beyond(kind, "v", MOST)
    return bessel(v, x, kind=kind, n=n + 1, k=k)


def _by_argument(out: Node, v: Node, x: Node, kind: str, n: int, k: int) -> Node:
    if kind in SCALED:
        return bessel(v, x, kind=kind, n=n, k=k + 1)
    down, up = bessel(v - 1.0, x, kind=kind, n=n, k=k), bessel(v + 1.0, x, kind=kind, n=n, k=k)
    if kind == "yv":  # at 0 both are infinite; the one of higher order is so much more
        zero, at_zero, falling = f.zero_of(x), f.equal(x, f.zero_of(x)), f.less(v, f.zero_of(v))
        up = f.select(f.logical_and(at_zero, falling), zero, up)
        down = f.select(f.logical_and(at_zero, f.logical_not(falling)), zero, down)
    if kind in ("jv", "yv"):
        return 0.5 * (down - up)
    mean = 0.5 * (down + up)
    return mean if kind == "iv" else -mean


bessel = Elementwise("bessel", _by_order, _by_argument, kinds="f")


# Of complex numbers: C_v(z) exp(-s), where s is what the scaled functions scale by (|im(z)| in jve, i z in hankel1e) and 0 in the
# others. As an input of its own it carries the derivative of the scale, which is not holomorphic in every case.


def _complex_by_order(out: Node, v: Node, z: Node, s: Node, kind: str, n: int) -> Node:
    if n == MOST:
        raise beyond(kind, "v", MOST)
    return complex_bessel(v, z, s, kind=kind, n=n + 1)


def _complex_by_argument(out: Node, v: Node, z: Node, s: Node, kind: str, n: int) -> Node:
    down, up = complex_bessel(v - 1.0, z, s, kind=kind, n=n), complex_bessel(v + 1.0, z, s, kind=kind, n=n)
    if kind in ("iv", "kv"):
        return (0.5 if kind == "iv" else -0.5) * (down + up)
    return 0.5 * (down - up)


complex_bessel = Elementwise(
    "complex_bessel", _complex_by_order, _complex_by_argument, lambda out, v, z, s, kind, n: -out, kinds="c"
)


# Struve's functions H_v and L_v: DLMF 11.4.23, 11.4.24, 11.4.28, 11.4.29, which hold without a division by x


def _struve_by_order(out: Node, v: Node, x: Node, kind: str, n: int) -> Node:
    if n == MOST:
        raise beyond(kind, "v", MOST)
    return struve(v, x, kind=kind, n=n + 1)


def _struve_by_argument(out: Node, v: Node, x: Node, kind: str, n: int) -> Node:
    down, up = struve(v - 1.0, x, kind=kind, n=n), struve(v + 1.0, x, kind=kind, n=n)
    power = f.power(0.5 * x, v) * (1.0 / root(pi))  # times 1 / gamma(v + 3/2), differentiated n times by v
    rest = power * rgamma(v + 1.5, n=n)
    for j in range(n):
        rest = rest + comb(n, j) * power * raised(f.log_(0.5 * x), n - j) * rgamma(v + 1.5, n=j)
    return 0.5 * ((down + up if kind == "modstruve" else down - up) + rest)


struve = Elementwise("struve", _struve_by_order, _struve_by_argument, kinds="f")


# Spherical ones: of whole order, which has no derivative. DLMF 10.51.2 and 10.51.5, in the form without a division by x.


def spherical_by_argument(out: Node, n: Node, x: Node, kind: str) -> Node:
    down, up = spherical(f.maximum(n - 1.0, f.zero_of(n)), x, kind=kind), spherical(n + 1.0, x, kind=kind)
    below, above = safe_mul(n, down), (n + 1.0) * up  # there is no order -1, and none is wanted where n = 0
    if kind == "spherical_yn":
        # At 0 both are infinite; the one of higher order is so much more.
        below = f.select(f.equal(x, f.zero_of(x)), f.zero_of(x), below)
    if kind in ("spherical_jn", "spherical_yn"):
        above = -above
    total = (below + above) / (2.0 * n + 1.0)
    return -total if kind == "spherical_kn" else total


spherical = Elementwise("spherical_bessel", ZERO, spherical_by_argument, kinds="f")


# Airy functions: y'' = x y


def _airy_derivative(out: Node, x: Node, kind: str) -> Node:
    return x * airy(x, kind=kind[:2]) if kind.endswith("p") else airy(x, kind=kind + "p")


airy = f.Family("airy", _airy_derivative, kinds="fc")


def _scaled_airy_derivative(out: Node, z: Node, s: Node, kind: str) -> Node:
    return z * scaled_airy(z, s, kind=kind[:2]) if kind.endswith("p") else scaled_airy(z, s, kind=kind + "p")


scaled_airy = Elementwise("scaled_airy", _scaled_airy_derivative, lambda out, z, s, kind: -out, kinds="fc")
"""An Airy function times exp(-s), where s is what airye scales by."""
