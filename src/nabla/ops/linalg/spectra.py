"""Eigenvalues and eigenvectors, singular values and singular vectors. docs/spectra.md says what holds of derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nabla.errors import ArgumentError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.ops.linalg.checks import matrices, square
from nabla.primitives import spectra as p
from nabla.primitives.joining import concat
from nabla.primitives.linalg import adjoint, lower_half
from nabla.primitives.rectangular import complement
from nabla.primitives.structure import outputs

if TYPE_CHECKING:
    from nabla.tensor import Tensor


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


class EigResult(NamedTuple):
    """What `eig` returns."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """What `svd` returns: x is U @ diag(S) @ Vh."""

    U: Any
    S: Any
    Vh: Any


def hermitian_part(name: str, x: ArrayLike, uplo: str | None) -> Node:
    """The Hermitian matrix that x stands for."""
    node = square(name, as_node(x))
    if uplo is None:
        return 0.5 * (node + adjoint(node))
    if uplo not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{name}: UPLO is 'L' (read the lower triangle), 'U' (the upper one) or None; got {uplo!r}")
    half = lower_half(adjoint(node) if uplo in "Uu" else node)
    return half + adjoint(half)


@op
def eigh(x: ArrayLike, /, UPLO: str | None = None) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors (columns of length 1) of Hermitian matrices.

    The Hermitian part (x + x^H) / 2 is what is decomposed, so the gradient of a real function is Hermitian; with UPLO
    "L" ("U") it is the lower (upper) triangle, and the other is not read. Each eigenvector has a phase (a sign) that is
    arbitrary, and so is the choice of those of equal eigenvalues. A function that does not depend on that has its first
    derivative at equal eigenvalues; where it does, it is NaN. For f between the vectors, v @ diag(f(w)) @ v^H, `funmh`
    has all further derivatives too. Raises ShapeError for matrices that are not square.

    >>> w, v = nb.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])
    >>> w.tolist(), abs(v).tolist()
    ([1.0, 2.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    return EighResult(*outputs(p.eigh(hermitian_part("eigh", x, UPLO))))


@op
def eigvalsh(x: ArrayLike, /, UPLO: str | None = None) -> Tensor:
    """The eigenvalues, ascending, of Hermitian matrices; x as in `eigh`.

    That they are sorted makes a kink where some are equal: these share the derivative evenly, as the ties of a maximum
    do, and a symmetric function of them, such as sum(exp(w)), has its derivative there.

    >>> nb.linalg.eigvalsh([[2.0, 1.0], [1.0, 2.0]]).round(9).tolist()
    [1.0, 3.0]
    >>> nb.grad(lambda x: nb.exp(nb.linalg.eigvalsh(x)).sum())(nb.zeros((2, 2))).round(9).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return p.eigvalsh(hermitian_part("eigvalsh", x, UPLO))


@op
def eig(x: ArrayLike, /) -> EigResult:
    """Eigenvalues and eigenvectors (columns of length 1) of square matrices, in no particular order; always complex.

    The derivative leaves the phase of each eigenvector as it is; a function that depends on it is NaN backwards.
    What holds at equal eigenvalues is as in `eigh`; a defective matrix raises LinAlgError when it is differentiated.

    >>> w, v = nb.linalg.eig([[0.0, 1.0], [-1.0, 0.0]])
    >>> w.imag.tolist()
    [1.0, -1.0]
    """
    return EigResult(*outputs(p.eig(square("eig", as_node(x)))))


@op
def eigvals(x: ArrayLike, /) -> Tensor:
    """The eigenvalues of square matrices, in no particular order; always complex. Equal ones share the derivative.

    >>> nb.linalg.eigvals([[2.0, 1.0], [0.0, 3.0]]).real.tolist()
    [2.0, 3.0]
    """
    return p.eigvals(square("eigvals", as_node(x)))


@op
def svd(x: ArrayLike, /, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular value decomposition: x = U @ diag(S) @ Vh with orthonormal columns in U and rows in Vh, S descending.

    For x of shape (..., m, n) and k = min(m, n), S has k elements; U is (..., m, m) and Vh (..., n, n), or with
    full_matrices=False (..., m, k) and (..., k, n). U and Vh share a phase for each singular value, and turn together
    where singular values are equal; what holds of derivatives there is as in `eigh`. compute_uv=False gives S alone, as `svdvals`;
    `hermitian` changes nothing but that the Hermitian part is read.

    >>> u, s, vh = nb.linalg.svd([[3.0, 0.0], [0.0, -2.0]])
    >>> s.tolist()
    [3.0, 2.0]
    """
    node = hermitian_part("svd", x, None) if hermitian else matrices("svd", as_node(x))
    if not compute_uv:
        return p.svdvals(node)
    u, s, v = outputs(p.svd(node))
    if full_matrices:
        u, v = completed(u), completed(v)
    return SVDResult(u, s, adjoint(v))


def completed(q: Node) -> Node:
    """Orthonormal columns and those that make a basis of them."""
    return concat(q, complement(q), axis=q.ndim - 1) if q.shape[-2] > q.shape[-1] else q


@op
def svdvals(x: ArrayLike, /) -> Tensor:
    """The singular values, descending. Equal ones share the derivative, and at zero it is zero, as for abs(x).

    >>> nb.linalg.svdvals([[3.0, 0.0], [0.0, -4.0]]).tolist()
    [4.0, 3.0]
    """
    return p.svdvals(matrices("svdvals", as_node(x)))
