"""Which engine runs a compiled function: what the user wrote, else the environment, else XLA where it is installed."""

from __future__ import annotations

import os

from nabla.engines.engine import Engine
from nabla.engines.native.compile import ENGINE as NATIVE
from nabla.engines.numpy.compile import ENGINE as NUMPY
from nabla.engines.xla.compile import ENGINE as XLA
from nabla.engines.xla.kernel import is_installed
from nabla.errors import ArgumentError

ENGINES: dict[str, Engine] = {"numpy": NUMPY, "xla": XLA, "native": NATIVE}


def engine_called(name: str | None) -> Engine:
    """The engine of that name; None for the default."""
    wanted = name or os.environ.get("NABLA_ENGINE") or _default()
    if wanted not in ENGINES:
        source = "engine" if name else "the environment variable NABLA_ENGINE"
        raise ArgumentError(f"jit: {source} names {wanted!r}; the engines are {', '.join(sorted(ENGINES))}")
    return ENGINES[wanted]


def _default() -> str:
    return "xla" if is_installed() else "numpy"
