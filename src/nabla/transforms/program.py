"""One trace of a function, compiled: a graph from array arguments and hidden inputs to outputs, and then to what is written."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Callable, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.autodiff.closing import Piece, piece
from nabla.autodiff.interning import description, same
from nabla.engines.engine import Compilation, Engine, Executable, Lowering
from nabla.errors import ArgumentError, TracedValueError
from nabla.graph.graph import Graph
from nabla.graph.node import Node, is_scalar, runtime
from nabla.graph.simplify import heads_read
from nabla.graph.tokens import EMPTY, Token, Tokens, cut_older
from nabla.ops.collectives import axes as open_axes
from nabla.ops.lift import as_node, born, tensor_of
from nabla.primitives import indexing, shape
from nabla.primitives.base import Constant, constant
from nabla.primitives.call import CALL, call
from nabla.primitives.conditional import COND
from nabla.primitives.formulas import select
from nabla.primitives.leaves import LEAF as LEAF_NODE, LeafToken, is_leaf, leaf_token
from nabla.primitives.scan import SCAN
from nabla.primitives.structure import VARIABLE, detach, output, placeholder
from nabla.primitives.while_loop import WHILE
from nabla.tensor import Tensor
from nabla.transforms.backward import want_one_value, want_room
from nabla.transforms.capture import Again, Capture, handles_of, roots
from nabla.transforms.roads import Hidden, Roads
from nabla.transforms.trace import as_numpy_kind, cut_off, is_free, output_node, realize_free, realize_valued
from nabla.views import replace

VIEWS = frozenset([VARIABLE, detach, output, shape.reshape, shape.transpose, shape.broadcast, shape.flip, shape.real, shape.imag,
                   indexing.index, select, CALL, COND, WHILE, SCAN])  # fmt: skip
"""What may give an input or a view of it, in an engine that computes in the memory of its inputs."""


class Times:
    """Seconds that a program took to be made."""

    __slots__ = ("compiling", "tracing")

    def __init__(self) -> None:
        self.tracing = 0.0
        self.compiling: float | None = None

    def __str__(self) -> str:
        compiled = "not compiled by itself" if self.compiling is None else f"compiled in {1e3 * self.compiling:.1f} ms"
        return f"traced in {1e3 * self.tracing:.1f} ms, {compiled}"


class Program:
    """A function traced for one kind of arguments."""

    __slots__ = (
        "_axes", "_ends_history", "_engine", "_fixed", "_grads", "_held", "_seen", "_swept", "_written", "aliases", "calls",
        "fresh", "graph", "kinds", "roads", "run", "shortcuts", "structure", "times",
    )  # fmt: skip

    def __init__(
        self,
        graph: Graph,
        roads: Roads,
        axes: list[str],
        fixed: list[Node],
        structure: tree.TreeDef,
        written: list[tuple[int, bool]],
        grads: list[tuple[int, bool | None]],
        swept: list[int],
        numpy: list[type | None],
        engine: Engine,
    ) -> None:
        self.graph = graph
        self.roads = roads
        self._fixed = [(node, frozenset(node.tokens.members)) for node in fixed]
        self._axes = axes
        """The axes of vmaps around a call that it speaks of, by name."""
        self.structure = tree.LEAF if structure == tree.LEAF else structure
        self._written = written
        """The hidden tensors that are written, and whether what is written is cut off from what it was computed from."""
        self._grads = grads
        """The hidden leaves that get another .grad, and whether it is cut off; None where they get none."""
        first = len(graph.inputs) - len(fixed) - len(axes) - len(roads.hidden)
        leaves = [x for x, hidden in zip(graph.inputs[first:], roads.hidden) if hidden.is_leaf]
        self._ends_history = not _differentiated(graph.outputs, leaves)
        """Whether nothing that it gives has a derivative in the leaves that it reads from outside."""
        self._swept = swept
        """The inputs that something depends on that the function called backward on."""
        self.kinds = numpy
        self._engine = engine
        self.aliases: list[bool] = []
        """For each result whether it may be an input, or show a part of one; known when the program is compiled."""
        self.run: Executable | None = None
        self.fresh = False
        """Whether the results of a run are new arrays, that nobody else will ever see."""
        self.calls = 0
        """How often it has run."""
        self.shortcuts = 0
        """How often calls were written down (shortcut.py)."""
        self._held = engine.held
        self._seen = [0] * len(graph.inputs)
        """The nodes of the last call's inputs, by id: what comes again is held as the engine likes it."""
        self.times = Times()

    def compilation(self, lowering: Lowering | None = None, values: Sequence[Any] | None = None) -> Compilation:
        """The program compiled. lowering: where the engine has lowered its graph already. values: inputs that it will run on."""
        start = perf_counter()
        found = self._engine.compilation(self.graph, lowering, values)
        if self.times.compiling is None:
            self.times.compiling = perf_counter() - start
        return found

    @property
    def in_memory(self) -> bool:
        """Whether it takes no values that lie on devices."""
        return self._engine.in_memory

    def goes_away(self) -> bool:
        """Whether another engine runs it than its own, wherever its inputs lie."""
        return self._engine.serving(self.graph, ()) is not self._engine

    def compare(self, other: Program) -> None:
        """Another trace gave another program. If it is the same, nothing of the time of the trace is in it, and its arrays are
        looked at no longer; nor are they where that cannot be told."""
        if not self.roads.watches:
            return
        mine = self.structure, self._written, self._grads, self._axes, self.kinds
        theirs = other.structure, other._written, other._grads, other._axes, other.kinds
        described = description(other.graph, None)
        if described is None:
            other.roads.trust()
        elif mine == theirs and same(described, description(self.graph, None)):
            self.roads.trust()

    @property
    def writes(self) -> bool:
        """Whether it writes to tensors outside."""
        return bool(self._written or self._grads)

    def hidden(self) -> list[Any] | str:
        """The values of the hidden inputs now; a string says why the program does not fit any more."""
        for node, members in self._fixed:
            if node.tokens.members != members:
                return "a transform that it was traced in has ended"
        return self.roads.current()

    def __call__(self, leaves: Sequence[Any], hidden: Sequence[Any]) -> Any:
        inputs = [*leaves, *hidden] if hidden else leaves
        values = []
        arrays = False
        holds = self.holds
        for i, x in enumerate(inputs):
            kind = type(x)
            if kind is Tensor or isinstance(x, Tensor):
                node = x._node
                if node.tokens is not EMPTY and node.tokens.members and not self._is_cut(node, i - len(leaves)):
                    return self._as_node(inputs, hidden)
                value = node.value
                if value is None:
                    runtime.realize((node,))
                    value = node.value
                elif holds and getattr(value, "base", value) is None:
                    value = self.held(i, node)
                values.append(value)
            elif kind is np.ndarray:
                arrays = True
                values.append(x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("=")))
            else:
                values.append(_number(x))
        if self._fixed or self._axes:
            return self._as_node(inputs, hidden)
        run = self.run
        if run is None:
            compilation = self.compilation(values=values)
            self.fresh = compilation.fresh
            self.aliases = _may_be_inputs(compilation.graph)
            run = self.run = compilation.run
        if runtime.away and self.in_memory:
            serving = self._engine.serving(self.graph, values)
            if serving is not self._engine:
                run = serving.compilation(self.graph, None, values).run
        results = run(*values)
        self.calls += 1
        if arrays and not self.fresh and True in self.aliases:
            shown = [alias and type(value) is np.ndarray for value, alias in zip(results, self.aliases)]
            results = [value.copy() if alias else value for value, alias in zip(results, shown)]
        if self.writes:
            return self.given([constant(value, x.dtype) for value, x in zip(results, self.graph.outputs)], hidden)
        given = [
            tensor_of(value, x.shape, x.dtype) if kind is None else as_numpy_kind(value, kind)
            for value, x, kind in zip(results, self.graph.outputs, self.kinds)
        ]
        return given[0] if self.structure is tree.LEAF else tree.unflatten(self.structure, given)

    def _is_cut(self, node: Node, number: int) -> bool:
        """Whether no result of this call has a derivative in an input that hangs on a transform or a leaf. number: that of a hidden
        input; negative for an argument."""
        if number >= 0 and self._ends_history and node.prim is LEAF_NODE:
            return True
        return not self._swept and not node.tokens.inside().members

    @property
    def holds(self) -> bool:
        """Whether the engine wants to hold inputs that come again."""
        return self._held is not None

    def held(self, i: int, node: Node) -> Any:
        """The value of input i, whose memory is its own: as the engine likes it, if the same came at the last call."""
        if self._held is not None and self._seen[i] == node.id:
            node.value = self._held(node.value)
        self._seen[i] = node.id
        return node.value

    def _as_node(self, inputs: Sequence[Any], hidden: Sequence[Any]) -> Any:
        """Under a transform, the program is one node."""
        for i in self._swept:
            if isinstance(inputs[i], Tensor) and any(isinstance(token, LeafToken) for token in inputs[i]._node.tokens.members):
                name = self.graph.inputs[i].params["name"]
                raise ArgumentError(
                    f"jit: backward inside the function comes to {name}, which is a requires_grad leaf or computed from one. Let "
                    f"the function read the leaf itself from around it (a global, a closure, an attribute), pass it detached, or "
                    f"call backward outside, on the result."
                )
        nodes = [_input_node(x, like) for x, like in zip(inputs, self.graph.inputs)]
        nodes += [*[open_axes.get()[name] for name in self._axes], *[node for node, _ in self._fixed]]
        outs = call(self.graph, nodes, self._engine)
        realize_free(outs)
        return self.given(outs, hidden)

    def given(self, outs: Sequence[Node], hidden: Sequence[Any]) -> Any:
        """The result, of nodes; what is written is written."""
        count = len(outs) - len(self._written) - sum([cut is not None for _, cut in self._grads])
        if len(outs) == 1 == count and self.structure is tree.LEAF:
            return self._handed(outs[0], self.kinds[0])
        for (i, cut), node in zip(self._written, outs[count:]):
            if cut:
                with cut_older():
                    replace(hidden[i], node)
            else:
                replace(hidden[i], node)
        leaves = [leaf_token(hidden[i]._node) for i, _ in self._grads]
        if len(set(leaves)) < len(leaves):
            raise ArgumentError(
                "jit: backward inside the function comes to one leaf by two tensors, which share its .grad; use one"
            )
        rest = iter(outs[count + len(self._written) :])
        for (i, cut_grad), token in zip(self._grads, leaves):
            token.grad = None if cut_grad is None else _gradient(hidden[i], next(rest), cut_grad)
        return tree.unflatten(self.structure, [self._handed(node, kind) for node, kind in zip(outs[:count], self.kinds)])

    @staticmethod
    def _handed(node: Node, kind: type | None) -> Any:
        if kind is not None and node.value is not None and is_free(node):
            return as_numpy_kind(node.value, kind)
        return born(node)


