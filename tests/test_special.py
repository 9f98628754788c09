"""Special functions, activations, softmax and its relatives: values against SciPy, digits, infinities, derivatives."""

import warnings

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import nabla as nb
from nabla.ops.special import SCIPY
from nabla.testing import check_grads

RNG = np.random.default_rng(3)
X = np.array([-30.0, -1.5, -0.2, 0.3, 1.0, 2.5, 40.0])
OF_ONE = {
    "erf": special.erf,
    "erfc": special.erfc,
    "gammaln": special.gammaln,
    "digamma": special.digamma,
    "sigmoid": special.expit,
    "logit": special.logit,
    "log_expit": special.log_expit,
    "entr": special.entr,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x * special.expit(x),
    "gelu": lambda x: x * special.ndtr(x),
}


COMPLEX_TOO = {
    **{name: OF_ONE[name] for name in ("erf", "erfc", "digamma")},
    "logsumexp": special.logsumexp,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "logit": lambda z: np.log(z / (1 - z)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OF_ONE)
def test_values(name, dtype):
    found = getattr(nb, name)(X.astype(dtype))
    with np.errstate(all="ignore"):
        expected = OF_ONE[name](X.astype(dtype).astype(np.float64))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-13 if dtype == "float64" else 2e-5, atol=1e-40)


@pytest.mark.parametrize("name", [*OF_ONE, "softmax", "log_softmax", "logsumexp"])
def test_dtypes_taken_and_refused(name):
    function = getattr(nb, name)
    assert function([1, 2]).dtype == (np.int64 if name == "relu" else np.float64)
    assert function(np.ones(2, np.float16)).dtype == np.float16
    if name in COMPLEX_TOO:
        np.testing.assert_allclose(function([0.5 + 1j]), COMPLEX_TOO[name](np.array([0.5 + 1j])))
        return
    with pytest.raises(nb.DTypeError, match="complex"):
        function(1j)


@pytest.mark.parametrize("name", [name for name in OF_ONE if name not in ("logit", "entr")])
def test_derivatives_are_finite_and_right_far_out(name):
    """Against differences of the function where it is smooth; no NaN and no infinity at the ends."""
    f = getattr(nb, name)
    x, h = np.array([-3.3, -0.7, 0.6, 2.2]), 1e-5
    slope = (f(x + h).numpy() - f(x - h).numpy()) / (2 * h)
    np.testing.assert_allclose(nb.grad(lambda x: nb.sum(f(x)))(x), slope, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(nb.grad(lambda x: nb.sum(f(x)), mode="forward")(x), slope, rtol=1e-7, atol=1e-9)
    ends = nb.grad(lambda x: nb.sum(f(x)))(np.array([-800.5, 800.5]))
    assert np.isfinite(ends).all()


def test_tails_keep_their_digits():
    np.testing.assert_allclose(nb.sigmoid(-700.0), np.exp(-700.0), rtol=1e-13)
    np.testing.assert_allclose(nb.log_expit(40.0), -np.exp(-40.0), rtol=1e-13)
    np.testing.assert_allclose(nb.gelu(-20.0), -20.0 * special.ndtr(-20.0), rtol=1e-13)
    np.testing.assert_allclose(nb.logit(1e-300), np.log(1e-300), rtol=1e-14)
    np.testing.assert_allclose(nb.logit(0.5 + 1e-12), 4e-12, rtol=1e-4)
    np.testing.assert_allclose(nb.grad(nb.log_expit)(40.0), np.exp(-40.0), rtol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_polygamma(n):
    x = np.array([0.3, 1.0, 4.5, 30.0])
    np.testing.assert_allclose(nb.polygamma(n, x), special.polygamma(n, x), rtol=1e-13)
    np.testing.assert_allclose(nb.grad(lambda x: nb.sum(nb.polygamma(n, x)))(x), special.polygamma(n + 1, x), rtol=1e-13)
    with pytest.raises(TypeError, match="n is an integer"):
        nb.polygamma(0.5, x)
    with pytest.raises(ValueError, match="n is at least 0"):
        nb.polygamma(-1, x)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_products_with_logarithms(name):
    x = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 2.0, -1.5])[:, None]
    y = np.array([0.0, -1.0, -3.0, np.inf, np.nan, 0.5])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(getattr(nb, name)(x, y), getattr(special, name)(x, y), rtol=1e-15)
    gx, gy = nb.grad(getattr(nb, name), argnums=(0, 1))(0.0, 2.0)
    np.testing.assert_allclose((gx, gy), (np.log(2.0 if name == "xlogy" else 3.0), 0.0), rtol=1e-15)
    assert nb.grad(lambda p: -nb.sum(nb.xlogy(p, p)))(np.array([0.0, 1.0])).tolist() == [0.0, -1.0]


