"""Floating numbers taken apart, and questions about their kind: mantissas, spacings, infinities of one sign, real and complex.

Scaling by a power of two is exact, so the parts are exact too; their derivatives are those of the scaling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes
from nabla.errors import DTypeError
from nabla.graph.node import Node, runtime
from nabla.ops.lift import ArrayLike, as_node, op, real_floats, want_real
from nabla.ops.reductions import all as all_of
from nabla.primitives import formulas as f
from nabla.primitives.base import constant, scalar
from nabla.primitives.shape import cast, imag, real
from nabla.primitives.sorting import sort
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor


@op
def modf(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The fraction and the whole part of x, both with its sign; the derivative goes to the fraction.

    >>> fraction, whole = nb.modf(-2.5)
    >>> fraction.item(), whole.item()
    (-0.5, -2.0)
    """
    node = real_floats("modf", x)
    whole = f.trunc(node)
    finite = f.isfinite(node)
    negative = f.signbit(node)
    part = f.select(negative, -(whole - node), node - whole)  # of -2.0 it is -0.0, and has a derivative all the same
    nothing = f.select(negative, f.like(node, -0.0), f.zero_of(node))
    part = f.select(f.logical_or(finite, f.isnan(node)), part, nothing)
    return part, whole


@op
def spacing(x: ArrayLike, /) -> Tensor:
    """The distance from x to the next number away from 0, with the sign of x. Its derivative is 0.

    >>> nb.spacing(1.0).item() == 2.0**-52
    True
    """
    node = detach(real_floats("spacing", x))
    size, zero = f.abs_(node), f.zero_of(node)
    edge = f.equal(size, scalar(float(np.finfo(node.dtype).max), node.dtype))
    out = f.select(edge, f.copysign(f.like(node, np.inf), node), _step(node))
    return f.select(f.equal(node, zero), f.abs_(out), out)


def _step(x: Node) -> Node:
    size = f.abs_(x)
    largest = scalar(float(np.finfo(x.dtype).max), x.dtype)
    up = f.nextafter(size, f.like(size, np.inf)) - size
    down = size - f.nextafter(size, f.like(size, 0))
    step = f.select(f.equal(size, largest), down, up)
    step = f.select(f.isfinite(size), step, f.like(size, np.nan))
    return f.copysign(step, x)


