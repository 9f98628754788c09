"""jit: what classes and properties hold, names that are given anew inside, static arguments, numbers that come back, explain()."""

import argparse
import math
import operator
import sys
from collections import ChainMap, Counter, UserDict
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import nabla as nb
from nabla.errors import ArgumentError, TracedValueError


def jit(fn, **options):
    return nb.jit(fn, engine="numpy", **options)


FACTOR = 2.0
ACTIVATION = nb.sin


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


# ---- what is equal to Python, and yet not the same -----------------------------------------------------------------

NUMBERS = [1, 1.0, True, 1j, np.float32(1.0), np.int64(1), 0.0, -0.0, complex(0.0, -0.0), float("nan")]


@dataclass
class Scaled:
    x: object
    by: object


nb.register_dataclass(Scaled, static=["by"])


def by_static(fn):
    return jit(lambda x, n: fn(x, n), static_argnums=1)


def by_static_tuple(fn):
    g = jit(lambda x, n: fn(x, n[0][0]), static_argnums=1)
    return lambda x, n: g(x, ((n,), frozenset([n])))


def by_closure(fn):
    box = Gain(None)
    g = jit(lambda x: fn(x, box.gain))

    def call(x, n):
        box._gain = n
        return g(x)

    return call


def by_structure(fn):
    g = jit(lambda scaled: fn(scaled.x, scaled.by))
    return lambda x, n: g(Scaled(x, n))


@pytest.mark.parametrize("road", [by_static, by_static_tuple, by_closure, by_structure])
def test_numbers_that_are_equal_may_be_others(road):
    traced = []

    def fn(x, n):
        traced.append(n)
        return x * n, nb.atan2(nb.real(nb.asarray(n)), -1.0)

    compiled = road(fn)
    for _ in range(4):  # the third call of each goes the short way
        for n in NUMBERS:
            x = np.array([1, -2], np.int32)
            for found, expected in zip(compiled(x, n), fn(x, n)):
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found, expected)
                np.testing.assert_array_equal(np.signbit(np.real(found)), np.signbit(np.real(expected)))
            traced.pop()
    assert len(traced) == len(NUMBERS)


def test_functions_see_the_order_of_keys():
    def alike(tree):
        return {"x": tree, "n": len(tree)}["x"]

    one, two, three = (nb.array(float(n)) for n in range(1, 4))
    trees = [{"a": one, "b": two, "in": {"c": three}}, {"b": two, "a": one, "in": {"c": three}}]
    trees = [{"in": {"p": one, "q": two}, **{key: tree[key] for key in "ab"}} for tree in trees]
    trees += [{"in": {"q": two, "p": one}, "b": two, "a": one}, {"a": one, "in": {"q": two, "p": one}, "b": two}]
    held = Gain(None)
    compiled, around, same = jit(lambda tree: order(tree)), jit(lambda: order(held.gain)), jit(alike)

    def order(tree):
        values = [x for x in tree.values() if not isinstance(x, dict)] + list(tree["in"].values())
        return sum(10.0**i * x for i, x in enumerate(values))

    for _ in range(4):
        for tree in trees:
            held._gain = tree
            assert compiled(tree) == order(tree) == around()
            assert list(same(tree)) == list(tree) and list(same(tree)["in"]) == list(tree["in"])
    assert compiled.compilations == around.compilations == same.compilations == len({order(tree).item() for tree in trees})
    assert "order of keys" in compiled.explain()


def test_the_order_of_arguments_by_name_counts_where_the_function_sees_it():
    seen = jit(lambda **named: next(iter(named.values())))
    unseen = jit(lambda a, b: a)
    for _ in range(4):
        assert seen(a=1.0, b=2.0) == 1.0 and seen(b=2.0, a=1.0) == 2.0
        assert unseen(a=1.0, b=2.0) == 1.0 and unseen(b=2.0, a=1.0) == 1.0
    assert seen.compilations == 2 and unseen.compilations == 1


