"""XLA kernels: the gamma and the beta function, the polygamma functions and their rise from one argument to another.

The formulas are those of the NumPy engine (engines/numpy/polygamma.py), where they are explained. All is computed in float64.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial, log, pi, sqrt
from typing import Any

from nabla import lazy
from nabla.engines.numpy.polygamma import HIGHEST, cotangent, steps_of, tail_of
from nabla.engines.numpy.special import BERNOULLI
from nabla.engines.xla import transcendental as t
from nabla.engines.xla.double import in_double, log1pmx, repeated, times_exp
from nabla.engines.xla.kernel import Kernel, jnp, lax
from nabla.primitives import formulas as f, special as s
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")


def _gamma_right(x: Any) -> Any:
    """gamma(x) for x > 0: to 12 by products, from gamma near 2; beyond by Stirling's formula, DLMF 5.11.3."""
    near = jnp.minimum(x, 12.0)
    steps = jnp.round(near) - 2  # from 2 + z to x
    z = near - 2 - steps
    found = jnp.exp(t.near_two(z))
    for k in range(1, 11):
        found = jnp.where(steps >= k, found * (1 + k + z), found)
    found = found / jnp.where(steps < 0, 1 + z, 1.0) / jnp.where(steps < -1, near, 1.0)
    far = jnp.clip(x, 12.0, 200.0)
    half = lax.pow(far, 0.5 * far - 0.25)
    w = 1 / (far * far)
    rest = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - 691 / 360360 * w) * w) * w) * w) * w) / far
    return jnp.where(x < 12, found, sqrt(2 * pi) * times_exp(half * jnp.exp(-far) * half, rest))


def _sin_pi(x: Any) -> Any:
    turn = x - jnp.round(x)
    sine = jnp.sin(pi * turn)
    return jnp.where(jnp.round(x) % 2 == 0, sine, -sine)


def gamma(x: Any) -> Any:
    """Left of 0 by reflection, in a form in which no digit of x is lost."""
    size = jnp.abs(x)
    right = _gamma_right(size)
    left = -pi / (size * right * _sin_pi(size))
    found = jnp.where(x > 0, right, jnp.where(x == jnp.floor(x), jnp.nan, left))
    return jnp.where(x == 0, 1 / x, found)


def rgamma(x: Any) -> Any:
    size = jnp.abs(x)
    right = _gamma_right(size)
    found = jnp.where(x > 0, 1 / right, -size * right * _sin_pi(size) / pi)
    return jnp.where((x <= 0) & (x == jnp.floor(x)), 0.0, found)


# Polygamma


ROOT, AT_ROOT = 1.4616321449683622, -9.241265521729427e-17
"""Where digamma is as good as zero, and what it is there."""


@lru_cache(maxsize=1)
def _at_root() -> list[float]:
    """The coefficients of digamma's series there."""
    return [AT_ROOT, *[special.polygamma(k, ROOT).item() / factorial(k) for k in range(1, 26)]]


def digamma(x: Any) -> Any:
    """Infinite at 0, with the sign of -x, as in SciPy."""
    left = x < 0.0
    right = jnp.where(left, 1.0 - x, x)
    low = right < 12.0
    start = jnp.where(low, right, 1.0)
    total = repeated(11, 0, lambda k, total: total + 1.0 / (start + k), jnp.zeros_like(x))
    far = jnp.where(low, right + 12.0, right)
    z = 1.0 / far
    series = t.polynomial([b / (2 * k) for k, b in enumerate(BERNOULLI, 1)], z * z) * z * z
    found = jnp.log(far) - 0.5 * z - series - jnp.where(low, total, 0.0)
    away = right - ROOT
    found = jnp.where(jnp.abs(away) < 0.3, t.polynomial(_at_root(), jnp.clip(away, -0.3, 0.3)), found)
    found = jnp.where(right == jnp.inf, jnp.inf, found)
    turn = x - jnp.round(x)
    mirrored = jnp.where(turn == 0, jnp.nan, found - pi * _cot(jnp.where(left, turn, 0.25)))
    return jnp.where(x == 0, -1 / x, jnp.where(left, mirrored, found))