def _gradient(leaf: Tensor, g: Node, cut: bool) -> Tensor:
    """What a program computed for the .grad of a leaf."""
    want_one_value(g, "the gradient")
    want_room((leaf_token(leaf._node),), (g,))
    if cut:
        with cut_older():
            g = cut_off(g)
        realize_valued((g,))
    return Tensor(g)


Complete = Callable[[Any, Any], tuple[Any, Any]]


def traced(fn: Callable[..., Any], engine: Engine, leaves: Sequence[Any], structure: tree.TreeDef, complete: Complete) -> Program:
    """Trace `fn` on arguments like these leaves. complete: from what is traced of (args, kwargs) to all of them."""
    roads = Roads(fn)
    while True:
        program = _attempt(fn, engine, roads, leaves, structure, complete)
        if program is not None:
            return program


def _attempt(
    fn: Callable[..., Any], engine: Engine, roads: Roads, leaves: Sequence[Any], structure: tree.TreeDef, complete: Complete
) -> Program | None:
    """The program; None where the function turned out to read what was not among `roads`, which now know it."""
    token = Token("jit", placeholder=True, inlines=True)
    tokens = Tokens((token,))
    names = argument_names(structure)
    inputs = [placeholder(*_kind(x), tokens, name) for x, name in zip(leaves, names)]
    for x, stand_in in zip(leaves, inputs):
        if isinstance(x, np.ndarray):
            stand_in.params = {**stand_in.params, "numpy": np.ndarray}
    try:
        args, kwargs = complete(*tree.unflatten(structure, [Tensor(x) for x in inputs]))
        with Capture(roads, token, tokens) as capture:
            values, out_structure = tree.flatten(fn(*args, **kwargs))
            places = tree.places(out_structure, "output")
            outputs = [output_node(x, place, "jit") for x, place in zip(values, places)]
            kinds = [getattr(x, "_numpy", None) for x in values]
            written = capture.written()
            grads = capture.grads()
        if capture.asks_for_grads or capture.unknown:  # and somebody caught what would have ended the trace
            raise Again
        ends = [*outputs, *[node for _, node in written], *[node for _, node in grads if node is not None]]
        axes = open_axes.get()
        sources = [*inputs, *capture.placeholders, *axes.values()]
        all_names = [*names, *[x.name for x in roads.hidden], *axes]
        found = piece(ends, sources)
        for leaf in {t for x in found.captured for t in x.tokens.members if isinstance(t, LeafToken) and t.id > token.id}:
            leaf.kill()  # it was made here, and nothing outside depends on it
        known = len(roads.hidden)
        for hidden in _unread_arrays(roads, capture, found):
            roads.guard_content(hidden)
        for handle in (*handles_of(roots([*found.constants, *found.captured], token.id), token.id), *capture.adopted):
            roads.capture(handle)
        if len(roads.hidden) != known or capture.adopted:
            return None
        found.realized()
        graph = found.graph([*sources, *found.captured], all_names, token)
        graph, spoken_of = _without_others(graph, len(sources) - len(axes), list(axes))
        _want_kept(roads, graph, len(inputs), token)
        roads.watch_contents()
        roads.settle()
        cuts = [(i, token not in node.tokens.members) for i, node in written]
        grad_cuts = [(i, None if node is None else token not in node.tokens.members) for i, node in grads]
        swept = _differentiated(capture.swept, sources)
    except Again:
        token.restore()
        _find_more(roads, capture, [*inputs, *capture.placeholders], token)
        return None
    except BaseException:
        token.restore()
        raise
    finally:
        token.kill()
    return Program(graph, roads, spoken_of, found.captured, out_structure, cuts, grad_cuts, swept, kinds, engine)


