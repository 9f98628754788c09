"""Compiled programs: what nb.jit on XLA costs beside jax.jit and torch, side by side in one run.

Overhead: calls of compiled functions of arrays of 4 numbers, with one result, with eight, and the gradient of three operations;
from ndarrays to ndarrays and from the library's own arrays to its own, by the clock on the wall and by the processor's, which does
not count what else a busy machine does. Here Nabla's native engine takes part beside XLA.

Programs (networks.py), each its value and its gradient by the parameters, as one compiled function:

- trace: from Python to the library's graph of value and gradient (nb: `lower`; jax: `trace`), and its lowering to StableHLO
  (`as_text`; jax: `lower` and `as_text`), both on a function that has not been seen before, by the processor's clock. What a
  library remembers of other functions it may use: Nabla the derivatives of an equal loop, jax the traces of its own functions;
- first: from a function that has not been seen to its first result, XLA's compilation and all;
- steady: every further call, from arrays of the library's own kind to a finished result;
- memory: what XLA says that the compiled program needs at most: arguments, results, and what it allocates between.

torch runs eagerly, as it does for most of its users; it has no graph to trace. Before anything is timed, all results must agree:
to nine digits in float64 (Poisson's, after a hundred steps that each round, to seven), to 2e-4 in float32.

The libraries take turns, in rounds, and the ratios are taken within a round (see eager.py): above 1, slower than Nabla.
"""

import argparse
import gc
import importlib
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any

import numpy as np
from networks import Program, programs
from timing import four_digits, machine, summary, taking_turns

import nabla as nb

NABLA = "Nabla"


# ---- how each library is asked --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Library:
    """What the programs need of a library, and how its compiler is asked."""

    name: str
    xp: Any
    array: Callable
    finished: Callable  # waits for a result
    compiled: Callable  # f -> the function compiled, anew at each call
    grad: Callable
    value_and_grad: Callable  # (f) -> function of (parameters, *data)
    conv: Callable
    pad: Callable
    relu: Callable
    sigmoid: Callable
    softmax: Callable
    log_softmax: Callable
    swapaxes: Callable
    scan: Callable


def same(x):
    return x


def anew(f):
    """Another function that does what f does: no cache knows it."""

    @wraps(f)
    def again(*args):
        return f(*args)

    return again


def nabla(name=NABLA, engine="xla"):
    return Library(
        name, nb, nb.asarray, same,  # what a compiled function returns is finished
        lambda f: nb.jit(f, engine=engine), nb.grad, nb.value_and_grad,
        lambda x, w: nb.nn.conv(x, w, padding="same"), lambda u: nb.pad(u, 1), nb.relu, nb.sigmoid,
        lambda x: nb.softmax(x, axis=-1), lambda x: nb.log_softmax(x, axis=-1), nb.swapaxes, nb.scan,
    )  # fmt: skip


def jax_jit():
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return Library(
        "jax.jit", jnp, jnp.asarray, jax.block_until_ready, jax.jit, jax.grad, jax.value_and_grad,
        lambda x, w: jax.lax.conv(x, w, (1, 1), "SAME"), lambda u: jnp.pad(u, 1), jax.nn.relu, jax.nn.sigmoid,
        jax.nn.softmax, jax.nn.log_softmax, jnp.swapaxes, jax.lax.scan,
    )  # fmt: skip


def torch_eager():
    torch = importlib.import_module("torch")

    def grad(f):
        def gradient(x):
            x = x.detach().requires_grad_()
            return torch.autograd.grad(f(x), x)[0]

        return gradient

    def value_and_grad(f):
        def both(p, *data):
            value = f(p, *data)
            return value, dict(zip(p, torch.autograd.grad(value, list(p.values())), strict=True))

        return both

    def scan(f, carry, xs, length):
        for i in range(length):
            carry, _ = f(carry, None if xs is None else xs[i])
        return carry, None

    return Library(
        "torch, eager", torch, torch.from_numpy, lambda x: x, lambda f: f, grad, value_and_grad,
        lambda x, w: torch.nn.functional.conv2d(x, w, padding="same"),
        lambda u: torch.nn.functional.pad(u, (1, 1, 1, 1)), torch.relu, torch.sigmoid,
        lambda x: torch.softmax(x, -1), lambda x: torch.log_softmax(x, -1), torch.swapaxes, scan,
    )  # fmt: skip


def libraries(only_jax: bool) -> tuple[list[Library], list[str]]:
    found, missing = [], []
    for make in (nabla, jax_jit) if only_jax else (nabla, jax_jit, torch_eager):
        try:
            found.append(make())
        except ImportError as error:
            missing.append(str(error))
    return found, missing


# ---- overhead -------------------------------------------------------------------------------------------------


def sines(xp, count):
    """One array, or a list of several."""
    if count == 1:
        return lambda x, y: xp.sin(x * y)
    return lambda x, y: [xp.sin(x * y) + k for k in range(count)]


