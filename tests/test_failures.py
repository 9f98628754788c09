"""What goes wrong in compiled programs: the error says what and what to do, nothing is half done, and the next call works."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from processes import printed_by

import nabla as nb
from nabla.engines.xla.kernel import jax
from nabla.engines.xla.table import KERNELS
from nabla.errors import EngineError, OutOfMemoryError
from nabla.primitives.formulas import tanh

ENGINES = ("numpy", "xla")


def large(x, n):
    return nb.broadcast_to(x, (n,)) + 1.0


def test_no_memory_on_xla():
    f = nb.jit(large, static_argnames="n", engine="xla")
    with pytest.raises(OutOfMemoryError, match=r"no memory for this.*Smaller batches need less, as does float32"):
        f(1.0, n=1 << 50)
    assert f(1.0, n=2).tolist() == [2.0, 2.0]


def test_no_memory_on_numpy():
    f = nb.jit(large, static_argnames="n", engine="numpy")
    with pytest.raises(MemoryError, match="Unable to allocate"):
        f(1.0, n=1 << 50)
    assert f(1.0, n=2).tolist() == [2.0, 2.0]


def test_a_program_that_does_not_compile(monkeypatch):
    def broken(x):
        raise jax.errors.JaxRuntimeError("INTERNAL: no code for this")

    kernel = KERNELS[tanh]
    monkeypatch.setitem(KERNELS, tanh, broken)
    f = nb.jit(lambda x: nb.tanh(x), engine="xla")
    with pytest.raises(EngineError, match="XLA could not compile or run this graph: INTERNAL: no code for this"):
        f(0.0)
    monkeypatch.setitem(KERNELS, tanh, kernel)
    assert f(0.0).item() == 0.0 and f.compilations == 1


WITHOUT_JAX = """
import sys
from importlib.machinery import PathFinder

class WithoutJax(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ("jax", "jaxlib") else PathFinder.find_spec(name, path, target)

sys.meta_path = [WithoutJax if finder is PathFinder else finder for finder in sys.meta_path]
import nabla as nb

def f(x):
    return x * 2.0

for ask in (nb.jit(f, engine="xla"), lambda x: nb.export(f, x)):
    try:
        ask(1.0)
    except ImportError as error:
        print(error)
nb.set_compilation_cache("somewhere")  # of the engines that there are
print(nb.jit(f)(3.0).item())
"""


def test_an_engine_that_is_not_installed(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("NABLA_ENGINE", "NABLA_CACHE")}
    command = [sys.executable, "-c", WITHOUT_JAX]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "somewhere"]
    *told, value = found.stdout.splitlines()
    assert len(told) == 2 and all("install it with: pip install 'nabla[xla]'" in line for line in told)
    assert value == "6.0"


ELSEWHERE = """
import os, signal, time
import llvmlite.binding, numpy, optree, scipy.linalg, scipy.special
del time.CLOCK_MONOTONIC, os.register_at_fork, os.sched_getaffinity, signal.SIGBUS
os.name = "nt"
import nabla as nb

nb.set_num_threads(nb.get_num_threads())
print(nb.jit(nb.grad(lambda x: (x * x).sum()))(numpy.arange(3.0)))
try:
    nb.jit(nb.sin, engine="native")
except nb.EngineError as error:
    print(error)
"""


def test_a_system_that_the_native_engine_does_not_run_on():
    value, told = printed_by(ELSEWHERE).splitlines()
    assert value == "[0. 2. 4.]"
    assert told == "jit: the native engine runs on POSIX systems, such as Linux and macOS; here, take 'numpy' or 'xla'"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_outside_that_raises(engine):
    counter = nb.zeros(1)

    def outside(x):
        if x > 1.0:
            raise KeyError("no such entry")
        return 2.0 * x

    @nb.jit(engine=engine)
    def f(x):
        counter[0] += 1.0
        return nb.pure_callback(outside, nb.ShapeDtype((), "float64"), x)

    assert f(0.5).item() == 1.0
    with pytest.raises(KeyError, match="no such entry"):
        f(2.0)
    assert counter.tolist() == [1.0]
    assert f(1.0).item() == 2.0 and counter.tolist() == [2.0] and f.compilations == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_during_a_long_run(engine):
    steps = 4_000_000 if engine == "xla" else 40_000
    counter = nb.zeros(1)

    @nb.jit(engine=engine)
    def f(x, steps):
        counter[0] += 1.0
        return nb.fori_loop(0, steps, lambda i, x: nb.sin(x) + 0.1, x)

    first = f(0.5, 3).item()
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        for _ in range(1000):
            f(0.5, steps)
    timer.join()
    done = counter.item()
    assert f(0.5, 3).item() == first
    assert counter.item() == done + 1.0 and f.compilations == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_bits_at_every_call(engine):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(50, 40)), rng.normal(size=(40, 30))
    f = nb.jit(nb.value_and_grad(lambda w: nb.logsumexp(nb.tanh(x @ w)) + nb.cumsum(nb.exp(w)).sum()), engine=engine)
    first = [np.asarray(part).tobytes() for part in f(w)]
    for _ in range(20):
        assert [np.asarray(part).tobytes() for part in f(w)] == first
