"""A closed graph as lines of Python, with loops and branches as statements among them, so that their values are local variables.

Each variable is deleted after its last use, also inside a turn of a loop. So what one variable alone holds is nobody else's, and an
update of indexing may write into it.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from nabla.engines.numpy.indexing import BOUND, is_row
from nabla.engines.numpy.kernel import Kernel
from nabla.engines.numpy.table import KERNELS
from nabla.graph.graph import Graph
from nabla.graph.node import Node
from nabla.primitives.base import Primitive
from nabla.primitives.conditional import COND
from nabla.primitives.formulas import floor_div, maximum, minimum, remainder, select
from nabla.primitives.indexing import index, index_set
from nabla.primitives.scan import SCAN, Walk
from nabla.primitives.shape import convert
from nabla.primitives.structure import VARIABLE, detach, output
from nabla.primitives.while_loop import WHILE, Loop

INFIX: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
    np.bitwise_and: "&", np.bitwise_or: "|",
}  # fmt: skip
"""Kernels that an operator of Python stands for."""

OF_INTEGERS: dict[Primitive, str] = {floor_div: "//", remainder: "%"}
"""Primitives that one stands for where they take integers."""

OF_TWO: dict[Primitive, str] = {maximum: ">", minimum: "<"}
"""The comparison that decides, of integers."""

DEEPEST = 12
"""Python takes 20 blocks, one inside another; what lies deeper is a function of its own."""

Names = dict[Node, Any]
"""The variable of each node; those of a node of several outputs are a tuple."""


class Writer:
    """Lines of one function, and the scope that it runs in."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.lines: list[str] = []
        self.reads_rows = False  # and writes them, by a line that raises IndexError where there is no such row
        self._depth = 2
        self._count = 0
        self._constants: dict[Node, str] = {}

    def line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)

    def fresh(self, letter: str = "v") -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def held(self, letter: str, value: Any) -> str:
        """The name of something in the scope."""
        name = self.fresh(letter)
        self.scope[name] = value
        return name

    def name(self, x: Node, names: Mapping[Node, Any]) -> str:
        found = names.get(x) or self._constants.get(x)
        if found is None:
            found = self._constants[x] = self.held("c", x.value)
        return found

    def drop(self, names: Sequence[str]) -> None:
        if names:
            self.line(f"del {', '.join(names)}")

    def body(
        self, graph: Graph, names: Names, alive: dict[str, None], ends: Sequence[Node], stores: Mapping[Node, Sequence[str]]
    ) -> None:
        """The nodes of a graph.

        names: of its inputs; those of its nodes are added. alive: the variables that may be deleted, with what is added and not
        yet deleted. ends: what must be there at the end. stores: places that are assigned a node as soon as it is there.
        """
        last = last_uses(graph, ends)
        kept = set(ends)
        for x in dict.fromkeys(stores):
            if x not in set(graph.nodes):
                self._store(x, names, stores)
                if x not in last and x not in kept:
                    self._forget([names.get(x)], alive)
        wanted = outputs_of(graph)
        for node in graph.nodes:
            if node.prim is output and type(names[node.inputs[0]]) is tuple:
                names[node] = names[node.inputs[0]][node.params["index"]]
            else:
                own = [x for x in dict.fromkeys(node.inputs) if last.get(x) is node and names.get(x) in alive]
                if node.prim in STATEMENTS and self._depth < DEEPEST:
                    handed = [names[x] for x in own if node.inputs.count(x) == 1]
                    names[node] = STATEMENTS[node.prim](self, node, [self.name(x, names) for x in node.inputs], handed)
                    for name in handed:
                        del alive[name]
                    alive.update(dict.fromkeys(names[node]))
                    self._forget([name for i, name in enumerate(names[node]) if i not in wanted[node]], alive)
                else:
                    names[node] = self._call(node, names, own)
                    alive[names[node]] = None
                self._forget([names[x] for x in own], alive)
            self._store(node, names, stores)
            if node not in last and node not in kept and type(names[node]) is str:
                self._forget([names[node]], alive)

    def _store(self, x: Node, names: Names, stores: Mapping[Node, Sequence[str]]) -> None:
        for place in stores.get(x, ()):
            self.line(f"{place} = {self.name(x, names)}")

    def _forget(self, names: Sequence[Any], alive: dict[str, None]) -> None:
        gone = [name for name in dict.fromkeys(names) if name in alive]
        for name in gone:
            del alive[name]
        self.drop(gone)

    def _call(self, node: Node, names: Names, own: Sequence[Node]) -> str:
        """One node by its kernel."""
        prim, inputs = node.prim, node.inputs
        arguments = [self.name(x, names) for x in inputs]
        name = self.fresh()
        kernel = KERNELS[prim]
        if prim is VARIABLE or prim is detach:
            self.line(f"{name} = {arguments[0]}")
        elif kernel in INFIX:
            self.line(f"{name} = {arguments[0]} {INFIX[kernel]} {arguments[1]}")
        elif prim in OF_INTEGERS and node.dtype.kind in "iu":
            self.line(f"{name} = {arguments[0]} {OF_INTEGERS[prim]} {arguments[1]}")
        elif prim is select and not inputs[0].shape and inputs[1].shape == inputs[2].shape:
            self.line(f"{name} = {arguments[1]} if {arguments[0]} else {arguments[2]}")
        elif prim in OF_TWO and not node.shape and node.dtype.kind in "iu":
            a, b = arguments
            self.line(f"{name} = {a} if {a} {OF_TWO[prim]} {b} else {b}")
        elif prim is convert and not node.shape and inputs[0].dtype.kind == "b":
            one, zero = self.held("c", node.dtype.type(1)), self.held("c", node.dtype.type(0))
            self.line(f"{name} = {one} if {arguments[0]} else {zero}")
        elif prim is index and _is_one_row(node):
            self.reads_rows = True
            self.line(f"{name} = {arguments[0]}[{arguments[1]}]{'.copy()' if node.shape else ''}")
        else:
            if prim.updates:
                arguments[0] = f"own({arguments[0]}, {inputs[0] in own and inputs.count(inputs[0]) == 1})"
            if prim is index_set and _is_one_row(node):
                self.reads_rows = True
                self.line(f"{name} = {arguments[0]}")
                self.line(f"{name}[{arguments[2]}] = {arguments[1]}")
            else:
                bound = self.held(f"{prim.name}_", _bound(node))
                self.line(f"{name} = {bound}({', '.join(arguments)})")
        return name

    def inside(self, write: Callable[[], None]) -> None:
        """What `write` writes, one block deeper."""
        self._depth += 1
        before = len(self.lines)
        write()
        if len(self.lines) == before:
            self.line("pass")
        self._depth -= 1


