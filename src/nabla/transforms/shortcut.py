"""Calls like an earlier one: the way from arguments to results, written as one Python function for one kind of call.

To find its program, a call of a jitted function takes its arguments apart, makes a key of their structure, shapes and dtypes, and
asks each road (roads.py) whether what it leads to is still what it was. For small arrays that costs far more than the program. But
nearly every call is like one before. So when a program has been called a few times, the whole call is written down as the few lines
that it comes to: each argument is compared with what it was, each road is an expression, and each result is made without
looking at what it is. Such a function looks so, for a tensor as argument, another one in a closure cell, and a tensor as result:

    def call(args, kwargs):
        try:
            if tracing() is not None or axes() or default_dtype() is not D0 or default_place() != P0: return MISS
            x0, = args
            if kwargs: return MISS
            if type(x0) is not Tensor: return MISS
            n0 = x0._node
            if n0.shape != S0 or n0.dtype is not D0 or n0.tokens is not EMPTY and n0.tokens.members: return MISS
            x1 = C0.cell_contents
            ...
        except UNLIKE: return MISS
        v0 = n0.value
        if v0 is None: runtime.realize((n0,)); v0 = n0.value
        ...
        r0, = run(v0, v1)
        return tensor(r0, S0, D0)

It does what the long way (jit.py, program.py) does, or gives MISS before it has done anything, and the long way is taken: for
another kind of call, under a transform, and wherever what has to be looked at is not as plain as here.
"""

from __future__ import annotations

from functools import lru_cache, partial
from types import CodeType
from typing import Any, Callable, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.exactly import exactly
from nabla.graph.node import Node, runtime
from nabla.graph.tokens import EMPTY
from nabla.ops.collectives import axes
from nabla.ops.devices import default as default_place
from nabla.ops.lift import tensor_of
from nabla.primitives.base import constant
from nabla.tensor import Tensor
from nabla.transforms import roads
from nabla.transforms.capture import current as tracing
from nabla.transforms.program import Program
from nabla.transforms.roads import Get

MISS = object()
Call = Callable[[tuple[Any, ...], dict[str, Any]], Any]
"""From the arguments of a call to its result, or MISS."""

UNLIKE = (ValueError, KeyError, AttributeError, IndexError)
"""What tells that arguments cannot be taken apart as before, or that a road ends nowhere."""
LEAVES_A_CALL = 4
"""A call is written down at the second run of its program, or, the more arrays there are in and out, the later, for so much longer
does it take: one call more for as many."""
MOST_LEAVES = 500
"""Above it never: there is much to write, and the program takes longer."""
MOST_ATTEMPTS = 3
"""To write down calls of one program: they may differ in what it does not see, as tensors and NumPy's scalars do."""
NUMBERS = frozenset([float, int, bool, complex])
SCALARS = frozenset([dtype.type for dtype in dtypes.SUPPORTED])


def shortcut(
    program: Program, args: tuple[Any, ...], kwargs: dict[str, Any], statics: Any, result: Any, ordered: bool
) -> Call | None:
    """The function for calls like this one, which had this result; None where it cannot be written, or is not worth it. ordered:
    another order of arguments given by name is another call."""
    leaves = len(program.graph.inputs) + len(program.graph.outputs)
    if program.calls < 2 + leaves // LEAVES_A_CALL or program.shortcuts == MOST_ATTEMPTS or leaves > MOST_LEAVES:
        return None
    program.shortcuts += 1
    try:
        text = _Text(program, args, kwargs, statics, result, ordered)
    except _Unusual:
        return None
    exec(_code("\n".join(text.lines)), text.scope)
    return text.scope.pop("call")


@lru_cache(maxsize=1024)
def _code(text: str) -> CodeType:
    return compile(text, "<call of a jitted function>", "exec")


class _Unusual(Exception):
    """There is something in this call that only the long way knows."""


