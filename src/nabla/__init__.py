"""Nabla differentiates numerical Python programs: tensors, a NumPy-shaped namespace, and transforms that compose."""

import nabla.autodiff.derive
import nabla.engines.numpy.run
import nabla.interop.functions
import nabla.interop.ufuncs
import nabla.primitives.operators
from nabla import errors, tree
from nabla.dtypes import *  # noqa
from nabla.dtypes import default_dtype, set_default_dtype, using_default_dtype
from nabla.errors import *  # noqa
from nabla.ops import linalg
from nabla.ops.collectives import axis_index, axis_size, pmax, pmean, pmin, psum
from nabla.ops.contraction import cross, dot, inner, kron, matmul, outer, tensordot, vdot, vecdot
from nabla.ops.creation import (
    arange,
    array,
    asarray,
    astype,
    copy,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    identity,
    linspace,
    logspace,
    ones,
    ones_like,
    tri,
    zeros,
    zeros_like,
)
from nabla.ops.cumulative import cummax, cummin, cumprod, cumsum, cumulative_prod, cumulative_sum, diff
from nabla.ops.diagonals import diag, diagonal, trace, tril, triu
from nabla.ops.einsum import einsum
from nabla.ops.elementwise import (
    abs,
    absolute,
    acos,
    acosh,
    add,
    angle,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    clip,
    conj,
    conjugate,
    copysign,
    cos,
    cosh,
    deg2rad,
    degrees,
    divide,
    divmod,
    exp,
    exp2,
    expm1,
    fabs,
    float_power,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    hypot,
    imag,
    log,
    log10,
    log1p,
    log2,
    logaddexp,
    logaddexp2,
    maximum,
    minimum,
    mod,
    multiply,
    negative,
    nextafter,
    positive,
    pow,
    power,
    rad2deg,
    radians,
    real,
    reciprocal,
    remainder,
    rint,
    round,
    sign,
    sin,
    sinc,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    true_divide,
    trunc,
)
from nabla.ops.indexing import argwhere, compress, extract, flatnonzero, nonzero, take, take_along_axis
from nabla.ops.joining import column_stack, concat, concatenate, dstack, hstack, pad, repeat, roll, stack, tile, vstack
from nabla.ops.logic import (
    allclose,
    array_equal,
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    heaviside,
    invert,
    isclose,
    isfinite,
    isinf,
    isnan,
    left_shift,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    nan_to_num,
    not_equal,
    right_shift,
    signbit,
    where,
)
from nabla.ops.reductions import all, any, argmax, argmin, count_nonzero, max, mean, min, prod, ptp, std, sum, var
from nabla.ops.shape import (
    array_split,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    broadcast_to,
    expand_dims,
    flip,
    fliplr,
    flipud,
    hsplit,
    matrix_transpose,
    meshgrid,
    moveaxis,
    permute_dims,
    ravel,
    reshape,
    rot90,
    split,
    squeeze,
    swapaxes,
    transpose,
    unstack,
    vsplit,
)
from nabla.ops.sorting import argsort, median, sort
from nabla.ops.special import (
    digamma,
    elu,
    entr,
    erf,
    erfc,
    gammaln,
    gelu,
    leaky_relu,
    log_expit,
    log_softmax,
    logit,
    logsumexp,
    polygamma,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    xlog1py,
    xlogy,
)
from nabla.show import make_graph, show, to_dot
from nabla.tensor import Tensor
from nabla.transforms.backward import backward
from nabla.transforms.grad import grad, value_and_grad
from nabla.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from nabla.transforms.jvp import jvp
from nabla.transforms.no_grad import detach, no_grad
from nabla.transforms.vjp import vjp
from nabla.transforms.vmap import vmap
from nabla.tree import register_dataclass
from nabla.views import put_along_axis
from nabla import testing  # isort: skip - it is made of all of the above

__version__ = "0.1.0"
