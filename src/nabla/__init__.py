"""Nabla differentiates numerical Python programs: tensors, a NumPy-shaped namespace, and transforms that compose."""

# Rooms that hand themselves in when they are imported: derived rules, the engine, protocols, operators of nodes.
import nabla.autodiff.derive
import nabla.autodiff.graphs
import nabla.engines.numpy.run
import nabla.engines.xla.placing
import nabla.engines.xla.processes
import nabla.interop.at
import nabla.interop.functions
import nabla.interop.ufuncs
import nabla.primitives.checkpoints
import nabla.primitives.operators  # noqa: F401 - the last of those that are imported for what they hand in
from nabla import errors, testing, tree
from nabla.dtypes import (
    ShapeDtype,
    bool_,
    bool_ as bool,
    complex64,
    complex128,
    default_dtype,
    float0,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
    using_default_dtype,
)
from nabla.engines.native.runtime.pool import get_num_threads, set_num_threads
from nabla.errors import (
    ArgumentError,
    ArgumentTypeError,
    AxisError,
    BoundsError,
    DTypeError,
    EndedTransformError,
    EngineError,
    FreedGraphError,
    LinAlgError,
    NablaError,
    NotDifferentiableError,
    OutOfMemoryError,
    ShapeError,
    TracedValueError,
    TreeError,
)
from nabla.interop.dlpack import from_dlpack
from nabla.interop.standard import __array_api_version__, __array_namespace_info__
from nabla.ops import distributed, fft, linalg, nn, random, special
from nabla.ops.activations import (
    elu,
    gelu,
    leaky_relu,
    log_expit,
    log_softmax,
    logit,
    logsumexp,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from nabla.ops.calculus import ediff1d, gradient, interp, trapezoid, unwrap
from nabla.ops.collectives import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pmax,
    pmean,
    pmin,
    ppermute,
    psum,
    reduce_scatter,
)
from nabla.ops.contraction import cross, dot, inner, kron, matmul, matvec, outer, tensordot, vdot, vecdot, vecmat
from nabla.ops.correlation import convolve, correlate
from nabla.ops.creation import (
    arange,
    array,
    asarray,
    astype,
    copy,
    e,
    empty,
    empty_like,
    eye,
    full,
    full_like,
    identity,
    inf,
    linspace,
    logspace,
    nan,
    newaxis,
    ones,
    ones_like,
    pi,
    tri,
    zeros,
    zeros_like,
)
from nabla.ops.cumulative import cummax, cummin, cumprod, cumsum, cumulative_prod, cumulative_sum, diff
from nabla.ops.data_types import can_cast, finfo, iinfo, isdtype, ndim, result_type, shape, size
from nabla.ops.devices import default_device, devices, shard, with_sharding_constraint
from nabla.ops.diagonals import diag, diagonal, trace, tril, triu
from nabla.ops.einsum import einsum, einsum_path
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
    around,
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
    log1p,
    log2,
    log10,
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
from nabla.ops.floats import (
    fix,
    frexp,
    iscomplex,
    iscomplexobj,
    isneginf,
    isposinf,
    isreal,
    isrealobj,
    ldexp,
    modf,
    real_if_close,
    sort_complex,
    spacing,
)
from nabla.ops.grids import (
    bartlett,
    blackman,
    diag_indices,
    diag_indices_from,
    fromfunction,
    geomspace,
    hamming,
    hanning,
    indices,
    ix_,
    kaiser,
    mask_indices,
    mgrid,
    ogrid,
    ravel_multi_index,
    tril_indices,
    tril_indices_from,
    triu_indices,
    triu_indices_from,
    unravel_index,
)
from nabla.ops.histograms import bincount, digitize, histogram, histogram2d, histogram_bin_edges, histogramdd
from nabla.ops.indexing import argwhere, compress, extract, flatnonzero, nonzero, take, take_along_axis
from nabla.ops.integers import bitwise_count, gcd, lcm, packbits, unpackbits
from nabla.ops.joining import column_stack, concat, concatenate, dstack, hstack, repeat, roll, stack, tile, vstack
from nabla.ops.logic import (
    allclose,
    array_equal,
    array_equiv,
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
from nabla.ops.nans import nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmin, nanprod, nanstd, nansum, nanvar
from nabla.ops.packing import ravel_pytree
from nabla.ops.padding import pad
from nabla.ops.polynomials import poly, polyadd, polyder, polydiv, polyfit, polyint, polymul, polysub, polyval, roots, vander
from nabla.ops.quantiles import nanmedian, nanpercentile, nanquantile, percentile, quantile
from nabla.ops.ranking import argpartition, lexsort, partition, topk
from nabla.ops.rearranging import (
    append,
    block,
    choose,
    delete,
    diagflat,
    dsplit,
    insert,
    piecewise,
    resize,
    rollaxis,
    select,
    trim_zeros,
)
from nabla.ops.reductions import all, amax, amin, any, argmax, argmin, count_nonzero, max, mean, min, prod, ptp, std, sum, var
from nabla.ops.searching import searchsorted
from nabla.ops.segments import segment_max, segment_mean, segment_min, segment_prod, segment_sum
from nabla.ops.sets import (
    intersect1d,
    isin,
    setdiff1d,
    setxor1d,
    union1d,
    unique,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from nabla.ops.shape import (
    array_split,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    broadcast_shapes,
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
from nabla.ops.special import digamma, entr, erf, erfc, gammaln, i0, polygamma, xlog1py, xlogy
from nabla.ops.statistics import average, corrcoef, cov
from nabla.primitives.placement import Mesh, PartitionSpec, Sharding
from nabla.show import make_graph, show, to_dot
from nabla.tensor import Tensor
from nabla.transforms.associative_scan import associative_scan
from nabla.transforms.backward import backward
from nabla.transforms.checkpoint import checkpoint, checkpoint_name
from nabla.transforms.control import cond, fori_loop, map, scan, switch, while_loop
from nabla.transforms.custom import CustomFunction, custom_jvp, custom_vjp, custom_vmap
from nabla.transforms.export import export, load_exported, set_compilation_cache
from nabla.transforms.grad import grad, value_and_grad
from nabla.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from nabla.transforms.jit import jit
from nabla.transforms.jvp import jvp
from nabla.transforms.linearize import linear_transpose, linearize
from nabla.transforms.no_grad import detach, no_grad, stop_gradient
from nabla.transforms.passing import clip_gradient, reverse_gradient, scale_gradient
from nabla.transforms.pure_callback import pure_callback
from nabla.transforms.realize import realize
from nabla.transforms.shard_map import shard_map
from nabla.transforms.vectorize import apply_along_axis, apply_over_axes, vectorize
from nabla.transforms.vjp import vjp
from nabla.transforms.vmap import vmap
from nabla.tree import register_dataclass
from nabla.writing import copyto, fill_diagonal, place, put, put_along_axis, putmask

__version__ = "0.1.0"

# fmt: off
__all__ = [
    "ArgumentError", "ArgumentTypeError", "AxisError", "BoundsError", "CustomFunction", "DTypeError", "EndedTransformError",
    "EngineError", "FreedGraphError", "LinAlgError", "Mesh", "NablaError", "NotDifferentiableError", "OutOfMemoryError",
    "PartitionSpec", "ShapeDtype", "ShapeError", "Sharding", "Tensor", "TracedValueError", "TreeError", "__array_api_version__",
    "__array_namespace_info__", "abs", "absolute", "acos", "acosh", "add", "all", "all_gather", "all_to_all", "allclose", "amax",
    "amin", "angle", "any", "append", "apply_along_axis", "apply_over_axes", "arange", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition", "argsort", "argwhere", "around", "array", "array_equal",
    "array_equiv", "array_split", "asarray", "asin", "asinh", "associative_scan", "astype", "atan", "atan2", "atanh", "atleast_1d",
    "atleast_2d", "atleast_3d", "average", "axis_index", "axis_size", "backward", "bartlett", "bincount", "bitwise_and",
    "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "blackman", "block", "bool", "bool_", "broadcast_arrays", "broadcast_shapes", "broadcast_to", "can_cast", "cbrt", "ceil",
    "checkpoint", "checkpoint_name", "choose", "clip", "clip_gradient", "column_stack", "complex64", "complex128", "compress",
    "concat", "concatenate", "cond", "conj", "conjugate", "convolve", "copy", "copysign", "copyto", "corrcoef", "correlate", "cos",
    "cosh", "count_nonzero", "cov", "cross", "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum",
    "custom_jvp", "custom_vjp", "custom_vmap", "default_device", "default_dtype", "deg2rad", "degrees", "delete", "detach",
    "devices", "diag", "diag_indices", "diag_indices_from", "diagflat", "diagonal", "diff", "digamma", "digitize", "distributed",
    "divide", "divmod", "dot", "dsplit", "dstack", "e", "ediff1d", "einsum", "einsum_path", "elu", "empty", "empty_like", "entr",
    "equal", "erf", "erfc", "errors", "exp", "exp2", "expand_dims", "expm1", "export", "extract", "eye", "fabs", "fft",
    "fill_diagonal", "finfo", "fix", "flatnonzero", "flip", "fliplr", "flipud", "float0", "float16", "float32", "float64",
    "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "fori_loop", "frexp", "from_dlpack", "fromfunction", "full",
    "full_like", "gammaln", "gcd", "gelu", "geomspace", "get_num_threads", "grad", "gradient", "greater", "greater_equal",
    "hamming", "hanning", "heaviside", "hessian", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd", "hsplit",
    "hstack", "hvp", "hypot", "i0", "identity", "iinfo", "imag", "indices", "inf", "inner", "insert", "int8", "int16", "int32",
    "int64", "interp", "intersect1d", "invert", "isclose", "iscomplex", "iscomplexobj", "isdtype", "isfinite", "isin", "isinf",
    "isnan", "isneginf", "isposinf", "isreal", "isrealobj", "ix_", "jacfwd", "jacobian", "jacrev", "jit", "jvp", "kaiser", "kron",
    "lcm", "ldexp", "leaky_relu", "left_shift", "less", "less_equal", "lexsort", "linalg", "linear_transpose", "linearize",
    "linspace", "load_exported", "log", "log1p", "log2", "log10", "log_expit", "log_softmax", "logaddexp", "logaddexp2",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logspace", "logsumexp", "make_graph", "map",
    "mask_indices", "matmul", "matrix_transpose", "matvec", "max", "maximum", "mean", "median", "meshgrid", "mgrid", "min",
    "minimum", "mod", "modf", "moveaxis", "multiply", "nan", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum",
    "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim",
    "negative", "newaxis", "nextafter", "nn", "no_grad", "nonzero", "not_equal", "ogrid", "ones", "ones_like", "outer", "packbits",
    "pad", "partition", "percentile", "permute_dims", "pi", "piecewise", "place", "pmax", "pmean", "pmin", "poly", "polyadd",
    "polyder", "polydiv", "polyfit", "polygamma", "polyint", "polymul", "polysub", "polyval", "positive", "pow", "power",
    "ppermute", "prod", "psum", "ptp", "pure_callback", "put", "put_along_axis", "putmask", "quantile", "rad2deg", "radians",
    "random", "ravel", "ravel_multi_index", "ravel_pytree", "real", "real_if_close", "realize", "reciprocal", "reduce_scatter",
    "register_dataclass", "relu", "remainder", "repeat", "reshape", "resize", "result_type", "reverse_gradient", "right_shift",
    "rint", "roll", "rollaxis", "roots", "rot90", "round", "scale_gradient", "scan", "searchsorted", "segment_max", "segment_mean",
    "segment_min", "segment_prod", "segment_sum", "select", "selu", "set_compilation_cache", "set_default_dtype", "set_num_threads",
    "setdiff1d", "setxor1d", "shape", "shard", "shard_map", "show", "sigmoid", "sign", "signbit", "silu", "sin", "sinc", "sinh",
    "size", "softmax", "softplus", "sort", "sort_complex", "spacing", "special", "split", "sqrt", "square", "squeeze", "stack",
    "std", "stop_gradient", "subtract", "sum", "swapaxes", "switch", "take", "take_along_axis", "tan", "tanh", "tensordot",
    "testing", "tile", "to_dot", "topk", "trace", "transpose", "trapezoid", "tree", "tri", "tril", "tril_indices",
    "tril_indices_from", "trim_zeros", "triu", "triu_indices", "triu_indices_from", "true_divide", "trunc", "uint8", "uint16",
    "uint32", "uint64", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "unpackbits",
    "unravel_index", "unstack", "unwrap", "using_default_dtype", "value_and_grad", "vander", "var", "vdot", "vecdot", "vecmat",
    "vectorize", "vjp", "vmap", "vsplit", "vstack", "where", "while_loop", "with_sharding_constraint", "xlog1py", "xlogy", "zeros",
    "zeros_like",
]
# fmt: on
