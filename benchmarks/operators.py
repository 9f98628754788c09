"""Operator by operator: what a value and a gradient cost, in NumPy, Nabla, torch and jax, side by side in one run.

Each operator is timed small (nothing but overhead) and large. The value is f(x); the gradient is that of the sum of
w * f(x) with respect to all arguments of f, for a fixed w, so that no cotangent is all ones. Everything is float64.
Nabla and torch run eagerly; jax is measured jitted, compilation not counted, since its un-jitted operators measure its
dispatch alone (eager.py has those). The results must agree to eight digits before anything is timed.

The table gives the median of Nabla in microseconds, the ratio gradient to value, and for each of the others the median
of its ratio to Nabla in the same round: above 1, it is slower than Nabla. `–`: it has no such function.
"""

import argparse
import gc
import importlib
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
from timing import four_digits, machine, taking_turns

import nabla as nb

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Operator:
    """One row: its arguments at each size, and the function in each library (a dotted name, or a callable of its
    modules); the name alone stands for all that are not said."""

    name: str
    arguments: dict[str, tuple]
    functions: dict[str, Any] = field(default_factory=dict)

    def function(self, library: str, places: list[Any]) -> Callable | None:
        told = self.functions.get(library, self.functions.get("all", self.name))
        if told is None or callable(told):
            return told and (lambda *xs: told(places[0], *xs))
        for place in places:
            found = place
            for part in told.split("."):
                found = getattr(found, part, None)
            if found is not None:
                return found
        return None


def normal(*shapes):
    return tuple(RNG.normal(size=shape) for shape in shapes)


def positive(*shapes):
    return tuple(RNG.uniform(0.5, 2.0, size=shape) for shape in shapes)


def both(make, small, large):
    return {"small": make(*small), "large": make(*large)}


VECTORS = both(normal, [(4,)], [(100_000,)])
PAIRS = both(normal, [(4,), (4,)], [(100_000,), (100_000,)])
ABOVE_ZERO = both(positive, [(4,)], [(100_000,)])
MATRICES = both(normal, [(3, 4)], [(300, 400)])
SQUARE = both(normal, [(3, 3)], [(100, 100)])
DEFINITE = {size: (x @ x.T + len(x) * np.eye(len(x)),) for size, (x,) in SQUARE.items()}
INDICES = {"small": np.array([2, 0, 2]), "large": RNG.integers(0, 100_000, size=100_000)}


def picked(xp, x):
    return x[INDICES["small" if len(x) == 4 else "large"]]


def einsum(xp, x, y):
    return xp.einsum("bij,bjk->bki", x, y)


def along_rows(name):
    """Of a function that SciPy and jax keep elsewhere."""
    return {
        "all": lambda xp, x: getattr(xp, name)(x, 1),
        "numpy": lambda xp, x: getattr(scipy.special, name)(x, axis=1),
        "jax": lambda xp, x: getattr(importlib.import_module("jax").nn, name)(x, axis=1),
    }


def of_symmetric(name):
    """Libraries differ in which half of the matrix they read."""
    return {"all": lambda xp, x: getattr(xp.linalg, name)((x + x.T) / 2)}


OPERATORS = [
    *[Operator(name, VECTORS) for name in ("exp", "tanh", "sin", "square")],
    *[Operator(name, ABOVE_ZERO) for name in ("log", "sqrt")],
    Operator("add", PAIRS),
    Operator("multiply", PAIRS),
    Operator("divide", {size: (x, y) for (size, (x,)), (y,) in zip(VECTORS.items(), ABOVE_ZERO.values(), strict=True)}),
    Operator("power", both(positive, [(4,), (4,)], [(100_000,), (100_000,)]), {"torch": "pow"}),
    Operator("maximum", PAIRS),
    Operator("where", VECTORS, {"all": lambda xp, x: xp.where(x > 0, x, 2.0 * x)}),
    Operator("broadcast add", both(normal, [(3, 1), (4,)], [(300, 1), (400,)]), {"all": lambda xp, x, y: x + y}),
    Operator("sum", MATRICES, {"all": lambda xp, x: xp.sum(x, 1)}),
    Operator("mean", MATRICES, {"all": lambda xp, x: xp.mean(x, 0)}),
    Operator("var", MATRICES, {"all": lambda xp, x: xp.var(x, 1), "torch": lambda xp, x: xp.var(x, 1, correction=0)}),
    Operator("max", MATRICES, {"all": lambda xp, x: xp.max(x, 1), "torch": lambda xp, x: xp.amax(x, 1)}),
    Operator("prod", MATRICES, {"all": lambda xp, x: xp.prod(x, 1)}),
    Operator("cumsum", MATRICES, {"all": lambda xp, x: xp.cumsum(x, 1)}),
    Operator("cumprod", MATRICES, {"all": lambda xp, x: xp.cumprod(x, 1)}),
    Operator("sort", VECTORS, {"torch": lambda xp, x: xp.sort(x).values}),
    Operator("transpose", MATRICES, {"all": lambda xp, x: x.T + 0.0}),
    Operator("concatenate", both(normal, [(2, 3)] * 2, [(200, 300)] * 2), {"all": lambda xp, *xs: xp.concatenate(xs, 1)}),
    Operator("slice", VECTORS, {"all": lambda xp, x: x[1:] - x[:-1]}),
    Operator("index", VECTORS, {"all": picked}),
    Operator("matmul", both(normal, [(3, 4), (4, 3)], [(300, 400), (400, 300)])),
    Operator("einsum", both(normal, [(2, 3, 4), (2, 4, 5)], [(50, 30, 40), (50, 40, 30)]), {"all": einsum}),
    Operator("logsumexp", MATRICES, along_rows("logsumexp")),
    Operator("softmax", MATRICES, along_rows("softmax")),
    *[Operator(f"special.{name}", ABOVE_ZERO, {"torch": f"special.{name}", "all": name}) for name in ("erf", "gammaln", "digamma")],
    Operator("linalg.solve", {size: (a, *normal((len(a),))) for size, (a,) in DEFINITE.items()}),
    *[Operator(f"linalg.{name}", DEFINITE) for name in ("inv", "det")],
    *[Operator(f"linalg.{name}", DEFINITE, of_symmetric(name)) for name in ("cholesky", "eigvalsh")],
    Operator("linalg.norm", VECTORS),
    Operator("fft.rfft", VECTORS, {"all": lambda xp, x: abs(xp.fft.rfft(x)) ** 2}),
]  # fmt: skip


