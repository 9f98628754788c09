"""Products of large arrays: by BLAS, which SciPy brings along, or, where they are not large enough for it, as sums in loops."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, Sequence

from nabla import lazy
from nabla.engines.native import arithmetic, arrays
from nabla.engines.native.arithmetic import Unsupported
from nabla.engines.native.arrays import Lazy
from nabla.graph.node import Node
from nabla.primitives import elementwise

if TYPE_CHECKING:
    from nabla.engines.native.registers import Writer
    from nabla.engines.native.values import Memory

cython_blas = lazy.optional("scipy.linalg.cython_blas")
llvm = lazy.optional("llvmlite.binding", "native")

WORTH = 10_000
"""Multiplications from which on a call of BLAS costs less than loops."""


def large(w: Writer, node: Node, given: list[Any], free: list[bool]) -> Memory:
    """dot_general of large arrays."""
    x, y = w.lazy(given[0]), w.lazy(given[1])
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    if node.dtype.kind != "f":
        raise Unsupported("a product of this dtype")
    xf = [axis for axis in range(len(x.shape)) if axis not in xc and axis not in xb]
    yf = [axis for axis in range(len(y.shape)) if axis not in yc and axis not in yb]
    count = prod(node.shape) * prod(x.shape[axis] for axis in xc)
    if not count:
        raise Unsupported("an empty product")
    if count // prod(x.shape[axis] for axis in xb) >= WORTH:
        return _by_blas(w, node, (x, xb, xf, xc), (y, yb, yf, yc))
    return _by_loops(w, node, (x, xb, xf, xc), (y, yb, yf, yc))


Operand = tuple[Lazy, Sequence[int], Sequence[int], Sequence[int]]
"""An array, and its axes: shared, free, summed over."""


def _by_loops(w: Writer, node: Node, left: Operand, right: Operand) -> Memory:
    x, xb, xf, xc = left
    y, yb, yf, yc = right
    shape = (*node.shape, *[x.shape[axis] for axis in xc])
    summed = range(len(node.shape), len(shape))
    places_x = dict(zip([*xb, *xf, *xc], [*range(len(xb) + len(xf)), *summed]))
    places_y = dict(zip([*yb, *yf, *yc], [*range(len(xb)), *range(len(xb) + len(xf), len(node.shape)), *summed]))
    mul = arithmetic.ROWS[elementwise.mul]
    terms = arrays.elementwise(
        shape,
        node.dtype,
        lambda code, a, b: mul(code, node.dtype, a, b),
        [_seen(_at_hand(w, x), shape, places_x), _seen(_at_hand(w, y), shape, places_y)],
        1,
    )
    return arrays.reduced(w, terms, tuple(summed), node.dtype, arithmetic.ROWS[elementwise.add], 0)


def _at_hand(w: Writer, x: Lazy) -> Lazy:
    """x, computed before if it is costly: each of its numbers is wanted many times."""
    return arrays.of_memory(w.memory(x)) if x.cost > arrays.CHEAP else x


def _seen(x: Lazy, shape: tuple[int, ...], places: dict[int, int]) -> Lazy:
    return arrays.moved(x, shape, lambda index, rank: tuple(index[places[axis]] for axis in range(len(x.shape))))


def _by_blas(w: Writer, node: Node, left: Operand, right: Operand) -> Memory:
    """C' = B' A' column by column is C = A B row by row."""
    a, a_turned = _matrix(w, *left)
    b, b_turned = _matrix(w, *right)
    x, xb, xf, xc = left
    y, _, yf, _ = right
    m, n, k = (prod(z.shape[axis] for axis in axes) for z, axes in ((x, xf), (y, yf), (x, xc)))
    batch = prod(x.shape[axis] for axis in xb)
    room = w.result(node)
    code = w.code
    kind = "double" if node.dtype.itemsize == 8 else "float"
    routine = _routine("dgemm" if node.dtype.itemsize == 8 else "sgemm")
    code.declared[routine] = f"declare void @{routine}({', '.join(['ptr'] * 13)})"
    whole = [_cell(w, "i32", str(v)) for v in (n, m, k)]
    numbers = [_cell(w, kind, v) for v in ("0x3FF0000000000000", "0x0000000000000000")]
    # What lies row by row is its transpose for BLAS; b, whose rows are to be summed over, is so where these come first.
    leading = [_cell(w, "i32", str(v)) for v in (n if b_turned else k, m if a_turned else k, n)]
    letters = [_cell(w, "i8", str(ord("T" if turned else "N"))) for turned in (not b_turned, a_turned)]

    def one(number: str) -> None:
        def at(z: Any, size: int) -> str:
            return w.address(z, number if number == "0" else code.op(f"mul i64 {number}, {size}"))

        left, right, out = at(a, m * k), at(b, k * n), at(room, m * n)
        pointers = [*letters, *whole, numbers[0], right, leading[0], left, leading[1], numbers[1], out, leading[2]]
        code.do(f"call void @{routine}({', '.join([f'ptr {p}' for p in pointers])})")

    if batch == 1:
        one("0")
    else:
        loops = arrays.Loops(w, (batch,))
        arrays.counted(w, loops, 0, batch, lambda: one(loops.names[0]))
    return room


def _matrix(w: Writer, x: Lazy, shared: Sequence[int], free: Sequence[int], summed: Sequence[int]) -> tuple[Any, bool]:
    """x in memory as a stack of matrices, and whether these lie transposed: for the left factor free axes are rows."""
    order = [*shared, *free, *summed]
    turned = [*shared, *summed, *free]
    own = list(range(len(x.shape)))
    if own == turned and own != order:
        return w.memory(x), True
    if own != order:
        x = arrays.transpose(x, order)
    return w.memory(x), False


def _cell(w: Writer, kind: str, value: str) -> str:
    """A number in memory, for a routine that takes addresses."""
    place = w.code.space_of(kind)
    w.code.do(f"store {kind} {value}, ptr {place}")
    return place


@lru_cache(maxsize=4)
def _routine(name: str) -> str:
    """A routine of BLAS, made known to LLVM under a name of its own."""
    capsule = cython_blas.__pyx_capi__[name]
    get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    llvm.add_symbol(f"nabla_{name}", get_pointer(capsule, get_name(capsule)))
    return f"nabla_{name}"
