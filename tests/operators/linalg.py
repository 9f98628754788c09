"""nb.linalg: factorisations, solutions, determinants, norms."""

import numpy as np
import scipy.linalg
from rows.row import invertible, nonzero, normal, positive_definite, triangular

import nabla as nb
from operators.operator import Operator

A = invertible(3, 3)


def hermitian(x):
    """Of any matrix its Hermitian part, so that small changes keep it Hermitian."""
    return (x + nb.matrix_transpose(nb.conj(x))) * 0.5


OPERATORS = [
    Operator(
        "linalg.cholesky",
        [positive_definite(3, 3)],
        call=lambda f, x: f(hermitian(x)),
        value=np.linalg.cholesky,
    ),
    Operator("linalg.det", [A]),
    Operator("linalg.diagonal", [normal(2, 3, 4)]),
    Operator("linalg.inv", [A]),
    Operator("linalg.matrix_power", [A], call=lambda f, x: f(x, 3)),
    Operator("linalg.multi_dot", [normal(2, 3), normal(3, 4), normal(4)], call=lambda f, *xs: f(xs)),
    Operator("linalg.norm", [nonzero(3)]),
    Operator("linalg.norm", [nonzero(3, 4)], {"axis": 1}),
    Operator("linalg.slogdet", [A]),
    Operator("linalg.solve", [A, normal(3, 2)]),
    Operator(
        "linalg.solve_triangular",
        [triangular(3, 3), normal(3, 2)],
        call=lambda f, a, b: f(a, b, lower=True),
        value=lambda a, b: scipy.linalg.solve_triangular(a, b, lower=True),
    ),
    Operator("linalg.trace", [normal(2, 3, 4)]),
    Operator("linalg.vector_norm", [nonzero(3, 4)], {"axis": 1}),
]
