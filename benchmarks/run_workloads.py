"""The workloads (workloads/): Nabla beside jax and torch, side by side in one run.

For each workload, size and function:

- steady: a further call, from arrays of the library's own to a finished result, after each was called for a second. The
  libraries take turns, in rounds.
- first: from a function that has not been seen to its first result: tracing, compiling and running it. Nothing that was compiled
  before is read from the disk.
- memory: by how much the process grew at most, over the first call, compiling and all, and three further ones. Each function of
  each library is measured in a process of its own, where the library has computed something small before.
- derivative over value: what a derivative costs in calls of the function that it is a derivative of.
- beside C++: what the best C++ program would take here, if it were to jax here as it was to jax where it was measured (in_cpp.py).

Before anything is timed, all results must agree. jax runs jitted, in float64; torch eagerly, as it does for most of its users.
Ratios are to the first engine of Nabla that is measured: above 1, slower than that. Those of steady times are taken within a round.
"""

import argparse
import gc
import importlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from in_cpp import BEST
from timing import four_digits, machine, summary, taking_turns
from workloads import all_workloads
from workloads.base import Calls, Workload, as_ndarrays, disagreement

import nabla as nb

OUTPUT = Path(__file__).parent / "output"
ENGINES = ("native", "xla", "numpy")
WARM = 1.0


# ---- how each library is asked --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Library:
    """How a library is asked for a workload's calls, and how it finishes a result."""

    name: str
    calls: Callable[[Workload, dict[str, Any]], Calls]
    finished: Callable[[Any], Any]
    warm_up: Callable[[], Any]  # what a process does once, whatever it computes


def same(x):
    return x


def nabla(engine):
    jit = partial(nb.jit, engine=engine)
    return Library(  # what a compiled function returns is finished
        f"Nabla, {engine}", lambda workload, given: workload.nabla(jit, **given), same,
        lambda: jit(nb.grad(nb.sin))(WARM),
    )  # fmt: skip


def jax_jit():
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return Library(
        "jax", lambda workload, given: workload.jax(**given), jax.block_until_ready,
        lambda: jax.jit(jax.grad(jnp.sin))(WARM).block_until_ready(),
    )  # fmt: skip


def torch_eager():
    torch = importlib.import_module("torch")

    def warm_up():
        x = torch.tensor(WARM, requires_grad=True)
        torch.autograd.grad(torch.sin(x), x)

    return Library("torch", lambda workload, given: workload.torch(**given), same, warm_up)


MAKERS = {**{engine: partial(nabla, engine) for engine in ENGINES}, "jax": jax_jit, "torch": torch_eager}


def made(names: list[str]) -> tuple[dict[str, Library], list[str]]:
    found, missing = {}, []
    for name in names:
        try:
            found[name] = MAKERS[name]()
            found[name].warm_up()
        except ImportError as error:
            missing.append(str(error))
    return found, missing


# ---- measuring ------------------------------------------------------------------------------------------------


def run_once(library: Library, f: Callable, args: tuple) -> Any:
    return library.finished(f(*args))


def once(library: Library, f: Callable, args: tuple) -> float:
    start = time.perf_counter()
    run_once(library, f, args)
    return time.perf_counter() - start


def called_for(seconds: float, library: Library, f: Callable, args: tuple) -> list[float]:
    """Call it for that long, at least once: Nabla compiles what is called often once more, in the background."""
    end = time.perf_counter() + seconds
    times = [once(library, f, args)]
    while time.perf_counter() < end:
        times.append(once(library, f, args))
    return times


def first_calls(workload, given, found, repeats) -> dict[str, dict[str, list[float]]]:
    """Milliseconds, function → library → one for each repetition; the libraries take turns."""
    times: dict[str, dict[str, list[float]]] = {}
    for turn in range(repeats):
        for name in sorted(found, reverse=turn % 2 == 1):
            for function, (f, args) in found[name].calls(workload, given).items():
                gc.collect()
                times.setdefault(function, {}).setdefault(name, []).append(1e3 * once(found[name], f, args))
    return times


