"""ode: y' = f(y) with f(y)_0 = x_0 and f(y)_i = x_i y_{i−1}, from 0 at t = 0 to t = 2 in s classical Runge-Kutta steps; and the
gradient of the last element of y by x."""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make(n, s):
    return {"x": np.random.default_rng(31337).uniform(size=n), "s": s}


def in_nabla(jit, x, s):
    h = 2.0 / s

    def primal(x):
        def slope(y):
            return x * nb.concat([nb.ones(1), y[:-1]])

        def step(_, y):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            k3 = slope(y + h / 2 * k2)
            k4 = slope(y + h * k3)
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

        return nb.fori_loop(0, s, step, nb.zeros_like(x))

    x = nb.asarray(x)
    return {"primal": (jit(primal), (x,)), "gradient": (jit(nb.grad(lambda x: primal(x)[-1])), (x,))}


def in_jax(x, s):
    h = 2.0 / s

    def primal(x):
        def slope(y):
            return x * jnp.concatenate([jnp.ones(1), y[:-1]])

        def step(_, y):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            k3 = slope(y + h / 2 * k2)
            k4 = slope(y + h * k3)
            return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

        return jax.lax.fori_loop(0, s, step, jnp.zeros_like(x))

    x = jnp.asarray(x)
    return {"primal": (jax.jit(primal), (x,)), "gradient": (jax.jit(jax.grad(lambda x: primal(x)[-1])), (x,))}


def in_torch(x, s):
    h = 2.0 / s

    def primal(x):
        one = torch.ones(1, dtype=x.dtype)

        def slope(y):
            return x * torch.cat([one, y[:-1]])

        y = torch.zeros_like(x)
        for _ in range(s):
            k1 = slope(y)
            k2 = slope(y + h / 2 * k1)
            k3 = slope(y + h / 2 * k2)
            k4 = slope(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y

    def gradient(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(primal(x)[-1], x)[0]

    x = torch.from_numpy(x)
    return {"primal": (primal, (x,)), "gradient": (gradient, (x,))}


WORKLOAD = Workload(
    "Runge-Kutta steps of a chain of differential equations",
    sizes={
        # With more equations than steps allow for, the last element and its gradient are next to nothing: this one says who agrees.
        "n=10,s=100": {"n": 10, "s": 100},
        "n=1000,s=10": {"n": 1000, "s": 10},
        "n=10000,s=100": {"n": 10_000, "s": 100},
    },
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"gradient": "primal"},
)  # fmt: skip
