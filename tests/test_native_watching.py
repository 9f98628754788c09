"""Long runs end when the keyboard says so, and the next call works."""

import numpy as np
import pytest
from processes import printed_by

import nabla as nb
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import written
from nabla.engines.native.loops import Watch, walk
from nabla.engines.native.passes.watching import PAUSE
from nabla.graph.simplify import simplify

PROCESS = """
import os, signal, threading, time
import numpy as np
import nabla as nb

{function}
f = nb.jit(f, engine="native")
for arguments in (long, short):
    f.lower(*arguments).compile()
sent = []

def send():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(1.0, send).start()
try:
    f(*long)
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - sent[0] < 5.0)
f(*short)
print("to its end")
"""

LONG = {
    "a while loop": """
def f(x, y):
    return nb.while_loop(lambda v: v[0] < y, lambda v: (v[0] + 1.0, nb.sin(v[1])), (x, x))
long, short = (0.0, np.inf), (0.0, 10.0)
""",
    "while loops in a scan": """
def f(x, y):
    inner = lambda x: nb.while_loop(lambda v: v[0] < y, lambda v: (v[0] + 1.0, nb.sin(v[1])), (0.0, x))[1]
    return nb.scan(lambda c, _: (inner(c), None), x, None, length=10_000_000)[0]
long, short = (0.5, 1000.0), (0.5, -1.0)
""",
    "a scan": """
def f(x):
    turns = 2_000_000_000 if x.size == 1 else 3
    return nb.scan(lambda c, _: (nb.cond(c[0] < 2.0, nb.sin, lambda c: c, c), None), x, None, length=turns)[0]
long, short = (np.ones(1),), (np.ones(2),)
""",
    "nested loops": """
def f(x, y):
    return nb.fori_loop(0, y, lambda i, c: c + nb.sin(x[:, None] * x + c).sum(), 0.0)
long, short = (np.linspace(0.0, 1.0, 6000), 1000), (np.linspace(0.0, 1.0, 6000), 1)
""",
    "one large loop, by several threads": """
nb.set_num_threads(2)
def f(x, y):
    return sum(nb.sin(x[:, None, None] * x[:, None] + nb.cos(x + y + k)).sum() for k in range(4))
long, short = (np.linspace(0.0, 1.0, 3000), 1.0), (np.ones(3), 1.0)
""",
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_an_interrupt_ends_a_run(name):
    assert printed_by(PROCESS.format(function=LONG[name])) == "interrupted True\nto its end\n"


def statements(f, *arrays):
    return list(walk(written(simplify(nb.make_graph(f)(*arrays)), checked)[0].body))


def test_short_programs_do_not_look():
    x = np.ones(1000)
    for f in (lambda x: nb.sin(x).sum(), lambda x: nb.scan(lambda c, x: (nb.sin(c) * x, c), x[0], x)):
        assert not any(type(s) is Watch for s in statements(f, x))


def test_how_often_long_programs_look():
    def f(x):
        return nb.scan(lambda c, _: (nb.sin(c), None), x, None, length=10**9)[0]

    (watch,) = [s for s in statements(f, np.float64(1.0)) if type(s) is Watch and s.at.terms]
    assert PAUSE // 64 < watch.every <= PAUSE
    many = statements(
        lambda x: [nb.scan(lambda c, _: (nb.sin(c), None), x + k, None, length=10**6)[0] for k in range(30)], np.float64(1.0)
    )
    assert 1 <= sum(type(s) is Watch for s in many) < 10
