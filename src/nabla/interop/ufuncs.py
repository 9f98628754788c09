"""NumPy's ufuncs on tensors: `np.sin(t)`, `ndarray * t`, `np.add.reduce(t)` give tensors, with their derivatives.

What would fill an ndarray (`out=` of an ndarray, `ndarray += t`) raises: the derivative would be lost there.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from nabla.errors import ArgumentTypeError, TracedValueError, user_line
from nabla.ops import creation, cumulative, elementwise as e, logic, reductions, shape
from nabla.ops.contraction import matmul, vecdot
from nabla.tensor import Tensor

Function = Callable[..., Any]

CALLS: dict[np.ufunc, Function] = {
    np.add: e.add,
    np.subtract: e.subtract,
    np.multiply: e.multiply,
    np.divide: e.divide,
    np.floor_divide: e.floor_divide,
    np.remainder: e.remainder,
    np.fmod: e.fmod,
    np.divmod: e.divmod,
    np.negative: e.negative,
    np.positive: e.positive,
    np.reciprocal: e.reciprocal,
    np.absolute: e.abs,
    np.fabs: e.fabs,
    np.sign: e.sign,
    np.copysign: e.copysign,
    np.nextafter: e.nextafter,
    np.maximum: e.maximum,
    np.minimum: e.minimum,
    np.fmax: e.fmax,
    np.fmin: e.fmin,
    np.power: e.pow,
    np.float_power: e.float_power,
    np.square: e.square,
    np.sqrt: e.sqrt,
    np.cbrt: e.cbrt,
    np.hypot: e.hypot,
    np.exp: e.exp,
    np.exp2: e.exp2,
    np.expm1: e.expm1,
    np.log: e.log,
    np.log2: e.log2,
    np.log10: e.log10,
    np.log1p: e.log1p,
    np.logaddexp: e.logaddexp,
    np.logaddexp2: e.logaddexp2,
    np.sin: e.sin,
    np.cos: e.cos,
    np.tan: e.tan,
    np.arcsin: e.asin,
    np.arccos: e.acos,
    np.arctan: e.atan,
    np.arctan2: e.atan2,
    np.sinh: e.sinh,
    np.cosh: e.cosh,
    np.tanh: e.tanh,
    np.arcsinh: e.asinh,
    np.arccosh: e.acosh,
    np.arctanh: e.atanh,
    np.deg2rad: e.deg2rad,
    np.radians: e.deg2rad,
    np.rad2deg: e.rad2deg,
    np.degrees: e.rad2deg,
    np.floor: e.floor,
    np.ceil: e.ceil,
    np.trunc: e.trunc,
    np.rint: e.rint,
    np.conjugate: e.conj,
    np.equal: logic.equal,
    np.not_equal: logic.not_equal,
    np.less: logic.less,
    np.less_equal: logic.less_equal,
    np.greater: logic.greater,
    np.greater_equal: logic.greater_equal,
    np.isfinite: logic.isfinite,
    np.isinf: logic.isinf,
    np.isnan: logic.isnan,
    np.signbit: logic.signbit,
    np.logical_not: logic.logical_not,
    np.logical_and: logic.logical_and,
    np.logical_or: logic.logical_or,
    np.logical_xor: logic.logical_xor,
    np.invert: logic.bitwise_invert,
    np.bitwise_and: logic.bitwise_and,
    np.bitwise_or: logic.bitwise_or,
    np.bitwise_xor: logic.bitwise_xor,
    np.left_shift: logic.bitwise_left_shift,
    np.right_shift: logic.bitwise_right_shift,
    np.matmul: matmul,
    np.vecdot: vecdot,
}

REDUCTIONS: dict[np.ufunc, Function] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}

ACCUMULATIONS: dict[np.ufunc, Function] = {
    np.add: cumulative.cumsum,
    np.multiply: cumulative.cumprod,
    np.maximum: cumulative.cummax,
    np.minimum: cumulative.cummin,
}


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's protocol (NEP 13): a ufunc, or a method of one, was called with a tensor among its arguments."""
    out = kwargs.pop("out", None)
    if out is not None:
        _refuse_ndarrays(ufunc, out)
    where = kwargs.pop("where", True)
    result = _compute(ufunc, method, inputs, kwargs)
    if where is not True:
        result = _only_where(ufunc, where, result, out)
    if out is None:
        return result
    targets = out if isinstance(out, tuple) else (out,)
    for target, value in zip(targets, result if isinstance(result, tuple) else (result,)):
        if target is not None:
            target[...] = value
    return targets[0] if len(targets) == 1 else targets


def _compute(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dtype = kwargs.pop("dtype", None)
    if method == "__call__" and ufunc in CALLS and not kwargs:
        if dtype is not None:
            inputs = tuple(creation.astype(x, dtype) for x in inputs)
        return CALLS[ufunc](*inputs)
    if method == "reduce" and ufunc in REDUCTIONS and len(inputs) == 1:
        axis = kwargs.pop("axis", 0)
        keepdims = kwargs.pop("keepdims", False)
        if not kwargs:
            x = inputs[0] if dtype is None else creation.astype(inputs[0], dtype)
            return REDUCTIONS[ufunc](x, axis=axis, keepdims=keepdims)
    if method == "accumulate" and ufunc in ACCUMULATIONS and len(inputs) == 1:
        axis = kwargs.pop("axis", 0)
        if not kwargs:
            return ACCUMULATIONS[ufunc](inputs[0] if dtype is None else creation.astype(inputs[0], dtype), axis=axis)
    if method == "outer" and ufunc in CALLS and not kwargs:
        x, y = (z if isinstance(z, Tensor) else np.asarray(z) for z in inputs)
        return CALLS[ufunc](shape.reshape(x, (*x.shape, *(1,) * y.ndim)), y)
    name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    options = f" with {', '.join(kwargs)}" if kwargs else ""
    raise ArgumentTypeError(f"{name}{options} does not take tensors; write it with nb functions, or pass x.detach().numpy()")


def _refuse_ndarrays(ufunc: np.ufunc, out: Any) -> None:
    for target in out if isinstance(out, tuple) else (out,):
        if target is not None and not isinstance(target, Tensor):
            raise TracedValueError(
                f"np.{ufunc.__name__} at {user_line()} would write a tensor into an ndarray, and its derivative would be lost. "
                f"Make the ndarray a tensor first (x = nb.asarray(x)), or write x = x + t instead of x += t."
            )


def _only_where(ufunc: np.ufunc, where: Any, result: Any, out: Any) -> Any:
    if out is None:
        raise ArgumentTypeError(f"np.{ufunc.__name__} with where= needs out=, for the elements that are left out")
    target = out[0] if isinstance(out, tuple) else out
    return logic.where(where, result, target)


Tensor.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
