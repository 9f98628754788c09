"""The checking mode: programs are as good under it, and one that reads or writes outside a buffer is told so."""

import numpy as np
import pytest
from processes import printed_by
from test_native import LARGE
from test_native_levels import SMALL

import nabla as nb
from nabla.engines.native.compile import ENGINE
from nabla.engines.native.emission import Module
from nabla.engines.native.loops import Form, Load, Store, walk
from nabla.engines.native.machine import machine
from nabla.errors import ArgumentError, EngineError

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
from nabla.engines.native.calling import is_short

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
