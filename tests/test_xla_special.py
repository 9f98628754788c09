"""XLA's special functions in their tails, at poles and at infinities, against mpmath and the NumPy engine.

The table of primitives (test_xla.py) has the rest.
"""

import mpmath as mp
import numpy as np
import pytest
from test_xla_values import on_both

from nabla.primitives import formulas as f, incomplete as i, special as s

INF, NAN = np.inf, np.nan


def _expi(x):
    """By an integral from its zero, where mpmath's own loses digits."""
    zero = mp.mpf("0.37250741078136663446199186658011913353568949777166")
    return mp.quad(lambda t: mp.exp(t) / t, [zero, x]) if abs(x - zero) < 0.2 else mp.ei(x)


def _owens_t(h, a):
    return mp.exp(-h * h / 2) * mp.quad(lambda t: mp.exp(-h * h * t * t / 2) / (1 + t * t), [0, a]) / (2 * mp.pi)


def _dawsn(x):
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


# name: (nodes -> node, mpmath's function, points, how many units in the last place it may be off)
EXACT = {
    "gamma": (s.gamma, mp.gamma, [0.1, 1e-200, 11.9, 12.1, 170.5, -0.5, -20.3, -150.7, -1e-5], 10),
    "rgamma": (lambda x: s.rgamma(x, n=0), mp.rgamma, [1e-200, 5.5, 170.5, -20.3, -150.7], 10),
    "digamma": (lambda x: f.polygamma(x, n=0), mp.digamma, [1e-9, 1.4616321449683634, 2.5, 1e8, -0.9996983948717357, -20.3], 20),
    "trigamma": (lambda x: f.polygamma(x, n=1), lambda x: mp.psi(1, x), [1e-9, 0.3, 12.9, 13.1, 1e8, -0.99, -20.3], 20),
    "polygamma 25": (lambda x: f.polygamma(x, n=25), lambda x: mp.psi(25, x), [0.3, 10.0, 60.0], 40),
    "rise": (
        lambda x, y: s.polygamma_rise(x, y, n=0),
        lambda x, y: mp.digamma(x + y) - mp.digamma(x),
        [[0.3, 1e-9, 1e6, 5.0, -2.5], [1e-12, 2.0, 1e-3, 1e6, 1e-9]],
        10,
    ),
    "beta": (s.beta, mp.beta, [[0.1, 160.0, 1e-9, 300.0, -0.5], [1e-3, 12.0, 1e-9, 200.0, 3.3]], 600),
    "betaln": (s.betaln, lambda x, y: mp.log(abs(mp.beta(x, y))), [[1e8, 12.0, 1e-9, 3.0], [1e-3, 11.0, 1e9, 0.1]], 10),
    "erfcx": (lambda x: s.erfcx(x, n=0), lambda x: mp.exp(x * x) * mp.erfc(x), [-26.0, -3.0, 1.9, 2.1, 26.6, 1e5], 10),
    "erfi": (s.erfi, mp.erfi, [1e-300, 0.3, 5.0, 26.5, -20.1], 10),
    "dawsn": (lambda x: s.dawsn(x, n=0), _dawsn, [1e-300, 0.0106568812, 0.3, 6.9, 7.1, -1e5], 10),
    "erfinv": (s.erfinv, mp.erfinv, [1e-200, 0.3, 0.51, 0.999999992, -0.9999999999999999], 10),
    "log_ndtr": (s.log_ndtr, lambda x: mp.log(mp.ncdf(x)), [-1e10, -30.0, -1.01, 0.2222, 9.0], 40),
    "owens_t": (s.owens_t, _owens_t, [[0.3, 26.6, -4.9, 2.0], [0.5, 1e-12, 9e-12, 1.5]], 20),
    "exp1": (s.exp1, mp.e1, [1e-300, 0.99, 1.01, 700.0], 10),
    "expi": (s.expi, _expi, [-30.0, 1e-300, 0.3728, 0.3, 39.0, 40.3154, 700.0], 10),
    "expn": (lambda x: s.expn(x, n=3), lambda x: mp.expint(3, x), [1e-9, 0.99, 1.01, 600.0], 20),
    "zeta": (lambda x, q: s.zeta(x, q, order=0), mp.zeta, [[1.0001, 2.0, 50.0, 3.0], [1.0, 1e-3, 3.0, 1e6]], 10),
    "gammainc": (
        lambda a, x: i.gammainc(a, x, order=0),
        lambda a, x: mp.gammainc(a, 0, x, regularized=True),
        [[1e-8, 0.3, 5.0, 277.5, 1e4], [3.0, 1e-5, 3.0, 155.3, 9.5e3]],
        100,
    ),
    "gammaincc": (
        i.gammaincc,
        lambda a, x: mp.gammainc(a, x, regularized=True),
        [[1e-8, 1e-8, 0.3, 5.0, 239.8, 1e5], [0.5, 3.0, 600.0, 3.0, 379.6, 1.01e5]],
        100,
    ),
    "betainc": (
        lambda a, b, x: i.betainc(a, b, x, order_a=0, order_b=0),
        lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        [[2.0, 50.0, 3.0, 1e3, 0.5, 1e-3], [3.0, 60.0, 1e-7, 2e3, 0.5, 1e-3], [0.3, 0.2, 0.7, 0.35, 1e-9, 0.3]],
        100,
    ),
    "betaincc": (
        i.betaincc,
        lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True),
        [[1e-6, 1e-6, 50.0, 0.4], [2.0, 0.5, 60.0, 1e-3], [0.1, 0.4, 0.7, 0.2]],
        100,
    ),
}  # fmt: skip

