"""Functions outside: what they get and may return, their derivatives by rule and by differences, batching, exceptions."""

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap

close = np.testing.assert_allclose
X = np.array([0.4, -0.9, 1.3])
VECTOR = nb.ShapeDtype(3, "float64")
NUMBER = nb.ShapeDtype((), "float64")


def wave(x):
    return np.sin(x) * x


def slope(x):
    return np.cos(x) * x + np.sin(x)


RULES = {
    "vjp": {"vjp": lambda g, out, x: (g * slope(x),)},
    "jvp": {"jvp": lambda tangents, out, x: tangents[0] * slope(x)},
    "differences": {"finite_differences": True},
    "a step": {"finite_differences": 1e-4},
    "vjp and differences": {"vjp": lambda g, out, x: (g * slope(x),), "finite_differences": True},
    "jvp and differences": {"jvp": lambda tangents, out, x: tangents[0] * slope(x), "finite_differences": True},
}
RULES["both"] = {**RULES["vjp"], **RULES["jvp"]}


def outside(**how):
    return lambda x: nb.pure_callback(wave, nb.ShapeDtype(x.shape, "float64"), x, **how)


# ---- values ---------------------------------------------------------------------------------------------------


def test_it_gets_read_only_arrays_and_its_result_is_copied():
    seen = []
    buffer = np.zeros(3)

    def f(x, options):
        seen.append((type(x), x.flags.writeable, options))
        buffer[:] = 2.0 * x
        return buffer

    first = nb.pure_callback(f, VECTOR, X, {"n": 3, "name": "f", "y": nb.array([1, 2])})
    second = nb.pure_callback(f, VECTOR, nb.array(10.0 * X), None)
    close(first, 2.0 * X)
    close(second, 20.0 * X)
    kind, writeable, options = seen[0]
    assert (kind, writeable) == (np.ndarray, False) and options["n"] == 3 and options["name"] == "f"
    assert type(options["y"]) is np.ndarray and options["y"].tolist() == [1, 2] and seen[1][2] is None
    with pytest.raises(ValueError, match="read-only"):
        nb.pure_callback(lambda x: x.fill(0.0), VECTOR, X)


def test_it_runs_at_its_line_and_once():
    runs = []
    out = nb.pure_callback(lambda x: runs.append(1) or x, VECTOR, nb.array(X) * 2.0)
    assert runs == [1]
    out.tolist(), (out + 1.0).tolist()
    assert runs == [1]


def test_results_in_a_pytree_with_python_numbers():
    declared = {"a": VECTOR, "b": (nb.ShapeDtype((), "float32"), np.empty((2,), "int64"))}
    out = nb.pure_callback(lambda x: {"a": nb.sin(x), "b": (1.5, np.array([1, 2]))}, declared, X)
    close(out["a"], np.sin(X))
    assert out["b"][0].dtype == nb.float32 and out["b"][0].item() == 1.5 and out["b"][1].tolist() == [1, 2]


def test_the_users_floating_point_warnings_are_the_users():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        nb.pure_callback(lambda x: 1.0 / x, VECTOR, np.zeros(3))
    with np.errstate(divide="ignore"):
        assert nb.pure_callback(lambda x: 1.0 / x, VECTOR, np.zeros(3)).tolist() == [np.inf] * 3


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: x[:2], nb.ShapeError, r"<lambda> returned shape \(2,\) for result, declared is \(3,\)"),
        (lambda x: x.astype("float32"), nb.DTypeError, r"<lambda> returned dtype float32 for result, declared is float64"),
        (lambda x: np.arange(3), nb.DTypeError, r"returned dtype int64 for result, declared is float64"),
        (lambda x: (x, x), nb.TreeError, r"<lambda> returned PyTreeSpec\(\(\*, \*\).*but its result is declared as"),
        (lambda x: None, nb.TreeError, r"but its result is declared as"),
        (lambda x: 1j, nb.DTypeError, r"returned dtype complex128"),
    ],
)
def test_what_it_returns_is_checked(f, error, message):
    with pytest.raises(error, match=message):
        nb.pure_callback(f, VECTOR, X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nb.pure_callback(3, VECTOR, X), "pure_callback takes a function; got int"),
        (lambda: nb.pure_callback(wave, (3,), X), r"result\[0\] is 3; declare what the function returns with nb.ShapeDtype"),
        (lambda: nb.pure_callback(wave, None, X), "result declares nothing: None"),
        (lambda: nb.pure_callback(wave, VECTOR, X, vjp=1), "vjp must be a function; got 1"),
        (lambda: nb.pure_callback(wave, VECTOR, X, jvp="x"), "jvp must be a function; got 'x'"),
        (lambda: nb.pure_callback(wave, VECTOR, X, finite_differences=-1.0), "finite_differences must be True, or a relative step"),
        (lambda: nb.pure_callback(wave, VECTOR, X, vectorized=1), "vectorized must be True or False"),
    ],
)
def test_wrong_uses(call, message):
    with pytest.raises(nb.NablaError, match=message):
        call()