def _is_one_row(node: Node) -> bool:
    """Whether it reads or writes one whole row, or number, by one number."""
    spec, x, number = node.params["spec"], node.inputs[0], node.inputs[-1]
    return is_row(spec) and not number.shape and x.shape[1:] == tuple([entry[1] for entry in spec[1:]])


def _bound(node: Node) -> Kernel:
    """The kernel of a node as a function of its inputs alone."""
    bind = BOUND.get(node.prim)
    if bind is not None:
        return bind(**node.params)
    return partial(KERNELS[node.prim], **node.params) if node.params else KERNELS[node.prim]


def last_uses(graph: Graph, ends: Sequence[Node]) -> dict[Node, Node]:
    """The last node that takes each value; none for the `ends`."""
    last: dict[Node, Node] = {}
    for node in graph.nodes:
        for x in node.inputs:
            last[x] = node
    for x in ends:
        last.pop(x, None)
    return last


def outputs_of(graph: Graph) -> dict[Node, set[int]]:
    """Which outputs of each node that has several are taken."""
    found: dict[Node, set[int]] = {node: set() for node in graph.nodes if type(node.dtype) is tuple}
    for node in graph.nodes:
        if node.prim is output and node.inputs[0] in found:
            found[node.inputs[0]].add(node.params["index"])
    return found


# Statements. Each takes the names of the inputs of its node, and of those among them that it alone uses and deletes; it gives the
# names of the outputs.


