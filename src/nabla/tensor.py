"""The tensor: a thin handle on a node, with NumPy's operators, attributes and methods.

Because the handle and the node are two things, `x[i] = v` and `x += 1` are the handle moving to a new node.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.dtypes import strong
from nabla.graph.node import Node, runtime
from nabla.ops import elementwise, reductions


class Tensor:
    """A multi-dimensional array of numbers whose history is known, so that it can be differentiated."""

    __slots__ = ("__weakref__", "_birth", "_node")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def shape(self) -> tuple[int, ...]:
        return self._node.shape

    @property
    def dtype(self) -> np.dtype:
        return strong(self._node.dtype)

    @property
    def ndim(self) -> int:
        return len(self._node.shape)

    def numpy(self) -> np.ndarray:
        runtime.realize((self._node,))
        return np.asarray(self._node.value)

    __add__ = elementwise.add
    __mul__ = elementwise.multiply
    __sub__ = elementwise.subtract
    sum = reductions.sum


runtime.handle = Tensor
