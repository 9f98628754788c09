"""The threads that share loops: each piece is done once, by whomever, and nothing waits for ever."""

import ctypes
import os
import threading
import time

import numpy as np
import pytest
from processes import printed_by

import nabla as nb
from nabla.engines.native.runtime import objects, pool

PIECE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
PARALLEL = ctypes.CFUNCTYPE(None, PIECE, ctypes.c_void_p, ctypes.c_int64)

COUNTING = """
declare void @nabla_parallel(ptr, ptr, i64)

; One more in the place of this piece, after as many multiplications as the first number says.
define void @one(ptr %numbers, i64 %piece) {
begin:
  %work = load i64, ptr %numbers
  br label %loop
loop:
  %i = phi i64 [ 0, %begin ], [ %next, %loop ]
  %x = phi i64 [ 1, %begin ], [ %y, %loop ]
  %y = mul i64 %x, 3
  %next = add i64 %i, 1
  %on = icmp slt i64 %next, %work
  br i1 %on, label %loop, label %end
end:
  %odd = and i64 %y, 1
  %behind = add i64 %piece, 1
  %place = getelementptr i64, ptr %numbers, i64 %behind
  %before = load i64, ptr %place
  %after = add i64 %before, %odd
  store i64 %after, ptr %place
  ret void
}

define void @many(ptr %numbers, i64 %jobs, i64 %pieces) {
begin:
  br label %loop
loop:
  %i = phi i64 [ 0, %begin ], [ %next, %loop ]
  call void @nabla_parallel(ptr @one, ptr %numbers, i64 %pieces)
  %next = add i64 %i, 1
  %on = icmp slt i64 %next, %jobs
  br i1 %on, label %loop, label %end
end:
  ret void
}
"""


def parallel(function, pieces):
    """nabla_parallel of a function of Python."""
    PARALLEL(pool.pool().parallel)(PIECE(lambda _, piece: function(piece)), None, pieces)


@pytest.fixture
def many():
    pool.pool()
    library = objects.built(COUNTING, 2, "many")
    run = library.function("many", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64))

    def call(jobs, pieces, work=1):
        numbers = np.zeros(pieces + 1, np.int64)
        numbers[0] = work
        run(numbers.ctypes.data, jobs, pieces)
        return numbers[1:]

    return call


@pytest.fixture(autouse=True)
def threads():
    before = nb.get_num_threads()
    nb.set_num_threads(4)
    yield
    nb.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize(("jobs", "pieces", "work"), [(3000, 2, 1), (300, 7, 300), (20, 1000, 100), (3, 100_000, 1), (5, 1, 1)])
def test_each_piece_is_done_once(many, count, jobs, pieces, work):
    nb.set_num_threads(count)
    assert (many(jobs, pieces, work) == jobs).all()


def test_no_pieces():
    for count in (0, -1):
        parallel(lambda piece: pytest.fail("there is no piece"), count)


def test_pieces_are_done_at_the_same_time():
    meet = threading.Barrier(4)
    seen = set()

    def piece(i):
        meet.wait(30)
        seen.add((i, threading.get_ident()))

    parallel(piece, 4)
    assert {i for i, _ in seen} == {0, 1, 2, 3}
    assert len({thread for _, thread in seen}) == 4 and threading.get_ident() in {thread for _, thread in seen}
    assert pool.pool().count() == 3


def test_threads_that_sleep_wake_up():
    for _ in range(3):
        test_pieces_are_done_at_the_same_time()
        time.sleep(0.02)


def test_the_caller_sleeps_while_the_last_piece_takes_long():
    meet, done = threading.Barrier(2), []

    def piece(i):
        meet.wait(30)
        if threading.get_ident() != caller:
            time.sleep(0.05)
            done.append(i)

    caller = threading.get_ident()
    parallel(piece, 2)
    assert len(done) == 1


def test_a_job_within_a_job():
    seen = []
    parallel(lambda i: parallel(lambda k: seen.append((i, k)), 5), 6)
    assert sorted(seen) == [(i, k) for i in range(6) for k in range(5)]


