"""lse: log Σ exp(x_i), the largest element subtracted first; its gradient is softmax(x)."""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make(n):
    return {"x": np.random.default_rng(31337).uniform(size=n)}


def in_nabla(jit, x):
    def primal(x):
        a = nb.max(x)
        return a + nb.log(nb.sum(nb.exp(x - a)))

    x = nb.asarray(x)
    return {"primal": (jit(primal), (x,)), "gradient": (jit(nb.grad(primal)), (x,))}


def in_jax(x):
    def primal(x):
        a = jnp.max(x)
        return a + jnp.log(jnp.sum(jnp.exp(x - a)))

    x = jnp.asarray(x)
    return {"primal": (jax.jit(primal), (x,)), "gradient": (jax.jit(jax.grad(primal)), (x,))}


def in_torch(x):
    def primal(x):
        a = torch.max(x)
        return a + torch.log(torch.sum(torch.exp(x - a)))

    def gradient(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(primal(x), x)[0]

    x = torch.from_numpy(x)
    return {"primal": (primal, (x,)), "gradient": (gradient, (x,))}


WORKLOAD = Workload(
    "log Σ exp(x), written with max, exp, sum and log",
    sizes={"n=2500": {"n": 2500}, "n=40000": {"n": 40_000}, "n=640000": {"n": 640_000}},
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"gradient": "primal"},
    tolerance=1e-7,  # the maximum's own cotangent is 1 − Σ softmax(x): the rounding of a sum, where one element is 1/n
)  # fmt: skip
