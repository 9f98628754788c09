"""Values of the classical polynomials: against SciPy, derivatives against mpmath, errors."""

import mpmath
import numpy as np
import pytest
from scipy import special

import nabla as nb
from nabla.errors import DTypeError, NotDifferentiableError

S = nb.special
ONE_ARGUMENT = ["legendre", "chebyt", "chebyu", "hermite", "hermitenorm", "laguerre"]
WITH_PARAMETERS = {
    "gegenbauer": (mpmath.gegenbauer, (0.7,)),
    "genlaguerre": (mpmath.laguerre, (-0.4,)),
    "jacobi": (mpmath.jacobi, (-0.3, 1.6)),
}


@pytest.mark.parametrize("kind", ONE_ARGUMENT)
def test_polynomials_and_their_derivatives(kind):
    f, reference = getattr(S, f"eval_{kind}"), getattr(special, f"eval_{kind}")
    n, x = np.arange(8)[:, None], np.array([-1.0, -0.3, 0.0, 0.8, 1.0])
    np.testing.assert_array_equal(f(n, x), reference(n, x))
    first, second = (nb.grad(lambda t: nb.sum(f(5, t))), nb.grad(lambda t: nb.sum(nb.grad(lambda s: nb.sum(f(5, s)))(t))))
    # A polynomial of degree 5 is the one through 6 of its values.
    points = np.linspace(-1.0, 1.0, 6)
    exact = np.polynomial.Polynomial.fit(points, reference(5, points), 5, domain=[-1, 1])
    np.testing.assert_allclose(first(x), exact.deriv()(x), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(second(x), exact.deriv(2)(x), rtol=1e-10, atol=1e-10)
    assert float(nb.grad(lambda t: f(0, t))(1.0)) == 0.0
    assert float(nb.grad(nb.grad(lambda t: f(1, t)))(1.0)) == 0.0


@pytest.mark.parametrize("n", [0, 1, 2, 5, 24])
@pytest.mark.parametrize("kind", WITH_PARAMETERS)
def test_derivatives_in_parameters(kind, n):
    reference, parameters = WITH_PARAMETERS[kind]
    f = getattr(S, f"eval_{kind}")
    count = len(parameters)
    mixed = [(1, 1, 0), (0, 1, 1)] if count == 2 else []
    for orders in [(1,) + (0,) * count, (2,) + (0,) * count, (1,) + (0,) * (count - 1) + (1,), (0,) * count + (2,), *mixed]:
        g = lambda *args: f(n, *args)
        for argnum, times in enumerate(orders):
            for _ in range(times):
                g = nb.grad(g, argnum)
        for x in (0.35, 1.0):
            with mpmath.workdps(30):
                wanted = float(mpmath.diff(lambda *args: reference(n, *args), (*parameters, x), orders))
            np.testing.assert_allclose(g(*parameters, x), wanted, rtol=1e-9, atol=1e-9 * abs(float(f(n, *parameters, x))))


def test_degrees_and_dtypes():
    x = np.float32(0.5)
    assert S.eval_legendre(3, x).dtype == np.float32
    assert S.eval_jacobi(3, 1, 0.5, 0.3).dtype == np.float64
    np.testing.assert_array_equal(S.eval_legendre(3.0, 0.4), S.eval_legendre(3, 0.4))
    np.testing.assert_allclose(S.eval_legendre(nb.asarray([1, 2, 3]), 0.4), special.eval_legendre([1, 2, 3], 0.4))
    np.testing.assert_allclose(nb.vmap(nb.grad(lambda t: S.eval_hermite(2, t)))(np.array([0.5, 1.0])), [4.0, 8.0])


def test_of_a_composition_in_both_modes():
    nb.testing.check_grads(lambda a, x: S.eval_jacobi(4, a, a * a, nb.sin(x)), (0.7, 0.4), order=2)
    nb.testing.check_grads(lambda x: nb.sum(S.eval_legendre(nb.asarray([0, 1, 6]), x)), (np.array([0.2, -0.5, 0.9]),), order=2)


def test_errors():
    with pytest.raises(DTypeError, match=r"eval_legendre: the degree n is a whole number or a tensor of integers; got 0.5"):
        S.eval_legendre(0.5, 0.3)
    with pytest.raises(DTypeError, match=r"eval_jacobi takes real numbers; got complex128"):
        S.eval_jacobi(2, 1.0, 1.0, 1j)
    third = nb.grad(nb.grad(nb.grad(lambda a: S.eval_genlaguerre(4, a, 0.3))))
    with pytest.raises(
        NotDifferentiableError, match=r"eval_genlaguerre has its first and second derivative only in its argument alpha"
    ):
        third(0.5)
