"""What XLA kernels in float64 share. Those of special functions compute in it whatever the dtype of their inputs.

What is a sum or a continued fraction of many terms is a loop of the program, which compiles in a fraction of the time that its
terms written out would take. Beware of what XLA makes of formulas: exp(a) exp(b) becomes exp(a + b), and (x - 1.0) - 1e-17 is
x - 1.0.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla.engines.numpy.special import rule
from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.engines.xla.transcendental import log1p


def in_double(f: Callable[..., Any]) -> Kernel:
    """The kernel of a function of arrays of float64."""

    def kernel(*inputs: Any, **params: Any) -> Any:
        return f(*[lax.convert_element_type(x, np.float64) for x in inputs], **params).astype(inputs[0].dtype)

    return kernel


def repeated(first: int, last: int, body: Callable[[Any, Any], Any], start: Any) -> Any:
    """body(k, state) for k from `first` to `last`, downwards where last is less; k is a float64."""
    step = 1 if last >= first else -1
    return lax.fori_loop(0, abs(last - first) + 1, lambda i, state: body(1.0 * first + step * i.astype(np.float64), state), start)


def integrated(f: Callable[[Any], Any], like: Any, points: int = 80) -> Any:
    """The integral of f from 0 to 1 by Gauss's rule, one node after the other."""
    nodes, weights = (jnp.asarray(x) for x in rule(points))
    return lax.fori_loop(0, points, lambda i, total: total + weights[i] * f(nodes[i]), jnp.zeros_like(like))


def exp_square(x: Any, factor: float = 1.0) -> Any:
    """exp(factor x**2), the square in two parts so that its rounding costs no digits."""
    x = jnp.clip(x, -40.0, 40.0)  # where it is infinite, or zero, already
    high = lax.reduce_precision(x, 11, 20)
    return times_exp(jnp.exp(factor * high * high), factor * (x - high) * (x + high))


def times_exp(y: Any, x: Any) -> Any:
    """y exp(x), for little x."""
    return jnp.where(jnp.isinf(y), y, y + y * jnp.expm1(x))


def log1pmx(x: Any) -> Any:
    """log(1 + x) - x. Near 0 by log(1 + x) = 2 artanh(r), r = x / (2 + x)."""
    near = jnp.abs(x) < 0.5
    little = jnp.where(near, x, 0.0)
    r = little / (2.0 + little)
    q = r * r
    series = jnp.zeros_like(q)
    for k in range(33, 1, -2):
        series = series * q + 1.0 / k
    return jnp.where(near, 2.0 * r * q * series - 2.0 * q / (1.0 - r), log1p(x) - x)


def inverse_power(x: Any, n: int) -> Any:
    """x**-n."""
    return lax.integer_pow(1.0 / x, n)
