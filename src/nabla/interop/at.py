"""`x.at[key].set(v)` and its like: x with a part changed, as a new tensor.

JAX writes so, and what wants an expression (a lambda, the body of a loop) may, too. `x[key] = v` is the same in place.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla.interop import folds
from nabla.ops import elementwise as e
from nabla.ops.indexing import add_to_part
from nabla.ops.keys import part_of
from nabla.ops.lift import ArrayLike
from nabla.tensor import Tensor


class At:
    """What `x.at` is; between its brackets stands what may stand between those of x itself."""

    __slots__ = ("_x",)

    def __init__(self, x: Tensor) -> None:
        self._x = x

    def __getitem__(self, key: Any) -> Change:
        return Change(self._x, key)


class Change:
    """`x.at[key]`. Its methods leave x alone, and return another tensor of its shape and dtype.

    An index that names an element several times stands for as many changes, one after the other; `set` writes the last value. So
    under `jit` and `vmap`, all but `get`, `set`, `add` and `subtract` raise TracedValueError for arrays of indices that are
    computed there: whether places repeat has to be known.
    """

    __slots__ = ("_key", "_x")

    def __init__(self, x: Tensor, key: Any) -> None:
        self._x = x
        self._key = key

    def get(self) -> Tensor:
        """x[key]"""
        return self._x[self._key]

    def set(self, values: ArrayLike) -> Tensor:
        """x after x[key] = values.

        >>> import nabla as nb
        >>> nb.zeros(3).at[0].set(2.0).tolist()
        [2.0, 0.0, 0.0]
        """
        out = self._x.copy()
        out[self._key] = values
        return out

    def add(self, values: ArrayLike) -> Tensor:
        """x with `values` added to its part. The key may be computed inside `jit` and `vmap`.

        >>> import nabla as nb
        >>> nb.zeros(3).at[[0, 2, 0]].add([1.0, 2.0, 4.0]).tolist()
        [5.0, 0.0, 2.0]
        """
        return Tensor(add_to_part(self._x._node, self._key, values))

    def subtract(self, values: ArrayLike) -> Tensor:
        """x with `values` subtracted from its part."""
        return self.add(e.negative(values))

    def multiply(self, values: ArrayLike) -> Tensor:
        """x with its part multiplied by `values`."""
        return self._changed(e.multiply, np.multiply, values)

    def divide(self, values: ArrayLike) -> Tensor:
        """x with its part divided by `values`."""
        return self._changed(e.divide, np.divide, values)

    def power(self, values: ArrayLike) -> Tensor:
        """x with its part raised to `values`."""
        return self._changed(e.pow, np.power, values)

    def min(self, values: ArrayLike) -> Tensor:
        """x with the lesser of its part and `values`."""
        return self._changed(e.minimum, np.minimum, values)

    def max(self, values: ArrayLike) -> Tensor:
        """x with the greater of its part and `values`."""
        return self._changed(e.maximum, np.maximum, values)

    def _changed(self, function: Callable[..., Any], ufunc: np.ufunc, values: ArrayLike) -> Tensor:
        out = self._x.copy()
        if part_of(self._key, self._x.shape).unique:
            out[self._key] = function(self.get(), values)
        else:
            folds.at(out, function, ufunc, self._key, values)
        return out


Tensor.at = property(At)  # type: ignore[attr-defined]
