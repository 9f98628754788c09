"""Calling a user's function on variables: what grad, vjp, jvp and the Jacobians share.

A `Trace` is one call. It owns the token; it makes a variable of each leaf to be differentiated, hands the function
fresh handles, and sees to it that an exception leaves nothing behind.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from functools import partial, update_wrapper
from typing import Any, Callable, Iterable, Mapping, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.dtypes import float0
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, NablaError, TracedValueError
from nabla.graph.node import Node, runtime
from nabla.graph.tokens import EMPTY, Token, Tokens, raise_ended
from nabla.graph.walk import between
from nabla.ops.devices import beside
from nabla.ops.lift import as_node, born
from nabla.primitives.base import constant, scalar
from nabla.primitives.leaves import not_a_leaf
from nabla.primitives.structure import detach, leave, variable
from nabla.tensor import Tensor

Path = str | tree.Place


class Leaf:
    """One differentiated leaf: its variable (None for an integer or boolean), its path, and, where it was NumPy's, whether
    it was an array or a scalar."""

    __slots__ = ("node", "numpy", "path", "variable")

    def __init__(self, node: Node, variable: Node | None, numpy: type | None, path: Path) -> None:
        self.node = node
        self.variable = variable
        self.numpy = numpy
        self.path = path


def numpy_kind(x: Any) -> type | None:
    """np.ndarray or np.generic where `x` is NumPy's, or stands for what is while a function is traced, else None."""
    if isinstance(x, Tensor):
        node = x._node
        return None if node.inputs else node.params.get("numpy")
    return np.ndarray if isinstance(x, np.ndarray) else np.generic if isinstance(x, np.generic) else None


def node_at(x: Any, path: Path, what: str) -> Node:
    """Something array-like as a node; an error says where it stands."""
    try:
        return as_node(x)
    except NablaError as error:
        raise type(error)(f"{what}: {path}: {error}") from error


def leaf_node(x: Any, path: Path, what: str, allow_int: bool) -> Node:
    """A leaf to be differentiated, as a node."""
    kind = type(x)
    if kind is Tensor:
        node = x._node
    elif kind is float:
        default = dtypes.default_dtype()
        node = scalar(x, dtypes.weak_float if default is dtypes.float64 else default)
    elif kind is complex:
        default = dtypes.default_complex()
        node = scalar(x, dtypes.weak_complex if default is dtypes.complex128 else default)
    elif isinstance(x, (Tensor, np.ndarray, np.generic)):
        node = node_at(x, path, what)
    elif isinstance(x, (bool, int)):
        if not allow_int:
            raise DTypeError(
                f"{what}: {path} is the Python {kind.__name__} {x!r}, and a derivative needs real or complex numbers. "
                f"Write {float(x)!r}, or pass allow_int=True for a float0 gradient."
            )
        node = scalar(x, dtypes.of_scalar(x))
    elif isinstance(x, float):
        return leaf_node(float(x), path, what, allow_int)
    elif isinstance(x, complex):
        return leaf_node(complex(x), path, what, allow_int)
    else:
        raise ArgumentTypeError(
            f"{what}: {path} is a {kind.__name__}, which cannot be differentiated. Pass numbers, arrays, tensors or pytrees of "
            f"these; register a class of your own with nb.register_dataclass or nb.tree.register_pytree_node."
        )
    if node.dtype.kind not in "fc" and not allow_int:
        raise DTypeError(
            f"{what}: {path} has dtype {node.dtype}, and a derivative needs real or complex floating numbers. "
            f"Convert it, for example with .astype(nb.float64), or pass allow_int=True for a float0 gradient."
        )
    return node


