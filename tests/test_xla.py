"""The XLA engine against the NumPy engine: every primitive in every mode, as one compiled graph.

The graph of a row has as outputs its value, its derivatives in both modes and of second order in all four nestings, and what
vmap makes of its value and its gradient. In float64 and complex128 one row a primitive goes through all of that; its other
dtypes, and all further rows, through the value and one gradient.
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

    def __init__(self):
        self.tokens = Tokens((Token("a graph for two engines", placeholder=True),))
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


def check(row, dtype, program):
    case, inputs = Case(row, dtype), Inputs()
    graph, captured = close(program(case, inputs), inputs.nodes)
    arrays = [*inputs.arrays, *values(captured)]
    expected = [np.asarray(x) for x in compile_numpy(graph)(*arrays)]
    found = compile_xla(graph)(*arrays)
    announced = [(node.shape, node.dtype) for node in graph.outputs]
    assert [(x.shape, x.dtype) for x in found] == announced
    same(found, expected, RTOL[dtype], f"{row} {dtype}")


def first_rows():
    """For each primitive its first row, and the dtype in which it goes through every mode."""
    seen = {}
    for row in ROWS:
        if row.prim not in seen and not row.exhaustive and row.all_dtypes():
            seen[row.prim] = row
    return seen


FIRST = first_rows()
THOROUGH = [(row, dtype) for row in FIRST.values() for dtype in row.all_dtypes() if dtype != "float32"]
BRIEF = [(row, "float32") for row in FIRST.values() if "float32" in row.all_dtypes()]


def test_every_primitive_is_in_the_table():
    assert set(PRIMITIVES) - {prim.name for prim in (*KERNELS, *HOST)} == set(WITHOUT_KERNEL)
    assert not set(KERNELS) & HOST


@pytest.mark.parametrize(("row", "dtype"), THOROUGH, ids=[f"{row} {dtype}" for row, dtype in THOROUGH])
def test_every_mode(row, dtype):
    check(row, dtype, every_mode)


@pytest.mark.parametrize(("row", "dtype"), BRIEF, ids=[f"{row} {dtype}" for row, dtype in BRIEF])
def test_value_and_gradient(row, dtype):
    check(row, dtype, value_and_gradient)