# softmax and its relatives


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_axes_as_scipy(name, axis):
    x = 10 * RNG.standard_normal((2, 3, 4))
    found, expected = getattr(nb, name)(x, axis=axis), getattr(special, name)(x, axis=axis)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_logsumexp_keepdims_and_errors():
    x = RNG.standard_normal((2, 3))
    assert nb.logsumexp(x, axis=1, keepdims=True).shape == (2, 1)
    assert nb.logsumexp(x, keepdims=True).shape == (1, 1)
    assert nb.logsumexp(2.5) == 2.5
    for function in (nb.logsumexp, nb.softmax, nb.log_softmax):
        with pytest.raises(nb.AxisError, match="axis 2 is out of range"):
            function(x, axis=2)


def test_the_smaller_terms_keep_their_digits():
    np.testing.assert_allclose(nb.logsumexp([0.0, -50.0]), np.exp(-50.0), rtol=1e-14)
    np.testing.assert_allclose(nb.logsumexp([-np.log(2.0), -np.log(2.0), -60.0]), np.exp(-60.0), atol=1e-16)
    np.testing.assert_allclose(nb.softmax([0.0, -700.0])[1], np.exp(-700.0), rtol=1e-13)


def test_nothing_and_infinities():
    inf = np.inf
    assert nb.logsumexp(np.zeros((2, 0)), axis=1).tolist() == [-inf, -inf]
    assert nb.softmax(np.zeros((2, 0)), axis=1).shape == (2, 0)
    rows = np.array([[-inf, 0.0, 0.0], [-inf, -inf, -inf], [inf, 0.0, -inf], [inf, inf, 0.0]])
    shares = [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3], [1, 0, 0], [0.5, 0.5, 0]]
    assert nb.logsumexp(rows, axis=1).tolist() == [np.log(2.0), -inf, inf, inf]
    np.testing.assert_allclose(nb.softmax(rows, axis=1), shares)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(nb.log_softmax(rows, axis=1), np.log(shares))
    f = lambda x: nb.sum(nb.logsumexp(x, axis=1))
    np.testing.assert_allclose(nb.grad(f)(rows), shares)
    np.testing.assert_allclose(nb.grad(f, mode="forward")(rows), shares)
    nan = nb.softmax([[np.nan, 0.0], [1.0, 1.0]], axis=1).tolist()
    assert np.isnan(nan[0]).all() and nan[1] == [0.5, 0.5]


NESTINGS = {
    "forward over forward": lambda f: nb.jacfwd(nb.jacfwd(f)),
    "forward over reverse": lambda f: nb.jacfwd(nb.jacrev(f)),
    "reverse over forward": lambda f: nb.jacrev(nb.jacfwd(f)),
    "reverse over reverse": lambda f: nb.jacrev(nb.jacrev(f)),
}


@pytest.mark.parametrize("nesting", NESTINGS)
def test_second_derivatives(nesting):
    x = RNG.standard_normal(3)
    p = special.softmax(x)
    hessian = np.diag(p) - np.outer(p, p)
    np.testing.assert_allclose(NESTINGS[nesting](nb.logsumexp)(x), hessian, atol=1e-15)
    log_hessian = NESTINGS[nesting](lambda x: nb.log_softmax(x)[0])(x)
    np.testing.assert_allclose(log_hessian, -hessian, atol=1e-15)
    third = p[0] * (np.outer(np.eye(3)[0] - p, np.eye(3)[0] - p) - hessian)
    np.testing.assert_allclose(NESTINGS[nesting](lambda x: nb.softmax(x)[0])(x), third, atol=1e-15)


