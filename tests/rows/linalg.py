"""Rows of linear algebra: ordinary matrices and stacks; of det singular ones too, where minors say what is right."""

from itertools import product

import numpy as np

from nabla.primitives import linalg
from nabla.primitives.structure import outputs
from rows.row import Edge, Row, exactly, invertible, normal, positive_definite


def transposed(a):
    return np.swapaxes(a, -1, -2)


def solved(p, a, b):
    return p(a, *linalg.factors(a), b, transposed=False, what="solve")


def solved_transposed(p, a, b):
    return p(a, *linalg.factors(a), b, transposed=True, what="solve")


def factored(p, a, b):
    """lu has no derivative of its own: it is part of what is solved with it."""
    factors = linalg.factors(a)
    assert factors[0].inputs[0].prim is p
    return linalg.lu_solve(a, *factors, b, transposed=False, what="solve")


def both(p, a):
    return tuple(outputs(p(a, *linalg.factors(a))))


def logarithm(p, a):
    out = outputs(linalg.slogdet(a, *linalg.factors(a)))[1]
    assert out.prim is p
    return out


def triangular(lower, is_transposed, unit):
    def value(a, b):
        t = np.tril(a) if lower else np.triu(a)
        if unit:
            np.einsum("ii->i", t)[...] = 1.0
        return np.linalg.solve(transposed(t) if is_transposed else t, b)

    params = {"lower": lower, "transposed": is_transposed, "unit": unit}
    return Row("triangular_solve", [invertible(3, 3), normal(3, 2)], params, value=value)


def minor(a, rows, columns):
    """The determinant without these rows and columns."""
    kept = np.delete(np.delete(a, rows, 0), columns, 1)
    return np.linalg.det(kept) if len(kept) else 1.0


def cofactors(a):
    """The derivative of det, element by element."""
    signs = (-1.0) ** np.add.outer(np.arange(len(a)), np.arange(len(a)))
    return (signs * [[minor(a, [i], [j]) for j in range(len(a))] for i in range(len(a))]).astype(a.dtype)


def slope(f, a, x):
    """The derivative of a polynomial of low degree along x, from its values."""
    t = np.array([-2.0, -1.0, 1.0, 2.0])
    weights = np.array([1.0, -8.0, 8.0, -1.0]) / 12.0
    return sum(w * f(a + (s * x).astype(a.dtype)) for w, s in zip(weights, t)).astype(a.dtype)


def curvature(a, x, y):
    return slope(lambda b: slope(cofactors, b, x), a, y)


def summed_second(a):
    """The derivative of the sum of all cofactors."""
    out = np.zeros_like(a)
    for i, j, k, l in product(range(len(a)), repeat=4):
        if i != k and j != l:
            sign = (-1.0) ** (i + j + k + l) * (1.0 if (k > i) == (l > j) else -1.0)
            out[k, l] += sign * minor(a, [i, k], [j, l])
    return out


def at(matrix, dtype="float64"):
    a = np.array(matrix, np.float64)
    return Edge([a], [cofactors(a)], [summed_second(a)], dtype=dtype)


SINGULAR = [
    *map(at, (np.zeros((1, 1)), np.zeros((2, 2)), np.ones((2, 2)), np.ones((3, 3)), np.zeros((4, 4)), np.ones((4, 4)))),
    at(np.zeros((4, 4)), "float32"),
]
"""Those whose derivatives are whole numbers that come out exactly; tests/test_linalg.py has the others."""

ROWS = [
    Row("lu", [invertible(3, 3), normal(3, 2)], build=factored, value=np.linalg.solve),
    Row("lu_solve", [invertible(3, 3), normal(3, 2)], build=solved, value=np.linalg.solve),
    Row("lu_solve", [invertible(2, 3, 3), normal(2, 3, 1)], build=solved, value=np.linalg.solve),
    Row(
        "lu_solve",
        [invertible(3, 3), normal(3, 2)],
        build=solved_transposed,
        value=lambda a, b: np.linalg.solve(transposed(a), b),
        label="transposed",
    ),
    Row("lu_solve", [invertible(20, 20), normal(20, 7)], build=solved, value=np.linalg.solve, exhaustive=True),
    *[triangular(*choice) for choice in product((True, False), repeat=3)],
    Row(
        "triangular_solve",
        [invertible(2, 3, 3), normal(2, 3, 1)],
        {"lower": True, "transposed": False, "unit": False},
        value=lambda a, b: np.linalg.solve(np.tril(a), b),
    ),
    Row("cholesky", [positive_definite(3, 3)], value=np.linalg.cholesky),
    Row("cholesky", [positive_definite(2, 3, 3)], value=np.linalg.cholesky),
    Row("cholesky", [positive_definite(1, 1)], value=np.linalg.cholesky),
    Row("cholesky", [positive_definite(15, 15)], value=np.linalg.cholesky, exhaustive=True),
    Row("slogdet", [invertible(3, 3)], build=both, value=np.linalg.slogdet),
    Row("slogdet", [invertible(2, 2, 2)], build=both, value=np.linalg.slogdet),
    Row("output", [invertible(3, 3)], build=logarithm, value=lambda a: np.linalg.slogdet(a)[1]),
    Row("det", [normal(1, 1)], value=np.linalg.det),
    Row("det", [normal(2, 2)], value=np.linalg.det),
    Row("det", [normal(3, 3)], value=np.linalg.det),
    Row("det", [normal(2, 4, 4)], value=np.linalg.det),
    Row("det", [normal(5, 5)], value=np.linalg.det, edges=SINGULAR),
    Row("det", [invertible(12, 12)], value=np.linalg.det, exhaustive=True),
    Row("det", [exactly(np.zeros((0, 0)))], value=np.linalg.det, label="of nothing", constant="there is nothing in it"),
    Row("cofactor", [normal(3, 3)], value=cofactors),
    Row("cofactor", [normal(4, 4)], value=cofactors),
    Row("cofactor", [normal(2, 5, 5)]),
    Row("cofactor", [normal(4, 4), normal(4, 4)], value=lambda a, x: slope(cofactors, a, x)),
    Row("cofactor", [normal(3, 3), normal(3, 3)], value=lambda a, x: slope(cofactors, a, x)),
    Row("cofactor", [normal(3, 3), normal(3, 3), normal(3, 3)], value=curvature),
    Row("cofactor", [normal(4, 4), normal(4, 4), normal(4, 4)], value=curvature),
    Row("cofactor", [normal(2, 5, 5), normal(2, 5, 5)]),
]
