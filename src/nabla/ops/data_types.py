"""Questions about arrays and dtypes that no value is needed for: shapes, limits, kinds, what two dtypes make together."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError
from nabla.graph.node import Node, is_scalar, runtime
from nabla.ops.axes import several_axes
from nabla.ops.lift import ArrayLike, DTypeLike, as_node

KINDS: dict[str, frozenset[np.dtype]] = {
    "bool": frozenset({dtypes.bool_}),
    "signed integer": frozenset({dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64}),
    "unsigned integer": frozenset({dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64}),
    "real floating": frozenset({dtypes.float16, dtypes.float32, dtypes.float64}),
    "complex floating": frozenset({dtypes.complex64, dtypes.complex128}),
}
"""The dtypes of each kind that the Array API standard names."""
KINDS["integral"] = KINDS["signed integer"] | KINDS["unsigned integer"]
KINDS["numeric"] = KINDS["integral"] | KINDS["real floating"] | KINDS["complex floating"]


class FloatLimits(NamedTuple):
    """What `nb.finfo` tells of a floating dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    smallest_subnormal: float
    resolution: float
    dtype: np.dtype

    @property
    def tiny(self) -> float:
        """NumPy's other name for the smallest normal number."""
        return self.smallest_normal


class IntegerLimits(NamedTuple):
    """What `nb.iinfo` tells of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: np.dtype


def dtype_of(name: str, x: ArrayLike | DTypeLike) -> np.dtype:
    """The dtype that was given, or that of the array that was."""
    if isinstance(x, (Node, runtime.handle)):
        return dtypes.strong(x.dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        return dtypes.canonical(x.dtype)
    if x is None or is_scalar(x):
        raise ArgumentTypeError(f"{name} takes a dtype or an array; got {x!r}")
    return dtypes.canonical(x)


def shape(x: ArrayLike, /) -> tuple[int, ...]:
    """The number of elements along each axis.

    >>> nb.shape([[1.0, 2.0, 3.0]])
    (1, 3)
    """
    return as_node(x).shape


def ndim(x: ArrayLike, /) -> int:
    """The number of axes.

    >>> nb.ndim([[1.0, 2.0, 3.0]])
    2
    """
    return as_node(x).ndim


def size(x: ArrayLike, /, axis: int | tuple[int, ...] | None = None) -> int:
    """The number of elements, or of those along one axis or several. Raises AxisError for an axis that x has not.

    >>> nb.size([[1.0, 2.0, 3.0]]), nb.size([[1.0, 2.0, 3.0]], 0)
    (3, 1)
    """
    lengths = as_node(x).shape
    return prod([lengths[i] for i in several_axes("size", axis, len(lengths))])


def finfo(type: DTypeLike | ArrayLike, /) -> FloatLimits:
    """The limits of a floating dtype, or of that of an array; of complex ones, those of their parts.

    It has bits, eps, max, min, smallest_normal, smallest_subnormal, resolution and dtype. Raises DTypeError for other dtypes.

    >>> nb.finfo(nb.float32).bits, nb.finfo(nb.complex128).eps
    (32, 2.220446049250313e-16)
    """
    dtype = dtype_of("finfo", type)
    if dtype.kind not in "fc":
        raise DTypeError(f"finfo: {dtype} is not a floating dtype; nb.iinfo tells the limits of integers")
    found = np.finfo(dtype)
    return FloatLimits(
        int(found.bits),
        float(found.eps),
        float(found.max),
        float(found.min),
        float(found.smallest_normal),
        float(found.smallest_subnormal),
        float(found.resolution),
        dtypes.to_real(dtype),
    )


def iinfo(type: DTypeLike | ArrayLike, /) -> IntegerLimits:
    """The limits of an integer dtype, or of that of an array: bits, max, min, dtype. Raises DTypeError for other dtypes.

    >>> nb.iinfo(nb.int8).max, nb.iinfo(nb.int8).min
    (127, -128)
    """
    dtype = dtype_of("iinfo", type)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo: {dtype} is not an integer dtype; nb.finfo tells the limits of floats")
    found = np.iinfo(dtype)
    return IntegerLimits(int(found.bits), int(found.max), int(found.min), dtype)


def isdtype(dtype: DTypeLike, kind: Any) -> bool:
    """Whether `dtype` is `kind`, or of that kind.

    kind: a dtype; or "bool", "signed integer", "unsigned integer", "integral" (both of these), "real floating" (float16 is
    one), "complex floating", "numeric" (all but bool); or a tuple of these, of which one must hold.

    >>> nb.isdtype(nb.float32, "real floating"), nb.isdtype(nb.int8, ("bool", nb.int16))
    (True, False)
    """
    own = dtype_of("isdtype", dtype)
    return any(_is_of(own, item) for item in (kind if isinstance(kind, tuple) else (kind,)))


def _is_of(dtype: np.dtype, kind: Any) -> bool:
    if isinstance(kind, str) and kind in KINDS:
        return dtype in KINDS[kind]
    try:
        return dtype == dtypes.canonical(kind)
    except (ArgumentTypeError, DTypeError):
        raise ArgumentError(f"isdtype: a kind is a dtype, one of {', '.join(map(repr, KINDS))}, or a tuple; got {kind!r}") from None


def can_cast(from_: DTypeLike | ArrayLike, to: DTypeLike, /, casting: str = "safe") -> bool:
    """Whether a dtype (or that of an array) becomes `to` without loss, as it does when it meets others.

    casting: by another of NumPy's rules, such as "same_kind".

    >>> nb.can_cast(nb.float32, nb.float64), nb.can_cast(nb.float64, nb.float32)
    (True, False)
    """
    return bool(np.can_cast(dtype_of("can_cast", from_), dtypes.canonical(to), casting))  # type: ignore[arg-type]


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype of an operation on these arrays and dtypes; Python numbers are weak. At least one is no number.

    >>> nb.result_type(nb.int8, nb.ones(2, dtype=nb.float32), 2.0)
    dtype('float32')
    """
    numbers = [x for x in arrays_and_dtypes if is_scalar(x)]
    given = [_arriving(x) for x in arrays_and_dtypes if not is_scalar(x)]
    if not given:
        raise ArgumentError("result_type: at least one argument is an array or a dtype; Python numbers alone decide nothing")
    dtype = given[0]
    for other in given[1:]:
        dtype = dtypes.promote(dtype, other)
    for number in numbers:
        dtype = dtypes.with_scalar(dtype, number)
    return dtypes.strong(dtype)


def _arriving(x: Any) -> np.dtype:
    """The dtype with which x comes into an operation: that of a tensor may be weak."""
    return x.dtype if isinstance(x, Node) else x._node.dtype if isinstance(x, runtime.handle) else dtype_of("result_type", x)
