"""What the functions of nb.linalg share: the checks of their arguments."""

from __future__ import annotations

from nabla import dtypes
from nabla.errors import DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import inexact


def square(name: str, x: Node) -> Node:
    """Square matrices in a dtype that LAPACK knows."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: expected square matrices, of shape (..., n, n); got shape {x.shape}")
    return floating(name, x)


def matrices(name: str, x: Node) -> Node:
    """Matrices of any shape in a dtype that LAPACK knows."""
    if x.ndim < 2:
        raise ShapeError(f"{name}: expected matrices, of shape (..., m, n); got shape {x.shape}")
    return floating(name, x)


def floating(name: str, x: Node) -> Node:
    if x.dtype is dtypes.float16:
        raise DTypeError(f"{name}: float16 is too coarse for this; write x.astype('float32') first")
    return inexact(x)
