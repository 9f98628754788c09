"""Bessel, Hankel, spherical Bessel and Airy functions: values, derivatives against mpmath over the domain, errors."""

import mpmath
import numpy as np
import pytest
from scipy import special

import nabla as nb
from nabla.errors import DTypeError, NotDifferentiableError

KINDS = {
    "jv": mpmath.besselj,
    "yv": mpmath.bessely,
    "iv": mpmath.besseli,
    "kv": mpmath.besselk,
    "ive": lambda v, x: mpmath.besseli(v, x) * mpmath.exp(-x),
    "kve": lambda v, x: mpmath.besselk(v, x) * mpmath.exp(x),
}
# Small, ordinary and large arguments; both sides of the turning point v = x; negative and large orders; whole ones.
POINTS = np.array([(1.0, 1e-6), (0.5, 1e-3), (-1.3, 2.4), (10.3, 10.0), (30.2, 2.0), (5.2, 55.0), (1.7, 300.0)])
ORDERS, ARGUMENTS = POINTS.T


def relative_to_size(found, wanted, size):
    return np.max(np.abs(np.asarray(found) - wanted) / (np.abs(wanted) + size))


def size_of(kind, v, x):
    """What a function is measured by near a zero of its derivative: its amplitude, or its change from one order to the next."""
    if kind in ("jv", "yv"):
        return abs(complex(special.jv(v, x), special.yv(v, x))) if x > 0.9 * abs(v) else 0.0
    return abs(getattr(special, kind)(v, x)) / (1.0 + x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (1, 1), (2, 0), (0, 2)])
def test_derivatives_over_the_domain(kind, orders):
    f = getattr(nb.special, kind)
    for argnum, times in enumerate(orders):
        for _ in range(times):
            f = nb.grad(f, argnum)
    with mpmath.workdps(25):
        wanted = [float(mpmath.diff(KINDS[kind], (mpmath.mpf(v), mpmath.mpf(x)), orders)) for v, x in POINTS]
    sizes = [size_of(kind, v, x) for v, x in POINTS]
    assert relative_to_size(nb.vmap(f)(ORDERS, ARGUMENTS), np.array(wanted), np.array(sizes)) < 1e-9


@pytest.mark.parametrize("kind", ["ive", "kve"])
def test_derivatives_of_the_scaled_ones_keep_their_digits_far_out(kind):
    f = getattr(nb.special, kind)
    for v, x in [(0.0, 50.0), (1.0, 1e3), (2.5, 1e5), (0.3, 1e8)]:
        with mpmath.workdps(40):
            once, twice = (float(mpmath.diff(lambda t: KINDS[kind](v, t), mpmath.mpf(x), n)) for n in (1, 2))
        assert np.isclose(float(nb.grad(f, 1)(v, x)), once, rtol=1e-12, atol=0)
        assert np.isclose(float(nb.grad(nb.grad(f, 1), 1)(v, x)), twice, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["j0", "j1", "y0", "y1", "i0", "i1", "k0", "k1", "i0e", "i1e", "k0e", "k1e"])
def test_orders_0_and_1(name):
    f, of_order = getattr(nb.special, name), getattr(nb.special, name[0] + "v" + name[2:])
    x = np.array([1e-3, 0.4, 2.0, 30.0])
    np.testing.assert_array_equal(f(x), getattr(special, name)(x))
    each = nb.vmap(nb.grad(f))(x)
    np.testing.assert_allclose(each, nb.vmap(nb.grad(lambda t: of_order(float(name[1]), t)))(x), rtol=1e-14)
    assert f(x.astype(np.float32)).dtype == np.float32


def test_values_and_dtypes_are_those_of_scipy():
    v, x = np.array([[0.0], [1.5], [-2.0]]), np.array([0.0, 0.3, 1e4])
    for name in ("jv", "jn", "yv", "iv", "kv", "ive", "kve", "hankel1", "hankel2"):
        np.testing.assert_allclose(getattr(nb.special, name)(v, x[1:]), getattr(special, name)(v, x[1:]), rtol=1e-14)
    for name in ("yn", "kn"):
        n = np.array([[0], [3]])
        np.testing.assert_allclose(getattr(nb.special, name)(n, x), getattr(special, name)(n, x), rtol=1e-11)
    assert nb.special.jv(2, np.float32(1.5)).dtype == np.float32
    assert nb.special.jv(2, 1).dtype == np.float64
    for mine, theirs in zip(nb.special.airy(x), special.airy(x)):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", ["jn", "yn", "in", "kn"])
