"""No silent zero and no silent cut: what leaves a transform through Python or NumPy raises, or is an ordinary value.

Reading a number for control flow is fine as long as the output still depends on the variable by other ways; see also
test_trace_rules.py.
"""

import math
import re

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose

DIFFERENTIATE = {
    "grad": lambda f, x: nb.grad(f)(x),
    "grad forward": lambda f, x: nb.grad(f, mode="forward")(x),
    "value_and_grad": lambda f, x: nb.value_and_grad(f)(x)[1],
    "vjp": lambda f, x: nb.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: nb.jvp(f, (x,), (1.0,))[1],
    "jacrev": lambda f, x: nb.jacrev(f)(x),
    "jacfwd": lambda f, x: nb.jacfwd(f)(x),
    "jacobian": lambda f, x: nb.jacobian(f)(x),
    "hessian": lambda f, x: nb.hessian(f)(x),
}


@pytest.fixture(params=DIFFERENTIATE)
def differentiate(request):
    return DIFFERENTIATE[request.param]


# ---- values that Python read ----------------------------------------------------------------------------------

READS = {
    "float": lambda x: float(x) * 2.0,
    "math": lambda x: math.sin(x),
    "item": lambda x: x.item() * 2.0,
    "tolist": lambda x: x.tolist() * 2.0,
    "round trip": lambda x: nb.array(float(x)) ** 2,
    "int": lambda x: nb.array(1.0) * int(x),
    "np.float64": lambda x: np.float64(x),
    "later": lambda x: float(x * x + 1.0) * nb.array(2.0),
    "format": lambda x: float(f"{x.item():.3f}"),
}


@pytest.mark.parametrize("read", READS)
def test_an_output_cut_off_by_a_read_raises_and_names_the_line(differentiate, read):
    with pytest.raises(
        nb.TracedValueError, match=r"the output does not depend on .*\[0\] except through a value that was read by"
    ) as caught:
        differentiate(READS[read], nb.array(1.5))
    assert re.search(r"at .*test_escape\.py:\d+, which cuts the derivative", str(caught.value))
    assert "nb.detach" in str(caught.value)
    assert differentiate(lambda x: x * 2.0, nb.array(1.5)).shape == ()


@pytest.mark.parametrize(("read", "name"), [(float, "float"), (int, "int"), (complex, "complex"), (nb.Tensor.item, ".item")])
def test_only_a_tensor_of_one_element_is_a_number(read, name):
    with pytest.raises(nb.ShapeError, match=rf"{name}\(\) needs a tensor of one element; this one has shape \(2,\)"):
        nb.grad(lambda x: x * read(nb.stack([x, x])))(1.0)


def test_a_read_of_one_argument_is_told_by_its_path():
    f = lambda p, x: nb.array(p["w"].item()) * x
    with pytest.raises(nb.TracedValueError, match=r"grad: the output does not depend on args\[0\]\['w'\] except"):
        nb.grad(f)({"w": 2.0}, 3.0)
    assert nb.grad(f, argnums=1)({"w": nb.array(2.0)}, 3.0).item() == 2.0
    with pytest.raises(nb.TracedValueError, match=r"kwargs\['w'\]"):
        nb.grad(lambda *, w: float(w) * nb.array(1.0), argnames="w")(w=2.0)


def test_the_line_is_that_of_the_read():
    def f(x):
        scale = float(x)  # this line
        return nb.array(2.0) * scale

    with pytest.raises(nb.TracedValueError) as caught:
        nb.grad(f)(1.0)
    line = int(re.search(r"test_escape\.py:(\d+)", str(caught.value)).group(1))
    assert line == f.__code__.co_firstlineno + 1


def test_a_read_of_a_detached_value_is_a_zero_that_was_asked_for(differentiate):
    assert differentiate(lambda x: float(nb.detach(x)) * nb.array(2.0), nb.array(1.5)).item() == 0.0
    assert differentiate(lambda x: nb.array(3.0), nb.array(1.5)).item() == 0.0


def test_reads_that_do_not_cut(differentiate):
    def f(x):
        scale = 2.0 if float(x) > 1.0 else 3.0
        return x**2 * scale * int(x.item() + 1.0)

    assert differentiate(f, nb.array(1.5)).item() in (12.0, 8.0)  # 4 x^2


def test_printing_leaves_no_mark(differentiate):
    def f(x):
        assert f"{x:.2f} {x} {x!r} {x:>8}" == "1.50 1.5 tensor(1.5)      1.5"
        return nb.array(3.0)

    assert differentiate(f, nb.array(1.5)).item() == 0.0


