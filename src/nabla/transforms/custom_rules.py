"""The rules of one call of a custom function: what its node asks when it is differentiated or batched.

The user's rules take tensors in the structure of the arguments; here they are given the inputs of the node, and what they
return is checked. A node that was batched keeps the rule of one lane, which runs on placeholders and is batched in turn.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Container, Iterable, Iterator, Mapping, Sequence

import numpy as np

from nabla import tree
from nabla.autodiff.batching import batch
from nabla.dtypes import float0, strong
from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.exactly import exactly
from nabla.graph.node import Node
from nabla.graph.tokens import EMPTY, Token, Tokens
from nabla.graph.walk import between
from nabla.ops.collectives import axes as open_axes
from nabla.ops.lift import as_node, born
from nabla.primitives.base import constant
from nabla.primitives.collectives import axis_of
from nabla.primitives.custom import Rule, bare, custom
from nabla.primitives.elementwise import mul
from nabla.primitives.shape import cast, reduce_sum, spread
from nabla.primitives.structure import output, placeholder
from nabla.tensor import Tensor
from nabla.transforms.jvp import matching, zero_tangent
from nabla.transforms.replay import Transposed, taken_apart
from nabla.transforms.trace import aux_nodes, flatten_outputs, leaf_node
from nabla.transforms.vjp import Pullback

if TYPE_CHECKING:
    from nabla.transforms.custom import CustomFunction


def built(structure: tree.TreeDef, leaves: Sequence[Any]) -> Any:
    """The pytree of that structure with these leaves; the common ones are soon made."""
    if structure is tree.LEAF:
        return leaves[0]
    return tuple(leaves) if structure is tree.row(len(leaves)) else tree.unflatten(structure, leaves)


class Packed:
    """A pytree taken apart: its tensors as nodes, which may be replaced, and all else as it is."""

    __slots__ = ("count", "structure", "values")

    def __init__(self, nodes: list[Node], values: list[Any], structure: tree.TreeDef) -> None:
        self.count = len(nodes)
        self.values = values  # of a leaf that is a node: its number, as a _Slot
        self.structure = structure

    def open(self, nodes: Sequence[Node]) -> Any:
        """The pytree with fresh handles on `nodes`."""
        return built(self.structure, [self._opened(x, nodes) for x in self.values])

    def _opened(self, x: Any, nodes: Sequence[Node]) -> Any:
        if type(x) is _Slot:
            return born(nodes[x])
        return x.transposed.on(nodes[x.start : x.start + x.count]) if type(x) is _Pullback else x

    def fill(self, values: Sequence[Any]) -> Any:
        """The pytree with these in the places of the nodes."""
        return built(self.structure, [values[x] if type(x) is _Slot else x for x in self.values])

    def map(self, of_node: Callable[[int], Any], otherwise: Any) -> Any:
        """The pytree with `of_node(i)` for node i, and `otherwise` for all else."""
        return built(self.structure, [of_node(x) if type(x) is _Slot else otherwise for x in self.values])


class _Slot(int):
    """The number of a node among the nodes of a Packed."""


class _Pullback:
    """A pullback taken apart, and where its nodes stand."""

    __slots__ = ("count", "start", "transposed")

    def __init__(self, transposed: Transposed, start: int, count: int) -> None:
        self.transposed = transposed
        self.start = start
        self.count = count


def pack_residuals(residuals: Any, apart: bool) -> tuple[list[Node], Packed]:
    """The arrays among the residuals as nodes. apart: pullbacks are taken apart, as what they hang on may be replaced."""
    nodes, packed = pack(residuals, is_array)
    for i, x in enumerate(packed.values):
        if apart and isinstance(x, Pullback):
            transposed, own = taken_apart(x)
            packed.values[i] = _Pullback(transposed, len(nodes), len(own))
            nodes += own
    return nodes, packed


def pack(x: Any, takes: Callable[[Any], bool], as_they_are: Container[int] = ()) -> tuple[list[Node], Packed]:
    """The leaves that `takes` says yes to, as nodes, and how to put the pytree together again.

    as_they_are: the numbers of the leaves of which only tensors are taken.
    """
    leaves: Sequence[Any]
    if type(x) is Tensor:
        leaves, structure = (x,), tree.LEAF
    elif type(x) is tuple and PLAIN.issuperset(map(type, x)):
        leaves, structure = x, tree.row(len(x))
    else:
        leaves, structure = tree.flatten(x)
    nodes: list[Node] = []
    values: list[Any] = []
    for i, leaf in enumerate(leaves):
        if type(leaf) is Tensor:
            values.append(_Slot(len(nodes)))
            nodes.append(leaf._node)
        elif isinstance(leaf, Tensor) or (takes(leaf) and i not in as_they_are):
            values.append(_Slot(len(nodes)))
            nodes.append(leaf_node(leaf, f"leaf {i}", "a custom function", allow_int=True))
        else:
            values.append(leaf)
    return nodes, Packed(nodes, values, structure)


PLAIN = frozenset([Tensor, np.ndarray, float, int, bool, complex])
"""Leaves that are known as such."""


def is_array(x: Any) -> bool:
    """A tensor, or what NumPy has."""
    return isinstance(x, (Tensor, np.ndarray, np.generic))


# What runs now


class Point:
    """A call whose rule is running: there, the function at the same arguments has the results of that call."""

    __slots__ = ("lazy", "node", "nodes", "options", "packed", "structure")

    def __init__(
        self, nodes: Sequence[Node], packed: Packed, options: Mapping[str, Any], node: Node | None, structure: Any, lazy: bool
    ) -> None:
        self.nodes = nodes
        self.packed = packed
        self.options = options
        self.node = node  # None before there is one
        self.structure = structure
        self.lazy = lazy  # it is the forward rule that runs: a call within it must not run it again

    def is_at(self, nodes: Sequence[Node], packed: Packed, options: Mapping[str, Any]) -> bool:
        """Whether it is the call with these arguments."""
        return (
            len(nodes) == len(self.nodes)
            and all(x is y for x, y in zip(nodes, self.nodes))
            and packed.structure == self.packed.structure
            and all(map(_known_equal, packed.values, self.packed.values))
            and options.keys() == self.options.keys()
            and all(_known_equal(x, self.options[name]) for name, x in options.items())
        )


def _known_equal(x: Any, y: Any) -> bool:
    return x is y or (isinstance(x, (int, float, complex, str)) and bool(exactly(x) == exactly(y)))


points: ContextVar[Mapping[Any, Point]] = ContextVar("nabla_custom_points", default=MappingProxyType({}))


class at:
    """Inside this `with`, a rule of `function` runs at `point`."""

    __slots__ = ("_function", "_mark", "_point")

    def __init__(self, function: CustomFunction, point: Point) -> None:
        self._function = function
        self._point = point

    def __enter__(self) -> None:
        self._mark = points.set({**points.get(), self._function: self._point})

    def __exit__(self, *exception: object) -> None:
        points.reset(self._mark)


# The rule of one call

_AS_IT_IS = nullcontext()


class CallRule(Rule):
    """The rules of one call of a custom function, on the inputs of its node."""

    __slots__ = ("arguments", "axes", "function", "options", "out_structure", "packed", "residuals")

    def __init__(
        self, function: CustomFunction, packed: Packed, options: Mapping[str, Any], out_structure: tree.TreeDef,
        residuals: Packed | None, axes: Sequence[tuple[str, int]],
    ) -> None:  # fmt: skip
        self.axes = axes
        self.function = function
        self.packed = packed
        self.options = options
        self.out_structure = out_structure
        self.residuals = residuals  # None: the forward rule runs when it is asked for

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.function.name

    @property
    def jvp(self) -> Any:  # type: ignore[override]
        return None if self.function.rules.jvp is None else self._push

    @property
    def vjp(self) -> Any:  # type: ignore[override]
        return None if self.function.rules.bwd is None else self._pull

    def _arguments(self, node: Node) -> Sequence[Node]:
        return node.inputs[: self.packed.count]

    def _kept(self, node: Node) -> Sequence[Node]:
        return node.inputs[self.packed.count + len(node.shape) : len(node.inputs) - len(self.axes)]

    def _named_axes(self, node: Node) -> AbstractContextManager[None]:
        """Inside this `with`, collectives find the axes of the call, which the last inputs of its node stand for."""
        return self._opened_axes(node) if self.axes else _AS_IT_IS

    @contextmanager
    def _opened_axes(self, node: Node) -> Iterator[None]:
        found = dict(open_axes.get())
        for (name, size), x in zip(self.axes, node.inputs[len(node.inputs) - len(self.axes) :]):
            if "size" not in x.params:  # the input of a closed graph
                x.params = {**x.params, "size": size}
            found[name] = x
        mark = open_axes.set(found)
        try:
            yield
        finally:
            open_axes.reset(mark)

    def _point(self, node: Node, lazy: bool) -> Point:
        return Point(self._arguments(node), self.packed, self.options, node, self.out_structure, lazy)

    def _push(self, node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
        function, rules = self.function, self.function.rules
        primals, fixed = function.split(self.packed.open(self._arguments(node)))
        what = f"{function.name}: the forward rule"

        def tangent(i: int) -> Any:
            dx = tangents[i]
            x = node.inputs[i]
            if dx is not None:
                return born(dx)
            return None if rules.jvp_symbolic else born(zero_tangent(x))

        directions, _ = function.split(self.packed.map(tangent, None if rules.jvp_symbolic else _NO_TANGENT))
        assert rules.jvp is not None
        with at(function, self._point(node, False)), self._named_axes(node):
            result = rules.jvp(*fixed, primals, directions, **self.options)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise ArgumentTypeError(f"{what} must return a pair (output, tangent of the output); it returned {shown(result)}")
        out, tangent_out = result
        tree.want_structure(out, self.out_structure, f"{what}: the output", "output", f"that of {function.name}")
        found = self._like_outputs(node, tangent_out, what)
        allowed = [*node.inputs, *[dx for dx in tangents if dx is not None]]
        want_no_closure(function, [rules.jvp], [dx for dx in found if dx is not None], allowed, "the forward rule")
        return found

    def _like_outputs(self, node: Node, tangent_out: Any, what: str) -> list[Node | None]:
        parts = tree.beside(tangent_out, self.out_structure, f"{what}: the tangent", "tangent", "the output")
        places = tree.places(self.out_structure, "output")
        result: list[Node | None] = []
        for i, (dx, place) in enumerate(zip(parts, places)):
            result.append(fitting(dx, output(node, index=i), tree.under(place, "tangent"), place, what))
        return result

    def _pull(self, node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
        function, rules = self.function, self.function.rules
        arguments = self._arguments(node)
        opened = self.packed.open(arguments)
        _, fixed = function.split(opened)
        what = f"{function.name}: the reverse rule"
        if self.residuals is None:
            with at(function, self._point(node, True)), self._named_axes(node):
                out, residuals = function.forward(opened, self.packed, arguments, self.options)
            tree.want_structure(out, self.out_structure, f"{what}: the output", "output", f"that of {function.name}")
            kept = aux_nodes(residuals)
        else:
            kept = list(self._kept(node))
            residuals = self.residuals.open(kept)
        cotangents = built(self.out_structure, [self._cotangent(node, g, i) for i in range(len(node.shape))])
        assert rules.bwd is not None
        with at(function, self._point(node, False)), self._named_axes(node):
            result = rules.bwd(*fixed, residuals, cotangents)
        found = self._like_arguments(node, result, what)
        allowed = [*node.inputs, *kept, *g.values()]
        want_no_closure(function, [rules.bwd], [gx for gx in found if gx is not None], allowed, "the reverse rule")
        return found

    def _cotangent(self, node: Node, g: Mapping[int, Node], i: int) -> Any:
        if i in g and g[i].dtype.kind in "fc":
            return born(g[i])
        out = output(node, index=i)
        return None if self.function.rules.vjp_symbolic else born(zero_tangent(out))

    def _like_arguments(self, node: Node, result: Any, what: str) -> list[Node | None]:
        """What the reverse rule returned: one cotangent per tensor among the arguments."""
        function = self.function
        found = self._as_they_are(node, result)
        if found is not None:
            return found
        opened = self.packed.map(_Slot, _REST)
        wanted, _ = function.split(opened)
        names, _ = function.split(function.names(len(opened)))
        if not isinstance(result, (tuple, list)) or len(result) != len(wanted):
            raise ArgumentTypeError(
                f"{what} must return a tuple with the cotangent of each argument ({', '.join(names)}); it returned {shown(result)}"
            )
        found = [None] * self.packed.count
        for argument, name, g in zip(wanted, names, result):
            if g is None:
                continue
            slots, structure = tree.flatten(argument)
            parts = tree.beside(g, structure, f"{what}: the cotangent of {name}", "cotangent", name)
            places = tree.places(structure, name)
            for slot, part, place in zip(slots, parts, places):
                if type(slot) is _Slot:
                    x = node.inputs[slot]
                    found[slot] = fitting(part, x, tree.under(place, f"cotangent of {name}"), place, what)
        return found

    def _as_they_are(self, node: Node, result: Any) -> list[Node | None] | None:
        """The cotangents, where the arguments are tensors and each cotangent is one of the same kind: the common case."""
        slots = self.packed.values
        if type(result) is not tuple or len(result) != len(slots) or self.packed.structure is not tree.row(len(slots)):
            return None
        if self.function.has_fixed:  # they have no cotangent
            return None
        found: list[Node | None] = [None] * len(slots)
        for slot, g in zip(slots, result):
            if type(slot) is not _Slot or type(g) is not Tensor:
                return None
            x, gx = node.inputs[slot], g._node
            if gx.dtype is not x.dtype or gx.shape != x.shape or x.dtype.kind not in "fc":
                return None
            found[slot] = gx
        return found

    def batch(self, node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Node:
        count, results = self.packed.count, len(node.shape)
        function = self.function
        if function.rules.vmap is not None:
            outs = self._batched_by_rule(node, inputs, mapped, size)
        else:
            outs = [spread(x, flag, size) for x, flag in zip(inputs[count : count + results], mapped[count:])]
        if not function.rules.derivative:
            return bare(outs)
        return batched(self, [*inputs[:count], *outs, *inputs[count + results :]], node, mapped, size)

    def _batched_by_rule(self, node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> list[Node]:
        function, rules = self.function, self.function.rules
        what = f"{function.name}: the batching rule"
        arguments = inputs[: self.packed.count]
        args = self.packed.open(function.valued(arguments) if rules.derivative else arguments)
        assert rules.vmap is not None
        result = rules.vmap(size, self.packed.map(lambda i: mapped[i], False), *args, **self.options)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise ArgumentTypeError(f"{what} must return a pair (output, which of it is batched); it returned {shown(result)}")
        out, flags = result
        tree.want_structure(out, self.out_structure, f"{what}: the output", "output", f"that of {function.name}")
        nodes, _, places = flatten_outputs(out, what)
        if isinstance(flags, (bool, np.bool_)):
            is_batched = [bool(flags)] * len(nodes)
        else:
            tree.want_structure(flags, self.out_structure, f"{what}: which output is batched", "batched", "the output")
            is_batched = [bool(flag) for flag in tree.leaves(flags)]
        found = []
        shapes: Any = node.shape
        dtypes: Any = node.dtype
        for x, flag, shape, dtype, place in zip(nodes, is_batched, shapes, dtypes, places):
            expected = (size, *shape) if flag else shape
            if (x.shape, strong(x.dtype)) != (expected, strong(dtype)):
                raise ShapeError(
                    f"{what}: {place} has dtype {x.dtype} and shape {x.shape}; for {size} examples it must be {dtype} of shape "
                    f"{expected}" + ("" if flag else ", as it is said not to be batched")
                )
            found.append(spread(cast(x, dtype), flag, size))
        if rules.derivative:
            want_no_closure(function, [rules.vmap], found, list(inputs), "the batching rule")
            found = function.valued(found)
        return found


_REST = object()
"""Stands for a leaf that is no tensor."""
_NO_TANGENT = born(constant(np.zeros((), float0), float0))


def shown(result: Any) -> str:
    """What a rule returned, for messages."""
    if isinstance(result, (tuple, list)):
        return f"a {type(result).__name__} of {len(result)}"
    return "None" if result is None else f"a {type(result).__name__}"


def fitting(value: Any, like: Node, path: Any, like_path: Any, what: str) -> Node | None:
    """A tangent or cotangent of `like` as a node of its shape and dtype, or None for zero; of an integer nothing is kept.

    A number of Python takes the dtype of what it meets, so that its derivative may come in another precision.
    """
    if value is None or like.dtype.kind not in "fc":
        return None
    if like.dtype is not strong(like.dtype) and is_array(value):
        node = as_node(value)
        if node.dtype.kind in "fc" and np.can_cast(node.dtype, like.dtype, "same_kind"):
            value = born(cast(node, like.dtype))
    return cast(matching(value, like, path, like_path, what), like.dtype)


# Batched


class LaneRule(Rule):
    """The rule of a node that was batched: that of one lane, on placeholders, batched in turn."""

    __slots__ = ("axes", "lane", "mapped", "size")

    def __init__(self, lane: Rule, mapped: Sequence[bool], size: int) -> None:
        self.lane = lane
        self.mapped = tuple(mapped)
        self.size = size
        self.axes = lane.axes

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.lane.name

    @property
    def jvp(self) -> Any:  # type: ignore[override]
        return None if self.lane.jvp is None else self._push

    @property
    def vjp(self) -> Any:  # type: ignore[override]
        return None if self.lane.vjp is None else self._pull

    def batch(self, node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> Node:
        start, count = node.params["arguments"], node.params["results"]
        outs = [spread(x, flag, size) for x, flag in zip(inputs[start : start + count], mapped[start:])]
        return batched(self, [*inputs[:start], *outs, *inputs[start + count :]], node, mapped, size)

    def _push(self, node: Node, tangents: Sequence[Node | None]) -> Sequence[Node | None]:
        with _Lanes(self, node) as lanes:
            dxs = [None if dx is None else lanes.lane(dx) if flag else dx for dx, flag in zip(tangents, self.mapped)]
            assert self.lane.jvp is not None
            found = lanes.batched(self.lane.jvp(lanes.node, dxs))
        return [None if dx is None else spread(*dx, self.size) for dx in found]

    def _pull(self, node: Node, g: Mapping[int, Node], wants: Sequence[bool]) -> Sequence[Node | None]:
        with _Lanes(self, node) as lanes:
            assert self.lane.vjp is not None
            found = lanes.batched(self.lane.vjp(lanes.node, {i: lanes.lane(x) for i, x in g.items()}, wants))
        return [None if gx is None else self._gathered(*gx, flag) for gx, flag in zip(found, self.mapped)]

    def _gathered(self, g: Node, varies: bool, mapped: bool) -> Node:
        """The cotangent of an argument; that of one that all lanes share is the sum over them."""
        if mapped:
            return spread(g, varies, self.size)
        return reduce_sum(g, axes=(0,)) if varies else mul(g, as_node(self.size, g.dtype))


class _Lanes:
    """One lane of a batched node, while its rule runs."""

    __slots__ = ("node", "size", "token", "tokens", "wholes")

    def __init__(self, rule: LaneRule, node: Node) -> None:
        self.token = Token("custom rule", placeholder=True)
        self.tokens = Tokens((self.token,))
        self.wholes: dict[Node, Node] = {}
        self.size = rule.size
        values = len(node.inputs) - len(rule.axes)
        inputs = [self.lane(x) if flag else x for x, flag in zip(node.inputs[:values], rule.mapped)]
        inputs += [self._axis(x) if flag else x for x, flag in zip(node.inputs[values:], rule.mapped[values:])]
        start, count = node.params["arguments"], node.params["results"]
        self.node = custom(*inputs, rule=rule.lane, arguments=start, results=count)

    def __enter__(self) -> _Lanes:
        return self

    def __exit__(self, *exception: object) -> None:
        self.token.kill()

    def lane(self, whole: Node) -> Node:
        found = placeholder(whole.shape[1:], whole.dtype, self.tokens, "an example", whole)
        self.wholes[found] = whole
        return found

    def _axis(self, numbers: Node) -> Node:
        found = axis_of(self.size, self.tokens)
        self.wholes[found] = numbers
        return found

    def batched(self, results: Sequence[Node | None]) -> list[tuple[Node, bool] | None]:
        live = [x for x in results if x is not None]
        done = iter(batch(live, self.wholes, {}, {self.token}, self.size))
        return [None if x is None else next(done) for x in results]


def batched(lane: Rule, inputs: Sequence[Node], node: Node, mapped: Sequence[bool], size: int) -> Node:
    """The node for all lanes; where nobody can differentiate it any more, that of the results alone."""
    start, count = node.params["arguments"], node.params["results"]
    if not any(x.tokens.members for x in inputs[:start]):
        return bare(inputs[start : start + count])
    flags = [*mapped[:start], *[True] * count, *mapped[start + count :]]
    return custom(*inputs, rule=LaneRule(lane, flags, size), arguments=start, results=count)


# Values that a rule closes over


def derivative_tokens(nodes: Iterable[Node]) -> set[Token]:
    """The live transforms that could differentiate one of the nodes."""
    known = {x.tokens for x in nodes}  # few, for many nodes
    return {token for tokens in known for token in tokens.members if token.running and not token.placeholder}


def want_no_closure(
    function: CustomFunction, called: Sequence[Any], results: Sequence[Node], allowed: Sequence[Node], which: str
) -> None:
    """Raise where a result depends on what is being differentiated, and no argument does: a derivative would be lost."""
    if {x.tokens for x in results} <= {EMPTY, *[x.tokens for x in allowed]}:  # the common case
        return
    strangers = derivative_tokens(x for x in results if x.dtype.kind in "fc")
    if strangers:
        strangers -= derivative_tokens(allowed)
    if not strangers:
        return
    token = min(strangers, key=lambda t: t.id)
    found = [x for out in results for x in between([out], {token})]
    source = found[0]
    names = sorted({name for f in called for name in _closed_over(f, token)})
    where = f"{' and '.join(names)} " if names else "a value "
    raise ArgumentError(
        f"{function.name}: {which} closes over {where}({strong(source.dtype)} of shape {source.shape}) that is being "
        f"differentiated ({token.what}), and its derivative would be lost. Make it an argument of {function.name}, or write "
        f"nb.detach(...) for it."
    )


def _closed_over(f: Any, token: Token) -> list[str]:
    """The names in the closure of `f`, and of the globals that it uses, which depend on a token."""
    try:
        variables = inspect.getclosurevars(inspect.unwrap(f))
    except TypeError:  # no Python function
        return []
    return [
        name
        for names in (variables.nonlocals, variables.globals)
        for name, x in names.items()
        if any(token in node.tokens.members for node in aux_nodes(x))
    ]
