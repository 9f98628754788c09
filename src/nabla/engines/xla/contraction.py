"""XLA kernels: dot_general. Its axes are those of XLA's, in the same order.

Products are taken in full precision, where accelerators would round float32 to fewer digits; float16 accumulates in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nabla.engines.xla.kernel import Kernel, lax
from nabla.primitives.base import Primitive
from nabla.primitives.contraction import Pair, dot_general


def _dot_general(x: Any, y: Any, contract: Pair, batch: Pair) -> Any:
    if x.dtype.kind == "b":  # whether any pair of both holds
        return _dot_general(x.astype(np.int32), y.astype(np.int32), contract, batch) != 0
    dtype = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
    out = lax.dot_general(x, y, (contract, batch), precision=lax.Precision.HIGHEST, preferred_element_type=dtype)
    return out if dtype == x.dtype else lax.convert_element_type(out, x.dtype)


KERNELS: dict[Primitive, Kernel] = {dot_general: _dot_general}
