"""Special functions: gamma and what is made of it. Names and argument orders are SciPy's.

They take real numbers only; integers and booleans become floats of the default dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.lift import ArrayLike, op, real_floats, unary
from nabla.primitives import special as s

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@unary(s.gamma)
def gamma(x: ArrayLike, /) -> Tensor:
    """The gamma function, (x - 1)! for whole numbers. At its poles 0, -1, -2, ... the derivative is NaN or infinite.

    >>> float(nb.special.gamma(5.0))
    24.0
    """


@op
def rgamma(x: ArrayLike, /) -> Tensor:
    """1 / gamma(x), which has no poles: it is 0 at 0, -1, -2, ... with right derivatives of every order there.

    >>> float(nb.special.rgamma(0.0)), float(nb.grad(nb.special.rgamma)(0.0))
    (0.0, 1.0)
    """
    return s.rgamma(real_floats("rgamma", x), n=0)  # type: ignore[return-value]
