"""no_grad: what is made inside is constant for the variables that are older."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any, Callable

from nabla import tree
from nabla.graph.node import is_scalar
from nabla.graph.tokens import cut_older
from nabla.ops.lift import as_node
from nabla.primitives.structure import detach as detach_node
from nabla.tensor import Tensor
from nabla.transforms.trace import want_callable


class no_grad(ContextDecorator):
    """Inside `with nb.no_grad():` (or a function decorated with `@nb.no_grad`), what is made is constant for every variable
    that is older than the entry, in forward and reverse mode; variables made inside are differentiated as ever.

    >>> import nabla as nb
    >>> w = nb.array([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> with nb.no_grad():
    ...     w -= 0.5 * w.grad
    >>> w.tolist(), w.requires_grad
    ([0.0, 0.0], True)
    """

    def __new__(cls, fun: Callable[..., Any] | None = None) -> Any:
        if fun is None:
            return super().__new__(cls)
        want_callable("no_grad", fun)
        return cls()(fun)

    def __init__(self) -> None:
        self._entered: list[cut_older] = []

    def _recreate_cm(self) -> no_grad:
        return no_grad()

    def __enter__(self) -> None:
        cut = cut_older()
        cut.__enter__()
        self._entered.append(cut)

    def __exit__(self, *exception: object) -> None:
        self._entered.pop().__exit__(*exception)


def detach(x: Any) -> Any:
    """The same values, constant for every derivative; `x` is an array or a pytree of arrays.

    It goes by the name of `stop_gradient`, too. Nested lists of nothing but numbers are one array, as everywhere.

    >>> import nabla as nb
    >>> nb.grad(lambda x: x * nb.detach(x))(3.0).item()
    3.0
    """
    if isinstance(x, (list, tuple)) and all(map(is_scalar, tree.leaves(x))):
        return Tensor(detach_node(as_node(x)))
    return tree.map(lambda leaf: Tensor(detach_node(as_node(leaf))), x)


stop_gradient = detach
