"""Which engine runs a compiled function: what the user wrote, else the environment, else the native one, and XLA on devices."""

from __future__ import annotations

import os

from nabla.engines.engine import Engine
from nabla.engines.native.compile import ENGINE as NATIVE
from nabla.engines.numpy.compile import ENGINE as NUMPY
from nabla.engines.xla.compile import ENGINE as XLA
from nabla.errors import ArgumentError

DEFAULT = Engine("native", NATIVE.lower, in_memory=True, elsewhere=XLA)
ENGINES: dict[str, Engine] = {"numpy": NUMPY, "xla": XLA, "native": NATIVE}


def engine_called(name: str | None) -> Engine:
    """The engine of that name; None for the default."""
    wanted = name or os.environ.get("NABLA_ENGINE")
    if not wanted:
        return DEFAULT
    if wanted not in ENGINES:
        source = "engine" if name else "the environment variable NABLA_ENGINE"
        raise ArgumentError(f"jit: {source} names {wanted!r}; the engines are {', '.join(sorted(ENGINES))}")
    return ENGINES[wanted]
