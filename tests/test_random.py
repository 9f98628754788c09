"""nb.random: the bits that were published for the generator, distributions by statistical tests under fixed keys, derivatives.

The keys are fixed, so that every test here gives the same result each time.
"""

import mpmath
import numpy as np
import pytest
import scipy.stats as st

import nabla as nb
from nabla.engines.numpy.random import _loggamma_slope, _threefry

R = nb.random
KEY = R.key(7)
MANY = (20_000,)
SOME = (6_000,)

# Threefry-2x32 with 20 rounds: key, counter, result, from the known-answer vectors that come with the generator (Random123)
KNOWN = [
    ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
    ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
    ("13198a2e 03707344", "243f6a88 85a308d3", "c4923a9c 483df7a0"),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN)
def test_the_generator_gives_the_published_bits(key, counter, expected):
    words = [int(text.replace(" ", ""), 16) for text in (key, counter, expected)]
    assert int(_threefry(np.uint64(words[0]), np.uint64(words[1]), ())) == words[2]
    if words[1] == 0:
        assert R.bits(R.key(words[0]), (1,), "uint64").tolist() == [words[2]]


def test_a_counter_gives_the_same_in_every_shape():
    assert R.bits(KEY, (5,), "uint64").tolist() == R.bits(KEY, (30_000,), "uint64").tolist()[:5]
    keys = R.split(KEY, 3)
    alone = [int(_threefry(k, np.uint64(i), ())) for k in np.asarray(keys) for i in (0, 1)]
    assert np.asarray(nb.vmap(lambda k: R.bits(k, (2,), "uint64"))(keys)).ravel().tolist() == alone
    long = nb.vmap(lambda k: R.bits(k, (3000,), "uint64"))(keys)
    assert long[2].tolist() == R.bits(keys[2], (3000,), "uint64").tolist()
    for dtype, shift in (("uint8", 56), ("uint16", 48), ("uint32", 32)):
        found = R.bits(KEY, (4,), dtype)
        assert found.dtype == dtype and found.tolist() == [x >> shift for x in R.bits(KEY, (4,), "uint64").tolist()]


def test_keys():
    assert R.key(-1).item() == 2**64 - 1 and R.key(np.int64(3)).item() == 3 and R.key(nb.asarray(5)).item() == 5
    assert R.split(KEY, (2, 3)).shape == (2, 3)
    keys = [*R.split(KEY, 50).tolist(), *[R.fold_in(KEY, i).item() for i in range(50)], *R.bits(KEY, (50,), "uint64").tolist()]
    assert len({*keys, KEY.item()}) == 151
    assert R.split(KEY, 3).tolist() == R.split(KEY, 5).tolist()[:3]
    assert nb.vmap(lambda i: R.fold_in(KEY, i))(np.arange(3)).tolist() == [R.fold_in(KEY, i).item() for i in range(3)]
    assert R.fold_in(R.key(0), 1).item() != R.fold_in(R.key(1), 0).item()


def test_draws_under_different_keys_are_independent():
    x = np.stack([np.asarray(R.normal(k, (2000,))) for k in R.split(KEY, 8)])
    y = np.stack([np.asarray(R.normal(R.key(seed), (2000,))) for seed in range(8)])
    correlations = np.corrcoef(np.concatenate([x, y])) - np.eye(16)
    assert np.abs(correlations).max() < 4.5 / np.sqrt(2000)