def _cond(w: Writer, node: Node, arguments: list[str], handed: list[str]) -> tuple[str, ...]:
    branches: tuple[Graph, ...] = node.params["branches"]
    results = tuple([w.fresh() for _ in branches[0].outputs])
    index, operands = arguments[0], arguments[1:]

    def write(branch: Graph) -> None:
        names: Names = dict(zip(branch.inputs, operands))
        alive = dict.fromkeys([name for name in handed if name != index])
        w.body(branch, names, alive, branch.outputs, {})
        for result, x in zip(results, branch.outputs):
            w.line(f"{result} = {w.name(x, names)}")
        w.drop(list(alive))

    for i, branch in enumerate(branches):
        if len(branches) == 1:
            w.line("if True:")
        elif i == 0:
            w.line(f"if {index} < 1:")
        elif i < len(branches) - 1:
            w.line(f"elif {index} == {i}:")
        else:
            w.line("else:")
        w.inside(partial(write, branch))
    if index in handed:
        w.drop([index])
    return results


def _while(w: Writer, node: Node, arguments: list[str], handed: list[str]) -> tuple[str, ...]:
    loop: Loop = node.params["loop"]
    of_condition, of_body, starts = loop.split(arguments)
    carry = _begin(w, starts, [name for name in handed if name in starts])
    names: Names = dict(zip(loop.condition.inputs, [*of_condition, *carry]))

    def turn() -> None:
        alive: dict[str, None] = {}
        w.body(loop.condition, names, alive, loop.condition.outputs, {})
        w.line(f"if not {w.name(loop.condition.outputs[0], names)}: break")
        w.drop(list(alive))
        _advance(w, loop.body, [*of_body, *carry], carry, [], {})

    w.line("while True:")
    w.inside(turn)
    w.drop([name for name in handed if name not in starts])
    return tuple(carry)


def _scan(w: Writer, node: Node, arguments: list[str], handed: list[str]) -> tuple[str, ...]:
    walk: Walk = node.params["walk"]
    constants, starts, stacks = walk.split(arguments)
    carry = _begin(w, starts, [name for name in handed if name in starts])
    step = w.fresh("i")
    made: list[str] = []
    stores: dict[Node, list[str]] = {}
    for x in walk.body.outputs[walk.of_carry :]:
        made.append(w.fresh("s"))
        kind = w.held("d", x.dtype)
        w.line(f"{made[-1]} = empty({(walk.length, *x.shape)}, {kind})")
        stores.setdefault(x, []).append(f"{made[-1]}[{step}]")

    def turn() -> None:
        rows = [w.fresh("r") for _ in stacks]
        for row, stack in zip(rows, stacks):
            w.line(f"{row} = {stack}[{step}]")
        _advance(w, walk.body, [*constants, *carry, *rows], carry, rows, stores)

    w.line(f"for {step} in range({walk.length - 1}, -1, -1):" if walk.reverse else f"for {step} in range({walk.length}):")
    w.inside(turn)
    w.drop([name for name in handed if name not in starts])
    return (*carry, *made)


def _begin(w: Writer, starts: Sequence[str], handed: Sequence[str]) -> list[str]:
    """The variables of a carry, with their first values."""
    carry = [w.fresh("a") for _ in starts]
    for name, start in zip(carry, starts):
        w.line(f"{name} = {start}")
    w.drop(handed)
    return carry


def _advance(
    w: Writer,
    body: Graph,
    arguments: Sequence[str],
    carry: Sequence[str],
    rows: Sequence[str],
    stores: Mapping[Node, Sequence[str]],
) -> None:
    """One step: from the carry to the next one."""
    names: Names = dict(zip(body.inputs, arguments))
    alive = dict.fromkeys([*carry, *rows])
    ends = body.outputs[: len(carry)]
    w.body(body, names, alive, ends, stores)
    moved = [(name, w.name(x, names)) for name, x in zip(carry, ends)]
    moved = [(name, value) for name, value in moved if name != value]
    if moved:
        w.line(f"{', '.join([name for name, _ in moved])} = {', '.join([value for _, value in moved])}")
    w.drop([name for name in alive if name not in carry])


Statement = Callable[[Writer, Node, list[str], list[str]], tuple[str, ...]]
STATEMENTS: dict[Primitive, Statement] = {COND: _cond, WHILE: _while, SCAN: _scan}
