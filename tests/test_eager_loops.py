"""Control flow called in a loop of Python: what is the same program as the last time is not compiled again."""

import gc
import weakref

import numpy as np
import pytest

import nabla as nb
from nabla.autodiff import interning
from nabla.engines.numpy import compile as numpy_engine
from nabla.engines.xla import placing


@pytest.fixture
def compiled(monkeypatch):
    """The graphs that the NumPy engine compiles."""
    found = []
    lower = numpy_engine.ENGINE.lower

    def counted(graph):
        found.append(graph)
        return lower(graph)

    monkeypatch.setattr(numpy_engine.ENGINE, "lower", counted)
    return found


def scanned(x, w):
    return nb.scan(lambda c, row: (nb.tanh(w @ c) + row, c.sum()), x, nb.ones((4, 3)))[0].sum()


def looped(x, w):
    return nb.while_loop(lambda v: (v < 100.0).all(), lambda v: v * (2.0 + v) + abs(w[0]), x).sum()


def bounded(x, w):
    return nb.while_loop(lambda v: (v < 100.0).all(), lambda v: v * (2.0 + v) + abs(w[0]), x, max_steps=9).sum()


def chosen(x, w):
    return nb.cond(x.sum() > 0.0, lambda x: nb.sin(x) * w[0], lambda x: x * w[1], x).sum()


def counted(x, w):
    return nb.fori_loop(0, 3, lambda i, v: nb.exp(v * w[0]) + i, x).sum()


def nested(x, w):
    def inner(c):
        return nb.scan(lambda d, _: (nb.sin(w @ d), None), c, length=2)[0]

    def step(c, _):
        return nb.cond(c[0] > 1.0, inner, lambda c: c * c + w[0], c), None

    return nb.scan(step, x, length=3)[0].sum()


def kept(x, w):
    return nb.checkpoint(lambda x: nb.sin(w @ x))(x).sum()


PROGRAMS = [scanned, looped, bounded, chosen, counted, nested, kept]
MODES = {
    "value": lambda f: f,
    "reverse": nb.grad,
    "forward": nb.jacfwd,
    "second": lambda f: lambda x: nb.grad(lambda x: nb.grad(f)(x).sum())(x),
    "batched": lambda f: lambda x: nb.vmap(nb.grad(f))(nb.stack([x, 2.0 * x])),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_fresh_closure_compiles_nothing(program, mode, compiled):
    def run(k):
        x, w = np.full(3, 0.5) + k, nb.array(np.eye(3) + 0.1 * k)
        return np.asarray(MODES[mode](lambda x: program(x, w))(x))

    first = run(0.0)
    compiled.clear()
    again, other = run(0.0), run(0.25)
    assert not compiled
    assert (first == again).all()
    interning._known.clear()
    assert (run(0.25) == other).all() and (other != first).any()


def test_large_arrays_are_inputs(compiled):
    def run(k):
        table = np.arange(1000.0) + k
        return nb.scan(lambda c, _: (c + table, None), nb.zeros(1000), length=3)[0][1].item()

    assert run(0.0) == 3.0
    compiled.clear()
    assert run(5.0) == 18.0 and not compiled


@pytest.mark.parametrize(
    ("a", "b"),
    [(2.0, 3.0), (2.0, 2), (0.0, -0.0), (1.0, True), (np.float32(2.0), 2.0), (np.array([1.0, 2.0]), np.array([2.0, 1.0]))],
)
def test_other_constants_are_another_program(a, b):
    def run(k):
        return nb.scan(lambda c, x: (c, nb.divide(x, 1.0) * k), 0.0, nb.array([-1.0, 1.0]))[1]

    for k in (a, b, a):
        found, wanted = run(k), np.stack([-1.0 * np.asarray(k), 1.0 * np.asarray(k)])
        assert (np.asarray(found) == wanted).all() and (np.signbit(np.asarray(found)) == np.signbit(wanted)).all()


def test_weak_numbers_are_told_from_others():
    def run(start):
        return nb.scan(lambda c, x: (c * x, c), start, nb.ones(2, dtype="float32"))[0].dtype

    assert [run(2.0), run(nb.array(2.0, dtype="float32"))] == [nb.float32, nb.float32]
    with pytest.raises(nb.errors.ShapeError):
        run(nb.array(2.0, dtype="int32"))


def test_nothing_large_is_remembered():
    def run():
        tensor = nb.array(np.ones(100_000))
        total, _ = nb.scan(lambda c, _: (c + tensor.sum() + tensor[:2].sum(), None), 0.0, length=2)
        return total.item(), weakref.ref(tensor._node)

    total, reference = run()
    gc.collect()
    assert total == 200_004.0 and reference() is None


def test_the_number_of_remembered_graphs_is_bounded():
    for k in range(interning.MOST + 10):
        nb.cond(True, lambda x: x + 1.0, lambda x: x, nb.ones(k))
    assert len(interning._known) == len(interning._numbers) == interning.MOST
    interning._known.clear()
    interning._numbers.clear()


@pytest.mark.parametrize("mode", [lambda f: f, nb.grad, nb.jacfwd])
def test_numbers_that_change_become_inputs(mode, compiled):
    """Ones and zeros, which sweeps know, among them; others stay."""

    def run(k):
        f = mode(lambda x: nb.scan(lambda c, y: (nb.sin(c) * k + 3.0 * y + k, None), x, nb.array([1.0, -2.0]))[0])
        return float(f(0.5))

    def written_out(k):
        def f(x):
            for y in (1.0, -2.0):
                x = nb.sin(x) * k + 3.0 * y + k
            return x

        return float(mode(f)(0.5))

    values = [2.0, 0.5, 1.0, 0.0, -0.0, 7.0, 2.0]
    found = []
    for i, k in enumerate(values):
        found.append(run(k))
        if i > 1:
            assert not compiled
        compiled.clear()
    assert found == pytest.approx([written_out(k) for k in values], rel=1e-14)


def test_a_bound_that_changes(compiled):
    for k in range(1, 8):
        assert nb.while_loop(lambda v, k=k: v < k, lambda v: v + 1, 0).item() == k
        assert k < 3 or not compiled
        compiled.clear()


def test_numbers_of_other_types_are_other_programs():
    for k in (2, 2.0, True, np.float32(2.0), 3, 3.0):
        out = nb.scan(lambda c, y: (c, y * k), 0.0, nb.ones(2, dtype="float32"))[1]
        wanted = nb.ones(2, dtype="float32") * k
        assert out.dtype == wanted.dtype and out.tolist() == wanted.tolist()


def test_custom_rules_are_those_of_each_call():
    def run(slope):
        @nb.custom_vjp
        def f(x):
            return 2.0 * x

        f.defvjp(lambda x: (f(x), None), lambda _, g: (slope * g,))
        return nb.grad(lambda x: nb.scan(lambda c, _: (f(c), None), x, length=2)[0])(1.0)

    assert [run(3.0), run(5.0), run(3.0)] == [9.0, 25.0, 9.0]


def test_on_a_device(monkeypatch):
    made = []
    kernel = placing._kernel
    monkeypatch.setattr(placing, "_kernel", lambda *args: made.append(args[0]) or kernel(*args))

    def run(k):
        w = nb.array([k, 2.0]).to("cpu:0")
        f = nb.grad(lambda x: nb.scan(lambda c, _: (nb.sin(c) * w, None), x, length=3)[0].sum())
        return f(nb.ones(2).to("cpu:0"))

    first = run(1.0)
    made.clear()
    second = run(3.0)
    assert second.device == "cpu:0" and not made and float(first[0]) != float(second[0])
