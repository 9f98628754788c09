"""Special functions of complex numbers: values and derivatives against mpmath over the plane, branches, conventions."""

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import nabla as nb
from nabla.testing import check_grads

S = nb.special
# Both sides of every border of the kernels, near poles, near cuts and on either side of the axes.
PLANE = np.array(
    [0.3 + 0.2j, -0.4 + 1e-3j, 0.9 - 0.1j, -2 + 1e-4j, -3.3 - 0.5j, 1.9j, 0.1 + 2.1j, 0.3 - 2.5j, 4.0 + 1.5j, -5 - 2.1j]
    + [6.4 + 0.1j, -6.6 - 0.1j, 9 + 3j, 0.5 + 8j, -0.7 - 7j, 1e-8 + 1e-8j, 1.4 + 3j, -1.5 + 2j]
)
FUNCTIONS = {
    "gamma": mp.gamma,
    "rgamma": mp.rgamma,
    "loggamma": mp.loggamma,
    "digamma": mp.digamma,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfi": mp.erfi,
    "erfcx": lambda z: mp.exp(z * z) * mp.erfc(z),
    "dawsn": lambda z: mp.sqrt(mp.pi) / 2 * mp.exp(-z * z) * mp.erfi(z),
    "wofz": lambda z: mp.exp(-z * z) * mp.erfc(-1j * z),
    "ndtr": lambda z: mp.erfc(-z / mp.sqrt(2)) / 2,
    "exp1": mp.e1,
    "expi": mp.ei,
    "spence": lambda z: mp.polylog(2, 1 - z),
    "lambertw": mp.lambertw,
    "logit": lambda z: mp.log(z) - mp.log(1 - z),
    "expit": lambda z: 1 / (1 + mp.exp(-z)),
    "log1p": lambda z: mp.log(1 + z),
    "expm1": mp.expm1,
    "sinc": lambda z: mp.sin(mp.pi * z) / (mp.pi * z),
}


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_over_the_plane(name, order):
    f = getattr(S, name)
    for _ in range(order):
        f = nb.grad(f, holomorphic=True)
    with mp.workdps(120):
        points = [mp.mpmathify(complex(z)) for z in PLANE]
        step = {"h": mp.mpf(10) ** -40} if order else {}
        wanted = np.array([complex(mp.diff(FUNCTIONS[name], z, order, **step)) for z in points])
    # of the derivatives of Faddeeva's function digits are lost inside abs(z) < 6.5, and near a zero of sinc or of the second
    # one of sigmoid
    rtol = 1e-13 if order == 0 else 1e-12 if order == 1 else 3e-11 if name in ("wofz", "erfcx", "dawsn") else 1e-12
    atol = 1e-16 if name in ("expit", "sinc") else 0.0
    np.testing.assert_allclose(nb.vmap(f)(PLANE), wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ["rgamma", "digamma", "loggamma", "wofz", "erfcx", "dawsn", "spence", "exp1"])
def test_every_order(name):
    f = getattr(S, name)
    for _ in range(4):
        f = nb.grad(f, holomorphic=True)
    z = np.array([0.7 + 0.4j, -1.4 - 0.6j, 3.1 + 2.5j])
    with mp.workdps(60):
        wanted = [complex(mp.diff(FUNCTIONS[name], mp.mpmathify(complex(x)), 4, h=mp.mpf(10) ** -10)) for x in z]
    np.testing.assert_allclose(nb.vmap(f)(z), wanted, rtol=1e-10)


@pytest.mark.parametrize("k", [-2, -1, 1])
def test_branches_of_lambertw(k):
    z = np.array([0.3 + 0.2j, -0.2 - 0.4j, 3.0 - 1.0j])
    w = S.lambertw(z, k)
    np.testing.assert_allclose(w, special.lambertw(z, k))
    np.testing.assert_allclose(nb.vmap(nb.grad(lambda t: S.lambertw(t, k), holomorphic=True))(z), w / (z * (1 + w)), rtol=1e-13)


def test_the_reciprocal_of_gamma_at_its_zeros():
    slope = nb.grad(S.rgamma, holomorphic=True)
    np.testing.assert_allclose(nb.vmap(slope)(np.array([0j, -1, -2, -5])), [1, -1, 2, -120], rtol=1e-13)


def test_far_from_the_axis():
    """Where the sine of the reflection overflows, and the cotangent is constant to all digits."""
    z = np.array([-0.3 + 300j, -20.5 - 90j, 0.2 + 1e5j])
    trigamma = nb.vmap(nb.grad(S.digamma, holomorphic=True))(z)
    np.testing.assert_allclose(trigamma, [complex(mp.psi(1, mp.mpmathify(complex(x)))) for x in z], rtol=1e-14)
    assert np.all(np.isfinite(np.asarray(nb.vmap(nb.grad(S.rgamma, holomorphic=True))(z[1:2]))))


