"""What a function reads besides its arguments, and by which road, so that a compiled program uses what Python would use.

A *road* leads from the function to a value: a closure cell, a global name, a default, `self`, attributes of these, and the leaves
of containers found there. Tensors and arrays at the end of a road are hidden inputs of the program, read at each call; numbers,
strings, functions and objects are guarded: where there is another one, the function is traced again.
"""

from __future__ import annotations

import inspect
import sys
from collections import ChainMap, UserDict
from copy import copy
from functools import partial
from threading import local
from types import CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, Callable

import numpy as np

from nabla import tree
from nabla.exactly import exactly
from nabla.graph.node import is_scalar
from nabla.primitives.leaves import is_leaf
from nabla.tensor import Tensor, View

Get = Callable[[], Any]
Guard = tuple[Get, Any, Callable[[Any, Any], bool], str]
"""How to get a value, what it was, whether another one is as good, and its name."""

WATCHED = 4096
"""Bytes of an array up to which its elements are compared at each call, in case NumPy computed with them."""
DEEPEST = 3
"""Attributes of attributes are followed so far."""
FOREIGN = frozenset(["nabla", "numpy", "scipy", "jax", "torch", "matplotlib", "optree", *sys.stdlib_module_names])
"""Packages whose functions read no tensors of the user's but their arguments."""
MAPPINGS = (dict, UserDict, ChainMap, MappingProxyType)
"""Classes of which each object is read as a dict."""
MISSING = object()


class Hidden:
    """A tensor or array that the function may read: the first road to it, the others, its kind, and, while the function is traced,
    itself."""

    __slots__ = ("aliases", "dtype", "get", "is_leaf", "is_tensor", "name", "shape", "value")

    def __init__(self, name: str, get: Get, value: Any) -> None:
        self.name = name
        self.get = get
        self.value = value
        self.aliases: list[Get] = []
        self.is_tensor = isinstance(value, Tensor)
        self.is_leaf = self.is_tensor and is_leaf(value._node)
        self.shape = value.shape
        self.dtype = value._node.dtype if self.is_tensor else value.dtype

    def takes(self, value: Any) -> bool:
        """Whether a program that was traced with the one takes the other."""
        if self.is_tensor:
            if type(value) is not Tensor and (not isinstance(value, Tensor) or isinstance(value, View)):
                return False
            node = value._node
            return node.shape == self.shape and node.dtype is self.dtype and is_leaf(node) is self.is_leaf
        return isinstance(value, np.ndarray) and value.shape == self.shape and value.dtype == self.dtype


