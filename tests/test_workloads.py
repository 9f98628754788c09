"""The workloads of benchmarks/ against reference cases that a hand-written C++ program computed."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import nabla as nb
from nabla import lazy

ROOT = Path(__file__).parents[1]
ENGINES = ["numpy", "native", *(["xla"] if lazy.installed("jax") else [])]

sys.path.append(str(ROOT / "benchmarks"))

from in_cpp import BEST  # noqa: E402
from workloads import all_workloads  # noqa: E402
from workloads.base import as_ndarrays, disagreement  # noqa: E402

WORKLOADS = all_workloads()
CASES = sorted(path for name in WORKLOADS for path in (ROOT / "tests" / "data" / "tiny").glob(f"{name}_*.json"))
SLOW = {("particle", "numpy")}  # thirty thousand steps of a simulation, one NumPy call at a time: seconds for each case
RUNS = [(path, engine) for path in CASES for engine in ENGINES if (path.stem.partition("_")[0], engine) not in SLOW]


def test_every_workload_has_its_cases():
    assert {path.name.partition("_")[0] for path in (ROOT / "tests" / "data" / "tiny").iterdir()} == set(WORKLOADS) - {"hello"}


def close(found, expected, rtol=1e-9):
    """Element by element; the floor is for what is zero, or would be without rounding."""
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for name in expected:
            close(found[name], expected[name], rtol)
    else:
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-14)


@pytest.mark.parametrize(("path", "engine"), RUNS, ids=[f"{path.stem}-{engine}" for path, engine in RUNS])
def test_reference_case(path, engine):
    case = json.loads(path.read_text(encoding="utf-8"))
    workload = WORKLOADS[case["eval"]]
    given = {name: x for name, x in case["input"].items() if name not in ("min_runs", "min_seconds")}
    f, args = workload.nabla(partial(nb.jit, engine=engine), **workload.read(given))[case["function"]]
    close(workload.output(case["function"], as_ndarrays(f(*args))), case["output"])


@pytest.mark.parametrize("engine", ENGINES)
def test_hello(engine):
    calls = WORKLOADS["hello"].nabla(partial(nb.jit, engine=engine), x=1.0)
    (square, _), (double, _) = calls["square"], calls["double"]
    x = 1.0
    for _ in range(4):
        y = square(x).item()
        x = double(y).item()
    assert (y, x) == (2.0**14, 2.0**15)


def test_disagreement_is_seen():
    assert disagreement({"a": [1.0, 2.0]}, {"a": np.array([1.0, 4.0])}) == 0.5
    assert disagreement([np.ones(2), np.zeros(1)], [np.ones(2), np.zeros(1)]) == 0.0
    assert disagreement({"a": 1.0}, {"b": 1.0}) == disagreement(np.ones(2), np.ones(3)) == np.inf
    assert disagreement(np.array(np.nan), np.array(np.nan)) == np.inf


@pytest.mark.parametrize("name", WORKLOADS)
def test_made_inputs_are_the_same_each_time(name):
    workload = WORKLOADS[name]
    size = next(iter(workload.sizes.values()))
    again = workload.make(**size)
    for key, value in workload.make(**size).items():
        np.testing.assert_equal(again[key], value)


def test_what_stands_beside_figures_of_cpp():
    assert len(BEST) == 14
    for (name, size), figure in BEST.items():
        assert size in WORKLOADS[name].sizes
        assert figure.function in WORKLOADS[name].derivatives
        assert 0.0 < figure.ms < 1000.0 and 0.0 < figure.jax < 1000.0
