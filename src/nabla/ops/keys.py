"""What stands between the brackets of x[...], made into what the indexing primitives take.

A key names a *part* of x: `spec` and index arrays, as in primitives/indexing.py, and a *layout*, the order in which NumPy shows
the axes of the part: the number of an axis of the part, or None for a new axis of length 1.

Integers, slices, `...` and None are a basic key, whose part NumPy shows as a view. Anything else is an index array, or a mask
that is made into index arrays. Notation: n is the length of an axis.
"""

from __future__ import annotations

from math import prod
from operator import index as as_int
from typing import Any, NamedTuple, Sequence

import numpy as np

from nabla.errors import ArgumentError, BoundsError, ShapeError, TracedValueError, user_line
from nabla.graph.node import Node, in_memory, runtime
from nabla.ops.lift import as_node
from nabla.primitives.base import Shape, constant
from nabla.primitives.indexing import Spec, part_shape
from nabla.primitives.shape import reshape, transpose

Layout = tuple[int | None, ...]

_INTP = np.dtype(np.intp)
_IN_ORDER = [tuple(range(ndim)) for ndim in range(65)]
"""The layout of a part with so many axes that is shown as it is."""


class Part(NamedTuple):
    """A part of x, as the primitives take it, and how NumPy shows it."""

    spec: Spec
    layout: Layout
    arrays: tuple[Node, ...] = ()
    unique: bool = True
    widened: Shape | None = None
    """The shape in which to take x where the key has axes that x has not (a mask of shape ())."""

    def params(self) -> dict[str, Any]:
        return {"spec": self.spec, "unique": self.unique} if self.arrays else {"spec": self.spec}

    def shape(self) -> Shape:
        """The shape as NumPy shows it."""
        axes = part_shape(self.spec, self.arrays)
        return tuple([1 if axis is None else axes[axis] for axis in self.layout])


def shown_shape(spec: Spec, layout: Layout) -> Shape:
    """The shape of a part without index arrays, as shown."""
    counts = [entry[1] for entry in spec if type(entry) is tuple]
    return tuple([1 if axis is None else counts[axis] for axis in layout])


# Basic keys


def basic_part(key: Any, shape: Shape) -> tuple[Spec, Layout] | None:
    """Spec and layout of a basic key for an x of `shape`; None if there is an array in the key."""
    kind = type(key)
    if kind is int:
        if not shape:
            raise too_many(1, shape)
        n = shape[0]
        i = key + n if key < 0 else key
        if not 0 <= i < n:
            raise out_of_bounds(key, 0, n)
        if len(shape) == 1:
            return (i,), ()
        return (i, *[(0, m, 1) for m in shape[1:]]), _IN_ORDER[len(shape) - 1]
    if kind is slice and len(shape) == 1:
        return (range_of(key, shape[0]),), (0,)
    spec: list[Any] = []
    layout: list[int | None] = []
    ranges = 0
    items = key if kind is tuple else (key,)
    for position, item in enumerate(items):
        kind = type(item)
        axis = len(spec)
        if kind is int or isinstance(item, np.integer):
            if axis >= len(shape):
                raise too_many(_consumed(items), shape)
            n = shape[axis]
            i = int(item)
            if i < 0:
                i += n
            if not 0 <= i < n:
                raise out_of_bounds(item, axis, n)
            spec.append(i)
        elif kind is slice:
            if axis >= len(shape):
                raise too_many(_consumed(items), shape)
            spec.append(range_of(item, shape[axis]))
            layout.append(ranges)
            ranges += 1
        elif item is None:
            layout.append(None)
        elif item is Ellipsis:
            if not all(_is_basic(other) for other in items):
                return None
            if any(other is Ellipsis for other in items[position + 1 :]):
                raise two_ellipses()
            for _ in range(len(shape) - _consumed(items)):
                spec.append((0, shape[len(spec)], 1))
                layout.append(ranges)
                ranges += 1
        else:
            return None
    for n in shape[len(spec) :]:
        spec.append((0, n, 1))
        layout.append(ranges)
        ranges += 1
    return tuple(spec), tuple(layout)


def _is_basic(item: Any) -> bool:
    kind = type(item)
    return kind is int or kind is slice or item is None or item is Ellipsis or isinstance(item, np.integer)


