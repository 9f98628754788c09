"""Bad input: what is wrong is told at the call that made it, in words that help, and leaves the library as it was.

The parameters of each transform are refused in the file of that transform; here is what a user gets wrong with all of
them.
"""

import re

import numpy as np
import pytest

import nabla as nb

VECTOR = nb.array([1.0, 2.0])

GRADS = {
    "grad": nb.grad,
    "grad forward": nb.grad(mode="forward"),
    "value_and_grad": nb.value_and_grad,
}
JACOBIANS = {"jacrev": nb.jacrev, "jacfwd": nb.jacfwd, "jacobian": nb.jacobian, "hessian": nb.hessian}
CALLS = {
    **GRADS,
    **JACOBIANS,
    "vjp": lambda f: lambda *args: nb.vjp(f, *args),
    "jvp": lambda f: lambda *args: nb.jvp(f, args, args),
    "vmap": nb.vmap,
}


@pytest.fixture(params=CALLS)
def transform(request):
    return CALLS[request.param]


@pytest.fixture(autouse=True)
def still_working():
    """After each test, everything works as ever."""
    yield
    x = nb.array([1.0, 2.0])
    assert nb.grad(lambda x: (x**3).sum())(x).tolist() == [3.0, 12.0]
    assert nb.hessian(lambda x: (x**3).sum())(x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert nb.vmap(nb.grad(lambda x: x**3))(x).tolist() == [3.0, 12.0]
    assert nb.vmap(lambda x: x / nb.psum(x, "i"), axis_name="i")(nb.array([1.0, 3.0])).tolist() == [0.25, 0.75]
    w = nb.array([1.0, 2.0], requires_grad=True)
    (w**3).sum().backward()
    assert w.grad.tolist() == [3.0, 12.0]


# ---- what the function returns --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRADS)
def test_a_gradient_wants_a_scalar(name):
    for f, shape in ((lambda x: x * 2.0, r"\(2,\)"), (lambda x: x[:1], r"\(1,\)"), (lambda x: nb.ones((1, 1)), r"\(1, 1\)")):
        with pytest.raises(
            nb.ShapeError,
            match=rf"the function must return a scalar, of shape \(\); it returned shape {shape}\. Reduce it, for example with "
            rf"\.sum\(\), or use nb\.jacrev",
        ):
            GRADS[name](f)(VECTOR)


@pytest.mark.parametrize("name", GRADS)
def test_a_gradient_wants_one_output(name):
    for f, shown in ((lambda x: (x.sum(), x), "a tuple"), (lambda x: [x.sum()], "a list"), (lambda x: {"y": x.sum()}, "a dict")):
        with pytest.raises(
            nb.ArgumentTypeError, match=rf"must return one scalar; it returned {shown}\. Use has_aux=True .*or jacrev"
        ):
            GRADS[name](f)(VECTOR)


@pytest.mark.parametrize("name", GRADS)
def test_a_gradient_wants_a_floating_output(name):
    for f, dtype in ((lambda x: nb.argmax(x), "int64"), (lambda x: x[0] > 0, "bool"), (lambda x: 3, "int64")):
        with pytest.raises(nb.DTypeError, match=f"the function must return a real floating number; it returned dtype {dtype}"):
            GRADS[name](f)(VECTOR)


def test_a_function_that_returns_none(transform):
    with pytest.raises(nb.ArgumentTypeError, match=r"returned None.*[Ii]s a return statement missing\?"):
        transform(lambda x: None)(VECTOR)


def test_a_function_that_returns_a_string_or_another_object(transform):
    for wrong, shown in (("text", "str"), (object(), "object"), (len, "builtin_function_or_method")):
        with pytest.raises(
            nb.ArgumentTypeError, match=rf"the function returned a {shown} at output; it must return numbers, arrays, tensors"
        ):
            transform(lambda x: wrong)(VECTOR)
    if transform not in GRADS.values():
        with pytest.raises(nb.ArgumentTypeError, match=r"the function returned a str at output\['b'\]\[1\]"):
            transform(lambda x: {"a": x, "b": (x, "text")})(VECTOR)


def test_arrays_that_are_no_numbers(transform):
    with pytest.raises(nb.DTypeError, match=r"output: dtype <U1 is not supported"):
        transform(lambda x: np.array(["a"]))(VECTOR)
    if transform in JACOBIANS.values():  # which look for arguments to differentiate, and find none
        return
    with pytest.raises(nb.DTypeError, match=r"(args|primals)\[0\]: dtype object is not supported"):
        transform(lambda x: x)(np.array([1.0, None]))


def test_the_transform_is_named():
    for name in ("grad", "value_and_grad", "jacrev", "jacfwd", "jacobian", "hessian", "vjp", "jvp", "vmap"):
        with pytest.raises(nb.ArgumentTypeError, match=f"^{name}: the function returned a str"):
            CALLS[name](lambda x: "text")(VECTOR)


# ---- the arguments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*GRADS, *JACOBIANS])
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            3,
            nb.DTypeError,
            r"args\[0\] is the Python int 3, and a derivative needs real or complex numbers\. Write 3\.0, or pass allow_int",
        ),
        (True, nb.DTypeError, r"args\[0\] is the Python bool True.*Write 1\.0"),
        (
            np.array([1, 2]),
            nb.DTypeError,
            r"args\[0\] has dtype int64.*\.astype\(nb\.float64\), or pass allow_int=True for a float0",
        ),
        (nb.array([True]), nb.DTypeError, r"args\[0\] has dtype bool"),
        ({"a": [1.0, 2]}, nb.DTypeError, r"args\[0\]\['a'\]\[1\] is the Python int 2"),
        (
            "text",
            nb.ArgumentTypeError,
            r"args\[0\] is a str, which cannot be differentiated\. Pass numbers, arrays, tensors or pytrees",
        ),
        ({"w": 1.0, "name": "relu"}, nb.ArgumentTypeError, r"args\[0\]\['name'\] is a str"),
        (object(), nb.ArgumentTypeError, r"args\[0\] is a object.*register a class of your own with nb\.register_dataclass"),
        ([np.array(["a"])], nb.DTypeError, r"args\[0\]\[0\]: dtype <U1 is not supported"),
        ({"x": np.ma.masked_array([1.0])}, nb.ArgumentTypeError, r"args\[0\]\['x'\]: masked arrays are not taken"),
        (None, nb.ArgumentTypeError, "there is nothing to differentiate in the selected arguments"),
        ([], nb.ArgumentTypeError, "there is nothing to differentiate in the selected arguments"),
    ],
    ids=lambda value: type(value).__name__ if type(value) is object else repr(value),
)
def test_arguments_that_cannot_be_differentiated(name, wrong, error, message):
    transform = {**GRADS, **JACOBIANS}[name]
    with pytest.raises(error, match=message):
        transform(lambda x: 1.0, argnums=0)(wrong)


