"""Functions of NumPy's that are put together here from ours: they have no name in our namespace, where one would go first."""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

from nabla import lazy
from nabla.ops import creation, logic, reductions
from nabla.ops.shape import broadcast_to
from nabla.tensor import Tensor

namespace = lazy.optional("nabla")


def array_equiv(a1: Any, a2: Any) -> bool:
    x, y = creation.asarray(a1), creation.asarray(a2)
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return bool(reductions.all(logic.equal(broadcast_to(x, shape), broadcast_to(y, shape))))


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Tensor:
    return namespace.histogram(a, bins, range)[1]


COMPOSITIONS: Mapping[str, Callable[..., Any]] = {
    "np.array_equiv": array_equiv,
    "np.histogram_bin_edges": histogram_bin_edges,
    "np.i0": lambda x: namespace.special.i0(x),
}