def test_jobs_of_several_threads_of_python(many):
    found = []
    workers = [threading.Thread(target=lambda: found.append((many(200, 50, 100) == 200).all())) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [True] * 6


def test_how_many_threads_there_are(many):
    for count, pieces, others in ((4, 100, 3), (8, 3, 3), (8, 100, 7), (2, 100, 1), (1, 100, 1), (3, 2, 1), (3, 100, 2)):
        nb.set_num_threads(count)
        assert nb.get_num_threads() == count
        assert (many(1, pieces) == 1).all()
        assert pool.pool().count() == others


def test_settings_that_make_no_sense():
    for n in (0, -3, 1025):
        with pytest.raises(nb.ArgumentError, match=rf"set_num_threads takes from 1 to 1024 threads; got {n}"):
            nb.set_num_threads(n)
    for n in (2.0, "2", True, None):
        with pytest.raises(TypeError, match="set_num_threads takes a whole number of threads; got"):
            nb.set_num_threads(n)
    assert nb.get_num_threads() == 4


def test_the_environment(monkeypatch):
    monkeypatch.setattr(pool, "_limit", None)
    monkeypatch.setenv("NABLA_NUM_THREADS", "3")
    assert nb.get_num_threads() == 3
    monkeypatch.setattr(pool, "_limit", None)
    monkeypatch.setenv("NABLA_NUM_THREADS", "")
    assert nb.get_num_threads() == len(os.sched_getaffinity(0))
    for wrong in ("0", "-2", "many", "1025"):
        monkeypatch.setattr(pool, "_limit", None)
        monkeypatch.setenv("NABLA_NUM_THREADS", wrong)
        told = f"the environment variable NABLA_NUM_THREADS is '{wrong}'; it takes a number from 1 to 1024"
        with pytest.raises(nb.ArgumentError, match=told):
            nb.get_num_threads()


FORKS = """
import ctypes, os, threading, warnings
import nabla as nb
from nabla.engines.native.runtime import pool

PIECE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
PARALLEL = ctypes.CFUNCTYPE(None, PIECE, ctypes.c_void_p, ctypes.c_int64)

def parallel(function, pieces):
    PARALLEL(pool.pool().parallel)(PIECE(lambda _, piece: function(piece)), None, pieces)

def check():
    meet, seen = threading.Barrier(3), []
    parallel(lambda i: seen.append((meet.wait(20), i)), 3)
    assert sorted(i for _, i in seen) == [0, 1, 2]

def fork():
    child = os.fork()
    if not child:
        check()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

nb.set_num_threads(3)
check()
for _ in range(3):
    fork()
    check()
# While a job runs in another thread, for which the fork does not wait.
begun, free = threading.Event(), threading.Event()
def piece(i):
    begun.set()
    free.wait(20)
thread = threading.Thread(target=parallel, args=(piece, 3))
thread.start()
begun.wait(20)
# From Python 3.12 on a fork warns when it finds threads. Those without a job are gone by then, so there was no warning up to here.
warnings.filterwarnings("ignore", message=".*multi-threaded", category=DeprecationWarning)
fork()
assert not free.is_set()
free.set()
thread.join()
check()
print("well")
"""


def test_a_fork_has_threads_of_its_own():
    assert printed_by(FORKS) == "well\n"


ENDS = """
import ctypes, os, threading, time
import nabla as nb
from nabla.engines.native.runtime import pool
PIECE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
PARALLEL = ctypes.CFUNCTYPE(None, PIECE, ctypes.c_void_p, ctypes.c_int64)
nb.set_num_threads(4)
libc = ctypes.CDLL(None)
nap = ctypes.cast(libc.usleep, PIECE)
run = PARALLEL(pool.pool().parallel)
run(nap, 100, 4)
assert pool.pool().count() == 3
"""


def test_a_process_ends():
    printed_by(ENDS)
    # And while a thread that nobody waits for is at work, for half an hour; in both processes.
    printed_by(ENDS + "threading.Thread(target=run, args=(nap, 1_000_000, 7200), daemon=True).start()\ntime.sleep(0.05)\nos.fork()")


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64", "riscv64"])
def test_the_text_names_the_pause_of_the_architecture(architecture):
    text = pool.text(architecture)
    assert ("sse2.pause" in text, "aarch64.isb" in text) == (architecture == "x86_64", architecture == "aarch64")
    assert "$" not in text
    assert all(name.startswith("pthread_") for name in objects.outside(text))


def test_the_same_bits_by_any_number_of_threads():
    rng = np.random.default_rng(5)
    x, m = rng.normal(size=400_003), rng.normal(size=(601, 607))

    def program(x, m):
        value, slope = nb.value_and_grad(lambda x: (nb.sin(x) * nb.exp(-x * x)).sum())(x)
        return value, slope, x.max(), m.sum(axis=0), m.sum(axis=1), nb.tanh(m).T * 2.0

    f = nb.jit(program, engine="native")
    assert "pieces" in f.lower(x, m).as_text("loops")
    found = []
    for count in (1, 2, 3, 7):
        nb.set_num_threads(count)
        found.append([np.asarray(y).tobytes() for y in f(x, m)])
    assert all(bits == found[0] for bits in found)