CONTINUOUS = {
    "uniform": (lambda k, **o: R.uniform(k, MANY, minval=-1.0, maxval=3.0, **o), st.uniform(-1, 4)),
    "normal": (lambda k, **o: R.normal(k, MANY, loc=1.0, scale=2.0, **o), st.norm(1, 2)),
    "lognormal": (lambda k, **o: R.lognormal(k, 0.5, MANY, **o), st.lognorm(0.5)),
    "exponential": (lambda k, **o: R.exponential(k, MANY, scale=2.0, **o), st.expon(scale=2)),
    "laplace": (lambda k, **o: R.laplace(k, MANY, **o), st.laplace),
    "logistic": (lambda k, **o: R.logistic(k, MANY, **o), st.logistic),
    "gumbel": (lambda k, **o: R.gumbel(k, MANY, **o), st.gumbel_r),
    "cauchy": (lambda k, **o: R.cauchy(k, MANY, **o), st.cauchy),
    "pareto": (lambda k, **o: R.pareto(k, 3.0, MANY, **o), st.pareto(3)),
    "weibull": (lambda k, **o: R.weibull(k, 2.0, MANY, scale=3.0, **o), st.weibull_min(2, scale=3)),
    "rayleigh": (lambda k, **o: R.rayleigh(k, MANY, **o), st.rayleigh),
    "truncated_normal": (lambda k, **o: R.truncated_normal(k, -0.5, 2.0, MANY, **o), st.truncnorm(-0.5, 2)),
    "truncated_normal far out": (lambda k, **o: R.truncated_normal(k, 8.0, 9.0, MANY, **o), st.truncnorm(8, 9)),
    "gamma 0.1": (lambda k, **o: R.gamma(k, 0.1, MANY, **o), st.gamma(0.1)),
    "gamma 1": (lambda k, **o: R.gamma(k, 1.0, MANY, **o), st.gamma(1)),
    "gamma 30": (lambda k, **o: R.gamma(k, 30.0, MANY, scale=2.0, **o), st.gamma(30, scale=2)),
    "loggamma": (lambda k, **o: R.loggamma(k, 0.3, MANY, **o), st.loggamma(0.3)),
    "beta": (lambda k, **o: R.beta(k, 0.5, 2.0, MANY, **o), st.beta(0.5, 2)),
    "chisquare": (lambda k, **o: R.chisquare(k, 3.0, MANY, **o), st.chi2(3)),
    "t": (lambda k, **o: R.t(k, 3.0, MANY, **o), st.t(3)),
    "f": (lambda k, **o: R.f(k, 3.0, 7.0, MANY, **o), st.f(3, 7)),
    "wald": (lambda k, **o: R.wald(k, 2.0, MANY, **o), st.invgauss(2)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name):
    draw, distribution = CONTINUOUS[name]
    x = draw(KEY)
    assert x.shape == MANY and x.dtype == np.float64
    assert st.kstest(np.asarray(x), distribution.cdf).pvalue > 1e-3
    low = draw(R.key(8), dtype="float32")
    assert low.dtype == np.float32
    assert st.kstest(np.asarray(low, np.float64), distribution.cdf).pvalue > 1e-3
    half = np.asarray(draw(R.key(9), dtype="float16"))
    assert half.dtype == np.float16 and not np.isnan(half).any()


DISCRETE = {
    "poisson 0.5": (lambda: R.poisson(KEY, 0.5, MANY), st.poisson(0.5)),
    "poisson 9.9": (lambda: R.poisson(KEY, 9.9, MANY), st.poisson(9.9)),
    "poisson 10": (lambda: R.poisson(KEY, 10.0, MANY), st.poisson(10)),
    "poisson 200": (lambda: R.poisson(KEY, 200.0, MANY), st.poisson(200)),
    "binomial few": (lambda: R.binomial(KEY, 12, 0.3, MANY), st.binom(12, 0.3)),
    "binomial few failures": (lambda: R.binomial(KEY, 30, 0.9, MANY), st.binom(30, 0.9)),
    "binomial many": (lambda: R.binomial(KEY, 500, 0.3, MANY), st.binom(500, 0.3)),
    "binomial many failures": (lambda: R.binomial(KEY, 200, 0.6, MANY), st.binom(200, 0.6)),
    "geometric": (lambda: R.geometric(KEY, 0.3, MANY), st.geom(0.3)),
    "randint": (lambda: R.randint(KEY, MANY, -3, 8), st.randint(-3, 8)),
    "categorical": (
        lambda: R.categorical(KEY, np.log([0.1, 0.2, 0.7]), shape=MANY),
        st.rv_discrete(values=([0, 1, 2], [0.1, 0.2, 0.7])),
    ),
    "choice": (lambda: R.choice(KEY, 3, MANY, p=[1.0, 2.0, 7.0]), st.rv_discrete(values=([0, 1, 2], [0.1, 0.2, 0.7]))),
    "choice without p": (lambda: R.choice(KEY, 5, MANY), st.randint(0, 5)),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name):
    draw, distribution = DISCRETE[name]
    x = draw()
    assert x.shape == MANY and x.dtype == np.int64
    values, counts = np.unique(np.asarray(x), return_counts=True)
    expected = distribution.pmf(values) * len(x)
    often = expected > 5
    assert expected.sum() > 0.99 * len(x)
    statistic = ((counts[often] - expected[often]) ** 2 / expected[often]).sum()
    assert st.chi2.sf(statistic, often.sum() - 1) > 1e-3


def test_integers_of_the_widest_ranges():
    wide = np.asarray(R.randint(KEY, MANY, -(2**63), 2**63))
    assert st.kstest(wide / 2.0**63, st.uniform(-1, 2).cdf).pvalue > 1e-3
    third = np.asarray(R.randint(KEY, MANY, 0, 3 * 2**62, "uint64"))  # the product of words must not favour some of them
    assert st.kstest(third / (3 * 2.0**62), st.uniform.cdf).pvalue > 1e-3
    assert R.randint(KEY, (50,), nb.asarray(0), nb.asarray(10)).tolist() == R.randint(KEY, (50,), 0, 10).tolist()
    assert set(R.randint(KEY, (200,), -128, 128, "int8").tolist()) <= set(range(-128, 128))


def test_vectors():
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    x = np.asarray(R.multivariate_normal(KEY, [0.0, 1.0], cov, MANY))
    np.testing.assert_allclose(np.cov(x.T), cov, atol=0.05)
    np.testing.assert_allclose(x.mean(0), [0, 1], atol=0.03)
    parts = np.asarray(R.dirichlet(KEY, [1.0, 2.0, 3.0], MANY))
    np.testing.assert_allclose(parts.sum(1), 1.0)
    assert st.kstest(parts[:, 0], st.beta(1, 5).cdf).pvalue > 1e-3
    counts = np.asarray(R.multinomial(KEY, 50, [0.2, 0.3, 0.5], MANY))
    assert (counts.sum(1) == 50).all()
    np.testing.assert_allclose(
        np.cov(counts.T), 50 * (np.diag([0.2, 0.3, 0.5]) - np.outer([0.2, 0.3, 0.5], [0.2, 0.3, 0.5])), atol=0.35
    )
    np.testing.assert_allclose(np.linalg.norm(R.sphere(KEY, 3, MANY), axis=1), 1.0)
    assert st.kstest(np.asarray(R.sphere(KEY, 3, MANY))[:, 0], st.uniform(-1, 2).cdf).pvalue > 1e-3
    assert st.kstest(np.linalg.norm(R.ball(KEY, 3, MANY), axis=1) ** 3, st.uniform.cdf).pvalue > 1e-3
    for p in (0.5, 1, 3.0, np.inf):
        norms = np.linalg.norm(np.asarray(R.ball(KEY, 3, MANY, p=p)), p, axis=1)
        assert st.kstest(norms**3, st.uniform.cdf).pvalue > 1e-3
    with pytest.raises(nb.ArgumentError, match=r"ball: p is the order of a norm, a number above 0 or inf; got 0"):
        R.ball(KEY, 3, p=0)
    assert R.multivariate_normal(KEY, np.zeros((4, 2)), cov).shape == (4, 2)
    assert R.dirichlet(KEY, np.full(3, 1e-4)).sum().item() == pytest.approx(1.0)


def test_orthogonal_matrices():
    for dtype in (np.float64, np.complex128):
        q = np.asarray(R.orthogonal(KEY, 3, MANY, dtype=dtype))
        assert q.dtype == dtype
        np.testing.assert_allclose(q @ q.conj().swapaxes(1, 2), np.broadcast_to(np.eye(3), q.shape), atol=1e-14)
        np.testing.assert_allclose((q @ np.array([1.0, 2.0, 2.0])).mean(0), 0, atol=0.05)
        trace = np.abs(np.trace(q, axis1=1, axis2=2))  # moments of Haar's measure: Diaconis and Shahshahani, 1994
        assert np.mean(trace**2) == pytest.approx(1, abs=0.05)
        assert np.mean(trace**4) == pytest.approx(3 if dtype is np.float64 else 2, abs=0.2)
    tall, wide = np.asarray(R.orthogonal(KEY, 4, m=2, dtype="float32")), np.asarray(R.orthogonal(KEY, 2, m=4))
    np.testing.assert_allclose(tall.T @ tall, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(wide @ wide.T, np.eye(2), atol=1e-14)
    assert tall.dtype == np.float32 and R.orthogonal(KEY, 0).shape == (0, 0)


def test_complex_normal_numbers():
    z = np.asarray(R.normal(KEY, MANY, dtype=complex, scale=2.0))
    for part in (z.real, z.imag):
        assert st.kstest(part, st.norm(scale=np.sqrt(2)).cdf).pvalue > 1e-3
    assert abs(np.mean(z * z)) < 0.1
    assert R.normal(KEY, dtype="complex64").dtype == np.complex64
    with pytest.raises(nb.DTypeError, match="gamma: the dtype of this draw is a real floating one; got complex128"):
        R.gamma(KEY, 1.0, dtype=complex)


def test_orders_and_choices():
    assert sorted(R.permutation(KEY, 100).tolist()) == list(range(100))
    x = np.arange(12.0).reshape(3, 4)
    rows = np.asarray(R.permutation(KEY, x))
    assert sorted(rows.tolist()) == x.tolist()
    each = np.asarray(R.permutation(KEY, x, 1, independent=True))
    np.testing.assert_array_equal(np.sort(each, 1), x)
    drawn = R.choice(KEY, x, (2, 5), axis=1)
    assert drawn.shape == (3, 2, 5) and (np.asarray(drawn) // 4 == np.arange(3).reshape(3, 1, 1)).all()
    assert len(set(R.choice(KEY, 10, (10,), replace=False).tolist())) == 10
    assert 3 not in R.choice(KEY, 5, (4,), replace=False, p=[0.1, 0.2, 0.3, 0.0, 0.4]).tolist()
    firsts = np.asarray(nb.vmap(lambda k: R.permutation(k, 4)[0])(R.split(KEY, 4000)))
    assert st.chisquare(np.bincount(firsts, minlength=4)).pvalue > 1e-3
    assert R.bernoulli(KEY, 0.3, MANY).mean().item() == pytest.approx(0.3, abs=0.015)
    assert sorted(set(R.rademacher(KEY, (50,), "float32").tolist())) == [-1.0, 1.0]
    np.testing.assert_array_equal(nb.grad(lambda x: (R.permutation(KEY, x) * np.arange(3.0)[:, None]).sum())(x).sum(0), [3.0] * 4)


DRAWS = {
    "bits": lambda k: R.bits(k, (3,)),
    "uniform": lambda k: R.uniform(k, (3,)),
    "normal": lambda k: R.normal(k, (3,)),
    "randint": lambda k: R.randint(k, (3,), 0, 100),
    "gamma": lambda k: R.gamma(k, [0.5, 1.0, 20.0]),
    "poisson": lambda k: R.poisson(k, [0.5, 5.0, 50.0]),
    "binomial": lambda k: R.binomial(k, 100, [0.01, 0.4, 0.9]),
    "permutation": lambda k: R.permutation(k, 6),
    "choice": lambda k: R.choice(k, 6, (3,), p=np.arange(6.0)),
    "categorical": lambda k: R.categorical(k, np.zeros((3, 4))),
    "dirichlet": lambda k: R.dirichlet(k, [1.0, 2.0]),
    "multinomial": lambda k: R.multinomial(k, 20, [0.5, 0.25, 0.25]),
    "truncated_normal": lambda k: R.truncated_normal(k, 0.0, 1.0, (3,)),
    "wald": lambda k: R.wald(k, [1.0, 2.0]),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_mapped_key_gives_what_a_loop_gives(name):
    f, keys = DRAWS[name], R.split(KEY, 5)
    np.testing.assert_array_equal(nb.vmap(f)(keys), np.stack([np.asarray(f(k)) for k in keys]))
    np.testing.assert_array_equal(f(KEY), f(KEY))


def test_a_key_that_is_not_mapped_gives_the_same_in_every_lane():
    lanes = nb.vmap(lambda loc: R.normal(KEY, (2,), loc=loc))(np.array([0.0, 10.0]))
    np.testing.assert_allclose(lanes[1], lanes[0] + 10.0)
    lanes = nb.vmap(lambda a: R.gamma(KEY, a))(np.array([2.5, 2.5]))
    assert lanes[0].item() == lanes[1].item() == R.gamma(KEY, 2.5).item()


# Derivatives


def test_location_and_scale():
    for draw in (R.normal, R.laplace, R.gumbel, R.logistic, R.cauchy):
        f = lambda loc, scale, draw=draw: draw(KEY, (4,), loc=loc, scale=scale)
        nb.testing.check_grads(f, (0.5, 2.0), order=2)
        np.testing.assert_allclose(nb.jacrev(f, argnums=1)(0.5, 2.0), (f(0.5, 2.0) - 0.5) / 2.0)
    nb.testing.check_grads(lambda a, b: R.uniform(KEY, (4,), minval=a, maxval=b), (0.5, 2.0), order=2)
    nb.testing.check_grads(lambda b: R.pareto(KEY, b, (4,)), (2.0,), order=2)
    nb.testing.check_grads(lambda a, b: R.truncated_normal(KEY, a, b, (4,)), (-0.5, 2.0), order=2)
    nb.testing.check_grads(lambda a, b: R.truncated_normal(KEY, a, b, (4,)), (3.0, 5.0), order=2)
    covariance = lambda x: x @ nb.matrix_transpose(x) + np.eye(2)
    nb.testing.check_grads(lambda m, x: R.multivariate_normal(KEY, m, covariance(x), (3,)), (np.ones(2), np.eye(2)), order=2)


@pytest.mark.parametrize("a", [0.05, 0.4, 1.0, 3.0, 40.0])
def test_gamma_moves_along_its_quantile(a):
    z = np.asarray(R.gamma(KEY, a, (6,)))
    level = st.gamma(a).cdf(z)
    z, level = z[level < 0.99], level[level < 0.99]
    f = lambda a: R.gamma(KEY, a, (6,))
    h = 1e-4 * a
    down, middle, up = (st.gamma(b).ppf(level) for b in (a - h, a, a + h))
    kept = np.asarray(f(a))[: len(z)] if len(z) == 6 else None
    first, second = nb.jacfwd(f)(a), nb.jacfwd(nb.jacrev(f))(a)
    if kept is None:
        chosen = st.gamma(a).cdf(np.asarray(f(a))) < 0.99
        first, second = first[chosen], second[chosen]
    np.testing.assert_allclose(first, (up - down) / (2 * h), rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(second, (up - 2 * middle + down) / h**2, rtol=1e-3, atol=2e-4)


def test_derivatives_of_means():
    for a in (0.3, 2.5):
        mean = lambda a: R.gamma(KEY, a, SOME).mean()  # of which the expectation is a
        assert nb.grad(mean)(a).item() == pytest.approx(1.0, abs=0.05)
        assert nb.grad(nb.grad(mean))(a).item() == pytest.approx(0.0, abs=0.05)
    square = lambda a: (R.gamma(KEY, a, SOME) ** 2).mean()  # a (a + 1)
    assert nb.grad(square)(2.0).item() == pytest.approx(5.0, abs=0.2)
    assert nb.grad(lambda a: R.beta(KEY, a, 2.0, SOME).mean())(1.5).item() == pytest.approx(2 / 3.5**2, abs=0.01)
    alpha = np.array([1.0, 2.0, 3.0])
    found = nb.jacrev(lambda alpha: R.dirichlet(KEY, alpha, SOME).mean(axis=0))(alpha)
    np.testing.assert_allclose(found, np.eye(3) / 6 - alpha[:, None] / 36, atol=0.01)
    assert nb.grad(lambda m: R.wald(KEY, m, SOME).mean())(2.0).item() == pytest.approx(1.0, abs=0.05)
    assert nb.grad(lambda s: (R.wald(KEY, 1.0, SOME, scale=s) ** 2).mean())(2.0).item() == pytest.approx(-0.25, abs=0.03)
    assert nb.grad(lambda df: R.chisquare(KEY, df, SOME).mean())(3.0).item() == pytest.approx(1.0, abs=0.05)


def test_wald_moves_along_its_quantile():
    f = lambda mean: R.wald(KEY, mean, (5,), scale=1.5)
    level = st.invgauss(2.0 / 1.5, scale=1.5).cdf(np.asarray(f(2.0)))
    h = 1e-3
    down, middle, up = (st.invgauss(m / 1.5, scale=1.5).ppf(level) for m in (2.0 - h, 2.0, 2.0 + h))
    np.testing.assert_allclose(nb.jacfwd(f)(2.0), (up - down) / (2 * h), rtol=1e-5)
    np.testing.assert_allclose(nb.jacfwd(nb.jacrev(f))(2.0), (up - 2 * middle + down) / h**2, rtol=1e-3, atol=1e-4)


def test_wald_moves_along_its_quantile_to_every_order():
    def cdf(z, m, s):
        root = mpmath.sqrt(s / z)
        return mpmath.ncdf(root * (z / m - 1)) + mpmath.exp(2 * s / m) * mpmath.ncdf(-root * (z / m + 1))

    draw = lambda m, s: R.wald(KEY, m, scale=s)
    z = mpmath.mpf(float(draw(2.0, 1.5)))
    with mpmath.workdps(60):
        level = cdf(z, mpmath.mpf(2), mpmath.mpf(1.5))
        along = lambda m, s: mpmath.findroot(lambda z: cdf(z, m, s) - level, z, tol=1e-110)
        for orders in [(1, 0), (0, 1), (1, 1), (4, 0), (0, 4)]:
            f = draw
            for argnum, times in enumerate(orders):
                for _ in range(times):
                    f = nb.grad(f, argnum)
            wanted = float(mpmath.diff(along, (mpmath.mpf(2), mpmath.mpf(1.5)), orders, h=mpmath.mpf(10) ** -8))
            assert float(f(2.0, 1.5)) == pytest.approx(wanted, rel=1e-10)


def test_the_slope_of_a_gamma_variate_to_many_digits():
    def slope(n, a, y):
        a, y = mpmath.mpf(a), mpmath.mpf(y)
        density = mpmath.exp(a * y - mpmath.exp(y) - mpmath.loggamma(a))
        cdf = lambda a: mpmath.gammainc(a, 0, mpmath.exp(y), regularized=True)
        return float(-mpmath.diff(cdf, a, n, h=a * mpmath.mpf(10) ** -12) / density)

    with mpmath.workdps(50):
        for a, y in [(1e-3, -500.0), (0.3, -4.0), (0.3, 0.5), (1.0, -0.9), (2.0, 1.5), (30.0, 3.0), (30.0, 3.6), (1e4, 9.2)]:
            for n in (1, 2, 3):
                found = _loggamma_slope(np.array([a]), np.array([y]), n)[0]
                assert found == pytest.approx(slope(n, a, y), rel=1e-11)


def test_draws_of_integers_have_no_derivative():
    assert nb.grad(lambda lam: R.poisson(KEY, lam, (3,)).sum() * 1.0)(3.0).item() == 0.0
    assert nb.grad(lambda p: R.bernoulli(KEY, p, (3,)).sum() * 1.0)(0.5).item() == 0.0


# Shapes, dtypes, errors


def test_shapes_and_dtypes():
    assert R.normal(KEY).shape == () and R.normal(KEY, 3).shape == (3,) and R.normal(KEY, (0, 2)).shape == (0, 2)
    assert R.gamma(KEY, np.ones((2, 1)), scale=np.ones(3, np.float32)).shape == (2, 3)
    assert R.gamma(KEY, np.float32(2)).dtype == np.float32 and R.gamma(KEY, 2).dtype == np.float64
    assert R.normal(KEY, loc=np.float32(1), scale=2.0).dtype == np.float32
    with nb.using_default_dtype("float32"):
        assert R.normal(KEY, (2,)).dtype == np.float32
    for shape in [(0,), (2, 0)]:
        for draw in (lambda s: R.gamma(KEY, 1.0, s), lambda s: R.poisson(KEY, 20.0, s), lambda s: R.randint(KEY, s, 0, 3)):
            assert draw(shape).shape == shape
    assert R.gamma(KEY, 0.0).item() == 0.0 and np.isnan(R.gamma(KEY, -1.0).item())
    assert R.poisson(KEY, -1.0).item() == -1 and R.binomial(KEY, 5, 1.5).item() == -1
    assert R.binomial(KEY, [5, 5], [0.0, 1.0]).tolist() == [0, 5] and R.poisson(KEY, 0.0).item() == 0


def test_refusals():
    with pytest.raises(nb.ArgumentTypeError, match=r"normal: the first argument is a key; got 3.*nb.random.key\(0\)"):
        R.normal(3)
    with pytest.raises(nb.ShapeError, match=r"normal: a key has shape \(\); got \(2,\).*nb.vmap"):
        R.normal(R.split(KEY))
    with pytest.raises(nb.DTypeError, match="uniform: a key has dtype uint64; got float64"):
        R.uniform(np.zeros(2))
    with pytest.raises(nb.ArgumentError, match="a seed is an integer from"):
        R.key(2**64)
    with pytest.raises(nb.ArgumentTypeError, match="the seed is an integer"):
        R.key(1.5)
    with pytest.raises(
        nb.ShapeError, match=r"gamma: the parameters have shape \(3,\), which does not broadcast to the shape \(2,\)"
    ):
        R.gamma(KEY, np.ones(3), (2,))
    with pytest.raises(nb.ArgumentError, match="minval is less than maxval"):
        R.randint(KEY, (), 3, 3)
    with pytest.raises(nb.ShapeError, match="choice: 4 are asked for, but there are 3"):
        R.choice(KEY, 3, (4,), replace=False)
    with pytest.raises(nb.DTypeError, match="normal: the dtype of this draw is a real floating one; got int64"):
        R.normal(KEY, (), "int64")
    with pytest.raises(nb.LinAlgError):
        R.multivariate_normal(KEY, [0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(nb.ShapeError, match=r"a length in a shape is at least 0"):
        R.normal(KEY, (-1,))
