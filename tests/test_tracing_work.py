"""What tracing costs, in work that can be counted: it grows with the program and no faster, and the heap is not searched."""

import sys

import numpy as np
import pytest

import nabla as nb
from nabla.graph.simplify import simplify
from nabla.transforms import capture

X = np.linspace(0.1, 0.9, 4)


def lines_of(run):
    """How many lines of Python `run` executes."""
    count = 0

    def tracer(frame, event, argument):
        nonlocal count
        count += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def chain(n):
    def f(x):
        y = x
        for _ in range(n):
            y = nb.sin(y) * x
        return y.sum()

    return f


def wide(n):
    def f(x):
        return nb.stack([nb.sin(x * (1.0 + i)) for i in range(n)]).sum()

    return f


def reads(n):
    def f(x):
        total = x[0]
        for i in range(n):
            total = total + x[i % 4]
        return total

    return f


def writes(n):
    def f(x):
        y = x.copy()
        for i in range(n):
            y[i % 4] = nb.sin(y[(i + 1) % 4])
        return y.sum()

    return f


def inside_scan(n):
    return lambda x: nb.scan(lambda c, _: (chain(n)(c) * x, None), x, None, 3)[0].sum()


def inside_cond(n):
    return lambda x: nb.cond(x.sum() > 0.0, lambda v: chain(n)(v) * x, lambda v: v + x, x).sum()


def inside_while(n):
    return lambda x: nb.while_loop(lambda v: v.sum() > 100.0, lambda v: chain(n)(v) * x, x).sum()


@pytest.mark.parametrize("make", [chain, wide, reads, writes, inside_scan, inside_cond, inside_while])
def test_work_grows_with_the_program_and_no_faster(make):
    def work(n):
        f = nb.jit(nb.value_and_grad(make(n)), engine="numpy")
        return lines_of(lambda: simplify(f.lower(X).graph))

    work(10)
    small, middle, large = work(30), work(60), work(120)
    assert (large - middle) < 2.1 * (middle - small)


@pytest.mark.parametrize("make", [chain, inside_scan])
def test_a_long_program_is_no_deeper_than_a_short_one(make):
    limit = sys.getrecursionlimit()
    f = nb.jit(nb.value_and_grad(make(2 * limit)), engine="numpy")
    assert len(simplify(f.lower(X).graph).nodes) > 0


def test_a_trace_searches_the_heap_only_for_tensors_that_it_found_by_no_road(monkeypatch):
    searched = []
    find = capture.gc.get_referrers
    monkeypatch.setattr(capture.gc, "get_referrers", lambda *nodes: searched.append(nodes) or find(*nodes))

    def loss(x):
        y = nb.zeros_like(x) + nb.zeros(4) + 2.0 * x
        return nb.linalg.solve(nb.diag(y) + nb.eye(4), x).sum() + nb.fft.irfft(nb.fft.rfft(x)).sum() + 3.0 * y.sum()

    for _ in range(2):  # the second meets constants that the first has made
        value, gradient = nb.jit(nb.value_and_grad(loss), engine="numpy")(X)
        assert np.isfinite(value).all() and np.isfinite(gradient).all()
        assert not searched
    weights = iter([nb.asarray(X)] * 2)
    nb.jit(lambda x: next(weights) * x, engine="numpy")(X)
    assert len(searched) == 1


COMMON = [lambda: nb.asarray(2.0), lambda: nb.zeros(4), lambda: nb.ones(4), lambda: nb.grad(lambda x: 0.0)(nb.asarray(X))]


@pytest.mark.parametrize("make", COMMON)
def test_a_tensor_is_known_by_its_handle_though_its_value_is_a_common_one(make):
    """Of zeros, ones and numbers there is one node for all derivatives; no handle stands on it."""
    hidden = iter([(w := make())] * 2)
    f = nb.jit(lambda x: x * next(hidden), engine="numpy")
    before = f(X)
    w[...] = 5.0
    np.testing.assert_array_equal(f(X), 5.0 * X)
    assert f.compilations == 1 and not np.array_equal(before, f(X))


def test_a_container_is_taken_apart_once_for_all_its_leaves(monkeypatch):
    taken = []
    leaves = nb.tree.leaves
    monkeypatch.setattr(nb.tree, "leaves", lambda x: taken.append(x) or leaves(x))
    weights = [nb.asarray(X) for _ in range(100)]
    f = nb.jit(lambda x: sum(w * x for w in weights), engine="numpy")
    close = np.testing.assert_allclose
    close(f(X), 100.0 * X * X)
    weights[7] = nb.zeros(4)
    close(f(X), 99.0 * X * X)
    assert f.compilations == 1, f.explain()
    assert len(taken) < 10
