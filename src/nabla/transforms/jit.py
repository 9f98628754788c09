"""jit: a function traced once for each kind of arguments, compiled as a whole, and then run without Python."""

from __future__ import annotations

import copy
import inspect
import sys
import warnings
from functools import lru_cache, partial
from threading import RLock
from time import perf_counter
from types import MethodType
from typing import Any, Callable, Iterable, Sequence

import numpy as np

from nabla import dtypes, tree
from nabla.engines.choice import DEFAULT, engine_called
from nabla.engines.engine import Engine
from nabla.errors import ArgumentError, ArgumentTypeError, RecompilationWarning
from nabla.exactly import exactly
from nabla.forks import HOLDERS
from nabla.graph.node import is_scalar
from nabla.ops.collectives import axes as open_axes
from nabla.ops.devices import default_place
from nabla.tensor import Tensor
from nabla.transforms.capture import AsksForLanes, is_tracing
from nabla.transforms.lowered import Lowered
from nabla.transforms.program import Program, Times, argument_names, scalar_dtype, traced
from nabla.transforms.shortcut import MISS, Call, shortcut
from nabla.transforms.trace import decorator, node_at, want_callable, wraps

MOST_PROGRAMS = 64
"""Programs that one function keeps; the one that was made first goes first."""
MOST_SHORTCUTS = 8
"""Kinds of calls that are looked for before anything else; the one that was written down first goes first."""
MANY_TRACES = 16
"""Traces of one function after which it warns that it is traced again and again."""


def jit(
    fn: Callable[..., Any] | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    *,
    engine: str | None = None,
) -> Any:
    """A function compiled as a whole: traced once for each structure, shapes and dtypes of its arguments, then run as one program.

    Args:
        fn: a function of arrays, numbers and pytrees of these. Left out, `jit` is a decorator.
        static_argnums, static_argnames: arguments that are values of Python, not arrays: they must be hashable, and each new
            value is traced anew.
        engine: "native" (machine code through LLVM), "xla", "numpy" (node by node), or None: what the environment variable
            NABLA_ENGINE names, else "native", and XLA for arguments that lie on devices.

    What the function reads besides its arguments is what Python would read at each call: tensors and arrays in closure cells,
    globals, `self` and attributes of these are hidden inputs; numbers, strings and functions there are guarded, and for another one
    the function is traced anew. What it writes in place to tensors outside is written at each call. Python itself (print, a list
    that is appended to) runs only while the function is traced.

    Inside, shapes may be branched on, values not: `if x > 0` raises TracedValueError; use nb.where, nb.cond or nb.while_loop.
    The result composes with every transform, inside and outside.

    >>> import nabla as nb
    >>> @nb.jit
    ... def f(x, y):
    ...     return (nb.square(x) * y).sum()
    >>> f(nb.array([1.0, 2.0]), 3.0)
    tensor(15.)
    >>> f.compilations
    1
    """
    if fn is None:
        return decorator(jit, static_argnums=static_argnums, static_argnames=static_argnames, engine=engine)
    want_callable("jit", fn)
    argnums, argnames = _numbers(static_argnums), _names(static_argnames)
    _want_parameters(fn, argnums, argnames)
    return Jitted(fn, argnums, argnames, engine_called(engine))


