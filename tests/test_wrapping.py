"""How transforms are applied: `t(f, ...)`, `@t`, `@t(...)`; what the wrapped function keeps; what may be wrapped."""

import functools
import inspect
import math
import operator

import numpy as np
import pytest

import nabla as nb

TRANSFORMS = [nb.grad, nb.value_and_grad, nb.jacrev, nb.jacfwd, nb.jacobian, nb.hessian, nb.vmap]
OPTIONS = {
    nb.grad: {"argnums": 1},
    nb.value_and_grad: {"argnums": 1},
    nb.jacrev: {"argnums": 1},
    nb.jacfwd: {"argnums": 1},
    nb.jacobian: {"argnums": 1},
    nb.hessian: {"argnums": 1},
    nb.vmap: {"in_axes": (None, 0)},
}


@pytest.fixture(params=TRANSFORMS, ids=lambda t: t.__name__)
def transform(request):
    return request.param


def numbers(result):
    return [x.tolist() for x in nb.tree.leaves(result)]


def call(wrapped, transform, *args):
    last = np.array([1.5, 2.5]) if transform is nb.vmap else 1.5
    return numbers(wrapped(*args, last))


def f(x, y=2.0, *rest, scale: float = 1.0, **options) -> float:
    """A function with every kind of parameter."""
    return x**2 * y**3 * scale


f.mark = "kept"


# ---- the three ways -------------------------------------------------------------------------------------------


def test_three_ways_to_apply_it(transform):
    options = OPTIONS[transform]

    @transform(**options)
    def with_options(x, y):
        return x**2 * y**3

    @transform
    def bare(x):
        return x**3

    direct = transform(lambda x, y: x**2 * y**3, **options)
    assert call(with_options, transform, 2.0) == call(direct, transform, 2.0)
    assert call(bare, transform) == call(transform(lambda x: x**3), transform)
    assert call(transform()(lambda x: x**3), transform) == call(bare, transform)


def test_the_options_of_a_decorator_are_those_of_the_call():
    @nb.grad(argnums=(0, 1), has_aux=True)
    def loss(x, y):
        return x * y, "aux"

    (gx, gy), aux = loss(2.0, 3.0)
    assert (gx.item(), gy.item(), aux) == (3.0, 2.0, "aux")

    @nb.vmap(in_axes=(0, None), out_axes=1)
    def row(x, y):
        return x * y

    assert row(np.ones(3), np.ones(2)).shape == (2, 3)

    @nb.jacfwd(argnames="s", chunk_size=1)
    def g(x, *, s):
        return x * s

    assert g(2.0, s=3.0).item() == 2.0


def test_decorators_stack():
    @nb.vmap(in_axes=(0, None))
    @nb.grad
    @nb.grad
    def cubic(x, y):
        return x**3 * y

    assert cubic(np.array([1.0, 2.0]), 2.0).tolist() == [12.0, 24.0]


def test_wrong_options_of_a_decorator_are_told():
    with pytest.raises(TypeError, match="argnum"):
        nb.grad(argnum=1)(f)
    with pytest.raises(nb.ArgumentTypeError, match="grad: argnums must be an int"):
        nb.grad(argnums="x")(f)


# ---- what is kept ---------------------------------------------------------------------------------------------


def test_a_function_keeps_its_name_docstring_and_signature(transform):
    wrapped = transform(f)
    assert wrapped.__name__ == "f"
    assert wrapped.__qualname__ == "f"
    assert wrapped.__module__ == __name__
    assert wrapped.__doc__ == "A function with every kind of parameter."
    assert inspect.signature(wrapped) == inspect.signature(f)
    assert wrapped.__wrapped__ is f
    assert wrapped.mark == "kept"
    assert "mark" in f.__dict__ and "__wrapped__" not in f.__dict__


def test_a_lambda(transform):
    wrapped = transform(lambda x, y=1.0: x * y)
    assert wrapped.__name__ == "<lambda>"
    assert wrapped.__doc__ is None
    assert str(inspect.signature(wrapped)) == "(x, y=1.0)"


def test_a_partial_has_the_name_of_its_function_and_its_own_signature(transform):
    wrapped = transform(functools.partial(functools.partial(f, scale=2.0), 3.0))
    assert wrapped.__name__ == "f"
    assert wrapped.__doc__ == "A function with every kind of parameter."
    assert list(inspect.signature(wrapped).parameters) == ["y", "rest", "scale", "options"]
    assert call(wrapped, transform) == call(transform(lambda y: f(3.0, y, scale=2.0)), transform)


