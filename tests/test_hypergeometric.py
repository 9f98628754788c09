"""Hypergeometric functions, elliptic integrals, Lambert's W: values, derivatives against mpmath over the domain, errors."""

import mpmath
import numpy as np
import pytest
from scipy import special

import nabla as nb
from nabla.errors import DTypeError, NotDifferentiableError

S = nb.special


def derivative(f, orders):
    for argnum, times in enumerate(orders):
        for _ in range(times):
            f = nb.grad(f, argnum)
    return f


def check(f, reference, orders, points, rtol):
    """The derivative of these orders at each point, relative to itself and the value: some derivatives have zeros."""
    found = nb.vmap(derivative(f, orders))(*np.array(points, float).T)
    with mpmath.workdps(25):
        wanted = np.array([float(mpmath.diff(reference, tuple(map(mpmath.mpf, point)), orders).real) for point in points])
        sizes = np.array([abs(float(mpmath.mpmathify(reference(*point)).real)) for point in points])
    assert np.max(np.abs(np.asarray(found) - wanted) / (np.abs(wanted) + sizes)) < rtol


def test_hyperu_keeps_its_digits_near_whole_numbers():
    rng = np.random.default_rng(0)
    for low, high, least, most in ((0.1, 3.0, 1e-3, 3.0), (0.01, 0.2, 0.01, 20.0), (3.0, 49.0, 0.1, 300.0)):
        a, x = rng.uniform(low, high, 12), rng.uniform(least, most, 12)
        b = rng.integers(-8, 9, 12) + 10.0 ** rng.uniform(-9, -0.3, 12)
        wanted = [float(mpmath.hyperu(*point)) for point in zip(a, b, x)]
        np.testing.assert_allclose(S.hyperu(a, b, x), wanted, rtol=1e-12)


@pytest.mark.parametrize("orders", [(1, 0), (2, 0), (1, 1), (0, 3)])
def test_hyp0f1(orders):
    check(S.hyp0f1, mpmath.hyp0f1, orders, [(1.0, 0.01), (0.3, 5.0), (2.5, -30.0), (-1.3, 12.0), (4.0, 300.0)], 1e-9)


@pytest.mark.parametrize("orders", [(1, 0, 0), (0, 1, 0), (2, 0, 0), (0, 2, 0), (1, 1, 0), (0, 0, 2), (1, 0, 1)])
def test_hyp1f1(orders):
    points = [(0.5, 1.5, 1e-3), (1.0, 2.0, 3.0), (0.7, 0.2, -40.0), (3.2, 1.1, 60.0), (-2.4, 1.6, 9.0), (1.2, -0.6, 2.0)]
    check(S.hyp1f1, mpmath.hyp1f1, orders, points, 1e-9)


@pytest.mark.parametrize(
    "orders", [(1, 0, 0, 0), (0, 0, 1, 0), (0, 2, 0, 0), (0, 0, 2, 0), (1, 1, 0, 0), (1, 0, 1, 0), (0, 0, 1, 1)]
)
def test_hyp2f1(orders):
    points = [
        (0.5, 1.5, 2.2, 1e-4), (1.0, 2.0, 3.5, 0.4), (0.3, 0.8, 1.7, 0.95), (0.3, 0.8, 0.6, 0.99), (1.2, 0.7, 2.1, -0.9),
        (-2.3, 1.4, 0.9, -3.0), (0.6, 1.3, -0.7, -200.0), (3.1, 2.6, 4.4, -7.0),
    ]  # fmt: skip
    check(S.hyp2f1, mpmath.hyp2f1, orders, points, 1e-9)


def test_hypergeometric_functions_at_0_and_of_polynomials():
    for f, parameters in ((S.hyp0f1, (0.7,)), (S.hyp1f1, (0.7, 1.3)), (S.hyp2f1, (0.7, 1.3, 2.1))):
        values = nb.grad(f, tuple(range(len(parameters) + 1)))(*parameters, 0.0)
        assert [float(v) for v in values[:-1]] == [0.0] * len(parameters)
    # 2F1(-2, b; c; z) = 1 - 2 b/c z + b (b+1) / (c (c+1)) z**2, for z beyond 1 as well
    b, c, z = 1.3, 2.1, 1.7
    wanted = -2 * b / c + 2 * b * (b + 1) / (c * (c + 1)) * z
    np.testing.assert_allclose(nb.grad(S.hyp2f1, 3)(-2.0, b, c, z), wanted, rtol=1e-13)


