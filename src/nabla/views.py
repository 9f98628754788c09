"""x[key], x[key] = v, and in-place operators: what reads parts of handles, and moves handles.

A write makes a new node and moves the handle to it. A basic key, and a transposition, give a *view*: a handle that keeps its base
handle and the part of the base that it shows. A write through a view moves the base; when the base has moved, the view shows
what is there now. A view of a view is a view of the same base, so that x[1:][i] = v costs what x[i + 1] = v costs.

Tensors of shape () stand for Python and NumPy scalars: an in-place operator gives a new one (`t = s; t += 1` leaves s alone).
Not so a leaf of `backward`: `for p in parameters: p -= step * p.grad` has to reach the parameter, of whatever shape.

What a write has to keep in order: an exception in a transform puts back the handles that were moved in its scope
(graph/tokens.py), a lane of a vmap cannot be written into what was made outside of it, and a leaf of `backward` is written only
inside no_grad.
"""

from __future__ import annotations

import operator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Iterator

import numpy as np

from nabla import dtypes
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, TracedValueError, user_line
from nabla.graph.node import Node, runtime
from nabla.graph.tokens import EMPTY, Tokens
from nabla.ops import indexing
from nabla.ops.keys import Layout, basic_part, compose, shown_shape
from nabla.ops.lift import ArrayLike, born
from nabla.ops.sharing import locked_by
from nabla.primitives.base import Shape, own
from nabla.primitives.indexing import Spec, index
from nabla.primitives.leaves import LeafToken, inheritance, is_leaf, make_leaf, not_a_leaf
from nabla.primitives.shape import cast

if TYPE_CHECKING:
    from nabla.tensor import Tensor


adopting: ContextVar[Callable[[Any, Node], bool] | None] = ContextVar("nabla_adopting", default=None)
"""Who takes the writes to tensors from outside while a function is traced: they are made by the program, each time it runs."""


class Viewing:
    """What makes a tensor a view: the class View of tensor.py is this and a Tensor."""

    __slots__ = ()
    _base: Tensor
    _spec: Spec
    _layout: Layout
    _seen: tuple[int, Node]  # the id of the base's node when it was last looked at, and what the view showed of it

    def __init__(self, base: Tensor, spec: Spec, layout: Layout, node: Node | None = None) -> None:
        whole = base._node
        self._base = base
        self._spec = spec
        self._layout = layout
        self._seen = (whole.id, indexing.read_basic(whole, spec, layout) if node is None else node)

    @property
    def _node(self) -> Node:
        whole = self._base._node
        seen, node = self._seen
        if seen != whole.id:
            node = indexing.read_basic(whole, self._spec, self._layout)
            self._seen = (whole.id, node)
        return node

    @_node.setter
    def _node(self, node: Node) -> None:
        """Write all of what is shown."""
        whole = indexing.write_basic(self._base._node, node, self._spec, self._layout, node.shape)
        move(self._base, whole)
        if self._base._node is whole:  # a leaf moves to a node of its own
            self._seen = (whole.id, node)

    @property
    def shape(self) -> Shape:
        """The number of elements along each axis."""
        return shown_shape(self._spec, self._layout)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements, a NumPy dtype."""
        return self._base.dtype


# Reading


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key] as NumPy has it: integers, slices, `...` and None give a view, integers for all axes a tensor of shape (), index
    arrays and masks a copy."""
    handle = runtime.handle
    if type(x) is handle or not isinstance(x, Viewing):
        node = x._node
        basic = basic_part(key, node.shape)
        if basic is None:
            return handle(indexing.read(node, key))
        spec, layout = basic
        base = x
    else:
        basic = basic_part(key, x.shape)
        if basic is None:
            return handle(indexing.read(x._node, key))
        composed = compose(x._spec, x._layout, *basic)
        if composed is None:
            return handle(indexing.read_basic(x._node, *basic))
        spec, layout = composed
        base = x._base
    if not layout and key is not Ellipsis and not (type(key) is tuple and Ellipsis in key):
        return handle(index(base._node, spec=spec))
    return runtime.view(base, spec, layout)


def iterate(x: Tensor) -> Iterator[Tensor]:
    """x[0], x[1], ... A tensor of shape () raises at once."""
    shape = x.shape
    if not shape:
        raise ArgumentTypeError("a tensor of shape () has no elements to iterate over; it is one number")
    return (getitem(x, i) for i in range(shape[0]))


def contains(x: Tensor, item: ArrayLike) -> bool:
    """Whether an element of x equals `item`: `item in x`."""
    return bool((x == item).any())


# Writing


