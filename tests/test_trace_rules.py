"""What holds for every call of a transform: fresh handles, exceptions, control flow, closures, weak numbers, complex numbers."""

import contextlib

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose

# Each takes a function of one argument and gives a function of one argument that runs it on variables.
RUN = {
    "grad": lambda f: lambda x: nb.grad(f)(x),
    "grad forward": lambda f: lambda x: nb.grad(f, mode="forward")(x),
    "value_and_grad": lambda f: lambda x: nb.value_and_grad(f)(x)[1],
    "vjp": lambda f: lambda x: nb.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f: lambda x: nb.jvp(f, (x,), (nb.tree.map(nb.ones_like, x),))[1],
    "jacrev": lambda f: nb.jacrev(f, argnums=0),
    "jacfwd": lambda f: nb.jacfwd(f, argnums=0),
}
DERIVATIVES = {name: RUN[name] for name in ("grad", "grad forward", "vjp", "jvp", "jacrev", "jacfwd")}


@pytest.fixture(params=RUN)
def run(request):
    return RUN[request.param]


# ---- handles --------------------------------------------------------------------------------------------------


def test_what_the_function_writes_to_its_arguments_is_not_seen_outside(run):
    x, other = nb.array([1.0, 2.0]), nb.array([3.0, 4.0])

    def f(x):
        x[0] = 10.0 * x[1]
        x *= 2.0
        return (x * x).sum()

    run(f)(x)
    assert x.tolist() == [1.0, 2.0]
    nb.grad(lambda x, y: (x * y.__imul__(2.0)).sum())(x, other)
    assert other.tolist() == [3.0, 4.0]
    nb.grad(lambda x, *, y: (x * y.__imul__(2.0)).sum())(x, y=other)
    assert other.tolist() == [3.0, 4.0]
    assert nb.grad(f)(x).tolist() == [0.0, 8.0 * 2.0 * 100.0 + 8.0 * 2.0]


def test_a_write_inside_to_a_tensor_from_outside_stands(run):
    total = nb.zeros(2)

    def f(x):
        total[0] = x * 2.0
        return (total * x).sum()

    run(f)(3.0)
    assert total.tolist() == [6.0, 0.0]
    assert total.numpy().tolist() == [6.0, 0.0]


def test_an_exception_puts_handles_back(run):
    total, view_of = nb.zeros(2), nb.zeros((2, 2))
    row = view_of[0]

    def f(x):
        total[0] = x
        total[1] = x * x
        row[1] = x
        raise KeyError("inside")

    with pytest.raises(KeyError):
        run(f)(3.0)
    assert total.tolist() == [0.0, 0.0]
    assert view_of.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert (total + 1.0).tolist() == [1.0, 1.0]


def test_an_exception_under_vmap_puts_handles_back():
    inside = []

    def f(x):
        mine = nb.zeros(2)
        inside.append(mine)
        mine[0] = x
        raise KeyError("inside")

    with pytest.raises(KeyError):
        nb.vmap(f)(np.ones(3))
    assert inside[0].tolist() == [0.0, 0.0]


def test_an_exception_that_the_outer_function_catches():
    total = nb.zeros(2)

    def inner(y):
        total[0] = y
        raise KeyError("inside")

    def outer(x):
        total[1] = x
        with contextlib.suppress(KeyError):
            nb.grad(inner)(x)
        return (total * x).sum()  # x * x

    assert nb.grad(outer)(3.0).item() == 6.0
    assert total.tolist() == [0.0, 3.0]


def test_an_exception_of_the_transform_itself_puts_handles_back():
    total = nb.zeros(2)

    def f(x):
        total[0] = x
        return total

    with pytest.raises(nb.ShapeError):
        nb.grad(f)(3.0)
    assert total.tolist() == [0.0, 0.0]


# ---- control flow ---------------------------------------------------------------------------------------------


def by_if(x):
    return x**3 if x > 1.0 else nb.sin(x)


def by_while(x):
    y = x
    while y < 50.0:
        y = y * y + x
    return y