class Model:
    """A model with a weight."""

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x):
        """The output for x."""
        return self.weight * x**2

    def loss(self, x):
        """The loss at x."""
        return (self(x) - 1.0) ** 2

    @staticmethod
    def square(x):
        """Squared."""
        return x**2

    @classmethod
    def make(cls, weight):
        """The value at two of a model with that weight."""
        return cls(weight)(2.0)

    gradient = nb.grad(loss, argnums=1)


def test_methods(transform):
    model = Model(3.0)
    wrapped = transform(model.loss)
    assert (wrapped.__name__, wrapped.__doc__) == ("loss", "The loss at x.")
    assert str(inspect.signature(wrapped)) == "(x)"
    assert call(wrapped, transform) == call(transform(lambda x: (3.0 * x**2 - 1.0) ** 2), transform)
    assert transform(Model.square).__doc__ == "Squared."
    wrapped = transform(Model.make)
    assert wrapped.__name__ == "make"
    assert call(wrapped, transform) == call(transform(lambda w: 4.0 * w), transform)


def test_a_transform_as_a_method():
    assert Model(3.0).gradient(1.0).item() == 2 * (3.0 - 1.0) * 6.0


def test_objects_that_can_be_called(transform):
    model = Model(3.0)
    wrapped = transform(model)
    assert (wrapped.__name__, wrapped.__doc__) == ("Model", "A model with a weight.")
    assert str(inspect.signature(wrapped)) == "(x)"
    assert wrapped.__wrapped__ is model
    assert not hasattr(wrapped, "weight")
    assert call(wrapped, transform) == call(transform(lambda x: 3.0 * x**2), transform)

    class Bare:
        def __call__(self, x):
            """The cube."""
            return x**3

    assert transform(Bare()).__doc__ == "The cube."
    assert call(transform(functools.partial(model)), transform) == call(wrapped, transform)


def test_a_class_as_a_function():
    class Value:
        """Built by calling it."""

        def __new__(cls, x):
            return x**2

    wrapped = nb.grad(Value)
    assert (wrapped.__name__, wrapped.__doc__) == ("Value", "Built by calling it.")
    assert wrapped(3.0).item() == 6.0


def test_builtins_and_numpys_functions(transform):
    for builtin in (abs, operator.neg, nb.sin, np.sin):
        wrapped = transform(builtin)
        assert wrapped.__name__ == builtin.__name__
        assert wrapped.__doc__ == builtin.__doc__
        assert call(wrapped, transform) == call(transform(lambda x: builtin(x)), transform)
    assert transform(math.fsum).__name__ == "fsum"
    assert nb.grad(sum)([1.0, 2.0])[1].item() == 1.0
    assert nb.grad(max)(2.0, 1.0).item() == 1.0
    assert nb.grad(operator.itemgetter("a"))({"a": 2.0, "b": 3.0})["b"].item() == 0.0


def test_a_transformed_function_can_be_wrapped_again(transform):
    wrapped = transform(nb.grad(f))
    assert wrapped.__name__ == "f"
    assert inspect.signature(wrapped) == inspect.signature(f)


def test_hessian_and_friends_have_docstrings_and_signatures_of_their_own(transform):
    assert transform.__doc__
    assert "has_aux" in inspect.signature(transform).parameters or transform is nb.vmap
    positional = [p.name for p in inspect.signature(nb.grad).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["fun", "argnums", "has_aux", "holomorphic", "allow_int", "reduce_axes", "mode"]
    positional = [p.name for p in inspect.signature(nb.vmap).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["fn", "in_axes", "out_axes", "axis_size", "axis_name"]


# ---- how it is called -----------------------------------------------------------------------------------------


def test_positional_keyword_default_and_variable_arguments():
    g = nb.grad(f)
    assert g(3.0).item() == 2 * 3.0 * 8.0
    assert g(3.0, 1.0).item() == 6.0
    assert g(3.0, y=1.0).item() == 6.0
    assert g(3.0, 1.0, "more", None, scale=2.0, name="text").item() == 12.0
    assert nb.grad(f, argnums=2)(3.0, 1.0, 5.0).item() == 0.0


def test_arguments_of_any_kind_pass_through_undifferentiated():
    seen = []

    def g(x, *others, **named):
        seen.extend([*others, *named.values()])
        return x * 2.0

    things = [None, "text", object(), {"a": [1, 2]}, np.arange(2), range(3), len, {1, 2}]
    mapped = nb.vmap(in_axes=(0, *(None for _ in things)))
    for transform, x in ((nb.grad, 1.0), (nb.jacrev, 1.0), (nb.jacfwd, 1.0), (mapped, np.ones(2))):
        seen.clear()
        transform(g)(x, *things, thing=things[2])
        assert all(a is b for a, b in zip(seen, [*things, things[2]], strict=True))
