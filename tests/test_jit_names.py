"""jit: what classes and properties hold, names that are given anew inside, static arguments, numbers that come back, explain()."""

import sys

import numpy as np
import pytest

import nabla as nb
from nabla.errors import ArgumentError, TracedValueError


def jit(fn, **options):
    return nb.jit(fn, engine="numpy", **options)


FACTOR = 2.0


class Settings:
    rate = 0.5
    weights = nb.array([1.0, 2.0])

    @staticmethod
    def scaled(x):
        return x * FACTOR

    @classmethod
    def slowed(cls, x):
        return x * cls.rate


class Special(Settings):
    pass


class Gain:
    def __init__(self, gain):
        self._gain = gain

    @property
    def gain(self):
        return self._gain


def test_what_classes_and_properties_hold_is_what_is_there_at_the_call(monkeypatch):
    gain = Gain(2.0)
    functions = [
        lambda x: (x * Settings.weights).sum() * Special.rate,
        lambda x: Settings.scaled(x).sum() + Special().scaled(x).sum(),
        lambda x: Special.slowed(x).sum() + Special().slowed(x).sum(),
        lambda x: x.sum() * gain.gain,
    ]
    compiled = [jit(fn) for fn in functions]
    changes = [
        (Settings, "rate", 4.0),
        (Settings, "weights", nb.array([5.0, 6.0])),
        (Special, "rate", 8.0),
        (gain, "_gain", 3.0),
        (sys.modules[__name__], "FACTOR", 7.0),
    ]
    for owner, name, value in [(Settings, "rate", 0.5), *changes]:
        monkeypatch.setattr(owner, name, value)
        for fn, by_jit in zip(functions, compiled):
            assert by_jit(np.ones(2)) == fn(np.ones(2))


def test_a_tensor_that_is_read_is_not_given_anew_inside():
    box = Gain(nb.ones(2))

    @jit
    def step(x):
        box._gain = box._gain + x
        return box._gain.sum()

    with pytest.raises(
        TracedValueError, match=r"test_jit_names.py:\d+ reads box._gain and gives this name .* box._gain\[...\] = value"
    ):
        step(1.0)
    assert box._gain.tolist() == [1.0, 1.0]  # as it was

    @jit
    def written(x):
        box._gain[...] = box._gain + x
        return box._gain.sum()

    assert [written(1.0).item() for _ in range(3)] == [4.0, 6.0, 8.0] and box._gain.tolist() == [4.0, 4.0]


def test_what_one_trace_left_behind_does_not_stop_the_next():
    box = Gain(nb.ones(1))

    @jit
    def noted(x):
        box._gain = x.sum()
        return box._gain * 2.0

    assert [noted(np.ones(n)).item() for n in (1, 2, 3, 1)] == [2.0, 4.0, 6.0, 2.0]
    with pytest.raises(nb.EndedTransformError, match="Return it from the function"):
        box._gain + 1.0


def test_a_classmethod_has_the_class_as_its_first_argument():
    class Model:
        scale = 3.0

        @classmethod
        @nb.jit(static_argnums=0, engine="numpy")
        def scaled(cls, x):
            return x * cls.scale

    assert Model.scaled(2.0) == 6.0


def test_static_arguments_are_parameters():
    with pytest.raises(ArgumentError, match=r"static_argnames has 'mdoe', but the function's parameters are \(x, mode='a'\)"):
        jit(lambda x, mode="a": x, static_argnames="mdoe")
    with pytest.raises(ArgumentError, match=r"static_argnums has 2, but the function takes 2 by position"):
        jit(lambda x, n: x, static_argnums=(1, 2))
    assert jit(lambda *args: args[2], static_argnums=2)(1.0, 2.0, 3) == 3
    assert jit(lambda **options: options["n"] * 2, static_argnames="n")(n=3) == 6


# ---- when it traces again ----------------------------------------------------------------------------------------


def test_explain_says_what_is_another_than_before():
    @nb.jit(engine="numpy", static_argnames="n")
    def g(model, t, n):
        return model["w"] * t

    model = {"b": nb.zeros(2), "w": nb.ones(3)}
    g(model, 1.0, n=1), g(model, 1.0, n=2), g({**model, "w": nb.ones(4)}, 1.0, n=2)
    g({**model, "w": np.ones(4)}, 1, n=2)
    with nb.using_default_dtype("float32"):
        g(model, 1.0, n=2)
    reasons = [line.partition("call with ")[2].partition(" (traced")[0] for line in g.explain().splitlines()[1:]]
    assert reasons == [
        "args[0]['b']: float64[2], args[0]['w']: float64[3], args[1]: float, n=1",
        "n=2, before 1",
        "args[0]['w']: float64[4], before: float64[3]",
        "args[0]['w']: ndarray of float64[4], before: float64[4], args[1]: int, before: float",
        "default dtype: float32, before: float64",
    ]


def test_a_number_that_comes_back_as_a_tensor_is_one_still():
    """A counter that begins as a number of Python is no reason to trace again when it has been counted on."""
    for start, dtype in ((0, "int64"), (0.0, "float64"), (0j, "complex128")):
        g = jit(lambda t, x: (t + 1, x * t))
        t = start
        for _ in range(4):
            t, product = g(t, nb.ones(1, dtype="complex64"))
        assert t == 4 and t.dtype == dtype and product.dtype == np.complex64 and g.compilations == 1
    g(nb.array(0j), nb.ones(1, dtype="complex64"))
    assert g.compilations == 2  # this one is no number of Python
    with nb.using_default_dtype("float32"):
        single = jit(lambda t: t + 1.0)
        assert single(single(1.0)).dtype == np.float32
        assert single(t.real).dtype == np.float64


def test_large_integers_are_unsigned():
    g = jit(lambda n: n + 1)
    for _ in range(8):
        assert g(3) == 4 and g(2**63) == 2**63 + 1
    assert g(3).dtype == np.int64 and g(2**63).dtype == np.uint64 and g.compilations == 2
