"""nb.linalg: solving, factoring and measuring matrices. A stack of matrices has the shape (..., n, n).

A matrix that has no solution or no factor raises LinAlgError at the call, which names it; inside `vmap` it does so when
the mapped values are known, and then says which lane it is. Integers become floats of the default dtype.

The products of matrices that are found here too stand in ops/contraction.py. What holds of derivatives where eigenvalues
or singular values are equal is on the page docs/spectra.md.
"""

from nabla.errors import LinAlgError
from nabla.ops.contraction import cross, kron, matmul, multi_dot, outer, tensordot, vecdot
from nabla.ops.linalg.banded import solve_banded, solve_tridiagonal, solveh_banded
from nabla.ops.linalg.blocks import block_diag, companion, khatri_rao
from nabla.ops.linalg.determinants import det, slogdet
from nabla.ops.linalg.equations import solve_continuous_lyapunov, solve_discrete_lyapunov, solve_sylvester
from nabla.ops.linalg.exponentials import coshm, cosm, expm_frechet, sinhm, sinm, tanhm, tanm
from nabla.ops.linalg.factors import cho_factor, cho_solve, cholesky, householder_product, lu, lu_factor, lu_solve, qr
from nabla.ops.linalg.functions import expm, fractional_matrix_power, funmh, logm, matrix_power, sqrtm
from nabla.ops.linalg.least_squares import lstsq, pinv, pinvh
from nabla.ops.linalg.norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from nabla.ops.linalg.parts import diagonal, trace
from nabla.ops.linalg.solving import inv, solve, solve_triangular
from nabla.ops.linalg.spectra import eig, eigh, eigvals, eigvalsh, svd, svdvals
from nabla.ops.linalg.subspaces import null_space, orth, orthogonal_procrustes, polar, subspace_angles
from nabla.ops.linalg.tensors import tensorinv, tensorsolve
from nabla.ops.linalg.toeplitz import (
    circulant,
    convolution_matrix,
    hankel,
    matmul_toeplitz,
    solve_circulant,
    solve_toeplitz,
    toeplitz,
)
from nabla.ops.shape import matrix_transpose

__all__ = [
    "LinAlgError",
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "circulant",
    "companion",
    "cond",
    "convolution_matrix",
    "coshm",
    "cosm",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "expm_frechet",
    "fractional_matrix_power",
    "funmh",
    "hankel",
    "householder_product",
    "inv",
    "khatri_rao",
    "kron",
    "logm",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul",
    "matmul_toeplitz",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "null_space",
    "orth",
    "orthogonal_procrustes",
    "outer",
    "pinv",
    "pinvh",
    "polar",
    "qr",
    "sinhm",
    "sinm",
    "slogdet",
    "solve",
    "solve_banded",
    "solve_circulant",
    "solve_continuous_lyapunov",
    "solve_discrete_lyapunov",
    "solve_sylvester",
    "solve_toeplitz",
    "solve_triangular",
    "solve_tridiagonal",
    "solveh_banded",
    "sqrtm",
    "subspace_angles",
    "svd",
    "svdvals",
    "tanhm",
    "tanm",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "toeplitz",
    "trace",
    "vecdot",
    "vector_norm",
]
