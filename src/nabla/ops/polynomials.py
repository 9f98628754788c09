"""Polynomials by their coefficients, the highest power first: values, arithmetic, calculus, roots, and fits to points.

As in NumPy, leading zeros may be dropped, so the length of some results depends on values; under vmap, where these are not known,
nothing is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops.axes import integer
from nabla.ops.contraction import matmul
from nabla.ops.lift import ArrayLike, as_node, inexact, op, pair
from nabla.ops.linalg.factors import qr
from nabla.ops.linalg.solving import solve_triangular
from nabla.ops.linalg.spectra import eigvals, svdvals
from nabla.primitives import formulas as f
from nabla.primitives.base import constant, scalar, zeros
from nabla.primitives.indexing import index
from nabla.primitives.joining import concat, cut, pad_zeros, side_by_side
from nabla.primitives.linalg import adjoint
from nabla.primitives.shape import broadcast, cast, real, reduce_sum, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _coefficients(name: str, p: ArrayLike) -> Node:
    node = as_node(p)
    if node.ndim > 1:
        raise ShapeError(f"{name}: the coefficients of a polynomial form a vector; got shape {node.shape}")
    return reshape(node, shape=(1,)) if not node.ndim else node


def _value(x: Node) -> Any:
    """The value, or None where there is none yet."""
    if x.tokens.placeholder:
        return None
    runtime.realize((x,))
    return np.asarray(in_memory(x))


def _without_leading_zeros(p: Node) -> Node:
    """NumPy's polynomials have none; the zero polynomial has one coefficient."""
    value = _value(p)
    if value is None:
        return p
    found = np.flatnonzero(value)
    start = int(found[0]) if found.size else max(p.shape[0] - 1, 0)
    return cut(p, 0, start, p.shape[0]) if start else p


def _padded(p: Node, n: int) -> Node:
    return pad_zeros(p, (n - p.shape[0],), (0,)) if p.shape[0] < n else p


@op
def polyval(p: ArrayLike, x: ArrayLike, /) -> Tensor:
    """The value at x of the polynomial with coefficients p, by Horner's scheme; differentiable in both.

    p may have more axes: then each coefficient broadcasts against x.

    >>> nb.polyval([1.0, -2.0, 3.0], 2.0).item()
    3.0
    """
    a, b = pair(p, x)
    dtype = dtypes.promote(a.dtype, b.dtype)
    a, b = cast(a, dtype), cast(b, dtype)
    if not a.ndim:
        raise ShapeError("polyval: p is a vector of coefficients; got a number")
    out = zeros(b.shape, dtype)
    for i in range(a.shape[0]):
        coefficient = index(a, spec=(i, *[(0, n, 1) for n in a.shape[1:]]))
        out = coefficient + zeros(b.shape, dtype) if i == 0 else out * b + coefficient
    return out


def _sum(name: str, p: ArrayLike, q: ArrayLike, sign: int) -> Node:
    a, b = _coefficients(name, p), _coefficients(name, q)
    n = max(a.shape[0], b.shape[0])
    a, b = _padded(a, n), _padded(b, n)
    return a + b if sign > 0 else a - b


@op
def polyadd(p: ArrayLike, q: ArrayLike, /) -> Tensor:
    """The coefficients of the sum of two polynomials.

    >>> nb.polyadd([1.0, 2.0], [9.0, 5.0, 4.0]).tolist()
    [9.0, 6.0, 6.0]
    """
    return _sum("polyadd", p, q, 1)


@op
def polysub(p: ArrayLike, q: ArrayLike, /) -> Tensor:
    """The coefficients of the difference of two polynomials.

    >>> nb.polysub([2.0, 10.0], [1.0, 4.0]).tolist()
    [1.0, 6.0]
    """
    return _sum("polysub", p, q, -1)


@op
def polymul(p: ArrayLike, q: ArrayLike, /) -> Tensor:
    """The coefficients of the product of two polynomials.

    >>> nb.polymul([1.0, 2.0], [1.0, 3.0]).tolist()
    [1.0, 5.0, 6.0]
    """
    a, b = (_without_leading_zeros(_coefficients("polymul", x)) for x in (p, q))
    return _product(*pair(a, b))


def _product(a: Node, b: Node) -> Node:
    """All products of two coefficients; row i moves i places to the right, and the rows are summed."""
    n, m = a.shape[0], b.shape[0]
    products = reshape(a, shape=(n, 1)) * reshape(b, shape=(1, m))
    flat = reshape(pad_zeros(products, (0, 0), (0, n)), shape=(n * (n + m),))
    return reduce_sum(reshape(cut(flat, 0, 0, n * (n + m - 1)), shape=(n, n + m - 1)), axes=(0,))


