"""Control flow on XLA: as the NumPy engine runs it."""

import numpy as np
import pytest
from test_control_flow import LANES, PROGRAMS, along, recurrent as network, weights

import nabla as nb

same = np.testing.assert_allclose

TRANSFORMS = {
    "value": lambda f: f,
    "grad": nb.grad,
    "grad of grad": lambda f: nb.grad(nb.grad(f)),
    "jvp of grad": lambda f: along(nb.grad(f)),
}


def both(f, *args, rtol=1e-12, atol=1e-14):
    found, expected = [nb.tree.leaves(nb.jit(f, engine=engine)(*args)) for engine in ("xla", "numpy")]
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.dtype == b.dtype and a.shape == b.shape
        same(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("program", ["scan", "cond", "switch", "fori", "scan in scan"])
def test_as_the_numpy_engine_does_it(program, name):
    both(TRANSFORMS[name](PROGRAMS[program][0]), nb.array(0.7))


@pytest.mark.parametrize("name", ["value", "grad"])
@pytest.mark.parametrize("program", ["while", "cond in while in scan"])
def test_loops_of_unknown_length(program, name):
    both(TRANSFORMS[name](PROGRAMS[program][0]), nb.array(0.7))


@pytest.mark.parametrize("program", ["cond", "as many steps as it takes"])
def test_lanes(program):
    both(nb.vmap(nb.grad(PROGRAMS[program][0])), LANES)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_rows_of_many_kinds_lie_side_by_side(length, reverse):
    n = max(length, 1)
    xs = {
        "number": np.arange(float(n)), "pair": np.arange(2.0 * n).reshape(n, 2), "big": np.arange(40.0 * n).reshape(n, 40),
        "single": np.arange(n, dtype=np.float32), "whole": np.arange(n), "truth": np.arange(n) % 2 == 0, "empty": np.zeros((n, 0)),
        "complex": 1j * np.arange(n),
    }  # fmt: skip
    xs = {name: nb.array(x[:length]) for name, x in xs.items()}

    def f(start, xs):
        def step(c, x):
            ys = {name: ~row if name == "truth" else row + row for name, row in x.items()}
            return c * 0.5 + x["number"], {**ys, "carry": c, "again": c * 2.0}

        return nb.scan(step, start, xs, reverse=reverse)

    both(f, nb.array(1.5), xs)


def test_gradients_of_what_all_steps_share():
    both(nb.grad(lambda *args: network(*args, nb.scan), argnums=(0, 1, 2, 3)), *weights(), rtol=1e-10)


def test_max_steps_and_unroll():
    both(nb.grad(lambda x: nb.while_loop(lambda v: v < 50.0, lambda v: v * x + 1.0, x, max_steps=5)), nb.array(1.3))
    both(nb.grad(lambda x: nb.scan(lambda c, t: (nb.sin(c) * x + t, c), x, nb.arange(7.0), unroll=3)[1].sum()), nb.array(1.3))