def slope(library):
    """The gradient of three operations."""
    return library.grad(lambda x: library.xp.sum(library.xp.sin(x * x)))


def as_ndarrays(result):
    return [np.asarray(x) for x in result] if isinstance(result, list) else np.asarray(result)


def overhead(found: list[Library], rounds: int, least: float) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=4), rng.normal(size=4)
    functions = {
        "one result": (lambda library: sines(library.xp, 1), sines(np, 1)(x, y), (x, y)),
        "eight results": (lambda library: sines(library.xp, 8), sines(np, 8)(x, y), (x, y)),
        "a gradient": (slope, 2.0 * x * np.cos(x * x), (x,)),
    }
    tables = {}
    for name, (function, expected, arrays) in functions.items():
        ndarrays, own = {}, {}
        for library in [*found, nabla("Nabla, native", "native")]:
            f = library.compiled(function(library))
            given = [library.array(a.copy()) for a in arrays]
            must_agree(f"overhead, {name}", f(*given), expected, library, 1e-12)
            own[library.name] = partial(call_own, library, f, *given)
            ndarrays[library.name] = partial(call_ndarrays, library.array if "torch" in library.name else same, f, *arrays)
        for what, calls in {"ndarrays": ndarrays, "own arrays": own}.items():
            wall = summary(taking_turns(calls, rounds, least), NABLA)
            processor = summary(taking_turns(calls, rounds, least, time.process_time), NABLA)
            tables[f"{what}, {name}"] = {"wall": wall, "processor": processor}
    return tables


def call_own(library, f, *arrays):
    return library.finished(f(*arrays))


def call_ndarrays(array, f, *arrays):
    return as_ndarrays(f(*map(array, arrays)))


# ---- programs -------------------------------------------------------------------------------------------------


def asked(program: Program, library: Library, dtype: str) -> tuple[Callable, list[Any]]:
    """The function of value and gradient, and its arguments, as arrays of the library."""

    def cast(x):
        return library.array(x.astype(dtype))

    parameters = {name: cast(x) for name, x in program.parameters.items()}
    if library.name == "torch, eager":
        parameters = {name: x.requires_grad_() for name, x in parameters.items()}
    f = library.value_and_grad(lambda p, *data: program.value(library, p, *data))
    return f, [parameters, *[cast(x) for x in program.data]]


def must_agree(name, given, expected, library, tolerance):
    for a, b in zip(leaves(given), leaves(expected), strict=True):
        error = np.abs(a - b).max()
        if not error <= tolerance * max(np.abs(b).max(), 1e-30):
            raise AssertionError(f"{name}: {library.name} disagrees with {NABLA} by {error} where there is {np.abs(b).max()}")


def leaves(result) -> list[np.ndarray]:
    if isinstance(result, (list, tuple)):
        return [x for part in result for x in leaves(part)]
    if isinstance(result, dict):
        return [x for name in sorted(result) for x in leaves(result[name])]
    return [result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)]


def stages_of(library: Library, f: Callable, args: list[Any]) -> dict[str, float]:
    """Milliseconds for each stage, of a function that has not been seen before: tracing and lowering, in which one thread of Python
    works, by the processor's clock, and XLA's compilation by the one on the wall."""
    compiled = library.compiled(anew(f))
    gc.collect()
    times = [time.process_time()]
    if library.name == NABLA:
        lowered = compiled.lower(*args)
        times.append(time.process_time())
        lowered.as_text()
    else:
        traced = compiled.trace(*args)
        times.append(time.process_time())
        lowered = traced.lower()
        lowered.as_text()
    times.append(time.process_time())
    start = time.perf_counter()
    lowered.compile()
    compiling = time.perf_counter() - start
    trace, lower = (after - before for before, after in itertools.pairwise(times))
    return {"trace": 1e3 * trace, "lower": 1e3 * lower, "compile": 1e3 * compiling}


def first_result(library: Library, f: Callable, args: list[Any]) -> float:
    gc.collect()
    start = time.perf_counter()
    library.finished(library.compiled(anew(f))(*args))
    return 1e3 * (time.perf_counter() - start)


def memory_of(library: Library, f: Callable, args: list[Any]) -> int:
    """Bytes."""
    compiled = library.compiled(f).lower(*args).compile()
    if library.name == NABLA:
        return compiled.memory().peak
    sizes = compiled.memory_analysis()
    return sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes - sizes.alias_size_in_bytes


def ratio(times, name):
    return statistics.median(value / base for value, base in zip(times[name], times[NABLA], strict=True))


