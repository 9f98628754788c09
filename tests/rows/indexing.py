"""Indexing: parts read and written, by ranges, integers and index arrays."""

import numpy as np

from rows.row import Edge, Row, exactly, integers, normal

ALL_OF_3 = (0, 3, 1)
ALL_OF_4 = (0, 4, 1)


def added(x, v, key, shape):
    """x with v added at key, element by element: duplicates add up."""
    out = np.array(x)
    np.add.at(out, key, np.broadcast_to(v, shape))
    return out


def written(x, v, key):
    out = np.array(x)
    out[key] = v
    return out


ROWS = [
    # reads
    Row("index", [normal(5)], {"spec": (2,)}, value=lambda x: x[2]),
    Row("index", [normal(5)], {"spec": ((3, 2, -2),)}, value=lambda x: x[3:0:-2]),
    Row("index", [normal(4, 3)], {"spec": (1, (0, 2, 2))}, value=lambda x: x[1, ::2]),
    Row("index", [normal(3, 40)], {"spec": (1, (0, 40, 1))}, value=lambda x: x[1], label="a small part"),
    Row("index", [normal()], {"spec": ()}, value=lambda x: x),
    Row("index", [normal(3)], {"spec": ((0, 0, 1),)}, value=lambda x: x[:0]),
    Row("index", [normal(5), exactly([4, 0, 4])], {"spec": (None,), "unique": False}, value=lambda x, i: x[i]),
    Row("index", [normal(5), exactly([3, -5])], {"spec": (None,), "unique": True}, value=lambda x, i: x[i]),
    Row("index", [normal(5), exactly(2)], {"spec": (None,), "unique": True}, value=lambda x, i: x[i]),
    Row(
        "index",
        [normal(3, 4), integers(-4, 4, 2, 2)],
        {"spec": (ALL_OF_3, None), "unique": False},
        value=lambda x, i: x.T[i],
    ),
    Row(
        "index",
        [normal(3, 2, 4), integers(0, 3, 2, 1), integers(0, 4, 3)],
        {"spec": (None, (0, 2, 1), None), "unique": False},
        value=lambda x, i, j: x.transpose(0, 2, 1)[i, j],
    ),
    Row(
        "index",
        [normal(2, 3, 2), integers(0, 3, 4)],
        {"spec": (1, None, (1, 2, -1)), "unique": False},
        value=lambda x, i: x[1, :, ::-1][i],
    ),
    # writes
    Row("index_set", [normal(5), normal()], {"spec": (2,)}, value=lambda x, v: written(x, v, 2)),
    Row(
        "index_set", [normal(4, 3), normal(2, 3)], {"spec": ((3, 2, -2), ALL_OF_3)}, value=lambda x, v: written(x, v, np.s_[3:0:-2])
    ),
    Row("index_set", [normal(4, 3), normal(2, 1)], {"spec": ((0, 2, 1), ALL_OF_3)}, value=lambda x, v: written(x, v, np.s_[:2])),
    Row("index_set", [normal(), normal()], {"spec": ()}, value=lambda x, v: v),
    Row("index_set", [normal(3), normal(0)], {"spec": ((0, 0, 1),)}, value=lambda x, v: x),
    Row(
        "index_set",
        [normal(6), normal(2), exactly([4, -6])],
        {"spec": (None,), "unique": True},
        value=lambda x, v, i: written(x, v, i),
    ),
    Row(
        "index_set",
        [normal(4), normal(5), exactly([1, 3, 1, -1, 1])],
        {"spec": (None,), "unique": False},
        value=lambda x, v, i: written(x, v, i),
        edges=[
            Edge(
                [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0, 9.0], [1, 3, 1, -1, 1]],
                [[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0], None],
            )
        ],
        label="with repeats",
    ),
    Row(
        "index_set",
        [normal(3, 4), normal(3, 3), integers(0, 4, 3)],
        {"spec": (ALL_OF_3, None), "unique": False},
        value=lambda x, v, i: written(x, v.T, np.s_[:, i]),
    ),
    Row(
        "index_set",
        [normal(3, 2, 4), normal(3, 1), integers(0, 3, 2, 1), integers(0, 4, 3)],
        {"spec": (None, (0, 2, 1), None), "unique": False},
        value=lambda x, v, i, j: written(x.transpose(0, 2, 1), v, (i, j)).transpose(0, 2, 1),
    ),
    # additions
    Row(
        "assemble",
        [normal(), normal()],
        {"shape": (3,), "specs": ((2,), (0,)), "disjoint": True},
        value=lambda a, b: np.stack([b, np.zeros_like(a), a]),
    ),
    Row(
        "assemble",
        [normal(2, 3), normal(3), normal(3, 2)],
        {"shape": (4, 3), "specs": (((0, 2, 2), ALL_OF_3), (2, ALL_OF_3), ((1, 3, 1), (2, 2, -2))), "disjoint": False},
        value=lambda a, b, c: (
            added(np.zeros((4, 3), a.dtype), a, np.s_[::2], (2, 3))
            + added(np.zeros((4, 3), a.dtype), b, 2, (3,))
            + added(np.zeros((4, 3), a.dtype), c, np.s_[1:, ::-2], (3, 2))
        ),
    ),
    Row("index_add", [normal(5), normal()], {"spec": (2,)}, value=lambda x, v: added(x, v, 2, ())),
    Row(
        "index_add", [normal(4, 3), normal(3)], {"spec": ((0, 2, 2), ALL_OF_3)}, value=lambda x, v: added(x, v, np.s_[::2], (2, 3))
    ),
    Row(
        "index_add",
        [normal(4), normal(5), exactly([1, 3, 1, -1, 1])],
        {"spec": (None,), "unique": False},
        value=lambda x, v, i: added(x, v, i, (5,)),
        label="with repeats",
    ),
    Row(
        "index_add",
        [normal(4, 3), normal(5, 3), exactly([1, 3, 1, -1, 1])],
        {"spec": (None, ALL_OF_3), "unique": False},
        value=lambda x, v, i: added(x, v, i, (5, 3)),
        label="rows with repeats",
    ),
    Row(
        "index_add",
        [normal(4), normal(), exactly([3, -4])],
        {"spec": (None,), "unique": True},
        value=lambda x, v, i: added(x, v, i, (2,)),
    ),
    Row(
        "index_add",
        [normal(3, 2, 4), normal(2), integers(0, 3, 2, 1), integers(0, 4, 3)],
        {"spec": (None, (0, 2, 1), None), "unique": False},
        value=lambda x, v, i, j: added(x.transpose(0, 2, 1), v, (i, j), (2, 3, 2)).transpose(0, 2, 1),
    ),
]
