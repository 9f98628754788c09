"""The whole table of the XLA engine: one row per primitive, and those that run on the host. A test fails when one is missing."""

from __future__ import annotations

from nabla.engines.numpy import table as numpy_table
from nabla.engines.xla import (
    contraction,
    control,
    convolution,
    elementwise,
    fourier,
    indexing,
    linalg,
    moving,
    random,
    reductions,
    softmax,
    sorting,
    special,
    spectra,
)
from nabla.engines.xla.kernel import Kernel
from nabla.primitives.base import Primitive

KERNELS: dict[Primitive, Kernel] = {
    **moving.KERNELS,
    **control.KERNELS,
    **elementwise.KERNELS,
    **reductions.KERNELS,
    **sorting.KERNELS,
    **softmax.KERNELS,
    **contraction.KERNELS,
    **convolution.KERNELS,
    **indexing.KERNELS,
    **fourier.KERNELS,
    **linalg.KERNELS,
    **random.KERNELS,
    **special.KERNELS,
    **spectra.KERNELS,
}

HOST: frozenset[Primitive] = frozenset([prim for prim in numpy_table.KERNELS if prim not in KERNELS])
"""Those for which XLA has no code: a compiled program calls out to the NumPy engine for them (host.py)."""
