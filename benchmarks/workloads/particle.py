"""particle: how far apart two charges are to be for a particle to fall to the origin, an optimisation through a simulation.

The charges, at (10, 10 - w) and (10, 0), have the potential Σ 1/|x - c|. The particle starts in (0, 8) with velocity (0.75, 0), and
moves by Euler steps of 0.1 until the next one would take it to y <= 0; that one is shortened to end there. The square of the x it
comes to is minimised over w (descent.py).

There are two derivatives, one inside the other: the force on the particle, and the slope by w. "fr" takes the outer one, by w, in
forward mode and the inner one in reverse mode. An outer one in reverse mode goes back through a loop that ends when it ends: jax
has none. torch nests reverse mode in reverse mode only, but for ways that take minutes.
"""

import numpy as np

import nabla as nb
from workloads import descent
from workloads.base import Workload, jax, jnp, torch

STEP, PLACE, VELOCITY = 0.1, np.array([0.0, 8.0]), np.array([0.75, 0.0])


def make():
    return {"w": 0.0}


def in_nabla(jit, w):
    def lowest(w, outer, inner):
        def end(w):
            charges = nb.array([[10.0, 10.0 - w], [10.0, 0.0]])

            def potential(x):
                return (1 / nb.sqrt(((x - charges) ** 2).sum(1))).sum()

            def moved(state):
                x, v = state
                return x + STEP * v, v - STEP * nb.grad(potential, mode=descent.MODES[inner])(x)

            x, v = nb.while_loop(lambda state: state[0][1] + STEP * state[1][1] > 0, moved, (PLACE, VELOCITY))
            x = x + STEP * v
            return (x[0] - x[1] / v[1] * v[0]) ** 2

        return descent.in_nabla(end, w, outer)

    def solver(outer, inner):
        return jit(lambda w: lowest(w, outer, inner))

    return {modes: (solver(*modes), (nb.asarray(w),)) for modes in ("rr", "rf", "fr", "ff")}


def in_jax(w):
    def lowest(w, outer, inner):
        derivative = jax.grad if inner == "r" else jax.jacfwd

        def end(w):
            charges = jnp.array([[10.0, 10.0 - w], [10.0, 0.0]])

            def potential(x):
                return (1 / jnp.sqrt(((x - charges) ** 2).sum(1))).sum()

            def moved(state):
                x, v = state
                return x + STEP * v, v - STEP * derivative(potential)(x)

            x, v = jax.lax.while_loop(lambda state: state[0][1] + STEP * state[1][1] > 0, moved, (PLACE, VELOCITY))
            x = x + STEP * v
            return (x[0] - x[1] / v[1] * v[0]) ** 2

        return descent.in_jax(end, w, outer)

    def solver(outer, inner):
        return jax.jit(lambda w: lowest(w, outer, inner))

    return {modes: (solver(*modes), (jnp.asarray(w),)) for modes in ("fr", "ff")}


def in_torch(w):
    def end(w):
        charges = torch.stack([torch.stack([torch.full_like(w, 10.0), 10.0 - w]), torch.tensor([10.0, 0.0], dtype=w.dtype)])

        def potential(x):
            return (1 / torch.sqrt(((x - charges) ** 2).sum(1))).sum()

        x, v = torch.from_numpy(PLACE), torch.from_numpy(VELOCITY)
        while x[1] + STEP * v[1] > 0:
            x, v = x + STEP * v, v - STEP * descent.slope_in_torch(potential, x, again=w.requires_grad)[1]
        x = x + STEP * v
        return (x[0] - x[1] / v[1] * v[0]) ** 2

    return {"rr": (lambda w: descent.in_torch(end, w, again=False), (torch.tensor(w, dtype=torch.float64),))}


WORKLOAD = Workload(
    "an optimisation through a simulation of a falling particle, the derivatives in all combinations of modes",
    sizes={"w=0": {}}, make=make, nabla=in_nabla, jax=in_jax, torch=in_torch,
)  # fmt: skip
