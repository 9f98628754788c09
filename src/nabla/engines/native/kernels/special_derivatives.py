"""Special functions whose derivatives are functions of their own, of every order n, as engines/numpy/special.py has them.

That file says why each formula is taken where it is. Here all are computed, and one is chosen.
"""

from __future__ import annotations

from math import comb, factorial, pi, sqrt
from typing import TYPE_CHECKING, Callable

import numpy as np

from nabla.engines.native.kernels.gamma_functions import polygamma, whole_power
from nabla.engines.native.kernels.special_functions import of_scipy
from nabla.engines.native.loops import DOUBLE, Form, Num, Operand, times
from nabla.engines.native.lowering.reals import Real, integer, of, where
from nabla.engines.native.lowering.values import Unsupported
from nabla.engines.numpy.polygamma import HIGHEST
from nabla.engines.numpy.special import rule

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer

Formula = Callable[[Real, int], Real]


def _of_order(x: Real, name: str, n: int, formula: Formula) -> Real:
    return formula(x.to(DOUBLE), n) if n else of_scipy(name, x)


def _erfcx(x: Real, n: int) -> Real:
    far = x >= 2.0
    near = where(far, 0.0, x)
    before = of_scipy("erfcx", near)
    up = 2.0 * near * before - 2.0 / sqrt(pi)
    for k in range(1, n):
        before, up = up, 2.0 * near * up + 2.0 * k * before
    w, right = x.w, where(far, x, 2.0)

    def fraction(i: Form, ratio: Operand) -> list[Operand]:
        k = integer(w, times(i, -1, n + 120)).to(DOUBLE)
        return [(2.0 * k / (2.0 * right + Real(w, ratio))).operand]

    (found,) = w.loop(120, fraction, [Num(sqrt(2.0 * (n + 120)), DOUBLE)], free=False)
    ratio, product = Real(w, found), x.like(1.0)
    for k in range(n, 0, -1):
        ratio = 2.0 * k / (2.0 * right + ratio)
        product = product * -ratio
    return where(far, of_scipy("erfcx", right) * product, up)


def _dawsn(x: Real, n: int) -> Real:
    far = abs(x) >= 7.0
    near = where(far, 0.0, x)
    before = of_scipy("dawsn", near)
    up = 1.0 - 2.0 * near * before
    for k in range(1, n):
        before, up = up, -2.0 * near * up - 2.0 * k * before
    right = where(far, x, 7.0)
    square = right * right
    term = 0.5 * (-1.0) ** n * factorial(n) / whole_power(right, n + 1)
    total = x.like(0.0)
    for k in range(30):
        total = total + term
        term = term * (0.5 * (2 * k + n + 1) * (2 * k + n + 2) / (2 * k + 2)) / square
    return where(far, total, up)


def weighted_sum(w: Writer, nodes: np.ndarray, weights: np.ndarray, term: Callable[[Real], Real]) -> Real:
    """The sum of the weights times what `term` is at the nodes: an integral by Gauss's rule."""
    places, factors = w.table(nodes), w.table(weights)

    def turn(i: Form, so_far: Operand) -> list[Operand]:
        return [(Real(w, so_far) + term(Real(w, w.load(places, (i,)))) * Real(w, w.load(factors, (i,)))).operand]

    return Real(w, w.loop(len(nodes), turn, [Num(0.0, DOUBLE)], free=False)[0])


def _exprel(x: Real, n: int) -> Real:
    far = abs(x) > 60.0 + n
    nodes, weights = rule()
    close, out = where(far, 0.0, x), where(far, x, 1.0)
    found = weighted_sum(x.w, nodes, weights * nodes**n, lambda node: of("exp", close * node))
    power, up = of("exp", out) / out, of_scipy("exprel", out)
    for k in range(1, n + 1):
        up = where(out.equals(-np.inf), 0.0, power - float(k) * (up / out))
    return where(far, where(x.equals(np.inf), x, up), found)


def _logrel(x: Real, n: int) -> Real:
    """log(1 + x) / x."""
    if n == 0:
        none = x.equals(0.0)
        away = where(none, 1.0, x)
        return where(none, 1.0, where(x.equals(np.inf), 0.0, of("log1p", away) / away))
    near = (x > -0.6) & (x < 2.0 + n)
    nodes, weights = rule()
    close, out = where(near, x, 0.0), where(near, 1.0, x)
    moments = (-nodes) ** n * weights * factorial(n)
    found = weighted_sum(x.w, nodes, moments, lambda node: whole_power(1.0 / (1.0 + close * node), n + 1))
    up = where(out.equals(np.inf), 0.0, of("log1p", out) / out)
    for k in range(1, n + 1):
        up = ((-1.0) ** (k - 1) * factorial(k - 1) / whole_power(1.0 + out, k) - float(k) * up) / out
    return where(near, found, up)


def _rgamma(x: Real, n: int) -> Real:
    if n > HIGHEST:
        raise Unsupported("derivatives of high order")
    left = x < 0.5
    right, x_left = where(left, 1.0, x), where(left, x, 0.0)
    found = of_scipy("rgamma", right) * _gamma_derivatives(n, right, -1.0)[n]
    turn = of("remainder", x_left, 2.0)
    sine, cosine = of("sin", pi * turn), of("cos", pi * turn)
    sines = (sine, cosine, -sine, -cosine)
    gammas = _gamma_derivatives(n, 1.0 - x_left, 1.0)
    total = x.like(0.0)
    for k in range(n + 1):
        total = total + float(comb(n, k) * (-1) ** k) * gammas[k] * pi ** (n - k - 1) * sines[(n - k) % 4]
    return where(left, of_scipy("gamma", 1.0 - x_left) * total, found)


def _gamma_derivatives(n: int, x: Real, sign: float) -> list[Real]:
    slopes = [sign * polygamma(x, k) for k in range(n)]
    found = [x.like(1.0)]
    for m in range(1, n + 1):
        found.append(sum([float(comb(m - 1, k)) * found[m - 1 - k] * slopes[k] for k in range(m)], x.like(0.0)))
    return found


DERIVATIVES: dict[str, Formula] = {
    "erfcx": lambda x, n: _of_order(x, "erfcx", n, _erfcx),
    "dawsn": lambda x, n: _of_order(x, "dawsn", n, _dawsn),
    "exprel": lambda x, n: _of_order(x, "exprel", n, _exprel),
    "rgamma": lambda x, n: _of_order(x, "rgamma", n, _rgamma),
    "logrel": lambda x, n: _logrel(x.to(DOUBLE), n),
}