def _cot(turn: Any) -> Any:
    """cot(pi turn) for turns of at most 1/2."""
    size = jnp.abs(turn)
    return jnp.where(size < 0.25, 1.0 / jnp.tan(pi * turn), t.copysign(jnp.tan(pi * (0.5 - size)), turn))


def polygamma(x: Any, n: int) -> Any:
    """The n-th derivative of digamma."""
    if n == 0:
        return digamma(x)
    left = x <= 0.0
    found = _right(n, jnp.where(left, 1.0 - x, x))
    turn = jnp.where(left, x - jnp.round(x), 0.25)
    mirrored = t.polynomial([float(c) for c in cotangent(n)], _cot(turn))
    found = jnp.where(left, (-1) ** n * found - pi ** (n + 1) * mirrored, found)
    return jnp.where(left & (turn == 0.0), (-1.0) ** (n + 1) * jnp.inf, found)


def _right(n: int, x: Any) -> Any:
    """polygamma(n, x) for n > 0 and x > 0."""
    steps = steps_of(n)
    low = x < steps
    start = jnp.where(low, x, 1.0)
    total = repeated(steps - 1, 0, lambda k, total: total + lax.integer_pow(1.0 / (start + k), n + 1), jnp.zeros_like(x))
    z = 1.0 / jnp.where(low, x + steps, x)
    series = t.polynomial([tail_of(n)[n + 2 * k] for k in range(1, len(BERNOULLI) + 1)], z * z) * z * z
    tail = (series + factorial(n) / 2 * z + float(factorial(n - 1))) * lax.integer_pow(z, n)
    return (-1.0) ** (n + 1) * (tail + jnp.where(low, float(factorial(n)) * total, 0.0))


def rise(n: int, a: Any, b: Any) -> Any:
    """polygamma(n, a + b) - polygamma(n, a). From one side of 0 to the other by the plain difference."""
    a, b = jnp.broadcast_arrays(a, b)
    end = a + b
    plain = polygamma(end, n) - polygamma(a, n)
    if n > HIGHEST:
        return plain
    known = jnp.isfinite(a) & jnp.isfinite(b)
    usable, left = known & (a > 0.0) & (end > 0.0), known & (a < 0.0) & (end < 0.0)
    x, step = jnp.where(usable, a, jnp.where(left, 1.0 - a, 1.0)), jnp.where(usable, b, jnp.where(left, -b, 0.0))
    found = _difference(n, x, step)
    turned = (-1) ** n * found - pi ** (n + 1) * _cotangent_rise(n, jnp.where(left, a, -0.25), jnp.where(left, b, 0.0))
    found = jnp.where(usable, found, jnp.where(left, turned, plain))
    return jnp.where((a == jnp.inf) & jnp.isfinite(b), 0.0, found)


def _difference(n: int, x: Any, step: Any) -> Any:
    """For x > 0 and x + step > 0."""
    steps = steps_of(n)
    low = jnp.minimum(x, x + step) < steps
    start, up = jnp.where(low, x, 1.0), jnp.where(low, step, 0.0)

    def term(k: Any, total: Any) -> Any:
        u, v = 1.0 / (start + up + k), 1.0 / (start + k)
        sums: Any = 1.0  # of u**j v**(n-j) for j = 0 to n
        if n:
            most = jnp.maximum(u, v)
            ratio = jnp.minimum(u, v) / most
            for _ in range(n):
                sums = sums * ratio + 1.0
            sums = sums * lax.integer_pow(most, n)
        return total + (up * u) * v * sums

    total = repeated(steps - 1, 0, term, jnp.zeros_like(x))
    far = jnp.where(low, x + steps, x)
    v, u = 1.0 / far, 1.0 / (far + step)
    value, slope = jnp.zeros_like(v), jnp.zeros_like(v)
    for coefficient in reversed(tail_of(n)):
        slope = slope * u + value
        value = value * v + coefficient
    found = (step * u) * v * slope + jnp.where(low, float(factorial(n)) * total, 0.0)
    if n == 0:
        found = found + t.log1p(step / far)
    return (-1.0) ** n * found


