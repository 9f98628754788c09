"""Devices: their names, making and moving tensors there, what runs where, what goes wrong.

This process has one device of XLA, "cpu:0"; what needs several is in on_eight_devices.py, which runs in a process of its own.
"""

import copy
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

import nabla as nb
from nabla import errors
from nabla.engines.xla import placing

HERE = Path(__file__).parent
X = np.array([0.3, 1.9, -0.7])
D = "cpu:0"


@pytest.fixture
def x():
    return nb.array(X, device=D)


# ---- names and places -----------------------------------------------------------------------------------------


def test_eight_devices():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(HERE / "on_eight_devices.py")]
    done = subprocess.run(
        command, env={**os.environ, "XLA_FLAGS": flags}, cwd=HERE.parent, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_names():
    assert nb.devices()[:2] == ("cpu", "cpu:0")
    assert nb.__array_namespace_info__().devices() == nb.devices()
    assert nb.__array_namespace_info__().default_device() == "cpu"


def test_without_xla_there_is_memory(monkeypatch):
    monkeypatch.setattr(placing, "is_installed", lambda: False)
    assert nb.devices() == ("cpu",)


def test_a_device_without_xla_says_what_to_install():
    code = "import sys; sys.modules['jax'] = None; import nabla as nb; nb.zeros(3, device='cuda:0')"
    env = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert "ImportError: this needs the package jax; install it with: pip install 'nabla[xla]'" in done.stderr


def test_memory_is_the_default_and_wakes_nothing():
    code = "import sys, nabla as nb; assert nb.ones(3).to('cpu').device == 'cpu' and 'jax' not in sys.modules"
    env = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)


@pytest.mark.parametrize(
    "make",
    [
        lambda **at: nb.array([1.0, 2.0], **at),
        lambda **at: nb.asarray([1.0, 2.0], **at),
        lambda **at: nb.zeros(3, **at),
        lambda **at: nb.ones((2, 2), **at),
        lambda **at: nb.empty(3, **at),
        lambda **at: nb.full(3, 2.0, **at),
        lambda **at: nb.arange(3, **at),
        lambda **at: nb.linspace(0.0, 1.0, 5, **at),
        lambda **at: nb.eye(3, **at),
        lambda **at: nb.fft.fftfreq(4, **at),
        lambda **at: nb.fft.rfftfreq(4, **at),
        lambda **at: nb.from_dlpack(np.ones(3), **at),
    ],
)
def test_creation(make):
    inside = make(device=D)
    assert inside.device == D and make().device == "cpu" == make(device="cpu").device
    assert inside.tolist() == make().tolist() and inside.dtype == make().dtype
    with nb.default_device(D):
        assert make().device == D and make(device="cpu").device == "cpu"
    assert make().device == "cpu"


@pytest.mark.parametrize("make", [nb.zeros_like, nb.ones_like, nb.empty_like, lambda x, **at: nb.full_like(x, 2.0, **at)])
def test_creation_of_the_like(make, x):
    assert make(x).device == D and make(x, device="cpu").device == "cpu" and make(nb.array(X)).device == "cpu"
    assert make(x, shape=(2, 2)).device == D


def test_moving(x):
    assert x.device == D and x.to(D) is not x and x.to("cpu").device == "cpu" == x.to_device("cpu").device
    assert x.to("cpu").tolist() == x.tolist() == X.tolist()
    assert nb.array(x).device == D == nb.asarray(x).device and nb.asarray(x, device=D) is x
    assert nb.asarray(x, device="cpu").device == "cpu"
    assert nb.astype(x, "float32").device == D and nb.astype(x, "float32", device="cpu").device == "cpu"


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "int64", "float16", "float32", "complex64", "complex128"])
def test_every_dtype_comes_back(dtype):
    array = np.array([0, 1, 2], dtype)
    there = nb.array(array, device=D)
    assert there.dtype == array.dtype and there.numpy().dtype == array.dtype and there.tolist() == array.tolist()


