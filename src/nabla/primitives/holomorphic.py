"""Special functions of complex numbers: one primitive, told apart by its parameter `kind` (SciPy's name of the function).

They are holomorphic, so that the derivative is a complex number; those whose derivative cannot be written in terms of themselves
without a loss of digits count derivatives by `n`. The real functions of the same names are primitives of their own.
"""

from __future__ import annotations

from math import pi, sqrt as root
from typing import Callable

from nabla.graph.node import Node
from nabla.primitives import formulas as f
from nabla.primitives.elementwise import Unary
from nabla.primitives.shape import real as real_part

COUNTED = ("polygamma", "rgamma", "wofz", "dawsn", "logrel")


def of(z: Node, kind: str, n: int = 0) -> Node:
    """The function of that name, or its n-th derivative."""
    return holomorphic(z, kind=kind, n=n)


def either(real: Unary, kind: str | None = None) -> Callable[[Node], Node]:
    """A function of real numbers that is this one on complex numbers."""
    name = kind or real.name
    return lambda x: of(x, name) if x.dtype.kind == "c" else real(x)


def _gauss(z: Node) -> Node:
    return f.exp(-f.square(z)) * (2.0 / root(pi))


def _spence_slope(z: Node) -> Node:
    """log(z) / (1 - z): away from 1 as it stands."""
    low = f.less(f.abs_(z - 1.0), f.like(real_part(z), 0.5))
    return f.select(low, -of(f.select(low, z, f.like(z, 1.0)) - 1.0, "logrel"), f.log_(z) / (1.0 - f.select(low, f.zero_of(z), z)))


_SLOPES: dict[str, Callable[[Node, Node], Node]] = {
    "gamma": lambda out, z: out * of(z, "polygamma"),
    "loggamma": lambda out, z: of(z, "polygamma"),
    "erf": lambda out, z: _gauss(z),
    "erfc": lambda out, z: -_gauss(z),
    "erfi": lambda out, z: f.exp(f.square(z)) * (2.0 / root(pi)),
    "exp1": lambda out, z: -f.exp(-z) / z,
    "expi": lambda out, z: f.exp(z) / z,
    "spence": lambda out, z: _spence_slope(z),
}


def _slope(out: Node, z: Node, kind: str, n: int) -> Node:
    return of(z, kind, n + 1) if kind in COUNTED else _SLOPES[kind](out, z)


holomorphic = f.Family("holomorphic", _slope, kinds="c")
