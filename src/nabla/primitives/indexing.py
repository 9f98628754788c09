"""Indexing: reading a part of an array, and the array with a part of it written to or added to.

`spec` says which part; it has one entry for each axis of x:

    i                      an int: that element, non-negative; the axis goes
    (start, count, step)   a range: `count` elements from `start` on, step != 0
    None                   the next of the index arrays, whose elements are in [-n, n) for an axis of length n

The index arrays broadcast together to a shape B. The part has the shape B + the counts of the ranges in the order of their
axes: the axes of index arrays come first, wherever they stand in x, so that the rules need not tell the cases apart.
What is written, v, broadcasts to that shape. `unique` says that no element of x is named twice, where index arrays are known to
be so. Ellipsis, new axes, masks, and NumPy's order of axes are ops/indexing.py's business.

An engine writes in place where nobody can see the old version of x any more. So that reads of it do not stand in the way, a node
knows those who read a part of it, weakly (`readers`): an engine serves those who wait before it writes.
"""

from __future__ import annotations

from math import prod
from typing import AbstractSet, Any, Sequence
from weakref import ref

import numpy as np

from nabla import dtypes
from nabla.graph.node import Node, make
from nabla.graph.tokens import EMPTY, Token, cuts
from nabla.primitives.base import Shape, broadcast_shapes, constant, is_zeros, same, zeros
from nabla.primitives.elementwise import add
from nabla.primitives.formulas import equal, select
from nabla.primitives.kinds import Linear, depends
from nabla.primitives.shape import broadcast, expand_batched, move_axis, reshape, spread, sum_to

Spec = tuple[Any, ...]


def part_shape(spec: Spec, arrays: Sequence[Node]) -> Shape:
    """The shape of the part that `spec` names."""
    ranges = [entry[1] for entry in spec if type(entry) is tuple]
    return (*together(arrays), *ranges)


def together(arrays: Sequence[Node]) -> Shape:
    """The shape B that index arrays broadcast to."""
    if not arrays:
        return ()
    if len(arrays) == 1:
        return arrays[0].shape
    return broadcast_shapes("index", [a.shape for a in arrays])


# index: read a part


class _Index(Linear):
    """Reads of one node gather their cotangents in one buffer (autodiff/reverse.py), so each costs what it reads."""

    __slots__ = ()

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        x = inputs[0]
        if len(inputs) > 1:
            node = make(self, inputs, params, part_shape(params["spec"], inputs[1:]), x.dtype)
        else:
            shape = tuple([entry[1] for entry in params["spec"] if type(entry) is tuple])
            tokens = x.tokens
            if tokens is not EMPTY and (tokens.ended is not None or cuts.active):
                tokens = tokens.inside()
            node = Node(self, inputs, params, shape, x.dtype, tokens, x.depth + 1)
        if node.value is None:
            readers = getattr(x, "readers", None)
            if readers is None:
                x.readers = [ref(node)]
            else:
                readers.append(ref(node))
                n = len(readers)
                if n > 64 and n & (n - 1) == 0:  # now and then, forget those that are gone
                    x.readers = [r for r in readers if r() is not None]
        return node


def _part(x: Node, *arrays: Node, spec: Spec, unique: bool = True) -> tuple[Shape, np.dtype]:
    return part_shape(spec, arrays), x.dtype


def _index_transpose(g: Node, x: Node, *arrays: Node, **params: Any) -> Node:
    if not arrays:
        return assemble(g, shape=x.shape, specs=(params["spec"],), disjoint=True)
    return index_add(zeros(x.shape, g.dtype), g, *arrays, **params)


def _lanes(size: int, ndim: int) -> Node:
    """The number of each lane, as an index array with axes of length 1 behind."""
    return constant(np.arange(size).reshape(size, *(1,) * ndim))


def _index_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, *arrays = inputs
    spec, unique = node.params["spec"], node.params.get("unique", True)
    ndim = len(together(node.inputs[1:]))
    if True not in mapped[1:]:
        part = index(x, *arrays, **_params(((0, size, 1), *spec), arrays, unique))
        return move_axis(part, ndim, 0), True
    arrays = [expand_batched(a, m, ndim) for a, m in zip(arrays, mapped[1:])]
    if not mapped[0]:
        return index(x, *arrays, spec=spec, unique=False), True
    return index(x, _lanes(size, ndim), *arrays, spec=(None, *spec), unique=unique), True


