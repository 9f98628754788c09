"""What goes wrong inside XLA, as errors of ours: no memory, a program that it cannot compile, a call to the host that raised."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import Iterator

from nabla.engines.xla.kernel import jax
from nabla.errors import EngineError, OutOfMemoryError

raised: deque[BaseException] = deque(maxlen=64)
"""What calls to the host have raised (host.py): XLA itself hands on no more than a text."""


@contextmanager
def reported() -> Iterator[None]:
    """Errors of XLA inside the block as ours."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise translated(error) from None


def translated(error: Exception) -> BaseException:
    """The error to raise for one of XLA."""
    if raised:
        return raised.pop()
    text = str(error)
    if "RESOURCE_EXHAUSTED" in text:
        return OutOfMemoryError(f"XLA has no memory for this: {text}. Smaller batches need less, as does float32")
    return EngineError(f"XLA could not compile or run this graph: {text}")
