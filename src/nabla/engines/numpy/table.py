"""The whole table of the NumPy engine: one row per primitive. A test fails when a row is missing."""

from __future__ import annotations

from nabla.engines.numpy import (
    bessel,
    contraction,
    elementwise,
    fourier,
    indexing,
    incomplete,
    incomplete_beta,
    linalg,
    moving,
    random,
    reductions,
    softmax,
    special,
)
from nabla.engines.numpy.kernel import Kernel
from nabla.primitives.base import Primitive

KERNELS: dict[Primitive, Kernel] = {
    **moving.KERNELS,
    **elementwise.KERNELS,
    **reductions.KERNELS,
    **random.KERNELS,
    **softmax.KERNELS,
    **special.KERNELS,
    **incomplete_beta.KERNELS,
    **incomplete.KERNELS,
    **bessel.KERNELS,
    **contraction.KERNELS,
    **fourier.KERNELS,
    **linalg.KERNELS,
    **indexing.KERNELS,
}
