"""Rows of calls with rules of the user's own, and of calls of functions outside."""

import numpy as np

import nabla as nb
from rows.row import Row, normal, positive


def of(function):
    """A program that calls a custom function on tensors."""

    def build(p, *nodes):
        outs = function(*[nb.Tensor(x) for x in nodes])
        return tuple(out._node for out in (outs if isinstance(outs, tuple) else (outs,)))

    return build


@nb.custom_vjp
def by_reverse(x, y):
    return nb.sin(x) * y, nb.exp(y)


by_reverse.defvjp(
    lambda x, y: (by_reverse(x, y), (x, y)),
    lambda xy, g: (g[0] * nb.cos(xy[0]) * xy[1], g[0] * nb.sin(xy[0]) + g[1] * nb.exp(xy[1])),
)


@nb.custom_jvp
def by_forward(x, y):
    return nb.log(x) * y


by_forward.defjvps(lambda dx, out, x, y: dx * y / x, lambda dy, out, x, y: nb.log(x) * dy)


@nb.custom_vmap
def by_batching(x):
    return nb.sin(x)


by_batching.defvmap(lambda size, batched, x: (nb.sin(x), True))


def outside(x, y):
    return nb.pure_callback(lambda x, y: x * np.sin(y), x, x, y)


ROWS = [
    Row("custom", [normal(2, 3), normal(2, 3)], label="vjp", build=of(by_reverse), value=lambda x, y: (np.sin(x) * y, np.exp(y))),
    Row("custom", [positive(2, 3), normal(2, 3)], label="jvp", build=of(by_forward), value=lambda x, y: np.log(x) * y),
    Row("custom", [normal(3)], label="vmap", build=of(by_batching), value=np.sin),
    Row("callback", [normal(2, 3), normal(2, 3)], build=of(outside), value=lambda x, y: x * np.sin(y)),
]
