"""NumPy's functions on tensors (NEP 18): `np.sum(t)`, `np.concatenate([t, a])` give tensors, with their derivatives.

A function that is not in the table raises and says so; nothing falls back to an ndarray, where the derivative would be lost.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Mapping

import numpy as np

from nabla.errors import ArgumentTypeError, TracedValueError, user_line
from nabla.ops import (
    contraction as c,
    creation,
    cumulative,
    diagonals,
    einsum,
    elementwise as e,
    indexing,
    joining,
    linalg,
    logic,
    reductions,
    shape as s,
    sorting,
)
from nabla.tensor import Tensor

Function = Callable[..., Any]

FUNCTIONS: dict[Function, Function] = {
    # reductions
    np.sum: reductions.sum,
    np.prod: reductions.prod,
    np.mean: reductions.mean,
    np.var: reductions.var,
    np.std: reductions.std,
    np.max: reductions.max,
    np.min: reductions.min,
    np.ptp: reductions.ptp,
    np.any: reductions.any,
    np.all: reductions.all,
    np.argmax: reductions.argmax,
    np.argmin: reductions.argmin,
    np.count_nonzero: reductions.count_nonzero,
    np.median: sorting.median,
    np.cumsum: cumulative.cumsum,
    np.cumprod: cumulative.cumprod,
    np.cumulative_sum: cumulative.cumulative_sum,
    np.cumulative_prod: cumulative.cumulative_prod,
    np.diff: cumulative.diff,
    # order
    np.sort: sorting.sort,
    np.argsort: sorting.argsort,
    # products
    np.dot: c.dot,
    np.vdot: c.vdot,
    np.inner: c.inner,
    np.outer: c.outer,
    np.cross: c.cross,
    np.kron: c.kron,
    np.tensordot: c.tensordot,
    np.einsum: einsum.einsum,
    # shape
    np.reshape: s.reshape,
    np.ravel: s.ravel,
    np.squeeze: s.squeeze,
    np.expand_dims: s.expand_dims,
    np.broadcast_to: s.broadcast_to,
    np.broadcast_arrays: s.broadcast_arrays,
    np.atleast_1d: s.atleast_1d,
    np.atleast_2d: s.atleast_2d,
    np.atleast_3d: s.atleast_3d,
    np.transpose: s.transpose,
    np.matrix_transpose: s.matrix_transpose,
    np.swapaxes: s.swapaxes,
    np.moveaxis: s.moveaxis,
    np.flip: s.flip,
    np.fliplr: s.fliplr,
    np.flipud: s.flipud,
    np.rot90: s.rot90,
    np.split: s.split,
    np.array_split: s.array_split,
    np.hsplit: s.hsplit,
    np.vsplit: s.vsplit,
    np.unstack: s.unstack,
    np.meshgrid: s.meshgrid,
    np.concatenate: joining.concat,
    np.stack: joining.stack,
    np.vstack: joining.vstack,
    np.hstack: joining.hstack,
    np.dstack: joining.dstack,
    np.column_stack: joining.column_stack,
    np.tile: joining.tile,
    np.repeat: joining.repeat,
    np.roll: joining.roll,
    np.pad: joining.pad,
    np.tril: diagonals.tril,
    np.triu: diagonals.triu,
    np.diagonal: diagonals.diagonal,
    np.diag: diagonals.diag,
    np.trace: diagonals.trace,
    # reading
    np.take: indexing.take,
    np.take_along_axis: indexing.take_along_axis,
    np.compress: indexing.compress,
    np.extract: indexing.extract,
    np.nonzero: indexing.nonzero,
    np.flatnonzero: indexing.flatnonzero,
    np.argwhere: indexing.argwhere,
    # elementwise functions that are not ufuncs
    np.where: logic.where,
    np.clip: e.clip,
    np.round: e.round,
    np.real: e.real,
    np.imag: e.imag,
    np.angle: e.angle,
    np.sinc: e.sinc,
    np.nan_to_num: logic.nan_to_num,
    np.isclose: logic.isclose,
    np.allclose: logic.allclose,
    np.array_equal: logic.array_equal,
    # creation
    np.copy: creation.copy,
    np.zeros_like: creation.zeros_like,
    np.ones_like: creation.ones_like,
    np.empty_like: creation.empty_like,
    np.full_like: creation.full_like,
    np.linspace: creation.linspace,
    # questions about the array itself
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
    # linear algebra
    np.linalg.cholesky: linalg.cholesky,
    np.linalg.solve: linalg.solve,
    np.linalg.inv: linalg.inv,
    np.linalg.det: linalg.det,
    np.linalg.slogdet: linalg.slogdet,
    np.linalg.norm: linalg.norm,
    np.linalg.matrix_power: linalg.matrix_power,
}


def array_function(self: Tensor, func: Function, types: Iterable[type], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """NumPy's protocol (NEP 18): a function was called with a tensor among its arguments."""
    name = f"{func.__module__}.{func.__name__}".replace("numpy", "np", 1)
    ours = FUNCTIONS.get(func)
    if ours is None:
        raise ArgumentTypeError(
            f"{name} does not take tensors (called at {user_line()}); write it with nb functions, or pass x.detach().numpy() where "
            f"the derivative should stop"
        )
    out = kwargs.get("out")
    if out is not None and not isinstance(out, Tensor):
        raise TracedValueError(
            f"{name} at {user_line()} would write a tensor into the ndarray given as out=, and its derivative would be lost; "
            f"leave out= away and use the result"
        )
    given = {key: value for key, value in kwargs.items() if key != "out"}
    result = ours(*args, **given)
    if out is None:
        return result
    out[...] = result
    return out


Tensor.__array_function__ = array_function  # type: ignore[attr-defined]
