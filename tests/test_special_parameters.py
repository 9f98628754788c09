"""Derivatives of special functions in their parameters: digits in bulk and tails, nestings, errors beyond the known order."""

import mpmath as mp
import numpy as np
import pytest
from parameter_derivatives import BETA, GAMMA
from scipy import special

import nabla as nb
from nabla.testing import check_grads

S = nb.special
NESTINGS = {
    "forward over forward": lambda f: nb.jacfwd(nb.jacfwd(f)),
    "forward over reverse": lambda f: nb.jacfwd(nb.jacrev(f)),
    "reverse over forward": lambda f: nb.jacrev(nb.jacfwd(f)),
    "reverse over reverse": lambda f: nb.jacrev(nb.jacrev(f)),
}


def slope(f, *xs, at):
    """The derivative of an elementwise function in one of its arguments, as an elementwise function."""
    return nb.grad(lambda *xs: nb.sum(f(*xs)), argnums=at)(*xs)


def test_gammainc_in_a_keeps_its_digits():
    a, x, first, second = np.array(GAMMA).T
    np.testing.assert_allclose(slope(S.gammainc, a, x, at=0), first, rtol=2e-12)
    np.testing.assert_allclose(slope(S.gammaincc, a, x, at=0), -first, rtol=2e-12)
    np.testing.assert_allclose(slope(lambda a, x: slope(S.gammainc, a, x, at=0), a, x, at=0), second, rtol=1e-10)


def test_betainc_in_a_and_b_keeps_its_digits():
    a, b, x, da, db, daa, dab, dbb = np.array(BETA).T
    np.testing.assert_allclose(slope(S.betainc, a, b, x, at=0), da, rtol=2e-12)
    np.testing.assert_allclose(slope(S.betainc, a, b, x, at=1), db, rtol=2e-12)
    np.testing.assert_allclose(slope(S.betaincc, a, b, x, at=1), -db, rtol=2e-12)
    for i, j, expected in ((0, 0, daa), (0, 1, dab), (1, 0, dab), (1, 1, dbb)):
        found = slope(lambda a, b, x, i=i: slope(S.betainc, a, b, x, at=i), a, b, x, at=j)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_large_parameters():
    """At the mean the derivative tends to the density times the motion of the mean: -1/sqrt(2 pi a) for gamma."""
    a = np.array([1e6, 1e9, 1e12])
    np.testing.assert_allclose(slope(S.gammainc, a, a, at=0), -1 / np.sqrt(2 * np.pi * a), rtol=2e-6)
    half = np.full(3, 0.5)  # the density there is 2 sqrt(a/pi), and the mean moves by 1/(4a)
    np.testing.assert_allclose(slope(S.betainc, a, a, half, at=0), -0.5 / np.sqrt(np.pi * a), rtol=2e-6)