def _cotangent_rise(n: int, a: Any, b: Any) -> Any:
    """Of the n-th derivative of cot: by cot(x + y) - cot(x) = -sin(y) / (sin(x) sin(x + y))."""
    turn, turn_step = a - jnp.round(a), b - jnp.round(b)
    further = jnp.round(turn + turn_step)
    turn_end = turn + turn_step - further
    cot, cot_end = _cot(turn), _cot(turn_end)
    value, slope = jnp.zeros_like(cot), jnp.zeros_like(cot)
    for coefficient in reversed(cotangent(n)):
        slope = slope * cot_end + value
        value = value * cot + coefficient
    sign = jnp.where(further == 0.0, -1.0, 1.0)  # the three sines are of turns less whole ones
    return slope * (sign * jnp.sin(pi * turn_step) / (jnp.sin(pi * turn) * jnp.sin(pi * turn_end)))


# Derivatives of 1/gamma


def _gamma_derivatives(n: int, x: Any, sign: int = 1) -> list[Any]:
    """As the NumPy engine's: the factors by which gamma(x), or 1/gamma(x), is multiplied to give its derivatives 0 to n."""
    slopes = [sign * polygamma(x, k) for k in range(n)]
    found = [jnp.ones_like(x)]
    for m in range(1, n + 1):
        found.append(sum(comb(m - 1, k) * found[m - 1 - k] * slopes[k] for k in range(m)))
    return found


def _rgamma(x: Any, n: int) -> Any:
    if n == 0:
        return rgamma(x)
    left = x < 0.5
    right = jnp.where(left, 1.0, x)
    found = rgamma(right) * _gamma_derivatives(n, right, -1)[n]
    x_left = jnp.where(left, x, 0.0)
    turn = x_left % 2.0
    sines = (jnp.sin(pi * turn), jnp.cos(pi * turn), -jnp.sin(pi * turn), -jnp.cos(pi * turn))
    gammas = _gamma_derivatives(n, 1.0 - x_left)
    total = sum(comb(n, k) * (-1) ** k * gammas[k] * pi ** (n - k - 1) * sines[(n - k) % 4] for k in range(n + 1))
    return jnp.where(left, gamma(1.0 - x_left) * total, found)


def _gammasgn(x: Any) -> Any:
    whole = x == jnp.floor(x)
    sign = jnp.where(jnp.floor(x) % 2 == 0, 1.0, -1.0)
    found = jnp.where(x > 0, 1.0, jnp.where(whole, jnp.nan, sign))
    return jnp.where(jnp.isnan(x), x, jnp.where(x == 0, t.copysign(jnp.ones_like(x), x), found))


# Beta


def _less_stirling(x: Any) -> Any:
    """gammaln(x) less its leading terms (DLMF 5.11.1), for x >= 10."""
    z = 1.0 / x
    return t.polynomial([b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI[:8], 1)], z * z) * z


def _log_rise(a: Any, b: Any) -> Any:
    """gammaln(a + b) - gammaln(a), for a >= 10 and a + b >= 10."""
    ratio = b / a
    return a * log1pmx(ratio) - 0.5 * t.log1p(ratio) + b * jnp.log(a + b) + _less_stirling(a + b) - _less_stirling(a)


