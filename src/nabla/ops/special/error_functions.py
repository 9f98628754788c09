"""Special functions: the relatives of the error function and of the normal distribution. Names are SciPy's.

They take real numbers only; integers and booleans become floats of the default dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.lift import ArrayLike, unary
from nabla.primitives import special as s

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@unary(s.erfcx)
def erfcx(x: ArrayLike, /) -> Tensor:
    """exp(x**2) erfc(x), which decreases as 1/x where erfc underflows.

    >>> float(nb.special.erfcx(0.0))
    1.0
    """