def by_float(x):
    y = x
    for _ in range(int(float(x) * 2.0)):
        y = y * nb.sin(x) + x.item() * 0.0 + x
    return y


def by_comparison_of_arrays(x):
    v = nb.stack([x, 2.0 * x, -x])
    if nb.any(v > 2.5) and not nb.all(v > 2.5) and len(v) == 3:
        v = v[v > 0.0] ** 2
    return (v * v).sum()


def by_newton(a):
    """The cube root, by as many steps as it takes."""
    x = nb.detach(a) * 0.5
    while abs(float(nb.detach(x) ** 3 - nb.detach(a))) > 1e-12:
        x = x - (x**3 - a) / (3.0 * x**2)
    return x - (x**3 - a) / (3.0 * x**2)


PROGRAMS = [by_if, by_while, by_float, by_comparison_of_arrays, by_newton]


def difference(f, x, h):
    return (f(nb.array(x + h)).item() - f(nb.array(x - h)).item()) / (2 * h)


@pytest.mark.parametrize("name", DERIVATIVES)
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_python_control_flow_under_one_derivative(f, name):
    close(np.ravel(DERIVATIVES[name](f)(nb.array(1.7)).numpy()), difference(f, 1.7, 1e-6), rtol=1e-7)


@pytest.mark.parametrize("inner", DERIVATIVES)
@pytest.mark.parametrize("outer", DERIVATIVES)
def test_python_control_flow_under_every_pair(outer, inner):
    for f in (by_if, by_while, by_float, by_comparison_of_arrays):
        first = lambda x: difference(f, x, 1e-4)
        expected = (first(1.7 + 1e-4) - first(1.7 - 1e-4)) / 2e-4
        found = DERIVATIVES[outer](DERIVATIVES[inner](f))(nb.array(1.7))
        close(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("outer", DERIVATIVES)
def test_control_flow_on_the_outer_variable_inside_three_levels(outer):
    def f(x):
        def g(y):
            def h(z):
                return x * y**2 * z**3 if x * y * z > 0 else z * 0.0

            return nb.grad(h)(y) if float(y) > float(x) else nb.jacfwd(h)(x)  # y = 2x: 3 x y^4

        return nb.jacrev(g)(2.0 * x) if x > 0 else x  # 12 x y^3 = 96 x^4

    close(DERIVATIVES[outer](f)(nb.array(1.5)).numpy(), 4 * 96.0 * 1.5**3, rtol=1e-12)


def test_generators_recursion_and_exceptions_as_control_flow():
    def powers(x):
        y = x
        while True:
            yield y
            y = y * x

    def f(x):
        total = 0.0
        for y in powers(x):
            total = total + y
            if y > 100.0:
                return total

    def g(x):
        return x if x > 100.0 else x * g(x * x)

    def h(x):
        try:
            if x > 1.0:
                raise ValueError
            return x
        except ValueError:
            return x**4

    for function in (f, g, h):
        for name, derivative in DERIVATIVES.items():
            close(derivative(function)(nb.array(3.0)).numpy(), difference(function, 3.0, 1e-6), rtol=1e-7, err_msg=name)


# ---- closures -------------------------------------------------------------------------------------------------


def test_no_confusion_of_perturbations():
    d = nb.grad
    assert d(lambda x: x * d(lambda y: x + y)(1.0))(1.0).item() == 1.0
    assert d(lambda x: x * d(lambda y: x * y)(2.0))(3.0).item() == 6.0
    j = lambda f: lambda x: nb.jvp(f, (x,), (1.0,))[1]
    for a in (d, j):
        for b in (d, j):
            assert a(lambda x: x * b(lambda y: x + y)(1.0))(1.0).item() == 1.0
            assert a(lambda x: b(lambda y: x * y**2)(x) * x)(3.0).item() == 2 * 3 * 9.0
            shared = nb.array(2.0)
            assert a(lambda x: x * b(lambda y: x * y * shared)(shared))(3.0).item() == 12.0


@pytest.mark.parametrize("order", range(1, 5))
def test_deep_nestings_with_closures(order):
    """The product of everything in reach, differentiated at each level, in alternating modes."""

    def level(depth, seen):
        def f(x):
            value = x
            for outer in seen:
                value = value * outer
            value = nb.sin(value) + x**3
            return value if depth == 0 else value * level(depth - 1, [*seen, x])(x + 0.1)

        return nb.grad(f, mode=("reverse", "forward")[depth % 2])

    def plain(depth, seen):
        def f(x):
            value = x
            for outer in seen:
                value = value * outer
            value = np.sin(value) + x**3
            return value if depth == 0 else value * plain(depth - 1, [*seen, x])(x + 0.1)

        h = 10.0 ** (-3 + 0.25 * depth)
        return lambda x: (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)

    if order < 4:
        close(level(order - 1, [])(0.6).item(), plain(order - 1, [])(0.6), rtol=1e-5)
    swapped = level(order - 1, [])(0.6).item()
    again = nb.vmap(level(order - 1, []))(np.array([0.6, 0.6])).tolist()
    close(again, [swapped, swapped], rtol=1e-12)


# ---- weak numbers and NumPy -----------------------------------------------------------------------------------


def test_a_python_float_as_the_variable_is_weak():
    x = nb.array([1.0, 2.0], nb.float32)
    seen = []

    def f(s):
        y = x * s
        seen.append(y.dtype)
        return y.sum()

    for run in RUN.values():
        run(f)(3.0)
    assert set(seen) == {nb.float32}
    assert nb.grad(f)(3.0).item() == 3.0
    assert nb.grad(lambda s: (s * s) * 1.0)(3.0).dtype == nb.float64
    assert nb.value_and_grad(f)(3.0)[0].dtype == nb.float32
    z = nb.array([1j], nb.complex64)
    nb.grad(lambda s: nb.abs((z * s).sum()))(1 + 1j)
    assert (z * (1 + 1j)).dtype == nb.complex64
    seen.clear()
    nb.grad(lambda s: seen.append((z * s).dtype) or nb.abs((z * s).sum()))(1 + 1j)
    assert seen == [nb.complex64]


def test_a_numpy_scalar_is_not_weak():
    x = nb.array([1.0, 2.0], nb.float32)
    seen = []
    nb.grad(lambda s: seen.append((x * s).dtype) or (x * s).sum())(np.float64(3.0))
    nb.grad(lambda s: seen.append((x * s).dtype) or (x * s).sum())(np.float32(3.0))
    assert seen == [nb.float64, nb.float32]


def test_python_floats_have_the_default_dtype():
    with nb.using_default_dtype("float32"):
        assert nb.grad(lambda x: x**2)(3.0).dtype == nb.float32
        assert nb.jvp(lambda x: x**2, (3.0,), (1.0,))[1].dtype == nb.float32
        assert nb.vjp(lambda x: x**2, 3.0)[1](1.0)[0].dtype == nb.float32
        assert nb.grad(lambda z: nb.abs(z))(1j).dtype == nb.complex64
    assert nb.grad(lambda x: x**2)(3.0).dtype == nb.float64


def test_subclasses_of_numbers_are_numbers():
    class Metres(float):
        pass

    class Impedance(complex):
        pass

    assert nb.grad(lambda x: x**2)(Metres(3.0)).item() == 6.0
    assert nb.grad(lambda z: nb.abs(z) ** 2)(Impedance(1 + 2j)).item() == 2 - 4j


@pytest.mark.parametrize("name", ["grad", "jacrev", "jacfwd", "vjp"])
def test_numpy_in_numpy_out_but_not_under_an_outer_transform(name):
    x = np.array([1.0, 2.0])
    f = lambda x: (x**3).sum()
    assert type(RUN[name](f)(x)) is np.ndarray
    assert type(RUN[name](lambda x: x**3)(np.float64(2.0))) is np.float64
    kinds = []

    def inside(t):
        kinds.append(type(RUN[name](lambda x: (x**3).sum())(x)))
        kinds.append(type(RUN[name](lambda x: (x**3 * t).sum())(x)))
        return t * 2.0

    nb.grad(inside)(1.0)
    nb.vmap(inside)(np.ones(2))
    assert kinds[1::2] == [nb.Tensor, nb.Tensor]
    assert set(kinds[0::2]) <= {nb.Tensor, np.ndarray}


def test_functions_written_with_numpy():
    def f(x):
        y = np.sin(x) * np.exp(-(x**2)) + np.where(x > 0.5, x, 0.0)
        return np.sum(np.concatenate([y, np.zeros_like(x)]) ** 2) + np.dot(x, np.ones(3))

    x = np.array([0.3, 0.7, -0.2])
    h = 1e-6
    expected = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(3)]
    for name in ("grad", "grad forward", "jacrev", "jacfwd"):
        close(RUN[name](f)(x), expected, rtol=1e-8)


