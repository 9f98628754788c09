"""Where tensors lie: the names of devices, the default one, moving to another, sharding over many.

"cpu" is the memory of the process, where NumPy computes. All other names are devices of XLA: "cuda:0", "tpu:3", and "cpu:0", which
is the same processor worked by XLA.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Iterator

from nabla import tree
from nabla.errors import ArgumentError, ArgumentTypeError
from nabla.graph.node import Node, runtime
from nabla.graph.tokens import EMPTY
from nabla.ops.lift import ArrayLike, as_node, op
from nabla.primitives.call import is_inlined
from nabla.primitives.placement import MEMORY, Mesh, PartitionSpec, Place, Sharding, constrain, put

if TYPE_CHECKING:
    from nabla.tensor import Tensor

Device = Place
"""What `device=` takes."""

default: ContextVar[Place] = ContextVar("nabla_default_device", default=MEMORY)
"""Where that is made here which is made of no tensor."""


def devices() -> tuple[str, ...]:
    """The names of all devices of this process.

    "cpu", the memory in which NumPy computes, is always there and comes first. The others are XLA's, where it is installed:
    "cpu:0" (and "cpu:1" and so on, where XLA_FLAGS=--xla_force_host_platform_device_count asks for more), "cuda:0", "tpu:0".

    >>> nb.devices()[0]
    'cpu'
    """
    return (MEMORY, *runtime.devices.names())


def default_place() -> Place:
    """Where that is made which is made of no tensor."""
    return default.get()


@contextmanager
def default_device(device: str | Sharding) -> Iterator[None]:
    """Inside the `with` block, creation functions make tensors on `device`. What tensors or ndarrays are computed of stays where
    they are.

    >>> with nb.default_device("cpu"):
    ...     print(nb.zeros(2).device)
    cpu
    """
    mark = default.set(want_place("default_device", device))
    try:
        yield
    finally:
        default.reset(mark)


def want_place(name: str, device: Any) -> Place:
    """A device as users name it; None is the default one."""
    if device is None:
        return default.get()
    if isinstance(device, Sharding):
        runtime.devices.want_mesh(device.mesh)
        return device
    if not isinstance(device, str):
        raise ArgumentTypeError(f"{name}: a device is named by a string such as 'cpu' or 'cuda:0'; got {device!r}")
    if device == MEMORY:
        return MEMORY
    try:
        return runtime.devices.full_name(device)
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None


def place_of(x: Node) -> Place:
    """Where the value of a node lies, or will lie once it is computed."""
    if not runtime.away:
        return MEMORY
    stack = [x]
    seen = {x}
    while stack:
        node = stack.pop()
        if node.value is not None:
            place: Place = runtime.devices.place_of(node.value)
            if place != MEMORY:
                return place
            continue
        if node.prim is put:
            return node.params["place"]
        whole = node.params.get("whole")
        for y in node.inputs if whole is None else (whole,):
            if y not in seen:
                seen.add(y)
                stack.append(y)
    return MEMORY


def moved(name: str, x: Node, place: Place) -> Node:
    """`x` with its value at `place`."""
    source = place_of(x)
    if source == place:
        return x
    if is_inlined(x):
        if isinstance(place, Sharding):
            return _marked(name, x, place)
        raise ArgumentError(
            f"{name}: a compiled function runs where its inputs are, and nothing in it moves to another device; move its arguments "
            f"before the call"
        )
    if isinstance(place, Sharding):
        place.check(name, x.shape)
    runtime.away = True
    return put(x, place=place, source=source)


def _marked(name: str, x: Node, place: Sharding) -> Node:
    place.check(name, x.shape)
    runtime.away = True
    return constrain(x, place=place)


def made(name: str, x: Node, device: Any) -> Node:
    """What a creation function made, on the device that it was asked for; else, if it was made of no tensor, on the default one."""
    if device is None:
        place = default.get()
        return x if place is MEMORY or x.tokens is not EMPTY or place_of(x) != MEMORY else moved(name, x, place)
    return moved(name, x, want_place(name, device))


def beside(x: Node, like: Node) -> Node:
    """A derivative where that is which it belongs to: one that is the same for all values may have been made in memory."""
    if not runtime.away or is_inlined(x):
        return x
    place = place_of(like)
    return x if place == MEMORY or place_of(x) != MEMORY else moved("grad", x, place)


@op
def to_device(x: ArrayLike, device: str | Sharding, /, *, stream: None = None) -> Tensor:
    """The tensor on `device`; its derivative goes back to where `x` is. stream: None, for XLA sees to the order by itself.

    >>> nb.array([1.0, 2.0]).to("cpu").tolist()
    [1.0, 2.0]
    """
    if stream is not None:
        raise ArgumentError(f"to_device: XLA keeps the order of streams itself, so stream is None; got {stream!r}")
    if device is None:
        raise ArgumentTypeError("to_device: a device is named by a string such as 'cpu' or 'cuda:0'; got None")
    return moved("to_device", as_node(x), want_place("to_device", device))


def device_of(x: Tensor) -> Place:
    """Where the tensor lies: the name of a device, or an nb.Sharding over several. "cpu" is the memory of the process.

    >>> nb.array([1.0, 2.0]).device
    'cpu'
    """
    node = x._node
    if runtime.away and node.value is None and not node.tokens.placeholder and node.tokens.ended is None:
        runtime.realize((node,))
    return place_of(node)


def shard(x: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """`x`, an array or a pytree of arrays, spread over the devices of a mesh as `spec` says.

    PartitionSpec("data") cuts the first axis into as many parts as the mesh axis "data" is long, and each device gets one;
    PartitionSpec() gives each device the whole. What is computed of it stays on the mesh, each device computing its part, and has
    the values that it has on one device. The derivative goes back to where `x` is. Where several processes work together
    (nb.distributed), each of them makes the same call on the same array.

    >>> nb.shard(nb.arange(4), nb.Mesh((1,), ("data",)), nb.PartitionSpec("data")).tolist()
    [0, 1, 2, 3]
    """
    place = want_place("shard", Sharding(mesh, spec))
    return _each(lambda y: moved("shard", y, place), x)


def with_sharding_constraint(x: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """`x`, an array or a pytree of arrays, marked: in a compiled function it is to lie on the mesh as `spec` says.

    It changes no value, and its derivative is laid out in the same way. Under vmap, the axis of the vmap is laid out as
    `spmd_axis_name` says, or as XLA likes. Outside of compiled functions it changes the layout of what lies on the mesh.

    >>> @nb.jit
    ... def f(x):
    ...     return nb.with_sharding_constraint(2 * x, nb.Mesh((1,), ("data",)), nb.PartitionSpec("data"))
    >>> f(nb.arange(3)).tolist()
    [0, 2, 4]
    """
    place = Sharding(mesh, spec)
    return _each(lambda y: _marked("with_sharding_constraint", y, place), x)


def _each(f: Any, x: Any) -> Any:
    if type(x) is Node:
        return f(x)
    return tree.map(lambda leaf: runtime.handle(f(as_node(leaf))), x)
