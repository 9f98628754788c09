"""NumPy's ufuncs on tensors: `np.sin(t)`, `ndarray * t`, `np.add.reduce(t)` give tensors, with their derivatives.

So do SciPy's ufuncs that have a counterpart in `nb.special`. What would fill an ndarray (`out=` of an ndarray,
`ndarray += t`) raises: the derivative would be lost there. The methods reduce, accumulate and their like are in folds.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Callable

import numpy as np

from nabla import dtypes, lazy
from nabla.errors import ArgumentTypeError, DTypeError, user_line
from nabla.graph.node import is_scalar
from nabla.interop import folds
from nabla.interop.core_axes import over_core_axes
from nabla.interop.outs import fill_out, refuse_ndarrays
from nabla.interop.refusals import REFUSED_UFUNCS
from nabla.ops import creation, logic
from nabla.tensor import Tensor
from nabla.writing import target

Function = Callable[..., Any]

namespace = lazy.optional("nabla")  # ours: complete only when all of it is imported


_BEHIND: dict[str, Function] = {
    "_lambertw": lambda z, k, tol: namespace.special.lambertw(z, int(k)),
    "_zeta": lambda x, q: namespace.special.zeta(x, q),
    "_riemann_zeta": lambda x: namespace.special.zeta(x),
}
"""What runs in place of the ufuncs that functions of SciPy call. The tolerance of lambertw needs no heed: ours is exact."""

NUMPYS = {ufunc for ufunc in vars(np).values() if isinstance(ufunc, np.ufunc)}


@cache
def counterpart(ufunc: np.ufunc) -> Function | None:
    """What runs in place of a ufunc of NumPy or SciPy; None if there is nothing."""
    if ufunc not in NUMPYS and ufunc.__name__ in _BEHIND:
        return _BEHIND[ufunc.__name__]
    found = getattr(namespace if ufunc in NUMPYS else namespace.special, ufunc.__name__, None)
    return found if callable(found) else None


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's protocol (NEP 13): a ufunc, or a method of one, was called with a tensor among its arguments."""
    if method == "__call__" and not kwargs:
        function = counterpart(ufunc)
        if function is None:
            raise _refusal(ufunc)
        return function(*inputs)
    name = _name(ufunc) + ("" if method == "__call__" else f".{method}")
    function = counterpart(ufunc)
    if function is None:
        raise _refusal(ufunc)
    if method == "at":
        folds.at(target(name, inputs[0]), function, ufunc, *inputs[1:])
        return None
    out = kwargs.pop("out", None)
    targets = None if out is None else refuse_ndarrays(name, out)
    if method == "__call__":
        return _call(name, ufunc, function, inputs, kwargs, targets)
    result = folds.METHODS[method](ufunc, function, *inputs, **kwargs)
    return result if targets is None or targets[0] is None else fill_out(name, targets[0], result)


def _call(
    name: str, ufunc: np.ufunc, function: Function, inputs: tuple[Any, ...], options: dict[str, Any], out: tuple[Any, ...] | None
) -> Any:
    where, casting = options.pop("where", True), options.pop("casting", "same_kind")
    signature = options.pop("signature", options.pop("sig", None))
    dtype = options.pop("dtype", None)
    axes = {key: options.pop(key) for key in ("axes", "axis", "keepdims") if key in options}
    for without_meaning in ("order", "subok"):  # a tensor has no order in memory, and no subclass
        options.pop(without_meaning, None)
    if options:
        raise ArgumentTypeError(f"{name} of a tensor does not take {', '.join(options)}")
    if dtype is not None or signature is not None or casting != "same_kind":
        inputs = _in_loop_of(ufunc, inputs, dtype, signature, casting)
    result = over_core_axes(name, ufunc.signature, function, inputs, **axes) if axes else function(*inputs)
    if where is True and out is None:
        return result
    results = result if isinstance(result, tuple) else (result,)
    targets = out or (None,) * len(results)
    if where is not True:
        if any(target is None for target in targets):
            raise ArgumentTypeError(f"{name} with where= needs out=, for the elements that are left out")
        results = tuple(logic.where(where, value, target) for value, target in zip(results, targets))
    filled = tuple(value if target is None else fill_out(name, target, value, casting) for value, target in zip(results, targets))
    return filled if len(filled) > 1 else filled[0]


def _in_loop_of(ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: Any, signature: Any, casting: str) -> tuple[Any, ...]:
    """The inputs in the dtypes of the loop that NumPy would choose."""
    if signature is None and dtype is not None:
        signature = (*(None,) * ufunc.nin, *(np.dtype(dtype),) * ufunc.nout)
    asked = {} if signature is None else {"signature": signature}
    given = [type(x) if is_scalar(x) else creation.asarray(x).dtype for x in inputs]
    kinds = [int if kind is bool else kind for kind in given]
    try:
        loop = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout), casting=casting, **asked)  # type: ignore[arg-type]
    except TypeError as error:
        raise DTypeError(f"{_name(ufunc)}: {error}") from error
    return tuple(creation.astype(x, dtypes.canonical(kind)) for x, kind in zip(inputs, loop))


def _name(ufunc: np.ufunc) -> str:
    return f"np.{ufunc.__name__}" if ufunc in NUMPYS else f"scipy.special.{ufunc.__name__}"


def _refusal(ufunc: np.ufunc) -> ArgumentTypeError:
    name = _name(ufunc)
    reason = REFUSED_UFUNCS.get(ufunc.__name__)
    if reason is None:
        where = "nb" if ufunc in NUMPYS else "nb.special"
        reason = f"there is no {where}.{ufunc.__name__}; pass x.detach().numpy() where the derivative should stop"
    return ArgumentTypeError(f"{name} does not take tensors (called at {user_line()}): {reason}")


Tensor.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
