"""Random draws with a loop of attempts: gamma, Poisson and binomial numbers, as engines/numpy/random.py has them.

What most elements come to is computed for all of them first, several at once; then those that are still open are gone through one
by one. Each attempt has its own numbers of the stream of its key, so that the order does not matter.
"""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from nabla.engines.native.kernels.random_bits import WHOLE, scrambled
from nabla.engines.native.kernels.special_functions import of_scipy
from nabla.engines.native.loops import BOOL, DOUBLE, INDEX, Block, If, Num, Operand
from nabla.engines.native.lowering import recipes
from nabla.engines.native.lowering.lines import at_hand
from nabla.engines.native.lowering.reals import Real, of, where
from nabla.engines.native.lowering.values import Indices, Number, Value, aligned
from nabla.graph.node import Node
from nabla.primitives import random as r
from nabla.primitives.base import Primitive

if TYPE_CHECKING:
    from nabla.engines.native.lowering.graphs import Graphs
    from nabla.engines.native.lowering.writer import Writer


class Stream:
    """The uniform numbers of a key, in the open interval from 0 to 1."""

    def __init__(self, w: Writer, key: Operand) -> None:
        self.w = w
        self.key = key

    def uniform(self, count: Operand) -> Real:
        w = self.w
        bits = w.op("bitwise_right_shift", WHOLE, scrambled(w, self.key, count), Num(12, WHOLE))
        return (Real(w, w.op("convert", DOUBLE, bits)) + 0.5) * 2.0**-52

    def first(self) -> Real:
        return self.uniform(Num(0, WHOLE))

    def of_attempt(self, attempt: Operand, width: int) -> list[Real]:
        """So many for each attempt, behind the first."""
        w = self.w
        start = w.op("add", WHOLE, w.op("multiply", WHOLE, w.op("convert", WHOLE, attempt), Num(width, WHOLE)), Num(1, WHOLE))
        return [self.uniform(w.op("add", WHOLE, start, Num(k, WHOLE)) if k else start) for k in range(width)]


class Draw(NamedTuple):
    """How a number is drawn from a stream and its parameters. quick: the number by the first attempt, and whether that is still
    open. slow: the number where it is. finish: the result."""

    quick: Callable[..., tuple[Real, Real]]
    slow: Callable[..., Real]
    finish: Callable[..., Real]


FIRST = Num(0, INDEX)
"""The number of the first attempt."""


