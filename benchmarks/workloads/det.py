"""det: the determinant of an ℓ × ℓ matrix by expansion along the first row that remains, and its gradient, the cofactors.

For row r and each way to have chosen columns for the rows before it, a table holds the columns that remain. From the last row up,
the determinants of the minors are one sum of products a row: about e ℓ! products in all, and no minor is shared.
"""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make(ell):
    return {"A": np.random.default_rng(31337).uniform(size=ell * ell), "ell": ell}


def tables(ell):
    """For each row the columns that remain, one row of the table for each choice of columns before, in the order of the choices."""
    found = [np.arange(ell)[None]]
    for k in range(ell, 1, -1):
        others = np.array([[j for j in range(k) if j != i] for i in range(k)])
        found.append(found[-1][:, others].reshape(-1, k - 1))
    return found


def signs(k):
    return (-1.0) ** np.arange(k)


def in_nabla(jit, A, ell):
    def primal(a, tables):
        rows = a.reshape(ell, ell)
        minors = rows[-1][tables[-1][:, 0]]
        for row, columns in zip(rows[-2::-1], tables[-2::-1], strict=True):
            minors = nb.sum(row[columns] * signs(columns.shape[1]) * minors.reshape(columns.shape), axis=1)
        return minors[0]

    args = (nb.asarray(A), [nb.asarray(table.astype(np.int32)) for table in tables(ell)])
    return {"primal": (jit(primal), args), "gradient": (jit(nb.grad(primal)), args)}


def in_jax(A, ell):
    def primal(a, tables):
        rows = a.reshape(ell, ell)
        minors = rows[-1][tables[-1][:, 0]]
        for row, columns in zip(rows[-2::-1], tables[-2::-1], strict=True):
            minors = jnp.sum(row[columns] * signs(columns.shape[1]) * minors.reshape(columns.shape), axis=1)
        return minors[0]

    args = (jnp.asarray(A), [jnp.asarray(table.astype(np.int32)) for table in tables(ell)])
    return {"primal": (jax.jit(primal), args), "gradient": (jax.jit(jax.grad(primal)), args)}


def in_torch(A, ell):
    alternating = {k: torch.from_numpy(signs(k)) for k in range(2, ell + 1)}

    def primal(a, tables):
        rows = a.reshape(ell, ell)
        minors = rows[-1][tables[-1][:, 0]]
        for row, columns in zip(rows.flip(0)[1:], tables[-2::-1], strict=True):
            minors = torch.sum(row[columns] * alternating[columns.shape[1]] * minors.reshape(columns.shape), dim=1)
        return minors[0]

    def gradient(a, tables):
        a = a.detach().requires_grad_()
        return torch.autograd.grad(primal(a, tables), a)[0]

    args = (torch.from_numpy(A), [torch.from_numpy(table) for table in tables(ell)])
    return {"primal": (primal, args), "gradient": (gradient, args)}


WORKLOAD = Workload(
    "a determinant by minors",
    sizes={"5": {"ell": 5}, "7": {"ell": 7}, "9": {"ell": 9}},
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"gradient": "primal"},
)  # fmt: skip
