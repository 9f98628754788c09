"""hello: the square of a number, and its derivative."""

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make():
    return {"x": 1.5}


def in_nabla(jit, x):
    def square(x):
        return x * x

    x = nb.asarray(x)
    return {"square": (jit(square), (x,)), "double": (jit(nb.grad(square)), (x,))}


def in_jax(x):
    def square(x):
        return x * x

    x = jnp.asarray(x)
    return {"square": (jax.jit(square), (x,)), "double": (jax.jit(jax.grad(square)), (x,))}


def in_torch(x):
    def square(x):
        return x * x

    def double(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(square(x), x)[0]

    x = torch.tensor(x, dtype=torch.float64)
    return {"square": (square, (x,)), "double": (double, (x,))}


WORKLOAD = Workload(
    "the derivative of x²: nothing but overhead",
    sizes={"1": {}}, make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"double": "square"},
)  # fmt: skip
