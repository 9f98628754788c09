"""lstm: how well a recurrent network predicts the next row of a sequence, its weights diagonal.

A layer with weights w and biases b of four gates takes its input x and its state (h, c), in each step, to

    c' = σ(x w_f + b_f) c + σ(h w_i + b_i) tanh(h w_c + b_c),    h' = σ(x w_o + b_o) tanh(c'),

and h' is the input of the next layer. With y = x e_1 + e_2 for the last one's output x, whose first one had e_0 times a row as its
input, the prediction is y - log(2 + Σ exp y), to be multiplied by the row that came; the objective is minus the mean of that.
"""

import numpy as np

import nabla as nb
from workloads.base import Workload, jax, jnp, torch


def make(layers, length, width=14):
    rng = np.random.default_rng(31337)
    return {
        "main_params": rng.uniform(size=(2 * layers, 4 * width)), "extra_params": rng.uniform(size=(3, width)),
        "state": rng.uniform(size=(2 * layers, width)), "sequence": rng.integers(0, 2, size=(length, width)).astype(float),
    }  # fmt: skip


def in_nabla(jit, main_params, extra_params, state, sequence):
    def objective(main, extra, state, sequence):
        width = extra.shape[1]
        x = sequence[:-1] * extra[0]
        for (w, b), start in zip(main.reshape((-1, 2, 4, width)), state.reshape((-1, 2, width)), strict=True):

            def step(carry, gates, w=w, b=b):
                (h, c), (forget, out) = carry, gates
                c = forget * c + nb.sigmoid(h * w[1] + b[1]) * nb.tanh(h * w[3] + b[3])
                h = out * nb.tanh(c)
                return (h, c), h

            gates = nb.sigmoid(x * w[0] + b[0]), nb.sigmoid(x * w[2] + b[2])
            x = nb.scan(step, tuple(start), gates)[1]
        y = x * extra[1] + extra[2]
        return -nb.mean(sequence[1:] * (y - nb.log(2 + nb.exp(y).sum(1, keepdims=True))))

    def jacobian(*args):
        return nb.concat([nb.ravel(g) for g in nb.grad(objective, (0, 1))(*args)])

    args = tuple(nb.asarray(a) for a in (main_params, extra_params, state, sequence))
    return {"objective": (jit(objective), args), "jacobian": (jit(jacobian), args)}


def in_jax(main_params, extra_params, state, sequence):
    def objective(main, extra, state, sequence):
        width = extra.shape[1]
        x = sequence[:-1] * extra[0]
        for (w, b), start in zip(main.reshape((-1, 2, 4, width)), state.reshape((-1, 2, width)), strict=True):

            def step(carry, gates, w=w, b=b):
                (h, c), (forget, out) = carry, gates
                c = forget * c + jax.nn.sigmoid(h * w[1] + b[1]) * jnp.tanh(h * w[3] + b[3])
                h = out * jnp.tanh(c)
                return (h, c), h

            gates = jax.nn.sigmoid(x * w[0] + b[0]), jax.nn.sigmoid(x * w[2] + b[2])
            x = jax.lax.scan(step, tuple(start), gates)[1]
        y = x * extra[1] + extra[2]
        return -jnp.mean(sequence[1:] * (y - jnp.log(2 + jnp.exp(y).sum(1, keepdims=True))))

    def jacobian(*args):
        return jnp.concatenate([jnp.ravel(g) for g in jax.grad(objective, (0, 1))(*args)])

    args = tuple(jnp.asarray(a) for a in (main_params, extra_params, state, sequence))
    return {"objective": (jax.jit(objective), args), "jacobian": (jax.jit(jacobian), args)}


def in_torch(main_params, extra_params, state, sequence):
    def objective(main, extra, state, sequence):
        width = extra.shape[1]
        x = sequence[:-1] * extra[0]
        for (w, b), (h, c) in zip(main.reshape(-1, 2, 4, width), state.reshape(-1, 2, width), strict=True):
            forgets, outs = torch.sigmoid(x * w[0] + b[0]), torch.sigmoid(x * w[2] + b[2])
            (wi, wc), (bi, bc) = w[1::2], b[1::2]
            rows = []
            for forget, out in zip(forgets.unbind(), outs.unbind(), strict=True):
                c = forget * c + torch.sigmoid(h * wi + bi) * torch.tanh(h * wc + bc)
                h = out * torch.tanh(c)
                rows.append(h)
            x = torch.stack(rows)
        y = x * extra[1] + extra[2]
        return -torch.mean(sequence[1:] * (y - torch.log(2 + torch.exp(y).sum(1, keepdim=True))))

    def jacobian(main, extra, state, sequence):
        parameters = [a.detach().requires_grad_() for a in (main, extra)]
        return torch.cat([g.ravel() for g in torch.autograd.grad(objective(*parameters, state, sequence), parameters)])

    args = tuple(torch.from_numpy(a) for a in (main_params, extra_params, state, sequence))
    return {"objective": (objective, args), "jacobian": (jacobian, args)}


WORKLOAD = Workload(
    "a recurrent network with diagonal weights, layers of width 14",
    sizes={f"l={layers},c={length}": {"layers": layers, "length": length} for layers, length in ((2, 256), (2, 1024), (4, 4096))},
    make=make, nabla=in_nabla, jax=in_jax, torch=in_torch, derivatives={"jacobian": "objective"},
)  # fmt: skip
