"""NumPy's further functions."""

import numpy as np
from rows.row import booleans, distinct, exactly, integers, nonzero, normal

import nabla as nb
from operators.operator import Operator

ORDER = "complex numbers have no order"
POSITIONS = "positions"
STEPS = "piecewise constant"
TRUTH = "true or false"
VALUES = "its shape depends on values"
MATRIX = normal(2, 3)
SET = ("float64",)
SETS = ["intersect1d", "setdiff1d", "setxor1d", "union1d"]


def nb_sorted(x):
    return np.sort(x) if isinstance(x, np.ndarray) else nb.sort(x)


def largest_two(x):
    return np.sort(x)[:-3:-1], np.argsort(x)[:-3:-1]


def sum_of_squares(roots, c):
    """Roots in no order."""
    return (roots(c) ** 2).sum() if isinstance(c, np.ndarray) else nb.sum(roots(c) ** 2)


def sums_by_number(x, w):
    """NumPy's bincount takes no complex weights."""
    return np.stack([w[x == i].sum(dtype=np.result_type(w, np.float64)) for i in range(3)])


def in_bins(f, x, w):
    return f(x, bins=3, range=(-3, 3), weights=w)


def in_cells(f, *args):
    """What is in each cell; the edges are numbers."""
    *xs, w = args
    return f(*xs, 3, [(-3, 3)] * 2, weights=w)[0]


def segments(name, of, **more):
    """Reduced over the first two elements, and over the third."""
    return Operator(
        f"segment_{name}",
        [distinct(3)],
        call=lambda f, x: f(x, np.array([0, 0, 1]), num_segments=2),
        value=lambda x: np.stack([of(x[:2]), of(x[2:])]).astype(x.dtype),
        **more,
    )


OPERATORS = [
    Operator("append", [MATRIX, normal(2)]),
    Operator("insert", [normal(4), normal()], call=lambda f, x, y: f(x, 2, y)),
    Operator("delete", [normal(4)], call=lambda f, x: f(x, 1)),
    Operator("resize", [MATRIX], call=lambda f, x: f(x, (3, 3))),
    Operator("block", [MATRIX, normal(2, 1)], call=lambda f, x, y: f([[x, y], [x, y]])),
    Operator("diagflat", [normal(3)]),
    Operator("dsplit", [normal(1, 2, 4)], call=lambda f, x: f(x, 2)),
    Operator("rollaxis", [normal(2, 3, 4)], call=lambda f, x: f(x, 2)),
    Operator("trim_zeros", [nonzero(4)], unmapped=VALUES),
    Operator("choose", [integers(0, 2, 3), normal(3), normal(3)], call=lambda f, i, x, y: f(i, [x, y], mode="clip")),
    Operator("select", [booleans(3), normal(3), normal(3)], call=lambda f, c, x, y: f([c], [x], y)),
    Operator("convolve", [normal(5), normal(3)]),
    Operator("correlate", [normal(5), normal(3)]),
    Operator("modf", [nonzero(2, 3)], real_only=ORDER),
    Operator("frexp", [nonzero(2, 3)], real_only=ORDER),
    Operator("ldexp", [MATRIX, integers(0, 3, 3)], real_only=ORDER),
    Operator("fix", [nonzero(2, 3)], constant=STEPS, real_only=ORDER),
    Operator("spacing", [nonzero(2, 3)], constant=STEPS, real_only=ORDER),
    Operator("real_if_close", [MATRIX], dtypes=("float32", "float64")),
    *[Operator(name, [MATRIX], constant=TRUTH) for name in ("iscomplex", "isreal")],
    *[Operator(name, [MATRIX], constant=TRUTH, real_only=ORDER) for name in ("isneginf", "isposinf")],
    *[Operator(name, [integers(1, 30, 2, 3), integers(1, 30, 3)], dtypes=("int64",)) for name in ("gcd", "lcm")],
    Operator("bitwise_count", [integers(-30, 30, 2, 3)], dtypes=("int64",)),
    Operator("kaiser", [normal()], call=lambda f, x: f(5, x), dtypes=("float64",)),
    # sorting, counting
    Operator("partition", [distinct(5)], call=lambda f, x: nb_sorted(f(x, 2)), value=np.sort),
    Operator("argpartition", [distinct(5)], call=lambda f, x: f(x, 2), value=np.argsort, constant=POSITIONS),
    Operator("lexsort", [distinct(5), distinct(5)], call=lambda f, *xs: f(xs), constant=POSITIONS),
    Operator("sort_complex", [distinct(5)], value=lambda x: np.sort(x).astype(complex)),
    Operator("topk", [distinct(5)], call=lambda f, x: f(x, 2), value=largest_two, real_only=ORDER),
    Operator("digitize", [normal(5), exactly([-1.0, 0.0, 1.0])], constant=POSITIONS, real_only=ORDER),
    Operator("bincount", [integers(0, 3, 5), normal(5)], {"length": 3}, value=sums_by_number),
    Operator("histogram", [normal(5), normal(5)], call=in_bins, wrt=(1,), real_only=ORDER),
    Operator("histogram_bin_edges", [distinct(5)], {"bins": 3}, real_only=ORDER),
    Operator("histogram2d", [normal(5), normal(5), normal(5)], call=in_cells, wrt=(2,), real_only=ORDER),
    Operator("histogramdd", [normal(5, 2), normal(5)], call=in_cells, wrt=(1,), real_only=ORDER),
    # segments
    *[segments(name, of) for name, of in [("sum", np.sum), ("mean", np.mean), ("prod", np.prod)]],
    *[segments(name, of, real_only=ORDER) for name, of in [("max", np.max), ("min", np.min)]],
    # fits and roots
    Operator("polyfit", [exactly([0.0, 1.0, 2.0, 3.5]), normal(4)], call=lambda f, x, y: f(x, y, 2)),
    Operator("roots", [exactly([1.0, -6.0, 11.0, -6.0])], value=None, call=sum_of_squares, dtypes=("float64", "complex128")),
    # sets
    *[
        Operator(name, [distinct(4), distinct(5)], unmapped=VALUES, dtypes=SET)
        for name in ("intersect1d", "setdiff1d", "setxor1d", "union1d")
    ],
]
