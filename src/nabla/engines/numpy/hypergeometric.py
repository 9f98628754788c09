"""NumPy kernels: hypergeometric functions, classical polynomials, elliptic integrals, by SciPy.

Their derivatives by parameters are stencils (stencil.py) or, where the power series has no cancellation, the series
differentiated term by term.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from nabla import lazy
from nabla.engines.numpy.double_double import Double
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.stencil import differentiated, step_for
from nabla.primitives import hypergeometric as p
from nabla.primitives.base import Primitive

special = lazy.optional("scipy.special")


def _wide(inputs: Any) -> list[Any]:
    return [np.asarray(x, np.float64) for x in inputs]


# Hypergeometric functions


def _series(uppers: Any, lowers: Any, z: Any, orders: tuple[int, ...], terms: int) -> Any:
    """The power series, differentiated by the parameters: each term is a table of derivatives up to `orders`.

    A factor a + k has the derivative 1, so that (T (a + k))^(n) = T^(n) (a + k) + n T^(n-1), and likewise for a quotient.
    """
    shape = np.broadcast_shapes(*(x.shape for x in (*uppers, *lowers, z)))
    wanted = list(np.ndindex(*(n + 1 for n in orders)))  # in an order in which smaller ones come first
    term: dict[tuple[int, ...], Any] = {m: np.full(shape, float(not any(m))) for m in wanted}
    total: Any = term[orders].copy()

    def smaller(m: tuple[int, ...], i: int) -> tuple[int, ...]:
        return tuple(n - (j == i) for j, n in enumerate(m))

    for k in range(terms):
        for i, a in enumerate(uppers):
            term = {m: term[m] * (a + k) + (m[i] * term[smaller(m, i)] if m[i] else 0.0) for m in wanted}
        for i, b in enumerate(lowers, len(uppers)):
            divided: dict[tuple[int, ...], Any] = {}
            for m in wanted:
                divided[m] = (term[m] - (m[i] * divided[smaller(m, i)] if m[i] else 0.0)) / (b + k)
            term = divided
        term = {m: t * (z / (k + 1)) for m, t in term.items()}
        total = total + term[orders]
    return total


def _pole(b: Any) -> Any:
    """How far the nearest of 0, -1, -2, ... is."""
    return np.abs(b - np.minimum(np.rint(b), 0.0))


LEAST = 3.0
"""How negative the parameters of a series may be that is used for its one sign."""


LARGEST = 100.0
"""The largest parameters for which the series is summed with twice the digits."""


def _cancels(a: Any, b: Any, c: Any, z: Any) -> Any:
    """Where it is: terms have both signs, and many grow; but not near z = 1, nor far left of 0, nor at the poles in c."""
    size = np.maximum(np.maximum(np.abs(a), np.abs(b)), np.abs(c))
    mixed = (np.minimum(np.minimum(a, b), c) < 0.0) | (z < 0.0)
    return mixed & (z >= -9.0) & (z <= 0.9) & (size > 5.0) & (size <= LARGEST) & (_pole(c) > 0.0)


def _carefully(*inputs: Any, orders: tuple[int, ...]) -> Any:
    """2F1 or its derivative, of flat arrays, with twice the digits; for z < -1/2 by Pfaff's transformation (DLMF 15.8.1).

    That is (1-z)**-a 2F1(a, c - b; c; z / (z-1)): derivatives by b and c are those by the second parameter, too.
    """
    z = inputs[3]
    found = np.empty_like(z)
    for left in (False, True):
        which = (z < -0.5) == left
        if not np.any(which):
            continue
        p, q, r, y = (Double(x[which]) for x in inputs)
        if not left:
            found[which] = _series([p, q], [r], y, orders, _terms(p, q, r, y)).high
            continue
        turned = y / (y - 1.0)
        logarithm = -np.log1p(-z[which])
        total: Any = 0.0
        i, j, k = orders
        for n in range(i + 1):  # derivatives that fall on the power
            for m in range(k + 1):  # those by c that fall on the second parameter
                inner = _series([p, r - q], [r], turned, (i - n, j + m, k - m), _terms(p, r - q, r, turned))
                total = inner * (comb(i, n) * comb(k, m) * (-1) ** j * logarithm**n) + total
        found[which] = total.high * np.exp(p.high * logarithm)
    return found


def _terms(a: Double, b: Double, c: Double, y: Double) -> int:
    """How many terms are needed for 20 digits: the k-th is of the size k**(a + b - c - 1) y**k, once k is beyond the parameters."""
    rate = -np.log(np.maximum(np.abs(y.high), 0.01))
    growth = np.maximum(a.high + b.high - c.high, 0.0)
    count = np.full_like(rate, 50.0)
    for _ in range(8):
        count = (46.0 + growth * np.log(count)) / rate
    size = np.maximum(np.maximum(np.abs(a.high), np.abs(b.high)), np.abs(c.high))
    return int(np.max(count + 1.5 * size, initial=0.0)) + 10


def _hyp2f1(a: Any, b: Any, c: Any, z: Any) -> Any:
    """SciPy's, but where the terms of the series may have both signs and are summed with twice the digits."""
    a, b, c, z = np.broadcast_arrays(a, b, c, z)
    found = np.array(_hyp2f1_of_scipy(a, b, c, z))
    risky = _cancels(a, b, c, z)
    if np.any(risky):
        found[risky] = _carefully(*_wide([x[risky] for x in (a, b, c, z)]), orders=(0, 0, 0))
    return found