def setitem(x: Tensor, key: Any, value: ArrayLike) -> None:
    """x[key] = value: x moves to a new node. value broadcasts to the part written to, and is cast to the dtype of x as long as
    that keeps its kind."""
    plain = type(x) is runtime.handle or not isinstance(x, Viewing)
    basic = basic_part(key, x.shape)
    if basic is None:
        replace(x, indexing.write(x._node, key, value))
        return
    spec, layout = basic
    base = x
    if not plain:
        composed = compose(x._spec, x._layout, spec, layout)  # type: ignore[attr-defined]
        if composed is None:
            return  # no element is written
        spec, layout = composed
        base = x._base  # type: ignore[attr-defined]
    if type(value) is runtime.view and value._base is base and value._spec == spec and value._layout == layout:
        return  # x[key] += v has written through the view x[key] already
    v = indexing.as_written(value, base._node.dtype)
    move(base, indexing.write_basic(base._node, v, spec, layout, shown_shape(spec, layout)))


def replace(x: Tensor, node: Node) -> None:
    """Write all of x, a view or not."""
    if isinstance(x, Viewing):
        x._node = node
    else:
        move(x, node)


def move(x: Tensor, node: Node) -> None:
    """The handle x, not a view, moves to a node that was made by writing into it."""
    lock = locked_by(x)
    if lock is not None:
        raise ArgumentError(
            f"an in-place write at {user_line()} to the result of {lock}, which in NumPy is read-only, or may or may not share "
            f"memory with what it was made from. Write x = x.copy() first for a tensor of its own, or write to the original."
        )
    adopt = adopting.get()
    if adopt is not None and adopt(x, node):
        return
    if is_leaf(x._node):
        token = inheritance(x._node)
        if not node.tokens.placeholder:
            x._node = node  # nobody holds the old leaf now, so that the new one can have its buffer
        x._node = make_leaf(node, token)
        return
    old = x._node
    tokens = node.tokens
    birth = getattr(x, "_birth", None)
    if birth is None:
        x._birth = birth = old.id
    if tokens is not EMPTY and tokens is not old.tokens:
        _keep_books(x, old, tokens, birth)
    x._node = node if node.id > 0 else own(node)


def _keep_books(x: Tensor, old: Node, tokens: Tokens, birth: int) -> None:
    """Tell the live transforms that the handle begins to depend on them, so that an exception puts it back."""
    before = old.tokens.members
    for token in tuple(tokens.members):
        if token in before or isinstance(token, LeafToken):
            continue
        if token.placeholder and birth < token.id:
            raise TracedValueError(
                f"a value that differs between the lanes of {token.what} (at {token.line}) was written at {user_line()} into a "
                f"tensor of shape {old.shape} that was made outside the mapped function, where it has one value for all lanes. "
                f"Make it inside (x = x.copy() will do), and return it."
            )
        token.moved.append((x, old))


# In-place operators


def _in_place(symbol: str, apply: Callable[[Any, Any], Any]) -> Callable[[Tensor, ArrayLike], Tensor]:
    def method(x: Tensor, y: ArrayLike) -> Tensor:
        plain = type(x) is runtime.handle or not isinstance(x, Viewing)
        out = apply(x, y)
        old = x._node
        if plain and not old.shape and not is_leaf(old):
            return out
        node = out._node
        if node.shape != old.shape:
            raise ShapeError(
                f"x {symbol} y cannot change the shape of x, from {old.shape} to {node.shape}; write x = x {symbol[:-1]} y"
            )
        if node.dtype is not old.dtype:
            node = _cast_back(node, old.dtype, symbol)
        replace(x, node)
        return x

    return method


def _cast_back(node: Node, dtype: np.dtype, symbol: str) -> Node:
    if not np.can_cast(node.dtype, dtype, "same_kind"):
        raise DTypeError(
            f"x {symbol} y cannot change the dtype of x, from {dtypes.strong(dtype)} to {dtypes.strong(node.dtype)}; "
            f"write x = x {symbol[:-1]} y for a new tensor, or convert y"
        )
    return cast(node, dtype)


iadd = _in_place("+=", operator.add)
isub = _in_place("-=", operator.sub)
imul = _in_place("*=", operator.mul)
itruediv = _in_place("/=", operator.truediv)
ifloordiv = _in_place("//=", operator.floordiv)
imod = _in_place("%=", operator.mod)
ipow = _in_place("**=", operator.pow)
imatmul = _in_place("@=", operator.matmul)
iand = _in_place("&=", operator.and_)
ior = _in_place("|=", operator.or_)
ixor = _in_place("^=", operator.xor)
ilshift = _in_place("<<=", operator.lshift)
irshift = _in_place(">>=", operator.rshift)


def copy(x: Tensor) -> Tensor:
    """A tensor of its own with the values of x: writes to the one are not seen in the other.

    >>> import nabla as nb
    >>> x = nb.array([1.0, 2.0])
    >>> y = x.copy()
    >>> y[0] = 5.0
    >>> x.tolist()
    [1.0, 2.0]
    """
    return born(not_a_leaf(x._node))