def test_a_choice_by_bool_leaves_no_mark(differentiate):
    step = lambda x: nb.array(1.0) if x > 0 else nb.array(2.0)
    assert differentiate(step, nb.array(1.5)).item() == 0.0


def test_integers_carry_no_derivative_that_could_be_cut(differentiate):
    table = [5.0, 6.0, 7.0]
    f = lambda x: nb.array(table[int(nb.argmax(nb.stack([x, -x, 0.0 * x])))])
    assert differentiate(f, nb.array(1.5)).item() == 0.0
    assert np.flatnonzero(np.array([True])).tolist() == [0]
    mask = lambda x: x * float((x > 0).numpy())
    assert differentiate(mask, nb.array(1.5)).item() in (1.0, 0.0)


def test_the_outer_variable_read_inside_an_inner_transform():
    def f(x):
        return nb.grad(lambda y: y**2 * float(x))(1.0)

    with pytest.raises(nb.TracedValueError, match=r"grad: the output does not depend on args\[0\] except through a value"):
        nb.grad(f)(3.0)
    assert f(nb.array(3.0)).item() == 6.0
    with pytest.raises(nb.TracedValueError):
        nb.jacfwd(lambda x: nb.jacrev(lambda y: y * x.item())(nb.ones(2)))(3.0)


def test_one_of_two_variables_that_is_read():
    f = lambda x, y: x * float(y)
    with pytest.raises(nb.TracedValueError, match=r"does not depend on args\[1\] except"):
        nb.grad(f, argnums=(0, 1))(2.0, 3.0)
    assert nb.grad(f)(2.0, nb.array(3.0)).item() == 3.0


def test_backward_of_a_value_that_was_read_finds_no_leaf():
    w = nb.array(2.0, requires_grad=True)
    loss = nb.array(float(w)) * 3.0
    with pytest.raises(nb.ArgumentError, match="do not depend on any requires_grad leaf"):
        loss.backward()


# ---- ndarrays -------------------------------------------------------------------------------------------------


def store(array, key, value):
    array[key] = value
    return array


CONVERSIONS = {
    "numpy": lambda x: x.numpy(),
    "asarray": lambda x: np.asarray(x),
    "array": lambda x: np.array(x),
    "array of two": lambda x: np.array([x, 2.0 * x]),
    "slice": lambda x: store(np.zeros(2), slice(None), x),
    "full": lambda x: np.full(2, x[0]),
    "out": lambda x: np.multiply(x, 2.0, out=np.zeros(2)),
    "in place": lambda x: np.zeros(2).__iadd__(x),
    "asfarray of a list": lambda x: np.asarray([x[0], x[1]]),
    "memoryview": lambda x: memoryview(x.__array__()),
}


@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_turning_a_variable_into_an_ndarray_raises(conversion):
    for differentiate in (nb.grad, nb.jacfwd, lambda f: lambda x: nb.vjp(f, x), lambda f: lambda x: nb.jvp(f, (x,), (x,))):
        with pytest.raises((nb.TracedValueError, nb.ArgumentTypeError)) as caught:
            differentiate(lambda x: (x * x).sum() + np.sum(CONVERSIONS[conversion](x * 3.0)))(nb.array([1.0, 2.0]))
        assert "nb." in str(caught.value) or ".detach()" in str(caught.value)


def test_storing_an_element_into_an_ndarray_raises():
    """NumPy calls float() and puts an error of its own before ours."""
    for target in (np.zeros(2), np.zeros(2).flat, np.zeros(2, int)):
        with pytest.raises((ValueError, TypeError)) as caught:
            nb.grad(lambda x: store(target, 1, x[0]) is x or x.sum())(nb.array([1.0, 2.0]))
        if not isinstance(target, np.flatiter):  # which keeps the cause to itself
            cause = caught.value if isinstance(caught.value, nb.TracedValueError) else caught.value.__cause__
            assert re.search(
                r"the assignment at .*test_escape\.py:\d+ would write a tensor that is being differentiated into", str(cause)
            )
            assert "nb.stack" in str(cause)
    table = np.zeros(3)
    nb.grad(lambda x: x * store(table, 0, float(nb.detach(x))).sum())(2.0)
    nb.grad(lambda x: x * store(table, 1, nb.detach(x)).sum())(2.0)
    assert table.tolist() == [2.0, 2.0, 0.0]


