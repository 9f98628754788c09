"""The tensor: a thin handle on a node, with NumPy's operators, attributes and methods.

Because the handle and the node are two things, `x[i] = v` and `x += 1` are the handle moving to a new node. Methods are
the functions of ops, installed here and nowhere else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from nabla import dtypes, views, writing
from nabla.errors import ArgumentTypeError, ShapeError, TracedValueError
from nabla.graph.node import Node, runtime
from nabla.ops import (
    contraction,
    creation,
    cumulative,
    devices,
    diagonals,
    elementwise,
    indexing,
    joining,
    logic,
    ranking,
    rearranging,
    reductions,
    searching,
    shape as shapes,
    sorting,
)
from nabla.ops.lift import born, or_not_implemented, reflected
from nabla.primitives.base import constant, own
from nabla.primitives.leaves import LeafToken, is_leaf, leaf_token, make_leaf
from nabla.primitives.structure import detach
from nabla.values import compute, export, read, read_number, value_of


class Tensor:
    """A multi-dimensional array of numbers whose history is known, so that it can be differentiated.

    Make one with `nb.array`, `nb.asarray`, `nb.zeros` and the like. Nothing is computed until a value is asked for.
    """

    # Set only where they are asked for: _birth, the number of the first node (views.py); _lock, whom it might share memory with
    # (ops/sharing.py); _numpy, that it stands for what will be NumPy's when a jitted function runs (transforms/trace.py).
    __slots__ = ("__weakref__", "_birth", "_lock", "_node", "_numpy")
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 100.0

    if TYPE_CHECKING:
        _birth: int
        _numpy: type
        _lock: str

        # Installed by transforms/backward.py.

        def backward(
            self, cotangent: Any = None, retain_graph: bool | None = None, show_graph: bool = False, *, create_graph: bool = False
        ) -> None: ...

    def __init__(self, node: Node) -> None:
        if type(node) is not Node:
            raise ArgumentTypeError(f"tensors are made by nb.array or nb.asarray, not by nb.Tensor({type(node).__name__})")
        self._node = node if node.id > 0 else own(node)

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements along each axis."""
        return self._node.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements, a NumPy dtype."""
        return dtypes.strong(self._node.dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._node.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._node.size

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self._node.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._node.size * self._node.dtype.itemsize

    def __repr__(self) -> str:
        node = self._node
        if node.tokens.placeholder or node.tokens.ended is not None:
            return f"tensor(<no value here>, shape={node.shape}, dtype={self.dtype})"
        body = np.array2string(np.asarray(value_of(node)), separator=", ", prefix="tensor(")
        if self.dtype != dtypes.default_dtype() and not (self.dtype == dtypes.bool_ or self.dtype == dtypes.int64):
            body += f", dtype={self.dtype}"
        return f"tensor({body}{', requires_grad=True' if is_leaf(node) else ''})"

    def __str__(self) -> str:
        node = self._node
        if node.tokens.placeholder or node.tokens.ended is not None:
            return repr(self)
        return str(value_of(node))

    def __format__(self, spec: str) -> str:
        if spec and not self.shape:
            return format(value_of(self._node).item(), spec)  # to look at a number is not to compute with it
        return format(str(self), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise ArgumentTypeError("len() of a tensor of shape (): it has no axis")
        return self.shape[0]

    # Its value

    def realize(self) -> Tensor:
        """Compute the value now, if it was not computed yet; returns the tensor itself."""
        compute(self._node)
        return self

    def numpy(self) -> np.ndarray:
        """The value as a read-only ndarray, without a copy.

        Raises TracedValueError where that would cut a derivative without a trace; write x.detach().numpy() there.
        """
        return export(self._node, ".numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = export(self._node, "making an ndarray")
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"a copy is needed to go from {array.dtype} to {np.dtype(dtype)}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def item(self, *index: Any) -> Any:
        """The value as a Python number, of the one element or of the one at `index`."""
        if index:
            return read(self._node).item(*index)
        return read_number(self._node, ".item()")

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return read(self._node).tolist()

    def __bool__(self) -> bool:
        if self._node.size != 1:
            raise ShapeError(
                f"the truth of a tensor of shape {self.shape} is ambiguous; use .any(), .all(), or nb.where for each element"
            )
        return bool(value_of(self._node))

    def __float__(self) -> float:
        return float(read_number(self._node, "float()", sys._getframe(1)))

    def __int__(self) -> int:
        return int(read_number(self._node, "int()", sys._getframe(1)))

    def __complex__(self) -> complex:
        return complex(read_number(self._node, "complex()", sys._getframe(1)))

    def __index__(self) -> int:
        if self._node.shape or self._node.dtype.kind not in "iu":
            raise ArgumentTypeError(
                f"only an integer tensor of shape () is an index; this one has shape {self.shape} and dtype {self.dtype}"
            )
        return int(read(self._node))

    def __copy__(self) -> Tensor:
        return born(self._node)

    def __deepcopy__(self, memo: Any) -> Tensor:
        array, requires_grad = self._state("copy.deepcopy")
        return creation.array(array, device=devices.device_of(self), requires_grad=requires_grad)

    def __reduce__(self) -> Any:
        return _restored, self._state("pickling")

    def _state(self, what: str) -> tuple[np.ndarray, bool]:
        node = self._node
        if is_leaf(node):
            return np.array(value_of(node)), True
        return np.array(export(node, what)), False

    # Its derivative

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` differentiates with respect to this tensor or something it was made from."""
        return any(isinstance(token, LeafToken) for token in self._node.tokens.members)

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Make this tensor a leaf of `backward` (or, with False, an ordinary tensor again); returns it."""
        node = self._node
        if flag and not is_leaf(node):
            if self.requires_grad:
                raise ArgumentTypeError("this tensor was computed from a requires_grad leaf; write x = x.detach() to make it one")
            if any(token.running and not token.placeholder for token in node.tokens.members):
                raise TracedValueError("this tensor is being differentiated by a transform; write x = x.detach() to make it a leaf")
            self._node = make_leaf(node)
        elif not flag and is_leaf(node):
            self._node = detach(node)
        elif not flag and self.requires_grad:
            raise ArgumentTypeError("this tensor was computed from a requires_grad leaf; write x = x.detach() for a constant")
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this is a `requires_grad` leaf."""
        return is_leaf(self._node)

    @property
    def grad(self) -> Tensor | None:
        """What `backward` added up for this leaf; None before the first one. For complex z = x + iy it is df/dx - i df/dy, the
        conjugate of PyTorch's."""
        return leaf_token(self._node).grad if is_leaf(self._node) else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        node = self._node
        if not is_leaf(node):
            raise ArgumentTypeError(".grad belongs to requires_grad leaves; this tensor is not one")
        if value is not None and (not isinstance(value, Tensor) or value.shape != self.shape or value.dtype != self.dtype):
            raise ArgumentTypeError(f".grad takes None or a tensor of shape {self.shape} and dtype {self.dtype}; got {value!r}")
        leaf_token(node).grad = value

    def detach(self) -> Tensor:
        """The same value, constant for every derivative."""
        return Tensor(detach(self._node))

    # Operators

    __add__ = elementwise.add
    __sub__ = elementwise.subtract
    __mul__ = elementwise.multiply
    __truediv__ = elementwise.divide
    __floordiv__ = elementwise.floor_divide
    __mod__ = elementwise.remainder
    __divmod__ = elementwise.divmod
    __pow__ = elementwise.pow
    __radd__ = reflected(elementwise.add)
    __rsub__ = reflected(elementwise.subtract)
    __rmul__ = reflected(elementwise.multiply)
    __rtruediv__ = reflected(elementwise.divide)
    __rfloordiv__ = reflected(elementwise.floor_divide)
    __rmod__ = reflected(elementwise.remainder)
    __rdivmod__ = reflected(elementwise.divmod)
    __rpow__ = reflected(elementwise.pow)
    __neg__ = elementwise.negative
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __eq__ = or_not_implemented(logic.equal)
    __ne__ = or_not_implemented(logic.not_equal)
    __lt__ = logic.less
    __le__ = logic.less_equal
    __gt__ = logic.greater
    __ge__ = logic.greater_equal
    __and__ = logic.bitwise_and
    __or__ = logic.bitwise_or
    __xor__ = logic.bitwise_xor
    __lshift__ = logic.bitwise_left_shift
    __rshift__ = logic.bitwise_right_shift
    __rand__ = reflected(logic.bitwise_and)
    __ror__ = reflected(logic.bitwise_or)
    __rxor__ = reflected(logic.bitwise_xor)
    __rlshift__ = reflected(logic.bitwise_left_shift)
    __rrshift__ = reflected(logic.bitwise_right_shift)
    __invert__ = logic.bitwise_invert
    __matmul__ = contraction.matmul
    __rmatmul__ = contraction.matmul_from_the_right
    __getitem__ = views.getitem
    __setitem__ = views.setitem
    __iter__ = views.iterate
    __contains__ = views.contains
    __iadd__ = views.iadd
    __isub__ = views.isub
    __imul__ = views.imul
    __itruediv__ = views.itruediv
    __ifloordiv__ = views.ifloordiv
    __imod__ = views.imod
    __ipow__ = views.ipow
    __imatmul__ = views.imatmul
    __iand__ = views.iand
    __ior__ = views.ior
    __ixor__ = views.ixor
    __ilshift__ = views.ilshift
    __irshift__ = views.irshift
    copy = views.copy
    fill = writing.fill
    dot = contraction.dot
    sum = reductions.sum
    prod = reductions.prod
    mean = reductions.mean
    var = reductions.var
    std = reductions.std
    max = reductions.max
    min = reductions.min
    any = reductions.any
    all = reductions.all
    argmax = reductions.argmax
    argmin = reductions.argmin
    argsort = sorting.argsort
    argpartition = ranking.argpartition
    searchsorted = searching.searchsorted
    nonzero = indexing.nonzero
    take = indexing.take
    choose = rearranging.choose
    put = writing.put
    sort = writing.sort
    partition = writing.partition
    cumsum = cumulative.cumsum
    cumprod = cumulative.cumprod
    diagonal = diagonals.diagonal
    trace = diagonals.trace
    repeat = joining.repeat
    ravel = shapes.ravel
    flatten = shapes.flatten
    squeeze = shapes.squeeze
    swapaxes = shapes.swapaxes
    astype = creation.astype
    T = property(shapes.transpose)
    mT = property(shapes.matrix_transpose)

    def reshape(self, *shape: Any, order: str = "C") -> Tensor:
        """The elements in another shape, given as one tuple or as several lengths; see `nb.reshape`."""
        return shapes.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, given as one tuple or as several axes; none given: in reverse. See `nb.permute_dims`."""
        if not axes or axes == (None,):
            return shapes.permute_dims(self)
        return shapes.permute_dims(self, axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes)

    def compress(self, condition: Any, axis: int | None = None) -> Tensor:
        """The slices along `axis` (None: the elements of the flattened tensor) where `condition` holds; see `nb.compress`."""
        return indexing.compress(condition, self, axis)

    @property
    def flat(self) -> writing.Flat:
        """The elements in row-major order, as one row that is read and written: `x.flat[i] = v`."""
        return writing.Flat(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        self.flat[...] = values

    round = elementwise.round
    clip = elementwise.clip
    conj = elementwise.conj
    conjugate = elementwise.conj
    real = property(elementwise.real)
    imag = property(elementwise.imag)


class View(views.Viewing, Tensor):
    """A tensor that shows a part of another: what is written to the one is seen in the other."""

    __slots__ = ("_base", "_layout", "_seen", "_spec")


def _restored(array: np.ndarray, requires_grad: bool) -> Tensor:
    node = constant(array)
    return Tensor(make_leaf(node) if requires_grad else node)


runtime.handle = Tensor
runtime.view = View