@pytest.mark.parametrize("transform", [lambda f: f, nb.grad, nb.vmap, lambda f: lambda x: nb.jvp(f, (x,), (x,))])
def test_an_exception_arrives_and_leaves_everything_as_it_was(transform):
    broken = [True]

    class Trouble(Exception):
        pass

    def f(x):
        if broken[0]:
            raise Trouble("in the simulator")
        return x * x

    def call(x):
        return nb.pure_callback(f, NUMBER, x, finite_differences=True)

    x = np.ones(2) if transform is nb.vmap else 1.0
    with pytest.raises(Trouble, match="in the simulator"):
        transform(call)(x)
    broken[0] = False
    assert nb.tree.leaves(transform(call)(x))


# ---- derivatives ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_derivatives(name):
    f = outside(**RULES[name])
    both = "differences" in name or name in ("both", "a step")
    modes = ("forward", "reverse") if both else ("reverse",) if name == "vjp" else ("forward",)
    check_grads(f, (X,), order=1, modes=modes, atol=1e-6)
    check_grads(f, (0.7,), order=1, modes=modes, atol=1e-6)
    if "differences" in name:
        check_grads(f, (X,), order=2, atol=1e-3)


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_batched(name, vectorized):
    f = outside(**RULES[name], vectorized=vectorized)
    x = np.stack([X, 2.0 * X])
    check_vmap(f, (x,))
    close(nb.vmap(nb.vmap(f))(x), wave(x))
    if name != "jvp":
        close(nb.grad(lambda x: nb.vmap(f)(x).sum())(x), slope(x), rtol=1e-6)
        close(nb.vmap(nb.grad(lambda x: f(x).sum()))(x), slope(x), rtol=1e-6)
    if name != "vjp":
        close(nb.jvp(nb.vmap(f), (x,), (np.ones_like(x),))[1], slope(x), rtol=1e-6)


def test_several_arguments_pytrees_and_integers():
    def f(p, n, y):
        return {"out": p["a"] ** int(n) * y, "count": np.asarray(n + 1)}

    def vjp(g, out, p, n, y):
        assert g["count"] is None
        return {"a": g["out"] * int(n) * p["a"] ** (int(n) - 1) * y, "b": None}, None, (g["out"] * out["out"] / y).sum()

    def jvp(tangents, out, p, n, y):
        dp, dn, dy = tangents
        assert dn is None
        return {"out": dp["a"] * int(n) * p["a"] ** (int(n) - 1) * y + dy * out["out"] / y, "count": None}

    def call(p, y, **how):
        declared = {"out": VECTOR, "count": nb.ShapeDtype((), "int64")}
        return nb.pure_callback(f, declared, p, nb.asarray(2), y, **how)

    p = {"a": X, "b": 1.0}
    for how in ({"vjp": vjp, "jvp": jvp}, {"finite_differences": True}):
        check_grads(lambda p, y: call(p, y, **how)["out"], (p, 1.5), order=1, atol=1e-6)
        assert call(p, 1.5, **how)["count"].item() == 3


def test_complex_numbers_by_differences():
    def f(z, x):
        return z * np.conj(z) * z * x

    declared = nb.ShapeDtype(2, "complex128")
    check_grads(
        lambda z, x: nb.pure_callback(f, declared, z, x, finite_differences=True),
        (np.array([1.0 + 0.5j, -0.3j]), 0.7),
        order=1,
        atol=1e-6,
    )


def test_single_precision_by_differences():
    f = outside(finite_differences=True)

    def single(x):
        return nb.pure_callback(wave, nb.ShapeDtype(3, "float32"), x, finite_differences=True)

    x = X.astype("float32")
    g = nb.grad(lambda x: single(x).sum())(x)
    assert g.dtype == np.float32
    close(g, nb.grad(lambda x: f(x).sum())(X), rtol=2e-3)


