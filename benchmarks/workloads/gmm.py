"""gmm: the logarithm of the posterior of a mixture of normal distributions, whose inverse covariances have Wishart priors.

Component k has weight α_k, mean μ_k, and a lower triangular Q_k, with exp(q_k) on its diagonal and l_k below it, column by column.
With β_ik = α_k + Σ q_k - ½ |Q_k (x_i - μ_k)|², p = d + m + 1 and Γ_d the multivariate gamma function, it is

    Σ_i logsumexp_k β_ik - n (d/2 log 2π + logsumexp α)
    + K (p d log(γ/√2) - log Γ_d(p/2)) - Σ_k (γ²/2 (|exp q_k|² + |l_k|²) - m Σ q_k)
"""

import math

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make(d, k, n=1000):
    rng = np.random.default_rng(31337)
    return {
        "x": rng.normal(size=(n, d)), "m": 0, "gamma": 1.0, "alpha": rng.normal(size=k), "mu": rng.uniform(size=(k, d)),
        "q": rng.normal(size=(k, d)), "l": rng.normal(size=(k, d * (d - 1) // 2)),
    }  # fmt: skip


def in_nabla(jit, x, m, gamma, alpha, mu, q, l, **sizes):
    def objective(alpha, mu, q, l, x):
        (n, d), k = x.shape, len(alpha)
        columns, rows = np.triu_indices(d, 1)
        triangle = nb.vmap(nb.diag)(nb.exp(q))
        triangle[:, rows, columns] = l
        z = nb.tensordot(triangle, x, (2, 1)) - triangle @ mu[:, :, None]
        beta = (alpha + q.sum(1))[:, None] - 0.5 * (z * z).sum(1)
        p = d + m + 1
        prior = k * (p * d * math.log(gamma / math.sqrt(2)) - nb.special.multigammaln(p / 2, d))
        prior += m * q.sum() - gamma**2 / 2 * (nb.exp(2 * q).sum() + (l * l).sum())
        return nb.logsumexp(beta, axis=0).sum() - n * (d / 2 * math.log(2 * math.pi) + nb.logsumexp(alpha)) + prior

    def jacobian(*args):
        return dict(zip(("alpha", "mu", "q", "l"), nb.grad(objective, (0, 1, 2, 3))(*args), strict=True))

    args = tuple(nb.asarray(a) for a in (alpha, mu, q, l, x))
    return {"objective": (jit(objective), args), "jacobian": (jit(jacobian), args)}


def in_jax(x, m, gamma, alpha, mu, q, l, **sizes):
    def objective(alpha, mu, q, l, x):
        (n, d), k = x.shape, len(alpha)
        columns, rows = np.triu_indices(d, 1)
        triangle = jax.vmap(jnp.diag)(jnp.exp(q)).at[:, rows, columns].set(l)
        z = jnp.tensordot(triangle, x, (2, 1)) - triangle @ mu[:, :, None]
        beta = (alpha + q.sum(1))[:, None] - 0.5 * (z * z).sum(1)
        p = d + m + 1
        prior = k * (p * d * math.log(gamma / math.sqrt(2)) - jax.scipy.special.multigammaln(p / 2, d))
        prior += m * q.sum() - gamma**2 / 2 * (jnp.exp(2 * q).sum() + (l * l).sum())
        likelihood = jax.nn.logsumexp(beta, axis=0).sum() - n * (d / 2 * math.log(2 * math.pi) + jax.nn.logsumexp(alpha))
        return likelihood + prior

    def jacobian(*args):
        return dict(zip(("alpha", "mu", "q", "l"), jax.grad(objective, (0, 1, 2, 3))(*args), strict=True))

    args = tuple(jnp.asarray(a) for a in (alpha, mu, q, l, x))
    return {"objective": (jax.jit(objective), args), "jacobian": (jax.jit(jacobian), args)}


def in_torch(x, m, gamma, alpha, mu, q, l, **sizes):
    def objective(alpha, mu, q, l, x):
        (n, d), k = x.shape, len(alpha)
        columns, rows = torch.triu_indices(d, d, 1)
        triangle = torch.diag_embed(torch.exp(q))
        triangle[:, rows, columns] = l
        z = torch.tensordot(triangle, x, ([2], [1])) - triangle @ mu[:, :, None]
        beta = (alpha + q.sum(1))[:, None] - 0.5 * (z * z).sum(1)
        p = d + m + 1
        prior = k * (p * d * math.log(gamma / math.sqrt(2)) - torch.special.multigammaln(torch.tensor(p / 2).double(), d).item())
        prior = prior + m * q.sum() - gamma**2 / 2 * (torch.exp(2 * q).sum() + (l * l).sum())
        likelihood = torch.logsumexp(beta, 0).sum() - n * (d / 2 * math.log(2 * math.pi) + torch.logsumexp(alpha, 0))
        return likelihood + prior

    def jacobian(*args):
        parameters = [a.detach().requires_grad_() for a in args[:4]]
        return dict(zip(("alpha", "mu", "q", "l"), torch.autograd.grad(objective(*parameters, x), parameters), strict=True))

    args = tuple(torch.from_numpy(a) for a in (alpha, mu, q, l, x))
    x = args[4]
    return {"objective": (objective, args), "jacobian": (jacobian, args)}


WORKLOAD = Workload(
    "a mixture of k normal distributions in d dimensions, 1000 points",
    sizes={"d=2,k=5": {"d": 2, "k": 5}, "d=10,k=25": {"d": 10, "k": 25}, "d=64,k=100": {"d": 64, "k": 100}},
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"jacobian": "objective"},
)  # fmt: skip
