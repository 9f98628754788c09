"""Further sizes of what is not elementwise: every choice of axes, empty and large ones. Only for `make test-all`.

What the values should be is said by the rows of the families; here they are checked in float32 against float64, in lanes
against loops, and their derivatives against differences.
"""

from functools import partial
from itertools import combinations, permutations, product

from nabla import dtypes
from rows.linalg import both, solved, solved_transposed
from rows.row import Row, booleans, distinct, integers, invertible, normal, positive_definite

Further = partial(Row, exhaustive=True)
Ordered = partial(Further, real_only="complex numbers have no order")
SHAPE, LARGE, EMPTY = (2, 3, 2), (30, 40), (2, 0, 3)
EVERY_AXES = [axes for n in range(4) for axes in combinations(range(3), n)]


def further(row, name, shapes, params=None, draw=normal, **options):
    """One row, told from those of the family by its label."""
    return row(name, [draw(*shape) for shape in shapes], params or {}, label="further", **options)


def over_axes(row, name, draw=normal, large=LARGE, axes=EVERY_AXES, **options):
    """A reduction over every choice of axes, over many elements, and of nothing over what is not empty."""
    choices = [*product([SHAPE], axes), (large, (1,)), (EMPTY, (0, 2))]
    return [further(row, name, [shape], {"axes": axes}, draw, **options) for shape, axes in choices]


def along_axes(row, name, draw=normal, large=LARGE, more=({},), **options):
    """What runs along one axis: every axis, each choice of its other parameters, many elements and none."""
    choices = [*product([SHAPE], range(3)), *product([large], range(2)), (EMPTY, 0), (EMPTY, 2)]
    return [
        further(row, name, [shape], {"axis": axis, **params}, draw, **options) for params, (shape, axis) in product(more, choices)
    ]


BOTH_WAYS = ({"reverse": False}, {"reverse": True})
UP_AND_DOWN = ({"descending": False}, {"descending": True})
TRUTH, POSITION = "true or false", "a position"

REDUCTIONS = [
    *over_axes(Further, "sum"),
    *over_axes(Further, "prod", large=(5, 40)),
    *over_axes(Ordered, "max", distinct),
    *over_axes(Ordered, "min", distinct),
    *over_axes(Ordered, "softmax", axes=EVERY_AXES[1:]),
    *over_axes(Ordered, "log_softmax", axes=EVERY_AXES[1:]),
    *over_axes(Ordered, "logsumexp"),
    *over_axes(Further, "any", constant=TRUTH),
    *over_axes(Further, "all", booleans),
    *along_axes(Ordered, "argmax", distinct, constant=POSITION),
    *along_axes(Ordered, "argmin", distinct, constant=POSITION),
]

RUNNING = [
    *along_axes(Further, "cumsum", more=BOTH_WAYS),
    *along_axes(Further, "cumprod", more=BOTH_WAYS, large=(12, 40)),
    *along_axes(Ordered, "cummax", distinct),
    *along_axes(Ordered, "cummin", distinct),
    *along_axes(Further, "sort", distinct, more=UP_AND_DOWN),
    *along_axes(Further, "argsort", distinct, more=UP_AND_DOWN, constant=POSITION),
    *[
        further(Further, "recurrence", [shape, shape], {"axis": axis, **params})
        for params in BOTH_WAYS
        for shape, axis in [(SHAPE, 0), (SHAPE, 1), (SHAPE, 2), ((15, 30), 0), ((30, 15), 1), (EMPTY, 1), (EMPTY, 2)]
    ],
]

CONVERSIONS = {"float32": dtypes.float64, "float64": dtypes.complex128, "complex128": dtypes.complex128}
MOVING = [
    *[further(Further, "transpose", [(2, 1, 3, 2)], {"perm": perm}) for perm in permutations(range(4))],
    *[further(Further, "transpose", [shape], {"perm": (1, 0)}) for shape in (LARGE, (0, 3))],
    *[further(Further, "flip", [SHAPE], {"axes": axes}) for axes in EVERY_AXES],
    *[further(Further, "flip", [shape], {"axes": (0,)}) for shape in (LARGE, EMPTY)],
    *[further(Further, "reshape", [(30, 40)], {"shape": shape}) for shape in [(1200,), (40, 30), (2, 3, 4, 50)]],
    *[further(Further, "broadcast", [shape], {"shape": (30, 40)}) for shape in [(), (40,), (30, 1), (1, 1)]],
    further(Further, "broadcast", [(4, 1, 30)], {"shape": (2, 4, 3, 30)}),
    *[further(Further, "broadcast", [shape], {"shape": (2, 0, 3)}) for shape in [(0, 1), (1, 0, 3)]],
    *[further(Further, "concat", [shape] * 3, {"axis": 1}) for shape in (LARGE, SHAPE, (2, 0), (0, 2))],
    *[
        further(partial(Further, complex_only="reals do not come here"), name, [shape])
        for name in ("real", "imag", "conj")
        for shape in [(), (0, 3), LARGE]
    ],
    *[
        Further("convert", [normal(*shape)], {"dtype": target}, dtypes=(source,), label=f"from {source}")
        for source, target in CONVERSIONS.items()
        for shape in [(), (0, 3), LARGE]
    ],
]