@pytest.mark.parametrize("nesting", ["first", *NESTINGS])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: nb.where(x[0] > 0, nb.logsumexp(x * np.inf), nb.sum(x)),
        lambda x: nb.where(x[0] > 0, nb.softmax(x / 0.0)[1], nb.sum(x)),
        lambda x: nb.where(x[0] > 0, nb.log_softmax(nb.log(x))[0], nb.sum(x)),
        lambda x: nb.where(x[0] > 0, nb.logsumexp(nb.sqrt(x)), nb.sum(x)),
    ],
)
def test_what_where_does_not_choose(f, nesting):
    x = np.array([0.0, 0.0])
    expected = np.zeros((2, 2))
    if nesting == "first":
        assert nb.grad(f)(x).tolist() == nb.grad(f, mode="forward")(x).tolist() == [1.0, 1.0]
    else:
        np.testing.assert_array_equal(NESTINGS[nesting](f)(x), expected)


def test_weights():
    x, b = 5 * RNG.standard_normal((4, 3)), RNG.uniform(-0.2, 1.0, (4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        np.testing.assert_allclose(nb.logsumexp(x, axis=0, b=b), special.logsumexp(x, axis=0, b=b), rtol=1e-12)
    np.testing.assert_allclose(nb.logsumexp(x, b=2.0), special.logsumexp(x, b=2.0))
    assert nb.logsumexp(x, axis=1, b=np.ones(3), keepdims=True).shape == (4, 1)
    b = np.abs(b)
    weights = b * np.exp(x - special.logsumexp(x, b=b))
    gx, gb = nb.grad(lambda x, b: nb.logsumexp(x, b=b), argnums=(0, 1))(x, b)
    np.testing.assert_allclose(gx, weights, rtol=1e-12)
    np.testing.assert_allclose(gb, weights / b, rtol=1e-12)
    with pytest.raises(nb.ShapeError, match="more axes than x"):
        nb.logsumexp(np.ones(3), b=np.ones((2, 3)))


def test_terms_of_weight_zero_do_not_count():
    x, b = np.array([1e5, 0.0, np.inf, 1.0]), np.array([0.0, 1.0, 0.0, 2.0])
    np.testing.assert_allclose(nb.logsumexp(x, b=b), np.log(1 + 2 * np.e))
    np.testing.assert_allclose(nb.grad(lambda x: nb.logsumexp(x, b=b))(x), np.array([0, 1, 0, 2 * np.e]) / (1 + 2 * np.e))


def test_per_example_losses_under_vmap():
    x, y = RNG.standard_normal((5, 3)), np.eye(3)[[0, 2, 1, 1, 0]]
    loss = lambda x, y: -nb.sum(y * nb.log_softmax(x))
    np.testing.assert_allclose(nb.vmap(nb.grad(loss))(x, y), special.softmax(x, axis=1) - y, atol=1e-15)


# nb.special against SciPy, at ordinary points, edges, infinities and NaN

ENDS = np.array([-np.inf, -30.0, -3.0, -2.5, -1.0, -0.5, -0.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 7.0, 40.0, np.inf, np.nan])
PAIRS = np.array([0.0, 0.2, 0.5, 1.0, 2.5, 30.0, np.inf, -1.0, -0.5, np.nan])
SHARES = np.array([0.0, 0.1, 0.5, 0.9, 1.0, -0.1, 1.1, np.nan])
ONE_ARGUMENT = (
    "gamma rgamma gammasgn loggamma erfcx erfi erfinv erfcinv dawsn ndtr log_ndtr ndtri exp1 expi exprel spence factorial"
)
TWO_ARGUMENTS = "poch binom beta betaln owens_t rel_entr kl_div huber gammainc gammaincc zeta"


def same_as_scipy(name, *arrays):
    with np.errstate(all="ignore"):
        expected = getattr(special, name)(*arrays)
        rtol = 5e-14 if name in ("poch", "beta", "binom") else 1e-14  # SciPy's own digits, for a + b > 10
        np.testing.assert_allclose(getattr(nb.special, name)(*arrays), expected, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("name", ONE_ARGUMENT.split())
def test_one_argument_as_scipy(name):
    same_as_scipy(name, ENDS)
    function = getattr(nb.special, name)
    assert function(np.float32(0.5)).dtype == np.float32 and function(np.float16(0.5)).dtype == np.float16
    assert function(1).dtype == np.float64 and function(np.zeros((2, 0))).shape == (2, 0)
    if "D" in "".join(getattr(getattr(special, name), "types", [])) and name != "log_ndtr":
        np.testing.assert_allclose(function([0.5 + 1j]), getattr(special, name)(np.array([0.5 + 1j])))
        return
    with pytest.raises(nb.DTypeError, match="complex"):
        function(1j)


@pytest.mark.parametrize("name", TWO_ARGUMENTS.split())
def test_two_arguments_as_scipy(name):
    same_as_scipy(name, PAIRS[:, None], PAIRS)
    function = getattr(nb.special, name)
    assert function(np.ones((2, 1), np.float32), 0.5).dtype == np.float32
    assert function(np.ones((2, 1)), np.ones(3)).shape == (2, 3)


@pytest.mark.parametrize("name", ["gammaincinv", "gammainccinv", "betainc", "betaincc", "betaincinv", "betainccinv"])
def test_shares_as_scipy(name):
    if name.startswith("gamma"):
        same_as_scipy(name, PAIRS[:, None], SHARES)
    else:
        same_as_scipy(name, PAIRS[:, None, None], PAIRS[:, None], SHARES)


@pytest.mark.parametrize("name", ["boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p", "pseudo_huber"])
def test_transforms_as_scipy(name):
    same_as_scipy(name, np.array([0.0, 0.2, 1.0, 2.5, 40.0])[:, None], np.array([0.0, 1e-18, -0.01, 0.3, 1.0, -2.0, 3.0]))


def test_counting():
    n = np.arange(6)
    assert nb.special.comb(n[:, None], n).tolist() == special.comb(n[:, None], n).tolist()
    assert nb.special.factorial(n).tolist() == special.factorial(n).tolist()
    np.testing.assert_allclose(nb.special.multigammaln(np.array([2.5, 7.0]), 3), special.multigammaln(np.array([2.5, 7.0]), 3))
    assert np.isnan(float(nb.special.multigammaln(1.0, 3)))
    with pytest.raises(ValueError, match="the dimension d is a positive integer; got 0"):
        nb.special.multigammaln(2.0, 0)
    for order in range(4):
        np.testing.assert_allclose(nb.special.expn(order, np.array([0.1, 3.0])), special.expn(order, np.array([0.1, 3.0])))


def test_every_name_stands_for_the_ufunc_of_its_name():
    for name, function in SCIPY.items():
        ufunc = getattr(special, name, None)
        if isinstance(ufunc, np.ufunc) and ufunc.nin == 1:
            np.testing.assert_allclose(np.asarray(function(0.3)), ufunc(0.3), rtol=1e-13, err_msg=name)


def derivatives_of(f, x, order):
    for _ in range(order):
        f = lambda x, f=f: nb.grad(lambda x: nb.sum(f(x)))(x)
    return f(x)


BY_MPMATH = {
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), [-3.0, 0.1, 1.9, 2.0, 2.5, 10.0, 1e3]),
    "dawsn": (lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), [-8.0, 0.1, 2.0, 6.9, 7.1, 20.0, 1e3]),
    "exprel": (lambda x: mp.expm1(x) / x, [-500.0, -61.5, -59.0, 1e-3, 30.0, 63.0, 200.0]),
    "spence": (lambda x: mp.polylog(2, 1 - x), [1e-3, 0.3, 0.999, 1.001, 1.5, 3.0, 40.0]),
    "rgamma": (mp.rgamma, [-30.2, -3.0, -1 + 1e-7, 0.2, 0.5, 1.0, 20.0, 100.0]),
    "log_ndtr": (lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), [-1e3, -20.0, -0.5, 0.5, 5.0, 8.0]),
    "exp1": (mp.e1, [1e-6, 0.5, 30.0]),
}


