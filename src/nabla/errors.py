"""Every exception a user can meet. Each is also a built-in exception, so that ordinary `except` clauses work.

A message says what was given, what was wanted, and what to do next.
"""

from __future__ import annotations

import os
import sys
from types import FrameType

import numpy as np

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "AxisError",
    "BoundsError",
    "DTypeError",
    "EndedTransformError",
    "EngineError",
    "FreedGraphError",
    "LinAlgError",
    "NablaError",
    "NotDifferentiableError",
    "RecompilationWarning",
    "ShapeError",
    "TracedValueError",
    "TreeError",
]


class NablaError(Exception):
    """The family name: catch it to catch every error that Nabla raises on purpose."""


class ShapeError(NablaError, ValueError):
    """Shapes do not fit each other or the operation."""


class DTypeError(NablaError, TypeError):
    """A dtype the operation or transform cannot take."""


class TreeError(NablaError, ValueError):
    """Two pytrees that should have the same structure do not."""


class ArgumentError(NablaError, ValueError):
    """An argument of the right type with a value that makes no sense."""


class ArgumentTypeError(NablaError, TypeError):
    """An argument of a type that cannot be used."""


class AxisError(NablaError, ValueError, IndexError):
    """An axis that the array, or the enclosing `vmap`s, do not have."""


class BoundsError(NablaError, IndexError):
    """An index outside its axis."""


class LinAlgError(NablaError, np.linalg.LinAlgError):
    """A matrix that the factorisation cannot take (singular, not positive definite)."""


class NotDifferentiableError(NablaError, TypeError):
    """A derivative was asked of an operation that has none."""


class TracedValueError(NablaError, TypeError):
    """A value was asked for where there is none yet, or where reading it would silently cut the derivative."""


class EndedTransformError(NablaError, RuntimeError):
    """A value was used after the vmap, jit or loop body that it belongs to has ended."""


class EngineError(NablaError, RuntimeError):
    """An engine could not compile or run a graph."""


class OutOfMemoryError(NablaError, MemoryError):
    """A device has no room for a value."""


class FreedGraphError(NablaError, RuntimeError):
    """A second backward went through a graph that the first one freed."""


class RecompilationWarning(UserWarning):
    """A jitted function is traced again and again."""


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def user_line() -> str:
    """Where the user's own code stands now: 'file.py:12', the nearest frame outside this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return "<unknown line>"
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
