"""Bessel functions of complex numbers, scaled ones, Kelvin, Struve and scaled Airy functions: against SciPy and mpmath."""

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import nabla as nb

S = nb.special
V = np.array([0.0, 1.0, 0.5, -1.3, 7.2])[:, None]
Z = np.array([0.3 + 0.2j, -2 + 0.1j, 5 - 3j, 80 + 20j, -3j])
BESSEL = ["jv", "yv", "iv", "kv", "jve", "yve", "ive", "kve", "hankel1", "hankel2", "hankel1e", "hankel2e"]
REFERENCES = {
    "jv": mp.besselj,
    "yv": mp.bessely,
    "iv": mp.besseli,
    "kv": mp.besselk,
    "kve": lambda v, z: mp.besselk(v, z) * mp.exp(z),
    "hankel1": mp.hankel1,
    "hankel2": mp.hankel2,
    "hankel1e": lambda v, z: mp.hankel1(v, z) * mp.exp(-1j * z),
    "hankel2e": lambda v, z: mp.hankel2(v, z) * mp.exp(1j * z),
}


@pytest.mark.parametrize("name", BESSEL)
def test_complex_values_as_scipy(name):
    np.testing.assert_allclose(getattr(S, name)(V, Z), getattr(special, name)(V, Z), rtol=1e-13)
    assert getattr(S, name)(1, np.complex64(1 + 2j)).dtype == np.complex64


def slope(f, n):
    for _ in range(n):
        f = nb.grad(f, holomorphic=True)
    return f


@pytest.mark.parametrize("name", REFERENCES)
def test_complex_derivatives_in_the_argument(name):
    with mp.workdps(40):
        for n in (1, 2):
            for v in (0.5, -1.3, 7.2):
                found = nb.vmap(slope(lambda z, v=v: getattr(S, name)(v, z), n))(Z[:3])
                reference = lambda z, v=v: REFERENCES[name](mp.mpf(v), z)
                wanted = [complex(mp.diff(reference, mp.mpmathify(complex(z)), n, h=mp.mpf(10) ** -12)) for z in Z[:3]]
                np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", REFERENCES)
def test_complex_derivatives_in_the_order(name):
    f = getattr(S, name)
    for v, z in [(0.4, 0.3 + 0.2j), (-1.3, -2 + 0.1j), (7.2, 5 - 3j), (1.0, -3j)]:
        with mp.workdps(40):
            reference = lambda v, z=z: REFERENCES[name](v, mp.mpmathify(z))
            once, twice = (complex(mp.diff(reference, mp.mpf(v), n, h=mp.mpf(10) ** -12)) for n in (1, 2))
        both = nb.jacfwd(lambda v, z=z: nb.stack([nb.real(f(v, z)), nb.imag(f(v, z))]))
        size = abs(complex(f(v, z)))
        assert abs(complex(*both(v)) - once) < 1e-11 * (abs(once) + size)
        assert abs(complex(*nb.jacfwd(both)(v)) - twice) < 1e-9 * (abs(twice) + size)


@pytest.mark.parametrize("name", ["jve", "yve", "ive"])
def test_scales_that_are_not_holomorphic(name):
    nb.testing.check_grads(lambda z: getattr(S, name)(1.5, z), (np.array([0.3 + 0.2j, -2 + 0.7j, 5 - 3j]),), order=2)
    x = np.array([0.3, 2.0, 30.0])
    if name != "ive":
        np.testing.assert_allclose(getattr(S, name)(0.5, x), getattr(special, name)(0.5, x), rtol=1e-14)
        nb.testing.check_grads(getattr(S, name), (0.5, x), order=2)


def test_hankel_functions_of_negative_numbers():
    x = np.array([-3.0, -0.5, 0.3])
    for name in ("hankel1", "hankel2", "hankel1e", "hankel2e"):
        np.testing.assert_allclose(getattr(S, name)(0.7, x), getattr(special, name)(0.7, x), rtol=1e-14)
    with mp.workdps(40):
        wanted = complex(mp.diff(lambda t: mp.hankel1(mp.mpf(0.7), t), mp.mpf(0.3), h=mp.mpf(10) ** -12))
    found = nb.jacfwd(lambda t: S.hankel1(0.7, t))(0.3)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    minus = nb.jacfwd(lambda t: S.hankel1(0.7, t))(-0.5)
    np.testing.assert_allclose(minus, special.h1vp(0.7, -0.5), rtol=1e-12)
    assert S.hankel1(0.7, 0.3).dtype == S.wofz(0.3).dtype == np.complex128


