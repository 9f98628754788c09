"""Special functions: relative entropies, losses and power transforms. Names and argument orders are SciPy's.

They take real numbers only; integers and booleans become floats of the default dtype. What the derivative is at kinks
stands in docs/kinks.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, op, pair, real_floats
from nabla.primitives import formulas as f, special as s

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _floats(name: str, x: ArrayLike, y: ArrayLike) -> tuple[Node, Node]:
    a, b = pair(x, y)
    return real_floats(name, a), real_floats(name, b)


def _within(a: Node, b: Node, inside: Node) -> Node:
    """`inside` where both are positive, 0 where a = 0 and b >= 0, inf elsewhere, NaN where either is NaN."""
    zero = f.zero_of(a)
    corner = f.logical_and(f.equal(a, zero), f.greater_equal(b, zero))
    outside = f.logical_or(f.less(a, zero), f.less(b, zero))
    outside = f.logical_or(outside, f.logical_and(f.greater(a, zero), f.equal(b, zero)))
    outside = f.logical_and(outside, f.logical_not(f.logical_or(f.isnan(a), f.isnan(b))))
    return f.select(corner, zero, f.select(outside, f.like(a, float("inf")), inside))


def _positive(a: Node) -> Node:
    return f.select(f.less_equal(a, f.zero_of(a)), f.like(a, 1), a)


@op
def rel_entr(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x log(x / y) where both are positive, 0 where x = 0 and y >= 0, inf elsewhere; derivatives there are 0.

    >>> nb.special.rel_entr([0.0, 1.0], [1.0, 1.0]).tolist()
    [0.0, 0.0]
    """
    a, b = _floats("rel_entr", x, y)
    u, v = _positive(a), _positive(b)
    return _within(a, b, u * f.log_(u / v))


@op
def kl_div(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """x log(x / y) - x + y where both are positive, y where x = 0 and y >= 0, inf elsewhere.

    >>> nb.special.kl_div([0.0, 1.0], [1.0, 1.0]).tolist()
    [1.0, 0.0]
    """
    a, b = _floats("kl_div", x, y)
    u, v = _positive(a), _positive(b)
    return _within(a, b, u * f.log_(u / v) - u) + f.select(f.less(b, f.zero_of(b)), f.zero_of(b), b) * f.like(a, 1)


@op
def huber(delta: ArrayLike, r: ArrayLike, /) -> Tensor:
    """r**2 / 2 for |r| <= delta, delta (|r| - delta/2) beyond, inf for a negative delta.

    >>> nb.special.huber(1.0, [0.5, 3.0]).tolist()
    [0.125, 2.5]
    """
    d, x = _floats("huber", delta, r)
    size = f.abs_(x)
    inside = f.select(f.less_equal(size, d), 0.5 * f.square(x), d * (size - 0.5 * d))
    return f.select(f.less(d, f.zero_of(d)), f.like(d, float("inf")), inside)


@op
def pseudo_huber(delta: ArrayLike, r: ArrayLike, /) -> Tensor:
    """delta**2 (sqrt(1 + (r/delta)**2) - 1), smooth everywhere; 0 where delta or r is 0, inf for a negative delta.

    >>> float(nb.special.pseudo_huber(1.0, 0.0))
    0.0
    """
    d, x = _floats("pseudo_huber", delta, r)
    zero = f.zero_of(d)
    ratio = x / _positive(d)
    # sqrt(1 + u) - 1 is u / (sqrt(1 + u) + 1), which does not cancel.
    inside = f.square(x) / (f.hypot(f.like(d, 1), ratio) + 1.0)
    inside = f.select(f.equal(d, zero), zero, f.select(f.isinf(x), f.abs_(x), inside))
    return f.select(f.less(d, zero), f.like(d, float("inf")), inside)


def _times(x: Node, lmbda: Node) -> Node:
    """x lmbda, with 0 for infinity times 0."""
    zero = f.zero_of(x)
    return f.select(f.logical_and(f.isinf(x), f.equal(lmbda, zero)), zero, x * lmbda)


def _log_power(x: Node, lmbda: Node) -> Node:
    """(exp(x lmbda) - 1) / lmbda, smooth at lmbda = 0."""
    return x * s.exprel(_times(x, lmbda), n=0)


def _root(y: Node, lmbda: Node) -> Node:
    """log(1 + lmbda y) / lmbda, smooth at lmbda = 0."""
    inner = _times(y, lmbda)
    infinite = f.logical_and(f.isinf(y), f.greater(inner, f.zero_of(y)))
    return f.select(infinite, y, y * s.logrel(inner, n=0))


def _with_ends(base: Node, lmbda: Node, inside: Node) -> Node:
    """`inside`, and the limit where the base is 0, or is infinite and goes to a negative power."""
    zero = f.zero_of(base)
    limit = f.select(f.greater(lmbda, zero), -1.0 / _positive(lmbda), f.like(base, -float("inf")))
    at_infinity = f.logical_and(f.equal(base, f.like(base, float("inf"))), f.less(lmbda, zero))
    inside = f.select(at_infinity, 1.0 / _positive(-lmbda), inside)
    return f.select(f.equal(base, zero), f.select(f.isnan(lmbda), lmbda, limit), inside)


@op
def boxcox(x: ArrayLike, lmbda: ArrayLike, /) -> Tensor:
    """(x**lmbda - 1) / lmbda, and log(x) where lmbda = 0, with right derivatives of every order there, too.

    At x = 0 the value is the limit, and the derivative in x is taken as 0. NaN for negative x.

    >>> nb.special.boxcox([1.0, 4.0], 0.5).tolist()
    [0.0, 2.0]
    """
    a, b = _floats("boxcox", x, lmbda)
    zero = f.equal(a, f.zero_of(a))
    return _with_ends(a, b, _log_power(f.log_(f.select(zero, f.like(a, 1), a)), b))


@op
def boxcox1p(x: ArrayLike, lmbda: ArrayLike, /) -> Tensor:
    """boxcox(1 + x, lmbda), which keeps its digits for small x.

    >>> nb.special.boxcox1p([0.0, 3.0], 0.5).tolist()
    [0.0, 2.0]
    """
    a, b = _floats("boxcox1p", x, lmbda)
    least = f.equal(a, f.like(a, -1))
    return _with_ends(a + 1.0, b, _log_power(f.log1p(f.select(least, f.zero_of(a), a)), b))


@op
def inv_boxcox(y: ArrayLike, lmbda: ArrayLike, /) -> Tensor:
    """The x for which boxcox(x, lmbda) = y: (1 + lmbda y)**(1/lmbda), and exp(y) where lmbda = 0.

    >>> nb.special.inv_boxcox([0.0, 2.0], 0.5).tolist()
    [1.0, 4.0]
    """
    a, b = _floats("inv_boxcox", y, lmbda)
    return f.exp(_root(a, b))


@op
def inv_boxcox1p(y: ArrayLike, lmbda: ArrayLike, /) -> Tensor:
    """The x for which boxcox1p(x, lmbda) = y.

    >>> nb.special.inv_boxcox1p([0.0, 2.0], 0.5).tolist()
    [0.0, 3.0]
    """
    a, b = _floats("inv_boxcox1p", y, lmbda)
    return f.expm1(_root(a, b))
