"""convolve and correlate of vectors, as NumPy has them. Convolutions of images, batches and channels: nb.nn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nabla.errors import ArgumentError, ShapeError
from nabla.graph.node import Node
from nabla.ops.lift import ArrayLike, op, together
from nabla.primitives.convolution import conv
from nabla.primitives.shape import conj, flip, reshape

if TYPE_CHECKING:
    from nabla.tensor import Tensor


def _vectors(name: str, a: ArrayLike, v: ArrayLike, mode: str) -> list[Node]:
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f'{name}: mode is "full", "same" or "valid"; got {mode!r}')
    pair = together((a, v))
    for x in pair:
        if x.ndim > 1 or x.size == 0:
            raise ShapeError(
                f"{name}: vectors with elements are taken; got the shapes {pair[0].shape} and {pair[1].shape}. "
                "nb.nn.conv takes arrays of more axes"
            )
    return [x if x.ndim else reshape(x, shape=(1,)) for x in pair]


def _slid(a: Node, v: Node, mode: str) -> Node:
    """The sums of products of `v` with each part of `a`, which is not shorter."""
    n = v.size
    around = {"full": (n - 1, n - 1), "same": (n // 2, n - n // 2 - 1), "valid": (0, 0)}[mode]
    lines = [reshape(x, shape=(1, 1, 1, x.size)) for x in (a, v)]
    out = conv(*lines, strides=(1,), padding=(around,), x_dilation=(1,), w_dilation=(1,))
    return reshape(out, shape=(out.size,))


@op
def convolve(a: ArrayLike, v: ArrayLike, /, mode: str = "full") -> Tensor:
    """The convolution of two vectors: out[k] = sum_i a[i] v[k - i], the coefficients of the product of two polynomials.

    mode: "full" has every k with a product in its sum; "same" as many elements as the longer vector, from the middle of these;
    "valid" those for which the shorter vector lies within the longer. Raises ShapeError for other than vectors, and empty ones.

    >>> nb.convolve([1.0, 2.0, 3.0], [1.0, 10.0]).tolist()
    [1.0, 12.0, 23.0, 30.0]
    """
    a, v = _vectors("convolve", a, v, mode)
    if a.size < v.size:
        a, v = v, a
    return _slid(a, flip(v, axes=(0,)), mode)


@op
def correlate(a: ArrayLike, v: ArrayLike, /, mode: str = "valid") -> Tensor:
    """The correlation of two vectors: out[k] = sum_i a[i + k] conj(v[i]).

    mode: as of `convolve`. Raises ShapeError for other than vectors, and empty ones.

    >>> nb.correlate([1.0, 2.0, 3.0], [1.0, 10.0]).tolist()
    [21.0, 32.0]
    """
    a, v = _vectors("correlate", a, v, mode)
    if v.dtype.kind == "c":
        v = conj(v)
    if a.size < v.size:
        return flip(_slid(v, a, mode), axes=(0,))
    return _slid(a, v, mode)
