"""Reading and writing parts of small tensors, and of large ones at places known only when the program runs."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from nabla.engines.native import arithmetic
from nabla.engines.native.arithmetic import Unsupported
from nabla.engines.native.text import literal, type_of
from nabla.engines.native.values import MOST, Memory, Small, Value, key_of
from nabla.graph.node import Node
from nabla.primitives import elementwise

if TYPE_CHECKING:
    from nabla.engines.native.registers import Writer


def _places(w: Writer, shape: tuple[int, ...], spec: tuple[Any, ...], indices: Sequence[Small]) -> tuple[np.ndarray, np.ndarray]:
    """Where the elements of a part lie in an array of `shape`: flat offsets, numbers or the names of such known at run time, and
    the names of whether they are there at all, None for those that are."""
    code = w.code
    together = np.broadcast_shapes(*[a.names.shape for a in indices]) if indices else ()
    ranges = [entry for entry in spec if isinstance(entry, tuple)]
    strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    offsets = np.empty((*together, *[entry[1] for entry in ranges]), object)
    insides = np.empty(offsets.shape, object)
    broad = [np.broadcast_to(a.names, together) for a in indices]
    for at in np.ndindex(*together):
        fixed, base, inside = 0, "", None
        index: Any = iter([b[at] for b in broad])
        dtypes = iter([a.dtype for a in indices])
        steps = []
        for axis, entry in enumerate(spec):
            length, stride = shape[axis], strides[axis]
            if entry is None:
                name, dtype = next(index), next(dtypes)
                if not name.startswith("%"):
                    if not -length <= int(name) < length:
                        raise Unsupported("an index out of bounds, which the NumPy engine tells")
                    fixed += (int(name) % length) * stride
                    continue
                offset, there = _offset(w, name, dtype, length, stride)
                base = offset if not base else code.op(f"add i64 {base}, {offset}")
                inside = there if inside is None else code.op(f"and i1 {inside}, {there}")
            elif isinstance(entry, tuple):
                steps.append([(entry[0] + k * entry[2]) * stride for k in range(entry[1])])
            else:
                fixed += entry * stride
        for k, shifts in zip(np.ndindex(*[len(x) for x in steps]), product(*steps)):
            total = fixed + sum(shifts)
            offsets[(*at, *k)] = total if not base else code.op(f"add i64 {base}, {total}") if total else base
            insides[(*at, *k)] = inside
    return offsets, insides


def _offset(w: Writer, name: str, dtype: np.dtype, length: int, stride: int) -> tuple[str, str]:
    """An index known at run time as an offset, counted from the end if negative, and whether it is one; if not, that of the first
    element."""
    code = w.code
    if not length:
        raise Unsupported("an index into nothing")
    i = arithmetic.convert(code, name, dtype, np.dtype(np.int64))
    below = code.op(f"icmp slt i64 {i}, 0")
    i = code.op(f"select i1 {below}, i64 {code.op(f'add i64 {i}, {length}')}, i64 {i}")
    inside = code.op(f"icmp ult i64 {i}, {length}")
    i = code.op(f"select i1 {inside}, i64 {i}, i64 0")
    return (code.op(f"mul i64 {i}, {stride}") if stride != 1 else i), inside


def _nowhere(dtype: np.dtype) -> str:
    """What is read out of bounds, as on XLA: NaN, or the number of an integer's dtype that is furthest from zero."""
    if dtype.kind in "fb":
        return literal(np.nan if dtype.kind == "f" else True, dtype)
    limits = np.iinfo(dtype.name)
    return literal(limits.min if dtype.kind == "i" else limits.max, dtype)


def _read(w: Writer, x: Memory, offset: Any, inside: str | None) -> str:
    found = w.load(x, str(offset))
    if inside is None:
        return found
    return w.code.op(f"select i1 {inside}, {type_of(x.dtype)} {found}, {type_of(x.dtype)} {_nowhere(x.dtype)}")


def _write(w: Writer, x: Memory, offset: Any, inside: str | None, value: str, adds: bool) -> None:
    """What is written out of bounds is dropped."""
    old = w.load(x, str(offset)) if adds or inside is not None else ""
    new = arithmetic.ROWS[elementwise.add](w.code, x.dtype, old, value) if adds else value
    if inside is not None:
        new = w.code.op(f"select i1 {inside}, {type_of(x.dtype)} {new}, {type_of(x.dtype)} {old}")
    w.store(x, str(offset), new)


def read(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
    x, indices, spec = given[0], [w.small(a) for a in given[1:]], node.params["spec"]
    if isinstance(x, Small) and not indices:
        return Small(np.asarray(x.names[key_of(spec)], object).reshape(node.shape), node.dtype)
    shape = x.names.shape if isinstance(x, Small) else x.shape
    if (
        isinstance(x, Memory)
        and not indices
        and node.size > MOST
        and all(isinstance(entry, tuple) and entry == (0, n, 1) for entry, n in zip(spec[1:], shape[1:]))
    ):  # whole rows: they lie side by side
        entry = spec[0]
        start = entry[0] if isinstance(entry, tuple) else entry
        if not isinstance(entry, tuple) or entry[2] == 1:
            return Memory(w.address(x, str(start * prod(shape[1:]))), node.shape, node.dtype, False, x.root)
    if node.size > MOST:
        raise Unsupported("a large part of an array")
    offsets, insides = _places(w, shape, spec, indices)
    names = np.empty(offsets.shape, object)
    if isinstance(x, Small) and _are_known(offsets):
        flat = x.names.reshape(-1)
        names.reshape(-1)[:] = [flat[i] for i in offsets.reshape(-1)]
    else:
        room = w.memory(x)
        names.reshape(-1)[:] = [_read(w, room, *place) for place in zip(offsets.reshape(-1), insides.reshape(-1))]
    return Small(names.reshape(node.shape), node.dtype)


def _are_known(offsets: np.ndarray) -> bool:
    return all(type(i) is int for i in offsets.reshape(-1))


def update(adds: bool) -> Any:
    def special(w: Writer, node: Node, given: list[Value], free: list[bool]) -> Value:
        x, v, indices = given[0], w.small(given[1]), [w.small(a) for a in given[2:]]
        shape = x.names.shape if isinstance(x, Small) else x.shape
        offsets, insides = _places(w, shape, node.params["spec"], indices)
        values = np.broadcast_to(v.names, offsets.shape).reshape(-1)
        add = arithmetic.ROWS[elementwise.add]
        if isinstance(x, Small) and _are_known(offsets):
            names = x.names.reshape(-1).copy()
            for i, value in zip(offsets.reshape(-1), values):
                names[i] = add(w.code, node.dtype, names[i], value) if adds else value
            return Small(names.reshape(shape), node.dtype)
        if isinstance(x, Memory) and x.owned and free[0]:
            room = x
        else:
            room = w.room(shape, node.dtype)
            w.store_all(room, x)
        for offset, inside, value in zip(offsets.reshape(-1), insides.reshape(-1), values):
            _write(w, room, offset, inside, value, adds)
        return room

    return special
