"""How the benchmarks measure: calls that do the same take turns, in rounds, so that what else the machine does meets all alike."""

import importlib.metadata
import itertools
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import nabla as nb


def seconds(call, count, clock=time.perf_counter):
    start = clock()
    for _ in itertools.repeat(None, count):
        call()
    return clock() - start


def batch_size(call, least):
    """How many calls fill `least` seconds; the search warms the caches up too."""
    call()  # it may compile something first
    count = 1
    while (taken := seconds(call, count)) < least and count < 1_000_000:
        count = max(2 * count, int(1.2 * count * least / max(taken, 1e-9)))
    return count


def taking_turns(calls, rounds, least, clock=time.perf_counter):
    """Microseconds a call, one number a round, of each of a dict of calls."""
    names = list(calls)
    counts = {name: batch_size(call, least) for name, call in calls.items()}
    times = {name: [] for name in names}
    for turn in range(rounds):
        for offset in range(len(names)):
            name = names[(turn + offset) % len(names)]
            times[name].append(1e6 * seconds(calls[name], counts[name], clock) / counts[name])
    return times


def summary(times, against):
    """Medians, quartiles, and the median of the ratio to one of them in the same round."""
    reference = times[against]
    rows = {}
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * values
        ratio = statistics.median(value / base for value, base in zip(values, reference, strict=True))
        rows[name] = {"median_us": middle, "quartiles_us": [low, high], "ratio_to_nabla": ratio}
    return rows


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    versions = {"python": platform.python_version(), "numpy": np.__version__, "nabla": nb.__version__}
    versions |= {name: sys.modules[name].__version__ for name in ("torch", "jax") if name in sys.modules}
    if "autograd" in sys.modules:
        versions["autograd"] = importlib.metadata.version("autograd")
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch_threads": threads,
        "versions": versions,
    }


def four_digits(value):
    """1.234, 12.34, 123.4, 1234, 12345."""
    return f"{value:.{max(0, 3 - int(np.floor(np.log10(value))))}f}"