def _find_more(roads: Roads, capture: Capture, sources: Sequence[Node], token: Token) -> None:
    """Roads to what ended a trace."""
    if capture.asks_for_grads:
        roads.read_grads()
        return
    found = piece(capture.unknown, sources)
    handles = handles_of(roots([*found.constants, *found.captured], token.id), token.id)
    if not handles:
        raise ArgumentError(
            "jit: backward inside the function comes to a requires_grad leaf of which there is no tensor any more; keep one, for "
            "the program to set its .grad"
        )
    for handle in handles:
        roads.capture(handle)


def _want_kept(roads: Roads, graph: Graph, first: int, token: Token) -> None:
    """Refuse a function that puts a traced tensor in the place of one that it reads: the next call would not find it there. The
    hidden inputs of the graph begin at `first`."""
    computed = [(i, x) for i, x in roads.given_anew() if isinstance(x, Tensor) and token in x._node.tokens.members]
    read = heads_read(graph, graph.outputs) if computed else ()
    for i, now in computed:
        if graph.inputs[first + i] in read:
            hidden = roads.hidden[i]
            token.moved.append((now, as_node(hidden.value)))
            raise TracedValueError(
                f"jit: the function at {token.line} reads {hidden.name} and gives this name to a tensor that it computes. Python "
                f"runs only while the function is traced, so that later calls would not see it. Return the tensor and assign it "
                f"outside, or write it in place: {hidden.name}[...] = value."
            )


