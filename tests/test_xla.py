"""The XLA engine against the NumPy engine: every primitive in every mode, as one compiled graph.

The graph of a row has as outputs its value, its derivatives in both modes and of second order in all four nestings, and what
vmap makes of its value and its gradient. The first row of each primitive goes through all of that in float64 (`make test-all`: and
in complex128), and through the value and one gradient in its other dtypes; so do its further rows in one dtype, all in one graph.
"""

import numpy as np
import pytest
from rows import ROWS
from sweeps import jvp, lanes, values, vjp
from table import LANES, Case, same
from test_registry import WITHOUT_KERNEL

from nabla.autodiff.closing import close
from nabla.engines.numpy.compile import compile as compile_numpy
from nabla.engines.xla.compile import compile as compile_xla
from nabla.engines.xla.table import HOST, KERNELS
from nabla.graph.tokens import Token, Tokens
from nabla.primitives.base import REGISTRY, Opaque
from nabla.primitives.structure import placeholder

PRIMITIVES = dict(REGISTRY)  # as imported: another test may add one
RTOL = {"float32": 2e-4, "float64": 1e-9, "complex128": 1e-9, "int64": 0.0}


class Inputs:
    """Placeholders for arrays, and the arrays."""

    def __init__(self, tokens=None):
        self.tokens = tokens or Tokens((Token("a graph for two engines", placeholder=True),))
        self.nodes, self.arrays = [], []

    def of(self, arrays):
        nodes = [placeholder(x.shape, x.dtype, self.tokens, f"input {len(self.nodes) + i}") for i, x in enumerate(arrays)]
        self.nodes += nodes
        self.arrays += [np.asarray(x) for x in arrays]
        return nodes


def is_differentiated(case):
    return bool(case.xs) and not isinstance(case.row.primitive, Opaque)


def value_and_gradient(case, inputs):
    xs = inputs.of(case.xs)
    outs = list(case.of(*xs))
    if is_differentiated(case):
        outs += case.pulled(*xs, *inputs.of(case.g))
    return outs


def every_mode(case, inputs):
    outs = value_and_gradient(case, inputs)
    stacked = inputs.of([np.stack(x) for x in zip(*case.draws, strict=True)])
    outs += lanes(case.whole, stacked, [True] * len(stacked), LANES)
    if not is_differentiated(case):
        return outs
    n = len(case.xs)
    xs, g = inputs.nodes[:n], inputs.nodes[n : n + len(case.g)]
    dx, dx_2, dx_3, g_2 = (inputs.of(arrays) for arrays in (case.dx, case.dx_2, case.dx_3, case.g_2))
    outs += case.pushed(*xs, *dx)
    outs += case.pulled_masked(*xs, *g)
    outs += jvp(case.pushed, [*xs, *dx], [*dx_2, *dx_3])
    outs += vjp(case.pushed, [*xs, *dx], g)
    outs += jvp(case.pulled, [*xs, *g], [*dx_2, *g_2])
    outs += vjp(case.pulled, [*xs, *g], dx)
    outs += lanes(case.pulled_at, [*stacked, *g], [True] * len(stacked) + [False] * len(g), LANES)
    return outs


def check(cases, program):
    """All cases as one graph, each with its own inputs and outputs."""
    inputs, outs, parts = Inputs(), [], []
    for case in cases:
        mine = Inputs(inputs.tokens)
        found = program(case, mine)
        inputs.nodes += mine.nodes
        inputs.arrays += mine.arrays
        parts.append((case, slice(len(outs), len(outs) + len(found))))
        outs += found
    graph, captured = close(outs, inputs.nodes)
    arrays = [*inputs.arrays, *values(captured)]
    expected = [np.asarray(x) for x in compile_numpy(graph)(*arrays)]
    found = [np.asarray(x) for x in compile_xla(graph)(*arrays)]
    announced = [(node.shape, node.dtype) for node in graph.outputs]
    assert [(x.shape, x.dtype) for x in found] == announced
    for case, part in parts:
        same(found[part], expected[part], RTOL[str(case.dtype)], f"{case.row} {case.dtype}")


def first_rows():
    """For each primitive its first row, and the dtype in which it goes through every mode."""
    seen = {}
    for row in ROWS:
        if row.prim not in seen and not row.exhaustive and row.all_dtypes():
            seen[row.prim] = row
    return seen


def further_rows(first):
    """The other rows of that primitive."""
    return [row for row in ROWS if row.prim == first.prim and row is not first and not row.exhaustive and row.all_dtypes()]


FIRST = first_rows()
FURTHER = {prim: rows for prim, first in FIRST.items() if (rows := further_rows(first))}
CELLS = [(row, dtype) for row in FIRST.values() for dtype in row.all_dtypes()]


def is_thorough(row, dtype):
    """Whether the dtype is the one in which every mode is checked even in haste."""
    return dtype in ("float64", "int64") or row.all_dtypes() == (dtype,)


def marked(cells):
    """In every mode: complex128 by `make test-all` alone, float32 not at all, since second derivatives leave it few digits."""
    return [
        pytest.param(row, dtype, id=f"{row} {dtype}", marks=[] if is_thorough(row, dtype) else [pytest.mark.exhaustive])
        for row, dtype in cells
        if dtype != "float32"
    ]


BRIEF = [(row, dtype) for row, dtype in CELLS if not is_thorough(row, dtype)]


def test_every_primitive_is_in_the_table():
    assert set(PRIMITIVES) - {prim.name for prim in (*KERNELS, *HOST)} == set(WITHOUT_KERNEL)
    assert not set(KERNELS) & HOST


@pytest.mark.parametrize(("row", "dtype"), marked(CELLS))
def test_every_mode(row, dtype):
    check([Case(row, dtype)], every_mode)


@pytest.mark.parametrize(("row", "dtype"), BRIEF, ids=[f"{row} {dtype}" for row, dtype in BRIEF])
def test_value_and_gradient(row, dtype):
    check([Case(row, dtype)], value_and_gradient)


@pytest.mark.parametrize("prim", FURTHER)
def test_further_rows(prim):
    check([Case(row, row.all_dtypes()[-1]) for row in FURTHER[prim]], value_and_gradient)