@pytest.mark.parametrize("name", BY_MPMATH)
def test_derivatives_keep_their_digits(name):
    reference, points = BY_MPMATH[name]
    with mp.workdps(40):
        for order in (1, 2):
            expected = [float(mp.diff(reference, mp.mpf(x), order)) for x in points]
            np.testing.assert_allclose(derivatives_of(getattr(nb.special, name), np.array(points), order), expected, rtol=2e-12)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_the_complementary_error_function_keeps_its_digits(engine):
    """Far out, where it falls below all normal numbers in the end, too."""
    points = np.concatenate([np.linspace(-6.0, 27.0, 200), [0.7, 0.99, 1.0, 1.01, 26.7, 27.2, 27.5, np.inf, -np.inf]])
    found = np.asarray(nb.jit(nb.special.erfc, engine=engine)(points))
    with mp.workdps(40):
        expected = np.array([float(mp.erfc(mp.mpf(x))) for x in points])
    assert np.all(np.abs(found - expected) <= 4 * np.spacing(expected))


def test_smooth_where_the_formula_is_not():
    """Transforms at exponent 0, the reciprocal of gamma at the poles of gamma."""
    x = np.array([0.5, 3.0])
    np.testing.assert_allclose(nb.grad(lambda p: nb.sum(nb.special.boxcox(x, p)))(0.0), np.sum(np.log(x) ** 2) / 2, rtol=1e-14)
    np.testing.assert_allclose(
        nb.grad(lambda p: nb.sum(nb.special.inv_boxcox(x, p)))(0.0), -np.sum(np.exp(x) * x**2) / 2, rtol=1e-14
    )
    poles = np.array([0.0, -1.0, -2.0, -5.0])
    np.testing.assert_allclose(derivatives_of(nb.special.rgamma, poles, 1), [1.0, -1.0, 2.0, -120.0], rtol=1e-13)
    assert nb.grad(lambda p, q: nb.sum(nb.special.rel_entr(p, q)), argnums=(0, 1))(np.zeros(1), np.ones(1)) == (0.0, 0.0)
    assert nb.grad(lambda p: nb.sum(nb.special.rel_entr(p, 1.0)))(np.array([2.0]))[0] == pytest.approx(1 + np.log(2))


