"""Functions of square matrices that are no functions of their elements: powers, exponential, logarithm, root."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Callable

from nabla.errors import ShapeError
from nabla.graph.node import Node, is_scalar
from nabla.ops.axes import integer
from nabla.ops.contraction import matrix_product
from nabla.ops.lift import ArrayLike, as_node, born, inexact, op, pair
from nabla.ops.linalg.checks import square
from nabla.ops.linalg.spectra import hermitian_part
from nabla.primitives import linalg as p
from nabla.primitives.call import sweeps
from nabla.primitives.matrix_functions import matrix_function
from nabla.primitives.spectra import eigh
from nabla.primitives.spectral_functions import function_of_hermitian
from nabla.primitives.structure import outputs

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def matrix_power(x: ArrayLike, n: int, /) -> Tensor:
    """The product of n factors x, for square matrices; a negative n multiplies inverses, 0 gives the unit matrix.

    Integers stay integers unless n is negative. Raises LinAlgError where n is negative and a matrix is singular.

    >>> nb.linalg.matrix_power([[1, 1], [0, 1]], 5).tolist()
    [[1, 5], [0, 1]]
    """
    x = as_node(x)
    n = integer("matrix_power", "n", n)
    if n < 0:
        return _power(p.inverse(square("matrix_power", x), "matrix_power"), -n)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power: expected square matrices, of shape (..., n, n); got shape {x.shape}")
    return _power(x, n) if n else p.identity(x)


def _power(x: Node, n: int) -> Node:
    """x multiplied n > 0 times, by squaring."""
    out: Node | None = None
    while True:
        if n % 2:
            out = x if out is None else matrix_product(out, x)
        n //= 2
        if not n:
            assert out is not None
            return out
        x = matrix_product(x, x)


@op
def expm(x: ArrayLike, /) -> Tensor:
    """The exponential of square matrices: the sum of x^k / k!. All its derivatives hold whatever the eigenvalues are.

    >>> nb.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return matrix_function(square("expm", as_node(x)), name="expm")


@op
def logm(x: ArrayLike, /) -> Tensor:
    """The principal logarithm of square matrices: the inverse of `expm`.

    A real matrix with a negative eigenvalue has a complex logarithm: make it complex first. Raises LinAlgError for
    one, and for singular matrices.

    >>> nb.linalg.logm([[1.0, 1.0], [0.0, 1.0]]).round(9).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return matrix_function(square("logm", as_node(x)), name="logm")


@op
def fractional_matrix_power(x: ArrayLike, t: ArrayLike, /) -> Tensor:
    """The principal power expm(t * logm(x)) of square matrices, differentiable in both; a whole number t is `matrix_power`.

    t: a number or a tensor of shape (). A real matrix with a negative eigenvalue has complex powers: make it complex first.
    Raises LinAlgError for one, and for singular matrices, unless t is a whole number; ShapeError for another shape of t.

    >>> nb.linalg.fractional_matrix_power([[4.0, 0.0], [0.0, 9.0]], 0.5).round(9).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    node = as_node(x)
    whole = math.floor(t + 0.5) if isinstance(t, (int, float)) else 0  # exactly, since the exponential loses digits of it
    if is_scalar(t) and whole == t:
        return matrix_power(node, whole)
    node = square("fractional_matrix_power", node)
    a, exponent = pair(node, t - whole if is_scalar(t) else t)
    if exponent.shape:
        raise ShapeError(f"fractional_matrix_power: t is one number, of shape (); got shape {exponent.shape}")
    rest = expm(exponent * as_node(logm(a)))
    return matrix_product(as_node(matrix_power(node, whole)), as_node(rest)) if whole else rest


@op
def sqrtm(x: ArrayLike, /) -> Tensor:
    """The principal square root r of square matrices: r @ r = x, and no eigenvalue of r has a negative real part.

    A real matrix with a negative eigenvalue has a complex root: make it complex first. Raises LinAlgError for one, for
    a matrix that has no root, and when a singular matrix is differentiated.

    >>> nb.linalg.sqrtm([[4.0, 0.0], [0.0, 9.0]]).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return matrix_function(square("sqrtm", as_node(x)), name="sqrtm")


@op
def funmh(x: ArrayLike, func: Callable[[Tensor], Tensor], /, UPLO: str | None = None) -> Tensor:
    """A function of Hermitian matrices: v @ diag(func(w)) @ v^H with the eigenvalues w and eigenvectors v of x.

    func: takes the eigenvalues, of shape (..., n), to as many numbers, each made of its own eigenvalue, by functions that
    can be differentiated; these may be complex, as in exp(1j * w). Whatever the eigenvalues are, equal ones
    included, all derivatives are right to which func has one more (two for the second), as far as they are asked for. The
    derivative of order k takes n ** (k + 1) numbers. x and UPLO as in `eigh`.

    Raises ShapeError where func returns another shape.

    >>> nb.linalg.funmh([[2.0, 1.0], [1.0, 2.0]], lambda w: w**2).round(9).tolist()
    [[5.0, 4.0], [4.0, 5.0]]
    >>> nb.grad(lambda x: nb.linalg.funmh(x, nb.sin)[0, 1])(nb.zeros((2, 2))).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    h = hermitian_part("funmh", x, UPLO)
    w, v = outputs(eigh(h))
    result = inexact(as_node(func(born(w))))
    if result.shape != w.shape:
        raise ShapeError(
            f"funmh: func takes each eigenvalue to a number: of eigenvalues of shape {w.shape} it returned shape {result.shape}"
        )
    graph, parameters = sweeps.close([result], [w], ["the eigenvalues"])
    return function_of_hermitian(graph, h, w, v, parameters)