@op
def polydiv(u: ArrayLike, v: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The quotient and the remainder of two polynomials, by long division. Leading zeros of the remainder are dropped.

    >>> quotient, rest = nb.polydiv([3.0, 5.0, 2.0], [2.0, 1.0])
    >>> quotient.tolist(), rest.tolist()
    ([1.5, 1.75], [0.25])
    """
    a, b = pair(_coefficients("polydiv", u), _coefficients("polydiv", v))
    dtype = dtypes.to_inexact(dtypes.promote(a.dtype, b.dtype))
    rest, b = cast(a, dtype), cast(b, dtype)
    n, m = rest.shape[0], b.shape[0]
    lead = cut(b, 0, 0, 1)
    tail = cut(b, 0, 1, m)
    quotient: list[Node] = []
    for _ in range(n - m + 1):
        factor = cut(rest, 0, 0, 1) / lead
        quotient.append(factor)
        length = rest.shape[0]
        head = cut(rest, 0, 1, m) - factor * tail
        rest = concat(head, cut(rest, 0, m, length), axis=0)
    if not quotient:
        quotient.append(zeros((1,), dtype))
    if not rest.shape[0]:
        rest = zeros((1,), dtype)
    out = concat(*quotient, axis=0) if len(quotient) > 1 else quotient[0]
    return out, _without_small_ones(rest)


def _without_small_ones(rest: Node) -> Node:
    value = _value(rest)
    if value is None:
        return rest
    start = 0
    while start < value.size - 1 and abs(value[start]) <= 1e-8:
        start += 1
    return cut(rest, 0, start, rest.shape[0]) if start else rest


@op
def polyder(p: ArrayLike, /, m: int = 1) -> Tensor:
    """The coefficients of the m-th derivative of a polynomial. Raises ShapeError for a negative m.

    >>> nb.polyder([1.0, 1.0, 1.0, 1.0]).tolist()
    [3.0, 2.0, 1.0]
    """
    out = _coefficients("polyder", p)
    for _ in range(integer("polyder", "m", m, 0)):
        n = out.shape[0] - 1
        if n < 0:
            break
        powers = constant(np.arange(n, 0, -1))
        out = cut(out, 0, 0, n) * powers
    return out


@op
def polyint(p: ArrayLike, /, m: int = 1, k: ArrayLike | None = None) -> Tensor:
    """The coefficients of the m-th integral of a polynomial; k: the constants of integration, one for all or m of them, else 0.

    Raises ShapeError for a negative m or for another number of constants.

    >>> nb.polyint([6.0, 2.0]).tolist()
    [3.0, 2.0, 0.0]
    """
    times = integer("polyint", "m", m, 0)
    out = _coefficients("polyint", p)
    constants = _coefficients("polyint", 0.0 if k is None else k)
    if constants.shape[0] not in (1, times):
        raise ShapeError(f"polyint: k has one constant, or one for each of the {times} integrations; got {constants.shape[0]}")
    for i in range(times):
        n = out.shape[0]
        edge = i % constants.shape[0]
        out, last = pair(inexact(out) / constant(np.arange(n, 0, -1)), cut(constants, 0, edge, edge + 1))
        dtype = dtypes.promote(out.dtype, last.dtype if k is not None else out.dtype)
        out = concat(cast(out, dtype), cast(last, dtype), axis=0)
    return out


@op
def poly(zeros_of: ArrayLike, /) -> Tensor:
    """The coefficients of the polynomial with these zeros, its first 1; of a square matrix, its characteristic polynomial.

    Real where complex zeros come in conjugate pairs. Raises ShapeError for another shape.

    >>> nb.poly([1.0, 2.0]).tolist()
    [1.0, -3.0, 2.0]
    """
    node = as_node(zeros_of)
    if node.ndim == 2 and node.shape[0] == node.shape[1] and node.shape[0]:
        found: Any = eigvals(node)
    elif node.ndim == 1:
        found = node
    else:
        raise ShapeError(f"poly takes a vector of zeros or a square matrix; got shape {node.shape}")
    if found.dtype.kind in "biu":
        found = inexact(found)
    out = constant(np.ones(1, found.dtype))
    for i in range(found.shape[0]):
        out = pad_zeros(out, (0,), (1,)) - cut(found, 0, i, i + 1) * pad_zeros(out, (1,), (0,))
    value = _value(found) if found.dtype.kind == "c" else None
    if value is not None and np.array_equal(np.sort(value), np.sort(value.conj())):
        out = real(out)
    return out


@op
def roots(p: ArrayLike, /) -> Tensor:
    """The zeros of the polynomial with coefficients p: the eigenvalues of its companion matrix, as complex numbers.

    The derivative is that of a simple zero; at a multiple one it is infinite. Leading and trailing zeros of p are read from its
    values, and are taken as exact, unless under vmap.

    >>> np.sort_complex(nb.roots([1.0, -3.0, 2.0])).round(12).tolist()
    [(1+0j), (2+0j)]
    """
    node = _coefficients("roots", p)
    value = _value(node)
    behind = 0
    if value is not None:
        found = np.flatnonzero(value)
        if not found.size:
            return zeros((0,), dtypes.default_dtype())
        behind = node.shape[0] - 1 - int(found[-1])
        node = cut(node, 0, int(found[0]), int(found[-1]) + 1)
    node = inexact(node)
    n = node.shape[0] - 1
    none = zeros((behind,), dtypes.to_complex(node.dtype))
    if n < 1:
        return none
    row = reshape(-(cut(node, 0, 1, n + 1) / cut(node, 0, 0, 1)), shape=(1, n))
    companion = concat(row, constant(np.eye(n - 1, n, dtype=node.dtype)), axis=0)
    out: Any = eigvals(companion)
    return concat(cast(out, none.dtype), none, axis=0) if behind else out


@op
def vander(x: ArrayLike, /, N: int | None = None, increasing: bool = False) -> Tensor:
    """The Vandermonde matrix of a vector: in its columns the powers from N - 1 (None: as many as there are elements) down to 0.

    increasing: from 0 up. Raises ShapeError unless x is a vector.

    >>> nb.vander([1.0, 2.0, 3.0], 3).tolist()
    [[1.0, 1.0, 1.0], [4.0, 2.0, 1.0], [9.0, 3.0, 1.0]]
    """
    node = as_node(x)
    if node.ndim != 1:
        raise ShapeError(f"vander: x is a vector; got shape {node.shape}")
    count = node.shape[0] if N is None else integer("vander", "N", N, 0)
    node = cast(node, dtypes.promote(node.dtype, dtypes.int64))
    if not count:
        return zeros((node.shape[0], 0), node.dtype)
    columns = [broadcast(scalar(1, node.dtype), shape=node.shape)]
    for i in range(1, count):
        columns.append(node if i == 1 else columns[-1] * node)
    return side_by_side(columns if increasing else columns[::-1], 1)


@op
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    /,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike | None = None,
    cov: bool | str = False,
) -> Any:
    """The polynomial of degree `deg` that comes closest to the points (x, y) in the sense of least squares.

    Differentiable in x, y and w. y of two axes holds several data sets in its columns. w: factors of the residuals. full: also
    the sums of squared residuals, the rank, the singular values of the scaled Vandermonde matrix and rcond. cov: also the
    covariance matrix of the coefficients, scaled by the variance of the residuals unless cov="unscaled". The fit goes by a QR
    factorisation of the scaled Vandermonde matrix, of full rank: raises ShapeError where there are fewer points than coefficients.

    >>> nb.polyfit([0.0, 1.0, 2.0], [1.0, 3.0, 7.0], 2).numpy().round(12).tolist()
    [1.0, 1.0, 1.0]
    """
    order = integer("polyfit", "deg", deg, 0) + 1
    at, values = inexact(as_node(x)), inexact(as_node(y))
    if at.ndim != 1 or values.ndim not in (1, 2) or values.shape[0] != at.shape[0]:
        raise ShapeError(f"polyfit: x is a vector, and y has as many rows; got shapes {at.shape} and {values.shape}")
    n = at.shape[0]
    if n < order:
        raise ShapeError(f"polyfit: {n} points do not determine the {order} coefficients of a polynomial of degree {order - 1}")
    dtype = dtypes.promote(at.dtype, values.dtype)
    matrix: Any = vander(at, order)
    values = cast(values, dtype)
    if w is not None:
        weights = inexact(as_node(w))
        if weights.shape != (n,):
            raise ShapeError(f"polyfit: w has a factor for each of the {n} points; got shape {weights.shape}")
        matrix = matrix * reshape(weights, shape=(n, 1))
        values = values * (reshape(weights, shape=(n, 1)) if values.ndim == 2 else weights)
    scale = f.sqrt(reduce_sum(f.square(f.abs_(matrix)), axes=(0,)))
    matrix = matrix / scale
    factors: Any = qr(matrix)
    q, r = factors
    columns = values if values.ndim == 2 else reshape(values, shape=(n, 1))
    r = cast(r, dtypes.promote(r.dtype, dtype))
    scaled: Any = solve_triangular(r, matmul(cast(adjoint(q), r.dtype), cast(columns, r.dtype)))
    found = scaled / reshape(scale, shape=(order, 1))
    out = found if values.ndim == 2 else reshape(found, shape=(order,))
    if not full and not cov:
        return out
    away = columns - matmul(cast(matrix, scaled.dtype), scaled)
    residuals = reduce_sum(f.square(f.abs_(away)), axes=(0,))
    if full:
        spectrum: Any = svdvals(matrix)
        least = n * np.finfo(spectrum.dtype).eps if rcond is None else rcond
        rank = reduce_sum(cast(f.greater(spectrum, cut(spectrum, 0, 0, 1) * float(least)), dtypes.int64), axes=(0,))
        return out, residuals if n > order else zeros((0,), residuals.dtype), rank, spectrum, least
    inverse: Any = solve_triangular(r, constant(np.eye(order, dtype=r.dtype)))
    base = matmul(inverse, adjoint(inverse))
    base = base / (reshape(scale, shape=(order, 1)) * scale)
    if cov == "unscaled":
        factor: Any = scalar(1, residuals.dtype)
    elif n > order:
        factor = residuals / float(n - order)
    else:
        raise ArgumentError(f"polyfit: {n} residuals say nothing of a scale; write cov='unscaled', or take more points")
    if values.ndim == 2 and factor.ndim:
        base = reshape(base, shape=(order, order, 1))  # type: ignore[arg-type, assignment]
    return out, base * factor