@pytest.mark.parametrize("name", ["jvp", "yvp", "ivp", "kvp", "h1vp", "h2vp"])
def test_derivatives_as_functions(name):
    f, x = getattr(S, name), np.array([0.3, 2.0, 15.0])
    for n in (0, 1, 2, 5):
        np.testing.assert_allclose(f(V, x, n), getattr(special, name)(V, x, n), rtol=1e-11)
    np.testing.assert_allclose(f(0.5, Z[:3], 2), getattr(special, name)(0.5, Z[:3], 2), rtol=1e-12)
    plain = {"h1vp": S.hankel1, "h2vp": S.hankel2}.get(name) or getattr(S, name[:-1])
    np.testing.assert_allclose(f(1, 2.5), nb.jacfwd(lambda t: plain(1, t))(2.5), rtol=1e-14)
    with pytest.raises(ValueError, match=f"{name}"):
        f(1, 2.0, -1)


KELVIN = {"ber": mp.ber, "bei": mp.bei, "ker": mp.ker, "kei": mp.kei}


@pytest.mark.parametrize("name", KELVIN)
def test_kelvin_functions(name):
    x = np.array([1e-3, 0.7, 4.0, 15.0, 60.0])
    reference = lambda t: KELVIN[name](0, t)
    f = getattr(S, name)
    size = np.abs(np.asarray(S.kelvin(x)[name.startswith("k")]))
    with mp.workdps(60):
        for n in range(3):
            wanted = [float(mp.diff(reference, mp.mpf(t), n, h=mp.mpf(10) ** -15) if n else reference(mp.mpf(t))) for t in x]
            found = nb.vmap(f)(x)
            assert np.max(np.abs(found - wanted) / (np.abs(wanted) + size + name.startswith("k") / x**n)) < 3e-14 * 10**n
            if n == 1:
                np.testing.assert_array_equal(getattr(S, name + "p")(x), found)
            f = nb.grad(f)
    edges = np.array([-2.0, 0.0])
    for suffix in ("", "p"):
        np.testing.assert_allclose(getattr(S, name + suffix)(edges), getattr(special, name + suffix)(edges), rtol=1e-13)
    for mine, theirs in zip(S.kelvin(np.array([0.0, 0.7])), special.kelvin(np.array([0.0, 0.7]))):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)
    assert f(np.float32(2)).dtype == np.float32


@pytest.mark.parametrize(("name", "reference"), [("struve", mp.struveh), ("modstruve", mp.struvel)])
def test_struve_functions(name, reference):
    f = getattr(S, name)
    x = np.array([-3.0, 0.0, 0.3, 2.0, 15.0])
    np.testing.assert_array_equal(f(V, x), getattr(special, name)(V, x))
    for orders in [(0, 1), (0, 2), (1, 0), (2, 0), (1, 1)]:
        g = f
        for argnum, times in enumerate(orders):
            for _ in range(times):
                g = nb.grad(g, argnum)
        for v, t in [(0.4, 0.3), (2.2, 4.0), (-0.3, 9.0)]:
            with mp.workdps(40):
                wanted = float(mp.diff(reference, (mp.mpf(v), mp.mpf(t)), orders))
            size = abs(float(f(v, t)))
            assert abs(float(g(v, t)) - wanted) < 1e-9 * (abs(wanted) + size)
    assert float(nb.grad(f, 1)(0.0, 0.0)) == pytest.approx(2 / np.pi)


def test_airy_functions_of_complex_numbers_and_scaled_ones():
    x = np.array([0.5, 2.0, 30.0])
    for points in (x, -x, Z[:4]):
        for mine, theirs in zip(S.airye(points), special.airye(points)):
            np.testing.assert_allclose(mine, theirs, rtol=1e-13)
    for mine, theirs in zip(S.airy(Z[:4]), special.airy(Z[:4])):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)
    ai, aip, _, _ = S.airy(Z[:3])
    np.testing.assert_allclose(nb.vmap(slope(lambda z: S.airy(z)[0], 1))(Z[:3]), aip)
    np.testing.assert_allclose(nb.vmap(slope(lambda z: S.airy(z)[0], 2))(Z[:3]), Z[:3] * np.asarray(ai), rtol=1e-13)
    for i in range(4):
        nb.testing.check_grads(lambda z, i=i: S.airye(z)[i], (x[:2],), order=2)
        nb.testing.check_grads(lambda z, i=i: S.airye(z)[i], (Z[:2],), order=2)
    scaled = lambda t: mp.airyai(t) * mp.exp(mp.mpf(2) / 3 * t * mp.sqrt(t))
    with mp.workdps(40):
        wanted = float(mp.diff(scaled, mp.mpf(30)))
    assert float(nb.grad(lambda t: S.airye(t)[0])(30.0)) == pytest.approx(wanted, rel=1e-11)
    for i in (2, 3):  # left of 0 the scale is 1
        assert float(nb.grad(lambda t, i=i: S.airye(t)[i])(-2.0)) == pytest.approx(
            float(nb.grad(lambda t, i=i: S.airy(t)[i])(-2.0))
        )


