"""Small derivatives, eagerly: what one costs in Nabla, torch, HIPS autograd and un-jitted jax, side by side in one run.

Four workloads, the same program for every library (only the array namespace differs):

- tanh: the gradient of `sum(tanh(x * y))` with respect to x, 4 elements each: nearly nothing but overhead;
- perceptron: 64-50-10, tanh, cross entropy, batch of 32: the gradients of both weights and both biases;
- runge-kutta: 50 classical Runge-Kutta steps of the Lorenz system, the state a vector of 3 that the right-hand side
  unpacks and stacks again: the gradient of |final state|^2 with respect to the initial state, about 2,700 operations;
- hvp: the Hessian of the chained Rosenbrock function of 10 variables times a vector.

Everything is float64. Timed is the call that builds and evaluates the derivative, from arrays of the library's own kind
to a finished result of that kind; wrapping the function (`grad(f)`) is done once, outside, as a user does. Before
anything is timed, all libraries must agree to nine digits.

The machine is never quiet, so the libraries take turns: in each round every library runs one batch of calls, in an
order that rotates. The table gives the median and the quartiles over the rounds, and the median of the ratio to Nabla
in the same round (above 1: slower than Nabla). A library that is not installed is named, not left out.
"""

import argparse
import gc
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from timing import four_digits, machine, summary, taking_turns

import nabla as nb

NABLA = "Nabla"


# ---- what is differentiated -----------------------------------------------------------------------------------


def tanh_sum(library, x, y):
    xp = library.xp
    return xp.sum(xp.tanh(x * y))


def perceptron(library, inputs, targets, w1, b1, w2, b2):
    hidden = library.xp.tanh(inputs @ w1 + b1)
    return library.cross_entropy(hidden @ w2 + b2, targets)


def lorenz(xp, state):
    x, y, z = state
    return xp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 2.5 * z])


def runge_kutta(library, state, steps=50, h=0.01):
    xp = library.xp
    for _ in range(steps):
        k1 = lorenz(xp, state)
        k2 = lorenz(xp, state + (h / 2) * k1)
        k3 = lorenz(xp, state + (h / 2) * k2)
        k4 = lorenz(xp, state + h * k3)
        state = state + (h / 6) * (k1 + 2 * k2 + 2 * k3 + k4)
    return xp.sum(state * state)


def rosenbrock(library, x):
    return library.xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


# ---- how each library is asked --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Library:
    """What a workload needs of a library. `gradient` and `hvp` do what is done once and return the call to be timed."""

    name: str
    xp: Any
    array: Callable  # ndarray -> the library's own
    numpy: Callable  # and back
    targets: Callable  # labels 0..9 as an ndarray -> what cross_entropy wants of them
    cross_entropy: Callable  # (logits, targets) -> scalar
    gradient: Callable  # (f, argnums, args) -> call
    hvp: Callable  # (f, x, v) -> call


@dataclass(frozen=True)
class Missing:
    """A library that could not be imported, and what Python said."""

    name: str
    reason: str


def same(value):
    return value


def likelihood(xp, log_softmax):
    """Cross entropy as it is written with NumPy's functions: the targets are rows of the unit matrix."""

    def cross_entropy(logits, targets):
        return -xp.sum(targets * log_softmax(logits)) / len(targets)

    return cross_entropy


def unit_rows(array):
    return lambda labels: array(np.eye(10)[labels])


def nabla(name, array):
    def gradient(f, argnums, args):
        derivative = nb.grad(f, argnums=argnums)
        return lambda: derivative(*args)

    def hvp(f, x, v):
        return lambda: nb.hvp(f, (x,), (v,))

    cross_entropy = likelihood(nb, lambda logits: nb.log_softmax(logits, axis=1))
    return Library(name, nb, array, np.asarray, unit_rows(array), cross_entropy, gradient, hvp)


def nabla_tensors():
    return nabla(NABLA, nb.asarray)


def nabla_ndarrays():
    return nabla("Nabla, ndarrays in and out", same)


def with_torch(name, torch, gradient, hvp):
    # Its own cross entropy takes the labels as they are.
    cross_entropy = torch.nn.functional.cross_entropy
    return Library(name, torch, torch.from_numpy, np.asarray, torch.from_numpy, cross_entropy, gradient, hvp)


