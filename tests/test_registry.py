"""Every primitive in every mode and dtype: the table.

tests/rows/ says with which inputs, table.py what a cell is and how it is checked. `make test` checks each row in each
of its dtypes at an ordinary size, all modes in one test; the tests marked `exhaustive` add further sizes. That the two
leave no cell out, that no primitive lacks a row and that no kernel is missing, is tested here, too.
"""

import itertools
from math import prod

import pytest
from rows import ROWS
from rows.row import COMPLEX, REAL, dtypes_of
from table import MODES, AtEdge, Case, check_cell, strict_engine

from nabla.engines.numpy.table import KERNELS
from nabla.primitives.base import REGISTRY
from nabla.primitives.elementwise import Elementwise

PRIMITIVES = dict(REGISTRY)  # as imported: another test may add one
ENGINES = {"numpy": KERNELS}
WITHOUT_KERNEL = {
    "constant": "it is made with its value",
    "leaf": "it is made with its value",
    "placeholder": "it has no value",
    "axis": "the batch sweep of its vmap puts the numbers of the lanes in its place",
    "axis_index": "the batch sweep of its vmap rewrites it",
    "psum": "the batch sweep of its vmap rewrites it",
    "pmax": "the batch sweep of its vmap rewrites it",
    "all_gather": "the batch sweep of its vmap rewrites it",
    "exchange": "the batch sweep of its vmap rewrites it",
    "permute": "the batch sweep of its vmap rewrites it",
}

OF_ONE_SIZE = {
    **dict.fromkeys(["constant", "variable", "leaf", "placeholder", "detach", "output", "named"], "it computes nothing"),
    **dict.fromkeys(["axis", "axis_index", "psum", "pmax"], "the batch sweep puts something else in its place"),
    **dict.fromkeys(["all_gather", "exchange", "permute", "constrain", "put"], "it moves lanes or whole arrays"),
    **dict.fromkeys(["call", "cond", "while", "scan"], "what it computes is its graph's"),
    "first_only": "it is met as a part of what is differentiated at equal eigenvalues",
    **dict.fromkeys(["custom", "callback"], "what it computes is its user's"),
    "lu": "it is met as a part of what is solved and differentiated with it",
}

# ---- sizes ----------------------------------------------------------------------------------------------------

SHAPES = {  # of elementwise primitives, by the number of inputs
    1: {"0-d": [()], "empty": [(0,), (3, 0, 2)], "large": [(70, 70)]},
    2: {
        "0-d": [((), ())],
        "empty": [((0,), (0,)), ((0,), (1,)), ((), (3, 0)), ((2, 1), (1, 0))],
        "large": [((70, 70), (70, 70)), ((1, 2000), (3, 1)), ((), (2000,))],
        "broadcasting": [
            ((), (2, 3)), ((2, 3), ()), ((3,), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1, 3), (2, 1)),
            ((2, 1, 3), (4, 1)), ((4, 1), (2, 1, 3)), ((1, 1), (3,)), ((1,), ()), ((1, 2, 1), (2, 2, 1)),
        ],
    },
}  # fmt: skip
PERMUTED = list(itertools.permutations([(2, 1), (3,), ()]))
SHAPES[3] = {
    "0-d": [((), (), ())],
    "empty": [((0,), (0,), (0,)), ((0,), (1,), ()), ((2, 1), (), (1, 0))],
    "large": [((12, 12),) * 3, ((1, 800), (3, 1), ())],  # some are integrals; more than a block of those
    "broadcasting": list(itertools.permutations([(2, 1), (3,), ()])) + [((2, 3), (1,), (1, 1)), ((1,), (2, 1), (4, 1, 3))],
}
SHAPES[4] = {
    "0-d": [((), (), (), ())],
    "empty": [((0,), (1,), (), (0,)), ((2, 1), (), (1, 0), ())],
    "large": [((12, 12),) * 4, ((1, 20), (10, 1), (), (1,))],
    "broadcasting": [((2, 3), (1,), (), (3,)), ((), (2, 1), (1, 3), (1, 1)), ((3,), (2, 1), (4, 1, 3), (1,))],
}


def resized(row):
    """An elementwise row in the further sizes: (size, row)."""
    for size, choices in SHAPES[len(row.inputs)].items():
        for choice in choices:
            shapes = choice if len(row.inputs) > 1 else (choice,)
            yield size, row.with_inputs([x.of(*shape) for x, shape in zip(row.inputs, shapes, strict=True)])