def test_spherical_bessel_functions(kind):
    f, reference = (getattr(module, f"spherical_{kind}") for module in (nb.special, special))
    n, x = np.array([[0], [1], [5]]), np.array([0.2, 1.0, 7.5])
    np.testing.assert_array_equal(f(n, x), reference(n, x))
    assert f(n, x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(f(n, x, True), reference(n, x, True), rtol=1e-12)
    np.testing.assert_allclose(nb.grad(lambda t: nb.sum(f(n, t)))(x), reference(n, x, True).sum(0), rtol=1e-12)
    np.testing.assert_allclose(nb.grad(lambda t: f(2, t))(-0.7), reference(2, -0.7, True), rtol=1e-12)
    # n(n+1) is the eigenvalue of the equation that defines them
    value, first, second = (
        float(g(1.3)) for g in (lambda t: f(3, t), nb.grad(lambda t: f(3, t)), nb.grad(lambda t: f(3, t, True)))
    )
    sign = -1.0 if kind in ("in", "kn") else 1.0
    np.testing.assert_allclose(1.3**2 * second + 2.6 * first + (sign * 1.3**2 - 12.0) * value, 0.0, atol=1e-11 * abs(second))


def test_airy_functions_over_the_domain():
    x = np.array([-30.0, -2.3, 0.0, 1.0, 8.0])
    for i, (f, m) in enumerate(((mpmath.airyai, 0), (mpmath.airyai, 1), (mpmath.airybi, 0), (mpmath.airybi, 1))):
        third = nb.grad(nb.grad(nb.grad(lambda t, i=i: nb.special.airy(t)[i])))
        wanted = [float(mpmath.diff(f, t, 3 + m)) for t in x]
        np.testing.assert_allclose(nb.vmap(third)(x), wanted, rtol=1e-10, atol=1e-10)


def test_of_a_composition_in_both_modes():
    nb.testing.check_grads(
        lambda v, x: nb.sum(nb.special.kv(v, x * x) * nb.special.jv(v * v, x)), (0.7, np.array([0.4, 2.0])), order=2
    )
    nb.testing.check_grads(lambda v, x: nb.real(nb.special.hankel1(v, x) ** 2), (0.7, 1.4), order=2)


def test_an_order_that_is_a_whole_number_has_no_derivative():
    n = nb.asarray([0, 1, 2])
    np.testing.assert_allclose(nb.grad(lambda x: nb.sum(nb.special.jv(n, x)))(1.0), special.jvp([0, 1, 2], 1.0).sum(), rtol=1e-14)
    with pytest.raises(TypeError):
        nb.grad(nb.special.jv)(2, 1.0)


def test_errors():
    third = nb.grad(nb.grad(nb.grad(nb.special.jv)))
    with pytest.raises(NotDifferentiableError, match=r"jv has its first and second derivative only in its argument v; one more"):
        third(1.0, 2.0)
    with pytest.raises(DTypeError, match=r"yn: the order n is an integer .* got float64; yv takes any real order"):
        nb.special.yn(1.0, 2.0)
    with pytest.raises(DTypeError, match=r"spherical_jn: the order n is an integer"):
        nb.special.spherical_jn(0.5, 2.0)
    with pytest.raises(DTypeError, match=r"kv: the order v is real; got complex128"):
        nb.special.kv(1j, 2j)
    with pytest.raises(NotDifferentiableError, match=r"struve has its first and second derivative only in its argument v"):
        nb.grad(nb.grad(nb.grad(nb.special.struve)))(1.0, 2.0)
    with pytest.raises(NotDifferentiableError, match=r"hankel1 has its first and second derivative only in its argument v"):
        nb.grad(nb.grad(nb.grad(lambda v: nb.real(nb.special.hankel1(v, 2.0)))))(1.0)