class Roads:
    """All roads from a function, as they are now."""

    def __init__(self, fn: Any, seen: set[int] | None = None) -> None:
        self.hidden: list[Hidden] = []
        self.reads_grads = False  # whether roads lead from leaves to their .grad
        self._by_id: dict[int, Hidden] = {}
        self.guards: list[Guard] = []
        self._seen = set() if seen is None else seen  # functions
        self._seen_later: set[int] = set() if seen is None else seen
        self._objects: dict[int, frozenset[str]] = {}  # the attributes of each that were followed
        self._methods: set[tuple[int, int]] = set()
        self._function(fn, "")

    def capture(self, tensor: Tensor) -> None:
        """A tensor that was reached by another road is known by its handle."""
        self._hide(lambda: tensor, "a captured tensor", tensor)

    def read_grads(self) -> None:
        """The function asks for the .grad of leaves, or adds to it."""
        self.reads_grads = True
        for hidden in list(self.hidden):
            self._grad_of(hidden)

    def guard_content(self, hidden: Hidden) -> None:
        """An array that NumPy itself computed with: the program holds what came of it, while its elements stay what they are."""
        self.guards.append((hidden.get, hidden.value.copy(), _same_content, hidden.name))
        self.hidden.remove(hidden)

    def watch_contents(self) -> None:
        """NumPy may have read the arrays that are inputs, too. Until it is known that it did not, small ones are looked at."""
        for x in self.hidden:
            if not x.is_tensor and x.value.nbytes <= WATCHED:
                self.guards.append((x.get, x.value.copy(), same_but_watched, x.name))

    @property
    def watches(self) -> bool:
        """Whether it still looks at small arrays that are inputs."""
        return any(guard[2] is same_but_watched for guard in self.guards)

    def trust(self) -> None:
        """NumPy reads none of the arrays that are inputs."""
        with _round:
            self.guards = [guard for guard in self.guards if guard[2] is not same_but_watched]

    def given_anew(self) -> list[tuple[int, Any]]:
        """The hidden inputs whose roads lead somewhere else than at the beginning of the trace, by number, and where to."""
        with _round:
            return [(i, now) for i, x in enumerate(self.hidden) if (now := x.get()) is not x.value]

    def settle(self) -> None:
        """The function was traced: what was there then is not kept alive, and what the trace itself changed is not looked at:
        Python runs only then."""
        with _round:
            self.guards = [guard for guard in self.guards if _holds(guard)]
            for hidden in self.hidden:
                if hidden.get() is not hidden.value:
                    hidden.get = partial(itself, hidden.value)
                hidden.value = None

    def current(self) -> list[Any] | str:
        """The hidden inputs now, one value each; a string says why what was traced no longer holds."""
        with _round:
            return self._current()

    def _current(self) -> list[Any] | str:
        for guard in self.guards:
            if not _holds(guard):
                return f"{guard[3]} changed"
        values = []
        for hidden in self.hidden:
            value = hidden.get()
            if not hidden.takes(value):
                return f"{hidden.name} is another kind of array"
            for alias in hidden.aliases:
                if alias() is not value:
                    return f"{hidden.name} has two names no longer"
            values.append(value)
        return values

    # Collecting

    def _function(self, fn: Any, name: str, depth: int = 0) -> None:
        """The roads from something that is called."""
        if id(fn) in self._seen:
            return
        self._seen.add(id(fn))
        if isinstance(fn, partial):
            self._function(fn.func, name, depth)
            self._value(lambda: fn.args, f"{name}.args", frozenset(), depth)
            self._value(lambda: fn.keywords, f"{name}.keywords", frozenset(), depth)
        elif isinstance(fn, MethodType):
            self._object(fn.__self__, "self", names_of(fn.__func__), depth)
            self._function(fn.__func__, name, depth)
        elif isinstance(fn, FunctionType):
            self._code(fn, depth)
        elif _only_wraps(fn):
            pass
        elif not isinstance(fn, type) and isinstance(call := vars(type(fn)).get("__call__"), FunctionType):
            self._object(fn, "self", names_of(call), depth)
            self._function(call, name, depth)
        inner = getattr(fn, "__wrapped__", None)
        if inner is not None:
            self._function(inner, name, depth)
        if hasattr(type(fn), "run_later"):  # it has rules of its own for derivatives and batches
            for rule in fn.run_later():
                self._later(rule)

    def _later(self, rule: Any) -> None:
        """What runs when the program is differentiated or batched finds the tensors of that time: they are guarded, too."""
        roads = Roads(rule, self._seen_later)
        self.guards += roads.guards
        for hidden in roads.hidden:
            if hidden.is_tensor:
                self.guards.append((partial(_node_of, hidden.get), hidden.value._node, never, hidden.name))
            else:
                self.guards.append((hidden.get, hidden.value.copy(), _same_content, hidden.name))

    def _code(self, fn: FunctionType, depth: int) -> None:
        if (fn.__module__ or "").partition(".")[0] in FOREIGN:
            return
        names = names_of(fn)
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or ()):
            self._value(partial(contents, cell), name, names, depth)
        space = fn.__globals__
        for name in sorted(names):
            if name in space:
                self._value(partial(entry, space, name), name, names, depth)
        for default in (*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()):
            if not is_scalar(default):
                self._value(partial(itself, default), "a default", names, depth)

    def _value(self, get: Get, name: str, names: frozenset[str], depth: int) -> None:
        value = get()
        if isinstance(value, Tensor) or _is_array(value):
            self._hide(get, name, value)
        elif isinstance(value, np.ndarray):
            self.guards.append((get, value.copy(), _same_content, name))
        elif value is None or is_scalar(value) or isinstance(value, (str, bytes, np.generic)):
            self.guards.append((get, value, _equal, name))
        elif isinstance(value, (set, frozenset, bytearray)):
            self.guards.append((get, copy(value), _equal, name))
        elif isinstance(value, ModuleType):
            if value.__name__.partition(".")[0] not in FOREIGN:
                self._attributes(value, name, names, depth)
            elif getattr(get, "func", None) is not entry:  # a global name is that of an import
                self.guards.append((get, value, never, name))
        elif isinstance(value, MAPPINGS) and tree.is_leaf(value):
            self._container(partial(_as_dict, get), name, names, depth)
            self._object(value, name, names, depth)
        elif not isinstance(value, partial) and (getattr(value, "__module__", None) or "").partition(".")[0] in FOREIGN:
            inner = getattr(value, "__wrapped__", None)
            if inner is None and not tree.is_leaf(value):
                self._container(get, name, names, depth)
                return
            self.guards.append((get, value, never, name))
            if inner is not None:  # what a transform made of a function
                self._function(inner, name, depth)
            elif not isinstance(value, type) and depth < DEEPEST:
                for wanted in sorted(names & getattr(value, "__dict__", {}).keys()):
                    self._value(partial(attribute, value, wanted), f"{name}.{wanted}", names, depth + 1)
        elif isinstance(value, type):
            self.guards.append((get, value, never, name))
            self._object(value, name, names, depth)
        elif not tree.is_leaf(value):
            self._container(get, name, names, depth)
        elif callable(value):
            self.guards.append((get, value, never, name))
            self._function(value, name, depth)
            if not isinstance(value, (FunctionType, MethodType, partial)) and not _only_wraps(value):
                self._object(value, name, names, depth)
        else:
            self.guards.append((get, value, never, name))
            self._object(value, name, names, depth)

    def _object(self, value: Any, name: str, names: frozenset[str], depth: int) -> None:
        known = self._objects.get(id(value), frozenset())
        if depth < DEEPEST and not names <= known:
            self._objects[id(value)] = known | names
            self._attributes(value, name, names - known, depth + 1)

    def _attributes(self, value: Any, name: str, names: frozenset[str], depth: int) -> None:
        """The attributes that the code speaks of, and that can be read without running anything; of methods and properties what
        their code reads."""
        for wanted in sorted(_known(value, names)):
            found = inspect.getattr_static(value, wanted, MISSING)
            if isinstance(found, property):
                found = found.fget
            elif isinstance(found, (classmethod, staticmethod)):
                found = found.__func__
            elif isinstance(value, (ModuleType, type)) or wanted in getattr(value, "__dict__", ()):
                found = MISSING  # no method: a function that it was given
            if isinstance(found, FunctionType):
                self._object_method(value, found, depth)
            elif attribute(value, wanted) is not MISSING:
                self._value(partial(attribute, value, wanted), f"{name}.{wanted}", names, depth)

    def _object_method(self, value: Any, function: FunctionType, depth: int) -> None:
        if id(function) not in self._seen and (id(value), id(function)) not in self._methods and depth <= DEEPEST:
            self._methods.add((id(value), id(function)))  # methods may call each other
            self._attributes(value, "self", names_of(function), depth)
            self._function(function, function.__name__, depth)

    def _container(self, get: Get, name: str, names: frozenset[str], depth: int) -> None:
        built = structure(get)
        self.guards.append((partial(structure, get), built, _equal, f"the structure of {name}"))
        with _round:
            for i, path in enumerate(tree.paths(built[0], name)):
                self._value(partial(leaf, get, i), path, names, depth)

    def _hide(self, get: Get, name: str, value: Any) -> None:
        if isinstance(value, View):  # what is read and written is the tensor of which it shows a part
            self.guards.append((lambda: _shown(get()), _shown(value), _equal, name))
            self._hide(lambda: get()._base, name, value._base)
            return
        if isinstance(value, Tensor) and value._node.tokens.ended is not None:  # left by another trace: to read it is an error
            return
        known = self._by_id.get(id(value))
        if known is not None:
            known.aliases.append(get)
            return
        hidden = Hidden(name, get, value)
        self._by_id[id(value)] = hidden
        self.hidden.append(hidden)
        if self.reads_grads:
            self._grad_of(hidden)

    def _grad_of(self, leaf: Hidden) -> None:
        if leaf.is_leaf:
            self._value(lambda: getattr(leaf.get(), "grad", MISSING), f"{leaf.name}.grad", frozenset(), 0)


