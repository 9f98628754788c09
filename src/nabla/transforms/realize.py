"""realize: the values of many tensors at once."""

from __future__ import annotations

from typing import TypeVar

from nabla import tree
from nabla.graph.node import runtime
from nabla.tensor import Tensor
from nabla.values import compute

T = TypeVar("T")


def realize(x: T) -> T:
    """Compute the tensors in a pytree now, together, if they were not computed yet; returns the pytree itself.

    Values are computed when they are asked for, so that this changes no result: it says when the work is done.

    >>> import nabla as nb
    >>> loss, gradient = nb.realize(nb.value_and_grad(nb.sin, realize=False)(0.0))
    >>> loss.item(), gradient.item()
    (0.0, 1.0)
    """
    nodes = [leaf._node for leaf in tree.leaves(x) if isinstance(leaf, Tensor)]
    runtime.realize(nodes)
    for node in nodes:
        compute(node)
    return x