def _params(spec: Spec, arrays: Sequence[Node], unique: bool) -> dict[str, Any]:
    return {"spec": spec, "unique": unique} if arrays else {"spec": spec}


index = _Index("index", _part, _index_transpose, None, batch=_index_batch, masks=True)


# index_set, index_add: the whole with a part changed


def _update_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    x, v, *arrays = inputs
    spec, unique = node.params["spec"], node.params.get("unique", True)
    ndim = len(together(node.inputs[2:]))
    ranges = sum(type(entry) is tuple for entry in spec)
    if not mapped[0]:
        x = zeros((size, *x.shape), x.dtype) if is_zeros(x) else broadcast(x, shape=(size, *x.shape))
    v = expand_batched(v, mapped[1], ndim + ranges)
    if True in mapped[2:]:
        arrays = [expand_batched(a, m, ndim) for a, m in zip(arrays, mapped[2:])]
        return node.prim(x, v, _lanes(size, ndim), *arrays, spec=(None, *spec), unique=unique), True
    if mapped[1]:
        v = move_axis(v, 0, ndim)
    elif v.ndim > ranges:  # the axis of lanes stands between those of B and the ranges
        at = v.ndim - ranges
        v = reshape(v, shape=(*v.shape[:at], 1, *v.shape[at:]))
    return node.prim(x, v, *arrays, **_params(((0, size, 1), *spec), arrays, unique)), True


class _Update(Linear):
    """The hot path of a write: shape and dtype are those of x."""

    __slots__ = ()
    updates = True

    def __call__(self, *inputs: Node, **params: Any) -> Node:
        x = inputs[0]
        return make(self, inputs, params, x.shape, x.dtype)


class _IndexSet(_Update):
    """The last write to an element wins; what was overwritten has derivative zero, in v too."""

    __slots__ = ()

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        x, v, *arrays = node.inputs
        # The read of g is made before the write into it.
        gv = _written_transpose(g, *node.inputs, **node.params) if depends(v, wanted) else None
        gx = _old_transpose(g, *node.inputs, **node.params) if depends(x, wanted) else None
        return [gx, gv, *[None] * len(arrays)]


def _old_transpose(g: Node, x: Node, v: Node, *arrays: Node, **params: Any) -> Node:
    return index_set(g, zeros((), g.dtype), *arrays, **params)


def _written_transpose(g: Node, x: Node, v: Node, *arrays: Node, **params: Any) -> Node:
    part = index(g, *arrays, **params)
    if arrays and not params["unique"]:
        part = select(_last_writes(x, arrays, params["spec"]), part, zeros((), g.dtype))
    return sum_to(part, v.shape)


def _last_writes(x: Node, arrays: Sequence[Node], spec: Spec) -> Node:
    """Which elements of the part are not overwritten by a later one. Each writes its number, and looks whether it stands."""
    shape = together(arrays)
    numbers = constant(np.arange(prod(shape)).reshape(shape))
    board = zeros(tuple([n for n, entry in zip(x.shape, spec) if entry is None]), dtypes.int64)
    everywhere = {"spec": (None,) * len(arrays), "unique": False}
    stands = equal(index(index_set(board, numbers, *arrays, **everywhere), *arrays, **everywhere), numbers)
    ranges = sum(type(entry) is tuple for entry in spec)
    return reshape(stands, shape=(*shape, *(1,) * ranges)) if ranges else stands


index_set = _IndexSet("index_set", same, _old_transpose, _written_transpose, None, batch=_update_batch, masks=True)


def _add_transpose(g: Node, x: Node, v: Node, *arrays: Node, **params: Any) -> Node:
    return sum_to(index(g, *arrays, **params), v.shape)


def _same(g: Node, x: Node, v: Node, *arrays: Node, **params: Any) -> Node:
    return g


index_add = _Update("index_add", same, _same, _add_transpose, None, batch=_update_batch, accumulates=True)


# assemble: zeros with parts written into them, or added where they may overlap


def _assembled(*parts: Node, shape: Shape, specs: tuple[Spec, ...], disjoint: bool) -> tuple[Shape, np.dtype]:
    return shape, parts[0].dtype


