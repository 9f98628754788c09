"""dtypes: promotion, weak Python scalars, defaults, `float0`.

A Python number that is differentiated or traced as such stays *weak*: it takes the dtype of what it meets. A weak node carries one
of three dtype objects that equal int64, float64 and complex128 for NumPy but are told apart by identity.
"""

from __future__ import annotations

import operator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Iterator

import numpy as np

from nabla.errors import ArgumentTypeError, DTypeError

bool_ = np.dtype(np.bool_)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
uint8 = np.dtype(np.uint8)
uint16 = np.dtype(np.uint16)
uint32 = np.dtype(np.uint32)
uint64 = np.dtype(np.uint64)
float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
complex64 = np.dtype(np.complex64)
complex128 = np.dtype(np.complex128)
float0 = np.dtype([("float0", "V")])
"""The dtype of the derivative with respect to an integer or a boolean: no bytes, only a shape."""

weak_int = np.dtype(np.int64, metadata={"weak": True})
weak_float = np.dtype(np.float64, metadata={"weak": True})
weak_complex = np.dtype(np.complex128, metadata={"weak": True})

SUPPORTED = frozenset(
    [bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64, complex64, complex128]
)
_CANONICAL = {dtype: dtype for dtype in SUPPORTED}

default: ContextVar[np.dtype] = ContextVar("nabla_default_dtype", default=float64)
"""The dtype that Python floats get here."""
_promoted: dict[tuple[np.dtype, np.dtype], np.dtype] = {}


def default_dtype() -> np.dtype:
    """The dtype that Python floats get: float64 unless it was changed.

    >>> import nabla as nb
    >>> nb.default_dtype()
    dtype('float64')
    """
    return default.get()


def set_default_dtype(dtype: Any) -> None:
    """Change the dtype of tensors made from Python floats: float32 or float64, for this thread and context.

    >>> import nabla as nb
    >>> nb.set_default_dtype("float64")
    """
    default.set(_real_floating(dtype))


@contextmanager
def using_default_dtype(dtype: Any) -> Iterator[None]:
    """The default dtype, changed inside a `with` block only.

    >>> import nabla as nb
    >>> with nb.using_default_dtype("float32"):
    ...     print(nb.asarray(1.0).dtype)
    float32
    """
    mark = default.set(_real_floating(dtype))
    try:
        yield
    finally:
        default.reset(mark)


def _real_floating(dtype: Any) -> np.dtype:
    dtype = canonical(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"the default dtype is a real floating one such as float32 or float64; got {dtype}")
    return dtype


def canonical(dtype: Any) -> np.dtype:
    """The one dtype object that stands for `dtype` (name, type, or dtype), in native byte order."""
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise ArgumentTypeError(f"{dtype!r} is not a dtype; write for example 'float32' or nb.float32") from error
    if found == float0:
        return float0
    try:
        return _CANONICAL[found.newbyteorder("=")]
    except (KeyError, TypeError):  # a dtype that has no byte order is a TypeError
        raise DTypeError(
            f"dtype {found} is not supported; tensors hold booleans, integers, floats up to 64 bits and complex numbers"
            + ("; if these objects are numbers, x.astype(float) makes floats of them" if found.kind == "O" else "")
        ) from None


def strong(dtype: np.dtype) -> np.dtype:
    """The dtype as a user sees it: weak float64 is float64."""
    if dtype is weak_float:
        return float64
    if dtype is weak_complex:
        return complex128
    return int64 if dtype is weak_int else dtype


_WEAK = {int64: weak_int, float64: weak_float, complex128: weak_complex}


def weak(dtype: np.dtype) -> np.dtype:
    """The dtype of a number of Python among the arguments of a function that is traced."""
    return _WEAK.get(dtype, dtype)


def default_complex() -> np.dtype:
    return complex64 if default.get() is float32 else complex128


def of_scalar(value: bool | int | float | complex) -> np.dtype:
    """The dtype a Python number gets when nothing else decides."""
    kind = type(value)
    if kind is float:
        return default.get()
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64 if -(2**63) <= value < 2**63 else uint64
    if isinstance(value, float):
        return default.get()
    return default_complex()


def with_scalar(dtype: np.dtype, value: bool | int | float | complex) -> np.dtype:
    """The dtype of `tensor of dtype` op `Python number`: the number is weak and gives way."""
    kind = dtype.kind
    if isinstance(value, bool):
        return dtype if kind != "V" else bool_
    if isinstance(value, int):
        return int64 if kind in "bV" else dtype
    if isinstance(value, float):
        return dtype if kind in "fc" else default.get()
    if not isinstance(value, complex):
        raise TypeError(f"a number of Python was expected beside a node, not {type(value).__name__}: make it a node first")
    if kind == "c":
        return dtype
    if kind == "f":
        return weak_complex if dtype is weak_float else complex64 if dtype.itemsize <= 4 else complex128
    return default_complex()


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The dtype of an operation on tensors of dtypes `a` and `b`: NumPy's rule; weak gives way to strong."""
    if a is b:
        return a
    if a is weak_int:
        return with_scalar(b, 0)
    if b is weak_int:
        return with_scalar(a, 0)
    if a is weak_float:
        return with_scalar(b, 0.0) if b is not weak_complex else b
    if b is weak_float:
        return with_scalar(a, 0.0) if a is not weak_complex else a
    if a is weak_complex:
        return with_scalar(b, 0j)
    if b is weak_complex:
        return with_scalar(a, 0j)
    key = (a, b)
    found = _promoted.get(key)
    if found is None:
        if a == float0 or b == float0:
            raise DTypeError("a float0 tensor (the derivative of an integer) can only be added, subtracted and scaled")
        found = _promoted[key] = _CANONICAL[np.promote_types(a, b)]
    return found


def to_inexact(dtype: np.dtype) -> np.dtype:
    """The floating dtype in which a function such as `exp` of this dtype is computed."""
    return dtype if dtype.kind in "fc" else default.get()


def to_real(dtype: np.dtype) -> np.dtype:
    """complex64 to float32, complex128 to float64; others stay."""
    if dtype.kind != "c":
        return dtype
    if dtype is weak_complex:
        return weak_float
    return float32 if dtype.itemsize == 8 else float64


def to_complex(dtype: np.dtype) -> np.dtype:
    """float32 to complex64, float64 to complex128; others follow the default dtype."""
    if dtype.kind == "c":
        return dtype
    if dtype is weak_float:
        return weak_complex
    if dtype.kind == "f":
        return complex64 if dtype.itemsize <= 4 else complex128
    return default_complex()


@dataclass(frozen=True)
class ShapeDtype:
    """The shape and dtype of an array that is not there: to declare what a function outside returns, or takes.

    >>> import nabla as nb
    >>> nb.ShapeDtype((2, 3), "float32")
    ShapeDtype(shape=(2, 3), dtype=dtype('float32'))
    """

    shape: tuple[int, ...]
    dtype: Any

    def __post_init__(self) -> None:
        shape = (self.shape,) if isinstance(self.shape, (int, np.integer)) else self.shape
        try:
            lengths = tuple(operator.index(n) for n in shape)
        except TypeError as error:
            raise ArgumentTypeError(f"ShapeDtype: a shape is a tuple of ints; got {self.shape!r}") from error
        if any(n < 0 for n in lengths):
            raise ArgumentTypeError(f"ShapeDtype: a length cannot be negative; got {self.shape!r}")
        object.__setattr__(self, "shape", lengths)
        object.__setattr__(self, "dtype", strong(canonical(self.dtype)))
