"""Pytrees: nested containers of arrays. optree does the work, in a namespace of Nabla's own.

None is an empty node; dicts are ordered by sorted key; lists, tuples, named tuples, deques are known; dataclasses and own
classes become known by one registration.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any, Callable, Iterable, Sequence, TypeVar

import optree

from nabla.errors import ArgumentError, ArgumentTypeError, TreeError
from nabla.exactly import Exactly

NAMESPACE = "nabla"
TreeDef = optree.PyTreeSpec
T = TypeVar("T")


def flatten(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeDef]:
    """The leaves of a pytree, in order, and its structure. What `is_leaf` says yes to counts as a leaf, too.

    >>> import nabla as nb
    >>> leaves, structure = nb.tree.flatten({"b": 1, "a": (2, None)})
    >>> leaves
    [2, 1]
    """
    return optree.tree_flatten(tree, is_leaf, namespace=NAMESPACE)


def unflatten(structure: TreeDef, leaves: Iterable[Any]) -> Any:
    """The pytree of that structure with these leaves.

    >>> import nabla as nb
    >>> leaves, structure = nb.tree.flatten({"a": 1, "b": [2, 3]})
    >>> nb.tree.unflatten(structure, [10, 20, 30])
    {'a': 10, 'b': [20, 30]}
    """
    return structure.unflatten(leaves)


def leaves(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a pytree, in order. What `is_leaf` says yes to counts as a leaf, too.

    >>> import nabla as nb
    >>> nb.tree.leaves([1, (2, {"x": 3})])
    [1, 2, 3]
    >>> nb.tree.leaves([1, (2, 3)], is_leaf=lambda x: isinstance(x, tuple))
    [1, (2, 3)]
    """
    return optree.tree_leaves(tree, is_leaf, namespace=NAMESPACE)


