"""llsq: ½ Σ_i (sign(t_i) − Σ_j x_j t_i^j)² over points t_i from −1 to 1, and its gradient: a polynomial fitted to a jump.

The powers are no input: each call computes them, as steps of Horner's scheme for all points at once.
"""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make(m, n):
    return {"x": np.random.default_rng(31337).uniform(size=m), "n": n}


def data(n):
    t = -1.0 + 2.0 * np.arange(n) / (n - 1)
    return t, np.sign(t)


def in_nabla(jit, x, n):
    def primal(x, t, s):
        fit, _ = nb.scan(lambda y, c: (y * t + c, None), nb.zeros_like(t), x, reverse=True, unroll=4)
        return 0.5 * nb.sum((s - fit) ** 2)

    args = tuple(nb.asarray(part) for part in (x, *data(n)))
    return {"primal": (jit(primal), args), "gradient": (jit(nb.grad(primal)), args)}


def in_jax(x, n):
    def primal(x, t, s):
        return 0.5 * jnp.sum((s - jnp.polyval(x[::-1], t, unroll=8)) ** 2)

    args = tuple(jnp.asarray(part) for part in (x, *data(n)))
    return {"primal": (jax.jit(primal), args), "gradient": (jax.jit(jax.grad(primal)), args)}


def in_torch(x, n):
    def primal(x, t, s):
        fit = torch.zeros_like(t)
        for c in x.flip(0).unbind():
            fit = fit * t + c
        return 0.5 * torch.sum((s - fit) ** 2)

    def gradient(x, t, s):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(primal(x, t, s), x)[0]

    args = tuple(torch.from_numpy(part) for part in (x, *data(n)))
    return {"primal": (primal, args), "gradient": (gradient, args)}


WORKLOAD = Workload(
    "least squares with a polynomial",
    sizes={"n=64,m=128": {"m": 128, "n": 64}, "n=4096,m=128": {"m": 128, "n": 4096}},
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"gradient": "primal"},
)  # fmt: skip
