"""Derivatives with respect to the parameters of special functions (an order, a coefficient): by stencils of high order.

What is differentiated is analytic in the parameter, and SciPy computes it to nearly all digits, so that no derived series or
integral is needed. A central stencil of 21 points and step h errs by (10!)**2 / 21! (r h)**20 relative to the derivative for a
function that varies like exp(r p), that is by less than 1e-12 for r h <= 1/2, while rounding is magnified by 1 / (r h) only,
since the derivative is of the size r f. So the caller says the step, from a bound r of the logarithmic derivative. A pole at
the distance 20 h or more costs 4e-13. Steps are powers of two, so that the points are exact.
"""

from __future__ import annotations

from math import factorial
from typing import Any, Callable, Sequence

import numpy as np

REACH = 10
"""Points on each side."""


def _weight(k: int, n: int) -> float:
    """Of the point k > 0 in the n-th derivative, n = 1 or 2 (Fornberg, Math. Comp. 51, 1988)."""
    ratio = factorial(REACH) ** 2 / (factorial(REACH - k) * factorial(REACH + k))
    return (-1) ** (k + 1) * n * ratio / k**n


WEIGHTS = {n: [_weight(k, n) for k in range(1, REACH + 1)] for n in (1, 2)}


def step_for(rate: Any, distance: Any = np.inf, most: Any = 0.125) -> Any:
    """The step where the function varies with `rate` and has its nearest pole at `distance`: a power of two."""
    bound = np.minimum(0.5 / rate, np.asarray(distance) / (2 * REACH))
    return np.exp2(np.floor(np.log2(np.clip(bound, 1e-5, most))))


def _along(f: Callable[..., Any], args: Sequence[Any], moves: Sequence[Any], n: int) -> Any:
    """The n-th derivative by t of f(args + t moves)."""

    def at(k: int) -> Any:
        return f(*[x + k * move for x, move in zip(args, moves)])

    middle = at(0)
    total = 0.0
    for k in range(REACH, 0, -1):  # from the small weights to the large ones
        up, down = at(k), at(-k)
        total = total + WEIGHTS[n][k - 1] * (up - down if n == 1 else (up - middle) + (down - middle))
    return total


def differentiated(f: Callable[..., Any], args: Sequence[Any], orders: Sequence[int], steps: Sequence[Any]) -> Any:
    """The partial derivative of f of these orders with respect to its first arguments; two at most in all.

    A mixed one follows from the second derivatives along both diagonals: 4 f_ab = f_(a+b)(a+b) - f_(a-b)(a-b).
    """
    which = [i for i, n in enumerate(orders) if n]
    moves: list[Any] = [0.0] * len(args)
    for i in which:
        moves[i] = steps[i]
    if len(which) == 1:
        (i,) = which
        return _along(f, args, moves, orders[i]) / steps[i] ** orders[i]
    i, j = which
    same = _along(f, args, moves, 2)
    moves[j] = -steps[j]
    return (same - _along(f, args, moves, 2)) / (4.0 * steps[i] * steps[j])