ROW_30, ROW_3, ROW_40 = (0, 30, 1), (0, 3, 1), (0, 40, 1)
NONE_OF_4 = [normal(4, 3), normal(0, 3), integers(0, 4, 0)]
FIFTY_OF_30 = [normal(30, 40), normal(50, 40), integers(0, 30, 50)]
HALVES = {"shape": (40, 30), "specs": (((0, 20, 1), ROW_30), ((20, 20, 1), ROW_30)), "disjoint": True}
NOTHING_AND_ALL = {"shape": (2, 3), "specs": (((0, 0, 1), ROW_3), ((0, 2, 1), ROW_3)), "disjoint": True}
ROWS_BY_NUMBER = {"spec": (None, ROW_40), "unique": False}
FEW_BY_NUMBER = {"spec": (None, ROW_3), "unique": False}

INDEXING = [
    Further("index", [normal(30, 40)], {"spec": ((28, 14, -2), (0, 13, 3))}),
    Further("index", [normal(30, 40), integers(-40, 40, 50)], {"spec": (ROW_30, None), "unique": False}),
    Further("index", [normal(0, 4)], {"spec": ((0, 0, 1), 2)}),
    Further("index", [normal(4, 3), integers(0, 4, 0)], FEW_BY_NUMBER),
    Further("index_set", [normal(30, 40), normal(40)], {"spec": (7, ROW_40)}),
    Further("index_set", FIFTY_OF_30, ROWS_BY_NUMBER),
    Further("index_set", NONE_OF_4, FEW_BY_NUMBER),
    Further("index_add", FIFTY_OF_30, ROWS_BY_NUMBER),
    Further("index_add", NONE_OF_4, FEW_BY_NUMBER),
    Further("index_add", [normal(0, 3), normal(3)], {"spec": ((0, 0, 1), ROW_3)}),
    Further("assemble", [normal(20, 30), normal(20, 30)], HALVES),
    Further("assemble", [normal(0, 3), normal(2, 3)], NOTHING_AND_ALL),
]


def triangular(shape, **options):
    params = [{"lower": lower, "transposed": turned, "unit": False} for lower, turned in product((True, False), repeat=2)]
    inputs = [invertible(*shape), normal(*shape[:-1], 2)]
    return [Further("triangular_solve", inputs, choice, **options) for choice in params]


OfNothing = partial(Further, constant="there is nothing in it")
NO_MATRICES = [(0, 0), (0, 2, 2), (2, 0, 0)]
LINALG = [
    *[OfNothing("det", [normal(*shape)]) for shape in NO_MATRICES[1:]],
    *[OfNothing("slogdet", [normal(*shape)], build=both) for shape in NO_MATRICES],
    *[OfNothing("cholesky", [positive_definite(*shape)]) for shape in NO_MATRICES],
    *[OfNothing("lu_solve", [normal(*shape), normal(*shape[:-1], 2)], build=solved) for shape in NO_MATRICES],
    *[row for shape in NO_MATRICES for row in triangular(shape, constant="there is nothing in it")],
    *[OfNothing("cofactor", [normal(0, n, n)]) for n in (3, 4)],  # the smaller ones do without it
    *triangular((20, 20)),
    *triangular((2, 3, 4, 4)),
    Further("slogdet", [invertible(12, 12)], build=both),
    Further("slogdet", [invertible(2, 3, 4, 4)], build=both),
    Further("cofactor", [invertible(10, 10)]),
    Further("cholesky", [positive_definite(2, 3, 4, 4)]),
    Further("lu_solve", [invertible(2, 3, 4, 4), normal(2, 3, 4, 2)], build=solved),
    Further("lu_solve", [invertible(20, 20), normal(20, 3)], build=solved_transposed),
]

ROWS = [*REDUCTIONS, *RUNNING, *MOVING, *INDEXING, *LINALG]