def torch_autograd():
    torch = importlib.import_module("torch")

    def leaves(args, argnums):
        positions = (argnums,) if isinstance(argnums, int) else argnums
        return [args[position].requires_grad_() for position in positions]

    def gradient(f, argnums, args):
        wanted = leaves(args, argnums)
        if isinstance(argnums, int):
            return lambda: torch.autograd.grad(f(*args), wanted)[0]
        return lambda: torch.autograd.grad(f(*args), wanted)

    def hvp(f, x, v):
        leaves((x,), 0)

        def call():
            (slope,) = torch.autograd.grad(f(x), x, create_graph=True)
            return torch.autograd.grad(slope, x, v)[0]

        return call

    return with_torch("torch.autograd.grad", torch, gradient, hvp)


def torch_func():
    torch = importlib.import_module("torch")

    def gradient(f, argnums, args):
        derivative = torch.func.grad(f, argnums=argnums)
        return lambda: derivative(*args)

    def hvp(f, x, v):
        slope = torch.func.grad(f)
        return lambda: torch.func.jvp(slope, (x,), (v,))[1]

    return with_torch("torch.func", torch, gradient, hvp)


def hips_autograd():
    autograd = importlib.import_module("autograd")
    anp = importlib.import_module("autograd.numpy")
    logsumexp = importlib.import_module("autograd.scipy.special").logsumexp

    def gradient(f, argnums, args):
        derivative = autograd.grad(f, argnums)
        return lambda: derivative(*args)

    def hvp(f, x, v):
        product = autograd.hessian_vector_product(f)
        return lambda: product(x, v)

    cross_entropy = likelihood(anp, lambda logits: logits - logsumexp(logits, axis=1, keepdims=True))
    return Library("HIPS autograd", anp, same, np.asarray, unit_rows(same), cross_entropy, gradient, hvp)


def jax_not_jitted():
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")

    def gradient(f, argnums, args):
        derivative = jax.grad(f, argnums=argnums)
        return lambda: jax.block_until_ready(derivative(*args))

    def hvp(f, x, v):
        slope = jax.grad(f)
        return lambda: jax.block_until_ready(jax.jvp(slope, (x,), (v,))[1])

    cross_entropy = likelihood(jnp, lambda logits: jax.nn.log_softmax(logits, axis=1))
    return Library("jax, not jitted", jnp, jnp.asarray, np.asarray, unit_rows(jnp.asarray), cross_entropy, gradient, hvp)


CONTENDERS = {
    NABLA: nabla_tensors,
    "Nabla, ndarrays in and out": nabla_ndarrays,
    "torch.autograd.grad": torch_autograd,
    "torch.func": torch_func,
    "HIPS autograd": hips_autograd,
    "jax, not jitted": jax_not_jitted,
}


def contenders() -> list[Library | Missing]:
    found: list[Library | Missing] = []
    for name, make in CONTENDERS.items():
        try:
            found.append(make())
        except ImportError as error:
            found.append(Missing(name, str(error)))
    return found


# ---- the workloads --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    name: str
    what: str
    call: Callable[[Library], Callable]  # the call to be timed, for one library


def workloads() -> list[Workload]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=4), rng.normal(size=4)
    inputs, labels = rng.normal(size=(32, 64)), rng.integers(0, 10, size=32)
    weights = (rng.normal(size=(64, 50)) / 8, rng.normal(size=50) / 8, rng.normal(size=(50, 10)) / 7, np.zeros(10))
    start = np.array([1.0, 0.5, 20.0])
    point, direction = rng.normal(size=10), rng.normal(size=10)

    def tanh_gradient(library):
        args = library.array(x.copy()), library.array(y.copy())
        return library.gradient(lambda x, y: tanh_sum(library, x, y), 0, args)

    def perceptron_gradient(library):
        data = library.array(inputs.copy()), library.targets(labels)
        parameters = [library.array(weight.copy()) for weight in weights]
        return library.gradient(lambda *values: perceptron(library, *values), (2, 3, 4, 5), (*data, *parameters))

    def runge_kutta_gradient(library):
        return library.gradient(lambda state: runge_kutta(library, state), 0, (library.array(start.copy()),))

    def rosenbrock_product(library):
        arrays = library.array(point.copy()), library.array(direction.copy())
        return library.hvp(lambda value: rosenbrock(library, value), *arrays)

    return [
        Workload("tanh", "gradient of sum(tanh(x * y)), 4 elements", tanh_gradient),
        Workload(
            "perceptron",
            "gradients of the 4 parameters of a 64-50-10 perceptron, batch of 32",
            perceptron_gradient,
        ),
        Workload(
            "runge-kutta",
            "gradient through 50 Runge-Kutta steps of the Lorenz system, a vector of 3",
            runge_kutta_gradient,
        ),
        Workload(
            "hvp",
            "Hessian-vector product of the chained Rosenbrock function, 10 variables",
            rosenbrock_product,
        ),
    ]