class Jitted:
    """A function made by `nb.jit`."""

    __slots__ = (
        "__dict__", "__weakref__", "_argnames", "_argnums", "_asks_for_lanes", "_engine", "_fn", "_history", "_lock", "_programs",
        "_shortcuts", "_told",
    )  # fmt: skip

    only_wraps = True
    """What it reads is what its function reads (roads.py)."""

    def __init__(self, fn: Callable[..., Any], argnums: tuple[int, ...], argnames: tuple[str, ...], engine: Engine) -> None:
        wraps(fn, self)
        self._fn = fn
        self._argnums = argnums
        self._argnames = argnames
        self._engine = engine
        self._programs: dict[Any, list[Program]] = {}
        self._shortcuts: tuple[Call, ...] = ()
        self._asks_for_lanes = False
        self._lock = RLock()
        HOLDERS.add(self)
        self._told: tuple[list[str], bool] | None = None
        self._history: list[tuple[str, Times]] = []

    def __get__(self, instance: Any, owner: Any = None) -> Jitted | MethodType:
        """As a method: a function of its own for each object, which the object itself keeps."""
        if instance is None:
            return self
        if isinstance(instance, type):  # a classmethod: to Python it is called with the class as its first argument
            return MethodType(self, instance)
        try:
            methods = instance.__dict__.get(METHODS)
            if methods is None or methods.of is not instance:
                methods = instance.__dict__[METHODS] = _Methods(instance)
        except (AttributeError, TypeError) as error:  # none, or one that cannot be written to
            raise ArgumentTypeError(
                f"jit: a method is compiled for each object and kept in its __dict__, which a {type(instance).__name__} does not "
                f"have; add '__dict__' to its __slots__"
            ) from error
        bound: Jitted | None = methods.get(self)
        if bound is None:
            argnums = tuple(i - 1 for i in self._argnums if i > 0)
            bound = methods.setdefault(self, Jitted(MethodType(self._fn, instance), argnums, self._argnames, self._engine))
        return bound

    def __repr__(self) -> str:
        return f"<nb.jit of {getattr(self._fn, '__qualname__', self._fn)}>"

    def __copy__(self) -> Jitted:
        """Itself, as of every function."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Jitted:
        """Itself, too, but of a method the method of the object's copy."""
        fn = copy.deepcopy(self._fn, memo)
        return self if fn is self._fn else Jitted(fn, self._argnums, self._argnames, self._engine)

    def __reduce__(self) -> Any:
        """Pickled by name where it has one, else as the function that it was made of; programs are not, and are compiled again."""
        found: Any = sys.modules.get(getattr(self._fn, "__module__", ""))
        name = getattr(self._fn, "__qualname__", "")
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name
        engine = None if self._engine is DEFAULT else self._engine.name
        return partial(jit, engine=engine), (self._fn, self._argnums, self._argnames)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for call in self._shortcuts:
            result = call(args, kwargs)
            if result is not MISS:
                return result
        if is_tracing() or (self._asks_for_lanes and open_axes.get()):
            return self._fn(*args, **kwargs)  # a part of what is traced now
        leaves, structure, statics, key = self._sorted(args, kwargs)
        try:
            program, hidden = self._program(leaves, structure, statics, key)
        except AsksForLanes:
            self._asks_for_lanes = True
            return self._fn(*args, **kwargs)
        before = program.calls
        result = program(leaves, hidden)
        if program.calls > before:
            written = shortcut(program, args, kwargs, statics, result, self._signature()[1])
            if written is not None:
                self._shortcuts = (written, *self._shortcuts[: MOST_SHORTCUTS - 1])
        return result

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """What a call with such arguments compiles, to be read and measured before it runs: the graph, its cost, the engine's text.

        >>> import nabla as nb
        >>> lowered = nb.jit(lambda x: (2.0 * x).sum(), engine="numpy").lower(nb.ones(3))
        >>> print(lowered)
        %0: float64[3] = placeholder name=args[0]
        %1: float64[3] = multiply 2. %0
        %2: float64[]  = sum %1 axes=(0,)
        return %2
        >>> lowered.cost().operations
        6
        >>> lowered.compile()(nb.ones(3)).item()
        6.0
        """
        program, hidden = self.traced(*args, **kwargs)
        tensors = [x._node for x in (*tree.flatten((args, kwargs))[0], *hidden) if isinstance(x, Tensor)]
        given = [x.value for x in tensors if x.value is not None]
        return Lowered(program, self._engine.serving(program.graph, given), self)

    def traced(self, *args: Any, **kwargs: Any) -> tuple[Program, list[Any]]:
        """The program for such arguments, and the values of its hidden inputs."""
        leaves, structure, statics, key = self._sorted(args, kwargs)
        return self._program(leaves, structure, statics, key)

    # Which program

    def _signature(self) -> tuple[list[str], bool]:
        """The names of the parameters that may be given by position, and whether the function sees in which order others are
        given by name."""
        if self._told is None:
            try:
                parameters = inspect.signature(self._fn).parameters.values()
            except (TypeError, ValueError):  # a builtin without a signature
                self._told = [], True
            else:
                names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
                self._told = names, any(p.kind is p.VAR_KEYWORD for p in parameters)
        return self._told

    def _sorted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], tree.TreeDef, Statics | None, Any]:
        """The leaves of what is traced, the static rest, and the key of the programs for such arguments."""
        statics = None
        if self._argnums or self._argnames:
            args, kwargs, statics = _split(self._signature()[0], self._argnums, self._argnames, args, kwargs)
        leaves: Any = args
        kinds: list[Any] = []
        shape: Any
        if not kwargs and _append_kinds(kinds, args):  # the common case: no containers
            structure, shape = _row(len(args)), len(args)
        else:
            if not self._signature()[1]:
                kwargs = dict(sorted(kwargs.items()))
            leaves, structure = tree.flatten((args, kwargs))
            shape = structure, tree.orders((args, kwargs))
            kinds = []
            if not _append_kinds(kinds, leaves):
                leaves = [x if type(x) in PLAIN else _as_tensor(x, structure, i) for i, x in enumerate(leaves)]
                kinds = []
                _append_kinds(kinds, leaves)
        return leaves, structure, statics, (shape, tuple(kinds), statics, id(dtypes.default_dtype()), default_place(), _axes())

    def _program(self, leaves: list[Any], structure: tree.TreeDef, statics: Statics | None, key: Any) -> tuple[Program, list[Any]]:
        for program in self._programs.get(key, ()):
            hidden = program.hidden()
            if type(hidden) is list:
                return program, hidden
        with self._lock:
            found, reason = self._fitting(key)  # another thread may have traced it meanwhile
            if found is None:
                start = perf_counter()
                program = traced(self._fn, self._engine, leaves, structure, _as_they_are if statics is None else statics.joined)
                program.times.tracing = perf_counter() - start
                for old in self._programs.get(key, ()):
                    old.compare(program)
                found, reason = self._fitting(key)
            if found is None:
                self._remember(key, program, reason)
                found, reason = self._fitting(key)
        if found is None:
            raise ArgumentError(f"jit: {self!r} changes what it reads while it is traced: {reason}")
        return found

    def _fitting(self, key: Any) -> tuple[tuple[Program, list[Any]] | None, str]:
        reason = ""
        for program in self._programs.get(key, ()):
            hidden = program.hidden()
            if type(hidden) is list:
                return (program, hidden), ""
            reason = str(hidden)
        return None, reason or f"the first call with {_news(key, self._programs)}"

    def _remember(self, key: Any, program: Program, reason: str) -> None:
        programs = self._programs
        programs[key] = [program, *programs.get(key, [])]
        while sum(map(len, programs.values())) > MOST_PROGRAMS:
            first = next(iter(programs))
            programs[first] = programs[first][:-1]
            if not programs[first]:
                del programs[first]
        self._history.append((reason, program.times))
        if len(self._history) == MANY_TRACES:
            warnings.warn(
                f"{self!r} was traced {MANY_TRACES} times; its explain() says why. Numbers that differ from call to call should be "
                f"arguments, neither static nor in closures, and arrays should keep their shapes.",
                RecompilationWarning,
                stacklevel=4,
            )

    # What users ask

    @property
    def compilations(self) -> int:
        """How often the function was traced."""
        return len(self._history)

    def explain(self) -> str:
        """Why the function was traced each time, how long that took, and how long the engine took to compile what was traced."""
        lines = [f"{self!r} was traced {len(self._history)} times, for the engine {self._engine.name}"]
        lines += [f"  {i}. {reason} ({times})" for i, (reason, times) in enumerate(self._history, 1)]
        return "\n".join(lines)

    def clear_cache(self) -> None:
        """Forget all programs."""
        with self._lock:
            self._programs.clear()
            self._shortcuts = ()


