"""The table sees what is wrong: a primitive with one rule spoilt fails in the modes that use that rule."""

import numpy as np
import pytest
from rows.row import Edge, Row, normal, positive
from table import MODES, AtEdge, Case, check_cell, strict_engine

from nabla.engines.numpy.table import KERNELS
from nabla.primitives.base import REGISTRY, Constant, Opaque, same
from nabla.primitives.elementwise import ZERO, Unary
from nabla.primitives.formulas import cos, sin
from nabla.primitives.kinds import General, Linear

FORWARD = {"forward", "forward over forward", "reverse over forward", "batched forward"}
REVERSE = {"reverse", "forward over reverse", "reverse over reverse", "reverse of a where", "batched gradient"}


def elementwise_batch(node, inputs, mapped, size):
    return node.prim(*inputs), True


@pytest.fixture
def spoilt():
    """Make a primitive that computes the sine, for the time of one test."""
    made = []

    def make(kind, *rules, kernel=np.sin, **options):
        prim = kind("spoilt", *rules, **options)
        KERNELS[prim] = kernel
        made.append(prim)
        return prim

    yield make
    for prim in made:
        del REGISTRY[prim.name], KERNELS[prim]


def failing_modes(row, dtype="float64"):
    """The modes that find fault with a row."""
    failed = set()
    with strict_engine():
        for mode in MODES:
            try:
                check_cell(Case(row, dtype), mode)
            except AssertionError:
                failed.add(mode)
    return failed


SINE = Row("spoilt", [normal(3)], value=np.sin)


def test_a_right_one_passes(spoilt):
    spoilt(Unary, lambda out, x: cos(x))
    for dtype in ("float32", "float64", "complex128"):
        assert failing_modes(SINE, dtype) == set()


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_a_wrong_partial(spoilt, dtype):
    spoilt(Unary, lambda out, x: 1.001 * cos(x))
    assert {"forward", "reverse"} <= failing_modes(SINE, dtype)


def test_a_partial_of_zero(spoilt):
    spoilt(Unary, ZERO)
    assert {"forward", "reverse"} <= failing_modes(SINE)


def test_a_constant_that_is_not_said_to_be_one(spoilt):
    spoilt(Constant, same, batch=elementwise_batch, kernel=np.floor)
    row = Row("spoilt", [positive(3)])
    assert failing_modes(row) == {"forward"}
    assert failing_modes(Row("spoilt", [positive(3)], constant="steps")) == set()


def test_a_constant_that_moves(spoilt):
    spoilt(Constant, same, batch=elementwise_batch)
    assert {"forward", "reverse"} <= failing_modes(Row("spoilt", [normal(3)], constant="steps"))


def test_a_wrong_second_derivative(spoilt):
    """The partial has the right value and a derivative of its own that is wrong."""
    from_a_constant = Unary("also_spoilt", ZERO)
    KERNELS[from_a_constant] = np.cos
    spoilt(Unary, lambda out, x: from_a_constant(x))
    second = {"forward over forward", "reverse over forward", "forward over reverse", "reverse over reverse"}
    assert failing_modes(SINE) == second
    del REGISTRY["also_spoilt"], KERNELS[from_a_constant]


def right_jvp(node, tangents):
    return tangents[0] * cos(node.inputs[0])


def right_vjp(node, g, wants):
    return (g * cos(node.inputs[0]),)


def test_a_wrong_forward_rule_beside_a_right_reverse_rule(spoilt):
    spoilt(General, same, batch=elementwise_batch, jvp=lambda n, t: 2.0 * right_jvp(n, t), vjp=right_vjp)
    assert {"forward"} <= failing_modes(SINE) - {"reverse"} <= FORWARD | {"forward over reverse"}


def test_a_wrong_reverse_rule_beside_a_right_forward_rule(spoilt):
    spoilt(General, same, batch=elementwise_batch, jvp=right_jvp, vjp=lambda n, g, w: (2.0 * right_vjp(n, g, w)[0],))
    assert {"reverse"} <= failing_modes(SINE) <= REVERSE | {"reverse over forward"}


