"""Comparison, logic, bits, and the choice between two: `where`. None but `where`, `heaviside` and `nan_to_num` has
a derivative.

Shapes broadcast and dtypes promote as in NumPy; a Python number takes the dtype of the array beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentTypeError, ShapeError
from nabla.ops.indexing import nonzero
from nabla.ops.lift import ArrayLike, as_node, binary, inexact, op, pair, unary
from nabla.ops.reductions import all
from nabla.primitives import formulas as f
from nabla.primitives.shape import cast, convert, imag, real

if TYPE_CHECKING:
    from nabla.tensor import Tensor


# Choice


@overload
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike, /) -> Tensor: ...
@overload
def where(condition: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> tuple[Tensor, ...]: ...
@op
def where(condition: ArrayLike, x: Any = None, y: Any = None, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """x where the condition holds, else y. What is not chosen has derivative 0, even where its own derivative is
    infinite or NaN.

    A condition that is not boolean holds where it is not 0. Without x and y: the positions where it holds, as `nonzero` gives
    them, which also says what size and fill_value are. Raises ArgumentTypeError for one of x and y without the other.

    >>> x = nb.asarray([-1.0, 4.0])
    >>> nb.where(x > 0, nb.sqrt(x), 0).tolist()
    [0.0, 2.0]
    """
    c = as_node(condition)
    if x is None and y is None:
        return nonzero(c, size=size, fill_value=fill_value)
    if x is None or y is None or size is not None or fill_value is not None:
        raise ArgumentTypeError("where takes a condition with both x and y, or a condition alone, with size= and fill_value=")
    a, b = pair(x, y)
    return f.select(cast(c, dtypes.bool_), a, b)


@op
def heaviside(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The step function: 0 for negative x, 1 for positive x, y at 0. Its derivative by x is 0.

    >>> nb.heaviside([-2.0, 0.0, 3.0], 0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    a, b = pair(x, y)
    a, b = inexact(a), inexact(b)
    zero = f.zero_of(a)
    step = f.select(f.less(a, zero), zero, f.select(f.greater(a, zero), f.like(a, 1), a))
    return f.select(f.equal(a, zero), b, step)


@op
def nan_to_num(x: ArrayLike, /, nan: ArrayLike = 0.0, posinf: ArrayLike | None = None, neginf: ArrayLike | None = None) -> Tensor:
    """x with NaN and the infinities replaced, these by the largest numbers there are unless said otherwise.

    >>> nb.nan_to_num([1.0, float("nan")]).tolist()
    [1.0, 0.0]
    """
    x = as_node(x)
    if x.dtype.kind == "c":
        parts = [nan_to_num(part, nan, posinf, neginf) for part in (real(x), imag(x))]
        return cast(parts[0], x.dtype) + cast(parts[1], x.dtype) * 1j  # type: ignore[arg-type]
    if x.dtype.kind != "f":
        return convert(x, dtype=x.dtype)
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    out = x
    for found, instead in (
        (f.isnan(x), nan),
        (f.equal(x, f.like(x, np.inf)), high),
        (f.equal(x, f.like(x, -np.inf)), low),
    ):
        out = f.select(found, cast(pair(x, instead)[1], x.dtype), out)
    return out


# Comparison


@binary(f.equal)
def equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether x == y; NaN equals nothing.

    >>> nb.equal([1.0, 2.0], 1).tolist()
    [True, False]
    """


@binary(f.not_equal)
def not_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether x != y.

    >>> nb.not_equal([1.0, 2.0], 1).tolist()
    [False, True]
    """


@binary(f.less)
def less(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether x < y. Raises DTypeError for complex numbers, which have no order.

    >>> nb.less([1.0, 2.0], 2).tolist()
    [True, False]
    """


@binary(f.less_equal)
def less_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether x <= y. Raises DTypeError for complex numbers, which have no order.

    >>> nb.less_equal([1.0, 2.0], 1).tolist()
    [True, False]
    """


@binary(f.greater)
def greater(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether x > y. Raises DTypeError for complex numbers, which have no order.

    >>> nb.greater([1.0, 2.0], 1).tolist()
    [False, True]
    """


