"""Primitives of real numbers that are written with others."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any, Callable, Sequence

from nabla.engines.native.kernels import complex_numbers
from nabla.engines.native.kernels.gamma_functions import beta, betaln, binom, gamma_density, poch, polygamma, polygamma_rise
from nabla.engines.native.kernels.gamma_slopes import loggamma_slope
from nabla.engines.native.kernels.special_derivatives import DERIVATIVES
from nabla.engines.native.kernels.special_functions import SCIPY
from nabla.engines.native.loops import DOUBLE, HALF, SINGLE, Num, Operand
from nabla.engines.native.lowering.reals import Real, of, test, where
from nabla.engines.native.lowering.values import Unsupported

if TYPE_CHECKING:
    from nabla.engines.native.lowering.writer import Writer


def _logaddexp(x: Real, y: Real) -> Real:
    """log(exp(x) + exp(y)): the larger one, and what the smaller one adds."""
    gap = x - y
    added = of("log1p", of("exp", -abs(gap)))
    found = where(gap > 0.0, x, y) + added
    found = where(test("isnan", gap), gap, found)
    return where(x.equals(y), x + log(2.0), found)


def _softplus(x: Real) -> Real:
    return _logaddexp(x, x.like(0.0))


def _logit(x: Real) -> Real:
    """By log(x / (1 - x)), and near 1/2, where that loses digits, by two log1p."""
    s = 2.0 * (x - 0.5)
    near = of("log1p", s) - of("log1p", -s)
    return where((x < 0.3) | (x > 0.65), of("log", x / (1.0 - x)), near)


def _sinc(x: Real, n: int) -> Real:
    return complex_numbers.sinc(x.to(DOUBLE), n).to(x.dtype)


# Powers


def _power(x: Real, y: Real) -> Real:
    """Negative exponents of integers, of which NumPy makes an error, only the kernel can refuse."""
    if x.dtype.kind == "i" and not (isinstance(y.operand, Num) and y.operand.value >= 0):
        raise Unsupported("a power of integers whose exponent may be negative")
    return of("power", x, y)


Formula = Callable[..., Real]

_ROWS: dict[str, Formula] = {
    "logaddexp": _logaddexp,
    "softplus": _softplus,
    "logit": _logit,
    "sinc": _sinc,
    "polygamma": polygamma,
    "polygamma_rise": polygamma_rise,
    "betaln": betaln,
    "beta": beta,
    "binom": binom,
    "gamma_density": gamma_density,
    "loggamma_slope": loggamma_slope,
    "poch": poch,
    "power": _power,
    **SCIPY,
    **DERIVATIVES,
}


def _row(formula: Formula) -> Callable[..., Operand]:
    """In half precision all is computed in single precision, and rounded in the end."""

    def row(w: Writer, *xs: Operand, **params: Any) -> Operand:
        numbers = [Real(w, x) for x in xs]
        dtype = numbers[0].dtype
        return formula(*_up(numbers), **params).to(dtype).operand

    return row


def _up(xs: Sequence[Real]) -> list[Real]:
    return [x.to(SINGLE) if x.dtype == HALF else x for x in xs]


FORMULAS: dict[str, Callable[..., Operand]] = {name: _row(formula) for name, formula in _ROWS.items()}
