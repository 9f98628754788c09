"""NumPy kernels: Fourier transforms, by numpy.fft, which keeps single precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.numpy.kernel import Kernel
from nabla.primitives import fourier as p
from nabla.primitives.base import Primitive


def _fft(x: Any, axes: tuple[int, ...], inverse: bool, norm: Any) -> Any:
    one = np.fft.ifft if inverse else np.fft.fft
    for axis in reversed(axes):  # the last first, as numpy.fft.fftn
        x = one(x, axis=axis, norm=norm)
    return x


KERNELS: dict[Primitive, Kernel] = {
    p.fft: _fft,
    p.rfft: lambda x, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    p.irfft: lambda x, axis, n, norm: np.fft.irfft(x, n, axis=axis, norm=norm),
}
