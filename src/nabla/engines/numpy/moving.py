"""NumPy kernels: structure, moving and casting."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.graph.node import runtime
from nabla.primitives import joining, placement, shape as s, structure
from nabla.primitives.base import Primitive


def _broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    if not x.shape:  # the common case, eight times faster than np.broadcast_to
        return np.ndarray(shape, x.dtype, np.asarray(x), 0, (0,) * len(shape))
    return np.broadcast_to(x, shape)


KERNELS: dict[Primitive, Kernel] = {
    # structure
    structure.VARIABLE: lambda x: x,
    structure.detach: lambda x: x,
    structure.named: lambda x, name: x,
    structure.output: lambda x, index: x[index],
    placement.put: lambda x, place, source: runtime.devices.put(x, place),
    placement.constrain: lambda x, place: x,  # memory is one place
    # moving and casting
    s.convert: lambda x, dtype: x.astype(dtype),
    s.real: np.real,
    s.imag: np.imag,
    s.conj: np.conj,
    s.reshape: lambda x, shape: x.reshape(shape),
    s.broadcast: _broadcast,
    s.transpose: lambda x, perm: x.transpose(perm),
    s.flip: lambda x, axes: np.flip(x, axes),
    joining.concat: lambda *xs, axis: np.concatenate(xs, axis),
}