@op
def frexp(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """The pair of mantissa m and exponent e, an int32, with x = m 2**e and 0.5 <= |m| < 1; of 0, infinities and NaN, x and 0.

    The derivative of the mantissa is 2**-e, that of the exponent 0.

    >>> m, e = nb.frexp(6.0)
    >>> m.item(), e.item()
    (0.75, 3)
    """
    node = real_floats("frexp", x)
    return _parts(node)


def _parts(x: Node) -> tuple[Node, Node]:
    """Mantissa and exponent. The spacing of a normal number says its exponent; small ones are made normal first."""
    info = np.finfo(x.dtype)
    digits = info.nmant + 1
    odd = f.logical_or(f.equal(x, f.zero_of(x)), f.logical_not(f.isfinite(x)))
    fixed = detach(x)
    small = f.less(f.abs_(fixed), f.like(fixed, float(info.tiny)))
    lift = f.select(small, f.like(fixed, 2.0**digits), f.like(fixed, 1))
    step = f.select(odd, f.like(fixed, 1), f.abs_(_step(fixed * lift)))
    places = cast(f.rint(f.log2(step)), dtypes.int32) + scalar(digits, dtypes.int32)
    exponent = places - f.select(small, scalar(digits, dtypes.int32), scalar(0, dtypes.int32))
    mantissa = (x * lift) / step * 2.0**-digits
    return f.select(odd, x, mantissa), f.select(odd, scalar(0, dtypes.int32), exponent)


@op
def ldexp(x: ArrayLike, i: ArrayLike, /) -> Tensor:
    """x times 2**i, for integers i, rounded once, without overflow on the way. Its derivative by x is 2**i.

    Raises DTypeError unless i holds integers.

    >>> nb.ldexp(0.75, 3).item()
    6.0
    """
    node, power = real_floats("ldexp", x), as_node(i)
    if power.dtype.kind not in "biu":
        raise DTypeError(f"ldexp: the exponents are integers; got {power.dtype}")
    mantissa, exponent = _parts(node)
    info = np.finfo(node.dtype)
    most = info.maxexp - 4
    least = info.minexp - info.nmant - 2 + most  # what is smaller is 0, and beside an infinity not 0 * inf
    span = 8 * (most + 64)
    bounded = f.maximum(f.minimum(cast(power, dtypes.int64), scalar(span, dtypes.int64)), scalar(-span, dtypes.int64))
    total = cast(exponent, dtypes.int64) + bounded
    first = f.maximum(f.minimum(total, scalar(most, dtypes.int64)), scalar(-most, dtypes.int64))
    rest = f.maximum(f.minimum(total - first, scalar(most, dtypes.int64)), scalar(least, dtypes.int64))
    scaled = mantissa
    for part in (first, rest):
        scaled = scaled * f.exp2(cast(part, node.dtype))
    return scaled


@op
def fix(x: ArrayLike, /) -> Tensor:
    """x rounded towards zero: `trunc`. Raises DTypeError for complex numbers.

    >>> nb.fix([1.7, -1.7]).tolist()
    [1.0, -1.0]
    """
    return f.trunc(as_node(x))


def _is_infinite(name: str, x: ArrayLike, negative: bool) -> Node:
    node = as_node(x)
    want_real(name, node)
    sign = f.signbit(node) if node.dtype.kind == "f" else constant(np.zeros(node.shape, np.bool_))
    return f.logical_and(f.isinf(node), sign if negative else f.logical_not(sign))


@op
def isposinf(x: ArrayLike, /) -> Tensor:
    """Whether x is positive infinity. Raises DTypeError for complex numbers.

    >>> nb.isposinf([1.0, np.inf, -np.inf]).tolist()
    [False, True, False]
    """
    return _is_infinite("isposinf", x, False)


@op
def isneginf(x: ArrayLike, /) -> Tensor:
    """Whether x is negative infinity. Raises DTypeError for complex numbers.

    >>> nb.isneginf([1.0, np.inf, -np.inf]).tolist()
    [False, False, True]
    """
    return _is_infinite("isneginf", x, True)


@op
def iscomplex(x: ArrayLike, /) -> Tensor:
    """Whether the imaginary part of each element is not 0.

    >>> nb.iscomplex([1.0, 1j]).tolist()
    [False, True]
    """
    node = as_node(x)
    if node.dtype.kind != "c":
        return constant(np.zeros(node.shape, np.bool_))
    part = imag(node)
    return f.not_equal(part, f.zero_of(part))


@op
def isreal(x: ArrayLike, /) -> Tensor:
    """Whether the imaginary part of each element is 0.

    >>> nb.isreal([1.0, 1j]).tolist()
    [True, False]
    """
    return f.logical_not(as_node(iscomplex(as_node(x))))


def iscomplexobj(x: ArrayLike, /) -> bool:
    """Whether the dtype of x is complex, whatever its values.

    >>> nb.iscomplexobj([1.0 + 0j])
    True
    """
    return as_node(x).dtype.kind == "c"


def isrealobj(x: ArrayLike, /) -> bool:
    """Whether the dtype of x is not complex.

    >>> nb.isrealobj([1.0])
    True
    """
    return not iscomplexobj(x)


@op
def real_if_close(x: ArrayLike, /, tol: float = 100.0) -> Tensor:
    """The real part, if all imaginary parts are smaller than `tol` (above 1: times the epsilon of the dtype); else x.

    It reads values, which decide the dtype of the result; under vmap, where there are none, it raises TracedValueError.

    >>> nb.real_if_close([1.0 + 1e-16j]).dtype
    dtype('float64')
    """
    node = as_node(x)
    if node.dtype.kind != "c":
        return f.select(scalar(True, dtypes.bool_), node, node)
    least = tol * float(np.finfo(node.dtype).eps) if tol > 1 else tol
    part = f.abs_(imag(node))
    small: Any = all_of(f.less(part, f.like(part, least)))
    return real(node) if bool(runtime.handle(small)) else node


@op
def sort_complex(x: ArrayLike, /) -> Tensor:
    """The elements along the last axis in order of their real, then their imaginary parts, as complex numbers.

    >>> nb.sort_complex([3.0, 1 - 1j, 1 - 2j]).tolist()
    [(1-2j), (1-1j), (3+0j)]
    """
    node = as_node(x)
    small = node.dtype.kind in "iu" and node.dtype.itemsize <= 2
    wanted = node.dtype if node.dtype.kind == "c" else dtypes.complex64 if small else dtypes.complex128
    return sort(cast(node, wanted), axis=node.ndim - 1, descending=False)
