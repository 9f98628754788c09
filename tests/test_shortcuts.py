"""Calls of jitted functions that are like an earlier one: they take a short way, and mean the same."""

from collections import namedtuple
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np
import pytest

import nabla as nb
from nabla import lazy
from nabla.transforms.jit import Jitted

ENGINES = ["numpy", "native", *(["xla"] if lazy.installed("jax") else [])]
engines = pytest.mark.parametrize("engine", ENGINES)


@contextmanager
def counted(monkeypatch):
    """The calls that take the long way meanwhile."""
    taken = []
    long_way = Jitted._sorted

    def seen(self, args, kwargs):
        taken.append(self)
        return long_way(self, args, kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Jitted, "_sorted", seen)
        yield taken


def short(monkeypatch, f, *args, **kwargs):
    """The result of a call that takes the short way."""
    with counted(monkeypatch) as taken:
        result = f(*args, **kwargs)
    assert not taken
    return result


def long(monkeypatch, f, *args, **kwargs):
    """The result of a call that takes the long way."""
    with counted(monkeypatch) as taken:
        result = f(*args, **kwargs)
    assert taken
    return result


def warm(f, *args, **kwargs):
    """The function, after so many calls that others like them take the short way."""
    for _ in range(40):
        before = f._shortcuts
        f(*args, **kwargs)
        if f._shortcuts is not before:
            break
    return f


def values(tree):
    return [np.asarray(x) for x in nb.tree.leaves(tree)]


Pair = namedtuple("Pair", "x y")


@nb.register_dataclass
@dataclass
class Line:
    slope: object
    offset: object

    def __post_init__(self):
        if isinstance(self.slope, int):
            raise TypeError("a line of integers")


def build(kind):
    """Arguments of all kinds, with other values at each call."""
    rng = np.random.default_rng()

    def number():
        return float(rng.normal())

    def array(*shape):
        return rng.normal(size=shape)

    def tensor(*shape):
        return nb.array(array(*shape))

    return {
        "an array": lambda: (array(4),),
        "a tensor": lambda: (tensor(2, 3),),
        "a pending tensor": lambda: (tensor(3) * 2.0,),
        "an empty array": lambda: (array(0, 2),),
        "numbers": lambda: (number(), int(rng.integers(9)), bool(rng.integers(2)), complex(number(), 1.0)),
        "NumPy's scalars": lambda: (np.float64(number()), np.float32(number()), np.int8(3), np.bool_(True)),
        "a scalar tensor": lambda: (nb.array(number()), array()),
        "all of them": lambda: (array(3), tensor(3), number(), np.float64(number())),
        "containers": lambda: ({"b": array(2), "a": (tensor(2), [number(), None])}, (), [], {}),
        "keys": lambda: ({2: array(2), 1: tensor(2)},),
        "named": lambda: (Pair(array(2), {"x": tensor(2)}), array(2)),
        "registered": lambda: ([Line(tensor(2), number())], array(2)),
        "nothing": lambda: (),
        "other dtypes": lambda: (array(3).astype("float32"), np.arange(3), np.arange(3) > 1, nb.arange(3)),
        "transposed": lambda: (array(2, 3).T, array(6)[::-2]),
    }[kind]


KINDS = ["an array", "a tensor", "a pending tensor", "an empty array", "numbers", "NumPy's scalars", "a scalar tensor",
         "all of them", "containers", "keys", "named", "registered", "nothing", "other dtypes", "transposed"]  # fmt: skip


def doubled(*args):
    return nb.tree.map(lambda x: x * 2, args), nb.ones(2), None


@engines
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_like_the_last_takes_the_short_way(kind, engine, monkeypatch):
    make = build(kind)
    f = warm(nb.jit(doubled, engine=engine), *make())
    reference = nb.jit(doubled, engine=engine)
    for _ in range(3):
        args = make()
        expected = reference(*args)
        reference.clear_cache()
        found = short(monkeypatch, f, *args)
        assert nb.tree.structure(found) == nb.tree.structure(expected)
        assert [type(x) for x in nb.tree.leaves(found)] == [type(x) for x in nb.tree.leaves(expected)]
        assert [x.dtype for x in values(found)] == [x.dtype for x in values(expected)]
        for x, y in zip(values(found), values(expected), strict=True):
            np.testing.assert_array_equal(x, y)
    assert f.compilations == 1