def _hyp2f1_of_scipy(a: Any, b: Any, c: Any, z: Any) -> Any:
    """SciPy's; for z < -1, where its connection formulas cancel or meet poles of gamma, by Pfaff's transformation (DLMF 15.8.1).

    Of its two forms that one is taken whose parameters are least negative: the terms of its series then have one sign.
    """
    left = z < -1.0
    found = np.asarray(special.hyp2f1(a, b, c, z))
    if not np.any(left):
        return found
    y = np.where(left, z, -2.0)
    first, second = np.maximum(-a, 0.0) + np.maximum(b - c, 0.0), np.maximum(-b, 0.0) + np.maximum(a - c, 0.0)
    swap = second < first
    upper, lower = np.where(swap, b, a), np.where(swap, a, b)
    turned = (1.0 - y) ** -upper * special.hyp2f1(upper, c - lower, c, y / (y - 1.0))
    use = left & np.isfinite(turned) & ((np.minimum(first, second) < LEAST) | ~np.isfinite(found))
    return np.where(use & np.isfinite(z), turned, found)


def _hypergeometric(name: str, uppers: int, radius: float, terms: int) -> Kernel:
    def kernel(*inputs: Any, orders: tuple[int, ...]) -> Any:
        f: Any = _hyp2f1 if name == "hyp2f1" else getattr(special, name)
        dtype = inputs[0].dtype
        if not any(orders):
            return f(*inputs).astype(dtype, copy=False)
        *parameters, z = _wide(inputs)
        above, below = parameters[:uppers], parameters[uppers:]
        ratio = np.abs(z)  # of the first term to 1
        for a in above:
            ratio = ratio * np.maximum(np.abs(a), 1.0)
        for b in below:
            ratio = ratio / np.minimum(np.abs(b), 1e3)
        near = (np.abs(z) < radius) & (ratio < 4.0)
        result: Any = 0.0
        if np.any(near) or not near.size:
            result = _series(above, below, np.where(near, z, 0.0), orders, terms)
        if not np.all(near):
            far = np.where(near, 2.0 * radius if name != "hyp2f1" else -1.0, z)
            # Powers of z, or of 1 - z, with the parameters in the exponent; and quotients of gamma functions.
            size = sum(np.abs(q) for q in parameters)
            power = np.abs(np.log(np.abs(1.0 - np.where(far == 1.0, 2.0, far)))) if name == "hyp2f1" else np.log1p(np.abs(far))
            rate = 2.0 + power + np.log1p(size)
            steps = [step_for(rate) for _ in above] + [step_for(rate, _pole(b)) for b in below]
            if name == "hyp2f1":
                f = _hyp2f1_of_scipy
            result = np.where(near, result, differentiated(lambda *q: f(*q, far), parameters, orders, steps))
            if name == "hyp2f1":
                *spread, careful = np.broadcast_arrays(*parameters, z, _cancels(*inputs) & ~near)
                if np.any(careful):
                    result = np.array(result)
                    result[careful] = _carefully(*[x[careful] for x in spread], orders=orders)
        return np.asarray(result).astype(dtype)

    return kernel


# Polynomials


def _polynomial(name: str) -> Kernel:
    def kernel(n: Any, *inputs: Any, orders: tuple[int, ...]) -> Any:
        f, degree = getattr(special, name), np.asarray(n).astype(np.int64)
        *parameters, x = _wide(inputs)
        if any(orders):
            rate = 2.0 + np.log1p(np.asarray(n, np.float64)) + np.log1p(np.abs(x))
            steps = [step_for(rate) for _ in parameters]
            found = differentiated(lambda *q: f(degree, *q, x), parameters, orders, steps)
        else:
            found = f(degree, *parameters, x)
        return np.asarray(found).astype(n.dtype)

    return kernel


def _genlaguerre(n: Any, a: Any, x: Any, orders: tuple[int, ...]) -> Any:
    """By the recurrence in the degree (DLMF 18.9.1), differentiated by alpha: stencils reach alpha <= -1, where SciPy has NaN."""
    (order,) = orders
    if order == 0:
        return np.asarray(special.eval_genlaguerre(np.asarray(n).astype(np.int64), *_wide((a, x)))).astype(n.dtype)
    n_, a_, x_ = np.broadcast_arrays(*_wide((n, a, x)))
    before = [np.zeros_like(x_) for _ in range(order + 1)]
    now = [np.full_like(x_, float(m == 0)) for m in range(order + 1)]
    found = np.where(n_ == 0, now[order], np.nan)
    for k in range(int(np.max(n_, initial=0.0))):
        following = []
        for m in range(order + 1):
            lower = m * (now[m - 1] - before[m - 1]) if m else 0.0
            following.append(((2 * k + 1 + a_ - x_) * now[m] - (k + a_) * before[m] + lower) / (k + 1))
        before, now = now, following
        found = np.where(n_ == k + 1, now[order], found)
    return found.astype(n.dtype)