def measure(program: Program, dtype: str, found: list[Library], rounds: int, traces: int, least: float) -> dict[str, Any]:
    questions = {library.name: (library, *asked(program, library, dtype)) for library in found}
    calls = {}
    expected = None
    for name, (library, f, args) in questions.items():
        g = library.compiled(f)
        result = library.finished(g(*args))
        expected = result if expected is None else expected
        must_agree(f"{program.name}, {dtype}", result, expected, library, 2e-4 if dtype == "float32" else program.tolerance)
        calls[name] = lambda g=g, args=args, library=library: library.finished(g(*args))
    told: dict[str, Any] = {"steady": summary(taking_turns(calls, rounds, least), NABLA)}
    with_graph = {name: question for name, question in questions.items() if name != "torch, eager"}
    stages: dict[str, dict[str, list[float]]] = {stage: {name: [] for name in with_graph} for stage in STAGES}
    for turn in range(traces):
        for name in sorted(with_graph, reverse=turn % 2 == 1):
            for stage, milliseconds in stages_of(*with_graph[name]).items():
                stages[stage][name].append(milliseconds)
            stages["first"][name].append(first_result(*with_graph[name]))
    told["stages"] = {
        stage: {
            name: {"median_ms": statistics.median(values), "ratio_to_nabla": ratio(times, name)} for name, values in times.items()
        }
        for stage, times in stages.items()
    }
    told["memory"] = {name: memory_of(*question) for name, question in with_graph.items()}
    return told


STAGES = ("trace", "lower", "compile", "first")


# ---- telling --------------------------------------------------------------------------------------------------


def overhead_table(tables):
    lines = ["| a call | library | median, µs | quartiles, µs | times Nabla | of the processor, µs | times Nabla |"]
    lines += ["|---|---|--:|--:|--:|--:|--:|"]
    for what, clocks in tables.items():
        for name, row in clocks["wall"].items():
            low, high = (four_digits(value) for value in row["quartiles_us"])
            processor = clocks["processor"][name]
            cells = [what, name, four_digits(row["median_us"]), f"{low} – {high}", f"{row['ratio_to_nabla']:.2f}"]
            lines.append(
                "| " + " | ".join([*cells, four_digits(processor["median_us"]), f"{processor['ratio_to_nabla']:.2f}"]) + " |"
            )
    return "\n".join([*lines, ""])


def program_table(program, dtype, told):
    lines = [f"### {program.name}, {dtype}: {program.what}", ""]
    lines += ["| | Nabla | " + " | ".join(name for name in told["steady"] if name != NABLA) + " |"]
    lines += ["|---|--:|" + "--:|" * (len(told["steady"]) - 1)]

    def row(what, cells, unit, size):
        others = [f"{size(cell)} {unit} ({cell['ratio_to_nabla']:.2f})" if cell else "–" for cell in cells[1:]]
        lines.append(f"| {what} | {size(cells[0])} {unit} | " + " | ".join(others) + " |")

    names = list(told["steady"])
    row("steady", [told["steady"][name] for name in names], "µs", lambda cell: four_digits(cell["median_us"]))
    for stage, cells in told["stages"].items():
        row(stage, [cells.get(name) for name in names], "ms", lambda cell: four_digits(cell["median_ms"]))
    own = told["memory"][NABLA]
    memory = [{"kB": size / 1e3, "ratio_to_nabla": size / own} if (size := told["memory"].get(name)) else None for name in names]
    row("memory", memory, "kB", lambda cell: four_digits(cell["kB"]))
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="three short rounds: to see that it runs, not to measure")
    parser.add_argument("--rounds", type=int, help="rounds of taking turns (default 25)")
    parser.add_argument("--traces", type=int, help="rounds of tracing and compiling (default 7)")
    parser.add_argument("--only", action="append", metavar="PROGRAM", help="overhead, or the name of a program")
    parser.add_argument("--only-jax", action="store_true", help="without torch")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.fast else 25)
    traces = arguments.traces or (1 if arguments.fast else 7)
    least = 0.001 if arguments.fast else 0.02

    everything = programs()
    wanted = set(arguments.only or ["overhead", *[program.name for program in everything]])
    if unknown := wanted - {"overhead", *[program.name for program in everything]}:
        parser.error(f"no program is called {', '.join(sorted(unknown))}")
    found, missing = libraries(arguments.only_jax)
    gc.collect()
    gc.freeze()  # one library is not to pay for the collector's walks over the modules of the others

    about = machine()
    torch_threads = f"; torch threads: {about['torch_threads']}" if "torch" in sys.modules else ""
    print(f"{about['processor']}, {about['cores']} cores{torch_threads}")
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    print(f"{rounds} rounds, batches of at least {1000 * least:.0f} ms; {traces} of tracing")
    print("".join(f"missing: {text}\n" for text in missing), flush=True)

    results: dict[str, Any] = {}
    if "overhead" in wanted:
        results["overhead"] = overhead(found, rounds, least)
        print(overhead_table(results["overhead"]), flush=True)
    for program in everything:
        for dtype in program.dtypes if program.name in wanted else ():
            told = results[f"{program.name}, {dtype}"] = measure(program, dtype, found, rounds, traces, least)
            print(program_table(program, dtype, told), flush=True)
    if arguments.json:
        report = {"machine": about, "rounds": rounds, "traces": traces, "missing": missing, "results": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