def test_products_with_logarithms():
    x, y = np.array([0j, 2.0, 1j]), np.array([0j, 1j, 2 - 1j])
    np.testing.assert_allclose(nb.xlogy(x, y), special.xlogy(x, y))
    np.testing.assert_allclose(nb.xlog1py(x, -y), special.xlog1py(x, -y))
    nb.testing.check_grads(nb.xlogy, (x[1:], y[1:]), order=2)
    gx, gy = nb.grad(lambda x, y: nb.real(nb.xlogy(x, y)), argnums=(0, 1))(0j, 0j)
    assert gx == gy == 0


def test_dtypes_and_conventions():
    assert S.wofz(1.0).dtype == np.complex128 and S.wofz(np.float32(1)).dtype == np.complex64
    for name in FUNCTIONS:
        assert getattr(S, name)(np.complex64(0.3 + 0.1j)).dtype == np.complex64
    # the gradient of a real function is d/dx - i d/dy
    g = nb.grad(lambda z: nb.abs(S.gamma(z)) ** 2)(1.3 + 0.4j)
    slope = complex(mp.gamma(1.3 + 0.4j) * mp.digamma(1.3 + 0.4j))
    np.testing.assert_allclose(g, 2 * np.conj(special.gamma(1.3 + 0.4j)) * slope, rtol=1e-13)
    with pytest.raises(nb.DTypeError, match="gammaln"):
        nb.gammaln(1j)
    nb.testing.check_grads(lambda z: S.loggamma(z) * S.dawsn(z) + S.spence(z), (np.array([0.3 + 1j, -1.2 - 0.3j]),), order=2)
    inside = nb.vmap(nb.grad(lambda z: nb.real(nb.where(nb.abs(z) > 0, S.exp1(z), z))))(np.array([0j, 1j]))
    assert inside[0] == 1


def test_logsumexp_with_its_sign():
    z, b = np.array([[1.0 + 1j, -2.0, 0.5j], [800.0, 3.0, 801 - 2j]]), np.array([1.0, -2.0, 0.5])
    for x, weight in ((z, None), (z, b), (z.real, b), (z.real, None)):
        for keepdims in (False, True):
            found = nb.logsumexp(x, axis=1, b=weight, keepdims=keepdims, return_sign=True)
            wanted = special.logsumexp(x, axis=1, b=weight, keepdims=keepdims, return_sign=True)
            for mine, theirs in zip(found, wanted):
                np.testing.assert_allclose(mine, theirs, rtol=1e-13)
    np.testing.assert_allclose(nb.logsumexp(z, axis=1), special.logsumexp(z, axis=1))
    nb.testing.check_grads(lambda x, b: nb.logsumexp(x, b=b, return_sign=True)[0], (z[0].real, b), order=2)
    nb.testing.check_grads(lambda x: nb.logsumexp(x, return_sign=True), (z[0],), order=2)
    nb.testing.check_grads(nb.logsumexp, (z[0],), order=2)
    assert [float(x) for x in nb.logsumexp([-np.inf, -np.inf], return_sign=True)] == [-np.inf, 0.0]
    assert [float(x) for x in nb.logsumexp([np.inf, 2.0], b=[-1.0, 1.0], return_sign=True)] == [np.inf, -1.0]
    assert nb.grad(lambda x: nb.logsumexp(x, return_sign=True)[1])(b).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_polygamma_by_its_reflection_far_to_the_left(n):
    points = np.array([-50.3 + 2j, -1000.2 - 0.1j, -3.5 + 0j, -4.3 - 2j, 1e3j, 1e5 + 0j])
    with mp.workdps(40):
        expected = [complex(mp.polygamma(n, complex(z))) for z in points]
    np.testing.assert_allclose(S.polygamma(n, points), expected, rtol=1e-12)


def test_voigt_profile():
    x = np.array([-2.0, 0.0, 0.7, 30.0])
    for sigma, gamma in [(1.0, 0.5), (0.3, 2.0), (1.5, 0.0), (0.0, 0.7)]:
        np.testing.assert_allclose(S.voigt_profile(x, sigma, gamma), special.voigt_profile(x, sigma, gamma), rtol=1e-13)
    check_grads(S.voigt_profile, (x[:3], 0.8, 0.4), order=2)
    assert float(nb.grad(S.voigt_profile, 1)(0.5, 0.0, 0.3)) == 0.0
    assert S.voigt_profile(np.float32(0.1), np.float32(1.0), np.float32(0.2)).dtype == np.float32
    with pytest.raises(nb.DTypeError, match="complex128"):
        S.voigt_profile(1j, 1.0, 1.0)


def test_what_scipys_functions_call():
    x = nb.array([0.3, 1.7])
    np.testing.assert_allclose(special.lambertw(x, 1), special.lambertw(x.numpy(), 1), rtol=1e-15)
    np.testing.assert_allclose(special.zeta(x + 1.0), special.zeta(x.numpy() + 1.0), rtol=1e-15)
    np.testing.assert_allclose(special.zeta(x + 1.0, 0.5), special.zeta(x.numpy() + 1.0, 0.5), rtol=1e-15)
    check_grads(lambda x: special.lambertw(x).real, (np.array([0.3, 1.7]),), order=2)