def test_copies(x):
    assert copy.deepcopy(x).device == D and copy.copy(x).device == D
    assert pickle.loads(pickle.dumps(x)).device == "cpu"  # who reads it may have no such device
    assert pickle.loads(pickle.dumps(x)).tolist() == X.tolist()


def test_the_default_device_is_a_context_variable():
    seen = []
    with nb.default_device(D):
        thread = threading.Thread(target=lambda: seen.append(nb.zeros(1).device))
        thread.start()
        thread.join()
        with pytest.raises(ZeroDivisionError), nb.default_device("cpu"):
            1 / 0
        assert nb.zeros(1).device == D
    assert seen == ["cpu"]


def test_the_default_device_leaves_alone_what_is_there(x):
    with nb.default_device("cpu"):
        assert nb.array(x).device == D and (x + 1).device == D
    with nb.default_device(D):
        assert nb.sin(X).device == "cpu"


# ---- what runs where ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + 1,
        lambda x: 2.0 * x - np.ones(3),
        lambda x: nb.sin(x) @ nb.cos(x),
        lambda x: nb.sort(x),
        lambda x: nb.linalg.eigh(nb.outer(x, x) + nb.eye(3))[0],
        lambda x: x[x > 0],
        lambda x: x[[2, 0]],
        lambda x: nb.fft.fft(x),
        lambda x: nb.special.gammainc(nb.abs(x), 1.0),
        lambda x: nb.cond(x[0] > 0, nb.sin, nb.cos, x),
        lambda x: nb.scan(lambda c, v: (c + v, c * v), nb.array(0.0), x)[1],
        lambda x: nb.while_loop(lambda v: v.sum() < 10, lambda v: v + 1, x),
        lambda x: nb.vmap(lambda a: a * x.sum())(x),
        lambda x: nb.grad(lambda v: (v * v * v).sum())(x),
        lambda x: nb.hessian(lambda v: (v * v * v).sum())(x),
        lambda x: nb.jvp(nb.sin, (x,), (nb.ones(3),))[1],
        lambda x: nb.jit(lambda v, w: nb.sin(v) * w)(x, np.ones(3)),
        lambda x: nb.grad(nb.jit(lambda v: (nb.sin(v) * v).sum()))(x),
        lambda x: nb.jit(nb.grad(lambda v: (nb.sin(v) * v).sum()))(x),
    ],
)
def test_results_are_where_the_inputs_are(f, x):
    there, here = f(x), f(nb.array(X))
    assert there.device == D and here.device == "cpu"
    assert there.dtype == here.dtype
    np.testing.assert_allclose(there.numpy(), here.numpy(), rtol=1e-12, atol=1e-12)


def test_a_gradient_is_where_its_argument_is(x):
    assert nb.grad(nb.sum)(x).device == D
    assert nb.grad(lambda a: a.to("cpu").sum())(x).device == D
    assert nb.grad(lambda a: (a.to(D) ** 2).sum())(nb.array(X)).device == "cpu"
    assert nb.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, nb.array(X))[1].device in ("cpu", D)
    w = nb.array(X, requires_grad=True, device=D)
    w.sum().backward()
    assert w.grad.device == D and w.grad.tolist() == [1.0, 1.0, 1.0]


def test_moving_is_differentiable_to_any_order():
    f = lambda a: (nb.sin(a.to(D)) * a).sum()
    nb.testing.check_grads(f, (X,), order=2)
    assert nb.vmap(lambda a: a.to(D) * 2)(nb.array(X)).device == D


def test_writing(x):
    y = x
    x[1] = 5.0
    x += 1
    assert y is x and x.device == D
    assert x.tolist() == [1.3, 6.0, -0.7 + 1]
    view = x[1:]
    view[0] = 0.0
    assert x.tolist() == [1.3, 0.0, -0.7 + 1]


def test_python_reads_values(x):
    assert float(x[0]) == 0.3 and bool((x > -1).all()) and x[0].item() == 0.3 and f"{x[0]:.2f}" == "0.30"
    assert str(x) == str(nb.array(X)) and repr(x) == repr(nb.array(X)) and np.asarray(x).tolist() == X.tolist()
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 1.0
    assert np.from_dlpack(x).tolist() == X.tolist()