def test_the_message_says_what_to_write():
    with pytest.raises(
        nb.TracedValueError, match=r"\.numpy\(\) at .*test_escape\.py:\d+ would turn a tensor that is being differentiated \(grad\)"
    ):
        nb.grad(lambda x: x.numpy())(1.0)
    with pytest.raises(nb.TracedValueError, match=r"or x\.detach\(\)\.numpy\(\) where the derivative should stop"):
        nb.grad(lambda x: x.numpy())(1.0)
    with pytest.raises(nb.TracedValueError, match=r"\(grad, jvp\)"):
        nb.grad(lambda x: nb.jvp(lambda y: (x * y).numpy(), (1.0,), (1.0,))[1])(1.0)
    w = nb.array([1.0], requires_grad=True)
    with pytest.raises(
        nb.TracedValueError, match=r"\(requires_grad leaf\).* Write x\.detach\(\)\.numpy\(\) to leave the derivative behind"
    ):
        (w * 2.0).numpy()
    assert w.detach().numpy().tolist() == [1.0]


def test_constants_inside_a_transform_may_become_ndarrays():
    c = nb.array([1.0, 2.0])

    def f(x):
        weights = np.asarray(c * 2.0)
        return (x * weights).sum() + (x * nb.detach(x).numpy()).sum()

    assert nb.grad(f)(nb.array([1.0, 2.0])).tolist() == [3.0, 6.0]


def test_integers_and_booleans_may_become_ndarrays():
    def f(x):
        order = nb.argsort(x).numpy()
        positive = np.flatnonzero(x > 0)
        return (x[order] * np.arange(3.0)).sum() + x[positive].sum()

    close(nb.grad(f)(nb.array([3.0, -1.0, 2.0])), [3.0, 0.0, 2.0])


# ---- placeholders ---------------------------------------------------------------------------------------------

ASKS = {
    "if": lambda x: 1.0 if x > 0 else 2.0,
    "not": lambda x: not x,
    "and": lambda x: (x > 0) and (x < 1),
    "float": float,
    "int": int,
    "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "asarray": np.asarray,
    "realize": lambda x: x.realize(),
    "format": lambda x: f"{x:.2f}",
    "index": lambda x: [1, 2][nb.argmax(nb.stack([x, x]))],
}


@pytest.mark.parametrize("ask", ASKS)
def test_under_vmap_a_value_that_is_asked_for_raises_with_the_argument_the_line_and_the_remedy(ask):
    def f(scale, p):
        return ASKS[ask](p["x"] * scale) * 1.0

    with pytest.raises(nb.TracedValueError) as caught:
        nb.vmap(f, in_axes=(None, 0))(2.0, {"x": np.array([1.0, 2.0])})
    message = str(caught.value)
    assert re.search(r"the value of a tensor was asked for at .*test_escape\.py:\d+", message)
    assert re.search(r"under vmap \(at .*test_escape\.py:\d+\) it is not one number", message)
    assert "it depends on args[1]['x']" in message
    assert "nb.where" in message
    assert nb.vmap(lambda x: x * 2.0)(np.ones(2)).tolist() == [2.0, 2.0]


def test_under_vmap_of_grad_and_grad_of_vmap_too():
    choose = lambda x: x if x > 0 else -x
    with pytest.raises(nb.TracedValueError, match=r"it depends on args\[0\]"):
        nb.vmap(nb.grad(choose))(np.ones(2))
    with pytest.raises(nb.TracedValueError, match=r"it depends on args\[0\]"):
        nb.grad(lambda x: nb.vmap(choose)(x).sum())(np.ones(2))
    with pytest.raises(nb.TracedValueError, match=r"it depends on args\[0\]"):
        nb.vmap(lambda x: nb.jacfwd(lambda y: y * choose(x))(x))(np.ones(2))


def test_printing_a_lane_shows_what_is_known():
    seen = []
    nb.vmap(lambda x: seen.append((repr(x), str(x), f"{x}")) or x)(np.ones((2, 3), np.float32))
    assert seen == [("tensor(<no value here>, shape=(3,), dtype=float32)",) * 3]


def test_printing_a_variable_shows_its_value():
    seen = []
    nb.grad(lambda x: seen.append((repr(x), str(x), f"{x:.1f}")) or x**2)(1.5)
    assert seen == [("tensor(1.5)", "1.5", "1.5")]


def test_values_that_do_not_differ_between_lanes_are_within_reach():
    c = nb.array(3.0)
    assert nb.vmap(lambda x, y: x * float(c) * (2.0 if y > 0 else 1.0), in_axes=(0, None))(np.ones(2), 1.0).tolist() == [6.0, 6.0]


# ---- values that outlive their transform ----------------------------------------------------------------------


def escape(run):
    kept = []
    run(lambda x: kept.append(x * 2.0) or x * 3.0)
    return kept[0]


