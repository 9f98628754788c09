"""NumPy's functions on tensors (NEP 18): `np.sum(t)`, `np.concatenate([t, a])` give tensors, with their derivatives.

The counterpart of a function is the one of its name in our namespace; ADAPTED names those that are called otherwise. A
function without a counterpart raises and says so; nothing falls back to an ndarray, where the derivative would be lost.
"""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import Any, Callable, Iterable, Mapping

import numpy as np

from nabla import lazy
from nabla.errors import ArgumentTypeError, DTypeError, user_line
from nabla.interop.outs import fill_out, refuse_ndarrays
from nabla.interop.refusals import REFUSED
from nabla.interop.signatures import Adapter
from nabla.ops import creation, elementwise, logic
from nabla.tensor import Tensor
from nabla.writing import target

Function = Callable[..., Any]

namespace = lazy.optional("nabla")  # ours: complete only when all of it is imported


# Functions that ours are called differently, or whose arguments come differently.


def _clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: None = None, *, min: Any = None, max: Any = None, dtype: Any = None
) -> Any:
    clipped = elementwise.clip(a, a_min if min is None else min, a_max if max is None else max)
    return clipped if dtype is None else creation.astype(clipped, dtype)


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    out = logic.nan_to_num(x, nan, posinf, neginf)
    if copy:
        return out
    return fill_out("np.nan_to_num", target("np.nan_to_num", x), out)


def _plain(x: Any) -> Any:
    """What NumPy may ask for dtype and size: a zero of a tensor's dtype stands for the tensor."""
    return np.zeros((1,) * x.ndim, x.dtype) if isinstance(x, Tensor) else x


def _shaped(x: Any) -> Any:
    return np.broadcast_to(np.False_, x.shape) if isinstance(x, Tensor) else x


def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return creation.astype(x, dtype)


ADAPTED: dict[Function, Function] = {
    np.clip: _clip,
    np.nan_to_num: _nan_to_num,
    np.astype: _astype,
    np.fix: elementwise.trunc,
    # questions about the array, not its values
    np.iscomplexobj: lambda x: _plain(x).dtype.kind == "c",
    np.isrealobj: lambda x: _plain(x).dtype.kind != "c",
    np.result_type: lambda *given: np.result_type(*[_plain(x) for x in given]),
    np.common_type: lambda *given: np.common_type(*[_plain(x) for x in given]),
    np.can_cast: lambda from_, to, casting="safe": np.can_cast(_plain(from_).dtype, to, casting),
    np.diag_indices_from: lambda arr: np.diag_indices_from(_shaped(arr)),
    np.tril_indices_from: lambda arr, k=0: np.tril_indices_from(_shaped(arr), k),
    np.triu_indices_from: lambda arr, k=0: np.triu_indices_from(_shaped(arr), k),
    np.broadcast_arrays: lambda *args, subok=False: namespace.broadcast_arrays(*args),
}


def _name(func: Function) -> str:
    return f"{func.__module__}.{func.__name__}".replace("numpy", "np", 1)


@cache
def counterpart(func: Function) -> Function | None:
    """What runs in place of NumPy's `func`, taking its arguments; None if there is nothing."""
    if func in ADAPTED:
        return ADAPTED[func]
    path = func.__module__.split(".")[1:]
    if path[:1] == ["lib"]:
        path = []
    found: Any = namespace
    for part in (*path, func.__name__):
        found = getattr(found, part, None)
    return Adapter(_name(func), func, found) if callable(found) else None


def array_function(self: Tensor, func: Function, types: Iterable[type], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """NumPy's protocol (NEP 18): a function was called with a tensor among its arguments."""
    name = _name(func)
    ours = counterpart(func)
    if ours is None:
        remedy = REFUSED.get(name, "write it with nb functions, or pass x.detach().numpy() where the derivative should stop")
        raise ArgumentTypeError(f"{name} does not take tensors (called at {user_line()}); {remedy}")
    given = dict(kwargs)
    out = given.pop("out", None)
    place = _place_of_out(func)
    if place is not None and len(args) > place:
        out, args = args[place], (*args[:place], None, *args[place + 1 :])
    if out is None and "dtype" in given and "casting" in given | _defaults(func):
        return _cast_result(name, ours(*args, **{k: v for k, v in given.items() if k not in ("dtype", "casting")}), given)
    if out is None:
        return ours(*args, **given)
    (target,) = refuse_ndarrays(name, out)
    result = ours(*args, **given)
    return result if target is None else fill_out(name, target, result)


@cache
def _place_of_out(func: Function) -> int | None:
    """Where `out` stands among the arguments that are given by place."""
    by_place = [
        p.name for p in signature(func).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD or p.kind is p.POSITIONAL_ONLY
    ]
    return by_place.index("out") if "out" in by_place else None


@cache
def _defaults(func: Function) -> dict[str, Any]:
    """`casting`, if NumPy's function has it."""
    return {"casting": "same_kind"} if func in (np.concatenate, np.stack, np.vstack, np.hstack) else {}


def _cast_result(name: str, result: Any, options: Mapping[str, Any]) -> Any:
    dtype, casting = options["dtype"], options.get("casting", "same_kind")
    if dtype is None:
        return result
    if not np.can_cast(result.dtype, dtype, casting):
        raise DTypeError(f"{name}: {result.dtype} does not become {np.dtype(dtype)} by casting={casting!r}")
    return creation.astype(result, dtype)


Tensor.__array_function__ = array_function  # type: ignore[attr-defined]
