"""nb.fft: discrete Fourier transforms under the names of the Array API standard, NumPy and SciPy.

`n` and `s` are lengths to which x is cut, or filled with zeros at its end, before it is transformed; `norm` says which direction
is scaled: "backward" (the usual) the inverse one by 1/n, "forward" the other one by 1/n, "ortho" both by n**-1/2. Integers become
floats of the default dtype; float32 and float16 are transformed in single precision.

Cosine and sine transforms stand in ops/cosine.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from nabla.graph.node import Node, is_scalar
from nabla.ops.axes import integer, one_axis
from nabla.ops.cosine import dct, dctn, dst, dstn, idct, idctn, idst, idstn
from nabla.ops.creation import arange
from nabla.ops.devices import Device, made
from nabla.ops.joining import roll
from nabla.ops.lift import ArrayLike, DTypeLike, as_node, inexact, op
from nabla.primitives import fourier as p
from nabla.primitives.fourier import OPPOSITE
from nabla.primitives.joining import fitted
from nabla.primitives.shape import cast, conj

if TYPE_CHECKING:
    from nabla.tensor import Tensor

__all__ = [
    "dct",
    "dctn",
    "dst",
    "dstn",
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "idct",
    "idctn",
    "idst",
    "idstn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

LAST_TWO = (-2, -1)


def _norm(name: str, norm: str | None) -> str:
    if norm is None:
        return "backward"
    if norm not in OPPOSITE:
        raise ArgumentError(f'{name}: norm is "backward", "ortho" or "forward"; got {norm!r}')
    return norm


def _length(name: str, n: Any) -> int:
    found = integer(name, "the number of points n", n)
    if found < 1:
        raise ShapeError(f"{name}: at least 1 point is transformed; got {found}. Give n, a length to fill up to with zeros")
    return found


def _line(name: str, x: ArrayLike, n: int | None, axis: int) -> tuple[Node, int, int]:
    """The floating node, the clean axis, and the length along it, given or found."""
    node = inexact(as_node(x))
    axis = one_axis(name, axis, node.ndim)
    return node, axis, _length(name, node.shape[axis] if n is None else n)


def _lines(name: str, x: ArrayLike, s: Sequence[int] | None, axes: Sequence[int] | None) -> tuple[Node, list[int], list[int]]:
    """The floating node, the clean axes, and the length along each; -1 in `s` keeps the length there is."""
    node = inexact(as_node(x))
    ndim = node.ndim
    lengths = None if s is None else _sequence(name, "s", s)
    if axes is None:
        count = ndim if lengths is None else len(lengths)
        named: Sequence[Any] = range(-count, 0)
    else:
        named = _sequence(name, "axes", axes)
    clean = [one_axis(name, axis, ndim) for axis in named]
    if lengths is None:
        return node, clean, [_length(name, node.shape[axis]) for axis in clean]
    if len(lengths) != len(clean):
        raise ShapeError(f"{name}: one length for each axis is needed; got s={tuple(lengths)} and axes={tuple(named)}")
    kept = [node.shape[axis] if n == -1 else n for n, axis in zip(lengths, clean)]
    return node, clean, [_length(name, n) for n in kept]


def _sequence(name: str, argument: str, given: Any) -> list[Any]:
    if isinstance(given, (tuple, list, range)):
        return list(given)
    raise ArgumentTypeError(f"{name}: {argument} is a tuple of integers; got {given!r}")


def _complex(x: Node) -> Node:
    return cast(x, dtypes.to_complex(x.dtype))


def _real(name: str, x: Node) -> Node:
    if x.dtype.kind == "c":
        raise DTypeError(f"{name}: x is real; got {x.dtype}. Use fft for complex numbers")
    return x


# Complex transforms


def _fft(name: str, x: ArrayLike, n: int | None, axis: int, norm: str | None, inverse: bool) -> Node:
    node, axis, n = _line(name, x, n, axis)
    return p.fft(fitted(node, axis, n), axes=(axis,), inverse=inverse, norm=_norm(name, norm))


def _fftn(name: str, x: ArrayLike, s: Any, axes: Any, norm: str | None, inverse: bool) -> Node:
    node, clean, lengths = _lines(name, x, s, axes)
    for axis, n in zip(clean, lengths):
        node = fitted(node, axis, n)
    norm = _norm(name, norm)
    return p.fft(node, axes=tuple(clean), inverse=inverse, norm=norm) if clean else _complex(node)


@op
def fft(x: ArrayLike, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The discrete Fourier transform along an axis: y[k] = sum_j x[j] exp(-2 pi i j k / n).

    Raises ShapeError for fewer points than 1, AxisError for an axis that x has not.

    >>> nb.fft.fft([1.0, 0.0, 0.0]).tolist()
    [(1+0j), (1+0j), (1+0j)]
    """
    return _fft("fft", x, n, axis, norm, False)