def size_of(row):
    """The name of the size of a row's own inputs."""
    if any(0 in x.shape for x in row.inputs):
        return "empty"
    return "large" if any(prod(x.shape) >= 100 for x in row.inputs) else "ordinary"


def in_further_sizes():
    """The exhaustive rows, and for each elementwise primitive and dtype the first row that resizes, resized."""
    seen = set()
    for row in ROWS:
        for dtype in row.all_dtypes():
            if row.exhaustive:
                yield size_of(row), row, dtype
            elif (row.prim, dtype) not in seen and row.resizes():
                seen.add((row.prim, dtype))
                yield from ((size, other, dtype) for size, other in resized(row))


FAST = [(row, dtype) for row in ROWS if not row.exhaustive for dtype in row.all_dtypes()]
FURTHER = list(in_further_sizes())

# What the tests below cover: (primitive, mode, dtype, engine, size).
FAST_CELLS = {(row.prim, mode, dtype, "numpy", size_of(row)) for row, dtype in FAST for mode in MODES}
FURTHER_CELLS = {(row.prim, mode, dtype, "numpy", size) for size, row, dtype in FURTHER for mode in MODES}


@pytest.mark.parametrize(("row", "dtype"), FAST, ids=[f"{row} {dtype}" for row, dtype in FAST])
def test_row(row, dtype):
    case = Case(row, dtype)
    with strict_engine():
        for mode in MODES:
            check_cell(case, mode)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "row", "dtype"), FURTHER, ids=[f"{row} {dtype} {size}" for size, row, dtype in FURTHER])
def test_row_in_a_further_size(size, row, dtype):
    case = Case(row, dtype)
    with strict_engine():
        for mode in MODES:
            check_cell(case, mode)


EDGES = [(row, edge) for row in ROWS for edge in row.edges]
EDGE_NAMES = [f"{row.prim} at {edge.inputs} {edge.dtype}" for row, edge in EDGES]


@pytest.mark.parametrize(("row", "edge"), EDGES, ids=[f"{row.prim} at {edge.inputs} {edge.dtype}" for row, edge in EDGES])
def test_edge(row, edge):
    case = AtEdge(row, edge)
    with strict_engine():
        case.check_gradient()
        if edge.second is not None:
            case.check_second()
        if edge.masked is not None:
            case.check_masked()


# ---- nothing is left out --------------------------------------------------------------------------------------


def needed_dtypes(prim):
    """All that a primitive takes, less what all its rows leave out and say why."""
    rows = [row for row in ROWS if row.prim == prim.name]
    without_complex, without_real = all(row.real_only for row in rows), all(row.complex_only for row in rows)
    return [name for name in dtypes_of(prim) if not (without_complex and name in COMPLEX) and not (without_real and name in REAL)]


def needed_sizes(prim):
    if isinstance(prim, Elementwise):
        inputs = next(len(row.inputs) for row in ROWS if row.prim == prim.name)
        return ["ordinary", *SHAPES[inputs]]
    return ["ordinary"] if prim.name in OF_ONE_SIZE else ["ordinary", "empty", "large"]


def test_every_primitive_has_a_row():
    missing = sorted(set(PRIMITIVES) - {row.prim for row in ROWS})
    assert not missing, f"add a row to tests/rows/ for: {', '.join(missing)}"


def test_every_row_is_of_a_primitive():
    assert {row.prim for row in ROWS} <= set(PRIMITIVES)


def test_every_row_has_its_own_name():
    names = [str(row) for row in ROWS]
    assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})


@pytest.mark.parametrize("engine", ENGINES)
def test_every_primitive_has_a_kernel_and_every_kernel_a_primitive(engine):
    with_kernel = {prim.name for prim in ENGINES[engine] if prim.name in PRIMITIVES}
    assert set(PRIMITIVES) - with_kernel == set(WITHOUT_KERNEL)
    strangers = [prim.name for prim in ENGINES[engine] if REGISTRY.get(prim.name) is not prim]
    assert not strangers


def test_no_cell_is_left_out():
    with_rows = [prim for prim in PRIMITIVES.values() if any(row.prim == prim.name for row in ROWS)]
    whole = {
        (prim.name, mode, dtype, engine, size)
        for prim in with_rows
        for size in needed_sizes(prim)
        for mode, dtype, engine in itertools.product(MODES, needed_dtypes(prim), ENGINES)
    }
    missing = sorted({(cell[0], cell[2], cell[4]) for cell in whole - FAST_CELLS - FURTHER_CELLS})
    assert not missing, missing
