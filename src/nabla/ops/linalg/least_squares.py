"""Solutions in the sense of least squares: the pseudoinverse and what is solved with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nabla import dtypes
from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.contraction import matrix_product, promoted
from nabla.ops.keys import mask_value
from nabla.ops.lift import ArrayLike, as_node, broadcast_to, inexact, op, pair
from nabla.ops.linalg.checks import matrices, relative_tolerance
from nabla.ops.linalg.norms import matrix_rank
from nabla.ops.linalg.spectra import hermitian_part
from nabla.primitives import rectangular, spectra
from nabla.primitives.base import scalar, zeros
from nabla.primitives.formulas import equal, square
from nabla.primitives.linalg import adjoint
from nabla.primitives.shape import cast, imag, real, reduce_sum

if TYPE_CHECKING:
    from nabla.tensor import Tensor


class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


@op
def pinv(x: ArrayLike, /, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tensor:
    """The Moore-Penrose pseudoinverse of each matrix; the inverse where there is one.

    Singular values up to rtol (rcond is NumPy's older name for it) times the largest count as zero; without it, the
    rounding of the dtype times the longer side. The derivative is that among matrices of the same rank, and holds
    wherever singular values are equal; `hermitian` changes nothing but that the Hermitian part is read.

    >>> nb.linalg.pinv([[1.0, 1.0], [1.0, 1.0]]).round(9).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    if rcond is not None and rtol is not None:
        raise ArgumentError("pinv: rtol and rcond are the same thing; give one of them")
    node = matrices("pinv", as_node(x))
    if hermitian:
        node = hermitian_part("pinv", node, None)
    return _pseudoinverse(node, rcond if rtol is None else rtol)


@op
def pinvh(a: ArrayLike, /, *, rtol: Any = None, UPLO: str | None = None) -> Tensor:
    """The pseudoinverse of Hermitian matrices, Hermitian itself. rtol as in `pinv`, a and UPLO as in `eigh`.

    >>> nb.linalg.pinvh([[1.0, 1.0], [1.0, 1.0]]).round(9).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    found = _pseudoinverse(hermitian_part("pinvh", a, UPLO), rtol)
    return 0.5 * (found + adjoint(found))


def _pseudoinverse(x: Node, rtol: Any) -> Node:
    return rectangular.pinv(x, broadcast_to(relative_tolerance(rtol, x), x.shape[:-2]))


@op
def lstsq(a: ArrayLike, b: ArrayLike, /, rcond: Any = None) -> LstsqResult:
    """The x that makes the sum of squares of a @ x - b smallest, and the shortest such x where there are several.

    a is a matrix (m, n), b a vector (m,) or columns (m, k). Returns x, the sums of squares that are left, the rank of a
    and its singular values. The sums are empty where a does not have full rank or m <= n, as in NumPy; inside vmap,
    where the rank is not known, they are there whenever m > n. Singular values up to rcond times the largest count as
    zero. The derivative is that among matrices of the same rank.

    >>> nb.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0]).x.round(9).tolist()
    [1.0, 2.0]
    """
    x, y = promoted(*pair(a, b))
    x, y = matrices("lstsq", x), inexact(y)
    if x.ndim != 2:
        raise ShapeError(f"lstsq: a is one matrix, of shape (m, n); got shape {x.shape}. For a stack of them use nb.vmap")
    m, n = x.shape
    if y.ndim not in (1, 2) or y.shape[0] != m:
        raise ShapeError(f"lstsq: b is a vector of {m} elements or columns of them, as a has {m} rows; got shape {y.shape}")
    solution = matrix_product(_pseudoinverse(x, rcond), y)
    rank: Node = matrix_rank(x, rtol=rcond)  # type: ignore[assignment]
    left = zeros((0,), dtypes.to_real(x.dtype))
    if m > n and (rank.tokens.placeholder or bool(mask_value(equal(rank, scalar(n, rank.dtype))))):
        rest = matrix_product(x, solution) - y
        squares = square(real(rest)) + square(imag(rest)) if rest.dtype.kind == "c" else square(rest)
        left = reduce_sum(squares if y.ndim == 2 else spectra.column(squares), axes=(0,))
    return LstsqResult(solution, left, cast(rank, dtypes.int64), spectra.svdvals(x))