# ---- measuring ------------------------------------------------------------------------------------------------


def must_agree(workload, libraries, calls):
    """The results of all libraries, compared with the first one's."""

    def arrays(library, result):
        leaves = result if isinstance(result, (tuple, list)) else (result,)
        return [library.numpy(leaf) for leaf in leaves]

    first = arrays(libraries[0], calls[0]())
    for library, call in zip(libraries[1:], calls[1:], strict=True):
        for expected, given in zip(first, arrays(library, call()), strict=True):
            message = f"{workload.name}: {library.name} and {libraries[0].name} disagree"
            np.testing.assert_allclose(given, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max(), err_msg=message)


def measure(workload, libraries, rounds, least):
    """Microseconds a call for each library: one number a round."""
    calls = [workload.call(library) for library in libraries]
    must_agree(workload, libraries, calls)
    return taking_turns({library.name: call for library, call in zip(libraries, calls, strict=True)}, rounds, least)


# ---- telling --------------------------------------------------------------------------------------------------


def markdown(workload, rows, missing):
    lines = [f"### {workload.name}: {workload.what}", ""]
    lines += ["| library | median, µs | quartiles, µs | times Nabla |", "|---|--:|--:|--:|"]
    for name, row in rows.items():
        low, high = (four_digits(value) for value in row["quartiles_us"])
        lines.append(f"| {name} | {four_digits(row['median_us'])} | {low} – {high} | {row['ratio_to_nabla']:.2f} |")
    lines += [f"| {library.name} | not installed: {library.reason} | | |" for library in missing]
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="three short rounds: to see that it runs, not to measure")
    parser.add_argument("--rounds", type=int, help="rounds of taking turns (default 25)")
    parser.add_argument("--only", action="append", metavar="WORKLOAD", help="tanh, perceptron, runge-kutta or hvp")
    parser.add_argument("--torch-threads", type=int, metavar="N", help="instead of torch's own default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.fast else 25)
    least = 0.001 if arguments.fast else 0.02

    chosen = [workload for workload in workloads() if not arguments.only or workload.name in arguments.only]
    if unknown := set(arguments.only or ()) - {workload.name for workload in chosen}:
        parser.error(f"no workload is called {', '.join(sorted(unknown))}")
    everyone = contenders()
    # One library is not to pay for the collector's walks over the modules of the others.
    gc.collect()
    gc.freeze()
    libraries = [library for library in everyone if isinstance(library, Library)]
    missing = [library for library in everyone if isinstance(library, Missing)]

    if arguments.torch_threads and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(arguments.torch_threads)

    about = machine()
    chosen_by = "as asked" if arguments.torch_threads else "its default"
    print(f"{about['processor']}, {about['cores']} cores; torch threads: {about['torch_threads']} ({chosen_by})")
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    print(f"{rounds} rounds, batches of at least {1000 * least:.0f} ms\n", flush=True)

    results = {}
    for workload in chosen:
        results[workload.name] = summary(measure(workload, libraries, rounds, least), NABLA)
        print(markdown(workload, results[workload.name], missing), flush=True)
    if arguments.json:
        report = {"machine": about, "rounds": rounds, "missing": {library.name: library.reason for library in missing}}
        arguments.json.write_text(json.dumps(report | {"workloads": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