def test_a_conjugate_too_many(spoilt):
    """In complex numbers the transpose is without conjugation."""
    conj = REGISTRY["conj"]
    spoilt(General, same, batch=elementwise_batch, jvp=right_jvp, vjp=lambda n, g, w: (g * conj(cos(n.inputs[0])),))
    assert failing_modes(SINE) == set()
    assert "reverse" in failing_modes(SINE, "complex128")


def test_a_batching_rule_that_mixes_lanes(spoilt):
    def reversed_lanes(node, inputs, mapped, size):
        return REGISTRY["flip"](sin(inputs[0]), axes=(0,)), True

    spoilt(General, same, batch=reversed_lanes, jvp=right_jvp)
    assert failing_modes(SINE) == {"batched value"}


def test_a_batching_rule_that_forgets_the_lanes(spoilt):
    spoilt(General, same, batch=lambda node, inputs, mapped, size: (sin(inputs[0]), False), jvp=right_jvp)
    assert failing_modes(SINE) == {"batched value"}


def test_a_transpose_in_the_wrong_dtype(spoilt):
    wide = np.dtype(np.float64)
    cast = REGISTRY["convert"]
    spoilt(Linear, same, lambda g, x: cast(g, dtype=wide), batch=elementwise_batch, kernel=np.positive)
    row = Row("spoilt", [normal(3)], value=np.positive)
    assert failing_modes(row) == set()
    assert "reverse" in failing_modes(row, "float32")


def test_a_kernel_in_the_wrong_dtype(spoilt):
    spoilt(Unary, lambda out, x: cos(x), kernel=lambda x: np.sin(x.astype(np.float64)))
    with strict_engine(), pytest.raises(AssertionError, match="its kernel gave"):
        Case(SINE, "float32")


def test_a_kernel_that_writes_to_its_input(spoilt):
    spoilt(Unary, lambda out, x: cos(x), kernel=lambda x: np.sin(x, out=x))
    with pytest.raises(ValueError, match="read-only"):
        Case(SINE, "float64")


def test_a_wrong_value(spoilt):
    spoilt(Unary, lambda out, x: -sin(x), kernel=np.cos)
    assert failing_modes(SINE) == {"value"}


def test_an_opaque_primitive_has_to_refuse(spoilt):
    spoilt(Opaque, same, batch=elementwise_batch)
    assert failing_modes(SINE) == set()


def test_an_edge_is_checked_in_both_modes(spoilt):
    spoilt(General, same, batch=elementwise_batch, jvp=lambda n, t: 2.0 * right_jvp(n, t), vjp=right_vjp)
    with pytest.raises(AssertionError, match="forward"):
        AtEdge(SINE, Edge([0.0], [1.0])).check_gradient()
    with pytest.raises(AssertionError, match="reverse"):
        AtEdge(SINE, Edge([0.0], [2.0])).check_gradient()


def test_an_edge_of_second_order(spoilt):
    spoilt(Unary, lambda out, x: cos(x))
    right, wrong = Edge([0.5], [np.cos(0.5)], second=[-np.sin(0.5)]), Edge([0.5], [np.cos(0.5)], second=[np.sin(0.5)])
    AtEdge(SINE, right).check_second()
    with pytest.raises(AssertionError, match="forward over reverse"):
        AtEdge(SINE, wrong).check_second()


def test_an_edge_that_is_not_where_safe(spoilt):
    """g * (1 / 0) where the cotangent is zero: a rule of its own product, not that of its kind."""
    half = REGISTRY["reciprocal"]
    spoilt(General, same, batch=elementwise_batch, vjp=lambda n, g, w: (g * half(n.inputs[0]),), kernel=np.log)
    row = Row("spoilt", [positive(3)])
    AtEdge(Row("log", [positive(3)]), Edge([0.0], [np.inf], masked=[0.0])).check_masked()
    with pytest.raises(AssertionError, match="not taken"):
        AtEdge(row, Edge([0.0], [np.inf], masked=[0.0])).check_masked()


def test_a_wider_tolerance_needs_a_reason():
    with pytest.raises(ValueError, match="reason"):
        Row("sin", [normal(3)], rtol=1e-3)
