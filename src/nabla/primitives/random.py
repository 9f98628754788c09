"""Random numbers: the generator of bits, and draws whose acceptance needs a loop.

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
2011): it scrambles a counter under a key, so that every number can be drawn by itself, in any order and on any machine. Key,
counter and result are two words of 32 bits each, here as one of 64 bits, the first word in the upper half.

The draws are elementwise: each element has a key of its own, under which its attempts are counted, so that it depends neither
on its place nor on what is drawn beside it.
"""

from __future__ import annotations

from math import comb, pi
from typing import Any, Callable, Sequence

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node, make
from nabla.primitives.base import Constant, Shape, broadcast_shapes, scalar
from nabla.primitives.elementwise import ZERO, Elementwise, Partial
from nabla.primitives.formulas import exp, polygamma, sqrt
from nabla.primitives.shape import cast, spread
from nabla.primitives.special import erfcx

# threefry: for each key the scrambled counters first, first + 1, and so on, as many as `shape` has elements. `key` and `first`
# have one shape, which comes before `shape` in the result; batches of keys need no more than that.


def _threefry_shape(key: Node, first: Node, shape: Shape) -> tuple[Shape, np.dtype]:
    return (*key.shape, *shape), dtypes.uint64


def _threefry_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    key, first = [spread(x, m, size) for x, m in zip(inputs, mapped)]
    return threefry(key, first, shape=node.params["shape"]), True


threefry = Constant("threefry", _threefry_shape, batch=_threefry_batch)


# Draws from a key and parameters


class Draw(Elementwise):
    """The first input is a key for each element, of dtype uint64; the others are real parameters in one dtype."""

    __slots__ = ()

    def __init__(self, name: str, *partials: Partial, result: Callable[[np.dtype], np.dtype] | None = None) -> None:
        super().__init__(name, ZERO, *partials, kinds="f", result=result)

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        key, *rest = inputs
        xs, dtype = self.together(rest)
        shape = broadcast_shapes(self.name, [key.shape, *[x.shape for x in xs]])
        return make(self, (cast(key, dtypes.uint64), *xs), params, shape, self.result(dtype) if self.result else dtype)


def _counts(dtype: np.dtype) -> np.dtype:
    return dtypes.int64


poisson = Draw("random_poisson", ZERO, result=_counts)
"""Of the mean; by inversion below 10, else by Hörmann's PTRS ("The transformed rejection method for generating Poisson random
variables", 1993)."""
binomial = Draw("random_binomial", ZERO, ZERO, result=_counts)
"""Of the number of trials and the probability; by inversion, or by BTRS (Hörmann, "The generation of binomial random variates",
1993)."""


# The derivative of a gamma variate in its shape is taken along its quantile (Figurnov, Mohamed and Mnih, "Implicit
# reparameterization gradients", 2018): what moves with a is the y for which the distribution function F(a, y) of the logarithm
# stays what it is. With g the density,
#
#     F(a, y) = integral of g(a, .) up to y,     log g(a, y) = a y - exp(y) - gammaln(a),     dy/da = -F_a / g.
#
# Each derivative is again made of the family K(n) = -(d/da)**n F / g, because (d/da)**n g = g B(n), where B(n) is the complete
# Bell polynomial of the derivatives of log g by a, which are y - digamma(a), -polygamma(1, a), -polygamma(2, a) and so on:
#
#     dK(n)/dy = -B(n) - K(n) (a - exp(y)),      dK(n)/da = K(n + 1) - K(n) (y - digamma(a)).


class _Slope(Elementwise):
    """K(n) for n >= 1, by a and y."""

    __slots__ = ()

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        xs, dtype = self.together(inputs)
        return make(self, xs, params, broadcast_shapes(self.name, [x.shape for x in xs]), dtype)


def _bell(n: int, a: Node, y: Node) -> Node:
    logs = [y - polygamma(a, n=0), *[-polygamma(a, n=k) for k in range(1, n)]]
    found = [scalar(1, y.dtype)]
    for m in range(n):
        terms = [float(comb(m, i)) * (found[m - i] * logs[i]) for i in range(m + 1)]
        found.append(sum(terms[1:], terms[0]))
    return found[n]


def _slope_da(out: Node, a: Node, y: Node, n: int) -> Node:
    return loggamma_slope(a, y, n=n + 1) - out * (y - polygamma(a, n=0))


def _slope_dy(out: Node, a: Node, y: Node, n: int) -> Node:
    return -_bell(n, a, y) - out * (a - exp(y))


loggamma_slope = _Slope("loggamma_slope", _slope_da, _slope_dy, kinds="f")


loggamma = Draw("random_loggamma", lambda out, key, a: loggamma_slope(a, out, n=1))
"""The logarithm of a gamma variate, of its shape a: by Marsaglia and Tsang, "A simple method for generating gamma variables",
2000. A logarithm, because for small a the variate itself is less than all floats. The numbers drawn do not move with a along the
quantile, as the derivative does, so differences do not check it."""


# How an inverse Gaussian number z moves with the mean m and the shape s, so that its distribution function F(z; m, s) stays as it
# is: by -F_m / F_z and -F_s / F_z, in which the exponentials cancel. The value is z, drawn with these parameters.


def _wald_weight(z: Node, m: Node, s: Node) -> Node:
    return erfcx(sqrt(0.5 * s / z) * (z / m + 1.0), n=0) * z * sqrt(2.0 * pi * z / s)


wald_path = Elementwise(
    "random_wald",
    ZERO,
    lambda out, z, m, s: s / (m * m) * _wald_weight(out, m, s),
    lambda out, z, m, s: out / s - _wald_weight(out, m, s) / m,
    kinds="f",
)