# ---- realize --------------------------------------------------------------------------------------------------


def test_realize_computes_the_tensors_of_a_tree_and_returns_it():
    tree = {"a": nb.exp(nb.array([0.0])), "b": [nb.array(2.0) * 3.0, None, 1.0, "text"]}
    assert tree["a"]._node.value is None
    assert nb.realize(tree) is tree
    assert tree["a"]._node.value is not None
    assert tree["b"][0]._node.value == 6.0
    assert nb.realize(nb.array(1.0) + 1.0).item() == 2.0
    with pytest.raises(nb.TracedValueError, match=r"it depends on args\[0\]"):
        nb.vmap(lambda x: nb.realize([x * 2.0])[0])(np.ones(2))
    w = nb.array(2.0, requires_grad=True)
    y = w * w
    nb.realize([y])
    y.backward()
    with pytest.raises(nb.FreedGraphError):
        y.backward()


# ---- complex numbers ------------------------------------------------------------------------------------------


def test_one_convention_for_complex_numbers_in_all_transforms():
    """A reverse rule multiplies by the transpose; the gradient of a real function is df/dx - i df/dy."""
    z, dz = 0.3 - 0.8j, 1.1 + 0.4j
    f = lambda z: nb.real(nb.exp(z) * nb.conj(z)) + nb.abs(z) ** 3
    gradient = nb.grad(f)(z).item()
    close(nb.jvp(f, (z,), (dz,))[1], (gradient * dz).real, rtol=1e-14)
    for found in (
        nb.grad(f, mode="forward")(z),
        nb.vjp(f, z)[1](1.0)[0],
        nb.jacrev(f)(z),
        nb.jacfwd(f)(z),
    ):
        close(found, gradient, rtol=1e-14)
    w = nb.array(z, requires_grad=True)
    f(w).backward()
    close(w.grad, gradient, rtol=1e-14)