@binary(f.greater_equal)
def greater_equal(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether x >= y. Raises DTypeError for complex numbers, which have no order.

    >>> nb.greater_equal([1.0, 2.0], 2).tolist()
    [False, True]
    """


@op
def isclose(x: ArrayLike, y: ArrayLike, /, rtol: ArrayLike = 1e-5, atol: ArrayLike = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether abs(x - y) <= atol + rtol abs(y), elementwise; equal infinities are close, NaNs only if `equal_nan`.

    >>> nb.isclose([1.0, 2.0], [1.0 + 1e-9, 2.1]).tolist()
    [True, False]
    """
    a, b = pair(x, y)
    a, b = inexact(a), inexact(b)
    size = f.abs_(b)
    bound = pair(size, atol)[1] + pair(size, rtol)[1] * size
    close = f.logical_and(f.less_equal(f.abs_(a - b), bound), f.isfinite(b))
    close = f.logical_or(close, f.equal(a, b))
    if equal_nan:
        close = f.logical_or(close, f.logical_and(f.isnan(a), f.isnan(b)))
    return close


def allclose(x: ArrayLike, y: ArrayLike, /, rtol: ArrayLike = 1e-5, atol: ArrayLike = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as `isclose` says. It reads values, so under vmap it raises TracedValueError.

    >>> nb.allclose([1.0, 2.0], [1.0 + 1e-9, 2.0])
    True
    """
    return bool(all(isclose(x, y, rtol, atol, equal_nan)))


def array_equal(x: ArrayLike, y: ArrayLike, /, equal_nan: bool = False) -> bool:
    """Whether x and y have the same shape and equal elements. It reads values, so under vmap it raises
    TracedValueError.

    >>> nb.array_equal([1, 2], [1.0, 2.0])
    True
    """
    a, b = as_node(x), as_node(y)
    if a.shape != b.shape:
        return False
    same = equal(x, y)
    if equal_nan:
        same = logical_or(same, logical_and(isnan(x), isnan(y)))
    return bool(all(same))


def array_equiv(x: ArrayLike, y: ArrayLike, /) -> bool:
    """Whether x and y broadcast to one shape and are equal there. It reads values, so under vmap it raises TracedValueError.

    >>> nb.array_equiv([1, 2], [[1, 2], [1, 2]])
    True
    """
    try:
        return bool(all(equal(x, y)))
    except ShapeError:
        return False


# Logic


@binary(f.logical_and)
def logical_and(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether both are true, that is, not 0.

    >>> nb.logical_and([True, True], [True, False]).tolist()
    [True, False]
    """


@binary(f.logical_or)
def logical_or(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether any of the two is true.

    >>> nb.logical_or([True, False], [False, False]).tolist()
    [True, False]
    """


@binary(f.logical_xor)
def logical_xor(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Whether exactly one of the two is true.

    >>> nb.logical_xor([True, True], [False, True]).tolist()
    [True, False]
    """


@unary(f.logical_not)
def logical_not(x: ArrayLike, /) -> Tensor:
    """Whether x is false, that is, 0.

    >>> nb.logical_not([True, False]).tolist()
    [False, True]
    """


@unary(f.isfinite)
def isfinite(x: ArrayLike, /) -> Tensor:
    """Whether x is neither infinite nor NaN.

    >>> nb.isfinite([1.0, float("inf"), float("nan")]).tolist()
    [True, False, False]
    """


@unary(f.isinf)
def isinf(x: ArrayLike, /) -> Tensor:
    """Whether x is infinite, of either sign.

    >>> nb.isinf([1.0, -float("inf"), float("nan")]).tolist()
    [False, True, False]
    """


@unary(f.isnan)
def isnan(x: ArrayLike, /) -> Tensor:
    """Whether x is NaN.

    >>> nb.isnan([1.0, float("inf"), float("nan")]).tolist()
    [False, False, True]
    """


@unary(f.signbit)
def signbit(x: ArrayLike, /) -> Tensor:
    """Whether the sign of x is set: for negative numbers, -0.0 and negative NaNs. Raises DTypeError for complex
    numbers.

    >>> nb.signbit([1.0, -0.0]).tolist()
    [False, True]
    """


# Bits of integers


@binary(f.bit_and)
def bitwise_and(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The bits that are set in both. Raises DTypeError unless both are integers or booleans.

    >>> int(nb.bitwise_and(6, 3))
    2
    """


@binary(f.bit_or)
def bitwise_or(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The bits that are set in any of the two. Raises DTypeError unless both are integers or booleans.

    >>> int(nb.bitwise_or(6, 3))
    7
    """


@binary(f.bit_xor)
def bitwise_xor(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The bits that are set in one of the two only. Raises DTypeError unless both are integers or booleans.

    >>> int(nb.bitwise_xor(6, 3))
    5
    """


@unary(f.bit_not)
def bitwise_invert(x: ArrayLike, /) -> Tensor:
    """Every bit the other way; of booleans, not. Raises DTypeError unless x is of integers or booleans.

    >>> int(nb.bitwise_invert(6))
    -7
    """


@binary(f.shift_left)
def bitwise_left_shift(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The bits moved y places up. Raises DTypeError unless both are integers.

    >>> int(nb.bitwise_left_shift(3, 2))
    12
    """


@binary(f.shift_right)
def bitwise_right_shift(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """The bits moved y places down. Raises DTypeError unless both are integers.

    >>> int(nb.bitwise_right_shift(12, 2))
    3
    """


# NumPy's names

invert = bitwise_invert
bitwise_not = bitwise_invert
left_shift = bitwise_left_shift
right_shift = bitwise_right_shift
