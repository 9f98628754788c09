"""The whole table of the XLA engine: one row per primitive, and those that run on the host. A test fails when one is missing."""

from __future__ import annotations

from nabla.engines.xla import (
    contraction,
    control,
    convolution,
    elementwise,
    fourier,
    gamma,
    incomplete,
    incomplete_beta,
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
from nabla.engines.xla.kernel import Kernel, once
from nabla.primitives.base import REGISTRY, Primitive

KERNELS: dict[Primitive, Kernel] = {
    **moving.KERNELS,
    **control.KERNELS,
    **elementwise.KERNELS,
    **reductions.KERNELS,
    **sorting.KERNELS,
    **{prim: once(kernel) for prim, kernel in {**softmax.KERNELS, **gamma.KERNELS, **special.KERNELS}.items()},
    **{prim: once(kernel) for prim, kernel in {**incomplete.KERNELS, **incomplete_beta.KERNELS}.items()},
    **contraction.KERNELS,
    **convolution.KERNELS,
    **indexing.KERNELS,
    **fourier.KERNELS,
    **linalg.KERNELS,
    **random.KERNELS,
    **spectra.KERNELS,
}

_ON_THE_HOST = (
    "airy", "amplitude", "banded_solve", "bessel", "betainccinv", "betaincinv", "binom", "btdtria", "btdtrib", "callback",
    "carlson", "carlson_j", "circular_integral", "classical_polynomial", "complex_bessel", "ellipe", "ellipeinc",
    "ellipkinc", "elliprg", "eval_gegenbauer", "eval_genlaguerre", "eval_jacobi", "gamma_shape", "gammainccinv",
    "gammaincinv", "holomorphic", "hyp0f1", "hyp1f1", "hyp2f1", "hyperu", "kolmogi", "kolmogorov", "lambertw",
    "loggamma_slope", "ndtri_exp", "poch", "riemann_zeta", "scaled_airy", "spherical_bessel", "stdtr", "stdtridf", "stdtrit",
    "struve", "sylvester", "toeplitz_solve", "unitary", "zetac",
)  # fmt: skip

HOST: frozenset[Primitive] = frozenset([REGISTRY[name] for name in _ON_THE_HOST])
"""Those for which XLA has no code: a compiled program calls out to the NumPy engine for them (host.py)."""

PARTLY_ON_HOST: dict[Primitive, str] = {
    REGISTRY["betainc"]: "its derivatives in the parameters",
    REGISTRY["cofactor"]: "its second derivative",
    REGISTRY["matrix_function"]: "`logm`, `sqrtm`",
}
"""Those of whose kernels some call the host, and which."""