class Trace:
    """One call of a function on variables."""

    __slots__ = ("alone", "leaves", "outlives", "token", "what")

    def __init__(self, what: str, outlives: bool = False, forward: bool = False) -> None:
        self.what = what
        self.outlives = outlives  # the token lives on in a pullback
        self.token = Token(what)
        self.token.forward = forward
        self.alone = Tokens((self.token,))
        self.leaves: list[Leaf] = []

    def open(self, x: Any, path: str, allow_int: bool = False) -> Any:
        """The argument `x` with each of its leaves a handle on a fresh variable."""
        if type(x) is Tensor and x._node.dtype.kind in "fc":  # the common case
            node = x._node
            v = variable(node, self.alone)
            self.leaves.append(Leaf(node, v, None if node.inputs else node.params.get("numpy"), path))
            return Tensor(v)
        values, structure = tree.flatten(x)
        places = tree.places(structure, path)
        return tree.unflatten(structure, [self._open_leaf(leaf, p, allow_int) for leaf, p in zip(values, places)])

    def _open_leaf(self, x: Any, path: Path, allow_int: bool) -> Any:
        node = leaf_node(x, path, self.what, allow_int)
        if node.dtype.kind in "fc":
            v = variable(node, self.alone)
            self.leaves.append(Leaf(node, v, numpy_kind(x), path))
            return Tensor(v)
        self.leaves.append(Leaf(node, None, numpy_kind(x), path))
        return x if isinstance(x, (bool, int)) else born(node)

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, kind: Any, *rest: object) -> None:
        """End of the call. After an exception, handles that it moved in its scope are put back."""
        if kind is not None:
            self.token.restore()
            self.token.kill()
        elif self.outlives:
            self.token.reads = []
            self.token.moved = []
            self.token.running = False
        else:
            self.token.kill()

    def returned(self) -> None:
        """The function has returned and the sweep begins: what it makes is not differentiated by this call again."""
        self.token.running = False

    @property
    def variables(self) -> list[Node]:
        return [leaf.variable for leaf in self.leaves if leaf.variable is not None]

    def check_connected(self, outputs: Sequence[Node]) -> None:
        """Raise where an output is unconnected to a variable because Python read its value: that would be a silent zero."""
        reads = self.token.reads
        if not reads:
            return
        swept = set(between(outputs, {self.token}))
        for leaf in self.leaves:
            if leaf.variable is None or leaf.variable in swept:
                continue
            for node, line in reads:
                if leaf.variable in between([node], {self.token}):
                    raise TracedValueError(
                        f"{self.what}: the output does not depend on {leaf.path} except through a value that was read by float(), "
                        f"int(), .item() or .tolist() at {line}, which cuts the derivative. Keep it a tensor there; if the "
                        f"derivative is meant to be zero, write nb.detach({leaf.path}) before reading it."
                    )

    def zero(self, leaf: Leaf) -> Node:
        """The gradient of a leaf that nothing depends on."""
        return zero_cotangent(leaf.node)


def zero_cotangent(x: Node) -> Node:
    dtype = x.dtype if x.dtype.kind in "fc" else float0
    return constant(np.zeros(x.shape, dtype), dtype)


def fresh(x: Any) -> Any:
    """An argument that is not differentiated, with new handles: what the function writes to it is not seen outside."""
    kind = type(x)
    if kind is Tensor:
        return born(x._node)
    if kind in _PLAIN or not any(isinstance(leaf, Tensor) for leaf in tree.leaves(x)):
        return x
    return tree.map(_fresh_leaf, x)


def _fresh_leaf(x: Any) -> Any:
    return born(x._node) if isinstance(x, Tensor) else x


_PLAIN = frozenset([int, float, bool, complex, str, bytes, np.ndarray, type(None)])


def is_free(node: Node) -> bool:
    """Whether nobody to come can differentiate or map the node; a pullback looks at nothing made after its call."""
    tokens = node.tokens
    return tokens is EMPTY or not tokens.members or not any(token.running for token in tokens.members)


def cut_off(g: Node) -> Node:
    """A derivative made with create_graph=False: a constant, also where a rule handed on a node that was there before."""
    return detach(g) if any(token.inlines or not token.placeholder for token in g.tokens.members) else g


def realize_free(nodes: Iterable[Node]) -> None:
    """Realise together those that no live transform depends on: nobody younger can differentiate them."""
    wanted = [node for node in nodes if node.value is None and is_free(node)]
    if wanted:
        runtime.realize(wanted)


def realize_valued(nodes: Iterable[Node]) -> None:
    """Realise together all that have a value within reach."""
    wanted = [node for node in nodes if node.value is None and not node.tokens.placeholder]
    if wanted:
        runtime.realize(wanted)


def output_node(x: Any, path: Path, what: str) -> Node:
    """A leaf of what the user's function returned, as a node."""
    if isinstance(x, Tensor):
        node = x._node
        if node.tokens.ended is not None:
            raise_ended(node.tokens.ended)
        return node
    if isinstance(x, (bool, int, float, complex, np.ndarray, np.generic)):
        return node_at(x, path, what)
    raise ArgumentTypeError(
        f"{what}: the function returned a {type(x).__name__} at {path}; it must return numbers, arrays, tensors, or "
        f"pytrees of these"
    )