def test_a_kernel_is_compiled_once(x):
    (x * 3.0).realize()
    before = placing._kept.cache_info().misses
    for _ in range(3):
        (x * 3.0).realize()
    assert placing._kept.cache_info().misses == before


def test_a_program_runs_where_its_inputs_are(x):
    f = nb.jit(lambda a: a * 2)
    assert f(x).device == D and f(nb.array(X)).device == "cpu" and f(x).device == D
    assert f.compilations == 1
    assert f(X).device == "cpu"


def test_a_program_runs_where_its_constants_are():
    table = nb.arange(1000.0).to(D)
    assert nb.jit(lambda a: (a * table).sum())(2.0).device == D
    with nb.default_device(D):
        f = nb.jit(lambda: nb.zeros(3) + 1)
        assert f().device == D
    assert f().device == "cpu"


# ---- what goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cuda:0", "cpu:99", "nonsense"])
def test_a_missing_device(device):
    with pytest.raises(errors.ArgumentError, match=rf"zeros: there is no device '{device}' here: there are cpu, cpu:0"):
        nb.zeros(3, device=device)
    with pytest.raises(errors.ArgumentError, match=f"to_device: there is no device '{device}'"):
        nb.array(X).to(device)
    with pytest.raises(errors.ArgumentError, match=f"default_device: there is no device '{device}'"):
        nb.default_device(device).__enter__()
    assert nb.zeros(3).device == "cpu"


def test_what_is_no_device():
    with pytest.raises(errors.ArgumentTypeError, match="zeros: a device is named by a string such as 'cpu' or 'cuda:0'; got 3"):
        nb.zeros(3, device=3)
    with pytest.raises(errors.ArgumentTypeError, match="got None"):
        nb.array(X).to(None)
    with pytest.raises(errors.ArgumentError, match="stream is None; got 1"):
        nb.array(X).to_device("cpu", stream=1)


def test_nothing_moves_inside_a_program(x):
    with pytest.raises(errors.ArgumentError, match="a compiled function runs where its inputs are"):
        nb.jit(lambda a: (a * 2).to(D))(X)


def test_the_numpy_engine_computes_in_memory(x):
    f = nb.jit(lambda a: a * 2, engine="numpy")
    with pytest.raises(errors.EngineError, match="the engine 'numpy' computes in memory, and an input lies on cpu:0"):
        f(x)
    with pytest.raises(errors.EngineError, match="computes in memory"):
        nb.value_and_grad(lambda a: f(a).sum())(x)
    assert f(x.to("cpu")).tolist() == (2 * X).tolist()


def test_an_error_on_a_device_leaves_everything_as_it_was(x):
    def raises(a):
        raise KeyError("outside")

    with pytest.raises(KeyError, match="outside"):
        nb.pure_callback(raises, nb.ShapeDtype((3,), "float64"), x).realize()
    assert (x + 1).tolist() == (X + 1).tolist()


@pytest.mark.parametrize("device", ["cpu", D])
def test_a_jitted_function_is_compiled_once(device):
    f = nb.jit(lambda a: (nb.sin(a) * a).sum(), engine="xla")
    a = nb.array(X, device=device)
    compiled = []

    def listen(event, seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(3):
            assert f(a).item() == pytest.approx((np.sin(X) * X).sum(), rel=1e-15)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(compiled) == 1 and "compiled in" in f.explain()


def test_memory_pays_nothing():
    """Before anything lies on a device, nothing asks where values lie."""
    code = (
        "import nabla as nb\n"
        "from nabla.graph.node import runtime\n"
        "runtime.devices = None\n"
        "x = nb.array([1.0, 2.0])\n"
        "assert nb.grad(lambda x: (x * x).sum())(x).tolist() == [2.0, 4.0] and x.device == 'cpu'\n"
    )
    env = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)