def _drawn(draw: Draw) -> Any:
    def row(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
        w = g.w
        key, *params = [at_hand(w, w.lazy(x)) for x in given]
        found, still = w.room(node.shape, DOUBLE), w.room(node.shape, BOOL)

        def numbers(index: Indices) -> list[Any]:
            own = [Real(w, w.at(x, aligned(index, x.shape))).to(DOUBLE) for x in params]
            return [Stream(w, w.at(key, aligned(index, key.shape))), *own]

        def quick(index: Indices) -> None:
            number, is_open = draw.quick(*numbers(index))
            w.store(found, index, number.operand)
            w.store(still, index, is_open.operand)

        def slow(index: Indices) -> None:
            block: Block = []
            w.inside(block, lambda: w.store(found, index, draw.slow(*numbers(index)).operand))
            w.block.append(If(w.op("convert", INDEX, w.load(still, index)), [[], block], []))

        w.nest(node.shape, quick)
        w.nest(node.shape, slow)

        def finish(number: Number, own: Operand, *others: Operand) -> Number:
            wide = [Real(w, x).to(DOUBLE) for x in others]
            return draw.finish(Stream(w, own), *wide, Real(w, number)).to(node.dtype).operand

        return recipes.elementwise(w, node.shape, node.dtype, finish, [w.of_array(found), key, *params], 20)

    return row


def _until(w: Writer, attempt: Callable[[Operand], tuple[Real, Real]], first: int = 0) -> Real:
    """The number of the first attempt that is taken."""

    def turn(count: Operand, number: Operand, going: Operand) -> list[Operand]:
        found, taken = attempt(count)
        return [w.op("add", INDEX, count, Num(1, INDEX)), found.operand, (~taken).operand]

    starts = [Num(first, INDEX), Num(0.0, DOUBLE), Num(True, BOOL)]
    return Real(w, w.repeat(starts, lambda count, number, going: going, turn)[1])


def _inverted(u: Real, start: Real, ratio: Callable[[Real], Real]) -> Real:
    """The first k at which the sum of the probabilities exceeds u. start: the probability of 0; ratio(k): that of k by that of
    k - 1."""
    w = u.w

    def going(k: Operand, term: Operand, rest: Operand) -> Operand:
        return ((Real(w, rest) > 0.0) & (Real(w, term) > 1e-18)).operand

    def turn(k: Operand, term: Operand, rest: Operand) -> list[Operand]:
        following = Real(w, k) + 1.0
        product = Real(w, term) * ratio(following)
        return [following.operand, product.operand, (Real(w, rest) - product).operand]

    return Real(w, w.repeat([Num(0.0, DOUBLE), start.operand, (u - start).operand], going, turn)[0])


def _either(w: Writer, condition: Real, x: Callable[[], Real], y: Callable[[], Real]) -> Real:
    """The one number or the other, only one of which is computed."""
    blocks: list[Block] = [[], []]
    ends = [w.inside(block, write).operand for block, write in zip(blocks, (y, x))]
    out = w.reg(DOUBLE)
    w.block.append(If(w.op("convert", INDEX, condition.operand), blocks, [(out, ends)]))
    return Real(w, out)


# The logarithm of a gamma number


def _is_bounded(a: Real) -> Real:
    return (a > 0.0) & (a < np.inf)


def _size(a: Real) -> Real:
    bounded = where(_is_bounded(a), a, 1.0)
    return where(_is_bounded(a) & (a < 1.0), (bounded - 1 / 3) + 1.0, bounded - 1 / 3)


def _gamma_attempt(stream: Stream, d: Real, count: Operand) -> tuple[Real, Real]:
    u1, u2, u3 = stream.of_attempt(count, 3)
    x = of("sqrt", -2.0 * of("log", u1)) * of("cos", 2 * pi * u2)
    v = 1.0 + x / of("sqrt", 9.0 * d)
    log_v = 3.0 * of("log", of("maximum", v, 1e-300))
    taken = (v > 0.0) & (of("log", u3) < 0.5 * x * x + d - d * (v * v * v) + d * log_v)
    return of("log", d) + log_v, taken


def _loggamma_quick(stream: Stream, a: Real) -> tuple[Real, Real]:
    number, taken = _gamma_attempt(stream, _size(a), FIRST)
    return number, ~taken


def _loggamma_slow(stream: Stream, a: Real) -> Real:
    d = _size(a)
    return _until(stream.w, lambda count: _gamma_attempt(stream, d, count), 1)


def _loggamma_finish(stream: Stream, a: Real, number: Real) -> Real:
    """For a < 1 that of a + 1, times the a-th root of a uniform number."""
    bounded = _is_bounded(a)
    small = bounded & (a < 1.0)
    root = of("log", stream.first()) / where(small, a, 1.0)
    others = where(a.equals(0.0), a.like(-np.inf), where(a > 0.0, a.like(np.inf), np.nan))
    return where(bounded, where(small, number + root, number), others)


# Counts, which are -1 where the parameters have none


def _less_stirling(k: Real) -> Real:
    """log k! less Stirling's formula for it."""
    n = k + 1.0
    near = k < 12.0
    few, many = where(near, n, 1.0), where(near, 12.0, n)
    direct = of_scipy("gammaln", few) - ((few - 0.5) * of("log", few) - few + 0.5 * log(2 * pi))
    square = many * many
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / many
    return where(near, direct, series)


def _is_many(mean: Real) -> Real:
    return (mean >= 10.0) & (mean < 2.0**62)


def _poisson_attempt(stream: Stream, mu: Real, count: Operand, whole: bool) -> tuple[Real, Real]:
    """whole: with what is seldom needed to take an attempt."""
    b = 0.931 + 2.53 * of("sqrt", mu)
    a = -0.059 + 0.02483 * b
    first, v = stream.of_attempt(count, 2)
    u = first - 0.5
    us = 0.5 - abs(u)
    k = of("floor", (2.0 * a / us + b) * u + mu + 0.43)
    squeezed = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2.0))
    if not whole:
        return k, (k >= 0.0) & squeezed
    n = of("maximum", k, 0.0) + 1.0
    log_density = (n - 1.0) * of("log1p", (mu - n) / n) - 0.5 * of("log", 2 * pi * n) + (n - mu) - _less_stirling(n - 1.0)
    inverse_alpha = of("log", 1.1239 + 1.1328 / (b - 3.4))
    inside = of("log", v) + inverse_alpha - of("log", a / (us * us) + b) <= log_density
    return k, (k >= 0.0) & (squeezed | (~((us < 0.013) & (v > us)) & inside))