def structure(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> TreeDef:
    """The structure of a pytree, without its leaves. What `is_leaf` says yes to counts as a leaf, too.

    >>> import nabla as nb
    >>> nb.tree.structure((1, 2)) == nb.tree.structure((3.0, "x"))
    True
    """
    return optree.tree_structure(tree, is_leaf, namespace=NAMESPACE)


def orders(tree: Any) -> tuple[tuple[Any, ...], ...]:
    """The keys of each dict in a pytree in their own order, which functions see and the structure does not tell."""
    found = []

    def look(x: Any) -> bool:
        if isinstance(x, dict):
            found.append(tuple(x))
        return False

    optree.tree_leaves(tree, is_leaf=look, namespace=NAMESPACE)
    return tuple(found)


LEAF: TreeDef = structure(0)
"""The structure of a leaf."""


@lru_cache(maxsize=256)
def row(count: int) -> TreeDef:
    """The structure of a tuple of so many leaves."""
    return structure((0,) * count)


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Apply `f` to the leaves of one or several pytrees of the same structure. What `is_leaf` says yes to in the first of them
    counts as a leaf, too.

    >>> import nabla as nb
    >>> nb.tree.map(lambda a, b: a + b, {"x": 1}, {"x": 10})
    {'x': 11}
    >>> nb.tree.map(lambda shape: nb.zeros(shape), {"w": (2, 3)}, is_leaf=lambda x: isinstance(x, tuple))["w"].shape
    (2, 3)
    """
    try:
        return optree.tree_map(f, tree, *rest, is_leaf=is_leaf, namespace=NAMESPACE)
    except ValueError as error:
        first = structure(tree, is_leaf=is_leaf)
        for other in rest:
            if structure(other, is_leaf=is_leaf) != first:
                raise TreeError(f"tree.map: the trees differ in structure: {first} and {structure(other)}") from error
        raise


def is_leaf(x: Any) -> bool:
    """Whether `x` is a leaf of a pytree: neither a container nor None.

    >>> import nabla as nb
    >>> nb.tree.is_leaf(1.0), nb.tree.is_leaf([1.0]), nb.tree.is_leaf(None)
    (True, False, False)
    """
    return optree.tree_is_leaf(x, namespace=NAMESPACE)


def paths(structure: TreeDef, root: str) -> list[str]:
    """How one would write each leaf, starting at `root`: "args[0]['w'][2]"."""
    try:
        return list(_paths(structure, root))
    except TypeError:  # static parts without a hash
        return list(_paths.__wrapped__(structure, root))


@lru_cache(maxsize=256)
def _paths(structure: TreeDef, root: str) -> tuple[str, ...]:
    return tuple([accessor.codify(root) for accessor in structure.accessors()])


class Place:
    """Where a leaf stands in a pytree, as one would write it. Made for every leaf of every call, it is put in words only when
    a message shows it."""

    __slots__ = ("_index", "_root", "_structure")

    def __init__(self, structure: TreeDef, root: str, index: int) -> None:
        self._structure = structure
        self._root = root
        self._index = index

    def __str__(self) -> str:
        return paths(self._structure, self._root)[self._index]


def places(structure: TreeDef, root: str) -> list[Place]:
    """The place of each leaf."""
    return [Place(structure, root, i) for i in range(structure.num_leaves)]


def under(place: str | Place, name: str) -> str | Place:
    """The same place in another tree, which is called `name`: "primals[0]['w']" becomes "tangents[0]['w']"."""
    if isinstance(place, Place):
        return Place(place._structure, str(under(place._root, name)), place._index)
    return name + place[len(place.partition("[")[0]) :]


def children(tree: Any) -> tuple[list[Any], Any, Sequence[Any]] | None:
    """The children of a container with its metadata and the entries that name them; None for a leaf."""
    if is_leaf(tree):
        return None
    level = optree.tree_flatten_one_level(tree, namespace=NAMESPACE)
    return list(level[0]), level[1], level[2]


def register_pytree_node(
    cls: type[T],
    flatten: Callable[[T], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, Iterable[Any]], T],
) -> type[T]:
    """Make a class of your own a pytree.

    flatten: object -> (children, metadata that can be compared and hashed); unflatten: (metadata, children) -> object.

    >>> import nabla as nb
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> _ = nb.tree.register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda _, c: Pair(*c))
    >>> nb.tree.leaves(Pair(1, [2, 3]))
    [1, 2, 3]
    """
    if not isinstance(cls, type):
        raise ArgumentTypeError(f"register_pytree_node registers a class; got {cls!r}")
    _register(cls, flatten, unflatten)
    return cls


def _register(cls: type[Any], flatten: Any, unflatten: Any, **options: Any) -> None:
    try:
        optree.register_pytree_node(cls, flatten, unflatten, namespace=NAMESPACE, **options)
    except ValueError as error:
        raise ArgumentError(f"{cls.__name__} is registered already; a class is registered once") from error


def register_dataclass(cls: type[T] | None = None, *, static: Sequence[str] = ()) -> Any:
    """Make a dataclass a pytree, as a decorator or a call. Its fields are children, but for those named in `static`.

    Static fields (sizes, names, options) are part of the structure: they are compared, never differentiated.

    >>> import nabla as nb
    >>> from dataclasses import dataclass
    >>> @nb.register_dataclass
    ... @dataclass
    ... class Line:
    ...     slope: float
    ...     offset: float
    >>> nb.grad(lambda line: line.slope * 3.0 + line.offset)(Line(2.0, 1.0)).slope.item()
    3.0
    """
    if cls is None:
        return lambda decorated: register_dataclass(decorated, static=static)
    if not dataclasses.is_dataclass(cls) or not isinstance(cls, type):
        raise ArgumentTypeError(f"register_dataclass takes a dataclass; got {cls!r}. Put @dataclass below it?")
    names = [field.name for field in dataclasses.fields(cls) if field.init]
    unknown = [name for name in static if name not in names]
    if unknown:
        raise ArgumentTypeError(f"{cls.__name__} has no field named {', '.join(unknown)}; its fields are {', '.join(names)}")
    moving = tuple(name for name in names if name not in static)
    fixed = tuple(name for name in names if name in static)

    def flatten_one(x: Any) -> tuple[Any, Any, Any]:
        return tuple(getattr(x, name) for name in moving), Exactly(tuple(getattr(x, name) for name in fixed)), moving

    def unflatten_one(metadata: Any, parts: Iterable[Any]) -> Any:
        return cls(**dict(zip(moving, parts)), **dict(zip(fixed, metadata.value)))

    _register(cls, flatten_one, unflatten_one, path_entry_type=optree.GetAttrEntry)
    return cls


def flatten_up_to(structure: TreeDef, other: Any) -> list[Any]:
    """The parts of `other` that stand where `structure` has leaves; ValueError where it does not reach that far."""
    return structure.flatten_up_to(other)


def child_paths(tree: Any, root: str) -> list[str]:
    """How one would write each child of a container that stands at `root`."""
    level = optree.tree_structure(tree, namespace=NAMESPACE, is_leaf=lambda x: x is not tree)
    return [accessor.codify(root) for accessor in level.accessors()]


def want_structure(given: Any, wanted: TreeDef, what: str, root: str, like: str) -> None:
    """Raise a TreeError that shows both structures, and the first place where they differ."""
    found = structure(given)
    if found == wanted:
        return
    where, a, b = _difference(found, wanted, root)
    raise TreeError(
        f"{what} does not have the structure of {like}: {where} is {a}, but in {like} it is {b}\n"
        f"  {like + ':':<12} {wanted}\n  {root + ':':<12} {found}"
    )


def beside(given: Any, wanted: TreeDef, what: str, root: str, like: str) -> list[Any]:
    """The leaves of `given` beside those of a structure, None where it has None; a TreeError where it differs otherwise."""
    try:
        parts = flatten_up_to(wanted, given)
    except ValueError:
        parts = None
    if parts is None or not all(part is None or is_leaf(part) for part in parts):
        want_structure(given, wanted, what, root, like)
    return parts  # type: ignore[return-value]


def _difference(found: TreeDef, wanted: TreeDef, path: str) -> tuple[str, str, str]:
    """The first place where two structures differ, and what each has there."""
    if (found.type, found.entries()) != (wanted.type, wanted.entries()):
        return path, _described(found), _described(wanted)
    leaves = 0
    for entry, x, y in zip(found.entries(), found.children(), wanted.children()):
        if x != y:
            below = found.accessors()[leaves][:1].codify(path) if x.num_leaves else f"{path}[{entry!r}]"
            return _difference(x, y, below)
        leaves += x.num_leaves
    return path, _described(found), f"{_described(wanted)} with other static parts"


def _described(level: TreeDef) -> str:
    kind = level.type
    if kind is None:
        return "a leaf"
    if kind is type(None):
        return "None"
    if issubclass(kind, dict):
        return f"a {kind.__name__} with the keys {', '.join(map(repr, level.entries())) or 'none'}"
    return f"a {kind.__name__} of {level.num_children}"


def rebuild(tree: Any, parts: Sequence[Any]) -> Any:
    """The container with other children."""
    level = optree.tree_flatten_one_level(tree, namespace=NAMESPACE)
    return level[3](level[1], tuple(parts))