# ---- functions, classes and containers around -----------------------------------------------------------------------


def called(what, x):
    return what(x)


def called_for_one(what, x):
    return what(x[0, 0])


def of_a_number(what, x):
    return x * what(0.5)


def as_dtype(what, x):
    return nb.astype(x, what)


def name_of(what, x):
    return x * len(what.__name__)


@pytest.mark.parametrize(
    ("before", "after", "use"),
    [
        (nb.sin, nb.cos, called),
        (np.sin, np.cos, called),
        (nb.nn.relu, lambda x: x + 1.0, called),
        (partial(nb.sum, axis=0), partial(nb.sum, axis=1), called),
        (operator.neg, operator.abs, called),
        (nb.grad(nb.sin), nb.grad(nb.cos), called_for_one),
        (math.sin, math.cos, of_a_number),
        (np.float32, np.int8, as_dtype),
        (np.dtype("f4"), np.dtype("i1"), as_dtype),
        (nb.linalg, nb, name_of),
    ],
)
def test_what_a_name_stands_for_is_read_at_each_call_whoever_made_it(before, after, use, monkeypatch):
    x = np.array([[0.25, 0.5], [3.5, 1.0]])
    box = Gain(before)
    box.act = name = before
    holder = {"a": [before]}
    monkeypatch.setattr(sys.modules[__name__], "ACTIVATION", before)
    functions = [lambda: use(box.gain, x), lambda: use(box.act, x), lambda: use(name, x), lambda: use(holder["a"][0], x)]
    if use is not name_of:  # a module behind a global name is taken for an import
        functions.append(lambda: use(ACTIVATION, x))
    compiled = [jit(fn) for fn in functions]
    for _ in range(2):
        for fn, by_jit in zip(functions, compiled):
            for _ in range(3):
                found, expected = by_jit(), fn()
                assert found.dtype == expected.dtype
                np.testing.assert_allclose(found, expected, rtol=1e-15)
        box._gain = box.act = name = holder["a"][0] = after
        monkeypatch.setattr(sys.modules[__name__], "ACTIVATION", after)
    assert [by_jit.compilations for by_jit in compiled] == [2] * len(compiled)


def test_containers_of_every_kind_are_read_at_each_call():
    words, counts, user, chain = {1, 2}, Counter("aab"), UserDict(a=1.0), ChainMap({"a": 1.0})
    space, raw = argparse.Namespace(rate=2.0, weights=nb.ones(2)), bytearray(b"\x01\x02")
    scale = 3.0

    def times(factor, x):
        return factor * scale * x

    tripled = partial(times, 3.0)
    functions = [
        lambda x: x * sum(words),
        lambda x: x * counts["a"],
        lambda x: x * user["a"] * chain["a"],
        lambda x: x * space.rate * space.weights,
        lambda x: x * sum(raw),
        lambda x: tripled(x),
    ]
    compiled = [jit(fn) for fn in functions]

    def give_anew():
        nonlocal tripled
        tripled = partial(times, 5.0)

    def scale_anew():
        nonlocal scale
        scale = 7.0

    changes = [
        lambda: words.add(3),
        lambda: counts.update("a"),
        lambda: user.update(a=2.0),
        lambda: chain.update(a=4.0),
        lambda: setattr(space, "rate", 5.0),
        lambda: setattr(space, "weights", nb.full(2, 3.0)),
        lambda: raw.append(9),
        give_anew,
        scale_anew,
    ]
    x = np.ones(2)
    for change in [lambda: None, *changes]:
        change()
        for fn, by_jit in zip(functions, compiled):
            for _ in range(3):
                np.testing.assert_array_equal(by_jit(x), fn(x))
    assert [by_jit.compilations for by_jit in compiled] == [2, 2, 3, 2, 2, 3]


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
    for n in (2**64, -(2**63) - 1):
        with pytest.raises(ArgumentError, match=f"the integer {n} is out of the range of int64 and uint64"):
            g(n)
