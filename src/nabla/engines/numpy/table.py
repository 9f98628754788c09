"""The whole table of the NumPy engine: one row per primitive. A test fails when a row is missing."""

from __future__ import annotations

from nabla.engines.numpy import (
    bessel,
    contraction,
    control,
    convolution,
    custom,
    elementwise,
    fourier,
    hypergeometric,
    hyperu,
    incomplete,
    incomplete_beta,
    indexing,
    linalg,
    moving,
    polygamma,
    random,
    reductions,
    softmax,
    sorting,
    special,
    spectra,
    structured,
    student,
)
from nabla.engines.numpy.kernel import Kernel
from nabla.primitives.base import Primitive

KERNELS: dict[Primitive, Kernel] = {
    **moving.KERNELS,
    **control.KERNELS,
    **elementwise.KERNELS,
    **reductions.KERNELS,
    **sorting.KERNELS,
    **random.KERNELS,
    **softmax.KERNELS,
    **special.KERNELS,
    **student.KERNELS,
    **polygamma.KERNELS,
    **hypergeometric.KERNELS,
    **hyperu.KERNELS,
    **bessel.KERNELS,
    **incomplete_beta.KERNELS,
    **incomplete.KERNELS,
    **contraction.KERNELS,
    **convolution.KERNELS,
    **fourier.KERNELS,
    **linalg.KERNELS,
    **spectra.KERNELS,
    **structured.KERNELS,
    **indexing.KERNELS,
    **custom.KERNELS,
}
