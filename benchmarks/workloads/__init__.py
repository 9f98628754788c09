"""Twelve scientific programs and their derivatives, each written for Nabla, jax and torch as a user of that library would write it.

One file for each, which ends with `WORKLOAD = Workload(...)`; base.py says what that record holds. A new file is found by itself:
run_workloads.py measures it, and tests/test_workloads.py checks it against the cases of its name in tests/data/tiny.

The mathematics is that of GradBench and ADBench, two public collections of benchmarks for automatic differentiation.
"""

import importlib
import pkgutil

from workloads.base import Workload


def all_workloads() -> dict[str, Workload]:
    """By name, which is that of the file."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    files = {name: importlib.import_module(f"workloads.{name}") for name in names}
    return {name: file.WORKLOAD for name, file in files.items() if hasattr(file, "WORKLOAD")}
