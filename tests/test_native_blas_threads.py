"""BLAS works in one thread while a program runs that calls it or LAPACK, and in as many as before afterwards."""

import ctypes
import threading

import numpy as np
import pytest
from processes import printed_by
from scipy.linalg import cython_blas

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


def test_one_thread_while_a_program_runs():
    seen = []

    def f(x, y):
        def step(total, row):
            inner = nb.pure_callback(lambda row: seen.append(COUNT()) or np.asarray(row), nb.ShapeDtype((40,), "float64"), row)
            return total + nb.linalg.cholesky(y * (1.0 + inner[0] ** 2)), inner

        return nb.scan(step, nb.zeros((100, 100)), x)[0]

    x, y = RNG.normal(size=(3, 40)), np.eye(100)
    nb.jit(f, engine="native")(x, y)
    assert seen == [1, 1, 1]


def test_threads_are_put_back_after_an_error():
    seen = []

    def f(x, y):
        def step(total, row):
            inner = nb.pure_callback(lambda row: row / seen[7], nb.ShapeDtype((40,), "float64"), row)
            return total + nb.linalg.cholesky(y * (1.0 + inner[0] ** 2)), inner

        return nb.scan(step, nb.zeros((100, 100)), x)[0]

    x, y = RNG.normal(size=(3, 40)), np.eye(100)
    with pytest.raises(IndexError):
        nb.jit(f, engine="native")(x, y)
    assert COUNT() == 3


def test_threads_are_put_back_by_the_last_of_several_programs():
    x = RNG.normal(size=(150, 150))
    x = x @ x.T
    f = nb.jit(lambda x: nb.sin(nb.linalg.cholesky(x)), engine="native")
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
    x = RNG.normal(size=(40, 100, 100))
    x = x @ x.swapaxes(1, 2)
    lowered = nb.jit(nb.linalg.cholesky, engine="native").lower(x)
    blas_threads.are_limited.cache_clear()
    assert "pieces" not in lowered.as_text("loops")
    assert blas_threads.LIMIT not in lowered.as_text("llvm")
    np.testing.assert_allclose(lowered.compile()(x), np.linalg.cholesky(x), rtol=1e-9, atol=1e-9)
