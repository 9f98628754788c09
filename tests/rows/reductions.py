"""Reductions and cumulative operations: sums, products with zeros among the factors, extrema with ties."""

import numpy as np

from rows.row import Edge, Row, booleans, distinct, exactly, normal, positive

ORDERED = "complex numbers have no order"


def recurrence(a, b):
    """t[i] = a[i] t[i-1] + b[i] along the first axis."""
    out = np.array(b)
    for i in range(1, len(b)):
        out[i] += a[i] * out[i - 1]
    return out


def backwards(f):
    return lambda *xs: np.flip(f(*[np.flip(x, 0) for x in xs]), 0)


def of_length(n):
    """A recurrence over vectors, few and many of them: the kernel goes two ways."""
    return [normal(n, 3), normal(n, 3)]


ONE_ZERO = exactly([[1.5, 0.0, 2.0], [0.5, 3.0, -2.0]])
TWO_ZEROS = exactly([[0.0, 1.5, 0.0], [0.5, 3.0, -2.0]])

ROWS = [
    Row("sum", [normal(2, 3)], {"axes": (1,)}, value=lambda x: x.sum(1)),
    Row("sum", [normal(2, 3, 2)], {"axes": (0, 2)}, value=lambda x: x.sum((0, 2))),
    Row("sum", [normal(2, 3)], {"axes": ()}, value=lambda x: x),
    Row("sum", [normal()], {"axes": ()}, value=lambda x: x),
    Row("sum", [normal(2, 0)], {"axes": (1,)}, value=lambda x: x.sum(1), constant="of nothing"),
    Row("prod", [normal(4)], {"axes": (0,)}, value=np.prod),
    Row("prod", [normal(2, 3, 2)], {"axes": (0, 2)}, value=lambda x: x.prod((0, 2))),
    Row("prod", [normal(2, 3)], {"axes": ()}, value=lambda x: x),
    Row("prod", [normal()], {"axes": ()}, value=lambda x: x),
    Row("prod", [normal(2, 0)], {"axes": (1,)}, value=lambda x: x.prod(1), constant="of nothing"),
    Row("prod", [normal(2, 1)], {"axes": (1,)}, value=lambda x: x.prod(1)),
    Row("prod", [ONE_ZERO], {"axes": (1,)}, value=lambda x: x.prod(1), label="with a zero"),
    Row("prod", [TWO_ZEROS], {"axes": (1,)}, value=lambda x: x.prod(1), label="with two zeros"),
    Row("prod", [TWO_ZEROS], {"axes": (0, 1)}, value=np.prod, label="with two zeros, over both"),
    Row(
        "prod",
        [positive(3)],
        {"axes": (0,)},
        edges=[
            Edge([[0.0, 3.0, 4.0]], [[12.0, 0.0, 0.0]], second=[[7.0, 4.0, 3.0]]),
            Edge([[0.0, 0.0, 4.0]], [[0.0, 0.0, 0.0]], second=[[4.0, 4.0, 0.0]]),
            Edge([[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]], second=[[0.0, 0.0, 0.0]]),
            Edge([[0.0, 1e200, 1e-200]], [[1.0, 0.0, 0.0]]),
        ],
        label="at zeros",
    ),
    # extrema
    Row("max", [distinct(3, 4)], {"axes": (1,)}, value=lambda x: x.max(1), real_only=ORDERED),
    Row("max", [distinct(2, 3, 2)], {"axes": (0, 2)}, value=lambda x: x.max((0, 2)), real_only=ORDERED),
    Row("max", [distinct()], {"axes": ()}, value=lambda x: x, real_only=ORDERED),
    Row(
        "max",
        [distinct(4)],
        {"axes": (0,)},
        real_only=ORDERED,
        edges=[
            Edge([[1.0, 3.0, 3.0, 2.0]], [[0.0, 0.5, 0.5, 0.0]], second=[[0.0] * 4], masked=[[0.0] * 4]),
            Edge([[2.0, 2.0, 2.0, 2.0]], [[0.25] * 4]),
            Edge([[-np.inf, 1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]]),
            Edge([[1.0, np.nan, 3.0, np.nan]], [[0.0, 0.5, 0.0, 0.5]]),
        ],
        label="with ties",
    ),
    Row("min", [distinct(3, 4)], {"axes": (0,)}, value=lambda x: x.min(0), real_only=ORDERED),
    Row("min", [distinct(2, 3)], {"axes": (0, 1)}, value=np.min, real_only=ORDERED),
    Row(
        "min",
        [distinct(4)],
        {"axes": (0,)},
        real_only=ORDERED,
        edges=[
            Edge([[1.0, 3.0, 1.0, 2.0]], [[0.5, 0.0, 0.5, 0.0]], second=[[0.0] * 4], masked=[[0.0] * 4]),
            Edge([[np.inf, np.inf, np.inf, np.inf]], [[0.25] * 4]),
            Edge([[1.0, np.nan, 3.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]]),
        ],
        label="with ties",
    ),
    # positions and truth
    Row("argmax", [distinct(3, 4)], {"axis": 1}, value=lambda x: x.argmax(1), real_only=ORDERED, constant="a position"),
    Row("argmin", [distinct(3, 4)], {"axis": 0}, value=lambda x: x.argmin(0), real_only=ORDERED, constant="a position"),
    Row("any", [booleans(3, 4)], {"axes": (1,)}, value=lambda x: x.any(1)),
    Row("any", [exactly([0.0, 0.0, 2.0])], {"axes": (0,)}, value=np.any, constant="true or false"),
    Row("any", [normal(0)], {"axes": (0,)}, value=np.any, constant="true or false"),
    Row("all", [booleans(3, 4)], {"axes": (0, 1)}, value=np.all),
    Row("all", [exactly([0.0, 1.0, 2.0])], {"axes": (0,)}, value=np.all, constant="true or false"),
    Row("all", [normal(0)], {"axes": (0,)}, value=np.all, constant="true or false"),
    # cumulative
    Row("cumsum", [normal(4)], {"axis": 0, "reverse": False}, value=np.cumsum),
    Row("cumsum", [normal(2, 3)], {"axis": 1, "reverse": True}, value=lambda x: x[:, ::-1].cumsum(1)[:, ::-1]),
    Row("cumsum", [normal(2, 0)], {"axis": 1, "reverse": True}, value=lambda x: x),
    Row("cumprod", [normal(4)], {"axis": 0, "reverse": False}, value=np.cumprod),
    Row("cumprod", [normal(2, 3)], {"axis": 1, "reverse": True}, value=lambda x: x[:, ::-1].cumprod(1)[:, ::-1]),
    Row("cumprod", [normal(2, 1)], {"axis": 1, "reverse": False}, value=lambda x: x),
    Row("cumprod", [normal(0, 2)], {"axis": 0, "reverse": False}, value=lambda x: x),
    Row("cumprod", [ONE_ZERO], {"axis": 1, "reverse": False}, value=lambda x: x.cumprod(1), label="with a zero"),
    Row("cumprod", [TWO_ZEROS], {"axis": 1, "reverse": False}, value=lambda x: x.cumprod(1), label="with two zeros"),
    Row("recurrence", of_length(4), {"axis": 0, "reverse": False}, value=recurrence),
    Row("recurrence", of_length(4), {"axis": 0, "reverse": True}, value=backwards(recurrence)),
    Row(
        "recurrence",
        [normal(3, 20), normal(3, 20)],
        {"axis": 0, "reverse": True},
        value=backwards(recurrence),
        label="of many lanes",
    ),
    Row(
        "recurrence",
        [normal(2, 3), normal(2, 3)],
        {"axis": 1, "reverse": False},
        value=lambda a, b: recurrence(a.T, b.T).T,
    ),
    Row("recurrence", [normal(1), normal(1)], {"axis": 0, "reverse": False}, value=lambda a, b: b, wrt=(1,)),
    Row("recurrence", [normal(2, 0), normal(2, 0)], {"axis": 1, "reverse": False}, value=lambda a, b: b),
    Row("cummax", [distinct(2, 5)], {"axis": 1}, value=lambda x: np.maximum.accumulate(x, 1), real_only=ORDERED),
    Row("cummax", [distinct(0)], {"axis": 0}, value=lambda x: x, real_only=ORDERED),
    Row(
        "cummax",
        [distinct(5)],
        {"axis": 0},
        value=np.maximum.accumulate,
        real_only=ORDERED,
        edges=[
            Edge([[2.0, 1.0, 2.0, 3.0, 3.0]], [[3.0, 0.0, 0.0, 2.0, 0.0]], second=[[0.0] * 5], masked=[[0.0] * 5]),
            Edge([[1.0, np.nan, 5.0, np.nan]], [[1.0, 3.0, 0.0, 0.0]]),
        ],
    ),
    Row("cummin", [distinct(5, 2)], {"axis": 0}, value=lambda x: np.minimum.accumulate(x, 0), real_only=ORDERED),
    Row(
        "cummin",
        [distinct(4)],
        {"axis": 0},
        value=np.minimum.accumulate,
        real_only=ORDERED,
        edges=[Edge([[2.0, 2.0, 1.0, 4.0]], [[2.0, 0.0, 2.0, 0.0]], second=[[0.0] * 4], masked=[[0.0] * 4])],
    ),
]