def split_aux(result: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        shown = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise ArgumentTypeError(f"{what}: with has_aux=True the function must return a pair (output, aux); it returned {shown}")
    return result


def aux_nodes(aux: Any) -> list[Node]:
    """The nodes of the tensors in auxiliary output, which may be anything."""
    return [x._node for x in tree.leaves(aux) if isinstance(x, Tensor)]


def flatten_outputs(result: Any, what: str) -> tuple[list[Node], tree.TreeDef, Sequence[Path]]:
    """What the function returned: its leaves as nodes, its structure, the places of the leaves."""
    if type(result) is Tensor:
        return [output_node(result, "output", what)], tree.LEAF, ["output"]
    values, structure = tree.flatten(result)
    places = tree.places(structure, "output")
    if not values:
        raise ArgumentTypeError(
            f"{what}: the function returned {'None' if result is None else repr(result)}, nothing to differentiate; "
            f"is a return statement missing?"
        )
    return [output_node(x, p, what) for x, p in zip(values, places)], structure, places


def give(node: Node, leaf: Leaf, as_numpy: bool) -> Any:
    """A gradient to the user: NumPy's where the leaf was NumPy's and the call is outermost, else a tensor.

    Zeros of dtype float0 are a tensor always: NumPy could not add and scale them.
    """
    if as_numpy and leaf.numpy is not None and node.value is not None and node.dtype.kind != "V" and is_free(node):
        return as_numpy_kind(node.value, leaf.numpy)
    result = hand_out(beside(node, leaf.node))
    if as_numpy and leaf.numpy is not None and node.dtype.kind != "V":
        result._numpy = leaf.numpy
    return result


def as_numpy_kind(value: Any, kind: type) -> Any:
    """A value as an array, or scalar, of NumPy's that the user may write to."""
    array = np.array(value)
    return array[()] if kind is np.generic else array


def hand_out(node: Node) -> Tensor:
    """A result: a tensor of its own, though its node may be that of an argument or a leaf."""
    return born(not_a_leaf(node))


# A call that is kept


class KeptCall:
    """A call whose graph is kept for the sweeps that come after it, as long as this object lives."""

    __slots__ = ("aux", "outputs", "paths", "spans", "structure", "structures", "trace")

    def __init__(self, what: str, fn: Callable[..., Any], primals: Sequence[Any], has_aux: bool, forward: bool = False) -> None:
        want_callable(what, fn)
        want_bool(what, has_aux=has_aux)
        if not primals:
            raise ArgumentTypeError(f"{what}: give the arguments of the function after it, as in nb.{what}(f, x, y)")
        with Trace(what, outlives=True, forward=forward) as trace:
            self.spans: list[tuple[int, int]] = []
            self.structures: list[tree.TreeDef] = []
            opened = []
            for i, x in enumerate(primals):
                start = len(trace.leaves)
                opened.append(trace.open(x, f"primals[{i}]", allow_int=True))
                self.spans.append((start, len(trace.leaves)))
                self.structures.append(tree.structure(opened[-1]))
            result, self.aux = split_aux(fn(*opened), has_aux, what)
            self.outputs, self.structure, self.paths = flatten_outputs(result, what)
            trace.check_connected(self.outputs)
            self.trace = trace

    def result(self) -> Any:
        """What the function returned, for those outside."""
        outside = [leave(node, self.trace.token) for node in self.outputs]
        realize_free([*outside, *aux_nodes(self.aux)])
        return tree.unflatten(self.structure, [hand_out(node) for node in outside])

    def __del__(self) -> None:
        trace = getattr(self, "trace", None)
        if trace is not None:
            trace.token.kill()


# Which arguments


class Selection:
    """The arguments to differentiate, checked when the transform is made as far as that goes."""

    __slots__ = ("argnames", "argnums", "what")

    def __init__(self, what: str, argnums: Any, argnames: Any, default: Any) -> None:
        self.what = what
        if argnums is None and argnames is None:
            argnums = default
        self.argnums = _checked_argnums(what, argnums)
        self.argnames = _checked_argnames(what, argnames)

    def positions(self, args: Sequence[Any]) -> list[int]:
        """The positions in a call's arguments, non-negative."""
        n = len(args)
        if self.argnums is None:
            return []
        if isinstance(self.argnums, int):
            if 0 <= self.argnums < n:  # the common case
                return [self.argnums]
            wanted: tuple[int, ...] = (self.argnums,)
        else:
            wanted = self.argnums
        result = []
        for i in wanted:
            if not -n <= i < n:
                raise ArgumentError(
                    f"{self.what}: argnums={self.argnums!r} names argument {i}, but the function was called with {n} positional "
                    f"argument{'' if n == 1 else 's'}; use argnames= for keyword arguments"
                )
            result.append(i % n)
        if len(set(result)) < len(result):
            raise ArgumentError(f"{self.what}: argnums={self.argnums!r} names an argument twice")
        return result

    def names(self, kwargs: Mapping[str, Any]) -> list[str]:
        if self.argnames is None:
            return []
        wanted = [self.argnames] if isinstance(self.argnames, str) else list(self.argnames)
        for name in wanted:
            if name not in kwargs:
                given = ", ".join(kwargs) if kwargs else "none"
                raise ArgumentError(
                    f"{self.what}: argnames={self.argnames!r} names {name!r}, but the function was called with the keyword "
                    f"arguments: {given}; use argnums= for positional arguments"
                )
        return wanted

    def arrange(self, by_position: Sequence[Any], by_name: Mapping[str, Any]) -> Any:
        """The gradients in the arrangement that the user asked for."""
        positional = by_position[0] if isinstance(self.argnums, int) else tuple(by_position)
        if self.argnames is None:
            return positional
        named = by_name[self.argnames] if isinstance(self.argnames, str) else dict(by_name)
        return named if self.argnums is None else (positional, named)


def _checked_argnums(what: str, argnums: Any) -> int | tuple[int, ...] | None:
    if argnums is None or (isinstance(argnums, (int, np.integer)) and not isinstance(argnums, bool)):
        return None if argnums is None else int(argnums)
    if isinstance(argnums, (tuple, list)) and all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in argnums):
        if not argnums:
            raise ArgumentError(f"{what}: argnums is empty; name at least one argument")
        return tuple(int(i) for i in argnums)
    raise ArgumentTypeError(f"{what}: argnums must be an int or a tuple of ints; got {argnums!r}")