@op
def ifft(x: ArrayLike, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The inverse of `fft`: y[j] = 1/n sum_k x[k] exp(2 pi i j k / n).

    >>> nb.fft.ifft([1.0, 1.0, 1.0]).tolist()
    [(1+0j), 0j, 0j]
    """
    return _fft("ifft", x, n, axis, norm, True)


@op
def fftn(
    x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward"
) -> Tensor:
    """`fft` along several axes, all if none are named; the last len(s) if only lengths are given.

    Raises ShapeError where lengths and axes differ in number, AxisError for an axis that x has not.

    >>> nb.fft.fftn([[1.0, 0.0], [0.0, 0.0]]).tolist()
    [[(1+0j), (1+0j)], [(1+0j), (1+0j)]]
    """
    return _fftn("fftn", x, s, axes, norm, False)


@op
def ifftn(
    x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward"
) -> Tensor:
    """The inverse of `fftn`.

    >>> nb.fft.ifftn([[1.0, 1.0], [1.0, 1.0]]).tolist()
    [[(1+0j), 0j], [0j, 0j]]
    """
    return _fftn("ifftn", x, s, axes, norm, True)


@op
def fft2(x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = "backward") -> Tensor:
    """`fftn` along the last two axes.

    >>> nb.fft.fft2([[1.0, 0.0], [0.0, 0.0]]).tolist()
    [[(1+0j), (1+0j)], [(1+0j), (1+0j)]]
    """
    return _fftn("fft2", x, s, axes, norm, False)


@op
def ifft2(x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = "backward") -> Tensor:
    """`ifftn` along the last two axes.

    >>> nb.fft.ifft2([[1.0, 1.0], [1.0, 1.0]]).tolist()
    [[(1+0j), 0j], [0j, 0j]]
    """
    return _fftn("ifft2", x, s, axes, norm, True)


# Transforms of real arrays


@op
def rfft(x: ArrayLike, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The first n // 2 + 1 elements of the transform of a real array; the others are their conjugates.

    Raises DTypeError for complex numbers, ShapeError for fewer points than 1, AxisError for an axis that x has not.

    >>> nb.fft.rfft([1.0, 0.0, 0.0, 0.0]).tolist()
    [(1+0j), (1+0j), (1+0j)]
    """
    return _rfft("rfft", x, n, axis, norm)


def _rfft(name: str, x: ArrayLike, n: int | None, axis: int, norm: str | None) -> Node:
    node, axis, n = _line(name, x, n, axis)
    return p.rfft(fitted(_real(name, node), axis, n), axis=axis, norm=_norm(name, norm))


@op
def irfft(x: ArrayLike, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The inverse of `rfft`: the real array of length n of which x is the half spectrum.

    Without n, the length is 2 (m - 1), where m is the length of x. The imaginary parts of the first element and, for even
    n, of the last have no influence.

    >>> nb.fft.irfft([1.0, 1.0, 1.0]).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    return _irfft("irfft", x, n, axis, norm, False)


def _irfft(name: str, x: ArrayLike, n: int | None, axis: int, norm: str | None, conjugated: bool) -> Node:
    node = inexact(as_node(x))
    axis = one_axis(name, axis, node.ndim)
    n = _length(name, 2 * (node.shape[axis] - 1) if n is None else n)
    spectrum = _complex(fitted(node, axis, n // 2 + 1))
    if conjugated:
        spectrum = conj(spectrum)
    out = p.irfft(spectrum, axis=axis, n=n, norm=norm)
    return out if node.dtype.kind == "c" else cast(out, node.dtype)


@op
def rfftn(
    x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward"
) -> Tensor:
    """`rfft` along the last of the axes, then `fft` along the others.

    Raises DTypeError for complex numbers, ShapeError where lengths and axes differ in number.

    >>> nb.fft.rfftn([[1.0, 0.0], [0.0, 0.0]]).tolist()
    [[(1+0j), (1+0j)], [(1+0j), (1+0j)]]
    """
    return _rfftn("rfftn", x, s, axes, norm)


def _rfftn(name: str, x: ArrayLike, s: Any, axes: Any, norm: str | None) -> Node:
    node, clean, lengths = _lines(name, x, s, axes)
    _want_axes(name, clean)
    node, norm = _real(name, node), _norm(name, norm)
    for axis, n in zip(clean, lengths):
        node = fitted(node, axis, n)
    out = p.rfft(node, axis=clean[-1], norm=norm)
    return p.fft(out, axes=tuple(clean[:-1]), inverse=False, norm=norm) if len(clean) > 1 else out


def _want_axes(name: str, axes: list[int]) -> None:
    if not axes:
        raise ShapeError(f"{name}: at least one axis is transformed; x has none, or none is named")


@op
def irfftn(
    x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = "backward"
) -> Tensor:
    """The inverse of `rfftn`: `ifft` along all axes but the last, then `irfft`.

    Without s, the last length is 2 (m - 1), where m is that of x.

    >>> nb.fft.irfftn([[1.0, 1.0], [1.0, 1.0]]).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return _irfftn("irfftn", x, s, axes, norm)


def _irfftn(name: str, x: ArrayLike, s: Any, axes: Any, norm: str | None) -> Node:
    node, clean, lengths = _lines(name, x, s, axes)
    _want_axes(name, clean)
    norm = _norm(name, norm)
    dtype = node.dtype
    for axis, n in zip(clean[:-1], lengths):
        node = fitted(node, axis, n)
    if len(clean) > 1:
        node = p.fft(node, axes=tuple(clean[:-1]), inverse=True, norm=norm)
    last = lengths[-1] if s is not None and s[-1] != -1 else None
    out = _irfft(name, node, last, clean[-1], norm, False)
    return out if dtype.kind == "c" else cast(out, dtype)


@op
def rfft2(x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = "backward") -> Tensor:
    """`rfftn` along the last two axes.

    >>> nb.fft.rfft2([[1.0, 0.0], [0.0, 0.0]]).tolist()
    [[(1+0j), (1+0j)], [(1+0j), (1+0j)]]
    """
    return _rfftn("rfft2", x, s, axes, norm)


@op
def irfft2(
    x: ArrayLike, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = "backward"
) -> Tensor:
    """`irfftn` along the last two axes.

    >>> nb.fft.irfft2([[1.0, 1.0], [1.0, 1.0]]).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return _irfftn("irfft2", x, s, axes, norm)


@op
def hfft(x: ArrayLike, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The transform, which is real, of a signal with x[-j] = conj(x[j]), of which x is the first half.

    Without n, the length is 2 (m - 1), where m is that of x.

    >>> nb.fft.hfft([1.0, 1.0, 1.0]).tolist()
    [4.0, 0.0, 0.0, 0.0]
    """
    return _irfft("hfft", x, n, axis, OPPOSITE[_norm("hfft", norm)], True)


@op
def ihfft(x: ArrayLike, /, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Tensor:
    """The inverse of `hfft`: of a real spectrum the first half of the signal.

    Raises DTypeError for complex numbers.

    >>> nb.fft.ihfft([4.0, 0.0, 0.0, 0.0]).tolist()
    [(1-0j), (1-0j), (1-0j)]
    """
    return conj(_rfft("ihfft", x, n, axis, OPPOSITE[_norm("ihfft", norm)]))


# Frequencies, and the order of the elements


@op
def fftfreq(n: int, /, d: float = 1.0, *, dtype: DTypeLike | None = None, device: Device | None = None) -> Tensor:
    """The frequencies of the elements of `fft`, in cycles per unit of the spacing d: 0, 1, ..., -2, -1 over n d.

    >>> nb.fft.fftfreq(4, 0.5).tolist()
    [0.0, 0.5, -1.0, -0.5]
    """
    n = _length("fftfreq", n)
    behind = (n + 1) // 2
    return _frequencies("fftfreq", roll(_whole(behind - n, behind), behind), n, d, dtype, device)


@op
def rfftfreq(n: int, /, d: float = 1.0, *, dtype: DTypeLike | None = None, device: Device | None = None) -> Tensor:
    """The frequencies of the elements of `rfft`: 0, 1, ..., n // 2 over n d.

    >>> nb.fft.rfftfreq(4, 0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    n = _length("rfftfreq", n)
    return _frequencies("rfftfreq", _whole(0, n // 2 + 1), n, d, dtype, device)


def _whole(start: int, stop: int) -> Node:
    return as_node(arange(start, stop))


def _frequencies(name: str, numbers: Any, n: int, d: Any, dtype: DTypeLike | None, device: Device | None) -> Node:
    wanted = dtypes.default_dtype() if dtype is None else dtypes.canonical(dtype)
    if wanted.kind != "f":
        raise DTypeError(f"{name}: dtype is a real floating one; got {wanted}")
    span = n * d if is_scalar(d) else cast(as_node(d), wanted) * n
    return made(name, cast(as_node(numbers), wanted) / span, device)


@op
def fftshift(x: ArrayLike, /, axes: int | Sequence[int] | None = None) -> Tensor:
    """The zero frequency moved to the middle, along the axes named or all.

    >>> nb.fft.fftshift([0.0, 1.0, -2.0, -1.0]).tolist()
    [-2.0, -1.0, 0.0, 1.0]
    """
    return _shifted("fftshift", as_node(x), axes, 1)


@op
def ifftshift(x: ArrayLike, /, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> nb.fft.ifftshift([-2.0, -1.0, 0.0, 1.0]).tolist()
    [0.0, 1.0, -2.0, -1.0]
    """
    return _shifted("ifftshift", as_node(x), axes, -1)


def _shifted(name: str, x: Node, axes: Any, direction: int) -> Node:
    if axes is None:
        axes = range(x.ndim)
    named = [one_axis(name, axis, x.ndim) for axis in (axes if isinstance(axes, (tuple, list, range)) else (axes,))]
    shifts = [direction * (x.shape[axis] // 2) for axis in named]
    return roll(x, shifts, named) if named else x