METHODS = "__nabla_jitted__"
"""The entry of an object's __dict__ with its compiled methods."""


class _Methods(dict[Jitted, Jitted]):
    """The compiled methods of an object, by the functions of its classes. They are of no use to a copy of the object."""

    def __init__(self, of: Any) -> None:
        self.of = of

    def __reduce__(self) -> Any:
        return _Methods, (None,)


class Statics:
    """Static arguments: by position and by name, equal where they are exactly."""

    __slots__ = ("_key", "named", "placed")

    def __init__(self, placed: Sequence[tuple[int, Any]], named: Sequence[tuple[str, Any]]) -> None:
        self.placed = tuple(placed)
        self.named = tuple(named)
        self._key = tuple([(where, exactly(value)) for where, value in (*self.placed, *self.named)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statics) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def described(self) -> dict[str, str]:
        return {f"args[{i}]": f"={x!r}" for i, x in self.placed} | {name: f"={x!r}" for name, x in self.named}

    def joined(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call: these among the others."""
        complete = list(args)
        for i, value in self.placed:
            complete.insert(i, value)
        return complete, {**kwargs, **dict(self.named)}


def _as_they_are(args: Any, kwargs: Any) -> tuple[Any, Any]:
    return args, kwargs


def _axes() -> tuple[tuple[str, int], ...]:
    """The named axes that are open here, which a program may speak of, with their sizes."""
    named = open_axes.get()
    return tuple([(name, axis.params["size"]) for name, axis in named.items()]) if named else ()


PLAIN = frozenset([Tensor, np.ndarray, float, int, bool, complex])


def _append_kinds(kinds: list[Any], leaves: Sequence[Any]) -> bool:
    """What a program depends on of each leaf; False where one of them is a container, or has to be made a tensor first."""
    for x in leaves:
        kind = type(x)
        if kind is Tensor:
            node = x._node
            kinds.append((node.shape, id(node.dtype)) if node.shape else _kind_of_one(node.dtype))
        elif kind is np.ndarray:
            kinds.append((x.shape, x.dtype))
        elif kind is int and not -(2**63) <= x < 2**63:
            if not 0 <= x < 2**64:
                raise ArgumentError(f"jit: the integer {x} is out of the range of int64 and uint64; a float may be that large")
            kinds.append(((), id(dtypes.uint64)))
        elif kind in PLAIN:
            kinds.append(kind)
        else:
            return False
    return True


WEAK = {id(dtypes.weak_int): int, id(dtypes.weak_float): float, id(dtypes.weak_complex): complex}
"""The types of Python's numbers, by the identity of the weak dtype that each comes as."""
DTYPES = {id(dtype): dtype for dtype in (*dtypes.SUPPORTED, dtypes.weak_int, dtypes.weak_float, dtypes.weak_complex)}
"""Every dtype by its identity, which is what kinds hold of it: hashing a dtype itself takes longer."""


def _kind_of_one(dtype: np.dtype) -> Any:
    """The kind of a tensor of one number: that of a number of Python, where it is what a program made of one."""
    number = WEAK.get(id(dtype))
    return number if number is not None and scalar_dtype(number()) is dtype else ((), id(dtype))


@lru_cache(maxsize=256)
def _row(count: int) -> tree.TreeDef:
    """The structure of (args, kwargs) for arguments without containers."""
    return tree.structure(((0,) * count, {}))


def _split(
    names: list[str], argnums: tuple[int, ...], argnames: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], Statics]:
    """The arguments without the static ones, and these. names: of the parameters that may be given by position."""
    places = {i % len(args) for i in argnums if -len(args) <= i < len(args)}
    places |= {names.index(name) for name in argnames if name in names and names.index(name) < len(args)}
    static_names = {*argnames, *[names[i] for i in argnums if -len(names) <= i < len(names)]}
    placed = [(i, args[i]) for i in sorted(places)]
    named = [(name, kwargs[name]) for name in sorted(kwargs) if name in static_names]
    for where, value in (*placed, *named):
        try:
            hash(value)
        except TypeError:
            what = f"args[{where}]" if isinstance(where, int) else where
            raise ArgumentTypeError(
                f"jit: {what} is static, and a {type(value).__name__} has no hash; pass a tuple or another hashable value, or do "
                f"not name it in static_argnums or static_argnames"
            ) from None
    rest = tuple([x for i, x in enumerate(args) if i not in places])
    return rest, {name: x for name, x in kwargs.items() if name not in static_names}, Statics(placed, named)


def _as_tensor(x: Any, structure: tree.TreeDef, i: int) -> Tensor:
    if isinstance(x, Tensor):
        return x
    if is_scalar(x) or hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return Tensor(node_at(x, argument_names(structure)[i], "jit"))
    raise ArgumentTypeError(
        f"jit: {argument_names(structure)[i]} is a {type(x).__name__}, no array. If its value decides what is computed, name it in "
        f"static_argnames or static_argnums; a container of arrays can be registered (nb.register_dataclass)."
    )


def _news(key: Any, known: Iterable[Any]) -> str:
    """What a call is like; where there was a similar one, only where it differs from that."""
    parts = _described(key)
    alike = [old for old in map(_described, known) if old.keys() == parts.keys()]
    if not alike:
        return ", ".join([f"{name}{text}" for name, text in parts.items() if name not in AROUND]) or "no arguments"
    before = min(reversed(alike), key=lambda old: sum(parts[name] != old[name] for name in parts))
    changes = [name for name in parts if parts[name] != before[name]]
    return ", ".join([f"{name}{parts[name]}, before{before[name].replace('=', ' ')}" for name in changes])


AROUND = ("default dtype", "default device", "axes of vmap", "order of keys")
"""What programs are kept by beside the arguments."""


def _described(key: Any) -> dict[str, str]:
    """The parts of what programs are kept by, by name."""
    shape, kinds, statics, default, place, axes = key
    structure, orders = (_row(shape), ()) if isinstance(shape, int) else shape
    parts = {name: f": {_kind_shown(kind)}" for name, kind in zip(argument_names(structure), kinds)}
    if statics is not None:
        parts |= statics.described()
    return {**parts, **dict(zip(AROUND, (f": {DTYPES[default]}", f": {place}", f": {axes}", f": {orders}")))}


def _kind_shown(kind: Any) -> str:
    if isinstance(kind, type):
        return kind.__name__
    shape, dtype = kind
    return f"{DTYPES[dtype]}{list(shape)}" if isinstance(dtype, int) else f"ndarray of {dtype}{list(shape)}"


def _want_parameters(fn: Callable[..., Any], argnums: tuple[int, ...], argnames: tuple[str, ...]) -> None:
    """Static arguments are among the parameters, where these are known."""
    try:
        parameters = inspect.signature(fn).parameters.values() if argnums or argnames else ()
    except (TypeError, ValueError):  # a builtin without a signature
        return
    kinds = [p.kind for p in parameters]
    by_place = kinds.count(inspect.Parameter.POSITIONAL_ONLY) + kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY]
    signature = ", ".join(map(str, parameters))
    for i in argnums:
        if not -by_place <= i < by_place and inspect.Parameter.VAR_POSITIONAL not in kinds:
            raise ArgumentError(f"jit: static_argnums has {i}, but the function takes {by_place} by position: ({signature})")
    for name in argnames:
        if name not in names and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise ArgumentError(f"jit: static_argnames has {name!r}, but the function's parameters are ({signature})")


def _numbers(argnums: Any) -> tuple[int, ...]:
    given = (argnums,) if isinstance(argnums, (int, np.integer)) and not isinstance(argnums, bool) else argnums
    if not isinstance(given, (tuple, list)) or not all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in given):
        raise ArgumentTypeError(f"jit: static_argnums is an int or a sequence of ints; got {argnums!r}")
    return tuple(int(i) for i in given)


def _names(argnames: Any) -> tuple[str, ...]:
    given = (argnames,) if isinstance(argnames, str) else argnames
    if not isinstance(given, (tuple, list)) or not all(isinstance(name, str) for name in given):
        raise ArgumentTypeError(f"jit: static_argnames is a string or a sequence of strings; got {argnames!r}")
    return tuple(given)
