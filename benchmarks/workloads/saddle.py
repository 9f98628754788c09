"""saddle: min over p of max over q of |p|² - |q|², for p and q in the plane, one optimisation inside the other (descent.py).

The slope by p goes through all steps of the inner optimisation. "fr" takes it in forward mode and the inner slope, by q, in
reverse mode. In reverse mode it goes back through a loop that ends when it ends: jax has none.
"""

import numpy as np

import nabla as nb
from workloads import descent
from workloads.base import Workload, jax, jnp, torch


def make():
    return {"start": np.ones(2)}


def height(p, q):
    return p @ p - q @ q


def in_nabla(jit, start):
    def solver(outer, inner):
        def saddle(start):
            def highest(p):
                return descent.in_nabla(lambda q: -height(p, q), start, inner)

            p = descent.in_nabla(lambda p: height(p, highest(p)), start, outer)
            return nb.concat([p, highest(p)])

        return jit(saddle)

    return {modes: (solver(*modes), (nb.asarray(start),)) for modes in ("rr", "rf", "fr", "ff")}


def in_jax(start):
    def solver(outer, inner):
        def saddle(start):
            def highest(p):
                return descent.in_jax(lambda q: -height(p, q), start, inner)

            p = descent.in_jax(lambda p: height(p, highest(p)), start, outer)
            return jnp.concatenate([p, highest(p)])

        return jax.jit(saddle)

    return {modes: (solver(*modes), (jnp.asarray(start),)) for modes in ("fr", "ff")}


def in_torch(start):
    def saddle(start):
        def highest(p):
            return descent.in_torch(lambda q: -height(p, q), start, again=p.requires_grad)

        p = descent.in_torch(lambda p: height(p, highest(p)), start, again=False)
        return torch.cat([p, highest(p)])

    return {"rr": (saddle, (torch.from_numpy(start),))}


WORKLOAD = Workload(
    "an optimisation inside an optimisation, the derivatives in all combinations of modes",
    sizes={"(1, 1)": {}}, make=make, nabla=in_nabla, jax=in_jax, torch=in_torch,
)  # fmt: skip