def _only_wraps(fn: Any) -> bool:
    """Whether what is called is a compiled function: it reads what its function reads, and the programs it keeps are its own."""
    return getattr(type(fn), "only_wraps", False)


def _holds(guard: Guard) -> bool:
    get, old, same, _ = guard
    new = get()
    return new is old or same(new, old)


def names_of(fn: Any) -> frozenset[str]:
    """The names of globals and attributes that a function's code speaks of, those of the functions inside it included."""
    code = getattr(fn, "__code__", None)
    return frozenset() if code is None else frozenset(_names(code))


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _known(value: Any, names: frozenset[str]) -> set[str]:
    """Those of `names` that the object or its classes have."""
    known: set[str] = set()
    classes = (*(value.__mro__ if isinstance(value, type) else ()), *type(value).__mro__)
    for space in (getattr(value, "__dict__", {}), *map(vars, classes)):
        known |= names & space.keys()
    return known


# The steps of roads


def contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return MISSING


def entry(space: dict[str, Any], name: str) -> Any:
    return space.get(name, MISSING)


def attribute(value: Any, name: str) -> Any:
    return getattr(value, name, MISSING)


def itself(value: Any) -> Any:
    return value


def structure(get: Get) -> tuple[tree.TreeDef, Any]:
    value = get()
    return tree.structure(value), tree.orders(value)


def leaf(get: Get, index: int) -> Any:
    containers = {} if _round.containers is None else _round.containers
    found = containers.get(id(get))
    if found is None:
        found = containers[id(get)] = tree.leaves(get())
    return found[index] if index < len(found) else MISSING  # it may have become smaller


def _as_dict(get: Get) -> dict[Any, Any]:
    return dict(get())


class _Round(local):
    """While all roads are walked, containers are taken apart once, not once for each leaf."""

    containers: dict[int, list[Any]] | None = None
    depth = 0

    def __enter__(self) -> None:
        self.depth += 1
        if self.containers is None:
            self.containers = {}

    def __exit__(self, *exception: object) -> None:
        self.depth -= 1
        if not self.depth:
            self.containers = None


_round = _Round()


def _node_of(get: Get) -> Any:
    value = get()
    return value._node if isinstance(value, Tensor) else MISSING


def _shown(view: Any) -> Any:
    return (view._spec, view._layout) if isinstance(view, View) else None


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc"


def _equal(a: Any, b: Any) -> bool:
    return bool(exactly(a) == exactly(b))


def _same_content(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_but_watched(a: Any, b: Any) -> bool:
    """The same content, of an array that is an input anyway."""
    return _same_content(a, b)


def never(a: Any, b: Any) -> bool:
    return False