def test_second_derivatives_of_real_functions_through_complex_numbers():
    f = lambda x: nb.abs(nb.exp(1j * x[0] * x[1]) + x[0]) ** 2
    x = np.array([0.4, 0.9])
    h = nb.hessian(f)(x)
    close(h, nb.jacrev(nb.jacrev(f))(x), rtol=1e-12)
    close(h, nb.jacfwd(nb.jacfwd(f))(x), rtol=1e-12)
    close(h, nb.jacrev(nb.jacfwd(f))(x), rtol=1e-12)
    step = 1e-5
    for i, e in enumerate(np.eye(2)):
        close(h[i], (nb.grad(f)(x + step * e) - nb.grad(f)(x - step * e)) / (2 * step), rtol=1e-8)


def test_a_holomorphic_derivative_is_one_complex_number_in_every_mode():
    f = lambda z: nb.sin(z) * z
    z = 0.3 - 0.8j
    expected = np.cos(z) * z + np.sin(z)
    close(nb.jvp(f, (z,), (1.0 + 0j,))[1], expected, rtol=1e-14)
    close(nb.vjp(f, z)[1](1.0 + 0j)[0], expected, rtol=1e-14)
    for transform in (nb.grad, nb.jacrev, nb.jacfwd):
        close(transform(f, holomorphic=True)(z), expected, rtol=1e-14)