def test_values_and_dtypes_are_those_of_scipy():
    a, z = np.array([[0.5], [1.5]]), np.array([-2.0, 0.0, 0.3])
    np.testing.assert_array_equal(S.hyp0f1(a, z), special.hyp0f1(a, z))
    np.testing.assert_array_equal(S.hyp1f1(a, 2, z), special.hyp1f1(a, 2, z))
    np.testing.assert_allclose(S.hyp2f1(a, 1, 2.5, z), special.hyp2f1(a, 1, 2.5, z), rtol=1e-13)
    np.testing.assert_allclose(S.hyperu(a, 1.5, z[1:]), special.hyperu(a, 1.5, z[1:]), rtol=1e-12)
    np.testing.assert_array_equal(S.lambertw(z), special.lambertw(z))
    np.testing.assert_array_equal(S.lambertw(z - 0.2, -1), special.lambertw(z - 0.2, -1))
    assert S.hyp1f1(0.5, 1.5, np.float32(2.0)).dtype == np.float32
    assert S.lambertw(np.float32(2.0)).dtype == np.complex64
    assert S.hyp2f1(1, 1, 2, 0).dtype == np.float64
    for name in ("sici", "fresnel"):
        for mine, theirs in zip(getattr(S, name)(z), getattr(special, name)(z)):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_complete_elliptic_integrals(n):
    m = [-1e6, -3.0, -1e-3, 0.0, 0.4, 0.99, 1 - 1e-9]
    check(S.ellipk, mpmath.ellipk, (n,), [(x,) for x in m], 1e-12)
    check(S.ellipe, mpmath.ellipe, (n,), [(x,) for x in m], 1e-12)
    check(S.ellipkm1, lambda p: mpmath.ellipk(1 - p), (n,), [(1e-9,), (0.3,), (5.0,)], 1e-12)


@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (0, 3)])
def test_incomplete_elliptic_integrals(orders):
    points = [(0.3, 0.0), (1.2, 0.9), (-0.7, -4.0), (2.0, 0.5), (8.0, -0.3), (1e-3, 0.99)]
    check(S.ellipkinc, mpmath.ellipf, orders, points, 1e-12)
    check(S.ellipeinc, mpmath.ellipe, orders, points, 1e-12)


def test_elliptic_integrals_at_their_ends():
    np.testing.assert_allclose(S.ellipk([-np.inf, 0.0, 1.0, 2.0]), special.ellipk([-np.inf, 0.0, 1.0, 2.0]), rtol=1e-15)
    np.testing.assert_allclose(S.ellipkm1([0.0, 1e-300, 1.0]), special.ellipkm1([0.0, 1e-300, 1.0]), rtol=1e-14)
    assert float(nb.grad(S.ellipk)(1.0)) == np.inf
    np.testing.assert_allclose(S.elliprf(0.5, 2.0, 3.0), special.elliprf(0.5, 2.0, 3.0), rtol=1e-15)
    np.testing.assert_allclose(S.elliprd(0.5, 2.0, 3.0), special.elliprd(0.5, 2.0, 3.0), rtol=1e-15)
    assert np.isnan(nb.grad(S.elliprd)(-1.0, 2.0, 3.0))


def test_lambertw_has_real_branches():
    def real(k):
        return lambda x: nb.real(S.lambertw(x, k))

    for x, k in ((-0.3, 0), (0.0, 0), (2.5, 0), (1e10, 0), (-0.3, -1), (-1e-6, -1)):
        for order in (1, 2):
            with mpmath.workdps(40):
                wanted = mpmath.diff(lambda t, k=k: mpmath.lambertw(t, k).real, x, order) if x else (1.0, -2.0)[order - 1]
            np.testing.assert_allclose(derivative(real(k), (order,))(x), float(wanted), rtol=1e-9)


