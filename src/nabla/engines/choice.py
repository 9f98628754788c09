"""Which engine runs a compiled function: what the user wrote, else the environment, else the native one, and XLA on devices.

Code of the native engine calls what POSIX systems have. Elsewhere, on Windows, the NumPy engine is the one that nobody has to name.
"""

from __future__ import annotations

import os

from nabla.engines.engine import Engine
from nabla.engines.native.compile import ENGINE as NATIVE
from nabla.engines.numpy.compile import ENGINE as NUMPY
from nabla.engines.xla.compile import ENGINE as XLA
from nabla.errors import ArgumentError, EngineError

HERE = NATIVE if os.name == "posix" else NUMPY
DEFAULT = Engine(HERE.name, HERE.lower, in_memory=True, elsewhere=XLA)
ENGINES: dict[str, Engine] = {"numpy": NUMPY, "xla": XLA, "native": NATIVE}


def engine_called(name: str | None) -> Engine:
    """The engine of that name; None for the default."""
    wanted = name or os.environ.get("NABLA_ENGINE")
    if not wanted:
        return DEFAULT
    if wanted not in ENGINES:
        source = "engine" if name else "the environment variable NABLA_ENGINE"
        raise ArgumentError(f"jit: {source} names {wanted!r}; the engines are {', '.join(sorted(ENGINES))}")
    if wanted == NATIVE.name and HERE is not NATIVE:
        raise EngineError("jit: the native engine runs on POSIX systems, such as Linux and macOS; here, take 'numpy' or 'xla'")
    return ENGINES[wanted]
