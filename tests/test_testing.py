"""nabla.testing: what its checks let pass, what they find, and how they say it."""

import numpy as np
import pytest

import nabla as nb
from nabla.engines.numpy.table import KERNELS
from nabla.errors import ArgumentError, ArgumentTypeError, TreeError
from nabla.primitives.base import REGISTRY, same
from nabla.primitives.elementwise import Unary
from nabla.primitives.formulas import cos, sin
from nabla.primitives.kinds import General
from nabla.primitives.structure import detach
from nabla.testing import check_grads, check_vmap, numerical_jvp

X = np.array([0.3, -0.7, 1.1])


@pytest.fixture
def primitive():
    """Make a primitive that computes the sine, for the time of one test; gives it as a function of tensors."""
    made = []

    def make(kind, *rules, **options):
        prim = kind("of_a_test", *rules, **options)
        KERNELS[prim] = np.sin
        made.append(prim)
        return lambda x: nb.Tensor(prim(nb.asarray(x)._node))

    yield make
    for prim in made:
        del REGISTRY[prim.name], KERNELS[prim]


# numerical_jvp


@pytest.mark.parametrize(
    ("f", "slope", "x"),
    [
        (nb.sin, np.cos, X),
        (nb.exp, np.exp, 10.0 * X),
        (nb.log, lambda x: 1.0 / x, np.array([1e-1, 1.0, 1e4])),
        (nb.sqrt, lambda x: 0.5 / np.sqrt(x), np.array([0.02, 3.0])),
        (lambda x: x**7, lambda x: 7.0 * x**6, X),
    ],
)
def test_numerical_jvp_is_good_to_nine_digits(f, slope, x):
    t = np.cos(np.arange(x.size)) * x
    assert np.allclose(numerical_jvp(f, (x,), (t,)), slope(x) * t, rtol=1e-9, atol=1e-12)


def test_numerical_jvp_has_the_structure_of_the_output():
    found = numerical_jvp(lambda x, n: {"a": (x * n, n), "b": nb.argmax(x)}, (X, 2), (X, None))
    assert set(found) == {"a", "b"} and found["b"].shape == () and not found["b"].any()
    assert np.allclose(found["a"][0], 2.0 * X) and not found["a"][1].any()


def test_numerical_jvp_is_in_double_precision():
    x = X.astype(np.float32)
    found = numerical_jvp(nb.sin, (x,), (np.ones_like(x),))
    assert found.dtype == np.float64 and np.allclose(found, np.cos(x.astype(float)), rtol=1e-10)


def test_numerical_jvp_along_a_complex_direction():
    z, t = np.array([1.0 + 2.0j]), np.array([0.5 - 1.0j])
    assert np.allclose(numerical_jvp(nb.exp, (z,), (t,)), np.exp(z) * t, rtol=1e-10)
    assert np.allclose(numerical_jvp(nb.conj, (z,), (t,)), np.conj(t), rtol=1e-10)


def test_numerical_jvp_takes_the_step_that_is_given():
    kink = numerical_jvp(nb.abs, (np.array([0.001]),), (np.array([1.0]),), eps=1e-4)
    assert np.allclose(kink, 1.0)


def test_numerical_jvp_refuses_tangents_of_another_structure():
    with pytest.raises(TreeError, match="structure"):
        numerical_jvp(nb.sin, ({"x": X},), ({"y": X},))
    with pytest.raises(TreeError, match=r"args\[0\] must have shape \(3,\)"):
        numerical_jvp(nb.sin, (X,), (X[:2],))


# check_grads: what passes


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (nb.tanh, (X,)),
        (nb.tanh, X),
        (lambda x, y: x @ y, (np.outer(X, X), nb.asarray(X))),
        (lambda p, n: {"out": p["w"] * p["b"] ** n}, ({"w": X, "b": 2.0}, 3)),
        (lambda z: z * nb.conj(z) + nb.abs(z), (np.array([1.0 + 2.0j, -0.3j]),)),
        (lambda x: x * (1.0 + 2.0j), (X,)),
        (lambda x: (nb.argmax(x), nb.sum(x * x)), (X,)),
        (nb.sin, (X.astype(np.float32),)),
        (nb.sin, (X.astype(np.complex64),)),
        (lambda x: nb.sum(nb.sin(x), axis=0), (X.astype(np.float16),)),
        (lambda x: nb.sum(x), (np.zeros((0, 2)),)),
        (lambda x: nb.zeros(3), (X,)),
    ],
)
def test_right_derivatives_pass(f, args):
    check_grads(f, args)


def test_third_order_passes():
    check_grads(lambda x: nb.exp(nb.sin(x)), (0.7,), order=3)


def test_a_kink_that_is_near_needs_a_small_step():
    with pytest.raises(AssertionError, match="off at"):
        check_grads(nb.abs, (np.array([1e-6]),))
    check_grads(nb.abs, (np.array([1e-6]),), eps=1e-5)