@dataclass(frozen=True)
class Library:
    name: str
    places: list[Any]
    array: Callable
    numpy: Callable
    value: Callable  # (f, arguments) -> call
    gradient: Callable | None  # (f, w, arguments) -> call


def numpy_alone():
    return Library("numpy", [np, scipy.special, scipy.linalg], np.asarray, np.asarray, lambda f, xs: lambda: f(*xs), None)


def nabla():
    def gradient(f, w, xs):
        slope = nb.grad(lambda *xs: (f(*xs) * w).sum(), argnums=tuple(range(len(xs))))
        return lambda: slope(*xs)

    return Library("nabla", [nb], nb.asarray, np.asarray, lambda f, xs: lambda: f(*xs).realize(), gradient)


def torch():
    torch = importlib.import_module("torch")

    def gradient(f, w, xs):
        leaves = [x.clone().requires_grad_() for x in xs]
        return lambda: torch.autograd.grad((f(*leaves) * w).sum(), leaves)

    return Library("torch", [torch], torch.from_numpy, np.asarray, lambda f, xs: lambda: f(*xs), gradient)


def jax():
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    places = [importlib.import_module(name) for name in ("jax.numpy", "jax.scipy.special")]

    def value(f, xs):
        compiled = jax.jit(f)
        return lambda: jax.block_until_ready(compiled(*xs))

    def gradient(f, w, xs):
        compiled = jax.jit(jax.grad(lambda *xs: (f(*xs) * w).sum(), argnums=tuple(range(len(xs)))))
        return lambda: jax.block_until_ready(compiled(*xs))

    return Library("jax", places, places[0].asarray, np.asarray, value, gradient)


def calls(operator, size, libraries):
    """{"value" or "gradient": {library: call}} of those libraries that have the operator, checked against each other."""
    arguments = operator.arguments[size]
    found: dict[str, dict[str, Callable]] = {"value": {}, "gradient": {}}
    w = None
    for library in libraries:
        f = operator.function(library.name, library.places)
        if f is None:
            continue
        xs = [library.array(x.copy()) for x in arguments]
        found["value"][library.name] = library.value(f, xs)
        if w is None:
            w = np.random.default_rng(1).normal(size=np.shape(found["value"][library.name]()))
        if library.gradient:
            found["gradient"][library.name] = library.gradient(f, library.array(w), xs)
    for what, by_library in found.items():
        results = {name: call() for name, call in by_library.items()}
        for name, result in results.items():
            for a, b in zip(*(x if isinstance(x, (tuple, list)) else (x,) for x in (result, results["nabla"])), strict=True):
                scale = np.abs(np.asarray(b)).max()
                message = f"{operator.name}, {size}, {what}: {name} and nabla disagree"
                np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-8, atol=1e-8 * scale, err_msg=message)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="two short rounds: to see that it runs, not to measure")
    parser.add_argument("--rounds", type=int, help="rounds of taking turns (default 9)")
    parser.add_argument("--only", action="append", metavar="OPERATOR")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (2 if arguments.fast else 9)
    least = 0.0005 if arguments.fast else 0.005

    chosen = [operator for operator in OPERATORS if not arguments.only or operator.name in arguments.only]
    if unknown := set(arguments.only or ()) - {operator.name for operator in chosen}:
        parser.error(f"no operator is called {', '.join(sorted(unknown))}")
    libraries = []
    for make in (numpy_alone, nabla, torch, jax):
        try:
            libraries.append(make())
        except ImportError as error:
            print(f"{make.__name__} is not installed: {error}")
    gc.collect()
    gc.freeze()  # one library is not to pay for the collector's walks over the modules of the others

    about = machine()
    print(f"{about['processor']}, {about['cores']} cores; torch threads: {about['torch_threads']}")
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()), end="\n\n")
    print("| operator | size | value, µs | gradient, µs | ratio | value: NumPy | torch | jax | gradient: torch | jax |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    report = []
    for operator in chosen:
        for size in operator.arguments:
            row = {"operator": operator.name, "size": size}
            for what, by_library in calls(operator, size, libraries).items():
                times = taking_turns(by_library, rounds, least)
                row[what] = statistics.median(times["nabla"])
                for name, values in times.items():
                    row[f"{what} {name}"] = statistics.median(a / b for a, b in zip(values, times["nabla"], strict=True))
            report.append(row)
            ratios = [row.get(key) for key in ("value numpy", "value torch", "value jax", "gradient torch", "gradient jax")]
            cells = [four_digits(row["value"]), four_digits(row["gradient"]), f"{row['gradient'] / row['value']:.1f}"]
            cells += ["–" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
            print(f"| {operator.name} | {size} | {' | '.join(cells)} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": about, "rows": report}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
