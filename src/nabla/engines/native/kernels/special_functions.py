"""Special functions: SciPy's, called number by number by their addresses, where the kernels of the NumPy engine are the same.

All are computed in double precision. What SciPy has no function of single numbers for is left to the kernels, and so is
hyp0f1, which prints Python's errors where it divides by zero.
"""

from __future__ import annotations

from typing import Any, Callable

from nabla.engines.native.loops import DOUBLE, Num
from nabla.engines.native.lowering.reals import Real, of, where
from nabla.engines.native.lowering.values import Unsupported
from nabla.engines.native.runtime.routines import special_function
from nabla.engines.numpy.bessel import AIRY
from nabla.engines.numpy.hypergeometric import INTEGRALS

Formula = Callable[..., Real]


def of_scipy(name: str, *xs: Real) -> Real:
    """SciPy's function of numbers in double precision."""
    w = xs[0].w
    if special_function(name, len(xs)) is None:
        raise Unsupported(f"SciPy's {name}")
    return Real(w, w.op("of_scipy", DOUBLE, *[x.to(DOUBLE).operand for x in xs], function=name))


def one_of_scipy(name: str, outs: int, which: int, *xs: Real) -> Real:
    """One of the numbers that SciPy's function gives."""
    w = xs[0].w
    if special_function(name, len(xs), outs=outs) is None:
        raise Unsupported(f"SciPy's {name}")
    wide = [x.to(DOUBLE).operand for x in xs]
    return Real(w, w.op("one_of_scipy", DOUBLE, *wide, function=name, outs=outs, which=which))


def _named(name: str) -> Formula:
    """The function itself, for parameters that are zero: they say which derivative is meant."""

    def row(*xs: Real, **orders: Any) -> Real:
        if any(any(n) if isinstance(n, tuple) else n for n in orders.values()):
            raise Unsupported(f"derivatives of {name}")
        return of_scipy(name, *xs)

    return row


def of_degree(name: str, n: Real, *xs: Real) -> Real:
    """SciPy's polynomial of an integer degree."""
    w = n.w
    if special_function(name, 1 + len(xs), degree=True) is None:
        raise Unsupported(f"SciPy's {name}")
    return Real(w, w.op("of_degree", DOUBLE, *[x.to(DOUBLE).operand for x in (n, *xs)], function=name))


def _polynomial(name: str) -> Formula:
    def row(n: Real, *xs: Real, orders: tuple[int, ...]) -> Real:
        if any(orders):
            raise Unsupported(f"derivatives of {name} by its parameters")
        return of_degree(name, n, *xs)

    return row


def _expn(x: Real, n: int) -> Real:
    return of_scipy("expn", x.to(DOUBLE).like(float(n)), x)


def _gamma_shape(p: Real, x: Real) -> Real:
    return of_scipy("gdtrib", x.to(DOUBLE).like(1.0), p, x)


ORDERS_0_AND_1 = {
    "jv": ("j0", "j1"), "yv": ("y0", "y1"), "iv": ("i0", "i1"), "kv": ("k0", "k1"), "ive": ("i0e", "i1e"), "kve": ("k0e", "k1e"),
}  # fmt: skip
"""The code of these orders, where the order is known."""


def _bessel(v: Real, x: Real, kind: str, n: int, k: int) -> Real:
    if n or k:
        raise Unsupported("derivatives of Bessel functions by the order")
    if isinstance(v.operand, Num) and v.operand.value in (-1.0, 0.0, 1.0):
        found = of_scipy(ORDERS_0_AND_1[kind][int(abs(v.operand.value))], x)
        return -found if v.operand.value == -1.0 and kind in ("jv", "yv") else found
    return of_scipy(kind, v, x)


def _struve(v: Real, x: Real, kind: str, n: int) -> Real:
    return _named(kind)(v, x, n=n)


def _carlson(x: Real, y: Real, z: Real, powers: tuple[int, ...]) -> Real:
    if powers == (1, 1, 1):
        return 2.0 * of_scipy("elliprf", x, y, z)
    if sorted(powers) == [1, 1, 3]:
        *rest, last = sorted(zip((x, y, z), powers), key=lambda pair: pair[1])
        return of_scipy("elliprd", *[v for v, _ in rest], last[0]) / 1.5
    raise Unsupported("Carlson's integral of these powers")


def _carlson_j(x: Real, y: Real, z: Real, w: Real, powers: tuple[int, ...]) -> Real:
    if powers != (1, 1, 1, 2):
        raise Unsupported("Carlson's integral of these powers")
    return of_scipy("elliprj", x, y, z, w) / 1.5


def _circular_integral(x: Real, kind: str) -> Real:
    name, which = INTEGRALS[kind]
    return one_of_scipy(name, 2, which, x)


def _airy(x: Real, kind: str) -> Real:
    return one_of_scipy("airy", 4, AIRY.index(kind), x)


def _scaled_airy(z: Real, s: Real, kind: str) -> Real:
    """SciPy's are scaled by the exponential of the natural exponent; here by that of s."""
    wide = z.to(DOUBLE)
    power = wide * of("sqrt", wide) / 1.5
    natural = -power if kind.startswith("a") else where(wide > 0.0, power, 0.0)
    return one_of_scipy("airye", 4, AIRY.index(kind), wide) * of("exp", natural - s.to(DOUBLE))


def _amplitude(u: Real, m: Real) -> Real:
    return one_of_scipy("ellipj", 4, 3, u, m)


NAMES = (
    "gamma", "gammaln", "gammasgn", "erfi", "erfinv", "erfcinv", "ndtr", "ndtri", "log_ndtr",
    "ndtri_exp", "kolmogorov", "kolmogi", "owens_t", "zetac", "exp1", "expi", "spence", "elliprg", "ellipe", "ellipkinc",
    "ellipeinc", "hyp1f1", "stdtr", "stdtrit", "stdtridf", "btdtria", "btdtrib", "gammainc", "gammaincc", "gammaincinv",
    "gammainccinv", "betainc", "betaincc", "betaincinv", "betainccinv",
)  # fmt: skip

SCIPY: dict[str, Formula] = {
    **{name: _named(name) for name in NAMES},
    "expn": _expn,
    "gamma_shape": _gamma_shape,
    "bessel": _bessel,
    "struve": _struve,
    "airy": _airy,
    "scaled_airy": _scaled_airy,
    "circular_integral": _circular_integral,
    "amplitude": _amplitude,
    "carlson": _carlson,
    "carlson_j": _carlson_j,
    "classical_polynomial": lambda n, x, kind: of_degree(f"eval_{kind}", n, x),
    **{name: _polynomial(name) for name in ("eval_gegenbauer", "eval_genlaguerre", "eval_jacobi")},
}