def test_the_function_is_not_called_with_arguments_that_are_refused():
    called = []
    with pytest.raises(nb.DTypeError):
        nb.grad(called.append)(3)
    with pytest.raises(nb.ArgumentError):
        nb.grad(called.append, argnums=4)(3.0)
    with pytest.raises(nb.ShapeError):
        nb.vmap(lambda x, y: called.append(x))(np.ones(2), np.ones(3))
    with pytest.raises(nb.ShapeError):
        nb.jvp(called.append, (1.0,), (np.ones(2),))
    assert not called


def test_a_wrong_call_of_the_function_is_pythons_own_error():
    f = lambda x, y: x * y
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        nb.grad(f)(1.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        nb.grad(f)(1.0, 2.0, z=3.0)


def test_every_transform_wants_a_function(transform):
    for wrong in (nb.ones(2), 3.0, "f"):
        with pytest.raises(nb.ArgumentTypeError, match=f"takes a function; got {type(wrong).__name__}"):
            transform(wrong)(VECTOR)


def test_the_common_slip_of_calling_first():
    with pytest.raises(
        nb.ArgumentTypeError, match=r"grad takes a function; got Tensor\. Write nb\.grad\(f\)\(x\), not nb\.grad\(f\(x\)\)"
    ):
        nb.grad(nb.sin(1.0))


# ---- inside the function --------------------------------------------------------------------------------------


def test_shapes_that_do_not_broadcast(transform):
    with pytest.raises(nb.ShapeError, match=r"add: shapes .*\(2,\).* and .*\(3,\).* do not broadcast"):
        transform(lambda x: (nb.ones(2) + nb.ones(3)).sum())(VECTOR)
    if transform is not nb.vmap:
        with pytest.raises(nb.ShapeError, match=r"mul.*: shapes \(2,\) and \(3,\) do not broadcast"):
            transform(lambda x: (x * nb.ones(3)).sum())(VECTOR)


def test_the_error_comes_from_the_users_line():
    def f(x):
        y = x * 2.0
        return (y + nb.ones(3)).sum()  # this line

    with pytest.raises(nb.ShapeError) as caught:
        nb.grad(f)(VECTOR)
    lines = [entry.lineno + 1 for entry in caught.traceback if str(entry.path) == __file__]
    assert f.__code__.co_firstlineno + 2 in lines


def test_an_exception_of_the_users_own_passes_unchanged(transform):
    class Own(Exception):
        pass

    error = Own("mine")

    def f(x):
        x * 2.0
        raise error

    with pytest.raises(Own) as caught:
        transform(f)(VECTOR)
    assert caught.value is error


def test_an_index_out_of_bounds_and_a_missing_key(transform):
    if transform is not nb.vmap:
        with pytest.raises(IndexError):
            transform(lambda x: x[5])(VECTOR)
    with pytest.raises(KeyError):
        transform(lambda x: {"a": x}["b"])(VECTOR)


# ---- after the transform --------------------------------------------------------------------------------------


def test_a_second_backward_through_a_freed_graph():
    w = nb.array([1.0, 2.0], requires_grad=True)
    loss = (w**2).sum()
    loss.backward(retain_graph=False)
    with pytest.raises(
        nb.FreedGraphError,
        match=r"the graph of this value was freed by an earlier backward; call that backward with retain_graph=True",
    ):
        loss.backward()
    with pytest.raises(RuntimeError):  # a built-in exception, too
        (loss * 2.0).backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_a_value_used_after_its_vmap_names_both_lines():
    kept = []
    nb.vmap(lambda x: kept.append(x) or x)(VECTOR)
    with pytest.raises(nb.EndedTransformError) as caught:
        nb.sin(kept[0])
    assert len(re.findall(r"test_bad_input\.py:\d+", str(caught.value))) == 2


# ---- every error is one of the family, and a built-in one -----------------------------------------------------


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (nb.ShapeError, ValueError),
        (nb.DTypeError, TypeError),
        (nb.TreeError, ValueError),
        (nb.ArgumentError, ValueError),
        (nb.ArgumentTypeError, TypeError),
        (nb.AxisError, IndexError),
        (nb.AxisError, ValueError),
        (nb.BoundsError, IndexError),
        (nb.LinAlgError, np.linalg.LinAlgError),
        (nb.NotDifferentiableError, TypeError),
        (nb.TracedValueError, TypeError),
        (nb.EndedTransformError, RuntimeError),
        (nb.FreedGraphError, RuntimeError),
    ],
)
def test_errors_are_of_the_family_and_built_in(error, builtin):
    assert issubclass(error, builtin)
    assert issubclass(error, nb.NablaError)


# ---- an operation without a derivative ------------------------------------------------------------------------


def test_integers_through_the_back_door_are_no_silent_zero():
    """Casting to integers is a step, with derivative zero by definition; nothing else makes a derivative vanish."""
    assert nb.grad(lambda x: (x.astype(nb.int64) * 2.0).sum() + x.sum())(VECTOR).tolist() == [1.0, 1.0]