def test_limits_and_ends():
    np.testing.assert_allclose(nb.grad(S.gammainc)(0.0, 2.0), -special.exp1(2.0), rtol=1e-13)
    for x in (0.0, np.inf):
        assert float(nb.grad(S.gammainc)(1.5, x)) == 0.0
    for x in (0.0, 1.0):
        assert nb.grad(S.betainc, argnums=(0, 1))(1.5, 2.5, x) == (0.0, 0.0)
    assert np.isnan(float(nb.grad(S.gammainc)(-1.0, 2.0)))
    assert np.isnan(float(nb.grad(S.betainc)(1.0, 2.0, 1.5)))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_one_order_beyond_raises(mode):
    def grad(f, n):
        return nb.grad(f, argnums=n, mode=mode)

    for f, args, n, name in [
        (S.gammainc, (1.5, 2.0), 0, "gammainc has its first and second derivative only in its argument a"),
        (S.gammaincc, (1.5, 2.0), 0, "gammainc has its first and second derivative only in its argument a"),
        (S.betainc, (1.5, 2.0, 0.4), 0, "betainc has its first and second derivative only in its argument a"),
        (S.betaincc, (1.5, 2.0, 0.4), 1, "betainc has its first and second derivative only in its argument b"),
        (S.zeta, (1.5, 2.0), 0, "zeta has its first and second derivative only in its argument x"),
    ]:
        twice = grad(grad(f, n), n)
        assert np.isfinite(float(twice(*args)))
        with pytest.raises(nb.NotDifferentiableError, match=name):
            grad(twice, n)(*args)
        last = len(args) - 1  # in the argument itself, and mixed, there is no end
        third = grad(grad(grad(f, last), last), last)(*args)
        h = 1e-4
        second = grad(grad(f, last), last)
        difference = (second(*args[:-1], args[-1] + h) - second(*args[:-1], args[-1] - h)) / (2 * h)
        np.testing.assert_allclose(third, difference, rtol=1e-6)
        assert np.isfinite(float(grad(twice, last)(*args)))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("gammainc", (1.7, 2.3)),
        ("gammaincc", (3.7, 2.3)),
        ("gammaincinv", (1.7, 0.3)),
        ("gammainccinv", (2.7, 0.6)),
        ("betainc", (1.7, 2.3, 0.4)),
        ("betaincc", (1.7, 2.3, 0.7)),
        ("betaincinv", (1.7, 2.3, 0.4)),
        ("betainccinv", (1.7, 2.3, 0.7)),
        ("zeta", (2.5, 1.3)),
        ("owens_t", (0.7, -1.3)),
        ("beta", (1.7, 0.6)),
        ("betaln", (1.7, 0.6)),
        ("poch", (1.7, 0.6)),
        ("binom", (4.7, 1.6)),
        ("boxcox", (1.7, 0.4)),
        ("boxcox1p", (0.7, -0.4)),
        ("inv_boxcox", (0.7, 0.4)),
        ("inv_boxcox1p", (0.7, -0.4)),
        ("rel_entr", (1.7, 0.4)),
        ("kl_div", (1.7, 0.4)),
        ("pseudo_huber", (1.7, 0.4)),
        ("huber", (1.7, 2.4)),
    ],
)
def test_second_order_in_all_arguments_and_nestings(name, args):
    check_grads(getattr(S, name), args, order=2)


def test_inverses_undo():
    a, b, p = np.array([0.3, 2.0, 40.0]), np.array([1.5, 0.2, 9.0]), np.array([0.1, 0.6, 0.97])
    for forth, back, parameters in ((S.gammainc, S.gammaincinv, (a,)), (S.betainc, S.betaincinv, (a, b))):
        np.testing.assert_allclose(forth(*parameters, back(*parameters, p)), p, rtol=1e-12)
        for at in range(len(parameters)):
            moved = slope(lambda *xs, forth=forth, back=back: forth(*xs[:-1], back(*xs)), *parameters, p, at=at)
            np.testing.assert_allclose(moved, 0.0, atol=1e-13)
        np.testing.assert_allclose(slope(lambda *xs, f=forth, g=back: f(*xs[:-1], g(*xs)), *parameters, p, at=-1), 1.0)


def test_dtypes_batches_and_where():
    a, x = np.array([0.5, 2.0], np.float32), np.array([[1.0], [3.0]], np.float32)
    found = slope(S.gammainc, a, x, at=0)
    assert found.dtype == np.float32 and found.shape == (2,)
    wide = slope(S.gammainc, a.astype(np.float64), x.astype(np.float64), at=0)
    np.testing.assert_allclose(found, wide, rtol=1e-6)
    one_by_one = [[float(nb.grad(S.betainc)(p, 1.5, q)) for q in (0.2, 0.6)] for p in (0.5, 2.0)]
    batched = nb.vmap(nb.vmap(nb.grad(S.betainc), (None, None, 0)), (0, None, None))(
        np.array([0.5, 2.0]), 1.5, np.array([0.2, 0.6])
    )
    np.testing.assert_allclose(batched, one_by_one, rtol=1e-14)
    guarded = nb.grad(lambda a: nb.sum(nb.where(a > 0, S.gammainc(a, 1.0), a)))
    assert guarded(np.array([-1.0]))[0] == 1.0
    assert S.gammainc(np.float16(1), np.float16(2)).dtype == np.float16
    with pytest.raises(nb.DTypeError, match="complex"):
        S.betainc(1.0, 2.0, 0.5j)


