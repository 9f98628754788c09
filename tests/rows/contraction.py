"""Rows of dot_general: every fast case of the NumPy kernel, stacks, several axes of each sort, nothing summed."""

import numpy as np

from rows.row import Row, normal


def expected(contract, batch):
    """dot_general by np.einsum: the axes of x are numbered from 0, those of y that are not shared from 10."""

    def value(x, y):
        of_x, of_y = list(range(x.ndim)), list(range(10, 10 + y.ndim))
        for pair in (contract, batch):
            for i, j in zip(*pair, strict=True):
                of_y[j] = i
        shared = list(batch[0])
        free_x = [i for i in of_x if i not in (*contract[0], *shared)]
        return np.einsum(x, of_x, y, of_y, [*shared, *free_x, *[j for j in of_y if j >= 10]])

    return value


def row(x, y, contract, batch=((), ()), **more):
    params = {"contract": contract, "batch": batch}
    return Row("dot_general", [normal(*x), normal(*y)], params, value=expected(contract, batch), **more)


ROWS = [
    row((3,), (3,), ((0,), (0,))),
    row((3,), (3, 4), ((0,), (0,))),
    row((3,), (4, 3), ((0,), (1,))),
    row((2, 3), (3,), ((1,), (0,))),
    row((3, 2), (3,), ((0,), (0,))),
    row((2, 3), (3, 4), ((1,), (0,))),
    row((3, 2), (3, 4), ((0,), (0,))),
    row((2, 3), (4, 3), ((1,), (1,))),
    row((3, 2), (4, 3), ((0,), (1,))),
    row((2,), (3,), ((), ())),
    row((), (3,), ((), ())),
    row((2, 3), (2, 3), ((0, 1), (0, 1))),
    row((2, 3), (3, 2), ((0, 1), (1, 0))),
    row((5, 2, 3), (3, 4), ((2,), (0,))),
    row((2, 3), (5, 3, 4), ((1,), (1,))),
    row((3, 2), (5, 3, 4), ((0,), (1,))),
    row((5, 2, 3), (5, 3, 4), ((2,), (1,)), ((0,), (0,))),
    row((2, 5, 3), (4, 3, 5), ((2,), (1,)), ((1,), (2,))),
    row((5, 3), (5, 3), ((1,), (1,)), ((0,), (0,))),
    row((5, 2), (5, 3), ((), ()), ((0,), (0,))),
    row((2, 3), (3, 2), ((), ()), ((0, 1), (1, 0))),
    row((2, 3, 2, 4), (4, 2, 3, 5), ((3, 1), (0, 2)), ((2,), (1,))),
    row((0,), (0,), ((0,), (0,)), label="of nothing", constant="there is nothing in it"),
    row((2, 0), (0, 3), ((1,), (0,)), label="over nothing", constant="there is nothing in it"),
    row((40, 70), (70, 30), ((1,), (0,)), exhaustive=True),
    row((6, 40, 20), (6, 20, 30), ((2,), (1,)), ((0,), (0,)), exhaustive=True),
    row((2, 3, 4, 5), (5, 3, 4, 2), ((1, 2, 3), (1, 2, 0)), exhaustive=True),
]
