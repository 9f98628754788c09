"""Hypergeometric functions and Lambert's W. Names and argument orders are SciPy's.

They take real numbers (lambertw also complex ones) and can be differentiated in the argument to any order. Derivatives in the
parameters are given up to the second in all: those of hyperu to 13 digits, the others to nine where the values have twelve. The
values of hyp2f1 have fewer digits where z < -9 and a - c or b - c is beyond about 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.ops.axes import integer
from nabla.ops.lift import ArrayLike, complex_floats, op, reals
from nabla.primitives import hypergeometric as p

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def hyp0f1(v: ArrayLike, z: ArrayLike, /) -> Tensor:
    """The confluent hypergeometric limit function 0F1(; v; z).

    >>> nb.allclose(nb.special.hyp0f1(0.5, 1.0), np.cosh(2.0))
    True
    """
    return p.hyp0f1(*reals("hyp0f1", v, z), orders=(0,))


@op
def hyp1f1(a: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """Kummer's function 1F1(a; b; x).

    >>> nb.allclose(nb.special.hyp1f1(0.7, 0.7, 1.0), np.e)
    True
    """
    return p.hyp1f1(*reals("hyp1f1", a, b, x), orders=(0, 0))


@op
def hyp2f1(a: ArrayLike, b: ArrayLike, c: ArrayLike, z: ArrayLike, /) -> Tensor:
    """Gauss' hypergeometric function 2F1(a, b; c; z). Inf or NaN for z > 1, as in SciPy.

    >>> nb.allclose(nb.special.hyp2f1(1.0, 1.0, 2.0, 0.5), 2 * np.log(2.0))
    True
    """
    return p.hyp2f1(*reals("hyp2f1", a, b, c, z), orders=(0, 0, 0))


@op
def hyperu(a: ArrayLike, b: ArrayLike, x: ArrayLike, /) -> Tensor:
    """Tricomi's function U(a, b, x), for x >= 0; NaN for negative x. At x = 0 there are no derivatives: they are NaN.

    >>> nb.allclose(nb.special.hyperu(1.0, 2.0, 4.0), 0.25)
    True
    """
    return p.hyperu(*reals("hyperu", a, b, x), orders=(0, 0))


@op
def lambertw(z: ArrayLike, k: int = 0) -> Tensor:
    """Lambert's W, the complex number w with w exp(w) = z; k says which branch.

    For real z >= -1/e the branches 0 and (where z < 0) -1 are real: take nb.real of them.

    >>> nb.allclose(nb.grad(lambda x: nb.real(nb.special.lambertw(x)))(0.0), 1.0)
    True
    """
    return p.lambertw(complex_floats(z), k=integer("lambertw", "k", k))