@pytest.mark.parametrize("nesting", NESTINGS)
def test_a_likelihood(nesting):
    """The Hessian of the log-probability of censored gamma data, against differences of gradients."""
    x = np.array([0.4, 1.3, 2.2, 5.0])
    loss = lambda p: -nb.sum(nb.log(S.gammaincc(p[0], x * p[1])))
    p, h = np.array([1.4, 0.7]), 1e-5
    gradient = nb.grad(loss)
    rows = [(gradient(p + h * e) - gradient(p - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(NESTINGS[nesting](loss)(p), rows, rtol=1e-8)


def test_zeta_in_its_first_argument():
    """zeta'(2) = pi**2/6 (gamma + log(2 pi) - 12 log A) with Glaisher's constant A; Laurent's series at 1."""
    glaisher = 1.2824271291006226369
    expected = np.pi**2 / 6 * (np.euler_gamma + np.log(2 * np.pi) - 12 * np.log(glaisher))
    np.testing.assert_allclose(nb.grad(S.zeta)(2.0, 1.0), expected, rtol=1e-14)
    stieltjes_1 = -0.07281584548367672486
    e = 2.0**-13
    np.testing.assert_allclose(nb.grad(S.zeta)(1 + e, 1.0) + 1 / e**2, -stieltjes_1, atol=3e-6)
    np.testing.assert_allclose(nb.grad(nb.grad(S.zeta))(60.0, 2.0), np.log(2.0) ** 2 * 2.0**-60, rtol=1e-9)
    np.testing.assert_allclose(nb.grad(S.zeta, argnums=1)(2.0, 0.7), -2 * special.zeta(3.0, 0.7), rtol=1e-14)


def test_many_elements_are_as_few():
    """They are integrated a block at a time."""
    a, b, x = np.random.default_rng(0).uniform(0.1, 0.9, (3, 5000)) * np.array([[9.0], [9.0], [1.0]])
    for f, args in (
        (S.gammainc, (a, 9.0 * x)),
        (S.betainc, (a, b, x)),
        (lambda x: nb.grad(lambda x: nb.sum(S.exprel(x)))(x), (x,)),
    ):
        whole = np.asarray(slope(f, *args, at=0))
        part = np.asarray(slope(f, *[z[4900:] for z in args], at=0))
        np.testing.assert_allclose(whole[4900:], part, rtol=1e-13)


def test_beta_and_its_relatives_where_one_argument_is_small_beside_the_other():
    """Differences of polygammas there have nothing to cancel; values and first and second derivatives by mpmath."""
    betaln = lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    poch = lambda a, b: mp.gammaprod([a + b], [a])
    with mp.workdps(60):
        for f, reference in ((S.betaln, betaln), (S.poch, poch)):
            for a, b in ((1e8, 1e-3), (3e3, 0.25), (2.5, 1e-9), (1e12, 2.0)):
                for n, rtol in ((0, 2e-13), (1, 2e-12), (2, 2e-12)):
                    found = f
                    for _ in range(n):
                        found = nb.grad(found)
                    expected = float(mp.diff(lambda a, b=b, g=reference: g(a, mp.mpf(b)), mp.mpf(a), n))
                    np.testing.assert_allclose(found(a, b), expected, rtol=rtol, err_msg=f"{f.__name__} {a} {b} {n}")


def test_polygamma_over_its_domain():
    x = np.array([1e-12, 1e-3, 0.3, 11.99, 12.0, 32.2, 1e9, -1e-9, -0.25, -3.3, -3 + 1e-7, -100.3, -1e5 - 0.3])
    for n in (1, 2, 3, 8):
        with mp.workdps(30):
            expected = [float(mp.polygamma(n, mp.mpf(z))) for z in x]
        np.testing.assert_allclose(S.polygamma(n, x), expected, rtol=4e-15)
        np.testing.assert_array_equal(S.polygamma(n, np.array([0.0, -2.0, np.inf])), [(-1) ** (n + 1) * np.inf] * 2 + [0.0])


STUDENT = [(0.1, 2.1), (0.7, -5.0), (3.3, -1e-3), (10.0, 1.9), (29.0, -30.0), (200.0, -2.1), (1e4, 0.3), (1e6, -5.0)]


def test_student_in_its_degrees_of_freedom():
    def reference(v, t):
        half = mp.betainc(v / 2, mp.mpf(0.5), 0, v / (v + t * t), regularized=True) / 2
        return half if t < 0 else 1 - half

    v, t = np.array(STUDENT).T
    with mp.workdps(40):
        for n in (1, 2):
            expected = [float(mp.diff(lambda v, t=t: reference(v, mp.mpf(t)), mp.mpf(v), n, h=v * 1e-10)) for v, t in STUDENT]
            found = slope(S.stdtr, v, t, at=0) if n == 1 else slope(lambda v, t: slope(S.stdtr, v, t, at=0), v, t, at=0)
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert [float(nb.grad(S.stdtr)(2.5, x)) for x in (0.0, np.inf, -np.inf)] == [0.0] * 3
    mixed = nb.grad(nb.grad(S.stdtr), 1)(1.0, 0.0), nb.grad(nb.grad(S.stdtr, 1))(1.0, 0.0)
    np.testing.assert_allclose(mixed, (2 * np.log(2) - 1) / (2 * np.pi), rtol=1e-14)


QUANTILES = {
    "stdtrit": (2.3, 0.7), "stdtridf": (0.72, 0.7), "chdtri": (2.3, 0.7), "chdtriv": (0.3, 0.7), "gdtria": (0.3, 1.7, 0.8),
    "gdtrib": (1.3, 0.3, 0.8), "gdtrix": (1.3, 1.7, 0.8), "btdtria": (0.3, 1.2, 0.6), "btdtrib": (1.2, 0.3, 0.6),
    "fdtri": (2.3, 3.1, 0.4), "ndtri_exp": (-3.0,), "nrdtrimn": (0.3, 1.2, 0.4), "nrdtrisd": (0.3, 0.7, 1.4),
    "kolmogi": (0.3,), "kolmogorov": (0.8,),
}  # fmt: skip


@pytest.mark.parametrize("name", QUANTILES)
def test_quantiles_as_scipy(name):
    args = QUANTILES[name]
    np.testing.assert_allclose(getattr(S, name)(*args), getattr(special, name)(*args), rtol=1e-13)
    check_grads(getattr(S, name), args, order=2)


@pytest.mark.parametrize("name", ["bdtr", "bdtrc", "nbdtr", "nbdtrc", "bdtri", "nbdtri", "pdtri"])
def test_counts_are_rounded_down(name):
    f, p = getattr(S, name), np.array([0.1, 0.2, 0.7, 0.9])
    counts = (2.0,) if name == "pdtri" else (2.0, 5)
    np.testing.assert_allclose(f(*counts, p), getattr(special, name)(*counts, p), rtol=1e-13)
    np.testing.assert_array_equal(f(*[counts[0] + 0.4, *counts[1:]], p), f(*counts, p))
    check_grads(lambda p: f(*counts, p), (0.3,), order=2)
    assert float(nb.grad(lambda k: f(k, *counts[1:], 0.3))(2.0)) == 0.0


def test_kolmogorov_keeps_its_digits():
    """Its density on both sides of 1, by the series of the theta function that does not cancel there."""
    x = np.array([0.3, 0.999, 1.001, 3.0])
    for n in (1, 2):
        with mp.workdps(60):
            survival = lambda x: 2 * mp.fsum((-1) ** (k - 1) * mp.exp(-2 * k * k * x * x) for k in range(1, 40))
            expected = [float(mp.diff(survival, mp.mpf(z), n, h=mp.mpf(10) ** -18)) for z in x]
        f = lambda x: nb.sum(S.kolmogorov(x))
        found = nb.grad(f)(x) if n == 1 else nb.grad(lambda x: nb.sum(nb.grad(f)(x)))(x)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert float(S.kolmogorov(0.0)) == 1.0 and float(nb.grad(S.kolmogorov)(0.0)) == 0.0


def test_riemanns_zeta_on_the_whole_line():
    x = np.array([-200.3, -20.2, -6.0, -3.0, -2.0001, -0.6, -0.4, 0.0, 1e-8, 0.5, 0.999, 1.001, 3.0, 50.0])
    f = S.zeta
    for n in range(4):
        wanted = [float(mp.zeta(mp.mpf(t), 1, n)) for t in x]
        np.testing.assert_allclose(nb.vmap(f)(x), wanted, rtol=2e-12, atol=1e-17)
        f = nb.grad(f)
    np.testing.assert_array_equal(S.zetac(x), special.zetac(x))
    assert float(nb.grad(S.zetac)(2.5)) == float(nb.grad(S.zeta)(2.5))
    assert float(S.zeta(1.0)) == np.inf and float(nb.grad(S.zeta)(1.0)) == -np.inf
    assert S.zeta(np.float32(0.5)).dtype == np.float32
    check_grads(lambda x: nb.sum(S.zeta(x) * S.zetac(x)), (np.array([-1.5, 0.4, 2.2]),), order=2)
