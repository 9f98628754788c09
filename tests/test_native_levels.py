"""Quick code first, better code later: the same bits, swapped between calls, off on request."""

import threading
import time
from gc import collect

import numpy as np
import pytest
from test_native import LARGE, RNG, lorenz

import nabla as nb
from nabla.engines.native.compile import ENGINE
from nabla.engines.native.runtime import levels, objects, tiers
from nabla.engines.native.runtime.levels import FULL, QUICK


def until(condition):
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def code_of(run):
    """What a built-in function of calling.py runs."""
    return run.__self__[5].__self__


@pytest.fixture
def emitted(monkeypatch):
    """The levels of programs that are compiled, in order; nothing comes from the disk."""
    seen, real = [], objects.emitted

    def emitted(text, level):
        seen.extend([level] if "@run(" in text else [])
        return real(text, level)

    monkeypatch.setattr(objects, "emitted", emitted)
    monkeypatch.setenv("NABLA_CACHE", "off")
    monkeypatch.delenv("NABLA_TIERS", raising=False)
    return seen


def test_what_programs_share_is_compiled_once(monkeypatch):
    monkeypatch.setenv("NABLA_CACHE", "off")
    texts, real = [], objects.emitted
    monkeypatch.setattr(objects, "emitted", lambda text, level: texts.append(text) or real(text, level))
    x = np.arange(96.0)
    for k in (2.0, 3.0):
        found = nb.jit(lambda x, k=k: k * x.reshape(32, 3).sum(1), engine="native")(x)
        assert np.array_equal(found, k * x.reshape(32, 3).sum(1))
    programs = [text for text in texts if "@run(" in text]
    assert len(programs) == 2 and not any("alwaysinline" in text for text in programs)
    assert sum("@evenly.spaced.v" in text for text in texts if text not in programs) <= 1


def every(x):
    """Functions of the C library, and what LLVM likes to change: powers, quotients, comparisons."""
    parts = [nb.exp(x), nb.log(x), nb.sin(x), nb.cos(x), nb.tan(x), nb.tanh(x), nb.erf(x), nb.expm1(x), nb.log1p(x), nb.cbrt(x)]
    parts += [x**3, x**2.0, x**0.5, nb.power(x, x), x / 3.0, 1.0 / x, nb.arctan2(x, 2.0), nb.sinh(x), nb.where(x > 1.0, x, -x)]
    return sum(parts[1:], parts[0])


SMALL = {
    "all functions": (every, RNG.uniform(0.1, 2.0, 3)),
    "of one number": (every, np.float64(0.7)),
    "all functions, long": (every, RNG.uniform(0.1, 2.0, 1003)),
    "their gradient": (nb.grad(lambda x: every(x).sum()), RNG.uniform(0.1, 2.0, 1003)),
    "in single precision": (lambda x: every(x).sum(), RNG.uniform(0.1, 2.0, 1003).astype("f4")),
    "of constants": (lambda x: every(nb.array(0.7)) + x, np.float64(0.0)),
    "a loop": (nb.value_and_grad(lorenz), np.ones(3), np.array([10.0, 28.0, 8 / 3])),
    "sums of products": (lambda a, b: (a * b + a).sum() + (a * b - b).prod(), RNG.normal(size=777), RNG.normal(size=777)),
}
PROGRAMS = {**LARGE, **SMALL}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_bits(name, emitted):
    f, *arrays = PROGRAMS[name]
    run = ENGINE.executable(nb.make_graph(f)(*arrays))
    code = code_of(run)
    first = [np.asarray(x).tobytes() for x in run(*arrays)]
    code._improve()
    assert emitted == [QUICK, FULL]
    assert [np.asarray(x).tobytes() for x in run(*arrays)] == first


LEFT = 8
"""Where the table of a program has the nanoseconds that it runs before it is hot."""


