"""The work of compiling grows with the size of a graph and no faster, in calls of functions and in lines of code."""

import sys

import numpy as np
import pytest

import nabla as nb
from nabla.engines.native.checking import checked
from nabla.engines.native.compile import ENGINE, written
from nabla.engines.native.llvm.emission import Module
from nabla.engines.native.loops import Cut
from nabla.engines.native.passes.parts import LARGEST as LARGEST_PART
from nabla.engines.native.runtime.levels import LARGEST, QUICK, Code
from nabla.engines.native.runtime.machine import machine
from nabla.graph.simplify import simplify


def chain(x, n):
    for _ in range(n // 2):
        x = x * 1.01 + 0.3
    return x


def tree(x, n):
    xs = [nb.sin(x + float(i)) for i in range(n // 3)]
    while len(xs) > 1:
        xs = [a + b for a, b in zip(xs[::2], xs[1::2])] + xs[len(xs) // 2 * 2 :]
    return xs[0]


def loops(x, n):
    for _ in range(n // 10):
        x = nb.scan(lambda c, _: (c * 1.01, None), x, None, length=10)[0] + 1.0
    return x


def calls(x, n):
    """Calls inside calls, 30 deep."""

    def deeper(x, depth):
        return x * 1.01 if depth == 0 else nb.jit(lambda x: deeper(x, depth - 1) + 0.3)(x)

    for _ in range(n // 30):
        x = deeper(x, 29)
    return x


KINDS = {
    "a chain of numbers": (chain, np.float64(1.0)),
    "a chain of small tensors": (chain, np.ones(4)),
    "a chain of arrays": (chain, np.ones(1000)),
    "a tree of numbers": (tree, np.float64(1.0)),
    "a tree of arrays": (tree, np.ones(1000)),
    "loops": (loops, np.ones(100)),
    "calls": (calls, np.ones(100)),
    "the gradient of a chain": (lambda x, n: nb.grad(lambda x: nb.sin(chain(x, n)).sum())(x), np.ones(1000)),
}


def work(f, x, n):
    """Calls of functions, and lines of code, for n operations."""
    graph = simplify(nb.make_graph(lambda x: f(x, n))(x))
    calls = 0

    def count(frame, event, arg):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        text = Module(written(graph)[0], machine()).text()
    finally:
        sys.setprofile(None)
    return calls, text.count("\n")


@pytest.mark.parametrize("kind", KINDS)
def test_work_is_proportional(kind):
    f, x = KINDS[kind]
    work(f, x, 100)  # once, what is asked of the machine once
    small, large = work(f, x, 300), work(f, x, 1500)
    for a, b in zip(small, large):
        assert b < 5.5 * a + 500


def branches(x, n):
    """What all of it hands on: numbers, truth values, places, arrays, in double and in single precision."""
    k, small = nb.argmax(x), x[:3].astype("f4")
    for i in range(n // 10):
        big = x[k % 3] > 0.5 * i
        x = nb.cond(big, nb.sin, lambda x: x * 0.9, x) - nb.mean(x) * small[i % 3]
        small = nb.where(big, small * 0.5, -small)
    return x.sum() + small.sum()


SOLVES = {"solutions": (lambda x, n: sum(nb.linalg.solve(x + 40.0 * nb.eye(40), x)[0].sum() for _ in range(n)), np.ones((40, 40)))}


@pytest.mark.parametrize("kind", [*KINDS, "branches", *SOLVES])
def test_parts_of_long_programs_hand_on_what_others_need(kind, monkeypatch):
    f, x = {**KINDS, **SOLVES, "branches": (branches, np.linspace(0.1, 2.0, 50))}[kind]
    monkeypatch.setattr("nabla.engines.native.passes.parts.LARGEST", 20)
    n = 4 if kind in SOLVES else 100
    value_and_grad = nb.value_and_grad(lambda x: nb.sin(f(x, n)).sum())
    program = written(simplify(nb.make_graph(value_and_grad)(x)), checked)[0]
    assert any(type(s) is Cut for s in program.body) or kind == "the gradient of a chain"
    found, expected = (nb.jit(value_and_grad, engine=engine)(x) for engine in ("native", "numpy"))
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_no_function_of_a_long_program_is_long():
    """Each has room on the stack for all of its numbers."""
    graph = simplify(nb.make_graph(nb.grad(lambda x: chain(nb.sin(chain(x, 3000)), 3000).sum()))(np.ones(4)))
    functions = Module(written(graph)[0], machine()).text().split("define ")
    assert len(functions) > 3 and max(text.count("\n") for text in functions) < 8 * LARGEST_PART


@pytest.mark.parametrize("x", [np.float64(1.0), np.ones(4)])
def test_a_long_chain_runs(x):
    """Nothing goes deeper with each operation, and the code is compiled in blocks."""
    f = nb.jit(nb.grad(lambda x: chain(x, 10_000).sum()), engine="native")
    assert np.allclose(f(x).numpy(), 1.01**5_000, rtol=1e-9)


def test_very_long_code_is_compiled_quickly_only(monkeypatch):
    lowering = ENGINE.lower(nb.make_graph(lambda x: chain(x, 100))(1.0))
    monkeypatch.setattr("nabla.engines.native.runtime.levels.objects.built", lambda text, level, *names: Built(level))
    monkeypatch.setenv("NABLA_CACHE", "off")
    for tiers in ("on", "off"):
        monkeypatch.setenv("NABLA_TIERS", tiers)
        code = Code(lowering.source + "\n" * LARGEST, 1, 1.0)
        assert code.address == QUICK and code.left == 0


class Built:
    def __init__(self, level):
        self.addresses = {"run": level}
