"""Rows of systems whose matrix has a structure: banded, Toeplitz."""

from dataclasses import replace

import numpy as np
import scipy.linalg

from nabla import linalg
from rows.row import Input, Row, invertible, normal


def band(lower, upper, n, *stack):
    """Bands with a large main diagonal."""

    def draw(rng, shape, dtype):
        x = normal(*shape)(rng, dtype)
        x[..., upper, :] = x[..., upper, :] + 6.0
        return x

    return Input(draw, (*stack, lower + upper + 1, n), resizes=False)


def dense(x, lower, upper):
    n = x.shape[-1]
    out = np.zeros((*x.shape[:-2], n, n), x.dtype)
    for i, j in np.ndindex(n, n):
        if -upper <= i - j <= lower:
            out[..., i, j] = x[..., upper + i - j, j]
    return out


def banded(lower, upper, transposed, *stack):
    def value(x, b):
        a = dense(x, lower, upper)
        return np.linalg.solve(np.swapaxes(a, -1, -2) if transposed else a, b)

    params = {"lower": lower, "upper": upper, "transposed": transposed, "positive": False, "what": "solve_banded"}
    return Row("banded_solve", [band(lower, upper, 4, *stack), normal(*stack, 4, 2)], params, value=value)


def diagonals(n, *stack):
    """The values of the diagonals of Toeplitz matrices, a large main one."""

    def draw(rng, shape, dtype):
        x = normal(*shape)(rng, dtype)
        x[..., n - 1] = x[..., n - 1] + 6.0
        return x

    return Input(draw, (*stack, 2 * n - 1), resizes=False)


def toeplitz_solved(v, b):
    n = b.shape[-2]
    places = np.add.outer(np.arange(n), n - 1 - np.arange(n))
    return np.linalg.solve(v[..., places], b)


def sylvester(m, n, *stack):
    def value(a, b, q):
        solve = np.vectorize(scipy.linalg.solve_sylvester, signature="(m,m),(n,n),(m,n)->(m,n)")
        return solve(a, b, q) if q.size else q

    inputs = [invertible(*stack, m, m), invertible(*stack, n, n), normal(*stack, m, n)]
    return Row("sylvester", inputs, {"what": "solve_sylvester"}, value=value)


ROWS = [
    banded(1, 1, False),
    banded(1, 1, True),
    banded(2, 1, False),
    banded(0, 2, True),
    banded(0, 0, False),
    banded(1, 2, False, 2),
    Row(
        "banded_solve",
        [band(0, 1, 4).of(2, 4), normal(4, 2)],
        build=lambda p, half, b: linalg.solveh_banded(half, b),
        value=scipy.linalg.solveh_banded,
        label="positive",
    ),
    Row("toeplitz_solve", [diagonals(4), normal(4, 2)], value=toeplitz_solved),
    Row("toeplitz_solve", [diagonals(3, 2), normal(2, 3, 1)], value=toeplitz_solved),
    Row("toeplitz_solve", [diagonals(1), normal(1, 1)], value=toeplitz_solved),
    sylvester(3, 2),
    sylvester(1, 1),
    sylvester(2, 3, 2),
    Row("unitary", [invertible(3, 3)], value=lambda a: scipy.linalg.polar(a)[0]),
    Row("unitary", [normal(4, 2)], value=lambda a: scipy.linalg.polar(a)[0]),
    Row("unitary", [invertible(2, 2, 2)]),
    *[replace(banded(1, 1, False, n), exhaustive=True) for n in (0, 12)],
    *[replace(sylvester(2, 2, n), exhaustive=True) for n in (0, 40)],
    *[Row("toeplitz_solve", [diagonals(3, n), normal(n, 3, 1)], value=toeplitz_solved, exhaustive=True) for n in (0, 40)],
    *[Row("unitary", [invertible(n, 2, 2)], exhaustive=True) for n in (0, 40)],
]
