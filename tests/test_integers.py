"""Whole numbers, against NumPy."""

import numpy as np
import pytest

import nabla as nb


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_common_divisors_and_multiples(dtype):
    x = np.arange(12).astype(dtype).reshape(3, 4)
    y = np.array([0, 6, 4, 9]).astype(dtype)
    signs = [1, -1] if dtype.startswith("i") else [1]
    for sign in signs:
        np.testing.assert_array_equal(nb.gcd(x * sign, y), np.gcd(x * sign, y), strict=True)
        np.testing.assert_array_equal(nb.lcm(x * sign, y), np.lcm(x * sign, y), strict=True)
    np.testing.assert_array_equal(nb.vmap(nb.lcm, (0, None))(x, y), np.lcm(x, y), strict=True)
    with pytest.raises(nb.DTypeError, match="lcm takes integers"):
        nb.lcm(x, 1.5)


@pytest.mark.parametrize("order", ["big", "little"])
def test_bits(order):
    x = np.random.default_rng(1).integers(0, 256, (3, 2)).astype("uint8")
    for axis in (None, 0, 1, -1):
        for count in (None, 3, -5, 40, 0):
            found = nb.unpackbits(x, axis, count, order)
            np.testing.assert_array_equal(found, np.unpackbits(x, axis, count, order), strict=True)
            np.testing.assert_array_equal(nb.packbits(found, axis, order), np.packbits(np.asarray(found), axis, order), strict=True)
    np.testing.assert_array_equal(nb.packbits([True, False, True]), np.packbits([True, False, True]), strict=True)
    with pytest.raises(nb.DTypeError, match="of dtype uint8"):
        nb.unpackbits([1, 2])
    with pytest.raises(nb.ArgumentError, match="bitorder is 'big' or 'little'"):
        nb.packbits([1], bitorder="middle")
