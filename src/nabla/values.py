"""Reading the value of a node from Python: what may be read, what would cut a derivative, the mark that reading leaves."""

from __future__ import annotations

import dis
from types import FrameType
from typing import Any

import numpy as np

from nabla.errors import ShapeError, TracedValueError, user_line
from nabla.graph.node import Node, in_memory, runtime
from nabla.graph.tokens import EMPTY, Token
from nabla.primitives.leaves import LeafToken

MOST_READS = 1000
"""Reads of one call that are remembered, to say what cut its derivative."""


def compute(node: Node) -> None:
    """Compute the value, if it was not computed yet, for a user who asked for it."""
    if node.value is None:
        runtime.realize((node,))
    if runtime.away:
        runtime.devices.wait(node.value)
    node.asked = True  # backward wants to know


def value_of(node: Node) -> Any:
    """The value, computed if need be: an ndarray that nobody may write to, or a NumPy scalar."""
    value = node.value
    if value is None or runtime.away:
        compute(node)
        return in_memory(node)
    node.asked = True
    return value


def read(node: Node) -> Any:
    """The value for Python: float(), int(), .item(). It cuts the derivative, so live transforms note it."""
    value = value_of(node)
    if node.tokens is not EMPTY and node.dtype.kind in "fc":  # integers and booleans have no derivative that could be cut
        for token in node.tokens.members:
            if type(token) is Token and token.running and len(token.reads) < MOST_READS:
                token.reads.append((node, user_line()))
    return value


_STORES = frozenset(dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap)


def _is_live(node: Node) -> bool:
    """Whether a running transform, or a leaf, could still differentiate the node; integers and booleans have no derivative."""
    return node.dtype.kind in "fc" and any(token.running and not token.placeholder for token in node.tokens.members)


def _refuse_store(node: Node, frame: FrameType) -> None:
    """Raise where Python asks for the number in order to store it in somebody's array: `ndarray[i] = t` calls `float(t)`."""
    if _is_live(node) and frame.f_code.co_code[frame.f_lasti] in _STORES:
        raise TracedValueError(
            f"the assignment at {user_line()} would write a tensor that is being differentiated into an ndarray, and its "
            f"derivative would be lost. Make the ndarray a tensor first (x = nb.asarray(x)), or collect the values and "
            f"nb.stack them."
        )


def read_number(node: Node, what: str, frame: FrameType | None = None) -> Any:
    """The one number of a tensor. frame: of the code that asked for it by float() and the like."""
    if frame is not None:
        _refuse_store(node, frame)
    if node.size != 1:
        raise ShapeError(f"{what} needs a tensor of one element; this one has shape {node.shape}")
    return read(node).item()


def export(node: Node, what: str) -> np.ndarray:
    """The value as a read-only ndarray. Where it would cut a derivative without a trace, that is an error."""
    if node.tokens is not EMPTY and _is_live(node) and not node.tokens.placeholder:
        live = [token for token in node.tokens.members if token.running]
        if all(isinstance(token, LeafToken) for token in live):
            remedy = "Write x.detach().numpy() to leave the derivative behind."
        else:
            remedy = (
                "Use nb functions (nb.stack, nb.asarray, nb.zeros_like and x[i] = v) instead of filling or making ndarrays, or "
                "x.detach().numpy() where the derivative should stop."
            )
        raise TracedValueError(
            f"{what} at {user_line()} would turn a tensor that is being differentiated "
            f"({', '.join(sorted({t.what for t in live}))}) into an ndarray, and its derivative would be lost. {remedy}"
        )
    value = value_of(node)
    array = value.view() if type(value) is np.ndarray else np.array(value)
    array.setflags(write=False)
    return array