def _at_poles(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """beta(a, b) at a whole a <= 0 is (-1)**b beta(1 - a - b, b) if b and 1 - a - b are whole and positive; else infinite. The
    arguments to compute with, and the sign, 0 at a pole."""
    sign = jnp.ones_like(a)
    for _ in range(2):
        at_pole, whole = (a <= 0) & (a == jnp.floor(a)), b == jnp.floor(b)
        good = whole & (1 - a - b > 0)
        sign = jnp.where(at_pole, jnp.where(good, jnp.where(b % 2 == 0, 1.0, -1.0), 0.0), sign)
        a, b = b, jnp.where(at_pole, jnp.where(good, 1 - a - b, 1.0), a)
    return a, b, sign


def _betaln_right(a: Any, b: Any) -> Any:
    """For a, b > 0, the larger of which is 10 or more."""
    large, small = jnp.maximum(jnp.maximum(a, b), 10.0), jnp.minimum(a, b)
    both = small >= 10.0
    second = jnp.where(both, small, 10.0)
    rest = _less_stirling(large) + _less_stirling(second) - _less_stirling(large + second)
    ratio = t.log1p(second / large)
    whole = 0.5 * (log(2 * pi) - jnp.log(second) + ratio) - large * ratio - second * t.log1p(large / second) + rest
    first = jnp.where(both | (small <= 0), 1.0, small)
    return jnp.where(both, whole, t.gammaln(first) - _log_rise(large, first))


def _betaln(a: Any, b: Any) -> Any:
    a, b = jnp.broadcast_arrays(a, b)
    usable = (jnp.maximum(a, b) >= 10.0) & (jnp.minimum(a, b) > 0.0) & jnp.isfinite(a + b)
    right = _betaln_right(jnp.where(usable, a, 10.0), jnp.where(usable, b, 1.0))
    x, y, sign = _at_poles(a, b)
    few = jnp.log(jnp.abs(_by_gamma(x, y)))
    many = t.gammaln(x) + t.gammaln(y) - t.gammaln(x + y)
    found = jnp.where(jnp.abs(x) + jnp.abs(y) < 100.0, few, many)
    return jnp.where(usable, right, jnp.where(sign == 0, jnp.inf, found))


def _by_gamma(a: Any, b: Any) -> Any:
    large, small = jnp.where(jnp.abs(a) < jnp.abs(b), b, a), jnp.where(jnp.abs(a) < jnp.abs(b), a, b)
    return gamma(large) * rgamma(a + b) * gamma(small)


def _by_logarithms(a: Any, b: Any) -> Any:
    size = jnp.exp(t.gammaln(a) + t.gammaln(b) - t.gammaln(a + b))
    return _gammasgn(a) * _gammasgn(b) * _gammasgn(a + b) * size


def _beta(a: Any, b: Any) -> Any:
    """By gamma functions; those of a large argument and of its sum with a small one by the logarithm of their quotient."""
    a, b = jnp.broadcast_arrays(a, b)
    a, b, sign = _at_poles(a, b)
    large, small = jnp.maximum(a, b), jnp.minimum(a, b)
    far = (jnp.maximum(large, a + b) > 100.0) & (a + b >= 10.0) & jnp.isfinite(a + b)
    x = jnp.where(far, large, 10.0)
    by_quotient = gamma(small) * jnp.exp(-_log_rise(x, jnp.where(far, small, 1.0)))
    both = far & (small > 10.0)
    by_logarithm = jnp.exp(_betaln_right(x, jnp.where(both, small, 1.0)))
    few = jnp.maximum(jnp.abs(a), jnp.abs(b)) < 150.0
    others = jnp.where(few, _by_gamma(a, b), _by_logarithms(a, b))
    found = jnp.where(both, by_logarithm, jnp.where(far, by_quotient, others))
    found = jnp.where((large == jnp.inf) & (small > 0), 0.0, found)
    return jnp.where(sign == 0, jnp.inf, sign * found)


KERNELS: dict[Primitive, Kernel] = {
    f.polygamma: in_double(polygamma),
    s.polygamma_rise: in_double(lambda a, b, n: rise(n, a, b)),
    s.gamma: in_double(gamma),
    s.rgamma: in_double(_rgamma),
    s.gammasgn: in_double(_gammasgn),
    s.beta: in_double(_beta),
    s.betaln: in_double(_betaln),
}
