"""What the functions of nb.linalg share: the checks of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla import dtypes
from nabla.errors import DTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import as_node, inexact
from nabla.primitives.base import scalar
from nabla.primitives.shape import cast
from nabla.primitives.structure import detach


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


def relative_tolerance(rtol: Any, x: Node) -> Node:
    """Below which part of the largest a singular value of x counts as zero."""
    dtype = dtypes.to_real(x.dtype)
    if rtol is None:
        return scalar(max(x.shape[-2:]) * float(np.finfo(dtype).eps), dtype)
    return detach(cast(as_node(rtol), dtype))