def test_degrees():
    d = np.array([-720, -270, -180, -90, -45, -30, 0, 10, 30, 45, 60, 90, 135, 180, 270, 360, 1e6 + 7])
    for name in ("sindg", "cosdg", "tandg", "cotdg"):
        np.testing.assert_allclose(getattr(S, name)(d), getattr(special, name)(d), rtol=1e-13)
        nb.testing.check_grads(getattr(S, name), (np.array([10.0, 100.0, -200.0]),), order=2)
    np.testing.assert_allclose(nb.vmap(nb.grad(S.sindg))(np.array([0.0, 90.0, 180.0])), np.pi / 180 * np.array([1.0, 0, -1]))
    assert float(S.radian(1.0, 2.0, 3.0)) == pytest.approx(special.radian(1.0, 2.0, 3.0))


def test_formulas_that_keep_digits():
    x = np.array([-300.0, -1.5, 0.0, 1e-9, 2.0])
    np.testing.assert_allclose(S.exp10(x), special.exp10(x), rtol=1e-14)
    np.testing.assert_allclose(S.cosm1(x), special.cosm1(x), rtol=1e-13)
    with np.errstate(all="ignore"):
        base, exponent = np.array([0, 1e-3, 0.5, 1, 2, -1, -2.0])[:, None], np.array([0, 1e-10, 0.3, 1, 2, -3.0])
        np.testing.assert_allclose(S.powm1(base, exponent), special.powm1(base, exponent), rtol=1e-13)
    nb.testing.check_grads(S.powm1, (np.array([0.5, 3.0]), np.array([1e-3, 2.0])), order=2)
    gx, gy = nb.grad(S.powm1, argnums=(0, 1))(1e-3, 1e-12)
    np.testing.assert_allclose([gx, gy], [1e-9 * 1e-3**1e-12, np.log(1e-3) * 1e-3**1e-12], rtol=1e-14)
    turns = np.array([0, 1e-3, 1, np.pi, 2 * np.pi, 7, 4 * np.pi, -5])
    for n in (1, 3, 4):
        np.testing.assert_allclose(S.diric(turns, n), special.diric(turns, n), rtol=1e-12, atol=1e-15)
        curve = nb.vmap(nb.grad(nb.grad(lambda x, n=n: S.diric(x, n))))(turns[[0, 4]])
        np.testing.assert_allclose(curve, (1 - n * n) / 12 * np.array([1.0, (-1.0) ** (n - 1)]), rtol=1e-12)
    with pytest.raises(ValueError, match="n is a positive whole number; got 0"):
        S.diric(1.0, 0)


def test_counting():
    n, k = np.array([0.0, 3, 5, 10])[:, None], np.array([0.0, 1, 3, 7, -1])
    np.testing.assert_allclose(S.perm(n, k), special.perm(n, k), rtol=1e-14)
    nb.testing.check_grads(S.perm, (4.3, 1.6), order=2)
    whole = np.arange(-3, 40)
    np.testing.assert_allclose(S.factorial2(whole), [float(special.factorial2(int(m))) for m in whole], rtol=1e-14)
    with pytest.raises(nb.DTypeError, match="factorial2: n is an integer"):
        S.factorial2(1.5)


def test_associated_legendre_functions():
    x = np.array([-1, -0.3, 0, 0.5, 1, 0.99])
    for m in range(-3, 4):
        for n in range(5):
            np.testing.assert_allclose(S.lpmv(m, n, x), special.lpmv(m, n, x), rtol=1e-12, atol=1e-14)
    assert np.isnan(float(S.lpmv(1, 2, 1.5)))
    nb.testing.check_grads(lambda x: S.lpmv(2, 4, x), (x[1:4],), order=2)
    assert float(nb.grad(lambda x: S.lpmv(2, 2, x))(1.0)) == pytest.approx(-6.0)
