"""Activations of neural networks, and softmax with its relatives. Names are SciPy's where it has one.

All but sigmoid, logit and logsumexp take real numbers only; integers and booleans become floats of the default dtype. What the
derivative is at ties and kinks stands in docs/kinks.md.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Literal, overload

from nabla.errors import ShapeError
from nabla.graph.node import Node
from nabla.ops.axes import several_axes
from nabla.ops.lift import ArrayLike, as_node, inexact, op, pair, real_floats, unary
from nabla.ops.reductions import Axis
from nabla.primitives import formulas as f
from nabla.primitives.base import broadcast_shapes, zeros
from nabla.primitives.elementwise import safe_mul
from nabla.primitives.reductions import reduce_max
from nabla.primitives.shape import broadcast, real, reduce_sum, restore_axes
from nabla.primitives.softmax import (
    log_softmax as _log_softmax,
    logsumexp as _logsumexp,
    softmax as _softmax,
)
from nabla.primitives.structure import detach

if TYPE_CHECKING:
    from nabla.tensor import Tensor


# The logistic function and its relatives


@unary(f.logistic)
def sigmoid(x: ArrayLike, /) -> Tensor:
    """The logistic function 1 / (1 + exp(-x)), right in both tails, and so is its derivative.

    >>> float(nb.sigmoid(0.0))
    0.5
    """


def _logit(x: Node) -> Node:
    return f.log_(x) - f.log1p(-x) if x.dtype.kind == "c" else f.logit(x)


@unary(_logit)
def logit(x: ArrayLike, /) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid.

    >>> float(nb.logit(0.5))
    0.0
    """


@op
def log_expit(x: ArrayLike, /) -> Tensor:
    """The logarithm of sigmoid(x), right in both tails.

    >>> float(nb.log_expit(-1000.0))
    -1000.0
    """
    return -f.softplus(-real_floats("log_expit", x))


@unary(f.softplus)
def softplus(x: ArrayLike, /) -> Tensor:
    """log(1 + exp(x)), a smooth relu, without overflow.

    >>> float(nb.softplus(1000.0))
    1000.0
    """


# Activations


@op
def relu(x: ArrayLike, /) -> Tensor:
    """x where it is positive, else 0. Its derivative at 0 is 0.

    >>> nb.relu([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 2.0]
    """
    x = as_node(x)
    zero = f.zero_of(x)
    return f.select(f.less_equal(x, zero), zero, x)


@op
def leaky_relu(x: ArrayLike, /, slope: float = 0.01) -> Tensor:
    """x where it is positive, else slope times x. Its derivative at 0 is the slope.

    >>> nb.leaky_relu([-1.0, 2.0], 0.5).tolist()
    [-0.5, 2.0]
    """
    x = real_floats("leaky_relu", x)
    return f.select(f.greater(x, f.zero_of(x)), x, x * slope)