def _checked_argnames(what: str, argnames: Any) -> str | tuple[str, ...] | None:
    if argnames is None or isinstance(argnames, str):
        return argnames
    if isinstance(argnames, (tuple, list)) and all(isinstance(name, str) for name in argnames):
        if not argnames:
            raise ArgumentError(f"{what}: argnames is empty; name at least one keyword argument")
        if len(set(argnames)) < len(argnames):
            raise ArgumentError(f"{what}: argnames={argnames!r} names an argument twice")
        return tuple(argnames)
    raise ArgumentTypeError(f"{what}: argnames must be a string or a sequence of strings; got {argnames!r}")


class Opened:
    """A call's arguments with variables in the selected places, and how to put the gradients back together."""

    __slots__ = ("args", "kwargs", "names", "positions", "spans", "structures", "trace")

    def __init__(self, trace: Trace, selection: Selection, args: Sequence[Any], kwargs: Mapping[str, Any], allow_int: bool) -> None:
        self.trace = trace
        self.positions = selection.positions(args)
        self.names = selection.names(kwargs)
        self.args = list(args)
        self.kwargs: dict[str, Any] = {}
        self.spans: list[tuple[int, int]] = []
        self.structures: list[tree.TreeDef] = []
        for i in self.positions:
            self.args[i] = self._open(args[i], f"args[{i}]", allow_int)
        for i, x in enumerate(args):
            if i not in self.positions:
                self.args[i] = fresh(x)
        if kwargs:
            for name in self.names:
                self.kwargs[name] = self._open(kwargs[name], f"kwargs[{name!r}]", allow_int)
            for name, x in kwargs.items():
                if name not in self.names:
                    self.kwargs[name] = fresh(x)
        if not trace.leaves:
            raise ArgumentTypeError(f"{trace.what}: there is nothing to differentiate in the selected arguments")

    def _open(self, x: Any, path: str, allow_int: bool) -> Any:
        start = len(self.trace.leaves)
        opened = self.trace.open(x, path, allow_int)
        self.spans.append((start, len(self.trace.leaves)))
        self.structures.append(tree.LEAF if type(opened) is Tensor else tree.structure(opened))
        return opened

    def collect(self, values: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """One value per leaf, put together by argument: by position and by name."""
        parts = []
        for (start, stop), structure in zip(self.spans, self.structures):
            parts.append(values[start] if structure is tree.LEAF else tree.unflatten(structure, values[start:stop]))
        count = len(self.positions)
        return parts[:count], dict(zip(self.names, parts[count:]))


# Wrapped functions and decorators


def wraps(fn: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """`wrapper` with name, docstring and signature of `fn`; a partial has those of its function, an object those of its class."""
    named = fn
    while isinstance(named, partial):
        named = named.func
    if hasattr(named, "__name__"):
        update_wrapper(wrapper, named, updated=("__dict__",) if inspect.isfunction(named) else ())
    else:
        update_wrapper(wrapper, type(named), updated=())
        wrapper.__doc__ = type(named).__doc__ or type(named).__call__.__doc__
    wrapper.__wrapped__ = fn  # type: ignore[attr-defined]
    with suppress(TypeError, ValueError):  # a builtin without a signature
        wrapper.__signature__ = inspect.signature(fn)  # type: ignore[attr-defined]
    return wrapper


def decorator(transform: Callable[..., Any], **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What `@transform(**options)` returns."""
    return partial(transform, **options)


def want_callable(what: str, fn: Any) -> None:
    if not callable(fn):
        raise ArgumentTypeError(f"{what} takes a function; got {type(fn).__name__}. Write nb.{what}(f)(x), not nb.{what}(f(x))?")


def want_bool(what: str, **flags: Any) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, (bool, np.bool_)):
            raise ArgumentTypeError(f"{what}: {name} must be True or False; got {flag!r}")