def _consumed(items: Sequence[Any]) -> int:
    """How many axes the items of a basic key take."""
    return sum(item is not None and item is not Ellipsis for item in items)


def range_of(item: slice, n: int) -> tuple[int, int, int]:
    """A slice as (start, count, step), one form for each set of elements in its order."""
    if item.start is None and item.stop is None and item.step is None:
        return (0, n, 1)
    try:
        chosen = range(*item.indices(n))
    except ValueError:
        raise ArgumentError("the step of a slice cannot be zero; leave it out or give the distance between elements") from None
    except TracedValueError:
        raise TracedValueError(
            f"the bounds of the slice at {user_line()} depend on what is traced, and a shape cannot hang on values. For a part of "
            f"n elements from i on write x[i + nb.arange(n)]; for one whose length changes, nb.where on all of x."
        ) from None
    except TypeError:
        raise BoundsError(f"the bounds of a slice are integers or None; got {item}") from None
    count = len(chosen)
    if count <= 1:
        return (chosen.start, 1, 1) if count else (0, 0, 1)
    return (chosen.start, count, chosen.step)


def compose(spec: Spec, layout: Layout, inner: Spec, inner_layout: Layout) -> tuple[Spec, Layout] | None:
    """The part of x named by a basic key (`inner`) of a view on x; None if it is an empty piece of a new axis."""
    axes = [axis for axis, entry in enumerate(spec) if type(entry) is tuple]
    whole = list(spec)
    kept: list[int | None] = []  # the axes of x, None for new ones, that are left
    for position, entry in zip(layout, inner):
        if position is None:
            if type(entry) is tuple:
                if not entry[1]:
                    return None
                kept.append(None)
            continue
        axis = axes[position]
        start, _, step = spec[axis]
        if type(entry) is tuple:
            whole[axis] = (start + entry[0] * step, entry[1], entry[2] * step if entry[1] > 1 else 1)
            kept.append(axis)
        else:
            whole[axis] = start + entry * step
    if not inner_layout:
        return tuple(whole), ()
    rank = {axis: i for i, axis in enumerate(sorted(axis for axis in kept if axis is not None))}
    shown = [None if i is None else kept[i] for i in inner_layout]
    return tuple(whole), tuple([None if axis is None else rank[axis] for axis in shown])


def takes_all(spec: Spec, shape: Shape) -> bool:
    """Whether the part is the whole, in its order."""
    for entry, n in zip(spec, shape):  # noqa: SIM110 - on the path of every read and write
        if type(entry) is not tuple or entry[1] != n or entry[2] != 1:
            return False
    return True


# Keys with index arrays and masks


def part_of(key: Any, shape: Shape, *, distinct: bool = False) -> Part:
    """The part that any key names, for an x of `shape`. distinct: find out whether index arrays name an element twice."""
    basic = basic_part(key, shape)
    if basic is not None:
        return Part(*basic)
    if shape and type(key) in (np.ndarray, runtime.handle) and key.dtype.kind in "iu" and key.ndim:
        return _rows(as_node(key), shape, distinct)
    items = classified(key)
    taken = sum(axes_taken(item) for item in items)
    if taken > len(shape):
        raise too_many(taken, shape)
    reader = _Reader(shape, len(shape) - taken)
    for place, item in enumerate(items):
        reader.take(item, place)
    return reader.part(distinct)


def _rows(array: Node, shape: Shape, distinct: bool) -> Part:
    """The commonest of them: one index array, for the first axis."""
    n = shape[0]
    rows = checked(array, 0, n)
    unique = rows.size <= 1 or (distinct and rows.value is not None and _are_distinct(in_memory(rows) % n))
    spec = (None, *[(0, m, 1) for m in shape[1:]])
    return Part(spec, _IN_ORDER[rows.ndim + len(shape) - 1], (rows,), unique)


def classified(key: Any) -> list[Any]:
    """The items of a key: None, Ellipsis (exactly one), slices, ints, and nodes of integers or booleans."""
    items = [_classified(item) for item in (key if type(key) is tuple else (key,))]
    ellipses = sum(item is Ellipsis for item in items)
    if ellipses > 1:
        raise two_ellipses()
    return items if ellipses else [*items, Ellipsis]


