"""kmeans: Σ_i min_j |c_j − p_i|² over points p and centroids c, and the step of Newton's method for c: the gradient divided by the
diagonal of the Hessian, element by element.

The Hessian is diagonal, so its product with a vector of ones is its diagonal: forward mode over reverse mode.

The nearest centroid is the one with the smallest |c|²/2 − p·c, a matrix product; where it lies has no derivative. Where that is
faster, so many points are taken at a time that what is compared stays in the processor's cache.
"""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch

FEW = 2**21
"""Up to so many distances jax and torch are faster with all points at once, else with BLOCK of them."""
BLOCK = 128


def make(k, n, d):
    points = np.random.default_rng(31337).uniform(size=(n, d))
    return {"points": points, "centroids": points[-k:].copy()}


def in_nabla(jit, points, centroids):
    def cost(points, centroids):
        half = nb.sum(centroids**2, axis=1) / 2
        nearest = nb.map(lambda p: nb.argmin(half - centroids @ p), points, batch_size=32)
        return nb.sum((points - centroids[nearest]) ** 2)

    def newton(points, centroids):
        gradient = nb.grad(lambda c: cost(points, c))
        g, h = nb.jvp(gradient, (centroids,), (nb.ones_like(centroids),))
        return g / h

    args = (nb.asarray(points), nb.asarray(centroids))
    return {"cost": (jit(cost), args), "dir": (jit(newton), args)}


def in_jax(points, centroids):
    at_once = len(points) if len(points) * len(centroids) <= FEW else BLOCK

    def cost(points, centroids):
        half = jnp.sum(centroids**2, axis=1) / 2
        nearest = jax.lax.map(lambda p: jnp.argmin(half - centroids @ p), points, batch_size=at_once)
        return jnp.sum((points - centroids[nearest]) ** 2)

    def newton(points, centroids):
        gradient = jax.grad(lambda c: cost(points, c))
        g, h = jax.jvp(gradient, (centroids,), (jnp.ones_like(centroids),))
        return g / h

    args = (jnp.asarray(points), jnp.asarray(centroids))
    return {"cost": (jax.jit(cost), args), "dir": (jax.jit(newton), args)}


def in_torch(points, centroids):
    at_once = len(points) if len(points) * len(centroids) <= FEW else BLOCK

    def cost(points, centroids):
        c = centroids.detach()
        half = torch.sum(c**2, dim=1) / 2
        nearest = torch.cat([torch.argmin(half - p @ c.T, dim=1) for p in points.split(at_once)])
        return torch.sum((points - centroids[nearest]) ** 2)

    def newton(points, centroids):
        c = centroids.detach().requires_grad_()
        (g,) = torch.autograd.grad(cost(points, c), c, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), c)  # the Hessian is symmetric, and this is reverse mode's product with ones
        return g.detach() / h

    args = (torch.from_numpy(points), torch.from_numpy(centroids))
    return {"cost": (cost, args), "dir": (newton, args)}


WORKLOAD = Workload(
    "a Newton step of k-means",
    sizes={
        "k=10,n=1000,d=8": {"k": 10, "n": 1000, "d": 8},
        "k=100,n=10000,d=8": {"k": 100, "n": 10_000, "d": 8},
        "k=1000,n=10000,d=8": {"k": 1000, "n": 10_000, "d": 8},
    },
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"dir": "cost"},
    tolerance=1e-8,  # steps are differences of numbers near 1 with their mean
)  # fmt: skip
