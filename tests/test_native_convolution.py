"""Convolutions on the native engine: in loops and as products, whole and in blocks."""

import numpy as np
import pytest
from test_native_structured import agrees

import nabla as nb
from nabla.engines.native.kernels import convolution

RNG = np.random.default_rng(6)
LAYERS = {
    "small": ((2, 3, 6, 5), (4, 3, 3, 3), {}),
    "by places": ((2, 4, 17, 15), (5, 4, 3, 3), {"padding": "same"}),
    "with strides": ((2, 4, 18, 15), (5, 4, 3, 3), {"stride": (2, 3), "padding": 1}),
    "dilated": ((2, 4, 18, 15), (5, 4, 3, 3), {"dilation": 2}),
    "groups": ((2, 8, 17, 15), (6, 4, 3, 3), {"groups": 2}),
    "one axis": ((3, 4, 300), (6, 4, 7), {}),
    "few places": ((3, 4, 40, 40), (6, 4, 38, 38), {}),
}  # fmt: skip


@pytest.mark.parametrize("block", [100, 1 << 17])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, block, monkeypatch):
    monkeypatch.setattr(convolution, "BLOCK", block)
    x, w, options = LAYERS[name]
    arrays = RNG.normal(size=x), RNG.normal(size=w)
    layer = lambda x, w: nb.nn.conv(x, w, **options)
    agrees(layer, *arrays, rtol=1e-11, atol=1e-11)
    agrees(nb.grad(lambda x, w: (layer(x, w) ** 2).sum(), argnums=(0, 1)), *arrays, rtol=1e-10, atol=1e-9)
    agrees(layer, *[a.astype("f4") for a in arrays], rtol=1e-4, atol=1e-4)


def test_dtypes_in_loops():
    x, w = RNG.integers(-9, 9, size=(2, 3, 20, 20)), RNG.integers(-9, 9, size=(4, 3, 3, 3))
    agrees(lambda x, w: nb.nn.conv(x, w), x.astype("f2"), w.astype("f2"), rtol=1e-3, atol=1e-2)
