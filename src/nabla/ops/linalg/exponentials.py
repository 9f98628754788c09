"""Circular and hyperbolic functions of square matrices, and the derivative of the exponential, all made of exponentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nabla import dtypes
from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, op, together
from nabla.ops.linalg.checks import square
from nabla.primitives import linalg as p
from nabla.primitives.matrix_functions import along, matrix_function
from nabla.primitives.shape import cast, conj, imag, real

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def expm_frechet(a: ArrayLike, e: ArrayLike, /, *, compute_expm: bool = True) -> Any:
    """The exponential of square matrices and its derivative along e, which has the shape of a; or with compute_expm=False the
    latter alone.

    >>> nb.linalg.expm_frechet([[0.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], compute_expm=False).round(9).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    x, y = together([as_node(a), as_node(e)])
    x, y = square("expm_frechet", x), square("expm_frechet", y)
    if x.shape != y.shape:
        raise ShapeError(f"expm_frechet: a and e have the same shape; got {x.shape} and {y.shape}")
    change = along(x, y, "expm") if x.size else x
    return (matrix_function(x, name="expm"), change) if compute_expm else change


def _turned(name: str, x: ArrayLike) -> tuple[Node, Node]:
    """exp(i x) and exp(-i x), of which the latter is the conjugate for real x."""
    node = square(name, as_node(x))
    turn = 1j * cast(node, dtypes.to_complex(node.dtype))
    ahead = matrix_function(turn, name="expm")
    return ahead, conj(ahead) if node.dtype.kind != "c" else matrix_function(-turn, name="expm")


def _cosine(ahead: Node, behind: Node, x_is_real: bool) -> Node:
    return real(ahead) if x_is_real else 0.5 * (ahead + behind)


def _sine(ahead: Node, behind: Node, x_is_real: bool) -> Node:
    return imag(ahead) if x_is_real else -0.5j * (ahead - behind)


@op
def cosm(x: ArrayLike, /) -> Tensor:
    """The cosine of square matrices, by their exponentials: (exp(i x) + exp(-i x)) / 2.

    >>> nb.linalg.cosm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _cosine(*_turned("cosm", x), as_node(x).dtype.kind != "c")


@op
def sinm(x: ArrayLike, /) -> Tensor:
    """The sine of square matrices, by their exponentials: (exp(i x) - exp(-i x)) / 2i.

    >>> nb.linalg.sinm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return _sine(*_turned("sinm", x), as_node(x).dtype.kind != "c")


@op
def tanm(x: ArrayLike, /) -> Tensor:
    """The tangent of square matrices: cosm(x)^-1 @ sinm(x). Raises LinAlgError where the cosine is singular.

    >>> nb.linalg.tanm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    turned, x_is_real = _turned("tanm", x), as_node(x).dtype.kind != "c"
    cosine, sine = _cosine(*turned, x_is_real), _sine(*turned, x_is_real)
    return p.lu_solve(cosine, *p.factors(cosine), sine, transposed=False, what="tanm")


def _stretched(name: str, x: ArrayLike) -> tuple[Node, Node]:
    """exp(x) and exp(-x)."""
    node = square(name, as_node(x))
    return matrix_function(node, name="expm"), matrix_function(-node, name="expm")


@op
def coshm(x: ArrayLike, /) -> Tensor:
    """The hyperbolic cosine of square matrices: (exp(x) + exp(-x)) / 2.

    >>> nb.linalg.coshm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    grown, shrunk = _stretched("coshm", x)
    return 0.5 * (grown + shrunk)


@op
def sinhm(x: ArrayLike, /) -> Tensor:
    """The hyperbolic sine of square matrices: (exp(x) - exp(-x)) / 2.

    >>> nb.linalg.sinhm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    grown, shrunk = _stretched("sinhm", x)
    return 0.5 * (grown - shrunk)


@op
def tanhm(x: ArrayLike, /) -> Tensor:
    """The hyperbolic tangent of square matrices: coshm(x)^-1 @ sinhm(x). Raises LinAlgError where the cosine is singular.

    >>> nb.linalg.tanhm([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    grown, shrunk = _stretched("tanhm", x)
    cosine = grown + shrunk
    return p.lu_solve(cosine, *p.factors(cosine), grown - shrunk, transposed=False, what="tanhm")