def measure(name: str, workload: Workload, given: dict[str, Any], found: dict[str, Library], options) -> dict[str, Any]:
    """function → what was measured."""
    calls = {library: found[library].calls(workload, given) for library in found}
    reference = next(iter(found))
    told: dict[str, Any] = {}
    for function, (f, args) in calls[reference].items():
        able = {library: calls[library][function] for library in calls if function in calls[library]}
        expected = as_ndarrays(run_once(found[reference], f, args))
        taken = 0.0
        for library, (g, own) in able.items():
            result = as_ndarrays(run_once(found[library], g, own))
            if not (error := disagreement(result, expected)) <= workload.tolerance:
                raise AssertionError(f"{name}, {function}: {found[library].name} disagrees with {found[reference].name} by {error}")
            taken += max(min(called_for(options.warm_up, found[library], g, own)), options.least)
        rounds = max(3, min(options.rounds, int(options.seconds / taken)))
        steady = taking_turns(
            {library: partial(run_once, found[library], g, own) for library, (g, own) in able.items()}, rounds, options.least
        )
        told[function] = {"steady": {library: told_of(row) for library, row in summary(steady, reference).items()}}
    for function, times in first_calls(workload, given, found, options.repeats).items():
        medians = {library: statistics.median(values) for library, values in times.items()}
        told[function]["first"] = {library: {"ms": ms, "ratio": ms / medians[reference]} for library, ms in medians.items()}
    return told


def told_of(row):
    return {"ms": row["median_us"] / 1e3, "quartiles_ms": [x / 1e3 for x in row["quartiles_us"]], "ratio": row["ratio_to_nabla"]}


# ---- memory: in a process for each library ---------------------------------------------------------------------