def test_what_has_run_for_a_while_is_compiled_again(emitted):
    f = nb.jit(lambda x: nb.sin(x) * x + 1.0, engine="native")
    x = np.ones(5)
    code = code_of(f.traced(x)[0].compilation().run)
    assert emitted == [QUICK] and code.left > 10_000
    left, address = 10**15, code.address
    code.table[LEFT] = left
    for _ in range(100):
        f(x)
        assert 0 < code.table[LEFT] < left
        left = code.table[LEFT]
    assert code.address == address and emitted == [QUICK]
    code.table[LEFT] = 1
    f(x)
    assert code.table[LEFT] < 0 and emitted == [QUICK]
    f(x)
    until(lambda: code.address != address)
    assert emitted == [QUICK, FULL] and code.table[0] == code.address
    for _ in range(100):
        f(x)
    assert emitted == [QUICK, FULL] and code.table[LEFT] == 0


def test_only_the_time_of_turns_that_are_taken_counts(emitted):
    f = nb.jit(lambda n: nb.while_loop(lambda i: i < n, lambda i: i + 1, 0), engine="native")
    code = code_of(f.traced(1)[0].compilation().run)

    def taken(turns):
        code.table[LEFT] = 10**15
        f(turns)
        return 10**15 - code.table[LEFT]

    assert taken(1) < taken(100_000_000) and emitted == [QUICK]
    code.table[LEFT] = code.left
    f(100_000_000)
    assert code.table[LEFT] < 0


def test_a_program_that_runs_long_is_compiled_well_at_once(emitted):
    f = nb.jit(lambda x: nb.scan(lambda x, _: (nb.sin(x), None), x, None, length=1_000_000)[0], engine="native")
    run = f.traced(np.float64(1.0))[0].compilation().run
    assert emitted == [FULL] and code_of(run).left == 0


def test_tiers_can_be_switched_off(emitted, monkeypatch):
    monkeypatch.setenv("NABLA_TIERS", "off")
    f = nb.jit(lambda x: nb.sin(x) * x + 2.0, engine="native")
    assert code_of(f.traced(np.ones(5))[0].compilation().run).left == 0 and emitted == [FULL]


def test_the_disk_is_asked_for_the_better_code_first(emitted, monkeypatch, tmp_path):
    monkeypatch.setenv("NABLA_CACHE", "on")
    monkeypatch.setenv("NABLA_CACHE_DIR", str(tmp_path))

    def compiled():
        return code_of(nb.jit(lambda x: nb.sin(x) * x + 3.0, engine="native").traced(np.ones(5))[0].compilation().run)

    compiled()
    assert emitted == [QUICK]
    quick = compiled()
    assert emitted == [QUICK] and quick.left
    quick._improve()
    assert compiled().left == 0 and emitted == [QUICK, FULL]


def test_what_is_gone_is_not_compiled_again(emitted):
    f = nb.jit(lambda x: nb.sin(x) * x + 4.0, engine="native")
    code = code_of(f.traced(np.ones(5))[0].compilation().run)
    free = threading.Event()
    tiers.submit(lambda: free.wait(30))
    code.hot()
    code.hot()
    del f, code
    collect()
    free.set()
    last = tiers.submit(lambda: None)
    until(lambda: last.done)
    assert emitted == [QUICK]


def test_calls_while_the_code_changes(emitted, monkeypatch):
    monkeypatch.setattr(levels, "STATEMENT", 10_000)
    f = nb.jit(nb.grad(lambda x: (nb.tanh(x) * x).sum()), engine="native")
    x = RNG.normal(size=37)
    run = f.traced(x)[0].compilation().run
    expected, wrong = run(x)[0].tobytes(), []

    def calls():
        for _ in range(2000):
            if run(x)[0].tobytes() != expected:
                wrong.append(1)

    threads = [threading.Thread(target=calls) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(emitted) == 2)
    assert not wrong and run(x)[0].tobytes() == expected
