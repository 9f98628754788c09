"""Linear algebra on the matrices of a stack, one after the other.

rows.py                which of the files below has code for which matrices
factorisations.py      small matrices: written out
lapack.py              larger ones: equations and determinants by LAPACK
decompositions.py      eigenvalues, singular values, orthogonal factors
banded.py              matrices that are zero beyond a few diagonals
equal_eigenvalues.py   what derivatives of eigenvalues share
"""