@engines
def test_results_are_as_the_long_way_makes_them(engine, monkeypatch):
    def f(x, y):
        return {"z": x, "a": [nb.grad(nb.sin)(x[0]), y], "same": (y, y)}

    f = nb.jit(f, engine=engine)
    x, y = np.ones(3), nb.ones(2)
    first = f(x, y)
    warm(f, x, y)
    for result in (first, short(monkeypatch, f, x, y)):
        assert list(result) == ["z", "a", "same"]
        assert type(result["z"]) is nb.Tensor and result["z"].shape == (3,)
        given = result["a"][0]
        assert given.item() == pytest.approx(np.cos(1.0), rel=1e-14)
        result["z"][0] = 5.0
        result["same"][0][0] = 7.0
        assert x[0] == 1.0 and y.tolist() == result["same"][1].tolist() == [1.0, 1.0]


@engines
def test_gradients_of_numpy_arrays_are_numpy_arrays_of_their_own(engine, monkeypatch):
    g = nb.jit(nb.grad(lambda x, c: nb.sum(x * c)), engine=engine)
    x, c = np.ones(3), np.arange(3.0)
    warm(g, x, c)
    found = [short(monkeypatch, g, x, c) for _ in range(3)]
    for gradient in found:
        assert type(gradient) is np.ndarray and gradient.flags.writeable
        np.testing.assert_array_equal(gradient, [0.0, 1.0, 2.0])
        gradient[:] = -1.0
    np.testing.assert_array_equal(c, [0.0, 1.0, 2.0])


@engines
def test_an_array_handed_on_is_not_shared(engine, monkeypatch):
    f = nb.jit(lambda x: [x, x.T, x[1:]], engine=engine)
    x = np.arange(6.0).reshape(2, 3)
    warm(f, x)
    found = short(monkeypatch, f, x)
    x[:] = 0.0
    assert found[0].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert found[1].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] and found[2].tolist() == [[3.0, 4.0, 5.0]]