def _without_others(graph: Graph, first: int, axes: list[str]) -> tuple[Graph, list[str]]:
    """The graph without those inputs, from the first on, that stand for axes and are not read; the axes that are."""
    if not axes:
        return graph, axes
    last = first + len(axes)
    read = heads_read(graph, graph.outputs)
    kept = [i for i in range(first, last) if graph.inputs[i] in read]
    inputs = (*graph.inputs[:first], *[graph.inputs[i] for i in kept], *graph.inputs[last:])
    return Graph(inputs, graph.nodes, graph.outputs), [axes[i - first] for i in kept]


def _differentiated(ends: Sequence[Node], sources: Sequence[Node]) -> list[int]:
    """The numbers of the sources that `ends` depend on other than by leaves."""
    seen = set(ends)
    stack = list(seen)
    while stack:
        x = stack.pop()
        if not isinstance(x.prim, Constant) and not is_leaf(x):
            stack += [y for y in x.inputs if y not in seen]
            seen.update(x.inputs)
    return [i for i, x in enumerate(sources) if x in seen]


def _unread_arrays(roads: Roads, capture: Capture, found: Piece) -> list[Hidden]:
    """The arrays among the hidden inputs that no operation of the piece reads: NumPy may have computed with them."""
    pairs = [(x, stand_in) for x, stand_in in zip(roads.hidden, capture.placeholders) if isinstance(x.value, np.ndarray)]
    if not pairs:
        return []
    read = {*found.outputs, *[x for node in found.body for x in node.inputs]}
    return [x for x, stand_in in pairs if stand_in not in read]


def _kind(x: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of the placeholder for an argument; numbers of Python are weak."""
    if isinstance(x, Tensor):
        return x._node.shape, x._node.dtype
    if isinstance(x, np.ndarray):
        return x.shape, dtypes.canonical(x.dtype)
    return (), scalar_dtype(x)


def scalar_dtype(x: bool | int | float | complex) -> np.dtype:
    """The dtype of a number of Python among the arguments of a program."""
    return dtypes.weak(dtypes.of_scalar(x))


def _number(x: bool | int | float | complex) -> Any:
    """A number of Python as an engine takes it."""
    return dtypes.of_scalar(x).type(x)


def _input_node(x: Any, like: Node) -> Node:
    if is_scalar(x):
        return constant(_number(x), like.dtype)
    return as_node(x)


def argument_names(structure: tree.TreeDef) -> list[str]:
    """How one would write the leaves of the pair (args, kwargs)."""
    return [path.replace("inputs[0]", "args", 1).replace("inputs[1]", "kwargs", 1) for path in tree.paths(structure, "inputs")]


def _may_be_inputs(graph: Graph) -> list[bool]:
    """For each output whether it may be, or show a part of, the memory of an input. A number may be chosen from several."""
    shown = set(graph.inputs)
    for node in graph.nodes:
        if (node.prim in VIEWS or node.shape == ()) and not shown.isdisjoint(node.inputs):
            shown.add(node)
    return [x in shown for x in graph.outputs]
