"""From what users pass to nodes and back: the one place where arguments become nodes and results become handles.

A function decorated with `op`, `unary` or `binary` is polymorphic: called with nodes (by derivative rules and by other
functions) it returns nodes; called with tensors, numbers, ndarrays or nested lists it returns tensors. Its annotations say
`Tensor`, which is what users see.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import wraps
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Mapping, ParamSpec, Sequence, TypeVar

import numpy as np

from nabla import dtypes
from nabla.dtypes import float64
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from nabla.graph.node import NO_PARAMS, Node, is_scalar, runtime
from nabla.graph.tokens import EMPTY, next_id
from nabla.primitives.base import CONSTANT, constant, scalar
from nabla.primitives.elementwise import as_bool, operand
from nabla.primitives.joining import side_by_side
from nabla.primitives.shape import broadcast, cast

if TYPE_CHECKING:
    from nabla.tensor import Tensor

ArrayLike = Any
"""A tensor, a NumPy array or scalar, a Python number, or nested lists of these."""
DTypeLike = Any

P = ParamSpec("P")
R = TypeVar("R")


def as_node(x: Any, dtype: np.dtype | None = None) -> Node:
    """Anything array-like as a node. A writable ndarray is copied: later writes to it must not be seen."""
    kind = type(x)
    if kind is Node:
        node = x
    elif isinstance(x, runtime.handle):
        node = x._node
    elif kind is np.ndarray:
        return _from_ndarray(x, dtype)
    elif is_scalar(x):
        if dtype is None:
            return scalar(x, dtypes.of_scalar(x))
        _refuse_complex(dtypes.of_scalar(x), dtype)
        return scalar(x, dtype)
    elif isinstance(x, np.generic):
        node = constant(x, dtypes.canonical(x.dtype))
    elif isinstance(x, (list, tuple)):
        return _from_sequence(x, dtype)
    else:
        return _from_foreign(x, dtype)
    if dtype is None:
        return node
    _refuse_complex(node.dtype, dtype)
    return cast(node, dtype)


open_arrays: ContextVar[Mapping[int, Node]] = ContextVar("nabla_open_arrays", default=MappingProxyType({}))
"""Arrays that a function which is being traced may read, by id, and what stands for them there: their elements may be others at
the next call."""


def _from_ndarray(x: np.ndarray, dtype: np.dtype | None) -> Node:
    stand_in = open_arrays.get().get(id(x))
    if stand_in is not None:
        return stand_in if dtype is None else cast(stand_in, dtype)
    own = dtypes.canonical(x.dtype)
    if own is dtypes.float0:
        return constant(x, own)
    if dtype is not None:
        _refuse_complex(own, dtype)
    return constant(np.array(x, own if dtype is None else dtype, order="C"))


def _refuse_complex(own: np.dtype, dtype: np.dtype) -> None:
    if own.kind == "c" and dtype.kind not in "cb":
        raise DTypeError(f"{own} to {dtype} would drop the imaginary parts; take the real part first, or the absolute value")


def _from_foreign(x: Any, dtype: np.dtype | None) -> Node:
    if isinstance(x, np.ma.MaskedArray):
        raise _masked()
    if hasattr(x, "__array__") or hasattr(x, "__array_interface__"):
        return _from_ndarray(np.asarray(x), dtype)
    if hasattr(x, "__dlpack__"):
        return _from_ndarray(np.from_dlpack(x), dtype)
    if not isinstance(x, (str, bytes)):
        try:
            return _from_ndarray(np.asarray(memoryview(x)), dtype)
        except TypeError:  # no buffer
            pass
        if isinstance(x, Sequence):
            return _from_sequence(list(x), dtype)
    raise ArgumentTypeError(
        f"expected a tensor, a number, a NumPy array or nested lists of these; got {type(x).__name__}: {_short(x)}"
    )


def _masked() -> ArgumentTypeError:
    return ArgumentTypeError("masked arrays are not taken: their mask would be lost; pass x.filled(value) or use nb.where")


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 60 else text[:57] + "..."


def _from_sequence(x: Any, dtype: np.dtype | None) -> Node:
    if _holds_arrays(x):
        return _stacked(x, dtype)
    holds_numpy = _holds_numpy(x)
    if holds_numpy:
        _refuse_masked(x)
    try:
        array = np.array(x)
    except ValueError as error:
        raise ShapeError(f"the nested lists are ragged, they do not form an array: {_short(x)}") from error
    if array.dtype.kind in "OUSMmVT":
        raise ArgumentTypeError(f"cannot make a tensor of {_short(x)}: its elements are not numbers, or not of at most 64 bits")
    if dtype is None and array.dtype.kind in "fc" and not holds_numpy:
        dtype = dtypes.default_dtype() if array.dtype.kind == "f" else dtypes.default_complex()
    if dtype is None and array.size == 0 and not holds_numpy:
        dtype = dtypes.default_dtype()
    if dtype is not None:
        _refuse_complex(array.dtype, dtype)
    out = array.astype(dtypes.canonical(array.dtype) if dtype is None else dtype, copy=False)
    if not holds_numpy and out.dtype.kind in "iu" and array.dtype.kind in "iu" and (out != array).any():
        raise ArgumentError(f"an integer in {_short(x)} is out of the range of {out.dtype}")
    return constant(out)


def _holds_arrays(x: Any) -> bool:
    """Whether nodes or handles are among the leaves of nested lists."""
    return any(_holds_arrays(item) if isinstance(item, (list, tuple)) else isinstance(item, (Node, runtime.handle)) for item in x)


def _holds_numpy(x: Any) -> bool:
    return any(_holds_numpy(item) if isinstance(item, (list, tuple)) else isinstance(item, (np.generic, np.ndarray)) for item in x)


def _refuse_masked(x: Any) -> None:
    """NumPy makes an array of masked ones without a word, and their mask is gone."""
    for item in x:
        if isinstance(item, (list, tuple)):
            _refuse_masked(item)
        elif isinstance(item, np.ma.MaskedArray):
            raise _masked()


def _stacked(x: Any, dtype: np.dtype | None) -> Node:
    nodes = together([item if is_scalar(item) else as_node(item) for item in x])
    shape = nodes[0].shape
    for i, node in enumerate(nodes):
        if node.shape != shape:
            raise ShapeError(f"the rows differ in shape: element 0 has {shape}, element {i} has {node.shape}")
    out = side_by_side(nodes, 0)
    return out if dtype is None else cast(out, dtype)


def together(items: Any) -> list[Node]:
    """Several array-likes as nodes of their common dtype; Python numbers are weak."""
    dtype: np.dtype | None = None
    found = [None if is_scalar(item) else as_node(item) for item in items]
    for node in found:
        if node is not None:
            dtype = node.dtype if dtype is None else dtypes.promote(dtype, node.dtype)
    for item, node in zip(items, found):
        if node is None:
            dtype = dtypes.of_scalar(item) if dtype is None else dtypes.with_scalar(dtype, item)
    if dtype is None:
        return []
    return [scalar(item, dtype) if node is None else cast(node, dtype) for item, node in zip(items, found)]


def born(node: Any) -> Any:
    """A new handle on a node that may be older: a constant that is kept, or an argument handed on. A vmap asks when it was made."""
    handle = runtime.handle(node)
    handle._birth = next_id()
    return handle


_new = object.__new__


def tensor_of(value: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A new handle on a value, which is born(constant(value, dtype)) and takes a third of its time."""
    node = _new(Node)
    node.prim = CONSTANT
    node.inputs = ()
    node.params = NO_PARAMS
    node.shape = shape
    node.dtype = dtype
    node.tokens = EMPTY
    node.depth = 0
    node.id = number = next_id()
    node.value = value
    handle = _new(runtime.handle)
    handle._node = node
    handle._birth = number
    return handle