class _Text:
    """The function while it is written: its lines, and what the names in them stand for."""

    def __init__(
        self, program: Program, args: tuple[Any, ...], kwargs: dict[str, Any], statics: Any, result: Any, ordered: bool
    ) -> None:
        self.program = program
        self._ordered = ordered
        self.scope: dict[str, Any] = {
            "MISS": MISS, "UNLIKE": UNLIKE, "EMPTY": EMPTY, "Tensor": Tensor, "ndarray": np.ndarray, "array": np.array,
            "axes": axes.get, "constant": constant, "default_dtype": dtypes.default.get, "default_place": default_place.get,
            "exactly": exactly, "flatten": tree.flatten, "given": program.given, "held": program.held, "run": program.run,
            "memory": (np.ndarray, np.generic), "orders": tree.orders,
            "runtime": runtime, "tensor": tensor_of, "tracing": tracing.get, "unflatten": tree.unflatten,
        }  # fmt: skip
        self.lines: list[str] = []
        self.opened: dict[int, list[str]] = {}
        """The leaves of the containers at the end of a road, by its id."""
        self._names: dict[int, str] = {}
        self._variables = 0
        self._values: list[str] = []
        self._later: list[str] = []
        self._shows_arrays = False

        self.line("def call(args, kwargs):", 0)
        self.line("try:", 1)
        self.surroundings()
        leaves = self.arguments(args, kwargs, statics)
        hidden = self.roads()
        for (name, kind), like in zip([*[(name, type(x)) for name, x in leaves], *hidden], program.graph.inputs):
            self.input(name, kind, like)
        self.line("except UNLIKE: return MISS", 1)
        for line in self._later:
            self.line(line, 1)
        self.results([name for name, _ in hidden], result)

    # Writing

    def line(self, text: str, depth: int = 2) -> None:
        self.lines.append("    " * depth + text)

    def miss_if(self, condition: str) -> None:
        self.line(f"if {condition}: return MISS")

    def name(self, value: Any) -> str:
        """A name for an object."""
        found = self._names.get(id(value))
        if found is None:
            found = self._names[id(value)] = f"c{len(self._names)}"
            self.scope[found] = value
        return found

    def variable(self) -> str:
        self._variables += 1
        return f"x{self._variables}"

    # What is around the call

    def surroundings(self) -> None:
        dtype, place = self.name(dtypes.default.get()), self.name(default_place.get())
        self.miss_if(f"tracing() is not None or axes() or default_dtype() is not {dtype} or default_place() != {place}")
        if runtime.away and self.program.goes_away():
            raise _Unusual

    # Arguments

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], statics: Any) -> list[tuple[str, Any]]:
        """The names and values of the leaves."""
        leaves: list[tuple[str, Any]] = []
        names = [self.variable() for _ in args]
        self.line(f"{', '.join(names)}, = args" if names else "if args: return MISS")
        unlike = f"[*kwargs] != {[*kwargs]}" if self._ordered else f"len(kwargs) != {len(kwargs)}"
        self.miss_if(unlike if kwargs else "kwargs")
        placed = {} if statics is None else dict(statics.placed)
        named = {} if statics is None else dict(statics.named)
        for i, (name, x) in enumerate(zip(names, args)):
            if i in placed:
                self.static(name, x)
            else:
                self.open(name, x, leaves)
        for key in sorted(kwargs):
            name = self.variable()
            self.line(f"{name} = kwargs[{key!r}]")
            if key in named:
                self.static(name, kwargs[key])
            else:
                self.open(name, kwargs[key], leaves)
        return leaves

    def static(self, name: str, x: Any) -> None:
        self.miss_if(f"{name} is not {self.name(x)} and exactly({name}) != {self.name(exactly(x))}")

    def open(self, name: str, x: Any, leaves: list[tuple[str, Any]]) -> None:
        """Take apart what is called `name` as x is built."""
        kind = type(x)
        if kind in NUMBERS or kind is Tensor or kind is np.ndarray or tree.is_leaf(x):
            leaves.append((name, x))
        elif x is None:
            self.miss_if(f"{name} is not None")
        elif kind is tuple or kind is list:
            self.miss_if(f"type({name}) is not {kind.__name__} or len({name}) != {len(x)}")
            names = [self.variable() for _ in x]
            if names:
                self.line(f"{', '.join(names)}, = {name}")
            for inner, y in zip(names, x):
                self.open(inner, y, leaves)
        elif kind is dict:
            self.miss_if(f"type({name}) is not dict or [*{name}] != {self.name([*x])}")
            for key in _keys(x):
                inner = self.variable()
                self.line(f"{inner} = {name}[{repr(key) if type(key) is str else self.name(key)}]")
                self.open(inner, x[key], leaves)
        else:
            parts, structure = tree.flatten(x)
            flat, found = self.variable(), self.variable()
            self.line(f"{flat}, {found} = flatten({name})")
            self.miss_if(f"{found} != {self.name(structure)}")
            order = tree.orders(x)
            if order:
                self.miss_if(f"orders({name}) != {self.name(order)}")
            names = [self.variable() for _ in parts]
            if names:
                self.line(f"{', '.join(names)}, = {flat}")
            leaves += zip(names, parts)

    # Roads

    def roads(self) -> list[tuple[str, type]]:
        """The guards, and the names and classes of the hidden inputs."""
        found = self.program.roads
        for get, old, same, _ in found.guards:
            if type(get) is partial and get.func is roads.structure:
                self.container(get.args[0], old)
                continue
            name, was = self.variable(), self.name(old)
            self.line(f"{name} = {self.road(get)}")
            self.miss_if(f"{name} is not {was}" + ("" if same is roads.never else f" and not {self.name(same)}({name}, {was})"))
        hidden: list[tuple[str, type]] = []
        for x in found.hidden:
            name = self.variable()
            self.line(f"{name} = {self.road(x.get)}")
            for alias in x.aliases:
                self.miss_if(f"{self.road(alias)} is not {name}")
            hidden.append((name, Tensor if x.is_tensor else np.ndarray))
        return hidden

    def container(self, get: Get, built: Any) -> None:
        """A container at the end of a road, whose leaves other roads lead to."""
        name = self.variable()
        self.line(f"{name} = {self.road(get)}")
        leaves: list[tuple[str, Any]] = []
        example = get()
        if roads.structure(get) != built:  # another thread has just put something else there
            raise _Unusual
        self.open(name, example, leaves)
        self.opened[id(get)] = [inner for inner, _ in leaves]

    def road(self, get: Get) -> str:
        """The expression for what a road leads to."""
        if type(get) is partial and not get.keywords:
            what, given = get.func, get.args
            if what is roads.contents:
                return f"{self.name(given[0])}.cell_contents"
            if what is roads.entry:
                return f"{self.name(given[0])}[{given[1]!r}]"
            if what is roads.attribute and given[1].isidentifier():
                return f"{self.name(given[0])}.{given[1]}"
            if what is roads.itself:
                return self.name(given[0])
            if what is roads.leaf and id(given[0]) in self.opened:
                return self.opened[id(given[0])][given[1]]
        return f"{self.name(get)}()"

    # Inputs

    def input(self, name: str, kind: type, like: Node) -> None:
        """That a leaf is of this class and like an input of the graph, and what the program gets for it."""
        i = len(self._values)
        if kind is Tensor:
            self.tensor(i, name, like)
            return
        if kind is np.ndarray:
            dtype = self.name(like.dtype)
            self._shows_arrays = True
            unlike = f"type({name}) is not ndarray or {name}.shape != {like.shape}"
            self.miss_if(f"{unlike} or {name}.dtype is not {dtype} and {name}.dtype != {dtype}")
            self._values.append(name)
            return
        if kind not in NUMBERS and kind not in SCALARS:
            raise _Unusual
        self.miss_if(f"type({name}) is not {self.name(kind)}")
        if kind is int:
            if like.dtype != dtypes.int64:  # it was too large for that
                raise _Unusual
            self.miss_if(f"not {-(2**63)} <= {name} < {2**63}")
        self._values.append(f"{self.name(dtypes.of_scalar(kind()).type)}({name})" if kind in NUMBERS else name)

    def tensor(self, i: int, name: str, like: Node) -> None:
        self.miss_if(f"type({name}) is not Tensor")
        self.line(f"n{i} = {name}._node")
        unlike = f"n{i}.shape != {like.shape} or n{i}.dtype is not {self.name(like.dtype)}"
        self.miss_if(f"{unlike} or n{i}.tokens is not EMPTY and n{i}.tokens.members")
        self._later += [f"v{i} = n{i}.value", f"if v{i} is None: runtime.realize((n{i},)); v{i} = n{i}.value"]
        if self.program.in_memory:
            self._later.append(f"if runtime.away and not isinstance(v{i}, memory): return MISS")
        if self.program.holds:
            self._later.append(f"elif getattr(v{i}, 'base', v{i}) is None: v{i} = held({i}, n{i})")
        self._values.append(f"v{i}")

    # Results

    def results(self, hidden: Sequence[str], result: Any) -> None:
        program = self.program
        outputs = program.graph.outputs
        names = [f"r{i}" for i in range(len(outputs))]
        call = f"run({', '.join(self._values)})"
        self.line(f"{', '.join(names)}, = {call}" if names else call, 1)
        if self._shows_arrays and not program.fresh:
            for name, shown in zip(names, program.aliases):
                if shown:
                    self.line(f"if type({name}) is ndarray: {name} = {name}.copy()", 1)
        if program.writes:
            nodes = [f"constant({name}, {self.name(x.dtype)})" for name, x in zip(names, outputs)]
            self.line(f"return given([{', '.join(nodes)}], [{', '.join(hidden)}])", 1)
            return
        made = []
        for name, x, kind in zip(names, outputs, program.kinds):
            if kind is None:
                made.append(f"tensor({name}, {x.shape}, {self.name(x.dtype)})")
            else:
                array = name if program.fresh else f"array({name})"
                made.append(f"{array}[()]" if kind is np.generic else array)
        if program.structure is tree.LEAF:
            self.line(f"return {made[0]}", 1)
        else:
            rest = iter(made)
            built = self.built(result, rest)
            if built is None:
                built = f"unflatten({self.name(program.structure)}, [{', '.join(made)}])"
            self.line(f"return {built}", 1)

    def built(self, x: Any, leaves: Any) -> str | None:
        """The expression for a container like x with these leaves; None where only its class knows how to make it."""
        kind = type(x)
        if x is None:
            return "None"
        if kind is tuple or kind is list:
            parts = [self.built(y, leaves) for y in x]
            if None in parts:
                return None
            inside = ", ".join([str(part) for part in parts])
            return f"[{inside}]" if kind is list else f"({inside}{',' if len(x) == 1 else ''})"
        if kind is dict:
            found = {key: self.built(x[key], leaves) for key in _keys(x)}
            if None in found.values():
                return None
            return f"{{{', '.join([f'{repr(key) if type(key) is str else self.name(key)}: {found[key]}' for key in x])}}}"
        return next(leaves) if tree.is_leaf(x) else None


def _keys(x: dict[Any, Any]) -> Sequence[Any]:
    """The keys of a dict in the order of its leaves."""
    level = tree.children(x)
    return () if level is None else level[2]
