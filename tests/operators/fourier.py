"""nb.fft."""

import scipy.fft
from rows.row import COMPLEX, REAL, normal

from operators.operator import Operator

TAKES_REAL = "it takes real numbers"
ONE = ["fft", "ifft", "hfft"]
SEVERAL = ["fft2", "ifft2", "fftn", "ifftn"]
COSINES = ["dct", "idct", "dst", "idst", "dctn", "idctn", "dstn", "idstn"]
BACK = ["irfft", "irfft2", "irfftn"]

OPERATORS = [
    *[Operator(f"fft.{name}", [normal(2, 5)]) for name in ONE],
    *[Operator(f"fft.{name}", [normal(2, 3, 4)]) for name in SEVERAL],
    *[Operator(f"fft.{name}", [normal(3, 4)]) for name in BACK],
    Operator("fft.irfft", [normal(2, 4)], {"n": 7}),
    Operator("fft.fft", [normal(4)], {"n": 6, "norm": "ortho"}),
    *[Operator(f"fft.{name}", [normal(2, 5)], real_only=TAKES_REAL) for name in ("rfft", "ihfft")],
    *[Operator(f"fft.{name}", [normal(2, 3, 4)], real_only=TAKES_REAL) for name in ("rfft2", "rfftn")],
    *[Operator(f"fft.{name}", [normal(3, 4)], dtypes=REAL, value=getattr(scipy.fft, name)) for name in COSINES],
    *[Operator(f"fft.{name}", [normal(3, 4)], dtypes=COMPLEX, value=getattr(scipy.fft, name)) for name in COSINES],
    *[Operator(f"fft.{name}", [normal(3, 4)]) for name in ("fftshift", "ifftshift")],
]
