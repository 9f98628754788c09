"""One example for each of NumPy's public functions: what the table of docs/numpy.md is made from.

An example is a tuple of arguments, or a `Call` where there are options. Arrays of floats, and those marked by `T`, are given to
the function as tensors; the others as they stand.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Call:
    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    writes: bool = False  # into its first argument
    by_shape: bool = False  # the values are not said (np.empty_like)
    gauge: bool = False  # the factors have signs of their own: only the derivative of the product is compared
    eps: float | None = None
    tie: Any = None  # where differences would break what the values decide: an array, and the arguments as a function of it


class T:
    """An array of integers or booleans that is given as a tensor."""

    def __init__(self, value):
        self.value = np.asarray(value)


X = np.array([[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]])
Y = np.array([[0.5, 0.15, 0.8], [0.2, 0.35, 0.45]])
V, W = np.array([0.3, 0.9, 0.5, 0.7]), np.array([1.4, 0.2, -0.6, 1.1])
UP = np.array([0.1, 0.4, 0.55, 0.9])
TALL = np.array([[1.0, 0.2], [0.4, 1.3], [0.7, -0.5]])
SQUARE = np.array([[2.0, 0.3], [0.1, 1.5]])
SPIRAL = np.array([[0.5, -0.8], [0.7, 0.3]])
SYMMETRIC = np.array([[2.0, 0.3], [0.3, 1.5]])
GAPS = np.array([[0.3, np.nan, 0.2], [0.9, 0.4, 0.6]])
COUNTS = np.array([5, 3, 1])
Z = np.array([0.3 + 0.2j, 0.5 - 0.4j, -0.7 + 0.1j])
CUBE = np.linspace(0.1, 2.4, 24).reshape(2, 3, 4) ** 2
BLOCK = np.eye(6).reshape(2, 3, 6) + 0.1 * np.cos(np.arange(36.0)).reshape(2, 3, 6)

ONE = [
    "all", "any", "amax", "amin", "max", "min", "sum", "prod", "mean", "median", "std", "var", "ptp", "argmax", "argmin",
    "cumprod", "cumsum", "nancumprod", "nancumsum", "nanargmax", "nanargmin", "nanmax", "nanmean", "nanmedian", "nanmin",
    "nanprod", "nanstd", "nansum", "nanvar", "argsort", "argwhere", "around", "array2string", "array_repr", "array_str",
    "atleast_1d", "atleast_2d", "atleast_3d", "angle", "copy", "count_nonzero", "diff", "fix", "fliplr", "flipud", "flip",
    "flatnonzero", "i0", "imag", "real", "iscomplex", "isreal", "isneginf", "isposinf", "iscomplexobj", "isrealobj",
    "matrix_transpose", "nan_to_num", "ndim", "nonzero", "ones_like", "permute_dims", "ravel", "real_if_close", "rot90",
    "round", "shape", "size", "sinc", "sort", "sort_complex", "squeeze", "transpose", "tril", "triu", "zeros_like", "ediff1d",
    "trim_zeros", "tril_indices_from", "triu_indices_from", "unwrap", "min_scalar_type",
]  # fmt: skip

TIED = (V, lambda x: (x, x[1:]))
FFT = ["fft", "ifft", "rfft", "fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "hfft", "ihfft", "fftshift", "ifftshift"]

EXAMPLES: dict[str, Any] = {
    **{name: (X,) for name in ONE if hasattr(np, name)},
    **{name: (GAPS,) for name in ONE if name.startswith("nan") and name != "nan_to_num"},
    "nan_to_num": (np.array([1.0, 0.3, 0.5]),),
    "trim_zeros": Call(
        (np.array([0.0, 0.3, 0.5, 0.0]),), tie=(V, lambda x: (np.concatenate([np.zeros(1), x, np.zeros(1)]),)),
    ),
    "sort_complex": (np.array([0.3, 0.1, 0.5]),),
    "angle": (Z,), "imag": (Z,), "real": (Z,),
    "empty_like": Call((X,), by_shape=True),
    "full_like": (X, 2.0),
    "allclose": (X, Y), "isclose": (X, Y), "array_equal": (X, Y), "array_equiv": (X, Y),
    "append": (X, Y), "concatenate": ([X, Y],), "concat": ([X, Y],), "stack": ([X, Y],), "vstack": ([X, Y],), "hstack": ([X, Y],),
    "dstack": ([X, Y],), "column_stack": ([X, Y],), "block": ([[X, Y], [Y, X]],),
    "apply_along_axis": (lambda row: np.sum(row**2), 1, X), "apply_over_axes": (np.sum, X, (0, 1)),
    "argpartition": (V, 2), "partition": (V, 2),
    "array_split": (X, 2, 1), "split": (X, 3, 1), "hsplit": (X, 3), "vsplit": (X, 2), "dsplit": (CUBE, 2), "unstack": (X,),
    "astype": (X, np.float64),
    "average": Call((X,), {"weights": Y}),
    "bincount": (T(COUNTS),), "digitize": (V, UP), "searchsorted": (UP, V),
    "broadcast_arrays": (X, Y[0]), "broadcast_to": (X, (4, 2, 3)),
    "busday_count": (T(COUNTS), COUNTS), "busday_offset": (T(COUNTS), COUNTS), "is_busday": (T(COUNTS),),
    "datetime_as_string": (T(COUNTS),),
    "can_cast": (X, np.float32), "common_type": (X,), "result_type": (X, np.float32),
    "choose": ([0, 1, 1], [X[0], Y[1]]), "select": ([X > 0.5, X > 0.25], [X, Y], 0.0),
    "clip": (X, 0.35, 0.65), "compress": ([True, False], X, 0), "extract": (X > 0.25, X), "where": (X > 0.5, X, Y),
    "convolve": (V, W[:3]), "correlate": (V, W[:3]), "corrcoef": (X,), "cov": (X,),
    "copyto": Call((X, Y), writes=True), "fill_diagonal": Call((SQUARE, 0.5), writes=True),
    "place": Call((X, X > 0.5, np.array([0.1, 0.2])), writes=True), "put": Call((X, [0, 2], V[:2]), writes=True),
    "putmask": Call((X, X > 0.5, Y), writes=True),
    "put_along_axis": Call((X, np.array([[0], [2]]), TALL[:2, :1], 1), writes=True),
    "cross": (X, Y), "dot": (SQUARE, X), "inner": (X, Y), "kron": (SQUARE, X), "outer": (X, Y), "tensordot": (SQUARE, X, 1),
    "vdot": (X, Y), "trace": (SQUARE,), "einsum": ("ij,kj->ik", X, Y), "einsum_path": ("ij,kj->ik", X, Y),
    "cumulative_prod": (V,), "cumulative_sum": (V,),
    "delete": (X, 1, 1), "insert": (X, 1, 0.5, 1), "resize": (X, (3, 3)), "pad": (X, 1), "tile": (X, 2), "repeat": (X, 2),
    "roll": (X, 1), "rollaxis": (CUBE, 2), "moveaxis": (X, 0, 1), "swapaxes": (X, 0, 1), "reshape": (X, (3, 2)),
    "expand_dims": (X, 1), "meshgrid": (X[0], Y[0]),
    "diag": (SQUARE,), "diagflat": (V,), "diagonal": (SQUARE,), "diag_indices_from": (SQUARE,), "vander": (V,),
    "geomspace": (0.3, V, 4), "linspace": (X[0], Y[0], 4), "logspace": (X[0], Y[0], 4),
    "gradient": (V, 0.5), "interp": (np.array([0.2, 0.45, 0.7]), UP, W), "trapezoid": (X,),
    "histogram": (V, 3), "histogram_bin_edges": (V, 3), "histogram2d": (UP, W, 3), "histogramdd": (TALL, 3),
    "intersect1d": Call((V, V[1:]), tie=TIED), "isin": (V, V[1:]),
    "setdiff1d": Call((V, V[1:]), tie=TIED), "setxor1d": Call((V, V[1:]), tie=TIED), "union1d": (V, W),
    "unique": (V,), "unique_all": (V,), "unique_counts": (V,), "unique_inverse": (V,), "unique_values": (V,),
    "ix_": (T(COUNTS), np.array([0, 1])), "lexsort": ((V, W),),
    "may_share_memory": (X, X), "shares_memory": (X, X),
    "packbits": (T(COUNTS.astype(np.uint8)),), "unpackbits": (T(COUNTS.astype(np.uint8)),),
    "percentile": (X, 40.0), "quantile": (X, 0.4), "nanpercentile": (GAPS, 40.0), "nanquantile": (GAPS, 0.4),
    "piecewise": (V, [V < 0.6, V >= 0.6], [lambda x: x**2, lambda x: 3.0 * x]),
    "poly": (V,), "polyadd": (V, W), "polyder": (V,), "polydiv": (V, W[:2]), "polyfit": (UP, W, 2), "polyint": (V,),
    "polymul": (V, W), "polysub": (V, W), "polyval": (V, UP), "roots": (np.array([1.0, -3.5, 5.1, 0.4]),),
    "ravel_multi_index": ((T([0, 1]), T([2, 1])), (2, 3)), "unravel_index": (T([2, 4]), (2, 3)),
    "save": ("x.npy", X), "savetxt": ("x.txt", X), "savez": ("x.npz", X), "savez_compressed": ("x.npz", X),
    "take": (X, [0, 2], 1), "take_along_axis": (X, np.argsort(X, 1), 1),
    "linalg.cholesky": (SYMMETRIC,), "linalg.cond": (SQUARE,), "linalg.cross": (X, Y), "linalg.det": (SQUARE,),
    "linalg.diagonal": (SQUARE,), "linalg.eig": Call((SPIRAL,), gauge=True), "linalg.eigh": Call((SYMMETRIC,), gauge=True),
    "linalg.eigvals": (SPIRAL,), "linalg.eigvalsh": (SYMMETRIC,), "linalg.inv": (SQUARE,),
    "linalg.lstsq": Call((TALL, np.array([0.3, 0.5, 0.2]))), "linalg.matmul": (SQUARE, X), "linalg.matrix_norm": (SQUARE,),
    "linalg.matrix_power": (SQUARE, 3), "linalg.matrix_rank": (SQUARE,), "linalg.matrix_transpose": (X,),
    "linalg.multi_dot": ([SQUARE, SYMMETRIC, X],), "linalg.norm": (X,), "linalg.outer": (V, W), "linalg.pinv": (TALL,),
    "linalg.qr": Call((TALL,), gauge=True), "linalg.slogdet": (SQUARE,), "linalg.solve": (SQUARE, X),
    "linalg.svd": Call((TALL, False), gauge=True), "linalg.svdvals": (TALL,), "linalg.tensordot": (SQUARE, X),
    "linalg.tensorinv": (BLOCK,), "linalg.tensorsolve": (BLOCK, X), "linalg.trace": (SQUARE,), "linalg.vecdot": (X, Y),
    "linalg.vector_norm": (X,),
    **{f"fft.{name}": (X,) for name in FFT},
    "fft.irfft": (Z,), "fft.irfft2": (Z[None],), "fft.irfftn": (Z[None],), "fft.hfft": (Z,),
}  # fmt: skip
EXAMPLES["linalg.tensordot"] = Call((SQUARE, X), {"axes": 1})

UFUNCS: dict[str, Any] = {
    "arccosh": (X + 1.5,), "acosh": (X + 1.5,),
    "matmul": (SQUARE, X), "matvec": (SQUARE, V[:2]), "vecmat": (V[:2], SQUARE), "vecdot": (X, Y),
    "conjugate": (Z,), "conj": (Z,), "ldexp": (X, COUNTS), "isnat": (X,), "power": (X, Y), "float_power": (X, Y),
    **{name: (T(COUNTS), COUNTS[::-1].copy()) for name in (
        "gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "bitwise_left_shift",
        "bitwise_right_shift",
    )},
    **{name: (T(COUNTS),) for name in ("invert", "bitwise_not", "bitwise_invert", "bitwise_count")},
}  # fmt: skip
"""The other ufuncs are called with (X,) or (X, Y)."""

UNDISPATCHED: dict[str, str] = {
    "array asarray asanyarray ascontiguousarray asfortranarray asarray_chkfinite require asmatrix bmat": (
        "makes an ndarray: raises while the tensor is differentiated, and takes the value otherwise; write `nb.asarray` or "
        "`nb.stack`, or `like=t` where NumPy has it"
    ),
    "frombuffer fromfile fromfunction fromiter fromregex fromstring genfromtxt loadtxt load from_dlpack": (
        "makes an ndarray from something else; pass it to `nb.asarray`"
    ),
    "arange empty eye full identity ones tri zeros": "makes an ndarray; with `like=t` a tensor, by the function of that name in nb",
    "bartlett blackman hamming hanning kaiser indices mask_indices diag_indices tril_indices triu_indices": (
        "makes an ndarray from numbers that are no tensors; it mixes with tensors"
    ),
    "fft.fftfreq fft.rfftfreq": "makes an ndarray from numbers that are no tensors; it mixes with tensors",
    "broadcast_shapes isdtype issubdtype mintypecode promote_types typename datetime_data isscalar iterable isfortran": (
        "asks about shapes, dtypes or objects, and takes no array"
    ),
    "frompyfunc": "makes a ufunc of objects, which tensors refuse; write `nb.vmap`",
    "row_stack": "an old name of `np.vstack`, with a warning",
    "base_repr binary_repr format_float_positional format_float_scientific": "makes text of one number",
    "geterr seterr geterrcall seterrcall getbufsize setbufsize get_printoptions set_printoptions printoptions get_include info "
    "nested_iters show_config show_runtime test": "has to do with NumPy itself, not with arrays",
}
"""Functions that do not ask their arguments whether they would like to take over."""