def _poisson_quick(stream: Stream, mean: Real) -> tuple[Real, Real]:
    many = _is_many(mean)
    k, taken = _poisson_attempt(stream, where(many, mean, 10.0), FIRST, False)
    return where(many, k, -1.0), (many & ~taken) | ((mean >= 0.0) & (mean < 10.0))


def _poisson_slow(stream: Stream, mean: Real) -> Real:
    w = stream.w
    few = lambda: _inverted(stream.first(), of("exp", -mean), lambda k: mean / k)
    many = lambda: _until(w, lambda count: _poisson_attempt(stream, mean, count, True))
    return _either(w, mean < 10.0, few, many)


def _count(stream: Stream, mean: Real, number: Real) -> Real:
    return number


class _Binomial:
    """What depends on the parameters. With a probability above 1/2 the failures are counted."""

    def __init__(self, trials: Real, probability: Real) -> None:
        self.good = (trials >= 0.0) & (trials < 2.0**62) & (probability >= 0.0) & (probability <= 1.0)
        self.turned = probability > 0.5
        self.n = where(self.good, of("floor", trials), 0.0)
        self.p = where(self.good, where(self.turned, 1.0 - probability, probability), 0.0)
        self.many = self.n * self.p >= 10.0

    def attempt(self, stream: Stream, count: Operand, whole: bool) -> tuple[Real, Real]:
        n, p = where(self.many, self.n, 100.0), where(self.many, self.p, 0.5)
        spread = of("sqrt", n * p * (1.0 - p))
        b = 1.15 + 2.53 * spread
        a = -0.0873 + 0.0248 * b + 0.01 * p
        first, v = stream.of_attempt(count, 2)
        u = first - 0.5
        us = 0.5 - abs(u)
        k = of("floor", (2.0 * a / us + b) * u + n * p + 0.5)
        inside = (k >= 0.0) & (k <= n)
        squeezed = (us >= 0.07) & (v <= 0.92 - 4.2 / b)
        if not whole:
            return k, inside & squeezed
        m = of("floor", (n + 1.0) * p)
        k = where(inside, k, m)
        odds = p / (1.0 - p)
        bound = (
            (m + 0.5) * of("log", (m + 1.0) / (odds * (n - m + 1.0)))
            + (n + 1.0) * of("log1p", (k - m) / (n - k + 1.0))
            + (k + 0.5) * of("log", odds * (n - k + 1.0) / (k + 1.0))
            + _less_stirling(m) + _less_stirling(n - m) - _less_stirling(k) - _less_stirling(n - k)
        )  # fmt: skip
        alpha = (2.83 + 5.1 / b) * spread
        return k, inside & (squeezed | (of("log", v * alpha / (a / (us * us) + b)) <= bound))


def _binomial_quick(stream: Stream, trials: Real, probability: Real) -> tuple[Real, Real]:
    s = _Binomial(trials, probability)
    k, taken = s.attempt(stream, FIRST, False)
    return k, ~(s.many & taken)


def _binomial_slow(stream: Stream, trials: Real, probability: Real) -> Real:
    s, w = _Binomial(trials, probability), stream.w
    odds = s.p / (1.0 - s.p)
    start = lambda: of("exp", s.n * of("log1p", -s.p))
    few = lambda: _inverted(stream.first(), start(), lambda k: (s.n - (k - 1.0)) / k * odds)
    many = lambda: _until(w, lambda count: s.attempt(stream, count, True))
    return _either(w, s.many, many, few)


def _binomial_finish(stream: Stream, trials: Real, probability: Real, number: Real) -> Real:
    s = _Binomial(trials, probability)
    found = number.to(INDEX)
    return where(s.good, where(s.turned, s.n.to(INDEX) - found, found), -1)


ROWS: dict[Primitive, Any] = {
    r.loggamma: _drawn(Draw(_loggamma_quick, _loggamma_slow, _loggamma_finish)),
    r.poisson: _drawn(Draw(_poisson_quick, _poisson_slow, _count)),
    r.binomial: _drawn(Draw(_binomial_quick, _binomial_slow, _binomial_finish)),
}
