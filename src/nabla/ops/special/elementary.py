"""Special functions that are one primitive or a short formula. Names are SciPy's.

Integers and booleans become floats of the default dtype; entr and gammaln take real numbers only, the others
complex ones, too. What the derivative is at ties and kinks stands in docs/kinks.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.graph.node import Node
from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, as_node, inexact, op, pair, real_floats, unary
from nabla.primitives import formulas as f
from nabla.primitives.holomorphic import either, of

if TYPE_CHECKING:
    from nabla.tensor import Tensor


# Error function and gamma


@unary(either(f.erf))
def erf(x: ArrayLike, /) -> Tensor:
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x.

    >>> float(nb.erf(0.0))
    0.0
    """


@unary(either(f.erfc))
def erfc(x: ArrayLike, /) -> Tensor:
    """1 - erf(x), which keeps its digits for large x.

    >>> float(nb.erfc(0.0))
    1.0
    """


@unary(f.gammaln)
def gammaln(x: ArrayLike, /) -> Tensor:
    """The logarithm of the absolute value of the gamma function.

    >>> float(nb.gammaln(2.0))
    0.0
    """


@op
def digamma(x: ArrayLike, /) -> Tensor:
    """The derivative of gammaln.

    >>> nb.allclose(nb.digamma(1.0), -0.5772156649015329)
    True
    """
    return _polygamma(x, 0)


@op
def polygamma(n: int, x: ArrayLike, /) -> Tensor:
    """The n-th derivative of digamma, for a whole number n from 0 on.

    >>> nb.allclose(nb.polygamma(1, 1.0), np.pi**2 / 6)
    True
    """
    return _polygamma(x, integer("polygamma", "n", n, 0))


def _polygamma(x: ArrayLike, n: int) -> Node:
    node = inexact(as_node(x))
    return of(node, "polygamma", n) if node.dtype.kind == "c" else f.polygamma(node, n=n)


# Products with logarithms


def _log_factor(x: Node, y: Node, edge: float, infinite: Node) -> Node:
    """y, or where x = 0 and the logarithm is infinite or NaN for y <= edge or y = inf, what makes it 0."""
    zero = f.equal(x, f.zero_of(x))
    below = (f.equal if y.dtype.kind == "c" else f.less_equal)(y, f.like(y, edge))
    outside = f.logical_or(below, infinite)
    return f.select(f.logical_and(zero, outside), f.like(y, edge + 1.0), y)


@op
def xlogy(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x log(y), and 0 where x is 0 unless y is NaN. Where x = 0 and y <= 0, both derivatives are taken as 0.

    >>> nb.xlogy([0.0, 2.0], [0.0, 1.0]).tolist()
    [0.0, 0.0]
    """
    a, b = (inexact(z) for z in pair(x, y))
    return a * f.log_(_log_factor(a, b, 0.0, f.isinf(b)))


@op
def xlog1py(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x log(1 + y), and 0 where x is 0 unless y is NaN. Where x = 0 and y <= -1, both derivatives are taken as 0.

    >>> nb.xlog1py([0.0, 2.0], [-1.0, 0.0]).tolist()
    [0.0, 0.0]
    """
    a, b = (inexact(z) for z in pair(x, y))
    return a * f.log1p(_log_factor(a, b, -1.0, f.isinf(b)))


@op
def entr(x: ArrayLike, /) -> Tensor:
    """The entropy -x log(x): 0 at 0, where its derivative is taken as 0, and -inf for negative x.

    >>> nb.entr([0.0, -1.0]).tolist()
    [0.0, -inf]
    """
    x = real_floats("entr", x)
    zero = f.zero_of(x)
    inside = -x * f.log_(f.select(f.equal(x, zero), f.like(x, 1), x))
    at_zero = f.select(f.equal(x, zero), zero, inside)
    return f.select(f.less(x, zero), f.like(x, -float("inf")), at_zero)