@op
def elu(x: ArrayLike, /, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha (exp(x) - 1). Its derivative at 0 is alpha.

    >>> nb.elu([0.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    x = real_floats("elu", x)
    return f.select(f.greater(x, f.zero_of(x)), x, f.expm1(x) * alpha)


@op
def selu(x: ArrayLike, /) -> Tensor:
    """1.0507 elu(x, 1.6733), the exponential unit that keeps mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017), section 2, where the two numbers are derived.

    >>> float(nb.selu(0.0))
    0.0
    """
    return elu(real_floats("selu", x), 1.6732632423543772) * 1.0507009873554805


@op
def silu(x: ArrayLike, /) -> Tensor:
    """x sigmoid(x), also called swish.

    >>> float(nb.silu(0.0))
    0.0
    """
    x = real_floats("silu", x)
    return x * f.logistic(x)


@op
def gelu(x: ArrayLike, /) -> Tensor:
    """x times the probability that a standard normal number is below it.

    >>> float(nb.gelu(0.0))
    0.0
    """
    x = real_floats("gelu", x)
    return x * (f.erfc(x * -sqrt(0.5)) * 0.5)


# softmax and its relatives


@op
def softmax(x: ArrayLike, /, axis: Axis = None) -> Tensor:
    """exp(x) divided by its sum over `axis` (None: all axes), without overflow.

    Elements that share a row's maximum though it is infinite share the result equally. Raises AxisError for an axis
    that x has not.

    >>> nb.softmax([[0.0, 0.0], [1000.0, -1000.0]], axis=1).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    x = real_floats("softmax", x)
    return _softmax(x, axes=several_axes("softmax", axis, x.ndim))


@op
def log_softmax(x: ArrayLike, /, axis: Axis = None) -> Tensor:
    """The logarithm of softmax(x, axis), without overflow or underflow. Raises AxisError for an axis that x has not.

    >>> nb.log_softmax([1000.0, -1000.0]).tolist()
    [0.0, -2000.0]
    """
    x = real_floats("log_softmax", x)
    return _log_softmax(x, axes=several_axes("log_softmax", axis, x.ndim))


@overload
def logsumexp(
    x: ArrayLike,
    /,
    axis: Axis = None,
    b: ArrayLike | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
) -> Tensor: ...


@overload
def logsumexp(
    x: ArrayLike, /, axis: Axis = None, b: ArrayLike | None = None, keepdims: bool = False, *, return_sign: Literal[True]
) -> tuple[Tensor, Tensor]: ...


@op
def logsumexp(
    x: ArrayLike, /, axis: Axis = None, b: ArrayLike | None = None, keepdims: bool = False, return_sign: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """log(sum(b exp(x))) over `axis` (None: all axes), without overflow; `b` is 1 if None. Of nothing, or of -inf
    alone, it is -inf.

    `b` broadcasts against x; terms with b = 0 count as 0, whatever x is. A negative sum gives NaN, unless `return_sign` is
    true: then the result is the logarithm of the sum's absolute value, and its sign. Of complex numbers the logarithm is that of
    the principal branch, and the sign has modulus 1. The derivative by x is softmax(x) where b is None, also in a row with
    infinities. Raises AxisError for an axis that x has not, ShapeError where b does not fit.

    >>> nb.logsumexp([[1000.0, -1000.0], [-1000.0, 0.0]], axis=1).tolist()
    [1000.0, 0.0]
    >>> log_of_size, sign = nb.logsumexp([0.0, 0.0], b=[1.0, -3.0], return_sign=True)
    >>> bool(nb.allclose(log_of_size, np.log(2.0))), float(sign)
    (True, -1.0)
    """
    x = inexact(as_node(x))
    if b is not None or x.dtype.kind == "c":
        return _weighted(x, 1.0 if b is None else b, axis, keepdims, return_sign)
    axes = several_axes("logsumexp", axis, x.ndim)
    out = _logsumexp(x, axes=axes)
    out = restore_axes(out, x.shape, axes) if keepdims else out
    if not return_sign:
        return out
    nothing = f.equal(out, f.like(out, -float("inf")))
    return out, f.select(nothing, f.zero_of(out), f.sign(f.square(out) + 1.0))


def _weighted(x: Node, b: ArrayLike, axis: Axis, keepdims: bool, return_sign: bool) -> Node | tuple[Node, Node]:
    """m + log(sum(b exp(x - m))) with m the largest real part of an x that counts: a constant for the derivatives, which do not
    depend on it.
    """
    x, weight = (inexact(z) for z in pair(x, b))
    shape = broadcast_shapes("logsumexp", (x.shape, weight.shape))
    if len(shape) > x.ndim:
        raise ShapeError(f"logsumexp: b has shape {weight.shape}, more axes than x of shape {x.shape}; reshape x first")
    x = broadcast(x, shape=shape)
    axes = several_axes("logsumexp", axis, x.ndim)
    size = real(x) if x.dtype.kind == "c" else x
    zero = zeros((), size.dtype)
    counted = f.select(f.equal(weight, zeros((), weight.dtype)), f.like(size, -float("inf")), size)
    m = detach(reduce_max(counted, axes=axes))
    m = f.select(f.isfinite(m), m, zero)
    total = reduce_sum(safe_mul(weight, f.exp(x - restore_axes(m, shape, axes))), axes=axes)
    found = [f.log_(f.abs_(total)) + m, f.sign(total)] if return_sign else [f.log_(total) + m]
    if keepdims:
        found = [restore_axes(out, shape, axes) for out in found]
    return (found[0], found[1]) if return_sign else found[0]