def wrap(result: Any) -> Any:
    """Nodes as handles, in tuples and lists too."""
    kind = type(result)
    if kind is Node:
        return born(result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return kind(*[wrap(item) for item in result])
    if kind is tuple or kind is list:
        return kind(wrap(item) for item in result)
    return result


def _has_node(args: Any) -> bool:
    for a in args:
        kind = type(a)
        if kind is Node or ((kind is list or kind is tuple) and _has_node(a)):
            return True
    return False


def op(f: Callable[P, R]) -> Callable[P, R]:
    """Make a function on nodes public: handles and array-likes in, handles out; nodes in, nodes out."""

    @wraps(f)
    def lifted(*args: P.args, **kwargs: P.kwargs) -> R:
        result: Any = f(*args, **kwargs)
        if _has_node(args):
            return result
        return born(result) if type(result) is Node else wrap(result)

    return lifted


def unary(prim: Callable[[Node], Node]) -> Callable[[Callable[..., Any]], Callable[[ArrayLike], Tensor]]:
    """Public face of an elementwise primitive of one input; the decorated function gives name and documentation."""

    def decorate(f: Callable[..., Any]) -> Callable[[ArrayLike], Tensor]:
        @wraps(f)
        def lifted(x: ArrayLike, /) -> Tensor:
            if type(x) is runtime.handle:
                return runtime.handle(prim(x._node))
            if type(x) is Node:
                return prim(x)
            return runtime.handle(prim(as_node(x)))

        return lifted

    return decorate


def pair(x: Any, y: Any) -> tuple[Node, Node]:
    """Two operands as nodes; a Python number is weak beside an array."""
    if is_scalar(y):
        x = as_node(x)
        return x, operand(y, x)
    y = as_node(y)
    return (operand(x, y) if is_scalar(x) else as_node(x)), y


def _beyond(x: Any, y: Any) -> tuple[Node, Node]:
    """For comparisons: a Python integer that the dtype beside it cannot hold lies beyond all its numbers."""
    if is_scalar(y):
        return cast(as_node(x), float64), scalar(inf if y > 0 else -inf, float64)
    return scalar(inf if x > 0 else -inf, float64), cast(as_node(y), float64)


def binary(prim: Callable[[Node, Node], Node]) -> Callable[[Callable[..., Any]], Callable[[ArrayLike, ArrayLike], Tensor]]:
    """Public face of an elementwise primitive of two inputs."""

    def decorate(f: Callable[..., Any]) -> Callable[[ArrayLike, ArrayLike], Tensor]:
        @wraps(f)
        def lifted(x: ArrayLike, y: ArrayLike, /) -> Tensor:
            handle = runtime.handle
            if type(x) is handle:
                node = x._node
                if type(y) is handle:
                    return handle(prim(node, y._node))
                if node.dtype is float64 and (type(y) is float or type(y) is int):
                    return handle(prim(node, scalar(y, float64)))
            elif type(y) is handle:
                node = y._node
                if node.dtype is float64 and (type(x) is float or type(x) is int):
                    return handle(prim(scalar(x, float64), node))
            try:
                a, b = pair(x, y)
            except OverflowError:
                if getattr(prim, "result", None) is not as_bool:
                    raise
                a, b = _beyond(x, y)
            out = prim(a, b)
            return out if type(x) is Node or type(y) is Node else handle(out)

        return lifted

    return decorate


def reflected(f: Callable[[ArrayLike, ArrayLike], R]) -> Callable[[ArrayLike, ArrayLike], R]:
    """The operator for the right operand: `2 - x` calls `x.__rsub__(2)`."""

    def operator(y: ArrayLike, x: ArrayLike) -> R:
        return f(x, y)

    return operator


def or_not_implemented(f: Callable[[ArrayLike, ArrayLike], Tensor]) -> Callable[[ArrayLike, Any], Any]:
    """The operator that lets Python go on where the other operand is no array: `x == None` is False."""

    def operator(x: ArrayLike, y: Any) -> Any:
        if y is None or isinstance(y, (str, bytes)):
            return NotImplemented
        return f(x, y)

    return operator


def inexact(x: Node) -> Node:
    """Integers and booleans as floats; floating and complex as they are."""
    return x if x.dtype.kind in "fc" else cast(x, dtypes.to_inexact(x.dtype))


def want_real(name: str, x: Node) -> None:
    if x.dtype.kind == "c":
        raise DTypeError(f"{name}: complex numbers have no order; got {x.dtype}")


def real_floats(name: str, x: ArrayLike) -> Node:
    """The node of an argument that has to be real; integers and booleans as floats of the default dtype."""
    node = as_node(x)
    want_real(name, node)
    return inexact(node)


def complex_floats(x: ArrayLike) -> Node:
    """The node of an argument as complex numbers of its precision."""
    node = inexact(as_node(x))
    return cast(node, dtypes.to_complex(node.dtype))


def reals(name: str, *inputs: ArrayLike) -> list[Node]:
    """Real arguments as nodes; Python numbers are weak."""
    nodes = together(inputs)
    if nodes[0].dtype.kind not in "biuf":
        raise DTypeError(f"{name} takes real numbers; got {nodes[0].dtype}")
    return [inexact(x) for x in nodes]


def broadcast_to(x: Node, shape: tuple[int, ...]) -> Node:
    return x if x.shape == shape else broadcast(x, shape=shape)
