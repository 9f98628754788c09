"""What needs several devices; test_devices.py runs it in a process of its own, whose CPU is eight devices to XLA."""

import numpy as np
import pytest

import nabla as nb
from nabla import errors

P = nb.PartitionSpec
MESH = nb.Mesh((4, 2), ("data", "model"))
X = np.random.default_rng(0).standard_normal((8, 6))


def same(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=1e-14)


# ---- one at a time --------------------------------------------------------------------------------------------


def test_names():
    assert nb.devices() == ("cpu", *[f"cpu:{i}" for i in range(8)])


def test_two_devices_do_not_mix():
    x, y = nb.array(X, device="cpu:1"), nb.array(X, device="cpu:2")
    with pytest.raises(errors.ArgumentError, match=r"add: what meets lies on cpu:1 and on cpu:2; .* move one: x\.to\('cpu:1'\)"):
        (x + y).realize()
    with pytest.raises(errors.ArgumentError, match=r"jit: what meets lies on cpu:1 and on cpu:2"):
        nb.jit(nb.add)(x, y)
    assert (x + y.to("cpu:1")).device == "cpu:1"
    same(x + y.to("cpu:1"), 2 * X)


def test_memory_and_scalars_follow():
    x = nb.array(X, device="cpu:3")
    for y in (2.0, np.float64(2.0), np.full((8, 6), 2.0), nb.full((8, 6), 2.0)):
        assert (x * y).device == "cpu:3" == (y * x).device
        same(x * y, 2 * X)


def test_from_device_to_device():
    assert nb.grad(lambda x: nb.sin(x.to("cpu:2")).sum())(nb.array(X, device="cpu:1")).device == "cpu:1"
    same(nb.grad(lambda x: nb.sin(x.to("cpu:2")).sum())(nb.array(X, device="cpu:1")), np.cos(X))


def test_each_call_of_a_program_runs_where_its_inputs_are():
    f = nb.jit(nb.value_and_grad(lambda x: nb.sin(x).sum()))
    for device in ("cpu:1", "cpu:2", "cpu", "cpu:1"):
        value, gradient = f(nb.array(X, device=device))
        assert value.device == device == gradient.device
        same(gradient, np.cos(X))
    assert f.compilations == 1
