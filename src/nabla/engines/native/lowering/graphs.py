"""From graphs to loops: a graph is gone through node by node, and each becomes numbers, a recipe, or an array.

A primitive has one row. A *recipe* makes lazy tensors of lazy ones; the same row, asked for all numbers at known indices, serves
small tensors. Other rows write statements. What has neither is computed by the reference kernel of the NumPy engine, called from
inside.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from nabla.engines.native.kernels import (
    convolution,
    draws,
    indexed,
    orders,
    products,
    random_bits,
    scans,
    softmax,
    sorting,
)
from nabla.engines.native.kernels.complex_numbers import COMPLEX
from nabla.engines.native.kernels.formulas import FORMULAS
from nabla.engines.native.linear_algebra import rows as linear_algebra
from nabla.engines.native.llvm.arithmetic import OPERATIONS
from nabla.engines.native.loops import HALF, SINGLE, ZERO, Call, Form, Num, Operand, Part, plus, times
from nabla.engines.native.lowering import control, recipes
from nabla.engines.native.lowering.values import (
    CHEAP,
    Array,
    Indices,
    Lazy,
    Merged,
    Number,
    Pair,
    Small,
    Unsupported,
    Value,
    offset_of,
    part_of_complex,
    parts_of,
    shape_of,
    specs_of,
    value_of,
)
from nabla.engines.native.lowering.writer import Writer, too_deep
from nabla.engines.native.runtime.routines import Reference
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives import (
    custom,
    elementwise as e,
    formulas as f,
    indexing,
    joining,
    placement,
    random,
    reductions,
    shape as s,
    spectra,
    spectral_functions,
    structure,
)
from nabla.primitives.base import Primitive
from nabla.primitives.contraction import dot_general
from nabla.primitives.convolution import conv
from nabla.primitives.elementwise import Elementwise

Row = Callable[["Graphs", Node, list[Value], list[bool]], Value]
Recipe = Callable[[Writer, Node, list[Lazy], bool], Value]


class Graphs:
    """Writes graphs."""

    def __init__(self, w: Writer) -> None:
        self.w = w
        self.few: set[Node] = set()
        """Nodes of whose numbers at most half are read, and those by one other node."""
        self.compared: set[Node] = set()
        """Products of few terms, and what is computed from them, up to where the place of an extremum is looked for."""
        self.moved: dict[Node, Node] = {}
        """Of nodes that are transposed, if anything, and become a part of something larger, who reads each."""

    def write(self, graph: Graph, inputs: Sequence[Value]) -> list[Value]:
        """The outputs of a graph at `inputs`, written here."""
        w = self.w
        values: dict[Node, Value] = {}
        holders = Holders()
        for x, value in zip(graph.inputs, inputs):
            values[x] = value
            holders.add(x, value)
        last = {x: i for i, node in enumerate(graph.nodes) for x in node.inputs}
        for x in graph.outputs:
            last[x] = len(graph.nodes)
        uses = Counter(x for node in graph.nodes for x in dict.fromkeys(node.inputs))
        uses.update(graph.outputs)
        passed = self.pass_on(graph, uses)
        self.few |= few_wanted(graph, uses)
        self.compared |= compared(graph, uses)
        self.moved.update(only_moved(graph, uses))
        for i, node in enumerate(graph.nodes):
            given = [values[x] if x in values else values.setdefault(x, w.constant(x)) for x in node.inputs]
            written = node.inputs[1:2] if node.prim.updates else node.inputs if node.prim in control.ROWS else None
            free = [
                written is not None and last[x] == i and node.inputs.count(x) == 1 and holders.alone(x, values[x], last, i, written)
                for x in node.inputs
            ]
            value = self.node(node, given, free)
            if isinstance(value, Lazy) and ((uses[node] > 1 and value.cost > CHEAP) or too_deep(value) or node in passed):
                value = w.memory(value, w.result(node))
            values[node] = value
            holders.add(node, value)
        return [values[x] if x in values else w.constant(x) for x in graph.outputs]

    def pass_on(self, graph: Graph, uses: Mapping[Node, int]) -> set[Node]:
        """Targets of what is only a part of a target, or the same in another shape; the nodes that got one."""
        targets = self.w.targets
        passed: set[Node] = set()
        for node in reversed(graph.nodes) if targets else ():
            room = targets.get(node)
            is_row = node.prim is joining.concat and prod(node.shape[: node.params["axis"]]) == 1
            if room is None or not (is_row or node.prim is s.reshape):
                continue
            at = room.at
            for x in node.inputs:
                if uses[x] == 1 and x.dtype == node.dtype and x not in targets:
                    targets[x] = Array(room.buffer, at, x.shape, x.dtype, False)
                    passed.add(x)
                at = Form(at.const + x.size, at.terms)
        return passed

    def node(self, node: Node, given: list[Value], free: list[bool]) -> Value:
        w = self.w
        kept = len(w.block)
        try:
            row = ROWS.get(node.prim)
            if row is not None:
                return row(self, node, given, free)
            recipe = RECIPES.get(node.prim)
            if recipe is None:
                recipe = _elementwise
                if not isinstance(node.prim, Elementwise):
                    raise Unsupported(node.prim.name)
            if any(type(x) is tuple for x in given):
                raise Unsupported("several values as one")
            if given and type(given[0]) is Merged and node.prim is s.transpose:
                return given[0]
            tiny = self.is_tiny(node, given)
            if tiny and recipe is _elementwise:
                return _each(w, node, [w.small(x) for x in given])
            inputs: list[Any] = [x if type(x) is Merged else w.picked(x) if tiny else w.lazy(x) for x in given]
            found = recipe(w, node, inputs, tiny)
            return w.written_out(found) if tiny and isinstance(found, Lazy) else found
        except Unsupported:
            if node.prim in control.ROWS:
                raise
            w.take_back(kept)
            return self.reference(node, given)

    def is_tiny(self, node: Node, given: Sequence[Value]) -> bool:
        """Whether all of it is kept in registers."""
        most = self.w.most if node.prim in LIGHT or not isinstance(node.prim, Elementwise) else 4
        return node.size <= most and all(prod(shape_of(x)) <= self.w.most for x in given)

    def reference(self, node: Node, given: Sequence[Value], cold: bool = False) -> Value:
        """By the kernel of the NumPy engine."""
        w = self.w
        inputs = [w.memory(part) for x in given for part in parts_of(x)]
        for _, dtype in specs_of(node):
            if dtype.kind not in "fciub":
                raise Unsupported(f"the dtype {dtype}")
        rooms = w.results(node)
        w.references.append(node)
        sizes = [2 if x.dtype.kind == "c" else 1 for x in (*rooms, *inputs)]
        parts = [Part(x.buffer, times(x.at, k), k * prod(x.shape)) for x, k in zip((*rooms, *inputs), sizes)]
        w.block.append(Call(Reference(node.prim.name, len(w.references) - 1, cold), parts, [x.buffer for x in rooms]))
        return value_of(node, rooms)


def few_wanted(graph: Graph, uses: Mapping[Node, int]) -> set[Node]:
    """Nodes of whose numbers at most half are read, in the end by an index, and those by one other node each time."""
    wanted: dict[Node, int] = {}
    for node in reversed(graph.nodes) if any(x.prim is indexing.index for x in graph.nodes) else ():
        if node.prim is indexing.index:
            found = {node.inputs[0]: min(node.size, wanted.get(node, node.size))}
        elif node in wanted and (node.prim is s.transpose or isinstance(node.prim, Elementwise)):
            found = {x: wanted[node] for x in node.inputs if x.size == node.size}
        else:
            continue
        wanted.update({x: count for x, count in found.items() if uses[x] == 1})
    return {x for x, count in wanted.items() if 2 * count <= x.size}


def compared(graph: Graph, uses: Mapping[Node, int]) -> set[Node]:
    """Products of few terms that are wanted once, by one other node each time, to find the place of an extremum among them; and the
    nodes between."""
    found: set[Node] = set()
    for node in graph.nodes if any(x.prim in orders.EXTREMA for x in graph.nodes) else ():
        if products.has_few_terms(node) or (
            (node.prim in LIGHT or node.prim is s.transpose) and any(x in found and x.size == node.size for x in node.inputs)
        ):
            found.add(node)
    wanted: set[Node] = set()
    for node in reversed(graph.nodes) if found else ():
        if node in wanted or (node.prim in orders.EXTREMA and node.size >= orders.MANY):
            wanted.update([x for x in node.inputs if x in found and uses[x] == 1])
    return wanted


def only_moved(graph: Graph, uses: Mapping[Node, int]) -> dict[Node, Node]:
    """Who reads nodes that are transposed, if anything, and become a part of something larger; all this for nobody else."""
    found: dict[Node, Node] = {}
    for node in reversed(graph.nodes):
        if node.prim is joining.concat or (node.prim is s.transpose and node in found):
            found.update({x: node for x, times in Counter(node.inputs).items() if times == 1 and uses[x] == 1})
    return found


class Holders:
    """Which nodes have a value that lies in a buffer, or is to be made from it."""

    def __init__(self) -> None:
        self._of: dict[Any, list[Node]] = {}

    def add(self, node: Node, value: Value) -> None:
        for part in parts_of(value):
            for buffer in part.reads if isinstance(part, Lazy) else (part.buffer,) if isinstance(part, Array) else ():
                self._of.setdefault(buffer, []).append(node)

    def alone(self, x: Node, value: Value, last: Mapping[Node, int], now: int, written: Sequence[Node]) -> bool:
        """Whether nothing that is still wanted has to do with the memory of x, but for what is `written` by the node that takes x,
        which sees to it itself."""
        if not isinstance(value, Array) or not value.owned:
            return False
        holding = self._of.get(value.buffer, [])
        holding[:] = [y for y in holding if last.get(y, -1) >= now]
        return all(y is x or (y in written and last[y] == now) for y in holding)


# Elementwise


def _elementwise(w: Writer, node: Node, inputs: list[Lazy], tiny: bool) -> Lazy:
    name, params = node.prim.name, node.params
    _must_be_known(node, inputs[0].dtype)
    if name in FORMULAS and inputs[0].dtype.kind != "c" and node.dtype.kind != "c":
        w.inside([], lambda: FORMULAS[name](w, *[_stand_in(w, x) for x in inputs], **params))  # Unsupported for some parameters
    cost = GUARDED if node.prim is e.safe_mul else 1 if node.prim in LIGHT else 12
    part = part_of_complex(node.dtype)
    return recipes.elementwise(w, node.shape, node.dtype, lambda *xs: w.number(name, part, *xs, **params), inputs, cost)


def _each(w: Writer, node: Node, inputs: list[Small]) -> Small:
    """The same of small tensors: the numbers one after the other."""
    _must_be_known(node, inputs[0].dtype)
    name, params, part, shape = node.prim.name, node.params, part_of_complex(node.dtype), node.shape
    columns = [(x.names if x.names.shape == shape else np.broadcast_to(x.names, shape)).reshape(-1).tolist() for x in inputs]
    names = np.empty(shape, object)
    flat = names.reshape(-1)
    for i, numbers in enumerate(zip(*columns)):
        flat[i] = w.number(name, part, *numbers, **params)
    return Small(names, node.dtype)


def _must_be_known(node: Node, given: np.dtype) -> None:
    name = node.prim.name
    if given.kind == "c" or node.dtype.kind == "c":
        if name not in COMPLEX:
            raise Unsupported(f"{name} of complex numbers")
    elif name not in FORMULAS and name not in OPERATIONS and node.prim is not f.select:
        raise Unsupported(name)


def _stand_in(w: Writer, x: Lazy) -> Operand:
    """A number of x: its only one, where that is a constant."""
    found = w.at(x, (ZERO,) * len(x.shape)) if prod(x.shape) == 1 and not x.reads else None
    return found if isinstance(found, Num) else w.reg(x.dtype)


GUARDED = 4
"""The cost of a product that is zero where a factor is: a multiplication, two comparisons and a choice."""
LIGHT = frozenset([
    e.add, e.mul, e.neg, e.safe_mul, f.sub, f.square, f.abs_, f.maximum, f.minimum, f.equal, f.not_equal, f.less, f.less_equal,
    f.greater, f.greater_equal, f.logical_not, f.logical_and, f.logical_or, f.isnan, f.isfinite, f.select, f.div, f.sqrt,
    f.reciprocal, f.sign, f.copysign, f.bit_and, f.bit_or, f.bit_xor, f.bit_not, f.shift_left, f.shift_right,
])  # fmt: skip


# Recipes


def _of(recipe: Callable[..., Lazy]) -> Recipe:
    return lambda w, node, inputs, tiny: recipe(w, inputs[0], **node.params)


def _same(w: Writer, node: Node, inputs: list[Lazy], tiny: bool) -> Lazy:
    return inputs[0]


def _convert(w: Writer, node: Node, inputs: list[Lazy], tiny: bool) -> Lazy:
    return recipes.convert(w, inputs[0], node.dtype)


def _of_complex(row: Callable[[Writer, Pair], Number], cost: int) -> Recipe:
    def recipe(w: Writer, node: Node, inputs: list[Lazy], tiny: bool) -> Lazy:
        if inputs[0].dtype.kind != "c":
            raise Unsupported(f"{node.prim.name} of real numbers")
        return recipes.elementwise(w, node.shape, node.dtype, lambda x: row(w, x), inputs, cost)

    return recipe


def _reduction(by: str) -> Recipe:
    def recipe(w: Writer, node: Node, inputs: list[Lazy], tiny: bool) -> Value:
        x, axes = inputs[0], node.params["axes"]
        if not prod(x.shape) and by not in ("add", "logical_or", "logical_and", "multiply"):
            raise Unsupported("an extremum of nothing")
        # Whether each number is not zero; and sums of half precision in single precision, rounded in the end.
        dtype = SINGLE if node.dtype == HALF and by in ("add", "multiply") else node.dtype
        x = recipes.convert(w, x, dtype)
        if dtype.kind == "c" and by not in COMPLEX:
            raise Unsupported(f"{by} of complex numbers")
        found = recipes.reduced(w, x, axes, dtype, by, w.targets.get(node) if dtype == node.dtype else None, known=tiny)
        if dtype == node.dtype:
            return found
        return recipes.convert(w, w.picked(found) if tiny else w.lazy(found), node.dtype)

    return recipe


def _concat(w: Writer, node: Node, inputs: list[Any], tiny: bool) -> Value:
    axis = node.params["axis"]
    if tiny:
        return Small(np.concatenate([w.small(x).names for x in inputs], axis), node.dtype)
    room, start = w.result(node), 0
    for x in inputs:
        if type(x) is not Merged:  # which is there
            here = recipes.from_there(axis, start)
            at = plus(room.at, offset_of(room.shape, here((ZERO,) * len(x.shape))))
            if x.array is None or (x.array.buffer, x.array.at) != (room.buffer, at):
                _copied(w, room, here, x)
        start += x.shape[axis]
    return room


def _copied(w: Writer, room: Array, here: Callable[[Indices], Indices], x: Lazy) -> None:
    """To the place in the room that each number has."""
    w.nest(x.shape, lambda index: w.store(room, here(index), w.at(x, index)))


def _reshape(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    w, (x,) = g.w, given
    if isinstance(x, Small) and node.size <= w.most:
        return Small(x.names.reshape(node.shape), x.dtype)
    if isinstance(x, Lazy):
        if node.size <= w.most:
            return w.written_out(recipes.known_reshape(w, w.picked(x), node.shape))
        seen = recipes.reshape(w, x, node.shape)
        if seen is not None:
            return seen
        merged = recipes.merged(x, node.shape) if node in g.moved and node not in w.targets else None
        if merged is not None:
            return _brought(g, node, merged)
    room = w.memory(x)
    return Array(room.buffer, room.at, node.shape, room.dtype, room.owned)


def _brought(g: Graphs, node: Node, x: Merged) -> Merged:
    """Written now to its place in what it becomes a part of."""
    w, part = g.w, node
    while g.moved[part].prim is s.transpose:
        part = g.moved[part]
        x = Merged(x.recipe, tuple([x.groups[place] for place in part.params["perm"]]))
    whole = g.moved[part]
    axis = whole.params["axis"]
    start = sum(y.shape[axis] for y in whole.inputs[: whole.inputs.index(part)])
    here = recipes.from_there(axis, start)
    room = w.targets[whole] = w.result(whole)
    _copied(w, room, lambda index: here(x.merged(index)), x.recipe)
    return x


def _output(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    return given[0][node.params["index"]]


def _results(g: Graphs, node: Node, given: list[Value], free: list[bool]) -> Value:
    """The results of a call come with it."""
    start = node.params["arguments"]
    return tuple(given[start : start + node.params["results"]])


RECIPES: dict[Primitive, Recipe] = {
    structure.VARIABLE: _same,
    structure.detach: _same,
    structure.named: _same,
    placement.put: _same,
    placement.constrain: _same,
    spectra.first_only: _same,
    spectral_functions.spectral_function: _same,
    random.wald_path: lambda w, node, inputs, tiny: recipes.broadcast(w, inputs[0], node.shape),
    s.broadcast: _of(recipes.broadcast),
    s.transpose: _of(lambda w, x, perm: recipes.transpose(w, x, perm)),
    s.flip: _of(lambda w, x, axes: recipes.flip(w, x, axes)),
    s.real: _of_complex(lambda w, x: x.real, 0),
    s.imag: _of_complex(lambda w, x: x.imag, 0),
    s.conj: _of_complex(lambda w, x: Pair(x.real, w.op("negative", x.imag.dtype, x.imag)), 1),
    s.convert: _convert,
    s.reduce_sum: _reduction("add"),
    reductions.reduce_prod: _reduction("multiply"),
    reductions.reduce_max: _reduction("maximum"),
    reductions.reduce_min: _reduction("minimum"),
    reductions.reduce_any: _reduction("logical_or"),
    reductions.reduce_all: _reduction("logical_and"),
    joining.concat: _concat,
}

ROWS: dict[Primitive, Row] = {
    structure.output: _output,
    s.reshape: _reshape,
    conv: convolution.conv,
    dot_general: products.dot_general,
    indexing.index: indexed.read,
    indexing.index_set: indexed.update(False),
    indexing.index_add: indexed.update(True),
    indexing.assemble: indexed.assemble,
    custom.custom: _results,
    **control.ROWS,
    **draws.ROWS,
    **linear_algebra.ROWS,
    **orders.ROWS,
    **random_bits.ROWS,
    **scans.ROWS,
    **softmax.ROWS,
    **sorting.ROWS,
}
