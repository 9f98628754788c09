"""The native engine's own exponentials: how near they are, at the ends of the numbers, and that one number has one value."""

import mpmath
import numpy as np
import pytest

import nabla as nb

RNG = np.random.default_rng(20)
ENDS = {"f8": (709.782712893384, -745.13, -708.4), "f4": (88.72283, -103.97, -87.34)}
FUNCTIONS = {
    "exp": (nb.exp, mpmath.exp, 1.1),
    "expm1": (nb.expm1, mpmath.expm1, 2.2),
    "tanh": (nb.tanh, mpmath.tanh, 3.5),
    "sigmoid": (nb.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), 2.5),
    "slope of tanh": (lambda x: nb.jvp(nb.tanh, (x,), (nb.ones_like(x),))[1], lambda x: mpmath.sech(x) ** 2, 4.0),
}


def numbers(dtype):
    highest, lowest, _ = ENDS[dtype]
    tiny = 10.0 ** RNG.uniform(-300 if dtype == "f8" else -37, 0, 400) * RNG.choice([-1, 1], 400)
    parts = [RNG.uniform(-1, 1, 800), RNG.uniform(-30, 30, 400), RNG.uniform(lowest, highest, 400), tiny]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", ENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_are_near(name, dtype):
    f, exact, limit = FUNCTIONS[name]
    x = numbers(dtype)
    found = np.asarray(nb.jit(f, engine="native")(x))
    with mpmath.workprec(200):
        for a, b in zip(x, found):
            value = exact(mpmath.mpf(float(a)))
            unit = float(np.spacing(np.abs(found.dtype.type(float(value)))))
            assert abs(mpmath.mpf(float(b)) - value) <= limit * unit, a


@pytest.mark.parametrize("dtype", ENDS)
def test_the_ends_of_the_numbers(dtype):
    highest, lowest, normal = ENDS[dtype]
    least = np.nextafter(np.array(0, dtype), np.array(1, dtype))
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, least, -least]
    x = np.array([*special, highest, highest * 1.0001, lowest, lowest * 1.01, normal], dtype)
    with np.errstate(over="ignore", under="ignore"):
        for f, reference in ((nb.exp, np.exp), (nb.expm1, np.expm1)):
            for k in (len(x), 1):  # beside others, and each by itself
                parts = [np.asarray(nb.jit(f, engine="native")(part)) for part in x.reshape(-1, k)]
                np.testing.assert_array_max_ulp(np.concatenate(parts), reference(x), 2)
                np.testing.assert_array_equal(np.signbit(np.concatenate(parts)), np.signbit(reference(x)))


@pytest.mark.parametrize("dtype", ENDS)
@pytest.mark.parametrize("f", [nb.exp, nb.expm1, nb.tanh, nb.sigmoid], ids=["exp", "expm1", "tanh", "sigmoid"])
def test_a_number_has_one_value(f, dtype, monkeypatch):
    """Alone, in short and in long arrays, beside those that need more care, whatever the level."""
    monkeypatch.setenv("NABLA_CACHE", "off")
    x = numbers(dtype)
    whole = []
    for tiers in ("on", "off"):
        monkeypatch.setenv("NABLA_TIERS", tiers)
        whole.append(np.asarray(nb.jit(lambda x: f(x), engine="native")(x)))
        for size in (1, 3, 37):
            part = np.asarray(nb.jit(lambda x: f(x), engine="native")(x[-size:]))
            np.testing.assert_array_equal(part.view(f"i{x.itemsize}"), whole[0][-size:].view(f"i{x.itemsize}"))
        one = np.asarray(nb.jit(lambda x: f(x), engine="native")(x[-1]))
        assert one == whole[0][-1]
    np.testing.assert_array_equal(*whole)