def _part_of(g: Node, *parts: Node, shape: Shape, specs: tuple[Spec, ...], disjoint: bool, position: int = 0) -> Node:
    return index(g, spec=specs[position])


def _assemble_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    p = node.params
    lanes = (0, size, 1)
    parts = [spread(x, m, size) for x, m in zip(inputs, mapped)]
    specs = tuple([(lanes, *spec) for spec in p["specs"]])
    return assemble(*parts, shape=(size, *p["shape"]), specs=specs, disjoint=p["disjoint"]), True


def _lined_up(specs: Sequence[Spec], shape: Shape, axis: int) -> bool:
    """Whether the parts that are whole along the other axes leave nothing out along this one."""
    whole = tuple([(0, n, 1) for n in shape])
    before, behind = whole[:axis], whole[axis + 1 :]
    entries: Any = [spec[axis] for spec in specs if spec[:axis] == before and spec[axis + 1 :] == behind]
    ranges = sorted([(x, x + 1) if type(x) is int else (x[0], x[0] + x[1]) for x in entries if type(x) is int or x[2] == 1])
    end = 0
    for start, stop in ranges:
        if start > end:
            return False
        end = max(end, stop)
    return end >= shape[axis]


def _apart(specs: Sequence[Spec], ndim: int) -> bool:
    """Whether no two parts overlap, as far as that is easy to tell: apart along one axis."""
    if len(specs) == 1:
        return True
    for axis in range(ndim):
        end = 0
        for start, stop in sorted([_reach(spec[axis]) for spec in specs]):
            if start < end:
                break
            end = stop
        else:
            return True
    return False


def _reach(entry: Any) -> tuple[int, int]:
    """From where to where an entry of a spec goes."""
    if type(entry) is int:
        return entry, entry + 1
    start, count, step = entry
    last = start + (count - 1) * step
    return (start, last + 1) if step > 0 else (last, start + 1)


class _Assemble(Linear):
    """The reads of one node gather their cotangents in one of these (autodiff/reverse.py), so each costs what it reads."""

    __slots__ = ()
    gathers = True

    def pull(self, node: Node, g: Node, masked: bool, wanted: AbstractSet[Token]) -> Sequence[Node | None]:
        specs = node.params["specs"]
        return [index(g, spec=spec) if depends(x, wanted) else None for x, spec in zip(node.inputs, specs)]

    def merge(self, nodes: Sequence[Node]) -> Node:
        """The sum of several that have the same shape: parts at one place are added up before they are put there."""
        found: dict[Spec, Node] = {}
        for node in nodes:
            for part, spec in zip(node.inputs, node.params["specs"]):
                old = found.get(spec)
                found[spec] = part if old is None else add(old, part)
        specs, shape = tuple(found), nodes[0].shape
        return self(*found.values(), shape=shape, specs=specs, disjoint=_apart(specs, len(shape)))

    def covers(self, node: Node) -> bool:
        """Whether parts are written everywhere, as far as that is easy to tell: side by side along one axis."""
        shape, specs = node.shape, node.params["specs"]
        return not shape or any(_lined_up(specs, shape, axis) for axis in range(len(shape)))

    def add_to(self, whole: Node, node: Node) -> Node:
        """whole + node, written into `whole`."""
        for part, spec in zip(node.inputs, node.params["specs"]):
            whole = index_add(whole, part, spec=spec)
        return whole


assemble = _Assemble("assemble", _assembled, _part_of, batch=_assemble_batch)


# Elements along one axis: as in take_along_axis


def along_axis(x: Node, positions: Node, axis: int, unique: bool = False) -> Node:
    """For each place of `positions` the element of x there, but along `axis`, where it says which. unique: as in a permutation."""
    return index(x, *arrays_along(x.shape, positions, axis), spec=(None,) * x.ndim, unique=unique)


def arrays_along(shape: Shape, positions: Node, axis: int) -> list[Node]:
    """The index arrays for that: the positions along `axis`, and each place's own number along the others."""
    ndim = len(shape)
    return [positions if i == axis else constant(np.arange(n).reshape(-1, *(1,) * (ndim - i - 1))) for i, n in enumerate(shape)]
