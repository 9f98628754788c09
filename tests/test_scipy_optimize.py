"""SciPy's optimisers, root finders and integrators take what the transforms give, as it is: every method, on a small problem."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize as so

import nabla as nb

START = np.array([-1.2, 1.0])
BEST = np.array([1.0, 1.0])


def rosenbrock(x):
    return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2


def hessp(x, p):
    return nb.hvp(rosenbrock, x, p)


def residuals(x):
    return np.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


# minimize

WITHOUT_DERIVATIVE = ["Nelder-Mead", "Powell", "COBYLA", "COBYQA"]
WITH_GRADIENT = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP"]
WITH_HESSIAN = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"]
WITH_WHOLE_HESSIAN = ["dogleg", "trust-exact"]


def at_the_optimum(result, atol=1e-4):
    np.testing.assert_allclose(result.x, BEST, atol=atol)


def test_all_methods_of_minimize_are_here():
    known = {name.lower() for name in (*WITHOUT_DERIVATIVE, *WITH_GRADIENT, *WITH_HESSIAN, *WITH_WHOLE_HESSIAN)}
    assert known == set(so._minimize.MINIMIZE_METHODS)


@pytest.mark.parametrize("method", WITHOUT_DERIVATIVE)
def test_minimize_without_a_derivative(method):
    def gentle(x):
        return (1.0 - x[0]) ** 2 + 2.0 * (x[1] - x[0] ** 2) ** 2

    at_the_optimum(so.minimize(gentle, [0.8, 0.9], method=method, tol=1e-6), atol=1e-3)


@pytest.mark.parametrize("method", WITH_GRADIENT)
def test_minimize_with_a_gradient(method):
    at_the_optimum(so.minimize(nb.value_and_grad(rosenbrock), START, jac=True, method=method, tol=1e-8), atol=1e-3)
    at_the_optimum(so.minimize(rosenbrock, START, jac=nb.grad(rosenbrock), method=method, tol=1e-8), atol=1e-3)


@pytest.mark.parametrize("method", [*WITH_HESSIAN, *WITH_WHOLE_HESSIAN])
@pytest.mark.parametrize("hessian", [nb.hessian(rosenbrock), nb.jacfwd(nb.grad(rosenbrock)), nb.jacrev(nb.grad(rosenbrock))])
def test_minimize_with_a_hessian(method, hessian):
    start = [1.2, 1.3] if method == "dogleg" else START  # it wants a positive definite Hessian on its way
    at_the_optimum(so.minimize(nb.value_and_grad(rosenbrock), start, jac=True, hess=hessian, method=method, tol=1e-8))


@pytest.mark.parametrize("method", WITH_HESSIAN)
def test_minimize_with_a_product_of_hessian_and_vector(method):
    at_the_optimum(so.minimize(nb.value_and_grad(rosenbrock), START, jac=True, hessp=hessp, method=method, tol=1e-8))


def circle(x):
    return x[0] ** 2 + x[1] ** 2


ON_THE_CIRCLE = np.array([0.78641515, 0.61769831])  # the least of rosenbrock within the unit circle


@pytest.mark.parametrize("method", ["SLSQP", "COBYLA", "COBYQA", "trust-constr"])
def test_minimize_with_constraints(method):
    curved = {"hess": lambda x, v: v[0] * nb.hessian(circle)(x)} if method == "trust-constr" else {}
    constraint = so.NonlinearConstraint(circle, -np.inf, 1.0, jac=nb.grad(circle), **curved)
    options = {"jac": nb.grad(rosenbrock)} if method in ("SLSQP", "trust-constr") else {}
    if method == "trust-constr":
        options["hess"] = nb.hessian(rosenbrock)
    found = so.minimize(rosenbrock, [0.5, 0.5], method=method, constraints=[constraint], tol=1e-8, **options)
    np.testing.assert_allclose(found.x, ON_THE_CIRCLE, atol=1e-3)


def test_constraints_of_several_values_take_jacobians():
    def both(x):
        return np.stack([circle(x), x[0] * x[1]])

    def weighted(x, v):
        return nb.hessian(lambda x: np.dot(v, both(x)))(x)

    for jacobian in (nb.jacfwd(both), nb.jacrev(both), nb.jacobian(both)):
        constraint = so.NonlinearConstraint(both, [-np.inf, -np.inf], [1.0, 10.0], jac=jacobian, hess=weighted)
        found = so.minimize(nb.value_and_grad(rosenbrock), [0.5, 0.5], jac=True, method="trust-constr", constraints=[constraint],
                            hess=nb.hessian(rosenbrock), tol=1e-8)  # fmt: skip
        np.testing.assert_allclose(found.x, ON_THE_CIRCLE, atol=1e-3)


def test_constraints_as_dictionaries_and_bounds():
    inside = {"type": "ineq", "fun": lambda x: 1.0 - circle(x), "jac": nb.grad(lambda x: 1.0 - circle(x))}
    found = so.minimize(nb.value_and_grad(rosenbrock), [0.5, 0.5], jac=True, method="SLSQP", constraints=[inside], tol=1e-10)
    np.testing.assert_allclose(found.x, ON_THE_CIRCLE, atol=1e-5)
    for method in ("L-BFGS-B", "TNC", "SLSQP", "trust-constr"):
        found = so.minimize(nb.value_and_grad(rosenbrock), [0.2, 0.1], jac=True, method=method, bounds=[(0.0, 0.5), (0.0, 1.0)])
        np.testing.assert_allclose(found.x, [0.5, 0.25], atol=1e-3)


def test_global_optimisers_hand_the_gradient_on():
    found = so.basinhopping(
        nb.value_and_grad(rosenbrock), START, minimizer_kwargs={"jac": True, "method": "L-BFGS-B"}, niter=2, rng=0
    )
    at_the_optimum(found)
    found = so.dual_annealing(rosenbrock, [(-2.0, 2.0)] * 2, maxiter=20, rng=0, minimizer_kwargs={"jac": nb.grad(rosenbrock)})
    at_the_optimum(found)
    found = so.shgo(rosenbrock, [(-2.0, 2.0)] * 2, minimizer_kwargs={"jac": nb.grad(rosenbrock), "method": "L-BFGS-B"})
    at_the_optimum(found)
    assert so.check_grad(rosenbrock, nb.grad(rosenbrock), START) < 1e-4


@pytest.mark.parametrize("name", ["fmin_bfgs", "fmin_cg", "fmin_l_bfgs_b", "fmin_tnc", "fmin_slsqp", "fmin_ncg"])
def test_the_older_functions(name):
    quiet = {} if name in ("fmin_l_bfgs_b",) else {"disp": 0}
    if name == "fmin_ncg":
        quiet["fhess_p"] = hessp
    if name == "fmin_slsqp":
        quiet["acc"] = 1e-12
    gradient = "fprime"
    found = getattr(so, name)(rosenbrock, START, **{gradient: nb.grad(rosenbrock)}, **quiet)
    x = found if isinstance(found, np.ndarray) else found[0]
    np.testing.assert_allclose(x, BEST, atol=1e-2)


# root and least_squares


def equations(x):
    return np.stack([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]])


ROOT = np.array([0.8411639, 0.1588361])


@pytest.mark.parametrize("method", so._root.ROOT_METHODS)
def test_root(method):
    jacobians = (nb.jacfwd(equations), nb.jacrev(equations), nb.jacobian(equations)) if method in ("hybr", "lm") else (None,)
    mixing = method in ("linearmixing", "excitingmixing")  # they begin with a Jacobian of -1/alpha
    options = {"options": {"jac_options": {"alpha": 0.5}}} if mixing else {}
    for jacobian in jacobians:
        f = (lambda x: -equations(x)) if mixing else equations
        found = so.root(f, [0.6, 0.3], jac=jacobian, method=method, tol=1e-8, **options)
        np.testing.assert_allclose(found.x, ROOT, atol=1e-6)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root_with_value_and_jacobian_together(method):
    def both(x):
        return equations(x), nb.jacfwd(equations)(x)

    np.testing.assert_allclose(so.root(both, [0.6, 0.3], jac=True, method=method).x, ROOT, atol=1e-6)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
@pytest.mark.parametrize("jacobian", [nb.jacfwd(residuals), nb.jacrev(residuals), nb.jacobian(residuals)])
def test_least_squares(method, jacobian):
    at_the_optimum(so.least_squares(residuals, START, jac=jacobian, method=method), atol=1e-7)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan"])
def test_least_squares_with_a_robust_loss(loss):
    at_the_optimum(so.least_squares(residuals, START, jac=nb.jacfwd(residuals), loss=loss), atol=1e-6)


def test_least_squares_with_products_only():
    def operator(x):
        return scipy.sparse.linalg.LinearOperator(
            (2, 2),
            matvec=lambda v: nb.jvp(residuals, (x,), (v.ravel(),))[1],
            rmatvec=lambda v: nb.vjp(residuals, x)[1](v.ravel())[0],
        )

    at_the_optimum(so.least_squares(residuals, START, jac=operator, tr_solver="lsmr"), atol=1e-6)


def cubic(x):
    return x**3 - x - 1.0


CUBIC_ROOT = 1.324717957244746


@pytest.mark.parametrize("method", so._root_scalar.ROOT_SCALAR_METHODS)
def test_root_scalar(method):
    options = {"bracket": [1.0, 2.0]} if method in ("bisect", "brentq", "brenth", "ridder", "toms748") else {"x0": 1.5}
    if method in ("newton", "halley"):
        options["fprime"] = nb.grad(cubic)
    if method == "halley":
        options["fprime2"] = nb.grad(nb.grad(cubic))
    assert abs(so.root_scalar(cubic, method=method, **options).root - CUBIC_ROOT) < 1e-8


def test_root_scalar_with_value_and_derivative_together():
    assert abs(so.root_scalar(nb.value_and_grad(cubic), x0=1.5, fprime=True, method="newton").root - CUBIC_ROOT) < 1e-10


def test_newton_and_fsolve():
    assert abs(so.newton(cubic, 1.5, fprime=nb.grad(cubic), fprime2=nb.grad(nb.grad(cubic))) - CUBIC_ROOT) < 1e-10
    many = so.newton(cubic, np.array([1.4, 1.5]), fprime=nb.vmap(nb.grad(cubic)))
    np.testing.assert_allclose(many, CUBIC_ROOT, atol=1e-10)
    np.testing.assert_allclose(so.fsolve(equations, [0.6, 0.3], fprime=nb.jacfwd(equations)), ROOT, atol=1e-6)
    np.testing.assert_allclose(so.leastsq(residuals, START, Dfun=nb.jacfwd(residuals))[0], BEST, atol=1e-6)


def test_curve_fit():
    def model(t, a, b):
        return a * np.exp(-b * t)

    t = np.linspace(0.0, 2.0, 20)

    def jacobian(t, *p):  # curve_fit hands the parameters on one by one
        return nb.jacfwd(lambda p: model(t, *p))(np.stack(p))

    (a, b), _ = so.curve_fit(model, t, model(t, 2.5, 1.3), p0=[1.0, 1.0], jac=jacobian)
    assert abs(a - 2.5) < 1e-8 and abs(b - 1.3) < 1e-8


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_stiff_integrators(method):
    def slope(t, y):
        return np.stack([-0.04 * y[0] + 1e2 * y[1] * y[2], 0.04 * y[0] - 1e2 * y[1] * y[2] - 30.0 * y[1] ** 2, 30.0 * y[1] ** 2])

    for jacobian in (nb.jacfwd(slope, argnums=1), nb.jacrev(slope, argnums=1)):
        done = scipy.integrate.solve_ivp(slope, (0.0, 1.0), [1.0, 0.0, 0.0], method=method, jac=jacobian, rtol=1e-8, atol=1e-10)
        assert done.success
        assert abs(done.y[:, -1].sum() - 1.0) < 1e-10
        exact = scipy.integrate.solve_ivp(slope, (0.0, 1.0), [1.0, 0.0, 0.0], method="DOP853", rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(done.y[:, -1], exact.y[:, -1], rtol=1e-5)
