"""Products of vectors, matrices and their stacks: matmul and its relatives. All of them are dot_general underneath.

The inputs are brought to one dtype. Integers stay integers; float16 is added up in float32. einsum has a file of its
own.
"""

from __future__ import annotations

from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, Any, Sequence

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import one_axis
from nabla.ops.einsum import Labels, contracted
from nabla.ops.lift import ArrayLike, binary, op, pair, together
from nabla.primitives.base import broadcast_shapes
from nabla.primitives.contraction import NO_AXES, ROWS_BY_COLUMNS, dot_general
from nabla.primitives.elementwise import mul
from nabla.primitives.joining import concat, cut
from nabla.primitives.shape import cast, conjugate, move_axis, reshape, transpose

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def promoted(x: Node, y: Node) -> tuple[Node, Node]:
    """Both in their common dtype."""
    if x.dtype is y.dtype:
        return x, y
    dtype = dtypes.promote(x.dtype, y.dtype)
    return cast(x, dtype), cast(y, dtype)


def ravel(x: Node) -> Node:
    return x if len(x.shape) == 1 else reshape(x, shape=(x.size,))


def aligned(ndim: int) -> Labels:
    """Labels for axes that broadcast: numbered from the right."""
    return tuple(range(ndim, 0, -1))


# matmul


def matrix_product(x: Node, y: Node) -> Node:
    """x @ y for nodes."""
    if x.dtype is not y.dtype:
        x, y = promoted(x, y)
    xs, ys = x.shape, y.shape
    if len(xs) == 2 and len(ys) == 2:
        if xs[1] != ys[0]:
            raise ShapeError(_inner_sizes("matmul", xs, ys))
        return dot_general.of(x, y, ROWS_BY_COLUMNS)
    return _stacks(x, y)


def _stacks(x: Node, y: Node) -> Node:
    """The product where one is a vector or a stack of matrices."""
    xs, ys = x.shape, y.shape
    if not xs or not ys:
        raise ShapeError(f"matmul: the {'second' if xs else 'first'} operand has shape (), it is one number; use * to scale")
    last, first = len(xs) - 1, max(len(ys) - 2, 0)
    if xs[last] != ys[first]:
        raise ShapeError(_inner_sizes("matmul", xs, ys))
    if len(xs) == 1 or len(ys) <= 2:
        return dot_general(x, y, contract=((last,), (first,)), batch=NO_AXES)
    if xs[:-2] == ys[:-2]:
        along = tuple(range(first))
        return dot_general(x, y, contract=((last,), (first,)), batch=(along, along))
    stack = aligned(len(broadcast_shapes("matmul, leading axes", (xs[:-2], ys[:-2]))))
    of_x, of_y = stack[len(stack) - len(xs) + 2 :], stack[len(stack) - len(ys) + 2 :]
    return contracted((x, y), ((*of_x, "row", "inner"), (*of_y, "inner", "column")), (*stack, "row", "column"))


def _inner_sizes(name: str, xs: Sequence[int], ys: Sequence[int]) -> str:
    columns = f"x has {xs[-1]} {'elements' if len(xs) == 1 else 'columns'}"
    rows = f"y has {ys[max(len(ys) - 2, 0)]} {'elements' if len(ys) == 1 else 'rows'}"
    remedy = " Transpose one of them?" if len(xs) > 1 or len(ys) > 1 else ""
    return f"{name}: inner sizes differ, {columns} but {rows} (x.shape={tuple(xs)}, y.shape={tuple(ys)}).{remedy}"


@binary(matrix_product)
def matmul(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The product of matrices, also written x @ y, of shapes (..., n, k) and (..., k, m); leading axes broadcast.

    A vector on the left is one row, on the right one column, and has no axis in the result. Raises ShapeError where the
    inner sizes differ or one operand is a single number.

    >>> nb.matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """


def matmul_from_the_right(y: ArrayLike, x: ArrayLike) -> Tensor:
    """x @ y, called on y: what the operator uses where x is not a tensor."""
    return matmul(x, y)


# Products of vectors


@op
def dot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The sum of products over the last axis of x and the last but one of y (its only one, if y is a vector).

    For vectors and matrices this is `matmul`; for more axes it is not: all leading axes stay side by side, first
    those of x. A single number scales. Raises ShapeError where the inner sizes differ.

    >>> nb.dot([1.0, 2.0], [3.0, 4.0]).item()
    11.0
    """
    x, y = pair(x, y)
    if not x.shape or not y.shape:
        return mul(x, y)
    x, y = promoted(x, y)
    last, first = x.ndim - 1, max(y.ndim - 2, 0)
    if x.shape[last] != y.shape[first]:
        raise ShapeError(_inner_sizes("dot", x.shape, y.shape))
    return dot_general(x, y, contract=((last,), (first,)), batch=NO_AXES)


@op
def vdot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The sum of conj(x) * y over all elements, which both have in equal number; the shapes are otherwise ignored.

    >>> nb.vdot([1.0 + 2.0j], [3.0 + 4.0j]).item()
    (11-2j)
    """
    x, y = promoted(*pair(x, y))
    if x.size != y.size:
        raise ShapeError(f"vdot: x has {x.size} elements but y has {y.size} (x.shape={x.shape}, y.shape={y.shape})")
    return dot_general(ravel(conjugate(x)), ravel(y), contract=((0,), (0,)), batch=NO_AXES)


@op
def vecdot(x: ArrayLike, y: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """The sum of conj(x) * y along `axis`; the other axes broadcast.

    Raises ShapeError where the lengths along `axis` differ.

    >>> nb.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    x, y = promoted(*pair(x, y))
    x, y = conjugate(_at_end("vecdot", x, axis)), _at_end("vecdot", y, axis)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"vecdot: the vectors have lengths {x.shape[-1]} and {y.shape[-1]} (shapes {x.shape} and {y.shape})")
    rest = aligned(len(broadcast_shapes("vecdot, other axes", (x.shape[:-1], y.shape[:-1]))))
    of_x, of_y = rest[len(rest) - x.ndim + 1 :], rest[len(rest) - y.ndim + 1 :]
    return contracted((x, y), ((*of_x, "inner"), (*of_y, "inner")), rest)


