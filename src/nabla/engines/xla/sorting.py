"""XLA kernels: sorting along an axis, and where values belong in sorted rows.

NaN counts as the largest, and equals keep their order. Complex numbers are ordered by their real parts, then by their imaginary
parts; behind them those with a NaN only in the imaginary part, then those with one in the real part.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from nabla.engines.xla.kernel import Kernel, jnp, lax, where
from nabla.engines.xla.transcendental import is_complex, isnan
from nabla.primitives import searching, sorting
from nabla.primitives.base import Primitive


def _keys(x: Any) -> list[Any]:
    """Real numbers that order x, the first deciding; XLA puts NaN last itself."""
    if not is_complex(x):
        return [x]
    a, b = lax.real(x), lax.imag(x)
    kind = 2 * isnan(a).astype(np.int8) + isnan(b).astype(np.int8)
    return [kind, where(isnan(a), 0, a), where(isnan(b), 0, b)]


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    if descending:  # backwards twice: equals are turned round by the first, and turned back by the second
        return lax.rev(x.shape[axis] - 1 - _argsort(lax.rev(x, (axis,)), axis, False), (axis,))
    keys = _keys(x)
    positions = lax.broadcasted_iota(np.int64, x.shape, axis)
    return lax.sort((*keys, positions), dimension=axis, is_stable=True, num_keys=len(keys))[-1]


def _sort(x: Any, axis: int, descending: bool) -> Any:
    keys = _keys(x)
    out = lax.sort((*keys, x), dimension=axis, is_stable=True, num_keys=len(keys))[-1]
    return lax.rev(out, (axis,)) if descending else out


def _before(x: Any, y: Any, or_equal: bool) -> Any:
    """Whether x stands before y in the order of sorting."""
    before, equal = x < y, x == y
    if is_complex(x):
        before, equal = jnp.zeros(x.shape, bool), jnp.ones(x.shape, bool)
        for a, b in zip(_keys(x), _keys(y)):
            before, equal = before | equal & (a < b), equal & (a == b)
    elif x.dtype.kind == "f":
        before = before | isnan(y) & ~isnan(x)
        equal = equal | isnan(x) & isnan(y)
    return before | equal if or_equal else before


def _searchsorted(rows: Any, v: Any, right: bool) -> Any:
    """By halving, all values at once."""
    n, lanes = rows.shape[-1], rows.shape[:-1]
    if not n or not v.size:
        return jnp.zeros(v.shape, np.int64)
    table = lax.reshape(rows, (prod(lanes), n))
    wanted = lax.reshape(v, (prod(lanes), v.size // prod(lanes)))

    def halve(_: Any, bounds: Any) -> Any:
        low, high = bounds  # the first that does not stand before: at `low` or behind it, not behind `high`
        middle = (low + high) // 2
        there = jnp.take_along_axis(table, middle, axis=1, mode="clip")
        goes_on = _before(there, wanted, right) & (low < high)
        return where(goes_on, middle + 1, low), where(goes_on, high, middle)

    start = jnp.zeros(wanted.shape, np.int64)
    low, _ = lax.fori_loop(0, n.bit_length(), halve, (start, start + n))
    return lax.reshape(low, v.shape)


KERNELS: dict[Primitive, Kernel] = {
    sorting.argsort: _argsort,
    sorting.sort: _sort,
    searching.searchsorted: _searchsorted,
}
