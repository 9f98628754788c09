"""The programs that compiled.py measures: one text for every library, which brings what has other names in each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """A function to be compiled, `value(library, parameters, *data)`; its value and its gradient by the parameters are measured."""

    name: str
    what: str
    value: Callable[..., Any]
    parameters: dict[str, np.ndarray]
    data: tuple[np.ndarray, ...]
    dtypes: tuple[str, ...]
    tolerance: float = 1e-9
    """Of float64, relative to the largest element; that of float32 is 2e-4."""


def cross_entropy(library, logits, targets):
    return -library.xp.sum(targets * library.log_softmax(logits)) / len(targets)


def perceptron(library, p, inputs, targets):
    hidden = library.xp.tanh(inputs @ p["w1"] + p["b1"])
    return cross_entropy(library, hidden @ p["w2"] + p["b2"], targets)


def halved(x):
    """Means of the squares of four neighbours."""
    rows, channels, height, width = x.shape
    return x.reshape((rows, channels, height // 2, 2, width // 2, 2)).mean((3, 5))


def convolutions(library, p, images, targets):
    x = halved(library.relu(library.conv(images, p["k1"])))
    x = halved(library.relu(library.conv(x, p["k2"])))
    return cross_entropy(library, x.reshape((len(x), -1)) @ p["w"] + p["b"], targets)


def lstm(library, p, sequence, targets):
    xp = library.xp
    width = p["wh"].shape[0]

    def step(carry, x):
        h, c = carry
        gates = x @ p["wx"] + h @ p["wh"] + p["b"]
        i, f, g, o = (gates[:, k * width : (k + 1) * width] for k in range(4))
        c = library.sigmoid(f) * c + library.sigmoid(i) * xp.tanh(g)
        h = library.sigmoid(o) * xp.tanh(c)
        return (h, c), None

    zeros = xp.zeros_like(sequence[0] @ p["wx"][:, :width])
    (h, _), _ = library.scan(step, (zeros, zeros), sequence, len(sequence))
    return cross_entropy(library, h @ p["w"], targets)


def normalised(library, x, scale, shift):
    xp = library.xp
    centred = x - xp.mean(x, -1, keepdims=True)
    return centred / xp.sqrt(xp.mean(centred * centred, -1, keepdims=True) + 1e-5) * scale + shift


def transformer(library, p, x, targets, heads=4):
    """One block, the norms before the attention and the perceptron; the loss is the mean square."""
    xp = library.xp
    rows, length, width = x.shape

    def split(z):
        return library.swapaxes(z.reshape((rows, length, heads, width // heads)), 1, 2)

    z = normalised(library, x, p["s1"], p["t1"])
    q, k, v = split(z @ p["wq"]), split(z @ p["wk"]), split(z @ p["wv"])
    attention = library.softmax(q @ library.swapaxes(k, -1, -2) / (width // heads) ** 0.5)
    x = x + library.swapaxes(attention @ v, 1, 2).reshape((rows, length, width)) @ p["wo"]
    z = normalised(library, x, p["s2"], p["t2"]) @ p["w1"] + p["b1"]
    z = 0.5 * z * (1.0 + xp.tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))
    return xp.mean((x + z @ p["w2"] + p["b2"] - targets) ** 2)


def lorenz(library, p, steps=1000, h=0.002):
    """Classical Runge-Kutta steps, the state a vector of 3 that the right-hand side takes apart and puts together."""
    xp = library.xp

    def slope(state):
        x, y, z = state[0], state[1], state[2]
        return xp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 2.5 * z])

    def step(state, _):
        k1 = slope(state)
        k2 = slope(state + (h / 2) * k1)
        k3 = slope(state + (h / 2) * k2)
        k4 = slope(state + h * k3)
        return state + (h / 6) * (k1 + 2 * k2 + 2 * k3 + k4), None

    state, _ = library.scan(step, p["start"], None, steps)
    return xp.sum(state * state)


def poisson(library, p, steps=100):
    """Steps of conjugate gradients on the five-point Laplacian of a 100 × 100 grid, for the load f."""
    xp = library.xp

    def laplacian(u):
        wide = library.pad(u)
        return 4 * u - wide[:-2, 1:-1] - wide[2:, 1:-1] - wide[1:-1, :-2] - wide[1:-1, 2:]

    def step(carry, _):
        u, r, d, rr = carry
        image = laplacian(d)
        size = rr / xp.sum(d * image)
        u, r = u + size * d, r - size * image
        new = xp.sum(r * r)
        return (u, r, r + (new / rr) * d, new), None

    f = p["f"]
    (u, *_), _ = library.scan(step, (xp.zeros_like(f), f, f, xp.sum(f * f)), None, steps)
    return xp.sum(u * u)


def programs() -> list[Program]:
    rng = np.random.default_rng(0)

    def normal(*shape, scale=1.0):
        return scale * rng.normal(size=shape)

    def weights(**shapes):
        """Matrices that keep the size of what they are applied to."""
        return {name: normal(*shape, scale=shape[0] ** -0.5) for name, shape in shapes.items()}

    def labels(rows):
        return np.eye(10)[rng.integers(0, 10, size=rows)]

    both = ("float32", "float64")
    return [
        Program(
            "perceptron", "784-256-10, tanh, cross entropy, 128 examples", perceptron,
            weights(w1=(784, 256), w2=(256, 10)) | {"b1": np.zeros(256), "b2": np.zeros(10)},
            (normal(128, 784), labels(128)), both,
        ),
        Program(
            "convolutions", "two convolutions of 3 × 3 (8, 16 channels), means, a dense layer, 32 images of 28 × 28", convolutions,
            {"k1": normal(8, 1, 3, 3, scale=0.3), "k2": normal(16, 8, 3, 3, scale=0.1), "b": np.zeros(10)} | weights(w=(784, 10)),
            (normal(32, 1, 28, 28), labels(32)), both,
        ),
        Program(
            "lstm", "50 steps of a layer of 64, 16 sequences of vectors of 32", lstm,
            weights(wx=(32, 256), wh=(64, 256), w=(64, 10)) | {"b": np.zeros(256)},
            (normal(50, 16, 32), labels(16)), both,
        ),
        Program(
            "transformer", "one block of width 64, 4 heads, 8 sequences of 64", transformer,
            weights(wq=(64, 64), wk=(64, 64), wv=(64, 64), wo=(64, 64), w1=(64, 256), w2=(256, 64))
            | {"s1": np.ones(64), "s2": np.ones(64), "t1": np.zeros(64), "t2": np.zeros(64)}
            | {"b1": np.zeros(256), "b2": np.zeros(64)},
            (normal(8, 64, 64), normal(8, 64, 64)), both,
        ),
        Program(
            "lorenz", "1000 Runge-Kutta steps of the Lorenz system, the state a vector of 3", lorenz,
            {"start": np.array([1.0, 0.5, 20.0])}, (), ("float64",),
        ),
        Program(
            "poisson", "100 × 100 grid, 100 steps of conjugate gradients", poisson,
            {"f": normal(100, 100)}, (), ("float64",), 1e-7,
        ),
    ]  # fmt: skip
