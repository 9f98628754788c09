"""What a file of this package defines: one Workload.

A file looks like this (see lse.py):

    \"\"\"What is computed, in formulas.\"\"\"

    import numpy as np

    import nabla as nb
    from workloads.base import Workload, jax, jnp, torch

    def make(n): ...                    # a dict of ndarrays and numbers: the input
    def in_nabla(jit, x): ...           # {"primal": (jit(f), (x,)), "gradient": (jit(nb.grad(f)), (x,))}
    def in_jax(x): ...                  # the same, with jax.jit
    def in_torch(x): ...                # the same, eager and vectorised

    WORKLOAD = Workload(...)

`jax`, `jnp` and `torch` come from here: they are imported when a function first reads an attribute of them, so that the file can be
imported, and Nabla measured, where they are not installed or not wanted. No function of theirs is called when the file is imported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nabla import lazy

jax = lazy.optional("jax")
jnp = lazy.optional("jax.numpy")
torch = lazy.optional("torch")

Calls = dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]
"""For each function by name: what is called, and the arguments, as arrays of the library's own. Only the call is timed."""


def arrays(given: dict[str, Any]) -> dict[str, Any]:
    """The input of a reference case, its lists made ndarrays."""
    return {name: np.asarray(x) if isinstance(x, list) else x for name, x in given.items()}


def unchanged(function: str, result: Any) -> Any:
    return result


@dataclass(frozen=True)
class Workload:
    """A program and its derivatives."""

    what: str
    """One line for the reader of the tables."""

    sizes: dict[str, dict[str, Any]]
    """What is measured: the keyword arguments of `make`, by a short label. The first is small: `--quick` takes only that."""

    make: Callable[..., dict[str, Any]]
    """An input of a given size, the same at each call: ndarrays and numbers, by the names that the reference cases use."""

    nabla: Callable[..., Calls]
    """`nabla(jit, **input)`: `jit` compiles for the engine that is measured. The functions are made anew at each call, so that
    nothing is compiled yet."""

    jax: Callable[..., Calls]
    """`jax(**input)`, in float64 (who calls this has switched jax to it). The runner waits for results."""

    torch: Callable[..., Calls]
    """`torch(**input)`. A library may lack functions that the others have."""

    derivatives: dict[str, str] = field(default_factory=dict)
    """Which function is the derivative of which: the ratio of their costs is told."""

    read: Callable[[dict[str, Any]], dict[str, Any]] = arrays
    """From the input of a reference case to keyword arguments of `nabla`, `jax`, `torch`."""

    output: Callable[[str, Any], Any] = unchanged
    """`output(function, result)`: from a result, its arrays made ndarrays, to what stands as output in the reference cases."""

    tolerance: float = 1e-9
    """How closely the libraries must agree, relative to the largest element, before they are timed."""


def as_ndarrays(result: Any) -> Any:
    """A result of any library, its arrays made ndarrays."""
    if isinstance(result, dict):
        return {name: as_ndarrays(x) for name, x in result.items()}
    if isinstance(result, (list, tuple)):
        return [as_ndarrays(x) for x in result]
    return result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)


def disagreement(found: Any, expected: Any) -> float:
    """The largest difference of two trees of ndarrays, array by array relative to the largest element of what is expected.

    A list of numbers counts as an array, as it does in the reference cases.
    """
    if isinstance(expected, dict):
        if set(found) != set(expected):
            return np.inf
        return max((disagreement(found[name], expected[name]) for name in expected), default=0.0)
    if isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            return np.inf
        return max((disagreement(a, b) for a, b in zip(found, expected, strict=True)), default=0.0)
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return np.inf
    if not np.isfinite(found).all():
        return np.inf
    return float(np.abs(found - expected).max(initial=0.0) / max(np.abs(expected).max(initial=0.0), 1e-30))
