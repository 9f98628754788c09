"""The checking mode: programs are as good under it, and one that reads or writes outside a buffer is told so."""

import numpy as np
import pytest
from processes import printed_by
from test_native import LARGE
from test_native_levels import SMALL

import nabla as nb
from nabla.engines.native.compile import ENGINE
from nabla.engines.native.llvm.emission import Module
from nabla.engines.native.loops import Form, Load, Store, walk
from nabla.engines.native.runtime.machine import machine
from nabla.errors import ArgumentError, BoundsError, EngineError

PROGRAMS = {**LARGE, **SMALL}


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    monkeypatch.setenv("NABLA_CHECK", "accesses")


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_right_is_as_before(name, monkeypatch):
    f, *arrays = PROGRAMS[name]
    lowering = ENGINE.lower(nb.make_graph(f)(*arrays))
    found = lowering.compile().run(*arrays)
    assert lowering.accesses
    monkeypatch.setenv("NABLA_CHECK", "off")
    for a, b in zip(found, ENGINE.executable(nb.make_graph(f)(*arrays))(*arrays), strict=True):
        np.testing.assert_array_equal(a, b)


def moved(f, arrays, kind, by):
    """The program of f, compiled, with one access moved."""
    lowering = ENGINE.lower(nb.make_graph(f)(*arrays))
    access = next(s for s in walk(lowering.program.body) if type(s) is kind)
    access.at = Form(access.at.const + by, access.at.terms)
    module = Module(lowering.program, machine())
    lowering.source, lowering.accesses = module.text(), module.accesses
    return lowering.compile().run


@pytest.mark.parametrize("name", ["one number", "vectors", "with steps", "a scan", "in pieces"])
@pytest.mark.parametrize("kind", [Load, Store])
@pytest.mark.parametrize("by", [5, -1])
def test_what_is_wrong_is_named(name, kind, by):
    x = np.linspace(0.0, 1.0, {"one number": 1, "with steps": 500, "in pieces": 300_000}.get(name, 50))
    f = {
        "with steps": lambda x: nb.sin(x[::5]) * 2.0,
        "a scan": lambda x: nb.scan(lambda c, x: (c + x, c * x), 0.0, x)[1],
    }.get(name, lambda x: nb.sin(x) * x)
    run = moved(f, (x,), kind, by)
    for _ in range(2):
        with pytest.raises(EngineError, match=rf"an access outside its buffer: .*{kind.__name__.lower()}.*holds \d+ numbers"):
            run(x)


def test_switched_on_by_name(monkeypatch):
    monkeypatch.setenv("NABLA_CHECK", "all")
    with pytest.raises(ArgumentError, match="NABLA_CHECK is 'all'; it may be accesses or off"):
        nb.jit(lambda x: x + 5.0, engine="native")(1.0)


THREADS = """
import numpy as np
import nabla as nb
from nabla.engines.native.runtime.calling import is_short

nb.set_num_threads(2)
x = np.linspace(1.0, 2.0, 2000)
f = nb.jit(nb.gammaln, engine="native")
lowered = f.lower(x)
assert is_short(lowered.graph) and "pieces" in lowered.as_text("loops")
for _ in range(200):
    f(x)
print("not for ever")
"""


def test_a_short_program_waits_for_threads_that_look_for_signals():
    """For this they take Python's lock, which the caller of a short program keeps else."""
    assert printed_by(THREADS, NABLA_CACHE="off") == "not for ever\n"


# ---- indices out of bounds ------------------------------------------------------------------------------------


def written(x, i):
    x = x.copy()
    x[i] = 9.0
    return x


def added(x, i):
    x = x.copy()
    x[i] += 1.0
    return x


SMALLEST, LARGEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
INDICES = {
    "int64": [0, 2, 5, -1, -6, 6, -7, 1000, -1001, SMALLEST, SMALLEST + 3, LARGEST, LARGEST - 3],
    "int8": [-128, 127, -6, 5],
    "uint8": [255, 6, 5],
    "uint64": [LARGEST, 6, 5],
}


@pytest.mark.parametrize("engine", ["native", "xla"])
@pytest.mark.parametrize("n", [6, 1000])
@pytest.mark.parametrize("dtype", INDICES)
def test_indices_out_of_bounds(dtype, n, engine):
    """What is read there is NaN, what is written there is dropped, and no access is outside; eagerly they are errors."""
    x, given = np.arange(1.0, n + 1.0), np.array(INDICES[dtype] * 5, dtype)
    places = [int(i) % n if -n <= int(i) < n else None for i in given]
    inside = [i for i in places if i is not None]
    read = nb.jit(lambda x, i: x[i], engine=engine)
    np.testing.assert_array_equal(read(x, given), [np.nan if i is None else x[i] for i in places])
    expected = x.copy()
    expected[inside] = 9.0
    np.testing.assert_array_equal(nb.jit(written, engine=engine)(x, given), expected)
    sums = x.copy()
    np.add.at(sums, inside, 1.0)
    counted = nb.jit(lambda x, i: nb.grad(lambda x: x[i].sum())(x), engine=engine)
    np.testing.assert_array_equal(counted(x, given), sums - x)
    adding = nb.jit(added, engine=engine)
    for i, place in zip(given[: len(INDICES[dtype])], places):
        np.testing.assert_array_equal(adding(x, i), x if place is None else x + np.eye(n)[place])
    if len(inside) < len(places):
        for f in (lambda x, i: x[i], written, added):
            with pytest.raises(BoundsError, match="out of bounds"):
                np.asarray(f(nb.array(x), nb.array(given)))


def test_several_indices_out_of_bounds():
    m = np.arange(12.0).reshape(3, 4)
    i, j = np.array([0, 3, -4, 2, -1]), np.array([4, 1, 1, -5, -4])
    nan = np.nan
    np.testing.assert_array_equal(nb.jit(lambda m, i, j: m[i, j], engine="native")(m, i, j), [nan, nan, nan, nan, 8.0])
    np.testing.assert_array_equal(nb.jit(written, engine="native")(m, i), [[9.0] * 4, m[1], [9.0] * 4])
    rows = nb.jit(lambda m, i: nb.take(m, i, axis=0), engine="native")(m, i)
    np.testing.assert_array_equal(rows, [m[0], [nan] * 4, [nan] * 4, m[2], m[2]])
    numbers = nb.jit(lambda m, i: m[i], engine="native")
    for dtype, there in (("int32", np.iinfo("i4").min), ("uint8", 255), ("bool", True)):
        np.testing.assert_array_equal(numbers(m.astype(dtype), i)[1], np.full(4, there, dtype))