def test_differences_move_no_element_far():
    """Elements of very different size, and a direction of any length."""
    seen = []

    def f(x):
        seen.append(x.copy())
        return np.sum(x)

    def call(x):
        return nb.pure_callback(f, NUMBER, x, finite_differences=1e-3)

    x = np.array([1e6, 1.0, 0.0])
    close(nb.jvp(call, (x,), (np.array([1e-9, 1e9, 1e9]),))[1], 2e9, rtol=1e-6)
    assert all(np.all(np.abs(moved - x) <= 1.001e-3 * np.maximum(np.abs(x), 1.0)) for moved in seen)
    assert nb.jvp(call, (x,), (np.zeros(3),))[1].item() == 0.0


def test_without_a_rule_it_is_an_error_that_says_what_to_do():
    def call(x):
        return nb.pure_callback(wave, VECTOR, x)

    with pytest.raises(
        nb.NotDifferentiableError, match=r"the host function wave was differentiated \(at .*test_callback.py.*vjp= or jvp="
    ):
        nb.grad(lambda x: call(x).sum())(X)
    with pytest.raises(nb.NotDifferentiableError, match="or ask for differences with finite_differences=True"):
        nb.jvp(call, (X,), (X,))
    with pytest.raises(nb.NotDifferentiableError, match="the host function the vjp of wave was differentiated"):
        nb.jacrev(nb.jacrev(lambda x: outside(**RULES["vjp"])(x).sum()))(X)
    with pytest.raises(
        nb.NotDifferentiableError, match=r"the reverse rule of wave .* \(what callback makes of it cannot be seen\)"
    ):
        nb.jvp(outside(**RULES["vjp"]), (X,), (X,))
    assert nb.grad(lambda x: (x * call(nb.detach(x))).sum())(X).tolist() == wave(X).tolist()
    assert nb.grad(lambda x: x[nb.pure_callback(lambda x: np.argmax(x), nb.ShapeDtype((), "int64"), nb.argmax(x))])(X).shape == (3,)


@pytest.mark.parametrize(
    ("vjp", "error", "message"),
    [
        (
            lambda g, out, x: g * x,
            nb.TreeError,
            "vjp must return a tuple with the cotangent of each of the 1 arguments; it returned a ndarray",
        ),
        (lambda g, out, x: (g, g), nb.TreeError, "it returned a tuple of 2"),
        (lambda g, out, x: (g[:2],), nb.ShapeError, r"the vjp of wave returned shape \(2,\) for result\[0\], declared is \(3,\)"),
        (lambda g, out, x: ({"a": g},), nb.TreeError, r"the cotangent does not have the structure of args\[0\]"),
    ],
)
def test_wrong_rules(vjp, error, message):
    with pytest.raises(error, match=message):
        nb.grad(lambda x: nb.pure_callback(wave, VECTOR, x, vjp=vjp).sum())(X)


def test_a_custom_function_around_it_has_every_order():
    @nb.custom_vjp
    def f(x):
        return nb.pure_callback(np.exp, VECTOR, x)

    def fwd(x):
        out = f(x)
        return out, out

    f.defvjp(fwd, lambda out, g: (g * out,))
    check_grads(f, (X,), order=3)
    check_vmap(f, (np.stack([X, X]),))


def test_under_vmap_its_batching_is_chosen():
    shapes = []

    def f(x, y):
        shapes.append((x.shape, y.shape))
        return x * y[..., None]

    def call(x, y, vectorized):
        return nb.pure_callback(f, VECTOR, x, y, vectorized=vectorized)

    xs = np.stack([X, 2.0 * X])
    close(nb.vmap(lambda x: call(x, 3.0, False))(xs), 3.0 * xs)
    assert shapes == [((3,), ())] * 2
    shapes.clear()
    close(nb.vmap(lambda x: call(x, 3.0, True))(xs), 3.0 * xs)
    assert shapes == [((2, 3), (2,))]
    assert nb.vmap(lambda x: call(x, 3.0, False))(np.zeros((0, 3))).shape == (0, 3)


def test_a_vectorized_function_that_is_not_is_told():
    with pytest.raises(
        nb.ShapeError, match=r"returned shape \(3,\) for result, declared is \(\), with the axes of examples \(2,\)"
    ):
        nb.vmap(lambda x: nb.pure_callback(lambda x: x[0], NUMBER, x, vectorized=True))(np.ones((2, 3)))