def _classical(n: Any, x: Any, kind: str) -> Any:
    return np.asarray(getattr(special, "eval_" + kind)(np.asarray(n).astype(np.int64), np.asarray(x, np.float64))).astype(x.dtype)


# Elliptic integrals


def _carlson(x: Any, y: Any, z: Any, powers: tuple[int, ...]) -> Any:
    if powers == (1, 1, 1):
        return (2.0 * special.elliprf(x, y, z)).astype(x.dtype, copy=False)
    if sorted(powers) == [1, 1, 3]:
        rest = [v for v, p in zip((x, y, z), powers) if p == 1]
        (last,) = [v for v, p in zip((x, y, z), powers) if p == 3]
        return (special.elliprd(*rest, last) / 1.5).astype(x.dtype, copy=False)
    return _carlson_integral((x, y, z), powers)


def _carlson_j(x: Any, y: Any, z: Any, w: Any, powers: tuple[int, ...]) -> Any:
    if powers == (1, 1, 1, 2):
        return (special.elliprj(x, y, z, w) / 1.5).astype(x.dtype, copy=False)
    return _carlson_integral((x, y, z, w), powers)


def _carlson_integral(inputs: tuple[Any, ...], powers: tuple[int, ...]) -> Any:
    """By the trapezoidal rule in u = log(t).

    The integrand is analytic for abs(im(u)) < pi, so that a step of 1/2 errs by exp(-4 pi**2), and it decays at least as
    exp(-abs(u) / 2) beyond the logarithms of x, y, z.
    """
    logs = np.log(np.stack(np.broadcast_arrays(*_wide(inputs))))
    finite = np.isfinite(logs)
    low = np.min(np.where(finite, logs, np.inf), axis=0) - 80.0
    high = np.max(np.where(finite, logs, -np.inf), axis=0) + 80.0
    usable = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(usable, low, 0.0), np.where(usable, high, 1.0)
    count = int(np.ceil(np.max((high - low) / 0.5, initial=1.0)))
    width = (high - low) / count
    half = np.asarray(powers).reshape(len(powers), *[1] * low.ndim) / 2.0
    total = np.zeros_like(low)
    for k in range(count + 1):
        u = low + k * width
        total += np.exp(u - np.sum(half * np.logaddexp(u, logs), axis=0))
    # At 0 a power of 3 or more is not integrable; two zeros leave a power of 2 at least.
    flat = np.sum(np.where(np.isneginf(logs), 2.0 * half, 0.0), axis=0)
    found = np.where(flat >= 2.0, np.inf, total * width)
    return np.where(np.any(np.isnan(logs), axis=0), np.nan, found).astype(inputs[0].dtype)


def _of_scipy(name: str) -> Kernel:
    return lambda *inputs: getattr(special, name)(*inputs).astype(inputs[0].dtype, copy=False)


def _lambertw(z: Any, k: int) -> Any:
    return np.asarray(special.lambertw(np.asarray(z, np.complex128), k)).astype(z.dtype)


INTEGRALS = {
    "si": ("sici", 0),
    "ci": ("sici", 1),
    "shi": ("shichi", 0),
    "chi": ("shichi", 1),
    "fresnel_s": ("fresnel", 0),
    "fresnel_c": ("fresnel", 1),
}


def _circular_integral(x: Any, kind: str) -> Any:
    name, i = INTEGRALS[kind]
    return getattr(special, name)(x)[i].astype(x.dtype, copy=False)


KERNELS: dict[Primitive, Kernel] = {
    p.hyp0f1: _hypergeometric("hyp0f1", 0, 8.0, 60),
    p.hyp1f1: _hypergeometric("hyp1f1", 1, 4.0, 60),
    p.hyp2f1: _hypergeometric("hyp2f1", 2, 0.5, 90),
    p.classical: _classical,
    p.gegenbauer: _polynomial("eval_gegenbauer"),
    p.genlaguerre: _genlaguerre,
    p.jacobi: _polynomial("eval_jacobi"),
    p.carlson: _carlson,
    p.carlson_j: _carlson_j,
    p.elliprg: _of_scipy("elliprg"),
    p.amplitude: lambda u, m: special.ellipj(u, m)[3].astype(u.dtype, copy=False),
    p.ellipe: _of_scipy("ellipe"),
    p.ellipkinc: _of_scipy("ellipkinc"),
    p.ellipeinc: _of_scipy("ellipeinc"),
    p.lambertw: _lambertw,
    p.circular_integral: _circular_integral,
}
