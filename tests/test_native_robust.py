"""Many threads, forks, the end of the process, other processes, and many programs: compiled code minds none of them."""

import ast

import pytest
from processes import TESTS, printed_by

THREADS = """
import threading
import numpy as np
import nabla as nb

def step(c, x):
    return nb.sin(c) * x + c, c

f = nb.jit(lambda x, k: nb.value_and_grad(lambda x: nb.scan(step, x.sum() * k, x)[0])(x), engine="native")
inputs = [np.linspace(0.0, 1.0, n) for n in (3, 50, 3000)]
start = threading.Barrier(8)
found, failed = [[] for _ in range(8)], []

def work(i):
    try:
        start.wait()
        for turn in range(60):
            for x in inputs[i % 3 :] + inputs[: i % 3]:
                value, gradient = f(x, 0.5)
                found[i].append((x.size, float(value), np.asarray(gradient).tobytes()))
    except BaseException as error:
        failed.append(error)

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
print(len({row for rows in found for row in rows}), {len(rows) for rows in found})
"""

FORK = """
import os
import numpy as np
import nabla as nb

x = np.linspace(0.0, 1.0, 40)
functions = [nb.jit(nb.grad(lambda x, k=k: (nb.tanh(x * k) * nb.exp(x)).sum()), engine="native") for k in range(12)]
programs = [f.traced(x)[0].compilation().run for f in functions]
expected = [run(x)[0].tobytes() for run in programs]
for run in programs:
    run.__self__[5]()  # the second compilation is due
child = os.fork()
late = nb.jit(lambda x: nb.sin(x) * 7.0, engine="native")(x)
assert np.allclose(late, np.sin(x) * 7.0, rtol=1e-15)
assert [run(x)[0].tobytes() for run in programs] == expected
if not child:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

BUSY = """
import os, threading, warnings
import numpy as np
import nabla as nb

nb.set_num_threads(2)
x = np.linspace(0.0, 1.0, 400_000)
f = nb.jit(nb.value_and_grad(lambda x: (nb.tanh(x) * nb.exp(x)).sum()), engine="native")
assert "pieces" in f.lower(x).as_text("loops")
expected = [np.asarray(y).tobytes() for y in f(x)]
stop, wrong = threading.Event(), []

def work():
    while not stop.is_set():
        if [np.asarray(y).tobytes() for y in f(x)] != expected:
            wrong.append(1)

threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
warnings.filterwarnings("ignore", message=".*multi-threaded", category=DeprecationWarning)
codes = []
for k in range(6):
    child = os.fork()
    if not child:
        late = nb.jit(lambda x: nb.sin(x) * k, engine="native")(x)
        same = [np.asarray(y).tobytes() for y in f(x)] == expected and np.allclose(late, np.sin(x) * k, rtol=1e-14)
        os._exit(0 if same else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
for thread in threads:
    thread.join()
print(codes, wrong)
"""

HELD = """
import gc, os, threading
import numpy as np
import nabla as nb
from nabla.forks import HOLDERS

entered, leave = threading.Event(), threading.Event()
x = np.linspace(0.0, 1.0, 5)

def slow(x):
    if threading.current_thread() is not threading.main_thread():
        entered.set()
        leave.wait()
    return nb.sin(x).sum()

def hold(i):
    with list(HOLDERS)[i]._lock:
        entered.set()
        leave.wait()

def pause():
    nb.grad(lambda x: slow(sum([x * float(k) for k in range(400)])))(x)
    chain = nb.pure_callback(lambda x: (entered.set(), leave.wait(), x)[2], nb.ShapeDtype((5,), "float64"), x)
    for _ in range(300):
        chain = chain + 1.0
    float(chain.sum())

def child_while(work, *args):
    entered.clear(), leave.clear()
    thread = threading.Thread(target=work, args=args)
    thread.start()
    entered.wait()
    child = os.fork()
    if not child:
        weight = nb.array(x, requires_grad=True)
        with nb.no_grad():
            weight[0] = 1.0
        (weight * f(x)).sum().backward()
        assert np.allclose(nb.jit(nb.grad(nb.jit(lambda x: nb.scan(lambda c, r: (c * r, c), 1.0, x)[0])))(x + 1.0)[0], 6.5625)
        assert gc.isenabled()
        os._exit(0)
    leave.set()
    thread.join()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

f = nb.jit(slow, static_argnums=())
print([child_while(work, *args) for work, *args in [(f, x), (pause,), *[(hold, i) for i in range(len(HOLDERS))]]])
"""

END = """
import numpy as np
import nabla as nb

x = np.linspace(0.0, 1.0, 40)
for k in range(12):
    run = nb.jit(nb.grad(lambda x: (nb.tanh(x * k) * nb.exp(x)).sum()), engine="native").traced(x)[0].compilation().run
    run(x)
    run.__self__[5]()
print("end")
"""

MANY = """
import gc
import numpy as np
import nabla as nb

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

x = np.linspace(0.0, 1.0, 20)

def some(first, count):
    for k in range(first, first + count):
        f = nb.jit(lambda x: nb.scan(lambda c, x: (nb.sin(c) * x + k, None), 0.0, x)[0], engine="native")
        for _ in range({calls}):
            f(x)

some(0, {warm})
before = resident()
some(1000, {count})
print((resident() - before) / {count} < {bytes})
"""

TEXTS = """
import hashlib, sys
sys.path.insert(0, {tests!r})
import numpy as np
import nabla as nb
from nabla.engines.native.compile import ENGINE
from test_native import LARGE
from test_native_levels import SMALL
from test_native_loops import PROGRAMS, X

programs = [*LARGE.values(), *SMALL.values(), *[(f, X) for f in PROGRAMS.values()]]
programs.append((lambda a: (nb.linalg.svd(a), nb.linalg.eigh(a), nb.linalg.qr(a)), np.eye(12)))
for f, *arrays in programs:
    print(hashlib.sha256(ENGINE.lower(nb.make_graph(f)(*arrays)).source.encode()).hexdigest())
"""


def test_eight_threads_compile_and_call_one_function():
    assert printed_by(THREADS, NABLA_CACHE="off") == "3 {180}\n"


def test_a_fork_while_programs_are_compiled_again():
    assert printed_by(FORK, NABLA_CACHE="off") == "0\n"


def test_forks_while_threads_share_loops():
    assert printed_by(BUSY, NABLA_CACHE="off") == "[0, 0, 0, 0, 0, 0] []\n"


def test_forks_while_another_thread_traces_or_holds_a_lock():
    assert set(ast.literal_eval(printed_by(HELD, NABLA_CACHE="off"))) == {0}


def test_the_end_while_programs_are_compiled_again():
    assert printed_by(END, NABLA_CACHE="off") == "end\n"


@pytest.mark.parametrize("tiers", ["on", "off"])
def test_programs_that_are_gone_leave_nothing(tiers):
    code = MANY.format(calls=50, warm=100, count=150, bytes=20_000)
    assert printed_by(code, NABLA_CACHE="off", NABLA_TIERS=tiers) == "True\n"


def test_each_process_writes_the_same_texts():
    """Under which object code lies on the disk; what lies where in the memory of a process says nothing."""
    assert printed_by(TEXTS.format(tests=TESTS)) == printed_by(TEXTS.format(tests=TESTS))