# check_grads: what is found


def test_a_derivative_that_is_cut():
    with pytest.raises(AssertionError) as found:
        check_grads(lambda p: p["x"] * nb.detach(p["x"]) + p["y"], ({"x": X, "y": 1.0},))
    message = str(found.value)
    assert message.startswith("check_grads: the derivative in forward mode is off at args[0]['x']: found [")
    assert "differences give [" in message and "is forgiven" in message


def test_a_wrong_reverse_rule(primitive):
    f = primitive(
        General,
        same,
        batch=lambda node, inputs, mapped, size: (node.prim(*inputs), True),
        jvp=lambda node, tangents: tangents[0] * cos(node.inputs[0]),
        vjp=lambda node, g, wants: (2.0 * g * cos(node.inputs[0]),),
    )
    check_grads(f, (X,), modes=["forward"])
    check_grads(f, (X,), modes="forward")
    with pytest.raises(AssertionError, match=r"in reverse mode is off at args\[0\] \(paired with a direction\)"):
        check_grads(f, (X,))


def test_a_wrong_second_derivative(primitive):
    f = primitive(Unary, lambda out, x: detach(cos(x)))
    check_grads(f, (X,), order=1)
    with pytest.raises(AssertionError, match="in forward over forward mode"):
        check_grads(f, (X,))
    with pytest.raises(AssertionError, match="in reverse over reverse mode"):
        check_grads(f, (X,), modes=["reverse"])


def test_a_derivative_that_is_not_a_number():
    with pytest.raises(AssertionError, match="nan"):
        check_grads(lambda x: nb.where(x > 100.0, x, nb.sin(x)) + nb.sqrt(x - x) * 0.0, (X,), order=1)


def test_tolerances_are_those_that_are_given(primitive):
    f = primitive(Unary, lambda out, x: 1.001 * cos(x))
    with pytest.raises(AssertionError):
        check_grads(f, (X,), order=1)
    check_grads(f, (X,), order=1, rtol=0.01)
    check_grads(f, (X,), order=1, atol=0.01, rtol=0.0)


def test_the_global_random_state_is_not_touched():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - it is what must not change
    check_grads(nb.sin, (X,))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order is 1, 2 or more; got 0"),
        ({"order": True}, "order is"),
        ({"modes": ["sideways"]}, r"'forward' and 'reverse'; got \['sideways'\]"),
        ({"modes": []}, "'forward' and 'reverse'"),
    ],
)
def test_check_grads_refuses(options, message):
    with pytest.raises(ArgumentError, match=message):
        check_grads(nb.sin, (X,), **options)


def test_check_grads_needs_something_to_differentiate():
    with pytest.raises(ArgumentError, match="nothing to differentiate"):
        check_grads(lambda n: n, (3,))
    with pytest.raises(ArgumentTypeError, match="nothing that is floating or complex"):
        check_grads(lambda x: nb.argmax(x), (X,))


# check_vmap


@pytest.mark.parametrize(
    ("f", "args", "in_axes"),
    [
        (nb.sin, (X,), 0),
        (nb.sin, X, 0),
        (lambda x, y: {"a": x @ y, "b": x[0]}, (np.outer(X, X), X), (0, None)),
        (lambda x, y: nb.sum(x) * y, (np.ones((3, 2, 4)), np.ones((5, 4))), (-1, 1)),
        (lambda p: p["x"] * p["y"][0], ({"x": X, "y": [np.ones((2, 3)), 3]},), ({"x": 0, "y": [1, None]},)),
        (lambda p: p["x"] + p["y"], ({"x": X, "y": X},), 0),
    ],
)
def test_right_batches_pass(f, args, in_axes):
    check_vmap(f, args, in_axes)


def test_a_wrong_batching_rule(primitive):
    def reversed_lanes(node, inputs, mapped, size):
        return REGISTRY["flip"](sin(inputs[0]), axes=(0,)), True

    f = primitive(General, same, batch=reversed_lanes, jvp=lambda node, tangents: tangents[0])
    with pytest.raises(AssertionError, match=r"check_vmap: example 0 at output\['a'\]: vmap gives .*, the loop .* \(off by"):
        check_vmap(lambda x: {"a": f(x)}, (X,))


def test_a_batched_result_of_another_dtype(primitive):
    def widened(node, inputs, mapped, size):
        return REGISTRY["convert"](sin(inputs[0]), dtype=np.dtype(np.float64)), True

    f = primitive(General, same, batch=widened, jvp=lambda node, tangents: tangents[0])
    with pytest.raises(AssertionError, match=r"vmap gives float64 of shape \(\), the loop float32 of \(\)"):
        check_vmap(f, (X.astype(np.float32),))


def test_check_vmap_refuses_axes_of_another_number():
    with pytest.raises(ArgumentError, match="2 entries for 1 arguments"):
        check_vmap(nb.sin, (X,), in_axes=(0, 0))
