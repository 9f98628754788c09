"""XLA's random draws: the NumPy engine's bits, and draws made of the same attempts."""

import numpy as np
from test_xla_values import on_both, same

import nabla as nb
from nabla.primitives import random as r

RNG = np.random.default_rng(0)
KEYS = RNG.integers(0, 2**64, 4000, dtype=np.uint64)
SIZES = np.exp(RNG.uniform(-5, 8, 4000))


def uint64(*values):
    return np.array(values, np.uint64)


def test_bits():
    """Of one key, of several, at the end of the counter, and of no number at all."""
    cases = [
        (uint64(5).reshape(()), uint64(2**64 - 3).reshape(()), (1000,)),
        (uint64(1, 2, 2**64 - 1), uint64(0, 7, 2**63), (5, 7)),
        (uint64(1).reshape(()), uint64(2).reshape(()), ()),
        (uint64(1, 2), uint64(1, 2), (0, 3)),
        (uint64(), uint64(), (4,)),
    ]

    def program(*nodes):
        return [r.threefry(nodes[2 * k], nodes[2 * k + 1], shape=shape) for k, (_, _, shape) in enumerate(cases)]

    found, expected = on_both(program, *[x for key, first, _ in cases for x in (key, first)])
    same(found, expected)


def test_draws():
    sizes = SIZES.copy()
    sizes[:5] = 0.0, -1.0, np.nan, 1e12, np.inf
    chance = RNG.uniform(0, 1, 4000)
    chance[5:10] = 0.0, 1.0, 2.0, -1.0, np.nan
    arrays = [KEYS, sizes, chance, sizes.astype(np.float32), KEYS[:0], sizes[:0]]

    def program(keys, sizes, chance, single, none, nothing):
        draws = [r.loggamma(keys, sizes), r.poisson(keys, sizes), r.binomial(keys, sizes, chance)]
        return [*draws, r.loggamma(keys, single), r.poisson(none, nothing)]

    found, expected = on_both(program, *arrays)
    for a, b in zip(found, expected, strict=True):
        if a.dtype.kind == "i":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=8 * np.finfo(a.dtype).eps, atol=8 * np.finfo(a.dtype).eps)


def test_public_draws_are_the_same_compiled():
    def draw(key):
        return nb.random.randint(key, (50,), 0, 1000), nb.random.uniform(key, (50,)), nb.random.normal(key, (50,))

    key = nb.random.key(7)
    whole, uniform, normal = nb.jit(draw, engine="xla")(key)
    expected = draw(key)
    np.testing.assert_array_equal(whole.numpy(), expected[0].numpy())
    np.testing.assert_array_equal(uniform.numpy(), expected[1].numpy())
    np.testing.assert_allclose(normal.numpy(), expected[2].numpy(), rtol=4e-15)