def test_of_a_composition_in_both_modes():
    nb.testing.check_grads(lambda a, z: S.hyp2f1(a, a * a, 1.7, nb.sin(z)), (0.8, 0.5), order=2)
    nb.testing.check_grads(lambda a, z: nb.sum(S.hyp1f1(a, 1.3, z)), (0.8, np.array([0.5, -7.0])), order=2)
    nb.testing.check_grads(lambda phi, m: S.ellipkinc(phi, m) * S.ellipeinc(phi * m, m), (0.8, 0.5), order=2)
    nb.testing.check_grads(lambda x: S.sici(x)[1] * S.fresnel(x)[0], (0.8,), order=2)


def test_errors():
    with pytest.raises(NotDifferentiableError, match=r"hyp2f1 has its first and second derivative only in its argument c"):
        derivative(S.hyp2f1, (1, 1, 1, 0))(0.3, 0.4, 0.5, 0.6)
    with pytest.raises(NotDifferentiableError, match=r"hyperu has its first and second derivative only in its argument a"):
        nb.grad(nb.grad(nb.grad(S.hyperu)))(0.3, 0.4, 0.5)
    with pytest.raises(DTypeError, match=r"hyp1f1 takes real numbers; got complex128"):
        S.hyp1f1(0.3, 0.4, 0.5j)


@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1)])
def test_tricomis_function_and_its_derivatives_by_the_parameters(orders):
    points = [(60.0, 5.0, 50.0), (0.1, 1.0, 0.01), (-0.3, 40.0, 0.01), (-1.5, 1.0, 0.5), (1.0, 2.5, 900.0)]
    check(S.hyperu, mpmath.hyperu, (*orders, 0), points, 1e-12)


def test_gauss_function_left_of_minus_one_with_large_parameters():
    """By Pfaff's transformation; SciPy has between 3 and -16 digits here."""
    points = [(20.0, 31.3, 70.0, -3.0), (55.0, 31.3, 70.0, -30.0), (3.5, 31.3, 1.0, -9.0), (3.5, 2.0, 15.0, -3.0)]
    for a, b, c, z in points:
        np.testing.assert_allclose(S.hyp2f1(a, b, c, z), float(mpmath.hyp2f1(a, b, c, z)), rtol=1e-12)


def test_agm_at_extreme_ratios():
    assert float(S.agm(1.0, 1e300)) == pytest.approx(float(mpmath.agm(1, 1e300)), rel=2e-15)
    for x in (1e-300, 1e-160, 1e-8, 0.5, 1.0, 3.0, 1e100):
        assert float(S.agm(1.0, x)) == pytest.approx(float(mpmath.agm(1, x)), rel=2e-15)
        with mpmath.workdps(40):
            point = mpmath.mpf(x)
            by_second = float(mpmath.diff(lambda t: mpmath.agm(1, t), point, h=point * mpmath.mpf(10) ** -15))
            by_first = float(mpmath.diff(lambda t: mpmath.agm(t, point), mpmath.mpf(1), h=mpmath.mpf(10) ** -15))
        found = nb.grad(S.agm, argnums=(0, 1))(1.0, x)
        np.testing.assert_allclose([float(g) for g in found], [by_first, by_second], rtol=1e-12)


def test_hyp2f1_where_its_terms_cancel():
    """SciPy's value of the first point has no digit right, and those of the next ones four to eight."""
    points = [(10.64, 16.61, -14.9, -0.04), (-3.09, 15.1, -16.53, 0.25), (0.94, -16.44, 19.28, -2.71), (17.28, -15.4, 9.16, -2.74)]
    a, b, c, z = np.array(points).T
    with mpmath.workdps(50):
        wanted = [float(mpmath.hyp2f1(*point)) for point in points]
        np.testing.assert_allclose(S.hyp2f1(a, b, c, z), wanted, rtol=1e-12)
        for i in range(3):
            slope = nb.vmap(nb.grad(S.hyp2f1, i))(a, b, c, z)
            orders = tuple(int(j == i) for j in range(4))
            wanted = [float(mpmath.diff(mpmath.hyp2f1, point, orders, h=mpmath.mpf(10) ** -15)) for point in points]
            np.testing.assert_allclose(slope, wanted, rtol=1e-11)
        mixed = float(nb.grad(nb.grad(S.hyp2f1, 1), 2)(*points[3]))
        wanted = float(mpmath.diff(mpmath.hyp2f1, points[3], (0, 1, 1, 0), h=mpmath.mpf(10) ** -12))
        assert mixed == pytest.approx(wanted, rel=1e-10)
