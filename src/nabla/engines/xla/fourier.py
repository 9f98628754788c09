"""XLA kernels: Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.xla.kernel import Kernel, jnp
from nabla.primitives import fourier as p
from nabla.primitives.base import Primitive


def _fft(x: Any, axes: tuple[int, ...], inverse: bool, norm: str) -> Any:
    one = jnp.fft.ifft if inverse else jnp.fft.fft
    x = x.astype(np.promote_types(x.dtype, np.complex64))
    for axis in reversed(axes):
        x = one(x, axis=axis, norm=norm)
    return x


def _rfft(x: Any, axis: int, norm: str) -> Any:
    return jnp.fft.rfft(x.astype(np.promote_types(x.dtype, np.float32)), axis=axis, norm=norm)


KERNELS: dict[Primitive, Kernel] = {
    p.fft: _fft,
    p.rfft: _rfft,
    p.irfft: lambda x, axis, n, norm: jnp.fft.irfft(x, n, axis=axis, norm=norm),
}