@pytest.mark.parametrize(
    "run",
    [
        lambda f: nb.grad(f)(1.5),
        lambda f: nb.grad(f, mode="forward")(1.5),
        lambda f: nb.vjp(f, 1.5),
        lambda f: nb.jvp(f, (1.5,), (1.0,)),
        lambda f: nb.jacrev(f)(1.5),
        lambda f: nb.jacfwd(f)(1.5),
        lambda f: nb.hessian(f)(1.5),
        lambda f: nb.hvp(f, 1.5, 1.0),
    ],
)
def test_what_outlives_a_derivative_is_an_ordinary_value(run):
    kept = escape(run)
    assert float(kept) == 3.0
    assert kept.numpy() == 3.0
    assert np.asarray(kept * 2.0) == 6.0
    assert kept.requires_grad_().is_leaf
    assert nb.grad(lambda x: x * kept)(1.0).item() == 3.0


def test_what_outlives_a_vjp_whose_pullback_lives_is_one_too():
    kept = []
    _, pullback = nb.vjp(lambda x: kept.append(x * 2.0) or x**2, nb.array(1.5))
    assert kept[0].numpy() == 3.0
    assert float(kept[0]) == 3.0
    assert type(nb.grad(lambda y: (y * kept[0]).sum())(np.ones(2))) is np.ndarray
    assert nb.grad(lambda y: (kept[0] * float(y)) * y)(2.0).item() == 6.0
    leaf = kept[0].requires_grad_()
    (leaf * leaf).backward()
    assert leaf.grad.item() == 6.0
    assert pullback(1.0)[0].item() == 3.0


def test_it_does_not_depend_on_the_variable_any_more():
    kept = []
    assert nb.grad(lambda x: kept.append(x) or x**2)(3.0).item() == 6.0
    assert nb.grad(lambda y: y * kept[0])(5.0).item() == 3.0
    assert nb.grad(lambda y: kept[0] ** 2)(5.0).item() == 0.0


def test_what_outlives_an_inner_transform_still_depends_on_the_outer_one():
    def f(x):
        kept = []
        nb.grad(lambda y: kept.append(y * x) or y)(2.0)
        return kept[0] * x  # 2 x^2

    assert nb.grad(f)(3.0).item() == 12.0
    assert nb.grad(f, mode="forward")(3.0).item() == 12.0


def ended_lane():
    kept = []
    nb.vmap(lambda x: kept.append(x * 2.0) or x)(np.ones(3))
    return kept[0]


USES = {
    "arithmetic": lambda x: x + 1.0,
    "function": lambda x: nb.sin(x),
    "two": lambda x: nb.array(1.0) * x,
    "float": float,
    "numpy": lambda x: x.numpy(),
    "if": bool,
    "reduce": lambda x: x.sum(),
    "index": lambda x: x[None],
    "write": lambda x: nb.zeros(3).__setitem__(0, x),
    "grad": lambda x: nb.grad(lambda y: y * x)(1.0),
    "vmap": lambda x: nb.vmap(lambda y: y * x)(np.ones(2)),
    "as argument": lambda x: nb.grad(lambda y: y * 2.0)(x),
    "as output of grad": lambda x: nb.grad(lambda y: x)(1.0),
    "as output of jvp": lambda x: nb.jvp(lambda y: x, (1.0,), (1.0,)),
    "as output of vjp": lambda x: nb.vjp(lambda y: [y, x], 1.0),
    "as output of vmap": lambda x: nb.vmap(lambda y: x)(np.ones(2)),
    "as output of jacrev": lambda x: nb.jacrev(lambda y: (y, x))(1.0),
}


@pytest.mark.parametrize("use", USES)
def test_what_outlives_its_vmap_raises_when_used_and_names_both_lines(use):
    kept = ended_lane()
    with pytest.raises(nb.EndedTransformError) as caught:
        USES[use](kept)
    message = str(caught.value)
    made = ended_lane.__code__.co_firstlineno + 2
    assert re.search(rf"a value that belongs to the vmap at .*test_escape\.py:{made} was used at .*test_escape\.py:\d+", message)
    assert "after that vmap had ended. Return it from the function instead of storing it outside" in message
    assert "no value here" in repr(kept)


def test_inside_an_inner_vmap_an_outer_lane_is_live():
    kept = []

    def f(row):
        inner = nb.vmap(lambda x: kept.append(x) or x * row.sum())(row)
        with pytest.raises(nb.EndedTransformError):
            kept[-1] * 2.0
        return inner * row

    close(nb.vmap(f)(np.array([[1.0, 2.0]])), [[3.0, 12.0]])


def test_lanes_that_died_by_an_exception_have_ended_too():
    kept = []

    def f(x):
        kept.append(x)
        raise KeyError("inside")

    with pytest.raises(KeyError):
        nb.vmap(f)(np.ones(2))
    with pytest.raises(nb.EndedTransformError):
        kept[0] + 1.0
