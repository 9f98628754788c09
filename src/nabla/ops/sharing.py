"""Functions whose result shares memory with their argument in NumPy: transpositions, new axes, slices, reshapes.

`shares` in place of `op` makes the result for a tensor a view of it, where the function was one step that only selects and
arranges elements; writes then go through, and later writes are seen. What cannot be said so (a reshape, of which NumPy leaves
open whether it shares memory, a broadcast, which is read-only there) has the values of its line, and cannot be written in place
as long as there is a tensor with which it might share them: `nb.arange(6).reshape(2, 3)` can.

`_lock` of a handle is the name of such a function (None for the argument) and an object that stands for the memory, of which all
that might share it hold a reference.
"""

from __future__ import annotations

from functools import wraps
from sys import getrefcount
from typing import Any, Callable, ParamSpec, TypeVar

from nabla.graph.node import DEEPEST, Node, runtime
from nabla.ops.keys import Layout, compose
from nabla.ops.lift import op, wrap
from nabla.primitives import shape as s
from nabla.primitives.base import Shape
from nabla.primitives.indexing import Spec, index

P = ParamSpec("P")
R = TypeVar("R")


def shares(f: Callable[P, R]) -> Callable[P, R]:
    """Make a function on nodes public, like `op`; a tensor given as its first argument shares memory with the result, unless
    copy=True is given."""

    otherwise = op(f)

    @wraps(f)
    def lifted(*args: P.args, **kwargs: P.kwargs) -> R:
        if not args or not isinstance(args[0], runtime.handle) or kwargs.get("copy"):
            return otherwise(*args, **kwargs)
        x: Any = args[0]
        node = x._node
        if node.depth > DEEPEST - 10 and not node.tokens.placeholder:
            runtime.realize((node,))  # so that the result does not realise itself, and forget that it was made from x
        result: Any = f(node, *args[1:], **kwargs)  # type: ignore[arg-type]
        if isinstance(result, (tuple, list)):
            return type(result)([_sharing(x, node, out, f.__name__) for out in result])
        return _sharing(x, node, result, f.__name__)

    return lifted


def _sharing(x: Any, node: Node, out: Any, name: str) -> Any:
    """The handle for `out`, which was made from the node of x."""
    if not out.size or (out.prim is index and not out.shape):
        return wrap(out)  # no element to share, or one by its integers: a number
    part = _step(node, out)
    base = x
    if isinstance(x, runtime.view):
        part = None if part is None else compose(x._spec, x._layout, *part)
        base = x._base
    if part is not None:
        return runtime.view(base, *part, out)
    if not hasattr(base, "_lock"):
        base._lock = (None, object())
    handle = wrap(out)
    handle._lock = (name, base._lock[1])
    return handle


def locked_by(x: Any) -> str | None:
    """The function that made x, if x might share memory with another tensor."""
    name, memory = getattr(x, "_lock", _OPEN)
    return name if name is not None and getrefcount(memory) > _ALONE else None


_OPEN = (None, None)


def _references() -> int:
    """What getrefcount says here of the memory of a tensor that shares it with none."""
    lock = ("", object())
    _, memory = lock
    return getrefcount(memory)


_ALONE = _references()


def _step(x: Node, out: Node) -> tuple[Spec, Layout] | None:
    """What `out` shows of x, as a basic key would name it; None if it is more than one step away, or no such step."""
    shape = x.shape
    whole = tuple([(0, n, 1) for n in shape])
    axes = tuple(range(len(shape)))
    if out is x:
        return whole, axes
    if not out.inputs or out.inputs[0] is not x:
        return None
    params = out.params
    if out.prim is s.transpose:
        return whole, params["perm"]
    if out.prim is s.reshape:
        return _new_axes(shape, out.shape)
    if out.prim is s.flip:
        return tuple([(n - 1, n, -1) if axis in params["axes"] and n > 1 else (0, n, 1) for axis, n in enumerate(shape)]), axes
    if out.prim is index and len(out.inputs) == 1:
        return params["spec"], tuple(range(out.ndim))
    return None


def _new_axes(old: Shape, new: Shape) -> tuple[Spec, Layout] | None:
    """A reshape that only adds and removes axes of length 1."""
    if [n for n in old if n != 1] != [n for n in new if n != 1]:
        return None
    layout: list[int | None] = []
    rank = 0
    for n in new:
        layout.append(None if n == 1 else rank)
        rank += n != 1
    return tuple([0 if n == 1 else (0, n, 1) for n in old]), tuple(layout)