@op
def matvec(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The product of matrices (..., n, k) with vectors (..., k), of shape (..., n); leading axes broadcast.

    Raises ShapeError where the inner sizes differ.

    >>> nb.matvec([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [1.0, 1.0]]).tolist()
    [[1.0, 3.0], [3.0, 7.0]]
    """
    a, v = pair(x, y)
    if a.ndim < 2 or not v.ndim:
        raise ShapeError(f"matvec: matrices (..., n, k) times vectors (..., k); got shapes {a.shape} and {v.shape}")
    out = matrix_product(a, reshape(v, shape=(*v.shape, 1)))
    return reshape(out, shape=out.shape[:-1])


@op
def vecmat(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The product of vectors (..., n), conjugated, with matrices (..., n, k), of shape (..., k); leading axes broadcast.

    Raises ShapeError where the inner sizes differ.

    >>> nb.vecmat([1.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [4.0, 6.0]
    """
    v, a = pair(x, y)
    if a.ndim < 2 or not v.ndim:
        raise ShapeError(f"vecmat: vectors (..., n) times matrices (..., n, k); got shapes {v.shape} and {a.shape}")
    out = matrix_product(reshape(conjugate(v), shape=(*v.shape[:-1], 1, v.shape[-1])), a)
    return reshape(out, shape=(*out.shape[:-2], out.shape[-1]))


def _at_end(name: str, x: Node, axis: int) -> Node:
    return move_axis(x, one_axis(name, axis, x.ndim), x.ndim - 1)


@op
def inner(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The sum of products over the last axes of x and y; all other axes stay side by side. A single number scales.

    Raises ShapeError where the lengths of the last axes differ.

    >>> nb.inner([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    x, y = pair(x, y)
    if not x.shape or not y.shape:
        return mul(x, y)
    x, y = promoted(x, y)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"inner: the last axes have lengths {x.shape[-1]} and {y.shape[-1]} (shapes {x.shape} and {y.shape})")
    contract = ((x.ndim - 1,), (y.ndim - 1,))
    return dot_general(x, y, contract=contract, batch=NO_AXES)


@op
def outer(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The products of each element of x with each of y, of shape (x.size, y.size).

    >>> nb.outer([1.0, 2.0], [3.0, 4.0]).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    x, y = promoted(*pair(x, y))
    return dot_general(ravel(x), ravel(y), contract=NO_AXES, batch=NO_AXES)


@op
def cross(x: ArrayLike, y: ArrayLike, /, axisa: int = -1, axisb: int = -1, axisc: int = -1, *, axis: int | None = None) -> Tensor:
    """The cross product of vectors of three elements along `axis`, the last if none is given; the other axes broadcast.

    axisa, axisb, axisc: without `axis`, where the vectors stand in x, in y and in the result.

    >>> nb.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    x, y = pair(x, y)
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _at_end("cross", x, axisa), _at_end("cross", y, axisb)
    for z, along in ((x, axisa), (y, axisb)):
        if z.shape[-1] != 3:
            raise ShapeError(f"cross: the vectors have 3 elements along axis {along}; got {z.shape[-1]} (shape {z.shape})")
    out = _rolled(x * _rolled(y) - _rolled(x) * y)
    return move_axis(out, out.ndim - 1, one_axis("cross", axisc, out.ndim))


def _rolled(x: Node) -> Node:
    """The elements 1, 2, 0 of vectors of three."""
    last = x.ndim - 1
    return concat(cut(x, last, 1, 3), cut(x, last, 0, 1), axis=last)


# Products over chosen axes


@op
def tensordot(x: ArrayLike, y: ArrayLike, /, axes: Any = 2) -> Tensor:
    """The sum of products over `axes`: the last n of x with the first n of y, or a pair of axes or lists of axes.

    The result has the other axes of x, then those of y. Raises ShapeError where paired axes differ in length.

    >>> nb.tensordot(nb.ones((2, 3, 4)), nb.ones((4, 3, 5)), axes=([1, 2], [1, 0])).shape
    (2, 5)
    """
    x, y = promoted(*pair(x, y))
    of_x, of_y = _paired(axes, x.ndim, y.ndim)
    lengths_x, lengths_y = [x.shape[a] for a in of_x], [y.shape[a] for a in of_y]
    if lengths_x != lengths_y:
        raise ShapeError(
            f"tensordot: the axes {of_x} of x have lengths {tuple(lengths_x)}, but the axes {of_y} of y have "
            f"{tuple(lengths_y)} (x.shape={x.shape}, y.shape={y.shape}, axes={axes})"
        )
    return dot_general(x, y, contract=(of_x, of_y), batch=NO_AXES)


def _paired(axes: Any, x_ndim: int, y_ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not isinstance(axes, (list, tuple)):
        try:
            n = index(axes)
        except TypeError:
            raise ArgumentTypeError(f"tensordot: axes is a number or a pair of lists of axes; got {axes!r}") from None
        if not 0 <= n <= min(x_ndim, y_ndim):
            raise ArgumentError(f"tensordot: axes={n}, but x has {x_ndim} axes and y has {y_ndim}")
        return tuple(range(x_ndim - n, x_ndim)), tuple(range(n))
    if len(axes) != 2:
        raise ArgumentError(f"tensordot: axes is a number, or a pair: the axes of x and those of y; got {axes!r}")
    of_x, of_y = [list(of) if isinstance(of, (list, tuple)) else [of] for of in axes]
    if len(of_x) != len(of_y):
        raise ArgumentError(f"tensordot: {len(of_x)} axes of x are paired with {len(of_y)} axes of y (axes={axes!r})")
    found = (
        tuple([one_axis("tensordot", a, x_ndim) for a in of_x]),
        tuple([one_axis("tensordot", a, y_ndim) for a in of_y]),
    )
    if any(len(set(of)) < len(of) for of in found):
        raise ArgumentError(f"tensordot: an axis is named twice in {axes!r}")
    return found


@op
def kron(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The Kronecker product: each element of x times the whole of y, laid out in blocks.

    The one with fewer axes is given axes of length 1 in front; each length of the result is the product of the lengths.

    >>> nb.kron([1.0, 10.0], [1.0, 2.0]).tolist()
    [1.0, 2.0, 10.0, 20.0]
    """
    x, y = promoted(*pair(x, y))
    ndim = max(x.ndim, y.ndim)
    xs, ys = (1,) * (ndim - x.ndim) + x.shape, (1,) * (ndim - y.ndim) + y.shape
    products = dot_general(reshape(x, shape=xs), reshape(y, shape=ys), contract=NO_AXES, batch=NO_AXES)
    blocks = transpose(products, perm=tuple([axis for k in range(ndim) for axis in (k, ndim + k)]))
    return reshape(blocks, shape=tuple([n * m for n, m in zip(xs, ys)]))


@op
def multi_dot(arrays: Sequence[ArrayLike], /) -> Tensor:
    """The product of two or more matrices, multiplied in the cheapest order; the first and the last may be vectors.

    Raises ShapeError where neighbours do not fit.

    >>> nb.linalg.multi_dot([nb.ones((2, 3)), nb.ones((3, 4)), nb.ones(4)]).tolist()
    [12.0, 12.0]
    """
    if len(arrays) < 2:
        raise ArgumentError(f"multi_dot: expected two or more matrices; got {len(arrays)}")
    nodes = together(arrays)
    for i, x in enumerate(nodes):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(nodes) - 1)):
            what = "a matrix or a vector" if i in (0, len(nodes) - 1) else "a matrix"
            raise ShapeError(f"multi_dot: arrays[{i}] has shape {x.shape}; expected {what}")
    for i, (x, y) in enumerate(pairwise(nodes)):
        if x.shape[-1] != y.shape[0]:
            raise ShapeError(_inner_sizes(f"multi_dot, arrays[{i}] and arrays[{i + 1}]", x.shape, y.shape))
    sizes = [1 if nodes[0].ndim == 1 else nodes[0].shape[0], *[x.shape[0] for x in nodes[1:]]]
    sizes.append(1 if nodes[-1].ndim == 1 else nodes[-1].shape[1])
    return _in_cheapest_order(nodes, sizes)


def _in_cheapest_order(nodes: list[Node], sizes: list[int]) -> Node:
    """Matrix-chain ordering: matrix i is sizes[i] by sizes[i + 1]."""
    n = len(nodes)
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            options = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i, j] = min(options)
            split[i, j] = i + options.index(cost[i, j])

    def product(i: int, j: int) -> Node:
        if i == j:
            return nodes[i]
        return matrix_product(product(i, split[i, j]), product(split[i, j] + 1, j))

    return product(0, n - 1)
