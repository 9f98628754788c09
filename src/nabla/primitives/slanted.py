"""Rows moved by one place more each: what turns diagonals into columns, and back, without an index for each element."""

from __future__ import annotations

from nabla.graph.node import Node
from nabla.primitives.joining import cut, pad_zeros
from nabla.primitives.shape import broadcast, reshape


def slanted(x: Node, *, left: bool) -> Node:
    """Of x of shape (..., rows, w, k), row r moved by r places, with zeros behind it.

    To the left: out[r, j] = x[r, j + r], of length w - rows + 1. To the right: out[r, j] = x[r, j - r], of length w + rows - 1.
    Each is the transpose of the other. Elements in a row of all rows, cut into rows one longer or shorter, are so moved.
    """
    *stack, rows, w, k = x.shape
    ahead = len(stack)
    none = [0] * ahead
    if left:
        flat = pad_zeros(reshape(x, shape=(*stack, rows * w, k)), [*none, 0, 0], [*none, rows, 0])
        return cut(reshape(flat, shape=(*stack, rows, w + 1, k)), ahead + 1, 0, w - rows + 1)
    wide = w + rows
    flat = reshape(pad_zeros(x, [*none, 0, 0, 0], [*none, 0, rows, 0]), shape=(*stack, rows * wide, k))
    return reshape(cut(flat, ahead, 0, rows * (wide - 1)), shape=(*stack, rows, wide - 1, k))


def windows(x: Node, rows: int) -> Node:
    """out[r, j] = x[j + r] for x of shape (..., w, k): as many rows, of length w - rows + 1."""
    *stack, w, k = x.shape
    wide = reshape(x, shape=(*stack, 1, w, k))
    return slanted(broadcast(wide, shape=(*stack, rows, w, k)), left=True)
