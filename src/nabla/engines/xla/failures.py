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
    except ValueError as error:  # so says a result that was waited for, where another process has ended
        raise (translated(error) if another_ended(error) else error) from None


def another_ended(error: Exception) -> bool:
    """Whether an error of XLA says that another process is gone."""
    text = str(error)
    return "Gloo" in text or "UNAVAILABLE" in text or "coordination service" in text


def translated(error: Exception) -> BaseException:
    """The error to raise for one of XLA."""
    if raised:
        return raised.pop()
    text = str(error)
    if "RESOURCE_EXHAUSTED" in text:
        return OutOfMemoryError(f"XLA has no memory for this: {text}. Smaller batches need less, as does float32")
    if another_ended(error):
        return EngineError(f"another process of this program has ended or cannot be reached, so that this one cannot go on: {text}")
    return EngineError(f"XLA could not compile or run this graph: {text}")