def test_derivatives_at_poles():
    assert float(nb.grad(nb.special.gamma)(0.0)) == -np.inf
    assert np.isnan(float(nb.grad(nb.special.gamma)(-1.0)))
    assert float(nb.grad(nb.special.exp1)(0.0)) == -np.inf
    assert float(nb.grad(nb.special.ndtri)(1.0)) == float(nb.grad(nb.special.erfinv)(-1.0)) == np.inf


def test_pochhammers_symbol_at_the_poles_of_gamma():
    """Against the products that it is for whole numbers, and where it vanishes between them."""
    product = lambda n: lambda x: nb.prod(x + nb.arange(n))
    for n, x in [(3, -2.0), (3, -1.0), (2, -3.0), (4, 0.0), (2, 1.5)]:
        f, g = lambda x, n=n: nb.special.poch(x, float(n)), product(n)
        for _ in range(3):
            np.testing.assert_allclose(float(f(x)), float(g(x)), rtol=1e-12, atol=1e-12)
            f, g = nb.grad(f), nb.grad(g)
    for x, m in [(-2.0, 1.5), (0.0, 0.5), (-3.0, 5.25)]:
        with mp.workdps(40):
            once, twice = (float(mp.diff(lambda t, m=m: mp.gamma(t + m) * mp.rgamma(t), mp.mpf(x), n)) for n in (1, 2))
        slope = nb.grad(nb.special.poch)
        np.testing.assert_allclose([float(slope(x, m)), float(nb.grad(slope)(x, m))], [once, twice], rtol=1e-12)
        assert float(nb.grad(nb.special.poch, 1)(x, m)) == 0.0


@pytest.mark.parametrize("name", ["chdtr", "chdtrc", "gdtr", "gdtrc", "fdtr", "fdtrc", "pdtr", "pdtrc"])
def test_distributions_as_scipy(name):
    first, second, third = np.array([0.2, 1.0, 30.0])[:, None, None], np.array([0.5, 2.5, 30.0])[:, None], np.array([0.0, 0.2, 2.5])
    same_as_scipy(name, *((first, second, third) if name[0] in "gf" else (second, third)))
    function = getattr(nb.special, name)
    if name[0] != "p":
        args = (1.5, 2.5, 0.7) if name[0] in "gf" else (2.5, 0.7)
        check_grads(function, args, order=2)
    else:
        check_grads(lambda m: function(3.2, m), (0.7,), order=2)
        assert nb.grad(function)(3.2, 0.7) == 0.0
