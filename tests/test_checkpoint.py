"""checkpoint: the same values and derivatives, in less memory."""

import tracemalloc

import numpy as np
import pytest

import nabla as nb
from nabla.errors import ArgumentError, ArgumentTypeError, TracedValueError

close = np.testing.assert_allclose
W = nb.array(np.random.default_rng(0).normal(size=(3, 3)))
X = nb.array([0.1, 0.5, -0.3])


def layers(w, x):
    for _ in range(3):
        x = nb.tanh(w @ nb.checkpoint_name(nb.sin(x), "sine"))
    return x


POLICIES = {
    "nothing": {},
    "products": {"policy": "products"},
    "everything": {"policy": "everything"},
    "a function": {"policy": lambda name, shape, dtype: name == "tanh"},
    "names": {"names": ["sine"]},
    "budget": {"memory_budget": 60},
}
TRANSFORMS = {
    "value": lambda f: f,
    "grad": nb.grad,
    "forward": nb.grad(mode="forward"),
    "fr": lambda f: nb.jacfwd(nb.jacrev(f)),
    "rr": lambda f: nb.jacrev(nb.jacrev(f)),
    "rf": lambda f: nb.jacrev(nb.jacfwd(f)),
    "ff": lambda f: nb.jacfwd(nb.jacfwd(f)),
    "vmap": lambda f: lambda w: nb.vmap(f)(nb.stack([w, 2.0 * w])),
    "vmap of grad": lambda f: lambda w: nb.vmap(nb.grad(f))(nb.stack([w, 2.0 * w])),
    "jit of grad": lambda f: nb.jit(nb.grad(f), engine="numpy"),
    "grad of jit": lambda f: nb.grad(nb.jit(f, engine="numpy")),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("policy", POLICIES)
def test_values_and_derivatives_are_those_of_the_function(policy, name):
    wrapped = nb.checkpoint(layers, **POLICIES[policy])
    plain = TRANSFORMS[name](lambda w: (layers(w, X) ** 2).sum())
    close(TRANSFORMS[name](lambda w: (wrapped(w, X) ** 2).sum())(W), plain(W), rtol=1e-12, atol=1e-14)


def test_checkpoints_nest():
    inner = nb.checkpoint(layers)
    outer = nb.checkpoint(lambda w, x: inner(w, inner(w, x)))
    plain = lambda w: layers(w, layers(w, X)).sum()
    close(nb.grad(lambda w: outer(w, X).sum())(W), nb.grad(plain)(W), rtol=1e-12)
    close(nb.hessian(lambda w: outer(w, X).sum())(W), nb.hessian(plain)(W), rtol=1e-12, atol=1e-13)


def residuals(**options):
    """How many values the forward run hands to the backward one."""
    out = nb.vjp(lambda w: nb.checkpoint(layers, **options)(w, X), W)[1]
    (end,) = out._call.outputs if hasattr(out, "_call") else out._outputs
    node = end.inputs[0]
    while node.prim.name != "call":
        node = node.inputs[0]
    return len(node.shape) - 1


def test_a_policy_says_what_is_kept():
    assert residuals() == 0
    assert residuals(names=["sine"]) == 3
    assert residuals(names=["no such name"]) == 0
    assert residuals(policy="everything") > residuals(policy="products") > 0
    assert residuals(memory_budget=0) == 0 < residuals(memory_budget=60) < residuals(memory_budget=10**6)


def test_memory_is_less():
    x = nb.ones((200, 200))

    def peak(wrap):
        def block(x):
            for _ in range(10):
                x = nb.sin(x)
            return x

        wrapped = wrap(block)

        def deep(x):
            for _ in range(10):
                x = wrapped(x)
            return x.sum()

        tracemalloc.start()
        nb.grad(deep)(x)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(nb.checkpoint) < 0.4 * peak(lambda f: f)


def test_arguments_that_are_no_arrays_are_handed_on():
    @nb.checkpoint
    def f(x, n, *, mode="sin", scale=None):
        for _ in range(n):
            x = getattr(nb, mode)(x)
        return {"out": x if scale is None else x * scale}

    close(f(X, 2)["out"], nb.sin(nb.sin(X)))
    close(f(X, 1, mode="cos", scale=X)["out"], nb.cos(X) * X)


def test_captured_variables_have_derivatives():
    close(nb.grad(lambda w: nb.checkpoint(lambda x: layers(w, x))(X).sum())(W), nb.grad(lambda w: layers(w, X).sum())(W))


def test_bad_input():
    with pytest.raises(ArgumentError, match=r"policy is 'nothing', 'products', 'everything' or a function; got 'some'"):
        nb.checkpoint(layers, policy="some")
    with pytest.raises(ArgumentError, match="give one of policy, names and memory_budget"):
        nb.checkpoint(layers, names=["sine"], memory_budget=3)
    with pytest.raises(ArgumentTypeError, match="names is a sequence of strings"):
        nb.checkpoint(layers, names="sine")
    with pytest.raises(ArgumentError, match="memory_budget is a number of bytes"):
        nb.checkpoint(layers, memory_budget=-1)
    with pytest.raises(ArgumentTypeError, match="a name is a string"):
        nb.checkpoint_name(X, 3)
    with pytest.raises(TracedValueError, match="while checkpoint"):
        nb.checkpoint(lambda x: x if x.sum() > 0 else -x)(X)
