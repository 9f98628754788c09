"""A row of the table of operators: with which inputs a public function is checked, and against what.

It is a row of the table of primitives whose function is looked up in the public namespace, so that every mode of that
table (table.py) applies as it is. The modules beside this one hold `OPERATORS`, a list a family:

    Operator("sqrt", [positive(3, 4)])
    Operator("linalg.qr", [normal(4, 3)], value=None, ...)
    Operator("concat", [normal(2), normal(3)], call=lambda f, x, y: f([x, y]))
    Operator("floor", [nonzero(5)], constant="piecewise constant")

`inputs` become nodes; everything else goes through `call` or `params`, which are keyword arguments.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import scipy.special
from rows.row import ALL, COMPLEX, REAL, Row

import nabla as nb
from nabla import tree
from nabla.graph.node import Node

# Where a name of the Array API standard is not NumPy's.
NUMPY_NAMES = {
    "concat": "concatenate",
    "permute_dims": "transpose",
    "cumulative_sum": "cumulative_sum",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "bitwise_invert": "invert",
}

BY_NAME = object()
"""The reference is the function of the same name in NumPy or SciPy."""


def public(name: str) -> Callable[..., Any]:
    """The public function of a dotted name, without the leading `nb.`"""
    found: Any = nb
    for part in name.split("."):
        found = getattr(found, part)
    return found


def reference(name: str) -> Callable[..., Any]:
    """The function of NumPy or SciPy of that name."""
    room, _, last = name.rpartition(".")
    places = {"": [np, scipy.special], "special": [scipy.special, np], "linalg": [np.linalg], "fft": [np.fft]}.get(room, [])
    if room == "linalg":
        places = [np.linalg, importlib.import_module("scipy.linalg")]
    for place in places:
        found = getattr(place, NUMPY_NAMES.get(last, last), None)
        if found is not None:
            return found
    raise LookupError(f"{name}: NumPy and SciPy have no function of this name: give value=...")


@dataclass(frozen=True)
class Operator(Row):
    """How one public function is checked; the fields not said here are those of Row.

    prim: its public name ("sin", "linalg.svd"). params: keyword arguments. call: from the function and its inputs to a
    result, where it is not `f(*inputs, **params)`; the reference is called the same way. value: the expected value, a
    function of the ndarrays, where it is not NumPy's or SciPy's function of that name. unmapped: why vmap refuses it.
    """

    value: Any = BY_NAME
    call: Callable[..., Any] | None = None
    unmapped: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.value is BY_NAME:
            function = reference(self.prim)
            object.__setattr__(self, "value", lambda *arrays: leaves(self.called(function, *arrays)))

    @property
    def primitive(self) -> Any:
        """None: it is made of primitives."""
        return None

    def all_dtypes(self) -> tuple[str, ...]:
        if self.dtypes is not None:
            return self.dtypes
        return REAL if self.real_only else COMPLEX if self.complex_only else ALL

    def called(self, function: Callable[..., Any], *inputs: Any) -> Any:
        if self.call is not None:
            return self.call(function, *inputs, **self.params)
        return function(*inputs, **self.params)

    def __call__(self, *nodes: Any) -> Any:
        return leaves(self.called(public(self.prim), *nodes))

    def resizes(self) -> bool:
        return False


def leaves(result: Any) -> list[Any]:
    """The arrays, tensors or nodes of a result."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    if isinstance(result, (Node, np.ndarray, np.generic)):
        return [result]
    return [leaf._node if isinstance(leaf, nb.Tensor) else leaf for leaf in tree.leaves(result)]