OTHERS = {
    "shape": (nb.ones(3), 2.0),
    "rank": (nb.ones((1, 2)), 2.0),
    "dtype": (nb.ones(2, dtype="float32"), 2.0),
    "an array": (np.ones(2), 2.0),
    "a big-endian array": (np.ones(2).astype(">f8"), 2.0),
    "an integer": (nb.ones(2), 2),
    "a tensor for a number": (nb.ones(2), nb.array(2.0)),
    "a scalar of NumPy": (nb.ones(2), np.float64(2.0)),
    "a container": ([nb.ones(2)], 2.0),
    "a view": (nb.ones((2, 2))[0], 2.0),
    "a list": ([1.0, 1.0], 2.0),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_kind_of_call_takes_the_long_way(kind, monkeypatch):
    def f(x, y):
        return nb.tree.map(lambda leaf: leaf * y, x)

    g = warm(nb.jit(f, engine="numpy"), nb.ones(2), 2.0)
    expected = f(*OTHERS[kind])
    found = long(monkeypatch, g, *OTHERS[kind])
    assert [x.dtype for x in values(found)] == [x.dtype for x in values(expected)]
    assert [x.tolist() for x in values(found)] == [x.tolist() for x in values(expected)]
    assert short(monkeypatch, g, nb.ones(2), 3.0).tolist() == [3.0, 3.0]


def test_wrong_arguments_are_refused_as_ever():
    def f(x, *, scale):
        return x * scale

    g = warm(nb.jit(f, engine="numpy"), nb.ones(2), scale=2.0)
    for args, kwargs in [
        ((), {"scale": 1.0}),
        ((nb.ones(2), 1.0), {"scale": 1.0}),
        ((nb.ones(2),), {}),
        ((nb.ones(2),), {"s": 1.0}),
    ]:
        with pytest.raises(TypeError, match="argument"):
            g(*args, **kwargs)
    with pytest.raises(nb.ArgumentTypeError, match="is a str, no array"):
        g("a", scale=2.0)
    tree = warm(nb.jit(lambda d: d["a"] + d["b"], engine="numpy"), {"a": 1.0, "b": 2.0})
    with pytest.raises(KeyError):
        tree({"a": 1.0, "c": 2.0})
    assert tree({"b": 1.0, "a": 3.0}).item() == 4.0


def test_several_kinds_of_calls_take_turns(monkeypatch):
    f = nb.jit(lambda x: x * 2.0, engine="numpy")
    for n in range(5):
        warm(f, nb.ones(n))
    for _ in range(2):
        for n in range(5):
            assert short(monkeypatch, f, nb.ones(n)).shape == (n,)
    for n in range(12):
        warm(f, nb.ones(n))
    assert [f(nb.ones(n)).shape for n in range(12)] == [(n,) for n in range(12)]
    f.clear_cache()
    assert long(monkeypatch, f, nb.ones(11)).shape == (11,)
    assert f.compilations == 13


def test_static_arguments(monkeypatch):
    def power(x, n, *, kind, scale=1.0):
        return x**n * scale if kind == "power" else x * n

    f = nb.jit(power, static_argnums=1, static_argnames="kind", engine="numpy")
    x = nb.array([2.0, 3.0])
    warm(f, x, 2, kind="power", scale=2.0)
    assert short(monkeypatch, f, x, 2, scale=3.0, kind="power").tolist() == [12.0, 27.0]
    assert long(monkeypatch, f, x, 3, kind="power", scale=2.0).tolist() == [16.0, 54.0]
    assert long(monkeypatch, f, x, 2.0, kind="power", scale=2.0).tolist() == [8.0, 18.0]
    assert long(monkeypatch, f, x, True, kind="power", scale=2.0).tolist() == [4.0, 6.0]
    assert long(monkeypatch, f, x, 2, kind="other", scale=2.0).tolist() == [4.0, 6.0]
    assert long(monkeypatch, f, x, 2, kind="power").tolist() == [4.0, 9.0]
    assert f.compilations == 6
    reshaped = warm(nb.jit(lambda x, shape: nb.reshape(x, shape), static_argnums=1, engine="numpy"), x, (1, 2))
    assert short(monkeypatch, reshaped, x, (1, *x.shape)).shape == (1, 2)


WEIGHT = nb.array([1.0, 2.0])
SCALE = 2.0


def scaled(x):
    return x * WEIGHT * SCALE


def test_globals_are_read_at_each_call(monkeypatch):
    f = warm(nb.jit(scaled, engine="numpy"), nb.ones(2))
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [2.0, 4.0]
    monkeypatch.setitem(globals(), "WEIGHT", nb.array([3.0, 4.0]))
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [6.0, 8.0]
    monkeypatch.setitem(globals(), "SCALE", 1.0)
    assert long(monkeypatch, f, nb.ones(2)).tolist() == [3.0, 4.0]
    monkeypatch.setitem(globals(), "WEIGHT", nb.array([3.0, 4.0, 5.0]))
    assert long(monkeypatch, f, nb.ones(3)).tolist() == [3.0, 4.0, 5.0]
    monkeypatch.delitem(globals(), "SCALE")
    with pytest.raises(NameError):
        f(nb.ones(3))


def test_closures_and_what_they_hold(monkeypatch):
    weights, factor, state = {"w": nb.ones(2), "b": (nb.zeros(2), [1.0])}, np.array([1.0, 1.0]), nb.zeros(2)

    def f(x):
        return x * weights["w"] * factor + weights["b"][0] * weights["b"][1][0] + state

    f = warm(nb.jit(f, engine="numpy"), nb.ones(2))
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [1.0, 1.0]
    weights["w"] = nb.array([2.0, 3.0])
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [2.0, 3.0]
    weights["b"][1][0] = 2.0
    weights["b"] = (nb.ones(2), weights["b"][1])
    assert long(monkeypatch, f, nb.ones(2)).tolist() == [4.0, 5.0]
    factor[0] = 10.0
    state += 1.0
    assert f(nb.ones(2)).tolist() == [23.0, 6.0]
    warm(f, nb.ones(2))
    factor = np.array([0.0, 0.0])
    state = nb.array([5.0, 5.0])
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [7.0, 7.0]
    weights["c"] = nb.ones(2)
    assert long(monkeypatch, f, nb.ones(2)).tolist() == [7.0, 7.0]
    warm(f, nb.ones(2))
    state = 1.0
    assert long(monkeypatch, f, nb.ones(2)).tolist() == [3.0, 3.0]
    state = nb.ones((2, 1))
    assert long(monkeypatch, f, nb.ones(2)).shape == (2, 2)


def test_one_tensor_by_two_names_may_become_two(monkeypatch):
    a = b = nb.ones(2)

    def f(x):
        return x * a + b

    f = warm(nb.jit(f, engine="numpy"), nb.ones(2))
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [2.0, 2.0]
    b = nb.zeros(2)
    assert long(monkeypatch, f, nb.ones(2)).tolist() == [1.0, 1.0]


class Model:
    def __init__(self):
        self.w = nb.array([1.0, 2.0])
        self.scale = 2.0

    @nb.jit
    def __call__(self, x):
        return self.w * x * self.scale


def test_methods(monkeypatch):
    monkeypatch.setenv("NABLA_ENGINE", "numpy")
    model = Model()
    apply = type(model).__call__.__get__(model)
    warm(apply, nb.ones(2))
    assert type(model).__call__.__get__(model) is apply
    model.w = nb.array([2.0, 3.0])
    assert short(monkeypatch, apply, nb.ones(2)).tolist() == [4.0, 6.0]
    model.scale = 3.0
    assert long(monkeypatch, apply, nb.ones(2)).tolist() == [6.0, 9.0]
    other = Model()
    assert other(nb.ones(2)).tolist() == [2.0, 4.0]
    del model.w
    with pytest.raises(AttributeError):
        apply(nb.ones(2))


@engines
def test_what_is_written_is_written_at_each_call(engine, monkeypatch):
    state = nb.zeros(2)

    def step(x):
        state[0] += x.sum()
        state[1] = 2.0
        return state * 2.0, x

    step = warm(nb.jit(step, engine=engine), nb.ones(3))
    held, before = state, state[0].item()
    result = short(monkeypatch, step, nb.ones(3))
    assert held is state and state.tolist() == [before + 3.0, 2.0] and result[0].tolist() == [2.0 * before + 6.0, 4.0]
    view = state[:1]
    short(monkeypatch, step, nb.ones(3))
    assert view.tolist() == [before + 6.0]


@engines
def test_under_transforms_the_long_way_is_taken(engine, monkeypatch):
    f = warm(nb.jit(lambda x: (x * x).sum(), engine=engine), nb.ones(2))
    x = nb.array([1.0, 2.0])
    assert long(monkeypatch, nb.grad(f), x).tolist() == [2.0, 4.0]
    assert long(monkeypatch, nb.vmap(f), nb.ones((3, 2))).tolist() == [2.0, 2.0, 2.0]
    assert nb.hessian(f)(x).tolist() == [[2.0, 0.0], [0.0, 2.0]]
    leaf = nb.array([1.0, 2.0], requires_grad=True)
    long(monkeypatch, f, leaf).backward()
    assert leaf.grad.tolist() == [2.0, 4.0]
    assert short(monkeypatch, f, leaf.detach()).item() == 5.0
    outer = nb.jit(lambda x: f(x) * 2.0, engine=engine)
    assert outer(x).item() == 10.0
    assert short(monkeypatch, f, x).item() == 5.0

    def doubled(y):
        return f(x) * y  # x is no variable here

    assert nb.grad(doubled)(3.0).item() == 5.0
    with nb.no_grad():
        assert short(monkeypatch, f, x).item() == 5.0
    weight = nb.ones(2)
    g = warm(nb.jit(lambda x: (x * weight).sum(), engine=engine), x)
    weight.requires_grad_()
    long(monkeypatch, g, x).backward()
    assert weight.grad.tolist() == [1.0, 2.0]


def test_the_default_dtype_and_named_axes_are_looked_at(monkeypatch):
    f = warm(nb.jit(lambda x: nb.sin(x), engine="numpy"), 1.0)
    assert short(monkeypatch, f, 1.0).dtype == np.float64
    with nb.using_default_dtype("float32"):
        assert long(monkeypatch, f, 1.0).dtype == np.float32
        warm(f, 1.0)
        assert short(monkeypatch, f, 1.0).dtype == np.float32
    assert short(monkeypatch, f, 1.0).dtype == np.float64

    def share(x):
        return x / nb.psum(x, "lanes")

    g = nb.jit(share, engine="numpy")
    assert nb.vmap(g, axis_name="lanes")(nb.array([1.0, 3.0])).tolist() == [0.25, 0.75]
    h = warm(nb.jit(lambda x: x * 2.0, engine="numpy"), nb.ones(2))
    assert nb.vmap(lambda y: h(nb.ones(2)) * y, axis_name="lanes")(nb.ones(3)).shape == (3, 2)


def test_a_trace_in_another_thread_is_not_in_the_way():
    """While it goes on, tensors that it reads are of another class."""
    weight = nb.array([1.0, 2.0])
    f = warm(nb.jit(lambda x: x * weight, engine="numpy"), nb.ones(2))
    inside, go_on = Event(), Event()

    def slow(x):
        inside.set()
        assert go_on.wait(60)
        return x + weight

    thread = Thread(target=nb.jit(slow, engine="numpy"), args=(nb.ones(2),))
    thread.start()
    assert inside.wait(60)
    assert f(nb.ones(2)).tolist() == [1.0, 2.0] and f(weight).tolist() == [1.0, 4.0]
    go_on.set()
    thread.join()
    assert f(nb.ones(2)).tolist() == [1.0, 2.0]


def test_numbers_at_the_ends_of_their_dtypes(monkeypatch):
    f = warm(nb.jit(lambda n: n + 0, engine="numpy"), 1)
    assert short(monkeypatch, f, -(2**63)).item() == -(2**63)
    with counted(monkeypatch) as taken, pytest.raises(nb.ArgumentError, match="out of the range of int64 and uint64"):
        f(2**70)
    assert taken


def test_an_exception_leaves_the_short_way_usable(monkeypatch):
    fails = Event()

    def host(x):
        if fails.is_set():
            raise RuntimeError("not now")
        return np.asarray(x) * 2.0

    f = nb.jit(lambda x: nb.pure_callback(host, nb.ShapeDtype((2,), "float64"), x) + 1.0, engine="numpy")
    warm(f, nb.ones(2))
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [3.0, 3.0]
    fails.set()
    with pytest.raises(RuntimeError, match="not now"):
        f(nb.ones(2))
    fails.clear()
    assert short(monkeypatch, f, nb.ones(2)).tolist() == [3.0, 3.0]


def test_many_arrays(monkeypatch):
    f = nb.jit(lambda xs: [x * 2.0 for x in xs], engine="numpy")
    for count, takes in [(60, short), (300, long)]:
        xs = [nb.ones(2) for _ in range(count)]
        warm(f, xs)
        assert [x.tolist() for x in takes(monkeypatch, f, xs)] == [[2.0, 2.0]] * count


@pytest.mark.parametrize("dtype", ["float64", "int64", "float32", "complex128"])
@engines
def test_results_as_arguments_keep_their_dtypes(engine, dtype, monkeypatch):
    """Between calls they stay in the engine's own buffers."""
    f = nb.jit(lambda x, y: [x * y, y], engine=engine)
    x = nb.array([1, 2], dtype=dtype)
    y = warm(f, x, x)(x, x)[0]
    for n in range(2, 5):
        y, same = short(monkeypatch, f, x, y)
        assert y.dtype == same.dtype == np.dtype(dtype)
        assert y.tolist() == [1, 2 ** (n + 1)] and same.tolist() == [1, 2**n]