def _classified(item: Any) -> Any:
    if item is None or item is Ellipsis or type(item) is slice:
        return item
    if isinstance(item, (bool, np.bool_)):
        return constant(np.array(item))
    if isinstance(item, (int, np.integer)):
        return int(item)
    if type(item) is range:
        return constant(np.array(item, np.intp))
    if not isinstance(item, (Node, runtime.handle, np.ndarray, list, tuple)) and not hasattr(item, "__array__"):
        try:
            return as_int(item)
        except TypeError:
            raise not_an_index(repr(item)) from None
    if isinstance(item, (list, tuple)) and not len(item):
        return constant(np.zeros(0, np.intp))
    node = as_node(item)
    if node.dtype.kind not in "biu":
        raise not_an_index(f"an array of dtype {node.dtype}")
    if not node.shape and node.dtype.kind != "b" and not node.tokens.placeholder:
        return int(_value(node))
    return node


def axes_taken(item: Any) -> int:
    """How many axes of x an item of a key takes."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if type(item) is Node and item.dtype.kind == "b" else 1


class _Reader:
    """Reads the items of a key from left to right."""

    def __init__(self, shape: Shape, left: int) -> None:
        self.given = shape
        self.left = left  # axes that the ellipsis stands for
        self.shape = list(shape)  # with axes of length 1 where masks of shape () stand
        self.spec: list[Any] = []
        self.arrays: list[Node] = []
        self.masks = 0
        self.shown: list[bool] = []  # the axes that are shown but for those of index arrays: True for a range, False for a new one
        self.advanced: list[int] = []  # the places in the key of integers and arrays
        self.first = 0  # how many axes are shown before them

    def take(self, item: Any, place: int) -> None:
        axis = len(self.spec)
        if item is None:
            self.shown.append(False)
        elif item is Ellipsis:
            ranges = [(0, n, 1) for n in self.shape[axis : axis + self.left]]
            self.spec += ranges
            self.shown += [True] * len(ranges)
        elif type(item) is slice:
            self.spec.append(range_of(item, self.shape[axis]))
            self.shown.append(True)
        else:
            if not self.advanced:
                self.first = len(self.shown)
            self.advanced.append(place)
            if type(item) is int:
                n = self.shape[axis]
                if not -n <= item < n:
                    raise out_of_bounds(item, axis, n)
                self.spec.append(item % n)
            elif item.dtype.kind == "b":
                self.mask(item, axis)
            else:
                self.spec.append(None)
                self.arrays.append(checked(item, axis, self.shape[axis]))

    def mask(self, mask: Node, axis: int) -> None:
        if not mask.shape:
            self.shape.insert(axis, 1)
        else:
            check_mask(mask, axis, self.given)
        self.masks += 1
        for positions in np.nonzero(np.atleast_1d(mask_value(mask))):
            self.spec.append(None)
            self.arrays.append(constant(positions))

    def part(self, distinct: bool) -> Part:
        arrays = tuple(self.arrays)
        try:
            size = arrays[0].shape if len(arrays) == 1 else np.broadcast_shapes(*[a.shape for a in arrays])
        except ValueError:
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise BoundsError(f"the index arrays have shapes {shapes}, which do not broadcast together") from None
        number = len(size)
        layout: list[int | None] = []
        for is_range in self.shown:
            layout.append(number if is_range else None)
            number += is_range
        places = self.advanced
        at = self.first if places[-1] - places[0] == len(places) - 1 else 0  # NumPy shows them first if they stand apart
        layout[at:at] = range(len(size))
        only_a_mask = self.masks == 1 and len(places) == 1
        unique = only_a_mask or prod(size) <= 1 or (distinct and self.all_distinct(size))
        widened = tuple(self.shape) if len(self.shape) > len(self.given) else None
        return Part(tuple(self.spec), tuple(layout), arrays, unique, widened)

    def all_distinct(self, size: Shape) -> bool:
        """Whether no element is named twice, as far as can be told now."""
        if any(a.value is None for a in self.arrays):
            return False
        sizes = [n for n, entry in zip(self.shape, self.spec) if entry is None]
        positions = np.ravel_multi_index([np.asarray(in_memory(a)) % n for a, n in zip(self.arrays, sizes)], sizes)
        return positions.size == prod(size) and _are_distinct(positions)


def _are_distinct(numbers: np.ndarray) -> bool:
    """np.unique would tell, too, but imports all about masked arrays first."""
    ordered = np.sort(numbers, axis=None)
    return bool((ordered[1:] != ordered[:-1]).all())


def checked(array: Node, axis: int, n: int) -> Node:
    """An index array for an axis of length n. Out of bounds is an error here if its value is within reach, else when it runs."""
    if array.tokens.placeholder:
        return array
    value = np.asarray(_value(array))
    if value.size and (value.min() < -n or value.max() >= n):
        bad = value[(value < -n) | (value >= n)]
        raise out_of_bounds(bad.flat[0], axis, n)
    return array if value.dtype == _INTP else constant(value.astype(_INTP))


def check_mask(mask: Node, axis: int, shape: Shape) -> None:
    stands_for = shape[axis : axis + mask.ndim]
    if mask.shape != stands_for and not (
        len(stands_for) == mask.ndim and all(n in (m, 0) for n, m in zip(mask.shape, stands_for))  # picks nothing, as in NumPy
    ):
        raise BoundsError(
            f"a mask of shape {mask.shape} stands for the axes from {axis} on of a tensor of shape {shape}; "
            f"their lengths must be equal"
        )


def mask_value(mask: Node) -> Any:
    """The value of a mask, which decides a shape."""
    if mask.tokens.placeholder and mask.tokens.ended is None:
        token = next(token for token in mask.tokens.members if token.placeholder)
        raise TracedValueError(
            f"a mask at {user_line()} has no value under {token.what} (at {token.line}), so it is not known how many elements it "
            f"picks. Write nb.where(mask, x, y) for x[mask], and x[mask] = v with a v of one element."
        )
    return _value(mask)


def value_for_shape(name: str, what: str, x: Node, remedy: str) -> Any:
    """The value of what decides a shape, or an error that says how to do without."""
    if x.tokens.placeholder and x.tokens.ended is None:
        token = next(token for token in x.tokens.members if token.placeholder)
        raise TracedValueError(
            f"{name}: {what} has no value under {token.what} (at {user_line()}), so the shape of the result is not known. {remedy}"
        )
    return _value(x)


def _value(node: Node) -> Any:
    if node.value is None:
        runtime.realize((node,))
    return in_memory(node)


# What is shown, and back


def show(part: Node, layout: Layout) -> Node:
    """A part with its axes as NumPy shows them."""
    if layout == _IN_ORDER[len(part.shape)]:
        return part
    perm = tuple([axis for axis in layout if axis is not None])
    if perm != _IN_ORDER[len(perm)]:
        part = transpose(part, perm=perm)
    if len(perm) < len(layout):
        sizes = iter(part.shape)
        part = reshape(part, shape=tuple([1 if axis is None else next(sizes) for axis in layout]))
    return part


def unshow(v: Node, layout: Layout, shape: Shape) -> Node:
    """What is written to a part that is shown in `shape`, in a form that broadcasts to the part itself."""
    if not v.shape:
        return v
    extra = v.ndim - len(layout)
    if extra > 0 and v.shape[:extra] == (1,) * extra and layout:
        v = reshape(v, shape=v.shape[extra:])
        extra = 0
    if extra > 0 or any(n not in (1, m) for n, m in zip(reversed(v.shape), reversed(shape))):
        raise ShapeError(f"what is written has shape {v.shape}, which does not broadcast to the shape {shape} of the part")
    if layout == _IN_ORDER[len(layout)]:
        return v
    perm = [axis for axis in layout if axis is not None]
    padded = (*(1,) * -extra, *v.shape)
    kept = tuple([n for n, axis in zip(padded, layout) if axis is not None])
    if kept != v.shape:
        v = reshape(v, shape=kept)
    return transpose(v, perm=tuple(sorted(range(len(perm)), key=perm.__getitem__)))


# Errors


def out_of_bounds(i: Any, axis: int, n: int) -> BoundsError:
    return BoundsError(f"index {i} is out of bounds for axis {axis}, which has length {n}")


def too_many(given: int, shape: Shape) -> BoundsError:
    return BoundsError(f"too many indices: {given} given for a tensor of shape {shape}, which has {len(shape)} axes")


def two_ellipses() -> BoundsError:
    return BoundsError("an index can have one ellipsis ('...') only; write ':' for the other axes")


def not_an_index(what: str) -> BoundsError:
    return BoundsError(
        f"an index is an integer, a slice, '...', None, or an array of integers or booleans; got {what}. "
        f"Convert floats to integers with int() or .astype(int)."
    )