def resident(which: str) -> int:
    """Bytes of this process: VmRSS are resident now, VmHWM is the most there was."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def memory_here(library: Library, f: Callable, args: tuple) -> float:
    """In megabytes."""
    gc.collect()
    forget_peak()
    before = resident("VmRSS")
    for _ in range(4):
        run_once(library, f, args)
    return (resident("VmHWM") - before) / 1e6


def memory_of(name: str, size: str, function: str, library: str) -> float:
    """In a new process."""
    command = [sys.executable, __file__, "--memory-of", name, size, function, library]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


# ---- telling --------------------------------------------------------------------------------------------------


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def table(title, columns, rows) -> str:
    lines = [f"### {title}", "", f"| workload | function | {' | '.join(columns)} |", "|---|---|" + "--:|" * len(columns)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, ""])


def cell(entry, key):
    if entry is None:
        return "–"
    ratio = f" ({entry['ratio']:.2f})" if "ratio" in entry else ""
    return (four_digits(entry[key]) if entry[key] > 0 else "0") + ratio


def over_value(workload: Workload, told: dict[str, Any], function: str, library: str) -> float | None:
    """How many calls of the function a call of its derivative costs."""
    value = told.get(workload.derivatives.get(function), {}).get("steady", {}).get(library)
    derivative = told[function]["steady"].get(library)
    return derivative["ms"] / value["ms"] if value and derivative else None


def tables(results, workloads, found) -> str:
    """results: (workload, size) → function → quantity → library → entry."""
    names = {library: found[library].name for library in found}
    entries = [(f"{w} {size}", w, function, told) for (w, size), told in results.items() for function in told]
    out = []
    for title, quantity, key in [
        ("Steady: milliseconds a call (times Nabla)", "steady", "ms"),
        ("First call: milliseconds (times Nabla)", "first", "ms"),
        ("Memory: megabytes by which the process grew", "memory", "MB"),
    ]:
        rows = [
            [label, function, *(cell(told[function][quantity].get(library), key) for library in names)]
            for label, _, function, told in entries
            if quantity in told[function]
        ]
        if rows:
            out.append(table(title, names.values(), rows))
    rows = []
    for label, w, function, told in entries:
        if function in workloads[w].derivatives:
            ratios = [over_value(workloads[w], told, function, library) for library in names]
            rows.append([label, function, *("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    out.append(table("Derivative over value: times the function's own cost", names.values(), rows))
    return "\n".join(out)


def means(results, workloads, found) -> str:
    """Geometric means over all workloads and sizes; each function counts once."""
    reference = next(iter(found))
    lines = ["### Geometric means", "", "| what | " + " | ".join(library.name for library in found.values()) + " |"]
    lines.append("|---|" + "--:|" * len(found))

    def row(what, values):
        cells = [f"{geometric_mean(numbers):.2f}" if (numbers := values(library)) else "–" for library in found]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")

    def ratios(quantity, kind):
        return lambda library: [
            told[function][quantity][library]["ratio"]
            for (w, _), told in results.items()
            for function in told
            if library in told[function].get(quantity, {})
            and kind in ("derivatives" if function not in workloads[w].derivatives.values() else "values", "all")
        ]

    row(f"steady, values: times {found[reference].name}", ratios("steady", "values"))
    row(f"steady, derivatives: times {found[reference].name}", ratios("steady", "derivatives"))
    row(f"first call: times {found[reference].name}", ratios("first", "all"))

    def costs(library):
        found = [over_value(workloads[w], told, function, library) for (w, _), told in results.items() for function in told]
        return [ratio for ratio in found if ratio is not None]

    row("derivative over value", costs)
    return "\n".join([*lines, ""])


def beside_cpp(results, found) -> str:
    """Published figures of C++ programs, as many times slower or faster as jax is here."""
    ours = next(iter(found))
    rows, ratios = [], []
    for (w, size), told in results.items():
        best = BEST.get((w, size))
        if best and "jax" in told[best.function]["steady"]:
            here, own = (told[best.function]["steady"][library]["ms"] for library in ("jax", ours))
            scaled = best.ms * here / best.jax
            ratios.append(own / scaled)
            figures = [best.ms, best.jax, here, scaled, own]
            rows.append([f"{w} {size}", best.function, best.by, *map(four_digits, figures), f"{ratios[-1]:.2f}"])
    if not rows:
        return ""
    columns = ["by", "C++ there", "jax there", "jax here", "C++ here", found[ours].name, "ratio"]
    ahead, near = sum(x < 1.0 for x in ratios), sum(x <= 1.5 for x in ratios)
    ending = f"geometric mean {geometric_mean(ratios):.2f}; ahead of C++ on {ahead} of {len(ratios)}, within 1.5 times on {near}"
    return table("Beside C++: milliseconds; C++ here is what it would take, going by jax", columns, rows) + f"\n{ending}\n"


def picture(results, found, path) -> None:
    """How much longer than Nabla the others take: one bar for each library and derivative or lone function."""
    figure_module = importlib.import_module("matplotlib.figure")
    others = list(found)[1:]
    labels = [(f"{w} {size}\n{function}", told[function]) for (w, size), told in results.items() for function in told]
    figure = figure_module.Figure(figsize=(9, 1.5 + 0.42 * len(labels)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / max(len(others), 1)
    for i, library in enumerate(others):
        places = [k for k, (_, told) in enumerate(labels) if library in told["steady"]]
        ratios = [labels[k][1]["steady"][library]["ratio"] for k in places]
        axes.barh(
            [k + (i - (len(others) - 1) / 2) * height for k in places],
            [ratio - 1 for ratio in ratios],
            height,
            left=1,
            label=found[library].name,
        )
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(labels)), [label for label, _ in labels], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(f"time of a call, in calls of {next(iter(found.values())).name}")
    axes.legend(loc="upper right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


# ---- the command ----------------------------------------------------------------------------------------------


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="WORKLOAD", help="a workload, or WORKLOAD:SIZE; may be repeated")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="of Nabla; may be repeated (default: native)")
    parser.add_argument("--without", action="append", choices=("jax", "torch"), default=[], help="a library to leave out")
    parser.add_argument("--quick", action="store_true", help="the smallest size of each, few rounds: to see that it runs")
    parser.add_argument("--rounds", type=int, help="rounds of taking turns (default 25)")
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long a function's rounds may take (default 20)")
    parser.add_argument("--torch-threads", type=int, metavar="N", help="(default: as many as torch likes)")
    parser.add_argument("--no-memory", action="store_true", help="without the processes that measure memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--picture", type=Path, metavar="FILE", default=OUTPUT / "workloads.png", help="(default: %(default)s)")
    parser.add_argument(
        "--memory-of", nargs=4, metavar=("WORKLOAD", "SIZE", "FUNCTION", "LIBRARY"), help="measure that one, in this process"
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 25)
    options.repeats = 1 if options.quick else 3
    options.least = 0.001 if options.quick else 0.02
    options.warm_up = 0.0 if options.quick else 1.0
    return parser, options


def wanted(parser, options, workloads) -> list[tuple[str, str]]:
    """The pairs of workload and size."""
    pairs = []
    for text in options.only or list(workloads):
        name, _, size = text.partition(":")
        if name not in workloads:
            parser.error(f"no workload is called {name}; there are {', '.join(workloads)}")
        sizes = list(workloads[name].sizes)
        if size and size not in sizes:
            parser.error(f"{name} has no size {size}; there are {', '.join(sizes)}")
        pairs += [(name, s) for s in ([size] if size else sizes[:1] if options.quick else sizes)]
    return pairs


def main():
    parser, options = parsed()
    os.environ["NABLA_CACHE"] = "off"
    workloads = all_workloads()
    if options.memory_of:
        name, size, function, library = options.memory_of
        asked, workload = made([library])[0][library], workloads[name]
        calls = asked.calls(workload, workload.make(**workload.sizes[size]))
        print(json.dumps(memory_here(asked, *calls[function])))
        return
    pairs = wanted(parser, options, workloads)
    libraries = [*(options.engine or ["native"]), *(name for name in ("jax", "torch") if name not in options.without)]
    found, missing = made(libraries)
    if options.torch_threads and "torch" in found:
        sys.modules["torch"].set_num_threads(options.torch_threads)
    gc.collect()
    gc.freeze()  # one library is not to pay for the collector's walks over the modules of the others

    about = machine()
    torch_threads = f"; torch threads: {about['torch_threads']}" if "torch" in found else ""
    print(f"{about['processor']}, {about['cores']} cores{torch_threads}")
    print(", ".join(f"{name} {version}" for name, version in about["versions"].items()))
    print("".join(f"missing: {text}\n" for text in missing), flush=True)

    results: dict[tuple[str, str], Any] = {}
    for name, size in pairs:
        given = workloads[name].make(**workloads[name].sizes[size])
        told = results[name, size] = measure(name, workloads[name], given, found, options)
        if not options.no_memory:
            for function, figures in told.items():
                figures["memory"] = {library: {"MB": memory_of(name, size, function, library)} for library in figures["steady"]}
        if options.json:
            write_report(options.json, about, missing, results)
        print(f"{name} {size}: done", file=sys.stderr, flush=True)
    print(tables(results, workloads, found))
    print(means(results, workloads, found))
    print(beside_cpp(results, found))
    if len(found) > 1:
        picture(results, found, options.picture)
        print(f"picture: {options.picture}")


def write_report(path, about, missing, results):
    """After each workload, so that a run that is cut short has told what it found."""
    flat = {f"{name} {size}": told for (name, size), told in results.items()}
    path.write_text(json.dumps({"machine": about, "missing": missing, "results": flat}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
