"""Where values lie: meshes of devices, how an array is laid out over one, and the primitives that move and mark.

Where a value lies is no part of a node: it is a property of the value, an ndarray in memory or a buffer on devices. What is here
names devices and knows nothing of them; the engine does (engines/xla/placing.py).
"""

from __future__ import annotations

from contextvars import ContextVar
from math import prod
from typing import Any, Iterator, Sequence

from nabla.errors import ArgumentError, ArgumentTypeError, ShapeError
from nabla.graph.node import Node
from nabla.primitives.base import same
from nabla.primitives.kinds import Linear

Entry = str | tuple[str, ...] | None


class Mesh:
    """Devices in a grid whose axes have names.

    Args:
        shape: how many devices along each axis.
        axis_names: a name for each of them.
        devices: names of as many devices, row by row; left out, the first of those that `nb.devices()` lists, accelerators if there
            are any, and those of all processes where several work together.

    >>> import nabla as nb
    >>> nb.Mesh((2, 4), ("data", "model"))
    Mesh(data=2, model=4)
    """

    __slots__ = ("axis_names", "devices", "shape")

    def __init__(self, shape: int | Sequence[int], axis_names: str | Sequence[str], devices: Sequence[str] | None = None) -> None:
        self.shape = tuple(int(n) for n in ((shape,) if isinstance(shape, int) else shape))
        self.axis_names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names)
        self.devices = None if devices is None else tuple(devices)
        if len(self.shape) != len(self.axis_names) or len(set(self.axis_names)) < len(self.axis_names):
            raise ArgumentError(f"Mesh: each axis has a name of its own; got shape {self.shape} and names {self.axis_names}")
        if any(n < 1 for n in self.shape):
            raise ArgumentError(f"Mesh: each axis has at least one device; got shape {self.shape}")
        if self.devices is not None and (len(self.devices) != self.size or len(set(self.devices)) < len(self.devices)):
            raise ArgumentError(f"Mesh: shape {self.shape} takes {self.size} different devices; got {', '.join(self.devices)}")

    @property
    def size(self) -> int:
        """The number of devices."""
        return prod(self.shape)

    def length(self, axis_name: str) -> int:
        """The number of devices along an axis."""
        return self.shape[self.axis_names.index(axis_name)]

    def _key(self) -> Any:
        return self.shape, self.axis_names, self.devices

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mesh) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        axes = ", ".join([f"{name}={n}" for name, n in zip(self.axis_names, self.shape)])
        return f"Mesh({axes}{'' if self.devices is None else ', devices=' + repr(self.devices)})"


class PartitionSpec:
    """Along which axes of a mesh each axis of an array is cut: a name, a tuple of names, or None for an axis that is whole.

    Axes at the end may be left out: PartitionSpec() is an array that each device has as a whole.

    >>> import nabla as nb
    >>> nb.PartitionSpec("data", None)
    PartitionSpec('data', None)
    """

    __slots__ = ("entries",)

    def __init__(self, *entries: Any) -> None:
        self.entries: tuple[Entry, ...] = tuple([tuple(x) if isinstance(x, (tuple, list)) else x for x in entries])
        names = self.names()
        if not all(isinstance(name, str) for name in names):
            raise ArgumentTypeError(f"PartitionSpec: an entry is a name, a tuple of names, or None; got {entries}")
        if len(set(names)) < len(names):
            raise ArgumentError(f"PartitionSpec: {', '.join(map(repr, entries))} names an axis twice")

    def names(self) -> list[str]:
        """The axes of the mesh that it uses."""
        return [name for entry in self.entries for name in names_of(entry)]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartitionSpec) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return f"PartitionSpec({', '.join(map(repr, self.entries))})"


FREE = "*"
"""The entry of an axis that the compiler lays out as it likes: that of a vmap."""


def names_of(entry: Entry) -> tuple[str, ...]:
    """The axes of the mesh in an entry of a PartitionSpec."""
    return () if entry is None or entry == FREE else (entry,) if isinstance(entry, str) else entry


class Sharding:
    """How an array lies on the devices of a mesh: what `x.device` is for an array on several of them.

    >>> import nabla as nb
    >>> nb.Sharding(nb.Mesh((2,), ("data",)), nb.PartitionSpec("data"))
    Sharding(Mesh(data=2), PartitionSpec('data'))
    """

    __slots__ = ("mesh", "spec")

    def __init__(self, mesh: Mesh, spec: PartitionSpec) -> None:
        if not isinstance(mesh, Mesh) or not isinstance(spec, PartitionSpec):
            raise ArgumentTypeError(
                f"Sharding takes an nb.Mesh and an nb.PartitionSpec; got {type(mesh).__name__} and {type(spec).__name__}"
            )
        for name in spec.names():
            if name not in mesh.axis_names:
                raise ArgumentError(f"Sharding: {spec} names {name!r}, and the axes of the mesh are {', '.join(mesh.axis_names)}")
        entries = spec.entries
        while entries and entries[-1] is None:
            entries = entries[:-1]
        self.mesh = mesh
        self.spec = spec if entries == spec.entries else PartitionSpec(*entries)

    def check(self, what: str, shape: tuple[int, ...]) -> None:
        """Raise where an array of this shape cannot lie so."""
        if len(self.spec.entries) > len(shape):
            raise ShapeError(f"{what}: {self.spec} has more entries than an array of shape {shape} has axes")
        for axis, entry in enumerate(self.spec):
            parts = prod([self.mesh.length(name) for name in names_of(entry)])
            if shape[axis] % parts:
                raise ShapeError(
                    f"{what}: {self.spec} cuts axis {axis} of shape {shape} into {parts} parts, which does not go evenly"
                )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sharding) and self.mesh == other.mesh and self.spec == other.spec

    def __hash__(self) -> int:
        return hash((self.mesh, self.spec))

    def __repr__(self) -> str:
        return f"Sharding({self.mesh}, {self.spec})"


Place = str | Sharding
"""The memory of the process, which goes by "cpu"; a device by name; or several."""

MEMORY = "cpu"

lanes_over: ContextVar[Entry] = ContextVar("nabla_lanes_over", default=FREE)
"""Along which axes of a mesh the vmap that is sweeping lays its lanes: its spmd_axis_name."""


def in_lanes(place: Place) -> Place:
    """Where arrays lie that have a batch axis before the axes of those at `place`."""
    if not isinstance(place, Sharding):
        return place
    return Sharding(place.mesh, PartitionSpec(lanes_over.get(), *place.spec))


def _put_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    place, source = node.params["place"], node.params["source"]
    if mapped[0]:
        place, source = in_lanes(place), in_lanes(source)
    return put(inputs[0], place=place, source=source), mapped[0]


put = Linear(
    "put",
    same,
    lambda g, x, place, source: put(g, place=source, source=place),
    batch=_put_batch,
    eager=lambda node: node.inputs[0].value is not None,
)
"""The same value at another place; `source` is where it comes from, to which its cotangent goes back."""


def _constrain_batch(node: Node, inputs: Sequence[Node], mapped: Sequence[bool], size: int) -> tuple[Node, bool]:
    place = node.params["place"]
    return constrain(inputs[0], place=in_lanes(place) if mapped[0] else place), mapped[0]


constrain = Linear("constrain", same, lambda g, x, place: constrain(g, place=place), batch=_constrain_batch)
"""The same value; in a compiled program a mark for the compiler, how it is to lie on the devices of a mesh."""
