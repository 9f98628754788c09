"""Products in pieces: BLAS works in one thread while they run, and in as many as before afterwards."""

import ctypes
import threading

import numpy as np
import pytest
from processes import printed_by
from scipy.linalg import cython_blas
from test_native_structured import agrees

import nabla as nb
from nabla.engines.native.runtime import blas_threads

RNG = np.random.default_rng(8)
BLAS = ctypes.CDLL(cython_blas.__file__)
COUNT, SET = BLAS.scipy_openblas_get_num_threads, BLAS.scipy_openblas_set_num_threads  # of SciPy's own wheels


@pytest.fixture(autouse=True)
def threads():
    before = nb.get_num_threads(), COUNT()
    SET(3)
    yield
    assert COUNT() == 3
    nb.set_num_threads(before[0])
    SET(before[1])


def loops(f, *args):
    return nb.jit(f, engine="native").lower(*args).as_text("loops")


def same_bits(f, *args):
    compiled = nb.jit(f, engine="native")
    found = []
    for count in (1, 2, 3):
        nb.set_num_threads(count)
        SET(count)
        found.append(np.asarray(compiled(*args)).tobytes())
    SET(3)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("m, n, k", [(301, 257, 130), (257, 301, 130), (1003, 5, 997), (7, 2001, 301), (200, 96, 200)])
@pytest.mark.parametrize("left", ["ik", "ki"])
@pytest.mark.parametrize("right", ["kj", "jk"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_products_in_pieces(m, n, k, left, right, dtype):
    sizes = {"i": m, "j": n, "k": k}
    x, y = [RNG.normal(size=[sizes[axis] for axis in axes]).astype(dtype) for axes in (left, right)]
    if dtype == "c16":
        x, y = x + 1j * x[::-1], y - 1j * y[::-1]
    f = lambda x, y: nb.einsum(f"{left},{right}->ij", x, y)
    assert "pieces" in loops(f, x, y)
    agrees(f, x, y, rtol=1e-4 if dtype == "f4" else 1e-11, atol=1e-3 if dtype == "f4" else 1e-10)
    same_bits(f, x, y)


def test_stacks_of_products_in_pieces():
    x, y = RNG.normal(size=(40, 30, 31)), RNG.normal(size=(40, 31, 29))
    f = lambda x, y: nb.tanh(x @ y)
    assert "pieces" in loops(f, x, y)
    agrees(f, x, y, rtol=1e-11, atol=1e-11)
    same_bits(f, x, y)


def test_a_map_whose_turns_have_memory_of_their_own():
    x, y = RNG.normal(size=(300, 40)), RNG.normal(size=(40, 400))

    def f(x, y):
        return nb.map(lambda row: nb.cumsum(nb.sort(nb.sin(row @ y)[:12])), x, batch_size=16)

    assert "with their own" in loops(f, x, y)
    agrees(f, x, y, rtol=1e-11, atol=1e-11)
    same_bits(f, x, y)


def test_a_convolution_in_pieces():
    x, y = RNG.normal(size=(3, 8, 40, 41)), RNG.normal(size=(16, 8, 3, 3))
    f = lambda x, y: nb.nn.conv(x, y)
    assert "with their own" in loops(f, x, y)
    same_bits(f, x, y)


def test_one_thread_while_a_program_runs():
    seen = []

    def f(x, y):
        def step(total, row):
            inner = nb.pure_callback(lambda row: seen.append(COUNT()) or np.asarray(row), nb.ShapeDtype((40,), "float64"), row)
            return total + inner @ y, inner

        return nb.scan(step, nb.zeros(400), x)[0]

    x, y = RNG.normal(size=(3, 40)), RNG.normal(size=(40, 400))
    nb.jit(f, engine="native")(x, y)
    assert seen == [1, 1, 1]


def test_threads_are_put_back_after_an_error():
    seen = []

    def f(x, y):
        def step(total, row):
            inner = nb.pure_callback(lambda row: row / seen[7], nb.ShapeDtype((40,), "float64"), row)
            return total + inner @ y, inner

        return nb.scan(step, nb.zeros(400), x)[0]

    x, y = RNG.normal(size=(3, 40)), RNG.normal(size=(40, 400))
    with pytest.raises(IndexError):
        nb.jit(f, engine="native")(x, y)
    assert COUNT() == 3


def test_threads_are_put_back_by_the_last_of_several_programs():
    x = RNG.normal(size=(150, 150))
    f = nb.jit(lambda x: nb.sin(x @ x) @ x, engine="native")
    expected = np.asarray(f(x)).tobytes()
    wrong = []

    def work():
        wrong.extend([None for _ in range(100) if np.asarray(f(x)).tobytes() != expected])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_large_factorisations_are_left_to_the_threads_of_blas():
    def text(n):
        return nb.jit(nb.linalg.cholesky, engine="native").lower(np.eye(n)).as_text("llvm")

    assert blas_threads.LIMIT in text(100)
    assert blas_threads.LIMIT not in text(1000)


FORK = """
import ctypes, os, threading, warnings
import numpy as np
import nabla as nb
from nabla.engines.native.runtime import blas_threads, objects
from scipy.linalg import cython_blas
blas = ctypes.CDLL(cython_blas.__file__)
blas.scipy_openblas_set_num_threads(2)
assert blas_threads.are_limited()
limit, free = [ctypes.CFUNCTYPE(None)(objects.ADDRESSES[name]) for name in (blas_threads.LIMIT, blas_threads.FREE)]
limit()
assert blas.scipy_openblas_get_num_threads() == 1
child = os.fork()
if not child:
    assert blas.scipy_openblas_get_num_threads() == 2
    limit()
    assert blas.scipy_openblas_get_num_threads() == 1
    free()
    assert blas.scipy_openblas_get_num_threads() == 2
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
free()
assert blas.scipy_openblas_get_num_threads() == 2
print("well")
"""


def test_a_fork_does_not_wait_for_the_programs_of_its_parent():
    assert printed_by(FORK) == "well\n"


def test_another_blas_is_called_as_it_is(monkeypatch):
    monkeypatch.setattr(blas_threads, "NAMES", ["no_such_{}_function"])
    blas_threads.are_limited.cache_clear()
    x = RNG.normal(size=(300, 300))
    lowered = nb.jit(lambda x: x @ x, engine="native").lower(x)
    blas_threads.are_limited.cache_clear()
    assert "pieces" not in lowered.as_text("loops")
    assert blas_threads.LIMIT not in lowered.as_text("llvm")
    np.testing.assert_allclose(lowered.compile()(x), x @ x, rtol=1e-11, atol=1e-11)