# Where NumPy's engine is exact: poles, zeros, infinities.
EDGES = {
    "gamma": (s.gamma, [0.0, -0.0, -1.0, -30.0, 172.0, INF, NAN, -171.5]),
    "rgamma": (lambda x: s.rgamma(x, n=0), [0.0, -0.0, -1.0, -30.0, INF, NAN]),
    "gammasgn": (s.gammasgn, [0.0, -0.0, -1.0, -0.5, -1.5, 3.0, INF, NAN]),
    "digamma": (lambda x: f.polygamma(x, n=0), [0.0, -0.0, -1.0, INF, -INF, NAN]),
    "trigamma": (lambda x: f.polygamma(x, n=1), [0.0, -0.0, -1.0, INF, NAN]),
    "rise": (lambda x, y: s.polygamma_rise(x, y, n=0), [[INF, 1.0, NAN], [1.0, 0.0, 1.0]]),
    "beta": (s.beta, [[-1.0, -3.0, -2.0, INF, 0.0, 1.0], [2.5, 2.0, 1.0, 2.0, 1.0, NAN]]),
    "erfcx": (lambda x: s.erfcx(x, n=0), [INF, -INF, -30.0, NAN, 0.0]),
    "dawsn": (lambda x: s.dawsn(x, n=0), [0.0, -0.0, INF, -INF, NAN]),
    "erfi": (s.erfi, [0.0, 40.0, INF, -INF, NAN]),
    "erfinv": (s.erfinv, [0.0, 1.0, -1.0, 1.1, NAN]),
    "erfcinv": (s.erfcinv, [0.0, 2.0, -0.1, NAN]),
    "ndtr": (s.ndtr, [0.0, INF, -INF, NAN]),
    "ndtri": (s.ndtri, [0.0, 1.0, -0.1, 1.1, NAN]),
    "log_ndtr": (s.log_ndtr, [INF, -INF, NAN]),
    "owens_t": (s.owens_t, [[0.0, INF, 1.0, 0.0, NAN], [INF, 1.0, 0.0, -INF, 1.0]]),
    "exp1": (s.exp1, [0.0, INF, -1.0, NAN]),
    "expi": (s.expi, [0.0, INF, -INF, NAN]),
    "expn": (lambda x: s.expn(x, n=2), [0.0, INF, -1.0, NAN]),
    "exprel": (lambda x: s.exprel(x, n=0), [0.0, INF, -INF, NAN]),
    "spence": (s.spence, [0.0, 1.0, -1.0, NAN]),
    "zeta": (lambda x, q: s.zeta(x, q, order=0), [[1.0, 0.5, 3.0, 2.0, 2.0, 2.0, 3.0], [2.0, 2.0, 0.0, -1.0, INF, NAN, -0.5]]),
    "gammainc": (
        lambda a, x: i.gammainc(a, x, order=0),
        [[0.0, 0.0, 2.0, 2.0, INF, -1.0, 1.0], [1.0, 0.0, 0.0, INF, 1.0, 1.0, NAN]],
    ),
    "gammaincc": (i.gammaincc, [[0.0, 0.0, 2.0, 2.0, INF, -1.0, 1.0], [1.0, 0.0, 0.0, INF, 1.0, 1.0, NAN]]),
    "gamma_density": (i.gamma_density, [[0.5, 1.0, 2.0, 2.0, -1.0], [0.0, 0.0, 0.0, INF, 1.0]]),
    "betainc": (
        lambda a, b, x: i.betainc(a, b, x, order_a=0, order_b=0),
        [[0.0, 2.0, 0.0, 2.0, 2.0, 2.0, -1.0], [2.0, 0.0, 0.0, 2.0, 2.0, 2.0, 1.0], [0.3, 0.3, 0.3, 0.0, 1.0, 1.1, 0.3]],
    ),
}  # fmt: skip


def arrays_of(points):
    rows = points if isinstance(points[0], list) else [points]
    return [np.array(row, np.float64) for row in rows]


@pytest.mark.parametrize("name", sorted({*EXACT, *EDGES}))
def test_digits_and_edges(name):
    """Both at once, since compiling is what takes the time."""
    program = (EXACT if name in EXACT else EDGES)[name][0]
    exact = arrays_of(EXACT[name][2]) if name in EXACT else []
    edges = arrays_of(EDGES[name][1]) if name in EDGES else []
    count = exact[0].size if exact else 0
    arrays = [np.concatenate(x) for x in zip(exact, edges, strict=True)] if exact and edges else exact or edges
    (found,), (expected,) = on_both(lambda *xs: [program(*xs)], *arrays)
    np.testing.assert_allclose(found[count:], expected[count:], rtol=1e-13)
    for value, *at in zip(found[:count], *exact, strict=False):
        with mp.workdps(40):
            right = EXACT[name][1](*[mp.mpf(float(x)) for x in at])
            error = abs(mp.mpf(float(value)) - right) / abs(right) / mp.mpf(np.finfo(np.float64).eps)
        assert error <= EXACT[name][3], (at, float(value), float(right), float(error))


def test_empty_0d_and_single_precision():
    arrays = [np.zeros((0, 3)), np.array(0.7), np.linspace(0.1, 20.0, 50, dtype=np.float32)]
    found, expected = on_both(lambda *xs: [p(x) for x in xs for p in (s.gamma, s.expi)], *arrays)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-7 if a.dtype == np.float32 else 1e-13)
